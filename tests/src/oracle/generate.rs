//! Random cases: an instruction of a class, and a state in which it has something to do.
//!
//! Instructions are random bytes behind random prefixes that iced decodes to a form of the class; memory operands are
//! led to the data page, its edges included, by their base register or displacement. Left out is what user programs
//! cannot do twice alike (time, CPUID, port of the kernel) and what would take the rig apart: system calls, FS and GS
//! with their bases, and branches to themselves.

use super::case::{CODE, Case, FX, Mode, PAGE, Segments, selector};
use super::makers::Maker;
use super::rng::Rng;
use iced_x86::{Code, CpuidFeature as F, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Integer instructions of the 386 to the Pentium Pro, and 64-bit ones.
    Int,
    /// x87.
    X87,
    /// MMX to SSE4.2, AES, PCLMULQDQ, SHA, POPCNT, MOVBE, CRC32.
    Sse,
}

impl Class {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::X87 => "x87",
            Self::Sse => "sse",
        }
    }

    fn has(self, f: F) -> bool {
        use F::*;
        match self {
            Self::Int => matches!(
                f,
                INTEL8086 | INTEL186 | INTEL286 | INTEL386 | INTEL486 | X64 | CMOV | CX8 | CMPXCHG16B | MULTIBYTENOP
            ),
            Self::X87 => matches!(f, FPU | FPU287 | FPU387 | INTEL8086 | CMOV | SSE3),
            Self::Sse => matches!(
                f,
                MMX | FXSR | SSE | SSE2 | SSE3 | SSSE3 | SSE4_1 | SSE4_2 | AES | PCLMULQDQ | SHA | POPCNT | MOVBE | X64
            ),
        }
    }
}

/// Whether the host has a form's extensions.
fn host_has(f: F) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        match f {
            F::SSE3 => is_x86_feature_detected!("sse3"),
            F::SSSE3 => is_x86_feature_detected!("ssse3"),
            F::SSE4_1 => is_x86_feature_detected!("sse4.1"),
            F::SSE4_2 => is_x86_feature_detected!("sse4.2"),
            F::AES => is_x86_feature_detected!("aes"),
            F::PCLMULQDQ => is_x86_feature_detected!("pclmulqdq"),
            F::SHA => is_x86_feature_detected!("sha"),
            F::POPCNT => is_x86_feature_detected!("popcnt"),
            F::MOVBE => is_x86_feature_detected!("movbe"),
            F::CMPXCHG16B => is_x86_feature_detected!("cmpxchg16b"),
            // What every x86-64 processor has.
            _ => true,
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = f;
        false
    }
}

/// Instructions that are no case.
fn left_out(i: &Instruction, mode: Mode) -> bool {
    use Mnemonic::*;
    let mnemonic = matches!(
        i.mnemonic(),
        Syscall
            | Sysret
            | Sysenter
            | Sysexit
            | Rsm
            | Sgdt
            | Sidt
            | Sldt
            | Str
            | Smsw
            | Lmsw
            | Lar
            | Lsl
            | Verr
            | Verw
            | Lfs
            | Lgs
            | Clflush
            | Monitor
            | Mwait
            | Rdtsc
            | Rdtscp
            | Rdpmc
            | Cpuid
            | Hlt
            | In
            | Out
            | Insb
            | Insw
            | Insd
            | Outsb
            | Outsw
            | Outsd
    );
    let fs_gs = |r: Register| matches!(r, Register::FS | Register::GS);
    let loads = (0..i.op_count()).any(|n| i.op_kind(n) == OpKind::Register && fs_gs(i.op_register(n)));
    let through = fs_gs(i.memory_segment()) && mode == Mode::Bits64;
    let system_call = i.mnemonic() == Int && i.immediate8() == 0x80;
    // Reads of registers that hold the host's own values.
    let control = (0..i.op_count()).any(|n| {
        i.op_kind(n) == OpKind::Register && {
            let r = i.op_register(n);
            r.is_cr() || r.is_dr() || r.is_tr()
        }
    });
    mnemonic || loads || through || system_call || control
}

/// Makes cases of one class and mode.
pub struct Generator {
    class: Class,
    mode: Mode,
    maker: Maker,
}

const SEGMENT_PREFIXES: [u8; 6] = [0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65];
/// Bytes behind an opcode: ModRM, SIB, displacement, immediate.
const TAIL: usize = 12;
const MAX_LEN: usize = 15;
/// What a signal frame can set of the flags, and IF.
const ARITHMETIC: u64 = 0x8D5;
const IF: u64 = 1 << 9;
const DF: u64 = 1 << 10;
const AC: u64 = 1 << 18;
const TF_NT: u64 = 1 << 8 | 1 << 14;

impl Generator {
    /// A generator for a class in a mode, with what a maker's processors decode alike.
    pub fn new(class: Class, mode: Mode, maker: Maker) -> Self {
        Self { class, mode, maker }
    }

    /// The case of a seed, and its instruction.
    pub fn case(&self, seed: u64) -> (Case, Instruction) {
        let mut rng = Rng::new(seed);
        loop {
            if let Some(found) = self.attempt(&mut rng) {
                return found;
            }
        }
    }

    fn bytes(&self, rng: &mut Rng) -> Vec<u8> {
        let mut b = Vec::with_capacity(MAX_LEN + TAIL);
        let sse = self.class == Class::Sse;
        if rng.once_in(4) {
            b.push(0x66);
        }
        if rng.once_in(12) {
            b.push(0x67);
        }
        if rng.once_in(10) {
            b.push(rng.pick(&SEGMENT_PREFIXES));
        }
        if rng.once_in(if sse { 2 } else { 8 }) {
            b.push(rng.pick(&[0xF2, 0xF3]));
        }
        if rng.once_in(24) {
            b.push(0xF0);
        }
        if b.len() > 1 && rng.once_in(4) {
            // Any order of prefixes means the same.
            let by = rng.below(b.len() as u64) as usize;
            b.rotate_left(by);
        }
        if self.mode == Mode::Bits64 && !rng.once_in(3) {
            b.push(0x40 | rng.bits() as u8 & 15);
        }
        match self.class {
            Class::Int => {
                if rng.once_in(4) {
                    b.push(0x0F);
                }
            }
            Class::X87 => b.push(if rng.once_in(200) { 0x9B } else { 0xD8 | rng.bits() as u8 & 7 }),
            Class::Sse => b.extend_from_slice(match rng.below(5) {
                0 => &[0x0F, 0x38],
                1 => &[0x0F, 0x3A],
                _ => &[0x0F],
            }),
        }
        for n in 0..TAIL {
            let edge = n > 1 && rng.once_in(4);
            b.push(if edge { rng.pick(&[0, 1, 0x7F, 0x80, 0xFF]) } else { rng.bits() as u8 });
        }
        b.truncate(MAX_LEN);
        b
    }

    fn decode(&self, bytes: &[u8], ip: u64) -> Option<Instruction> {
        let i = Decoder::with_ip(self.mode.bits(), bytes, ip, DecoderOptions::NONE).decode();
        let features = i.code().cpuid_features();
        let fits = !i.is_invalid()
            && features.iter().all(|&f| self.class.has(f) && host_has(f))
            && match self.class {
                // LZCNT and the like come by features; what is left of the 8086 here is WAIT.
                Class::X87 => {
                    features.contains(&F::FPU)
                        || features.iter().any(|f| matches!(f, F::FPU287 | F::FPU387))
                        || i.code() == Code::Wait
                }
                // FISTTP is x87.
                Class::Sse => i.mnemonic() != Mnemonic::Fisttp,
                Class::Int => true,
            };
        let fits = fits && !self.maker.decodes_otherwise(bytes, self.mode.bits(), ip);
        (fits && !left_out(&i, self.mode)).then_some(i)
    }

    fn attempt(&self, rng: &mut Rng) -> Option<(Case, Instruction)> {
        let mut code = self.bytes(rng);
        let base = if self.mode == Mode::Bits16 { 0 } else { CODE };
        let probe = self.decode(&code, base + 0x800)?;
        code.truncate(probe.len());
        let at = if rng.once_in(24) { PAGE - probe.len() } else { 0x800 };
        let segments = match self.mode {
            Mode::Bits32 if rng.once_in(4) => Segments::Limited,
            Mode::Bits16 => Segments::Limited,
            _ => Segments::Flat,
        };
        let mut case = Case {
            mode: self.mode,
            segments,
            code,
            at,
            gpr: [0; 16],
            rflags: self.flags(rng),
            fx: self.fx(rng),
            data: Box::new([0; PAGE]),
        };
        let start = case.rip();
        let mut i = self.decode(&case.code, start)?;
        self.registers(rng, &mut case, &i);
        if address_operand(&i) {
            aim(rng, &mut case, &i);
            i = self.decode(&case.code, start)?;
        }
        fill(rng, &mut case);
        guard_stack_flags(&mut case, &i);
        // Some processors store a word, some the whole slot: where it can be told by a fault, neither is right.
        let odd_push = pushes_selector(&i) && case.gpr[4] & 3 != 0;
        let odd_push = odd_push || returns_astray(&case, &i);
        (!odd_push && !endless(&i, start) && !splits_a_lock(&case, &i)).then_some((case, i))
    }

    fn flags(&self, rng: &mut Rng) -> u64 {
        let direction = if rng.once_in(6) { DF } else { 0 };
        // Makers differ in what they check.
        let alignment = if rng.once_in(24) && self.maker == Maker::Intel { AC } else { 0 };
        rng.bits() & ARITHMETIC | IF | 2 | direction | alignment
    }

    fn registers(&self, rng: &mut Rng, case: &mut Case, i: &Instruction) {
        let offset = case.data_offset();
        for r in &mut case.gpr {
            *r = if rng.once_in(3) { offset.wrapping_add(rng.below(PAGE as u64)) } else { rng.integer() };
        }
        case.gpr[4] = offset.wrapping_add(stack_offset(rng));
        if rng.once_in(2) {
            case.gpr[5] = offset.wrapping_add(stack_offset(rng));
        }
        // Implicit pointers and counts.
        if i.is_string_instruction()
            || matches!(i.mnemonic(), Mnemonic::Maskmovq | Mnemonic::Maskmovdqu | Mnemonic::Xlatb)
        {
            for r in [3, 6, 7] {
                case.gpr[r] = offset.wrapping_add(target_offset(rng, false));
            }
            if !rng.once_in(16) {
                case.gpr[1] = rng.below(24);
            }
        }
        if self.mode != Mode::Bits64 {
            case.gpr[8..].fill(0);
            case.gpr.iter_mut().for_each(|r| *r &= 0xFFFF_FFFF);
        }
    }

    /// x87 and SSE state; at rest for integer instructions.
    fn fx(&self, rng: &mut Rng) -> [u8; FX] {
        let mut fx = [0; FX];
        let mut put = |at: usize, bytes: &[u8]| fx[at..at + bytes.len()].copy_from_slice(bytes);
        let (mut fcw, mut fsw, mut tags, mut mxcsr) = (0x37Fu16, 0u16, 0u8, 0x1F80u32);
        if self.class != Class::Int {
            let masks = if rng.once_in(4) { rng.bits() as u16 & 0x3F } else { 0x3F };
            fcw = masks | 0x40 | rng.pick(&[0u16, 2, 3, 3]) << 8 | (rng.below(4) as u16) << 10;
            fsw = rng.bits() as u16 & 0x4700 | (rng.below(8) as u16) << 11;
            if rng.once_in(2) {
                fsw |= rng.bits() as u16 & 0x7F & if rng.once_in(8) { 0x7F } else { masks | 0x40 };
            }
            // ES and B say that an unmasked exception waits.
            if fsw & !fcw & 0x3F != 0 {
                fsw |= 0x8080;
            }
            tags = match rng.below(4) {
                0 => rng.bits() as u8,
                1 => 0,
                _ => 0xFF,
            };
            let sse_masks = if rng.once_in(4) { rng.bits() as u32 & 0x1F80 } else { 0x1F80 };
            mxcsr = sse_masks | rng.bits() as u32 & 0xE07F;
            if rng.once_in(2) {
                mxcsr &= !0x8040;
            }
            for n in 0..8 {
                put(32 + 16 * n, &rng.extended());
            }
            for n in 0..if self.mode == Mode::Bits64 { 16 } else { 8 } {
                put(160 + 16 * n, &rng.vector());
            }
        }
        put(0, &fcw.to_le_bytes());
        put(2, &fsw.to_le_bytes());
        put(4, &[tags]);
        put(24, &mxcsr.to_le_bytes());
        fx
    }
}

fn stack_offset(rng: &mut Rng) -> u64 {
    match rng.below(16) {
        0 => rng.below(PAGE as u64),
        1 => rng.below(16),
        2 => PAGE as u64 - rng.below(24),
        _ => 0x400 + 8 * rng.below(0x100),
    }
}

/// An offset in the data page, or near enough to touch what lies around it.
fn target_offset(rng: &mut Rng, aligned: bool) -> u64 {
    let offset = match rng.below(16) {
        0 => (PAGE as u64).wrapping_sub(rng.below(24)),
        1 if !aligned => 0u64.wrapping_sub(rng.below(20)),
        _ => 0x80 + rng.below(PAGE as u64 - 0x300),
    };
    if aligned || !rng.once_in(3) { offset & !15 } else { offset }
}

fn address_operand(i: &Instruction) -> bool {
    (0..i.op_count()).any(|n| i.op_kind(n) == OpKind::Memory)
}

fn needs_alignment(i: &Instruction) -> bool {
    use Mnemonic::*;
    // SHA: AMD's processors do not insist, Intel's do. FXSAVE: #AC or #GP, as the processor likes.
    let sha = i.code().cpuid_features().contains(&F::SHA);
    let image = matches!(i.mnemonic(), Fxsave | Fxsave64 | Fxrstor | Fxrstor64);
    i.has_lock_prefix() || i.mnemonic() == Xchg || sha || image
}

/// The offset of the memory operand.
pub(super) fn offset_of(case: &Case, i: &Instruction) -> Option<u64> {
    let n = (0..i.op_count()).find(|&n| i.op_kind(n) == OpKind::Memory)?;
    i.virtual_address(n, 0, |r, _, _| {
        Some(if r.is_segment_register() {
            0
        } else {
            let v = case.gpr.get(r.full_register().number()).copied().unwrap_or(0);
            match r.size() {
                1 => v & 0xFF,
                2 => v & 0xFFFF,
                4 => v & 0xFFFF_FFFF,
                _ => v,
            }
        })
    })
}

/// Leads the memory operand to the data page.
fn aim(rng: &mut Rng, case: &mut Case, i: &Instruction) {
    if rng.once_in(40) && !needs_alignment(i) {
        return;
    }
    let target = case.data_offset().wrapping_add(target_offset(rng, needs_alignment(i)));
    let Some(now) = offset_of(case, i) else { return };
    let delta = target.wrapping_sub(now);
    let base = i.memory_base();
    if matches!(base, Register::None | Register::RIP | Register::EIP) {
        // Offsets are those of the instruction that the decoder saw last.
        let mut decoder = Decoder::with_ip(case.mode.bits(), &case.code, case.rip(), DecoderOptions::NONE);
        let again = decoder.decode();
        let constants = decoder.get_constant_offsets(&again);
        if constants.has_displacement() {
            let (at, size) = (constants.displacement_offset(), constants.displacement_size());
            let old = case.code.get(at..at + size).map_or(0, |b| b.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)));
            let new = old.wrapping_add(delta).to_le_bytes();
            for (to, from) in case.code.iter_mut().skip(at).take(size).zip(new) {
                *to = from;
            }
        }
        return;
    }
    if let Some(r) = case.gpr.get_mut(base.full_register().number()) {
        let v = r.wrapping_add(delta);
        *r = match base.size() {
            2 => *r & !0xFFFF | v & 0xFFFF,
            4 => v & 0xFFFF_FFFF,
            _ => v,
        };
    }
    if case.mode != Mode::Bits64 {
        case.gpr.iter_mut().for_each(|r| *r &= 0xFFFF_FFFF);
    }
}

/// Memory: vectors, extended values, integers and far pointers.
fn fill(rng: &mut Rng, case: &mut Case) {
    let kind = rng.below(4);
    for chunk in case.data.chunks_exact_mut(16) {
        match kind {
            0 => {
                chunk[..10].copy_from_slice(&rng.extended());
                chunk[10..].fill(0);
            }
            1 => {
                // Clear of the instruction, which must not come to itself.
                let at = CODE + rng.below(0x700);
                let pick = rng.pick(&[
                    selector::CODE32,
                    selector::CODE64,
                    selector::CODE16,
                    selector::USER_DATA,
                    selector::DATA16,
                ]);
                chunk[..8].copy_from_slice(&at.to_le_bytes());
                let wide = rng.once_in(2);
                chunk[if wide { 4..6 } else { 2..4 }].copy_from_slice(&pick.to_le_bytes());
                chunk[8..].copy_from_slice(&rng.integer().to_le_bytes());
            }
            _ => chunk.copy_from_slice(&rng.vector()),
        }
    }
}

/// POPF and IRET must not start to trace, nor leave NT to the kernel.
fn guard_stack_flags(case: &mut Case, i: &Instruction) {
    use Mnemonic::*;
    let at = match i.mnemonic() {
        Popf | Popfd | Popfq => 0,
        Iret => 4,
        Iretd => 8,
        Iretq => 16,
        _ => return,
    };
    let mask = if case.mode == Mode::Bits16 || case.segments == Segments::Limited { 0xFFFF } else { u64::MAX };
    let sp = (case.gpr[4] & mask).wrapping_sub(case.data_offset()).wrapping_add(at);
    // TF and NT are in the second byte.
    for n in [1, 2] {
        let low = TF_NT >> (8 * n);
        if let Some(b) = usize::try_from(sp.wrapping_add(n)).ok().and_then(|at| case.data.get_mut(at)) {
            *b &= !(low as u8);
        }
    }
}

/// An IRET to selectors that are none of the program's: some kernels start such an instruction again without end.
fn returns_astray(case: &Case, i: &Instruction) -> bool {
    use Mnemonic::*;
    let slot = match i.mnemonic() {
        Iret => 2,
        Iretd => 4,
        Iretq => 8,
        _ => return false,
    };
    let mask = if case.data_offset() == 0 { 0xFFFF } else { u64::MAX };
    let word = |n: u64| {
        let at = usize::try_from((case.gpr[4] & mask).wrapping_sub(case.data_offset()).wrapping_add(n * slot)).ok()?;
        Some(u16::from_le_bytes([*case.data.get(at)?, *case.data.get(at.checked_add(1)?)?]))
    };
    let own = |s: u16| s < 4 || matches!(s, 0x07 | 0x0F | 0x17 | 0x23 | 0x2B | 0x33);
    [1, 4].into_iter().filter_map(word).any(|s| !own(s))
}

/// A 32-bit PUSH of a segment register.
pub(super) fn pushes_selector(i: &Instruction) -> bool {
    use Code::*;
    matches!(i.code(), Pushd_CS | Pushd_SS | Pushd_DS | Pushd_ES | Pushd_FS | Pushd_GS)
}

/// A branch into its own bytes.
fn endless(i: &Instruction, start: u64) -> bool {
    let near = (0..i.op_count())
        .any(|n| matches!(i.op_kind(n), OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64));
    let near = near && (start..start + i.len() as u64).contains(&i.near_branch_target());
    let far = (0..i.op_count()).any(|n| matches!(i.op_kind(n), OpKind::FarBranch16 | OpKind::FarBranch32));
    let low = start & 0xFFFF;
    near || far && (low..low + i.len() as u64).contains(&(u64::from(i.far_branch32()) & 0xFFFF))
}

/// A locked access over a cache line's end stops the whole host; see also [`needs_alignment`].
fn splits_a_lock(case: &Case, i: &Instruction) -> bool {
    needs_alignment(i) && address_operand(i) && offset_of(case, i).is_none_or(|at| at & 15 != 0)
}
