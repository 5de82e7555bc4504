//! Text output while POST and boot run: teletype through INT 10h, and a copy to the debug port E9h where one answers.
//!
//! Strings are NUL-terminated and live in the firmware's segment. All routines keep every register.

use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Debug console: reads as E9h when present (the convention of Bochs and QEMU).
const DEBUG_PORT: i32 = 0xE9;

pub fn emit(a: &mut Asm16) {
    asm!(a;
        // AL: character.
        label   "put_char";
        pusha;
        push    ax;
        mov     ah, al;
        in_     al, DEBUG_PORT;
        cmp     al, DEBUG_PORT;
        jne     ".screen";
        mov     al, ah;
        out     DEBUG_PORT, al;
        label   ".screen";
        pop     ax;
        mov     ah, 0x0E;
        mov     bx, 7;
        int     0x10;
        popa;
        ret;

        // CS:SI: text.
        label   "print";
        push    ax;
        push    si;
        label   ".next";
        cs_lodsb;
        test    al, al;
        jz      ".done";
        call    "put_char";
        jmp     ".next";
        label   ".done";
        pop     si;
        pop     ax;
        ret;

        // DS:SI, CX: text of a given length, trailing blanks left out.
        label   "print_field";
        pusha;
        mov     bx, si;
        add     bx, cx;
        label   ".trim";
        jcxz    ".done";
        dec     bx;
        cmp     b(bx), 0x20;
        ja      ".next";
        dec     cx;
        jmp     ".trim";
        label   ".next";
        lodsb;
        call    "put_char";
        loop_   ".next";
        label   ".done";
        popa;
        ret;

        // EAX: unsigned decimal.
        label   "print_dec";
        pushad;
        mov     ebx, 10;
        xor     cx, cx;
        label   ".divide";
        xor     edx, edx;
        div     ebx;
        push    dx;
        inc     cx;
        test    eax, eax;
        jnz     ".divide";
        label   ".digit";
        pop     ax;
        add     al, 0x30;
        call    "put_char";
        loop_   ".digit";
        popad;
        ret;

        // AX or AL: hexadecimal.
        label   "print_hex16";
        xchg    al, ah;
        call    "print_hex8";
        xchg    al, ah;
        label   "print_hex8";
        push    ax;
        mov     ah, al;
        shr     al, 4;
        call    ".nibble";
        mov     al, ah;
        and     al, 15;
        call    ".nibble";
        pop     ax;
        ret;
        label   ".nibble";
        cmp     al, 10;
        jb      ".low";
        add     al, 7;
        label   ".low";
        add     al, 0x30;
        jmp     "put_char";
    );
}
