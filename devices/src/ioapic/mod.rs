//! The I/O APIC: FEC00000h, 24 inputs, each with an entry that says what message it becomes.
//!
//! Source: Intel 82093AA I/O APIC data sheet (290566), sections 3.1 (IOREGSEL, IOWIN) and 3.2 (ID, version, arbitration,
//! redirection table).
//!
//! Inputs 0 to 15 are the ISA lines as the PIIX3 routes them, but the timer's IRQ0 is on input 2, as every PC has it and
//! the ACPI tables say; the rest is not connected. An input is told as asserted or not: the polarity bit is kept and has
//! no effect, since what the board drives has none.
//!
//! Invariants: an edge on a masked input is lost; a level is sent again after its EOI while the line stays.
//!
//! Not modelled: the 8259's INTR on input 0, the APIC bus (messages arrive at once), the EOI register of later parts.

use serde::{Deserialize, Serialize};

/// Physical address of the registers.
pub const ADDRESS: u64 = 0xFEC0_0000;
/// Bytes that they take.
pub const SIZE: u64 = 0x1000;
/// Register select and window, offsets.
const IOREGSEL: u32 = 0x00;
const IOWIN: u32 = 0x10;

const INPUTS: usize = 24;
/// Version 11h, 24 entries.
const VERSION: u32 = 0x0017_0011;
const REG_ID: u8 = 0;
const REG_VERSION: u8 = 1;
const REG_ARBITRATION: u8 = 2;
const REG_TABLE: u8 = 0x10;

/// Redirection entry: logical destination, remote IRR, level triggered, masked; and what a write changes.
const LOGICAL: u64 = 1 << 11;
const REMOTE_IRR: u64 = 1 << 14;
const LEVEL: u64 = 1 << 15;
const MASKED: u64 = 1 << 16;
const WRITABLE: u64 = 0xFF00_0000_0001_AFFF;

/// The delivery modes of APIC messages, LVT entries and redirection entries (SDM volume 3, 11.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The vector, to every destination.
    Fixed,
    /// The vector, to one of the destinations.
    LowestPriority,
    /// System management interrupt.
    Smi,
    /// NMI, whatever the vector.
    Nmi,
    /// INIT.
    Init,
    /// Start-up.
    StartUp,
    /// The vector comes from an 8259.
    External,
}

impl Delivery {
    /// Bits 10 to 8.
    pub fn of(entry: u32) -> Self {
        match entry >> 8 & 7 {
            1 => Self::LowestPriority,
            2 => Self::Smi,
            4 => Self::Nmi,
            5 => Self::Init,
            6 => Self::StartUp,
            7 => Self::External,
            _ => Self::Fixed,
        }
    }
}

/// A message to the local APICs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// How it is delivered.
    pub delivery: Delivery,
    /// The vector.
    pub vector: u8,
    /// It stands for a level, whose EOI comes back.
    pub level: bool,
    /// Whom it is for.
    pub destination: u8,
    /// `destination` is a logical one.
    pub logical: bool,
}

/// The I/O APIC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoApic {
    select: u8,
    id: u8,
    table: [u64; INPUTS],
    /// Levels of the inputs, bit per input.
    levels: u32,
}

impl Default for IoApic {
    fn default() -> Self {
        Self { select: 0, id: 0, table: [MASKED; INPUTS], levels: 0 }
    }
}

/// ISA lines as inputs: the timer is on input 2, where the ISA bus has no line.
fn inputs(irqs: u16) -> u32 {
    let irqs = u32::from(irqs);
    irqs & !0b101 | (irqs & 1) << 2
}

impl IoApic {
    /// Hardware reset.
    pub fn reset(&mut self) {
        *self = Self { levels: self.levels, ..Self::default() };
    }

    /// Takes the levels of the ISA lines and those that rose since the last call (a pulse has risen and is low again).
    #[inline]
    pub fn sync(&mut self, levels: u16, rose: u16, send: impl FnMut(Message)) {
        let levels = inputs(levels);
        if rose != 0 || levels != self.levels {
            self.take(levels, rose, send);
        }
    }

    fn take(&mut self, levels: u32, rose: u16, mut send: impl FnMut(Message)) {
        let edges = inputs(rose) | levels & !self.levels;
        self.levels = levels;
        for input in bits(edges) {
            self.raise(input, true, &mut send);
        }
    }

    /// The end of a level-triggered interrupt: entries with this vector may be sent again.
    pub fn end_of_interrupt(&mut self, vector: u8, mut send: impl FnMut(Message)) {
        for input in 0..INPUTS {
            let Some(entry) = self.table.get_mut(input) else { continue };
            if *entry & LEVEL != 0 && *entry as u8 == vector {
                *entry &= !REMOTE_IRR;
                self.raise(input, false, &mut send);
            }
        }
    }

    /// Sends the message of an input that has something to say; `edge`: its line has just risen.
    fn raise(&mut self, input: usize, edge: bool, send: &mut impl FnMut(Message)) {
        let asserted = self.levels >> input & 1 != 0;
        let Some(entry) = self.table.get_mut(input) else { return };
        let level = *entry & LEVEL != 0;
        let wanted = if level { asserted && *entry & REMOTE_IRR == 0 } else { edge };
        if *entry & MASKED != 0 || !wanted {
            return;
        }
        let message = Message {
            delivery: Delivery::of(*entry as u32),
            vector: *entry as u8,
            level,
            destination: (*entry >> 56) as u8,
            logical: *entry & LOGICAL != 0,
        };
        if level && matches!(message.delivery, Delivery::Fixed | Delivery::LowestPriority) {
            *entry |= REMOTE_IRR;
        }
        send(message);
    }

    /// Reads 4 bytes at `offset`.
    pub fn read(&self, offset: u32) -> u32 {
        match offset {
            IOREGSEL => u32::from(self.select),
            IOWIN => match self.select {
                REG_ID | REG_ARBITRATION => u32::from(self.id) << 24,
                REG_VERSION => VERSION,
                n => {
                    let (input, shift) = place(n);
                    self.table.get(input).map_or(0, |entry| (entry >> shift) as u32)
                }
            },
            _ => 0,
        }
    }

    /// Writes 4 bytes at `offset`.
    pub fn write(&mut self, offset: u32, value: u32, mut send: impl FnMut(Message)) {
        match (offset, self.select) {
            (IOREGSEL, _) => self.select = value as u8,
            (IOWIN, REG_ID) => self.id = (value >> 24) as u8 & 0x0F,
            (IOWIN, n) => {
                let (input, shift) = place(n);
                let Some(entry) = self.table.get_mut(input) else { return };
                let mask = WRITABLE & 0xFFFF_FFFF << shift;
                *entry = *entry & !mask | u64::from(value) << shift & mask;
                if *entry & LEVEL == 0 {
                    *entry &= !REMOTE_IRR;
                }
                self.raise(input, false, &mut send);
            }
            _ => {}
        }
    }
}

/// The redirection entry that a register is half of, and the half's shift.
fn place(register: u8) -> (usize, u32) {
    let n = register.checked_sub(REG_TABLE).map_or(usize::MAX, usize::from);
    (n / 2, 32 * (n as u32 & 1))
}

fn bits(mask: u32) -> impl Iterator<Item = usize> {
    (0..INPUTS).filter(move |n| mask >> n & 1 != 0)
}

#[cfg(test)]
mod tests;
