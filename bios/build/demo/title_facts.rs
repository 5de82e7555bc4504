//! The title page's facts, as `facts.rs` has collected them.

use super::cp437::text;
use super::layout::*;
use super::title::{BRIGHT, VALUE};
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    facts(a);
    devices(a);
    data(a);
}

fn facts(a: &mut Asm16) {
    asm!(a;
        label   "title_facts";
        mov     di, place(9, VALUE);
        cmp     d(CPUID_LEAVES), 0;
        jne     ".cpuid";
        movzx   eax, b(CPU_CLASS);
        mov     cl, 1;
        call    "put_dec";
        mov     si, a.at("t_86");
        call    "puts";
        jmp     ".processor_done";
        label   ".cpuid";
        mov     si, CPU_VENDOR;
        call    "puts";
        mov     al, 0x20;
        call    "putc";
        // Brand strings are padded on the left.
        mov     si, CPU_BRAND;
        label   ".blank";
        lodsb;
        cmp     al, 0x20;
        je      ".blank";
        dec     si;
        mov     cl, 44;
        call    "putn";
        mov     di, place(10, VALUE);
        mov     si, a.at("t_family");
        call    "puts";
        mov     eax, d(CPU_SIGNATURE);
        shr     eax, 8;
        and     eax, 15;
        mov     cl, 1;
        call    "put_dec";
        mov     si, a.at("t_model");
        call    "puts";
        mov     eax, d(CPU_SIGNATURE);
        mov     ebx, eax;
        shr     eax, 4;
        and     eax, 15;
        shr     ebx, 12;
        and     ebx, 0xF0;
        or      eax, ebx;
        call    "put_dec";
        mov     si, a.at("t_stepping");
        call    "puts";
        mov     eax, d(CPU_SIGNATURE);
        and     eax, 15;
        call    "put_dec";
        // The features that have a name here.
        mov     di, place(11, VALUE);
        mov     si, a.at("features");
        label   ".feature";
        lodsb;
        cmp     al, 0xFF;
        je      ".processor_done";
        movzx   eax, al;
        bt      d(CPU_FEATURES), eax;
        jc      ".has";
        mov     b(ATTR), 0x18;
        label   ".has";
        call    "puts";
        mov     al, 0x20;
        call    "putc";
        mov     b(ATTR), BRIGHT as i32;
        jmp     ".feature";
        label   ".processor_done";

        mov     di, place(13, VALUE);
        mov     eax, d(MEMORY_KIB);
        mov     cl, 1;
        call    "put_dec";
        mov     si, a.at("t_kib");
        call    "puts";
        mov     al, b(MEMORY_BY);
        mov     si, a.at("t_e820");
        cmp     al, 0x20;
        je      ".by";
        mov     si, a.at("t_e801");
        cmp     al, 1;
        je      ".by";
        mov     si, a.at("t_88");
        label   ".by";
        call    "puts";
        int     0x12;
        movzx   eax, ax;
        call    "put_dec";
        mov     si, a.at("t_base");
        call    "puts";
        jmp     "title_devices";
    );
}

fn devices(a: &mut Asm16) {
    asm!(a;
        label   "title_devices";
        // The date at F000:FFF5, the model byte at FFFE.
        mov     di, place(14, VALUE);
        mov     ax, 0xF000;
        mov     fs, ax;
        mov     si, 0xFFF5;
        mov     cx, 8;
        label   ".date";
        mov     al, b(si).fs();
        inc     si;
        call    "putc";
        loop_   ".date";
        mov     si, a.at("t_model_byte");
        call    "puts";
        mov     al, b(0xFFFE).fs();
        call    "put_hex8";
        cmp     b(PCI_THERE), 0;
        je      ".no_pci";
        mov     si, a.at("t_pci");
        call    "puts";
        mov     ax, w(PCI_VERSION);
        call    "put_version";
        label   ".no_pci";

        mov     di, place(15, VALUE);
        mov     si, a.at("t_vga");
        call    "puts";
        cmp     w(VBE_VERSION), 0;
        je      ".no_vbe";
        mov     si, a.at("t_vbe");
        call    "puts";
        mov     ax, w(VBE_VERSION);
        call    "put_version";
        mov     si, a.at("t_with");
        call    "puts";
        movzx   eax, w(VBE_MEMORY);
        shl     eax, 6;
        mov     cl, 1;
        call    "put_dec";
        mov     si, a.at("t_kib");
        call    "puts";
        label   ".no_vbe";

        mov     di, place(16, VALUE);
        mov     si, a.at("t_booted");
        call    "puts";
        mov     al, b(BOOT_DRIVE);
        call    "put_hex8";
        mov     si, a.at("t_floppies");
        call    "puts";
        int     0x11;
        movzx   ebx, ax;
        xor     eax, eax;
        test    bl, 1;
        jz      ".floppies";
        mov     al, bl;
        shr     al, 6;
        inc     ax;
        label   ".floppies";
        mov     cl, 1;
        call    "put_dec";
        mov     si, a.at("t_disks");
        call    "puts";
        mov     ax, 0x40;
        mov     fs, ax;
        movzx   eax, b(0x75).fs();
        call    "put_dec";

        mov     di, place(17, VALUE);
        mov     si, a.at("t_serial");
        call    "puts";
        mov     eax, ebx;
        shr     eax, 9;
        and     eax, 7;
        call    "put_dec";
        mov     si, a.at("t_parallel");
        call    "puts";
        mov     eax, ebx;
        shr     eax, 14;
        and     eax, 3;
        call    "put_dec";
        mov     si, a.at("t_mouse");
        cmp     b(MOUSE_THERE), 0;
        jne     ".mouse";
        mov     si, a.at("t_no_mouse");
        label   ".mouse";
        jmp     "puts";

        // AX: version, BCD, major part first.
        label   "put_version";
        push    ax;
        movzx   eax, ah;
        mov     cl, 1;
        call    "put_dec";
        mov     al, 0x2E;
        call    "putc";
        pop     ax;
        jmp     "put_hex8";
    );
}

fn data(a: &mut Asm16) {
    for (label, string) in [
        ("t_86", "86 without CPUID"),
        ("t_family", "family "),
        ("t_model", "  model "),
        ("t_stepping", "  stepping "),
        ("t_kib", " KiB"),
        ("t_e820", " by E820, "),
        ("t_e801", " by E801, "),
        ("t_88", " by INT 15h 88h, "),
        ("t_base", " KiB of them below 1 MiB"),
        ("t_model_byte", "  model byte "),
        ("t_pci", "  PCI BIOS "),
        ("t_vga", "VGA"),
        ("t_vbe", "  VBE "),
        ("t_with", " with "),
        ("t_booted", "booted from "),
        ("t_floppies", "h  floppies "),
        ("t_disks", "  hard disks "),
        ("t_serial", "serial "),
        ("t_parallel", "  parallel "),
        ("t_mouse", "  PS/2 mouse"),
        ("t_no_mouse", "  no mouse"),
    ] {
        text(a, label, string);
    }
    a.label("features");
    // Bits of CPUID leaf 1, EDX.
    for (bit, name) in [
        (0, "fpu"),
        (4, "tsc"),
        (6, "pae"),
        (8, "cx8"),
        (9, "apic"),
        (11, "sep"),
        (13, "pge"),
        (15, "cmov"),
        (23, "mmx"),
        (24, "fxsr"),
        (25, "sse"),
        (26, "sse2"),
    ] {
        a.db(&[bit]);
        a.asciz(name);
    }
    a.db(&[0xFF]);
}
