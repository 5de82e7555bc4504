//! FPATAN (SDM volume 2, FPATAN, table 3-30).

use super::ext::{Ext, alternating, below_one, reciprocals};
use super::tables::{ATAN, PI};
use crate::softfloat::Status;
use crate::softfloat::f80::{F80, note_denormal, special_operands};

/// 1/3, 1/5, ...
const ODD: [u128; 12] = reciprocals(3, 2);

/// `pi * quarters / 4`.
fn quarters_of_pi(quarters: u32) -> Ext {
    let pi = Ext::new(false, 1, PI);
    match quarters {
        1 => Ext { exp: pi.exp - 2, ..pi },
        2 => Ext { exp: pi.exp - 1, ..pi },
        3 => Ext { exp: pi.exp - 2, ..pi }.add(Ext { exp: pi.exp - 1, ..pi }),
        _ => pi,
    }
}

/// Arc tangent of a positive number up to one.
fn arctangent(q: Ext) -> Ext {
    // Nearest i/32; atan(q) = atan(i/32) + atan((q - i/32) / (1 + q i/32)).
    let i = if q.exp >= 0 { 32 } else { ((q.to_fraction() >> 122) as usize).div_ceil(2) };
    let u = if i == 0 {
        q
    } else {
        let c = Ext::new(false, 127 - 5, i as u128);
        q.add(Ext { neg: true, ..c }).div(Ext::integer(1).add(q.mul(c)))
    };
    let small = u.mul_fraction(below_one(alternating(u.square_fraction(), &ODD)));
    small.add(Ext::fraction(false, ATAN[i.min(32)]))
}

/// Arc tangent of `y / x` in the quadrant of the point (x, y).
pub fn patan(y: F80, x: F80, st: &mut Status) -> F80 {
    if let Some(r) = special_operands(x, y, st) {
        return r;
    }
    note_denormal(x, st);
    note_denormal(y, st);
    let angle = |quarters: u32, st: &mut Status| quarters_of_pi(quarters).negate_if(y.sign()).round_inexact(st);
    match (y.is_infinity(), x.is_infinity()) {
        (true, true) => return angle(if x.sign() { 3 } else { 1 }, st),
        (true, false) => return angle(2, st),
        (false, true) => return if x.sign() { angle(4, st) } else { F80::zero(y.sign()) },
        (false, false) => {}
    }
    if y.is_zero() {
        return if x.sign() { angle(4, st) } else { y };
    }
    if x.is_zero() {
        return angle(2, st);
    }
    let a = Ext { neg: false, ..Ext::from_f80(y) };
    let b = Ext { neg: false, ..Ext::from_f80(x) };
    let steep = (a.exp, a.sig) > (b.exp, b.sig);
    let mut r = arctangent(if steep { b.div(a) } else { a.div(b) });
    if steep {
        r = quarters_of_pi(2).add(Ext { neg: true, ..r });
    }
    if x.sign() {
        r = quarters_of_pi(4).add(Ext { neg: true, ..r });
    }
    r.negate_if(y.sign()).round_inexact(st)
}
