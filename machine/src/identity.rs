//! What a machine is made of, as snapshots and recordings remember it: the configuration, the files that went into it
//! and the media in its drives, each with the hash of its content.
//!
//! It is JSON, so that a person can read it, and so that every setting that is added to the configuration takes part in
//! the comparison of machines without further ado.

use crate::config::{ImageSpec, MachineConfig};
use crate::container::{ContainerError, Writer};
use crate::error::Role;
use crate::files::FileId;
use crate::machine::Machine;
use crate::media::content::Content;
use crate::media::store::lock;
use crate::media::{Inserted, Slot};
use rewind86_devices::medium::MediumError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// Settings that say how the host runs the machine or how it started, and are no part of what it is.
const NOT_COMPARED: [&str; 9] =
    ["floppies", "disks", "cdrom", "boot", "bios", "vga_bios", "kernel", "rtc", "block_ops"];
/// Longest description of a machine.
pub(crate) const MAX_DESCRIPTION: usize = 64 << 20;

/// A medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediumId {
    /// Its number in the order of insertion.
    pub ordinal: u32,
    /// The drive.
    pub slot: Slot,
    /// What it was given for.
    pub role: Role,
    /// How it was opened.
    pub spec: ImageSpec,
    /// The guest could not write it.
    pub read_only: bool,
    /// The image is kept with this description.
    pub embedded: bool,
    /// What it held.
    pub content: Content,
    /// In recordings, the files of a medium with an overlay.
    #[serde(default)]
    pub layers: Option<Layers>,
}

/// The files of a medium with an overlay: the medium's content does not show what the overlay hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layers {
    /// xxh3 of the image.
    pub image: u64,
    /// xxh3 of the overlay file.
    pub overlay: u64,
}

impl Layers {
    /// Reads the files; `None` without an overlay, or when the host cannot read them.
    pub(crate) fn of(spec: &ImageSpec) -> Option<Self> {
        let (image, overlay) = (spec.path.as_ref()?, spec.overlay.as_ref()?);
        Some(Self { image: hash_file(image).ok()?, overlay: hash_file(overlay).ok()? })
    }
}

fn hash_file(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut hash = Xxh3::new();
    let mut buf = vec![0; 1 << 18];
    loop {
        match file.read(&mut buf)? {
            0 => return Ok(hash.digest()),
            n => hash.update(buf.get(..n).unwrap_or_default()),
        }
    }
}

impl MediumId {
    /// Describes a medium in `slot`; `content` is what it is to be compared with.
    pub(crate) fn of(slot: Slot, inserted: &Inserted, content: Content) -> Self {
        let store = lock(&inserted.store);
        Self {
            ordinal: store.ordinal(),
            slot,
            role: inserted.role,
            spec: inserted.spec.clone(),
            read_only: store.read_only(),
            embedded: inserted.spec.path.is_none(),
            content,
            layers: None,
        }
    }

    /// As [`MediumId::of`], for a recording.
    pub(crate) fn recorded(slot: Slot, inserted: &Inserted, content: Content) -> Self {
        Self { layers: Layers::of(&inserted.spec), ..Self::of(slot, inserted, content) }
    }

    /// The file's name, for messages.
    pub fn name(&self) -> String {
        self.spec.path.as_ref().map_or_else(|| "(built in)".to_string(), |p| p.display().to_string())
    }
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Version of the program that wrote this.
    pub program: String,
    /// The settings.
    pub config: MachineConfig,
    /// Firmware, kernel, initial RAM disk.
    pub files: Vec<FileId>,
    /// The media in the drives, by number.
    pub media: Vec<MediumId>,
}

/// What makes two machines different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting or file.
    pub what: String,
    /// What was written down.
    pub written: String,
    /// What this machine has.
    pub here: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {} there and {} here", self.what, self.written, self.here)
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".into(),
        Some(Value::String(s)) if s.is_empty() => "the default".into(),
        Some(Value::String(s)) => s.clone(),
        Some(v) => v.to_string(),
    }
}

fn file_shown(file: Option<&FileId>) -> String {
    match file {
        None => "none".into(),
        Some(f) => {
            let path = f.path.as_ref().map_or_else(|| "the embedded one".to_string(), |p| p.display().to_string());
            format!("{path} (hash {:016x})", f.hash)
        }
    }
}

impl Identity {
    /// The first setting or file in which two machines differ; media are compared apart.
    pub fn difference(&self, here: &Self) -> Option<Difference> {
        let json = |c: &MachineConfig| serde_json::to_value(c).unwrap_or(Value::Null);
        let (a, b) = (json(&self.config), json(&here.config));
        let keys = a.as_object().into_iter().flatten().map(|(k, _)| k.as_str());
        for key in keys.filter(|k| !NOT_COMPARED.contains(k)) {
            let (x, y) = (a.get(key), b.get(key));
            if x != y {
                let what = format!("--{}", key.replace('_', "-"));
                return Some(Difference { what, written: shown(x), here: shown(y) });
            }
        }
        let append = |c: &MachineConfig| c.kernel.as_ref().map_or_else(String::new, |k| k.append.clone());
        let (x, y) = (append(&self.config), append(&here.config));
        if x != y {
            return Some(Difference { what: "--append".into(), written: format!("\"{x}\""), here: format!("\"{y}\"") });
        }
        let drives = |c: &MachineConfig| (c.disks.len(), c.cdrom.is_some());
        let (x, y) = (drives(&self.config), drives(&here.config));
        if x != y {
            let text =
                |(disks, cdrom)| format!("{disks} and {}", if cdrom { "a CD-ROM drive" } else { "no CD-ROM drive" });
            return Some(Difference { what: "the number of disks".into(), written: text(x), here: text(y) });
        }
        let count = self.files.len().max(here.files.len());
        let file = |i: usize| (self.files.get(i), here.files.get(i));
        let (x, y) = (0..count).map(file).find(|(x, y)| {
            let key = |f: &FileId| (f.role.clone(), f.len, f.hash);
            x.map(key) != y.map(key)
        })?;
        let what = x.or(y).map_or_else(String::new, |f| format!("the {}", f.role));
        Some(Difference { what, written: file_shown(x), here: file_shown(y) })
    }

    /// Writes the description and the embedded images as sections.
    pub(crate) fn encode(&self, out: &mut Writer) {
        out.section("machine", &serde_json::to_vec(self).unwrap_or_default());
        for medium in self.media.iter().filter(|m| m.embedded) {
            out.section(&format!("image:{}", medium.ordinal), medium.spec.bytes.as_deref().unwrap_or_default());
        }
    }

    /// Reads what [`Identity::encode`] wrote.
    pub(crate) fn decode(reader: &mut crate::container::Reader) -> Result<Self, ContainerError> {
        let damaged = || ContainerError::Damaged { at: 0, name: "machine".into() };
        let text = reader.expect("machine")?;
        if text.len() > MAX_DESCRIPTION {
            return Err(damaged());
        }
        let mut identity: Self = serde_json::from_slice(&text).map_err(|_| damaged())?;
        for medium in identity.media.iter_mut().filter(|m| m.embedded) {
            medium.spec.bytes = Some(reader.expect(&format!("image:{}", medium.ordinal))?.into_owned());
        }
        for (ordinal, spec) in (0..).zip(initial_specs(&mut identity.config)) {
            if let Some(medium) = identity.media.iter().find(|m| m.ordinal == ordinal) {
                spec.bytes.clone_from(&medium.spec.bytes);
            }
        }
        Ok(identity)
    }

    /// The files that have to be present to build the machine again, media not among them.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().filter_map(|f| f.path.as_ref())
    }
}

/// The media of a configuration in the order in which they are opened, which numbers them.
pub(crate) fn initial_specs(config: &mut MachineConfig) -> impl Iterator<Item = &mut ImageSpec> {
    let floppies = config.floppies.iter_mut().flatten();
    floppies.chain(&mut config.disks).chain(config.cdrom.iter_mut().flatten())
}

impl Machine {
    /// Describes this machine and reads its media.
    ///
    /// # Errors
    /// The drive whose image cannot be read.
    pub fn identity(&self) -> Result<Identity, (Slot, MediumError)> {
        let mut media = Vec::new();
        for (slot, inserted) in self.board.media.inserted() {
            let content = lock(&inserted.store).present_content().map_err(|e| (slot, e))?;
            media.push(MediumId::of(slot, inserted, content));
        }
        Ok(self.described(media))
    }

    /// Describes this machine for a branch of a recording, which has all else: the media are named, not read. A packed
    /// recording has parts of them only.
    pub(crate) fn branch_identity(&self) -> Identity {
        let named = |(slot, inserted): (Slot, &Inserted)| {
            let spec = ImageSpec { bytes: None, ..inserted.spec.clone() };
            MediumId { embedded: false, spec, ..MediumId::of(slot, inserted, Content::default()) }
        };
        self.described(self.board.media.inserted().map(named).collect())
    }

    fn described(&self, mut media: Vec<MediumId>) -> Identity {
        media.sort_by_key(|m| m.ordinal);
        Identity {
            program: env!("CARGO_PKG_VERSION").to_string(),
            config: (*self.config).clone(),
            files: self.files.clone(),
            media,
        }
    }
}
