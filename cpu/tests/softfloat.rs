//! Recorded cases of every x87 and SSE operation, on any host: results, flags and C1, with unmasked exceptions, reduced
//! precision and all roundings. The hardware comparisons beside this file vouch for them.
//!
//! A line of `softfloat.txt` is `operation control first second = result flags c1`, all but the name in hex. Control is
//! FCW, or MXCSR for SSE. `-` stands for the result of an operation that an unmasked exception prevented.
#![allow(clippy::unwrap_used)]

use rewind86_cpu::softfloat::f80::{self, Constant, F80};
use rewind86_cpu::softfloat::sse::{self, F32, F64};
use rewind86_cpu::softfloat::{Ordering, Rounding, Status};

fn show(a: F80) -> String {
    format!("{:04X}{:016X}", a.sign_exp, a.mant)
}

fn ordered(order: Ordering) -> String {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "==",
        Ordering::Greater => ">",
        Ordering::Unordered => "?",
    }
    .to_owned()
}

fn remainder(r: f80::Remainder) -> String {
    format!("{}/{}{}", show(r.value), r.quotient, if r.partial { "+" } else { "" })
}

fn two(r: Option<(F80, F80)>) -> String {
    r.map_or("range".to_owned(), |(x, y)| format!("{}/{}", show(x), show(y)))
}

fn x87(operation: &str, a: F80, b: F80, st: &mut Status) -> Option<String> {
    let constant = |which, st: &Status| show(f80::constant(which, st));
    Some(match operation {
        "fadd" => show(f80::add(a, b, st)),
        "fsub" => show(f80::sub(a, b, st)),
        "fmul" => show(f80::mul(a, b, st)),
        "fdiv" => show(f80::div(a, b, st)),
        "fsqrt" => show(f80::sqrt(a, st)),
        "frndint" => show(f80::round_to_int(a, st)),
        "fscale" => show(f80::scale(a, b, st)),
        "fxtract" => two(Some(f80::extract(a, st))),
        "fprem" => remainder(f80::fprem(a, b, st)),
        "fprem1" => remainder(f80::fprem1(a, b, st)),
        "fcom" => ordered(f80::compare(a, b, false, st)),
        "fucom" => ordered(f80::compare(a, b, true, st)),
        "fst32" => format!("{:08X}", f80::to_f32(a, st)),
        "fst64" => format!("{:016X}", f80::to_f64(a, st)),
        "fist16" => format!("{:04X}", f80::to_i16(a, st)),
        "fist32" => format!("{:08X}", f80::to_i32(a, st)),
        "fist64" => format!("{:016X}", f80::to_i64(a, st)),
        "fisttp32" => format!("{:08X}", f80::to_i32_trunc(a, st)),
        "fbstp" => f80::to_bcd(a, st).iter().rev().map(|b| format!("{b:02X}")).collect(),
        "fld32" => show(f80::from_f32(a.mant as u32, st)),
        "fld64" => show(f80::from_f64(a.mant, st)),
        "fild64" => show(f80::from_i64(a.mant as i64)),
        "fsin" => two(f80::sin(a, st).map(|r| (r, r))),
        "fcos" => two(f80::cos(a, st).map(|r| (r, r))),
        "fptan" => two(f80::tan(a, st)),
        "fpatan" => show(f80::patan(b, a, st)),
        "f2xm1" => show(f80::f2xm1(a, st)),
        "fyl2x" => show(f80::yl2x(b, a, st)),
        "fyl2xp1" => show(f80::yl2xp1(b, a, st)),
        "fldpi" => constant(Constant::Pi, st),
        "fldl2t" => constant(Constant::Log2Of10, st),
        "fldl2e" => constant(Constant::Log2OfE, st),
        "fldlg2" => constant(Constant::Log10Of2, st),
        "fldln2" => constant(Constant::LnOf2, st),
        _ => return None,
    })
}

fn vector(operation: &str, a: u64, b: u64, st: &mut Status) -> Option<String> {
    let value = match operation {
        "addss" => sse::add::<F32>(a, b, st),
        "addsd" => sse::add::<F64>(a, b, st),
        "subss" => sse::sub::<F32>(a, b, st),
        "subsd" => sse::sub::<F64>(a, b, st),
        "mulss" => sse::mul::<F32>(a, b, st),
        "mulsd" => sse::mul::<F64>(a, b, st),
        "divss" => sse::div::<F32>(a, b, st),
        "divsd" => sse::div::<F64>(a, b, st),
        "sqrtss" => sse::sqrt::<F32>(a, st),
        "sqrtsd" => sse::sqrt::<F64>(a, st),
        "minss" => sse::min::<F32>(a, b, st),
        "maxsd" => sse::max::<F64>(a, b, st),
        "cmpltss" => u64::from(sse::predicate::<F32>(a, b, 1, st)),
        "cmpunordsd" => u64::from(sse::predicate::<F64>(a, b, 3, st)),
        "comiss" => return Some(ordered(sse::compare::<F32>(a, b, false, st))),
        "ucomisd" => return Some(ordered(sse::compare::<F64>(a, b, true, st))),
        "cvtss2sd" => sse::f32_to_f64(a as u32, st),
        "cvtsd2ss" => u64::from(sse::f64_to_f32(a, st)),
        "cvtss2si" => u64::from(sse::to_i32::<F32>(a, st.rounding, st) as u32),
        "cvttsd2si" => sse::to_i64::<F64>(a, Rounding::Zero, st) as u64,
        "cvtsi2ss" => sse::from_i64::<F32>(a as i64, st),
        "cvtsi2sd" => sse::from_i64::<F64>(a as i64, st),
        "roundss" => sse::round_to_int::<F32>(a, st.rounding, false, st),
        "roundsd" => sse::round_to_int::<F64>(a, st.rounding, true, st),
        "vcvtps2ph" => u64::from(sse::f32_to_f16(a as u32, st.rounding, st)),
        _ => return None,
    };
    Some(format!("{value:X}"))
}

/// The right side of a line for its left side.
fn evaluate(left: &str) -> String {
    let fields: Vec<&str> = left.split_whitespace().collect();
    let hex = |i: usize| u128::from_str_radix(fields[i], 16).unwrap();
    let extended = |i: usize| F80::new((hex(i) >> 64) as u16, hex(i) as u64);
    let mut st = Status::from_fcw(hex(1) as u16);
    let result = x87(fields[0], extended(2), extended(3), &mut st).or_else(|| {
        st = Status::from_mxcsr(hex(1) as u32);
        vector(fields[0], hex(2) as u64, hex(3) as u64, &mut st)
    });
    let result = result.unwrap_or_else(|| panic!("{left}: no such operation"));
    st.settle();
    let result = if st.aborted() { "-" } else { &result };
    format!("{result} {:02X} {}", st.flags, u8::from(st.c1))
}

#[test]
fn recorded_cases() {
    let mut failures = Vec::new();
    let mut count = 0;
    for line in include_str!("softfloat.txt").lines().filter(|l| !l.starts_with('#')) {
        let (left, right) = line.split_once(" = ").unwrap();
        let got = evaluate(left);
        if got != right {
            failures.push(format!("{line}: got {got}"));
        }
        count += 1;
    }
    assert!(count > 500, "{count}");
    assert!(failures.is_empty(), "{} of {count}\n{}", failures.len(), failures.join("\n"));
}
