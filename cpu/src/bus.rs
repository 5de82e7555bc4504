//! What the core asks of the board: port and memory-mapped I/O, the interrupt acknowledge, and the lines that come back.
//!
//! RAM and ROM never pass through here (see [`crate::mem`]). Every call carries the instruction count at which it
//! happens, so the board can compute virtual time; the answer may move the deadline or ask the core to stop, and the
//! core obeys right after the instruction that made the access.

use serde::{Deserialize, Serialize};

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
    /// Interrupt acknowledge cycle: the vector of the highest pending request.
    fn int_ack(&mut self, lines: &mut Lines, icount: u64) -> u8;
    /// FERR#: an unmasked x87 exception is pending while CR0.NE is 0 (`true`), or was cleared (`false`).
    fn ferr(&mut self, lines: &mut Lines, icount: u64, asserted: bool);
}
