//! A chain of ops takes no more of the host's stack than it may: where calls in tail position are jumps it takes almost
//! nothing, elsewhere chains are short (`build.rs`, `CHAIN_MAX`).
#![allow(clippy::unwrap_used)]

use iced_x86::code_asm::*;
use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_cpu::{Cpu, Exit};

/// Less than the longest chain would take at 64 bytes an op, if no call were a jump.
const STACK: usize = 224 << 10;

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

/// Loads and stores, branches of every kind, the stack, x87 and SSE, a repeat: a handler of each shape.
fn program() -> Vec<u8> {
    let mut a = CodeAssembler::new(32).unwrap();
    let (mut top, mut back, mut sub) = (a.create_label(), a.create_label(), a.create_label());
    // CR4.OSFXSR and OSXMMEXCPT: SSE is #UD without.
    a.mov(eax, 0x600).unwrap();
    a.mov(cr4, eax).unwrap();
    a.set_label(&mut top).unwrap();
    a.mov(ecx, 9).unwrap();
    a.set_label(&mut back).unwrap();
    a.add(eax, 0x123_4567).unwrap();
    a.mov(dword_ptr(0x2_0000) + ecx * 4, eax).unwrap();
    a.adc(edx, dword_ptr(0x2_0004) + ecx * 4).unwrap();
    a.xor(byte_ptr(0x2_0100), dl).unwrap();
    a.shld(ebx, eax, 5).unwrap();
    a.imul_2(ebx, eax).unwrap();
    a.cmovb(esi, ebx).unwrap();
    a.sete(al).unwrap();
    a.fld1().unwrap();
    a.fadd(dword_ptr(0x2_0200)).unwrap();
    a.fstp(qword_ptr(0x2_0208)).unwrap();
    a.paddd(xmm1, xmmword_ptr(0x2_0010)).unwrap();
    a.mulsd(xmm2, xmm1).unwrap();
    a.dec(ecx).unwrap();
    a.jne(back).unwrap();
    a.call(sub).unwrap();
    a.mov(esi, 0x2_0000).unwrap();
    a.mov(edi, 0x3_0000).unwrap();
    a.mov(ecx, 40).unwrap();
    a.rep().movsd().unwrap();
    a.jmp(top).unwrap();
    a.set_label(&mut sub).unwrap();
    a.push(ebx).unwrap();
    a.pushfd().unwrap();
    a.popfd().unwrap();
    a.pop(ebx).unwrap();
    a.ret().unwrap();
    a.assemble(0x1_0000).unwrap()
}

fn run() {
    let mut mem = PhysMem::new(1 << 20, 0);
    mem.map(0, 256, Some(0), Some(0));
    mem.write(0x1_0000, &program());
    let mut cpu = Cpu::new(Model::parse("").unwrap());
    cpu.start_flat32(0x1_0000, 0, 0, 0x8_0000);
    assert_eq!(cpu.run(&mut mem, &mut NoBus, 500_000), Exit::Limit);
    assert_eq!(cpu.icount(), 500_000);
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "no threads")]
fn a_long_run_fits_into_a_small_stack() {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap();
    thread.join().unwrap();
}
