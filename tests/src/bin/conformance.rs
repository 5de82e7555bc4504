//! `conformance DIR...`: runs every conformance set found under each DIR and prints a line per set and the opcodes
//! that fail. Exit status 0 only when everything passed, 2 when nothing was found.

use rewind86_tests::conformance::{files, run_moo};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn sets(dir: &Path, out: &mut Vec<PathBuf>) {
    if !files(dir, ".MOO").is_empty() {
        out.push(dir.to_owned());
    }
    let mut subs: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.is_dir())
        .collect();
    subs.sort();
    for sub in subs {
        sets(&sub, out);
    }
}

fn main() -> ExitCode {
    let mut found = Vec::new();
    let mut verbose = false;
    for arg in std::env::args_os().skip(1) {
        if arg == "-v" {
            verbose = true;
        } else {
            sets(Path::new(&arg), &mut found);
        }
    }
    if found.is_empty() {
        eprintln!("conformance: no set found; give the folders that hold the vectors");
        return ExitCode::from(2);
    }
    let mut good = true;
    for dir in found {
        let name = dir.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        match run_moo(&dir, 0) {
            Ok(report) => {
                let sum = report.sum();
                println!("{name} passed {} of {}", sum.passed, sum.total);
                for (row, c) in report.rows.iter().filter(|(_, c)| c.passed != c.total) {
                    println!("  {row}: {} of {}", c.passed, c.total);
                    good = false;
                }
                if verbose {
                    for f in &report.failures {
                        println!("    {f}");
                    }
                }
            }
            Err(e) => {
                eprintln!("conformance: {e}");
                good = false;
            }
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
