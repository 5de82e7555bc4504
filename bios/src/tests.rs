//! What programs and operating systems look for at fixed places of the firmware.

use super::{BIOS, DEMO_DISK, VGA_BIOS};

fn word(at: usize) -> u16 {
    u16::from_le_bytes([BIOS[at], BIOS[at + 1]])
}

fn dword(at: usize) -> u32 {
    u32::from_le_bytes([BIOS[at], BIOS[at + 1], BIOS[at + 2], BIOS[at + 3]])
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |s, b| s.wrapping_add(*b))
}

/// The one place on a 16-byte boundary where `anchor` stands.
fn find(anchor: &[u8]) -> usize {
    let hits: Vec<usize> = (0..0x10000).step_by(16).filter(|&at| BIOS[at..].starts_with(anchor)).collect();
    assert_eq!(hits.len(), 1, "{}", String::from_utf8_lossy(anchor));
    hits[0]
}

/// An offset in the image from a physical address of the F segment.
fn offset(physical: u32) -> usize {
    assert!((0xF0000..0x100000).contains(&physical), "{physical:#x}");
    (physical - 0xF0000) as usize
}

#[test]
fn reset_vector_date_and_model() {
    assert_eq!(BIOS.len(), 0x10000);
    assert_eq!(BIOS[0xFFF0..0xFFF5], [0xEA, 0x5B, 0xE0, 0x00, 0xF0]);
    assert_eq!((BIOS[0xFFF7], BIOS[0xFFFA]), (b'/', b'/'));
    assert_eq!(BIOS[0xFFFE], 0xFC);
}

#[test]
fn fixed_entry_points_jump() {
    for at in [
        0xE05B, 0xE2C3, 0xE3FE, 0xE6F2, 0xE739, 0xE82E, 0xE987, 0xEC59, 0xEF57, 0xEFD2, 0xF065, 0xF841, 0xF84D, 0xF859,
        0xFE6E, 0xFEA5, 0xFF54,
    ] {
        assert_eq!(BIOS[at], 0xE9, "{at:#x}");
        let target = (at + 3).wrapping_add(usize::from(word(at + 1))) & 0xFFFF;
        assert!(target < 0xE000 && BIOS[target] != 0xFF, "{at:#x} -> {target:#x}");
    }
    assert_eq!(BIOS[0xFF53], 0xCF);
}

#[test]
fn tables_at_fixed_addresses() {
    // Fixed disk type 1: 306 cylinders, 4 heads, 17 sectors.
    assert_eq!((word(0xE401), BIOS[0xE403], BIOS[0xE40F]), (306, 4, 17));
    // Configuration: eight bytes, AT, EBDA and keyboard intercept.
    assert_eq!((word(0xE6F5), BIOS[0xE6F7], BIOS[0xE6FA]), (8, 0xFC, 0x74));
    // Diskette: 512-byte sectors, 18 a track, fill byte F6h.
    assert_eq!((BIOS[0xEFCA], BIOS[0xEFCB], BIOS[0xEFCF]), (2, 18, 0xF6));
    // 6845: 80x25 text shows 80 columns; page length of mode 3.
    assert_eq!((BIOS[0xF0B5], word(0xF0E6)), (80, 4096));
    // INT 08h's offset in the vector list.
    assert_eq!(word(0xFEF3), 0xFEA5);
}

#[test]
fn fixed_font_has_the_ascii_characters() {
    let glyph = |c: u8| &BIOS[0xFA6E + usize::from(c) * 8..][..8];
    assert_eq!(glyph(b' '), [0; 8]);
    for c in b'!'..=b'~' {
        assert!(glyph(c).iter().any(|row| *row != 0), "{}", c as char);
        assert_ne!(glyph(c), [0xFF; 8], "{}", c as char);
    }
}

#[test]
fn acpi_tables_are_linked_and_sum_to_zero() {
    let rsdp = find(b"RSD PTR ");
    assert_eq!(sum(&BIOS[rsdp..rsdp + 20]), 0);
    let table = |at: usize, signature: &[u8]| {
        assert_eq!(&BIOS[at..at + 4], signature);
        let length = dword(at + 4) as usize;
        assert_eq!(sum(&BIOS[at..at + length]), 0, "{}", String::from_utf8_lossy(signature));
        length
    };
    let rsdt = offset(dword(rsdp + 16));
    assert_eq!(table(rsdt, b"RSDT"), 44);
    // POST cuts the last entry off where there is no local APIC: it must be the MADT.
    assert_eq!(table(offset(dword(rsdt + 40)), b"APIC"), 44 + 8 + 12 + 5 * 10 + 6);
    let fadt = offset(dword(rsdt + 36));
    assert_eq!(table(fadt, b"FACP"), 116);
    table(offset(dword(fadt + 40)), b"DSDT");
    // FACS in the EBDA on a 64-byte boundary; SCI 9; PM1a control and timer of the PIIX4.
    assert_eq!(dword(fadt + 36), 0x9FDC0);
    assert_eq!((word(fadt + 46), dword(fadt + 64), dword(fadt + 76)), (9, 0x604, 0x608));
}

#[test]
fn aml_packages_span_their_bodies() {
    let dsdt = find_dsdt();
    let (start, length) = (dsdt + 36, dword(dsdt + 4) as usize);
    // After two names comes the scope; its package length, three bytes, must end with the table.
    let name = (start..dsdt + length).find(|&at| BIOS[at..].starts_with(b"\\_SB_")).unwrap();
    let lead = &BIOS[name - 4..name];
    assert_eq!((lead[0], lead[1] >> 6), (0x10, 2));
    let span = usize::from(lead[1] & 15) | usize::from(lead[2]) << 4 | usize::from(lead[3]) << 12;
    assert_eq!(name - 3 + span, dsdt + length);
}

fn find_dsdt() -> usize {
    let rsdt = offset(dword(find(b"RSD PTR ") + 16));
    offset(dword(offset(dword(rsdt + 36)) + 40))
}

#[test]
fn pci_routing_and_bios32() {
    let pir = find(b"$PIR");
    let size = usize::from(word(pir + 6));
    assert_eq!(sum(&BIOS[pir..pir + size]), 0);
    assert_eq!(size, 32 + 31 * 16);
    // Slot 2, INTA: PIRQB.
    assert_eq!((BIOS[pir + 32 + 16 + 1], BIOS[pir + 32 + 16 + 2]), (2 << 3, 0x61));
    let bios32 = find(b"_32_");
    assert_eq!(sum(&BIOS[bios32..bios32 + 16]), 0);
    // The directory's entry: test bl,bl.
    assert_eq!(BIOS[offset(dword(bios32 + 4))..][..2], [0x84, 0xDB]);
}

#[test]
fn smbios_structures_follow_one_another() {
    let entry = find(b"_SM_");
    assert_eq!(sum(&BIOS[entry..entry + 31]), 0);
    assert_eq!(sum(&BIOS[entry + 16..entry + 31]), 0);
    let (length, count) = (usize::from(word(entry + 22)), word(entry + 28));
    let table = offset(dword(entry + 24));
    let (mut at, mut seen) = (table, Vec::new());
    while at < table + length {
        seen.push(BIOS[at]);
        at += usize::from(BIOS[at + 1]);
        while word(at) != 0 {
            at += 1;
        }
        at += 2;
    }
    assert_eq!(at, table + length);
    assert_eq!(seen.len(), usize::from(count));
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&127)));
}

#[test]
fn demo_disk_is_a_bootable_fat12_volume() {
    let at = |offset: usize| usize::from(DEMO_DISK[offset]) | usize::from(DEMO_DISK[offset + 1]) << 8;
    assert_eq!(DEMO_DISK.len(), 1_474_560);
    assert_eq!((at(510), at(11), at(19)), (0xAA55, 512, 2880));
    // The program is in the reserved sectors; FATs, root and data follow.
    let root = (at(14) + 2 * at(22)) * 512;
    assert_eq!(DEMO_DISK[at(14) * 512..][..3], [0xF0, 0xFF, 0xFF]);
    assert_eq!(&DEMO_DISK[root + 32..root + 43], b"README  TXT");
    assert!(DEMO_DISK[root + at(17) * 32..].starts_with(b"This is the demo disk"));
    assert!(DEMO_DISK[512..1024].iter().any(|b| *b != 0));
}

#[test]
fn demo_program_lies_in_the_sectors_that_the_boot_sector_reads() {
    let reserved = usize::from(DEMO_DISK[14]) | usize::from(DEMO_DISK[15]) << 8;
    let program = &DEMO_DISK[512..reserved * 512];
    // Its marks: at offset 4, and at the end, in the last sector. Variables begin at C000h of the same segment.
    assert_eq!(&program[4..8], b"RW86");
    let end = program.windows(4).rposition(|w| w == b"END.").unwrap();
    assert_eq!(end / 512, reserved - 2);
    assert!(program[end + 4..].iter().all(|b| *b == 0));
    assert!(program.len() <= 0xC000);
    // No read crosses a 64 KiB boundary: the boot sector loads to 1000:0000.
    assert!(DEMO_DISK[..512].windows(5).any(|w| w == [0xEA, 0x00, 0x00, 0x00, 0x10]));
}

#[test]
fn vga_bios_is_an_option_rom() {
    assert_eq!(VGA_BIOS[..2], [0x55, 0xAA]);
    assert_eq!(VGA_BIOS.len(), usize::from(VGA_BIOS[2]) * 512);
    assert_eq!(sum(VGA_BIOS), 0);
}

#[test]
fn angle_brackets_keep_their_slope() {
    // Once the taller fonts repeated rows of them, which made braces.
    let less = [0x0C, 0x18, 0x30, 0x60, 0x30, 0x18, 0x0C];
    for height in [14, 16] {
        let mut glyph = vec![0; height];
        glyph[3..10].copy_from_slice(&less);
        assert!(VGA_BIOS.windows(height).any(|w| w == glyph), "8x{height}");
    }
}
