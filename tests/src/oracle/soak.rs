//! Many cases of one class and mode.

use super::case::Mode;
use super::generate::Class;

/// A case that came out differently.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Its seed: the same case again with a count of 1.
    pub seed: u64,
    /// The instruction and what differs.
    pub text: String,
}

/// Result of a soak.
#[derive(Clone, Debug, Default)]
pub struct Soak {
    /// Cases run.
    pub cases: u64,
    /// How many differed.
    pub differing: u64,
    /// The first of each opcode form.
    pub differences: Vec<Difference>,
    /// Cases by vector that ended them: 3 is completion, [`UNANSWERED`](super::case::UNANSWERED) were not compared.
    pub vectors: std::collections::BTreeMap<u8, u64>,
}

/// Runs `count` cases with the seeds from `seed` on.
///
/// # Errors
/// The host cannot run cases: why, in one line.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub fn run(class: Class, mode: Mode, seed: u64, count: u64) -> Result<Soak, String> {
    use super::{case::UNANSWERED, compare::compare, core::Core, generate::Generator, host::Host, makers::Maker};
    const BATCH: u64 = 256;
    let mut host = Host::new().map_err(|e| format!("the host's processor cannot be asked: {e}"))?;
    let mut core = Core::new();
    let maker = Maker::of_host();
    let generator = Generator::new(class, mode, maker);
    let mut soak = Soak::default();
    let mut known = std::collections::HashSet::new();
    let (mut cases, mut instructions, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    while soak.cases < count {
        cases.clear();
        instructions.clear();
        let first = seed.wrapping_add(soak.cases);
        for n in 0..BATCH.min(count - soak.cases) {
            let (case, instruction) = generator.case(first.wrapping_add(n));
            if count == 1 {
                // Said before it runs, in case it never ends.
                eprintln!("{:02X?} `{instruction}` at {:x}", case.code, case.rip());
            }
            cases.push(case);
            instructions.push(instruction);
        }
        host.run(&cases, &mut outcomes);
        for (n, ((case, i), native)) in cases.iter().zip(&instructions).zip(&outcomes).enumerate() {
            *soak.vectors.entry(native.vector).or_default() += 1;
            if native.vector == UNANSWERED {
                continue;
            }
            let wrong = match core.run(case) {
                Ok(mine) => compare(case, i, native, &mine, maker),
                Err(e) => vec![e],
            };
            if wrong.is_empty() {
                continue;
            }
            soak.differing += 1;
            if known.insert(i.code()) {
                let bytes: Vec<_> = case.code.iter().map(|b| format!("{b:02X}")).collect();
                let text = format!("{} {:?} `{i}`: {}", bytes.join(" "), i.code(), wrong.join(", "));
                // A single case is being looked at: say all of it.
                let text = if count == 1 { format!("{text}\n{}", state(case, native)) } else { text };
                soak.differences.push(Difference { seed: first.wrapping_add(n as u64), text });
            }
        }
        soak.cases += cases.len() as u64;
    }
    Ok(soak)
}

/// A case in words.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn state(case: &super::case::Case, host: &super::case::Outcome) -> String {
    let gpr: Vec<_> = case.gpr.iter().enumerate().map(|(n, v)| format!("r{n} {v:x}")).collect();
    let fx: Vec<_> = case.fx.chunks_exact(16).map(|c| c.iter().rev().map(|b| format!("{b:02X}")).collect()).collect();
    format!(
        "    {:?} at {:x} flags {:x} {}\n    fx {}\n    host vector {} error {:x} cr2 {:x} rip {:x} flags {:x} segments {:x?}",
        case.segments,
        case.rip(),
        case.rflags,
        gpr.join(" "),
        fx.into_iter().collect::<Vec<String>>().join(" "),
        host.vector,
        host.error,
        host.cr2,
        host.rip,
        host.rflags,
        host.segments
    )
}

/// Runs nothing: there is no x86-64 processor under Linux.
///
/// # Errors
/// Always.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub fn run(_: Class, _: Mode, _: u64, _: u64) -> Result<Soak, String> {
    Err("only an x86-64 host with Linux can be asked".to_owned())
}
