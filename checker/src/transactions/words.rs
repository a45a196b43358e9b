//! Transactions, and what is wrong with them, in words. `T3` is operation 3 of the history.

use super::data::{Fate, Micro, NONE, Txns, What};
use super::index::Index;
use super::report::ShownTransaction;
use crate::Value;
use crate::history::OpId;

/// Elements of a list that a sentence shows: the last ones.
const ELEMENTS_MAX: usize = 16;

/// Characters of a value that a sentence shows.
const CHARS_MAX: usize = 80;

/// Micro-operations of a transaction that are shown.
const MICROS_MAX: usize = 32;

/// Transactions of a cycle that a sentence names.
const NAMES_MAX: usize = 16;

/// Says things about the transactions of a history.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) txns: &'a Txns,
    pub(super) index: &'a Index,
}

impl Words<'_> {
    /// A key by itself: `k7` for the number 7, text as it is.
    pub(super) fn key(self, key: u32) -> String {
        match &self.txns.keys[key as usize] {
            Value::Int(number) => format!("k{number}"),
            Value::Text(text) => clip(text),
            other => clip(&other.to_string()),
        }
    }

    /// The value of a version.
    pub(super) fn value(self, version: u32) -> String {
        clip(&self.txns.version_values[version as usize].to_string())
    }

    fn list(self, list: &[u32]) -> String {
        let shown = &list[list.len().saturating_sub(ELEMENTS_MAX)..];
        let mut items: Vec<String> = shown.iter().map(|version| self.value(*version)).collect();
        if shown.len() < list.len() {
            items.insert(0, "...".to_owned());
        }
        format!("[{}]", items.join(" "))
    }

    /// `x = [1 2]`, for a read with a known answer; else `x = ?`.
    pub(super) fn answer(self, micro: u32) -> String {
        let read = self.txns.micros[micro as usize];
        let value = match (self.txns.list(read), read.what) {
            (Some(list), _) => self.list(list),
            (None, What::Version(version)) => self.value(version),
            (None, What::Initial) => clip(&self.txns.initial.to_string()),
            (None, _) => "?".to_owned(),
        };
        format!("{} = {value}", self.key(read.key))
    }

    /// `T3 read x = [1 2]`.
    pub(super) fn read(self, micro: u32) -> String {
        format!("T{} read {}", self.txns.txn_of(micro), self.answer(micro))
    }

    fn micro(self, micro: u32) -> String {
        let Micro { key, what } = self.txns.micros[micro as usize];
        match what {
            What::Write(version) => {
                let verb = self.verb().0;
                format!("{verb} {} {}", self.key(key), self.value(version))
            }
            What::Unknown => format!("r {} ?", self.key(key)),
            _ => format!("r {}", self.answer(micro)),
        }
    }

    /// What a write is called here: short, in the past, and as a noun.
    pub(super) fn verb(self) -> (&'static str, &'static str, &'static str) {
        match self.txns.family {
            super::Family::ListAppend => ("append", "appended", "append"),
            super::Family::RwRegister => ("w", "wrote", "write"),
        }
    }

    pub(super) fn shown(self, txn: u32) -> ShownTransaction {
        let span = self.txns.span(txn);
        let some = span.clone().take(MICROS_MAX);
        let mut micros: Vec<String> = some.map(|micro| self.micro(micro as u32)).collect();
        if micros.len() < span.len() {
            micros.push("...".to_owned());
        }
        let outcome = match self.txns.fates[txn as usize] {
            Fate::Committed => "",
            Fate::Failed => ", failed",
            Fate::Crashed => ", outcome unknown",
        };
        let ret = self.txns.rets[txn as usize];
        ShownTransaction {
            name: format!("T{txn}"),
            op: OpId(txn as usize),
            process: self.txns.processes[txn as usize],
            call: u64::from(self.txns.calls[txn as usize]),
            ret: (ret != NONE).then_some(u64::from(ret)),
            text: format!("[{}]{outcome}", micros.join(", ")),
        }
    }

    pub(super) fn garbage(self, key: u32, version: u32, reader: u32) -> String {
        let (key, value, did) = (self.key(key), self.value(version), self.verb().1);
        format!("T{reader} read {value} in {key}, which nobody {did}")
    }

    pub(super) fn aborted(self, key: u32, version: u32, failed: u32, reader: u32) -> String {
        let (key, value, noun) = (self.key(key), self.value(version), self.verb().2);
        format!("T{reader} read {value} in {key}, but T{failed}'s {noun} of it failed")
    }

    pub(super) fn dirty_append(
        self,
        key: u32,
        (failed, base): (u32, u32),
        (writer, version): (u32, u32),
    ) -> String {
        let (key, base, value) = (self.key(key), self.value(base), self.value(version));
        format!(
            "T{writer} appended {value} to {key} behind {base}, which is of T{failed}, which failed"
        )
    }

    pub(super) fn dirty_write(
        self,
        key: u32,
        (failed, base): (u32, u32),
        (writer, version): (u32, u32),
    ) -> String {
        let (key, base, value) = (self.key(key), self.value(base), self.value(version));
        format!(
            "T{writer} replaced {base} in {key} by {value}, but {base} is of T{failed}, which failed"
        )
    }

    pub(super) fn own_order(
        self,
        key: u32,
        writer: u32,
        (before, version): (u32, u32),
        reader: u32,
    ) -> String {
        let (key, before, value) = (self.key(key), self.value(before), self.value(version));
        let read = self.read(reader);
        format!(
            "T{writer} appended {before} to {key} and then {value}, but {read} has no {before} before {value}"
        )
    }

    pub(super) fn duplicate(self, micro: u32, version: u32, times: u32) -> String {
        let (read, value) = (self.read(micro), self.value(version));
        let writes = self.index.writes[version as usize];
        format!("{read}, with {value} {times} times, but it was appended {writes} times")
    }

    pub(super) fn incompatible(self, micro: u32, other: u32) -> String {
        let (read, other) = (self.read(micro), self.read(other));
        format!("{read}, and {other}: neither list continues the other")
    }

    pub(super) fn future(self, micro: u32, version: u32) -> String {
        let (read, value, did) = (self.read(micro), self.value(version), self.verb().1);
        format!("{read}, and only then {did} {value} itself")
    }

    pub(super) fn intermediate(self, micro: u32, version: u32, next: u32) -> String {
        let (read, value) = (self.read(micro), self.value(version));
        let writer = self.index.writer_txn[version as usize];
        let later = match self.txns.micros[next as usize].what {
            What::Write(later) => self.value(later),
            _ => "more".to_owned(),
        };
        let did = self.verb().1;
        format!("{read}, but T{writer}, which {did} {value}, {did} {later} after that")
    }

    pub(super) fn internal(self, micro: u32) -> String {
        let txn = self.txns.txn_of(micro);
        let key = self.txns.micros[micro as usize].key;
        let span = self.txns.span(txn).start as u32..micro;
        let same_key = |at: &u32| self.txns.micros[*at as usize].key == key;
        let before: Vec<String> =
            span.filter(same_key).take(MICROS_MAX).map(|at| self.micro(at)).collect();
        format!("{}, although it had itself done: {}", self.read(micro), before.join(", "))
    }

    pub(super) fn lost_update(self, key: u32, both: [u32; 2], more: usize) -> String {
        let [first, second] = both;
        let read = self.first_read(first, key).map_or_else(|| self.key(key), |at| self.answer(at));
        let others = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        let did = self.verb().1;
        format!(
            "T{first} and T{second}{others} all read {read} and then {did} to it: one did not see the other"
        )
    }

    /// The last read of a key that a transaction made before it wrote it.
    fn first_read(self, txn: u32, key: u32) -> Option<u32> {
        let mut reads = self.txns.span(txn).rev().filter(|at| {
            let micro = self.txns.micros[*at];
            let known = !matches!(micro.what, What::Write(_) | What::Unknown);
            micro.key == key && known && !self.index.after_write[*at]
        });
        reads.next().map(|at| at as u32)
    }

    pub(super) fn circle(self, versions: &[u32]) -> String {
        let first = versions.first().copied().unwrap_or_default();
        let key = self.key(self.txns.version_keys[first as usize]);
        let steps: Vec<String> = versions
            .iter()
            .zip(versions.iter().cycle().skip(1))
            .take(NAMES_MAX)
            .map(|(before, after)| {
                let writer = self.index.writer_txn[*after as usize];
                format!("T{writer} replaced {} by {}", self.value(*before), self.value(*after))
            })
            .collect();
        format!("{key} went in a circle: {}", steps.join(", "))
    }
}

/// That these transactions must follow each other in a circle.
pub(super) fn cycle(txns: &[u32]) -> String {
    let names: Vec<String> = txns.iter().take(NAMES_MAX).map(|txn| format!("T{txn}")).collect();
    let dots = if names.len() < txns.len() { " before ..." } else { "" };
    let first = txns.first().copied().unwrap_or_default();
    format!(
        "{}{dots} before T{first}: each of these transactions must come before the next, and the last before the \
         first",
        names.join(" before ")
    )
}

/// Text, shortened if it is long.
fn clip(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
