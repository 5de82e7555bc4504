//! Translation cache: linear page to host memory.
//!
//! Direct-mapped, one table per privilege (supervisor, user), and a third table that is never filled: it is current
//! while alignment checks are on, so that each access takes the slow path. An entry has separate tags for read, write
//! and execute. A tag is the linear page address; the compare uses the page of the access's last byte, so an access
//! that crosses a page misses by itself. Device memory, writes to ROM and to pages with decoded code, and pages not
//! yet accessed or dirty, and pages that a probe watches are all "the tag never matches"; for the last the cold half
//! still has the translation.

use crate::probe::Watched;

/// Entries of one table.
pub(crate) const ENTRIES: usize = 1024;
/// Offset of the supervisor table.
pub(crate) const SUPERVISOR: usize = 0;
/// Offset of the user table.
pub(crate) const USER: usize = ENTRIES;
/// Offset of the table that is never filled.
pub(crate) const NEVER: usize = 2 * ENTRIES;
/// A tag that no page address equals.
const NO_TAG: u64 = 1;

/// The hot half of an entry.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Entry {
    pub read: u64,
    pub write: u64,
    pub exec: u64,
    /// Host address of the page minus its linear address, wrapping.
    pub addend: usize,
}

/// The cold half: what the slow path wants to know about a filled entry.
#[derive(Clone, Copy)]
pub(crate) struct Cold {
    /// The page may be read, though the hot half may not say so because the page is watched.
    pub read: u64,
    /// The page may be written, though `write` may not say so because the page holds code or is watched.
    pub write_code: u64,
    /// Physical address of the page.
    pub phys: u64,
    /// Backing page.
    pub backing: u32,
    /// log2 of the size of the guest's page.
    shift: u8,
    /// Survives a CR3 load.
    pub global: bool,
    /// Already in the list of filled entries.
    pub listed: bool,
}

/// What an entry must know to be dropped when the guest says so.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// log2 of the size of the guest's page.
    pub shift: u8,
    /// Survives a CR3 load.
    pub global: bool,
}

/// Which large pages may have entries: one bit for the hash of each page number.
#[derive(Clone, Default)]
struct LargePages([u64; 16]);

impl LargePages {
    fn bit(lin: u64, shift: u8) -> (usize, u64) {
        let n = (lin >> shift).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54 ^ u64::from(shift);
        (n as usize >> 6 & 15, 1 << (n & 63))
    }

    fn add(&mut self, lin: u64, shift: u8) {
        let (i, bit) = Self::bit(lin, shift);
        self.0[i] |= bit;
    }

    /// A page of one of the sizes that the architecture has covers `lin`, or one of the same hash.
    fn may_cover(&self, lin: u64) -> bool {
        [21, 22, 30].iter().any(|&shift| {
            let (i, bit) = Self::bit(lin, shift);
            self.0[i] & bit != 0
        })
    }
}

/// A cold half without a translation.
const NO_COLD: Cold =
    Cold { read: NO_TAG, write_code: NO_TAG, phys: 0, backing: 0, shift: 0, global: false, listed: false };
const EMPTY: Entry = Entry { read: NO_TAG, write: NO_TAG, exec: NO_TAG, addend: 0 };

/// The translation cache of one core.
pub(crate) struct Tlb {
    pub hot: Box<[Entry; 4 * ENTRIES]>,
    pub cold: Box<[Cold; 2 * ENTRIES]>,
    filled: Vec<u16>,
    large: LargePages,
    /// Changes whenever a translation may have been dropped: jump caches compare it.
    pub generation: u32,
}

fn boxed<T: Copy, const N: usize>(value: T) -> Box<[T; N]> {
    match vec![value; N].into_boxed_slice().try_into() {
        Ok(array) => array,
        Err(_) => Box::new([value; N]),
    }
}

/// Entry number of a linear address within its table.
#[inline(always)]
pub(crate) fn slot(lin: u64) -> usize {
    (lin >> 12) as usize & (ENTRIES - 1)
}

/// The page that an entry translates, [`NO_TAG`] when it has none. An entry is only ever filled with tags of one page.
fn page_of(hot: &Entry, cold: &Cold) -> u64 {
    [cold.read, hot.exec, cold.write_code].into_iter().find(|&tag| tag != NO_TAG).unwrap_or(NO_TAG)
}

impl Tlb {
    pub fn new() -> Self {
        Self {
            hot: boxed(EMPTY),
            cold: boxed(NO_COLD),
            filled: Vec::new(),
            large: LargePages::default(),
            generation: 1,
        }
    }

    /// The entry for `lin` in table `sel`, emptied first when it belongs to another page.
    pub fn claim(&mut self, sel: usize, lin: u64, addend: usize, backing: u32, kind: Kind) -> (&mut Entry, &mut Cold) {
        let i = (sel + slot(lin)) & (2 * ENTRIES - 1);
        let hot = &mut self.hot[i];
        let cold = &mut self.cold[i];
        let page = lin & !0xFFF;
        let same = [cold.read, hot.exec, cold.write_code].contains(&page) && cold.backing == backing;
        if !same {
            *hot = EMPTY;
            (cold.read, cold.write_code) = (NO_TAG, NO_TAG);
            if !cold.listed {
                cold.listed = true;
                self.filled.push(i as u16);
            }
        }
        hot.addend = addend;
        cold.backing = backing;
        cold.global = kind.global;
        cold.shift = kind.shift;
        if kind.shift > 12 {
            self.large.add(lin, kind.shift);
        }
        (hot, cold)
    }

    /// Drops everything, global pages too.
    pub fn flush_all(&mut self) {
        self.flush(false);
    }

    /// Drops what a CR3 load drops.
    pub fn flush_non_global(&mut self) {
        self.flush(true);
    }

    fn flush(&mut self, keep_global: bool) {
        self.generation = self.generation.wrapping_add(1);
        let (hot, cold, large) = (&mut self.hot, &mut self.cold, &mut self.large);
        *large = LargePages::default();
        self.filled.retain(|&i| {
            let i = i as usize & (2 * ENTRIES - 1);
            let keep = keep_global && cold[i].global;
            if !keep {
                hot[i] = EMPTY;
                cold[i] = NO_COLD;
            } else if cold[i].shift > 12 {
                large.add(page_of(&hot[i], &cold[i]), cold[i].shift);
            }
            keep
        });
    }

    /// Drops the page of `lin` in both tables, all of it when it is a large page that has several entries.
    pub fn flush_page(&mut self, lin: u64) {
        self.generation = self.generation.wrapping_add(1);
        for sel in [SUPERVISOR, USER] {
            let i = sel + slot(lin);
            if page_of(&self.hot[i], &self.cold[i]) == lin & !0xFFF {
                self.hot[i] = EMPTY;
                (self.cold[i].read, self.cold[i].write_code) = (NO_TAG, NO_TAG);
            }
        }
        if !self.large.may_cover(lin) {
            return;
        }
        for &i in &self.filled {
            let i = i as usize & (2 * ENTRIES - 1);
            let page = page_of(&self.hot[i], &self.cold[i]);
            if page != NO_TAG && page >> self.cold[i].shift == lin >> self.cold[i].shift {
                self.hot[i] = EMPTY;
                (self.cold[i].read, self.cold[i].write_code) = (NO_TAG, NO_TAG);
            }
        }
    }

    /// The written pages were asked for: the first write to each page takes the slow path, which finds it in `write_code`.
    pub fn note_writes(&mut self) {
        for &i in &self.filled {
            self.hot[i as usize & (2 * ENTRIES - 1)].write = NO_TAG;
        }
    }

    /// A backing page got decoded code: writes to it must take the slow path from here on.
    pub fn protect_code(&mut self, backing: u32) {
        for &i in &self.filled {
            let i = i as usize & (2 * ENTRIES - 1);
            if self.cold[i].backing == backing {
                self.hot[i].write = NO_TAG;
            }
        }
    }

    /// The page of `lin` has an entry.
    pub fn holds(&self, lin: u64, sel: usize) -> bool {
        let i = (sel + slot(lin)) & (2 * ENTRIES - 1);
        page_of(&self.hot[i], &self.cold[i]) == lin & !0xFFF
    }

    /// The translation of the page of `lin`, when a load that no probe watches would have hit.
    pub fn readable(&self, lin: u64, sel: usize) -> Option<&Cold> {
        self.cold.get(sel + slot(lin)).filter(|c| c.read == lin & !0xFFF)
    }

    /// The same for a store into a page without code.
    pub fn writable(&self, lin: u64, sel: usize) -> Option<&Cold> {
        self.cold.get(sel + slot(lin)).filter(|c| c.write_code == lin & !0xFFF)
    }

    /// Other pages are watched: `watched` says which, by linear and physical address. No page holds code.
    pub fn rewatch(&mut self, watched: impl Fn(u64, u64) -> Watched) {
        for &i in &self.filled {
            let i = i as usize & (2 * ENTRIES - 1);
            let (hot, cold) = (&mut self.hot[i], &self.cold[i]);
            let page = if cold.read == NO_TAG { cold.write_code } else { cold.read };
            if page == NO_TAG {
                continue;
            }
            let w = watched(page, cold.phys);
            hot.read = if w.read { NO_TAG } else { cold.read };
            // The next store finds out what it may do by the slow path.
            hot.write = NO_TAG;
        }
    }
}
