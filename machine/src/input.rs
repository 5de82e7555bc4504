//! The one door through which anything from outside reaches the guest: keys, pointer, serial bytes, media, buttons.
//!
//! An event is applied at the instruction count and virtual time at which [`crate::Machine::input`] is called; a
//! recorder needs to see nothing else.

use crate::config::ImageSpec;

/// A key by its scan code of set 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyCode(pub u16);

/// A drive with exchangeable media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// A: is 0, B: is 1.
    Floppy(usize),
    /// The CD-ROM drive.
    Cdrom,
}

/// Something from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// A key goes down or up.
    Key {
        /// Which key.
        code: KeyCode,
        /// `true` when it goes down.
        down: bool,
    },
    /// The mouse moved or its buttons changed. Right and up (`dy` negative is up on the screen) in mickeys.
    Mouse {
        /// To the right.
        dx: i32,
        /// Down the screen.
        dy: i32,
        /// Wheel, towards the user.
        dz: i32,
        /// Bit 0 left, bit 1 right, bit 2 middle.
        buttons: u8,
    },
    /// The pointer is at a place of the screen, 0 to 65535 from left to right and top to bottom.
    MouseAbs {
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
        /// As in `Mouse`.
        buttons: u8,
    },
    /// Bytes arrive at a serial port.
    Serial {
        /// COM1 is 0.
        port: usize,
        /// The bytes in order.
        bytes: Vec<u8>,
    },
    /// A medium is inserted (`Some`) or removed.
    Media {
        /// The drive.
        drive: Drive,
        /// The new medium.
        image: Option<ImageSpec>,
    },
    /// The reset button.
    Reset,
    /// The power button.
    PowerButton,
}
