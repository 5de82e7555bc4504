//! Looking at descriptors: LAR, LSL, VERR, VERW, and ARPL.
//!
//! Intel SDM volume 2 and volume 3, section 5.10. None of them faults over what the selector names: ZF tells.

use super::descriptor::{Descriptor, is_null, kind, rpl};
use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::Rm;
use crate::state::Cpu;
use iced_x86::Code;

/// The bits of a descriptor's second dword that LAR shows; the four of the limit are undefined by the manual and shown
/// by processors.
const ACCESS_RIGHTS: u64 = 0x00FF_FF00;

impl Cpu {
    /// The descriptor of a selector, when the program at CPL and RPL may see it.
    fn visible(&mut self, selector: u16) -> Exec<Option<Descriptor>> {
        if !self.protected() {
            return Err(Fault::UD);
        }
        if is_null(selector) {
            return Ok(None);
        }
        let Some(d) = self.find_descriptor(selector)? else { return Ok(None) };
        let seen = d.conforming() || self.cpl <= d.dpl() && rpl(selector) <= d.dpl();
        Ok(seen.then_some(d))
    }

    /// System descriptor types that LAR (`gates`) or LSL knows in this mode.
    fn inspectable(&self, d: &Descriptor, gates: bool) -> bool {
        let long = self.long_mode();
        match d.system() {
            None | Some(kind::LDT | kind::TSS32 | kind::TSS32_BUSY) => true,
            Some(kind::TSS16 | kind::TSS16_BUSY) => !long,
            Some(kind::CALL16 | kind::TASK) => gates && !long,
            Some(kind::CALL32) => gates,
            _ => false,
        }
    }
}

/// LAR.
struct Lar<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for Lar<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let selector = M::src::<u16>(cpu, op)?;
        let found = cpu.visible(selector)?.filter(|d| cpu.inspectable(d, true));
        if let Some(d) = found {
            cpu.set_reg_dst(op, T::trunc(d.raw >> 32 & ACCESS_RIGHTS));
        }
        cpu.set_zf(found.is_some());
        Ok(())
    }
}

/// LSL.
struct Lsl<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for Lsl<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let selector = M::src::<u16>(cpu, op)?;
        let found = cpu.visible(selector)?.filter(|d| cpu.inspectable(d, false));
        if let Some(d) = found {
            cpu.set_reg_dst(op, T::trunc(u64::from(d.limit())));
        }
        cpu.set_zf(found.is_some());
        Ok(())
    }
}

/// VERR and VERW.
struct Verify<const WRITE: bool>;
impl<const WRITE: bool> Insn for Verify<WRITE> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let selector = M::dst::<u16>(cpu, op)?;
        let found = cpu.visible(selector)?;
        let ok = found.is_some_and(|d| if WRITE { d.writable_data() } else { d.readable() });
        cpu.set_zf(ok);
        Ok(())
    }
}

/// ARPL.
struct Arpl;
impl Insn for Arpl {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        if !cpu.protected() {
            return Err(Fault::UD);
        }
        let old = M::dst::<u16>(cpu, op)?;
        let level = cpu.reg_src::<u16>(op) & 3;
        let raise = old & 3 < level;
        if raise {
            M::set_dst::<u16>(cpu, op, old & !3 | level)?;
        }
        cpu.set_zf(raise);
        Ok(())
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Lar_r16_rm16, Form::checked::<Lar<u16>>()),
    (Code::Lar_r32_r32m16, Form::checked::<Lar<u32>>()),
    (Code::Lar_r64_r64m16, Form::checked::<Lar<u64>>()),
    (Code::Lsl_r16_rm16, Form::checked::<Lsl<u16>>()),
    (Code::Lsl_r32_r32m16, Form::checked::<Lsl<u32>>()),
    (Code::Lsl_r64_r64m16, Form::checked::<Lsl<u64>>()),
    (Code::Verr_rm16, Form::checked::<Verify<false>>()),
    (Code::Verr_r32m16, Form::checked::<Verify<false>>()),
    (Code::Verr_r64m16, Form::checked::<Verify<false>>()),
    (Code::Verw_rm16, Form::checked::<Verify<true>>()),
    (Code::Verw_r32m16, Form::checked::<Verify<true>>()),
    (Code::Verw_r64m16, Form::checked::<Verify<true>>()),
    (Code::Arpl_rm16_r16, Form::checked::<Arpl>()),
    (Code::Arpl_r32m16_r32, Form::checked::<Arpl>()),
];
