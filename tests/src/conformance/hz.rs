//! User-mode captures of an x86-64 host: one instruction in 32-bit compatibility mode or 64-bit mode at CPL 3.
//!
//! The rig is a small long-mode system: the code page at 10000000h and three data pages at 20000000h belong to the
//! user, a supervisor page holds the IDT, whose 32 gates lead to one HLT each, a TSS and a stack. A test ends in the
//! HLT of the vector it raised; the UD2 behind the instruction raises #UD when the instruction completed.

use super::Report;
use crate::moo::{Form, Test};
use crate::rig::Rig;
use rewind86_cpu::Exit;
use rewind86_cpu::regs::{Segment, TableRegister, attr};
use rewind86_cpu::state::{CpuState, cr0, cr4, efer};

const KERNEL: u64 = 0xFFFF_8000_0000_0000;
const CODE: u64 = 0x1000_0000;
const DATA: u64 = 0x2000_0000;
// Physical layout.
const PML4: u64 = 0x1000;
const PDPT_USER: u64 = 0x2000;
const PD_USER: u64 = 0x3000;
const PT_CODE: u64 = 0x4000;
const PT_DATA: u64 = 0x5000;
const PDPT_KERNEL: u64 = 0x6000;
const PD_KERNEL: u64 = 0x7000;
const PT_KERNEL: u64 = 0x8000;
const GDT: u64 = 0x9000;
const IDT: u64 = 0xA000;
const TSS: u64 = 0xB000;
const HANDLERS: u64 = 0xC000;
const STACK_TOP: u64 = 0xE000;
const CODE_PHYS: u64 = 0x1_0000;
const DATA_PHYS: u64 = 0x1_1000;
const RAM: u64 = 0x2_0000;
const DATA_LEN: u64 = 0x3000;
/// What stands behind the instruction.
const UD2: [u8; 2] = [0x0F, 0x0B];
/// TF and RF are no part of the capture.
const IGNORED_FLAGS: u64 = 0x1_0100;

fn flat(selector: u16, extra: u16) -> Segment {
    let dpl = (selector & 3) << attr::DPL_SHIFT;
    Segment::new(selector, 0, u32::MAX, attr::P | attr::S | attr::RW | attr::A | attr::G | dpl | extra)
}

fn build(rig: &mut Rig) {
    let mut put = |addr: u64, value: u64| rig.mem.write(addr, &value.to_le_bytes());
    const USER: u64 = 7 | 0x60;
    const SUPERVISOR: u64 = 3 | 0x60;
    put(PML4, PDPT_USER | USER);
    put(PDPT_USER, PD_USER | USER);
    put(PD_USER + 8 * (CODE >> 21), PT_CODE | USER);
    put(PD_USER + 8 * (DATA >> 21), PT_DATA | USER);
    put(PT_CODE, CODE_PHYS | USER);
    for i in 0..3 {
        put(PT_DATA + 8 * i, (DATA_PHYS + 0x1000 * i) | USER);
    }
    put(PML4 + 8 * 256, PDPT_KERNEL | SUPERVISOR);
    put(PDPT_KERNEL, PD_KERNEL | SUPERVISOR);
    put(PD_KERNEL, PT_KERNEL | SUPERVISOR);
    for i in 0..16 {
        put(PT_KERNEL + 8 * i, (0x1000 * i) | SUPERVISOR);
    }
    // Kernel code segment 08h: 64-bit, DPL 0; user segments as Linux has them.
    put(GDT + 0x08, 0x00AF_9B00_0000_FFFF);
    put(GDT + 0x20, 0x00CF_FB00_0000_FFFF);
    put(GDT + 0x28, 0x00CF_F300_0000_FFFF);
    put(GDT + 0x30, 0x00AF_FB00_0000_FFFF);
    for v in 0..32 {
        let at = KERNEL + HANDLERS + 16 * v;
        put(IDT + 16 * v, at & 0xFFFF | 0x08 << 16 | 0xEE00 << 32 | (at >> 16 & 0xFFFF) << 48);
        put(IDT + 16 * v + 8, at >> 32);
        rig_byte(&mut put, HANDLERS + 16 * v);
    }
    put(TSS + 4, KERNEL + STACK_TOP);
}

fn rig_byte(put: &mut impl FnMut(u64, u64), addr: u64) {
    put(addr, 0xF4);
}

fn state(base: &CpuState, test: &Test, long: bool) -> CpuState {
    let mut s = base.clone();
    let get = |bit: u8| test.init.regs.get(&bit).copied().unwrap_or(0);
    for n in 0..16 {
        s.gpr[n as usize] = get(n);
    }
    s.rip = get(16);
    s.rflags = get(17) & !IGNORED_FLAGS | 2;
    s.seg = [flat(0x2B, attr::DB); 6];
    s.seg[1] = if long { flat(0x33, attr::CODE | attr::L) } else { flat(0x23, attr::CODE | attr::DB) };
    s.seg[4] = Segment::new(0, 0, u32::MAX, if long { attr::P | attr::S | attr::RW | attr::A | 3 << 5 } else { 0 });
    s.seg[5] = s.seg[4];
    s.sys.cr0 = cr0::PE | cr0::MP | cr0::ET | cr0::NE | cr0::WP | cr0::AM | cr0::PG;
    s.sys.cr3 = PML4;
    s.sys.cr4 = cr4::PAE | cr4::OSFXSR | cr4::OSXMMEXCPT | cr4::PGE;
    s.sys.efer = efer::LME | efer::LMA | efer::SCE | efer::NXE;
    s.sys.gdtr = TableRegister { base: KERNEL + GDT, limit: 0x37 };
    s.sys.idtr = TableRegister { base: KERNEL + IDT, limit: 0x1FF };
    s.sys.tr = Segment::new(0x40, KERNEL + TSS, 0x67, attr::P | 0xB);
    s.sys.halted = false;
    s
}

/// What the rig cannot hold is no test of this set.
fn check(test: &Test) -> Result<(), String> {
    let rip = test.init.regs.get(&16).copied().unwrap_or(0);
    let at = || format!("test {:02X?}", test.bytes);
    if rip & !0xFFF != CODE || (rip & 0xFFF) + test.bytes.len() as u64 + UD2.len() as u64 > 0x1000 {
        return Err(format!("{} starts at {rip:x}, outside of the code page", at()));
    }
    let outside = |&(addr, _): &(u32, u8)| !(DATA..DATA + DATA_LEN).contains(&u64::from(addr));
    if test.init.ram.iter().chain(&test.last.ram).any(outside) {
        return Err(format!("{} has memory outside of the data pages", at()));
    }
    let images = test.init.fxsave.iter().chain(&test.last.fxsave);
    if images.map(Vec::len).any(|n| !matches!(n, 288 | 416)) {
        return Err(format!("{} has an FXSAVE image of a wrong size", at()));
    }
    Ok(())
}

/// Runs the tests of one form.
///
/// # Errors
/// A test that does not fit the set-up.
pub(super) fn run(form: &Form, report: &mut Report) -> Result<(), String> {
    let long = form.cpu == "HZ64";
    let mut rig = Rig::new("nehalem,+aes,+pclmulqdq,+sha,+movbe,+lzcnt,+bmi1", RAM);
    build(&mut rig);
    let base = rig.cpu.save();
    let flags = form.masks.get(&17).copied().unwrap_or(u64::from(u32::MAX)) & !IGNORED_FLAGS;
    let row = format!("{} {}", if long { 64 } else { 32 }, form.name);
    for (i, test) in form.tests.iter().enumerate() {
        check(test)?;
        let outcome = one(&mut rig, &base, test, form, long, flags);
        let outcome = outcome.map(|ulp| report.ulp = report.ulp.max(ulp));
        report.add(&row, || format!("#{i} {:02X?}", test.bytes), outcome);
    }
    Ok(())
}

/// Runs one test; gives the distance of a transcendental result.
fn one(
    rig: &mut Rig,
    base: &CpuState,
    test: &Test,
    form: &Form,
    long: bool,
    flags: u64,
) -> Result<Option<u64>, String> {
    rig.mem.write(CODE_PHYS, &[0; 0x1000]);
    rig.mem.write(DATA_PHYS, &[0; DATA_LEN as usize]);
    let s = state(base, test, long);
    let start = s.rip;
    let mut code = test.bytes.clone();
    code.extend(UD2);
    rig.mem.write(CODE_PHYS + (start & 0xFFF), &code);
    for &(addr, value) in &test.init.ram {
        rig.mem.write(DATA_PHYS + (u64::from(addr) - DATA), &[value]);
    }
    rig.cpu.load(&s);
    if let Some(image) = &test.init.fxsave {
        rig.cpu.load_fxsave(image);
    }
    // One instruction at a time: a repeat stays at its address, an exception goes on to the HLT of its handler.
    let mut completed = false;
    for _ in 0..1_000_000 {
        match rig.run(1) {
            Exit::Halted => break,
            Exit::Limit if rig.cpu.halted() => break,
            Exit::Limit if rig.cpu.rip() == start && !branches(form) => {}
            Exit::Limit => {
                completed = true;
                break;
            }
            other => return Err(format!("{other:?}")),
        }
    }
    let after = rig.cpu.save();
    let mut wrong = Vec::new();
    match (&test.exception, completed) {
        (None, true) => {}
        (Some((vector, _)), true) => return Err(format!("no exception, want vector {vector}")),
        (want, false) => raised(rig, &after, want.as_ref(), start)?,
    }
    let get = |bit: u8| test.init.regs.get(&bit).copied().unwrap_or(0);
    let want = |bit: u8| test.last.regs.get(&bit).copied().unwrap_or(get(bit));
    let mask = if long { u64::MAX } else { 0xFFFF_FFFF };
    let count: u8 = if long { 16 } else { 8 };
    // A delivery moved RSP to the kernel's stack; RIP and flags were looked at there.
    for n in (0..count).filter(|n| completed || *n != 4) {
        if (after.gpr[usize::from(n)] ^ want(n)) & mask != 0 {
            wrong.push(format!("r{n} {:x} want {:x}", after.gpr[usize::from(n)] & mask, want(n)));
        }
    }
    if completed && (after.rip ^ want(16)) & mask != 0 {
        wrong.push(format!("rip {:x} want {:x}", after.rip, want(16)));
    }
    if completed && (after.rflags ^ want(17)) & flags != 0 {
        wrong.push(format!("flags {:x} want {:x} mask {flags:x}", after.rflags, want(17)));
    }
    for &(addr, value) in &test.last.ram {
        let got = rig.byte(DATA_PHYS + (u64::from(addr) - DATA));
        if got != value {
            wrong.push(format!("[{addr:x}] {got:02x} want {value:02x}"));
        }
    }
    let mut ulp = None;
    if let Some(want) = test.last.fxsave.as_ref().or(test.init.fxsave.as_ref()) {
        ulp = super::fx::compare(&rig.cpu.fxsave_image(), want, &form.name, &mut wrong);
    }
    if wrong.is_empty() { Ok(ulp) } else { Err(wrong.join(", ")) }
}

/// Compares the exception that ended a test in its handler.
fn raised(rig: &Rig, after: &CpuState, want: Option<&(u8, Vec<u8>)>, start: u64) -> Result<(), String> {
    let vector = (after.rip.wrapping_sub(1 + KERNEL + HANDLERS) / 16) as u8;
    // The frame at the top of the ring-0 stack: [error], RIP, CS, RFLAGS, RSP, SS.
    let mut frame = [0; 48];
    rig.mem.read(STACK_TOP - 48, &mut frame);
    let word = |i: usize| frame[8 * i..8 * i + 8].iter().rev().fold(0, |v, &b| v << 8 | u64::from(b));
    let (error, rip) = (word(0), word(1));
    let Some((want, rest)) = want else {
        return Err(format!("vector {vector} error {error:x} at {rip:x}"));
    };
    let number =
        |at: usize, n: usize| rest.get(at..at + n).map_or(0, |b| b.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)));
    let (code, cr2) = (number(0, 4), number(4, 8));
    if vector != *want {
        return Err(format!("vector {vector} want {want}"));
    }
    let has_code = matches!(vector, 8 | 10..=14 | 17);
    if has_code && error != code {
        return Err(format!("vector {vector} error {error:x} want {code:x}"));
    }
    if vector == 14 && after.sys.cr2 != cr2 {
        return Err(format!("cr2 {:x} want {cr2:x}", after.sys.cr2));
    }
    // INT1, INT3 and INTO leave RIP behind the instruction.
    if !matches!(vector, 1 | 3 | 4) && rip != start {
        return Err(format!("vector {vector} at {rip:x} want {start:x}"));
    }
    Ok(())
}

/// Jumps may lead to themselves.
fn branches(form: &Form) -> bool {
    ["call", "jcc", "jmp", "loop", "ret"].iter().any(|p| form.name.starts_with(p))
}
