//! Gates, privilege changes, error codes, double and triple faults.

use super::pm::*;
use super::rig::Rig;
use iced_x86::code_asm::*;
use rewind86_cpu::Exit;

const IF: u32 = 0x200;

#[test]
fn ring3_interrupt_switches_to_the_stack_of_the_tss() {
    let mut rig = Rig::user("", 0x202);
    rig.code(USER, |a| {
        a.int(0x30)?;
        a.nop()
    });
    rig.handler(0x30, |a| a.iretd());
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.seg[2].selector), (CS0, DS0));
    assert_eq!((s.gpr[4], s.rip), (TSS_STACK0 - 20, HANDLERS + 64 * 0x30));
    assert_eq!(s.rflags & 0x200, 0);
    let frame = [0, 4, 8, 12, 16].map(|i| rig.read32(s.gpr[4] + i));
    assert_eq!(frame, [USER as u32 + 2, CS3.into(), 0x202, STACK3 as u32, DS3.into()]);
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.seg[2].selector, s.rip, s.gpr[4]), (CS3, DS3, USER + 2, STACK3));
    assert_eq!(s.rflags & 0x200, 0x200);
}

#[test]
fn returning_outwards_drops_inner_data_segments() {
    let mut rig = Rig::protected("");
    rig.code(CODE, |a| {
        a.mov(eax, u32::from(DS0))?;
        a.mov(fs, ax)?;
        a.mov(eax, u32::from(DS3))?;
        a.mov(gs, ax)?;
        a.push(i32::from(DS3))?;
        a.push(STACK3 as i32)?;
        a.push(i32::from(CS3))?;
        a.push(USER as i32)?;
        a.retf()
    });
    let s = rig.steps(9);
    assert_eq!((s.seg[1].selector, s.seg[2].selector, s.rip, s.gpr[4]), (CS3, DS3, USER, STACK3));
    let selectors = [0, 3, 4, 5].map(|i| s.seg[i].selector);
    assert_eq!(selectors, [0, 0, 0, DS3]);
    assert!(!s.seg[3].usable() && s.seg[5].usable());
}

#[test]
fn a_gate_of_dpl_0_is_not_for_ring_3() {
    let mut rig = Rig::user("", 2);
    rig.code(USER, |a| a.int(0x30));
    rig.set_gate(0x30, gate(CS0, 0x1234, 0x8E, 0));
    let s = rig.until_halt();
    assert_eq!(s.rip, HANDLERS + 64 * 13 + 1);
    assert_eq!(rig.frame(TSS_STACK0 - 24), [0x30 << 3 | 2, USER as u32, CS3.into(), 0x1_0002]);
}

#[test]
fn gate_faults_and_their_error_codes() {
    let not_present = segment(0, 0xF_FFFF, 0x1A, 0xC);
    // Gate, descriptor in SPARE, vector and error of the fault.
    let cases = [
        (gate(CS0, 0, 0x6E, 0), 0, 11, 0x30 << 3 | 2),
        (gate(CS0, 0, 0xE2, 0), 0, 13, 0x30 << 3 | 2),
        (gate(0, 0, 0xEE, 0), 0, 13, 0),
        (gate(0x1000, 0, 0xEE, 0), 0, 13, 0x1000),
        (gate(DS0, 0, 0xEE, 0), 0, 13, DS0.into()),
        (gate(CS3, 0, 0xEE, 0), 0, 13, (CS3 & !3).into()),
        (gate(SPARE, 0, 0xEE, 0), not_present, 11, SPARE.into()),
        (gate(SPARE, 0x2_0000, 0xEE, 0), segment(0, 0xFFFF, 0x9A, 4), 13, 0),
    ];
    for (i, (g, spare, vector, error)) in cases.into_iter().enumerate() {
        let mut rig = Rig::protected("");
        rig.set_gate(0x30, g);
        rig.set_descriptor(SPARE, spare);
        rig.code(CODE, |a| a.int(0x30));
        let s = rig.until_halt();
        assert_eq!(s.rip, HANDLERS + 64 * vector + 1, "case {i}");
        assert_eq!(rig.frame(STACK0 - 16), [error, CODE as u32, CS0.into(), 0x1_0002], "case {i}");
    }
}

#[test]
fn external_events_set_ext() {
    let mut rig = Rig::protected("");
    rig.set_gate(0x30, gate(CS0, 0, 0x0E, 0));
    rig.board.vector = 0x30;
    rig.code(CODE, |a| {
        a.sti()?;
        a.nop()?;
        a.nop()
    });
    rig.cpu.lines.intr = true;
    rig.until_halt();
    assert_eq!(rig.frame(STACK0 - 16), [0x30 << 3 | 3, CODE as u32 + 2, CS0.into(), 0x1_0002 | IF]);
}

#[test]
fn trap_gates_keep_if_and_16_bit_gates_push_words() {
    let mut rig = Rig::protected("");
    rig.code16(HANDLERS, |a| {
        a.pushf()?;
        a.pop(dx)?;
        a.db(&[0x66, 0xCF])
    });
    rig.set_descriptor(SPARE, segment(HANDLERS as u32, 0xFFFF, 0x9A, 4));
    rig.code(HANDLERS, |a| a.db(&[0x66, 0x9C, 0x66, 0x5A, 0x66, 0xCF]));
    rig.set_gate(0x30, gate(SPARE, 0, 0xE7, 0));
    rig.code(CODE, |a| {
        a.sti()?;
        a.int(0x30)?;
        a.hlt()
    });
    let s = rig.steps(2);
    assert_eq!(s.gpr[4], STACK0 - 6);
    assert_eq!([rig.read16(STACK0 - 6), rig.read16(STACK0 - 4)], [3, CS0]);
    // The way back is 16 bits wide too: EIP 0x0003 of the flat segment.
    let s = rig.steps(3);
    assert_eq!((s.rip, s.gpr[4], s.gpr[2] & 0x200), (3, STACK0, 0x200));
}

#[test]
fn conforming_handler_keeps_cpl() {
    let mut rig = Rig::user("", 2);
    rig.set_gate(0x30, gate(CONF, HANDLERS as u32, 0xEE, 0));
    rig.code(HANDLERS, |a| a.iretd());
    rig.code(USER, |a| {
        a.int(0x30)?;
        a.nop()
    });
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.gpr[4]), (CONF | 3, STACK3 - 12));
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.rip), (CS3, USER + 2));
}

#[test]
fn bad_stacks_of_the_tss() {
    let cases: [(u16, u64, u64, u16); 5] = [
        (0, 0, 10, 0),
        (0x1000, 0, 10, 0x1000),
        (DS3, 0, 10, DS3 & !3),
        (CS0, 0, 10, CS0),
        (SPARE, segment(0, 0xF_FFFF, 0x12, 0xC), 12, SPARE),
    ];
    for (stack, spare, vector, error) in cases {
        let mut rig = Rig::user("", 2);
        rig.set_descriptor(SPARE, spare);
        rig.write16(TSS + 8, stack);
        // The fault's own handler runs in ring 3, where the stack is good.
        rig.set_gate(vector as u8, gate(CONF, HANDLERS as u32, 0x8E, 0));
        rig.code(HANDLERS, |a| a.nop());
        rig.code(USER, |a| a.int(0x30));
        let s = rig.steps(1);
        assert_eq!(s.rip, HANDLERS + 1, "SS {stack:x}");
        assert_eq!(rig.frame(s.gpr[4]), [error.into(), USER as u32, CS3.into(), 0x1_0002], "SS {stack:x}");
    }
}

#[test]
fn an_inner_stack_without_room_is_a_stack_fault() {
    let mut rig = Rig::user("", 2);
    rig.set_descriptor(SPARE, segment(0, 0xFFFF, 0x92, 4));
    rig.write16(TSS + 8, SPARE);
    rig.write32(TSS + 4, 12);
    rig.set_gate(12, gate(CONF, HANDLERS as u32, 0x8E, 0));
    rig.code(HANDLERS, |a| a.nop());
    rig.code(USER, |a| a.int(0x30));
    let s = rig.steps(1);
    assert_eq!((s.rip, s.gpr[4]), (HANDLERS + 1, STACK3 - 16));
    assert_eq!(rig.frame(s.gpr[4])[0], SPARE.into());
}

#[test]
fn contributory_faults_double() {
    let mut rig = Rig::protected("");
    // #GP whose gate is absent: #NP, and together a double fault.
    rig.set_gate(13, 0);
    rig.code(CODE, |a| {
        a.mov(eax, 0x1000)?;
        a.mov(ds, ax)
    });
    let s = rig.until_halt();
    assert_eq!(s.rip, HANDLERS + 64 * 8 + 1);
    assert_eq!(rig.frame(STACK0 - 16), [0, CODE as u32 + 5, CS0.into(), 0x1_0002]);
}

#[test]
fn benign_faults_are_served_one_after_the_other() {
    let mut rig = Rig::protected("");
    rig.set_gate(6, 0);
    rig.code(CODE, |a| a.ud2());
    let s = rig.until_halt();
    assert_eq!(s.rip, HANDLERS + 64 * 13 + 1);
    assert_eq!(rig.frame(STACK0 - 16)[0], 6 << 3 | 3);
}

#[test]
fn triple_fault_shuts_down() {
    let mut rig = Rig::protected("");
    rig.set_gate(13, 0);
    rig.set_gate(8, 0);
    rig.code(CODE, |a| {
        a.mov(eax, 0x1000)?;
        a.mov(ds, ax)
    });
    assert_eq!(rig.run(10), Exit::Shutdown);
}

#[test]
fn exceptions_without_error_codes() {
    for (vector, bytes) in [(0, &[0xF7, 0xF1][..]), (6, &[0x0F, 0x0B]), (5, &[0x62, 0x05, 0x00, 0x60, 0, 0])] {
        let mut rig = Rig::protected("");
        rig.write32(0x6000, 5);
        rig.write32(0x6004, 9);
        rig.write(CODE, bytes);
        let s = rig.until_halt();
        assert_eq!((s.rip, s.gpr[4]), (HANDLERS + 64 * vector + 1, STACK0 - 12));
        assert_eq!([rig.read32(STACK0 - 12), rig.read32(STACK0 - 4)], [CODE as u32, 0x1_0046 & rig.read32(STACK0 - 4)]);
    }
    // Traps point behind the instruction.
    for (vector, bytes) in [(3, &[0xCC][..]), (1, &[0xF1]), (4, &[0xCE])] {
        let mut rig = Rig::protected("");
        rig.edit(|s| s.rflags |= 0x800);
        rig.write(CODE, bytes);
        rig.until_halt();
        assert_eq!(rig.read32(STACK0 - 12), CODE as u32 + 1, "vector {vector}");
        assert_eq!(rig.cpu.rip(), HANDLERS + 64 * vector + 1);
    }
}

#[test]
fn iret_checks() {
    // EIP, CS, and the error of the #GP.
    let cases: [(u32, u16, u16); 6] = [
        (0, 0, 0),
        (0, 0x1000, 0x1000),
        (0, DS0, DS0),
        (0, CS3 & !3, CS3 & !3),
        (0, CONF | 3, 0),
        (0x10_0000, CS16, 0),
    ];
    for (eip, code, error) in cases {
        let mut rig = Rig::protected("");
        rig.code(CODE, |a| {
            // A null SS for the outer case.
            a.push(0)?;
            a.push(0)?;
            a.push(2)?;
            a.push(i32::from(code))?;
            a.push(eip as i32)?;
            a.iretd()
        });
        let s = rig.until_halt();
        assert_eq!(s.rip, HANDLERS + 64 * 13 + 1, "CS {code:x}");
        assert_eq!(rig.read32(s.gpr[4]), error.into(), "CS {code:x}");
        assert_eq!(s.gpr[4], STACK0 - 20 - 16, "the stack pointer is as before");
    }
}

#[test]
fn an_outer_iret_at_ring_3_does_not_change_iopl_or_if() {
    let mut rig = Rig::user("", 2);
    rig.code(USER, |a| {
        a.push(0x3202)?;
        a.push(i32::from(CS3))?;
        a.push(USER as i32 + 0x100)?;
        a.iretd()
    });
    let s = rig.steps(4);
    assert_eq!((s.rip, s.rflags), (USER + 0x100, 2));
}

#[test]
fn rf_is_pushed_between_the_iterations_of_a_repeat() {
    let mut rig = Rig::protected("");
    rig.board.vector = 0x30;
    rig.code(CODE, |a| {
        a.rep().stosb()?;
        a.nop()
    });
    rig.edit(|s| {
        (s.gpr[1], s.gpr[7]) = (5, 0x6000);
        s.rflags |= 0x200;
    });
    rig.steps(3);
    rig.cpu.lines.intr = true;
    let s = rig.until_halt();
    assert_eq!((s.gpr[1], s.rip), (2, HANDLERS + 64 * 0x30 + 1));
    assert_eq!(rig.frame(s.gpr[4])[..3], [CODE as u32, CS0.into(), 0x1_0202]);
    // Behind the last iteration it is clear.
    rig.edit(|s| {
        (s.gpr[1], s.gpr[4], s.rip, s.sys.halted) = (2, STACK0, CODE, false);
        s.rflags |= 0x200;
    });
    rig.steps(2);
    rig.cpu.lines.intr = true;
    let s = rig.until_halt();
    assert_eq!(rig.frame(s.gpr[4])[..3], [CODE as u32 + 2, CS0.into(), 0x202]);
}
