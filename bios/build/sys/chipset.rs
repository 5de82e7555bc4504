//! Start-up of the chips a PC AT has: interrupt controllers (with the processor's local APIC), DMA, timer, clock,
//! serial and parallel ports.
//!
//! Sources: Intel 8259A, 8237A and 8254 datasheets, Motorola MC146818A, National PC16550D; values as the IBM AT
//! programs them.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    pic_dma(a);
    timer(a);
    clock(a);
    ports(a);
}

fn pic_dma(a: &mut Asm16) {
    asm!(a;
        // IRQ 0-7 at 08h, 8-15 at 70h. Open: timer, keyboard, cascade, diskette; fixed disks on the second.
        label   "pic_init";
        mov al, 0x11; out 0x20, al; out 0xA0, al;
        mov al, 0x08; out 0x21, al;
        mov al, 0x70; out 0xA1, al;
        mov al, 0x04; out 0x21, al;
        mov al, 0x02; out 0xA1, al;
        mov al, 0x01; out 0x21, al; out 0xA1, al;
        mov al, 0xB8; out 0x21, al;
        mov al, 0x1F; out 0xA1, al;
        ret;

        // A local APIC, if CPUID tells of one, passes the 8259's interrupt on (virtual wire mode): enabled, LINT0
        // ExtINT, LINT1 NMI (Intel SDM volume 3, "Local vector table"; MultiProcessor Specification 1.4, section
        // 3.6.2.2).
        label   "apic_init";
        call    "apic_present";
        jc      ".none";
        push    ds;
        push    es;
        call    "flat_enter";
        mov     esi, 0xFEE0_0000u32;
        mov     eax, d(esi + 0xF0);
        or      eax, 0x100;
        mov     d(esi + 0xF0), eax;
        mov     d(esi + 0x350), 0x8700;
        mov     d(esi + 0x360), 0x8400;
        call    "flat_leave";
        pop     es;
        pop     ds;
        label   ".none";
        ret;

        // CF=1 without a local APIC.
        label   "apic_present";
        pushfd;
        pop     eax;
        mov     ecx, eax;
        xor     eax, 0x0020_0000;
        push    eax;
        popfd;
        pushfd;
        pop     eax;
        cmp     eax, ecx;
        je      ".none";
        mov     eax, 1;
        cpuid;
        test    dh, 2;
        jz      ".none";
        clc;
        ret;
        label   ".none";
        stc;
        ret;

        label   "dma_init";
        xor     al, al;
        out     0x0D, al;
        out     0xDA, al;
        out     0x08, al;
        out     0xD0, al;
        // Channel 4 cascades the first controller.
        mov     al, 0xC0;
        out     0xD6, al;
        xor     al, al;
        out     0xD4, al;
        ret;

        label   "pit_init";
        mov al, 0x36; out 0x43, al;
        xor al, al; out 0x40, al; out 0x40, al;
        mov al, 0x54; out 0x43, al;
        mov al, 0x12; out 0x41, al;
        mov al, 0xB6; out 0x43, al;
        mov al, 0x50; out 0x42, al;
        mov al, 0x05; out 0x42, al;
        // Speaker off, RAM parity and channel check masked.
        mov al, 0x0C; out 0x61, al;
        ret;
    );
}

/// A stopwatch on counter 0 of the timer, good with interrupts off.
fn timer(a: &mut Asm16) {
    asm!(a;
        // EAX: microseconds. Gives EDI = counts left, SI = last count; keep both for timer_poll.
        label   "timer_begin";
        push    eax;
        push    edx;
        push    ecx;
        mov     ecx, 1_193_182;
        mul     ecx;
        mov     ecx, 1_000_000;
        cmp     edx, ecx;
        jae     ".far";
        div     ecx;
        jmp     ".ticks";
        label   ".far";
        mov     eax, 0x7FFF_FFFF;
        label   ".ticks";
        mov     edi, eax;
        // Read-back: in mode 3 the counter steps by two.
        mov     al, 0xE2;
        out     0x43, al;
        in_     al, 0x40;
        and     al, 6;
        cmp     al, 6;
        jne     ".single";
        add     edi, edi;
        label   ".single";
        call    "timer_read";
        mov     si, ax;
        pop     ecx;
        pop     edx;
        pop     eax;
        ret;

        // Counter 0 in AX.
        label   "timer_read";
        xor     al, al;
        out     0x43, al;
        in_     al, 0x40;
        mov     ah, al;
        in_     al, 0x40;
        xchg    al, ah;
        ret;

        // Carry when the time has gone by. Keeps AX.
        label   "timer_poll";
        push    eax;
        call    "timer_read";
        xchg    si, ax;
        sub     ax, si;
        movzx   eax, ax;
        sub     edi, eax;
        jc      ".over";
        pop     eax;
        ret;
        label   ".over";
        xor     edi, edi;
        pop     eax;
        stc;
        ret;

        // EAX: microseconds to wait.
        label   "delay_us";
        push    edi;
        push    si;
        call    "timer_begin";
        label   ".wait";
        call    "timer_poll";
        jnc     ".wait";
        pop     si;
        pop     edi;
        ret;
    );
}

fn clock(a: &mut Asm16) {
    asm!(a;
        // AL: register. Gives its value.
        label   "cmos_read";
        out     0x70, al;
        in_     al, 0x71;
        ret;
        // AL: register, AH: value.
        label   "cmos_write";
        out     0x70, al;
        xchg    al, ah;
        out     0x71, al;
        xchg    al, ah;
        ret;

        // 32768 Hz time base, 1024 Hz rate; 24-hour BCD, no interrupts; pending ones dropped.
        label   "rtc_init";
        mov     ax, 0x260A;
        call    "cmos_write";
        mov     al, 0x0B;
        call    "cmos_read";
        and     al, 0x01;
        or      al, 0x02;
        mov     ah, al;
        mov     al, 0x0B;
        call    "cmos_write";
        mov     al, 0x0C;
        call    "cmos_read";
        mov     al, 0x0D;
        call    "cmos_read";
        ret;

        // Waits for the end of an update, so that the time registers are stable.
        label   "rtc_ready";
        push    cx;
        xor     cx, cx;
        label   ".wait";
        mov     al, 0x0A;
        call    "cmos_read";
        test    al, 0x80;
        loopne  ".wait";
        pop     cx;
        ret;

        // AL: two BCD digits. Gives AX binary.
        label   "from_bcd";
        mov     ah, al;
        and     al, 15;
        shr     ah, 4;
        aad     10;
        ret;

        // The tick count since midnight from the clock: seconds * 1193182 / 65536.
        label   "ticks_init";
        call    "rtc_ready";
        mov     al, 4;
        call    "cmos_read";
        call    "from_bcd";
        movzx   ecx, ax;
        imul_3  ecx, ecx, 60;
        mov     al, 2;
        call    "cmos_read";
        call    "from_bcd";
        movzx   eax, ax;
        add     ecx, eax;
        imul_3  ecx, ecx, 60;
        mov     al, 0;
        call    "cmos_read";
        call    "from_bcd";
        movzx   eax, ax;
        add     eax, ecx;
        mov     ecx, 1_193_182;
        mul     ecx;
        shrd    eax, edx, 16;
        cmp     eax, 0x1800B0;
        jb      ".ok";
        xor     eax, eax;
        label   ".ok";
        mov     d(TICKS), eax;
        mov     b(MIDNIGHT), 0;
        ret;
    );
}

fn ports(a: &mut Asm16) {
    asm!(a;
        // Serial ports: the interrupt enable register holds a value and its cause shows.
        label   "serial_init";
        mov     si, a.at(".ports");
        mov     di, COM_PORTS;
        xor     cx, cx;
        label   ".next";
        cs_lodsw;
        test    ax, ax;
        jz      ".done";
        mov     dx, ax;
        inc     dx;
        mov     al, 2;
        out     dx, al;
        in_     al, dx;
        cmp     al, 2;
        jne     ".next";
        mov     bx, dx;
        inc     dx;
        in_     al, dx;
        and     al, 0x3F;
        mov     dx, bx;
        cmp     al, 2;
        jne     ".off";
        dec     bx;
        mov     w(di), bx;
        add     di, 2;
        inc     cx;
        label   ".off";
        xor     al, al;
        out     dx, al;
        jmp     ".next";
        label   ".done";
        shl     cx, 9;
        or      w(EQUIPMENT), cx;
        ret;
        label   ".ports";
        dw      &[0x3F8, 0x2F8, 0x3E8, 0x2E8, 0];

        // Parallel ports: the data latch reads back.
        label   "parallel_init";
        mov     si, a.at(".ports");
        mov     di, LPT_PORTS;
        xor     cx, cx;
        label   ".next";
        cs_lodsw;
        test    ax, ax;
        jz      ".done";
        mov     dx, ax;
        mov     al, 0xAA;
        out     dx, al;
        out     0x80, al;
        in_     al, dx;
        cmp     al, 0xAA;
        jne     ".next";
        mov     w(di), dx;
        add     di, 2;
        inc     cx;
        // Select the printer, end its reset.
        add     dx, 2;
        mov     al, 0x0C;
        out     dx, al;
        jmp     ".next";
        label   ".done";
        shl     cx, 14;
        or      w(EQUIPMENT), cx;
        ret;
        label   ".ports";
        dw      &[0x3BC, 0x378, 0x278, 0];
    );
}
