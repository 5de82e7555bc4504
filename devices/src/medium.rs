//! What a drive reads and writes: a medium of whole bytes. Files, overlays and formats live in `machine`.

use thiserror::Error;

/// Why a medium access failed; the drive reports it to the guest as its own error registers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MediumError {
    /// Beyond the end.
    #[error("access beyond the end of the medium")]
    OutOfRange,
    /// Write protected.
    #[error("the medium is read-only")]
    ReadOnly,
    /// The host could not do it (I/O error); the guest sees a bad sector.
    #[error("the host could not read or write the medium")]
    Host,
    /// A packed recording has no copy of this part, which the recorded run never read; the guest sees a bad sector.
    #[error("the pack has no copy of this part of the medium")]
    Absent,
}

/// A disk, floppy or CD image.
pub trait Medium: Send {
    /// Size in bytes.
    fn len(&self) -> u64;
    /// Whether the medium has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Whether writes are refused.
    fn read_only(&self) -> bool;
    /// Fills `buf` from byte offset `at`.
    ///
    /// # Errors
    /// See [`MediumError`]; `buf` is unspecified then.
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), MediumError>;
    /// Writes `buf` at byte offset `at`.
    ///
    /// # Errors
    /// See [`MediumError`]; nothing is written on `ReadOnly` and `OutOfRange`.
    fn write_at(&mut self, at: u64, buf: &[u8]) -> Result<(), MediumError>;
    /// Makes earlier writes durable.
    ///
    /// # Errors
    /// `Host` when the host could not.
    fn flush(&mut self) -> Result<(), MediumError>;
}

/// A medium in memory: tests, and disks embedded in the program.
#[derive(Clone, Debug)]
pub struct MemMedium {
    /// The bytes.
    pub data: Vec<u8>,
    /// Refuses writes.
    pub read_only: bool,
}

impl MemMedium {
    fn range(&self, at: u64, len: usize) -> Result<std::ops::Range<usize>, MediumError> {
        let start = usize::try_from(at).map_err(|_| MediumError::OutOfRange)?;
        let end = start.checked_add(len).filter(|&e| e <= self.data.len()).ok_or(MediumError::OutOfRange)?;
        Ok(start..end)
    }
}

impl Medium for MemMedium {
    fn len(&self) -> u64 {
        self.data.len() as u64
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), MediumError> {
        let range = self.range(at, buf.len())?;
        buf.copy_from_slice(&self.data[range]);
        Ok(())
    }

    fn write_at(&mut self, at: u64, buf: &[u8]) -> Result<(), MediumError> {
        if self.read_only {
            return Err(MediumError::ReadOnly);
        }
        let range = self.range(at, buf.len())?;
        self.data[range].copy_from_slice(buf);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MediumError> {
        Ok(())
    }
}
