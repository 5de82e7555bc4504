use super::*;

#[derive(Default)]
struct Rig {
    apic: IoApic,
    sent: Vec<(u8, bool)>,
}

impl Rig {
    fn write(&mut self, register: u8, value: u32) {
        let Self { apic, sent } = self;
        apic.write(0x00, u32::from(register), |_| {});
        apic.write(0x10, value, |m| sent.push((m.vector, m.level)));
    }

    fn read(&mut self, register: u8) -> u32 {
        self.apic.write(0x00, u32::from(register), |_| {});
        self.apic.read(0x10)
    }

    fn lines(&mut self, levels: u16, rose: u16) -> Vec<(u8, bool)> {
        let Self { apic, sent } = self;
        apic.sync(levels, rose, |m| sent.push((m.vector, m.level)));
        std::mem::take(sent)
    }

    fn eoi(&mut self, vector: u8) -> Vec<(u8, bool)> {
        let Self { apic, sent } = self;
        apic.end_of_interrupt(vector, |m| sent.push((m.vector, m.level)));
        std::mem::take(sent)
    }
}

#[test]
fn registers_read_as_written() {
    let mut r = Rig::default();
    assert_eq!(r.read(1), 0x0017_0011);
    assert_eq!((r.read(0x10), r.read(0x3F)), (1 << 16, 0));
    r.write(0, 0xFF00_0000);
    assert_eq!((r.read(0), r.read(2)), (0x0F00_0000, 0x0F00_0000));
    r.write(0x11, 0x1234_5678);
    r.write(0x10, 0xFFFF_FFFF);
    assert_eq!((r.read(0x10), r.read(0x11)), (0x0001_AFFF, 0x1200_0000));
    // Beyond the table: nothing there.
    r.write(0x40, 5);
    r.write(0xFF, 5);
    assert_eq!((r.read(0x40), r.read(0xFF)), (0, 0));
}

#[test]
fn edges_are_sent_once_and_not_kept() {
    let mut r = Rig::default();
    assert_eq!(r.lines(1 << 4, 1 << 4), [], "masked");
    r.write(0x10 + 2 * 4, 0x34);
    assert_eq!(r.sent, [], "an edge of before is lost");
    assert_eq!(r.lines(1 << 4, 0), []);
    assert_eq!(r.lines(0, 0), []);
    assert_eq!(r.lines(1 << 4, 1 << 4), [(0x34, false)]);
    assert_eq!(r.lines(0, 1 << 4), [(0x34, false)], "a pulse");
}

#[test]
fn the_timer_is_on_input_2() {
    let mut r = Rig::default();
    r.write(0x10, 0x30);
    r.write(0x10 + 4, 0x32);
    assert_eq!(r.lines(1, 1), [(0x32, false)]);
    assert_eq!(r.lines(4, 4), [], "IRQ2 is the cascade");
}

#[test]
fn a_level_is_sent_again_after_its_end() {
    let mut r = Rig::default();
    r.write(0x10 + 2 * 11, 0x805B);
    assert_eq!(r.lines(1 << 11, 0), [(0x5B, true)]);
    assert_eq!(r.read(0x10 + 2 * 11), 0xC05B, "remote IRR");
    assert_eq!(r.lines(1 << 11, 1 << 11), []);
    assert_eq!(r.eoi(0x5A), []);
    assert_eq!(r.eoi(0x5B), [(0x5B, true)]);
    assert_eq!(r.lines(0, 0), []);
    assert_eq!(r.eoi(0x5B), []);
    // Masked while high, then opened.
    r.write(0x10 + 2 * 11, 0x1_805B);
    assert_eq!(r.lines(1 << 11, 0), []);
    r.write(0x10 + 2 * 11, 0x805B);
    assert_eq!(r.sent, [(0x5B, true)]);
}

round_trip!(a_table_survives, {
    let mut r = Rig::default();
    r.write(0x10 + 2 * 9, 0x8069);
    r.lines(1 << 9, 0);
    r.apic
});
