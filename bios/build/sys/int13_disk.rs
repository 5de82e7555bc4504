//! INT 13h for hard disks: cylinder/head/sector functions, geometry translation, fixed disk parameter tables.
//!
//! IBM PC AT Technical Reference, section 5; Ralf Brown's list; "Enhanced Disk Drive Specification 3.0" (Phoenix) in
//! `edd.rs`. The logical geometry of a disk up to 1024 cylinders is its own; a larger one has 63 sectors and as many
//! heads as bring the cylinders to 1024 (LBA assist). Where the partition table was written with another geometry, and
//! its entries prove that by giving the same blocks both ways, that one is taken.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    geometry(a);
    guess(a);
    tables(a);
    dispatch(a);
    functions(a);
}

fn geometry(a: &mut Asm16) {
    asm!(a;
        // BX: drive just identified.
        label   "disk_geometry";
        mov     ax, w(bx + D_PCYLS);
        mov     cx, w(bx + D_PHEADS);
        mov     dx, w(bx + D_PSPT);
        mov     w(bx + D_CYLS), ax;
        mov     w(bx + D_HEADS), cx;
        mov     w(bx + D_SPT), dx;
        test    b(bx + D_FLAGS), 1;
        jz      ".table";
        cmp     ax, 1024;
        ja      ".assist";
        test    cx, cx;
        jz      ".assist";
        cmp     dx, 63;
        ja      ".assist";
        test    dx, dx;
        jnz     ".check";
        label   ".assist";
        mov     w(bx + D_SPT), 63;
        mov     eax, d(bx + D_SECTORS);
        cmp     d(bx + D_SECTORS + 4), 0;
        jne     ".most";
        cmp     eax, 63 * 255 * 1024;
        jae     ".most";
        xor     edx, edx;
        mov     ecx, 63;
        div     ecx;
        mov     edi, eax;
        mov     ecx, 16;
        label   ".heads";
        mov     eax, ecx;
        shl     eax, 10;
        cmp     edi, eax;
        jbe     ".enough";
        add     ecx, ecx;
        cmp     ecx, 256;
        jb      ".heads";
        mov     ecx, 255;
        label   ".enough";
        mov     w(bx + D_HEADS), cx;
        mov     eax, edi;
        xor     edx, edx;
        div     ecx;
        cmp     eax, 1024;
        jbe     ".cylinders";
        mov     eax, 1024;
        label   ".cylinders";
        mov     w(bx + D_CYLS), ax;
        jmp     ".check";
        label   ".most";
        mov     w(bx + D_HEADS), 255;
        mov     w(bx + D_CYLS), 1024;
        label   ".check";
        call    "disk_guess";
        label   ".table";
        jmp     "disk_fdpt";
    );
}

fn guess(a: &mut Asm16) {
    asm!(a;
        // Reads the partition table of drive BX; a geometry that its first used entry confirms replaces the other.
        label   "disk_guess";
        mov     d(E_LBA), 0;
        mov     d(E_LBA + 4), 0;
        mov     w(E_COUNT), 1;
        push    ds;
        pop     es;
        mov     di, E_BUFFER;
        mov     si, a.at("ata_op_read");
        call    "ata_transfer";
        jc      ".ret";
        cmp     w(E_BUFFER + 510), 0xAA55;
        jne     ".ret";
        mov     si, E_BUFFER + 0x1BE;
        mov     cx, 4;
        label   ".next";
        cmp     b(si + 4), 0;
        je      ".other";
        cmp     d(si + 12), 0;
        je      ".other";
        // Last block, and the geometry that its CHS form suggests: last head and last sector of a cylinder.
        movzx   edi, b(si + 5);
        inc     di;
        movzx   ebp, b(si + 6);
        and     bp, 63;
        jz      ".other";
        cmp     di, 256;
        je      ".other";
        call    ".confirm";
        jnc     ".take";
        label   ".other";
        add     si, 16;
        loop_   ".next";
        label   ".ret";
        ret;
        // EDI heads, EBP sectors.
        label   ".take";
        mov     w(bx + D_HEADS), di;
        mov     w(bx + D_SPT), bp;
        mov     eax, edi;
        mul     ebp;
        mov     ecx, eax;
        mov     eax, d(bx + D_SECTORS);
        mov     edx, d(bx + D_SECTORS + 4);
        cmp     edx, ecx;
        jae     ".full";
        div     ecx;
        cmp     eax, 1024;
        jbe     ".cylinders";
        label   ".full";
        mov     eax, 1024;
        label   ".cylinders";
        mov     w(bx + D_CYLS), ax;
        ret;

        // Carry unless start and end of entry SI are the same blocks in CHS as in LBA.
        label   ".confirm";
        push    ecx;
        mov     al, b(si + 1);
        mov     cx, w(si + 2);
        call    ".lba";
        cmp     eax, d(si + 8);
        jne     ".wrong";
        mov     al, b(si + 5);
        mov     cx, w(si + 6);
        call    ".lba";
        sub     eax, d(si + 8);
        inc     eax;
        cmp     eax, d(si + 12);
        jne     ".wrong";
        pop     ecx;
        clc;
        ret;
        label   ".wrong";
        pop     ecx;
        stc;
        ret;
        // AL head, CX cylinder and sector as in INT 13h. Gives EAX. Destroys ECX, EDX.
        label   ".lba";
        movzx   eax, al;
        push    eax;
        push    cx;
        movzx   eax, cl;
        shr     al, 6;
        shl     eax, 8;
        mov     al, ch;
        mul     edi;
        pop     cx;
        pop     edx;
        add     eax, edx;
        mul     ebp;
        and     ecx, 63;
        add     eax, ecx;
        dec     eax;
        ret;
    );
}

fn tables(a: &mut Asm16) {
    asm!(a;
        // The parameter table of the first two disks (INT 41h, INT 46h), in the translated form when that differs.
        label   "disk_fdpt";
        mov     al, b(E_DISKS);
        mov     di, E_FDPT0;
        cmp     al, 1;
        je      ".fill";
        mov     di, E_FDPT1;
        cmp     al, 2;
        jne     ".ret";
        label   ".fill";
        mov     ax, w(bx + D_CYLS);
        mov     w(di), ax;
        mov     ax, w(bx + D_HEADS);
        mov     b(di + 2), al;
        mov     dx, w(bx + D_SPT);
        mov     b(di + 14), dl;
        // Control byte: more than eight heads.
        mov     b(di + 8), 0;
        cmp     al, 8;
        jbe     ".few";
        mov     b(di + 8), 8;
        label   ".few";
        mov     ax, w(bx + D_CYLS);
        mov     w(di + 5), 0xFFFF;
        mov     w(di + 12), ax;
        mov     ax, w(bx + D_CYLS);
        cmp     ax, w(bx + D_PCYLS);
        jne     ".translated";
        mov     ax, w(bx + D_HEADS);
        cmp     ax, w(bx + D_PHEADS);
        je      ".ret";
        label   ".translated";
        mov     b(di + 3), 0xA0;
        mov     b(di + 4), dl;
        mov     ax, w(bx + D_PSPT);
        mov     b(di + 4), al;
        mov     ax, w(bx + D_PCYLS);
        mov     w(di + 9), ax;
        mov     ax, w(bx + D_PHEADS);
        mov     b(di + 11), al;
        // The bytes of the table add up to zero.
        push    di;
        mov     cx, 15;
        xor     al, al;
        label   ".sum";
        sub     al, b(di);
        inc     di;
        loop_   ".sum";
        mov     b(di), al;
        pop     di;
        label   ".ret";
        ret;
    );
}

fn dispatch(a: &mut Asm16) {
    a.label("disk_int13");
    let calls: &[(i32, &str)] = &[
        (0x00, "disk_ok"),
        (0x01, "disk_status"),
        (0x02, "disk_chs"),
        (0x03, "disk_chs"),
        (0x04, "disk_chs"),
        (0x05, "disk_ok"),
        (0x08, "disk_params"),
        (0x09, "disk_ok"),
        (0x0C, "disk_ok"),
        (0x0D, "disk_ok"),
        (0x10, "disk_ready"),
        (0x11, "disk_ok"),
        (0x14, "disk_ok"),
        (0x15, "disk_dasd"),
        (0x41, "edd_check"),
        (0x42, "edd_transfer"),
        (0x43, "edd_transfer"),
        (0x44, "edd_transfer"),
        (0x45, "disk_ok"),
        (0x46, "disk_ok"),
        (0x47, "edd_transfer"),
        (0x48, "edd_params"),
        (0x49, "edd_change"),
        (0x4E, "disk_ok"),
    ];
    for (ah_value, target) in calls {
        asm!(a; cmp ah, *ah_value; je target; );
    }
    asm!(a; mov ah, 1; jmp "disk_fail"; );
}

fn functions(a: &mut Asm16) {
    asm!(a;
        label   "disk_status";
        push    BDA_SEG;
        pop     ds;
        mov     ah, 0;
        xchg    b(DISK_STATUS), ah;
        mov     b(bp + R_AH), ah;
        test    ah, ah;
        jz      "svc_ok";
        jmp     "svc_fail";

        // 02-04: AL sectors at CH/CL/DH, ES:BX.
        label   "disk_chs";
        mov     al, b(bp + R_AL);
        test    al, al;
        jz      ".bad";
        movzx   ecx, w(bp + R_CX);
        movzx   eax, cl;
        shl     eax, 2;
        mov     al, ch;
        cmp     ax, w(bx + D_CYLS);
        jae     ".bad";
        movzx   edx, w(bx + D_HEADS);
        movzx   esi, b(bp + R_DH);
        cmp     si, dx;
        jae     ".bad";
        and     cx, 63;
        jz      ".bad";
        cmp     cx, w(bx + D_SPT);
        ja      ".bad";
        mul     edx;
        add     eax, esi;
        movzx   edx, w(bx + D_SPT);
        mul     edx;
        movzx   ecx, cx;
        add     eax, ecx;
        dec     eax;
        mov     d(E_LBA), eax;
        mov     d(E_LBA + 4), 0;
        movzx   ax, b(bp + R_AL);
        mov     w(E_COUNT), ax;
        mov     es, w(bp + R_ES);
        mov     di, w(bp + R_BX);
        mov     si, a.at("ata_op_read");
        cmp     b(bp + R_AH), 3;
        jb      ".go";
        mov     si, a.at("ata_op_write");
        je      ".go";
        mov     si, a.at("ata_op_verify");
        label   ".go";
        call    "ata_transfer";
        jnc     "disk_ok";
        // AL: sectors that passed.
        mov     al, b(E_COUNT);
        sub     b(bp + R_AL), al;
        jmp     "disk_fail";
        label   ".bad";
        mov     ah, 1;
        jmp     "disk_fail";

        // 08: largest cylinder, head, sector; DL number of disks.
        label   "disk_params";
        mov     ax, w(bx + D_CYLS);
        dec     ax;
        cmp     ax, 1023;
        jbe     ".fits";
        mov     ax, 1023;
        label   ".fits";
        mov     ch, al;
        mov     cl, ah;
        shl     cl, 6;
        or      cl, b(bx + D_SPT);
        mov     w(bp + R_CX), cx;
        mov     al, b(bx + D_HEADS);
        dec     al;
        mov     b(bp + R_DH), al;
        mov     al, b(E_DISKS);
        add     al, b(E_EMU_ACTIVE);
        cmp     b(E_EMU_DRIVE), 0x80;
        je      ".count";
        mov     al, b(E_DISKS);
        label   ".count";
        mov     b(bp + R_DL), al;
        mov     b(bp + R_AL), 0;
        jmp     "disk_ok";

        label   "disk_ready";
        call    "ata_select";
        mov     ah, 0x80;
        jc      "disk_fail";
        test    al, 0x40;
        jnz     "disk_ok";
        mov     ah, 0xAA;
        jmp     "disk_fail";

        // 15: AH=3 hard disk, CX:DX sectors.
        label   "disk_dasd";
        movzx   eax, w(bx + D_CYLS);
        movzx   ecx, w(bx + D_HEADS);
        mul     ecx;
        movzx   ecx, w(bx + D_SPT);
        mul     ecx;
        mov     w(bp + R_DX), ax;
        shr     eax, 16;
        mov     w(bp + R_CX), ax;
        mov     b(bp + R_AH), 3;
        push    BDA_SEG;
        pop     ds;
        mov     b(DISK_STATUS), 0;
        jmp     "svc_ok";
    );
}
