//! Multiboot 0.6.96 (version 1): an ELF executable or a flat image with the address fields ("a.out kludge").
//!
//! The kernel's segments go where they ask; modules follow, page-aligned; the information structure, its strings and
//! lists go to conventional memory when the kernel leaves it free, else behind the modules. The structure reports
//! memory, boot device, command line, modules, memory map, loader name and, on request, the text frame buffer; drives,
//! ROM configuration, APM and VBE are absent.

use super::{E820, MIB, Piece, Refused, TOP_RESERVE, elf, le32};

/// Header magic.
const HEADER_MAGIC: u32 = 0x1BAD_B002;
/// EAX at the entry.
pub const BOOT_MAGIC: u32 = 0x2BAD_B002;
/// The header lies in this many first bytes of the file.
const SEARCH: usize = 8192;

/// Header flags: wants modules page-aligned, memory fields, video fields.
const WANTS_VIDEO: u32 = 1 << 2;
/// Flags 0 to 15 that a loader must understand; those above these three do not exist.
const UNKNOWN_REQUIRED: u32 = 0xFFF8;
/// The address fields are valid and replace the ELF headers.
const HAS_ADDRESSES: u32 = 1 << 16;

/// Flags of the information structure.
mod info {
    pub const MEMORY: u32 = 1 << 0;
    pub const BOOT_DEVICE: u32 = 1 << 1;
    pub const CMDLINE: u32 = 1 << 2;
    pub const MODS: u32 = 1 << 3;
    pub const MMAP: u32 = 1 << 6;
    pub const LOADER_NAME: u32 = 1 << 9;
    pub const FRAMEBUFFER: u32 = 1 << 12;
    /// Bytes of the structure with the frame buffer fields.
    pub const SIZE: usize = 116;
}

/// First hard disk, no partition.
const BOOT_DEVICE: u32 = 0x80FF_FFFF;
const LOADER_NAME: &str = "rewind86";
/// Where the information goes in conventional memory, and the end of the room for it.
const LOW_INFO: u64 = 0x10000;
const LOW_INFO_END: u64 = 0x80000;
const PAGE: u64 = 4096;

/// A file handed to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its bytes.
    pub data: Vec<u8>,
    /// File name and arguments.
    pub command_line: String,
}

/// A kernel with its pieces placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultibootKernel {
    /// Segments and modules.
    pub pieces: Vec<Piece>,
    /// Physical entry point.
    pub entry: u32,
    command_line: String,
    /// First byte, end, and command line of each module.
    modules: Vec<(u32, u32, String)>,
    info_at: Option<u64>,
    high_end: u64,
    wants_video: bool,
}

/// Offset of the multiboot header in `image`.
pub fn find_header(image: &[u8]) -> Option<usize> {
    (0..SEARCH.min(image.len())).step_by(4).find(|&at| {
        let (Some(magic), Some(flags), Some(sum)) = (le32(image, at), le32(image, at + 4), le32(image, at + 8)) else {
            return false;
        };
        magic == HEADER_MAGIC && magic.wrapping_add(flags).wrapping_add(sum) == 0
    })
}

/// Places the kernel and its modules.
///
/// # Errors
/// [`Refused`] when the kernel is damaged, asks for something unknown, or does not fit.
pub fn plan(
    image: &[u8],
    modules: Vec<Module>,
    command_line: String,
    ram_below_4g: u64,
) -> Result<MultibootKernel, Refused> {
    let header = find_header(image).ok_or_else(|| Refused::damaged("it has no multiboot header"))?;
    let flags = le32(image, header + 4).unwrap_or(0);
    if flags & UNKNOWN_REQUIRED != 0 {
        return Err(Refused::new(
            format!("requires multiboot features {:#06x} that do not exist", flags & UNKNOWN_REQUIRED),
            "name a multiboot version 1 kernel",
        ));
    }
    let ram_end = ram_below_4g.saturating_sub(TOP_RESERVE);
    let loaded = if flags & HAS_ADDRESSES != 0 {
        flat(image, header, ram_end)?
    } else if elf::is_elf(image) {
        elf::parse(image, ram_end)?
    } else {
        return Err(Refused::damaged("its multiboot header has no load addresses and it is no ELF file"));
    };
    let entry = u32::try_from(loaded.entry).map_err(|_| Refused::damaged("its entry point is above 4 GiB"))?;
    let mut pieces = loaded.pieces;
    if pieces.iter().any(|p| p.addr < MIB && p.end() > 0xA0000) {
        return Err(Refused::new("loads into device memory between A0000h and FFFFFh", "link it for 1 MiB or above"));
    }

    let mut next = pieces.iter().map(Piece::end).max().unwrap_or(MIB).max(MIB).next_multiple_of(PAGE);
    let mut placed = Vec::new();
    for module in modules {
        let end = next.saturating_add(module.data.len() as u64);
        let (Ok(start32), Ok(end32), true) = (u32::try_from(next), u32::try_from(end), end <= ram_end) else {
            return Err(Refused::new("and its modules do not fit", "give the machine more memory with --memory"));
        };
        placed.push((start32, end32, module.command_line));
        pieces.push(Piece::new(next, module.data));
        next = end.next_multiple_of(PAGE);
    }
    let low_is_free = pieces.iter().all(|p| p.end() <= LOW_INFO || p.addr >= LOW_INFO_END);
    Ok(MultibootKernel {
        pieces,
        entry,
        command_line,
        modules: placed,
        info_at: low_is_free.then_some(LOW_INFO),
        high_end: next,
        wants_video: flags & WANTS_VIDEO != 0,
    })
}

/// The image that the header's address fields describe.
fn flat(image: &[u8], header: usize, limit: u64) -> Result<elf::Elf, Refused> {
    let field = |at: usize| le32(image, header + at).map(u64::from);
    let (Some(header_addr), Some(load), Some(load_end), Some(bss_end), Some(entry)) =
        (field(12), field(16), field(20), field(24), field(28))
    else {
        return Err(Refused::damaged("its multiboot header is cut off"));
    };
    let impossible = || Refused::damaged("the addresses of its multiboot header contradict each other");
    let before = header_addr.checked_sub(load).ok_or_else(impossible)?;
    let start = (header as u64).checked_sub(before).ok_or_else(impossible)?;
    let file_len = image.len() as u64;
    let len = if load_end == 0 { file_len - start } else { load_end.checked_sub(load).ok_or_else(impossible)? };
    let range = start as usize..start.saturating_add(len).min(usize::MAX as u64) as usize;
    let data = image.get(range).ok_or_else(|| Refused::damaged("it ends before its load end address"))?;
    let end = load + len;
    let zeros = if bss_end == 0 { 0 } else { bss_end.checked_sub(end).ok_or_else(impossible)? };
    if end + zeros > limit {
        return Err(Refused::new(
            format!("loads up to address {:#x}, beyond the RAM", end + zeros),
            "give the machine more memory with --memory",
        ));
    }
    Ok(elf::Elf { pieces: vec![Piece { addr: load, data: data.to_vec(), zeros }], entry })
}

impl MultibootKernel {
    /// The information structure with all that it points to, for the memory map that the firmware reports; the
    /// structure is at the start of the piece.
    pub fn information(&self, map: &[E820]) -> Piece {
        let at = match self.info_at {
            Some(at) if self.information_len(map) <= LOW_INFO_END - at => at,
            _ => self.high_end,
        };
        let base = at as u32;
        let mut out = vec![0u8; info::SIZE];
        let mut flags = info::CMDLINE | info::LOADER_NAME | info::BOOT_DEVICE | info::MODS;

        let mut append = |bytes: &[u8]| {
            let place = base + out.len() as u32;
            out.extend_from_slice(bytes);
            place
        };
        let string = |s: &str| [s.as_bytes(), &[0]].concat();
        let cmdline = append(&string(&self.command_line));
        let loader = append(&string(LOADER_NAME));
        let mut list = Vec::new();
        for (start, end, command_line) in &self.modules {
            let text = append(&string(command_line));
            for word in [*start, *end, text, 0] {
                list.extend_from_slice(&word.to_le_bytes());
            }
        }
        let padding = append(&[]).next_multiple_of(4) - append(&[]);
        append(&vec![0; padding as usize]);
        let mods = append(&list);
        let mut entries = Vec::new();
        for e in map {
            entries.extend_from_slice(&20u32.to_le_bytes());
            entries.extend_from_slice(&e.base.to_le_bytes());
            entries.extend_from_slice(&e.len.to_le_bytes());
            entries.extend_from_slice(&e.kind.to_le_bytes());
        }
        let mmap = append(&entries);

        let usable = |from: u64| map.iter().find(|e| e.kind == 1 && e.base <= from && e.base + e.len > from);
        if let (Some(low), Some(high)) = (usable(0), usable(MIB)) {
            flags |= info::MEMORY;
            super::put(&mut out, 4, &((low.base + low.len) as u32 / 1024).to_le_bytes());
            let upper = ((high.base + high.len - MIB) / 1024).min(u64::from(u32::MAX)) as u32;
            super::put(&mut out, 8, &upper.to_le_bytes());
        }
        if !map.is_empty() {
            flags |= info::MMAP;
            super::put(&mut out, 44, &(entries.len() as u32).to_le_bytes());
            super::put(&mut out, 48, &mmap.to_le_bytes());
        }
        if self.wants_video {
            flags |= info::FRAMEBUFFER;
            super::put(&mut out, 88, &0xB8000u64.to_le_bytes());
            super::put(&mut out, 96, &160u32.to_le_bytes());
            super::put(&mut out, 100, &80u32.to_le_bytes());
            super::put(&mut out, 104, &25u32.to_le_bytes());
            // 16 bits a cell, type 2: EGA text.
            super::put(&mut out, 108, &[16, 2]);
        }
        super::put(&mut out, 12, &BOOT_DEVICE.to_le_bytes());
        super::put(&mut out, 16, &cmdline.to_le_bytes());
        super::put(&mut out, 20, &(self.modules.len() as u32).to_le_bytes());
        super::put(&mut out, 24, &mods.to_le_bytes());
        super::put(&mut out, 64, &loader.to_le_bytes());
        super::put(&mut out, 0, &flags.to_le_bytes());
        Piece::new(at, out)
    }

    fn information_len(&self, map: &[E820]) -> u64 {
        let strings: usize = self.modules.iter().map(|m| m.2.len() + 17).sum();
        (info::SIZE + self.command_line.len() + LOADER_NAME.len() + 8 + strings + map.len() * 24) as u64
    }
}
