//! A serial port: the 16550A at 3F8h, 2F8h, 3E8h or 2E8h, with its FIFOs and real character times.
//!
//! Source: National Semiconductor PC16550D data sheet (TL/C/8652), sections 8.1-8.9 (registers, IIR priorities, FIFO
//! interrupt and polled mode, loopback).
//!
//! Invariants: a received or looped-back character takes exactly its frame at the programmed divisor. A sent one takes at
//! most [`SENDING_NS`]: whatever is at the other end takes it at any rate, and a system that logs to the port and then
//! switches the machine off would lose what still waits to be sent.
//! The interrupt line is driven only when it changes, so that ports sharing a line (COM1 and COM3) do not disturb
//! each other as long as one of them is in use.
//!
//! Not modelled: the delay of the first THRE after an idle line, the DMA pins, and line errors other than overrun and
//! (in loopback) break: the host's end makes none. Host bytes are paced, and wait while the receiver is full. A
//! divisor of 0 counts as 1. Stick parity changes only timing, as parity does.

mod regs;

use crate::ctx::{Ctx, NS_PER_SEC};
use crate::sched::EventId;
use regs::*;
pub use regs::{MSR_CTS, MSR_DCD, MSR_DSR, MSR_RI};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// First port of COM1 to COM4; each has eight.
pub const PORTS: [u16; 4] = [0x3F8, 0x2F8, 0x3E8, 0x2E8];
/// Interrupt lines of COM1 to COM4.
pub const IRQS: [u8; 4] = [4, 3, 4, 3];

const TIMERS: [EventId; 4] = [EventId::Uart0, EventId::Uart1, EventId::Uart2, EventId::Uart3];
/// Crystal in Hz; a bit takes 16 x divisor of its cycles.
const UART_HZ: u64 = 1_843_200;
const FIFO_SIZE: usize = 16;
/// Receiver FIFO trigger levels by FCR bits 7-6.
const TRIGGER: [usize; 4] = [1, 4, 8, 14];
/// Longest time that a character takes to leave the transmitter, ns.
pub const SENDING_NS: u64 = 1_000;
/// Divisor after power-on: 9600 baud.
const DEFAULT_DIVISOR: u16 = 12;

/// A received character and its LSR error bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Received {
    data: u8,
    errors: u8,
}

/// The port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uart {
    line: u8,
    timer: EventId,
    ier: u8,
    fcr: u8,
    lcr: u8,
    mcr: u8,
    scr: u8,
    divisor: u16,
    /// LSR error bits that were not read yet.
    errors: u8,
    /// MSR: deltas in the low nibble, the lines as last seen in the high one.
    msr: u8,
    /// Modem lines as the other end drives them.
    modem: u8,
    rx: VecDeque<Received>,
    tx: VecDeque<u8>,
    /// The character on the line.
    shift: Option<u8>,
    thre_pending: bool,
    timeout_pending: bool,
    /// When the character on the line ends.
    tx_done: Option<u64>,
    /// When the next character from the other end is complete.
    rx_due: Option<u64>,
    /// When the character timeout strikes.
    timeout_at: Option<u64>,
    /// Characters that the other end has still to send.
    incoming: VecDeque<u8>,
    irq_high: bool,
    /// Characters sent; the host's, not the guest's state.
    #[serde(skip)]
    sent: Vec<u8>,
}

impl Uart {
    /// COM1 to COM4 for `index` 0 to 3. The other end asserts CTS, DSR and DCD.
    pub fn new(index: usize) -> Self {
        let index = index & 3;
        Self {
            line: IRQS[index],
            timer: TIMERS[index],
            ier: 0,
            fcr: 0,
            lcr: 0,
            mcr: 0,
            scr: 0,
            divisor: DEFAULT_DIVISOR,
            errors: 0,
            msr: MSR_CTS | MSR_DSR | MSR_DCD,
            modem: MSR_CTS | MSR_DSR | MSR_DCD,
            rx: VecDeque::new(),
            tx: VecDeque::new(),
            shift: None,
            thre_pending: false,
            timeout_pending: false,
            tx_done: None,
            rx_due: None,
            timeout_at: None,
            incoming: VecDeque::new(),
            irq_high: false,
            sent: Vec::new(),
        }
    }

    /// 8 data bits, no parity, 1 stop bit: as boot loaders leave a port, and as kernels that only set a rate expect it.
    pub fn set_8n1(&mut self) {
        self.lcr = 3;
    }

    /// Master reset: the scratch register and the divisor survive, and so does what the other end is sending.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        self.ier = 0;
        self.fcr = 0;
        self.lcr = 0;
        self.mcr = 0;
        self.errors = 0;
        self.rx.clear();
        self.tx.clear();
        self.shift = None;
        self.tx_done = None;
        self.thre_pending = false;
        self.stop_timeout();
        self.update_modem();
        self.msr &= 0xF0;
        self.settle(ctx);
    }

    /// Bytes that arrive from the other end, one character time apart.
    pub fn push_rx(&mut self, ctx: &mut Ctx, bytes: &[u8]) {
        self.incoming.extend(bytes);
        self.settle(ctx);
    }

    /// How many pushed bytes have not reached the receiver yet.
    pub fn rx_backlog(&self) -> usize {
        self.incoming.len()
    }

    /// The bytes sent since the last call.
    pub fn take_tx(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.sent)
    }

    /// Drives the modem lines (`MSR_CTS`, `MSR_DSR`, `MSR_RI`, `MSR_DCD`).
    pub fn set_modem(&mut self, ctx: &mut Ctx, lines: u8) {
        self.modem = lines & 0xF0;
        self.update_modem();
        self.settle(ctx);
    }

    fn fifos(&self) -> bool {
        self.fcr & FCR_ENABLE != 0
    }

    fn loopback(&self) -> bool {
        self.mcr & MCR_LOOP != 0
    }

    fn capacity(&self) -> usize {
        if self.fifos() { FIFO_SIZE } else { 1 }
    }

    /// Duration of one character in ns.
    fn character_ns(&self) -> u64 {
        let data = 5 + u64::from(self.lcr & 3);
        let parity = u64::from(self.lcr & LCR_PARITY != 0);
        let half_stops = match (self.lcr & LCR_STOP != 0, data) {
            (false, _) => 2,
            (true, 5) => 3,
            (true, _) => 4,
        };
        let half_bits = 2 * (1 + data + parity) + half_stops;
        half_bits * 8 * u64::from(self.divisor.max(1)) * NS_PER_SEC / UART_HZ
    }

    /// Reads register `port & 7`.
    pub fn read(&mut self, ctx: &mut Ctx, port: u16) -> u8 {
        let dlab = self.lcr & LCR_DLAB != 0;
        let value = match port & 7 {
            0 if dlab => self.divisor.to_le_bytes()[0],
            1 if dlab => self.divisor.to_le_bytes()[1],
            0 => self.read_rbr(ctx.now),
            1 => self.ier,
            2 => self.read_iir(),
            3 => self.lcr,
            4 => self.mcr,
            5 => self.read_lsr(),
            6 => {
                let lines = self.msr & 0xF0;
                std::mem::replace(&mut self.msr, lines)
            }
            _ => self.scr,
        };
        self.settle(ctx);
        value
    }

    /// Writes register `port & 7`.
    pub fn write(&mut self, ctx: &mut Ctx, port: u16, value: u8) {
        let dlab = self.lcr & LCR_DLAB != 0;
        match port & 7 {
            0 if dlab => self.divisor = self.divisor & 0xFF00 | u16::from(value),
            1 if dlab => self.divisor = self.divisor & 0x00FF | u16::from(value) << 8,
            0 => {
                // The interrupt drops even if it comes back at once: an edge-triggered controller must see that.
                self.thre_pending = false;
                self.drive_irq(ctx);
                self.write_thr(ctx.now, value);
            }
            1 => self.write_ier(value),
            2 => self.write_fcr(value),
            3 => self.write_lcr(ctx.now, value),
            4 => {
                self.mcr = value & MCR_WRITABLE;
                self.update_modem();
            }
            5 | 6 => {} // LSR and MSR are read-only
            _ => self.scr = value,
        }
        self.settle(ctx);
    }

    fn read_rbr(&mut self, now: u64) -> u8 {
        let data = self.rx.pop_front().map_or(0, |c| c.data);
        self.reveal_errors();
        self.restart_timeout(now);
        data
    }

    fn write_thr(&mut self, now: u64, value: u8) {
        if self.tx.len() < self.capacity() {
            self.tx.push_back(value);
        } else if let Some(last) = self.tx.back_mut() {
            *last = value;
        }
        self.start_transmission(now);
    }

    fn write_ier(&mut self, value: u8) {
        let rising = value & !self.ier;
        self.ier = value & 0x0F;
        // Enabling the interrupt while the register is empty raises it each time: drivers start sending this way.
        if rising & IER_ETBEI != 0 && self.tx.is_empty() {
            self.thre_pending = true;
        }
    }

    fn write_fcr(&mut self, value: u8) {
        let toggled = (value ^ self.fcr) & FCR_ENABLE != 0;
        if toggled || value & FCR_CLEAR_RX != 0 {
            self.rx.clear();
            self.stop_timeout();
        }
        if (toggled || value & FCR_CLEAR_TX != 0) && !self.tx.is_empty() {
            self.tx.clear();
            self.thre_pending = true;
        }
        // The other bits are only taken while the FIFOs are enabled by the same write.
        self.fcr = if value & FCR_ENABLE != 0 { value & 0xC9 } else { 0 };
    }

    fn write_lcr(&mut self, now: u64, value: u8) {
        let break_starts = value & !self.lcr & LCR_BREAK != 0;
        self.lcr = value;
        if break_starts && self.loopback() {
            self.receive(now, Received { data: 0, errors: LSR_BI });
        }
    }

    fn read_lsr(&mut self) -> u8 {
        let mut lsr = self.errors;
        if !self.rx.is_empty() {
            lsr |= LSR_DR;
        }
        if self.tx.is_empty() {
            lsr |= LSR_THRE;
            if self.shift.is_none() {
                lsr |= LSR_TEMT;
            }
        }
        if self.fifos() && (self.errors & !LSR_OE != 0 || self.rx.iter().any(|c| c.errors != 0)) {
            lsr |= LSR_FIFO_ERROR;
        }
        self.errors = 0;
        lsr
    }

    /// The errors of a character show when it becomes the next one to be read.
    fn reveal_errors(&mut self) {
        if let Some(top) = self.rx.front_mut() {
            self.errors |= std::mem::take(&mut top.errors);
        }
    }

    /// The highest pending interrupt in IIR form.
    fn interrupt(&self) -> u8 {
        let trigger = if self.fifos() { TRIGGER[usize::from(self.fcr >> 6)] } else { 1 };
        let enabled = |bit: u8| self.ier & bit != 0;
        if enabled(IER_ELSI) && self.errors & LSR_ERRORS != 0 {
            IIR_LINE
        } else if enabled(IER_ERBFI) && self.rx.len() >= trigger {
            IIR_RX
        } else if enabled(IER_ERBFI) && self.timeout_pending {
            IIR_TIMEOUT
        } else if enabled(IER_ETBEI) && self.thre_pending {
            IIR_THRE
        } else if enabled(IER_EDSSI) && self.msr & 0x0F != 0 {
            IIR_MODEM
        } else {
            IIR_NONE
        }
    }

    fn read_iir(&mut self) -> u8 {
        let source = self.interrupt();
        if source == IIR_THRE {
            self.thre_pending = false;
        }
        source | if self.fifos() { IIR_FIFO } else { 0 }
    }

    /// The modem lines as MSR shows them: the pins, or in loopback MCR's outputs.
    fn update_modem(&mut self) {
        let lines = if self.loopback() {
            [(MCR_RTS, MSR_CTS), (MCR_DTR, MSR_DSR), (MCR_OUT1, MSR_RI), (MCR_OUT2, MSR_DCD)]
                .iter()
                .filter(|(output, _)| self.mcr & output != 0)
                .fold(0, |lines, (_, input)| lines | input)
        } else {
            self.modem
        };
        let changed = (lines ^ self.msr) & 0xF0;
        let mut deltas = (changed & !MSR_RI) >> 4;
        if changed & MSR_RI != 0 && lines & MSR_RI == 0 {
            deltas |= MSR_TERI;
        }
        self.msr = lines | (self.msr & 0x0F) | deltas;
    }

    /// Moves the next character to the shift register, if that is free at `at`.
    fn start_transmission(&mut self, at: u64) {
        if self.shift.is_some() {
            return;
        }
        if let Some(byte) = self.tx.pop_front() {
            self.shift = Some(byte);
            let frame = self.character_ns();
            let ns = if self.loopback() { frame } else { frame.min(SENDING_NS) };
            self.tx_done = Some(at.saturating_add(ns));
            if self.tx.is_empty() {
                self.thre_pending = true;
            }
        }
    }

    fn end_transmission(&mut self, at: u64) {
        self.tx_done = None;
        if let Some(byte) = self.shift.take() {
            let data = byte & (0xFF >> (3 - (self.lcr & 3)));
            if self.loopback() {
                self.receive(at, Received { data, errors: 0 });
            } else {
                self.sent.push(data);
            }
        }
        self.start_transmission(at);
    }

    /// A character is complete in the receiver.
    fn receive(&mut self, at: u64, character: Received) {
        if self.rx.len() >= self.capacity() {
            self.errors |= LSR_OE;
            // A full FIFO keeps its characters; without FIFO the new one takes the old one's place.
            if !self.fifos() {
                self.rx.clear();
                self.rx.push_back(character);
                self.reveal_errors();
            }
            return;
        }
        self.rx.push_back(character);
        if self.rx.len() == 1 {
            self.reveal_errors();
        }
        self.restart_timeout(at);
    }

    fn restart_timeout(&mut self, at: u64) {
        self.timeout_pending = false;
        self.timeout_at = (self.fifos() && !self.rx.is_empty()).then(|| at.saturating_add(4 * self.character_ns()));
    }

    fn stop_timeout(&mut self) {
        self.timeout_pending = false;
        self.timeout_at = None;
    }

    /// The port's timer is due.
    pub fn event(&mut self, ctx: &mut Ctx) {
        let due = |at: Option<u64>| at.filter(|&at| at <= ctx.now);
        if let Some(at) = due(self.tx_done) {
            self.end_transmission(at);
        }
        if let Some(at) = due(self.rx_due) {
            self.rx_due = None;
            if self.can_receive()
                && let Some(data) = self.incoming.pop_front()
            {
                self.receive(at, Received { data, errors: 0 });
            }
        }
        if due(self.timeout_at).is_some() {
            self.timeout_at = None;
            self.timeout_pending = true;
        }
        self.settle(ctx);
    }

    /// Whether a character from the other end would be taken without loss.
    fn can_receive(&self) -> bool {
        !self.loopback() && self.rx.len() < self.capacity()
    }

    /// After any change: the other end's next character, the timer, the interrupt line.
    fn settle(&mut self, ctx: &mut Ctx) {
        if self.rx_due.is_none() && !self.incoming.is_empty() && self.can_receive() {
            self.rx_due = Some(ctx.now.saturating_add(self.character_ns()));
        }
        match [self.tx_done, self.rx_due, self.timeout_at].into_iter().flatten().min() {
            Some(at) => ctx.sched.set(self.timer, at),
            None => ctx.sched.cancel(self.timer),
        }
        self.drive_irq(ctx);
    }

    fn drive_irq(&mut self, ctx: &mut Ctx) {
        let irq = self.mcr & MCR_OUT2 != 0 && self.interrupt() != IIR_NONE;
        if irq != self.irq_high {
            self.irq_high = irq;
            ctx.irq.set(self.line, irq);
        }
    }
}

#[cfg(test)]
mod tests;
