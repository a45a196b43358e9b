//! Whether each process goes forward through its logs, sending and polling.

use std::collections::BTreeMap;

use crate::Value;
use crate::history::ProcessId;
use crate::properties::read::Op;
use crate::properties::report::{About, Notebook, Rule, many, short, who};
use crate::stop::Stopped;

use super::parse::{Deed, DeedKind, Polled, Slot};
use super::places::Places;

/// Where a process was last in a log.
#[derive(Clone, Copy)]
struct Position<'a> {
    op: &'a Op<'a>,
    slot: Slot,
    offset: i64,
    /// Which poll of the operation, where it is one.
    poll: u32,
}

/// What a process did so far.
#[derive(Default)]
struct Client<'a> {
    subscribed: bool,
    polled: BTreeMap<u32, Position<'a>>,
    sent: BTreeMap<u32, Position<'a>>,
}

/// A step of a process from one message of a log to its next.
struct Step<'a> {
    before: Position<'a>,
    after: Position<'a>,
    sending: bool,
    /// Whether it may well be that the system gave the log to others in between.
    excused: bool,
}

/// The stretches of logs that processes are known to have gone past.
#[derive(Default)]
pub(super) struct Order {
    /// By log: offsets between which a process got nothing, in order.
    gaps: BTreeMap<u32, Vec<(i64, i64)>>,
}

impl Order {
    /// Judges each process' steps, and keeps where they went past something.
    pub(super) fn judge(
        places: &Places<'_>,
        name: Option<&str>,
        notes: &mut Notebook<'_>,
    ) -> Result<Self, Stopped> {
        let mut order = Self::default();
        let mut clients: BTreeMap<ProcessId, Client<'_>> = BTreeMap::new();
        for deed in &places.deeds.all {
            notes.pace.step(deed.size())?;
            let client = clients.entry(deed.op.process).or_default();
            match deed.kind {
                DeedKind::Assign | DeedKind::Subscribe => {
                    client.subscribed = deed.kind == DeedKind::Subscribe;
                    client.polled.clear();
                }
                DeedKind::Work { .. } if deed.op.is_ok() => {
                    client.follow(deed, &mut |step| order.take(&step, places, name, notes));
                    judge_precommitted(deed, places, name, notes);
                }
                DeedKind::Work { .. } | DeedKind::Other => {}
            }
        }
        for gaps in order.gaps.values_mut() {
            merge(gaps);
        }
        Ok(order)
    }

    /// Whether a process went past this offset without getting what is there.
    pub(super) fn went_past(&self, log: u32, offset: i64) -> bool {
        let Some(gaps) = self.gaps.get(&log) else { return false };
        let at = gaps.partition_point(|(low, _)| *low < offset);
        at.checked_sub(1).is_some_and(|at| offset < gaps[at].1)
    }

    fn take(
        &mut self,
        step: &Step<'_>,
        places: &Places<'_>,
        name: Option<&str>,
        notes: &mut Notebook<'_>,
    ) {
        let (log, low, high) = (step.before.slot.log, step.before.offset, step.after.offset);
        let inside = step.before.op.id == step.after.op.id;
        let between = places.between(log, low, high);
        let rule = match (step.sending, high <= low, inside) {
            (true, true, true) => Rule::InternalNonmonotonicSend,
            (true, true, false) => Rule::NonmonotonicSend,
            (true, false, true) if between > 0 => Rule::InternalSendSkip,
            (false, true, true) => Rule::InternalNonmonotonicPoll,
            (false, true, false) => Rule::NonmonotonicPoll,
            (false, false, true) if between > 0 => Rule::InternalPollSkip,
            (false, false, false) if between > 0 => Rule::PollSkip,
            _ => return,
        };
        if matches!(rule, Rule::InternalPollSkip | Rule::PollSkip) && !step.excused {
            self.gaps.entry(log).or_default().push((low, high));
        }
        let value = |position: &Position<'_>| {
            let message = &places.deeds.messages[position.slot.message as usize];
            message.value.clone()
        };
        let mut operations = vec![step.before.op.id, step.after.op.id];
        operations.dedup();
        let values: Vec<Value> = vec![value(&step.before), value(&step.after)];
        let about = About { object: Some(&places.deeds.logs[log as usize]), values, operations };
        let words = || {
            step.words(between, &places.log(log, name), &value(&step.before), &value(&step.after))
        };
        if step.excused || rule == Rule::InternalSendSkip {
            notes.note(rule, step.after.op.ret, about, words);
        } else {
            notes.blame(rule, step.after.op.ret, about, words);
        }
    }
}

impl<'a> Client<'a> {
    /// Goes through what an operation sent and polled, and tells each step.
    fn follow(&mut self, deed: &Deed<'a>, tell: &mut impl FnMut(Step<'a>)) {
        let op = deed.op;
        for slot in &deed.sent {
            if let Some(offset) = slot.offset {
                let after = Position { op, slot: *slot, offset, poll: 0 };
                if let Some(before) = self.sent.insert(slot.log, after) {
                    tell(Step { before, after, sending: true, excused: false });
                }
            }
        }
        for Polled { slot, poll } in &deed.polled {
            let Some(offset) = slot.offset else {
                // Where the process is now, nobody knows.
                self.polled.remove(&slot.log);
                continue;
            };
            let after = Position { op, slot: *slot, offset, poll: *poll };
            if let Some(before) = self.polled.insert(slot.log, after) {
                let same_poll = before.op.id == op.id && before.poll == *poll;
                let excused = self.subscribed && !same_poll;
                tell(Step { before, after, sending: false, excused });
            }
        }
    }
}

impl Step<'_> {
    fn words(&self, between: u64, log: &str, before: &Value, after: &Value) -> String {
        let Self { before: from, after: to, sending, .. } = self;
        let deed = if *sending { "sent" } else { "polled" };
        let inside = if from.op.id == to.op.id { " in one operation" } else { "" };
        let told = format!(
            "{} {deed} {} at offset {} of {log} and then {} at offset {}{inside}",
            who(to.op),
            short(before),
            from.offset,
            short(after),
            to.offset
        );
        match to.offset.cmp(&from.offset) {
            std::cmp::Ordering::Less => format!("{told}, which is further back"),
            std::cmp::Ordering::Equal => format!("{told}, the same again"),
            std::cmp::Ordering::Greater => {
                format!("{told}, but {} known to be in between", are(between))
            }
        }
    }
}

fn are(messages: u64) -> String {
    let verb = if messages == 1 { "is" } else { "are" };
    format!("{} {verb}", many(messages, "message"))
}

/// A transaction must not see its own messages: they are not committed.
fn judge_precommitted(
    deed: &Deed<'_>,
    places: &Places<'_>,
    name: Option<&str>,
    notes: &mut Notebook<'_>,
) {
    if deed.op.f != "txn" || deed.sent.is_empty() || deed.polled.is_empty() {
        return;
    }
    let mut sent: Vec<u32> = deed.sent.iter().map(|slot| slot.message).collect();
    sent.sort_unstable();
    let own = deed.polled.iter().find(|polled| sent.binary_search(&polled.slot.message).is_ok());
    let Some(Polled { slot, .. }) = own else { return };
    let value = places.deeds.messages[slot.message as usize].value;
    let log = &places.deeds.logs[slot.log as usize];
    let operations = vec![deed.op.id];
    let about = About { object: Some(log), values: vec![value.clone()], operations };
    notes.blame(Rule::Precommitted, deed.op.ret, about, || {
        let log = places.log(slot.log, name);
        format!("{} polled {} from {log} in the txn that sent it", who(deed.op), short(value))
    });
}

/// Puts open stretches in order, such that none lies within or overlaps another.
fn merge(gaps: &mut Vec<(i64, i64)>) {
    gaps.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::with_capacity(gaps.len());
    for (low, high) in gaps.drain(..) {
        match merged.last_mut() {
            // Two that only touch stay apart: the offset where they do was not gone past.
            Some((_, end)) if low < *end => *end = high.max(*end),
            _ => merged.push((low, high)),
        }
    }
    *gaps = merged;
}
