//! A medium in the machine: the image behind it, and what the guest did to it.
//!
//! Every medium that a drive holds is a [`Store`], shared between the drive and the machine. Normally writes go through
//! to the image and the store only remembers which blocks they touched. In a replay the image is never written: the
//! blocks live in the store. Either way the store keeps a digest of all writes in order, which is part of the machine's
//! hash, and can show the image before a write to a [`Guard`], so that a recording of a disk that is written in place
//! can be replayed.

use super::content::{Content, part_len};
use crate::state::pages::{PAGE, PageTable, page};
use rewind86_devices::medium::{Medium, MediumError};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const BLOCK: u64 = PAGE as u64;
/// Bytes copied at once.
const COPY: usize = 1 << 20;

/// Sees blocks of an image before they are overwritten for the first time.
pub(crate) trait Guard: Send {
    /// Medium number `ordinal` is about to lose `data`, its block `block`.
    fn save(&mut self, ordinal: u32, block: u64, data: &[u8; PAGE]);
}

/// Who is told about blocks that are about to be overwritten.
pub(crate) type SharedGuard = Arc<Mutex<dyn Guard>>;

/// The image and the changes to it.
pub(crate) struct Store {
    ordinal: u32,
    base: Box<dyn Medium>,
    /// What the guest sees: the image of a replay is never written, whatever the guest may do.
    read_only: bool,
    /// The written blocks, when the image must stay as it is.
    private: Option<PageTable>,
    written: BTreeSet<u64>,
    digest: u64,
    /// What the image holds; parts in `stale` have changed since.
    content: Option<Content>,
    stale: BTreeSet<u64>,
    guard: Option<SharedGuard>,
    guarded: BTreeSet<u64>,
    /// Blocks of the image that were read, when that is of interest.
    read: Option<BTreeSet<u64>>,
    /// Where the guest read what a pack has no copy of.
    absent: Option<u64>,
    /// In a replay, blocks in which the image file is not what it was any more; `base` shows them as they were.
    under: PageTable,
}

/// Splits `len` bytes at `at` by blocks: (block, offset in the block, range of the buffer).
fn pieces(at: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= len {
            return None;
        }
        let pos = at.saturating_add(done as u64);
        let offset = (pos % BLOCK) as usize;
        let n = (PAGE - offset).min(len - done);
        let piece = (pos / BLOCK, offset, done..done + n);
        done += n;
        Some(piece)
    })
}

impl Store {
    /// A store whose writes go to `base`.
    pub fn new(ordinal: u32, base: Box<dyn Medium>) -> Self {
        let read_only = base.read_only();
        Self {
            ordinal,
            base,
            read_only,
            private: None,
            written: BTreeSet::new(),
            digest: 0,
            content: None,
            stale: BTreeSet::new(),
            guard: None,
            guarded: BTreeSet::new(),
            read: None,
            absent: None,
            under: PageTable::default(),
        }
    }

    /// A store that keeps writes to itself; `read_only` is what the guest sees.
    pub fn private(ordinal: u32, base: Box<dyn Medium>, read_only: bool) -> Self {
        Self { private: Some(PageTable::default()), read_only, ..Self::new(ordinal, base) }
    }

    /// Says which blocks the image file has lost.
    pub fn set_under(&mut self, blocks: PageTable) {
        self.under = blocks;
    }

    /// Whether writes stay here and never reach the image.
    pub fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// All blocks in which the medium differs from its image file.
    pub fn blocks_over_file(&mut self) -> Result<PageTable, MediumError> {
        let mut table = self.blocks()?;
        for (block, data) in self.under.iter() {
            if table.get(block).is_none() {
                table.set(block, Some(Arc::clone(data)));
            }
        }
        Ok(table)
    }

    /// Which medium of the machine it is, counted from 0 in the order of insertion.
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// Whether the guest may not write.
    pub fn read_only(&self) -> bool {
        self.read_only
    }

    /// Bytes of the medium.
    pub fn size(&self) -> u64 {
        self.base.len()
    }

    /// A digest of all writes in order.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Goes to another moment whose writes have this digest.
    pub fn set_digest(&mut self, digest: u64) {
        self.digest = digest;
    }

    /// What the medium holds at this moment.
    pub fn present_content(&mut self) -> Result<Content, MediumError> {
        match self.private.take() {
            None => self.content(),
            Some(blocks) => {
                let content = self.content_with(&blocks);
                self.private = Some(blocks);
                content
            }
        }
    }

    /// What the image holds at this moment, without blocks that live in the store.
    pub fn content(&mut self) -> Result<Content, MediumError> {
        let mut content = match self.content.take() {
            Some(content) => content,
            None => {
                self.stale.clear();
                Content::of(self.base.as_mut())?
            }
        };
        for part in std::mem::take(&mut self.stale) {
            let hash = Content::part(self.base.as_mut(), part)?;
            if let Some(slot) = content.parts.get_mut(part as usize) {
                *slot = hash;
            }
        }
        self.content = Some(content.clone());
        Ok(content)
    }

    /// What the image would hold with `blocks` in it.
    pub fn content_with(&mut self, blocks: &PageTable) -> Result<Content, MediumError> {
        let mut content = self.content()?;
        let size = part_len(content.len);
        let touched: BTreeSet<u64> = blocks.iter().map(|(block, _)| block.saturating_mul(BLOCK) / size).collect();
        let mut over = Over { base: self.base.as_mut(), blocks };
        for part in touched {
            let hash = Content::part(&mut over, part)?;
            if let Some(slot) = content.parts.get_mut(part as usize) {
                *slot = hash;
            }
        }
        Ok(content)
    }

    /// The blocks that differ from the image as it was when the store was made.
    pub fn blocks(&mut self) -> Result<PageTable, MediumError> {
        if let Some(private) = &self.private {
            return Ok(private.clone());
        }
        let mut table = PageTable::default();
        for &block in &self.written {
            let mut data = [0; PAGE];
            read_block(self.base.as_mut(), block, &mut data)?;
            table.set(block, Some(page(&data)));
        }
        Ok(table)
    }

    /// Goes to another moment: the image with `blocks` in it. Without a private store the image is written where it
    /// differs.
    pub fn set_blocks(&mut self, blocks: &PageTable, digest: u64) -> Result<(), MediumError> {
        self.digest = digest;
        if self.private.is_some() {
            self.private = Some(blocks.clone());
            return Ok(());
        }
        self.written = blocks.iter().map(|(block, _)| block).collect();
        if self.base.read_only() {
            return Ok(());
        }
        for (block, data) in blocks.iter() {
            let mut present = [0; PAGE];
            read_block(self.base.as_mut(), block, &mut present)?;
            let at = block.saturating_mul(BLOCK);
            let n = self.base.len().saturating_sub(at).min(BLOCK) as usize;
            if present[..n] != data[..n] {
                self.base.write_at(at, &data[..n])?;
                self.mark_stale(block);
            }
        }
        Ok(())
    }

    /// From here on `guard` sees blocks before they are overwritten.
    pub fn set_guard(&mut self, guard: Option<SharedGuard>) {
        self.guard = guard;
        self.guarded.clear();
    }

    /// From here on the blocks that are read from the image are remembered.
    pub fn watch_reads(&mut self) {
        self.read.get_or_insert_default();
    }

    /// The blocks of the image that were read since [`Store::watch_reads`], ascending.
    pub fn blocks_read(&self) -> Vec<u64> {
        self.read.iter().flatten().copied().collect()
    }

    /// Block `block` of the image itself.
    pub fn base_block(&mut self, block: u64) -> Result<[u8; PAGE], MediumError> {
        let mut data = [0; PAGE];
        read_block(self.base.as_mut(), block, &mut data)?;
        Ok(data)
    }

    /// Writes what the guest would read from end to end.
    pub fn copy_to(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut buf = vec![0; COPY];
        let (mut at, len) = (0, self.base.len());
        while at < len {
            let n = (len - at).min(COPY as u64) as usize;
            let Some(part) = buf.get_mut(..n) else { break };
            Over { base: self.base.as_mut(), blocks: self.private.as_ref().unwrap_or(&PageTable::default()) }
                .read_at(at, part)
                .map_err(io::Error::other)?;
            out.write_all(part)?;
            at += n as u64;
        }
        Ok(())
    }

    fn mark_stale(&mut self, block: u64) {
        if self.content.is_some() {
            self.stale.insert(block.saturating_mul(BLOCK) / part_len(self.base.len()));
        }
    }

    /// Where the guest read what a pack has no copy of, since this was last asked.
    pub fn take_absent(&mut self) -> Option<u64> {
        self.absent.take()
    }

    /// Remembers that the read at `at` found nothing.
    fn note_absent<T>(&mut self, at: u64, result: Result<T, MediumError>) -> Result<T, MediumError> {
        if matches!(result, Err(MediumError::Absent)) {
            self.absent.get_or_insert(at);
        }
        result
    }

    fn note_read(&mut self, block: u64) {
        if let Some(read) = &mut self.read {
            read.insert(block);
        }
    }

    fn check(&self, at: u64, len: usize) -> Result<(), MediumError> {
        match at.checked_add(len as u64) {
            Some(end) if end <= self.base.len() => Ok(()),
            _ => Err(MediumError::OutOfRange),
        }
    }

    fn read(&mut self, at: u64, buf: &mut [u8]) -> Result<(), MediumError> {
        self.check(at, buf.len())?;
        if self.private.is_none() && self.read.is_none() {
            return self.base.read_at(at, buf);
        }
        for (block, offset, range) in pieces(at, buf.len()) {
            let place = at.saturating_add(range.start as u64);
            let Some(out) = buf.get_mut(range) else { continue };
            match self.private.as_ref().and_then(|p| p.get(block)) {
                Some(data) => out.copy_from_slice(data.get(offset..offset + out.len()).unwrap_or_default()),
                None => {
                    self.note_read(block);
                    let read = self.base.read_at(place, out);
                    self.note_absent(place, read)?;
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, at: u64, buf: &[u8]) -> Result<(), MediumError> {
        if self.read_only {
            return Err(MediumError::ReadOnly);
        }
        self.check(at, buf.len())?;
        self.digest = xxh3_64_with_seed(buf, self.digest ^ at.rotate_left(32));
        let Some(mut private) = self.private.take() else {
            self.before_write(at, buf.len())?;
            return self.base.write_at(at, buf);
        };
        let result = self.write_private(&mut private, at, buf);
        self.private = Some(private);
        result
    }

    fn write_private(&mut self, private: &mut PageTable, at: u64, buf: &[u8]) -> Result<(), MediumError> {
        for (block, offset, range) in pieces(at, buf.len()) {
            let mut data = match private.get(block) {
                Some(data) => **data,
                None => {
                    self.note_read(block);
                    let whole = self.base_block(block);
                    self.note_absent(block.saturating_mul(BLOCK), whole)?
                }
            };
            if let (Some(to), Some(from)) = (data.get_mut(offset..offset + range.len()), buf.get(range)) {
                to.copy_from_slice(from);
            }
            private.set(block, Some(Arc::new(data)));
        }
        Ok(())
    }

    /// Remembers which blocks a write to the image touches, and shows them to the guard.
    fn before_write(&mut self, at: u64, len: usize) -> Result<(), MediumError> {
        for (block, _, _) in pieces(at, len) {
            if let Some(guard) = self.guard.clone()
                && self.guarded.insert(block)
            {
                let data = self.base_block(block)?;
                lock(&guard).save(self.ordinal, block, &data);
            }
            self.written.insert(block);
            self.mark_stale(block);
        }
        Ok(())
    }
}

/// Reads a block; what lies beyond the end reads zero.
fn read_block(medium: &mut dyn Medium, block: u64, data: &mut [u8; PAGE]) -> Result<(), MediumError> {
    let at = block.saturating_mul(BLOCK);
    let n = medium.len().saturating_sub(at).min(BLOCK) as usize;
    medium.read_at(at, &mut data[..n])
}

/// Locks; a lock lost to a panic elsewhere still guards whole values.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A medium with some blocks laid over it, for reading.
pub(crate) struct Over<'a> {
    /// The medium below.
    pub base: &'a mut dyn Medium,
    /// The blocks.
    pub blocks: &'a PageTable,
}

impl Medium for Over<'_> {
    fn len(&self) -> u64 {
        self.base.len()
    }

    fn read_only(&self) -> bool {
        true
    }

    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), MediumError> {
        self.base.read_at(at, buf)?;
        overlay(self.blocks, at, buf);
        Ok(())
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> Result<(), MediumError> {
        Err(MediumError::ReadOnly)
    }

    fn flush(&mut self) -> Result<(), MediumError> {
        Ok(())
    }
}

/// Lays the blocks that reach into `buf`, which is at `at` of the medium, over it.
pub(crate) fn overlay(blocks: &PageTable, at: u64, buf: &mut [u8]) {
    for (block, offset, range) in pieces(at, buf.len()) {
        if let (Some(data), Some(out)) = (blocks.get(block), buf.get_mut(range))
            && let Some(from) = data.get(offset..offset + out.len())
        {
            out.copy_from_slice(from);
        }
    }
}

/// The store as the drive holds it.
pub(crate) struct Handle(pub Arc<Mutex<Store>>);

impl Medium for Handle {
    fn len(&self) -> u64 {
        lock(&self.0).size()
    }

    fn read_only(&self) -> bool {
        lock(&self.0).read_only()
    }

    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), MediumError> {
        lock(&self.0).read(at, buf)
    }

    fn write_at(&mut self, at: u64, buf: &[u8]) -> Result<(), MediumError> {
        lock(&self.0).write(at, buf)
    }

    fn flush(&mut self) -> Result<(), MediumError> {
        let mut store = lock(&self.0);
        if store.private.is_some() { Ok(()) } else { store.base.flush() }
    }
}
