//! The PS/2 pointing device: INT 15h AH=C2h and INT 74h (IRQ 12).
//!
//! IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 15h, C2h". While a command runs, keyboard and
//! interrupts of the controller are off; its command byte is put back afterwards with the auxiliary port open. The
//! handler that a program installs is called with status, X, Y and Z on the stack, a word each.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    port(a);
    services(a);
    interrupt(a);
}

fn port(a: &mut Asm16) {
    asm!(a;
        // Closes the keyboard and the controller's interrupts. Gives BL = the command byte for mouse_close.
        label   "mouse_open";
        cli;
        mov     al, 0xAD;
        call    "kbc_command";
        call    "kbc_flush";
        call    "kbc_get_mode";
        mov     bl, al;
        and     bl, 0xCF;
        or      bl, 0x03;
        and     al, 0xDC;
        or      al, 0x10;
        call    "kbc_mode";
        ret;
        // BL: command byte. Keeps AX and the carry.
        label   "mouse_close";
        pushf;
        push    ax;
        call    "kbc_flush";
        mov     al, bl;
        call    "kbc_mode";
        pop     ax;
        popf;
        ret;

        // AL: byte for the device. Carry: it is not acknowledged.
        label   "mouse_send";
        push    ax;
        mov     al, 0xD4;
        call    "kbc_command";
        pop     ax;
        jc      ".done";
        call    "kbc_data";
        jc      ".done";
        call    "kbc_read";
        jc      ".done";
        cmp     al, 0xFA;
        je      ".done";
        stc;
        label   ".done";
        ret;

        // Resets the device. Carry: it is not there. AX = AAh, then its type.
        label   "mouse_reset";
        mov     al, 0xFF;
        call    "mouse_send";
        jc      ".done";
        call    "kbc_read";
        jc      ".done";
        push    ax;
        call    "kbc_read";
        mov     ah, al;
        pop     cx;
        mov     al, cl;
        jc      ".done";
        cmp     al, 0xAA;
        je      ".done";
        stc;
        label   ".done";
        ret;

        // POST: is there one? The port stays closed until a program asks for it.
        label   "mouse_init";
        call    "mouse_open";
        call    "mouse_reset";
        jc      ".none";
        or      w(EQUIPMENT), 4;
        mov     es, w(EBDA_PTR);
        mov     b(E_MOUSE_PRESENT).es(), 1;
        mov     b(E_MOUSE_FLAG2).es(), 2;
        label   ".none";
        and     bl, 0xFD;
        or      bl, 0x20;
        call    "mouse_close";
        sti;
        ret;

        // IRQ 12 open.
        label   "mouse_unmask";
        in_     al, 0xA1;
        and     al, 0xEF;
        out     0xA1, al;
        ret;
    );
}

fn services(a: &mut Asm16) {
    asm!(a;
        label   "int15_c2";
        mov     ds, w(EBDA_PTR);
        cmp     b(E_MOUSE_PRESENT), 0;
        je      ".interface";
        cmp     al, 7;
        ja      ".function";
        movzx   si, al;
        add     si, si;
        jmp     w(si + a.at(".table")).cs();
        align   2;
        label   ".table";
        dw_at ".enable"; dw_at ".reset"; dw_at ".rate"; dw_at ".resolution";
        dw_at ".type"; dw_at ".init"; dw_at ".status"; dw_at ".handler";
        label   ".function";
        mov     b(bp + R_AH), 1;
        jmp     "svc_fail";
        label   ".input";
        mov     b(bp + R_AH), 2;
        jmp     "svc_fail";
        label   ".close_interface";
        call    "mouse_close";
        label   ".interface";
        mov     b(bp + R_AH), 3;
        jmp     "svc_fail";
        label   ".no_handler";
        mov     b(bp + R_AH), 5;
        jmp     "svc_fail";

        // 00: BH 1 on, 0 off.
        label   ".enable";
        mov     al, 0xF5;
        cmp     bh, 1;
        ja      ".input";
        jb      ".switch";
        test    b(E_MOUSE_FLAG2), 0x80;
        jz      ".no_handler";
        call    "mouse_unmask";
        mov     al, 0xF4;
        label   ".switch";
        mov     b(E_MOUSE_FLAG1), 0;
        push    ax;
        call    "mouse_open";
        pop     ax;
        call    "mouse_send";
        jc      ".close_interface";
        call    "mouse_close";
        jmp     "svc_ok0";

        // 05: BH bytes in a packet; then as 01.
        label   ".init";
        mov     al, bh;
        dec     al;
        cmp     al, 7;
        ja      ".input";
        and     b(E_MOUSE_FLAG2), 0x80;
        or      b(E_MOUSE_FLAG2), al;
        call    "mouse_unmask";
        label   ".reset";
        mov     b(E_MOUSE_FLAG1), 0;
        call    "mouse_open";
        call    "mouse_reset";
        jc      ".close_interface";
        call    "mouse_close";
        cmp     b(bp + R_AL), 1;
        jne     "svc_ok0";
        mov     w(bp + R_BX), ax;
        jmp     "svc_ok0";

        // 02: BH 0-6: 10, 20, 40, 60, 80, 100, 200 reports a second.
        label   ".rate";
        cmp     bh, 6;
        ja      ".input";
        movzx   si, bh;
        mov     ah, b(si + a.at(".rates")).cs();
        mov     al, 0xF3;
        label   ".pair";
        push    ax;
        call    "mouse_open";
        pop     ax;
        push    ax;
        call    "mouse_send";
        pop     ax;
        jc      ".close_interface";
        mov     al, ah;
        call    "mouse_send";
        jc      ".close_interface";
        call    "mouse_close";
        jmp     "svc_ok0";
        label   ".rates";
        db      &[10, 20, 40, 60, 80, 100, 200];
        // 03: BH 0-3.
        label   ".resolution";
        cmp     bh, 3;
        ja      ".input";
        mov     ah, bh;
        mov     al, 0xE8;
        jmp     ".pair";

        // 04: BH = type.
        label   ".type";
        call    "mouse_open";
        mov     al, 0xF2;
        call    "mouse_send";
        jc      ".close_interface";
        call    "kbc_read";
        jc      ".close_interface";
        mov     b(bp + R_BH), al;
        call    "mouse_close";
        jmp     "svc_ok0";

        // 06: BH 0 status in BL, CL, DL; 1 scaling 1:1; 2 scaling 2:1.
        label   ".status";
        cmp     bh, 2;
        ja      ".input";
        mov     al, 0xE9;
        jb      ".status_low";
        mov     al, 0xE7;
        jmp     ".switch_scale";
        label   ".status_low";
        cmp     bh, 0;
        je      ".report";
        mov     al, 0xE6;
        label   ".switch_scale";
        push    ax;
        call    "mouse_open";
        pop     ax;
        call    "mouse_send";
        jc      ".close_interface";
        call    "mouse_close";
        jmp     "svc_ok0";
        label   ".report";
        push    ax;
        call    "mouse_open";
        pop     ax;
        call    "mouse_send";
        jc      ".close_interface";
        call    "kbc_read";
        jc      ".close_interface";
        mov     b(bp + R_BL), al;
        call    "kbc_read";
        jc      ".close_interface";
        mov     b(bp + R_CL), al;
        call    "kbc_read";
        jc      ".close_interface";
        mov     b(bp + R_DL), al;
        call    "mouse_close";
        jmp     "svc_ok0";

        // 07: ES:BX handler, 0:0 none.
        label   ".handler";
        mov     ax, w(bp + R_ES);
        cli;
        mov     w(E_MOUSE_OFF), bx;
        mov     w(E_MOUSE_SEG), ax;
        and     b(E_MOUSE_FLAG2), 0x7F;
        or      ax, bx;
        jz      "svc_ok0";
        or      b(E_MOUSE_FLAG2), 0x80;
        jmp     "svc_ok0";
    );
}

fn interrupt(a: &mut Asm16) {
    a.label("int74");
    enter(a);
    asm!(a;
        in_     al, 0x64;
        and     al, 0x21;
        cmp     al, 0x21;
        jne     ".eoi";
        in_     al, 0x60;
        mov     ds, w(EBDA_PTR);
        test    b(E_MOUSE_FLAG2), 0x80;
        jz      ".eoi";
        mov     bl, b(E_MOUSE_FLAG1);
        and     bx, 7;
        // The first byte of a packet has bit 3 set: a way back into step.
        jnz     ".store";
        test    al, 8;
        jz      ".eoi";
        label   ".store";
        mov     b(bx + E_MOUSE_DATA), al;
        inc     bl;
        mov     b(E_MOUSE_FLAG1), bl;
        mov     bh, b(E_MOUSE_FLAG2);
        and     bh, 7;
        cmp     bl, bh;
        jbe     ".eoi";
        mov     b(E_MOUSE_FLAG1), 0;
        movzx   ax, b(E_MOUSE_DATA);
        push    ax;
        mov     al, b(E_MOUSE_DATA + 1);
        push    ax;
        mov     al, b(E_MOUSE_DATA + 2);
        push    ax;
        // A fourth byte is a wheel's.
        xor     ax, ax;
        cmp     bh, 3;
        jne     ".three";
        mov     al, b(E_MOUSE_DATA + 3);
        label   ".three";
        push    ax;
        sti;
        call    d(E_MOUSE_OFF);
        cli;
        add     sp, 8;
        label   ".eoi";
        call    "eoi_slave";
        jmp     "svc_iret";
    );
}
