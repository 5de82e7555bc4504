//! Snake by itself: of the three ways the free one nearest to the food, where a cell that has a free neighbour beyond it counts
//! before one that has none. Simple enough to lose in the end.

use super::layout::*;
use super::snake::WIDE;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Worse than any distance.
const NEVER: i32 = 0x7FFF;
/// For a dead end.
const DEAD_END: i32 = 200;

pub fn emit(a: &mut Asm16) {
    asm!(a;
        label   "snake_pilot";
        mov     si, w(SNAKE_HEAD);
        mov     bx, w(si + BODY);
        mov     w(T0), NEVER;
        mov     si, a.at("ways");
        mov     cx, 4;
        label   ".way";
        lodsw;
        // Straight back is no way.
        mov     dx, ax;
        add     dx, w(SNAKE_DIR);
        jz      ".next";
        mov     di, bx;
        add     di, ax;
        call    ".free";
        jnz     ".next";
        mov     w(T1), ax;
        call    ".distance";
        call    ".freedom";
        test    bp, bp;
        jnz     ".open";
        add     dx, DEAD_END;
        label   ".open";
        cmp     dx, w(T0);
        jae     ".next";
        mov     w(T0), dx;
        mov     ax, w(T1);
        mov     w(SNAKE_NEXT), ax;
        label   ".next";
        loop_   ".way";
        ret;

        // DI: cell. Zero: it can be entered (0 free, 2 food).
        label   ".free";
        test    b(di + BOARD), 1;
        jnz     ".taken";
        cmp     b(di + BOARD), 4;
        je      ".head";
        xor     dl, dl;
        label   ".taken";
        ret;
        label   ".head";
        or      dl, 1;
        ret;

        // DI: cell. DX: columns and rows to the food.
        label   ".distance";
        push    bx;
        push    cx;
        mov     cl, WIDE;
        mov     ax, di;
        div     cl;
        mov     bx, ax;
        mov     ax, w(SNAKE_FOOD);
        div     cl;
        sub     al, bl;
        jns     ".rows";
        neg     al;
        label   ".rows";
        sub     ah, bh;
        jns     ".columns";
        neg     ah;
        label   ".columns";
        add     al, ah;
        movzx   dx, al;
        pop     cx;
        pop     bx;
        ret;

        // DI: cell. BP: how many of its neighbours can be entered.
        label   ".freedom";
        push    dx;
        push    si;
        push    cx;
        xor     bp, bp;
        mov     si, a.at("ways");
        mov     cx, 4;
        label   ".neighbour";
        lodsw;
        push    di;
        add     di, ax;
        call    ".free";
        jnz     ".closed";
        inc     bp;
        label   ".closed";
        pop     di;
        loop_   ".neighbour";
        pop     cx;
        pop     si;
        pop     dx;
        ret;
        align   2;
        label   "ways";
        dw      &[1, WIDE as u16, 0xFFFF, WIDE.wrapping_neg() as u16];
    );
}
