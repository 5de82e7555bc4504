//! FSIN, FCOS, FSINCOS and FPTAN (SDM volume 1, 8.3.7 and 8.3.8).

use super::ext::{Ext, alternating, below_one, inverse_factorials, mul_high};
use super::tables::HALF_PI_66;
use crate::softfloat::Status;
use crate::softfloat::f80::{BIAS, F80, invalid, note_denormal, special_operand};

/// 1/3!, 1/5!, ...
const SIN: [u128; 17] = inverse_factorials(3, 2);
/// 1/2!, 1/4!, ...
const COS: [u128; 18] = inverse_factorials(2, 2);

/// An argument less than half a quadrant away from a multiple of pi/2.
struct Reduced {
    /// The rest, within pi/4 of zero.
    rest: Ext,
    /// Quadrant, modulo 4.
    quadrant: u64,
}

/// Reduces a magnitude below 2^63 by multiples of the 66-bit pi/2.
fn reduce(a: F80) -> Reduced {
    let x = Ext { neg: false, ..Ext::from_f80(a) };
    // pi/4 in the same 66 bits.
    let eighth = Ext::new(false, 127 - 66, HALF_PI_66);
    if (x.exp, x.sig) <= (eighth.exp, eighth.sig) {
        return Reduced { rest: x, quadrant: 0 };
    }
    // The argument in units of 2^-65 is `mant << (exp + 2)`; long division by chunks that fit.
    let mut rest = x.sig >> 64;
    let mut shift = (x.exp + 2).clamp(0, 70) as u32;
    let mut quadrant = 0u64;
    while shift > 0 {
        let chunk = shift.min(61);
        let n = rest << chunk;
        quadrant = (quadrant << chunk).wrapping_add((n / HALF_PI_66) as u64);
        rest = n % HALF_PI_66;
        shift -= chunk;
    }
    let nearer = 2 * rest > HALF_PI_66;
    if nearer {
        quadrant = quadrant.wrapping_add(1);
        rest = HALF_PI_66 - rest;
    }
    Reduced { rest: Ext::new(nearer, 127 - 65, rest), quadrant: quadrant & 3 }
}

/// Sine of a reduced number.
fn sine(r: Ext) -> Ext {
    r.mul_fraction(below_one(alternating(r.square_fraction(), &SIN)))
}

/// Cosine of a reduced number.
fn cosine(r: Ext) -> Ext {
    Ext::fraction(false, below_one(alternating(r.square_fraction(), &COS)))
}

/// Sine and cosine of the operand.
fn both(a: F80) -> (Ext, Ext) {
    let r = reduce(a);
    let (s, c) = (sine(r.rest), cosine(r.rest));
    let (s, c) = match r.quadrant {
        0 => (s, c),
        1 => (c, s.negate_if(true)),
        2 => (s.negate_if(true), c.negate_if(true)),
        _ => (c.negate_if(true), s),
    };
    (s.negate_if(a.sign()), c)
}

/// `x + x^3/3`: the tangent below 2^-40. It lies above the argument, by however little.
fn small_tangent(x: Ext) -> Ext {
    let more = (mul_high(x.sig, x.square_fraction() / 3) >> 1).max(1);
    Ext::new(x.neg, x.exp + 1, (x.sig >> 1) + more)
}

/// What the operand is before any computing.
enum Operand {
    /// The result for a NaN, infinity or unsupported encoding.
    Special(F80),
    Zero,
    /// At least 2^63: C2, the register stays.
    OutOfRange,
    Finite,
}

fn screen(a: F80, st: &mut Status) -> Operand {
    if let Some(r) = special_operand(a, st) {
        return Operand::Special(r);
    }
    if a.is_infinity() {
        return Operand::Special(invalid(st));
    }
    if a.is_zero() {
        return Operand::Zero;
    }
    if a.exp() >= BIAS + 63 {
        return Operand::OutOfRange;
    }
    note_denormal(a, st);
    Operand::Finite
}

/// FSIN; `None` when the operand is out of range.
pub fn sin(a: F80, st: &mut Status) -> Option<F80> {
    match screen(a, st) {
        Operand::Special(r) => Some(r),
        Operand::Zero => Some(a),
        Operand::OutOfRange => None,
        Operand::Finite => Some(both(a).0.round_inexact(st)),
    }
}

/// FCOS; `None` when the operand is out of range.
pub fn cos(a: F80, st: &mut Status) -> Option<F80> {
    match screen(a, st) {
        Operand::Special(r) => Some(r),
        Operand::Zero => Some(F80::ONE),
        Operand::OutOfRange => None,
        Operand::Finite => Some(both(a).1.round_inexact(st)),
    }
}

/// FSINCOS: sine and cosine; `None` when the operand is out of range.
pub fn sincos(a: F80, st: &mut Status) -> Option<(F80, F80)> {
    match screen(a, st) {
        Operand::Special(r) => Some((r, r)),
        Operand::Zero => Some((a, F80::ONE)),
        Operand::OutOfRange => None,
        Operand::Finite => {
            let (s, c) = both(a);
            let s = s.round_inexact(st);
            Some((s, c.round_inexact(st)))
        }
    }
}

/// FPTAN: tangent and the number that is pushed behind it; `None` when the operand is out of range.
pub fn tan(a: F80, st: &mut Status) -> Option<(F80, F80)> {
    match screen(a, st) {
        Operand::Special(r) => Some((r, r)),
        Operand::Zero => Some((a, F80::ONE)),
        Operand::OutOfRange => None,
        Operand::Finite => {
            let tangent = if a.exp() < BIAS - 40 {
                small_tangent(Ext::from_f80(a))
            } else {
                let (s, c) = both(a);
                s.div(c)
            };
            Some((tangent.round_inexact(st), F80::ONE))
        }
    }
}
