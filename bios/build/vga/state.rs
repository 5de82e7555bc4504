//! AH=1Ch and VBE function 4F04h: saving and restoring the adapter's state.
//!
//! The buffer has the asked-for parts one after another, each in whole blocks of 64 bytes: bit 0 registers, bit 1 BIOS data,
//! bit 2 DAC, bit 3 (VBE) the Bochs display interface.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Blocks of each part.
const BLOCKS: [u8; 4] = [2, 1, 13, 1];
/// BIOS data that is kept: offset and length.
const BDA_PARTS: [(i32, i32); 4] = [(MODE, 0x1E), (ROWS, 7), (SAVE_PTR, 4), (VBE_MODE, 2)];

pub fn emit(a: &mut Asm16) {
    call(a);
    registers_part(a);
    bda_part(a);
    dac_part(a);
    dispi_part(a);
}

fn call(a: &mut Asm16) {
    asm!(a;
        // AL: 0 size, 1 save, 2 restore; CX: parts; the caller's ES:BX: buffer.
        label   "save_restore";
        cmp     al, 2;
        ja      ".ret";
        and     cx, 7;
        jz      ".ret";
        call    "state_move";
        test    al, al;
        jnz     ".done";
        mov     w(bp + R_BX), bx;
        label   ".done";
        mov     b(bp + R_AL), 0x1C;
        label   ".ret";
        ret;

        // AL: 0 size, 1 save, 2 restore; CL: parts; BX: buffer in the caller's ES. Size in BX. Keeps AL.
        label   "state_move";
        test    al, al;
        jz      "state_size";
        push    ax;
        mov     es, w(bp + R_ES);
        mov     di, bx;
        mov     ah, cl;
    );
    for (bit, name) in ["regs", "bda", "dac", "dispi"].iter().enumerate() {
        let (skip, restore, next) = (format!(".skip{bit}"), format!(".restore{bit}"), format!(".next{bit}"));
        let (save_routine, restore_routine) = (format!("save_{name}"), format!("restore_{name}"));
        asm!(a;
            test    ah, 1 << bit;
            jz      &skip;
            push    ax;
            push    di;
            cmp     al, 1;
            jne     &restore;
            call    &save_routine;
            jmp     &next;
            label   &restore;
            mov     si, di;
            call    &restore_routine;
            label   &next;
            pop     di;
            pop     ax;
            add     di, i32::from(BLOCKS[bit]) * 64;
            label   &skip;
        );
    }
    asm!(a;
        pop     ax;
        ret;
        label   "state_size";
        xor     bx, bx;
    );
    for (bit, blocks) in BLOCKS.iter().enumerate() {
        let skip = format!(".skip{bit}");
        asm!(a;
            test    cl, 1 << bit;
            jz      &skip;
            add     bx, i32::from(*blocks);
            label   &skip;
        );
    }
    asm!(a; ret; );
}

/// Index registers, then each register file.
fn registers_part(a: &mut Asm16) {
    asm!(a;
        label   "save_regs";
        mov     ax, w(CRTC_BASE);
        stosw;
        mov     dx, MISC_READ;
        in_     al, dx;
        stosb;
        mov     dx, SEQUENCER;
        mov     cx, 5;
        call    "save_file";
        mov     dx, w(CRTC_BASE);
        mov     cx, 25;
        call    "save_file";
        mov     dx, GRAPHICS;
        mov     cx, 9;
        call    "save_file";
        xor     bx, bx;
        label   ".attribute";
        mov     al, bl;
        call    "attribute_get";
        stosb;
        inc     bx;
        cmp     bl, 0x15;
        jb      ".attribute";
        ret;
        // DX: index port, CX: registers. The index itself is saved first.
        label   "save_file";
        in_     al, dx;
        stosb;
        push    ax;
        xor     bx, bx;
        label   ".next";
        mov     al, bl;
        out     dx, al;
        inc     dx;
        in_     al, dx;
        dec     dx;
        stosb;
        inc     bx;
        loop_   ".next";
        pop     ax;
        out     dx, al;
        ret;

        label   "restore_regs";
        es_lodsw;
        mov     w(CRTC_BASE), ax;
        es_lodsb;
        mov     dx, MISC_WRITE;
        out     dx, al;
        mov     dx, SEQUENCER;
        mov     cx, 5;
        call    "restore_file";
        // Write protection off; the register file itself puts it back.
        mov     ax, 0x0011;
        call    "crtc_set";
        mov     dx, w(CRTC_BASE);
        mov     cx, 25;
        call    "restore_file";
        mov     dx, GRAPHICS;
        mov     cx, 9;
        call    "restore_file";
        xor     bx, bx;
        label   ".attribute";
        es_lodsb;
        mov     ah, al;
        mov     al, bl;
        call    "attribute_set";
        inc     bx;
        cmp     bl, 0x15;
        jb      ".attribute";
        ret;
        label   "restore_file";
        es_lodsb;
        push    ax;
        xor     bx, bx;
        label   ".next";
        es_lodsb;
        mov     ah, al;
        mov     al, bl;
        out     dx, ax;
        inc     bx;
        loop_   ".next";
        pop     ax;
        out     dx, al;
        ret;
    );
}

fn bda_part(a: &mut Asm16) {
    a.label("save_bda");
    for (offset, length) in BDA_PARTS {
        asm!(a; mov si, offset; mov cx, length; rep_movsb; );
    }
    asm!(a;
        push    ds;
        push    0;
        pop     ds;
        mov     si, VECTOR_1F;
        movsw;
        movsw;
        mov     si, VECTOR_43;
        movsw;
        movsw;
        pop     ds;
        ret;
        label   "restore_bda";
        push    ds;
        push    es;
        push    ds;
        push    es;
        pop     ds;
        pop     es;
    );
    for (offset, length) in BDA_PARTS {
        asm!(a; mov di, offset; mov cx, length; rep_movsb; );
    }
    asm!(a;
        push    0;
        pop     es;
        mov     di, VECTOR_1F;
        movsw;
        movsw;
        mov     di, VECTOR_43;
        movsw;
        movsw;
        pop     es;
        pop     ds;
        ret;
    );
}

fn dac_part(a: &mut Asm16) {
    asm!(a;
        label   "save_dac";
        mov     dx, DAC_READ;
        in_     al, dx;
        stosb;
        inc     dx;
        in_     al, dx;
        stosb;
        mov     dx, DAC_MASK;
        in_     al, dx;
        stosb;
        inc     dx;
        xor     al, al;
        out     dx, al;
        mov     dx, DAC_DATA;
        mov     cx, 768;
        label   ".next";
        in_     al, dx;
        stosb;
        loop_   ".next";
        ret;
        label   "restore_dac";
        es_lodsw;
        push    ax;
        es_lodsb;
        mov     dx, DAC_MASK;
        out     dx, al;
        mov     dx, DAC_WRITE;
        xor     al, al;
        out     dx, al;
        inc     dx;
        mov     cx, 768;
        label   ".next";
        es_lodsb;
        out     dx, al;
        loop_   ".next";
        // The access state: read or write, and its index.
        pop     ax;
        mov     dx, DAC_WRITE;
        test    al, 3;
        jz      ".index";
        dec     dx;
        dec     ah;
        label   ".index";
        mov     al, ah;
        out     dx, al;
        ret;
    );
}

fn dispi_part(a: &mut Asm16) {
    asm!(a;
        label   "save_dispi";
        mov     cx, 1;
        label   ".next";
        mov     ax, cx;
        call    "dispi_get";
        stosw;
        inc     cx;
        cmp     cx, 10;
        jb      ".next";
        ret;
        // Geometry first, then enabling without clearing, then what enabling resets.
        label   "restore_dispi";
        mov     ax, 4;
        xor     bx, bx;
        call    "dispi_set";
        mov     cx, 1;
        label   ".geometry";
        es_lodsw;
        mov     bx, ax;
        mov     ax, cx;
        call    "dispi_set";
        inc     cx;
        cmp     cx, 4;
        jb      ".geometry";
        es_lodsw;
        mov     bx, ax;
        or      bl, 0x80;
        mov     ax, 4;
        call    "dispi_set";
        mov     cx, 5;
        label   ".rest";
        es_lodsw;
        mov     bx, ax;
        mov     ax, cx;
        call    "dispi_set";
        inc     cx;
        cmp     cx, 10;
        jb      ".rest";
        ret;
    );
}
