//! Runs one loop of the benches for a number of instructions and nothing else: `count LOOP INSTRUCTIONS`; without
//! arguments it lists the loops. The guard in `ci/guard.sh` counts the host instructions of this program.
#![allow(clippy::unwrap_used)]

#[path = "../benches/rig/loops.rs"]
mod loops;
#[path = "../benches/rig/mod.rs"]
mod rig;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.is_empty() {
        loops::GUARDED.iter().for_each(|(name, ..)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let (Some(name), Some(Ok(n)), None) = (args.first(), args.get(1).map(|n| n.parse()), args.get(2)) else {
        eprintln!("usage: count [LOOP INSTRUCTIONS]");
        return ExitCode::from(2);
    };
    let Some(&(_, user, build)) = loops::GUARDED.iter().find(|l| l.0 == name) else {
        eprintln!("no loop {name}");
        return ExitCode::from(2);
    };
    rig::Rig::new(user, build).run(n);
    ExitCode::SUCCESS
}
