//! The US keyboard: for each scan code of set 1, the words INT 16h gives plain, with Shift, Ctrl and Alt.
//!
//! IBM PC AT and PS/2 BIOS Interface Technical References, "Keyboard", character codes; word = scan code in the high
//! byte, character in the low. Zero: no key. The keypad and the keys with an E0 prefix have tables of their own.

/// Plain, Shift, Ctrl, Alt.
pub type Row = [u16; 4];

/// The first and last scan code of [`main_keys`].
pub const LAST: u8 = 0x58;

/// The keys by scan code, from 0.
pub fn main_keys() -> Vec<Row> {
    let mut t = vec![[0u16; 4]; usize::from(LAST) + 1];
    let mut set = |scan: u8, row: Row| {
        if let Some(slot) = t.get_mut(usize::from(scan)) {
            *slot = row;
        }
    };
    set(0x01, [0x011B, 0x011B, 0x011B, 0x0100]);
    // Digits row: shifted characters, the control codes that exist, Alt gives 78h on.
    for (n, (plain, shift)) in b"1234567890-=".iter().zip(b"!@#$%^&*()_+").enumerate() {
        let scan = 2 + n as u8;
        let s = u16::from(scan) << 8;
        let ctrl = match plain {
            b'2' => 0x0300,
            b'6' => 0x071E,
            b'-' => 0x0C1F,
            _ => 0,
        };
        set(scan, [s | u16::from(*plain), s | u16::from(*shift), ctrl, 0x7800 + ((n as u16) << 8)]);
    }
    set(0x0E, [0x0E08, 0x0E08, 0x0E7F, 0x0E00]);
    set(0x0F, [0x0F09, 0x0F00, 0x9400, 0xA500]);
    for (first, letters) in [(0x10u8, "qwertyuiop"), (0x1E, "asdfghjkl"), (0x2C, "zxcvbnm")] {
        for (n, c) in letters.bytes().enumerate() {
            let scan = first + n as u8;
            let s = u16::from(scan) << 8;
            let upper = u16::from(c.to_ascii_uppercase());
            set(scan, [s | u16::from(c), s | upper, s | (upper & 0x1F), s]);
        }
    }
    set(0x1A, [0x1A5B, 0x1A7B, 0x1A1B, 0x1A00]);
    set(0x1B, [0x1B5D, 0x1B7D, 0x1B1D, 0x1B00]);
    set(0x1C, [0x1C0D, 0x1C0D, 0x1C0A, 0x1C00]);
    set(0x27, [0x273B, 0x273A, 0, 0x2700]);
    set(0x28, [0x2827, 0x2822, 0, 0x2800]);
    set(0x29, [0x2960, 0x297E, 0, 0x2900]);
    set(0x2B, [0x2B5C, 0x2B7C, 0x2B1C, 0x2B00]);
    set(0x33, [0x332C, 0x333C, 0, 0x3300]);
    set(0x34, [0x342E, 0x343E, 0, 0x3400]);
    set(0x35, [0x352F, 0x353F, 0, 0x3500]);
    set(0x37, [0x372A, 0x372A, 0x9600, 0x3700]);
    set(0x39, [0x3920, 0x3920, 0x3920, 0x3920]);
    for n in 0..10u16 {
        set(0x3B + n as u8, [(0x3B + n) << 8, (0x54 + n) << 8, (0x5E + n) << 8, (0x68 + n) << 8]);
    }
    // The keypad: Shift column = with Num Lock; Alt with digits is the character entry and handled apart.
    let pad: [(u8, u16); 13] = [
        (b'7', 0x7700),
        (b'8', 0x8D00),
        (b'9', 0x8400),
        (b'-', 0x8E00),
        (b'4', 0x7300),
        (b'5', 0x8F00),
        (b'6', 0x7400),
        (b'+', 0x9000),
        (b'1', 0x7500),
        (b'2', 0x9100),
        (b'3', 0x7600),
        (b'0', 0x9200),
        (b'.', 0x9300),
    ];
    for (n, (c, ctrl)) in pad.iter().enumerate() {
        let s = (0x47 + n as u16) << 8;
        let digit = s | u16::from(*c);
        let row = match c {
            b'-' | b'+' => [digit, digit, *ctrl, s],
            b'5' => [s | 0xF0, digit, *ctrl, 0],
            _ => [s, digit, *ctrl, 0],
        };
        set(0x47 + n as u8, row);
    }
    set(0x56, [0x565C, 0x567C, 0, 0]);
    set(0x57, [0x8500, 0x8700, 0x8900, 0x8B00]);
    set(0x58, [0x8600, 0x8800, 0x8A00, 0x8C00]);
    t
}

/// Keys with an E0 prefix: scan code, then the row.
pub const EXTENDED: &[(u8, Row)] = &[
    (0x1C, [0xE00D, 0xE00D, 0xE00A, 0xA600]),
    (0x35, [0xE02F, 0xE02F, 0x9500, 0xA400]),
    (0x47, [0x47E0, 0x47E0, 0x77E0, 0x9700]),
    (0x48, [0x48E0, 0x48E0, 0x8DE0, 0x9800]),
    (0x49, [0x49E0, 0x49E0, 0x84E0, 0x9900]),
    (0x4B, [0x4BE0, 0x4BE0, 0x73E0, 0x9B00]),
    (0x4D, [0x4DE0, 0x4DE0, 0x74E0, 0x9D00]),
    (0x4F, [0x4FE0, 0x4FE0, 0x75E0, 0x9F00]),
    (0x50, [0x50E0, 0x50E0, 0x91E0, 0xA000]),
    (0x51, [0x51E0, 0x51E0, 0x76E0, 0xA100]),
    (0x52, [0x52E0, 0x52E0, 0x92E0, 0xA200]),
    (0x53, [0x53E0, 0x53E0, 0x93E0, 0xA300]),
];
