//! The files that a machine is built from besides its media: firmware, kernel, initial RAM disk. Read once, and hashed, so
//! that a snapshot or recording can tell whether it meets the same ones again.

use crate::error::{MachineError, Role};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// A file that went into a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    /// What it is for, such as "firmware image".
    pub role: String,
    /// Its name; `None` is the embedded one.
    pub path: Option<PathBuf>,
    /// Bytes in it.
    pub len: u64,
    /// xxh3 of its bytes.
    pub hash: u64,
}

/// The first bytes of a file, one more than `most` when it is longer.
fn read_some(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads files and remembers which.
pub(crate) struct Files<'a> {
    embedded: &'a BTreeMap<PathBuf, Vec<u8>>,
    /// What was read, in order.
    pub read: Vec<FileId>,
}

impl<'a> Files<'a> {
    /// Files come from `embedded` when they are there, else from the host.
    pub fn new(embedded: &'a BTreeMap<PathBuf, Vec<u8>>) -> Self {
        Self { embedded, read: Vec::new() }
    }

    fn note(&mut self, role: Role, path: Option<&Path>, bytes: &[u8]) {
        let path = path.map(Path::to_path_buf);
        self.read.push(FileId { role: role.to_string(), path, len: bytes.len() as u64, hash: xxh3_64(bytes) });
    }

    /// Whether there is such a file.
    pub fn exists(&self, path: &Path) -> bool {
        self.embedded.contains_key(path) || path.exists()
    }

    /// Reads a whole file of at most `most` bytes: a name typed wrongly may be that of a disk, or of a file without end.
    pub fn read(&mut self, role: Role, path: &Path, most: u64) -> Result<Vec<u8>, MachineError> {
        let result = self.embedded.get(path).map_or_else(|| read_some(path, most), |bytes| Ok(bytes.clone()));
        match result {
            Ok(bytes) if bytes.is_empty() => {
                Err(MachineError::content(role, path, "is empty", "name a file that holds something"))
            }
            Ok(bytes) if bytes.len() as u64 > most => Err(MachineError::content(
                role,
                path,
                format!("is larger than the {most} bytes that there is room for"),
                match role {
                    Role::Kernel | Role::Initrd => "name another file, or give the machine more with --memory",
                    _ => "name another file",
                },
            )),
            Ok(bytes) => {
                self.note(role, Some(path), &bytes);
                Ok(bytes)
            }
            Err(source) => Err(MachineError::Open { role, path: path.to_path_buf(), source }),
        }
    }

    /// Takes bytes of the program itself.
    pub fn built_in(&mut self, role: Role, bytes: &[u8]) -> Vec<u8> {
        self.note(role, None, bytes);
        bytes.to_vec()
    }
}
