//! Mode 13h: a fire. Each point becomes the mean of four points below it, a little cooler; the lowest rows are embers.

use super::cp437::text;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// The first row that burns, and the embers' two rows, which are not shown.
const TOP: i32 = 40;
const EMBERS: i32 = 200;

pub fn emit(a: &mut Asm16) {
    asm!(a;
        label   "fire_page";
        mov     ax, 0x0013;
        int     0x10;
        call    "fire_palette";
        mov     ax, BUFFER;
        mov     es, ax;
        xor     di, di;
        xor     eax, eax;
        mov     cx, 0x4000;
        rep_stosd;
        mov     b(T0), 144;
        label   ".loop";
        mov     ax, BUFFER;
        mov     es, ax;
        call    "fire_embers";
        call    "fire_burn";
        mov     si, a.at("fire_caption");
        mov     di, 8 * 320 + 8;
        mov     al, 160;
        call    "draw_text";
        call    "show_buffer";
        mov     al, 2;
        call    "frame";
        jc      ".leave";
        jz      ".loop";
        // More fuel, up to a limit, then little again.
        add     b(T0), 32;
        jmp     ".loop";
        label   ".leave";
        ret;

        // Clumps of four points, hot with probability T0 / 256.
        label   "fire_embers";
        mov     di, EMBERS * 320;
        mov     cx, 160;
        label   ".clump";
        call    "random";
        shr     eax, 8;
        cmp     al, b(T0);
        sbb     eax, eax;
        stosd;
        loop_   ".clump";
        ret;

        label   "fire_burn";
        push    ds;
        push    es;
        pop     ds;
        mov     di, TOP * 320;
        mov     cx, (EMBERS - TOP) * 320;
        xor     ax, ax;
        xor     dx, dx;
        label   ".point";
        mov     al, b(di + 319);
        mov     dl, b(di + 320);
        add     ax, dx;
        mov     dl, b(di + 321);
        add     ax, dx;
        mov     dl, b(di + 640);
        add     ax, dx;
        shr     ax, 2;
        sub     al, 1;
        adc     al, 0;
        mov     ah, 0;
        mov     b(di), al;
        inc     di;
        dec     cx;
        jnz     ".point";
        pop     ds;
        ret;

        // Black, red, yellow, white: each gun takes a third of the way.
        label   "fire_palette";
        mov     dx, 0x3C8;
        mov     al, 0;
        out     dx, al;
        inc     dx;
        xor     bx, bx;
        label   ".colour";
        mov     ax, bx;
        call    ".gun";
        mov     ax, bx;
        sub     ax, 70;
        call    ".gun";
        mov     ax, bx;
        sub     ax, 150;
        call    ".gun";
        inc     bl;
        jnz     ".colour";
        ret;
        // AX: 0-84 gives 0-63, less gives 0, more 63.
        label   ".gun";
        test    ax, ax;
        jns     ".positive";
        xor     ax, ax;
        label   ".positive";
        imul_3  ax, ax, 3;
        shr     ax, 2;
        cmp     ax, 63;
        jbe     ".out";
        mov     al, 63;
        label   ".out";
        out     dx, al;
        ret;
    );
    text(a, "fire_caption", "Mode 13h   Space: fuel   Esc");
}
