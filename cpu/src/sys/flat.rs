//! Interrupts and IRET between flat 32-bit segments of protected mode: the way that operating systems go.
//!
//! Intel SDM volume 3, section 6.12, and volume 2 (INT n, IRET). The same checks as [`super::interrupt`] and
//! [`super::iret`] make, for the shape where most of them are one compare: flat segments that were used before, gates of
//! 32 bits, tables and stacks on pages that the TLB has. Each function does the whole transfer or nothing: everything is
//! read and checked first, and where anything is different, the general form starts anew, with its faults in its order.
//! Nothing here may fault or reach the board: only accesses that the TLB answers are made.

use super::descriptor::{code_of, is_null, kind, rpl};
use super::stack::table_of;
use crate::probe::Cause;
use crate::regs::{Gpr, Seg, Segment, attr};
use crate::state::{Cpu, eflags};
use crate::tlb;

/// Descriptor bits that a flat segment may have either way: readable or writable, DPL, AVL.
const FREE: u64 = (attr::RW as u64) << 40 | 3 << 45 | 1 << 52;
/// Base 0, limit 4 GiB, 32-bit, present, accessed, code or data; L is 0.
const FLAT: u64 = 0x00CF_9100_0000_FFFF;
const FLAT_CODE: u64 = FLAT | (attr::CODE as u64) << 40;
/// Access byte of a gate that is present, 32-bit, interrupt or trap; DPL and the last bit of the type are free.
const GATE: u64 = 0x8E;
const GATE_MASK: u64 = 0x9E;
/// EFLAGS as a 32-bit stack slot has them.
const LOW: u64 = 0xFFFF_FFFF;

fn dpl(raw: u64) -> u8 {
    (raw >> 45) as u8 & 3
}

/// The segment register that a flat descriptor gives.
fn segment(raw: u64, selector: u16) -> Segment {
    Segment::new(selector, 0, u32::MAX, (raw >> 40) as u16 & 0xF0FF)
}

impl Cpu {
    /// The GDT entry of a selector, when the TLB has it; `None` for null selectors and the LDT.
    fn gdt_entry(&self, selector: u16) -> Option<u64> {
        if is_null(selector) || selector & 4 != 0 || selector | 7 > self.sys.gdtr.limit {
            return None;
        }
        let at = self.sys.gdtr.base.wrapping_add(u64::from(selector & !7)) & LOW;
        self.try_read::<u64>(at, tlb::SUPERVISOR)
    }

    /// The GDT entry of a flat code segment that is not conforming.
    fn flat_code(&self, selector: u16) -> Option<u64> {
        self.gdt_entry(selector).filter(|raw| raw & !FREE == FLAT_CODE)
    }

    /// The GDT entry of a flat writable data segment for a stack at privilege `cpl`.
    fn flat_stack(&self, selector: u16, cpl: u8) -> Option<u64> {
        let fits = |raw: &u64| raw & !FREE == FLAT && raw >> 41 & 1 != 0 && dpl(*raw) == cpl;
        self.gdt_entry(selector).filter(|raw| rpl(selector) == cpl && fits(raw))
    }

    /// SS is flat, writable, and 32 bits wide.
    fn stack_is_flat(&self) -> bool {
        let ss = &self.seg[Seg::Ss as usize];
        ss.flat() && ss.big() && ss.write_max == i64::from(u32::MAX)
    }

    /// 32-bit protected mode proper.
    fn legacy_protected(&self) -> bool {
        self.protected() && !self.long_mode()
    }

    /// Delivers an event as [`Cpu::interrupt_protected`] would; false when nothing was done. `resume`: RF for the pushed
    /// flags.
    pub(super) fn interrupt_flat(&mut self, vector: u8, error: Option<u16>, cause: Cause, resume: u64) -> bool {
        self.legacy_protected() && self.interrupt_flat_checked(vector, error, cause, resume).is_some()
    }

    fn interrupt_flat_checked(&mut self, vector: u8, error: Option<u16>, cause: Cause, resume: u64) -> Option<()> {
        let entry = u64::from(vector) * 8;
        if entry + 7 > u64::from(self.sys.idtr.limit) {
            return None;
        }
        let gate = self.try_read::<u64>(self.sys.idtr.base.wrapping_add(entry) & LOW, tlb::SUPERVISOR)?;
        if gate >> 40 & GATE_MASK != GATE || cause == Cause::Software && dpl(gate) < self.cpl {
            return None;
        }
        let selector = (gate >> 16) as u16;
        let code = self.flat_code(selector)?;
        let cpl = dpl(code);
        let inner = cpl < self.cpl;
        let (sp, table, stack) = if inner {
            let tr = &self.sys.tr;
            let at = 4 + 8 * u64::from(cpl);
            if tr.attr & kind::WIDE == 0 || at + 7 > u64::from(tr.limit) {
                return None;
            }
            let lin = tr.base.wrapping_add(at) & LOW;
            let esp = self.try_read::<u32>(lin, tlb::SUPERVISOR)?;
            let ss = self.try_read::<u16>(lin.wrapping_add(4) & LOW, tlb::SUPERVISOR)?;
            (u64::from(esp), table_of(cpl), Some(segment(self.flat_stack(ss, cpl)?, ss)))
        } else if cpl == self.cpl && self.stack_is_flat() {
            (self.gpr[Gpr::Rsp as usize] & LOW, self.tlb_sel, None)
        } else {
            return None;
        };
        let words = 3 + usize::from(error.is_some()) + if inner { 2 } else { 0 };
        let bytes = 4 * words;
        let top = sp.checked_sub(bytes as u64)?;
        let frame = self.host_span_as(top, bytes, true, table)?;

        let flags = self.rflags() | resume;
        let mut at = 0;
        let mut put = |value: u64| {
            frame.set(at, value as u32);
            at += 1;
        };
        if let Some(error) = error {
            put(u64::from(error));
        }
        put(self.rip);
        put(u64::from(self.seg[Seg::Cs as usize].selector));
        put(flags);
        if let Some(stack) = stack {
            put(self.gpr[Gpr::Rsp as usize]);
            put(u64::from(self.seg[Seg::Ss as usize].selector));
            self.seg[Seg::Ss as usize] = stack;
        }
        self.gpr[Gpr::Rsp as usize] = top;
        self.seg[Seg::Cs as usize] = segment(code, code_of(selector) | u16::from(cpl));
        self.cpl = cpl;
        self.rip = gate & 0xFFFF | gate >> 32 & 0xFFFF_0000;
        let iflag = if gate >> 40 & 1 == 0 { eflags::IF } else { 0 };
        self.eflags &= !(eflags::TF | eflags::NT | eflags::RF | eflags::VM | iflag);
        Some(())
    }

    /// IRETD as [`Cpu::iret`] would, without what follows in every mode; false when nothing was done.
    pub(super) fn iret_flat(&mut self) -> bool {
        self.legacy_protected()
            && self.eflags & eflags::NT == 0
            && self.stack_is_flat()
            && self.iret_flat_checked().is_some()
    }

    fn iret_flat_checked(&mut self) -> Option<()> {
        let sp = self.gpr[Gpr::Rsp as usize] & LOW;
        let frame = self.host_span(sp, 12, false)?;
        let (ip, cs, flags) = (frame.get::<u32>(0)?, frame.get::<u32>(1)? as u16, u64::from(frame.get::<u32>(2)?));
        if flags & eflags::VM != 0 && self.cpl == 0 {
            return None;
        }
        let cpl = rpl(cs);
        let code = self.flat_code(cs).filter(|&raw| dpl(raw) == cpl && cpl >= self.cpl)?;
        let outer = cpl > self.cpl;
        let (sp, stack) = if outer {
            let rest = self.host_span(sp.wrapping_add(12) & LOW, 8, false)?;
            let (esp, ss) = (rest.get::<u32>(0)?, rest.get::<u32>(1)? as u16);
            (u64::from(esp), Some(segment(self.flat_stack(ss, cpl)?, ss)))
        } else {
            (sp.wrapping_add(12) & LOW, None)
        };
        let mask = self.return_flag_mask(super::stack::Width::W32);

        self.seg[Seg::Cs as usize] = segment(code, cs);
        self.rip = u64::from(ip);
        self.cpl = cpl;
        self.gpr[Gpr::Rsp as usize] = sp;
        if let Some(stack) = stack {
            self.seg[Seg::Ss as usize] = stack;
            self.drop_inner_segments();
        }
        self.set_flags(flags, mask);
        Some(())
    }
}
