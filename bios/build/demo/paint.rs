//! Paints the CGA picture when the program is assembled: a sun over mountains and a plain. Colours 0-3, integers only.

const WIDTH: i32 = 320;
const HEIGHT: i32 = 200;
const HORIZON: i32 = 118;
/// The sun's middle and radius.
const SUN: (i32, i32, i32) = (160, 84, 62);

/// 4x4 ordered dither, thresholds 0-15.
const DITHER: [[i32; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// Rows of the mountains' peaks: x, height over the horizon.
const PEAKS: [(i32, i32); 11] =
    [(0, 34), (26, 14), (52, 46), (84, 12), (104, 22), (150, 4), (196, 8), (228, 36), (250, 18), (284, 52), (320, 26)];

/// The bank of even (0) or odd (1) rows, packed.
pub fn packed(bank: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for y in (bank..HEIGHT).step_by(2) {
        for x in (0..WIDTH).step_by(4) {
            bytes.push((0..4).fold(0, |byte, i| byte << 2 | point(x + i, y)));
        }
    }
    pack(&bytes)
}

fn point(x: i32, y: i32) -> u8 {
    // The caption's row stays black.
    if y >= 190 {
        return 0;
    }
    if y >= HORIZON { plain(x, y) } else { sky(x, y) }
}

/// `level` of 16 between two colours.
fn mix(x: i32, y: i32, level: i32, low: u8, high: u8) -> u8 {
    if level > DITHER[(y & 3) as usize][(x & 3) as usize] { high } else { low }
}

fn sky(x: i32, y: i32) -> u8 {
    let ridge = HORIZON - height(x);
    if y >= ridge {
        // A lit edge, slopes that grow darker downwards; those that fall to the right lie in the shade.
        let lit = height(x - 1) < height(x);
        return match y - ridge {
            0 | 1 => 3,
            depth if lit => mix(x, y, 10 - depth / 5, 0, 1),
            depth => mix(x, y, 3 - depth / 12, 0, 1),
        };
    }
    let (cx, cy, r) = SUN;
    let (dx, dy) = (x - cx, (y - cy) * 6 / 5);
    if dx * dx + dy * dy <= r * r {
        // Gaps in the lower half, wider towards the horizon.
        let below = y - cy;
        if below > 0 && below % 9 < 1 + below / 9 {
            return mix(x, y, 2, 0, 2);
        }
        return mix(x, y, (cy + r - y) * 16 / (2 * r), 2, 3);
    }
    // Stars where a hash of the place says so, over a glow at the horizon.
    let hash = (x * 7919 + y * 104_729) ^ (x * y * 31);
    if y < 90 && hash.rem_euclid(619) == 0 {
        return if hash & 1 == 0 { 3 } else { 1 };
    }
    mix(x, y, (y - 30) / 10, 0, 2)
}

/// Height of the mountains at `x`, between the peaks, with small steps.
fn height(x: i32) -> i32 {
    let x = x.clamp(0, WIDTH - 1);
    for pair in PEAKS.windows(2) {
        let [(x0, h0), (x1, h1)] = [pair[0], pair[1]];
        if (x0..x1).contains(&x) {
            return h0 + (h1 - h0) * (x - x0) / (x1 - x0) + (x * 5 % 7) / 3;
        }
    }
    0
}

fn plain(x: i32, y: i32) -> u8 {
    let depth = y - HORIZON + 1;
    // Lines across at distances 1, 2, 3 ... from the eye; lines away through the vanishing point.
    let across = |d: i32| 640 / d;
    let lines_away = {
        let scaled = (x - WIDTH / 2) * 64 / (depth + 6);
        let cell = scaled.rem_euclid(96);
        cell < (96 / (depth / 2 + 6)).max(2) || depth < 2
    };
    if lines_away || across(depth) / 9 != across(depth + 1) / 9 && depth > 3 {
        return if depth < 14 { 2 } else { 1 };
    }
    mix(x, y, 4 - depth / 6, 0, 2)
}

/// Runs as `unpack` in `cga.rs` reads them.
fn pack(bytes: &[u8]) -> Vec<u8> {
    let run = |at: usize| bytes[at..].iter().take(127).take_while(|b| **b == bytes[at]).count();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let n = run(at);
        if n >= 3 {
            out.extend([n as u8, bytes[at]]);
            at += n;
            continue;
        }
        let start = at;
        while at < bytes.len() && at - start < 127 && run(at) < 3 {
            at += 1;
        }
        out.push(0x80 | (at - start) as u8);
        out.extend_from_slice(&bytes[start..at]);
    }
    out.push(0);
    out
}
