//! Page faults as the processor reports them, and what control registers do to translations.

use super::pm::*;
use super::rig::Rig;
use iced_x86::code_asm::*;
use rewind86_cpu::Exit;

const DIRECTORY: u64 = 0x10_0000;
const TABLE: u64 = 0x10_1000;
const PG: u64 = 1 << 31;
const WP: u64 = 1 << 16;

/// The first 4 MiB identity-mapped for everyone, paging on.
fn page(rig: &mut Rig) {
    rig.write32(DIRECTORY, TABLE as u32 | 7);
    for i in 0..1024 {
        rig.write32(TABLE + 4 * i, (i as u32) << 12 | 7);
    }
    rig.edit(|s| {
        s.sys.cr3 = DIRECTORY;
        s.sys.cr0 |= PG;
    });
}

fn set_pte(rig: &mut Rig, lin: u64, bits: u32) {
    rig.write32(TABLE + 4 * (lin >> 12), lin as u32 & 0xFFFF_F000 | bits);
    rig.cpu.flush_translations();
}

#[test]
fn error_codes_and_cr2() {
    // Ring, page bits, write, expected error code or none.
    for (ring, bits, write, error) in [
        (0, 0, false, Some(0)),
        (0, 0, true, Some(2)),
        (3, 0, false, Some(4)),
        (3, 0, true, Some(6)),
        (3, 3, false, Some(5)),
        (3, 3, true, Some(7)),
        (3, 5, true, Some(7)),
        (3, 5, false, None),
        (0, 5, true, None),
        (0, 3, true, None),
    ] {
        let mut rig = if ring == 0 { Rig::protected("") } else { Rig::user("", 2) };
        page(&mut rig);
        set_pte(&mut rig, 0x5_0000, bits);
        let at = if ring == 0 { CODE } else { USER };
        rig.code(at, |a| {
            if write {
                a.mov(dword_ptr(0x5_0123), eax)?
            } else {
                a.mov(eax, dword_ptr(0x5_0123))?
            };
            a.nop()
        });
        let s = rig.steps(1);
        match error {
            None => assert_eq!(s.rip, rig.cpu.rip()),
            Some(error) => {
                assert_eq!((s.rip, s.sys.cr2), (HANDLERS + 64 * 14 + 1, 0x5_0123), "ring {ring} bits {bits}");
                assert_eq!(rig.frame(s.gpr[4])[..2], [error, at as u32], "ring {ring} bits {bits}");
                assert_ne!(rig.frame(s.gpr[4])[3] & 0x1_0000, 0, "RF");
            }
        }
        assert_eq!(s.rip >= HANDLERS && s.rip < USER + 0x1_0000 + 0x1000, error.is_some());
    }
}

#[test]
fn wp_protects_pages_from_the_supervisor() {
    let mut rig = Rig::protected("");
    page(&mut rig);
    set_pte(&mut rig, 0x5_0000, 5);
    rig.edit(|s| s.sys.cr0 |= WP);
    rig.code(CODE, |a| a.mov(dword_ptr(0x5_0123), eax));
    let s = rig.until_halt();
    assert_eq!((s.rip, rig.read32(s.gpr[4])), (HANDLERS + 64 * 14 + 1, 3));
}

#[test]
fn a_page_fault_while_delivering_one_doubles() {
    let mut rig = Rig::protected("");
    page(&mut rig);
    set_pte(&mut rig, 0x5_0000, 0);
    // The page fault's gate is not mapped.
    rig.edit(|s| s.sys.idtr.base = 0x5_0000 - 14 * 8);
    let mut idt = [0; 14 * 8];
    rig.mem.read(IDT, &mut idt);
    rig.write(0x5_0000 - 14 * 8, &idt);
    rig.code(CODE, |a| a.mov(eax, dword_ptr(0x5_0FFC)));
    let s = rig.until_halt();
    assert_eq!((s.rip, s.sys.cr2), (HANDLERS + 64 * 8 + 1, 0x5_0000));
    assert_eq!(rig.frame(s.gpr[4])[..2], [0, CODE as u32]);
}

#[test]
fn a_stack_without_a_page_shuts_down() {
    let mut rig = Rig::user("", 2);
    page(&mut rig);
    set_pte(&mut rig, TSS_STACK0 - 0x1000, 0);
    rig.code(USER, |a| a.int(0x30));
    assert_eq!(rig.run(10), Exit::Shutdown);
}

#[test]
fn code_that_crosses_into_a_missing_page_faults_there() {
    let mut rig = Rig::protected("");
    page(&mut rig);
    set_pte(&mut rig, 0x5_1000, 0);
    rig.code(0x5_0FFD, |a| a.mov(eax, 0x1234_5678u32));
    rig.cpu.set_rip(0x5_0FFD);
    let s = rig.until_halt();
    assert_eq!((s.rip, s.sys.cr2), (HANDLERS + 64 * 14 + 1, 0x5_1000));
    assert_eq!(rig.frame(s.gpr[4])[..2], [0, 0x5_0FFD]);
}

#[test]
fn a_store_across_pages_faults_at_the_start_of_the_second() {
    for program in [
        (|a| a.add(dword_ptr(0x5_0FFE), eax)) as fn(&mut CodeAssembler) -> Result<(), iced_x86::IcedError>,
        |a| a.mov(dword_ptr(0x5_0FFE), eax),
        |a| a.sgdt(fword_ptr(0x5_0FFE)),
    ] {
        let mut rig = Rig::protected("");
        page(&mut rig);
        set_pte(&mut rig, 0x5_1000, 0);
        rig.write32(0x5_0FFC, 0x1234_5678);
        rig.code(CODE, program);
        let s = rig.until_halt();
        assert_eq!((s.rip, s.sys.cr2, rig.read32(s.gpr[4])), (HANDLERS + 64 * 14 + 1, 0x5_1000, 2));
        assert_eq!(rig.read32(0x5_0FFC), 0x1234_5678);
    }
}

#[test]
fn invlpg_and_cr3_drop_translations() {
    for flush in [false, true] {
        let mut rig = Rig::protected("");
        page(&mut rig);
        rig.write32(0x5_0000, 1);
        rig.write32(0x6_0000, 2);
        rig.code(CODE, |a| {
            a.mov(eax, dword_ptr(0x5_0000))?;
            a.mov(dword_ptr(TABLE as u32 + 4 * 0x50), 0x6_0007)?;
            if flush {
                a.invlpg(byte_ptr(0x5_0000))?
            } else {
                a.nop()?
            };
            a.mov(ebx, dword_ptr(0x5_0000))?;
            a.mov(ecx, cr3)?;
            a.mov(cr3, ecx)?;
            a.mov(edx, dword_ptr(0x5_0000))?;
            a.hlt()
        });
        let s = rig.until_halt();
        assert_eq!([s.gpr[0], s.gpr[3], s.gpr[2]], [1, if flush { 2 } else { 1 }, 2]);
    }
}

#[test]
fn control_register_checks() {
    // CR number, value, and whether it faults.
    for (n, value, faults) in [
        (0, 0x8000_0010u32, true),
        (0, 0x2000_0011, true),
        (0, 0x6000_0011, false),
        (4, 0x10, false),
        (4, 0x8000_0000, true),
    ] {
        let mut rig = Rig::protected("");
        rig.code(CODE, |a| {
            a.mov(eax, value)?;
            if n == 0 {
                a.mov(cr0, eax)?
            } else {
                a.mov(cr4, eax)?
            };
            a.nop()
        });
        let s = rig.steps(2);
        assert_eq!(s.rip >= HANDLERS, faults, "CR{n} {value:x}");
    }
    let mut rig = Rig::user("", 2);
    rig.code(USER, |a| a.mov(eax, cr0));
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 13 + 1);
}
