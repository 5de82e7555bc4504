//! The host bridge function of the 82441FX (440FX) PCI and memory controller, 8086:1237 at 00:00.0 (82441FX datasheet
//! section 3.2): the programmable attribute map that shadows ROM with RAM, and SMRAM control.
//!
//! The DRAM timing, row boundary and arbitration registers are plain storage.

use super::config::{ConfigSpace, Field, identity};
use serde::{Deserialize, Serialize};

const PAM0: u8 = 0x59;
const PAM6: u8 = 0x5F;
const SMRAM: u8 = 0x72;

/// PAM nibble: reads go to DRAM.
const PAM_READ: u8 = 1;
/// PAM nibble: writes go to DRAM.
const PAM_WRITE: u8 = 2;

/// SMRAM: open to everybody.
const SMRAM_OPEN: u8 = 0x40;
/// SMRAM: closed to data accesses.
const SMRAM_CLOSED: u8 = 0x20;
/// SMRAM: locked until reset.
const SMRAM_LOCK: u8 = 0x10;
/// SMRAM: enabled.
const SMRAM_ENABLE: u8 = 0x08;
/// SMRAM: base segment, always A0000h.
const SMRAM_BASE: u8 = 0x02;

const IDENTITY: [Field; 3] = identity(0x8086, 0x1237, 0x060000, 0x02, 0x00);
const REGISTERS: [Field; 17] = [
    Field::command_status(0x0006, 0x0140, 0x0280),
    Field::new(0x0D, 1, 0, 0xF8),
    // Subsystem of QEMU's board: firmware made for it looks here before it uses the firmware configuration device.
    Field::fixed(0x2C, 4, 0x1100_1AF4),
    Field::new(0x50, 2, 0x0000, 0xFFFF), // PMCCFG
    Field::new(0x52, 2, 0x8000, 0xFFFF), // DETURBO, DBC
    Field::new(0x54, 4, 0x01000000, 0xFFFF_FFFF),
    Field::new(0x58, 1, 0x00, 0xFF),
    Field::new(0x59, 1, 0x00, 0x30), // PAM0: only the high nibble exists
    Field::new(0x5A, 2, 0x0000, 0x3333),
    Field::new(0x5C, 4, 0x0000_0000, 0x3333_3333),
    Field::new(0x60, 4, 0x0101_0101, 0xFFFF_FFFF), // row boundaries
    Field::new(0x64, 4, 0x0101_0101, 0xFFFF_FFFF),
    Field::new(0x68, 1, 0x00, 0xFF),
    Field::new(0x70, 2, 0x0000, 0xFFFF), // multi-transaction and CPU latency timers
    Field::new(SMRAM, 1, SMRAM_BASE as u32, 0x78),
    Field::new(0x90, 4, 0x0000_0000, 0x0600_00FF),
    Field::new(0xB4, 4, 0x0000_0000, 0xFFFF_FFFF),
];
const LAYOUT: [&[Field]; 2] = [&IDENTITY, &REGISTERS];

/// Where reads and writes of a stretch of C0000h-FFFFFh go: DRAM if set, else PCI (where the ROMs are).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// First address.
    pub base: u32,
    /// 4000h, or 10000h for the last one.
    pub len: u32,
    /// Reads go to DRAM.
    pub read_ram: bool,
    /// Writes go to DRAM.
    pub write_ram: bool,
}

/// The host bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostBridge {
    config: ConfigSpace,
}

impl Default for HostBridge {
    fn default() -> Self {
        Self { config: ConfigSpace::new(&LAYOUT) }
    }
}

impl HostBridge {
    pub(super) fn get(&self, offset: u8) -> u8 {
        self.config.get(offset)
    }

    /// Writes a byte; returns whether the memory map changed.
    pub(super) fn write(&mut self, offset: u8, value: u8) -> bool {
        let old = self.config.get(offset);
        if offset == SMRAM {
            if old & SMRAM_LOCK != 0 {
                // Only D_CLS can still change.
                self.config.set(SMRAM, old & !SMRAM_CLOSED | value & SMRAM_CLOSED);
            } else {
                let open = if value & SMRAM_LOCK != 0 { value & !SMRAM_OPEN } else { value };
                self.config.write(&LAYOUT, offset, open);
            }
        } else {
            self.config.write(&LAYOUT, offset, value);
        }
        matches!(offset, PAM0..=PAM6 | SMRAM) && self.config.get(offset) != old
    }

    /// The attribute map: twelve 16 KiB segments from C0000h, then F0000h-FFFFFh.
    pub fn shadow_map(&self) -> [Shadow; 13] {
        std::array::from_fn(|n| {
            let n = n as u8;
            let (register, shift) = if n == 12 { (PAM0, 4) } else { (PAM0 + 1 + n / 2, 4 * (n % 2)) };
            let nibble = self.config.get(register) >> shift;
            Shadow {
                base: 0xC0000 + u32::from(n) * 0x4000,
                len: if n == 12 { 0x10000 } else { 0x4000 },
                read_ram: nibble & PAM_READ != 0,
                write_ram: nibble & PAM_WRITE != 0,
            }
        })
    }

    /// Whether A0000h-BFFFFh is DRAM outside system management mode.
    pub fn smram_open(&self) -> bool {
        self.config.get(SMRAM) & (SMRAM_OPEN | SMRAM_ENABLE) == SMRAM_OPEN | SMRAM_ENABLE
    }

    /// Whether A0000h-BFFFFh is DRAM in system management mode.
    pub fn smram_enabled(&self) -> bool {
        self.config.get(SMRAM) & SMRAM_ENABLE != 0
    }
}
