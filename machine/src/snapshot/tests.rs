use super::*;
use crate::config::ImageSpec;
use crate::state::Blob;

fn demo() -> MachineConfig {
    let disk = ImageSpec { bytes: Some(rewind86_bios::DEMO_DISK.to_vec()), ..ImageSpec::default() };
    MachineConfig { floppies: [Some(disk), None], memory: 2 << 20, ..MachineConfig::default() }
}

/// A file with a right checksum may still say anything about the machine: it is refused or it runs, whatever it does.
#[test]
fn invented_states_neither_panic_nor_hang() {
    let cfg = demo();
    let mut m = Machine::new(&cfg).unwrap();
    let _ = m.run(u64::MAX, 6_000_000);
    m.input(crate::InputEvent::Mouse { dx: 1, dy: 1, dz: 0, buttons: 0 }).unwrap();
    let whole = Snapshot::parse(&m.save().unwrap()).unwrap();
    let names: Vec<String> = whole.state.components.keys().cloned().collect();
    let mut seed = 0x1234_5678_9ABC_DEF1u64;
    let mut random = |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % n.max(1) as u64) as usize
    };
    let mut ran = 0;
    for round in 0..names.len() * 4 {
        let name = &names[round % names.len()];
        let mut bytes = whole.state.components[name].bytes();
        for _ in 0..1 + random(3) {
            let at = random(bytes.len());
            if let Some(b) = bytes.get_mut(at) {
                *b = [0, 1, 0x7F, 0x80, 0xFF, *b ^ 1 << random(8)][random(6)];
            }
        }
        let mut state = whole.state.clone();
        state.components.insert(name.clone(), Blob::new(&bytes, None));
        let invented = Snapshot { identity: whole.identity.clone(), state };
        if let Ok(mut m) = invented.load(&cfg) {
            ran += 1;
            let end = m.icount().saturating_add(30_000);
            for _ in 0..20 {
                let until = m.now().saturating_add(1_000_000);
                let _ = m.run(until, end);
            }
            m.frame(&mut crate::Frame::default());
            let _ = m.save();
        }
    }
    assert!(ran > names.len() / 2, "{ran} of the invented states could be loaded");
}
