//! ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC, NEG, NOT, XADD, CMPXCHG, CMPXCHG8B.
//!
//! Intel SDM volume 2, the entries of these instructions.

use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::{Rm, World};
use crate::regs::Gpr;
use crate::state::Cpu;
use iced_x86::Code;
use std::marker::PhantomData;

/// A two-operand operation that writes its first operand.
pub(crate) trait Alu: 'static {
    fn apply<T: Int>(cpu: &mut Cpu, a: T, b: T) -> T;
}

macro_rules! alu {
    ($($name:ident: |$cpu:ident, $a:ident, $b:ident| $body:expr;)*) => {$(
        pub(crate) struct $name;
        impl Alu for $name {
            #[inline(always)]
            fn apply<T: Int>($cpu: &mut Cpu, $a: T, $b: T) -> T {
                $body
            }
        }
    )*};
}
alu! {
    Add: |cpu, a, b| cpu.alu_add(a, b);
    Or: |cpu, a, b| cpu.alu_logic(a.zext() | b.zext());
    Adc: |cpu, a, b| cpu.alu_adc(a, b);
    Sbb: |cpu, a, b| cpu.alu_sbb(a, b);
    And: |cpu, a, b| cpu.alu_logic(a.zext() & b.zext());
    Sub: |cpu, a, b| cpu.alu_sub(a, b);
    Xor: |cpu, a, b| cpu.alu_logic(a.zext() ^ b.zext());
}

/// `op rm, r`.
struct RmR<A, T>(PhantomData<(A, T)>);
impl<A: Alu, T: Int> Insn for RmR<A, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b: T = cpu.reg_src(op);
        M::update::<T>(cpu, op, |cpu, a| A::apply(cpu, a, b))
    }
}

/// `op r, rm`.
struct RRm<A, T>(PhantomData<(A, T)>);
impl<A: Alu, T: Int> Insn for RRm<A, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b: T = M::src(cpu, op)?;
        let a: T = cpu.reg_dst(op);
        let r = A::apply(cpu, a, b);
        cpu.set_reg_dst(op, r);
        Ok(())
    }
}

/// `op rm, imm`.
pub(super) struct RmI<A, T>(PhantomData<(A, T)>);
impl<A: Alu, T: Int> Insn for RmI<A, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = T::trunc(op.simm());
        M::update::<T>(cpu, op, |cpu, a| A::apply(cpu, a, b))
    }
}

/// CMP and TEST: flags only.
pub(super) trait Compare: 'static {
    fn apply<T: Int>(cpu: &mut Cpu, a: T, b: T);
}
pub(super) struct Cmp;
impl Compare for Cmp {
    #[inline(always)]
    fn apply<T: Int>(cpu: &mut Cpu, a: T, b: T) {
        cpu.alu_sub(a, b);
    }
}
pub(super) struct Test;
impl Compare for Test {
    #[inline(always)]
    fn apply<T: Int>(cpu: &mut Cpu, a: T, b: T) {
        cpu.alu_logic::<T>(a.zext() & b.zext());
    }
}

pub(super) struct CmpRmR<A, T>(PhantomData<(A, T)>);
impl<A: Compare, T: Int> Insn for CmpRmR<A, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let a: T = M::dst(cpu, op)?;
        let b = cpu.reg_src(op);
        A::apply(cpu, a, b);
        Ok(())
    }
}
pub(super) struct CmpRRm<A, T>(PhantomData<(A, T)>);
impl<A: Compare, T: Int> Insn for CmpRRm<A, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b: T = M::src(cpu, op)?;
        let a = cpu.reg_dst(op);
        A::apply(cpu, a, b);
        Ok(())
    }
}
pub(super) struct CmpRmI<A, T>(PhantomData<(A, T)>);
impl<A: Compare, T: Int> Insn for CmpRmI<A, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let a: T = M::dst(cpu, op)?;
        A::apply(cpu, a, T::trunc(op.simm()));
        Ok(())
    }
}

/// One-operand operations.
pub(super) trait Unary: 'static {
    fn apply<T: Int>(cpu: &mut Cpu, a: T) -> T;
}
macro_rules! unary {
    ($($name:ident: |$cpu:ident, $a:ident| $body:expr;)*) => {$(
        pub(super) struct $name;
        impl Unary for $name {
            #[inline(always)]
            fn apply<T: Int>($cpu: &mut Cpu, $a: T) -> T {
                $body
            }
        }
    )*};
}
unary! {
    Inc: |cpu, a| cpu.alu_inc(a);
    Dec: |cpu, a| cpu.alu_dec(a);
    Neg: |cpu, a| cpu.alu_neg(a);
    Not: |_cpu, a| T::trunc(!a.zext());
}
pub(super) struct One<A, T>(PhantomData<(A, T)>);
impl<A: Unary, T: Int> Insn for One<A, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        M::update::<T>(cpu, op, |cpu, a| A::apply(cpu, a))
    }
}

/// XADD rm, r.
struct Xadd<T>(PhantomData<T>);
impl<T: Int> Insn for Xadd<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b: T = cpu.reg_src(op);
        if M::MEM {
            let mut old = b;
            M::update::<T>(cpu, op, |cpu, a| {
                old = a;
                cpu.alu_add(a, b)
            })?;
            cpu.set_reg_src(op, old);
        } else {
            let a: T = cpu.reg_dst(op);
            let sum = cpu.alu_add(a, b);
            cpu.set_reg_src(op, a);
            cpu.set_reg_dst(op, sum);
        }
        Ok(())
    }
}

/// CMPXCHG rm, r.
struct Cmpxchg<T>(PhantomData<T>);
impl<T: Int> Insn for Cmpxchg<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let acc: T = cpu.r(Gpr::Rax);
        let new: T = cpu.reg_src(op);
        // The destination is written in either case (SDM: "to simplify the interface to the processor's bus").
        let mut seen = acc;
        if M::MEM {
            M::update::<T>(cpu, op, |cpu, a| {
                cpu.alu_sub(acc, a);
                seen = a;
                if a == acc { new } else { a }
            })?;
        } else {
            seen = cpu.reg_dst(op);
            cpu.alu_sub(acc, seen);
            if seen == acc {
                cpu.set_reg_dst(op, new);
            }
        }
        if seen != acc {
            cpu.set_r(Gpr::Rax, seen);
        }
        Ok(())
    }
}

/// CMPXCHG8B m64.
struct Cmpxchg8b;
impl Insn for Cmpxchg8b {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let pair = |cpu: &Cpu, hi: Gpr, lo: Gpr| cpu.r::<u32>(hi).zext() << 32 | cpu.r::<u32>(lo).zext();
        let expected = pair(cpu, Gpr::Rdx, Gpr::Rax);
        let new = pair(cpu, Gpr::Rcx, Gpr::Rbx);
        let mut seen = expected;
        M::update::<u64>(cpu, op, |_, old| {
            seen = old;
            if old == expected { new } else { old }
        })?;
        if seen != expected {
            cpu.set_r(Gpr::Rax, seen as u32);
            cpu.set_r(Gpr::Rdx, (seen >> 32) as u32);
        }
        cpu.set_zf(seen == expected);
        Ok(())
    }
}

/// CMPXCHG16B m128.
struct Cmpxchg16b;
impl Insn for Cmpxchg16b {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let lin = M::W::linear(cpu, op, 16, true)?;
        if lin & 15 != 0 {
            return Err(Fault::GP0);
        }
        cpu.engine.rem = op.rem;
        cpu.probe_write(lin, 16)?;
        let (lo, hi): (u64, u64) = (cpu.read(lin)?, cpu.read(lin.wrapping_add(8))?);
        let (eax, edx) = (cpu.gpr[Gpr::Rax as usize], cpu.gpr[Gpr::Rdx as usize]);
        let equal = lo == eax && hi == edx;
        let (new_lo, new_hi) = if equal { (cpu.gpr[Gpr::Rbx as usize], cpu.gpr[Gpr::Rcx as usize]) } else { (lo, hi) };
        cpu.write(lin, new_lo)?;
        cpu.write(lin.wrapping_add(8), new_hi)?;
        if !equal {
            cpu.gpr[Gpr::Rax as usize] = lo;
            cpu.gpr[Gpr::Rdx as usize] = hi;
        }
        cpu.set_zf(equal);
        Ok(())
    }
}

macro_rules! binary {
    ($op:ident, $rm8r:ident $rm16r:ident $rm32r:ident $rm64r:ident, $r8rm:ident $r16rm:ident $r32rm:ident $r64rm:ident,
     $ali:ident $axi:ident $eaxi:ident $raxi:ident, $rm8i:ident $rm8i82:ident $rm16i:ident $rm32i:ident $rm64i:ident,
     $rm16i8:ident $rm32i8:ident $rm64i8:ident; $rmr:ident $rrm:ident $rmi:ident) => {
        &[
            (Code::$rm8r, Form::quick::<$rmr<$op, u8>>()),
            (Code::$rm16r, Form::quick::<$rmr<$op, u16>>()),
            (Code::$rm32r, Form::quick::<$rmr<$op, u32>>()),
            (Code::$rm64r, Form::quick::<$rmr<$op, u64>>()),
            (Code::$r8rm, Form::quick::<$rrm<$op, u8>>()),
            (Code::$r16rm, Form::quick::<$rrm<$op, u16>>()),
            (Code::$r32rm, Form::quick::<$rrm<$op, u32>>()),
            (Code::$r64rm, Form::quick::<$rrm<$op, u64>>()),
            (Code::$ali, Form::plain::<$rmi<$op, u8>>()),
            (Code::$axi, Form::plain::<$rmi<$op, u16>>()),
            (Code::$eaxi, Form::plain::<$rmi<$op, u32>>()),
            (Code::$raxi, Form::plain::<$rmi<$op, u64>>()),
            (Code::$rm8i, Form::quick::<$rmi<$op, u8>>()),
            (Code::$rm8i82, Form::quick::<$rmi<$op, u8>>()),
            (Code::$rm16i, Form::quick::<$rmi<$op, u16>>()),
            (Code::$rm32i, Form::quick::<$rmi<$op, u32>>()),
            (Code::$rm64i, Form::quick::<$rmi<$op, u64>>()),
            (Code::$rm16i8, Form::quick::<$rmi<$op, u16>>()),
            (Code::$rm32i8, Form::quick::<$rmi<$op, u32>>()),
            (Code::$rm64i8, Form::quick::<$rmi<$op, u64>>()),
        ]
    };
}
const ADD: &[(Code, Form)] = binary!(Add, Add_rm8_r8 Add_rm16_r16 Add_rm32_r32 Add_rm64_r64,
    Add_r8_rm8 Add_r16_rm16 Add_r32_rm32 Add_r64_rm64, Add_AL_imm8 Add_AX_imm16 Add_EAX_imm32 Add_RAX_imm32,
    Add_rm8_imm8 Add_rm8_imm8_82 Add_rm16_imm16 Add_rm32_imm32 Add_rm64_imm32,
    Add_rm16_imm8 Add_rm32_imm8 Add_rm64_imm8; RmR RRm RmI);
const OR: &[(Code, Form)] = binary!(Or, Or_rm8_r8 Or_rm16_r16 Or_rm32_r32 Or_rm64_r64,
    Or_r8_rm8 Or_r16_rm16 Or_r32_rm32 Or_r64_rm64, Or_AL_imm8 Or_AX_imm16 Or_EAX_imm32 Or_RAX_imm32,
    Or_rm8_imm8 Or_rm8_imm8_82 Or_rm16_imm16 Or_rm32_imm32 Or_rm64_imm32,
    Or_rm16_imm8 Or_rm32_imm8 Or_rm64_imm8; RmR RRm RmI);
const ADC: &[(Code, Form)] = binary!(Adc, Adc_rm8_r8 Adc_rm16_r16 Adc_rm32_r32 Adc_rm64_r64,
    Adc_r8_rm8 Adc_r16_rm16 Adc_r32_rm32 Adc_r64_rm64, Adc_AL_imm8 Adc_AX_imm16 Adc_EAX_imm32 Adc_RAX_imm32,
    Adc_rm8_imm8 Adc_rm8_imm8_82 Adc_rm16_imm16 Adc_rm32_imm32 Adc_rm64_imm32,
    Adc_rm16_imm8 Adc_rm32_imm8 Adc_rm64_imm8; RmR RRm RmI);
const SBB: &[(Code, Form)] = binary!(Sbb, Sbb_rm8_r8 Sbb_rm16_r16 Sbb_rm32_r32 Sbb_rm64_r64,
    Sbb_r8_rm8 Sbb_r16_rm16 Sbb_r32_rm32 Sbb_r64_rm64, Sbb_AL_imm8 Sbb_AX_imm16 Sbb_EAX_imm32 Sbb_RAX_imm32,
    Sbb_rm8_imm8 Sbb_rm8_imm8_82 Sbb_rm16_imm16 Sbb_rm32_imm32 Sbb_rm64_imm32,
    Sbb_rm16_imm8 Sbb_rm32_imm8 Sbb_rm64_imm8; RmR RRm RmI);
const AND: &[(Code, Form)] = binary!(And, And_rm8_r8 And_rm16_r16 And_rm32_r32 And_rm64_r64,
    And_r8_rm8 And_r16_rm16 And_r32_rm32 And_r64_rm64, And_AL_imm8 And_AX_imm16 And_EAX_imm32 And_RAX_imm32,
    And_rm8_imm8 And_rm8_imm8_82 And_rm16_imm16 And_rm32_imm32 And_rm64_imm32,
    And_rm16_imm8 And_rm32_imm8 And_rm64_imm8; RmR RRm RmI);
const SUB: &[(Code, Form)] = binary!(Sub, Sub_rm8_r8 Sub_rm16_r16 Sub_rm32_r32 Sub_rm64_r64,
    Sub_r8_rm8 Sub_r16_rm16 Sub_r32_rm32 Sub_r64_rm64, Sub_AL_imm8 Sub_AX_imm16 Sub_EAX_imm32 Sub_RAX_imm32,
    Sub_rm8_imm8 Sub_rm8_imm8_82 Sub_rm16_imm16 Sub_rm32_imm32 Sub_rm64_imm32,
    Sub_rm16_imm8 Sub_rm32_imm8 Sub_rm64_imm8; RmR RRm RmI);
const XOR: &[(Code, Form)] = binary!(Xor, Xor_rm8_r8 Xor_rm16_r16 Xor_rm32_r32 Xor_rm64_r64,
    Xor_r8_rm8 Xor_r16_rm16 Xor_r32_rm32 Xor_r64_rm64, Xor_AL_imm8 Xor_AX_imm16 Xor_EAX_imm32 Xor_RAX_imm32,
    Xor_rm8_imm8 Xor_rm8_imm8_82 Xor_rm16_imm16 Xor_rm32_imm32 Xor_rm64_imm32,
    Xor_rm16_imm8 Xor_rm32_imm8 Xor_rm64_imm8; RmR RRm RmI);
const CMP: &[(Code, Form)] = binary!(Cmp, Cmp_rm8_r8 Cmp_rm16_r16 Cmp_rm32_r32 Cmp_rm64_r64,
    Cmp_r8_rm8 Cmp_r16_rm16 Cmp_r32_rm32 Cmp_r64_rm64, Cmp_AL_imm8 Cmp_AX_imm16 Cmp_EAX_imm32 Cmp_RAX_imm32,
    Cmp_rm8_imm8 Cmp_rm8_imm8_82 Cmp_rm16_imm16 Cmp_rm32_imm32 Cmp_rm64_imm32,
    Cmp_rm16_imm8 Cmp_rm32_imm8 Cmp_rm64_imm8; CmpRmR CmpRRm CmpRmI);

macro_rules! sizes {
    ($form:ident $insn:ident: $($code:ident $t:ty),*) => {
        &[$((Code::$code, Form::$form::<$insn<$t>>())),*]
    };
}
macro_rules! unary_sizes {
    ($a:ident: $($code:ident $t:ty),*) => {
        &[$((Code::$code, Form::quick::<One<$a, $t>>())),*]
    };
}
const TEST: &[(Code, Form)] = &[
    (Code::Test_rm8_r8, Form::quick::<CmpRmR<Test, u8>>()),
    (Code::Test_rm16_r16, Form::quick::<CmpRmR<Test, u16>>()),
    (Code::Test_rm32_r32, Form::quick::<CmpRmR<Test, u32>>()),
    (Code::Test_rm64_r64, Form::quick::<CmpRmR<Test, u64>>()),
    (Code::Test_AL_imm8, Form::plain::<CmpRmI<Test, u8>>()),
    (Code::Test_AX_imm16, Form::plain::<CmpRmI<Test, u16>>()),
    (Code::Test_EAX_imm32, Form::plain::<CmpRmI<Test, u32>>()),
    (Code::Test_RAX_imm32, Form::plain::<CmpRmI<Test, u64>>()),
    (Code::Test_rm8_imm8, Form::quick::<CmpRmI<Test, u8>>()),
    (Code::Test_rm16_imm16, Form::quick::<CmpRmI<Test, u16>>()),
    (Code::Test_rm32_imm32, Form::quick::<CmpRmI<Test, u32>>()),
    (Code::Test_rm64_imm32, Form::quick::<CmpRmI<Test, u64>>()),
    (Code::Test_rm8_imm8_F6r1, Form::quick::<CmpRmI<Test, u8>>()),
    (Code::Test_rm16_imm16_F7r1, Form::quick::<CmpRmI<Test, u16>>()),
    (Code::Test_rm32_imm32_F7r1, Form::quick::<CmpRmI<Test, u32>>()),
    (Code::Test_rm64_imm32_F7r1, Form::quick::<CmpRmI<Test, u64>>()),
];
const INC: &[(Code, Form)] =
    unary_sizes!(Inc: Inc_r16 u16, Inc_r32 u32, Inc_rm8 u8, Inc_rm16 u16, Inc_rm32 u32, Inc_rm64 u64);
const DEC: &[(Code, Form)] =
    unary_sizes!(Dec: Dec_r16 u16, Dec_r32 u32, Dec_rm8 u8, Dec_rm16 u16, Dec_rm32 u32, Dec_rm64 u64);
const NEG: &[(Code, Form)] = unary_sizes!(Neg: Neg_rm8 u8, Neg_rm16 u16, Neg_rm32 u32, Neg_rm64 u64);
const NOT: &[(Code, Form)] = unary_sizes!(Not: Not_rm8 u8, Not_rm16 u16, Not_rm32 u32, Not_rm64 u64);
const XADD: &[(Code, Form)] =
    sizes!(rm_slow Xadd: Xadd_rm8_r8 u8, Xadd_rm16_r16 u16, Xadd_rm32_r32 u32, Xadd_rm64_r64 u64);
const CMPXCHG: &[(Code, Form)] =
    sizes!(rm Cmpxchg: Cmpxchg_rm8_r8 u8, Cmpxchg_rm16_r16 u16, Cmpxchg_rm32_r32 u32, Cmpxchg_rm64_r64 u64);
const CMPXCHG8B: &[(Code, Form)] =
    &[(Code::Cmpxchg8b_m64, Form::rm_slow::<Cmpxchg8b>()), (Code::Cmpxchg16b_m128, Form::rm_slow::<Cmpxchg16b>())];

pub(super) const FORMS: &[&[(Code, Form)]] =
    &[ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC, NEG, NOT, XADD, CMPXCHG, CMPXCHG8B];
