//! PCI devices made ready: the 440FX/PIIX chipset, addresses and interrupt lines for every function, the video ROM.
//!
//! PCI Local Bus Specification 2.1, section 6.2.5 (base addresses); Intel 82371SB (PIIX3) and 82371AB (PIIX4)
//! datasheets: PIRQ routing 60h-63h, IDE timing 40h-43h, power management base 40h and enable 80h; 82441FX: PAM. Bus 0
//! only. Memory addresses are handed out upwards from E0000000h, ports from C000h.

use super::layout::*;
use super::pci::{PIRQ_LINES, PM_BASE};
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

const IO_START: i32 = 0xC000;
const MEM_START: u32 = 0xE000_0000;
const MEM_END: u32 = 0xFEC0_0000;
/// Where an option ROM waits until the shadow RAM is on.
const ROM_BUFFER: i32 = 0x2_0000;

pub fn emit(a: &mut Asm16) {
    init(a);
    bars(a);
    chips(a);
    video(a);
}

fn init(a: &mut Asm16) {
    asm!(a;
        label   "pci_init";
        push    BDA_SEG;
        pop     ds;
        mov     es, w(EBDA_PTR);
        mov     d(E_PCI_IO).es(), IO_START;
        mov     d(E_PCI_MEM).es(), MEM_START;
        mov     eax, 0x8000_0000u32;
        call    "pci_read_raw";
        cmp     ax, 0xFFFF;
        je      ".none";
        test    ax, ax;
        jz      ".none";
        xor     bx, bx;
        label   ".next";
        call    "pci16_visit";
        jc      ".done";
        call    "pci_setup";
        inc     bl;
        jnz     ".next";
        label   ".done";
        label   ".none";
        ret;

        // BX: function. Gives EAX = its configuration address.
        label   "pci_addr";
        movzx   eax, bx;
        shl     eax, 8;
        or      eax, 0x8000_0000u32;
        ret;

        // BX: function, AL: register. Gives EAX = its doubleword.
        label   "pci_get";
        push    cx;
        mov     cl, al;
        call    "pci_addr";
        mov     al, cl;
        pop     cx;
        jmp     "pci_read_raw";

        // BX: function to set up.
        label   "pci_setup";
        pushad;
        mov     al, 8;
        call    "pci_get";
        shr     eax, 16;
        // Bridges keep what they have; the ones we know are set up below.
        cmp     ah, 6;
        je      ".bars_done";
        mov     al, 0x0C;
        call    "pci_get";
        shr     eax, 16;
        and     al, 0x7F;
        jnz     ".bars_done";
        call    "pci_bars";
        label   ".bars_done";
        // Interrupt line from pin and slot.
        mov     al, 0x3C;
        call    "pci_get";
        test    ah, ah;
        jz      ".no_irq";
        mov     cl, bl;
        shr     cl, 3;
        add     cl, ah;
        sub     cl, 2;
        and     cx, 3;
        mov     si, cx;
        mov     cl, b(si + a.at("pirq_lines")).cs();
        call    "pci_addr";
        mov     al, 0x3C;
        call    "pci_write_raw8";
        label   ".no_irq";
        call    "pci_addr";
        call    "pci_read_raw";
        mov     si, a.at("pci_quirks");
        label   ".quirk";
        cmp     d(si).cs(), 0;
        je      ".ret";
        cmp     d(si).cs(), eax;
        je      ".hit";
        add     si, 6;
        jmp     ".quirk";
        label   ".hit";
        call    w(si + 4).cs();
        label   ".ret";
        popad;
        ret;
        label   "pirq_lines";
        db      &PIRQ_LINES;
        label   "pci_quirks";
        dd &[0x7000_8086]; dw_at "quirk_isa";
        dd &[0x7110_8086]; dw_at "quirk_isa";
        dd &[0x7010_8086]; dw_at "quirk_ide";
        dd &[0x7111_8086]; dw_at "quirk_ide";
        dd &[0x7113_8086]; dw_at "quirk_pm";
        dd &[0];
    );
}

/// `pci_bars`: BX: function of header type 0. Sizes and places each base address, then turns decoding on.
fn bars(a: &mut Asm16) {
    asm!(a;
        label   "pci_bars";
        // CH collects the command bits.
        mov     dh, 0;
        mov     dl, 0x10;
        call    "pci_addr";
        mov     al, 4;
        mov     cx, 0;
        call    "pci_write_raw16";
        label   ".next";
        call    "pci_addr";
        mov     al, dl;
        mov     ecx, 0xFFFF_FFFFu32;
        call    "pci_write_raw";
        call    "pci_read_raw";
        test    eax, eax;
        jz      ".step";
        test    al, 1;
        jnz     ".io";
        // Memory: EDI = size.
        mov     si, ax;
        and     al, 0xF0;
        mov     edi, eax;
        neg     edi;
        mov     ecx, d(E_PCI_MEM).es();
        add     ecx, edi;
        dec     ecx;
        and     ecx, eax;
        add     edi, ecx;
        jc      ".too_big";
        cmp     edi, MEM_END;
        ja      ".too_big";
        mov     d(E_PCI_MEM).es(), edi;
        or      dh, 2;
        jmp     ".place";
        label   ".too_big";
        xor     ecx, ecx;
        label   ".place";
        call    "pci_addr";
        mov     al, dl;
        call    "pci_write_raw";
        and     si, 6;
        cmp     si, 4;
        jne     ".step";
        add     dl, 4;
        mov     al, dl;
        xor     ecx, ecx;
        call    "pci_write_raw";
        jmp     ".step";
        // Ports: the upper half may be fixed to zero.
        label   ".io";
        and     al, 0xFC;
        or      eax, 0xFFFF_0000u32;
        mov     edi, eax;
        neg     edi;
        mov     ecx, d(E_PCI_IO).es();
        add     ecx, edi;
        dec     ecx;
        and     ecx, eax;
        add     edi, ecx;
        cmp     edi, 0x1_0000;
        ja      ".too_big_io";
        mov     d(E_PCI_IO).es(), edi;
        or      dh, 1;
        jmp     ".place_io";
        label   ".too_big_io";
        xor     ecx, ecx;
        label   ".place_io";
        call    "pci_addr";
        mov     al, dl;
        call    "pci_write_raw";
        label   ".step";
        add     dl, 4;
        cmp     dl, 0x28;
        jb      ".next";
        // Video and disks answer at fixed addresses too.
        mov     al, 8;
        call    "pci_get";
        shr     eax, 24;
        cmp     al, 1;
        jne     ".not_disk";
        or      dh, 5;
        label   ".not_disk";
        cmp     al, 3;
        jne     ".not_video";
        or      dh, 3;
        label   ".not_video";
        call    "pci_addr";
        mov     al, 4;
        movzx   cx, dh;
        call    "pci_write_raw16";
        ret;
    );
}

fn chips(a: &mut Asm16) {
    asm!(a;
        // PIIX ISA bridge: PIRQ lines, level triggered.
        label   "quirk_isa";
        call    "pci_addr";
        mov     al, 0x60;
        mov     ecx, u32::from_le_bytes(PIRQ_LINES);
        call    "pci_write_raw";
        mov     dx, 0x4D0;
        mov     al, 0;
        out     dx, al;
        inc     dx;
        mov     al, 0x0C;
        out     dx, al;
        ret;
        // PIIX IDE: both channels decoded.
        label   "quirk_ide";
        call    "pci_addr";
        mov     al, 0x40;
        mov     ecx, 0x8000_8000u32;
        call    "pci_write_raw";
        ret;
        // PIIX4 power management: base, enable, SCI on line 9; the SMBus above it.
        label   "quirk_pm";
        mov     b(E_PM_FOUND).es(), 1;
        call    "pci_addr";
        mov     al, 0x3C;
        mov     cl, 9;
        call    "pci_write_raw8";
        mov     al, 0x40;
        mov     ecx, PM_BASE + 1;
        call    "pci_write_raw";
        mov     al, 0x80;
        mov     cl, 1;
        call    "pci_write_raw8";
        mov     al, 0x90;
        mov     ecx, 0x701;
        call    "pci_write_raw";
        mov     al, 0xD2;
        mov     cl, 9;
        call    "pci_write_raw8";
        ret;
    );
}

/// The video BIOS: mapped at C0000h by the board, or in the expansion ROM of a PCI device. It runs from RAM where the
/// host bridge can give it some, as it may keep variables within itself while it starts.
fn video(a: &mut Asm16) {
    asm!(a;
        label   "video_init";
        mov     ax, 0xC000;
        mov     fs, ax;
        cmp     w(0).fs(), 0xAA55;
        jne     ".pci";
        mov     esi, 0x000C_0000;
        call    "video_device";
        call    "rom_shadow";
        jmp     ".run";
        // Class 03xxxx with a ROM: shown above all addresses handed out, fetched, hidden again.
        label   ".pci";
        call    "video_device";
        jc      ".none";
        call    "pci_addr";
        mov     al, 0x30;
        mov     ecx, 0xFFFF_F800u32;
        call    "pci_write_raw";
        call    "pci_read_raw";
        and     eax, 0xFFFF_F800u32;
        jz      ".none";
        mov     ecx, eax;
        neg     eax;
        mov     es, w(EBDA_PTR);
        add     eax, d(E_PCI_MEM).es();
        dec     eax;
        and     ecx, eax;
        push    ecx;
        inc     ecx;
        call    "pci_addr";
        mov     al, 0x30;
        call    "pci_write_raw";
        pop     esi;
        call    "rom_shadow";
        pushf;
        call    "pci_addr";
        mov     al, 0x30;
        xor     ecx, ecx;
        call    "pci_write_raw";
        popf;
        jc      ".none";
        label   ".run";
        push    BDA_SEG;
        pop     ds;
        mov     dx, 0xC000;
        call    "rom_call";
        push    BDA_SEG;
        pop     ds;
        // What the ROM needs stays as read-only RAM in steps of 16 KiB.
        mov     cl, 1;
        call    "pam_c_segment";
        // 80x25 text: a video BIOS need not have set it.
        mov     ax, 3;
        int     0x10;
        label   ".none";
        push    BDA_SEG;
        pop     ds;
        ret;

        // The first video controller: BX, also kept for the ROM's call. Carry: none.
        label   "video_device";
        xor     bx, bx;
        label   ".next";
        call    "pci16_visit";
        jc      ".done";
        mov     al, 8;
        call    "pci_get";
        shr     eax, 24;
        cmp     al, 3;
        je      ".found";
        inc     bl;
        jnz     ".next";
        stc;
        label   ".done";
        ret;
        label   ".found";
        mov     es, w(EBDA_PTR);
        mov     w(E_ROM_DEV).es(), bx;
        clc;
        ret;

        // ESI: linear address of a ROM. Copies it to C0000h if that can be RAM. Carry: there is no ROM. Keeps BX.
        label   "rom_shadow";
        push    bx;
        mov     edi, ROM_BUFFER;
        mov     ecx, 0x8000;
        cli;
        call    "flat_copy";
        sti;
        mov     ax, ROM_BUFFER >> 4;
        mov     fs, ax;
        cmp     w(0).fs(), 0xAA55;
        jne     ".none";
        mov     eax, 0x8000_0000u32;
        call    "pci_read_raw";
        cmp     eax, 0x1237_8086;
        jne     ".done";
        mov     cl, 3;
        call    "pam_c_segment";
        mov     esi, ROM_BUFFER;
        mov     edi, 0x000C_0000;
        movzx   ecx, b(2).fs();
        shl     ecx, 8;
        cli;
        call    "flat_copy";
        sti;
        label   ".done";
        pop     bx;
        clc;
        ret;
        label   ".none";
        pop     bx;
        stc;
        ret;

        // CL: 3 RAM, 1 read-only RAM, for as much as the ROM whose copy is at FS:0 needs. Destroys EAX, CX, DX.
        label   "pam_c_segment";
        mov     eax, 0x8000_0000u32;
        call    "pci_read_raw";
        cmp     eax, 0x1237_8086;
        jne     ".done";
        mov     ax, ROM_BUFFER >> 4;
        mov     fs, ax;
        mov     dh, b(2).fs();
        mov     ch, cl;
        mov     eax, 0x8000_005Au32;
        label   ".next";
        // One register is two areas of 32 units each.
        mov     cl, ch;
        cmp     dh, 32;
        jbe     ".set";
        shl     cl, 4;
        or      cl, ch;
        label   ".set";
        call    "pci_write_raw8";
        inc     al;
        sub     dh, 64;
        ja      ".next";
        label   ".done";
        ret;
    );
}
