//! EFLAGS as programs of each privilege may change it, ports and privileged instructions.

use super::pm::*;
use super::rig::Rig;
use iced_x86::code_asm::*;

fn popf(ring: u8, before: u32, image: u32) -> u64 {
    let mut rig = if ring == 0 { Rig::protected("") } else { Rig::user("", before) };
    let at = if ring == 0 { CODE } else { USER };
    rig.edit(|s| s.rflags = before.into());
    rig.code(at, |a| {
        a.push(image as i32)?;
        a.popfd()?;
        a.nop()
    });
    rig.steps(2).rflags
}

#[test]
fn popf_by_privilege() {
    let all = 0x0027_7ED7;
    assert_eq!(popf(0, 2, all), 0x0024_7ED7, "RF and VM stay out");
    assert_eq!(popf(3, 2, all), 0x0024_4CD7, "neither IF nor IOPL");
    assert_eq!(popf(3, 0x3002, all), 0x0024_7ED7, "IF at IOPL 3");
    assert_eq!(popf(3, 0x3202, 2), 0x3002);
    assert_eq!(popf(0, 0x18_0002, 2), 0x18_0002, "VIF and VIP stay");
}

#[test]
fn pushf_hides_rf() {
    let mut rig = Rig::protected("");
    rig.edit(|s| s.rflags = 0x1_0AD7);
    rig.code(CODE, |a| a.pushfd());
    rig.steps(1);
    assert_eq!(rig.read32(STACK0 - 4), 0xAD7);
}

#[test]
fn lahf_and_sahf() {
    let mut rig = Rig::protected("");
    rig.edit(|s| {
        s.rflags = 0x8D7;
        s.gpr[0] = 0;
    });
    rig.code(CODE, |a| {
        a.lahf()?;
        a.mov(ebx, eax)?;
        a.mov(eax, 0x100u32)?;
        a.sahf()
    });
    let s = rig.steps(4);
    assert_eq!((s.gpr[3], s.rflags), (0xD700, 0x803));
}

#[test]
fn ring_3_may_not() {
    for bytes in [
        &[0xFA][..],
        &[0xFB],
        &[0xF4],
        &[0xE4, 0x60],
        &[0xEF],
        &[0x0F, 0x06],
        &[0x0F, 0x08],
        &[0x0F, 0x09],
        &[0x0F, 0x20, 0xC0],
        &[0x0F, 0x23, 0xC0],
        &[0x0F, 0x30],
        &[0x0F, 0x32],
        &[0x0F, 0x01, 0xF0],
        &[0x0F, 0x01, 0x3D, 0, 0, 0, 0],
    ] {
        let mut rig = Rig::user("", 2);
        rig.write(USER, bytes);
        let s = rig.until_halt();
        assert_eq!((s.rip, rig.read32(s.gpr[4])), (HANDLERS + 64 * 13 + 1, 0), "{bytes:x?}");
    }
}

#[test]
fn iopl_3_opens_ports_and_if() {
    let mut rig = Rig::user("", 0x3002);
    rig.board.input = 0x5A;
    rig.code(USER, |a| {
        a.sti()?;
        a.in_(al, 0x60)?;
        a.mov(edx, 0x3F8u32)?;
        a.out(dx, eax)?;
        a.cli()?;
        a.nop()
    });
    let s = rig.steps(5);
    assert_eq!((s.gpr[0] & 0xFF, s.rflags & 0x200), (0x5A, 0));
    assert_eq!(rig.board.outs, [(0x3F8, 4, s.gpr[0] as u32)]);
}

#[test]
fn model_specific_registers() {
    let mut rig = Rig::protected("");
    rig.code(CODE, |a| {
        a.mov(ecx, 0x176u32)?;
        a.mov(eax, 0x1234u32)?;
        a.xor(edx, edx)?;
        a.wrmsr()?;
        a.xor(eax, eax)?;
        a.rdmsr()?;
        a.mov(ebx, eax)?;
        a.mov(ecx, 0x5555u32)?;
        a.rdmsr()
    });
    let s = rig.until_halt();
    assert_eq!((s.gpr[3], s.rip), (0x1234, HANDLERS + 64 * 13 + 1));
}

#[test]
fn the_time_stamp_counter_can_be_set_and_locked() {
    let mut rig = Rig::protected("");
    rig.code(CODE, |a| {
        a.mov(ecx, 0x10u32)?;
        a.mov(eax, 1000u32)?;
        a.xor(edx, edx)?;
        a.wrmsr()?;
        a.rdtsc()?;
        a.hlt()
    });
    assert_eq!(rig.until_halt().gpr[0], 1001);
    let mut rig = Rig::user("", 2);
    rig.edit(|s| s.sys.cr4 |= 4);
    rig.code(USER, |a| a.rdtsc());
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 13 + 1);
}

#[test]
fn alignment_checks_at_ring_3_only() {
    const AC: u64 = 1 << 18;
    const AM: u64 = 1 << 18;
    for (ring, faults) in [(0, false), (3, true)] {
        let mut rig = if ring == 0 { Rig::protected("") } else { Rig::user("", 2) };
        let at = if ring == 0 { CODE } else { USER };
        rig.code(at, |a| {
            a.mov(eax, dword_ptr(0x6001))?;
            a.nop()
        });
        rig.edit(|s| {
            s.rflags |= AC;
            s.sys.cr0 |= AM;
        });
        let s = rig.steps(1);
        assert_eq!(s.rip >= HANDLERS, faults);
        if faults {
            assert_eq!((s.rip, rig.read32(s.gpr[4])), (HANDLERS + 64 * 17 + 1, 0));
        }
    }
}
