//! SSE and F16C arithmetic on binary32, binary64 and binary16 (SDM volume 1, 4.8, 11.5 and appendix E).
//!
//! The operations work on raw bits of a [`Format`], and use MXCSR's controls from [`Status`]: rounding, masks, DAZ and
//! FTZ. Tininess is found after rounding. With an unmasked exception the result is not to be used: SSE never stores one.
//!
//! Rules on NaNs (SDM volume 1, table 4-7): the first operand if it is a NaN, else the second, made quiet; MIN and MAX
//! give the second operand unchanged.

mod arith;
mod compare;
mod convert;
mod dot;
mod native;
mod round;

pub use arith::{add, div, max, min, mul, sqrt, sub};
pub use compare::{compare, predicate};
pub use convert::{f16_to_f32, f32_to_f16, f32_to_f64, f64_to_f32, from_i32, from_i64, round_to_int, to_i32, to_i64};
pub use dot::{dot_product_f32, dot_product_f64};

use super::{DE, IE, Status};

/// An IEEE 754 interchange format of at most 64 bits.
pub trait Format {
    /// Fraction bits.
    const FRAC: u32;
    /// Exponent bits.
    const EXP: u32;
    /// The largest exponent field, that of infinities and NaNs.
    const EXP_MAX: i32 = (1 << Self::EXP) - 1;
    /// Exponent bias.
    const BIAS: i32 = Self::EXP_MAX >> 1;
    /// Sign bit.
    const SIGN: u64 = 1 << (Self::FRAC + Self::EXP);
    /// Infinity.
    const INFINITY: u64 = (Self::EXP_MAX as u64) << Self::FRAC;
    /// The fraction field.
    const FRAC_MASK: u64 = (1 << Self::FRAC) - 1;
    /// The bit that tells a quiet NaN from a signaling one.
    const QUIET: u64 = 1 << (Self::FRAC - 1);
    /// The default NaN (QNaN floating-point indefinite).
    const INDEFINITE: u64 = Self::SIGN | Self::INFINITY | Self::QUIET;
}

/// binary16.
#[derive(Clone, Copy, Debug)]
pub struct F16;
/// binary32.
#[derive(Clone, Copy, Debug)]
pub struct F32;
/// binary64.
#[derive(Clone, Copy, Debug)]
pub struct F64;

impl Format for F16 {
    const FRAC: u32 = 10;
    const EXP: u32 = 5;
}
impl Format for F32 {
    const FRAC: u32 = 23;
    const EXP: u32 = 8;
}
impl Format for F64 {
    const FRAC: u32 = 52;
    const EXP: u32 = 11;
}

#[inline(always)]
pub(crate) const fn sign<F: Format>(a: u64) -> bool {
    a & F::SIGN != 0
}

#[inline(always)]
pub(crate) const fn exp<F: Format>(a: u64) -> i32 {
    (a >> F::FRAC) as i32 & F::EXP_MAX
}

/// A normalised finite number.
#[inline(always)]
pub(crate) const fn is_normal<F: Format>(a: u64) -> bool {
    exp::<F>(a).wrapping_sub(1) as u32 <= F::EXP_MAX as u32 - 2
}

#[inline(always)]
pub(crate) const fn is_nan<F: Format>(a: u64) -> bool {
    a & !F::SIGN > F::INFINITY
}

#[inline(always)]
pub(crate) const fn is_signaling<F: Format>(a: u64) -> bool {
    is_nan::<F>(a) && a & F::QUIET == 0
}

#[inline(always)]
pub(crate) const fn is_infinity<F: Format>(a: u64) -> bool {
    a & !F::SIGN == F::INFINITY
}

#[inline(always)]
pub(crate) const fn is_zero<F: Format>(a: u64) -> bool {
    a & !F::SIGN == 0
}

#[inline(always)]
pub(crate) const fn is_denormal<F: Format>(a: u64) -> bool {
    exp::<F>(a) == 0 && a & F::FRAC_MASK != 0
}

#[inline(always)]
pub(crate) const fn pack_sign<F: Format>(sign: bool) -> u64 {
    if sign { F::SIGN } else { 0 }
}

/// Exponent and left-justified significand (bit 63 set) of a finite non-zero number.
#[inline(always)]
pub(crate) const fn normalized<F: Format>(a: u64) -> (i32, u64) {
    let mant = (a & F::FRAC_MASK) << (63 - F::FRAC);
    let e = exp::<F>(a);
    if e != 0 {
        (e, mant | 1 << 63)
    } else {
        let shift = mant.leading_zeros();
        (1 - shift as i32, mant << (shift & 63))
    }
}

/// Applies denormals-are-zero.
#[inline(always)]
pub(crate) const fn flush_operand<F: Format>(a: u64, st: &Status) -> u64 {
    if st.daz && exp::<F>(a) == 0 { a & F::SIGN } else { a }
}

/// Raises DE for a denormal operand.
#[inline(always)]
pub(crate) fn note_denormal<F: Format>(a: u64, st: &mut Status) {
    if is_denormal::<F>(a) {
        st.raise(DE);
    }
}

/// The invalid-operation response.
#[cold]
pub(crate) fn invalid<F: Format>(st: &mut Status) -> u64 {
    st.raise(IE);
    F::INDEFINITE
}

/// The NaN result of two operands, if any of them is one.
#[inline]
pub(crate) fn special_operands<F: Format>(a: u64, b: u64, st: &mut Status) -> Option<u64> {
    let (nan_a, nan_b) = (is_nan::<F>(a), is_nan::<F>(b));
    if !nan_a && !nan_b {
        return None;
    }
    if is_signaling::<F>(a) || is_signaling::<F>(b) {
        st.raise(IE);
    }
    Some(if nan_a { a } else { b } | F::QUIET)
}
