//! The block cache: look-up by backing address and mode, invalidation by page and granule.

use super::arena::Head;
use super::{ModeKey, dispatch, jump};
use crate::mem::{PAGE, Stale};
use crate::op::Op;
use crate::state::Cpu;
use crate::tlb;

pub(super) const BUCKETS: usize = 1 << 15;

fn bucket(addr: u64, key: ModeKey) -> usize {
    let h = (addr ^ addr >> 15).wrapping_mul(0x9E37_79B9) ^ u64::from(key.0).wrapping_mul(0x85EB_CA6B);
    (h >> 4) as usize & (BUCKETS - 1)
}

impl Cpu {
    /// The block at backing address `addr` for the current mode, if decoded.
    pub(super) fn find_block(&self, addr: u64) -> Option<u32> {
        let key = self.engine.key;
        let mut first = self.engine.buckets[bucket(addr, key)];
        while first != 0 {
            let head = self.engine.arena.head(first);
            if head.addr == addr && head.key == key.0 && !head.stale {
                return Some(first);
            }
            first = head.next_hash;
        }
        None
    }

    /// The first op of the decoded block at linear address `lin`, when the TLB has its page for execution; null when
    /// not, and while code is probed.
    pub(super) fn known_block(&self, lin: u64) -> *const Op {
        let sel = if self.cpl == 3 { tlb::USER } else { tlb::SUPERVISOR };
        let i = (sel + tlb::slot(lin)) & (2 * tlb::ENTRIES - 1);
        if self.tlb.hot[i].exec != lin & !0xFFF || self.engine.probes.code.is_some() {
            return std::ptr::null();
        }
        let addr = u64::from(self.tlb.cold[i].backing) * PAGE as u64 + (lin & 0xFFF);
        self.find_block(addr).map_or(std::ptr::null(), |first| self.engine.arena.op(first))
    }

    /// Adds a block and protects its page against unnoticed writes.
    pub(super) fn add_block(&mut self, addr: u64, ops: &[Op], n: u8, bytes: u16, crossing: u32) -> u32 {
        if !self.engine.arena.fits(ops.len() + 2) {
            self.flush_blocks();
        }
        let key = self.engine.key;
        let page = (addr / PAGE as u64) as u32;
        let at = (addr % PAGE as u64) as usize;
        if self.engine.by_page.len() <= page as usize {
            let pages = self.mem().pages();
            self.engine.by_page.resize(pages.max(page as usize + 1), 0);
        }
        let bucket = bucket(addr, key);
        let head = Head {
            addr,
            key: key.0,
            next_hash: self.engine.buckets[bucket],
            next_page: self.engine.by_page[page as usize],
            n,
            stale: false,
            bytes,
            crossing,
        };
        let first = self.engine.arena.push(head, ops);
        self.engine.buckets[bucket] = first;
        self.engine.by_page[page as usize] = first;
        if self.mem().code_mask(page) == 0 {
            self.tlb.protect_code(page);
        }
        self.mem().add_code(page, at, usize::from(bytes).min(PAGE - at));
        first
    }

    /// Drops the blocks of which bytes were overwritten.
    ///
    /// The bytes that a dropped block covered besides those stay marked as code, so that a loop which patches itself does
    /// not pay for its whole page each time. A store into such bytes finds no block, and then the marks are made anew.
    pub(crate) fn invalidate_code(&mut self, stale: Stale) {
        let Some(&start) = self.engine.by_page.get(stale.page as usize) else { return };
        let from = u64::from(stale.page) * PAGE as u64 + u64::from(stale.at);
        let to = from + u64::from(stale.len);
        let (mut first, mut kept, mut dropped) = (start, 0, false);
        while first != 0 {
            let head = *self.engine.arena.head(first);
            if head.addr < to && from < head.addr + u64::from(head.bytes) {
                self.engine.arena.retire(first, dispatch::stale);
                self.unhash(first, &head);
                dropped = true;
            } else {
                self.engine.arena.head_mut(first).next_page = kept;
                kept = first;
            }
            first = head.next_page;
        }
        self.engine.by_page[stale.page as usize] = kept;
        if dropped && kept != 0 {
            self.mem().clear_code_bytes(stale.page, usize::from(stale.at), usize::from(stale.len));
        } else {
            self.mark_code(stale.page);
        }
    }

    /// Marks exactly the bytes of a page that blocks cover.
    fn mark_code(&mut self, page: u32) {
        self.mem().clear_code(page);
        let mut first = self.engine.by_page[page as usize];
        while first != 0 {
            let head = *self.engine.arena.head(first);
            let at = (head.addr % PAGE as u64) as usize;
            self.mem().add_code(page, at, usize::from(head.bytes).min(PAGE - at));
            first = head.next_page;
        }
    }

    /// Drops one block.
    pub(super) fn drop_block(&mut self, first: u32) {
        let head = *self.engine.arena.head(first);
        self.engine.arena.retire(first, dispatch::stale);
        self.unhash(first, &head);
    }

    fn unhash(&mut self, first: u32, head: &Head) {
        let b = bucket(head.addr, ModeKey(head.key));
        let mut at = self.engine.buckets[b];
        if at == first {
            self.engine.buckets[b] = head.next_hash;
            return;
        }
        while at != 0 {
            let next = self.engine.arena.head(at).next_hash;
            if next == first {
                self.engine.arena.head_mut(at).next_hash = head.next_hash;
                return;
            }
            at = next;
        }
    }

    /// Forgets every block; only between chains.
    pub(crate) fn flush_blocks(&mut self) {
        let pages = self.mem().pages() as u32;
        for page in 0..pages {
            self.mem().clear_code(page);
        }
        self.engine.arena.clear();
        self.engine.buckets.fill(0);
        self.engine.by_page.fill(0);
        self.engine.jumps = jump::empty();
        self.engine.want = None;
        self.engine.crossings.clear();
    }
}
