//! The options of `run`, which `demo` takes too and a MACHINE.toml may hold under the same names.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::spec::{self, Display, Image, Serial};
use super::values::{self, BootOrder, Rtc, Speed};
use crate::gdb;

/// Everything that can be said about a machine and how it is run; `None` and empty mean "not said".
#[derive(Args, Clone, Debug, Default)]
pub struct RunOptions {
    /// 386 486 pentium pentium-mmx pentium2 pentium3 ...; MODEL,+flag,-flag changes features
    #[arg(long, value_name = "MODEL", value_parser = spec::cpu, help_heading = "Machine")]
    pub cpu: Option<String>,
    /// Processors
    #[arg(long, value_name = "N", value_parser = values::positive, help_heading = "Machine")]
    pub smp: Option<u64>,
    /// RAM: 16M, 2G; a bare number is MiB [default: 256M]
    #[arg(long, value_name = "SIZE", value_parser = values::memory, help_heading = "Machine")]
    pub memory: Option<u64>,
    /// Board: pc
    #[arg(long, value_name = "NAME", help_heading = "Machine")]
    pub machine: Option<String>,
    /// Clock at power-on: 2026-01-01T00:00:00 (the default, UTC) or now
    #[arg(long, value_name = "TIME", value_parser = values::rtc, help_heading = "Machine")]
    pub rtc: Option<Rtc>,
    /// Instructions per virtual second [default: 200000000]
    #[arg(long, value_name = "HZ", value_parser = values::rate, help_heading = "Machine")]
    pub icount_rate: Option<u64>,
    /// System firmware instead of the embedded one
    #[arg(long, value_name = "FILE", help_heading = "Machine")]
    pub bios: Option<PathBuf>,
    /// VGA firmware instead of the embedded one
    #[arg(long, value_name = "FILE", help_heading = "Machine")]
    pub vga_bios: Option<PathBuf>,
    /// A triple fault ends the run instead of resetting the machine
    #[arg(long, help_heading = "Machine")]
    pub no_reboot: bool,

    /// Floppy image FILE[,readonly]; the first is A:, the second B:
    #[arg(long, value_name = "FILE", value_parser = spec::floppy, help_heading = "Disks and kernels")]
    pub floppy: Vec<Image>,
    /// Hard disk image FILE[,format=raw][,readonly][,overlay=FILE][,bus=ide]; up to four
    #[arg(long, value_name = "FILE", value_parser = spec::disk, help_heading = "Disks and kernels")]
    pub disk: Vec<Image>,
    /// CD-ROM image
    #[arg(long, value_name = "FILE", value_parser = spec::cdrom, help_heading = "Disks and kernels")]
    pub cdrom: Option<Image>,
    /// Boot order: floppy, disk, cdrom, net, or a list such as cdrom,disk
    #[arg(long, value_name = "ORDER", value_parser = values::boot_order, help_heading = "Disks and kernels")]
    pub boot: Option<BootOrder>,
    /// Leave image files untouched; writes live for this run
    #[arg(long, help_heading = "Disks and kernels")]
    pub discard_writes: bool,
    /// A host folder as a FAT disk
    #[arg(long, value_name = "DIR", help_heading = "Disks and kernels")]
    pub share: Option<String>,
    /// Linux kernel (bzImage) or multiboot ELF, started without a boot device
    #[arg(long, value_name = "FILE", help_heading = "Disks and kernels")]
    pub kernel: Option<PathBuf>,
    /// Initial RAM disk for --kernel
    #[arg(long, value_name = "FILE", help_heading = "Disks and kernels")]
    pub initrd: Option<PathBuf>,
    /// Command line for --kernel
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Disks and kernels")]
    pub append: Option<String>,

    /// window, terminal or none [default: window if there is one, else terminal if a tty, else none]
    #[arg(long, value_name = "WHERE", value_parser = spec::display, help_heading = "Input and output")]
    pub display: Option<Display>,
    /// stdio, none, file=PATH, tcp=ADDR or unix=PATH; repeatable: COM1, COM2 ...
    #[arg(long, value_name = "WHERE", value_parser = spec::serial, help_heading = "Input and output")]
    pub serial: Vec<Serial>,
    /// Bytes written to port E9h: stdio or file=PATH
    #[arg(long, value_name = "WHERE", value_parser = spec::debugcon, help_heading = "Input and output")]
    pub debugcon: Option<Serial>,
    /// A write to port F4h ends the run with exit status (value*2+1) & 255
    #[arg(long, help_heading = "Input and output")]
    pub debug_exit: bool,
    /// Network: none
    #[arg(long, value_name = "NET", help_heading = "Input and output")]
    pub net: Vec<String>,
    /// Network adapter
    #[arg(long, value_name = "MODEL", help_heading = "Input and output")]
    pub nic: Vec<String>,

    /// real, max or a percentage [default: real with a display, max without]
    #[arg(long, value_name = "SPEED", value_parser = values::speed, help_heading = "The run")]
    pub speed: Option<Speed>,
    /// Drive the guest by a script
    #[arg(long, value_name = "FILE", help_heading = "The run")]
    pub script: Option<PathBuf>,
    /// Host time after which the run ends with exit status 3
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds, help_heading = "The run")]
    pub timeout: Option<Duration>,
    /// Instructions after which the run ends with exit status 4
    #[arg(long, value_name = "N", value_parser = values::positive, help_heading = "The run")]
    pub max_instructions: Option<u64>,
    /// Print `hash N HEX` of the whole machine state after N instructions
    #[arg(long, value_name = "N,...", value_parser = values::number, value_delimiter = ',', help_heading = "The run")]
    pub hash_at: Vec<u64>,
    /// At the end, one line of JSON on stderr
    #[arg(long, help_heading = "The run")]
    pub stats: bool,
    /// Write a recording
    #[arg(long, value_name = "FILE", help_heading = "The run")]
    pub record: Option<PathBuf>,
    /// Instructions between two hashes of a recording; 0 for none
    #[arg(long, value_name = "N", value_parser = values::number, help_heading = "The run")]
    pub record_interval: Option<u64>,
    /// Start from a snapshot
    #[arg(long, value_name = "FILE", help_heading = "The run")]
    pub snapshot_load: Option<PathBuf>,
    /// Write snapshots N.snap after N instructions
    #[arg(long, value_name = "N,...", value_parser = values::number, value_delimiter = ',', help_heading = "The run")]
    pub snapshot_at: Vec<u64>,
    /// Folder for --snapshot-at [default: the current one]
    #[arg(long, value_name = "DIR", help_heading = "The run")]
    pub snapshot_dir: Option<PathBuf>,
    /// Write the screen as PNG files into this folder
    #[arg(long, value_name = "DIR", help_heading = "The run")]
    pub screenshots: Option<PathBuf>,
    /// Write the screen as an uncompressed video (YUV4MPEG2)
    #[arg(long, value_name = "FILE.y4m", help_heading = "The run")]
    pub video: Option<PathBuf>,
    /// Virtual seconds between two pictures [default: 1 for --screenshots, 0.04 for --video]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds, help_heading = "The run")]
    pub every: Option<Duration>,
    /// Instructions in a decoded block at most, 1 to 64; the guest cannot tell
    #[arg(long, value_name = "N", value_parser = values::block_ops, help_heading = "The run")]
    pub block_ops: Option<usize>,
    /// Serve the GDB remote protocol at HOST:PORT or unix:PATH; with wait, before the first instruction
    #[arg(long, value_name = "ADDR[,wait][,arch=8086|386|x86-64]", value_parser = gdb::Options::parse, help_heading = "The run")]
    pub gdb: Option<gdb::Options>,
    /// Serve the control socket
    #[arg(long, value_name = "ADDR", help_heading = "The run")]
    pub qmp: Option<String>,
}

impl RunOptions {
    /// These options, and those of `base` where these say nothing.
    pub fn over(self, base: Self) -> Self {
        fn list<T>(over: Vec<T>, base: Vec<T>) -> Vec<T> {
            if over.is_empty() { base } else { over }
        }
        Self {
            cpu: self.cpu.or(base.cpu),
            smp: self.smp.or(base.smp),
            memory: self.memory.or(base.memory),
            machine: self.machine.or(base.machine),
            rtc: self.rtc.or(base.rtc),
            icount_rate: self.icount_rate.or(base.icount_rate),
            bios: self.bios.or(base.bios),
            vga_bios: self.vga_bios.or(base.vga_bios),
            no_reboot: self.no_reboot || base.no_reboot,
            floppy: list(self.floppy, base.floppy),
            disk: list(self.disk, base.disk),
            cdrom: self.cdrom.or(base.cdrom),
            boot: self.boot.or(base.boot),
            discard_writes: self.discard_writes || base.discard_writes,
            share: self.share.or(base.share),
            kernel: self.kernel.or(base.kernel),
            initrd: self.initrd.or(base.initrd),
            append: self.append.or(base.append),
            display: self.display.or(base.display),
            serial: list(self.serial, base.serial),
            debugcon: self.debugcon.or(base.debugcon),
            debug_exit: self.debug_exit || base.debug_exit,
            net: list(self.net, base.net),
            nic: list(self.nic, base.nic),
            speed: self.speed.or(base.speed),
            script: self.script.or(base.script),
            timeout: self.timeout.or(base.timeout),
            max_instructions: self.max_instructions.or(base.max_instructions),
            hash_at: list(self.hash_at, base.hash_at),
            stats: self.stats || base.stats,
            record: self.record.or(base.record),
            record_interval: self.record_interval.or(base.record_interval),
            snapshot_load: self.snapshot_load.or(base.snapshot_load),
            snapshot_at: list(self.snapshot_at, base.snapshot_at),
            snapshot_dir: self.snapshot_dir.or(base.snapshot_dir),
            screenshots: self.screenshots.or(base.screenshots),
            video: self.video.or(base.video),
            every: self.every.or(base.every),
            block_ops: self.block_ops.or(base.block_ops),
            gdb: self.gdb.or(base.gdb),
            qmp: self.qmp.or(base.qmp),
        }
    }

    /// Makes relative file names start at `folder`.
    pub fn relative_to(mut self, folder: &std::path::Path) -> Self {
        let files = [
            &mut self.bios,
            &mut self.vga_bios,
            &mut self.kernel,
            &mut self.initrd,
            &mut self.script,
            &mut self.record,
            &mut self.snapshot_load,
            &mut self.snapshot_dir,
            &mut self.screenshots,
            &mut self.video,
        ];
        let files = files.into_iter().flatten();
        let images = self.floppy.iter_mut().chain(&mut self.disk).chain(&mut self.cdrom);
        let sinks = self.serial.iter_mut().chain(&mut self.debugcon).filter_map(|s| match s {
            Serial::File(path) | Serial::Unix(path) => Some(path),
            _ => None,
        });
        let images = images.flat_map(|i| std::iter::once(&mut i.file).chain(&mut i.overlay));
        for path in files.chain(images).chain(sinks) {
            *path = folder.join(&path);
        }
        self
    }

    /// The first option given that this version does not have yet.
    pub fn unavailable(&self) -> Option<String> {
        let disk = |d: &Image| match (&d.format, &d.bus) {
            (Some(format), _) if format != "raw" => Some(format!("--disk format={format}")),
            (_, Some(bus)) if bus != "ide" => Some(format!("--disk bus={bus}")),
            _ => None,
        };
        let named = [
            ("--share", self.share.is_some()),
            ("--net", self.net.iter().any(|n| n != "none")),
            ("--nic", !self.nic.is_empty()),
            ("--display vnc", self.display == Some(Display::Vnc)),
            ("--qmp", self.qmp.is_some()),
        ];
        let named = named.iter().find(|(_, given)| *given).map(|(name, _)| (*name).to_string());
        let smp = self.smp.filter(|&n| n > 1).map(|n| format!("--smp {n}"));
        let machine = self.machine.as_ref().filter(|m| *m != "pc").map(|m| format!("--machine {m}"));
        smp.or(machine).or_else(|| self.disk.iter().find_map(disk)).or(named)
    }
}
