//! What the machine says about itself, collected once at the start.
//!
//! CPUID as in Intel SDM volume 2A; the test for it, and for a 486, by EFLAGS bits ID and AC (volume 1, section 3.4.3).
//! Memory by INT 15h AX=E820h, else E801h, else AH=88h; video by VBE 2.0 function 00h; INT 1Ah AX=B101h (PCI BIOS 2.1).

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

const SMAP: u32 = 0x534D_4150;

pub fn emit(a: &mut Asm16) {
    a.label("facts_collect");
    processor(a);
    memory(a);
    rest(a);
}

fn processor(a: &mut Asm16) {
    asm!(a;
        mov     b(CPU_CLASS), 3;
        pushfd;
        pop     eax;
        mov     ecx, eax;
        xor     eax, 0x0004_0000;
        push    eax;
        popfd;
        pushfd;
        pop     eax;
        push    ecx;
        popfd;
        cmp     eax, ecx;
        je      ".cpu_done";
        inc     b(CPU_CLASS);
        mov     eax, ecx;
        xor     eax, 0x0020_0000;
        push    eax;
        popfd;
        pushfd;
        pop     eax;
        push    ecx;
        popfd;
        cmp     eax, ecx;
        je      ".cpu_done";
        xor     eax, eax;
        cpuid;
        inc     eax;
        mov     d(CPUID_LEAVES), eax;
        mov     d(CPU_VENDOR), ebx;
        mov     d(CPU_VENDOR + 4), edx;
        mov     d(CPU_VENDOR + 8), ecx;
        mov     eax, 1;
        cpuid;
        mov     d(CPU_SIGNATURE), eax;
        mov     d(CPU_FEATURES), edx;
        mov     eax, 0x8000_0000u32;
        cpuid;
        cmp     eax, 0x8000_0004u32;
        jb      ".cpu_done";
        mov     di, CPU_BRAND;
        mov     esi, 0x8000_0002u32;
        label   ".brand";
        mov     eax, esi;
        cpuid;
        mov     d(di), eax;
        mov     d(di + 4), ebx;
        mov     d(di + 8), ecx;
        mov     d(di + 12), edx;
        add     di, 16;
        inc     esi;
        cmp     esi, 0x8000_0005u32;
        jb      ".brand";
        label   ".cpu_done";
    );
}

fn memory(a: &mut Asm16) {
    asm!(a;
        push    ds;
        pop     es;
        xor     ebx, ebx;
        label   ".range";
        mov     eax, 0xE820;
        mov     edx, SMAP;
        mov     ecx, 20;
        mov     di, MAP_ENTRY;
        int     0x15;
        jc      ".map_done";
        cmp     eax, SMAP;
        jne     ".map_done";
        cmp     d(MAP_ENTRY + 16), 1;
        jne     ".other";
        mov     b(MEMORY_BY), 0x20;
        // KiB: 32 bits of them reach to 4 TiB.
        mov     eax, d(MAP_ENTRY + 8);
        mov     edx, d(MAP_ENTRY + 12);
        shrd    eax, edx, 10;
        add     d(MEMORY_KIB), eax;
        label   ".other";
        test    ebx, ebx;
        jnz     ".range";
        label   ".map_done";
        cmp     b(MEMORY_BY), 0;
        jne     ".memory_done";
        mov     ax, 0xE801;
        xor     cx, cx;
        xor     dx, dx;
        int     0x15;
        jc      ".old";
        mov     b(MEMORY_BY), 1;
        test    cx, cx;
        jnz     ".configured";
        mov     cx, ax;
        mov     dx, bx;
        label   ".configured";
        movzx   eax, cx;
        movzx   edx, dx;
        shl     edx, 6;
        add     eax, edx;
        jmp     ".low";
        label   ".old";
        mov     ah, 0x88;
        int     0x15;
        mov     b(MEMORY_BY), 0x88;
        movzx   eax, ax;
        label   ".low";
        mov     d(MEMORY_KIB), eax;
        int     0x12;
        movzx   eax, ax;
        add     d(MEMORY_KIB), eax;
        label   ".memory_done";
    );
}

fn rest(a: &mut Asm16) {
    asm!(a;
        // VBE writes 512 bytes at most.
        mov     ax, BUFFER;
        mov     es, ax;
        xor     di, di;
        mov     d(0).es(), u32::from_le_bytes(*b"VBE2");
        mov     ax, 0x4F00;
        int     0x10;
        cmp     ax, 0x004F;
        jne     ".no_vbe";
        mov     ax, w(4).es();
        mov     w(VBE_VERSION), ax;
        mov     ax, w(18).es();
        mov     w(VBE_MEMORY), ax;
        label   ".no_vbe";
        push    ds;
        pop     es;
        mov     ax, 0xB101;
        xor     edi, edi;
        int     0x1A;
        jc      ".no_pci";
        cmp     ah, 0;
        jne     ".no_pci";
        cmp     edx, u32::from_le_bytes(*b"PCI ");
        jne     ".no_pci";
        mov     w(PCI_VERSION), bx;
        mov     b(PCI_THERE), 1;
        label   ".no_pci";
        int     0x11;
        shr     al, 2;
        and     al, 1;
        mov     b(MOUSE_THERE), al;
        ret;
    );
}
