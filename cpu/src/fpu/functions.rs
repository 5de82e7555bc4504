//! FSQRT, FRNDINT, FSCALE, FXTRACT, the remainders and the transcendental functions (SDM volume 1, 8.3.5 and 8.3.7).

use super::handler::{Insn, form_slow};
use super::{Fpu, fsw};
use crate::engine::dispatch::Form;
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::softfloat::f80::{self, F80, Remainder};
use crate::softfloat::{IE, Status};
use crate::state::Cpu;
use iced_x86::Code;

macro_rules! functions {
    ($($name:ident: |$fpu:ident| $body:expr;)*) => {
        $(
            struct $name;
            impl Insn for $name {
                fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
                    let $fpu = &mut cpu.fpu;
                    $body;
                    Ok(())
                }
            }
        )*
    };
}
functions! {
    Fsqrt: |fpu| fpu.unary(f80::sqrt);
    Frndint: |fpu| fpu.unary(f80::round_to_int);
   F2xm1: |fpu| fpu.unary(f80::f2xm1);
    Fscale: |fpu| binary(fpu, false, f80::scale);
    Fprem: |fpu| remainder(fpu, f80::fprem);
    Fprem1: |fpu| remainder(fpu, f80::fprem1);
   Fyl2x: |fpu| binary(fpu, true, |x, y, st| f80::yl2x(y, x, st));
   Fyl2xp1: |fpu| binary(fpu, true, |x, y, st| f80::yl2xp1(y, x, st));
   Fpatan: |fpu| binary(fpu, true, |x, y, st| f80::patan(y, x, st));
   Fsin: |fpu| trigonometric(fpu, f80::sin);
   Fcos: |fpu| trigonometric(fpu, f80::cos);
   Fsincos: |fpu| trigonometric_push(fpu, f80::sincos);
   Fptan: |fpu| trigonometric_push(fpu, f80::tan);
    Fxtract: |fpu| spread(fpu, |a, st| {
        let (exponent, significand) = f80::extract(a, st);
        Some((exponent, significand))
    });
}

/// Works on ST(0) and ST(1). The result replaces ST(0), or ST(1) which a pop then makes the top.
fn binary(fpu: &mut Fpu, pop: bool, f: impl FnOnce(F80, F80, &mut Status) -> F80) {
    let dst = usize::from(pop);
    if fpu.empty(0) || fpu.empty(1) {
        if fpu.underflow() {
            fpu.set(dst, F80::INDEFINITE);
            if pop {
                fpu.pop();
            }
        }
        return;
    }
    let mut st = fpu.begin();
    let r = f(fpu.st(0), fpu.st(1), &mut st);
    if fpu.conclude(&mut st) {
        fpu.set(dst, r);
        if pop {
            fpu.pop();
        }
    }
}

fn remainder(fpu: &mut Fpu, f: impl FnOnce(F80, F80, &mut Status) -> Remainder) {
    fpu.status &= !fsw::C2;
    if fpu.empty(0) || fpu.empty(1) {
        if fpu.underflow() {
            fpu.set(0, F80::INDEFINITE);
        }
        return;
    }
    let mut st = fpu.begin();
    let r = f(fpu.st(0), fpu.st(1), &mut st);
    if !fpu.conclude(&mut st) {
        return;
    }
    fpu.set(0, r.value);
    if st.flags & IE == 0 && !r.value.is_nan() {
        let q = r.quotient;
        let bit = |n: u8, code: u16| if q >> n & 1 != 0 { code } else { 0 };
        let codes = bit(2, fsw::C0) | bit(1, fsw::C3) | bit(0, fsw::C1) | if r.partial { fsw::C2 } else { 0 };
        fpu.status = fpu.status & !fsw::CODES | codes;
    }
}

/// FSIN and FCOS: C2 says that the operand is out of range and was left alone.
fn trigonometric(fpu: &mut Fpu, f: impl FnOnce(F80, &mut Status) -> Option<F80>) {
    fpu.status &= !fsw::C2;
    if fpu.empty(0) {
        if fpu.underflow() {
            fpu.set(0, F80::INDEFINITE);
        }
        return;
    }
    let mut st = fpu.begin();
    let r = f(fpu.st(0), &mut st);
    let proceed = fpu.conclude(&mut st);
    match r {
        None => fpu.status |= fsw::C2,
        Some(r) if proceed => fpu.set(0, r),
        Some(_) => {}
    }
}

/// FSINCOS and FPTAN: as [`trigonometric`], with a second result to push.
fn trigonometric_push(fpu: &mut Fpu, f: impl FnOnce(F80, &mut Status) -> Option<(F80, F80)>) {
    fpu.status &= !fsw::C2;
    if !spread(fpu, f) {
        fpu.status |= fsw::C2;
    }
}

/// Replaces ST(0) with the first result and pushes the second; `false` when there is none.
fn spread(fpu: &mut Fpu, f: impl FnOnce(F80, &mut Status) -> Option<(F80, F80)>) -> bool {
    if fpu.empty(0) || fpu.full() {
        let masked = if fpu.empty(0) { fpu.underflow() } else { fpu.overflow() };
        if masked {
            fpu.set(0, F80::INDEFINITE);
            fpu.push(F80::INDEFINITE);
        }
        return true;
    }
    let mut st = fpu.begin();
    let r = f(fpu.st(0), &mut st);
    let proceed = fpu.conclude(&mut st);
    match r {
        None => return false,
        Some((a, b)) if proceed => {
            fpu.set(0, a);
            fpu.push(b);
        }
        Some(_) => {}
    }
    true
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Fsqrt, form_slow::<Fsqrt>()),
    (Code::Frndint, form_slow::<Frndint>()),
    (Code::Fscale, form_slow::<Fscale>()),
    (Code::Fxtract, form_slow::<Fxtract>()),
    (Code::Fprem, form_slow::<Fprem>()),
    (Code::Fprem1, form_slow::<Fprem1>()),
    (Code::F2xm1, form_slow::<F2xm1>()),
    (Code::Fyl2x, form_slow::<Fyl2x>()),
    (Code::Fyl2xp1, form_slow::<Fyl2xp1>()),
    (Code::Fpatan, form_slow::<Fpatan>()),
    (Code::Fsin, form_slow::<Fsin>()),
    (Code::Fcos, form_slow::<Fcos>()),
    (Code::Fsincos, form_slow::<Fsincos>()),
    (Code::Fptan, form_slow::<Fptan>()),
];
