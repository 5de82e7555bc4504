//! The keyboard controller: commands and data with time-outs, keyboard start-up, reset of the processor.
//!
//! Intel 8042 as programmed by IBM (PC AT Technical Reference, "Keyboard controller"); status bits 0 output buffer
//! full, 1 input buffer full, 5 the byte is from the auxiliary device. Command byte: 0 keyboard interrupt, 1 auxiliary
//! interrupt, 2 system flag, 4 keyboard off, 5 auxiliary off, 6 translation.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    asm!(a;
        // Waits until the controller takes a byte. Carry: it does not.
        label   "kbc_ready";
        push    eax;
        push    edi;
        push    si;
        mov     eax, 200_000;
        call    "timer_begin";
        label   ".wait";
        in_     al, 0x64;
        test    al, 2;
        jz      ".done";
        call    "timer_poll";
        jnc     ".wait";
        label   ".done";
        pop     si;
        pop     edi;
        pop     eax;
        ret;

        // AL: command for the controller. Carry: time-out.
        label   "kbc_command";
        call    "kbc_ready";
        jc      ".done";
        out     0x64, al;
        clc;
        label   ".done";
        ret;

        // AL: byte for port 60h. Carry: time-out.
        label   "kbc_data";
        call    "kbc_ready";
        jc      ".done";
        out     0x60, al;
        clc;
        label   ".done";
        ret;

        // Gives a byte of the output buffer in AL; AH = status when it came. Carry: time-out (1 s).
        label   "kbc_read";
        push    edi;
        push    si;
        mov     eax, 1_000_000;
        call    "timer_begin";
        label   ".wait";
        in_     al, 0x64;
        test    al, 1;
        jnz     ".there";
        call    "timer_poll";
        jnc     ".wait";
        jmp     ".done";
        label   ".there";
        mov     ah, al;
        in_     al, 0x60;
        clc;
        label   ".done";
        pop     si;
        pop     edi;
        ret;

        // Throws away what is in the output buffer.
        label   "kbc_flush";
        push    ax;
        push    cx;
        mov     cx, 64;
        label   ".next";
        in_     al, 0x64;
        test    al, 1;
        jz      ".done";
        in_     al, 0x60;
        loop_   ".next";
        label   ".done";
        pop     cx;
        pop     ax;
        ret;

        // AL: the new command byte. Carry: time-out.
        label   "kbc_mode";
        push    ax;
        mov     al, 0x60;
        call    "kbc_command";
        pop     ax;
        jc      ".done";
        call    "kbc_data";
        label   ".done";
        ret;

        // The command byte in AL. Carry: time-out.
        label   "kbc_get_mode";
        mov     al, 0x20;
        call    "kbc_command";
        jc      ".done";
        call    "kbc_read";
        label   ".done";
        ret;

        // AL: byte for the keyboard, whose acknowledge is awaited. Carry: none came.
        label   "kbd_send";
        call    "kbc_data";
        jc      ".done";
        call    "kbc_read";
        jc      ".done";
        cmp     al, 0xFA;
        je      ".done";
        stc;
        label   ".done";
        ret;

        // Start: controller self test, keyboard interface test, keyboard reset; ends with keyboard on and the mouse
        // port off.
        label   "kbc_init";
        call    "kbc_flush";
        mov     al, 0xAA;
        call    "kbc_command";
        jc      ".none";
        call    "kbc_read";
        jc      ".none";
        cmp     al, 0x55;
        jne     ".none";
        mov     al, 0xAB;
        call    "kbc_command";
        call    "kbc_read";
        // Interrupts off, mouse off, translation off while the keyboard is asked.
        mov     al, 0x24;
        call    "kbc_mode";
        call    "kbc_flush";
        mov     al, 0xFF;
        call    "kbd_send";
        jc      ".mode";
        call    "kbc_read";
        // Scanning on; set 2 is the power-on default, to be translated.
        mov     al, 0xF4;
        call    "kbd_send";
        label   ".mode";
        mov     al, 0x65;
        call    "kbc_mode";
        call    "kbc_flush";
        ret;
        label   ".none";
        ret;

        // Resets the processor: chipset reset, keyboard controller, then the hard way.
        label   "reset_cpu";
        cli;
        mov     dx, 0xCF9;
        mov     al, 2;
        out     dx, al;
        mov     al, 6;
        out     dx, al;
        mov     cx, 0x1000;
        label   ".wait";
        out     0x80, al;
        loop_   ".wait";
        mov     al, 0xFE;
        out     0x64, al;
        mov     cx, 0x1000;
        label   ".wait2";
        out     0x80, al;
        loop_   ".wait2";
        jmp_far BIOS_SEG, "post_entry";
    );
}
