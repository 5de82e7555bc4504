//! `rewind86 disk`: creating raw images and saying what an image is.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;

use crate::status::{self, Failure, io_reason};

/// Bytes of a sector.
const SECTOR: u64 = 512;

/// Creates an empty raw image; an existing file is left alone.
pub fn create(path: &Path, size: u64) -> Result<u8, Failure> {
    if size == 0 || !size.is_multiple_of(SECTOR) {
        return Err(Failure::usage(format!("disk create: the size must be a multiple of {SECTOR} bytes and not 0")));
    }
    let failed = |e: std::io::Error| Failure::host(format!("cannot create {}: {}", path.display(), io_reason(&e)));
    let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.set_len(size).map_err(|e| {
        // Not even half a disk is of use.
        let _ = std::fs::remove_file(path);
        failed(e)
    })?;
    Ok(status::OK)
}

/// What an image is, as lines of text.
pub fn info(path: &Path) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::host(format!("cannot read {}: {}", path.display(), io_reason(&e)));
    let mut file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if meta.is_dir() {
        return Err(Failure::host(format!("cannot read {}: it is a folder, not an image", path.display())));
    }
    let mut head = Vec::new();
    file.by_ref().take(0x8800).read_to_end(&mut head).map_err(failed)?;
    Ok(describe(&path.display().to_string(), meta.len(), &head))
}

fn describe(name: &str, size: u64, head: &[u8]) -> String {
    let mut out = String::new();
    let format = format(head);
    let _ = writeln!(out, "image:   {name}\nformat:  {format}\nsize:    {size} bytes ({})", readable(size));
    if format != "raw" {
        return out;
    }
    if let Some(floppy) = floppy(size) {
        let _ = writeln!(out, "floppy:  {floppy}");
    }
    if !size.is_multiple_of(SECTOR) {
        let _ = writeln!(out, "note:    not a whole number of {SECTOR}-byte sectors");
    }
    if head.get(0x8001..0x8006) == Some(b"CD001") {
        let label = head.get(0x8028..0x8048).map(|l| String::from_utf8_lossy(l).trim().to_string());
        let _ = writeln!(out, "CD-ROM:  ISO 9660, label \"{}\"", label.unwrap_or_default());
    }
    let bootable = head.get(510..512) == Some(&[0x55, 0xAA]);
    let _ = writeln!(out, "boot:    {}", if bootable { "sector 0 has a boot signature" } else { "no boot signature" });
    if bootable {
        partitions(&mut out, head, size / SECTOR);
    }
    out
}

/// The container format by its first bytes.
fn format(head: &[u8]) -> &'static str {
    let starts = |magic: &[u8]| head.starts_with(magic);
    match () {
        () if starts(b"QFI\xFB") => "qcow2",
        () if starts(b"KDMV") || starts(b"# Disk DescriptorFile") => "vmdk",
        () if starts(b"vhdxfile") => "vhdx",
        () if starts(b"conectix") => "vhd",
        () if head.get(0x40..0x44) == Some(&[0x7F, 0x10, 0xDA, 0xBE]) => "vdi",
        () if starts(&[0x1F, 0x8B]) => "gzip-compressed (unpack it first)",
        () if starts(b"\xFD7zXZ\0") => "xz-compressed (unpack it first)",
        () if starts(b"PK\x03\x04") => "zip archive (unpack it first)",
        () => "raw",
    }
}

fn readable(size: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = size as f64;
    while scaled >= 1024.0 && unit + 1 < units.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let digits = if unit == 0 || scaled.fract() == 0.0 { 0 } else { 1 };
    format!("{scaled:.digits$} {}", units[unit])
}

fn floppy(size: u64) -> Option<&'static str> {
    Some(match size {
        163_840 => "160K, 40 tracks, 1 side, 8 sectors",
        184_320 => "180K, 40 tracks, 1 side, 9 sectors",
        327_680 => "320K, 40 tracks, 2 sides, 8 sectors",
        368_640 => "360K, 40 tracks, 2 sides, 9 sectors",
        737_280 => "720K, 80 tracks, 2 sides, 9 sectors",
        1_228_800 => "1.2M, 80 tracks, 2 sides, 15 sectors",
        1_474_560 => "1.44M, 80 tracks, 2 sides, 18 sectors",
        1_720_320 => "1.68M (DMF), 80 tracks, 2 sides, 21 sectors",
        2_949_120 => "2.88M, 80 tracks, 2 sides, 36 sectors",
        _ => return None,
    })
}

/// The MBR's table, if it looks like one: a FAT boot sector has code there.
fn partitions(out: &mut String, head: &[u8], sectors: u64) {
    let entries: Vec<&[u8]> = (0..4).filter_map(|n| head.get(446 + 16 * n..462 + 16 * n)).collect();
    if entries.iter().any(|e| e[0] & 0x7F != 0) {
        return;
    }
    let word = |e: &[u8], at: usize| e.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    for (n, entry) in entries.iter().enumerate().filter(|(_, e)| e[4] != 0) {
        let (first, count) = (u64::from(word(entry, 8)), u64::from(word(entry, 12)));
        let active = if entry[0] == 0x80 { ", active" } else { "" };
        let beyond = if first + count > sectors { ", beyond the end of the image" } else { "" };
        let size = readable(count * SECTOR);
        let _ = writeln!(out, "part {}:  type {:02X}h, from sector {first}, {size}{active}{beyond}", n + 1, entry[4]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mbr(entries: &[[u8; 16]]) -> Vec<u8> {
        let mut head = vec![0; 512];
        head[446..446 + 16 * entries.len()].copy_from_slice(&entries.concat());
        head[510..].copy_from_slice(&[0x55, 0xAA]);
        head
    }

    #[test]
    fn a_partitioned_disk() {
        let entry = [0x80, 1, 1, 0, 6, 15, 63, 63, 63, 0, 0, 0, 0, 0, 1, 0];
        let text = describe("d", 33_546_240, &mbr(&[entry]));
        assert!(text.contains("size:    33546240 bytes (32.0 MiB)\n"), "{text}");
        assert!(
            text.ends_with("part 1:  type 06h, from sector 63, 32 MiB, active, beyond the end of the image\n"),
            "{text}"
        );
    }

    #[test]
    fn a_floppy() {
        let text = describe("f", 737_280, &mbr(&[[0x33; 16]]));
        assert!(text.contains("floppy:  720K, 80 tracks, 2 sides, 9 sectors\n") && !text.contains("part"), "{text}");
    }

    #[test]
    fn other_formats_and_nothing() {
        assert!(describe("q", 1, b"QFI\xFB").contains("format:  qcow2\n"));
        assert!(describe("z", 1, &[0x1F, 0x8B]).contains("unpack it first"));
        let text = describe("e", 0, &[]);
        assert!(text.contains("format:  raw\n") && text.contains("no boot signature"), "{text}");
    }

    #[test]
    fn creating() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.img");
        assert_eq!(create(&path, 1 << 20), Ok(0));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1 << 20);
        assert!(create(&path, 512).unwrap_err().message.contains("File exists"));
        assert_eq!(create(&path, 100).unwrap_err().status, status::USAGE);
    }
}
