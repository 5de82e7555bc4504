//! Compares `softfloat::sse` with the host's own SSE unit on x86-64 hosts: results and all six flags, in every
//! rounding, with DAZ and FTZ. Exceptions stay masked, an unmasked one would end the test by a signal. The seed is fixed.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used)]

use rewind86_cpu::softfloat::sse::{self, F32, F64, Format};
use rewind86_cpu::softfloat::{Ordering, Rounding, Status};
use std::arch::asm;

const CASES: usize = 60_000;

/// xorshift64*
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 32) % n
    }

    /// Any encoding of a format, special ones and exponents near one often.
    fn number<F: Format>(&mut self) -> u64 {
        let fraction = match self.below(5) {
            0 => 0,
            1 => u64::MAX << self.below(u64::from(F::FRAC)),
            2 => 1 << self.below(u64::from(F::FRAC)),
            3 => u64::MAX >> self.below(64),
            _ => self.next(),
        } & F::FRAC_MASK;
        let max = F::EXP_MAX as u64;
        let exponent = match self.below(10) {
            0 => 0,
            1 => max,
            2 => self.next() & max,
            3 => 1 + self.below(u64::from(F::FRAC) + 3).min(max - 2),
            4 => max - 1 - self.below(4),
            _ => (max >> 1).wrapping_sub(12).wrapping_add(self.below(24)) & max,
        };
        let sign = if self.below(2) == 0 { F::SIGN } else { 0 };
        sign | exponent << F::FRAC | fraction
    }

    /// All exceptions masked; rounding, DAZ and FTZ vary.
    fn mxcsr(&mut self) -> u32 {
        let bits = self.next() as u32;
        0x1F80 | (bits & 3) << 13 | (bits & 4) << 4 | if bits & 0x30 == 0x30 { 1 << 15 } else { 0 }
    }
}

/// Native function: MXCSR, two operands; gives the result and MXCSR.
type Native = fn(u32, u64, u64) -> (u64, u32);

macro_rules! native {
    // An operation on two vector registers, result in the first.
    ($text:expr) => {{
        fn run(mxcsr: u32, a: u64, b: u64) -> (u64, u32) {
            let (mut control, mut result, saved) = (mxcsr, a, 0x1F80u32);
            // SAFETY: computes on two registers under an MXCSR without unmasked exceptions, then restores it.
            unsafe {
                asm!(
                    "movq xmm0, {a}",
                    "movq xmm1, {b}",
                    "ldmxcsr [{control}]",
                    $text,
                    "stmxcsr [{control}]",
                    "ldmxcsr [{saved}]",
                    "movq {a}, xmm0",
                    a = inout(reg) result,
                    b = in(reg) b,
                    control = in(reg) &mut control,
                    saved = in(reg) &saved,
                    out("xmm0") _,
                    out("xmm1") _,
                    out("rax") _,
                    options(nostack),
                );
            }
            (result, control)
        }
        run as Native
    }};
}

fn check(
    name: &str,
    native: Native,
    mut operands: impl FnMut(&mut Rng) -> (u64, u64),
    model: impl Fn(u64, u64, &mut Status) -> u64,
) {
    let mut rng = Rng(0x5EED_0000_0000_0001 ^ name.len() as u64);
    let mut failures = Vec::new();
    for _ in 0..CASES {
        let (a, b) = operands(&mut rng);
        let mxcsr = rng.mxcsr();
        let (expected, after) = native(mxcsr, a, b);
        let mut st = Status::from_mxcsr(mxcsr);
        let got = model(a, b, &mut st);
        if got != expected || u32::from(st.flags) != after & 0x3F {
            failures.push(format!(
                "{name} mxcsr {mxcsr:04X} {a:X}, {b:X}: host {expected:X} {:02X} model {got:X} {:02X}",
                after & 0x3F,
                st.flags
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {CASES} differ\n{}",
        failures.len(),
        failures[..failures.len().min(12)].join("\n")
    );
}

fn pair<F: Format>(rng: &mut Rng) -> (u64, u64) {
    let a = rng.number::<F>();
    let b = if rng.below(8) == 0 { a ^ rng.next() & F::SIGN } else { rng.number::<F>() };
    (a, b)
}

macro_rules! arithmetic {
    ($($name:ident: $single:literal $double:literal $f:ident;)*) => {
        $(
            #[test]
            fn $name() {
                check($single, native!($single), pair::<F32>, |a, b, s| sse::$f::<F32>(a, b, s));
                check($double, native!($double), pair::<F64>, |a, b, s| sse::$f::<F64>(a, b, s));
            }
        )*
    };
}
arithmetic! {
    add: "addss xmm0, xmm1" "addsd xmm0, xmm1" add;
    sub: "subss xmm0, xmm1" "subsd xmm0, xmm1" sub;
    mul: "mulss xmm0, xmm1" "mulsd xmm0, xmm1" mul;
    div: "divss xmm0, xmm1" "divsd xmm0, xmm1" div;
    min: "minss xmm0, xmm1" "minsd xmm0, xmm1" min;
    max: "maxss xmm0, xmm1" "maxsd xmm0, xmm1" max;
}

#[test]
fn sqrt() {
    check("sqrtss", native!("sqrtss xmm0, xmm0"), pair::<F32>, |a, _, s| sse::sqrt::<F32>(a, s));
    check("sqrtsd", native!("sqrtsd xmm0, xmm0"), pair::<F64>, |a, _, s| sse::sqrt::<F64>(a, s));
}

macro_rules! predicates {
    ($op:literal, $format:ty, $all:expr, $($imm:literal)*) => {
        $(
            check(
                concat!($op, " ", $imm),
                native!(concat!($op, ", ", $imm)),
                pair::<$format>,
                |a, b, s| {
                    let mask = if sse::predicate::<$format>(a, b, $imm, s) { $all } else { 0 };
                    // The scalar form leaves the upper part of the register alone.
                    mask | a & !$all
                },
            );
        )*
    };
}

#[test]
fn predicates() {
    predicates!("cmpss xmm0, xmm1", F32, 0xFFFF_FFFFu64, 0 1 2 3 4 5 6 7);
    predicates!("cmpsd xmm0, xmm1", F64, u64::MAX, 0 1 2 3 4 5 6 7);
    if is_x86_feature_detected!("avx") {
        predicates!("vcmpss xmm0, xmm0, xmm1", F32, 0xFFFF_FFFFu64, 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
        predicates!("vcmpsd xmm0, xmm0, xmm1", F64, u64::MAX, 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    }
}

/// ZF, PF and CF as LAHF has them.
fn lahf(order: Ordering) -> u64 {
    match order {
        Ordering::Greater => 0x02,
        Ordering::Less => 0x03,
        Ordering::Equal => 0x42,
        Ordering::Unordered => 0x47,
    }
}

#[test]
fn ordered_and_unordered_comparison() {
    macro_rules! compare {
        ($text:literal, $format:ty, $quiet:literal) => {
            check(
                $text,
                native!(concat!($text, "\n lahf\n movzx eax, ah\n movq xmm0, rax")),
                pair::<$format>,
                |a, b, s| lahf(sse::compare::<$format>(a, b, $quiet, s)),
            );
        };
    }
    compare!("comiss xmm0, xmm1", F32, false);
    compare!("comisd xmm0, xmm1", F64, false);
    compare!("ucomiss xmm0, xmm1", F32, true);
    compare!("ucomisd xmm0, xmm1", F64, true);
}

#[test]
fn conversions_between_formats() {
    check("cvtss2sd", native!("cvtss2sd xmm0, xmm0"), pair::<F32>, |a, _, s| sse::f32_to_f64(a as u32, s));
    check("cvtsd2ss", native!("cvtsd2ss xmm0, xmm0\n movd eax, xmm0\n movq xmm0, rax"), pair::<F64>, |a, _, s| {
        u64::from(sse::f64_to_f32(a, s))
    });
    if is_x86_feature_detected!("f16c") {
        check(
            "vcvtph2ps",
            native!("vcvtph2ps xmm0, xmm0\n movd eax, xmm0\n movq xmm0, rax"),
            pair::<sse::F16>,
            |a, _, s| u64::from(sse::f16_to_f32(a as u16, s)),
        );
        check(
            "vcvtps2ph",
            native!("vcvtps2ph xmm0, xmm0, 4\n movd eax, xmm0\n movzx eax, ax\n movq xmm0, rax"),
            pair::<F32>,
            |a, _, s| u64::from(sse::f32_to_f16(a as u32, s.rounding, s)),
        );
    }
}

#[test]
fn integers_to_formats() {
    let integers = |rng: &mut Rng| ((rng.next() as i64 >> rng.below(64)) as u64, 0);
    check("cvtsi2ss r32", native!("movd eax, xmm0\n pxor xmm0, xmm0\n cvtsi2ss xmm0, eax"), integers, |a, _, s| {
        sse::from_i32::<F32>(a as i32, s)
    });
    check("cvtsi2sd r32", native!("movd eax, xmm0\n cvtsi2sd xmm0, eax"), integers, |a, _, s| {
        sse::from_i32::<F64>(a as i32, s)
    });
    check("cvtsi2ss r64", native!("movq rax, xmm0\n pxor xmm0, xmm0\n cvtsi2ss xmm0, rax"), integers, |a, _, s| {
        sse::from_i64::<F32>(a as i64, s)
    });
    check("cvtsi2sd r64", native!("movq rax, xmm0\n cvtsi2sd xmm0, rax"), integers, |a, _, s| {
        sse::from_i64::<F64>(a as i64, s)
    });
}

#[test]
fn formats_to_integers() {
    macro_rules! to_integer {
        ($text:literal, $register:literal, $format:ty, $f:ident, $truncate:literal, $unsigned:ty) => {
            check(
                concat!($text, $register),
                native!(concat!($text, " ", $register, ", xmm0\n movq xmm0, rax")),
                |rng| {
                    let (a, b) = pair::<$format>(rng);
                    // Exponents up to the width of the integers.
                    let bias = <$format>::BIAS as u64;
                    let exponent = bias - 2 + rng.below(68);
                    let near = a & !<$format>::INFINITY | exponent << <$format>::FRAC;
                    (if rng.below(2) == 0 { near } else { a }, b)
                },
                |a, _, s| {
                    let rounding = if $truncate { Rounding::Zero } else { s.rounding };
                    u64::from(sse::$f::<$format>(a, rounding, s) as $unsigned)
                },
            );
        };
    }
    to_integer!("cvtss2si", "eax", F32, to_i32, false, u32);
    to_integer!("cvttss2si", "eax", F32, to_i32, true, u32);
    to_integer!("cvtss2si", "rax", F32, to_i64, false, u64);
    to_integer!("cvttss2si", "rax", F32, to_i64, true, u64);
    to_integer!("cvtsd2si", "eax", F64, to_i32, false, u32);
    to_integer!("cvttsd2si", "eax", F64, to_i32, true, u32);
    to_integer!("cvtsd2si", "rax", F64, to_i64, false, u64);
    to_integer!("cvttsd2si", "rax", F64, to_i64, true, u64);
}

#[test]
fn rounding_to_integral_values() {
    macro_rules! round {
        ($($imm:literal)*) => {
            $(
                check(concat!("roundss ", $imm), native!(concat!("roundss xmm0, xmm0, ", $imm)), pair::<F32>, |a, _, s| {
                    let rounding = if $imm & 4 != 0 { s.rounding } else { Rounding::from_bits($imm) };
                    sse::round_to_int::<F32>(a, rounding, $imm & 8 != 0, s)
                });
                check(concat!("roundsd ", $imm), native!(concat!("roundsd xmm0, xmm0, ", $imm)), pair::<F64>, |a, _, s| {
                    let rounding = if $imm & 4 != 0 { s.rounding } else { Rounding::from_bits($imm) };
                    sse::round_to_int::<F64>(a, rounding, $imm & 8 != 0, s)
                });
            )*
        };
    }
    round!(0 1 2 3 4 8 9 10 11 12);
}

#[test]
fn dot_products() {
    let leaf = std::arch::x86_64::__cpuid(0);
    if (leaf.ebx, leaf.edx, leaf.ecx) != (0x756E_6547, 0x4965_6E69, 0x6C65_746E) {
        println!("skipped: which of several NaNs is taken differs between vendors");
        return;
    }
    // Both halves of the 64-bit operands twice: elements 0, 1, 0, 1.
    let twice = |v: u64| [v as u32, (v >> 32) as u32, v as u32, (v >> 32) as u32];
    let packed = |rng: &mut Rng| {
        let mut two = || rng.number::<F32>() | rng.number::<F32>() << 32;
        (two(), two())
    };
    macro_rules! dpps {
        ($($imm:literal)*) => {
            $(
                let text = concat!("punpcklqdq xmm0, xmm0\n punpcklqdq xmm1, xmm1\n dpps xmm0, xmm1, ", $imm);
                check(text, native!(concat!("punpcklqdq xmm0, xmm0\n punpcklqdq xmm1, xmm1\n dpps xmm0, xmm1, ", $imm)), packed, |a, b, s| {
                    let r = sse::dot_product_f32(twice(a), twice(b), $imm, s);
                    u64::from(r[0]) | u64::from(r[1]) << 32
                });
            )*
        };
    }
    dpps!(0xF3 0x73 0xB1 0x32 0xD0);
    check(
        "dppd",
        native!("punpcklqdq xmm0, xmm1\n pshufd xmm1, xmm0, 0x4E\n dppd xmm0, xmm1, 0x31"),
        pair::<F64>,
        |a, b, s| sse::dot_product_f64([a, b], [b, a], 0x31, s)[0],
    );
    check(
        "dppd upper",
        native!("punpcklqdq xmm0, xmm1\n pshufd xmm1, xmm0, 0x4E\n dppd xmm0, xmm1, 0x33\n psrldq xmm0, 8"),
        pair::<F64>,
        |a, b, s| sse::dot_product_f64([a, b], [b, a], 0x33, s)[1],
    );
}
