//! The bus master of one IDE channel: command, status and descriptor table registers and the walk along the physical
//! region descriptors (82371SB PIIX3 datasheet 2.7; "Programming Interface for Bus Master IDE Controller" 1.0).
//!
//! A transfer happens at once, in the bus master event. Not modelled: simplex operation, PCI errors.

use super::drive::{Drive, Phase};
use crate::ctx::DmaMemory;
use serde::{Deserialize, Serialize};

/// From setting the start bit to the transfer, ns.
pub(super) const START_NS: u64 = 1_000;

/// Command: start.
const CMD_START: u8 = 0x01;
/// Command: towards memory (a read of the device).
const CMD_TO_MEMORY: u8 = 0x08;

/// Status: a transfer is active.
const STATUS_ACTIVE: u8 = 0x01;
/// Status: PCI error; write 1 to clear.
const STATUS_ERROR: u8 = 0x02;
/// Status: the device interrupted; write 1 to clear.
const STATUS_INTERRUPT: u8 = 0x04;
/// Status: the "DMA capable" bits of both devices, plain storage.
const STATUS_CAPABLE: u8 = 0x60;

/// Last descriptor of a table.
const PRD_EOT: u32 = 1 << 31;
/// Bytes moved between device and memory at once.
const CHUNK: usize = 4096;
/// Descriptors one transfer may use: a table is at most 64 KiB.
const MAX_PRDS: u32 = 0x10000 / 8;

/// Registers of one channel's bus master.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BusMaster {
    command: u8,
    status: u8,
    /// Descriptor table pointer.
    table: u32,
    /// Next descriptor, counted from `table`.
    next: u32,
    /// Current region: address and bytes left.
    address: u32,
    left: u32,
    last: bool,
}

impl BusMaster {
    /// The device's interrupt line rose.
    pub fn interrupt(&mut self) {
        self.status |= STATUS_INTERRUPT;
    }

    pub fn read(&self, reg: u16) -> u8 {
        match reg {
            0 => self.command,
            2 => self.status,
            4..=7 => self.table.to_le_bytes().get(usize::from(reg - 4)).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// Returns whether the write started a transfer.
    pub fn write(&mut self, reg: u16, value: u8) -> bool {
        match reg {
            0 => {
                let started = value & !self.command & CMD_START != 0;
                self.command = value & (CMD_START | CMD_TO_MEMORY);
                if started {
                    self.status |= STATUS_ACTIVE;
                    (self.next, self.left, self.last) = (0, 0, false);
                } else if value & CMD_START == 0 {
                    self.status &= !STATUS_ACTIVE;
                }
                return started;
            }
            2 => {
                let cleared = value & (STATUS_INTERRUPT | STATUS_ERROR);
                self.status = self.status & !cleared & !STATUS_CAPABLE | value & STATUS_CAPABLE;
            }
            4..=7 => {
                let shift = 8 * u32::from(reg - 4);
                self.table = (self.table & !(0xFF << shift) | u32::from(value) << shift) & !3;
            }
            _ => {}
        }
        false
    }

    /// Fetches the next descriptor; `false` at the end of the table.
    fn fetch(&mut self, mem: &mut dyn DmaMemory) -> bool {
        if self.last || self.next >= MAX_PRDS {
            return false;
        }
        let mut prd = [0; 8];
        mem.read(u64::from(self.table) + u64::from(self.next) * 8, &mut prd);
        let [a0, a1, a2, a3, c0, c1, c2, c3] = prd;
        let control = u32::from_le_bytes([c0, c1, c2, c3]);
        self.next += 1;
        self.address = u32::from_le_bytes([a0, a1, a2, a3]) & !1;
        self.left = match control & 0xFFFE {
            0 => 0x10000,
            n => n,
        };
        self.last = control & PRD_EOT != 0;
        true
    }

    /// Moves everything between `drive` and memory until the device or the table ends.
    pub fn transfer(&mut self, drive: &mut Drive, mem: &mut dyn DmaMemory) {
        let to_memory = drive.core.phase == Phase::DmaIn;
        let direction = self.command & CMD_TO_MEMORY != 0;
        if self.status & STATUS_ACTIVE == 0 || to_memory != direction {
            return;
        }
        let mut chunk = [0; CHUNK];
        while matches!(drive.core.phase, Phase::DmaIn | Phase::DmaOut) {
            if self.left == 0 && !self.fetch(mem) {
                // The table ends before the device does: the engine stops, the device keeps waiting.
                self.status &= !STATUS_ACTIVE;
                return;
            }
            let want = CHUNK.min(self.left as usize);
            let Some(part) = chunk.get_mut(..want) else { return };
            let moved = if to_memory {
                let n = drive.dma_read(part);
                mem.write(u64::from(self.address), part.get(..n).unwrap_or_default());
                n
            } else {
                mem.read(u64::from(self.address), part);
                drive.dma_write(part)
            };
            self.address = self.address.wrapping_add(moved as u32);
            self.left = self.left.saturating_sub(moved as u32);
            if moved == 0 {
                break;
            }
        }
        // A region larger than the transfer leaves the engine active.
        if self.left == 0 && self.last {
            self.status &= !STATUS_ACTIVE;
        }
    }
}
