//! The one door through which anything from outside reaches the guest: keys, pointer, serial bytes, media, buttons.
//!
//! An event is applied at the instruction count and virtual time at which [`crate::Machine::input`] is called; a
//! recorder needs to see nothing else.

use crate::board::{Board, ctx};
use crate::build::CDROM;
use crate::config::ImageSpec;
use crate::error::{MachineError, Role};
use crate::media::Slot;
use rewind86_devices::ctx::Ctx;
pub use rewind86_devices::keyboard::KeyCode;
use serde::{Deserialize, Serialize};

/// Where the absolute pointer was last, in a grid of [`GRID`] positions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    x: i32,
    y: i32,
}

/// The mouse counts that the width and height of the screen are worth: a PS/2 mouse without acceleration then follows the
/// pointer in a 640x480 mode, and the edges bring it back in step in any other.
const GRID: (i32, i32) = (640, 480);

/// A drive with exchangeable media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// A: is 0, B: is 1.
    Floppy(usize),
    /// The CD-ROM drive.
    Cdrom,
}

impl Drive {
    /// Its place; `None` when there is no such drive.
    pub(crate) fn slot(self) -> Option<Slot> {
        match self {
            Self::Floppy(n @ 0..=1) => Some(Slot::Floppy(n as u8)),
            Self::Floppy(_) => None,
            Self::Cdrom => Some(CDROM.into()),
        }
    }
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

/// Applies `event` to the board at virtual time `now`.
pub(crate) fn apply(board: &mut Board, now: u64, event: InputEvent) -> Result<(), MachineError> {
    let mut ctx = ctx!(board, now);
    match event {
        InputEvent::Key { code, down } => {
            board.kbc.key(&mut ctx, code, down);
            board.requests.wake |= board.suspended;
        }
        InputEvent::Mouse { dx, dy, dz, buttons } => board.kbc.mouse_input(&mut ctx, dx, dy, dz, buttons),
        InputEvent::MouseAbs { x, y, buttons } => {
            let dx = follow(&mut board.pointer.x, x, GRID.0);
            let dy = follow(&mut board.pointer.y, y, GRID.1);
            board.kbc.mouse_input(&mut ctx, dx, dy, 0, buttons);
        }
        InputEvent::Serial { port, bytes } => {
            if let Some(uart) = board.uarts.get_mut(port) {
                uart.push_rx(&mut ctx, &bytes);
            }
        }
        InputEvent::Media { drive, image } => return change_media(board, drive, image),
        InputEvent::Reset => board.requests.reset = true,
        InputEvent::PowerButton => board.press_power(now),
    }
    Ok(())
}

/// The counts that move the pointer along one axis to `to`; at an edge a whole screen more, so that it gets there.
fn follow(at: &mut i32, to: u16, size: i32) -> i32 {
    let place = i32::from(to) * (size - 1) / i32::from(u16::MAX);
    let edge = match to {
        0 => -size,
        u16::MAX => size,
        _ => 0,
    };
    let moved = place - *at;
    *at = place;
    if moved == 0 && edge != 0 { 0 } else { moved + edge }
}

/// The old medium is taken out first, so that the same file can be put in again.
fn change_media(board: &mut Board, drive: Drive, image: Option<ImageSpec>) -> Result<(), MachineError> {
    match drive {
        Drive::Floppy(n @ 0..=1) => {
            let slot = Slot::Floppy(n as u8);
            drop(board.fdc.eject(n as u8));
            board.media.remove(slot);
            if let Some(spec) = image {
                let medium = board.media.open(slot, Role::Floppy(n), &spec)?;
                board.fdc.insert(n as u8, medium);
            }
        }
        Drive::Floppy(_) => {
            return Err(MachineError::config("--floppy", "there is no such drive", "use A: or B:"));
        }
        Drive::Cdrom => {
            let Some(cdrom) = board.ide.cdrom(CDROM) else {
                return Err(MachineError::config(
                    "--cdrom",
                    "the machine has no CD-ROM drive",
                    "start it with --cdrom",
                ));
            };
            cdrom.eject(true);
            board.media.remove(CDROM.into());
            if let Some(spec) = image {
                cdrom.insert(board.media.open(CDROM.into(), Role::Cdrom, &spec)?);
            }
        }
    }
    Ok(())
}
