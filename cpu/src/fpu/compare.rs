//! FCOM, FUCOM, FICOM, FCOMI, FUCOMI, FTST and FXAM (SDM volume 1, 8.3.6).

use super::arith::{M16Int, M32Fp, M32Int, M64Fp, Operand};
use super::handler::{Insn, form_slow, sti};
use super::{Fpu, fsw};
use crate::engine::dispatch::Form;
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::softfloat::f80::{self, Class, F80};
use crate::softfloat::{Ordering, Status};
use crate::state::{Cpu, eflags};
use iced_x86::Code;
use std::marker::PhantomData;

/// C3, C2 and C0 of an outcome.
fn codes(order: Ordering) -> u16 {
    match order {
        Ordering::Greater => 0,
        Ordering::Less => fsw::C0,
        Ordering::Equal => fsw::C3,
        Ordering::Unordered => fsw::C3 | fsw::C2 | fsw::C0,
    }
}

/// ZF, PF and CF of an outcome.
fn flags(order: Ordering) -> u64 {
    match order {
        Ordering::Greater => 0,
        Ordering::Less => eflags::CF,
        Ordering::Equal => eflags::ZF,
        Ordering::Unordered => eflags::ZF | eflags::PF | eflags::CF,
    }
}

/// Compares. The second value says that the instruction may pop: no unmasked exception forbids it. The outcome is
/// reported either way.
fn order(fpu: &mut Fpu, empty: bool, compare: impl FnOnce(&Fpu, &mut Status) -> Ordering) -> (Ordering, bool) {
    if empty {
        return (Ordering::Unordered, fpu.underflow());
    }
    let mut st = fpu.begin();
    let order = compare(fpu, &mut st);
    (order, fpu.conclude(&mut st))
}

fn finish(fpu: &mut Fpu, (order, proceed): (Ordering, bool), pops: u32) {
    fpu.status = fpu.status & !(fsw::C3 | fsw::C2 | fsw::C0) | codes(order);
    if proceed {
        for _ in 0..pops {
            fpu.pop();
        }
    }
}

/// FCOM and FUCOM with a register.
struct Fcom<const QUIET: bool, const POPS: u32>;
impl<const QUIET: bool, const POPS: u32> Insn for Fcom<QUIET, POPS> {
    #[inline]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        // The double-popping forms have no operand and compare with ST(1).
        let i = if POPS == 2 { 1 } else { sti(op) };
        let fpu = &mut cpu.fpu;
        let empty = fpu.empty(0) || fpu.empty(i);
        let result = order(fpu, empty, |f, st| f80::compare(f.st(0), f.st(i), QUIET, st));
        finish(fpu, result, POPS);
        Ok(())
    }
}

/// FCOM and FICOM with memory.
struct FcomMem<O, const POPS: u32>(PhantomData<O>);
impl<O: Operand, const POPS: u32> Insn for FcomMem<O, POPS> {
    #[inline]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let (b, denormal) = O::load::<M>(cpu, op)?;
        let fpu = &mut cpu.fpu;
        let empty = fpu.empty(0);
        let result = order(fpu, empty, |f, st| {
            let r = f80::compare(f.st(0), b, false, st);
            if denormal {
                f80::note_denormal_memory(f.st(0), st);
            }
            r
        });
        finish(fpu, result, POPS);
        Ok(())
    }
}

/// FCOMI and FUCOMI.
struct Fcomi<const QUIET: bool, const POPS: u32>;
impl<const QUIET: bool, const POPS: u32> Insn for Fcomi<QUIET, POPS> {
    #[inline]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let i = sti(op);
        let empty = cpu.fpu.empty(0) || cpu.fpu.empty(i);
        let c1 = cpu.fpu.status & fsw::C1;
        let (order, proceed) = order(&mut cpu.fpu, empty, |f, st| f80::compare(f.st(0), f.st(i), QUIET, st));
        cpu.set_arith_flags(flags(order));
        // C1 tells of stack faults only.
        if !empty {
            cpu.fpu.status |= c1;
        }
        if proceed && POPS != 0 {
            cpu.fpu.pop();
        }
        Ok(())
    }
}

struct Ftst;
impl Insn for Ftst {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let fpu = &mut cpu.fpu;
        let empty = fpu.empty(0);
        let result = order(fpu, empty, |f, st| f80::compare(f.st(0), F80::ZERO, false, st));
        finish(fpu, result, 0);
        Ok(())
    }
}

struct Fxam;
impl Insn for Fxam {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let fpu = &mut cpu.fpu;
        let a = fpu.st(0);
        let class = if fpu.empty(0) {
            fsw::C3 | fsw::C0
        } else {
            match f80::classify(a) {
                Class::Unsupported => 0,
                Class::Nan => fsw::C0,
                Class::Normal => fsw::C2,
                Class::Infinity => fsw::C2 | fsw::C0,
                Class::Zero => fsw::C3,
                Class::Denormal => fsw::C3 | fsw::C2,
            }
        };
        fpu.status = fpu.status & !fsw::CODES | class | if a.sign() { fsw::C1 } else { 0 };
        Ok(())
    }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Fcom_st0_sti, form_slow::<Fcom<false, 0>>()),
    (Code::Fcom_st0_sti_DCD0, form_slow::<Fcom<false, 0>>()),
    (Code::Fcomp_st0_sti, form_slow::<Fcom<false, 1>>()),
    (Code::Fcomp_st0_sti_DCD8, form_slow::<Fcom<false, 1>>()),
    (Code::Fcomp_st0_sti_DED0, form_slow::<Fcom<false, 1>>()),
    (Code::Fcompp, form_slow::<Fcom<false, 2>>()),
    (Code::Fucom_st0_sti, form_slow::<Fcom<true, 0>>()),
    (Code::Fucomp_st0_sti, form_slow::<Fcom<true, 1>>()),
    (Code::Fucompp, form_slow::<Fcom<true, 2>>()),
    (Code::Fcom_m32fp, form_slow::<FcomMem<M32Fp, 0>>()),
    (Code::Fcomp_m32fp, form_slow::<FcomMem<M32Fp, 1>>()),
    (Code::Fcom_m64fp, form_slow::<FcomMem<M64Fp, 0>>()),
    (Code::Fcomp_m64fp, form_slow::<FcomMem<M64Fp, 1>>()),
    (Code::Ficom_m16int, form_slow::<FcomMem<M16Int, 0>>()),
    (Code::Ficomp_m16int, form_slow::<FcomMem<M16Int, 1>>()),
    (Code::Ficom_m32int, form_slow::<FcomMem<M32Int, 0>>()),
    (Code::Ficomp_m32int, form_slow::<FcomMem<M32Int, 1>>()),
    (Code::Fcomi_st0_sti, form_slow::<Fcomi<false, 0>>()),
    (Code::Fcomip_st0_sti, form_slow::<Fcomi<false, 1>>()),
    (Code::Fucomi_st0_sti, form_slow::<Fcomi<true, 0>>()),
    (Code::Fucomip_st0_sti, form_slow::<Fcomi<true, 1>>()),
    (Code::Ftst, form_slow::<Ftst>()),
    (Code::Fxam, form_slow::<Fxam>()),
];
