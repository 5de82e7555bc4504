//! INT 13h: which kind of drive a call is for, and the disk functions that concern them all.
//!
//! Numbers below 80h are diskettes, 80h on hard disks, E0h on CD-ROM drives. While a CD-ROM image stands in for a
//! diskette or disk (El Torito), it takes the first number of its kind and the real drives move up by one. The disk
//! code runs with DS = EBDA and BX = the drive's entry in the drive table.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    a.label("int13");
    enter(a);
    asm!(a;
        sti;
        mov     ds, w(EBDA_PTR);
        cmp     ah, 0x4B;
        je      ".4b";
        cmp     b(E_EMU_ACTIVE), 0;
        je      ".real";
        cmp     dl, b(E_EMU_DRIVE);
        je      "emu_int13";
        // A real drive of the emulated kind has moved up by one.
        mov     al, dl;
        xor     al, b(E_EMU_DRIVE);
        js      ".real_al";
        cmp     dl, 0xE0;
        jae     ".real_al";
        dec     dl;
        label   ".real_al";
        mov     al, b(bp + R_AL);
        label   ".real";
        cmp     dl, 0x80;
        jb      ".floppy";
        call    "disk_find";
        jc      ".absent";
        cmp     b(bx + D_TYPE), 2;
        je      "cd_int13";
        jmp     "disk_int13";
        label   ".floppy";
        push    BDA_SEG;
        pop     ds;
        mov     bx, w(bp + R_BX);
        jmp     "int13_floppy";
        label   ".4b";
        cmp     al, 1;
        jbe     "emu_4b";
        label   ".absent";
        mov     ah, 1;
        jmp     "disk_fail";

        // DL: drive number. Gives BX = its entry. Carry: there is none. DS = EBDA.
        label   "disk_find";
        push    ax;
        movzx   bx, dl;
        cmp     dl, 0xE0;
        jae     ".cd";
        sub     bl, 0x80;
        cmp     bl, b(E_DISKS);
        jae     ".none";
        mov     al, b(bx + E_DISK_MAP);
        jmp     ".entry";
        label   ".cd";
        sub     bl, 0xE0;
        cmp     bl, b(E_CDS);
        jae     ".none";
        mov     al, b(bx + E_CD_MAP);
        label   ".entry";
        movzx   bx, al;
        shl     bx, 5;
        add     bx, E_DRIVES;
        pop     ax;
        clc;
        ret;
        label   ".none";
        pop     ax;
        stc;
        ret;

        // AH: error of a disk service.
        label   "disk_fail";
        push    BDA_SEG;
        pop     ds;
        mov     b(DISK_STATUS), ah;
        mov     b(bp + R_AH), ah;
        jmp     "svc_fail";
        label   "disk_ok";
        push    BDA_SEG;
        pop     ds;
        mov     b(DISK_STATUS), 0;
        jmp     "svc_ok0";
    );
}
