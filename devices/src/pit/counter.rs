//! One counter of the 8254, computed in closed form from the number of CLK pulses that have passed.
//!
//! Times are CLK pulses since power-on ("ticks"). Every public method first brings the counter up to the tick it is
//! given; nothing depends on how often that happens.

use serde::{Deserialize, Serialize};

/// Status byte: the output pin.
const STATUS_OUT: u8 = 0x80;
/// Status byte: the count register has not been loaded into the counting element yet.
const STATUS_NULL: u8 = 0x40;

/// What OUT does: the six modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Mode 0.
    InterruptOnTerminalCount,
    /// Mode 1.
    OneShot,
    /// Mode 2.
    RateGenerator,
    /// Mode 3.
    SquareWave,
    /// Mode 4.
    SoftwareStrobe,
    /// Mode 5.
    HardwareStrobe,
}

impl Mode {
    fn from_bits(bits: u8) -> Self {
        match bits & 7 {
            0 => Self::InterruptOnTerminalCount,
            1 => Self::OneShot,
            2 | 6 => Self::RateGenerator,
            3 | 7 => Self::SquareWave,
            4 => Self::SoftwareStrobe,
            _ => Self::HardwareStrobe,
        }
    }

    fn number(self) -> u8 {
        self as u8
    }

    /// Modes whose counting a low GATE suspends; the others take GATE's rising edge as a trigger only.
    fn gate_enables(self) -> bool {
        !matches!(self, Self::OneShot | Self::HardwareStrobe)
    }

    fn strobes(self) -> bool {
        matches!(self, Self::SoftwareStrobe | Self::HardwareStrobe)
    }

    fn periodic(self) -> bool {
        matches!(self, Self::RateGenerator | Self::SquareWave)
    }
}

/// Read/write format (RW1-RW0 of the control word).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Access {
    Low = 1,
    High = 2,
    Word = 3,
}

/// The state of a counter as of `tick`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counter {
    mode: Mode,
    bcd: bool,
    access: Access,
    /// Count register as written.
    cr: u16,
    /// Low byte of a word count whose high byte is still to come.
    write_low: Option<u8>,
    /// The next read of a word gives the high byte.
    read_high: bool,
    latched_count: Option<u16>,
    latched_status: Option<u8>,
    null_count: bool,
    /// A count was written since the control word.
    count_written: bool,
    gate: bool,
    tick: u64,
    /// Tick at which CR goes into the counting element.
    load_at: Option<u64>,
    /// The counting element holds a count and counts when GATE lets it.
    running: bool,
    /// Modes 0, 1, 4, 5: the count has reached zero since it was loaded.
    expired: bool,
    /// Pulses left to the next reload (modes 2, 3: of this half period), or to zero; otherwise the count itself.
    left: u32,
    /// Mode 3: the count that the current half period was loaded from.
    loaded: u32,
    out: bool,
}

impl Counter {
    pub(super) fn new(gate: bool) -> Self {
        Self {
            mode: Mode::InterruptOnTerminalCount,
            bcd: false,
            access: Access::Word,
            cr: 0,
            write_low: None,
            read_high: false,
            latched_count: None,
            latched_status: None,
            null_count: true,
            count_written: false,
            gate,
            tick: 0,
            load_at: None,
            running: false,
            expired: false,
            left: 0,
            loaded: 0,
            out: false,
        }
    }

    /// Counts before the counting element wraps.
    fn modulus(&self) -> u32 {
        if self.bcd { 10_000 } else { 0x1_0000 }
    }

    /// The count register as a number of pulses, 1 to 65536 (10000 in BCD).
    pub(super) fn initial_count(&self) -> u32 {
        let count = if self.bcd { from_bcd(self.cr) } else { u32::from(self.cr) };
        if count == 0 { self.modulus() } else { count }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn gate(&self) -> bool {
        self.gate
    }

    /// Whether the counter has a count and is counting.
    pub(super) fn counting(&self) -> bool {
        self.running && (self.gate || !self.mode.gate_enables())
    }

    pub(super) fn out(&mut self, tick: u64) -> bool {
        self.advance(tick);
        self.out
    }

    /// Brings the state up to `tick`.
    fn advance(&mut self, tick: u64) {
        while self.tick < tick {
            match self.load_at {
                Some(at) if at <= tick => {
                    self.count(at.saturating_sub(self.tick));
                    self.tick = at;
                    self.load_at = None;
                    self.load();
                }
                _ => {
                    self.count(tick - self.tick);
                    self.tick = tick;
                }
            }
        }
    }

    /// CR goes into the counting element.
    fn load(&mut self) {
        self.null_count = false;
        self.running = true;
        self.expired = false;
        let count = self.initial_count();
        self.loaded = count;
        match self.mode {
            Mode::InterruptOnTerminalCount | Mode::OneShot => self.out = false,
            _ => self.out = true,
        }
        self.left = if self.mode == Mode::SquareWave { self.half(true) } else { count };
    }

    /// Mode 3: pulses of the high or the low half of the loaded count.
    fn half(&self, high: bool) -> u32 {
        if high { self.loaded.div_ceil(2) } else { self.loaded / 2 }
    }

    /// `pulses` of CLK without a load in between.
    fn count(&mut self, pulses: u64) {
        if pulses == 0 {
            return;
        }
        if !self.counting() {
            self.end_strobe();
            return;
        }
        match self.mode {
            Mode::RateGenerator => {
                if pulses < u64::from(self.left) {
                    self.left -= pulses as u32;
                } else {
                    let over = pulses - u64::from(self.left);
                    self.reload();
                    self.left = self.loaded - (over % u64::from(self.loaded)) as u32;
                }
                self.out = self.left != 1;
            }
            Mode::SquareWave => self.count_square(pulses),
            _ => self.count_once(pulses),
        }
    }

    /// A strobe lasts one pulse, whatever GATE does meanwhile.
    fn end_strobe(&mut self) {
        if self.running && self.expired && self.mode.strobes() {
            self.out = true;
        }
    }

    /// Modes 2 and 3 at the end of a (half) period.
    fn reload(&mut self) {
        self.null_count = false;
        self.loaded = self.initial_count();
    }

    fn count_square(&mut self, pulses: u64) {
        if pulses < u64::from(self.left) {
            self.left -= pulses as u32;
            return;
        }
        let over = pulses - u64::from(self.left);
        self.reload();
        self.out = !self.out || self.loaded < 2; // a count of 1 is not allowed; OUT stays high
        let mut rest = (over % u64::from(self.loaded)) as u32;
        let half = self.half(self.out);
        if rest >= half {
            rest -= half;
            self.out = !self.out;
        }
        self.left = self.half(self.out) - rest;
    }

    /// Modes 0, 1, 4 and 5: down to zero, then on through the whole range.
    fn count_once(&mut self, pulses: u64) {
        let reaches_zero = !self.expired && pulses >= u64::from(self.left);
        let modulus = u64::from(self.modulus());
        if reaches_zero {
            self.expired = true;
            self.out = !self.mode.strobes() || pulses > u64::from(self.left);
        } else if self.expired {
            self.out = true;
        }
        self.left = ((u64::from(self.left) + modulus - pulses % modulus) % modulus) as u32;
    }

    /// The next tick after the current one at which OUT may change by itself.
    pub(super) fn next_change(&mut self, tick: u64) -> Option<u64> {
        self.advance(tick);
        let counted = self.next_counted_change().map(|pulses| self.tick.saturating_add(pulses));
        match (self.load_at, counted) {
            (Some(load), Some(count)) => Some(load.min(count)),
            (load, count) => load.or(count),
        }
    }

    fn next_counted_change(&self) -> Option<u64> {
        if self.running && self.expired && !self.out {
            return Some(1);
        }
        if !self.counting() {
            return None;
        }
        let left = u64::from(self.left);
        match self.mode {
            Mode::RateGenerator => match left {
                // With a count of 1 OUT never returns; at the reload a new count takes over.
                1 if self.initial_count() == 1 => None,
                0 | 1 => Some(1),
                _ => Some(left - 1),
            },
            Mode::SquareWave => (self.loaded.max(self.initial_count()) > 1).then_some(left.max(1)),
            _ => (!self.expired).then_some(left.max(1)),
        }
    }

    /// The count as a read sees it.
    fn count_value(&self) -> u16 {
        let count = match self.mode {
            // Two a pulse; an odd count is loaded as count-1 and its high half has one pulse more.
            Mode::SquareWave if self.loaded & 1 != 0 && self.out => self.left.saturating_sub(1).wrapping_mul(2),
            Mode::SquareWave => self.left.wrapping_mul(2),
            _ => self.left,
        };
        let count = count % self.modulus();
        if self.bcd { to_bcd(count) } else { count as u16 }
    }

    /// A control word for this counter (not a latch command).
    pub(super) fn control(&mut self, tick: u64, word: u8) {
        self.advance(tick);
        self.mode = Mode::from_bits(word >> 1);
        self.bcd = word & 1 != 0;
        self.access = match (word >> 4) & 3 {
            1 => Access::Low,
            2 => Access::High,
            _ => Access::Word,
        };
        self.write_low = None;
        self.read_high = false;
        self.latched_count = None;
        self.latched_status = None;
        self.null_count = true;
        self.count_written = false;
        self.load_at = None;
        self.running = false;
        self.expired = false;
        self.out = self.mode != Mode::InterruptOnTerminalCount;
    }

    pub(super) fn latch_count(&mut self, tick: u64) {
        self.advance(tick);
        if self.latched_count.is_none() {
            self.latched_count = Some(self.count_value());
        }
    }

    pub(super) fn latch_status(&mut self, tick: u64) {
        self.advance(tick);
        if self.latched_status.is_none() {
            let out = if self.out { STATUS_OUT } else { 0 };
            let null = if self.null_count { STATUS_NULL } else { 0 };
            let format = (self.access as u8) << 4 | self.mode.number() << 1 | u8::from(self.bcd);
            self.latched_status = Some(out | null | format);
        }
    }

    pub(super) fn read(&mut self, tick: u64) -> u8 {
        self.advance(tick);
        if let Some(status) = self.latched_status.take() {
            return status;
        }
        let value = self.latched_count.unwrap_or_else(|| self.count_value());
        let [low, high] = value.to_le_bytes();
        let give_high = match self.access {
            Access::Low => false,
            Access::High => true,
            Access::Word => {
                self.read_high = !self.read_high;
                !self.read_high
            }
        };
        if give_high || self.access != Access::Word {
            self.latched_count = None;
        }
        if give_high { high } else { low }
    }

    pub(super) fn write(&mut self, tick: u64, value: u8) {
        self.advance(tick);
        match (self.access, self.write_low.take()) {
            (Access::Low, _) => self.set_count(u16::from(value)),
            (Access::High, _) => self.set_count(u16::from(value) << 8),
            (Access::Word, Some(low)) => self.set_count(u16::from_le_bytes([low, value])),
            (Access::Word, None) => {
                self.write_low = Some(value);
                if self.mode == Mode::InterruptOnTerminalCount {
                    // The first byte stops the counting at once.
                    self.running = false;
                    self.load_at = None;
                    self.out = false;
                }
            }
        }
    }

    fn set_count(&mut self, count: u16) {
        self.cr = count;
        self.null_count = true;
        self.count_written = true;
        match self.mode {
            Mode::InterruptOnTerminalCount => {
                self.out = false;
                self.expired = false;
                self.load_at = Some(self.tick.saturating_add(1));
            }
            Mode::SoftwareStrobe => self.load_at = Some(self.tick.saturating_add(1)),
            // A periodic mode that runs takes the new count when its (half) period ends.
            Mode::RateGenerator | Mode::SquareWave if !self.running => self.load_at = Some(self.tick.saturating_add(1)),
            _ => {}
        }
    }

    pub(super) fn set_gate(&mut self, tick: u64, gate: bool) {
        self.advance(tick);
        let rising = gate && !self.gate;
        self.gate = gate;
        if self.mode.periodic() {
            if !gate {
                self.out = true;
            } else if rising && self.running {
                self.load_at = Some(self.tick.saturating_add(1));
            }
        } else if rising && !self.mode.gate_enables() && self.count_written {
            self.load_at = Some(self.tick.saturating_add(1));
        }
    }
}

/// Four BCD digits; digits above 9 count by their weight.
fn from_bcd(value: u16) -> u32 {
    (0..4).rev().fold(0, |sum, digit| sum * 10 + u32::from(value >> (4 * digit) & 15))
}

fn to_bcd(value: u32) -> u16 {
    let digit = |weight: u32| (value / weight % 10) as u16;
    digit(1000) << 12 | digit(100) << 8 | digit(10) << 4 | digit(1)
}
