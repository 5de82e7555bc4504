//! Instructions on EFLAGS as a whole and on the interrupt flag, with the virtual interrupt flag of VME and PVI.
//!
//! Intel SDM volume 2 (CLI, STI, PUSHF, POPF, LAHF, SAHF), volume 3, sections 20.3 and 20.4 (virtual interrupts).

use super::segment::merge_sp;
use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::{Rm, World};
use crate::regs::Gpr;
use crate::state::{Cpu, cr4, eflags};
use iced_x86::Code;

/// What any program may change with POPF.
const POPF_LOW: u64 = eflags::ARITH | eflags::TF | eflags::DF | eflags::NT;
/// The same above bit 15; RF is always cleared.
const POPF_HIGH: u64 = eflags::AC | eflags::ID;

/// Who decides about the interrupt flag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfOwner {
    /// The program changes IF.
    Program,
    /// The program changes VIF.
    Virtual,
    /// #GP(0).
    Nobody,
}

impl Cpu {
    #[inline]
    fn if_owner(&self) -> IfOwner {
        if self.cpl <= self.iopl() || self.real() {
            return IfOwner::Program;
        }
        let virtual_if = if self.v86() { cr4::VME } else { cr4::PVI };
        if self.cpl == 3 && self.sys.cr4 & virtual_if != 0 { IfOwner::Virtual } else { IfOwner::Nobody }
    }

    /// After IF may have been set: an interrupt that waits ends the chain.
    #[inline]
    fn interrupts_allowed(&mut self) {
        if self.lines.intr && self.eflags & eflags::IF != 0 {
            self.stop = true;
        }
    }

    /// The FLAGS image that PUSHF stores.
    fn pushf_image(&self, size: u64) -> Exec<u64> {
        let flags = self.rflags() & !(eflags::VM | eflags::RF);
        if self.v86() && self.iopl() < 3 {
            if self.sys.cr4 & cr4::VME == 0 || size != 2 {
                return Err(Fault::GP0);
            }
            let vif = self.eflags & eflags::VIF != 0;
            let flags = flags | eflags::IOPL;
            return Ok(if vif { flags | eflags::IF } else { flags & !eflags::IF });
        }
        Ok(flags)
    }

    fn popf(&mut self, image: u64, size: u64) -> Exec {
        let mut mask = if size == 2 { POPF_LOW } else { POPF_LOW | POPF_HIGH };
        if self.v86() {
            if self.iopl() < 3 {
                return self.popf_virtual(image, size);
            }
            mask |= eflags::IF;
        } else if self.cpl == 0 {
            mask |= eflags::IF | eflags::IOPL;
        } else if self.cpl <= self.iopl() {
            mask |= eflags::IF;
        }
        self.apply_flags(image, mask);
        Ok(())
    }

    /// VIF and VIP are both set where they count: #GP(0) before the next instruction (SDM volume 3, 20.3.2). Only IRET
    /// and a task switch lead here, and both end the chain.
    pub(crate) fn virtual_interrupt_due(&self) -> bool {
        const BOTH: u64 = eflags::VIF | eflags::VIP;
        let extension = if self.v86() { cr4::VME } else { cr4::PVI };
        self.eflags & BOTH == BOTH && self.cpl == 3 && self.iopl() < 3 && self.sys.cr4 & extension != 0
    }

    /// POPF in virtual-8086 mode below IOPL 3.
    fn popf_virtual(&mut self, image: u64, size: u64) -> Exec {
        if self.sys.cr4 & cr4::VME == 0 || size != 2 {
            return Err(Fault::GP0);
        }
        let wants_if = image & eflags::IF != 0;
        if image & eflags::TF != 0 || wants_if && self.eflags & eflags::VIP != 0 {
            return Err(Fault::GP0);
        }
        self.apply_flags(image, POPF_LOW);
        self.eflags = if wants_if { self.eflags | eflags::VIF } else { self.eflags & !eflags::VIF };
        Ok(())
    }

    /// Replaces flags inside a chain and does what the changed ones ask for.
    fn apply_flags(&mut self, image: u64, mask: u64) {
        let before = self.eflags;
        self.set_flags(image, mask);
        let changed = before ^ self.eflags;
        if changed & (eflags::TF | eflags::IF | eflags::AC) != 0 {
            if changed & eflags::AC != 0 {
                self.update_tables();
            }
            if changed & eflags::TF != 0 {
                self.stop = true;
            }
            self.interrupts_allowed();
        }
    }
}

/// CLI.
struct ClearIf;
impl Insn for ClearIf {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        match cpu.if_owner() {
            IfOwner::Program => cpu.eflags &= !eflags::IF,
            IfOwner::Virtual => cpu.eflags &= !eflags::VIF,
            IfOwner::Nobody => return Err(Fault::GP0),
        }
        Ok(())
    }
}

/// STI: interrupts wait for one more instruction.
struct SetIf;
impl Insn for SetIf {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        match cpu.if_owner() {
            IfOwner::Program => {
                if cpu.eflags & eflags::IF == 0 {
                    cpu.eflags |= eflags::IF;
                    cpu.sys.shadow_end = cpu.icount_now() + 2;
                    cpu.sys.shadow_ss = false;
                    cpu.interrupts_allowed();
                }
            }
            IfOwner::Virtual if cpu.eflags & eflags::VIP == 0 => cpu.eflags |= eflags::VIF,
            _ => return Err(Fault::GP0),
        }
        Ok(())
    }
}

/// PUSHF, PUSHFD, PUSHFQ.
struct Pushf<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for Pushf<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let image = cpu.pushf_image(T::SIZE)?;
        let mask = M::W::stack_mask(cpu);
        let rsp = cpu.gpr[Gpr::Rsp as usize];
        let sp = rsp.wrapping_sub(T::SIZE);
        let lin = M::W::stack(cpu, sp, T::SIZE, true)?;
        cpu.write(lin, T::trunc(image))?;
        cpu.gpr[Gpr::Rsp as usize] = merge_sp(rsp, sp, mask);
        Ok(())
    }
}

/// POPF, POPFD, POPFQ.
struct Popf<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for Popf<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let mask = M::W::stack_mask(cpu);
        let rsp = cpu.gpr[Gpr::Rsp as usize];
        let lin = M::W::stack(cpu, rsp, T::SIZE, false)?;
        let image = cpu.read::<T>(lin)?.zext();
        cpu.popf(image, T::SIZE)?;
        cpu.gpr[Gpr::Rsp as usize] = merge_sp(rsp, rsp.wrapping_add(T::SIZE), mask);
        Ok(())
    }
}

const LAHF: u64 = eflags::CF | eflags::PF | eflags::AF | eflags::ZF | eflags::SF;

/// LAHF.
struct LoadAh;
impl Insn for LoadAh {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let ah = cpu.arith_flags() & LAHF | eflags::FIXED;
        let rax = &mut cpu.gpr[Gpr::Rax as usize];
        *rax = (*rax & !0xFF00) | ah << 8;
        Ok(())
    }
}

/// SAHF.
struct StoreAh;
impl Insn for StoreAh {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let ah = cpu.gpr[Gpr::Rax as usize] >> 8 & LAHF;
        let keep = cpu.arith_flags() & !LAHF;
        cpu.set_arith_flags(keep | ah);
        Ok(())
    }
}

/// CLAC and STAC.
struct SetAc<const SET: bool>;
impl<const SET: bool> Insn for SetAc<SET> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        if cpu.cpl != 0 || cpu.real() {
            return Err(Fault::UD);
        }
        cpu.eflags = if SET { cpu.eflags | eflags::AC } else { cpu.eflags & !eflags::AC };
        cpu.update_tables();
        Ok(())
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Cli, Form::plain::<ClearIf>()),
    (Code::Sti, Form::checked::<SetIf>()),
    (Code::Pushfw, Form::world::<Pushf<u16>>()),
    (Code::Pushfd, Form::world::<Pushf<u32>>()),
    (Code::Pushfq, Form::world::<Pushf<u64>>()),
    (Code::Popfw, Form::world::<Popf<u16>>()),
    (Code::Popfd, Form::world::<Popf<u32>>()),
    (Code::Popfq, Form::world::<Popf<u64>>()),
    (Code::Lahf, Form::plain::<LoadAh>()),
    (Code::Sahf, Form::plain::<StoreAh>()),
    (Code::Clac, Form::plain::<SetAc<false>>()),
    (Code::Stac, Form::plain::<SetAc<true>>()),
];
