//! Paging: page walks, protection, accessed and dirty bits, and the slow path of loads and stores.
//!
//! Intel SDM volume 3, chapter 4. Modes: none, 32-bit (4 KiB and 4 MiB with PSE, PSE-36), PAE, 4-level with 2 MiB and
//! 1 GiB pages, NX, WP, global pages, SMEP and SMAP. Accessed and dirty bits are written before the access; a fault
//! writes none of the entry that faults. Addresses wrap at 32 bits outside 64-bit code and must be canonical in it.
//! The walk order and the error code bits follow section 4.7.

use crate::fault::{Exec, Fault};
use crate::mem::PAGE;
use crate::probe::Watched;
use crate::state::{Cpu, cr0, cr4, efer, eflags};
use crate::tlb::{self, Kind};

/// Page-table entry bits (SDM volume 3, tables 4-5 to 4-19).
mod pte {
    pub const P: u64 = 1;
    pub const RW: u64 = 1 << 1;
    pub const US: u64 = 1 << 2;
    pub const A: u64 = 1 << 5;
    pub const D: u64 = 1 << 6;
    pub const PS: u64 = 1 << 7;
    pub const G: u64 = 1 << 8;
    pub const NX: u64 = 1 << 63;
    pub const ADDR: u64 = 0x000F_FFFF_FFFF_F000;
    /// Free for software in IA-32e mode.
    pub const IGNORED: u64 = 0x7FF0_0000_0000_0000;
}

/// Page-fault error code bits (SDM volume 3, section 4.7).
mod pf {
    pub const P: u16 = 1;
    pub const W: u16 = 2;
    pub const U: u16 = 4;
    pub const RSVD: u16 = 8;
    pub const I: u16 = 16;
}

/// What an access wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    Exec,
}

/// Where an access goes.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// Physical address of the byte.
    pub phys: u64,
    /// Backing page of the reading (or writing) side; `None` is the bus.
    pub backing: Option<u32>,
}

struct Walk {
    phys: u64,
    /// log2 of the page size.
    shift: u32,
    user: bool,
    nx: bool,
    global: bool,
}

impl Cpu {
    /// A physical address after the A20 gate.
    #[inline]
    fn a20(&self, phys: u64) -> u64 {
        if self.sys.a20 { phys } else { phys & !(1 << 20) }
    }

    /// Linear addresses as wide as the mode has them.
    #[inline]
    pub(crate) fn lin_mask(&self) -> u64 {
        if self.code64() { u64::MAX } else { 0xFFFF_FFFF }
    }

    fn table_read(&mut self, phys: u64, wide: bool) -> u64 {
        self.mem_ref().entry(self.a20(phys), wide)
    }

    fn table_set(&mut self, phys: u64, entry: u64, bits: u64) {
        if entry & bits != bits {
            let phys = self.a20(phys);
            // A and D are in the low byte; only they change.
            let byte = (entry | bits) as u8;
            let page = self.mem().write_page(phys >> 12);
            if let Some(page) = page {
                self.mem().write_backing(page, (phys & 0xFFF) as usize, &[byte]);
                if self.engine.probes.data {
                    self.probe_page_walk(phys, byte);
                }
                if self.mem().has_stale() {
                    self.drain_stale();
                    self.stop = true;
                }
            }
        }
    }

    #[cold]
    fn page_fault(&mut self, lin: u64, access: Access, user: bool, mut code: u16) -> Fault {
        self.fault_address = lin;
        if access == Access::Write {
            code |= pf::W;
        }
        if user {
            code |= pf::U;
        }
        let nx = self.sys.cr4 & cr4::PAE != 0 && self.sys.efer & efer::NXE != 0;
        if access == Access::Exec && (nx || self.sys.cr4 & cr4::SMEP != 0) {
            code |= pf::I;
        }
        Fault::pf(code)
    }

    /// Walks the tables for `lin`, checks the rights, sets accessed and dirty bits.
    fn walk(&mut self, lin: u64, access: Access, user: bool) -> Exec<Walk> {
        let (c0, c4) = (self.sys.cr0, self.sys.cr4);
        if c0 & cr0::PG == 0 {
            return Ok(Walk { phys: lin, shift: 12, user: true, nx: false, global: false });
        }
        let nxe = self.sys.efer & efer::NXE != 0;
        let mut rights = pte::RW | pte::US;
        let mut nx = false;
        let mut trail = [(0u64, 0u64); 4];
        let mut levels = 0;
        let (leaf, shift);
        if c4 & cr4::PAE == 0 {
            let pde_at = (self.sys.cr3 & 0xFFFF_F000) + (lin >> 22 & 0x3FF) * 4;
            let pde = self.table_read(pde_at, false);
            if pde & pte::P == 0 {
                return Err(self.page_fault(lin, access, user, 0));
            }
            rights &= pde;
            trail[0] = (pde_at, pde);
            levels += 1;
            if pde & pte::PS != 0 && c4 & cr4::PSE != 0 {
                // PSE-36: bits 13-20 of the entry are address bits 32-39; bit 21 is reserved.
                if pde & 1 << 21 != 0 {
                    return Err(self.page_fault(lin, access, user, pf::P | pf::RSVD));
                }
                leaf = (pde & 0xFFC0_0000) | (pde >> 13 & 0xFF) << 32 | (pde & 0xFFF);
                shift = 22;
            } else {
                let at = (pde & 0xFFFF_F000) + (lin >> 12 & 0x3FF) * 4;
                let e = self.table_read(at, false);
                if e & pte::P == 0 {
                    return Err(self.page_fault(lin, access, user, 0));
                }
                rights &= e;
                trail[1] = (at, e);
                levels += 1;
                leaf = e;
                shift = 12;
            }
        } else {
            // Bits 52 to 62 are ignored in IA-32e mode and reserved outside it (SDM volume 3, table 4-11).
            let high = if self.long_mode() { 0 } else { pte::IGNORED };
            let reserved = pte::ADDR & !self.model.phys_mask() | high | if nxe { 0 } else { pte::NX };
            let mut table;
            let mut level: u32;
            if self.long_mode() {
                table = self.sys.cr3 & pte::ADDR;
                level = 3;
            } else {
                let e = self.sys.pdpte[(lin >> 30 & 3) as usize];
                if e & pte::P == 0 {
                    return Err(self.page_fault(lin, access, user, 0));
                }
                table = e & pte::ADDR;
                level = 1;
            }
            loop {
                let at = table + (lin >> (12 + 9 * level) & 0x1FF) * 8;
                let e = self.table_read(at, true);
                if e & pte::P == 0 {
                    return Err(self.page_fault(lin, access, user, 0));
                }
                let large = level > 0 && e & pte::PS != 0;
                let too_large = e & pte::PS != 0 && (level == 3 || level == 2 && !self.model.page1g());
                let large_low = ((1u64 << (12 + 9 * level)) - 1) & !0x1FFF;
                if e & reserved != 0 || too_large || large && e & large_low != 0 {
                    return Err(self.page_fault(lin, access, user, pf::P | pf::RSVD));
                }
                rights &= e;
                nx |= e & pte::NX != 0;
                trail[levels] = (at, e);
                levels += 1;
                if level == 0 || large {
                    shift = 12 + 9 * level;
                    leaf = if large { e & !(1 << 12) } else { e };
                    break;
                }
                table = e & pte::ADDR;
                level -= 1;
            }
        }
        let user_page = rights & pte::US != 0;
        let wp = c0 & cr0::WP != 0;
        let denied = match access {
            Access::Exec => nx && nxe || user && !user_page || !user && user_page && c4 & cr4::SMEP != 0,
            _ if user => !user_page || access == Access::Write && rights & pte::RW == 0,
            _ => {
                let smap = user_page && c4 & cr4::SMAP != 0 && self.smap_active();
                smap || access == Access::Write && wp && rights & pte::RW == 0
            }
        };
        if denied {
            return Err(self.page_fault(lin, access, user, pf::P));
        }
        for (i, &(at, e)) in trail[..levels].iter().enumerate() {
            let last = i + 1 == levels;
            let bits = if last && access == Access::Write { pte::A | pte::D } else { pte::A };
            self.table_set(at, e, bits);
        }
        let low = (1u64 << shift) - 1;
        let addr_mask = if c4 & cr4::PAE == 0 { 0xFF_FFFF_F000 } else { pte::ADDR };
        Ok(Walk {
            phys: (leaf & addr_mask & !low) | (lin & low),
            shift,
            user: user_page,
            nx: nx && nxe,
            global: c4 & cr4::PGE != 0 && leaf & pte::G != 0,
        })
    }

    /// SMAP applies: EFLAGS.AC is clear, or the access is implicit while CPL is 3.
    fn smap_active(&self) -> bool {
        self.eflags & eflags::AC == 0 || self.cpl == 3
    }

    /// Translates one byte address and fills the TLB. `sel` says whose rights count.
    pub(crate) fn translate(&mut self, lin: u64, access: Access, sel: usize) -> Exec<Target> {
        if self.long_mode() && !canonical(lin) {
            self.fault_address = lin;
            return Err(Fault::NON_CANONICAL);
        }
        let user = if sel == tlb::NEVER { self.cpl == 3 } else { sel == tlb::USER };
        let w = self.walk(lin, access, user)?;
        let phys = self.a20(w.phys);
        let page = phys >> 12;
        let (read, write) = (self.mem().read_page(page), self.mem().write_page(page));
        let target = Target { phys, backing: if access == Access::Write { write } else { read } };
        let cacheable = !(self.sys.cr4 & cr4::SMAP != 0 && !user && w.user);
        let Some(backing) = read else { return Ok(target) };
        if !cacheable || sel == tlb::NEVER {
            if access == Access::Write && write == read {
                self.mem().mark_dirty(backing);
            }
            return Ok(target);
        }
        let lin_page = lin & !0xFFF;
        let addend = (self.mem().host(backing) as usize).wrapping_sub(lin_page as usize);
        let writes = access == Access::Write && write == Some(backing);
        let code = writes && self.mem().code_mask(backing) != 0;
        if writes {
            self.mem().mark_dirty(backing);
        }
        let watched = self.watched_page(lin_page, phys & !0xFFF);
        let (hot, cold) = self.tlb.claim(sel, lin, addend, backing, Kind { shift: w.shift as u8, global: w.global });
        cold.phys = phys & !0xFFF;
        let readable = if watched.read { hot.read } else { lin_page };
        match access {
            Access::Read => (hot.read, cold.read) = (readable, lin_page),
            Access::Exec => {
                if !w.nx {
                    hot.exec = lin_page;
                }
            }
            Access::Write => {
                (hot.read, cold.read) = (readable, lin_page);
                if writes {
                    cold.write_code = lin_page;
                    if !code && watched == Watched::default() {
                        hot.write = lin_page;
                    }
                }
            }
        }
        Ok(target)
    }

    /// The start of the second page of an access at `lin`, `first` bytes on. That it is canonical comes before any page
    /// fault of the first.
    pub(crate) fn second_page(&mut self, lin: u64, first: u64) -> Exec<u64> {
        let next = lin.wrapping_add(first) & self.lin_mask();
        if self.long_mode() && !canonical(next) {
            self.fault_address = lin;
            return Err(Fault::NON_CANONICAL);
        }
        Ok(next)
    }

    fn check_alignment(&mut self, lin: u64, size: u64, sel: usize) -> Exec {
        if sel == tlb::NEVER && lin & (size - 1) != 0 && self.alignment_checked() {
            return self.misaligned(lin);
        }
        Ok(())
    }

    /// #AC(0), unless the address is not canonical, which comes first.
    fn misaligned(&mut self, lin: u64) -> Exec {
        if self.long_mode() && !canonical(lin) {
            self.fault_address = lin;
            return Err(Fault::NON_CANONICAL);
        }
        Err(Fault::AC)
    }

    /// Operands of several parts are checked as a whole: `lin` must be a multiple of `unit`.
    pub(crate) fn check_parts(&mut self, lin: u64, unit: u64) -> Exec {
        if lin & (unit - 1) != 0 && self.alignment_checked() { self.misaligned(lin) } else { Ok(()) }
    }

    /// Data breakpoints see accesses only while the table that is never filled is current.
    #[inline]
    fn watch(&mut self, lin: u64, size: u64, write: bool, sel: usize) {
        if sel == tlb::NEVER {
            self.watch_data(lin, size, write);
        }
    }

    /// A load that the TLB could not answer.
    #[cold]
    #[inline(never)]
    pub(crate) fn read_slow(&mut self, lin: u64, size: u64, sel: usize) -> Exec<u64> {
        self.check_alignment(lin, size, sel)?;
        let first = PAGE as u64 - (lin & 0xFFF);
        if first >= size {
            let t = match self.watched_read(lin, sel) {
                Some(t) => t,
                None => self.translate(lin, Access::Read, sel)?,
            };
            self.watch(lin, size, false, sel);
            let v = self.phys_read(t, size);
            if self.engine.probes.data {
                self.probe_access(lin, t, size, v, false);
            }
            return Ok(v);
        }
        let next = self.second_page(lin, first)?;
        let a = self.translate(lin, Access::Read, sel)?;
        let b = self.translate(next, Access::Read, sel)?;
        self.watch(lin, size, false, sel);
        let mut v = 0;
        for i in 0..size {
            let t = if i < first { at(a, i) } else { at(b, i - first) };
            v |= self.phys_read(t, 1) << (8 * i);
        }
        if self.engine.probes.data {
            self.probe_access(lin, a, first, v & ((1 << (8 * first)) - 1), false);
            self.probe_access(next, b, size - first, v >> (8 * first), false);
        }
        Ok(v)
    }

    /// The cached translation of a page whose reads are watched or whose writes are to be noticed: the walk happens when it
    /// would have otherwise.
    fn watched_read(&self, lin: u64, sel: usize) -> Option<Target> {
        let cold = self.tlb.readable(lin, sel)?;
        Some(Target { phys: cold.phys | (lin & 0xFFF), backing: Some(cold.backing) })
    }

    /// The same for a write; code in a page makes every write walk.
    fn watched_write(&self, lin: u64, sel: usize) -> bool {
        self.tlb.writable(lin, sel).is_some_and(|cold| self.mem_ref().code_mask(cold.backing) == 0)
    }

    /// A store that the TLB could not take.
    #[cold]
    #[inline(never)]
    pub(crate) fn write_slow(&mut self, lin: u64, size: u64, value: u64, sel: usize) -> Exec {
        if self.try_write_beside_code(lin, size, value, sel) {
            return Ok(());
        }
        let first = PAGE as u64 - (lin & 0xFFF);
        self.check_alignment(lin, size, sel)?;
        if first >= size {
            let t = self.translate(lin, Access::Write, sel)?;
            self.watch(lin, size, true, sel);
            self.phys_write(t, size, value);
            if self.engine.probes.data {
                self.probe_access(lin, t, size, value, true);
            }
            return Ok(());
        }
        let next = self.second_page(lin, first)?;
        let a = self.translate(lin, Access::Write, sel)?;
        let b = self.translate(next, Access::Write, sel)?;
        self.watch(lin, size, true, sel);
        for i in 0..size {
            let t = if i < first { at(a, i) } else { at(b, i - first) };
            self.phys_write(t, 1, value >> (8 * i));
        }
        if self.engine.probes.data {
            self.probe_access(lin, a, first, value & ((1 << (8 * first)) - 1), true);
            self.probe_access(next, b, size - first, value >> (8 * first), true);
        }
        Ok(())
    }

    /// Raises the fault that a store of `size` bytes would raise, without storing.
    pub(crate) fn probe_write(&mut self, lin: u64, size: u64) -> Exec {
        self.probe_write_as(lin, size, self.tlb_sel)
    }

    /// As [`Self::probe_write`] with the rights of table `sel`.
    pub(crate) fn probe_write_as(&mut self, lin: u64, size: u64, sel: usize) -> Exec {
        if size.is_power_of_two() {
            self.check_alignment(lin, size, sel)?;
        }
        let first = PAGE as u64 - (lin & 0xFFF);
        let next = if first < size { Some(self.second_page(lin, first)?) } else { None };
        if next.is_some() || !self.watched_write(lin, sel) {
            self.translate(lin, Access::Write, sel)?;
        }
        if let Some(next) = next {
            self.translate(next, Access::Write, sel)?;
        }
        Ok(())
    }

    /// Reads inside one page.
    fn phys_read(&mut self, t: Target, size: u64) -> u64 {
        if let Some(page) = t.backing {
            let at = (t.phys & 0xFFF) as usize;
            let bytes = self.mem_ref().page(page);
            if at <= PAGE - 8 {
                let mut b = [0; 8];
                b.copy_from_slice(&bytes[at..at + 8]);
                return u64::from_le_bytes(b) & u64::MAX >> (64 - 8 * size.clamp(1, 8));
            }
            let mut b = [0; 8];
            for (i, out) in b.iter_mut().enumerate().take(size as usize) {
                *out = bytes.get(at + i).copied().unwrap_or(0xFF);
            }
            return u64::from_le_bytes(b);
        }
        let icount = self.icount_now();
        let mut v = 0;
        for (at, n) in bus_pieces(t.phys, size) {
            let part = self.bus(|bus, lines| bus.mmio_read(lines, icount, t.phys + at, n as u8));
            v |= part << (8 * at);
        }
        self.after_bus();
        v
    }

    /// Writes inside one page.
    fn phys_write(&mut self, t: Target, size: u64, value: u64) {
        if let Some(page) = t.backing {
            self.backing_write(page, (t.phys & 0xFFF) as usize, value, size as usize);
            return;
        }
        let icount = self.icount_now();
        for (at, n) in bus_pieces(t.phys, size) {
            let part = value >> (8 * at) & if n == 8 { u64::MAX } else { (1 << (8 * n)) - 1 };
            self.bus(|bus, lines| bus.mmio_write(lines, icount, t.phys + at, n as u8, part));
        }
        self.after_bus();
    }

    /// Stores into a backing page; instructions that it overwrites are dropped, and the chain ends if there were any.
    fn backing_write(&mut self, page: u32, at: usize, value: u64, size: usize) {
        let bytes = value.to_le_bytes();
        self.mem().write_backing(page, at, &bytes[..size]);
        if self.mem().has_stale() {
            self.drain_stale();
            self.stop = true;
        }
    }

    /// The physical address of `lin` when a store there goes to the bus and nothing watches it. What the TLB knows is
    /// memory; only for other pages is it worth a walk, whose fault is left to the store itself.
    pub(crate) fn bus_address(&mut self, lin: u64) -> Option<u64> {
        if self.tlb_sel == tlb::NEVER || self.engine.probes.data || self.tlb.holds(lin, self.tlb_sel) {
            return None;
        }
        match self.translate(lin, Access::Write, self.tlb_sel) {
            Ok(Target { phys, backing: None }) => Some(phys),
            _ => None,
        }
    }

    /// Makes the stores of a repeat, `data` from bus address `phys` on in one page, if the board takes them at once.
    pub(crate) fn write_run(&mut self, phys: u64, data: &[u8]) -> bool {
        let done = self.bus(|bus, lines| bus.mmio_write_run(lines, phys, data));
        self.after_bus();
        done
    }

    /// Drops decoded code that was overwritten.
    pub(crate) fn drain_stale(&mut self) {
        if self.mem().has_stale() {
            for stale in self.mem().take_stale() {
                self.invalidate_code(stale);
            }
        }
    }

    /// The board may have raised an interrupt, moved its deadline or asked for a stop: end the chain after this op.
    #[inline]
    pub(crate) fn after_bus(&mut self) {
        let wants = self.lines.stop || self.lines.nmi || self.lines.intr && self.eflags & eflags::IF != 0;
        if wants || self.lines.deadline < self.chain_end {
            self.stop = true;
        }
    }

    /// Loads the four PDPTE registers (SDM volume 3, section 4.4.1).
    ///
    /// # Errors
    /// #GP(0) when a present entry has reserved bits set.
    pub(crate) fn load_pdptes(&mut self, cr3: u64) -> Exec {
        let mut e = [0; 4];
        for (i, e) in e.iter_mut().enumerate() {
            *e = self.table_read((cr3 & 0xFFFF_FFE0) + 8 * i as u64, true);
            let reserved = 0x1E6 | (!self.model.phys_mask() & !0xFFF);
            if *e & pte::P != 0 && *e & reserved != 0 {
                return Err(Fault::GP0);
            }
        }
        self.sys.pdpte = e;
        Ok(())
    }
}

fn at(t: Target, i: u64) -> Target {
    Target { phys: t.phys + i, ..t }
}

/// Bus accesses are powers of two.
fn bus_pieces(_phys: u64, size: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let left = size - at;
        let n = [8, 4, 2, 1].into_iter().find(|&n| n <= left)?;
        let piece = (at, n);
        at += n;
        Some(piece)
    })
}

/// The upper 17 bits are equal (4-level paging).
#[inline]
pub(crate) fn canonical(lin: u64) -> bool {
    (lin as i64) << 16 >> 16 == lin as i64
}
