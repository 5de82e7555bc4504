//! What the mouse leaves behind: a trail of dots, and paint.
//!
//! The trail's dots have colours 64-127, one each; the palette turns, so that the latest is the brightest.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// First row that may be painted.
const CANVAS: i32 = 32;

pub fn emit(a: &mut Asm16) {
    trail(a);
    pen(a);
}

fn trail(a: &mut Asm16) {
    asm!(a;
        // The oldest dot goes, a new one comes where the pointer is. Dots lie on nothing but black.
        label   "mouse_trail";
        inc     w(TRAIL_NEXT);
        and     w(TRAIL_NEXT), 63;
        mov     bx, w(TRAIL_NEXT);
        mov     dl, bl;
        add     dl, 64;
        add     bx, bx;
        mov     di, w(bx + TRAIL);
        mov     dh, dl;
        mov     al, 0;
        call    ".dot";
        mov     ax, w(MOUSE_Y);
        cmp     ax, CANVAS;
        jb      ".off";
        cmp     ax, 198;
        ja      ".off";
        imul_3  di, ax, 320;
        add     di, w(MOUSE_X);
        mov     w(bx + TRAIL), di;
        mov     dh, 0;
        mov     al, dl;
        jmp     ".dot";
        label   ".off";
        mov     w(bx + TRAIL), 0;
        ret;
        // DI: place, DH: what must be there, AL: what comes there. 2x2 points.
        label   ".dot";
        test    di, di;
        jz      ".none";
        call    ".point";
        inc     di;
        call    ".point";
        add     di, 319;
        call    ".point";
        inc     di;
        label   ".point";
        cmp     b(di).es(), dh;
        jne     ".none";
        mov     b(di).es(), al;
        label   ".none";
        ret;

        // Colour 64 + i has the brightness of its age.
        label   "trail_palette";
        mov     dx, 0x3C8;
        mov     al, 64;
        out     dx, al;
        inc     dx;
        xor     cx, cx;
        label   ".colour";
        mov     bx, cx;
        sub     bx, w(TRAIL_NEXT);
        dec     bx;
        and     bx, 63;
        mov     al, bl;
        shr     al, 1;
        out     dx, al;
        mov     al, bl;
        out     dx, al;
        mov     al, 63;
        sub     al, bl;
        shr     al, 1;
        add     al, bl;
        shr     al, 1;
        out     dx, al;
        inc     cx;
        cmp     cx, 64;
        jb      ".colour";
        ret;
    );
}

fn pen(a: &mut Asm16) {
    asm!(a;
        // Left button: a line from the last place. Right button: the next colour, once a click.
        label   "mouse_pen";
        test    b(MOUSE_BUTTONS), 2;
        jz      ".no_right";
        cmp     b(PEN_COLOUR + 1), 0;
        jne     ".colour";
        mov     b(PEN_COLOUR + 1), 1;
        inc     b(PEN_COLOUR);
        cmp     b(PEN_COLOUR), 56;
        jb      ".colour";
        mov     b(PEN_COLOUR), 32;
        jmp     ".colour";
        label   ".no_right";
        mov     b(PEN_COLOUR + 1), 0;
        label   ".colour";
        mov     al, b(PEN_COLOUR);
        mov     di, 20 * 320 + 280;
        mov     dx, 10;
        label   ".swatch";
        mov     cx, 24;
        rep_stosb;
        add     di, 296;
        dec     dx;
        jnz     ".swatch";
        test    b(MOUSE_BUTTONS), 1;
        jnz     ".paint";
        mov     w(PEN_X), -1;
        ret;
        label   ".paint";
        cli;
        mov     ax, w(MOUSE_X);
        mov     bx, w(MOUSE_Y);
        sti;
        mov     w(LINE_X1), ax;
        mov     w(LINE_Y1), bx;
        cmp     w(PEN_X), -1;
        jne     ".going_on";
        mov     w(PEN_X), ax;
        mov     w(PEN_Y), bx;
        label   ".going_on";
        // As many steps as the longer way has points; coordinates in 256ths of a point.
        mov     cx, ax;
        sub     cx, w(PEN_X);
        jns     ".x";
        neg     cx;
        label   ".x";
        mov     dx, bx;
        sub     dx, w(PEN_Y);
        jns     ".y";
        neg     dx;
        label   ".y";
        cmp     cx, dx;
        jae     ".longer";
        mov     cx, dx;
        label   ".longer";
        inc     cx;
        movzx   ecx, cx;
        movsx   eax, w(LINE_X1);
        movsx   edx, w(PEN_X);
        sub     eax, edx;
        shl     eax, 8;
        cdq;
        idiv    ecx;
        mov     esi, eax;
        movsx   eax, w(LINE_Y1);
        movsx   edx, w(PEN_Y);
        sub     eax, edx;
        shl     eax, 8;
        cdq;
        idiv    ecx;
        mov     ebp, eax;
        movzx   eax, w(PEN_X);
        shl     eax, 8;
        movzx   ebx, w(PEN_Y);
        shl     ebx, 8;
        label   ".step";
        add     eax, esi;
        add     ebx, ebp;
        mov     edx, ebx;
        shr     edx, 8;
        cmp     dx, CANVAS;
        jb      ".outside";
        cmp     dx, 197;
        ja      ".outside";
        imul_3  di, dx, 320;
        mov     edx, eax;
        shr     edx, 8;
        cmp     dx, 317;
        ja      ".outside";
        add     di, dx;
        mov     dl, b(PEN_COLOUR);
        mov     dh, dl;
        mov     w(di).es(), dx;
        mov     b(di + 2).es(), dl;
        mov     w(di + 320).es(), dx;
        mov     b(di + 322).es(), dl;
        mov     w(di + 640).es(), dx;
        mov     b(di + 642).es(), dl;
        label   ".outside";
        dec     cx;
        jnz     ".step";
        mov     ax, w(LINE_X1);
        mov     w(PEN_X), ax;
        mov     ax, w(LINE_Y1);
        mov     w(PEN_Y), ax;
        ret;
    );
}
