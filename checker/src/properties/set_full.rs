//! A set, element by element: does what is added stay, and how soon is it seen for good?
//!
//! `add x` adds an element, `read` answers all elements. An element is *known* from the completion of its add on, or from
//! that of the first read that has it, whichever comes first. It is
//! - **stable** if a read has it that began after every read that lacks it had begun: from then on it was always seen;
//! - **lost** if it is known, and a read lacks it that began later than that, and later than every read that has it;
//! - **never read** otherwise: not known, or nobody looked afterwards.
//!
//! A stable element that a read lacks although it began when the element was known is **stale**: a violation of
//! linearizability, and blamed with [`PropertyOptions::linearizable`], but normal for a store that is eventually
//! consistent. These are the definitions of Jepsen's `set-full`. Found here and not there: an element that a read has
//! twice (Jepsen's test compares frequencies with `< 1`, and so never fires), one that nobody ever added, or whose add
//! failed, or had not begun.
//!
//! ```text
//! p1  |- add 5 -|
//! p2              |- read: no 5 -|                           stale
//! p2                               |- read: 5 -|             stable
//!               known            ^ stable latency ends where the last read that lacks it began
//! ```
//!
//! The *stable latency* of an element is the time from when it is known to the beginning of the last read that lacks it;
//! 0 if it is not stale. The *lost latency* is that to the beginning of the last read that has it. Both are bounds from
//! below; elements without times on both events are not measured. Whether something is stale depends on the order of
//! events alone, so that half a millisecond counts too.
//!
//! Of each element only the last read that has it and the last that lacks it matter. The latter is found from the end of
//! the list of reads: it is the first, from there, that is not among those that have the element. That costs as much as the
//! element occurs in reads, so all is linear in the answers' total length, apart from sorting.
//!
//! Unknown if no element is stable and none is to blame. Counts: `attempted` (elements, failed adds included),
//! `acknowledged`, `reads`, `stable`, `lost`, `never-read`, `stale`, `duplicated` (elements), `recovered` (seen although
//! no add of it is known to have succeeded).

use rustc_hash::FxHashMap;

use crate::Value;
use crate::history::History;
use crate::stop::Stopped;

use super::origin::{Origin, Sighting};
use super::read::{self, Op};
use super::report::{self, About, Notebook, PropertyReport, Rule, object, short, times, who};
use super::{PropertyError, PropertyKind, PropertyOptions};

const PROPERTY: PropertyKind = PropertyKind::SetFull;

/// Checks every element of every set.
pub fn check(
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    report::on(PROPERTY, history, options, |notes| {
        for count in COUNTS {
            notes.count(count, 0);
        }
        let mut latencies = Latencies::default();
        let mut stable = 0;
        for (name, ops) in read::by_object(history, notes)? {
            let mut set = Set { name, ..Set::default() };
            for op in &ops {
                notes.pace.step(op.size())?;
                set.take(op)?;
            }
            set.judge_reads(notes)?;
            for element in &set.elements {
                notes.pace.step(element.present.len() + 1)?;
                stable += set.judge(element, options, &mut latencies, notes);
            }
            notes.judged();
        }
        notes.count("stable", stable);
        notes.measure("stable-latency", latencies.stable);
        notes.measure("lost-latency", latencies.lost);
        if stable == 0 {
            notes.doubt(|| "no element was read for good after it was added".to_owned());
        }
        Ok(())
    })
}

const COUNTS: [&str; 9] = [
    "attempted",
    "acknowledged",
    "reads",
    "stable",
    "lost",
    "never-read",
    "stale",
    "duplicated",
    "recovered",
];

/// Nanoseconds.
#[derive(Default)]
struct Latencies {
    stable: Vec<u64>,
    lost: Vec<u64>,
}

#[derive(Default)]
struct Set<'a> {
    name: Option<&'a str>,
    numbers: FxHashMap<&'a Value, usize>,
    /// In the order in which they first occur.
    elements: Vec<Element<'a>>,
    /// In order of invocation.
    reads: Vec<&'a Op<'a>>,
}

struct Element<'a> {
    value: &'a Value,
    origin: Origin,
    /// The first completion of an add.
    added: Option<&'a Op<'a>>,
    /// Numbers of the reads that have it, in order.
    present: Vec<u32>,
    /// A read that has it more than once, the number of times, and how many such reads there are.
    doubled: Option<(u32, u64)>,
}

impl<'a> Set<'a> {
    fn take(&mut self, op: &'a Op<'a>) -> Result<(), PropertyError> {
        match op.f {
            "add" if op.input.is_nil() => return Err(op.bad_input(PROPERTY, "an element")),
            "add" => {
                let element = self.element(&op.input);
                element.origin.attempt(op);
                if op.is_ok() && element.added.is_none_or(|added| op.ret < added.ret) {
                    element.added = Some(op);
                }
            }
            "read" => {
                let Some(answer) = op.answer() else { return Ok(()) };
                let items: &[Value] = match answer {
                    Value::Nil => &[],
                    Value::List(items) => items,
                    _ => return Err(op.bad_answer(PROPERTY, "the elements, as a list")),
                };
                self.read(op, items);
            }
            _ => return Err(op.unknown_function(PROPERTY)),
        }
        Ok(())
    }

    fn element(&mut self, value: &'a Value) -> &mut Element<'a> {
        let next = self.elements.len();
        let number = *self.numbers.entry(value).or_insert(next);
        if number == next {
            self.elements.push(Element {
                value,
                origin: Origin::default(),
                added: None,
                present: Vec::new(),
                doubled: None,
            });
        }
        &mut self.elements[number]
    }

    fn read(&mut self, op: &'a Op<'a>, items: &'a [Value]) {
        let read = self.reads.len() as u32;
        self.reads.push(op);
        for item in items {
            let element = self.element(item);
            if element.present.last() != Some(&read) {
                element.present.push(read);
                continue;
            }
            match &mut element.doubled {
                Some((first, times)) if *first == read => *times += 1,
                Some(_) => {}
                none => *none = Some((read, 2)),
            }
        }
    }

    /// What reads have that they must not have, whatever comes later.
    fn judge_reads(&self, notes: &mut Notebook<'_>) -> Result<(), Stopped> {
        notes.count("reads", self.reads.len() as u64);
        for Element { value, origin, present, doubled, .. } in &self.elements {
            notes.pace.step(present.len() + 1)?;
            if let Some((read, often)) = doubled {
                let by = self.reads[*read as usize];
                notes.count("duplicated", 1);
                let values = vec![(*value).clone()];
                let about = About { object: self.name, values, operations: vec![by.id] };
                notes.blame(Rule::Duplicated, by.ret, about, || {
                    let of = object("of", self.name);
                    format!("{} read {} {}{of}", who(by), short(value), times(*often))
                });
            }
            // The read that completed first is the first that is wrong, if any is.
            let first = present.iter().map(|read| self.reads[*read as usize]);
            let Some(by) = first.min_by_key(|read| read.ret) else { continue };
            if let Some(rule) = origin.flaw(by.ret) {
                let sighting = Sighting { by, value, object: self.name, seen: "read", deed: "add" };
                origin.blame(rule, &sighting, notes);
            }
        }
        Ok(())
    }

    /// What became of an element; 1 if it is stable.
    fn judge(
        &self,
        element: &Element<'a>,
        options: &PropertyOptions<'_>,
        latencies: &mut Latencies,
        notes: &mut Notebook<'_>,
    ) -> u64 {
        let Element { origin, present, .. } = element;
        let unsure = origin.attempts > 0 && origin.acknowledged == 0;
        notes.count("attempted", u64::from(origin.attempted()));
        notes.count("acknowledged", u64::from(origin.acknowledged > 0));
        notes.count("recovered", u64::from(unsure && !present.is_empty()));
        let has = present.last().map(|read| self.reads[*read as usize]);
        let lacks = self.last_without(present);
        let known = self.known(element);
        let begin = |read: Option<&Op<'_>>| read.map(|read| read.call);
        match (has, lacks, known) {
            (Some(has), _, Some(known)) if begin(lacks) < Some(has.call) => {
                let stale = lacks.filter(|lacks| lacks.call > known.ret);
                if let Some(lacks) = stale {
                    self.tell_stale(element, lacks, known, has, options, notes);
                }
                let latency = stale.map_or(Some(0), |lacks| span(known, lacks));
                latencies.stable.extend(latency);
                return 1;
            }
            (_, Some(lacks), Some(known)) if lacks.call > known.ret => {
                latencies.lost.extend(has.map_or(Some(0), |has| span(known, has)));
                self.blame_lost(element, lacks, known, has, notes);
            }
            _ => notes.count("never-read", u64::from(origin.attempts > 0)),
        }
        0
    }

    /// The last read, by invocation, that is not one of `present`.
    fn last_without(&self, present: &[u32]) -> Option<&'a Op<'a>> {
        let with = present.iter().rev();
        let trailing =
            (0..self.reads.len() as u32).rev().zip(with).take_while(|(at, with)| at == *with);
        let at = self.reads.len().checked_sub(trailing.count() + 1)?;
        Some(self.reads[at])
    }

    /// What first made the element known.
    fn known(&self, element: &Element<'a>) -> Option<&'a Op<'a>> {
        let reads = element.present.iter().map(|read| self.reads[*read as usize]);
        element.added.into_iter().chain(reads).min_by_key(|op| op.ret)
    }

    fn tell_stale(
        &self,
        element: &Element<'_>,
        lacks: &Op<'_>,
        known: &Op<'_>,
        has: &Op<'_>,
        options: &PropertyOptions<'_>,
        notes: &mut Notebook<'_>,
    ) {
        notes.count("stale", 1);
        let sentence = || {
            let missed = self.missed(element, lacks, known);
            format!("{missed}; {} did read it later", who(has))
        };
        let about = self.about(element, [known, lacks, has]);
        if options.linearizable {
            notes.blame(Rule::Stale, lacks.ret, about, sentence);
        } else {
            notes.note(Rule::Stale, lacks.ret, about, sentence);
        }
    }

    fn blame_lost(
        &self,
        element: &Element<'_>,
        lacks: &Op<'_>,
        known: &Op<'_>,
        has: Option<&Op<'_>>,
        notes: &mut Notebook<'_>,
    ) {
        notes.count("lost", 1);
        let about = self.about(element, [known, lacks].into_iter().chain(has));
        notes.blame(Rule::Lost, lacks.ret, about, || {
            let missed = self.missed(element, lacks, known);
            match has.filter(|has| has.id != known.id) {
                Some(has) => {
                    format!("{missed}; {} read it last, and no later read has it", who(has))
                }
                None => format!("{missed}, and no later read has it"),
            }
        });
    }

    /// `p3's read did not have 5 of k7, although p1's add of it had completed before`.
    fn missed(&self, element: &Element<'_>, lacks: &Op<'_>, known: &Op<'_>) -> String {
        let value = short(element.value);
        let of = object("of", self.name);
        let (reader, knower) = (who(lacks), who(known));
        let how = if known.f == "add" { "add of it" } else { "read that has it" };
        format!(
            "{reader}'s read did not have {value}{of}, although {knower}'s {how} had completed before"
        )
    }

    fn about<'o>(
        &self,
        element: &Element<'_>,
        ops: impl IntoIterator<Item = &'o Op<'o>>,
    ) -> About<'a> {
        let mut operations: Vec<_> = ops.into_iter().map(|op| op.id).collect();
        operations.sort_unstable();
        operations.dedup();
        About { object: self.name, values: vec![element.value.clone()], operations }
    }
}

/// Nanoseconds from the completion of one operation to the invocation of another, if both are known.
fn span(known: &Op<'_>, read: &Op<'_>) -> Option<u64> {
    Some(read.call_time?.saturating_sub(known.ret_time?))
}
