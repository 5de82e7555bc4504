//! MUL, IMUL, DIV, IDIV, AAA, AAS, AAD, AAM, DAA, DAS.
//!
//! Intel SDM volume 2, the entries of these instructions. #DE for a zero divisor or a quotient that does not fit.
//! Flags that the manual leaves undefined follow docs/deviations.md.

use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::Gpr;
use crate::state::{Cpu, eflags};
use iced_x86::Code;
use std::marker::PhantomData;

/// The double-width accumulator: AX for bytes, else DX:AX.
#[inline(always)]
fn set_double<T: Int>(cpu: &mut Cpu, lo: T, hi: T) {
    if T::BITS == 8 {
        cpu.set_r(Gpr::Rax, (hi.zext() << 8 | lo.zext()) as u16);
    } else {
        cpu.set_r(Gpr::Rax, lo);
        cpu.set_r(Gpr::Rdx, hi);
    }
}

#[inline(always)]
fn double<T: Int>(cpu: &Cpu) -> u128 {
    if T::BITS == 8 {
        u128::from(cpu.r::<u16>(Gpr::Rax))
    } else {
        u128::from(cpu.r::<T>(Gpr::Rdx).zext()) << T::BITS | u128::from(cpu.r::<T>(Gpr::Rax).zext())
    }
}

struct Mul<T>(PhantomData<T>);
impl<T: Int> Insn for Mul<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b: T = M::dst(cpu, op)?;
        let p = u128::from(cpu.r::<T>(Gpr::Rax).zext()) * u128::from(b.zext());
        let (lo, hi) = (T::trunc(p as u64), T::trunc((p >> T::BITS) as u64));
        set_double(cpu, lo, hi);
        let over = hi.zext() != 0;
        cpu.set_result_cf_of(lo, over, over, false);
        Ok(())
    }
}
struct Imul1<T>(PhantomData<T>);
impl<T: Int> Insn for Imul1<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b: T = M::dst(cpu, op)?;
        let p = i128::from(cpu.r::<T>(Gpr::Rax).sext() as i64) * i128::from(b.sext() as i64);
        let (lo, hi) = (T::trunc(p as u64), T::trunc((p >> T::BITS) as u64));
        set_double(cpu, lo, hi);
        let over = i128::from(lo.sext() as i64) != p;
        cpu.set_result_cf_of(lo, over, over, false);
        Ok(())
    }
}
#[inline(always)]
fn imul<T: Int>(cpu: &mut Cpu, op: &Op, a: T, b: T) {
    let p = i128::from(a.sext() as i64) * i128::from(b.sext() as i64);
    let r = T::trunc(p as u64);
    let over = i128::from(r.sext() as i64) != p;
    cpu.set_reg_dst(op, r);
    cpu.set_result_cf_of(r, over, over, false);
}
struct Imul2<T>(PhantomData<T>);
impl<T: Int> Insn for Imul2<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b: T = M::src(cpu, op)?;
        let a = cpu.reg_dst(op);
        imul(cpu, op, a, b);
        Ok(())
    }
}
struct Imul3<T>(PhantomData<T>);
impl<T: Int> Insn for Imul3<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let a: T = M::src(cpu, op)?;
        imul(cpu, op, a, T::trunc(op.simm()));
        Ok(())
    }
}

struct Div<T>(PhantomData<T>);
impl<T: Int> Insn for Div<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let d: T = M::dst(cpu, op)?;
        if d.zext() == 0 {
            return Err(Fault::DE);
        }
        let n = double::<T>(cpu);
        let (q, r) = if T::BITS <= 32 {
            let (n, d) = (n as u64, d.zext());
            (u128::from(n / d), n % d)
        } else {
            let d = u128::from(d.zext());
            (n / d, (n % d) as u64)
        };
        if q >> T::BITS != 0 {
            return Err(Fault::DE);
        }
        set_double(cpu, T::trunc(q as u64), T::trunc(r));
        Ok(())
    }
}
struct Idiv<T>(PhantomData<T>);
impl<T: Int> Insn for Idiv<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let d: T = M::dst(cpu, op)?;
        let d = i128::from(d.sext() as i64);
        let shift = 128 - 2 * T::BITS;
        let n = (double::<T>(cpu) << shift) as i128 >> shift;
        let (Some(q), Some(r)) = (n.checked_div(d), n.checked_rem(d)) else { return Err(Fault::DE) };
        let lo = T::trunc(q as u64);
        if i128::from(lo.sext() as i64) != q {
            return Err(Fault::DE);
        }
        set_double(cpu, lo, T::trunc(r as u64));
        Ok(())
    }
}

fn szp(cpu: &mut Cpu, al: u8, rest: u64) {
    cpu.set_logic(al);
    let szp = cpu.arith_flags() & (eflags::SF | eflags::ZF | eflags::PF);
    cpu.set_arith_flags(szp | rest);
}

/// DAA, and DAS when `SUB`.
struct DecimalAdjust<const SUB: bool>;
impl<const SUB: bool> Insn for DecimalAdjust<SUB> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let old = cpu.r::<u8>(Gpr::Rax);
        let (old_cf, old_af) = (cpu.cf(), cpu.af());
        let mut al = old;
        let (mut cf, mut af) = (false, false);
        if old & 0xF > 9 || old_af {
            al = if SUB { al.wrapping_sub(6) } else { al.wrapping_add(6) };
            cf = old_cf || if SUB { old < 6 } else { old > 0xF9 };
            af = true;
        }
        if old > 0x99 || old_cf {
            al = if SUB { al.wrapping_sub(0x60) } else { al.wrapping_add(0x60) };
            cf = true;
        }
        // OF is undefined; processors give the overflow of the adjustment as an addition or subtraction.
        let adjust = al.wrapping_sub(old);
        let of =
            if SUB { (old ^ 0u8.wrapping_sub(adjust)) & (old ^ al) } else { !(old ^ adjust) & (old ^ al) } & 0x80 != 0;
        cpu.set_r(Gpr::Rax, al);
        let rest = u64::from(cf) | if af { eflags::AF } else { 0 } | if of { eflags::OF } else { 0 };
        szp(cpu, al, rest);
        Ok(())
    }
}

/// AAA, and AAS when `SUB`.
struct AsciiAdjust<const SUB: bool>;
impl<const SUB: bool> Insn for AsciiAdjust<SUB> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let ax = cpu.r::<u16>(Gpr::Rax);
        let adjust = ax & 0xF > 9 || cpu.af();
        let new = match (adjust, SUB) {
            (false, _) => ax,
            (true, false) => ax.wrapping_add(0x106),
            (true, true) => ax.wrapping_sub(0x106),
        } & 0xFF0F;
        cpu.set_r(Gpr::Rax, new);
        let rest = if adjust { eflags::CF | eflags::AF } else { 0 };
        szp(cpu, new as u8, rest);
        Ok(())
    }
}

struct Aam;
impl Insn for Aam {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let base = op.imm as u8;
        let al = cpu.r::<u8>(Gpr::Rax);
        let (Some(q), Some(r)) = (al.checked_div(base), al.checked_rem(base)) else { return Err(Fault::DE) };
        cpu.set_r(Gpr::Rax, u16::from(q) << 8 | u16::from(r));
        szp(cpu, r, 0);
        Ok(())
    }
}
struct Aad;
impl Insn for Aad {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let ax = cpu.r::<u16>(Gpr::Rax);
        // As an addition of the product: processors leave its flags.
        let product = ((ax >> 8) as u8).wrapping_mul(op.imm as u8);
        let al = cpu.alu_add(ax as u8, product);
        cpu.set_r(Gpr::Rax, u16::from(al));
        Ok(())
    }
}

const MUL: &[(Code, Form)] = &[
    (Code::Mul_rm8, Form::quick::<Mul<u8>>()),
    (Code::Mul_rm16, Form::quick::<Mul<u16>>()),
    (Code::Mul_rm32, Form::quick::<Mul<u32>>()),
    (Code::Mul_rm64, Form::quick::<Mul<u64>>()),
    (Code::Imul_rm8, Form::quick::<Imul1<u8>>()),
    (Code::Imul_rm16, Form::quick::<Imul1<u16>>()),
    (Code::Imul_rm32, Form::quick::<Imul1<u32>>()),
    (Code::Imul_rm64, Form::quick::<Imul1<u64>>()),
    (Code::Imul_r16_rm16, Form::quick::<Imul2<u16>>()),
    (Code::Imul_r32_rm32, Form::quick::<Imul2<u32>>()),
    (Code::Imul_r64_rm64, Form::quick::<Imul2<u64>>()),
    (Code::Imul_r16_rm16_imm16, Form::quick::<Imul3<u16>>()),
    (Code::Imul_r32_rm32_imm32, Form::quick::<Imul3<u32>>()),
    (Code::Imul_r64_rm64_imm32, Form::quick::<Imul3<u64>>()),
    (Code::Imul_r16_rm16_imm8, Form::quick::<Imul3<u16>>()),
    (Code::Imul_r32_rm32_imm8, Form::quick::<Imul3<u32>>()),
    (Code::Imul_r64_rm64_imm8, Form::quick::<Imul3<u64>>()),
    (Code::Div_rm8, Form::quick::<Div<u8>>()),
    (Code::Div_rm16, Form::quick::<Div<u16>>()),
    (Code::Div_rm32, Form::quick::<Div<u32>>()),
    (Code::Div_rm64, Form::quick::<Div<u64>>()),
    (Code::Idiv_rm8, Form::quick::<Idiv<u8>>()),
    (Code::Idiv_rm16, Form::quick::<Idiv<u16>>()),
    (Code::Idiv_rm32, Form::quick::<Idiv<u32>>()),
    (Code::Idiv_rm64, Form::quick::<Idiv<u64>>()),
    (Code::Daa, Form::plain::<DecimalAdjust<false>>()),
    (Code::Das, Form::plain::<DecimalAdjust<true>>()),
    (Code::Aaa, Form::plain::<AsciiAdjust<false>>()),
    (Code::Aas, Form::plain::<AsciiAdjust<true>>()),
    (Code::Aam_imm8, Form::plain::<Aam>()),
    (Code::Aad_imm8, Form::plain::<Aad>()),
];

pub(super) const FORMS: &[&[(Code, Form)]] = &[MUL];
