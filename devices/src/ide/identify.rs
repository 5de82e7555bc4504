//! IDENTIFY DEVICE and IDENTIFY PACKET DEVICE data (ATA/ATAPI-6 clauses 8.15 and 8.16) and the transfer modes that
//! SET FEATURES accepts.

use super::disk::{Disk, MAX_MULTIPLE};

/// Transfer mode at power-on: multiword DMA mode 2, as firmware of the time leaves it.
pub(super) const DEFAULT_MODE: u8 = MODE_MWDMA | 2;
const MODE_MWDMA: u8 = 0x20;
const MODE_UDMA: u8 = 0x40;

/// PIO 0-4, single-word DMA 0-2, multiword DMA 0-2, Ultra DMA 0-5.
pub(super) fn mode_supported(mode: u8) -> bool {
    matches!(mode, 0x00 | 0x01 | 0x08..=0x0C | 0x10..=0x12 | 0x20..=0x22 | 0x40..=0x45)
}

/// Multiword (word 63) and Ultra DMA (word 88) modes: supported in the low byte, selected in the high byte.
fn dma_words(mode: u8) -> (u16, u16) {
    let selected = |class: u8| if mode & 0xF8 == class { 0x100 << (mode & 7) } else { 0 };
    (0x0007 | selected(MODE_MWDMA), 0x003F | selected(MODE_UDMA))
}

struct Words([u16; 256]);

impl Words {
    fn set(&mut self, word: usize, value: u16) {
        if let Some(w) = self.0.get_mut(word) {
            *w = value;
        }
    }

    fn set32(&mut self, word: usize, value: u32) {
        self.set(word, value as u16);
        self.set(word + 1, (value >> 16) as u16);
    }

    /// ASCII, two characters per word, the first in the high byte, padded with spaces.
    fn text(&mut self, word: usize, words: usize, text: &str) {
        let mut chars = text.bytes().map(|b| if (0x20..0x7F).contains(&b) { b } else { b'?' });
        for w in word..word + words {
            let (high, low) = (chars.next().unwrap_or(b' '), chars.next().unwrap_or(b' '));
            self.set(w, u16::from_be_bytes([high, low]));
        }
    }

    /// The 512 bytes, with the integrity word (signature A5h and checksum) last.
    fn finish(mut self) -> Vec<u8> {
        self.set(255, 0x00A5);
        let sum = self.0.iter().flat_map(|w| w.to_le_bytes()).fold(0u8, u8::wrapping_add);
        self.set(255, 0x00A5 | u16::from(sum.wrapping_neg()) << 8);
        self.0.iter().flat_map(|w| w.to_le_bytes()).collect()
    }
}

/// IDENTIFY DEVICE.
pub(super) fn disk(disk: &Disk) -> Vec<u8> {
    let mut w = Words([0; 256]);
    w.set(0, 0x0040); // fixed disk
    w.set(1, disk.native.cylinders);
    w.set(3, u16::from(disk.native.heads));
    w.set(4, 512 * u16::from(disk.native.sectors & 0x3F));
    w.set(5, 512);
    w.set(6, u16::from(disk.native.sectors));
    w.text(10, 10, &disk.identity.serial);
    w.set(20, 3); // dual-ported buffer with caching
    w.set(21, 512); // buffer size in sectors
    w.set(22, 4); // ECC bytes
    w.text(23, 4, &disk.identity.firmware);
    w.text(27, 20, &disk.identity.model);
    w.set(47, 0x8000 | u16::from(MAX_MULTIPLE));
    w.set(48, 1); // 32-bit data port accesses work
    w.set(49, 0x2F00); // standard standby timer, IORDY, LBA, DMA
    w.set(50, 0x4000);
    w.set(51, 0x0200);
    w.set(52, 0x0200);
    w.set(53, 0x0007); // words 54-58, 64-70 and 88 are valid
    w.set(54, disk.current.cylinders);
    w.set(55, u16::from(disk.current.heads));
    w.set(56, u16::from(disk.current.sectors));
    w.set32(57, u32::try_from(disk.sectors).unwrap_or(u32::MAX).min(disk.current.capacity()));
    w.set(59, if disk.multiple == 0 { 0 } else { 0x0100 | u16::from(disk.multiple) });
    w.set32(60, disk.sectors.min(0x0FFF_FFFF) as u32);
    let (mwdma, udma) = dma_words(disk.mode);
    w.set(62, 0x0007);
    w.set(63, mwdma);
    w.set(64, 0x0003); // PIO modes 3 and 4
    for word in 65..=68 {
        w.set(word, 120); // ns per cycle
    }
    w.set(80, 0x007E); // ATA-1 to ATA/ATAPI-6
    w.set(81, 0x0019); // T13 1410D revision 3a
    let caches = u16::from(disk.write_cache) << 5 | u16::from(disk.look_ahead) << 6;
    w.set(82, 0x3068); // READ/WRITE BUFFER, look-ahead, write cache, power management
    w.set(83, 0x7400); // FLUSH CACHE (EXT), 48-bit addresses
    w.set(84, 0x4000);
    w.set(85, 0x3008 | caches);
    w.set(86, 0x3400);
    w.set(87, 0x4000);
    w.set(88, udma);
    w.set(93, 0x600F); // hardware reset result: 80-conductor cable seen, device 0 by jumper
    w.set32(100, disk.sectors as u32);
    w.set32(102, (disk.sectors >> 32) as u32);
    w.finish()
}

/// IDENTIFY PACKET DEVICE of a CD-ROM drive with 12-byte packets.
pub(super) fn cdrom(mode: u8, model: &str, serial: &str, firmware: &str) -> Vec<u8> {
    let mut w = Words([0; 256]);
    w.set(0, 0x85C0); // packet device, CD-ROM, removable, accelerated DRQ, 12 bytes
    w.text(10, 10, serial);
    w.set(20, 3);
    w.set(21, 512);
    w.set(22, 4);
    w.text(23, 4, firmware);
    w.text(27, 20, model);
    w.set(48, 1);
    w.set(49, 0x0F00); // IORDY, LBA, DMA
    w.set(51, 0x0200);
    w.set(52, 0x0200);
    w.set(53, 0x0007);
    let (mwdma, udma) = dma_words(mode);
    w.set(62, 0x0007);
    w.set(63, mwdma);
    w.set(64, 0x0003);
    for word in 65..=68 {
        w.set(word, 120);
    }
    w.set(71, 30); // ns from PACKET to bus release
    w.set(72, 30);
    w.set(80, 0x007E);
    w.set(81, 0x0019);
    w.set(82, 0x0210); // DEVICE RESET, PACKET
    w.set(83, 0x4000);
    w.set(84, 0x4000);
    w.set(85, 0x0210);
    w.set(87, 0x4000);
    w.set(88, udma);
    w.set(93, 0x600F);
    w.finish()
}
