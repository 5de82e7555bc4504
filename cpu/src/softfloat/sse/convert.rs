//! CVT*, ROUND* and the binary16 conversions.

use super::round::round_pack;
use super::{F16, F32, F64, Format, exp, flush_operand, is_nan, is_zero, normalized, note_denormal, pack_sign, sign};
use crate::softfloat::{IE, PE, Rounding, Status};

/// A signed integer to a format, rounding.
#[inline]
fn from_integer<F: Format>(v: i64, st: &mut Status) -> u64 {
    if v == 0 {
        return 0;
    }
    let magnitude = v.unsigned_abs();
    let shift = magnitude.leading_zeros();
    round_pack::<F>(v < 0, F::BIAS + 63 - shift as i32, magnitude << shift, st)
}

/// CVTSI2SS, CVTSI2SD, CVTDQ2PS, CVTDQ2PD from 32 bits.
#[inline]
pub fn from_i32<F: Format>(v: i32, st: &mut Status) -> u64 {
    from_integer::<F>(v as i64, st)
}

/// CVTSI2SS and CVTSI2SD from 64 bits.
#[inline]
pub fn from_i64<F: Format>(v: i64, st: &mut Status) -> u64 {
    from_integer::<F>(v, st)
}

/// Splits a finite number into whole part, fraction (of one) and increment.
#[inline]
fn integral<F: Format>(a: u64, rounding: Rounding, st: &Status) -> (u64, u64, bool) {
    let mant = match exp::<F>(a) {
        0 => (a & F::FRAC_MASK) << (63 - F::FRAC),
        _ => (a & F::FRAC_MASK) << (63 - F::FRAC) | 1 << 63,
    };
    let (whole, extra) = match F::BIAS + 63 - exp::<F>(a) {
        0 => (mant, 0),
        below @ 1..=63 => (mant >> below, mant << (64 - below)),
        64 => (0, mant),
        _ => (0, (mant != 0) as u64),
    };
    let up = Status { rounding, ..*st }.rounds_up(sign::<F>(a), whole & 1 != 0, extra);
    (whole, extra, up)
}

/// Rounds to an integer of magnitude at most `limit`, one more when negative.
#[inline]
fn to_integer<F: Format>(a: u64, rounding: Rounding, limit: u64, st: &mut Status) -> Option<i64> {
    let a = flush_operand::<F>(a, st);
    if exp::<F>(a) >= F::BIAS + 64 || exp::<F>(a) == F::EXP_MAX {
        st.raise(IE);
        return None;
    }
    let (whole, extra, up) = integral::<F>(a, rounding, st);
    let whole = whole + up as u64;
    if whole > limit + sign::<F>(a) as u64 {
        st.raise(IE);
        return None;
    }
    if extra != 0 {
        st.raise(PE);
    }
    Some(if sign::<F>(a) { (whole as i64).wrapping_neg() } else { whole as i64 })
}

/// CVTSS2SI, CVTTSS2SI and kin to 32 bits; an invalid operand gives the integer indefinite.
#[inline]
pub fn to_i32<F: Format>(a: u64, rounding: Rounding, st: &mut Status) -> i32 {
    to_integer::<F>(a, rounding, i32::MAX as u64, st).map_or(i32::MIN, |v| v as i32)
}

/// CVTSS2SI, CVTTSS2SI and kin to 64 bits.
#[inline]
pub fn to_i64<F: Format>(a: u64, rounding: Rounding, st: &mut Status) -> i64 {
    to_integer::<F>(a, rounding, i64::MAX as u64, st).unwrap_or(i64::MIN)
}

/// ROUNDSS and kin: rounds to an integral value; PE is left out if `quiet_inexact` (immediate bit 3).
#[inline]
pub fn round_to_int<F: Format>(a: u64, rounding: Rounding, quiet_inexact: bool, st: &mut Status) -> u64 {
    let a = flush_operand::<F>(a, st);
    if is_nan::<F>(a) {
        if a & F::QUIET == 0 {
            st.raise(IE);
        }
        return a | F::QUIET;
    }
    if exp::<F>(a) >= F::BIAS + F::FRAC as i32 || is_zero::<F>(a) {
        return a;
    }
    let (whole, extra, up) = integral::<F>(a, rounding, st);
    if extra == 0 {
        return a;
    }
    if !quiet_inexact {
        st.raise(PE);
    }
    let whole = whole + up as u64;
    let negative = pack_sign::<F>(sign::<F>(a));
    if whole == 0 {
        return negative;
    }
    // At most FRAC + 1 bits, so that this is exact.
    let shift = whole.leading_zeros();
    let e = F::BIAS + 63 - shift as i32;
    negative | ((e as u64) << F::FRAC) | ((whole << shift) >> (63 - F::FRAC) & F::FRAC_MASK)
}

/// A NaN carried over to another format, made quiet.
#[inline]
fn convert_nan<A: Format, B: Format>(a: u64, st: &mut Status) -> u64 {
    if a & A::QUIET == 0 {
        st.raise(IE);
    }
    let fraction = (a & A::FRAC_MASK) << (63 - A::FRAC);
    pack_sign::<B>(sign::<A>(a)) | B::INFINITY | B::QUIET | fraction >> (63 - B::FRAC)
}

#[inline]
fn convert<A: Format, B: Format>(a: u64, st: &mut Status) -> u64 {
    if is_nan::<A>(a) {
        return convert_nan::<A, B>(a, st);
    }
    let negative = pack_sign::<B>(sign::<A>(a));
    if exp::<A>(a) == A::EXP_MAX {
        return negative | B::INFINITY;
    }
    if is_zero::<A>(a) {
        return negative;
    }
    let (e, m) = normalized::<A>(a);
    round_pack::<B>(sign::<A>(a), e - A::BIAS + B::BIAS, m, st)
}

/// CVTSS2SD, CVTPS2PD.
#[inline]
pub fn f32_to_f64(a: u32, st: &mut Status) -> u64 {
    let a = flush_operand::<F32>(a as u64, st);
    note_denormal::<F32>(a, st);
    convert::<F32, F64>(a, st)
}

/// CVTSD2SS, CVTPD2PS.
#[inline]
pub fn f64_to_f32(a: u64, st: &mut Status) -> u32 {
    let a = flush_operand::<F64>(a, st);
    note_denormal::<F64>(a, st);
    convert::<F64, F32>(a, st) as u32
}

/// VCVTPH2PS: ignores DAZ, reports no denormals.
#[inline]
pub fn f16_to_f32(a: u16, st: &mut Status) -> u32 {
    convert::<F16, F32>(a as u64, st) as u32
}

/// VCVTPS2PH: obeys DAZ, ignores FTZ.
#[inline]
pub fn f32_to_f16(a: u32, rounding: Rounding, st: &mut Status) -> u16 {
    let a = flush_operand::<F32>(a as u64, st);
    note_denormal::<F32>(a, st);
    let mut inner = Status { rounding, ftz: false, ..*st };
    let r = convert::<F32, F16>(a, &mut inner);
    st.flags = inner.flags;
    r as u16
}
