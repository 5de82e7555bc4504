//! INT 40h: the diskette functions of INT 13h (00-05, 08, 15-18).
//!
//! IBM PC AT and PS/2 BIOS Interface Technical References, "Interrupt 13h, diskette". A transfer that would cross a 64
//! KiB boundary of the DMA page ends with error 09h, as programs expect.

use super::floppy::*;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    dispatch(a);
    transfer(a);
    command(a);
    info(a);
    set_type(a);
}

fn dispatch(a: &mut Asm16) {
    a.label("int40");
    enter(a);
    asm!(a; sti; );
    a.label("int13_floppy");
    let functions: &[(i32, &str)] = &[
        (0x00, "floppy_reset"),
        (0x01, "floppy_status"),
        (0x02, "floppy_transfer"),
        (0x03, "floppy_transfer"),
        (0x04, "floppy_transfer"),
        (0x05, "floppy_transfer"),
        (0x08, "floppy_params"),
        (0x15, "floppy_dasd"),
        (0x16, "floppy_change"),
        (0x17, "floppy_set_dasd"),
        (0x18, "floppy_set_media"),
    ];
    for (ah_value, target) in functions {
        asm!(a; cmp ah, *ah_value; je target; );
    }
    asm!(a;
        mov     ah, 1;
        label   "floppy_fail";
        mov     b(FLOPPY_STATUS), ah;
        mov     b(bp + R_AH), ah;
        mov     b(bp + R_AL), 0;
        jmp     "svc_fail";
        label   "floppy_ok";
        mov     b(FLOPPY_STATUS), 0;
        jmp     "svc_ok0";

        // DL: drive. Ends the service with error 01h or 80h when there is no such drive.
        label   "floppy_check";
        cmp     dl, 1;
        ja      ".bad";
        call    "floppy_type";
        test    al, al;
        jz      ".absent";
        ret;
        label   ".bad";
        mov     ah, 1;
        jmp     ".out";
        label   ".absent";
        mov     ah, E_TIMEOUT;
        label   ".out";
        mov     sp, bp;
        jmp     "floppy_fail";

        label   "floppy_reset";
        call    "fdc_reset";
        mov     ah, E_CONTROLLER;
        jc      "floppy_fail";
        jmp     "floppy_ok";
        label   "floppy_status";
        mov     ah, b(FLOPPY_STATUS);
        mov     b(bp + R_AH), ah;
        test    ah, ah;
        jz      "svc_ok";
        jmp     "svc_fail";
    );
}

/// Read, write, verify, format.
fn transfer(a: &mut Asm16) {
    asm!(a;
        label   "floppy_transfer";
        call    "floppy_check";
        mov     ah, b(bp + R_AH);
        cmp     ah, 5;
        je      ".format_size";
        mov     ah, 1;
        cmp     b(bp + R_AL), 0;
        je      "floppy_fail";
        // ECX: bytes less one.
        movzx   ecx, b(bp + R_AL);
        shl     ecx, 9;
        dec     ecx;
        jmp     ".sized";
        label   ".format_size";
        mov     bx, 4;
        call    "fdc_param";
        movzx   ecx, al;
        shl     ecx, 2;
        dec     ecx;
        label   ".sized";
        mov     ah, 9;
        cmp     ecx, 0xFFFF;
        ja      "floppy_fail";
        call    "fdc_motor";
        push    ecx;
        call    "floppy_media";
        pop     ecx;
        jc      ".error";
        call    "floppy_attempt";
        jnc     ".done";
        // No such sector: perhaps the rate is that of another medium (function 18h, a change without notice).
        cmp     ah, 2;
        je      ".look";
        cmp     ah, 4;
        jne     ".error";
        label   ".look";
        movzx   bx, dl;
        mov     al, b(bx + FLOPPY_MEDIA);
        push    ax;
        push    ecx;
        call    "floppy_find";
        pop     ecx;
        pop     ax;
        jc      ".error";
        cmp     al, b(bx + FLOPPY_MEDIA);
        je      ".error";
        call    "floppy_attempt";
        jc      ".error";
        label   ".done";
        call    "fdc_idle";
        jmp     "floppy_ok";
        label   ".error";
        push    ax;
        call    "fdc_idle";
        movzx   bx, dl;
        // After a time-out nothing about the drive is sure.
        test    ah, E_TIMEOUT | E_CONTROLLER;
        jz      ".keep";
        btr     w(FLOPPY_RECAL), bx;
        mov     b(bx + FLOPPY_MEDIA), 0;
        label   ".keep";
        pop     ax;
        jmp     "floppy_fail";

        // DMA, seek and command, ECX bytes less one. Carry: AH = error. Keeps ECX.
        label   "floppy_attempt";
        push    ecx;
        call    "floppy_dma";
        jc      ".done";
        // Physical track: twice the cylinder when stepping double.
        movzx   bx, dl;
        mov     al, b(bp + R_CH);
        test    b(bx + FLOPPY_MEDIA), 0x20;
        jz      ".single";
        add     al, al;
        label   ".single";
        call    "fdc_seek";
        jc      ".done";
        call    "floppy_command";
        label   ".done";
        pop     ecx;
        ret;

        // Channel 2: ES:BX of the caller, CX+1 bytes. Carry: AH = 09h, it crosses 64 KiB. Keeps DL.
        label   "floppy_dma";
        push    dx;
        mov     ah, b(bp + R_AH);
        mov     al, 0x46;
        cmp     ah, 2;
        je      ".mode";
        mov     al, 0x42;
        cmp     ah, 4;
        je      ".mode";
        mov     al, 0x4A;
        label   ".mode";
        movzx   edi, w(bp + R_ES);
        shl     edi, 4;
        movzx   edx, w(bp + R_BX);
        add     edi, edx;
        // A verify touches no memory, so its address does not matter.
        cmp     ah, 4;
        jne     ".address";
        xor     edi, edi;
        label   ".address";
        mov     dx, di;
        add     dx, cx;
        jc      ".crosses";
        cli;
        push    ax;
        mov     al, 6;
        out     0x0A, al;
        pop     ax;
        out     0x0C, al;
        out     0x0B, al;
        mov     ax, di;
        out     0x04, al;
        mov     al, ah;
        out     0x04, al;
        shr     edi, 16;
        mov     ax, di;
        out     0x81, al;
        mov     ax, cx;
        out     0x05, al;
        mov     al, ah;
        out     0x05, al;
        mov     al, 2;
        out     0x0A, al;
        sti;
        pop     dx;
        clc;
        ret;
        label   ".crosses";
        pop     dx;
        mov     ah, E_DMA_BOUNDARY;
        stc;
        ret;
    );
}

/// `floppy_command`: the command bytes, the wait, the result. Carry: AH = error.
fn command(a: &mut Asm16) {
    asm!(a;
        label   "floppy_command";
        and     b(FLOPPY_RECAL), 0x7F;
        mov     ah, b(bp + R_AH);
        mov     al, 0xE6;
        cmp     ah, 3;
        jb      ".first";
        ja      ".not_write";
        mov     al, 0xC5;
        jmp     ".first";
        label   ".not_write";
        cmp     ah, 4;
        je      ".first";
        mov     al, 0x4D;
        label   ".first";
        call    "fdc_send";
        jc      ".dead";
        mov     al, b(bp + R_DH);
        and     al, 1;
        shl     al, 2;
        or      al, dl;
        call    "fdc_send";
        cmp     b(bp + R_AH), 5;
        je      ".format";
        mov     al, b(bp + R_CH);
        call    "fdc_send";
        mov     al, b(bp + R_DH);
        call    "fdc_send";
        mov     al, b(bp + R_CL);
        call    "fdc_send";
        mov     bx, 3;
        call    "fdc_param";
        call    "fdc_send";
        // End of track: the last sector wanted; the parameter table's when the transfer goes on at the other head.
        mov     bx, 4;
        call    "fdc_param";
        mov     ah, b(bp + R_CL);
        add     ah, b(bp + R_AL);
        dec     ah;
        cmp     ah, al;
        jbe     ".last";
        cmp     b(bp + R_CL), al;
        jbe     ".eot";
        label   ".last";
        mov     al, ah;
        label   ".eot";
        call    "fdc_send";
        mov     bx, 5;
        call    "fdc_param";
        call    "fdc_send";
        mov     bx, 6;
        call    "fdc_param";
        call    "fdc_send";
        jmp     ".sent";
        // Bytes per sector, sectors, gap, fill byte.
        label   ".format";
        mov     bx, 3;
        call    "fdc_param";
        call    "fdc_send";
        mov     bx, 4;
        call    "fdc_param";
        call    "fdc_send";
        mov     bx, 7;
        call    "fdc_param";
        call    "fdc_send";
        mov     bx, 8;
        call    "fdc_param";
        call    "fdc_send";
        label   ".sent";
        jc      ".dead";
        call    "fdc_wait";
        jc      ".dead";
        call    "fdc_result";
        jc      ".dead";
        test    al, 0xC0;
        jnz     ".bad";
        clc;
        ret;
        label   ".dead";
        call    "fdc_reset";
        mov     ah, E_TIMEOUT;
        stc;
        ret;
        // ST0: bits 7-6 10 invalid command, 11 not ready; else ST1 says why.
        label   ".bad";
        test    al, 0x80;
        mov     ah, E_CONTROLLER;
        jnz     ".error";
        mov     al, b(FLOPPY_RESULT + 1);
        mov     si, a.at(".causes");
        label   ".cause";
        mov     ah, b(si + 1).cs();
        test    b(si).cs(), al;
        jnz     ".error";
        add     si, 2;
        cmp     b(si - 2).cs(), 0;
        jne     ".cause";
        label   ".error";
        stc;
        ret;
        // ST1 bit and error: CRC, overrun, no data, write-protected, no address mark, end of cylinder.
        label   ".causes";
        db      &[0x20, 0x10, 0x10, 0x08, 0x04, 0x04, 0x02, 0x03, 0x01, 0x02, 0x80, 0x04, 0x00, 0x20];
    );
}

fn info(a: &mut Asm16) {
    asm!(a;
        // 08h: geometry of the drive's own medium, BL type, ES:DI parameter table, DL number of drives.
        label   "floppy_params";
        mov     w(bp + R_AX), 0;
        mov     w(bp + R_BX), 0;
        mov     w(bp + R_CX), 0;
        mov     w(bp + R_DX), 0;
        mov     al, b(EQUIPMENT);
        test    al, 1;
        jz      ".count";
        shr     al, 6;
        inc     al;
        mov     b(bp + R_DL), al;
        label   ".count";
        cmp     dl, 1;
        ja      ".absent";
        call    "floppy_type";
        test    al, al;
        jz      ".absent";
        cmp     al, 6;
        ja      ".absent";
        mov     b(bp + R_BL), al;
        movzx   si, al;
        imul_3  si, si, 6;
        add     si, a.at("floppy_types") - 6;
        mov     ax, w(si).cs();
        xchg    al, ah;
        mov     w(bp + R_CX), ax;
        mov     b(bp + R_DH), 1;
        mov     ax, w(si + 4).cs();
        mov     w(bp + R_DI), ax;
        mov     w(bp + R_ES), BIOS_SEG as i32;
        jmp     "floppy_ok";
        label   ".absent";
        mov     w(bp + R_ES), 0;
        mov     w(bp + R_DI), 0;
        cmp     dl, 0x7F;
        ja      "floppy_fail1";
        jmp     "floppy_ok";
        label   "floppy_fail1";
        mov     ah, 1;
        jmp     "floppy_fail";

        // 15h: AH = 0 none, 1 no change line, 2 with change line.
        label   "floppy_dasd";
        mov     b(FLOPPY_STATUS), 0;
        mov     ah, 0;
        cmp     dl, 1;
        ja      ".set";
        call    "floppy_type";
        mov     ah, 0;
        test    al, al;
        jz      ".set";
        inc     ah;
        cmp     al, 1;
        je      ".set";
        inc     ah;
        label   ".set";
        mov     b(bp + R_AH), ah;
        jmp     "svc_ok";

        // 16h: change line.
        label   "floppy_change";
        call    "floppy_check";
        call    "fdc_motor";
        call    "fdc_changed";
        pushf;
        call    "fdc_idle";
        popf;
        jnc     "floppy_ok";
        movzx   bx, dl;
        mov     b(bx + FLOPPY_MEDIA), 0;
        mov     ah, 6;
        jmp     "floppy_fail";

        // By drive type: last cylinder, sectors, rate, unused, parameter table.
        align   2;
        label   "floppy_types";
        db &[39, 9, 2, 0]; dw_at "dpt_360";
        db &[79, 15, 0, 0]; dw_at "dpt_1200";
        db &[79, 9, 2, 0]; dw_at "dpt_720";
        db &[79, 18, 0, 0]; dw_at "diskette_params";
        db &[79, 36, 3, 0]; dw_at "dpt_2880";
        db &[79, 36, 3, 0]; dw_at "dpt_2880";
        label   "dpt_360";
        db      &[0xDF, 0x02, 0x25, 0x02, 9, 0x2A, 0xFF, 0x50, 0xF6, 0x0F, 0x08];
        label   "dpt_1200";
        db      &[0xDF, 0x02, 0x25, 0x02, 15, 0x1B, 0xFF, 0x54, 0xF6, 0x0F, 0x08];
        label   "dpt_720";
        db      &[0xDF, 0x02, 0x25, 0x02, 9, 0x2A, 0xFF, 0x50, 0xF6, 0x0F, 0x08];
        label   "dpt_2880";
        db      &[0xAF, 0x02, 0x25, 0x02, 36, 0x1B, 0xFF, 0x54, 0xF6, 0x0F, 0x08];
    );
}

fn set_type(a: &mut Asm16) {
    asm!(a;
        // 17h: AL 1 360K in 360K, 2 360K in 1.2M, 3 1.2M, 4 720K. For a format to come.
        label   "floppy_set_dasd";
        call    "floppy_check";
        mov     al, b(bp + R_AL);
        movzx   bx, dl;
        dec     al;
        cmp     al, 3;
        ja      "floppy_fail1";
        movzx   si, al;
        mov     al, b(si + a.at(".states")).cs();
        mov     b(bx + FLOPPY_MEDIA), al;
        jmp     "floppy_ok";
        label   ".states";
        db      &[0x93, 0x74, 0x15, 0x97];

        // 18h: CH last cylinder, CL sectors. ES:DI = parameter table; AH = 0Ch unknown medium.
        label   "floppy_set_media";
        call    "floppy_check";
        mov     ah, al;
        mov     cx, w(bp + R_CX);
        and     cl, 0x3F;
        mov     si, a.at("floppy_types");
        mov     di, 5;
        label   ".next";
        cmp     ch, b(si).cs();
        jne     ".other";
        cmp     cl, b(si + 1).cs();
        je      ".found";
        label   ".other";
        add     si, 6;
        dec     di;
        jnz     ".next";
        mov     ah, 0x0C;
        jmp     "floppy_fail";
        label   ".found";
        mov     al, b(si + 2).cs();
        // 40 tracks in a 1.2M drive: 300 kbit/s, two steps a track.
        cmp     ah, 2;
        jne     ".rate";
        cmp     ch, 39;
        jne     ".rate";
        mov     al, 0x74;
        jmp     ".state";
        label   ".rate";
        shl     al, 6;
        or      al, 0x17;
        label   ".state";
        movzx   bx, dl;
        mov     b(bx + FLOPPY_MEDIA), al;
        mov     ax, w(si + 4).cs();
        mov     w(bp + R_DI), ax;
        mov     w(bp + R_ES), BIOS_SEG as i32;
        jmp     "floppy_ok";
    );
}
