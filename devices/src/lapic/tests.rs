use super::*;
use crate::ctx::IrqLines;
use crate::sched::{EventId, Scheduler};

struct Rig {
    apic: LocalApic,
    tpr: u8,
    now: u64,
    sched: Scheduler,
    irq: IrqLines,
}

impl Rig {
    /// Enabled by software, all entries masked.
    fn new() -> Self {
        let mut rig = Self {
            apic: LocalApic::default(),
            tpr: 0,
            now: 1000,
            sched: Scheduler::default(),
            irq: IrqLines::default(),
        };
        rig.write(0xF0, 0x1FF);
        rig
    }

    fn ctx(&mut self) -> (Ctx<'_>, &mut LocalApic, &mut u8) {
        (Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq }, &mut self.apic, &mut self.tpr)
    }

    fn write(&mut self, offset: u32, value: u32) -> Option<u8> {
        let (mut ctx, apic, tpr) = self.ctx();
        apic.write(&mut ctx, offset, value, tpr)
    }

    fn read(&mut self, offset: u32) -> u32 {
        let (ctx, apic, tpr) = self.ctx();
        apic.read(&ctx, offset, *tpr)
    }

    fn fixed(&mut self, vector: u8, level: bool) {
        self.apic.receive(&Message { delivery: Delivery::Fixed, vector, level, destination: 0, logical: false });
    }

    /// Goes on to `now` through the timer's events; how many ended in an interrupt.
    fn pass(&mut self, now: u64) -> u32 {
        let mut interrupts = 0;
        while let Some(at) = self.sched.deadline(EventId::LapicTimer).filter(|at| *at <= now) {
            self.now = at;
            assert_eq!(self.sched.pop_due(at), Some(EventId::LapicTimer));
            let (mut ctx, apic, _) = self.ctx();
            apic.event(&mut ctx);
            if let Some(v) = self.apic.acknowledge(0) {
                assert_eq!(v, self.apic.lvt[entry::TIMER] as u8);
                self.write(0xB0, 0);
                interrupts += 1;
            }
        }
        self.now = now;
        interrupts
    }
}

#[test]
fn the_highest_vector_above_the_priority_is_taken() {
    let mut r = Rig::new();
    for v in [0x31, 0x52, 0x5F, 0xE0] {
        r.fixed(v, false);
    }
    assert_eq!(r.read(0x210), 1 << 0x11);
    assert_eq!(r.read(0x270), 1);
    r.write(0x80, 0x50);
    assert_eq!(r.apic.acknowledge(r.tpr), Some(0xE0));
    assert_eq!(r.read(0xA0), 0xE0, "priority of what is in service");
    assert_eq!(r.apic.pending(r.tpr), None);
    assert_eq!(r.write(0xB0, 0), None, "an edge is not told to the I/O APIC");
    assert_eq!((r.read(0xA0), r.apic.pending(r.tpr)), (0x50, None), "5Fh is of the class that is masked");
    r.write(0x80, 0x4F);
    assert_eq!(r.apic.acknowledge(r.tpr), Some(0x5F));
    assert_eq!(r.apic.pending(r.tpr), None, "52h is of the class in service");
    r.write(0xB0, 0);
    assert_eq!(r.apic.acknowledge(r.tpr), Some(0x52));
    assert_eq!(r.apic.spurious(), 0xFF);
}

#[test]
fn the_end_of_a_level_names_its_vector() {
    let mut r = Rig::new();
    r.fixed(0x42, true);
    assert_eq!(r.read(0x1A0), 4);
    assert_eq!(r.apic.acknowledge(0), Some(0x42));
    assert_eq!(r.write(0xB0, 0), Some(0x42));
    assert_eq!(r.write(0xB0, 0), None, "nothing in service");
}

#[test]
fn an_apic_that_software_disabled_accepts_nmi_only() {
    let mut r = Rig::new();
    r.write(0x350, 0x700);
    r.write(0xF0, 0xFF);
    assert_eq!(r.read(0x350), 0x10700, "every entry is masked");
    r.write(0x350, 0x700);
    assert_eq!(r.read(0x350), 0x10700, "and stays masked");
    r.fixed(0x40, false);
    assert_eq!(r.apic.pending(0), None);
    r.write(0x300, 0x4_0400);
    assert!(r.apic.take_nmi());
    assert!(!r.apic.take_nmi());
}

#[test]
fn interprocessor_messages_reach_this_processor_by_its_names() {
    let mut r = Rig::new();
    r.write(0x20, 0x0300_0000);
    r.write(0xD0, 0x0200_0000);
    let mut got = |dfr: u32, high: u32, low: u32| {
        r.write(0xE0, dfr);
        r.write(0x310, high);
        r.write(0x300, low | 0x4000 | 0x60);
        assert_eq!(r.read(0x300) & 0x1000, 0, "idle");
        let hit = r.apic.acknowledge(0).is_some();
        r.write(0xB0, 0);
        hit
    };
    let flat = 0xFFFF_FFFF;
    assert!(got(flat, 0x0300_0000, 0));
    assert!(!got(flat, 0x0100_0000, 0));
    assert!(got(flat, 0xFF00_0000, 0));
    assert!(got(flat, 0x0600_0000, 0x800));
    assert!(!got(flat, 0x0500_0000, 0x800));
    assert!(got(0x0FFF_FFFF, 0x0200_0000, 0x800), "cluster 0, member 1");
    assert!(!got(0x0FFF_FFFF, 0x1200_0000, 0x800));
    assert!(got(flat, 0, 0x4_0000), "self");
    assert!(got(flat, 0, 0x8_0000), "all");
    assert!(!got(flat, 0, 0xC_0000), "all others");
}

#[test]
fn illegal_vectors_and_registers_are_errors() {
    let mut r = Rig::new();
    r.write(0x370, 0x44);
    r.write(0x300, 0x4_4005);
    assert_eq!(r.apic.acknowledge(0), Some(0x44), "the error entry");
    assert_eq!(r.read(0x280), 0, "shown after a write");
    r.write(0x280, 0);
    assert_eq!(r.read(0x280), SEND_ILLEGAL_VECTOR);
    r.fixed(3, false);
    r.read(0x40);
    r.write(0x280, 0);
    assert_eq!(r.read(0x280), RECEIVED_ILLEGAL_VECTOR | ILLEGAL_REGISTER);
    r.write(0x280, 0);
    assert_eq!(r.read(0x280), 0);
}

#[test]
fn lint0_is_the_8259s_or_an_interrupt_of_its_own() {
    let mut r = Rig::new();
    r.apic.set_lint(0, true);
    assert!(r.apic.external(), "from reset on");
    r.write(0x350, 0x1_0700);
    assert!(!r.apic.external(), "masked");
    r.write(0x350, 0x700);
    assert!(r.apic.external());
    r.apic.set_lint(0, false);
    assert!(!r.apic.external());
    r.write(0x350, 0x8033);
    r.apic.set_lint(0, true);
    assert_eq!(r.apic.acknowledge(0), Some(0x33));
    assert_eq!(r.write(0xB0, 0), Some(0x33));
    r.write(0x360, 0x400);
    r.apic.set_lint(1, true);
    assert!(r.apic.take_nmi());
    r.apic.set_lint(1, true);
    assert!(!r.apic.take_nmi(), "an edge");
}

#[test]
fn the_timer_counts_once() {
    let mut r = Rig::new();
    r.write(0x3E0, 0b1011);
    r.write(0x320, 0x35);
    r.write(0x380, 100);
    assert_eq!(r.read(0x390), 100);
    r.now += 99 * 10;
    assert_eq!(r.read(0x390), 1);
    assert_eq!(r.pass(1000 + 999), 0);
    assert_eq!(r.pass(1000 + 1000), 1);
    assert_eq!(r.read(0x390), 0);
    assert_eq!(r.pass(1_000_000), 0);
    // Divided by 16; a count of 0 stops.
    r.write(0x3E0, 0b0011);
    r.write(0x380, 10);
    r.now += 1600 - 1;
    assert_eq!(r.read(0x390), 1);
    r.write(0x380, 0);
    assert_eq!((r.read(0x390), r.pass(2_000_000)), (0, 0));
}

#[test]
fn the_timer_counts_again_and_again() {
    let mut r = Rig::new();
    r.write(0x3E0, 0b1011);
    r.write(0x320, 0x2_0035);
    r.write(0x380, 100);
    assert_eq!(r.pass(1000 + 5 * 1000 + 10), 5);
    assert_eq!(r.read(0x390), 99);
    // Masked, it counts and says nothing.
    r.write(0x320, 0x3_0035);
    assert_eq!(r.pass(1000 + 9 * 1000 + 20), 0);
    assert_eq!(r.read(0x390), 98);
    r.write(0x320, 0x2_0035);
    assert_eq!(r.pass(1000 + 11 * 1000), 2);
    // Half the speed keeps what is left.
    r.now += 500;
    assert_eq!(r.read(0x390), 50);
    r.write(0x3E0, 0b0000);
    assert_eq!(r.read(0x390), 50);
    let now = r.now;
    assert_eq!(r.pass(now + 999), 0);
    assert_eq!(r.pass(now + 1000), 1);
}

#[test]
fn no_register_value_upsets_the_timer() {
    let mut r = Rig::new();
    for (divide, mode, initial) in [(0xFFFF_FFFF, 0x6_0030, u32::MAX), (0xA, 0x2_0030, 1), (0, 0x30, 1)] {
        r.now = u64::MAX - 3;
        r.write(0x320, mode);
        r.write(0x380, initial);
        r.write(0x3E0, divide);
        r.read(0x390);
        r.write(0x320, mode | MASKED);
        r.write(0x320, mode);
        let (mut ctx, apic, _) = r.ctx();
        apic.event(&mut ctx);
    }
}

round_trip!(a_running_apic_survives, {
    let mut r = Rig::new();
    r.write(0x320, 0x2_0040);
    r.write(0x380, 12345);
    r.fixed(0x77, true);
    r.write(0x310, 0xFF00_0000);
    r.apic
});
