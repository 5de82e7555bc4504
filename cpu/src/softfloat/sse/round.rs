//! Rounding to a format: overflow, underflow after rounding, flush to zero (SDM volume 1, 4.9.1 and 10.2.3.3).

use super::{Format, pack_sign};
use crate::softfloat::wide::shr_jam64;
use crate::softfloat::{OE, PE, Status, UE};

/// Cuts a left-justified significand to the format: kept bits with the hidden one, increment, inexact.
#[inline(always)]
fn cut<F: Format>(sign: bool, sig: u64, st: &Status) -> (u64, u64, bool) {
    let drop = 63 - F::FRAC;
    let kept = sig >> drop;
    let extra = sig << (64 - drop);
    (kept, st.rounds_up(sign, kept & 1 != 0, extra) as u64, extra != 0)
}

/// Rounds a significand with bit 63 set and everything below bit 0 merged into bit 0.
#[inline(always)]
pub(crate) fn round_pack<F: Format>(sign: bool, exp: i32, sig: u64, st: &mut Status) -> u64 {
    let (kept, up, inexact) = cut::<F>(sign, sig, st);
    if exp > 0 {
        // The hidden bit adds one to the exponent field, a carry one more.
        let packed = (((exp - 1) as u64) << F::FRAC) + kept + up;
        if exp < F::EXP_MAX && packed < F::INFINITY {
            if inexact {
                st.raise(PE);
            }
            return pack_sign::<F>(sign) | packed;
        }
        return overflow::<F>(sign, inexact, st);
    }
    underflow::<F>(sign, exp, sig, exp < 0 || kept + up < 2 << F::FRAC, inexact, st)
}

#[cold]
fn overflow<F: Format>(sign: bool, inexact: bool, st: &mut Status) -> u64 {
    st.raise(OE);
    if st.masked(OE) || inexact {
        st.raise(PE);
    }
    pack_sign::<F>(sign) | if st.overflows_to_infinity(sign) { F::INFINITY } else { F::INFINITY - 1 }
}

#[cold]
fn underflow<F: Format>(sign: bool, exp: i32, sig: u64, tiny: bool, unbounded_inexact: bool, st: &mut Status) -> u64 {
    let zero = pack_sign::<F>(sign);
    if tiny {
        if !st.masked(UE) {
            st.raise(if unbounded_inexact { UE | PE } else { UE });
            return zero;
        }
        if st.ftz {
            st.raise(UE | PE);
            return zero;
        }
    }
    let (kept, up, inexact) = cut::<F>(sign, shr_jam64(sig, (1 - exp) as u32), st);
    if inexact {
        st.raise(if tiny { UE | PE } else { PE });
    }
    zero | (kept + up)
}
