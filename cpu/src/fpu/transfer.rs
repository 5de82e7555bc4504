//! Loads and stores: FLD, FST, FILD, FIST, FISTTP, FBLD, FBSTP, FXCH, FCMOVcc and the constants (SDM volume 1, 8.3.3
//! and 8.3.4).

use super::Fpu;
use super::arith::{M16Int, M32Int, Operand};
use super::handler::{Insn, form, form_slow, sti};
use crate::engine::dispatch::Form;
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::softfloat::f80::{self, Constant, F80};
use crate::softfloat::{OE, Status, UE};
use crate::state::Cpu;
use iced_x86::Code;
use std::marker::PhantomData;

/// Pushes a value that cannot raise anything but a stack overflow.
#[inline(always)]
fn push(fpu: &mut Fpu, value: F80) {
    if fpu.full() {
        if fpu.overflow() {
            fpu.push(F80::INDEFINITE);
        }
        return;
    }
    fpu.status &= !super::fsw::C1;
    fpu.push(value);
}

/// Pushes a widened value. An unmasked denormal exception does not hold it back, an unmasked invalid one does.
#[inline(always)]
fn push_widened(fpu: &mut Fpu, load: impl FnOnce(&mut Status) -> F80) {
    if fpu.full() {
        if fpu.overflow() {
            fpu.push(F80::INDEFINITE);
        }
        return;
    }
    let mut st = fpu.begin();
    let value = load(&mut st);
    fpu.conclude(&mut st);
    if st.unmasked() & crate::softfloat::IE == 0 {
        fpu.push(value);
    }
}

struct FldM32;
impl Insn for FldM32 {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v = M::src::<u32>(cpu, op)?;
        push_widened(&mut cpu.fpu, |st| f80::from_f32(v, st));
        Ok(())
    }
}

struct FldM64;
impl Insn for FldM64 {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v = M::src::<u64>(cpu, op)?;
        push_widened(&mut cpu.fpu, |st| f80::from_f64(v, st));
        Ok(())
    }
}

struct FldM80;
impl Insn for FldM80 {
    #[inline]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v = F80::from_bytes(cpu.load_ten::<M::W>(op)?);
        push(&mut cpu.fpu, v);
        Ok(())
    }
}

struct Fbld;
impl Insn for Fbld {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v = f80::from_bcd(cpu.load_ten::<M::W>(op)?);
        push(&mut cpu.fpu, v);
        Ok(())
    }
}

/// FILD.
struct Fild<O>(PhantomData<O>);
impl<O: Operand> Insn for Fild<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let (v, _) = O::load::<M>(cpu, op)?;
        push(&mut cpu.fpu, v);
        Ok(())
    }
}

struct M64Int;
impl Operand for M64Int {
    #[inline(always)]
    fn load<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec<(F80, bool)> {
        let v = M::src::<u64>(cpu, op)?;
        Ok((f80::from_i64(v as i64), false))
    }
}

struct FldSti;
impl Insn for FldSti {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let fpu = &mut cpu.fpu;
        let i = sti(op);
        // An empty source comes before a full stack.
        if fpu.empty(i) {
            if fpu.underflow() {
                fpu.push(F80::INDEFINITE);
            }
        } else {
            let v = fpu.st(i);
            push(fpu, v);
        }
        Ok(())
    }
}

/// FLD1 and kin; the const parameter is an index, since constants cannot be parameters themselves.
struct FldConstant<const WHICH: usize>;
impl<const WHICH: usize> Insn for FldConstant<WHICH> {
    #[inline]
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        const ALL: [Constant; 7] = [
            Constant::One,
            Constant::Log2Of10,
            Constant::Log2OfE,
            Constant::Pi,
            Constant::Log10Of2,
            Constant::LnOf2,
            Constant::Zero,
        ];
        let v = f80::constant(ALL[WHICH % 7], &cpu.fpu.begin());
        push(&mut cpu.fpu, v);
        Ok(())
    }
}

/// A store to memory: converts ST(0), writes it unless an unmasked exception forbids, then commits flags and pop.
#[inline(always)]
fn store<T>(
    cpu: &mut Cpu,
    pop: bool,
    indefinite: T,
    convert: impl FnOnce(F80, &mut Status) -> T,
    write: impl FnOnce(&mut Cpu, T) -> Exec,
) -> Exec {
    if cpu.fpu.empty(0) {
        // The store may fault, so the stack fault is recorded after it.
        if cpu.fpu.begin().masked(crate::softfloat::IE) {
            write(cpu, indefinite)?;
            cpu.fpu.underflow();
            if pop {
                cpu.fpu.pop();
            }
        } else {
            cpu.fpu.underflow();
        }
        return Ok(());
    }
    let mut st = cpu.fpu.begin();
    let value = convert(cpu.fpu.st(0), &mut st);
    let store = !st.aborted() && st.unmasked() & (OE | UE) == 0;
    if store {
        write(cpu, value)?;
    }
    cpu.fpu.conclude(&mut st);
    if store && pop {
        cpu.fpu.pop();
    }
    Ok(())
}

const F32_INDEFINITE: u32 = 0xFFC0_0000;
const F64_INDEFINITE: u64 = 0xFFF8_0000_0000_0000;

macro_rules! stores {
    ($($name:ident: $int:ty, $indefinite:expr, $convert:expr;)*) => {
        $(
            struct $name<const POP: bool>;
            impl<const POP: bool> Insn for $name<POP> {
                #[inline(always)]
                fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
                    store::<$int>(cpu, POP, $indefinite, $convert, |cpu, v| M::set_dst::<$int>(cpu, op, v))
                }
            }
        )*
    };
}
stores! {
    FstM32: u32, F32_INDEFINITE, f80::to_f32;
    FstM64: u64, F64_INDEFINITE, f80::to_f64;
    FistM16: u16, i16::MIN as u16, |a, st| f80::to_i16(a, st) as u16;
    FistM32: u32, i32::MIN as u32, |a, st| f80::to_i32(a, st) as u32;
    FistM64: u64, i64::MIN as u64, |a, st| f80::to_i64(a, st) as u64;
    FisttpM16: u16, i16::MIN as u16, |a, st| f80::to_i16_trunc(a, st) as u16;
    FisttpM32: u32, i32::MIN as u32, |a, st| f80::to_i32_trunc(a, st) as u32;
    FisttpM64: u64, i64::MIN as u64, |a, st| f80::to_i64_trunc(a, st) as u64;
}

struct FstpM80;
impl Insn for FstpM80 {
    #[inline]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        store(cpu, true, F80::INDEFINITE, |a, _| a, |cpu, v| cpu.store_ten::<M::W>(op, v.to_bytes()))
    }
}

struct Fbstp;
impl Insn for Fbstp {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        store(cpu, true, f80::BCD_INDEFINITE, f80::to_bcd, |cpu, v| cpu.store_ten::<M::W>(op, v))
    }
}

/// FST ST(i).
struct FstSti<const POP: bool>;
impl<const POP: bool> Insn for FstSti<POP> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let fpu = &mut cpu.fpu;
        let value = if fpu.empty(0) {
            if !fpu.underflow() {
                return Ok(());
            }
            F80::INDEFINITE
        } else {
            fpu.status &= !super::fsw::C1;
            fpu.st(0)
        };
        fpu.set(sti(op), value);
        if POP {
            fpu.pop();
        }
        Ok(())
    }
}

/// FSTPNCE (D9 D8+i): FSTP ST(i) that reports no stack underflow and then only pops.
struct FstpNoCheck;
impl Insn for FstpNoCheck {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let fpu = &mut cpu.fpu;
        fpu.status &= !super::fsw::C1;
        if !fpu.empty(0) {
            let value = fpu.st(0);
            fpu.set(sti(op), value);
        }
        fpu.pop();
        Ok(())
    }
}

struct Fxch;
impl Insn for Fxch {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let fpu = &mut cpu.fpu;
        let i = sti(op);
        let (empty0, empty_i) = (fpu.empty(0), fpu.empty(i));
        if empty0 || empty_i {
            if !fpu.underflow() {
                return Ok(());
            }
            if empty0 {
                fpu.set(0, F80::INDEFINITE);
            }
            if empty_i {
                fpu.set(i, F80::INDEFINITE);
            }
        } else {
            fpu.status &= !super::fsw::C1;
        }
        let (a, b) = (fpu.st(0), fpu.st(i));
        fpu.set(0, b);
        fpu.set(i, a);
        Ok(())
    }
}

/// Conditions of FCMOVcc.
trait Condition: 'static {
    fn holds(cpu: &Cpu) -> bool;
}

macro_rules! conditions {
    ($($name:ident: |$cpu:ident| $body:expr;)*) => {
        $(
            struct $name;
            impl Condition for $name {
                #[inline(always)]
                fn holds($cpu: &Cpu) -> bool {
                    $body
                }
            }
        )*
    };
}
conditions! {
    Below: |c| c.cf();
    Equal: |c| c.zf();
    BelowEqual: |c| c.cf() || c.zf();
    Unordered: |c| c.pf();
    NotBelow: |c| !c.cf();
    NotEqual: |c| !c.zf();
    Above: |c| !(c.cf() || c.zf());
    Ordered: |c| !c.pf();
}

struct Fcmov<C>(PhantomData<C>);
impl<C: Condition> Insn for Fcmov<C> {
    #[inline]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let holds = C::holds(cpu);
        let fpu = &mut cpu.fpu;
        let i = sti(op);
        if fpu.empty(0) || fpu.empty(i) {
            if fpu.underflow() {
                fpu.set(0, F80::INDEFINITE);
            }
            return Ok(());
        }
        if holds {
            let v = fpu.st(i);
            fpu.set(0, v);
        }
        Ok(())
    }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Fld_m32fp, form::<FldM32>()),
    (Code::Fld_m64fp, form::<FldM64>()),
    (Code::Fld_m80fp, form::<FldM80>()),
    (Code::Fild_m16int, form::<Fild<M16Int>>()),
    (Code::Fild_m32int, form::<Fild<M32Int>>()),
    (Code::Fild_m64int, form::<Fild<M64Int>>()),
    (Code::Fbld_m80bcd, form_slow::<Fbld>()),
    (Code::Fld_sti, form_slow::<FldSti>()),
    (Code::Fld1, form_slow::<FldConstant<0>>()),
    (Code::Fldl2t, form_slow::<FldConstant<1>>()),
    (Code::Fldl2e, form_slow::<FldConstant<2>>()),
    (Code::Fldpi, form_slow::<FldConstant<3>>()),
    (Code::Fldlg2, form_slow::<FldConstant<4>>()),
    (Code::Fldln2, form_slow::<FldConstant<5>>()),
    (Code::Fldz, form_slow::<FldConstant<6>>()),
    (Code::Fst_m32fp, form::<FstM32<false>>()),
    (Code::Fstp_m32fp, form::<FstM32<true>>()),
    (Code::Fst_m64fp, form::<FstM64<false>>()),
    (Code::Fstp_m64fp, form::<FstM64<true>>()),
    (Code::Fstp_m80fp, form::<FstpM80>()),
    (Code::Fist_m16int, form_slow::<FistM16<false>>()),
    (Code::Fistp_m16int, form::<FistM16<true>>()),
    (Code::Fist_m32int, form_slow::<FistM32<false>>()),
    (Code::Fistp_m32int, form::<FistM32<true>>()),
    (Code::Fistp_m64int, form::<FistM64<true>>()),
    (Code::Fisttp_m16int, form_slow::<FisttpM16<true>>()),
    (Code::Fisttp_m32int, form_slow::<FisttpM32<true>>()),
    (Code::Fisttp_m64int, form_slow::<FisttpM64<true>>()),
    (Code::Fbstp_m80bcd, form_slow::<Fbstp>()),
    (Code::Fst_sti, form_slow::<FstSti<false>>()),
    (Code::Fstp_sti, form_slow::<FstSti<true>>()),
    (Code::Fstp_sti_DFD0, form_slow::<FstSti<true>>()),
    (Code::Fstp_sti_DFD8, form_slow::<FstSti<true>>()),
    (Code::Fstpnce_sti, form_slow::<FstpNoCheck>()),
    (Code::Fxch_st0_sti, form_slow::<Fxch>()),
    (Code::Fxch_st0_sti_DDC8, form_slow::<Fxch>()),
    (Code::Fxch_st0_sti_DFC8, form_slow::<Fxch>()),
    (Code::Fcmovb_st0_sti, form_slow::<Fcmov<Below>>()),
    (Code::Fcmove_st0_sti, form_slow::<Fcmov<Equal>>()),
    (Code::Fcmovbe_st0_sti, form_slow::<Fcmov<BelowEqual>>()),
    (Code::Fcmovu_st0_sti, form_slow::<Fcmov<Unordered>>()),
    (Code::Fcmovnb_st0_sti, form_slow::<Fcmov<NotBelow>>()),
    (Code::Fcmovne_st0_sti, form_slow::<Fcmov<NotEqual>>()),
    (Code::Fcmovnbe_st0_sti, form_slow::<Fcmov<Above>>()),
    (Code::Fcmovnu_st0_sti, form_slow::<Fcmov<Ordered>>()),
];
