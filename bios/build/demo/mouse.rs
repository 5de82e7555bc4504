//! The mouse page, in mode 13h: a pointer with what it covers kept aside, a trail of dots that fade by the palette, paint,
//! buttons, wheel. Trail and paint are in `mouse_pen.rs`.

use super::cp437::text;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// The pointer's size.
const WIDE: i32 = 12;
const HIGH: i32 = 16;

const POINTER: [&str; HIGH as usize] = [
    "#           ",
    "##          ",
    "#.#         ",
    "#..#        ",
    "#...#       ",
    "#....#      ",
    "#.....#     ",
    "#......#    ",
    "#.......#   ",
    "#........#  ",
    "#.....##### ",
    "#..#..#     ",
    "#.# #..#    ",
    "##  #..#    ",
    "#    #..#   ",
    "     ###    ",
];

pub fn emit(a: &mut Asm16) {
    page(a);
    status(a);
    pointer(a);
    text(a, "mouse_caption", "Mouse: paint, Space clears, Esc");
    text(a, "mouse_none", "No PS/2 mouse answers INT 15h AH=C2h");
    text(a, "mouse_names", "L M R  x      y      wheel");
    a.label("pointer");
    for row in POINTER {
        let points: Vec<u8> =
            row.bytes().map(|c| [0, 16, 15][usize::from(c != b' ') + usize::from(c == b'.')]).collect();
        a.db(&points);
    }
}

fn page(a: &mut Asm16) {
    asm!(a;
        label   "mouse_page";
        mov     w(MOUSE_X), 160;
        mov     w(MOUSE_Y), 116;
        mov     w(MOUSE_BUTTONS), 0;
        mov     w(MOUSE_WHEEL), 0;
        mov     w(PEN_COLOUR), 40;
        label   "mouse_again";
        mov     ax, 0x0013;
        int     0x10;
        mov     ax, GRAPHICS;
        mov     es, ax;
        mov     w(POINTER_X), -1;
        mov     w(PEN_X), -1;
        mov     di, TRAIL;
        mov     cx, 64;
        label   ".forget";
        mov     w(di), 0;
        add     di, 2;
        loop_   ".forget";
        mov     w(TRAIL_NEXT), 0;
        mov     si, a.at("mouse_caption");
        xor     di, di;
        mov     al, 14;
        call    "draw_text";
        call    "mouse_start";
        jnc     ".there";
        mov     si, a.at("mouse_none");
        mov     di, 96 * 320 + 16;
        mov     al, 12;
        call    "draw_text";
        label   ".nothing";
        mov     al, 4;
        call    "frame";
        jc      ".gone";
        jmp     ".nothing";
        label   ".gone";
        ret;

        label   ".there";
        mov     si, a.at("mouse_names");
        mov     di, 20 * 320 + 8;
        mov     al, 11;
        call    "draw_text";
        label   ".loop";
        call    "pointer_hide";
        call    "mouse_pen";
        call    "mouse_trail";
        call    "mouse_status";
        call    "pointer_show";
        call    "trail_palette";
        mov     al, 1;
        call    "frame";
        jc      ".leave";
        jz      ".loop";
        cmp     al, 0x20;
        jne     ".loop";
        call    "mouse_stop";
        jmp     "mouse_again";
        label   ".leave";
        jmp     "mouse_stop";
    );
}

fn status(a: &mut Asm16) {
    asm!(a;
        // Lamps under the buttons' letters; numbers.
        label   "mouse_status";
        mov     di, 29 * 320 + 8;
        // Bits: left, right, middle; the letters' order: left, middle, right.
        mov     bl, 1;
        call    ".lamp";
        mov     bl, 4;
        call    ".lamp";
        mov     bl, 2;
        call    ".lamp";
        mov     di, 20 * 320 + 76;
        mov     ax, w(MOUSE_X);
        call    "draw_number";
        mov     di, 20 * 320 + 132;
        mov     ax, w(MOUSE_Y);
        call    "draw_number";
        mov     di, 20 * 320 + 220;
        cmp     w(MOUSE_BYTES), 4;
        jne     ".no_wheel";
        mov     ax, w(MOUSE_WHEEL);
        jmp     "draw_number";
        label   ".no_wheel";
        ret;
        label   ".lamp";
        mov     al, 8;
        test    b(MOUSE_BUTTONS), bl;
        jz      ".dark";
        mov     al, 12;
        label   ".dark";
        mov     dx, 2;
        label   ".lamp_row";
        mov     cx, 8;
        rep_stosb;
        add     di, 312;
        dec     dx;
        jnz     ".lamp_row";
        sub     di, 640 - 16;
        ret;

        // AX: three digits at DI, on black.
        label   "draw_number";
        push    ax;
        push    di;
        mov     dx, 8;
        mov     al, 0;
        label   ".row";
        mov     cx, 32;
        rep_stosb;
        add     di, 288;
        dec     dx;
        jnz     ".row";
        pop     di;
        pop     ax;
        mov     si, MAP_ENTRY;
        mov     b(si), 0x20;
        test    ax, ax;
        jns     ".positive";
        neg     ax;
        mov     b(si), 0x2D;
        label   ".positive";
        mov     cl, 100;
        xor     dx, dx;
        mov     bx, 1000;
        div     bx;
        mov     ax, dx;
        div     cl;
        add     al, 0x30;
        mov     b(si + 1), al;
        mov     al, ah;
        aam     10;
        add     ax, 0x3030;
        mov     b(si + 2), ah;
        mov     b(si + 3), al;
        mov     b(si + 4), 0;
        mov     al, 15;
        jmp     "draw_text";
    );
}

fn pointer(a: &mut Asm16) {
    asm!(a;
        // Puts back what the pointer covers.
        label   "pointer_hide";
        cmp     w(POINTER_X), -1;
        je      ".done";
        mov     si, POINTER_UNDER;
        call    "pointer_place";
        label   ".row";
        push    cx;
        push    di;
        mov     cx, bx;
        rep_movsb;
        pop     di;
        pop     cx;
        add     si, WIDE;
        sub     si, bx;
        add     di, 320;
        loop_   ".row";
        label   ".done";
        ret;

        // Keeps what the pointer will cover, and draws it.
        label   "pointer_show";
        cli;
        mov     eax, d(MOUSE_X);
        sti;
        mov     d(POINTER_X), eax;
        mov     si, a.at("pointer");
        call    "pointer_place";
        mov     bp, POINTER_UNDER;
        label   ".row";
        push    cx;
        push    di;
        mov     cx, bx;
        label   ".point";
        mov     al, b(di).es();
        mov     b(bp), al;
        inc     bp;
        lodsb;
        test    al, al;
        jz      ".clear";
        mov     b(di).es(), al;
        label   ".clear";
        inc     di;
        loop_   ".point";
        pop     di;
        pop     cx;
        add     si, WIDE;
        sub     si, bx;
        add     bp, WIDE;
        sub     bp, bx;
        add     di, 320;
        loop_   ".row";
        ret;

        // DI: where the pointer is, BX: columns of it on the screen, CX: rows.
        label   "pointer_place";
        imul_3  di, w(POINTER_Y), 320;
        add     di, w(POINTER_X);
        mov     bx, 320;
        sub     bx, w(POINTER_X);
        cmp     bx, WIDE;
        jbe     ".columns";
        mov     bx, WIDE;
        label   ".columns";
        mov     cx, 200;
        sub     cx, w(POINTER_Y);
        cmp     cx, HIGH;
        jbe     ".rows";
        mov     cx, HIGH;
        label   ".rows";
        ret;
    );
}
