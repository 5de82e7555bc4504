//! ATA disks: finding them, and sectors in PIO.
//!
//! ATA/ATAPI-6 (T13 1410D): reset and signatures (9.1), IDENTIFY (8.15), READ/WRITE/READ VERIFY with 28-bit and 48-bit
//! addresses, PIO data protocols (9.5, 9.6). The two channels are where a PC has them, 1F0h/3F6h and 170h/376h.
//! Interrupts of the drive stay off (nIEN) during a request; progress is polled.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

const BSY: i32 = 0x80;
const DF: i32 = 0x20;
const DRQ: i32 = 0x08;
const ERR: i32 = 0x01;

pub fn emit(a: &mut Asm16) {
    find(a);
    identify(a);
    wait(a);
    request(a);
    transfer(a);
}

fn find(a: &mut Asm16) {
    asm!(a;
        // Fills the drive table and the maps.
        label   "disk_init";
        mov     ds, w(EBDA_PTR);
        mov     si, a.at(".units");
        mov     bx, E_DRIVES;
        mov     cx, 4;
        label   ".unit";
        push    cx;
        push    si;
        mov     ax, w(si).cs();
        mov     w(bx + D_BASE), ax;
        mov     ax, w(si + 2).cs();
        mov     w(bx + D_CTRL), ax;
        mov     ax, w(si + 4).cs();
        mov     w(bx + D_SELECT), ax;
        mov     al, b(si + 6).cs();
        mov     b(bx + D_UNIT), al;
        test    al, 2;
        jnz     ".reset_done";
        call    "ata_reset";
        label   ".reset_done";
        call    "ata_identify";
        pop     si;
        pop     cx;
        add     si, 7;
        add     bx, DRIVE_SIZE;
        loop_   ".unit";
        // INT 41h and 46h: parameter tables of the first two disks; 40:75 their number.
        mov     al, b(E_DISKS);
        push    BDA_SEG;
        pop     es;
        mov     b(DISK_COUNT).es(), al;
        push    ds;
        push    0;
        pop     es;
        mov     ax, ds;
        mov     w(0x41 * 4).es(), E_FDPT0;
        mov     w(0x41 * 4 + 2).es(), ax;
        mov     w(0x46 * 4).es(), E_FDPT1;
        mov     w(0x46 * 4 + 2).es(), ax;
        pop     ds;
        push    BDA_SEG;
        pop     ds;
        ret;
        // Base, control, select, line, unit.
        label   ".units";
        dw &[0x1F0, 0x3F6]; db &[0xA0, 14, 0];
        dw &[0x1F0, 0x3F6]; db &[0xB0, 14, 2];
        dw &[0x170, 0x376]; db &[0xA0, 15, 1];
        dw &[0x170, 0x376]; db &[0xB0, 15, 3];

        // BX: master of a channel. Software reset of both.
        label   "ata_reset";
        mov     dx, w(bx + D_BASE);
        add     dx, 7;
        in_     al, dx;
        cmp     al, 0xFF;
        je      ".done";
        mov     dx, w(bx + D_CTRL);
        mov     al, 0x0E;
        out     dx, al;
        mov     eax, 10;
        call    "delay_us";
        mov     al, 0x0A;
        out     dx, al;
        mov     eax, 2000;
        call    "delay_us";
        call    "ata_idle";
        label   ".done";
        ret;
    );
}

/// `ata_identify`: BX: entry with its ports set. Recognises the unit and fills the rest.
fn identify(a: &mut Asm16) {
    asm!(a;
        label   "ata_identify";
        mov     b(bx + D_TYPE), 0;
        call    "ata_select";
        jc      ".none";
        // A unit has registers that keep what is written.
        mov     dx, w(bx + D_BASE);
        add     dx, 2;
        mov     al, 0x55;
        out     dx, al;
        inc     dx;
        mov     al, 0xAA;
        out     dx, al;
        dec     dx;
        in_     al, dx;
        cmp     al, 0x55;
        jne     ".none";
        inc     dx;
        in_     al, dx;
        cmp     al, 0xAA;
        jne     ".none";
        mov     al, 0xEC;
        mov     ah, 1;
        call    ".try";
        jnc     ".disk";
        mov     al, 0xA1;
        mov     ah, 2;
        call    ".try";
        jnc     ".cd";
        label   ".none";
        ret;

        // AL: command, AH: type. Reads 256 words to the buffer. Carry: no such device.
        label   ".try";
        push    ax;
        mov     dx, w(bx + D_BASE);
        add     dx, 7;
        out     dx, al;
        call    "ata_settle";
        in_     al, dx;
        test    al, al;
        jz      ".no";
        call    "ata_idle";
        jc      ".no";
        test    al, DRQ;
        jz      ".no";
        test    al, ERR | DF;
        jnz     ".no";
        push    ds;
        pop     es;
        mov     di, E_BUFFER;
        mov     cx, 256;
        mov     dx, w(bx + D_BASE);
        rep_insw;
        pop     ax;
        mov     b(bx + D_TYPE), ah;
        clc;
        ret;
        label   ".no";
        pop     ax;
        stc;
        ret;

        label   ".cd";
        mov     b(bx + D_FLAGS), 1;
        mov     w(bx + D_BLOCK), 2048;
        // Packet device of type 5: CD-ROM.
        mov     al, b(E_BUFFER + 1);
        and     al, 0x1F;
        cmp     al, 5;
        je      ".cd_ok";
        mov     b(bx + D_TYPE), 0;
        ret;
        label   ".cd_ok";
        movzx   si, b(E_CDS);
        inc     b(E_CDS);
        call    ".index";
        mov     b(si + E_CD_MAP), al;
        mov     si, a.at(".text_cd");
        jmp     ".report";

        label   ".disk";
        mov     w(bx + D_BLOCK), 512;
        mov     ax, w(E_BUFFER + 2);
        mov     w(bx + D_PCYLS), ax;
        mov     ax, w(E_BUFFER + 6);
        mov     w(bx + D_PHEADS), ax;
        mov     ax, w(E_BUFFER + 12);
        mov     w(bx + D_PSPT), ax;
        // Capacity: words 100-103, or 60-61, or the geometry.
        mov     d(bx + D_SECTORS + 4), 0;
        test    b(E_BUFFER + 99), 2;
        jz      ".chs";
        mov     b(bx + D_FLAGS), 1;
        mov     eax, d(E_BUFFER + 120);
        mov     d(bx + D_SECTORS), eax;
        mov     ax, w(E_BUFFER + 166);
        and     ax, 0xC400;
        cmp     ax, 0x4400;
        jne     ".sized";
        mov     b(bx + D_FLAGS), 3;
        mov     eax, d(E_BUFFER + 204);
        mov     d(bx + D_SECTORS + 4), eax;
        mov     eax, d(E_BUFFER + 200);
        mov     d(bx + D_SECTORS), eax;
        jmp     ".sized";
        label   ".chs";
        mov     b(bx + D_FLAGS), 0;
        movzx   eax, w(bx + D_PCYLS);
        movzx   ecx, w(bx + D_PHEADS);
        mul     ecx;
        movzx   ecx, w(bx + D_PSPT);
        mul     ecx;
        mov     d(bx + D_SECTORS), eax;
        label   ".sized";
        movzx   si, b(E_DISKS);
        inc     b(E_DISKS);
        call    ".index";
        mov     b(si + E_DISK_MAP), al;
        mov     si, a.at(".text_disk");
        call    ".report";
        call    "disk_geometry";
        ret;

        // AL = index of the entry BX.
        label   ".index";
        mov     ax, bx;
        sub     ax, E_DRIVES;
        shr     ax, 5;
        ret;

        // SI: text. The unit's name comes in words, high byte first.
        label   ".report";
        call    "print";
        mov     di, E_BUFFER + 54;
        mov     cx, 20;
        label   ".swap";
        rol     w(di), 8;
        add     di, 2;
        loop_   ".swap";
        mov     si, E_BUFFER + 54;
        mov     cx, 40;
        call    "print_field";
        cmp     b(bx + D_TYPE), 1;
        jne     ".line";
        mov     si, a.at(".text_comma");
        call    "print";
        mov     eax, d(bx + D_SECTORS);
        mov     edx, d(bx + D_SECTORS + 4);
        shrd    eax, edx, 11;
        call    "print_dec";
        mov     si, a.at(".text_mb");
        call    "print";
        label   ".line";
        mov     si, a.at(".text_line");
        call    "print";
        ret;
        label   ".text_disk";
        asciz   "Disk: ";
        label   ".text_cd";
        asciz   "CD-ROM: ";
        label   ".text_comma";
        asciz   ", ";
        label   ".text_mb";
        asciz   " MB";
        label   ".text_line";
        asciz   "\r\n";
    );
}

fn wait(a: &mut Asm16) {
    asm!(a;
        // Four reads of the alternate status: 400 ns. Keeps AX, DX.
        label   "ata_settle";
        push    ax;
        push    dx;
        mov     dx, w(bx + D_CTRL);
        in_     al, dx;
        in_     al, dx;
        in_     al, dx;
        in_     al, dx;
        pop     dx;
        pop     ax;
        ret;

        // Until BSY is clear. AL = status. Carry: it stays, for ten seconds.
        label   "ata_idle";
        push    dx;
        mov     dx, w(bx + D_CTRL);
        in_     al, dx;
        test    al, BSY;
        jz      ".done";
        // FFh: nothing drives the bus.
        cmp     al, 0xFF;
        stc;
        je      ".done";
        push    edi;
        push    si;
        push    eax;
        mov     eax, 10_000_000;
        call    "timer_begin";
        pop     eax;
        label   ".wait";
        in_     al, dx;
        test    al, BSY;
        jz      ".free";
        call    "timer_poll";
        jnc     ".wait";
        label   ".free";
        pop     si;
        pop     edi;
        label   ".done";
        pop     dx;
        ret;

        // Selects the unit, drive interrupts off. Carry: the channel stays busy.
        label   "ata_select";
        call    "ata_idle";
        jc      ".done";
        mov     dx, w(bx + D_CTRL);
        mov     al, 0x0A;
        out     dx, al;
        mov     dx, w(bx + D_BASE);
        add     dx, 6;
        mov     al, b(bx + D_SELECT);
        out     dx, al;
        call    "ata_settle";
        call    "ata_idle";
        label   ".done";
        ret;

        // Drive interrupts on again, its last one taken back.
        label   "ata_end";
        push    ax;
        push    dx;
        mov     dx, w(bx + D_BASE);
        add     dx, 7;
        in_     al, dx;
        mov     dx, w(bx + D_CTRL);
        mov     al, 0x08;
        out     dx, al;
        pop     dx;
        pop     ax;
        ret;
    );
}

/// `ata_issue`: sends the command of table CS:SI (28-bit opcode, 48-bit opcode) for E_LBA and CX (1-256) sectors.
fn request(a: &mut Asm16) {
    asm!(a;
        label   "ata_issue";
        call    "ata_select";
        jc      ".done";
        test    b(bx + D_FLAGS), 1;
        jz      ".chs";
        test    b(bx + D_FLAGS), 2;
        jz      ".lba28";
        // 48-bit form only where 28 bits do not reach.
        cmp     w(E_LBA + 4), 0;
        jne     ".lba48";
        mov     eax, d(E_LBA);
        add     eax, 256;
        jc      ".lba48";
        cmp     eax, 0x1000_0000;
        jbe     ".lba28";
        label   ".lba48";
        mov     dx, w(bx + D_BASE);
        add     dx, 2;
        mov     al, ch; out dx, al; inc dx;
        mov     al, b(E_LBA + 3); out dx, al; inc dx;
        mov     al, b(E_LBA + 4); out dx, al; inc dx;
        mov     al, b(E_LBA + 5); out dx, al;
        sub     dx, 3;
        mov     al, cl; out dx, al; inc dx;
        mov     al, b(E_LBA); out dx, al; inc dx;
        mov     al, b(E_LBA + 1); out dx, al; inc dx;
        mov     al, b(E_LBA + 2); out dx, al; inc dx;
        mov     al, b(bx + D_SELECT);
        or      al, 0x40;
        out     dx, al;
        inc     si;
        jmp     ".opcode";
        label   ".lba28";
        mov     dx, w(bx + D_BASE);
        add     dx, 2;
        mov     al, cl; out dx, al; inc dx;
        mov     al, b(E_LBA); out dx, al; inc dx;
        mov     al, b(E_LBA + 1); out dx, al; inc dx;
        mov     al, b(E_LBA + 2); out dx, al; inc dx;
        mov     al, b(E_LBA + 3);
        and     al, 0x0F;
        or      al, 0x40;
        or      al, b(bx + D_SELECT);
        out     dx, al;
        label   ".opcode";
        inc     dx;
        mov     al, b(si).cs();
        out     dx, al;
        call    "ata_settle";
        clc;
        label   ".done";
        ret;

        // A drive without LBA: sector, head and cylinder by its own geometry.
        label   ".chs";
        push    ecx;
        mov     eax, d(E_LBA);
        xor     edx, edx;
        movzx   ecx, w(bx + D_PSPT);
        div     ecx;
        inc     dx;
        push    dx;
        xor     edx, edx;
        movzx   ecx, w(bx + D_PHEADS);
        div     ecx;
        mov     cx, ax;
        pop     ax;
        mov     ah, dl;
        mov     dx, w(bx + D_BASE);
        add     dx, 3;
        out     dx, al; inc dx;
        mov     al, cl; out dx, al; inc dx;
        mov     al, ch; out dx, al; inc dx;
        mov     al, ah;
        or      al, b(bx + D_SELECT);
        out     dx, al;
        pop     ecx;
        sub     dx, 4;
        mov     al, cl;
        out     dx, al;
        add     dx, 4;
        jmp     ".opcode";
    );
}

/// `ata_transfer`: BX: drive, E_LBA and E_COUNT: sectors, ES:DI: memory, SI: one of the tables below.
/// E_COUNT counts down as sectors pass. Carry: AH = error of INT 13h.
fn transfer(a: &mut Asm16) {
    asm!(a;
        label   "ata_transfer";
        mov     cx, w(E_COUNT);
        test    cx, cx;
        jz      ".all";
        cmp     cx, 128;
        jbe     ".chunk";
        mov     cx, 128;
        label   ".chunk";
        push    cx;
        push    si;
        call    "ata_issue";
        pop     si;
        pop     cx;
        jc      ".timeout";
        cmp     b(si + 2).cs(), 2;
        je      ".verify";
        label   ".sector";
        call    "ata_idle";
        jc      ".timeout";
        test    al, ERR | DF;
        jnz     ".error";
        test    al, DRQ;
        jz      ".error";
        // Keep the sector within the segment.
        cmp     di, 0xFE00;
        jbe     ".fits";
        mov     ax, es;
        add     ax, 0x800;
        mov     es, ax;
        sub     di, 0x8000;
        label   ".fits";
        push    cx;
        mov     cx, 256;
        mov     dx, w(bx + D_BASE);
        cmp     b(si + 2).cs(), 1;
        je      ".out";
        rep_insw;
        jmp     ".moved";
        label   ".out";
        push    si;
        mov     si, di;
        rep_es_outsw;
        mov     di, si;
        pop     si;
        label   ".moved";
        pop     cx;
        call    "ata_settle";
        // The status after the last sector of a write says whether it is on the disk.
        cmp     b(si + 2).cs(), 1;
        jne     ".count";
        call    "ata_idle";
        jc      ".timeout";
        test    al, ERR | DF;
        jnz     ".error";
        label   ".count";
        add     d(E_LBA), 1;
        adc     d(E_LBA + 4), 0;
        dec     w(E_COUNT);
        loop_   ".sector";
        jmp     "ata_transfer";

        label   ".verify";
        call    "ata_idle";
        jc      ".timeout";
        test    al, ERR | DF;
        jnz     ".error";
        movzx   eax, cx;
        sub     w(E_COUNT), cx;
        add     d(E_LBA), eax;
        adc     d(E_LBA + 4), 0;
        jmp     "ata_transfer";

        label   ".all";
        call    "ata_end";
        clc;
        ret;
        label   ".timeout";
        mov     ah, 0x80;
        call    "ata_end";
        stc;
        ret;
        // The error register by bit: bad block, uncorrectable, write-protected or aborted, ID not found, no address
        // mark.
        label   ".error";
        mov     dx, w(bx + D_BASE);
        inc     dx;
        in_     al, dx;
        mov     ah, 0x0A;
        test    al, 0x80;
        jnz     ".named";
        mov     ah, 0x10;
        test    al, 0x40;
        jnz     ".named";
        mov     ah, 0x04;
        test    al, 0x11;
        jnz     ".named";
        mov     ah, 0x20;
        test    al, 0x04;
        jz      ".named";
        cmp     b(si + 2).cs(), 1;
        jne     ".named";
        mov     ah, 0x03;
        label   ".named";
        call    "ata_end";
        stc;
        ret;

        label   "ata_op_read";
        db      &[0x20, 0x24, 0];
        label   "ata_op_write";
        db      &[0x30, 0x34, 1];
        label   "ata_op_verify";
        db      &[0x40, 0x42, 2];
    );
}
