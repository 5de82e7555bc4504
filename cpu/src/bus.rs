//! What the core asks of the board: port and memory-mapped I/O, the interrupt acknowledge, and the lines that come back.
//!
//! RAM and ROM never pass through here (see [`crate::mem`]). Every call carries the instruction count at which it
//! happens, so the board can compute virtual time; the answer may move the deadline or ask the core to stop, and the
//! core obeys right after the instruction that made the access.

use serde::{Deserialize, Serialize};

/// The registers of the local APIC that instructions reach without its memory (SDM volume 3, 11.4.3, 11.8.3.1). The core
/// and the local APIC, which is one of the board's chips, share them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApicRegs {
    /// IA32_APIC_BASE; 0 for a model without a local APIC.
    pub base: u64,
    /// Task priority register; CR8 is its bits 7 to 4.
    pub tpr: u8,
}

impl ApicRegs {
    /// IA32_APIC_BASE: this is the bootstrap processor.
    pub const BSP: u64 = 1 << 8;
    /// IA32_APIC_BASE: the local APIC is on.
    pub const ENABLE: u64 = 1 << 11;
    /// Address of the registers after reset.
    pub const RESET_ADDRESS: u64 = 0xFEE0_0000;

    /// Whether there is a local APIC, and it is on.
    #[inline]
    pub fn enabled(&self) -> bool {
        self.base & Self::ENABLE != 0
    }

    /// Physical address of its registers.
    #[inline]
    pub fn address(&self) -> u64 {
        self.base & !0xFFF
    }
}

/// The lines from the board to a core. The board may change any of them in any [`Bus`] call and between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// INTR: the interrupt controller has a vector to deliver.
    pub intr: bool,
    /// NMI, edge: the core clears it when it takes the interrupt.
    pub nmi: bool,
    /// Instruction count at which the board wants control back (its earliest event).
    pub deadline: u64,
    /// The board wants control after this instruction: reset, A20, memory map, power-off, a stop.
    pub stop: bool,
    /// What the core and its local APIC share.
    pub apic: ApicRegs,
}

/// The board as a core sees it. `icount` is the number of instructions retired before the one that makes the access.
pub trait Bus {
    /// IN of `size` (1, 2, 4) bytes.
    fn io_read(&mut self, lines: &mut Lines, icount: u64, port: u16, size: u8) -> u32;
    /// OUT of `size` (1, 2, 4) bytes.
    fn io_write(&mut self, lines: &mut Lines, icount: u64, port: u16, size: u8, value: u32);
    /// Read of `size` (1, 2, 4, 8) bytes at a physical address that is neither RAM nor ROM. Never crosses a 4 KiB page.
    fn mmio_read(&mut self, lines: &mut Lines, icount: u64, addr: u64, size: u8) -> u64;
    /// Write of `size` (1, 2, 4, 8) bytes at a physical address that is not writable RAM.
    fn mmio_write(&mut self, lines: &mut Lines, icount: u64, addr: u64, size: u8, value: u64);
    /// Writes of `data` in ascending order from `addr` on, all in one 4 KiB page, where neither their size nor the moment
    /// of each matters: `true` when they were made, `false` when each must come as a [`Bus::mmio_write`].
    fn mmio_write_run(&mut self, _lines: &mut Lines, _addr: u64, _data: &[u8]) -> bool {
        false
    }
    /// An instruction wrote [`Lines::apic`].
    fn apic_written(&mut self, _lines: &mut Lines, _icount: u64) {}
    /// Interrupt acknowledge cycle: the vector of the highest pending request.
    fn int_ack(&mut self, lines: &mut Lines, icount: u64) -> u8;
    /// FERR#: an unmasked x87 exception is pending while CR0.NE is 0 (`true`), or was cleared (`false`).
    fn ferr(&mut self, lines: &mut Lines, icount: u64, asserted: bool);
}
