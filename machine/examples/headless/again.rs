//! Recording a recorded session a second time, from its inputs: a machine of the same make gets them at the same moments
//! and writes a recording of its own.

use rewind86_machine::media::Slot;
use rewind86_machine::record::{RecordOptions, Recording};
use rewind86_machine::{Machine, MachineConfig, RunExit};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A file in memory.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    /// What was written.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The configuration with the files and the built-in diskettes that the recording carries.
pub fn config(recording: &Recording) -> Result<MachineConfig, String> {
    let mut config = recording.identity().config.clone();
    config.embedded = recording.embedded();
    for (epoch, medium, bytes) in recording.media() {
        let (0, Some(bytes)) = (epoch, bytes) else { continue };
        let slot = match medium.slot {
            Slot::Floppy(n) => config.floppies.get_mut(usize::from(n)).and_then(Option::as_mut),
            Slot::Ide { .. } => None,
        };
        slot.ok_or_else(|| format!("{} holds a built-in image", medium.slot))?.bytes = Some(bytes.clone());
    }
    Ok(config)
}

/// Virtual time of a tick.
fn nanoseconds(tick: u64, rate: u64) -> u64 {
    u64::try_from(u128::from(tick) * 1_000_000_000 / u128::from(rate.max(1))).unwrap_or(u64::MAX)
}

/// Runs the session and answers with the new recording, as bytes.
pub fn again(recording: &Recording) -> Result<Vec<u8>, String> {
    let config = config(recording)?;
    let mut machine = Machine::new(&config).map_err(|e| e.to_string())?;
    let file = Shared::default();
    let options = RecordOptions { interval: recording.settings().interval };
    machine.record(Box::new(file.clone()), &options).map_err(|e| e.to_string())?;
    let end = (recording.end(), None);
    for (at, event) in recording.events().iter().map(|(at, event)| (*at, Some(event))).chain([end]) {
        match machine.run(nanoseconds(at.tick, config.icount_rate), u64::MAX) {
            RunExit::Time => {}
            _ if event.is_none() => {}
            exit => return Err(format!("{exit:?} at instruction {} before an input of {at:?}", machine.icount())),
        }
        if let Some(event) = event {
            machine.input(event.input()).map_err(|e| e.to_string())?;
        }
    }
    machine.finish_recording().map_err(|e| e.to_string())?;
    Ok(file.bytes())
}
