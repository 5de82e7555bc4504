//! The terminal display: the text screen drawn in place, keys passed in, graphics as half blocks in 24-bit colour.
//!
//! The terminal is put back as it was when the display is dropped, and by [`restore`] from a panic hook.

mod grid;
mod input;
mod painter;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind};
use crossterm::terminal as term;

use super::keys::Held;
use super::scale::Scaler;
use super::{Control, HotKey};
use crate::runner::view::{Picture, Shared, View};
use grid::Grid;
use input::{Meaning, Reader};
use painter::Painter;

/// How long a key is down: a terminal does not tell.
const HOLD: Duration = Duration::from_millis(50);
/// How long to wait for a key before looking at the screen again.
const POLL: Duration = Duration::from_millis(15);
/// How long a note stays in the status line.
const NOTE: Duration = Duration::from_secs(3);

/// What has to be undone on the terminal.
static RAW: AtomicBool = AtomicBool::new(false);
static SCREEN: AtomicBool = AtomicBool::new(false);

/// Whether the program can draw on a terminal and read its keys.
pub fn available() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Puts the terminal back as it was; harmless when nothing was changed.
pub fn restore() {
    if SCREEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _ = out.write_all(b"\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
    }
    if RAW.swap(false, Ordering::SeqCst) {
        let _ = term::disable_raw_mode();
    }
}

/// Keys arrive at once and unchanged while this lives.
pub struct RawMode(());

impl RawMode {
    /// Switches line editing, echo and signal keys off.
    pub fn enter() -> Result<Self, String> {
        term::enable_raw_mode().map_err(|e| e.to_string())?;
        RAW.store(true, Ordering::SeqCst);
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// A terminal taken over.
pub struct TerminalDisplay {
    name: String,
    painter: Painter,
    scaler: Scaler,
    scratch: Vec<u32>,
    reader: Reader,
    held: Held,
    release_at: Option<Instant>,
    note: Option<(String, Instant)>,
    _raw: RawMode,
}

impl TerminalDisplay {
    /// Takes the terminal over, or says why not.
    pub fn open(name: &str) -> Result<Self, String> {
        if !available() {
            return Err("standard input and output are not a terminal".into());
        }
        let raw = RawMode::enter()?;
        SCREEN.store(true, Ordering::SeqCst);
        // The alternate screen, without automatic line breaks: the last cell must not scroll.
        let mut out = io::stdout();
        out.write_all(b"\x1b[?1049h\x1b[?7l\x1b[?25l").and_then(|()| out.flush()).map_err(|e| e.to_string())?;
        Ok(Self {
            name: name.to_string(),
            painter: Painter::default(),
            scaler: Scaler::default(),
            scratch: Vec::new(),
            reader: Reader::default(),
            held: Held::default(),
            release_at: None,
            note: None,
            _raw: raw,
        })
    }

    /// Shows the machine until it ends.
    pub fn run(&mut self, shared: &Shared, control: &Control) {
        while !shared.ended() {
            if self.events(control).and_then(|()| self.draw(shared)).is_err() {
                // The terminal is gone.
                break;
            }
        }
        self.held.release(control);
        control.hot_key(HotKey::Quit);
    }

    fn events(&mut self, control: &Control) -> io::Result<()> {
        if self.release_at.is_some_and(|at| Instant::now() >= at) {
            self.release_at = None;
            self.held.release(control);
        }
        let mut wait = POLL;
        while event::poll(wait)? {
            wait = Duration::ZERO;
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match self.reader.read(key) {
                    Meaning::Keys(keys) => {
                        self.held.release(control);
                        keys.iter().for_each(|&code| self.held.set(control, code, true));
                        self.release_at = Some(Instant::now() + HOLD);
                    }
                    Meaning::Hot(hot_key) => control.hot_key(hot_key),
                    Meaning::Prefix | Meaning::Nothing => {}
                },
                Event::Resize(..) => self.painter.forget(),
                _ => {}
            }
        }
        Ok(())
    }

    fn draw(&mut self, shared: &Shared) -> io::Result<()> {
        let view = {
            let mut view = shared.view();
            if let Some(note) = view.note.take() {
                self.note = Some((note, Instant::now()));
            }
            view.clone()
        };
        self.note.take_if(|(_, since)| since.elapsed() > NOTE);
        let (cols, rows) = term::size()?;
        let mut grid = Grid::blank(cols.into(), rows.into());
        let used = match &view.picture {
            Picture::Text(screen) => {
                grid.text(screen);
                screen.rows
            }
            Picture::Pixels(frame) => {
                let rows = grid.rows.saturating_sub(1);
                grid.pixels(frame, rows, &mut self.scaler, &mut self.scratch);
                rows
            }
        };
        // The status line has the last row when that is free; a prefix or a note is worth covering it.
        let urgent = self.reader.after_prefix() || self.note.is_some() || view.paused;
        if used < grid.rows || urgent {
            grid.line(grid.rows.saturating_sub(1), &self.status(&view));
        }
        let text = self.painter.paint(&grid);
        if !text.is_empty() {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Ok(())
    }

    fn status(&self, view: &View) -> String {
        if self.reader.after_prefix() {
            return "Ctrl-A: d Ctrl-Alt-Del  s screenshot  r reset  p power button  k pause  x quit  a Ctrl-A".into();
        }
        let state = match &self.note {
            Some((note, _)) => note.clone(),
            None if view.paused => "paused (Ctrl-A k goes on)".to_string(),
            None => format!("{:.0} MIPS, {:.0} %", view.rate.mips, view.rate.percent),
        };
        format!("rewind86 - {} - {state} - Ctrl-A x quits", self.name)
    }
}
