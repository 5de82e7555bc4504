//! The options of `query`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values;

/// What `query` is asked.
#[derive(Args, Clone, Debug)]
pub struct QueryOptions {
    /// The recording
    #[arg(value_name = "RECORDING")]
    pub recording: PathBuf,
    /// The question.
    #[command(subcommand)]
    pub question: Question,
    /// Addresses are linear, under the page tables of this CR3
    #[arg(long, value_name = "CR3", value_parser = values::number, global = true, conflicts_with = "phys")]
    pub cr3: Option<u64>,
    /// Addresses are linear, under any page tables
    #[arg(long, global = true, conflicts_with_all = ["phys", "cr3"])]
    pub linear: bool,
    /// Addresses are physical (the default)
    #[arg(long, global = true)]
    pub phys: bool,
    /// Look from this instruction number on
    #[arg(long, value_name = "N", value_parser = values::number, global = true)]
    pub from: Option<u64>,
    /// Look up to this instruction number
    #[arg(long, value_name = "N", value_parser = values::number, global = true)]
    pub to: Option<u64>,
    /// Answer with this many lines at most
    #[arg(long, value_name = "N", value_parser = values::positive, global = true)]
    pub limit: Option<u64>,
    /// Threads [default: one for each processor of this host]
    #[arg(long, value_name = "N", value_parser = values::positive, global = true)]
    pub jobs: Option<u64>,
}

/// The questions.
#[derive(Subcommand, Clone, Debug)]
pub enum Question {
    /// The last write to each of these bytes
    LastWrite {
        /// Addresses
        #[arg(value_name = "ADDR", required = true, value_parser = values::number)]
        at: Vec<u64>,
    },
    /// Every write to a byte, or to the bytes from ADDR to before END
    Writes {
        /// Where
        #[arg(value_name = "ADDR[..END]", value_parser = range)]
        at: (u64, u64),
    },
    /// Every time the instruction at an address was executed
    Executed {
        /// Its address
        #[arg(value_name = "ADDR", value_parser = values::number)]
        at: u64,
    },
    /// Every access to a port
    Io {
        /// The port
        #[arg(value_name = "PORT", value_parser = port)]
        port: u16,
    },
    /// Every interrupt and exception, or those through one vector
    Interrupts {
        /// The vector
        #[arg(value_name = "VECTOR", value_parser = vector)]
        vector: Option<u8>,
    },
}

/// First byte and length.
fn range(text: &str) -> Result<(u64, u64), String> {
    let Some((first, end)) = text.split_once("..") else { return values::number(text).map(|at| (at, 1)) };
    let (first, end) = (values::number(first)?, values::number(end)?);
    match end.checked_sub(first) {
        Some(len @ 1..) => Ok((first, len)),
        _ => Err("expected ADDR..END with END above ADDR".into()),
    }
}

fn port(text: &str) -> Result<u16, String> {
    u16::try_from(values::number(text)?).map_err(|_| "a port is at most 0xffff".into())
}

fn vector(text: &str) -> Result<u8, String> {
    u8::try_from(values::number(text)?).map_err(|_| "a vector is at most 0xff".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("0x10"), Ok((16, 1)));
        assert_eq!(range("0x10..0x20"), Ok((16, 16)));
        for bad in ["", "..", "1..", "5..5", "6..5", "x"] {
            assert!(range(bad).is_err(), "{bad}");
        }
        assert!(port("0x10000").is_err() && vector("256").is_err());
    }
}
