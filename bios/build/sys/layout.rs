//! Where the firmware keeps things: BIOS data area, extended BIOS data area, the register frame of a service, ports.
//!
//! BDA fields as in the IBM PC AT Technical Reference (1985), section 5, and Ralf Brown's MEMORY.LST, segment 0040h.
//! The EBDA is one kilobyte at 9FC00h; its first fields (size, mouse, fixed disk tables) have the offsets that PS/2
//! machines use.

#![allow(dead_code)]

use crate::asm16::Asm16;

/// The segment the firmware runs in.
pub const BIOS_SEG: u16 = 0xF000;
/// Segment of the BIOS data area.
pub const BDA_SEG: i32 = 0x40;
/// Segment of the EBDA when POST ends.
pub const EBDA_SEG: i32 = 0x9FC0;
/// Physical address of the EBDA.
pub const EBDA_BASE: u32 = 0x9FC00;

// BIOS data area, offsets in segment 40h.
pub const COM_PORTS: i32 = 0x00;
pub const LPT_PORTS: i32 = 0x08;
pub const EBDA_PTR: i32 = 0x0E;
pub const EQUIPMENT: i32 = 0x10;
pub const MEM_SIZE: i32 = 0x13;
pub const KBD_FLAGS: i32 = 0x17;
pub const KBD_FLAGS2: i32 = 0x18;
pub const KBD_ALT: i32 = 0x19;
pub const KBD_HEAD: i32 = 0x1A;
pub const KBD_TAIL: i32 = 0x1C;
pub const KBD_BUFFER: i32 = 0x1E;
pub const FLOPPY_RECAL: i32 = 0x3E;
pub const FLOPPY_MOTOR: i32 = 0x3F;
pub const FLOPPY_COUNT: i32 = 0x40;
pub const FLOPPY_STATUS: i32 = 0x41;
pub const FLOPPY_RESULT: i32 = 0x42;
pub const VIDEO_MODE: i32 = 0x49;
pub const VIDEO_COLS: i32 = 0x4A;
pub const VIDEO_PAGE: i32 = 0x62;
pub const JUMP_PTR: i32 = 0x67;
pub const TICKS: i32 = 0x6C;
pub const MIDNIGHT: i32 = 0x70;
pub const BREAK_FLAG: i32 = 0x71;
pub const RESET_FLAG: i32 = 0x72;
pub const DISK_STATUS: i32 = 0x74;
pub const DISK_COUNT: i32 = 0x75;
pub const LPT_TIMEOUT: i32 = 0x78;
pub const COM_TIMEOUT: i32 = 0x7C;
pub const KBD_START: i32 = 0x80;
pub const KBD_END: i32 = 0x82;
pub const VIDEO_ROWS: i32 = 0x84;
pub const FLOPPY_RATE: i32 = 0x8B;
pub const DISK_IRQ: i32 = 0x8E;
pub const FLOPPY_INFO: i32 = 0x8F;
pub const FLOPPY_MEDIA: i32 = 0x90;
pub const FLOPPY_TRACK: i32 = 0x94;
pub const KBD_MODE: i32 = 0x96;
pub const KBD_LEDS: i32 = 0x97;
pub const WAIT_PTR: i32 = 0x98;
pub const WAIT_COUNT: i32 = 0x9C;
pub const WAIT_ACTIVE: i32 = 0xA0;

// Extended BIOS data area.
pub const E_MOUSE_OFF: i32 = 0x22;
pub const E_MOUSE_SEG: i32 = 0x24;
/// Bits 2-0: index of the next packet byte; bit 5: acknowledge seen; bit 6: resend seen.
pub const E_MOUSE_FLAG1: i32 = 0x26;
/// Bits 2-0: packet length less one; bit 7: a handler is installed.
pub const E_MOUSE_FLAG2: i32 = 0x27;
pub const E_MOUSE_DATA: i32 = 0x28;
pub const E_FDPT0: i32 = 0x3D;
pub const E_FDPT1: i32 = 0x4D;
/// Top of RAM below 4 GiB (dword).
pub const E_RAM_TOP: i32 = 0x5D;
/// Hard disks and CD-ROM drives found, and the drive-table index of each.
pub const E_DISKS: i32 = 0x61;
pub const E_CDS: i32 = 0x62;
pub const E_DISK_MAP: i32 = 0x63;
pub const E_CD_MAP: i32 = 0x67;
/// Number of entries at `E_E820`.
pub const E_E820_COUNT: i32 = 0x6B;
/// Next position of the boot order to try; 0 is the choice of the boot menu.
pub const E_BOOT_NEXT: i32 = 0x6C;
/// Device chosen in the boot menu (0: none): kind in bits 3-0, number in bits 7-4.
pub const E_BOOT_CHOICE: i32 = 0x6D;
/// Is the PIIX4's power management function there?
pub const E_PM_FOUND: i32 = 0x6E;
/// Is a PS/2 pointing device there?
pub const E_MOUSE_PRESENT: i32 = 0x6F;
// El Torito emulation, 32 bytes.
pub const E_EMU_ACTIVE: i32 = 0x70;
pub const E_EMU_MEDIA: i32 = 0x71;
pub const E_EMU_DRIVE: i32 = 0x72;
/// Drive-table index of the CD-ROM.
pub const E_EMU_INDEX: i32 = 0x73;
pub const E_EMU_LBA: i32 = 0x74;
pub const E_EMU_LOAD_SEG: i32 = 0x78;
pub const E_EMU_COUNT: i32 = 0x7A;
pub const E_EMU_SPEC: i32 = 0x7C;
pub const E_EMU_CYLS: i32 = 0x7E;
pub const E_EMU_HEADS: i32 = 0x80;
pub const E_EMU_SPT: i32 = 0x82;
/// PCI allocation cursors while POST runs: next I/O port, next memory address.
pub const E_PCI_IO: i32 = 0x84;
pub const E_PCI_MEM: i32 = 0x88;
/// The drive table: four entries of `DRIVE_SIZE` bytes.
pub const E_DRIVES: i32 = 0x90;
/// The memory map: entries of 20 bytes.
pub const E_E820: i32 = 0x110;
/// What an ATAPI read passes over and takes, in words; the packet.
pub const E_SKIP: i32 = 0x190;
pub const E_WANT: i32 = 0x194;
pub const E_PACKET: i32 = 0x198;
/// APM: bit 0 a connection exists.
pub const E_APM: i32 = 0x1B0;
/// PCI address (bus, devfn) of the device whose option ROM is called.
pub const E_ROM_DEV: i32 = 0x1B4;
/// The request to a disk: block address (8 bytes) and blocks left.
pub const E_LBA: i32 = 0x1B6;
pub const E_COUNT: i32 = 0x1BE;
/// The ACPI firmware control structure, 64 bytes, aligned to 64.
pub const E_FACS: i32 = 0x1C0;
/// A buffer of one sector.
pub const E_BUFFER: i32 = 0x200;

// Entries of the drive table.
pub const DRIVE_SIZE: i32 = 32;
/// 0 none, 1 ATA, 2 ATAPI.
pub const D_TYPE: i32 = 0;
/// Bit 0: LBA, bit 1: LBA48.
pub const D_FLAGS: i32 = 1;
pub const D_BASE: i32 = 2;
pub const D_CTRL: i32 = 4;
/// A0h or B0h: device select.
pub const D_SELECT: i32 = 6;
pub const D_IRQ: i32 = 7;
pub const D_PCYLS: i32 = 8;
pub const D_PHEADS: i32 = 10;
pub const D_PSPT: i32 = 12;
pub const D_CYLS: i32 = 14;
pub const D_HEADS: i32 = 16;
pub const D_SPT: i32 = 18;
pub const D_SECTORS: i32 = 20;
pub const D_BLOCK: i32 = 28;
/// Bits 0: primary or secondary channel, bit 1: master or slave.
pub const D_UNIT: i32 = 30;

// The frame that `enter` builds: the caller's registers as [bp + R_x].
pub const R_ES: i32 = 0;
pub const R_DS: i32 = 2;
pub const R_DI: i32 = 4;
pub const R_SI: i32 = 8;
pub const R_BP: i32 = 12;
pub const R_BX: i32 = 20;
pub const R_DX: i32 = 24;
pub const R_CX: i32 = 28;
pub const R_AX: i32 = 32;
pub const R_BL: i32 = 20;
pub const R_BH: i32 = 21;
pub const R_DL: i32 = 24;
pub const R_DH: i32 = 25;
pub const R_CL: i32 = 28;
pub const R_CH: i32 = 29;
pub const R_AL: i32 = 32;
pub const R_AH: i32 = 33;
pub const R_IP: i32 = 36;
pub const R_CS: i32 = 38;
pub const R_FLAGS: i32 = 40;

/// Carry and zero in FLAGS.
pub const CF: i32 = 1;
pub const ZF: i32 = 0x40;

/// Saves every register and points DS at the BDA; registers other than BP and DS keep the caller's values.
pub fn enter(a: &mut Asm16) {
    use iced_x86::code_asm::registers::*;
    asm!(a;
        pushad; push ds; push es;
        mov     bp, sp;
        push    BDA_SEG; pop ds;
        cld;
    );
}

/// Restores what `enter` saved.
pub fn leave(a: &mut Asm16) {
    use iced_x86::code_asm::registers::*;
    asm!(a; pop es; pop ds; popad; );
}
