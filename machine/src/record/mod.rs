//! Recordings: everything that came from outside, at its moment, and a hash chain over the state of the machine.
//!
//! A recording starts with the machine's description and its state at the start (power-on, or a snapshot), goes on with the
//! events that came through [`crate::Machine::input`], and every N instructions holds the hash of every
//! component. Blocks of images that the guest overwrote in place are kept as they were, so that the run can be
//! given again from the image it changed. See [`log`] for the file.
//!
//! The moment of an event is a *tick*: retired instructions plus idle ticks ([`crate::board::clock`]), because time
//! goes on while the processor is halted and the instruction count stands. Events of one tick are applied in the order
//! of the file, after everything that the machine itself does at that tick.

pub mod event;
pub(crate) mod log;
pub(crate) mod player;
pub(crate) mod recorder;
pub mod recording;

pub use event::{Epoch, Event, Moment};
pub use recorder::RecordOptions;
pub use recording::{Recording, RecordingError};
