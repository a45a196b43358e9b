//! What a check found, and the notebook in which it is collected.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::check::Validity;
use crate::history::{History, OpId};
use crate::stop::{self, Pace, Stopped, TOLD_TO_STOP};

use super::read::{self, Op};
use super::{PropertyError, PropertyKind, PropertyOptions};

/// The shares of the [`Quantiles`], in thousandths: least, median, 95 %, 99 %, greatest.
const SHARES: [usize; 5] = [0, 500, 950, 990, 1000];

/// Characters of a value that a sentence shows.
const VALUE_CHARS_MAX: usize = 160;

/// What a check of a property found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyReport {
    /// The property.
    pub property: PropertyKind,
    /// Invalid if a finding is a violation; else unknown if the history says too little; else valid.
    pub validity: Validity,
    /// Of an invalid history the first violation in words; of an unknown one, why.
    pub reason: Option<String>,
    /// Operations in the history (completed failures included).
    pub operations: usize,
    /// Operations with an unknown outcome.
    pub crashed: usize,
    /// What was counted, by name. Each check says in its documentation what it counts.
    pub counts: BTreeMap<String, u64>,
    /// How often each rule was broken, those findings included that [`PropertyReport::findings`] leaves out.
    pub found: BTreeMap<Rule, u64>,
    /// What was measured, by name; times are in nanoseconds.
    pub quantiles: BTreeMap<String, Quantiles>,
    /// Of each rule the first few as found, all in the order of the event that makes them certain.
    pub findings: Vec<Finding>,
}

impl PropertyReport {
    /// Says why the check was told to stop, if it was: only the caller knows.
    pub fn name_the_stop(&mut self, cause: &str) {
        stop::name(&mut self.reason, cause);
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub rule: Rule,
    /// Whether it makes the history invalid; else it is worth knowing only.
    pub violation: bool,
    /// Position of the event that makes it certain.
    pub event: u64,
    /// The object concerned, if it has a name.
    pub object: Option<String>,
    /// The values concerned.
    pub values: Vec<Value>,
    /// The operations concerned.
    pub operations: Vec<OpId>,
    /// What happened, in words.
    pub sentence: String,
}

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A value was seen that nobody ever brought in.
    FromNowhere,
    /// A value was seen although bringing it in had failed.
    Aborted,
    /// A value was seen before bringing it in had begun.
    Premature,
    /// What was surely brought in never came out, or was there and is there no more.
    Lost,
    /// Something came more often than it was brought in, or an id twice.
    Duplicated,
    /// A read that began when an element was surely there did not have it; later ones did.
    Stale,
    /// Balances do not add up to the total.
    WrongTotal,
    /// A balance is below zero.
    NegativeBalance,
    /// A balance of an account that does not exist.
    UnexpectedAccount,
    /// An account without a balance.
    MissingAccount,
    /// Reads saw writes in opposite orders.
    LongFork,
    /// A value that must only grow became less.
    Decreased,
    /// An increment answered a value that was there before.
    Repeated,
    /// A process did not see its own write.
    ReadYourWrites,
    /// A process read something older than it had read before.
    MonotonicReads,
    /// Writes of one process took effect in another order.
    MonotonicWrites,
    /// A write took effect before the one that its process had read.
    WritesFollowReads,
    /// A counter was read that had too little or too much in it.
    OutOfBounds,
    /// Two messages at one offset.
    InconsistentOffset,
    /// A poll went past messages that are there.
    PollSkip,
    /// A poll went back, or stood still.
    NonmonotonicPoll,
    /// A message was put before an earlier one of the same process.
    NonmonotonicSend,
    /// As [`Rule::PollSkip`], within one operation.
    InternalPollSkip,
    /// As [`Rule::NonmonotonicPoll`], within one operation.
    InternalNonmonotonicPoll,
    /// Messages of one operation with others between them.
    InternalSendSkip,
    /// As [`Rule::NonmonotonicSend`], within one operation.
    InternalNonmonotonicSend,
    /// A transaction polled what it had sent itself, before it was committed.
    Precommitted,
    /// An acknowledged message that nobody polled.
    Unseen,
}

/// Where the measured values lie. Of `n` values in order, the share `q` is at number `floor(n * q)`, the last at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many were measured.
    pub measured: u64,
    /// The least.
    pub min: u64,
    /// Half are below this.
    pub p50: u64,
    /// 95 % are below this.
    pub p95: u64,
    /// 99 % are below this.
    pub p99: u64,
    /// The greatest.
    pub max: u64,
}

impl Quantiles {
    /// Of these values; `None` if there are none.
    pub fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let last = values.len().checked_sub(1)?;
        let [min, p50, p95, p99, max] =
            SHARES.map(|share| values[(values.len() * share / 1000).min(last)]);
        Some(Self { measured: values.len() as u64, min, p50, p95, p99, max })
    }
}

/// What a finding is about.
#[derive(Debug, Default)]
pub(super) struct About<'a> {
    pub(super) object: Option<&'a str>,
    pub(super) values: Vec<Value>,
    pub(super) operations: Vec<OpId>,
}

/// Why a check ends early.
pub(super) enum Halt {
    /// The history does not fit the property.
    Misfit(PropertyError),
    /// It was told to stop.
    Stopped,
}

impl From<PropertyError> for Halt {
    fn from(error: PropertyError) -> Self {
        Self::Misfit(error)
    }
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Lets `judge` fill a notebook, and reports what is in it.
pub(super) fn on(
    property: PropertyKind,
    history: &History,
    options: &PropertyOptions<'_>,
    judge: impl FnOnce(&mut Notebook<'_>) -> Result<(), Halt>,
) -> Result<PropertyReport, PropertyError> {
    let pace = Pace::new(options.should_stop);
    let mut notes = Notebook::new(options, &pace);
    match judge(&mut notes) {
        Ok(()) => {}
        Err(Halt::Misfit(error)) => return Err(error),
        Err(Halt::Stopped) => notes.doubt = Some(notes.how_far()),
    }
    Ok(notes.finish(property, history))
}

/// Collects what a check finds.
pub(super) struct Notebook<'a> {
    pub(super) pace: &'a Pace<'a>,
    /// How many there are to judge, and were judged.
    objects: Option<(usize, usize)>,
    findings_max: u64,
    findings: Vec<Finding>,
    found: BTreeMap<Rule, u64>,
    violations: bool,
    doubt: Option<String>,
    counts: BTreeMap<String, u64>,
    quantiles: BTreeMap<String, Quantiles>,
}

impl<'a> Notebook<'a> {
    fn new(options: &PropertyOptions<'_>, pace: &'a Pace<'a>) -> Self {
        Self {
            pace,
            objects: None,
            findings_max: options.findings_max as u64,
            findings: Vec::new(),
            found: BTreeMap::new(),
            violations: false,
            doubt: None,
            counts: BTreeMap::new(),
            quantiles: BTreeMap::new(),
        }
    }

    /// So many objects are to be judged.
    pub(super) fn expect(&mut self, objects: usize) {
        self.objects = Some((objects, 0));
    }

    /// One more object is judged.
    pub(super) fn judged(&mut self) {
        if let Some((_, judged)) = &mut self.objects {
            *judged += 1;
        }
    }

    fn how_far(&self) -> String {
        match self.objects {
            None => format!("{TOLD_TO_STOP} before anything was judged"),
            Some((all, judged)) => {
                format!("{TOLD_TO_STOP}: {} of {all} objects undecided", all - judged)
            }
        }
    }

    /// A violation, certain at `event`. The sentence is asked for only if it will be shown.
    pub(super) fn blame(
        &mut self,
        rule: Rule,
        event: u64,
        about: About<'_>,
        sentence: impl FnOnce() -> String,
    ) {
        self.violations = true;
        self.add(rule, true, event, about, sentence);
    }

    /// Something worth knowing that is no violation.
    pub(super) fn note(
        &mut self,
        rule: Rule,
        event: u64,
        about: About<'_>,
        sentence: impl FnOnce() -> String,
    ) {
        self.add(rule, false, event, about, sentence);
    }

    fn add(
        &mut self,
        rule: Rule,
        violation: bool,
        event: u64,
        about: About<'_>,
        sentence: impl FnOnce() -> String,
    ) {
        let times = self.found.entry(rule).or_insert(0);
        *times += 1;
        // One is always kept, as the reason of an invalid history is its first finding.
        if *times > self.findings_max.max(1) {
            return;
        }
        let About { object, values, operations } = about;
        let object = object.map(str::to_owned);
        let sentence = sentence();
        self.findings.push(Finding {
            rule,
            violation,
            event,
            object,
            values,
            operations,
            sentence,
        });
    }

    /// Why the history says too little. The first reason stays.
    pub(super) fn doubt(&mut self, reason: impl FnOnce() -> String) {
        if self.doubt.is_none() {
            self.doubt = Some(reason());
        }
    }

    /// Adds to a count; a count of zero is shown too.
    pub(super) fn count(&mut self, name: &str, more: u64) {
        match self.counts.get_mut(name) {
            Some(count) => *count += more,
            None => {
                self.counts.insert(name.to_owned(), more);
            }
        }
    }

    /// Shows where measured values lie, if there are any.
    pub(super) fn measure(&mut self, name: &str, values: Vec<u64>) {
        if let Some(quantiles) = Quantiles::of(values) {
            self.quantiles.insert(name.to_owned(), quantiles);
        }
    }

    fn finish(mut self, property: PropertyKind, history: &History) -> PropertyReport {
        self.findings.sort_by(|one, other| {
            (one.event, one.rule, &one.object, &one.operations, &one.values).cmp(&(
                other.event,
                other.rule,
                &other.object,
                &other.operations,
                &other.values,
            ))
        });
        let first = self.findings.iter().find(|finding| finding.violation);
        let (validity, reason) = match (self.violations, self.doubt) {
            (true, _) => (Validity::Invalid, first.map(|finding| finding.sentence.clone())),
            (false, Some(doubt)) => (Validity::Unknown, Some(doubt)),
            (false, None) => (Validity::Valid, None),
        };
        let (operations, crashed) = read::totals(history);
        PropertyReport {
            property,
            validity,
            reason,
            operations,
            crashed,
            counts: self.counts,
            found: self.found,
            quantiles: self.quantiles,
            findings: self.findings,
        }
    }
}

/// Who did it: `p3`.
pub(super) fn who(op: &Op<'_>) -> String {
    format!("p{}", op.process)
}

/// A value, shortened if it is long.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// The object after a word and a space, if it has a name: ` of k7`, ` from k7`.
pub(super) fn object(word: &str, name: Option<&str>) -> String {
    name.map(|name| format!(" {word} {name}")).unwrap_or_default()
}

/// How often, in words.
pub(super) fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

/// So many things: `1 read`, `2 reads`.
pub(super) fn many(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
