//! AH=08h-0Ah, 0Eh, 13h: characters.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    write(a);
    teletype(a);
    string(a);
}

fn write(a: &mut Asm16) {
    asm!(a;
        // BH: page. Gives AL = character, AH = attribute under the cursor.
        label   "read_char";
        call    "page_cursor";
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     ".graphics";
        call    "cell_address";
        mov     ax, w(di).es();
        mov     w(bp + R_AX), ax;
        ret;
        label   ".graphics";
        call    "read_glyph";
        mov     w(bp + R_AX), ax;
        ret;

        // BH: page, DX: row and column. Gives ES:DI = the cell in text memory.
        label   "cell_address";
        push    ax;
        push    dx;
        movzx   di, dl;
        mov     al, dh;
        xor     ah, ah;
        mul     w(COLS);
        add     di, ax;
        add     di, di;
        movzx   ax, bh;
        and     al, 7;
        mul     w(PAGE_SIZE);
        add     di, ax;
        pop     dx;
        pop     ax;
        call    "text_segment";
        ret;

        // AL: character, BH: page, BL: attribute or colour, CX: count.
        label   "write_char_attr";
        call    "page_cursor";
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     "write_graphics";
        call    "cell_address";
        mov     ah, bl;
        rep_stosw;
        ret;
        // AL: character, BH: page, CX: count.
        label   "write_char";
        call    "page_cursor";
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     "write_graphics";
        call    "cell_address";
        jcxz    ".done";
        label   ".next";
        mov     b(di).es(), al;
        inc     di;
        inc     di;
        loop_   ".next";
        label   ".done";
        ret;
        // AL: character, BL: colour, CX: count, DX: position. BH is the background in 256-colour modes.
        label   "write_graphics";
        mov     b(bp + L_BACK), 0;
        cmp     b(bp + L_CLASS), CLASS_LINEAR;
        jne     ".start";
        mov     b(bp + L_BACK), bh;
        label   ".start";
        jcxz    ".done";
        label   ".next";
        call    "draw_glyph";
        inc     dl;
        cmp     dl, b(COLS);
        jb      ".same";
        xor     dl, dl;
        inc     dh;
        cmp     dh, b(ROWS);
        ja      ".done";
        label   ".same";
        loop_   ".next";
        label   ".done";
        ret;
    );
}

fn teletype(a: &mut Asm16) {
    asm!(a;
        label   "teletype_call";
        mov     bh, b(PAGE);
        mov     b(bp + L_BACK), 0;
        mov     ah, 0;
        // AL: character, BH: page, BL: colour in graphics, or the attribute when AH is 1. Keeps every register.
        label   "teletype";
        pusha;
        push    es;
        call    "page_cursor";
        cmp     al, 0x07;
        je      ".bell";
        cmp     al, 0x08;
        je      ".backspace";
        cmp     al, 0x0A;
        je      ".feed";
        cmp     al, 0x0D;
        je      ".return";
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     ".glyph";
        call    "cell_address";
        mov     b(di).es(), al;
        test    ah, ah;
        jz      ".advance";
        mov     b(di + 1).es(), bl;
        jmp     ".advance";
        label   ".glyph";
        call    "draw_glyph";
        label   ".advance";
        inc     dl;
        cmp     dl, b(COLS);
        jb      ".set";
        xor     dl, dl;
        label   ".feed";
        inc     dh;
        cmp     dh, b(ROWS);
        jbe     ".set";
        mov     dh, b(ROWS);
        // At the bottom: everything moves up, the new line takes the attribute under the cursor.
        call    "set_cursor";
        push    dx;
        push    bx;
        xor     ax, ax;
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     ".scroll";
        call    "cell_address";
        mov     ah, b(di + 1).es();
        label   ".scroll";
        mov     bh, ah;
        mov     ax, 0x0601;
        xor     cx, cx;
        mov     dx, 0xFFFF;
        call    "scroll";
        pop     bx;
        pop     dx;
        jmp     ".set";
        label   ".return";
        xor     dl, dl;
        jmp     ".set";
        label   ".backspace";
        test    dl, dl;
        jz      ".done";
        dec     dl;
        label   ".set";
        call    "set_cursor";
        label   ".done";
        pop     es;
        popa;
        ret;
        label   ".bell";
        call    "beep";
        jmp     ".done";

        // Speaker on for a sixth of a second. Waits by the refresh bit of port 61h, at most a fixed number of reads.
        label   "beep";
        pusha;
        mov     al, 0xB6;
        out     0x43, al;
        mov     ax, 1331;
        out     0x42, al;
        mov     al, ah;
        out     0x42, al;
        in_     al, 0x61;
        mov     bl, al;
        or      al, 3;
        out     0x61, al;
        mov     cx, 11000;
        mov     dx, 0xFFFF;
        mov     bh, al;
        label   ".wait";
        in_     al, 0x61;
        xor     al, bh;
        test    al, 0x10;
        jnz     ".turned";
        dec     dx;
        jnz     ".wait";
        jmp     ".off";
        label   ".turned";
        xor     bh, 0x10;
        mov     dx, 0xFFFF;
        loop_   ".wait";
        label   ".off";
        mov     al, bl;
        out     0x61, al;
        popa;
        ret;
    );
}

fn string(a: &mut Asm16) {
    asm!(a;
        // AL: bit 0 the cursor moves, bit 1 attributes are in the string; BH: page, BL: attribute, CX: characters, DX: where,
        // the caller's ES:BP: the string.
        label   "write_string";
        cmp     al, 3;
        ja      ".ret";
        jcxz    ".ret";
        mov     b(bp + L_BACK), 0;
        mov     b(bp + L_FLAGS), al;
        mov     si, w(bp + R_BP);
        mov     ax, dx;
        call    "page_cursor";
        push    dx;
        mov     dx, ax;
        call    "set_cursor";
        label   ".next";
        mov     es, w(bp + R_ES);
        es_lodsb;
        test    b(bp + L_FLAGS), 2;
        jz      ".write";
        mov     bl, b(si).es();
        inc     si;
        label   ".write";
        mov     ah, 1;
        call    "teletype";
        loop_   ".next";
        pop     dx;
        test    b(bp + L_FLAGS), 1;
        jnz     ".ret";
        call    "set_cursor";
        label   ".ret";
        ret;
    );
}
