//! Image files: what backs a floppy, disk or CD-ROM drive.
//!
//! The rule for writing: with `read_only`, and for CD-ROMs, the file is opened for reading and the guest sees a
//! write-protected medium. With `discard_writes` or an overlay the file is only read and the guest may write. Otherwise
//! the file is opened for reading and writing; when the host refuses that for lack of permission or because the file
//! system is read-only, the file is opened for reading and the medium is write-protected.
//!
//! A file that is written is locked, one that is only read is locked for sharing, so that two machines never write the
//! same image and an overlay's base does not change under it. Hosts without such locks go without.
//!
//! Formats: raw. Others are recognised ([`sniff`]) and refused with the tool that converts them, images that were cut off
//! ([`truncated`]) are refused with the size that they should have. Sizes: a disk is whole
//! 512-byte sectors; a floppy image shorter than a standard format is a medium of that format whose rest reads zero; a
//! CD-ROM image is padded to whole 2048-byte sectors.

mod discard;
pub mod geometry;
mod overlay;
mod raw;
mod sniff;
mod truncated;

use crate::config::ImageSpec;
use crate::error::{MachineError, Role};
use discard::Discard;
use overlay::Overlay;
use raw::RawFile;
use rewind86_devices::medium::{Medium, MemMedium};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes in a disk and floppy sector.
pub const SECTOR: u64 = 512;
/// Bytes in a CD-ROM sector.
pub const CD_SECTOR: u64 = 2048;
/// Bytes in a sector of a raw CD dump, with its synchronisation and correction fields.
const CD_RAW_SECTOR: u64 = 2352;
/// Sectors that 48-bit addressing reaches, in bytes.
const MAX_DISK: u64 = (1 << 48) * SECTOR;

/// Opens the medium that `spec` describes for the drive that `role` names.
///
/// # Errors
/// [`MachineError`] when the file is missing, empty, in use, of another format, or of a size that the drive cannot have.
pub fn open(role: Role, spec: &ImageSpec) -> Result<Box<dyn Medium>, MachineError> {
    let shown = shown_path(spec);
    match spec.format.as_deref() {
        None | Some("raw") => {}
        Some(other) => {
            return Err(MachineError::content(
                role,
                &shown,
                format!("is declared to be of format {other}, which is not supported"),
                format!("convert it with `qemu-img convert -f {other} -O raw` and leave format= out"),
            ));
        }
    }
    let read_only = spec.read_only || role == Role::Cdrom;
    let copy_on_write = !read_only && (spec.discard_writes || spec.overlay.is_some());
    let base: Box<dyn Medium> = match (&spec.path, &spec.bytes) {
        (Some(path), _) => open_file(role, path, !read_only && !copy_on_write, spec.format.is_some())?,
        (None, Some(bytes)) => {
            let mut data = bytes.clone();
            let len = checked_len(role, &shown, data.len() as u64, &data)?;
            data.resize(usize::try_from(len).unwrap_or(data.len()), 0);
            Box::new(MemMedium { data, read_only })
        }
        (None, None) => {
            return Err(MachineError::config(role.flag(), "no image file is named", "name one"));
        }
    };
    if !copy_on_write {
        return Ok(base);
    }
    match &spec.overlay {
        Some(path) => Ok(Box::new(Overlay::open(role, base, path)?)),
        None => Ok(Box::new(Discard::new(base))),
    }
}

/// Opens the medium that `spec` describes for reading only, whatever `spec` says of writing: with the overlay where
/// there is one, and without making or changing any file.
pub(crate) fn open_untouched(role: Role, spec: &ImageSpec) -> Result<Box<dyn Medium>, MachineError> {
    let plain = ImageSpec { read_only: true, discard_writes: false, overlay: None, ..spec.clone() };
    let base = open(role, &plain)?;
    match &spec.overlay {
        Some(path) => Ok(Box::new(Overlay::open_existing(role, base, path)?)),
        None => Ok(base),
    }
}

fn shown_path(spec: &ImageSpec) -> PathBuf {
    spec.path.clone().unwrap_or_else(|| PathBuf::from("(built in)"))
}

/// Opens a raw file; `trusted` means the user said that it is raw, so its content is not judged.
fn open_file(role: Role, path: &Path, write: bool, trusted: bool) -> Result<Box<dyn Medium>, MachineError> {
    let fail = |source| MachineError::Open { role, path: path.to_path_buf(), source };
    let (mut file, writable) = if write {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(f) => (f, true),
            Err(e) if matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
                (File::open(path).map_err(fail)?, false)
            }
            Err(e) => return Err(fail(e)),
        }
    } else {
        (File::open(path).map_err(fail)?, false)
    };
    if file.metadata().map_err(fail)?.is_dir() {
        return Err(MachineError::content(role, path, "is a directory", "name an image file"));
    }
    lock(role, path, &file, writable)?;
    let fail = |source| MachineError::Read { role, path: path.to_path_buf(), source };
    let size = file.seek(SeekFrom::End(0)).map_err(fail)?;
    file.seek(SeekFrom::Start(0)).map_err(fail)?;
    let mut head = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut head).map_err(fail)?;
    if !trusted && let Some(found) = sniff::foreign(&head) {
        return Err(MachineError::content(role, path, format!("is {}", found.name), found.advice));
    }
    let len = checked_len(role, path, size, &head)?;
    if !trusted && let Some(wanted) = longer(role, &mut file, size, &head).map_err(fail)? {
        let problem = format!("is truncated: it has {size} bytes, what is on it ends at {wanted}");
        let advice = "get it again, or pad it with `truncate -s`";
        return Err(MachineError::content(role, path, problem, advice));
    }
    Ok(Box::new(RawFile::new(file, size, len, !writable)))
}

/// The bytes that an image of `size` should have by what is on it, when it has too few.
fn longer(role: Role, file: &mut File, size: u64, head: &[u8]) -> std::io::Result<Option<u64>> {
    if role == Role::Cdrom {
        let mut descriptor = Vec::new();
        file.seek(SeekFrom::Start(truncated::DESCRIPTOR))?;
        file.by_ref().take(CD_SECTOR).read_to_end(&mut descriptor)?;
        return Ok(truncated::iso_len(&descriptor, size));
    }
    let fat = truncated::fat_len(head).filter(|&wanted| wanted > size);
    Ok(fat.or_else(|| match role {
        Role::Disk(_) => truncated::partitions_len(head, size),
        _ => None,
    }))
}

fn lock(role: Role, path: &Path, file: &File, writable: bool) -> Result<(), MachineError> {
    let taken = if writable { file.try_lock() } else { file.try_lock_shared() };
    match taken {
        Err(TryLockError::WouldBlock) => Err(MachineError::content(
            role,
            path,
            "is in use by another machine or drive",
            "end that one, or open both with readonly or --discard-writes",
        )),
        // A file system without locks: nothing to be done.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// The size of the medium for a file of `size` bytes that starts with `head`.
fn checked_len(role: Role, path: &Path, size: u64, head: &[u8]) -> Result<u64, MachineError> {
    let bad = |problem: String, advice: &str| Err(MachineError::content(role, path, problem, advice));
    if size == 0 {
        return bad("is empty".into(), "name an image that holds something");
    }
    match role {
        Role::Cdrom => {
            if !size.is_multiple_of(CD_SECTOR) && size.is_multiple_of(CD_RAW_SECTOR) {
                return bad(
                    "holds raw 2352-byte sectors".into(),
                    "convert it to an ISO image, for instance with bchunk",
                );
            }
            if !size.is_multiple_of(SECTOR) {
                return bad(
                    format!("has {size} bytes, which is not a multiple of 2048"),
                    "the file is truncated or not an ISO image",
                );
            }
            Ok(size.next_multiple_of(CD_SECTOR))
        }
        _ if !size.is_multiple_of(SECTOR) => {
            bad(format!("has {size} bytes, which is not a multiple of 512"), "the file is truncated or not a raw image")
        }
        Role::Floppy(_) => match geometry::floppy_len(size, head) {
            Some(len) => Ok(len),
            None => bad(
                format!("has {size} bytes, more than the 2949120 of the largest floppy"),
                "give it to --disk or --cdrom",
            ),
        },
        _ if size > MAX_DISK => bad("is larger than 128 PiB".into(), "use a smaller disk"),
        _ => Ok(size),
    }
}

#[cfg(test)]
mod tests;
