//! Host errors: what went wrong, with which file or flag, and what to do, in one line.
//!
//! Guest behaviour never ends here; only the configuration, files and images do.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What a file was given for; names the flag in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Floppy drive 0 or 1.
    Floppy(usize),
    /// Hard disk by position on the command line.
    Disk(usize),
    /// CD-ROM drive.
    Cdrom,
    /// Kernel of a direct start.
    Kernel,
    /// Initial RAM disk.
    Initrd,
    /// System firmware.
    Bios,
    /// VGA firmware.
    VgaBios,
}

impl Role {
    /// The command-line flag that names the file.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Floppy(_) => "--floppy",
            Self::Disk(_) => "--disk",
            Self::Cdrom => "--cdrom",
            Self::Kernel => "--kernel",
            Self::Initrd => "--initrd",
            Self::Bios => "--bios",
            Self::VgaBios => "--vga-bios",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floppy(_) => "floppy image",
            Self::Disk(_) => "disk image",
            Self::Cdrom => "CD-ROM image",
            Self::Kernel => "kernel",
            Self::Initrd => "initial RAM disk",
            Self::Bios => "firmware image",
            Self::VgaBios => "VGA firmware image",
        })
    }
}

/// Why a machine could not be built or a medium not be changed.
#[derive(Debug, Error)]
pub enum MachineError {
    /// The file cannot be opened.
    #[error("cannot open {role} {path}: {source}; check the name and permissions given to {}", role.flag())]
    Open {
        /// What the file is for.
        role: Role,
        /// Its name.
        path: PathBuf,
        /// The host's reason.
        source: io::Error,
    },
    /// The file was opened but not read.
    #[error("cannot read {role} {path}: {source}; check the file given to {}", role.flag())]
    Read {
        /// What the file is for.
        role: Role,
        /// Its name.
        path: PathBuf,
        /// The host's reason.
        source: io::Error,
    },
    /// The content does not suit the purpose.
    #[error("{role} {path} {problem} ({}); {advice}", role.flag())]
    Content {
        /// What the file is for.
        role: Role,
        /// Its name.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        advice: String,
    },
    /// A setting out of range, or one that contradicts another.
    #[error("{flag}: {problem}; {advice}")]
    Config {
        /// The flag that holds the setting.
        flag: &'static str,
        /// What is wrong.
        problem: String,
        /// What to do.
        advice: String,
    },
}

impl MachineError {
    pub(crate) fn content(role: Role, path: &Path, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Content { role, path: path.to_path_buf(), problem: problem.into(), advice: advice.into() }
    }

    pub(crate) fn config(flag: &'static str, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Config { flag, problem: problem.into(), advice: advice.into() }
    }
}
