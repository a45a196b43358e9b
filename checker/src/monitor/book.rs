//! What every process is doing, and which invocation is the oldest that is open.

use std::collections::VecDeque;

use super::names::{Names, word_of};
use super::watch::Call;
use crate::Value;
use crate::history::{Activities, Activity, EventKind, EventRef, HistoryError, NONE, ProcessId};

/// An open operation.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The number of the name that it was invoked with.
    pub(super) name: u32,
    /// That name in a word, if it fits: most completions need look no further.
    word: u128,
    pub(super) call: Call,
}

/// Pairs invocations with completions, as [`crate::history::Builder`] does, but keeps only what is open.
#[derive(Debug, Default)]
pub(super) struct Book {
    position: u32,
    operations: u32,
    /// How many ended in `info`.
    unknown: u32,
    activities: Activities,
    /// By place; [`Activity::Open`] says which.
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    /// Invocations in order, and whether they are still open.
    calls: VecDeque<(u32, bool)>,
    /// How many were taken from the front of `calls`.
    calls_gone: u32,
    /// By place: the number of the invocation in `calls`, from the start of the history.
    call_numbers: Vec<u32>,
}

impl Book {
    /// Position of the last event.
    pub(super) fn position(&self) -> u32 {
        self.position.saturating_sub(1)
    }

    /// Position of the next event.
    pub(super) fn next(&self) -> u64 {
        u64::from(self.position)
    }

    pub(super) fn events(&self) -> u64 {
        u64::from(self.position)
    }

    pub(super) fn operations(&self) -> u64 {
        u64::from(self.operations)
    }

    /// Operations of unknown outcome: those that are open count.
    pub(super) fn crashed(&self) -> u64 {
        let open = self.entries.len() - self.free.len();
        u64::from(self.unknown) + open as u64
    }

    /// The invocation of the oldest operation that is open and may still complete; the next position if there is none.
    pub(super) fn oldest(&self) -> u32 {
        self.calls.front().map_or(self.position, |(call, _)| *call)
    }

    /// Whether an invocation can be the next event.
    pub(super) fn admit(&self, event: &EventRef<'_>) -> Result<(), HistoryError> {
        let (at, process) = (self.position as usize, event.process);
        if self.position >= NONE - 1 {
            return Err(HistoryError::TooLong { event: at });
        }
        match self.activities.get(process) {
            Activity::Idle => Ok(()),
            Activity::Open(place) => {
                let open = self.entries[place as usize].as_ref().map_or(0, |entry| entry.call.at);
                Err(HistoryError::StillOpen { event: at, process, open: open as usize })
            }
            Activity::Retired(info) => {
                Err(HistoryError::Retired { event: at, process, info: info as usize })
            }
        }
    }

    /// What an invocation that was admitted calls. `f` is its function, as the model calls it.
    pub(super) fn call(&self, process: ProcessId, f: &'static str, input: Value) -> Call {
        Call { op: self.operations, at: self.position, process, f, input, mark: 0 }
    }

    /// The next event is an invocation that was admitted.
    pub(super) fn open(&mut self, (name, word): (u32, u128), call: Call) {
        let process = call.process;
        let entry = Entry { name, word, call };
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.call_numbers.push(0);
            self.entries.len() as u32 - 1
        });
        self.call_numbers[place as usize] = self.calls_gone.wrapping_add(self.calls.len() as u32);
        self.calls.push_back((self.position, true));
        self.activities.set(process, Activity::Open(place));
        self.position += 1;
        self.operations += 1;
        self.entries[place as usize] = Some(entry);
    }

    /// The open operation that a completion would end, and its place.
    pub(super) fn find(
        &self,
        event: &EventRef<'_>,
        names: &Names,
    ) -> Result<(u32, &Entry), HistoryError> {
        let (at, process, kind) = (self.position as usize, event.process, event.kind);
        if self.position >= NONE - 1 {
            return Err(HistoryError::TooLong { event: at });
        }
        let missing = HistoryError::NotInvoked { event: at, process, kind };
        let Activity::Open(place) = self.activities.get(process) else { return Err(missing) };
        let Some(entry) = &self.entries[place as usize] else { return Err(missing) };
        let is_same = event.key.is_none_or(|key| {
            let word = word_of(key);
            (word != 0 && word == entry.word) || names.get(entry.name) == Some(key)
        });
        if event.f == entry.call.f && is_same {
            return Ok((place, entry));
        }
        let key = names.get(entry.name);
        Err(HistoryError::Mismatch {
            event: at,
            process,
            invocation: entry.call.at as usize,
            invoked: with_key(entry.call.f, key),
            completed: with_key(event.f, event.key),
        })
    }

    /// The next event ends the operation at this place, which was found.
    pub(super) fn close(&mut self, place: u32, kind: EventKind) -> Option<Entry> {
        let entry = self.entries[place as usize].take()?;
        let process = entry.call.process;
        self.free.push(place);
        let number = self.call_numbers[place as usize].wrapping_sub(self.calls_gone);
        if let Some((_, open)) = self.calls.get_mut(number as usize) {
            *open = false;
        }
        while self.calls.front().is_some_and(|(_, open)| !open) {
            self.calls.pop_front();
            self.calls_gone = self.calls_gone.wrapping_add(1);
        }
        let retired = kind == EventKind::Info;
        self.unknown += u32::from(retired);
        let next = if retired { Activity::Retired(self.position) } else { Activity::Idle };
        self.activities.set(process, next);
        self.position += 1;
        Some(entry)
    }
}

/// A function, and the object if it is named, as in the errors of [`crate::history::Builder`].
fn with_key(f: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("{f} {key}"),
        None => f.to_owned(),
    }
}
