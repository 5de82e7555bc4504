//! An overlay file: the writes to an image that itself stays untouched, kept between runs.
//!
//! Layout, little-endian:
//! ```text
//! 0   8  magic "R86OVLY\x1a"
//! 8   4  version, 1
//! 12  4  bytes in a block, 65536
//! 16  8  bytes of the base image
//! 24  8  xxh3 of the base's first 64 KiB
//! 64  4n table: for block i of the base 0 (not here) or s: the block's bytes are slot s - 1
//! ... then, from the next multiple of 65536, the slots
//! ```
//! A slot is written before the table entry that names it, so an interrupted run leaves the block as it was.
//! The file is treated as hostile: entries beyond its end are refused at opening.

use super::discard::pieces;
use super::raw::check_range;
use crate::error::{MachineError, Role};
use rewind86_devices::medium::{Medium, MediumError};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// First bytes of an overlay file.
pub(super) const MAGIC: &[u8] = b"R86OVLY\x1a";
const VERSION: u32 = 1;
const BLOCK: u64 = 65536;
const HEADER: u64 = 64;

/// A base image and the file with its changed blocks.
pub(super) struct Overlay {
    base: Box<dyn Medium>,
    file: File,
    table: Vec<u32>,
    slots: u32,
}

/// First byte of the slots for a table of `blocks` entries.
fn data_start(blocks: u64) -> u64 {
    (HEADER + blocks * 4).next_multiple_of(BLOCK)
}

fn header(base_len: u64, base_hash: u64) -> [u8; HEADER as usize] {
    let mut h = [0; HEADER as usize];
    h[0..8].copy_from_slice(MAGIC);
    h[8..12].copy_from_slice(&VERSION.to_le_bytes());
    h[12..16].copy_from_slice(&(BLOCK as u32).to_le_bytes());
    h[16..24].copy_from_slice(&base_len.to_le_bytes());
    h[24..32].copy_from_slice(&base_hash.to_le_bytes());
    h
}

impl Overlay {
    /// Opens the overlay file at `path` for `base`, or creates it.
    pub(super) fn open(role: Role, base: Box<dyn Medium>, path: &Path) -> Result<Self, MachineError> {
        Self::open_as(role, base, path, true)
    }

    /// Opens the overlay file at `path` for reading; it has to be there.
    pub(super) fn open_existing(role: Role, base: Box<dyn Medium>, path: &Path) -> Result<Self, MachineError> {
        Self::open_as(role, base, path, false)
    }

    fn open_as(role: Role, mut base: Box<dyn Medium>, path: &Path, write: bool) -> Result<Self, MachineError> {
        let host = |source| MachineError::Open { role, path: path.to_path_buf(), source };
        let bad = |problem: &str, advice: &str| MachineError::content(role, path, problem, advice);
        let blocks = base.len().div_ceil(BLOCK);
        let Ok(count) =
            usize::try_from(blocks).map_err(|_| ()).and_then(|n| u32::try_from(n).map(|_| n).map_err(|_| ()))
        else {
            return Err(bad("cannot cover so large an image", "use --discard-writes or no overlay"));
        };
        let mut first = vec![0; base.len().min(BLOCK) as usize];
        base.read_at(0, &mut first).map_err(|e| host(io::Error::other(e)))?;
        let expected = header(base.len(), xxh3_64(&first));

        let mut file =
            OpenOptions::new().read(true).write(write).create(write).truncate(false).open(path).map_err(host)?;
        super::lock(role, path, &file, write)?;
        let size = file.seek(SeekFrom::End(0)).map_err(host)?;
        if size == 0 && write {
            file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&expected)).map_err(host)?;
            file.set_len(data_start(blocks)).map_err(host)?;
            return Ok(Self { base, file, table: vec![0; count], slots: 0 });
        }
        let mut found = [0; HEADER as usize];
        let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_exact(&mut found));
        if read.is_err() || found[0..8] != *MAGIC {
            return Err(bad("is not an overlay file", "name a new file, or one that overlay= made"));
        }
        if found[8..16] != expected[8..16] {
            return Err(bad("is an overlay file of another version", "use the version that made it"));
        }
        if found[16..32] != expected[16..32] {
            return Err(bad("was made for another base image", "name that image, or a new overlay file"));
        }
        let start = data_start(blocks);
        let slots = size.checked_sub(start).map(|n| n / BLOCK).and_then(|n| u32::try_from(n).ok());
        let Some(slots) = slots else {
            return Err(bad("is a truncated overlay file", "restore it from a copy, or name a new one"));
        };
        let mut bytes = vec![0; count * 4];
        file.read_exact(&mut bytes).map_err(host)?;
        let (words, _) = bytes.as_chunks::<4>();
        let table: Vec<u32> = words.iter().map(|w| u32::from_le_bytes(*w)).collect();
        if table.iter().any(|&s| s > slots) {
            return Err(bad("is a damaged overlay file", "restore it from a copy, or name a new one"));
        }
        Ok(Self { base, file, table, slots })
    }

    fn slot_offset(&self, slot: u32) -> u64 {
        data_start(self.table.len() as u64) + u64::from(slot) * BLOCK
    }

    /// The slot that holds `block`, if it was written.
    fn slot(&self, block: u64) -> Option<u32> {
        self.table.get(block as usize)?.checked_sub(1)
    }

    /// Copies `block` from the base, changed at `offset` by `data`, into a new slot.
    fn add(&mut self, block: u64, offset: usize, data: &[u8]) -> Result<(), MediumError> {
        let mut whole = vec![0; BLOCK as usize];
        let at = block * BLOCK;
        let present = self.base.len().saturating_sub(at).min(BLOCK) as usize;
        self.base.read_at(at, &mut whole[..present])?;
        whole[offset..offset + data.len()].copy_from_slice(data);
        let slot = self.slots;
        let next = slot.checked_add(1).ok_or(MediumError::Host)?;
        let offset = self.slot_offset(slot);
        let entry = HEADER + block * 4;
        let write = |file: &mut File| -> io::Result<()> {
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&whole)?;
            file.seek(SeekFrom::Start(entry))?;
            file.write_all(&next.to_le_bytes())
        };
        write(&mut self.file).map_err(|_| MediumError::Host)?;
        self.slots = next;
        if let Some(e) = self.table.get_mut(block as usize) {
            *e = next;
        }
        Ok(())
    }
}

impl Medium for Overlay {
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
            match self.slot(block) {
                Some(slot) => {
                    let from = self.slot_offset(slot) + offset as u64;
                    let read = self.file.seek(SeekFrom::Start(from)).and_then(|_| self.file.read_exact(out));
                    read.map_err(|_| MediumError::Host)?;
                }
                None => self.base.read_at(at + range.start as u64, out)?,
            }
        }
        Ok(())
    }

    fn write_at(&mut self, at: u64, buf: &[u8]) -> Result<(), MediumError> {
        check_range(at, buf.len(), self.len())?;
        for (block, offset, range) in pieces(at, buf.len(), BLOCK) {
            let data = &buf[range];
            match self.slot(block) {
                Some(slot) => {
                    let to = self.slot_offset(slot) + offset as u64;
                    let write = self.file.seek(SeekFrom::Start(to)).and_then(|_| self.file.write_all(data));
                    write.map_err(|_| MediumError::Host)?;
                }
                None => self.add(block, offset, data)?,
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MediumError> {
        self.file.sync_data().map_err(|_| MediumError::Host)
    }
}
