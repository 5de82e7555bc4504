//! Runs every MMX and SSE encoding on the core and on the host's own processor in 64-bit mode, from random states, and
//! compares all of it: registers of all files, tags, top, MXCSR, EFLAGS and memory.
//!
//! Linux on Intel x86-64 only. The instruction runs natively between FXRSTOR and FXSAVE in a page of its own. All
//! exceptions are masked and operands aligned, so that nothing traps. SHA is left out where memory is misaligned: AMD
//! and Intel differ there.

use crate::rig::{Core, Image, Rng, State, blank, difference};
use iced_x86::{Code, CpuidFeature, Decoder, DecoderOptions, EncodingKind, Instruction, OpKind, Register};
use rewind86_cpu::Exit;
use std::arch::asm;
use std::collections::BTreeMap;

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

/// Writes `recorded.txt`: one case for each opcode form that both sides agree on by definition.
#[test]
#[ignore = "writes the recorded cases"]
fn record() {
    let mut page = Page::new();
    let mut by_code: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (bytes, code) in encodings() {
        let vendor = matches!(code, Code::Dpps_xmm_xmmm128_imm8 | Code::Dppd_xmm_xmmm128_imm8);
        if host_has(code) && !vendor {
            by_code.entry(format!("{code:?}")).or_default().push(bytes);
        }
    }
    let mut rng = Rng(0x5EED_0003);
    let mut text = String::from("# instruction seed = changes, as an Intel processor makes them\n");
    for forms in by_code.values() {
        for pass in 0..2 {
            let at = rng.below(forms.len() as u64 / 2) as usize + pass * (forms.len() / 2);
            let mut instruction = forms[at.min(forms.len() - 1)].clone();
            let mut long = instruction.clone();
            long.extend_from_slice(&[0; 4]);
            if Decoder::new(64, &long, DecoderOptions::NONE).decode().len() > instruction.len() {
                instruction.push(rng.next() as u8);
            }
            page.set(&instruction);
            let seed = rng.next() >> 32 | 1;
            let before = crate::recorded::input(seed);
            let mut after = before.clone();
            page.run(&mut after);
            blank(&mut after);
            let bytes: String = instruction.iter().map(|b| format!("{b:02X}")).collect();
            let line = format!("{bytes} {seed:X} = {}", crate::recorded::changes(&before, &after));
            text += line.trim_end();
            text.push('\n');
        }
    }
    std::fs::write("tests/simd/recorded.txt", text).unwrap();
}
