//! ELF executables (System V gABI, chapters 4 and 5), 32- and 64-bit little-endian x86: the segments to load and the
//! physical entry point. No relocation, no dynamic linking, no symbols.

use super::{Piece, Refused, le16, le32, le64};

const CLASS32: u8 = 1;
const CLASS64: u8 = 2;
const DATA_LSB: u8 = 1;
const EM_386: u16 = 3;
const EM_X86_64: u16 = 62;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const PT_LOAD: u32 = 1;
/// More program headers than any executable has; bounds the work for a hostile file.
const MAX_SEGMENTS: u16 = 256;

/// What is to be loaded and where to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// The loadable segments at their physical addresses.
    pub pieces: Vec<Piece>,
    /// Physical address of the entry point.
    pub entry: u64,
}

/// Whether `image` starts as an ELF file does.
pub fn is_elf(image: &[u8]) -> bool {
    image.starts_with(b"\x7fELF")
}

/// Reads the executable in `image`; segments must end at or below `limit`.
///
/// # Errors
/// [`Refused`] for a file of another machine, a damaged one, and one that does not fit.
pub fn parse(image: &[u8], limit: u64) -> Result<Elf, Refused> {
    let cut = || Refused::damaged("its ELF headers are cut off");
    let wide = match image.get(4) {
        Some(&CLASS32) => false,
        Some(&CLASS64) => true,
        _ => return Err(Refused::damaged("its ELF class is unknown")),
    };
    let machine = le16(image, 18).ok_or_else(cut)?;
    if image.get(5) != Some(&DATA_LSB) || machine != if wide { EM_X86_64 } else { EM_386 } {
        return Err(Refused::new("is an ELF file for another processor", "name one built for x86"));
    }
    if !matches!(le16(image, 16), Some(ET_EXEC | ET_DYN)) {
        return Err(Refused::new("is an ELF file but no executable", "name a linked kernel"));
    }
    let word = |at32: usize, at64: usize| -> Option<u64> {
        if wide { le64(image, at64) } else { le32(image, at32).map(u64::from) }
    };
    let entry = word(24, 24).ok_or_else(cut)?;
    let table = word(28, 32).ok_or_else(cut)?;
    let (size_at, count_at) = if wide { (54, 56) } else { (42, 44) };
    let entry_size = u64::from(le16(image, size_at).ok_or_else(cut)?);
    let count = le16(image, count_at).ok_or_else(cut)?;
    if count > MAX_SEGMENTS || entry_size < if wide { 56 } else { 32 } {
        return Err(Refused::damaged("its program header table is impossible"));
    }

    let mut elf = Elf { pieces: Vec::new(), entry };
    for i in 0..u64::from(count) {
        let at = table.checked_add(i * entry_size).and_then(|a| usize::try_from(a).ok()).ok_or_else(cut)?;
        let field = |at32: usize, at64: usize| -> Option<u64> {
            if wide { le64(image, at.checked_add(at64)?) } else { le32(image, at.checked_add(at32)?).map(u64::from) }
        };
        if le32(image, at).ok_or_else(cut)? != PT_LOAD {
            continue;
        }
        let offset = field(4, 8).ok_or_else(cut)?;
        let vaddr = field(8, 16).ok_or_else(cut)?;
        let paddr = field(12, 24).ok_or_else(cut)?;
        let file_size = field(16, 32).ok_or_else(cut)?;
        let mem_size = field(20, 40).ok_or_else(cut)?;
        if mem_size == 0 {
            continue;
        }
        let range = (|| {
            let start = usize::try_from(offset).ok()?;
            Some(start..start.checked_add(usize::try_from(file_size).ok()?)?)
        })();
        let data = range.and_then(|r| image.get(r)).ok_or_else(|| Refused::damaged("a segment lies beyond its end"))?;
        let zeros =
            mem_size.checked_sub(file_size).ok_or_else(|| Refused::damaged("a segment is larger than its memory"))?;
        let end = paddr.checked_add(mem_size).ok_or_else(|| Refused::damaged("a segment wraps around"))?;
        if end > limit {
            return Err(Refused::new(
                format!("loads up to address {end:#x}, beyond the RAM"),
                "give the machine more memory with --memory",
            ));
        }
        if (vaddr..vaddr.saturating_add(mem_size)).contains(&entry) {
            elf.entry = entry - vaddr + paddr;
        }
        elf.pieces.push(Piece { addr: paddr, data: data.to_vec(), zeros });
    }
    if elf.pieces.is_empty() {
        return Err(Refused::damaged("it has no segment to load"));
    }
    Ok(elf)
}
