//! Packed multiplication, horizontal addition, and sums of absolute differences.
//!
//! Intel SDM volume 1, 9.4.2, 11.4.2, 12.6 and 12.10.

use super::handler::{Packed, PackedImm, PackedMm, mmx, op2, op3};
use super::xmm::{Lane, Xmm};
use crate::engine::dispatch::Form;
use iced_x86::Code;
use std::array::from_fn;

/// `f` of neighbours: those of `a`, then those of `b`.
#[inline(always)]
fn pairs16(a: Xmm, b: Xmm, f: impl Fn(i16, i16) -> i16) -> Xmm {
    let (a, b) = (a.i16s(), b.i16s());
    Xmm::from_i16s(from_fn(|i| if i < 4 { f(a[2 * i], a[2 * i + 1]) } else { f(b[2 * i - 8], b[2 * i - 7]) }))
}

#[inline(always)]
fn pairs32(a: Xmm, b: Xmm, f: impl Fn(i32, i32) -> i32) -> Xmm {
    let (a, b) = (a.i32s(), b.i32s());
    Xmm::from_i32s([f(a[0], a[1]), f(a[2], a[3]), f(b[0], b[1]), f(b[2], b[3])])
}

/// Horizontal work on two MMX registers is that on one XMM register.
#[inline(always)]
fn joined<O: super::handler::Op2>(a: u64, b: u64) -> u64 {
    O::apply(Xmm::from_u64s([a, b]), Xmm::ZERO).low()
}

#[inline(always)]
fn high16(x: i32) -> i16 {
    (x >> 16) as i16
}

op2! {
    Pmullw: |a, b| i16::map2(a, b, i16::wrapping_mul);
    Pmulld: |a, b| i32::map2(a, b, i32::wrapping_mul);
    Pmulhw: |a, b| i16::map2(a, b, |x, y| high16(i32::from(x) * i32::from(y)));
    Pmulhuw: |a, b| u16::map2(a, b, |x, y| ((u32::from(x) * u32::from(y)) >> 16) as u16);
    Pmulhrsw: |a, b| i16::map2(a, b, |x, y| ((((i32::from(x) * i32::from(y)) >> 14) + 1) >> 1) as i16);
    Pmuludq: |a, b| u64::map2(a, b, |x, y| u64::from(x as u32) * u64::from(y as u32));
    Pmuldq: |a, b| i64::map2(a, b, |x, y| i64::from(x as i32) * i64::from(y as i32));
    Pmaddwd: |a, b| {
        let (a, b) = (a.i16s(), b.i16s());
        let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
        Xmm::from_i32s(from_fn(|i| product(2 * i).wrapping_add(product(2 * i + 1))))
    };
    /// Unsigned bytes of the first operand by signed bytes of the second.
    Pmaddubsw: |a, b| {
        let (a, b) = (a.u8s(), b.i8s());
        let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
        let saturate = |v: i32| v.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        Xmm::from_i16s(from_fn(|i| saturate(product(2 * i) + product(2 * i + 1))))
    };
    Psadbw: |a, b| {
        let (a, b) = (a.u8s(), b.u8s());
        Xmm::from_u64s(from_fn(|q| (8 * q..8 * q + 8).map(|i| u64::from(a[i].abs_diff(b[i]))).sum()))
    };
    Phaddw: |a, b| pairs16(a, b, i16::wrapping_add), mm |a, b| joined::<Self>(a, b);
    Phaddd: |a, b| pairs32(a, b, i32::wrapping_add), mm |a, b| joined::<Self>(a, b);
    Phaddsw: |a, b| pairs16(a, b, i16::saturating_add), mm |a, b| joined::<Self>(a, b);
    Phsubw: |a, b| pairs16(a, b, i16::wrapping_sub), mm |a, b| joined::<Self>(a, b);
    Phsubd: |a, b| pairs32(a, b, i32::wrapping_sub), mm |a, b| joined::<Self>(a, b);
    Phsubsw: |a, b| pairs16(a, b, i16::saturating_sub), mm |a, b| joined::<Self>(a, b);
    /// The smallest word and its index.
    Phminposuw: |_, b| {
        let words = b.u16s();
        let (mut least, mut at) = (words[0], 0);
        for (i, &w) in words.iter().enumerate() {
            if w < least {
                (least, at) = (w, i as u64);
            }
        }
        Xmm::zext(u64::from(least) | at << 16)
    };
}

op3! {
    /// Eight sums over four bytes each: bit 2 of the immediate picks the window of the first operand, bits 1:0 the
    /// doubleword of the second.
    Mpsadbw: |a, b, imm| {
        let (a, b) = (a.u8s(), b.u8s());
        let (from_a, from_b) = (usize::from(imm >> 2 & 1) * 4, usize::from(imm & 3) * 4);
        Xmm::from_u16s(from_fn(|i| {
            (0..4).map(|k| u16::from(a[(from_a + i + k) & 15].abs_diff(b[(from_b + k) & 15]))).sum()
        }))
    };
}

macro_rules! both {
    ($($o:ident $mm:ident $xmm:ident;)*) => {
        &[$(
            (Code::$mm, mmx::<PackedMm<$o>>()),
            (Code::$xmm, Form::rm::<Packed<$o>>()),
        )*]
    };
}
pub(super) const BOTH: &[(Code, Form)] = both! {
    Pmullw Pmullw_mm_mmm64 Pmullw_xmm_xmmm128;
    Pmulhw Pmulhw_mm_mmm64 Pmulhw_xmm_xmmm128;
    Pmulhuw Pmulhuw_mm_mmm64 Pmulhuw_xmm_xmmm128;
    Pmulhrsw Pmulhrsw_mm_mmm64 Pmulhrsw_xmm_xmmm128;
    Pmuludq Pmuludq_mm_mmm64 Pmuludq_xmm_xmmm128;
    Pmaddwd Pmaddwd_mm_mmm64 Pmaddwd_xmm_xmmm128;
    Pmaddubsw Pmaddubsw_mm_mmm64 Pmaddubsw_xmm_xmmm128;
    Psadbw Psadbw_mm_mmm64 Psadbw_xmm_xmmm128;
    Phaddw Phaddw_mm_mmm64 Phaddw_xmm_xmmm128;
    Phaddd Phaddd_mm_mmm64 Phaddd_xmm_xmmm128;
    Phaddsw Phaddsw_mm_mmm64 Phaddsw_xmm_xmmm128;
    Phsubw Phsubw_mm_mmm64 Phsubw_xmm_xmmm128;
    Phsubd Phsubd_mm_mmm64 Phsubd_xmm_xmmm128;
    Phsubsw Phsubsw_mm_mmm64 Phsubsw_xmm_xmmm128;
};
pub(super) const XMM: &[(Code, Form)] = &[
    (Code::Pmulld_xmm_xmmm128, Form::rm::<Packed<Pmulld>>()),
    (Code::Pmuldq_xmm_xmmm128, Form::rm::<Packed<Pmuldq>>()),
    (Code::Phminposuw_xmm_xmmm128, Form::rm_slow::<Packed<Phminposuw>>()),
    (Code::Mpsadbw_xmm_xmmm128_imm8, Form::rm_slow::<PackedImm<Mpsadbw>>()),
];
