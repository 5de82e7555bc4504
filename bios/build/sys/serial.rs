//! INT 14h (serial ports) and INT 17h (printers).
//!
//! IBM PC AT Technical Reference, section 5; National PC16550D datasheet; PS/2 additions (functions 04h, 05h) from
//! Ralf Brown's list. Time-outs count in seconds from 40:7C and 40:78.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    serial(a);
    printer(a);
}

fn serial(a: &mut Asm16) {
    a.label("int14");
    enter(a);
    asm!(a;
        sti;
        cmp     dx, 3;
        ja      "svc_iret";
        mov     si, dx;
        mov     cl, b(si + COM_TIMEOUT);
        add     si, si;
        mov     dx, w(si + COM_PORTS);
        test    dx, dx;
        jz      "svc_iret";
        cmp ah, 0; je ".init";
        cmp ah, 1; je ".send";
        cmp ah, 2; je ".receive";
        cmp ah, 3; je ".status";
        cmp ah, 4; je ".extended";
        cmp ah, 5; je ".control";
        jmp     "svc_iret";

        // AL: bits 7-5 rate, 4-3 parity, 2 stop bits, 1-0 length.
        label   ".init";
        mov     bl, al;
        shr     bl, 5;
        movzx   bx, bl;
        add     bx, bx;
        and     al, 0x1F;
        mov     ah, al;
        mov     cx, w(bx + a.at(".rates")).cs();
        label   ".program";
        add     dx, 3;
        mov     al, 0x80;
        out     dx, al;
        sub     dx, 3;
        mov     al, cl;
        out     dx, al;
        inc     dx;
        mov     al, ch;
        out     dx, al;
        add     dx, 2;
        mov     al, ah;
        out     dx, al;
        sub     dx, 2;
        xor     al, al;
        out     dx, al;
        dec     dx;
        jmp     ".status";

        // CH parity, BH... as function 04h: BH parity, BL stop bits, CH length, CL rate.
        label   ".extended";
        mov     ah, b(bp + R_CH);
        and     ah, 3;
        mov     al, b(bp + R_BL);
        and     al, 1;
        shl     al, 2;
        or      ah, al;
        movzx   si, b(bp + R_BH);
        and     si, 7;
        or      ah, b(si + a.at(".parity")).cs();
        movzx   bx, b(bp + R_CL);
        cmp     bx, 8;
        ja      "svc_iret";
        add     bx, bx;
        mov     cx, w(bx + a.at(".rates")).cs();
        jmp     ".program";
        // AL=0 reads, AL=1 sets the modem control register (BL).
        label   ".control";
        add     dx, 4;
        test    al, al;
        jz      ".control_read";
        mov     al, b(bp + R_BL);
        out     dx, al;
        sub     dx, 4;
        jmp     ".status";
        label   ".control_read";
        in_     al, dx;
        mov     b(bp + R_BL), al;
        sub     dx, 4;
        jmp     ".status";

        // DTR and RTS on; DSR and CTS and an empty register awaited.
        label   ".send";
        add     dx, 4;
        mov     al, 3;
        out     dx, al;
        mov     bx, 0x3020;
        call    ".await";
        jc      ".timeout";
        sub     dx, 6;
        mov     al, b(bp + R_AL);
        out     dx, al;
        add     dx, 5;
        in_     al, dx;
        mov     b(bp + R_AH), al;
        jmp     "svc_iret";
        label   ".receive";
        add     dx, 4;
        mov     al, 1;
        out     dx, al;
        mov     bx, 0x2001;
        call    ".await";
        jc      ".timeout";
        sub     dx, 6;
        in_     al, dx;
        mov     b(bp + R_AL), al;
        and     ah, 0x1E;
        mov     b(bp + R_AH), ah;
        jmp     "svc_iret";
        label   ".timeout";
        mov     ah, al;
        or      ah, 0x80;
        mov     b(bp + R_AH), ah;
        jmp     "svc_iret";
        label   ".status";
        add     dx, 5;
        in_     al, dx;
        mov     b(bp + R_AH), al;
        inc     dx;
        in_     al, dx;
        mov     b(bp + R_AL), al;
        jmp     "svc_iret";

        // BH: modem status bits, BL: line status bits, CL: seconds. Gives DX at the modem status, AL = AH = line
        // status.
        label   ".await";
        movzx   eax, cl;
        imul_3  eax, eax, 1_000_000;
        call    "timer_begin";
        add     dx, 2;
        label   ".wait";
        in_     al, dx;
        and     al, bh;
        cmp     al, bh;
        jne     ".not_yet";
        dec     dx;
        in_     al, dx;
        inc     dx;
        mov     ah, al;
        and     al, bl;
        cmp     al, bl;
        mov     al, ah;
        je      ".ready";
        label   ".not_yet";
        call    "timer_poll";
        jnc     ".wait";
        ret;
        label   ".ready";
        clc;
        ret;

        align   2;
        label   ".rates";
        dw      &[1047, 768, 384, 192, 96, 48, 24, 12, 6];
        label   ".parity";
        db      &[0x00, 0x08, 0x18, 0x28, 0x38, 0, 0, 0];
    );
}

fn printer(a: &mut Asm16) {
    a.label("int17");
    enter(a);
    asm!(a;
        sti;
        cmp     dx, 2;
        ja      "svc_iret";
        mov     si, dx;
        mov     cl, b(si + LPT_TIMEOUT);
        add     si, si;
        mov     dx, w(si + LPT_PORTS);
        test    dx, dx;
        jz      ".absent";
        cmp ah, 0; je ".print";
        cmp ah, 1; je ".init";
        cmp ah, 2; je ".status";
        jmp     "svc_iret";
        label   ".absent";
        mov     b(bp + R_AH), 0x30;
        jmp     "svc_iret";

        label   ".print";
        out     dx, al;
        movzx   eax, cl;
        imul_3  eax, eax, 100_000;
        call    "timer_begin";
        inc     dx;
        label   ".wait";
        in_     al, dx;
        test    al, 0x80;
        jnz     ".ready";
        call    "timer_poll";
        jnc     ".wait";
        and     al, 0xF8;
        xor     al, 0x48;
        or      al, 1;
        mov     b(bp + R_AH), al;
        jmp     "svc_iret";
        // Strobe.
        label   ".ready";
        inc     dx;
        mov     al, 0x0D;
        out     dx, al;
        out     0x80, al;
        mov     al, 0x0C;
        out     dx, al;
        sub     dx, 2;
        jmp     ".status";

        label   ".init";
        add     dx, 2;
        mov     al, 8;
        out     dx, al;
        mov     eax, 50;
        call    "delay_us";
        mov     al, 0x0C;
        out     dx, al;
        sub     dx, 2;
        // Acknowledge and error are active low.
        label   ".status";
        inc     dx;
        in_     al, dx;
        and     al, 0xF8;
        xor     al, 0x48;
        mov     b(bp + R_AH), al;
        jmp     "svc_iret";
    );
}
