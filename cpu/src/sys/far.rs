//! Far JMP, CALL and RET.
//!
//! Intel SDM volume 2 (JMP, CALL, RET), volume 3, sections 5.8 (privilege checks, call gates, stack switching) and 7.2
//! (task gates and TSS descriptors as targets).

use super::descriptor::{Descriptor, code_of, is_null, kind, rpl};
use super::segment::{far_pointer, null_segment};
use super::stack::{Stack, Width};
use super::task::Switch;
use super::transfer;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::{Gpr, Seg};
use crate::state::Cpu;
use iced_x86::Code;

/// JMP or CALL with its operand size.
#[derive(Clone, Copy)]
enum Transfer {
    Jump,
    Call(Width),
}

impl Cpu {
    fn far_transfer(&mut self, selector: u16, offset: u64, how: Transfer) -> Exec {
        if self.protected() {
            self.far_protected(selector, offset, how)?;
        } else {
            if offset > u64::from(self.seg[Seg::Cs as usize].limit) {
                return Err(Fault::GP0);
            }
            if let Transfer::Call(width) = how {
                self.push_return(width)?;
            }
            self.load_segment_real(Seg::Cs, selector);
            self.rip = offset;
        }
        self.update_mode();
        Ok(())
    }

    /// Pushes CS and the address behind the instruction on the current stack.
    fn push_return(&mut self, width: Width) -> Exec {
        let mut stack = Stack::current(self);
        stack.push(self, width, u64::from(self.seg[Seg::Cs as usize].selector))?;
        stack.push(self, width, self.rip)?;
        stack.commit(self);
        Ok(())
    }

    fn far_protected(&mut self, selector: u16, offset: u64, how: Transfer) -> Exec {
        if is_null(selector) {
            return Err(Fault::GP0);
        }
        let d = self.descriptor(selector, Fault::gp)?;
        if d.is_code() {
            return self.far_code(selector, &d, offset, how);
        }
        let error = code_of(selector);
        if !d.is_segment() && (d.dpl() < self.cpl || d.dpl() < rpl(selector)) {
            return Err(Fault::gp(error));
        }
        let long = self.long_mode();
        match d.system() {
            Some(kind::CALL32) => self.far_gate(selector, d, how),
            Some(kind::CALL16) if !long => self.far_gate(selector, d, how),
            Some(kind::TASK) if !long => {
                if !d.present() {
                    return Err(Fault::np(error));
                }
                let target = d.gate_selector();
                let tss = self.available_tss(target, 0)?;
                self.far_task(target, &tss, how)
            }
            Some(kind::TSS16 | kind::TSS32) if !long => {
                let tss = self.available_tss(selector, 0)?;
                self.far_task(selector, &tss, how)
            }
            _ => Err(Fault::gp(error)),
        }
    }

    fn far_task(&mut self, selector: u16, tss: &Descriptor, how: Transfer) -> Exec {
        let how = match how {
            Transfer::Jump => Switch::Jump,
            Transfer::Call(_) => Switch::Call,
        };
        self.task_switch(selector, tss, how)
    }

    /// Straight to a code segment: the privilege stays.
    fn far_code(&mut self, selector: u16, d: &Descriptor, offset: u64, how: Transfer) -> Exec {
        let error = code_of(selector);
        let allowed =
            if d.conforming() { d.dpl() <= self.cpl } else { rpl(selector) <= self.cpl && d.dpl() == self.cpl };
        if !allowed || self.long_mode() && d.long() && d.big() {
            return Err(Fault::gp(error));
        }
        if !d.present() {
            return Err(Fault::np(error));
        }
        let to_long = self.long_mode() && d.long();
        let offset = if to_long { offset } else { offset & 0xFFFF_FFFF };
        let Transfer::Call(width) = how else {
            self.check_target(d, offset)?;
            self.set_accessed(d)?;
            self.enter_code(selector, d, offset);
            return Ok(());
        };
        // The stack is that of the code called: flat when it is 64-bit. The stores come before the look at the offset.
        let mut stack =
            if to_long { Stack::long(self.gpr[Gpr::Rsp as usize], self.cpl, 0) } else { Stack::current(self) };
        stack.push(self, width, u64::from(self.seg[Seg::Cs as usize].selector))?;
        stack.push(self, width, self.rip)?;
        self.check_target(d, offset)?;
        self.set_accessed(d)?;
        stack.commit(self);
        self.enter_code(selector, d, offset);
        Ok(())
    }

    /// Loads CS with the CPL that is current.
    fn enter_code(&mut self, selector: u16, d: &Descriptor, offset: u64) {
        self.seg[Seg::Cs as usize] = d.segment(code_of(selector) | u16::from(self.cpl));
        self.rip = offset;
    }

    /// Through a call gate, whose DPL is checked already.
    fn far_gate(&mut self, selector: u16, gate: Descriptor, how: Transfer) -> Exec {
        let long = self.long_mode();
        let gate = self.widen(selector, gate)?.ok_or(Fault::gp(code_of(selector)))?;
        if !gate.present() {
            return Err(Fault::np(code_of(selector)));
        }
        let target = gate.gate_selector();
        if is_null(target) {
            return Err(Fault::GP0);
        }
        let error = code_of(target);
        let code = self.descriptor(target, Fault::gp)?;
        if !code.is_code() || code.dpl() > self.cpl || long && (!code.long() || code.big()) {
            return Err(Fault::gp(error));
        }
        let inner = !code.conforming() && code.dpl() < self.cpl;
        if matches!(how, Transfer::Jump) && inner {
            return Err(Fault::gp(error));
        }
        if !code.present() {
            return Err(Fault::np(error));
        }
        let offset = gate.gate_offset();
        let width = match (long, gate.attr() & kind::WIDE != 0) {
            (true, _) => Width::W64,
            (_, true) => Width::W32,
            _ => Width::W16,
        };
        if matches!(how, Transfer::Call(_)) {
            if inner {
                return self.call_inner(&gate, &code, width);
            }
            Stack::current(self).room(self, width, 2)?;
        }
        self.check_target(&code, offset)?;
        self.set_accessed(&code)?;
        if matches!(how, Transfer::Call(_)) {
            self.push_return(width)?;
        }
        self.enter_code(target, &code, offset);
        Ok(())
    }

    /// A call to a more privileged level, on its own stack, with the gate's parameters copied.
    fn call_inner(&mut self, gate: &Descriptor, code: &Descriptor, width: Width) -> Exec {
        let cpl = code.dpl();
        let old = Stack::current(self);
        let (mut stack, ss, count) = if width == Width::W64 {
            let sp = self.tss_rsp(4 + 8 * u64::from(cpl), 0)?;
            (Stack::long(sp, cpl, 0), null_segment(u16::from(cpl), cpl), 0)
        } else {
            let (ss, sp) = self.tss_stack(cpl, 0)?;
            let seg = self.inner_stack(ss, cpl, 0)?;
            (Stack::new(seg, sp, cpl, code_of(ss)), seg, gate.gate_count())
        };
        stack.room(self, width, 4 + count)?;
        self.check_target(code, gate.gate_offset())?;
        self.set_accessed(code)?;
        stack.push(self, width, u64::from(self.seg[Seg::Ss as usize].selector))?;
        stack.push(self, width, self.gpr[Gpr::Rsp as usize])?;
        for i in (0..count).rev() {
            let parameter = old.peek(self, width, i * width.bytes())?;
            stack.push(self, width, parameter)?;
        }
        stack.push(self, width, u64::from(self.seg[Seg::Cs as usize].selector))?;
        stack.push(self, width, self.rip)?;
        self.cpl = cpl;
        self.seg[Seg::Ss as usize] = ss;
        stack.commit(self);
        self.enter_code(gate.gate_selector(), code, gate.gate_offset());
        Ok(())
    }

    fn far_return(&mut self, width: Width, release: u64) -> Exec {
        let mut stack = Stack::current(self);
        // Of the selector's slot the lower word alone is read, and before the slot below it.
        let cs = stack.peek(self, Width::W16, width.bytes())? as u16;
        let ip = stack.pop(self, width)?;
        let code = if self.protected() { Some(self.return_code(cs)?) } else { None };
        stack.skip(width.bytes() + release);
        let Some(code) = code else {
            if ip > u64::from(self.seg[Seg::Cs as usize].limit) {
                return Err(Fault::GP0);
            }
            stack.commit(self);
            self.load_segment_real(Seg::Cs, cs);
            self.rip = ip;
            self.update_mode();
            return Ok(());
        };
        let cpl = rpl(cs);
        let to_long = self.long_mode() && code.long();
        let ip = if to_long { ip } else { ip & 0xFFFF_FFFF };
        let outer = cpl > self.cpl;
        let new_stack = if outer {
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
        self.update_mode();
        match new_stack {
            Some((sp, ss)) => {
                self.seg[Seg::Ss as usize] = ss;
                self.set_stack_pointer(sp.wrapping_add(release));
                self.drop_inner_segments();
            }
            // Released in the mode that is returned to: from 16-bit code to 64-bit code, all of RSP moves.
            None => self.set_stack_pointer(stack.pointer()),
        }
        self.update_mode();
        Ok(())
    }
}

const fn width_of(bytes: usize) -> Width {
    match bytes {
        2 => Width::W16,
        4 => Width::W32,
        _ => Width::W64,
    }
}

/// JMP ptr16:16, ptr16:32.
struct JmpPtr;
impl Insn for JmpPtr {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.far_transfer(op.disp as u16, u64::from(op.imm), Transfer::Jump)
    }
}

/// CALL ptr16:16, ptr16:32.
struct CallPtr<const W: usize>;
impl<const W: usize> Insn for CallPtr<W> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.far_transfer(op.disp as u16, u64::from(op.imm), Transfer::Call(width_of(W)))
    }
}

/// JMP m16:16, m16:32, m16:64.
struct JmpMem<const W: usize>;
impl<const W: usize> Insn for JmpMem<W> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let (offset, selector) = far_pointer::<M>(cpu, op, width_of(W))?;
        cpu.far_transfer(selector, offset, Transfer::Jump)
    }
}

/// CALL m16:16, m16:32, m16:64.
struct CallMem<const W: usize>;
impl<const W: usize> Insn for CallMem<W> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let (offset, selector) = far_pointer::<M>(cpu, op, width_of(W))?;
        cpu.far_transfer(selector, offset, Transfer::Call(width_of(W)))
    }
}

/// RETF, with or without bytes to release.
struct Retf<const W: usize, const IMM: bool>;
impl<const W: usize, const IMM: bool> Insn for Retf<W, IMM> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.far_return(width_of(W), if IMM { u64::from(op.imm as u16) } else { 0 })
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Jmp_ptr1616, transfer::form::<JmpPtr>()),
    (Code::Jmp_ptr1632, transfer::form::<JmpPtr>()),
    (Code::Call_ptr1616, transfer::form::<CallPtr<2>>()),
    (Code::Call_ptr1632, transfer::form::<CallPtr<4>>()),
    (Code::Jmp_m1616, transfer::form::<JmpMem<2>>()),
    (Code::Jmp_m1632, transfer::form::<JmpMem<4>>()),
    (Code::Jmp_m1664, transfer::form::<JmpMem<8>>()),
    (Code::Call_m1616, transfer::form::<CallMem<2>>()),
    (Code::Call_m1632, transfer::form::<CallMem<4>>()),
    (Code::Call_m1664, transfer::form::<CallMem<8>>()),
    (Code::Retfw, transfer::form::<Retf<2, false>>()),
    (Code::Retfd, transfer::form::<Retf<4, false>>()),
    (Code::Retfq, transfer::form::<Retf<8, false>>()),
    (Code::Retfw_imm16, transfer::form::<Retf<2, true>>()),
    (Code::Retfd_imm16, transfer::form::<Retf<4, true>>()),
    (Code::Retfq_imm16, transfer::form::<Retf<8, true>>()),
];
