//! A core with the least around it that its loops need: flat RAM, paging, a GDT, an IDT, a TSS, a board that is not
//! there. Shared by the benches and by the program that counts host instructions.
//!
//! Every loop runs for ever: [`Rig::run`] says how many instructions of it.

use iced_x86::IcedError;
use iced_x86::code_asm::*;
use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_cpu::regs::TableRegister;
use rewind86_cpu::{Cpu, Exit};

const MEMORY: u64 = 4 << 20;
const GDT: u64 = 0x1000;
const IDT: u64 = 0x2000;
const TSS: u64 = 0x3000;
const DIRECTORY: u64 = 0x4000;
const TABLE: u64 = 0x5000;
/// Where a loop's code lies.
pub const CODE: u64 = 0x1_0000;
/// Where the handlers of its interrupts lie, 64 bytes apart.
const HANDLERS: u64 = 0x2_0000;
const STACK0: u32 = 0x8_0000;
const STACK3: u32 = 0x9_0000;
/// Data of a loop: from here to the end of memory.
pub const DATA: u32 = 0x10_0000;
/// A linear page that no table maps.
pub const ABSENT: u32 = 0xF000_0000;
/// The 4 MiB of memory again, as often as there are directory entries from here on.
pub const ALIAS: u32 = 0x40_0000;
const ALIASES: u32 = 16;

const CS0: u16 = 0x08;
const DS0: u16 = 0x10;
const CS3: u16 = 0x1B;
const DS3: u16 = 0x23;
const TR: u16 = 0x28;

const PAGE_FAULT: u8 = 14;
/// Vector of INT n and of the board.
pub const VECTOR: u8 = 0x30;

/// A board whose port writes raise INTR.
struct Board;
impl Bus for Board {
    fn io_read(&mut self, _: &mut Lines, _: u64, _: u16, _: u8) -> u32 {
        u32::MAX
    }
    fn io_write(&mut self, lines: &mut Lines, _: u64, _: u16, _: u8, _: u32) {
        lines.intr = true;
    }
    fn mmio_read(&mut self, _: &mut Lines, _: u64, _: u64, _: u8) -> u64 {
        u64::MAX
    }
    fn mmio_write(&mut self, _: &mut Lines, _: u64, _: u64, _: u8, _: u64) {}
    fn int_ack(&mut self, lines: &mut Lines, _: u64) -> u8 {
        lines.intr = false;
        VECTOR
    }
    fn ferr(&mut self, _: &mut Lines, _: u64, _: bool) {}
}

/// Code of a loop.
pub type Build = fn(&mut CodeAssembler) -> Result<(), IcedError>;

/// Core, memory, and the code that runs.
pub struct Rig {
    cpu: Cpu,
    mem: PhysMem,
    code: Vec<u8>,
}

fn assemble(at: u64, build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) -> Vec<u8> {
    let mut a = CodeAssembler::new(32).unwrap();
    build(&mut a).unwrap();
    a.assemble(at).unwrap()
}

fn segment(base: u32, limit: u64, access: u64, flags: u64) -> u64 {
    let base = u64::from(base);
    limit & 0xFFFF | (base & 0xFF_FFFF) << 16 | access << 40 | (limit >> 16 & 15) << 48 | flags << 52 | base >> 24 << 56
}

impl Rig {
    /// The loop of `build` at ring 0 (or ring 3 when `user`), EDI and ESI at the data, about to run its first instruction.
    pub fn new(user: bool, build: Build) -> Self {
        let mut mem = PhysMem::new(MEMORY, 0);
        mem.map(0, MEMORY >> 12, Some(0), Some(0));
        let mut cpu = Cpu::new(Model::parse("").unwrap());
        cpu.start_flat32(CODE as u32, 0, 0, STACK0);
        let code = assemble(CODE, build);
        let mut rig = Self { cpu, mem, code };
        rig.tables();
        rig.write_code();
        rig.enter(user);
        rig
    }

    fn put<const N: usize>(&mut self, at: u64, bytes: [u8; N]) {
        self.mem.write(at, &bytes);
    }

    /// Descriptor tables, page tables, handlers.
    fn tables(&mut self) {
        let flat = |access| segment(0, 0xF_FFFF, access, 0xC);
        let tss = segment(TSS as u32, 0x67, 0x8B, 0);
        for (i, d) in [0, flat(0x9B), flat(0x93), flat(0xFB), flat(0xF3), tss].into_iter().enumerate() {
            self.put(GDT + 8 * i as u64, d.to_le_bytes());
        }
        self.put(TSS + 4, STACK0.to_le_bytes());
        self.put(TSS + 8, DS0.to_le_bytes());
        for page in 0..1024u32 {
            self.put(TABLE + 4 * u64::from(page), (page << 12 | 7).to_le_bytes());
        }
        for entry in 0..ALIASES {
            self.put(DIRECTORY + 4 * u64::from(entry), (TABLE as u32 | 7).to_le_bytes());
        }
        self.handler(VECTOR, |a| a.iretd());
        self.handler(PAGE_FAULT, |a| {
            // Steps over the access: a two-byte load.
            a.add(esp, 4)?;
            a.add(dword_ptr(esp), 2)?;
            a.iretd()
        });
    }

    fn handler(&mut self, vector: u8, build: Build) {
        let at = HANDLERS + 64 * u64::from(vector);
        let code = assemble(at, build);
        self.mem.write(at, &code);
        let gate = at & 0xFFFF | u64::from(CS0) << 16 | 0xEE00 << 32 | at >> 16 << 48;
        self.put(IDT + 8 * u64::from(vector), gate.to_le_bytes());
    }

    /// Writes the code again: what was decoded of it is dropped.
    pub fn write_code(&mut self) {
        self.mem.write(CODE, &self.code);
    }

    /// The bytes of the code.
    #[allow(dead_code)]
    pub fn code(&self) -> &[u8] {
        &self.code
    }

    /// Decodes the instruction that `bytes` begin with, without running it: its length.
    #[allow(dead_code)]
    pub fn decode(&mut self, bytes: &[u8]) -> Option<usize> {
        self.cpu.decode(bytes).map(|d| d.len)
    }

    fn enter(&mut self, user: bool) {
        let mut s = self.cpu.save();
        s.sys.gdtr = TableRegister { base: GDT, limit: 0x2F };
        s.sys.idtr = TableRegister { base: IDT, limit: 0x1FF };
        s.sys.cr3 = DIRECTORY;
        s.sys.cr0 |= 1 << 31;
        for seg in &mut s.seg {
            seg.selector = DS0;
        }
        s.seg[1].selector = CS0;
        s.sys.tr.selector = TR;
        s.sys.tr.base = TSS;
        s.sys.tr.limit = 0x67;
        s.gpr[6] = u64::from(DATA);
        s.gpr[7] = u64::from(DATA) + 0x1_0000;
        s.rflags |= 0x200;
        self.cpu.load(&s);
        self.cpu.lines.deadline = u64::MAX;
        if user {
            // IRET to ring 3 from a scrap of code: the segments come from their descriptors.
            let start = assemble(0x500, |a| {
                a.push(i32::from(DS3))?;
                a.push(STACK3 as i32)?;
                a.push(0x202)?;
                a.push(i32::from(CS3))?;
                a.push(CODE as i32)?;
                a.mov(eax, u32::from(DS3))?;
                a.mov(ds, ax)?;
                a.mov(es, ax)?;
                a.iretd()
            });
            self.mem.write(0x500, &start);
            self.cpu.set_rip(0x500);
            self.run(9);
        }
    }

    /// Runs `n` more instructions.
    pub fn run(&mut self, n: u64) {
        let limit = self.cpu.icount() + n;
        let exit = self.cpu.run(&mut self.mem, &mut Board, limit);
        assert_eq!(exit, Exit::Limit, "at {:x}", self.cpu.rip());
    }
}
