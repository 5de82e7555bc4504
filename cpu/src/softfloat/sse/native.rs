//! The host's own arithmetic, where it is provably the same on every host.
//!
//! Rust's `f32` and `f64` are binary32 and binary64 with IEEE 754 rounding to the nearest for `+`, `-`, `*`, `/` and
//! `sqrt` on the hosts of [`PROVEN`]; the test below compares each of them with the integer code, and `ci/cross.sh` runs it
//! there. Any other host computes in integers only: an x87 rounds twice, some vector units flush denormal numbers.
//! So for normal operands a normal result is the number that the
//! integer code gives, and the only flag left to tell is PE; [`Status::native`] says that it is set and masked already.
//! Results at the edges of the range are left to the integer code: overflow, and anything that may be tiny before
//! rounding, which is why the smallest exponent is left out too. Flags of the host are never read.

use super::{Format, exp};
use crate::softfloat::Status;

/// Hosts whose arithmetic is asked.
const PROVEN: bool = cfg!(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "riscv64", target_feature = "d"),
    target_arch = "s390x",
    target_arch = "wasm32",
));

/// An operation.
#[derive(Clone, Copy)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Sqrt,
}

/// The result for normal operands (the square root: of `a`, which is positive), when the host's is known to be right.
#[inline(always)]
pub(super) fn result<F: Format>(op: Op, a: u64, b: u64, st: &Status) -> Option<u64> {
    if !PROVEN || !st.native {
        return None;
    }
    let r = match F::FRAC {
        52 => {
            let (a, b) = (f64::from_bits(a), f64::from_bits(b));
            let r = match op {
                Op::Add => a + b,
                Op::Sub => a - b,
                Op::Mul => a * b,
                Op::Div => a / b,
                Op::Sqrt => a.sqrt(),
            };
            r.to_bits()
        }
        23 => {
            let (a, b) = (f32::from_bits(a as u32), f32::from_bits(b as u32));
            let r = match op {
                Op::Add => a + b,
                Op::Sub => a - b,
                Op::Mul => a * b,
                Op::Div => a / b,
                Op::Sqrt => a.sqrt(),
            };
            u64::from(r.to_bits())
        }
        _ => return None,
    };
    (2..F::EXP_MAX).contains(&exp::<F>(r)).then_some(r)
}

#[cfg(test)]
mod tests {
    use super::super::{F32, F64, add, div, mul, sqrt, sub};
    use super::*;

    /// MXCSR as after reset, with and without PE set already.
    const MXCSR: [u32; 2] = [0x1F80, 0x1FA0];

    fn compare<F: Format>(a: u64, b: u64) -> u32 {
        let mut native = 0;
        let run: [fn(u64, u64, &mut Status) -> u64; 5] =
            [add::<F>, sub::<F>, mul::<F>, div::<F>, |a, _, st| sqrt::<F>(a, st)];
        for (n, f) in run.iter().enumerate() {
            let [(soft, flags), (host, more)] = MXCSR.map(|mxcsr| {
                let mut st = Status::from_mxcsr(mxcsr);
                (f(a, b, &mut st), st.flags)
            });
            assert_eq!(soft, host, "operation {n}: {a:x} {b:x}");
            // All flags but the one that is set already.
            assert_eq!(flags | 1 << 5, more | 1 << 5, "operation {n}: {a:x} {b:x}");
            native += u32::from(more != flags);
        }
        native
    }

    #[test]
    fn the_host_agrees_with_the_integer_code() {
        let mut x = 0x9E37_79B9_7F4A_7C15u64;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            x ^ x >> 29
        };
        let mut native = 0;
        for _ in 0..20_000 {
            let (a, b) = (next(), next());
            native += compare::<F64>(a, b) + compare::<F32>(a >> 32, b >> 32);
            // Near each other, and near the ends of the range.
            let near = a & !(0x7FF << 52) | (b & 3) << 52 | 0x3FE << 52;
            native += compare::<F64>(near, b & !(0x7FF << 52) | 0x3FF << 52);
            for e in [0, 1, 2, 0x3FF, 0x7FD, 0x7FE, 0x7FF] {
                compare::<F64>(a & !(0x7FF << 52) | e << 52, near);
                compare::<F32>(u64::from((a >> 32) as u32 & !(0xFF << 23)) | (e & 0xFF) << 23, b >> 32);
            }
        }
        assert!(!PROVEN || native > 50_000, "the host's arithmetic was asked {native} times");
    }
}
