//! The core in 64-bit mode with all register files, and random states of them.

use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_cpu::regs::{Segment, attr};
use rewind86_cpu::state::{CpuState, cr0, cr4, efer};
use rewind86_cpu::{Cpu, Exit};

pub struct NoBus;
impl Bus for NoBus {
    fn io_read(&mut self, _: &mut Lines, _: u64, _: u16, _: u8) -> u32 {
        0xFF
    }
    fn io_write(&mut self, _: &mut Lines, _: u64, _: u16, _: u8, _: u32) {}
    fn mmio_read(&mut self, _: &mut Lines, _: u64, _: u64, _: u8) -> u64 {
        0xFF
    }
    fn mmio_write(&mut self, _: &mut Lines, _: u64, _: u64, _: u8, _: u64) {}
    fn int_ack(&mut self, _: &mut Lines, _: u64) -> u8 {
        0
    }
    fn ferr(&mut self, _: &mut Lines, _: u64, _: bool) {}
}

/// An FXSAVE image.
#[repr(C, align(16))]
#[derive(Clone, PartialEq)]
pub struct Image(pub [u8; 512]);

#[repr(C, align(16))]
#[derive(Clone, PartialEq)]
pub struct Memory(pub [u8; 64]);

/// Everything that goes in and comes out.
#[derive(Clone, PartialEq)]
pub struct State {
    pub fx: Image,
    pub memory: Memory,
    /// RAX, RCX, RDX.
    pub gpr: [u64; 3],
    pub flags: u64,
}

/// xorshift64*
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 32) % n
    }

    fn single(&mut self) -> u32 {
        let random = self.next() as u32;
        let exponent = match self.below(8) {
            0 => 0,
            1 => 0xFF,
            2 => 127 + self.below(40) as u32,
            3 => self.below(30) as u32,
            4 => 0xFE - self.below(30) as u32,
            _ => 120 + self.below(16) as u32,
        };
        let mantissa = match self.below(6) {
            0 => 0,
            1 => 1 << self.below(23),
            2 => u32::MAX << self.below(23),
            _ => random,
        };
        random & 1 << 31 | exponent << 23 | mantissa & 0x7F_FFFF
    }

    fn double(&mut self) -> u64 {
        let random = self.next();
        let exponent = match self.below(8) {
            0 => 0,
            1 => 0x7FF,
            2 => 1023 + self.below(70),
            3 => self.below(60),
            4 => 0x7FE - self.below(60),
            5 => 1023 - 150 + self.below(300),
            _ => 1016 + self.below(16),
        };
        let mantissa = match self.below(6) {
            0 => 0,
            1 => 1 << self.below(52),
            2 => u64::MAX << self.below(52),
            _ => random,
        };
        random & 1 << 63 | exponent << 52 | mantissa & ((1 << 52) - 1)
    }

    /// Four singles, two doubles, text, integers of some size.
    fn vector(&mut self, kind: u64) -> [u8; 16] {
        let mut v = [0u8; 16];
        match kind {
            0 => v.chunks_exact_mut(4).for_each(|c| c.copy_from_slice(&self.single().to_le_bytes())),
            1 => v.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&self.double().to_le_bytes())),
            2 => v.iter_mut().for_each(|b| *b = b"\0abcABC\x80"[self.below(8) as usize]),
            3 => v.chunks_exact_mut(2).for_each(|c| {
                let word = [0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x61, 0x62, 0x100][self.below(8) as usize];
                c.copy_from_slice(&u16::to_le_bytes(word));
            }),
            // A shift count.
            4 => v[0] = self.below(70) as u8,
            _ => v.iter_mut().for_each(|b| *b = self.next() as u8),
        }
        v
    }

    pub fn state(&mut self) -> State {
        let mut fx = [0u8; 512];
        fx[0..2].copy_from_slice(&0x037Fu16.to_le_bytes());
        fx[2..4].copy_from_slice(&(self.next() as u16 & 0x7F00).to_le_bytes());
        fx[4] = self.next() as u8;
        let mxcsr =
            0x1F80 | self.next() as u32 & 0x603F | if self.below(4) == 0 { self.next() as u32 & 0x8040 } else { 0 };
        fx[24..28].copy_from_slice(&mxcsr.to_le_bytes());
        let kind = self.below(6);
        for i in 0..8 {
            let v = self.vector(kind);
            fx[32 + 16 * i..42 + 16 * i].copy_from_slice(&v[..10]);
        }
        for i in 0..16 {
            let v = if i > 0 && self.below(8) == 0 {
                fx[160 + 16 * (i - 1)..160 + 16 * i].try_into().unwrap()
            } else {
                self.vector(kind)
            };
            fx[160 + 16 * i..176 + 16 * i].copy_from_slice(&v);
        }
        let mut memory = [0; 64];
        for c in memory.chunks_exact_mut(16) {
            c.copy_from_slice(&self.vector(kind));
        }
        let gpr = std::array::from_fn(|_| match self.below(4) {
            0 => self.below(40).wrapping_sub(20),
            _ => self.next() >> self.below(64),
        });
        State { fx: Image(fx), memory: Memory(memory), gpr, flags: self.next() & 0x8D5 | 2 }
    }
}

const PML4: u64 = 0x1000;
const PDPT: u64 = 0x2000;
const PD: u64 = 0x3000;
pub const CODE: u64 = 0x1_0000;
pub const DATA: u64 = 0x2_0000;

/// The core in 64-bit mode, the first 2 MiB mapped flat.
pub struct Core {
    pub cpu: Cpu,
    pub mem: PhysMem,
}

impl Core {
    pub fn new() -> Self {
        Self::of("nehalem,+aes,+pclmulqdq,+sha,+movbe,+xsave")
    }

    pub fn of(model: &str) -> Self {
        let mut mem = PhysMem::new(1 << 20, 0);
        mem.map(0, 256, Some(0), Some(0));
        mem.write(PML4, &(PDPT | 3).to_le_bytes());
        mem.write(PDPT, &(PD | 3).to_le_bytes());
        mem.write(PD, &0x83u64.to_le_bytes());
        let mut cpu = Cpu::new(Model::parse(model).unwrap());
        let mut s = cpu.save();
        let data = attr::P | attr::S | attr::RW | attr::A;
        s.seg = [Segment::new(0x10, 0, u32::MAX, data | attr::DB | attr::G); 6];
        s.seg[1] = Segment::new(8, 0, u32::MAX, data | attr::CODE | attr::L | attr::G);
        s.sys.cr0 = cr0::PE | cr0::ET | cr0::NE | cr0::PG;
        s.sys.cr3 = PML4;
        s.sys.cr4 = cr4::PAE | cr4::OSFXSR | cr4::OSXMMEXCPT;
        s.sys.efer = efer::LME | efer::LMA;
        cpu.load(&s);
        Self { cpu, mem }
    }

    pub fn edit(&mut self, f: impl FnOnce(&mut CpuState)) {
        let mut s = self.cpu.save();
        f(&mut s);
        self.cpu.load(&s);
        self.cpu.lines.deadline = u64::MAX;
    }

    pub fn run(&mut self, instruction: &[u8], state: &mut State) -> Exit {
        self.mem.write(CODE, instruction);
        let mut s = self.cpu.save();
        s.gpr[..3].copy_from_slice(&state.gpr);
        s.gpr[7] = DATA;
        s.rip = CODE;
        s.rflags = state.flags;
        s.sys.halted = false;
        self.cpu.load(&s);
        self.cpu.lines.deadline = u64::MAX;
        self.cpu.load_fxsave(&state.fx.0);
        self.mem.write(DATA, &state.memory.0);
        let exit = self.cpu.run(&mut self.mem, &mut NoBus, s.icount + 1);
        state.gpr = std::array::from_fn(|i| self.cpu.gpr(i));
        state.flags = self.cpu.rflags();
        state.fx = Image(self.cpu.fxsave_image());
        self.mem.read(DATA, &mut state.memory.0);
        exit
    }
}

/// The parts that the comparison leaves out: x87 pointers, MXCSR mask, the software's bytes.
pub fn blank(s: &mut State) {
    s.fx.0[5..24].fill(0);
    s.fx.0[28..32].fill(0);
    for i in 0..8 {
        s.fx.0[42 + 16 * i..48 + 16 * i].fill(0);
    }
    s.fx.0[416..].fill(0);
    s.flags = s.flags & 0x8D5 | 2;
}

pub fn describe(s: &State) -> String {
    let f = &s.fx.0;
    let word = |at: usize| u16::from_le_bytes([f[at], f[at + 1]]);
    let mut text =
        format!("fsw {:04X} tags {:02X} mxcsr {:04X} gpr {:X?} flags {:03X}", word(2), f[4], word(24), s.gpr, s.flags);
    for at in (32..416).step_by(16) {
        text += &format!("\n        {:032X}", u128::from_le_bytes(f[at..at + 16].try_into().unwrap()));
    }
    text + &format!("\n    mem {:02X?}", &s.memory.0[..16])
}

/// Lines of two descriptions that differ.
pub fn difference(input: &State, host: &State, model: &State) -> String {
    let (i, h, m) = (describe(input), describe(host), describe(model));
    let lines = i.lines().zip(h.lines()).zip(m.lines()).enumerate();
    lines
        .filter(|(_, ((_, h), m))| h != m)
        .map(|(n, ((i, h), m))| format!("\n  {n} in    {i}\n    host  {h}\n    model {m}"))
        .collect()
}
