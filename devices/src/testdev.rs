//! The device that unit tests of processors expect beside the debug exit: a latch of four bytes at ports E0h to E3h,
//! 64 KiB of device memory at FF000000h, and the ISA interrupt lines at ports 2000h to 200Fh, driven by what is written.
//!
//! What it models: the parts of QEMU's `pc-testdev` (hw/misc/pc-testdev.c of that project) by which a test sees port and
//! memory accesses of every width arrive. Invariant: a machine without it keeps no memory for it.
//!
//! Not modelled: the inputs of the I/O APIC behind the ISA lines (2010h to 2017h) and the page at E4h.

use crate::ctx::Ctx;
use serde::{Deserialize, Serialize};

/// First of the latch's ports.
pub const PORT_FIRST: u16 = 0xE0;
/// Last of the latch's ports.
pub const PORT_LAST: u16 = 0xE3;
/// Drives IRQ0; the fifteen ports behind it the other ISA lines.
pub const PORT_LINES: u16 = 0x2000;
/// The last of these.
pub const PORT_LINES_LAST: u16 = 0x200F;
/// Where the memory lies.
pub const MEMORY: u64 = 0xFF00_0000;
/// How much there is of it.
const MEMORY_LEN: usize = 64 << 10;

/// The device, or its absence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestDevice {
    latch: [u8; 4],
    /// Empty when there is no such device.
    memory: Vec<u8>,
}

impl TestDevice {
    /// The device after power-on, or none.
    pub fn new(present: bool) -> Self {
        Self { latch: [0; 4], memory: if present { vec![0; MEMORY_LEN] } else { Vec::new() } }
    }

    /// Whether there is one.
    pub fn present(&self) -> bool {
        !self.memory.is_empty()
    }

    /// Reads the latch's byte at a port.
    pub fn read_port(&self, port: u16) -> u8 {
        if self.present() { self.latch[usize::from(port & 3)] } else { 0xFF }
    }

    /// Writes the latch's byte at a port.
    pub fn write_port(&mut self, port: u16, value: u8) {
        self.latch[usize::from(port & 3)] = value;
    }

    /// Drives the interrupt line of a port from [`PORT_LINES`] on: high for anything but 0.
    pub fn write_line(&self, ctx: &mut Ctx, port: u16, value: u8) {
        ctx.irq.set((port & 15) as u8, value != 0);
    }

    /// The bytes of an access to the memory.
    pub fn memory(&mut self, addr: u64, size: u8) -> Option<&mut [u8]> {
        let at = usize::try_from(addr.checked_sub(MEMORY)?).ok()?;
        self.memory.get_mut(at..at.checked_add(usize::from(size))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_of_every_width_stay() {
        let mut dev = TestDevice::new(true);
        dev.write_port(PORT_FIRST, 1);
        dev.write_port(PORT_LAST, 4);
        assert_eq!([PORT_FIRST, PORT_LAST].map(|p| dev.read_port(p)), [1, 4]);
        dev.memory(MEMORY + 8, 4).unwrap().copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(dev.memory(MEMORY + 9, 2).unwrap(), [2, 3]);
        assert!(dev.memory(MEMORY + 0xFFFF, 2).is_none() && dev.memory(MEMORY - 1, 1).is_none());
        let mut none = TestDevice::new(false);
        assert_eq!((none.read_port(PORT_FIRST), none.memory(MEMORY, 1)), (0xFF, None));
    }

    #[test]
    fn lines_are_driven_high_and_low() {
        let (mut sched, mut irq) = (crate::sched::Scheduler::default(), crate::ctx::IrqLines::default());
        let dev = TestDevice::new(true);
        for (port, value, levels) in
            [(PORT_LINES + 14, 1, 0x4000), (PORT_LINES_LAST, 9, 0xC000), (PORT_LINES + 14, 0, 0x8000)]
        {
            dev.write_line(&mut Ctx { now: 0, sched: &mut sched, irq: &mut irq }, port, value);
            assert_eq!(irq.levels(), levels);
        }
    }

    round_trip!(state_survives, TestDevice::new(true));
}
