//! The boot sector: finds a 386, reads the reserved sectors behind it to 1000:0000 and goes there.
//!
//! INT 13h as in Ralf Brown's Interrupt List (INTERRUP.B); the parameter block as in Microsoft's FAT specification 1.03. The
//! geometry comes from INT 13h AH=08h, and where that fails from the parameter block. A read ends at the end of a track at
//! most. The number of sectors is the block's own count of reserved sectors.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Offset of the number of reserved sectors.
const RESERVED: i32 = 0x7C0E;
/// Offsets of the geometry.
const SECTORS: i32 = 0x7C18;
const HEADS: i32 = 0x7C1A;
/// Offset of the drive number.
const DRIVE: i32 = 0x7C24;
/// Sectors still to be read.
const LEFT: i32 = 0x7E00;

/// The sector, for a program of `sectors` sectors.
pub fn image(sectors: usize) -> Vec<u8> {
    let memory = assemble(0x8000, 0, |a| {
        a.org(0x7C00);
        asm!(a; jmp "start"; nop; );
        a.org(0x7C03);
        super::fat::parameter_block(a, sectors);
        start(a);
        load(a);
        fail(a);
        assert!(a.here() <= 0x7DFE, "the boot sector is too long");
        asm!(a; org 0x7DFE; db &[0x55, 0xAA]; );
    });
    memory[0x7C00..0x7E00].to_vec()
}

fn start(a: &mut Asm16) {
    asm!(a;
        label   "start";
        cli;
        xor     ax, ax;
        mov     ss, ax;
        mov     sp, 0x7C00;
        mov     ds, ax;
        mov     es, ax;
        sti;
        cld;
        // Some BIOSes come here with CS = 07C0h.
        jmp_far 0, "main";
        label   "main";
        // Flag bits 12-15: always set before the 286, always clear in the 286's real mode.
        push    ax;
        popf;
        pushf;
        pop     bx;
        and     bx, 0xF000;
        cmp     bx, 0xF000;
        je      ".old";
        mov     ax, 0x7000;
        push    ax;
        popf;
        pushf;
        pop     bx;
        and     bx, 0x7000;
        jnz     ".new";
        label   ".old";
        mov     si, a.at("old_cpu");
        jmp     "fail";
        label   ".new";
        mov     b(DRIVE), dl;
        mov     ah, 8;
        xor     di, di;
        int     0x13;
        jc      ".known";
        and     cx, 0x3F;
        jz      ".known";
        mov     w(SECTORS), cx;
        mov     al, dh;
        mov     ah, 0;
        inc     ax;
        mov     w(HEADS), ax;
        label   ".known";
    );
}

fn load(a: &mut Asm16) {
    asm!(a;
        mov     ax, PROGRAM as i32;
        mov     es, ax;
        mov     ax, w(RESERVED);
        dec     ax;
        mov     w(LEFT), ax;
        // SI: the sector to be read next.
        mov     si, 1;
        label   ".next";
        mov     ax, si;
        xor     dx, dx;
        div     w(SECTORS);
        // As many as are left, of the track and of the program.
        mov     di, w(SECTORS);
        sub     di, dx;
        cmp     di, w(LEFT);
        jbe     ".count";
        mov     di, w(LEFT);
        label   ".count";
        mov     cx, dx;
        inc     cx;
        xor     dx, dx;
        div     w(HEADS);
        mov     ch, al;
        shl     ah, 6;
        or      cl, ah;
        mov     dh, dl;
        mov     dl, b(DRIVE);
        mov     bp, 4;
        label   ".try";
        mov     ax, di;
        mov     ah, 2;
        xor     bx, bx;
        int     0x13;
        jnc     ".read";
        xor     ax, ax;
        int     0x13;
        dec     bp;
        jnz     ".try";
        mov     si, a.at("bad_disk");
        jmp     "fail";
        label   ".read";
        add     si, di;
        mov     ax, di;
        shl     ax, 5;
        mov     bx, es;
        add     bx, ax;
        mov     es, bx;
        sub     w(LEFT), di;
        jnz     ".next";

        mov     ax, PROGRAM as i32;
        mov     es, ax;
        cmp     d(4).es(), u32::from_le_bytes(START_MAGIC);
        mov     si, a.at("bad_disk");
        jne     "fail";
        mov     dl, b(DRIVE);
        jmp_far PROGRAM, "zero";
    );
    a.define("zero", 0);
}

fn fail(a: &mut Asm16) {
    asm!(a;
        // SI: what is wrong. A key, and the BIOS tries again.
        label   "fail";
        lodsb;
        test    al, al;
        jz      ".said";
        mov     ah, 0x0E;
        mov     bx, 7;
        int     0x10;
        jmp     "fail";
        label   ".said";
        mov     ah, 0;
        int     0x16;
        int     0x19;
        label   "old_cpu";   asciz "The demo needs a 386.";
        label   "bad_disk";  asciz "The demo disk cannot be read.";
    );
}
