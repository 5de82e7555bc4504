//! The interrupt vector table, the fixed entry points and the tables at fixed addresses.
//!
//! Programs of the 1980s call some services at their addresses in the IBM ROM; later BIOSes keep those addresses, and
//! so does this one (IBM PC AT Technical Reference, section 5; "BIOS compatibility table" of the Phoenix System BIOS
//! book). Interrupts nobody owns end in an IRET at FF53h; hardware interrupts nobody owns are acknowledged.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Vectors that POST sets, other than the default.
const VECTORS: &[(u8, &str)] = &[
    (0x02, "int02"),
    (0x05, "int05_entry"),
    (0x08, "int08_entry"),
    (0x09, "int09_entry"),
    (0x0A, "irq_spurious"),
    (0x0B, "irq_spurious"),
    (0x0C, "irq_spurious"),
    (0x0D, "irq_spurious"),
    (0x0E, "int0e_entry"),
    (0x0F, "irq_spurious"),
    (0x10, "int10_entry"),
    (0x11, "int11_entry"),
    (0x12, "int12_entry"),
    (0x13, "int13_entry"),
    (0x14, "int14_entry"),
    (0x15, "int15_entry"),
    (0x16, "int16_entry"),
    (0x17, "int17_entry"),
    (0x18, "int18"),
    (0x19, "int19_entry"),
    (0x1A, "int1a_entry"),
    (0x1D, "video_params"),
    (0x1E, "diskette_params"),
    (0x40, "int40_entry"),
    (0x70, "int70"),
    (0x71, "int71"),
    (0x72, "irq_spurious"),
    (0x73, "irq_spurious"),
    (0x74, "int74"),
    (0x75, "int75"),
    (0x76, "int76"),
    (0x77, "int76"),
];

pub fn emit(a: &mut Asm16) {
    setup(a);
    handlers(a);
    fixed(a);
}

/// `vectors_init`: fills the IVT. Destroys AX, BX, CX, SI, DI, ES.
fn setup(a: &mut Asm16) {
    asm!(a;
        label   "vectors_init";
        xor     ax, ax;
        mov     es, ax;
        xor     di, di;
        mov     cx, 0x78;
        mov     eax, 0xF000FF53u32;
        rep_stosd;
        // INT 60h-67h belong to user programs and are zero: some tell "free" by it.
        xor     eax, eax;
        mov     cx, 0x88;
        rep_stosd;
        mov     di, 0x60 * 4;
        mov     cx, 8;
        rep_stosd;
        // The EGA/VGA font pointers and the fixed disk tables have no meaning yet.
        mov     w(0x1F * 4).es(), ax;
        mov     w(0x1F * 4 + 2).es(), ax;
        mov     si, a.at(".table");
        label   ".next";
        cs_lodsb;
        movzx   bx, al;
        cmp     al, 0xFF;
        je      ".done";
        shl     bx, 2;
        cs_lodsw;
        mov     w(bx).es(), ax;
        mov     w(bx + 2).es(), BIOS_SEG as i32;
        jmp     ".next";
        label   ".done";
        ret;
        label   ".table";
    );
    for (n, label) in VECTORS {
        asm!(a; db &[*n]; dw_at label; );
    }
    a.db(&[0xFF]);
}

fn handlers(a: &mut Asm16) {
    asm!(a;
        // A hardware interrupt without owner: acknowledge what is in service.
        label   "irq_spurious";
        push    ax;
        mov     al, 0x0B;
        out     0x20, al;
        in_     al, 0x20;
        test    al, al;
        jz      ".done";
        test    al, 4;
        jz      ".master";
        mov     al, 0x0B;
        out     0xA0, al;
        in_     al, 0xA0;
        test    al, al;
        jz      ".master";
        mov     al, 0x20;
        out     0xA0, al;
        label   ".master";
        mov     al, 0x20;
        out     0x20, al;
        label   ".done";
        pop     ax;
        iret;

        label   "eoi_slave";
        mov     al, 0x20;
        out     0xA0, al;
        out     0x20, al;
        ret;

        // IRQ 9 is the AT's place for the old IRQ 2.
        label   "int71";
        push    ax;
        mov     al, 0x20;
        out     0xA0, al;
        pop     ax;
        int     0x0A;
        iret;

        // Coprocessor error: as IRQ 13 it is passed on as NMI, INT 2.
        label   "int75";
        push    ax;
        xor     al, al;
        out     0xF0, al;
        call    "eoi_slave";
        pop     ax;
        int     2;
        iret;

        // Fixed disk interrupts: note and acknowledge.
        label   "int76";
        push    ax;
        push    ds;
        push    BDA_SEG;
        pop     ds;
        mov     b(DISK_IRQ), 0xFF;
        call    "eoi_slave";
        mov     ax, 0x9100;
        int     0x15;
        pop     ds;
        pop     ax;
        iret;

        // NMI: nothing on this board raises one but the parity and channel-check logic.
        label   "int02";
        push    ax;
        in_     al, 0x61;
        test    al, 0xC0;
        jz      ".done";
        mov     si, a.at(".text");
        call    "print";
        cli;
        label   ".stop";
        hlt;
        jmp     ".stop";
        label   ".done";
        pop     ax;
        iret;
        label   ".text";
        asciz   "\r\nMemory or bus error reported by NMI. System halted.\r\n";

        // INT 11h: equipment list.
        label   "int11";
        sti;
        push    ds;
        push    BDA_SEG;
        pop     ds;
        mov     ax, w(EQUIPMENT);
        pop     ds;
        iret;

        // INT 12h: kilobytes of base memory.
        label   "int12";
        sti;
        push    ds;
        push    BDA_SEG;
        pop     ds;
        mov     ax, w(MEM_SIZE);
        pop     ds;
        iret;

        // INT 10h until a video BIOS takes it.
        label   "int10_none";
        iret;
    );
    // Common ends of services: [bp] is the frame of `enter`.
    asm!(a; label "svc_ok0"; mov b(bp + R_AH), 0; label "svc_ok"; and w(bp + R_FLAGS), !CF; label "svc_iret"; );
    leave(a);
    asm!(a; iret; label "svc_fail86"; mov b(bp + R_AH), 0x86; label "svc_fail"; or w(bp + R_FLAGS), CF; );
    leave(a);
    asm!(a; iret; );
}

fn fixed(a: &mut Asm16) {
    let entries: &[(usize, &str, &str)] = &[
        (0xE05B, "post_entry", "post"),
        (0xE2C3, "nmi_entry", "int02"),
        (0xE3FE, "int13_entry", "int13"),
        (0xE6F2, "int19_entry", "int19"),
        (0xE739, "int14_entry", "int14"),
        (0xE82E, "int16_entry", "int16"),
        (0xE987, "int09_entry", "int09"),
        (0xEC59, "int40_entry", "int40"),
        (0xEF57, "int0e_entry", "int0e"),
        (0xEFD2, "int17_entry", "int17"),
        (0xF065, "int10_entry", "int10_none"),
        (0xF841, "int12_entry", "int12"),
        (0xF84D, "int11_entry", "int11"),
        (0xF859, "int15_entry", "int15"),
        (0xFE6E, "int1a_entry", "int1a"),
        (0xFEA5, "int08_entry", "int08"),
        (0xFF54, "int05_entry", "int05"),
    ];
    for (at, name, target) in entries {
        asm!(a; org *at; label name; jmp_near target; );
    }
    asm!(a;
        // Fixed disk types 1 and 2 of the AT: 306/4/17 and 615/4/17.
        org     0xE401;
        label   "fixed_disk_table";
        dw &[306]; db &[4, 0, 0]; dw &[128]; db &[0, 0, 0, 0, 0]; dw &[305]; db &[17, 0];
        dw &[615]; db &[4, 0, 0]; dw &[300]; db &[0, 0, 0, 0, 0]; dw &[615]; db &[17, 0];

        // System configuration, INT 15h AH=C0h: model FC submodel 01 (AT). Feature byte 1: second PIC, RTC, keyboard
        // intercept (4Fh), EBDA allocated.
        org     0xE6F5;
        label   "config_table";
        dw      &[8];
        db      &[0xFC, 0x01, 0x00, 0x74, 0x40, 0x00, 0x00, 0x00];

        // Diskette parameters of a 1.44 MB drive, INT 1Eh.
        org     0xEFC7;
        label   "diskette_params";
        db      &[0xAF, 0x02, 0x25, 0x02, 18, 0x1B, 0xFF, 0x6C, 0xF6, 0x0F, 0x08];

        // 6845 parameters, INT 1Dh: 40x25, 80x25, graphics, monochrome; then page sizes, columns and mode bytes.
        org     0xF0A4;
        label   "video_params";
        db      &[0x38, 0x28, 0x2D, 0x0A, 0x1F, 0x06, 0x19, 0x1C, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0];
        db      &[0x71, 0x50, 0x5A, 0x0A, 0x1F, 0x06, 0x19, 0x1C, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0];
        db      &[0x38, 0x28, 0x2D, 0x0A, 0x7F, 0x06, 0x64, 0x70, 0x02, 0x01, 0x06, 0x07, 0, 0, 0, 0];
        db      &[0x61, 0x50, 0x52, 0x0F, 0x19, 0x06, 0x19, 0x19, 0x02, 0x0D, 0x0B, 0x0C, 0, 0, 0, 0];
        dw      &[2048, 4096, 16384, 16384];
        db      &[40, 40, 80, 80, 40, 40, 80, 80, 0x2C, 0x28, 0x2D, 0x29, 0x2A, 0x2E, 0x1E, 0x29];

        // The initial vectors 08h-1Fh, by offset, as the IBM ROM lists them.
        org     0xFEF3;
        dw_at "int08_entry"; dw_at "int09_entry"; dw_at "irq_spurious"; dw_at "irq_spurious"; dw_at "irq_spurious";
        dw_at "irq_spurious"; dw_at "int0e_entry"; dw_at "irq_spurious"; dw_at "int10_entry"; dw_at "int11_entry";
        dw_at "int12_entry"; dw_at "int13_entry"; dw_at "int14_entry"; dw_at "int15_entry"; dw_at "int16_entry";
        dw_at "int17_entry"; dw_at "int18"; dw_at "int19_entry"; dw_at "int1a_entry"; dw_at "dummy_iret";
        dw_at "dummy_iret"; dw_at "video_params"; dw_at "diskette_params"; dw &[0];

        org     0xFF53;
        label   "dummy_iret";
        iret;

        org     0xFFF0;
        jmp_far BIOS_SEG, "post_entry";
        db      b"01/01/26";
        db      &[0, 0xFC, 0];
    );
}
