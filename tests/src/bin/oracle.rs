//! `oracle [--class int|x87|sse|all] [--mode 16|32|64|all] [--count N] [--seed S]`: random instructions on the host's own
//! processor and on the core. x86-64 Linux only.
//!
//! Prints a line for each class and mode with the seeds that ran, then the first difference of each opcode form with
//! its seed: `--seed S --count 1` runs that case again. Exit status: 0 without a difference, 1 with one, 2 for wrong
//! arguments, 3 where no host can be asked.

use rewind86_tests::oracle::case::{Mode, UNANSWERED};
use rewind86_tests::oracle::generate::Class;
use rewind86_tests::oracle::soak;
use std::process::ExitCode;

const USAGE: &str = "usage: oracle [--class int|x87|sse|all] [--mode 16|32|64|all] [--count N] [--seed S]";

struct Options {
    classes: Vec<Class>,
    modes: Vec<Mode>,
    count: u64,
    seed: u64,
}

fn options() -> Result<Options, String> {
    let classes = vec![Class::Int, Class::X87, Class::Sse];
    let modes = vec![Mode::Bits16, Mode::Bits32, Mode::Bits64];
    let mut o = Options { classes: classes.clone(), modes: modes.clone(), count: 100_000, seed: 1 };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        if flag == "--help" {
            return Err(USAGE.to_owned());
        }
        let value = args.next().ok_or_else(|| format!("{flag} wants a value; {USAGE}"))?;
        let number = || value.parse().map_err(|_| format!("{flag} {value}: is no number"));
        match flag.as_str() {
            "--class" if value == "all" => o.classes.clone_from(&classes),
            "--class" => o.classes = classes.iter().copied().filter(|c| c.name() == value).collect(),
            "--mode" if value == "all" => o.modes.clone_from(&modes),
            "--mode" => o.modes = modes.iter().copied().filter(|m| m.bits().to_string() == value).collect(),
            "--count" => o.count = number()?,
            "--seed" => o.seed = number()?,
            _ => return Err(format!("unknown option `{flag}`; {USAGE}")),
        }
        if o.classes.is_empty() || o.modes.is_empty() {
            return Err(format!("{flag} {value}: there is no such; {USAGE}"));
        }
    }
    Ok(o)
}

fn main() -> ExitCode {
    let o = match options() {
        Ok(o) => o,
        Err(e) => {
            eprintln!("oracle: {e}");
            return ExitCode::from(2);
        }
    };
    let mut good = true;
    for &class in &o.classes {
        for &mode in &o.modes {
            let soak = match soak::run(class, mode, o.seed, o.count) {
                Ok(soak) => soak,
                Err(e) => {
                    eprintln!("oracle: {e}");
                    return ExitCode::from(3);
                }
            };
            let last = o.seed.wrapping_add(o.count.saturating_sub(1));
            println!(
                "{} {}: {} of {} differ, seeds {} to {last}",
                class.name(),
                mode.bits(),
                soak.differing,
                soak.cases,
                o.seed
            );
            let vectors: Vec<_> = soak.vectors.iter().map(|(v, n)| format!("{v}: {n}")).collect();
            println!("  ended by vector {}", vectors.join(", "));
            if let Some(n) = soak.vectors.get(&UNANSWERED) {
                println!("  of these, by {UNANSWERED}: the host never ended {n}; they were not compared");
            }
            for d in &soak.differences {
                println!("  seed {} {}", d.seed, d.text);
            }
            good &= soak.differing == 0;
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
