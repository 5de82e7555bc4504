//! States as sections of a container, whole or as the difference from an earlier one.
//!
//! A page table is a sequence of groups: number of the group (8 bytes), a bit for each page that follows (8), a bit for
//! each page that is taken out (8, only in differences), bytes of the compressed pages (4), the pages as one lz4 block.

use super::pages::{GROUP, PAGE, Page, PageTable};
use super::{Blob, State};
use crate::container::{ContainerError, Reader, Writer, decompress};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Section of the processor and the board's components, `c:` before each name.
const COMPONENT: &str = "c:";
const RAM: &str = "ram";
const MEDIUM: &str = "medium:";
/// Bytes before the pages of a group.
const GROUP_HEAD: usize = 28;

fn damaged(name: &str) -> ContainerError {
    ContainerError::Damaged { at: 0, name: name.to_string() }
}

/// The pages in which `new` differs from `old`.
fn encode_table(new: &PageTable, old: &PageTable) -> Vec<u8> {
    let mut out = Vec::new();
    let mut changes = new.differing(old).into_iter().peekable();
    while let Some(&first) = changes.peek() {
        let group = first / GROUP;
        let (mut present, mut removed, mut pages) = (0u64, 0u64, Vec::new());
        while let Some(index) = changes.next_if(|i| i / GROUP == group) {
            let bit = 1 << (index % GROUP);
            match new.get(index) {
                Some(page) => {
                    present |= bit;
                    pages.extend_from_slice(&page[..]);
                }
                None => removed |= bit,
            }
        }
        let packed = lz4_flex::block::compress(&pages);
        for word in [group, present, removed] {
            out.extend(word.to_le_bytes());
        }
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend(packed);
    }
    out
}

/// A decoded group: its number, which pages follow, which are taken out, and the compressed pages.
struct GroupRef<'a> {
    group: u64,
    present: u64,
    removed: u64,
    packed: &'a [u8],
}

fn groups(bytes: &[u8]) -> impl Iterator<Item = Option<GroupRef<'_>>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut parse = || {
            let (head, tail) = rest.split_at_checked(GROUP_HEAD)?;
            let word = |at: usize| head.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
            let len = head.get(24..28)?.try_into().ok().map(u32::from_le_bytes)?;
            let (packed, tail) = tail.split_at_checked(len as usize)?;
            rest = tail;
            Some(GroupRef { group: word(0)?, present: word(8)?, removed: word(16)?, packed })
        };
        let group = parse();
        if group.is_none() {
            rest = &[];
        }
        Some(group)
    })
}

/// Applies encoded differences to `table`; pages from `limit` on are refused.
fn decode_table(bytes: &[u8], table: &mut PageTable, limit: u64) -> Option<()> {
    for group in groups(bytes) {
        let g = group?;
        let last = 63 - u64::from((g.present | g.removed).leading_zeros().min(63));
        if g.group.checked_mul(GROUP)?.checked_add(last)? >= limit || g.present & g.removed != 0 {
            return None;
        }
        let pages = decompress(g.packed, u64::from(g.present.count_ones()) * PAGE as u64)?;
        let (mut pages, _) = pages.as_chunks::<PAGE>();
        for i in 0..GROUP {
            let index = g.group * GROUP + i;
            if g.removed >> i & 1 != 0 {
                table.set(index, None);
            } else if g.present >> i & 1 != 0 {
                let (page, rest) = pages.split_first()?;
                pages = rest;
                let page: Page = Arc::new(*page);
                table.set(index, Some(page));
            }
        }
    }
    Some(())
}

impl State {
    /// Writes the difference from `old` as sections; the whole state when `old` is empty.
    pub fn encode(&self, old: &Self, out: &mut Writer) {
        for (name, blob) in &self.components {
            let bytes = blob.bytes();
            if old.components.get(name).is_none_or(|o| o.bytes() != bytes) {
                out.section(&format!("{COMPONENT}{name}"), &bytes);
            }
        }
        out.stored(RAM, &encode_table(&self.ram, &old.ram));
        let empty = PageTable::default();
        for (ordinal, table) in &self.media {
            let old = old.media.get(ordinal).unwrap_or(&empty);
            out.stored(&format!("{MEDIUM}{ordinal}"), &encode_table(table, old));
        }
    }

    /// Reads sections up to the end of the container over `self`, which is the state that they are a difference from.
    /// `pages` is the size of RAM.
    pub fn decode(&mut self, reader: &mut Reader, pages: u64) -> Result<(), ContainerError> {
        let mut media = BTreeMap::new();
        let mut seen_ram = false;
        while let Some(section) = reader.next()? {
            let name = section.name.as_str();
            let bytes: Cow<'_, [u8]> = section.content;
            if let Some(component) = name.strip_prefix(COMPONENT) {
                let blob = Blob::new(&bytes, self.components.get(component));
                self.components.insert(component.to_string(), blob);
            } else if name == RAM {
                decode_table(&bytes, &mut self.ram, pages).ok_or_else(|| damaged(name))?;
                seen_ram = true;
            } else if let Some(ordinal) = name.strip_prefix(MEDIUM) {
                let ordinal: u32 = ordinal.parse().map_err(|_| damaged(name))?;
                let mut table = self.media.get(&ordinal).cloned().unwrap_or_default();
                decode_table(&bytes, &mut table, u64::MAX).ok_or_else(|| damaged(name))?;
                media.insert(ordinal, table);
            }
        }
        self.media = media;
        if seen_ram { Ok(()) } else { Err(ContainerError::Missing(RAM.to_string())) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pages::page;
    use super::*;

    fn table(pages: &[(u64, u8)]) -> PageTable {
        let mut t = PageTable::default();
        pages.iter().for_each(|(i, b)| t.set(*i, Some(page(&[*b; 4096]))));
        t
    }

    fn list(t: &PageTable) -> Vec<(u64, u8)> {
        t.iter().map(|(i, p)| (i, p[17])).collect()
    }

    #[test]
    fn tables_and_differences_come_back() {
        let old = table(&[(0, 1), (5, 2), (64, 3), (700, 4)]);
        let mut new = old.clone();
        new.set(5, None);
        new.set(6, Some(page(&[9; 4096])));
        new.set(700, Some(page(&[8; 4096])));
        let mut whole = PageTable::default();
        decode_table(&encode_table(&new, &PageTable::default()), &mut whole, 701).unwrap();
        assert_eq!(list(&whole), list(&new));
        let mut back = old.clone();
        decode_table(&encode_table(&new, &old), &mut back, 701).unwrap();
        assert_eq!(list(&back), list(&new));
        assert_eq!(list(&new), [(0, 1), (6, 9), (64, 3), (700, 8)]);
    }

    #[test]
    fn damaged_tables_are_refused() {
        let bytes = encode_table(&table(&[(3, 1), (100, 2)]), &PageTable::default());
        for n in 1..bytes.len() {
            let cut = decode_table(&bytes[..n], &mut PageTable::default(), 101);
            // A cut between two groups leaves a shorter table, which the container's checksum tells apart.
            assert!(cut.is_none() || n == bytes.len() / 2, "cut at {n}");
        }
        assert!(decode_table(&bytes, &mut PageTable::default(), 100).is_none());
        let mut huge = bytes.clone();
        huge[..8].copy_from_slice(&(u64::MAX / 2).to_le_bytes());
        assert!(decode_table(&huge, &mut PageTable::default(), u64::MAX).is_none());
    }
}
