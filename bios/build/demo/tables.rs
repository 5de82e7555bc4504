//! The sine table that the effects share.

use crate::asm16::*;

/// Bytes of the table: four periods of 256, so that sums of angles need no wrapping.
const LENGTH: usize = 1024;

pub fn emit(a: &mut Asm16) {
    a.align(4);
    a.label("sine");
    a.db(&sine());
}

/// 64 + 63 sin, 256 steps a period, by a recurrence in integers: no rounding differs between build hosts.
fn sine() -> Vec<u8> {
    // cos and sin of 2 pi / 256 in units of 2^-30.
    const COS: i64 = 1_073_418_433;
    const SIN: i64 = 26_350_943;
    let (mut x, mut y) = (1i64 << 30, 0i64);
    let mut period = Vec::with_capacity(256);
    for _ in 0..256 {
        period.push((64 + ((y * 63) >> 30)).clamp(0, 127) as u8);
        (x, y) = ((x * COS - y * SIN) >> 30, (x * SIN + y * COS) >> 30);
    }
    period.iter().copied().cycle().take(LENGTH).collect()
}
