//! What the records of a recording say.

use crate::board::Board;
use crate::config::ImageSpec;
use crate::identity::{Layers, MediumId};
use crate::input::{Drive, InputEvent, KeyCode};
use crate::media::Slot;
use crate::media::content::Content;
use crate::state::CPU;
use serde::{Deserialize, Serialize};

/// A place in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// Retired instructions plus idle ticks.
    pub tick: u64,
    /// Retired instructions.
    pub icount: u64,
}

/// Something from outside, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A key went down or up.
    Key(u16, bool),
    /// The mouse: right, down, wheel, buttons.
    Mouse(i32, i32, i32, u8),
    /// The pointer: x, y, buttons.
    MouseAbs(u16, u16, u8),
    /// Bytes at a serial port.
    Serial(u8, Vec<u8>),
    /// A medium was inserted; an image without a file comes with its bytes.
    Insert(Box<MediumId>, Option<Vec<u8>>),
    /// A drive was emptied.
    Eject(Slot),
    /// The reset button.
    Reset,
    /// The power button.
    PowerButton,
}

impl Event {
    /// The input that the event stands for.
    pub fn input(&self) -> InputEvent {
        let drive = |slot: Slot| match slot {
            Slot::Floppy(n) => Drive::Floppy(usize::from(n)),
            Slot::Ide { .. } => Drive::Cdrom,
        };
        match self {
            Self::Key(code, down) => InputEvent::Key { code: KeyCode(*code), down: *down },
            &Self::Mouse(dx, dy, dz, buttons) => InputEvent::Mouse { dx, dy, dz, buttons },
            &Self::MouseAbs(x, y, buttons) => InputEvent::MouseAbs { x, y, buttons },
            Self::Serial(port, bytes) => InputEvent::Serial { port: usize::from(*port), bytes: bytes.clone() },
            Self::Insert(medium, _) => {
                InputEvent::Media { drive: drive(medium.slot), image: Some(ImageSpec::clone(&medium.spec)) }
            }
            Self::Eject(slot) => InputEvent::Media { drive: drive(*slot), image: None },
            Self::Reset => InputEvent::Reset,
            Self::PowerButton => InputEvent::PowerButton,
        }
    }
}

/// The hashes at an instruction count that is a multiple of the chain's interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// The place.
    pub at: Moment,
    /// Hash of the whole machine.
    pub hash: u64,
    /// Which components have another hash than at the epoch before, a bit for each.
    pub changed: u64,
    /// The low halves of their hashes, in the order of the components.
    pub hashes: Vec<u32>,
}

/// How a recording ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The place.
    pub at: Moment,
    /// Hash of the whole machine.
    pub hash: u64,
    /// The hashes of the components.
    pub hashes: Vec<u64>,
}

/// The events since the record before, and the place up to which there are no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// Each with its distance in ticks and in instructions from the one before.
    pub events: Vec<(u64, u64, Event)>,
    /// The place, as such a distance.
    pub until: (u64, u64),
    /// The hashes at that place.
    pub epoch: Option<EpochRecord>,
}

/// An [`Epoch`] as it is written: its place is the batch's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EpochRecord {
    pub hash: u64,
    pub changed: u64,
    pub hashes: Vec<u32>,
}

/// A block of an image before it was overwritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreImage {
    pub ordinal: u32,
    pub block: u64,
    /// lz4.
    pub data: Vec<u8>,
}

/// An image that was written in place, as it is when it leaves its drive or the recording ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    pub ordinal: u32,
    pub content: Content,
    pub layers: Option<Layers>,
}

/// The names of the components in the order of their hashes.
pub fn component_names() -> Vec<&'static str> {
    [CPU, "memory"].iter().chain(Board::COMPONENTS).copied().collect()
}
