//! The title page: the name in half blocks of the BIOS's own 8x8 font, the machine's facts, the clock.
//!
//! The rate of the time-stamp counter is measured against the timer's interrupts, 16384 periods of 1193182 Hz each.

use super::cp437::{items, text};
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Column of the values.
pub const VALUE: i32 = 19;
// Colours of names and of values.
const LABEL: u8 = 0x17;
pub const BRIGHT: u8 = 0x1F;

pub fn emit(a: &mut Asm16) {
    page(a);
    banner(a);
    clock(a);
    data(a);
}

fn page(a: &mut Asm16) {
    asm!(a;
        label   "title_page";
        call    "text_mode";
        mov     ax, 0x1020;
        call    "fill_screen";
        mov     di, place(8, 2);
        mov     cx, 74;
        mov     dx, 13;
        mov     si, a.at("double");
        mov     b(ATTR), 0x1B;
        call    "frame_box";
        mov     si, a.at("title_items");
        call    "put_items";
        mov     b(ATTR), BRIGHT as i32;
        call    "title_facts";
        mov     eax, d(TICKS);
        mov     d(TSC_TICK), 0;
        label   ".loop";
        call    "banner";
        call    "title_clock";
        mov     al, 3;
        call    "frame";
        jc      ".leave";
        jz      ".idle";
        ret;
        label   ".idle";
        cmp     b(ATTRACT), 0;
        jne     ".loop";
        mov     eax, d(TICKS);
        sub     eax, d(LAST_KEY);
        cmp     eax, IDLE_TICKS;
        jb      ".loop";
        label   ".leave";
        ret;
    );
}

fn banner(a: &mut Asm16) {
    asm!(a;
        // Eight letters of 8x8 points, two points a cell, rows 1-4 from column 8. Colours run along it.
        label   "banner";
        lfs     bp, d(FONT8);
        mov     di, place(1, 8);
        xor     cx, cx;
        label   ".row";
        mov     si, a.at("banner_text");
        label   ".letter";
        lodsb;
        test    al, al;
        jz      ".row_done";
        mov     ah, 0;
        shl     ax, 3;
        mov     bx, ax;
        add     bx, bp;
        add     bx, cx;
        // DL, DH: the points of two rows.
        mov     dx, w(bx).fs();
        mov     ch, 8;
        label   ".point";
        xor     bx, bx;
        add     dh, dh;
        rcl     bx, 1;
        add     dl, dl;
        rcl     bx, 1;
        mov     al, b(bx + a.at("halves"));
        mov     bx, di;
        shr     bx, 1;
        add     bx, cx;
        shr     bx, 1;
        sub     bx, w(TICKS_SLOW);
        and     bx, 15;
        mov     ah, b(bx + a.at("rainbow"));
        stosw;
        dec     ch;
        jnz     ".point";
        jmp     ".letter";
        label   ".row_done";
        add     di, 160 - 128;
        add     cl, 2;
        cmp     cl, 8;
        jb      ".row";
        mov     eax, d(TICKS);
        shr     eax, 2;
        mov     w(TICKS_SLOW), ax;
        ret;
    );
}

fn clock(a: &mut Asm16) {
    asm!(a;
        label   "title_clock";
        // The rate, anew twice a second.
        test    b(CPU_FEATURES), 0x10;
        jz      ".no_tsc";
        mov     ebx, d(TICKS);
        sub     ebx, d(TSC_TICK);
        cmp     ebx, 36;
        jb      ".no_tsc";
        rdtsc;
        mov     ecx, eax;
        sub     eax, d(TSC_THEN);
        mov     d(TSC_THEN), ecx;
        mov     ecx, d(TICKS);
        cmp     d(TSC_TICK), 0;
        mov     d(TSC_TICK), ecx;
        je      ".no_tsc";
        // cycles * 1193182 / (16384 * ticks) Hz; in tenths of a megahertz.
        mov     edx, 1_193_182;
        mul     edx;
        shrd    eax, edx, 14;
        shr     edx, 14;
        cmp     edx, ebx;
        jae     ".no_tsc";
        div     ebx;
        xor     edx, edx;
        mov     ecx, 100_000;
        add     eax, 50_000;
        div     ecx;
        xor     edx, edx;
        mov     ecx, 10;
        div     ecx;
        push    edx;
        mov     di, place(12, VALUE);
        mov     cl, 1;
        call    "put_dec";
        mov     al, 0x2E;
        call    "putc";
        pop     eax;
        call    "put_dec";
        mov     si, a.at("t_mhz");
        call    "puts";
        label   ".no_tsc";

        mov     di, place(19, VALUE);
        mov     b(ATTR), 0x1E;
        call    "put_date";
        mov     si, a.at("t_two");
        call    "puts";
        call    "put_time";
        mov     b(ATTR), BRIGHT as i32;
        mov     di, place(20, VALUE);
        mov     ax, 0x40;
        mov     fs, ax;
        mov     eax, d(0x6C).fs();
        mov     cl, 1;
        call    "put_dec";
        mov     si, a.at("t_bios_ticks");
        call    "puts";
        mov     eax, d(TICKS);
        call    "put_dec";
        mov     si, a.at("t_own_ticks");
        jmp     "puts";

        // The date and the time of the real-time clock, INT 1Ah: BCD.
        label   "put_date";
        mov     ah, 4;
        int     0x1A;
        mov     al, ch;
        call    "put_hex8";
        mov     al, cl;
        call    "put_hex8";
        mov     al, 0x2D;
        call    "putc";
        mov     al, dh;
        call    "put_hex8";
        mov     al, 0x2D;
        call    "putc";
        mov     al, dl;
        jmp     "put_hex8";
        label   "put_time";
        mov     ah, 2;
        int     0x1A;
        mov     al, ch;
        call    "put_hex8";
        mov     al, 0x3A;
        call    "putc";
        mov     al, cl;
        call    "put_hex8";
        mov     al, 0x3A;
        call    "putc";
        mov     al, dh;
        jmp     "put_hex8";
    );
}

fn data(a: &mut Asm16) {
    items(
        a,
        "title_items",
        &[
            (6, 21, 0x13, "A PC, from its reset vector to this page"),
            (8, 33, 0x1B, " The machine "),
            (9, 5, LABEL, "Processor"),
            (12, 5, LABEL, "Speed"),
            (13, 5, LABEL, "Memory"),
            (14, 5, LABEL, "BIOS"),
            (15, 5, LABEL, "Display"),
            (16, 5, LABEL, "Drives"),
            (17, 5, LABEL, "Ports"),
            (19, 5, LABEL, "Clock"),
            (20, 5, LABEL, "Timer"),
            (24, 14, 0x1E, "Any key"),
            (24, 22, 0x17, "menu     or wait: the pages come by themselves"),
        ],
    );
    for (label, string) in [
        ("banner_text", "rewind86"),
        ("t_mhz", " MHz by the time-stamp counter  "),
        ("t_two", "  "),
        ("t_bios_ticks", " BIOS ticks today, "),
        ("t_own_ticks", " of this program   "),
    ] {
        text(a, label, string);
    }
    a.label("halves");
    a.db(&super::cp437::cp437(" ▀▄█"));
    asm!(a;
        label   "rainbow";
        db      &[0x19, 0x19, 0x19, 0x1B, 0x1B, 0x1F, 0x1F, 0x1B, 0x1B, 0x19, 0x19, 0x1D, 0x1D, 0x1F, 0x1D, 0x1D];
    );
}
