//! COMISS, UCOMISS and CMPPS.

use super::arith::key;
use super::{Format, flush_operand, is_nan, is_signaling, note_denormal};
use crate::softfloat::{IE, Ordering, Status};

/// Compares; quiet NaNs raise IE only if not `quiet` (COMISS against UCOMISS).
#[inline]
pub fn compare<F: Format>(a: u64, b: u64, quiet: bool, st: &mut Status) -> Ordering {
    let (a, b) = (flush_operand::<F>(a, st), flush_operand::<F>(b, st));
    if is_nan::<F>(a) || is_nan::<F>(b) {
        if !quiet || is_signaling::<F>(a) || is_signaling::<F>(b) {
            st.raise(IE);
        }
        return Ordering::Unordered;
    }
    note_denormal::<F>(a, st);
    note_denormal::<F>(b, st);
    match key::<F>(a).cmp(&key::<F>(b)) {
        core::cmp::Ordering::Less => Ordering::Less,
        core::cmp::Ordering::Equal => Ordering::Equal,
        core::cmp::Ordering::Greater => Ordering::Greater,
    }
}

/// Evaluates CMPPS predicate `imm`: 0 to 7 as SSE has them, 8 to 31 as the VEX forms do (SDM volume 2, CMPPD table 3-1).
#[inline]
pub fn predicate<F: Format>(a: u64, b: u64, imm: u8, st: &mut Status) -> bool {
    // LT, LE, NLT, NLE and the VEX-only GE and GT kin signal on quiet NaNs; bit 4 inverts that.
    let signaling = matches!(imm & 7, 1 | 2 | 5 | 6) != (imm & 16 != 0);
    use Ordering::{Equal, Greater, Less, Unordered};
    let order = compare::<F>(a, b, !signaling, st);
    match imm & 15 {
        0 => order == Equal,
        1 => order == Less,
        2 => matches!(order, Less | Equal),
        3 => order == Unordered,
        4 => order != Equal,
        5 => order != Less,
        6 => !matches!(order, Less | Equal),
        7 => order != Unordered,
        8 => matches!(order, Equal | Unordered),
        9 => !matches!(order, Greater | Equal),
        10 => order != Greater,
        11 => false,
        12 => matches!(order, Less | Greater),
        13 => matches!(order, Greater | Equal),
        14 => order == Greater,
        _ => true,
    }
}
