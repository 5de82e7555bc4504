//! The command line: what may be said, and how an error in it reads.

pub mod machine_file;
#[allow(rustdoc::broken_intra_doc_links, reason = "the comments are help texts: their brackets mean optional")]
pub mod options;
pub mod query;
pub mod replay;
pub mod settings;
pub mod spec;
pub mod values;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::status::{Failure, one_line};
use options::RunOptions;
use replay::{KeyframesOptions, MergeOptions, PackOptions, ReplayOptions, VerifyOptions};

/// A PC in software: boots unmodified operating systems.
#[derive(Parser, Debug)]
#[command(name = "rewind86", version, about, disable_help_subcommand = true, arg_required_else_help = false)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Boot a machine
    #[command(after_help = RUN_HELP)]
    Run {
        /// A machine file: the same options as TOML, overridden by flags
        #[arg(value_name = "MACHINE.toml")]
        file: Option<PathBuf>,
        #[command(flatten)]
        options: Box<RunOptions>,
    },
    /// Boot something at once: the embedded demo disk, or a guest of `rewind86 guests`
    #[command(after_help = RUN_HELP)]
    Demo {
        /// A guest of `rewind86 guests`, such as linux
        name: Option<String>,
        #[command(flatten)]
        options: Box<RunOptions>,
    },
    /// Free guests obtainable through the system's package manager, and what is cached
    Guests {
        /// list (the default), or fetch
        #[command(subcommand)]
        action: Option<GuestsAction>,
    },
    /// Disk images
    Disk {
        /// What to do with them.
        #[command(subcommand)]
        action: DiskAction,
    },
    /// Write the firmware and the demo disk as files, for other PC emulators
    Firmware {
        /// Where to
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// The built-in speed check
    Bench,
    /// Run a recording again
    Replay(Box<ReplayOptions>),
    /// Replay against the hash chain of a recording
    Verify(VerifyOptions),
    /// Write a recording with all that it needs into one file
    Pack(PackOptions),
    /// Write the states from which shares of a recording can start
    Keyframes(KeyframesOptions),
    /// Join the results of shares
    Merge(MergeOptions),
    /// Ask the history of a recording
    Query(query::QueryOptions),
}

/// What `guests` does.
#[derive(Subcommand, Debug)]
pub enum GuestsAction {
    /// List the guests
    List,
    /// Fetch a guest into the cache
    Fetch {
        /// Its name in the list
        name: String,
    },
}

/// What `disk` does.
#[derive(Subcommand, Debug)]
pub enum DiskAction {
    /// Create an empty raw image
    Create {
        /// The new file
        file: PathBuf,
        /// Its size: 1440K, 10M, 2G; a bare number is bytes
        #[arg(value_parser = values::bytes)]
        size: u64,
    },
    /// Say what an image is: size, geometry, partitions
    Info {
        /// The image
        file: PathBuf,
    },
    /// Convert between formats
    #[command(hide = true)]
    Convert(Unavailable),
    /// Check an image
    #[command(hide = true)]
    Check(Unavailable),
}

/// The arguments of a command that this version does not have; read so that the answer is about the command.
#[derive(clap::Args, Debug)]
pub struct Unavailable {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<OsString>,
}

const RUN_HELP: &str = "\
Keys in the window: Ctrl+Alt with  End = Ctrl-Alt-Del, S = screenshot, R = reset, P = power button, K = pause, Q = quit.
Keys in the terminal: Ctrl-A then  d = Ctrl-Alt-Del, s = screenshot, r = reset, p = power button, k = pause, x = quit,
  a = Ctrl-A itself. With --serial stdio: Ctrl-A x quits, Ctrl-A a sends Ctrl-A.
Exit status: 0 guest powered off or script ended, 1 host error, 2 usage, 3 timeout, 4 instruction limit,
  6 script step failed, 7 guest stopped for good.";

/// Reads the command line. `Err(Ok(text))` is help or the version, asked for.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Result<String, Failure>> {
    use clap::error::ErrorKind;
    Cli::try_parse_from(arguments).map_err(|e| match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(e.render().to_string()),
        ErrorKind::MissingSubcommand => Err(Failure::usage(
            "no command given: `rewind86 demo` boots a PC at once, `rewind86 --help` lists the commands",
        )),
        // What clap has to show is the whole help of a command that was given without its own command.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::usage("the command is not complete: `rewind86 COMMAND --help` lists what can follow it"))
        }
        _ => Err(Failure::usage(format!("{}; see `rewind86 --help`", usage_line(&e)))),
    })
}

/// The message of a clap error as one line, without the usage summary.
pub fn usage_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let end = text.find("\nUsage:").or_else(|| text.find("\nFor more information")).unwrap_or(text.len());
    let text = one_line(text[..end].strip_prefix("error: ").unwrap_or(&text[..end]));
    text.replace(" tip: ", "; tip: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> String {
        let arguments = std::iter::once("rewind86").chain(line.split_whitespace());
        match parse(arguments.map(OsString::from)) {
            Err(Err(failure)) => {
                assert_eq!(failure.status, crate::status::USAGE);
                failure.message
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn error_lines() {
        let golden = [
            ("", "no command given: `rewind86 demo` boots a PC at once, `rewind86 --help` lists the commands"),
            ("disk", "the command is not complete: `rewind86 COMMAND --help` lists what can follow it"),
            ("fly", "unrecognized subcommand 'fly'; see `rewind86 --help`"),
            (
                "run --memory 7x",
                "invalid value '7x' for '--memory <SIZE>': expected a size such as 640K, 16M or 2G; see `rewind86 --help`",
            ),
            ("run --memory", "a value is required for '--memory <SIZE>' but none was supplied; see `rewind86 --help`"),
            (
                "run --flopy a",
                "unexpected argument '--flopy' found; tip: a similar argument exists: '--floppy'; see `rewind86 --help`",
            ),
            (
                "run --hash-at 1,x",
                "invalid value 'x' for '--hash-at <N,...>': expected a whole number such as 1000000 or 0x1000; see `rewind86 --help`",
            ),
            ("guests fetch", "the following required arguments were not provided: <NAME>; see `rewind86 --help`"),
            (
                "run --speed max --speed real",
                "the argument '--speed <SPEED>' cannot be used multiple times; see `rewind86 --help`",
            ),
        ];
        for (line, message) in golden {
            assert_eq!(error(line), message, "{line}");
        }
    }

    #[test]
    fn append_may_start_with_a_dash() {
        let cli = parse(["rewind86", "run", "--append", "-- -c x", "--stats"].map(OsString::from)).unwrap();
        let Command::Run { options, .. } = cli.command else { panic!() };
        assert_eq!(options.append.as_deref(), Some("-- -c x"));
        assert!(options.stats);
    }
}
