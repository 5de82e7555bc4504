//! A PCI function's 256 bytes of configuration space (PCI Local Bus Specification 2.1, chapter 6) and the table that
//! says which of its bits software can change. Base address registers size themselves: their low bits are not writable.

use serde::{Deserialize, Serialize};

/// Vendor ID.
pub const VENDOR: u8 = 0x00;
/// Command register.
pub const COMMAND: u8 = 0x04;
/// Interrupt line.
pub const INTERRUPT_LINE: u8 = 0x3C;

/// Command: responds to I/O addresses.
pub const COMMAND_IO: u8 = 0x01;
/// Command: responds to memory addresses.
pub const COMMAND_MEMORY: u8 = 0x02;

/// One register: where it is, how wide, its value after reset, which bits software writes and which it clears by
/// writing ones.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    offset: u8,
    bytes: u8,
    reset: u32,
    writable: u32,
    clearable: u32,
}

impl Field {
    /// A read-only register of `bytes` bytes.
    pub const fn fixed(offset: u8, bytes: u8, reset: u32) -> Self {
        Self { offset, bytes, reset, writable: 0, clearable: 0 }
    }

    /// A register with `writable` bits.
    pub const fn new(offset: u8, bytes: u8, reset: u32, writable: u32) -> Self {
        Self { offset, bytes, reset, writable, clearable: 0 }
    }

    /// The command and status registers.
    pub const fn command_status(command: u16, command_writable: u16, status: u16) -> Self {
        Self {
            offset: COMMAND,
            bytes: 4,
            reset: (status as u32) << 16 | command as u32,
            writable: command_writable as u32,
            clearable: 0xF900_0000,
        }
    }

    /// The byte of `value` that lies at `offset`, if this register covers it.
    fn byte(&self, value: u32, offset: u8) -> Option<u8> {
        let n = offset.checked_sub(self.offset).filter(|n| *n < self.bytes)?;
        Some((value >> (8 * u32::from(n))) as u8)
    }
}

/// Identity and header fields that every function has.
pub const fn identity(vendor: u16, device: u16, class: u32, revision: u8, header: u8) -> [Field; 3] {
    [
        Field::fixed(VENDOR, 4, (device as u32) << 16 | vendor as u32),
        Field::fixed(0x08, 4, class << 8 | revision as u32),
        Field::fixed(0x0E, 1, header as u32),
    ]
}

/// The bytes of a configuration space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigSpace {
    rows: [[u8; 32]; 8],
}

impl ConfigSpace {
    /// The state after reset; registers that `layout` does not name are zero and read-only.
    pub fn new(layout: &[&[Field]]) -> Self {
        let mut space = Self { rows: [[0; 32]; 8] };
        for offset in 0..=255 {
            let value = fields(layout).find_map(|f| f.byte(f.reset, offset));
            space.set(offset, value.unwrap_or(0));
        }
        space
    }

    /// A byte.
    pub fn get(&self, offset: u8) -> u8 {
        self.rows[usize::from(offset >> 5)][usize::from(offset & 31)]
    }

    /// Sets a byte, writable or not: the function's own doing.
    pub fn set(&mut self, offset: u8, value: u8) {
        self.rows[usize::from(offset >> 5)][usize::from(offset & 31)] = value;
    }

    /// A little-endian word.
    pub fn get16(&self, offset: u8) -> u16 {
        u16::from_le_bytes([self.get(offset), self.get(offset.wrapping_add(1))])
    }

    /// A little-endian double word.
    pub fn get32(&self, offset: u8) -> u32 {
        u32::from(self.get16(offset.wrapping_add(2))) << 16 | u32::from(self.get16(offset))
    }

    /// A byte written by software.
    pub fn write(&mut self, layout: &[&[Field]], offset: u8, value: u8) {
        let old = self.get(offset);
        let writable = fields(layout).find_map(|f| f.byte(f.writable, offset)).unwrap_or(0);
        let clearable = fields(layout).find_map(|f| f.byte(f.clearable, offset)).unwrap_or(0);
        self.set(offset, old & !writable & !(value & clearable) | value & writable);
    }

    /// Whether the command register's `bit` is set.
    pub fn enabled(&self, bit: u8) -> bool {
        self.get(COMMAND) & bit != 0
    }
}

fn fields<'a>(layout: &'a [&'a [Field]]) -> impl Iterator<Item = &'a Field> {
    layout.iter().flat_map(|part| part.iter())
}
