//! The demo's graphics pages: mode 13h, mode 12h, CGA mode 4, and 80x50 text.
//!
//! IBM VGA: DAC ports 3C8h/3C9h, graphics controller 3CEh (set/reset, bit mask), CGA interlaced memory at B800h.

use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// One period of a sine in 256 steps, 0 to 63, by a recurrence in integers: no rounding differs between build hosts.
fn sine() -> Vec<u8> {
    // cos and sin of 2 pi / 256 in units of 2^-30.
    const COS: i64 = 1_073_418_433;
    const SIN: i64 = 26_350_943;
    let (mut x, mut y) = (1i64 << 30, 0i64);
    let mut out = Vec::new();
    for _ in 0..256 {
        out.push(((y + (1 << 30)) * 63 / (2 << 30)).clamp(0, 63) as u8);
        (x, y) = ((x * COS - y * SIN) >> 30, (x * SIN + y * COS) >> 30);
    }
    out
}

pub fn emit(a: &mut Asm16) {
    plasma(a);
    planar(a);
    cga(a);
    dense(a);
    asm!(a; label "sine"; db &sine(); );
}

/// 320x200 in 256 colours: three sines over a turning palette.
fn plasma(a: &mut Asm16) {
    asm!(a;
        label   "plasma_page";
        mov     ax, 0x13;
        int     0x10;
        push    0xA000u32 as i32;
        pop     es;
        // Palette: red, green and blue a third of a turn apart.
        mov     dx, 0x3C8;
        xor     al, al;
        out     dx, al;
        inc     dx;
        xor     bx, bx;
        label   ".palette";
        mov     al, b(bx + a.at("sine"));
        out     dx, al;
        push    bx;
        add     bl, 85;
        mov     al, b(bx + a.at("sine"));
        out     dx, al;
        add     bl, 85;
        mov     al, b(bx + a.at("sine"));
        out     dx, al;
        pop     bx;
        inc     bl;
        jnz     ".palette";
        label   ".frame";
        // BP: phase, from the timer.
        xor     ax, ax;
        int     0x1A;
        mov     bp, dx;
        add     bp, dx;
        xor     di, di;
        xor     dx, dx;
        label   ".row";
        // CH: the row's part.
        mov     bx, dx;
        add     bx, bp;
        and     bx, 0xFF;
        mov     ch, b(bx + a.at("sine"));
        mov     si, 0;
        label   ".column";
        mov     bx, si;
        sub     bx, bp;
        and     bx, 0xFF;
        mov     al, b(bx + a.at("sine"));
        add     al, ch;
        mov     bx, si;
        add     bx, dx;
        and     bx, 0xFF;
        add     al, b(bx + a.at("sine"));
        add     al, b(bx + a.at("sine"));
        stosb;
        inc     si;
        cmp     si, 320;
        jb      ".column";
        inc     dx;
        cmp     dx, 200;
        jb      ".row";
        call    "key_or_rest";
        jz      ".frame";
        ret;
    );
}

/// 640x480 in 16 colours: bars through set/reset, then lines of single points through the bit mask.
fn planar(a: &mut Asm16) {
    asm!(a;
        label   "planar_page";
        mov     ax, 0x12;
        int     0x10;
        push    0xA000u32 as i32;
        pop     es;
        // Set/reset on for all planes: a write paints the colour of register 0.
        mov     dx, 0x3CE;
        mov     ax, 0x0F01;
        out     dx, ax;
        xor     bx, bx;
        label   ".bar";
        mov     ah, bl;
        mov     al, 0;
        out     dx, ax;
        // Five bytes wide, 400 rows.
        imul_3  di, bx, 5;
        mov     cx, 400;
        label   ".bar_row";
        push    cx;
        mov     cx, 5;
        rep_stosb;
        pop     cx;
        add     di, 75;
        loop_   ".bar_row";
        inc     bx;
        cmp     bx, 16;
        jb      ".bar";
        mov     ax, 0x0001;
        out     dx, ax;
        mov     ax, 0;
        out     dx, ax;
        // Text works here as well.
        mov     ah, 2;
        mov     bh, 0;
        mov     dx, 0x1A04;
        int     0x10;
        mov     si, a.at(".text");
        label   ".text_next";
        lodsb;
        test    al, al;
        jz      ".draw";
        mov     ah, 0x0E;
        mov     bx, 0x0E;
        int     0x10;
        jmp     ".text_next";
        label   ".draw";
        mov     w(a.at("fan")), 0;
        label   ".line";
        call    "fan_line";
        add     w(a.at("fan")), 7;
        cmp     w(a.at("fan")), 640;
        jb      ".more";
        mov     w(a.at("fan")), 0;
        label   ".more";
        call    "key_or_rest";
        jz      ".line";
        ret;
        label   ".text";
        asciz   "640x480 in 16 colours: bars, and lines inverted point by point";

        // A line from the middle of the top to column "fan" of row 399, points inverted by INT 10h AH=0Ch.
        label   "fan_line";
        xor     si, si;
        label   ".point";
        // x = 320 + (fan - 320) * y / 400.
        mov     ax, w(a.at("fan"));
        sub     ax, 320;
        imul    si;
        mov     bx, 400;
        idiv    bx;
        add     ax, 320;
        mov     cx, ax;
        mov     dx, si;
        mov     bh, 0;
        mov     ax, 0x0C8F;
        int     0x10;
        inc     si;
        cmp     si, 400;
        jb      ".point";
        ret;
        align   2;
        label   "fan";
        dw      &[0];
    );
}

/// 320x200 in four colours: rings in both halves of the interlaced memory; the palette alternates each second.
fn cga(a: &mut Asm16) {
    asm!(a;
        label   "cga_page";
        mov     ax, 4;
        int     0x10;
        push    0xB800u32 as i32;
        pop     es;
        xor     dx, dx;
        label   ".row";
        // DI: even rows from 0, odd rows from 2000h, 80 bytes each.
        mov     di, dx;
        shr     di, 1;
        imul_3  di, di, 80;
        test    dl, 1;
        jz      ".even";
        add     di, 0x2000;
        label   ".even";
        xor     si, si;
        label   ".byte";
        mov     cx, 4;
        xor     ah, ah;
        label   ".dot";
        // Colour by the square of the distance from the centre.
        push    dx;
        push    ax;
        mov     ax, si;
        sub     ax, 160;
        imul    ax;
        mov     bx, ax;
        pop     ax;
        pop     dx;
        push    dx;
        push    ax;
        mov     ax, dx;
        sub     ax, 100;
        imul    ax;
        add     bx, ax;
        pop     ax;
        pop     dx;
        shr     bx, 9;
        and     bl, 3;
        shl     ah, 2;
        or      ah, bl;
        inc     si;
        loop_   ".dot";
        mov     al, ah;
        stosb;
        cmp     si, 320;
        jb      ".byte";
        inc     dx;
        cmp     dx, 200;
        jb      ".row";
        label   ".wait";
        xor     ax, ax;
        int     0x1A;
        shr     dx, 4;
        and     dl, 1;
        mov     bl, dl;
        mov     bh, 1;
        mov     ah, 0x0B;
        int     0x10;
        call    "key_or_rest";
        jz      ".wait";
        ret;
    );
}

/// 80x50 text: the 8x8 font.
fn dense(a: &mut Asm16) {
    asm!(a;
        label   "dense_page";
        mov     ax, 3;
        int     0x10;
        mov     ax, 0x1112;
        mov     bl, 0;
        int     0x10;
        push    0xB800u32 as i32;
        pop     es;
        xor     di, di;
        xor     bx, bx;
        // Each cell: the next character, the colour of its place.
        label   ".cell";
        mov     al, bl;
        mov     ah, bh;
        and     ah, 7;
        or      ah, 8;
        stosw;
        inc     bx;
        cmp     bx, 4000;
        jb      ".cell";
        label   ".wait";
        call    "key_or_rest";
        jz      ".wait";
        ret;
    );
}
