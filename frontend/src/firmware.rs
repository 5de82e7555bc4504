//! `rewind86 firmware`: writes the firmware and the demo disk that the program carries as files, for other PC emulators.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use crate::status::{Failure, io_reason};

/// What is written: name, content, what it is.
const FILES: [(&str, &[u8], &str); 3] = [
    ("rewind86-bios.bin", rewind86_bios::BIOS, "system BIOS, 64 KiB: qemu-system-i386 -bios, Bochs romimage"),
    ("rewind86-vgabios.bin", rewind86_bios::VGA_BIOS, "VGA BIOS: an option ROM for C0000h, Bochs vgaromimage"),
    ("rewind86-demo.img", rewind86_bios::DEMO_DISK, "demo disk: a bootable floppy"),
];

/// Writes the files into `folder`; files that are there are left alone. The text says what they are.
pub fn write(folder: &Path) -> Result<String, Failure> {
    let mut out = String::new();
    std::fs::create_dir_all(folder)
        .map_err(|e| Failure::host(format!("cannot make the folder {}: {}", folder.display(), io_reason(&e))))?;
    for (name, bytes, about) in FILES {
        let path = folder.join(name);
        let failed = |e: std::io::Error| {
            let advice = match e.kind() {
                std::io::ErrorKind::AlreadyExists => "; remove it or name another folder",
                _ => "",
            };
            Failure::host(format!("cannot write {}: {}{advice}", path.display(), io_reason(&e)))
        };
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        out.push_str(&format!("{}  {about}\n", path.display()));
    }
    Ok(out)
}
