//! Why an edge is there, in words.

use super::data::{NONE, What};
use super::graph::Label;
use super::index::Index;
use super::registers::touch::Touches;
use super::report::{EdgeKind, ShownEdge};
use super::walk::Hop;
use super::words::Words;
use crate::history::OpId;

/// What edges were made from.
pub(super) struct Evidence<'a> {
    pub(super) words: Words<'a>,
    /// Of registers.
    pub(super) touches: Option<&'a Touches>,
}

impl Evidence<'_> {
    /// An edge with its evidence.
    pub(super) fn show(&self, hop: &Hop) -> ShownEdge {
        let (kind, text) = match hop.label {
            Label::Ww => (EdgeKind::Ww, self.appends(hop)),
            Label::Wr => (EdgeKind::Wr, self.shown(hop)),
            Label::Rw => (EdgeKind::Rw, self.missed(hop)),
            Label::Process => (EdgeKind::Process, self.process(hop)),
            Label::Realtime => (EdgeKind::Realtime, self.realtime(hop)),
            Label::WwProcess | Label::WwRealtime => (EdgeKind::Ww, self.versions(hop)),
            Label::RwProcess | Label::RwRealtime => (EdgeKind::Rw, self.versions(hop)),
        };
        ShownEdge { from: OpId(hop.from as usize), to: OpId(hop.to as usize), kind, text }
    }

    fn index(&self) -> &Index {
        self.words.index
    }

    /// The versions of a key that a transaction wrote, with their micro-operations.
    fn written(&self, txn: u32, key: u32) -> impl DoubleEndedIterator<Item = u32> {
        let txns = self.words.txns;
        txns.span(txn).filter_map(move |at| match txns.micros[at].what {
            What::Write(version) if txns.micros[at].key == key => Some(version),
            _ => None,
        })
    }

    /// The known reads of a key that a transaction made, as micro-operations.
    fn reads(&self, txn: u32, key: u32) -> impl Iterator<Item = u32> {
        let txns = self.words.txns;
        let known = move |at: &usize| {
            let micro = txns.micros[*at];
            micro.key == key && !matches!(micro.what, What::Write(_) | What::Unknown)
        };
        txns.span(txn).filter(known).map(|at| at as u32)
    }

    /// One append after another: neighbours where there are any.
    fn appends(&self, hop: &Hop) -> String {
        let txns = self.words.txns;
        let (from, to) = (hop.from, hop.to);
        let key = self.words.key(hop.key);
        let position = |version: &u32| self.index().position[*version as usize];
        let placed = |txn| {
            let written = self.written(txn, hop.key).map(|version| (position(&version), version));
            written.filter(|place| place.0 != NONE).collect::<Vec<_>>()
        };
        let mut earlier = placed(from);
        earlier.sort_unstable();
        let mut pairs: Vec<(u32, u32, u32)> = Vec::new();
        for (at, later) in placed(to) {
            let before = earlier.partition_point(|place| place.0 < at);
            if let Some((before_at, before)) = earlier[..before].last() {
                pairs.push((at - before_at, *before, later));
            }
        }
        if let Some((_, before, later)) = pairs.into_iter().min() {
            let span = txns.order_span(hop.key);
            let shown_by = txns.shown_by[span.start + position(&later) as usize];
            let (before, later) = (self.words.value(before), self.words.value(later));
            let reader = self.words.read(shown_by);
            return format!(
                "T{from} appended {before} to {key} before T{to} appended {later}: {reader}"
            );
        }
        let unread =
            self.written(to, hop.key).find(|version| !self.index().seen[*version as usize]);
        let later = unread.map(|version| self.words.value(version)).unwrap_or_default();
        let before = earlier.last().map(|place| self.words.value(place.1)).unwrap_or_default();
        format!(
            "T{from} appended {before} to {key} before T{to} appended {later}: reads show the one but never the other"
        )
    }

    /// A read of what another wrote.
    fn shown(&self, hop: &Hop) -> String {
        let txns = self.words.txns;
        let (from, did) = (hop.from, self.words.verb().1);
        let shows = |at: u32, version: u32| {
            let read = txns.micros[at as usize];
            match (txns.list(read), read.what) {
                (Some(_), What::Prefix(len)) => self.index().position[version as usize] < len,
                (Some(list), _) => list.contains(&version),
                (None, what) => what == What::Version(version),
            }
        };
        for at in self.reads(hop.to, hop.key) {
            let found = self.written(from, hop.key).rev().find(|version| shows(at, *version));
            if let Some(version) = found {
                let value = self.words.value(version);
                return format!(
                    "{}, which shows the {value} that T{from} {did}",
                    self.words.read(at)
                );
            }
        }
        format!("T{} read what T{from} {did} in {}", hop.to, self.words.key(hop.key))
    }

    /// A read that does not show what another wrote.
    fn missed(&self, hop: &Hop) -> String {
        let txns = self.words.txns;
        let to = hop.to;
        for at in self.reads(hop.from, hop.key) {
            let what = txns.micros[at as usize].what;
            let read = self.words.read(at);
            match what {
                What::Prefix(len) => {
                    let after = |version: &u32| self.index().position[*version as usize] >= len;
                    if let Some(version) = self.written(to, hop.key).find(after) {
                        let value = self.words.value(version);
                        return format!("{read}, which T{to}'s append of {value} came after");
                    }
                }
                What::Initial => {
                    if let Some(version) = self.written(to, hop.key).next_back() {
                        let value = self.words.value(version);
                        return format!("{read}, as it was at first, before T{to} wrote {value}");
                    }
                }
                What::Version(version) => {
                    let mut same = self.reads(to, hop.key);
                    let replaced = same.any(|at| txns.micros[at as usize].what == what);
                    if let Some(new) = self.written(to, hop.key).next_back().filter(|_| replaced) {
                        let (old, new) = (self.words.value(version), self.words.value(new));
                        return format!(
                            "{read}, and T{to} read {old} too and replaced it by {new}"
                        );
                    }
                }
                _ => {}
            }
        }
        format!("T{} did not see what T{to} wrote to {}", hop.from, self.words.key(hop.key))
    }

    fn process(&self, hop: &Hop) -> String {
        let process = self.words.txns.processes[hop.from as usize];
        format!("process {process} did T{} before T{}", hop.from, hop.to)
    }

    fn realtime(&self, hop: &Hop) -> String {
        let (from, to) = (hop.from, hop.to);
        let (ret, call) = (self.words.txns.rets[from as usize], self.words.txns.calls[to as usize]);
        format!("T{from} completed (event {ret}) before T{to} was invoked (event {call})")
    }

    /// A version before another, by what a process or all of them saw in time.
    fn versions(&self, hop: &Hop) -> String {
        let txns = self.words.txns;
        let (from, to) = (hop.from, hop.to);
        let reads =
            self.reads(from, hop.key).filter_map(|at| match txns.micros[at as usize].what {
                What::Version(version) => Some((version, true)),
                _ => None,
            });
        let writes = self.written(from, hop.key).map(|version| (version, false));
        let anti = matches!(hop.label, Label::RwProcess | Label::RwRealtime);
        let early: Vec<(u32, bool)> = reads.chain(writes).filter(|one| one.1 == anti).collect();
        let late: Vec<u32> = self.written(to, hop.key).collect();
        let key = self.words.key(hop.key);
        for (before, read) in early {
            for after in &late {
                if let Some(why) = self.before(hop.label, before, *after) {
                    let (before, after) = (self.words.value(before), self.words.value(*after));
                    let did = if read { "read" } else { "wrote" };
                    return format!(
                        "T{from} {did} {key} = {before} and T{to} wrote {after}, which came after {before}: {why}"
                    );
                }
            }
        }
        format!("what T{from} saw of {key} was there before what T{to} wrote")
    }

    /// Why one version was there before another.
    fn before(&self, label: Label, before: u32, after: u32) -> Option<String> {
        let touches = self.touches?;
        let (first, second) = if matches!(label, Label::WwProcess | Label::RwProcess) {
            let steps = &touches.steps;
            let at = steps.partition_point(|step| (step.before, step.after) < (before, after));
            let step = steps.get(at).filter(|step| (step.before, step.after) == (before, after))?;
            (step.first, step.second)
        } else {
            let (done, begun) = (touches.done[before as usize], touches.begun[after as usize]);
            if before == after || done == NONE || done >= begun {
                return None;
            }
            (touches.done_by[before as usize], touches.begun_by[after as usize])
        };
        let (first_did, second_did) = (self.deed(first, before), self.deed(second, after));
        Some(if matches!(label, Label::WwProcess | Label::RwProcess) {
            let process = self.words.txns.processes[first as usize];
            format!("process {process} {first_did} in T{first}, and then {second_did} in T{second}")
        } else {
            format!(
                "T{first}, which {first_did}, completed before T{second} was invoked, which {second_did}"
            )
        })
    }

    /// What a transaction did with a version.
    fn deed(&self, txn: u32, version: u32) -> String {
        let wrote = self.index().writer(version) == Some(txn);
        let verb = if wrote { "wrote" } else { "read" };
        format!("{verb} {}", self.words.value(version))
    }
}
