//! Register-level tests: each drives the ports as a BIOS or driver does.

use super::*;
use crate::ctx::IrqLines;
use crate::medium::MemMedium;
use crate::sched::Scheduler;

/// A DMA channel over test memory: address and bytes left, terminal count at zero.
#[derive(Default)]
struct TestDma {
    address: u64,
    left: usize,
}

impl TestDma {
    fn take(&mut self, len: usize) -> (u64, usize, bool) {
        let n = len.min(self.left);
        let at = self.address;
        self.address += n as u64;
        self.left -= n;
        (at, n, n > 0 && self.left == 0)
    }
}

impl DmaChannel for TestDma {
    fn write_to_memory(&mut self, mem: &mut dyn DmaMemory, data: &[u8]) -> (usize, bool) {
        let (at, n, tc) = self.take(data.len());
        mem.write(at, &data[..n]);
        (n, tc)
    }

    fn read_from_memory(&mut self, mem: &mut dyn DmaMemory, buf: &mut [u8]) -> (usize, bool) {
        let (at, n, tc) = self.take(buf.len());
        mem.read(at, &mut buf[..n]);
        (n, tc)
    }
}

struct Host {
    fdc: Fdc,
    sched: Scheduler,
    irq: IrqLines,
    now: u64,
    mem: Vec<u8>,
    dma: TestDma,
}

fn image(kib: usize) -> MemMedium {
    let mut data = vec![0; kib * 1024];
    for (n, sector) in data.chunks_mut(512).enumerate() {
        sector.fill(n as u8);
        sector[..2].copy_from_slice(&(n as u16).to_le_bytes());
    }
    MemMedium { data, read_only: false }
}

impl Host {
    /// A controller out of reset, 500 kbit/s, with `medium` in A:.
    fn with(medium: MemMedium) -> Self {
        let mut h = Self::bare();
        h.fdc.insert(0, Box::new(medium));
        h.out(0x3F2, 0x1C);
        h.settle();
        for n in 0..4 {
            assert_eq!(h.command(&[8], 2), [0xC0 | n, 0]);
        }
        h.out(0x3F7, 0);
        h.command(&[3, 0xAF, 0x02], 0);
        h
    }

    fn bare() -> Self {
        Self {
            fdc: Fdc::new(),
            sched: Scheduler::default(),
            irq: IrqLines::default(),
            now: 1000,
            mem: vec![0; 1 << 16],
            dma: TestDma::default(),
        }
    }

    fn out(&mut self, port: u16, value: u8) {
        let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
        self.fdc.write(&mut ctx, port, value);
    }

    fn inb(&mut self, port: u16) -> u8 {
        let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
        self.fdc.read(&mut ctx, port)
    }

    fn msr(&mut self) -> u8 {
        self.inb(0x3F4)
    }

    fn irq6(&self) -> bool {
        self.irq.levels() >> 6 & 1 != 0
    }

    /// Lets time pass to the next deadline and handles what is due.
    fn tick(&mut self) -> bool {
        if self.sched.next_deadline() == u64::MAX {
            return false;
        }
        self.now = self.now.max(self.sched.next_deadline());
        assert_eq!(self.sched.pop_due(self.now), Some(EventId::Fdc));
        let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
        self.fdc.event(&mut ctx, &mut self.dma, &mut self.mem);
        true
    }

    fn settle(&mut self) {
        while self.tick() {}
    }

    fn send(&mut self, bytes: &[u8]) {
        for b in bytes {
            assert_eq!(self.msr() & 0xC0, 0x80);
            self.out(0x3F5, *b);
        }
    }

    fn results(&mut self, n: usize) -> Vec<u8> {
        (0..n)
            .map(|_| {
                assert_eq!(self.msr() & 0xD0, 0xD0);
                self.inb(0x3F5)
            })
            .collect()
    }

    /// Command, execution, results; afterwards the controller must be ready for the next command.
    fn command(&mut self, bytes: &[u8], results: usize) -> Vec<u8> {
        self.send(bytes);
        self.settle();
        let r = self.results(results);
        assert_eq!(self.msr() & 0xD0, 0x80);
        r
    }

    fn program_dma(&mut self, address: u64, len: usize) {
        self.dma = TestDma { address, left: len };
    }

    fn seek(&mut self, cylinder: u8) {
        self.send(&[0x0F, 0, cylinder]);
        assert_eq!(self.msr(), 0x81);
        self.settle();
        assert!(self.irq6());
        assert_eq!(self.command(&[8], 2), [0x20, cylinder]);
        assert!(!self.irq6());
    }
}

#[test]
fn reset_interrupts_and_reports_four_drives() {
    let mut h = Host::bare();
    assert_eq!(h.msr(), 0);
    h.out(0x3F2, 0x0C);
    assert_eq!((h.msr(), h.irq6()), (0, false));
    h.settle();
    assert_eq!((h.msr(), h.irq6()), (0x80, true));
    for n in 0..4 {
        assert_eq!(h.command(&[8], 2), [0xC0 | n, 0]);
        assert!(!h.irq6());
    }
    assert_eq!(h.command(&[8], 1), [0x80]);
    // Without polling there is no interrupt; a locked configuration survives the reset.
    h.command(&[0x13, 0, 0x57, 0], 0);
    assert_eq!(h.command(&[0x94], 1), [0x10]);
    h.out(0x3F4, 0x80);
    h.settle();
    assert!(!h.irq6());
    assert_eq!(h.command(&[0x0E], 10)[7..], [0x80, 0x57, 0]);
    assert_eq!(h.command(&[0x14], 1), [0]);
    h.out(0x3F2, 0x08);
    h.out(0x3F2, 0x0C);
    h.settle();
    assert!(h.irq6());
    assert_eq!(h.command(&[0x0E], 10)[7..], [0, 0x20, 0]);
}

#[test]
fn version_and_unknown_commands() {
    let mut h = Host::with(image(1440));
    assert_eq!(h.command(&[0x10], 1), [0x90]);
    assert_eq!(h.command(&[0x18], 1), [0x80]);
    assert_eq!(h.command(&[0x1F], 1), [0x80]);
    h.send(&[0xE6, 0]);
    assert_eq!(h.msr(), 0x90);
}

#[test]
fn dma_read_of_a_sector() {
    let mut h = Host::with(image(1440));
    h.seek(5);
    h.program_dma(0x2000, 512);
    h.send(&[0xE6, 4, 5, 1, 7, 2, 18, 0x1B, 0xFF]);
    assert_eq!((h.msr(), h.irq6()), (0x10, false));
    h.settle();
    assert!(h.irq6());
    assert_eq!(h.msr(), 0xD0);
    assert_eq!(h.results(7), [4, 0, 0, 5, 1, 8, 2]);
    assert_eq!((h.irq6(), h.msr()), (false, 0x80));
    let lba = (5 * 2 + 1) * 18 + 6;
    assert_eq!(h.mem[0x2000..0x2002], u16::to_le_bytes(lba));
    assert_eq!(h.mem[0x2200], 0);
}

#[test]
fn multi_track_continues_on_side_one_and_results_follow_the_table() {
    let mut h = Host::with(image(1440));
    h.program_dma(0x1000, 4 * 512);
    assert_eq!(h.command(&[0xE6, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF], 7), [4, 0, 0, 0, 1, 3, 2]);
    let sectors: Vec<u8> = (0..4).map(|n| h.mem[0x1002 + n * 512]).collect();
    assert_eq!(sectors, [16, 17, 18, 19]);
    // Terminal count on the last sector of side 0, of side 1, and without MT.
    h.program_dma(0x1000, 512);
    assert_eq!(h.command(&[0xE6, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF], 7), [4, 0, 0, 0, 1, 1, 2]);
    h.program_dma(0x1000, 512);
    assert_eq!(h.command(&[0xE6, 4, 0, 1, 18, 2, 18, 0x1B, 0xFF], 7), [0, 0, 0, 1, 0, 1, 2]);
    h.program_dma(0x1000, 512);
    assert_eq!(h.command(&[0x66, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF], 7), [0, 0, 0, 1, 0, 1, 2]);
    // More asked for than the track has.
    h.program_dma(0x1000, 2048);
    assert_eq!(h.command(&[0x66, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF], 7), [0x40, 0x80, 0, 1, 0, 1, 2]);
}

#[test]
fn sectors_that_are_not_there() {
    let mut h = Host::with(image(1440));
    let read = |h: &mut Host, c, head: u8, hid, r, n| {
        h.program_dma(0x1000, 512);
        h.command(&[0x46, head << 2, c, hid, r, n, 18, 0x1B, 0xFF], 7)[..3].to_vec()
    };
    assert_eq!(read(&mut h, 0, 0, 0, 19, 2), [0x40, 4, 0]);
    assert_eq!(read(&mut h, 0, 0, 0, 0, 2), [0x40, 4, 0]);
    assert_eq!(read(&mut h, 0, 0, 1, 1, 2), [0x40, 4, 0]);
    assert_eq!(read(&mut h, 0, 0, 0, 1, 3), [0x40, 4, 0]);
    assert_eq!(read(&mut h, 3, 0, 0, 1, 2), [0x40, 4, 0x10]);
    h.out(0x3F7, 2); // 250 kbit/s finds nothing on a high-density diskette
    assert_eq!(read(&mut h, 0, 0, 0, 1, 2), [0x40, 1, 0]);
    assert_eq!(h.command(&[0x4A, 0], 7)[..2], [0x40, 1]);
    h.out(0x3F4, 0);
    assert_eq!(h.command(&[0x4A, 0], 7)[..2], [0, 0]);
    assert_eq!(h.command(&[0x0A, 0], 7)[..2], [0x40, 1]); // FM
    h.program_dma(0, 0); // masked channel
    assert_eq!(h.command(&[0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF], 7)[..2], [0x40, 0x10]);
}

#[test]
fn write_reads_back_and_protection_is_reported() {
    let mut h = Host::with(image(720));
    h.out(0x3F7, 2);
    h.mem[0x3000..0x3400].fill(0xA5);
    h.program_dma(0x3000, 700);
    assert_eq!(h.command(&[0xC5, 0, 0, 0, 9, 2, 9, 0x2A, 0xFF], 7), [4, 0, 0, 0, 1, 2, 2]);
    h.program_dma(0x1000, 1024);
    h.command(&[0xE6, 0, 0, 0, 9, 2, 9, 0x2A, 0xFF], 7);
    assert!(h.mem[0x1000..0x1000 + 700].iter().all(|b| *b == 0xA5));
    assert!(h.mem[0x1000 + 700..0x1400].iter().all(|b| *b == 0));
    assert_eq!(h.command(&[4, 0], 1), [0x38]);
    h.fdc.insert(0, Box::new(MemMedium { read_only: true, ..image(720) }));
    assert_eq!(h.command(&[4, 4], 1), [0x7C]);
    h.program_dma(0x3000, 512);
    assert_eq!(h.command(&[0xC5, 0, 0, 0, 1, 2, 9, 0x2A, 0xFF], 7)[..2], [0x40, 2]);
}

#[test]
fn format_fills_a_track() {
    let mut h = Host::with(image(1440));
    h.seek(2);
    for r in 0..18u8 {
        let at = 0x1000 + usize::from(r) * 4;
        h.mem[at..at + 4].copy_from_slice(&[2, 1, r + 1, 2]);
    }
    h.program_dma(0x1000, 72);
    assert_eq!(h.command(&[0x4D, 4, 2, 18, 0x54, 0xF6], 7)[..3], [4, 0, 0]);
    let medium = h.fdc.medium_mut(0).unwrap();
    let mut track = vec![0; 20 * 512];
    medium.read_at((5 * 18 - 1) * 512, &mut track).unwrap();
    assert_eq!((track[2], track[512], track[18 * 512 + 511], track[19 * 512 + 2]), (89, 0xF6, 0xF6, 108));
    // A sector that the image's geometry does not have.
    h.mem[0x1002] = 40;
    h.program_dma(0x1000, 72);
    assert_eq!(h.command(&[0x4D, 4, 2, 18, 0x54, 0xF6], 7)[..2], [0x44, 4]);
}

#[test]
fn pio_transfers_end_at_the_cylinder() {
    let mut h = Host::with(image(1440));
    h.command(&[3, 0xAF, 0x03], 0);
    h.send(&[0x46, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF]);
    assert_eq!(h.msr(), 0x30);
    for n in 16..18 {
        h.settle();
        h.irq.take_edges();
        for i in 0..512 {
            assert_eq!(h.msr(), 0xF0);
            assert!(h.irq6());
            let byte = h.inb(0x3F5);
            assert_eq!(byte, if i == 1 { 0 } else { n });
            assert_eq!(h.irq.take_edges() != 0, i != 511 || n == 17);
        }
    }
    assert_eq!(h.results(7), [0x40, 0x80, 0, 1, 0, 1, 2]);
    h.send(&[0x45, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF]);
    h.settle();
    for _ in 0..512 {
        assert_eq!(h.msr(), 0xB0);
        h.out(0x3F5, 0x3C);
    }
    assert_eq!(h.results(7)[..2], [0x40, 0x80]);
    h.send(&[0x46, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF]);
    h.settle();
    assert_eq!(h.inb(0x3F5), 0x3C);
}

#[test]
fn change_line_clears_with_a_step() {
    let mut h = Host::with(image(1440));
    assert_eq!(h.inb(0x3F7), 0x80);
    h.seek(0); // no step
    assert_eq!(h.inb(0x3F7), 0x80);
    h.seek(1);
    assert_eq!(h.inb(0x3F7), 0);
    assert!(h.fdc.eject(0).is_some());
    h.send(&[0x07, 0]);
    h.settle();
    h.command(&[8], 2);
    assert_eq!(h.inb(0x3F7), 0x80);
    h.fdc.insert(0, Box::new(image(720)));
    h.seek(1);
    assert_eq!(h.inb(0x3F7), 0);
    // A 360K drive has no change line.
    let mut h = Host::with(image(360));
    assert_eq!(h.fdc.drive_type(0), Some(DriveType::D360));
    assert_eq!(h.inb(0x3F7), 0);
}

#[test]
fn recalibrate_and_missing_drives() {
    let mut h = Host::with(image(1440));
    h.seek(83);
    h.send(&[7, 0]);
    h.settle();
    assert_eq!(h.command(&[8], 2), [0x70, 0]); // 79 steps are not enough
    h.send(&[7, 0]);
    h.settle();
    assert_eq!(h.command(&[8], 2), [0x20, 0]);
    h.send(&[7, 1]);
    h.settle();
    assert_eq!(h.command(&[8], 2), [0x71, 0]);
    assert_eq!(h.command(&[4, 1], 1), [0x29]);
    h.program_dma(0, 512);
    assert_eq!(h.command(&[0x46, 1, 0, 0, 1, 2, 18, 0x1B, 0xFF], 7)[..2], [0x41, 1]);
}

#[test]
fn overlapped_seeks_report_each_drive() {
    let mut h = Host::with(image(1440));
    h.fdc.attach(1, DriveType::D1440);
    h.send(&[0x0F, 0, 10]);
    h.send(&[0x0F, 1, 40]);
    assert_eq!(h.msr(), 0x83);
    h.tick();
    assert_eq!((h.msr(), h.irq6()), (0x82, true));
    h.tick();
    assert_eq!(h.command(&[8], 2), [0x20, 10]);
    assert!(h.irq6());
    assert_eq!(h.command(&[8], 2), [0x21, 40]);
    // Relative seek: in by two, out by five.
    h.command(&[0xCF, 0, 2], 0);
    assert_eq!(h.command(&[8], 2), [0x20, 12]);
    h.command(&[0x8F, 0, 5], 0);
    assert_eq!(h.command(&[8], 2), [0x20, 7]);
}

#[test]
fn implied_seek_moves_the_heads() {
    let mut h = Host::with(image(1440));
    h.command(&[0x13, 0, 0x60, 0], 0);
    h.program_dma(0x1000, 512);
    assert_eq!(h.command(&[0x46, 0, 30, 0, 1, 2, 18, 0x1B, 0xFF], 7)[..3], [0, 0, 0]);
    assert_eq!(h.mem[0x1000..0x1002], u16::to_le_bytes(30 * 36));
    assert_eq!(h.command(&[0x0E], 10)[0], 30);
}

#[test]
fn double_density_in_a_high_density_drive_steps_twice() {
    let mut h = Host::bare();
    h.fdc.attach(0, DriveType::D1200);
    h.fdc.insert(0, Box::new(image(360)));
    h.out(0x3F2, 0x1C);
    h.settle();
    (0..4).for_each(|_| drop(h.command(&[8], 2)));
    h.command(&[3, 0xAF, 0x02], 0);
    h.out(0x3F7, 1); // 300 kbit/s
    h.seek(20);
    assert_eq!(h.command(&[0x4A, 4], 7)[..5], [4, 0, 0, 10, 1]);
    h.seek(21);
    assert_eq!(h.command(&[0x4A, 4], 7)[..2], [0x44, 1]);
}

#[test]
fn read_track_verify_and_scan() {
    let mut h = Host::with(image(1440));
    h.program_dma(0x1000, 18 * 512);
    assert_eq!(h.command(&[0x42, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF], 7)[..3], [0, 0, 0]);
    assert_eq!((h.mem[0x1002], h.mem[0x1002 + 17 * 512]), (0, 17));
    assert_eq!(h.command(&[0x56, 0, 0, 0, 1, 2, 18, 0x1B, 0], 7)[..3], [0, 0, 0]);
    assert_eq!(h.command(&[0xD6, 0x80, 0, 0, 17, 2, 18, 0x1B, 4], 7), [4, 0, 0, 0, 1, 3, 2]);
    assert_eq!(h.command(&[0x56, 0, 0, 0, 1, 2, 25, 0x1B, 0], 7)[..2], [0x40, 4]);
    // Sector 6 (number 5) is the first whose bytes are at least 5.
    h.mem[0x1000..0x1000 + 18 * 512].fill(5);
    for n in 0..18 {
        h.mem[0x1001 + n * 512] = 0xFF;
    }
    h.program_dma(0x1000, 18 * 512);
    assert_eq!(h.command(&[0x5D, 0, 0, 0, 1, 2, 18, 0x1B, 1], 7), [0, 0, 8, 0, 0, 6, 2]);
    h.mem[0x1000..0x1000 + 18 * 512].fill(99);
    h.program_dma(0x1000, 18 * 512);
    assert_eq!(h.command(&[0x51, 0, 0, 0, 1, 2, 18, 0x1B, 1], 7)[..3], [0, 0, 4]);
}

#[test]
fn short_images_read_as_zeros() {
    let mut h = Host::with(MemMedium { data: vec![0x5A; 512], read_only: false });
    h.program_dma(0x1000, 1024);
    h.mem[0x1200] = 1;
    assert_eq!(h.command(&[0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF], 7)[..3], [0, 0, 0]);
    assert_eq!((h.mem[0x1000], h.mem[0x1200]), (0x5A, 0));
}

round_trip!(mid_command_round_trips, {
    let mut h = Host::with(image(1440));
    h.command(&[3, 0xAF, 0x03], 0);
    h.send(&[0x46, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF]);
    h.settle();
    h.inb(0x3F5);
    h.send_seek();
    h.fdc
});

impl Host {
    fn send_seek(&mut self) {
        self.fdc.seeks[1] = Some(Seek { due: 5, st0: 0x21, pcn: 3 });
    }
}

#[test]
fn a_loaded_state_continues() {
    let mut h = Host::with(image(1440));
    h.program_dma(0x1000, 1024);
    h.send(&[0x46, 0, 0, 0, 3, 2, 18, 0x1B, 0xFF]);
    h.tick();
    h.fdc = postcard::from_bytes(&postcard::to_stdvec(&h.fdc).unwrap()).unwrap();
    h.fdc.reconnect(0, Box::new(image(1440)));
    h.settle();
    assert_eq!(h.results(7)[..3], [0, 0, 0]);
    assert_eq!((h.mem[0x1002], h.mem[0x1202]), (2, 3));
}
