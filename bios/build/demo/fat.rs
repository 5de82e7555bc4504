//! The disk around the program: a FAT12 file system on a 1.44 MB floppy, as in Microsoft's FAT specification 1.03.
//!
//! The program lies in the reserved sectors, where no file system driver writes. The one file says what the disk is.

use crate::asm16::*;

/// Bytes a sector.
pub const SECTOR: usize = 512;
const SECTORS: usize = 2880;
const FATS: usize = 2;
const FAT_SECTORS: usize = 9;
const ROOT_ENTRIES: usize = 224;
const MEDIA: u8 = 0xF0;
/// 1 January 2024 and noon, as FAT writes them: an image has no time of its own.
const DATE: u16 = (2024 - 1980) << 9 | 1 << 5 | 1;
const TIME: u16 = 12 << 11;
const LABEL: &[u8; 11] = b"REWIND86   ";

const README: &str = "This is the demo disk of rewind86.\r\n\r\n\
    Start a PC from it: it shows text, graphics, keyboard, mouse, timer and sound at work.\r\n\
    It needs a 386 and a VGA. The program lies in the reserved sectors of this disk.\r\n";

/// The boot sector's BIOS parameter block, offsets 3 to 3Dh.
pub fn parameter_block(a: &mut Asm16, program_sectors: usize) {
    asm!(a;
        db      b"REWIND86";
        dw      &[SECTOR as u16];
        db      &[1];
        dw      &[1 + program_sectors as u16];
        db      &[FATS as u8];
        dw      &[ROOT_ENTRIES as u16, SECTORS as u16];
        db      &[MEDIA];
        dw      &[FAT_SECTORS as u16, 18, 2];
        dd      &[0, 0];
        db      &[0, 0, 0x29];
        dd      &[0x8686_0001];
        db      LABEL;
        db      b"FAT12   ";
    );
}

/// The whole disk.
pub fn image(boot: &[u8], program: &[u8]) -> Vec<u8> {
    let mut disk = Vec::with_capacity(SECTORS * SECTOR);
    disk.extend_from_slice(boot);
    disk.extend_from_slice(program);
    // Cluster 2 is the file, one sector long.
    assert!(README.len() <= SECTOR);
    let mut fat = vec![0; FAT_SECTORS * SECTOR];
    fat[..5].copy_from_slice(&[MEDIA, 0xFF, 0xFF, 0xFF, 0x0F]);
    for _ in 0..FATS {
        disk.extend_from_slice(&fat);
    }
    let root = disk.len();
    disk.extend_from_slice(&entry(LABEL, 0x08, 0, 0));
    disk.extend_from_slice(&entry(b"README  TXT", 0x21, 2, README.len() as u32));
    disk.resize(root + ROOT_ENTRIES * 32, 0);
    disk.extend_from_slice(README.as_bytes());
    disk.resize(SECTORS * SECTOR, 0);
    disk
}

/// A directory entry.
fn entry(name: &[u8; 11], attributes: u8, cluster: u16, size: u32) -> Vec<u8> {
    let mut e = name.to_vec();
    e.push(attributes);
    e.resize(22, 0);
    for word in [TIME, DATE, cluster] {
        e.extend_from_slice(&word.to_le_bytes());
    }
    e.extend_from_slice(&size.to_le_bytes());
    e
}
