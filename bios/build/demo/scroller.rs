//! Mode X: 320x240 unchained, two pages, a scroller on a sine over bars of colour.
//!
//! Michael Abrash, "Mode X" (Graphics Programming Black Book, chapter 47): mode 13h with chain 4 off (sequencer 4), 240 lines
//! (miscellaneous output E3h, CRTC 06h-16h), bytes (CRTC 14h, 17h). With all planes enabled a byte is four points, which
//! is the width of a letter's point here. The start address is written while the picture is shown and counts from the
//! next retrace.

use super::cp437::text;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Bytes of a page.
const PAGE: i32 = 80 * 240;
/// Row of the letters' middle position.
const BASE: i32 = 84;

pub fn emit(a: &mut Asm16) {
    mode(a);
    page(a);
    background(a);
    letters(a);
    flip(a);
    text(
        a,
        "scroll_text",
        "          REWIND86 *** a PC that can go back *** Mode X: 320x240, four planes, two pages, \
         one is shown while the other is drawn *** Everything here comes from one floppy disk, read by the BIOS, \
         run by a 386 *** Press Space to go faster and Esc to leave ***          ",
    );
}

fn mode(a: &mut Asm16) {
    asm!(a;
        label   "mode_x";
        mov     ax, 0x0013;
        int     0x10;
        mov     dx, 0x3C4;
        mov     ax, 0x0604;
        out     dx, ax;
        // Synchronous reset around the change of the clock.
        mov     ax, 0x0100;
        out     dx, ax;
        mov     dx, 0x3C2;
        mov     al, 0xE3;
        out     dx, al;
        mov     dx, 0x3C4;
        mov     ax, 0x0300;
        out     dx, ax;
        // Registers 0-7 of the CRTC are protected by bit 7 of register 11h.
        mov     dx, 0x3D4;
        mov     al, 0x11;
        out     dx, al;
        inc     dx;
        in_     al, dx;
        and     al, 0x7F;
        out     dx, al;
        dec     dx;
        mov     si, a.at("mode_x_crtc");
        mov     cx, 10;
        label   ".register";
        lodsw;
        out     dx, ax;
        loop_   ".register";
        mov     dx, 0x3C4;
        mov     ax, 0x0F02;
        out     dx, ax;
        mov     ax, GRAPHICS;
        mov     es, ax;
        xor     di, di;
        xor     eax, eax;
        mov     cx, 0x4000;
        rep_stosd;
        // Colours 32-95: a blue, a green and a red-yellow ramp; 96-127: the letters.
        mov     dx, 0x3C8;
        mov     al, 32;
        out     dx, al;
        inc     dx;
        xor     bx, bx;
        label   ".colour";
        mov     si, bx;
        shr     si, 5;
        imul_3  si, si, 3;
        mov     cx, 3;
        label   ".gun";
        mov     al, bl;
        and     al, 31;
        mul     b(si + a.at("ramps"));
        shr     ax, 2;
        out     dx, al;
        inc     si;
        loop_   ".gun";
        inc     bx;
        cmp     bx, 96;
        jb      ".colour";
        ret;
        align   2;
        label   "mode_x_crtc";
        dw      &[0x0D06, 0x3E07, 0x4109, 0xEA10, 0xAC11, 0xDF12, 0x0014, 0xE715, 0x0616, 0xE317];
        // Red, green, blue; 31 times 8 over 4 is 62.
        label   "ramps";
        db      &[0, 3, 8, 6, 0, 6, 8, 8, 4];
    );
}

fn page(a: &mut Asm16) {
    asm!(a;
        label   "scroller_page";
        call    "mode_x";
        mov     w(HIDDEN_PAGE), PAGE;
        mov     w(T0), 0;
        mov     w(T2), 1;
        label   ".loop";
        call    "scroller_rows";
        call    "scroller_background";
        call    "scroller_letters";
        call    "scroller_flip";
        mov     ax, w(T2);
        add     w(T0), ax;
        inc     w(T1);
        mov     al, 2;
        call    "frame";
        jc      ".leave";
        jz      ".loop";
        inc     w(T2);
        cmp     w(T2), 4;
        jb      ".loop";
        mov     w(T2), 1;
        jmp     ".loop";
        label   ".leave";
        ret;
    );
}

fn background(a: &mut Asm16) {
    asm!(a;
        // ROWS: a colour for each row. Six bars that swing, each 32 rows of a ramp up and down.
        label   "scroller_rows";
        push    es;
        push    ds;
        pop     es;
        mov     di, ROWS;
        xor     ax, ax;
        mov     cx, 120;
        rep_stosw;
        pop     es;
        xor     cx, cx;
        label   ".bar";
        mov     bx, cx;
        imul_3  bx, bx, 21;
        add     bx, w(T1);
        add     bx, w(T1);
        and     bx, 0xFF;
        movzx   ax, b(bx + a.at("sine"));
        mov     bx, ax;
        shr     ax, 1;
        add     bx, ax;
        add     bx, ROWS + 8;
        // Colour of the ramp's beginning.
        mov     ax, cx;
        and     al, 1;
        shl     al, 5;
        add     al, 32;
        mov     dl, 0;
        label   ".up";
        mov     dh, al;
        add     dh, dl;
        mov     b(bx), dh;
        inc     bx;
        add     dl, 2;
        cmp     dl, 32;
        jb      ".up";
        mov     dl, 31;
        label   ".down";
        mov     dh, al;
        add     dh, dl;
        mov     b(bx), dh;
        inc     bx;
        sub     dl, 2;
        jns     ".down";
        inc     cx;
        cmp     cx, 6;
        jb      ".bar";
        ret;

        label   "scroller_background";
        mov     di, w(HIDDEN_PAGE);
        mov     si, ROWS;
        mov     dx, 240;
        label   ".row";
        lodsb;
        mov     ah, al;
        mov     bx, ax;
        shl     eax, 16;
        mov     ax, bx;
        mov     cx, 20;
        rep_stosd;
        dec     dx;
        jnz     ".row";
        ret;
    );
}

fn letters(a: &mut Asm16) {
    asm!(a;
        // 80 columns of a letter's points: T0 + column is the place in the text, eight to a letter.
        label   "scroller_letters";
        push    fs;
        mov     fs, w(FONT8 + 2);
        xor     cx, cx;
        label   ".column";
        mov     bx, w(T0);
        add     bx, cx;
        mov     dx, bx;
        shr     bx, 3;
        movzx   ax, b(bx + a.at("scroll_text"));
        test    al, al;
        jnz     ".there";
        // The text is over: again from its beginning.
        mov     w(T0), 0;
        jmp     ".done";
        label   ".there";
        shl     ax, 3;
        mov     si, ax;
        add     si, w(FONT8);
        // DL: the column's bit.
        push    cx;
        mov     cl, dl;
        and     cl, 7;
        mov     dl, 0x80;
        shr     dl, cl;
        pop     cx;
        mov     bx, w(T1);
        shl     bx, 2;
        add     bx, cx;
        add     bx, cx;
        and     bx, 0xFF;
        movzx   ax, b(bx + a.at("sine"));
        shr     ax, 1;
        add     ax, BASE;
        imul_3  di, ax, 80;
        add     di, cx;
        add     di, w(HIDDEN_PAGE);
        mov     dh, 112;
        label   ".point";
        test    b(si).fs(), dl;
        jz      ".clear";
        mov     al, dh;
        mov     b(di).es(), al;
        mov     b(di + 80).es(), al;
        inc     ax;
        mov     b(di + 160).es(), al;
        mov     b(di + 240).es(), al;
        label   ".clear";
        inc     si;
        add     di, 320;
        add     dh, 2;
        cmp     dh, 128;
        jb      ".point";
        inc     cx;
        cmp     cx, 80;
        jb      ".column";
        label   ".done";
        pop     fs;
        ret;
    );
}

fn flip(a: &mut Asm16) {
    asm!(a;
        // Shows the page just drawn; waits for the retrace that takes it over, two ticks at most.
        label   "scroller_flip";
        mov     bx, w(HIDDEN_PAGE);
        mov     dx, 0x3D4;
        mov     ah, bh;
        mov     al, 0x0C;
        out     dx, ax;
        mov     ah, bl;
        mov     al, 0x0D;
        out     dx, ax;
        sub     bx, PAGE;
        neg     bx;
        mov     w(HIDDEN_PAGE), bx;
        mov     dx, 0x3DA;
        mov     ebx, d(TICKS);
        label   ".wait";
        in_     al, dx;
        test    al, 8;
        jnz     ".done";
        mov     eax, d(TICKS);
        sub     eax, ebx;
        cmp     eax, 2;
        jb      ".wait";
        label   ".done";
        ret;
    );
}
