//! Conformance sets: which there are, how they are found in a folder, and what a run of one reports.
//!
//! | set | files | what runs |
//! |---|---|---|
//! | sst-80286-real, sst-80386-real | `*.MOO[.gz]`, cpu `C286`, `386E` | [`real`] |
//! | sst-8086 | `*.MOO[.gz]`, cpu `8086` | [`i8086`], where the 386 agrees |
//! | host-zen5 | `*.MOO[.gz]`, cpu `HZ32`, `HZ64` | [`hz`] |
//! | testfloat | `*.tf[.gz]` | [`testfloat`] |
//! | iced-decoder | `DecoderTest*.txt[.gz]`, `MemoryTest*.txt[.gz]` | [`iced`] |
//!
//! A set is a folder; what it holds is told by names of files and, for MOO, by the CPU name inside. No test is treated
//! by its number: masks come from the set's own data or from rules about the processor it was captured from.

mod fx;
mod hz;
mod i8086;
mod iced;
mod real;
pub mod table;
mod testfloat;

use crate::moo;
use flate2::read::GzDecoder;
pub use fx::ulps;
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

impl Count {
    /// Nothing failed.
    pub fn is_whole(self) -> bool {
        self.passed == self.total
    }
}

/// Result of one set.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Per opcode or form.
    pub rows: BTreeMap<String, Count>,
    /// Some failures of each row in words.
    pub failures: Vec<String>,
    /// Tests that say nothing about this machine, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// Largest error of a transcendental x87 function, in units in the last place.
    pub ulp: Option<u64>,
}

/// Failures described per row.
const DESCRIBED: u64 = 3;

impl Report {
    /// Sum of all rows.
    pub fn sum(&self) -> Count {
        self.rows
            .values()
            .fold(Count::default(), |a, b| Count { passed: a.passed + b.passed, total: a.total + b.total })
    }

    fn add(&mut self, row: &str, name: impl FnOnce() -> String, outcome: Result<(), String>) {
        let count = self.rows.entry(row.to_owned()).or_default();
        count.total += 1;
        match outcome {
            Ok(()) => count.passed += 1,
            Err(why) => {
                if count.total - count.passed <= DESCRIBED {
                    self.failures.push(format!("{row} {}: {why}", name()));
                }
            }
        }
    }

    fn leave_out(&mut self, reason: &str, tests: u64) {
        if tests != 0 {
            *self.left_out.entry(reason.to_owned()).or_default() += tests;
        }
    }
}

/// Format of a set's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Moo,
    TestFloat,
    Iced,
}

/// A folder with vectors of one format.
#[derive(Clone, Debug)]
pub struct Set {
    /// Name of the folder.
    pub name: String,
    dir: PathBuf,
    kind: Kind,
    files: Vec<PathBuf>,
}

/// File name without `.gz`.
fn plain_name(path: &Path) -> String {
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    name.strip_suffix(".gz").map_or(name.clone(), str::to_owned)
}

fn kind_of(path: &Path) -> Option<Kind> {
    let name = plain_name(path);
    if name.to_ascii_uppercase().ends_with(".MOO") {
        Some(Kind::Moo)
    } else if name.ends_with(".tf") {
        Some(Kind::TestFloat)
    } else if name.ends_with(".txt") && (name.starts_with("DecoderTest") || name.starts_with("MemoryTest")) {
        Some(Kind::Iced)
    } else {
        None
    }
}

/// Finds every set in `dir` and below, in the order of their paths.
///
/// # Errors
/// A folder that cannot be read, in one line.
pub fn find_sets(dir: &Path) -> Result<Vec<Set>, String> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))? {
        list.push(entry.map_err(|e| format!("{}: {e}", dir.display()))?.path());
    }
    list.sort();
    let mut by_kind: BTreeMap<Kind, Vec<PathBuf>> = BTreeMap::new();
    let mut sets = Vec::new();
    for path in list {
        if path.is_dir() {
            sets.extend(find_sets(&path)?);
        } else if let Some(kind) = kind_of(&path) {
            by_kind.entry(kind).or_default().push(path);
        }
    }
    let name = dir.canonicalize().ok().and_then(|d| Some(d.file_name()?.to_string_lossy().into_owned()));
    for (kind, files) in by_kind {
        sets.push(Set { name: name.clone().unwrap_or_default(), dir: dir.to_owned(), kind, files });
    }
    sets.sort_by(|a, b| a.dir.cmp(&b.dir));
    Ok(sets)
}

/// Whole content of a file, unpacked when it is gzip data.
///
/// # Errors
/// What could not be read, in one line.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let raw = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    if path.extension().is_none_or(|e| e != "gz") {
        return Ok(raw);
    }
    let mut out = Vec::new();
    GzDecoder::new(&raw[..]).read_to_end(&mut out).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(out)
}

fn read_text(path: &Path) -> Result<String, String> {
    String::from_utf8(read_file(path)?).map_err(|_| format!("{}: is no text", path.display()))
}

impl Set {
    /// Runs the set; `limit` bounds the tests per form or file (0: all).
    ///
    /// # Errors
    /// A file that cannot be read or is damaged, in one line.
    pub fn run(&self, limit: usize) -> Result<Report, String> {
        let mut report = Report::default();
        let masks = match self.kind {
            Kind::Moo => real::Metadata::load(&self.dir)?,
            _ => real::Metadata::default(),
        };
        for path in &self.files {
            let outcome = match self.kind {
                Kind::Moo => moo_file(path, limit, &masks, &mut report),
                Kind::TestFloat => testfloat::run(&plain_name(path), &read_text(path)?, limit, &mut report),
                Kind::Iced => iced::run(&plain_name(path), &read_text(path)?, limit, &mut report),
            };
            outcome.map_err(|e| format!("{}: {e}", path.display()))?;
        }
        if report.rows.is_empty() && report.left_out.is_empty() {
            return Err(format!("{}: holds no test", self.dir.display()));
        }
        Ok(report)
    }
}

fn moo_file(path: &Path, limit: usize, masks: &real::Metadata, report: &mut Report) -> Result<(), String> {
    // The path is named by the caller; unpacking names it itself.
    let data = read_file(path).map_err(|e| e.replacen(&format!("{}: ", path.display()), "", 1))?;
    let name = plain_name(path);
    let opcode = name.get(..name.len().saturating_sub(".MOO".len())).unwrap_or_default();
    for mut form in moo::parse(&data)? {
        if limit != 0 {
            form.tests.truncate(limit);
        }
        match form.cpu.as_str() {
            "C286" | "386E" => real::run(&form, opcode, masks, report)?,
            "8086" => i8086::run(&form, opcode, masks, report)?,
            "HZ32" | "HZ64" => hz::run(&form, report)?,
            other => return Err(format!("was captured from `{other}`, which is none of 8086 C286 386E HZ32 HZ64")),
        }
    }
    Ok(())
}
