//! Captures of an 8086 (20 address bits, no exception but the divide error) run on the 386 model, where the
//! two agree.
//!
//! Whole opcodes are left out when the 386 gave them another meaning; single tests when they reach a rule that the 386
//! changed: those are decided by what the test does (a count, an address, an exception), never by its number. One
//! instruction runs, a repeat to its end.
//!
//! Not compared: bits 12 to 15 of FLAGS (1 on the 8086), also where an instruction pushes them.

use super::Report;
use super::real::Metadata;
use crate::moo::{Form, Test};
use crate::rig::Rig;
use rewind86_cpu::regs::Segment;
use rewind86_cpu::{CpuState, Exit};

/// 1 MiB that wraps, as the address bus of the 8086 does: the gate of A20 is closed.
const RAM: u64 = 1 << 20;
/// FLAGS bits that both processors have.
const FLAGS: u64 = 0x0FD5;
const AF: u64 = 0x10;
const DECIMAL: &str = "DAA, DAS, AAA and AAS carry between digits otherwise on the 8086";
/// Instructions in the longest repeat, and one more.
const LONGEST: u64 = 0x1_0001;

/// Why an opcode means something else on a 386.
fn other_meaning(opcode: &str) -> Option<&'static str> {
    let (op, reg) = opcode.split_once('.').unwrap_or((opcode, ""));
    let number = u8::from_str_radix(op, 16).unwrap_or(0);
    Some(match (number, reg) {
        (0x0F, _) => "POP CS is an opcode escape on later processors",
        (0x60..=0x6F, _) => "60h to 6Fh are aliases of 70h to 7Fh on the 8086",
        (0xC0 | 0xC1 | 0xC8 | 0xC9, _) => "C0h, C1h, C8h and C9h are aliases of RET on the 8086",
        (0x54, _) => "PUSH SP stores the new value on the 8086",
        (0xF6 | 0xF7, "7") => "IDIV refuses quotients on the 8086 that later processors give",
        (0xD0..=0xD3, "6") => "SETMO and SETMOC on the 8086 are SHL on later processors",
        (0xD8..=0xDF, _) => "no coprocessor is captured",
        (0xFF, "7") => "FFh /7 is PUSH on the 8086 and undefined on later processors",
        (0xFE, "2" | "3" | "4" | "5" | "6" | "7") => "FEh /2 to /7 are undocumented on the 8086 only",
        (0x9B | 0xF0 | 0xF1 | 0xF4, _) => "WAIT, LOCK and HLT are no single instruction",
        _ => return None,
    })
}

// ax bx cx dx cs ss ds es sp bp si di ip flags
const GPR: [(u8, usize); 8] = [(0, 0), (1, 3), (2, 1), (3, 2), (8, 4), (9, 5), (10, 6), (11, 7)];
const SEG: [(u8, usize); 4] = [(4, 1), (5, 2), (6, 3), (7, 0)];
const AX: u8 = 0;
const CX: u8 = 2;
const IP: u8 = 12;
const FLAGS_REG: u8 = 13;

/// Runs the tests of one file.
///
/// # Errors
/// A test that does not fit the memory of the set.
pub(super) fn run(form: &Form, opcode: &str, meta: &Metadata, report: &mut Report) -> Result<(), String> {
    if let Some(reason) = other_meaning(opcode) {
        report.leave_out(reason, form.tests.len() as u64);
        return Ok(());
    }
    let mut rig = Rig::new("386", RAM);
    let flags = meta.flags(opcode) & form.masks.get(&FLAGS_REG).copied().unwrap_or(0xFFFF) & FLAGS;
    for test in &form.tests {
        let outside = |&(addr, _): &(u32, u8)| u64::from(addr) >= RAM;
        if test.init.ram.iter().chain(&test.last.ram).any(outside) {
            return Err(format!("test {} has memory outside of the set's 1 MiB", test.index));
        }
        match one(&mut rig, test, opcode, flags) {
            Outcome::LeftOut(reason) => report.leave_out(reason, 1),
            Outcome::Ran(result) => {
                report.add(opcode, || format!("#{} `{}` {:02X?}", test.index, test.name, test.bytes), result);
            }
        }
        rig.clear();
    }
    Ok(())
}

enum Outcome {
    Ran(Result<(), String>),
    LeftOut(&'static str),
}

/// Length of the prefixes that both processors have.
fn prefixes(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| matches!(b, 0x26 | 0x2E | 0x36 | 0x3E | 0xF0..=0xF3)).count()
}

/// A rule that the 386 changed, seen from the test's instruction and registers.
fn changed_rule(test: &Test, get: impl Fn(u8) -> u64) -> Option<&'static str> {
    let at = prefixes(&test.bytes);
    let (prefix, code) = test.bytes.split_at(at);
    let (opcode, modrm) = (code.first().copied().unwrap_or(0), code.get(1).copied().unwrap_or(0));
    let string = matches!(opcode, 0xA4..=0xA7 | 0xAA..=0xAF);
    let (al, af) = (get(AX) & 0xFF, get(FLAGS_REG) & AF != 0);
    match opcode {
        _ if prefix.iter().any(|b| matches!(b, 0xF0 | 0xF1)) => Some("LOCK is checked by the 386"),
        _ if !string && prefix.iter().any(|b| matches!(b, 0xF2 | 0xF3)) => {
            Some("a repeat prefix changes other instructions on the 8086")
        }
        0xD2 | 0xD3 if get(CX) & 0xE0 != 0 => Some("shift counts are taken modulo 32 by the 386"),
        0xFF if modrm == 0xF4 => Some("PUSH SP stores the new value on the 8086"),
        // With AF set the 8086 takes 9Fh, later processors 99h, for the limit of the high digit.
        0x27 | 0x2F if af && (0x9A..=0x9F).contains(&al) => Some(DECIMAL),
        // A borrow from the low digit is a carry from the 286 on.
        0x2F if al < 6 => Some(DECIMAL),
        // AX is adjusted as a whole from the 286 on.
        0x37 if al >= 0xFA => Some(DECIMAL),
        0x3F if al < 6 => Some(DECIMAL),
        0x8C | 0x8E if modrm >> 3 & 7 >= 4 => Some("FS, GS and beyond are aliases of ES to DS on the 8086"),
        _ => None,
    }
}

fn one(rig: &mut Rig, test: &Test, opcode: &str, flags: u64) -> Outcome {
    let get = |bit: u8| test.init.regs.get(&bit).copied().unwrap_or(0);
    if let Some(reason) = changed_rule(test, get) {
        return Outcome::LeftOut(reason);
    }
    rig.cpu.set_a20(false);
    rig.cpu.reset();
    for &(addr, value) in &test.init.ram {
        rig.mem.write(u64::from(addr), &[value]);
    }
    let mut s = rig.cpu.save();
    for (bit, n) in GPR {
        s.gpr[n] = get(bit);
    }
    for (bit, n) in SEG {
        s.seg[n] = Segment::real(get(bit) as u16);
    }
    s.rip = get(IP);
    s.rflags = get(FLAGS_REG) & FLAGS | 2;
    let interrupt = matches!(opcode, "CC" | "CD" | "CE");
    if !interrupt {
        // No vector exists: an exception ends in a shutdown, which tells it from what the 8086 did.
        s.sys.idtr.limit = 0;
    }
    rig.cpu.load(&s);
    let start = s.rip;
    let repeat = test.bytes.iter().take(prefixes(&test.bytes)).any(|b| matches!(b, 0xF2 | 0xF3));
    for n in 0..LONGEST {
        match rig.run(1) {
            Exit::Limit if repeat && rig.cpu.rip() == start && n + 1 < LONGEST => {}
            Exit::Limit => break,
            Exit::Shutdown => {
                return Outcome::LeftOut("an exception of the 386 that the 8086 lacks or stacks otherwise");
            }
            other => return Outcome::Ran(Err(format!("{other:?}"))),
        }
    }
    Outcome::Ran(compare(rig, test, opcode, &s, flags))
}

fn compare(rig: &Rig, test: &Test, opcode: &str, before: &CpuState, flags: u64) -> Result<(), String> {
    let s = rig.cpu.save();
    let want = |bit: u8, old: u64| test.last.regs.get(&bit).copied().unwrap_or(old);
    let mut wrong = Vec::new();
    for (bit, n) in GPR {
        let w = want(bit, before.gpr[n]);
        if (s.gpr[n] ^ w) & 0xFFFF != 0 {
            wrong.push(format!("r{n} {:x} want {w:x}", s.gpr[n] & 0xFFFF));
        }
    }
    for (bit, n) in SEG {
        let w = want(bit, u64::from(before.seg[n].selector));
        if u64::from(s.seg[n].selector) != w {
            wrong.push(format!("seg{n} {:x} want {w:x}", s.seg[n].selector));
        }
    }
    // The 8086 wraps IP; the 386 notices only when it fetches there.
    let w = want(IP, before.rip);
    if (s.rip ^ w) & 0xFFFF != 0 {
        wrong.push(format!("ip {:x} want {w:x}", s.rip));
    }
    let w = want(FLAGS_REG, before.rflags);
    if (s.rflags ^ w) & flags != 0 {
        wrong.push(format!("flags {:x} want {w:x} mask {flags:x}", s.rflags));
    }
    // Where the instruction pushed FLAGS.
    let image = match opcode {
        "9C" => Some(0),
        "CC" | "CD" | "CE" => Some(4),
        _ => None,
    };
    let high = image.map(|up| (u64::from(s.seg[2].selector) << 4) + (s.gpr[4].wrapping_add(up + 1) & 0xFFFF));
    let high = high.map(|linear| linear & (RAM - 1));
    for &(addr, value) in &test.last.ram {
        let got = rig.byte(u64::from(addr));
        let mask = if high == Some(u64::from(addr)) { 0x0F } else { 0xFF };
        if (got ^ value) & mask != 0 {
            wrong.push(format!("[{addr:x}] {got:02x} want {value:02x}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join(", ")) }
}
