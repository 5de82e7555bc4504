//! Questions about the past of the current position, for `monitor lastwrite` and `monitor writes`.

use rewind86_machine::history::{self, Position};
use rewind86_machine::probe::{Place, Policy, Probe, ProbeSet};

use super::link::Debuggee;
use crate::query::line;

/// The last `most` writes to the byte at `at` before the current position, one a line; the machine stays where it is.
pub fn writes(d: &mut dyn Debuggee, at: u64, physical: bool, most: usize) -> String {
    let cr3 = d.machine().cpu().save().sys.cr3;
    let Some(past) = d.history() else {
        return "this needs a recording: use replay, or run with --record\n".into();
    };
    let start = if physical { Place::Physical(at) } else { Place::Linear(at, Some(cr3)) };
    let probes = ProbeSet::new(vec![Probe::Access { start, len: 1, read: false, write: true }]);
    let here = Position::of(past.machine());
    let mut lines = Vec::new();
    let mut failed = None;
    while lines.len() < most {
        match history::continue_back(past, &probes, &|| false) {
            Ok(history::Back::Hits(hits)) => lines.extend(hits.iter().rev().map(line)),
            Ok(_) => break,
            Err(e) => {
                failed = Some(e.to_string());
                break;
            }
        }
    }
    lines.truncate(most);
    if let Err(e) = history::go(past, here) {
        failed = Some(e.to_string());
    }
    past.machine().set_probes(ProbeSet::default(), Policy::Stop);
    d.forget_output();
    if lines.is_empty() && failed.is_none() {
        lines.push(format!("no write to {at:#x} before instruction {}", here.icount));
    }
    lines.extend(failed);
    lines.join("\n") + "\n"
}
