//! Runs a script against a machine. Steps are looked at only at fixed virtual times, multiples of [`TICK`], so that a
//! script's effect on the guest is the same in every run, instruction for instruction, however fast the host is.

use std::collections::VecDeque;
use std::path::Path;

use rewind86_machine::{Drive, InputEvent};

use super::parse::{Action, Step};
use super::strokes::{self, Pointer, Timed};
use crate::cli::spec::Image;

/// Virtual ns between two looks at the script.
pub const TICK: u64 = 10_000_000;

/// Serial output that a `wait-serial` can still find when it comes late.
const SERIAL_BACKLOG: usize = 1 << 20;

/// What a script sees of a machine and does to it.
pub trait Stage {
    /// Virtual ns.
    fn now(&self) -> u64;
    /// The rows of the text screen; `None` in graphics modes.
    fn screen(&self) -> Option<Vec<String>>;
    /// Input to the guest.
    fn input(&mut self, event: InputEvent) -> Result<(), String>;
    /// Exchanges a medium.
    fn media(&mut self, drive: Drive, image: Option<&Image>) -> Result<(), String>;
    /// Writes the screen as PNG.
    fn screenshot(&mut self, path: &Path) -> Result<(), String>;
    /// Writes a snapshot of the machine.
    fn snapshot(&mut self, path: &Path) -> Result<(), String>;
}

/// Where a script stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    Running,
    /// It came to its end, or to `quit`.
    Finished,
    /// A step failed: which line and why.
    Failed(String),
}

/// What became of a step that was looked at.
enum Progress {
    Done,
    Waiting,
    Quit,
}

/// A script being run.
pub struct Engine {
    steps: Vec<Step>,
    next: usize,
    /// Virtual time at which the current step began to wait.
    since: Option<u64>,
    /// Input being spread over ticks, and when the next of it is due.
    queue: VecDeque<Timed>,
    due: u64,
    /// Ticks to let pass when the queue has drained.
    pause: u64,
    pointer: Pointer,
    /// What COM1 sent since the last match.
    serial: Vec<u8>,
}

impl Engine {
    /// A script at its beginning.
    pub fn new(steps: Vec<Step>) -> Self {
        Self {
            steps,
            next: 0,
            since: None,
            queue: VecDeque::new(),
            due: 0,
            pause: 0,
            pointer: Pointer::default(),
            serial: Vec::new(),
        }
    }

    /// Tells the script what COM1 sent.
    pub fn serial_output(&mut self, bytes: &[u8]) {
        self.serial.extend_from_slice(bytes);
        if self.serial.len() > 2 * SERIAL_BACKLOG {
            self.serial.drain(..self.serial.len() - SERIAL_BACKLOG);
        }
    }

    /// Looks at the script at a tick.
    pub fn poll(&mut self, stage: &mut dyn Stage) -> Outcome {
        if let Err(why) = self.drain(stage) {
            return self.failed(&why);
        }
        if !self.queue.is_empty() || stage.now() < self.due {
            return Outcome::Running;
        }
        self.advance(stage, false)
    }

    /// Looks at the script a last time, when the machine is off: what only takes time or types is over, what waits
    /// for something must find it now.
    pub fn poll_last(&mut self, stage: &mut dyn Stage) -> Outcome {
        self.queue.clear();
        self.advance(stage, true)
    }

    /// Delivers the input that is due.
    fn drain(&mut self, stage: &mut dyn Stage) -> Result<(), String> {
        while let Some(&(after, _)) = self.queue.front() {
            if stage.now() < self.due + after * TICK {
                return Ok(());
            }
            self.due += after * TICK;
            if let Some((_, event)) = self.queue.pop_front() {
                stage.input(event)?;
            }
            if self.queue.is_empty() {
                self.due += self.pause * TICK;
            }
        }
        Ok(())
    }

    fn advance(&mut self, stage: &mut dyn Stage, last: bool) -> Outcome {
        while let Some(step) = self.steps.get(self.next) {
            let action = step.action.clone();
            match self.perform(&action, stage, last) {
                Ok(Progress::Done) => {
                    self.next += 1;
                    self.since = None;
                    if !last && (!self.queue.is_empty() || stage.now() < self.due) {
                        return Outcome::Running;
                    }
                }
                Ok(Progress::Waiting) => return Outcome::Running,
                Ok(Progress::Quit) => return Outcome::Finished,
                Err(why) => return self.failed(&why),
            }
        }
        Outcome::Finished
    }

    /// The failure of the current step; of the one before it when its input was still being delivered.
    fn failed(&self, why: &str) -> Outcome {
        let at = if self.queue.is_empty() { self.next } else { self.next.saturating_sub(1) };
        match self.steps.get(at) {
            Some(step) => Outcome::Failed(format!("line {}: {}: {why}", step.line, step.text)),
            None => Outcome::Failed(why.to_string()),
        }
    }

    fn perform(&mut self, action: &Action, stage: &mut dyn Stage, last: bool) -> Result<Progress, String> {
        match action {
            Action::WaitScreen(text, limit) => {
                let seen = stage.screen().is_some_and(|rows| rows.join("\n").contains(text.as_str()));
                self.wait(seen, limit.as_nanos() as u64, stage, last)
            }
            Action::WaitSerial(text, limit) => {
                let found = self.serial.windows(text.len()).position(|w| w == text.as_slice());
                if let Some(at) = found {
                    self.serial.drain(..at + text.len());
                }
                self.wait(found.is_some(), limit.as_nanos() as u64, stage, last)
            }
            Action::AssertScreen(text) => match stage.screen() {
                Some(rows) if rows.join("\n").contains(text.as_str()) => Ok(Progress::Done),
                Some(_) => Err("the screen does not show it".into()),
                None => Err("the screen is in a graphics mode".into()),
            },
            Action::Sleep(time) => {
                let since = *self.since.get_or_insert(stage.now());
                let over = last || stage.now().saturating_sub(since) >= time.as_nanos() as u64;
                Ok(if over { Progress::Done } else { Progress::Waiting })
            }
            Action::Type(_) | Action::Key(_) | Action::Mouse { .. } | Action::Serial(_) if last => Ok(Progress::Done),
            Action::Type(text) => self.spread(strokes::type_text(text), 1, stage),
            Action::Key(keys) => self.spread(strokes::chord(keys), strokes::AFTER_CHORD, stage),
            &Action::Mouse { x, y, buttons, hold } => {
                let events = self.pointer.go(x, y, buttons, hold);
                self.spread(events, 1, stage)
            }
            Action::Serial(bytes) => {
                stage.input(InputEvent::Serial { port: 0, bytes: bytes.clone() })?;
                Ok(Progress::Done)
            }
            Action::Screenshot(path) => stage.screenshot(path).map(|()| Progress::Done),
            Action::Snapshot(path) => stage.snapshot(path).map(|()| Progress::Done),
            Action::ScreenText(path) => {
                let rows = stage.screen().ok_or("the screen is in a graphics mode; use screenshot")?;
                let text: String = rows.iter().flat_map(|row| [row.as_str(), "\n"]).collect();
                let written = std::fs::write(path, text);
                written.map(|()| Progress::Done).map_err(|e| crate::status::io_reason(&e))
            }
            Action::Media(drive, image) => stage.media(*drive, image.as_ref()).map(|()| Progress::Done),
            Action::Quit => Ok(Progress::Quit),
        }
    }

    fn wait(&mut self, seen: bool, limit: u64, stage: &dyn Stage, last: bool) -> Result<Progress, String> {
        let since = *self.since.get_or_insert(stage.now());
        if seen {
            Ok(Progress::Done)
        } else if last {
            Err("the guest powered off before".into())
        } else if stage.now().saturating_sub(since) >= limit {
            Err(format!("not seen within {} virtual seconds", limit as f64 / 1e9))
        } else {
            Ok(Progress::Waiting)
        }
    }

    /// Begins to deliver events over the coming ticks.
    fn spread(&mut self, events: VecDeque<Timed>, pause: u64, stage: &mut dyn Stage) -> Result<Progress, String> {
        self.queue = events;
        self.pause = pause;
        self.due = stage.now();
        self.drain(stage)?;
        Ok(Progress::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    #[derive(Default)]
    struct Fake {
        now: u64,
        screen: Option<Vec<String>>,
        events: Vec<(u64, InputEvent)>,
        media: Vec<(Drive, bool)>,
        refuse: bool,
    }

    impl Stage for Fake {
        fn now(&self) -> u64 {
            self.now
        }
        fn screen(&self) -> Option<Vec<String>> {
            self.screen.clone()
        }
        fn input(&mut self, event: InputEvent) -> Result<(), String> {
            self.events.push((self.now / TICK, event));
            if self.refuse { Err("refused".into()) } else { Ok(()) }
        }
        fn media(&mut self, drive: Drive, image: Option<&Image>) -> Result<(), String> {
            self.media.push((drive, image.is_some()));
            Ok(())
        }
        fn screenshot(&mut self, _: &Path) -> Result<(), String> {
            Err("No such file or directory".into())
        }
        fn snapshot(&mut self, _: &Path) -> Result<(), String> {
            Err("No space left on device".into())
        }
    }

    /// Polls every tick until the script ends or `ticks` are over.
    fn run(engine: &mut Engine, stage: &mut Fake, ticks: u64) -> Outcome {
        for _ in 0..ticks {
            let outcome = engine.poll(stage);
            if outcome != Outcome::Running {
                return outcome;
            }
            stage.now += TICK;
        }
        Outcome::Running
    }

    fn engine(script: &str) -> Engine {
        Engine::new(parse(script).unwrap())
    }

    fn screen(text: &str) -> Option<Vec<String>> {
        Some(vec!["first".into(), text.into()])
    }

    #[test]
    fn waits_for_the_screen_then_types() {
        let mut stage = Fake::default();
        let mut engine = engine("wait-screen \"A:\\>\"\ntype \"d\"\nsleep 0.05");
        assert_eq!(run(&mut engine, &mut stage, 10), Outcome::Running);
        assert!(stage.events.is_empty());
        stage.screen = screen("A:\\>");
        assert_eq!(run(&mut engine, &mut stage, 20), Outcome::Finished);
        assert_eq!(stage.events.iter().map(|e| e.0).collect::<Vec<_>>(), [10, 12]);
        // Key up at tick 12, the pause to 13, the sleep to 18.
        assert_eq!(stage.now / TICK, 18);
    }

    #[test]
    fn a_wait_fails_in_virtual_time() {
        let mut stage = Fake { screen: screen("B"), ..Fake::default() };
        let outcome = run(&mut engine("\nwait-screen \"A\" 0.5"), &mut stage, 1000);
        let why = "line 2: wait-screen \"A\" 0.5: not seen within 0.5 virtual seconds";
        assert_eq!(outcome, Outcome::Failed(why.into()));
        assert_eq!(stage.now / TICK, 50);
    }

    #[test]
    fn serial_matches_consume() {
        let mut stage = Fake::default();
        let mut engine = engine("wait-serial \"ab\"\nwait-serial \"ab\" 1\nquit");
        engine.serial_output(b"xa");
        assert_eq!(run(&mut engine, &mut stage, 2), Outcome::Running);
        engine.serial_output(b"bab");
        assert_eq!(run(&mut engine, &mut stage, 2), Outcome::Finished);
        let mut engine = super::tests::engine("wait-serial \"ab\"\nwait-serial \"ab\" 1");
        engine.serial_output(b"ab");
        assert!(matches!(run(&mut engine, &mut stage, 200), Outcome::Failed(_)));
    }

    #[test]
    fn typing_is_the_same_whenever_it_is_looked_at_from() {
        let events = |start: u64| {
            let mut stage = Fake { now: start * TICK, ..Fake::default() };
            assert_eq!(run(&mut engine("type \"aB\"\nkey ctrl-c\nmouse 3 4 left"), &mut stage, 500), Outcome::Finished);
            stage.events.into_iter().map(|(at, e)| (at - start, e)).collect::<Vec<_>>()
        };
        assert_eq!(events(0), events(7));
    }

    #[test]
    fn asserts_and_failures_name_the_line() {
        let mut stage = Fake::default();
        let failed = |engine: &mut Engine, stage: &mut Fake| match run(engine, stage, 100) {
            Outcome::Failed(why) => why,
            other => panic!("{other:?}"),
        };
        let text = failed(&mut engine("assert-screen \"A\""), &mut stage);
        assert_eq!(text, "line 1: assert-screen \"A\": the screen is in a graphics mode");
        stage.screen = screen("B");
        let text = failed(&mut engine("assert-screen \"A\""), &mut stage);
        assert_eq!(text, "line 1: assert-screen \"A\": the screen does not show it");
        let text = failed(&mut engine("screenshot /no/x.png"), &mut stage);
        assert_eq!(text, "line 1: screenshot /no/x.png: No such file or directory");
        let text = failed(&mut engine("snapshot a.snap"), &mut stage);
        assert_eq!(text, "line 1: snapshot a.snap: No space left on device");
        stage.refuse = true;
        let text = failed(&mut engine("key a\nquit"), &mut stage);
        assert_eq!(text, "line 1: key a: refused");
    }

    #[test]
    fn when_the_guest_is_off_waits_are_decided() {
        let mut stage = Fake { screen: screen("Power down"), ..Fake::default() };
        let mut ended = engine("sleep 100\ntype \"x\"\nwait-screen \"Power\"");
        assert_eq!(ended.poll(&mut stage), Outcome::Running);
        assert_eq!(ended.poll_last(&mut stage), Outcome::Finished);
        let mut waiting = engine("wait-screen \"login\"");
        assert!(matches!(waiting.poll_last(&mut stage), Outcome::Failed(why) if why.ends_with("powered off before")));
    }

    #[test]
    fn media_change() {
        let mut stage = Fake::default();
        assert_eq!(run(&mut engine("floppy b.img\neject"), &mut stage, 1), Outcome::Finished);
        assert_eq!(stage.media, [(Drive::Floppy(0), true), (Drive::Floppy(0), false)]);
    }
}
