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
    /// Leave the recording after N instructions and go on with new input
    #[arg(long, value_name = "N", value_parser = values::number)]
    pub live_from: Option<u64>,
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
}
