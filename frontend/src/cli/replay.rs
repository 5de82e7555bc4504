//! The options of the commands that work on recordings.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::spec::{self, Display, Serial};
use super::values::{self, Speed};
use crate::gdb;

/// The options of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayOptions {
    /// The recording
    #[arg(value_name = "RECORDING")]
    pub recording: PathBuf,
    /// window, terminal or none [default: none]
    #[arg(long, value_name = "WHERE", value_parser = spec::display)]
    pub display: Option<Display>,
    /// stdio, none, file=PATH, tcp=ADDR or unix=PATH; repeatable: COM1, COM2 ...
    #[arg(long, value_name = "WHERE", value_parser = spec::serial)]
    pub serial: Vec<Serial>,
    /// Bytes written to port E9h: stdio or file=PATH
    #[arg(long, value_name = "WHERE", value_parser = spec::debugcon)]
    pub debugcon: Option<Serial>,
    /// real, max or a percentage [default: real with a display, max without]
    #[arg(long, value_name = "SPEED", value_parser = values::speed)]
    pub speed: Option<Speed>,
    /// Watch by a script; its input goes nowhere unless --live-from is given
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Stop after N instructions
    #[arg(long, value_name = "N", value_parser = values::number)]
    pub until: Option<u64>,
    /// Host time after which the replay ends with exit status 3
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub timeout: Option<Duration>,
    /// Print `hash N HEX` of the whole machine state after N instructions
    #[arg(long, value_name = "N,...", value_parser = values::number, value_delimiter = ',')]
    pub hash_at: Vec<u64>,
    /// At the end, one line of JSON on stderr
    #[arg(long)]
    pub stats: bool,
    /// Write the screen as PNG files into this folder
    #[arg(long, value_name = "DIR")]
    pub screenshots: Option<PathBuf>,
    /// Write the screen as an uncompressed video (YUV4MPEG2)
    #[arg(long, value_name = "FILE.y4m")]
    pub video: Option<PathBuf>,
    /// Virtual seconds between two pictures [default: 1 for --screenshots, 0.04 for --video]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub every: Option<Duration>,
    /// Write snapshots N.snap after N instructions
    #[arg(long, value_name = "N,...", value_parser = values::number, value_delimiter = ',')]
    pub snapshot_at: Vec<u64>,
    /// Folder for --snapshot-at [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub snapshot_dir: Option<PathBuf>,
    /// At the end, write what the disks and diskettes hold into this folder, as raw images
    #[arg(long, value_name = "DIR")]
    pub write_disks: Option<PathBuf>,
    /// Instructions in a decoded block at most, 1 to 64; the guest cannot tell
    #[arg(long, value_name = "N", value_parser = values::block_ops)]
    pub block_ops: Option<usize>,
    /// Leave the recording after N instructions and go on with new input
    #[arg(long, value_name = "N", value_parser = values::number)]
    pub live_from: Option<u64>,
    /// Play only share I of N, from the nearest keyframe; auto takes I and N from the environment of a job array
    #[arg(long, value_name = "I/N", value_parser = shard, conflicts_with_all = ["live_from", "script", "until", "gdb"])]
    pub shard: Option<Shard>,
    /// With --shard: the result file [default: beside the recording]
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub result: Option<PathBuf>,
    /// With --live-from: write what comes as a branch of the recording
    #[arg(long, value_name = "FILE", requires = "live_from")]
    pub record: Option<PathBuf>,
    /// Serve the GDB remote protocol at HOST:PORT or unix:PATH; with wait, before the first instruction
    #[arg(long, value_name = "ADDR[,wait][,arch=8086|386|x86-64]", value_parser = gdb::Options::parse)]
    pub gdb: Option<gdb::Options>,
    /// With --gdb: memory for checkpoints, 512M, 2G
    #[arg(long, value_name = "SIZE", value_parser = values::bytes)]
    pub checkpoint_memory: Option<u64>,
    /// Instructions after which a live run ends with exit status 4
    #[arg(long, value_name = "N", value_parser = values::positive)]
    pub max_instructions: Option<u64>,
}

/// The options of `verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyOptions {
    /// The recording
    #[arg(value_name = "RECORDING")]
    pub recording: PathBuf,
    /// Memory for checkpoints: 512M, 2G
    #[arg(long, value_name = "SIZE", value_parser = values::bytes)]
    pub checkpoint_memory: Option<u64>,
    /// Instructions in a decoded block at most, 1 to 64; the guest cannot tell
    #[arg(long, value_name = "N", value_parser = values::block_ops)]
    pub block_ops: Option<usize>,
    /// Compare only share I of N, from the nearest keyframe; auto takes I and N from the environment of a job array
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub shard: Option<Shard>,
    /// With --shard: the result file [default: beside the recording]
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub result: Option<PathBuf>,
}

/// The options of `pack`.
#[derive(Args, Clone, Debug)]
pub struct PackOptions {
    /// The recording
    #[arg(value_name = "RECORDING")]
    pub recording: PathBuf,
    /// The new file
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
}

/// The options of `keyframes`.
#[derive(Args, Clone, Debug)]
pub struct KeyframesOptions {
    /// The recording; the keyframes go into RECORDING.keys
    #[arg(value_name = "RECORDING")]
    pub recording: PathBuf,
    /// Virtual seconds between two keyframes
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds, default_value = "5")]
    pub every: Duration,
}

/// The options of `merge`.
#[derive(Args, Clone, Debug)]
pub struct MergeOptions {
    /// The result files of all shares
    #[arg(value_name = "RESULT", required = true)]
    pub results: Vec<PathBuf>,
    /// Write what the guest sent out of COM1
    #[arg(long, value_name = "FILE")]
    pub serial: Option<PathBuf>,
}

/// A share of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

fn shard(text: &str) -> Result<Shard, String> {
    shard_in(text, |name| std::env::var(name).ok())
}

/// Where job arrays say which job this is: Slurm, Kubernetes.
const INDEX: [(&str, Option<&str>); 2] =
    [("SLURM_ARRAY_TASK_ID", Some("SLURM_ARRAY_TASK_MIN")), ("JOB_COMPLETION_INDEX", None)];
const COUNT: &str = "SLURM_ARRAY_TASK_COUNT";

/// `I/N` with I counted from 0 or from 1 (N/N is the share 0/N), `auto/N` or `auto`.
fn shard_in(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let number = |text: &str| text.parse::<usize>().map_err(|_| "expected I/N, such as 0/4, or auto".to_string());
    let (index, count) = match text.split_once('/') {
        Some((index, count)) => (index, number(count)?),
        None if text == "auto" => {
            let count = variable(COUNT).ok_or(format!("auto needs {COUNT}; say auto/N"))?;
            (text, number(&count)?)
        }
        None => return Err("expected I/N, such as 0/4, or auto".into()),
    };
    let index = if index == "auto" {
        let found = INDEX.iter().find_map(|(name, first)| {
            let least = first.and_then(&variable).and_then(|v| v.parse::<usize>().ok()).unwrap_or(0);
            Some(variable(name)?.parse::<usize>().ok()?.saturating_sub(least))
        });
        found.ok_or("auto needs SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX")?
    } else {
        number(index)?
    };
    if count == 0 || index > count {
        return Err(format!("there is no share {index} of {count}"));
    }
    Ok(Shard { index: index % count, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let none = |_: &str| None;
        for (text, index, count) in [("0/4", 0, 4), ("3/4", 3, 4), ("4/4", 0, 4), ("0/1", 0, 1)] {
            assert_eq!(shard_in(text, none), Ok(Shard { index, count }), "{text}");
        }
        for text in ["", "1", "5/4", "0/0", "a/4", "1/", "auto", "auto/4", "-1/4"] {
            assert!(shard_in(text, none).is_err(), "{text}");
        }
        let slurm = |name: &str| {
            let known = [("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_MIN", "5"), ("SLURM_ARRAY_TASK_COUNT", "8")];
            known.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_string())
        };
        assert_eq!(shard_in("auto", slurm), Ok(Shard { index: 2, count: 8 }));
        assert_eq!(shard_in("auto/3", slurm), Ok(Shard { index: 2, count: 3 }));
        let kubernetes = |name: &str| (name == "JOB_COMPLETION_INDEX").then(|| "1".to_string());
        assert_eq!(shard_in("auto/3", kubernetes), Ok(Shard { index: 1, count: 3 }));
    }
}
