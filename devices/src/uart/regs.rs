//! Register bits of the 16550A.

/// IER: received data available (and character timeout).
pub(super) const IER_ERBFI: u8 = 0x01;
/// IER: transmitter holding register empty.
pub(super) const IER_ETBEI: u8 = 0x02;
/// IER: receiver line status.
pub(super) const IER_ELSI: u8 = 0x04;
/// IER: modem status.
pub(super) const IER_EDSSI: u8 = 0x08;

/// IIR: nothing pending.
pub(super) const IIR_NONE: u8 = 0x01;
/// IIR: modem status, priority 4.
pub(super) const IIR_MODEM: u8 = 0x00;
/// IIR: transmitter holding register empty, priority 3.
pub(super) const IIR_THRE: u8 = 0x02;
/// IIR: received data available, priority 2.
pub(super) const IIR_RX: u8 = 0x04;
/// IIR: receiver line status, priority 1.
pub(super) const IIR_LINE: u8 = 0x06;
/// IIR: character timeout, priority 2.
pub(super) const IIR_TIMEOUT: u8 = 0x0C;
/// IIR: FIFOs enabled.
pub(super) const IIR_FIFO: u8 = 0xC0;

/// FCR: FIFOs enabled.
pub(super) const FCR_ENABLE: u8 = 0x01;
/// FCR: clear the receiver FIFO.
pub(super) const FCR_CLEAR_RX: u8 = 0x02;
/// FCR: clear the transmitter FIFO.
pub(super) const FCR_CLEAR_TX: u8 = 0x04;

/// LCR: two stop bits (1.5 with five data bits).
pub(super) const LCR_STOP: u8 = 0x04;
/// LCR: parity enabled.
pub(super) const LCR_PARITY: u8 = 0x08;
/// LCR: send a break.
pub(super) const LCR_BREAK: u8 = 0x40;
/// LCR: divisor latch access.
pub(super) const LCR_DLAB: u8 = 0x80;

/// MCR: data terminal ready.
pub(super) const MCR_DTR: u8 = 0x01;
/// MCR: request to send.
pub(super) const MCR_RTS: u8 = 0x02;
/// MCR: OUT1.
pub(super) const MCR_OUT1: u8 = 0x04;
/// MCR: OUT2, which on a PC connects the interrupt output to the bus.
pub(super) const MCR_OUT2: u8 = 0x08;
/// MCR: local loopback.
pub(super) const MCR_LOOP: u8 = 0x10;
/// MCR bits that exist.
pub(super) const MCR_WRITABLE: u8 = 0x1F;

/// LSR: data ready.
pub(super) const LSR_DR: u8 = 0x01;
/// LSR: overrun.
pub(super) const LSR_OE: u8 = 0x02;
/// LSR: break interrupt.
pub(super) const LSR_BI: u8 = 0x10;
/// LSR: overrun, parity, framing and break.
pub(super) const LSR_ERRORS: u8 = 0x1E;
/// LSR: transmitter holding register (or FIFO) empty.
pub(super) const LSR_THRE: u8 = 0x20;
/// LSR: transmitter empty.
pub(super) const LSR_TEMT: u8 = 0x40;
/// LSR: an error in the receiver FIFO.
pub(super) const LSR_FIFO_ERROR: u8 = 0x80;

/// MSR: a modem line: clear to send.
pub const MSR_CTS: u8 = 0x10;
/// MSR: a modem line: data set ready.
pub const MSR_DSR: u8 = 0x20;
/// MSR: a modem line: ring indicator.
pub const MSR_RI: u8 = 0x40;
/// MSR: a modem line: data carrier detect.
pub const MSR_DCD: u8 = 0x80;
/// MSR: trailing edge of the ring indicator.
pub(super) const MSR_TERI: u8 = 0x04;
