//! Real-mode captures of a 286 and a 386: registers in, run to the HLT that ends each test, registers out.

use super::Report;
use crate::moo::{Form, Test};
use crate::rig::Rig;
use rewind86_cpu::CpuState;
use rewind86_cpu::Exit;
use rewind86_cpu::regs::Segment;
use std::path::Path;

/// Flag masks per opcode from `metadata.json`.
#[derive(Default)]
pub(super) struct Metadata(serde_json::Value);

impl Metadata {
    /// Reads the folder's metadata; nothing is masked without.
    ///
    /// # Errors
    /// A file that is there and no JSON.
    pub(super) fn load(dir: &Path) -> Result<Self, String> {
        let path = dir.join("metadata.json");
        let Ok(text) = std::fs::read(&path) else { return Ok(Self::default()) };
        serde_json::from_slice(&text).map(Self).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Flags that are defined after an opcode (`80` or `80.2`).
    pub(super) fn flags(&self, opcode: &str) -> u64 {
        let (op, reg) = opcode.split_once('.').unwrap_or((opcode, ""));
        let entry = &self.0["opcodes"][op];
        let entry = if reg.is_empty() { entry } else { &entry["reg"][reg] };
        entry["flags-mask"].as_u64().unwrap_or(0xFFFF)
    }
}

/// What the bit numbers of a register chunk mean: general registers by encoding, then the rest.
struct Layout {
    gpr: &'static [(u8, usize)],
    seg: &'static [(u8, usize)],
    ip: u8,
    flags: u8,
}

// ax bx cx dx cs ss ds es sp bp si di ip flags
const LAYOUT_286: Layout = Layout {
    gpr: &[(0, 0), (1, 3), (2, 1), (3, 2), (8, 4), (9, 5), (10, 6), (11, 7)],
    seg: &[(4, 1), (5, 2), (6, 3), (7, 0)],
    ip: 12,
    flags: 13,
};
// cr0 cr3 eax ebx ecx edx esi edi ebp esp cs ds es fs gs ss eip eflags dr6 dr7
const LAYOUT_386: Layout = Layout {
    gpr: &[(2, 0), (3, 3), (4, 1), (5, 2), (6, 6), (7, 7), (8, 5), (9, 4)],
    seg: &[(10, 1), (11, 3), (12, 0), (13, 4), (14, 5), (15, 2)],
    ip: 16,
    flags: 17,
};

const RAM: u64 = 16 << 20;
/// FLAGS bits that a 286 has in real mode.
const FLAGS_286: u64 = 0x0FD5;
/// EFLAGS bits that a 386 has in real mode.
const FLAGS_386: u64 = 0x1_7FD5;

/// Runs the tests of one file.
///
/// # Errors
/// A test that does not fit the memory of the set.
pub(super) fn run(form: &Form, opcode: &str, meta: &Metadata, report: &mut Report) -> Result<(), String> {
    let is_286 = form.cpu == "C286";
    let mut rig = Rig::new(if is_286 { "286" } else { "386" }, RAM);
    let layout = if is_286 { LAYOUT_286 } else { LAYOUT_386 };
    for test in &form.tests {
        let outside = |&(addr, _): &(u32, u8)| u64::from(addr) >= RAM;
        if test.init.ram.iter().chain(&test.last.ram).any(outside) {
            return Err(format!("test {} has memory outside of the set's 16 MiB", test.index));
        }
        let mut masks = form.masks.clone();
        masks.extend(test.last.masks.iter().map(|(k, v)| (*k, *v)));
        let default = meta.flags(opcode) | if is_286 { 0 } else { 0xFFFF_0000 };
        let flags = masks.get(&layout.flags).copied().unwrap_or(u64::from(u32::MAX)) & default;
        let outcome = one(&mut rig, test, &layout, flags);
        report.add(opcode, || format!("#{} `{}` {:02X?}", test.index, test.name, test.bytes), outcome);
        rig.clear();
    }
    Ok(())
}

/// Address of the FLAGS image that an exception pushed, with the mask of what is defined there.
///
/// The sets name the address of an even word: from an odd stack pointer that is the one below. SS:SP at the end, in
/// the handler, points at IP, CS, FLAGS.
fn pushed_flags(test: &Test, after: &CpuState) -> Option<u64> {
    let (_, rest) = test.exception.as_ref()?;
    let named = u64::from(u32::from_le_bytes(rest.get(..4)?.try_into().ok()?));
    let sp = after.gpr[4].wrapping_add(4) & 0xFFFF;
    let linear = (u64::from(after.seg[2].selector) << 4) + sp;
    Some(if linear & !1 == named { linear } else { named })
}

fn one(rig: &mut Rig, test: &Test, layout: &Layout, flags_mask: u64) -> Result<(), String> {
    rig.cpu.reset();
    for &(addr, value) in &test.init.ram {
        rig.mem.write(u64::from(addr), &[value]);
    }
    let get = |bit: u8| test.init.regs.get(&bit).copied().unwrap_or(0);
    let mut s = rig.cpu.save();
    for &(bit, n) in layout.gpr {
        s.gpr[n] = get(bit);
    }
    for &(bit, n) in layout.seg {
        s.seg[n] = Segment::real(get(bit) as u16);
    }
    let narrow = layout.ip == LAYOUT_286.ip;
    s.rip = get(layout.ip);
    s.rflags = get(layout.flags) & if narrow { FLAGS_286 } else { FLAGS_386 } | 2;
    let before = s.clone();
    rig.cpu.load(&s);
    match rig.run(100_000) {
        Exit::Halted => {}
        other => return Err(format!("{other:?} instead of HLT at {:x}", rig.cpu.rip())),
    }
    let s = rig.cpu.save();
    let want = |bit: u8, old: u64| test.last.regs.get(&bit).copied().unwrap_or(old);
    let mut wrong = Vec::new();
    let width = if narrow { 0xFFFF } else { 0xFFFF_FFFF };
    for &(bit, n) in layout.gpr {
        let w = want(bit, before.gpr[n]);
        if (s.gpr[n] ^ w) & width != 0 {
            wrong.push(format!("r{n} {:x} want {w:x}", s.gpr[n] & width));
        }
    }
    for &(bit, n) in layout.seg {
        let w = want(bit, u64::from(before.seg[n].selector));
        if u64::from(s.seg[n].selector) != w {
            wrong.push(format!("seg{n} {:x} want {w:x}", s.seg[n].selector));
        }
    }
    let w = want(layout.ip, before.rip);
    if (s.rip ^ w) & width != 0 {
        wrong.push(format!("ip {:x} want {w:x}", s.rip));
    }
    let known = if narrow { 0xFFFF } else { 0x3_FFFF };
    let w = want(layout.flags, get(layout.flags));
    if (s.rflags ^ w) & flags_mask & known != 0 {
        wrong.push(format!("flags {:x} want {w:x} mask {flags_mask:x}", s.rflags));
    }
    let pushed = pushed_flags(test, &s);
    for &(addr, value) in &test.last.ram {
        let got = rig.byte(u64::from(addr));
        let mask = match pushed {
            Some(p) if u64::from(addr) == p => flags_mask as u8,
            Some(p) if u64::from(addr) == p + 1 => (flags_mask >> 8) as u8,
            _ => 0xFF,
        };
        if (got ^ value) & mask != 0 {
            wrong.push(format!("[{addr:x}] {got:02x} want {value:02x}"));
        }
    }
    for &(addr, value) in &test.init.ram {
        if !test.last.ram.iter().any(|(a, _)| *a == addr) && rig.byte(u64::from(addr)) != value {
            wrong.push(format!("[{addr:x}] {:02x} changed from {value:02x}", rig.byte(u64::from(addr))));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join(", ")) }
}
