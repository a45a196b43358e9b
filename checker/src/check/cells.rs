//! Registers for their decider: operations straight from the records of a history, values as small numbers.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use crate::Value;
use crate::check::{Job, ModelKind};
use crate::decide::cell::{self, CellOp, Source};
use crate::decide::{Decision, NEVER, Timed};
use crate::history::packed::{Packed, Values};
use crate::history::{Ending, Record};
use crate::model::Misfit;
use crate::model::cas_register::PAIR;

use super::parts::Part;

/// Numbers that a table may have for each operation where values are looked up by themselves.
const DENSE_PER_OPERATION: usize = 2;

/// Why an operation does not fit, and which one (an index into those of the part).
type Flaw = (Misfit, u32);

/// Decides the history of one register, if each value is written once.
pub(super) fn decide(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let mut view = View::new(job, part);
    let survey = view.survey()?;
    if survey.failures {
        return Ok(Decision::Inapplicable("a compare-and-set was observed to fail"));
    }
    view.numbers = Numbers::choose(&view, &survey);
    Ok(cell::decide(&view, part.completions, view.numbers.count()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Read,
    Write,
    Cas,
    Other,
}

/// An operation on values that are still words.
#[derive(Debug, Clone, Copy)]
enum Word {
    Read(Packed),
    Write(Packed),
    Cas(Packed),
}

struct View<'a> {
    /// Those of the part alone.
    records: Cow<'a, [Record]>,
    values: &'a Values,
    ids: &'a [u32],
    /// By number of the function.
    functions: Vec<Function>,
    nil_reads_unknown: bool,
    failures_observed: bool,
    errors: &'a std::collections::BTreeMap<u32, String>,
    initial: Value,
    numbers: Numbers,
}

/// What occurs in a history.
#[derive(Debug)]
struct Survey {
    lowest: i64,
    highest: i64,
    /// There are values beside whole numbers and nil.
    others: bool,
    /// There are values that have several words.
    kept: bool,
    /// A compare-and-set was observed to fail.
    failures: bool,
}

impl<'a> View<'a> {
    fn new(job: &Job<'a>, part: Part<'a>) -> Self {
        let history = job.history;
        let cas = job.model == ModelKind::CasRegister;
        let functions = history.functions.iter().map(|name| match name {
            "read" => Function::Read,
            "write" => Function::Write,
            "cas" if cas => Function::Cas,
            _ => Function::Other,
        });
        Self {
            records: if part.ids.len() == history.records.len() {
                Cow::Borrowed(&history.records)
            } else {
                // Gathered once, as they are looked at several times.
                part.ids.iter().map(|id| history.records[*id as usize]).collect()
            },
            values: &history.values,
            ids: part.ids,
            functions: functions.collect(),
            nil_reads_unknown: history.nil_reads_unknown,
            failures_observed: job.options.failed_cas_observed,
            errors: &history.errors,
            initial: job.options.initial.clone().unwrap_or_default(),
            numbers: Numbers::Dense { initial: None, lowest: 0, nil: 0, count: 0 },
        }
    }

    fn record(&self, index: u32) -> &Record {
        &self.records[index as usize]
    }

    /// What an operation says about the register, if it says anything.
    #[inline]
    fn word(&self, record: &Record) -> Option<Word> {
        let (ok, fail) = (record.ending == Ending::Ok, record.ending == Ending::Fail);
        match self.functions[usize::from(record.f)] {
            Function::Read => {
                let unknown = record.output == Packed::NIL && self.nil_reads_unknown;
                (ok && !unknown).then_some(Word::Read(record.output))
            }
            Function::Write => (!fail).then_some(Word::Write(record.input)),
            Function::Cas if fail => None,
            Function::Cas => Some(Word::Cas(record.input)),
            Function::Other => None,
        }
    }

    /// Looks at every operation once: does it fit, and which values are there?
    fn survey(&self) -> Result<Survey, Flaw> {
        let mut survey = Survey {
            lowest: i64::MAX,
            highest: i64::MIN,
            others: false,
            kept: false,
            failures: false,
        };
        for index in 0..self.ids.len() as u32 {
            let record = self.record(index);
            let function = self.functions[usize::from(record.f)];
            if function == Function::Other {
                return Err((Misfit::Function, index));
            }
            if function == Function::Cas && record.input.as_pair().is_none() {
                let pair = self.values.get(record.input);
                if pair.as_list().is_none_or(|pair| pair.len() != 2) {
                    return Err((Misfit::Argument { expected: PAIR }, index));
                }
                survey.kept = true;
            }
            survey.failures |= function == Function::Cas
                && record.ending == Ending::Fail
                && self.failures_observed
                && !self.errors.contains_key(&self.ids[index as usize]);
            match self.word(record) {
                Some(Word::Read(value) | Word::Write(value)) => survey.note(value),
                Some(Word::Cas(pair)) => {
                    if let Some((from, to)) = pair.as_pair() {
                        survey.note(from);
                        survey.note(to);
                    }
                }
                None => {}
            }
        }
        Ok(survey)
    }

    /// Calls `each` with both values of a compare-and-set, or with the one value of a read or a write.
    fn for_each_value(&self, mut each: impl FnMut(&Value)) {
        for index in 0..self.ids.len() as u32 {
            match self.word(self.record(index)) {
                Some(Word::Read(word) | Word::Write(word)) => each(&self.values.get(word)),
                Some(Word::Cas(word)) => {
                    self.values.get(word).as_list().into_iter().flatten().for_each(&mut each);
                }
                None => {}
            }
        }
    }

    fn number(&self, word: Packed) -> u32 {
        self.numbers.of(word, self.values)
    }

    /// The numbers of the two values of a compare-and-set.
    fn numbers_of_pair(&self, word: Packed) -> Option<(u32, u32)> {
        if let Some((from, to)) = word.as_pair() {
            return Some((self.number(from), self.number(to)));
        }
        let pair = self.values.get(word);
        let [from, to] = pair.as_list()? else { return None };
        Some((self.numbers.of_value(from)?, self.numbers.of_value(to)?))
    }
}

impl Source for View<'_> {
    fn len(&self) -> u32 {
        self.ids.len() as u32
    }

    #[inline]
    fn op(&self, index: u32) -> Option<Timed<CellOp>> {
        let record = self.record(index);
        let ok = record.ending == Ending::Ok;
        let op = match self.word(record)? {
            Word::Read(value) => CellOp::Read(self.number(value)),
            Word::Write(value) => CellOp::Write(self.number(value)),
            Word::Cas(pair) => match self.numbers_of_pair(pair)? {
                // It changes nothing, and says nothing while it is open.
                (from, to) if from == to && ok => CellOp::Read(from),
                (from, to) if from == to => return None,
                (from, to) => CellOp::Cas(from, to),
            },
        };
        Some(Timed { call: record.call, ret: if ok { record.ret } else { NEVER }, op })
    }
}

impl Survey {
    fn note(&mut self, word: Packed) {
        if let Some(number) = word.as_int() {
            self.lowest = self.lowest.min(number);
            self.highest = self.highest.max(number);
        } else {
            self.others |= word != Packed::NIL;
            self.kept |= word.is_kept();
        }
    }
}

/// How values get their numbers; the initial one has 0.
#[derive(Debug)]
enum Numbers {
    /// Whole numbers in a narrow range, and nil: counted from the lowest.
    Dense { initial: Option<i64>, lowest: i64, nil: u32, count: u32 },
    /// Values whose words tell them apart.
    Words(FxHashMap<Packed, u32>),
    /// All others.
    Values(FxHashMap<Value, u32>),
}

impl Numbers {
    fn choose(view: &View<'_>, survey: &Survey) -> Self {
        let plain = view.initial.is_nil() || view.initial.as_int().is_some();
        let span = survey.highest.saturating_sub(survey.lowest);
        let room = (DENSE_PER_OPERATION * view.ids.len()).cast_signed() as i64;
        if !survey.others && !survey.kept && plain && span <= room {
            return Self::dense(view.initial.as_int(), survey);
        }
        if survey.kept { Self::values(view) } else { Self::words(view) }
    }

    fn values(view: &View<'_>) -> Self {
        let mut numbers = FxHashMap::default();
        numbers.insert(view.initial.clone(), 0);
        view.for_each_value(|value| {
            let next = numbers.len() as u32;
            if !numbers.contains_key(value) {
                numbers.insert(value.clone(), next);
            }
        });
        Self::Values(numbers)
    }

    fn words(view: &View<'_>) -> Self {
        let mut numbers = FxHashMap::default();
        numbers.reserve(view.ids.len() / 2);
        numbers.extend(view.values.find(&view.initial).map(|word| (word, 0)));
        // The initial value has number 0 even if it never occurs.
        let mut next = 1;
        let mut note = |word: Packed| {
            numbers.entry(word).or_insert_with(|| {
                next += 1;
                next - 1
            });
        };
        for index in 0..view.ids.len() as u32 {
            match view.word(view.record(index)) {
                Some(Word::Read(word) | Word::Write(word)) => note(word),
                Some(Word::Cas(pair)) => {
                    let (from, to) = pair.as_pair().unwrap_or((Packed::NIL, Packed::NIL));
                    note(from);
                    note(to);
                }
                None => {}
            }
        }
        Self::Words(numbers)
    }

    fn dense(initial: Option<i64>, survey: &Survey) -> Self {
        // Where there are no numbers at all, the range is empty.
        let lowest = survey.lowest.min(survey.highest.saturating_add(1));
        let nil = (survey.highest.saturating_sub(lowest).max(-1) + 2) as u32;
        let nil = if initial.is_some() { nil } else { 0 };
        let count = (survey.highest.saturating_sub(lowest).max(-1) + 3) as u32;
        Self::Dense { initial, lowest, nil, count }
    }

    fn count(&self) -> usize {
        match self {
            Self::Dense { count, .. } => *count as usize,
            // The initial value may have no word.
            Self::Words(numbers) => numbers.len() + 1,
            Self::Values(numbers) => numbers.len(),
        }
    }

    #[inline]
    fn of(&self, word: Packed, values: &Values) -> u32 {
        match self {
            Self::Dense { initial, lowest, nil, .. } => match word.as_int() {
                Some(number) if *initial == Some(number) => 0,
                Some(number) => (number - lowest) as u32 + 1,
                None => *nil,
            },
            Self::Words(numbers) => numbers.get(&word).copied().unwrap_or(0),
            Self::Values(_) => self.of_value(&values.get(word)).unwrap_or(0),
        }
    }

    fn of_value(&self, value: &Value) -> Option<u32> {
        match self {
            Self::Values(numbers) => numbers.get(value).copied(),
            Self::Dense { .. } | Self::Words(_) => None,
        }
    }
}
