//! Rounding to a register: precision control, overflow, underflow after rounding, C1 (SDM volume 1, 4.9.1 and 8.5).

use super::{EXP_MAX, F80, INTEGER, pack_sign};
use crate::softfloat::wide::shr_jam128;
use crate::softfloat::{OE, PE, Precision, Status, UE};

/// Exponent adjustment of the unmasked overflow and underflow responses.
const WRAP: i32 = 0x6000;

/// Rounds `hi.lo` (bit 63 of `hi` set, `lo` the fraction below it) under precision control.
#[inline(always)]
pub(crate) fn round_pack(sign: bool, exp: i32, hi: u64, lo: u64, st: &mut Status) -> F80 {
    if st.precision == Precision::Extended && (1..EXP_MAX - 1).contains(&exp) {
        in_range(sign, exp, hi, lo, st)
    } else {
        let bits = match st.precision {
            Precision::Single => 24,
            Precision::Double => 53,
            Precision::Extended => 64,
        };
        general(sign, exp, hi, lo, bits, st)
    }
}

/// Rounds to 64 bits whatever the precision control says.
#[inline(always)]
pub(crate) fn round_pack64(sign: bool, exp: i32, hi: u64, lo: u64, st: &mut Status) -> F80 {
    if (1..EXP_MAX - 1).contains(&exp) { in_range(sign, exp, hi, lo, st) } else { general(sign, exp, hi, lo, 64, st) }
}

/// Rounds to 64 bits a number whose exponent can neither overflow nor underflow.
#[inline(always)]
fn in_range(sign: bool, mut exp: i32, mut hi: u64, lo: u64, st: &mut Status) -> F80 {
    st.c1 = false;
    if lo != 0 {
        st.raise(PE);
        if st.rounds_up(sign, hi & 1 != 0, lo) {
            st.c1 = true;
            hi = hi.wrapping_add(1);
            if hi == 0 {
                hi = INTEGER;
                exp += 1;
            }
        }
    }
    F80 { mant: hi, sign_exp: pack_sign(sign) | exp as u16 }
}

/// A significand cut to `bits`, and what the rounding did.
struct Rounded {
    mant: u64,
    /// The increment carried out of bit 63; `mant` is then zero.
    carry: bool,
    inexact: bool,
    up: bool,
}

#[inline]
fn round_at(sign: bool, hi: u64, lo: u64, bits: u32, st: &Status) -> Rounded {
    let (kept, extra, unit) = if bits == 64 {
        (hi, lo, 1)
    } else {
        let unit = 1u64 << (64 - bits);
        (hi & !(unit - 1), hi << bits | (lo != 0) as u64, unit)
    };
    let up = st.rounds_up(sign, kept & unit != 0, extra);
    let (mant, carry) = if up { kept.overflowing_add(unit) } else { (kept, false) };
    Rounded { mant, carry, inexact: extra != 0, up }
}

/// All exponents and precisions.
#[inline(never)]
fn general(sign: bool, exp: i32, hi: u64, lo: u64, bits: u32, st: &mut Status) -> F80 {
    let unbounded = round_at(sign, hi, lo, bits, st);
    let (mant, out_exp) = if unbounded.carry { (INTEGER, exp.saturating_add(1)) } else { (unbounded.mant, exp) };
    let wrapped = |exp: i32| F80 { mant, sign_exp: pack_sign(sign) | (exp & EXP_MAX) as u16 };
    st.c1 = unbounded.up;
    if out_exp <= 0 {
        // Tiny after rounding. The masked response denormalises and rounds the original once.
        if !st.masked(UE) {
            st.raise(if unbounded.inexact { UE | PE } else { UE });
            return wrapped(out_exp + WRAP);
        }
        return denormalize(sign, exp, hi, lo, bits, UE | PE, st);
    }
    if exp <= 0 {
        return denormalize(sign, exp, hi, lo, bits, PE, st);
    }
    if out_exp >= EXP_MAX {
        if !st.masked(OE) {
            st.raise(if unbounded.inexact { OE | PE } else { OE });
            return wrapped(out_exp - WRAP);
        }
        st.raise(OE | PE);
        let infinite = st.overflows_to_infinity(sign);
        st.c1 = infinite;
        return if infinite {
            F80::infinity(sign)
        } else {
            F80::new(pack_sign(sign) | (EXP_MAX - 1) as u16, u64::MAX << (64 - bits))
        };
    }
    if unbounded.inexact {
        st.raise(PE);
    }
    wrapped(out_exp)
}

/// Shifts to exponent 1 and rounds there, with `flags` if that is inexact.
fn denormalize(sign: bool, exp: i32, hi: u64, lo: u64, bits: u32, flags: u8, st: &mut Status) -> F80 {
    let shift = 1i32.saturating_sub(exp).clamp(0, 200) as u32;
    let sig = shr_jam128((hi as u128) << 64 | lo as u128, shift);
    let r = round_at(sign, (sig >> 64) as u64, sig as u64, bits, st);
    st.c1 = r.up;
    if r.inexact {
        st.raise(flags);
    }
    F80 { mant: r.mant, sign_exp: pack_sign(sign) | (r.mant >= INTEGER) as u16 }
}
