//! Page-table bits: presence, rights, WP, accessed and dirty bits, large pages, reserved bits, PAE and NX, SMEP and SMAP.

use super::super::asm16::{Asm16, b, d};
use super::super::layout::*;
use super::super::{Sweep, paging, poke, watch};
use iced_x86::code_asm::registers::*;

/// CR4 bits.
const PSE: u32 = 0x10;
const PAE: u32 = 0x20;
const SMEP: u32 = 1 << 20;
const SMAP: u32 = 1 << 21;
/// Page-table entries of [`HIGH`].
const PTE: i32 = TABLE1;
const PDE: i32 = DIRECTORY + 4;
/// PAE: pointer table, directory, and the table of [`HIGH`]'s first 2 MiB.
const PDPT: i32 = 0xB000;
const PAE_DIRECTORY: i32 = 0x6000;
const PAE_TABLE: i32 = 0xC000;
const EFER: u32 = 0xC000_0080;
const NXE: u32 = 1 << 11;

/// What a case does at [`HIGH`].
#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
    Execute,
    Change,
}

const ACCESSES: [(&str, Access); 3] = [("read", Access::Read), ("write", Access::Write), ("execute", Access::Execute)];

fn touch(a: &mut Asm16, access: Access) {
    match access {
        Access::Read => {
            asm!(a; mov eax, d(HIGH); xor eax, eax;);
        }
        Access::Write => {
            asm!(a; mov d(HIGH + 0x10), 0x55AA;);
        }
        Access::Change => {
            asm!(a; db &[0xF0]; add d(HIGH + 0x10), 1;);
        }
        Access::Execute => {
            asm!(a; mov ebx, HIGH; jmp ebx;);
        }
    }
}

/// The page that [`HIGH`] is mapped to ends the case when it is executed.
fn page_of_code(a: &mut Asm16) {
    asm!(a; mov d(DATA), 0x9090_0000u32 | (DONE as u32) << 8 | 0xCD;);
}

fn at_ring(s: &mut Sweep, ring: i32, name: &str, setup: &dyn Fn(&mut Asm16), code: &dyn Fn(&mut Asm16)) {
    if ring == 0 {
        s.ring0(name, setup, code);
    } else {
        s.ring(name, ring, 0, setup, code);
    }
}

/// Every combination of P, R/W and U/S in both levels under every access.
pub fn rights(s: &mut Sweep) {
    for pde in [7u32, 5, 3, 6] {
        for pte in [0u32, 1, 3, 5, 7, 6] {
            for ring in [0, 3] {
                for wp in [false, true] {
                    if wp && ring == 3 {
                        continue;
                    }
                    for (what, access) in ACCESSES {
                        // A missing directory entry hides the rest.
                        if pde == 6 && pte != 7 {
                            continue;
                        }
                        let name = format!("page pde {pde} pte {pte} ring {ring} wp {} {what}", u8::from(wp));
                        at_ring(
                            s,
                            ring,
                            &name,
                            &|a| {
                                page_of_code(a);
                                poke(a, PDE, TABLE1 as u32 | pde);
                                poke(a, PTE, DATA as u32 | pte);
                                watch(a, &[PDE, PTE]);
                                paging(a, wp, 0);
                            },
                            &|a| touch(a, access),
                        );
                    }
                }
            }
        }
    }
    for pte in [1u32, 3, 5, 7] {
        for ring in [0, 3] {
            at_ring(
                s,
                ring,
                &format!("page pte {pte} ring {ring} read-modify-write"),
                &|a| {
                    poke(a, PTE, DATA as u32 | pte);
                    watch(a, &[PDE, PTE]);
                    paging(a, true, 0);
                },
                &|a| touch(a, Access::Change),
            );
        }
    }
    for (name, second) in [("missing", 0u32), ("read-only", 5)] {
        s.ring0(
            &format!("a write across into a {name} page"),
            &|a| {
                poke(a, PTE, DATA as u32 | 7);
                poke(a, PTE + 4, (DATA as u32 + 0x1000) | second);
                watch(a, &[PTE, PTE + 4, DATA + 0xFFC]);
                paging(a, true, 0);
            },
            &|a| {
                asm!(a; mov d(HIGH + 0xFFE), 0x1234_5678; );
            },
        );
        s.ring0(
            &format!("a change across into a {name} page"),
            &|a| {
                poke(a, PTE, DATA as u32 | 7);
                poke(a, PTE + 4, (DATA as u32 + 0x1000) | second);
                watch(a, &[PTE, PTE + 4, DATA + 0xFFC]);
                paging(a, true, 0);
            },
            &|a| {
                asm!(a; add d(HIGH + 0xFFE), 1; );
            },
        );
    }
    s.ring0(
        "a push into a missing page",
        &|a| {
            poke(a, PTE, DATA as u32 | 7);
            watch(a, &[PTE]);
            super::tasks::guard(a, 14);
            paging(a, true, 0);
        },
        &|a| {
            asm!(a; mov esp, HIGH + 0x1002; push eax;);
        },
    );
    s.ring0(
        "a stack on a missing page doubles",
        &|a| {
            super::tasks::guard(a, 8);
            paging(a, true, 0);
        },
        &|a| {
            asm!(a; mov esp, HIGH + 0x800; ud2;);
        },
    );
    s.ring(
        "ring 3 a tss stack on a missing page",
        3,
        0,
        &|a| {
            super::tasks::guard(a, 8);
            poke(a, TSS + 4, HIGH as u32 + 0x800);
            paging(a, true, 0);
        },
        &|a| {
            asm!(a; int 0x30;);
        },
    );
    s.ring0(
        "a gdt on a missing page",
        &|a| {
            paging(a, true, 0);
            asm!(a; mov d(DATA), 0x2FFF; mov d(DATA + 2), HIGH - 0x1000; lgdt super::super::asm16::f(DATA););
        },
        &|a| {
            asm!(a; mov eax, 0x1010; mov fs, ax;);
        },
    );
    s.ring(
        "ring 3 a descriptor on a supervisor page",
        3,
        0,
        &|a| {
            poke(a, TABLE0 + 4, GDT as u32 | 3);
            watch(a, &[TABLE0 + 4]);
            paging(a, true, 0);
        },
        &|a| {
            asm!(a; mov eax, DS3; mov fs, ax;);
        },
    );
    s.ring0(
        "a stale translation lasts until invlpg",
        &|a| {
            poke(a, PTE, DATA as u32 | 7);
            poke(a, DATA, 1);
            poke(a, DATA + 0x1000, 2);
            paging(a, true, 0);
        },
        &|a| {
            asm!(a;
                mov     eax, d(HIGH);
                mov     d(PTE), DATA + 0x1000 + 7;
                invlpg  b(HIGH);
                mov     ebx, d(HIGH);
            );
        },
    );
}

/// 4 MiB pages, PSE-36 and reserved bits.
pub fn large(s: &mut Sweep) {
    for (name, entry, pse) in [
        ("4m", 0x87u32, true),
        ("4m read-only", 0x85, true),
        ("4m supervisor", 0x83, true),
        ("4m bit 21", 0x20_0087, true),
        ("4m bit 12", 0x1087, true),
        ("4m without pse", TABLE1 as u32 | 0x87, false),
        ("4m pat bit", 0x1087, true),
    ] {
        for ring in [0, 3] {
            for (what, access) in [("read", Access::Read), ("write", Access::Write)] {
                at_ring(
                    s,
                    ring,
                    &format!("{name} ring {ring} {what}"),
                    &|a| {
                        poke(a, PDE, entry);
                        poke(a, PTE, DATA as u32 | 7);
                        watch(a, &[PDE, PTE]);
                        paging(a, true, if pse { PSE } else { 0 });
                    },
                    &|a| touch_data(a, access),
                );
            }
        }
    }
}

/// As [`touch`], at the address of [`DATA`] in the large page.
fn touch_data(a: &mut Asm16, access: Access) {
    if matches!(access, Access::Read) {
        asm!(a; mov eax, d(HIGH + DATA); xor eax, eax;);
    } else {
        asm!(a; mov d(HIGH + DATA), 0x55AA;);
    }
}

/// PAE paging with the first 4 MiB as they are, and [`HIGH`] through `pde` and `pte`.
fn pae(a: &mut Asm16, cr4_bits: u32, nx: bool, pdpte: u32, pde: [u32; 2], pte: [u32; 2]) {
    for (at, value) in [
        (PDPT, PAE_DIRECTORY as u32 | pdpte),
        (PDPT + 4, 0),
        (PAE_DIRECTORY, 0x87),
        (PAE_DIRECTORY + 8, 0x20_0087),
        (PAE_DIRECTORY + 16, pde[0]),
        (PAE_DIRECTORY + 20, pde[1]),
        (PAE_TABLE, pte[0]),
        (PAE_TABLE + 4, pte[1]),
    ] {
        poke(a, at, value);
    }
    watch(a, &[PDPT, PAE_DIRECTORY + 16, PAE_DIRECTORY + 20, PAE_TABLE, PAE_TABLE + 4]);
    if nx {
        asm!(a; mov ecx, EFER; mov eax, NXE; xor edx, edx; wrmsr;);
    }
    asm!(a;
        mov     eax, PDPT;
        mov     cr3, eax;
        mov     eax, cr4_bits | PAE;
        mov     cr4, eax;
        mov     eax, cr0;
        or      eax, 0x8001_0000u32 as i32;
        mov     cr0, eax;
    );
}

/// NX, reserved bits, 2 MiB pages, SMEP and SMAP under PAE.
pub fn extended(s: &mut Sweep) {
    const NX: u32 = 0x8000_0000;
    let table = PAE_TABLE as u32 | 7;
    let page = DATA as u32 | 7;
    let cases: [(&str, bool, [u32; 2], [u32; 2]); 13] = [
        ("pae", false, [table, 0], [page, 0]),
        ("pae pte nx without nxe", false, [table, 0], [page, NX]),
        ("pae pte nx", true, [table, 0], [page, NX]),
        ("pae pde nx", true, [table, NX], [page, 0]),
        ("pae pte bit 62", false, [table, 0], [page, 0x4000_0000]),
        ("pae pte bit 51", false, [table, 0], [page, 0x8_0000]),
        ("pae pde bit 51", false, [table, 0x8_0000], [page, 0]),
        ("pae pte read-only nx", true, [table, 0], [page & !2, NX]),
        ("pae pte supervisor nx", true, [table, 0], [page & !4, NX]),
        ("pae 2m", false, [0x87, 0], [0, 0]),
        ("pae 2m nx", true, [0x87, NX], [0, 0]),
        ("pae 2m bit 13", false, [0x2087, 0], [0, 0]),
        ("pae 2m bit 12", false, [0x1087, 0], [0, 0]),
    ];
    for (name, nx, pde, pte) in cases {
        for ring in [0, 3] {
            for (what, access) in ACCESSES {
                at_ring(
                    s,
                    ring,
                    &format!("{name} ring {ring} {what}"),
                    &|a| {
                        page_of_code(a);
                        asm!(a; mov d(0), 0x9090_0000u32 | (DONE as u32) << 8 | 0xCD;);
                        pae(a, 0, nx, 1, pde, pte);
                    },
                    &|a| touch(a, access),
                );
            }
        }
    }
    for (name, pdpte) in [("bit 1", 3), ("bit 5", 0x21), ("bit 9", 0x201), ("missing", 0)] {
        s.ring0(&format!("pae pdpte {name}"), &|a| poke(a, PDPT, 0), &|a| {
            pae(a, 0, false, pdpte, [table, 0], [page, 0]);
        });
    }
    for (name, bits, ac) in
        [("smep", SMEP, 0u32), ("smap", SMAP, 0), ("smap with ac", SMAP, 0x4_0000), ("both", SMEP | SMAP, 0)]
    {
        for user in [true, false] {
            for (what, access) in ACCESSES {
                let page = if user { page } else { page & !4 };
                s.ring0(&format!("{name} {} page {what}", if user { "user" } else { "supervisor" }), &|a| {
                    page_of_code(a);
                    // The monitor itself runs in supervisor pages.
                    pae(a, 0, false, 1, [table, 0], [page, 0]);
                    asm!(a; mov d(PAE_DIRECTORY), 0x83; mov d(PAE_DIRECTORY + 8), 0x20_0083; mov eax, bits | PAE; mov cr4, eax;);
                }, &|a| {
                    asm!(a; push ac as i32 | 2; popfd;);
                    touch(a, access);
                });
            }
        }
    }
}
