//! The x87 double-extended format and its operations (SDM volume 1, 4.2.2, 4.8 and chapter 8).
//!
//! A number is sign, 15-bit exponent (bias 16383) and a 64-bit significand with an explicit integer bit. Encodings with
//! a non-zero exponent and a clear integer bit (unnormals, pseudo-infinities, pseudo-NaNs) are unsupported: every
//! operation takes them as invalid operands. Pseudo-denormals (zero exponent, integer bit set) are valid and raise DE.
//!
//! Operations that find an unmasked IE, DE or ZE give some value that the caller must not store ([`Status::aborted`]).

mod arith;
mod compare;
mod convert;
mod misc;
mod rem;
mod round;
mod transcendental;

pub use arith::{add, div, mul, sqrt, sub};
pub use compare::{Class, classify, compare};
pub use convert::{
    BCD_INDEFINITE, from_bcd, from_f32, from_f64, from_i16, from_i32, from_i64, note_denormal_memory, to_bcd, to_f32,
    to_f64, to_i16, to_i16_trunc, to_i32, to_i32_trunc, to_i64, to_i64_trunc, widen_f32, widen_f64,
};
pub use misc::{constant, extract, round_to_int, scale};
pub use rem::{Remainder, fprem, fprem1};
pub use transcendental::{cos, f2xm1, patan, sin, sincos, tan, yl2x, yl2xp1};

use super::{DE, IE, Status};
use serde::{Deserialize, Serialize};

/// Named constants that FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2 and FLDZ load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constant {
    /// 1.0
    One,
    /// log2(10)
    Log2Of10,
    /// log2(e)
    Log2OfE,
    /// pi
    Pi,
    /// log10(2)
    Log10Of2,
    /// ln(2)
    LnOf2,
    /// +0.0
    Zero,
}

/// A double-extended number as it lies in a register or in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct F80 {
    /// Significand, bit 63 is the integer bit.
    pub mant: u64,
    /// Sign (bit 15) and biased exponent.
    pub sign_exp: u16,
}

/// Exponent field of infinities and NaNs.
pub(crate) const EXP_MAX: i32 = 0x7FFF;
/// Exponent bias.
pub(crate) const BIAS: i32 = 0x3FFF;
/// The explicit integer bit.
pub(crate) const INTEGER: u64 = 1 << 63;
/// The bit that tells a quiet NaN from a signaling one.
pub(crate) const QUIET: u64 = 1 << 62;
/// Sign bit of `sign_exp`.
pub(crate) const SIGN: u16 = 0x8000;

impl F80 {
    /// +0.0
    pub const ZERO: Self = Self { mant: 0, sign_exp: 0 };
    /// +1.0
    pub const ONE: Self = Self { mant: INTEGER, sign_exp: BIAS as u16 };
    /// The real indefinite: the default quiet NaN.
    pub const INDEFINITE: Self = Self { mant: INTEGER | QUIET, sign_exp: 0xFFFF };

    /// From the two fields.
    #[inline]
    pub const fn new(sign_exp: u16, mant: u64) -> Self {
        Self { mant, sign_exp }
    }

    /// From the ten bytes of the memory format.
    #[inline]
    pub const fn from_bytes(b: [u8; 10]) -> Self {
        Self {
            mant: u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
            sign_exp: u16::from_le_bytes([b[8], b[9]]),
        }
    }

    /// The ten bytes of the memory format.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 10] {
        let m = self.mant.to_le_bytes();
        let e = self.sign_exp.to_le_bytes();
        [m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], e[0], e[1]]
    }

    /// Infinity.
    #[inline]
    pub const fn infinity(sign: bool) -> Self {
        Self { mant: INTEGER, sign_exp: pack_sign(sign) | EXP_MAX as u16 }
    }

    /// Zero.
    #[inline]
    pub const fn zero(sign: bool) -> Self {
        Self { mant: 0, sign_exp: pack_sign(sign) }
    }

    /// Whether the sign bit is set.
    #[inline]
    pub const fn sign(self) -> bool {
        self.sign_exp & SIGN != 0
    }

    /// The biased exponent field.
    #[inline]
    pub const fn exp(self) -> i32 {
        (self.sign_exp & !SIGN) as i32
    }

    /// FABS.
    #[inline]
    pub const fn abs(self) -> Self {
        Self { mant: self.mant, sign_exp: self.sign_exp & !SIGN }
    }

    /// FCHS.
    #[inline]
    pub const fn negate(self) -> Self {
        Self { mant: self.mant, sign_exp: self.sign_exp ^ SIGN }
    }

    /// A normalised finite non-zero number.
    #[inline]
    pub(crate) const fn is_normal(self) -> bool {
        ((self.sign_exp & !SIGN).wrapping_sub(1) < 0x7FFE) & (self.mant >= INTEGER)
    }

    /// An encoding that is an invalid operand to every operation.
    #[inline]
    pub(crate) const fn is_unsupported(self) -> bool {
        self.exp() != 0 && self.mant < INTEGER
    }

    /// Any NaN (with its integer bit set).
    #[inline]
    pub(crate) const fn is_nan(self) -> bool {
        self.exp() == EXP_MAX && self.mant > INTEGER
    }

    /// A signaling NaN.
    #[inline]
    pub(crate) const fn is_signaling(self) -> bool {
        self.is_nan() && self.mant & QUIET == 0
    }

    /// Infinity of either sign.
    #[inline]
    pub(crate) const fn is_infinity(self) -> bool {
        self.exp() == EXP_MAX && self.mant == INTEGER
    }

    /// Zero of either sign.
    #[inline]
    pub(crate) const fn is_zero(self) -> bool {
        self.exp() == 0 && self.mant == 0
    }

    /// A denormal or pseudo-denormal.
    #[inline]
    pub(crate) const fn is_denormal(self) -> bool {
        self.exp() == 0 && self.mant != 0
    }

    /// The same NaN made quiet.
    #[inline]
    pub(crate) const fn quieted(self) -> Self {
        Self { mant: self.mant | QUIET, sign_exp: self.sign_exp }
    }

    /// The same number with a pseudo-denormal turned into the normal number that it equals.
    #[inline]
    pub(crate) const fn canonical(self) -> Self {
        Self { mant: self.mant, sign_exp: self.sign_exp | (self.exp() == 0 && self.mant >= INTEGER) as u16 }
    }

    /// Exponent and significand of a finite non-zero number, normalised; the exponent of a denormal is below 1.
    #[inline]
    pub(crate) const fn normalized(self) -> (i32, u64) {
        if self.exp() != 0 {
            (self.exp(), self.mant)
        } else {
            let shift = self.mant.leading_zeros();
            (1 - shift as i32, self.mant << (shift & 63))
        }
    }
}

/// The sign as bit 15.
#[inline]
pub(crate) const fn pack_sign(sign: bool) -> u16 {
    (sign as u16) << 15
}

/// The invalid-operation response: IE and the real indefinite.
#[cold]
pub(crate) fn invalid(st: &mut Status) -> F80 {
    st.raise(IE);
    F80::INDEFINITE
}

/// Screens one operand: `Some` for an unsupported encoding or a NaN, with the result and IE if due.
#[inline]
pub(crate) fn special_operand(a: F80, st: &mut Status) -> Option<F80> {
    if a.is_unsupported() {
        Some(invalid(st))
    } else if a.is_nan() {
        if a.mant & QUIET == 0 {
            st.raise(IE);
        }
        Some(a.quieted())
    } else {
        None
    }
}

/// Screens two operands likewise; of two NaNs the one that SDM volume 1 table 4-7 selects is the result.
#[inline]
pub(crate) fn special_operands(a: F80, b: F80, st: &mut Status) -> Option<F80> {
    if a.is_unsupported() || b.is_unsupported() {
        return Some(invalid(st));
    }
    match (a.is_nan(), b.is_nan()) {
        (false, false) => None,
        (true, true) => {
            let (sa, sb) = (a.is_signaling(), b.is_signaling());
            if sa || sb {
                st.raise(IE);
            }
            let first = match (sa, sb) {
                (true, false) => false,
                (false, true) => true,
                // Equal significands: the positive NaN.
                _ => (a.mant, b.sign_exp) > (b.mant, a.sign_exp),
            };
            Some(if first { a } else { b }.quieted())
        }
        (nan_a, _) => special_operand(if nan_a { a } else { b }, st),
    }
}

/// Raises DE for a denormal operand.
#[inline]
pub(crate) fn note_denormal(a: F80, st: &mut Status) {
    if a.is_denormal() {
        st.raise(DE);
    }
}
