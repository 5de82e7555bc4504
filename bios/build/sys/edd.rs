//! INT 13h extensions 41h-4Eh: packets with 64-bit block addresses, and what a drive is.
//!
//! Phoenix "BIOS Enhanced Disk Drive Specification" 3.0. Buffers by segment:offset, or flat by the 64-bit field when
//! that is FFFF:FFFF and the address lies below 1 MiB. Hard disks have blocks of 512 bytes, CD-ROMs of 2048.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    asm!(a;
        // 41: BX=55AAh. Version 3.0; packets, locking and EDD functions.
        label   "edd_check";
        cmp     w(bp + R_BX), 0x55AA;
        jne     ".bad";
        mov     w(bp + R_BX), 0xAA55;
        mov     w(bp + R_CX), 7;
        mov     b(bp + R_AH), 0x30;
        push    BDA_SEG;
        pop     ds;
        mov     b(DISK_STATUS), 0;
        jmp     "svc_ok";
        label   ".bad";
        mov     ah, 1;
        jmp     "disk_fail";

        // Packet at the caller's DS:SI: 0 size, 2 count, 4 buffer, 8 block, 10h flat buffer. Sets E_LBA, E_COUNT,
        // ES:DI and FS:SI = packet. Carry: it is malformed.
        label   "edd_packet";
        mov     fs, w(bp + R_DS);
        mov     si, w(bp + R_SI);
        cmp     b(si).fs(), 16;
        jb      ".bad";
        mov     eax, d(si + 8).fs();
        mov     d(E_LBA), eax;
        mov     eax, d(si + 12).fs();
        mov     d(E_LBA + 4), eax;
        mov     ax, w(si + 2).fs();
        mov     w(E_COUNT), ax;
        les     di, d(si + 4).fs();
        mov     ax, es;
        and     ax, di;
        cmp     ax, 0xFFFF;
        jne     ".ok";
        cmp     b(si).fs(), 24;
        jb      ".ok";
        cmp     d(si + 0x14).fs(), 0;
        jne     ".bad";
        mov     eax, d(si + 0x10).fs();
        cmp     eax, 0x0010_0000;
        jae     ".bad";
        mov     di, ax;
        and     di, 15;
        shr     eax, 4;
        mov     es, ax;
        label   ".ok";
        clc;
        ret;
        label   ".bad";
        stc;
        ret;

        // 42 read, 43 write, 44 verify, 47 seek.
        label   "edd_transfer";
        push    fs;
        call    "edd_packet";
        jc      ".bad";
        // The request must end on the disk.
        movzx   eax, w(E_COUNT);
        xor     edx, edx;
        add     eax, d(E_LBA);
        adc     edx, d(E_LBA + 4);
        jc      ".bad";
        sub     eax, d(bx + D_SECTORS);
        sbb     edx, d(bx + D_SECTORS + 4);
        jc      ".fits";
        or      eax, edx;
        jnz     ".bad";
        label   ".fits";
        mov     al, b(bp + R_AH);
        cmp     al, 0x47;
        je      ".ok";
        mov     dx, si;
        mov     si, a.at("ata_op_read");
        cmp     al, 0x43;
        jb      ".go";
        mov     si, a.at("ata_op_write");
        je      ".go";
        mov     si, a.at("ata_op_verify");
        label   ".go";
        push    dx;
        call    "ata_transfer";
        pop     si;
        jnc     ".ok";
        // The packet's count becomes what did pass.
        mov     dx, w(E_COUNT);
        sub     w(si + 2).fs(), dx;
        pop     fs;
        jmp     "disk_fail";
        label   ".ok";
        pop     fs;
        jmp     "disk_ok";
        label   ".bad";
        pop     fs;
        mov     ah, 1;
        jmp     "disk_fail";

        // 48: the result at the caller's DS:SI, of 26, 30 or 66 bytes as it has room for.
        label   "edd_params";
        push    fs;
        mov     fs, w(bp + R_DS);
        mov     si, w(bp + R_SI);
        mov     dx, w(si).fs();
        cmp     dx, 26;
        jb      "edd_transfer.bad";
        cmp     b(bx + D_TYPE), 2;
        je      ".cd";
        // Geometry is that of the drive itself; information flag 2: it is valid, that is up to 16383 cylinders.
        mov     w(si + 2).fs(), 0;
        cmp     d(bx + D_SECTORS + 4), 0;
        jne     ".geometry";
        cmp     d(bx + D_SECTORS), 16383 * 16 * 63;
        ja      ".geometry";
        mov     w(si + 2).fs(), 2;
        label   ".geometry";
        movzx   eax, w(bx + D_PCYLS);
        mov     d(si + 4).fs(), eax;
        movzx   eax, w(bx + D_PHEADS);
        mov     d(si + 8).fs(), eax;
        movzx   eax, w(bx + D_PSPT);
        mov     d(si + 12).fs(), eax;
        mov     eax, d(bx + D_SECTORS);
        mov     d(si + 16).fs(), eax;
        mov     eax, d(bx + D_SECTORS + 4);
        mov     d(si + 20).fs(), eax;
        jmp     ".block";
        // A CD-ROM: removable, change line, lockable; no geometry.
        label   ".cd";
        mov     w(si + 2).fs(), 0x74;
        mov     eax, 0xFFFF_FFFFu32;
        mov     d(si + 4).fs(), eax;
        mov     d(si + 8).fs(), eax;
        mov     d(si + 12).fs(), eax;
        mov     d(si + 16).fs(), eax;
        mov     d(si + 20).fs(), eax;
        label   ".block";
        mov     ax, w(bx + D_BLOCK);
        mov     w(si + 24).fs(), ax;
        mov     w(si).fs(), 26;
        cmp     dx, 30;
        jb      ".done";
        // Device parameter table extension: built in the EBDA's sector buffer.
        mov     w(si).fs(), 30;
        call    "edd_dpte";
        mov     w(si + 26).fs(), E_BUFFER;
        mov     ax, ds;
        mov     w(si + 28).fs(), ax;
        cmp     dx, 66;
        jb      ".done";
        // Device path: key, length 36, "ISA" with the port, "ATA" or "ATAPI" with the unit; its bytes add up to zero.
        mov     w(si).fs(), 66;
        mov     w(si + 30).fs(), 0xBEDD;
        mov     d(si + 32).fs(), 36;
        mov     d(si + 36).fs(), 0x2041_5349;
        mov     eax, 0x2041_5441;
        mov     ecx, 0x2020_2020;
        cmp     b(bx + D_TYPE), 2;
        jne     ".ata";
        mov     eax, 0x5041_5441;
        mov     cl, 0x49;
        label   ".ata";
        mov     d(si + 40).fs(), eax;
        mov     d(si + 44).fs(), ecx;
        xor     eax, eax;
        mov     d(si + 52).fs(), eax;
        mov     d(si + 56).fs(), eax;
        mov     d(si + 60).fs(), eax;
        mov     w(si + 64).fs(), ax;
        mov     ax, w(bx + D_BASE);
        mov     d(si + 48).fs(), eax;
        mov     al, b(bx + D_UNIT);
        shr     al, 1;
        mov     b(si + 56).fs(), al;
        push    si;
        mov     cx, 35;
        xor     al, al;
        label   ".sum";
        sub     al, b(si + 30).fs();
        inc     si;
        loop_   ".sum";
        mov     b(si + 30).fs(), al;
        pop     si;
        label   ".done";
        pop     fs;
        jmp     "disk_ok";

        // The 16-byte table: port, control port, device, line, block count, options, checksum.
        label   "edd_dpte";
        push    si;
        mov     si, E_BUFFER;
        mov     ax, w(bx + D_BASE);
        mov     w(si), ax;
        mov     ax, w(bx + D_CTRL);
        mov     w(si + 2), ax;
        mov     al, b(bx + D_SELECT);
        or      al, 0x40;
        mov     b(si + 4), al;
        mov     b(si + 5), 0;
        mov     al, b(bx + D_IRQ);
        mov     b(si + 6), al;
        mov     b(si + 7), 1;
        mov     w(si + 8), 0;
        // Options: bit 3 CHS translation, 4 LBA, 5 removable, 6 ATAPI; bits 10-9 kind of translation.
        mov     ax, 0x10;
        cmp     b(bx + D_TYPE), 2;
        jne     ".disk";
        mov     ax, 0x70;
        jmp     ".options";
        label   ".disk";
        mov     cx, w(bx + D_CYLS);
        cmp     cx, w(bx + D_PCYLS);
        je      ".options";
        mov     ax, 0x0218;
        label   ".options";
        mov     w(si + 10), ax;
        mov     w(si + 12), 0;
        mov     b(si + 14), 0x11;
        mov     cx, 15;
        xor     al, al;
        label   ".sum";
        sub     al, b(si);
        inc     si;
        loop_   ".sum";
        mov     b(si), al;
        pop     si;
        ret;

        // 49: extended media change. A hard disk never changes.
        label   "edd_change";
        cmp     b(bx + D_TYPE), 2;
        jne     "disk_ok";
        call    "cd_ready";
        jc      "disk_fail";
        jmp     "disk_ok";
    );
}
