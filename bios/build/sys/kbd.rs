//! INT 09h: the keyboard interrupt. Scan codes become shift states and words in the buffer of INT 16h.
//!
//! IBM PC AT Technical Reference, section 5, and PS/2 BIOS Interface Technical Reference, "Interrupt 09h": flags at
//! 40:17, 40:18, 40:96, 40:97. Ctrl-Alt-Del resets, Ctrl-Break calls INT 1Bh, Pause waits here, PrtSc calls INT 05h,
//! SysRq INT 15h AH=85h; each scan code passes through INT 15h AH=4Fh first. LEDs are set by an exchange that INT 09h
//! itself carries on, a byte per acknowledge: 40:97 bit 6 an exchange is on, bit 4 its first byte is acknowledged.

use super::keymap;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// 40:17 and 40:18.
const RSHIFT: i32 = 1;
const LSHIFT: i32 = 2;
const CTRL: i32 = 4;
const ALT: i32 = 8;
const SCROLL: i32 = 0x10;
const NUM: i32 = 0x20;
const CAPS: i32 = 0x40;
const INSERT: i32 = 0x80;
const PAUSED: i32 = 8;
const SYSREQ: i32 = 4;
/// 40:96.
const LAST_E1: i32 = 1;
const LAST_E0: i32 = 2;
const RCTRL: i32 = 4;
const RALT: i32 = 8;

pub fn emit(a: &mut Asm16) {
    interrupt(a);
    shifts(a);
    specials(a);
    translate(a);
    buffer(a);
    tables(a);
}

fn interrupt(a: &mut Asm16) {
    a.label("int09");
    enter(a);
    asm!(a;
        in_     al, 0x64;
        test    al, 1;
        jz      ".eoi";
        // A byte of the mouse is not ours.
        test    al, 0x20;
        jnz     ".eoi";
        in_     al, 0x60;
        mov     ah, 0x4F;
        stc;
        int     0x15;
        jnc     ".eoi";
        cld;
        push    BDA_SEG;
        pop     ds;
        call    "kbd_byte";
        label   ".eoi";
        cli;
        mov     al, 0x20;
        out     0x20, al;
        jmp     "svc_iret";

        // AL: a byte of the keyboard.
        label   "kbd_byte";
        cmp     al, 0xFA;
        je      "kbd_ack";
        cmp     al, 0xFE;
        je      "kbd_resend";
        cmp     al, 0xE0;
        je      ".e0";
        cmp     al, 0xE1;
        je      ".e1";
        mov     bl, b(KBD_MODE);
        // Within E1 1D 45 / E1 9D C5 (Pause) the middle byte keeps the prefix.
        test    bl, LAST_E1;
        jz      ".plain";
        cmp     al, 0x1D;
        je      ".ret";
        cmp     al, 0x9D;
        je      ".ret";
        and     b(KBD_MODE), !LAST_E1;
        cmp     al, 0x45;
        je      "kbd_pause";
        label   ".ret";
        ret;
        label   ".e0";
        or      b(KBD_MODE), LAST_E0;
        ret;
        label   ".e1";
        or      b(KBD_MODE), LAST_E1;
        ret;
        // BL keeps the prefix flag of this key.
        label   ".plain";
        and     b(KBD_MODE), !LAST_E0;
        jmp     "kbd_key";

        label   "kbd_ack";
        test    b(KBD_LEDS), 0x40;
        jz      ".none";
        test    b(KBD_LEDS), 0x10;
        jnz     ".second";
        or      b(KBD_LEDS), 0x10;
        mov     al, b(KBD_LEDS);
        and     al, 7;
        call    "kbc_data";
        ret;
        label   ".second";
        and     b(KBD_LEDS), 0xAF;
        // The locks may have changed again meanwhile.
        jmp     "kbd_leds";
        label   ".none";
        ret;
        label   "kbd_resend";
        and     b(KBD_LEDS), 0xAF;
        ret;

        // Starts an exchange when the LEDs do not show the locks.
        label   "kbd_leds";
        push    ax;
        mov     al, b(KBD_FLAGS);
        shr     al, 4;
        and     al, 7;
        mov     ah, b(KBD_LEDS);
        test    ah, 0x40;
        jnz     ".done";
        and     ah, 7;
        cmp     al, ah;
        je      ".done";
        and     b(KBD_LEDS), 0xE8;
        or      al, 0x40;
        or      b(KBD_LEDS), al;
        mov     al, 0xED;
        call    "kbc_data";
        label   ".done";
        pop     ax;
        ret;
    );
}

/// Modifier and lock keys. AL: scan code with its break bit, BL: 40:96 before.
fn shifts(a: &mut Asm16) {
    asm!(a;
        label   "kbd_key";
        mov     ah, al;
        and     ah, 0x7F;
        cmp     ah, 0x2A;
        je      ".lshift";
        cmp     ah, 0x36;
        je      ".rshift";
        cmp     ah, 0x1D;
        je      ".ctrl";
        cmp     ah, 0x38;
        je      ".alt";
        cmp     ah, 0x3A;
        je      ".caps";
        cmp     ah, 0x45;
        je      ".num";
        cmp     ah, 0x46;
        je      ".scroll";
        cmp     ah, 0x52;
        je      ".insert";
        cmp     ah, 0x54;
        je      "kbd_sysreq";
        label   ".other";
        test    al, 0x80;
        jz      "kbd_make";
        ret;

        // E0 2A and the like are made up by the keyboard around cursor keys.
        label   ".lshift";
        mov     cl, LSHIFT;
        jmp     ".shift";
        label   ".rshift";
        mov     cl, RSHIFT;
        label   ".shift";
        test    bl, LAST_E0;
        jnz     ".ret";
        label   ".hold";
        test    al, 0x80;
        jnz     ".release";
        or      b(KBD_FLAGS), cl;
        ret;
        label   ".release";
        not     cl;
        and     b(KBD_FLAGS), cl;
        label   ".ret";
        ret;

        label   ".ctrl";
        mov     ch, 1;
        mov     cl, RCTRL;
        call    ".side";
        // Ctrl is down while either is.
        or      b(KBD_FLAGS), CTRL;
        test    b(KBD_FLAGS2), 1;
        jnz     ".ret";
        test    b(KBD_MODE), RCTRL;
        jnz     ".ret";
        and     b(KBD_FLAGS), !CTRL;
        ret;
        label   ".alt";
        mov     ch, 2;
        mov     cl, RALT;
        call    ".side";
        or      b(KBD_FLAGS), ALT;
        test    b(KBD_FLAGS2), 2;
        jnz     ".ret";
        test    b(KBD_MODE), RALT;
        jnz     ".ret";
        and     b(KBD_FLAGS), !ALT;
        // Alt is up: the character typed on the keypad comes.
        xor     ax, ax;
        xchg    b(KBD_ALT), al;
        test    al, al;
        jz      ".ret";
        jmp     "kbd_store";
        // CH: bit in 40:18 of the left key, CL: bit in 40:96 of the right key.
        label   ".side";
        test    bl, LAST_E0;
        jnz     ".right";
        test    al, 0x80;
        jnz     ".left_up";
        or      b(KBD_FLAGS2), ch;
        ret;
        label   ".left_up";
        not     ch;
        and     b(KBD_FLAGS2), ch;
        ret;
        label   ".right";
        test    al, 0x80;
        jnz     ".right_up";
        or      b(KBD_MODE), cl;
        ret;
        label   ".right_up";
        not     cl;
        and     b(KBD_MODE), cl;
        ret;

        label   ".caps";
        mov     cl, CAPS;
        call    ".lock";
        jmp     "kbd_leds";
        label   ".num";
        test    bl, LAST_E0;
        jnz     ".ret";
        // Ctrl-NumLock is Pause on keyboards without that key.
        mov     dl, b(KBD_FLAGS);
        and     dl, CTRL | ALT;
        cmp     dl, CTRL;
        jne     ".num_lock";
        test    al, 0x80;
        jz      "kbd_pause";
        label   ".num_lock";
        mov     cl, NUM;
        call    ".lock";
        jmp     "kbd_leds";
        label   ".scroll";
        test    b(KBD_FLAGS), CTRL;
        jz      ".scroll_lock";
        test    al, 0x80;
        jz      "kbd_break";
        ret;
        label   ".scroll_lock";
        mov     cl, SCROLL;
        call    ".lock";
        jmp     "kbd_leds";
        // Insert is a key and a state; on the keypad only while that means Insert.
        label   ".insert";
        test    al, 0x80;
        jnz     ".insert_up";
        test    b(KBD_FLAGS), CTRL | ALT;
        jnz     "kbd_make";
        test    bl, LAST_E0;
        jnz     ".insert_state";
        call    "kbd_numeric";
        jnz     "kbd_make";
        label   ".insert_state";
        mov     cl, INSERT;
        call    ".lock";
        jmp     "kbd_make";
        label   ".insert_up";
        and     b(KBD_FLAGS2), 0xFF ^ INSERT;
        ret;
        // CL: bit. Toggles the state at the first make only; 40:18 says the key is down.
        label   ".lock";
        test    al, 0x80;
        jnz     ".lock_up";
        test    b(KBD_FLAGS2), cl;
        jnz     ".lock_done";
        or      b(KBD_FLAGS2), cl;
        xor     b(KBD_FLAGS), cl;
        label   ".lock_done";
        ret;
        label   ".lock_up";
        not     cl;
        and     b(KBD_FLAGS2), cl;
        ret;

        // ZF clear when the keypad gives digits: Num Lock differs from Shift. Keeps AL, BL.
        label   "kbd_numeric";
        mov     dl, b(KBD_FLAGS);
        test    dl, LSHIFT | RSHIFT;
        jz      ".no_shift";
        xor     dl, NUM;
        label   ".no_shift";
        test    dl, NUM;
        ret;
    );
}

/// Keys that do something at once.
fn specials(a: &mut Asm16) {
    asm!(a;
        label   "kbd_sysreq";
        test    al, 0x80;
        jnz     ".up";
        test    b(KBD_FLAGS2), SYSREQ;
        jnz     ".ret";
        or      b(KBD_FLAGS2), SYSREQ;
        mov     ax, 0x8500;
        jmp     ".call";
        label   ".up";
        and     b(KBD_FLAGS2), !SYSREQ;
        mov     ax, 0x8501;
        label   ".call";
        push    ax;
        mov     al, 0x20;
        out     0x20, al;
        pop     ax;
        sti;
        int     0x15;
        cli;
        label   ".ret";
        ret;

        // Pause: until a key is pressed. The timer and the keyboard go on.
        label   "kbd_pause";
        test    b(KBD_FLAGS2), PAUSED;
        jnz     ".ret";
        or      b(KBD_FLAGS2), PAUSED;
        mov     al, 0x20;
        out     0x20, al;
        label   ".wait";
        sti;
        hlt;
        cli;
        test    b(KBD_FLAGS2), PAUSED;
        jnz     ".wait";
        label   ".ret";
        ret;

        // Ctrl-Break: empties the buffer, leaves a word 0 there and calls INT 1Bh.
        label   "kbd_break";
        mov     b(BREAK_FLAG), 0x80;
        mov     ax, w(KBD_START);
        mov     w(KBD_HEAD), ax;
        mov     w(KBD_TAIL), ax;
        mov     al, 0x20;
        out     0x20, al;
        int     0x1B;
        cld;
        push    BDA_SEG;
        pop     ds;
        xor     ax, ax;
        jmp     "kbd_store";

        label   "kbd_reset";
        mov     w(RESET_FLAG), 0x1234;
        jmp     "reset_cpu";

        label   "kbd_print";
        mov     al, 0x20;
        out     0x20, al;
        sti;
        int     5;
        cli;
        ret;
    );
}

/// `kbd_make`: AL: scan code of a key pressed, BL: 40:96 with its prefix.
fn translate(a: &mut Asm16) {
    asm!(a;
        label   "kbd_make";
        // A key ends Pause and does nothing else.
        test    b(KBD_FLAGS2), PAUSED;
        jz      ".go";
        and     b(KBD_FLAGS2), !PAUSED;
        ret;
        label   ".go";
        mov     cl, b(KBD_FLAGS);
        mov     ah, cl;
        and     ah, CTRL | ALT;
        cmp     ah, CTRL | ALT;
        jne     ".no_reset";
        cmp     al, 0x53;
        je      "kbd_reset";
        label   ".no_reset";
        test    bl, LAST_E0;
        jnz     ".extended";
        cmp     al, keymap::LAST as i32;
        ja      ".ret";
        movzx   si, al;
        shl     si, 3;
        add     si, a.at("kbd_table");
        test    cl, ALT;
        jnz     ".alt";
        test    cl, CTRL;
        jnz     ".ctrl";
        cmp     al, 0x47;
        jb      ".letters";
        cmp     al, 0x53;
        ja      ".letters";
        call    "kbd_numeric";
        jnz     ".shifted";
        jmp     ".load";
        // Caps Lock turns Shift around for letters.
        label   ".letters";
        test    cl, CAPS;
        jz      ".shift";
        mov     dx, w(si).cs();
        cmp     dl, 0x61;
        jb      ".shift";
        cmp     dl, 0x7A;
        ja      ".shift";
        test    cl, LSHIFT | RSHIFT;
        jnz     ".load";
        jmp     ".shifted";
        label   ".shift";
        test    cl, LSHIFT | RSHIFT;
        jz      ".load";
        label   ".shifted";
        add     si, 2;
        label   ".load";
        mov     ax, w(si).cs();
        test    ax, ax;
        jz      ".ret";
        jmp     "kbd_store";
        label   ".ret";
        ret;
        label   ".ctrl";
        add     si, 4;
        mov     ax, w(si).cs();
        // Ctrl-2 is the one key whose word is 0300h: nothing special about it.
        test    ax, ax;
        jnz     "kbd_store";
        ret;
        label   ".alt";
        cmp     al, 0x47;
        jb      ".alt_key";
        cmp     al, 0x52;
        ja      ".alt_key";
        // Alt with keypad digits: decimal entry.
        movzx   di, al;
        mov     dl, b(di + (a.at("kbd_digits") - 0x47)).cs();
        cmp     dl, 9;
        ja      ".alt_key";
        mov     al, b(KBD_ALT);
        mov     ah, 10;
        mul     ah;
        add     al, dl;
        mov     b(KBD_ALT), al;
        ret;
        label   ".alt_key";
        add     si, 6;
        jmp     ".load";

        label   ".extended";
        cmp     al, 0x37;
        je      ".print";
        cmp     al, 0x46;
        je      "kbd_break";
        mov     si, a.at("kbd_extended");
        label   ".find";
        mov     dl, b(si).cs();
        test    dl, dl;
        jz      ".ret";
        cmp     dl, al;
        je      ".found";
        add     si, 9;
        jmp     ".find";
        label   ".found";
        inc     si;
        test    cl, ALT;
        jnz     ".alt_key";
        test    cl, CTRL;
        jnz     ".ctrl";
        jmp     ".shift";
        label   ".print";
        test    cl, CTRL;
        jz      "kbd_print";
        mov     ax, 0x7200;
        jmp     "kbd_store";
    );
}

fn buffer(a: &mut Asm16) {
    asm!(a;
        // AX: word for the buffer. Carry: it is full (a beep says so).
        label   "kbd_store";
        call    "kbd_put";
        jnc     ".done";
        call    "beep";
        label   ".done";
        ret;
        label   "kbd_put";
        push    bx;
        mov     bx, w(KBD_TAIL);
        mov     si, bx;
        add     bx, 2;
        cmp     bx, w(KBD_END);
        jb      ".no_wrap";
        mov     bx, w(KBD_START);
        label   ".no_wrap";
        cmp     bx, w(KBD_HEAD);
        je      ".full";
        mov     w(si), ax;
        mov     w(KBD_TAIL), bx;
        pop     bx;
        clc;
        ret;
        label   ".full";
        pop     bx;
        stc;
        ret;

        // A short click on the speaker, as long as the counter of the refresh takes.
        label   "beep";
        push    eax;
        in_     al, 0x61;
        push    ax;
        or      al, 3;
        out     0x61, al;
        mov     eax, 20_000;
        call    "delay_us";
        pop     ax;
        out     0x61, al;
        pop     eax;
        ret;
    );
}

fn tables(a: &mut Asm16) {
    asm!(a; align 2; label "kbd_table"; );
    for row in keymap::main_keys() {
        a.dw(&row);
    }
    // Digit of keypad scan codes 47h-52h; 0FFh for none.
    asm!(a; label "kbd_digits"; db &[7, 8, 9, 0xFF, 4, 5, 6, 0xFF, 1, 2, 3, 0]; label "kbd_extended"; );
    for (scan, row) in keymap::EXTENDED {
        asm!(a; db &[*scan]; dw row; );
    }
    a.db(&[0]);
}
