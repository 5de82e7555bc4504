//! Single elements: insertion, extraction, and byte masks.
//!
//! Intel SDM volume 1, 10.4.4, 11.4.2 and 12.10.4. Index bits beyond the lanes are ignored.

use super::handler::{insn, mmx, src32};
use super::xmm::Xmm;
use crate::engine::dispatch::Form;
use crate::op::Op;
use iced_x86::Code;

/// The index in an immediate among `n` lanes.
#[inline(always)]
fn index(op: &Op, n: usize) -> usize {
    op.imm as usize & (n - 1)
}

macro_rules! insert {
    ($($name:ident: $t:ty, $get:ident, $make:ident;)*) => {
        insn! {$(
            $name: |cpu, op, M| {
                let v = M::src::<$t>(cpu, op)?;
                let mut lanes = cpu.xmm(op.dst).$get();
                let i = index(op, lanes.len());
                lanes[i] = v;
                cpu.set_xmm(op.dst, Xmm::$make(lanes));
                Ok(())
            };
        )*}
    };
}
/// Bytes come from the low byte of a general register whichever it is: there is no AH here.
macro_rules! extract {
    ($($name:ident: $t:ty, $get:ident;)*) => {
        insn! {$(
            $name: |cpu, op, M| {
                let lanes = cpu.xmm(op.src).$get();
                let v = lanes[index(op, lanes.len())];
                if M::MEM {
                    return M::set_dst::<$t>(cpu, op, v);
                }
                cpu.set_reg_dst(op, u64::from(v));
                Ok(())
            };
        )*}
    };
}
insert! {
    Pinsrb: u8, u8s, from_u8s;
    Pinsrw: u16, u16s, from_u16s;
    Pinsrd: u32, u32s, from_u32s;
    Pinsrq: u64, u64s, from_u64s;
}
extract! {
    Pextrb: u8, u8s;
    Pextrw: u16, u16s;
    Pextrd: u32, u32s;
    Pextrq: u64, u64s;
}

/// A bit for the top bit of each byte.
#[inline(always)]
fn byte_mask(bytes: &[u8]) -> u64 {
    bytes.iter().enumerate().fold(0, |m, (i, b)| m | u64::from(b >> 7) << i)
}

insn! {
    /// Bits 7:6 pick the source element of a register, 5:4 the destination, 3:0 clear elements.
    Insertps: |cpu, op, M| {
        let imm = op.imm as u8;
        let v = if M::MEM { src32::<M>(cpu, op)? } else { cpu.xmm(op.src).u32s()[usize::from(imm >> 6)] };
        let mut lanes = cpu.xmm(op.dst).u32s();
        lanes[usize::from(imm >> 4 & 3)] = v;
        for (i, lane) in lanes.iter_mut().enumerate() {
            if imm >> i & 1 != 0 {
                *lane = 0;
            }
        }
        cpu.set_xmm(op.dst, Xmm::from_u32s(lanes));
        Ok(())
    };
    PinsrwMm: |cpu, op, M| {
        let v = M::src::<u16>(cpu, op)?;
        let shift = 16 * index(op, 4);
        cpu.set_mm(op.dst, cpu.mm(op.dst) & !(0xFFFF << shift) | u64::from(v) << shift);
        Ok(())
    };
    PextrwMm: |cpu, op, _M| {
        let v = cpu.mm(op.src) >> (16 * index(op, 4)) & 0xFFFF;
        cpu.set_reg_dst(op, v);
        Ok(())
    };
    Pmovmskb: |cpu, op, _M| {
        let mask = byte_mask(&cpu.xmm(op.src).u8s());
        cpu.set_reg_dst(op, mask);
        Ok(())
    };
    PmovmskbMm: |cpu, op, _M| {
        let mask = byte_mask(&cpu.mm(op.src).to_le_bytes());
        cpu.set_reg_dst(op, mask);
        Ok(())
    };
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Pinsrb_xmm_r32m8_imm8, Form::rm_slow::<Pinsrb>()),
    (Code::Pinsrb_xmm_r64m8_imm8, Form::rm_slow::<Pinsrb>()),
    (Code::Pinsrw_xmm_r32m16_imm8, Form::rm_slow::<Pinsrw>()),
    (Code::Pinsrw_xmm_r64m16_imm8, Form::rm_slow::<Pinsrw>()),
    (Code::Pinsrd_xmm_rm32_imm8, Form::rm_slow::<Pinsrd>()),
    (Code::Pinsrq_xmm_rm64_imm8, Form::rm_slow::<Pinsrq>()),
    (Code::Pinsrw_mm_r32m16_imm8, mmx::<PinsrwMm>()),
    (Code::Pinsrw_mm_r64m16_imm8, mmx::<PinsrwMm>()),
    (Code::Pextrb_r32m8_xmm_imm8, Form::rm_slow::<Pextrb>()),
    (Code::Pextrb_r64m8_xmm_imm8, Form::rm_slow::<Pextrb>()),
    (Code::Pextrw_r32m16_xmm_imm8, Form::rm_slow::<Pextrw>()),
    (Code::Pextrw_r64m16_xmm_imm8, Form::rm_slow::<Pextrw>()),
    (Code::Pextrw_r32_xmm_imm8, Form::rm_slow::<Pextrw>()),
    (Code::Pextrw_r64_xmm_imm8, Form::rm_slow::<Pextrw>()),
    (Code::Pextrd_rm32_xmm_imm8, Form::rm_slow::<Pextrd>()),
    (Code::Pextrq_rm64_xmm_imm8, Form::rm_slow::<Pextrq>()),
    (Code::Extractps_rm32_xmm_imm8, Form::rm_slow::<Pextrd>()),
    (Code::Extractps_r64m32_xmm_imm8, Form::rm_slow::<Pextrd>()),
    (Code::Pextrw_r32_mm_imm8, mmx::<PextrwMm>()),
    (Code::Pextrw_r64_mm_imm8, mmx::<PextrwMm>()),
    (Code::Insertps_xmm_xmmm32_imm8, Form::rm_slow::<Insertps>()),
    (Code::Pmovmskb_r32_xmm, Form::plain::<Pmovmskb>()),
    (Code::Pmovmskb_r64_xmm, Form::plain::<Pmovmskb>()),
    (Code::Pmovmskb_r32_mm, mmx::<PmovmskbMm>()),
    (Code::Pmovmskb_r64_mm, mmx::<PmovmskbMm>()),
];
