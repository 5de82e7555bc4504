//! How the program ends: the exit statuses that scripts rely on, and the one line that explains a failure.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The guest powered off, or the script came to its end.
pub const OK: u8 = 0;
/// The host could not do it: a file, a device, a program.
pub const HOST: u8 = 1;
/// The command line, a MACHINE.toml or a script is wrong.
pub const USAGE: u8 = 2;
/// `--timeout` ran out.
pub const TIMEOUT: u8 = 3;
/// `--max-instructions` were retired.
pub const INSTRUCTIONS: u8 = 4;
/// A replay is not the recorded run.
pub const DIVERGED: u8 = 5;
/// A step of the script failed.
pub const SCRIPT: u8 = 6;
/// The guest stopped for good.
pub const STOPPED: u8 = 7;

/// Bytes of a script or MACHINE.toml at most.
const TEXT_LIMIT: u64 = 16 << 20;

/// Why the program cannot go on: one line for a person, one status for a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub status: u8,
    /// What, which file or flag, what to do; without a line break.
    pub message: String,
}

impl Failure {
    /// A wrong command line, MACHINE.toml or script.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { status: USAGE, message: one_line(&message.to_string()) }
    }

    /// Something the host could not do.
    pub fn host(message: impl fmt::Display) -> Self {
        Self { status: HOST, message: one_line(&message.to_string()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Joins the lines of a message with blanks: an error is one line, whatever a library or a file name contains.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(['\n', '\r', '\t']).map(str::trim).filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Reads a file that a person wrote. One that is much larger was named by mistake, and may have no end.
pub fn read_text(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TEXT_LIMIT + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > TEXT_LIMIT {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB, so it is no such file")),
        false => Ok(bytes),
    }
}

/// An I/O error without the number that the standard library appends.
pub fn io_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line() {
        assert_eq!(Failure::usage("a\n\n  b\r\nc").message, "a b c");
    }

    #[test]
    fn io_errors_lose_their_number() {
        let error = std::fs::File::open("/no/such/file").unwrap_err();
        assert_eq!(io_reason(&error), "No such file or directory");
    }
}
