//! Total queue: what goes in comes out, once. In which order is not asked.
//!
//! `enqueue v`; `dequeue` answers a value, or nil if the queue is empty; `drain` answers all values that it took, and ends
//! when the queue is empty. A value may be enqueued several times. Found are values that came out
//! - although nobody put them in, or that failed, or had not begun;
//! - **duplicated**: more often than they can have been put in by then (adds of unknown outcome count as put in);
//!
//! and values that are **lost**: surely put in more often than they came out, although a `drain` began afterwards (or
//! [`PropertyOptions::drained`] says that the queue was empty in the end). Jepsen's `total-queue` takes for granted that
//! the history ends with drains, does not allow crashed ones, and calls a history with duplicates valid.
//!
//! A dequeue of unknown outcome may have taken a value that nobody saw, and a crashed drain any number of them. So up to
//! as many missing values as there are such dequeues are *excused*; only if more are missing, then some are surely lost.
//! Which ones cannot be told, so all missing ones are named. Which dequeue took which value does not matter: each may act
//! late, and so may have taken any of them.
//!
//! Unknown if values did not come out and no drain began after they went in, or if nothing was put in. Counts (of values,
//! with multiplicity): `attempted`, `acknowledged`, `dequeued`, `unexpected`, `duplicated`, `lost`, `excused`,
//! `not-drained`, `recovered` (came out, though no enqueue is known to have succeeded).

use std::collections::BTreeMap;

use crate::Value;
use crate::history::History;
use crate::stop::Stopped;

use super::origin::{Origin, Sighting};
use super::read::{self, Op};
use super::report::{self, About, Notebook, PropertyReport, Rule, many, object, short, times, who};
use super::{PropertyError, PropertyKind, PropertyOptions};

const PROPERTY: PropertyKind = PropertyKind::TotalQueue;

const COUNTS: [&str; 9] = [
    "attempted",
    "acknowledged",
    "dequeued",
    "unexpected",
    "duplicated",
    "lost",
    "excused",
    "not-drained",
    "recovered",
];

/// Checks that what went into each queue came out of it, and nothing else.
pub fn check(
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    report::on(PROPERTY, history, options, |notes| {
        for count in COUNTS {
            notes.count(count, 0);
        }
        let mut used = false;
        for (name, ops) in read::by_object(history, notes)? {
            let mut queue = Queue { name, ..Queue::default() };
            for op in &ops {
                notes.pace.step(op.size())?;
                queue.take(op)?;
            }
            used |= !queue.values.is_empty();
            queue.judge_taken(notes)?;
            queue.judge_missing(options, notes)?;
            notes.judged();
        }
        if !used {
            notes.doubt(|| "nothing was put in or taken out".to_owned());
        }
        Ok(())
    })
}

#[derive(Default)]
struct Queue<'a> {
    name: Option<&'a str>,
    values: BTreeMap<&'a Value, Fate<'a>>,
    /// What was taken, if at all, without anybody seeing it.
    unseen: Unseen,
    /// The invocation of the last drain that completed.
    last_drain: Option<u64>,
}

/// What operations of unknown outcome may have taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unseen {
    AtMost(u64),
    AnyNumber,
}

impl Default for Unseen {
    fn default() -> Self {
        Self::AtMost(0)
    }
}

/// What became of one value.
#[derive(Default)]
struct Fate<'a> {
    origin: Origin,
    /// Enqueues that did not fail.
    put: Vec<&'a Op<'a>>,
    /// What took it out, once for each time.
    taken: Vec<&'a Op<'a>>,
}

impl<'a> Queue<'a> {
    fn take(&mut self, op: &'a Op<'a>) -> Result<(), PropertyError> {
        match op.f {
            "enqueue" if op.input.is_nil() => return Err(op.bad_input(PROPERTY, "a value")),
            "enqueue" => {
                let fate = self.values.entry(&op.input).or_default();
                fate.origin.attempt(op);
                if !op.failed() {
                    fate.put.push(op);
                }
            }
            "dequeue" => match op.answer() {
                Some(Value::Nil) => {}
                Some(value) => self.values.entry(value).or_default().taken.push(op),
                None => self.miss(op, Unseen::AtMost(1)),
            },
            "drain" => match op.answer() {
                Some(answer) => {
                    let values = answer.as_list();
                    let values = values.ok_or_else(|| op.bad_answer(PROPERTY, "a list"))?;
                    for value in values {
                        self.values.entry(value).or_default().taken.push(op);
                    }
                    self.last_drain = Some(op.call);
                }
                None => self.miss(op, Unseen::AnyNumber),
            },
            _ => return Err(op.unknown_function(PROPERTY)),
        }
        Ok(())
    }

    /// Notes that an operation may have taken values that nobody saw.
    fn miss(&mut self, op: &Op<'_>, more: Unseen) {
        if op.crashed() {
            self.unseen = match (self.unseen, more) {
                (Unseen::AtMost(before), Unseen::AtMost(more)) => Unseen::AtMost(before + more),
                (Unseen::AnyNumber, _) | (_, Unseen::AnyNumber) => Unseen::AnyNumber,
            };
        }
    }

    /// What came out must have been put in by then, as often.
    fn judge_taken(&mut self, notes: &mut Notebook<'_>) -> Result<(), Stopped> {
        for (value, fate) in &mut self.values {
            notes.pace.step(fate.put.len() + fate.taken.len())?;
            fate.taken.sort_by_key(|op| (op.ret, op.id));
            let (put, taken) = (fate.put.len() as u64, fate.taken.len() as u64);
            let acknowledged = u64::from(fate.origin.acknowledged);
            notes.count("attempted", put);
            notes.count("acknowledged", acknowledged);
            notes.count("dequeued", taken);
            notes.count("recovered", taken.min(put).saturating_sub(acknowledged));
            let mut begun = 0;
            for (times_before, op) in fate.taken.iter().enumerate() {
                while fate.put.get(begun).is_some_and(|put| put.call < op.ret) {
                    begun += 1;
                }
                if times_before < begun {
                    continue;
                }
                if let Some(rule) = fate.origin.flaw(op.ret) {
                    notes.count("unexpected", 1);
                    let sighting = Sighting {
                        by: op,
                        value,
                        object: self.name,
                        seen: "took",
                        deed: "enqueue",
                    };
                    fate.origin.blame(rule, &sighting, notes);
                } else {
                    notes.count("duplicated", 1);
                    fate.blame_duplicate(value, times_before, begun, self.name, notes);
                }
            }
        }
        Ok(())
    }

    /// What was surely put in must have come out, if the queue was emptied afterwards.
    fn judge_missing(
        &self,
        options: &PropertyOptions<'_>,
        notes: &mut Notebook<'_>,
    ) -> Result<(), Stopped> {
        let mut missing = Vec::new();
        let mut waiting = 0;
        for (value, fate) in &self.values {
            notes.pace.step(fate.put.len() + 1)?;
            let mut sure: Vec<&Op<'_>> = fate.put.iter().copied().filter(|op| op.is_ok()).collect();
            sure.sort_by_key(|op| op.ret);
            // What came out is taken to be what was put in first: what is missing is then as late as can be, and may be
            // later than the drains. Enqueues of unknown outcome need not have happened, so they explain nothing.
            for op in sure.iter().skip(fate.taken.len()) {
                let drained = self.last_drain.is_some_and(|drain| op.ret < drain);
                if drained || options.drained {
                    missing.push((*value, *op));
                } else {
                    waiting += 1;
                }
            }
        }
        self.sum_up(&missing, waiting, notes);
        Ok(())
    }

    fn sum_up(&self, missing: &[(&Value, &Op<'_>)], waiting: u64, notes: &mut Notebook<'_>) {
        notes.count("not-drained", waiting);
        let excuses = match self.unseen {
            Unseen::AnyNumber => u64::MAX,
            Unseen::AtMost(excuses) => excuses,
        };
        let all = missing.len() as u64;
        if all <= excuses {
            notes.count("excused", all);
        } else {
            notes.count("excused", excuses);
            notes.count("lost", all - excuses);
            for (value, op) in missing {
                self.blame_lost(value, op, excuses, all, notes);
            }
        }
        if waiting > 0 {
            notes.doubt(|| {
                let values = many(waiting, "value");
                let from = object("from", self.name);
                format!("{values} did not come out{from}, and no drain began after they went in")
            });
        }
    }

    fn blame_lost(
        &self,
        value: &Value,
        op: &Op<'_>,
        excuses: u64,
        all: u64,
        notes: &mut Notebook<'_>,
    ) {
        let event = self.last_drain.unwrap_or(op.ret).max(op.ret);
        let values = vec![value.clone()];
        let about = About { object: self.name, values, operations: vec![op.id] };
        notes.blame(Rule::Lost, event, about, || {
            let to = object("to", self.name);
            let lost = format!("{} enqueued {}{to}, and it never came out", who(op), short(value));
            match excuses {
                0 => lost,
                _ => format!(
                    "{lost}; {} of unknown outcome cannot have taken all {all} that are missing",
                    many(excuses, "dequeue")
                ),
            }
        });
    }
}

impl Fate<'_> {
    fn blame_duplicate(
        &self,
        value: &Value,
        times_before: usize,
        begun: usize,
        name: Option<&str>,
        notes: &mut Notebook<'_>,
    ) {
        let op = self.taken[times_before];
        let before = &self.taken[times_before - 1];
        let operations = self.origin.first().into_iter().chain([before.id, op.id]).collect();
        let about = About { object: name, values: vec![value.clone()], operations };
        notes.blame(Rule::Duplicated, op.ret, about, || {
            format!(
                "{} took {}{}, which {} had taken before: it came out {}, but was put in at most {}",
                who(op),
                short(value),
                object("from", name),
                who(before),
                times(times_before as u64 + 1),
                times(begun as u64),
            )
        });
    }
}
