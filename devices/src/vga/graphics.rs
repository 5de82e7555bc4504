//! The graphics controller: how CPU reads and writes pass between the bus, the latches and the planes (IBM VGA
//! Technical Reference, "Graphics Controller Registers"; ports 3CEh/3CFh).
//!
//! A value for the four planes is one `u32`, plane n in bits 8n.

use serde::{Deserialize, Serialize};

/// Register indices.
pub mod reg {
    /// Set/reset.
    pub const SET_RESET: u8 = 0;
    /// Enable set/reset.
    pub const ENABLE_SET_RESET: u8 = 1;
    /// Colour compare.
    pub const COLOR_COMPARE: u8 = 2;
    /// Data rotate and function select.
    pub const ROTATE: u8 = 3;
    /// Read map select.
    pub const READ_MAP: u8 = 4;
    /// Mode.
    pub const MODE: u8 = 5;
    /// Miscellaneous.
    pub const MISC: u8 = 6;
    /// Colour don't care.
    pub const COLOR_DONT_CARE: u8 = 7;
    /// Bit mask.
    pub const BIT_MASK: u8 = 8;
}

/// Mode: read mode 1 (colour compare).
const MODE_READ1: u8 = 0x08;
/// Mode: odd/even addressing of CPU reads.
const MODE_ODD_EVEN: u8 = 0x10;
/// Mode: CGA style two-bit pixels.
const MODE_SHIFT_INTERLEAVE: u8 = 0x20;
/// Mode: four 8-bit pixels per fetch.
const MODE_SHIFT_256: u8 = 0x40;
/// Miscellaneous: graphics (0 = text).
const MISC_GRAPHICS: u8 = 0x01;

/// Writable bits of each register.
const WRITE_MASK: [u8; 16] = [0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF, 0, 0, 0, 0, 0, 0, 0];

/// How the serialisers turn the four planes into pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// One bit of each plane.
    Planar,
    /// Two bits at a time from the even, then the odd planes.
    Interleaved,
    /// A byte a pixel.
    Packed256,
}

/// Registers, index and latches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graphics {
    /// Address register (3CEh).
    pub index: u8,
    regs: [u8; 16],
    /// The read latches.
    pub latch: u32,
}

/// Bits 0-3 spread to whole plane bytes.
#[inline]
pub fn expand(bits: u8) -> u32 {
    const TABLE: [u32; 16] = [
        0x0000_0000,
        0x0000_00FF,
        0x0000_FF00,
        0x0000_FFFF,
        0x00FF_0000,
        0x00FF_00FF,
        0x00FF_FF00,
        0x00FF_FFFF,
        0xFF00_0000,
        0xFF00_00FF,
        0xFF00_FF00,
        0xFF00_FFFF,
        0xFFFF_0000,
        0xFFFF_00FF,
        0xFFFF_FF00,
        0xFFFF_FFFF,
    ];
    TABLE[(bits & 15) as usize]
}

#[inline]
fn splat(byte: u8) -> u32 {
    u32::from(byte) * 0x0101_0101
}

impl Graphics {
    /// Register `index`; those that do not exist read 0.
    pub fn get(&self, index: u8) -> u8 {
        if index < 16 { self.regs[(index & 15) as usize] } else { 0 }
    }

    /// Writes the register at the address register; true when it changed.
    pub fn set(&mut self, value: u8) -> bool {
        if self.index >= 16 {
            return false;
        }
        let i = (self.index & 15) as usize;
        let value = value & WRITE_MASK[i];
        std::mem::replace(&mut self.regs[i], value) != value
    }

    /// Graphics rather than text.
    pub fn graphics_mode(&self) -> bool {
        self.get(reg::MISC) & MISC_GRAPHICS != 0
    }

    /// Memory map select: 0 A0000h 128 KiB, 1 A0000h 64 KiB, 2 B0000h 32 KiB, 3 B8000h 32 KiB.
    pub fn memory_map(&self) -> u8 {
        self.get(reg::MISC) >> 2 & 3
    }

    /// Odd/even addressing of CPU reads.
    pub fn odd_even_read(&self) -> bool {
        self.get(reg::MODE) & MODE_ODD_EVEN != 0
    }

    /// How pixels are made.
    pub fn shift(&self) -> Shift {
        let mode = self.get(reg::MODE);
        if mode & MODE_SHIFT_256 != 0 {
            Shift::Packed256
        } else if mode & MODE_SHIFT_INTERLEAVE != 0 {
            Shift::Interleaved
        } else {
            Shift::Planar
        }
    }

    /// What the CPU reads when the latches were just loaded; `plane` is the plane that read mode 0 returns.
    #[inline]
    pub fn read_data(&self, plane: u8) -> u8 {
        if self.get(reg::MODE) & MODE_READ1 == 0 {
            return (self.latch >> (u32::from(plane & 3) * 8)) as u8;
        }
        let care = expand(self.get(reg::COLOR_DONT_CARE));
        let differs = (self.latch ^ expand(self.get(reg::COLOR_COMPARE))) & care;
        let folded = differs | differs >> 16;
        !((folded | folded >> 8) as u8)
    }

    /// Whether CPU data reaches the planes unchanged.
    #[inline]
    pub fn is_plain_write(&self) -> bool {
        self.get(reg::MODE) & 3 == 0
            && self.get(reg::ROTATE) == 0
            && self.get(reg::BIT_MASK) == 0xFF
            && self.get(reg::ENABLE_SET_RESET) == 0
    }

    /// What a CPU write of `value` puts on the four planes, before the map mask.
    #[inline]
    pub fn write_data(&self, value: u8) -> u32 {
        let rotate = self.get(reg::ROTATE);
        let set_reset = expand(self.get(reg::SET_RESET));
        let bit_mask = self.get(reg::BIT_MASK);
        let (data, mask) = match self.get(reg::MODE) & 3 {
            0 => {
                let enable = expand(self.get(reg::ENABLE_SET_RESET));
                let data = splat(value.rotate_right(u32::from(rotate & 7)));
                ((data & !enable) | (set_reset & enable), splat(bit_mask))
            }
            1 => return self.latch,
            2 => (expand(value), splat(bit_mask)),
            _ => (set_reset, splat(value.rotate_right(u32::from(rotate & 7)) & bit_mask)),
        };
        let mixed = match rotate >> 3 & 3 {
            0 => data,
            1 => data & self.latch,
            2 => data | self.latch,
            _ => data ^ self.latch,
        };
        (mixed & mask) | (self.latch & !mask)
    }
}
