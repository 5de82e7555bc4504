//! Packed shifts by an immediate or by the low quadword of a register or memory operand.
//!
//! Intel SDM volume 1, 9.4.6 and 11.4.2. A count beyond the lane gives zeros, or sign bits for the arithmetic shifts.

use super::handler::{mmx, src, src_mm};
use super::xmm::{Lane, Xmm};
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::state::Cpu;
use iced_x86::Code;
use std::marker::PhantomData;

trait Shift: 'static {
    fn apply(a: Xmm, count: u64) -> Xmm;
}

macro_rules! shifts {
    ($($name:ident: $t:ty, $f:ident;)*) => {$(
        struct $name;
        impl Shift for $name {
            #[inline(always)]
            fn apply(a: Xmm, count: u64) -> Xmm {
                if count >= u64::from(<$t>::BITS) {
                    return Xmm::ZERO;
                }
                <$t>::map(a, |x| x.$f(count as u32))
            }
        }
    )*};
}
shifts! {
    Psllw: u16, wrapping_shl;
    Pslld: u32, wrapping_shl;
    Psllq: u64, wrapping_shl;
    Psrlw: u16, wrapping_shr;
    Psrld: u32, wrapping_shr;
    Psrlq: u64, wrapping_shr;
}
macro_rules! arithmetic {
    ($($name:ident: $t:ty;)*) => {$(
        struct $name;
        impl Shift for $name {
            #[inline(always)]
            fn apply(a: Xmm, count: u64) -> Xmm {
                let count = count.min(u64::from(<$t>::BITS) - 1) as u32;
                <$t>::map(a, |x| x.wrapping_shr(count))
            }
        }
    )*};
}
arithmetic! {
    Psraw: i16;
    Psrad: i32;
}

/// Whole register left by bytes.
struct Pslldq;
impl Shift for Pslldq {
    #[inline(always)]
    fn apply(a: Xmm, count: u64) -> Xmm {
        if count > 15 { Xmm::ZERO } else { (u128::from(a) << (8 * count)).into() }
    }
}

/// Whole register right by bytes.
struct Psrldq;
impl Shift for Psrldq {
    #[inline(always)]
    fn apply(a: Xmm, count: u64) -> Xmm {
        if count > 15 { Xmm::ZERO } else { (u128::from(a) >> (8 * count)).into() }
    }
}

struct Imm<S>(PhantomData<S>);
impl<S: Shift> Insn for Imm<S> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.set_xmm(op.dst, S::apply(cpu.xmm(op.dst), u64::from(op.imm as u8)));
        Ok(())
    }
}

struct Count<S>(PhantomData<S>);
impl<S: Shift> Insn for Count<S> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let count = src::<M>(cpu, op)?.low();
        cpu.set_xmm(op.dst, S::apply(cpu.xmm(op.dst), count));
        Ok(())
    }
}

struct ImmMm<S>(PhantomData<S>);
impl<S: Shift> Insn for ImmMm<S> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.set_mm(op.dst, S::apply(Xmm::zext(cpu.mm(op.dst)), u64::from(op.imm as u8)).low());
        Ok(())
    }
}

struct CountMm<S>(PhantomData<S>);
impl<S: Shift> Insn for CountMm<S> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let count = src_mm::<M>(cpu, op)?;
        cpu.set_mm(op.dst, S::apply(Xmm::zext(cpu.mm(op.dst)), count).low());
        Ok(())
    }
}

macro_rules! forms {
    ($($s:ident $mm_imm:ident $mm:ident $xmm_imm:ident $xmm:ident;)*) => {
        &[$(
            (Code::$mm_imm, mmx::<ImmMm<$s>>()),
            (Code::$mm, mmx::<CountMm<$s>>()),
            (Code::$xmm_imm, Form::plain::<Imm<$s>>()),
            (Code::$xmm, Form::rm::<Count<$s>>()),
        )*]
    };
}
pub(super) const LANES: &[(Code, Form)] = forms! {
    Psllw Psllw_mm_imm8 Psllw_mm_mmm64 Psllw_xmm_imm8 Psllw_xmm_xmmm128;
    Pslld Pslld_mm_imm8 Pslld_mm_mmm64 Pslld_xmm_imm8 Pslld_xmm_xmmm128;
    Psllq Psllq_mm_imm8 Psllq_mm_mmm64 Psllq_xmm_imm8 Psllq_xmm_xmmm128;
    Psrlw Psrlw_mm_imm8 Psrlw_mm_mmm64 Psrlw_xmm_imm8 Psrlw_xmm_xmmm128;
    Psrld Psrld_mm_imm8 Psrld_mm_mmm64 Psrld_xmm_imm8 Psrld_xmm_xmmm128;
    Psrlq Psrlq_mm_imm8 Psrlq_mm_mmm64 Psrlq_xmm_imm8 Psrlq_xmm_xmmm128;
    Psraw Psraw_mm_imm8 Psraw_mm_mmm64 Psraw_xmm_imm8 Psraw_xmm_xmmm128;
    Psrad Psrad_mm_imm8 Psrad_mm_mmm64 Psrad_xmm_imm8 Psrad_xmm_xmmm128;
};
pub(super) const BYTES: &[(Code, Form)] =
    &[(Code::Pslldq_xmm_imm8, Form::plain::<Imm<Pslldq>>()), (Code::Psrldq_xmm_imm8, Form::plain::<Imm<Psrldq>>())];
