//! The canonical hash of the whole machine: xxh3 over the postcard form of every component and over the memory's pages.
//!
//! Equal guest-visible states give equal hashes, however they came about: decoded blocks, translations, host buffers
//! and the content of image files are no part of it. RAM and ROM pages are hashed one by one; a page's hash is kept
//! until the page is written, and so is that of a group of pages, so that hashing again costs what has changed.

use crate::board::{Board, Visit};
use crate::state::pages::GROUP;
use crate::state::tracker::Bits;
use rewind86_cpu::Cpu;
use rewind86_cpu::mem::PhysMem;
use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Hashes of the pages as they were last seen.
#[derive(Default)]
pub(crate) struct PageHashes {
    pages: Vec<u64>,
    groups: Vec<u64>,
}

impl PageHashes {
    /// The hash of all pages in order; `dirty` are those that changed since the last call, and is emptied.
    fn update(&mut self, mem: &PhysMem, dirty: &mut Bits) -> u64 {
        let group = GROUP as usize;
        self.pages.resize(mem.pages(), 0);
        self.groups.resize(mem.pages().div_ceil(group), 0);
        let mut touched = None;
        dirty.drain(|page| {
            if let Some(hash) = self.pages.get_mut(page as usize) {
                *hash = xxh3_64(mem.page(page));
            }
            let this = page as usize / group;
            if let Some(last) = touched.replace(this).filter(|last| *last != this) {
                refresh(&self.pages, &mut self.groups, last);
            }
        });
        if let Some(last) = touched {
            refresh(&self.pages, &mut self.groups, last);
        }
        digest(&self.groups)
    }
}

fn refresh(pages: &[u64], groups: &mut [u64], group: usize) {
    let size = GROUP as usize;
    let end = ((group + 1) * size).min(pages.len());
    if let (Some(pages), Some(hash)) = (pages.get(group * size..end), groups.get_mut(group)) {
        *hash = digest(pages);
    }
}

fn digest(hashes: &[u64]) -> u64 {
    let mut all = Xxh3::new();
    let mut buf = [0; 1024];
    for part in hashes.chunks(buf.len() / 8) {
        let mut used = 0;
        for (to, hash) in buf.as_chunks_mut::<8>().0.iter_mut().zip(part) {
            *to = hash.to_le_bytes();
            used += 8;
        }
        all.update(buf.get(..used).unwrap_or_default());
    }
    all.digest()
}

/// Hashes what is serialised, without keeping it.
struct Hasher(Xxh3);

impl postcard::ser_flavors::Flavor for Hasher {
    type Output = u64;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.update(&[byte]);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.update(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<u64> {
        Ok(self.0.digest())
    }
}

/// The hash of the postcard form of `value`.
pub(crate) fn part(value: &impl Serialize) -> u64 {
    // Serialising fails only for types that postcard cannot express; none of the components has one.
    postcard::serialize_with_flavor(value, Hasher(Xxh3::new())).unwrap_or(0)
}

/// The hashes of the components, by name, in a fixed order.
pub(crate) fn parts(
    cpu: &Cpu,
    mem: &PhysMem,
    board: &Board,
    pages: &mut PageHashes,
    dirty: &mut Bits,
) -> Vec<(&'static str, u64)> {
    struct Parts(Vec<(&'static str, u64)>);
    impl Visit for Parts {
        fn component<T: Serialize>(&mut self, name: &'static str, value: &T) {
            self.0.push((name, part(value)));
        }
    }
    let mut parts = Parts(vec![("cpu", part(&cpu.save())), ("memory", pages.update(mem, dirty))]);
    board.visit(&mut parts);
    parts.0
}

/// One hash of all parts.
pub(crate) fn combine(parts: &[(&'static str, u64)]) -> u64 {
    let mut all = Xxh3::new();
    for (name, hash) in parts {
        all.update(name.as_bytes());
        all.update(&hash.to_le_bytes());
    }
    all.digest()
}
