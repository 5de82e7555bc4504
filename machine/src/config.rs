//! What a machine is made of: the configuration that the command line, a MACHINE.toml and tests hand to
//! [`crate::Machine::new`]. Everything here is resolved data; parsing of flag text lives in the front end.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Virtual instructions per second when nothing else is asked for.
pub const DEFAULT_ICOUNT_RATE: u64 = 200_000_000;

/// A floppy, disk or CD image and how it is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSpec {
    /// The file; `None` takes `bytes`.
    pub path: Option<PathBuf>,
    /// An image in memory (the embedded demo disk, tests). Writes are lost at the end of the run.
    #[serde(skip)]
    pub bytes: Option<Vec<u8>>,
    /// The guest may not write.
    pub read_only: bool,
    /// Writes live for this run only, the file stays untouched.
    pub discard_writes: bool,
    /// Writes go to this file instead (created when missing).
    pub overlay: Option<PathBuf>,
    /// `raw` or another format name; `None` guesses from the content.
    pub format: Option<String>,
}

/// Boot order entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BootDevice {
    /// First floppy.
    Floppy,
    /// First hard disk.
    Disk,
    /// First CD-ROM.
    Cdrom,
    /// Option ROM of a network adapter.
    Net,
}

/// A kernel started without a boot device: Linux boot protocol or a multiboot ELF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelSpec {
    /// bzImage, zImage or multiboot ELF.
    pub kernel: PathBuf,
    /// Initial RAM disk, or first multiboot module.
    pub initrd: Option<PathBuf>,
    /// Command line.
    pub append: String,
}

/// The date and time that the RTC shows at power-on, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtcTime {
    /// Full year.
    pub year: u16,
    /// 1-12.
    pub month: u8,
    /// 1-31.
    pub day: u8,
    /// 0-23.
    pub hour: u8,
    /// 0-59.
    pub minute: u8,
    /// 0-59.
    pub second: u8,
}

impl Default for RtcTime {
    fn default() -> Self {
        Self { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0 }
    }
}

/// A whole machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MachineConfig {
    /// CPU model name with `,+flag,-flag`; see `rewind86_cpu::model`.
    pub cpu: String,
    /// RAM in bytes, a multiple of 64 KiB, at least 1 MiB.
    pub memory: u64,
    /// A: and B:.
    pub floppies: [Option<ImageSpec>; 2],
    /// IDE: primary master, primary slave, secondary slave, ... in the order given.
    pub disks: Vec<ImageSpec>,
    /// CD-ROM drive on the secondary channel: `Some(None)` is an empty drive.
    #[serde(with = "drive")]
    pub cdrom: Option<Option<ImageSpec>>,
    /// Order in which the firmware tries to boot; empty = firmware default.
    pub boot: Vec<BootDevice>,
    /// Direct kernel start.
    pub kernel: Option<KernelSpec>,
    /// System firmware instead of the embedded one.
    pub bios: Option<PathBuf>,
    /// VGA firmware instead of the embedded one.
    pub vga_bios: Option<PathBuf>,
    /// RTC at power-on.
    pub rtc: RtcTime,
    /// Instructions per virtual second.
    pub icount_rate: u64,
    /// How many 16550s have something attached: COM1..COM4 present in the machine (at least 2 exist).
    pub serial_ports: usize,
    /// Port F4h ends the run.
    pub debug_exit: bool,
    /// A triple fault ends the run instead of resetting the machine.
    pub no_reboot: bool,
    /// Ops per decoded block, 1 to 64: never visible to the guest, only tests change it.
    pub block_ops: usize,
    /// Files that are taken from here instead of from the host, by the path that names them above.
    #[serde(skip)]
    pub embedded: BTreeMap<PathBuf, Vec<u8>>,
}

impl Default for MachineConfig {
    fn default() -> Self {
        Self {
            cpu: String::new(),
            memory: 256 << 20,
            floppies: [None, None],
            disks: Vec::new(),
            cdrom: None,
            boot: Vec::new(),
            kernel: None,
            bios: None,
            vga_bios: None,
            rtc: RtcTime::default(),
            icount_rate: DEFAULT_ICOUNT_RATE,
            serial_ports: 2,
            debug_exit: false,
            no_reboot: false,
            block_ops: 64,
            embedded: BTreeMap::new(),
        }
    }
}

/// An empty drive and no drive are two things, which a plain `null` would not tell apart.
mod drive {
    use super::ImageSpec;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Drive {
        disc: Option<ImageSpec>,
    }

    pub fn serialize<S: Serializer>(drive: &Option<Option<ImageSpec>>, s: S) -> Result<S::Ok, S::Error> {
        drive.as_ref().map(|disc| Drive { disc: disc.clone() }).serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<ImageSpec>>, D::Error> {
        Ok(Option::<Drive>::deserialize(d)?.map(|drive| drive.disc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_comes_back_from_json() {
        let disc = ImageSpec { path: Some("a.iso".into()), read_only: true, ..ImageSpec::default() };
        for cdrom in [None, Some(None), Some(Some(disc))] {
            let config = MachineConfig { cdrom, no_reboot: true, ..MachineConfig::default() };
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<MachineConfig>(&text).unwrap(), config, "{text}");
        }
    }
}
