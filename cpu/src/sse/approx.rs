//! RCPPS and RSQRTPS: approximations of the reciprocal and of the reciprocal square root.
//!
//! Intel SDM volume 2, RCPPS and RSQRTPS: a relative error of at most 1.5 * 2^-12, no exceptions, MXCSR without effect,
//! denormals as zeros. The manual leaves the bits open. These are those of Intel's processors: the exact result at the
//! middle of one of 2048 intervals of the operand, rounded to 13 bits after the point (for a result in [1/2, 1)).

use super::handler::{Packed, insn, op2, src32};
use super::xmm::Lane;
use crate::engine::dispatch::Form;
use crate::softfloat::sse::{F32, Format};
use iced_x86::Code;

const SIGN: u32 = F32::SIGN as u32;
const INFINITY: u32 = F32::INFINITY as u32;
const INDEFINITE: u32 = F32::INDEFINITE as u32;
const QUIET: u32 = F32::QUIET as u32;
const BIAS: i32 = F32::BIAS;
/// Mantissa bits below an interval of RCPPS; those of RSQRTPS are twice as wide.
const INTERVAL: u32 = 12;

/// A positive result `n / 2^13 * 2^scale` with `n` in [2^12, 2^13); too small ones are zero.
fn pack(n: u32, scale: i32) -> u32 {
    let exp = BIAS - 1 + scale;
    if exp <= 0 { 0 } else { (exp as u32) << F32::FRAC | (n & 0xFFF) << 11 }
}

/// Zeros, infinities and NaNs answered, the magnitude of a finite number split into exponent and mantissa.
fn finite(a: u32) -> Result<(i32, u32), u32> {
    let (sign, magnitude) = (a & SIGN, a & !SIGN);
    let (exp, mantissa) = (magnitude >> F32::FRAC, magnitude & F32::FRAC_MASK as u32);
    match exp {
        0 => Err(sign | INFINITY),
        0xFF if mantissa != 0 => Err(a | QUIET),
        0xFF => Err(sign),
        _ => Ok((exp as i32 - BIAS, mantissa)),
    }
}

fn reciprocal(a: u32) -> u32 {
    match finite(a) {
        Err(special) => special,
        Ok((exp, mantissa)) => {
            let middle = 4097 + 2 * (mantissa >> INTERVAL);
            let n = ((1 << 26) / middle).div_ceil(2);
            a & SIGN | pack(n, -exp)
        }
    }
}

fn reciprocal_root(a: u32) -> u32 {
    match finite(a) {
        Err(special) if special == SIGN => INDEFINITE,
        Err(special) => special,
        Ok(_) if a & SIGN != 0 => INDEFINITE,
        Ok((exp, mantissa)) => {
            let middle = u64::from(2049 + 2 * (mantissa >> (INTERVAL + 1)));
            // An odd exponent leaves a factor of two below the root. Twice the root, then rounded by halving.
            let twice = ((1 << 39) / (middle << (exp & 1))).isqrt();
            pack(twice.div_ceil(2) as u32, -(exp >> 1))
        }
    }
}

op2! {
    Rcpps: |_, b| u32::map(b, reciprocal);
    Rsqrtps: |_, b| u32::map(b, reciprocal_root);
}

insn! {
    Rcpss: |cpu, op, M| {
        let b = src32::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low32(reciprocal(b)));
        Ok(())
    };
    Rsqrtss: |cpu, op, M| {
        let b = src32::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low32(reciprocal_root(b)));
        Ok(())
    };
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Rcpps_xmm_xmmm128, Form::rm_slow::<Packed<Rcpps>>()),
    (Code::Rcpss_xmm_xmmm32, Form::rm_slow::<Rcpss>()),
    (Code::Rsqrtps_xmm_xmmm128, Form::rm_slow::<Packed<Rsqrtps>>()),
    (Code::Rsqrtss_xmm_xmmm32, Form::rm_slow::<Rsqrtss>()),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Zeros, denormals, infinities, NaNs, and both sides of some intervals.
    #[test]
    fn edges_of_the_operand_and_of_its_intervals() {
        const CASES: &[(u32, u32, u32)] = &[
            (0x0000_0000, 0x7F80_0000, 0x7F80_0000),
            (0x8040_0000, 0xFF80_0000, 0xFF80_0000),
            (0x007F_FFFF, 0x7F80_0000, 0x7F80_0000),
            (0x0080_0000, 0x7E7F_F000, 0x5EFF_F000),
            (0x0080_7FFF, 0x7E7F_1000, 0x5EFF_9000),
            (0x7E80_0000, 0x0000_0000, 0x1FFF_F000),
            (0x7EFF_FFFF, 0x0000_0000, 0x1FB5_0800),
            (0x7F00_0000, 0x0000_0000, 0x1FB4_F800),
            (0x7F7F_FFFF, 0x0000_0000, 0x1F80_0800),
            (0x7F80_0000, 0x0000_0000, 0x0000_0000),
            (0xFF80_0000, 0x8000_0000, 0xFFC0_0000),
            (0x7F80_0001, 0x7FC0_0001, 0x7FC0_0001),
            (0x3FFF_D000, 0x3F00_1800, 0x3F35_1800),
            (0x3FFF_E000, 0x3F00_1000, 0x3F35_0800),
            (0x4000_8000, 0x3EFE_F000, 0x3F34_A000),
        ];
        for &(a, r, root) in CASES {
            assert_eq!((reciprocal(a), reciprocal_root(a)), (r, root), "{a:08x}");
        }
    }
}
