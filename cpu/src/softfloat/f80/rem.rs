//! FPREM and FPREM1 (SDM volume 2, FPREM and FPREM1).

use super::round::round_pack64;
use super::{F80, invalid, note_denormal, special_operands};
use crate::softfloat::Status;

/// Outcome of a remainder instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remainder {
    /// The remainder, or the dividend reduced so far.
    pub value: F80,
    /// The three low bits of the quotient's magnitude, zero if the reduction is partial.
    pub quotient: u8,
    /// C2: the exponents were 64 or more apart and the instruction has to be repeated.
    pub partial: bool,
}

impl Remainder {
    const fn done(value: F80, quotient: u64) -> Self {
        Self { value, quotient: (quotient & 7) as u8, partial: false }
    }
}

/// Remainder with the quotient chopped.
pub fn fprem(a: F80, b: F80, st: &mut Status) -> Remainder {
    remainder(a, b, false, st)
}

/// Remainder with the quotient rounded to the nearest even integer (IEEE 754 remainder).
pub fn fprem1(a: F80, b: F80, st: &mut Status) -> Remainder {
    remainder(a, b, true, st)
}

fn remainder(a: F80, b: F80, nearest: bool, st: &mut Status) -> Remainder {
    if let Some(r) = special_operands(a, b, st) {
        return Remainder::done(r, 0);
    }
    if a.is_infinity() || b.is_zero() {
        return Remainder::done(invalid(st), 0);
    }
    note_denormal(a, st);
    note_denormal(b, st);
    if a.is_zero() {
        return Remainder::done(a, 0);
    }
    let (ea, ma) = a.normalized();
    if b.is_infinity() {
        // The dividend, as with any larger divisor: a denormal one underflows when that is not masked.
        return Remainder::done(finish(a.sign(), ea, ma, st), 0);
    }
    let (eb, mb) = b.normalized();
    let distance = ea - eb;
    match distance {
        i32::MIN..=-1 => {
            if nearest && distance == -1 && ma > mb {
                // Over half of the divisor: the quotient is 1 and the remainder has the other sign.
                return Remainder::done(finish(!a.sign(), ea, mb - (ma - mb), st), 1);
            }
            Remainder::done(finish(a.sign(), ea, ma, st), 0)
        }
        0..=63 => {
            let n = (ma as u128) << distance;
            let (mut q, mut r) = (n / mb as u128, (n % mb as u128) as u64);
            let mut sign = a.sign();
            if nearest {
                let rest = mb - r;
                if r > rest || (r == rest && q & 1 != 0) {
                    (q, r, sign) = (q + 1, rest, !sign);
                }
            }
            if r == 0 {
                return Remainder::done(F80::zero(a.sign()), q as u64);
            }
            Remainder::done(finish(sign, eb, r, st), q as u64)
        }
        _ => {
            // The number of quotient bits done at once is between 32 and 63 and congruent to the distance, so that the
            // last round sees a distance below 64.
            let bits = 32 + (distance & 31);
            let r = (((ma as u128) << bits) % mb as u128) as u64;
            let value = if r == 0 { F80::zero(a.sign()) } else { finish(a.sign(), ea - bits, r, st) };
            Remainder { value, quotient: 0, partial: true }
        }
    }
}

/// Normalises and packs; a remainder is always exact.
fn finish(sign: bool, exp: i32, mant: u64, st: &mut Status) -> F80 {
    let shift = mant.leading_zeros();
    let r = round_pack64(sign, exp - shift as i32, mant << shift, 0, st);
    st.c1 = false;
    r
}
