//! Booting from CD-ROM: the boot catalogue, and images that stand in for a diskette or a hard disk.
//!
//! "El Torito" Bootable CD-ROM Format Specification 1.0 (Phoenix, IBM): boot record volume descriptor at block 17,
//! validation and initial entries; INT 13h AH=4Bh. The catalogue's initial entry is taken; section headers with other
//! choices are not looked at. An emulated drive is read-only.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Where a block waits while the catalogue is read, at segment 0.
const WORK: i32 = 0x8000;

pub fn emit(a: &mut Asm16) {
    boot(a);
    emulated(a);
    control(a);
}

fn boot(a: &mut Asm16) {
    asm!(a;
        // Loads from the first CD-ROM drive. DS = EBDA. Gives DL = drive, ES = load segment; with carry SI = why not.
        label   "cd_boot";
        mov     b(E_EMU_ACTIVE), 0;
        mov     w(E_EMU_COUNT), 0;
        mov     si, a.at("why_no_drive");
        cmp     b(E_CDS), 0;
        je      ".fail";
        mov     dl, 0xE0;
        call    "disk_find";
        mov     eax, 17;
        call    ".block";
        jc      ".unreadable";
        mov     si, a.at(".magic");
        mov     di, WORK;
        mov     cx, 30;
        repe_cs_cmpsb;
        mov     si, a.at("why_no_torito");
        jne     ".fail";
        mov     eax, d(WORK + 0x47).es();
        call    ".block";
        jc      ".unreadable";
        mov     si, a.at("why_catalog");
        cmp     b(WORK).es(), 1;
        jne     ".fail";
        cmp     w(WORK + 30).es(), 0xAA55;
        jne     ".fail";
        cmp     b(WORK + 32).es(), 0x88;
        jne     ".fail";
        // The initial entry: media, segment, count, block.
        mov     al, b(WORK + 33).es();
        and     al, 0x0F;
        cmp     al, 4;
        ja      ".fail";
        mov     b(E_EMU_MEDIA), al;
        mov     cx, w(WORK + 34).es();
        test    cx, cx;
        jnz     ".segment";
        mov     cx, 0x07C0;
        label   ".segment";
        mov     w(E_EMU_LOAD_SEG), cx;
        mov     cx, w(WORK + 38).es();
        test    cx, cx;
        jnz     ".sectors";
        inc     cx;
        label   ".sectors";
        mov     eax, d(WORK + 40).es();
        mov     d(E_EMU_LBA), eax;
        mov     al, b(bx + D_UNIT);
        shr     al, 1;
        movzx   ax, al;
        mov     w(E_EMU_SPEC), ax;
        mov     al, b(bx + D_UNIT);
        and     al, 1;
        mov     b(E_EMU_INDEX), al;
        push    cx;
        call    ".geometry";
        pop     cx;
        // The sectors to load, of 512 bytes: whole blocks are read, the last one in part.
        mov     w(E_EMU_COUNT), cx;
        movzx   eax, cx;
        mov     d(E_SKIP), 0;
        shl     eax, 8;
        mov     d(E_WANT), eax;
        add     cx, 3;
        shr     cx, 2;
        mov     eax, d(E_EMU_LBA);
        mov     d(E_LBA), eax;
        mov     es, w(E_EMU_LOAD_SEG);
        xor     di, di;
        call    "cd_read";
        jc      ".unreadable";
        cmp     b(E_EMU_MEDIA), 0;
        je      ".ready";
        mov     b(E_EMU_ACTIVE), 1;
        call    "floppy_count";
        label   ".ready";
        mov     dl, b(E_EMU_DRIVE);
        mov     es, w(E_EMU_LOAD_SEG);
        clc;
        ret;
        label   ".unreadable";
        mov     si, a.at("why_no_medium");
        cmp     ah, super::atapi::E_NO_MEDIUM;
        je      ".fail";
        mov     si, a.at("why_read");
        label   ".fail";
        mov     b(E_EMU_ACTIVE), 0;
        mov     w(E_EMU_COUNT), 0;
        stc;
        ret;

        // EAX: block to 0:WORK. Gives ES = 0.
        label   ".block";
        mov     d(E_LBA), eax;
        xor     ax, ax;
        mov     es, ax;
        mov     di, WORK;
        mov     cx, 1;
        jmp     "cd_read_blocks";

        // Number and geometry of the drive stood in for.
        label   ".geometry";
        mov     b(E_EMU_DRIVE), 0xE0;
        mov     w(E_EMU_CYLS), 80;
        mov     w(E_EMU_HEADS), 2;
        mov     al, b(E_EMU_MEDIA);
        cmp     al, 1;
        jb      ".geometry_done";
        mov     b(E_EMU_DRIVE), 0;
        mov     w(E_EMU_SPT), 15;
        je      ".geometry_done";
        mov     w(E_EMU_SPT), 18;
        cmp     al, 3;
        jb      ".geometry_done";
        mov     w(E_EMU_SPT), 36;
        je      ".geometry_done";
        // A hard disk: by the end of its first partition.
        mov     b(E_EMU_DRIVE), 0x80;
        mov     eax, d(E_EMU_LBA);
        call    ".block";
        mov     al, b(WORK + 0x1BE + 5).es();
        inc     al;
        movzx   ax, al;
        mov     w(E_EMU_HEADS), ax;
        mov     cx, w(WORK + 0x1BE + 6).es();
        mov     ax, cx;
        and     ax, 63;
        mov     w(E_EMU_SPT), ax;
        xchg    cl, ch;
        shr     ch, 6;
        inc     cx;
        mov     w(E_EMU_CYLS), cx;
        label   ".geometry_done";
        ret;
        label   ".magic";
        db      b"\0CD001\x01EL TORITO SPECIFICATION";
    );
}

fn emulated(a: &mut Asm16) {
    asm!(a;
        // INT 13h for the emulated drive. DS = EBDA.
        label   "emu_int13";
        cmp ah, 0x00; je "disk_ok";
        cmp ah, 0x01; je "disk_status";
        cmp ah, 0x02; je ".read";
        cmp ah, 0x04; je ".read";
        cmp ah, 0x08; je ".params";
        cmp ah, 0x09; je "disk_ok";
        cmp ah, 0x0C; je "disk_ok";
        cmp ah, 0x0D; je "disk_ok";
        cmp ah, 0x10; je "disk_ok";
        cmp ah, 0x11; je "disk_ok";
        cmp ah, 0x15; je ".dasd";
        cmp ah, 0x16; je "disk_ok";
        mov     al, ah;
        mov     ah, 3;
        cmp     al, 3;
        je      "disk_fail";
        cmp     al, 5;
        je      "disk_fail";
        label   ".bad";
        mov     ah, 1;
        jmp     "disk_fail";

        label   ".read";
        mov     cx, w(bp + R_CX);
        movzx   eax, cl;
        shl     eax, 2;
        mov     al, ch;
        cmp     ax, w(E_EMU_CYLS);
        jae     ".bad";
        movzx   edx, w(E_EMU_HEADS);
        movzx   esi, b(bp + R_DH);
        cmp     si, dx;
        jae     ".bad";
        and     ecx, 63;
        jz      ".bad";
        cmp     cx, w(E_EMU_SPT);
        ja      ".bad";
        mul     edx;
        add     eax, esi;
        movzx   edx, w(E_EMU_SPT);
        mul     edx;
        lea     eax, d(eax + ecx - 1);
        // Four sectors a block: where in the first one, how many words, how many blocks.
        mov     ecx, eax;
        and     ecx, 3;
        shr     eax, 2;
        add     eax, d(E_EMU_LBA);
        mov     d(E_LBA), eax;
        mov     edx, ecx;
        shl     edx, 8;
        mov     d(E_SKIP), edx;
        movzx   edx, b(bp + R_AL);
        add     cx, dx;
        add     cx, 3;
        shr     cx, 2;
        shl     edx, 8;
        jz      ".bad";
        cmp     b(bp + R_AH), 2;
        je      ".wanted";
        xor     edx, edx;
        label   ".wanted";
        mov     d(E_WANT), edx;
        call    "emu_drive";
        mov     es, w(bp + R_ES);
        mov     di, w(bp + R_BX);
        call    "cd_read";
        jnc     "disk_ok";
        mov     b(bp + R_AL), 0;
        jmp     "disk_fail";

        label   ".params";
        mov     ax, w(E_EMU_CYLS);
        dec     ax;
        mov     ch, al;
        mov     cl, ah;
        shl     cl, 6;
        or      cl, b(E_EMU_SPT);
        mov     w(bp + R_CX), cx;
        mov     al, b(E_EMU_HEADS);
        dec     al;
        mov     b(bp + R_DH), al;
        mov     al, b(E_DISKS);
        inc     al;
        mov     b(bp + R_DL), al;
        mov     b(bp + R_AL), 0;
        cmp     b(E_EMU_MEDIA), 4;
        je      "disk_ok";
        // Diskettes: type, parameter table, how many.
        mov     b(bp + R_BH), 0;
        mov     b(bp + R_BL), 4;
        mov     w(bp + R_ES), BIOS_SEG as i32;
        mov     w(bp + R_DI), a.at("diskette_params");
        cmp     b(E_EMU_SPT), 18;
        je      ".count";
        mov     b(bp + R_BL), 2;
        mov     w(bp + R_DI), a.at("dpt_1200");
        jb      ".count";
        mov     b(bp + R_BL), 5;
        mov     w(bp + R_DI), a.at("dpt_2880");
        label   ".count";
        mov     al, 0x10;
        call    "cmos_read";
        mov     ah, 1;
        test    al, 0xF0;
        jz      ".drives";
        inc     ah;
        label   ".drives";
        mov     b(bp + R_DL), ah;
        jmp     "disk_ok";

        label   ".dasd";
        mov     b(bp + R_AH), 1;
        cmp     b(E_EMU_MEDIA), 4;
        jne     "svc_ok";
        mov     b(bp + R_AH), 3;
        movzx   eax, w(E_EMU_CYLS);
        movzx   ecx, w(E_EMU_HEADS);
        mul     ecx;
        movzx   ecx, w(E_EMU_SPT);
        mul     ecx;
        mov     w(bp + R_DX), ax;
        shr     eax, 16;
        mov     w(bp + R_CX), ax;
        jmp     "svc_ok";

        // BX = the drive the image is in.
        label   "emu_drive";
        push    dx;
        mov     dl, 0xE0;
        call    "disk_find";
        pop     dx;
        ret;
    );
}

fn control(a: &mut Asm16) {
    asm!(a;
        // 4B00 ends the emulation, 4B01 only asks: fills the specification packet at the caller's DS:SI.
        label   "emu_4b";
        cmp     w(E_EMU_COUNT), 0;
        je      ".bad";
        cmp     dl, 0x7F;
        je      ".fill";
        cmp     dl, b(E_EMU_DRIVE);
        jne     ".bad";
        label   ".fill";
        mov     es, w(bp + R_DS);
        mov     di, w(bp + R_SI);
        mov     al, 0x13;
        stosb;
        mov     al, b(E_EMU_MEDIA);
        stosb;
        mov     al, b(E_EMU_DRIVE);
        stosb;
        mov     al, b(E_EMU_INDEX);
        stosb;
        mov     eax, d(E_EMU_LBA);
        stosd;
        mov     ax, w(E_EMU_SPEC);
        stosw;
        xor     ax, ax;
        stosw;
        mov     ax, w(E_EMU_LOAD_SEG);
        stosw;
        mov     ax, w(E_EMU_COUNT);
        stosw;
        cmp     b(E_EMU_MEDIA), 0;
        je      ".no_geometry";
        mov     ax, w(E_EMU_CYLS);
        dec     ax;
        stosb;
        mov     al, ah;
        shl     al, 6;
        or      al, b(E_EMU_SPT);
        stosb;
        mov     al, b(E_EMU_HEADS);
        dec     al;
        stosb;
        jmp     ".filled";
        label   ".no_geometry";
        xor     ax, ax;
        stosw;
        stosb;
        label   ".filled";
        cmp     b(bp + R_AL), 0;
        jne     "disk_ok";
        mov     b(E_EMU_ACTIVE), 0;
        call    "floppy_count";
        jmp     "disk_ok";
        label   ".bad";
        mov     ah, 1;
        jmp     "disk_fail";
    );
}
