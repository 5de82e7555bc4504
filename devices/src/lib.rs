//! The chips of a PC, one file or folder each, with the event scheduler they share.
//!
//! A device is a plain struct whose serde form is its complete guest-visible state (host objects such as media are
//! `#[serde(skip)]`). It computes from [`ctx::Ctx::now`] and is never ticked; what must happen later is armed in
//! [`sched::Scheduler`] under the device's own [`sched::EventId`]. Devices know no CPU and no host.
#![forbid(unsafe_code)]

// First: its macro is in scope for the modules below it.
#[cfg(test)]
#[macro_use]
mod testing;

pub mod ctx;
pub mod dma;
pub mod fdc;
pub mod ide;
pub mod ioapic;
pub mod kbc;
pub mod keyboard;
pub mod lapic;
pub mod lpt;
pub mod medium;
pub mod mouse;
pub mod pci;
pub mod pic;
pub mod pit;
pub mod rtc;
pub mod sched;
pub mod sysctl;
pub mod testdev;
pub mod uart;
pub mod vga;
