//! `rashomon check --stream`: a history of any length, judged while it is read.
//!
//! One thread reads, another takes the events to a [`Monitor`], which keeps what may still matter and forgets the rest. The
//! verdict is that of the check of the whole history; what is missing is its explanation. It comes at the event that
//! makes a violation certain, and the rest is not read then. What the monitor cannot decide is unknown.
//!
//! | | `check` | `check --stream` |
//! |---|---|---|
//! | holds in memory | the history, and what the search needs | what is open, and what may still be seen |
//! | what must hold | models, properties, transactions | one model |
//! | tells of a violation | a small part of the history that has no order | the event |
//! | a mistake after the violation | an error | not looked at |
//! | the model, if nobody tells it | from all functions | from those of the first events ([`PEEK_EVENTS`]) |

mod batch;
mod pass;
mod reader;
mod sign;

use std::path::{Path, PathBuf};

use rashomon_checker::Value;
use rashomon_checker::check::{CheckReport, EngineUse, ModelKind, Validity};
use rashomon_checker::monitor::{Conclusion, Monitor};

use super::interrupt::Interrupt;
use super::judge::NOTHING;
use super::limits::Limits;
use super::{Args, EngineName, history_in, tell};
use crate::checked::{Asked, Checked, CheckedFile, Found, Streamed, Trouble};
use crate::cli::target;
use pass::{Pass, Stop};
use reader::{Reader, Task};

/// Events that are looked at to tell the model, before the first is judged.
const PEEK_EVENTS: usize = 1 << 16;

/// Says what cannot be combined with it, if anything is.
pub(super) fn refuses(args: &Args) -> Option<&'static str> {
    let stdins = args.files.iter().filter(|file| target::is_stdio(file)).count();
    [
        (args.report.is_some(), "--stream keeps nothing that could be drawn: leave --report out"),
        (args.engine != EngineName::Auto, "--stream has an engine of its own: leave --engine out"),
        (!args.properties.is_empty(), "--stream knows models only: leave --property out"),
        (args.consistency.is_some(), "--stream knows models only: leave --consistency out"),
        (args.threads.is_some(), "--stream judges in one thread: leave --threads out"),
        (stdins > 1, "\"-\" can be given once: stdin has one history"),
    ]
    .into_iter()
    .find_map(|(is_so, why)| is_so.then_some(why))
}

/// Reads a file and judges it.
pub(super) fn file(args: &Args, file: &Path, interrupt: &Interrupt) -> CheckedFile {
    let limits = Limits::new(interrupt, args.time_limit);
    let should_stop = || limits.are_reached();
    let is_stdin = target::is_stdio(file);
    let name = if is_stdin { PathBuf::from("stdin") } else { history_in(file) };
    let task = Task {
        input: file.to_owned(),
        name: name.clone(),
        format: args.input_format,
        independent: args.independent,
    };
    let shown = if is_stdin { name.as_path() } else { file };
    let mut checked = CheckedFile::unread(shown.display().to_string());
    let reader = match Reader::start(task) {
        Ok(reader) => reader,
        Err(error) => {
            let text = format!("no thread to read with: {error}");
            checked.trouble = Some(Trouble::Internal(text));
            return checked;
        }
    };
    let mut pass = Pass::new(args, name, &reader, &limits, &should_stop);
    let end = pass.run();
    pass.finish(end, &mut checked);
    if checked.validity() == Validity::Invalid {
        tell(&explained_by(&checked.name, is_stdin));
    }
    checked
}

fn explained_by(name: &str, is_stdin: bool) -> String {
    if is_stdin {
        return "note: stdin: what is wrong is explained where the history is kept in a file, and that is checked \
                without --stream"
            .to_owned();
    }
    format!("note: {name}: the same command without --stream explains what is wrong")
}

/// What became of a history.
struct Ended<'a> {
    model: ModelKind,
    initial: &'a Value,
    monitor: &'a Monitor<'a>,
    end: Result<(), Stop>,
    /// Whether there was anything to read.
    nothing: bool,
    seconds: f64,
}

impl Ended<'_> {
    /// Fills in what was found.
    fn tell(self, checked: &mut CheckedFile) {
        let conclusion = self.monitor.conclusion();
        checked.operations = usize::try_from(conclusion.operations).unwrap_or(usize::MAX);
        checked.crashed = usize::try_from(conclusion.crashed).unwrap_or(usize::MAX);
        let (events, whole) = (conclusion.events, self.end.is_ok());
        let mut streamed = Streamed { events, whole, violation: None };
        let found = match self.end {
            Ok(()) if self.nothing => Ok((Validity::Unknown, Some(NOTHING.to_owned()))),
            Ok(()) => Ok((conclusion.validity, undecided(&conclusion))),
            Err(Stop::Violated(violation)) => {
                let sentence = violation.sentence.clone();
                streamed.violation = Some(violation);
                Ok((Validity::Invalid, Some(sentence)))
            }
            Err(Stop::Limit(why)) => Ok((Validity::Unknown, Some(why))),
            Err(Stop::Trouble(trouble)) => Err(so_far(trouble, &conclusion)),
        };
        checked.streamed = Some(streamed);
        match found {
            Ok((validity, reason)) => {
                let report = report(checked, &conclusion, validity, reason);
                let outcome = Ok(Found::Model(self.initial.clone(), report));
                let (asked, seconds) = (Asked::Model(self.model), self.seconds);
                checked.checks = vec![Checked { asked, seconds, outcome }];
            }
            Err(trouble) => checked.trouble = Some(trouble),
        }
    }
}

fn undecided(conclusion: &Conclusion) -> Option<String> {
    let why = conclusion.reason.as_ref()?;
    Some(format!("{why}; without --stream it may be decided"))
}

fn report(
    checked: &CheckedFile,
    conclusion: &Conclusion,
    validity: Validity,
    reason: Option<String>,
) -> CheckReport {
    let keys = usize::try_from(conclusion.keys).unwrap_or(usize::MAX);
    let (operations, crashed) = (checked.operations, checked.crashed);
    let engine = "monitor".to_owned();
    CheckReport {
        validity,
        reason,
        operations,
        crashed,
        keys,
        configurations: 0,
        engines: vec![EngineUse { engine, why: None, keys, operations }],
        // Nothing is taken after the violation.
        impossible_from: conclusion.events.checked_sub(1).filter(|_| validity == Validity::Invalid),
        counterexample: None,
        linearizations: Vec::new(),
    }
}

/// What went wrong, and what is known all the same.
fn so_far(trouble: Trouble, conclusion: &Conclusion) -> Trouble {
    if conclusion.validity != Validity::Valid || conclusion.events == 0 {
        return trouble;
    }
    let events = conclusion.events;
    match trouble {
        Trouble::Input(text) => {
            Trouble::Input(format!("{text} (no violation in the {events} events before)"))
        }
        other => other,
    }
}
