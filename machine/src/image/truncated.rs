//! Notices images that end before what they hold does: a file system or a partition that is larger than the file.
//!
//! A guest would boot such an image some way and then read nothing, or zeros, for reasons that nobody can see. Only structures
//! that are whole in themselves are believed: boot sectors of games and of small systems carry made-up parameters and no
//! file allocation table behind them, and are none of this module's business.

use super::{CD_SECTOR, SECTOR};
use crate::loader::{le16, le32};

/// Byte at which an ISO 9660 volume descriptor stands (ECMA-119, 8.1: logical sector 16).
pub(super) const DESCRIPTOR: u64 = 16 * CD_SECTOR;
/// Sectors behind the last partition that tools round up to: one cylinder of 255 heads and 63 sectors.
const ROUNDING: u64 = 255 * 63;
/// Padding sectors that are counted but not always stored at the end of a CD.
const CD_PADDING: u64 = 150;

/// The bytes that the FAT file system on a diskette, or a disk without partitions, should have, if there is one.
pub(super) fn fat_len(head: &[u8]) -> Option<u64> {
    let byte = |at: usize| head.get(at).copied();
    let jump = matches!((byte(0)?, byte(2)?), (0xEB, 0x90) | (0xE9, _));
    let media = byte(21)?;
    let reserved = usize::from(le16(head, 14)?);
    let believable = jump
        && le16(head, 510)? == 0xAA55
        && u64::from(le16(head, 11)?) == SECTOR
        && byte(13)?.is_power_of_two()
        && matches!(byte(16)?, 1 | 2)
        && (media == 0xF0 || media >= 0xF8);
    // The table itself starts with the media byte and set bits.
    let table = head.get(reserved.checked_mul(SECTOR as usize)?..)?;
    let tabled = reserved > 0 && table.first() == Some(&media) && table.get(1..3)? == [0xFF, 0xFF];
    let sectors = match le16(head, 19)? {
        0 => le32(head, 32)?,
        few => u32::from(few),
    };
    (believable && tabled).then_some(u64::from(sectors) * SECTOR)
}

/// The bytes that a disk of `size` should have for its partitions to be there, when it has too few.
pub(super) fn partitions_len(head: &[u8], size: u64) -> Option<u64> {
    if le16(head, 510)? != 0xAA55 || fat_len(head).is_some() {
        return None;
    }
    let mut end = 0;
    for entry in head.get(446..510)?.chunks_exact(16) {
        let (start, len) = (u64::from(le32(entry, 8)?), u64::from(le32(entry, 12)?));
        match (entry[0], entry[4]) {
            // Another boot sector's code, or the cover of a GPT, which says nothing of the disk.
            (flag, _) if flag & 0x7F != 0 => return None,
            (_, 0xEE) => return None,
            (_, 0) => {}
            (..) if start == 0 || len == 0 => return None,
            (..) => end = end.max(start + len),
        }
    }
    (end > size / SECTOR + ROUNDING).then_some(end * SECTOR)
}

/// The bytes that a CD-ROM of `size` should have by its first volume `descriptor`, when it has too few.
pub(super) fn iso_len(descriptor: &[u8], size: u64) -> Option<u64> {
    if !descriptor.starts_with(b"\x01CD001\x01") || u64::from(le16(descriptor, 128)?) != CD_SECTOR {
        return None;
    }
    let sectors = u64::from(le32(descriptor, 80)?);
    (sectors > size / CD_SECTOR + CD_PADDING).then_some(sectors * CD_SECTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first two sectors of a 720 KiB diskette.
    fn diskette() -> Vec<u8> {
        let mut head = vec![0; 1024];
        head[..3].copy_from_slice(&[0xEB, 0x3C, 0x90]);
        head[11..22].copy_from_slice(&[0, 2, 2, 1, 0, 2, 112, 0, 0xA0, 5, 0xF9]);
        head[510..515].copy_from_slice(&[0x55, 0xAA, 0xF9, 0xFF, 0xFF]);
        head
    }

    #[test]
    fn a_file_system_says_its_size() {
        assert_eq!(fat_len(&diskette()), Some(737_280));
        for (at, value) in [(0, 0), (11, 1), (13, 3), (16, 9), (21, 1), (510, 0), (512, 0), (513, 0)] {
            let mut head = diskette();
            head[at] = value;
            assert_eq!(fat_len(&head), None, "{at}");
        }
        assert_eq!(fat_len(&diskette()[..512]), None, "a boot sector alone may say what it likes");
    }

    #[test]
    fn partitions_say_how_long_the_disk_is() {
        let mut mbr = vec![0; 512];
        mbr[510..].copy_from_slice(&[0x55, 0xAA]);
        mbr[446] = 0x80;
        mbr[450] = 6;
        mbr[454..462].copy_from_slice(&[63, 0, 0, 0, 0, 0, 1, 0]);
        let len = (65536 + 63) * SECTOR;
        assert_eq!(partitions_len(&mbr, len / 2), Some(len));
        assert_eq!(partitions_len(&mbr, len), None);
        assert_eq!(partitions_len(&mbr, len - 8 * SECTOR), None);
        mbr[450] = 0xEE;
        assert_eq!(partitions_len(&mbr, 512), None);
        mbr[446] = 3;
        assert_eq!(partitions_len(&mbr, 512), None);
    }

    #[test]
    fn a_volume_says_how_long_the_cd_is() {
        let mut volume = vec![0; 2048];
        volume[..7].copy_from_slice(b"\x01CD001\x01");
        volume[80..84].copy_from_slice(&1000u32.to_le_bytes());
        volume[128..130].copy_from_slice(&2048u16.to_le_bytes());
        assert_eq!(iso_len(&volume, 500 * CD_SECTOR), Some(1000 * CD_SECTOR));
        assert_eq!(iso_len(&volume, 900 * CD_SECTOR), None);
        assert_eq!(iso_len(&[0; 2048], 2048), None);
    }
}
