//! Virtual-8086 mode: entry, the monitor's stack, IOPL-sensitive instructions, VME.

use super::pm::*;
use super::rig::{Rig, assemble};
use iced_x86::code_asm::*;

/// The 8086 program is at 0500:0000, its stack below 0700:1000.
const PROGRAM: u64 = 0x5000;
const IF: u32 = 0x200;
const VM: u32 = 0x2_0000;
const VIF: u32 = 1 << 19;
const VIP: u32 = 1 << 20;
const CR4_VME: u64 = 1;

/// A program in virtual-8086 mode with these flags beside VM.
fn v86(flags: u32, program: impl FnOnce(&mut CodeAssembler) -> Result<(), iced_x86::IcedError>) -> Rig {
    let mut rig = Rig::protected("");
    rig.code(CODE, |a| {
        for selector in [0x4000, 0x3000, 0x2000, 0x1000, 0x700] {
            a.push(selector)?;
        }
        a.push(0x1000)?;
        a.push((VM | flags | 2) as i32)?;
        a.push(0x500)?;
        a.push(0)?;
        a.iretd()
    });
    rig.write(PROGRAM, &assemble(16, 0, program));
    let s = rig.steps(10);
    assert_eq!((s.rip, s.gpr[4], s.rflags as u32), (0, 0x1000, VM | flags | 2));
    rig
}

#[test]
fn entry_loads_8086_segments() {
    let rig = v86(0x3000, |a| a.nop());
    let s = rig.cpu.save();
    assert_eq!(s.seg.map(|s| s.selector), [0x1000, 0x500, 0x700, 0x2000, 0x3000, 0x4000]);
    assert_eq!(s.seg.map(|s| s.base), [0x1_0000, 0x5000, 0x7000, 0x2_0000, 0x3_0000, 0x4_0000]);
    assert!(s.seg.iter().all(|s| s.limit == 0xFFFF && s.dpl() == 3));
}

#[test]
fn segment_loads_and_real_addressing() {
    let mut rig = v86(0x3000, |a| {
        a.mov(ax, 0x600)?;
        a.mov(ds, ax)?;
        a.mov(bx, word_ptr(0x10))?;
        a.push(ds)?;
        a.pop(es)?;
        a.db(&[0xEA, 0, 1, 0x10, 5])
    });
    rig.write16(0x6010, 0xBEEF);
    let s = rig.steps(6);
    assert_eq!((s.gpr[3], s.seg[0].base, s.seg[1].base, s.rip), (0xBEEF, 0x6000, 0x5100, 0x100));
}

#[test]
fn an_interrupt_goes_to_ring_0_and_back() {
    let mut rig = v86(0x3000 | IF, |a| {
        a.int(0x30)?;
        a.nop()
    });
    rig.handler(0x30, |a| a.iretd());
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.seg[2].selector, s.gpr[4]), (CS0, DS0, TSS_STACK0 - 36));
    assert_eq!(s.rflags as u32 & (VM | IF), 0);
    assert!([0, 3, 4, 5].iter().all(|&i: &usize| s.seg[i].selector == 0 && !s.seg[i].usable()));
    let frame: Vec<u32> = (0..9).map(|i| rig.read32(s.gpr[4] + 4 * i)).collect();
    assert_eq!(frame, [2, 0x500, VM | 0x3000 | IF | 2, 0x1000, 0x700, 0x1000, 0x2000, 0x3000, 0x4000]);
    let s = rig.steps(1);
    assert_eq!((s.rip, s.seg[0].base, s.rflags as u32), (2, 0x1_0000, VM | 0x3000 | IF | 2));
}

#[test]
fn below_iopl_3_sensitive_instructions_fault() {
    for bytes in [&[0xFA][..], &[0xFB], &[0x9C], &[0x9D], &[0xCD, 0x30], &[0xCF]] {
        let mut rig = v86(0, |a| a.db(bytes));
        let s = rig.until_halt();
        assert_eq!((s.rip, s.gpr[4]), (HANDLERS + 64 * 13 + 1, TSS_STACK0 - 40), "{bytes:x?}");
        assert_eq!(rig.frame(s.gpr[4]), [0, 0, 0x500, VM | 0x1_0002], "{bytes:x?}");
    }
    // INT3 is not sensitive; LGDT, HLT and MOV CR are for ring 0 only, LLDT is undefined.
    for (bytes, vector) in [
        (&[0xCC][..], 3),
        (&[0xF4], 13),
        (&[0x0F, 0x22, 0xC0], 13),
        (&[0x0F, 0x00, 0xD0], 6),
        (&[0x0F, 0x01, 0x16, 0, 0], 13),
    ] {
        let mut rig = v86(0x3000, |a| a.db(bytes));
        assert_eq!(rig.until_halt().rip, HANDLERS + 64 * vector + 1, "{bytes:x?}");
    }
}

#[test]
fn at_iopl_3_the_program_owns_if() {
    let mut rig = v86(0x3000, |a| {
        a.sti()?;
        a.pushf()?;
        a.cli()?;
        a.popf()?;
        a.nop()
    });
    let s = rig.steps(3);
    assert_eq!(rig.read16(0x7FFE), 0x3202);
    assert_eq!(s.rflags as u32 & IF, 0);
    let s = rig.steps(1);
    assert_eq!(s.rflags as u32 & (IF | 0x3000 | VM), IF | 0x3000 | VM);
}

#[test]
fn ports_follow_the_permission_map() {
    for (map, faults) in [(0xFFu8, true), (0xFB, false), (0x00, false)] {
        let mut rig = v86(0x3000, |a| {
            a.mov(dx, 0x3DA)?;
            a.out(dx, al)
        });
        rig.write(TSS + 0x68 + 0x3DA / 8, &[map]);
        rig.set_descriptor(TR, segment(TSS as u32, 0x68 + 0x80, 0x8B, 0));
        rig.edit(|s| s.sys.tr.limit = 0x68 + 0x80);
        let s = rig.steps(2);
        assert_eq!(s.rip >= HANDLERS, faults, "{map:x}");
        assert_eq!(rig.board.outs.is_empty(), faults);
    }
}

/// The redirection bitmap lies below an I/O map at 0x88: 0x68 to 0x87.
fn vme(flags: u32, program: impl FnOnce(&mut CodeAssembler) -> Result<(), iced_x86::IcedError>) -> Rig {
    let mut rig = v86(flags, program);
    rig.edit(|s| {
        s.sys.cr4 |= CR4_VME;
        s.sys.tr.limit = 0x88;
    });
    rig.write16(TSS + 0x66, 0x88);
    rig.write16(0x30 * 4, 0x40);
    rig.write16(0x30 * 4 + 2, 0x480);
    rig
}

#[test]
fn vme_redirects_interrupts_to_the_program() {
    for (flags, pushed, after) in
        [(VIF, 0x3202, VM | 2), (0, 0x3002, VM | 2), (IF, 0x3002, VM | IF | 2), (0x3000 | IF, 0x3202, VM | 0x3002)]
    {
        let mut rig = vme(flags, |a| a.int(0x30));
        let s = rig.steps(1);
        assert_eq!((s.seg[1].selector, s.rip, s.gpr[4]), (0x480, 0x40, 0xFFA), "{flags:x}");
        assert_eq!([rig.read16(0x7FFA), rig.read16(0x7FFC), rig.read16(0x7FFE)], [2, 0x500, pushed]);
        assert_eq!(s.rflags as u32, after, "{flags:x}");
    }
}

#[test]
fn vme_sends_marked_interrupts_to_the_monitor() {
    let mut rig = vme(0, |a| a.int(0x30));
    rig.write(TSS + 0x68 + 6, &[1]);
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 13 + 1, "IOPL below 3");
    let mut rig = vme(0x3000, |a| a.int(0x30));
    rig.write(TSS + 0x68 + 6, &[1]);
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 0x30 + 1);
}

#[test]
fn vme_virtualises_the_interrupt_flag() {
    let mut rig = vme(IF, |a| {
        a.sti()?;
        a.pushf()?;
        a.cli()?;
        a.pushf()?;
        a.popf()?;
        a.popf()?;
        a.nop()
    });
    let s = rig.steps(4);
    assert_eq!([rig.read16(0x7FFE), rig.read16(0x7FFC)], [0x3202, 0x3002]);
    assert_eq!(s.rflags as u32, VM | IF | 2);
    let s = rig.steps(2);
    assert_eq!(s.rflags as u32, VM | IF | VIF | 2);
    let mut rig = vme(VIP, |a| a.sti());
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 13 + 1, "an interrupt is pending");
}

#[test]
fn protected_mode_virtual_interrupts() {
    const CR4_PVI: u64 = 2;
    let mut rig = Rig::user("", 2);
    rig.edit(|s| s.sys.cr4 |= CR4_PVI);
    rig.code(USER, |a| {
        a.sti()?;
        a.cli()?;
        a.sti()?;
        a.nop()
    });
    assert_eq!(rig.steps(1).rflags as u32, VIF | 2);
    assert_eq!(rig.steps(1).rflags as u32, 2);
    rig.edit(|s| s.rflags |= u64::from(VIP));
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 13 + 1);
}
