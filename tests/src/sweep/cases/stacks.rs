//! Stacks, string instructions and branches where widths differ: 16-bit stacks under 32-bit code, operand and address
//! size prefixes, wrapping.

use super::super::asm16::{Asm16, d, w};
use super::super::layout::*;
use super::super::{Sweep, descriptor, none, poke, watch};
use iced_x86::code_asm::registers::*;

/// SS: a small segment at [`DATA`], ESP with something above bit 15.
fn small_stack(a: &mut Asm16, esp_value: u32) {
    asm!(a; mov eax, FREE; mov ss, eax; mov esp, esp_value; mov eax, 0xA0A1_A2A3u32;);
}

/// Back on the flat stack with ESP in EDX.
fn flat_stack(a: &mut Asm16) {
    asm!(a; mov edx, esp; mov ax, DS0; mov ss, ax; mov esp, STACK0; mov ax, 0;);
}

/// Stack instructions of both operand sizes on a 16-bit stack and on a 32-bit one.
pub fn stacks(s: &mut Sweep) {
    let list: [(&str, &[u8]); 24] = [
        ("push", &[0x50]),
        ("push 16", &[0x66, 0x50]),
        ("push imm8", &[0x6A, 0x80]),
        ("push imm8 16", &[0x66, 0x6A, 0x80]),
        ("push m", &[0xFF, 0x36]),
        ("push sp", &[0x54]),
        ("push ds", &[0x1E]),
        ("push ds 16", &[0x66, 0x1E]),
        ("pop", &[0x5B]),
        ("pop 16", &[0x66, 0x5B]),
        ("pop sp", &[0x5C]),
        ("pop m", &[0x8F, 0x06]),
        ("pop through esp", &[0x8F, 0x44, 0x24, 0x08]),
        ("pop fs", &[0x6A, 0x10, 0x0F, 0xA1]),
        ("pusha", &[0x60]),
        ("pusha 16", &[0x66, 0x60]),
        ("pusha and popa", &[0x60, 0x31, 0xDB, 0x61]),
        ("popa 16", &[0x66, 0x60, 0x31, 0xDB, 0x66, 0x61]),
        ("enter 0", &[0xC8, 0x20, 0x00, 0x00]),
        ("enter 1", &[0xC8, 0x20, 0x00, 0x01]),
        ("enter 3", &[0xC8, 0x10, 0x00, 0x03]),
        ("enter 3 16", &[0x66, 0xC8, 0x10, 0x00, 0x03]),
        ("leave", &[0xC9]),
        ("leave 16", &[0x66, 0xC9]),
    ];
    for (name, code) in list {
        for (what, flags, esp_value) in
            [("small", 0u8, 0x1234_0F00u32), ("small near 0", 0, 0x1234_0008), ("big", 4, 0xF00)]
        {
            s.ring0(
                &format!("{name} on a {what} stack"),
                &|a| {
                    descriptor(a, FREE, segment(DATA as u32, 0xFFF, 0x92, flags));
                    super::tasks::guard(a, 12);
                    for at in [0xEF0, 0xF00, 0xF04, 0xF08, 0, 8, 12] {
                        poke(a, DATA + at, 0x1111_0000 + at as u32);
                    }
                    poke(a, DATA + 0xC00, 0x77);
                    watch(
                        a,
                        &[
                            DATA,
                            DATA + 4,
                            DATA + 8,
                            DATA + 0xEE0,
                            DATA + 0xEF0,
                            DATA + 0xEF8,
                            DATA + 0xEFC,
                            DATA + 0xF00,
                        ],
                    );
                },
                &|a| {
                    small_stack(a, esp_value);
                    asm!(a; mov ebp, 0x5678_0F04;);
                    if flags != 0 {
                        asm!(a; movzx ebp, bp;);
                    }
                    a.db(code);
                    flat_stack(a);
                },
            );
        }
    }
    for (name, code) in [("call", &[0xE8, 0, 0, 0, 0][..]), ("call 16", &[0x66, 0xE8, 0, 0])] {
        s.code16(&format!("16-bit code {name}"), &none, &|a| {
            a.db(code);
            asm!(a; pop bx;);
        });
    }
    for value in [0x1_0000u32, 0xFFFF_0000, 0x10_0000] {
        s.code16(&format!("16-bit code jmp to eip {value:x}"), &none, &|a| {
            asm!(a; mov eax, value; db &[0x66, 0xFF, 0xE0];);
        });
        s.code16(&format!("16-bit code ret to eip {value:x}"), &none, &|a| {
            asm!(a; mov eax, value; push eax; db &[0x66, 0xC3];);
        });
    }
    s.ring0("16-bit jmp in 32-bit code truncates", &|a| {
        descriptor(a, FREE, segment(ROM as u32, 0xFFFF, 0x9A, 4));
    }, &|a| {
        let at = a.at(".here") as u32;
        a.jmp_far32(FREE as u16, at);
        asm!(a; label ".here"; mov eax, a.at(".there") | 0x5_0000; db &[0x66, 0xFF, 0xE0]; ud2; label ".there"; mov eax, 0;);
    });
}

/// String instructions: sizes, directions, counts, wrapping and faults on the way.
pub fn strings(s: &mut Sweep) {
    let list: [(&str, &[u8]); 14] = [
        ("rep movsb", &[0xF3, 0xA4]),
        ("rep movsd", &[0xF3, 0xA5]),
        ("rep movsw", &[0x66, 0xF3, 0xA5]),
        ("rep movsb 16", &[0x67, 0xF3, 0xA4]),
        ("rep stosd", &[0xF3, 0xAB]),
        ("rep stosb 16", &[0x67, 0xF3, 0xAA]),
        ("rep lodsd", &[0xF3, 0xAD]),
        ("repe cmpsb", &[0xF3, 0xA6]),
        ("repne cmpsb", &[0xF2, 0xA6]),
        ("repe scasb", &[0xF3, 0xAE]),
        ("repne scasb", &[0xF2, 0xAE]),
        ("repne scasb 16", &[0x67, 0xF2, 0xAE]),
        ("repne movsb", &[0xF2, 0xA4]),
        ("movsb", &[0xA4]),
    ];
    for (name, code) in list {
        for down in [false, true] {
            for count in [0u32, 3, 0x1_0002] {
                s.ring0(&format!("{name} count {count:x} {}", if down { "down" } else { "up" }), &|a| {
                    for at in 0..4 {
                        poke(a, DATA + 4 * at, 0x0403_0201 + 0x1010_1010 * at as u32);
                        poke(a, DATA + 0x100 + 4 * at, 0x0403_0201);
                    }
                    watch(a, &[DATA, DATA + 4, DATA + 0x100, DATA + 0x104, DATA + 0x108]);
                }, &|a| {
                    asm!(a; mov ecx, count & if code[0] == 0x67 { u32::MAX } else { 0xFF }; mov esi, DATA + 4; mov edi, DATA + 0x104; mov eax, 0x23;);
                    if down {
                        asm!(a; std;);
                    }
                    a.db(code);
                    asm!(a; cld;);
                });
            }
        }
    }
    for (name, code) in [
        ("rep movsb", &[0xF3, 0xA4][..]),
        ("rep stosd", &[0xF3, 0xAB]),
        ("rep lodsb", &[0xF3, 0xAC]),
        ("repe cmpsb", &[0xF3, 0xA6]),
    ] {
        s.ring0(&format!("{name} into a missing page"), &|a| {
            poke(a, TABLE1, DATA as u32 | 7);
            super::super::paging(a, true, 0);
        }, &|a| {
            asm!(a; mov ecx, 0x100; mov esi, HIGH + 0xFF0; mov edi, HIGH + 0xFF0 - 0x200; db &[0x81, 0xC7]; dd &[0x200]; mov eax, 0;);
            a.db(code);
        });
        s.ring0(
            &format!("{name} past a limit"),
            &|a| {
                descriptor(a, FREE, segment(DATA as u32, 0xFF, 0x92, 4));
            },
            &|a| {
                asm!(a; mov ax, FREE; mov ds, ax; mov es, ax; mov ecx, 0x40; mov esi, 0xF0; mov edi, 0xF0; mov eax, 0;);
                a.db(code);
            },
        );
    }
    for (name, code) in [
        ("loop", &[0xE2u8, 0x00][..]),
        ("loop 16", &[0x67, 0xE2, 0x00]),
        ("loope", &[0xE1, 0x00]),
        ("jecxz", &[0xE3, 0x00]),
        ("jcxz", &[0x67, 0xE3, 0x00]),
    ] {
        for value in [0u32, 1, 0x1_0000, 0x1_0001] {
            s.ring0(&format!("{name} ecx {value:x}"), &none, &|a| {
                asm!(a; mov ecx, value; cmp eax, eax;);
                // Taken goes past the INC.
                a.db(&code[..code.len() - 1]);
                a.db(&[1]);
                asm!(a; inc eax;);
            });
        }
    }
    s.ring0("xlat 16", &none, &|a| {
        asm!(a; mov w(DATA + 0x14), 0x99; mov ebx, 0x5_0000 | (DATA as u32); mov eax, 0x14; db &[0x67, 0xD7];);
    });
    s.ring0("mov through a 16-bit address", &none, &|a| {
        asm!(a; mov d(DATA + 8), 0x99; mov ebx, 0x5_0000 | (DATA as u32); mov esi, 8; db &[0x67, 0x8B, 0x00];);
    });
    s.ring0("a 16-bit address wraps", &none, &|a| {
        asm!(a; mov d(DATA), 0x99; mov ebx, 0xFFFF; mov esi, DATA + 1; db &[0x67, 0x8B, 0x00];);
    });
}
