//! Shuffles, alignment, blends, and the duplicating moves of SSE3.
//!
//! Intel SDM volume 1, 10.4.4, 11.4.1.3, 12.3, 12.6 and 12.10.

use super::handler::{Op3, Packed, PackedImm, PackedMm, insn, mmx, op2, op3, src, src_mm, src64};
use super::xmm::Xmm;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::Gpr;
use crate::state::Cpu;
use iced_x86::Code;
use std::array::from_fn;
use std::marker::PhantomData;

/// Field `i` of two-bit selectors.
#[inline(always)]
fn field(imm: u8, i: usize) -> usize {
    usize::from(imm >> (2 * i) & 3)
}

op2! {
    /// A selector with its top bit set gives zero.
    Pshufb: |a, b| {
        let (a, b) = (a.u8s(), b.u8s());
        Xmm::from_u8s(from_fn(|i| if b[i] >> 7 != 0 { 0 } else { a[usize::from(b[i] & 15)] }))
    }, mm |a, b| Self::apply(Xmm::from_u64s([a, a]), Xmm::zext(b)).low();
    Movsldup: |_, b| {
        let b = b.u32s();
        Xmm::from_u32s([b[0], b[0], b[2], b[2]])
    };
    Movshdup: |_, b| {
        let b = b.u32s();
        Xmm::from_u32s([b[1], b[1], b[3], b[3]])
    };
}

op3! {
    Pshufd: |_, b, imm| {
        let b = b.u32s();
        Xmm::from_u32s(from_fn(|i| b[field(imm, i)]))
    };
    Pshuflw: |_, b, imm| {
        let b = b.u16s();
        Xmm::from_u16s(from_fn(|i| if i < 4 { b[field(imm, i)] } else { b[i] }))
    };
    Pshufhw: |_, b, imm| {
        let b = b.u16s();
        Xmm::from_u16s(from_fn(|i| if i < 4 { b[i] } else { b[4 + field(imm, i - 4)] }))
    };
    Shufps: |a, b, imm| {
        let (a, b) = (a.u32s(), b.u32s());
        Xmm::from_u32s(from_fn(|i| if i < 2 { a[field(imm, i)] } else { b[field(imm, i)] }))
    };
    Shufpd: |a, b, imm| Xmm::from_u64s([a.u64s()[usize::from(imm & 1)], b.u64s()[usize::from(imm >> 1 & 1)]]);
    Palignr: |a, b, imm| {
        let (a, b) = (u128::from(a), u128::from(b));
        match u32::from(imm) {
            0 => b,
            n @ 1..16 => b >> (8 * n) | a << (128 - 8 * n),
            n @ 16..32 => a >> (8 * (n - 16)),
            _ => 0,
        }
        .into()
    };
    Pblendw: |a, b, imm| {
        let (a, b) = (a.u16s(), b.u16s());
        Xmm::from_u16s(from_fn(|i| if imm >> i & 1 != 0 { b[i] } else { a[i] }))
    };
    Blendps: |a, b, imm| {
        let (a, b) = (a.u32s(), b.u32s());
        Xmm::from_u32s(from_fn(|i| if imm >> i & 1 != 0 { b[i] } else { a[i] }))
    };
    Blendpd: |a, b, imm| {
        let (a, b) = (a.u64s(), b.u64s());
        Xmm::from_u64s(from_fn(|i| if imm >> i & 1 != 0 { b[i] } else { a[i] }))
    };
}

/// A blend by the top bits of XMM0's lanes.
trait Blend: 'static {
    fn apply(a: Xmm, b: Xmm, mask: Xmm) -> Xmm;
}
macro_rules! blends {
    ($($name:ident: $get:ident $signed:ident $make:ident;)*) => {$(
        struct $name;
        impl Blend for $name {
            #[inline(always)]
            fn apply(a: Xmm, b: Xmm, mask: Xmm) -> Xmm {
                let (a, b, mask) = (a.$get(), b.$get(), mask.$signed());
                Xmm::$make(from_fn(|i| if mask[i] < 0 { b[i] } else { a[i] }))
            }
        }
    )*};
}
blends! {
    Pblendvb: u8s i8s from_u8s;
    Blendvps: u32s i32s from_u32s;
    Blendvpd: u64s i64s from_u64s;
}

struct BlendV<B>(PhantomData<B>);
impl<B: Blend> Insn for BlendV<B> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src::<M>(cpu, op)?;
        let mask = cpu.xmm(Gpr::general(0));
        cpu.set_xmm(op.dst, B::apply(cpu.xmm(op.dst), b, mask));
        Ok(())
    }
}

insn! {
    Movddup: |cpu, op, M| {
        let v = src64::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, Xmm::from_u64s([v, v]));
        Ok(())
    };
    Pshufw: |cpu, op, M| {
        let v = src_mm::<M>(cpu, op)?;
        cpu.set_mm(op.dst, Pshuflw::apply(Xmm::ZERO, Xmm::zext(v), op.imm as u8).low());
        Ok(())
    };
    /// PALIGNR on MMX registers.
    PalignrMm: |cpu, op, M| {
        let b = src_mm::<M>(cpu, op)?;
        let both = Xmm::from_u64s([b, cpu.mm(op.dst)]);
        cpu.set_mm(op.dst, Palignr::apply(Xmm::ZERO, both, op.imm as u8).low());
        Ok(())
    };
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Pshufb_mm_mmm64, mmx::<PackedMm<Pshufb>>()),
    (Code::Pshufb_xmm_xmmm128, Form::rm::<Packed<Pshufb>>()),
    (Code::Pshufw_mm_mmm64_imm8, mmx::<Pshufw>()),
    (Code::Pshufd_xmm_xmmm128_imm8, Form::rm::<PackedImm<Pshufd>>()),
    (Code::Pshuflw_xmm_xmmm128_imm8, Form::rm::<PackedImm<Pshuflw>>()),
    (Code::Pshufhw_xmm_xmmm128_imm8, Form::rm::<PackedImm<Pshufhw>>()),
    (Code::Shufps_xmm_xmmm128_imm8, Form::rm::<PackedImm<Shufps>>()),
    (Code::Shufpd_xmm_xmmm128_imm8, Form::rm::<PackedImm<Shufpd>>()),
    (Code::Palignr_mm_mmm64_imm8, mmx::<PalignrMm>()),
    (Code::Palignr_xmm_xmmm128_imm8, Form::rm::<PackedImm<Palignr>>()),
    (Code::Pblendw_xmm_xmmm128_imm8, Form::rm_slow::<PackedImm<Pblendw>>()),
    (Code::Blendps_xmm_xmmm128_imm8, Form::rm_slow::<PackedImm<Blendps>>()),
    (Code::Blendpd_xmm_xmmm128_imm8, Form::rm_slow::<PackedImm<Blendpd>>()),
    (Code::Pblendvb_xmm_xmmm128, Form::rm_slow::<BlendV<Pblendvb>>()),
    (Code::Blendvps_xmm_xmmm128, Form::rm_slow::<BlendV<Blendvps>>()),
    (Code::Blendvpd_xmm_xmmm128, Form::rm_slow::<BlendV<Blendvpd>>()),
    (Code::Movsldup_xmm_xmmm128, Form::rm::<Packed<Movsldup>>()),
    (Code::Movshdup_xmm_xmmm128, Form::rm::<Packed<Movshdup>>()),
    (Code::Movddup_xmm_xmmm64, Form::rm::<Movddup>()),
];
