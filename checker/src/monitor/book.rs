//! What every process is doing, and which invocation is the oldest that is open.

use std::collections::VecDeque;

use super::watch::Call;
use crate::history::{Activities, Activity, EventKind, EventRef, HistoryError, NONE};

/// An open operation.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) object: u32,
    pub(super) call: Call,
}

/// Pairs invocations with completions, as [`crate::history::Builder`] does, but keeps only what is open.
#[derive(Debug, Default)]
pub(super) struct Book {
    position: u32,
    operations: u32,
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

    pub(super) fn events(&self) -> u64 {
        u64::from(self.position)
    }

    pub(super) fn operations(&self) -> u64 {
        u64::from(self.operations)
    }

    /// The invocation of the oldest operation that is open and may still complete; the next position if there is none.
    pub(super) fn oldest(&self) -> u32 {
        self.calls.front().map_or(self.position, |(call, _)| *call)
    }

    /// Whether an invocation can be the next event: what it calls, if so.
    pub(super) fn admit(&self, event: &EventRef<'_>) -> Result<Call, HistoryError> {
        let (at, process) = (self.position as usize, event.process);
        if self.position >= NONE - 1 {
            return Err(HistoryError::TooLong { event: at });
        }
        match self.activities.get(process) {
            Activity::Idle => {}
            Activity::Open(place) => {
                let open = self.entries[place as usize].as_ref().map_or(0, |entry| entry.call.at);
                return Err(HistoryError::StillOpen { event: at, process, open: open as usize });
            }
            Activity::Retired(info) => {
                return Err(HistoryError::Retired { event: at, process, info: info as usize });
            }
        }
        let (f, input) = (event.f.into(), event.value.clone());
        Ok(Call { op: self.operations, at: self.position, process, f, input })
    }

    /// An invocation that was admitted.
    pub(super) fn open(&mut self, object: u32, call: Call) {
        let process = call.process;
        let entry = Entry { object, call };
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

    /// A completion: the operation that it ends.
    pub(super) fn close(&mut self, event: &EventRef<'_>) -> Result<Entry, HistoryError> {
        let (at, process, kind) = (self.position as usize, event.process, event.kind);
        let missing = HistoryError::NotInvoked { event: at, process, kind };
        let Activity::Open(place) = self.activities.get(process) else { return Err(missing) };
        if self.position >= NONE - 1 {
            return Err(HistoryError::TooLong { event: at });
        }
        let Some(entry) = self.entries[place as usize].take_if(|entry| *entry.call.f == *event.f)
        else {
            let entry = self.entries[place as usize].as_ref();
            return Err(HistoryError::Mismatch {
                event: at,
                process,
                invocation: entry.map_or(0, |entry| entry.call.at as usize),
                invoked: entry.map(|entry| entry.call.f.to_string()).unwrap_or_default(),
                completed: event.f.to_owned(),
            });
        };
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
        let next = if retired { Activity::Retired(self.position) } else { Activity::Idle };
        self.activities.set(process, next);
        self.position += 1;
        Ok(entry)
    }
}
