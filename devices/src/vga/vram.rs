//! Video memory: 16 MiB, kept as the linear frame buffer sees it.
//!
//! The four 64 KiB planes of the VGA are the first 256 KiB, interleaved: byte `4 * offset + plane`. One aligned
//! 32-bit word therefore holds what the four planes have at one offset, which is what the latches, the write pipeline
//! and the serialisers work on.
//!
//! Invariants: a page that is not `touched` is all zero; the serialised form lists exactly the pages that are not
//! zero, in order, so equal contents give equal bytes however they came about. `dirty` only tells the renderer what to
//! redraw and is no part of the state.

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Bytes of video memory.
pub const VRAM_SIZE: usize = 16 << 20;
const PAGE_SHIFT: usize = 12;
const PAGE_SIZE: usize = 1 << PAGE_SHIFT;
const PAGES: usize = VRAM_SIZE >> PAGE_SHIFT;
const WORDS: usize = PAGES / 64;
const MASK: usize = VRAM_SIZE - 1;

/// The memory with its page maps.
#[derive(Clone)]
pub struct Vram {
    bytes: Vec<u8>,
    touched: Vec<u64>,
    dirty: Vec<u64>,
}

impl Default for Vram {
    fn default() -> Self {
        Self { bytes: vec![0; VRAM_SIZE], touched: vec![0; WORDS], dirty: vec![u64::MAX; WORDS] }
    }
}

impl fmt::Debug for Vram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vram").finish_non_exhaustive()
    }
}

impl Vram {
    #[inline]
    fn mark(&mut self, at: usize) {
        let page = (at & MASK) >> PAGE_SHIFT;
        let bit = 1u64 << (page & 63);
        if let Some(word) = self.dirty.get_mut(page >> 6) {
            *word |= bit;
        }
        if let Some(word) = self.touched.get_mut(page >> 6) {
            *word |= bit;
        }
    }

    /// The four planes at plane offset `offset`: plane n in bits 8n.
    #[inline]
    pub fn planes(&self, offset: u32) -> u32 {
        let at = (offset as usize * 4) & MASK;
        match self.bytes.get(at..at + 4) {
            Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        }
    }

    /// Stores the four planes at plane offset `offset`.
    #[inline]
    pub fn set_planes(&mut self, offset: u32, value: u32) {
        let at = (offset as usize * 4) & MASK;
        self.mark(at);
        if let Some(cell) = self.bytes.get_mut(at..at + 4) {
            cell.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// One byte of the linear view, addresses wrap.
    #[inline]
    pub fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at & MASK).copied().unwrap_or(0)
    }

    /// Reads `len` (1 to 8) bytes of the linear view, little endian; FFh beyond the end.
    pub fn read(&self, at: usize, len: usize) -> u64 {
        let mut buf = [0xFF; 8];
        let len = len.min(8);
        match (self.bytes.get(at..at.saturating_add(len)), buf.get_mut(..len)) {
            (Some(from), Some(to)) => to.copy_from_slice(from),
            _ => buf.iter_mut().take(len).enumerate().for_each(|(i, b)| {
                *b = self.bytes.get(at.saturating_add(i)).copied().unwrap_or(0xFF);
            }),
        }
        let value = u64::from_le_bytes(buf);
        if len == 8 { value } else { value & ((1 << (8 * len)) - 1) }
    }

    /// Writes `len` (1 to 8) bytes of the linear view, little endian; what is beyond the end is lost.
    pub fn write(&mut self, at: usize, len: usize, value: u64) {
        let len = len.min(8).min(VRAM_SIZE.saturating_sub(at));
        if len == 0 {
            return;
        }
        self.mark(at);
        self.mark(at + len - 1);
        if let (Some(to), Some(from)) = (self.bytes.get_mut(at..at + len), value.to_le_bytes().get(..len)) {
            to.copy_from_slice(from);
        }
    }

    /// Writes `data` to the linear view; what is beyond the end is lost.
    pub fn write_slice(&mut self, at: usize, data: &[u8]) {
        let len = data.len().min(VRAM_SIZE.saturating_sub(at));
        if len == 0 {
            return;
        }
        for page in (at >> PAGE_SHIFT..).take_while(|page| page << PAGE_SHIFT < at + len) {
            self.mark(page << PAGE_SHIFT);
        }
        if let (Some(to), Some(from)) = (self.bytes.get_mut(at..at + len), data.get(..len)) {
            to.copy_from_slice(from);
        }
    }

    /// `len` bytes of the linear view from `at`, as far as they exist.
    pub fn slice(&self, at: usize, len: usize) -> &[u8] {
        let end = at.saturating_add(len).min(VRAM_SIZE);
        self.bytes.get(at..end).unwrap_or(&[])
    }

    /// Fills the whole memory with zero.
    pub fn clear(&mut self) {
        for page in 0..PAGES {
            if self.touched.get(page >> 6).is_some_and(|w| w >> (page & 63) & 1 != 0)
                && let Some(p) = self.bytes.get_mut(page << PAGE_SHIFT..(page + 1) << PAGE_SHIFT)
            {
                p.fill(0);
            }
        }
        self.touched.fill(0);
        self.dirty.fill(u64::MAX);
    }

    /// Whether anything in `len` bytes from `at` was written since [`Self::clean`].
    pub fn is_dirty(&self, at: usize, len: usize) -> bool {
        if len == 0 || at >= VRAM_SIZE {
            return false;
        }
        let last = at.saturating_add(len - 1).min(MASK);
        (at >> PAGE_SHIFT..=last >> PAGE_SHIFT)
            .any(|page| self.dirty.get(page >> 6).is_some_and(|w| w >> (page & 63) & 1 != 0))
    }

    /// Forgets what was written so far.
    pub fn clean(&mut self) {
        self.dirty.fill(0);
    }
}

/// A page as a byte string.
struct Page<'a>(&'a [u8]);

impl Serialize for Page<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(self.0)
    }
}

/// A page read back.
struct PageBuf(Vec<u8>);

impl<'de> Deserialize<'de> for PageBuf {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = PageBuf;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a page of video memory")
            }
            fn visit_bytes<E: serde::de::Error>(self, v: &[u8]) -> Result<PageBuf, E> {
                Ok(PageBuf(v.to_vec()))
            }
        }
        d.deserialize_bytes(V)
    }
}

impl Serialize for Vram {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let used: Vec<(u32, Page<'_>)> = self
            .bytes
            .chunks_exact(PAGE_SIZE)
            .enumerate()
            .filter(|(i, _)| self.touched.get(i >> 6).is_some_and(|w| w >> (i & 63) & 1 != 0))
            .filter(|(_, page)| page.iter().any(|&b| b != 0))
            .map(|(i, page)| (i as u32, Page(page)))
            .collect();
        let mut seq = s.serialize_seq(Some(used.len()))?;
        for entry in &used {
            seq.serialize_element(entry)?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Vram {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Vram;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the used pages of video memory")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vram, A::Error> {
                let mut vram = Vram::default();
                while let Some((index, page)) = seq.next_element::<(u32, PageBuf)>()? {
                    let at = (index as usize).saturating_mul(PAGE_SIZE);
                    match vram.bytes.get_mut(at..at.saturating_add(PAGE_SIZE)) {
                        Some(to) if page.0.len() == PAGE_SIZE => to.copy_from_slice(&page.0),
                        _ => return Err(A::Error::custom("video memory page out of range")),
                    }
                    vram.mark(at);
                }
                vram.dirty.fill(u64::MAX);
                Ok(vram)
            }
        }
        d.deserialize_seq(V)
    }
}
