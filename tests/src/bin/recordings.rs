//! `recordings [DIR]`: makes the recordings and snapshots of `testdata/recordings` anew, and says what is in each.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let here = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/recordings");
    let dir = std::env::args_os().nth(1).map_or_else(here, PathBuf::from);
    match rewind86_tests::golden::write(&dir) {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("recordings: {e}");
            ExitCode::FAILURE
        }
    }
}
