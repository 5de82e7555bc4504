//! Conformance sets: which there are, how one is found in a folder, and what a run of it reports.

mod hz;
mod real;

use crate::moo;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Passed and total of one opcode or form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Passed.
    pub passed: u64,
    /// All.
    pub total: u64,
}

/// Result of one set.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Per opcode or form.
    pub rows: BTreeMap<String, Count>,
    /// Some failures in words.
    pub failures: Vec<String>,
}

impl Report {
    /// Sum of all rows.
    pub fn sum(&self) -> Count {
        self.rows
            .values()
            .fold(Count::default(), |a, b| Count { passed: a.passed + b.passed, total: a.total + b.total })
    }

    fn add(&mut self, row: &str, name: &str, outcome: Result<(), String>) {
        let count = self.rows.entry(row.to_owned()).or_default();
        count.total += 1;
        match outcome {
            Ok(()) => count.passed += 1,
            Err(why) => {
                if count.total - count.passed <= 3 {
                    self.failures.push(format!("{row} {name}: {why}"));
                }
            }
        }
    }
}

/// Whole content of a file, unpacked when its name ends in `.gz`.
///
/// # Errors
/// What could not be read, in one line.
pub fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let raw = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    if path.extension().is_none_or(|e| e != "gz") {
        return Ok(raw);
    }
    let mut out = Vec::new();
    GzDecoder::new(&raw[..]).read_to_end(&mut out).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(out)
}

/// Files of a folder whose names contain `part`, sorted.
pub fn files(dir: &Path, part: &str) -> Vec<PathBuf> {
    let mut list: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.is_file() && p.file_name().is_some_and(|n| n.to_string_lossy().contains(part)))
        .collect();
    list.sort();
    list
}

/// Runs the MOO files of a folder; `limit` bounds the tests per form (0: all).
///
/// # Errors
/// A file that cannot be read.
pub fn run_moo(dir: &Path, limit: usize) -> Result<Report, String> {
    let mut report = Report::default();
    let masks = real::Metadata::load(dir);
    for path in files(dir, ".MOO") {
        let file = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let opcode = file.split(".MOO").next().unwrap_or("").to_owned();
        for mut form in moo::parse(&read_file(&path)?) {
            if limit != 0 {
                form.tests.truncate(limit);
            }
            match form.cpu.as_str() {
                "C286" | "386E" => real::run(&form, &opcode, &masks, &mut report),
                "HZ32" | "HZ64" => hz::run(&form, &mut report),
                _ => {}
            }
        }
    }
    Ok(report)
}
