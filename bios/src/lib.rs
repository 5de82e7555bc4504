//! The firmware of the machine, assembled from source at build time (see `build.rs` and `build/`).

#![forbid(unsafe_code)]

/// The system BIOS: 64 KiB that end at 1 MiB and again at 4 GiB.
pub static BIOS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bios.bin"));

/// The VGA BIOS: an option ROM for C0000h.
pub static VGA_BIOS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/vga.bin"));

/// A bootable floppy that shows the machine at work.
pub static DEMO_DISK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/demo.img"));

#[cfg(test)]
#[macro_use]
#[path = "../build/asm16.rs"]
#[allow(dead_code)]
mod asm16;
#[cfg(test)]
mod asm16_tests;
#[cfg(test)]
mod tests;
