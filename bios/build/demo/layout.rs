//! Where the demo program keeps things.
//!
//! The program is one segment, CS = DS = SS: code and constants from 0, variables from [`VARS`] (cleared at the start), the
//! stack below FFF0h. Segments above it are scratch memory.

#![allow(dead_code)]

/// Segment of the program: physical 10000h, so that no track read crosses a 64 KiB boundary.
pub const PROGRAM: u16 = 0x1000;
/// Scratch segment of 64 KiB: a picture of 320x200 before it is shown.
pub const BUFFER: i32 = 0x2000;
/// Colour text memory.
pub const TEXT: i32 = 0xB800;
/// Graphics memory.
pub const GRAPHICS: i32 = 0xA000;
/// The stack's top.
pub const STACK: i32 = 0xFFF0;

/// At offset 4 of the program: the boot sector checks that it has read the right thing.
pub const START_MAGIC: [u8; 4] = *b"RW86";
/// The last four bytes of the program.
pub const END_MAGIC: [u8; 4] = *b"END.";

/// Divisor of PIT channel 0: four interrupts for one of the BIOS's.
pub const DIVISOR: i32 = 0x4000;
/// Interrupts a second, nearly (1193182 / 16384 = 72.8).
pub const HZ: i32 = 73;
/// No key for this many ticks: the attract mode begins.
pub const IDLE_TICKS: i32 = 20 * HZ;

/// Offset of the variables.
pub const VARS: i32 = 0xC000;

/// Gives each name the offset after the one before it.
macro_rules! variables {
    (@at $at:expr;) => {
        /// The end of the variables.
        pub const VARS_END: i32 = $at;
    };
    (@at $at:expr; $(#[$doc:meta])* $name:ident $size:expr; $($rest:tt)*) => {
        $(#[$doc])*
        pub const $name: i32 = $at;
        variables! { @at $name + $size; $($rest)* }
    };
}

variables! { @at VARS;
    // Runtime.
    /// Timer interrupts since the start.
    TICKS 4;
    /// The next frame is due after this tick.
    LAST_FRAME 4;
    /// Tick of the last key.
    LAST_KEY 4;
    /// Attract mode: the page ends at this tick.
    DEADLINE 4;
    /// The page began at this tick.
    PAGE_START 4;
    /// The BIOS's INT 8.
    OLD_INT8 4;
    /// The BIOS's INT 15h.
    OLD_INT15 4;
    /// 8x8 characters 0-127.
    FONT8 4;
    /// Interrupts until the BIOS gets one.
    CHAIN 2;
    /// Not zero: pages run by themselves.
    ATTRACT 2;
    /// Colour of text output.
    ATTR 2;
    BOOT_DRIVE 2;
    /// Pseudo-random numbers.
    SEED 4;

    // Facts.
    /// The largest standard CPUID leaf plus one; 0: there is no CPUID.
    CPUID_LEAVES 4;
    CPU_VENDOR 14;
    CPU_BRAND 50;
    CPU_SIGNATURE 4;
    CPU_FEATURES 4;
    /// 3 or 4 (hundred and eighty-six) where CPUID is missing.
    CPU_CLASS 2;
    /// KiB of memory that the map calls usable.
    MEMORY_KIB 4;
    /// Which service told it: 20h, 01h, 88h.
    MEMORY_BY 2;
    MAP_ENTRY 24;
    VBE_VERSION 2;
    /// In units of 64 KiB.
    VBE_MEMORY 2;
    PCI_VERSION 2;
    PCI_THERE 2;
    MOUSE_THERE 2;
    /// The time-stamp counter at a tick, and the tick.
    TSC_THEN 8;
    TSC_TICK 4;
    /// Tenths of a megahertz.
    TSC_RATE 4;
    /// Moves the colours of the title.
    TICKS_SLOW 2;

    // Menu.
    MENU 2;
    MENU_ITEM 2;
    MENU_KEPT 2;

    // Effects: counters that each page uses as it likes.
    T0 2; T1 2; T2 2; T3 2; T4 2; T5 2;
    ROWS 336;
    LINE_X0 2; LINE_Y0 2; LINE_X1 2; LINE_Y1 2;
    LINE_DX 2; LINE_DY 2; LINE_SX 2; LINE_SY 2;
    /// Corners of the polygon: x, y, vx, vy.
    POLY 32;
    /// Former polygons: four corners (x, y) and a colour.
    POLY_PAST 20 * 16;
    POLY_NEXT 2;
    /// Offset of the page that is not shown.
    HIDDEN_PAGE 2;
    CGA_PALETTE 2;

    // Keyboard.
    /// Not zero: the scan code hook listens.
    KEY_HOOK 2;
    /// 80h after E0.
    KEY_PREFIX 1;
    /// Codes still to be passed over after E1.
    KEY_SKIP 1;
    /// By code (+ 80h with prefix E0): is the key down?
    KEY_DOWN 256;
    /// The latest bytes.
    KEY_LOG 64;
    KEY_LOG_COUNT 2;
    KEY_ROW 2;

    // Mouse.
    MOUSE_X 2; MOUSE_Y 2; MOUSE_BUTTONS 2; MOUSE_WHEEL 2;
    MOUSE_BYTES 2; MOUSE_TYPE 2; MOUSE_PACKETS 2;
    /// Where the pointer is drawn; x FFFFh: nowhere.
    POINTER_X 2; POINTER_Y 2;
    PEN_X 2; PEN_Y 2; PEN_COLOUR 2;
    /// What the pointer covers, 12x16.
    POINTER_UNDER 192;
    /// Places of the trail's dots.
    TRAIL 128;
    TRAIL_NEXT 2;

    // Sound.
    TUNE 2; TUNE_AT 2; TUNE_LEFT 2; TUNE_PART 2; BPM 2; NOTE 2; MUTED 2; PAUSED 2; BEAT 2;
    SOUND_TICKS 4;

    // Snake.
    SNAKE_HEAD 2; SNAKE_TAIL 2; SNAKE_DIR 2; SNAKE_NEXT 2; SNAKE_GROW 2; SNAKE_FOOD 2; SNAKE_SCORE 2; SNAKE_BEST 2;
    SNAKE_SPEED 2; SNAKE_DEAD 2; SNAKE_BEEP 2; SNAKE_AUTO 2;
    BOARD 1024;
    /// Ring of 1024 cells.
    BODY 2048;
}

/// Offset in text memory of a place on an 80-column screen.
pub const fn place(row: i32, col: i32) -> i32 {
    (row * 80 + col) * 2
}
