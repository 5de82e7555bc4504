//! The text page: the 256 characters, the attributes, and the 80x50 mode with a plasma of half blocks.
//!
//! 80x50: mode 3 with the 8x8 font, INT 10h AX=1112h (IBM VGA BIOS interface).

use super::cp437::{items, text};
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    characters(a);
    dense(a);
    wave(a);
    items(
        a,
        "text_items",
        &[
            (0, 2, 0x70, "Text: code page 437 and the attributes"),
            (0, 46, 0x70, "Space: 80x50    Esc: menu"),
            (2, 3, 0x0F, "256 characters"),
            (2, 43, 0x0F, "16 colours on 8 backgrounds"),
            (21, 43, 0x0F, "Blinking: "),
            (21, 53, 0x8F, "bit 7"),
            (21, 60, 0x8C, "of the attribute"),
            (23, 3, 0x0B, "┌─┬─┐ ╔═╦═╗ ╓─╥─╖ ╒═╤═╕ ░░▒▒▓▓██▌▐▀▄ ♪♫☼ ►◄↕▲▼ αßΓπΣσµτΦΘΩδ ½¼ ±≥≤ √ⁿ²"),
        ],
    );
    text(a, "dense_title", " 80x50: the 8x8 font, 4000 cells of two points each          Space, Esc ");
}

fn characters(a: &mut Asm16) {
    asm!(a;
        label   "text_page";
        call    "text_mode";
        mov     ax, 0x0720;
        call    "fill_screen";
        mov     b(ATTR), 0x70;
        xor     di, di;
        mov     cx, 80;
        call    "blanks";
        mov     si, a.at("text_items");
        call    "put_items";
        // 16 rows of 16, each with its number in hexadecimal.
        mov     b(ATTR), 0x08;
        xor     bx, bx;
        label   ".row";
        mov     di, bx;
        imul_3  di, di, 10;
        add     di, place(4, 3);
        mov     al, bl;
        call    "put_hex8";
        add     di, 2;
        mov     cx, 16;
        label   ".char";
        mov     al, bl;
        mov     ah, 0x1E;
        stosw;
        mov     al, 0x20;
        stosw;
        inc     bx;
        loop_   ".char";
        cmp     bx, 256;
        jb      ".row";
        // Foreground along, background down; two rows each.
        xor     bx, bx;
        label   ".colour";
        mov     ax, bx;
        shr     ax, 4;
        imul_3  di, ax, 320;
        mov     ax, bx;
        and     ax, 15;
        shl     ax, 2;
        add     di, ax;
        add     di, place(4, 43);
        mov     ah, bl;
        mov     al, 0xFE;
        stosw;
        mov     al, 0xDB;
        stosw;
        mov     b(ATTR), bl;
        add     di, 156;
        mov     al, bl;
        call    "put_hex8";
        inc     bl;
        jns     ".colour";
        label   ".loop";
        mov     al, 4;
        call    "frame";
        jc      ".leave";
        jnz     ".key";
        cmp     b(ATTRACT), 0;
        je      ".loop";
        call    "page_time";
        cmp     eax, 4 * HZ;
        jae     "dense_page";
        jmp     ".loop";
        label   ".key";
        cmp     al, 0x20;
        je      "dense_page";
        jmp     ".loop";
        label   ".leave";
        ret;
    );
}

fn dense(a: &mut Asm16) {
    asm!(a;
        label   "dense_page";
        mov     ax, 0x0003;
        int     0x10;
        mov     ax, 0x1112;
        mov     bl, 0;
        int     0x10;
        mov     ah, 1;
        mov     cx, 0x2000;
        int     0x10;
        mov     ax, TEXT;
        mov     es, ax;
        label   ".loop";
        call    "wave";
        xor     di, di;
        mov     b(ATTR), 0x70;
        mov     si, a.at("dense_title");
        call    "puts";
        mov     al, 3;
        call    "frame";
        jc      ".leave";
        jz      ".loop";
        cmp     al, 0x20;
        je      "text_page";
        jmp     ".loop";
        label   ".leave";
        ret;
    );
}

fn wave(a: &mut Asm16) {
    asm!(a;
        // 80x100 points: the upper of a cell is the foreground of the upper half block, the lower the background.
        label   "wave";
        add     w(T0), 3;
        add     w(T1), 5;
        mov     di, 160;
        // DL, DH: the sum's part of the two rows of points.
        mov     cx, 2;
        label   ".row";
        mov     bx, cx;
        shl     bx, 1;
        add     bx, w(T0);
        and     bx, 0xFF;
        mov     dl, b(bx + a.at("sine"));
        mov     dh, b(bx + a.at("sine") + 2);
        push    cx;
        xor     cx, cx;
        label   ".cell";
        mov     si, cx;
        shl     si, 1;
        add     si, w(T1);
        and     si, 0xFF;
        mov     al, b(si + a.at("sine"));
        mov     si, cx;
        shl     si, 2;
        add     si, bx;
        and     si, 0x1FF;
        add     al, b(si + a.at("sine"));
        mov     ah, al;
        add     al, dl;
        add     ah, dh;
        shr     al, 4;
        shr     ah, 4;
        mov     si, ax;
        and     si, 15;
        mov     al, b(si + a.at("wave_colours"));
        movzx   si, ah;
        and     si, 15;
        // Bit 7 would blink: the background has the dark colours.
        mov     ah, b(si + a.at("wave_colours"));
        and     ah, 7;
        shl     ah, 4;
        or      ah, al;
        mov     al, 0xDF;
        stosw;
        inc     cx;
        cmp     cx, 80;
        jb      ".cell";
        pop     cx;
        add     cx, 2;
        cmp     cx, 100;
        jb      ".row";
        ret;
        label   "wave_colours";
        db      &[0, 1, 1, 9, 3, 11, 11, 15, 15, 14, 14, 12, 4, 5, 5, 13];
    );
}
