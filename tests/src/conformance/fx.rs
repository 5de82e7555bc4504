//! Comparison of FXSAVE images: FSW without C0, C2 and C3 unless the form defines them, transcendental results within
//! one unit in the last place of the 64-bit significand. Pointers and MXCSR_MASK are not captured.

/// FXSAVE offsets (SDM volume 1, table 10-2).
const FCW: usize = 0;
const FSW: usize = 2;
const FTW: usize = 4;
const MXCSR: usize = 24;
const ST: usize = 32;
const XMM: usize = 160;
/// FSW without C0, C2 and C3.
const NO_CONDITIONS: u16 = 0xBAFF;
/// Tolerated distance of a transcendental result.
const ULP: u64 = 1;

/// A value on the line of all extended reals of one sign: distance 1 is one unit in the last place.
fn line(sign_exp: u16, mant: u64) -> i128 {
    // A denormal has the exponent of the smallest normal number.
    let e = i128::from((sign_exp & 0x7FFF).max(1));
    let v = (e << 63) + i128::from(mant) - (1 << 63);
    if sign_exp & 0x8000 != 0 { -v } else { v }
}

/// Distance of two 80-bit values in units in the last place; `None` when one is an infinity or a NaN.
pub fn ulps(a: &[u8], b: &[u8]) -> Option<u64> {
    let parts = |d: &[u8]| {
        let mant = u64::from_le_bytes(d.get(..8)?.try_into().ok()?);
        Some((u16::from_le_bytes(d.get(8..10)?.try_into().ok()?), mant))
    };
    let ((ea, ma), (eb, mb)) = (parts(a)?, parts(b)?);
    let special = |e: u16| e & 0x7FFF == 0x7FFF;
    if special(ea) || special(eb) {
        return None;
    }
    u64::try_from(line(ea, ma).abs_diff(line(eb, mb))).ok()
}

/// What of `got` differs from `want`, which may be shorter; gives the distance of transcendental results.
pub(super) fn compare(got: &[u8], want: &[u8], form: &str, wrong: &mut Vec<String>) -> Option<u64> {
    let transcendental = form.starts_with("x87t");
    let conditions = ["com", "fxam", "prem", "tst"].iter().any(|w| form.to_lowercase().contains(w)) || transcendental;
    let word = |d: &[u8], at: usize| d.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
    if word(got, FCW) != word(want, FCW) {
        wrong.push(format!("fcw {:x} want {:x}", word(got, FCW), word(want, FCW)));
    }
    let mask = if conditions { 0xFFFF } else { NO_CONDITIONS };
    if (word(got, FSW) ^ word(want, FSW)) & mask != 0 {
        wrong.push(format!("fsw {:x} want {:x} mask {mask:x}", word(got, FSW), word(want, FSW)));
    }
    let pairs = |at: usize, n: usize| Some((got.get(at..at + n)?, want.get(at..at + n)?)).filter(|(a, b)| a != b);
    if let Some((a, b)) = pairs(FTW, 1) {
        wrong.push(format!("ftw {a:02x?} want {b:02x?}"));
    }
    if let Some((a, b)) = pairs(MXCSR, 4) {
        wrong.push(format!("mxcsr {a:02x?} want {b:02x?}"));
    }
    let mut worst = transcendental.then_some(0);
    for i in 0..8 {
        let Some((a, b)) = pairs(ST + 16 * i, 10) else { continue };
        match worst.zip(ulps(a, b)) {
            Some((w, ulp)) if ulp <= ULP => worst = Some(w.max(ulp)),
            Some((_, ulp)) => wrong.push(format!("st{i} {a:02x?} want {b:02x?}, {ulp} ulp apart")),
            None => wrong.push(format!("st{i} {a:02x?} want {b:02x?}")),
        }
    }
    for at in (XMM..want.len()).step_by(16) {
        if let Some((a, b)) = pairs(at, 16) {
            wrong.push(format!("xmm{} {a:02x?} want {b:02x?}", (at - XMM) / 16));
        }
    }
    worst
}
