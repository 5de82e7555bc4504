//! One 8237A: four channels and the common registers.

use serde::{Deserialize, Serialize};

/// Mode register: transfer type (verify, write to memory, read from memory).
const MODE_TYPE: u8 = 0x0C;
/// Mode register: auto-initialise at terminal count.
const MODE_AUTO_INIT: u8 = 0x10;
/// Mode register: addresses go down.
const MODE_DECREMENT: u8 = 0x20;
/// Mode register: demand, single, block or cascade.
const MODE_SELECT: u8 = 0xC0;
/// Mode register: cascade.
const MODE_CASCADE: u8 = 0xC0;
/// Command register: controller disabled.
const COMMAND_DISABLE: u8 = 0x04;

/// What a transfer does with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Verify,
    ToMemory,
    FromMemory,
    Illegal,
}

/// The registers of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Channel {
    base_address: u16,
    base_count: u16,
    pub(super) address: u16,
    pub(super) count: u16,
    mode: u8,
}

impl Channel {
    pub(super) fn kind(&self) -> Kind {
        match self.mode & MODE_TYPE {
            0x00 => Kind::Verify,
            0x04 => Kind::ToMemory,
            0x08 => Kind::FromMemory,
            _ => Kind::Illegal,
        }
    }

    pub(super) fn decrements(&self) -> bool {
        self.mode & MODE_DECREMENT != 0
    }

    pub(super) fn cascades(&self) -> bool {
        self.mode & MODE_SELECT == MODE_CASCADE
    }

    /// Transfers left to terminal count, 1 to 65536.
    pub(super) fn left(&self) -> usize {
        usize::from(self.count) + 1
    }

    /// Accounts for `n` transfers, at most `left`; whether terminal count was reached.
    fn advance(&mut self, n: usize) -> bool {
        let step = n as u16; // 65536 transfers leave the address where it was
        self.address =
            if self.decrements() { self.address.wrapping_sub(step) } else { self.address.wrapping_add(step) };
        let terminal = n >= self.left();
        self.count = self.count.wrapping_sub(step);
        terminal
    }
}

/// One controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chip {
    pub(super) channels: [Channel; 4],
    command: u8,
    /// Bit per channel.
    mask: u8,
    /// Software requests, bit per channel.
    request: u8,
    /// Hardware requests, bit per channel.
    dreq: u8,
    /// Terminal counts since the last status read, bit per channel.
    terminal: u8,
    /// The next access to an address or count register goes to its high byte.
    high_byte: bool,
}

impl Chip {
    pub(super) fn new() -> Self {
        Self {
            channels: Default::default(),
            command: 0,
            mask: 0x0F,
            request: 0,
            dreq: 0,
            terminal: 0,
            high_byte: false,
        }
    }

    /// Master clear: also what the reset line does.
    pub(super) fn clear(&mut self) {
        self.command = 0;
        self.mask = 0x0F;
        self.request = 0;
        self.terminal = 0;
        self.high_byte = false;
    }

    pub(super) fn enabled(&self) -> bool {
        self.command & COMMAND_DISABLE == 0
    }

    pub(super) fn masked(&self, channel: usize) -> bool {
        self.mask & (1 << channel) != 0
    }

    pub(super) fn set_dreq(&mut self, channel: usize, high: bool) {
        self.dreq = (self.dreq & !(1 << channel)) | (u8::from(high) << channel);
    }

    /// After `n` transfers on a channel: registers, and at terminal count the reload or the mask.
    pub(super) fn advance(&mut self, index: usize, n: usize) -> bool {
        let Some(channel) = self.channels.get_mut(index) else { return false };
        let terminal = channel.advance(n);
        if terminal {
            self.terminal |= 1 << index;
            self.request &= !(1 << index);
            if channel.mode & MODE_AUTO_INIT != 0 {
                channel.address = channel.base_address;
                channel.count = channel.base_count;
            } else {
                self.mask |= 1 << index;
            }
        }
        terminal
    }

    /// Reads register 0-15.
    pub(super) fn read(&mut self, register: u8) -> u8 {
        match register {
            0..=7 => {
                let high = self.flip();
                let Some(channel) = self.channels.get(usize::from(register >> 1)) else { return 0xFF };
                let value = if register & 1 == 0 { channel.address } else { channel.count };
                value.to_le_bytes()[usize::from(high)]
            }
            8 => {
                let status = self.terminal | (self.dreq | self.request) << 4;
                self.terminal = 0;
                status
            }
            // The temporary register (memory-to-memory only) and the write-only ones.
            0xD => 0,
            0xF => self.mask | 0xF0,
            _ => 0xFF,
        }
    }

    /// Writes register 0-15.
    pub(super) fn write(&mut self, register: u8, value: u8) {
        let selected = usize::from(value & 3);
        let bit = 1 << selected;
        match register {
            0..=7 => {
                let high = usize::from(self.flip());
                let Some(channel) = self.channels.get_mut(usize::from(register >> 1)) else { return };
                let base = if register & 1 == 0 { &mut channel.base_address } else { &mut channel.base_count };
                let mut bytes = base.to_le_bytes();
                bytes[high] = value;
                *base = u16::from_le_bytes(bytes);
                if register & 1 == 0 {
                    channel.address = channel.base_address;
                } else {
                    channel.count = channel.base_count;
                }
            }
            8 => self.command = value,
            9 if value & 4 != 0 => self.request |= bit,
            9 => self.request &= !bit,
            0xA if value & 4 != 0 => self.mask |= bit,
            0xA => self.mask &= !bit,
            0xB => {
                if let Some(channel) = self.channels.get_mut(selected) {
                    channel.mode = value & 0xFC;
                }
            }
            0xC => self.high_byte = false,
            0xD => self.clear(),
            0xE => self.mask = 0,
            _ => self.mask = value & 0x0F,
        }
    }

    fn flip(&mut self) -> bool {
        self.high_byte = !self.high_byte;
        !self.high_byte
    }
}
