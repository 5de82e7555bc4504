//! The system BIOS: 64 KiB for the F segment, by service.

mod acpi;
mod aml;
mod ata;
mod atapi;
mod boot;
mod chipset;
mod dsdt;
mod edd;
mod eltorito;
mod floppy;
mod int13;
mod int13_disk;
mod int13_floppy;
mod int15;
mod int16;
mod kbc;
mod kbd;
mod keymap;
mod layout;
mod memory;
mod mouse;
mod pci;
mod pciinit;
mod post;
mod print;
mod serial;
mod timer;
mod vectors;

use crate::asm16::{Asm16, assemble_with_map};

/// The system BIOS image and its label map. `font`: 8x8 glyphs, of which the first 128 get their place at FA6Eh.
pub fn image(font: &[u8]) -> (Vec<u8>, String) {
    let low = font.get(..128 * 8).unwrap_or(font);
    assemble_with_map(0x10000, 0xFF, |a: &mut Asm16| {
        // From the segment's start up to the fixed entry points at E000h.
        a.org(0);
        acpi::emit(a);
        pci::emit(a);
        post::emit(a);
        chipset::emit(a);
        kbc::emit(a);
        pciinit::emit(a);
        print::emit(a);
        memory::emit(a);
        timer::emit(a);
        int15::emit(a);
        mouse::emit(a);
        kbd::emit(a);
        int16::emit(a);
        serial::emit(a);
        int13::emit(a);
        floppy::emit(a);
        int13_floppy::emit(a);
        ata::emit(a);
        int13_disk::emit(a);
        edd::emit(a);
        atapi::emit(a);
        eltorito::emit(a);
        boot::emit(a);
        vectors::emit(a);
        a.org(0xFA6E);
        a.db(low);
    })
}
