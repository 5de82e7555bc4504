//! Descriptors as they lie in the GDT, LDT and IDT, and the tables they are fetched from.
//!
//! Intel SDM volume 3, sections 3.4.2 (selectors), 3.4.5 (segment descriptors), 3.5 (system descriptors) and 5.8.3
//! (call gates). Descriptor tables are read with supervisor rights whatever the CPL.

use crate::fault::{Exec, Fault};
use crate::regs::{Segment, attr};
use crate::state::Cpu;

/// Types of system descriptors (SDM volume 3, table 3-2).
pub(super) mod kind {
    pub const TSS16: u16 = 1;
    pub const LDT: u16 = 2;
    pub const TSS16_BUSY: u16 = 3;
    pub const CALL16: u16 = 4;
    pub const TASK: u16 = 5;
    pub const INT16: u16 = 6;
    pub const TRAP16: u16 = 7;
    pub const TSS32: u16 = 9;
    pub const TSS32_BUSY: u16 = 11;
    pub const CALL32: u16 = 12;
    pub const INT32: u16 = 14;
    pub const TRAP32: u16 = 15;
    /// The bit that makes an available TSS a busy one.
    pub const BUSY: u16 = 2;
    /// The bit that makes a 16-bit system descriptor a 32-bit one.
    pub const WIDE: u16 = 8;
}

/// Accessed bit in the access byte, which is byte 5 of a descriptor.
pub(super) const ACCESS_BYTE: u64 = 5;

/// Selector without its RPL: the index part of an error code, TI included.
pub(super) const fn code_of(selector: u16) -> u16 {
    selector & !3
}

/// Selector that refers to the null descriptor.
pub(super) const fn is_null(selector: u16) -> bool {
    selector & !3 == 0
}

/// Requested privilege level.
pub(super) const fn rpl(selector: u16) -> u8 {
    (selector & 3) as u8
}

/// A descriptor: segment, system segment or gate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    /// The eight bytes.
    pub raw: u64,
    /// Upper half of a 16-byte descriptor in IA-32e mode, else 0.
    pub upper: u64,
    /// Linear address it was read from.
    pub at: u64,
}

impl Descriptor {
    /// Attribute bits as [`Segment::attr`] has them.
    pub fn attr(&self) -> u16 {
        (self.raw >> 40) as u16 & 0xF0FF
    }

    pub fn present(&self) -> bool {
        self.raw >> 47 & 1 != 0
    }

    pub fn dpl(&self) -> u8 {
        (self.raw >> 45) as u8 & 3
    }

    /// Code or data, not system.
    pub fn is_segment(&self) -> bool {
        self.raw >> 44 & 1 != 0
    }

    /// The type field of a system descriptor; `None` for code and data.
    pub fn system(&self) -> Option<u16> {
        (!self.is_segment()).then_some((self.raw >> 40) as u16 & 15)
    }

    pub fn is_code(&self) -> bool {
        self.attr() & (attr::S | attr::CODE) == attr::S | attr::CODE
    }

    pub fn is_data(&self) -> bool {
        self.attr() & (attr::S | attr::CODE) == attr::S
    }

    pub fn writable_data(&self) -> bool {
        self.attr() & (attr::S | attr::CODE | attr::RW) == attr::S | attr::RW
    }

    /// Data, or code that may be read.
    pub fn readable(&self) -> bool {
        self.is_data() || self.is_code() && self.attr() & attr::RW != 0
    }

    pub fn conforming(&self) -> bool {
        self.is_code() && self.attr() & attr::EC != 0
    }

    /// 64-bit code.
    pub fn long(&self) -> bool {
        self.attr() & attr::L != 0
    }

    /// D/B.
    pub fn big(&self) -> bool {
        self.attr() & attr::DB != 0
    }

    pub fn base(&self) -> u64 {
        (self.raw >> 16 & 0xFF_FFFF) | (self.raw >> 56 << 24)
    }

    /// Base of a system segment, 64 bits wide in IA-32e mode.
    pub fn wide_base(&self) -> u64 {
        self.base() | self.upper << 32
    }

    /// Limit in bytes.
    pub fn limit(&self) -> u32 {
        let raw = (self.raw & 0xFFFF) as u32 | (self.raw >> 32) as u32 & 0xF_0000;
        if self.attr() & attr::G != 0 { raw << 12 | 0xFFF } else { raw }
    }

    /// Offset of a gate; the upper 16 bits exist in 32-bit gates only.
    pub fn gate_offset(&self) -> u64 {
        let low = self.raw & 0xFFFF;
        if self.attr() & kind::WIDE != 0 { low | self.raw >> 32 & 0xFFFF_0000 | self.upper << 32 } else { low }
    }

    /// Selector of a gate.
    pub fn gate_selector(&self) -> u16 {
        (self.raw >> 16) as u16
    }

    /// Parameter count of a call gate.
    pub fn gate_count(&self) -> u64 {
        self.raw >> 32 & 31
    }

    /// Interrupt stack table index of a 64-bit gate.
    pub fn gate_ist(&self) -> u64 {
        self.raw >> 32 & 7
    }

    /// The segment register contents that a load of this descriptor gives.
    pub fn segment(&self, selector: u16) -> Segment {
        Segment::new(selector, self.base(), self.limit(), self.attr() | attr::A)
    }

    /// LDTR or TR contents.
    pub fn system_segment(&self, selector: u16) -> Segment {
        Segment::new(selector, self.wide_base(), self.limit(), self.attr())
    }
}

impl Cpu {
    /// Linear address in a system table: 64 bits wide in IA-32e mode even while compatibility code runs.
    pub(super) fn table_address(&self, base: u64, offset: u64) -> u64 {
        let lin = base.wrapping_add(offset);
        if self.long_mode() { lin } else { lin & 0xFFFF_FFFF }
    }

    /// Base and limit of the table that a selector indexes; `None` when there is no LDT.
    fn table_of(&self, selector: u16) -> Option<(u64, u32)> {
        if selector & 4 == 0 {
            return Some((self.sys.gdtr.base, u32::from(self.sys.gdtr.limit)));
        }
        let ldt = &self.sys.ldtr;
        ldt.usable().then_some((ldt.base, ldt.limit))
    }

    /// The descriptor of a selector; `None` beyond the table's limit.
    pub(super) fn find_descriptor(&mut self, selector: u16) -> Exec<Option<Descriptor>> {
        let Some((base, limit)) = self.table_of(selector) else { return Ok(None) };
        let index = u32::from(selector & !7);
        if index + 7 > limit {
            return Ok(None);
        }
        let at = self.table_address(base, u64::from(index));
        let raw = self.read_sys::<u64>(at)?;
        Ok(Some(Descriptor { raw, upper: 0, at }))
    }

    /// The descriptor of a selector; beyond the table's limit `fault` of the selector.
    pub(super) fn descriptor(&mut self, selector: u16, fault: impl FnOnce(u16) -> Fault) -> Exec<Descriptor> {
        self.find_descriptor(selector)?.ok_or_else(|| fault(code_of(selector)))
    }

    /// Reads the upper half of a 16-byte system descriptor in IA-32e mode; `None` beyond the table's limit or when
    /// its type field is not 0.
    pub(super) fn widen(&mut self, selector: u16, d: Descriptor) -> Exec<Option<Descriptor>> {
        if !self.long_mode() {
            return Ok(Some(d));
        }
        let Some((_, limit)) = self.table_of(selector) else { return Ok(None) };
        if u32::from(selector & !7) + 15 > limit {
            return Ok(None);
        }
        let upper = self.read_sys::<u64>(self.table_address(d.at, 8))?;
        if upper >> 40 & 0x1F != 0 {
            return Ok(None);
        }
        Ok(Some(Descriptor { upper: upper & 0xFFFF_FFFF, ..d }))
    }

    /// Sets the accessed bit of a code or data descriptor in memory.
    pub(super) fn set_accessed(&mut self, d: &Descriptor) -> Exec {
        if d.attr() & attr::A != 0 {
            return Ok(());
        }
        let access = (d.raw >> 40) as u8 | attr::A as u8;
        self.write_sys::<u8>(self.table_address(d.at, ACCESS_BYTE), access)
    }

    /// Marks a TSS descriptor busy or available in memory.
    pub(super) fn set_busy(&mut self, at: u64, busy: bool) -> Exec {
        let at = self.table_address(at, ACCESS_BYTE);
        let old = self.read_sys::<u8>(at)?;
        let bit = kind::BUSY as u8;
        self.write_sys::<u8>(at, if busy { old | bit } else { old & !bit })
    }
}
