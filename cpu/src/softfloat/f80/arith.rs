//! Add, subtract, multiply, divide and square root (SDM volume 1, 8.3.5).

use super::round::round_pack;
use super::{BIAS, F80, INTEGER, invalid, note_denormal, special_operand, special_operands};
use crate::softfloat::wide::{div128by64, mul64, shr_jam128};
use crate::softfloat::{DE, Rounding, Status, ZE};

/// `a + b`.
#[inline]
pub fn add(a: F80, b: F80, st: &mut Status) -> F80 {
    if a.is_normal() & b.is_normal() {
        sum(a.sign(), a.exp(), a.mant, b.sign(), b.exp(), b.mant, st)
    } else {
        sum_special(a, b, false, st)
    }
}

/// `a - b`.
#[inline]
pub fn sub(a: F80, b: F80, st: &mut Status) -> F80 {
    if a.is_normal() & b.is_normal() {
        sum(a.sign(), a.exp(), a.mant, !b.sign(), b.exp(), b.mant, st)
    } else {
        sum_special(a, b, true, st)
    }
}

/// Sum of two normalised numbers.
#[inline]
fn sum(sa: bool, ea: i32, ma: u64, sb: bool, eb: i32, mb: u64, st: &mut Status) -> F80 {
    let swap = (eb, mb) > (ea, ma);
    let (sign, exp, x, shift, y) =
        if swap { (sb, eb, mb, (eb - ea) as u32, ma) } else { (sa, ea, ma, (ea - eb) as u32, mb) };
    // One bit of head room for the carry.
    let x = (x as u128) << 63;
    let y = shr_jam128((y as u128) << 63, shift);
    let z = if sa == sb { x + y } else { x - y };
    if z == 0 {
        return F80::zero(st.rounding == Rounding::Down);
    }
    let lead = z.leading_zeros();
    let z = z << lead;
    round_pack(sign, exp + 1 - lead as i32, (z >> 64) as u64, z as u64, st)
}

#[cold]
fn sum_special(a: F80, b: F80, negate: bool, st: &mut Status) -> F80 {
    if let Some(r) = special_operands(a, b, st) {
        return r;
    }
    let b = if negate { b.negate() } else { b };
    match (a.is_infinity(), b.is_infinity()) {
        (true, true) => return if a.sign() == b.sign() { a } else { invalid(st) },
        (false, false) => {}
        (first, _) => {
            note_denormal(a, st);
            note_denormal(b, st);
            return if first { a } else { b };
        }
    }
    note_denormal(a, st);
    note_denormal(b, st);
    match (a.is_zero(), b.is_zero()) {
        (true, true) => F80::zero(if a.sign() == b.sign() { a.sign() } else { st.rounding == Rounding::Down }),
        (false, false) => {
            let ((ea, ma), (eb, mb)) = (a.normalized(), b.normalized());
            sum(a.sign(), ea, ma, b.sign(), eb, mb, st)
        }
        (zero_a, _) => {
            // Precision control rounds the other operand too.
            let x = if zero_a { b } else { a };
            let (exp, mant) = x.normalized();
            round_pack(x.sign(), exp, mant, 0, st)
        }
    }
}

/// `a * b`.
#[inline]
pub fn mul(a: F80, b: F80, st: &mut Status) -> F80 {
    if a.is_normal() & b.is_normal() {
        product(a.sign() != b.sign(), a.exp(), a.mant, b.exp(), b.mant, st)
    } else {
        mul_special(a, b, st)
    }
}

#[inline]
fn product(sign: bool, ea: i32, ma: u64, eb: i32, mb: u64, st: &mut Status) -> F80 {
    let z = mul64(ma, mb);
    let exp = ea + eb - (BIAS - 1);
    let (exp, z) = if z >> 127 != 0 { (exp, z) } else { (exp - 1, z << 1) };
    round_pack(sign, exp, (z >> 64) as u64, z as u64, st)
}

#[cold]
fn mul_special(a: F80, b: F80, st: &mut Status) -> F80 {
    if let Some(r) = special_operands(a, b, st) {
        return r;
    }
    let sign = a.sign() != b.sign();
    if a.is_infinity() || b.is_infinity() {
        if a.is_zero() || b.is_zero() {
            return invalid(st);
        }
        note_denormal(a, st);
        note_denormal(b, st);
        return F80::infinity(sign);
    }
    note_denormal(a, st);
    note_denormal(b, st);
    if a.is_zero() || b.is_zero() {
        return F80::zero(sign);
    }
    let ((ea, ma), (eb, mb)) = (a.normalized(), b.normalized());
    product(sign, ea, ma, eb, mb, st)
}

/// `a / b`.
#[inline]
pub fn div(a: F80, b: F80, st: &mut Status) -> F80 {
    if a.is_normal() & b.is_normal() {
        quotient(a.sign() != b.sign(), a.exp(), a.mant, b.exp(), b.mant, st)
    } else {
        div_special(a, b, st)
    }
}

#[inline]
fn quotient(sign: bool, ea: i32, ma: u64, eb: i32, mb: u64, st: &mut Status) -> F80 {
    let exp = ea - eb + BIAS;
    let (exp, n) = if ma < mb { (exp - 1, (ma as u128) << 64) } else { (exp, (ma as u128) << 63) };
    let (q, r) = div128by64(n, mb);
    let lo = match (r, r.cmp(&(mb - r))) {
        (0, _) => 0,
        (_, core::cmp::Ordering::Less) => 1,
        (_, core::cmp::Ordering::Equal) => INTEGER,
        (_, core::cmp::Ordering::Greater) => INTEGER | 1,
    };
    round_pack(sign, exp, q, lo, st)
}

#[cold]
fn div_special(a: F80, b: F80, st: &mut Status) -> F80 {
    if let Some(r) = special_operands(a, b, st) {
        return r;
    }
    let sign = a.sign() != b.sign();
    match (a.is_infinity(), b.is_infinity()) {
        (true, true) => return invalid(st),
        (true, false) => {
            note_denormal(b, st);
            return F80::infinity(sign);
        }
        (false, true) => {
            note_denormal(a, st);
            return F80::zero(sign);
        }
        (false, false) => {}
    }
    if b.is_zero() {
        if a.is_zero() {
            return invalid(st);
        }
        st.raise(ZE);
        return F80::infinity(sign);
    }
    note_denormal(a, st);
    note_denormal(b, st);
    if a.is_zero() {
        return F80::zero(sign);
    }
    let ((ea, ma), (eb, mb)) = (a.normalized(), b.normalized());
    quotient(sign, ea, ma, eb, mb, st)
}

/// Square root.
#[inline]
pub fn sqrt(a: F80, st: &mut Status) -> F80 {
    if let Some(r) = special_operand(a, st) {
        return r;
    }
    if a.is_zero() {
        return a;
    }
    if a.sign() {
        return invalid(st);
    }
    if a.is_infinity() {
        return a;
    }
    if a.is_denormal() {
        st.raise(DE);
    }
    let (exp, mant) = a.normalized();
    // An even unbiased exponent is halved; the radicand then lies in [1, 4) with 126 fraction bits.
    let unbiased = exp - BIAS;
    let n = (mant as u128) << (63 + (unbiased & 1) as u32);
    let root = n.isqrt();
    let rest = n - root * root;
    let lo = if rest == 0 {
        0
    } else if rest > root {
        INTEGER | 1
    } else {
        1
    };
    round_pack(false, (unbiased >> 1) + BIAS, root as u64, lo, st)
}
