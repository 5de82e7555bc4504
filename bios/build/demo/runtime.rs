//! The start of the program, its interrupts, and what every page stands on: frames, keys, modes.
//!
//! PIT channel 0 runs at 1193182 / 16384 = 72.8 Hz (Intel 8254 datasheet, mode 2) and every fourth interrupt goes on to the
//! BIOS, whose clock so keeps its 18.2 Hz. INT 15h AH=4Fh, which the BIOS calls for each byte from the keyboard, is hooked
//! for the keyboard page. While it waits the program halts the processor.

use super::cp437::text;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    start(a);
    interrupts(a);
    frames(a);
    modes(a);
}

fn start(a: &mut Asm16) {
    asm!(a;
        org     0;
        jmp_near "start";
        nop;
        db      &START_MAGIC;

        label   "start";
        cli;
        mov     ax, cs;
        mov     ds, ax;
        mov     es, ax;
        mov     ss, ax;
        mov     sp, STACK;
        sti;
        cld;
        mov     di, VARS;
        mov     cx, (VARS_END - VARS + 1) / 2;
        xor     ax, ax;
        rep_stosw;
        mov     b(BOOT_DRIVE), dl;
        mov     d(SEED), 0x1234_5678;
        mov     w(BPM), 100;

        // Display combination: only a VGA BIOS knows the call.
        mov     ax, 0x1A00;
        int     0x10;
        cmp     al, 0x1A;
        je      ".vga";
        mov     si, a.at("no_vga");
        label   ".say";
        lodsb;
        test    al, al;
        jz      ".halt";
        mov     ah, 0x0E;
        mov     bx, 7;
        int     0x10;
        jmp     ".say";
        label   ".halt";
        hlt;
        jmp     ".halt";

        label   ".vga";
        mov     ax, 0x1130;
        mov     bh, 3;
        int     0x10;
        mov     w(FONT8), bp;
        mov     w(FONT8 + 2), es;

        cli;
        xor     ax, ax;
        mov     es, ax;
        mov     eax, d(0x20).es();
        mov     d(OLD_INT8), eax;
        mov     eax, d(0x54).es();
        mov     d(OLD_INT15), eax;
        mov     w(0x20).es(), a.at("int8");
        mov     w(0x22).es(), cs;
        mov     w(0x54).es(), a.at("int15");
        mov     w(0x56).es(), cs;
        mov     b(CHAIN), 4;
        // Channel 0, low and high byte, rate generator.
        mov     al, 0x34;
        out     0x43, al;
        mov     al, DIVISOR & 0xFF;
        out     0x40, al;
        mov     al, DIVISOR >> 8;
        out     0x40, al;
        sti;

        call    "facts_collect";
        jmp     "main";
    );
    text(a, "no_vga", "The demo needs a VGA.");
}

fn interrupts(a: &mut Asm16) {
    asm!(a;
        label   "int8";
        push    ds;
        push    ax;
        mov     ax, cs;
        mov     ds, ax;
        inc     d(TICKS);
        dec     b(CHAIN);
        jz      ".chain";
        mov     al, 0x20;
        out     0x20, al;
        pop     ax;
        pop     ds;
        iret;
        label   ".chain";
        mov     b(CHAIN), 4;
        pop     ax;
        pop     ds;
        jmp     d(OLD_INT8).cs();

        // AH=4Fh, AL: a byte of the keyboard. E1 (Pause) is followed by two codes without a meaning of their own.
        label   "int15";
        cmp     ah, 0x4F;
        jne     ".chain";
        cmp     b(KEY_HOOK).cs(), 0;
        je      ".chain";
        push    ds;
        push    bx;
        push    ax;
        mov     bx, cs;
        mov     ds, bx;
        mov     bx, w(KEY_LOG_COUNT);
        and     bx, 63;
        mov     b(bx + KEY_LOG), al;
        inc     w(KEY_LOG_COUNT);
        cmp     al, 0xE0;
        je      ".prefix";
        cmp     al, 0xE1;
        je      ".pause";
        cmp     b(KEY_SKIP), 0;
        jne     ".skip";
        mov     bl, al;
        and     bl, 0x7F;
        // E0 2A and E0 36 surround grey keys and are no shift keys.
        cmp     b(KEY_PREFIX), 0;
        je      ".store";
        cmp     bl, 0x2A;
        je      ".plain";
        cmp     bl, 0x36;
        je      ".plain";
        label   ".store";
        or      bl, b(KEY_PREFIX);
        mov     bh, 0;
        not     al;
        shr     al, 7;
        mov     b(bx + KEY_DOWN), al;
        label   ".plain";
        mov     b(KEY_PREFIX), 0;
        jmp     ".out";
        label   ".prefix";
        mov     b(KEY_PREFIX), 0x80;
        jmp     ".out";
        label   ".pause";
        mov     b(KEY_SKIP), 2;
        jmp     ".out";
        label   ".skip";
        dec     b(KEY_SKIP);
        label   ".out";
        pop     ax;
        pop     bx;
        pop     ds;
        label   ".chain";
        jmp     d(OLD_INT15).cs();
    );
}

fn frames(a: &mut Asm16) {
    asm!(a;
        // AL: ticks. Waits until so many have passed since the last frame, then as poll. Keeps all but AX.
        label   "frame";
        push    ebx;
        movzx   ebx, al;
        add     ebx, d(LAST_FRAME);
        label   ".wait";
        cli;
        mov     eax, d(TICKS);
        sub     eax, ebx;
        jns     ".due";
        sti;
        hlt;
        jmp     ".wait";
        label   ".due";
        sti;
        // Far behind (a page has just begun, or the host is slow): the beat starts anew.
        cmp     eax, 16;
        jb      ".kept";
        mov     ebx, d(TICKS);
        label   ".kept";
        mov     d(LAST_FRAME), ebx;
        pop     ebx;

        // Carry: leave the page. Otherwise zero: no key; not zero: AX = key as of INT 16h AH=10h, AL 0 for arrows and the like.
        label   "poll";
        mov     ah, 0x11;
        int     0x16;
        jz      ".none";
        mov     ah, 0x10;
        int     0x16;
        cmp     al, 0xE0;
        jne     ".ascii";
        mov     al, 0;
        label   ".ascii";
        push    eax;
        mov     eax, d(TICKS);
        mov     d(LAST_KEY), eax;
        pop     eax;
        cmp     b(ATTRACT), 0;
        jne     ".end_attract";
        cmp     al, 27;
        je      ".leave";
        test    ax, ax;
        ret;
        label   ".end_attract";
        mov     b(ATTRACT), 0;
        label   ".leave";
        stc;
        ret;
        label   ".none";
        cmp     b(ATTRACT), 0;
        je      ".stay";
        push    eax;
        mov     eax, d(TICKS);
        sub     eax, d(DEADLINE);
        pop     eax;
        jns     ".leave";
        label   ".stay";
        xor     ax, ax;
        ret;

        // BX: page. Runs it and puts the text mode back.
        label   "run_page";
        mov     eax, d(TICKS);
        mov     d(PAGE_START), eax;
        mov     d(LAST_FRAME), eax;
        call    bx;
        call    "quiet";
        mov     eax, d(TICKS);
        mov     d(LAST_FRAME), eax;
        jmp     "text_mode";

        // EAX: ticks since the page began.
        label   "page_time";
        mov     eax, d(TICKS);
        sub     eax, d(PAGE_START);
        ret;

        // EAX: a pseudo-random number (xorshift of Marsaglia, 13-17-5).
        label   "random";
        push    edx;
        mov     eax, d(SEED);
        mov     edx, eax;
        shl     edx, 13;
        xor     eax, edx;
        mov     edx, eax;
        shr     edx, 17;
        xor     eax, edx;
        mov     edx, eax;
        shl     edx, 5;
        xor     eax, edx;
        mov     d(SEED), eax;
        pop     edx;
        ret;
    );
}

fn modes(a: &mut Asm16) {
    asm!(a;
        // 80x25 colour text without a cursor, ES = its memory.
        label   "text_mode";
        mov     ax, 0x0003;
        int     0x10;
        mov     ah, 1;
        mov     cx, 0x2000;
        int     0x10;
        mov     ax, TEXT;
        mov     es, ax;
        ret;

        // The speaker off.
        label   "quiet";
        in_     al, 0x61;
        and     al, 0xFC;
        out     0x61, al;
        ret;

        // BX: divisor. The speaker on: channel 2, low and high byte, square wave; port 61h bits 0 and 1 gate and output.
        label   "tone";
        mov     al, 0xB6;
        out     0x43, al;
        mov     al, bl;
        out     0x42, al;
        mov     al, bh;
        out     0x42, al;
        in_     al, 0x61;
        or      al, 3;
        out     0x61, al;
        ret;
    );
}
