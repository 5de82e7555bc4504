//! The VGA BIOS: an option ROM for C0000h with INT 10h, three fonts and VBE 3.0 on the Bochs display interface.
//!
//! IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 10h"; Ralf Brown's interrupt list; VESA VBE Core Functions
//! Standard 3.0. One file per group of functions. Every service runs with DS = 40h, SS:BP at the caller's
//! registers and `LOCALS` bytes below them (see `layout.rs`); services change the caller's registers only there.
//!
//! Not offered: light pen (AH=04h answers "not triggered") and the dynamic parameter save area.

mod character;
mod cursor;
pub mod font;
mod fonts;
mod glyph;
mod info;
mod layout;
mod mode;
mod palette;
mod pixel;
mod scroll;
mod state;
mod tables;
mod vbe;
mod vbepm;

use crate::asm16::*;
use iced_x86::code_asm::registers::*;
use layout::*;

/// Size of the ROM.
const SIZE: usize = 0x8000;

/// Handlers of AH = 0 to 1Ch.
const FUNCTIONS: [&str; 0x1D] = [
    "set_mode_call",
    "set_cursor_shape",
    "set_cursor_call",
    "get_cursor",
    "light_pen",
    "set_page_call",
    "scroll_call",
    "scroll_call",
    "read_char",
    "write_char_attr",
    "write_char",
    "set_palette_cga",
    "write_pixel",
    "read_pixel",
    "teletype_call",
    "get_mode",
    "palette_call",
    "font_call",
    "select_call",
    "write_string",
    "unsupported",
    "unsupported",
    "unsupported",
    "unsupported",
    "unsupported",
    "unsupported",
    "display_code",
    "state_info",
    "save_restore",
];

/// The ROM image and the listing of its labels.
pub fn image() -> (Vec<u8>, String) {
    assemble_with_map(SIZE, 0, |a: &mut Asm16| {
        header(a);
        init(a);
        dispatch(a);
        mode::emit(a);
        cursor::emit(a);
        scroll::emit(a);
        character::emit(a);
        glyph::emit(a);
        pixel::emit(a);
        palette::emit(a);
        fonts::emit(a);
        info::emit(a);
        state::emit(a);
        vbe::emit(a);
        vbepm::emit(a);
        tables::emit(a);
        for (label, height) in [("font8", 8), ("font14", 14), ("font16", 16)] {
            a.label(label);
            a.db(&font::font(height));
        }
        a.checksum(0, SIZE, 6);
    })
}

/// Option ROM header, and the PCI data structure (PCI 2.1, section 6.3.1.2).
fn header(a: &mut Asm16) {
    a.db(&[0x55, 0xAA, (SIZE / 512) as u8]);
    a.jmp_near("init");
    // The checksum byte is at 6.
    a.org(0x18);
    a.dw_at("pci_data");
    a.org(0x1E);
    // Where programs look for a VGA BIOS.
    a.db(b"IBM VGA compatible BIOS\0");
    a.label("pci_data");
    a.db(b"PCIR");
    a.dw(&[0x1234, 0x1111, 0, 0x18]);
    a.db(&[0, 0, 0, 3]);
    a.dw(&[(SIZE / 512) as u16, 1]);
    a.db(&[0, 0x80]);
    a.dw(&[0]);
}

/// Called once by the system BIOS: takes the vectors over and sets text mode.
fn init(a: &mut Asm16) {
    asm!(a;
        label   "init";
        pushf;
        cli;
        cld;
        pushad;
        push    ds;
        push    es;
        xor     ax, ax;
        mov     ds, ax;
        // The system BIOS's own INT 10h stays reachable as INT 42h.
        mov     eax, d(VECTOR_10);
        mov     d(VECTOR_42), eax;
        mov     w(VECTOR_10), a.at("int10");
        mov     w(VECTOR_10 + 2), cs;
        mov     w(VECTOR_6D), a.at("int10");
        mov     w(VECTOR_6D + 2), cs;
        mov     w(VECTOR_1F), a.at("font8") + 0x400;
        mov     w(VECTOR_1F + 2), cs;
        mov     w(VECTOR_43), a.at("font8");
        mov     w(VECTOR_43 + 2), cs;
        push    0x40;
        pop     ds;
        mov     b(CONTROL), 0x60;
        mov     b(SWITCHES), 0xF9;
        mov     b(FLAGS), 0x11;
        mov     b(DCC_INDEX), 8;
        mov     w(VBE_MODE), 0;
        mov     w(SAVE_PTR), a.at("save_table");
        mov     w(SAVE_PTR + 2), cs;
        // The adapter on, colour addresses, memory on.
        mov     dx, 0x3C3;
        mov     al, 1;
        out     dx, al;
        mov     dx, DAC_MASK;
        mov     al, 0xFF;
        out     dx, al;
        mov     ax, 3;
        int     0x10;
        pop     es;
        pop     ds;
        popad;
        popf;
        retf;
    );
}

fn dispatch(a: &mut Asm16) {
    asm!(a;
        label   "int10";
        sti;
        cld;
        push    ds;
        push    es;
        pushad;
        mov     bp, sp;
        sub     sp, LOCALS;
        push    0x40;
        pop     ds;
        cmp     ah, 0x4F;
        je      ".vbe";
        cmp     ah, FUNCTIONS.len() as i32;
        jae     ".done";
        call    "get_class";
        movzx   si, ah;
        add     si, si;
        call    w(si + a.at("functions")).cs();
        label   ".done";
        mov     sp, bp;
        popad;
        pop     es;
        pop     ds;
        iret;
        label   ".vbe";
        call    "vbe_call";
        jmp     ".done";

        label   "unsupported";
        ret;
        label   "functions";
    );
    for name in FUNCTIONS {
        a.dw_at(name);
    }
    asm!(a;
        // Sets the local for the kind of memory of the present mode. Keeps every register.
        label   "get_class";
        push    bx;
        movzx   bx, b(MODE);
        cmp     bl, MODE_PACKED;
        je      ".packed";
        cmp     bl, MODE_PLANAR;
        je      ".planar";
        cmp     bl, 0x13;
        ja      ".text";
        mov     bl, b(bx + a.at("mode_class")).cs();
        label   ".set";
        mov     b(bp + L_CLASS), bl;
        pop     bx;
        ret;
        label   ".packed";
        mov     bl, CLASS_PACKED;
        jmp     ".set";
        label   ".planar";
        mov     bl, CLASS_PLANAR;
        jmp     ".set";
        label   ".text";
        mov     bl, CLASS_TEXT;
        jmp     ".set";

        // AL: CRTC register, AH: value.
        label   "crtc_set";
        push    dx;
        mov     dx, w(CRTC_BASE);
        out     dx, al;
        inc     dx;
        xchg    al, ah;
        out     dx, al;
        xchg    al, ah;
        pop     dx;
        ret;
        // AL: CRTC register. Gives AL = value.
        label   "crtc_get";
        push    dx;
        mov     dx, w(CRTC_BASE);
        out     dx, al;
        inc     dx;
        in_     al, dx;
        pop     dx;
        ret;
        // ES = the text memory's segment.
        label   "text_segment";
        push    ax;
        mov     ax, 0xB800;
        cmp     b(MODE), 7;
        jne     ".set";
        mov     ah, 0xB0;
        label   ".set";
        mov     es, ax;
        pop     ax;
        ret;
    );
}
