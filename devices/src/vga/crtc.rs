//! The CRT controller: registers, frame timing and address generation (IBM VGA Technical Reference, "CRT Controller
//! Registers"; ports 3B4h/3B5h or 3D4h/3D5h).
//!
//! The beam's position is a function of virtual time alone: the frame that follows from the registers repeats from
//! time 0 on. Not modelled: light pen, display enable and cursor skew, the odd multiples of the shift-load clock.

use serde::{Deserialize, Serialize};

/// Register indices.
pub mod reg {
    /// Horizontal total, less 5.
    pub const H_TOTAL: u8 = 0x00;
    /// Horizontal display end, less 1.
    pub const H_DISPLAY_END: u8 = 0x01;
    /// Vertical total, low bits, less 2.
    pub const V_TOTAL: u8 = 0x06;
    /// High bits of the vertical registers.
    pub const OVERFLOW: u8 = 0x07;
    /// Preset row scan and byte panning.
    pub const PRESET_ROW: u8 = 0x08;
    /// Maximum scan line.
    pub const MAX_SCAN: u8 = 0x09;
    /// Cursor start.
    pub const CURSOR_START: u8 = 0x0A;
    /// Cursor end.
    pub const CURSOR_END: u8 = 0x0B;
    /// Start address, high byte.
    pub const START_HIGH: u8 = 0x0C;
    /// Start address, low byte.
    pub const START_LOW: u8 = 0x0D;
    /// Cursor location, high byte.
    pub const CURSOR_HIGH: u8 = 0x0E;
    /// Cursor location, low byte.
    pub const CURSOR_LOW: u8 = 0x0F;
    /// Vertical retrace start.
    pub const V_SYNC_START: u8 = 0x10;
    /// Vertical retrace end, interrupt control and write protection.
    pub const V_SYNC_END: u8 = 0x11;
    /// Vertical display end, less 1.
    pub const V_DISPLAY_END: u8 = 0x12;
    /// Offset: address units / 2 from one row to the next.
    pub const OFFSET: u8 = 0x13;
    /// Underline location and doubleword mode.
    pub const UNDERLINE: u8 = 0x14;
    /// Mode control.
    pub const MODE: u8 = 0x17;
    /// Line compare.
    pub const LINE_COMPARE: u8 = 0x18;
    /// Undocumented: the CPU data latch of the plane that read map select names.
    pub const LATCH: u8 = 0x22;
    /// Undocumented: bit 7 is the attribute controller's flip-flop.
    pub const ATTRIBUTE_STATE: u8 = 0x24;
}

/// Maximum scan line: each line is scanned twice.
const MAX_SCAN_DOUBLE: u8 = 0x80;
/// Cursor start: cursor off.
const CURSOR_OFF: u8 = 0x20;
/// Vertical retrace end: 0 holds the interrupt cleared.
const V_SYNC_END_CLEAR: u8 = 0x10;
/// Vertical retrace end: registers 0-7 are read-only.
const V_SYNC_END_PROTECT: u8 = 0x80;
/// Underline: count the address every fourth character clock.
const UNDERLINE_COUNT4: u8 = 0x20;
/// Underline: doubleword addresses.
const UNDERLINE_DWORD: u8 = 0x40;
/// Mode control: bits 0 and 1 at zero replace address bits 13 and 14 by row scan bits.
const MODE_NO_CGA: u8 = 0x01;
const MODE_NO_HERCULES: u8 = 0x02;
/// Mode control: vertical counters run at half rate.
const MODE_V_DOUBLE: u8 = 0x04;
/// Mode control: count the address every second character clock.
const MODE_COUNT2: u8 = 0x08;
/// Mode control: word mode wraps address bit 15 rather than 13 into bit 0.
const MODE_WRAP15: u8 = 0x20;
/// Mode control: byte addresses.
const MODE_BYTE: u8 = 0x40;
/// Mode control: retraces enabled.
const MODE_SYNC: u8 = 0x80;

/// Picoseconds in a nanosecond and in a second.
const PS_PER_NS: u64 = 1_000;
const PS_PER_SEC: u64 = 1_000_000_000_000;

/// The frame that the registers make. Times in picoseconds, vertical positions in scan lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    char_ps: u64,
    line_ps: u64,
    frame_ps: u64,
    /// Characters displayed on a line.
    pub h_display: u32,
    /// Scan lines displayed.
    pub v_display: u32,
    v_sync_start: u32,
    v_sync_end: u32,
}

impl Timing {
    /// A synthetic 60 Hz frame of `height` lines, for modes that the CRTC does not time.
    pub fn sixty_hz(height: u32) -> Self {
        let total = height + height / 20 + 6;
        let line_ps = PS_PER_SEC / 60 / u64::from(total);
        Self {
            char_ps: line_ps / 100,
            line_ps,
            frame_ps: line_ps * u64::from(total),
            h_display: 80,
            v_display: height,
            v_sync_start: height + 2,
            v_sync_end: height + 5,
        }
    }

    /// Scan line and picoseconds into it at `now`.
    fn beam(&self, now: u64) -> (u32, u64) {
        let in_frame = now.wrapping_mul(PS_PER_NS) % self.frame_ps;
        ((in_frame / self.line_ps) as u32, in_frame % self.line_ps)
    }

    /// The beam is in the displayed area.
    pub fn displaying(&self, now: u64) -> bool {
        let (line, ps) = self.beam(now);
        line < self.v_display && ps < self.char_ps * u64::from(self.h_display)
    }

    /// Vertical retrace.
    pub fn vertical_retrace(&self, now: u64) -> bool {
        let (line, _) = self.beam(now);
        (self.v_sync_start..self.v_sync_end).contains(&line)
    }

    /// How many vertical retraces have begun by `now`.
    pub fn retraces(&self, now: u64) -> u64 {
        let first = u64::from(self.v_sync_start) * self.line_ps;
        let now = now.wrapping_mul(PS_PER_NS);
        if now < first { 0 } else { (now - first) / self.frame_ps + 1 }
    }
}

/// Registers and what is remembered about them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crtc {
    /// Address register.
    pub index: u8,
    regs: [u8; 32],
    /// Start address in force until the first retrace after `start_written`.
    old_start: u16,
    /// Virtual ns of the last change of the start address.
    start_written: u64,
    /// Virtual ns since which retraces set the interrupt flag.
    interrupt_from: u64,
}

impl Crtc {
    /// Number of documented registers.
    const COUNT: u8 = 0x19;

    /// Register `index`; those that do not exist read 0.
    pub fn get(&self, index: u8) -> u8 {
        if index < Self::COUNT { self.regs[(index & 31) as usize] } else { 0 }
    }

    fn high(&self, reg: u8, bit: u32, to: u32) -> u32 {
        u32::from(self.get(reg) >> bit & 1) << to
    }

    /// Writes the register at the address register; true when it changed. `timing` is the frame before the write.
    pub fn set(&mut self, value: u8, now: u64, timing: &Timing) -> bool {
        let index = self.index;
        if index >= Self::COUNT {
            return false;
        }
        let old = self.get(index);
        let mut value = value;
        if index <= reg::OVERFLOW && self.get(reg::V_SYNC_END) & V_SYNC_END_PROTECT != 0 {
            // Line compare bit 8 is the one bit that the protection leaves writable.
            if index != reg::OVERFLOW {
                return false;
            }
            value = (old & !0x10) | (value & 0x10);
        }
        if value == old {
            return false;
        }
        match index {
            reg::START_HIGH | reg::START_LOW => {
                self.old_start = self.start(now, timing);
                self.start_written = now;
            }
            reg::V_SYNC_END if (value ^ old) & V_SYNC_END_CLEAR != 0 => self.interrupt_from = now,
            _ => {}
        }
        self.regs[(index & 31) as usize] = value;
        true
    }

    /// Address register takes 6 bits, so that the undocumented registers can be reached.
    pub fn set_index(&mut self, value: u8) {
        self.index = value & 0x3F;
    }

    /// The frame at dot clock `hz` with characters of `dots` dots, each of one or two clocks.
    pub fn timing(&self, hz: u64, dots: u32, half_clock: bool) -> Timing {
        let clocks = u64::from(dots) << u32::from(half_clock);
        let char_ps = clocks * PS_PER_SEC / hz.max(1);
        let scale = if self.get(reg::MODE) & MODE_V_DOUBLE != 0 { 2 } else { 1 };
        let v_total =
            (u32::from(self.get(reg::V_TOTAL)) | self.high(reg::OVERFLOW, 0, 8) | self.high(reg::OVERFLOW, 5, 9)) + 2;
        let v_sync =
            u32::from(self.get(reg::V_SYNC_START)) | self.high(reg::OVERFLOW, 2, 8) | self.high(reg::OVERFLOW, 7, 9);
        let v_sync_lines = (u32::from(self.get(reg::V_SYNC_END)).wrapping_sub(v_sync) & 15).max(1);
        let line_ps = char_ps * (u64::from(self.get(reg::H_TOTAL)) + 5);
        Timing {
            char_ps,
            line_ps,
            frame_ps: line_ps * u64::from(v_total * scale),
            h_display: u32::from(self.get(reg::H_DISPLAY_END)) + 1,
            v_display: self.lines(),
            v_sync_start: v_sync * scale,
            v_sync_end: (v_sync + v_sync_lines) * scale,
        }
    }

    /// Scan lines displayed.
    pub fn lines(&self) -> u32 {
        let end =
            u32::from(self.get(reg::V_DISPLAY_END)) | self.high(reg::OVERFLOW, 1, 8) | self.high(reg::OVERFLOW, 6, 9);
        (end + 1) << u32::from(self.get(reg::MODE) & MODE_V_DOUBLE != 0)
    }

    /// Characters displayed on a line.
    pub fn columns(&self) -> u32 {
        u32::from(self.get(reg::H_DISPLAY_END)) + 1
    }

    /// Retraces are on: without them a monitor shows nothing.
    pub fn running(&self) -> bool {
        self.get(reg::MODE) & MODE_SYNC != 0
    }

    /// Scan lines of a character row.
    pub fn row_height(&self) -> u32 {
        u32::from(self.get(reg::MAX_SCAN) & 0x1F) + 1
    }

    /// Every row scan is repeated.
    pub fn double_scan(&self) -> bool {
        self.get(reg::MAX_SCAN) & MAX_SCAN_DOUBLE != 0
    }

    /// The scan line after which the address counter restarts at zero.
    pub fn line_compare(&self) -> u32 {
        u32::from(self.get(reg::LINE_COMPARE)) | self.high(reg::OVERFLOW, 4, 8) | self.high(reg::MAX_SCAN, 6, 9)
    }

    /// Start address as it stands in the registers.
    fn programmed_start(&self) -> u16 {
        u16::from(self.get(reg::START_HIGH)) << 8 | u16::from(self.get(reg::START_LOW))
    }

    /// Start address in force at `now`: it is taken over at vertical retrace.
    pub fn start(&self, now: u64, timing: &Timing) -> u16 {
        if timing.retraces(now) > timing.retraces(self.start_written) {
            self.programmed_start()
        } else {
            self.old_start
        }
    }

    /// Makes the start address take effect at once: after a change of the frame's timing there is no retrace to wait
    /// for whose time means anything.
    pub fn settle_start(&mut self) {
        self.old_start = self.programmed_start();
    }

    /// Address units from one row to the next.
    pub fn row_offset(&self) -> u32 {
        u32::from(self.get(reg::OFFSET)) * 2
    }

    /// Row scan of the first line, and characters skipped at its left.
    pub fn preset(&self) -> (u32, u32) {
        let v = self.get(reg::PRESET_ROW);
        (u32::from(v & 0x1F), u32::from(v >> 5 & 3))
    }

    /// Row scan lines that the cursor covers, and its address; `None` when it is off.
    pub fn cursor(&self) -> Option<(u8, u8, u16)> {
        let start = self.get(reg::CURSOR_START);
        let (first, last) = (start & 0x1F, self.get(reg::CURSOR_END) & 0x1F);
        let at = u16::from(self.get(reg::CURSOR_HIGH)) << 8 | u16::from(self.get(reg::CURSOR_LOW));
        (start & CURSOR_OFF == 0 && first <= last).then_some((first, last, at))
    }

    /// Row scan of the underline.
    pub fn underline(&self) -> u32 {
        u32::from(self.get(reg::UNDERLINE) & 0x1F)
    }

    /// Character clocks per count of the address counter, as a shift.
    pub fn count_shift(&self) -> u32 {
        if self.get(reg::UNDERLINE) & UNDERLINE_COUNT4 != 0 {
            2
        } else {
            u32::from(self.get(reg::MODE) & MODE_COUNT2 != 0)
        }
    }

    /// Whether the row scan takes part in addresses, as CGA and Hercules layouts need.
    pub fn row_scan_addresses(&self) -> bool {
        self.get(reg::MODE) & (MODE_NO_CGA | MODE_NO_HERCULES) != MODE_NO_CGA | MODE_NO_HERCULES
    }

    /// The plane offset that counter value `ma` fetches on row scan `row_scan`.
    #[inline]
    pub fn address(&self, ma: u32, row_scan: u32) -> u32 {
        let mode = self.get(reg::MODE);
        let mut at = if self.get(reg::UNDERLINE) & UNDERLINE_DWORD != 0 {
            ma << 2 | (ma >> 14 & 3)
        } else if mode & MODE_BYTE != 0 {
            ma
        } else {
            let wrap = if mode & MODE_WRAP15 != 0 { 15 } else { 13 };
            ma << 1 | (ma >> wrap & 1)
        };
        if mode & MODE_NO_CGA == 0 {
            at = (at & !(1 << 13)) | (row_scan & 1) << 13;
        }
        if mode & MODE_NO_HERCULES == 0 {
            at = (at & !(1 << 14)) | (row_scan >> 1 & 1) << 14;
        }
        at & 0xFFFF
    }

    /// The vertical retrace interrupt flag: a retrace has begun since it was last cleared and let go.
    pub fn interrupt_pending(&self, now: u64, timing: &Timing) -> bool {
        self.get(reg::V_SYNC_END) & V_SYNC_END_CLEAR != 0 && timing.retraces(now) > timing.retraces(self.interrupt_from)
    }
}
