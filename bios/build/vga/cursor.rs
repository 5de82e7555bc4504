//! AH=01h-03h, 04h, 05h, 0Fh: cursor shape and position, page, mode.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    asm!(a;
        // CH: first line, CL: last line.
        label   "set_cursor_shape";
        mov     w(CURSOR_SHAPE), cx;
        // CX: shape as a program gives it. With emulation on, lines of an 8-line character are scaled to this one.
        label   "cursor_shape";
        pusha;
        mov     bl, b(HEIGHT);
        test    b(CONTROL), 1;
        jnz     ".program";
        cmp     bl, 8;
        jbe     ".program";
        cmp     ch, 0x20;
        jae     ".program";
        cmp     cl, 8;
        jae     ".program";
        // A cursor at the bottom of the cell stays one line above its end.
        cmp     ch, cl;
        ja      ".program";
        mov     al, cl;
        inc     al;
        mul     bl;
        shr     ax, 3;
        dec     ax;
        mov     dl, al;
        inc     ch;
        cmp     ch, cl;
        je      ".line";
        mov     al, ch;
        mul     bl;
        shr     ax, 3;
        dec     ax;
        mov     ch, al;
        mov     cl, dl;
        jmp     ".program";
        label   ".line";
        mov     cl, dl;
        dec     cl;
        mov     ch, cl;
        dec     ch;
        cmp     bl, 14;
        jae     ".program";
        inc     cl;
        inc     ch;
        label   ".program";
        mov     ah, ch;
        mov     al, 0x0A;
        call    "crtc_set";
        mov     ah, cl;
        mov     al, 0x0B;
        call    "crtc_set";
        popa;
        ret;

        // BH: page, DX: row and column.
        label   "set_cursor_call";
        label   "set_cursor";
        push    bx;
        and     bh, 7;
        movzx   bx, bh;
        mov     ax, bx;
        add     bx, bx;
        mov     w(bx + CURSOR), dx;
        pop     bx;
        cmp     al, b(PAGE);
        jne     ".ret";
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        je      "program_cursor";
        label   ".ret";
        ret;

        // Puts the hardware cursor where the active page's is. Keeps every register.
        label   "program_cursor";
        pusha;
        movzx   bx, b(PAGE);
        add     bx, bx;
        mov     dx, w(bx + CURSOR);
        mov     al, dh;
        xor     ah, ah;
        push    dx;
        mul     w(COLS);
        pop     dx;
        xor     dh, dh;
        add     ax, dx;
        mov     bx, w(PAGE_START);
        shr     bx, 1;
        add     bx, ax;
        mov     ah, bh;
        mov     al, 0x0E;
        call    "crtc_set";
        mov     ah, bl;
        inc     ax;
        call    "crtc_set";
        popa;
        ret;

        // BH: page.
        label   "get_cursor";
        call    "page_cursor";
        mov     w(bp + R_DX), dx;
        mov     ax, w(CURSOR_SHAPE);
        mov     w(bp + R_CX), ax;
        ret;
        // BH: page. Gives DX = its cursor position.
        label   "page_cursor";
        push    bx;
        and     bh, 7;
        movzx   bx, bh;
        add     bx, bx;
        mov     dx, w(bx + CURSOR);
        pop     bx;
        ret;

        label   "light_pen";
        mov     b(bp + R_AX + 1), 0;
        ret;

        // AL: page.
        label   "set_page_call";
        cmp     al, 7;
        ja      ".ret";
        cmp     b(bp + L_CLASS), CLASS_PACKED;
        je      ".ret";
        mov     b(PAGE), al;
        xor     ah, ah;
        mul     w(PAGE_SIZE);
        mov     w(PAGE_START), ax;
        mov     bx, ax;
        // The CRTC counts words in text modes, bytes in graphics.
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     ".start";
        shr     bx, 1;
        label   ".start";
        mov     ah, bh;
        mov     al, 0x0C;
        call    "crtc_set";
        mov     ah, bl;
        inc     ax;
        call    "crtc_set";
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        je      "program_cursor";
        label   ".ret";
        ret;

        label   "get_mode";
        mov     al, b(CONTROL);
        and     al, 0x80;
        or      al, b(MODE);
        mov     ah, b(COLS);
        mov     w(bp + R_AX), ax;
        mov     al, b(PAGE);
        mov     b(bp + R_BH), al;
        ret;
    );
}
