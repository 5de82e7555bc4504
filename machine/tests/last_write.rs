//! `last-write` against a trace that knows nothing of probes.
//!
//! The recording is played one instruction at a time. What an instruction wrote is known from two sides: iced-x86 says
//! which operands it stores to, with the registers of before; and the memory of before and after is compared, which
//! also shows what needs no operand: interrupt frames, accessed and dirty bits, DMA. A byte that an interrupt overwrites
//! with what it held is known from the stack pointer.
//!
//! `LAST_WRITE_WINDOW` is the number of instructions that are traced in each guest (30,000), `LAST_WRITE_QUESTIONS` the
//! number of addresses that are asked for (250), `LAST_WRITE_SKIP` that of the instructions before, in a Linux kernel.

// The helpers belong to the tests, where a failure is a panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use iced_x86::{
    Code, Decoder, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};
use rewind86_bios::DEMO_DISK;
use rewind86_machine::config::{ImageSpec, KernelSpec};
use rewind86_machine::cpu::CpuState;
use rewind86_machine::history::Position;
use rewind86_machine::probe::{Place, Policy, Probe, ProbeSet, What};
use rewind86_machine::query::{self, Scope};
use rewind86_machine::record::{RecordOptions, Recording};
use rewind86_machine::regs::Seg;
use rewind86_machine::{Machine, MachineConfig, RunExit};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PAGE: usize = 4096;
/// Instructions between two looks at all of memory.
const LOOK: u64 = 500;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// A file of the guest collection; says why when it is not there.
fn guest(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/guests").join(name);
    if !path.exists() {
        println!("skipped: the guest collection with {name} is not on this machine");
        return None;
    }
    Some(path)
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n.max(1)
    }
}

/// A recording of `window` instructions that starts after `skip` of a machine's run.
fn recording(config: &MachineConfig, skip: u64, window: u64, dir: &Path) -> Arc<Recording> {
    let mut m = Machine::new(config).unwrap();
    while m.icount() < skip {
        assert!(matches!(m.run(u64::MAX, skip), RunExit::Icount | RunExit::Time));
        m.take_serial(0);
    }
    let path = dir.join("run.rec");
    m.record(Box::new(std::fs::File::create(&path).unwrap()), &RecordOptions::default()).unwrap();
    assert!(matches!(m.run(u64::MAX, skip + window), RunExit::Icount));
    m.finish_recording().unwrap();
    Arc::new(Recording::open(&path).unwrap())
}

fn is_ram(addr: u64, memory: u64) -> bool {
    addr < memory && !(0xA0000..0x10_0000).contains(&addr)
}

/// All of RAM.
fn memory(m: &Machine, size: u64) -> Vec<u8> {
    let mut all = vec![0; size as usize];
    m.read_memory(0, &mut all);
    all
}

/// The pages that change in the whole run.
fn changing_pages(recording: &Arc<Recording>, size: u64) -> BTreeSet<u64> {
    let mut m = recording.play(false).unwrap();
    let mut pages = BTreeSet::new();
    let mut before = memory(&m, size);
    while m.icount() < recording.end().icount {
        let to = (m.icount() + LOOK).min(recording.end().icount);
        m.run(u64::MAX, to);
        let after = memory(&m, size);
        let differs = |(a, b): (&[u8], &[u8])| a != b;
        let pairs = before.chunks(PAGE).zip(after.chunks(PAGE)).map(differs);
        pages.extend((0..).zip(pairs).filter(|(_, d)| *d).map(|(i, _): (u64, bool)| i));
        before = after;
    }
    pages
}

fn register(state: &CpuState, register: Register, long: bool) -> Option<u64> {
    if register.is_segment_register() {
        let seg = Seg::from_index(register.number())?;
        let flat = long && !matches!(seg, Seg::Fs | Seg::Gs);
        return Some(if flat { 0 } else { state.seg[seg as usize].base });
    }
    if !register.is_gpr() {
        return None;
    }
    let value = state.gpr[register.full_register().number()];
    Some(match (register.size(), register) {
        (1, Register::AH | Register::BH | Register::CH | Register::DH) => value >> 8 & 0xFF,
        (1, _) => value & 0xFF,
        (2, _) => value & 0xFFFF,
        (4, _) => value & 0xFFFF_FFFF,
        _ => value,
    })
}

/// The linear ranges that an instruction stores to if it completes.
fn stores(state: &CpuState, bits: u32, i: &Instruction, factory: &mut InstructionInfoFactory) -> Vec<(u64, u64)> {
    let long = bits == 64;
    let mask = if long { u64::MAX } else { 0xFFFF_FFFF };
    let mut out = Vec::new();
    let string = i.is_string_instruction();
    let counter = match i.has_rep_prefix() || i.has_repne_prefix() {
        false => 1,
        // The count is as wide as the addresses.
        true => {
            let size = [i.op0_kind(), i.op1_kind()].into_iter().find_map(|k| match k {
                OpKind::MemoryESDI | OpKind::MemorySegSI | OpKind::MemorySegDI => Some(0xFFFF),
                OpKind::MemoryESEDI | OpKind::MemorySegESI | OpKind::MemorySegEDI => Some(0xFFFF_FFFF),
                OpKind::MemoryESRDI | OpKind::MemorySegRSI | OpKind::MemorySegRDI => Some(u64::MAX),
                _ => None,
            });
            size.map_or(1, |size: u64| state.gpr[1] & size)
        }
    };
    if string && counter == 0 {
        return out;
    }
    for used in factory.info(i).used_memory() {
        if matches!(used.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess | OpAccess::None) {
            continue;
        }
        if !string && matches!(used.access(), OpAccess::CondWrite | OpAccess::ReadCondWrite) && !is_cmpxchg(i.code()) {
            continue;
        }
        let Some(mut at) = used.virtual_address(0, |r, _, _| register(state, r, long)) else { continue };
        // The operand of a bit instruction with a bit number from a register lies elsewhere.
        if matches!(i.mnemonic(), Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc)
            && i.op1_kind() == OpKind::Register
            && let Some(number) = register(state, i.op1_register(), long)
        {
            let size = i.op1_register().size() as u32 * 8;
            let signed = (number << (64 - size)) as i64 >> (64 - size);
            at = at.wrapping_add((signed.div_euclid(i64::from(size)) * i64::from(size / 8)) as u64);
        }
        let size = match string {
            true => i.memory_size().size(),
            false => used.memory_size().size(),
        };
        if size <= 16 {
            out.push((at & mask, size as u64));
        }
    }
    out
}

fn is_cmpxchg(code: Code) -> bool {
    matches!(code.mnemonic(), Mnemonic::Cmpxchg | Mnemonic::Cmpxchg8b | Mnemonic::Cmpxchg16b)
}

/// Linear address of the top of the stack.
fn stack(m: &Machine, state: &CpuState) -> u64 {
    let ss = &state.seg[Seg::Ss as usize];
    let sp = state.gpr[4];
    match m.cpu().code_bits() {
        64 => sp,
        _ if ss.big() => ss.base.wrapping_add(sp & 0xFFFF_FFFF) & 0xFFFF_FFFF,
        _ => ss.base.wrapping_add(sp & 0xFFFF),
    }
}

/// What the run wrote: for each byte of RAM the last instruction number and the value.
struct Trace {
    last: BTreeMap<u64, (u64, u8)>,
    /// Bytes written by operands, by deliveries, and changed by other means.
    kinds: [usize; 3],
}

fn trace(recording: &Arc<Recording>, size: u64) -> Trace {
    let pages: Vec<u64> = changing_pages(recording, size).into_iter().collect();
    let mut m = recording.play(false).unwrap();
    m.set_probes(ProbeSet::default(), Policy::Stop);
    m.stop_at_phases(true);
    let mut factory = InstructionInfoFactory::new();
    let mut out = Trace { last: BTreeMap::new(), kinds: [0; 3] };
    let mut before = memory(&m, size);
    let mut page = vec![0; PAGE];
    while m.icount() < recording.end().icount {
        let state = m.cpu().save();
        let (icount, bits) = (m.icount(), m.cpu().code_bits());
        let mut code = [0; 15];
        let n = m.read_linear(m.cpu().linear_rip(), &mut code);
        let mut decoder = Decoder::with_ip(bits, &code[..n], state.rip, DecoderOptions::NONE);
        let i = decoder.decode();
        let mut wanted: Vec<u64> = Vec::new();
        for (at, len) in stores(&state, bits, &i, &mut factory) {
            wanted.extend((0..len).filter_map(|k| m.physical(at.wrapping_add(k), None)));
        }
        let old_stack = stack(&m, &state);
        let exit = m.run(u64::MAX, icount + 1);
        assert!(matches!(exit, RunExit::Icount | RunExit::Probe | RunExit::ReplayEnd), "{exit:?}");
        m.take_hits();
        m.take_serial(0);
        // When the count stands, a delivery came first: the instruction has not run, or did not complete.
        let completed = m.icount() > icount;
        let software = matches!(i.mnemonic(), Mnemonic::Int | Mnemonic::Int1 | Mnemonic::Int3 | Mnemonic::Into);
        let delivered = exit == RunExit::Probe && (!completed || m.phase() > 0) || completed && software;
        let mut written: BTreeSet<u64> = BTreeSet::new();
        if completed {
            out.kinds[0] += wanted.len();
            written.extend(wanted.iter().filter(|a| is_ram(**a, size)));
        }
        if delivered {
            let new = m.cpu().save();
            let top = stack(&m, &new);
            // Without a change of stacks the frame is what lies between; with one, look at the memory alone.
            if old_stack.wrapping_sub(top) <= 64 {
                let frame = (top..old_stack).filter_map(|at| m.physical(at, None)).filter(|a| is_ram(*a, size));
                let frame: Vec<u64> = frame.collect();
                out.kinds[1] += frame.len();
                written.extend(frame);
            } else if bits != 16 {
                let len = if m.cpu().code_bits() == 64 { 40 } else { 20 };
                written.extend((top..top + len).filter_map(|at| m.physical(at, None)).filter(|a| is_ram(*a, size)));
            }
        }
        for &index in &pages {
            m.read_memory(index * PAGE as u64, &mut page);
            let old = &mut before[index as usize * PAGE..][..PAGE];
            if old != page.as_slice() {
                for k in 0..PAGE {
                    let at = index * PAGE as u64 + k as u64;
                    if old[k] != page[k] && is_ram(at, size) && written.insert(at) {
                        out.kinds[2] += 1;
                    }
                }
                old.copy_from_slice(&page);
            }
        }
        for at in written {
            out.last.insert(at, (icount, before[at as usize]));
        }
    }
    assert!(memory(&m, size) == before, "all changes were seen");
    out
}

/// Asks for random addresses and compares.
fn compare(name: &str, config: &MachineConfig, skip: u64) {
    let window = setting("LAST_WRITE_WINDOW", 30_000);
    let questions = setting("LAST_WRITE_QUESTIONS", 250) as usize;
    let dir = tempfile::tempdir().unwrap();
    let recording = recording(config, skip, window, dir.path());
    let trace = trace(&recording, config.memory);
    let written: Vec<u64> = trace.last.keys().copied().collect();
    assert!(written.len() > 100, "{name}: {} bytes were written", written.len());
    let mut random = Random(skip);
    let mut asked = BTreeSet::new();
    while asked.len() < questions {
        let at = match random.below(10) {
            0..=6 => written[random.below(written.len() as u64) as usize],
            7 | 8 => written[random.below(written.len() as u64) as usize].wrapping_add(random.below(64)),
            _ => random.below(config.memory),
        };
        if is_ram(at, config.memory) {
            asked.insert(at);
        }
    }
    let access = |at: &u64| Probe::Access { start: Place::Physical(*at), len: 1, read: false, write: true };
    let probes = ProbeSet::new(asked.iter().map(access).collect());
    let scope = Scope { span: 10_000, ..Scope::all(&recording, 2) };
    let answers = query::last(&recording, &probes, &scope).unwrap();
    let (mut equal, mut never, mut wrong) = (0, 0, Vec::new());
    for (at, answer) in asked.iter().zip(&answers) {
        let byte = |physical: u64, value: u64| (value >> (8 * at.wrapping_sub(physical).min(7))) as u8;
        let found = answer.as_ref().map(|hit| {
            let value = match hit.what {
                What::Write { physical, value, .. } | What::Device { physical, value, .. } => byte(physical, value),
                What::PageWalk { value, .. } => value,
                _ => 0,
            };
            (Position::before(hit).icount, value)
        });
        let expected = trace.last.get(at).copied();
        match found == expected {
            true if expected.is_none() => never += 1,
            true => equal += 1,
            false => wrong.push(format!("{at:#x}: {expected:?} expected, {answer:?}")),
        }
    }
    let [operands, frames, others] = trace.kinds;
    println!(
        "{name}: {window} instructions wrote {} bytes of RAM ({operands} stores by operands, {frames} by deliveries, {others} \
         changes by other means); {equal} answers equal the trace, {never} more say never; {} differ",
        written.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{name}: {} differ\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn demo_disk() {
    let image = ImageSpec { bytes: Some(DEMO_DISK.into()), ..ImageSpec::default() };
    let config = MachineConfig { floppies: [Some(image), None], memory: 4 << 20, ..MachineConfig::default() };
    compare("demo disk", &config, 4_425_000);
}

#[test]
fn freedos_boot() {
    let Some(path) = guest("freedos-cc/freedos.boot.disk.1.4MB.img") else { return };
    let image = ImageSpec { path: Some(path), discard_writes: true, ..ImageSpec::default() };
    let config = MachineConfig { floppies: [Some(image), None], memory: 4 << 20, ..MachineConfig::default() };
    compare("FreeDOS", &config, 60_000_000);
}

fn kernel(arch: &str, cpu: &str) {
    let names = std::fs::read_dir(guest(&format!("linux-{arch}")).unwrap_or_default());
    let kernel = names.into_iter().flatten().flatten().map(|e| e.path());
    let kernel = kernel.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("vmlinuz"))).min();
    let (Some(kernel), Some(initrd)) = (kernel, guest(&format!("linux-{arch}/initramfs-tiny.gz"))) else { return };
    let kernel = KernelSpec { kernel, initrd: Some(initrd), append: "console=ttyS0".into() };
    let skip = setting("LAST_WRITE_SKIP", 250_000_000);
    let config = MachineConfig { cpu: cpu.into(), kernel: Some(kernel), memory: 96 << 20, ..MachineConfig::default() };
    compare(&format!("Linux {arch}"), &config, skip);
}

#[test]
fn linux_i386() {
    kernel("i386", "");
}

#[test]
fn linux_amd64() {
    kernel("amd64", "nehalem");
}
