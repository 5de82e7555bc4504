//! `conformance [-v] [--sample N] [--table FILE] DIR...`: runs every conformance set found under each DIR and prints a line
//! per set and the opcodes that fail. With `--sample` the first N tests of each form or file.
//!
//! Exit status: 0 only when everything passed, 1 when a test failed or a file is damaged, 2 when there is nothing to
//! run or the arguments are wrong.

use rewind86_tests::conformance::{Report, find_sets, table};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: conformance [-v] [--sample N] [--table FILE] DIR...";

struct Options {
    verbose: bool,
    /// Tests per form or file; 0 is all.
    sample: usize,
    table: Option<PathBuf>,
    dirs: Vec<PathBuf>,
}

fn options() -> Result<Options, String> {
    let mut o = Options { verbose: false, sample: 0, table: None, dirs: Vec::new() };
    let mut args = std::env::args_os().skip(1);
    while let Some(arg) = args.next() {
        if arg == "-v" || arg == "--verbose" {
            o.verbose = true;
        } else if arg == "--sample" {
            let number = args.next().and_then(|n| n.to_str()?.parse().ok());
            o.sample = number.filter(|n| *n > 0).ok_or("--sample wants a number of tests")?;
        } else if arg == "--table" {
            o.table = Some(args.next().ok_or("--table wants the file to write")?.into());
        } else if arg.to_string_lossy().starts_with('-') {
            return Err(format!("unknown option `{}`; {USAGE}", arg.to_string_lossy()));
        } else {
            o.dirs.push(arg.into());
        }
    }
    if o.dirs.is_empty() { Err(USAGE.to_owned()) } else { Ok(o) }
}

fn print(name: &str, report: &Report, verbose: bool) -> bool {
    let sum = report.sum();
    println!("{name} passed {} of {}", sum.passed, sum.total);
    if let Some(ulp) = report.ulp {
        println!("  transcendental x87 functions: at most {ulp} ulp off");
    }
    for (reason, count) in &report.left_out {
        println!("  left out {count}: {reason}");
    }
    for (row, c) in report.rows.iter().filter(|(_, c)| !c.is_whole()) {
        println!("  {row}: {} of {}", c.passed, c.total);
    }
    if verbose {
        for f in &report.failures {
            println!("    {f}");
        }
    }
    sum.is_whole()
}

/// Runs the sets below `dir`; `Ok(false)` when one of them is not whole.
fn run(dir: &Path, o: &Options, results: &mut Vec<(String, Report)>) -> Result<bool, String> {
    let sets = find_sets(dir)?;
    if sets.is_empty() {
        return Err(format!("{}: no set found; give a folder that holds vectors", dir.display()));
    }
    let mut good = true;
    for set in sets {
        match set.run(o.sample) {
            Ok(report) => {
                good &= print(&set.name, &report, o.verbose);
                results.push((set.name, report));
            }
            Err(e) => {
                eprintln!("conformance: {e}");
                good = false;
            }
        }
    }
    Ok(good)
}

fn main() -> ExitCode {
    let o = match options() {
        Ok(o) => o,
        Err(e) => {
            eprintln!("conformance: {e}");
            return ExitCode::from(2);
        }
    };
    let mut results = Vec::new();
    let (mut good, mut absent) = (true, false);
    for dir in &o.dirs {
        match run(dir, &o, &mut results) {
            Ok(whole) => good &= whole,
            Err(e) => {
                eprintln!("conformance: {e}");
                absent = true;
            }
        }
    }
    if let Some(path) = &o.table
        && let Err(e) = std::fs::write(path, table::markdown(&results))
    {
        eprintln!("conformance: {}: {e}", path.display());
        good = false;
    }
    match (absent, good) {
        (true, _) => ExitCode::from(2),
        (_, false) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
