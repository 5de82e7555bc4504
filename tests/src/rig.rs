//! A core with flat RAM and a bus that answers FFh: where single instructions are tried.

use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::{PAGE, PhysMem};
use rewind86_cpu::model::Model;
use rewind86_cpu::{Cpu, Exit};

/// All reads give FFh, writes are lost.
pub struct OpenBus;

impl Bus for OpenBus {
    fn io_read(&mut self, _: &mut Lines, _: u64, _: u16, size: u8) -> u32 {
        u32::MAX >> (32 - 8 * u32::from(size))
    }
    fn io_write(&mut self, _: &mut Lines, _: u64, _: u16, _: u8, _: u32) {}
    fn mmio_read(&mut self, _: &mut Lines, _: u64, _: u64, _: u8) -> u64 {
        u64::MAX
    }
    fn mmio_write(&mut self, _: &mut Lines, _: u64, _: u64, _: u8, _: u64) {}
    fn int_ack(&mut self, _: &mut Lines, _: u64) -> u8 {
        0xFF
    }
    fn ferr(&mut self, _: &mut Lines, _: u64, _: bool) {}
}

/// Core, memory and open bus.
pub struct Rig {
    /// The core.
    pub cpu: Cpu,
    /// Its memory, mapped flat from 0.
    pub mem: PhysMem,
}

impl Rig {
    /// A rig with `ram` bytes.
    ///
    /// # Panics
    /// When `model` is no CPU model.
    #[allow(clippy::expect_used)]
    pub fn new(model: &str, ram: u64) -> Self {
        let mut mem = PhysMem::new(ram, 0);
        mem.map(0, ram / PAGE as u64, Some(0), Some(0));
        mem.take_dirty(|_| {});
        Self { cpu: Cpu::new(Model::parse(model).expect("a CPU model")), mem }
    }

    /// Runs at most `n` more instructions.
    pub fn run(&mut self, n: u64) -> Exit {
        let limit = self.cpu.icount() + n;
        self.cpu.run(&mut self.mem, &mut OpenBus, limit)
    }

    /// Zeroes every page written since the last call.
    pub fn clear(&mut self) {
        let mut pages = Vec::new();
        self.mem.take_dirty(|p| pages.push(p));
        for p in pages {
            self.mem.write_backing(p, 0, &[0; PAGE]);
        }
        self.mem.take_dirty(|_| {});
    }

    /// One byte.
    pub fn byte(&self, addr: u64) -> u8 {
        let mut b = [0];
        self.mem.read(addr, &mut b);
        b[0]
    }
}
