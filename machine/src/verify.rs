//! Verification: a recording is played against its hash chain; a run that is not the recorded one is searched for the
//! place where it leaves it.
//!
//! The chain tells the epoch and the components. To get closer, the epoch is run a second time in the slow way, one
//! op a block, from the last good checkpoint. If that run gives the recorded hash, the two runs bracket the first
//! differing instruction, and their states tell the fields. If it does not, the recorded state itself is not to be had, and
//! the report names the fields of the differing components that the epoch changed.

use crate::machine::{Machine, RunExit};
use crate::record::player::Divergence;
use crate::record::{Recording, RecordingError};
use crate::state::CPU;
use crate::timeline::{Timeline, TimelineOptions};
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// Fields that a report lists.
const MAX_FIELDS: usize = 32;

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Component and path, such as `cpu.sys.cr3`.
    pub path: String,
    /// In the reference run, or before the epoch.
    pub before: String,
    /// In the diverging run, or after the epoch.
    pub after: String,
}

/// What verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Links of the chain that were equal.
    pub equal: usize,
    /// Links of the chain.
    pub epochs: usize,
    /// Where the run ended.
    pub icount: u64,
    /// One hash of the recorded chain ([`Recording::chain`]).
    pub chain: u64,
    /// The recording was cut off: there is no final hash.
    pub cut: bool,
    /// The first difference.
    pub divergence: Option<Divergence>,
    /// The instructions between which it lies: the first count is good, the second is not.
    pub range: Option<(u64, u64)>,
    /// `fields` compares with a reference run; otherwise they are what the epoch changed.
    pub exact: bool,
    /// The fields.
    pub fields: Vec<Field>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(d) = &self.divergence else {
            let end = if self.cut { "the recording is cut off there" } else { "the final hash is equal" };
            let (equal, icount, chain) = (self.equal, self.icount, self.chain);
            return writeln!(f, "equal: {equal} epochs, {icount} instructions, chain {chain:016x}; {end}");
        };
        writeln!(
            f,
            "diverged: epoch {} of {}, instructions {} to {}, component {}",
            d.epoch,
            self.epochs,
            d.good.icount,
            d.at.icount,
            d.components.join(", ")
        )?;
        if let Some((good, bad)) = self.range {
            writeln!(f, "first difference: after instruction {good}, at the latest after instruction {bad}")?;
        }
        let what = if self.exact { "differs" } else { "changed in this epoch" };
        for field in &self.fields {
            writeln!(f, "field {} {what}: {} -> {}", field.path, field.before, field.after)?;
        }
        Ok(())
    }
}

/// Plays `recording` to its end and compares.
///
/// # Errors
/// What is wrong with the recording, its machine or its media.
pub fn verify(recording: &Arc<Recording>, options: &TimelineOptions) -> Result<Report, RecordingError> {
    let options = TimelineOptions { check: true, ..options.clone() };
    let mut timeline = Timeline::new(Arc::clone(recording), options.clone())?;
    let epochs = recording.epochs().len();
    let cut = recording.last_hash().is_none();
    let mut report = Report {
        equal: epochs,
        epochs,
        icount: 0,
        chain: recording.chain(),
        cut,
        divergence: None,
        range: None,
        exact: false,
        fields: Vec::new(),
    };
    let divergence = loop {
        match timeline.run(u64::MAX, u64::MAX) {
            RunExit::Time | RunExit::Icount | RunExit::Probe => {}
            RunExit::Diverged(d) => break Some(*d),
            RunExit::ReplayEnd => break None,
            // The end of the machine has to be the recorded end.
            _ if timeline.machine().moment() >= recording.end() || recording.last_hash().is_none() => break None,
            _ => {
                let good = recording.epochs().iter().rev().map(|e| e.at).find(|at| at.icount <= timeline.icount());
                let good = good.unwrap_or(recording.settings().at);
                let at = timeline.machine().moment();
                let epoch = recording.epochs().partition_point(|e| e.at <= good) as u64 + 1;
                break Some(Divergence { epoch, good, at, components: vec![CPU.into()] });
            }
        }
    };
    report.icount = timeline.icount();
    let Some(divergence) = divergence else { return Ok(report) };
    report.equal = divergence.epoch.saturating_sub(1) as usize;
    narrow(&mut report, &divergence, &mut timeline, &options);
    report.divergence = Some(divergence);
    Ok(report)
}

/// Searches the epoch for the first difference.
fn narrow(report: &mut Report, d: &Divergence, timeline: &mut Timeline, options: &TimelineOptions) {
    let (good, bad) = (d.good.icount, d.at.icount);
    report.range = Some((good, bad));
    let slow = TimelineOptions { check: false, block_ops: 1, ..options.clone() };
    let recording = Arc::clone(timeline.recording());
    timeline.stop_checking();
    let Ok(mut reference) = Timeline::new(Arc::clone(&recording), slow) else { return };
    let expected = match recording.epoch_at(bad).and_then(|n| recording.epochs().get(n)) {
        Some(epoch) => Some(epoch.hash),
        None => recording.last_hash().map(|e| e.hash),
    };
    if reference.goto(bad).is_ok() && Some(reference.machine_mut().state_hash()) == expected {
        let (mut low, mut high) = (good, bad);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let (a, b) = (timeline.goto(middle), reference.goto(middle));
            if a.is_err() || b.is_err() {
                break;
            }
            if timeline.machine_mut().state_hash() == reference.machine_mut().state_hash() {
                low = middle;
            } else {
                high = middle;
            }
        }
        report.range = Some((low, high));
        if timeline.goto(high).is_ok() && reference.goto(high).is_ok() {
            report.exact = true;
            report.fields = differing_fields(reference.machine(), timeline.machine(), None);
        }
        return;
    }
    if timeline.goto(good).is_ok() {
        let before = fields(timeline.machine());
        if timeline.goto(bad).is_ok() {
            report.fields = compare(&before, &fields(timeline.machine()), Some(&d.components));
        }
    }
}

/// The components as trees of fields.
fn fields(machine: &Machine) -> Vec<(&'static str, Value)> {
    struct Fields(Vec<(&'static str, Value)>);
    impl crate::board::Visit for Fields {
        fn component<T: Serialize>(&mut self, name: &'static str, value: &T) {
            self.0.push((name, serde_json::to_value(value).unwrap_or(Value::Null)));
        }
    }
    let mut out = Fields(Vec::new());
    crate::board::Visit::component(&mut out, CPU, &machine.cpu.save());
    machine.board.visit(&mut out);
    out.0
}

/// The fields in which two machines differ; `only` limits the components.
pub fn differing_fields(a: &Machine, b: &Machine, only: Option<&[String]>) -> Vec<Field> {
    compare(&fields(a), &fields(b), only)
}

fn compare(a: &[(&'static str, Value)], b: &[(&'static str, Value)], only: Option<&[String]>) -> Vec<Field> {
    let mut out = Vec::new();
    for ((name, x), (_, y)) in a.iter().zip(b) {
        if only.is_none_or(|only| only.iter().any(|o| o == name)) {
            difference(&mut (*name).to_string(), x, y, &mut out);
        }
    }
    out
}

fn difference(path: &mut String, a: &Value, b: &Value, out: &mut Vec<Field>) {
    if a == b || out.len() >= MAX_FIELDS {
        return;
    }
    let len = path.len();
    match (a, b) {
        (Value::Object(x), Value::Object(y)) if x.len() == y.len() => {
            for ((key, x), (_, y)) in x.iter().zip(y) {
                path.push('.');
                path.push_str(key);
                difference(path, x, y, out);
                path.truncate(len);
            }
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (i, (x, y)) in x.iter().zip(y).enumerate() {
                path.push_str(&format!("[{i}]"));
                difference(path, x, y, out);
                path.truncate(len);
            }
        }
        _ => out.push(Field { path: path.clone(), before: short(a), after: short(b) }),
    }
}

/// A value in a few characters.
fn short(value: &Value) -> String {
    let text = match value {
        Value::Number(n) => n.as_u64().map_or_else(|| n.to_string(), |n| format!("{n:#x}")),
        other => other.to_string(),
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
