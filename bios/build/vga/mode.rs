//! AH=00h: setting a video mode.
//!
//! Registers come from the video parameter table that the save pointer (40:A8) names, so a program can substitute its own.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    call(a);
    set(a);
    program(a);
    dac(a);
    memory(a);
}

fn call(a: &mut Asm16) {
    asm!(a;
        // AL: mode, bit 7: keep the memory.
        label   "set_mode_call";
        mov     bl, al;
        and     bl, 0x80;
        and     al, 0x7F;
        cmp     al, 0x13;
        ja      ".ret";
        cmp     al, 7;
        jbe     ".valid";
        cmp     al, 0x0D;
        jb      ".ret";
        label   ".valid";
        and     b(CONTROL), 0x7F;
        or      b(CONTROL), bl;
        call    "dispi_off";
        call    "set_mode";
        // Programs for AMI and Phoenix BIOSes look at AL.
        mov     ah, 0x20;
        cmp     al, 7;
        ja      ".give";
        mov     ah, 0x3F;
        cmp     al, 6;
        je      ".give";
        mov     ah, 0x30;
        label   ".give";
        mov     b(bp + R_AL), ah;
        label   ".ret";
        ret;

        // Leaves a VBE mode. Keeps every register.
        label   "dispi_off";
        pusha;
        mov     w(VBE_MODE), 0;
        call    "dispi_present";
        jc      ".none";
        mov     ax, 4;
        xor     bx, bx;
        call    "dispi_set";
        label   ".none";
        popa;
        ret;
    );
}

fn set(a: &mut Asm16) {
    asm!(a;
        // AL: a valid mode. CONTROL bit 7: keep the memory. Keeps every register.
        label   "set_mode";
        pusha;
        push    es;
        mov     b(MODE), al;
        call    "get_class";
        movzx   bx, al;
        mov     bl, b(bx + a.at("mode_entry")).cs();
        // Text modes by the scan lines asked for.
        mov     ah, b(FLAGS);
        and     ah, 0x90;
        cmp     ah, 0x10;
        je      ".entry";
        cmp     al, 7;
        je      ".mono";
        cmp     al, 3;
        ja      ".entry";
        mov     bl, al;
        cmp     ah, 0x80;
        je      ".entry";
        add     bl, 0x13;
        jmp     ".entry";
        label   ".mono";
        mov     bl, 7;
        label   ".entry";
        les     si, d(SAVE_PTR);
        les     si, d(si).es();
        shl     bx, 6;
        add     si, bx;
        // BIOS data area.
        movzx   ax, b(si).es();
        mov     w(COLS), ax;
        mov     al, b(si + 1).es();
        mov     b(ROWS), al;
        movzx   ax, b(si + 2).es();
        mov     w(HEIGHT), ax;
        mov     ax, w(si + 3).es();
        mov     w(PAGE_SIZE), ax;
        xor     ax, ax;
        mov     w(PAGE_START), ax;
        mov     b(PAGE), al;
        mov     di, CURSOR;
        mov     cx, 8;
        label   ".cursors";
        mov     w(di), ax;
        inc     di;
        inc     di;
        loop_   ".cursors";
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     ".shape";
        mov     ax, 0x0607;
        label   ".shape";
        mov     w(CURSOR_SHAPE), ax;
        mov     ax, 0x3D4;
        mov     bl, 0x20;
        test    b(si + 9).es(), 1;
        jnz     ".color";
        mov     al, 0xB4;
        mov     bl, 0x30;
        label   ".color";
        mov     w(CRTC_BASE), ax;
        and     b(EQUIPMENT), 0xCF;
        or      b(EQUIPMENT), bl;
        movzx   bx, b(MODE);
        cmp     bl, 7;
        ja      ".registers";
        mov     al, b(bx + a.at("cga_mode_values")).cs();
        mov     b(CGA_MODE), al;
        mov     al, 0x30;
        cmp     bl, 6;
        jne     ".palette";
        mov     al, 0x3F;
        label   ".palette";
        mov     b(CGA_COLOR), al;
        label   ".registers";
        call    "program_mode";
        test    b(FLAGS), 8;
        jnz     ".loaded";
        call    "load_dac";
        label   ".loaded";
        test    b(CONTROL), 0x80;
        jnz     ".kept";
        call    "clear_memory";
        label   ".kept";
        call    "mode_font";
        // Text: cursor at home, visible.
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     ".show";
        mov     cx, 0x0607;
        call    "cursor_shape";
        label   ".show";
        xor     dx, dx;
        xor     bx, bx;
        call    "set_cursor";
        call    "screen_on";
        pop     es;
        popa;
        ret;
    );
}

fn program(a: &mut Asm16) {
    asm!(a;
        // ES:SI: parameter table entry. The screen stays off until screen_on.
        label   "program_mode";
        pusha;
        call    "flip_flop";
        mov     dx, ATTRIBUTE;
        xor     al, al;
        out     dx, al;
        mov     dx, SEQUENCER;
        mov     ax, 0x0100;
        out     dx, ax;
        lea     di, w(si + 5);
        mov     cx, 4;
        mov     al, 1;
        label   ".sequencer";
        mov     ah, b(di).es();
        out     dx, ax;
        inc     di;
        inc     ax;
        loop_   ".sequencer";
        mov     al, b(si + 9).es();
        mov     dx, MISC_WRITE;
        out     dx, al;
        mov     dx, SEQUENCER;
        mov     ax, 0x0300;
        out     dx, ax;
        // CRTC, write protection off first.
        mov     ax, 0x0011;
        call    "crtc_set";
        lea     di, w(si + 10);
        mov     cx, 25;
        xor     ax, ax;
        label   ".crtc";
        mov     ah, b(di).es();
        call    "crtc_set";
        inc     di;
        inc     ax;
        loop_   ".crtc";
        mov     dx, GRAPHICS;
        lea     di, w(si + 55);
        mov     cx, 9;
        xor     ax, ax;
        label   ".graphics";
        mov     ah, b(di).es();
        out     dx, ax;
        inc     di;
        inc     ax;
        loop_   ".graphics";
        // Attribute controller; the palette stays when its loading is off.
        call    "flip_flop";
        mov     dx, ATTRIBUTE;
        xor     bx, bx;
        lea     di, w(si + 35);
        label   ".attribute";
        test    b(FLAGS), 8;
        jz      ".load";
        cmp     bl, 0x10;
        jb      ".skip";
        cmp     bl, 0x11;
        je      ".skip";
        label   ".load";
        mov     al, bl;
        out     dx, al;
        mov     al, b(bx + di).es();
        out     dx, al;
        label   ".skip";
        inc     bx;
        cmp     bl, 20;
        jb      ".attribute";
        mov     al, 0x14;
        out     dx, al;
        xor     al, al;
        out     dx, al;
        popa;
        ret;

        // Gives the attribute controller's palette back to the display.
        label   "screen_on";
        call    "flip_flop";
        push    dx;
        push    ax;
        mov     dx, ATTRIBUTE;
        mov     al, 0x20;
        out     dx, al;
        pop     ax;
        pop     dx;
        ret;
        // Attribute controller: the next write is an index. Keeps every register.
        label   "flip_flop";
        push    dx;
        push    ax;
        mov     dx, w(CRTC_BASE);
        add     dx, 6;
        in_     al, dx;
        pop     ax;
        pop     dx;
        ret;
    );
}

fn dac(a: &mut Asm16) {
    asm!(a;
        // ES:SI: parameter table entry of the mode just set.
        label   "load_dac";
        pusha;
        mov     dx, DAC_MASK;
        mov     al, 0xFF;
        out     dx, al;
        movzx   bx, b(MODE);
        mov     cx, 256 * 3;
        cmp     bl, 0x13;
        je      ".table";
        mov     cx, 64 * 3;
        label   ".table";
        add     bx, bx;
        mov     di, w(bx + a.at("mode_dac")).cs();
        // Text of 200 lines has the colours of the CGA.
        cmp     bl, 3 * 2;
        ja      ".load";
        cmp     b(si + 2).es(), 8;
        jne     ".load";
        mov     di, a.at("dac_cga");
        label   ".load";
        mov     dx, DAC_WRITE;
        xor     al, al;
        out     dx, al;
        inc     dx;
        mov     si, di;
        mov     bx, 256 * 3;
        sub     bx, cx;
        label   ".next";
        cs_lodsb;
        out     dx, al;
        loop_   ".next";
        xor     al, al;
        mov     cx, bx;
        jcxz    ".sum";
        label   ".rest";
        out     dx, al;
        loop_   ".rest";
        label   ".sum";
        test    b(FLAGS), 2;
        jz      ".done";
        xor     bx, bx;
        mov     cx, 256;
        call    "grey_sum";
        label   ".done";
        popa;
        ret;
    );
}

fn memory(a: &mut Asm16) {
    asm!(a;
        label   "clear_memory";
        pusha;
        push    es;
        mov     cx, 0x4000;
        call    "text_segment";
        mov     ax, 0x0720;
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        je      ".fill";
        xor     ax, ax;
        cmp     b(bp + L_CLASS), CLASS_CGA;
        je      ".fill";
        push    0xA000;
        pop     es;
        mov     ch, 0x80;
        label   ".fill";
        xor     di, di;
        rep_stosw;
        pop     es;
        popa;
        ret;

        // The font of the mode: into plane 2 for text, INT 43h for graphics.
        label   "mode_font";
        pusha;
        push    es;
        xor     ax, ax;
        mov     es, ax;
        mov     si, a.at("font8");
        mov     al, b(HEIGHT);
        cmp     al, 8;
        je      ".have";
        mov     si, a.at("font14");
        cmp     al, 14;
        je      ".have";
        mov     si, a.at("font16");
        label   ".have";
        mov     w(VECTOR_43).es(), si;
        mov     w(VECTOR_43 + 2).es(), cs;
        mov     w(VECTOR_1F).es(), a.at("font8") + 0x400;
        mov     w(VECTOR_1F + 2).es(), cs;
        cmp     b(bp + L_CLASS), CLASS_TEXT;
        jne     ".done";
        push    cs;
        pop     es;
        mov     bh, al;
        xor     bl, bl;
        xor     dx, dx;
        mov     cx, 256;
        call    "load_glyphs";
        label   ".done";
        pop     es;
        popa;
        ret;
    );
}
