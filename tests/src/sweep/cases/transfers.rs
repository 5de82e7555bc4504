//! Far JMP and CALL, call gates, RETF, IRET and interrupt gates.

use super::super::asm16::{Asm16, d};
use super::super::layout::*;
use super::super::{Sweep, descriptor, idt_gate, none, poke, watch};
use iced_x86::code_asm::registers::*;

const JMP: u8 = 0xEA;
const CALL: u8 = 0x9A;

/// A direct far transfer to `selector:.there`, then `.there`.
fn far(a: &mut Asm16, opcode: u8, selector: i32) {
    a.db(&[opcode]);
    let at = a.at(".there") as u32 + ROM as u32;
    a.dd(&[at]);
    a.dw(&[selector as u16]);
    asm!(a; label ".there";);
}

fn gate_there(a: &mut Asm16, selector: i32, target: i32, access: u8, count: u8) {
    let at = a.at(".there") as u32 + ROM as u32;
    descriptor(a, selector, gate(target, at, access, count));
}

/// Far JMP and CALL to descriptors of every type.
pub fn direct(s: &mut Sweep) {
    for kind in 0..32u8 {
        for (name, opcode) in [("jmp", JMP), ("call", CALL)] {
            // A task switch would need a task: its own subject.
            if matches!(kind, 1 | 5 | 9) {
                continue;
            }
            s.ring0(
                &format!("{name} type {kind:02x}"),
                &|a| {
                    descriptor(a, FREE, segment(0, 0xF_FFFF, 0x80 | kind, 0xC));
                    watch(a, &[GDT + FREE + 4]);
                },
                &|a| far(a, opcode, FREE),
            );
        }
    }
    for (dpl, rpl, conforming) in
        [(0, 0, false), (0, 3, false), (1, 0, false), (3, 3, false), (0, 3, true), (1, 0, true), (3, 3, true)]
    {
        let access = 0x9A | dpl << 5 | if conforming { 4 } else { 0 };
        let name = format!("call code dpl {dpl} rpl {rpl} conforming {}", u8::from(conforming));
        let setup = |a: &mut Asm16| descriptor(a, FREE, segment(0, 0xF_FFFF, access, 0xC));
        s.ring0(&format!("ring 0 {name}"), &setup, &|a| far(a, CALL, FREE | rpl));
        s.ring(&format!("ring 3 {name}"), 3, 0, &setup, &|a| far(a, CALL, FREE | rpl));
    }
    for (name, selector) in [("null", 0), ("null rpl 3", 3), ("beyond", GDT_SIZE), ("ldt", 0xC), ("beyond ldt", 0x24)] {
        s.ring0(&format!("jmp {name}"), &none, &|a| far(a, JMP, selector));
    }
    s.ring0("jmp not present", &|a| descriptor(a, FREE, segment(0, 0xF_FFFF, 0x1A, 0xC)), &|a| far(a, JMP, FREE));
    s.ring0("jmp not present dpl 1", &|a| descriptor(a, FREE, segment(0, 0xF_FFFF, 0x3A, 0xC)), &|a| far(a, JMP, FREE));
    s.ring0("jmp beyond the limit", &|a| descriptor(a, FREE, segment(0, 0xFFF, 0x9A, 4)), &|a| far(a, JMP, FREE));
    s.ring0("call beyond the limit", &|a| descriptor(a, FREE, segment(0, 0xFFF, 0x9A, 4)), &|a| far(a, CALL, FREE));
    s.ring0("jmp far register form", &none, &|a| a.db(&[0xFF, 0xE8]));
    s.ring0("call far register form", &none, &|a| a.db(&[0xFF, 0xD8]));
}

/// Call gates: privileges, targets, parameters, 16 and 32 bits.
pub fn call_gates(s: &mut Sweep) {
    for (name, target) in [
        ("code 0", CS0),
        ("code 0 rpl 3", CS0 | 3),
        ("conforming 0", CONFORMING),
        ("code 1", CS1),
        ("code 3", CS3),
        ("data", DS0),
        ("null", 0),
        ("beyond", GDT_SIZE),
        ("tss", TR_B),
        ("not present", FREE2),
    ] {
        let setup = |a: &mut Asm16, access: u8| {
            descriptor(a, FREE2, segment(0, 0xF_FFFF, 0x1A, 0xC));
            gate_there(a, FREE, target, access, 0);
        };
        for (how, opcode) in [("call", CALL), ("jmp", JMP)] {
            s.ring0(&format!("ring 0 {how} gate to {name}"), &|a| setup(a, 0x8C), &|a| far(a, opcode, FREE));
            s.ring(&format!("ring 3 {how} gate to {name}"), 3, 0, &|a| setup(a, 0xEC), &|a| far(a, opcode, FREE | 3));
        }
    }
    for (dpl, rpl) in [(0u8, 0), (1, 1), (2, 3), (3, 0)] {
        s.ring(
            &format!("ring 3 gate dpl {dpl} rpl {rpl}"),
            3,
            0,
            &|a| gate_there(a, FREE, CS0, 0x8C | dpl << 5, 0),
            &|a| {
                far(a, CALL, FREE | rpl);
            },
        );
        s.ring(
            &format!("ring 1 gate dpl {dpl} rpl {rpl}"),
            1,
            0,
            &|a| gate_there(a, FREE, CS0, 0x8C | dpl << 5, 0),
            &|a| {
                far(a, CALL, FREE | rpl);
            },
        );
    }
    s.ring0("gate not present", &|a| gate_there(a, FREE, CS0, 0x0C, 0), &|a| far(a, CALL, FREE));
    s.ring("gate not present dpl 0", 3, 0, &|a| gate_there(a, FREE, CS0, 0x0C, 0), &|a| far(a, CALL, FREE));
    for count in [0, 1, 3, 31] {
        s.ring(
            &format!("ring 3 gate with {count} parameters"),
            3,
            0,
            &|a| {
                gate_there(a, FREE, CS0, 0xEC, count);
                watch(a, &[4, 8, 12, 16, 20, 24, 28].map(|n| TASK_STACK0 - n));
            },
            &|a| {
                asm!(a; push 0x1111; push 0x2222; push 0x3333;);
                far(a, CALL, FREE | 3);
            },
        );
        s.ring(
            &format!("ring 3 16-bit gate with {count} parameters"),
            3,
            0,
            &|a| {
                let at = a.at(".in16") as u32 | 0xABCD_0000;
                descriptor(a, FREE, gate(CS16, at, 0xE4, count));
                watch(a, &[4, 8, 12, 16, 20].map(|n| TASK_STACK0 - n));
                asm!(a; mov d(ORIGIN), a.at(".in16"););
            },
            &|a| {
                asm!(a; push 0x1111; push 0x2222; push 0x3333;);
                far(a, CALL, FREE | 3);
                a.bits16();
                asm!(a; label ".in16"; ud2;);
                a.bits32();
            },
        );
    }
    s.ring("ring 3 gate to ring 1 and back", 3, 0, &|a| gate_there(a, FREE, CS1, 0xEC, 1), &|a| {
        a.db(&[0x68]);
        a.dd(&[0x77]);
        a.db(&[CALL]);
        let at = a.at(".there") as u32 + ROM as u32;
        a.dd(&[at]);
        a.dw(&[FREE as u16 | 3]);
        asm!(a; mov edi, 0x55; jmp ".end"; label ".there"; mov ebx, cs; mov ecx, ss; mov edx, d(esp + 8); mov ax, DS1; mov gs, ax; retf_1 4; label ".end"; xor eax, eax;);
    });
    for (name, stack, at) in [
        ("null", 0, TSS + 8),
        ("rpl 3", DS0 | 3, TSS + 8),
        ("dpl 3", DS3, TSS + 8),
        ("code", CS0, TSS + 8),
        ("not present", FREE2, TSS + 8),
        ("beyond", GDT_SIZE, TSS + 8),
        ("low limit", FREE64, TSS + 8),
    ] {
        let setup = |a: &mut Asm16| {
            descriptor(a, FREE2, segment(0, 0xF_FFFF, 0x12, 0xC));
            descriptor(a, FREE64, segment(0, 0xFFF, 0x92, 4));
            gate_there(a, FREE, CS1, 0xEC, 0);
            // Ring 1: the monitor's own way in stays good.
            poke(a, at + 8, if stack & 7 == 0 && stack != 0 && stack != GDT_SIZE { stack | 1 } else { stack } as u32);
        };
        s.ring(&format!("ring 3 gate with an inner stack that is {name}"), 3, 0, &setup, &|a| far(a, CALL, FREE | 3));
    }
    s.ring(
        "ring 3 gate under a short tss",
        3,
        0,
        &|a| {
            gate_there(a, FREE, CS1, 0xEC, 0);
            descriptor(a, TR_B, segment(TSS as u32, 0x11, 0x89, 0));
            asm!(a; mov eax, TR_B; ltr ax;);
        },
        &|a| far(a, CALL, FREE | 3),
    );
}

/// RETF and IRET: outer levels, bad selectors, flags.
pub fn returns(s: &mut Sweep) {
    for (name, code, stack) in [
        ("ring 3", CS3, DS3),
        ("ring 1", CS1, DS1),
        ("same level", CS0, DS0),
        ("ss null", CS3, 0),
        ("ss dpl 0", CS3, DS0),
        ("ss rpl 0", CS3, DS3 & !3),
        ("ss code", CS3, CS3),
        ("ss not present", CS3, FREE | 3),
        ("ss beyond", CS3, GDT_SIZE | 3),
        ("cs null", 0, DS3),
        ("cs null rpl 3", 3, DS3),
        ("cs data", DS3, DS3),
        ("cs rpl 3 dpl 0", CS0 | 3, DS3),
        ("cs rpl 0 dpl 3", CS3 & !3, DS0),
        ("conforming rpl 3", CONFORMING | 3, DS3),
        ("cs not present", FREE2 | 3, DS3),
        ("cs beyond", GDT_SIZE | 3, DS3),
        ("cs 16 bits", CS16, DS0),
    ] {
        let setup = |a: &mut Asm16| {
            descriptor(a, FREE, segment(0, 0xF_FFFF, 0x72, 0xC));
            descriptor(a, FREE2, segment(0, 0xF_FFFF, 0x7A, 0xC));
        };
        s.ring0(&format!("retf to {name}"), &setup, &|a| {
            asm!(a; push stack; push STACK3; push code; push a.at(".there") + ROM; retf; label ".there";);
        });
        s.ring0(&format!("iret to {name}"), &setup, &|a| {
            asm!(a; push stack; push STACK3; push 0x0A97; push code; push a.at(".there") + ROM; iretd; label ".there";);
        });
    }
    s.ring0("retf nulls inner segments", &none, &|a| {
        asm!(a;
            mov     ax, DS3;
            mov     es, ax;
            mov     ax, CONFORMING;
            mov     fs, ax;
            mov     ax, DS1;
            mov     gs, ax;
            push    DS3;
            push    STACK3;
            push    CS3;
            push    a.at(".there") + ROM;
            retf;
            label   ".there";
        );
    });
    s.ring("ring 3 retf to ring 0", 3, 0, &none, &|a| {
        asm!(a; push CS0; push 0; retf;);
    });
    s.ring("ring 3 iret to ring 0", 3, 0, &none, &|a| {
        asm!(a; push 2; push CS0; push 0; iretd;);
    });
    for (ring, iopl) in [(0, 0), (3, 0), (3, 3), (1, 1), (1, 0)] {
        let code = |a: &mut Asm16| {
            let code_seg = [CS0, CS1, 0, CS3][ring as usize];
            asm!(a; push 0x3F_7FD7 & !0x2_4100; push code_seg; push a.at(".there") + ROM; iretd; label ".there"; pushfd; pop ebx; and ebx, 0x3F_7FD7;);
            asm!(a; push 2 | iopl << 12; popfd;);
        };
        if ring == 0 {
            s.ring0("iret sets flags at ring 0", &none, &code);
        } else {
            s.ring(&format!("iret sets flags at ring {ring} iopl {iopl}"), ring, iopl as u32 * 0x1000, &none, &code);
        }
    }
    s.ring0("iret vm from ring 0 with a short stack", &none, &|a| {
        asm!(a; push 0x2_0002; push CS0; push a.at(".there") + ROM; label ".there";);
    });
    s.ring("iret vm at ring 3 is ignored", 3, 0, &none, &|a| {
        asm!(a; push 0x2_0002; push CS3; push a.at(".there") + ROM; iretd; label ".there"; pushfd; pop ebx;);
    });
    s.ring0("iret beyond the limit", &|a| descriptor(a, FREE, segment(0, 0xFFF, 0x9A, 4)), &|a| {
        asm!(a; push 2; push FREE; push 0x1000; iretd;);
    });
    s.ring0("16-bit iret", &none, &|a| {
        asm!(a; db &[0x66, 0x68, 2, 0, 0x66, 0x68, CS16 as u8, 0, 0x66, 0x68]; dw_at ".there"; mov d(ORIGIN), a.at(".there"); db &[0x66, 0xCF]; bits16; label ".there"; ud2; bits32;);
    });
}

/// Gates of the IDT of every type, privilege and target.
pub fn interrupts(s: &mut Sweep) {
    let there = |a: &mut Asm16, target: i32, access: u8| {
        let at = a.at(".there") as u32 + ROM as u32;
        idt_gate(a, 0x21, gate(target, at, access, 0));
    };
    for kind in 0..16u8 {
        if kind == 5 {
            continue;
        }
        s.ring0(
            &format!("int through type {kind:02x}"),
            &|a| {
                there(a, if kind & 8 == 0 { CS16 } else { CS0 }, 0x80 | kind);
                if kind & 8 == 0 {
                    asm!(a; mov d(ORIGIN), a.at(".there"););
                }
            },
            &|a| {
                asm!(a; int 0x21;);
                if kind & 8 == 0 {
                    a.bits16();
                    asm!(a; label ".there"; mov bp, sp; ud2;);
                    a.bits32();
                } else {
                    asm!(a; label ".there"; mov ebp, esp; mov ebx, d(esp + 8););
                }
            },
        );
    }
    for (name, target) in [
        ("code 0", CS0),
        ("conforming 0", CONFORMING),
        ("code 1", CS1),
        ("code 3", CS3),
        ("data", DS0),
        ("null", 0),
        ("beyond", GDT_SIZE),
        ("ldt code", 0xC),
        ("not present", FREE),
        ("short", FREE2),
    ] {
        for ring in [0, 1, 3] {
            let setup = |a: &mut Asm16| {
                descriptor(a, FREE, segment(0, 0xF_FFFF, 0x1A, 0xC));
                descriptor(a, FREE2, segment(0, 0xFFF, 0x9A, 4));
                there(a, target, 0xEE);
            };
            let name = format!("ring {ring} int to {name}");
            if ring == 0 {
                s.ring0(&name, &setup, &|a| {
                    asm!(a; int 0x21; label ".there";);
                });
            } else {
                s.ring(&name, ring, 0x200, &setup, &|a| {
                    asm!(a; int 0x21; label ".there";);
                });
            }
        }
    }
    for (name, access) in [("dpl 0", 0x8Eu8), ("dpl 1", 0xAE), ("dpl 0 not present", 0x0E), ("dpl 3 not present", 0x6E)]
    {
        s.ring(&format!("ring 3 int gate {name}"), 3, 0, &|a| there(a, CS0, access), &|a| {
            asm!(a; int 0x21; label ".there";);
        });
    }
    for kind in [6u8, 7] {
        s.ring(
            &format!("ring 3 int through type {kind:02x}"),
            3,
            0x200,
            &|a| {
                let at = a.at(".in16") as u32 | 0xABCD_0000;
                idt_gate(a, 0x21, gate(CS16, at, 0xE0 | kind, 0));
                watch(a, &[4, 8, 12].map(|n| TASK_STACK0 - n));
                asm!(a; mov d(ORIGIN), a.at(".in16"););
            },
            &|a| {
                asm!(a; int 0x21; bits16; label ".in16"; ud2; bits32;);
            },
        );
        s.ring(
            &format!("ring 3 int through type {kind:02x} and back"),
            3,
            0x200,
            &|a| {
                let at = a.at(".in16") as u32;
                idt_gate(a, 0x21, gate(CS16, at, 0xE0 | kind, 0));
                // The way back is 16 bits wide: to a code segment that the return address fits in.
                descriptor(a, FREE, segment(ROM as u32, 0xFFFF, 0xFB, 4));
            },
            &|a| {
                asm!(a;
                    push    FREE | 3;
                    push    a.at(".low");
                    retf;
                    label   ".low";
                    int     0x21;
                    jmp     ".end";
                    bits16;
                    label   ".in16";
                    mov     bx, sp;
                    iret;
                    bits32;
                    label   ".end";
                );
            },
        );
    }
    s.ring0("int beyond the idt", &none, &|a| {
        asm!(a; int 0x40;);
    });
    s.ring0("exception beyond the idt", &none, &|a| {
        asm!(a; mov d(DATA), 8 * 13 + 6; mov d(DATA + 2), IDT; lidt super::super::asm16::f(DATA); mov ax, 0xFFF8; mov ds, ax;);
    });
    s.ring0("int3", &none, &|a| {
        asm!(a; int3;);
    });
    s.ring("ring 3 int3 dpl 0", 3, 0, &none, &|a| {
        asm!(a; int3;);
    });
    s.ring("ring 3 int1", 3, 0, &none, &|a| {
        asm!(a; int1;);
    });
    s.ring0("into", &none, &|a| {
        asm!(a; mov al, 0x7F; inc al; db &[0xCE];);
    });
    s.ring0("into without of", &none, &|a| {
        asm!(a; xor eax, eax; db &[0xCE];);
    });
    s.ring("ring 3 into dpl 0", 3, 0, &none, &|a| {
        asm!(a; mov al, 0x7F; inc al; db &[0xCE];);
    });
    s.ring0("bound in", &|a| poke(a, DATA + 4, 10), &|a| {
        asm!(a; mov eax, 10; db &[0x62, 0x06];);
    });
    s.ring0("bound out", &|a| poke(a, DATA + 4, 10), &|a| {
        asm!(a; mov eax, 11; db &[0x62, 0x06];);
    });
    s.ring0("divide error", &none, &|a| {
        asm!(a; xor ebx, ebx; div ebx;);
    });
    s.ring("ring 3 divide error", 3, 0x200, &none, &|a| {
        asm!(a; xor ebx, ebx; idiv ebx;);
    });
    s.ring0("a #gp while delivering #np doubles", &|a| idt_gate(a, 11, [0, 0]), &|a| {
        asm!(a; mov ax, FREE; mov d(GDT + FREE + 4), 0x1200; mov ds, ax;);
    });
    s.ring0("a #gp while delivering #ud does not", &|a| idt_gate(a, 6, [0, 0]), &|a| {
        asm!(a; ud2;);
    });
    s.ring0(
        "no gate for #df shuts down",
        &|a| {
            idt_gate(a, 13, [0, 0]);
            idt_gate(a, 8, [0, 0]);
        },
        &|a| {
            asm!(a; mov ax, 0xFFF8; mov ds, ax;);
        },
    );
    s.ring0("a bad stack shuts down", &none, &|a| {
        asm!(a; mov d(GDT + FREE), 0xFFF; mov d(GDT + FREE + 4), 0x40_9200; mov ax, FREE; mov ss, ax; mov esp, 0x2000; ud2;);
    });
    s.ring(
        "ring 3 #ud under a bad ring 0 stack",
        3,
        0,
        &|a| {
            super::tasks::guard(a, 8);
            poke(a, TSS + 8, 0);
        },
        &|a| {
            asm!(a; ud2;);
        },
    );
}
