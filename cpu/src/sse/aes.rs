//! AES rounds and carry-less multiplication.
//!
//! FIPS 197; Intel SDM volume 1, 12.13; volume 2, AESENC and PCLMULQDQ. The S-boxes are computed when compiling.

use super::handler::{Packed, PackedImm, op2, op3};
use super::xmm::Xmm;
use crate::engine::dispatch::Form;
use iced_x86::Code;
use std::array::from_fn;

/// Multiplication by x in GF(2^8).
const fn xtime(a: u8) -> u8 {
    a << 1 ^ if a >> 7 != 0 { 0x1B } else { 0 }
}

/// FIPS 197, 5.1.1. Walks the powers of the generator 3 beside those of its inverse.
const fn sboxes() -> ([u8; 256], [u8; 256]) {
    let (mut forward, mut inverse) = ([0; 256], [0; 256]);
    let (mut p, mut q) = (1u8, 1u8);
    loop {
        p ^= xtime(p);
        q ^= q << 1;
        q ^= q << 2;
        q ^= q << 4;
        if q >> 7 != 0 {
            q ^= 0x09;
        }
        let s = q ^ q.rotate_left(1) ^ q.rotate_left(2) ^ q.rotate_left(3) ^ q.rotate_left(4) ^ 0x63;
        forward[p as usize] = s;
        inverse[s as usize] = p;
        if p == 1 {
            break;
        }
    }
    forward[0] = 0x63;
    inverse[0x63] = 0;
    (forward, inverse)
}
static SBOXES: ([u8; 256], [u8; 256]) = sboxes();

fn sub(b: u8) -> u8 {
    SBOXES.0[usize::from(b)]
}

fn sub_inverse(b: u8) -> u8 {
    SBOXES.1[usize::from(b)]
}

/// SubBytes after ShiftRows: row `r` moves left by `r` columns. A column is four bytes.
fn shift_and_sub(a: Xmm) -> [u8; 16] {
    let a = a.u8s();
    from_fn(|i| sub(a[(i + 4 * (i & 3)) & 15]))
}

fn shift_and_sub_inverse(a: Xmm) -> [u8; 16] {
    let a = a.u8s();
    from_fn(|i| sub_inverse(a[(i + 12 * (i & 3)) & 15]))
}

/// The byte `k` rows below byte `i`, in its column.
fn below(i: usize, k: usize) -> usize {
    i & !3 | (i + k) & 3
}

/// Each column by 3x^3 + x^2 + x + 2.
fn mix_columns(a: [u8; 16]) -> [u8; 16] {
    let at = |i: usize, k: usize| a[below(i, k) & 15];
    from_fn(|i| xtime(at(i, 0) ^ at(i, 1)) ^ at(i, 1) ^ at(i, 2) ^ at(i, 3))
}

/// Each column by Bx^3 + Dx^2 + 9x + E: as the forward step after one by 4x^2 + 5.
fn mix_columns_inverse(a: [u8; 16]) -> [u8; 16] {
    mix_columns(from_fn(|i| a[i] ^ xtime(xtime(a[i] ^ a[below(i, 2) & 15]))))
}

fn add_key(a: [u8; 16], key: Xmm) -> Xmm {
    let key = key.u8s();
    Xmm::from_u8s(from_fn(|i| a[i] ^ key[i]))
}

/// Carry-less product of two quadwords.
fn carryless(a: u64, b: u64) -> u128 {
    (0..64).fold(0, |sum, i| sum ^ if b >> i & 1 != 0 { u128::from(a) << i } else { 0 })
}

op2! {
    Aesenc: |a, key| add_key(mix_columns(shift_and_sub(a)), key);
    Aesenclast: |a, key| add_key(shift_and_sub(a), key);
    Aesdec: |a, key| add_key(mix_columns_inverse(shift_and_sub_inverse(a)), key);
    Aesdeclast: |a, key| add_key(shift_and_sub_inverse(a), key);
    Aesimc: |_, b| Xmm::from_u8s(mix_columns_inverse(b.u8s()));
}

op3! {
    /// SubWord of the odd doublewords, and the same rotated with the round constant.
    Aeskeygenassist: |_, b, imm| {
        let word = |v: u32| u32::from_le_bytes(v.to_le_bytes().map(sub));
        let b = b.u32s();
        let (low, high) = (word(b[1]), word(b[3]));
        let rotated = |v: u32| v.rotate_right(8) ^ u32::from(imm);
        Xmm::from_u32s([low, rotated(low), high, rotated(high)])
    };
    /// Bit 0 picks the quadword of the first operand, bit 4 that of the second.
    Pclmulqdq: |a, b, imm| {
        carryless(a.u64s()[usize::from(imm & 1)], b.u64s()[usize::from(imm >> 4 & 1)]).into()
    };
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Aesenc_xmm_xmmm128, Form::rm_slow::<Packed<Aesenc>>()),
    (Code::Aesenclast_xmm_xmmm128, Form::rm_slow::<Packed<Aesenclast>>()),
    (Code::Aesdec_xmm_xmmm128, Form::rm_slow::<Packed<Aesdec>>()),
    (Code::Aesdeclast_xmm_xmmm128, Form::rm_slow::<Packed<Aesdeclast>>()),
    (Code::Aesimc_xmm_xmmm128, Form::rm_slow::<Packed<Aesimc>>()),
    (Code::Aeskeygenassist_xmm_xmmm128_imm8, Form::rm_slow::<PackedImm<Aeskeygenassist>>()),
    (Code::Pclmulqdq_xmm_xmmm128_imm8, Form::rm_slow::<PackedImm<Pclmulqdq>>()),
];
