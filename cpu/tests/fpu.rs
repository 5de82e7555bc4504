//! What surrounds x87 arithmetic: traps, FERR#, pointers and the state images in every layout.
#![allow(clippy::unwrap_used)]

use iced_x86::IcedError;
use iced_x86::code_asm::*;
use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_cpu::regs::Segment;
use rewind86_cpu::{Cpu, Exit};

/// Records FERR# and raises INTR with it, as a PC's IRQ 13 does.
#[derive(Default)]
struct Board {
    ferr: Vec<(u64, bool)>,
    interrupts: bool,
}

impl Bus for Board {
    fn io_read(&mut self, _: &mut Lines, _: u64, _: u16, _: u8) -> u32 {
        0xFF
    }
    fn io_write(&mut self, _: &mut Lines, _: u64, _: u16, _: u8, _: u32) {}
    fn mmio_read(&mut self, _: &mut Lines, _: u64, _: u64, _: u8) -> u64 {
        0xFF
    }
    fn mmio_write(&mut self, _: &mut Lines, _: u64, _: u64, _: u8, _: u64) {}
    fn int_ack(&mut self, lines: &mut Lines, _: u64) -> u8 {
        lines.intr = false;
        0x75
    }
    fn ferr(&mut self, lines: &mut Lines, icount: u64, asserted: bool) {
        self.ferr.push((icount, asserted));
        lines.intr = asserted && self.interrupts;
    }
}

/// A real-mode machine: code at 1000:0100, data at 2000:0000, and handlers of all vectors that halt at 0050:vector.
struct Real {
    cpu: Cpu,
    mem: PhysMem,
    board: Board,
}

const CODE_SEG: u16 = 0x1000;
const DATA_SEG: u16 = 0x2000;
const START: u64 = 0x100;

impl Real {
    fn new(build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) -> Self {
        let mut mem = PhysMem::new(1 << 20, 0);
        mem.map(0, 256, Some(0), Some(0));
        for vector in 0..256u16 {
            mem.write(4 * u64::from(vector), &[vector as u8, 0, 0x50, 0]);
            mem.write(0x500 + u64::from(vector), &[0xF4]);
        }
        let mut a = CodeAssembler::new(16).unwrap();
        build(&mut a).unwrap();
        a.hlt().unwrap();
        mem.write(u64::from(CODE_SEG) * 16 + START, &a.assemble(START).unwrap());
        let mut cpu = Cpu::new(Model::parse(",+fxsr,+sse3").unwrap());
        let mut s = cpu.save();
        s.seg = [Segment::real(DATA_SEG); 6];
        s.seg[1] = Segment::real(CODE_SEG);
        s.rip = START;
        s.gpr[4] = 0x8000;
        cpu.load(&s);
        cpu.lines.deadline = u64::MAX;
        Self { cpu, mem, board: Board::default() }
    }

    fn with_cr0(mut self, set: u64) -> Self {
        let mut s = self.cpu.save();
        s.sys.cr0 |= set;
        self.cpu.load(&s);
        self.cpu.lines.deadline = u64::MAX;
        self
    }

    /// Runs to a HLT; gives the vector whose handler that is, if it is one.
    fn run(&mut self) -> Option<u64> {
        assert_eq!(self.cpu.run(&mut self.mem, &mut self.board, 1000), Exit::Halted);
        let s = self.cpu.save();
        (s.seg[1].selector == 0x50).then(|| s.rip - 1)
    }

    fn bytes(&mut self, at: u64, n: usize) -> Vec<u8> {
        let mut b = vec![0; n];
        self.mem.read(u64::from(DATA_SEG) * 16 + at, &mut b);
        b
    }

    fn word(&mut self, at: u64) -> u16 {
        let b = self.bytes(at, 2);
        u16::from_le_bytes([b[0], b[1]])
    }
}

const MP: u64 = 2;
const EM: u64 = 4;
const TS: u64 = 8;
const NE: u64 = 32;

#[test]
fn emulation_and_task_switch_trap_every_x87_instruction() {
    for bit in [EM, TS] {
        assert_eq!(Real::new(|a| a.fninit()).with_cr0(bit).run(), Some(7));
        assert_eq!(Real::new(|a| a.fnstsw(ax)).with_cr0(bit).run(), Some(7));
        assert_eq!(Real::new(|a| a.fld1()).with_cr0(bit | MP).run(), Some(7));
    }
}

#[test]
fn wait_traps_only_with_monitor_coprocessor_and_task_switch() {
    assert_eq!(Real::new(|a| a.wait()).with_cr0(TS).run(), None);
    assert_eq!(Real::new(|a| a.wait()).with_cr0(EM | MP).run(), None);
    assert_eq!(Real::new(|a| a.wait()).with_cr0(TS | MP).run(), Some(7));
}

/// Unmasks division by zero and divides one by zero.
fn divide_by_zero(a: &mut CodeAssembler) -> Result<(), IcedError> {
    a.fninit()?;
    a.mov(word_ptr(0x80), 0x037Bu32)?;
    a.fldcw(word_ptr(0x80))?;
    a.fld1()?;
    a.fldz()?;
    a.fdivp(st1, st0)
}

#[test]
fn a_pending_exception_faults_at_the_next_waiting_instruction() {
    let mut m = Real::new(|a| {
        divide_by_zero(a)?;
        a.fnstsw(word_ptr(0x90))?;
        a.fld1()
    })
    .with_cr0(NE);
    assert_eq!(m.run(), Some(16));
    // ZE, ES, B; nothing was popped or stored.
    assert_eq!(m.word(0x90), 0x8084 | 6 << 11);
    assert!(m.board.ferr.is_empty());
    let mut m = Real::new(|a| {
        divide_by_zero(a)?;
        a.wait()
    })
    .with_cr0(NE);
    assert_eq!(m.run(), Some(16));
    let mut m = Real::new(|a| {
        divide_by_zero(a)?;
        a.fnclex()?;
        a.fld1()
    })
    .with_cr0(NE);
    assert_eq!(m.run(), None);
}

#[test]
fn without_native_errors_ferr_is_asserted_at_once_and_dropped_by_clearing() {
    let mut m = Real::new(|a| {
        divide_by_zero(a)?;
        a.nop()?;
        a.fnclex()
    });
    assert_eq!(m.run(), None);
    assert_eq!(m.board.ferr, [(5, true), (7, false)]);
}

#[test]
fn the_interrupt_of_ferr_comes_right_behind_the_instruction() {
    for block in [1, 64] {
        let mut m = Real::new(|a| {
            a.sti()?;
            divide_by_zero(a)?;
            a.inc(cx)?;
            a.inc(cx)
        });
        m.cpu.set_block_ops(block);
        m.board.interrupts = true;
        assert_eq!(m.run(), Some(0x75));
        assert_eq!(m.cpu.gpr(1), 0);
    }
}

#[test]
fn the_real_mode_environment_holds_linear_addresses_and_the_opcode() {
    let mut m = Real::new(|a| {
        a.fninit()?;
        a.fld(dword_ptr(0x1234))?;
        a.fnstenv(ptr(0x10))
    });
    assert_eq!(m.run(), None);
    assert_eq!(m.word(0x10), 0x037F);
    assert_eq!(m.word(0x12), 7 << 11);
    assert_eq!(m.word(0x14), 0x7FFF, "R7 holds zero");
    // FNINIT is two bytes long; FLD m32 with a 16-bit displacement is D9 06.
    assert_eq!(m.word(0x16), 0x0102);
    assert_eq!(m.word(0x18), 0x1000 | 0x106);
    assert_eq!(m.word(0x1A), 0x1234);
    assert_eq!(m.word(0x1C), 0x2000);
}

#[test]
fn the_wide_real_mode_environment_splits_the_addresses() {
    let mut m = Real::new(|a| {
        a.fninit()?;
        a.fld(dword_ptr(0x1234))?;
        // FNSTENV with a 32-bit operand size.
        a.db(&[0x66, 0xD9, 0x36, 0x10, 0x00])
    });
    assert_eq!(m.run(), None);
    assert_eq!(m.bytes(0x10, 12), [0x7F, 3, 0xFF, 0xFF, 0, 0x38, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF]);
    assert_eq!(m.bytes(0x1C, 8), [0x02, 0x01, 0xFF, 0xFF, 0x06, 0x11, 0, 0]);
    assert_eq!(m.bytes(0x24, 8), [0x34, 0x12, 0xFF, 0xFF, 0, 0x20, 0, 0]);
}

#[test]
fn save_and_restore_are_inverse_and_save_initialises() {
    for prefix in [&[][..], &[0x66]] {
        let mut m = Real::new(|a| {
            a.fninit()?;
            a.fldpi()?;
            a.fld1()?;
            a.fldz()?;
            a.fchs()?;
            a.fincstp()?;
            // FNSAVE, look at the state, FRSTOR, FNSAVE elsewhere.
            a.db(&[prefix, &[0xDD, 0x36, 0x00, 0x01]].concat())?;
            a.fnstsw(word_ptr(0x90))?;
            a.fnstcw(word_ptr(0x92))?;
            a.db(&[prefix, &[0xDD, 0x26, 0x00, 0x01]].concat())?;
            a.db(&[prefix, &[0xDD, 0x36, 0x00, 0x02]].concat())
        });
        assert_eq!(m.run(), None);
        assert_eq!((m.word(0x90), m.word(0x92)), (0, 0x037F));
        assert_eq!(m.bytes(0x100, 108), m.bytes(0x200, 108));
        let registers = if prefix.is_empty() { 14 } else { 28 };
        // ST(0) is R6 (one), ST(7) is R5 (minus zero), which FINCSTP left in use.
        assert_eq!(m.bytes(0x100 + registers, 10), [0, 0, 0, 0, 0, 0, 0, 0x80, 0xFF, 0x3F]);
        assert_eq!(m.bytes(0x100 + registers + 70, 10), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    }
}

#[test]
fn storing_the_environment_masks_exceptions_and_loading_it_brings_them_back() {
    let mut m = Real::new(|a| {
        divide_by_zero(a)?;
        a.fnstenv(ptr(0x10))?;
        a.fnstsw(word_ptr(0x90))?;
        a.fld1()?;
        a.fldenv(ptr(0x10))?;
        a.fnstsw(word_ptr(0x92))?;
        a.fld1()
    })
    .with_cr0(NE);
    assert_eq!(m.run(), Some(16));
    assert_eq!(m.word(0x90) & 0x80FF, 0x04);
    assert_eq!(m.word(0x92) & 0x80FF, 0x8084);
}

/// Flat protected mode with the same program.
fn protected(build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) -> (Cpu, PhysMem) {
    let mut mem = PhysMem::new(1 << 20, 0);
    mem.map(0, 256, Some(0), Some(0));
    let mut a = CodeAssembler::new(32).unwrap();
    build(&mut a).unwrap();
    a.hlt().unwrap();
    mem.write(0x1_0000, &a.assemble(0x1_0000).unwrap());
    let mut cpu = Cpu::new(Model::parse(",+fxsr,+sse3").unwrap());
    cpu.start_flat32(0x1_0000, 0, 0, 0x8_0000);
    (cpu, mem)
}

fn at(mem: &mut PhysMem, at: u64, n: usize) -> Vec<u8> {
    let mut b = vec![0; n];
    mem.read(at, &mut b);
    b
}

#[test]
fn the_protected_mode_environments_hold_selectors_and_offsets() {
    let (mut cpu, mut mem) = protected(|a| {
        a.fninit()?;
        a.fld(qword_ptr(0x2_1234))?;
        a.fnstenv(ptr(0x3_0000))?;
        a.db(&[0x66, 0xD9, 0x35, 0x00, 0x01, 0x03, 0x00])
    });
    assert_eq!(cpu.run(&mut mem, &mut Board::default(), 1000), Exit::Halted);
    assert_eq!(at(&mut mem, 0x3_000C, 8), [0x02, 0x00, 0x01, 0x00, 0x08, 0x00, 0x05, 0x05]);
    assert_eq!(at(&mut mem, 0x3_0014, 8), [0x34, 0x12, 0x02, 0x00, 0x10, 0x00, 0xFF, 0xFF]);
    assert_eq!(at(&mut mem, 0x3_0106, 8), [0x02, 0x00, 0x08, 0x00, 0x34, 0x12, 0x10, 0x00]);
}

#[test]
fn fxsave_and_fxrstor_are_inverse() {
    let (mut cpu, mut mem) = protected(|a| {
        a.fninit()?;
        a.fldpi()?;
        a.fldl2e()?;
        a.fxsave(ptr(0x3_0000))?;
        a.fninit()?;
        a.fldz()?;
        a.fxrstor(ptr(0x3_0000))?;
        a.fxsave(ptr(0x3_0200))
    });
    assert_eq!(cpu.run(&mut mem, &mut Board::default(), 1000), Exit::Halted);
    let image = at(&mut mem, 0x3_0000, 464);
    assert_eq!(image, at(&mut mem, 0x3_0200, 464));
    // Control, status with TOP = 6, two registers in use, FLDL2E is D9 EA.
    assert_eq!(image[..8], [0x7F, 0x03, 0x00, 0x30, 0xC0, 0, 0xEA, 0x01]);
    assert_eq!(image[48..58], [0x35, 0xC2, 0x68, 0x21, 0xA2, 0xDA, 0x0F, 0xC9, 0x00, 0x40]);
}

#[test]
fn a_store_that_faults_leaves_the_unit_alone() {
    // FSTP m80 at the end of the segment: the last two bytes are beyond its limit.
    let mut m = Real::new(|a| {
        a.fninit()?;
        a.fld1()?;
        a.fstp(tbyte_ptr(0xFFF8))
    });
    assert_eq!(m.run(), Some(13));
    let s = m.cpu.save();
    assert_eq!((s.fpu.top, s.fpu.tags), (7, 0x80));
    assert_eq!(m.bytes(0xFFF8, 8), [0; 8]);
}
