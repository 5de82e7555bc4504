//! Runs every MMX and SSE encoding on the core and on the host's own processor in 64-bit mode, from random states, and
//! compares all of it: registers of all files, tags, top, MXCSR, EFLAGS and memory.
//!
//! Linux on Intel x86-64 only. The instruction runs natively between FXRSTOR and FXSAVE in a page of its own. All
//! exceptions are masked and operands aligned, so that nothing traps. SHA is left out where memory is misaligned: AMD
//! and Intel differ there.
#![allow(clippy::unwrap_used)]
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use iced_x86::{Code, CpuidFeature, Decoder, DecoderOptions, EncodingKind, Instruction, OpKind, Register};
use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_cpu::regs::{Segment, attr};
use rewind86_cpu::state::{cr0, cr4, efer};
use rewind86_cpu::{Cpu, Exit};
use std::arch::asm;
use std::collections::BTreeMap;

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
#[derive(Clone, PartialEq)]
struct Image([u8; 512]);

#[repr(C, align(16))]
#[derive(Clone, PartialEq)]
struct Memory([u8; 64]);

/// Everything that goes in and comes out.
#[derive(Clone, PartialEq)]
struct State {
    fx: Image,
    memory: Memory,
    /// RAX, RCX, RDX.
    gpr: [u64; 3],
    flags: u64,
}

fn host_is_intel() -> bool {
    let leaf = std::arch::x86_64::__cpuid(0);
    (leaf.ebx, leaf.edx, leaf.ecx) == (0x756E_6547, 0x4965_6E69, 0x6C65_746E)
}

fn host_has(code: Code) -> bool {
    code.cpuid_features().iter().all(|f| match f {
        CpuidFeature::SHA => is_x86_feature_detected!("sha"),
        CpuidFeature::AES => is_x86_feature_detected!("aes"),
        CpuidFeature::PCLMULQDQ => is_x86_feature_detected!("pclmulqdq"),
        CpuidFeature::SSE4_2 => is_x86_feature_detected!("sse4.2"),
        _ => true,
    })
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
        // SAFETY: the page holds one instruction, which may use memory at RDI as its operand and RAX, RCX and RDX as
        // its registers, between the state transfers; the caller's state is restored.
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
                inout("rax") state.gpr[0],
                inout("rcx") state.gpr[1],
                inout("rdx") state.gpr[2],
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

    fn state(&mut self) -> State {
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
const CODE: u64 = 0x1_0000;
const DATA: u64 = 0x2_0000;

/// The core in 64-bit mode, the first 2 MiB mapped flat.
struct Core {
    cpu: Cpu,
    mem: PhysMem,
}

impl Core {
    fn new() -> Self {
        let mut mem = PhysMem::new(1 << 20, 0);
        mem.map(0, 256, Some(0), Some(0));
        mem.write(PML4, &(PDPT | 3).to_le_bytes());
        mem.write(PDPT, &(PD | 3).to_le_bytes());
        mem.write(PD, &0x83u64.to_le_bytes());
        let mut cpu = Cpu::new(Model::parse("nehalem,+aes,+pclmulqdq,+sha,+movbe").unwrap());
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

    fn run(&mut self, instruction: &[u8], state: &mut State) -> Exit {
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
fn blank(s: &mut State) {
    s.fx.0[5..24].fill(0);
    s.fx.0[28..32].fill(0);
    for i in 0..8 {
        s.fx.0[42 + 16 * i..48 + 16 * i].fill(0);
    }
    s.fx.0[416..].fill(0);
    s.flags = s.flags & 0x8D5 | 2;
}

fn wanted(code: Code) -> bool {
    use CpuidFeature as F;
    let features = code.cpuid_features();
    code.op_code().encoding() == EncodingKind::Legacy
        && features.iter().any(|f| {
            matches!(
                f,
                F::MMX
                    | F::SSE
                    | F::SSE2
                    | F::SSE3
                    | F::SSSE3
                    | F::SSE4_1
                    | F::SSE4_2
                    | F::AES
                    | F::PCLMULQDQ
                    | F::SHA
                    | F::POPCNT
                    | F::MOVBE
            )
        })
        && !features.contains(&F::FPU)
        && !features.contains(&F::SSE4A)
        // The first would unmask exceptions, fences with other operands do nothing.
        && !matches!(code, Code::Ldmxcsr_m32)
}

/// An encoding is usable when its general registers are RAX, RCX and RDX and its memory is at RDI.
fn usable(i: &Instruction) -> bool {
    (0..i.op_count()).all(|n| match i.op_kind(n) {
        OpKind::Register => {
            let r = i.op_register(n);
            !r.is_gpr() || matches!(r.full_register(), Register::RAX | Register::RCX | Register::RDX)
        }
        OpKind::Memory => i.memory_base() == Register::RDI && i.memory_index() == Register::None,
        OpKind::MemorySegRDI => true,
        OpKind::MemorySegEDI | OpKind::MemorySegDI => false,
        _ => true,
    })
}

/// Encodings without their immediate, and whether they have one.
fn encodings() -> BTreeMap<Vec<u8>, Code> {
    let mut all = BTreeMap::new();
    for prefix in [None, Some(0x66), Some(0xF2), Some(0xF3)] {
        for rex in [None, Some(0x48), Some(0x44), Some(0x41), Some(0x4D)] {
            for map in [&[0x0F][..], &[0x0F, 0x38], &[0x0F, 0x3A]] {
                for opcode in 0..=0xFFu8 {
                    for modrm in (0..8u8).flat_map(|r| [r << 3 | 7, 0xC0 | r << 3 | (r + 1) & 7, 0xC0 | r << 3 | r]) {
                        let mut bytes: Vec<u8> = prefix.into_iter().chain(rex).collect();
                        bytes.extend_from_slice(map);
                        bytes.extend_from_slice(&[opcode, modrm]);
                        let mut long = bytes.clone();
                        long.extend_from_slice(&[0; 4]);
                        let i = Decoder::new(64, &long, DecoderOptions::NONE).decode();
                        let len = bytes.len();
                        if wanted(i.code()) && usable(&i) && (i.len() == len || i.len() == len + 1) {
                            all.insert(bytes, i.code());
                        }
                    }
                }
            }
        }
    }
    all
}

fn describe(s: &State) -> String {
    let f = &s.fx.0;
    let word = |at: usize| u16::from_le_bytes([f[at], f[at + 1]]);
    let mut text =
        format!("fsw {:04X} tags {:02X} mxcsr {:04X} gpr {:X?} flags {:03X}", word(2), f[4], word(24), s.gpr, s.flags);
    for at in (32..416).step_by(16) {
        text += &format!("\n        {:032X}", u128::from_le_bytes(f[at..at + 16].try_into().unwrap()));
    }
    text + &format!("\n    mem {:02X?}", &s.memory.0[..16])
}

/// Intel and AMD choose differently among several NaNs of a dot product: such a lane counts as equal.
fn tolerate_nans(host: &State, model: &mut State, size: usize) {
    let nan = |b: &[u8]| match b.len() {
        4 => f32::from_le_bytes(b.try_into().unwrap()).is_nan(),
        _ => f64::from_le_bytes(b.try_into().unwrap()).is_nan(),
    };
    let lanes = host.fx.0[160..416].chunks_exact(size).zip(model.fx.0[160..416].chunks_exact_mut(size));
    for (h, m) in lanes.filter(|(h, m)| nan(h) && nan(m)) {
        m.copy_from_slice(h);
    }
}

/// Lines of two descriptions that differ.
fn difference(input: &State, host: &State, model: &State) -> String {
    let (i, h, m) = (describe(input), describe(host), describe(model));
    let lines = i.lines().zip(h.lines()).zip(m.lines()).enumerate();
    lines
        .filter(|(_, ((_, h), m))| h != m)
        .map(|(n, ((i, h), m))| format!("\n  {n} in    {i}\n    host  {h}\n    model {m}"))
        .collect()
}

#[test]
fn every_encoding_agrees_with_the_host() {
    if !host_is_intel() {
        println!("skipped: not an Intel processor");
        return;
    }
    let rounds: u64 = std::env::var("SIMD_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let mut page = Page::new();
    let mut core = Core::new();
    let mut failures: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut total = 0u64;
    let encodings = encodings();
    let mut rng = Rng(0x5EED_0002);
    for (bytes, &code) in encodings.iter().filter(|(_, code)| host_has(**code)) {
        let mut probe = bytes.clone();
        probe.extend_from_slice(&[0; 4]);
        let has_imm = Decoder::new(64, &probe, DecoderOptions::NONE).decode().len() > bytes.len();
        for _ in 0..rounds {
            let mut instruction = bytes.clone();
            if has_imm {
                instruction.push(rng.next() as u8 >> rng.below(8));
            }
            page.set(&instruction);
            let input = rng.state();
            let (mut host, mut model) = (input.clone(), input.clone());
            page.run(&mut host);
            let exit = core.run(&instruction, &mut model);
            blank(&mut host);
            blank(&mut model);
            match code {
                Code::Dpps_xmm_xmmm128_imm8 => tolerate_nans(&host, &mut model, 4),
                Code::Dppd_xmm_xmmm128_imm8 => tolerate_nans(&host, &mut model, 8),
                _ => {}
            }
            total += 1;
            if host != model || exit != Exit::Limit {
                let entry = failures.entry(format!("{code:?}")).or_insert_with(|| {
                    (0, format!("{instruction:02X?} {exit:?}{}", difference(&input, &host, &model)))
                });
                entry.0 += 1;
            }
        }
    }
    println!("{total} cases of {} encodings", encodings.len());
    let text: String = failures.iter().map(|(code, (n, first))| format!("\n{code}: {n}, first {first}")).collect();
    assert!(failures.is_empty(), "{text}");
}
