//! Scripts: drive the guest by keys, serial bytes and media, and wait for what it shows.

mod engine;
mod parse;
mod strokes;

pub use engine::{Engine, Outcome, Stage, TICK};

use std::path::Path;

use crate::status::{Failure, io_reason, read_text};

/// Reads a script file; every error in it is found here, before a machine starts.
pub fn load(path: &Path) -> Result<Vec<parse::Step>, Failure> {
    let bytes = read_text(path)
        .map_err(|e| Failure::host(format!("--script {}: {}; check the name", path.display(), io_reason(&e))))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("--script {}: not a text file (UTF-8)", path.display())))?;
    let steps = parse::parse(&text).map_err(|why| Failure::usage(format!("--script {} {why}", path.display())))?;
    if steps.is_empty() {
        return Err(Failure::usage(format!("--script {}: there is no step in it", path.display())));
    }
    Ok(steps)
}
