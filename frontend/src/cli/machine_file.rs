//! MACHINE.toml: the options of `run` under the same names, one machine a file.
//!
//! ```toml
//! cpu = "pentium3"
//! memory = "64M"
//! floppy = ["dos.img", "games.img,readonly"]
//! discard-writes = true
//! ```
//! The table is turned into the arguments it stands for, so that a value means the same in both places. Relative file
//! names start at the folder of the MACHINE.toml.

use std::path::Path;

use clap::Parser;
use toml::{Table, Value};

use super::options::RunOptions;
use super::usage_line;
use crate::status::{Failure, io_reason, read_text};

#[derive(Parser)]
#[command(name = "machine", disable_help_flag = true, no_binary_name = true)]
struct FileOptions {
    #[command(flatten)]
    options: RunOptions,
}

/// Reads the options in a MACHINE.toml.
pub fn load(path: &Path) -> Result<RunOptions, Failure> {
    let bytes =
        read_text(path).map_err(|e| Failure::host(format!("machine file {}: {}", path.display(), io_reason(&e))))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("machine file {}: not a text file (UTF-8)", path.display())))?;
    let options = parse(&text).map_err(|why| Failure::usage(format!("machine file {}: {why}", path.display())))?;
    Ok(match path.parent() {
        Some(folder) => options.relative_to(folder),
        None => options,
    })
}

fn parse(text: &str) -> Result<RunOptions, String> {
    let table: Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text.bytes().take(span.start).filter(|&b| b == b'\n').count() + 1);
        format!("line {line}: {}", e.message())
    })?;
    from_table(&table)
}

/// The options that a table holds.
pub fn from_table(table: &Table) -> Result<RunOptions, String> {
    let mut arguments = Vec::new();
    for (key, value) in table {
        push(&mut arguments, &key.replace('_', "-"), value)?;
    }
    FileOptions::try_parse_from(arguments).map(|f| f.options).map_err(|e| usage_line(&e))
}

fn push(arguments: &mut Vec<String>, key: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Boolean(false) => {}
        Value::Boolean(true) => arguments.push(format!("--{key}")),
        Value::String(text) => arguments.push(format!("--{key}={text}")),
        Value::Integer(number) => arguments.push(format!("--{key}={number}")),
        Value::Float(number) => arguments.push(format!("--{key}={number}")),
        Value::Datetime(time) => arguments.push(format!("--{key}={time}")),
        Value::Array(items) => {
            for item in items {
                if item.is_array() {
                    return Err(format!("{key}: a list inside a list"));
                }
                push(arguments, key, item)?;
            }
        }
        Value::Table(_) => return Err(format!("[{key}]: sections are not used; write the options at the top level")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::values::{Rtc, Speed};

    #[test]
    fn same_names_as_flags() {
        let options = parse(
            "cpu = \"486,+fpu\"\nmemory = \"16M\"\nfloppy = [\"a.img\", \"b.img,readonly\"]\ndiscard-writes = true\n\
             debug_exit = false\nspeed = 50\ntimeout = 1.5\nhash-at = [1, 2]\nrtc = 2026-01-01T00:00:00\nappend = \"-x y\"\n",
        )
        .unwrap();
        assert_eq!(options.cpu.as_deref(), Some("486,+fpu"));
        assert_eq!(options.memory, Some(16 << 20));
        assert_eq!(options.floppy.len(), 2);
        assert!(options.floppy[1].read_only && options.discard_writes && !options.debug_exit);
        assert_eq!(options.speed, Some(Speed::Percent(50)));
        assert_eq!(options.timeout, Some(std::time::Duration::from_millis(1500)));
        assert_eq!(options.hash_at, [1, 2]);
        assert_eq!(options.rtc, Some(Rtc::At(rewind86_machine::config::RtcTime::default())));
        assert_eq!(options.append.as_deref(), Some("-x y"));
    }

    #[test]
    fn errors_name_the_place() {
        assert!(parse("cpu = \"486\"\nmemory = \n").unwrap_err().starts_with("line 2: "));
        assert!(parse("colour = 1").unwrap_err().contains("'--colour"));
        assert!(parse("memory = \"7 apples\"").unwrap_err().contains("expected a size"));
        assert!(parse("[cpu]\nmodel = 1").unwrap_err().starts_with("[cpu]: sections"));
        assert!(parse("cpu = true").is_err());
        assert!(parse("stats = \"yes\"").is_err());
    }

    #[test]
    fn flags_override() {
        let file = parse("memory = \"16M\"\nfloppy = \"a.img\"\nstats = true").unwrap();
        let flags = parse("memory = \"32M\"").unwrap();
        let both = flags.over(file);
        assert_eq!((both.memory, both.floppy.len(), both.stats), (Some(32 << 20), 1, true));
    }

    #[test]
    fn files_start_at_the_folder() {
        let options = parse("floppy = \"a.img\"\nkernel = \"/k\"\nserial = \"file=log\"").unwrap();
        let options = options.relative_to(Path::new("dir"));
        assert_eq!(options.floppy[0].file, Path::new("dir/a.img"));
        assert_eq!(options.kernel.as_deref(), Some(Path::new("/k")));
        assert_eq!(options.serial, [crate::cli::spec::Serial::File("dir/log".into())]);
    }
}
