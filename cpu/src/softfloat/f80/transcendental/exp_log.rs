//! F2XM1, FYL2X and FYL2XP1 (SDM volume 2, each instruction's table).

use super::ext::{Ext, alternating, ascending, inverse_factorials, mul_high, reciprocals};
use super::tables::{EXP2, LN_2, LOG2, LOG2_E, LOG2_FIRST};
use crate::softfloat::f80::{BIAS, F80, INTEGER, invalid, note_denormal, special_operand, special_operands};
use crate::softfloat::{PE, Status, ZE};

/// 1/2!, 1/3!, ...
const EXP: [u128; 16] = inverse_factorials(2, 1);
/// 1/3, 1/5, ...
const ODD: [u128; 10] = reciprocals(3, 2);

/// `e^g - 1` for a small `g`.
fn expm1(g: Ext) -> Ext {
    // g (1 + t) with t = g/2! + g^2/3! + ..., or its alternating form.
    let f = g.to_fraction();
    if g.neg {
        g.mul_fraction(alternating(f, &EXP).max(1).wrapping_neg())
    } else {
        let t = ascending(f, &EXP).max(1);
        Ext::new(false, g.exp + 1, (g.sig >> 1) + (mul_high(g.sig, t) >> 1))
    }
}

/// `2^x - 1` for |x| below one.
fn exp2m1(x: Ext) -> Ext {
    let ln2 = Ext::fraction(false, LN_2);
    // Nearest i/32: 2^x - 1 = (2^(i/32) - 1) + 2^(i/32) (2^d - 1).
    let i = ((x.to_fraction() >> 122) as i32 + 1) >> 1;
    if i == 0 {
        return expm1(x.mul(ln2));
    }
    let c = Ext::new(x.neg, 127 - 5, i as u128);
    let e = expm1(x.add(c.negate_if(true)).mul(ln2));
    let i = if x.neg { -i } else { i };
    let power = Ext::new(false, i >> 5, EXP2[(i & 31) as usize]);
    power.add(Ext::integer(-1)).add(power.mul(e))
}

/// F2XM1. Operands outside of [-1, 1], whose results the manual leaves undefined, stay as they are.
pub fn f2xm1(a: F80, st: &mut Status) -> F80 {
    if let Some(r) = special_operand(a, st) {
        return r;
    }
    if a.is_infinity() {
        return if a.sign() { F80::ONE.negate() } else { a };
    }
    if a.is_zero() {
        return a;
    }
    note_denormal(a, st);
    if a.exp() >= BIAS {
        // Reported as inexact, and at one as rounded.
        st.raise(PE);
        st.c1 = a.mant == INTEGER && a.exp() == BIAS && st.rounds_up(a.sign(), false, 1);
        return if a == F80::ONE.negate() { F80::new(0x8000 | (BIAS as u16 - 1), INTEGER) } else { a };
    }
    exp2m1(Ext::from_f80(a)).round_inexact(st)
}

/// log2 of `1 + d` for |d| up to 1/64, `d` not zero.
fn log2_near_one(d: Ext) -> Ext {
    // ln(1 + d) = 2 atanh(z) = 2 z (1 + z^2/3 + z^4/5 + ...), z = d / (2 + d).
    let z = d.div(Ext::integer(2).add(d));
    let t = ascending(z.square_fraction(), &ODD).max(1);
    let series = Ext::new(z.neg, z.exp + 1, (z.sig >> 1) + (mul_high(z.sig, t) >> 1));
    let twice_log2_e = Ext { neg: false, exp: 1, sig: LOG2_E };
    series.mul(twice_log2_e)
}

/// log2 of a positive number that has at most 116 significant bits.
fn log2(x: Ext) -> Ext {
    // x = m 2^k with m in [45/64, 90/64).
    let (k, j) = match (x.sig >> 121) as usize {
        j if j < 90 => (x.exp, j),
        j => (x.exp + 1, j / 2),
    };
    let m = Ext { exp: x.exp - k, ..x };
    let (c, log2_c) = LOG2[(j - LOG2_FIRST).min(LOG2.len() - 1)];
    let d = m.mul(Ext::new(false, 127 - 8, u128::from(c))).add(Ext::integer(-1));
    let near = if d.sig == 0 { Ext::ZERO } else { log2_near_one(d) };
    // log2(m) = log2(m c) - log2(c)
    near.add(Ext::fraction(c >= 256, log2_c)).add(Ext::integer(k))
}

/// `y log2(x)`.
pub fn yl2x(y: F80, x: F80, st: &mut Status) -> F80 {
    if let Some(r) = special_operands(x, y, st) {
        return r;
    }
    if x.sign() && !x.is_zero() {
        return invalid(st);
    }
    if x.is_zero() {
        if y.is_zero() {
            return invalid(st);
        }
        if !y.is_infinity() {
            st.raise(ZE);
        }
        return F80::infinity(!y.sign());
    }
    if x.is_infinity() {
        if y.is_zero() {
            return invalid(st);
        }
        note_denormal(y, st);
        return F80::infinity(y.sign());
    }
    let (exp, mant) = x.normalized();
    let one = exp == BIAS && mant == INTEGER;
    if y.is_infinity() && one {
        return invalid(st);
    }
    note_denormal(x, st);
    note_denormal(y, st);
    let below_one = exp < BIAS;
    if y.is_infinity() {
        return F80::infinity(y.sign() != below_one);
    }
    if y.is_zero() || one {
        return F80::zero(y.sign() != below_one);
    }
    let factor = Ext::from_f80(y);
    if mant == INTEGER {
        return factor.mul(Ext::integer(exp - BIAS)).round_reported_inexact(st);
    }
    factor.mul(log2(Ext::from_f80(x))).round_inexact(st)
}

/// `y log2(x + 1)`, for |x| up to 1 - sqrt(1/2). Beyond, where the manual leaves it undefined: the same as far as the
/// logarithm exists, else `x`.
pub fn yl2xp1(y: F80, x: F80, st: &mut Status) -> F80 {
    if let Some(r) = special_operands(x, y, st) {
        return r;
    }
    if x.is_zero() {
        if y.is_infinity() {
            return invalid(st);
        }
        note_denormal(y, st);
        return F80::zero(x.sign() != y.sign());
    }
    if x.is_infinity() {
        if x.sign() || y.is_zero() {
            return invalid(st);
        }
        note_denormal(y, st);
        return F80::infinity(y.sign());
    }
    note_denormal(x, st);
    note_denormal(y, st);
    let negative = x.sign() != y.sign();
    if y.is_infinity() {
        return F80::infinity(negative);
    }
    if y.is_zero() {
        return F80::zero(negative);
    }
    if x.sign() && x.exp() >= BIAS {
        st.raise(PE);
        return x;
    }
    let d = Ext::from_f80(x);
    if d.exp < -6 {
        return Ext::from_f80(y).mul(log2_near_one(d)).round_inexact(st);
    }
    let sum = Ext::integer(1).add(d);
    let r = Ext::from_f80(y).mul(log2(sum));
    if sum.sig == 1 << 127 { r.round_reported_inexact(st) } else { r.round_inexact(st) }
}
