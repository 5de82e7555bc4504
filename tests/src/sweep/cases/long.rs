//! IA-32e mode: canonical addresses, gates and stacks, system calls, control registers, 4-level paging, compatibility mode.

use super::super::asm16::{Asm16, b, d};
use super::super::layout::*;
use super::super::{Sweep, descriptor, none, poke, watch};
use iced_x86::code_asm::qword_ptr as q;
use iced_x86::code_asm::registers::*;

/// The lowest address that is not canonical.
const HOLE: u64 = 0x8000_0000_0000;
const STAR: u32 = 0xC000_0081;
const LSTAR: u32 = 0xC000_0082;
const SFMASK: u32 = 0xC000_0084;
const EFER: u32 = 0xC000_0080;

fn gate64(a: &mut Asm16, vector: i32, selector: i32, offset: u64, access: u8, ist: u8) {
    let low = gate(selector, offset as u32, access, ist);
    for (i, v) in [low[0], low[1], (offset >> 32) as u32, 0].into_iter().enumerate() {
        poke(a, IDT64 + 16 * vector + 4 * i as i32, v);
    }
}

/// The monitor's handler of `vector` gets the stack of IST 1.
fn use_ist1(a: &mut Asm16, vector: i32) {
    asm!(a; mov b(IDT64 + 16 * vector + 4), 1;);
}

fn there(a: &mut Asm16) -> u64 {
    a.at(".there") as u64 + ROM as u64
}

fn want(a: &mut Asm16, cr4_bits: u32) {
    poke(a, WANT_CR4, cr4_bits);
}

fn write_msr(a: &mut Asm16, msr: u32, value: u64) {
    asm!(a; mov ecx, msr; mov eax, value as u32; mov edx, (value >> 32) as u32; wrmsr;);
}

/// Clears what holds a time or a wide pattern.
fn plain(a: &mut Asm16) {
    asm!(a; mov eax, 0; mov ecx, 0; mov edx, 0;);
}

/// Addresses that are not canonical.
pub fn canonical(s: &mut Sweep) {
    let accesses: [(&str, &[u8]); 22] = [
        ("mov load", &[0x48, 0x8B, 0x1F]),
        ("mov store", &[0x48, 0x89, 0x1F]),
        ("add", &[0x83, 0x07, 0x01]),
        ("mov through rbp", &[0x8B, 0x5D, 0x00]),
        ("mov through rsp", &[0x8B, 0x1C, 0x24]),
        ("ss prefix", &[0x36, 0x8B, 0x1F]),
        ("push", &[0x50]),
        ("pop", &[0x58]),
        ("push m", &[0xFF, 0x37]),
        ("call", &[0xE8, 0, 0, 0, 0]),
        ("ret", &[0xC3]),
        ("leave", &[0xC9]),
        ("enter", &[0xC8, 0, 0, 0]),
        ("pushfq", &[0x9C]),
        ("stosb", &[0xAA]),
        ("lodsb", &[0x48, 0x89, 0xFE, 0xAC]),
        ("call register", &[0xFF, 0xD7]),
        ("jmp register", &[0xFF, 0xE7]),
        ("fld", &[0xD9, 0x07]),
        ("lgdt", &[0x0F, 0x01, 0x17]),
        ("invlpg", &[0x0F, 0x01, 0x3F]),
        ("prefetch", &[0x0F, 0x18, 0x07]),
    ];
    for (name, code) in accesses {
        for (where_, value) in [("hole", HOLE), ("last", HOLE - 1)] {
            s.ring3_64(&format!("ring 3 {name} at the {where_}"), 0, &none, &|a| {
                asm!(a; mov rdi, value; mov rbp, value; mov rsp, value;);
                a.db(code);
                asm!(a; mov rsp, STACK3 as i64 as u64; mov edi, 0;);
            });
        }
    }
    for (name, msr) in [
        ("fs base", 0xC000_0100u32),
        ("gs base", 0xC000_0101),
        ("kernel gs base", 0xC000_0102),
        ("lstar", LSTAR),
        ("cstar", 0xC000_0083),
        ("sysenter esp", 0x175),
        ("sysenter eip", 0x176),
    ] {
        s.ring0_64(&format!("wrmsr {name} not canonical"), &none, &|a| write_msr(a, msr, HOLE));
        s.ring0_64(&format!("wrmsr {name} high"), &none, &|a| {
            write_msr(a, msr, 0xFFFF_8000_0000_0000);
            asm!(a; rdmsr; mov ebx, edx;);
            plain(a);
        });
    }
    for (name, selector, flags) in [("ring 3", USER64, 2), ("same ring", CS64, 2)] {
        s.ring0_64(&format!("iretq to the hole {name}"), &none, &|a| {
            asm!(a; mov rax, HOLE; push if selector == CS64 { DS0 } else { USER_DS }; push STACK3; push flags; push selector; push rax; iretq;);
        });
    }
    s.ring0_64("lgdt with a base that is not canonical", &none, &|a| {
        asm!(a; mov rax, HOLE; mov q(DATA + 2), rax; db &[0x0F, 0x01, 0x14, 0x25]; dd &[DATA as u32];);
    });
    s.ring0_64("lidt with a base that is not canonical", &none, &|a| {
        asm!(a; mov rax, HOLE; mov q(DATA + 2), rax; db &[0x0F, 0x01, 0x1C, 0x25]; dd &[DATA as u32];);
    });
    s.ring0_64("code runs into the hole", &none, &|a| {
        asm!(a; mov rax, HOLE - 1; db &[0xFF, 0xE0];);
    });
}

/// Gates of the IDT, stacks and IST.
pub fn gates(s: &mut Sweep) {
    for kind in 0..16u8 {
        s.ring0_64(
            &format!("int through type {kind:02x}"),
            &|a| {
                let at = there(a);
                gate64(a, 0x21, CS64, at, 0x80 | kind, 0);
            },
            &|a| {
                asm!(a; int 0x21; label ".there"; mov rbp, rsp;);
            },
        );
    }
    for (name, selector) in [
        ("code 64", CS64),
        ("code 32", CS0),
        ("code 64 ring 3", USER64),
        ("l and d", FREE),
        ("conforming 64", FREE2),
        ("data", DS0),
        ("null", 0),
        ("beyond", GDT_SIZE),
    ] {
        let setup = |a: &mut Asm16| {
            descriptor(a, FREE, segment(0, 0xF_FFFF, 0x9A, 0xE));
            descriptor(a, FREE2, segment(0, 0xF_FFFF, 0x9E, 0xA));
            let at = there(a);
            gate64(a, 0x21, selector, at, 0xEE, 0);
        };
        s.ring0_64(&format!("ring 0 int to {name}"), &setup, &|a| {
            asm!(a; int 0x21; label ".there";);
        });
        s.ring3_64(&format!("ring 3 int to {name}"), 0x202, &setup, &|a| {
            asm!(a; int 0x21; label ".there"; mov rbp, rsp;);
        });
    }
    for ist in 0..8u8 {
        for ring in [0, 3] {
            let setup = |a: &mut Asm16| {
                let at = there(a);
                gate64(a, 0x21, CS64, at, 0xEE, ist);
                poke(a, TSS + 0x2C, 0xA00);
                poke(a, TSS + 0x30, 0x8000);
            };
            let code = |a: &mut Asm16| {
                asm!(a; int 0x21; label ".there"; mov rbp, rsp; mov esp, STACK0;);
            };
            if ist == 0 || ist == 1 || ist == 2 {
                let name = format!("ring {ring} int with ist {ist}");
                if ring == 0 { s.ring0_64(&name, &setup, &code) } else { s.ring3_64(&name, 0, &setup, &code) }
            }
        }
    }
    s.ring3_64(
        "ring 3 int under a stack that is not canonical",
        0,
        &|a| {
            poke(a, TSS + 8, 0x8000);
            use_ist1(a, 12);
            use_ist1(a, 8);
        },
        &|a| {
            asm!(a; int 0x30;);
        },
    );
    s.ring0_64("a gate to the hole", &|a| gate64(a, 0x21, CS64, HOLE, 0x8E, 0), &|a| {
        asm!(a; int 0x21;);
    });
    s.ring0_64("a gate that is not present", &|a| gate64(a, 0x21, CS64, 0, 0x0E, 0), &|a| {
        asm!(a; int 0x21;);
    });
    s.ring3_64("ring 3 gate dpl 0", 0, &none, &|a| {
        asm!(a; int 0x21;);
    });
    s.ring0_64("frames are aligned", &none, &|a| {
        asm!(a; mov esp, STACK0 - 3; ud2;);
    });
    s.ring0_64("iretq keeps the stack of the same ring", &none, &|a| {
        asm!(a; push DS0; push STACK0 - 0x100; push 2; push CS64; push a.at(".there") + ROM; iretq; label ".there"; mov rbp, rsp; mov esp, STACK0;);
    });
    s.ring0_64("iretq with nt", &none, &|a| {
        asm!(a; push 0x4002; popfq; iretq;);
    });
    for (name, code, stack) in [
        ("ring 3", USER64, USER_DS),
        ("ring 3 null ss", USER64, 3),
        ("ring 3 compat", USER32, USER_DS),
        ("ring 3 compat null ss", USER32, 3),
        ("ring 0 null ss", CS64, 0),
        ("compat", CS0, DS0),
        ("null cs", 0, DS0),
        ("data cs", USER_DS, USER_DS),
        ("l and d", FREE, DS0),
        ("ss dpl 0 for ring 3", USER64, DS0 | 3),
    ] {
        s.ring0_64(&format!("iretq to {name}"), &|a| descriptor(a, FREE, segment(0, 0xF_FFFF, 0x9A, 0xE)), &|a| {
            asm!(a; push stack; push STACK3; push 0x202; push code; push a.at(".there") + ROM; iretq; label ".there";);
        });
        s.ring0_64(&format!("retfq to {name}"), &|a| descriptor(a, FREE, segment(0, 0xF_FFFF, 0x9A, 0xE)), &|a| {
            asm!(a; push stack; push STACK3; push code; push a.at(".there") + ROM; db &[0x48, 0xCB]; label ".there";);
        });
    }
    s.ring3_64("ring 3 exception with ist", 0, &|a| use_ist1(a, 6), &|a| {
        asm!(a; ud2;);
    });
}

/// System calls, SWAPGS and base registers.
pub fn calls(s: &mut Sweep) {
    let msrs = |a: &mut Asm16| {
        asm!(a; mov ecx, STAR; xor eax, eax; mov edx, (USER32 << 16 | CS64) as u32; wrmsr; mov ecx, SFMASK; mov eax, 0x4_0700; xor edx, edx; wrmsr; mov ecx, LSTAR; mov eax, a.at(".there") + ROM; wrmsr;);
    };
    s.ring3_64("syscall", 0x202, &msrs, &|a| {
        asm!(a; syscall; label ".there"; mov rbp, rsp; mov esp, STACK0; sub rcx, ROM; mov ecx, 0;);
    });
    s.ring0_64("syscall from ring 0", &msrs, &|a| {
        asm!(a; syscall; label ".there"; mov ecx, 0;);
    });
    s.ring3_64("syscall without sce", 0, &|a| want(a, 0), &|a| {
        asm!(a; db &[0x90]; syscall;);
    });
    s.ring0_64("sysretq", &msrs, &|a| { asm!(a; mov ecx, a.at(".back") + ROM; mov r11d, 0x3F_7FD7; db &[0x48, 0x0F, 0x07]; label ".there"; label ".back"; mov ecx, 0; mov r11d, 0;); });
    s.ring0_64("sysretq to the hole", &msrs, &|a| {
        asm!(a; mov rcx, HOLE; mov r11d, 2; db &[0x48, 0x0F, 0x07]; label ".there";);
    });
    s.ring3_64("ring 3 sysretq", 0, &none, &|a| a.db(&[0x48, 0x0F, 0x07]));
    s.ring0_64("sysret to compat", &msrs, &|a| {
        asm!(a; mov ecx, a.at(".there") + ROM; mov r11d, 0x202; db &[0x0F, 0x07]; label ".there"; nop;);
    });
    let enter = |a: &mut Asm16| {
        for (msr, value) in [(0x174u32, CS64), (0x175, TASK_STACK1)] {
            asm!(a; mov ecx, msr; mov eax, value; xor edx, edx; wrmsr;);
        }
        asm!(a; mov ecx, 0x176; mov eax, a.at(".there") + ROM; wrmsr;);
    };
    s.ring3_64("sysenter", 0x3202, &enter, &|a| {
        asm!(a; sysenter; label ".there"; mov rbp, rsp;);
    });
    s.ring0_64("sysenter with a null cs", &none, &|a| {
        asm!(a; sysenter;);
    });
    s.ring0_64("sysexit to 64 bits", &|a| { asm!(a; mov ecx, 0x174; mov eax, USER64 - 32 - 3; xor edx, edx; wrmsr;); }, &|a| {
        asm!(a; mov ecx, STACK3; mov edx, a.at(".there") + ROM; db &[0x48, 0x0F, 0x35]; label ".there"; mov edx, 0; mov ecx, 0;);
    });
    s.ring0_64("sysexit with a null cs", &none, &|a| {
        asm!(a; mov ecx, 0x174; xor eax, eax; xor edx, edx; wrmsr; sysexit;);
    });
    s.ring3_64("ring 3 swapgs", 0, &none, &|a| {
        asm!(a; swapgs;);
    });
    s.ring0_64("swapgs", &none, &|a| {
        write_msr(a, 0xC000_0102, 0x1234_5678);
        asm!(a; swapgs; mov ecx, 0xC000_0101u32; rdmsr; mov ebx, eax;);
        plain(a);
    });
    for fsgs in [0u32, 1 << 16] {
        for (name, code) in [
            ("rdfsbase", &[0xF3, 0x48, 0x0F, 0xAE, 0xC3][..]),
            ("wrfsbase", &[0xF3, 0x48, 0x0F, 0xAE, 0xD3]),
            ("wrgsbase of 32 bits", &[0xF3, 0x0F, 0xAE, 0xDB]),
        ] {
            for value in [0x1234u64, HOLE] {
                s.ring3_64(&format!("{name} {value:x} fsgsbase {}", fsgs >> 16), 0, &|a| want(a, fsgs), &|a| {
                    asm!(a; mov rbx, value;);
                    a.db(code);
                });
            }
        }
    }
    for (name, code) in
        [("call", &[0xFF, 0x1C, 0x25][..]), ("jmp", &[0xFF, 0x2C, 0x25]), ("call rex.w", &[0x48, 0xFF, 0x1C, 0x25])]
    {
        for (what, selector) in [
            ("code 64", CS64),
            ("code 32", CS0),
            ("l and d", FREE),
            ("gate", FREE64),
            ("gate to code 32", FREE64 + 16),
            ("tss", TR64),
            ("free tss", TR_B),
            ("data", DS0),
            ("null", 0),
        ] {
            // Far pointers with a 64-bit offset are Intel's.
            if name == "call rex.w" && what != "gate" {
                continue;
            }
            s.ring0_64(
                &format!("{name} far to {what}"),
                &|a| {
                    descriptor(a, FREE, segment(0, 0xF_FFFF, 0x9A, 0xE));
                    let at = there(a) as u32;
                    descriptor(a, FREE64, gate(CS64, at, 0x8C, 0));
                    descriptor(a, FREE64 + 16, gate(CS0, at, 0x8C, 0));
                    poke(a, DATA, at);
                    poke(a, DATA + 4, selector as u32);
                    if name == "call rex.w" {
                        poke(a, DATA + 4, 0);
                        poke(a, DATA + 8, selector as u32);
                    }
                },
                &|a| {
                    a.db(code);
                    a.dd(&[DATA as u32]);
                    asm!(a; label ".there";);
                },
            );
        }
        s.ring3_64(
            &format!("ring 3 {name} gate"),
            0,
            &|a| {
                let at = there(a) as u32;
                descriptor(a, FREE64, gate(CS64, at, 0xEC, 0));
                poke(a, DATA, at);
                poke(a, DATA + 4, if name == "call rex.w" { 0 } else { FREE64 as u32 | 3 });
                poke(a, DATA + 8, FREE64 as u32 | 3);
                watch(a, &[TASK_STACK0 - 8, TASK_STACK0 - 16, TASK_STACK0 - 24]);
            },
            &|a| {
                a.db(code);
                a.dd(&[DATA as u32]);
                asm!(a; label ".there"; mov rbp, rsp;);
            },
        );
    }
}

/// Control registers, invalid opcodes, 16-byte operands, segments.
pub fn machine(s: &mut Sweep) {
    let invalid: [(&str, &[u8]); 24] = [
        ("06", &[0x06]),
        ("07", &[0x07]),
        ("0e", &[0x0E]),
        ("16", &[0x16]),
        ("17", &[0x17]),
        ("1e", &[0x1E]),
        ("1f", &[0x1F]),
        ("27", &[0x27]),
        ("2f", &[0x2F]),
        ("37", &[0x37]),
        ("3f", &[0x3F]),
        ("60", &[0x60]),
        ("61", &[0x61]),
        ("82", &[0x82, 0xC0, 1]),
        ("9a", &[0x9A, 0, 0, 0, 0, 8, 0]),
        ("ce", &[0xCE]),
        ("d4", &[0xD4, 0x0A]),
        ("d5", &[0xD5, 0x0A]),
        ("d6", &[0xD6]),
        ("ea", &[0xEA, 0, 0, 0, 0, 8, 0]),
        ("lock nop", &[0xF0, 0x90]),
        ("rex before a prefix", &[0x48, 0x66, 0x01, 0xD8]),
        ("movsxd", &[0x48, 0x63, 0xC3]),
        ("arpl is movsxd", &[0x63, 0xC3]),
    ];
    for (name, code) in invalid {
        s.ring0_64(&format!("opcode {name}"), &none, &|a| a.db(code));
    }
    for value in [0u64, 5, 15, 16, 1 << 32] {
        s.ring0_64(&format!("mov cr8 {value:x}"), &none, &|a| {
            asm!(a; mov rax, value; db &[0x44, 0x0F, 0x22, 0xC0, 0x44, 0x0F, 0x20, 0xC3]; xor eax, eax; db &[0x44, 0x0F, 0x22, 0xC0];);
        });
    }
    for (name, value) in [("bit 32", 1u64 << 32 | 0x8001_0011), ("pg clear", 0x1_0011), ("pe clear", 0x8001_0010)] {
        s.ring0_64(&format!("mov cr0 {name}"), &none, &|a| {
            asm!(a; mov rax, value; mov cr0, rax;);
        });
    }
    for (name, value) in [("bit 32", 1u64 << 32 | 0x20), ("pae clear", 0), ("pge", 0xA0)] {
        s.ring0_64(&format!("mov cr4 {name}"), &none, &|a| {
            asm!(a; mov rax, value; mov cr4, rax;);
        });
    }
    for (name, value) in [("bit 63", 1u64 << 63), ("bit 60", 1 << 60), ("bit 3", 8), ("bit 11", 0x800)] {
        s.ring0_64(&format!("mov cr3 {name}"), &none, &|a| {
            asm!(a; mov rax, value | PML4 as u64; mov cr3, rax; mov rbx, cr3; mov eax, 0;);
        });
    }
    for (n, value) in [(0, 1u64 << 32), (6, 1 << 32), (7, 1 << 32), (7, 0x400)] {
        s.ring0_64(&format!("mov dr{n} {value:x}"), &none, &|a| {
            asm!(a; mov rax, value; db &[0x0F, 0x23, 0xC0 | n << 3]; mov eax, 0;);
        });
    }
    for bits in [0x801u64, 0x900, 0x101, 0xD01, 0x903] {
        s.ring0_64(&format!("efer {bits:x}"), &none, &|a| {
            write_msr(a, EFER, bits);
            asm!(a; rdmsr; mov ebx, eax;);
            plain(a);
        });
    }
    for offset in [0, 1, 8, 16] {
        s.ring0_64(&format!("cmpxchg16b at {offset}"), &none, &|a| {
            asm!(a; xor eax, eax; xor edx, edx; db &[0x48, 0x0F, 0xC7, 0x4E, offset]; mov ecx, 0; mov eax, 0; mov edx, 0;);
        });
        s.ring0_64(&format!("movaps at {offset}"), &|a| want(a, 0x200), &|a| a.db(&[0x0F, 0x28, 0x46, offset]));
    }
    for (name, code) in [
        ("mov qword 4", &[0x48, 0x8B, 0x46, 4][..]),
        ("mov qword 8", &[0x48, 0x8B, 0x46, 8]),
        ("push", &[0x48, 0xFF, 0xCC, 0x50]),
    ] {
        s.ring3_64(
            &format!("ring 3 ac {name}"),
            0x4_0000,
            &|a| {
                asm!(a; mov eax, cr0; or eax, 0x4_0000; mov cr0, eax;);
            },
            &|a| {
                a.db(code);
                asm!(a; mov eax, 0; mov esp, STACK3;);
            },
        );
    }
    for (name, selector) in
        [("null", 0), ("null rpl 3", 3), ("data", DS0), ("short", FREE), ("code", CS0), ("64-bit code", CS64)]
    {
        let setup = |a: &mut Asm16| descriptor(a, FREE, segment(DATA as u32, 0xF, 0xF2, 4));
        s.ring0_64(&format!("mov ss {name}"), &setup, &|a| {
            asm!(a; mov eax, selector; mov ss, eax; push rax; pop rax;);
        });
        s.ring3_64(&format!("ring 3 mov ss {name}"), 0, &setup, &|a| {
            asm!(a; mov eax, selector | 3; mov ss, eax; push rax; pop rax;);
        });
        s.ring0_64(&format!("mov fs {name} and read"), &setup, &|a| {
            asm!(a; mov eax, selector; mov fs, eax; mov d(DATA + 0x100), 0x77; mov d(0x100), 0x66;);
            a.db(&[0x64, 0x8B, 0x1C, 0x25]);
            a.dd(&[0x100]);
        });
    }
    for kind in 0..16u8 {
        s.ring0_64(
            &format!("lar and lsl type {kind:02x}"),
            &|a| {
                descriptor(a, FREE64, segment(TSS as u32, 0x67, 0x80 | kind, 0));
            },
            &|a| {
                asm!(a; mov eax, FREE64; lar ebx, eax; lsl ecx, eax;);
            },
        );
        s.ring0_64(
            &format!("ltr type {kind:02x}"),
            &|a| {
                descriptor(a, FREE64, segment(TSS as u32, 0x67, 0x80 | kind, 0));
                watch(a, &[GDT + FREE64 + 4]);
            },
            &|a| {
                asm!(a; mov eax, FREE64; ltr ax;);
            },
        );
    }
    s.ring0_64(
        "ltr with type bits in the upper half",
        &|a| {
            descriptor(a, FREE64, segment(TSS as u32, 0x67, 0x89, 0));
            poke(a, GDT + FREE64 + 12, 0x100);
        },
        &|a| {
            asm!(a; mov eax, FREE64; ltr ax;);
        },
    );
    s.ring0_64(
        "ltr with a base that is not canonical",
        &|a| {
            descriptor(a, FREE64, segment(TSS as u32, 0x67, 0x89, 0));
            poke(a, GDT + FREE64 + 8, 0x8000);
        },
        &|a| {
            asm!(a; mov eax, FREE64; ltr ax;);
        },
    );
    for (name, code) in [
        ("push and pop", &[0x6A, 0x07, 0x58][..]),
        ("inc is no rex", &[0x40, 0x90]),
        ("les", &[0xC4, 0x1E]),
        ("pusha", &[0x60, 0x61]),
        ("swapgs", &[0x0F, 0x01, 0xF8]),
        ("mov cr8", &[0x44, 0x0F, 0x20, 0xC0]),
        ("int3", &[0xCC]),
        ("ud2", &[0x0F, 0x0B]),
        ("lock cmpxchg8b", &[0xF0, 0x0F, 0xC7, 0x0E]),
        ("address wraps", &[0xBB, 0xFF, 0xFF, 0xFF, 0xFF, 0x8A, 0x43, 0x02]),
    ] {
        s.compat(&format!("compatibility mode {name}"), &|a| poke(a, DATA + 4, USER_DS as u32), &|a| {
            a.db(code);
            asm!(a; mov eax, 0; mov edx, 0;);
        });
    }
}

/// 4-level paging.
pub fn paging(s: &mut Sweep) {
    const NX: u32 = 0x8000_0000;
    let page = DATA as u32 | 7;
    let table = PT64 as u32 | 7;
    let cases: [(&str, [(i32, u32); 2]); 16] = [
        ("plain", [(PT64, page), (PT64 + 4, 0)]),
        ("nx", [(PT64, page), (PT64 + 4, NX)]),
        ("pde nx", [(PD64 + 16, table), (PD64 + 20, NX)]),
        ("ignored bits", [(PT64, page), (PT64 + 4, 0x7FF0_0000)]),
        ("bit 51", [(PT64, page), (PT64 + 4, 0x8_0000)]),
        ("supervisor", [(PT64, page & !4), (PT64 + 4, 0)]),
        ("read-only", [(PT64, page & !2), (PT64 + 4, 0)]),
        ("missing", [(PT64, 0), (PT64 + 4, 0)]),
        ("pde supervisor", [(PD64 + 16, table & !4), (PD64 + 20, 0)]),
        ("2m", [(PD64 + 16, 0x87), (PD64 + 20, 0)]),
        ("2m bit 12", [(PD64 + 16, 0x1087), (PD64 + 20, 0)]),
        ("2m bit 13", [(PD64 + 16, 0x2087), (PD64 + 20, 0)]),
        ("2m nx", [(PD64 + 16, 0x87), (PD64 + 20, NX)]),
        ("pml4 ps", [(PML4 + 8, PDPT64 as u32 | 0x87), (PML4 + 12, 0)]),
        ("1g", [(PDPT64 + 8, 0x87), (PDPT64 + 12, 0)]),
        ("1g bit 13", [(PDPT64 + 8, 0x2087), (PDPT64 + 12, 0)]),
    ];
    for (name, entries) in cases {
        let target: u64 = match name {
            "pml4 ps" => 1 << 39,
            n if n.starts_with("1g") => 1 << 30,
            _ => HIGH as u64,
        };
        // Physical 0 when the page is a large one.
        let setup = |a: &mut Asm16| {
            let stop = 0x9090_0000u32 | (DONE as u32) << 8 | 0xCD;
            poke(a, DATA, stop);
            poke(a, 0, stop);
            for (at, value) in entries {
                poke(a, at, value);
            }
            watch(a, &[PD64 + 16, PT64]);
        };
        for (what, code) in
            [("read", &[0x8B, 0x0F][..]), ("write", &[0xC6, 0x47, 0x10, 0x55]), ("execute", &[0xFF, 0xE7])]
        {
            let run = |a: &mut Asm16| {
                asm!(a; mov rdi, target;);
                a.db(code);
                asm!(a; mov ecx, 0;);
            };
            s.ring0_64(&format!("page {name} ring 0 {what}"), &setup, &run);
            s.ring3_64(&format!("page {name} ring 3 {what}"), 0, &setup, &run);
        }
    }
}
