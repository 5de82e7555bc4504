//! CGA: 320x200 in four colours, even rows at B800:0000, odd rows at B800:2000 (IBM Color/Graphics Adapter).
//!
//! The picture (`paint.rs`) is painted when this program is assembled and kept as runs: a count and a byte, or a count with
//! bit 7 and so many bytes as they are; a count of 0 ends it. The palette is chosen through INT 10h AH=0Bh.

use super::cp437::text;
use super::layout::*;
use super::paint;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    asm!(a;
        label   "cga_page";
        mov     ax, 0x0004;
        int     0x10;
        mov     w(CGA_PALETTE), 0;
        call    "cga_palette";
        mov     ax, TEXT;
        mov     es, ax;
        mov     si, a.at("cga_picture");
        xor     di, di;
        call    "unpack";
        mov     di, 0x2000;
        call    "unpack";
        mov     si, a.at("cga_caption");
        mov     dx, 0x1803;
        mov     bl, 3;
        call    "bios_text";
        label   ".loop";
        mov     al, 4;
        call    "frame";
        jc      ".leave";
        jnz     ".next";
        cmp     b(ATTRACT), 0;
        je      ".loop";
        call    "page_time";
        cmp     eax, 4 * HZ;
        jb      ".loop";
        mov     d(PAGE_START), 0x4000_0000;
        label   ".next";
        inc     w(CGA_PALETTE);
        call    "cga_palette";
        jmp     ".loop";
        label   ".leave";
        ret;

        // Cyan, magenta, white; green, red, brown; each bright and not.
        label   "cga_palette";
        mov     bx, w(CGA_PALETTE);
        mov     ax, bx;
        shr     bx, 1;
        and     bx, 1;
        xor     bx, 1;
        or      bx, 0x0100;
        push    ax;
        mov     ah, 0x0B;
        int     0x10;
        pop     bx;
        and     bx, 1;
        xor     bx, 1;
        shl     bx, 4;
        mov     ah, 0x0B;
        int     0x10;
        ret;

        // SI: runs, ES:DI: where.
        label   "unpack";
        xor     cx, cx;
        label   ".run";
        lodsb;
        mov     cl, al;
        test    al, al;
        jz      ".done";
        js      ".bytes";
        lodsb;
        rep_stosb;
        jmp     ".run";
        label   ".bytes";
        and     cl, 0x7F;
        rep_movsb;
        jmp     ".run";
        label   ".done";
        ret;
    );
    text(a, "cga_caption", "Mode 4   Space: palette   Esc");
    a.label("cga_picture");
    for bank in 0..2 {
        a.db(&paint::packed(bank));
    }
}
