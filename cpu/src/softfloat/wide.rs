//! Integer helpers for significands wider than 64 bits.

/// Shifts right and merges all bits lost into the lowest bit.
#[inline]
pub const fn shr_jam128(value: u128, count: u32) -> u128 {
    if count == 0 {
        value
    } else if count < 128 {
        (value >> count) | ((value << (128 - count)) != 0) as u128
    } else {
        (value != 0) as u128
    }
}

/// Shifts right and merges all bits lost into the lowest bit.
#[inline]
pub const fn shr_jam64(value: u64, count: u32) -> u64 {
    if count == 0 {
        value
    } else if count < 64 {
        (value >> count) | ((value << (64 - count)) != 0) as u64
    } else {
        (value != 0) as u64
    }
}

/// Full product of two 64-bit numbers.
#[inline]
pub const fn mul64(a: u64, b: u64) -> u128 {
    a as u128 * b as u128
}

/// Quotient and remainder of `n / d` for `n < d << 64` and `d` with its top bit set (Knuth 4.3.1, algorithm D with
/// 32-bit digits).
#[inline]
pub const fn div128by64(n: u128, d: u64) -> (u64, u64) {
    let (n1, n0) = ((n >> 64) as u64, n as u64);
    let (d1, d0) = (d >> 32, d & 0xFFFF_FFFF);
    let (q1, r) = div_step(n1, n0 >> 32, d, d1, d0);
    let (q0, r) = div_step(r, n0 & 0xFFFF_FFFF, d, d1, d0);
    (q1 << 32 | q0, r)
}

/// One digit: divides `high * 2^32 + digit` by `d`, `high < d`.
#[inline]
const fn div_step(high: u64, digit: u64, d: u64, d1: u64, d0: u64) -> (u64, u64) {
    let mut q = high / d1;
    let mut rhat = high - q * d1;
    while q >> 32 != 0 || q.wrapping_mul(d0) > (rhat << 32 | digit) {
        q -= 1;
        rhat += d1;
        if rhat >> 32 != 0 {
            break;
        }
    }
    (q, (high << 32 | digit).wrapping_sub(q.wrapping_mul(d)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_agrees_with_native_128_bit_division() {
        let mut x = 0x9E37_79B9_7F4A_7C15u64;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        };
        for i in 0..20_000u32 {
            let d = (next() >> (i % 3 * 20)) << (i % 5 * 12) | 1 << 63;
            let n = ((next() % d) as u128) << 64 | next() as u128;
            let (q, r) = div128by64(n, d);
            assert_eq!((q as u128, r as u128), (n / d as u128, n % d as u128), "{n:X} / {d:X}");
        }
        let d = u64::MAX;
        assert_eq!(div128by64(((d - 1) as u128) << 64 | u64::MAX as u128, d), (u64::MAX, u64::MAX - 1));
    }

    #[test]
    fn jamming_keeps_a_trace_of_lost_bits() {
        assert_eq!(shr_jam128(0b1011, 2), 0b11);
        assert_eq!(shr_jam128(0b1000, 3), 1);
        assert_eq!(shr_jam128(1 << 127, 200), 1);
        assert_eq!(shr_jam64(0, 70), 0);
        assert_eq!(shr_jam64(0b100, 3), 1);
    }
}
