//! One history, from the reader to the monitor.
//!
//! What the history is about must be known before its first event can be judged, so the first batches are held until it
//! is. Memory is looked at between batches; time and Ctrl-C every few events, and by the monitor while one event takes long.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use rashomon_checker::Value;
use rashomon_checker::check::{ModelKind, Validity};
use rashomon_checker::history::{EventKind, ProcessId};
use rashomon_checker::monitor::{Monitor, MonitorError, MonitorOptions, Violation};

use super::batch::Batch;
use super::reader::{Message, Reader};
use super::sign::Sign;
use super::{Ended, PEEK_EVENTS};
use crate::checked::{CheckedFile, StreamedViolation, Trouble};
use crate::cli::check::guess::{self, Clues, Guess};
use crate::cli::check::limits::Limits;
use crate::cli::check::{Args, NilReads, judge};
use crate::cli::memory;
use crate::codec::{CodecError, InputFormat, PairsSoFar, StreamSummary};

/// Bytes of batches that are held at most until it is known what they are about.
const PEEK_BYTES: usize = 32 << 20;

/// Between two looks at the clock while nothing comes.
const PATIENCE: Duration = Duration::from_millis(50);

/// Events between two looks at the clock while they do: few, as each may take a while.
const LOOK_EVERY: usize = 32;

/// After a limit is reached: time for what was read and is held, which may hold a violation.
const GRACE: Duration = Duration::from_millis(50);

/// Batches between two looks at the memory.
const WEIGH_EVERY: u64 = 16;

/// The search on one object may take this part of the memory limit: it holds two frontiers, and there are other objects.
const SEARCH_SHARE: usize = 4;

/// Why a history was not judged to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// It has become impossible.
    Violated(StreamedViolation),
    /// A limit was reached: which, in words.
    Limit(String),
    Trouble(Trouble),
}

/// On its way through a history.
pub(super) struct Pass<'a> {
    args: &'a Args,
    /// For errors.
    path: PathBuf,
    reader: &'a Reader,
    limits: &'a Limits<'a>,
    should_stop: &'a (dyn Fn() -> bool + Sync),
    sign: Sign,
    /// Bytes that the process held before.
    held_before: u64,
    batches: u64,
    /// When something ended it; what is held may still be judged.
    over_since: Option<Instant>,
    format: Option<InputFormat>,
    waiting: Waiting,
    subject: Option<Subject<'a>>,
    pairs: PairsSoFar,
    /// Events judged, and the line of the last.
    events: u64,
    line: u64,
    summary: Option<StreamSummary>,
}

/// What is held until it is known what to make of it.
#[derive(Default)]
struct Waiting {
    batches: Vec<Batch>,
    events: usize,
    bytes: usize,
    clues: Clues,
}

/// What the history is about.
struct Subject<'a> {
    model: ModelKind,
    /// Whether nobody told the model.
    guessed: bool,
    initial: Value,
    monitor: Monitor<'a>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        args: &'a Args,
        path: PathBuf,
        reader: &'a Reader,
        limits: &'a Limits<'a>,
        should_stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self {
            args,
            reader,
            limits,
            should_stop,
            sign: Sign::new(&path),
            path,
            held_before: memory::held().unwrap_or(0),
            batches: 0,
            over_since: None,
            format: None,
            waiting: Waiting::default(),
            subject: None,
            pairs: PairsSoFar::default(),
            events: 0,
            line: 0,
            summary: None,
        }
    }

    /// Judges all events, or those before something ends it.
    pub(super) fn run(&mut self) -> Result<(), Stop> {
        let end = self.read();
        if matches!(end, Ok(()) | Err(Stop::Violated(_))) || self.format.is_none() {
            return end;
        }
        // What was read is judged all the same: a violation never hides behind what follows it.
        self.over_since = Some(Instant::now());
        match self.begin() {
            Err(Stop::Violated(violation)) => Err(Stop::Violated(violation)),
            Ok(()) | Err(_) => end,
        }
    }

    fn read(&mut self) -> Result<(), Stop> {
        loop {
            match self.next()? {
                Message::Format(format) => self.format = Some(format),
                Message::Batch(batch) => self.batch(batch)?,
                Message::End(Ok(summary)) => {
                    self.summary = Some(summary);
                    self.begin()?;
                    self.refuse_pairs()?;
                    return if self.is_undecided() { self.look() } else { Ok(()) };
                }
                Message::End(Err(error)) => {
                    return Err(Stop::Trouble(Trouble::Input(error.to_string())));
                }
            }
        }
    }

    /// Says what came out.
    pub(super) fn finish(mut self, end: Result<(), Stop>, checked: &mut CheckedFile) {
        self.sign.finish();
        checked.format = self.format;
        let summary = self.summary.take();
        let nothing =
            summary.as_ref().is_some_and(|read| read.events == 0 && read.passed_over == 0);
        checked.warnings = summary.map(|summary| summary.warnings).unwrap_or_default();
        let seconds = self.limits.elapsed().as_secs_f64();
        let end = end.map_err(|stop| match stop {
            Stop::Limit(why) => Stop::Limit(format!("{why} after {}", self.so_far())),
            stop => stop,
        });
        match (&self.subject, end) {
            (Some(Subject { model, initial, monitor, .. }), end) => {
                Ended { model: *model, initial, monitor, end, nothing, seconds }.tell(checked);
            }
            (None, Err(Stop::Trouble(trouble))) => checked.trouble = Some(trouble),
            (None, Err(Stop::Limit(why))) => checked.trouble = Some(Trouble::Limit(why)),
            (None, Ok(()) | Err(Stop::Violated(_))) => {
                let text = "a history was judged as nothing".to_owned();
                checked.trouble = Some(Trouble::Internal(text));
            }
        }
    }

    /// The next message, in time.
    fn next(&mut self) -> Result<Message, Stop> {
        loop {
            self.look()?;
            self.sign.look(self.limits.elapsed(), self.events, self.reader.percent());
            match self.reader.next(PATIENCE) {
                Ok(message) => return Ok(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let text = "the thread that reads panicked".to_owned();
                    return Err(Stop::Trouble(Trouble::Internal(text)));
                }
            }
        }
    }

    /// Whether it may go on.
    fn look(&self) -> Result<(), Stop> {
        if self.over_since.is_some_and(|since| since.elapsed() < GRACE) {
            return Ok(());
        }
        self.limits.cause().map_or(Ok(()), |cause| Err(Stop::Limit(cause)))
    }

    /// Whether the monitor gave something up: perhaps as it was told to stop.
    fn is_undecided(&self) -> bool {
        let conclusion = self.subject.as_ref().map(|subject| subject.monitor.conclusion());
        conclusion.is_some_and(|conclusion| conclusion.validity == Validity::Unknown)
    }

    /// What this process holds now must not be much more than it was before.
    fn weigh(&self) -> Result<(), Stop> {
        let limit = self.args.memory_limit.0;
        let held = memory::held().unwrap_or(0).saturating_sub(self.held_before);
        if held <= limit {
            return Ok(());
        }
        Err(Stop::Limit(format!(
            "the memory limit of {} MiB (--memory-limit) is used up",
            limit >> 20
        )))
    }

    fn so_far(&self) -> String {
        match self.events {
            0 => "no event at all".to_owned(),
            events => format!("{events} events, up to line {}", self.line),
        }
    }

    fn batch(&mut self, batch: Batch) -> Result<(), Stop> {
        if self.subject.is_some() {
            return self.judge(batch);
        }
        let waiting = &mut self.waiting;
        for (f, value) in batch.values() {
            waiting.clues.see(f, value);
        }
        waiting.events += batch.len();
        waiting.bytes += batch.bytes();
        waiting.batches.push(batch);
        if waiting.events >= PEEK_EVENTS || waiting.bytes >= PEEK_BYTES || self.args.model.is_some()
        {
            self.begin()?;
        }
        Ok(())
    }

    /// Decides what the history is about, and judges what was held until then.
    fn begin(&mut self) -> Result<(), Stop> {
        if self.subject.is_some() {
            return Ok(());
        }
        self.subject = Some(self.subject().map_err(|text| {
            Stop::Trouble(Trouble::Input(format!("{}: {text}", self.path.display())))
        })?);
        std::mem::take(&mut self.waiting.batches)
            .into_iter()
            .try_for_each(|batch| self.judge(batch))
    }

    fn subject(&self) -> Result<Subject<'a>, String> {
        let (args, clues) = (self.args, &self.waiting.clues);
        let format = self.format.unwrap_or(InputFormat::Jsonl);
        let guessed = args.model.is_none();
        let model = match args.model.map(Guess::Model) {
            Some(told) => told,
            None => guess::of(&self.path, format.model(), clues).map_err(|seen| {
                let models = guess::models();
                format!("cannot tell the model: {seen}; give --model, one of {models}")
            })?,
        };
        let Guess::Model(model) = model else {
            return Err(
                "transactions on lists are not judged while they are read: leave --stream out"
                    .to_owned(),
            );
        };
        let initial = args.initial.clone().unwrap_or_else(|| format.initial());
        let nil_reads_unknown = match args.nil_reads {
            Some(nil_reads) => nil_reads == NilReads::Unknown,
            None => format.nil_reads_unknown(),
        };
        let memory = usize::try_from(args.memory_limit.0).unwrap_or(usize::MAX);
        let options = MonitorOptions {
            initial: Some(initial.clone()),
            nil_reads_unknown,
            failed_cas_observed: format.failed_cas_observed() || args.strict_fail,
            memory_bytes_max: memory / SEARCH_SHARE,
            updates_are_repeated: format != InputFormat::Jsonl,
            should_stop: self.should_stop,
        };
        let monitor = Monitor::new(model, options);
        Ok(Subject { model, guessed, initial, monitor })
    }

    fn judge(&mut self, mut batch: Batch) -> Result<(), Stop> {
        for place in 0..batch.len() {
            if place % LOOK_EVERY == 0 {
                self.look()?;
            }
            if let ControlFlow::Break(stop) = self.event(&mut batch, place) {
                return Err(stop);
            }
        }
        self.reader.give_back(batch);
        self.batches += 1;
        if self.batches.is_multiple_of(WEIGH_EVERY) { self.weigh() } else { Ok(()) }
    }

    fn event(&mut self, batch: &mut Batch, place: usize) -> ControlFlow<Stop> {
        let Some(subject) = &mut self.subject else { return ControlFlow::Continue(()) };
        let (event, line) = batch.take(place);
        let (process, kind, f) = (event.process, event.kind, event.f);
        self.pairs.see(kind, f, event.key, &event.value);
        let taken = subject.monitor.take(event);
        (self.events, self.line) = (self.events + 1, line);
        match taken {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(violation)) => ControlFlow::Break(self.violated(&violation, process, kind, f)),
            Err(error) => {
                self.events -= 1;
                ControlFlow::Break(self.refused(error))
            }
        }
    }

    fn violated(
        &self,
        violation: &Violation,
        process: ProcessId,
        kind: EventKind,
        f: &str,
    ) -> Stop {
        if let Err(stop) = self.refuse_pairs() {
            return stop;
        }
        let line = self.line;
        let key = violation.key.as_ref().map(|key| format!(" of key {key}")).unwrap_or_default();
        let failed = if kind == EventKind::Fail { ", which failed," } else { "" };
        let sentence = format!(
            "line {line}: p{process}'s {f}{key}{failed} has no place in any order: {}",
            violation.rule
        );
        let (event, key) = (violation.event, violation.key.clone());
        Stop::Violated(StreamedViolation { event, line, key, sentence })
    }

    fn refused(&self, error: MonitorError) -> Stop {
        if let Err(stop) = self.refuse_pairs() {
            return stop;
        }
        let (path, line) = (self.path.clone(), self.line);
        let guessed = self.subject.as_ref().is_some_and(|subject| subject.guessed);
        let text = match error {
            MonitorError::History(source) => {
                CodecError::NotAHistory { path, line, source }.to_string()
            }
            MonitorError::Misfit { .. } if guessed && self.events >= PEEK_EVENTS as u64 => format!(
                "{}:{line}: {error}; the model was told by the first {PEEK_EVENTS} events: give --model",
                path.display()
            ),
            error => format!("{}:{line}: {error}", path.display()),
        };
        Stop::Trouble(Trouble::Input(text))
    }

    /// Judged as what it does not mean, a history of many objects would be impossible.
    fn refuse_pairs(&self) -> Result<(), Stop> {
        if self.args.independent || !self.pairs.look_independent() {
            return Ok(());
        }
        Err(Stop::Trouble(judge::unsplit(&self.path)))
    }
}
