//! iced's decoder expectations against the core's own way from bytes to an op: decoder options, model gates, length
//! limit, lowering, and the run loop's #UD.
//!
//! A line says what its bytes are on a processor with every extension. The core plays its largest model, so that a line
//! expects: an instruction of an extension that the model has decodes to this opcode form, with this length, segment,
//! base, index, scale and displacement, and has a handler; INVALID, and everything of other extensions, is undefined.
//! Then the run loop executes the bytes at CPL 0, where they raise #UD (or #GP when too long) exactly when they should.
//!
//! `decopt` names the decoding of other processors. UMOV and MOV from and to test registers are tried on the 486 model, and
//! encodings without TZCNT, LZCNT or LAHF on models without them. What decodes only with `NoInvalidCheck` is undefined on
//! every processor. The rest is left out.

use super::Report;
use crate::rig::Rig;
use iced_x86::{Code, CpuidFeature as F, EncodingKind};
use rewind86_cpu::CpuState;
use rewind86_cpu::decoded::{Address, Decoded, Fate};
use rewind86_cpu::regs::{Segment, TableRegister, attr};
use rewind86_cpu::state::{cr0, cr4, efer};
use std::collections::HashMap;

/// The largest model.
const LARGEST: &str = "nehalem,+aes,+pclmulqdq,+sha,+movbe,+lzcnt,+bmi1,+xsave,+fsgsbase,+smap,+rdpid,+umip,+monitor";
/// The one without TZCNT and LZCNT.
const NO_COUNTS: &str = "nehalem";
/// The one without LAHF and SAHF in 64-bit mode.
const NO_LAHF: &str = "nehalem,-lahf_lm";
/// The one with test registers.
const TEST_REGISTERS: &str = "486";

/// Where iced's tests say their instructions lie, for displacements relative to the instruction pointer.
fn default_ip(bits: u32) -> u64 {
    match bits {
        16 => 0x7FF0,
        32 => 0x7FFF_FFF0,
        _ => 0x7FFF_FFFF_FFFF_FFF0,
    }
}

/// Extensions that the largest model has.
fn expected(f: F) -> bool {
    use F::*;
    matches!(
        f,
        INTEL8086
            | INTEL186
            | INTEL286
            | INTEL386
            | INTEL486
            | PAUSE
            | SMM
            | X64
            | FPU
            | FPU287
            | FPU387
            | FPU287XL_ONLY
            | CPUID
            | MULTIBYTENOP
            | RDPMC
            | TSC
            | MSR
            | CX8
            | SEP
            | CMOV
            | CLFSH
            | MMX
            | FXSR
            | SSE
            | SSE2
            | SSE3
            | SSSE3
            | SSE4_1
            | SSE4_2
            | POPCNT
            | AES
            | PCLMULQDQ
            | SHA
            | BMI1
            | LZCNT
            | MOVBE
            | MONITOR
            | CMPXCHG16B
            | SYSCALL
            | RDTSCP
            | RDPID
            | FSGSBASE
            | SMAP
            | XSAVE
    )
}

/// What a line expects.
struct Line {
    bytes: Vec<u8>,
    code: Code,
    /// Segment, base, index, scale, displacement of a memory operand, as written.
    memory: Option<[String; 5]>,
    option: Option<String>,
    /// Address of the instruction, when it is not the default.
    ip: Option<u64>,
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    let pairs: Option<Vec<&str>> = (0..digits.len()).step_by(2).map(|i| digits.get(i..i + 2)).collect();
    pairs?.into_iter().map(|p| u8::from_str_radix(p, 16).ok()).collect()
}

fn number(text: &str) -> Option<u64> {
    text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |h| u64::from_str_radix(h, 16).ok())
}

/// A line of `DecoderTest`: bytes, code, mnemonic, operand count, keys.
fn decoder_line(line: &str, codes: &HashMap<String, Code>) -> Option<Line> {
    let mut fields = line.split(',').map(str::trim);
    let bytes = hex(fields.next()?)?;
    let code = *codes.get(fields.next()?)?;
    let keys = fields.nth(2).unwrap_or("");
    let mut memory = None;
    let (mut option, mut ip) = (None, None);
    for key in keys.split_whitespace() {
        if let Some(value) = key.strip_prefix("decopt=") {
            option = Some(option.map_or_else(|| value.to_owned(), |o: String| format!("{o};{value}")));
        } else if let Some(value) = key.strip_prefix("ip=") {
            ip = Some(number(value)?);
        } else if let Some((_, value)) = key.split_once("=m;") {
            // segment, base, index, scale, displacement, its size, type of the memory
            let mut parts = value.split(';').map(str::to_owned);
            let mut next = || parts.next();
            memory = Some([next()?, next()?, next()?, next()?, next()?]);
        }
    }
    Some(Line { bytes, code, memory, option, ip })
}

/// A line of `MemoryTest`: bytes, code, register, segment prefix, segment, base, index, scale, displacement, its size.
fn memory_line(line: &str, codes: &HashMap<String, Code>) -> Option<Line> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [bytes, code, _, _, segment, base, index, scale, displacement, ..] = fields[..] else { return None };
    let none = |r: &str| if r == "none" { String::new() } else { r.to_owned() };
    // A scale is written as its logarithm here.
    let scale = 1u64.checked_shl(u32::try_from(number(scale)?).ok()?)?;
    let memory = [segment.to_owned(), none(base), none(index), scale.to_string(), displacement.to_owned()];
    Some(Line { bytes: hex(bytes)?, code: *codes.get(code)?, memory: Some(memory), option: None, ip: None })
}

/// Names of registers by encoding, for offsets of 16, 32 and 64 bits.
fn register_name(n: u8, bits: u8) -> String {
    const NAMES: [&str; 8] = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
    match (NAMES.get(usize::from(n)), bits) {
        (Some(name), 16) => (*name).to_owned(),
        (Some(name), 32) => format!("e{name}"),
        (Some(name), _) => format!("r{name}"),
        (None, 32) => format!("r{n}d"),
        (None, _) => format!("r{n}"),
    }
}

fn compare_address(got: &Address, want: &[String; 5], next: u64, mode: u32) -> Result<(), String> {
    let [segment, base, index, scale, displacement] = want;
    const SEGMENTS: [&str; 6] = ["es", "cs", "ss", "ds", "fs", "gs"];
    let mut mine = SEGMENTS.get(usize::from(got.segment)).copied().unwrap_or("?");
    // 64-bit code takes no notice of ES, CS, SS and DS.
    let flat = mode == 64 && !matches!(mine, "fs" | "gs") && !matches!(segment.as_str(), "fs" | "gs");
    if flat {
        mine = segment;
    }
    let name = |r: Option<u8>| r.map_or_else(String::new, |n| register_name(n, got.bits));
    let my_base = match (got.ip_relative, got.bits) {
        (true, 32) => "eip".to_owned(),
        (true, _) => "rip".to_owned(),
        _ => name(got.base),
    };
    // XLAT adds AL.
    let index = if index == "al" { &register_name(0, got.bits) } else { index };
    let same = mine == segment && my_base == *base && name(got.index) == *index;
    let my_scale = 1u64 << got.scale;
    if !same || number(scale) != Some(my_scale) {
        let text = format!("{mine};{my_base};{};{my_scale}", name(got.index));
        return Err(format!("address {text} want {segment};{base};{index};{scale}"));
    }
    let mask = if got.bits == 64 { u64::MAX } else { (1 << got.bits) - 1 };
    let want = number(displacement).ok_or_else(|| format!("displacement {displacement}"))?;
    let (mine, want) = (got.displacement, if got.ip_relative { want.wrapping_sub(next) } else { want });
    if (mine ^ want) & mask != 0 {
        return Err(format!("displacement {mine:x} want {want:x}"));
    }
    Ok(())
}

const CODE_AT: u64 = 0x1000;
const IDT: u64 = 0x5000;
/// 16 bytes for each vector, a HLT first.
const HANDLERS: u64 = 0x6000;
const STACK: u64 = 0x8000;
const GDT: u64 = 0x9000;
/// Flat code segments of 16, 32 and 64 bits.
const SELECTORS: [(u32, u16); 3] = [(16, 0x08), (32, 0x18), (64, 0x20)];

/// A core in flat protected or long mode at CPL 0 with every unit on.
fn rig(model: &str, bits: u32) -> Rig {
    let mut rig = Rig::new(model, 0x4_0000);
    let mut s = rig.cpu.save();
    let size = match bits {
        16 => 0,
        32 => attr::DB,
        _ => attr::L,
    };
    s.sys.cr0 |= cr0::PE;
    s.sys.cr4 = cr4::OSFXSR | cr4::OSXMMEXCPT | cr4::OSXSAVE | cr4::FSGSBASE;
    if bits == 64 {
        // One 2 MiB page table entry maps everything to itself.
        for (at, entry) in [(0x2000u64, 0x3003u64), (0x3000, 0x4003), (0x4000, 0x83)] {
            rig.mem.write(at, &entry.to_le_bytes());
        }
        s.sys.cr0 |= cr0::PG;
        s.sys.cr4 |= cr4::PAE;
        s.sys.cr3 = 0x2000;
        s.sys.efer = efer::LME | efer::LMA | efer::SCE;
    }
    let selector = SELECTORS.iter().find(|(b, _)| *b == bits).map_or(0x18, |(_, s)| *s);
    for (i, descriptor) in
        [0u64, 0x008F_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0x00CF_9B00_0000_FFFF, 0x00AF_9B00_0000_FFFF]
            .iter()
            .enumerate()
    {
        rig.mem.write(GDT + 8 * i as u64, &descriptor.to_le_bytes());
    }
    // Gates to 64-bit code in long mode, else to 32-bit code: what counts is the vector they lead to.
    let (gate, target) = if bits == 64 { (16, 0x20u64) } else { (8, 0x18) };
    for v in 0..32 {
        let at = HANDLERS + 16 * v;
        rig.mem.write(IDT + gate * v, &(at & 0xFFFF | target << 16 | 0x8E00 << 32).to_le_bytes());
        rig.mem.write(at, &[0xF4]);
    }
    s.sys.gdtr = TableRegister { base: GDT, limit: 0x27 };
    s.sys.idtr = TableRegister { base: IDT, limit: 0x1FF };
    s.gpr[4] = STACK;
    let data = attr::P | attr::S | attr::RW | attr::A | attr::G;
    s.seg = [Segment::new(0x10, 0, u32::MAX, data | attr::DB); 6];
    s.seg[1] = Segment::new(selector, 0, u32::MAX, data | attr::CODE | size);
    s.rip = CODE_AT;
    rig.cpu.load(&s);
    rig
}

/// The cores that a file needs, made when a line asks for one.
struct Rigs {
    bits: u32,
    made: HashMap<&'static str, (Rig, CpuState)>,
}

/// #UD and #GP.
const UNDEFINED: u64 = 6;
const PROTECTION: u64 = 13;

impl Rigs {
    fn decode(&mut self, model: &'static str, bytes: &[u8]) -> Option<Decoded> {
        let (rig, state) = self.rig(model);
        rig.cpu.load(state);
        rig.cpu.decode(bytes)
    }

    fn rig(&mut self, model: &'static str) -> &mut (Rig, CpuState) {
        self.made.entry(model).or_insert_with(|| {
            let rig = rig(model, self.bits);
            let state = rig.cpu.save();
            (rig, state)
        })
    }

    /// Runs the instruction and holds the vector it raised against what it is.
    fn execute(&mut self, model: &'static str, line: &Line, decoded: Option<Decoded>) -> Result<(), String> {
        let Some(decoded) = decoded else { return Ok(()) };
        let bits = self.bits;
        let (rig, state) = self.rig(model);
        rig.cpu.load(state);
        rig.mem.write(CODE_AT, &[0x90; 32]);
        rig.mem.write(CODE_AT, &line.bytes);
        let exit = rig.run(1);
        let in_handler = rig.cpu.halted() && (HANDLERS..HANDLERS + 512).contains(&rig.cpu.rip());
        let vector = in_handler.then(|| (rig.cpu.rip() - HANDLERS) / 16);
        let want = match decoded.fate {
            Fate::TooLong => Some(PROTECTION),
            Fate::Undefined => Some(UNDEFINED),
            _ if raises_undefined(decoded.code, bits) => Some(UNDEFINED),
            _ => None,
        };
        let good = want.map_or(vector != Some(UNDEFINED), |_| vector == want);
        if good { Ok(()) } else { Err(format!("ran to {exit:?}, vector {vector:?}, want {want:?}")) }
    }
}

/// Whether the model has the instruction of a line.
fn present(line: &Line) -> bool {
    use Code::*;
    match line.code {
        INVALID => false,
        // Hints in the space of NOPs.
        Prefetch_m8 | Prefetchw_m8 | Prefetchwt1_m8 | Cldemote_m8 | Rdsspd_r32 | Rdsspq_r64 | Endbr32 | Endbr64 => true,
        Mov_r32_tr | Mov_tr_r32 => line.option.as_deref() == Some("MovTr"),
        Umov_rm8_r8 | Umov_rm16_r16 | Umov_rm32_r32 | Umov_r8_rm8 | Umov_r16_rm16 | Umov_r32_rm32 => {
            line.option.as_deref() == Some("Umov")
        }
        code => {
            code.op_code().encoding() == EncodingKind::Legacy
                && code.cpuid_features().iter().all(|&f| expected(f))
                && line.option.as_deref() != Some("NoInvalidCheck")
        }
    }
}

/// An instruction that exists and still raises #UD where it is tried.
fn raises_undefined(code: Code, bits: u32) -> bool {
    use Code::*;
    // RSM outside of system management mode; SYSCALL and SYSRET outside of 64-bit code, as on Intel's processors.
    match code {
        Ud0 | Ud0_r16_rm16 | Ud0_r32_rm32 | Ud0_r64_rm64 | Ud1_r16_rm16 | Ud1_r32_rm32 | Ud1_r64_rm64 | Ud2 | Rsm => {
            true
        }
        Syscall | Sysretd => bits != 64,
        _ => false,
    }
}

fn outcome(line: &Line, decoded: Option<Decoded>, mode: u32) -> Result<(), String> {
    let Some(d) = decoded else {
        // An instruction whose rest is missing is no instruction.
        return if line.code == Code::INVALID { Ok(()) } else { Err("bytes are missing".to_owned()) };
    };
    if !present(line) {
        return match d.fate {
            Fate::Undefined | Fate::TooLong => Ok(()),
            fate => Err(format!("{:?} {fate:?}, want undefined ({:?})", d.code, line.code)),
        };
    }
    if d.code != line.code || d.fate != Fate::Runs || d.len != line.bytes.len() {
        return Err(format!("{:?} {:?} length {}, want {:?}", d.code, d.fate, d.len, line.code));
    }
    match (&line.memory, d.address) {
        (Some(want), Some(got)) => {
            let next = line.ip.unwrap_or_else(|| default_ip(mode)).wrapping_add(d.len as u64);
            compare_address(&got, want, next, mode)
        }
        _ => Ok(()),
    }
}

/// Runs the lines of one file.
///
/// # Errors
/// A name or a line that is none of iced's.
pub(super) fn run(name: &str, text: &str, limit: usize, report: &mut Report) -> Result<(), String> {
    let row = name.strip_suffix(".txt").unwrap_or(name);
    let bits = ["16", "32", "64"].iter().find(|b| row.ends_with(**b)).and_then(|b| b.parse().ok());
    let bits: u32 = bits.ok_or("does not end in 16, 32 or 64")?;
    let codes: HashMap<String, Code> = Code::values().map(|c| (format!("{c:?}"), c)).collect();
    let memory = row.starts_with("MemoryTest");
    let mut rigs = Rigs { bits, made: HashMap::new() };
    let lines = text.lines().enumerate().map(|(n, l)| (n + 1, l.trim()));
    // A sample is spread over the file, which is in the order of opcodes.
    let stride = text.lines().count().checked_div(8 * limit).unwrap_or(1).max(1);
    for (n, line) in lines.filter(|(_, l)| !l.is_empty() && !l.starts_with('#')).step_by(stride) {
        let parsed = if memory { memory_line(line, &codes) } else { decoder_line(line, &codes) };
        let parsed = parsed.ok_or_else(|| format!("line {n} is no expectation: {line}"))?;
        let model = match parsed.option.as_deref() {
            None => LARGEST,
            Some("MovTr" | "Umov") => TEST_REGISTERS,
            Some("NoLahfSahf64") => NO_LAHF,
            Some("NoWbnoinvd" | "NoInvalidCheck") => LARGEST,
            Some("NoMPFX_0FBC" | "NoMPFX_0FBD") => NO_COUNTS,
            Some(option) => {
                report.leave_out(&format!("decoder option {option}: another maker's or no processor"), 1);
                continue;
            }
        };
        if parsed.code == Code::Wbnoinvd {
            report.leave_out("REP WBINVD ignores its prefix on these models", 1);
            continue;
        }
        let decoded = rigs.decode(model, &parsed.bytes);
        let outcome = outcome(&parsed, decoded, bits).and_then(|()| rigs.execute(model, &parsed, decoded));
        report.add(row, || format!("line {n} `{line}`"), outcome);
    }
    Ok(())
}
