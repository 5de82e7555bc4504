//! Memory size and the memory map, from the CMOS bytes that the board fills in.
//!
//! CMOS 15h/16h base kilobytes, 17h/18h and 30h/31h kilobytes from 1 MiB, 34h/35h units of 64 KiB from 16 MiB,
//! 5Bh-5Dh units of 64 KiB from 4 GiB (QEMU's convention, also Bochs'). The map is that of ACPI 2.0, section 14.1:
//! entries of 20 bytes, type 1 RAM, 2 reserved. The ACPI tables themselves are in the F segment and the FACS in the
//! EBDA, both reserved.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    init(a);
    int15(a);
}

fn init(a: &mut Asm16) {
    asm!(a;
        label   "memory_init";
        mov     es, w(EBDA_PTR);
        mov     al, 0x35;
        call    "cmos_word";
        movzx   eax, ax;
        shl     eax, 16;
        jz      ".small";
        add     eax, 0x0100_0000;
        jmp     ".top";
        label   ".small";
        mov     al, 0x31;
        call    "cmos_word";
        movzx   eax, ax;
        shl     eax, 10;
        add     eax, 0x0010_0000;
        label   ".top";
        mov     d(E_RAM_TOP).es(), eax;
        mov     b(E_E820_COUNT).es(), 0;
        // RAM up to the EBDA, EBDA, firmware, RAM from 1 MiB, the flash at the end of 4 GiB, RAM beyond.
        xor     ebx, ebx;
        mov     ecx, EBDA_BASE as i32;
        mov     dl, 1;
        call    "e820_add";
        mov     ebx, EBDA_BASE as i32;
        mov     ecx, 0x400;
        mov     dl, 2;
        call    "e820_add";
        mov     ebx, 0x000F_0000;
        mov     ecx, 0x0001_0000;
        mov     dl, 2;
        call    "e820_add";
        mov     ebx, 0x0010_0000;
        mov     ecx, d(E_RAM_TOP).es();
        sub     ecx, ebx;
        jz      ".no_extended";
        mov     dl, 1;
        call    "e820_add";
        label   ".no_extended";
        mov     ebx, 0xFFFC_0000u32;
        mov     ecx, 0x0004_0000;
        mov     dl, 2;
        call    "e820_add";
        mov     al, 0x5C;
        call    "cmos_word";
        movzx   ebx, ax;
        mov     al, 0x5D;
        call    "cmos_read";
        movzx   eax, al;
        shl     eax, 16;
        or      ebx, eax;
        jz      ".done";
        mov     eax, ebx;
        shl     eax, 16;
        shr     ebx, 16;
        push    ebx;
        xor     ebx, ebx;
        mov     ecx, eax;
        mov     dl, 1;
        call    "e820_add";
        // That entry begins at 4 GiB, and its length may need the high half; DI is past it.
        pop     ebx;
        mov     d(di - 16).es(), 1;
        mov     d(di - 8).es(), ebx;
        label   ".done";
        ret;

        // AL: the high one of two registers. Gives the word in AX.
        label   "cmos_word";
        push    cx;
        mov     ch, al;
        call    "cmos_read";
        xchg    al, ch;
        dec     al;
        call    "cmos_read";
        mov     ah, ch;
        pop     cx;
        ret;

        // EBX: base, ECX: length, DL: type. Gives DI past the entry.
        label   "e820_add";
        movzx   di, b(E_E820_COUNT).es();
        inc     b(E_E820_COUNT).es();
        imul_3  di, di, 20;
        add     di, E_E820;
        push    eax;
        mov     eax, ebx;
        stosd;
        xor     eax, eax;
        stosd;
        mov     eax, ecx;
        stosd;
        xor     eax, eax;
        stosd;
        mov     al, dl;
        stosd;
        pop     eax;
        ret;

        label   "memory_report";
        mov     es, w(EBDA_PTR);
        mov     eax, d(E_RAM_TOP).es();
        shr     eax, 10;
        call    "print_dec";
        mov     si, a.at(".text");
        call    "print";
        ret;
        label   ".text";
        asciz   " KB memory\r\n";
    );
}

fn int15(a: &mut Asm16) {
    asm!(a;
        // AX=E820h: EBX continuation, ES:DI buffer, ECX its size, EDX "SMAP".
        label   "int15_e820";
        cmp     d(bp + R_DX), 0x534D_4150;
        jne     "svc_fail86";
        cmp     d(bp + R_CX), 20;
        jb      "svc_fail86";
        mov     ds, w(EBDA_PTR);
        mov     eax, d(bp + R_BX);
        movzx   ecx, b(E_E820_COUNT);
        cmp     eax, ecx;
        jae     "svc_fail86";
        mov     si, ax;
        imul_3  si, si, 20;
        add     si, E_E820;
        mov     es, w(bp + R_ES);
        mov     di, w(bp + R_DI);
        push    cx;
        mov     cx, 10;
        rep_movsw;
        pop     cx;
        inc     eax;
        cmp     eax, ecx;
        jb      ".more";
        xor     eax, eax;
        label   ".more";
        mov     d(bp + R_BX), eax;
        mov     d(bp + R_CX), 20;
        mov     d(bp + R_AX), 0x534D_4150;
        jmp     "svc_ok";

        // AX=E801h: AX=CX kilobytes from 1 to 16 MiB, BX=DX units of 64 KiB beyond.
        label   "int15_e801";
        mov     ds, w(EBDA_PTR);
        mov     eax, d(E_RAM_TOP);
        sub     eax, 0x0010_0000;
        xor     edx, edx;
        cmp     eax, 0x00F0_0000;
        jbe     ".low";
        mov     edx, eax;
        sub     edx, 0x00F0_0000;
        shr     edx, 16;
        mov     eax, 0x00F0_0000;
        label   ".low";
        shr     eax, 10;
        mov     w(bp + R_AX), ax;
        mov     w(bp + R_CX), ax;
        mov     w(bp + R_BX), dx;
        mov     w(bp + R_DX), dx;
        jmp     "svc_ok";

        // AH=88h: kilobytes from 1 MiB, 63 MiB at most.
        label   "int15_88";
        mov     ds, w(EBDA_PTR);
        mov     eax, d(E_RAM_TOP);
        sub     eax, 0x0010_0000;
        shr     eax, 10;
        cmp     eax, 0xFC00;
        jbe     ".fits";
        mov     eax, 0xFC00;
        label   ".fits";
        mov     w(bp + R_AX), ax;
        jmp     "svc_ok";

        // AX=E881h: as E801h in 32-bit registers.
        label   "int15_e881";
        mov     ds, w(EBDA_PTR);
        mov     eax, d(E_RAM_TOP);
        sub     eax, 0x0010_0000;
        xor     edx, edx;
        cmp     eax, 0x00F0_0000;
        jbe     ".low";
        mov     edx, eax;
        sub     edx, 0x00F0_0000;
        shr     edx, 16;
        mov     eax, 0x00F0_0000;
        label   ".low";
        shr     eax, 10;
        mov     d(bp + R_AX), eax;
        mov     d(bp + R_CX), eax;
        mov     d(bp + R_BX), edx;
        mov     d(bp + R_DX), edx;
        jmp     "svc_ok";

        // AH=87h: copies CX words; ES:SI -> table with the source descriptor at 10h and the destination's at 18h.
        label   "int15_87";
        cli;
        mov     es, w(bp + R_ES);
        mov     si, w(bp + R_SI);
        mov     edx, d(si + 0x12).es();
        and     edx, 0x00FF_FFFF;
        movzx   eax, b(si + 0x17).es();
        shl     eax, 24;
        or      edx, eax;
        mov     edi, d(si + 0x1A).es();
        and     edi, 0x00FF_FFFF;
        movzx   eax, b(si + 0x1F).es();
        shl     eax, 24;
        or      edi, eax;
        mov     esi, edx;
        movzx   ecx, w(bp + R_CX);
        in_     al, 0x92;
        push    ax;
        or      al, 2;
        and     al, 0xFE;
        out     0x92, al;
        call    "flat_copy";
        pop     ax;
        and     al, 0xFE;
        out     0x92, al;
        jmp     "svc_ok0";

        // Copies ECX words from linear ESI to EDI; interrupts off. Destroys AX, DS, ES.
        label   "flat_copy";
        call    "flat_enter";
        db      &[0x67];
        rep_movsw;
        jmp     "flat_leave";

        // DS and ES flat, 4 GiB long, in protected mode; interrupts must be off.
        label   "flat_enter";
        lgdt    f(a.at("post_gdt_ptr")).cs();
        mov     eax, cr0;
        or      al, 1;
        mov     cr0, eax;
        mov     ax, super::post::SEL_FLAT;
        mov     ds, ax;
        mov     es, ax;
        ret;
        // Back to real mode with segments of 64 KiB; DS, ES = 0.
        label   "flat_leave";
        mov     ax, super::post::SEL_DATA16;
        mov     ds, ax;
        mov     es, ax;
        mov     eax, cr0;
        and     al, 0xFE;
        mov     cr0, eax;
        xor     ax, ax;
        mov     ds, ax;
        mov     es, ax;
        ret;
    );
}
