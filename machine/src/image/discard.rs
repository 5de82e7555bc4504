//! Writes that live for this run only: a medium over another one, changed blocks in memory.

use super::raw::check_range;
use rewind86_devices::medium::{Medium, MediumError};
use std::collections::BTreeMap;

/// Bytes in a block of the overlay.
const BLOCK: u64 = 4096;

/// A writable medium whose base is never written.
pub(super) struct Discard {
    base: Box<dyn Medium>,
    blocks: BTreeMap<u64, Box<[u8]>>,
}

impl Discard {
    pub(super) fn new(base: Box<dyn Medium>) -> Self {
        Self { base, blocks: BTreeMap::new() }
    }

    /// The base's content of `block`, zero beyond its end.
    fn base_block(&mut self, block: u64) -> Result<Box<[u8]>, MediumError> {
        let mut data = vec![0; BLOCK as usize].into_boxed_slice();
        let at = block * BLOCK;
        let present = self.base.len().saturating_sub(at).min(BLOCK) as usize;
        self.base.read_at(at, &mut data[..present])?;
        Ok(data)
    }
}

/// Splits `len` bytes at `at` by blocks of `size`: (block, offset in the block, range of the buffer).
pub(super) fn pieces(at: u64, len: usize, size: u64) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= len {
            return None;
        }
        let pos = at + done as u64;
        let offset = (pos % size) as usize;
        let n = (size as usize - offset).min(len - done);
        let piece = (pos / size, offset, done..done + n);
        done += n;
        Some(piece)
    })
}

impl Medium for Discard {
    fn len(&self) -> u64 {
        self.base.len()
    }

    fn read_only(&self) -> bool {
        false
    }

    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), MediumError> {
        check_range(at, buf.len(), self.len())?;
        for (block, offset, range) in pieces(at, buf.len(), BLOCK) {
            let out = &mut buf[range.clone()];
            match self.blocks.get(&block) {
                Some(data) => out.copy_from_slice(&data[offset..offset + out.len()]),
                None => self.base.read_at(at + range.start as u64, out)?,
            }
        }
        Ok(())
    }

    fn write_at(&mut self, at: u64, buf: &[u8]) -> Result<(), MediumError> {
        check_range(at, buf.len(), self.len())?;
        for (block, offset, range) in pieces(at, buf.len(), BLOCK) {
            if !self.blocks.contains_key(&block) {
                let data = self.base_block(block)?;
                self.blocks.insert(block, data);
            }
            if let Some(data) = self.blocks.get_mut(&block) {
                data[offset..offset + range.len()].copy_from_slice(&buf[range]);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MediumError> {
        Ok(())
    }
}
