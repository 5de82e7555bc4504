//! CMOS memory as a setup program would have left it: what firmware reads to learn about memory, drives and boot order.
//!
//! Standard locations: IBM AT Technical Reference (10h-2Eh, 30h-32h); memory above 16 MiB, boot order and disk
//! translation where QEMU's and Bochs' PC have them (34h, 38h, 39h, 3Dh, 5Bh), which SeaBIOS and the Bochs BIOS read.

use crate::config::BootDevice;
use crate::image::geometry::DiskGeometry;
use rewind86_devices::rtc::Rtc;

const FLOPPY_TYPES: u8 = 0x10;
const DISK_TYPES: u8 = 0x12;
const EQUIPMENT: u8 = 0x14;
const BASE_MEMORY: u8 = 0x15;
const EXTENDED_MEMORY: u8 = 0x17;
/// Extended types of the two disks, and the parameters of each.
const DISKS: [(u8, u8); 2] = [(0x19, 0x1B), (0x1A, 0x24)];
const POST_MEMORY: u8 = 0x30;
const CENTURY: u8 = 0x32;
/// Memory above 16 MiB in 64 KiB units.
const HIGH_MEMORY: u8 = 0x34;
/// Third boot device in the high nibble; bit 0: do not check floppy boot signatures.
const BOOT_THIRD: u8 = 0x38;
const TRANSLATION: u8 = 0x39;
/// First boot device in the low nibble, second in the high one.
const BOOT_ORDER: u8 = 0x3D;
/// Memory above 4 GiB in 64 KiB units.
const ABOVE_4G: u8 = 0x5B;

/// Disk type 15: see the extended type byte.
const TYPE_EXTENDED: u8 = 0xF;
/// Extended type 47: parameters given by the user.
const TYPE_USER: u8 = 47;
const NO_SIGNATURE_CHECK: u8 = 0x01;

const EQUIPMENT_FLOPPY: u8 = 0x01;
const EQUIPMENT_FPU: u8 = 0x02;
const EQUIPMENT_MOUSE: u8 = 0x04;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What firmware shall know.
pub struct Contents<'a> {
    /// End of the RAM below 4 GiB.
    pub below_4g: u64,
    /// RAM above 4 GiB.
    pub above_4g: u64,
    /// CMOS types of A: and B:, 0 for none.
    pub floppies: [u8; 2],
    /// First and second hard disk.
    pub disks: [Option<DiskGeometry>; 2],
    /// Boot order; empty for the usual one.
    pub boot: &'a [BootDevice],
    /// A coprocessor is there.
    pub fpu: bool,
}

fn boot_code(device: BootDevice) -> u8 {
    match device {
        BootDevice::Floppy => 1,
        BootDevice::Disk => 2,
        BootDevice::Cdrom => 3,
        BootDevice::Net => 4,
    }
}

/// Fills the memory of `rtc`.
pub fn fill(rtc: &mut Rtc, c: &Contents) {
    let mut word = |at: u8, value: u64| {
        let [low, high, ..] = value.min(0xFFFF).to_le_bytes();
        rtc.set_cmos(at, low);
        rtc.set_cmos(at + 1, high);
    };
    word(BASE_MEMORY, 640);
    let extended = c.below_4g.saturating_sub(MIB) / KIB;
    word(EXTENDED_MEMORY, extended.min(63 * KIB));
    word(POST_MEMORY, extended.min(63 * KIB));
    word(HIGH_MEMORY, c.below_4g.saturating_sub(16 * MIB) / (64 * KIB));
    let above = c.above_4g / (64 * KIB);
    word(ABOVE_4G, above & 0xFFFF);
    rtc.set_cmos(ABOVE_4G + 2, (above >> 16) as u8);

    let [a, b] = c.floppies;
    rtc.set_cmos(FLOPPY_TYPES, a << 4 | b);
    let drives = c.floppies.iter().filter(|t| **t != 0).count() as u8;
    let floppies = if drives == 0 { 0 } else { EQUIPMENT_FLOPPY | (drives - 1) << 6 };
    let fpu = if c.fpu { EQUIPMENT_FPU } else { 0 };
    rtc.set_cmos(EQUIPMENT, floppies | fpu | EQUIPMENT_MOUSE);

    let mut types = 0;
    let mut translation = 0;
    for (i, (disk, (extended, at))) in c.disks.iter().zip(DISKS).enumerate() {
        let Some(g) = disk else { continue };
        types |= if i == 0 { TYPE_EXTENDED << 4 } else { TYPE_EXTENDED };
        translation |= (g.translation as u8) << (2 * i);
        rtc.set_cmos(extended, TYPE_USER);
        let [low, high] = g.cylinders.to_le_bytes();
        // Cylinders, heads, no write precompensation, control byte, landing zone, sectors.
        let control = 0xC0 | u8::from(g.heads > 8) << 3;
        for (at, value) in (at..).zip([low, high, g.heads, 0xFF, 0xFF, control, low, high, g.sectors]) {
            rtc.set_cmos(at, value);
        }
    }
    rtc.set_cmos(DISK_TYPES, types);
    rtc.set_cmos(TRANSLATION, translation);

    let order: &[BootDevice] =
        if c.boot.is_empty() { &[BootDevice::Floppy, BootDevice::Disk, BootDevice::Cdrom] } else { c.boot };
    let nth = |n: usize| order.get(n).map_or(0, |d| boot_code(*d));
    rtc.set_cmos(BOOT_ORDER, nth(0) | nth(1) << 4);
    rtc.set_cmos(BOOT_THIRD, nth(2) << 4 | NO_SIGNATURE_CHECK);
    let century = rtc.cmos(CENTURY);
    rtc.set_cmos(CENTURY, if century == 0 { 0x20 } else { century });
    rtc.update_checksum();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::geometry::Translation;

    fn filled(c: &Contents) -> Rtc {
        let mut rtc = Rtc::new(0);
        fill(&mut rtc, c);
        rtc
    }

    fn word(rtc: &Rtc, at: u8) -> u16 {
        u16::from_le_bytes([rtc.cmos(at), rtc.cmos(at + 1)])
    }

    const SMALL: Contents =
        Contents { below_4g: 8 * MIB, above_4g: 0, floppies: [4, 0], disks: [None, None], boot: &[], fpu: true };

    #[test]
    fn memory_sizes() {
        let rtc = filled(&SMALL);
        assert_eq!([0x15, 0x17, 0x30, 0x34].map(|at| word(&rtc, at)), [640, 7168, 7168, 0]);
        let rtc = filled(&Contents { below_4g: 3072 * MIB, above_4g: 1024 * MIB, ..SMALL });
        assert_eq!([0x17, 0x30, 0x34].map(|at| word(&rtc, at)), [64512, 64512, 0xBF00]);
        assert_eq!([0x5B, 0x5C, 0x5D].map(|at| rtc.cmos(at)), [0, 0x40, 0]);
    }

    #[test]
    fn drives_and_boot_order() {
        let rtc = filled(&SMALL);
        assert_eq!([0x10, 0x12, 0x14, 0x3D, 0x38].map(|at| rtc.cmos(at)), [0x40, 0, 7, 0x21, 0x31]);
        let disk = DiskGeometry { cylinders: 0x345, heads: 16, sectors: 63, translation: Translation::Lba };
        let boot = [BootDevice::Cdrom, BootDevice::Disk];
        let rtc = filled(&Contents { floppies: [0, 0], disks: [Some(disk), Some(disk)], boot: &boot, ..SMALL });
        assert_eq!([0x10, 0x12, 0x14, 0x19, 0x1A].map(|at| rtc.cmos(at)), [0, 0xFF, 6, 47, 47]);
        let first: Vec<u8> = (0x1B..0x24).map(|at| rtc.cmos(at)).collect();
        assert_eq!(first, [0x45, 3, 16, 0xFF, 0xFF, 0xC8, 0x45, 3, 63]);
        assert_eq!([0x24, 0x2C, 0x39, 0x3D, 0x38].map(|at| rtc.cmos(at)), [0x45, 63, 5, 0x23, 0x01]);
    }
}
