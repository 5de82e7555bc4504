//! The protected-mode interface of VBE function 4F0Ah: 32-bit code that a program copies and calls.
//!
//! VBE 3.0, "VBE Protected Mode Interface". Offsets of the three functions first; the code runs at any address, so it calls
//! and refers to nothing outside itself. Only AX is returned; other registers keep their values except EDX and EAX.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    a.label("pm_table");
    let table = a.at("pm_table");
    for name in ["pm_window", "pm_start", "pm_palette"] {
        let offset = a.at(name) - table;
        a.dw(&[offset as u16]);
    }
    // No list of ports and memory.
    a.dw(&[0]);
    a.bits32();
    asm!(a;
        // BH: 0, BL: 0, DX: position in 64 KiB.
        label   "pm_window";
        mov     eax, edx;
        push    eax;
        mov     dx, DISPI_INDEX;
        mov     eax, 5;
        out     dx, ax;
        inc     edx;
        pop     eax;
        out     dx, ax;
        mov     ax, 0x004F;
        ret;

        // BL: 0 or 80h, CX: low word and DX: high word of the start in units of four bytes.
        label   "pm_start";
        push    ebx;
        push    ecx;
        push    esi;
        movzx   ecx, cx;
        shl     edx, 16;
        or      ecx, edx;
        shl     ecx, 2;
        // Bytes of a pixel and of a line.
        mov     dx, DISPI_INDEX;
        mov     eax, 3;
        out     dx, ax;
        inc     edx;
        xor     eax, eax;
        in_     ax, dx;
        dec     edx;
        add     eax, 7;
        shr     eax, 3;
        mov     ebx, eax;
        mov     eax, 6;
        out     dx, ax;
        inc     edx;
        xor     eax, eax;
        in_     ax, dx;
        mul     ebx;
        mov     esi, eax;
        mov     eax, ecx;
        xor     edx, edx;
        test    esi, esi;
        jz      ".done";
        div     esi;
        mov     ecx, eax;
        mov     eax, edx;
        xor     edx, edx;
        div     ebx;
        mov     ebx, eax;
        // EBX: pixel, ECX: line.
        mov     dx, DISPI_INDEX;
        mov     eax, 8;
        out     dx, ax;
        inc     edx;
        mov     eax, ebx;
        out     dx, ax;
        dec     edx;
        mov     eax, 9;
        out     dx, ax;
        inc     edx;
        mov     eax, ecx;
        out     dx, ax;
        label   ".done";
        pop     esi;
        pop     ecx;
        pop     ebx;
        mov     ax, 0x004F;
        ret;

        // BL: 0 or 80h, CX: count, DX: first, ES:EDI: blue, green, red, 0.
        label   "pm_palette";
        push    ecx;
        push    edi;
        movzx   ecx, cx;
        jecxz   ".done";
        mov     eax, edx;
        mov     edx, DAC_WRITE;
        out     dx, al;
        inc     edx;
        label   ".next";
        mov     al, b(edi + 2).es();
        out     dx, al;
        mov     al, b(edi + 1).es();
        out     dx, al;
        mov     al, b(edi).es();
        out     dx, al;
        add     edi, 4;
        loop_   ".next";
        label   ".done";
        pop     edi;
        pop     ecx;
        mov     ax, 0x004F;
        ret;
    );
    a.bits16();
    a.label("pm_end");
}
