//! FRNDINT, FSCALE, FXTRACT and the constants (SDM volume 1, 8.3.4 to 8.3.6).

use super::convert::from_i32;
use super::round::round_pack64;
use super::{
    BIAS, Constant, EXP_MAX, F80, INTEGER, invalid, note_denormal, pack_sign, special_operand, special_operands,
};
use crate::softfloat::{OE, PE, Status, UE, ZE};

/// Rounds to an integral value (FRNDINT).
pub fn round_to_int(a: F80, st: &mut Status) -> F80 {
    if let Some(r) = special_operand(a, st) {
        return r;
    }
    if a.is_zero() || a.exp() >= BIAS + 63 {
        return a;
    }
    note_denormal(a, st);
    let sign = a.sign();
    let below = BIAS + 63 - a.exp();
    // `below` low bits are the fraction; a number under one half has nothing but fraction.
    let (whole, extra) = match below {
        1..=63 => (a.mant >> below, a.mant << (64 - below)),
        64 => (0, a.mant),
        _ => (0, 1),
    };
    if extra == 0 {
        return a;
    }
    st.raise(PE);
    st.c1 = st.rounds_up(sign, whole & 1 != 0, extra);
    let whole = whole + st.c1 as u64;
    if whole == 0 {
        return F80::zero(sign);
    }
    let shift = whole.leading_zeros();
    F80::new(pack_sign(sign) | (BIAS + 63 - shift as i32) as u16, whole << shift)
}

/// `a` times two to the power of `b` chopped to an integer (FSCALE).
pub fn scale(a: F80, b: F80, st: &mut Status) -> F80 {
    if let Some(r) = special_operands(a, b, st) {
        return r;
    }
    if b.is_infinity() {
        if if b.sign() { a.is_infinity() } else { a.is_zero() } {
            return invalid(st);
        }
        note_denormal(a, st);
        return match (a.is_infinity() || a.is_zero(), b.sign()) {
            (true, _) => a,
            (false, false) => F80::infinity(a.sign()),
            (false, true) => F80::zero(a.sign()),
        };
    }
    note_denormal(a, st);
    note_denormal(b, st);
    if a.is_infinity() || a.is_zero() || b.is_zero() {
        return a.canonical();
    }
    let (exp, mant) = a.normalized();
    let power = match b.exp() - BIAS {
        i32::MIN..=-1 => 0,
        e @ 0..=16 => (b.mant >> (63 - e)) as i32,
        _ => 0x20000,
    };
    let exp = if b.sign() { exp - power } else { exp + power };
    // Beyond what the exponent wrap of the unmasked responses can hold, these give infinity or zero.
    const WRAPPED: i32 = 0x6000;
    if exp >= EXP_MAX + WRAPPED && !st.masked(OE) {
        st.raise(OE | PE);
        st.c1 = true;
        return F80::infinity(a.sign());
    }
    if exp <= -WRAPPED && !st.masked(UE) {
        st.raise(UE | PE);
        return F80::zero(a.sign());
    }
    round_pack64(a.sign(), exp, mant, 0, st)
}

/// Exponent and significand as numbers (FXTRACT).
pub fn extract(a: F80, st: &mut Status) -> (F80, F80) {
    if let Some(r) = special_operand(a, st) {
        return (r, r);
    }
    if a.is_infinity() {
        return (F80::infinity(false), a);
    }
    if a.is_zero() {
        st.raise(ZE);
        return (F80::infinity(true), a);
    }
    note_denormal(a, st);
    let (exp, mant) = a.normalized();
    (from_i32(exp - BIAS), F80::new(pack_sign(a.sign()) | BIAS as u16, mant))
}

/// The value a constant instruction loads under the rounding control.
pub fn constant(which: Constant, st: &Status) -> F80 {
    let (exp, hi, lo) = match which {
        Constant::Zero => return F80::ZERO,
        Constant::One => return F80::ONE,
        Constant::Log2Of10 => (BIAS + 1, 0xD49A_784B_CD1B_8AFE, 0x492B_F6FF_4DAF_DB4C),
        Constant::Log2OfE => (BIAS, 0xB8AA_3B29_5C17_F0BB, 0xBE87_FED0_691D_3E88),
        Constant::Pi => (BIAS + 1, 0xC90F_DAA2_2168_C234, 0xC4C6_628B_80DC_1CD1),
        Constant::Log10Of2 => (BIAS - 2, 0x9A20_9A84_FBCF_F798, 0x8F89_59AC_0B7C_9178),
        Constant::LnOf2 => (BIAS - 1, 0xB172_17F7_D1CF_79AB, 0xC9E3_B398_03F2_F6AF),
    };
    debug_assert!(hi >= INTEGER);
    F80::new(exp as u16, hi + st.rounds_up(false, hi & 1 != 0, lo) as u64)
}
