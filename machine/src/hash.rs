//! The canonical hash of the whole machine: xxh3 over the postcard form of every part and over the memory's pages.
//!
//! Equal guest-visible states give equal hashes, however they came about: decoded blocks, translations, host buffers
//! and the content of image files are no part of it. RAM and ROM pages are hashed one by one; a page's hash is kept
//! until the page is written, so that hashing again costs what has changed.

use crate::board::Board;
use rewind86_cpu::Cpu;
use rewind86_cpu::mem::PhysMem;
use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Hashes of the pages as they were last seen.
#[derive(Default)]
pub(crate) struct PageHashes {
    pages: Vec<u64>,
}

impl PageHashes {
    /// The hash of all pages in order.
    fn update(&mut self, mem: &mut PhysMem) -> u64 {
        self.pages.resize(mem.pages(), 0);
        let mut dirty = Vec::new();
        mem.take_dirty(|page| dirty.push(page));
        for page in dirty {
            if let Some(hash) = self.pages.get_mut(page as usize) {
                *hash = xxh3_64(mem.page(page));
            }
        }
        let mut all = Xxh3::new();
        for hash in &self.pages {
            all.update(&hash.to_le_bytes());
        }
        all.digest()
    }
}

fn part(value: &impl Serialize) -> u64 {
    // Serialising into memory fails only for types that postcard cannot express; none of the parts has one.
    postcard::to_stdvec(value).map_or(0, |bytes| xxh3_64(&bytes))
}

/// The hashes of the parts, by name, in a fixed order.
pub(crate) fn parts(cpu: &Cpu, mem: &mut PhysMem, board: &Board, pages: &mut PageHashes) -> Vec<(&'static str, u64)> {
    vec![
        ("cpu", part(&cpu.save())),
        ("memory", pages.update(mem)),
        ("clock", part(&board.clock)),
        ("scheduler", part(&board.sched)),
        ("irq", part(&board.irq)),
        ("pci", part(&board.pci)),
        ("pic", part(&board.pic)),
        ("pit", part(&board.pit)),
        ("rtc", part(&board.rtc)),
        ("kbc", part(&board.kbc)),
        ("dma", part(&board.dma)),
        ("fdc", part(&board.fdc)),
        ("ide", part(&board.ide)),
        ("uart", part(&board.uarts)),
        ("lpt", part(&board.lpt)),
        ("sysctl", part(&board.sysctl)),
        ("vga", part(&board.vga)),
        ("fwcfg", part(&board.fwcfg)),
        ("suspended", part(&board.suspended)),
        ("doorbell", part(&board.doorbell)),
        ("pointer", part(&board.pointer)),
    ]
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
