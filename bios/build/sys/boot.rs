//! The boot: order, menu, INT 19h and INT 18h.
//!
//! Order from CMOS 3Dh (low nibble first, high second) and 38h (high nibble third): 1 diskette, 2 hard disk, 3 CD-ROM,
//! 4 network (the convention of QEMU and Bochs). INT 19h tries them in turn and says why one cannot be used; INT 18h,
//! called by a boot sector or ROM that gave up, goes on with the next (BIOS Boot Specification 1.01). A sector must
//! end in 55AAh; on a diskette, where DOS 1.x put none, something that looks like code is enough.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Ticks that the prompt stays open.
const PROMPT_TICKS: i32 = 12;

pub fn emit(a: &mut Asm16) {
    prompt(a);
    menu(a);
    sequence(a);
    devices(a);
    texts(a);
}

fn prompt(a: &mut Asm16) {
    asm!(a;
        label   "boot_prompt";
        mov     si, a.at("text_prompt");
        call    "print";
        mov     bx, w(TICKS);
        label   ".wait";
        mov     ah, 0x11;
        int     0x16;
        jz      ".none";
        cmp     ax, 0x8600;
        je      ".menu";
        cmp     ax, 0x011B;
        je      ".menu";
        // Another key is somebody else's; it stays, and there is no use in waiting for one behind it.
        label   ".none";
        hlt;
        mov     ax, w(TICKS);
        sub     ax, bx;
        cmp     ax, PROMPT_TICKS;
        jb      ".wait";
        mov     si, a.at("text_line");
        jmp     "print";
        label   ".menu";
        mov     ah, 0x10;
        int     0x16;
        jmp     "boot_menu";
    );
}

fn menu(a: &mut Asm16) {
    asm!(a;
        // One line a device; a digit chooses, Esc or Enter leaves the order as it is. The choices gather on the stack.
        label   "boot_menu";
        mov     ds, w(EBDA_PTR);
        mov     bp, sp;
        sub     sp, 10;
        mov     si, a.at("text_menu");
        call    "print";
        xor     di, di;
        mov     al, 0x10;
        call    "cmos_read";
        test    al, 0xF0;
        jz      ".no_floppy";
        mov     dl, 0x01;
        call    ".line";
        mov     si, a.at("name_floppy");
        call    "print";
        label   ".no_floppy";
        mov     dl, 0x02;
        mov     cl, b(E_DISKS);
        call    ".kind";
        mov     dl, 0x03;
        mov     cl, b(E_CDS);
        call    ".kind";
        mov     si, a.at("text_choose");
        call    "print";
        label   ".key";
        mov     ah, 0x10;
        int     0x16;
        cmp     al, 0x1B;
        je      ".leave";
        cmp     al, 0x0D;
        je      ".leave";
        sub     al, 0x31;
        movzx   si, al;
        cmp     si, di;
        jae     ".key";
        neg     si;
        mov     al, b(bp + si - 1);
        mov     b(E_BOOT_CHOICE), al;
        label   ".leave";
        mov     sp, bp;
        push    BDA_SEG;
        pop     ds;
        mov     si, a.at("text_line");
        jmp     "print";

        // DL: device code, CL: how many of its kind.
        label   ".kind";
        test    cl, cl;
        jz      ".kind_done";
        call    ".line";
        push    dx;
        call    "boot_name";
        pop     dx;
        add     dl, 0x10;
        dec     cl;
        jmp     ".kind";
        label   ".kind_done";
        ret;
        // Keeps the code DL as choice DI and prints its number.
        label   ".line";
        mov     si, di;
        neg     si;
        mov     b(bp + si - 1), dl;
        inc     di;
        mov     si, a.at("text_line");
        call    "print";
        mov     ax, di;
        add     al, 0x30;
        call    "put_char";
        mov     si, a.at("text_dot");
        call    "print";
        ret;

        // DL: device code (kind, number << 4). Prints its name.
        label   "boot_name";
        push    ax;
        mov     al, dl;
        and     ax, 15;
        mov     si, ax;
        add     si, si;
        mov     si, w(si + a.at(".names")).cs();
        call    "print";
        cmp     al, 1;
        je      ".done";
        cmp     al, 3;
        ja      ".done";
        mov     al, dl;
        shr     al, 4;
        add     al, 0x31;
        call    "put_char";
        label   ".done";
        pop     ax;
        ret;
        align   2;
        label   ".names";
        dw_at "name_none"; dw_at "name_floppy"; dw_at "name_disk"; dw_at "name_cd"; dw_at "name_net";
    );
}

fn sequence(a: &mut Asm16) {
    asm!(a;
        label   "int19";
        xor     ax, ax;
        mov     ss, ax;
        mov     sp, 0x7C00;
        mov     ds, ax;
        cld;
        sti;
        // What a program may have left: the vectors a boot depends on, and an emulated drive.
        mov     w(0x1E * 4), a.at("diskette_params");
        mov     w(0x1E * 4 + 2), BIOS_SEG as i32;
        push    BDA_SEG;
        pop     ds;
        mov     w(RESET_FLAG), 0;
        mov     ds, w(EBDA_PTR);
        mov     b(E_EMU_ACTIVE), 0;
        mov     w(E_EMU_COUNT), 0;
        call    "floppy_count";
        mov     b(E_BOOT_NEXT), 0;
        jmp     "boot_next";

        label   "int18";
        xor     ax, ax;
        mov     ss, ax;
        mov     sp, 0x7C00;
        cld;
        sti;
        push    BDA_SEG;
        pop     ds;
        mov     ds, w(EBDA_PTR);
        mov     si, a.at("why_gave_up");
        label   "boot_failed";
        mov     b(E_EMU_ACTIVE), 0;
        call    "floppy_count";
        call    "print";

        label   "boot_next";
        mov     ax, BDA_SEG;
        mov     ds, ax;
        mov     ds, w(EBDA_PTR);
        movzx   bx, b(E_BOOT_NEXT);
        cmp     bl, 4;
        jae     "boot_none";
        inc     b(E_BOOT_NEXT);
        mov     dl, b(E_BOOT_CHOICE);
        test    bl, bl;
        jz      ".have";
        mov     al, 0x3D;
        call    "cmos_read";
        mov     dl, al;
        mov     al, 0x38;
        call    "cmos_read";
        and     al, 0xF0;
        mov     dh, al;
        // DX: three nibbles. None set: diskette, disk, CD-ROM.
        mov     al, dl;
        shr     dh, 4;
        test    dx, dx;
        jnz     ".order";
        mov     dx, 0x0321;
        label   ".order";
        dec     bl;
        mov     cl, bl;
        shl     cl, 2;
        shr     dx, cl;
        and     dl, 0x0F;
        // The menu's choice was tried first; it is not tried twice.
        cmp     dl, b(E_BOOT_CHOICE);
        je      "boot_next";
        label   ".have";
        test    dl, dl;
        jz      "boot_next";
        cmp     dl, 4;
        je      "boot_net";
        mov     al, dl;
        and     al, 15;
        cmp     al, 4;
        ja      "boot_next";
        mov     si, a.at("text_booting");
        call    "print";
        call    "boot_name";
        mov     si, a.at("text_dots");
        call    "print";
        cmp     al, 1;
        je      "boot_floppy";
        cmp     al, 2;
        je      "boot_disk";
        call    "cd_boot";
        jc      "boot_failed";
        // ES: segment; 07C0:0000 is entered as 0000:7C00.
        mov     ax, es;
        mov     bx, ax;
        and     bx, 0x0FFF;
        shl     bx, 4;
        and     ax, 0xF000;
        jmp     "boot_enter";

        label   "boot_none";
        mov     si, a.at("text_none");
        call    "print";
        sti;
        mov     ah, 0x10;
        int     0x16;
        jmp     "reset_cpu";

        // Network booting belongs to an option ROM, which hooks INT 18h or INT 19h.
        label   "boot_net";
        mov     si, a.at("text_booting");
        call    "print";
        call    "boot_name";
        mov     si, a.at("text_dots");
        call    "print";
        mov     si, a.at("why_net");
        jmp     "boot_failed";
    );
}

fn devices(a: &mut Asm16) {
    asm!(a;
        label   "boot_floppy";
        mov     al, 0x10;
        call    "cmos_read";
        mov     si, a.at("why_no_drive");
        test    al, 0xF0;
        jz      "boot_failed";
        mov     dl, 0;
        mov     dh, 4;
        label   ".try";
        call    "boot_sector";
        jnc     ".read";
        push    dx;
        xor     ax, ax;
        mov     dl, 0;
        int     0x13;
        pop     dx;
        dec     dh;
        jnz     ".try";
        mov     si, a.at("why_no_medium");
        cmp     b(di), 0x80;
        je      "boot_failed";
        mov     si, a.at("why_read");
        jmp     "boot_failed";
        label   ".read";
        cmp     w(0x7DFE).es(), 0xAA55;
        je      "boot_start";
        // Without signature: the fill bytes of a format are no code.
        mov     si, a.at("why_signature");
        mov     ax, w(0x7C00).es();
        cmp     al, 6;
        jb      "boot_failed";
        mov     di, 0x7C00;
        mov     cx, 9;
        repe_scasw;
        je      "boot_failed";
        jmp     "boot_start";

        label   "boot_disk";
        shr     dl, 4;
        mov     si, a.at("why_no_drive");
        cmp     dl, b(E_DISKS);
        jae     "boot_failed";
        or      dl, 0x80;
        call    "boot_sector";
        mov     si, a.at("why_read");
        jc      "boot_failed";
        mov     si, a.at("why_signature");
        cmp     w(0x7DFE).es(), 0xAA55;
        jne     "boot_failed";

        // DL: drive.
        label   "boot_start";
        xor     ax, ax;
        mov     bx, 0x7C00;
        // AX:BX: entry. DH is 0: no PnP header is offered at ES:DI.
        label   "boot_enter";
        push    dx;
        mov     si, a.at("text_line");
        call    "print";
        pop     dx;
        mov     dh, 0;
        push    ax;
        push    bx;
        xor     eax, eax;
        mov     ds, ax;
        mov     es, ax;
        xor     ebx, ebx;
        xor     ecx, ecx;
        movzx   edx, dx;
        xor     esi, esi;
        xor     edi, edi;
        xor     ebp, ebp;
        sti;
        retf;

        // DL: drive. First sector to 0:7C00; ES = 0. Carry: DS:DI points at the error. Keeps DX.
        label   "boot_sector";
        push    dx;
        xor     ax, ax;
        mov     es, ax;
        mov     bx, 0x7C00;
        mov     cx, 1;
        mov     dh, 0;
        mov     ax, 0x0201;
        int     0x13;
        pop     dx;
        mov     di, E_BUFFER;
        mov     b(di), ah;
        ret;
    );
}

fn texts(a: &mut Asm16) {
    asm!(a;
        label "text_prompt"; asciz "\r\nF12 or Esc: boot menu\r\n";
        label "text_line"; asciz "\r\n";
        label "text_menu"; asciz "\r\nBoot from:\r\n";
        label "text_dot"; asciz ". ";
        label "text_choose"; asciz "\r\n\r\nPress the number, or Enter for the usual order: ";
        label "text_booting"; asciz "Booting from ";
        label "text_dots"; asciz "... ";
        label "text_none"; asciz "\r\nNo bootable device. Put in a bootable medium and press a key to restart.\r\n";
        label "name_none"; asciz "nothing";
        label "name_floppy"; asciz "diskette";
        label "name_disk"; asciz "hard disk ";
        label "name_cd"; asciz "CD-ROM ";
        label "name_net"; asciz "network";
        label "why_no_drive"; asciz "no such drive.\r\n";
        label "why_no_medium"; asciz "no medium.\r\n";
        label "why_read"; asciz "read error.\r\n";
        label "why_signature"; asciz "not bootable (no boot sector).\r\n";
        label "why_no_torito"; asciz "not a bootable CD.\r\n";
        label "why_catalog"; asciz "the CD's boot catalog has no usable entry.\r\n";
        label "why_gave_up"; asciz "\r\nThe boot program gave up.\r\n";
        label "why_net"; asciz "no network boot ROM.\r\n";
    );
}
