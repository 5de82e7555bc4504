//! Fetches a guest's package through the system's package client and keeps its files in the user's cache. Nothing
//! here needs root: a package is downloaded and unpacked, never installed.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::manifest::Guest;
use crate::status::{Failure, io_reason};

/// How often the progress is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Where fetched guests are kept.
pub fn cache() -> Result<PathBuf, Failure> {
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = folder("XDG_CACHE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))
        .or_else(|| folder("LOCALAPPDATA"));
    base.map(|b| b.join("rewind86")).ok_or_else(|| Failure::host("no folder for the cache: set XDG_CACHE_HOME or HOME"))
}

/// Where a guest's files are when it is cached.
pub fn cached(guest: &Guest) -> Option<PathBuf> {
    let folder = cache().ok()?.join("guests").join(&guest.package);
    guest.file_names().all(|f| folder.join(f).is_file()).then_some(folder)
}

/// The folder with a guest's files, fetched if they are not there yet.
pub fn fetch(guest: &Guest) -> Result<PathBuf, Failure> {
    if let Some(folder) = cached(guest) {
        return Ok(folder);
    }
    let cache = cache()?;
    let work = cache.join(format!("fetch-{}-{}", guest.name, std::process::id()));
    let result = fetch_into(guest, &cache, &work);
    let _ = fs::remove_dir_all(&work);
    result
}

fn host(what: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    move |e| Failure::host(format!("{}: {}", what.display(), io_reason(&e)))
}

fn fetch_into(guest: &Guest, cache: &Path, work: &Path) -> Result<PathBuf, Failure> {
    let download = work.join("download");
    let files = work.join("files");
    fs::create_dir_all(&download).and_then(|()| fs::create_dir_all(&files)).map_err(host(work))?;

    let package = download_package(guest, cache, &download)?;
    say(&format!("unpacking {}\n", guest.package));
    unpack(guest, &package, &files)?;

    let kept = cache.join("guests").join(&guest.package);
    fs::create_dir_all(&kept).map_err(host(&kept))?;
    for (path, name) in guest.files.iter().zip(guest.file_names()) {
        let from = files.join(path);
        fs::rename(&from, kept.join(name)).map_err(host(&from))?;
    }
    Ok(kept)
}

/// Progress goes to stderr; losing it is no failure.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Options that make apt use lists of its own below `cache`, for users who cannot update the system's.
fn own_lists(cache: &Path) -> Vec<String> {
    let apt = cache.join("apt");
    vec![
        format!("-oDir::State={}", apt.join("state").display()),
        "-oDir::State::status=/dev/null".into(),
        format!("-oDir::Cache={}", apt.join("cache").display()),
    ]
}

fn apt(options: &[String]) -> Command {
    let mut command = Command::new("apt-get");
    // Messages that can be told apart, and no other user that would have to reach the cache.
    command.env("LC_ALL", "C").args(["-qq", "-oAPT::Sandbox::User="]).args(options).stdin(Stdio::null());
    command
}

/// Downloads the package into `folder` and answers with its file.
fn download_package(guest: &Guest, cache: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let mut options = Vec::new();
    let mut size = package_size(guest, &options)?;
    if size.is_none() {
        say("the system's package lists do not have it; getting lists of our own\n");
        options = own_lists(cache);
        for part in ["state/lists/partial", "cache/archives/partial"] {
            let path = cache.join("apt").join(part);
            fs::create_dir_all(&path).map_err(host(&path))?;
        }
        run(apt(&options).arg("update"), guest)?;
        size = package_size(guest, &options)?;
    }
    let child = apt(&options)
        .args(["download", &guest.package])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| no_client(guest, &e))?;
    let output = watch(child, guest, folder, size)?;
    check(&output, guest)?;
    let mut entries = fs::read_dir(folder).map_err(host(folder))?.flatten().map(|e| e.path());
    entries
        .find(|p| p.extension().is_some_and(|e| e == "deb"))
        .ok_or_else(|| Failure::host(format!("apt-get downloaded no package {}", guest.package)))
}

/// The size of the package's file by the lists; `None` when they do not have it.
fn package_size(guest: &Guest, options: &[String]) -> Result<Option<u64>, Failure> {
    let output = apt(options)
        .args(["download", "--print-uris", &guest.package])
        .current_dir(std::env::temp_dir())
        .output()
        .map_err(|e| no_client(guest, &e))?;
    if !output.status.success() {
        return Ok(None);
    }
    // 'http://...' FILE SIZE HASH; nothing when the file needs no download.
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(Some(text.split_whitespace().nth(2).and_then(|s| s.parse().ok()).unwrap_or(0)))
}

/// Shows how much of the package has arrived until apt is done.
fn watch(mut child: Child, guest: &Guest, folder: &Path, size: Option<u64>) -> Result<Output, Failure> {
    let terminal = io::stderr().is_terminal();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let total = size.filter(|&s| s > 0).map(|s| format!(" of {:.1}", megabytes(s))).unwrap_or_default();
    let mut shown = 0;
    if !terminal {
        say(&format!("fetching {}{total} MB\n", guest.package));
    }
    while child.try_wait().map_err(|e| no_client(guest, &e))?.is_none() {
        std::thread::sleep(POLL);
        let arrived = folder_size(folder);
        if terminal {
            say(&format!("\rfetching {}: {:.1}{total} MB", guest.package, megabytes(arrived)));
        } else if size.is_some_and(|s| s > 0 && arrived * 10 / s > shown) {
            shown = size.map_or(0, |s| arrived * 10 / s);
            say(&format!("fetching {}: {:.1}{total} MB\n", guest.package, megabytes(arrived)));
        }
    }
    if terminal {
        say("\n");
    }
    child.wait_with_output().map_err(|e| no_client(guest, &e))
}

fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |e: fs::DirEntry| match e.metadata() {
        Ok(m) if m.is_dir() => folder_size(&e.path()),
        Ok(m) => m.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// Takes the guest's files out of the package.
fn unpack(guest: &Guest, package: &Path, into: &Path) -> Result<(), Failure> {
    let mut archive = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| no_client(guest, &e))?;
    let stream = archive.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let mut tar = Command::new("tar");
    tar.args(["-x", "-f", "-", "-C"]).arg(into).args(guest.files.iter().map(|f| format!("./{f}"))).stdin(stream);
    let result = run(&mut tar, guest);
    // dpkg-deb may not like that tar stopped reading when it had what it wanted; tar's word counts.
    let _ = archive.wait();
    result
}

fn run(command: &mut Command, guest: &Guest) -> Result<(), Failure> {
    let output = command.stdout(Stdio::null()).output().map_err(|e| no_client(guest, &e))?;
    check(&output, guest)
}

/// A failed program, in the words of its first error.
fn check(output: &Output, guest: &Guest) -> Result<(), Failure> {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let errors = text.lines().filter_map(|l| l.strip_prefix("E: ")).next();
    let why = errors.or_else(|| text.lines().next()).unwrap_or("it does not say why");
    Err(Failure::host(format!("cannot fetch package {}: {why}; by hand: {}", guest.package, guest.by_hand)))
}

fn no_client(guest: &Guest, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "this host has no apt-get, dpkg-deb and tar".to_string(),
        _ => io_reason(error),
    };
    Failure::host(format!("cannot fetch package {}: {why}; by hand: {}", guest.package, guest.by_hand))
}
