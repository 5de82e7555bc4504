//! AH=10h: palette registers, border, blinking and the DAC.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Subfunctions.
const FUNCTIONS: [(u8, &str); 15] = [
    (0x00, "pal_set"),
    (0x01, "pal_set_border"),
    (0x02, "pal_set_all"),
    (0x03, "pal_blink"),
    (0x07, "pal_get"),
    (0x08, "pal_get_border"),
    (0x09, "pal_get_all"),
    (0x10, "dac_set"),
    (0x12, "dac_set_block"),
    (0x13, "dac_page"),
    (0x15, "dac_get"),
    (0x17, "dac_get_block"),
    (0x18, "dac_set_mask"),
    (0x19, "dac_get_mask"),
    (0x1A, "dac_get_page"),
];

pub fn emit(a: &mut Asm16) {
    a.label("palette_call");
    for (al_value, target) in FUNCTIONS {
        asm!(a; cmp al, i32::from(al_value); je target; );
    }
    asm!(a;
        cmp     al, 0x1B;
        je      "grey_sum";
        ret;
    );
    attribute(a);
    dac(a);
}

fn attribute(a: &mut Asm16) {
    asm!(a;
        // AL: register, AH: value. Keeps every register.
        label   "attribute_set";
        push    dx;
        push    ax;
        call    "flip_flop";
        mov     dx, ATTRIBUTE;
        out     dx, al;
        mov     al, ah;
        out     dx, al;
        mov     al, 0x20;
        out     dx, al;
        pop     ax;
        pop     dx;
        ret;
        // AL: register. Gives AL = value.
        label   "attribute_get";
        push    dx;
        call    "flip_flop";
        mov     dx, ATTRIBUTE;
        or      al, 0x20;
        out     dx, al;
        inc     dx;
        in_     al, dx;
        call    "flip_flop";
        pop     dx;
        ret;

        label   "pal_set_border";
        mov     bl, 0x11;
        // BL: register, BH: value.
        label   "pal_set";
        cmp     bl, 0x14;
        ja      ".ret";
        mov     ax, bx;
        call    "attribute_set";
        label   ".ret";
        ret;
        label   "pal_get_border";
        mov     bl, 0x11;
        label   "pal_get";
        cmp     bl, 0x14;
        ja      ".ret";
        mov     al, bl;
        call    "attribute_get";
        mov     b(bp + R_BH), al;
        label   ".ret";
        ret;
        // ES:DX: 16 registers and the border.
        label   "pal_set_all";
        mov     si, dx;
        xor     bx, bx;
        label   ".next";
        es_lodsb;
        mov     ah, al;
        call    "pal_index";
        call    "attribute_set";
        inc     bx;
        cmp     bl, 17;
        jb      ".next";
        ret;
        label   "pal_get_all";
        mov     di, dx;
        xor     bx, bx;
        label   ".next";
        call    "pal_index";
        call    "attribute_get";
        stosb;
        inc     bx;
        cmp     bl, 17;
        jb      ".next";
        ret;
        // BL: 0-16. Gives AL = the register: the seventeenth is the border.
        label   "pal_index";
        mov     al, bl;
        cmp     al, 16;
        jne     ".ret";
        inc     al;
        label   ".ret";
        ret;

        // BL: 0 bright backgrounds, 1 blinking.
        label   "pal_blink";
        mov     al, 0x10;
        call    "attribute_get";
        and     al, 0xF7;
        and     b(CGA_MODE), 0xDF;
        test    bl, 1;
        jz      ".set";
        or      al, 8;
        or      b(CGA_MODE), 0x20;
        label   ".set";
        mov     ah, al;
        mov     al, 0x10;
        jmp     "attribute_set";

        // BL 0: BH = paging (0: four pages of 64, 1: sixteen of 16); BL 1: BH = page.
        label   "dac_page";
        mov     al, 0x10;
        call    "attribute_get";
        test    bl, bl;
        jnz     ".page";
        and     al, 0x7F;
        shl     bh, 7;
        or      al, bh;
        mov     ah, al;
        mov     al, 0x10;
        jmp     "attribute_set";
        label   ".page";
        test    al, 0x80;
        jnz     ".sixteen";
        shl     bh, 2;
        label   ".sixteen";
        mov     ah, bh;
        and     ah, 0x0F;
        mov     al, 0x14;
        jmp     "attribute_set";
        label   "dac_get_page";
        mov     al, 0x10;
        call    "attribute_get";
        mov     bl, al;
        shr     bl, 7;
        mov     al, 0x14;
        call    "attribute_get";
        and     al, 0x0F;
        test    bl, bl;
        jnz     ".sixteen";
        shr     al, 2;
        label   ".sixteen";
        mov     bh, al;
        mov     w(bp + R_BX), bx;
        ret;
    );
}

fn dac(a: &mut Asm16) {
    asm!(a;
        // BX: entry, DH CH CL: red, green, blue.
        label   "dac_set";
        mov     ah, dh;
        mov     dx, DAC_WRITE;
        mov     al, bl;
        cli;
        out     dx, al;
        inc     dx;
        mov     al, ah;
        out     dx, al;
        mov     al, ch;
        out     dx, al;
        mov     al, cl;
        out     dx, al;
        sti;
        ret;
        label   "dac_get";
        mov     dx, DAC_READ;
        mov     al, bl;
        cli;
        out     dx, al;
        mov     dx, DAC_DATA;
        in_     al, dx;
        mov     b(bp + R_DX + 1), al;
        in_     al, dx;
        mov     b(bp + R_CX + 1), al;
        in_     al, dx;
        mov     b(bp + R_CX), al;
        sti;
        ret;
        // BX: first entry, CX: count, ES:DX: components.
        label   "dac_set_block";
        jcxz    ".ret";
        mov     si, dx;
        mov     dx, DAC_WRITE;
        mov     al, bl;
        out     dx, al;
        inc     dx;
        label   ".next";
        es_lodsb;
        out     dx, al;
        es_lodsb;
        out     dx, al;
        es_lodsb;
        out     dx, al;
        loop_   ".next";
        label   ".ret";
        ret;
        label   "dac_get_block";
        jcxz    ".ret";
        mov     di, dx;
        mov     dx, DAC_READ;
        mov     al, bl;
        out     dx, al;
        mov     dx, DAC_DATA;
        label   ".next";
        in_     al, dx;
        stosb;
        in_     al, dx;
        stosb;
        in_     al, dx;
        stosb;
        loop_   ".next";
        label   ".ret";
        ret;
        label   "dac_set_mask";
        mov     dx, DAC_MASK;
        mov     al, bl;
        out     dx, al;
        ret;
        label   "dac_get_mask";
        mov     dx, DAC_MASK;
        in_     al, dx;
        xor     ah, ah;
        mov     w(bp + R_BX), ax;
        ret;

        // BX: first entry, CX: count. Each becomes the grey of its brightness: 30 % red, 59 % green, 11 % blue.
        label   "grey_sum";
        jcxz    ".ret";
        label   ".next";
        push    cx;
        mov     dx, DAC_READ;
        mov     al, bl;
        out     dx, al;
        mov     dx, DAC_DATA;
        in_     al, dx;
        mov     ah, 77;
        mul     ah;
        mov     cx, ax;
        in_     al, dx;
        mov     ah, 151;
        mul     ah;
        add     cx, ax;
        in_     al, dx;
        mov     ah, 28;
        mul     ah;
        add     cx, ax;
        add     cx, 0x80;
        mov     dx, DAC_WRITE;
        mov     al, bl;
        out     dx, al;
        inc     dx;
        mov     al, ch;
        out     dx, al;
        out     dx, al;
        out     dx, al;
        inc     bx;
        pop     cx;
        loop_   ".next";
        label   ".ret";
        ret;
    );
}
