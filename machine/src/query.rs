//! Questions about a recording, answered by replaying it with probes set, on several threads.
//!
//! One machine walks through the recording at full speed and leaves checkpoints; others take the spans between two
//! checkpoints and look at them with probes. For the last hits the spans are looked at from the end backwards, and no
//! more of them than are needed. The answers do not depend on the number of threads.
//!
//! A span begins at the first moment of its instruction count and ends at that of the next: what happens at a boundary
//! belongs to the span that begins there, but for what devices write when the count is reached.

use crate::history::{History, HistoryError};
use crate::machine::RunExit;
use crate::record::{Recording, RecordingError};
use crate::timeline::{Checkpoint, Timeline, TimelineOptions};
use rewind86_cpu::probe::{Hit, Policy, ProbeSet};
use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The recording cannot be played.
    #[error("{0}")]
    Recording(#[from] RecordingError),
    /// A moment of it cannot be reached.
    #[error("{0}")]
    History(#[from] HistoryError),
    /// A thread could not be started or ended badly.
    #[error("a thread of the search failed: {0}")]
    Thread(String),
}

/// Which part of a recording is looked at, and how.
#[derive(Clone, Debug)]
pub struct Scope {
    /// First instruction count.
    pub from: u64,
    /// Instruction count at which to stop.
    pub to: u64,
    /// Threads.
    pub jobs: usize,
    /// Instructions between checkpoints.
    pub span: u64,
}

impl Scope {
    /// All of a recording, on `jobs` threads.
    pub fn all(recording: &Recording, jobs: usize) -> Self {
        Self {
            from: recording.settings().at.icount,
            to: recording.end().icount,
            jobs,
            span: crate::timeline::DEFAULT_SPACING,
        }
    }

    fn options(&self) -> TimelineOptions {
        TimelineOptions { spacing: self.span.max(1), ..TimelineOptions::default() }
    }
}

/// Hits that are kept before they are handed on.
const BATCH: usize = 4096;

/// A span to look at.
struct Span {
    number: usize,
    start: Checkpoint,
    end: u64,
}

type Found = (usize, Result<Vec<Hit>, QueryError>);

/// Looks at spans until there are none left.
fn work(
    recording: &Arc<Recording>,
    spans: &Mutex<Receiver<Span>>,
    found: &Sender<Found>,
    probes: &ProbeSet,
    policy: Policy,
) {
    let options = TimelineOptions { spacing: u64::MAX, ..TimelineOptions::default() };
    let mut worker = None;
    loop {
        let next = spans.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(span) = next else { return };
        let result = (|| {
            let timeline = match &mut worker {
                Some(timeline) => timeline,
                None => worker.insert(Timeline::new(Arc::clone(recording), options.clone())?),
            };
            timeline.machine_mut().set_probes(ProbeSet::default(), Policy::Stop);
            timeline.seat(&span.start).map_err(|e| HistoryError(e.to_string()))?;
            timeline.machine_mut().set_probes(probes.clone(), policy);
            Ok(look(timeline, span.end)?)
        })();
        if found.send((span.number, result)).is_err() {
            return;
        }
    }
}

/// Runs to `end` and takes the hits on the way.
fn look(timeline: &mut Timeline, end: u64) -> Result<Vec<Hit>, HistoryError> {
    let mut hits = Vec::new();
    loop {
        let exit = timeline.forward(end)?;
        let mut new = timeline.machine_mut().take_hits();
        hits.append(&mut new);
        match exit {
            RunExit::Probe | RunExit::Time => {}
            RunExit::Icount if timeline.icount() < end => {}
            // The recording may end with the guest.
            _ => return Ok(hits),
        }
    }
}

fn thread_failed(e: &std::io::Error) -> QueryError {
    QueryError::Thread(e.to_string())
}

/// Every hit in order, handed to `sink`, which says whether it wants more.
///
/// # Errors
/// [`QueryError`].
pub fn every(
    recording: &Arc<Recording>,
    probes: &ProbeSet,
    scope: &Scope,
    sink: &mut dyn FnMut(Hit) -> bool,
) -> Result<(), QueryError> {
    let mut leader = Timeline::new(Arc::clone(recording), scope.options())?;
    leader.goto(scope.from).map_err(|e| HistoryError(e.to_string()))?;
    if scope.jobs <= 1 {
        leader.machine_mut().set_probes(probes.clone(), Policy::All(BATCH));
        loop {
            let exit = leader.forward(scope.to)?;
            for hit in leader.machine_mut().take_hits() {
                if !sink(hit) {
                    return Ok(());
                }
            }
            match exit {
                RunExit::Probe | RunExit::Time => {}
                RunExit::Icount if leader.icount() < scope.to => {}
                _ => return Ok(()),
            }
        }
    }
    let workers = scope.jobs - 1;
    let (send, receive) = mpsc::sync_channel::<Span>(workers);
    let spans = Mutex::new(receive);
    let (answer, answers) = mpsc::channel::<Found>();
    std::thread::scope(|threads| {
        for _ in 0..workers {
            let (spans, answer) = (&spans, answer.clone());
            std::thread::Builder::new()
                .spawn_scoped(threads, move || work(recording, spans, &answer, probes, Policy::All(BATCH)))
                .map_err(|e| thread_failed(&e))?;
        }
        drop(answer);
        let mut waiting: BTreeMap<usize, Vec<Hit>> = BTreeMap::new();
        let mut next = 0;
        // Hands on what is complete; `false` when no more is wanted.
        let mut deliver = |(number, hits): Found| -> Result<bool, QueryError> {
            waiting.insert(number, hits?);
            while let Some(hits) = waiting.remove(&next) {
                next += 1;
                for hit in hits {
                    if !sink(hit) {
                        return Ok(false);
                    }
                }
            }
            Ok(true)
        };
        let mut number = 0;
        while leader.icount() < scope.to {
            let start = leader.stand().map_err(|e| HistoryError(e.to_string()))?;
            let end = leader.icount().saturating_add(scope.span.max(1)).min(scope.to);
            if send.send(Span { number, start, end }).is_err() {
                break;
            }
            number += 1;
            for found in answers.try_iter() {
                if !deliver(found)? {
                    return Ok(());
                }
            }
            match leader.forward(end)? {
                RunExit::Icount | RunExit::Time => {}
                _ => break,
            }
        }
        drop(send);
        for found in answers.iter() {
            if !deliver(found)? {
                return Ok(());
            }
        }
        Ok(())
    })
}

/// The last hit of each probe before the end of the scope, by probe.
///
/// # Errors
/// [`QueryError`].
pub fn last(recording: &Arc<Recording>, probes: &ProbeSet, scope: &Scope) -> Result<Vec<Option<Hit>>, QueryError> {
    let mut leader = Timeline::new(Arc::clone(recording), scope.options())?;
    leader.goto(scope.from).map_err(|e| HistoryError(e.to_string()))?;
    let mut starts = vec![leader.stand().map_err(|e| HistoryError(e.to_string()))?];
    while leader.icount() < scope.to {
        let end = leader.icount().saturating_add(scope.span.max(1)).min(scope.to);
        match leader.forward(end)? {
            RunExit::Icount | RunExit::Time => {}
            _ => break,
        }
        if leader.icount() < scope.to {
            starts.push(leader.stand().map_err(|e| HistoryError(e.to_string()))?);
        }
    }
    drop(leader);
    let mut last: Vec<Option<Hit>> = vec![None; probes.probes().len()];
    let (answer, answers) = mpsc::channel::<Found>();
    let (send, receive) = mpsc::channel::<Span>();
    let spans = Mutex::new(receive);
    std::thread::scope(|threads| {
        for _ in 0..scope.jobs.max(1) {
            let (spans, answer) = (&spans, answer.clone());
            std::thread::Builder::new()
                .spawn_scoped(threads, move || work(recording, spans, &answer, probes, Policy::Last))
                .map_err(|e| thread_failed(&e))?;
        }
        drop(answer);
        let mut end = scope.to;
        let mut under_way = 0;
        let mut number = 0;
        let mut done: BTreeMap<usize, Vec<Hit>> = BTreeMap::new();
        let mut next = 0;
        // Spans go out from the end backwards; their answers are looked at in that order.
        loop {
            while under_way < scope.jobs.max(1)
                && last.iter().any(Option::is_none)
                && let Some(start) = starts.pop()
            {
                let begins = start.icount();
                if send.send(Span { number, start, end }).is_err() {
                    return Err(QueryError::Thread("all have ended".into()));
                }
                (number, under_way, end) = (number + 1, under_way + 1, begins);
            }
            if under_way == 0 {
                break;
            }
            let Ok((n, hits)) = answers.recv() else {
                return Err(QueryError::Thread("all have ended".into()));
            };
            under_way -= 1;
            done.insert(n, hits?);
            while let Some(hits) = done.remove(&next) {
                next += 1;
                for hit in hits {
                    if let Some(slot) = last.get_mut(hit.probe)
                        && slot.is_none()
                    {
                        *slot = Some(hit);
                    }
                }
            }
        }
        drop(send);
        Ok(())
    })?;
    Ok(last)
}
