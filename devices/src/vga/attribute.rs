//! The attribute controller: 16-entry palette, blinking, pel panning (IBM VGA Technical Reference, "Attribute
//! Controller Registers"; port 3C0h with its flip-flop, 3C1h).
//!
//! Palette registers accept writes whether or not the palette address source bit gives them to the CPU.

use serde::{Deserialize, Serialize};

/// Register indices.
pub mod reg {
    /// Mode control.
    pub const MODE: u8 = 0x10;
    /// Overscan colour.
    pub const OVERSCAN: u8 = 0x11;
    /// Colour plane enable.
    pub const PLANE_ENABLE: u8 = 0x12;
    /// Horizontal pel panning.
    pub const PANNING: u8 = 0x13;
    /// Colour select.
    pub const COLOR_SELECT: u8 = 0x14;
}

/// Index: the palette drives the screen (0 = the CPU owns it and the screen is blank).
const PALETTE_SOURCE: u8 = 0x20;
/// Mode control: ninth dot of C0h-DFh repeats the eighth.
const MODE_LINE_GRAPHICS: u8 = 0x04;
/// Mode control: attribute bit 7 blinks.
const MODE_BLINK: u8 = 0x08;
/// Mode control: line compare resets pel panning.
const MODE_PAN_SPLIT: u8 = 0x20;
/// Mode control: 8-bit pixels.
const MODE_256: u8 = 0x40;
/// Mode control: colour select replaces palette bits 4 and 5.
const MODE_P54: u8 = 0x80;

/// Registers, index and flip-flop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    index: u8,
    /// The next write to 3C0h is data.
    pub data_phase: bool,
    regs: [u8; 32],
}

impl Attribute {
    /// Register `index` (5 bits).
    pub fn get(&self, index: u8) -> u8 {
        self.regs[(index & 31) as usize]
    }

    /// The address register as port 3C0h reads it.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// A write to port 3C0h; true when the picture may have changed.
    pub fn write(&mut self, value: u8) -> bool {
        let was_data = self.data_phase;
        self.data_phase = !was_data;
        if !was_data {
            let changed = (self.index ^ value) & PALETTE_SOURCE != 0;
            self.index = value & 0x3F;
            return changed;
        }
        let i = (self.index & 31) as usize;
        let mask = match i {
            0x00..=0x0F | 0x12 => 0x3F,
            0x10 => 0xEF,
            0x11 => 0xFF,
            0x13 | 0x14 => 0x0F,
            _ => 0,
        };
        std::mem::replace(&mut self.regs[i], value & mask) != value & mask
    }

    /// Whether the CPU owns the palette, which blanks the screen.
    pub fn blanked(&self) -> bool {
        self.index & PALETTE_SOURCE == 0
    }

    /// Attribute bit 7 means blinking.
    pub fn blink(&self) -> bool {
        self.get(reg::MODE) & MODE_BLINK != 0
    }

    /// The ninth dot of line-drawing characters repeats the eighth.
    pub fn line_graphics(&self) -> bool {
        self.get(reg::MODE) & MODE_LINE_GRAPHICS != 0
    }

    /// Pixels are 8 bits wide.
    pub fn is_256(&self) -> bool {
        self.get(reg::MODE) & MODE_256 != 0
    }

    /// Pel panning stops at the line compare.
    pub fn pan_stops_at_split(&self) -> bool {
        self.get(reg::MODE) & MODE_PAN_SPLIT != 0
    }

    /// Dots by which the picture shifts left, for characters of `char_dots`.
    pub fn panning(&self, char_dots: u32) -> u32 {
        let pan = u32::from(self.get(reg::PANNING));
        match (char_dots, pan) {
            (9, 8..) => 0,
            (9, n) => n + 1,
            (_, n) => n & 7,
        }
    }

    /// The DAC index of a 4-bit pixel.
    pub fn dac_index(&self, pixel: u8) -> u8 {
        let entry = self.get(pixel & self.get(reg::PLANE_ENABLE) & 15) & 0x3F;
        let select = self.get(reg::COLOR_SELECT);
        let low = if self.get(reg::MODE) & MODE_P54 != 0 { (entry & 0x0F) | (select & 3) << 4 } else { entry };
        low | (select & 0x0C) << 4
    }

    /// Bits 4 and 5 of input status 1: two bits of the border colour, chosen by colour plane enable.
    pub fn video_feedback(&self) -> u8 {
        let color = self.get(reg::OVERSCAN);
        let (high, low) = match self.get(reg::PLANE_ENABLE) >> 4 & 3 {
            0 => (color >> 2, color),
            1 => (color >> 5, color >> 4),
            2 => (color >> 3, color >> 1),
            _ => (color >> 7, color >> 6),
        };
        (high & 1) << 5 | (low & 1) << 4
    }
}
