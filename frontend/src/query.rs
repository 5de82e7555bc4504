//! `rewind86 query`: questions about a recording, and how a hit reads.
//!
//! A line is: instruction number, CS:RIP, CR3, what happened. The number counts the instructions retired before the one
//! that did it, so that going there shows the machine just before.

use std::io::{self, Write};

use rewind86_machine::probe::{Cause, Hit, Place, Probe, ProbeSet, What};
use rewind86_machine::query::{self, QueryError, Scope};

use crate::cli::query::{QueryOptions, Question};
use crate::replay;
use crate::status::{self, Failure, io_reason};

/// One hit as a line.
pub fn line(hit: &Hit) -> String {
    let what = match hit.what {
        What::Execute => "executed".to_string(),
        What::Read { linear, physical, size, value } => {
            format!("read linear {linear:#x} physical {physical:#x} size {size} value {value:#x}")
        }
        What::Write { linear, physical, size, value } => {
            format!("write linear {linear:#x} physical {physical:#x} size {size} value {value:#x}")
        }
        What::PageWalk { physical, value } => format!("page-walk physical {physical:#x} size 1 value {value:#x}"),
        What::Device { physical, size, value } => format!("device physical {physical:#x} size {size} value {value:#x}"),
        What::PortIn { port, size, value } => format!("in port {port:#x} size {size} value {value:#x}"),
        What::PortOut { port, size, value } => format!("out port {port:#x} size {size} value {value:#x}"),
        What::Interrupt { vector, cause, error } => {
            let cause = match cause {
                Cause::Software => "software",
                Cause::External => "external",
                Cause::Exception => "exception",
            };
            let error = error.map(|e| format!(" error {e:#x}")).unwrap_or_default();
            format!("interrupt {vector:#x} {cause}{error}")
        }
    };
    format!("{} {:04x}:{:x} cr3 {:#x} {what}", hit.icount, hit.cs, hit.rip, hit.cr3)
}

/// The probes that answer a question.
fn probes(options: &QueryOptions) -> ProbeSet {
    let place = |at| match (options.cr3, options.linear) {
        (Some(cr3), _) => Place::Linear(at, Some(cr3)),
        (None, true) => Place::Linear(at, None),
        (None, false) => Place::Physical(at),
    };
    let write = |at, len| Probe::Access { start: place(at), len, read: false, write: true };
    ProbeSet::new(match &options.question {
        Question::LastWrite { at } => at.iter().map(|&at| write(at, 1)).collect(),
        Question::Writes { at: (at, len) } => vec![write(*at, *len)],
        Question::Executed { at } => vec![Probe::Execute(place(*at))],
        Question::Io { port } => vec![Probe::Port { first: *port, last: *port }],
        Question::Interrupts { vector } => vec![Probe::Interrupt(*vector)],
    })
}

/// Asks a recording and prints the answer, a line each.
pub fn run(options: &QueryOptions) -> Result<u8, Failure> {
    let path = &options.recording;
    let recording = replay::open(path)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.map_or(cores, |n| usize::try_from(n).unwrap_or(usize::MAX)).min(256);
    let mut scope = Scope::all(&recording, jobs);
    let (first, last) = (scope.from, scope.to);
    scope.from = options.from.unwrap_or(first);
    scope.to = options.to.unwrap_or(last);
    if scope.from < first || scope.to > last || scope.from > scope.to {
        return Err(Failure::usage(format!("--from, --to: the recording has instructions {first} to {last}")));
    }
    let failed = |e: QueryError| match e {
        QueryError::Recording(e) => replay::failure(path, &e),
        QueryError::History(e) => {
            Failure { status: status::DIVERGED, ..Failure::host(format!("recording {}: {e}", path.display())) }
        }
        QueryError::Thread(_) => Failure::host(e),
    };
    let probes = probes(options);
    let limit = options.limit.unwrap_or(u64::MAX);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut written: io::Result<()> = Ok(());
    if let Question::LastWrite { at } = &options.question {
        let answers = query::last(&recording, &probes, &scope).map_err(failed)?;
        for (at, answer) in at.iter().zip(&answers).take(usize::try_from(limit).unwrap_or(usize::MAX)) {
            let text = answer.as_ref().map_or_else(|| format!("no write to {at:#x}"), line);
            written = written.and_then(|()| writeln!(out, "{text}"));
        }
    } else {
        let mut lines = 0;
        query::every(&recording, &probes, &scope, &mut |hit| {
            written = writeln!(out, "{}", line(&hit));
            lines += 1;
            written.is_ok() && lines < limit
        })
        .map_err(failed)?;
    }
    match written.and_then(|()| out.flush()) {
        Ok(()) => Ok(status::OK),
        // Who reads the answer may have seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(status::OK),
        Err(e) => Err(Failure::host(format!("standard output: {}", io_reason(&e)))),
    }
}
