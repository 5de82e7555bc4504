//! Text output: into colour text memory at ES:DI, into a 320-wide picture, and through the BIOS in graphics modes.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    words(a);
    numbers(a);
    boxes(a);
    pictures(a);
}

fn words(a: &mut Asm16) {
    asm!(a;
        // AH: colour. Fills the 80x25 screen with character AL.
        label   "fill_screen";
        xor     di, di;
        mov     cx, 2000;
        rep_stosw;
        ret;

        // SI: string, in colour ATTR. SI and DI go on behind it.
        label   "puts";
        mov     ah, b(ATTR);
        label   ".next";
        lodsb;
        test    al, al;
        jz      ".done";
        stosw;
        jmp     ".next";
        label   ".done";
        ret;

        // AL: character.
        label   "putc";
        push    ax;
        mov     ah, b(ATTR);
        stosw;
        pop     ax;
        ret;

        // CX: how many blanks.
        label   "blanks";
        mov     al, 0x20;
        mov     ah, b(ATTR);
        rep_stosw;
        ret;

        // SI: list of offset, colour, string; FFFFh ends it.
        label   "put_items";
        lodsw;
        cmp     ax, 0xFFFF;
        je      ".done";
        mov     di, ax;
        lodsb;
        mov     b(ATTR), al;
        call    "puts";
        jmp     "put_items";
        label   ".done";
        ret;

        // SI: string, AL: another end of it that is not printed; CL characters at most.
        label   "putn";
        mov     ah, b(ATTR);
        label   ".next";
        lodsb;
        test    al, al;
        jz      ".done";
        stosw;
        dec     cl;
        jnz     ".next";
        label   ".done";
        ret;
    );
}

fn numbers(a: &mut Asm16) {
    asm!(a;
        // EAX in decimal. CL: least width, blanks before it. Keeps EBX, CL, EDX.
        label   "put_dec";
        mov     ch, 0x20;
        jmp     "put_number";
        // The same, zeros before it.
        label   "put_dec0";
        mov     ch, 0x30;
        label   "put_number";
        pushad;
        mov     bp, sp;
        mov     ebx, 10;
        mov     si, cx;
        xor     cx, cx;
        label   ".digit";
        xor     edx, edx;
        div     ebx;
        add     dl, 0x30;
        push    dx;
        inc     cx;
        test    eax, eax;
        jnz     ".digit";
        mov     dx, si;
        label   ".pad";
        cmp     cl, dl;
        jae     ".out";
        movzx   ax, dh;
        push    ax;
        inc     cx;
        jmp     ".pad";
        label   ".out";
        pop     ax;
        call    "putc";
        loop_   ".out";
        // The caller's DI goes on.
        mov     w(bp), di;
        popad;
        ret;

        // AL, AX, EAX in hexadecimal.
        label   "put_hex32";
        push    eax;
        shr     eax, 16;
        call    "put_hex16";
        pop     eax;
        label   "put_hex16";
        push    ax;
        mov     al, ah;
        call    "put_hex8";
        pop     ax;
        label   "put_hex8";
        push    ax;
        shr     al, 4;
        call    "put_hex4";
        pop     ax;
        label   "put_hex4";
        push    ax;
        and     al, 15;
        cmp     al, 10;
        jb      ".digit";
        add     al, 7;
        label   ".digit";
        add     al, 0x30;
        call    "putc";
        pop     ax;
        ret;
    );
}

fn boxes(a: &mut Asm16) {
    asm!(a;
        // DI: corner, CX: inner width, DX: inner height, ATTR: colour; SI: six characters: corners, lines. Blank inside.
        label   "frame_box";
        pusha;
        mov     ah, b(ATTR);
        mov     bx, di;
        lodsb;
        call    ".line";
        label   ".row";
        add     bx, 160;
        mov     di, bx;
        push    si;
        push    cx;
        lodsb;
        stosw;
        mov     al, 0x20;
        rep_stosw;
        mov     al, b(si - 1);
        stosw;
        // A shadow: what lies right of the box keeps its characters and goes dark.
        mov     b(di + 1).es(), 8;
        mov     b(di + 3).es(), 8;
        pop     cx;
        pop     si;
        dec     dx;
        jnz     ".row";
        add     bx, 160;
        mov     di, bx;
        inc     si;
        lodsb;
        call    ".line";
        mov     b(di + 1).es(), 8;
        mov     b(di + 3).es(), 8;
        lea     di, w(bx + 160 + 5);
        add     cx, 2;
        label   ".shadow";
        mov     b(di).es(), 8;
        add     di, 2;
        loop_   ".shadow";
        popa;
        ret;
        // AL: left corner, SI: line, right corner.
        label   ".line";
        stosw;
        push    cx;
        lodsb;
        rep_stosw;
        pop     cx;
        lodsb;
        stosw;
        ret;
    );
    a.label("double");
    a.db(&super::cp437::cp437("╔═╗║╚═╝"));
    a.label("single");
    a.db(&super::cp437::cp437("┌─┐│└─┘"));
}

fn pictures(a: &mut Asm16) {
    asm!(a;
        // SI: string, DI: place in a picture at ES that is 320 bytes wide, AL: colour. 8x8 characters, background untouched.
        label   "draw_text";
        push    fs;
        mov     ah, al;
        label   ".char";
        lodsb;
        test    al, al;
        jz      ".done";
        lfs     bx, d(FONT8);
        push    ax;
        mov     ah, 0;
        shl     ax, 3;
        add     bx, ax;
        pop     ax;
        push    di;
        mov     cx, 8;
        label   ".row";
        mov     al, b(bx).fs();
        inc     bx;
        push    di;
        label   ".pixel";
        add     al, al;
        jnc     ".clear";
        mov     b(di).es(), ah;
        label   ".clear";
        inc     di;
        test    al, al;
        jnz     ".pixel";
        pop     di;
        add     di, 320;
        loop_   ".row";
        pop     di;
        add     di, 8;
        jmp     ".char";
        label   ".done";
        pop     fs;
        ret;

        // Shows the picture in BUFFER: 64000 bytes to the graphics memory.
        label   "show_buffer";
        push    ds;
        mov     ax, GRAPHICS;
        mov     es, ax;
        mov     ax, BUFFER;
        mov     ds, ax;
        xor     si, si;
        xor     di, di;
        mov     cx, 16000;
        rep_movsd;
        pop     ds;
        ret;

        // SI: string, DH row, DL column, BL colour: through the BIOS, in any mode.
        label   "bios_text";
        mov     bh, 0;
        mov     ah, 2;
        int     0x10;
        label   ".next";
        lodsb;
        test    al, al;
        jz      ".done";
        mov     ah, 0x0E;
        int     0x10;
        jmp     ".next";
        label   ".done";
        ret;
    );
}
