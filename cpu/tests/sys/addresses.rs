//! 64-bit addressing: displacements at the ends of their range, addresses that are not canonical, INVPCID.

use super::long::{CODE64, PML4};
use super::pm::*;
use super::rig::Rig;
use iced_x86::IcedError;
use iced_x86::code_asm::*;

const GP: u64 = HANDLERS + 64 * 13 + 1;
const SS: u64 = HANDLERS + 64 * 12 + 1;
const HOLE: u64 = 0x8000_0000_0000;

#[test]
fn a_rip_relative_displacement_may_leave_32_bits_beside_an_immediate() {
    // The target as an offset from the start of the page is above 2^31.
    const AT: u64 = CODE64 + 0xE00;
    const DISP: u64 = 0x7FFF_FF00;
    for (code, at, expected) in [
        // MOV byte [rip+d], 5Ah.
        (&[0xC6, 0x05, 0x00, 0xFF, 0xFF, 0x7F, 0x5A][..], 7, 0x5A),
        // ADD dword [rip+d], 12h.
        (&[0x83, 0x05, 0x00, 0xFF, 0xFF, 0x7F, 0x12], 7, 0x12),
        // MOV [rip+d], eax.
        (&[0x89, 0x05, 0x00, 0xFF, 0xFF, 0x7F], 6, 0x77),
    ] {
        let mut rig = Rig::long();
        // The third gibibyte is the first once more.
        rig.write64(PML4 + 0x1010, (PML4 + 0x2000) | 7);
        rig.write(AT, code);
        rig.edit(|s| s.gpr[0] = 0x77);
        rig.cpu.set_rip(AT);
        rig.steps(1);
        assert_eq!(rig.read32((AT + at + DISP) & 0x3FFF_FFFF), expected);
    }
    let mut rig = Rig::long();
    rig.write(AT, &[0x48, 0x8D, 0x05, 0x00, 0xFF, 0xFF, 0x7F]);
    rig.cpu.set_rip(AT);
    assert_eq!(rig.steps(1).gpr[0], AT + 7 + DISP);
}

#[test]
fn stack_references_that_are_not_canonical_are_ss() {
    type Program = fn(&mut CodeAssembler) -> Result<(), IcedError>;
    let cases: [(Program, u64); 14] = [
        (|a| a.push(rax), SS),
        (|a| a.pop(rbx), SS),
        (|a| a.call(USER + 0x100), SS),
        (|a| a.ret(), SS),
        (|a| a.pushfq(), SS),
        (|a| a.mov(rbx, qword_ptr(rsp + 8)), SS),
        (|a| a.mov(dword_ptr(rbp), ebx), SS),
        (|a| a.add(dword_ptr(rbp + 16), 1), SS),
        (|a| a.leave(), SS),
        (|a| a.mov(rbx, qword_ptr(rax)), GP),
        // SS as a prefix means nothing in 64-bit code.
        (|a| a.db(&[0x36, 0x48, 0x8B, 0x18]), GP),
        (|a| a.push(qword_ptr(rax)), GP),
        (|a| a.lodsq(), GP),
        (|a| a.jmp(qword_ptr(rax)), GP),
    ];
    for (i, (program, handler)) in cases.into_iter().enumerate() {
        let mut rig = Rig::long_user();
        rig.code64(USER, program);
        rig.edit(|s| (s.gpr[0], s.gpr[4], s.gpr[5], s.gpr[6]) = (HOLE, HOLE + 0x100, HOLE + 0x200, HOLE + 0x300));
        let s = rig.until_halt();
        assert_eq!((s.rip, rig.read64(s.gpr[4]), rig.read64(s.gpr[4] + 8)), (handler, 0, USER), "case {i}");
    }
}

#[test]
fn invpcid_checks_its_descriptor() {
    // Type, first quadword, second quadword, CR4.PCIDE, and whether it faults.
    for (kind, pcid, address, tagged, faults) in [
        (0, 0, 0x1000, false, false),
        (0, 0, HOLE, false, true),
        (0, 5, 0x1000, false, true),
        (0, 5, 0x1000, true, false),
        (1, 5, HOLE, true, false),
        (1, 5, 0, false, true),
        (2, 5, HOLE, false, false),
        (3, 0x1000, 0, true, true),
        (4, 0, 0, true, true),
    ] {
        let mut rig = Rig::long_as("atom,+pcid,+invpcid");
        rig.write64(0x6000, pcid);
        rig.write64(0x6008, address);
        rig.edit(|s| {
            s.gpr[0] = kind;
            s.sys.cr4 |= if tagged { 1 << 17 } else { 0 };
        });
        rig.code64(CODE64, |a| a.invpcid(rax, xmmword_ptr(0x6000)));
        assert_eq!(rig.steps(1).rip == GP, faults, "type {kind} {pcid:x} {address:x} {tagged}");
    }
}

#[test]
fn pcid_can_be_enabled_in_long_mode_with_pcid_0_only() {
    for (root, faults) in [(PML4, false), (PML4 | 8, true)] {
        let mut rig = Rig::long_as("atom,+pcid");
        rig.edit(|s| s.sys.cr3 = root);
        rig.code64(CODE64, |a| {
            a.mov(rax, cr4)?;
            a.or(eax, 1 << 17)?;
            a.mov(cr4, rax)?;
            // Bit 63 keeps translations and is not stored.
            a.mov(rbx, 1u64 << 63 | PML4 | 0x7FF)?;
            a.mov(cr3, rbx)?;
            a.mov(rcx, cr3)?;
            a.hlt()
        });
        let s = rig.until_halt();
        assert_eq!(s.rip == GP, faults);
        assert!(faults || s.gpr[1] == PML4 | 0x7FF);
    }
    // Without CR4.PCIDE bit 63 is reserved.
    let mut rig = Rig::long_as("atom,+pcid");
    rig.code64(CODE64, |a| {
        a.mov(rbx, 1u64 << 63 | PML4)?;
        a.mov(cr3, rbx)
    });
    assert_eq!(rig.until_halt().rip, GP);
}

#[test]
fn invlpg_drops_a_large_page_and_nothing_beside_it() {
    const LARGE: u64 = 0x4000_0000;
    let mut rig = Rig::long_as("atom,+pdpe1gb");
    rig.edit(|s| s.sys.cr4 |= 0x80);
    // One large page of 2 MiB, and a page of 4 KiB in the same gibibyte.
    let (directory, table) = (PML4 + 0x3000, PML4 + 0x4000);
    rig.write64(PML4 + 0x1008, directory | 7);
    rig.write64(directory, 0x20_0000 | 0x87);
    rig.write64(directory + 8, table | 7);
    rig.write64(table, 0x6000 | 7);
    for (at, value) in [(0x20_0000, 1), (0x20_1000, 2), (0, 5), (0x1000, 6), (0x6000, 3), (0x7000, 7)] {
        rig.write32(at, value);
    }
    rig.code64(CODE64, |a| {
        a.mov(eax, dword_ptr(LARGE))?;
        a.mov(ebx, dword_ptr(LARGE + 0x1000))?;
        a.mov(ecx, dword_ptr(LARGE + 0x20_0000))?;
        a.mov(qword_ptr(directory), 0x87)?;
        a.mov(qword_ptr(table), 0x7007)?;
        a.invlpg(byte_ptr(LARGE + 0x1000))?;
        a.mov(eax, dword_ptr(LARGE))?;
        a.mov(ebx, dword_ptr(LARGE + 0x1000))?;
        a.mov(ecx, dword_ptr(LARGE + 0x20_0000))?;
        a.invlpg(byte_ptr(LARGE + 0x20_0008))?;
        a.mov(edx, dword_ptr(LARGE + 0x20_0000))
    });
    rig.write32(0x1000, 6);
    let s = rig.steps(3);
    assert_eq!([s.gpr[0], s.gpr[3], s.gpr[1]], [1, 2, 3]);
    let s = rig.steps(6);
    assert_eq!([s.gpr[0], s.gpr[3], s.gpr[1]], [5, 6, 3], "the small page keeps its old translation");
    assert_eq!(rig.steps(2).gpr[2], 7);
}
