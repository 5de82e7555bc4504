//! The PS/2 mouse through the BIOS: INT 15h AH=C2h (IBM PS/2 and PC BIOS Interface Technical Reference).
//!
//! A wheel: rates 200, 100, 80 change the type of a mouse that has one to 3 (Microsoft IntelliMouse), whose packets have a
//! fourth byte. That works only with a BIOS that takes packets of four bytes; else the wheel stays unused.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    start(a);
    handler(a);
}

fn start(a: &mut Asm16) {
    asm!(a;
        // Carry: no mouse.
        label   "mouse_start";
        push    es;
        mov     w(MOUSE_TYPE), 0;
        mov     w(MOUSE_BYTES), 4;
        mov     ax, 0xC205;
        mov     bh, 4;
        int     0x15;
        jc      ".three";
        mov     si, a.at("wheel_rates");
        mov     cx, 3;
        label   ".rate";
        lodsb;
        mov     bh, al;
        push    cx;
        push    si;
        mov     ax, 0xC202;
        int     0x15;
        pop     si;
        pop     cx;
        jc      ".three";
        loop_   ".rate";
        mov     ax, 0xC204;
        int     0x15;
        jc      ".three";
        mov     b(MOUSE_TYPE), bh;
        cmp     bh, 3;
        je      ".ready";
        label   ".three";
        mov     w(MOUSE_BYTES), 3;
        mov     w(MOUSE_TYPE), 0;
        mov     ax, 0xC205;
        mov     bh, 3;
        int     0x15;
        jc      ".none";
        label   ".ready";
        // 100 reports a second, 4 counts a millimetre, 1:1.
        mov     ax, 0xC202;
        mov     bh, 5;
        int     0x15;
        mov     ax, 0xC203;
        mov     bh, 2;
        int     0x15;
        push    cs;
        pop     es;
        mov     bx, a.at("mouse_handler");
        mov     ax, 0xC207;
        int     0x15;
        jc      ".none";
        mov     ax, 0xC200;
        mov     bh, 1;
        int     0x15;
        label   ".none";
        pop     es;
        ret;
        label   "wheel_rates";
        db      &[6, 5, 4];

        label   "mouse_stop";
        push    es;
        mov     ax, 0xC200;
        mov     bh, 0;
        int     0x15;
        xor     bx, bx;
        mov     es, bx;
        mov     ax, 0xC207;
        int     0x15;
        pop     es;
        ret;
    );
}

fn handler(a: &mut Asm16) {
    asm!(a;
        // Called far with status, X, Y, Z on the stack, Z last. Status: 0-2 buttons, 4 and 5 signs, 6 and 7 overflows.
        label   "mouse_handler";
        push    bp;
        mov     bp, sp;
        pusha;
        push    ds;
        mov     ax, cs;
        mov     ds, ax;
        mov     cx, w(bp + 12);
        test    cl, 0xC0;
        jnz     ".buttons";
        movzx   ax, b(bp + 10);
        test    cl, 0x10;
        jz      ".x";
        mov     ah, 0xFF;
        label   ".x";
        mov     bx, MOUSE_X;
        mov     dx, 319;
        call    ".move";
        movzx   ax, b(bp + 8);
        test    cl, 0x20;
        jz      ".y";
        mov     ah, 0xFF;
        label   ".y";
        // Up counts up.
        neg     ax;
        mov     bx, MOUSE_Y;
        mov     dx, 199;
        call    ".move";
        label   ".buttons";
        and     cx, 7;
        mov     w(MOUSE_BUTTONS), cx;
        cmp     w(MOUSE_BYTES), 4;
        jne     ".done";
        mov     al, b(bp + 6);
        cbw;
        sub     w(MOUSE_WHEEL), ax;
        label   ".done";
        inc     w(MOUSE_PACKETS);
        pop     ds;
        popa;
        pop     bp;
        retf;
        // BX: place, AX: how far, DX: its limit.
        label   ".move";
        add     ax, w(bx);
        jns     ".positive";
        xor     ax, ax;
        label   ".positive";
        cmp     ax, dx;
        jbe     ".inside";
        mov     ax, dx;
        label   ".inside";
        mov     w(bx), ax;
        ret;
    );
}
