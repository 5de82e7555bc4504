//! Register-level tests: enumeration, sizing and set-up as firmware and drivers do them.

use super::*;
use crate::sched::{EventId, Scheduler};

fn bus() -> PciBus {
    PciBus::new(Some(VgaFunction::new(16 << 20, 0x9000)))
}

fn address(bus: &mut PciBus, device: u32, function: u32, register: u32) -> u16 {
    bus.write(0xCF8, 4, 0x8000_0000 | device << 11 | function << 8 | register & 0xFC);
    0xCFC + (register & 3) as u16
}

fn get(bus: &mut PciBus, device: u32, function: u32, register: u32, bytes: u8) -> u32 {
    let port = address(bus, device, function, register);
    bus.read(port, bytes)
}

fn put(bus: &mut PciBus, device: u32, function: u32, register: u32, bytes: u8, value: u32) -> PciEffects {
    let port = address(bus, device, function, register);
    bus.write(port, bytes, value)
}

/// Virtual time, timers and lines for the power management function.
#[derive(Default)]
struct Host {
    now: u64,
    sched: Scheduler,
    irq: IrqLines,
}

impl Host {
    fn ctx(&mut self) -> Ctx<'_> {
        Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq }
    }

    fn sci(&self) -> bool {
        self.irq.levels() >> 9 & 1 != 0
    }
}

#[test]
fn enumeration_finds_the_functions() {
    let mut b = bus();
    let mut found = Vec::new();
    for device in 0..32 {
        for function in 0..8 {
            let id = get(&mut b, device, function, 0, 4);
            if id != 0xFFFF_FFFF {
                found.push((device, function, id, get(&mut b, device, function, 8, 4) >> 8));
            }
        }
    }
    assert_eq!(
        found,
        [
            (0, 0, 0x1237_8086, 0x060000),
            (1, 0, 0x7000_8086, 0x060100),
            (1, 1, 0x7010_8086, 0x010180),
            (1, 3, 0x7113_8086, 0x068000),
            (2, 0, 0x1111_1234, 0x030000),
        ]
    );
    assert_eq!(get(&mut b, 1, 0, 0x0E, 1), 0x80);
    b.write(0xCF8, 4, 0x8001_0000); // bus 1
    assert_eq!(b.read(0xCFC, 4), 0xFFFF_FFFF);
    b.write(0xCF8, 4, 0x0000_0000); // disabled
    assert_eq!(b.read(0xCFC, 2), 0xFFFF);
    assert_eq!(PciBus::new(None).read(0xCF8, 4), 0);
}

#[test]
fn the_address_register_takes_double_words_only() {
    let mut b = bus();
    b.write(0xCF8, 4, 0x8000_0803);
    b.write(0xCF8, 1, 0x77);
    b.write(0xCFA, 2, 0x1234);
    assert_eq!(b.read(0xCF8, 4), 0x8000_0800);
    assert_eq!((b.read(0xCF8, 1), b.read(0xCFE, 2), b.read(0xCFD, 1)), (0xFF, 0x7000, 0x80));
}

#[test]
fn port_cf9_resets_on_a_rising_edge() {
    let mut b = bus();
    assert_eq!(b.write(0xCF9, 1, 0x02), PciEffects::empty());
    assert_eq!(b.write(0xCF9, 1, 0x06), PciEffects::RESET);
    assert_eq!(b.write(0xCF9, 1, 0x06), PciEffects::empty());
    assert_eq!(b.read(0xCF9, 1), 6);
    let mut h = Host::default();
    b.reset(&mut h.ctx());
    assert_eq!(b, bus());
}

#[test]
fn pam_registers_shadow_the_roms() {
    let mut b = bus();
    assert!(b.host.shadow_map().iter().all(|s| !s.read_ram && !s.write_ram));
    assert_eq!(put(&mut b, 0, 0, 0x59, 1, 0x3F), PciEffects::MEMORY);
    assert_eq!(put(&mut b, 0, 0, 0x5A, 2, 0x2110), PciEffects::MEMORY);
    assert_eq!(put(&mut b, 0, 0, 0x5A, 2, 0x2110), PciEffects::empty());
    assert_eq!(get(&mut b, 0, 0, 0x59, 1), 0x30);
    let map = b.host.shadow_map();
    let on = |n: usize| (map[n].base, map[n].read_ram, map[n].write_ram);
    assert_eq!(on(12), (0xF0000, true, true));
    assert_eq!((map[12].len, map[0].len), (0x10000, 0x4000));
    assert_eq!([on(0), on(1)], [(0xC0000, false, false), (0xC4000, true, false)]);
    assert_eq!([on(2), on(3)], [(0xC8000, true, false), (0xCC000, false, true)]);
    assert_eq!(on(11), (0xEC000, false, false));
}

#[test]
fn smram_locks() {
    let mut b = bus();
    assert_eq!(get(&mut b, 0, 0, 0x72, 1), 0x02);
    put(&mut b, 0, 0, 0x72, 1, 0x4A);
    assert!(b.host.smram_open());
    put(&mut b, 0, 0, 0x72, 1, 0x5A);
    assert_eq!((b.host.smram_open(), b.host.smram_enabled(), get(&mut b, 0, 0, 0x72, 1)), (false, true, 0x1A));
    put(&mut b, 0, 0, 0x72, 1, 0x62);
    assert_eq!(get(&mut b, 0, 0, 0x72, 1), 0x3A);
}

#[test]
fn pirq_lines_reach_the_routed_interrupts() {
    let mut b = bus();
    assert_eq!(b.isa_irqs(0xF0000), 0);
    assert_eq!(put(&mut b, 1, 0, 0x60, 4, 0x0080_0B0A), PciEffects::IRQ_ROUTES);
    // D goes to IRQ 0, which cannot be routed to.
    assert_eq!((b.isa_irqs(0x10000), b.isa_irqs(0xB0000), b.isa_irqs(0x0FFFF)), (1 << 10, 1 << 10 | 1 << 11, 0));
    put(&mut b, 1, 0, 0x61, 1, 0x0A);
    assert_eq!(b.isa_irqs(0x30000), 1 << 10);
    assert_eq!([slot_line(1, 0), slot_line(3, 0), slot_line(4, 1), slot_line(0, 0)], [16, 18, 16, 19]);
}

#[test]
fn base_addresses_size_themselves() {
    let mut b = bus();
    let size = |b: &mut PciBus, device, function, register| {
        put(b, device, function, register, 4, 0xFFFF_FFFF);
        get(b, device, function, register, 4)
    };
    assert_eq!(size(&mut b, 1, 1, 0x20), 0xFFFF_FFF1);
    assert_eq!(size(&mut b, 1, 1, 0x10), 0);
    assert_eq!(size(&mut b, 2, 0, 0x10), 0xFF00_0008);
    assert_eq!(size(&mut b, 2, 0, 0x30), 0xFFFF_0001);
    assert_eq!(size(&mut b, 2, 0, 0x14), 0);
    let mut romless = PciBus::new(Some(VgaFunction::new(16 << 20, 0)));
    assert_eq!(size(&mut romless, 2, 0, 0x30), 0);
}

#[test]
fn windows_open_with_the_command_register() {
    let mut b = bus();
    put(&mut b, 1, 1, 0x20, 4, 0xC041);
    assert_eq!(b.decode_port(0xC043), None);
    assert_eq!(put(&mut b, 1, 1, 4, 2, 5), PciEffects::PORTS);
    assert_eq!(b.decode_port(0xC04F), Some(PciPort::BusMaster(15)));
    assert_eq!(b.decode_port(0xC050), None);
    put(&mut b, 2, 0, 0x10, 4, 0xFD00_0000);
    put(&mut b, 2, 0, 0x30, 4, 0xFEBC_0001);
    assert_eq!((b.vga.as_ref().unwrap().framebuffer(), b.vga.as_ref().unwrap().rom()), (None, None));
    assert_eq!(put(&mut b, 2, 0, 4, 2, 0x0103), PciEffects::MEMORY);
    let vga = b.vga.as_ref().unwrap();
    assert_eq!((vga.framebuffer(), vga.rom(), vga.io_enabled()), (Some(0xFD00_0000), Some(0xFEBC_0000), true));
    assert_eq!(get(&mut b, 2, 0, 4, 2), 3);
}

/// A bus with the ACPI block at 600h and the SMBus at 700h, as firmware sets it up.
fn acpi_bus() -> PciBus {
    let mut b = bus();
    put(&mut b, 1, 3, 0x40, 4, 0x601);
    assert_eq!(b.decode_port(0x604), None);
    assert_eq!(put(&mut b, 1, 3, 0x80, 1, 1), PciEffects::PORTS);
    put(&mut b, 1, 3, 0x90, 4, 0x701);
    put(&mut b, 1, 3, 0xD2, 1, 9);
    assert_eq!(b.decode_port(0x604), Some(PciPort::Pm(4)));
    assert_eq!(b.decode_port(0x702), Some(PciPort::SmBus(2)));
    assert_eq!(b.decode_port(0xAFE2), Some(PciPort::Gpe(2)));
    b
}

fn pm_write16(b: &mut PciBus, h: &mut Host, offset: u16, value: u16) {
    for (n, byte) in (0..).zip(value.to_le_bytes()) {
        b.pm.write(&mut h.ctx(), offset + n, byte);
    }
}

fn pm_read16(b: &mut PciBus, h: &mut Host, offset: u16) -> u16 {
    u16::from_le_bytes([b.pm.read(&mut h.ctx(), offset), b.pm.read(&mut h.ctx(), offset + 1)])
}

#[test]
fn acpi_mode_and_soft_off() {
    let (mut b, mut h) = (acpi_bus(), Host::default());
    b.pm.write_apm(&mut h.ctx(), PORT_APMC, 0xF1);
    assert_eq!(pm_read16(&mut b, &mut h, 4), 1);
    pm_write16(&mut b, &mut h, 4, 0x2001);
    assert_eq!(b.pm.take_request(), Some(PowerRequest::Off));
    assert_eq!(b.pm.take_request(), None);
    pm_write16(&mut b, &mut h, 4, 0x2401);
    assert_eq!(b.pm.take_request(), Some(PowerRequest::Suspend));
    pm_write16(&mut b, &mut h, 4, 0x0401);
    assert_eq!(b.pm.take_request(), None);
    b.pm.write_apm(&mut h.ctx(), PORT_APMC, 0xF0);
    assert_eq!(pm_read16(&mut b, &mut h, 4), 0x400);
    b.pm.write_apm(&mut h.ctx(), PORT_APMS, 0x5A);
    assert_eq!((b.pm.read_apm(PORT_APMC), b.pm.read_apm(PORT_APMS)), (0xF0, 0x5A));
}

#[test]
fn the_timer_counts_and_interrupts() {
    let (mut b, mut h) = (acpi_bus(), Host::default());
    h.now = 1_000_000_000;
    let read: Vec<u8> = (8..12).map(|n| b.pm.read(&mut h.ctx(), n)).collect();
    assert_eq!(read, 3_579_545u32.to_le_bytes());
    pm_write16(&mut b, &mut h, 4, 1);
    pm_write16(&mut b, &mut h, 2, 1);
    let due = h.sched.deadline(EventId::PmTimer).unwrap();
    assert_eq!(PowerManagement::timer(due), 0x80_0000);
    assert_eq!(PowerManagement::timer(due - 1), 0x7F_FFFF);
    h.now = due;
    h.sched.cancel(EventId::PmTimer);
    b.pm.event(&mut h.ctx());
    assert!(h.sci());
    assert_eq!(pm_read16(&mut b, &mut h, 0), 1);
    pm_write16(&mut b, &mut h, 0, 1);
    assert!(!h.sci());
    // The top bit falls again at the wrap of the 24 bits.
    assert_eq!(PowerManagement::timer(h.sched.deadline(EventId::PmTimer).unwrap()), 0);
    // Without the enable bit the status is still there for whoever polls.
    pm_write16(&mut b, &mut h, 2, 0);
    assert_eq!(h.sched.deadline(EventId::PmTimer), None);
    h.now *= 3;
    assert_eq!(pm_read16(&mut b, &mut h, 0), 1);
}

#[test]
fn power_button_interrupts_an_acpi_system() {
    let (mut b, mut h) = (acpi_bus(), Host::default());
    assert!(!b.pm.power_button(&mut h.ctx()));
    pm_write16(&mut b, &mut h, 0, 0x100);
    pm_write16(&mut b, &mut h, 2, 0x100);
    pm_write16(&mut b, &mut h, 4, 1);
    assert!(!h.sci());
    assert!(b.pm.power_button(&mut h.ctx()));
    assert!(h.sci());
    pm_write16(&mut b, &mut h, 0, 0x100);
    assert!(!h.sci());
}

#[test]
fn an_smbus_transaction_finds_no_slave() {
    let mut b = acpi_bus();
    b.pm.write_smbus(4, 0xA1);
    b.pm.write_smbus(2, 0x48);
    assert_eq!((b.pm.read_smbus(0), b.pm.read_smbus(4)), (4, 0xA1));
    b.pm.write_smbus(0, 0x1E);
    assert_eq!(b.pm.read_smbus(0), 0);
    b.pm.write_gpe(2, 0x55);
    b.pm.write_gpe(0, 0xFF);
    assert_eq!([b.pm.read_gpe(0), b.pm.read_gpe(2)], [0, 0x55]);
}

round_trip!(bus_round_trips, {
    let (mut b, mut h) = (acpi_bus(), Host::default());
    put(&mut b, 0, 0, 0x59, 1, 0x30);
    pm_write16(&mut b, &mut h, 2, 1);
    b.pm.power_button(&mut h.ctx());
    b
});
