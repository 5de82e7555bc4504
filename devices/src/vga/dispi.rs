//! The "display interface" of the Bochs VBE adapter, version B0C5h: an index and a data port, both 16 bits wide, at
//! 1CEh and 1CFh. It switches from the VGA's own scan-out to linear modes of 8 to 32 bits a pixel (or planar 4).
//!
//! Documented in the header of the "VBE DISPI" section of the Bochs VGA BIOS manual. Resolution registers are accepted
//! while a mode is enabled and are clamped to what the memory can hold.

use super::vram::VRAM_SIZE;
use serde::{Deserialize, Serialize};

/// Register indices.
pub mod reg {
    /// Interface version.
    pub const ID: u16 = 0;
    /// Horizontal resolution.
    pub const XRES: u16 = 1;
    /// Vertical resolution.
    pub const YRES: u16 = 2;
    /// Bits per pixel: 4, 8, 15, 16, 24, 32.
    pub const BPP: u16 = 3;
    /// Enable and flags.
    pub const ENABLE: u16 = 4;
    /// 64 KiB bank at A0000h.
    pub const BANK: u16 = 5;
    /// Pixels from one line to the next.
    pub const VIRT_WIDTH: u16 = 6;
    /// Lines the memory holds (read only).
    pub const VIRT_HEIGHT: u16 = 7;
    /// First pixel shown.
    pub const X_OFFSET: u16 = 8;
    /// First line shown.
    pub const Y_OFFSET: u16 = 9;
    /// Memory in units of 64 KiB (read only).
    pub const VIDEO_MEMORY_64K: u16 = 10;
}

/// Newest interface version.
const ID_LATEST: u16 = 0xB0C5;
/// Oldest interface version.
const ID_FIRST: u16 = 0xB0C0;
/// Enable: the mode is on.
const ENABLED: u16 = 0x01;
/// Enable: resolution registers read the maxima.
const GET_CAPS: u16 = 0x02;
/// Enable: the DAC has 8 bits a component.
const DAC_8BIT: u16 = 0x20;
/// Enable: keep the memory's content.
const NO_CLEAR: u16 = 0x80;
/// Enable: bits that read back.
const ENABLE_MASK: u16 = ENABLED | GET_CAPS | DAC_8BIT | 0x40 | NO_CLEAR;

/// Largest mode.
const MAX_XRES: u16 = 2560;
const MAX_YRES: u16 = 1600;
const MAX_BPP: u16 = 32;

/// What the caller has to do after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// The picture may have changed.
    Redraw,
    /// A mode was enabled: clear the memory and redraw.
    Clear,
}

/// The registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispi {
    /// Index register (1CEh).
    pub index: u16,
    id: u16,
    xres: u16,
    yres: u16,
    bpp: u16,
    enable: u16,
    bank: u16,
    virt_width: u16,
    x_offset: u16,
    y_offset: u16,
}

impl Default for Dispi {
    fn default() -> Self {
        Self {
            index: 0,
            id: ID_LATEST,
            xres: 640,
            yres: 480,
            bpp: 8,
            enable: 0,
            bank: 0,
            virt_width: 640,
            x_offset: 0,
            y_offset: 0,
        }
    }
}

impl Dispi {
    /// A linear or planar DISPI mode is on.
    pub fn enabled(&self) -> bool {
        self.enable & ENABLED != 0
    }

    /// Memory is accessed linearly: any mode but planar 4 bits.
    pub fn linear(&self) -> bool {
        self.enabled() && self.bpp != 4
    }

    /// DAC components have 8 bits.
    pub fn dac_8bit(&self) -> bool {
        self.enable & DAC_8BIT != 0
    }

    /// Byte (planar: plane) offset of the A0000h window.
    pub fn bank_offset(&self) -> u32 {
        u32::from(self.bank) << 16
    }

    /// Width, height and bits per pixel of the enabled mode.
    pub fn mode(&self) -> (u32, u32, u32) {
        (u32::from(self.xres.min(MAX_XRES)), u32::from(self.yres.min(MAX_YRES)), u32::from(self.bpp))
    }

    /// Bits that one pixel takes in memory.
    fn storage_bits(&self) -> u32 {
        if self.bpp == 15 { 16 } else { u32::from(self.bpp) }
    }

    /// Bytes from one line to the next (planar: in each plane).
    pub fn pitch(&self) -> u32 {
        let bits = if self.bpp == 4 { 1 } else { self.storage_bits() };
        u32::from(self.virt_width) * bits / 8
    }

    /// Byte (planar: plane) offset of the first pixel shown.
    pub fn start(&self) -> u32 {
        let x = u32::from(self.x_offset);
        let in_line = if self.bpp == 4 { x / 8 } else { x * self.storage_bits() / 8 };
        u32::from(self.y_offset).wrapping_mul(self.pitch()).wrapping_add(in_line)
    }

    /// Lines that the memory can hold at the present pitch.
    fn virt_height(&self) -> u16 {
        let size = if self.bpp == 4 { VRAM_SIZE / 4 } else { VRAM_SIZE } as u32;
        u16::try_from(size / self.pitch().max(1)).unwrap_or(u16::MAX)
    }

    /// Reads the data port.
    pub fn read(&self) -> u16 {
        let caps = self.enable & GET_CAPS != 0;
        match self.index {
            reg::ID => self.id,
            reg::XRES if caps => MAX_XRES,
            reg::XRES => self.xres,
            reg::YRES if caps => MAX_YRES,
            reg::YRES => self.yres,
            reg::BPP if caps => MAX_BPP,
            reg::BPP => self.bpp,
            reg::ENABLE => self.enable,
            reg::BANK => self.bank,
            reg::VIRT_WIDTH => self.virt_width,
            reg::VIRT_HEIGHT => self.virt_height(),
            reg::X_OFFSET => self.x_offset,
            reg::Y_OFFSET => self.y_offset,
            reg::VIDEO_MEMORY_64K => (VRAM_SIZE >> 16) as u16,
            _ => 0,
        }
    }

    /// Writes the data port.
    pub fn write(&mut self, value: u16) -> Effect {
        let before = self.clone();
        let mut turned_on = false;
        match self.index {
            reg::ID if (ID_FIRST..=ID_LATEST).contains(&value) => self.id = value,
            reg::XRES => self.xres = value,
            reg::YRES => self.yres = value,
            reg::BPP if matches!(value, 4 | 8 | 15 | 16 | 24 | 32) => self.bpp = value,
            reg::BPP if value == 0 => self.bpp = 8,
            reg::ENABLE => {
                turned_on = value & ENABLED != 0 && !self.enabled();
                self.enable = value & ENABLE_MASK;
                self.bank = 0;
                if turned_on {
                    // Clamped to the width below.
                    self.virt_width = 0;
                    self.x_offset = 0;
                    self.y_offset = 0;
                }
            }
            reg::BANK => self.bank = value & (VRAM_SIZE as u32 >> 16).wrapping_sub(1) as u16,
            reg::VIRT_WIDTH => self.virt_width = value,
            reg::X_OFFSET => self.x_offset = value,
            reg::Y_OFFSET => self.y_offset = value,
            _ => {}
        }
        if self.enabled() {
            self.clamp();
        }
        if turned_on && value & NO_CLEAR == 0 {
            Effect::Clear
        } else if *self == before {
            Effect::None
        } else {
            Effect::Redraw
        }
    }

    fn clamp(&mut self) {
        self.xres = (self.xres & !7).clamp(8, MAX_XRES);
        self.virt_width = (self.virt_width & !7).clamp(self.xres, 0x7FF8);
        let lines = self.virt_height().max(1);
        self.yres = self.yres.clamp(1, MAX_YRES.min(lines));
        self.y_offset = self.y_offset.min(lines - self.yres);
        self.x_offset = self.x_offset.min(self.virt_width - self.xres);
    }
}
