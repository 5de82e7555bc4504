//! The demo program: set-up, the text page, choice of pages. Runs with CS = DS = ES = its own segment.

use super::graphics;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Colour text memory.
const TEXT: i32 = 0xB800;

/// Everything, from offset 0.
pub fn program(a: &mut Asm16) {
    main(a);
    text_page(a);
    panel(a);
    output(a);
    mouse(a);
    sound(a);
    graphics::emit(a);
    data(a);
}

fn main(a: &mut Asm16) {
    asm!(a;
        org     0;
        mov     ax, cs;
        mov     ds, ax;
        mov     es, ax;
        cli;
        mov     ss, ax;
        mov     sp, 0xFFF0;
        sti;
        cld;
        call    "mouse_on";
        mov     b(a.at("page")), 0;
        label   "show";
        push    cs;
        pop     es;
        movzx   bx, b(a.at("page"));
        add     bx, bx;
        call    w(bx + a.at("pages"));
        // AX: the key that ended the page.
        cmp     al, 0x1B;
        je      "power_off";
        cmp     al, 0x20;
        je      ".following";
        cmp     al, 0x31;
        jb      "show";
        cmp     al, 0x35;
        ja      ".letter";
        sub     al, 0x31;
        mov     b(a.at("page")), al;
        jmp     "show";
        label   ".following";
        inc     b(a.at("page"));
        cmp     b(a.at("page")), 5;
        jb      "show";
        mov     b(a.at("page")), 0;
        jmp     "show";
        label   ".letter";
        or      al, 0x20;
        cmp     al, 0x73;
        je      ".sound";
        cmp     al, 0x72;
        jne     "show";
        mov     ax, 0x40;
        mov     ds, ax;
        mov     w(0x72), 0x1234;
        jmp_far 0xF000, "reset";
        define  "reset", 0xFFF0;
        label   ".sound";
        call    "melody";
        jmp     "show";

        // APM: connect, all devices off. Without APM: halt.
        label   "power_off";
        mov     ax, 3;
        int     0x10;
        mov     ax, 0x5301;
        xor     bx, bx;
        int     0x15;
        mov     ax, 0x5307;
        mov     bx, 1;
        mov     cx, 3;
        int     0x15;
        cli;
        hlt;

        // A key in AX, or zero flag; the processor rests until something happens.
        label   "key_or_rest";
        mov     ah, 0x11;
        int     0x16;
        jnz     ".take";
        hlt;
        xor     ax, ax;
        ret;
        label   ".take";
        mov     ah, 0x10;
        int     0x16;
        mov     w(a.at("last_key")), ax;
        test    ax, ax;
        ret;
        align   2;
        label   "pages";
        dw_at "text_page"; dw_at "plasma_page"; dw_at "planar_page"; dw_at "cga_page"; dw_at "dense_page";
    );
}

fn text_page(a: &mut Asm16) {
    asm!(a;
        label   "text_page";
        mov     ax, 3;
        int     0x10;
        mov     ah, 1;
        mov     cx, 0x2000;
        int     0x10;
        // A blue screen with a frame and a title bar.
        push    i32::from(TEXT as u16);
        pop     es;
        xor     di, di;
        mov     ax, 0x1720;
        mov     cx, 2000;
        rep_stosw;
        mov     ah, 0x1F;
        mov     al, 0xCD;
        mov     di, 160;
        mov     cx, 80;
        rep_stosw;
        mov     di, 23 * 160;
        mov     cx, 80;
        rep_stosw;
        mov     si, a.at("text_lines");
        label   ".line";
        lodsw;
        test    ax, ax;
        jz      ".lines_done";
        mov     di, ax;
        lodsb;
        mov     ah, al;
        call    "put_text";
        jmp     ".line";
        label   ".lines_done";
        // All 256 characters, 64 in a row, at column 8 of rows 15-18.
        xor     bx, bx;
        label   ".char";
        mov     ax, bx;
        shr     ax, 6;
        imul_3  ax, ax, 160;
        mov     di, bx;
        and     di, 63;
        add     di, di;
        add     di, ax;
        mov     al, bl;
        mov     ah, 0x1E;
        mov     w(di + 15 * 160 + 16).es(), ax;
        inc     bx;
        cmp     bx, 256;
        jb      ".char";
        // Sixteen colours, four columns each, on row 20.
        xor     bx, bx;
        mov     di, 20 * 160 + 16;
        label   ".colour";
        mov     ah, bl;
        mov     al, 0xDB;
        mov     cx, 4;
        rep_stosw;
        inc     bx;
        cmp     bl, 16;
        jb      ".colour";
        // The pointer, which the panel moves by inverting colours.
        mov     di, w(a.at("pointer_at"));
        xor     b(di + 1).es(), 0x77;
        label   ".loop";
        call    "panel";
        call    "key_or_rest";
        jz      ".loop";
        // Keys that choose end the page; all others are only shown.
        cmp     al, 0x1B;
        je      ".end";
        cmp     al, 0x20;
        je      ".end";
        mov     bl, al;
        sub     bl, 0x31;
        cmp     bl, 5;
        jb      ".end";
        mov     bl, al;
        or      bl, 0x20;
        cmp     bl, 0x73;
        je      ".end";
        cmp     bl, 0x72;
        jne     ".loop";
        label   ".end";
        push    cs;
        pop     es;
        ret;
    );
}

/// The live part of the text page. ES = text memory.
fn panel(a: &mut Asm16) {
    asm!(a;
        label   "panel";
        // Time and date, from the clock: BCD.
        mov     ah, 2;
        int     0x1A;
        mov     di, 5 * 160 + 44;
        mov     al, ch; call "put_hex8";
        mov     al, 0x3A; call "put_one";
        mov     al, cl; call "put_hex8";
        mov     al, 0x3A; call "put_one";
        mov     al, dh; call "put_hex8";
        mov     ah, 4;
        int     0x1A;
        add     di, 4;
        mov     al, ch; call "put_hex8";
        mov     al, cl; call "put_hex8";
        mov     al, 0x2D; call "put_one";
        mov     al, dh; call "put_hex8";
        mov     al, 0x2D; call "put_one";
        mov     al, dl; call "put_hex8";
        // Ticks of the timer.
        xor     ax, ax;
        int     0x1A;
        mov     di, 6 * 160 + 44;
        mov     ax, cx; call "put_hex16";
        mov     ax, dx; call "put_hex16";
        // A mark that turns with the ticks.
        and     dx, 3;
        mov     bx, dx;
        mov     al, b(bx + a.at("spinner"));
        add     di, 4;
        call    "put_one";
        // The last key's word and its character; the shift states.
        mov     di, 8 * 160 + 44;
        mov     ax, w(a.at("last_key"));
        call    "put_hex16";
        add     di, 4;
        mov     al, b(a.at("last_key"));
        call    "put_one";
        mov     ah, 0x12;
        int     0x16;
        mov     di, 9 * 160 + 44;
        call    "put_hex16";
        add     di, 4;
        mov     bx, ax;
        mov     si, a.at("shift_names");
        mov     cx, 8;
        label   ".shift";
        mov     ah, 0x18;
        shr     bl, 1;
        jnc     ".off";
        mov     ah, 0x1F;
        label   ".off";
        call    "put_text";
        add     di, 2;
        loop_   ".shift";
        // The mouse: where, which buttons; a pointer in its place on the screen.
        mov     di, 11 * 160 + 44;
        mov     ax, w(a.at("mouse_x")); call "put_hex16";
        add     di, 2;
        mov     ax, w(a.at("mouse_y")); call "put_hex16";
        add     di, 2;
        mov     al, b(a.at("mouse_buttons")); call "put_hex8";
        mov     di, w(a.at("pointer_at"));
        xor     b(di + 1).es(), 0x77;
        mov     ax, w(a.at("mouse_y"));
        shr     ax, 3;
        imul_3  ax, ax, 160;
        mov     di, w(a.at("mouse_x"));
        shr     di, 3;
        add     di, di;
        add     di, ax;
        mov     w(a.at("pointer_at")), di;
        xor     b(di + 1).es(), 0x77;
        // Memory by INT 12h and INT 15h.
        int     0x12;
        mov     di, 13 * 160 + 44;
        call    "put_dec";
        add     di, 12;
        mov     ax, 0xE801;
        int     0x15;
        jc      ".small";
        shr     dx, 4;
        mov     ax, dx;
        add     ax, 16;
        call    "put_dec";
        label   ".small";
        ret;
    );
}

fn output(a: &mut Asm16) {
    asm!(a;
        // AL: character to ES:DI, keeping the attribute there.
        label   "put_one";
        mov     b(di).es(), al;
        add     di, 2;
        ret;
        label   "put_hex16";
        xchg    al, ah;
        call    "put_hex8";
        xchg    al, ah;
        label   "put_hex8";
        push    ax;
        shr     al, 4;
        call    ".digit";
        pop     ax;
        push    ax;
        and     al, 15;
        call    ".digit";
        pop     ax;
        ret;
        label   ".digit";
        cmp     al, 10;
        jb      ".low";
        add     al, 7;
        label   ".low";
        add     al, 0x30;
        jmp     "put_one";
        // AX: five decimal places.
        label   "put_dec";
        push    ax;
        push    bx;
        push    cx;
        push    dx;
        mov     bx, 10;
        add     di, 8;
        mov     cx, 5;
        label   ".next";
        xor     dx, dx;
        div     bx;
        add     dl, 0x30;
        mov     b(di).es(), dl;
        sub     di, 2;
        test    ax, ax;
        loopne  ".next";
        // Blanks before the number.
        jcxz    ".done";
        label   ".blank";
        mov     b(di).es(), 0x20;
        sub     di, 2;
        loop_   ".blank";
        label   ".done";
        add     di, 12;
        pop     dx;
        pop     cx;
        pop     bx;
        pop     ax;
        ret;
        // DS:SI: text ended by 0, AH: attribute.
        label   "put_text";
        push    ax;
        label   ".next";
        lodsb;
        test    al, al;
        jz      ".done";
        stosw;
        jmp     ".next";
        label   ".done";
        pop     ax;
        ret;
    );
}

fn mouse(a: &mut Asm16) {
    asm!(a;
        // The pointing device through INT 15h AH=C2h.
        label   "mouse_on";
        mov     ax, 0xC205;
        mov     bh, 3;
        int     0x15;
        jc      ".none";
        mov     ax, 0xC207;
        mov     bx, a.at("mouse_moved");
        int     0x15;
        jc      ".none";
        mov     ax, 0xC200;
        mov     bh, 1;
        int     0x15;
        label   ".none";
        ret;

        // Far, with status, X, Y, Z on the stack. Y counts upwards.
        label   "mouse_moved";
        push    bp;
        mov     bp, sp;
        pusha;
        push    ds;
        push    cs;
        pop     ds;
        mov     ax, w(bp + 12);
        mov     b(a.at("mouse_buttons")), al;
        and     b(a.at("mouse_buttons")), 7;
        movzx   bx, b(bp + 10);
        test    al, 0x10;
        jz      ".right";
        mov     bh, 0xFF;
        label   ".right";
        add     bx, w(a.at("mouse_x"));
        mov     cx, 639;
        call    ".limit";
        mov     w(a.at("mouse_x")), bx;
        movzx   bx, b(bp + 8);
        test    al, 0x20;
        jz      ".up";
        mov     bh, 0xFF;
        label   ".up";
        neg     bx;
        add     bx, w(a.at("mouse_y"));
        mov     cx, 199;
        call    ".limit";
        mov     w(a.at("mouse_y")), bx;
        pop     ds;
        popa;
        pop     bp;
        retf;
        // BX into 0-CX.
        label   ".limit";
        test    bx, bx;
        jns     ".high";
        xor     bx, bx;
        label   ".high";
        cmp     bx, cx;
        jle     ".fits";
        mov     bx, cx;
        label   ".fits";
        ret;
    );
}

fn sound(a: &mut Asm16) {
    asm!(a;
        label   "melody";
        mov     si, a.at("notes");
        in_     al, 0x61;
        or      al, 3;
        out     0x61, al;
        label   ".note";
        lodsw;
        test    ax, ax;
        jz      ".done";
        push    ax;
        mov     al, 0xB6;
        out     0x43, al;
        pop     ax;
        out     0x42, al;
        mov     al, ah;
        out     0x42, al;
        // 200 ms.
        mov     ah, 0x86;
        mov     cx, 3;
        mov     dx, 0x0D40;
        int     0x15;
        jmp     ".note";
        label   ".done";
        in_     al, 0x61;
        and     al, 0xFC;
        out     0x61, al;
        ret;
        align   2;
        // A scale: timer counts of C major from C5.
        label   "notes";
        dw      &[2280, 2031, 1810, 1708, 1522, 1356, 1208, 1140];
        dw      &[0];
    );
}

fn data(a: &mut Asm16) {
    asm!(a; label "text_lines"; );
    let lines: &[(usize, usize, u8, &str)] = &[
        (0, 22, 0x1F, "rewind86: the machine at work"),
        (3, 8, 0x17, "No operating system: this program talks to the firmware and the chips."),
        (5, 8, 0x17, "Clock"),
        (6, 8, 0x17, "Timer ticks"),
        (8, 8, 0x17, "Last key"),
        (9, 8, 0x17, "Shift keys"),
        (11, 8, 0x17, "Mouse X Y B"),
        (13, 8, 0x17, "Memory"),
        (13, 28, 0x17, "KB         MB"),
        (24, 1, 0x1E, "1 Text  2 256 colours  3 640x480  4 CGA  5 80x50  S Sound  R Restart  Esc Off"),
    ];
    for (row, column, attribute, text) in lines {
        asm!(a; dw &[(row * 160 + column * 2) as u16]; db &[*attribute]; asciz text; );
    }
    asm!(a;
        dw      &[0];
        label   "spinner";      db b"|/-\\";
        label   "shift_names";
    );
    for name in ["RShift", "LShift", "Ctrl", "Alt", "Scroll", "Num", "Caps", "Ins"] {
        a.asciz(name);
    }
    asm!(a;
        align   2;
        label   "last_key";     dw &[0];
        label   "mouse_x";      dw &[320];
        label   "mouse_y";      dw &[96];
        label   "pointer_at";   dw &[2 * 160];
        label   "mouse_buttons"; db &[0];
        label   "page";         db &[0];
    );
}
