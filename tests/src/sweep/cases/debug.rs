//! Breakpoints, single steps, RF, the shadows of STI and MOV SS, general detect.

use super::super::asm16::{Asm16, b, d, w};
use super::super::layout::*;
use super::super::{Sweep, none, poke, watch};
use iced_x86::code_asm::registers::*;

/// DR0 at `address` and DR7.
fn arm(a: &mut Asm16, address: u32, control: u32) {
    asm!(a; mov eax, address; mov dr0, eax; mov eax, control; mov dr7, eax;);
}

/// Data breakpoints of every kind and length around accesses of every size.
pub fn data(s: &mut Sweep) {
    for (kind, field) in [("write", 1u32), ("access", 3)] {
        for (len, bits) in [(1, 0u32), (2, 1), (4, 3)] {
            for offset in [-1i32, 0, 1, 2, 3, 4] {
                for write in [false, true] {
                    let name = format!("breakpoint {kind} {len} {} at {offset}", if write { "store" } else { "load" });
                    s.ring0(&name, &|a| arm(a, DATA as u32, 0x401 | field << 16 | bits << 18), &|a| {
                        if write {
                            asm!(a; mov b(DATA + offset), 0;);
                        } else {
                            asm!(a; cmp b(DATA + offset), 0;);
                        }
                        asm!(a; nop; nop; xor eax, eax;);
                    });
                }
            }
        }
    }
    for (name, code) in [
        ("dword store into a word", &[0xC7, 0x46, 0xFE, 0, 0, 0, 0][..]),
        ("movsb", &[0x89, 0xF7, 0xA4]),
        ("rep movsb", &[0x89, 0xF7, 0xB9, 3, 0, 0, 0, 0xF3, 0xA4]),
        ("rep stosb past", &[0x8D, 0x7E, 0xFE, 0xB9, 5, 0, 0, 0, 0xF3, 0xAA]),
        ("push", &[0x8D, 0x66, 0x04, 0x50]),
        ("add", &[0x83, 0x06, 0x01]),
        ("test", &[0xF6, 0x06, 0x01]),
        ("xchg", &[0x87, 0x06]),
        ("fld", &[0xD9, 0x06]),
    ] {
        for field in [1u32, 3] {
            s.ring0(
                &format!("breakpoint {field} under {name}"),
                &|a| arm(a, DATA as u32, 0xC_0401 | field << 16),
                &|a| {
                    a.db(code);
                    asm!(a; mov esp, STACK0; nop; nop; mov eax, 0xA0A1_A2A3u32;);
                },
            );
        }
    }
    s.ring0(
        "a disabled breakpoint still shows",
        &|a| {
            asm!(a; mov eax, DATA; mov dr0, eax; mov dr1, eax; mov eax, 0x33_0404; mov dr7, eax;);
        },
        &|a| {
            asm!(a; mov b(DATA), 0; nop; xor eax, eax;);
        },
    );
    s.ring0(
        "io breakpoint",
        &|a| {
            asm!(a; mov eax, 8; mov cr4, eax;);
            arm(a, 0x80, 0x2_0401);
        },
        &|a| {
            asm!(a; in_ al, 0x80; xor eax, eax; nop;);
        },
    );
    s.ring0(
        "io breakpoint word into it",
        &|a| {
            asm!(a; mov eax, 8; mov cr4, eax;);
            arm(a, 0x81, 0x2_0401);
        },
        &|a| {
            asm!(a; out 0x80, ax; xor eax, eax; nop;);
        },
    );
}

/// Instruction breakpoints, RF, TF and the shadows.
pub fn code(s: &mut Sweep) {
    let at_go = |a: &mut Asm16, plus: u32| {
        let at = a.at(".go") as u32 + ROM as u32 + plus;
        arm(a, at, 0x401);
    };
    s.ring0("instruction breakpoint", &|a| at_go(a, 1), &|a| {
        asm!(a; nop; nop; nop;);
    });
    s.ring0("instruction breakpoint inside an instruction", &|a| at_go(a, 1), &|a| {
        asm!(a; mov eax, ebx; nop;);
    });
    s.ring0(
        "instruction breakpoint with length 2",
        &|a| {
            let at = a.at(".go") as u32 + ROM as u32 + 1;
            arm(a, at, 0x4_0401);
        },
        &|a| {
            asm!(a; nop; nop; nop;);
        },
    );
    s.ring0("instruction breakpoint behind mov ss", &|a| at_go(a, 5), &|a| {
        asm!(a; mov eax, ss; nop; mov ss, eax; nop; nop;);
    });
    s.ring0("instruction breakpoint behind sti", &|a| at_go(a, 1), &|a| {
        asm!(a; sti; nop; cli;);
    });
    s.ring0("instruction breakpoint before a fault", &|a| at_go(a, 0), &|a| {
        asm!(a; ud2;);
    });
    s.ring0("instruction breakpoint under rf", &|a| at_go(a, 0), &|a| {
        asm!(a; nop; ud2;);
    });
    s.ring0("iret sets rf over a breakpoint", &none, &|a| {
        asm!(a;
            mov     eax, a.at(".there") + ROM;
            mov     dr0, eax;
            mov     edx, 0x401;
            mov     dr7, edx;
            push    0x1_0002;
            push    CS0;
            push    eax;
            iretd;
            label   ".there";
            nop;
            mov     eax, 0;
            mov     dr7, eax;
        );
    });
    s.ring0("popf does not set rf", &none, &|a| {
        asm!(a; push 0x1_0002; mov eax, a.at(".there") + ROM; mov dr0, eax; mov edx, 0x401; mov dr7, edx; popfd; label ".there"; nop;);
    });
    for (name, code) in [
        ("nop", &[0x90][..]),
        ("sti", &[0xFB]),
        ("int 21", &[0xCD, 0x21]),
        ("int3", &[0xCC]),
        ("rep stosb", &[0xB9, 3, 0, 0, 0, 0xF3, 0xAA]),
        ("ud2", &[0x0F, 0x0B]),
        ("mov ss", &[0x8C, 0xD0, 0x8E, 0xD0, 0x90]),
        ("pop ss", &[0x16, 0x17, 0x90]),
        ("lss", &[0x89, 0x26, 0x8C, 0x56, 0x04, 0x0F, 0xB2, 0x26, 0x90]),
        ("mov ds", &[0x8C, 0xD8, 0x8E, 0xD8]),
        ("pushf", &[0x9C]),
        ("popf clear", &[0x6A, 0x02, 0x9D]),
        ("call", &[0xE8, 0, 0, 0, 0]),
        ("mov cr0", &[0x0F, 0x20, 0xC0]),
        ("cpuid", &[0x31, 0xC0, 0x0F, 0xA2]),
        ("div by zero", &[0x31, 0xDB, 0xF7, 0xF3]),
    ] {
        // The trap flag is set by the POPF before `code`.
        s.ring0(
            &format!("tf on {name}"),
            &|a| {
                asm!(a; mov b(IDT + 8 * 0x21 + 5), 0xEE;);
            },
            &|a| {
                asm!(a; push 0x102; popfd;);
                a.db(code);
                asm!(a; nop; nop;);
            },
        );
    }
    s.ring0("tf and a data breakpoint", &|a| arm(a, DATA as u32, 0x1_0401), &|a| {
        asm!(a; push 0x102; popfd; mov b(DATA), 0; nop;);
    });
    s.ring0("mov ss then a data breakpoint in the shadow", &|a| arm(a, DATA as u32, 0x1_0401), &|a| {
        asm!(a; mov eax, ss; mov ss, eax; mov b(DATA), 0; nop; nop;);
    });
    s.ring0(
        "a data breakpoint on mov ss",
        &|a| {
            poke(a, DATA, DS0 as u32);
            arm(a, DATA as u32, 0x3_0401);
        },
        &|a| {
            asm!(a; mov ss, w(DATA); nop; nop; nop;);
        },
    );
    s.ring("ring 3 tf", 3, 0x100, &none, &|a| {
        asm!(a; nop; nop;);
    });
    s.ring("ring 3 mov from dr", 3, 0, &none, &|a| {
        asm!(a; mov eax, dr7;);
    });
    s.v86("v86 tf", 0x3100, &none, &|a| {
        asm!(a; nop; nop;);
    });
    for n in 0..8u8 {
        s.ring0(&format!("mov to dr{n} and back"), &none, &|a| {
            asm!(a; or eax, -1;);
            if n == 7 {
                asm!(a; mov eax, 0xFFFF_DC00u32;);
            }
            a.db(&[0x0F, 0x23, 0xC0 | n << 3, 0x0F, 0x21, 0xC3 | n << 3]);
            asm!(a; mov ecx, 0; mov dr7, ecx;);
        });
        s.ring0(
            &format!("mov dr{n} under cr4.de"),
            &|a| {
                asm!(a; mov eax, 8; mov cr4, eax;);
            },
            &|a| {
                a.db(&[0x0F, 0x21, 0xC3 | n << 3]);
            },
        );
        s.ring0(
            &format!("mov dr{n} under general detect"),
            &|a| {
                asm!(a; mov eax, 0x2400; mov dr7, eax;);
            },
            &|a| {
                a.db(&[0x0F, 0x21, 0xC3 | n << 3]);
            },
        );
    }
    s.ring0(
        "general detect is off in the handler",
        &|a| {
            watch(a, &[DATA]);
            asm!(a; mov eax, 0x2400; mov dr7, eax;);
        },
        &|a| {
            asm!(a; mov eax, dr0; mov d(DATA), 1;);
        },
    );
}
