//! The event scheduler: one deadline per timer, ordered by (deadline, id).
//!
//! Every device timer has a fixed slot, [`EventId`]; there is no allocation and no order that depends on insertion,
//! so two runs that arm the same timers pop the same events. Deadlines are virtual nanoseconds since power-on.
//!
//! Invariant: `next` is always the minimum over all slots, ties broken by the smaller id.

use serde::{Deserialize, Serialize};

/// A device timer. The order of the variants is the order in which events with equal deadlines are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum EventId {
    /// 8254 counter 0: the next edge of its output (IRQ 0).
    PitChannel0,
    /// MC146818 periodic interrupt.
    RtcPeriodic,
    /// MC146818 update cycle, alarm included.
    RtcUpdate,
    /// 8042: the next byte moves from a device's queue to the output buffer.
    KbcTransfer,
    /// Keyboard: typematic repeat or a delayed reply.
    Keyboard,
    /// PS/2 mouse: the next sampled packet.
    Mouse,
    /// 82077: command, seek or sector done.
    Fdc,
    /// First IDE channel: command or sector done.
    Ide0,
    /// Second IDE channel: command or sector done.
    Ide1,
    /// COM1 transmitter or receiver timeout.
    Uart0,
    /// COM2 transmitter or receiver timeout.
    Uart1,
    /// COM3 transmitter or receiver timeout.
    Uart2,
    /// COM4 transmitter or receiver timeout.
    Uart3,
    /// Parallel port acknowledge.
    Lpt0,
    /// VGA: vertical retrace interrupt or frame start.
    Vga,
    /// PIIX4 power-management timer overflow.
    PmTimer,
    /// Bus-master IDE transfer, first channel.
    BusMaster0,
    /// Bus-master IDE transfer, second channel.
    BusMaster1,
    /// Local APIC timer: the end of a count.
    LapicTimer,
}

impl EventId {
    /// Number of slots.
    pub const COUNT: usize = Self::ALL.len();
    /// All ids in delivery order.
    pub const ALL: [Self; 19] = [
        Self::PitChannel0,
        Self::RtcPeriodic,
        Self::RtcUpdate,
        Self::KbcTransfer,
        Self::Keyboard,
        Self::Mouse,
        Self::Fdc,
        Self::Ide0,
        Self::Ide1,
        Self::Uart0,
        Self::Uart1,
        Self::Uart2,
        Self::Uart3,
        Self::Lpt0,
        Self::Vga,
        Self::PmTimer,
        Self::BusMaster0,
        Self::BusMaster1,
        Self::LapicTimer,
    ];
}

const NEVER: u64 = u64::MAX;

/// The table of deadlines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduler {
    deadline: [u64; EventId::COUNT],
    next: u64,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self { deadline: [NEVER; EventId::COUNT], next: NEVER }
    }
}

impl Scheduler {
    /// Arms `id` for `at` (virtual ns), replacing an earlier deadline of the same id.
    pub fn set(&mut self, id: EventId, at: u64) {
        let old = std::mem::replace(&mut self.deadline[id as usize], at);
        if at <= self.next {
            self.next = at;
        } else if old == self.next {
            self.refresh();
        }
    }

    /// Disarms `id`.
    pub fn cancel(&mut self, id: EventId) {
        self.set(id, NEVER);
    }

    /// The deadline of `id` (virtual ns), if armed.
    pub fn deadline(&self, id: EventId) -> Option<u64> {
        Some(self.deadline[id as usize]).filter(|&at| at != NEVER)
    }

    /// The earliest deadline of all, `u64::MAX` when nothing is armed.
    pub fn next_deadline(&self) -> u64 {
        self.next
    }

    /// Takes the first event that is due at `now`; call until it returns `None`.
    pub fn pop_due(&mut self, now: u64) -> Option<EventId> {
        if self.next > now {
            return None;
        }
        let id = *EventId::ALL.iter().find(|id| self.deadline[**id as usize] == self.next)?;
        self.cancel(id);
        Some(id)
    }

    /// Finds the earliest deadline again: for a table that came from outside, where what it says may be wrong.
    pub fn refresh(&mut self) {
        self.next = self.deadline.iter().copied().min().unwrap_or(NEVER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_known_after_every_change() {
        let mut s = Scheduler::default();
        for (id, at) in
            [(EventId::Fdc, 10), (EventId::Mouse, 7), (EventId::Vga, 7), (EventId::Mouse, 20), (EventId::Vga, 30)]
        {
            s.set(id, at);
            assert_eq!(s.next_deadline(), s.deadline.iter().copied().min().unwrap());
        }
        assert_eq!(s.next_deadline(), 10);
        s.cancel(EventId::Fdc);
        assert_eq!(s.next_deadline(), 20);
        s.next = 1;
        s.refresh();
        assert_eq!(s.next_deadline(), 20);
    }

    #[test]
    fn events_pop_by_deadline_then_id() {
        let mut s = Scheduler::default();
        s.set(EventId::Fdc, 10);
        s.set(EventId::PitChannel0, 10);
        s.set(EventId::Mouse, 5);
        assert_eq!(s.next_deadline(), 5);
        assert_eq!(s.pop_due(4), None);
        assert_eq!(s.pop_due(10), Some(EventId::Mouse));
        assert_eq!(s.pop_due(10), Some(EventId::PitChannel0));
        assert_eq!(s.pop_due(10), Some(EventId::Fdc));
        assert_eq!(s.pop_due(u64::MAX - 1), None);
    }

    #[test]
    fn cancel_and_rearm() {
        let mut s = Scheduler::default();
        s.set(EventId::Vga, 7);
        s.set(EventId::Vga, 9);
        assert_eq!(s.deadline(EventId::Vga), Some(9));
        s.cancel(EventId::Vga);
        assert_eq!(s.next_deadline(), u64::MAX);
    }

    #[test]
    fn every_id_has_its_own_slot() {
        for (i, id) in EventId::ALL.iter().enumerate() {
            assert_eq!(*id as usize, i);
        }
    }
}
