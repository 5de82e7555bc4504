//! Key codes and the three scan code sets, and the 8042's translation from set 2 to set 1.
//!
//! Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-key)": scan code tables of sets
//! 1, 2 and 3 and the default key types of set 3; the translation table is that of the IBM AT's 8042.

use serde::{Deserialize, Serialize};

/// A key by its make code of set 1: `0x01`-`0x7F`, or `0xE0xx` for an extended key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyCode(pub u16);

impl KeyCode {
    /// Left Ctrl.
    pub const LEFT_CTRL: Self = Self(0x1D);
    /// Right Ctrl.
    pub const RIGHT_CTRL: Self = Self(0xE01D);
    /// Left Shift.
    pub const LEFT_SHIFT: Self = Self(0x2A);
    /// Right Shift.
    pub const RIGHT_SHIFT: Self = Self(0x36);
    /// Left Alt.
    pub const LEFT_ALT: Self = Self(0x38);
    /// Right Alt.
    pub const RIGHT_ALT: Self = Self(0xE038);
    /// Print Screen / SysRq, which sends other codes with Shift, Ctrl and Alt.
    pub const PRINT_SCREEN: Self = Self(0xE037);
    /// Pause / Break, which has no break code and sends another code with Ctrl.
    pub const PAUSE: Self = Self(0xE11D);

    /// Whether the key's codes have the prefix E0h.
    pub fn extended(self) -> bool {
        self.0 >> 8 == 0xE0
    }

    /// The set 1 code without prefix.
    pub(super) fn base(self) -> u8 {
        self.0 as u8 & 0x7F
    }
}

/// Prefix of a break code in sets 2 and 3.
pub(crate) const BREAK: u8 = 0xF0;

/// The 8042's translation of set 2 bytes below 80h.
const SET2_TO_SET1: [u8; 128] = [
    0xFF, 0x43, 0x41, 0x3F, 0x3D, 0x3B, 0x3C, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3E, 0x0F, 0x29, 0x59, //
    0x65, 0x38, 0x2A, 0x70, 0x1D, 0x10, 0x02, 0x5A, 0x66, 0x71, 0x2C, 0x1F, 0x1E, 0x11, 0x03, 0x5B, //
    0x67, 0x2E, 0x2D, 0x20, 0x12, 0x05, 0x04, 0x5C, 0x68, 0x39, 0x2F, 0x21, 0x14, 0x13, 0x06, 0x5D, //
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5E, 0x6A, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5F, //
    0x6B, 0x33, 0x25, 0x17, 0x18, 0x0B, 0x0A, 0x60, 0x6C, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0C, 0x61, //
    0x6D, 0x73, 0x28, 0x74, 0x1A, 0x0D, 0x62, 0x6E, 0x3A, 0x36, 0x1C, 0x1B, 0x75, 0x2B, 0x63, 0x76, //
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7A, 0x0E, 0x7B, 0x7C, 0x4F, 0x7D, 0x4B, 0x47, 0x7E, 0x7F, 0x6F, //
    0x52, 0x53, 0x50, 0x4C, 0x4D, 0x48, 0x01, 0x45, 0x57, 0x4E, 0x51, 0x4A, 0x37, 0x49, 0x46, 0x54, //
];

/// What the 8042 makes of a keyboard byte other than F0h, translation being on.
pub(crate) fn translate(byte: u8) -> u8 {
    match byte {
        0x83 => 0x41, // F7
        0x84 => 0x54, // SysRq
        _ => SET2_TO_SET1.get(usize::from(byte)).copied().unwrap_or(byte),
    }
}

/// The inverse of [`translate`] for codes that keys have.
const SET1_TO_SET2: [u8; 128] = {
    let mut table = [0; 128];
    let mut set2 = 127;
    while set2 > 0 {
        let set1 = SET2_TO_SET1[set2] as usize;
        if set1 < 128 {
            table[set1] = set2 as u8;
        }
        set2 -= 1;
    }
    table[0x41] = 0x83;
    table[0x54] = 0x84;
    table
};

/// Rewrites a sequence of set 1 bytes in set 2: prefixes stay, bit 7 becomes the break prefix.
pub(super) fn set1_to_set2(sequence: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * sequence.len());
    for &byte in sequence {
        if byte == 0xE0 || byte == 0xE1 {
            out.push(byte);
            continue;
        }
        if byte & 0x80 != 0 {
            out.push(BREAK);
        }
        out.extend(SET1_TO_SET2.get(usize::from(byte & 0x7F)));
    }
    out
}

/// Set 3 codes of the keys without prefix, by set 1 code; 0 = no such key.
const SET3_PLAIN: [u8; 96] = [
    0x00, 0x08, 0x16, 0x1E, 0x26, 0x25, 0x2E, 0x36, 0x3D, 0x3E, 0x46, 0x45, 0x4E, 0x55, 0x66, 0x0D, //
    0x15, 0x1D, 0x24, 0x2D, 0x2C, 0x35, 0x3C, 0x43, 0x44, 0x4D, 0x54, 0x5B, 0x5A, 0x11, 0x1C, 0x1B, //
    0x23, 0x2B, 0x34, 0x33, 0x3B, 0x42, 0x4B, 0x4C, 0x52, 0x0E, 0x12, 0x5C, 0x1A, 0x22, 0x21, 0x2A, //
    0x32, 0x31, 0x3A, 0x41, 0x49, 0x4A, 0x59, 0x7E, 0x19, 0x29, 0x14, 0x07, 0x0F, 0x17, 0x1F, 0x27, //
    0x2F, 0x37, 0x3F, 0x47, 0x4F, 0x76, 0x5F, 0x6C, 0x75, 0x7D, 0x84, 0x6B, 0x73, 0x74, 0x7C, 0x69, //
    0x72, 0x7A, 0x70, 0x71, 0x57, 0x00, 0x13, 0x56, 0x5E, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, //
];

/// Set 3 codes of the extended keys, by set 1 code.
const SET3_EXTENDED: [(u8, u8); 19] = [
    (0x1C, 0x79), // keypad Enter
    (0x1D, 0x58), // right Ctrl
    (0x35, 0x77), // keypad /
    (0x37, 0x57), // Print Screen
    (0x38, 0x39), // right Alt
    (0x46, 0x62), // Break
    (0x47, 0x6E), // Home
    (0x48, 0x63), // up
    (0x49, 0x6F), // Page Up
    (0x4B, 0x61), // left
    (0x4D, 0x6A), // right
    (0x4F, 0x65), // End
    (0x50, 0x60), // down
    (0x51, 0x6D), // Page Down
    (0x52, 0x67), // Insert
    (0x53, 0x64), // Delete
    (0x5B, 0x8B), // left Windows
    (0x5C, 0x8C), // right Windows
    (0x5D, 0x8D), // Menu
];

/// The set 3 code of a key, if set 3 has it.
pub(super) fn set3(code: KeyCode) -> Option<u8> {
    if code == KeyCode::PAUSE {
        return Some(0x62);
    }
    let found = if code.extended() {
        SET3_EXTENDED.iter().find(|(set1, _)| *set1 == code.base()).map(|&(_, set3)| set3)
    } else {
        SET3_PLAIN.get(usize::from(code.base())).copied()
    };
    found.filter(|&set3| set3 != 0)
}

/// A set of set 3 codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CodeSet([u64; 4]);

impl CodeSet {
    pub(super) const NONE: Self = Self([0; 4]);
    pub(super) const ALL: Self = Self([u64::MAX; 4]);

    /// The set of these codes.
    const fn of(codes: &[u8]) -> Self {
        let mut set = [0u64; 4];
        let mut i = 0;
        while i < codes.len() {
            set[(codes[i] >> 6) as usize] |= 1 << (codes[i] & 63);
            i += 1;
        }
        Self(set)
    }

    pub(super) fn contains(&self, code: u8) -> bool {
        self.0[usize::from(code >> 6)] & (1 << (code & 63)) != 0
    }

    pub(super) fn set(&mut self, code: u8, member: bool) {
        let bit = 1 << (code & 63);
        let word = &mut self.0[usize::from(code >> 6)];
        *word = if member { *word | bit } else { *word & !bit };
    }
}

/// Keys of set 3 that send a break code by default: Caps Lock, the shifts, left Ctrl and left Alt.
pub(super) const SET3_DEFAULT_BREAKS: CodeSet = CodeSet::of(&[0x11, 0x12, 0x14, 0x19, 0x59]);

/// Keys of set 3 that neither repeat nor send a break code by default: Esc, F1-F12, Print Screen, Scroll Lock, Pause,
/// Insert, Home, End, Page Up and Down, right Ctrl and Alt, Num Lock, and the keypad without + and -.
const SET3_DEFAULT_MAKE_ONLY: CodeSet = CodeSet::of(&[
    0x08, 0x07, 0x0F, 0x17, 0x1F, 0x27, 0x2F, 0x37, 0x3F, 0x47, 0x4F, 0x56, 0x5E, 0x57, 0x5F, 0x62, 0x67, 0x6E, 0x65,
    0x6F, 0x6D, 0x58, 0x39, 0x76, 0x6C, 0x6B, 0x69, 0x77, 0x75, 0x73, 0x72, 0x70, 0x7E, 0x7D, 0x74, 0x7A, 0x71, 0x79,
    0x8B, 0x8C, 0x8D,
]);

/// Keys of set 3 that repeat by default: all others.
pub(super) fn set3_default_repeats() -> CodeSet {
    let mut repeats = CodeSet::ALL;
    for (word, (breaks, make_only)) in
        repeats.0.iter_mut().zip(SET3_DEFAULT_BREAKS.0.iter().zip(SET3_DEFAULT_MAKE_ONLY.0))
    {
        *word &= !(breaks | make_only);
    }
    repeats
}
