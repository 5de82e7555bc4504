//! One 8259A: registers, priority resolver, acknowledge.

use serde::{Deserialize, Serialize};

/// ICW1: marks the word as ICW1 (OCWs have it clear).
const ICW1_INIT: u8 = 0x10;
/// ICW1: single chip, no ICW3 follows.
const ICW1_SINGLE: u8 = 0x02;
/// ICW1: ICW4 follows.
const ICW1_ICW4: u8 = 0x01;
/// ICW4: special fully nested mode.
const ICW4_SFNM: u8 = 0x10;
/// ICW4: automatic end of interrupt.
const ICW4_AEOI: u8 = 0x02;
/// Marks OCW3 (OCW2 has it clear).
const OCW3: u8 = 0x08;
/// OCW3: enable writing the special mask mode bit.
const OCW3_ESMM: u8 = 0x40;
/// OCW3: special mask mode.
const OCW3_SMM: u8 = 0x20;
/// OCW3: the next read is a poll.
const OCW3_POLL: u8 = 0x04;
/// OCW3: read register command.
const OCW3_RR: u8 = 0x02;
/// OCW3: with `RR`, read ISR instead of IRR.
const OCW3_RIS: u8 = 0x01;
/// Poll word: an interrupt was pending.
const POLL_PENDING: u8 = 0x80;

/// Which initialisation word port A0=1 expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Expect {
    Ocw1,
    Icw2,
    Icw3,
    Icw4,
}

/// The state of one controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chip {
    /// Interrupt request register: latched edges (edge mode) or the inputs themselves (level mode).
    irr: u8,
    /// In-service register.
    isr: u8,
    /// Interrupt mask register.
    imr: u8,
    /// Input levels as last seen, for edge detection.
    pub(super) inputs: u8,
    /// Edge/level control register: bit set = level triggered.
    pub(super) elcr: u8,
    /// Vector of IR0 (ICW2, low three bits clear).
    base: u8,
    /// ICW3 as written; the wiring is fixed, so it is only remembered.
    icw3: u8,
    /// Level with the lowest priority; 7 after ICW1.
    lowest: u8,
    expect: Expect,
    single: bool,
    wants_icw4: bool,
    aeoi: bool,
    rotate_on_aeoi: bool,
    special_mask: bool,
    special_fully_nested: bool,
    read_isr: bool,
    poll: bool,
    /// Input that a second controller drives (the master's IR2), if any.
    cascade: Option<u8>,
}

impl Chip {
    pub(super) fn new(cascade: Option<u8>) -> Self {
        Self {
            irr: 0,
            isr: 0,
            imr: 0,
            inputs: 0,
            elcr: 0,
            base: 0,
            icw3: 0,
            lowest: 7,
            expect: Expect::Ocw1,
            single: false,
            wants_icw4: false,
            aeoi: false,
            rotate_on_aeoi: false,
            special_mask: false,
            special_fully_nested: false,
            read_isr: false,
            poll: false,
            cascade,
        }
    }

    /// New input levels; `rose` marks inputs that rose since the last call even if they are low again (a pulse).
    pub(super) fn set_inputs(&mut self, levels: u8, rose: u8) {
        let edges = rose | (levels & !self.inputs);
        // An edge request lasts only while its input stays high; a pulse too short to be seen as a level stays latched.
        let fell = self.inputs & !levels & !edges;
        self.inputs = levels;
        let edge_mode = (self.irr & !fell) | edges;
        let by_level = self.level_inputs();
        self.irr = (edge_mode & !by_level) | (levels & by_level);
    }

    /// Which inputs are level triggered; their requests are their levels from now on.
    pub(super) fn set_elcr(&mut self, elcr: u8) {
        self.elcr = elcr;
        self.set_inputs(self.inputs, 0);
    }

    /// The slave's INT. It drops at each acknowledge, so that an edge comes with each level: the level is enough.
    pub(super) fn set_cascade(&mut self, high: bool) {
        let Some(level) = self.cascade else { return };
        let bit = 1 << (level & 7);
        self.inputs = (self.inputs & !bit) | (u8::from(high) << (level & 7));
        self.irr = (self.irr & !bit) | (self.inputs & bit);
    }

    /// Inputs whose request is their level.
    fn level_inputs(&self) -> u8 {
        self.elcr | self.cascade.map_or(0, |level| 1 << (level & 7))
    }

    /// Distance of `level` from the highest priority, 0 (highest) to 7.
    fn rank(&self, level: u8) -> u8 {
        level.wrapping_sub(self.lowest).wrapping_sub(1) & 7
    }

    /// The set bit of `bits` with the highest priority.
    fn highest(&self, bits: u8) -> Option<u8> {
        let first = self.lowest.wrapping_add(1) & 7;
        (bits != 0).then(|| (bits.rotate_right(u32::from(first)).trailing_zeros() as u8).wrapping_add(first) & 7)
    }

    /// In-service bits that take part in priority decisions: special mask mode takes masked levels out.
    fn active_isr(&self) -> u8 {
        if self.special_mask { self.isr & !self.imr } else { self.isr }
    }

    /// The level that the INT output stands for.
    pub(super) fn pending(&self) -> Option<u8> {
        let level = self.highest(self.irr & !self.imr)?;
        let Some(serving) = self.highest(self.active_isr()) else { return Some(level) };
        let nested = self.special_fully_nested && self.cascade == Some(level) && serving == level;
        (self.rank(level) < self.rank(serving) || nested).then_some(level)
    }

    /// What INTA does: moves the request into service. `None`: nothing was pending, the spurious level 7.
    pub(super) fn acknowledge(&mut self) -> Option<u8> {
        let level = self.pending()?;
        let bit = 1 << level;
        self.irr &= !bit | self.level_inputs();
        if self.aeoi {
            if self.rotate_on_aeoi {
                self.lowest = level;
            }
        } else {
            self.isr |= bit;
        }
        Some(level)
    }

    pub(super) fn vector(&self, level: u8) -> u8 {
        self.base | (level & 7)
    }

    fn poll(&mut self) -> u8 {
        self.poll = false;
        self.acknowledge().map_or(0, |level| POLL_PENDING | level)
    }

    /// A read with address line A0 = `a0`.
    pub(super) fn read(&mut self, a0: bool) -> u8 {
        match (self.poll, a0, self.read_isr) {
            (true, _, _) => self.poll(),
            (_, true, _) => self.imr,
            (_, _, true) => self.isr,
            _ => self.irr,
        }
    }

    /// A write with address line A0 = `a0`.
    pub(super) fn write(&mut self, a0: bool, value: u8) {
        if a0 {
            self.write_data(value);
        } else if value & ICW1_INIT != 0 {
            self.icw1(value);
        } else if value & OCW3 != 0 {
            self.ocw3(value);
        } else {
            self.ocw2(value);
        }
    }

    fn icw1(&mut self, value: u8) {
        // The edge latches are cleared: an input that is high must fall and rise again. Level inputs stay requests.
        self.irr = self.inputs & self.level_inputs();
        self.isr = 0;
        self.imr = 0;
        self.lowest = 7;
        self.special_mask = false;
        self.read_isr = false;
        self.poll = false;
        self.rotate_on_aeoi = false;
        self.single = value & ICW1_SINGLE != 0;
        self.wants_icw4 = value & ICW1_ICW4 != 0;
        if !self.wants_icw4 {
            self.icw4(0);
        }
        self.expect = Expect::Icw2;
    }

    fn icw4(&mut self, value: u8) {
        self.aeoi = value & ICW4_AEOI != 0;
        self.special_fully_nested = value & ICW4_SFNM != 0;
    }

    fn write_data(&mut self, value: u8) {
        let after_icw3 = if self.wants_icw4 { Expect::Icw4 } else { Expect::Ocw1 };
        match self.expect {
            Expect::Ocw1 => self.imr = value,
            Expect::Icw2 => {
                self.base = value & 0xF8;
                self.expect = if self.single { after_icw3 } else { Expect::Icw3 };
            }
            Expect::Icw3 => {
                self.icw3 = value;
                self.expect = after_icw3;
            }
            Expect::Icw4 => {
                self.icw4(value);
                self.expect = Expect::Ocw1;
            }
        }
    }

    fn ocw2(&mut self, value: u8) {
        let level = value & 7;
        match value >> 5 {
            0b001 => {
                self.end_of_interrupt();
            }
            0b011 => self.isr &= !(1 << level),
            0b101 => {
                if let Some(ended) = self.end_of_interrupt() {
                    self.lowest = ended;
                }
            }
            0b111 => {
                self.isr &= !(1 << level);
                self.lowest = level;
            }
            0b100 => self.rotate_on_aeoi = true,
            0b000 => self.rotate_on_aeoi = false,
            0b110 => self.lowest = level,
            _ => {} // 010: no operation
        }
    }

    /// Non-specific EOI. In special mask mode a masked level stays in service.
    fn end_of_interrupt(&mut self) -> Option<u8> {
        let level = self.highest(self.active_isr())?;
        self.isr &= !(1 << level);
        Some(level)
    }

    fn ocw3(&mut self, value: u8) {
        if value & OCW3_ESMM != 0 {
            self.special_mask = value & OCW3_SMM != 0;
        }
        self.poll = value & OCW3_POLL != 0;
        if value & OCW3_RR != 0 {
            self.read_isr = value & OCW3_RIS != 0;
        }
    }
}
