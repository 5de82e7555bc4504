//! Packing with saturation, interleaving, and widening moves.
//!
//! Intel SDM volume 1, 9.4.4, 9.4.5, 10.4.1.4, 11.4.1.4 and 12.10.

use super::handler::{Op2, Packed, PackedMm, insn, mmx, op2, src32, src64};
use super::xmm::Xmm;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::state::Cpu;
use iced_x86::Code;
use std::array::from_fn;
use std::marker::PhantomData;

#[inline(always)]
fn interleave8(a: [u8; 16], b: [u8; 16], from: usize) -> Xmm {
    Xmm::from_u8s(from_fn(|i| if i % 2 == 0 { a[from + i / 2] } else { b[from + i / 2] }))
}
#[inline(always)]
fn interleave16(a: [u16; 8], b: [u16; 8], from: usize) -> Xmm {
    Xmm::from_u16s(from_fn(|i| if i % 2 == 0 { a[from + i / 2] } else { b[from + i / 2] }))
}
#[inline(always)]
fn interleave32(a: [u32; 4], b: [u32; 4], from: usize) -> Xmm {
    Xmm::from_u32s([a[from], b[from], a[from + 1], b[from + 1]])
}

/// The upper halves of MMX registers interleave as the upper half of what two XMM registers give.
#[inline(always)]
fn upper<Low: Op2>(a: u64, b: u64) -> u64 {
    Low::apply(Xmm::zext(a), Xmm::zext(b)).high()
}

/// Two MMX registers pack as one XMM register does.
#[inline(always)]
fn joined<O: Op2>(a: u64, b: u64) -> u64 {
    O::apply(Xmm::from_u64s([a, b]), Xmm::ZERO).low()
}

#[inline(always)]
fn pack16(a: Xmm, b: Xmm, f: impl Fn(i16) -> u8) -> Xmm {
    let (a, b) = (a.i16s(), b.i16s());
    Xmm::from_u8s(from_fn(|i| f(if i < 8 { a[i] } else { b[i - 8] })))
}

#[inline(always)]
fn pack32(a: Xmm, b: Xmm, f: impl Fn(i32) -> u16) -> Xmm {
    let (a, b) = (a.i32s(), b.i32s());
    Xmm::from_u16s(from_fn(|i| f(if i < 4 { a[i] } else { b[i - 4] })))
}

op2! {
    Packsswb: |a, b| pack16(a, b, |x| x.clamp(-0x80, 0x7F) as u8), mm |a, b| joined::<Self>(a, b);
    Packuswb: |a, b| pack16(a, b, |x| x.clamp(0, 0xFF) as u8), mm |a, b| joined::<Self>(a, b);
    Packssdw: |a, b| pack32(a, b, |x| x.clamp(-0x8000, 0x7FFF) as u16), mm |a, b| joined::<Self>(a, b);
    Packusdw: |a, b| pack32(a, b, |x| x.clamp(0, 0xFFFF) as u16);
    Punpcklbw: |a, b| interleave8(a.u8s(), b.u8s(), 0);
    Punpckhbw: |a, b| interleave8(a.u8s(), b.u8s(), 8), mm |a, b| upper::<Punpcklbw>(a, b);
    Punpcklwd: |a, b| interleave16(a.u16s(), b.u16s(), 0);
    Punpckhwd: |a, b| interleave16(a.u16s(), b.u16s(), 4), mm |a, b| upper::<Punpcklwd>(a, b);
    Punpckldq: |a, b| interleave32(a.u32s(), b.u32s(), 0);
    Punpckhdq: |a, b| interleave32(a.u32s(), b.u32s(), 2), mm |a, b| upper::<Punpckldq>(a, b);
    Punpcklqdq: |a, b| Xmm::from_u64s([a.low(), b.low()]);
    Punpckhqdq: |a, b| Xmm::from_u64s([a.high(), b.high()]);
}

/// PUNPCKL on MMX registers reads only four bytes of memory.
struct UnpackLow<O>(PhantomData<O>);
impl<O: Op2> Insn for UnpackLow<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = if M::MEM { u64::from(M::src::<u32>(cpu, op)?) } else { cpu.mm(op.src) };
        cpu.set_mm(op.dst, O::apply64(cpu.mm(op.dst), b));
        Ok(())
    }
}

/// PMOVSX and PMOVZX from the low lanes of the source.
macro_rules! widen {
    ($($name:ident: $src:ident, $get:ident, $make:ident, $t:ty;)*) => {
        insn! {$(
            $name: |cpu, op, M| {
                let v = Xmm::zext(u64::from($src::<M>(cpu, op)?)).$get();
                cpu.set_xmm(op.dst, Xmm::$make(from_fn(|i| <$t>::from(v[i]))));
                Ok(())
            };
        )*}
    };
}
#[inline(always)]
fn src16<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec<u16> {
    if M::MEM { M::src::<u16>(cpu, op) } else { Ok(cpu.xmm(op.src).low() as u16) }
}
widen! {
    Pmovsxbw: src64, i8s, from_i16s, i16;
    Pmovsxbd: src32, i8s, from_i32s, i32;
    Pmovsxbq: src16, i8s, from_i64s, i64;
    Pmovsxwd: src64, i16s, from_i32s, i32;
    Pmovsxwq: src32, i16s, from_i64s, i64;
    Pmovsxdq: src64, i32s, from_i64s, i64;
    Pmovzxbw: src64, u8s, from_u16s, u16;
    Pmovzxbd: src32, u8s, from_u32s, u32;
    Pmovzxbq: src16, u8s, from_u64s, u64;
    Pmovzxwd: src64, u16s, from_u32s, u32;
    Pmovzxwq: src32, u16s, from_u64s, u64;
    Pmovzxdq: src64, u32s, from_u64s, u64;
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Packsswb_mm_mmm64, mmx::<PackedMm<Packsswb>>()),
    (Code::Packsswb_xmm_xmmm128, Form::rm::<Packed<Packsswb>>()),
    (Code::Packuswb_mm_mmm64, mmx::<PackedMm<Packuswb>>()),
    (Code::Packuswb_xmm_xmmm128, Form::rm::<Packed<Packuswb>>()),
    (Code::Packssdw_mm_mmm64, mmx::<PackedMm<Packssdw>>()),
    (Code::Packssdw_xmm_xmmm128, Form::rm::<Packed<Packssdw>>()),
    (Code::Packusdw_xmm_xmmm128, Form::rm::<Packed<Packusdw>>()),
    (Code::Punpcklbw_mm_mmm32, mmx::<UnpackLow<Punpcklbw>>()),
    (Code::Punpcklbw_xmm_xmmm128, Form::rm::<Packed<Punpcklbw>>()),
    (Code::Punpcklwd_mm_mmm32, mmx::<UnpackLow<Punpcklwd>>()),
    (Code::Punpcklwd_xmm_xmmm128, Form::rm::<Packed<Punpcklwd>>()),
    (Code::Punpckldq_mm_mmm32, mmx::<UnpackLow<Punpckldq>>()),
    (Code::Punpckldq_xmm_xmmm128, Form::rm::<Packed<Punpckldq>>()),
    (Code::Punpcklqdq_xmm_xmmm128, Form::rm::<Packed<Punpcklqdq>>()),
    (Code::Punpckhbw_mm_mmm64, mmx::<PackedMm<Punpckhbw>>()),
    (Code::Punpckhbw_xmm_xmmm128, Form::rm::<Packed<Punpckhbw>>()),
    (Code::Punpckhwd_mm_mmm64, mmx::<PackedMm<Punpckhwd>>()),
    (Code::Punpckhwd_xmm_xmmm128, Form::rm::<Packed<Punpckhwd>>()),
    (Code::Punpckhdq_mm_mmm64, mmx::<PackedMm<Punpckhdq>>()),
    (Code::Punpckhdq_xmm_xmmm128, Form::rm::<Packed<Punpckhdq>>()),
    (Code::Punpckhqdq_xmm_xmmm128, Form::rm::<Packed<Punpckhqdq>>()),
    (Code::Unpcklps_xmm_xmmm128, Form::rm::<Packed<Punpckldq>>()),
    (Code::Unpckhps_xmm_xmmm128, Form::rm::<Packed<Punpckhdq>>()),
    (Code::Unpcklpd_xmm_xmmm128, Form::rm::<Packed<Punpcklqdq>>()),
    (Code::Unpckhpd_xmm_xmmm128, Form::rm::<Packed<Punpckhqdq>>()),
    (Code::Pmovsxbw_xmm_xmmm64, Form::rm_slow::<Pmovsxbw>()),
    (Code::Pmovsxbd_xmm_xmmm32, Form::rm_slow::<Pmovsxbd>()),
    (Code::Pmovsxbq_xmm_xmmm16, Form::rm_slow::<Pmovsxbq>()),
    (Code::Pmovsxwd_xmm_xmmm64, Form::rm_slow::<Pmovsxwd>()),
    (Code::Pmovsxwq_xmm_xmmm32, Form::rm_slow::<Pmovsxwq>()),
    (Code::Pmovsxdq_xmm_xmmm64, Form::rm_slow::<Pmovsxdq>()),
    (Code::Pmovzxbw_xmm_xmmm64, Form::rm_slow::<Pmovzxbw>()),
    (Code::Pmovzxbd_xmm_xmmm32, Form::rm_slow::<Pmovzxbd>()),
    (Code::Pmovzxbq_xmm_xmmm16, Form::rm_slow::<Pmovzxbq>()),
    (Code::Pmovzxwd_xmm_xmmm64, Form::rm_slow::<Pmovzxwd>()),
    (Code::Pmovzxwq_xmm_xmmm32, Form::rm_slow::<Pmovzxwq>()),
    (Code::Pmovzxdq_xmm_xmmm64, Form::rm_slow::<Pmovzxdq>()),
];
