//! BT, BTS, BTR, BTC, BSF, BSR, POPCNT, CRC32, and the flag instructions CLC, STC, CMC, CLD, STD.
//!
//! Intel SDM volume 2, the entries of these instructions. A register bit offset into memory addresses the whole bit
//! string: the operand moves by whole words of the operand size.

use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::{Rm, effective};
use crate::state::{Cpu, eflags};
use iced_x86::Code;
use std::marker::PhantomData;

trait BitOp: 'static {
    const WRITES: bool;
    fn apply(v: u64, bit: u64) -> u64;
}
macro_rules! bit_ops {
    ($($name:ident $writes:literal: |$v:ident, $b:ident| $body:expr;)*) => {$(
        struct $name;
        impl BitOp for $name {
            const WRITES: bool = $writes;
            #[inline(always)]
            fn apply($v: u64, $b: u64) -> u64 {
                $body
            }
        }
    )*};
}
bit_ops! {
    Bt false: |v, _b| v;
    Bts true: |v, b| v | b;
    Btr true: |v, b| v & !b;
    Btc true: |v, b| v ^ b;
}

#[inline(always)]
fn test_and_change<O: BitOp, T: Int>(cpu: &mut Cpu, a: T, offset: u64) -> T {
    let bit = 1u64 << (offset & u64::from(T::BITS - 1));
    cpu.set_cf(a.zext() & bit != 0);
    T::trunc(O::apply(a.zext(), bit))
}

struct BitImm<O, T>(PhantomData<(O, T)>);
impl<O: BitOp, T: Int> Insn for BitImm<O, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let offset = u64::from(op.imm);
        if O::WRITES {
            return M::update::<T>(cpu, op, |cpu, a| test_and_change::<O, T>(cpu, a, offset));
        }
        let a: T = M::dst(cpu, op)?;
        test_and_change::<O, T>(cpu, a, offset);
        Ok(())
    }
}

struct BitReg<O, T>(PhantomData<(O, T)>);
impl<O: BitOp, T: Int> Insn for BitReg<O, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let offset = cpu.reg_src::<T>(op);
        if !M::MEM {
            let a: T = cpu.reg_dst(op);
            let r = test_and_change::<O, T>(cpu, a, offset.zext());
            if O::WRITES {
                cpu.set_reg_dst(op, r);
            }
            return Ok(());
        }
        let words = (offset.sext() as i64) >> T::BITS.trailing_zeros();
        let at = effective(cpu, op).wrapping_add((words as u64).wrapping_mul(T::SIZE)) & op.addr_mask();
        let lin = cpu.segmented(op.seg(), at, T::SIZE, O::WRITES)?;
        if O::WRITES {
            return cpu.rmw::<T>(lin, op.rem, |cpu, a| test_and_change::<O, T>(cpu, a, offset.zext()));
        }
        cpu.engine.rem = op.rem;
        let a: T = cpu.read(lin)?;
        test_and_change::<O, T>(cpu, a, offset.zext());
        Ok(())
    }
}

/// BSF, and BSR when `REVERSE`: a zero source sets ZF and leaves the destination.
struct Scan<const REVERSE: bool, T>(PhantomData<T>);
impl<const REVERSE: bool, T: Int> Insn for Scan<REVERSE, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v = M::src::<T>(cpu, op)?.zext();
        if v == 0 {
            cpu.set_logic(T::trunc(0));
            return Ok(());
        }
        let n = if REVERSE { 63 - v.leading_zeros() } else { v.trailing_zeros() };
        cpu.set_reg_dst(op, T::trunc(u64::from(n)));
        cpu.set_logic(T::trunc(v));
        Ok(())
    }
}

struct Popcnt<T>(PhantomData<T>);
impl<T: Int> Insn for Popcnt<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v = M::src::<T>(cpu, op)?.zext();
        cpu.set_reg_dst(op, T::trunc(u64::from(v.count_ones())));
        cpu.set_arith_flags(if v == 0 { eflags::ZF } else { 0 });
        Ok(())
    }
}

/// TZCNT, and LZCNT when `LEADING`.
struct CountZeros<const LEADING: bool, T>(PhantomData<T>);
impl<const LEADING: bool, T: Int> Insn for CountZeros<LEADING, T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v = M::src::<T>(cpu, op)?.zext();
        let n = if v == 0 {
            T::BITS
        } else if LEADING {
            v.leading_zeros() - (64 - T::BITS)
        } else {
            v.trailing_zeros()
        };
        cpu.set_reg_dst(op, T::trunc(u64::from(n)));
        let flags = u64::from(v == 0) | if n == 0 { eflags::ZF } else { 0 };
        cpu.set_arith_flags(flags);
        Ok(())
    }
}

/// CRC32 with the iSCSI polynomial, source size `S`.
struct Crc32<S, D>(PhantomData<(S, D)>);
impl<S: Int, D: Int> Insn for Crc32<S, D> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        const POLY: u32 = 0x82F6_3B78;
        let v = M::src::<S>(cpu, op)?.zext();
        let mut crc = cpu.gpr[op.dst as usize] as u32;
        for i in 0..S::SIZE {
            crc ^= (v >> (8 * i)) as u8 as u32;
            for _ in 0..8 {
                crc = crc >> 1 ^ if crc & 1 != 0 { POLY } else { 0 };
            }
        }
        cpu.set_reg_dst(op, D::trunc(u64::from(crc)));
        Ok(())
    }
}

macro_rules! flag_op {
    ($($name:ident: |$cpu:ident| $body:expr;)*) => {$(
        struct $name;
        impl Insn for $name {
            #[inline(always)]
            fn exec<M: Rm>($cpu: &mut Cpu, _op: &Op) -> Exec {
                $body;
                Ok(())
            }
        }
    )*};
}
flag_op! {
    Clc: |cpu| cpu.set_cf(false);
    Stc: |cpu| cpu.set_cf(true);
    Cmc: |cpu| { let cf = cpu.cf(); cpu.set_cf(!cf) };
    Cld: |cpu| cpu.eflags &= !eflags::DF;
    Std: |cpu| cpu.eflags |= eflags::DF;
}

macro_rules! bit_forms {
    ($($o:ident: $r16:ident $r32:ident $r64:ident $i16:ident $i32:ident $i64:ident;)*) => {
        &[$(
            (Code::$r16, Form::rm_slow::<BitReg<$o, u16>>()),
            (Code::$r32, Form::rm_slow::<BitReg<$o, u32>>()),
            (Code::$r64, Form::rm_slow::<BitReg<$o, u64>>()),
            (Code::$i16, Form::rm_slow::<BitImm<$o, u16>>()),
            (Code::$i32, Form::quick::<BitImm<$o, u32>>()),
            (Code::$i64, Form::quick::<BitImm<$o, u64>>()),
        )*]
    };
}
const BIT: &[(Code, Form)] = bit_forms! {
    Bt: Bt_rm16_r16 Bt_rm32_r32 Bt_rm64_r64 Bt_rm16_imm8 Bt_rm32_imm8 Bt_rm64_imm8;
    Bts: Bts_rm16_r16 Bts_rm32_r32 Bts_rm64_r64 Bts_rm16_imm8 Bts_rm32_imm8 Bts_rm64_imm8;
    Btr: Btr_rm16_r16 Btr_rm32_r32 Btr_rm64_r64 Btr_rm16_imm8 Btr_rm32_imm8 Btr_rm64_imm8;
    Btc: Btc_rm16_r16 Btc_rm32_r32 Btc_rm64_r64 Btc_rm16_imm8 Btc_rm32_imm8 Btc_rm64_imm8;
};
const SCAN: &[(Code, Form)] = &[
    (Code::Bsf_r16_rm16, Form::rm_slow::<Scan<false, u16>>()),
    (Code::Bsf_r32_rm32, Form::quick::<Scan<false, u32>>()),
    (Code::Bsf_r64_rm64, Form::quick::<Scan<false, u64>>()),
    (Code::Bsr_r16_rm16, Form::rm_slow::<Scan<true, u16>>()),
    (Code::Bsr_r32_rm32, Form::quick::<Scan<true, u32>>()),
    (Code::Bsr_r64_rm64, Form::quick::<Scan<true, u64>>()),
    (Code::Popcnt_r16_rm16, Form::rm_slow::<Popcnt<u16>>()),
    (Code::Popcnt_r32_rm32, Form::rm_slow::<Popcnt<u32>>()),
    (Code::Popcnt_r64_rm64, Form::rm_slow::<Popcnt<u64>>()),
    (Code::Tzcnt_r16_rm16, Form::rm_slow::<CountZeros<false, u16>>()),
    (Code::Tzcnt_r32_rm32, Form::rm_slow::<CountZeros<false, u32>>()),
    (Code::Tzcnt_r64_rm64, Form::rm_slow::<CountZeros<false, u64>>()),
    (Code::Lzcnt_r16_rm16, Form::rm_slow::<CountZeros<true, u16>>()),
    (Code::Lzcnt_r32_rm32, Form::rm_slow::<CountZeros<true, u32>>()),
    (Code::Lzcnt_r64_rm64, Form::rm_slow::<CountZeros<true, u64>>()),
    (Code::Crc32_r32_rm8, Form::rm_slow::<Crc32<u8, u32>>()),
    (Code::Crc32_r32_rm16, Form::rm_slow::<Crc32<u16, u32>>()),
    (Code::Crc32_r32_rm32, Form::rm_slow::<Crc32<u32, u32>>()),
    (Code::Crc32_r64_rm8, Form::rm_slow::<Crc32<u8, u64>>()),
    (Code::Crc32_r64_rm64, Form::rm_slow::<Crc32<u64, u64>>()),
    (Code::Clc, Form::plain::<Clc>()),
    (Code::Stc, Form::plain::<Stc>()),
    (Code::Cmc, Form::plain::<Cmc>()),
    (Code::Cld, Form::plain::<Cld>()),
    (Code::Std, Form::plain::<Std>()),
];

pub(super) const FORMS: &[&[(Code, Form)]] = &[BIT, SCAN];
