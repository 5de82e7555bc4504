//! Real-address mode: the vector table, far transfers, segment registers, the way to protected mode and back.

use super::rig::{Rig, assemble};
use iced_x86::code_asm::*;
use rewind86_cpu::Exit;

fn real(build: impl FnOnce(&mut CodeAssembler) -> Result<(), iced_x86::IcedError>) -> Rig {
    Rig::real("", &assemble(16, 0x7C00, build))
}

#[test]
fn software_interrupt_and_iret() {
    let mut rig = real(|a| {
        a.sti()?;
        a.int(0x21)?;
        a.hlt()
    });
    rig.write16(0x84, 0x0010);
    rig.write16(0x86, 0x0100);
    rig.write(
        0x1010,
        &assemble(16, 0x10, |a| {
            a.pushf()?;
            a.pop(ax)?;
            a.iret()
        }),
    );
    let s = rig.steps(2);
    assert_eq!((s.seg[1].selector, s.seg[1].base, s.rip), (0x100, 0x1000, 0x10));
    assert_eq!([rig.read16(0x6FFA), rig.read16(0x6FFC)], [0x7C03, 0]);
    assert_eq!(rig.read16(0x6FFE) & 0x200, 0x200);
    let s = rig.until_halt();
    assert_eq!(s.gpr[0] & 0x300, 0, "IF and TF are clear in the handler");
    assert_eq!((s.gpr[4], s.rip, s.rflags & 0x200), (0x7000, 0x7C04, 0x200));
}

#[test]
fn divide_error_points_at_the_instruction() {
    let mut rig = real(|a| {
        a.xor(cx, cx)?;
        a.div(cx)?;
        a.nop()
    });
    rig.write16(0, 0x500);
    rig.write(0x500, &[0xF4]);
    rig.until_halt();
    assert_eq!(rig.read16(0x6FFA), 0x7C02);
}

#[test]
fn far_calls_and_returns() {
    let mut rig = real(|a| {
        a.db(&[0x9A, 0x00, 0x01, 0x00, 0x20])?;
        a.mov(bx, 1)?;
        a.hlt()
    });
    rig.write(
        0x2_0100,
        &assemble(16, 0x100, |a| {
            a.mov(ax, cs)?;
            a.db(&[0xCA, 0x04, 0x00])
        }),
    );
    let s = rig.steps(1);
    assert_eq!((s.seg[1].base, s.rip, s.gpr[4]), (0x2_0000, 0x100, 0x6FFC));
    let s = rig.until_halt();
    assert_eq!((s.gpr[0], s.gpr[3], s.gpr[4]), (0x2000, 1, 0x7004));
}

#[test]
fn far_pointers_load_segments() {
    let mut rig = real(|a| {
        a.les(di, dword_ptr(0x600))?;
        a.db(&[0xFF, 0x2E, 0x04, 0x06])
    });
    rig.write(0x600, &[0x34, 0x12, 0x00, 0xB8, 0x05, 0x00, 0x60, 0x00]);
    rig.write(0x605, &[0xF4]);
    rig.write(0x604, &[0x05, 0x00, 0x60, 0x00]);
    rig.write(0x0605, &[0x00]);
    let s = rig.steps(2);
    assert_eq!((s.gpr[7], s.seg[0].selector, s.seg[0].base), (0x1234, 0xB800, 0xB_8000));
    assert_eq!((s.seg[1].selector, s.rip), (0x60, 5));
}

#[test]
fn interrupts_wait_behind_sti_and_mov_ss() {
    let mut rig = real(|a| {
        a.sti()?;
        a.nop()?;
        a.nop()?;
        a.mov(ss, ax)?;
        a.mov(sp, 0x6000)?;
        a.nop()
    });
    rig.write16(0x20, 0x500);
    rig.write(0x500, &assemble(16, 0x500, |a| a.iret()));
    rig.board.vector = 8;
    rig.cpu.lines.intr = true;
    // STI and the NOP behind it, then the interrupt.
    rig.steps(3);
    assert_eq!(rig.read16(0x6FFA), 0x7C02);
    let s = rig.steps(2);
    assert_eq!(s.rip, 0x7C05);
    rig.cpu.lines.intr = true;
    let s = rig.steps(1);
    assert_eq!((s.rip, s.gpr[4]), (0x7C08, 0x6000), "MOV SS shields the load of SP");
    rig.steps(1);
    assert_eq!(rig.read16(0x5FFA), 0x7C08);
}

#[test]
fn an_interrupt_ends_hlt() {
    let mut rig = real(|a| {
        a.sti()?;
        a.hlt()?;
        a.mov(ax, 7)?;
        a.cli()?;
        a.hlt()
    });
    rig.write16(0x20, 0x500);
    rig.write(0x500, &assemble(16, 0x500, |a| a.iret()));
    rig.board.vector = 8;
    assert_eq!(rig.run(100), Exit::Halted);
    let before = rig.cpu.icount();
    assert_eq!(rig.run(100), Exit::Halted, "still asleep");
    assert_eq!(rig.cpu.icount(), before);
    rig.cpu.lines.intr = true;
    let s = rig.until_halt();
    assert_eq!(s.gpr[0], 7);
}

#[test]
fn an_interrupt_raised_by_a_port_write_comes_right_after_it() {
    let mut rig = real(|a| {
        a.sti()?;
        a.nop()?;
        a.out(0x43, al)?;
        a.inc(bx)?;
        a.hlt()
    });
    rig.board.intr_on = Some(0x43);
    rig.board.vector = 8;
    rig.write16(0x20, 0x500);
    rig.write(
        0x500,
        &assemble(16, 0x500, |a| {
            a.mov(cx, bx)?;
            a.iret()
        }),
    );
    let s = rig.until_halt();
    assert_eq!((s.gpr[1], s.gpr[3]), (0, 1));
    assert_eq!(rig.board.outs, [(0x43, 1, 0)]);
}

#[test]
fn nmi_is_blocked_until_iret() {
    let mut rig = real(|a| {
        a.nop()?;
        a.nop()?;
        a.hlt()
    });
    rig.write16(8, 0x500);
    rig.write(
        0x500,
        &assemble(16, 0x500, |a| {
            a.inc(bx)?;
            a.nop()?;
            a.iret()
        }),
    );
    rig.cpu.lines.nmi = true;
    rig.steps(2);
    rig.cpu.lines.nmi = true;
    let s = rig.steps(1);
    assert_eq!((s.gpr[3], s.rip), (1, 0x7C00), "the second one waits for IRET");
    let s = rig.steps(1);
    assert_eq!(s.gpr[3], 2);
}

#[test]
fn shutdown_without_a_vector_table() {
    let mut rig = real(|a| a.int3());
    rig.edit(|s| s.sys.idtr.limit = 0);
    assert_eq!(rig.run(10), Exit::Shutdown);
}

#[test]
fn to_protected_mode_and_back_leaves_big_segments() {
    // A GDT at 0x1000: null, 16-bit code, 4 GiB data.
    let mut rig = real(|a| {
        let mut back = a.create_label();
        a.lgdt(fword_ptr(0x1100))?;
        a.mov(eax, cr0)?;
        a.or(al, 1)?;
        a.mov(cr0, eax)?;
        a.mov(bx, 0x10)?;
        a.mov(ds, bx)?;
        a.and(al, 0xFEu32 as i32)?;
        a.mov(cr0, eax)?;
        a.jmp(back)?;
        a.set_label(&mut back)?;
        a.mov(bx, 0x40)?;
        a.mov(ds, bx)?;
        a.mov(ecx, 0x10_0000)?;
        a.mov(edx, dword_ptr(ecx))?;
        a.hlt()
    });
    rig.write16(0x1100, 0x17);
    rig.write32(0x1102, 0x1000);
    rig.write64(0x1008, 0x0000_9A00_0000_FFFF);
    rig.write64(0x1010, 0x00CF_9200_0000_FFFF);
    rig.write32(0x10_0400, 0x1234_5678);
    let s = rig.until_halt();
    assert_eq!((s.seg[3].selector, s.seg[3].base, s.seg[3].limit), (0x40, 0x400, u32::MAX));
    assert_eq!(s.gpr[2], 0x1234_5678);
}

#[test]
fn table_registers_and_machine_status() {
    let mut rig = real(|a| {
        a.smsw(ax)?;
        a.sidt(fword_ptr(0x600))?;
        a.sgdt(fword_ptr(0x610))?;
        a.mov(bx, cs)?;
        a.hlt()
    });
    rig.edit(|s| {
        s.sys.gdtr.base = 0x12_3456;
        s.sys.gdtr.limit = 0x4321;
    });
    let s = rig.until_halt();
    assert_eq!(s.gpr[0] & 0xFFFF, 0x10);
    assert_eq!((rig.read16(0x600), rig.read32(0x602)), (0xFFFF, 0));
    assert_eq!((rig.read16(0x610), rig.read32(0x612)), (0x4321, 0x12_3456));
}

#[test]
fn protected_mode_instructions_are_undefined() {
    for bytes in [&[0x0F, 0x00, 0xD8][..], &[0x0F, 0x02, 0xC0], &[0x63, 0xC0], &[0x0F, 0x00, 0xC8]] {
        let mut rig = Rig::real("", bytes);
        rig.write16(0x18, 0x500);
        rig.write(0x500, &[0xF4]);
        let s = rig.until_halt();
        assert_eq!(s.rip, 0x501, "{bytes:x?}");
    }
}

#[test]
fn cpuid_and_time_stamp() {
    let mut rig = real(|a| {
        a.xor(eax, eax)?;
        a.cpuid()?;
        a.mov(esi, ebx)?;
        a.rdtsc()?;
        a.mov(edi, eax)?;
        a.nop()?;
        a.rdtsc()?;
        a.hlt()
    });
    rig.cpu.skip_idle(1000);
    let s = rig.until_halt();
    assert_eq!(s.gpr[6], 0x756E_6547);
    assert_eq!(s.gpr[7], 1003);
    assert_eq!(s.gpr[0], 1006);
}

/// Interrupts of every kind, far calls and flags, for ever.
fn busy(block_ops: usize) -> Rig {
    let mut rig = real(|a| {
        let mut top = a.create_label();
        a.set_label(&mut top)?;
        a.sti()?;
        a.int(0x21)?;
        a.db(&[0x9A, 0x00, 0x01, 0x00, 0x20])?;
        a.out(0x43, al)?;
        a.inc(ax)?;
        a.pushf()?;
        a.cli()?;
        a.out(0x43, al)?;
        a.popf()?;
        a.mov(ss, si)?;
        a.mov(sp, 0x7000)?;
        a.push(es)?;
        a.pop(ds)?;
        a.jmp(top)
    });
    rig.cpu.set_block_ops(block_ops);
    for (vector, at) in [(0x21u64, 0x500u16), (8, 0x600)] {
        rig.write16(vector * 4, at);
        rig.write(
            at.into(),
            &assemble(16, at.into(), |a| {
                a.add(bx, 3)?;
                a.rol(bx, 1)?;
                a.iret()
            }),
        );
    }
    rig.write(
        0x2_0100,
        &assemble(16, 0x100, |a| {
            a.xor(bx, ax)?;
            a.retf()
        }),
    );
    rig.board.vector = 8;
    rig.board.intr_on = Some(0x43);
    rig
}

#[test]
fn block_shape_is_not_observable() {
    let (mut whole, mut single, mut stepped) = (busy(64), busy(1), busy(64));
    for n in 1..1500 {
        stepped.steps(1);
        if n % 29 == 0 {
            let state = whole.steps(29);
            assert_eq!(state, single.steps(29), "at {n}");
            assert_eq!(state, stepped.cpu.save(), "at {n}");
        }
    }
}

#[test]
fn umov_exists_up_to_the_486() {
    for (model, moves) in [("386", true), ("486", true), ("pentium", false)] {
        // UMOV [BX], AX and UMOV CX, [BX].
        let mut rig = Rig::real(model, &[0x0F, 0x11, 0x07, 0x0F, 0x13, 0x0F]);
        rig.edit(|s| (s.gpr[0], s.gpr[3]) = (0x1234, 0x6000));
        rig.write16(6 * 4, 0x5000);
        let s = rig.steps(1);
        assert_eq!((s.rip == 0x7C03, rig.read16(0x6000) == 0x1234), (moves, moves), "{model}");
        assert!(!moves || rig.steps(1).gpr[1] == 0x1234);
    }
}
