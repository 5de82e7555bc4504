//! A sparse table of 4 KiB pages whose copies share what they have in common: the memory of a moment, or the written
//! blocks of a medium.
//!
//! Pages are reference-counted, and so are groups of 64 of them; a copy of the table costs one pointer a group, and a
//! later change copies the group and the page it touches, nothing else. A page that is not in the table is all zero
//! (memory) or unchanged (media).

use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes in a page.
pub(crate) const PAGE: usize = 4096;
/// Pages in a group.
pub(crate) const GROUP: u64 = 64;

/// The bytes of a page.
pub(crate) type Page = Arc<[u8; PAGE]>;

#[derive(Clone)]
struct Group([Option<Page>; GROUP as usize]);

impl Group {
    fn empty() -> Self {
        Self([const { None }; GROUP as usize])
    }
}

/// The table.
#[derive(Clone, Default)]
pub(crate) struct PageTable {
    groups: BTreeMap<u64, Arc<Group>>,
}

/// A page as shared bytes; short data is filled up with zeros.
pub(crate) fn page(bytes: &[u8]) -> Page {
    let mut whole = [0; PAGE];
    let n = bytes.len().min(PAGE);
    whole[..n].copy_from_slice(&bytes[..n]);
    Arc::new(whole)
}

impl PageTable {
    /// Page `index`.
    pub fn get(&self, index: u64) -> Option<&Page> {
        self.groups.get(&(index / GROUP))?.0.get((index % GROUP) as usize)?.as_ref()
    }

    /// Sets page `index`, or takes it out.
    pub fn set(&mut self, index: u64, page: Option<Page>) {
        let key = index / GROUP;
        if page.is_none() && !self.groups.contains_key(&key) {
            return;
        }
        let group = Arc::make_mut(self.groups.entry(key).or_insert_with(|| Arc::new(Group::empty())));
        if let Some(slot) = group.0.get_mut((index % GROUP) as usize) {
            *slot = page;
        }
        if group.0.iter().all(Option::is_none) {
            self.groups.remove(&key);
        }
    }

    /// All pages with their numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Page)> {
        self.groups.iter().flat_map(|(key, group)| {
            let first = key * GROUP;
            group.0.iter().enumerate().filter_map(move |(i, page)| Some((first + i as u64, page.as_ref()?)))
        })
    }

    /// The numbers of the pages in which this table and `other` differ, ascending. Sharing is what counts: equal bytes
    /// that were stored twice may be listed.
    pub fn differing(&self, other: &Self) -> Vec<u64> {
        let mut keys: Vec<u64> = self.groups.keys().chain(other.groups.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        let mut out = Vec::new();
        for key in keys {
            match (self.groups.get(&key), other.groups.get(&key)) {
                (Some(a), Some(b)) if Arc::ptr_eq(a, b) => {}
                (a, b) => {
                    let empty = Group::empty();
                    let (a, b) = (a.map_or(&empty, |g| g), b.map_or(&empty, |g| g));
                    for (i, (x, y)) in a.0.iter().zip(&b.0).enumerate() {
                        let same = match (x, y) {
                            (None, None) => true,
                            (Some(x), Some(y)) => Arc::ptr_eq(x, y),
                            _ => false,
                        };
                        if !same {
                            out.push(key * GROUP + i as u64);
                        }
                    }
                }
            }
        }
        out
    }

    /// Appends the addresses of all pages, for counting what several tables hold together.
    pub fn addresses(&self, out: &mut Vec<usize>) {
        out.extend(self.iter().map(|(_, page)| Arc::as_ptr(page).cast::<u8>().addr()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_share_and_differ_where_written() {
        let mut a = PageTable::default();
        for i in [0, 1, 63, 64, 1000] {
            a.set(i, Some(page(&[i as u8; 10])));
        }
        let mut b = a.clone();
        assert!(a.differing(&b).is_empty());
        b.set(63, Some(page(b"x")));
        b.set(1000, None);
        b.set(5, Some(page(b"y")));
        assert_eq!(a.differing(&b), [5, 63, 1000]);
        assert_eq!(b.differing(&a), [5, 63, 1000]);
        assert_eq!(a.get(63).unwrap()[..10], [63; 10]);
        assert_eq!(b.iter().map(|(i, _)| i).collect::<Vec<_>>(), [0, 1, 5, 63, 64]);
        b.set(7777, None);
        assert!(b.get(7777).is_none());
        let mut all = Vec::new();
        a.addresses(&mut all);
        b.addresses(&mut all);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 7);
    }
}
