//! IRET in every mode.
//!
//! Intel SDM volume 2 (IRET/IRETD/IRETQ), volume 3, sections 6.12 to 6.14, 7.3 (nested tasks) and 20.2 (to and from
//! virtual-8086 mode).

use super::descriptor::{Descriptor, code_of, is_null, rpl};
use super::segment::{null_segment, v86_segment};
use super::stack::{Stack, Width};
use super::task::Switch;
use super::transfer;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::mmu::canonical;
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::{Gpr, Seg, Segment, attr};
use crate::state::{Cpu, cr4, eflags};
use iced_x86::Code;

/// Flags that every program may change.
const USER_FLAGS: u64 = eflags::ARITH | eflags::TF | eflags::DF | eflags::NT;
/// Those above bit 15.
const USER_FLAGS_HIGH: u64 = eflags::RF | eflags::AC | eflags::ID;

impl Cpu {
    /// The code segment that a return leads to, checked.
    pub(super) fn return_code(&mut self, selector: u16) -> Exec<Descriptor> {
        if is_null(selector) {
            return Err(Fault::GP0);
        }
        let error = code_of(selector);
        let d = self.descriptor(selector, Fault::gp)?;
        let level = rpl(selector);
        let dpl_ok = if d.conforming() { d.dpl() <= level } else { d.dpl() == level };
        if !d.is_code() || level < self.cpl || !dpl_ok || self.long_mode() && d.long() && d.big() {
            return Err(Fault::gp(error));
        }
        if !d.present() {
            return Err(Fault::np(error));
        }
        Ok(d)
    }

    /// The stack segment for a return to privilege `cpl`, checked. `to_long`: to 64-bit code.
    pub(super) fn return_stack(&mut self, selector: u16, cpl: u8, to_long: bool) -> Exec<Segment> {
        if is_null(selector) {
            if to_long && cpl != 3 && rpl(selector) == cpl {
                return Ok(null_segment(selector, cpl));
            }
            return Err(Fault::GP0);
        }
        let error = code_of(selector);
        let d = self.descriptor(selector, Fault::gp)?;
        if rpl(selector) != cpl || !d.writable_data() || d.dpl() != cpl {
            return Err(Fault::gp(error));
        }
        if !d.present() {
            return Err(Fault::ss(error));
        }
        self.set_accessed(&d)?;
        Ok(d.segment(selector))
    }

    /// RIP fits where a transfer to `code` goes.
    pub(super) fn check_target(&self, code: &Descriptor, rip: u64) -> Exec {
        let ok = if self.long_mode() && code.long() { canonical(rip) } else { rip <= u64::from(code.limit()) };
        if ok { Ok(()) } else { Err(Fault::GP0) }
    }

    /// After a return to an outer level, data segments that it may not use become null. Their bases stay: 64-bit code
    /// goes on using those of FS and GS.
    pub(super) fn drop_inner_segments(&mut self) {
        for seg in [Seg::Es, Seg::Fs, Seg::Gs, Seg::Ds] {
            let s = &mut self.seg[seg as usize];
            let conforming = s.attr & (attr::CODE | attr::EC) == attr::CODE | attr::EC;
            if s.usable() && !conforming && s.dpl() < self.cpl {
                *s = Segment::new(0, s.base, s.limit, 0);
            }
        }
    }

    /// SP, ESP or RSP as wide as the stack that SS now is.
    pub(super) fn set_stack_pointer(&mut self, sp: u64) {
        let mask = self.stack_mask();
        let rsp = &mut self.gpr[Gpr::Rsp as usize];
        *rsp = super::segment::merge_sp(*rsp, sp, mask);
    }

    /// Replaces the flags in `mask`, as far as this processor has them.
    pub(super) fn set_flags(&mut self, flags: u64, mask: u64) {
        let mut mask = mask & self.model.flag_mask();
        if self.model.is_286() && self.real() {
            // IOPL and NT stay 0: how programs tell a 286 from a 386.
            mask &= !(eflags::IOPL | eflags::NT);
        }
        let old = self.rflags();
        // A trap flag that is taken away traps once more.
        if old & eflags::TF != 0 && mask & !flags & eflags::TF != 0 {
            self.sys.pending_debug |= super::debug::DR6_BS;
        }
        self.set_rflags_raw((old & !mask) | (flags & mask));
    }

    /// What IRET and POPF may change at this privilege.
    pub(super) fn return_flag_mask(&self, width: Width) -> u64 {
        let mut mask = USER_FLAGS;
        if width != Width::W16 {
            mask |= USER_FLAGS_HIGH;
        }
        if self.cpl <= self.iopl() {
            mask |= eflags::IF;
        }
        if self.cpl == 0 {
            mask |= eflags::IOPL;
            if width != Width::W16 {
                mask |= eflags::VIF | eflags::VIP;
            }
        }
        mask
    }

    fn iret(&mut self, width: Width) -> Exec {
        if width == Width::W32 && self.iret_flat() {
            // Done.
        } else if self.real() {
            self.iret_real(width)?;
        } else if self.v86() {
            self.iret_v86(width)?;
        } else if self.eflags & eflags::NT != 0 {
            if self.long_mode() {
                return Err(Fault::GP0);
            }
            self.iret_task()?;
        } else {
            self.iret_protected(width)?;
        }
        self.sys.nmi_blocked = false;
        self.update_mode();
        Ok(())
    }

    fn iret_real(&mut self, width: Width) -> Exec {
        let mut stack = Stack::current(self);
        let ip = stack.pop(self, width)?;
        let cs = stack.pop(self, width)? as u16;
        let flags = stack.pop(self, width)?;
        if ip > u64::from(self.seg[Seg::Cs as usize].limit) {
            return Err(Fault::GP0);
        }
        stack.commit(self);
        self.load_segment_real(Seg::Cs, cs);
        self.rip = ip;
        let high = if width == Width::W16 { 0 } else { USER_FLAGS_HIGH };
        self.set_flags(flags, USER_FLAGS | eflags::IF | eflags::IOPL | high);
        Ok(())
    }

    /// Within virtual-8086 mode.
    fn iret_v86(&mut self, width: Width) -> Exec {
        let virtual_if = self.iopl() < 3;
        if virtual_if && (self.sys.cr4 & cr4::VME == 0 || width != Width::W16) {
            return Err(Fault::GP0);
        }
        let mut stack = Stack::current(self);
        let ip = stack.pop(self, width)?;
        let cs = stack.pop(self, width)? as u16;
        let flags = stack.pop(self, width)?;
        if ip > 0xFFFF {
            return Err(Fault::GP0);
        }
        if virtual_if {
            let wants_if = flags & eflags::IF != 0;
            if flags & eflags::TF != 0 || wants_if && self.eflags & eflags::VIP != 0 {
                return Err(Fault::GP0);
            }
            self.set_flags(flags, USER_FLAGS);
            self.eflags = if wants_if { self.eflags | eflags::VIF } else { self.eflags & !eflags::VIF };
        } else {
            let high = if width == Width::W16 { 0 } else { USER_FLAGS_HIGH };
            self.set_flags(flags, USER_FLAGS | eflags::IF | high);
        }
        stack.commit(self);
        self.seg[Seg::Cs as usize] = v86_segment(cs);
        self.rip = ip;
        Ok(())
    }

    /// Back to the task that the back link names.
    fn iret_task(&mut self) -> Exec {
        let selector = self.read_sys::<u16>(self.table_address(self.sys.tr.base, 0))?;
        let d = self.busy_tss(selector)?;
        self.task_switch(selector, &d, Switch::Return)
    }

    fn iret_protected(&mut self, width: Width) -> Exec {
        let mut stack = Stack::current(self);
        let ip = stack.pop(self, width)?;
        let cs = stack.pop(self, width)? as u16;
        let flags = stack.pop(self, width)?;
        if !self.long_mode() && width == Width::W32 && flags & eflags::VM != 0 && self.cpl == 0 {
            return self.iret_to_v86(stack, ip, cs, flags);
        }
        let code = self.return_code(cs)?;
        let cpl = rpl(cs);
        let to_long = self.long_mode() && code.long();
        let mask = self.return_flag_mask(width);
        let outer = cpl > self.cpl;
        // 64-bit code always takes SS:RSP from the stack.
        let new_stack = if outer || self.code64() {
            let sp = stack.pop(self, width)?;
            let ss = stack.pop(self, width)? as u16;
            Some((sp, self.return_stack(ss, cpl, to_long)?))
        } else {
            None
        };
        self.check_target(&code, ip)?;
        self.set_accessed(&code)?;
        self.seg[Seg::Cs as usize] = code.segment(cs);
        self.rip = ip;
        self.cpl = cpl;
        // The mode of the new code decides how wide the stack pointer is.
        self.update_mode();
        match new_stack {
            Some((sp, ss)) => {
                self.seg[Seg::Ss as usize] = ss;
                self.set_stack_pointer(sp);
            }
            None => stack.commit(self),
        }
        if outer {
            self.drop_inner_segments();
        }
        self.set_flags(flags, mask);
        Ok(())
    }

    fn iret_to_v86(&mut self, mut stack: Stack, ip: u64, cs: u16, flags: u64) -> Exec {
        let mut pop = |cpu: &mut Self| stack.pop(cpu, Width::W32);
        let sp = pop(self)?;
        let mut selectors = [0; 5];
        for s in &mut selectors {
            *s = pop(self)? as u16;
        }
        let high = USER_FLAGS_HIGH | eflags::VM | eflags::VIF | eflags::VIP;
        self.set_flags(flags, USER_FLAGS | eflags::IF | eflags::IOPL | high);
        self.seg[Seg::Cs as usize] = v86_segment(cs);
        for (seg, selector) in [Seg::Ss, Seg::Es, Seg::Ds, Seg::Fs, Seg::Gs].into_iter().zip(selectors) {
            self.seg[seg as usize] = v86_segment(selector);
        }
        self.cpl = 3;
        self.rip = ip;
        self.gpr[Gpr::Rsp as usize] = sp;
        Ok(())
    }
}

/// IRET, IRETD.
struct Iret<const W: usize>;
impl<const W: usize> Insn for Iret<W> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.iret(match W {
            2 => Width::W16,
            4 => Width::W32,
            _ => Width::W64,
        })
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Iretw, transfer::form::<Iret<2>>()),
    (Code::Iretd, transfer::form::<Iret<4>>()),
    (Code::Iretq, transfer::form::<Iret<8>>()),
];
