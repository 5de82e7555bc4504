//! The configuration space of the VGA, 1234:1111 at 00:02.0: a VGA-compatible controller with its linear frame buffer
//! in BAR 0 and its firmware in the expansion ROM register.

use super::config::{COMMAND_IO, COMMAND_MEMORY, ConfigSpace, Field, INTERRUPT_LINE, identity};
use serde::{Deserialize, Serialize};

const BAR0: u8 = 0x10;
const ROM: u8 = 0x30;
/// Expansion ROM register: decode enable.
const ROM_ENABLE: u32 = 1;

const IDENTITY: [Field; 3] = identity(0x1234, 0x1111, 0x030000, 0x02, 0x00);
const REGISTERS: [Field; 4] = [
    Field::command_status(0x0000, 0x0003, 0x0000),
    Field::new(BAR0, 4, 8, 0xFFFF_FFF0), // prefetchable memory; the size is applied on top
    Field::new(ROM, 4, 0, 0xFFFF_F801),
    Field::new(INTERRUPT_LINE, 1, 0, 0xFF),
];
const LAYOUT: [&[Field]; 2] = [&IDENTITY, &REGISTERS];

/// The VGA's PCI function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VgaFunction {
    config: ConfigSpace,
    framebuffer_len: u32,
    rom_len: u32,
}

impl VgaFunction {
    /// A function whose frame buffer and ROM (0: none) have these sizes, rounded up to powers of two.
    pub fn new(framebuffer_len: u32, rom_len: u32) -> Self {
        let round = |len: u32, least: u32| len.max(least).checked_next_power_of_two().unwrap_or(1 << 31);
        Self {
            config: ConfigSpace::new(&LAYOUT),
            framebuffer_len: round(framebuffer_len, 16),
            rom_len: if rom_len == 0 { 0 } else { round(rom_len, 2048) },
        }
    }

    pub(super) fn reset(&mut self) {
        self.config = ConfigSpace::new(&LAYOUT);
    }

    pub(super) fn get(&self, offset: u8) -> u8 {
        self.config.get(offset)
    }

    /// Writes a byte; returns whether something moved.
    pub(super) fn write(&mut self, offset: u8, value: u8) -> bool {
        let old = (self.framebuffer(), self.rom());
        // Address bits below the size are not there.
        let fixed = match offset {
            0x10..=0x13 => self.framebuffer_len.wrapping_sub(1),
            0x30..=0x33 if self.rom_len == 0 => u32::MAX,
            0x30..=0x33 => self.rom_len.wrapping_sub(1) & !ROM_ENABLE,
            _ => 0,
        };
        self.config.write(&LAYOUT, offset, value & !(fixed >> (8 * u32::from(offset & 3))) as u8);
        (self.framebuffer(), self.rom()) != old
    }

    /// Physical address of the frame buffer, when it is mapped.
    pub fn framebuffer(&self) -> Option<u64> {
        let base = self.config.get32(BAR0) & !0xF;
        (self.config.enabled(COMMAND_MEMORY) && base != 0).then_some(u64::from(base))
    }

    /// Physical address of the ROM, when it is mapped.
    pub fn rom(&self) -> Option<u64> {
        let value = self.config.get32(ROM);
        let base = value & !0x7FF;
        (self.config.enabled(COMMAND_MEMORY) && value & ROM_ENABLE != 0 && base != 0).then_some(u64::from(base))
    }

    /// Whether the VGA's I/O ports are enabled.
    pub fn io_enabled(&self) -> bool {
        self.config.enabled(COMMAND_IO)
    }
}
