//! The parts of a raw 2352-byte Mode 1 sector (ECMA-130 clauses 14 and 16): sync, header, user data, EDC and ECC, as
//! READ CD hands them out.

use super::BLOCK;
use serde::{Deserialize, Serialize};

const SYNC: usize = 12;
const HEADER: usize = 4;
const RAW: usize = 2352;

/// READ CD byte 9: the fields of a sector to transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layout {
    pub sync: bool,
    pub header: bool,
    pub user: bool,
    pub edc_ecc: bool,
    /// Bytes of C2 error flags, all zero.
    pub c2: u16,
}

impl Default for Layout {
    fn default() -> Self {
        Self { sync: false, header: false, user: true, edc_ecc: false, c2: 0 }
    }
}

impl Layout {
    /// Decodes the flag byte; `None` for a reserved combination.
    pub fn from_flags(flags: u8) -> Option<Self> {
        let c2 = match flags >> 1 & 3 {
            0 => 0,
            1 => 294,
            2 => 296,
            _ => return None,
        };
        // Header codes: bit 0 header, bit 1 sub-header, which Mode 1 does not have.
        Some(Self {
            sync: flags & 0x80 != 0,
            header: flags & 0x20 != 0,
            user: flags & 0x10 != 0,
            edc_ecc: flags & 0x08 != 0,
            c2,
        })
    }

    /// Bytes per sector.
    pub fn len(&self) -> usize {
        let part = |on: bool, bytes| if on { bytes } else { 0 };
        part(self.sync, SYNC)
            + part(self.header, HEADER)
            + part(self.user, BLOCK)
            + part(self.edc_ecc, RAW - SYNC - HEADER - BLOCK)
            + usize::from(self.c2)
    }

    /// Appends the blocks of `data`, the first of which is `lba`.
    pub fn append(&self, lba: u32, data: &[u8], out: &mut Vec<u8>) {
        if *self == Self::default() {
            out.extend_from_slice(data);
            return;
        }
        let mut lba = lba;
        for block in data.chunks(BLOCK) {
            let raw = raw_sector(lba, block);
            let parts = [
                (self.sync, 0..SYNC),
                (self.header, SYNC..SYNC + HEADER),
                (self.user, SYNC + HEADER..SYNC + HEADER + BLOCK),
                (self.edc_ecc, SYNC + HEADER + BLOCK..RAW),
            ];
            for (_, range) in parts.into_iter().filter(|(wanted, _)| *wanted) {
                out.extend_from_slice(raw.get(range).unwrap_or_default());
            }
            out.resize(out.len() + usize::from(self.c2), 0);
            lba = lba.wrapping_add(1);
        }
    }
}

/// Minute, second and frame of a block, 150 frames after the start of the disc.
pub(super) fn msf(lba: u32) -> [u8; 3] {
    let frames = u64::from(lba) + 150;
    [(frames / 75 / 60).min(255) as u8, (frames / 75 % 60) as u8, (frames % 75) as u8]
}

fn bcd(n: u8) -> u8 {
    ((n / 10) << 4) | (n % 10)
}

/// A whole Mode 1 sector around `user`.
fn raw_sector(lba: u32, user: &[u8]) -> [u8; RAW] {
    let mut raw = [0; RAW];
    raw[1..11].fill(0xFF);
    let [m, s, f] = msf(lba);
    raw[12..16].copy_from_slice(&[bcd(m), bcd(s), bcd(f), 1]);
    for (to, from) in raw[16..16 + BLOCK].iter_mut().zip(user) {
        *to = *from;
    }
    let edc = edc(&raw[..2064]);
    raw[2064..2068].copy_from_slice(&edc.to_le_bytes());
    parity(&mut raw, 2076, 86, 24, 2, 86);
    parity(&mut raw, 2248, 52, 43, 86, 88);
    raw
}

/// CRC-32 with polynomial (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1), bit-reversed.
fn edc(data: &[u8]) -> u32 {
    data.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 != 0 { c >> 1 ^ 0xD8018001 } else { c >> 1 })
    })
}

/// Multiplication by x in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1.
fn times_x(a: u8) -> u8 {
    a << 1 ^ if a & 0x80 != 0 { 0x1D } else { 0 }
}

/// Division by x + 1 in the same field.
fn over_x_plus_1(b: u8) -> u8 {
    // (x + 1) * 0xF4 = 1 in this field.
    let mut product = 0;
    let mut power = b;
    for bit in 0..8 {
        if 0xF4u8 >> bit & 1 != 0 {
            product ^= power;
        }
        power = times_x(power);
    }
    product
}

/// The two parity bytes of each of `vectors` interleaved code words of `symbols` bytes, written at `at`.
///
/// P: vectors of stride 86 starting at consecutive bytes; Q: diagonals of stride 88 that wrap at `symbols * vectors`.
fn parity(raw: &mut [u8; RAW], at: usize, vectors: usize, symbols: usize, word_step: usize, stride: usize) {
    let size = vectors * symbols;
    for v in 0..vectors {
        let mut index = (v >> 1) * word_step + (v & 1);
        let (mut a, mut b) = (0, 0);
        for _ in 0..symbols {
            let byte = raw.get(12 + index).copied().unwrap_or(0);
            index += stride;
            if index >= size {
                index -= size;
            }
            a = times_x(a ^ byte);
            b ^= byte;
        }
        let first = over_x_plus_1(times_x(a) ^ b);
        if let Some(p) = raw.get_mut(at + v) {
            *p = first;
        }
        if let Some(p) = raw.get_mut(at + v + vectors) {
            *p = first ^ b;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_inverse_is_right() {
        for b in 0..=255u8 {
            let x = over_x_plus_1(b);
            assert_eq!(times_x(x) ^ x, b);
        }
    }

    /// Every P and Q code word has the roots 1 and x: its symbols, and its symbols weighted by powers of x, sum to zero.
    #[test]
    fn parity_makes_valid_code_words() {
        let user: Vec<u8> = (0..BLOCK).map(|i| (i * 7 + i / 13) as u8).collect();
        let raw = raw_sector(1234, &user);
        let check = |symbols: &[u8]| {
            assert_eq!(symbols.iter().fold(0, |s, b| s ^ b), 0);
            assert_eq!(symbols.iter().fold(0, |s, b| times_x(s) ^ b), 0);
        };
        for v in 0..86 {
            let word: Vec<u8> = (0..26).map(|m| raw[12 + m * 86 + v]).collect();
            check(&word);
        }
        for v in 0..52 {
            let start = (v / 2) * 86 + v % 2;
            let mut word: Vec<u8> = (0..43).map(|m| raw[12 + (start + m * 88) % 2236]).collect();
            word.extend([raw[2248 + v], raw[2300 + v]]);
            check(&word);
        }
        assert_eq!(edc(&raw[..2068]), 0);
        assert_eq!(&raw[12..16], &[0x00, 0x18, 0x34, 1]);
    }
}
