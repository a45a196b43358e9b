//! Where the values that were seen come from: nothing may be seen that nobody brought in.
//!
//! An operation that failed brought nothing in; one of unknown outcome may have. So a value is explained by any attempt
//! that did not fail and was invoked before whoever saw the value completed.

use crate::Value;
use crate::history::{OpId, ProcessId};

use super::read::Op;
use super::report::{About, Notebook, Rule, object, short, who};

/// The attempts to bring in one value.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Origin {
    /// Of those that did not fail, the one invoked first.
    first: Option<Attempt>,
    failed: Option<Attempt>,
    /// How many did not fail.
    pub(super) attempts: u32,
    /// How many surely took effect.
    pub(super) acknowledged: u32,
}

#[derive(Debug, Clone, Copy)]
struct Attempt {
    id: OpId,
    process: ProcessId,
    call: u64,
}

/// A value that was seen, and what to call things in a sentence.
pub(super) struct Sighting<'a> {
    pub(super) by: &'a Op<'a>,
    pub(super) value: &'a Value,
    pub(super) object: Option<&'a str>,
    /// How it was seen: `read`, `dequeued`.
    pub(super) seen: &'a str,
    /// The noun for bringing it in: `write`, `add`.
    pub(super) deed: &'a str,
}

impl Origin {
    /// Notes an attempt. Attempts come in order of invocation.
    pub(super) fn attempt(&mut self, op: &Op<'_>) {
        let attempt = Attempt { id: op.id, process: op.process, call: op.call };
        if op.failed() {
            self.failed.get_or_insert(attempt);
            return;
        }
        self.first.get_or_insert(attempt);
        self.attempts += 1;
        self.acknowledged += u32::from(op.is_ok());
    }

    /// Whether anybody tried at all.
    pub(super) fn attempted(&self) -> bool {
        self.first.is_some() || self.failed.is_some()
    }

    /// What is wrong with seeing the value in an operation that completed at `ret`.
    pub(super) fn flaw(&self, ret: u64) -> Option<Rule> {
        match (self.first, self.failed) {
            (Some(first), _) if first.call < ret => None,
            (Some(_), _) => Some(Rule::Premature),
            (None, Some(_)) => Some(Rule::Aborted),
            (None, None) => Some(Rule::FromNowhere),
        }
    }

    /// The first attempt that did not fail.
    pub(super) fn first(&self) -> Option<OpId> {
        self.first.map(|attempt| attempt.id)
    }

    /// Blames a sighting for `rule`, one of those that [`Origin::flaw`] answers.
    pub(super) fn blame(&self, rule: Rule, sighting: &Sighting<'_>, notes: &mut Notebook<'_>) {
        let attempt = self.first.or(self.failed);
        let Sighting { by, value, object: name, seen, deed } = *sighting;
        let operations = attempt.iter().map(|attempt| attempt.id).chain([by.id]).collect();
        let about = About { object: name, values: vec![value.clone()], operations };
        notes.blame(rule, by.ret, about, || {
            let saw = format!("{} {seen} {}{}", who(by), short(value), object("of", name));
            match (rule, attempt) {
                (Rule::Premature, Some(attempt)) => {
                    format!("{saw}, but p{}'s {deed} of it had not yet begun", attempt.process)
                }
                (_, Some(attempt)) => {
                    format!("{saw}, but p{}'s {deed} of it failed", attempt.process)
                }
                (_, None) => format!("{saw}, but there was no {deed} of it"),
            }
        });
    }
}
