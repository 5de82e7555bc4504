//! INT 08h (system timer) and INT 1Ah (time of day).
//!
//! IBM PC AT Technical Reference, section 5. The timer ticks 1193182 / 65536 times a second, 1800B0h times a day. PCI
//! BIOS calls (AH=B1h) are in `pci.rs`.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    asm!(a;
        label   "int08";
        sti;
        push    ds;
        push    ax;
        push    dx;
        push    BDA_SEG;
        pop     ds;
        inc     w(TICKS);
        jnz     ".same";
        inc     w(TICKS + 2);
        label   ".same";
        cmp     w(TICKS + 2), 0x18;
        jne     ".day";
        cmp     w(TICKS), 0xB0;
        jne     ".day";
        mov     d(TICKS), 0;
        inc     b(MIDNIGHT);
        label   ".day";
        // The diskette motor runs down.
        cmp     b(FLOPPY_COUNT), 0;
        je      ".motor";
        dec     b(FLOPPY_COUNT);
        jnz     ".motor";
        and     b(FLOPPY_MOTOR), 0xF0;
        mov     al, 0x0C;
        mov     dx, 0x3F2;
        out     dx, al;
        label   ".motor";
        int     0x1C;
        cli;
        mov     al, 0x20;
        out     0x20, al;
        pop     dx;
        pop     ax;
        pop     ds;
        iret;

        label   "int1a";
    );
    enter(a);
    asm!(a; cmp ah, 0xB1; je "int1a_pci"; );
    for (ah_value, target) in
        [".get_ticks", ".set_ticks", ".get_time", ".set_time", ".get_date", ".set_date", ".set_alarm", ".off_alarm"]
            .iter()
            .enumerate()
    {
        asm!(a; cmp ah, ah_value as i32; je target; );
    }
    asm!(a;
        jmp     "svc_fail";
        label   ".get_ticks";
        cli;
        mov     ax, w(TICKS);
        mov     w(bp + R_DX), ax;
        mov     ax, w(TICKS + 2);
        mov     w(bp + R_CX), ax;
        xor     al, al;
        xchg    b(MIDNIGHT), al;
        mov     b(bp + R_AL), al;
        jmp     "svc_ok0";
        label   ".set_ticks";
        cli;
        mov     w(TICKS), dx;
        mov     w(TICKS + 2), cx;
        mov     b(MIDNIGHT), 0;
        jmp     "svc_ok0";

        // Times and dates are BCD: CH hour, CL minute, DH second, DL daylight saving; CH century, CL year, DH month,
        // DL day.
        label   ".get_time";
        call    "rtc_ready";
        mov     al, 0; call "cmos_read"; mov b(bp + R_DH), al;
        mov     al, 2; call "cmos_read"; mov b(bp + R_CL), al;
        mov     al, 4; call "cmos_read"; mov b(bp + R_CH), al;
        mov     al, 0x0B; call "cmos_read"; and al, 1; mov b(bp + R_DL), al;
        mov     al, b(bp + R_CH);
        mov     b(bp + R_AL), al;
        jmp     "svc_ok0";
        label   ".set_time";
        call    "rtc_ready";
        mov     al, 0; mov ah, b(bp + R_DH); call "cmos_write";
        mov     al, 2; mov ah, b(bp + R_CL); call "cmos_write";
        mov     al, 4; mov ah, b(bp + R_CH); call "cmos_write";
        mov     al, 0x0B; call "cmos_read";
        and     al, 0x62;
        or      al, 2;
        and     b(bp + R_DL), 1;
        or      al, b(bp + R_DL);
        mov     ah, al;
        mov     al, 0x0B;
        call    "cmos_write";
        jmp     "svc_ok0";
        label   ".get_date";
        call    "rtc_ready";
        mov     al, 7; call "cmos_read"; mov b(bp + R_DL), al;
        mov     al, 8; call "cmos_read"; mov b(bp + R_DH), al;
        mov     al, 9; call "cmos_read"; mov b(bp + R_CL), al;
        mov     al, 0x32; call "cmos_read"; mov b(bp + R_CH), al;
        mov     b(bp + R_AL), al;
        jmp     "svc_ok0";
        label   ".set_date";
        call    "rtc_ready";
        mov     al, 7; mov ah, b(bp + R_DL); call "cmos_write";
        mov     al, 8; mov ah, b(bp + R_DH); call "cmos_write";
        mov     al, 9; mov ah, b(bp + R_CL); call "cmos_write";
        mov     al, 0x32; mov ah, b(bp + R_CH); call "cmos_write";
        mov     al, 0x0B; call "cmos_read";
        and     al, 0x7F;
        mov     ah, al;
        mov     al, 0x0B;
        call    "cmos_write";
        jmp     "svc_ok0";

        label   ".set_alarm";
        mov     al, 0x0B; call "cmos_read";
        test    al, 0x20;
        jnz     "svc_fail";
        call    "rtc_ready";
        mov     al, 1; mov ah, b(bp + R_DH); call "cmos_write";
        mov     al, 3; mov ah, b(bp + R_CL); call "cmos_write";
        mov     al, 5; mov ah, b(bp + R_CH); call "cmos_write";
        in_     al, 0xA1;
        and     al, 0xFE;
        out     0xA1, al;
        mov     al, 0x0B; call "cmos_read";
        and     al, 0x7F;
        or      al, 0x20;
        mov     ah, al;
        mov     al, 0x0B;
        call    "cmos_write";
        jmp     "svc_ok0";
        label   ".off_alarm";
        mov     al, 0x0B; call "cmos_read";
        and     al, 0x57;
        mov     ah, al;
        mov     al, 0x0B;
        call    "cmos_write";
        jmp     "svc_ok0";
    );
}
