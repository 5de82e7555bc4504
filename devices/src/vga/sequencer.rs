//! The sequencer: plane write mask, character map selection, memory mode, dot clock division (IBM VGA Technical
//! Reference, "Sequencer Registers"; ports 3C4h/3C5h).

use serde::{Deserialize, Serialize};

/// Register indices.
pub mod reg {
    /// Reset.
    pub const RESET: u8 = 0;
    /// Clocking mode.
    pub const CLOCKING: u8 = 1;
    /// Map mask.
    pub const MAP_MASK: u8 = 2;
    /// Character map select.
    pub const CHAR_MAP: u8 = 3;
    /// Memory mode.
    pub const MEMORY_MODE: u8 = 4;
}

/// Both reset bits released: the sequencer runs.
const RESET_RELEASED: u8 = 0x03;
/// Clocking mode: 8 dots a character instead of 9.
const CLOCKING_8DOT: u8 = 0x01;
/// Clocking mode: dot clock divided by two.
const CLOCKING_HALF: u8 = 0x08;
/// Clocking mode: screen off.
const CLOCKING_SCREEN_OFF: u8 = 0x20;
/// Memory mode: sequential (0 = odd/even) addressing.
const MEMORY_SEQUENTIAL: u8 = 0x04;
/// Memory mode: address bits 0 and 1 choose the plane.
const MEMORY_CHAIN4: u8 = 0x08;

/// Writable bits of each register.
const WRITE_MASK: [u8; 8] = [0x03, 0x3D, 0x0F, 0x3F, 0x0E, 0, 0, 0];

/// Registers and index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequencer {
    /// Address register (3C4h).
    pub index: u8,
    regs: [u8; 8],
}

impl Sequencer {
    /// Register `index`; those that do not exist read 0.
    pub fn get(&self, index: u8) -> u8 {
        if index < 8 { self.regs[(index & 7) as usize] } else { 0 }
    }

    /// Writes the register at the address register; true when it changed.
    pub fn set(&mut self, value: u8) -> bool {
        if self.index >= 8 {
            return false;
        }
        let i = (self.index & 7) as usize;
        let value = value & WRITE_MASK[i];
        std::mem::replace(&mut self.regs[i], value) != value
    }

    /// Planes that the CPU writes, bit per plane.
    pub fn map_mask(&self) -> u8 {
        self.get(reg::MAP_MASK)
    }

    /// Chain-4 addressing.
    pub fn chain4(&self) -> bool {
        self.get(reg::MEMORY_MODE) & MEMORY_CHAIN4 != 0
    }

    /// Odd/even addressing of CPU writes.
    pub fn odd_even(&self) -> bool {
        self.get(reg::MEMORY_MODE) & MEMORY_SEQUENTIAL == 0
    }

    /// Dots of one character clock.
    pub fn char_dots(&self) -> u32 {
        if self.get(reg::CLOCKING) & CLOCKING_8DOT != 0 { 8 } else { 9 }
    }

    /// Whether a dot takes two dot clocks.
    pub fn half_clock(&self) -> bool {
        self.get(reg::CLOCKING) & CLOCKING_HALF != 0
    }

    /// Whether the screen is switched off or the sequencer held in reset.
    pub fn blanked(&self) -> bool {
        self.get(reg::CLOCKING) & CLOCKING_SCREEN_OFF != 0 || self.get(reg::RESET) & RESET_RELEASED != RESET_RELEASED
    }

    /// Plane 2 offset of the font of characters whose attribute bit 3 is `intense`.
    pub fn font_offset(&self, intense: bool) -> u32 {
        let v = u32::from(self.get(reg::CHAR_MAP));
        let map = if intense { (v >> 2 & 3) | (v >> 3 & 4) } else { (v & 3) | (v >> 2 & 4) };
        (map & 3) * 0x4000 + (map >> 2) * 0x2000
    }
}
