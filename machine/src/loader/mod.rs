//! Direct kernel start: reads a kernel and its initial RAM disk, and plans what goes where in guest memory.
//!
//! Files are read and judged when the machine is built, so that a wrong one is reported before anything runs. The
//! firmware then does its POST, finds the [`rom`] that the board shows as an option ROM, and its INT 19h rings the board's
//! doorbell; only then the pieces planned here are copied into memory, because POST clears and uses it.
//!
//! Kernel files are treated as hostile: every offset is checked, sizes are bounded by the RAM there is.

pub mod elf;
pub mod linux;
pub mod multiboot;
pub mod rom;

use crate::config::KernelSpec;
use crate::error::{MachineError, Role};
use crate::files::Files;
use std::path::Path;

/// First byte above the conventional megabyte.
pub const MIB: u64 = 1 << 20;
/// Kept free at the top of the RAM below 4 GiB: firmware puts its tables there.
pub const TOP_RESERVE: u64 = 2 * MIB;

/// Bytes for guest memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Physical address.
    pub addr: u64,
    /// What goes there.
    pub data: Vec<u8>,
    /// Zero bytes behind the data.
    pub zeros: u64,
}

impl Piece {
    pub(crate) fn new(addr: u64, data: Vec<u8>) -> Self {
        Self { addr, data, zeros: 0 }
    }

    pub(crate) fn end(&self) -> u64 {
        self.addr.saturating_add(self.data.len() as u64).saturating_add(self.zeros)
    }
}

/// An entry of the memory map that the firmware reports with INT 15h, AX=E820h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct E820 {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub len: u64,
    /// 1 is usable RAM.
    pub kind: u32,
}

/// A kernel ready to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Linux boot protocol, entered in real mode.
    Linux(linux::LinuxKernel),
    /// Multiboot, entered in flat protected mode.
    Multiboot(multiboot::MultibootKernel),
}

/// Reads the files of `spec` and plans their places; `ram_below_4g` is the end of the RAM below 4 GiB.
///
/// # Errors
/// [`MachineError`] when a file cannot be read, is no kernel of a known kind, or does not fit.
pub(crate) fn load(spec: &KernelSpec, ram_below_4g: u64, files: &mut Files) -> Result<Kernel, MachineError> {
    let image = files.read(Role::Kernel, &spec.kernel, ram_below_4g)?;
    let wrong = |problem: String, advice: &str| MachineError::content(Role::Kernel, &spec.kernel, problem, advice);
    if linux::is_linux(&image) {
        let initrd = match &spec.initrd {
            Some(path) => files.read(Role::Initrd, path, ram_below_4g)?,
            None => Vec::new(),
        };
        return linux::plan(&image, initrd, &spec.append, ram_below_4g)
            .map(Kernel::Linux)
            .map_err(|e| wrong(e.problem, e.advice));
    }
    if multiboot::find_header(&image).is_some() {
        let name = file_name(&spec.kernel);
        let command_line = if spec.append.is_empty() { name } else { format!("{name} {}", spec.append) };
        let modules = match &spec.initrd {
            Some(list) => multiboot_modules(list, ram_below_4g, files)?,
            None => Vec::new(),
        };
        return multiboot::plan(&image, modules, command_line, ram_below_4g)
            .map(Kernel::Multiboot)
            .map_err(|e| wrong(e.problem, e.advice));
    }
    Err(if image.starts_with(b"\x7fELF") {
        wrong("is an ELF file without a multiboot header".into(), "name a bzImage, or a kernel built for multiboot")
    } else {
        wrong(
            "is neither a Linux bzImage or zImage nor a multiboot kernel".into(),
            "name a kernel of one of these kinds",
        )
    })
}

/// Why a kernel cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong, to follow the file's name.
    pub problem: String,
    /// What to do.
    pub advice: &'static str,
}

impl Refused {
    pub(crate) fn new(problem: impl Into<String>, advice: &'static str) -> Self {
        Self { problem: problem.into(), advice }
    }

    pub(crate) fn damaged(problem: &str) -> Self {
        Self::new(format!("is damaged: {problem}"), "get it again")
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

/// `--initrd` of a multiboot kernel: one file, or a list `FILE ARGUMENTS,FILE ARGUMENTS`.
fn multiboot_modules(
    list: &Path,
    ram_below_4g: u64,
    files: &mut Files,
) -> Result<Vec<multiboot::Module>, MachineError> {
    if files.exists(list) {
        return Ok(vec![multiboot::Module {
            data: files.read(Role::Initrd, list, ram_below_4g)?,
            command_line: file_name(list),
        }]);
    }
    let text = list.to_string_lossy();
    let mut modules = Vec::new();
    for item in text.split(',').map(str::trim).filter(|i| !i.is_empty()) {
        let (file, arguments) = item.split_once(' ').unwrap_or((item, ""));
        let path = Path::new(file);
        let command_line = format!("{} {arguments}", file_name(path)).trim_end().to_owned();
        modules.push(multiboot::Module { data: files.read(Role::Initrd, path, ram_below_4g)?, command_line });
    }
    Ok(modules)
}

/// Little-endian field reads that answer `None` past the end.
pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(field.try_into().ok()?))
}

/// As [`le16`], 4 bytes.
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

/// As [`le16`], 8 bytes.
pub(crate) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(field.try_into().ok()?))
}

/// Overwrites the bytes at `at`; nothing happens past the end.
pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = at.checked_add(field.len()).and_then(|end| bytes.get_mut(at..end)) {
        place.copy_from_slice(field);
    }
}

#[cfg(test)]
mod tests;
