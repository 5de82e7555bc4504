//! Mode 12h: 640x480 in sixteen colours, drawn with the graphics controller (IBM VGA, ports 3CEh/3CFh).
//!
//! Index 0 set/reset (the colour), 1 enable set/reset, 3 function (00 replace, 18h exclusive or), 8 bit mask. A read loads
//! the latches, a write then changes the points of the mask, whatever its data. Lines are Bresenham's.

use super::cp437::text;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Limits of the animated area.
const LEFT: i32 = 8;
const RIGHT: i32 = 631;
const TOP: i32 = 32;
const BOTTOM: i32 = 399;
/// Bytes of a former polygon: four corners and a colour.
const PAST: i32 = 20;
/// How many polygons are on the screen.
const TRAIL_LENGTH: i32 = 14;

pub fn emit(a: &mut Asm16) {
    page(a);
    polygon(a);
    fills(a);
    line(a);
    text(a, "lines_caption", "Mode 12h: 640x480, 16 colours in four planes      Space: new lines   Esc");
    asm!(a;
        label   "lines_start";
        dw      &[100, 60, 5, 3, 500, 80, 0xFFFC, 4, 420, 330, 3, 0xFFFB, 140, 300, 0xFFFA, 0xFFFD];
        // 8x8 patterns.
        label   "patterns";
        db      &[0xAA, 0x55, 0xAA, 0x55, 0xAA, 0x55, 0xAA, 0x55];
        db      &[0x88, 0x00, 0x22, 0x00, 0x88, 0x00, 0x22, 0x00];
        db      &[0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01];
        db      &[0xFF, 0x80, 0x80, 0x80, 0xFF, 0x08, 0x08, 0x08];
        db      &[0x18, 0x24, 0x42, 0x81, 0x81, 0x42, 0x24, 0x18];
        db      &[0xF0, 0xF0, 0xF0, 0xF0, 0x0F, 0x0F, 0x0F, 0x0F];
        db      &[0x81, 0x42, 0x24, 0x18, 0x18, 0x24, 0x42, 0x81];
        db      &[0x10, 0x38, 0x7C, 0xFE, 0x7C, 0x38, 0x10, 0x00];
    );
}

fn page(a: &mut Asm16) {
    asm!(a;
        label   "lines_page";
        mov     ax, 0x0012;
        int     0x10;
        mov     si, a.at("lines_caption");
        mov     dx, 0x0002;
        mov     bl, 15;
        call    "bios_text";
        mov     ax, GRAPHICS;
        mov     es, ax;
        mov     dx, 0x3CE;
        mov     ax, 0x0F01;
        out     dx, ax;
        call    "lines_bars";
        call    "lines_patterns";
        push    ds;
        pop     es;
        mov     si, a.at("lines_start");
        mov     di, POLY;
        mov     cx, 16;
        rep_movsw;
        mov     di, POLY_PAST;
        mov     cx, PAST * TRAIL_LENGTH / 2;
        xor     ax, ax;
        rep_stosw;
        mov     ax, GRAPHICS;
        mov     es, ax;
        mov     w(POLY_NEXT), POLY_PAST;
        mov     w(T1), 0;

        // The envelopes in the corners, a line of each at a time, then the polygon for ever.
        mov     w(T0), 0;
        label   ".net";
        call    "lines_net";
        add     w(T0), 8;
        mov     al, 1;
        call    "frame";
        jc      ".leave";
        cmp     w(T0), 184;
        jbe     ".net";
        mov     dx, 0x3CE;
        mov     ax, 0x1803;
        out     dx, ax;
        label   ".loop";
        call    "polygon_step";
        mov     al, 2;
        call    "frame";
        jc      ".leave";
        jz      ".loop";
        call    "random";
        and     ax, 7;
        inc     ax;
        mov     w(POLY + 4), ax;
        call    "random";
        and     ax, 7;
        inc     ax;
        mov     w(POLY + 14), ax;
        jmp     ".loop";
        label   ".leave";
        ret;

        // T0: how far from the corner. Colours 9, 10, 12, 14.
        label   "lines_net";
        mov     cx, w(T0);
        mov     di, 184;
        sub     di, cx;
        mov     ax, 0x0900;
        call    "set_colour";
        mov     w(LINE_X0), LEFT;
        mov     w(LINE_X1), cx;
        add     w(LINE_X1), LEFT;
        mov     w(LINE_Y0), di;
        add     w(LINE_Y0), TOP;
        mov     w(LINE_Y1), TOP;
        call    "draw_line";
        mov     ax, 0x0A00;
        call    "set_colour";
        mov     cx, w(T0);
        neg     cx;
        add     cx, RIGHT;
        mov     w(LINE_X0), RIGHT;
        mov     w(LINE_X1), cx;
        call    "draw_line";
        mov     ax, 0x0C00;
        call    "set_colour";
        mov     di, w(T0);
        sub     di, 184;
        add     di, BOTTOM;
        mov     w(LINE_Y0), di;
        mov     w(LINE_Y1), BOTTOM;
        call    "draw_line";
        mov     ax, 0x0E00;
        call    "set_colour";
        mov     w(LINE_X0), LEFT;
        mov     cx, w(T0);
        add     cx, LEFT;
        mov     w(LINE_X1), cx;
        jmp     "draw_line";

        // AH: colour, AL = 0.
        label   "set_colour";
        mov     dx, 0x3CE;
        out     dx, ax;
        ret;
    );
}

fn polygon(a: &mut Asm16) {
    asm!(a;
        // Takes the oldest polygon away, moves the corners, draws.
        label   "polygon_step";
        mov     si, w(POLY_NEXT);
        cmp     b(si + 16), 0;
        je      ".moved";
        call    "polygon_draw";
        label   ".moved";
        mov     di, w(POLY_NEXT);
        mov     si, POLY;
        mov     cx, 4;
        label   ".corner";
        mov     ax, w(si);
        mov     dx, w(si + 4);
        mov     bx, RIGHT;
        push    cx;
        mov     cx, LEFT;
        call    ".bounce";
        mov     w(si), ax;
        mov     w(si + 4), dx;
        mov     w(di), ax;
        mov     ax, w(si + 2);
        mov     dx, w(si + 6);
        mov     bx, BOTTOM;
        mov     cx, TOP;
        call    ".bounce";
        mov     w(si + 2), ax;
        mov     w(si + 6), dx;
        mov     w(di + 2), ax;
        pop     cx;
        add     si, 8;
        add     di, 4;
        loop_   ".corner";
        // A colour for 32 steps: 9-15.
        inc     w(T1);
        mov     ax, w(T1);
        shr     ax, 5;
        mov     bl, 7;
        mov     ah, 0;
        div     bl;
        add     ah, 9;
        mov     b(di), ah;
        mov     si, w(POLY_NEXT);
        call    "polygon_draw";
        mov     si, w(POLY_NEXT);
        add     si, PAST;
        cmp     si, POLY_PAST + PAST * TRAIL_LENGTH;
        jb      ".kept";
        mov     si, POLY_PAST;
        label   ".kept";
        mov     w(POLY_NEXT), si;
        ret;
        // AX: place, DX: speed, CX-BX: limits.
        label   ".bounce";
        add     ax, dx;
        cmp     ax, cx;
        jl      ".low";
        cmp     ax, bx;
        jle     ".inside";
        mov     ax, bx;
        neg     dx;
        label   ".inside";
        ret;
        label   ".low";
        mov     ax, cx;
        neg     dx;
        ret;

        // SI: corners and colour.
        label   "polygon_draw";
        mov     ah, b(si + 16);
        mov     al, 0;
        call    "set_colour";
        mov     cx, 4;
        label   ".side";
        push    cx;
        push    si;
        mov     eax, d(si);
        mov     d(LINE_X0), eax;
        add     si, 4;
        cmp     cx, 1;
        jne     ".next";
        sub     si, 16;
        label   ".next";
        mov     eax, d(si);
        mov     d(LINE_X1), eax;
        call    "draw_line";
        pop     si;
        pop     cx;
        add     si, 4;
        loop_   ".side";
        ret;
    );
}

fn fills(a: &mut Asm16) {
    asm!(a;
        // Sixteen bars of 40x24 from row 452.
        label   "lines_bars";
        mov     dx, 0x3CE;
        mov     ax, 0xFF08;
        out     dx, ax;
        xor     bx, bx;
        label   ".bar";
        mov     ah, bl;
        mov     al, 0;
        out     dx, ax;
        imul_3  di, bx, 5;
        add     di, 452 * 80;
        mov     si, 24;
        label   ".row";
        mov     cx, 5;
        rep_stosb;
        add     di, 75;
        dec     si;
        jnz     ".row";
        inc     bx;
        cmp     bx, 16;
        jb      ".bar";
        ret;

        // Eight patterns of 72x36 from row 410: a field of one colour, then another under the pattern as the mask.
        label   "lines_patterns";
        xor     bx, bx;
        label   ".field";
        mov     ax, 0xFF08;
        out     dx, ax;
        mov     ah, bl;
        inc     ah;
        mov     al, 0;
        out     dx, ax;
        imul_3  di, bx, 10;
        add     di, 410 * 80;
        push    di;
        mov     si, 36;
        label   ".row";
        mov     cx, 9;
        rep_stosb;
        add     di, 71;
        dec     si;
        jnz     ".row";
        mov     ah, bl;
        add     ah, 9;
        and     ah, 15;
        mov     al, 0;
        out     dx, ax;
        pop     di;
        xor     si, si;
        label   ".pattern";
        mov     bp, si;
        and     bp, 7;
        push    bx;
        shl     bx, 3;
        add     bx, bp;
        mov     ah, b(bx + a.at("patterns"));
        pop     bx;
        mov     al, 8;
        out     dx, ax;
        mov     cx, 9;
        label   ".byte";
        mov     al, b(di).es();
        stosb;
        loop_   ".byte";
        add     di, 71;
        inc     si;
        cmp     si, 36;
        jb      ".pattern";
        inc     bx;
        cmp     bx, 8;
        jb      ".field";
        ret;
    );
}

fn line(a: &mut Asm16) {
    asm!(a;
        // From LINE_X0, LINE_Y0 to LINE_X1, LINE_Y1, both ends drawn.
        label   "draw_line";
        push    bp;
        mov     b(LINE_SX), 0;
        mov     ax, w(LINE_X1);
        sub     ax, w(LINE_X0);
        jns     ".right";
        neg     ax;
        mov     b(LINE_SX), 1;
        label   ".right";
        mov     w(LINE_DX), ax;
        mov     w(LINE_SY), 80;
        mov     bx, w(LINE_Y1);
        sub     bx, w(LINE_Y0);
        jns     ".down";
        neg     bx;
        mov     w(LINE_SY), -80;
        label   ".down";
        mov     w(LINE_DY), bx;
        // SI: points, DI: the error dx - dy.
        mov     si, ax;
        cmp     si, bx;
        jae     ".count";
        mov     si, bx;
        label   ".count";
        inc     si;
        mov     di, ax;
        sub     di, bx;
        imul_3  bx, w(LINE_Y0), 80;
        mov     cx, w(LINE_X0);
        mov     ax, cx;
        shr     ax, 3;
        add     bx, ax;
        and     cl, 7;
        mov     al, 0x80;
        shr     al, cl;
        mov     cl, al;
        mov     dx, 0x3CE;
        mov     al, 8;
        out     dx, al;
        inc     dx;
        label   ".point";
        mov     al, cl;
        out     dx, al;
        mov     al, b(bx).es();
        mov     b(bx).es(), al;
        mov     ax, di;
        add     ax, ax;
        mov     bp, ax;
        add     bp, w(LINE_DY);
        js      ".same_column";
        sub     di, w(LINE_DY);
        cmp     b(LINE_SX), 0;
        jne     ".left";
        ror     cl, 1;
        adc     bx, 0;
        jmp     ".same_column";
        label   ".left";
        rol     cl, 1;
        sbb     bx, 0;
        label   ".same_column";
        cmp     ax, w(LINE_DX);
        jg      ".same_row";
        add     di, w(LINE_DX);
        add     bx, w(LINE_SY);
        label   ".same_row";
        dec     si;
        jnz     ".point";
        pop     bp;
        ret;
    );
}
