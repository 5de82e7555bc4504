//! From a configuration to a board: opens the files, attaches the drives, fills CMOS memory.

use crate::board::cmos;
use crate::board::fwcfg::FwCfg;
use crate::board::memory::{Layout, check_firmware, check_vga};
use crate::board::{Board, Parts};
use crate::config::{MachineConfig, RtcTime};
use crate::error::{MachineError, Role};
use crate::files::{FileId, Files};
use crate::image::geometry;
use crate::loader::{self, Kernel};
use crate::media::{Media, Slot};
use rewind86_cpu::Cpu;
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::model::Model;
use rewind86_devices::fdc::{DriveType, Fdc};
use rewind86_devices::ide::disk::{DiskIdentity, Geometry};
use rewind86_devices::ide::{Ide, Position};
use rewind86_devices::rtc::Rtc;

const MIB: u64 = 1 << 20;
/// More RAM than this is a slip of the pen.
const MAX_MEMORY: u64 = if NARROW { 1 << 30 } else { 256 << 30 };
/// The host's addresses have 32 bits, half of which are left for everything else.
const NARROW: bool = PhysMem::MAX < 256 << 30;
/// The largest ROM image that is looked at.
const MAX_FIRMWARE: u64 = 16 << 20;

/// The CD-ROM drive: master of the secondary channel.
pub(crate) const CDROM: Position = Position { channel: 1, device: 0 };

/// The parts of a machine.
pub(crate) struct Built {
    pub cpu: Cpu,
    pub mem: PhysMem,
    pub board: Board,
    pub kernel: Option<Kernel>,
    pub files: Vec<FileId>,
}

/// Checks the settings, opens the files and puts the machine together. `media` is empty, or knows the media of a replay.
pub(crate) fn build(cfg: &MachineConfig, mut media: Media) -> Result<Built, MachineError> {
    if cfg.memory < MIB || cfg.memory > MAX_MEMORY || !cfg.memory.is_multiple_of(64 << 10) {
        return Err(MachineError::config(
            "--memory",
            format!("{} bytes of memory are not possible", cfg.memory),
            format!("give a size from 1M to {}, a multiple of 64K", if NARROW { "1G" } else { "256G" }),
        ));
    }
    if cfg.icount_rate == 0 {
        return Err(MachineError::config("--icount-rate", "0 instructions per second", "give at least 1"));
    }
    let model = Model::parse(&cfg.cpu).map_err(|e| {
        MachineError::config("--cpu", e.to_string(), "give a model name with ,+flag or ,-flag behind it")
    })?;

    let mut files = Files::new(&cfg.embedded);
    let firmware = match &cfg.bios {
        Some(path) => {
            let bytes = files.read(Role::Bios, path, MAX_FIRMWARE)?;
            check_firmware(path, &bytes)?;
            bytes
        }
        None => files.built_in(Role::Bios, rewind86_bios::BIOS),
    };
    let vga = match &cfg.vga_bios {
        Some(path) => {
            let bytes = files.read(Role::VgaBios, path, MAX_FIRMWARE)?;
            check_vga(path, &bytes)?;
            bytes
        }
        None => files.built_in(Role::VgaBios, rewind86_bios::VGA_BIOS),
    };
    let mut layout = Layout::new(cfg.memory, firmware.len(), vga.len());
    let kernel = cfg.kernel.as_ref().map(|k| loader::load(k, layout.below_4g(), &mut files)).transpose()?;
    let kernel_rom = kernel.as_ref().map(|_| loader::rom::image());

    let mut fdc = Fdc::new();
    let mut floppies = [0; 2];
    for (n, (spec, kind)) in (0u8..).zip(cfg.floppies.iter().zip(&mut floppies)) {
        if let Some(spec) = spec {
            let medium = media.open(Slot::Floppy(n), Role::Floppy(usize::from(n)), spec)?;
            fdc.attach(n, floppy_drive(medium.len()));
            fdc.insert(n, medium);
        } else if n == 0 {
            fdc.attach(0, DriveType::D1440);
        }
        *kind = fdc.drive_type(n).map_or(0, |t| t as u8);
    }
    let mut ide = Ide::new();
    let disks = attach_disks(cfg, &mut ide, &mut media)?;
    if let Some(disc) = &cfg.cdrom {
        let medium = disc.as_ref().map(|spec| media.open(CDROM.into(), Role::Cdrom, spec)).transpose()?;
        ide.attach_cdrom(CDROM, medium);
    }

    let mut rtc = Rtc::new(unix_time(&cfg.rtc));
    cmos::fill(
        &mut rtc,
        &cmos::Contents {
            below_4g: layout.below_4g(),
            above_4g: layout.above_4g(),
            floppies,
            disks,
            boot: &cfg.boot,
            fpu: true,
        },
    );
    let mut items = Vec::new();
    if !names_pci_function(&vga) {
        items.push(("vgaroms/vga.rom", vga.clone()));
    }
    if let Some(rom) = &kernel_rom {
        items.push(("genroms/kernel.rom", rom.clone()));
    }
    let Some(mem) = layout.build(&firmware, &vga, kernel_rom.as_deref()) else {
        return Err(MachineError::config(
            "--memory",
            format!("this host cannot give {} MiB to the machine", cfg.memory >> 20),
            "give the machine less",
        ));
    };
    let fwcfg = FwCfg::new(layout.ram(), items);
    let serial_ports = cfg.serial_ports;
    let mut board = Board::new(Parts {
        rate: cfg.icount_rate,
        layout,
        rtc,
        fdc,
        ide,
        serial_ports,
        debug_exit: cfg.debug_exit,
        vga_rom_len: vga.len() as u32,
        fwcfg,
        media,
    });
    if let Some(Kernel::Linux(k)) = &kernel {
        board.doorbell.entry = (k.segment, k.stack);
    }
    let mut cpu = Cpu::new(model);
    cpu.set_block_ops(cfg.block_ops);
    Ok(Built { cpu, mem, board, kernel, files: files.read })
}

/// The drive for a diskette of `len` bytes. 3.5 inch drives are high density ones, so that 1.44 MB diskettes can follow.
fn floppy_drive(len: u64) -> DriveType {
    match DriveType::for_size(len) {
        DriveType::D720 => DriveType::D1440,
        kind => kind,
    }
}

/// Attaches the hard disks in the order given around the CD-ROM drive; returns the geometries of the first two.
fn attach_disks(
    cfg: &MachineConfig,
    ide: &mut Ide,
    media: &mut Media,
) -> Result<[Option<geometry::DiskGeometry>; 2], MachineError> {
    let mut places = vec![Position { channel: 0, device: 0 }, Position { channel: 0, device: 1 }];
    if cfg.cdrom.is_none() {
        places.push(CDROM);
    }
    places.push(Position { channel: 1, device: 1 });
    if cfg.disks.len() > places.len() {
        return Err(MachineError::config(
            "--disk",
            format!("{} disks are more than the {} free places", cfg.disks.len(), places.len()),
            "give fewer",
        ));
    }
    let mut first = [None; 2];
    for (n, (spec, at)) in cfg.disks.iter().zip(places).enumerate() {
        let mut medium = media.open(at.into(), Role::Disk(n), spec)?;
        let g = geometry::disk_geometry(medium.as_mut());
        if let Some(slot) = first.get_mut(n) {
            *slot = Some(g);
        }
        let identity = DiskIdentity { serial: format!("RW86{n:08}"), ..DiskIdentity::default() };
        let geometry = Geometry { cylinders: g.cylinders, heads: g.heads, sectors: g.sectors };
        ide.attach_disk(at, medium, identity, Some(geometry));
    }
    Ok(first)
}

/// Whether a VGA ROM names the adapter's PCI function, so that firmware takes it from the function's ROM register (PCI
/// 2.1, 6.3.1); another one is offered as a file of the firmware configuration.
fn names_pci_function(rom: &[u8]) -> bool {
    let at = loader::le16(rom, 0x18).map_or(usize::MAX, usize::from);
    rom.get(at..).is_some_and(|data| data.starts_with(b"PCIR") && loader::le32(data, 4) == Some(0x1111_1234))
}

/// Seconds since 1970 of a date and time in the proleptic Gregorian calendar.
fn unix_time(t: &RtcTime) -> i64 {
    let (year, month) = (i64::from(t.year), i64::from(t.month.clamp(1, 12)));
    // Years that start in March, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(t.day.clamp(1, 31)) - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    days * 86_400 + i64::from(t.hour) * 3600 + i64::from(t.minute) * 60 + i64::from(t.second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_seconds() {
        let at = |year, month, day, hour| unix_time(&RtcTime { year, month, day, hour, minute: 0, second: 1 });
        assert_eq!(at(1970, 1, 1, 0), 1);
        assert_eq!(at(2000, 2, 29, 12), 951_825_601);
        assert_eq!(at(2026, 1, 1, 0), 1_767_225_601);
        assert_eq!(at(2000, 3, 1, 0) - at(2000, 2, 28, 0), 2 * 86_400);
    }
}
