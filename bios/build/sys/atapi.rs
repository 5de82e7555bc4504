//! CD-ROM drives: packet commands, reading parts of blocks, INT 13h for drive numbers from E0h.
//!
//! ATA/ATAPI-6 section 9.8 (PACKET, PIO), MMC-3 (READ(10), TEST UNIT READY, REQUEST SENSE, START STOP UNIT, PREVENT).
//! A drive that reports a unit attention or is becoming ready is asked again; data come straight from the drive's
//! buffer, what is not wanted of a block being read and dropped.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// No medium, and "drive not ready".
pub const E_NO_MEDIUM: i32 = 0x31;
const E_NOT_READY: i32 = 0xAA;

pub fn emit(a: &mut Asm16) {
    packet(a);
    read(a);
    services(a);
}

fn packet(a: &mut Asm16) {
    asm!(a;
        // BX: drive; E_PACKET; E_SKIP words are dropped, then E_WANT words go to ES:DI, the rest is dropped.
        // Carry: AL = error register, or FFh after a time-out.
        label   "cd_packet";
        push    cx;
        push    dx;
        push    si;
        call    "ata_select";
        jc      ".timeout";
        mov     dx, w(bx + D_BASE);
        inc     dx;
        xor     al, al;
        out     dx, al;
        add     dx, 3;
        out     dx, al;
        inc     dx;
        mov     al, 8;
        out     dx, al;
        add     dx, 2;
        mov     al, 0xA0;
        out     dx, al;
        call    "ata_settle";
        call    "ata_idle";
        jc      ".timeout";
        test    al, 1;
        jnz     ".error";
        test    al, 8;
        jz      ".timeout";
        mov     si, E_PACKET;
        mov     cx, 6;
        mov     dx, w(bx + D_BASE);
        rep_outsw;
        label   ".burst";
        call    "ata_settle";
        call    "ata_idle";
        jc      ".timeout";
        test    al, 1;
        jnz     ".error";
        test    al, 8;
        jz      ".done";
        mov     dx, w(bx + D_BASE);
        add     dx, 5;
        in_     al, dx;
        mov     ah, al;
        dec     dx;
        in_     al, dx;
        sub     dx, 4;
        // EAX: words of this burst.
        movzx   eax, ax;
        inc     eax;
        shr     eax, 1;
        jz      ".burst";
        mov     ecx, d(E_SKIP);
        cmp     ecx, eax;
        jbe     ".skip";
        mov     ecx, eax;
        label   ".skip";
        sub     d(E_SKIP), ecx;
        sub     eax, ecx;
        call    ".drop";
        mov     ecx, d(E_WANT);
        cmp     ecx, eax;
        jbe     ".take";
        mov     ecx, eax;
        label   ".take";
        sub     d(E_WANT), ecx;
        sub     eax, ecx;
        // A burst stays within the segment.
        cmp     di, 0xF000;
        jbe     ".fits";
        push    ax;
        mov     ax, es;
        add     ax, 0x800;
        mov     es, ax;
        sub     di, 0x8000;
        pop     ax;
        label   ".fits";
        rep_insw;
        mov     ecx, eax;
        call    ".drop";
        jmp     ".burst";
        label   ".done";
        call    "ata_end";
        clc;
        label   ".ret";
        pop     si;
        pop     dx;
        pop     cx;
        ret;
        label   ".error";
        mov     dx, w(bx + D_BASE);
        inc     dx;
        in_     al, dx;
        call    "ata_end";
        stc;
        jmp     ".ret";
        label   ".timeout";
        mov     al, 0xFF;
        stc;
        jmp     ".ret";
        // CX words.
        label   ".drop";
        jcxz    ".dropped";
        push    ax;
        label   ".drop_next";
        in_     ax, dx;
        loop_   ".drop_next";
        pop     ax;
        label   ".dropped";
        ret;

        // Clears the packet. AL: operation code.
        label   "cd_clear";
        mov     d(E_PACKET), 0;
        mov     d(E_PACKET + 4), 0;
        mov     d(E_PACKET + 8), 0;
        mov     b(E_PACKET), al;
        ret;

        // Runs the packet until the drive is ready for it. Carry: AH = error of INT 13h.
        label   "cd_run";
        push    cx;
        mov     cx, 60;
        label   ".again";
        push    es;
        push    di;
        push    d(E_SKIP);
        push    d(E_WANT);
        call    "cd_packet";
        jnc     ".ok";
        pop     d(E_WANT);
        pop     d(E_SKIP);
        pop     di;
        pop     es;
        cmp     al, 0xFF;
        je      ".dead";
        // Sense key: 6 unit attention, 2 not ready (04: becoming so; 3A: no medium).
        shr     al, 4;
        cmp     al, 6;
        je      ".next";
        cmp     al, 2;
        jne     ".hard";
        call    "cd_sense";
        jc      ".dead";
        cmp     al, 0x3A;
        je      ".no_medium";
        mov     eax, 100_000;
        call    "delay_us";
        label   ".next";
        loop_   ".again";
        mov     ah, E_NOT_READY;
        jmp     ".fail";
        label   ".no_medium";
        mov     ah, E_NO_MEDIUM;
        jmp     ".fail";
        label   ".hard";
        mov     ah, 0x10;
        cmp     al, 3;
        je      ".fail";
        mov     ah, 0x04;
        cmp     al, 5;
        je      ".fail";
        label   ".dead";
        mov     ah, 0x80;
        label   ".fail";
        pop     cx;
        stc;
        ret;
        label   ".ok";
        add     sp, 12;
        pop     cx;
        clc;
        ret;

        // Additional sense code in AL. Keeps the packet and the transfer.
        label   "cd_sense";
        push    es;
        push    di;
        push    d(E_SKIP);
        push    d(E_WANT);
        push    d(E_PACKET);
        push    d(E_PACKET + 4);
        push    d(E_PACKET + 8);
        mov     al, 3;
        call    "cd_clear";
        mov     b(E_PACKET + 4), 18;
        mov     d(E_SKIP), 0;
        mov     d(E_WANT), 9;
        push    ds;
        pop     es;
        mov     di, E_BUFFER;
        call    "cd_packet";
        mov     al, b(E_BUFFER + 12);
        pop     d(E_PACKET + 8);
        pop     d(E_PACKET + 4);
        pop     d(E_PACKET);
        pop     d(E_WANT);
        pop     d(E_SKIP);
        pop     di;
        pop     es;
        ret;
    );
}

fn read(a: &mut Asm16) {
    asm!(a;
        // BX: drive, E_LBA: block, CX: blocks, ES:DI: memory; E_SKIP and E_WANT are set. Carry: AH = error.
        label   "cd_read";
        mov     al, 0x28;
        call    "cd_clear";
        mov     eax, d(E_LBA);
        // Big-endian, with what a 386 has.
        xchg    al, ah;
        rol     eax, 16;
        xchg    al, ah;
        mov     d(E_PACKET + 2), eax;
        mov     b(E_PACKET + 7), ch;
        mov     b(E_PACKET + 8), cl;
        jmp     "cd_run";

        // Whole blocks.
        label   "cd_read_blocks";
        mov     d(E_SKIP), 0;
        movzx   eax, cx;
        shl     eax, 10;
        mov     d(E_WANT), eax;
        jmp     "cd_read";

        // Is a medium there? Carry: AH = error.
        label   "cd_ready";
        mov     al, 0;
        call    "cd_clear";
        mov     d(E_SKIP), 0;
        mov     d(E_WANT), 0;
        jmp     "cd_run";
    );
}

fn services(a: &mut Asm16) {
    a.label("cd_int13");
    let calls: &[(i32, &str)] = &[
        (0x00, "disk_ok"),
        (0x01, "disk_status"),
        (0x0D, "disk_ok"),
        (0x10, "cd_is_ready"),
        (0x11, "disk_ok"),
        (0x15, "cd_dasd"),
        (0x41, "edd_check"),
        (0x42, "cd_transfer"),
        (0x44, "cd_transfer"),
        (0x45, "cd_lock"),
        (0x46, "cd_eject"),
        (0x47, "cd_transfer"),
        (0x48, "edd_params"),
        (0x49, "edd_change"),
        (0x4E, "disk_ok"),
    ];
    for (ah_value, target) in calls {
        asm!(a; cmp ah, *ah_value; je target; );
    }
    asm!(a;
        mov     al, ah;
        mov     ah, 1;
        // Writes and formats: write-protected.
        cmp     al, 3;
        je      ".protected";
        cmp     al, 5;
        je      ".protected";
        cmp     al, 0x43;
        jne     "disk_fail";
        label   ".protected";
        mov     ah, 3;
        jmp     "disk_fail";

        label   "cd_is_ready";
        call    "cd_ready";
        jc      "disk_fail";
        jmp     "disk_ok";

        label   "cd_dasd";
        mov     b(bp + R_AH), 2;
        jmp     "svc_ok";

        label   "cd_transfer";
        push    fs;
        call    "edd_packet";
        jc      ".bad";
        mov     al, b(bp + R_AH);
        cmp     al, 0x42;
        jne     ".seek";
        mov     cx, w(E_COUNT);
        jcxz    ".ok";
        call    "cd_read_blocks";
        jnc     ".ok";
        mov     w(si + 2).fs(), 0;
        jmp     ".fail";
        label   ".seek";
        call    "cd_ready";
        jc      ".fail";
        label   ".ok";
        pop     fs;
        jmp     "disk_ok";
        label   ".bad";
        mov     ah, 1;
        label   ".fail";
        pop     fs;
        jmp     "disk_fail";

        // 45: AL 0 lock, 1 unlock, 2 state. The lock is the drive's own; its state is not kept.
        label   "cd_lock";
        cmp     al, 1;
        ja      ".state";
        push    ax;
        mov     al, 0x1E;
        call    "cd_clear";
        pop     ax;
        xor     al, 1;
        mov     b(E_PACKET + 4), al;
        mov     d(E_SKIP), 0;
        mov     d(E_WANT), 0;
        call    "cd_run";
        jc      "disk_fail";
        label   ".state";
        mov     b(bp + R_AL), 0;
        jmp     "disk_ok";
        label   "cd_eject";
        mov     al, 0x1B;
        call    "cd_clear";
        mov     b(E_PACKET + 4), 2;
        mov     d(E_SKIP), 0;
        mov     d(E_WANT), 0;
        call    "cd_run";
        jc      "disk_fail";
        jmp     "disk_ok";
    );
}
