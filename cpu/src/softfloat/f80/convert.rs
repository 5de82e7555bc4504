//! Conversions between the register format and the memory formats (FLD, FST, FILD, FIST, FISTTP, FBLD, FBSTP).

use super::{BIAS, EXP_MAX, F80, INTEGER, QUIET, pack_sign};
use crate::softfloat::wide::shr_jam64;
use crate::softfloat::{DE, IE, OE, PE, Rounding, Status, UE, ZE};

/// The packed-decimal indefinite.
pub const BCD_INDEFINITE: [u8; 10] = [0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF];

/// Widens an IEEE interchange format with `frac` fraction bits and `exp` exponent bits; signaling NaNs stay such.
/// The second value says that the number was denormal.
#[inline(always)]
fn widen(bits: u64, frac: u32, exp: u32) -> (F80, bool) {
    let max = (1i32 << exp) - 1;
    let sign = bits >> (frac + exp) & 1 != 0;
    let e = (bits >> frac) as i32 & max;
    let mant = (bits & ((1 << frac) - 1)) << (63 - frac);
    let offset = BIAS - (max >> 1);
    let (e, mant, denormal) = if e == max {
        (EXP_MAX, mant | INTEGER, false)
    } else if e != 0 {
        (e + offset, mant | INTEGER, false)
    } else if mant != 0 {
        let shift = mant.leading_zeros();
        (1 + offset - shift as i32, mant << shift, true)
    } else {
        (0, 0, false)
    };
    (F80::new(pack_sign(sign) | e as u16, mant), denormal)
}

/// A binary32 operand of an arithmetic instruction, nothing raised yet: see [`note_denormal_memory`].
#[inline]
pub fn widen_f32(bits: u32) -> (F80, bool) {
    widen(u64::from(bits), 23, 8)
}

/// A binary64 operand of an arithmetic instruction.
#[inline]
pub fn widen_f64(bits: u64) -> (F80, bool) {
    widen(bits, 52, 11)
}

/// Adds what the denormal memory operand of an operation with register `a` raises, after the operation: nothing when
/// an invalid operation, a NaN or a division by zero took precedence.
#[cold]
pub fn note_denormal_memory(a: F80, st: &mut Status) {
    if !a.is_nan() && !a.is_unsupported() && st.flags & (IE | ZE) == 0 {
        st.raise(DE);
    }
}

/// Raises the exceptions of loading a memory operand.
#[inline(always)]
fn load((a, denormal): (F80, bool), st: &mut Status) -> F80 {
    if denormal {
        st.raise(DE);
    } else if a.is_nan() {
        if a.is_signaling() {
            st.raise(IE);
        }
        return a.quieted();
    }
    a
}

/// FLD m32fp.
#[inline]
pub fn from_f32(bits: u32, st: &mut Status) -> F80 {
    load(widen_f32(bits), st)
}

/// FLD m64fp.
#[inline]
pub fn from_f64(bits: u64, st: &mut Status) -> F80 {
    load(widen_f64(bits), st)
}

/// Narrows to an IEEE interchange format. With an unmasked overflow or underflow nothing is to be stored.
#[inline(always)]
fn narrow(a: F80, frac: u32, exp: u32, st: &mut Status) -> u64 {
    let max = (1i32 << exp) - 1;
    let sign = (a.sign() as u64) << (frac + exp);
    let infinity = (max as u64) << frac;
    if a.is_unsupported() {
        st.raise(IE);
        return 1 << (frac + exp) | infinity | 1 << (frac - 1);
    }
    if a.exp() == EXP_MAX {
        if a.mant == INTEGER {
            return sign | infinity;
        }
        if a.mant & QUIET == 0 {
            st.raise(IE);
        }
        return sign | infinity | 1 << (frac - 1) | (a.mant & !INTEGER) >> (63 - frac);
    }
    if a.is_zero() {
        return sign;
    }
    let (e, mant) = a.normalized();
    let e = e - BIAS + (max >> 1);
    // Rounds at bit `63 - frac` of a significand; gives the kept bits, the increment and whether it is inexact.
    let drop = 63 - frac;
    let cut = |mant: u64, st: &Status| {
        let kept = mant >> drop;
        let extra = mant << (64 - drop);
        (kept, st.rounds_up(a.sign(), kept & 1 != 0, extra) as u64, extra != 0)
    };
    let (kept, up, inexact) = cut(mant, st);
    if e <= 0 {
        let tiny = e < 0 || kept + up < 2 << frac;
        if tiny && !st.masked(UE) {
            st.raise(UE);
            return sign;
        }
        let (kept, up, inexact) = cut(shr_jam64(mant, (1 - e) as u32), st);
        if inexact {
            st.raise(if tiny { UE | PE } else { PE });
        }
        st.c1 = up != 0;
        return sign | (kept + up);
    }
    // The carry of the increment goes into the exponent; the hidden bit is added to it, hence minus one.
    let packed = ((e as u64 - 1) << frac) + kept + up;
    if e >= max || packed >= infinity {
        st.raise(OE);
        if !st.masked(OE) {
            return sign | infinity;
        }
        st.raise(PE);
        st.c1 = st.overflows_to_infinity(a.sign());
        return sign | if st.c1 { infinity } else { infinity - 1 };
    }
    st.c1 = up != 0;
    if inexact {
        st.raise(PE);
    }
    sign | packed
}

/// FST m32fp.
#[inline]
pub fn to_f32(a: F80, st: &mut Status) -> u32 {
    narrow(a, 23, 8, st) as u32
}

/// FST m64fp.
#[inline]
pub fn to_f64(a: F80, st: &mut Status) -> u64 {
    narrow(a, 52, 11, st)
}

/// FILD m16int.
#[inline]
pub const fn from_i16(v: i16) -> F80 {
    from_i64(v as i64)
}

/// FILD m32int.
#[inline]
pub const fn from_i32(v: i32) -> F80 {
    from_i64(v as i64)
}

/// FILD m64int.
#[inline]
pub const fn from_i64(v: i64) -> F80 {
    from_magnitude(v < 0, v.unsigned_abs())
}

#[inline]
const fn from_magnitude(sign: bool, magnitude: u64) -> F80 {
    if magnitude == 0 {
        return F80::zero(sign);
    }
    let shift = magnitude.leading_zeros();
    F80::new(pack_sign(sign) | (BIAS + 63 - shift as i32) as u16, magnitude << shift)
}

/// Rounds to an integer of magnitude at most `limit` (one more when negative, if `twos`); otherwise IE and `None`.
#[inline]
fn to_magnitude(a: F80, rounding: Rounding, limit: u64, twos: bool, st: &mut Status) -> Option<u64> {
    let sign = a.sign();
    let limit = limit + (twos && sign) as u64;
    if a.is_unsupported() || a.exp() >= BIAS + 64 {
        st.raise(IE);
        return None;
    }
    let below = BIAS + 63 - a.exp();
    let (whole, extra) = match below {
        0 => (a.mant, 0),
        1..=63 => (a.mant >> below, a.mant << (64 - below)),
        64 => (0, a.mant),
        _ => (0, (a.mant != 0) as u64),
    };
    let up = Status { rounding, ..*st }.rounds_up(sign, whole & 1 != 0, extra);
    // The increment cannot carry: `whole` has at most 63 bits where there is a fraction.
    let whole = whole + up as u64;
    if whole > limit {
        st.raise(IE);
        return None;
    }
    st.c1 = up;
    if extra != 0 {
        st.raise(PE);
    }
    Some(whole)
}

macro_rules! to_integer {
    ($(#[$doc:meta])* $name:ident, $(#[$doc_trunc:meta])* $trunc:ident, $int:ty) => {
        $(#[$doc])*
        #[inline]
        pub fn $name(a: F80, st: &mut Status) -> $int {
            match to_magnitude(a, st.rounding, <$int>::MAX as u64, true, st) {
                Some(m) if a.sign() => (m as $int).wrapping_neg(),
                Some(m) => m as $int,
                None => <$int>::MIN,
            }
        }

        $(#[$doc_trunc])*
        #[inline]
        pub fn $trunc(a: F80, st: &mut Status) -> $int {
            match to_magnitude(a, Rounding::Zero, <$int>::MAX as u64, true, st) {
                Some(m) if a.sign() => (m as $int).wrapping_neg(),
                Some(m) => m as $int,
                None => <$int>::MIN,
            }
        }
    };
}

to_integer!(
    /// FIST m16int; an invalid operand gives the integer indefinite.
    to_i16,
    /// FISTTP m16int.
    to_i16_trunc,
    i16
);
to_integer!(
    /// FIST m32int.
    to_i32,
    /// FISTTP m32int.
    to_i32_trunc,
    i32
);
to_integer!(
    /// FISTP m64int.
    to_i64,
    /// FISTTP m64int.
    to_i64_trunc,
    i64
);

/// FBSTP: 18 packed decimal digits and a sign byte.
pub fn to_bcd(a: F80, st: &mut Status) -> [u8; 10] {
    const MAX: u64 = 999_999_999_999_999_999;
    let Some(mut rest) = to_magnitude(a, st.rounding, MAX, false, st) else {
        return BCD_INDEFINITE;
    };
    let mut out = [0u8; 10];
    for byte in out.iter_mut().take(9) {
        let pair = rest % 100;
        rest /= 100;
        *byte = (pair / 10 * 16 + pair % 10) as u8;
    }
    out[9] = (a.sign() as u8) << 7;
    out
}

/// FBLD. Nibbles above nine count with their value, as the manual leaves them undefined.
pub fn from_bcd(bytes: [u8; 10]) -> F80 {
    let magnitude = bytes
        .iter()
        .take(9)
        .rev()
        .fold(0u64, |acc, &b| acc.wrapping_mul(100).wrapping_add((b >> 4) as u64 * 10 + (b & 15) as u64));
    from_magnitude(bytes[9] & 0x80 != 0, magnitude)
}
