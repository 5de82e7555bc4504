//! ROL, ROR, RCL, RCR, SHL, SHR, SAR, SHLD, SHRD.
//!
//! Intel SDM volume 2, RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD. The count is masked to 5 bits (6 for 64-bit
//! operands); a masked count of 0 changes no flag. OF after a count above 1 and AF are undefined: the choices here are
//! those of the captured processors where their masks show one (see docs/deviations.md).

use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::Gpr;
use crate::state::Cpu;
use iced_x86::Code;
use std::marker::PhantomData;

trait Shift: 'static {
    /// `count` is masked and not zero.
    fn apply<T: Int>(cpu: &mut Cpu, a: T, count: u32) -> T;
}

#[inline(always)]
fn bit(v: u64, n: u32) -> bool {
    v >> n & 1 != 0
}

macro_rules! shifts {
    ($($name:ident: |$cpu:ident, $a:ident, $n:ident| $body:block)*) => {$(
        struct $name;
        impl Shift for $name {
            #[inline(always)]
            fn apply<T: Int>($cpu: &mut Cpu, $a: T, $n: u32) -> T $body
        }
    )*};
}
shifts! {
    Shl: |cpu, a, n| {
        // 8- and 16-bit counts may exceed the width: the wide shift pushes the right bit out.
        let x = a.zext();
        let r = T::trunc(if n > 63 { 0 } else { x << n });
        let cf = n <= T::BITS && bit(x, T::BITS - n.min(T::BITS));
        cpu.set_result_cf_of(r, cf, cf ^ r.sign(), false);
        r
    }
    Shr: |cpu, a, n| {
        let x = a.zext();
        let r = T::trunc(x >> n);
        let cf = bit(x, n - 1);
        // OF is the old sign for a count of 1; the same rule continued for others: the top two result bits differ.
        let of = r.sign() ^ bit(r.zext(), T::BITS - 2);
        cpu.set_result_cf_of(r, cf, if n == 1 { a.sign() } else { of }, false);
        r
    }
    Sar: |cpu, a, n| {
        let x = a.sext() as i64;
        let r = T::trunc((x >> n.min(63)) as u64);
        let cf = bit((x >> (n - 1).min(63)) as u64, 0);
        cpu.set_result_cf_of(r, cf, false, false);
        r
    }
    Rol: |cpu, a, n| {
        let k = n % T::BITS;
        let x = a.zext();
        let r = T::trunc(if k == 0 { x } else { x << k | x >> (T::BITS - k) });
        let cf = bit(r.zext(), 0);
        cpu.set_cf_of(cf, cf ^ r.sign());
        r
    }
    Ror: |cpu, a, n| {
        let k = n % T::BITS;
        let x = a.zext();
        let r = T::trunc(if k == 0 { x } else { x >> k | x << (T::BITS - k) });
        let cf = r.sign();
        cpu.set_cf_of(cf, cf ^ bit(r.zext(), T::BITS - 2));
        r
    }
    Rcl: |cpu, a, n| {
        let width = T::BITS + 1;
        let k = n % width;
        let x = u128::from(a.zext()) | u128::from(cpu.cf()) << T::BITS;
        let r = if k == 0 { x } else { x << k | x >> (width - k) };
        let cf = r >> T::BITS & 1 != 0;
        let r = T::trunc(r as u64);
        cpu.set_cf_of(cf, cf ^ r.sign());
        r
    }
    Rcr: |cpu, a, n| {
        let width = T::BITS + 1;
        let k = n % width;
        let x = u128::from(a.zext()) | u128::from(cpu.cf()) << T::BITS;
        let r = if k == 0 { x } else { x >> k | x << (width - k) };
        let cf = r >> T::BITS & 1 != 0;
        let r = T::trunc(r as u64);
        cpu.set_cf_of(cf, r.sign() ^ bit(r.zext(), T::BITS - 2));
        r
    }
}

#[inline(always)]
fn mask<T: Int>(count: u32) -> u32 {
    count & if T::BITS == 64 { 63 } else { 31 }
}

#[inline(always)]
fn shift<S: Shift, T: Int, M: Rm>(cpu: &mut Cpu, op: &Op, count: u32) -> Exec {
    let n = mask::<T>(count);
    M::update::<T>(cpu, op, |cpu, a| {
        if n == 0 {
            if !M::MEM { /* a 32-bit register is still zero-extended */ }
            a
        } else {
            S::apply(cpu, a, n)
        }
    })
}

struct ByImm<S, T>(PhantomData<(S, T)>);
impl<S: Shift, T: Int> Insn for ByImm<S, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        shift::<S, T, M>(cpu, op, op.imm)
    }
}
struct By1<S, T>(PhantomData<(S, T)>);
impl<S: Shift, T: Int> Insn for By1<S, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        M::update::<T>(cpu, op, |cpu, a| S::apply(cpu, a, 1))
    }
}
struct ByCl<S, T>(PhantomData<(S, T)>);
impl<S: Shift, T: Int> Insn for ByCl<S, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let count = cpu.r::<u8>(Gpr::Rcx);
        shift::<S, T, M>(cpu, op, u32::from(count))
    }
}

/// SHLD (`LEFT`) and SHRD. A 16-bit count above 16 is undefined: the operands rotate on as one 32-bit (48-bit) string.
fn double<const LEFT: bool, T: Int, M: Rm>(cpu: &mut Cpu, op: &Op, count: u32) -> Exec {
    let n = mask::<T>(count);
    let b: T = cpu.reg_src(op);
    M::update::<T>(cpu, op, |cpu, a| {
        if n == 0 {
            return a;
        }
        let w = T::BITS;
        let (x, y) = (u128::from(a.zext()), u128::from(b.zext()));
        let (r, cf) = if LEFT {
            // a:b:a, so that counts beyond the width bring the first operand round again.
            let wide = x << (2 * w % 128) | y << w | x;
            let wide = if w == 64 { x << 64 | y } else { wide };
            let top = if w == 64 { 128 } else { 3 * w };
            let r = if w == 64 { (wide << n) >> 64 } else { wide >> (2 * w - n) };
            (r, wide >> (top - n) & 1 != 0)
        } else {
            let wide = if w == 64 { y << 64 | x } else { x << (2 * w) | y << w | x };
            (wide >> n, wide >> (n - 1) & 1 != 0)
        };
        let r = T::trunc(r as u64);
        let of = if LEFT { cf ^ r.sign() } else { r.sign() ^ bit(r.zext(), w - 2) };
        let of = if n == 1 { a.sign() ^ r.sign() } else { of };
        cpu.set_result_cf_of(r, cf, of, false);
        r
    })
}
struct DoubleImm<const LEFT: bool, T>(PhantomData<T>);
impl<const LEFT: bool, T: Int> Insn for DoubleImm<LEFT, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        double::<LEFT, T, M>(cpu, op, op.imm)
    }
}
struct DoubleCl<const LEFT: bool, T>(PhantomData<T>);
impl<const LEFT: bool, T: Int> Insn for DoubleCl<LEFT, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let count = cpu.r::<u8>(Gpr::Rcx);
        double::<LEFT, T, M>(cpu, op, u32::from(count))
    }
}

macro_rules! group2 {
    ($($s:ident: $i8:ident $i16:ident $i32:ident $i64:ident $o8:ident $o16:ident $o32:ident $o64:ident
       $c8:ident $c16:ident $c32:ident $c64:ident;)*) => {
        &[$(
            (Code::$i8, Form::quick::<ByImm<$s, u8>>()),
            (Code::$i16, Form::quick::<ByImm<$s, u16>>()),
            (Code::$i32, Form::quick::<ByImm<$s, u32>>()),
            (Code::$i64, Form::quick::<ByImm<$s, u64>>()),
            (Code::$o8, Form::quick::<By1<$s, u8>>()),
            (Code::$o16, Form::quick::<By1<$s, u16>>()),
            (Code::$o32, Form::quick::<By1<$s, u32>>()),
            (Code::$o64, Form::quick::<By1<$s, u64>>()),
            (Code::$c8, Form::quick::<ByCl<$s, u8>>()),
            (Code::$c16, Form::quick::<ByCl<$s, u16>>()),
            (Code::$c32, Form::quick::<ByCl<$s, u32>>()),
            (Code::$c64, Form::quick::<ByCl<$s, u64>>()),
        )*]
    };
}
const GROUP2: &[(Code, Form)] = group2! {
    Rol: Rol_rm8_imm8 Rol_rm16_imm8 Rol_rm32_imm8 Rol_rm64_imm8 Rol_rm8_1 Rol_rm16_1 Rol_rm32_1 Rol_rm64_1
        Rol_rm8_CL Rol_rm16_CL Rol_rm32_CL Rol_rm64_CL;
    Ror: Ror_rm8_imm8 Ror_rm16_imm8 Ror_rm32_imm8 Ror_rm64_imm8 Ror_rm8_1 Ror_rm16_1 Ror_rm32_1 Ror_rm64_1
        Ror_rm8_CL Ror_rm16_CL Ror_rm32_CL Ror_rm64_CL;
    Rcl: Rcl_rm8_imm8 Rcl_rm16_imm8 Rcl_rm32_imm8 Rcl_rm64_imm8 Rcl_rm8_1 Rcl_rm16_1 Rcl_rm32_1 Rcl_rm64_1
        Rcl_rm8_CL Rcl_rm16_CL Rcl_rm32_CL Rcl_rm64_CL;
    Rcr: Rcr_rm8_imm8 Rcr_rm16_imm8 Rcr_rm32_imm8 Rcr_rm64_imm8 Rcr_rm8_1 Rcr_rm16_1 Rcr_rm32_1 Rcr_rm64_1
        Rcr_rm8_CL Rcr_rm16_CL Rcr_rm32_CL Rcr_rm64_CL;
    Shl: Shl_rm8_imm8 Shl_rm16_imm8 Shl_rm32_imm8 Shl_rm64_imm8 Shl_rm8_1 Shl_rm16_1 Shl_rm32_1 Shl_rm64_1
        Shl_rm8_CL Shl_rm16_CL Shl_rm32_CL Shl_rm64_CL;
    Shl: Sal_rm8_imm8 Sal_rm16_imm8 Sal_rm32_imm8 Sal_rm64_imm8 Sal_rm8_1 Sal_rm16_1 Sal_rm32_1 Sal_rm64_1
        Sal_rm8_CL Sal_rm16_CL Sal_rm32_CL Sal_rm64_CL;
    Shr: Shr_rm8_imm8 Shr_rm16_imm8 Shr_rm32_imm8 Shr_rm64_imm8 Shr_rm8_1 Shr_rm16_1 Shr_rm32_1 Shr_rm64_1
        Shr_rm8_CL Shr_rm16_CL Shr_rm32_CL Shr_rm64_CL;
    Sar: Sar_rm8_imm8 Sar_rm16_imm8 Sar_rm32_imm8 Sar_rm64_imm8 Sar_rm8_1 Sar_rm16_1 Sar_rm32_1 Sar_rm64_1
        Sar_rm8_CL Sar_rm16_CL Sar_rm32_CL Sar_rm64_CL;
};
const DOUBLE: &[(Code, Form)] = &[
    (Code::Shld_rm16_r16_imm8, Form::rm_slow::<DoubleImm<true, u16>>()),
    (Code::Shld_rm32_r32_imm8, Form::quick::<DoubleImm<true, u32>>()),
    (Code::Shld_rm64_r64_imm8, Form::quick::<DoubleImm<true, u64>>()),
    (Code::Shld_rm16_r16_CL, Form::rm_slow::<DoubleCl<true, u16>>()),
    (Code::Shld_rm32_r32_CL, Form::rm_slow::<DoubleCl<true, u32>>()),
    (Code::Shld_rm64_r64_CL, Form::rm_slow::<DoubleCl<true, u64>>()),
    (Code::Shrd_rm16_r16_imm8, Form::rm_slow::<DoubleImm<false, u16>>()),
    (Code::Shrd_rm32_r32_imm8, Form::quick::<DoubleImm<false, u32>>()),
    (Code::Shrd_rm64_r64_imm8, Form::quick::<DoubleImm<false, u64>>()),
    (Code::Shrd_rm16_r16_CL, Form::rm_slow::<DoubleCl<false, u16>>()),
    (Code::Shrd_rm32_r32_CL, Form::rm_slow::<DoubleCl<false, u32>>()),
    (Code::Shrd_rm64_r64_CL, Form::rm_slow::<DoubleCl<false, u64>>()),
];

pub(super) const FORMS: &[&[(Code, Form)]] = &[GROUP2, DOUBLE];
