//! Floating point with a 128-bit significand, truncating: the working format of the transcendental functions.

use crate::softfloat::f80::round::round_pack64;
use crate::softfloat::f80::{BIAS, F80};
use crate::softfloat::wide::{div128by64, mul64, shr_jam128};
use crate::softfloat::{PE, Status, UE};

/// High half of a 256-bit product.
pub(super) fn mul_high(a: u128, b: u128) -> u128 {
    let (a1, a0) = ((a >> 64) as u64, a as u64);
    let (b1, b0) = ((b >> 64) as u64, b as u64);
    let (hi, m1, m2, lo) = (mul64(a1, b1), mul64(a1, b0), mul64(a0, b1), mul64(a0, b0));
    let carry = (lo >> 64) + u128::from(m1 as u64) + u128::from(m2 as u64);
    hi + (m1 >> 64) + (m2 >> 64) + (carry >> 64)
}

/// `sig * 2^(exp - 127)`, bit 127 of `sig` set; zero has `sig` = 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ext {
    pub neg: bool,
    pub exp: i32,
    pub sig: u128,
}

impl Ext {
    pub const ZERO: Self = Self { neg: false, exp: 0, sig: 0 };

    /// A finite number.
    pub fn from_f80(a: F80) -> Self {
        if a.is_zero() {
            return Self { neg: a.sign(), ..Self::ZERO };
        }
        let (exp, mant) = a.normalized();
        Self { neg: a.sign(), exp: exp - BIAS, sig: u128::from(mant) << 64 }
    }

    /// `value * 2^(exp - 127)`, normalised.
    pub fn new(neg: bool, exp: i32, value: u128) -> Self {
        if value == 0 {
            return Self { neg, ..Self::ZERO };
        }
        let shift = value.leading_zeros();
        Self { neg, exp: exp - shift as i32, sig: value << shift }
    }

    /// The fraction `value * 2^-128`.
    pub fn fraction(neg: bool, value: u128) -> Self {
        Self::new(neg, -1, value)
    }

    pub fn integer(value: i32) -> Self {
        Self::new(value < 0, 127, u128::from(value.unsigned_abs()))
    }

    pub fn negate_if(self, neg: bool) -> Self {
        Self { neg: self.neg != neg, ..self }
    }

    pub fn mul(self, other: Self) -> Self {
        Self::new(self.neg != other.neg, self.exp + other.exp + 1, mul_high(self.sig, other.sig))
    }

    /// Multiplies by the fraction `f * 2^-128`.
    pub fn mul_fraction(self, f: u128) -> Self {
        Self::new(self.neg, self.exp, mul_high(self.sig, f))
    }

    /// The divisor is not zero.
    pub fn div(self, other: Self) -> Self {
        let neg = self.neg != other.neg;
        if self.sig == 0 || other.sig == 0 {
            return Self { neg, ..Self::ZERO };
        }
        // Quotient of significands in [1/2, 1) after the shift.
        let (n, exp) = if self.sig >= other.sig { (self.sig >> 1, 0) } else { (self.sig, -1) };
        let (q1, r) = digit(n, other.sig);
        let (q0, r) = digit(r, other.sig);
        let q = u128::from(q1) << 64 | u128::from(q0);
        // The bit that halving lost is below the precision kept.
        Self::new(neg, self.exp - other.exp + exp, q | u128::from(r != 0))
    }

    pub fn add(self, other: Self) -> Self {
        if self.sig == 0 {
            return other;
        }
        if other.sig == 0 {
            return self;
        }
        let (a, b) = if (self.exp, self.sig) >= (other.exp, other.sig) { (self, other) } else { (other, self) };
        let x = a.sig >> 1;
        let y = shr_jam128(b.sig >> 1, (a.exp - b.exp) as u32);
        Self::new(a.neg, a.exp + 1, if a.neg == b.neg { x + y } else { x - y })
    }

    /// The square as a fraction of 2^128; the number is below one.
    pub fn square_fraction(self) -> u128 {
        let down = -2 * (self.exp + 1);
        if (0..128).contains(&down) { mul_high(self.sig, self.sig) >> down } else { 0 }
    }

    /// The magnitude as a fraction of 2^128; the number is below one.
    pub fn to_fraction(self) -> u128 {
        let down = -(self.exp + 1);
        if (0..128).contains(&down) { self.sig >> down } else { 0 }
    }

    /// Rounds a result that is never exact.
    pub fn round_inexact(self, st: &mut Status) -> F80 {
        self.round_or(1, st)
    }

    /// Rounds a result whose bits are all there.
    pub fn round(self, st: &mut Status) -> F80 {
        self.round_or(0, st)
    }

    /// Rounds a result that the processor reports as inexact even where its bits are all there.
    pub fn round_reported_inexact(self, st: &mut Status) -> F80 {
        let r = self.round(st);
        st.raise(if r.exp() == 0 { UE | PE } else { PE });
        r
    }

    fn round_or(self, sticky: u64, st: &mut Status) -> F80 {
        round_pack64(self.neg, self.exp.saturating_add(BIAS), (self.sig >> 64) as u64, self.sig as u64 | sticky, st)
    }
}

/// One quotient digit: `n * 2^64 / d` for `n < d`, bit 127 of `d` set.
fn digit(n: u128, d: u128) -> (u64, u128) {
    let (d1, d0) = ((d >> 64) as u64, d as u64);
    let n1 = (n >> 64) as u64;
    let (mut q, mut rest) = if n1 >= d1 {
        (u64::MAX, u128::from(n as u64) + u128::from(d1))
    } else {
        let (q, r) = div128by64(n, d1);
        (q, u128::from(r))
    };
    while rest >> 64 == 0 && mul64(q, d0) > rest << 64 {
        q -= 1;
        rest += u128::from(d1);
    }
    (q, (rest << 64).wrapping_sub(mul64(q, d0)))
}

/// `1 - T` as a fraction for a number that is truly below one: never one itself.
pub(super) fn below_one(t: u128) -> u128 {
    t.max(1).wrapping_neg()
}

/// `x (c[0] - x (c[1] - x (c[2] - ...)))` in fractions.
pub(super) fn alternating(x: u128, c: &[u128]) -> u128 {
    mul_high(x, c.iter().rev().fold(0, |acc, &c| c.wrapping_sub(mul_high(x, acc))))
}

/// `x (c[0] + x (c[1] + x (c[2] + ...)))` in fractions.
pub(super) fn ascending(x: u128, c: &[u128]) -> u128 {
    mul_high(x, c.iter().rev().fold(0, |acc, &c| c.wrapping_add(mul_high(x, acc))))
}

/// `1 / (k0 + k step)` as fractions.
pub(super) const fn reciprocals<const N: usize>(first: u128, step: u128) -> [u128; N] {
    let mut out = [0; N];
    let mut k = 0;
    while k < N {
        out[k] = u128::MAX / (first + k as u128 * step);
        k += 1;
    }
    out
}

/// `1 / n!` for n = first, first + step, ... as fractions; `first` is at least 2.
pub(super) const fn inverse_factorials<const N: usize>(first: u128, step: u128) -> [u128; N] {
    let mut out = [0; N];
    let mut value = u128::MAX;
    let mut n = 2;
    while n <= first {
        value /= n;
        n += 1;
    }
    let mut k = 0;
    while k < N {
        out[k] = value;
        let mut i = 0;
        while i < step {
            value /= n;
            n += 1;
            i += 1;
        }
        k += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_undoes_multiplication() {
        let mut x = 0x0123_4567_89AB_CDEF_0FED_CBA9_8765_4321u128;
        for _ in 0..2000 {
            x = x.wrapping_mul(0xDA94_2042_E4DD_58B5).rotate_left(37) | 1;
            let a = Ext::new(false, 3, x | 1 << 127);
            let b = Ext::new(true, -5, x.rotate_left(51) | 1 << 127);
            let back = a.div(b).mul(b);
            let difference = back.add(Ext { neg: true, ..a });
            assert!(difference.sig == 0 || difference.exp < a.exp - 124, "{a:?} {b:?} {back:?}");
        }
    }
}
