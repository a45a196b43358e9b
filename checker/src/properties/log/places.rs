//! Which message is where in its log, who says so, and what nobody polled.

use std::collections::BTreeMap;

use crate::properties::origin::Sighting;
use crate::properties::read::Op;
use crate::properties::report::{About, Notebook, Rule, many, object, short, who};
use crate::stop::{Pace, Stopped};

use super::order::Order;
use super::parse::{DeedKind, Deeds, Slot};

/// A message was said to be at an offset.
#[derive(Clone, Copy)]
struct Place<'a> {
    log: u32,
    offset: i64,
    message: u32,
    op: &'a Op<'a>,
}

/// What is known of where messages are.
pub(super) struct Places<'a> {
    pub(super) deeds: &'a Deeds<'a>,
    /// By log: the offsets that are known to hold a message, in order.
    known: Vec<Vec<i64>>,
    /// By log, offset and message: who first said so.
    said: Vec<Place<'a>>,
    /// By message: the send that was acknowledged first, and its offset.
    acknowledged: Vec<Option<(&'a Op<'a>, Option<i64>)>>,
    /// By message: the first poll that has it, by completion.
    polled: Vec<Option<&'a Op<'a>>>,
    /// By log: the highest offset that was polled, and by whom first.
    bounds: Vec<Option<(i64, &'a Op<'a>)>>,
    /// Polls of unknown outcome.
    crashed_polls: u64,
}

impl<'a> Places<'a> {
    pub(super) fn of(deeds: &'a Deeds<'a>, pace: &Pace<'_>) -> Result<Self, Stopped> {
        let mut places = Self {
            deeds,
            known: vec![Vec::new(); deeds.logs.len()],
            said: Vec::new(),
            acknowledged: vec![None; deeds.messages.len()],
            polled: vec![None; deeds.messages.len()],
            bounds: vec![None; deeds.logs.len()],
            crashed_polls: 0,
        };
        for deed in &deeds.all {
            pace.step(deed.size())?;
            let polls = deed.kind == DeedKind::Work { polls: true };
            places.crashed_polls += u64::from(polls && deed.op.crashed());
            if !deed.op.is_ok() {
                continue;
            }
            for slot in &deed.sent {
                places.put(slot, deed.op);
                let known = &mut places.acknowledged[slot.message as usize];
                if known.is_none_or(|(op, _)| deed.op.ret < op.ret) {
                    *known = Some((deed.op, slot.offset));
                }
            }
            for polled in &deed.polled {
                places.put(&polled.slot, deed.op);
                places.poll(&polled.slot, deed.op);
            }
        }
        places.said.sort_by_key(|place| (place.log, place.offset, place.message, place.op.ret));
        places.said.dedup_by_key(|place| (place.log, place.offset, place.message));
        for place in &places.said {
            pace.step(1)?;
            let known = &mut places.known[place.log as usize];
            if known.last() != Some(&place.offset) {
                known.push(place.offset);
            }
        }
        Ok(places)
    }

    fn put(&mut self, slot: &Slot, op: &'a Op<'a>) {
        if let Some(offset) = slot.offset {
            self.said.push(Place { log: slot.log, offset, message: slot.message, op });
        }
    }

    fn poll(&mut self, slot: &Slot, op: &'a Op<'a>) {
        let first = &mut self.polled[slot.message as usize];
        if first.is_none_or(|first| op.ret < first.ret) {
            *first = Some(op);
        }
        let Some(offset) = slot.offset else { return };
        let bound = &mut self.bounds[slot.log as usize];
        let further = |(bound, by): (i64, &Op<'_>)| (offset, by.ret) > (bound, op.ret);
        if bound.is_none_or(further) {
            *bound = Some((offset, op));
        }
    }

    /// How many messages are known to lie between two offsets.
    pub(super) fn between(&self, log: u32, low: i64, high: i64) -> u64 {
        let known = &self.known[log as usize];
        let from = known.partition_point(|offset| *offset <= low);
        let to = known.partition_point(|offset| *offset < high);
        to.saturating_sub(from) as u64
    }

    /// The log in words.
    pub(super) fn log(&self, log: u32, name: Option<&str>) -> String {
        format!("log {}{}", self.deeds.logs[log as usize], object("of", name))
    }

    /// What does not fit together whoever polls in which order.
    pub(super) fn judge(
        &self,
        name: Option<&str>,
        notes: &mut Notebook<'_>,
    ) -> Result<(), Stopped> {
        self.judge_origins(name, notes)?;
        for pair in self.said.windows(2) {
            notes.pace.step(1)?;
            if let [one, other] = pair
                && (one.log, one.offset) == (other.log, other.offset)
            {
                self.blame_offset(one, other, name, notes);
            }
        }
        let mut by_message: BTreeMap<u32, Vec<&Place<'_>>> = BTreeMap::new();
        for place in &self.said {
            notes.pace.step(1)?;
            by_message.entry(place.message).or_default().push(place);
        }
        for (message, places) in by_message {
            notes.pace.step(places.len())?;
            // Sent twice, it may be there twice.
            if places.len() > 1 && self.deeds.messages[message as usize].origin.attempts < 2 {
                self.blame_duplicate(&places, name, notes);
            }
        }
        Ok(())
    }

    fn judge_origins(&self, name: Option<&str>, notes: &mut Notebook<'_>) -> Result<(), Stopped> {
        for (message, polled) in self.deeds.messages.iter().zip(&self.polled) {
            notes.pace.step(1)?;
            let Some(by) = polled else { continue };
            notes.count("polled", 1);
            let Some(rule) = message.origin.flaw(by.ret) else { continue };
            let log = self.log(message.log, name);
            let sighting = Sighting {
                by,
                value: message.value,
                object: Some(&log),
                seen: "polled",
                deed: "send",
            };
            message.origin.blame(rule, &sighting, notes);
        }
        Ok(())
    }

    fn about(&self, places: &[&Place<'_>], log: &'a str) -> About<'a> {
        let value = |place: &&Place<'_>| self.deeds.messages[place.message as usize].value.clone();
        About {
            object: Some(log),
            values: places.iter().map(value).collect(),
            operations: places.iter().map(|place| place.op.id).collect(),
        }
    }

    fn blame_offset(
        &self,
        one: &Place<'_>,
        other: &Place<'_>,
        name: Option<&str>,
        notes: &mut Notebook<'_>,
    ) {
        let event = one.op.ret.max(other.op.ret);
        let log = &self.deeds.logs[one.log as usize];
        notes.blame(Rule::InconsistentOffset, event, self.about(&[one, other], log), || {
            format!(
                "offset {} of {} is {} for {} and {} for {}",
                one.offset,
                self.log(one.log, name),
                self.value(one),
                who(one.op),
                self.value(other),
                who(other.op)
            )
        });
    }

    fn blame_duplicate(&self, places: &[&Place<'_>], name: Option<&str>, notes: &mut Notebook<'_>) {
        let mut places = places.to_vec();
        places.sort_by_key(|place| (place.op.ret, place.offset));
        let [one, other, ..] = places[..] else { return };
        let log = &self.deeds.logs[one.log as usize];
        notes.blame(Rule::Duplicated, other.op.ret, self.about(&[one, other], log), || {
            format!(
                "{} of {} was sent once, but is at offset {} for {} and at offset {} for {}",
                self.value(one),
                self.log(one.log, name),
                one.offset,
                who(one.op),
                other.offset,
                who(other.op)
            )
        });
    }

    fn value(&self, place: &Place<'_>) -> String {
        short(self.deeds.messages[place.message as usize].value)
    }

    /// What was acknowledged and never polled.
    pub(super) fn judge_unpolled(
        &self,
        order: &Order,
        name: Option<&str>,
        notes: &mut Notebook<'_>,
    ) -> Result<(), Stopped> {
        let (mut unseen, mut unaccounted) = (0, 0);
        for (number, message) in self.deeds.messages.iter().enumerate() {
            notes.pace.step(1)?;
            let (Some((send, offset)), None) = (self.acknowledged[number], self.polled[number])
            else {
                continue;
            };
            let log = &self.deeds.logs[message.log as usize];
            let mut about = About {
                object: Some(log),
                values: vec![message.value.clone()],
                operations: vec![send.id],
            };
            let bound = self.bounds[message.log as usize];
            let passed = offset.zip(bound).filter(|(offset, (bound, _))| offset < bound);
            let Some((offset, (bound, by))) = passed else {
                unseen += 1;
                notes.note(Rule::Unseen, send.ret, about, || {
                    let (value, log) = (short(message.value), self.log(message.log, name));
                    format!("{} sent {value} to {log}, and nobody polled it", who(send))
                });
                continue;
            };
            if self.crashed_polls > 0 && !order.went_past(message.log, offset) {
                unaccounted += 1;
                continue;
            }
            notes.count("lost", 1);
            about.operations.push(by.id);
            notes.blame(Rule::Lost, send.ret.max(by.ret), about, || {
                let (value, log) = (short(message.value), self.log(message.log, name));
                format!(
                    "{} sent {value} to {log} at offset {offset}, and nobody polled it, though {} polled offset {bound}",
                    who(send),
                    who(by)
                )
            });
        }
        self.sum_up(unseen, unaccounted, notes);
        Ok(())
    }

    fn sum_up(&self, unseen: u64, unaccounted: u64, notes: &mut Notebook<'_>) {
        notes.count("unseen", unseen);
        notes.count("unaccounted", unaccounted);
        if unaccounted > 0 {
            notes.doubt(|| {
                let messages = many(unaccounted, "message");
                let polls = many(self.crashed_polls, "poll");
                format!("{messages} went unpolled, and may have gone to {polls} of unknown outcome")
            });
        }
        if unseen > 0 {
            notes.doubt(|| {
                let messages = many(unseen, "acknowledged message");
                format!("{messages} were not polled, nor anything after: nobody polled to the end")
            });
        }
    }

    /// How long each message took from its acknowledgement to its first poll.
    pub(super) fn measure(&self, lags: &mut Vec<u64>) {
        for (acknowledged, polled) in self.acknowledged.iter().zip(&self.polled) {
            let sent = acknowledged.and_then(|(op, _)| op.ret_time);
            let seen = polled.and_then(|op| op.ret_time);
            lags.extend(sent.zip(seen).map(|(sent, seen)| seen.saturating_sub(sent)));
        }
    }
}
