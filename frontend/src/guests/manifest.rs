//! The manifest of guests, `testdata/guests.toml`, which the program carries.

use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use crate::cli::machine_file;
use crate::cli::options::RunOptions;
use crate::status::Failure;

const TEXT: &str = include_str!("../../../testdata/guests.toml");

/// A guest that can be fetched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Guest {
    /// What `demo` calls it.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// The Debian package with its files.
    pub package: String,
    /// Paths in the package.
    pub files: Vec<String>,
    /// What to do without a package manager.
    pub by_hand: String,
    /// Text that shows that it is up.
    pub ready: String,
    /// Options of `run`.
    pub run: Table,
    /// Options that differ without a display.
    #[serde(default)]
    pub headless: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    guest: Vec<Guest>,
}

impl Guest {
    /// The names of its files in the cache.
    pub fn file_names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|f| f.rsplit('/').next().unwrap_or(f))
    }

    /// How it is run when its files are in `folder`.
    pub fn options(&self, folder: &Path, headless: bool) -> Result<RunOptions, Failure> {
        let mut table = self.run.clone();
        if headless {
            table.extend(self.headless.clone());
        }
        let options = machine_file::from_table(&table).map_err(|why| self.wrong(&why))?;
        Ok(options.relative_to(folder))
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::host(format!("the manifest of guests is wrong: {}: {why}", self.name))
    }
}

/// All guests.
pub fn guests() -> Result<Vec<Guest>, Failure> {
    let wrong = |why: String| Failure::host(format!("the manifest of guests is wrong: {why}"));
    let table: Table = TEXT.parse().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
    let manifest: Manifest = Value::Table(table).try_into().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
    Ok(manifest.guest)
}

/// The guest with a name.
pub fn find(name: &str) -> Result<Guest, Failure> {
    let mut all = guests()?;
    match all.iter().position(|g| g.name == name) {
        Some(at) => Ok(all.swap_remove(at)),
        None => {
            let names: Vec<&str> = all.iter().map(|g| g.name.as_str()).collect();
            Err(Failure::usage(format!("there is no guest \"{name}\"; guests are {}", names.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings;

    #[test]
    fn every_guest_can_be_run() {
        let all = guests().unwrap();
        assert!(all.len() >= 5);
        for guest in all {
            for headless in [false, true] {
                let options = guest.options(Path::new("/cache"), headless).unwrap();
                settings::resolve(&options).unwrap();
                let used = [&options.kernel, &options.initrd].into_iter().flatten().cloned();
                let images = options.floppy.iter().chain(&options.disk).chain(&options.cdrom).map(|i| i.file.clone());
                let used: Vec<_> = used.chain(images).collect();
                assert_eq!(used.len(), guest.files.len(), "{}", guest.name);
                for file in guest.file_names() {
                    assert!(used.contains(&Path::new("/cache").join(file)), "{}: {file}", guest.name);
                }
            }
        }
    }

    #[test]
    fn names_are_unique_and_an_unknown_one_is_answered_with_them() {
        let mut names: Vec<_> = guests().unwrap().into_iter().map(|g| g.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        let message = find("windows").unwrap_err().message;
        assert!(message.starts_with("there is no guest \"windows\"; guests are linux, "), "{message}");
    }
}
