//! Power-on: from the reset vector to INT 19h.
//!
//! Order as in the IBM PC AT (Technical Reference, section 5, "Power-on self test"): the CMOS shutdown code decides
//! whether this is a start at all; then ROM shadowing, the chips, vectors and data areas, PCI, video, memory, the
//! keyboard controller, disks, option ROMs, and the boot.
//!
//! Shadowing (Intel 82441FX datasheet, PAM registers 59h-5Fh): code runs from the ROM's alias at the top of 4 GiB
//! while the F segment is switched to RAM and filled, because a chipset need not support "read ROM, write RAM".
//! Reset by any means comes here with the chips in any state.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Host bridge: 82441FX, device 00:00.0.
const I440FX: u32 = 0x1237_8086;
/// PAM0: bits 5-4 the F segment (1 read enable, 2 write enable).
const PAM0: u32 = 0x59;

/// Selectors of the POST's descriptor table.
pub const SEL_HIGH16: u16 = 0x08;
pub const SEL_FLAT: i32 = 0x10;
pub const SEL_DATA16: i32 = 0x20;

pub fn emit(a: &mut Asm16) {
    start(a);
    shutdown(a);
    shadow(a);
    main(a);
    rom_scan(a);
}

fn start(a: &mut Asm16) {
    asm!(a;
        label   "post";
        cli;
        cld;
        // The shutdown byte, CMOS 0Fh: read and clear it.
        mov     al, 0x8F;
        out     0x70, al;
        in_     al, 0x71;
        mov     bl, al;
        mov     al, 0x8F;
        out     0x70, al;
        xor     al, al;
        out     0x71, al;
        cmp     bl, 5;
        je      "shutdown5";
        cmp     bl, 9;
        je      "shutdown9";
        cmp     bl, 0x0A;
        je      "shutdown_a";
        cmp     bl, 0x0B;
        je      "shutdown_b";
        cmp     bl, 0x0C;
        je      "shutdown_c";
        xor     ax, ax;
        mov     ss, ax;
        mov     sp, 0x7C00;
    );
}

/// Ways back to a program that reset the processor on purpose (a 286's way out of protected mode).
fn shutdown(a: &mut Asm16) {
    asm!(a;
        jmp     "post_shadow";
        // 5: acknowledge interrupts, then jump; A: jump.
        label   "shutdown5";
        mov     al, 0x20;
        out     0xA0, al;
        out     0x20, al;
        label   "shutdown_a";
        mov     ax, BDA_SEG;
        mov     ds, ax;
        jmp     d(JUMP_PTR);
        // 9: the block move of an AT ended: restore the registers it saved.
        label   "shutdown9";
        mov     ax, BDA_SEG;
        mov     ds, ax;
        lss     sp, d(JUMP_PTR);
        pop     ds;
        pop     es;
        popa;
        xor     ah, ah;
        sti;
        retf_1  2;
        // B: IRET, C: RETF with the stack of 40:67.
        label   "shutdown_b";
        mov     ax, BDA_SEG;
        mov     ds, ax;
        lss     sp, d(JUMP_PTR);
        iret;
        label   "shutdown_c";
        mov     ax, BDA_SEG;
        mov     ds, ax;
        lss     sp, d(JUMP_PTR);
        retf;
    );
}

/// Copies the ROM into the RAM below it where the host bridge is the one we know.
fn shadow(a: &mut Asm16) {
    asm!(a;
        label   "post_shadow";
        // A20 on: the top of 4 GiB and all memory beyond 1 MiB need it.
        in_     al, 0x92;
        and     al, 0xFE;
        or      al, 2;
        out     0x92, al;
        mov     eax, 0x8000_0000u32;
        mov     dx, 0xCF8;
        out     dx, eax;
        mov     dl, 0xFC;
        in_     eax, dx;
        cmp     eax, I440FX;
        jne     "post_main";
        lgdt    f(a.at("post_gdt_ptr")).cs();
        mov     eax, cr0;
        or      al, 1;
        mov     cr0, eax;
        jmp_far SEL_HIGH16, ".high";
        label   ".high";
        mov     ax, SEL_FLAT;
        mov     ds, ax;
        mov     es, ax;
        mov     eax, 0x8000_0000u32 | (PAM0 & 0xFC);
        mov     dx, 0xCF8;
        out     dx, eax;
        mov     dx, 0xCFC + (PAM0 & 3) as i32;
        mov     al, 0x30;
        out     dx, al;
        mov     esi, 0xFFFF_0000u32;
        mov     edi, 0x000F_0000;
        mov     ecx, 0x4000;
        label   ".copy";
        mov     eax, d(esi);
        mov     d(edi), eax;
        add     esi, 4;
        add     edi, 4;
        loop_   ".copy";
        mov     ax, SEL_DATA16;
        mov     ds, ax;
        mov     es, ax;
        mov     eax, cr0;
        and     al, 0xFE;
        mov     cr0, eax;
        jmp_far BIOS_SEG, "post_main";

        align   8;
        label   "post_gdt";
        dd      &[0, 0];
        dd      &[0x0000_FFFF, 0xFF00_9BFF];
        dd      &[0x0000_FFFF, 0x00CF_9300];
        dd      &[0x0000_FFFF, 0x0000_9B0F];
        dd      &[0x0000_FFFF, 0x0000_9300];
        label   "post_gdt_ptr";
        dw      &[39];
        dw_at   "post_gdt";
        dw      &[0x000F];

        // PAM of the F segment back to read-only.
        label   "shadow_lock";
        mov     eax, 0x8000_0000u32;
        call    "pci_read_raw";
        cmp     eax, I440FX;
        jne     ".done";
        mov     eax, 0x8000_0000u32 | PAM0;
        mov     cl, 0x10;
        call    "pci_write_raw8";
        label   ".done";
        ret;
    );
}

fn main(a: &mut Asm16) {
    asm!(a;
        label   "post_main";
        xor     ax, ax;
        mov     ss, ax;
        mov     sp, 0x7C00;
        call    "data_init";
        call    "vectors_init";
        call    "pic_init";
        call    "apic_init";
        call    "dma_init";
        call    "pit_init";
        call    "rtc_init";
        call    "memory_init";
        call    "pci_init";
        call    "serial_init";
        call    "parallel_init";
        call    "kbc_init";
        sti;
        call    "video_init";
        mov     si, a.at("text_banner");
        call    "print";
        call    "memory_report";
        call    "mouse_init";
        call    "floppy_init";
        call    "disk_init";
        call    "rom_scan";
        call    "ticks_init";
        call    "acpi_check";
        call    "shadow_lock";
        call    "boot_prompt";
        int     0x19;
        label   ".stop";
        hlt;
        jmp     ".stop";
        label   "text_banner";
        asciz   "rewind86 BIOS\r\n";

        // BDA and EBDA, but for the warm-start flag.
        label   "data_init";
        mov     ax, BDA_SEG;
        mov     ds, ax;
        mov     es, ax;
        mov     dx, w(RESET_FLAG);
        xor     di, di;
        mov     cx, 0x80;
        xor     ax, ax;
        rep_stosw;
        mov     w(RESET_FLAG), dx;
        mov     w(EBDA_PTR), EBDA_SEG;
        mov     w(MEM_SIZE), 639;
        mov     ax, EBDA_SEG;
        mov     es, ax;
        xor     di, di;
        mov     cx, 0x200;
        xor     ax, ax;
        rep_stosw;
        mov     b(0).es(), 1;
        // The FACS of the ACPI tables: writable, 64 bytes, in memory that is reserved.
        mov     si, a.at("acpi_facs");
        mov     di, E_FACS;
        mov     cx, 64;
        rep_cs_movsb;
        // Equipment: 80x25 colour; a coprocessor if one clears its status. POST adds what it finds.
        mov     w(EQUIPMENT), 0x0020;
        mov     w(DISK_STATUS), 0x5A5A;
        fninit;
        fnstsw  w(DISK_STATUS);
        cmp     w(DISK_STATUS), 0;
        mov     w(DISK_STATUS), 0;
        jne     ".no_fpu";
        or      b(EQUIPMENT), 2;
        label   ".no_fpu";
        mov     w(KBD_HEAD), KBD_BUFFER;
        mov     w(KBD_TAIL), KBD_BUFFER;
        mov     w(KBD_START), KBD_BUFFER;
        mov     w(KBD_END), KBD_BUFFER + 32;
        mov     b(KBD_MODE), 0x10;
        mov     d(LPT_TIMEOUT), 0x14141414;
        mov     d(COM_TIMEOUT), 0x01010101;
        ret;
    );
}

/// Option ROMs (IBM PC Technical Reference): 55h AAh, size in 512-byte units, entry at offset 3, bytes adding up to
/// zero.
fn rom_scan(a: &mut Asm16) {
    asm!(a;
        label   "rom_scan";
        // From the end of the video BIOS, or from C8000h.
        mov     dx, 0xC000;
        mov     ds, dx;
        mov     dx, 0xC800;
        cmp     w(0), 0xAA55;
        jne     ".next";
        movzx   ax, b(2);
        shl     ax, 5;
        add     ax, 0xC000 + 0x7F;
        and     ax, 0xFF80;
        cmp     ax, dx;
        jb      ".next";
        mov     dx, ax;
        label   ".next";
        cmp     dx, 0xF000;
        jae     ".done";
        mov     ds, dx;
        cmp     w(0), 0xAA55;
        jne     ".step";
        call    "rom_call";
        movzx   ax, b(2);
        shl     ax, 5;
        add     dx, ax;
        add     dx, 0x7F;
        and     dx, 0xFF80;
        jmp     ".next";
        label   ".step";
        add     dx, 0x80;
        jmp     ".next";
        label   ".done";
        push    BDA_SEG;
        pop     ds;
        ret;

        // DX: segment of a ROM with a signature: checks the sum and calls the entry with AX = the PCI address in
        // E_ROM_DEV.
        label   "rom_call";
        pushad;
        push    ds;
        push    es;
        mov     ds, dx;
        movzx   ecx, b(2);
        cmp     cl, 0x80;
        ja      ".done";
        shl     ecx, 9;
        xor     esi, esi;
        xor     al, al;
        label   ".sum";
        add     al, b(esi);
        inc     esi;
        dec     ecx;
        jnz     ".sum";
        test    al, al;
        jnz     ".done";
        push    BDA_SEG;
        pop     ds;
        mov     es, w(EBDA_PTR);
        mov     ax, w(E_ROM_DEV).es();
        push    cs;
        push    a.at(".done");
        push    dx;
        push    3;
        retf;
        label   ".done";
        cld;
        pop     es;
        pop     ds;
        popad;
        ret;
    );
}
