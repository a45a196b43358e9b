//! Long fork: two reads that see two writes in opposite orders.
//!
//! ```text
//! p1 writes x    p2 writes y    p3 reads x = 1, y = nil    p4 reads x = nil, y = 1
//! ```
//!
//! By p3 the write of x came first, by p4 that of y. Snapshot isolation forbids it, parallel snapshot isolation does not;
//! the name is from Sovran and others (SOSP 2011).
//!
//! Each key is written once, by an operation of its own (`[[w k v]]`); reads are of several keys at once (`[[r k v] ...]`,
//! nil where the key is not written yet). So each read says of each of its keys whether the write came before or after
//! it. Reads that see the writes in one order exist if and only if these sayings, taken as edges between reads and
//! writes, go nowhere round in a circle: then, and only then, reads and writes can be put in a line such that each read
//! sees exactly the writes before it. That is asked of all reads together, whichever keys they read, and takes linear
//! time; Jepsen compares every two reads of the same keys. A circle through two reads is a long fork; one through more is
//! the same with more hands, and is reported as one. Real time is not asked for, so stale reads are no violation.
//!
//! A write of unknown outcome that nobody saw may be last of all, and so is never to blame.
//!
//! Unknown if nothing was read, or if a key was written more than once. Counts: `reads`, `early-reads` (saw nothing),
//! `late-reads` (saw everything; both say little), `writes` (not failed), `forks` (knots of reads and writes; of each, one
//! circle is shown).

use std::collections::BTreeMap;

use crate::Value;
use crate::history::History;
use crate::stop::Stopped;

use super::graph::{self, Edge};
use super::origin::{Origin, Sighting};
use super::read::{self, Op};
use super::report::{self, About, Notebook, PropertyReport, Rule, object, short, who};
use super::{PropertyError, PropertyKind, PropertyOptions};

const PROPERTY: PropertyKind = PropertyKind::LongFork;

const READS: &str = "[[r k v] ...]";
const READS_OR_WRITE: &str = "[[r k nil] ...] or [[w k v]]";

/// Reads of a circle that a sentence names.
const READS_SHOWN_MAX: usize = 6;

/// Checks that all reads see the writes in one order.
pub fn check(
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    report::on(PROPERTY, history, options, |notes| {
        for count in ["reads", "early-reads", "late-reads", "writes", "forks"] {
            notes.count(count, 0);
        }
        let mut reads = 0;
        for (name, ops) in read::by_object(history, notes)? {
            let mut store = Store::default();
            for op in &ops {
                notes.pace.step(op.size())?;
                store.take(op)?;
            }
            reads += store.reads.len();
            store.judge(name, notes)?;
            notes.judged();
        }
        if reads == 0 {
            notes.doubt(|| "nothing was read".to_owned());
        }
        Ok(())
    })
}

#[derive(Default)]
struct Store<'a> {
    /// By key: its values.
    written: BTreeMap<&'a Value, BTreeMap<&'a Value, Origin>>,
    reads: Vec<(&'a Op<'a>, Vec<(&'a Value, &'a Value)>)>,
}

/// What a transaction does.
enum Txn<'a> {
    Reads(Vec<(&'a Value, &'a Value)>),
    Write(&'a Value, &'a Value),
}

impl<'a> Store<'a> {
    fn take(&mut self, op: &'a Op<'a>) -> Result<(), PropertyError> {
        if !["read", "write", "txn"].contains(&op.f) {
            return Err(op.unknown_function(PROPERTY));
        }
        match txn_of(&op.input) {
            Some(Txn::Write(key, value)) if op.f != "read" => {
                self.written.entry(key).or_default().entry(value).or_default().attempt(op);
            }
            Some(Txn::Reads(_)) if op.f != "write" => {
                if let Some(answer) = op.answer() {
                    let Some(Txn::Reads(read)) = txn_of(answer) else {
                        return Err(op.bad_answer(PROPERTY, READS));
                    };
                    self.reads.push((op, read));
                }
            }
            _ => return Err(op.bad_input(PROPERTY, READS_OR_WRITE)),
        }
        Ok(())
    }

    fn judge(&self, name: Option<&str>, notes: &mut Notebook<'_>) -> Result<(), Stopped> {
        notes.count("reads", self.reads.len() as u64);
        let mut keys: BTreeMap<&Value, u32> = BTreeMap::new();
        for (key, values) in &self.written {
            notes.pace.step(values.len())?;
            let attempts: u32 = values.values().map(|origin| origin.attempts).sum();
            notes.count("writes", attempts.into());
            if attempts > 1 {
                notes.doubt(|| {
                    let key = short(key);
                    let of = object("of", name);
                    format!("key {key}{of} is written more than once, so reads do not tell when")
                });
            } else {
                keys.insert(key, keys.len() as u32);
            }
        }
        let mut edges = Vec::new();
        for (at, (op, read)) in self.reads.iter().enumerate() {
            notes.pace.step(read.len())?;
            count(read, notes);
            for (key, value) in read {
                let sound = self.trace(op, key, value, name, notes);
                if let (true, Some(write)) = (sound, keys.get(key)) {
                    let read = (keys.len() + at) as u32;
                    let (from, to) = if value.is_nil() { (read, *write) } else { (*write, read) };
                    edges.push(Edge { from, to, reason: 0 });
                }
            }
        }
        let keys: Vec<&Value> = keys.into_keys().collect();
        graph::cycles(keys.len() + self.reads.len(), edges, notes.pace, |cycle| {
            notes.count("forks", 1);
            self.blame(cycle, &keys, name, notes);
        })
    }

    /// Whether the value, if there is one, was written to the key; blames it if not.
    fn trace(
        &self,
        by: &Op<'_>,
        key: &Value,
        value: &Value,
        name: Option<&str>,
        notes: &mut Notebook<'_>,
    ) -> bool {
        if value.is_nil() {
            return true;
        }
        let written = self.written.get(key).and_then(|values| values.get(value));
        let origin = written.copied().unwrap_or_default();
        let Some(rule) = origin.flaw(by.ret) else { return true };
        let of_key = format!("key {}{}", short(key), object("of", name));
        let sighting = Sighting { by, value, object: Some(&of_key), seen: "read", deed: "write" };
        origin.blame(rule, &sighting, notes);
        false
    }

    /// Edges go from writes to the reads that saw them, and on to the writes that these did not see.
    fn blame(&self, cycle: &[Edge], keys: &[&Value], name: Option<&str>, notes: &mut Notebook<'_>) {
        let read_of =
            |node: u32| (node as usize).checked_sub(keys.len()).map(|at| self.reads[at].0);
        let mut turn: Vec<Edge> = cycle.to_vec();
        if read_of(turn[0].from).is_some() {
            turn.rotate_left(1);
        }
        let mut told = Vec::new();
        let mut about = About { object: name, ..About::default() };
        let mut event = 0;
        for step in turn.chunks(2) {
            let [saw, missed] = step else { continue };
            let Some(op) = read_of(saw.to) else { continue };
            let (seen, unseen) = (keys[saw.from as usize], keys[missed.to as usize]);
            told.push((op, seen, unseen));
            about.values.push(seen.clone());
            about.operations.extend(self.writer(seen));
            about.operations.push(op.id);
            event = event.max(op.ret);
        }
        notes.blame(Rule::LongFork, event, about, || {
            let one = |(op, seen, unseen): &(&Op<'_>, &Value, &Value)| {
                format!(
                    "{} saw the write of {} but not that of {}",
                    who(op),
                    short(seen),
                    short(unseen)
                )
            };
            let shown: Vec<String> = told.iter().take(READS_SHOWN_MAX).map(one).collect();
            let rest = if told.len() > READS_SHOWN_MAX { ", and so on in a circle" } else { "" };
            format!("{}{rest}", shown.join(", "))
        });
    }

    fn writer(&self, key: &Value) -> Option<crate::history::OpId> {
        self.written.get(key)?.values().find_map(Origin::first)
    }
}

/// Counts a read that says little.
fn count(read: &[(&Value, &Value)], notes: &mut Notebook<'_>) {
    let seen = read.iter().filter(|(_, value)| !value.is_nil()).count();
    notes.count("early-reads", u64::from(seen == 0));
    notes.count("late-reads", u64::from(seen > 0 && seen == read.len()));
}

/// Reads only, or one write.
fn txn_of(value: &Value) -> Option<Txn<'_>> {
    let items = value.as_list()?;
    let mut reads = Vec::with_capacity(items.len());
    for item in items {
        let [f, key, value] = item.as_list()? else { return None };
        match f.as_text()? {
            "r" if !key.is_nil() => reads.push((key, value)),
            "w" if items.len() == 1 && !key.is_nil() && !value.is_nil() => {
                return Some(Txn::Write(key, value));
            }
            _ => return None,
        }
    }
    Some(Txn::Reads(reads))
}
