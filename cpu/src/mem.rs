//! Physical memory: RAM and ROM as one block of host memory, and the map from physical pages to it.
//!
//! Every 4 KiB physical page has a read and a write side: a page of the backing store, or the bus (device memory,
//! unmapped space, writes to ROM). Shadow RAM of a chipset is two sides that differ. Blocks of decoded code, the
//! code granules and the dirty bits belong to backing pages, so two physical views of one page stay coherent.
//!
//! One of the files that may use `unsafe`: the backing store is raw memory because translations ([`crate::tlb`]) keep
//! its addresses. Invariants: `base` points to `len` initialised bytes of the allocation at `raw` for the life of the
//! value, it is never reallocated, and every access below is bounds-checked against `len`.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Size and alignment of the host's large pages, where it has any.
const HUGE: usize = 2 << 20;

/// Bytes in a page.
pub const PAGE: usize = 4096;
/// Bytes of a code granule: a store into a granule that holds decoded code invalidates that code.
pub const GRANULE: usize = 128;

/// One bit per byte of a page.
pub(crate) type CodeBytes = [u64; PAGE / 64];

/// Code that was overwritten: a range of bytes in a backing page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stale {
    pub page: u32,
    pub at: u16,
    pub len: u16,
}

/// Where one side of a physical page leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Side(u32);

impl Side {
    const BUS: Self = Self(0);

    fn backing(page: u32) -> Self {
        Self(page + 1)
    }

    fn get(self) -> Option<u32> {
        self.0.checked_sub(1)
    }
}

#[derive(Clone, Copy, Default)]
struct PageSides {
    read: Side,
    write: Side,
}

/// RAM, ROM, and the physical memory map.
pub struct PhysMem {
    base: NonNull<u8>,
    len: usize,
    /// What was allocated: `base` is the first large page boundary in it.
    raw: NonNull<u8>,
    ram: usize,
    map: Vec<PageSides>,
    code: Vec<u32>,
    /// For pages with code: the bytes that decoded instructions cover.
    code_bytes: Vec<Option<Box<CodeBytes>>>,
    dirty: Vec<u64>,
    stale: Vec<Stale>,
    /// Ranges whose writes by bus masters are logged: first byte and length.
    watched: Vec<(u64, u64)>,
    watch_log: Vec<(u64, Vec<u8>)>,
    generation: u64,
    /// Counts the calls of `take_dirty`.
    asked: u64,
}

// SAFETY: the backing store is owned by this value alone; raw addresses handed out are used only while the machine
// that owns it runs, on one thread at a time.
unsafe impl Send for PhysMem {}

impl PhysMem {
    /// Most bytes of RAM and ROM together that the host can hold in one block.
    pub const MAX: u64 = (isize::MAX as u64) & !(2 * PAGE as u64 - 1);

    /// `ram` bytes of RAM (zeroed, at backing offset 0) and `rom` bytes of ROM space behind it; both are rounded up to
    /// pages. Nothing is mapped yet.
    ///
    /// When the host has not that much memory, the program ends as it does at any allocation.
    pub fn new(ram: u64, rom: u64) -> Self {
        match Self::try_new(ram, rom) {
            Some(mem) => mem,
            None => handle_alloc_error(Self::layout(PAGE)),
        }
    }

    /// [`Self::new`]; `None` when the host has not that much memory.
    pub fn try_new(ram: u64, rom: u64) -> Option<Self> {
        let round = |n: u64| usize::try_from(n).ok()?.checked_next_multiple_of(PAGE);
        let (ram, rom) = (round(ram)?, round(rom)?);
        let len = ram.checked_add(rom)?.max(PAGE);
        // Room to align by hand: an allocator that is asked for pages clears them itself, and so takes all of a large
        // machine's memory from the host at once; with a plain alignment the host's own zero pages serve.
        let layout = Layout::from_size_align(len.checked_add(HUGE)?, 1).ok()?;
        // SAFETY: the size is not zero.
        let raw = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let skip = raw.as_ptr().align_offset(HUGE).min(HUGE);
        // SAFETY: the allocation is `HUGE` bytes longer than `len`, and `skip` at most that.
        let base = unsafe { raw.add(skip) };
        prefer_large_pages(base, len);
        let pages = len / PAGE;
        Some(Self {
            base,
            len,
            raw,
            ram,
            map: Vec::new(),
            code: vec![0; pages],
            code_bytes: Vec::new(),
            dirty: vec![u64::MAX; pages.div_ceil(64)],
            stale: Vec::new(),
            watched: Vec::new(),
            watch_log: Vec::new(),
            generation: 0,
            asked: 0,
        })
    }

    /// How a store of `len` bytes was allocated.
    fn layout(len: usize) -> Layout {
        match Layout::from_size_align(len + HUGE, 1) {
            Ok(layout) => layout,
            Err(_) => Layout::new::<[u8; PAGE]>(),
        }
    }

    /// Bytes of RAM.
    pub fn ram_len(&self) -> usize {
        self.ram
    }

    /// Pages of the backing store.
    pub fn pages(&self) -> usize {
        self.len / PAGE
    }

    /// Changes with every change of the map: translations made under another value are stale.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Changes when the written pages were asked for: writes through translations made before would go unnoticed.
    #[inline]
    pub(crate) fn asked(&self) -> u64 {
        self.asked
    }

    /// Maps `pages` physical pages from physical page `page` to backing pages from `read` and `write` on (`None`: the bus).
    pub fn map(&mut self, page: u64, pages: u64, read: Option<u32>, write: Option<u32>) {
        let Ok(end) = usize::try_from(page + pages) else { return };
        if self.map.len() < end {
            self.map.resize(end, PageSides::default());
        }
        for i in 0..pages as u32 {
            let side = |s: Option<u32>| s.map_or(Side::BUS, |b| Side::backing(b + i));
            if let Some(entry) = self.map.get_mut(page as usize + i as usize) {
                *entry = PageSides { read: side(read), write: side(write) };
            }
        }
        self.generation += 1;
    }

    /// Backing page that a read of physical page `page` reaches; `None` is the bus.
    #[inline]
    pub fn read_page(&self, page: u64) -> Option<u32> {
        self.map.get(usize::try_from(page).ok()?)?.read.get()
    }

    /// Backing page that a write to physical page `page` reaches; `None` is the bus.
    #[inline]
    pub fn write_page(&self, page: u64) -> Option<u32> {
        self.map.get(usize::try_from(page).ok()?)?.write.get()
    }

    /// Host address of backing page `page`.
    #[inline]
    pub(crate) fn host(&self, page: u32) -> *mut u8 {
        let at = (page as usize * PAGE).min(self.len - PAGE);
        // SAFETY: `at` is at most one page before the end of the allocation.
        unsafe { self.base.as_ptr().add(at) }
    }

    /// One backing page.
    pub fn page(&self, page: u32) -> &[u8; PAGE] {
        // SAFETY: `host` is the start of a whole page inside the allocation; the borrow of `self` keeps writers out.
        unsafe { &*self.host(page).cast::<[u8; PAGE]>() }
    }

    fn page_mut(&mut self, page: u32) -> &mut [u8; PAGE] {
        // SAFETY: as in `page`, and the exclusive borrow keeps readers out.
        unsafe { &mut *self.host(page).cast::<[u8; PAGE]>() }
    }

    /// Reads physical memory; bytes that lead to the bus read FFh.
    pub fn read(&self, addr: u64, buf: &mut [u8]) {
        self.spans(addr, buf.len(), |range, page, at| {
            let out = &mut buf[range];
            match self.read_page(page) {
                Some(p) => out.copy_from_slice(&self.page(p)[at..at + out.len()]),
                None => out.fill(0xFF),
            }
        });
    }

    /// A table entry of 8 (`wide`) or 4 bytes at its natural alignment, as [`Self::read`] has it.
    #[inline]
    pub(crate) fn entry(&self, addr: u64, wide: bool) -> u64 {
        let Some(page) = self.read_page(addr / PAGE as u64) else { return if wide { u64::MAX } else { 0xFFFF_FFFF } };
        let at = (addr as usize % PAGE) & !7;
        let mut b = [0; 8];
        b.copy_from_slice(&self.page(page)[at..at + 8]);
        let both = u64::from_le_bytes(b);
        if wide { both } else { (both >> ((addr & 4) * 8)) & 0xFFFF_FFFF }
    }

    /// Writes physical memory as a bus master: bytes that lead to the bus are lost, decoded code is invalidated.
    pub fn write(&mut self, addr: u64, data: &[u8]) {
        if !self.watched.is_empty() {
            self.log_write(addr, data);
        }
        let mut todo = Vec::new();
        self.spans(addr, data.len(), |range, page, at| todo.push((range, page, at)));
        for (range, page, at) in todo {
            if let Some(p) = self.write_page(page) {
                self.write_backing(p, at, &data[range]);
            }
        }
    }

    /// Logs the writes of bus masters to these physical ranges (first byte, length) from here on.
    pub fn watch_writes(&mut self, ranges: Vec<(u64, u64)>) {
        self.watched = ranges;
        self.watch_log.clear();
    }

    /// The writes logged since the last call: address and bytes.
    pub fn take_watched_writes(&mut self) -> Vec<(u64, Vec<u8>)> {
        std::mem::take(&mut self.watch_log)
    }

    /// Something was logged.
    #[inline]
    pub fn has_watched_writes(&self) -> bool {
        !self.watch_log.is_empty()
    }

    #[cold]
    fn log_write(&mut self, addr: u64, data: &[u8]) {
        let end = addr.saturating_add(data.len() as u64);
        if self.watched.iter().any(|&(at, len)| at < end && addr < at.saturating_add(len)) {
            self.watch_log.push((addr, data.to_vec()));
        }
    }

    /// Writes inside backing page `page`, ROM included: firmware loading, snapshots.
    pub fn write_backing(&mut self, page: u32, at: usize, data: &[u8]) {
        if at + data.len() > PAGE || page as usize >= self.pages() || data.is_empty() {
            return;
        }
        // Code that is overwritten with the same bytes stays good: DOS kernels patch the number of an interrupt into
        // the INT that they are about to do, mostly the same one again and again.
        if self.code[page as usize] & granules(at, data.len()) != 0
            && self.page(page)[at..at + data.len()] != *data
            && self.covers_code(page, at, data.len())
        {
            self.stale.push(Stale { page, at: at as u16, len: data.len() as u16 });
        }
        self.page_mut(page)[at..at + data.len()].copy_from_slice(data);
        self.mark_dirty(page);
    }

    fn spans(&self, addr: u64, len: usize, mut f: impl FnMut(std::ops::Range<usize>, u64, usize)) {
        let mut done = 0;
        while done < len {
            let a = addr.wrapping_add(done as u64);
            let at = (a % PAGE as u64) as usize;
            let n = (PAGE - at).min(len - done);
            f(done..done + n, a / PAGE as u64, at);
            done += n;
        }
    }

    /// Remembers that the backing page changed since the last [`Self::take_dirty`].
    #[inline]
    pub(crate) fn mark_dirty(&mut self, page: u32) {
        if let Some(word) = self.dirty.get_mut(page as usize / 64) {
            *word |= 1 << (page % 64);
        }
    }

    /// Calls `f` for each backing page written since the last call. Translations stay: the core makes the first write to
    /// each page after this take the slow path once more, so that asking is not visible to a guest.
    pub fn take_dirty(&mut self, mut f: impl FnMut(u32)) {
        let pages = self.pages() as u32;
        for (i, word) in self.dirty.iter_mut().enumerate() {
            let mut bits = std::mem::take(word);
            while bits != 0 {
                let page = i as u32 * 64 + bits.trailing_zeros();
                bits &= bits - 1;
                if page < pages {
                    f(page);
                }
            }
        }
        self.asked += 1;
    }

    /// Granules of `page` that hold decoded code.
    #[inline]
    pub(crate) fn code_mask(&self, page: u32) -> u32 {
        self.code.get(page as usize).copied().unwrap_or(0)
    }

    /// Some of the `len` bytes at `at` belong to decoded instructions: the granule mask is the coarse answer, this is
    /// the exact one. Programs that keep data beside their code would otherwise lose that code with every store.
    fn covers_code(&self, page: u32, at: usize, len: usize) -> bool {
        let Some(Some(bits)) = self.code_bytes.get(page as usize) else { return false };
        if at % 64 + len <= 64 {
            let mask = u64::MAX >> (64 - len.max(1)) << (at % 64);
            return bits[at / 64 % (PAGE / 64)] & mask != 0;
        }
        (at..at + len).any(|i| bits[i / 64 % (PAGE / 64)] >> (i % 64) & 1 != 0)
    }

    /// Some of the `size` bytes at `at` of `page` belong to decoded instructions.
    #[inline]
    pub(crate) fn holds_code(&self, page: u32, at: usize, size: u64) -> bool {
        self.code_mask(page) & granules(at, size as usize) != 0 && self.covers_code(page, at, size as usize)
    }

    /// Decoded instructions cover `len` bytes at `at` of `page`.
    pub(crate) fn add_code(&mut self, page: u32, at: usize, len: usize) {
        let index = page as usize;
        if self.code_bytes.len() <= index {
            let pages = self.pages().max(index + 1);
            self.code_bytes.resize_with(pages, || None);
        }
        let bits = self.code_bytes[index].get_or_insert_with(|| Box::new([0; PAGE / 64]));
        each_word(at, len, |word, mask| bits[word] |= mask);
        if let Some(m) = self.code.get_mut(index) {
            *m |= granules(at, len);
        }
    }

    /// No decoded instruction covers these bytes any more. The granule mask keeps saying that one may.
    pub(crate) fn clear_code_bytes(&mut self, page: u32, at: usize, len: usize) {
        if let Some(Some(bits)) = self.code_bytes.get_mut(page as usize) {
            each_word(at, len, |word, mask| bits[word] &= !mask);
        }
    }

    /// Forgets what [`Self::add_code`] said of `page`.
    pub(crate) fn clear_code(&mut self, page: u32) {
        if let Some(m) = self.code.get_mut(page as usize) {
            *m = 0;
        }
        if let Some(Some(bits)) = self.code_bytes.get_mut(page as usize) {
            bits.fill(0);
        }
    }

    /// Code that was overwritten since the last call.
    pub(crate) fn take_stale(&mut self) -> Vec<Stale> {
        std::mem::take(&mut self.stale)
    }

    pub(crate) fn has_stale(&self) -> bool {
        !self.stale.is_empty()
    }
}

/// The words of a page's byte map that hold the `len` bytes at `at`, with the bits of these bytes in each.
fn each_word(at: usize, len: usize, mut f: impl FnMut(usize, u64)) {
    let end = (at + len).min(PAGE);
    let mut i = at;
    while i < end {
        let n = (64 - i % 64).min(end - i);
        f(i / 64, u64::MAX >> (64 - n) << (i % 64));
        i += n;
    }
}

/// Asks the host to back memory with large pages: fewer faults on the first touch, fewer misses of its own TLB.
pub(crate) fn prefer_large_pages<T>(base: NonNull<T>, len: usize) {
    #[cfg(target_os = "linux")]
    {
        let skip = base.cast::<u8>().as_ptr().align_offset(HUGE);
        if let Some(len) = len.checked_sub(skip).filter(|&len| len >= HUGE) {
            // SAFETY: advice about a range of whole pages inside one allocation; it changes no contents. A refusal only
            // costs speed.
            unsafe {
                libc::madvise(base.cast::<u8>().as_ptr().add(skip).cast(), len & !(HUGE - 1), libc::MADV_HUGEPAGE)
            };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (base, len);
}

/// Granule bits covered by `len` bytes at offset `at` of a page.
#[inline]
pub(crate) fn granules(at: usize, len: usize) -> u32 {
    let first = at / GRANULE;
    let last = (at + len - 1).min(PAGE - 1) / GRANULE;
    (u32::MAX >> (31 - (last - first))) << first
}

impl Drop for PhysMem {
    fn drop(&mut self) {
        // SAFETY: allocated in `try_new` with this layout.
        unsafe { dealloc(self.raw.as_ptr(), Self::layout(self.len)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_the_host_has_not() {
        assert!(PhysMem::try_new(1 << 62, 0).is_none());
        assert!(PhysMem::try_new(u64::MAX, PAGE as u64).is_none());
    }

    #[test]
    fn code_bytes_are_exact_and_the_same_bytes_change_nothing() {
        let mut m = PhysMem::new(4 * PAGE as u64, 0);
        for (at, len) in [(0, 1), (63, 2), (100, 300), (PAGE - 5, 20)] {
            m.clear_code(1);
            m.add_code(1, at, len);
            let covered = |m: &PhysMem, i: usize| m.covers_code(1, i, 1);
            let wrong = (0..PAGE).find(|&i| covered(&m, i) != (at..at + len).contains(&i));
            assert_eq!(wrong, None, "{at} {len}");
            m.clear_code_bytes(1, at, len / 2);
            let wrong = (0..PAGE).find(|&i| covered(&m, i) != (at + len / 2..at + len).contains(&i));
            assert_eq!(wrong, None, "{at} {len}, half cleared");
        }
        m.add_code(1, PAGE - 5, 5);
        m.write_backing(1, PAGE - 4, &[0, 0]);
        assert!(!m.has_stale());
        m.write_backing(1, PAGE - 4, &[0, 1]);
        assert_eq!(m.take_stale().len(), 1);
    }

    #[test]
    fn granules_cover_the_bytes() {
        assert_eq!(granules(0, 1), 1);
        assert_eq!(granules(127, 2), 3);
        assert_eq!(granules(0, PAGE), u32::MAX);
        assert_eq!(granules(PAGE - 1, 1), 1 << 31);
    }

    #[test]
    fn shadowed_pages_read_rom_and_write_ram() {
        let mut m = PhysMem::new(2 * PAGE as u64, PAGE as u64);
        m.map(0, 2, Some(0), Some(0));
        m.map(1, 1, Some(2), Some(1));
        m.write_backing(2, 0, &[7; 16]);
        m.write(PAGE as u64 - 1, &[1, 2]);
        let mut b = [0; 2];
        m.read(PAGE as u64 - 1, &mut b);
        assert_eq!(b, [1, 7]);
        assert_eq!(m.page(1)[0], 2);
        m.read(0x10_0000, &mut b);
        assert_eq!(b, [0xFF; 2]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_is_not_touched_before_it_is_used() {
        let resident = || -> usize {
            let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
            pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * PAGE
        };
        let before = resident();
        let m = PhysMem::new(1 << 30, 0);
        assert!(resident().saturating_sub(before) < 128 << 20);
        assert_eq!(m.host(0) as usize % HUGE, 0);
        assert_eq!(m.page(1 << 17)[..8], [0; 8]);
    }

    #[test]
    fn entries_are_what_reads_see() {
        let mut m = PhysMem::new(PAGE as u64, 0);
        m.map(0, 1, Some(0), Some(0));
        m.write(0xFF8, &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(m.entry(0xFF8, true), 0x0807_0605_0403_0201);
        assert_eq!((m.entry(0xFF8, false), m.entry(0xFFC, false)), (0x0403_0201, 0x0807_0605));
        assert_eq!((m.entry(0x1000, true), m.entry(0x1004, false)), (u64::MAX, 0xFFFF_FFFF));
    }

    #[test]
    fn the_bytes_of_code_are_found_exactly() {
        let mut m = PhysMem::new(PAGE as u64, 0);
        m.add_code(0, 62, 4);
        for (at, len, held) in
            [(58, 4, false), (59, 4, true), (65, 1, true), (66, 8, false), (60, 8, true), (0, 62, false)]
        {
            assert_eq!(m.holds_code(0, at, len), held, "{len} bytes at {at}");
        }
    }

    #[test]
    fn dirty_pages_are_reported_once() {
        let mut m = PhysMem::new(4 * PAGE as u64, 0);
        m.map(0, 4, Some(0), Some(0));
        m.take_dirty(|_| {});
        m.write(3 * PAGE as u64, &[1]);
        let mut seen = Vec::new();
        m.take_dirty(|p| seen.push(p));
        m.take_dirty(|p| seen.push(p + 100));
        assert_eq!(seen, [3]);
    }
}
