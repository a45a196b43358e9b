//! Lists and sets for their deciders: operations straight from the records of a history, elements as small numbers.
//!
//! Answers stay what they are in the history. The decider asks for each once, and then it is written, as numbers, to one
//! place that all of them use in turn.

use rustc_hash::FxHashMap;

use crate::Value;
use crate::check::Job;
use crate::decide::lists::Answers;
use crate::decide::{Decision, NEVER, Refutation, Rule, Timed};
use crate::history::packed::{Packed, Values};
use crate::history::{Ending, History, Record};
use crate::model::Misfit;

use super::parts::Part;

/// Why an operation does not fit, and which one (an index into those of the part).
pub(super) type Flaw = (Misfit, u32);

/// Numbers that there may be for each operation where elements are numbered by what they are.
const DENSE_PER_OPERATION: usize = 2;

/// The operations of one list or set that say something; `T` is what its decider calls them.
pub(super) struct Growing<'a, T> {
    /// In order of invocation. Numbers of answers are indices into the operations of the part.
    pub(super) ops: Vec<Timed<T>>,
    /// By operation: its index among those of the part.
    indices: Vec<u32>,
    view: View<'a>,
    numbers: Numbers,
}

impl<'a, T> Growing<'a, T> {
    /// Looks at every operation: does it fit, and does it say something? `adds` is the name of the updates.
    pub(super) fn new(
        job: &Job<'a>,
        part: Part<'a>,
        adds: &str,
        add: impl Fn(u32) -> T,
        read: impl Fn(u32) -> T,
    ) -> Result<Self, Flaw> {
        let view = View::new(job.history, part, adds);
        let numbers = Numbers::new(&view)?;
        let mut ops = Vec::with_capacity(part.len());
        let mut indices = Vec::with_capacity(part.len());
        for index in 0..part.len() as u32 {
            let record = view.record(index);
            let op = match view.said(record) {
                Some(Said::Added(word)) => add(numbers.of(word, view.values)),
                Some(Said::Answered(_)) => read(index),
                None => continue,
            };
            let ret = if record.ending == Ending::Ok { record.ret } else { NEVER };
            ops.push(Timed { call: record.call, ret, op });
            indices.push(index);
        }
        Ok(Self { ops, indices, view, numbers })
    }

    /// The decision with indices of the part, and what a refutation needs to be understood.
    pub(super) fn translate(&self, decision: Decision) -> Decision {
        let index = |at: u32| self.indices[at as usize];
        match decision {
            Decision::Linearizable(mut order) => {
                for at in &mut order {
                    *at = index(*at);
                }
                Decision::Linearizable(order)
            }
            Decision::NotLinearizable(mut refutation) => {
                for at in &mut refutation.ops {
                    *at = index(*at);
                }
                Decision::NotLinearizable(self.complete(refutation))
            }
            Decision::Inapplicable(why) => Decision::Inapplicable(why),
        }
    }

    /// Adds who added what the reads of a refutation have. Of several additions that the read at fault lacks the last is
    /// the one to show, so that one takes the place of another.
    fn complete(&self, refutation: Refutation) -> Refutation {
        let Refutation { completion, mut ops, rule } = refutation;
        let at_fault = ops.iter().find(|index| self.view.record(**index).ret == completion);
        let newest = match (rule, at_fault) {
            (Rule::FromNowhere | Rule::Twice, _) | (_, None) => None,
            (_, Some(read)) => self.newest_lost(*read),
        };
        if let (Some(newest), Some(read)) = (newest, at_fault) {
            ops = vec![newest, *read];
        }
        let seen = self.elements_of(&ops);
        let adders = self.additions().filter(|(_, record, element)| {
            record.call < completion && seen.get(*element as usize) == Some(&true)
        });
        ops.extend(adders.map(|(index, ..)| index));
        ops.sort_unstable();
        ops.dedup();
        Refutation { completion, ops, rule }
    }

    /// Of the additions that had completed before this read began and that it lacks, the one that completed last.
    fn newest_lost(&self, read: u32) -> Option<u32> {
        let begun = self.view.record(read).call;
        let seen = self.elements_of(&[read]);
        let lost = self.additions().filter(|(_, record, element)| {
            let completed = record.ending == Ending::Ok && record.ret < begun;
            completed && seen.get(*element as usize) != Some(&true)
        });
        lost.max_by_key(|(_, record, _)| record.ret).map(|(index, ..)| index)
    }

    /// All additions: index in the part, record, and number of the element.
    fn additions(&self) -> impl Iterator<Item = (u32, &Record, u32)> {
        self.indices.iter().filter_map(|index| {
            let record = self.view.record(*index);
            let Some(Said::Added(word)) = self.view.said(record) else { return None };
            Some((*index, record, self.numbers.of(word, self.view.values)))
        })
    }

    /// By number: whether one of these reads has the element.
    fn elements_of(&self, ops: &[u32]) -> Vec<bool> {
        let mut seen = vec![false; self.numbers.count() as usize];
        let mut room = Vec::new();
        for index in ops {
            if let Some(Said::Answered(_)) = self.view.said(self.view.record(*index)) {
                for element in self.elements(*index, &mut room) {
                    if let Some(seen) = seen.get_mut(*element as usize) {
                        *seen = true;
                    }
                }
            }
        }
        seen
    }
}

impl<T> Answers for Growing<'_, T> {
    fn count(&self, number: u32) -> usize {
        match items(self.view.record(number).output, self.view.values) {
            Some(Items::Pair(..)) => 2,
            Some(Items::Words(list)) => list.len(),
            Some(Items::Values(list)) => list.len(),
            None => 0,
        }
    }

    fn elements<'a>(&'a self, number: u32, room: &'a mut Vec<u32>) -> &'a [u32] {
        room.clear();
        let values = self.view.values;
        match items(self.view.record(number).output, values) {
            Some(Items::Pair(first, second)) => {
                room.extend([first, second].map(|word| self.numbers.of(word, values)));
            }
            Some(Items::Words(list)) => self.numbers.extend(room, list),
            Some(Items::Values(list)) => {
                room.extend(list.iter().map(|item| self.numbers.of_value(item, values)));
            }
            None => {}
        }
        room
    }
}

/// What an operation says that took part.
enum Said {
    Added(Packed),
    Answered(Packed),
}

/// The elements of an answer.
enum Items<'a> {
    /// Two numbers in one word.
    Pair(Packed, Packed),
    Words(&'a [Packed]),
    /// Elements that are lists or large numbers are among them.
    Values(&'a [Value]),
}

/// The elements of an answer, if it has some; none of nil, nor of what is not a list.
fn items(answer: Packed, values: &Values) -> Option<Items<'_>> {
    if let Some((first, second)) = answer.as_pair() {
        return Some(Items::Pair(first, second));
    }
    match values.list_of(answer) {
        Some(list) => Some(Items::Words(list)),
        None => values.kept(answer)?.as_list().map(Items::Values),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Add,
    Read,
    Other,
}

/// The records of one object.
struct View<'a> {
    history: &'a History,
    values: &'a Values,
    records: &'a [Record],
    /// By number of the function.
    functions: Vec<Function>,
}

impl<'a> View<'a> {
    fn new(history: &'a History, part: Part<'a>, adds: &str) -> Self {
        let functions = history.functions.iter().map(|name| match name {
            "read" => Function::Read,
            name if name == adds => Function::Add,
            _ => Function::Other,
        });
        let functions = functions.collect();
        Self { history, values: &history.values, records: part.records(), functions }
    }

    fn record(&self, index: u32) -> &'a Record {
        &self.records[index as usize]
    }

    /// What an operation says, if it says anything.
    fn said(&self, record: &Record) -> Option<Said> {
        match (self.functions[usize::from(record.f)], record.ending) {
            (Function::Add, Ending::Ok | Ending::Info) => Some(Said::Added(record.input)),
            (Function::Read, Ending::Ok) => {
                let unknown = record.output == Packed::NIL && self.history.nil_reads_unknown;
                (!unknown).then_some(Said::Answered(record.output))
            }
            _ => None,
        }
    }

    /// Why this operation is none of the object's, if it is not.
    fn flaw(&self, record: &Record) -> Option<Misfit> {
        if self.functions[usize::from(record.f)] == Function::Other {
            return Some(Misfit::Function);
        }
        let Some(Said::Answered(answer)) = self.said(record) else { return None };
        let fits = answer == Packed::NIL || items(answer, self.values).is_some();
        (!fits).then(|| Misfit::Answer {
            expected: "the elements, as a list",
            value: self.values.get(answer).into_owned(),
        })
    }
}

/// How elements get their numbers. What nobody adds has the number after all others.
enum Numbers {
    /// Whole numbers in a narrow range: counted from the lowest.
    Dense { lowest: i64, count: u32 },
    /// By word where words tell elements apart, else by value.
    Sparse { words: FxHashMap<Packed, u32>, kept: FxHashMap<Value, u32>, count: u32 },
}

impl Numbers {
    fn new(view: &View<'_>) -> Result<Self, Flaw> {
        let (mut lowest, mut highest, mut others) = (i64::MAX, i64::MIN, false);
        for index in 0..view.records.len() as u32 {
            let record = view.record(index);
            if let Some(misfit) = view.flaw(record) {
                return Err((misfit, index));
            }
            if let Some(Said::Added(word)) = view.said(record) {
                let number = word.as_int();
                others |= number.is_none();
                lowest = lowest.min(number.unwrap_or(lowest));
                highest = highest.max(number.unwrap_or(highest));
            }
        }
        let span = highest.saturating_sub(lowest);
        if others || span > (DENSE_PER_OPERATION * view.records.len()).cast_signed() as i64 {
            return Ok(Self::sparse(view));
        }
        let count = if lowest > highest { 0 } else { span as u32 + 1 };
        Ok(Self::Dense { lowest, count })
    }

    fn sparse(view: &View<'_>) -> Self {
        let (mut words, mut kept) = (FxHashMap::default(), FxHashMap::default());
        let mut count = 0;
        for index in 0..view.records.len() as u32 {
            let Some(Said::Added(word)) = view.said(view.record(index)) else { continue };
            let number = if word.is_kept() {
                *kept.entry(view.values.get(word).into_owned()).or_insert(count)
            } else {
                *words.entry(word).or_insert(count)
            };
            count += u32::from(number == count);
        }
        Self::Sparse { words, kept, count }
    }

    /// How many numbers there are, but for the one of what nobody adds.
    fn count(&self) -> u32 {
        match self {
            Self::Dense { count, .. } | Self::Sparse { count, .. } => *count,
        }
    }

    fn of(&self, word: Packed, values: &Values) -> u32 {
        match self {
            Self::Dense { lowest, count, .. } => {
                word.as_int().map_or(*count, |number| dense(*lowest, *count, number))
            }
            Self::Sparse { .. } if word.is_kept() => self.of_value(&values.get(word), values),
            Self::Sparse { words, count, .. } => *words.get(&word).unwrap_or(count),
        }
    }

    fn of_value(&self, value: &Value, values: &Values) -> u32 {
        match (self, values.find(value)) {
            (_, Some(word)) => self.of(word, values),
            (Self::Sparse { kept, count, .. }, None) => *kept.get(value).unwrap_or(count),
            (Self::Dense { count, .. }, None) => *count,
        }
    }

    /// Puts the numbers of these elements, of which none is kept, behind each other.
    fn extend(&self, room: &mut Vec<u32>, list: &[Packed]) {
        match self {
            Self::Dense { lowest, count } => {
                room.extend(list.iter().map(|word| {
                    word.as_int().map_or(*count, |number| dense(*lowest, *count, number))
                }));
            }
            Self::Sparse { words, count, .. } => {
                room.extend(list.iter().map(|word| *words.get(word).unwrap_or(count)));
            }
        }
    }
}

fn dense(lowest: i64, count: u32, number: i64) -> u32 {
    let place = number.wrapping_sub(lowest).cast_unsigned();
    u32::try_from(place).map_or(count, |place| place.min(count))
}
