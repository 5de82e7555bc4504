//! Packed addition, subtraction, comparison, minimum, maximum, average, sign, absolute value, and logic.
//!
//! Intel SDM volume 1, 9.4, 10.4.4, 11.4.2, 12.6 and 12.10.

use super::handler::{Packed, PackedMm, insn, mmx, op2, src};
use super::xmm::Lane;
use crate::engine::dispatch::Form;
use crate::state::eflags;
use iced_x86::Code;

macro_rules! mask {
    ($t:ty, $a:expr, $b:expr, $f:expr) => {
        <$t>::map2($a, $b, |x, y| if $f(x, y) { !0 } else { 0 })
    };
}

op2! {
    Paddb: |a, b| u8::map2(a, b, u8::wrapping_add);
    Paddw: |a, b| u16::map2(a, b, u16::wrapping_add);
    Paddd: |a, b| u32::map2(a, b, u32::wrapping_add);
    Paddq: |a, b| u64::map2(a, b, u64::wrapping_add);
    Psubb: |a, b| u8::map2(a, b, u8::wrapping_sub);
    Psubw: |a, b| u16::map2(a, b, u16::wrapping_sub);
    Psubd: |a, b| u32::map2(a, b, u32::wrapping_sub);
    Psubq: |a, b| u64::map2(a, b, u64::wrapping_sub);
    Paddsb: |a, b| i8::map2(a, b, i8::saturating_add);
    Paddsw: |a, b| i16::map2(a, b, i16::saturating_add);
    Paddusb: |a, b| u8::map2(a, b, u8::saturating_add);
    Paddusw: |a, b| u16::map2(a, b, u16::saturating_add);
    Psubsb: |a, b| i8::map2(a, b, i8::saturating_sub);
    Psubsw: |a, b| i16::map2(a, b, i16::saturating_sub);
    Psubusb: |a, b| u8::map2(a, b, u8::saturating_sub);
    Psubusw: |a, b| u16::map2(a, b, u16::saturating_sub);
    Pminub: |a, b| u8::map2(a, b, u8::min);
    Pminuw: |a, b| u16::map2(a, b, u16::min);
    Pminud: |a, b| u32::map2(a, b, u32::min);
    Pminsb: |a, b| i8::map2(a, b, i8::min);
    Pminsw: |a, b| i16::map2(a, b, i16::min);
    Pminsd: |a, b| i32::map2(a, b, i32::min);
    Pmaxub: |a, b| u8::map2(a, b, u8::max);
    Pmaxuw: |a, b| u16::map2(a, b, u16::max);
    Pmaxud: |a, b| u32::map2(a, b, u32::max);
    Pmaxsb: |a, b| i8::map2(a, b, i8::max);
    Pmaxsw: |a, b| i16::map2(a, b, i16::max);
    Pmaxsd: |a, b| i32::map2(a, b, i32::max);
    Pavgb: |a, b| u8::map2(a, b, |x, y| ((u16::from(x) + u16::from(y) + 1) >> 1) as u8);
    Pavgw: |a, b| u16::map2(a, b, |x, y| ((u32::from(x) + u32::from(y) + 1) >> 1) as u16);
    Pcmpeqb: |a, b| mask!(u8, a, b, |x, y| x == y);
    Pcmpeqw: |a, b| mask!(u16, a, b, |x, y| x == y);
    Pcmpeqd: |a, b| mask!(u32, a, b, |x, y| x == y);
    Pcmpeqq: |a, b| mask!(u64, a, b, |x, y| x == y);
    Pcmpgtb: |a, b| mask!(i8, a, b, |x, y| x > y);
    Pcmpgtw: |a, b| mask!(i16, a, b, |x, y| x > y);
    Pcmpgtd: |a, b| mask!(i32, a, b, |x, y| x > y);
    Pcmpgtq: |a, b| mask!(i64, a, b, |x, y| x > y);
    Psignb: |a, b| i8::map2(a, b, |x, y| x.wrapping_mul(y.signum()));
    Psignw: |a, b| i16::map2(a, b, |x, y| x.wrapping_mul(y.signum()));
    Psignd: |a, b| i32::map2(a, b, |x, y| x.wrapping_mul(y.signum()));
    Pabsb: |_, b| i8::map(b, i8::wrapping_abs);
    Pabsw: |_, b| i16::map(b, i16::wrapping_abs);
    Pabsd: |_, b| i32::map(b, i32::wrapping_abs);
    Pand: |a, b| u64::map2(a, b, |x, y| x & y);
    Pandn: |a, b| u64::map2(a, b, |x, y| !x & y);
    Por: |a, b| u64::map2(a, b, |x, y| x | y);
    Pxor: |a, b| u64::map2(a, b, |x, y| x ^ y);
}

insn! {
    Ptest: |cpu, op, M| {
        let b = src::<M>(cpu, op)?.u64s();
        let a = cpu.xmm(op.dst).u64s();
        let zero = (a[0] & b[0]) | (a[1] & b[1]) == 0;
        let carry = (!a[0] & b[0]) | (!a[1] & b[1]) == 0;
        cpu.set_arith_flags(if zero { eflags::ZF } else { 0 } | if carry { eflags::CF } else { 0 });
        Ok(())
    };
}

/// Operations of both register files.
macro_rules! both {
    ($($o:ident $mm:ident $xmm:ident;)*) => {
        &[$(
            (Code::$mm, mmx::<PackedMm<$o>>()),
            (Code::$xmm, Form::rm::<Packed<$o>>()),
        )*]
    };
}
pub(super) const BOTH: &[(Code, Form)] = both! {
    Paddb Paddb_mm_mmm64 Paddb_xmm_xmmm128;
    Paddw Paddw_mm_mmm64 Paddw_xmm_xmmm128;
    Paddd Paddd_mm_mmm64 Paddd_xmm_xmmm128;
    Paddq Paddq_mm_mmm64 Paddq_xmm_xmmm128;
    Psubb Psubb_mm_mmm64 Psubb_xmm_xmmm128;
    Psubw Psubw_mm_mmm64 Psubw_xmm_xmmm128;
    Psubd Psubd_mm_mmm64 Psubd_xmm_xmmm128;
    Psubq Psubq_mm_mmm64 Psubq_xmm_xmmm128;
    Paddsb Paddsb_mm_mmm64 Paddsb_xmm_xmmm128;
    Paddsw Paddsw_mm_mmm64 Paddsw_xmm_xmmm128;
    Paddusb Paddusb_mm_mmm64 Paddusb_xmm_xmmm128;
    Paddusw Paddusw_mm_mmm64 Paddusw_xmm_xmmm128;
    Psubsb Psubsb_mm_mmm64 Psubsb_xmm_xmmm128;
    Psubsw Psubsw_mm_mmm64 Psubsw_xmm_xmmm128;
    Psubusb Psubusb_mm_mmm64 Psubusb_xmm_xmmm128;
    Psubusw Psubusw_mm_mmm64 Psubusw_xmm_xmmm128;
    Pminub Pminub_mm_mmm64 Pminub_xmm_xmmm128;
    Pminsw Pminsw_mm_mmm64 Pminsw_xmm_xmmm128;
    Pmaxub Pmaxub_mm_mmm64 Pmaxub_xmm_xmmm128;
    Pmaxsw Pmaxsw_mm_mmm64 Pmaxsw_xmm_xmmm128;
    Pavgb Pavgb_mm_mmm64 Pavgb_xmm_xmmm128;
    Pavgw Pavgw_mm_mmm64 Pavgw_xmm_xmmm128;
    Pcmpeqb Pcmpeqb_mm_mmm64 Pcmpeqb_xmm_xmmm128;
    Pcmpeqw Pcmpeqw_mm_mmm64 Pcmpeqw_xmm_xmmm128;
    Pcmpeqd Pcmpeqd_mm_mmm64 Pcmpeqd_xmm_xmmm128;
    Pcmpgtb Pcmpgtb_mm_mmm64 Pcmpgtb_xmm_xmmm128;
    Pcmpgtw Pcmpgtw_mm_mmm64 Pcmpgtw_xmm_xmmm128;
    Pcmpgtd Pcmpgtd_mm_mmm64 Pcmpgtd_xmm_xmmm128;
    Psignb Psignb_mm_mmm64 Psignb_xmm_xmmm128;
    Psignw Psignw_mm_mmm64 Psignw_xmm_xmmm128;
    Psignd Psignd_mm_mmm64 Psignd_xmm_xmmm128;
    Pabsb Pabsb_mm_mmm64 Pabsb_xmm_xmmm128;
    Pabsw Pabsw_mm_mmm64 Pabsw_xmm_xmmm128;
    Pabsd Pabsd_mm_mmm64 Pabsd_xmm_xmmm128;
    Pand Pand_mm_mmm64 Pand_xmm_xmmm128;
    Pandn Pandn_mm_mmm64 Pandn_xmm_xmmm128;
    Por Por_mm_mmm64 Por_xmm_xmmm128;
    Pxor Pxor_mm_mmm64 Pxor_xmm_xmmm128;
};
pub(super) const XMM: &[(Code, Form)] = &[
    (Code::Pminuw_xmm_xmmm128, Form::rm::<Packed<Pminuw>>()),
    (Code::Pminud_xmm_xmmm128, Form::rm::<Packed<Pminud>>()),
    (Code::Pminsb_xmm_xmmm128, Form::rm::<Packed<Pminsb>>()),
    (Code::Pminsd_xmm_xmmm128, Form::rm::<Packed<Pminsd>>()),
    (Code::Pmaxuw_xmm_xmmm128, Form::rm::<Packed<Pmaxuw>>()),
    (Code::Pmaxud_xmm_xmmm128, Form::rm::<Packed<Pmaxud>>()),
    (Code::Pmaxsb_xmm_xmmm128, Form::rm::<Packed<Pmaxsb>>()),
    (Code::Pmaxsd_xmm_xmmm128, Form::rm::<Packed<Pmaxsd>>()),
    (Code::Pcmpeqq_xmm_xmmm128, Form::rm::<Packed<Pcmpeqq>>()),
    (Code::Pcmpgtq_xmm_xmmm128, Form::rm::<Packed<Pcmpgtq>>()),
    (Code::Andps_xmm_xmmm128, Form::rm::<Packed<Pand>>()),
    (Code::Andpd_xmm_xmmm128, Form::rm::<Packed<Pand>>()),
    (Code::Andnps_xmm_xmmm128, Form::rm::<Packed<Pandn>>()),
    (Code::Andnpd_xmm_xmmm128, Form::rm::<Packed<Pandn>>()),
    (Code::Orps_xmm_xmmm128, Form::rm::<Packed<Por>>()),
    (Code::Orpd_xmm_xmmm128, Form::rm::<Packed<Por>>()),
    (Code::Xorps_xmm_xmmm128, Form::rm::<Packed<Pxor>>()),
    (Code::Xorpd_xmm_xmmm128, Form::rm::<Packed<Pxor>>()),
    (Code::Ptest_xmm_xmmm128, Form::rm_slow::<Ptest>()),
];
