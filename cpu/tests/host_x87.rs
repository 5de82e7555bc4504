//! Compares `softfloat::f80` with the host's own x87 unit, one instruction at a time, on x86-64 hosts.
//!
//! FXRSTOR loads the operands and the control word, the instruction runs, FXSAVE reads everything back without
//! delivering pending exceptions, so that the unmasked responses are seen too. The seed is fixed. Vendors differ in the
//! last bit of the transcendental functions and in responses outside of the manual's domains: Intel hosts only.
#![allow(clippy::unwrap_used)]
#![cfg(target_arch = "x86_64")]

use rewind86_cpu::softfloat::f80::{self, Constant, F80};
use rewind86_cpu::softfloat::{IE, Ordering, Status, UE};
use std::arch::asm;

/// An FXSAVE image.
#[repr(C, align(16))]
#[derive(Clone)]
struct Image([u8; 512]);

impl Image {
    /// The two top registers, a control word and nothing else in use.
    fn new(fcw: u16, st0: F80, st1: F80) -> Self {
        let mut image = [0u8; 512];
        image[0..2].copy_from_slice(&fcw.to_le_bytes());
        // TOP = 6, registers 6 and 7 valid.
        image[2..4].copy_from_slice(&(6u16 << 11).to_le_bytes());
        image[4] = 0xC0;
        image[24..28].copy_from_slice(&0x1F80u32.to_le_bytes());
        image[32..42].copy_from_slice(&st0.to_bytes());
        image[48..58].copy_from_slice(&st1.to_bytes());
        Self(image)
    }

    fn fsw(&self) -> u16 {
        u16::from_le_bytes([self.0[2], self.0[3]])
    }

    fn st(&self, i: usize) -> F80 {
        F80::from_bytes(self.0[32 + 16 * i..42 + 16 * i].try_into().unwrap())
    }
}

type Native = unsafe fn(&Image, &mut Image, &mut [u8; 16]);

macro_rules! native {
    ($text:literal) => {{
        unsafe fn run(input: &Image, output: &mut Image, memory: &mut [u8; 16]) {
            let mut saved = Image([0; 512]);
            // SAFETY: the images are 512 bytes and aligned to 16; the caller's whole FPU and SSE state is saved and
            // restored; the instruction touches at most the 16 bytes at `memory`.
            unsafe {
                asm!(
                    "fxsave64 [{saved}]",
                    "fxrstor64 [{input}]",
                    $text,
                    "fxsave64 [{output}]",
                    "fxrstor64 [{saved}]",
                    saved = in(reg) &mut saved,
                    input = in(reg) input,
                    output = in(reg) output,
                    in("rdi") memory,
                    options(nostack),
                );
            }
        }
        run as Native
    }};
}

/// Whether the host is of the vendor whose responses to corner cases the model follows.
fn host_is_intel() -> bool {
    let leaf = std::arch::x86_64::__cpuid(0);
    (leaf.ebx, leaf.edx, leaf.ecx) == (0x756E_6547, 0x4965_6E69, 0x6C65_746E)
}

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

    /// A significand with long runs of equal bits more often than not.
    fn mantissa(&mut self) -> u64 {
        match self.below(6) {
            0 => self.next(),
            1 => u64::MAX << self.below(64),
            2 => u64::MAX >> self.below(64),
            3 => (1 << self.below(64)) | (1 << self.below(64)),
            4 => (self.next() & 0xFFF) << self.below(53),
            _ => self.next() & !((1 << self.below(64)) - 1),
        }
    }

    /// Any encoding, special ones often.
    fn f80(&mut self) -> F80 {
        let sign = (self.next() as u16) & 0x8000;
        let m = self.mantissa();
        let normal = m | 1 << 63;
        let (e, m) = match self.below(24) {
            0 => (0, 0),
            1 => (0, m & !(1 << 63)),
            2 => (0, normal),
            3 => (0x7FFF, 1 << 63),
            4 => (0x7FFF, normal),
            5 => (0x7FFF, normal & !(1 << 62) | 1),
            6 => (self.next() as u16 & 0x7FFF, m),
            7 | 8 => (self.next() as u16 & 0x7FFF, normal),
            9 => (1 + self.below(80) as u16, normal),
            10 => (0x7FFE - self.below(80) as u16, normal),
            11 => (0x3FFF, 1 << 63),
            12..=16 => (0x3FFF - 70 + self.below(140) as u16, normal),
            _ => (0x3FFF - 4 + self.below(8) as u16, normal),
        };
        F80::new(sign | e, m)
    }

    fn fcw(&mut self) -> u16 {
        let precision = [0u16, 2, 3, 3][self.below(4) as usize];
        let masks = if self.below(4) == 0 { self.next() as u16 & 0x3F } else { 0x3F };
        masks | precision << 8 | (self.below(4) as u16) << 10 | 0x40
    }
}

/// What the model says an instruction leaves.
#[derive(Default)]
struct Outcome {
    /// Registers by their number after the instruction.
    st: Vec<(usize, F80)>,
    memory: Option<Vec<u8>>,
    /// Condition codes: mask and value.
    codes: (u16, u16),
    /// The instruction completes with an unmasked DE.
    loads_denormals: bool,
    /// TOP moves by this much.
    pops: i32,
}

impl Outcome {
    fn st0(value: F80) -> Self {
        Self { st: vec![(0, value)], ..Self::default() }
    }

    fn memory(bytes: &[u8]) -> Self {
        Self { memory: Some(bytes.to_vec()), ..Self::default() }
    }

    fn codes(mask: u16, value: u16) -> Self {
        Self { codes: (mask, value), ..Self::default() }
    }
}

fn codes_of(order: Ordering) -> Outcome {
    Outcome::codes(
        0x4700,
        match order {
            Ordering::Greater => 0,
            Ordering::Less => 0x100,
            Ordering::Equal => 0x4000,
            Ordering::Unordered => 0x4500,
        },
    )
}

const C1: u16 = 1 << 9;
const OPERATION: usize = 100_000;

/// Runs random cases of one instruction against the model; `ulps` is the tolerated distance of register results.
fn check(
    name: &str,
    native: Native,
    cases: usize,
    ulps: u64,
    mut operands: impl FnMut(&mut Rng) -> (F80, F80, [u8; 16]),
    model: impl Fn(F80, F80, [u8; 16], &mut Status) -> Outcome,
) {
    if !host_is_intel() {
        println!("skipped: {name}: not an Intel processor");
        return;
    }
    let mut rng = Rng(0x5EED_0000_0000_0001 ^ name.len() as u64);
    let mut failures = Vec::new();
    let mut off = 0usize;
    for _ in 0..cases {
        let (a, b, memory) = operands(&mut rng);
        let fcw = rng.fcw();
        let input = Image::new(fcw, a, b);
        let mut output = input.clone();
        let mut native_memory = memory;
        // SAFETY: see `native!`.
        unsafe { native(&input, &mut output, &mut native_memory) };

        let mut st = Status::from_fcw(fcw);
        let out = model(a, b, memory, &mut st);
        st.settle();
        let fsw = output.fsw();
        let flags = (fsw & 0x3F) as u8;
        let mut bad = String::new();
        // Intel takes the sine of a tiny number for that number, and so misses some underflows.
        let ignored = if ulps > 0 { UE } else { 0 };
        if (flags ^ st.flags) & !ignored != 0 {
            bad += &format!(" flags {flags:02X} model {:02X};", st.flags);
        }
        let aborted = st.aborted() && !(out.loads_denormals && st.unmasked() & IE == 0);
        let loosely = ulps > 0;
        if out.codes.0 != 0 {
            if !aborted && fsw & out.codes.0 != out.codes.1 {
                bad += &format!(" codes {:04X} model {:04X};", fsw & out.codes.0, out.codes.1);
            }
        } else if !loosely && (fsw & C1 != 0) != (st.c1 && !aborted) {
            bad += &format!(" C1 {} model {};", fsw & C1 != 0, st.c1);
        }
        if aborted {
            if (output.st(0), output.st(1)) != (a, b) || native_memory != memory {
                bad += &format!(" model aborts, host gives {:?};", output.st(0));
            }
        } else {
            if let Some(m) = &out.memory
                && native_memory[..m.len()] != m[..]
                && st.unmasked() & 0x18 == 0
            {
                bad += &format!(" memory {:02X?} model {m:02X?};", &native_memory[..m.len()]);
            }
            for &(i, value) in &out.st {
                let got = output.st(i);
                if got != value {
                    let near = got.sign_exp.abs_diff(value.sign_exp) <= 1
                        && (got.mant.wrapping_sub(value.mant) as i64).unsigned_abs() <= ulps;
                    let carry = got.sign_exp.abs_diff(value.sign_exp) == 1
                        && (got.mant == 1 << 63 && value.mant == u64::MAX
                            || value.mant == 1 << 63 && got.mant == u64::MAX);
                    if loosely && (near || carry) {
                        off += 1;
                    } else {
                        bad += &format!(
                            " ST{i} {:04X}.{:016X} model {:04X}.{:016X};",
                            got.sign_exp, got.mant, value.sign_exp, value.mant
                        );
                    }
                }
            }
            let top = (fsw >> 11 & 7) as i32;
            if top != (6 + out.pops) & 7 && st.unmasked() & 0x18 == 0 {
                bad += &format!(" TOP {top};");
            }
        }
        if !bad.is_empty() {
            failures.push(format!(
                "{name} fcw={fcw:04X} {:04X}.{:016X}, {:04X}.{:016X} mem {memory:02X?}:{bad}",
                a.sign_exp, a.mant, b.sign_exp, b.mant
            ));
        }
    }
    println!("{name}: {cases} cases, {} differ, {off} within tolerance", failures.len());
    failures.sort_by_key(|f| f.len());
    assert!(
        failures.is_empty(),
        "{name}: {} of {cases} differ\n{}",
        failures.len(),
        failures[..failures.len().min(12)].join("\n")
    );
}

fn pair(rng: &mut Rng) -> (F80, F80, [u8; 16]) {
    let (a, mut b) = (rng.f80(), rng.f80());
    match rng.below(12) {
        0 => b = a,
        1 => b = a.negate(),
        2 => b = F80::new(b.sign_exp, a.mant),
        3 => b = F80::new(a.sign_exp, b.mant),
        _ => {}
    }
    (a, b, [0; 16])
}

/// Memory with a random pattern of `n` bytes, special floating-point fields often.
fn memory(n: usize) -> impl Fn(&mut Rng) -> (F80, F80, [u8; 16]) {
    move |rng| {
        let mut m = [0u8; 16];
        let mut bits = match rng.below(3) {
            0 => rng.next(),
            1 => rng.mantissa(),
            _ => rng.next() >> rng.below(64),
        };
        if rng.below(4) == 0 {
            let exponent = if n == 4 { 0x7F80_0000 } else { 0x7FF0_0000_0000_0000 };
            bits = if rng.below(2) == 0 { bits | exponent } else { bits & !exponent };
        }
        m[..n].copy_from_slice(&bits.to_le_bytes()[..n]);
        (F80::ONE, F80::ONE, m)
    }
}

macro_rules! exact {
    ($name:ident, $text:literal, $operands:expr, $model:expr) => {
        #[test]
        fn $name() {
            check($text, native!($text), OPERATION, 0, $operands, $model);
        }
    };
}

exact!(fadd, "fadd st, st(1)", pair, |a, b, _, s| Outcome::st0(f80::add(a, b, s)));
exact!(fsub, "fsub st, st(1)", pair, |a, b, _, s| Outcome::st0(f80::sub(a, b, s)));
exact!(fsubr, "fsubr st, st(1)", pair, |a, b, _, s| Outcome::st0(f80::sub(b, a, s)));
exact!(fmul, "fmul st, st(1)", pair, |a, b, _, s| Outcome::st0(f80::mul(a, b, s)));
exact!(fdiv, "fdiv st, st(1)", pair, |a, b, _, s| Outcome::st0(f80::div(a, b, s)));
exact!(fdivr, "fdivr st, st(1)", pair, |a, b, _, s| Outcome::st0(f80::div(b, a, s)));
exact!(fsqrt, "fsqrt", pair, |a, _, _, s| Outcome::st0(f80::sqrt(a, s)));
exact!(frndint, "frndint", pair, |a, _, _, s| Outcome::st0(f80::round_to_int(a, s)));
exact!(fscale, "fscale", pair, |a, b, _, s| Outcome::st0(f80::scale(a, b, s)));
exact!(fxtract, "fxtract", pair, |a, _, _, s| {
    let (exponent, significand) = f80::extract(a, s);
    // The host marks the register above ST(0) as free, so this never overflows the stack.
    Outcome { st: vec![(0, significand), (1, exponent)], pops: -1, ..Outcome::default() }
});

fn remainder(r: f80::Remainder, s: &Status) -> Outcome {
    let q = r.quotient as u16;
    let mut codes = (q & 4) << 6 | (q & 1) << 9 | (q & 2) << 13;
    if r.partial {
        codes |= 0x400;
    }
    let invalid = s.flags & IE != 0;
    Outcome { st: vec![(0, r.value)], codes: (if invalid { 0 } else { 0x4700 }, codes), ..Outcome::default() }
}
exact!(fprem, "fprem", pair, |a, b, _, s| remainder(f80::fprem(a, b, s), s));
exact!(fprem1, "fprem1", pair, |a, b, _, s| remainder(f80::fprem1(a, b, s), s));
exact!(fcom, "fcom st(1)", pair, |a, b, _, s| codes_of(f80::compare(a, b, false, s)));
exact!(fucom, "fucom st(1)", pair, |a, b, _, s| codes_of(f80::compare(a, b, true, s)));
exact!(ftst, "ftst", pair, |a, _, _, s| codes_of(f80::compare(a, F80::ZERO, false, s)));
exact!(fxam, "fxam", pair, |a, _, _, _| {
    let class = match f80::classify(a) {
        f80::Class::Unsupported => 0,
        f80::Class::Nan => 0x100,
        f80::Class::Normal => 0x400,
        f80::Class::Infinity => 0x500,
        f80::Class::Zero => 0x4000,
        f80::Class::Denormal => 0x4400,
    };
    Outcome::codes(0x4700, class | if a.sign() { C1 } else { 0 })
});

exact!(fst_m32, "fst dword ptr [rdi]", pair, |a, _, _, s| Outcome::memory(&f80::to_f32(a, s).to_le_bytes()));
exact!(fst_m64, "fst qword ptr [rdi]", pair, |a, _, _, s| Outcome::memory(&f80::to_f64(a, s).to_le_bytes()));
exact!(fist_m16, "fist word ptr [rdi]", pair, |a, _, _, s| Outcome::memory(&f80::to_i16(a, s).to_le_bytes()));
exact!(fist_m32, "fist dword ptr [rdi]", pair, |a, _, _, s| Outcome::memory(&f80::to_i32(a, s).to_le_bytes()));
exact!(fistp_m64, "fistp qword ptr [rdi]", pair, |a, _, _, s| Outcome {
    pops: 1,
    ..Outcome::memory(&f80::to_i64(a, s).to_le_bytes())
});
exact!(fisttp_m16, "fisttp word ptr [rdi]", pair, |a, _, _, s| Outcome {
    pops: 1,
    ..Outcome::memory(&f80::to_i16_trunc(a, s).to_le_bytes())
});
exact!(fisttp_m32, "fisttp dword ptr [rdi]", pair, |a, _, _, s| Outcome {
    pops: 1,
    ..Outcome::memory(&f80::to_i32_trunc(a, s).to_le_bytes())
});
exact!(fisttp_m64, "fisttp qword ptr [rdi]", pair, |a, _, _, s| Outcome {
    pops: 1,
    ..Outcome::memory(&f80::to_i64_trunc(a, s).to_le_bytes())
});
exact!(fbstp, "fbstp [rdi]", pair, |a, _, _, s| Outcome { pops: 1, ..Outcome::memory(&f80::to_bcd(a, s)) });

fn push(value: F80) -> Outcome {
    Outcome { st: vec![(0, value)], pops: -1, ..Outcome::default() }
}
fn load(value: F80) -> Outcome {
    Outcome { loads_denormals: true, ..push(value) }
}
exact!(fld_m32, "fld dword ptr [rdi]", memory(4), |_, _, m, s| load(f80::from_f32(
    u32::from_le_bytes(m[..4].try_into().unwrap()),
    s
)));
exact!(fld_m64, "fld qword ptr [rdi]", memory(8), |_, _, m, s| load(f80::from_f64(
    u64::from_le_bytes(m[..8].try_into().unwrap()),
    s
)));
exact!(fild_m16, "fild word ptr [rdi]", memory(2), |_, _, m, _| push(f80::from_i16(i16::from_le_bytes([m[0], m[1]]))));
exact!(fild_m32, "fild dword ptr [rdi]", memory(4), |_, _, m, _| push(f80::from_i32(i32::from_le_bytes(
    m[..4].try_into().unwrap()
))));
exact!(fild_m64, "fild qword ptr [rdi]", memory(8), |_, _, m, _| push(f80::from_i64(i64::from_le_bytes(
    m[..8].try_into().unwrap()
))));
exact!(
    fbld,
    "fbld [rdi]",
    |rng: &mut Rng| {
        let mut m = [0u8; 16];
        for byte in m.iter_mut().take(9) {
            *byte = (rng.below(10) << 4 | rng.below(10)) as u8;
        }
        m[9] = rng.next() as u8;
        (F80::ONE, F80::ONE, m)
    },
    |_, _, m, _| push(f80::from_bcd(m[..10].try_into().unwrap()))
);

macro_rules! constant {
    ($name:ident, $text:literal, $which:expr) => {
        #[test]
        fn $name() {
            check($text, native!($text), 1000, 0, pair, |_, _, _, s| push(f80::constant($which, s)));
        }
    };
}
constant!(fld1, "fld1", Constant::One);
constant!(fldz, "fldz", Constant::Zero);
constant!(fldpi, "fldpi", Constant::Pi);
constant!(fldl2t, "fldl2t", Constant::Log2Of10);
constant!(fldl2e, "fldl2e", Constant::Log2OfE);
constant!(fldlg2, "fldlg2", Constant::Log10Of2);
constant!(fldln2, "fldln2", Constant::LnOf2);

/// The transcendental instructions: hardware stays within an ulp of the exact value, `softfloat` rounds it correctly.
macro_rules! near {
    ($name:ident, $text:literal, $operands:expr, $model:expr) => {
        #[test]
        fn $name() {
            check($text, native!($text), OPERATION / 4, 1, $operands, $model);
        }
    };
}

/// Two results (second pushed), or C2.
fn two(r: Option<(F80, F80)>, a: F80) -> Outcome {
    match r {
        Some((x, y)) => Outcome { st: vec![(0, y), (1, x)], pops: -1, codes: (0x400, 0), ..Outcome::default() },
        None => Outcome { codes: (0x400, 0x400), ..Outcome::st0(a) },
    }
}

fn one(r: Option<F80>, a: F80) -> Outcome {
    Outcome { codes: (0x400, if r.is_none() { 0x400 } else { 0 }), ..Outcome::st0(r.unwrap_or(a)) }
}

fn popped(r: F80) -> Outcome {
    Outcome { pops: 1, ..Outcome::st0(r) }
}

near!(fsin, "fsin", pair, |a, _, _, s| one(f80::sin(a, s), a));
near!(fcos, "fcos", pair, |a, _, _, s| one(f80::cos(a, s), a));
near!(fsincos, "fsincos", pair, |a, _, _, s| two(f80::sincos(a, s), a));
near!(fptan, "fptan", pair, |a, _, _, s| two(f80::tan(a, s), a));
near!(fpatan, "fpatan", pair, |a, b, _, s| popped(f80::patan(b, a, s)));
near!(f2xm1, "f2xm1", pair, |a, _, _, s| Outcome::st0(f80::f2xm1(a, s)));
near!(fyl2x, "fyl2x", pair, |a, b, _, s| popped(f80::yl2x(b, a, s)));
near!(fyl2xp1, "fyl2xp1", pair, |a, b, _, s| popped(f80::yl2xp1(b, a, s)));
