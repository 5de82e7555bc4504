//! A raw image file: byte n of the medium is byte n of the file.
//!
//! The medium may be longer than the file (a short floppy image): what is missing reads zero, and a write there
//! extends the file.

use rewind86_devices::medium::{Medium, MediumError};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

/// An open raw file.
pub(super) struct RawFile {
    file: File,
    /// Bytes in the file.
    size: u64,
    /// Bytes of the medium.
    len: u64,
    read_only: bool,
}

impl RawFile {
    pub(super) fn new(file: File, size: u64, len: u64, read_only: bool) -> Self {
        Self { file, size, len, read_only }
    }
}

/// Checks that `len` bytes at `at` lie on a medium of `total` bytes.
pub(super) fn check_range(at: u64, len: usize, total: u64) -> Result<(), MediumError> {
    match at.checked_add(len as u64) {
        Some(end) if end <= total => Ok(()),
        _ => Err(MediumError::OutOfRange),
    }
}

impl Medium for RawFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), MediumError> {
        check_range(at, buf.len(), self.len)?;
        let present = self.size.saturating_sub(at).min(buf.len() as u64) as usize;
        let (head, tail) = buf.split_at_mut(present);
        tail.fill(0);
        if head.is_empty() {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(head)).map_err(|_| MediumError::Host)
    }

    fn write_at(&mut self, at: u64, buf: &[u8]) -> Result<(), MediumError> {
        if self.read_only {
            return Err(MediumError::ReadOnly);
        }
        check_range(at, buf.len(), self.len)?;
        self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.write_all(buf)).map_err(|_| MediumError::Host)?;
        self.size = self.size.max(at + buf.len() as u64);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MediumError> {
        if self.read_only {
            return Ok(());
        }
        self.file.sync_data().map_err(|_| MediumError::Host)
    }
}
