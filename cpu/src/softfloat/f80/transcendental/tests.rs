//! Correctly rounded results for arguments that reach every table entry.

use super::*;
use crate::softfloat::f80::F80;
use crate::softfloat::{PE, Rounding, Status};

fn number(field: &str) -> F80 {
    let bits = u128::from_str_radix(field, 16).unwrap();
    F80::new((bits >> 64) as u16, bits as u64)
}

fn evaluate(function: &str, a: F80, b: F80, st: &mut Status) -> F80 {
    match function {
        "sin" => sin(a, st).unwrap(),
        "cos" => cos(a, st).unwrap(),
        "tan" => tan(a, st).unwrap().0,
        "patan" => patan(a, b, st),
        "f2xm1" => f2xm1(a, st),
        "yl2x" => yl2x(a, b, st),
        "yl2xp1" => yl2xp1(a, b, st),
        other => panic!("{other}"),
    }
}

#[test]
fn results_are_correctly_rounded() {
    let mut count = 0;
    for line in include_str!("vectors.txt").lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let a = number(fields[1]);
        let b = number(fields[fields.len() - 2]);
        let expected = number(fields[fields.len() - 1]);
        let mut st = Status::default();
        assert_eq!(evaluate(fields[0], a, b, &mut st), expected, "{line}");
        assert_eq!(st.flags, PE, "{line}");
        count += 1;
    }
    assert!(count > 200, "{count}");
}

#[test]
fn directed_roundings_enclose_the_result() {
    for line in include_str!("vectors.txt").lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (a, b) = (number(fields[1]), number(fields[fields.len() - 2]));
        let with = |rounding| evaluate(fields[0], a, b, &mut Status { rounding, ..Status::default() });
        let (down, up) = (with(Rounding::Down), with(Rounding::Up));
        let (small, large) = if down.sign() { (up, down) } else { (down, up) };
        let distance = (u128::from(large.sign_exp) << 63 | u128::from(large.mant & !(1 << 63)))
            .wrapping_sub(u128::from(small.sign_exp) << 63 | u128::from(small.mant & !(1 << 63)));
        assert_eq!(distance, 1, "{line}: {small:?} {large:?}");
    }
}

#[test]
fn reduction_uses_the_66_bit_pi() {
    // The 64-bit pi lies 2^-64 above it.
    let pi = number("4000C90FDAA22168C235");
    assert_eq!(sin(pi, &mut Status::default()), Some(number("BFBF8000000000000000")));
}
