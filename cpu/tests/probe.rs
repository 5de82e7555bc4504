//! Probes report what a run stepped one instruction at a time shows, whatever the block shape and however the run is
//! cut, and the guest cannot tell that they are set.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use iced_x86::IcedError;
use iced_x86::code_asm::*;
use rewind86_cpu::bus::{Bus, Lines};
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_cpu::probe::{Cause, Hit, Place, Policy, Probe, ProbeSet, What};
use rewind86_cpu::{Cpu, Exit};

struct Ports;
impl Bus for Ports {
    fn io_read(&mut self, _: &mut Lines, _: u64, port: u16, _: u8) -> u32 {
        u32::from(port) ^ 0x5A
    }
    fn io_write(&mut self, _: &mut Lines, _: u64, _: u16, _: u8, _: u32) {}
    fn mmio_read(&mut self, _: &mut Lines, _: u64, _: u64, _: u8) -> u64 {
        0xFF
    }
    fn mmio_write(&mut self, _: &mut Lines, _: u64, _: u64, _: u8, _: u64) {}
    fn int_ack(&mut self, _: &mut Lines, _: u64) -> u8 {
        0
    }
    fn ferr(&mut self, _: &mut Lines, _: u64, _: bool) {}
}

const CODE: u32 = 0x1_0000;
const IDT: u64 = 0x5000;
const HANDLER: u32 = 0x1_1800;
const DATA: u32 = 0x2_0000;

/// A loop over memory, the stack, a repeat, ports, software interrupts and divide errors, for ever.
fn program(a: &mut CodeAssembler) -> Result<(), IcedError> {
    let (mut top, mut back, mut sub) = (a.create_label(), a.create_label(), a.create_label());
    a.set_label(&mut top)?;
    a.mov(ecx, 5)?;
    a.set_label(&mut back)?;
    a.add(eax, 0x1234567)?;
    a.xor(ebx, eax)?;
    a.mov(dword_ptr(DATA) + ecx * 4, ebx)?;
    a.adc(edx, dword_ptr(DATA) + ecx * 4)?;
    a.inc(byte_ptr(DATA + 0x102))?;
    a.dec(ecx)?;
    a.jne(back)?;
    a.call(sub)?;
    a.mov(esi, DATA)?;
    a.mov(edi, DATA + 0xFF0)?;
    a.mov(ecx, 7)?;
    a.rep().movsd()?;
    a.mov(dword_ptr(DATA + 0xFFE), eax)?;
    a.in_(al, 0x71)?;
    a.out(0x80, al)?;
    a.int(0x30)?;
    a.xor(ebp, ebp)?;
    a.div(ebp)?;
    a.jmp(top)?;
    a.set_label(&mut sub)?;
    a.push(eax)?;
    a.ror(eax, 3)?;
    a.pop(eax)?;
    a.ret()
}

/// INT 30h returns; a divide error skips its two bytes first.
fn handlers(a: &mut CodeAssembler) -> Result<(), IcedError> {
    a.iretd()?;
    a.add(dword_ptr(esp), 2)?;
    a.iretd()
}

fn assemble(at: u32, build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) -> Vec<u8> {
    let mut a = CodeAssembler::new(32).unwrap();
    build(&mut a).unwrap();
    a.assemble(u64::from(at)).unwrap()
}

struct Rig {
    cpu: Cpu,
    mem: PhysMem,
}

impl Rig {
    fn new(block_ops: usize) -> Self {
        let mut mem = PhysMem::new(4 << 20, 0);
        mem.map(0, 1024, Some(0), Some(0));
        mem.write(u64::from(CODE), &assemble(CODE, program));
        mem.write(u64::from(HANDLER), &assemble(HANDLER, handlers));
        let mut gate = |vector: u64, at: u32| {
            let bytes = [at as u8, (at >> 8) as u8, 8, 0, 0, 0x8E, (at >> 16) as u8, (at >> 24) as u8];
            mem.write(IDT + 8 * vector, &bytes);
        };
        gate(0, HANDLER + 1);
        gate(0x30, HANDLER);
        // Flat code and data behind the null descriptor.
        mem.write(0x6008, &[0xFF, 0xFF, 0, 0, 0, 0x9B, 0xCF, 0, 0xFF, 0xFF, 0, 0, 0, 0x93, 0xCF, 0]);
        let mut cpu = Cpu::new(Model::parse("").unwrap());
        cpu.set_block_ops(block_ops);
        cpu.start_flat32(CODE, 0, 0, 0x8_0000);
        let mut state = cpu.save();
        (state.sys.idtr.base, state.sys.gdtr.base) = (IDT, 0x6000);
        cpu.load(&state);
        Self { cpu, mem }
    }

    fn run(&mut self, limit: u64) -> Exit {
        self.cpu.run(&mut self.mem, &mut Ports, limit)
    }

    fn read32(&self, at: u32) -> u32 {
        let mut b = [0; 4];
        self.mem.read(u64::from(at), &mut b);
        u32::from_le_bytes(b)
    }

    fn image(&self) -> Vec<u8> {
        let mut b = vec![0; 0x10_0000];
        self.mem.read(0, &mut b);
        b
    }
}

/// Address of the `n`th instruction of the program.
fn instruction(n: usize) -> u64 {
    let code = assemble(CODE, program);
    let decoder = iced_x86::Decoder::with_ip(32, &code, u64::from(CODE), 0);
    decoder.into_iter().nth(n).unwrap().ip()
}

const END: u64 = 4000;
const WRITTEN: u64 = DATA as u64 + 8;

fn everything() -> ProbeSet {
    let any = |start, len| Probe::Access { start, len, read: true, write: true };
    ProbeSet::new(vec![
        Probe::Execute(Place::Linear(instruction(3), None)),
        Probe::Execute(Place::Physical(u64::from(HANDLER) + 1)),
        // REP MOVSD.
        Probe::Execute(Place::Linear(instruction(12), Some(0))),
        any(Place::Physical(WRITTEN), 4),
        any(Place::Linear(u64::from(DATA) + 0xFFC, None), 8),
        Probe::Port { first: 0x70, last: 0x80 },
        Probe::Interrupt(None),
        any(Place::Linear(WRITTEN, Some(0x1000)), 4),
        any(Place::Linear(0x7_FFF0, None), 0x10),
    ])
}

/// The hits of a run that is cut into slices of `slice` instructions.
fn trace(block_ops: usize, slice: u64) -> (Rig, Vec<Hit>) {
    let mut rig = Rig::new(block_ops);
    rig.cpu.set_probes(everything(), Policy::All(7));
    let mut hits = Vec::new();
    let mut limit = slice;
    loop {
        let exit = rig.run(limit.min(END));
        hits.extend(rig.cpu.take_hits());
        match exit {
            Exit::Limit if limit >= END => return (rig, hits),
            Exit::Limit => limit += slice,
            Exit::Probe => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_guest_cannot_tell() {
    let mut plain = Rig::new(64);
    plain.run(END);
    let (probed, hits) = trace(64, END);
    assert!(hits.len() > 1000);
    assert_eq!(plain.cpu.save(), probed.cpu.save());
    assert!(plain.image() == probed.image());
    // Probes that are taken away leave nothing behind.
    let mut probed = probed;
    probed.cpu.set_probes(ProbeSet::default(), Policy::Stop);
    assert_eq!((plain.run(2 * END), probed.run(2 * END)), (Exit::Limit, Exit::Limit));
    assert_eq!(plain.cpu.save(), probed.cpu.save());
    assert!(plain.image() == probed.image());
}

#[test]
fn block_shape_and_slices_are_not_observable() {
    let (_, whole) = trace(64, END);
    for (block_ops, slice) in [(1, END), (3, 100), (64, 1), (64, 7)] {
        let (_, hits) = trace(block_ops, slice);
        assert!(whole == hits, "blocks of {block_ops}, slices of {slice}");
    }
}

#[test]
fn executed_instructions_are_those_that_single_steps_see() {
    let (_, hits) = trace(64, END);
    let mut rig = Rig::new(64);
    let (mut plain, mut repeat) = (Vec::new(), Vec::new());
    let mut last = 0;
    for n in 0..END {
        let rip = rig.cpu.rip();
        if rip == instruction(3) {
            plain.push(n);
        }
        if rip == instruction(12) && last != rip {
            repeat.push(n);
        }
        last = rip;
        rig.run(n + 1);
    }
    let of = |probe| hits.iter().filter(|h| h.probe == probe).map(|h| h.icount).collect::<Vec<_>>();
    assert!(plain.len() > 100 && repeat.len() > 20);
    assert_eq!(of(0), plain);
    assert_eq!(of(2), repeat);
    for h in hits.iter().filter(|h| h.probe == 1) {
        // The divide error is delivered without an instruction retired, so its handler runs at phase 1.
        assert_eq!((h.phase, h.rip, h.what), (1, u64::from(HANDLER) + 1, What::Execute));
    }
}

#[test]
fn every_change_of_watched_memory_is_reported_with_its_instruction() {
    let (_, hits) = trace(64, END);
    let mut rig = Rig::new(64);
    let mut seen = 0;
    for n in 0..END {
        let (rip, old) = (rig.cpu.rip(), rig.read32(WRITTEN as u32));
        rig.run(n + 1);
        let new = rig.read32(WRITTEN as u32);
        let hit = hits.iter().find(|h| h.icount == n && h.probe == 3 && matches!(h.what, What::Write { .. }));
        if let Some(h) = hit {
            assert_eq!((h.rip, h.cs, h.cr3), (rip, 8, 0));
            let What::Write { linear, physical, size, value } = h.what else { unreachable!() };
            assert_eq!((linear, physical, size, value), (WRITTEN, WRITTEN, 4, u64::from(new)));
            seen += 1;
        }
        assert!(old == new || hit.is_some(), "at {n}");
    }
    assert!(seen > 50);
    assert!(hits.iter().all(|h| h.probe != 7), "no access runs under that CR3");
    let pieces: Vec<_> = hits
        .iter()
        .filter(|h| h.probe == 4 && h.rip == instruction(13))
        .map(|h| match h.what {
            What::Write { linear, size, .. } => (linear, size),
            _ => (0, 0),
        })
        .take(2)
        .collect();
    assert_eq!(pieces, [(0x2_0FFE, 2), (0x2_1000, 2)], "a store across two pages");
}

#[test]
fn ports_and_interrupts() {
    let (_, hits) = trace(64, END);
    let mut ports = hits.iter().filter(|h| h.probe == 5);
    assert_eq!(ports.next().unwrap().what, What::PortIn { port: 0x71, size: 1, value: 0x2B });
    assert_eq!(ports.next().unwrap().what, What::PortOut { port: 0x80, size: 1, value: 0x2B });
    let of = |h: &Hit| (h.rip, h.what);
    let interrupts: Vec<_> = hits.iter().filter(|h| h.probe == 6).map(of).take(2).collect();
    let what = |vector, cause| What::Interrupt { vector, cause, error: None };
    assert_eq!(
        interrupts,
        [(instruction(16), what(0x30, Cause::Software)), (instruction(18), what(0, Cause::Exception)),]
    );
    // The pushes of a delivery belong to the instruction that it came before.
    assert!(hits.iter().any(|h| h.probe == 8 && h.rip == instruction(18)));
}

#[test]
fn stops_are_exact() {
    let mut rig = Rig::new(64);
    rig.cpu.set_probes(ProbeSet::new(vec![Probe::Execute(Place::Linear(instruction(3), None))]), Policy::Stop);
    for n in [3, 10, 17] {
        assert_eq!(rig.run(END), Exit::Probe);
        assert_eq!((rig.cpu.icount(), rig.cpu.rip()), (n, instruction(3)));
        assert_eq!(rig.cpu.take_hits().len(), 1);
    }
    let write = Probe::Access { start: Place::Linear(WRITTEN, None), len: 4, read: false, write: true };
    rig.cpu.set_probes(ProbeSet::new(vec![write]), Policy::Stop);
    assert_eq!(rig.run(END), Exit::Probe);
    let hit = rig.cpu.take_hits().remove(0);
    assert_eq!((hit.icount + 1, hit.rip), (rig.cpu.icount(), instruction(3)));
    assert_eq!(rig.cpu.rip(), instruction(4));
}

#[test]
fn the_last_hit_of_each_probe_is_kept() {
    let (_, all) = trace(64, END);
    let mut rig = Rig::new(64);
    rig.cpu.set_probes(everything(), Policy::Last);
    assert_eq!(rig.run(END), Exit::Limit);
    let last = rig.cpu.take_hits();
    assert_eq!(last.len(), 8);
    for hit in last {
        assert_eq!(Some(&hit), all.iter().rfind(|h| h.probe == hit.probe));
    }
}

#[test]
fn bus_masters_are_watched() {
    let mut rig = Rig::new(64);
    rig.cpu.set_probes(everything(), Policy::Stop);
    rig.mem.watch_writes(everything().written_ranges());
    rig.mem.write(WRITTEN - 2, &[1, 2, 3, 4, 5, 6, 7]);
    rig.mem.write(WRITTEN + 4, &[1]);
    let writes = rig.mem.take_watched_writes();
    assert_eq!(writes.len(), 1);
    rig.cpu.probe_device(writes[0].0, &writes[0].1);
    let hits = rig.cpu.take_hits();
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].what, What::Device { physical: WRITTEN, size: 5, value: 0x07_0605_0403 });
}

#[test]
fn phases_can_be_reached_again() {
    let mut rig = Rig::new(64);
    rig.cpu.set_probes(ProbeSet::new(vec![Probe::Execute(Place::Linear(u64::from(HANDLER) + 1, None))]), Policy::Stop);
    assert_eq!(rig.run(END), Exit::Probe);
    let (icount, state) = (rig.cpu.icount(), rig.cpu.save());
    assert_eq!(rig.cpu.phase(), 1);
    let mut again = Rig::new(64);
    assert_eq!(again.run(icount), Exit::Limit);
    assert_eq!((again.cpu.phase(), again.cpu.rip()), (0, instruction(18)));
    again.cpu.stop_at_phases(true);
    assert_eq!(again.run(END), Exit::Probe);
    assert_eq!(again.cpu.save(), state);
}

/// Clears the accessed and dirty bits of a page behind the TLB's back, uses the page, and looks at the bits.
fn behind_the_tlb(a: &mut CodeAssembler) -> Result<(), IcedError> {
    let mut top = a.create_label();
    let entry = PAGE_TABLE as u32 + (DATA >> 12) * 4;
    a.set_label(&mut top)?;
    a.add(dword_ptr(DATA + 4), eax)?;
    a.and(dword_ptr(entry), !0x60i32)?;
    a.mov(eax, dword_ptr(DATA))?;
    a.inc(dword_ptr(DATA))?;
    a.xor(ebx, dword_ptr(entry))?;
    a.rol(ebx, 1)?;
    a.dec(esi)?;
    a.test(esi, 7)?;
    a.jne(top)?;
    a.invlpg(dword_ptr(DATA))?;
    a.jmp(top)
}

const PAGE_TABLE: u64 = 0x10_1000;

#[test]
fn pages_are_walked_when_they_would_be_walked_unwatched() {
    let rig = || {
        let mut rig = Rig::new(64);
        rig.mem.write(u64::from(CODE), &assemble(CODE, behind_the_tlb));
        let entries: Vec<u8> = (0..1024u32).flat_map(|n| (n << 12 | 3).to_le_bytes()).collect();
        rig.mem.write(PAGE_TABLE, &entries);
        rig.mem.write(0x10_0000, &(PAGE_TABLE as u32 | 3).to_le_bytes());
        let mut state = rig.cpu.save();
        state.sys.cr3 = 0x10_0000;
        state.sys.cr0 |= 1 << 31;
        rig.cpu.load(&state);
        rig
    };
    let mut plain = rig();
    plain.run(END);
    let probes = |start| ProbeSet::new(vec![Probe::Access { start, len: 4, read: true, write: true }]);
    let data = u64::from(DATA);
    for place in [Place::Linear(data, None), Place::Physical(data), Place::Linear(data, Some(0x10_0000))] {
        let mut watched = rig();
        watched.cpu.set_probes(probes(place), Policy::All(usize::MAX));
        // Taken away and set again in the middle: the translations stay.
        watched.run(END / 3);
        let hits = watched.cpu.take_hits().len();
        watched.cpu.set_probes(ProbeSet::default(), Policy::Stop);
        watched.run(END / 2);
        watched.cpu.set_probes(probes(place), Policy::All(usize::MAX));
        watched.run(END);
        assert!(hits > 200 && watched.cpu.take_hits().len() > 200);
        assert_eq!(plain.cpu.save(), watched.cpu.save(), "{place:?}");
        assert!(plain.image() == watched.image(), "{place:?}");
    }
    // The bits themselves, as a store of the processor into an entry.
    let entry = PAGE_TABLE + u64::from(DATA >> 12) * 4;
    let mut watched = rig();
    watched.cpu.set_probes(
        ProbeSet::new(vec![Probe::Access { start: Place::Physical(entry), len: 1, read: false, write: true }]),
        Policy::All(usize::MAX),
    );
    watched.run(END);
    let hits = watched.cpu.take_hits();
    assert!(hits.iter().any(|h| h.what == What::PageWalk { physical: entry, value: 0x63 }));
    assert!(hits.iter().any(|h| matches!(h.what, What::Write { physical, .. } if physical == entry)));
}
