//! Hardware task switches.

use super::pm::*;
use super::rig::Rig;
use iced_x86::code_asm::*;

/// Ring 0 code of the second task.
const TASK: u64 = 0x2_8000;
const TASK_STACK: u64 = 0x7_0000;

const JMP: u8 = 0xEA;
const CALL: u8 = 0x9A;

fn far(opcode: u8, selector: u16) -> Vec<u8> {
    let mut code = vec![opcode, 0, 0, 0, 0];
    code.extend(selector.to_le_bytes());
    code
}

fn kind(rig: &Rig, selector: u16) -> u64 {
    rig.descriptor(selector) >> 40 & 0xF
}

/// A 32-bit TSS at `TSS2` for ring 0 code at [`TASK`].
fn with_task() -> Rig {
    let mut rig = Rig::protected("");
    rig.write32(TSS2 + 0x20, TASK as u32);
    rig.write32(TSS2 + 0x24, 0x202);
    for i in 0..8 {
        rig.write32(TSS2 + 0x28 + 4 * i, 0x1111_0000 + i as u32);
    }
    rig.write32(TSS2 + 0x38, TASK_STACK as u32);
    for (i, selector) in [DS0, CS0, DS0, DS3, 0, DS0].into_iter().enumerate() {
        rig.write32(TSS2 + 0x48 + 4 * i as u64, selector.into());
    }
    rig.write32(TSS2 + 0x60, LDTR.into());
    rig.code(TASK, |a| a.iretd());
    rig
}

#[test]
fn a_jump_saves_and_loads_everything() {
    let mut rig = with_task();
    rig.write(CODE, &far(JMP, TR2));
    rig.edit(|s| {
        s.gpr[..8].copy_from_slice(&[10, 11, 12, 13, STACK0, 15, 16, 17]);
        s.rflags = 0x4D7;
    });
    let s = rig.steps(1);
    assert_eq!(s.gpr[..4], [0x1111_0000, 0x1111_0001, 0x1111_0002, 0x1111_0003]);
    assert_eq!((s.rip, s.gpr[4], s.rflags), (TASK, TASK_STACK, 0x202));
    assert_eq!((s.seg[3].selector, s.seg[4].selector, s.sys.ldtr.selector), (DS3, 0, LDTR));
    assert_eq!((s.sys.tr.selector, s.sys.cr0 & 8), (TR2, 8));
    assert_eq!((kind(&rig, TR), kind(&rig, TR2)), (9, 11));
    assert_eq!([rig.read32(TSS + 0x20), rig.read32(TSS + 0x24)], [CODE as u32 + 7, 0x4D7]);
    assert_eq!([rig.read32(TSS + 0x28), rig.read32(TSS + 0x38)], [10, STACK0 as u32]);
    assert_eq!([rig.read16(TSS + 0x48), rig.read16(TSS + 0x4C)], [DS0, CS0]);
}

#[test]
fn a_call_nests_and_iret_returns() {
    let mut rig = with_task();
    rig.write(CODE, &far(CALL, TR2));
    let s = rig.steps(1);
    assert_eq!((s.rip, s.rflags), (TASK, 0x4202));
    assert_eq!((kind(&rig, TR), kind(&rig, TR2)), (11, 11));
    assert_eq!(rig.read16(TSS2), TR);
    let s = rig.steps(1);
    assert_eq!((s.rip, s.gpr[4], s.sys.tr.selector), (CODE + 7, STACK0, TR));
    assert_eq!((kind(&rig, TR), kind(&rig, TR2)), (11, 9));
    assert_eq!(rig.read32(TSS2 + 0x20), TASK as u32 + 1);
    assert_eq!(rig.read32(TSS2 + 0x24) & 0x4000, 0, "the task that ends saves NT clear");
}

#[test]
fn a_task_gate_serves_an_exception() {
    let mut rig = with_task();
    rig.set_gate(13, gate(TR2, 0, 0x85, 0));
    rig.code(CODE, |a| {
        a.mov(eax, 0x1000u32)?;
        a.mov(ds, ax)
    });
    rig.code(TASK, |a| {
        a.pop(eax)?;
        a.hlt()
    });
    let s = rig.until_halt();
    assert_eq!((s.gpr[0], s.gpr[4], s.rflags & 0x4000), (0x1000, TASK_STACK, 0x4000));
    assert_eq!([rig.read32(TSS + 0x20), rig.read32(TSS + 0x24)], [CODE as u32 + 5, 0x1_0002]);
}

#[test]
fn a_double_fault_task_gets_a_good_stack() {
    let mut rig = Rig::user("", 2);
    let task = with_task();
    let mut tss = [0; 0x68];
    task.mem.read(TSS2, &mut tss);
    rig.write(TSS2, &tss);
    rig.set_gate(8, gate(TR2, 0, 0x85, 0));
    rig.code(TASK, |a| a.hlt());
    // No stack for ring 0: the page fault's #TS doubles.
    rig.write16(TSS + 8, 0);
    rig.code(USER, |a| {
        a.mov(eax, 0x1000u32)?;
        a.mov(ds, ax)
    });
    let s = rig.until_halt();
    assert_eq!((s.rip, s.gpr[4]), (TASK + 1, TASK_STACK - 4));
    assert_eq!(rig.read32(TASK_STACK - 4), 0);
    assert_eq!((rig.read32(TSS + 0x20), rig.read16(TSS + 0x4C)), (USER as u32 + 5, CS3));
}

#[test]
fn faults_of_the_new_task_are_delivered_in_it() {
    // Offset in the TSS, bad selector, vector, error.
    for (at, selector, vector, error) in [
        (0x60, TR, 10, TR),
        (0x4C, 0, 10, 0),
        (0x4C, DS0, 10, DS0),
        (0x50, DS3, 10, DS3 & !3),
        (0x50, 0, 10, 0),
        (0x54, 0x1000, 10, 0x1000),
        (0x5C, CS16 | 4, 10, CS16 | 4),
    ] {
        let mut rig = with_task();
        rig.write32(TSS2 + at, selector.into());
        rig.write(CODE, &far(CALL, TR2));
        // The handler needs a good stack whatever SS holds: a task of its own.
        const TSS3: u64 = 0x3C00;
        rig.set_descriptor(SPARE, segment(TSS3 as u32, 0x67, 0x89, 0));
        let mut tss = [0; 0x68];
        with_task().mem.read(TSS2, &mut tss);
        rig.write(TSS3, &tss);
        rig.set_gate(vector, gate(SPARE, 0, 0x85, 0));
        rig.code(TASK, |a| {
            a.pop(eax)?;
            a.hlt()
        });
        let s = rig.until_halt();
        assert_eq!((s.gpr[0], s.sys.tr.selector), (error.into(), SPARE), "{at:x}");
        assert_eq!(rig.read16(TSS3), TR2, "the new task was current");
        assert_eq!(rig.read32(TSS2 + 0x20), TASK as u32, "{at:x}");
        assert_eq!(rig.read32(TSS + 0x20), CODE as u32 + 7);
    }
}

#[test]
fn faults_before_the_switch_leave_the_old_task_alone() {
    for (descriptor, selector, vector, error) in [
        (segment(TSS2 as u32, 0x66, 0x89, 0), SPARE, 10, SPARE),
        (segment(TSS2 as u32, 0x67, 0x8B, 0), SPARE, 13, SPARE),
        (segment(TSS2 as u32, 0x67, 0x09, 0), SPARE, 11, SPARE),
        (0, SPARE, 13, SPARE),
        (gate(DS0, 0, 0x85, 0), SPARE, 13, DS0),
        (gate(TR2 | 4, 0, 0x85, 0), SPARE, 13, TR2 | 4),
    ] {
        let mut rig = with_task();
        rig.set_descriptor(SPARE, descriptor);
        rig.write(CODE, &far(JMP, selector));
        let s = rig.until_halt();
        assert_eq!((s.rip, s.sys.tr.selector), (HANDLERS + 64 * vector + 1, TR), "{descriptor:x}");
        assert_eq!(rig.frame(s.gpr[4])[..2], [error.into(), CODE as u32]);
    }
}

#[test]
fn sixteen_bit_tasks() {
    let mut rig = Rig::protected("");
    rig.set_descriptor(TR2, segment(TSS2 as u32, 0x2B, 0x81, 0));
    for (at, value) in [(0x0E, 0x5000), (0x10, 2), (0x12, 0xAAAA), (0x1A, 0x6F00), (0x22, DS16), (0x24, CS16)] {
        rig.write16(TSS2 + at, value);
    }
    for (at, value) in [(0x26, DS16), (0x28, DS16), (0x2A, 0)] {
        rig.write16(TSS2 + at, value);
    }
    rig.code16(0x5000, |a| {
        a.push(ax)?;
        a.iret()
    });
    rig.write(CODE, &far(CALL, TR2));
    let s = rig.steps(1);
    assert_eq!((s.rip, s.gpr[0], s.gpr[4] & 0xFFFF), (0x5000, 0xFFFF_AAAA, 0x6F00));
    assert_eq!((s.seg[1].selector, s.seg[0].selector, s.rflags), (CS16, DS16, 0x4002));
    let s = rig.steps(2);
    assert_eq!((s.rip, s.seg[1].selector, kind(&rig, TR2)), (CODE + 7, CS0, 1));
    assert_eq!([rig.read16(TSS2 + 0x0E), rig.read16(TSS2 + 0x1A)], [0x5002, 0x6EFE]);
}

#[test]
fn the_t_flag_traps_before_the_first_instruction() {
    let mut rig = with_task();
    rig.write16(TSS2 + 0x64, 1);
    rig.write(CODE, &far(JMP, TR2));
    let s = rig.until_halt();
    assert_eq!((s.rip, s.sys.dr[6] & 0xE000), (HANDLERS + 64 + 1, 0x8000));
    assert_eq!(rig.read32(s.gpr[4]), TASK as u32);
}
