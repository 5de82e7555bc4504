//! Names for what the VGA BIOS touches: BIOS data area, the caller's registers on the stack, locals, ports.
//!
//! IBM PS/2 and PC BIOS Interface Technical Reference, "BIOS Data Area"; Ralf Brown's MEMORY.LST, segment 0040h.

// BIOS data area, segment 40h.
/// Equipment word: bits 4-5 are the initial video mode.
pub const EQUIPMENT: i32 = 0x10;
pub const MODE: i32 = 0x49;
pub const COLS: i32 = 0x4A;
pub const PAGE_SIZE: i32 = 0x4C;
pub const PAGE_START: i32 = 0x4E;
pub const CURSOR: i32 = 0x50;
pub const CURSOR_SHAPE: i32 = 0x60;
pub const PAGE: i32 = 0x62;
pub const CRTC_BASE: i32 = 0x63;
/// What the CGA's mode register (3D8h) would hold.
pub const CGA_MODE: i32 = 0x65;
/// What the CGA's colour register (3D9h) would hold.
pub const CGA_COLOR: i32 = 0x66;
/// Rows less one.
pub const ROWS: i32 = 0x84;
/// Scan lines of a character.
pub const HEIGHT: i32 = 0x85;
/// Bit 7: the last mode set kept the memory; bits 6-5: 256 KiB; bit 0: no cursor emulation.
pub const CONTROL: i32 = 0x87;
pub const SWITCHES: i32 = 0x88;
/// Bit 4: 400 lines, bit 7: 200 lines (neither: 350), bit 3: keep palettes, bit 1: grey summing, bit 0: VGA active.
pub const FLAGS: i32 = 0x89;
/// Index into the display combination table.
pub const DCC_INDEX: i32 = 0x8A;
pub const SAVE_PTR: i32 = 0xA8;
/// The VBE mode that is set, with its flags, or 0 (same place as in other VGA BIOSes).
pub const VBE_MODE: i32 = 0xBA;

/// `MODE` in packed VBE modes, and in the planar ones.
pub const MODE_PACKED: i32 = 0x7F;
pub const MODE_PLANAR: i32 = 0x6A;

// Vectors, segment 0.
pub const VECTOR_10: i32 = 0x10 * 4;
pub const VECTOR_1F: i32 = 0x1F * 4;
pub const VECTOR_42: i32 = 0x42 * 4;
pub const VECTOR_43: i32 = 0x43 * 4;
pub const VECTOR_6D: i32 = 0x6D * 4;

// The caller's registers from BP up: PUSHAD, then ES and DS.
pub const R_DI: i32 = 0;
pub const R_BP: i32 = 8;
pub const R_BX: i32 = 16;
pub const R_BH: i32 = 17;
pub const R_DX: i32 = 20;
pub const R_CX: i32 = 24;
pub const R_AX: i32 = 28;
pub const R_AL: i32 = 28;
pub const R_ES: i32 = 32;

// Locals below BP.
pub const LOCALS: i32 = 64;
/// Kind of memory of the present mode, `CLASS_*`.
pub const L_CLASS: i32 = -1;
pub const L_COLUMN: i32 = -2;
pub const L_WIDTH: i32 = -4;
pub const L_ATTR: i32 = -5;
/// Background colour of characters in 256-colour modes.
pub const L_BACK: i32 = -6;
/// Packed VBE: foreground and background as pixels.
pub const L_FORE32: i32 = -12;
pub const L_BACK32: i32 = -16;
/// Packed VBE: bytes of a pixel, bytes of a line.
pub const L_BYTES: i32 = -18;
pub const L_PITCH: i32 = -20;
/// A character cell read back from the screen.
pub const L_CELL: i32 = -52;
/// AH=13h: the caller's AL.
pub const L_FLAGS: i32 = -53;
/// Packed VBE: the bank that is selected.
pub const L_BANK: i32 = -56;
/// The mode, for where DS is elsewhere.
pub const L_MODE: i32 = -54;

pub const CLASS_TEXT: i32 = 0;
pub const CLASS_CGA: i32 = 1;
pub const CLASS_PLANAR: i32 = 2;
pub const CLASS_LINEAR: i32 = 3;
pub const CLASS_PACKED: i32 = 4;

// Ports.
pub const ATTRIBUTE: i32 = 0x3C0;
pub const MISC_WRITE: i32 = 0x3C2;
pub const SEQUENCER: i32 = 0x3C4;
pub const DAC_MASK: i32 = 0x3C6;
pub const DAC_READ: i32 = 0x3C7;
pub const DAC_WRITE: i32 = 0x3C8;
pub const DAC_DATA: i32 = 0x3C9;
pub const MISC_READ: i32 = 0x3CC;
pub const GRAPHICS: i32 = 0x3CE;
pub const DISPI_INDEX: i32 = 0x1CE;
