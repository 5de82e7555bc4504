//! Single steps, breakpoints, general detect.

use super::pm::*;
use super::rig::Rig;
use iced_x86::code_asm::*;
use rewind86_cpu::CpuState;

const TF: u64 = 0x100;
const DB: u64 = HANDLERS + 64;

/// Sets DR0 and DR7, runs to the handler of #DB or #GP, and gives the state there.
fn armed(
    address: u64,
    control: u64,
    program: impl FnOnce(&mut CodeAssembler) -> Result<(), iced_x86::IcedError>,
) -> (Rig, CpuState) {
    let mut rig = Rig::protected("");
    rig.edit(|s| {
        s.sys.dr[0] = address;
        s.sys.dr[7] = 0x400 | control;
    });
    rig.code(CODE, program);
    let s = rig.until_halt();
    (rig, s)
}

#[test]
fn single_steps_trap_behind_each_instruction() {
    let mut rig = Rig::protected("");
    rig.edit(|s| s.rflags |= TF);
    rig.code(CODE, |a| {
        a.nop()?;
        a.nop()
    });
    let s = rig.until_halt();
    assert_eq!((s.rip, s.sys.dr[6] & 0xE00F, s.rflags & TF), (DB + 1, 0x4000, 0));
    assert_eq!([rig.read32(STACK0 - 12), rig.read32(STACK0 - 4)], [CODE as u32 + 1, 0x102]);
}

#[test]
fn an_iret_into_tf_traps_one_instruction_later() {
    let mut rig = Rig::protected("");
    rig.code(CODE, |a| {
        a.push(0x102)?;
        a.push(i32::from(CS0))?;
        a.push(0x5000)?;
        a.iretd()
    });
    rig.code(0x5000, |a| a.nop());
    let s = rig.until_halt();
    assert_eq!((s.rip, rig.read32(s.gpr[4])), (DB + 1, 0x5001));
}

#[test]
fn popf_that_clears_tf_still_traps_and_int_n_does_not() {
    let mut rig = Rig::protected("");
    rig.edit(|s| {
        s.rflags |= TF;
        s.gpr[4] = STACK0 - 4;
    });
    rig.write32(STACK0 - 4, 2);
    rig.code(CODE, |a| a.popfd());
    let s = rig.until_halt();
    assert_eq!((s.rip, rig.read32(s.gpr[4]), rig.read32(s.gpr[4] + 8)), (DB + 1, CODE as u32 + 1, 2));
    let mut rig = Rig::protected("");
    rig.edit(|s| s.rflags |= TF);
    rig.code(CODE, |a| a.int(0x30));
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 0x30 + 1);
}

#[test]
fn mov_ss_delays_the_trap() {
    let mut rig = Rig::protected("");
    rig.edit(|s| s.rflags |= TF);
    rig.code(CODE, |a| {
        a.mov(ss, ecx)?;
        a.mov(esp, 0x7_0000u32)?;
        a.nop()
    });
    rig.edit(|s| s.gpr[1] = DS0.into());
    rig.until_halt();
    assert_eq!(rig.read32(0x7_0000 - 12), CODE as u32 + 7);
}

#[test]
fn instruction_breakpoints_are_faults_and_rf_skips_one() {
    let (rig, s) = armed(CODE + 1, 1, |a| {
        a.nop()?;
        a.inc(eax)?;
        a.hlt()
    });
    assert_eq!((s.rip, s.sys.dr[6] & 0xE00F), (DB + 1, 1));
    assert_eq!(rig.read32(s.gpr[4]), CODE as u32 + 1);
    let mut rig = rig;
    // The handler sets RF in the frame and returns.
    rig.write32(s.gpr[4] + 8, 0x1_0002);
    rig.code(0x5000, |a| a.iretd());
    rig.cpu.set_rip(0x5000);
    rig.edit(|s| s.sys.halted = false);
    let s = rig.steps(2);
    assert_eq!((s.rip, s.rflags & 0x1_0000), (CODE + 2, 0));
}

#[test]
fn data_breakpoints_trap_behind_the_access() {
    // Write of 4 bytes at 0x6000; then read or write of 1 byte.
    for (control, at, write, hits) in [
        (0xD_0001, 0x6000, true, true),
        (0xD_0001, 0x6003, true, true),
        (0xD_0001, 0x6004, true, false),
        (0xD_0001, 0x5FFD, true, true),
        (0xD_0001, 0x6000, false, false),
        (0xF_0001, 0x6000, false, true),
        (0x3_0001, 0x6001, false, false),
        (0x3_0002, 0x5FFF, false, true),
    ] {
        let (rig, s) = armed(0x6000, control, |a| {
            if write {
                a.mov(dword_ptr(at), eax)?
            } else {
                a.mov(eax, dword_ptr(at))?
            };
            a.hlt()
        });
        assert_eq!(s.rip == DB + 1, hits, "{control:x} {at:x} {write}");
        if hits {
            assert_eq!(s.sys.dr[6] & 0xE00F, 1);
            assert_eq!(rig.read32(s.gpr[4]), rig.read32(STACK0 - 12));
            assert!(rig.read32(s.gpr[4]) > CODE as u32);
        }
    }
}

#[test]
fn port_breakpoints_need_cr4_de() {
    for de in [false, true] {
        let mut rig = Rig::protected("");
        rig.edit(|s| {
            s.sys.cr4 = if de { 8 } else { 0 };
            s.sys.dr[0] = 0x60;
            s.sys.dr[7] = 0x400 | 2 << 16 | 1;
        });
        rig.code(CODE, |a| {
            a.in_(al, 0x60)?;
            a.hlt()
        });
        assert_eq!(rig.until_halt().rip == DB + 1, de);
    }
}

#[test]
fn general_detect_guards_the_debug_registers() {
    let (rig, s) = armed(0, 1 << 13, |a| a.mov(eax, dr0));
    assert_eq!((s.rip, s.sys.dr[6] & 0xE00F, s.sys.dr[7]), (DB + 1, 0x2000, 0x400));
    assert_eq!(rig.read32(s.gpr[4]), CODE as u32);
}

#[test]
fn debug_registers_4_and_5_alias_6_and_7() {
    let (_, s) = armed(0, 0, |a| {
        a.mov(eax, 0x1u32)?;
        a.db(&[0x0F, 0x23, 0xE0])?;
        a.mov(ebx, dr6)?;
        a.db(&[0x0F, 0x21, 0xE9])?;
        a.hlt()
    });
    assert_eq!((s.gpr[3], s.gpr[1]), (0xFFFF_0FF1, 0x400));
}

#[test]
fn a_breakpoint_on_a_repeat_matches_once() {
    let mut rig = Rig::protected("");
    rig.edit(|s| {
        s.sys.dr[0] = CODE;
        s.sys.dr[7] = 0x401;
        (s.gpr[1], s.gpr[7]) = (5, 0x6000);
    });
    rig.code(CODE, |a| {
        a.rep().stosb()?;
        a.hlt()
    });
    rig.handler(1, |a| {
        a.inc(ebx)?;
        // RF in the flags to return with.
        a.or(dword_ptr(esp + 8), 0x1_0000)?;
        a.iretd()
    });
    let s = rig.until_halt();
    assert_eq!((s.rip, s.gpr[3], s.gpr[1]), (CODE + 3, 1, 0));
}

#[test]
fn a_data_breakpoint_inside_a_repeat_pushes_rf() {
    let (rig, s) = armed(0x6002, 0x1_0001, |a| {
        a.mov(ecx, 5)?;
        a.mov(edi, 0x6000)?;
        a.rep().stosb()
    });
    assert_eq!((s.rip, s.gpr[1]), (DB + 1, 2));
    assert_eq!(rig.frame(s.gpr[4])[..3], [CODE as u32 + 10, CS0.into(), 0x1_0002]);
}

#[test]
fn hits_in_dr6_are_those_of_this_exception() {
    let mut rig = Rig::protected("");
    rig.edit(|s| {
        s.sys.dr[0] = CODE + 1;
        s.sys.dr[7] = 0x401;
        // Left by software: BS and B1.
        s.sys.dr[6] = 0xFFFF_4FF2;
    });
    rig.code(CODE, |a| {
        a.nop()?;
        a.nop()
    });
    assert_eq!(rig.until_halt().sys.dr[6] & 0xE00F, 0x4001);
}

#[test]
fn int1_behind_mov_ss_takes_its_data_breakpoint_and_no_step() {
    for (flags, control) in [(2, 0xF_0401), (2 | TF, 0x400)] {
        let mut rig = Rig::protected("");
        rig.write32(0x6000, DS0.into());
        rig.edit(|s| {
            s.sys.dr[0] = 0x6000;
            s.sys.dr[7] = control;
            s.rflags = flags;
        });
        rig.code(CODE, |a| {
            a.mov(ss, dword_ptr(0x6000))?;
            a.db(&[0xF1])
        });
        let s = rig.until_halt();
        // One exception: the handler stands on its own first byte.
        let length = rig.read32(s.gpr[4]) - CODE as u32;
        assert_eq!((s.rip, s.gpr[4], length), (DB + 1, STACK0 - 12, 7));
        assert_eq!(s.sys.dr[6] & 0xE00F, u64::from(control != 0x400));
    }
}
