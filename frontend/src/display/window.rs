//! The desktop window, by minifb. It runs on the main thread, as some systems demand, and only looks at what the
//! machine's thread left for it.
//!
//! The library gives keys by what they are on the host's layout, not by their place, and has no relative mouse; see
//! [`super::pointer`] for what is done about the latter.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use minifb::{InputCallback, Key, MouseButton, MouseMode, ScaleMode, Window, WindowOptions};
use rewind86_machine::InputEvent;

use super::keys::Held;
use super::pointer::Pointer;
use super::scale::{Fit, Scaler};
use super::window_keys::{ALT, CTRL, hot_key, scan_code};
use super::{Control, HotKey};
use crate::runner::view::{Picture, Shared, View};

/// The first size of the window: 720x400 text, 640x480 and doubled 320x200 fit unscaled.
const SIZE: (usize, usize) = (800, 600);
/// Frames a second at most.
const FPS: usize = 60;
/// An unchanged picture is drawn again so often, for window systems that lose it.
const REDRAW: Duration = Duration::from_millis(200);
/// How often the title is written, and how long a note stays in it.
const TITLE: Duration = Duration::from_millis(500);
const NOTE: Duration = Duration::from_secs(3);

/// Key edges in the order they happen; polling would lose short ones.
#[derive(Clone, Debug, Default)]
struct Edges(Rc<RefCell<Vec<(Key, bool)>>>);

impl InputCallback for Edges {
    fn add_char(&mut self, _: u32) {}

    fn set_key_state(&mut self, key: Key, down: bool) {
        self.0.borrow_mut().push((key, down));
    }
}

fn open(title: &str, size: (usize, usize), edges: &Edges) -> Result<Window, String> {
    let options = WindowOptions { resize: true, scale_mode: ScaleMode::Stretch, ..WindowOptions::default() };
    let mut window = Window::new(title, size.0, size.1, options).map_err(|e| e.to_string())?;
    window.set_target_fps(FPS);
    window.set_input_callback(Box::new(edges.clone()));
    Ok(window)
}

/// An open window.
pub struct WindowDisplay {
    window: Window,
    name: String,
    edges: Edges,
    /// The size the program asked for; another one is the user's wish.
    asked: (usize, usize),
    scaler: Scaler,
    buffer: Vec<u32>,
    fit: Fit,
    /// Size of the guest's picture.
    picture: (usize, usize),
    /// Generation of the view and size of the window that `buffer` shows.
    drawn: Option<(u64, (usize, usize))>,
    last_update: Instant,
    last_title: Option<Instant>,
    note: Option<(String, Instant)>,
    held: Held,
    pointer: Pointer,
    active: bool,
    pointer_hidden: bool,
}

impl WindowDisplay {
    /// Opens a window, or says why the host has none.
    pub fn open(name: &str) -> Result<Self, String> {
        let edges = Edges::default();
        let window = open(&format!("rewind86 - {name}"), SIZE, &edges)?;
        Ok(Self {
            window,
            name: name.to_string(),
            edges,
            asked: SIZE,
            scaler: Scaler::default(),
            buffer: Vec::new(),
            fit: Fit::default(),
            picture: (0, 0),
            drawn: None,
            last_update: Instant::now(),
            last_title: None,
            note: None,
            held: Held::default(),
            pointer: Pointer::default(),
            active: true,
            pointer_hidden: false,
        })
    }

    /// Shows the machine until it ends or the window is closed.
    pub fn run(&mut self, shared: &Shared, control: &Control) {
        while self.window.is_open() && !shared.ended() {
            self.draw(shared);
            self.keys(control);
            self.mouse(control);
            self.title(shared);
        }
        self.held.release(control);
        control.hot_key(HotKey::Quit);
    }

    fn draw(&mut self, shared: &Shared) {
        let mut size = self.window.get_size();
        let view = shared.view();
        let wanted = Some((view.generation, size));
        if self.drawn == wanted && self.last_update.elapsed() < REDRAW {
            drop(view);
            self.window.update();
            return;
        }
        let hide = view.graphics;
        if self.drawn != wanted {
            // Copied, so that the machine's thread does not wait while it is scaled.
            let View { picture: Picture::Pixels(frame), generation, .. } = view.clone() else { return };
            drop(view);
            self.picture = (frame.width, frame.height);
            self.grow(&mut size);
            self.fit = self.scaler.draw(&frame, size.0, size.1, true, &mut self.buffer);
            self.drawn = Some((generation, size));
        } else {
            drop(view);
        }
        if hide != self.pointer_hidden {
            self.pointer_hidden = hide;
            self.window.set_cursor_visibility(!hide);
        }
        self.last_update = Instant::now();
        if size.0 == 0 || size.1 == 0 || self.window.update_with_buffer(&self.buffer, size.0, size.1).is_err() {
            self.window.update();
        }
    }

    /// Opens a larger window for a larger picture, unless the user chose a size. The library cannot resize one.
    fn grow(&mut self, size: &mut (usize, usize)) {
        let wanted = (self.picture.0.max(self.asked.0), self.picture.1.max(self.asked.1));
        if wanted == self.asked || *size != self.asked {
            return;
        }
        if let Ok(window) = open(&format!("rewind86 - {}", self.name), wanted, &self.edges) {
            self.window = window;
            (self.asked, *size) = (wanted, wanted);
            self.last_title = None;
        }
    }

    fn keys(&mut self, control: &Control) {
        let edges = self.edges.0.take();
        for (key, down) in edges {
            let with = |keys: [_; 2]| keys.iter().any(|&k| self.held.is_down(k));
            if down
                && with(CTRL)
                && with(ALT)
                && let Some(hot_key) = hot_key(key)
            {
                // The guest must not see Ctrl and Alt stay down behind the hot key.
                self.held.release(control);
                control.hot_key(hot_key);
                continue;
            }
            if let Some(code) = scan_code(key) {
                self.held.set(control, code, down);
            }
        }
        let active = self.window.is_active();
        if self.active && !active {
            self.held.release(control);
        }
        self.active = active;
    }

    fn mouse(&mut self, control: &Control) {
        let place = self.window.get_unscaled_mouse_pos(MouseMode::Discard).and_then(|p| self.guest_pixel(p));
        let size = (self.picture.0 as i32, self.picture.1 as i32);
        let (dx, dy) = self.pointer.moved(place, size);
        let buttons = [(MouseButton::Left, 1), (MouseButton::Right, 2), (MouseButton::Middle, 4)];
        let buttons = buttons.iter().filter(|(b, _)| self.window.get_mouse_down(*b)).fold(0, |all, (_, bit)| all | bit);
        // Up on the host's wheel is away from the user.
        let dz = self.window.get_scroll_wheel().map_or(0, |(_, y)| -(y.round() as i32));
        let clicked = self.pointer.clicked(buttons);
        if clicked || (dx, dy, dz) != (0, 0, 0) {
            control.input(InputEvent::Mouse { dx, dy, dz, buttons });
        }
    }

    /// The pixel of the guest's picture at a place of the window, the nearest one beside it.
    fn guest_pixel(&self, (x, y): (f32, f32)) -> Option<(i32, i32)> {
        if self.fit.width == 0 || self.fit.height == 0 {
            return None;
        }
        let axis = |at: f32, start: usize, length: usize, pixels: usize| {
            let inside = (at as i64 - start as i64).clamp(0, length as i64 - 1);
            (inside * pixels as i64 / length as i64) as i32
        };
        Some((
            axis(x, self.fit.x, self.fit.width, self.picture.0),
            axis(y, self.fit.y, self.fit.height, self.picture.1),
        ))
    }

    fn title(&mut self, shared: &Shared) {
        let now = Instant::now();
        let mut view = shared.view();
        let new_note = view.note.take();
        let fresh = new_note.is_some();
        if let Some(note) = new_note {
            self.note = Some((note, now));
        }
        if !fresh && self.last_title.is_some_and(|last| now - last < TITLE) {
            return;
        }
        self.last_title = Some(now);
        let (rate, paused) = (view.rate, view.paused);
        drop(view);
        self.note.take_if(|(_, since)| now - *since > NOTE);
        let state = match (&self.note, paused) {
            (Some((note, _)), _) => note.clone(),
            (None, true) => "paused (Ctrl+Alt+K goes on)".to_string(),
            (None, false) => format!("{:.0} MIPS, {:.0} %", rate.mips, rate.percent),
        };
        self.window.set_title(&format!("rewind86 - {} - {state}", self.name));
    }
}
