//! `rewind86`: the command line, the displays, and the thread that runs the machine.
#![forbid(unsafe_code)]

mod app;
mod bench;
mod cli;
mod disk;
mod display;
mod firmware;
mod gdb;
mod guests;
mod keymap;
mod query;
mod replay;
mod runner;
mod script;
mod shot;
mod status;

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use cli::options::RunOptions;
use cli::{Command, DiskAction, GuestsAction, machine_file, settings};
use status::Failure;

fn main() -> ExitCode {
    app::install_panic_hook();
    let result = catch_unwind(AssertUnwindSafe(run));
    display::terminal::restore();
    let status = match result {
        Ok(Ok(status)) => status,
        Ok(Err(failure)) => {
            let _ = writeln!(io::stderr(), "rewind86: {failure}");
            failure.status
        }
        // The panic hook has said what happened.
        Err(_) => status::HOST,
    };
    ExitCode::from(status)
}

fn run() -> Result<u8, Failure> {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(Ok(help)) => {
            print(&help)?;
            return Ok(status::OK);
        }
        Err(Err(failure)) => return Err(failure),
    };
    let unavailable = |what: &str| Err(Failure::usage(format!("not available in this version: {what}")));
    match cli.command {
        Command::Run { file, options } => {
            let (options, name) = match &file {
                Some(path) => {
                    let base = machine_file::load(path)?;
                    (options.over(base), path.file_stem().map(|s| s.to_string_lossy().into_owned()))
                }
                None => (*options, None),
            };
            let name = name.or_else(|| boot_name(&options)).unwrap_or_else(|| "PC".to_string());
            app::run(settings::resolve(&options)?, &name)
        }
        Command::Demo { name, options } => guests::demo(name.as_deref(), *options),
        Command::Guests { action: None | Some(GuestsAction::List) } => print(&guests::list()?),
        Command::Guests { action: Some(GuestsAction::Fetch { name }) } => print(&guests::fetch(&name)?),
        Command::Disk { action: DiskAction::Create { file, size } } => disk::create(&file, size),
        Command::Disk { action: DiskAction::Info { file } } => print(&disk::info(&file)?),
        Command::Disk { action: DiskAction::Convert(_) } => unavailable("disk convert"),
        Command::Disk { action: DiskAction::Check(_) } => unavailable("disk check"),
        Command::Firmware { folder } => print(&firmware::write(&folder)?),
        Command::Bench => bench::run(),
        Command::Replay(options) => replay::replay(&options),
        Command::Verify(options) => replay::verify(&options),
        Command::Query(options) => query::run(&options),
        Command::Pack(options) => replay::pack(&options),
        Command::Keyframes(options) => replay::share::keyframes(&options),
        Command::Merge(options) => replay::share::merge(&options),
    }
}

/// What a machine boots, for titles.
fn boot_name(options: &RunOptions) -> Option<String> {
    let images = options.disk.iter().chain(&options.cdrom).chain(&options.floppy).map(|i| &i.file);
    let file = options.kernel.iter().chain(images).next()?;
    file.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn print(text: &str) -> Result<u8, Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map(|()| status::OK).map_err(|e| Failure::host(format!("standard output: {}", status::io_reason(&e))))
}
