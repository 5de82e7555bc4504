//! AH=12h, 1Ah, 1Bh: alternate select, display combination, functionality and state.

use super::layout::*;
use super::tables::ROM_SEG;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Colours and pages of modes 0-13h.
const COLORS: [u16; 20] = [16, 16, 16, 16, 4, 4, 2, 0, 0, 0, 0, 0, 0, 16, 16, 0, 16, 2, 16, 256];
const PAGES: [u8; 20] = [8, 8, 8, 8, 1, 1, 1, 8, 0, 0, 0, 0, 0, 8, 4, 2, 2, 1, 1, 1];

pub fn emit(a: &mut Asm16) {
    select(a);
    display(a);
    state(a);
}

fn select(a: &mut Asm16) {
    asm!(a;
        label   "select_call";
        cmp     bl, 0x10;
        je      ".information";
        cmp     bl, 0x30;
        jb      ".ret";
        je      ".lines";
        cmp     bl, 0x36;
        ja      ".ret";
        je      ".screen";
        cmp     bl, 0x35;
        je      ".done";
        cmp     al, 1;
        ja      ".ret";
        cmp     bl, 0x32;
        jb      ".palette";
        je      ".access";
        cmp     bl, 0x33;
        je      ".grey";
        // 34h: cursor emulation off.
        and     b(CONTROL), 0xFE;
        or      b(CONTROL), al;
        jmp     ".done";
        // 31h: the palette stays on mode sets.
        label   ".palette";
        and     b(FLAGS), 0xF7;
        shl     al, 3;
        or      b(FLAGS), al;
        jmp     ".done";
        // 33h: AL 0 turns grey summing on.
        label   ".grey";
        and     b(FLAGS), 0xFD;
        xor     al, 1;
        shl     al, 1;
        or      b(FLAGS), al;
        jmp     ".done";
        // 32h: AL 0 turns CPU access to the memory on.
        label   ".access";
        mov     ah, al;
        mov     dx, MISC_READ;
        in_     al, dx;
        and     al, 0xFD;
        xor     ah, 1;
        shl     ah, 1;
        or      al, ah;
        mov     dx, MISC_WRITE;
        out     dx, al;
        jmp     ".done";
        // 36h: AL 1 turns the screen off.
        label   ".screen";
        mov     ah, al;
        shl     ah, 5;
        and     ah, 0x20;
        mov     dx, SEQUENCER;
        mov     al, 1;
        out     dx, al;
        inc     dx;
        in_     al, dx;
        and     al, 0xDF;
        or      al, ah;
        out     dx, al;
        jmp     ".done";
        // 30h: scan lines of text modes: 200, 350, 400.
        label   ".lines";
        mov     ah, 0x80;
        sub     al, 1;
        jb      ".set";
        mov     ah, 0;
        je      ".set";
        mov     ah, 0x10;
        cmp     al, 1;
        ja      ".ret";
        label   ".set";
        and     b(FLAGS), 0x6F;
        or      b(FLAGS), ah;
        label   ".done";
        mov     b(bp + R_AL), 0x12;
        label   ".ret";
        ret;
        // 10h: BH = 1 for monochrome, BL = 256 KiB, CH feature bits, CL switches.
        label   ".information";
        mov     bx, 3;
        cmp     b(CRTC_BASE), 0xB4;
        jne     ".color";
        inc     bh;
        label   ".color";
        mov     w(bp + R_BX), bx;
        mov     al, b(SWITCHES);
        mov     ah, al;
        shr     ah, 4;
        and     al, 0x0F;
        mov     w(bp + R_CX), ax;
        ret;
    );
}

fn display(a: &mut Asm16) {
    asm!(a;
        // AL 0: gives BL = active display, BH = the other; AL 1: sets them.
        label   "display_code";
        cmp     al, 1;
        ja      ".ret";
        je      ".set";
        mov     al, b(DCC_INDEX);
        xor     ah, ah;
        mov     w(bp + R_BX), ax;
        jmp     ".done";
        label   ".set";
        mov     b(DCC_INDEX), bl;
        label   ".done";
        mov     b(bp + R_AL), 0x1A;
        label   ".ret";
        ret;
    );
}

fn state(a: &mut Asm16) {
    asm!(a;
        // BX 0: 64 bytes at the caller's ES:DI.
        label   "state_info";
        test    bx, bx;
        jnz     ".ret";
        mov     es, w(bp + R_ES);
        mov     di, w(bp + R_DI);
        mov     ax, a.at("static_functionality");
        stosw;
        mov     ax, cs;
        stosw;
        mov     si, MODE;
        mov     cx, 0x1E;
        rep_movsb;
        mov     al, b(ROWS);
        inc     al;
        stosb;
        mov     ax, w(HEIGHT);
        stosw;
        mov     al, b(DCC_INDEX);
        xor     ah, ah;
        stosw;
        movzx   bx, b(MODE);
        xor     ax, ax;
        xor     dx, dx;
        cmp     bl, 0x13;
        ja      ".counts";
        mov     dl, b(bx + a.at(".pages")).cs();
        add     bx, bx;
        mov     ax, w(bx + a.at(".colors")).cs();
        label   ".counts";
        stosw;
        mov     al, dl;
        stosb;
        // Scan lines: 0 200, 1 350, 2 400, 3 480.
        mov     al, b(MODE);
        mov     ah, 3;
        cmp     al, 0x11;
        je      ".lines";
        cmp     al, 0x12;
        je      ".lines";
        mov     ah, 1;
        cmp     al, 0x0F;
        je      ".lines";
        cmp     al, 0x10;
        je      ".lines";
        mov     ah, 0;
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     ".lines";
        test    b(FLAGS), 0x80;
        jnz     ".lines";
        inc     ah;
        test    b(FLAGS), 0x10;
        jz      ".lines";
        inc     ah;
        label   ".lines";
        mov     al, ah;
        stosb;
        // Font blocks of attribute bit 3 clear and set.
        mov     dx, SEQUENCER;
        mov     al, 3;
        out     dx, al;
        inc     dx;
        in_     al, dx;
        mov     ah, al;
        and     al, 0x13;
        mov     bl, al;
        shr     bl, 2;
        or      al, bl;
        and     al, 7;
        stosb;
        mov     al, ah;
        shr     al, 2;
        mov     bl, al;
        and     al, 3;
        shr     bl, 1;
        and     bl, 4;
        or      al, bl;
        stosb;
        // Bit 0 always, 1 grey summing, 3 palette kept, 4 cursor emulation, 5 blinking.
        mov     al, b(FLAGS);
        and     al, 0x0A;
        or      al, 1;
        test    b(CONTROL), 1;
        jnz     ".emulation";
        or      al, 0x10;
        label   ".emulation";
        mov     ah, b(CGA_MODE);
        and     ah, 0x20;
        or      al, ah;
        stosb;
        xor     ax, ax;
        stosb;
        stosw;
        mov     al, 3;
        stosb;
        xor     al, al;
        mov     cx, 14;
        rep_stosb;
        mov     b(bp + R_AL), 0x1B;
        label   ".ret";
        ret;
        label   ".colors";
        dw      &COLORS;
        label   ".pages";
        db      &PAGES;
    );
    debug_assert_eq!(ROM_SEG, 0xC000);
}
