//! Virtual-8086 mode: sensitive instructions by IOPL, with and without VME, the maps, interrupts in and out.

use super::super::asm16::{Asm16, b, w};
use super::super::layout::*;
use super::super::{Sweep, idt_gate, none, poke};
use iced_x86::code_asm::registers::*;

const VME: u32 = 1;
const PVI: u32 = 2;
const IF: u32 = 0x200;
const VIF: u32 = 0x8_0000;
const VIP: u32 = 0x10_0000;

fn cr4_bits(a: &mut Asm16, bits: u32) {
    asm!(a; mov eax, bits; mov cr4, eax;);
}

/// IOPL-sensitive instructions in virtual-8086 mode; 66h in front where the operand size counts.
const SENSITIVE: [(&str, &[u8]); 12] = [
    ("cli", &[0xFA]),
    ("sti", &[0xFB]),
    ("pushf", &[0x9C, 0x5B]),
    ("pushfd", &[0x66, 0x9C, 0x66, 0x5B]),
    ("popf clear", &[0x6A, 0x02, 0x9D]),
    ("popf if", &[0x68, 0x02, 0x02, 0x9D]),
    ("popf tf", &[0x68, 0x02, 0x01, 0x9D]),
    ("popfd", &[0x66, 0x6A, 0x02, 0x66, 0x9D]),
    ("int 21", &[0xCD, 0x21]),
    ("int3", &[0xCC]),
    ("hlt", &[0xF4]),
    ("iret", &[0x68, 0x02, 0x02, 0x68, 0x00, 0xF0, 0xE8, 0x00, 0x00, 0x5B, 0x83, 0xC3, 0x07, 0x53, 0xCF, 0x90]),
];

/// The instructions under each IOPL, interrupt flags and VME.
pub fn sensitive(s: &mut Sweep) {
    for (name, code) in SENSITIVE {
        for (mode, control, flags) in [
            ("iopl 0", 0, 0),
            ("iopl 3", 0, 0x3000),
            ("iopl 3 if", 0, 0x3000 | IF),
            ("vme iopl 0", VME, IF),
            ("vme iopl 0 vif", VME, IF | VIF),
            ("vme iopl 0 vip", VME, IF | VIP),
            ("vme iopl 0 vif vip", VME, IF | VIF | VIP),
            ("vme iopl 3", VME, 0x3000 | IF),
        ] {
            s.v86(
                &format!("v86 {name} {mode}"),
                flags,
                &|a| {
                    // INT 21h goes to the program where the map lets it: 0000:0084 is the vector.
                    asm!(a; mov w(0x84), a.at(".to"); mov w(0x86), 0xF000u32 as i32; mov b(IDT + 8 * 0x21 + 5), 0xEE;);
                    // A zero bit in the redirection map is for the program.
                    poke(a, TSS + TSS_MAPS + 4, 0);
                    cr4_bits(a, control);
                },
                &|a| {
                    a.db(code);
                    asm!(a; nop; ud2; label ".to"; pop cx; pop cx; pop dx; ud2;);
                },
            );
        }
    }
    for (name, map) in [("redirected", 0u32), ("not redirected", 0xFFFF_FFFF)] {
        for flags in [IF, 0x3000 | IF, 0x3000] {
            s.v86(
                &format!("v86 vme int 21 {name} flags {flags:x}"),
                flags,
                &|a| {
                    asm!(a; mov w(0x84), a.at(".to"); mov w(0x86), 0xF000u32 as i32; mov b(IDT + 8 * 0x21 + 5), 0xEE;);
                    poke(a, TSS + TSS_MAPS + 4, map);
                    cr4_bits(a, VME);
                },
                &|a| {
                    asm!(a; int 0x21; ud2; label ".to"; pop cx; pop cx; pop dx; ud2;);
                },
            );
        }
    }
    for (name, access, target) in
        [("gate dpl 0", 0x8E, CS0), ("gate to ring 1", 0xEE, CS1), ("gate to conforming", 0xEE, CONFORMING)]
    {
        s.v86(
            &format!("v86 iopl 3 int {name}"),
            0x3000,
            &|a| {
                let at = a.at("stubs") as u32 + ROM as u32;
                idt_gate(a, 0x21, gate(target, at, access, 0));
            },
            &|a| {
                asm!(a; int 0x21;);
            },
        );
    }
}

/// Segments, limits, privileged instructions and ports.
pub fn machine(s: &mut Sweep) {
    let cases: [(&str, &[u8]); 22] = [
        ("mov ds", &[0xB8, 0x34, 0x12, 0x8E, 0xD8]),
        ("mov ss", &[0xB8, 0x34, 0x02, 0x8E, 0xD0]),
        ("read ffff", &[0xBB, 0xFF, 0xFF, 0x8B, 0x07]),
        ("push at 1", &[0xBC, 0x01, 0x00, 0x50]),
        ("32-bit address", &[0x66, 0xBB, 0x00, 0x00, 0x01, 0x00, 0x67, 0x8A, 0x03]),
        ("mov cr0", &[0x0F, 0x20, 0xC0]),
        ("mov dr7", &[0x0F, 0x21, 0xF8]),
        ("lgdt", &[0x0F, 0x01, 0x17]),
        ("sgdt", &[0x0F, 0x01, 0x04]),
        ("smsw", &[0x0F, 0x01, 0xE0]),
        ("lmsw", &[0x0F, 0x01, 0xF0]),
        ("clts", &[0x0F, 0x06]),
        ("lldt", &[0x0F, 0x00, 0xD0]),
        ("sldt", &[0x0F, 0x00, 0xC0]),
        ("str", &[0x0F, 0x00, 0xC8]),
        ("lar", &[0x0F, 0x02, 0xC0]),
        ("verr", &[0x0F, 0x00, 0xE0]),
        ("arpl", &[0x63, 0xC0]),
        ("rdmsr", &[0x0F, 0x32]),
        ("invd", &[0x0F, 0x08]),
        ("wbinvd", &[0x0F, 0x09]),
        ("invlpg", &[0x0F, 0x01, 0x3F]),
    ];
    for (name, code) in cases {
        s.v86(&format!("v86 {name}"), 0x3000, &none, &|a| a.db(code));
    }
    for iopl in [0, 0x3000] {
        for (name, code, mask) in [
            ("in al 80", &[0xE4, 0x80][..], 0xFEu8),
            ("in al 80 denied", &[0xE4, 0x80], 0xFF),
            ("in ax 80 half denied", &[0xE5, 0x80], 0xFE),
            ("in ax 80", &[0xE5, 0x80], 0xFC),
            ("in eax 80", &[0x66, 0xE5, 0x80], 0xF0),
            ("in eax 80 part denied", &[0x66, 0xE5, 0x80], 0xF8),
            ("out 80", &[0xE6, 0x80], 0xFE),
            ("insb", &[0xBA, 0x80, 0x00, 0x6C], 0xFF),
            ("outsb", &[0xBA, 0x80, 0x00, 0x6E], 0xFF),
            ("in beyond the map", &[0xBA, 0x00, 0x20, 0xEC], 0),
        ] {
            s.v86(
                &format!("v86 iopl {iopl:x} {name}"),
                iopl,
                &|a| {
                    asm!(a; mov b(TSS + TSS_MAPS + 32 + 0x10), i32::from(mask););
                },
                &|a| {
                    a.db(code);
                    asm!(a; xor ax, ax;);
                    a.db(&[0x66, 0x31, 0xC0]);
                },
            );
        }
    }
    for control in [0, PVI] {
        for flags in [0, IF, VIF, VIP, 0x3000] {
            for (name, code) in [
                ("cli", &[0xFA][..]),
                ("sti", &[0xFB]),
                ("pushf", &[0x9C, 0x5B]),
                ("popf if", &[0x68, 2, 2, 0, 0, 0x9D]),
            ] {
                s.ring(
                    &format!("ring 3 pvi {control} flags {flags:x} {name}"),
                    3,
                    flags,
                    &|a| cr4_bits(a, control),
                    &|a| a.db(code),
                );
            }
        }
    }
    for map in [0x68u32, 0x107, 0x108, 0x109, 0xFFFF] {
        s.ring(&format!("ring 3 map base {map:x}"), 3, 0, &|a| {
            asm!(a; mov w(TSS + 0x66), map as i32; mov b(TSS + 0x107), 0; mov b(TSS + 0x108), 0; mov b(TSS + TSS_MAPS + 0x10), 0;);
        }, &|a| { asm!(a; in_ al, 0; xor eax, eax;); });
    }
}
