//! The DMA controllers: two 8237A (00-0Fh with byte channels 0-3, C0-DEh with word channels 5-7, channel 4 being the
//! cascade) and the page registers 81-8Fh.
//!
//! Source: Intel 8237A data sheet (231466), "Register Description" and "Programming"; IBM AT Technical Reference,
//! "DMA" (word channels, page registers).
//!
//! Invariants: a device moves data in its own event through [`Dma::channel`]; the controller then moves as much as the channel
//! takes. Single, block and demand mode differ only in bus timing, which is not modelled: what is moved is the same.
//! Addresses wrap inside a page (64 KiB, for word channels 128 KiB). Channels 0-3 work only while channel 4 is
//! unmasked in cascade mode, as the AT is wired.
//!
//! Not modelled: memory-to-memory transfers, compressed timing, rotating priority, DREQ/DACK polarity and the
//! temporary register. Port 80h is the POST code port and belongs to `sysctl`.

mod channel;

use crate::ctx::DmaMemory;
use crate::fdc::DmaChannel;
use channel::{Chip, Kind};
use serde::{Deserialize, Serialize};

/// Registers of the byte controller.
pub const PORT_DMA1: u16 = 0x00;
/// Registers of the word controller, on even ports.
pub const PORT_DMA2: u16 = 0xC0;
/// Page registers; 80h is not one of them.
pub const PORT_PAGES: u16 = 0x80;

/// Page registers of channels 0-7 (channel 4's is the refresh page).
const PAGE_OF_CHANNEL: [usize; 8] = [7, 3, 1, 2, 15, 11, 9, 10];
/// Channel through which the first controller reaches the bus.
const CASCADE: usize = 4;

/// What a transfer came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes moved from or into the start of the buffer.
    pub bytes: usize,
    /// The channel reached terminal count (TC).
    pub terminal_count: bool,
}

/// The controller pair and the page registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dma {
    bytes: Chip,
    words: Chip,
    pages: [u8; 16],
}

impl Default for Dma {
    fn default() -> Self {
        Self::new()
    }
}

impl Dma {
    /// Everything masked, as after reset.
    pub fn new() -> Self {
        Self { bytes: Chip::new(), words: Chip::new(), pages: [0; 16] }
    }

    /// Hardware reset: a master clear of both controllers.
    pub fn reset(&mut self) {
        self.bytes.clear();
        self.words.clear();
    }

    /// Reads port 00-0Fh, 81-8Fh or C0-DFh.
    pub fn read(&mut self, port: u16) -> u8 {
        match port {
            0x00..=0x0F => self.bytes.read(port as u8),
            0x81..=0x8F => self.pages[usize::from(port & 15)],
            0xC0..=0xDF => self.words.read((port as u8 >> 1) & 15),
            _ => 0xFF,
        }
    }

    /// Writes port 00-0Fh, 81-8Fh or C0-DFh.
    pub fn write(&mut self, port: u16, value: u8) {
        match port {
            0x00..=0x0F => self.bytes.write(port as u8, value),
            0x81..=0x8F => self.pages[usize::from(port & 15)] = value,
            0xC0..=0xDF => self.words.write((port as u8 >> 1) & 15, value),
            _ => {}
        }
    }

    /// A device's request line, which the status register shows.
    pub fn set_dreq(&mut self, channel: usize, high: bool) {
        let (chip, index) = self.chip_mut(channel);
        chip.set_dreq(index, high);
    }

    /// Whether the channel would move anything at present: both controllers enabled, nothing masked on the way.
    pub fn ready(&self, channel: usize) -> bool {
        let way = !self.words.masked(0) && self.words.enabled() && self.words.channels[0].cascades();
        match channel & 7 {
            CASCADE => false,
            first @ 0..=3 => {
                way && self.bytes.enabled() && !self.bytes.masked(first) && !self.bytes.channels[first].cascades()
            }
            second => {
                let index = second - 4;
                self.words.enabled() && !self.words.masked(index) && !self.words.channels[index].cascades()
            }
        }
    }

    /// Device to memory on `channel` (0-3 bytes, 5-7 words): takes from the start of `data`.
    ///
    /// Nothing moves while the channel is not [`Dma::ready`] or is programmed for the other direction. A verify
    /// transfer counts without touching memory.
    pub fn write_to_memory(&mut self, channel: usize, mem: &mut dyn DmaMemory, data: &[u8]) -> Moved {
        let Some((span, kind)) = self.plan(channel, data.len()) else { return Moved::default() };
        match kind {
            Kind::ToMemory => span.each_run(|at, range| mem.write(at, data.get(range).unwrap_or_default())),
            Kind::Verify => {}
            _ => return Moved::default(),
        }
        self.finish(channel, &span)
    }

    /// Memory to device on `channel`: fills the start of `buf`. As [`Dma::write_to_memory`] otherwise; a verify
    /// transfer leaves `buf` as it is.
    pub fn read_from_memory(&mut self, channel: usize, mem: &mut dyn DmaMemory, buf: &mut [u8]) -> Moved {
        let Some((span, kind)) = self.plan(channel, buf.len()) else { return Moved::default() };
        match kind {
            Kind::FromMemory => span.each_run(|at, range| mem.read(at, buf.get_mut(range).unwrap_or_default())),
            Kind::Verify => {}
            _ => return Moved::default(),
        }
        self.finish(channel, &span)
    }

    /// One channel as the device wired to it sees it.
    pub fn channel(&mut self, channel: usize) -> ChannelPort<'_> {
        ChannelPort { dma: self, channel }
    }

    /// Where the next `len` bytes of a ready channel go, as far as its count reaches.
    fn plan(&mut self, channel: usize, len: usize) -> Option<(Span, Kind)> {
        if !self.ready(channel) {
            return None;
        }
        let unit = if channel & 4 != 0 { 2 } else { 1 };
        let page = u64::from(self.pages[PAGE_OF_CHANNEL[channel & 7]]) << 16;
        let (chip, index) = self.chip_mut(channel);
        let registers = &chip.channels[index];
        let units = (len / unit).min(registers.left());
        let span = Span { page, unit, units, address: registers.address, down: registers.decrements() };
        (units > 0).then_some((span, registers.kind()))
    }

    fn finish(&mut self, channel: usize, span: &Span) -> Moved {
        let (chip, index) = self.chip_mut(channel);
        Moved { bytes: span.units * span.unit, terminal_count: chip.advance(index, span.units) }
    }

    fn chip_mut(&mut self, channel: usize) -> (&mut Chip, usize) {
        let chip = if channel & 4 != 0 { &mut self.words } else { &mut self.bytes };
        (chip, channel & 3)
    }
}

/// A channel of the pair, borrowed for the device that is wired to it.
pub struct ChannelPort<'a> {
    dma: &'a mut Dma,
    channel: usize,
}

impl DmaChannel for ChannelPort<'_> {
    fn write_to_memory(&mut self, mem: &mut dyn DmaMemory, data: &[u8]) -> (usize, bool) {
        let moved = self.dma.write_to_memory(self.channel, mem, data);
        (moved.bytes, moved.terminal_count)
    }

    fn read_from_memory(&mut self, mem: &mut dyn DmaMemory, buf: &mut [u8]) -> (usize, bool) {
        let moved = self.dma.read_from_memory(self.channel, mem, buf);
        (moved.bytes, moved.terminal_count)
    }
}

/// The addresses of a transfer.
struct Span {
    page: u64,
    unit: usize,
    units: usize,
    address: u16,
    down: bool,
}

impl Span {
    /// Calls `f` with the physical address and the buffer range of each contiguous run.
    fn each_run(&self, mut f: impl FnMut(u64, std::ops::Range<usize>)) {
        let mut done = 0;
        let mut address = self.address;
        while done < self.units {
            // Upwards to the end of the page; downwards one unit at a time.
            let run = if self.down { 1 } else { (self.units - done).min(0x1_0000 - usize::from(address)) };
            f(self.physical(address), done * self.unit..(done + run) * self.unit);
            done += run;
            address = if self.down { address.wrapping_sub(1) } else { address.wrapping_add(run as u16) };
        }
    }

    /// Word channels put the address on A1-A16 and ignore bit 0 of the page.
    fn physical(&self, address: u16) -> u64 {
        if self.unit == 2 { (self.page & !0x1_FFFF) | u64::from(address) << 1 } else { self.page | u64::from(address) }
    }
}

#[cfg(test)]
mod tests;
