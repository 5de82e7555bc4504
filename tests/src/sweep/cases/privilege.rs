//! Who may run what: privileged and IOPL-sensitive instructions by ring, control registers, LOCK, instruction length,
//! alignment, and what is no instruction.

use super::super::asm16::d;
use super::super::layout::*;
use super::super::{Sweep, none, poke};
use iced_x86::code_asm::registers::*;

const UMIP: u32 = 1 << 11;

/// Instructions for ring 0, or for a CPL not above IOPL.
pub fn instructions(s: &mut Sweep) {
    let list: [(&str, &[u8]); 34] = [
        ("hlt", &[0xF4]),
        ("cli", &[0xFA]),
        ("sti", &[0xFB]),
        ("in", &[0xE4, 0x80]),
        ("out", &[0xE6, 0x80]),
        ("insb", &[0x6C]),
        ("outsd", &[0x6F]),
        ("lgdt", &[0x0F, 0x01, 0x16]),
        ("lidt", &[0x0F, 0x01, 0x1E]),
        ("sgdt", &[0x0F, 0x01, 0x06]),
        ("sidt", &[0x0F, 0x01, 0x0E]),
        ("sldt", &[0x0F, 0x00, 0xC3]),
        ("str", &[0x0F, 0x00, 0xCB]),
        ("smsw", &[0x0F, 0x01, 0xE3]),
        ("lmsw", &[0x0F, 0x01, 0xF3]),
        ("lldt", &[0x0F, 0x00, 0xD3]),
        ("ltr", &[0x0F, 0x00, 0xDB]),
        ("clts", &[0x0F, 0x06]),
        ("invd", &[0x0F, 0x08]),
        ("wbinvd", &[0x0F, 0x09]),
        ("invlpg", &[0x0F, 0x01, 0x3E]),
        ("invlpg register form", &[0x0F, 0x01, 0xF9]),
        ("rdmsr", &[0x0F, 0x32]),
        ("wrmsr", &[0x0F, 0x30]),
        ("mov from cr0", &[0x0F, 0x20, 0xC3]),
        ("mov to cr0", &[0x0F, 0x22, 0xC3]),
        ("mov cr1", &[0x0F, 0x20, 0xCB]),
        ("mov cr5", &[0x0F, 0x20, 0xEB]),
        ("mov dr7", &[0x0F, 0x21, 0xFB]),
        ("mov to dr7", &[0x0F, 0x23, 0xFB]),
        ("sysexit", &[0x0F, 0x35]),
        ("swapgs", &[0x0F, 0x01, 0xF8]),
        ("rdfsbase", &[0xF3, 0x0F, 0xAE, 0xC3]),
        ("xgetbv", &[0x0F, 0x01, 0xD0]),
    ];
    for (name, code) in list {
        s.ring(&format!("ring 3 {name}"), 3, 0, &none, &|a| {
            a.db(code);
            asm!(a; mov eax, 0;);
        });
        s.ring(&format!("ring 3 iopl 3 {name}"), 3, 0x3000, &none, &|a| {
            a.db(code);
            asm!(a; mov eax, 0; mov ebx, 0; cli;);
        });
        if name == "invlpg register form" {
            // RDTSCP where it exists: its result is the time.
            continue;
        }
        s.ring(&format!("ring 1 {name}"), 1, 0, &none, &|a| a.db(code));
        if matches!(name, "sgdt" | "sidt" | "sldt" | "str" | "smsw") {
            s.ring(
                &format!("ring 3 umip {name}"),
                3,
                0,
                &|a| {
                    asm!(a; mov eax, UMIP; mov cr4, eax;);
                },
                &|a| a.db(code),
            );
        }
    }
    for bit in 0..32 {
        if matches!(bit, 0 | 31) {
            continue;
        }
        s.ring0(&format!("cr0 bit {bit}"), &none, &|a| {
            asm!(a; mov eax, cr0; mov ecx, eax; or eax, (1u32 << bit) as i32; mov cr0, eax; mov ebx, cr0; mov cr0, ecx; mov ecx, 0; mov eax, 0;);
        });
    }
    for (name, value) in [
        ("pg without pe", 0x8000_0010u32),
        ("nw without cd", 0x2000_0011),
        ("cd and nw", 0x6000_0011),
        ("cd", 0x4000_0011),
        ("pe cleared with nothing else", 0x11),
    ] {
        s.ring0(&format!("mov cr0 {name}"), &none, &|a| {
            asm!(a; mov eax, value; mov cr0, eax; mov ebx, cr0; mov eax, 0x11; mov cr0, eax;);
        });
    }
    for bit in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 19, 24, 26, 28, 30, 31] {
        s.ring0(&format!("cr4 bit {bit}"), &none, &|a| {
            asm!(a; mov eax, 1u32 << bit; mov cr4, eax; mov ebx, cr4;);
        });
    }
    for bits in [1u32, 0x100, 0x800, 0x400, 0x200, 0x1_0000, 0x8000_0000] {
        s.ring0(&format!("efer {bits:x}"), &none, &|a| {
            asm!(a; mov ecx, 0xC000_0080u32; mov eax, bits; xor edx, edx; wrmsr; rdmsr; mov ebx, eax; xor eax, eax; wrmsr;);
        });
    }
    s.ring0("lmsw does not clear pe", &none, &|a| {
        asm!(a; xor eax, eax; lmsw ax; mov ebx, cr0; and ebx, 0x1F; );
    });
    s.ring0("lmsw sets ts", &none, &|a| {
        asm!(a; mov eax, 9; lmsw ax; mov ebx, cr0; and ebx, 0x1F; clts;);
    });
    for (ts, em, mp) in [(0, 0, 0), (8, 0, 0), (0, 4, 0), (8, 4, 2), (8, 0, 2), (0, 4, 2), (0, 0, 2)] {
        for (name, code) in
            [("fnop", &[0xD9, 0xD0][..]), ("fwait", &[0x9B]), ("emms", &[0x0F, 0x77]), ("movups", &[0x0F, 0x10, 0xC1])]
        {
            s.ring0(
                &format!("{name} ts {ts} em {em} mp {mp}"),
                &|a| {
                    asm!(a; mov eax, 0x200; mov cr4, eax; mov eax, cr0; or eax, ts | em | mp; mov cr0, eax;);
                },
                &|a| a.db(code),
            );
        }
    }
    s.ring0("movups without osfxsr", &none, &|a| a.db(&[0x0F, 0x10, 0xC1]));
    s.ring0(
        "movaps not aligned",
        &|a| {
            asm!(a; mov eax, 0x200; mov cr4, eax;);
        },
        &|a| a.db(&[0x0F, 0x28, 0x46, 0x01]),
    );
    s.ring0("fxsave not aligned", &none, &|a| a.db(&[0x0F, 0xAE, 0x46, 0x08]));
}

/// LOCK, lengths, alignment checks and reserved opcodes.
pub fn encodings(s: &mut Sweep) {
    let locked: [(&str, &[u8]); 24] = [
        ("add m", &[0x01, 0x06]),
        ("add r", &[0x01, 0xC0]),
        ("add from m", &[0x03, 0x06]),
        ("cmp", &[0x39, 0x06]),
        ("mov", &[0x89, 0x06]),
        ("inc m", &[0xFF, 0x06]),
        ("inc r", &[0x40]),
        ("not", &[0xF7, 0x16]),
        ("neg", &[0xF7, 0x1E]),
        ("mul", &[0xF7, 0x26]),
        ("test", &[0x85, 0x06]),
        ("xchg", &[0x87, 0x06]),
        ("bts", &[0x0F, 0xBA, 0x2E, 1]),
        ("bt", &[0x0F, 0xBA, 0x26, 1]),
        ("cmpxchg", &[0x0F, 0xB1, 0x1E]),
        ("cmpxchg r", &[0x0F, 0xB1, 0xD8]),
        ("cmpxchg8b", &[0x0F, 0xC7, 0x0E]),
        ("cmpxchg8b r", &[0x0F, 0xC7, 0xC8]),
        ("xadd", &[0x0F, 0xC1, 0x1E]),
        ("push", &[0x50]),
        ("nop", &[0x90]),
        ("movs", &[0xA5]),
        ("shl", &[0xD1, 0x26]),
        ("int3", &[0xCC]),
    ];
    for (name, code) in locked {
        s.ring0(&format!("lock {name}"), &none, &|a| {
            a.db(&[0xF0]);
            a.db(code);
        });
    }
    for length in [13usize, 14, 15] {
        for (name, code) in [("nop", &[0x90][..]), ("mov", &[0xB8, 1, 2, 3, 4]), ("reserved", &[0x0F, 0x04])] {
            s.ring0(&format!("{length} prefixes on {name}"), &none, &|a| {
                a.db(&vec![0x3E; length]);
                a.db(code);
            });
        }
    }
    for (name, code) in [
        ("ud2", &[0x0F, 0x0B][..]),
        ("ud1", &[0x0F, 0xB9, 0xC0]),
        ("ud0", &[0x0F, 0xFF, 0xC0]),
        ("0f 04", &[0x0F, 0x04]),
        ("0f 0a", &[0x0F, 0x0A]),
        ("0f a6", &[0x0F, 0xA6, 0xC0]),
        ("0f a7", &[0x0F, 0xA7, 0xC0]),
        ("fe /2", &[0xFE, 0xD0]),
        ("ff /7", &[0xFF, 0xF8]),
        ("8f /1", &[0x8F, 0xC8]),
        ("c6 /1", &[0xC6, 0xC8, 0]),
        ("f6 /1", &[0xF6, 0xC8, 1]),
        ("d0 /6", &[0xD0, 0xF0]),
        ("82 /0", &[0x82, 0xC0, 1]),
        ("d6 salc", &[0xD6]),
        ("lea register", &[0x8D, 0xC0]),
        ("bound register", &[0x62, 0xC0]),
        ("0f ba /3", &[0x0F, 0xBA, 0xD8, 1]),
        ("0f 00 /6", &[0x0F, 0x00, 0xF0]),
        ("0f 01 /5", &[0x0F, 0x01, 0x2E]),
        ("0f 0d", &[0x0F, 0x0D, 0x06]),
        ("0f 18", &[0x0F, 0x18, 0x06]),
        ("0f 1f", &[0x0F, 0x1F, 0x06]),
        ("0f c7 /0", &[0x0F, 0xC7, 0x06]),
        ("0f 38 ff", &[0x0F, 0x38, 0xFF, 0xC0]),
        ("syscall", &[0x0F, 0x05]),
        ("rsm", &[0x0F, 0xAA]),
        ("f1", &[0xF1]),
        ("sysenter without cs", &[0x0F, 0x34]),
    ] {
        s.ring0(&format!("opcode {name}"), &none, &|a| {
            a.db(code);
            asm!(a; mov eax, 0;);
        });
    }
    let alignment: [(&str, &[u8]); 14] = [
        ("mov byte", &[0x8A, 0x46, 0x01]),
        ("mov word", &[0x66, 0x8B, 0x46, 0x01]),
        ("mov dword 1", &[0x8B, 0x46, 0x01]),
        ("mov dword 2", &[0x8B, 0x46, 0x02]),
        ("mov dword 4", &[0x8B, 0x46, 0x04]),
        ("store", &[0x89, 0x46, 0x02]),
        ("add", &[0x01, 0x46, 0x02]),
        ("push", &[0x4C, 0x50]),
        ("fld m64 at 4", &[0xDD, 0x46, 0x04]),
        ("fld m32 at 2", &[0xD9, 0x46, 0x02]),
        ("fld m80 at 4", &[0xDB, 0x6E, 0x04]),
        ("movs", &[0x46, 0xA5]),
        ("sgdt", &[0x0F, 0x01, 0x46, 0x01]),
        ("lgs", &[0x0F, 0xB5, 0x46, 0x02]),
    ];
    for (name, code) in alignment {
        for (mode, flags, am) in [("am ac", 0x4_0000, true), ("ac", 0x4_0000, false), ("am", 0, true)] {
            s.ring(
                &format!("ring 3 {mode} {name}"),
                3,
                flags,
                &|a| {
                    if am {
                        asm!(a; mov eax, cr0; or eax, 0x4_0000; mov cr0, eax;);
                    }
                },
                &|a| {
                    a.db(code);
                    asm!(a; mov eax, 0; mov esp, STACK3; fninit;);
                },
            );
        }
        s.ring0(
            &format!("ring 0 am ac {name}"),
            &|a| {
                asm!(a; mov eax, cr0; or eax, 0x4_0000; mov cr0, eax;);
            },
            &|a| {
                asm!(a; push 0x4_0002; popfd;);
                a.db(code);
                asm!(a; mov eax, 0; mov esp, STACK0; push 2; popfd; fninit;);
            },
        );
    }
    s.ring(
        "ring 3 a limit before alignment",
        3,
        0x4_0000,
        &|a| {
            super::super::descriptor(a, FREE, segment(DATA as u32, 0xFFF, 0xF2, 4));
            asm!(a; mov eax, cr0; or eax, 0x4_0000; mov cr0, eax;);
        },
        &|a| {
            asm!(a; mov ax, FREE | 3; mov fs, ax; mov eax, d(0xFFE).fs(););
        },
    );
    s.ring(
        "ring 3 alignment before a page fault",
        3,
        0x4_0000,
        &|a| {
            poke(a, TABLE1, 0);
            super::super::paging(a, true, 0);
            asm!(a; mov eax, cr0; or eax, 0x4_0000; mov cr0, eax;);
        },
        &|a| {
            asm!(a; mov eax, d(HIGH + 1););
        },
    );
}
