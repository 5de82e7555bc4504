//! `rewind86 guests` and `rewind86 demo`: free guests, and the demo disk that the program carries.

mod fetch;
mod manifest;

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

use rewind86_machine::config::{BootDevice, ImageSpec};

use crate::app;
use crate::cli::options::RunOptions;
use crate::cli::settings;
use crate::cli::values::Speed;
use crate::status::Failure;
use manifest::Guest;

/// What `guests list` prints.
pub fn list() -> Result<String, Failure> {
    let mut out = String::new();
    for guest in manifest::guests()? {
        let state = if fetch::cached(&guest).is_some() { "cached" } else { "-" };
        let _ = writeln!(out, "{:<12} {:<7} {} (package {})", guest.name, state, guest.about, guest.package);
    }
    let folder = fetch::cache().map_or_else(|_| "none".to_string(), |c| c.display().to_string());
    let _ = writeln!(out, "\n`rewind86 demo NAME` fetches and boots one, `rewind86 guests fetch NAME` only fetches.");
    let _ = writeln!(out, "Cache: {folder}");
    Ok(out)
}

/// Fetches a guest; what `guests fetch` prints.
pub fn fetch(name: &str) -> Result<String, Failure> {
    let guest = manifest::find(name)?;
    let folder = fetch::fetch(&guest)?;
    let mut out = String::new();
    for file in guest.file_names() {
        let _ = writeln!(out, "{}", folder.join(file).display());
    }
    let _ = writeln!(out, "`rewind86 demo {name}` boots it; it is up when it shows \"{}\"", guest.ready);
    Ok(out)
}

/// Boots a guest, or the embedded demo disk.
pub fn demo(name: Option<&str>, options: RunOptions) -> Result<u8, Failure> {
    let Some(name) = name else { return embedded(options) };
    let guest = manifest::find(name)?;
    let folder = match fetch::fetch(&guest) {
        Ok(folder) => folder,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "rewind86: {failure}\nrewind86: booting the embedded demo disk instead");
            return embedded(options);
        }
    };
    boot(&guest, &folder, options)
}

fn boot(guest: &Guest, folder: &std::path::Path, options: RunOptions) -> Result<u8, Failure> {
    let headless = app::is_headless(&options);
    let options = options.over(guest.options(folder, headless)?);
    let mut settings = settings::resolve(&options)?;
    // A person at the other end of a serial line wants a second to be a second.
    if headless && settings.script.is_none() && io::stdin().is_terminal() {
        settings.speed.get_or_insert(Speed::Percent(100));
    }
    app::run(settings, &guest.name)
}

fn embedded(options: RunOptions) -> Result<u8, Failure> {
    let mut settings = settings::resolve(&options)?;
    let config = &mut settings.config;
    if config.floppies[0].is_none() {
        let bytes = rewind86_bios::DEMO_DISK.to_vec();
        config.floppies[0] = Some(ImageSpec { bytes: Some(bytes), ..ImageSpec::default() });
    }
    if config.boot.is_empty() {
        config.boot = vec![BootDevice::Floppy];
    }
    app::run(settings, "demo")
}
