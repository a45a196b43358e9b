//! What may have been done in a gap.

use super::super::super::{ABSENT, When, fault};
use super::super::gaps::{Gap, Held, Need};
use super::super::stock::{Accept, Class};
use super::Mend;

/// Ways of one gap at most.
const WAYS_MAX: usize = 64;

/// Changes that act one after the other in a gap.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) accepts: Vec<Accept>,
    /// The first is a delete.
    pub(super) deletes: bool,
}

/// Ways that are being collected.
struct Ways {
    /// What is there in front of the first change, and how many changes there may be from then on.
    start: Held,
    room: usize,
    head: Option<Accept>,
    found: Vec<Way>,
    /// The compare-and-sets at the end, last first, and the values that they leave.
    tail: Vec<u32>,
    values: Vec<u32>,
    is_partial: bool,
}

impl<const FAULT: u8> Mend<'_, '_, FAULT> {
    pub(super) fn delete(&self) -> Accept {
        self.stock.leaving(ABSENT, Held::NOTHING)
    }

    /// The one change that a gap needs, if it does.
    pub(super) fn simplest(&self, gap: u32) -> Option<Accept> {
        let Gap { held, need, .. } = self.gaps[gap as usize];
        match need {
            Need::Nothing | Need::Same => None,
            Need::Value(value) if value == held.value => None,
            Need::Present if held != Held::NOTHING => None,
            // There is no room for what is not accepted.
            _ if self.room(gap) == 0 => Some(Accept::Classes([super::NONE; 3])),
            Need::Value(value) | Need::Write(Some(value)) => Some(self.stock.leaving(value, held)),
            Need::Present | Need::Write(None) => Some(Accept::Any(held)),
        }
    }

    /// How many changes there can be in a gap, one that ends it counted.
    pub(super) fn room(&self, gap: u32) -> usize {
        let Gap { need, room, .. } = self.gaps[gap as usize];
        if FAULT == fault::NO_ROOM {
            return usize::MAX;
        }
        let room = usize::try_from(room).unwrap_or(0);
        room.saturating_add(usize::from(matches!(need, Need::Write(_))))
    }

    /// The ways but the simplest: with a delete in front, or else those of more than one change.
    pub(super) fn ways(&mut self, gap: u32, deletes: bool) -> Vec<Way> {
        let Gap { held, need, low, room, .. } = self.gaps[gap as usize];
        let is_settled = need == Need::Same || need == Need::Value(ABSENT);
        let is_given_up = FAULT == fault::SIMPLE_WAYS;
        if is_settled || is_given_up || deletes && held == Held::NOTHING {
            return Vec::new();
        }
        let (start, head) =
            if deletes { (Held::NOTHING, Some(self.delete())) } else { (held, None) };
        let Some(room_left) = self.room(gap).checked_sub(usize::from(deletes)) else {
            return Vec::new();
        };
        let (found, tail, values) = (Vec::new(), Vec::new(), Vec::new());
        let mut ways =
            Ways { start, room: room_left, head, found, tail, values, is_partial: false };
        match need {
            Need::Nothing if deletes => ways.add(None),
            Need::Present if deletes => ways.add(Some(Accept::Any(start))),
            Need::Nothing | Need::Present | Need::Same => {}
            Need::Value(value) if value == held.value && !deletes => {}
            Need::Value(value) | Need::Write(Some(value)) => {
                self.reach(value, deletes, &mut ways);
                self.mind_strays(low, room, &mut ways);
            }
            Need::Write(None) => {
                self.reach_any(deletes, &mut ways);
                self.mind_strays(low, room, &mut ways);
            }
        }
        self.is_partial |= ways.is_partial;
        self.work += ways.found.len();
        ways.found
    }

    /// A change of unknown outcome may have found the revision of another.
    fn mind_strays(&self, low: i64, room: i64, ways: &mut Ways) {
        let next = self.stray.partition_point(|revision| *revision <= low);
        let within = self.stray.get(next).is_some_and(|next| *next - low <= room);
        ways.is_partial |= within;
    }

    /// The ways in which a value can be there in the end. With `heads` one change will do, else that is left out.
    fn reach(&mut self, value: u32, heads: bool, ways: &mut Ways) {
        if ways.found.len() >= WAYS_MAX || ways.tail.len() >= ways.room {
            ways.is_partial |= ways.found.len() >= WAYS_MAX;
            return;
        }
        if heads {
            let accept = self.stock.leaving(value, ways.start);
            ways.add(Some(accept));
        }
        ways.values.push(value);
        for class in self.stock.of_value(value) {
            self.follow(class, ways);
        }
        ways.values.pop();
    }

    fn reach_any(&mut self, heads: bool, ways: &mut Ways) {
        if heads {
            ways.add(Some(Accept::Any(ways.start)));
        }
        for class in 0..self.stock.classes.len() as u32 {
            self.follow(class, ways);
        }
    }

    /// The ways that end with a compare-and-set of this class, and those behind it.
    fn follow(&mut self, class: u32, ways: &mut Ways) {
        self.work += 1;
        let Class { when, .. } = self.stock.classes[class as usize];
        let When::Value(from) = when else { return };
        let seen = from == ABSENT || from == ways.start.value || ways.values.contains(&from);
        if !seen && self.work <= self.work_max {
            ways.tail.push(class);
            self.reach(from, true, ways);
            ways.tail.pop();
        }
    }
}

impl Ways {
    /// Adds the way of the head, this, and the tail.
    fn add(&mut self, accept: Option<Accept>) {
        if accept.is_some() && self.tail.len() >= self.room {
            return;
        }
        let nothing = |accept: &Accept| *accept == Accept::Classes([super::NONE; 3]);
        if accept.as_ref().is_some_and(nothing) || self.head.as_ref().is_some_and(nothing) {
            return;
        }
        let tail =
            self.tail.iter().rev().map(|class| Accept::Classes([*class, super::NONE, super::NONE]));
        let accepts = self.head.into_iter().chain(accept).chain(tail).collect();
        self.found.push(Way { accepts, deletes: self.head.is_some() });
    }
}
