//! SYSENTER, SYSEXIT, SYSCALL, SYSRET.
//!
//! Intel SDM volume 2 and volume 3, sections 5.8.7 and 5.8.8. No descriptor is read: CS and SS get fixed contents.
//! SYSCALL and SYSRET exist in 64-bit mode only, as on Intel's processors.

use super::descriptor::is_null;
use super::transfer;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::mmu::canonical;
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::{Gpr, Seg, Segment, attr};
use crate::state::{Cpu, cr0, efer, eflags};
use iced_x86::Code;

/// Flat, present, accessed, page-granular, of privilege `dpl`.
const fn flat(dpl: u8) -> u16 {
    attr::P | attr::S | attr::RW | attr::A | attr::G | (dpl as u16) << attr::DPL_SHIFT
}

/// What SYSRET takes from R11.
const SYSRET_FLAGS: u64 = 0x003C_7FD7;

impl Cpu {
    /// CS = `selector` and SS = `stack`, flat, at privilege `cpl`, which becomes current.
    fn set_flat_segments(&mut self, selector: u16, stack: u16, cpl: u8, long: bool) {
        let width = if long { attr::L } else { attr::DB };
        let code = flat(cpl) | attr::CODE | width;
        self.seg[Seg::Cs as usize] = Segment::new(selector, 0, u32::MAX, code);
        self.seg[Seg::Ss as usize] = Segment::new(stack, 0, u32::MAX, flat(cpl) | attr::DB);
        self.cpl = cpl;
    }
}

/// SYSENTER.
struct Sysenter;
impl Insn for Sysenter {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let selector = cpu.sys.sysenter_cs as u16;
        if cpu.sys.cr0 & cr0::PE == 0 || is_null(selector) {
            return Err(Fault::GP0);
        }
        let long = cpu.long_mode();
        let mask = if long { u64::MAX } else { 0xFFFF_FFFF };
        cpu.eflags &= !(eflags::VM | eflags::IF | eflags::RF);
        cpu.set_flat_segments(selector & !3, (selector & !3).wrapping_add(8), 0, long);
        cpu.rip = cpu.sys.sysenter_eip & mask;
        cpu.gpr[Gpr::Rsp as usize] = cpu.sys.sysenter_esp & mask;
        cpu.update_mode();
        Ok(())
    }
}

/// SYSEXIT, to 32-bit or 64-bit code.
struct Sysexit<const LONG: bool>;
impl<const LONG: bool> Insn for Sysexit<LONG> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let selector = cpu.sys.sysenter_cs as u16;
        if is_null(selector) || cpu.cpl != 0 || cpu.real() {
            return Err(Fault::GP0);
        }
        let mask = if LONG { u64::MAX } else { 0xFFFF_FFFF };
        let (rip, rsp) = (cpu.gpr[Gpr::Rdx as usize] & mask, cpu.gpr[Gpr::Rcx as usize] & mask);
        if !canonical(rip) || !canonical(rsp) {
            return Err(Fault::GP0);
        }
        let offset = if LONG { 32 } else { 16 };
        let cs = (selector & !3).wrapping_add(offset);
        cpu.set_flat_segments(cs | 3, cs.wrapping_add(8) | 3, 3, LONG);
        cpu.rip = rip;
        cpu.gpr[Gpr::Rsp as usize] = rsp;
        cpu.update_mode();
        Ok(())
    }
}

/// SYSCALL.
struct Syscall;
impl Insn for Syscall {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        if cpu.sys.efer & efer::SCE == 0 || !cpu.code64() {
            return Err(Fault::UD);
        }
        let selector = (cpu.sys.star >> 32) as u16 & !3;
        cpu.gpr[Gpr::Rcx as usize] = cpu.rip;
        let flags = cpu.rflags() & !eflags::RF;
        cpu.gpr[Gpr::R11 as usize] = flags;
        cpu.set_rflags_raw(flags & !cpu.sys.sfmask);
        cpu.set_flat_segments(selector, selector.wrapping_add(8), 0, true);
        cpu.rip = cpu.sys.lstar;
        cpu.update_mode();
        Ok(())
    }
}

/// SYSRET, to compatibility or 64-bit code.
struct Sysret<const LONG: bool>;
impl<const LONG: bool> Insn for Sysret<LONG> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        if cpu.sys.efer & efer::SCE == 0 || !cpu.code64() {
            return Err(Fault::UD);
        }
        cpu.privileged()?;
        let rip = cpu.gpr[Gpr::Rcx as usize];
        if LONG && !canonical(rip) {
            return Err(Fault::GP0);
        }
        let base = (cpu.sys.star >> 48) as u16;
        let cs = if LONG { base.wrapping_add(16) } else { base };
        let flags = cpu.gpr[Gpr::R11 as usize] & SYSRET_FLAGS;
        cpu.set_flags(flags, SYSRET_FLAGS | eflags::RF);
        // TF counts as it is behind SYSRET, as if the program's SYSCALL were what is stepped over: one that is set traps at
        // once, not an instruction later; one that is cleared does not trap.
        cpu.sys.pending_debug &= !super::debug::DR6_BS;
        if flags & eflags::TF != 0 {
            cpu.sys.pending_debug |= super::debug::DR6_BS;
        }
        cpu.set_flat_segments(cs | 3, base.wrapping_add(8) | 3, 3, LONG);
        cpu.rip = if LONG { rip } else { rip & 0xFFFF_FFFF };
        cpu.update_mode();
        Ok(())
    }
}

/// RSM outside system-management mode, which does not exist here.
struct Rsm;
impl Insn for Rsm {
    fn exec<M: Rm>(_cpu: &mut Cpu, _op: &Op) -> Exec {
        Err(Fault::UD)
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Sysenter, transfer::form::<Sysenter>()),
    (Code::Sysexitd, transfer::form::<Sysexit<false>>()),
    (Code::Sysexitq, transfer::form::<Sysexit<true>>()),
    (Code::Syscall, transfer::form::<Syscall>()),
    (Code::Sysretd, transfer::form::<Sysret<false>>()),
    (Code::Sysretq, transfer::form::<Sysret<true>>()),
    (Code::Rsm, Form::system::<Rsm>()),
];
