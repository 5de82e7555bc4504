//! AH=4Fh: VESA BIOS extension on the Bochs display interface.
//!
//! VESA VBE Core Functions Standard 3.0. Modes of 8, 15, 16, 24 and 32 bits have a 64 KiB window and a linear frame buffer at
//! the address that PCI gave the adapter; 102h is planar. VBE/DDC gives the identification of a monitor that prefers 1024x768.
//! Refresh rate control and triple buffering are not offered.

use super::layout::*;
use super::tables::ROM_SEG;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Modes: number, width, height, bits per pixel.
const MODES: [(u16, u16, u16, u8); 32] = [
    (0x100, 640, 400, 8),
    (0x101, 640, 480, 8),
    (0x102, 800, 600, 4),
    (0x103, 800, 600, 8),
    (0x105, 1024, 768, 8),
    (0x107, 1280, 1024, 8),
    (0x10D, 320, 200, 15),
    (0x10E, 320, 200, 16),
    (0x10F, 320, 200, 24),
    (0x110, 640, 480, 15),
    (0x111, 640, 480, 16),
    (0x112, 640, 480, 24),
    (0x113, 800, 600, 15),
    (0x114, 800, 600, 16),
    (0x115, 800, 600, 24),
    (0x116, 1024, 768, 15),
    (0x117, 1024, 768, 16),
    (0x118, 1024, 768, 24),
    (0x119, 1280, 1024, 15),
    (0x11A, 1280, 1024, 16),
    (0x11B, 1280, 1024, 24),
    (0x11C, 1600, 1200, 8),
    (0x11D, 1600, 1200, 15),
    (0x11E, 1600, 1200, 16),
    (0x11F, 1600, 1200, 24),
    (0x140, 320, 200, 32),
    (0x141, 640, 400, 32),
    (0x142, 640, 480, 32),
    (0x143, 800, 600, 32),
    (0x144, 1024, 768, 32),
    (0x145, 1280, 1024, 32),
    (0x146, 320, 200, 8),
];
/// Bytes of an entry of the mode table.
const ENTRY: i32 = 8;

/// Bits per pixel with memory model and the sizes and positions of red, green, blue, reserved.
const FORMATS: [[u8; 10]; 6] = [
    [4, 3, 0, 0, 0, 0, 0, 0, 0, 0],
    [8, 4, 0, 0, 0, 0, 0, 0, 0, 0],
    [15, 6, 5, 10, 5, 5, 5, 0, 1, 15],
    [16, 6, 5, 11, 6, 5, 5, 0, 0, 0],
    [24, 6, 8, 16, 8, 8, 8, 0, 0, 0],
    [32, 6, 8, 16, 8, 8, 8, 0, 8, 24],
];

/// Functions 00h to 0Ah.
const FUNCTIONS: [&str; 11] = [
    "vbe_info",
    "vbe_mode_info",
    "vbe_set",
    "vbe_get",
    "vbe_state",
    "vbe_window",
    "vbe_line",
    "vbe_start",
    "vbe_dac",
    "vbe_palette",
    "vbe_pm",
];

pub fn emit(a: &mut Asm16) {
    dispatch(a);
    ports(a);
    info(a);
    mode_info(a);
    set(a);
    window(a);
    line(a);
    start(a);
    palette(a);
    power(a);
    ddc(a);
    tables(a);
}

fn dispatch(a: &mut Asm16) {
    asm!(a;
        label   "vbe_call";
        call    "dispi_present";
        jc      ".none";
        cmp     al, 0x10;
        je      ".power";
        cmp     al, 0x15;
        je      ".ddc";
        cmp     al, FUNCTIONS.len() as i32;
        jae     ".none";
        movzx   si, al;
        add     si, si;
        call    w(si + a.at("vbe_functions")).cs();
        // Carry: failed.
        label   ".result";
        mov     ax, 0x004F;
        jnc     ".give";
        mov     ah, 1;
        label   ".give";
        mov     w(bp + R_AX), ax;
        ret;
        label   ".power";
        call    "vbe_power";
        jmp     ".result";
        label   ".ddc";
        call    "vbe_ddc";
        jmp     ".result";
        label   ".none";
        mov     w(bp + R_AX), 0x0100;
        ret;
    );
}

fn ports(a: &mut Asm16) {
    asm!(a;
        // Carry: there is no display interface.
        label   "dispi_present";
        push    ax;
        xor     ax, ax;
        call    "dispi_get";
        and     ax, 0xFFF0;
        cmp     ax, 0xB0C0;
        pop     ax;
        je      ".ret";
        stc;
        label   ".ret";
        ret;
        // AX: register. Gives AX = value.
        label   "dispi_get";
        push    dx;
        mov     dx, DISPI_INDEX;
        out     dx, ax;
        inc     dx;
        in_     ax, dx;
        pop     dx;
        ret;
        // AX: register, BX: value.
        label   "dispi_set";
        push    dx;
        push    ax;
        mov     dx, DISPI_INDEX;
        out     dx, ax;
        inc     dx;
        mov     ax, bx;
        out     dx, ax;
        pop     ax;
        pop     dx;
        ret;

        // Gives EAX = address of the linear frame buffer: BAR 0 of 1234:1111 on PCI bus 0.
        label   "lfb_address";
        push    ebx;
        push    ecx;
        push    dx;
        mov     dx, 0xCF8;
        in_     eax, dx;
        push    eax;
        mov     ebx, 0x8000_0000u32;
        mov     cx, 32;
        label   ".device";
        mov     eax, ebx;
        call    "pci_read";
        cmp     eax, 0x1111_1234;
        je      ".found";
        add     ebx, 0x800;
        loop_   ".device";
        mov     ecx, 0xE000_0000u32;
        jmp     ".done";
        label   ".found";
        lea     eax, d(ebx + 0x10);
        call    "pci_read";
        and     al, 0xF0;
        mov     ecx, eax;
        label   ".done";
        pop     eax;
        mov     dx, 0xCF8;
        out     dx, eax;
        mov     eax, ecx;
        pop     dx;
        pop     ecx;
        pop     ebx;
        ret;
        label   "pci_read";
        mov     dx, 0xCF8;
        out     dx, eax;
        mov     dx, 0xCFC;
        in_     eax, dx;
        ret;
    );
}

fn info(a: &mut Asm16) {
    asm!(a;
        // ES:DI: 256 bytes, or 512 when they begin with "VBE2".
        label   "vbe_info";
        mov     cx, 128;
        cmp     d(di).es(), 0x3245_4256;
        jne     ".short";
        mov     ch, 1;
        label   ".short";
        push    di;
        xor     ax, ax;
        rep_stosw;
        pop     di;
        mov     d(di).es(), 0x4153_4556;
        mov     w(di + 4).es(), 0x0300;
        mov     w(di + 6).es(), a.at("vbe_oem");
        mov     w(di + 8).es(), cs;
        // The DAC can be switched to 8 bits.
        mov     b(di + 0x0A).es(), 1;
        mov     w(di + 0x0E).es(), a.at("vbe_list");
        mov     w(di + 0x10).es(), cs;
        mov     ax, 10;
        call    "dispi_get";
        mov     w(di + 0x12).es(), ax;
        mov     w(di + 0x14).es(), 0x0100;
        mov     w(di + 0x16).es(), a.at("vbe_vendor");
        mov     w(di + 0x18).es(), cs;
        mov     w(di + 0x1A).es(), a.at("vbe_product");
        mov     w(di + 0x1C).es(), cs;
        mov     w(di + 0x1E).es(), a.at("vbe_revision");
        mov     w(di + 0x20).es(), cs;
        clc;
        ret;
    );
}

fn mode_info(a: &mut Asm16) {
    asm!(a;
        // CX: mode. Gives CS:SI = its entry; carry: there is none.
        label   "vbe_find";
        push    cx;
        and     ch, 1;
        mov     si, a.at("vbe_modes");
        label   ".next";
        cmp     w(si).cs(), cx;
        je      ".done";
        add     si, ENTRY;
        cmp     si, a.at("vbe_modes_end");
        jb      ".next";
        stc;
        label   ".done";
        pop     cx;
        ret;

        // CX: mode, ES:DI: 256 bytes.
        label   "vbe_mode_info";
        call    "vbe_find";
        jc      ".ret";
        push    di;
        mov     cx, 128;
        xor     ax, ax;
        rep_stosw;
        pop     di;
        mov     ax, 0x00BB;
        mov     bl, b(si + 6).cs();
        cmp     bl, 4;
        jne     ".packed";
        mov     al, 0x3B;
        label   ".packed";
        mov     w(di).es(), ax;
        // Window A readable and writable, 64 KiB at A000h in steps of 64 KiB.
        mov     b(di + 2).es(), 7;
        mov     w(di + 4).es(), 64;
        mov     w(di + 6).es(), 64;
        mov     w(di + 8).es(), 0xA000;
        mov     w(di + 0x0C).es(), a.at("vbe_window_far");
        mov     w(di + 0x0E).es(), cs;
        mov     ax, w(si + 2).cs();
        mov     w(di + 0x12).es(), ax;
        mov     dx, w(si + 4).cs();
        mov     w(di + 0x14).es(), dx;
        mov     w(di + 0x16).es(), 0x1008;
        // Planes, bits, banks, and the format.
        mov     b(di + 0x18).es(), 1;
        mov     b(di + 0x19).es(), bl;
        mov     b(di + 0x1A).es(), 1;
        mov     b(di + 0x1E).es(), 1;
        movzx   cx, bl;
        add     cx, 7;
        shr     cx, 3;
        cmp     bl, 4;
        jne     ".bytes";
        mov     b(di + 0x18).es(), 4;
        shr     ax, 3;
        label   ".bytes";
        push    dx;
        mul     cx;
        pop     dx;
        mov     w(di + 0x10).es(), ax;
        mov     w(di + 0x32).es(), ax;
        // Pages beyond the first: memory / (line * lines) - 1.
        movzx   eax, ax;
        movzx   edx, dx;
        mul     edx;
        cmp     bl, 4;
        jne     ".size";
        shl     eax, 2;
        label   ".size";
        mov     ecx, eax;
        mov     ax, 10;
        call    "dispi_get";
        movzx   eax, ax;
        shl     eax, 16;
        xor     edx, edx;
        div     ecx;
        test    ax, ax;
        jz      ".pages";
        dec     ax;
        label   ".pages";
        cmp     ax, 0xFF;
        jbe     ".fits";
        mov     al, 0xFF;
        label   ".fits";
        mov     b(di + 0x1D).es(), al;
        mov     b(di + 0x34).es(), al;
        mov     b(di + 0x35).es(), al;
        mov     si, a.at("vbe_formats");
        label   ".format";
        cmp     b(si).cs(), bl;
        je      ".masks";
        add     si, 10;
        jmp     ".format";
        label   ".masks";
        mov     al, b(si + 1).cs();
        mov     b(di + 0x1B).es(), al;
        mov     eax, d(si + 2).cs();
        mov     d(di + 0x1F).es(), eax;
        mov     d(di + 0x36).es(), eax;
        mov     eax, d(si + 6).cs();
        mov     d(di + 0x23).es(), eax;
        mov     d(di + 0x3A).es(), eax;
        // Bits that no component uses are the program's.
        shr     eax, 16;
        test    al, al;
        jz      ".reserved";
        mov     b(di + 0x27).es(), 2;
        label   ".reserved";
        mov     d(di + 0x3E).es(), 200_000_000;
        cmp     bl, 4;
        je      ".done";
        call    "lfb_address";
        mov     d(di + 0x28).es(), eax;
        label   ".done";
        clc;
        label   ".ret";
        ret;
    );
}

fn set(a: &mut Asm16) {
    asm!(a;
        // BX: mode, bit 14 linear, bit 15 keep the memory.
        label   "vbe_set";
        test    bh, 1;
        jnz     ".vesa";
        // A VGA mode.
        test    bl, 0x80;
        jnz     ".fail";
        mov     al, bl;
        and     bh, 0x80;
        or      al, bh;
        call    "set_mode_call";
        mov     al, b(MODE);
        xor     al, bl;
        jnz     ".fail";
        clc;
        ret;
        label   ".fail";
        stc;
        ret;
        label   ".vesa";
        mov     cx, bx;
        call    "vbe_find";
        jc      ".ret";
        push    bx;
        call    "dispi_off";
        // The VGA underneath: palette, memory addressing. The interface clears the memory.
        or      b(CONTROL), 0x80;
        mov     al, 0x13;
        mov     ah, MODE_PACKED;
        cmp     b(si + 6).cs(), 4;
        jne     ".base";
        mov     ax, 0x12 | MODE_PLANAR << 8;
        label   ".base";
        call    "set_mode";
        mov     b(MODE), ah;
        pop     dx;
        mov     al, dh;
        and     al, 0x80;
        and     b(CONTROL), 0x7F;
        or      b(CONTROL), al;
        mov     ax, 1;
        mov     bx, w(si + 2).cs();
        call    "dispi_set";
        mov     cx, bx;
        inc     ax;
        mov     bx, w(si + 4).cs();
        call    "dispi_set";
        mov     di, bx;
        inc     ax;
        movzx   bx, b(si + 6).cs();
        call    "dispi_set";
        inc     ax;
        mov     bx, 1;
        test    dh, 0x40;
        jz      ".banked";
        or      bl, 0x40;
        label   ".banked";
        test    dh, 0x80;
        jz      ".clear";
        or      bl, 0x80;
        label   ".clear";
        call    "dispi_set";
        shr     cx, 3;
        mov     w(COLS), cx;
        shr     di, 4;
        mov     ax, di;
        dec     al;
        mov     b(ROWS), al;
        mov     w(HEIGHT), 16;
        mov     w(PAGE_SIZE), 0;
        and     dh, 0xC1;
        mov     w(VBE_MODE), dx;
        push    ds;
        push    0;
        pop     ds;
        mov     w(VECTOR_43), a.at("font16");
        mov     w(VECTOR_43 + 2), cs;
        pop     ds;
        clc;
        label   ".ret";
        ret;

        label   "vbe_get";
        mov     ax, w(VBE_MODE);
        test    ax, ax;
        jnz     ".give";
        movzx   ax, b(MODE);
        label   ".give";
        mov     w(bp + R_BX), ax;
        clc;
        ret;

        // DL: 0 size, 1 save, 2 restore, CX: parts, the caller's ES:BX: buffer.
        label   "vbe_state";
        cmp     dl, 2;
        ja      ".fail";
        test    cl, 0x0F;
        jz      ".fail";
        mov     al, dl;
        call    "state_move";
        test    al, al;
        jnz     ".done";
        mov     w(bp + R_BX), bx;
        label   ".done";
        clc;
        ret;
        label   ".fail";
        stc;
        ret;
    );
}

fn window(a: &mut Asm16) {
    asm!(a;
        // BH: 0 set, 1 get, BL: window, DX: position in 64 KiB.
        label   "vbe_window";
        test    bl, bl;
        jnz     ".fail";
        cmp     w(VBE_MODE), 0;
        je      ".fail";
        cmp     bh, 1;
        ja      ".fail";
        je      ".get";
        mov     ax, 10;
        call    "dispi_get";
        cmp     dx, ax;
        jae     ".fail";
        mov     ax, 5;
        mov     bx, dx;
        call    "dispi_set";
        clc;
        ret;
        label   ".get";
        mov     ax, 5;
        call    "dispi_get";
        mov     w(bp + R_DX), ax;
        clc;
        ret;
        label   ".fail";
        stc;
        ret;

        // The same by a far call; AX and DX are lost.
        label   "vbe_window_far";
        test    bh, bh;
        jnz     ".get";
        push    bx;
        mov     ax, 5;
        mov     bx, dx;
        call    "dispi_set";
        pop     bx;
        mov     ax, 0x004F;
        retf;
        label   ".get";
        mov     ax, 5;
        call    "dispi_get";
        mov     dx, ax;
        mov     ax, 0x004F;
        retf;

        // Gives CX = bits that a pixel takes in a line of bytes.
        label   "vbe_bits";
        mov     ax, 3;
        call    "dispi_get";
        mov     cx, ax;
        cmp     cl, 15;
        jne     ".planar";
        inc     cx;
        label   ".planar";
        cmp     cl, 4;
        jne     ".ret";
        mov     cl, 1;
        label   ".ret";
        ret;
    );
}

fn line(a: &mut Asm16) {
    asm!(a;
        // BL: 0 set in pixels, 1 get, 2 set in bytes, 3 maximum; CX: length.
        label   "vbe_line";
        cmp     w(VBE_MODE), 0;
        je      ".fail";
        cmp     bl, 3;
        ja      ".fail";
        je      ".maximum";
        cmp     bl, 1;
        je      ".get";
        mov     dx, cx;
        test    bl, bl;
        jz      ".pixels";
        // Bytes to pixels.
        call    "vbe_bits";
        movzx   eax, dx;
        shl     eax, 3;
        movzx   ecx, cx;
        xor     edx, edx;
        div     ecx;
        mov     dx, ax;
        label   ".pixels";
        mov     ax, 1;
        call    "dispi_get";
        cmp     dx, ax;
        jb      ".fail";
        add     dx, 7;
        and     dl, 0xF8;
        mov     ax, 6;
        mov     bx, dx;
        call    "dispi_set";
        label   ".get";
        mov     ax, 6;
        call    "dispi_get";
        mov     dx, ax;
        label   ".report";
        mov     w(bp + R_CX), dx;
        call    "vbe_bits";
        movzx   eax, dx;
        movzx   ecx, cx;
        mul     ecx;
        shr     eax, 3;
        mov     w(bp + R_BX), ax;
        // Lines that fit.
        mov     ebx, eax;
        mov     ax, 10;
        call    "dispi_get";
        movzx   eax, ax;
        shl     eax, 16;
        cmp     cl, 1;
        jne     ".divide";
        shr     eax, 2;
        label   ".divide";
        xor     edx, edx;
        div     ebx;
        cmp     eax, 0xFFFF;
        jbe     ".fits";
        mov     ax, 0xFFFF;
        label   ".fits";
        mov     w(bp + R_DX), ax;
        clc;
        ret;
        // The longest line: one at which the present height still fits.
        label   ".maximum";
        mov     ax, 2;
        call    "dispi_get";
        movzx   ebx, ax;
        call    "vbe_bits";
        mov     ax, 10;
        call    "dispi_get";
        movzx   eax, ax;
        shl     eax, 16;
        cmp     cl, 1;
        jne     ".bytes";
        shr     eax, 2;
        label   ".bytes";
        xor     edx, edx;
        div     ebx;
        shl     eax, 3;
        movzx   ecx, cx;
        xor     edx, edx;
        div     ecx;
        cmp     eax, 0x7FF8;
        jbe     ".width";
        mov     ax, 0x7FF8;
        label   ".width";
        and     al, 0xF8;
        mov     dx, ax;
        jmp     ".report";
        label   ".fail";
        stc;
        ret;
    );
}

fn start(a: &mut Asm16) {
    asm!(a;
        // BL: 0 or 80h (at the next retrace) set, 1 get; CX: pixel, DX: line.
        label   "vbe_start";
        cmp     w(VBE_MODE), 0;
        je      ".fail";
        cmp     bl, 1;
        je      ".get";
        test    bl, 0x7F;
        jnz     ".fail";
        test    bl, 0x80;
        jz      ".set";
        call    "wait_retrace";
        label   ".set";
        mov     ax, 8;
        mov     bx, cx;
        call    "dispi_set";
        inc     ax;
        mov     bx, dx;
        call    "dispi_set";
        clc;
        ret;
        label   ".get";
        mov     b(bp + R_BH), 0;
        mov     ax, 8;
        call    "dispi_get";
        mov     w(bp + R_CX), ax;
        mov     ax, 9;
        call    "dispi_get";
        mov     w(bp + R_DX), ax;
        clc;
        ret;
        label   ".fail";
        stc;
        ret;

        // Until a vertical retrace begins, at most a number of reads. Keeps every register.
        label   "wait_retrace";
        pushad;
        mov     dx, w(CRTC_BASE);
        add     dx, 6;
        mov     ecx, 0x40000;
        label   ".in";
        in_     al, dx;
        dec     ecx;
        jz      ".done";
        test    al, 8;
        jnz     ".in";
        label   ".out";
        in_     al, dx;
        dec     ecx;
        jz      ".done";
        test    al, 8;
        jz      ".out";
        label   ".done";
        popad;
        ret;
    );
}

fn palette(a: &mut Asm16) {
    asm!(a;
        // BL: 0 set, 1 get; BH: bits of a component.
        label   "vbe_dac";
        cmp     bl, 1;
        ja      ".fail";
        cmp     w(VBE_MODE), 0;
        je      ".fail";
        mov     ax, 4;
        call    "dispi_get";
        test    bl, bl;
        jnz     ".get";
        mov     cx, ax;
        and     cl, 0xDF;
        cmp     bh, 6;
        jb      ".fail";
        cmp     bh, 8;
        jb      ".six";
        or      cl, 0x20;
        label   ".six";
        // Bit 7: enabling must not clear the memory. The bank is kept.
        or      cl, 0x80;
        mov     ax, 5;
        call    "dispi_get";
        mov     dx, ax;
        mov     ax, 4;
        mov     bx, cx;
        call    "dispi_set";
        mov     ax, 5;
        mov     bx, dx;
        call    "dispi_set";
        mov     ax, 4;
        call    "dispi_get";
        label   ".get";
        mov     bh, 6;
        test    al, 0x20;
        jz      ".give";
        mov     bh, 8;
        label   ".give";
        mov     b(bp + R_BH), bh;
        clc;
        ret;
        label   ".fail";
        stc;
        ret;

        // BL: 0 or 80h set, 1 get; CX: count, DX: first, ES:DI: blue, green, red, 0.
        label   "vbe_palette";
        jcxz    ".done";
        cmp     dx, 256;
        jae     ".fail";
        cmp     cx, 256;
        ja      ".fail";
        cmp     bl, 1;
        je      ".get";
        test    bl, 0x7F;
        jnz     ".fail";
        test    bl, bl;
        jz      ".set";
        call    "wait_retrace";
        label   ".set";
        mov     al, dl;
        mov     dx, DAC_WRITE;
        out     dx, al;
        inc     dx;
        label   ".put";
        mov     al, b(di + 2).es();
        out     dx, al;
        mov     al, b(di + 1).es();
        out     dx, al;
        mov     al, b(di).es();
        out     dx, al;
        add     di, 4;
        loop_   ".put";
        label   ".done";
        clc;
        ret;
        label   ".get";
        mov     al, dl;
        mov     dx, DAC_READ;
        out     dx, al;
        mov     dx, DAC_DATA;
        label   ".take";
        in_     al, dx;
        mov     b(di + 2).es(), al;
        in_     al, dx;
        mov     b(di + 1).es(), al;
        in_     al, dx;
        mov     b(di).es(), al;
        mov     b(di + 3).es(), 0;
        add     di, 4;
        loop_   ".take";
        clc;
        ret;
        label   ".fail";
        stc;
        ret;

        // BL 0: ES:DI = the protected-mode interface, CX = its length.
        label   "vbe_pm";
        test    bl, bl;
        jnz     ".fail";
        mov     w(bp + R_ES), cs;
        mov     w(bp + R_DI), a.at("pm_table");
        mov     w(bp + R_CX), a.at("pm_end") - a.at("pm_table");
        clc;
        ret;
        label   ".fail";
        stc;
        ret;
    );
}

/// VBE/PM: the display's power.
fn power(a: &mut Asm16) {
    asm!(a;
        // BL: 0 what there is, 1 set BH, 2 get BH. Standby, suspend and off all blank the screen.
        label   "vbe_power";
        mov     dx, SEQUENCER;
        mov     al, 1;
        cmp     bl, al;
        ja      ".get";
        je      ".set";
        mov     w(bp + R_BX), 0x0710;
        clc;
        ret;
        label   ".set";
        out     dx, al;
        inc     dx;
        in_     al, dx;
        and     al, 0xDF;
        test    bh, bh;
        jz      ".write";
        or      al, 0x20;
        label   ".write";
        out     dx, al;
        clc;
        ret;
        label   ".get";
        cmp     bl, 2;
        jne     ".fail";
        out     dx, al;
        inc     dx;
        in_     al, dx;
        mov     bh, 0;
        test    al, 0x20;
        jz      ".give";
        mov     bh, 4;
        label   ".give";
        mov     b(bp + R_BH), bh;
        clc;
        ret;
        label   ".fail";
        stc;
        ret;
    );
}

/// VBE/DDC: the monitor's identification.
fn ddc(a: &mut Asm16) {
    asm!(a;
        // BL: 0 what there is, 1 block DX (0) to ES:DI.
        label   "vbe_ddc";
        cmp     bl, 1;
        ja      ".fail";
        je      ".read";
        // One second a block, DDC2.
        mov     w(bp + R_BX), 0x0102;
        clc;
        ret;
        label   ".read";
        test    dx, dx;
        jnz     ".fail";
        mov     si, a.at("edid");
        mov     cx, 64;
        rep_cs_movsw;
        clc;
        ret;
        label   ".fail";
        stc;
        ret;
    );
    a.label("edid");
    a.db(&edid());
}

/// An EDID 1.3 block (VESA E-EDID Standard): modes up to 1600x1200, 1024x768 at 60 Hz preferred.
fn edid() -> [u8; 128] {
    let mut block = Vec::with_capacity(128);
    block.extend([0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0]);
    // Manufacturer "RWD", product 1, no serial number, week 1 of 2026, version 1.3.
    block.extend([0x4A, 0xE4, 1, 0, 0, 0, 0, 0, 1, 36, 1, 3]);
    // Analogue, 34 x 27 cm, gamma 2.2, RGB with a preferred timing, sRGB primaries.
    block.extend([0x08, 34, 27, 0x78, 0x0A, 0xEE, 0x91, 0xA3, 0x54, 0x4C, 0x99, 0x26, 0x0F, 0x50, 0x54]);
    // Established: 640x480, 800x600, 1024x768 at 60 Hz; standard: 1280x1024, 1600x1200.
    block.extend([0x21, 0x08, 0, 0x81, 0x80, 0xA9, 0x40]);
    block.extend([1; 12]);
    // 65 MHz, 1024 + 320, 768 + 38, sync 24/136 and 3/6.
    block.extend([0x64, 0x19, 0, 0x40, 0x41, 0, 0x26, 0x30, 24, 136, 0x36, 0, 0x54, 0x0E, 0x11, 0, 0, 0x18]);
    block.extend(b"\0\0\0\xFC\0rewind86\n    ");
    // 50-75 Hz, 30-80 kHz, up to 170 MHz.
    block.extend([0, 0, 0, 0xFD, 0, 50, 75, 30, 80, 17, 0, 0x0A, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20]);
    block.extend([0, 0, 0, 0x10, 0]);
    block.resize(127, 0);
    let sum = block.iter().fold(0u8, |sum, b| sum.wrapping_add(*b));
    block.push(sum.wrapping_neg());
    match block.try_into() {
        Ok(block) => block,
        Err(_) => panic!("an EDID block has 128 bytes"),
    }
}

fn tables(a: &mut Asm16) {
    a.label("vbe_functions");
    for name in FUNCTIONS {
        a.dw_at(name);
    }
    a.label("vbe_modes");
    for (number, width, height, bits) in MODES {
        a.dw(&[number, width, height, u16::from(bits)]);
    }
    a.label("vbe_modes_end");
    a.label("vbe_list");
    for (number, ..) in MODES {
        a.dw(&[number]);
    }
    a.dw(&[0xFFFF]);
    a.label("vbe_formats");
    for format in FORMATS {
        a.db(&format);
    }
    for (label, text) in [
        ("vbe_oem", "rewind86 VGA BIOS"),
        ("vbe_vendor", "rewind86"),
        ("vbe_product", "VGA with Bochs display interface"),
        ("vbe_revision", "1.0"),
    ] {
        a.label(label);
        a.asciz(text);
    }
    // The window function is called as a far pointer into the ROM's segment.
    assert_eq!(ROM_SEG, 0xC000);
}
