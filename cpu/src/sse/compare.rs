//! Floating-point comparison: CMPPS and kin, COMISS and UCOMISS.
//!
//! Intel SDM volume 2, CMPPD table 3-1 (predicates) and COMISD.

use super::handler::{insn, src, src32, src64};
use super::xmm::Xmm;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::softfloat::Ordering;
use crate::softfloat::sse::{F32, F64, compare, predicate};
use crate::state::{Cpu, eflags};
use iced_x86::Code;
use std::array::from_fn;

/// The predicate: the encodings without VEX have eight.
#[inline(always)]
fn wanted(op: &Op) -> u8 {
    op.imm as u8 & 7
}

insn! {
    Cmpps: |cpu, op, M| {
        let b = src::<M>(cpu, op)?.u32s();
        let a = cpu.xmm(op.dst).u32s();
        let p = wanted(op);
        let hits: [bool; 4] =
            cpu.float(|st| from_fn(|i| predicate::<F32>(u64::from(a[i]), u64::from(b[i]), p, st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u32s(hits.map(|hit| if hit { !0 } else { 0 })));
        Ok(())
    };
    Cmppd: |cpu, op, M| {
        let b = src::<M>(cpu, op)?.u64s();
        let a = cpu.xmm(op.dst).u64s();
        let p = wanted(op);
        let hits: [bool; 2] = cpu.float(|st| from_fn(|i| predicate::<F64>(a[i], b[i], p, st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u64s(hits.map(|hit| if hit { !0 } else { 0 })));
        Ok(())
    };
    Cmpss: |cpu, op, M| {
        let b = src32::<M>(cpu, op)?;
        let a = cpu.xmm(op.dst);
        let hit = cpu.float(|st| predicate::<F32>(u64::from(a.low32()), u64::from(b), wanted(op), st))?;
        cpu.set_xmm(op.dst, a.with_low32(if hit { !0 } else { 0 }));
        Ok(())
    };
    Cmpsd: |cpu, op, M| {
        let b = src64::<M>(cpu, op)?;
        let a = cpu.xmm(op.dst);
        let hit = cpu.float(|st| predicate::<F64>(a.low(), b, wanted(op), st))?;
        cpu.set_xmm(op.dst, a.with_low(if hit { !0 } else { 0 }));
        Ok(())
    };
}

/// COMISS; UCOMISS when `QUIET`.
struct Comiss<const QUIET: bool>;
impl<const QUIET: bool> Insn for Comiss<QUIET> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = u64::from(src32::<M>(cpu, op)?);
        let a = u64::from(cpu.xmm(op.dst).low32());
        let order = cpu.float(|st| compare::<F32>(a, b, QUIET, st))?;
        cpu.set_order(order);
        Ok(())
    }
}

/// COMISD; UCOMISD when `QUIET`.
struct Comisd<const QUIET: bool>;
impl<const QUIET: bool> Insn for Comisd<QUIET> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src64::<M>(cpu, op)?;
        let a = cpu.xmm(op.dst).low();
        let order = cpu.float(|st| compare::<F64>(a, b, QUIET, st))?;
        cpu.set_order(order);
        Ok(())
    }
}

impl Cpu {
    fn set_order(&mut self, order: Ordering) {
        self.set_arith_flags(match order {
            Ordering::Unordered => eflags::ZF | eflags::PF | eflags::CF,
            Ordering::Greater => 0,
            Ordering::Less => eflags::CF,
            Ordering::Equal => eflags::ZF,
        });
    }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Cmpps_xmm_xmmm128_imm8, Form::rm::<Cmpps>()),
    (Code::Cmppd_xmm_xmmm128_imm8, Form::rm::<Cmppd>()),
    (Code::Cmpss_xmm_xmmm32_imm8, Form::rm::<Cmpss>()),
    (Code::Cmpsd_xmm_xmmm64_imm8, Form::rm::<Cmpsd>()),
    (Code::Comiss_xmm_xmmm32, Form::rm::<Comiss<false>>()),
    (Code::Comisd_xmm_xmmm64, Form::rm::<Comisd<false>>()),
    (Code::Ucomiss_xmm_xmmm32, Form::rm::<Comiss<true>>()),
    (Code::Ucomisd_xmm_xmmm64, Form::rm::<Comisd<true>>()),
];
