//! Assembles what the crate embeds into `OUT_DIR`: `bios.bin`, `vga.bin` and `demo.img`.

#[macro_use]
#[path = "build/asm16.rs"]
#[allow(dead_code)]
mod asm16;
#[path = "build/demo/mod.rs"]
mod demo;
#[path = "build/sys/mod.rs"]
mod sys;
#[path = "build/vga/mod.rs"]
mod vga;

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    // The VGA BIOS and the demo disk are each one function `image() -> Vec<u8>` of a module under build/.
    let (bios, map) = sys::image(&vga::font::font(8));
    write("bios.bin", &bios);
    write("bios.map", map.as_bytes());
    let (vga, map) = vga::image();
    write("vga.bin", &vga);
    write("vga.map", map.as_bytes());
    write("demo.img", &demo::image());
}

fn write(name: &str, bytes: &[u8]) {
    let Some(dir) = std::env::var_os("OUT_DIR") else { panic!("cargo sets OUT_DIR") };
    let path = PathBuf::from(dir).join(name);
    if let Err(e) = std::fs::write(&path, bytes) {
        panic!("{}: {e}", path.display());
    }
}
