//! Set up as a BIOS does for the floppy, then moved as the floppy controller does.

use super::*;

const READ_FLOPPY: u8 = 0x46; // single, write to memory, channel 2
const WRITE_FLOPPY: u8 = 0x4A;

/// A pair with the cascade open and channel 2 programmed.
fn floppy(mode: u8, address: u32, count: u16) -> Dma {
    let mut dma = Dma::new();
    dma.write(0xD6, 0xC0);
    dma.write(0xD4, 0x00);
    dma.write(0x0A, 0x06);
    dma.write(0x0C, 0);
    dma.write(0x0B, mode);
    dma.write(0x04, address as u8);
    dma.write(0x04, (address >> 8) as u8);
    dma.write(0x81, (address >> 16) as u8);
    dma.write(0x05, count as u8);
    dma.write(0x05, (count >> 8) as u8);
    dma.write(0x0A, 0x02);
    dma
}

fn memory() -> Vec<u8> {
    vec![0; 0x4_0000]
}

fn word(dma: &mut Dma, port: u16) -> u16 {
    dma.write(0x0C, 0);
    u16::from_le_bytes([dma.read(port), dma.read(port)])
}

#[test]
fn sector_to_memory_with_terminal_count() {
    let mut dma = floppy(READ_FLOPPY, 0x1_2340, 511);
    let mut mem = memory();
    let sector: Vec<u8> = (0..512).map(|i| i as u8).collect();
    let first = dma.write_to_memory(2, &mut mem, &sector[..500]);
    assert_eq!(first, Moved { bytes: 500, terminal_count: false });
    assert_eq!((word(&mut dma, 4), word(&mut dma, 5)), (0x2534, 11));
    let rest = dma.write_to_memory(2, &mut mem, &sector[500..]);
    assert_eq!(rest, Moved { bytes: 12, terminal_count: true });
    assert_eq!(mem[0x1_2340..0x1_2540], sector);
    assert_eq!(word(&mut dma, 5), 0xFFFF);
    assert_eq!(dma.read(0x08), 0x04);
    assert_eq!(dma.read(0x08), 0x00, "reading the status clears TC");
    assert_eq!(dma.read(0x0F) & 0x0F, 0x0F, "masked at TC");
    assert!(!dma.ready(2));
}

#[test]
fn memory_to_device_stops_at_the_count() {
    let mut dma = floppy(WRITE_FLOPPY, 0x2_0010, 3);
    let mut mem = memory();
    mem[0x2_0010..0x2_0014].copy_from_slice(b"data");
    let mut buf = [0u8; 8];
    let moved = dma.read_from_memory(2, &mut mem, &mut buf);
    assert_eq!(moved, Moved { bytes: 4, terminal_count: true });
    assert_eq!(&buf, b"data\0\0\0\0");
}

#[test]
fn wrong_direction_and_masks_move_nothing() {
    let mut mem = memory();
    let mut buf = [0xAA; 4];
    let mut dma = floppy(READ_FLOPPY, 0x100, 3);
    assert_eq!(dma.read_from_memory(2, &mut mem, &mut buf), Moved::default());
    for (port, value) in [(0x0A, 0x06), (0xD4, 0x04), (0x08, 0x04), (0xD0, 0x04), (0x0F, 0x0F), (0x0D, 0)] {
        let mut dma = floppy(READ_FLOPPY, 0x100, 3);
        dma.write(port, value);
        assert_eq!(dma.write_to_memory(2, &mut mem, &buf).bytes, 0, "port {port:#x}");
    }
    assert_eq!(mem[0x100], 0);
    let mut dma = floppy(READ_FLOPPY, 0x100, 3);
    dma.write(0x0A, 0x06);
    dma.write(0x0E, 0);
    assert_eq!(dma.write_to_memory(2, &mut mem, &buf).bytes, 4);
}

#[test]
fn page_wrap_stays_in_the_page() {
    let mut dma = floppy(READ_FLOPPY, 0x1_FFFE, 3);
    let mut mem = memory();
    dma.write_to_memory(2, &mut mem, &[1, 2, 3, 4]);
    assert_eq!((mem[0x1_FFFE], mem[0x1_FFFF], mem[0x1_0000], mem[0x1_0001]), (1, 2, 3, 4));
    assert_eq!(mem[0x2_0000], 0);
}

#[test]
fn decrement_and_auto_initialise() {
    let mut dma = floppy(READ_FLOPPY | 0x30, 0x1_0003, 2);
    let mut mem = memory();
    let moved = dma.write_to_memory(2, &mut mem, &[1, 2, 3, 4]);
    assert_eq!(moved, Moved { bytes: 3, terminal_count: true });
    assert_eq!(mem[0x1_0000..0x1_0004], [0, 3, 2, 1]);
    assert_eq!((word(&mut dma, 4), word(&mut dma, 5)), (3, 2), "reloaded");
    assert!(dma.ready(2));
}

#[test]
fn verify_counts_only() {
    let mut dma = floppy(0x42, 0x100, 511);
    let mut mem = memory();
    let moved = dma.write_to_memory(2, &mut mem, &[7; 512]);
    assert_eq!(moved, Moved { bytes: 512, terminal_count: true });
    assert_eq!(mem[0x100], 0);
}

#[test]
fn whole_page_in_one_transfer() {
    let mut dma = floppy(READ_FLOPPY, 0x1_0000, 0xFFFF);
    let mut mem = memory();
    let buf = vec![0x5A; 0x1_0000];
    let moved = dma.write_to_memory(2, &mut mem, &buf);
    assert_eq!(moved, Moved { bytes: 0x1_0000, terminal_count: true });
    assert!(mem[0x1_0000..0x2_0000].iter().all(|&b| b == 0x5A));
}

#[test]
fn word_channel() {
    let mut dma = Dma::new();
    dma.write(0xD8, 0);
    dma.write(0xD6, 0x45); // channel 5, write to memory
    for (port, value) in [(0xC4, 0x80), (0xC4, 0x00), (0x8B, 0x03), (0xC6, 1), (0xC6, 0), (0xD4, 0x01)] {
        dma.write(port, value);
    }
    let mut mem = memory();
    let moved = dma.write_to_memory(5, &mut mem, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(moved, Moved { bytes: 4, terminal_count: true });
    assert_eq!(mem[0x2_0100..0x2_0105], [1, 2, 3, 4, 0], "page bit 0 is ignored");
    assert_eq!(dma.read(0xD0), 0x02);
}

#[test]
fn flip_flop_pages_and_status() {
    let mut dma = Dma::new();
    dma.write(0x00, 0x11);
    dma.write(0x0C, 0);
    dma.write(0x00, 0x22);
    dma.write(0x00, 0x33);
    assert_eq!(word(&mut dma, 0), 0x3322);
    for port in 0x81..=0x8F {
        dma.write(port, port as u8);
    }
    for port in 0x81..=0x8F {
        assert_eq!(dma.read(port), port as u8);
    }
    dma.set_dreq(1, true);
    dma.write(0x09, 0x07);
    assert_eq!(dma.read(0x08), 0xA0);
    dma.set_dreq(1, false);
    dma.write(0x09, 0x03);
    assert_eq!(dma.read(0x08), 0x00);
}

#[test]
fn a_device_sees_its_channel() {
    let mut dma = floppy(READ_FLOPPY, 0x100, 1);
    let mut mem = memory();
    let mut port = dma.channel(2);
    assert_eq!(DmaChannel::write_to_memory(&mut port, &mut mem, &[1, 2, 3]), (2, true));
    assert_eq!(port.read_from_memory(&mut mem, &mut [0]), (0, false));
}

round_trip!(state_survives, {
    let mut dma = floppy(READ_FLOPPY, 0x1_2345, 99);
    dma.write_to_memory(2, &mut memory(), &[1; 50]);
    dma.write(0x00, 1);
    dma
});
