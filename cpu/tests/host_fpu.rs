//! Runs every x87 encoding on the core and on the host's own processor, from random states, and compares all of it:
//! registers, tags, top, control and status words, EFLAGS, AX and memory.
//!
//! Linux on Intel x86-64 only. The instruction runs natively between FXRSTOR and FXSAVE in a page of its own; neither
//! delivers exceptions, and no state starts with a pending one, so nothing traps. Instruction and operand pointers are
//! not compared: what they hold depends on the mode.
#![allow(clippy::unwrap_used)]
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use iced_x86::{Code, Decoder, DecoderOptions};
use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_cpu::{Cpu, Exit};
use std::arch::asm;

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

/// An FXSAVE image.
#[repr(C, align(16))]
#[derive(Clone)]
struct Image([u8; 512]);

/// Everything that goes in and comes out.
#[derive(Clone)]
struct State {
    fx: Image,
    memory: [u8; 128],
    rax: u64,
    flags: u64,
}

fn host_is_intel() -> bool {
    let leaf = std::arch::x86_64::__cpuid(0);
    (leaf.ebx, leaf.edx, leaf.ecx) == (0x756E_6547, 0x4965_6E69, 0x6C65_746E)
}

/// A page of memory for code.
struct Page(*mut u8);

impl Page {
    fn new() -> Self {
        let at: *mut u8;
        // SAFETY: an anonymous private mapping of one page, read, write and execute.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") 9usize => at,
                in("rdi") 0usize,
                in("rsi") 4096usize,
                in("rdx") 7usize,
                in("r10") 0x22usize,
                in("r8") -1isize,
                in("r9") 0usize,
                out("rcx") _,
                out("r11") _,
                options(nostack),
            );
        }
        assert!((at as isize) > 0, "no executable page");
        Self(at)
    }

    fn set(&mut self, instruction: &[u8]) {
        // FXRSTOR [rsi], the instruction, FXSAVE [rsi], RET.
        let mut code = vec![0x48, 0x0F, 0xAE, 0x0E];
        code.extend_from_slice(instruction);
        code.extend_from_slice(&[0x48, 0x0F, 0xAE, 0x06, 0xC3]);
        // SAFETY: the page is writable and larger than the code.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), self.0, code.len()) };
    }

    fn run(&self, state: &mut State) {
        let mut saved = Image([0; 512]);
        // SAFETY: the page holds one x87 instruction, which may use RDI as its operand and AX as its result, between
        // the state transfers; the caller's state is restored. The stack is used below the red zone by the call.
        unsafe {
            asm!(
                "fxsave64 [{saved}]",
                "push {flags}",
                "popfq",
                "call {page}",
                "pushfq",
                "pop {flags}",
                "fxrstor64 [{saved}]",
                saved = in(reg) &mut saved,
                page = in(reg) self.0,
                flags = inout(reg) state.flags,
                inout("rax") state.rax,
                in("rsi") &mut state.fx,
                in("rdi") &mut state.memory,
            );
        }
    }
}

/// xorshift64*
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 32) % n
    }

    fn ten(&mut self) -> [u8; 10] {
        let exponent = match self.below(10) {
            0 => 0,
            1 => 0x7FFF,
            2 => self.next() as u16 & 0x7FFF,
            _ => 0x3FFF - 8 + self.below(24) as u16,
        };
        let mantissa = match self.below(8) {
            0 => 0,
            1 => 1 << 63,
            2 => 3 << 62,
            3 => self.next(),
            4 => u64::MAX << self.below(64),
            _ => self.next() | 1 << 63,
        };
        let mut b = [0; 10];
        b[..8].copy_from_slice(&mantissa.to_le_bytes());
        b[8..].copy_from_slice(&(exponent | (self.next() as u16 & 0x8000)).to_le_bytes());
        b
    }

    fn state(&mut self) -> State {
        let mut fx = [0u8; 512];
        let masks = if self.below(4) == 0 { self.next() as u16 & 0x3F } else { 0x3F };
        let control = (self.next() as u16 & 0x0F00) & !0x0100 | masks | 0x40;
        let status = self.next() as u16 & 0x7F7F & !(!masks & 0x3F);
        fx[0..2].copy_from_slice(&control.to_le_bytes());
        fx[2..4].copy_from_slice(&status.to_le_bytes());
        fx[4] = match self.below(3) {
            0 => self.next() as u8,
            // ST(0) to ST(5) in use.
            1 => 0x3Fu8.rotate_left(u32::from(status >> 11 & 7)),
            _ => 0xFF,
        };
        fx[24..28].copy_from_slice(&0x1F80u32.to_le_bytes());
        for i in 0..8 {
            fx[32 + 16 * i..42 + 16 * i].copy_from_slice(&self.ten());
        }
        let mut memory = [0u8; 128];
        memory.iter_mut().for_each(|b| *b = self.next() as u8);
        match self.below(4) {
            0 => memory[..10].copy_from_slice(&self.ten()),
            1 => {
                let f = f64::from_bits(self.next()) as f32;
                memory[..4].copy_from_slice(&f.to_bits().to_le_bytes());
            }
            2 => memory[..8].copy_from_slice(&(self.next() >> self.below(64)).to_le_bytes()),
            _ => {
                let exponent = if self.below(2) == 0 { 0 } else { 0x7FF };
                memory[..8].copy_from_slice(&(self.next() & !(0x7FF << 52) | exponent << 52).to_le_bytes());
                let exponent = if self.below(2) == 0 { 0 } else { 0xFF };
                memory[..4].copy_from_slice(&(self.next() as u32 & !(0xFF << 23) | exponent << 23).to_le_bytes());
            }
        }
        State { fx: Image(fx), memory, rax: self.next() & 0xFFFF_FFFF, flags: self.next() & 0x8D5 | 2 }
    }
}

const CODE: u64 = 0x1_0000;
const DATA: u64 = 0x2_0000;

struct Core {
    cpu: Cpu,
    mem: PhysMem,
}

impl Core {
    fn new(instruction: &[u8]) -> Self {
        let mut mem = PhysMem::new(1 << 20, 0);
        mem.map(0, 256, Some(0), Some(0));
        mem.write(CODE, instruction);
        let mut cpu = Cpu::new(Model::parse(",+fxsr,+sse3").unwrap());
        cpu.start_flat32(CODE as u32, 0, 0, 0x8_0000);
        Self { cpu, mem }
    }

    fn run(&mut self, state: &mut State) -> Exit {
        let mut s = self.cpu.save();
        s.gpr[0] = state.rax;
        s.gpr[7] = DATA;
        s.rip = CODE;
        s.rflags = state.flags;
        self.cpu.load(&s);
        self.cpu.lines.deadline = u64::MAX;
        self.cpu.load_fxsave(&state.fx.0);
        self.mem.write(DATA, &state.memory);
        let exit = self.cpu.run(&mut self.mem, &mut NoBus, s.icount + 1);
        state.rax = self.cpu.gpr(0);
        state.flags = self.cpu.rflags();
        state.fx = Image(self.cpu.fxsave_image());
        self.mem.read(DATA, &mut state.memory);
        exit
    }
}

/// Bytes of memory that are pointers: `FNSTENV` and `FNSAVE` write them from byte 12 to 27.
fn blank_pointers(code: Code, s: &mut State) {
    if matches!(code, Code::Fnstenv_m28byte | Code::Fnsave_m108byte) {
        s.memory[12..28].fill(0);
    }
    s.fx.0[5..24].fill(0);
    s.fx.0[28..32].fill(0);
    s.fx.0[160..].fill(0);
}

/// Makes register results of transcendental functions equal when they are within one ulp.
fn tolerate(host: &State, model: &mut State) {
    for at in (32..160).step_by(16) {
        let get = |s: &State| u128::from_le_bytes(s.fx.0[at..at + 16].try_into().unwrap()) & ((1 << 80) - 1);
        // The integer bit is redundant here; without it neighbours differ by one.
        let line = |v: u128| v >> 64 << 63 | v & ((1 << 63) - 1);
        if line(get(host)).abs_diff(line(get(model))) <= 1 {
            let bytes = get(host).to_le_bytes();
            model.fx.0[at..at + 10].copy_from_slice(&bytes[..10]);
        }
    }
}

fn describe(s: &State) -> String {
    let f = &s.fx.0;
    let mut text = format!("fcw {:02X}{:02X} fsw {:02X}{:02X} tags {:02X}", f[1], f[0], f[3], f[2], f[4]);
    for i in 0..8 {
        let r = u128::from_le_bytes(f[32 + 16 * i..48 + 16 * i].try_into().unwrap());
        text += &format!(" {:04X}.{:016X}", (r >> 64) as u16, r as u64);
    }
    text + &format!(" ax {:04X} flags {:03X} mem {:02X?}", s.rax as u16, s.flags & 0xFFF, &s.memory[..12])
}

/// All encodings: second byte of D8 to DF, memory forms with [EDI].
fn encodings() -> Vec<[u8; 2]> {
    let mut all = Vec::new();
    for opcode in 0xD8..=0xDF {
        for reg in 0..8u8 {
            all.push([opcode, reg << 3 | 7]);
        }
        for modrm in 0xC0..=0xFF {
            all.push([opcode, modrm]);
        }
    }
    all
}

#[test]
fn every_encoding_agrees_with_the_host() {
    if !host_is_intel() {
        println!("skipped: not an Intel processor");
        return;
    }
    let mut page = Page::new();
    let mut failures = Vec::new();
    let mut total = 0;
    for bytes in encodings() {
        let code = Decoder::new(64, &bytes, DecoderOptions::NONE).decode().code();
        let code32 = Decoder::new(32, &bytes, DecoderOptions::NONE).decode().code();
        if code == Code::INVALID || code != code32 {
            continue;
        }
        page.set(&bytes);
        let mut core = Core::new(&bytes);
        let mut rng = Rng(0x5EED_0001 + u64::from(bytes[0]) * 256 + u64::from(bytes[1]));
        let transcendental = bytes[0] == 0xD9 && matches!(bytes[1], 0xF0..=0xF3 | 0xF9 | 0xFB | 0xFE | 0xFF);
        let mut failed = 0;
        for _ in 0..600 {
            let input = rng.state();
            let (mut host, mut model) = (input.clone(), input.clone());
            page.run(&mut host);
            let exit = core.run(&mut model);
            blank_pointers(code, &mut host);
            blank_pointers(code, &mut model);
            model.flags = model.flags & 0x8D5 | 2;
            host.flags = host.flags & 0x8D5 | 2;
            if transcendental {
                tolerate(&host, &mut model);
                // C1 tells the direction of the last rounding; and Intel takes the sine of a tiny number for that
                // number, so that it misses some underflows.
                model.fx.0[3] = model.fx.0[3] & !2 | host.fx.0[3] & 2;
                model.fx.0[2] = model.fx.0[2] & !0x10 | host.fx.0[2] & 0x10;
            }
            total += 1;
            let equal = host.fx.0 == model.fx.0
                && host.memory == model.memory
                && (host.rax, host.flags) == (model.rax, model.flags)
                && exit == Exit::Limit;
            if !equal {
                failed += 1;
                if failed <= 2 {
                    failures.push(format!(
                        "{bytes:02X?} {code:?} {exit:?}\n  in    {}\n  host  {}\n  model {}",
                        describe(&input),
                        describe(&host),
                        describe(&model)
                    ));
                }
            }
        }
        if failed > 0 {
            failures.push(format!("{bytes:02X?} {code:?}: {failed} of 600"));
        }
    }
    println!("{total} cases");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
