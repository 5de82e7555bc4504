//! Interrupts and returns between flat segments have a short form where every table is in the TLB: it must be the general
//! form in all but speed, and must not be taken where anything differs.

use super::pm::*;
use super::rig::Rig;
use iced_x86::code_asm::*;
use rewind86_cpu::CpuState;

const VECTOR: u8 = 0x30;
const GATE_AT: u64 = IDT + 8 * VECTOR as u64;

/// A world where VECTOR is a round trip from ring 3 (or 0) and every exception halts.
fn world(user: bool) -> Rig {
    let mut rig = if user { Rig::user("", 0x202) } else { Rig::protected("") };
    rig.code(if user { USER } else { CODE }, |a| a.int(i32::from(VECTOR)));
    rig.handler(VECTOR, |a| a.iretd());
    rig
}

/// The round trip, twice: then every table is in the TLB. Loading a state would empty it, so only registers are set.
fn warm(rig: &mut Rig) {
    let start = rig.cpu.rip();
    for _ in 0..2 {
        rig.steps(2);
        rig.cpu.set_rip(start);
    }
}

/// The state without the clock, and both stacks.
fn outcome(rig: &mut Rig, steps: u64) -> (CpuState, Vec<u32>) {
    rig.run(steps);
    let state = CpuState { icount: 0, ..rig.cpu.save() };
    let words =
        [STACK0, TSS_STACK0, STACK3, STACK0 - 0x1000].into_iter().flat_map(|top| (1..10).map(move |i| top - 4 * i));
    (state, words.map(|at| rig.read32(at)).collect())
}

/// Runs `steps` instructions from the round trip on, after `change`, with the TLB warm and cold.
fn same(user: bool, name: &str, change: impl Fn(&mut Rig)) {
    for steps in 1..6 {
        let mut cold = world(user);
        change(&mut cold);
        let mut hot = world(user);
        warm(&mut hot);
        // What the first passes left on the stacks is not what is compared.
        for top in [STACK0, TSS_STACK0, STACK3] {
            (1..10).for_each(|i| hot.write32(top - 4 * i, cold.read32(top - 4 * i)));
        }
        change(&mut hot);
        assert_eq!(outcome(&mut hot, steps), outcome(&mut cold, steps), "{name}, {steps} steps, user {user}");
    }
}

#[test]
fn a_round_trip_is_the_same_with_tables_in_the_tlb() {
    for user in [true, false] {
        same(user, "plain", |_| {});
        for bits in [1, 1 << 14, 1 << 18, 1 << 21, 0xCD5, 3 << 12, 1 << 8] {
            same(user, &format!("flags {bits:x}"), |rig| {
                rig.code(if user { USER } else { CODE }, |a| {
                    a.push(bits)?;
                    a.popfd()?;
                    a.int(i32::from(VECTOR))
                });
            });
        }
        same(user, "trap gate", |rig| rig.set_gate(VECTOR, gate(CS0, rig.read16(GATE_AT).into(), 0xEF, 0) | 3 << 48));
        same(user, "data segments of ring 0", |rig| {
            rig.handler(VECTOR, |a| {
                a.mov(eax, u32::from(DS0))?;
                a.mov(fs, ax)?;
                a.iretd()
            });
        });
        for top in [0, 4, 8, 20, TSS_STACK0 + 8, TSS_STACK0 + 12, 0xFFFF_FFFC] {
            same(user, &format!("stack at {top:x}"), |rig| {
                rig.write32(TSS + 4, top as u32);
                rig.cpu.set_gpr(4, top);
            });
        }
    }
}

#[test]
fn what_changed_since_is_seen() {
    let flat = |access| segment(0, 0xF_FFFF, access, 0xC);
    for user in [true, false] {
        for (selector, value) in [
            (CS0, flat(0x1A)),
            (CS0, flat(0xBA)),
            (CS0, flat(0x9E)),
            (CS0, flat(0x92)),
            (CS0, segment(0, 0xFFFF, 0x9A, 4)),
            (CS0, segment(0x1000, 0xF_FFFF, 0x9A, 0xC)),
            (CS0, segment(0, 0xF_FFFF, 0x9A, 8)),
            (DS0, flat(0x12)),
            (DS0, flat(0x90)),
            (DS0, flat(0x96)),
            (DS0, flat(0xB2)),
            (DS0, segment(0, 0xF_FFFF, 0x92, 8)),
            (DS0, segment(0x10, 0xF_FFFF, 0x92, 0xC)),
            (CS3, flat(0x7A)),
            (CS3, flat(0xDA)),
            (CS3, flat(0xFE)),
            (DS3, flat(0x72)),
            (DS3, flat(0xF0)),
        ] {
            same(user, &format!("descriptor {selector:x} = {value:x}"), |rig| rig.set_descriptor(selector, value));
        }
        for value in [
            gate(CS0, 0x3_0C00, 0x8E, 0),
            gate(CS0, 0x3_0C00, 0x6E, 0),
            gate(CS0, 0x3_0C00, 0xE6, 0),
            gate(0, 0, 0xEE, 0),
        ] {
            same(user, &format!("gate {value:x}"), |rig| rig.set_gate(VECTOR, value));
        }
        same(user, "stack selector of ring 3", |rig| rig.write16(TSS + 8, DS3));
        same(user, "no stack selector", |rig| rig.write16(TSS + 8, 0));
    }
}

#[test]
fn shorter_tables_are_seen() {
    for (gdt, idt) in [(0x0F, 0x1FF), (0x16, 0x1FF), (0x7F, 0x186)] {
        same(false, &format!("limits {gdt:x} {idt:x}"), |rig| {
            rig.write(0x600, &[gdt, 0, (GDT & 0xFF) as u8, (GDT >> 8) as u8, 0, 0]);
            rig.write16(0x608, idt);
            rig.write32(0x60A, IDT as u32);
            rig.code(CODE, |a| {
                a.lgdt(fword_ptr(0x600))?;
                a.lidt(fword_ptr(0x608))?;
                a.int(i32::from(VECTOR))
            });
        });
    }
}

#[test]
fn a_returned_frame_is_checked() {
    // IRETD at ring 0 from a frame that the test wrote.
    let frames: [[u32; 5]; 9] = [
        [USER as u32, CS3.into(), 0x202, STACK3 as u32, DS3.into()],
        [USER as u32, CS3.into(), 0x4202, STACK3 as u32, DS3.into()],
        [USER as u32, CS3.into(), 0x202, STACK3 as u32, DS0.into()],
        [USER as u32, CS3.into(), 0x202, STACK3 as u32, 0],
        [USER as u32, (CS3 & !3).into(), 0x202, STACK3 as u32, DS3.into()],
        [CODE as u32, CS0.into(), 0x3_7202, 0, 0],
        [CODE as u32, CS0.into(), 0x1_0302, 0, 0],
        [CODE as u32, 0, 2, 0, 0],
        [CODE as u32, CS1.into(), 2, 0, DS1.into()],
    ];
    for frame in frames {
        same(false, &format!("frame {frame:x?}"), |rig| {
            rig.code(CODE, |a| a.iretd());
            let top = STACK0 - 32;
            frame.iter().zip(0..).for_each(|(&word, i)| rig.write32(top + 4 * i, word));
            rig.cpu.set_gpr(4, top);
        });
    }
}
