//! The IBM VGA with the Bochs VBE extension: sequencer, CRT, graphics and attribute controller, DAC, 16 MiB of memory.
//!
//! After the IBM "PS/2 Hardware Interface Technical Reference, Video Subsystem". One file per chip of the original;
//! [`Vga`] is the port decoder around them. Ports 3B0h-3DFh and 1CEh/1CFh, memory A0000h-BFFFFh, a linear frame buffer.
//!
//! The screen is computed when somebody looks ([`Vga::render`]); retrace and display enable follow from virtual time
//! and the CRTC's registers. The vertical retrace interrupt's flag is in input status 0, but its line (IRQ 2) is not
//! connected, as on most cards. Not modelled: register changes in the middle of a frame show in the whole frame, and
//! the border (overscan) is not part of the picture.

mod attribute;
mod crtc;
mod dac;
mod dispi;
mod graphics;
mod memory;
mod render;
mod screen;
mod sequencer;
mod vram;

#[cfg(test)]
mod tests;

pub use screen::{Frame, TextScreen, cp437};
pub use vram::VRAM_SIZE;

use crate::ctx::Ctx;
use attribute::Attribute;
use crtc::{Crtc, Timing};
use dac::Dac;
use dispi::{Dispi, Effect};
use graphics::Graphics;
use sequencer::Sequencer;
use serde::{Deserialize, Serialize};
use vram::Vram;

/// I/O ports.
pub mod port {
    /// Bochs VBE index (16 bits).
    pub const DISPI_INDEX: u16 = 0x1CE;
    /// Bochs VBE data (16 bits).
    pub const DISPI_DATA: u16 = 0x1CF;
    /// First port of the VGA.
    pub const FIRST: u16 = 0x3B0;
    /// Last port of the VGA.
    pub const LAST: u16 = 0x3DF;
    /// CRTC index, monochrome and colour addresses.
    pub const CRTC_INDEX: [u16; 2] = [0x3B4, 0x3D4];
    /// CRTC data, monochrome and colour addresses.
    pub const CRTC_DATA: [u16; 2] = [0x3B5, 0x3D5];
    /// Input status 1 (read) and feature control (write), monochrome and colour addresses.
    pub const STATUS1: [u16; 2] = [0x3BA, 0x3DA];
    /// Attribute controller address and data.
    pub const ATTRIBUTE: u16 = 0x3C0;
    /// Attribute controller data read.
    pub const ATTRIBUTE_READ: u16 = 0x3C1;
    /// Input status 0 (read) and miscellaneous output (write).
    pub const MISC_WRITE: u16 = 0x3C2;
    /// Video subsystem enable.
    pub const ENABLE: u16 = 0x3C3;
    /// Sequencer index.
    pub const SEQUENCER_INDEX: u16 = 0x3C4;
    /// Sequencer data.
    pub const SEQUENCER_DATA: u16 = 0x3C5;
    /// Pel mask.
    pub const DAC_MASK: u16 = 0x3C6;
    /// DAC read index (write) and state (read).
    pub const DAC_READ_INDEX: u16 = 0x3C7;
    /// DAC write index.
    pub const DAC_WRITE_INDEX: u16 = 0x3C8;
    /// DAC data.
    pub const DAC_DATA: u16 = 0x3C9;
    /// Feature control read.
    pub const FEATURE_READ: u16 = 0x3CA;
    /// Miscellaneous output read.
    pub const MISC_READ: u16 = 0x3CC;
    /// Graphics controller index.
    pub const GRAPHICS_INDEX: u16 = 0x3CE;
    /// Graphics controller data.
    pub const GRAPHICS_DATA: u16 = 0x3CF;
}

/// Miscellaneous output: CRTC and status at 3Dxh instead of 3Bxh.
const MISC_COLOR: u8 = 0x01;
/// Input status 0: monitor sense.
const STATUS0_SENSE: u8 = 0x10;
/// Input status 0: vertical retrace interrupt.
const STATUS0_INTERRUPT: u8 = 0x80;
/// Input status 1: blanking or retrace, no display.
const STATUS1_NOT_DISPLAYING: u8 = 0x01;
/// Input status 1: vertical retrace.
const STATUS1_V_RETRACE: u8 = 0x08;

/// The dot clocks that miscellaneous output bits 2 and 3 choose, in Hz; the last two are the external inputs.
const DOT_CLOCKS: [u64; 4] = [25_175_000, 28_322_000, 32_514_000, 40_000_000];

/// What the last call of [`Vga::render`] drew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Drawn {
    changes: u64,
    start: u16,
    blink: u8,
    size: (usize, usize),
}

/// The adapter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vga {
    crtc: Crtc,
    sequencer: Sequencer,
    graphics: Graphics,
    attribute: Attribute,
    dac: Dac,
    dispi: Dispi,
    misc: u8,
    feature: u8,
    enabled: bool,
    vram: Vram,
    /// Counts register changes that may show.
    #[serde(skip)]
    changes: u64,
    #[serde(skip)]
    drawn: Option<Drawn>,
    /// The frame's timing, while the registers it depends on stay.
    #[serde(skip)]
    timing: Option<Timing>,
}

impl Default for Vga {
    fn default() -> Self {
        Self::new()
    }
}

impl Vga {
    /// An adapter at power-on: blank until a BIOS or driver programs it.
    pub fn new() -> Self {
        Self {
            crtc: Crtc::default(),
            sequencer: Sequencer::default(),
            graphics: Graphics::default(),
            attribute: Attribute::default(),
            dac: Dac::default(),
            dispi: Dispi::default(),
            misc: 0,
            feature: 0,
            enabled: true,
            vram: Vram::default(),
            changes: 0,
            drawn: None,
            timing: None,
        }
    }

    /// Hardware reset: registers as at power-on, memory keeps its content.
    pub fn reset(&mut self, _ctx: &mut Ctx) {
        let vram = std::mem::take(&mut self.vram);
        *self = Self { vram, ..Self::new() };
    }

    /// Whether `port` is this adapter's.
    pub fn claims(port: u16) -> bool {
        matches!(port, port::DISPI_INDEX | port::DISPI_DATA | port::FIRST..=port::LAST)
    }

    fn touch(&mut self) {
        self.changes = self.changes.wrapping_add(1);
    }

    /// 1 when the CRTC is at its colour addresses, 0 monochrome.
    fn bank(&self) -> usize {
        usize::from(self.misc & MISC_COLOR)
    }

    /// Whether `port` is the one of `pair` that miscellaneous output enables.
    fn is(&self, port: u16, pair: [u16; 2]) -> bool {
        pair[self.bank() & 1] == port
    }

    fn timing(&mut self) -> Timing {
        let timing = self.present_timing();
        self.timing = Some(timing);
        timing
    }

    /// As [`Vga::timing`], without remembering it.
    fn present_timing(&self) -> Timing {
        if let Some(timing) = self.timing {
            return timing;
        }
        if self.dispi.enabled() {
            Timing::sixty_hz(self.dispi.mode().1)
        } else {
            let hz = DOT_CLOCKS[usize::from(self.misc >> 2 & 3)];
            self.crtc.timing(hz, self.sequencer.char_dots(), self.sequencer.half_clock())
        }
    }

    /// Registers that the timing depends on may have changed; `before` is the timing before.
    fn retime(&mut self, before: Timing) {
        self.timing = None;
        if self.timing() != before {
            self.crtc.settle_start();
        }
    }

    /// Reads a byte from a port.
    pub fn read(&mut self, ctx: &mut Ctx, port: u16) -> u8 {
        match port {
            port::DISPI_INDEX | port::DISPI_DATA => self.read16(ctx, port) as u8,
            port::ENABLE => u8::from(self.enabled),
            _ if !self.enabled => 0xFF,
            p if self.is(p, port::CRTC_INDEX) => self.crtc.index,
            p if self.is(p, port::CRTC_DATA) => match self.crtc.index {
                crtc::reg::LATCH => {
                    let plane = self.graphics.get(graphics::reg::READ_MAP);
                    (self.graphics.latch >> (8 * u32::from(plane & 3))) as u8
                }
                crtc::reg::ATTRIBUTE_STATE => u8::from(self.attribute.data_phase) << 7,
                index => self.crtc.get(index),
            },
            p if self.is(p, port::STATUS1) => self.status1(ctx.now),
            port::ATTRIBUTE => self.attribute.index(),
            port::ATTRIBUTE_READ => self.attribute.get(self.attribute.index()),
            port::MISC_WRITE => {
                let timing = self.timing();
                (if self.dac.sense() { STATUS0_SENSE } else { 0 })
                    | if self.crtc.interrupt_pending(ctx.now, &timing) { STATUS0_INTERRUPT } else { 0 }
            }
            port::SEQUENCER_INDEX => self.sequencer.index,
            port::SEQUENCER_DATA => self.sequencer.get(self.sequencer.index),
            port::DAC_MASK => self.dac.mask,
            port::DAC_READ_INDEX => self.dac.state(),
            port::DAC_WRITE_INDEX => self.dac.write_index(),
            port::DAC_DATA => self.dac.read_data(),
            port::FEATURE_READ => self.feature,
            port::MISC_READ => self.misc,
            port::GRAPHICS_INDEX => self.graphics.index,
            port::GRAPHICS_DATA => self.graphics.get(self.graphics.index),
            _ => 0xFF,
        }
    }

    fn status1(&mut self, now: u64) -> u8 {
        self.attribute.data_phase = false;
        let timing = self.timing();
        let mut status = self.attribute.video_feedback();
        if timing.vertical_retrace(now) {
            status |= STATUS1_V_RETRACE | STATUS1_NOT_DISPLAYING;
        } else if !timing.displaying(now) {
            status |= STATUS1_NOT_DISPLAYING;
        }
        status
    }

    /// Writes a byte to a port.
    pub fn write(&mut self, ctx: &mut Ctx, port: u16, value: u8) {
        let changed = match port {
            port::DISPI_INDEX | port::DISPI_DATA => {
                self.write16(ctx, port, u16::from(value));
                false
            }
            port::ENABLE => std::mem::replace(&mut self.enabled, value & 1 != 0) != (value & 1 != 0),
            _ if !self.enabled => false,
            p if self.is(p, port::CRTC_INDEX) => {
                self.crtc.set_index(value);
                false
            }
            p if self.is(p, port::CRTC_DATA) => {
                let timing = self.timing();
                let changed = self.crtc.set(value, ctx.now, &timing);
                if changed && (self.crtc.index <= crtc::reg::OVERFLOW || self.crtc.index >= crtc::reg::V_SYNC_START) {
                    self.retime(timing);
                }
                changed
            }
            p if self.is(p, port::STATUS1) => {
                self.feature = value;
                false
            }
            port::ATTRIBUTE => self.attribute.write(value),
            port::MISC_WRITE => {
                let before = self.timing();
                let changed = std::mem::replace(&mut self.misc, value) != value;
                self.retime(before);
                changed
            }
            port::SEQUENCER_INDEX => {
                self.sequencer.index = value;
                false
            }
            port::SEQUENCER_DATA => {
                let before = self.timing();
                let changed = self.sequencer.set(value);
                if changed && self.sequencer.index == sequencer::reg::CLOCKING {
                    self.retime(before);
                }
                // Where the CPU writes does not show.
                changed && !matches!(self.sequencer.index, sequencer::reg::MAP_MASK | sequencer::reg::MEMORY_MODE)
            }
            port::DAC_MASK => std::mem::replace(&mut self.dac.mask, value) != value,
            port::DAC_READ_INDEX => {
                self.dac.set_read_index(value);
                false
            }
            port::DAC_WRITE_INDEX => {
                self.dac.set_write_index(value);
                false
            }
            port::DAC_DATA => self.dac.write_data(value, self.dispi.dac_8bit()),
            port::GRAPHICS_INDEX => {
                self.graphics.index = value;
                false
            }
            port::GRAPHICS_DATA => {
                self.graphics.set(value) && matches!(self.graphics.index, graphics::reg::MODE | graphics::reg::MISC)
            }
            _ => false,
        };
        if changed {
            self.touch();
        }
    }

    /// Reads a word: the Bochs VBE ports are 16 bits wide, all others are two byte accesses.
    pub fn read16(&mut self, ctx: &mut Ctx, port: u16) -> u16 {
        match port {
            port::DISPI_INDEX => self.dispi.index,
            port::DISPI_DATA => self.dispi.read(),
            _ => u16::from_le_bytes([self.read(ctx, port), self.read(ctx, port.wrapping_add(1))]),
        }
    }

    /// Writes a word: the Bochs VBE ports are 16 bits wide, all others are two byte accesses.
    pub fn write16(&mut self, ctx: &mut Ctx, port: u16, value: u16) {
        match port {
            port::DISPI_INDEX => self.dispi.index = value,
            port::DISPI_DATA => {
                let before = self.timing();
                let effect = self.dispi.write(value);
                if effect == Effect::Clear {
                    self.vram.clear();
                }
                if effect != Effect::None {
                    self.retime(before);
                    self.touch();
                }
            }
            _ => {
                let [low, high] = value.to_le_bytes();
                self.write(ctx, port, low);
                self.write(ctx, port.wrapping_add(1), high);
            }
        }
    }
}
