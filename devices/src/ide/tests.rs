//! Register-level tests: each drives the ports as a driver does.

use super::disk::DiskIdentity;
use super::*;
use crate::ctx::IrqLines;
use crate::medium::MemMedium;
use crate::sched::Scheduler;

const MASTER: Position = Position { channel: 0, device: 0 };
const SLAVE: Position = Position { channel: 0, device: 1 };

struct Host {
    ide: Ide,
    sched: Scheduler,
    irq: IrqLines,
    now: u64,
    mem: Vec<u8>,
}

/// Sector `n` starts with its number.
fn image(sectors: u32) -> MemMedium {
    let mut data = Vec::new();
    for n in 0..sectors {
        let mut sector = vec![n as u8; 512];
        sector[..4].copy_from_slice(&n.to_le_bytes());
        data.extend(sector);
    }
    MemMedium { data, read_only: false }
}

impl Host {
    fn new() -> Self {
        let mem = vec![0; 1 << 20];
        Self { ide: Ide::new(), sched: Scheduler::default(), irq: IrqLines::default(), now: 1000, mem }
    }

    fn with_disk(sectors: u32) -> Self {
        let mut h = Self::new();
        h.ide.attach_disk(MASTER, Box::new(image(sectors)), DiskIdentity::default(), None);
        h
    }

    fn with_cd(blocks: u32) -> Self {
        let mut h = Self::new();
        h.ide.attach_cdrom(MASTER, Some(Box::new(image(blocks * 4))));
        h
    }

    fn ctx<T>(&mut self, f: impl FnOnce(&mut Ide, &mut Ctx) -> T) -> T {
        let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
        f(&mut self.ide, &mut ctx)
    }

    fn out(&mut self, port: u16, value: u8) {
        self.ctx(|ide, ctx| ide.write(ctx, port, value));
    }

    fn inb(&mut self, port: u16) -> u8 {
        self.ctx(|ide, ctx| ide.read(ctx, port))
    }

    fn inw(&mut self) -> u16 {
        self.ctx(|ide, ctx| ide.read_data16(ctx, 0))
    }

    fn outw(&mut self, value: u16) {
        self.ctx(|ide, ctx| ide.write_data16(ctx, 0, value));
    }

    /// Lets virtual time run until nothing is armed.
    fn settle(&mut self) {
        while self.sched.next_deadline() != u64::MAX {
            self.now = self.now.max(self.sched.next_deadline());
            let id = self.sched.pop_due(self.now).unwrap();
            let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
            self.ide.event(&mut ctx, id, &mut self.mem);
        }
    }

    fn irq14(&self) -> bool {
        self.irq.levels() >> 14 & 1 != 0
    }

    /// Writes count, LBA and device, issues the command and waits.
    fn command(&mut self, command: u8, count: u8, lba: u32, device: u8) -> u8 {
        let b = lba.to_le_bytes();
        self.out(0x1F6, device | b[3] & 0x0F);
        self.out(0x1F2, count);
        self.out(0x1F3, b[0]);
        self.out(0x1F4, b[1]);
        self.out(0x1F5, b[2]);
        self.out(0x1F7, command);
        assert_eq!(self.inb(0x3F6) & 0x80, 0x80);
        self.settle();
        self.inb(0x3F6)
    }

    fn read_words(&mut self, n: usize) -> Vec<u8> {
        (0..n).flat_map(|_| self.inw().to_le_bytes()).collect()
    }

    fn packet(&mut self, dma: bool, limit: u16, packet: [u8; 12]) -> u8 {
        let [low, high] = limit.to_le_bytes();
        self.out(0x1F6, 0xA0);
        self.out(0x1F1, u8::from(dma));
        self.out(0x1F4, low);
        self.out(0x1F5, high);
        self.out(0x1F7, 0xA0);
        self.settle();
        assert_eq!((self.inb(0x3F6) & 0x88, self.inb(0x1F2) & 3, self.irq14()), (0x08, 1, false));
        for pair in packet.chunks(2) {
            self.outw(u16::from_le_bytes([pair[0], pair[1]]));
        }
        assert_eq!(self.inb(0x3F6) & 0x88, 0x80);
        self.settle();
        self.inb(0x3F6)
    }

    /// A packet command with its PIO data phases: data, final status, error register.
    fn packet_in(&mut self, limit: u16, packet: [u8; 12]) -> (Vec<u8>, u8, u8) {
        let mut status = self.packet(false, limit, packet);
        let mut data = Vec::new();
        while status & 0x08 != 0 {
            assert!(self.irq14());
            self.inb(0x1F7);
            assert_eq!(self.inb(0x1F2) & 3, 2);
            let n = usize::from(u16::from_le_bytes([self.inb(0x1F4), self.inb(0x1F5)]));
            assert!(n <= usize::from(limit));
            let mut block = self.read_words(n.div_ceil(2));
            block.truncate(n);
            data.extend(block);
            self.settle();
            status = self.inb(0x3F6);
        }
        assert!(self.irq14());
        assert_eq!(self.inb(0x1F2) & 3, 3);
        self.inb(0x1F7);
        assert!(!self.irq14());
        (data, status, self.inb(0x1F1))
    }

    fn ready_cd(blocks: u32) -> Self {
        let mut h = Self::with_cd(blocks);
        let (_, status, error) = h.packet_in(0xFFFE, [0; 12]);
        assert_eq!((status, error), (0x51, 0x64)); // power-on unit attention
        h
    }

    fn sense(&mut self) -> (u8, u8, u8) {
        let (d, ..) = self.packet_in(0xFFFE, [3, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0]);
        (d[2], d[12], d[13])
    }
}

#[test]
fn probe_tells_devices_from_a_floating_cable() {
    let mut h = Host::with_disk(64);
    assert_eq!(h.ctx(|ide, ctx| ide.read(ctx, 0x177)), 0x7F);
    h.out(0x1F6, 0xA0);
    h.out(0x1F2, 0x55);
    h.out(0x1F3, 0xAA);
    assert_eq!((h.inb(0x1F2), h.inb(0x1F3), h.inb(0x1F6)), (0x55, 0xAA, 0xA0));
    assert_eq!(h.inb(0x1F7), 0x50);
    h.out(0x1F6, 0xB0);
    assert_eq!((h.inb(0x1F7), h.inb(0x1F6)), (0, 0xB0));
    h.out(0x1F7, 0xEC); // nobody there
    assert_eq!(h.sched.next_deadline(), u64::MAX);
}

#[test]
fn software_reset_leaves_signatures() {
    let mut h = Host::with_disk(64);
    h.ide.attach_cdrom(SLAVE, None);
    h.out(0x1F6, 0xB0);
    h.out(0x3F6, 0x04);
    assert_eq!(h.inb(0x3F6), 0x80);
    h.out(0x3F6, 0x00);
    assert_eq!(h.inb(0x3F6), 0x80);
    h.settle();
    let regs = |h: &mut Host| [0x1F1, 0x1F2, 0x1F3, 0x1F4, 0x1F5, 0x1F6, 0x1F7].map(|p| h.inb(p));
    assert_eq!(regs(&mut h), [1, 1, 1, 0, 0, 0, 0x50]);
    h.out(0x1F6, 0x10);
    assert_eq!(regs(&mut h), [1, 1, 1, 0x14, 0xEB, 0x10, 0]);
    assert!(!h.irq14());
    h.out(0x1F7, 0x90);
    h.settle();
    assert!(h.irq14());
    assert_eq!(regs(&mut h), [1, 1, 1, 0, 0, 0, 0x50]);
    assert!(!h.irq14());
}

#[test]
fn identify_describes_the_disk() {
    let mut h = Host::with_disk(65 * 16 * 63 + 5);
    assert_eq!(h.command(0xEC, 0, 0, 0xA0), 0x58);
    assert!(h.irq14());
    assert_eq!(h.inb(0x1F7), 0x58);
    assert!(!h.irq14());
    let id = h.read_words(256);
    assert_eq!(h.inb(0x1F7), 0x50);
    let word = |n: usize| u16::from_le_bytes([id[2 * n], id[2 * n + 1]]);
    assert_eq!((word(0), word(1), word(3), word(6)), (0x40, 65, 16, 63));
    assert_eq!((word(54), word(55), word(56)), (65, 16, 63));
    assert_eq!(u32::from(word(57)) | u32::from(word(58)) << 16, 65520);
    assert_eq!(u32::from(word(60)) | u32::from(word(61)) << 16, 65525);
    assert_eq!(word(100), 65525);
    assert_eq!(&id[54..72], b"ERIWDN68H RADDSI K");
    assert_eq!(id.iter().fold(0u8, |s, b| s.wrapping_add(*b)), 0);
    assert_eq!(id[510], 0xA5);
    assert_eq!(h.command(0xA1, 0, 0, 0xA0), 0x51);
    assert_eq!(h.inb(0x1F1), 4);
}

#[test]
fn pio_read_interrupts_per_sector() {
    let mut h = Host::with_disk(64);
    assert_eq!(h.command(0x20, 3, 10, 0xE0), 0x58);
    for n in 10..13u32 {
        assert!(h.irq14());
        assert_eq!(h.inb(0x1F7), 0x58);
        let data = h.read_words(256);
        assert_eq!(&data[..4], n.to_le_bytes());
        assert_eq!(h.inb(0x3F6), if n < 12 { 0xD0 } else { 0x50 });
        h.settle();
    }
    assert!(!h.irq14());
    assert_eq!([h.inb(0x1F2), h.inb(0x1F3)], [0, 12]);
}

#[test]
fn chs_follows_the_translation() {
    let mut h = Host::with_disk(64 * 63);
    // 4 heads, 17 sectors: cylinder 1, head 2, sector 3 is (1*4+2)*17+2 = 104.
    assert_eq!(h.command(0x91, 17, 0, 0xA3), 0x50);
    assert_eq!(h.command(0x20, 1, 0x000103, 0xA2), 0x58);
    assert_eq!(h.read_words(256)[0], 104);
    assert_eq!([h.inb(0x1F3), h.inb(0x1F4), h.inb(0x1F6)], [3, 1, 0xA2]);
    for (lba, head) in [(0x000100, 0), (0x000112, 0), (0x000101, 4), (0xFFFF01, 0)] {
        assert_eq!(h.command(0x20, 1, lba, 0xA0 | head), 0x51, "{lba:x} head {head}");
        assert_eq!(h.inb(0x1F1), 0x10);
    }
}

#[test]
fn read_past_the_end_delivers_what_there_is() {
    let mut h = Host::with_disk(64);
    assert_eq!(h.command(0x20, 4, 62, 0xE0), 0x58);
    for n in 62..64 {
        assert_eq!(h.read_words(256)[0], n);
        h.settle();
    }
    assert_eq!((h.inb(0x1F7), h.inb(0x1F1)), (0x51, 0x10));
    assert_eq!((h.inb(0x1F2), h.inb(0x1F3)), (2, 64));
    assert_eq!(h.command(0x40, 4, 62, 0xE0), 0x51);
    assert_eq!((h.inb(0x1F2), h.inb(0x1F3)), (2, 64));
    assert_eq!(h.command(0x40, 2, 62, 0xE0), 0x50);
}

#[test]
fn pio_write_asks_without_an_interrupt_and_reads_back() {
    let mut h = Host::with_disk(64);
    assert_eq!(h.command(0x30, 2, 5, 0xE0), 0x58);
    assert!(!h.irq14());
    for block in 0..2u16 {
        for i in 0..256 {
            h.outw(0xAB00 + block + i);
        }
        assert_eq!(h.inb(0x3F6) & 0x88, 0x80);
        h.settle();
        assert!(h.irq14());
        assert_eq!(h.inb(0x1F7), if block == 0 { 0x58 } else { 0x50 });
    }
    assert_eq!(h.command(0x20, 1, 6, 0xE0), 0x58);
    assert_eq!(h.inw(), 0xAB01);
    assert_eq!(h.command(0xE7, 0, 0, 0xE0), 0x50);
}

#[test]
fn a_read_only_medium_refuses_writes() {
    let mut h = Host::new();
    let medium = MemMedium { read_only: true, ..image(64) };
    h.ide.attach_disk(MASTER, Box::new(medium), DiskIdentity::default(), None);
    for command in [0x30, 0xCA] {
        assert_eq!(h.command(command, 1, 5, 0xE0), 0x51);
        assert_eq!(h.inb(0x1F1), 0x44);
    }
}

#[test]
fn multiple_mode_moves_blocks() {
    let mut h = Host::with_disk(64);
    assert_eq!(h.command(0xC4, 4, 0, 0xE0), 0x51); // not set
    assert_eq!(h.command(0xC6, 5, 0, 0xE0), 0x51);
    assert_eq!(h.command(0xC6, 4, 0, 0xE0), 0x50);
    assert_eq!(h.command(0xC4, 6, 20, 0xE0), 0x58);
    let first = h.read_words(4 * 256);
    assert_eq!((first[0], first[3 * 512]), (20, 23));
    h.settle();
    assert!(h.irq14());
    assert_eq!(h.read_words(2 * 256)[512], 25);
    assert_eq!(h.inb(0x1F7), 0x50);
}

#[test]
fn lba48_uses_both_halves() {
    let mut h = Host::with_disk(600);
    for port in 0x1F2..=0x1F5 {
        h.out(port, 0); // previous contents
    }
    h.out(0x1F6, 0x40);
    h.out(0x1F2, 1);
    h.out(0x1F3, 0x2C);
    h.out(0x1F4, 1);
    h.out(0x1F5, 0);
    h.out(0x1F7, 0x24);
    h.settle();
    assert_eq!(h.read_words(256)[..4], 300u32.to_le_bytes());
    // 100000h sectors beyond: the high half makes it out of range.
    h.out(0x1F3, 1);
    h.out(0x1F3, 0);
    h.out(0x1F7, 0x24);
    h.settle();
    assert_eq!((h.inb(0x1F7), h.inb(0x1F1)), (0x51, 0x10));
    h.out(0x3F6, 0x80);
    assert_eq!(h.inb(0x1F3), 1);
    h.out(0x1F7, 0x27);
    h.settle();
    assert_eq!((h.inb(0x1F3), h.inb(0x1F4)), (0x57, 2));
    assert_eq!(h.command(0xF8, 0, 0, 0xE0), 0x50);
    assert_eq!((h.inb(0x1F3), h.inb(0x1F4)), (0x57, 2));
}

#[test]
fn nien_hides_the_interrupt_until_cleared() {
    let mut h = Host::with_disk(64);
    h.out(0x3F6, 0x02);
    assert_eq!(h.command(0xE5, 0, 0, 0xE0), 0x50);
    assert_eq!(h.inb(0x1F2), 0xFF);
    assert!(!h.irq14());
    h.out(0x3F6, 0);
    assert!(h.irq14());
}

#[test]
fn block_reads_leave_the_last_word() {
    let mut h = Host::with_disk(64);
    assert_eq!(h.command(0x20, 1, 7, 0xE0), 0x58);
    let mut buf = [0; 2048];
    let n = h.ctx(|ide, ctx| ide.read_data_block(ctx, 0, &mut buf));
    assert_eq!((n, buf[0], buf[507]), (508, 7, 7));
    assert_eq!(h.ctx(|ide, ctx| ide.read_data_block(ctx, 0, &mut buf)), 0);
    assert_eq!(h.inb(0x3F6), 0x58);
    assert_eq!(h.ctx(|ide, ctx| ide.read_data32(ctx, 0)), 0x07070707);
    assert_eq!(h.inb(0x3F6), 0x50);
    assert_eq!(h.command(0x30, 1, 8, 0xE0), 0x58);
    assert_eq!(h.ctx(|ide, ctx| ide.write_data_block(ctx, 0, &[9; 512])), 508);
    h.ctx(|ide, ctx| ide.write_data32(ctx, 0, 0x09090909));
    h.settle();
    assert_eq!(h.command(0x20, 1, 8, 0xE0), 0x58);
    assert_eq!(h.read_words(256), [9; 512]);
}

#[test]
fn set_features_and_unknown_commands() {
    let mut h = Host::with_disk(64);
    let feature = |h: &mut Host, feature: u8, count: u8| {
        h.out(0x1F1, feature);
        h.command(0xEF, count, 0, 0xA0)
    };
    assert_eq!(feature(&mut h, 3, 0x42), 0x50);
    assert_eq!(feature(&mut h, 3, 0x77), 0x51);
    assert_eq!(feature(&mut h, 0x99, 0), 0x51);
    assert_eq!(h.command(0xEC, 0, 0, 0xA0), 0x58);
    let id = h.read_words(256);
    assert_eq!((id[2 * 88 + 1], id[2 * 63 + 1]), (0x04, 0));
    for command in [0x00, 0x08, 0xA0, 0xFF] {
        assert_eq!((h.command(command, 0, 0, 0xA0), h.inb(0x1F1)), (0x51, 0x04));
    }
}

/// Writes a PRD table at 1000h and programs the primary bus master.
fn prds(h: &mut Host, regions: &[(u32, u16)]) {
    for (i, (address, len)) in regions.iter().enumerate() {
        let eot = if i + 1 == regions.len() { 0x8000u16 } else { 0 };
        let at = 0x1000 + 8 * i;
        h.mem[at..at + 4].copy_from_slice(&address.to_le_bytes());
        h.mem[at + 4..at + 6].copy_from_slice(&len.to_le_bytes());
        h.mem[at + 6..at + 8].copy_from_slice(&eot.to_le_bytes());
    }
    for (i, b) in 0x1000u32.to_le_bytes().into_iter().enumerate() {
        bm(h, 4 + i as u16, b);
    }
    bm(h, 2, 0x06);
}

fn bm(h: &mut Host, reg: u16, value: u8) {
    h.ctx(|ide, ctx| ide.bm_write(ctx, reg, value));
}

#[test]
fn dma_read_scatters_and_reports() {
    let mut h = Host::with_disk(64);
    prds(&mut h, &[(0x4000, 1024), (0x8000, 512)]);
    bm(&mut h, 0, 0x08);
    h.out(0x1F7, 0); // leave something for the status to clear
    h.settle();
    h.inb(0x1F7);
    bm(&mut h, 2, 0x04);
    assert_eq!(h.ide.bm_read(2), 0);
    h.command(0xC8, 3, 30, 0xE0);
    assert_eq!((h.inb(0x3F6), h.irq14()), (0x58, false));
    bm(&mut h, 0, 0x09);
    assert_eq!(h.ide.bm_read(2), 1);
    h.settle();
    assert!(h.irq14());
    assert_eq!(h.ide.bm_read(2), 0x04);
    assert_eq!((h.mem[0x4000], h.mem[0x4200], h.mem[0x8000], h.mem[0x8200]), (30, 31, 32, 0));
    assert_eq!(h.inb(0x1F7), 0x50);
    bm(&mut h, 0, 0);
    bm(&mut h, 2, 0x04);
    assert_eq!(h.ide.bm_read(2), 0);
}

#[test]
fn dma_write_started_before_the_command_works_too() {
    let mut h = Host::with_disk(64);
    h.mem[0x4000..0x4400].fill(0x77);
    prds(&mut h, &[(0x4000, 256), (0x4100, 768)]);
    bm(&mut h, 0, 0x01);
    h.settle();
    h.command(0xCA, 2, 40, 0xE0);
    assert_eq!((h.ide.bm_read(2), h.inb(0x1F7)), (0x04, 0x50));
    bm(&mut h, 0, 0);
    assert_eq!(h.command(0x20, 2, 41, 0xE0), 0x58);
    assert_eq!(h.read_words(256), [0x77; 512]);
}

#[test]
fn prd_tables_of_the_wrong_size() {
    // Too short: the engine stops, the device waits, no interrupt.
    let mut h = Host::with_disk(64);
    prds(&mut h, &[(0x4000, 512)]);
    h.command(0xC8, 2, 0, 0xE0);
    bm(&mut h, 0, 0x09);
    h.settle();
    assert_eq!((h.ide.bm_read(2), h.inb(0x3F6), h.irq14()), (0, 0x58, false));
    // Too long: the device ends, the engine stays active.
    let mut h = Host::with_disk(64);
    prds(&mut h, &[(0x4000, 0)]);
    h.command(0xC8, 2, 0, 0xE0);
    bm(&mut h, 0, 0x09);
    h.settle();
    assert_eq!((h.ide.bm_read(2), h.inb(0x3F6), h.irq14()), (0x05, 0x50, true));
}

#[test]
fn identify_packet_and_signature_of_the_cdrom() {
    let mut h = Host::with_cd(20);
    assert_eq!(h.inb(0x1F7), 0);
    assert_eq!(h.command(0xEC, 0, 0, 0xA0), 0x51);
    assert_eq!([h.inb(0x1F1), h.inb(0x1F4), h.inb(0x1F5)], [4, 0x14, 0xEB]);
    assert_eq!(h.command(0xA1, 0, 0, 0xA0), 0x58);
    let id = h.read_words(256);
    assert_eq!((id[0], id[1]), (0xC0, 0x85));
    assert_eq!(h.inb(0x1F7), 0x50);
    h.out(0x1F7, 0x08); // DEVICE RESET: at once, without interrupt
    assert_eq!((h.inb(0x3F6), h.inb(0x1F5), h.irq14()), (0, 0xEB, false));
}

#[test]
fn unit_attention_then_capacity_and_reads() {
    let mut h = Host::ready_cd(20);
    assert_eq!(h.sense(), (6, 0x29, 0));
    assert_eq!(h.sense(), (0, 0, 0));
    let (d, status, _) = h.packet_in(8, [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((d, status), (vec![0, 0, 0, 19, 0, 0, 8, 0], 0x50));
    // Three blocks in DRQ blocks of 1500 bytes.
    let (d, status, _) = h.packet_in(1500, [0x28, 0, 0, 0, 0, 4, 0, 0, 3, 0, 0, 0]);
    assert_eq!((d.len(), status), (6144, 0x50));
    for (i, sector) in d.chunks(512).enumerate() {
        assert_eq!(sector[..4], (16 + i as u32).to_le_bytes());
    }
    let (d, ..) = h.packet_in(0xFFFE, [0xA8, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0]);
    assert_eq!((d.len(), d[19 * 2048]), (40960, 76));
    let (d, status, error) = h.packet_in(0xFFFE, [0x28, 0, 0, 0, 0, 19, 0, 0, 2, 0, 0, 0]);
    assert_eq!((d.len(), status, error), (0, 0x51, 0x54));
    assert_eq!(h.sense(), (5, 0x21, 0));
    let (_, status, _) = h.packet_in(0xFFFE, [0xFE; 12]);
    assert_eq!((status, h.sense()), (0x51, (5, 0x20, 0)));
}

#[test]
fn packet_dma_reads_blocks() {
    let mut h = Host::ready_cd(40);
    prds(&mut h, &[(0x4000, 2048 * 20), (0x20000, 2048)]);
    h.packet(true, 0, [0x28, 0, 0, 0, 0, 2, 0, 0, 21, 0, 0, 0]);
    assert!(!h.irq14());
    bm(&mut h, 0, 0x09);
    h.settle();
    assert!(h.irq14());
    assert_eq!((h.ide.bm_read(2), h.inb(0x1F2) & 3, h.inb(0x1F7)), (0x04, 3, 0x50));
    assert_eq!((h.mem[0x4000], h.mem[0x20000]), (8, 88));
    // Short replies by DMA: INQUIRY.
    bm(&mut h, 0, 0);
    prds(&mut h, &[(0x4000, 36)]);
    h.packet(true, 0, [0x12, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0]);
    bm(&mut h, 0, 0x09);
    h.settle();
    assert_eq!((h.ide.bm_read(2), &h.mem[0x4008..0x4010]), (0x04, &b"REWIND86"[..]));
}

#[test]
fn toc_formats() {
    let mut h = Host::ready_cd(300);
    let toc = |h: &mut Host, msf: u8, format: u8, track: u8, len: u8| {
        h.packet_in(0xFFFE, [0x43, msf, format, 0, 0, 0, track, 0, len, 0, 0, 0]).0
    };
    let full = vec![0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xAA, 0, 0, 0, 1, 44];
    assert_eq!(toc(&mut h, 0, 0, 0, 255), full);
    assert_eq!(toc(&mut h, 0, 0, 0, 4), full[..4]);
    assert_eq!(toc(&mut h, 2, 0, 0xAA, 255), [0, 10, 1, 1, 0, 0x14, 0xAA, 0, 0, 0, 6, 0]);
    assert_eq!(toc(&mut h, 0, 1, 0, 255), [0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0]);
    let raw = toc(&mut h, 2, 2, 0, 255);
    assert_eq!((raw.len(), raw[1], raw[4 + 22 + 3]), (48, 46, 0xA2));
    assert_eq!(raw[4 + 22 + 8..4 + 33], [0, 6, 0]);
    // SFF-8020i: format in the last byte's top bits.
    let (old, ..) = h.packet_in(0xFFFE, [0x43, 0, 0, 0, 0, 0, 0, 0, 255, 0x40, 0, 0]);
    assert_eq!(old.len(), 12);
    assert!(toc(&mut h, 0, 0, 2, 255).is_empty());
}

#[test]
fn odd_lengths_are_exact() {
    let mut h = Host::ready_cd(20);
    let (d, status, _) = h.packet_in(0xFFFE, [0x12, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((d, status), (vec![5, 0x80, 0, 0x21, 31], 0x50));
}

#[test]
fn medium_change_is_announced_and_the_tray_locks() {
    let mut h = Host::ready_cd(20);
    let event = |h: &mut Host| h.packet_in(0xFFFE, [0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8, 0, 0, 0]).0;
    assert_eq!(event(&mut h), [0, 6, 4, 0x10, 0, 2, 0, 0]);
    h.packet_in(0xFFFE, [0x1E, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert!(!h.ide.cdrom(MASTER).unwrap().eject(false));
    assert_eq!(event(&mut h)[4], 1);
    h.packet_in(0xFFFE, [0x1B, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(h.sense(), (5, 0x53, 2));
    h.packet_in(0xFFFE, [0x1E, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(h.ide.cdrom(MASTER).unwrap().eject(false));
    assert_eq!(event(&mut h), [0, 6, 4, 0x10, 3, 1, 0, 0]);
    h.packet_in(0xFFFE, [0; 12]);
    assert_eq!(h.sense(), (2, 0x3A, 2));
    h.ide.cdrom(MASTER).unwrap().insert(Box::new(image(40)));
    h.packet_in(0xFFFE, [0; 12]);
    assert_eq!(h.sense(), (6, 0x28, 0));
    let (_, status, _) = h.packet_in(0xFFFE, [0; 12]);
    assert_eq!((status, event(&mut h)[4]), (0x50, 2));
    let (d, ..) = h.packet_in(8, [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(d[3], 9);
    // The guest ejects and loads the same disc.
    h.packet_in(0xFFFE, [0x1B, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert!(h.ide.cdrom(MASTER).unwrap().tray_open());
    h.packet_in(0xFFFE, [0x1B, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    h.packet_in(0xFFFE, [0; 12]);
    assert_eq!(h.sense(), (6, 0x28, 0));
}

#[test]
fn mode_pages_and_configuration() {
    let mut h = Host::ready_cd(20);
    let (d, ..) = h.packet_in(0xFFFE, [0x5A, 0, 0x2A, 0, 0, 0, 0, 0, 128, 0, 0, 0]);
    assert_eq!((d.len(), d[1], d[2], d[8], d[9], d[14]), (28, 26, 1, 0x2A, 18, 0x29));
    let (d, ..) = h.packet_in(0xFFFE, [0x1A, 0, 0x3F, 0, 255, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((d.len(), usize::from(d[0]) + 1), (4 + 8 + 8 + 16 + 20, d.len()));
    let (d, ..) = h.packet_in(0xFFFE, [0x46, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0]);
    assert_eq!((d[7], u32::from_be_bytes([d[0], d[1], d[2], d[3]]) as usize + 4), (8, d.len()));
    // MODE SELECT of the audio volume shows in MODE SENSE.
    let status = h.packet(false, 0xFFFE, [0x55, 0x10, 0, 0, 0, 0, 0, 0, 24, 0, 0, 0]);
    assert_eq!((status, h.inb(0x1F2) & 3, h.inb(0x1F4)), (0x58, 0, 24));
    let mut list = [0; 24];
    list[8..].copy_from_slice(&[0x0E, 14, 4, 0, 0, 0, 0, 75, 1, 0x40, 2, 0x41, 0, 0, 0, 0]);
    for pair in list.chunks(2) {
        h.outw(u16::from_le_bytes([pair[0], pair[1]]));
    }
    h.settle();
    assert_eq!(h.inb(0x1F7), 0x50);
    let (d, ..) = h.packet_in(0xFFFE, [0x5A, 0, 0x0E, 0, 0, 0, 0, 0, 128, 0, 0, 0]);
    assert_eq!((d[17], d[19]), (0x40, 0x41));
}

#[test]
fn read_cd_layouts() {
    let mut h = Host::ready_cd(20);
    let read_cd = |h: &mut Host, flags| h.packet_in(0xFFFE, [0xBE, 0, 0, 0, 0, 1, 0, 0, 2, flags, 0, 0]).0;
    assert_eq!(read_cd(&mut h, 0x10).len(), 4096);
    let raw = read_cd(&mut h, 0xF8);
    assert_eq!((raw.len(), raw[0], raw[1], raw[15], raw[16]), (4704, 0, 0xFF, 1, 4));
    assert_eq!(raw[2352 + 12..2352 + 16], [0, 2, 2, 1]);
    assert!(read_cd(&mut h, 0).is_empty());
}

#[test]
fn an_empty_drive_is_not_ready() {
    let mut h = Host::new();
    h.ide.attach_cdrom(MASTER, None);
    h.packet_in(0xFFFE, [0; 12]);
    let (_, status, error) = h.packet_in(0xFFFE, [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!((status, error), (0x51, 0x24));
    assert_eq!(h.sense(), (2, 0x3A, 1));
}

round_trip!(disk_mid_transfer_round_trips, {
    let mut h = Host::with_disk(64);
    h.ide.attach_cdrom(SLAVE, None);
    h.command(0x20, 3, 10, 0xE0);
    h.inw();
    h.ide
});

#[test]
fn a_loaded_state_continues() {
    let mut h = Host::with_disk(64);
    h.command(0x20, 2, 10, 0xE0);
    let bytes = postcard::to_stdvec(&h.ide).unwrap();
    h.ide = postcard::from_bytes(&bytes).unwrap();
    h.ide.reconnect(MASTER, Box::new(image(64)));
    assert_eq!(h.read_words(256)[0], 10);
    h.settle();
    assert_eq!(h.read_words(256)[0], 11);
}
