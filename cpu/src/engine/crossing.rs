//! Instructions that cross a page: blocks of one, with a guard in front.
//!
//! The second page is another translation and other memory than the first, so neither the block's key nor the map of
//! decoded bytes speaks for it. The guard does: each time the block is entered it compares the bytes on the second page
//! with those that were decoded. When they differ, or the page has no translation at hand, the chain ends and the run
//! loop decodes anew, where the fetch faults as it must.

use super::arena::next_op;
use super::lower::{end_op, filler};
use super::run::{MAX_LEN, note_opcode};
use crate::fault::Exec;
use crate::mem::PAGE;
use crate::op::{Op, op_flags};
use crate::state::Cpu;
use crate::tlb;
use iced_x86::{Decoder, DecoderError};

/// The part of an instruction that lies on its second page.
pub(crate) struct Crossing {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Cpu {
    /// Linear address of the page behind the one with `lin`.
    fn page_behind(&self, lin: u64) -> u64 {
        (lin & !0xFFF).wrapping_add(PAGE as u64) & self.lin_mask()
    }

    /// The page at `lin` is at hand for execution and begins with the bytes of crossing `i`.
    fn same_bytes(&self, i: usize, lin: u64) -> bool {
        let sel = if self.cpl == 3 { tlb::USER } else { tlb::SUPERVISOR };
        let slot = (sel + tlb::slot(lin)) & (2 * tlb::ENTRIES - 1);
        let Some(c) = self.engine.crossings.get(i) else { return false };
        self.tlb.hot[slot].exec == lin && self.mem_ref().page(self.tlb.cold[slot].backing)[..c.len] == c.bytes[..c.len]
    }

    /// Whether the block at RIP may run: one that crosses a page only with the bytes it was decoded from.
    ///
    /// # Errors
    /// The fault of fetching from the second page.
    pub(super) fn crossing_holds(&mut self, first: u32) -> Exec<bool> {
        let crossing = self.engine.arena.head(first).crossing;
        if crossing == 0 {
            return Ok(true);
        }
        let bytes = u64::from(self.engine.arena.head(first).bytes);
        if !self.inside_code_limit(self.rip, bytes) {
            return Ok(true);
        }
        let behind = self.page_behind(self.code_lin(self.rip));
        self.fetch_page(behind)?;
        let holds = self.same_bytes(crossing as usize - 1, behind);
        if !holds {
            self.drop_block(first);
        }
        Ok(holds)
    }

    /// Decodes the instruction at RIP, which begins at backing address `addr` and ends behind its page. `None` when it
    /// cannot be cached: it may reach beyond the code segment, or a page of it is device memory.
    ///
    /// # Errors
    /// The fault of fetching from the second page.
    pub(super) fn decode_crossing(&mut self, page: u32, addr: u64) -> Exec<Option<u32>> {
        let at = (addr % PAGE as u64) as usize;
        if at + MAX_LEN <= PAGE || !self.inside_code_limit(self.rip, MAX_LEN as u64) {
            return Ok(None);
        }
        let behind = self.page_behind(self.code_lin(self.rip));
        let Some(second) = self.fetch_page(behind)? else { return Ok(None) };
        let head = PAGE - at;
        let mut bytes = [0; MAX_LEN];
        bytes[..head].copy_from_slice(&self.mem_ref().page(page)[at..]);
        bytes[head..].copy_from_slice(&self.mem_ref().page(second)[..MAX_LEN - head]);
        let key = self.engine.key;
        let mut decoder = Decoder::with_ip(key.bits(), &bytes, at as u64, self.decoder_options());
        let i = decoder.decode();
        if decoder.last_error() == DecoderError::NoMoreBytes || i.is_invalid() || i.len() <= head {
            return Ok(None);
        }
        let (mut op, ended) = self.lower(&i, key);
        note_opcode(&i, &bytes[..i.len()], &mut op);
        op.rem = 1;
        if !self.engine.arena.fits(8) {
            self.flush_blocks();
        }
        let mut crossing = Crossing { bytes: [0; MAX_LEN], len: i.len() - head };
        crossing.bytes[..i.len() - head].copy_from_slice(&bytes[head..i.len()]);
        self.engine.crossings.push(crossing);
        let n = self.engine.crossings.len();
        if !self.same_bytes(n - 1, behind) {
            // The translation is not kept, so a guard would never pass.
            self.engine.crossings.pop();
            return Ok(None);
        }
        let guard = Op {
            handler: guard,
            imm: n as u32 - 1,
            next: op.next,
            len: op.len,
            rem: 1,
            flags: op_flags::ENDS,
            ..filler()
        };
        let ops = [guard, op, end_op(key, op.next)];
        Ok(Some(self.add_block(addr, &ops[..if ended { 2 } else { 3 }], 1, i.len() as u16, n as u32)))
    }
}

/// Handler of the op before an instruction that crosses a page.
fn guard(cpu: &mut Cpu, op: &Op) {
    let behind = cpu.page_behind(cpu.code_lin(cpu.start_rip(op)));
    if !cpu.same_bytes(op.imm as usize, behind) {
        return cpu.materialise(op);
    }
    let next = next_op(op);
    (next.handler)(cpu, next)
}
