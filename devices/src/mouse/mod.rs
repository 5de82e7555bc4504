//! A PS/2 mouse: standard, with wheel (ID 3) or with wheel and five buttons (ID 4).
//!
//! Source: IBM PS/2 Hardware Interface Technical Reference, "Mouse" (commands, modes, packets); Microsoft, "IntelliMouse
//! and 5-button mouse" (the sample-rate sequences 200-100-80 and 200-200-80 that choose ID 3 and 4).
//!
//! Invariants: replies leave before packets, and a command drops the packet under way. Movement is accumulated and
//! reported at most at the sampling rate (`EventId::Mouse`); what does not fit into a packet stays for the next.
//!
//! Not modelled: the resolution (it is remembered; the host's counts are taken as they are) and the overflow bits.

use crate::ctx::{Ctx, NS_PER_SEC};
use crate::sched::EventId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Left button.
pub const BUTTON_LEFT: u8 = 0x01;
/// Right button.
pub const BUTTON_RIGHT: u8 = 0x02;
/// Middle button.
pub const BUTTON_MIDDLE: u8 = 0x04;
/// Fourth button (side, "back").
pub const BUTTON_4: u8 = 0x08;
/// Fifth button (extra, "forward").
pub const BUTTON_5: u8 = 0x10;

const CMD_SCALING_1: u8 = 0xE6;
const CMD_SCALING_2: u8 = 0xE7;
const CMD_RESOLUTION: u8 = 0xE8;
const CMD_STATUS: u8 = 0xE9;
const CMD_STREAM: u8 = 0xEA;
const CMD_READ_DATA: u8 = 0xEB;
const CMD_RESET_WRAP: u8 = 0xEC;
const CMD_WRAP: u8 = 0xEE;
const CMD_REMOTE: u8 = 0xF0;
const CMD_ID: u8 = 0xF2;
const CMD_RATE: u8 = 0xF3;
const CMD_ENABLE: u8 = 0xF4;
const CMD_DISABLE: u8 = 0xF5;
const CMD_DEFAULTS: u8 = 0xF6;
const CMD_RESEND: u8 = 0xFE;
const CMD_RESET: u8 = 0xFF;
const ACK: u8 = 0xFA;
const RESEND: u8 = 0xFE;
const ERROR: u8 = 0xFC;
const BAT_OK: u8 = 0xAA;

/// Packet byte 0: always set.
const PACKET_ALWAYS: u8 = 0x08;
/// Packet byte 0: X is negative.
const PACKET_X_SIGN: u8 = 0x10;
/// Packet byte 0: Y is negative.
const PACKET_Y_SIGN: u8 = 0x20;
/// Status byte: remote mode.
const STATUS_REMOTE: u8 = 0x40;
/// Status byte: reporting enabled.
const STATUS_ENABLED: u8 = 0x20;
/// Status byte: scaling 2:1.
const STATUS_SCALING: u8 = 0x10;

const ID_STANDARD: u8 = 0;
const ID_WHEEL: u8 = 3;
const ID_FIVE_BUTTONS: u8 = 4;
const KNOCK_WHEEL: [u8; 3] = [200, 100, 80];
const KNOCK_FIVE_BUTTONS: [u8; 3] = [200, 200, 80];

const DEFAULT_RATE: u8 = 100;
const DEFAULT_RESOLUTION: u8 = 2;
/// Duration of the self test after a reset command.
const BAT_NS: u64 = 20_000_000;
/// Bound of the accumulated movement; farther than any screen is wide.
const MAX_MOVEMENT: i32 = 1 << 20;

/// What the next byte from the system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Expect {
    Command,
    Resolution,
    Rate,
}

/// The mouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mouse {
    replies: VecDeque<u8>,
    packet: VecDeque<u8>,
    last_sent: u8,
    expect: Expect,
    /// The last command was invalid: a second one is an error.
    bad_command: bool,
    id: u8,
    /// The last three sample rates, oldest first.
    knock: [u8; 3],
    enabled: bool,
    remote: bool,
    wrap: bool,
    scaling_2: bool,
    resolution: u8,
    rate: u8,
    /// Movement not reported yet: right, up, wheel towards the user.
    dx: i32,
    dy: i32,
    dz: i32,
    buttons: u8,
    reported_buttons: u8,
    /// No packet before this.
    next_sample: u64,
    self_test_at: Option<u64>,
}

impl Default for Mouse {
    fn default() -> Self {
        Self::new()
    }
}

impl Mouse {
    /// A mouse after its power-on self test: stream mode, reporting disabled.
    pub fn new() -> Self {
        Self {
            replies: VecDeque::new(),
            packet: VecDeque::new(),
            last_sent: 0,
            expect: Expect::Command,
            bad_command: false,
            id: ID_STANDARD,
            knock: [0; 3],
            enabled: false,
            remote: false,
            wrap: false,
            scaling_2: false,
            resolution: DEFAULT_RESOLUTION,
            rate: DEFAULT_RATE,
            dx: 0,
            dy: 0,
            dz: 0,
            buttons: 0,
            reported_buttons: 0,
            next_sample: 0,
            self_test_at: None,
        }
    }

    /// Power-on state; buttons that are down stay down.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        *self = Self { buttons: self.buttons, ..Self::new() };
        self.arm(ctx);
    }

    /// Movement in counts (`dx` right, `dy` down the screen, `dz` wheel towards the user) and the buttons that are down.
    pub fn input(&mut self, ctx: &mut Ctx, dx: i32, dy: i32, dz: i32, buttons: u8) {
        let add = |sum: i32, delta: i32| sum.saturating_add(delta).clamp(-MAX_MOVEMENT, MAX_MOVEMENT);
        if self.enabled || self.remote {
            self.dx = add(self.dx, dx);
            self.dy = add(self.dy, dy.saturating_neg());
            self.dz = add(self.dz, dz);
        }
        self.buttons = buttons & 0x1F;
        self.arm(ctx);
    }

    /// Whether a driver has enabled the mouse, so that movement has an effect.
    pub fn reporting(&self) -> bool {
        self.enabled
    }

    /// Whether a byte waits for the system.
    pub fn has_output(&self) -> bool {
        !self.replies.is_empty() || !self.packet.is_empty()
    }

    /// The next byte for the system.
    pub fn take_output(&mut self) -> Option<u8> {
        let byte = self.replies.pop_front().or_else(|| self.packet.pop_front())?;
        self.last_sent = byte;
        Some(byte)
    }

    /// A byte from the system.
    pub fn command(&mut self, ctx: &mut Ctx, byte: u8) {
        self.packet.clear();
        if self.wrap && byte != CMD_RESET_WRAP && byte != CMD_RESET {
            return self.replies.push_back(byte);
        }
        match std::mem::replace(&mut self.expect, Expect::Command) {
            Expect::Rate if matches!(byte, 10 | 20 | 40 | 60 | 80 | 100 | 200) => self.set_rate(byte),
            Expect::Resolution if byte < 4 => {
                self.resolution = byte;
                self.replies.push_back(ACK);
            }
            Expect::Command => self.start_command(ctx.now, byte),
            _ => self.refuse(),
        }
        self.arm(ctx);
    }

    fn set_rate(&mut self, rate: u8) {
        self.rate = rate;
        let [_, older, old] = self.knock;
        self.knock = [older, old, rate];
        match self.knock {
            KNOCK_WHEEL if self.id == ID_STANDARD => self.id = ID_WHEEL,
            KNOCK_FIVE_BUTTONS => self.id = ID_FIVE_BUTTONS,
            _ => {}
        }
        self.replies.push_back(ACK);
    }

    /// Once "send again", then "error".
    fn refuse(&mut self) {
        self.replies.push_back(if self.bad_command { ERROR } else { RESEND });
        self.bad_command = !self.bad_command;
    }

    fn start_command(&mut self, now: u64, byte: u8) {
        match byte {
            CMD_RESEND => return self.replies.push_back(self.last_sent),
            CMD_READ_DATA => {
                self.replies.push_back(ACK);
                return self.make_packet();
            }
            _ => {}
        }
        (self.dx, self.dy, self.dz) = (0, 0, 0);
        match byte {
            CMD_SCALING_1 => self.scaling_2 = false,
            CMD_SCALING_2 => self.scaling_2 = true,
            CMD_RESOLUTION => self.expect = Expect::Resolution,
            CMD_RATE => self.expect = Expect::Rate,
            CMD_STATUS => {
                self.replies.extend([ACK, self.status(), self.resolution, self.rate]);
                return self.bad_command = false;
            }
            CMD_STREAM => self.remote = false,
            CMD_RESET_WRAP => self.wrap = false,
            CMD_WRAP => self.wrap = true,
            CMD_REMOTE => self.remote = true,
            CMD_ID => {
                self.replies.extend([ACK, self.id]);
                return self.bad_command = false;
            }
            CMD_ENABLE => {
                self.enabled = true;
                self.reported_buttons = self.buttons;
            }
            CMD_DISABLE => self.enabled = false,
            CMD_DEFAULTS => self.set_defaults(),
            CMD_RESET => {
                self.set_defaults();
                self.id = ID_STANDARD;
                self.knock = [0; 3];
                self.wrap = false;
                self.self_test_at = Some(now.saturating_add(BAT_NS));
            }
            _ => return self.refuse(),
        }
        self.bad_command = false;
        self.replies.push_back(ACK);
    }

    fn set_defaults(&mut self) {
        self.enabled = false;
        self.remote = false;
        self.scaling_2 = false;
        self.resolution = DEFAULT_RESOLUTION;
        self.rate = DEFAULT_RATE;
    }

    fn status(&self) -> u8 {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        flag(self.remote, STATUS_REMOTE)
            | flag(self.enabled, STATUS_ENABLED)
            | flag(self.scaling_2, STATUS_SCALING)
            | flag(self.buttons & BUTTON_LEFT != 0, 4)
            | flag(self.buttons & BUTTON_MIDDLE != 0, 2)
            | flag(self.buttons & BUTTON_RIGHT != 0, 1)
    }

    /// Scaling 2:1, which applies to stream mode only.
    fn scaled(&self, delta: i32) -> i32 {
        if !self.scaling_2 || self.remote {
            return delta;
        }
        match delta.abs() {
            0..=1 => delta,
            2 => delta.signum(),
            3 => 3 * delta.signum(),
            4 => 6 * delta.signum(),
            5 => 9 * delta.signum(),
            _ => (2 * delta).clamp(-255, 255),
        }
    }

    /// Turns the accumulated movement into a packet.
    fn make_packet(&mut self) {
        // Half the range with scaling 2:1, so that nothing is lost.
        let limit = if self.scaling_2 && !self.remote { 127 } else { 255 };
        let take = |sum: &mut i32, low: i32, high: i32| {
            let part = (*sum).clamp(low, high);
            *sum -= part;
            part
        };
        let (raw_x, raw_y) = (take(&mut self.dx, -limit, limit), take(&mut self.dy, -limit, limit));
        let dz = if self.id == ID_STANDARD { std::mem::take(&mut self.dz) } else { take(&mut self.dz, -8, 7) };
        let (dx, dy) = (self.scaled(raw_x), self.scaled(raw_y));
        let mut first = PACKET_ALWAYS | (self.buttons & 7);
        first |= if dx < 0 { PACKET_X_SIGN } else { 0 };
        first |= if dy < 0 { PACKET_Y_SIGN } else { 0 };
        self.packet.extend([first, dx as u8, dy as u8]);
        match self.id {
            ID_WHEEL => self.packet.push_back(dz as u8),
            ID_FIVE_BUTTONS => self.packet.push_back((dz as u8 & 0x0F) | ((self.buttons & 0x18) << 1)),
            _ => {}
        }
        self.reported_buttons = self.buttons;
    }

    /// Whether stream mode has something to say.
    fn wants_to_report(&self) -> bool {
        let wheel = self.dz != 0 && self.id != ID_STANDARD;
        let moved = self.dx != 0 || self.dy != 0 || wheel || self.buttons != self.reported_buttons;
        self.enabled && !self.remote && !self.wrap && moved
    }

    /// `EventId::Mouse` is due.
    pub fn event(&mut self, ctx: &mut Ctx) {
        if self.self_test_at.is_some_and(|at| at <= ctx.now) {
            self.self_test_at = None;
            self.replies.extend([BAT_OK, self.id]);
        }
        if self.wants_to_report() && ctx.now >= self.next_sample {
            self.next_sample = ctx.now.saturating_add(NS_PER_SEC / u64::from(self.rate.max(1)));
            // A packet that the system has not taken yet holds the next one back; movement goes on accumulating.
            if !self.has_output() {
                self.make_packet();
            }
        }
        self.arm(ctx);
    }

    fn arm(&self, ctx: &mut Ctx) {
        let report = self.wants_to_report().then(|| self.next_sample.max(ctx.now));
        match [report, self.self_test_at].into_iter().flatten().min() {
            Some(at) => ctx.sched.set(EventId::Mouse, at),
            None => ctx.sched.cancel(EventId::Mouse),
        }
    }
}

#[cfg(test)]
mod tests;
