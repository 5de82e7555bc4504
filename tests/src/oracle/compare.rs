//! What must be equal, and what the manual leaves undefined.
//!
//! Flags that an instruction leaves undefined (as iced lists them from the manuals) are not compared; what the core puts
//! there is in `docs/deviations.md`. TF and RF belong to how the host was stopped.

use super::case::{Case, FX, Mode, Outcome};
use super::makers::Maker;
use iced_x86::{Code, Instruction, Mnemonic, OpKind, RflagsBits};

/// EFLAGS without TF and RF.
const COMPARED: u64 = !0x1_0100 & 0x3F_FFFF;
const OF: u64 = 0x800;
/// Vector of the INT3 behind the instruction: it completed.
pub(super) const END: u8 = 3;
const PAGE_FAULT: u8 = 14;
/// Addresses above which Linux says of every page fault that the page is present.
const USER_END: u64 = 0x7FFF_FFFF_F000;

fn undefined_flags(i: &Instruction, case: &Case) -> u64 {
    const BITS: [(u32, u64); 6] = [
        (RflagsBits::CF, 1),
        (RflagsBits::PF, 4),
        (RflagsBits::AF, 0x10),
        (RflagsBits::ZF, 0x40),
        (RflagsBits::SF, 0x80),
        (RflagsBits::OF, OF),
    ];
    let undefined = i.rflags_undefined();
    let listed = BITS.iter().filter(|(bit, _)| undefined & bit != 0).map(|(_, flag)| flag).sum();
    let (rotate, shift) = {
        use Mnemonic::*;
        let m = i.mnemonic();
        (matches!(m, Rol | Ror | Rcl | Rcr), matches!(m, Shl | Sal | Shr | Sar | Shld | Shrd))
    };
    // A count of 0 leaves every flag, rotating by more than 1 leaves OF undefined.
    match count(i, case) {
        0 if rotate || shift => 0,
        n if rotate => {
            if n == 1 {
                0
            } else {
                OF
            }
        }
        _ => listed,
    }
}

/// The masked count of a shift or rotate.
fn count(i: &Instruction, case: &Case) -> u64 {
    let wide = [i.op0_register().size(), i.memory_size().size()].contains(&8);
    let last = i.op_count().saturating_sub(1);
    let count = match i.op_kind(last) {
        OpKind::Immediate8 => u64::from(i.immediate8()),
        OpKind::Register => case.gpr[1],
        _ => 1,
    };
    count & if wide { 63 } else { 31 }
}

/// Functions whose last bit differs between processors.
pub(super) fn transcendental(m: Mnemonic) -> bool {
    use Mnemonic::*;
    matches!(m, Fsin | Fcos | Fsincos | Fptan | Fpatan | F2xm1 | Fyl2x | Fyl2xp1)
}

/// Differences in words; empty when the outcomes agree.
pub fn compare(case: &Case, i: &Instruction, host: &Outcome, core: &Outcome, maker: Maker) -> Vec<String> {
    if maker.chooses_otherwise(case, i, host, core) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    let mut differ = |what: String, h: u64, c: u64| {
        if h != c {
            wrong.push(format!("{what} host {h:x} core {c:x}"));
        }
    };
    differ("vector".into(), u64::from(host.vector), u64::from(core.vector));
    let fault = host.vector == core.vector && host.vector != END;
    if fault && matches!(host.vector, 10..=14 | 17) {
        let ignored = u32::from(host.vector == 14 && host.cr2 >= USER_END);
        differ("error".into(), u64::from(host.error & !ignored), u64::from(core.error & !ignored));
    }
    if fault && host.vector == PAGE_FAULT {
        let mask = match i.mnemonic() {
            // Which byte comes first is the processor's choice, and those that the mask leaves out may not count.
            Mnemonic::Maskmovq | Mnemonic::Maskmovdqu | Mnemonic::Fxsave | Mnemonic::Fxrstor => 0,
            m if several_parts(m) => !0xFFF,
            _ => !0,
        };
        differ("cr2".into(), host.cr2 & mask, core.cr2 & mask);
    }
    // A POPA that faults may have loaded some registers.
    let partial = fault && matches!(i.mnemonic(), Mnemonic::Popa | Mnemonic::Popad);
    for (n, (h, c)) in host.gpr.iter().zip(core.gpr).enumerate().filter(|(n, _)| !partial || *n == 4) {
        let mask = if n == 4 { stack_pointer(case) } else { !0 };
        differ(format!("r{n}"), *h & mask, c & mask);
    }
    differ("rip".into(), host.rip, core.rip);
    let completed = host.rip != case.rip();
    let mask = COMPARED & if completed { !undefined_flags(i, case) } else { !0 };
    differ(format!("flags (mask {:x})", mask & 0xFD5), host.rflags & mask, core.rflags & mask);
    for (name, (h, c)) in ["es", "cs", "ss", "ds"].iter().zip(host.segments.iter().zip(core.segments)) {
        // Null is null: the kernel's way back to the program may lose the RPL.
        let null = |s: u16| if s < 4 { 0 } else { u64::from(s) };
        differ((*name).into(), null(*h), null(c));
    }
    let word = |fx: &[u8; FX], at: usize| u64::from(fx[at]) | u64::from(fx[at + 1]) << 8;
    let loose = transcendental(i.mnemonic());
    // Intel's processors have made the transition to MMX when the instruction faults, AMD's not.
    let transition = fault && uses_mmx(i);
    differ("fcw".into(), word(&host.fx, 0), word(&core.fx, 0));
    // C1 of a transcendental function says how its last bit was rounded.
    let status = if transition {
        0xC7FF
    } else if loose {
        0xFDFF
    } else {
        0xFFFF
    };
    differ("fsw".into(), word(&host.fx, 2) & status, word(&core.fx, 2) & status);
    if !transition {
        differ("tags".into(), u64::from(host.fx[4]), u64::from(core.fx[4]));
    }
    differ("mxcsr".into(), word(&host.fx, 24), word(&core.fx, 24));
    for n in 0..8 {
        // Registers are numbered from the top: the transition moves them.
        let shift = |fx: &[u8; FX]| if transition { (8 - usize::from(fx[3] >> 3 & 7) + n) % 8 } else { n };
        let (h, c) = (32 + 16 * shift(&host.fx), 32 + 16 * shift(&core.fx));
        let (h, c) = (&host.fx[h..h + 10], &core.fx[c..c + 10]);
        if h != c && !(loose && crate::conformance::ulps(h, c).is_some_and(|u| u <= 1)) {
            wrong.push(format!("st{n} host {} core {}", hex(h), hex(c)));
        }
    }
    for n in 0..16 {
        let at = 160 + 16 * n;
        let (h, c) = (&host.fx[at..at + 16], &core.fx[at..at + 16]);
        if h != c && !several_nans(i.code(), h, c) {
            wrong.push(format!("xmm{n} host {} core {}", hex(h), hex(c)));
        }
    }
    let unwritten = pushed_selector(case, i, host);
    let bytes = host.data.iter().zip(core.data.iter()).enumerate();
    // Stores of several parts that fault may have done some.
    let parts = fault && (several_parts(i.mnemonic()) || i.memory_size().size() == 10);
    let compared = |at: &usize| !parts && !unwritten.contains(at) && !maker.saves_otherwise(case, i, host, *at);
    let bytes = bytes.filter(|(at, (h, c))| h != c && compared(at));
    for (at, (h, c)) in bytes.take(8) {
        wrong.push(format!("[{at:03x}] host {h:02x} core {c:02x}"));
    }
    wrong
}

/// The bits of RSP that belong to the program. An IRET to a 16-bit stack segment loads SP alone; Linux goes through a
/// stack of its own whose bits 16 to 31 are the program's and whose upper half is the kernel's, and some processors keep
/// that half. Outside 64-bit mode it is no state.
fn stack_pointer(case: &Case) -> u64 {
    if case.mode == Mode::Bits64 { !0 } else { 0xFFFF_FFFF }
}

/// Instructions with several memory accesses, of which any may be the first: CR2 names one of them.
pub(super) fn several_parts(m: Mnemonic) -> bool {
    use Mnemonic::*;
    matches!(
        m,
        Iret | Iretd
            | Iretq
            | Retf
            | Pusha
            | Pushad
            | Popa
            | Popad
            | Enter
            | Maskmovq
            | Maskmovdqu
            | Fldenv
            | Fnstenv
            | Fnsave
            | Frstor
            | Fxsave
            | Fxsave64
            | Fxrstor
            | Fxrstor64
            | Cmpxchg16b
    )
}

fn uses_mmx(i: &Instruction) -> bool {
    (0..i.op_count()).any(|n| i.op_kind(n) == OpKind::Register && i.op_register(n).is_mm())
}

/// The upper half of the slot of a 32-bit PUSH of a segment register: written with 0 by some processors, not at all by
/// others.
fn pushed_selector(case: &Case, i: &Instruction, after: &Outcome) -> std::ops::Range<usize> {
    if !super::generate::pushes_selector(i) {
        return 0..0;
    }
    let mask = if case.data_offset() == 0 && case.mode.bits() == 16 { 0xFFFF } else { u64::MAX };
    let slot = (after.gpr[4] & mask).wrapping_sub(case.data_offset());
    usize::try_from(slot).map_or(0..0, |slot| slot + 2..slot.saturating_add(4))
}

/// Intel's and AMD's processors choose differently among several NaNs of a dot product.
fn several_nans(code: Code, h: &[u8], c: &[u8]) -> bool {
    let width = match code {
        Code::Dpps_xmm_xmmm128_imm8 => 4,
        Code::Dppd_xmm_xmmm128_imm8 => 8,
        _ => return false,
    };
    let nan = |b: &[u8]| {
        let bits = b.iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b));
        if width == 4 { f32::from_bits(bits as u32).is_nan() } else { f64::from_bits(bits).is_nan() }
    };
    h.chunks_exact(width).zip(c.chunks_exact(width)).all(|(h, c)| h == c || nan(h) && nan(c))
}

/// Most significant byte first.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|b| format!("{b:02X}")).collect()
}
