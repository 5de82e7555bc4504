//! The machine as a script sees it.

use std::path::Path;

use rewind86_machine::config::ImageSpec;
use rewind86_machine::{Drive, Frame, InputEvent, Machine};

use crate::cli::settings::image_spec;
use crate::cli::spec::Image;
use crate::script::Stage;
use crate::shot;
use crate::status::{io_reason, one_line};

/// A machine between two slices.
pub struct MachineStage<'a> {
    /// The machine.
    pub machine: &'a mut Machine,
    /// Whether media are opened so that the files stay untouched.
    pub discard_writes: bool,
}

impl Stage for MachineStage<'_> {
    fn now(&self) -> u64 {
        self.machine.now()
    }

    fn screen(&self) -> Option<Vec<String>> {
        self.machine.text_screen().map(|screen| screen.lines())
    }

    fn input(&mut self, event: InputEvent) -> Result<(), String> {
        self.machine.input(event).map_err(|e| one_line(&e.to_string()))
    }

    fn media(&mut self, drive: Drive, image: Option<&Image>) -> Result<(), String> {
        let image = image.map(|image| image_spec(image, self.discard_writes));
        let image = image.map(|spec| ImageSpec { read_only: spec.read_only || drive == Drive::Cdrom, ..spec });
        self.input(InputEvent::Media { drive, image })
    }

    fn screenshot(&mut self, path: &Path) -> Result<(), String> {
        let mut frame = Frame::default();
        self.machine.frame(&mut frame);
        shot::write_png(&frame, path)
    }

    fn snapshot(&mut self, path: &Path) -> Result<(), String> {
        let bytes = self.machine.save().map_err(|e| one_line(&e.to_string()))?;
        std::fs::write(path, bytes).map_err(|e| io_reason(&e))
    }
}
