//! The Linux x86 boot protocol, versions 2.00 to 2.15 (Documentation/arch/x86/boot.rst), entered at its real-mode entry
//! so that the kernel's own setup code asks the firmware for memory, video and disks.
//!
//! Places, as the protocol's memory layout asks for:
//! ```text
//!            bzImage, 2.02 and later   zImage, or before 2.02
//! setup      10000h                    90000h
//! command    20000h                    below 9A000h
//! kernel     100000h                   10000h (zImage), 100000h
//! initrd     as high as initrd_addr_max and the RAM allow, page-aligned
//! ```
//! Not modelled: the 32-bit, 64-bit and EFI handover entries; `setup_data`.

use super::{MIB, Piece, Refused, TOP_RESERVE, le16, le32, le64, put};

/// Offsets of the setup header, from the start of the file.
mod field {
    pub const SETUP_SECTS: usize = 0x1F1;
    pub const SYSSIZE: usize = 0x1F4;
    pub const VID_MODE: usize = 0x1FA;
    pub const BOOT_FLAG: usize = 0x1FE;
    pub const MAGIC: usize = 0x202;
    pub const VERSION: usize = 0x206;
    pub const TYPE_OF_LOADER: usize = 0x210;
    pub const LOADFLAGS: usize = 0x211;
    pub const SETUP_MOVE_SIZE: usize = 0x212;
    pub const RAMDISK_IMAGE: usize = 0x218;
    pub const RAMDISK_SIZE: usize = 0x21C;
    pub const HEAP_END_PTR: usize = 0x224;
    pub const CMD_LINE_PTR: usize = 0x228;
    pub const INITRD_ADDR_MAX: usize = 0x22C;
    pub const RELOCATABLE: usize = 0x234;
    pub const CMDLINE_SIZE: usize = 0x238;
    pub const PREF_ADDRESS: usize = 0x258;
    pub const INIT_SIZE: usize = 0x260;
    /// Command line of versions before 2.02, in the boot sector: magic and offset.
    pub const OLD_CL_MAGIC: usize = 0x20;
    pub const OLD_CL_OFFSET: usize = 0x22;
}

/// `loadflags`: the kernel is loaded at 1 MiB.
const LOADED_HIGH: u8 = 0x01;
/// `loadflags`: `heap_end_ptr` is valid.
const CAN_USE_HEAP: u8 = 0x80;
const OLD_CL_MAGIC: u16 = 0xA33F;
/// `type_of_loader` of a loader without a number of its own.
const LOADER_UNDEFINED: u8 = 0xFF;
/// `initrd_addr_max` before version 2.03.
const OLD_INITRD_MAX: u64 = 0x37FF_FFFF;
/// Command line length before version 2.06.
const OLD_CMDLINE_SIZE: usize = 255;
/// The end of the command line of old kernels; the BIOS data area of some machines follows.
const OLD_CMDLINE_END: u64 = 0x9A000;
/// Sectors of setup code when the field says 0.
const DEFAULT_SETUP_SECTS: usize = 4;
const SECTOR: usize = 512;
/// Largest setup code.
const MAX_SETUP: usize = 0x8000;
/// Largest command line that fits below the heap and stack of the setup code.
const MAX_CMDLINE: usize = 0xFFFF;

/// A kernel with its pieces placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinuxKernel {
    /// Setup, command line, kernel, initial RAM disk.
    pub pieces: Vec<Piece>,
    /// Real-mode segment of the setup code; the entry is at this segment + 20h, offset 0.
    pub segment: u16,
    /// SP in that segment.
    pub stack: u16,
}

/// Whether `image` has a Linux setup header.
pub fn is_linux(image: &[u8]) -> bool {
    le16(image, field::BOOT_FLAG) == Some(0xAA55) && image.get(field::MAGIC..field::MAGIC + 4) == Some(b"HdrS")
}

/// Places the kernel, its command line and `initrd` (empty: none).
///
/// # Errors
/// [`Refused`] when the header is damaged or something does not fit.
pub fn plan(image: &[u8], initrd: Vec<u8>, append: &str, ram_below_4g: u64) -> Result<LinuxKernel, Refused> {
    let truncated = || Refused::damaged("the setup header is cut off");
    let version = le16(image, field::VERSION).ok_or_else(truncated)?;
    let loadflags = *image.get(field::LOADFLAGS).ok_or_else(truncated)?;
    let high = loadflags & LOADED_HIGH != 0;
    let sects = match image.get(field::SETUP_SECTS).ok_or_else(truncated)? {
        0 => DEFAULT_SETUP_SECTS,
        &n => usize::from(n),
    };
    let setup_len = (sects + 1) * SECTOR;
    if setup_len > MAX_SETUP {
        return Err(Refused::damaged("its setup code is larger than 32 KiB"));
    }
    let (Some(setup), Some(kernel)) = (image.get(..setup_len), image.get(setup_len..)) else {
        return Err(Refused::damaged("it ends inside its setup code"));
    };
    if kernel.is_empty() {
        return Err(Refused::damaged("it ends after its setup code"));
    }
    // In paragraphs, so the last one need not be whole; before version 2.04 only 16 bits of it meant something.
    let paragraphs = if version >= 0x204 { le32(setup, field::SYSSIZE).unwrap_or(0) } else { 0 };
    if kernel.len().div_ceil(16) < paragraphs as usize {
        let missing = u64::from(paragraphs) * 16 - kernel.len() as u64;
        return Err(Refused::damaged(&format!("the last {missing} bytes that its header promises are missing")));
    }

    let mut command = append.as_bytes().to_vec();
    let limit = match le32(setup, field::CMDLINE_SIZE) {
        Some(n) if version >= 0x206 && n != 0 => (n as usize).min(MAX_CMDLINE),
        _ => OLD_CMDLINE_SIZE,
    };
    if command.len() > limit {
        return Err(Refused::new(
            format!("takes a command line of at most {limit} bytes, --append has {}", command.len()),
            "shorten it",
        ));
    }
    command.push(0);

    let new_style = high && version >= 0x202;
    let (setup_at, command_at) =
        if new_style { (0x10000, 0x20000) } else { (0x90000, (OLD_CMDLINE_END - command.len() as u64) & !15) };
    let kernel_at = if high { MIB } else { 0x10000 };
    let kernel_end = kernel_at + kernel.len() as u64;
    if !high && kernel_end > setup_at {
        return Err(Refused::damaged("a zImage larger than 512 KiB"));
    }
    let ram_end = ram_below_4g.saturating_sub(TOP_RESERVE);
    let needed_end = runtime_end(setup, version, high).max(kernel_end);
    if high && needed_end > ram_end {
        return Err(Refused::new(
            format!("needs memory up to {} MiB", needed_end.div_ceil(MIB) + TOP_RESERVE / MIB),
            "give the machine more with --memory",
        ));
    }

    let mut setup = setup.to_vec();
    let mut pieces = Vec::new();
    put(&mut setup, field::TYPE_OF_LOADER, &[LOADER_UNDEFINED]);
    if let Some(mode) = vga_mode(append) {
        put(&mut setup, field::VID_MODE, &mode.to_le_bytes());
    }
    let stack = (command_at - setup_at).min(0xFFF0) as u16 & !15;
    if version >= 0x201 {
        put(&mut setup, field::LOADFLAGS, &[loadflags | CAN_USE_HEAP]);
        put(&mut setup, field::HEAP_END_PTR, &(stack - 0x200).to_le_bytes());
    }
    if version >= 0x202 {
        put(&mut setup, field::CMD_LINE_PTR, &(command_at as u32).to_le_bytes());
    } else {
        put(&mut setup, field::OLD_CL_MAGIC, &OLD_CL_MAGIC.to_le_bytes());
        put(&mut setup, field::OLD_CL_OFFSET, &((command_at - setup_at) as u16).to_le_bytes());
        put(&mut setup, field::SETUP_MOVE_SIZE, &((OLD_CMDLINE_END - setup_at) as u16).to_le_bytes());
    }
    if !initrd.is_empty() {
        let max = match le32(&setup, field::INITRD_ADDR_MAX) {
            Some(max) if version >= 0x203 && max != 0 => u64::from(max),
            _ => OLD_INITRD_MAX,
        };
        let end = (max + 1).min(ram_end);
        let at = end.checked_sub(initrd.len() as u64).map(|a| a & !0xFFF).filter(|&a| a >= needed_end.max(MIB));
        let Some(at) = at else {
            return Err(Refused::new(
                format!("and an initial RAM disk of {} MiB do not fit", (initrd.len() as u64).div_ceil(MIB)),
                "give the machine more memory with --memory",
            ));
        };
        put(&mut setup, field::RAMDISK_IMAGE, &(at as u32).to_le_bytes());
        put(&mut setup, field::RAMDISK_SIZE, &(initrd.len() as u32).to_le_bytes());
        pieces.push(Piece::new(at, initrd));
    }
    pieces.push(Piece::new(setup_at, setup));
    pieces.push(Piece::new(command_at, command));
    pieces.push(Piece::new(kernel_at, kernel.to_vec()));
    Ok(LinuxKernel { pieces, segment: (setup_at >> 4) as u16, stack })
}

/// The end of the memory that the kernel uses before it can read a memory map (version 2.10 and later say so).
fn runtime_end(setup: &[u8], version: u16, high: bool) -> u64 {
    if !high || version < 0x20A {
        return 0;
    }
    let relocatable = setup.get(field::RELOCATABLE).is_some_and(|&r| r != 0);
    let preferred = le64(setup, field::PREF_ADDRESS).unwrap_or(MIB);
    let start = if relocatable { preferred.max(MIB) } else { preferred };
    start.saturating_add(u64::from(le32(setup, field::INIT_SIZE).unwrap_or(0)))
}

/// The video mode that `vga=` of the command line asks for; it is for the boot loader to obey.
fn vga_mode(append: &str) -> Option<u16> {
    let value = append.split_whitespace().rev().find_map(|w| w.strip_prefix("vga="))?;
    match value {
        "normal" => Some(0xFFFF),
        "ext" => Some(0xFFFE),
        "ask" => Some(0xFFFD),
        _ => match value.strip_prefix("0x") {
            Some(hex) => u16::from_str_radix(hex, 16).ok(),
            None => value.parse().ok(),
        },
    }
}
