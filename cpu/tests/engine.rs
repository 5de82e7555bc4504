//! The engine keeps its promises: exact instruction counts whatever the block shape, self-modifying code, code that
//! crosses pages, repeats that are interrupted in the middle.

#![allow(clippy::unwrap_used)]

use iced_x86::IcedError;
use iced_x86::code_asm::*;
use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_cpu::{Cpu, CpuState, Exit};

struct NoBus;
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

struct Rig {
    cpu: Cpu,
    mem: PhysMem,
}

impl Rig {
    fn new(at: u32, code: &[u8], block_ops: usize) -> Self {
        let mut mem = PhysMem::new(4 << 20, 0);
        mem.map(0, 1024, Some(0), Some(0));
        mem.write(u64::from(at), code);
        let mut cpu = Cpu::new(Model::parse("").unwrap());
        cpu.set_block_ops(block_ops);
        cpu.start_flat32(at, 0, 0, 0x8_0000);
        Self { cpu, mem }
    }

    fn run_to(&mut self, icount: u64) -> CpuState {
        assert_eq!(self.cpu.run(&mut self.mem, &mut NoBus, icount), Exit::Limit);
        assert_eq!(self.cpu.icount(), icount);
        self.cpu.save()
    }
}

fn assemble(at: u32, build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) -> Vec<u8> {
    let mut a = CodeAssembler::new(32).unwrap();
    build(&mut a).unwrap();
    a.assemble(u64::from(at)).unwrap()
}
/// Loops, calls, memory, a repeat, and code that rewrites itself: something of everything, for ever.
fn mixture(a: &mut CodeAssembler) -> Result<(), IcedError> {
    let (mut top, mut sub, mut patch, mut back, mut start) =
        (a.create_label(), a.create_label(), a.create_label(), a.create_label(), a.create_label());
    // A short jump is two bytes, so the immediate of the subroutine behind it is byte 3.
    a.jmp(start)?;
    a.set_label(&mut patch)?;
    a.mov(al, 1)?;
    a.ret()?;
    a.set_label(&mut start)?;
    a.mov(esp, 0x8_0000)?;
    a.set_label(&mut top)?;
    a.mov(ecx, 5)?;
    a.set_label(&mut back)?;
    a.add(eax, 0x1234567)?;
    a.xor(ebx, eax)?;
    a.mov(dword_ptr(0x2_0000) + ecx * 4, ebx)?;
    a.adc(edx, dword_ptr(0x2_0000) + ecx * 4)?;
    a.dec(ecx)?;
    a.jne(back)?;
    a.call(sub)?;
    a.mov(esi, 0x2_0000)?;
    a.mov(edi, 0x3_0000)?;
    a.mov(ecx, 7)?;
    a.rep().movsd()?;
    a.inc(byte_ptr(0x1_0003))?;
    a.call(patch)?;
    a.jmp(top)?;
    a.set_label(&mut sub)?;
    a.push(eax)?;
    a.ror(eax, 3)?;
    a.sbb(ebp, eax)?;
    a.pop(eax)?;
    a.ret()?;
    Ok(())
}

#[test]
fn block_shape_is_not_observable() {
    let code = assemble(0x1_0000, mixture);
    let mut whole = Rig::new(0x1_0000, &code, 64);
    let mut single = Rig::new(0x1_0000, &code, 1);
    let mut stepped = Rig::new(0x1_0000, &code, 64);
    for n in 1..3000 {
        stepped.run_to(n);
        if n % 37 == 0 {
            let state = whole.run_to(n);
            assert_eq!(state, single.run_to(n), "at {n}");
            assert_eq!(state, stepped.run_to(n), "at {n}");
        }
    }
}

#[test]
fn code_across_a_page_boundary_runs_and_can_be_rewritten() {
    // MOV EAX, imm32 whose immediate lies half in the next page, then an increment of that half.
    let at = 0x1_0FFD;
    let code = assemble(at, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.mov(eax, 0x0403_0201)?;
        a.inc(byte_ptr(0x1_1001))?;
        a.jmp(top)
    });
    let mut rig = Rig::new(at, &code, 64);
    assert_eq!(rig.run_to(1).gpr[0], 0x0403_0201);
    assert_eq!(rig.run_to(4).gpr[0], 0x0503_0201);
    assert_eq!(rig.run_to(7).gpr[0], 0x0603_0201);
}

#[test]
fn a_store_into_the_next_instruction_takes_effect_at_once() {
    let code = assemble(0x1_0000, |a| {
        // The store is seven bytes long; its target is the immediate behind it.
        a.mov(byte_ptr(0x1_0008), 7)?;
        a.mov(al, 1)?;
        a.nop()
    });
    let mut rig = Rig::new(0x1_0000, &code, 64);
    assert_eq!(rig.run_to(2).gpr[0] & 0xFF, 7);
}

#[test]
fn a_repeat_counts_each_iteration_and_stops_in_the_middle() {
    let code = assemble(0x1_0000, |a| {
        a.mov(ecx, 100)?;
        a.mov(edi, 0x2_0FF0)?;
        a.mov(eax, 0x55)?;
        a.rep().stosb()?;
        a.mov(eax, 1)?;
        a.nop()
    });
    let mut rig = Rig::new(0x1_0000, &code, 64);
    let middle = rig.run_to(3 + 40);
    assert_eq!((middle.gpr[1], middle.gpr[7]), (60, 0x2_0FF0 + 40));
    assert_eq!(middle.rip, rig.run_to(3 + 41).rip);
    let done = rig.run_to(3 + 100);
    assert_eq!((done.gpr[1], done.gpr[0]), (0, 0x55));
    assert_eq!(rig.run_to(3 + 101).gpr[0], 1);
    let mut bytes = [0; 102];
    rig.mem.read(0x2_0FEF, &mut bytes);
    assert_eq!((bytes[0], bytes[101]), (0, 0));
    assert!(bytes[1..101].iter().all(|&b| b == 0x55));
}

#[test]
fn a_repeat_with_no_count_is_one_instruction() {
    let code = assemble(0x1_0000, |a| {
        a.xor(ecx, ecx)?;
        a.rep().movsb()?;
        a.mov(eax, 9)?;
        a.nop()
    });
    assert_eq!(Rig::new(0x1_0000, &code, 64).run_to(3).gpr[0], 9);
}

#[test]
fn overlapping_moves_copy_byte_by_byte() {
    let code = assemble(0x1_0000, |a| {
        a.mov(ecx, 50)?;
        a.mov(esi, 0x2_0000)?;
        a.mov(edi, 0x2_0003)?;
        a.rep().movsb()?;
        a.nop()
    });
    let mut rig = Rig::new(0x1_0000, &code, 64);
    rig.mem.write(0x2_0000, b"abc");
    rig.run_to(54);
    let mut bytes = [0; 53];
    rig.mem.read(0x2_0000, &mut bytes);
    assert!(bytes.iter().enumerate().all(|(i, &b)| b == b"abc"[i % 3]));
}

#[test]
fn dma_into_decoded_code_is_seen() {
    let code = assemble(0x1_0000, |a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.mov(al, 1)?;
        a.jmp(top)
    });
    let mut rig = Rig::new(0x1_0000, &code, 64);
    assert_eq!(rig.run_to(101).gpr[0] & 0xFF, 1);
    rig.mem.write(0x1_0001, &[2]);
    assert_eq!(rig.run_to(103).gpr[0] & 0xFF, 2);
}

/// A branch that ends a run has not arrived yet: what is loaded or delivered in between must not be taken for its target.
#[test]
fn a_branch_is_linked_to_its_target_only() {
    const AT: u32 = 0x1000;
    let code = assemble(AT, |a| {
        let (mut top, mut next, mut other) = (a.create_label(), a.create_label(), a.create_label());
        a.set_label(&mut top)?;
        a.add(eax, 1)?;
        a.jmp(next)?;
        a.set_label(&mut other)?;
        a.add(ecx, 1)?;
        a.jmp(other)?;
        a.set_label(&mut next)?;
        a.add(ebx, 1)?;
        a.jmp(top)
    });
    let other = u64::from(AT) + 5;
    let mut rig = Rig::new(AT, &code, 64);
    for n in 1..60 {
        let here = rig.run_to(n);
        let elsewhere = CpuState { rip: other, ..here.clone() };
        rig.cpu.load(&elsewhere);
        rig.run_to(n + 7);
        rig.cpu.load(&here);
        let there = rig.run_to(n + 50);
        assert_eq!(there, Rig::new(AT, &code, 64).run_to(n + 50), "after {n}");
        rig.cpu.load(&here);
    }
}

#[test]
fn an_instruction_across_a_page_is_kept_and_follows_its_bytes() {
    // The immediate of the first instruction begins on one page and ends on the next, at each of its bytes; every turn
    // changes its first byte there.
    for before in 1..=4u32 {
        let (page, at) = (0x2_0000, 0x2_0000 - before);
        let code = assemble(at, |a| {
            let mut top = a.create_label();
            a.set_label(&mut top)?;
            a.mov(eax, 0x1122_3344)?;
            a.add(ebx, eax)?;
            a.inc(byte_ptr(page))?;
            a.jmp(top)
        });
        let turns = 300u64;
        let mut expected = 0u32;
        let mut imm = [0x44, 0x33, 0x22, 0x11];
        for _ in 0..turns {
            expected = expected.wrapping_add(u32::from_le_bytes(imm));
            imm[before as usize - 1] = imm[before as usize - 1].wrapping_add(1);
        }
        for ops in [1, 64] {
            let mut rig = Rig::new(at, &code, ops);
            rig.run_to(4 * turns - 2);
            assert_eq!(rig.cpu.gpr(3) as u32, expected, "{before} bytes on the first page, blocks of {ops}");
        }
    }
}

#[test]
fn a_pair_of_compare_and_jump_is_two_instructions() {
    let code = assemble(0x1_0000, |a| {
        let (mut top, mut odd) = (a.create_label(), a.create_label());
        a.set_label(&mut top)?;
        a.inc(ecx)?;
        a.test(cl, 1)?;
        a.jne(odd)?;
        a.cmp(dword_ptr(0x3_0000), 0)?;
        a.je(top)?;
        a.set_label(&mut odd)?;
        a.dec(edx)?;
        a.jns(top)?;
        a.jmp(top)
    });
    let mut whole = Rig::new(0x1_0000, &code, 64);
    let mut stepped = Rig::new(0x1_0000, &code, 64);
    for n in 1..500 {
        let state = stepped.run_to(n);
        if n % 7 == 0 {
            assert_eq!(whole.run_to(n), state, "at {n}");
        }
    }
}

/// Asking for the written pages, as hashes and checkpoints do, keeps every translation: a guest that changes a page table
/// and does not invalidate what it changed sees the same with and without.
#[test]
fn asking_for_written_pages_is_not_observable() {
    const AT: u32 = 0x1000;
    let code = assemble(AT, |a| {
        let mut top = a.create_label();
        a.mov(eax, 0x10000)?;
        a.mov(cr3, eax)?;
        a.mov(eax, cr0)?;
        a.or(eax, 0x8000_0000_u32 as i32)?;
        a.mov(cr0, eax)?;
        a.set_label(&mut top)?;
        a.inc(dword_ptr(0x5000))?;
        a.xor(dword_ptr(0x11014), 0x3000)?;
        a.inc(dword_ptr(0x5000))?;
        a.add(dword_ptr(0x5008), edi)?;
        a.mov(ebx, dword_ptr(0x5000))?;
        a.add(edi, 1)?;
        a.test(edi, 7)?;
        a.jne(top)?;
        a.invlpg(dword_ptr(0x5000))?;
        a.jmp(top)
    });
    let build = || {
        let mut rig = Rig::new(AT, &code, 64);
        rig.mem.write(0x10000, &0x11007_u32.to_le_bytes());
        for page in 0..0x20u32 {
            rig.mem.write(u64::from(0x11000 + 4 * page), &(page << 12 | 7).to_le_bytes());
        }
        rig
    };
    let bytes = |rig: &Rig| {
        let mut all = vec![0; 0x20000];
        rig.mem.read(0, &mut all);
        all
    };
    let (mut plain, mut asked) = (build(), build());
    asked.mem.take_dirty(|_| {});
    let mut copy = bytes(&asked);
    for n in 1..400 {
        assert_eq!(plain.run_to(n), asked.run_to(n), "after {n}");
        assert!(bytes(&plain) == bytes(&asked), "memory after {n}");
        // Every page that changed is named.
        let mut changed = bytes(&asked);
        asked.mem.take_dirty(|page| {
            let at = page as usize * 4096;
            if at < changed.len() {
                changed[at..at + 4096].copy_from_slice(&copy[at..at + 4096]);
            }
        });
        assert!(changed == copy, "a change went unnoticed at {n}");
        copy = bytes(&asked);
    }
}
