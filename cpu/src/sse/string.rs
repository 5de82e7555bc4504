//! PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: string and text processing of SSE4.2.
//!
//! Intel SDM volume 1, 12.9; volume 2, 4.1. The memory operand needs no alignment.

use super::handler::src_unaligned;
use super::xmm::Xmm;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::Gpr;
use crate::state::{Cpu, eflags};
use iced_x86::Code;

/// Fields of the immediate (SDM volume 2, table 4-5 and following).
mod control {
    /// Elements are words, else bytes.
    pub const WORDS: u8 = 1;
    /// Elements are signed.
    pub const SIGNED: u8 = 1 << 1;
    /// Aggregation: equal any, ranges, equal each, equal ordered.
    pub const AGGREGATION_SHIFT: u8 = 2;
    /// The result is negated,
    pub const NEGATIVE: u8 = 1 << 4;
    /// but only for valid elements of the second operand.
    pub const MASKED: u8 = 1 << 5;
    /// Most significant index, or a mask of elements instead of one of bits.
    pub const UPPER: u8 = 1 << 6;
}

/// The elements of one operand and how many of them are valid.
struct Text {
    elements: [i32; 16],
    len: usize,
}

/// Elements of a register with this immediate.
const fn count(imm: u8) -> usize {
    if imm & control::WORDS != 0 { 8 } else { 16 }
}

impl Text {
    /// `len` is given, or ends at the first zero.
    fn new(v: Xmm, imm: u8, len: Option<usize>) -> Self {
        let mut elements = [0; 16];
        let signed = imm & control::SIGNED != 0;
        if imm & control::WORDS != 0 {
            for (e, w) in elements.iter_mut().zip(v.u16s()) {
                *e = if signed { i32::from(w as i16) } else { i32::from(w) };
            }
        } else {
            for (e, b) in elements.iter_mut().zip(v.u8s()) {
                *e = if signed { i32::from(b as i8) } else { i32::from(b) };
            }
        }
        let n = count(imm);
        let len = len.unwrap_or_else(|| elements[..n].iter().position(|&e| e == 0).unwrap_or(n));
        Self { elements, len: len.min(n) }
    }

    fn valid(&self) -> &[i32] {
        &self.elements[..self.len]
    }
}

/// IntRes2: a bit for each element of the second operand.
fn compare(a: &Text, b: &Text, imm: u8) -> u32 {
    let n = count(imm);
    let hit = |j: usize| match imm >> control::AGGREGATION_SHIFT & 3 {
        // Equal any: the element is in the set.
        0 => j < b.len && a.valid().contains(&b.elements[j]),
        // Ranges: the element is in one of the pairs' ranges.
        1 => j < b.len && a.valid().chunks_exact(2).any(|r| (r[0]..=r[1]).contains(&b.elements[j])),
        // Equal each: two invalid elements are equal.
        2 => match (j < a.len, j < b.len) {
            (true, true) => a.elements[j] == b.elements[j],
            (valid_a, valid_b) => valid_a == valid_b,
        },
        // Equal ordered: the first operand is found here, as far as the register reaches.
        _ => (0..(n - j).min(a.len)).all(|i| j + i < b.len && a.elements[i] == b.elements[j + i]),
    };
    let raw = (0..n).fold(0, |bits, j| bits | u32::from(hit(j)) << j);
    let flip = match imm & (control::NEGATIVE | control::MASKED) {
        control::NEGATIVE => (1 << n) - 1,
        f if f == control::NEGATIVE | control::MASKED => (1 << b.len) - 1,
        _ => 0,
    };
    raw ^ flip
}

/// An explicit length: the magnitude of a register, saturated by [`Text::new`].
fn explicit(cpu: &Cpu, r: Gpr, wide: bool) -> usize {
    let magnitude =
        if wide { (cpu.r::<u64>(r) as i64).unsigned_abs() } else { (cpu.r::<u32>(r) as i32).unsigned_abs().into() };
    magnitude.min(16) as usize
}

/// `EXPLICIT`: lengths in rAX and rDX, of 64 bits when `WIDE`. `INDEX`: the result is an index in ECX, else a mask in
/// XMM0.
struct Pcmpstr<const EXPLICIT: bool, const WIDE: bool, const INDEX: bool>;
impl<const EXPLICIT: bool, const WIDE: bool, const INDEX: bool> Insn for Pcmpstr<EXPLICIT, WIDE, INDEX> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let imm = op.imm as u8;
        let b = src_unaligned::<M>(cpu, op)?;
        let a = cpu.xmm(op.dst);
        let length = |r| EXPLICIT.then(|| explicit(cpu, r, WIDE));
        let (a, b) = (Text::new(a, imm, length(Gpr::Rax)), Text::new(b, imm, length(Gpr::Rdx)));
        let bits = compare(&a, &b, imm);
        let n = count(imm);
        let upper = imm & control::UPPER != 0;
        if INDEX {
            let index = match bits {
                0 => n as u32,
                _ if upper => 31 - bits.leading_zeros(),
                _ => bits.trailing_zeros(),
            };
            cpu.set_r::<u32>(Gpr::Rcx, index);
        } else {
            let set = |j: usize| bits >> j & 1 != 0;
            let mask = match (upper, n) {
                (false, _) => Xmm::zext(u64::from(bits)),
                (true, 8) => Xmm::from_u16s(std::array::from_fn(|j| if set(j) { !0 } else { 0 })),
                (true, _) => Xmm::from_u8s(std::array::from_fn(|j| if set(j) { !0 } else { 0 })),
            };
            cpu.set_xmm(Gpr::general(0), mask);
        }
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        cpu.set_arith_flags(
            flag(bits != 0, eflags::CF)
                | flag(b.len < n, eflags::ZF)
                | flag(a.len < n, eflags::SF)
                | flag(bits & 1 != 0, eflags::OF),
        );
        Ok(())
    }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Pcmpestrm_xmm_xmmm128_imm8, Form::rm_slow::<Pcmpstr<true, false, false>>()),
    (Code::Pcmpestrm64_xmm_xmmm128_imm8, Form::rm_slow::<Pcmpstr<true, true, false>>()),
    (Code::Pcmpestri_xmm_xmmm128_imm8, Form::rm_slow::<Pcmpstr<true, false, true>>()),
    (Code::Pcmpestri64_xmm_xmmm128_imm8, Form::rm_slow::<Pcmpstr<true, true, true>>()),
    (Code::Pcmpistrm_xmm_xmmm128_imm8, Form::rm_slow::<Pcmpstr<false, false, false>>()),
    (Code::Pcmpistri_xmm_xmmm128_imm8, Form::rm_slow::<Pcmpstr<false, false, true>>()),
];
