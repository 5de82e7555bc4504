//! System instructions, interrupts, tasks and protection.
//!
//! Intel SDM volume 3, chapters 2, 5, 6, 7, 17 and 20, and the system instructions of volume 2.
//!
//! | file | holds |
//! |---|---|
//! | `descriptor` | descriptors and how they are fetched |
//! | `stack` | pushes and pops that commit at the end |
//! | `interrupt`, `softint`, `iret` | delivery of interrupts and exceptions, INT n, and the way back |
//! | `flat` | the short form of the last two, between flat segments of 32-bit protected mode |
//! | `segment`, `far`, `transfer` | segment register loads, far transfers |
//! | `task` | hardware task switches |
//! | `control`, `tables`, `inspect` | control and debug registers, descriptor tables, LAR/LSL/VERR/VERW/ARPL |
//! | `eflags` | CLI, STI, PUSHF, POPF and their virtual-8086 variants |
//! | `msr`, `cpuid`, `fastcall` | model-specific registers, identification, SYSENTER and SYSCALL |
//! | `io` | port I/O and its permission |
//! | `hint` | the reserved NOPs |
//! | `debug` | breakpoints |

pub(crate) mod control;
pub(crate) mod cpuid;
pub(crate) mod debug;
mod descriptor;
mod eflags;
mod far;
mod fastcall;
mod flat;
mod hint;
mod inspect;
mod interrupt;
pub(crate) mod io;
mod iret;
mod msr;
mod segment;
mod softint;
mod stack;
mod tables;
mod task;
mod transfer;

use crate::engine::dispatch::Form;
use iced_x86::Code;

/// Every system instruction.
pub(crate) const ALL: &[&[(Code, Form)]] = &[
    control::FORMS,
    cpuid::FORMS,
    eflags::FORMS,
    far::FORMS,
    fastcall::FORMS,
    hint::FORMS,
    inspect::FORMS,
    io::FORMS,
    iret::FORMS,
    msr::FORMS,
    segment::FORMS,
    softint::FORMS,
    tables::FORMS,
];
