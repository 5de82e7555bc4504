//! Probes on a whole machine: the demo disk boots with everything watched and computes what it computes unwatched.

#![allow(clippy::unwrap_used)]

use rewind86_machine::config::ImageSpec;
use rewind86_machine::probe::{Hit, Place, Policy, Probe, ProbeSet, What};
use rewind86_machine::{Machine, MachineConfig, RunExit};

const END: u64 = 12_000_000;
/// Where a boot sector is loaded.
const BOOT: u64 = 0x7C00;

fn machine() -> Machine {
    let image = ImageSpec { bytes: Some(rewind86_bios::DEMO_DISK.into()), ..ImageSpec::default() };
    Machine::new(&MachineConfig { floppies: [Some(image), None], ..MachineConfig::default() }).unwrap()
}

fn probes() -> ProbeSet {
    let access = |start, len, read| Probe::Access { start, len, read, write: true };
    ProbeSet::new(vec![
        Probe::Execute(Place::Linear(BOOT, None)),
        access(Place::Physical(BOOT), 512, false),
        // The tick count of the BIOS data area.
        access(Place::Linear(0x46C, None), 4, true),
        Probe::Port { first: 0x3F0, last: 0x3F7 },
        Probe::Interrupt(Some(8)),
        // Video memory is a device.
        access(Place::Physical(0xB8000), 4000, false),
    ])
}

/// Runs to the end and takes every hit.
fn trace(m: &mut Machine, most: usize) -> Vec<Hit> {
    m.set_probes(probes(), Policy::All(most));
    let mut hits = Vec::new();
    loop {
        let exit = m.run(u64::MAX, END);
        hits.extend(m.take_hits());
        match exit {
            RunExit::Probe => {}
            RunExit::Icount => return hits,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_boot_with_everything_watched_is_the_same_boot() {
    let mut plain = machine();
    assert_eq!(plain.run(u64::MAX, END), RunExit::Icount);
    let mut watched = machine();
    let hits = trace(&mut watched, usize::MAX);
    assert_eq!(plain.state_hashes(), watched.state_hashes());
    let mut often = machine();
    let stopped = trace(&mut often, 1);
    assert_eq!(plain.state_hashes(), often.state_hashes());
    assert!(hits == stopped, "stopping at each hit changes none");
    for probe in 0..6 {
        assert!(hits.iter().any(|h| h.probe == probe), "probe {probe}");
    }
    let device = hits.iter().find(|h| matches!(h.what, What::Device { .. })).unwrap();
    let mut sector = [0; 8];
    plain.read_memory(BOOT, &mut sector);
    assert_eq!(device.what, What::Device { physical: BOOT, size: 8, value: u64::from_le_bytes(sector) });
    let start = hits.iter().find(|h| h.what == What::Execute).unwrap();
    assert!(device.icount < start.icount);
    assert_eq!(u64::from(start.cs) * 16 + start.rip, BOOT);
}

#[test]
fn a_stop_and_what_follows_leave_the_hash_alone() {
    let mut plain = machine();
    plain.run(u64::MAX, END);
    let mut m = machine();
    m.set_probes(probes(), Policy::Stop);
    let mut stops = 0;
    while m.run(u64::MAX, END) == RunExit::Probe && stops < 50 {
        let hit = m.take_hits().remove(0);
        let behind = u64::from(!matches!(hit.what, What::Execute | What::Device { .. } | What::Interrupt { .. }));
        assert_eq!(m.icount(), hit.icount + behind, "{hit:?}");
        let mut bytes = [0; 16];
        assert_eq!(m.read_linear(0x7FFF8, &mut bytes), 16);
        stops += 1;
    }
    assert_eq!(stops, 50);
    m.set_probes(ProbeSet::default(), Policy::Stop);
    assert_eq!(m.run(u64::MAX, END), RunExit::Icount);
    assert_eq!(plain.state_hashes(), m.state_hashes());
}
