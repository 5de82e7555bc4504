//! PIIX3 functions 0 and 1: the ISA bridge 8086:7000 with PCI interrupt routing, and the configuration space of the
//! IDE function 8086:7010 (82371SB datasheet 2.2 and 2.3). The IDE channels themselves are [`crate::ide`].
//!
//! Both IDE channels power up with their decode enabled. Timing, SMI and motherboard-device registers are plain storage.

use super::config::{COMMAND_IO, ConfigSpace, Field, INTERRUPT_LINE, identity};
use serde::{Deserialize, Serialize};

const PIRQ_A: u8 = 0x60;
const PIRQ_D: u8 = 0x63;
/// PIRQ route: disabled.
const PIRQ_OFF: u8 = 0x80;

/// Interrupts that a PIRQ can be routed to.
const ROUTABLE: u16 = 0xDEF8;

const ISA_IDENTITY: [Field; 3] = identity(0x8086, 0x7000, 0x060100, 0x00, 0x80);
const ISA_REGISTERS: [Field; 14] = [
    Field::command_status(0x0007, 0x0108, 0x0200),
    Field::new(0x4C, 1, 0x4D, 0xFF),     // ISA I/O recovery
    Field::new(0x4E, 2, 0x0003, 0xFFFF), // X-bus chip select
    Field::new(PIRQ_A, 4, 0x8080_8080, 0x8F8F_8F8F),
    Field::new(0x69, 1, 0x02, 0xFE),               // top of memory
    Field::new(0x6A, 2, 0x0000, 0x00D3),           // miscellaneous status
    Field::new(0x70, 2, 0x8080, 0xEFEF),           // motherboard device routes
    Field::new(0x76, 2, 0x0C0C, 0x8F8F),           // motherboard device DMA
    Field::new(0x78, 2, 0x0002, 0xFFFF),           // programmable chip select
    Field::new(0x80, 4, 0x0000_0000, 0xFFFF_FFFF), // APIC base, deterministic latency
    Field::new(0xA0, 4, 0x0000_0008, 0xFFFF_00FF), // SMI control and enable
    Field::new(0xA4, 4, 0x0000_0000, 0xFFFF_FFFF),
    Field::new(0xA8, 4, 0x0000_000F, 0x01FF_00FF),
    Field::new(0xAC, 4, 0x0000_0000, 0x00FF_00FF),
];
const ISA_LAYOUT: [&[Field]; 2] = [&ISA_IDENTITY, &ISA_REGISTERS];

const BAR4: u8 = 0x20;

const IDE_IDENTITY: [Field; 3] = identity(0x8086, 0x7010, 0x010180, 0x00, 0x00);
const IDE_REGISTERS: [Field; 6] = [
    Field::command_status(0x0000, 0x0005, 0x0280),
    Field::new(0x0D, 1, 0, 0xF0),
    // All upper bits are writable: sizing code that expects 32 of them would take 16 for a block of 4 GiB.
    Field::new(BAR4, 4, 1, 0xFFFF_FFF0),
    Field::new(INTERRUPT_LINE, 1, 0, 0xFF),
    Field::new(0x40, 4, 0x8000_8000, 0xFFFF_FFFF), // IDETIM of both channels
    Field::new(0x44, 4, 0x0000_0000, 0x0000_00FF), // SIDETIM
];
const IDE_LAYOUT: [&[Field]; 2] = [&IDE_IDENTITY, &IDE_REGISTERS];

/// Function 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsaBridge {
    config: ConfigSpace,
}

impl Default for IsaBridge {
    fn default() -> Self {
        Self { config: ConfigSpace::new(&ISA_LAYOUT) }
    }
}

impl IsaBridge {
    pub(super) fn get(&self, offset: u8) -> u8 {
        self.config.get(offset)
    }

    /// Writes a byte; returns whether interrupt routes changed.
    pub(super) fn write(&mut self, offset: u8, value: u8) -> bool {
        let old = self.config.get(offset);
        self.config.write(&ISA_LAYOUT, offset, value);
        (PIRQ_A..=PIRQ_D).contains(&offset) && self.config.get(offset) != old
    }

    /// The ISA interrupt that PIRQ `n` (0-3: A-D) is routed to.
    pub fn route(&self, n: u8) -> Option<u8> {
        let value = self.config.get(PIRQ_A + (n & 3));
        let irq = value & 0x0F;
        (value & PIRQ_OFF == 0 && ROUTABLE >> irq & 1 != 0).then_some(irq)
    }
}

/// Function 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdeFunction {
    config: ConfigSpace,
}

impl Default for IdeFunction {
    fn default() -> Self {
        Self { config: ConfigSpace::new(&IDE_LAYOUT) }
    }
}

impl IdeFunction {
    pub(super) fn get(&self, offset: u8) -> u8 {
        self.config.get(offset)
    }

    /// Writes a byte; returns whether the bus master block moved.
    pub(super) fn write(&mut self, offset: u8, value: u8) -> bool {
        let old = self.bus_master_base();
        self.config.write(&IDE_LAYOUT, offset, value);
        self.bus_master_base() != old
    }

    /// First port of the 16-byte bus master block, when it is enabled.
    pub fn bus_master_base(&self) -> Option<u16> {
        let base = self.config.get16(BAR4) & 0xFFF0;
        (self.config.enabled(COMMAND_IO) && base != 0).then_some(base)
    }
}
