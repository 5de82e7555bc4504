//! Comparison (FCOM, FUCOM, FCOMI, FTST ...) and FXAM's classification.

use super::{EXP_MAX, F80, INTEGER, note_denormal};
use crate::softfloat::{IE, Ordering, Status};

/// What FXAM finds in a register that is not empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Unnormal, pseudo-infinity or pseudo-NaN.
    Unsupported,
    /// Any NaN.
    Nan,
    /// A finite normalised number.
    Normal,
    /// Infinity.
    Infinity,
    /// Zero.
    Zero,
    /// Denormal or pseudo-denormal.
    Denormal,
}

/// FXAM's class of a number.
pub const fn classify(a: F80) -> Class {
    match a.exp() {
        0 if a.mant == 0 => Class::Zero,
        0 => Class::Denormal,
        _ if a.mant < INTEGER => Class::Unsupported,
        EXP_MAX if a.mant == INTEGER => Class::Infinity,
        EXP_MAX => Class::Nan,
        _ => Class::Normal,
    }
}

/// Compares; quiet NaNs raise IE only if not `quiet` (FCOM against FUCOM), unsupported encodings always do.
pub fn compare(a: F80, b: F80, quiet: bool, st: &mut Status) -> Ordering {
    if a.is_unsupported() || b.is_unsupported() {
        st.raise(IE);
        return Ordering::Unordered;
    }
    if a.is_nan() || b.is_nan() {
        if !quiet || a.is_signaling() || b.is_signaling() {
            st.raise(IE);
        }
        return Ordering::Unordered;
    }
    note_denormal(a, st);
    note_denormal(b, st);
    if a.is_zero() && b.is_zero() {
        return Ordering::Equal;
    }
    if a.sign() != b.sign() {
        return if a.sign() { Ordering::Less } else { Ordering::Greater };
    }
    // A pseudo-denormal has the value of the normal number with exponent 1.
    let key = |x: F80| (x.exp().max((x.mant >= INTEGER) as i32), x.mant);
    let (x, y) = if a.sign() { (key(b), key(a)) } else { (key(a), key(b)) };
    match x.cmp(&y) {
        core::cmp::Ordering::Less => Ordering::Less,
        core::cmp::Ordering::Equal => Ordering::Equal,
        core::cmp::Ordering::Greater => Ordering::Greater,
    }
}
