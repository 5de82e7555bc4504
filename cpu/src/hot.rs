//! The memory path of the core: loads and stores through the TLB, and the way to memory and board during a run.
//!
//! One of the files that may use `unsafe`. Two facts carry all of it:
//!
//! 1. A TLB entry whose tag matches was filled by [`crate::mmu`] from a page of the backing store of the [`PhysMem`]
//!    that is attached, with `addend` = host page - linear page; the tag compare uses the page of the last byte, so
//!    `lin..lin + size` lies inside that host page. The TLB is flushed when another `PhysMem` is attached or its map
//!    changes.
//! 2. `Cpu::world` holds pointers made from the two exclusive borrows that [`Cpu::run`] received; they are cleared
//!    before it returns. Each accessor below makes one short-lived borrow that ends before the next is made.

use crate::alu::Int;
use crate::bus::{Bus, Lines};
use crate::fault::Exec;
use crate::mem::{PAGE, PhysMem};
use crate::mmu::Target;
use crate::probe::Watched;
use crate::state::{Cpu, World};
use crate::tlb;
use std::ptr::NonNull;

impl Cpu {
    /// Runs `f` with memory and board attached.
    pub(crate) fn with_world<R>(&mut self, mem: &mut PhysMem, bus: &mut dyn Bus, f: impl FnOnce(&mut Self) -> R) -> R {
        let bus: NonNull<dyn Bus + '_> = NonNull::from(bus);
        // SAFETY: only the lifetime of the trait object changes; the pointer is dropped below, before the borrow ends.
        let bus: NonNull<dyn Bus> = unsafe { std::mem::transmute(bus) };
        self.world = Some(World { mem: NonNull::from(mem), bus });
        let r = f(self);
        self.world = None;
        r
    }

    /// Attached memory. Outside a run there is none and an empty one stands in.
    #[inline]
    pub(crate) fn mem(&mut self) -> &mut PhysMem {
        match self.world {
            // SAFETY: fact 2.
            Some(mut w) => unsafe { w.mem.as_mut() },
            None => unreachable_world(),
        }
    }

    /// Attached memory, to read from.
    #[inline]
    pub(crate) fn mem_ref(&self) -> &PhysMem {
        match &self.world {
            // SAFETY: fact 2.
            Some(w) => unsafe { w.mem.as_ref() },
            None => unreachable_world(),
        }
    }

    /// The attached board with the lines it may change.
    #[inline]
    pub(crate) fn bus<R>(&mut self, f: impl FnOnce(&mut dyn Bus, &mut Lines) -> R) -> R {
        match self.world {
            // SAFETY: fact 2; `lines` is a field of the core, not of the board.
            Some(mut w) => f(unsafe { w.bus.as_mut() }, &mut self.lines),
            None => unreachable_world(),
        }
    }

    /// The TLB entry for `lin` at the current privilege.
    #[inline(always)]
    fn current_entry(&self, lin: u64) -> &tlb::Entry {
        const SIZE: usize = size_of::<tlb::Entry>();
        const { assert!(SIZE.is_power_of_two()) };
        let at = (lin >> (12 - SIZE.trailing_zeros())) as usize & ((tlb::ENTRIES - 1) * SIZE);
        // SAFETY: `tlb_offset` is where one of the tables starts (`update_tables` is the only one to set it, from the three
        // offsets in `tlb`), `at` is the offset of an entry within a table, and `hot` has room for four tables.
        unsafe { &*self.tlb.hot.as_ptr().byte_add(self.tlb_offset + at) }
    }

    /// The load at the current privilege, when the TLB has the page.
    #[inline(always)]
    pub(crate) fn quick_read<T: Int>(&self, lin: u64) -> Option<T> {
        let e = self.current_entry(lin);
        // SAFETY: fact 1.
        (e.read == lin.wrapping_add(T::SIZE - 1) & !0xFFF)
            .then(|| unsafe { load::<T>(e.addend.wrapping_add(lin as usize)) })
    }

    /// The store at the current privilege, when the TLB has the page writable.
    #[inline(always)]
    pub(crate) fn quick_write<T: Int>(&mut self, lin: u64, value: T) -> bool {
        let e = self.current_entry(lin);
        if e.write != lin.wrapping_add(T::SIZE - 1) & !0xFFF {
            return false;
        }
        // SAFETY: fact 1.
        unsafe { store::<T>(e.addend.wrapping_add(lin as usize), value) };
        true
    }

    /// Read, modify, write with one translation, when the TLB has the page writable.
    #[inline(always)]
    pub(crate) fn quick_rmw<T: Int>(&mut self, lin: u64, f: impl FnOnce(&mut Self, T) -> T) -> bool {
        let e = self.current_entry(lin);
        if e.write != lin.wrapping_add(T::SIZE - 1) & !0xFFF {
            return false;
        }
        let at = e.addend.wrapping_add(lin as usize);
        // SAFETY: fact 1; a writable page is readable. `f` computes on registers and flags only, so the entry stays valid
        // across it.
        unsafe {
            let old = load::<T>(at);
            let new = f(self, old);
            store::<T>(at, new);
        }
        true
    }

    /// Loads `T` at a linear address with the rights of the current privilege.
    #[inline(always)]
    pub(crate) fn read<T: Int>(&mut self, lin: u64) -> Exec<T> {
        match self.quick_read(lin) {
            Some(v) => Ok(v),
            None => Ok(T::trunc(self.read_slow(lin, T::SIZE, self.tlb_sel)?)),
        }
    }

    /// Stores `T` at a linear address with the rights of the current privilege.
    #[inline(always)]
    pub(crate) fn write<T: Int>(&mut self, lin: u64, value: T) -> Exec {
        if self.quick_write(lin, value) {
            return Ok(());
        }
        self.write_slow(lin, T::SIZE, value.zext(), self.tlb_sel)
    }

    /// Loads as the supervisor: descriptor tables, TSS, IDT.
    #[inline]
    pub(crate) fn read_sys<T: Int>(&mut self, lin: u64) -> Exec<T> {
        self.read_as::<T>(lin, tlb::SUPERVISOR)
    }

    /// Stores as the supervisor.
    #[inline]
    pub(crate) fn write_sys<T: Int>(&mut self, lin: u64, value: T) -> Exec {
        self.write_as::<T>(lin, value, tlb::SUPERVISOR)
    }

    /// The load, when the TLB has the page.
    #[inline(always)]
    pub(crate) fn try_read<T: Int>(&self, lin: u64, sel: usize) -> Option<T> {
        let e = &self.tlb.hot[(sel + tlb::slot(lin)) & (4 * tlb::ENTRIES - 1)];
        // SAFETY: fact 1.
        (e.read == lin.wrapping_add(T::SIZE - 1) & !0xFFF)
            .then(|| unsafe { load::<T>(e.addend.wrapping_add(lin as usize)) })
    }

    /// The store, when the TLB has the page writable.
    #[inline(always)]
    pub(crate) fn try_write<T: Int>(&mut self, lin: u64, value: T, sel: usize) -> bool {
        let e = &self.tlb.hot[(sel + tlb::slot(lin)) & (4 * tlb::ENTRIES - 1)];
        if e.write != lin.wrapping_add(T::SIZE - 1) & !0xFFF {
            return false;
        }
        // SAFETY: fact 1.
        unsafe { store::<T>(e.addend.wrapping_add(lin as usize), value) };
        true
    }

    #[inline(always)]
    pub(crate) fn read_as<T: Int>(&mut self, lin: u64, sel: usize) -> Exec<T> {
        match self.try_read(lin, sel) {
            Some(v) => Ok(v),
            None => Ok(T::trunc(self.read_slow(lin, T::SIZE, sel)?)),
        }
    }

    #[inline(always)]
    pub(crate) fn write_as<T: Int>(&mut self, lin: u64, value: T, sel: usize) -> Exec {
        if self.try_write(lin, value, sel) {
            return Ok(());
        }
        self.write_slow(lin, T::SIZE, value.zext(), sel)
    }

    /// Read, modify, write with one translation; nothing changes when the page may not be written. `rem` as in the op.
    #[inline(always)]
    pub(crate) fn rmw<T: Int>(&mut self, lin: u64, rem: u8, f: impl FnOnce(&mut Self, T) -> T) -> Exec {
        let e = &self.tlb.hot[(self.tlb_sel + tlb::slot(lin)) & (4 * tlb::ENTRIES - 1)];
        if e.write == lin.wrapping_add(T::SIZE - 1) & !0xFFF {
            let at = e.addend.wrapping_add(lin as usize);
            // SAFETY: fact 1; a writable page is readable. `f` computes on registers and flags only, so the entry
            // stays valid across it.
            unsafe {
                let old = load::<T>(at);
                let new = f(self, old);
                store::<T>(at, new);
            }
            return Ok(());
        }
        self.engine.rem = rem;
        if let Some(at) = self.beside_code(lin, T::SIZE, self.tlb_sel).filter(|_| !self.engine.probes.data) {
            // SAFETY: fact 1 holds for `write_code`, and such a page is readable.
            let old = unsafe { load::<T>(at) };
            let new = f(self, old);
            return self.write_slow(lin, T::SIZE, new.zext(), self.tlb_sel);
        }
        self.probe_write(lin, T::SIZE)?;
        let old = T::trunc(self.read_slow(lin, T::SIZE, self.tlb_sel)?);
        let new = f(self, old);
        self.write_slow(lin, T::SIZE, new.zext(), self.tlb_sel)
    }

    /// Host address of `size` bytes at `lin` in a page that is known to be writable, where no instruction lies.
    #[inline]
    fn beside_code(&self, lin: u64, size: u64, sel: usize) -> Option<usize> {
        let i = sel + tlb::slot(lin);
        let cold = self.tlb.cold.get(i)?;
        let at = (lin & 0xFFF) as usize;
        if cold.write_code != lin & !0xFFF
            || at + size as usize > PAGE
            || self.mem_ref().holds_code(cold.backing, at, size)
        {
            return None;
        }
        Some(self.tlb.hot[i].addend.wrapping_add(lin as usize))
    }

    /// A store to a page that holds code, or whose writes are to be noticed, when the page is known to be writable and no
    /// instruction is overwritten.
    #[inline]
    pub(crate) fn try_write_beside_code(&mut self, lin: u64, size: u64, value: u64, sel: usize) -> bool {
        let Some(host) = self.beside_code(lin, size, sel) else { return false };
        let i = (sel + tlb::slot(lin)) & (2 * tlb::ENTRIES - 1);
        let (phys, page) = (self.tlb.cold[i].phys | lin & 0xFFF, self.tlb.cold[i].backing);
        let backing = Some(page);
        // SAFETY: fact 1 holds for `write_code` as for `write`: both are set together, with `addend` of that page.
        unsafe {
            match size {
                1 => store::<u8>(host, value as u8),
                2 => store::<u16>(host, value as u16),
                4 => store::<u32>(host, value as u32),
                _ => store::<u64>(host, value),
            }
        }
        self.mem().mark_dirty(page);
        // Without code in it, the page was only kept away to learn of this write.
        if self.mem_ref().code_mask(page) == 0 && self.watched_page(lin & !0xFFF, phys & !0xFFF) == Watched::default() {
            self.tlb.hot[i].write = lin & !0xFFF;
        }
        if self.engine.probes.data {
            self.probe_access(lin, Target { phys, backing }, size, value, true);
        }
        true
    }

    /// Host pointer for `len` bytes at `lin`, all in one page, when the TLB allows `write` or read there right away.
    #[inline]
    pub(crate) fn host_span(&self, lin: u64, len: usize, write: bool) -> Option<Span> {
        self.host_span_as(lin, len, write, self.tlb_sel)
    }

    /// As [`Self::host_span`] with the rights of table `sel`.
    #[inline]
    pub(crate) fn host_span_as(&self, lin: u64, len: usize, write: bool, sel: usize) -> Option<Span> {
        let e = &self.tlb.hot[(sel + tlb::slot(lin)) & (4 * tlb::ENTRIES - 1)];
        let tag = if write { e.write } else { e.read };
        let last = lin.wrapping_add(len as u64).wrapping_sub(1);
        (len != 0 && tag == last & !0xFFF && tag == lin & !0xFFF)
            .then(|| Span { at: e.addend.wrapping_add(lin as usize), len })
    }
}

/// A run of bytes inside one translated host page; see [`Cpu::host_span`]. Use it before anything else can change a
/// translation.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    at: usize,
    len: usize,
}

impl Span {
    /// Copies this span over `to`, byte by byte upwards as MOVS with DF = 0 does when they overlap by `step` granules.
    pub fn copy_to(self, to: Self) {
        let n = self.len.min(to.len);
        // SAFETY: both spans are host pages by fact 1; `copy` allows overlap.
        unsafe { std::ptr::copy(self.at as *const u8, to.at as *mut u8, n) };
    }

    /// Copies out; `to` is as long as the span.
    pub fn read_into(self, to: &mut [u8]) {
        let n = self.len.min(to.len());
        // SAFETY: fact 1 for the source; the destination is another object of at least `n` bytes.
        unsafe { std::ptr::copy_nonoverlapping(self.at as *const u8, to.as_mut_ptr(), n) };
    }

    /// Host address, to tell whether two spans overlap.
    pub fn address(self) -> usize {
        self.at
    }

    /// Fills with copies of `T`.
    pub fn fill<T: Int>(self, value: T) {
        let n = self.len / T::SIZE as usize;
        for i in 0..n {
            // SAFETY: fact 1 and `i * SIZE < len`.
            unsafe { store::<T>(self.at + i * T::SIZE as usize, value) };
        }
    }

    /// The first 16 bytes.
    #[inline(always)]
    pub fn bytes16(self) -> Option<[u8; 16]> {
        // SAFETY: fact 1, bounds checked; unaligned reads of plain bytes.
        (self.len >= 16).then(|| unsafe { (self.at as *const [u8; 16]).read_unaligned() })
    }

    /// Sets the first 16 bytes; false when the span is shorter.
    #[inline(always)]
    pub fn set_bytes16(self, value: [u8; 16]) -> bool {
        if self.len < 16 {
            return false;
        }
        // SAFETY: fact 1, bounds checked; the span was asked for with `write`.
        unsafe { (self.at as *mut [u8; 16]).write_unaligned(value) };
        true
    }

    /// Sets the `i`th `T`; false when the span is shorter.
    #[inline(always)]
    pub fn set<T: Int>(self, i: usize, value: T) -> bool {
        if (i + 1) * T::SIZE as usize > self.len {
            return false;
        }
        // SAFETY: fact 1, bounds checked; the span was asked for with `write`.
        unsafe { store::<T>(self.at + i * T::SIZE as usize, value) };
        true
    }

    /// The `i`th `T`.
    pub fn get<T: Int>(self, i: usize) -> Option<T> {
        // SAFETY: fact 1, bounds checked.
        ((i + 1) * T::SIZE as usize <= self.len).then(|| unsafe { load::<T>(self.at + i * T::SIZE as usize) })
    }
}

/// Stores a register whole. A plain assignment of a value that differs in its low half only is compiled to a narrow
/// store, and the wide load that follows it (an address, AH) then waits until the store has left the core's buffer.
#[inline(always)]
pub(crate) fn set_whole(slot: &mut u64, value: u64) {
    // SAFETY: an exclusive reference is valid for writes.
    unsafe { std::ptr::write_volatile(slot, value) }
}

/// # Safety
/// `at` is the host address of `T::SIZE` readable bytes.
#[inline(always)]
unsafe fn load<T: Int>(at: usize) -> T {
    // SAFETY: the caller's promise; unaligned reads of plain bytes.
    T::trunc(unsafe {
        match T::SIZE {
            1 => u64::from((at as *const u8).read()),
            2 => u64::from(u16::from_le((at as *const u16).read_unaligned())),
            4 => u64::from(u32::from_le((at as *const u32).read_unaligned())),
            _ => u64::from_le((at as *const u64).read_unaligned()),
        }
    })
}

/// # Safety
/// `at` is the host address of `T::SIZE` writable bytes.
#[inline(always)]
unsafe fn store<T: Int>(at: usize, value: T) {
    let v = value.zext();
    // SAFETY: the caller's promise; unaligned writes of plain bytes.
    unsafe {
        match T::SIZE {
            1 => (at as *mut u8).write(v as u8),
            2 => (at as *mut u16).write_unaligned((v as u16).to_le()),
            4 => (at as *mut u32).write_unaligned((v as u32).to_le()),
            _ => (at as *mut u64).write_unaligned(v.to_le()),
        }
    }
}

#[cold]
fn unreachable_world() -> ! {
    unreachable!("handlers run inside Cpu::run only")
}
