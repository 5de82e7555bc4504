//! INT 16h: keyboard services (functions 00-03, 05, 09, 10-12) and INT 05h, print screen.
//!
//! PS/2 and PC BIOS Interface Technical Reference, "Interrupt 16h". The buffer holds the words of the enhanced
//! keyboard; functions 00h and 01h make them what an 84-key keyboard gave: E0 in the character becomes 0, the keypad's
//! Enter and slash become the main keys', and keys that keyboard did not have are passed over.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    services(a);
    print_screen(a);
}

fn services(a: &mut Asm16) {
    a.label("int16");
    enter(a);
    asm!(a;
        sti;
        call    "kbd_leds_sync";
        cmp ah, 0x00; je ".read";
        cmp ah, 0x01; je ".peek";
        cmp ah, 0x02; je ".flags";
        cmp ah, 0x03; je ".rate";
        cmp ah, 0x05; je ".store";
        cmp ah, 0x09; je ".abilities";
        cmp ah, 0x10; je ".read_ext";
        cmp ah, 0x11; je ".peek_ext";
        cmp ah, 0x12; je ".flags_ext";
        jmp     "svc_iret";

        label   ".read";
        call    "kbd_wait";
        call    "kbd_take";
        call    "kbd_standard";
        jc      ".read";
        mov     w(bp + R_AX), ax;
        jmp     "svc_iret";
        label   ".read_ext";
        call    "kbd_wait";
        call    "kbd_take";
        call    "kbd_enhanced";
        mov     w(bp + R_AX), ax;
        jmp     "svc_iret";

        label   ".peek";
        call    "kbd_look";
        jz      ".none";
        call    "kbd_standard";
        jnc     ".some";
        call    "kbd_take";
        jmp     ".peek";
        label   ".peek_ext";
        call    "kbd_look";
        jz      ".none";
        call    "kbd_enhanced";
        label   ".some";
        mov     w(bp + R_AX), ax;
        and     w(bp + R_FLAGS), !ZF;
        jmp     "svc_iret";
        label   ".none";
        or      w(bp + R_FLAGS), ZF;
        jmp     "svc_iret";

        label   ".flags";
        mov     al, b(KBD_FLAGS);
        mov     b(bp + R_AL), al;
        jmp     "svc_iret";
        // AH: left and right Ctrl and Alt, locks held, SysRq.
        label   ".flags_ext";
        mov     ah, b(KBD_FLAGS2);
        mov     bl, ah;
        and     ah, 0x73;
        and     bl, 4;
        shl     bl, 5;
        or      ah, bl;
        mov     bl, b(KBD_MODE);
        and     bl, 0x0C;
        or      ah, bl;
        mov     al, b(KBD_FLAGS);
        mov     w(bp + R_AX), ax;
        jmp     "svc_iret";

        // AL=05h: BH delay, BL rate.
        label   ".rate";
        cmp     al, 5;
        jne     "svc_iret";
        mov     al, 0xF3;
        call    "kbd_tell";
        jc      "svc_iret";
        mov     al, b(bp + R_BH);
        and     al, 3;
        shl     al, 5;
        mov     ah, b(bp + R_BL);
        and     ah, 0x1F;
        or      al, ah;
        call    "kbd_tell";
        jmp     "svc_iret";
        // CX: word. AL=1: the buffer is full.
        label   ".store";
        mov     ax, cx;
        cli;
        call    "kbd_put";
        sbb     al, al;
        neg     al;
        mov     b(bp + R_AL), al;
        jmp     "svc_iret";
        // Functions 10h-12h exist, and 0305h.
        label   ".abilities";
        mov     b(bp + R_AL), 0x24;
        jmp     "svc_iret";
    );
    asm!(a;
        // A byte for the keyboard with interrupts off, and its acknowledge. Carry: none.
        label   "kbd_tell";
        cli;
        call    "kbc_flush";
        call    "kbd_send";
        sti;
        ret;

        // Programs change the locks at 40:17: show it.
        label   "kbd_leds_sync";
        cli;
        call    "kbd_leds";
        sti;
        ret;

        // Until a key is there.
        label   "kbd_wait";
        cli;
        mov     bx, w(KBD_HEAD);
        cmp     bx, w(KBD_TAIL);
        jne     ".there";
        push    ax;
        mov     ax, 0x9002;
        int     0x15;
        pop     ax;
        cli;
        mov     bx, w(KBD_HEAD);
        cmp     bx, w(KBD_TAIL);
        jne     ".there";
        sti;
        hlt;
        jmp     "kbd_wait";
        label   ".there";
        sti;
        ret;

        // The oldest word in AX, BX its place. ZF: none.
        label   "kbd_look";
        cli;
        mov     bx, w(KBD_HEAD);
        mov     ax, w(bx);
        cmp     bx, w(KBD_TAIL);
        sti;
        ret;
        label   "kbd_take";
        cli;
        mov     bx, w(KBD_HEAD);
        mov     ax, w(bx);
        add     bx, 2;
        cmp     bx, w(KBD_END);
        jb      ".no_wrap";
        mov     bx, w(KBD_START);
        label   ".no_wrap";
        mov     w(KBD_HEAD), bx;
        sti;
        ret;

        // AX as the enhanced functions give it: F0 marks a key without character.
        label   "kbd_enhanced";
        cmp     al, 0xF0;
        jne     ".done";
        test    ah, ah;
        jz      ".done";
        xor     al, al;
        label   ".done";
        ret;
        // AX as the standard functions give it. Carry: no such key there.
        label   "kbd_standard";
        cmp     ah, 0xE0;
        jne     ".no_pad";
        mov     ah, 0x35;
        cmp     al, 0x2F;
        je      ".ok";
        mov     ah, 0x1C;
        jmp     ".ok";
        label   ".no_pad";
        test    ah, ah;
        jz      ".ok";
        cmp     ah, 0x84;
        ja      ".drop";
        cmp     al, 0xF0;
        je      ".drop";
        cmp     al, 0xE0;
        jne     ".ok";
        xor     al, al;
        label   ".ok";
        clc;
        ret;
        label   ".drop";
        stc;
        ret;
    );
}

/// INT 05h: the text screen to the first printer; 50:0 holds 1 while it runs, FFh after an error.
fn print_screen(a: &mut Asm16) {
    a.label("int05");
    enter(a);
    asm!(a;
        sti;
        mov     ax, 0x50;
        mov     ds, ax;
        cmp     b(0), 1;
        je      "svc_iret";
        mov     b(0), 1;
        mov     ah, 0x0F;
        int     0x10;
        mov     cl, ah;
        push    BDA_SEG;
        pop     es;
        mov     ch, b(VIDEO_ROWS).es();
        inc     ch;
        cmp     ch, 1;
        ja      ".size";
        mov     ch, 25;
        label   ".size";
        mov     ah, 3;
        push    cx;
        int     0x10;
        pop     cx;
        push    dx;
        xor     dx, dx;
        call    ".line_end";
        label   ".next";
        mov     ah, 2;
        int     0x10;
        mov     ah, 8;
        int     0x10;
        cmp     al, 0x20;
        jae     ".visible";
        mov     al, 0x20;
        label   ".visible";
        call    ".out";
        inc     dl;
        cmp     dl, cl;
        jb      ".next";
        call    ".line_end";
        mov     dl, 0;
        inc     dh;
        cmp     dh, ch;
        jb      ".next";
        mov     b(0), 0;
        jmp     ".done";
        label   ".failed";
        mov     b(0), 0xFF;
        label   ".done";
        pop     dx;
        mov     ah, 2;
        int     0x10;
        jmp     "svc_iret";
        label   ".line_end";
        mov     al, 0x0D;
        call    ".out";
        mov     al, 0x0A;
        call    ".out";
        ret;
        // A printer that fails ends the whole: the stack is cut back to the cursor position.
        label   ".out";
        push    dx;
        xor     dx, dx;
        mov     ah, 0;
        int     0x17;
        pop     dx;
        test    ah, 0x29;
        jnz     ".out_failed";
        ret;
        label   ".out_failed";
        lea     sp, w(bp - 2);
        jmp     ".failed";
    );
}
