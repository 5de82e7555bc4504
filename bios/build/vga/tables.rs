//! Tables of the VGA BIOS: register values of the modes, palettes, static functionality, save pointers.
//!
//! IBM VGA register values as in the PS/2 Hardware Interface Technical Reference, "Video Subsystem". An entry of the video
//! parameter table is 64 bytes: columns, rows less one, character height, page size (word), sequencer 1-4,
//! miscellaneous output, CRTC 0-18h, attribute controller 0-13h, graphics controller 0-8.

use crate::asm16::*;

/// Segment the ROM runs in.
pub const ROM_SEG: u16 = 0xC000;

/// A video parameter table entry, grouped.
struct Mode {
    cols: u8,
    rows: u8,
    height: u8,
    page: u16,
    sequencer: [u8; 4],
    misc: u8,
    crtc: [u8; 25],
    attribute: [u8; 20],
    graphics: [u8; 9],
}

/// CRTC horizontal timing of 40 and 80 columns, text and graphics.
const H40_TEXT: [u8; 6] = [0x2D, 0x27, 0x28, 0x90, 0x2B, 0xA0];
const H80_TEXT: [u8; 6] = [0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81];
const H40_GRAPHICS: [u8; 6] = [0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80];
const H80_GRAPHICS: [u8; 6] = [0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80];

/// Vertical timing: CRTC 6, 7; 10h, 11h, 12h; 15h, 16h.
struct Vertical([u8; 2], [u8; 3], [u8; 2]);
const V400: Vertical = Vertical([0xBF, 0x1F], [0x9C, 0x8E, 0x8F], [0x96, 0xB9]);
const V350: Vertical = Vertical([0xBF, 0x1F], [0x83, 0x85, 0x5D], [0x63, 0xBA]);
const V480: Vertical = Vertical([0x0B, 0x3E], [0xEA, 0x8C, 0xDF], [0xE7, 0x04]);

/// CRTC registers: timing, maximum scan line, cursor shape, offset, underline, mode control.
fn crtc(h: [u8; 6], v: &Vertical, max_scan: u8, cursor: [u8; 2], offset: u8, underline: u8, mode: u8) -> [u8; 25] {
    let [h0, h1, h2, h3, h4, h5] = h;
    let Vertical([v6, v7], [v10, v11, v12], [v15, v16]) = *v;
    [
        h0, h1, h2, h3, h4, h5, v6, v7, 0, max_scan, cursor[0], cursor[1], 0, 0, 0, 0, v10, v11, v12, offset,
        underline, v15, v16, mode, 0xFF,
    ]
}

/// Attribute registers: palette, mode control, plane enable, panning.
fn attribute(palette: [u8; 16], mode: u8, planes: u8, panning: u8) -> [u8; 20] {
    let mut regs = [0; 20];
    regs[..16].copy_from_slice(&palette);
    regs[16] = mode;
    regs[18] = planes;
    regs[19] = panning;
    regs
}

fn graphics(mode: u8, misc: u8, care: u8) -> [u8; 9] {
    [0, 0, 0, 0, 0, mode, misc, care, 0xFF]
}

/// Palette registers for the 64-colour DAC table.
const PALETTE_EGA: [u8; 16] = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F];
/// Palette registers for the 16-colour DAC table of 200-line modes.
const PALETTE_CGA: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17];
const PALETTE_CGA4: [u8; 16] = [0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17];
const PALETTE_CGA2: [u8; 16] =
    [0, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17];
const PALETTE_MONO: [u8; 16] = [0, 8, 8, 8, 8, 8, 8, 8, 0x10, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18];
const PALETTE_MONO_GRAPHICS: [u8; 16] = [0, 8, 0, 0, 0x18, 0x18, 0, 0, 0, 8, 0, 0, 0, 0x18, 0, 0];
const PALETTE_2: [u8; 16] = [0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F];
const PALETTE_DIRECT: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// A text mode of `height`-line characters.
fn text(cols: u8, height: u8) -> Mode {
    let wide = cols == 80;
    let h = if wide { H80_TEXT } else { H40_TEXT };
    let (v, max_scan, cursor, misc) = match height {
        8 => (&V400, 0xC7, [6, 7], 0x63),
        14 => (&V350, 0x4D, [0x0B, 0x0C], 0xA3),
        _ => (&V400, 0x4F, [0x0D, 0x0E], 0x67),
    };
    let nine = height == 16;
    let palette = if height == 8 { PALETTE_CGA } else { PALETTE_EGA };
    Mode {
        cols,
        rows: 24,
        height,
        page: if wide { 0x1000 } else { 0x800 },
        sequencer: [if wide { 0 } else { 8 } | u8::from(!nine), 3, 0, 2],
        misc,
        crtc: crtc(h, v, max_scan, cursor, cols / 2, 0x1F, 0xA3),
        attribute: attribute(palette, if nine { 0x0C } else { 0x08 }, 0x0F, if nine { 8 } else { 0 }),
        graphics: graphics(0x10, 0x0E, 0),
    }
}

/// Monochrome text.
fn mono(height: u8) -> Mode {
    let base = text(80, 16);
    let (v, max_scan, cursor, misc, underline) = match height {
        14 => (&V350, 0x4D, [0x0B, 0x0C], 0xA6, 0x0D),
        _ => (&V400, 0x4F, [0x0D, 0x0E], 0x66, 0x0F),
    };
    Mode {
        height,
        misc,
        crtc: crtc(H80_TEXT, v, max_scan, cursor, 0x28, underline, 0xA3),
        attribute: attribute(PALETTE_MONO, 0x0E, 0x0F, 8),
        graphics: graphics(0x10, 0x0A, 0),
        ..base
    }
}

/// Modes 4 and 5.
fn cga4() -> Mode {
    Mode {
        cols: 40,
        rows: 24,
        height: 8,
        page: 0x4000,
        sequencer: [9, 3, 0, 2],
        misc: 0x63,
        crtc: crtc(H40_GRAPHICS, &V400, 0xC1, [0, 0], 0x14, 0, 0xA2),
        attribute: attribute(PALETTE_CGA4, 1, 3, 0),
        graphics: graphics(0x30, 0x0F, 0x0F),
    }
}

/// Mode 6.
fn cga2() -> Mode {
    Mode {
        cols: 80,
        sequencer: [1, 1, 0, 6],
        crtc: crtc(H80_GRAPHICS, &V400, 0xC1, [0, 0], 0x28, 0, 0xC2),
        attribute: attribute(PALETTE_CGA2, 1, 1, 0),
        graphics: graphics(0, 0x0D, 0x0F),
        ..cga4()
    }
}

/// Planar 16-colour graphics.
fn planar(cols: u8, lines: u16) -> Mode {
    let wide = cols == 80;
    let (v, max_scan, height, rows, page, misc, underline, palette) = match lines {
        200 => (&V400, 0xC0, 8, 24, if wide { 0x4000 } else { 0x2000 }, 0x63, 0, PALETTE_CGA),
        350 => (&V350, 0x40, 14, 24, 0x8000, 0xA3, 0x0F, PALETTE_EGA),
        _ => (&V480, 0x40, 16, 29, 0xA000, 0xE3, 0, PALETTE_EGA),
    };
    let h = if wide { H80_GRAPHICS } else { H40_GRAPHICS };
    Mode {
        cols,
        rows,
        height,
        page,
        sequencer: [if wide { 1 } else { 9 }, 0x0F, 0, 6],
        misc,
        crtc: crtc(h, v, max_scan, [0, 0], cols / 2, underline, 0xE3),
        attribute: attribute(palette, 1, 0x0F, 0),
        graphics: graphics(0, 5, 0x0F),
    }
}

/// Mode 0Fh.
fn mono_graphics() -> Mode {
    Mode {
        misc: 0xA2,
        attribute: attribute(PALETTE_MONO_GRAPHICS, 0x0B, 5, 0),
        graphics: graphics(0, 5, 5),
        ..planar(80, 350)
    }
}

/// Mode 11h.
fn two_color() -> Mode {
    let base = planar(80, 480);
    let mut crtc = base.crtc;
    crtc[0x17] = 0xC3;
    Mode { crtc, attribute: attribute(PALETTE_2, 1, 0x0F, 0), graphics: graphics(0, 5, 1), ..base }
}

/// Mode 13h.
fn linear() -> Mode {
    Mode {
        cols: 40,
        rows: 24,
        height: 8,
        page: 0x2000,
        sequencer: [1, 0x0F, 0, 0x0E],
        misc: 0x63,
        crtc: crtc(H80_GRAPHICS, &V400, 0x41, [0, 0], 0x28, 0x40, 0xA3),
        attribute: attribute(PALETTE_DIRECT, 0x41, 0x0F, 0),
        graphics: graphics(0x40, 5, 0x0F),
    }
}

/// The video parameter table in IBM's order. Entries 8-0Ch, the PCjr's, repeat mode 4.
fn parameters() -> [Mode; 29] {
    [
        text(40, 8),
        text(40, 8),
        text(80, 8),
        text(80, 8),
        cga4(),
        cga4(),
        cga2(),
        mono(14),
        cga4(),
        cga4(),
        cga4(),
        cga4(),
        cga4(),
        planar(40, 200),
        planar(80, 200),
        mono_graphics(),
        planar(80, 350),
        mono_graphics(),
        planar(80, 350),
        text(40, 14),
        text(40, 14),
        text(80, 14),
        text(80, 14),
        text(40, 16),
        text(80, 16),
        mono(16),
        two_color(),
        planar(80, 480),
        linear(),
    ]
}

/// DAC components of the 64 colours rgbRGB.
fn dac_ega() -> Vec<u8> {
    (0..64u8).flat_map(|i| [2, 1, 0].map(|bit| (i >> bit & 1) * 0x2A + (i >> (bit + 3) & 1) * 0x15)).collect()
}

/// DAC components for 200-line modes: eight colours, and brighter with bit 4.
fn dac_cga() -> Vec<u8> {
    (0..64u8)
        .flat_map(|i| {
            let bright = i >> 4 & 1;
            if i & 0x17 == 6 {
                return [0x2A, 0x15, 0];
            }
            [2, 1, 0].map(|bit| (i >> bit & 1) * 0x2A + bright * 0x15)
        })
        .collect()
}

/// DAC components for monochrome modes.
fn dac_mono() -> Vec<u8> {
    (0..64u8).flat_map(|i| [[0, 0x2A, 0, 0x3F][usize::from(i >> 3 & 3)]; 3]).collect()
}

/// DAC components of mode 13h: 16 colours, 16 greys, nine circles of 24 hues.
fn dac_256() -> Vec<u8> {
    const GREYS: [u8; 16] = [0, 5, 8, 11, 14, 17, 20, 24, 28, 32, 36, 40, 45, 50, 56, 63];
    const RAMPS: [[u8; 5]; 9] = [
        [0x00, 0x10, 0x1F, 0x2F, 0x3F],
        [0x1F, 0x27, 0x2F, 0x37, 0x3F],
        [0x2D, 0x31, 0x36, 0x3A, 0x3F],
        [0x00, 0x07, 0x0E, 0x15, 0x1C],
        [0x0E, 0x11, 0x15, 0x18, 0x1C],
        [0x14, 0x16, 0x18, 0x1A, 0x1C],
        [0x00, 0x04, 0x08, 0x0C, 0x10],
        [0x08, 0x0A, 0x0C, 0x0E, 0x10],
        [0x0B, 0x0C, 0x0D, 0x0F, 0x10],
    ];
    let ega = dac_ega();
    let mut dac: Vec<u8> = PALETTE_EGA.iter().flat_map(|&i| ega[usize::from(i) * 3..][..3].to_vec()).collect();
    dac.extend(GREYS.iter().flat_map(|&g| [g; 3]));
    for ramp in RAMPS {
        // From blue through red, yellow, green and cyan back.
        for hue in 0..24usize {
            let level = |shift: usize| {
                let at = (hue + shift) % 24;
                ramp[match at {
                    0..=4 => at,
                    5..=12 => 4,
                    13..=16 => 16 - at,
                    _ => 0,
                }]
            };
            dac.extend([level(0), level(16), level(8)]);
        }
    }
    dac.resize(768, 0);
    dac
}

/// Emits the tables.
pub fn emit(a: &mut Asm16) {
    a.label("parameter_table");
    for m in parameters() {
        a.db(&[m.cols, m.rows, m.height]);
        a.dw(&[m.page]);
        a.db(&m.sequencer);
        a.db(&[m.misc]);
        a.db(&m.crtc);
        a.db(&m.attribute);
        a.db(&m.graphics);
    }
    a.label("dac_ega");
    a.db(&dac_ega());
    a.label("dac_cga");
    a.db(&dac_cga());
    a.label("dac_mono");
    a.db(&dac_mono());
    a.label("dac_256");
    a.db(&dac_256());
    // For each mode 0-13h: entry of the parameter table (text: 400 lines), kind of memory, DAC table, CGA registers.
    a.label("mode_entry");
    a.db(&[0x17, 0x17, 0x18, 0x18, 4, 5, 6, 0x19, 0, 0, 0, 0, 0, 0x0D, 0x0E, 0x11, 0x12, 0x1A, 0x1B, 0x1C]);
    a.label("mode_class");
    a.db(&[0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 3]);
    a.label("mode_dac");
    for mode in 0..0x14 {
        a.dw_at(match mode {
            4..=6 | 0x0D | 0x0E => "dac_cga",
            7 | 0x0F => "dac_mono",
            0x13 => "dac_256",
            _ => "dac_ega",
        });
    }
    a.label("cga_mode_values");
    a.db(&[0x2C, 0x28, 0x2D, 0x29, 0x2A, 0x2E, 0x1E, 0x29]);
    save_pointers(a);
    a.label("static_functionality");
    // Modes 0-7, 8-0Fh, 10h-17h; then scan lines, font blocks and what the functions can do.
    a.db(&[0xFF, 0xE0, 0x0F, 0, 0, 0, 0, 7, 2, 8, 0xE7, 0x0C, 0, 0, 0, 0]);
}

/// The save pointer table (40:A8), its second table, and the display combination codes.
fn save_pointers(a: &mut Asm16) {
    a.label("save_table");
    a.far_ptr(ROM_SEG, "parameter_table");
    a.dd(&[0, 0, 0]);
    a.far_ptr(ROM_SEG, "save_table2");
    a.dd(&[0, 0]);
    a.label("save_table2");
    a.dw(&[26]);
    a.far_ptr(ROM_SEG, "dcc_table");
    a.dd(&[0, 0, 0, 0, 0]);
    // Entries, version, highest code; then pairs of display codes.
    a.label("dcc_table");
    a.db(&[16, 1, 8, 0]);
    a.db(&[0, 0, 0, 1, 0, 2, 2, 1, 0, 4, 4, 1, 0, 5, 2, 5, 0, 6, 1, 6, 5, 6, 0, 8, 1, 8, 0, 7, 2, 7, 6, 8]);
}
