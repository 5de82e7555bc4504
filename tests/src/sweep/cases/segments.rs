//! Descriptors of every type under every instruction that looks at one, and segment limits.

use super::super::asm16::{Asm16, b, d, w};
use super::super::layout::*;
use super::super::{Sweep, descriptor, none, poke, watch};
use iced_x86::code_asm::registers::*;

/// `kind` with S in bit 4; a 4 KiB segment at [`DATA`], big.
fn typed(kind: u8, dpl: u8, present: bool) -> [u32; 2] {
    segment(DATA as u32, 0xFFF, kind | dpl << 5 | if present { 0x80 } else { 0 }, 4)
}

fn slot(a: &mut Asm16, value: [u32; 2]) {
    descriptor(a, FREE, value);
    watch(a, &[GDT + FREE + 4]);
}

/// MOV to DS and SS of every type, privilege and presence.
pub fn loads(s: &mut Sweep) {
    for kind in 0..32 {
        s.ring0(&format!("mov ds type {kind:02x}"), &|a| slot(a, typed(kind, 0, true)), &|a| {
            asm!(a; mov ax, FREE; mov ds, ax;);
        });
        s.ring0(&format!("mov ss type {kind:02x}"), &|a| slot(a, typed(kind, 0, true)), &|a| {
            asm!(a; mov ax, FREE; mov ss, ax; mov esp, 0xF00;);
        });
        s.ring(&format!("ring 3 mov es type {kind:02x}"), 3, 0, &|a| slot(a, typed(kind, 3, true)), &|a| {
            asm!(a; mov ax, FREE | 3; mov es, ax;);
        });
    }
    for kind in [0x10u8, 0x13, 0x17, 0x18, 0x1A, 0x1E] {
        s.ring0(&format!("mov ds type {kind:02x} not present"), &|a| slot(a, typed(kind, 0, false)), &|a| {
            asm!(a; mov ax, FREE; mov ds, ax;);
        });
        s.ring0(&format!("mov ss type {kind:02x} not present"), &|a| slot(a, typed(kind, 0, false)), &|a| {
            asm!(a; mov ax, FREE; mov ss, ax;);
        });
    }
    for (dpl, rpl) in [(0, 0), (0, 3), (1, 0), (1, 1), (2, 3), (3, 0), (3, 3)] {
        for kind in [0x12u8, 0x1A, 0x1E] {
            let name = format!("mov fs type {kind:02x} dpl {dpl} rpl {rpl}");
            s.ring0(&format!("ring 0 {name}"), &|a| slot(a, typed(kind, dpl, true)), &|a| {
                asm!(a; mov ax, FREE | rpl; mov fs, ax;);
            });
            s.ring(&format!("ring 3 {name}"), 3, 0, &|a| slot(a, typed(kind, dpl, true)), &|a| {
                asm!(a; mov ax, FREE | rpl; mov fs, ax;);
            });
        }
        s.ring0(&format!("ring 0 mov ss dpl {dpl} rpl {rpl}"), &|a| slot(a, typed(0x12, dpl, true)), &|a| {
            asm!(a; mov ax, FREE | rpl; mov ss, ax; mov esp, 0xF00;);
        });
        s.ring(&format!("ring 3 mov ss dpl {dpl} rpl {rpl}"), 3, 0, &|a| slot(a, typed(0x12, dpl, true)), &|a| {
            asm!(a; mov ax, FREE | rpl; mov ss, ax; mov esp, 0xF00;);
        });
    }
    for selector in [0, 1, 3, 4, 0xC, 0x14, 0x1C, 0x24, 0xFC, GDT_SIZE, 0xFFF8] {
        s.ring0(&format!("mov gs selector {selector:04x}"), &none, &|a| {
            asm!(a; mov ax, selector; mov gs, ax;);
        });
        s.ring0(&format!("mov ss selector {selector:04x}"), &none, &|a| {
            asm!(a; mov ax, selector; mov ss, ax;);
        });
        s.ring(&format!("ring 3 pop ds selector {selector:04x}"), 3, 0, &none, &|a| {
            asm!(a; push selector; pop ds;);
        });
    }
    s.ring0("a gdt that ends inside the descriptor", &none, &|a| {
        asm!(a;
            mov     w(DATA), FREE + 6;
            mov     d(DATA + 2), GDT;
            lgdt    super::super::asm16::f(DATA);
            mov     ax, FREE;
            mov     ds, ax;
        );
    });
    s.ring0("mov cs", &none, &|a| a.db(&[0x8E, 0xC8]));
    s.ring0("mov segment register 6", &none, &|a| a.db(&[0x8E, 0xF0]));
    s.ring0("mov from segment register 7", &none, &|a| a.db(&[0x8C, 0xF8]));
    s.ring0("lds register form", &none, &|a| a.db(&[0xC5, 0xC0]));
    s.ring0("lss null", &|a| poke(a, DATA, 0x1234), &|a| {
        asm!(a; mov d(DATA + 4), 0;);
        a.db(&[0x0F, 0xB2, 0x26]);
    });
    s.ring0("les", &|a| poke(a, DATA + 4, DS3 as u32), &|a| a.db(&[0xC4, 0x1E]));
    s.ring0(
        "lfs not present",
        &|a| {
            slot(a, typed(0x12, 0, false));
            poke(a, DATA + 4, FREE as u32);
        },
        &|a| a.db(&[0x0F, 0xB4, 0x1E]),
    );
}

/// LAR, LSL, VERR and VERW of every type; the four ZF are the bytes of a doubleword.
pub fn looks(s: &mut Sweep) {
    let code = |a: &mut Asm16, selector: i32| {
        asm!(a;
            mov     eax, selector;
            lar     ebx, eax;
            sete    b(DATA);
            lsl     ecx, eax;
            sete    b(DATA + 1);
            verr    ax;
            sete    b(DATA + 2);
            verw    ax;
            sete    b(DATA + 3);
        );
    };
    let setup = |a: &mut Asm16, value: [u32; 2]| {
        descriptor(a, FREE, value);
        watch(a, &[DATA, GDT + FREE + 4]);
    };
    for kind in 0..32u8 {
        for (ring, dpl, rpl) in [(0, 0, 0), (3, 3, 3), (3, 0, 0)] {
            let name = format!("ring {ring} look type {kind:02x} dpl {dpl}");
            if ring == 0 {
                s.ring0(&name, &|a| setup(a, typed(kind, dpl, true)), &|a| code(a, FREE | rpl));
            } else {
                s.ring(&name, 3, 0, &|a| setup(a, typed(kind, dpl, true)), &|a| code(a, FREE | rpl));
            }
        }
    }
    for (name, value, selector) in [
        ("not present", typed(0x12, 0, false), FREE),
        ("tss not present", typed(9, 0, false), FREE),
        ("rpl 3 dpl 0", typed(0x12, 0, true), FREE | 3),
        ("rpl 3 dpl 0 conforming", typed(0x1E, 0, true), FREE | 3),
        ("page granular", segment(0, 0xF_1234, 0x92, 0xC), FREE),
        ("null", [0, 0], 0),
        ("null rpl 3", [0, 0], 3),
        ("beyond", [0, 0], GDT_SIZE),
        ("ldt", [0, 0], 0x14),
        ("beyond ldt", [0, 0], 0x24),
    ] {
        s.ring0(&format!("look {name}"), &|a| setup(a, value), &|a| code(a, selector));
    }
    s.ring0("lar 16 bits", &|a| setup(a, typed(0x1A, 0, true)), &|a| {
        asm!(a; mov eax, FREE; lar bx, ax; lsl cx, ax;);
    });
    for (dst, src) in [(0x10, 3), (0x13, 0), (3, 3), (0, 0), (1, 2)] {
        s.ring0(&format!("arpl {dst:x} {src:x}"), &none, &|a| {
            asm!(a; mov ebx, dst; mov ecx, src; arpl bx, cx;);
        });
    }
}

/// LLDT and LTR of every type.
pub fn system_registers(s: &mut Sweep) {
    for kind in (0..16u8).chain([0x12, 0x1A]) {
        for present in [true, false] {
            let name = format!("type {kind:02x}{}", if present { "" } else { " not present" });
            s.ring0(&format!("lldt {name}"), &|a| slot(a, typed(kind, 0, present)), &|a| {
                asm!(a; mov ax, FREE; lldt ax; sldt ebx;);
            });
            s.ring0(&format!("ltr {name}"), &|a| slot(a, typed(kind, 0, present)), &|a| {
                asm!(a; mov ax, FREE; ltr ax; str ebx;);
            });
        }
    }
    for selector in [0, 3, 4, 0xC, GDT_SIZE] {
        s.ring0(&format!("lldt {selector:04x}"), &none, &|a| {
            asm!(a; mov eax, selector; lldt ax; sldt ebx;);
        });
        s.ring0(&format!("ltr {selector:04x}"), &none, &|a| {
            asm!(a; mov eax, selector; ltr ax;);
        });
    }
    s.ring0("a null ldt has no descriptors", &none, &|a| {
        asm!(a; xor eax, eax; lldt ax; mov ax, 4; mov ds, ax;);
    });
    s.ring0("an ldt of no use is unread until used", &|a| descriptor(a, FREE, segment(LDT as u32, 3, 0x82, 0)), &|a| {
        asm!(a; mov ax, FREE; lldt ax; mov ax, 4; mov ds, ax;);
    });
}

/// Accesses around the limits of byte, page-granular, 16-bit and expand-down segments.
pub fn limits(s: &mut Sweep) {
    const SEGMENTS: [(&str, [u32; 2]); 8] = [
        ("up fff", segment(DATA as u32, 0xFFF, 0x92, 4)),
        ("up 0", segment(DATA as u32, 0, 0x92, 4)),
        ("pages 1", segment(DATA as u32, 1, 0x92, 0xC)),
        ("read only", segment(DATA as u32, 0xFFF, 0x90, 4)),
        ("code", segment(DATA as u32, 0xFFF, 0x9A, 4)),
        ("execute only", segment(DATA as u32, 0xFFF, 0x98, 4)),
        ("down small fff", segment(0, 0xFFF, 0x96, 0)),
        ("down big fff", segment(0, 0xFFF, 0x96, 4)),
    ];
    for (name, value) in SEGMENTS {
        for offset in [0, 0xFFC, 0xFFD, 0xFFF, 0x1000, 0x1FFD, 0xFFFC, 0xFFFD, 0xFFFF, -1i32, -4] {
            s.ring0(&format!("limit {name} read {offset:x}"), &|a| descriptor(a, FREE, value), &|a| {
                asm!(a; mov ax, FREE; mov fs, ax; xor eax, eax; mov ebx, offset; cmp d(ebx).fs(), eax; xor ebx, ebx; lahf;);
                // Only that it got here counts.
                asm!(a; xor eax, eax;);
            });
            if offset & 3 == 0 {
                s.ring0(&format!("limit {name} write {offset:x}"), &|a| descriptor(a, FREE, value), &|a| {
                    asm!(a; mov ax, FREE; mov fs, ax; mov ebx, offset; mov w(ebx).fs(), 0x55; xor ebx, ebx; xor eax, eax;);
                });
            }
        }
    }
    for (name, value, offset) in [
        ("push below 0", segment(DATA as u32, 0xFFF, 0x92, 4), 2),
        ("push into the limit", segment(DATA as u32, 0xFFF, 0x92, 4), 0x1002),
        ("push at the limit", segment(DATA as u32, 0xFFF, 0x92, 4), 0x1000),
        ("push small wraps", segment(DATA as u32, 0xFFFF, 0x92, 0), 2),
        ("push down", segment(DATA as u32, 0xFF, 0x96, 4), 0x102),
        ("push down fits", segment(DATA as u32, 0xFF, 0x96, 4), 0x104),
    ] {
        s.ring0(name, &|a| {
            descriptor(a, FREE, value);
            // #SS needs a stack of its own.
            super::tasks::guard(a, 12);
        }, &|a| {
            asm!(a; mov ax, FREE; mov ss, ax; mov esp, offset; push eax; mov ebx, esp; mov ax, DS0; mov ss, ax; mov esp, STACK0; xor eax, eax;);
        });
    }
    for (name, code) in [
        ("ebp addresses the stack", &[0x8B, 0x45, 0x00][..]),
        ("esp addresses the stack", &[0x8B, 0x04, 0x24]),
        ("ds prefix on ebp", &[0x3E, 0x8B, 0x45, 0x00]),
    ] {
        s.ring0(
            name,
            &|a| {
                descriptor(a, FREE, segment(DATA as u32, 0xFFF, 0x92, 4));
                super::tasks::guard(a, 12);
            },
            &|a| {
                asm!(a; mov ax, FREE; mov ss, ax; mov esp, 0x2000; mov ebp, 0x2000;);
                a.db(code);
                asm!(a; mov ax, DS0; mov ss, ax; mov esp, STACK0; xor eax, eax;);
            },
        );
    }
    for offset in [0x7FD, 0x7FE, 0x7FF, 0x800] {
        s.ring0(
            &format!("code up to limit 7ff at {offset:x}"),
            &|a| {
                descriptor(a, FREE, segment(DATA as u32, 0x7FF, 0x9A, 4));
                // ADD AL, imm8 in the last byte has its immediate beyond the limit.
                asm!(a; mov d(DATA + 0x7FC), 0x0490_9090; mov d(DATA + 0x800), 0x0030_CD00; mov d(ORIGIN), 0x7F0;);
            },
            &|a| a.jmp_far32(FREE as u16, offset),
        );
    }
}
