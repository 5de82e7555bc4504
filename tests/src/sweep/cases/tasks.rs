//! Task switches by JMP, CALL, IRET, interrupts and exceptions; what a bad TSS raises, and where.

use super::super::asm16::{Asm16, d, w};
use super::super::layout::*;
use super::super::{Sweep, descriptor, idt_gate, poke, watch};
use iced_x86::code_asm::registers::*;

/// What a new 32-bit task in [`TSS_B`] begins with: EIP at `.task`, flat segments, the page directory.
pub fn task_b(a: &mut Asm16) {
    let eip = a.at(".task") as u32 + ROM as u32;
    for (at, value) in [
        (4, TASK_STACK0 as u32 - 0x400),
        (8, DS0 as u32),
        (0x1C, DIRECTORY as u32),
        (0x20, eip),
        (0x24, 2),
        (0x28, 0xAA),
        (0x2C, 0xCC),
        (0x30, 0xDD),
        (0x34, 0xBB),
        (0x38, STACK0 as u32 - 0x400),
        (0x3C, 0xBBBB),
        (0x40, 0x5151),
        (0x44, 0xD1D1),
        (0x48, DS0 as u32),
        (0x4C, CS0 as u32),
        (0x50, DS0 as u32),
        (0x54, DS0 as u32),
        (0x58, DS0 as u32),
        (0x5C, DS0 as u32),
        (0x60, LDTR as u32),
        (0x64, 0x68 << 16),
    ] {
        poke(a, TSS_B + at, value);
    }
}

/// A new 16-bit task in [`TSS16_A`]; IP at `.task` in [`CS16`].
pub fn task16(a: &mut Asm16) {
    let ip = a.at(".task") as u16;
    for (at, value) in [
        (2, TASK_STACK0 as u16 - 0x400),
        (4, DS0 as u16),
        (0xE, ip),
        (0x10, 2),
        (0x12, 0xAA),
        (0x14, 0xCC),
        (0x16, 0xDD),
        (0x18, 0xBB),
        (0x1A, STACK0 as u16 - 0x400),
        (0x1C, 0xBBBB),
        (0x1E, 0x5151),
        (0x20, 0xD1D1),
        (0x22, DS0 as u16),
        (0x24, CS16 as u16),
        (0x26, DS16 as u16),
        (0x28, DS0 as u16),
        (0x2A, LDTR as u16),
    ] {
        asm!(a; mov w(TSS16_A + at), i32::from(value););
    }
}

/// Exception `vector` goes to a task with a stack of its own, which ends the case through the monitor with the error code
/// in EBX and the interrupted EIP in ECX.
pub fn guard(a: &mut Asm16, vector: i32) {
    asm!(a;
        jmp     ".guarded";
        label   ".task";
        mov     ebx, d(esp);
        mov     ecx, d(TSS + 0x20);
        sub     ecx, d(ORIGIN);
        mov     edx, d(TSS + 0x38);
        int     DONE;
        label   ".guarded";
    );
    task_b(a);
    idt_gate(a, vector, gate(TR_B, 0, 0x85, 0));
}

/// Shows the busy bits, the link, and what the old task saved.
fn show(a: &mut Asm16) {
    watch(a, &[GDT + TR + 4, GDT + TR_B + 4, TSS_B, TSS + 0x20, TSS + 0x24, TSS + 0x38, TSS + 0x4C]);
}

fn far(a: &mut Asm16, opcode: u8, selector: i32) {
    a.db(&[opcode]);
    a.dd(&[0xDEAD_BEEF]);
    a.dw(&[selector as u16]);
}

const JMP: u8 = 0xEA;
const CALL: u8 = 0x9A;

/// The ways into a task and back.
pub fn switches(s: &mut Sweep) {
    for (name, opcode) in [("jmp", JMP), ("call", CALL)] {
        let there = |a: &mut Asm16, selector: i32| {
            far(a, opcode, selector);
            asm!(a; label ".task";);
        };
        s.ring0(
            &format!("{name} tss"),
            &|a| {
                task_b(a);
                show(a);
            },
            &|a| there(a, TR_B),
        );
        s.ring0(
            &format!("{name} tss rpl 3"),
            &|a| {
                task_b(a);
                show(a);
            },
            &|a| there(a, TR_B | 3),
        );
        s.ring0(
            &format!("{name} task gate"),
            &|a| {
                task_b(a);
                show(a);
                descriptor(a, FREE, gate(TR_B, 0, 0x85, 0));
            },
            &|a| there(a, FREE),
        );
        s.ring(
            &format!("ring 3 {name} tss dpl 0"),
            3,
            0,
            &|a| {
                task_b(a);
                show(a);
            },
            &|a| there(a, TR_B),
        );
        s.ring(
            &format!("ring 3 {name} tss dpl 3"),
            3,
            0x200,
            &|a| {
                task_b(a);
                show(a);
                descriptor(a, TR_B, segment(TSS_B as u32, 0x67, 0xE9, 0));
            },
            &|a| there(a, TR_B | 3),
        );
        s.ring(
            &format!("ring 3 {name} task gate dpl 3 tss dpl 0"),
            3,
            0,
            &|a| {
                task_b(a);
                show(a);
                descriptor(a, FREE, gate(TR_B, 0, 0xE5, 0));
            },
            &|a| there(a, FREE | 3),
        );
        s.ring0(
            &format!("{name} tss16"),
            &|a| {
                task16(a);
                watch(a, &[GDT + TR + 4, GDT + TR16_A + 4, TSS16_A, TSS + 0x20, TSS + 0x24]);
                asm!(a; mov d(ORIGIN), a.at(".task"););
            },
            &|a| {
                far(a, opcode, TR16_A);
                a.bits16();
                asm!(a; label ".task"; ud2;);
                a.bits32();
            },
        );
        s.ring0(
            &format!("{name} busy"),
            &|a| {
                task_b(a);
                show(a);
            },
            &|a| there(a, TR),
        );
        s.ring0(
            &format!("{name} not present"),
            &|a| {
                task_b(a);
                show(a);
                descriptor(a, TR_B, segment(TSS_B as u32, 0x67, 0x09, 0));
            },
            &|a| there(a, TR_B),
        );
        s.ring0(
            &format!("{name} short tss"),
            &|a| {
                task_b(a);
                show(a);
                descriptor(a, TR_B, segment(TSS_B as u32, 0x66, 0x89, 0));
            },
            &|a| there(a, TR_B),
        );
        s.ring0(
            &format!("{name} task gate not present"),
            &|a| {
                task_b(a);
                show(a);
                descriptor(a, FREE, gate(TR_B, 0, 0x05, 0));
            },
            &|a| there(a, FREE),
        );
        for (what, target) in [("null", 0), ("ldt", 0x0C), ("code", CS0), ("beyond", GDT_SIZE)] {
            s.ring0(
                &format!("{name} task gate to {what}"),
                &|a| {
                    task_b(a);
                    show(a);
                    descriptor(a, FREE, gate(target, 0, 0x85, 0));
                },
                &|a| there(a, FREE),
            );
        }
    }
    s.ring0(
        "call tss and iret",
        &|a| {
            task_b(a);
            show(a);
        },
        &|a| {
            asm!(a; jmp ".begin"; label ".task"; mov edi, 0x77; iretd; label ".begin";);
            far(a, CALL, TR_B);
        },
    );
    s.ring0(
        "int task gate",
        &|a| {
            task_b(a);
            show(a);
            idt_gate(a, 0x21, gate(TR_B, 0, 0x85, 0));
        },
        &|a| {
            asm!(a; int 0x21; label ".task";);
        },
    );
    s.ring0(
        "int task gate and iret",
        &|a| {
            task_b(a);
            show(a);
            idt_gate(a, 0x21, gate(TR_B, 0, 0x85, 0));
        },
        &|a| {
            asm!(a; stc; int 0x21; jmp ".end"; label ".task"; iretd; label ".end";);
        },
    );
    s.ring(
        "ring 3 int task gate dpl 0",
        3,
        0,
        &|a| {
            task_b(a);
            show(a);
            idt_gate(a, 0x21, gate(TR_B, 0, 0x85, 0));
        },
        &|a| {
            asm!(a; int 0x21; label ".task";);
        },
    );
    s.ring(
        "ring 3 int task gate dpl 3",
        3,
        0x202,
        &|a| {
            task_b(a);
            show(a);
            idt_gate(a, 0x21, gate(TR_B, 0, 0xE5, 0));
        },
        &|a| {
            asm!(a; int 0x21; label ".task";);
        },
    );
    s.ring(
        "ring 3 int task gate to tss16 and iret",
        3,
        0x202,
        &|a| {
            task16(a);
            idt_gate(a, 0x21, gate(TR16_A, 0, 0xE5, 0));
            watch(a, &[GDT + TR + 4, GDT + TR16_A + 4, TSS16_A, TSS + 0x24, TSS + 0x38, TSS16_A + 0x10]);
        },
        &|a| {
            asm!(a; stc; int 0x21; jmp ".end"; bits16; label ".task"; mov bx, cs; iret; bits32; label ".end";);
        },
    );
    s.ring0(
        "exception with an error code to a task",
        &|a| {
            task_b(a);
            show(a);
            idt_gate(a, 13, gate(TR_B, 0, 0x85, 0));
        },
        &|a| {
            asm!(a; mov ax, 0xFF; mov ds, ax; label ".task"; pop ebp;);
        },
    );
    s.ring0("int task gate to a busy tss", &|a| idt_gate(a, 0x21, gate(TR, 0, 0x85, 0)), &|a| {
        asm!(a; int 0x21;);
    });
    for (name, link) in [("null", 0), ("a code segment", CS0), ("a free tss", TR_B), ("beyond", GDT_SIZE)] {
        s.ring0(
            &format!("iret nt linked to {name}"),
            &|a| {
                task_b(a);
                poke(a, TSS, link as u32);
            },
            &|a| {
                asm!(a; pushfd; or d(esp), 0x4000; popfd; iretd; label ".task";);
            },
        );
    }
    s.ring0(
        "iret nt to a busy tss",
        &|a| {
            task_b(a);
            show(a);
            poke(a, TSS, TR_B as u32);
            descriptor(a, TR_B, segment(TSS_B as u32, 0x67, 0x8B, 0));
        },
        &|a| {
            asm!(a; pushfd; or d(esp), 0x4000; popfd; iretd; label ".task";);
        },
    );
    s.ring0(
        "the t flag",
        &|a| {
            task_b(a);
            show(a);
            poke(a, TSS_B + 0x64, 0x68_0001);
        },
        &|a| {
            far(a, JMP, TR_B);
            asm!(a; label ".task"; nop;);
        },
    );
    s.ring0(
        "local breakpoints are cleared",
        &|a| {
            task_b(a);
            asm!(a; mov eax, 0x3FF; mov dr7, eax;);
        },
        &|a| {
            far(a, JMP, TR_B);
            asm!(a; label ".task"; mov ebx, dr7; xor eax, eax; mov dr7, eax;);
        },
    );
    s.ring0("cr0.ts is set", &|a| task_b(a), &|a| {
        far(a, JMP, TR_B);
        asm!(a; label ".task"; mov ebx, cr0; and ebx, 8;);
    });
    s.ring0(
        "a task at ring 3",
        &|a| {
            task_b(a);
            poke(a, TSS_B + 0x4C, CS3 as u32);
            for at in [0x48, 0x50, 0x54, 0x58, 0x5C] {
                poke(a, TSS_B + at, DS3 as u32);
            }
        },
        &|a| {
            far(a, JMP, TR_B);
            asm!(a; label ".task";);
        },
    );
    s.ring0(
        "a task in virtual-8086 mode",
        &|a| {
            task_b(a);
            for (at, value) in [(0x24, 0x2_0002), (0x48, 0x111), (0x4C, 0xF000), (0x50, 0x1000), (0x54, 0x222)] {
                poke(a, TSS_B + at, value);
            }
            asm!(a; mov d(TSS_B + 0x20), a.at(".task"); mov d(TSS_B + 0x38), 0xE00;);
        },
        &|a| {
            far(a, JMP, TR_B);
            asm!(a; label ".task"; ud2;);
        },
    );
}

/// Fields of the new TSS that fault in the new task.
pub fn bad_fields(s: &mut Sweep) {
    let fields = [
        ("cs null", 0x4C, 0),
        ("cs data", 0x4C, DS0),
        ("cs rpl 3", 0x4C, CS0 | 3),
        ("cs not present", 0x4C, FREE),
        ("cs beyond", 0x4C, GDT_SIZE),
        ("ss null", 0x50, 0),
        ("ss code", 0x50, CS0),
        ("ss dpl 3", 0x50, DS3),
        ("ss not present", 0x50, FREE2),
        ("ds system", 0x54, TR),
        ("ds not present", 0x54, FREE2),
        ("es execute only", 0x48, FREE64),
        ("fs beyond", 0x58, GDT_SIZE),
        ("gs null", 0x5C, 0),
        ("ldt null", 0x60, 0),
        ("ldt code", 0x60, CS0),
        ("ldt not present", 0x60, FREE2 + 0x20),
        ("ldt in ldt", 0x60, 0xC),
        ("eip beyond cs", 0x4C, CS16),
    ];
    for (name, at, value) in fields {
        for opcode in [JMP, CALL] {
            let how = if opcode == JMP { "jmp" } else { "call" };
            s.ring0(
                &format!("{how} tss with {name}"),
                &|a| {
                    task_b(a);
                    descriptor(a, FREE, segment(0, 0xF_FFFF, 0x1A, 0xC));
                    descriptor(a, FREE2, segment(0, 0xF_FFFF, 0x12, 0xC));
                    descriptor(a, FREE2 + 0x20, segment(LDT as u32, 0x1F, 0x02, 0));
                    descriptor(a, FREE64, segment(0, 0xF_FFFF, 0x98, 0xC));
                    poke(a, TSS_B + at, value as u32);
                    watch(a, &[GDT + TR + 4, GDT + TR_B + 4, TSS_B, TSS + 0x20]);
                },
                &|a| {
                    far(a, opcode, TR_B);
                    asm!(a; label ".task";);
                },
            );
        }
    }
}
