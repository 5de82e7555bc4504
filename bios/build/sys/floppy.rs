//! Diskettes: the 82077 controller, its DMA channel and IRQ 6, and finding out what is in a drive.
//!
//! Intel 82077AA datasheet (commands, result phase, DOR, DIR, CCR), IBM PC AT Technical Reference, section 5 (data area
//! 40:3E-42, 40:8B-95, diskette parameter table). The functions of INT 13h for diskettes are in `int13_floppy.rs`.
//!
//! A medium is found by reading an ID at each data rate the drive has. Whether a 40-track disk sits in an 80-track
//! drive is asked by stepping to track 2 and reading which cylinder the ID there names.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

const DOR: i32 = 0x3F2;
const MSR: i32 = 0x3F4;
/// Digital input register (read, bit 7 disk change) and configuration control register (write, data rate).
const DIR: i32 = 0x3F7;

/// Errors of INT 13h.
pub const E_DMA_BOUNDARY: i32 = 0x09;
pub const E_CONTROLLER: i32 = 0x20;
pub const E_SEEK: i32 = 0x40;
pub const E_TIMEOUT: i32 = 0x80;

pub fn emit(a: &mut Asm16) {
    init(a);
    interrupt(a);
    controller(a);
    motor(a);
    seek(a);
    media(a);
}

fn init(a: &mut Asm16) {
    asm!(a;
        label   "floppy_init";
        call    "floppy_count";
        mov     al, 0x10;
        call    "cmos_read";
        test    al, al;
        jz      ".none";
        // Changed line, rates and capacity known: bits 2-0 of each nibble.
        mov     b(FLOPPY_INFO), 0x77;
        call    "fdc_reset";
        label   ".none";
        ret;

        // Equipment: bit 0 any drive, bits 7-6 number less one. CMOS 10h has the drives' types, A: in the high nibble;
        // a CD-ROM image that stands in for a diskette counts too. Keeps all registers.
        label   "floppy_count";
        pusha;
        push    ds;
        push    es;
        push    BDA_SEG;
        pop     ds;
        mov     es, w(EBDA_PTR);
        xor     cx, cx;
        mov     al, 0x10;
        call    "cmos_read";
        test    al, 0xF0;
        jz      ".no_a";
        inc     cx;
        label   ".no_a";
        test    al, 0x0F;
        jz      ".no_b";
        inc     cx;
        label   ".no_b";
        cmp     b(E_EMU_ACTIVE).es(), 0;
        je      ".real";
        cmp     b(E_EMU_MEDIA).es(), 4;
        je      ".real";
        inc     cx;
        label   ".real";
        mov     ax, w(EQUIPMENT);
        and     al, 0x3E;
        jcxz    ".set";
        dec     cx;
        shl     cl, 6;
        or      al, cl;
        or      al, 1;
        label   ".set";
        mov     w(EQUIPMENT), ax;
        pop     es;
        pop     ds;
        popa;
        ret;

        // DL: drive. Gives AL = its type by CMOS (0 none, 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 or 6 2.88M).
        label   "floppy_type";
        mov     al, 0x10;
        call    "cmos_read";
        test    dl, dl;
        jnz     ".b";
        shr     al, 4;
        label   ".b";
        and     al, 15;
        ret;
    );
}

fn interrupt(a: &mut Asm16) {
    asm!(a;
        label   "int0e";
        push    ax;
        push    ds;
        push    BDA_SEG;
        pop     ds;
        or      b(FLOPPY_RECAL), 0x80;
        mov     al, 0x20;
        out     0x20, al;
        mov     ax, 0x9101;
        int     0x15;
        pop     ds;
        pop     ax;
        iret;

        // Waits for the interrupt, two seconds at most. Carry: none came.
        label   "fdc_wait";
        push    eax;
        push    edi;
        push    si;
        mov     eax, 2_000_000;
        call    "timer_begin";
        label   ".wait";
        cli;
        test    b(FLOPPY_RECAL), 0x80;
        jnz     ".came";
        call    "timer_poll";
        jc      ".late";
        sti;
        hlt;
        jmp     ".wait";
        label   ".came";
        and     b(FLOPPY_RECAL), 0x7F;
        clc;
        label   ".late";
        sti;
        pop     si;
        pop     edi;
        pop     eax;
        ret;
    );
}

fn controller(a: &mut Asm16) {
    asm!(a;
        // AL: byte of a command. Carry: the controller does not take it.
        label   "fdc_send";
        push    cx;
        push    dx;
        push    ax;
        mov     dx, MSR;
        xor     cx, cx;
        label   ".wait";
        in_     al, dx;
        and     al, 0xC0;
        cmp     al, 0x80;
        je      ".ready";
        out     0x80, al;
        loop_   ".wait";
        pop     ax;
        pop     dx;
        pop     cx;
        stc;
        ret;
        label   ".ready";
        pop     ax;
        inc     dx;
        out     dx, al;
        pop     dx;
        pop     cx;
        clc;
        ret;

        // The result phase into 40:42. Gives AL = its first byte (ST0). Carry: nothing came.
        label   "fdc_result";
        push    bx;
        push    cx;
        push    dx;
        mov     bx, FLOPPY_RESULT;
        label   ".next";
        mov     dx, MSR;
        xor     cx, cx;
        label   ".wait";
        in_     al, dx;
        test    al, 0x80;
        jz      ".not_ready";
        test    al, 0x40;
        jz      ".end";
        inc     dx;
        in_     al, dx;
        cmp     bx, FLOPPY_RESULT + 7;
        jae     ".next";
        mov     b(bx), al;
        inc     bx;
        jmp     ".next";
        label   ".not_ready";
        out     0x80, al;
        loop_   ".wait";
        stc;
        jmp     ".done";
        label   ".end";
        cmp     bx, FLOPPY_RESULT + 1;
        mov     al, b(FLOPPY_RESULT);
        label   ".done";
        pop     dx;
        pop     cx;
        pop     bx;
        ret;

        // Sense interrupt status: ST0 in AL, cylinder in 40:43.
        label   "fdc_sense";
        mov     al, 8;
        call    "fdc_send";
        jc      ".done";
        call    "fdc_result";
        label   ".done";
        ret;

        // Reset by the DOR, then four sense commands and SPECIFY from the parameter table. Carry: no controller.
        label   "fdc_reset";
        push    ax;
        push    dx;
        sti;
        and     b(FLOPPY_RECAL), 0x70;
        call    "fdc_dor";
        push    ax;
        and     al, 0xFB;
        mov     dx, DOR;
        out     dx, al;
        out     0x80, al;
        pop     ax;
        out     dx, al;
        call    "fdc_wait";
        jc      ".done";
        mov     ah, 4;
        label   ".sense";
        push    ax;
        call    "fdc_sense";
        pop     ax;
        jc      ".done";
        dec     ah;
        jnz     ".sense";
        call    "fdc_specify";
        label   ".done";
        pop     dx;
        pop     ax;
        ret;

        label   "fdc_specify";
        mov     al, 3;
        call    "fdc_send";
        jc      ".done";
        mov     bx, 0;
        call    "fdc_param";
        call    "fdc_send";
        mov     bx, 1;
        call    "fdc_param";
        call    "fdc_send";
        label   ".done";
        ret;

        // BX: index into the diskette parameter table of INT 1Eh. Gives AL.
        label   "fdc_param";
        push    es;
        push    si;
        xor     si, si;
        mov     es, si;
        les     si, d(0x1E * 4).es();
        mov     al, b(bx + si).es();
        pop     si;
        pop     es;
        ret;

        // AL = value of the DOR for the motors of 40:3F and the selected drive.
        label   "fdc_dor";
        mov     ah, b(FLOPPY_MOTOR);
        mov     al, ah;
        shl     ah, 4;
        shr     al, 4;
        and     al, 3;
        or      al, ah;
        or      al, 0x0C;
        ret;
    );
}

fn motor(a: &mut Asm16) {
    asm!(a;
        // DL: drive. Selects it with its motor on; it stays on until 40:40 runs out.
        label   "fdc_motor";
        push    ax;
        push    cx;
        push    dx;
        cli;
        mov     b(FLOPPY_COUNT), 0xFF;
        mov     cl, dl;
        mov     al, 1;
        shl     al, cl;
        mov     ah, dl;
        shl     ah, 4;
        or      al, ah;
        and     b(FLOPPY_MOTOR), 0xCF;
        or      b(FLOPPY_MOTOR), al;
        call    "fdc_dor";
        mov     dx, DOR;
        out     dx, al;
        sti;
        pop     dx;
        pop     cx;
        pop     ax;
        ret;

        // The motor may stop after the time of the parameter table.
        label   "fdc_idle";
        push    ax;
        push    bx;
        mov     bx, 2;
        call    "fdc_param";
        mov     b(FLOPPY_COUNT), al;
        pop     bx;
        pop     ax;
        ret;

        // DL: drive. Carry: its disk-change line is active.
        label   "fdc_changed";
        push    ax;
        push    dx;
        mov     dx, DIR;
        in_     al, dx;
        shl     al, 1;
        pop     dx;
        pop     ax;
        ret;

        // AL: data rate.
        label   "fdc_rate";
        push    dx;
        mov     dx, DIR;
        out     dx, al;
        mov     b(FLOPPY_RATE), al;
        ror     b(FLOPPY_RATE), 2;
        pop     dx;
        ret;
    );
}

fn seek(a: &mut Asm16) {
    asm!(a;
        // DL: drive. Track 0. Carry: AH = error.
        label   "fdc_recalibrate";
        mov     al, 7;
        call    "fdc_send";
        jc      ".dead";
        mov     al, dl;
        call    "fdc_send";
        call    "fdc_wait";
        jc      ".dead";
        call    "fdc_sense";
        and     al, 0xE0;
        cmp     al, 0x20;
        jne     ".bad";
        push    bx;
        movzx   bx, dl;
        mov     b(bx + FLOPPY_TRACK), 0;
        bts     w(FLOPPY_RECAL), bx;
        pop     bx;
        clc;
        ret;
        label   ".bad";
        mov     ah, E_SEEK;
        stc;
        ret;
        label   ".dead";
        mov     ah, E_TIMEOUT;
        stc;
        ret;

        // DL: drive, AL: physical track. Carry: AH = error.
        label   "fdc_seek";
        push    bx;
        push    cx;
        movzx   bx, dl;
        mov     cl, al;
        bt      w(FLOPPY_RECAL), bx;
        jc      ".known";
        call    "fdc_recalibrate";
        jnc     ".known";
        // 77 steps may fall short of the 79 needed.
        call    "fdc_recalibrate";
        jc      ".done";
        label   ".known";
        cmp     b(bx + FLOPPY_TRACK), cl;
        je      ".done";
        mov     al, 0x0F;
        call    "fdc_send";
        jc      ".dead";
        mov     al, dl;
        call    "fdc_send";
        mov     al, cl;
        call    "fdc_send";
        call    "fdc_wait";
        jc      ".dead";
        call    "fdc_sense";
        and     al, 0xE0;
        cmp     al, 0x20;
        jne     ".bad";
        mov     b(bx + FLOPPY_TRACK), cl;
        clc;
        label   ".done";
        pop     cx;
        pop     bx;
        ret;
        label   ".bad";
        mov     ah, E_SEEK;
        stc;
        jmp     ".done";
        label   ".dead";
        mov     ah, E_TIMEOUT;
        stc;
        jmp     ".done";

        // DL: drive. An ID of head 0; result in 40:42. Carry: there is none at this rate.
        label   "fdc_read_id";
        mov     al, 0x4A;
        call    "fdc_send";
        jc      ".done";
        mov     al, dl;
        call    "fdc_send";
        call    "fdc_wait";
        jc      ".done";
        call    "fdc_result";
        jc      ".done";
        test    al, 0xC0;
        jz      ".done";
        stc;
        label   ".done";
        ret;
    );
}

fn media(a: &mut Asm16) {
    asm!(a;
        // DL: drive, motor on. Sees to it that 40:90 tells of the medium in the drive and the rate is set.
        // Carry: AH = 06h it was changed, 80h there is none, or another error.
        label   "floppy_media";
        push    bx;
        movzx   bx, dl;
        call    "fdc_changed";
        jnc     ".same";
        // The line goes off when the head steps with a disk inside.
        mov     al, b(bx + FLOPPY_MEDIA);
        push    ax;
        and     b(bx + FLOPPY_MEDIA), 0;
        btr     w(FLOPPY_RECAL), bx;
        mov     al, 1;
        call    "fdc_seek";
        mov     al, 0;
        call    "fdc_seek";
        pop     ax;
        call    "fdc_changed";
        jc      ".empty";
        test    al, 0x10;
        jz      ".same";
        mov     ah, 6;
        stc;
        jmp     ".done";
        label   ".empty";
        mov     ah, E_TIMEOUT;
        stc;
        jmp     ".done";
        label   ".same";
        mov     al, b(bx + FLOPPY_MEDIA);
        test    al, 0x10;
        jz      ".find";
        shr     al, 6;
        call    "fdc_rate";
        clc;
        jmp     ".done";
        label   ".find";
        call    "floppy_find";
        label   ".done";
        pop     bx;
        ret;

        // Tries the rates of the drive. BX = DL: drive. Carry: AH = error.
        label   "floppy_find";
        mov     al, 0;
        call    "fdc_seek";
        jc      ".ret";
        call    "floppy_type";
        movzx   si, al;
        cmp     si, 6;
        jbe     ".known";
        mov     si, 4;
        label   ".known";
        shl     si, 2;
        add     si, a.at(".rates");
        mov     cx, 4;
        label   ".next";
        cs_lodsb;
        cmp     al, 0xFF;
        je      ".failed";
        call    "fdc_rate";
        call    "fdc_read_id";
        jnc     ".found";
        loop_   ".next";
        label   ".failed";
        // What the last try said: no address mark, or no answer at all.
        mov     ah, E_TIMEOUT;
        jc      ".ret";
        mov     ah, 2;
        test    b(FLOPPY_RESULT + 1), 1;
        jnz     ".bad";
        mov     ah, 4;
        label   ".bad";
        stc;
        label   ".ret";
        ret;
        // Keep rate, "established" and the code of drive and medium.
        label   ".found";
        mov     al, b(FLOPPY_RATE);
        and     al, 0xC0;
        or      al, 0x17;
        mov     ah, al;
        call    "floppy_type";
        xchg    al, ah;
        cmp     ah, 1;
        jne     ".not_360";
        and     al, 0xF8;
        or      al, 3;
        label   ".not_360";
        cmp     ah, 2;
        jne     ".keep";
        // A 1.2M drive: 500 kbit/s is its own medium; else step twice if the second track calls itself the first.
        and     al, 0xF8;
        or      al, 5;
        test    al, 0xC0;
        jz      ".keep";
        dec     al;
        push    ax;
        mov     al, 2;
        call    "fdc_seek";
        jc      ".no_double";
        call    "fdc_read_id";
        jc      ".no_double";
        cmp     b(FLOPPY_RESULT + 3), 1;
        jne     ".no_double";
        pop     ax;
        or      al, 0x20;
        jmp     ".keep";
        label   ".no_double";
        pop     ax;
        label   ".keep";
        mov     b(bx + FLOPPY_MEDIA), al;
        clc;
        ret;
        // By drive type: 0 500, 1 300, 2 250 kbit/s, 3 1 Mbit/s.
        label   ".rates";
        db      &[0xFF, 0xFF, 0xFF, 0xFF,  2, 0xFF, 0xFF, 0xFF,  0, 1, 2, 0xFF,  2, 0xFF, 0xFF, 0xFF];
        db      &[0, 2, 1, 0xFF,  0, 3, 2, 0xFF,  0, 3, 2, 0xFF];
    );
}
