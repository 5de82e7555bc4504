//! Snake, on 40x23 cells of two characters each.
//!
//! The board has a byte a cell; the body is a ring of cell numbers from tail to head. A cell's number is row * 40 + column.

use super::cp437::{items, text};
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Cells in a row, and rows; the outermost are walls.
pub const WIDE: i32 = 40;
pub const HIGH: i32 = 23;

// What a cell is.
const FREE: u8 = 0;
const BODY_CELL: u8 = 1;
const FOOD: u8 = 2;
const WALL: u8 = 3;
const HEAD: u8 = 4;

pub fn emit(a: &mut Asm16) {
    page(a);
    new_game(a);
    step(a);
    draw(a);
    items(
        a,
        "snake_items",
        &[
            (0, 2, 0x70, "Snake"),
            (0, 22, 0x70, "Score"),
            (0, 36, 0x70, "Best"),
            (24, 2, 0x70, "Arrows: steer   A: by itself   Enter: new game   Esc: menu"),
        ],
    );
    text(a, "snake_over", "  Game over. Enter: a new game  ");
    text(a, "snake_self", "by itself");
    text(a, "snake_you", "         ");
    a.label("snake_cells");
    a.db(&[b' ', 0x00, 0xDB, 0x0A, 0x04, 0x0C, 0xB1, 0x19, 0xDB, 0x0E]);
}

fn page(a: &mut Asm16) {
    asm!(a;
        label   "snake_page";
        call    "text_mode";
        mov     al, b(ATTRACT);
        mov     b(SNAKE_AUTO), al;
        label   ".new";
        call    "snake_new";
        label   ".loop";
        call    "snake_score";
        mov     al, b(SNAKE_SPEED);
        call    "frame";
        jc      ".leave";
        jz      ".step";
        cmp     al, 13;
        je      ".new";
        mov     bl, al;
        or      bl, 0x20;
        cmp     bl, 0x61;
        je      ".self";
        mov     bx, -WIDE;
        cmp     ah, 0x48;
        je      ".turn";
        neg     bx;
        cmp     ah, 0x50;
        je      ".turn";
        mov     bx, 1;
        cmp     ah, 0x4D;
        je      ".turn";
        neg     bx;
        cmp     ah, 0x4B;
        jne     ".step";
        label   ".turn";
        // Straight back is no way.
        mov     ax, bx;
        add     ax, w(SNAKE_DIR);
        jz      ".step";
        mov     w(SNAKE_NEXT), bx;
        mov     b(SNAKE_AUTO), 0;
        jmp     ".step";
        label   ".self";
        xor     b(SNAKE_AUTO), 1;
        label   ".step";
        call    "quiet";
        cmp     b(SNAKE_DEAD), 0;
        jne     ".dead";
        cmp     b(SNAKE_AUTO), 0;
        je      ".steered";
        call    "snake_pilot";
        label   ".steered";
        call    "snake_step";
        jmp     ".loop";
        label   ".dead";
        // By itself it begins again after a while.
        cmp     b(SNAKE_AUTO), 0;
        je      ".loop";
        inc     b(SNAKE_DEAD);
        cmp     b(SNAKE_DEAD), 30;
        jb      ".loop";
        jmp     ".new";
        label   ".leave";
        ret;
    );
}

fn new_game(a: &mut Asm16) {
    asm!(a;
        label   "snake_new";
        mov     ax, 0x7020;
        call    "fill_screen";
        mov     si, a.at("snake_items");
        call    "put_items";
        // Walls around, nothing inside.
        xor     bx, bx;
        mov     dx, HIGH;
        label   ".row";
        mov     cx, WIDE;
        label   ".cell";
        mov     al, WALL as i32;
        cmp     dx, 1;
        je      ".set";
        cmp     dx, HIGH;
        je      ".set";
        cmp     cx, 1;
        je      ".set";
        cmp     cx, WIDE;
        je      ".set";
        mov     al, FREE as i32;
        label   ".set";
        call    "snake_cell";
        inc     bx;
        loop_   ".cell";
        dec     dx;
        jnz     ".row";
        mov     w(BODY), 11 * WIDE + 10;
        mov     w(SNAKE_HEAD), 0;
        mov     w(SNAKE_TAIL), 0;
        mov     w(SNAKE_DIR), 1;
        mov     w(SNAKE_NEXT), 1;
        mov     w(SNAKE_GROW), 4;
        mov     w(SNAKE_SCORE), 0;
        mov     w(SNAKE_SPEED), 9;
        mov     w(SNAKE_DEAD), 0;
        mov     bx, 11 * WIDE + 10;
        mov     al, HEAD as i32;
        call    "snake_cell";

        // Food on a free cell.
        label   "snake_feed";
        call    "random";
        shr     eax, 4;
        xor     edx, edx;
        mov     ecx, (WIDE * HIGH) as u32;
        div     ecx;
        mov     bx, dx;
        cmp     b(bx + BOARD), FREE as i32;
        jne     "snake_feed";
        mov     w(SNAKE_FOOD), bx;
        mov     al, FOOD as i32;

        // BX: cell, AL: what it becomes.
        label   "snake_cell";
        push    ax;
        push    dx;
        push    si;
        mov     b(bx + BOARD), al;
        movzx   si, al;
        add     si, si;
        mov     ax, bx;
        shl     ax, 2;
        mov     di, ax;
        // 40 cells of two characters are a row of the screen.
        add     di, place(1, 0);
        mov     ax, w(si + a.at("snake_cells"));
        stosw;
        cmp     al, 0x04;
        jne     ".twice";
        mov     al, 0x20;
        label   ".twice";
        stosw;
        pop     si;
        pop     dx;
        pop     ax;
        ret;
    );
}

fn step(a: &mut Asm16) {
    asm!(a;
        label   "snake_step";
        mov     ax, w(SNAKE_NEXT);
        mov     w(SNAKE_DIR), ax;
        mov     si, w(SNAKE_HEAD);
        mov     bx, w(si + BODY);
        mov     dx, bx;
        add     dx, ax;
        // The tail goes first: its cell may be entered.
        cmp     w(SNAKE_GROW), 0;
        jne     ".grows";
        mov     si, w(SNAKE_TAIL);
        push    bx;
        mov     bx, w(si + BODY);
        mov     al, FREE as i32;
        call    "snake_cell";
        pop     bx;
        add     si, 2;
        and     si, 0x7FF;
        mov     w(SNAKE_TAIL), si;
        jmp     ".ahead";
        label   ".grows";
        dec     w(SNAKE_GROW);
        label   ".ahead";
        mov     si, dx;
        mov     al, b(si + BOARD);
        cmp     al, BODY_CELL as i32;
        je      ".dead";
        cmp     al, WALL as i32;
        je      ".dead";
        push    ax;
        mov     al, BODY_CELL as i32;
        // Alone, the head was the tail and its cell is free again.
        cmp     b(bx + BOARD), FREE as i32;
        je      ".alone";
        call    "snake_cell";
        label   ".alone";
        mov     si, w(SNAKE_HEAD);
        add     si, 2;
        and     si, 0x7FF;
        mov     w(SNAKE_HEAD), si;
        mov     w(si + BODY), dx;
        mov     bx, dx;
        mov     al, HEAD as i32;
        call    "snake_cell";
        pop     ax;
        cmp     al, FOOD as i32;
        jne     ".done";
        add     w(SNAKE_GROW), 3;
        add     w(SNAKE_SCORE), 10;
        mov     ax, w(SNAKE_SCORE);
        cmp     ax, w(SNAKE_BEST);
        jbe     ".best";
        mov     w(SNAKE_BEST), ax;
        label   ".best";
        // Faster with every tenth meal.
        mov     bl, 100;
        div     bl;
        neg     al;
        add     al, 9;
        cmp     al, 3;
        jge     ".speed";
        mov     al, 3;
        label   ".speed";
        mov     b(SNAKE_SPEED), al;
        call    "snake_feed";
        mov     bx, 1200;
        jmp     ".sound";
        label   ".dead";
        mov     b(SNAKE_DEAD), 1;
        mov     di, place(12, 24);
        mov     b(ATTR), 0x4F;
        mov     si, a.at("snake_over");
        call    "puts";
        mov     bx, 9000;
        label   ".sound";
        // Until the next step; the attract mode is silent.
        cmp     b(ATTRACT), 0;
        je      "tone";
        label   ".done";
        ret;
    );
}

fn draw(a: &mut Asm16) {
    asm!(a;
        label   "snake_score";
        mov     b(ATTR), 0x70;
        mov     di, place(0, 28);
        movzx   eax, w(SNAKE_SCORE);
        mov     cl, 4;
        call    "put_dec";
        mov     di, place(0, 41);
        movzx   eax, w(SNAKE_BEST);
        call    "put_dec";
        mov     di, place(0, 68);
        mov     si, a.at("snake_self");
        cmp     b(SNAKE_AUTO), 0;
        jne     ".self";
        mov     si, a.at("snake_you");
        label   ".self";
        jmp     "puts";
    );
}
