//! FADD, FSUB, FSUBR, FMUL, FDIV, FDIVR and their popping and integer forms (SDM volume 1, 8.3.5).

use super::Fpu;
use super::handler::{Insn, form, form_slow, sti};
use crate::engine::dispatch::Form;
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::softfloat::Status;
use crate::softfloat::f80::{self, F80};
use crate::state::Cpu;
use iced_x86::Code;
use std::marker::PhantomData;

/// An operation on the destination and the source.
trait Binary: 'static {
    fn apply(dst: F80, src: F80, st: &mut Status) -> F80;
}

macro_rules! binary {
    ($($name:ident: |$a:ident, $b:ident, $s:ident| $body:expr;)*) => {
        $(
            struct $name;
            impl Binary for $name {
                #[inline(always)]
                fn apply($a: F80, $b: F80, $s: &mut Status) -> F80 {
                    $body
                }
            }
        )*
    };
}
binary! {
    Add: |a, b, s| f80::add(a, b, s);
    Mul: |a, b, s| f80::mul(a, b, s);
    Sub: |a, b, s| f80::sub(a, b, s);
    Subr: |a, b, s| f80::sub(b, a, s);
    Div: |a, b, s| f80::div(a, b, s);
    Divr: |a, b, s| f80::div(b, a, s);
}

/// A memory operand as a register value, and whether it was denormal in its own format.
pub(super) trait Operand: 'static {
    fn load<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec<(F80, bool)>;
}

macro_rules! operand {
    ($($name:ident: $int:ty, |$v:ident| $body:expr;)*) => {
        $(
            pub(super) struct $name;
            impl Operand for $name {
                #[inline(always)]
                fn load<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec<(F80, bool)> {
                    let $v = M::src::<$int>(cpu, op)?;
                    Ok($body)
                }
            }
        )*
    };
}
operand! {
    M32Fp: u32, |v| f80::widen_f32(v);
    M64Fp: u64, |v| f80::widen_f64(v);
    M16Int: u16, |v| (f80::from_i16(v as i16), false);
    M32Int: u32, |v| (f80::from_i32(v as i32), false);
}

/// `ST(dst) = ST(dst) op ST(src)`.
#[inline(always)]
fn registers<B: Binary>(fpu: &mut Fpu, dst: usize, src: usize, pop: bool) {
    if fpu.empty(dst) || fpu.empty(src) {
        if fpu.underflow() {
            fpu.set(dst, F80::INDEFINITE);
            if pop {
                fpu.pop();
            }
        }
        return;
    }
    let mut st = fpu.begin();
    let r = B::apply(fpu.st(dst), fpu.st(src), &mut st);
    if fpu.conclude(&mut st) {
        fpu.set(dst, r);
        if pop {
            fpu.pop();
        }
    }
}

struct St0Sti<B>(PhantomData<B>);
impl<B: Binary> Insn for St0Sti<B> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        registers::<B>(&mut cpu.fpu, 0, sti(op), false);
        Ok(())
    }
}

struct StiSt0<B>(PhantomData<B>);
impl<B: Binary> Insn for StiSt0<B> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        registers::<B>(&mut cpu.fpu, sti(op), 0, false);
        Ok(())
    }
}

struct StiSt0Pop<B>(PhantomData<B>);
impl<B: Binary> Insn for StiSt0Pop<B> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        registers::<B>(&mut cpu.fpu, sti(op), 0, true);
        Ok(())
    }
}

struct St0Mem<B, O>(PhantomData<(B, O)>);
impl<B: Binary, O: Operand> Insn for St0Mem<B, O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let (b, denormal) = O::load::<M>(cpu, op)?;
        let fpu = &mut cpu.fpu;
        if fpu.empty(0) {
            if fpu.underflow() {
                fpu.set(0, F80::INDEFINITE);
            }
            return Ok(());
        }
        let mut st = fpu.begin();
        let a = fpu.st(0);
        let r = B::apply(a, b, &mut st);
        if denormal {
            f80::note_denormal_memory(a, &mut st);
        }
        if fpu.conclude(&mut st) {
            fpu.set(0, r);
        }
        Ok(())
    }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Fadd_st0_sti, form_slow::<St0Sti<Add>>()),
    (Code::Fmul_st0_sti, form_slow::<St0Sti<Mul>>()),
    (Code::Fsub_st0_sti, form_slow::<St0Sti<Sub>>()),
    (Code::Fsubr_st0_sti, form_slow::<St0Sti<Subr>>()),
    (Code::Fdiv_st0_sti, form_slow::<St0Sti<Div>>()),
    (Code::Fdivr_st0_sti, form_slow::<St0Sti<Divr>>()),
    (Code::Fadd_sti_st0, form_slow::<StiSt0<Add>>()),
    (Code::Fmul_sti_st0, form_slow::<StiSt0<Mul>>()),
    (Code::Fsub_sti_st0, form_slow::<StiSt0<Sub>>()),
    (Code::Fsubr_sti_st0, form_slow::<StiSt0<Subr>>()),
    (Code::Fdiv_sti_st0, form_slow::<StiSt0<Div>>()),
    (Code::Fdivr_sti_st0, form_slow::<StiSt0<Divr>>()),
    (Code::Faddp_sti_st0, form_slow::<StiSt0Pop<Add>>()),
    (Code::Fmulp_sti_st0, form_slow::<StiSt0Pop<Mul>>()),
    (Code::Fsubp_sti_st0, form_slow::<StiSt0Pop<Sub>>()),
    (Code::Fsubrp_sti_st0, form_slow::<StiSt0Pop<Subr>>()),
    (Code::Fdivp_sti_st0, form_slow::<StiSt0Pop<Div>>()),
    (Code::Fdivrp_sti_st0, form_slow::<StiSt0Pop<Divr>>()),
    (Code::Fadd_m32fp, form::<St0Mem<Add, M32Fp>>()),
    (Code::Fmul_m32fp, form::<St0Mem<Mul, M32Fp>>()),
    (Code::Fsub_m32fp, form::<St0Mem<Sub, M32Fp>>()),
    (Code::Fsubr_m32fp, form::<St0Mem<Subr, M32Fp>>()),
    (Code::Fdiv_m32fp, form::<St0Mem<Div, M32Fp>>()),
    (Code::Fdivr_m32fp, form::<St0Mem<Divr, M32Fp>>()),
    (Code::Fadd_m64fp, form::<St0Mem<Add, M64Fp>>()),
    (Code::Fmul_m64fp, form::<St0Mem<Mul, M64Fp>>()),
    (Code::Fsub_m64fp, form::<St0Mem<Sub, M64Fp>>()),
    (Code::Fsubr_m64fp, form::<St0Mem<Subr, M64Fp>>()),
    (Code::Fdiv_m64fp, form::<St0Mem<Div, M64Fp>>()),
    (Code::Fdivr_m64fp, form::<St0Mem<Divr, M64Fp>>()),
    (Code::Fiadd_m16int, form_slow::<St0Mem<Add, M16Int>>()),
    (Code::Fimul_m16int, form_slow::<St0Mem<Mul, M16Int>>()),
    (Code::Fisub_m16int, form_slow::<St0Mem<Sub, M16Int>>()),
    (Code::Fisubr_m16int, form_slow::<St0Mem<Subr, M16Int>>()),
    (Code::Fidiv_m16int, form_slow::<St0Mem<Div, M16Int>>()),
    (Code::Fidivr_m16int, form_slow::<St0Mem<Divr, M16Int>>()),
    (Code::Fiadd_m32int, form_slow::<St0Mem<Add, M32Int>>()),
    (Code::Fimul_m32int, form_slow::<St0Mem<Mul, M32Int>>()),
    (Code::Fisub_m32int, form_slow::<St0Mem<Sub, M32Int>>()),
    (Code::Fisubr_m32int, form_slow::<St0Mem<Subr, M32Int>>()),
    (Code::Fidiv_m32int, form_slow::<St0Mem<Div, M32Int>>()),
    (Code::Fidivr_m32int, form_slow::<St0Mem<Divr, M32Int>>()),
];
