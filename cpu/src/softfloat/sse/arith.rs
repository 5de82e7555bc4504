//! Add, subtract, multiply, divide, square root, minimum and maximum.

use super::native::{self, Op};
use super::round::round_pack;
use super::{
    Format, exp, flush_operand, invalid, is_infinity, is_nan, is_normal, is_zero, normalized, note_denormal, pack_sign,
    sign, special_operands,
};
use crate::softfloat::wide::{div128by64, mul64, shr_jam64};
use crate::softfloat::{IE, Rounding, Status, ZE};

/// `a + b`.
#[inline]
pub fn add<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    if !(is_normal::<F>(a) & is_normal::<F>(b)) {
        return sum_special::<F>(a, b, false, st);
    }
    match native::result::<F>(Op::Add, a, b, st) {
        Some(r) => r,
        None => sum::<F>(a, b, st),
    }
}

/// `a - b`.
#[inline]
pub fn sub<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    if !(is_normal::<F>(a) & is_normal::<F>(b)) {
        return sum_special::<F>(a, b, true, st);
    }
    match native::result::<F>(Op::Sub, a, b, st) {
        Some(r) => r,
        None => sum::<F>(a, b ^ F::SIGN, st),
    }
}

/// Sum of two finite non-zero numbers.
#[inline]
fn sum<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    let (a, b) = if a & !F::SIGN >= b & !F::SIGN { (a, b) } else { (b, a) };
    let ((ea, ma), (eb, mb)) = (normalized::<F>(a), normalized::<F>(b));
    // One bit of head room for the carry; at least ten bits remain below the fraction.
    let x = ma >> 1;
    let y = shr_jam64(mb >> 1, (ea - eb) as u32);
    let z = if sign::<F>(a) == sign::<F>(b) { x + y } else { x - y };
    if z == 0 {
        return pack_sign::<F>(st.rounding == Rounding::Down);
    }
    let lead = z.leading_zeros();
    round_pack::<F>(sign::<F>(a), ea + 1 - lead as i32, z << lead, st)
}

#[cold]
fn sum_special<F: Format>(a: u64, b: u64, negate: bool, st: &mut Status) -> u64 {
    let (a, b) = (flush_operand::<F>(a, st), flush_operand::<F>(b, st));
    if let Some(r) = special_operands::<F>(a, b, st) {
        return r;
    }
    let b = if negate { b ^ F::SIGN } else { b };
    match (is_infinity::<F>(a), is_infinity::<F>(b)) {
        (true, true) if a != b => return invalid::<F>(st),
        (false, false) => {}
        (first, _) => {
            note_denormal::<F>(a, st);
            note_denormal::<F>(b, st);
            return if first { a } else { b };
        }
    }
    note_denormal::<F>(a, st);
    note_denormal::<F>(b, st);
    match (is_zero::<F>(a), is_zero::<F>(b)) {
        (true, true) if a == b => a,
        (true, true) => pack_sign::<F>(st.rounding == Rounding::Down),
        (false, false) => sum::<F>(a, b, st),
        (zero_a, _) => {
            let x = if zero_a { b } else { a };
            let (e, m) = normalized::<F>(x);
            round_pack::<F>(sign::<F>(x), e, m, st)
        }
    }
}

/// `a * b`.
#[inline]
pub fn mul<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    if !(is_normal::<F>(a) & is_normal::<F>(b)) {
        return mul_special::<F>(a, b, st);
    }
    match native::result::<F>(Op::Mul, a, b, st) {
        Some(r) => r,
        None => product::<F>(a, b, st),
    }
}

#[inline]
fn product<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    let ((ea, ma), (eb, mb)) = (normalized::<F>(a), normalized::<F>(b));
    let z = mul64(ma, mb);
    let (hi, sticky) = ((z >> 64) as u64, (z as u64 != 0) as u64);
    let e = ea + eb - (F::BIAS - 1);
    let negative = sign::<F>(a ^ b);
    // The factors have at least eleven zero bits below them, so the shift loses nothing.
    if hi >> 63 != 0 {
        round_pack::<F>(negative, e, hi | sticky, st)
    } else {
        round_pack::<F>(negative, e - 1, hi << 1 | sticky, st)
    }
}

#[cold]
fn mul_special<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    let (a, b) = (flush_operand::<F>(a, st), flush_operand::<F>(b, st));
    if let Some(r) = special_operands::<F>(a, b, st) {
        return r;
    }
    let zero = is_zero::<F>(a) || is_zero::<F>(b);
    let infinite = is_infinity::<F>(a) || is_infinity::<F>(b);
    if zero && infinite {
        return invalid::<F>(st);
    }
    note_denormal::<F>(a, st);
    note_denormal::<F>(b, st);
    let negative = pack_sign::<F>(sign::<F>(a ^ b));
    if infinite {
        negative | F::INFINITY
    } else if zero {
        negative
    } else {
        product::<F>(a, b, st)
    }
}

/// `a / b`.
#[inline]
pub fn div<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    if !(is_normal::<F>(a) & is_normal::<F>(b)) {
        return div_special::<F>(a, b, st);
    }
    match native::result::<F>(Op::Div, a, b, st) {
        Some(r) => r,
        None => quotient::<F>(a, b, st),
    }
}

#[inline]
fn quotient<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    let ((ea, ma), (eb, mb)) = (normalized::<F>(a), normalized::<F>(b));
    let e = ea - eb + F::BIAS;
    let (e, n) = if ma < mb { (e - 1, (ma as u128) << 64) } else { (e, (ma as u128) << 63) };
    let (q, r) = div128by64(n, mb);
    round_pack::<F>(sign::<F>(a ^ b), e, q | (r != 0) as u64, st)
}

#[cold]
fn div_special<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    let (a, b) = (flush_operand::<F>(a, st), flush_operand::<F>(b, st));
    if let Some(r) = special_operands::<F>(a, b, st) {
        return r;
    }
    let negative = pack_sign::<F>(sign::<F>(a ^ b));
    if (is_infinity::<F>(a) && is_infinity::<F>(b)) || (is_zero::<F>(a) && is_zero::<F>(b)) {
        return invalid::<F>(st);
    }
    if is_zero::<F>(b) && !is_infinity::<F>(a) {
        st.raise(ZE);
        return negative | F::INFINITY;
    }
    note_denormal::<F>(a, st);
    note_denormal::<F>(b, st);
    if is_infinity::<F>(a) {
        negative | F::INFINITY
    } else if is_infinity::<F>(b) || is_zero::<F>(a) {
        negative
    } else {
        quotient::<F>(a, b, st)
    }
}

/// Square root.
#[inline]
pub fn sqrt<F: Format>(a: u64, st: &mut Status) -> u64 {
    if is_normal::<F>(a)
        && !sign::<F>(a)
        && let Some(r) = native::result::<F>(Op::Sqrt, a, a, st)
    {
        return r;
    }
    let a = flush_operand::<F>(a, st);
    if is_nan::<F>(a) {
        if a & F::QUIET == 0 {
            st.raise(IE);
        }
        return a | F::QUIET;
    }
    if is_zero::<F>(a) {
        return a;
    }
    if sign::<F>(a) {
        return invalid::<F>(st);
    }
    if is_infinity::<F>(a) {
        return a;
    }
    note_denormal::<F>(a, st);
    let (e, m) = normalized::<F>(a);
    let unbiased = e - F::BIAS;
    let n = (m as u128) << (63 + (unbiased & 1) as u32);
    let root = n.isqrt();
    let sticky = (n != root * root) as u64;
    round_pack::<F>(false, (unbiased >> 1) + F::BIAS, root as u64 | sticky, st)
}

/// Ordering key: numbers compare as these integers, with both zeros at zero.
#[inline]
pub(super) fn key<F: Format>(a: u64) -> i64 {
    let magnitude = (a & !F::SIGN) as i64;
    if sign::<F>(a) { -magnitude } else { magnitude }
}

/// Common part of MIN and MAX: the second operand wins for NaNs and two zeros.
#[inline]
fn select<F: Format>(a: u64, b: u64, st: &mut Status, first: impl Fn(i64, i64) -> bool) -> u64 {
    let (a, b) = (flush_operand::<F>(a, st), flush_operand::<F>(b, st));
    if is_nan::<F>(a) || is_nan::<F>(b) {
        st.raise(IE);
        return b;
    }
    if exp::<F>(a) == 0 || exp::<F>(b) == 0 {
        note_denormal::<F>(a, st);
        note_denormal::<F>(b, st);
    }
    if first(key::<F>(a), key::<F>(b)) { a } else { b }
}

/// MINSS and its kin.
#[inline]
pub fn min<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    select::<F>(a, b, st, |x, y| x < y)
}

/// MAXSS and its kin.
#[inline]
pub fn max<F: Format>(a: u64, b: u64, st: &mut Status) -> u64 {
    select::<F>(a, b, st, |x, y| x > y)
}
