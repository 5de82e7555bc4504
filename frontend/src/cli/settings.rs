//! From options to a machine and the way it is run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rewind86_machine::config::{ImageSpec, KernelSpec, MachineConfig};
use rewind86_machine::record::RecordOptions;
use rewind86_machine::snapshot::Snapshot;

use super::options::RunOptions;
use super::spec::{Display, Image, Serial};
use super::values::{Rtc, Speed, rtc_from_unix};
use crate::gdb;
use crate::runner::album::Album;
use crate::status::{Failure, io_reason};

/// Serial ports that a PC has at most.
const SERIAL_PORTS: usize = 4;
/// IDE devices that a PC has at most.
const IDE_DEVICES: usize = 4;

/// A run, resolved.
#[derive(Debug)]
pub struct Settings {
    /// The machine.
    pub config: MachineConfig,
    /// Where the screen goes; `None` = choose.
    pub display: Option<Display>,
    /// COM1, COM2 ...
    pub serial: Vec<Serial>,
    /// Port E9h.
    pub debugcon: Option<Serial>,
    /// Pacing; `None` = by the display.
    pub speed: Option<Speed>,
    /// The script file.
    pub script: Option<PathBuf>,
    /// Host time limit.
    pub timeout: Option<Duration>,
    /// Instruction limit.
    pub max_instructions: Option<u64>,
    /// Instruction counts to print a hash at, ascending.
    pub hash_at: Vec<u64>,
    /// Snapshots to write on the way.
    pub snapshots: Snapshots,
    /// Folder for the content of the disks at the end.
    pub write_disks: Option<PathBuf>,
    /// Print statistics.
    pub stats: bool,
    /// The GDB server.
    pub gdb: Option<gdb::Options>,
    /// Media that are inserted later are opened so too.
    pub discard_writes: bool,
    /// Instruction count at which the run ends as if it were over.
    pub until: Option<u64>,
    /// Pictures to take on the way.
    pub album: Option<Album>,
    /// The recording to write.
    pub record: Option<PathBuf>,
    /// How it is written.
    pub record_options: RecordOptions,
    /// The snapshot to start from.
    pub snapshot: Option<(PathBuf, Arc<Snapshot>)>,
}

/// Snapshots that are written at given instruction counts.
#[derive(Clone, Debug, Default)]
pub struct Snapshots {
    /// The counts, ascending.
    pub at: Vec<u64>,
    /// The folder for them.
    pub folder: PathBuf,
}

impl Snapshots {
    /// From `--snapshot-at` and `--snapshot-dir`.
    pub fn new(at: &[u64], folder: Option<&Path>) -> Result<Self, Failure> {
        if at.is_empty() && folder.is_some() {
            return Err(Failure::usage("--snapshot-dir needs --snapshot-at N"));
        }
        Ok(Self { at: ascending(at), folder: folder.map(Path::to_path_buf).unwrap_or_default() })
    }
}

/// Instruction counts in order, each once.
pub fn ascending(counts: &[u64]) -> Vec<u64> {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// Virtual time between two pictures of a folder and of a video.
const EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(40));

/// The pictures of a run that begins at virtual time `start`.
pub fn album(
    folder: Option<&Path>,
    video: Option<&Path>,
    every: Option<Duration>,
    start: u64,
) -> Result<Option<Album>, Failure> {
    if folder.is_none() && video.is_none() {
        return match every {
            Some(_) => Err(Failure::usage("--every needs --screenshots DIR or --video FILE")),
            None => Ok(None),
        };
    }
    let every = every.unwrap_or(if video.is_some() { EVERY.1 } else { EVERY.0 });
    Album::new(folder, video, every, start).map(Some).map_err(Failure::host)
}

/// An image as the machine opens it.
pub fn image_spec(image: &Image, discard_writes: bool) -> ImageSpec {
    ImageSpec {
        path: Some(image.file.clone()),
        bytes: None,
        read_only: image.read_only,
        discard_writes: discard_writes && image.overlay.is_none(),
        overlay: image.overlay.clone(),
        format: image.format.clone(),
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Turns options into a run, or says what is wrong with them.
pub fn resolve(options: &RunOptions) -> Result<Settings, Failure> {
    if let Some(what) = options.unavailable() {
        return Err(Failure::usage(format!("not available in this version: {what}")));
    }
    if options.floppy.len() > 2 {
        return Err(Failure::usage("--floppy: a PC has two floppy drives; give it once or twice"));
    }
    if options.serial.len() > SERIAL_PORTS {
        return Err(Failure::usage("--serial: a PC has four serial ports; give it up to four times"));
    }
    if options.disk.len() + usize::from(options.cdrom.is_some()) > IDE_DEVICES {
        return Err(Failure::usage("--disk: a PC has room for four IDE devices, a --cdrom among them"));
    }
    if options.kernel.is_none() && (options.initrd.is_some() || options.append.is_some()) {
        let flag = if options.initrd.is_some() { "--initrd" } else { "--append" };
        return Err(Failure::usage(format!("{flag} needs --kernel FILE")));
    }
    if options.serial.iter().filter(|s| **s == Serial::Stdio).count() > 1 {
        return Err(Failure::usage("--serial stdio: only one port can have standard input and output"));
    }
    if options.display == Some(Display::Terminal) {
        let stdio = [
            ("--serial stdio", options.serial.contains(&Serial::Stdio)),
            ("--debugcon stdio", options.debugcon == Some(Serial::Stdio)),
        ];
        if let Some((flag, _)) = stdio.iter().find(|(_, used)| *used) {
            return Err(Failure::usage(format!(
                "{flag} and --display terminal both want the terminal; use one of them"
            )));
        }
    }

    let snapshot = options.snapshot_load.as_deref().map(read_snapshot).transpose()?;
    let config = match &snapshot {
        Some((_, snapshot)) => config(options, snapshot.config().clone(), true),
        None => config(options, MachineConfig::default(), false),
    };
    // Pictures come at multiples of their distance, also in a run that starts in the middle.
    let album = album(options.screenshots.as_deref(), options.video.as_deref(), options.every, 0)?;
    Ok(Settings {
        config,
        display: options.display.clone(),
        serial: options.serial.clone(),
        debugcon: options.debugcon.clone(),
        speed: options.speed,
        script: options.script.clone(),
        timeout: options.timeout,
        max_instructions: options.max_instructions,
        hash_at: ascending(&options.hash_at),
        snapshots: Snapshots::new(&options.snapshot_at, options.snapshot_dir.as_deref())?,
        write_disks: None,
        stats: options.stats,
        gdb: options.gdb.clone(),
        discard_writes: options.discard_writes,
        until: None,
        album,
        record: options.record.clone(),
        record_options: options
            .record_interval
            .map_or_else(RecordOptions::default, |interval| RecordOptions { interval }),
        snapshot,
    })
}

/// Reads a snapshot file.
fn read_snapshot(path: &Path) -> Result<(PathBuf, Arc<Snapshot>), Failure> {
    let failed = |why: String| Failure::host(format!("--snapshot-load: {} {why}", path.display()));
    let bytes =
        std::fs::read(path).map_err(|e| failed(format!("cannot be read: {}; check the name", io_reason(&e))))?;
    let snapshot = Snapshot::parse(&bytes).map_err(|e| failed(e.to_string()))?;
    Ok((path.to_path_buf(), Arc::new(snapshot)))
}

/// The machine: what the options say, and `base` where they say nothing. `loaded` means that `base` is a snapshot's.
fn config(options: &RunOptions, base: MachineConfig, loaded: bool) -> MachineConfig {
    let spec = |image: &Image| image_spec(image, options.discard_writes);
    let kept = |image: ImageSpec| match options.discard_writes && image.path.is_some() && image.overlay.is_none() {
        true => ImageSpec { discard_writes: true, ..image },
        false => image,
    };
    let mut floppies = options.floppy.iter().map(spec);
    let room_for_cdrom = options.disk.len() < IDE_DEVICES;
    MachineConfig {
        cpu: options.cpu.clone().unwrap_or(base.cpu),
        memory: options.memory.unwrap_or(base.memory),
        floppies: match options.floppy.is_empty() {
            true => base.floppies.map(|f| f.map(kept)),
            false => [floppies.next(), floppies.next()],
        },
        disks: match options.disk.is_empty() {
            true => base.disks.into_iter().map(kept).collect(),
            false => options.disk.iter().map(spec).collect(),
        },
        cdrom: match &options.cdrom {
            Some(image) => Some(Some(ImageSpec { read_only: true, ..spec(image) })),
            None if loaded => base.cdrom,
            None => room_for_cdrom.then_some(None),
        },
        boot: options.boot.as_ref().map_or(base.boot, |b| b.0.clone()),
        kernel: match &options.kernel {
            Some(kernel) => Some(KernelSpec {
                kernel: kernel.clone(),
                initrd: options.initrd.clone(),
                append: options.append.clone().unwrap_or_default(),
            }),
            None => base.kernel,
        },
        bios: options.bios.clone().or(base.bios),
        vga_bios: options.vga_bios.clone().or(base.vga_bios),
        rtc: match options.rtc {
            Some(Rtc::At(time)) => time,
            Some(Rtc::Now) => rtc_from_unix(now()),
            None => base.rtc,
        },
        icount_rate: options.icount_rate.unwrap_or(base.icount_rate),
        serial_ports: options.serial.len().max(base.serial_ports),
        debug_exit: options.debug_exit || base.debug_exit,
        no_reboot: options.no_reboot || base.no_reboot,
        block_ops: options.block_ops.unwrap_or(base.block_ops),
        ..base
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    #[command(no_binary_name = true)]
    struct Line {
        #[command(flatten)]
        options: RunOptions,
    }

    fn settings(line: &str) -> Result<Settings, String> {
        let options = Line::try_parse_from(line.split_whitespace()).unwrap().options;
        resolve(&options).map_err(|f| {
            assert_eq!(f.status, crate::status::USAGE);
            f.message
        })
    }

    #[test]
    fn a_machine() {
        let s = settings(
            "--cpu 486 --memory 16 --floppy a,readonly --disk d,overlay=o --disk e --discard-writes --boot disk",
        )
        .unwrap();
        assert_eq!((s.config.cpu.as_str(), s.config.memory), ("486", 16 << 20));
        let [a, b] = &s.config.floppies;
        assert!(a.as_ref().is_some_and(|a| a.read_only && a.discard_writes) && b.is_none());
        assert!(s.config.disks[0].overlay.is_some() && !s.config.disks[0].discard_writes);
        assert!(s.config.disks[1].discard_writes);
        assert_eq!(s.config.cdrom, Some(None));
    }

    #[test]
    fn hashes_are_sorted() {
        assert_eq!(settings("--hash-at 30,10 --hash-at 20,10").unwrap().hash_at, [10, 20, 30]);
    }

    #[test]
    fn four_disks_leave_no_room_for_a_cdrom() {
        assert_eq!(settings("--disk a --disk b --disk c --disk d").unwrap().config.cdrom, None);
    }

    #[test]
    fn what_does_not_go_together() {
        let golden = [
            ("--floppy a --floppy b --floppy c", "--floppy: a PC has two floppy drives; give it once or twice"),
            (
                "--disk a --disk b --disk c --disk d --cdrom e",
                "--disk: a PC has room for four IDE devices, a --cdrom among them",
            ),
            ("--initrd a", "--initrd needs --kernel FILE"),
            ("--append a", "--append needs --kernel FILE"),
            ("--serial stdio --serial stdio", "--serial stdio: only one port can have standard input and output"),
            (
                "--display terminal --serial stdio",
                "--serial stdio and --display terminal both want the terminal; use one of them",
            ),
            ("--smp 2", "not available in this version: --smp 2"),
            ("--machine q35", "not available in this version: --machine q35"),
            ("--disk a,format=qcow2", "not available in this version: --disk format=qcow2"),
            ("--disk a,bus=virtio", "not available in this version: --disk bus=virtio"),
            ("--net user", "not available in this version: --net"),
            ("--nic ne2000", "not available in this version: --nic"),
            ("--share d", "not available in this version: --share"),
            ("--display vnc", "not available in this version: --display vnc"),
            ("--qmp unix:f", "not available in this version: --qmp"),
        ];
        for (line, message) in golden {
            assert_eq!(settings(line).unwrap_err(), message, "{line}");
        }
        assert!(settings("--smp 1 --machine pc --net none --disk a,format=raw,bus=ide").is_ok());
    }
}
