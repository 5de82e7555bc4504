//! A core with flat RAM, a board of ports, and helpers to lay out tables and code.

use iced_x86::IcedError;
use iced_x86::code_asm::CodeAssembler;
use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_cpu::regs::Segment;
use rewind86_cpu::{Cpu, CpuState, Exit};

/// Ports that remember, and one interrupt vector.
#[derive(Default)]
pub struct Board {
    pub outs: Vec<(u16, u8, u32)>,
    pub input: u32,
    pub vector: u8,
    /// Raise INTR when this port is written.
    pub intr_on: Option<u16>,
    /// Raise INTR when the task priority is written.
    pub intr_on_priority: bool,
}

impl Bus for Board {
    fn io_read(&mut self, _: &mut Lines, _: u64, _: u16, _: u8) -> u32 {
        self.input
    }
    fn io_write(&mut self, lines: &mut Lines, _: u64, port: u16, size: u8, value: u32) {
        self.outs.push((port, size, value));
        if self.intr_on == Some(port) {
            lines.intr = true;
        }
    }
    fn mmio_read(&mut self, _: &mut Lines, _: u64, _: u64, _: u8) -> u64 {
        0xFF
    }
    fn mmio_write(&mut self, _: &mut Lines, _: u64, _: u64, _: u8, _: u64) {}
    fn int_ack(&mut self, lines: &mut Lines, _: u64) -> u8 {
        lines.intr = false;
        self.vector
    }
    fn apic_written(&mut self, lines: &mut Lines, _: u64) {
        lines.intr |= self.intr_on_priority;
    }
    fn ferr(&mut self, _: &mut Lines, _: u64, _: bool) {}
}

/// Core, memory and board.
pub struct Rig {
    pub cpu: Cpu,
    pub mem: PhysMem,
    pub board: Board,
}

/// Machine code for `bits`-bit mode at `at`.
pub fn assemble(bits: u32, at: u64, build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) -> Vec<u8> {
    let mut a = CodeAssembler::new(bits).unwrap();
    build(&mut a).unwrap();
    a.assemble(at).unwrap()
}

impl Rig {
    /// A core after reset with 4 MiB of RAM.
    pub fn new(model: &str) -> Self {
        let mut mem = PhysMem::new(4 << 20, 0);
        mem.map(0, 1024, Some(0), Some(0));
        Self { cpu: Cpu::new(Model::parse(model).unwrap()), mem, board: Board::default() }
    }

    /// Real mode at 0000:7C00 with a stack below.
    pub fn real(model: &str, code: &[u8]) -> Self {
        let mut rig = Self::new(model);
        rig.write(0x7C00, code);
        rig.edit(|s| {
            s.rip = 0x7C00;
            s.gpr[4] = 0x7000;
            s.seg = [Segment::real(0); 6];
        });
        rig
    }

    /// Changes the architectural state by hand.
    pub fn edit(&mut self, f: impl FnOnce(&mut CpuState)) {
        let mut s = self.cpu.save();
        f(&mut s);
        self.cpu.load(&s);
        self.cpu.lines.deadline = u64::MAX;
    }

    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        self.mem.write(at, bytes);
    }

    pub fn write16(&mut self, at: u64, value: u16) {
        self.mem.write(at, &value.to_le_bytes());
    }

    pub fn write32(&mut self, at: u64, value: u32) {
        self.mem.write(at, &value.to_le_bytes());
    }

    pub fn write64(&mut self, at: u64, value: u64) {
        self.mem.write(at, &value.to_le_bytes());
    }

    pub fn read16(&self, at: u64) -> u16 {
        let mut b = [0; 2];
        self.mem.read(at, &mut b);
        u16::from_le_bytes(b)
    }

    pub fn read32(&self, at: u64) -> u32 {
        let mut b = [0; 4];
        self.mem.read(at, &mut b);
        u32::from_le_bytes(b)
    }

    pub fn read64(&self, at: u64) -> u64 {
        let mut b = [0; 8];
        self.mem.read(at, &mut b);
        u64::from_le_bytes(b)
    }

    /// Runs at most `n` more instructions.
    pub fn run(&mut self, n: u64) -> Exit {
        let limit = self.cpu.icount() + n;
        self.cpu.run(&mut self.mem, &mut self.board, limit)
    }

    /// Runs until HLT.
    pub fn until_halt(&mut self) -> CpuState {
        assert_eq!(self.run(10_000), Exit::Halted, "at {:x}", self.cpu.rip());
        self.cpu.save()
    }

    /// Runs exactly `n` instructions.
    pub fn steps(&mut self, n: u64) -> CpuState {
        assert_eq!(self.run(n), Exit::Limit);
        self.cpu.save()
    }
}
