//! Disk geometry: cylinders, heads and sectors for images that do not say what drive they came from.
//!
//! A hard disk reports a physical geometry of at most 16383/16/63 (ATA-5, 6.2.1). When the partition table of the image
//! was written for heads and sectors that such a drive can have, it gets them, so that old boot code which uses CHS finds its
//! sectors; otherwise it gets x/16/63 and the firmware translates. A floppy is the standard format of its size.

use super::SECTOR;
use rewind86_devices::medium::Medium;

/// How the firmware maps INT 13h addresses to the drive's, as CMOS byte 39h says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translation {
    /// Addresses pass unchanged.
    None = 0,
    /// 63 sectors, as many heads as it takes for the cylinders to fit.
    Lba = 1,
}

/// A hard disk's geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskGeometry {
    /// 1 to 16383.
    pub cylinders: u16,
    /// 1 to 16.
    pub heads: u8,
    /// 1 to 63, per track.
    pub sectors: u8,
    /// What the firmware should do with it.
    pub translation: Translation,
}

const MAX_CYLINDERS: u64 = 16_383;
/// Cylinders that INT 13h can address.
const MAX_CHS_CYLINDERS: u64 = 1024;

/// The geometry of the hard disk on `medium`.
pub fn disk_geometry(medium: &mut dyn Medium) -> DiskGeometry {
    let total = medium.len() / SECTOR;
    let mut mbr = [0; SECTOR as usize];
    let guess = medium.read_at(0, &mut mbr).ok().and_then(|()| partition_heads_sectors(&mbr));
    let standard_cylinders = (total / (16 * 63)).clamp(1, MAX_CYLINDERS) as u16;
    let standard = |translation| DiskGeometry { cylinders: standard_cylinders, heads: 16, sectors: 63, translation };
    match guess {
        Some((heads, sectors)) if heads <= 16 => {
            let cylinders = total / (u64::from(heads) * u64::from(sectors));
            if (1..=MAX_CYLINDERS).contains(&cylinders) {
                let translation = if cylinders <= MAX_CHS_CYLINDERS { Translation::None } else { Translation::Lba };
                return DiskGeometry { cylinders: cylinders as u16, heads: heads as u8, sectors, translation };
            }
            standard(Translation::Lba)
        }
        None if u64::from(standard_cylinders) <= MAX_CHS_CYLINDERS => standard(Translation::None),
        // Partitioned for more heads than a drive has: the firmware that did it translated.
        _ => standard(Translation::Lba),
    }
}

/// Heads and sectors per track that the partition table assumes: every partition ends at a cylinder's end.
fn partition_heads_sectors(mbr: &[u8; SECTOR as usize]) -> Option<(u16, u8)> {
    if mbr[510..512] != [0x55, 0xAA] {
        return None;
    }
    for entry in mbr[446..510].chunks_exact(16) {
        let (end_head, end_sector) = (entry[5], entry[6] & 0x3F);
        let lba = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
        if lba(12) != 0 && end_head != 0 && end_sector != 0 {
            return Some((u16::from(end_head) + 1, end_sector));
        }
    }
    None
}

/// Sizes in KiB of the floppy formats that the drives know, ascending; 1680 and 1720 are the distribution formats.
const FLOPPY_KIB: [u64; 10] = [160, 180, 320, 360, 720, 1200, 1440, 1680, 1720, 2880];

/// Bytes of the floppy medium for an image of `size` bytes that starts with `head`; `None` when no floppy is so large.
pub(super) fn floppy_len(size: u64, head: &[u8]) -> Option<u64> {
    let standard = |len: u64| FLOPPY_KIB.iter().map(|k| k * 1024).find(|&l| l == len);
    let fitting = |from: u64| FLOPPY_KIB.iter().map(|k| k * 1024).find(|&l| l >= size && l >= from);
    // A truncated image still has the BIOS parameter block with its total of sectors.
    let declared = match (head.get(11..13), head.get(19..21)) {
        (Some([0, 2]), Some(&[lo, hi])) => standard(u64::from(u16::from_le_bytes([lo, hi])) * SECTOR),
        _ => None,
    };
    standard(size).or(declared.filter(|&d| d >= size)).or(fitting(1440 * 1024))
}
