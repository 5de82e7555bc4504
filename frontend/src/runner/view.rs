//! What the machine's thread hands to a display: the last picture, behind a lock that is held only to copy it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rewind86_machine::{Frame, TextScreen};

use super::pace::Rate;

/// What a display wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Nothing.
    Nothing,
    /// Pixels in every mode.
    #[cfg_attr(not(feature = "window"), expect(dead_code, reason = "only a window asks for them"))]
    Pixels,
    /// Characters in text modes, pixels in others.
    Text,
}

/// A picture of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Pixels.
    Pixels(Frame),
    /// Characters.
    Text(TextScreen),
}

/// The machine as a display sees it.
#[derive(Clone, Debug)]
pub struct View {
    /// Counts the changes of `picture`.
    pub generation: u64,
    /// The screen.
    pub picture: Picture,
    /// Whether `picture` is a graphics mode; text modes want the host's pointer shown.
    pub graphics: bool,
    /// How fast it runs.
    pub rate: Rate,
    /// Held by the user.
    pub paused: bool,
    /// A short note for the user: a screenshot's name, an error.
    pub note: Option<String>,
}

/// Shared by the machine's thread and the display.
#[derive(Debug)]
pub struct Shared {
    view: Mutex<View>,
    ended: AtomicBool,
}

impl Shared {
    /// Nothing seen yet.
    pub fn new() -> Self {
        let view = View {
            generation: 0,
            picture: Picture::Pixels(Frame::default()),
            graphics: false,
            rate: Rate::default(),
            paused: false,
            note: None,
        };
        Self { view: Mutex::new(view), ended: AtomicBool::new(false) }
    }

    /// The view; a lock lost to a panic elsewhere still holds a picture.
    pub fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine's thread is over.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Marks the end, also when the thread unwinds.
    pub fn end_on_drop(&self) -> impl Drop + '_ {
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Release);
            }
        }
        End(&self.ended)
    }
}
