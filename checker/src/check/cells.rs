//! Registers for their decider: operations straight from the records of a history, values as small numbers.

pub(super) mod dealt;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::Value;
use crate::check::{CheckOptions, Engine, Job, ModelKind};
use crate::decide::cell::Pass;
use crate::decide::{Decision, NEVER};
use crate::history::packed::{Packed, Values};
use crate::history::{Ending, Record};
use crate::model::Misfit;
use crate::model::cas_register::PAIR;

use super::parts::Part;

/// Numbers that a table may have for each operation where values are looked up by themselves.
const DENSE_PER_OPERATION: u64 = 2;

/// Why an operation does not fit, and which one (an index into those of the part).
type Flaw = (Misfit, u32);

/// Decides the history of one register, if each value is written once.
pub(super) fn decide(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let view = View::new(job, part);
    if let Some((dealt, object, span)) = part.dealt() {
        return Ok(dealt.decide(object, span, part.completions, view.ordered));
    }
    let initial = job.options.initial.clone().unwrap_or_default();
    let room = DENSE_PER_OPERATION * part.len() as u64;
    if let Some(mut numbers) = Dense::new(&initial, job.history.values.numbers_within(room)) {
        return view.decide(&mut numbers);
    }
    if job.history.values.any_kept() {
        return view.decide(&mut ByValue::new(initial, view.values));
    }
    view.decide(&mut ByWord::new(view.values.find(&initial), part.len()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Function {
    Read,
    Write,
    Cas,
    Other,
}

struct View<'a> {
    part: Part<'a>,
    values: &'a Values,
    /// By number of the function.
    functions: Vec<Function>,
    nil_reads_unknown: bool,
    /// Whether an order is asked for.
    ordered: bool,
    options: &'a CheckOptions<'a>,
    errors: &'a BTreeMap<u32, String>,
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
            part,
            values: &history.values,
            functions: functions.collect(),
            nil_reads_unknown: history.nil_reads_unknown,
            ordered: job.options.certify || job.options.keep_orders,
            options: job.options,
            errors: &history.errors,
        }
    }

    /// Looks at every operation once, and decides.
    fn decide(&self, numbers: &mut impl Numbers) -> Result<Decision, Flaw> {
        let mut pass = Pass::new(self.part.len(), numbers.count());
        // A flaw of the history comes before what the decider says; a search that comes after it would find it, too.
        let mut inapplicable = None;
        for (index, record) in (0..).zip(self.part.records()) {
            if let Err(why) = self.put(record, index, &mut pass, numbers)? {
                inapplicable.get_or_insert(why);
                if self.options.engine != Engine::Fast {
                    break;
                }
            }
        }
        Ok(inapplicable.map_or_else(
            || pass.decide(self.part.completions, self.ordered),
            Decision::Inapplicable,
        ))
    }

    /// Puts in what an operation says about the register, if it says anything.
    #[inline]
    fn put(
        &self,
        record: &Record,
        index: u32,
        pass: &mut Pass,
        numbers: &mut impl Numbers,
    ) -> Result<Result<(), &'static str>, Flaw> {
        let function = self.functions[usize::from(record.f)];
        if function >= Function::Cas {
            let pair = self.pair(record, index, numbers)?;
            return Ok(self.cas(record, index, pair).and_then(|ret| match ret {
                None => {
                    pass.put_nothing();
                    Ok(())
                }
                Some(ret) if pair.0 == pair.1 => pass.put(true, pair.0, record.call, ret),
                Some(ret) => pass.put_cas(pair, record.call, ret),
            }));
        }
        let reads = function == Function::Read;
        let Some((word, ret)) = self.plain(record, reads) else {
            pass.put_nothing();
            return Ok(Ok(()));
        };
        Ok(pass.put(reads, numbers.of(word), record.call, ret))
    }

    /// The value that a read answered or a write wrote, and when it completed; `None` if it says nothing.
    #[inline]
    fn plain(&self, record: &Record, reads: bool) -> Option<(Packed, u32)> {
        let word = if reads { record.output } else { record.input };
        let unknown = reads && self.nil_reads_unknown && word == Packed::NIL;
        let crashed = record.ending == Ending::Info;
        if record.ending == Ending::Fail || crashed && reads || unknown {
            return None;
        }
        Some((word, if crashed { NEVER } else { record.ret }))
    }

    /// The two values of what is no read and no write.
    fn pair(
        &self,
        record: &Record,
        index: u32,
        numbers: &mut impl Numbers,
    ) -> Result<(u32, u32), Flaw> {
        if self.functions[usize::from(record.f)] == Function::Other {
            return Err((Misfit::Function, index));
        }
        let pair = numbers.of_pair(record.input, self.values);
        pair.ok_or((Misfit::Argument { expected: PAIR }, index))
    }

    /// When a compare-and-set completed; `None` if it says nothing. From a value to itself it is a read.
    fn cas(
        &self,
        record: &Record,
        index: u32,
        (from, to): (u32, u32),
    ) -> Result<Option<u32>, &'static str> {
        match record.ending {
            Ending::Fail if self.is_observed_failure(index) => {
                Err("a compare-and-set was observed to fail")
            }
            Ending::Fail => Ok(None),
            Ending::Ok => Ok(Some(record.ret)),
            Ending::Info => Ok((from != to).then_some(NEVER)),
        }
    }

    fn is_observed_failure(&self, index: u32) -> bool {
        self.options.failed_cas_observed && !self.errors.contains_key(&self.part.numbers()(index))
    }
}

/// How values get their numbers; the initial one has 0, even if it never occurs.
trait Numbers {
    /// How many there are, where known; else 1.
    fn count(&self) -> usize;

    fn of(&mut self, word: Packed) -> u32;

    /// The numbers of the two values of a compare-and-set; `None` if it has not two.
    fn of_pair(&mut self, word: Packed, values: &Values) -> Option<(u32, u32)>;
}

/// Whole numbers in a narrow range, and nil: counted from the lowest.
struct Dense {
    /// The number that is the initial value; else that is nil.
    initial: Option<i64>,
    lowest: i64,
    nil: u32,
    count: u32,
}

impl Dense {
    /// `range`: all values are nil or from the first of these to the second.
    fn new(initial: &Value, range: Option<(i64, i64)>) -> Option<Self> {
        let (lowest, highest) = range?;
        let number = initial.as_int();
        if number.is_none() && !initial.is_nil() {
            return None;
        }
        let span = (highest - lowest) as u32 + 1;
        let nil = if number.is_some() { span + 1 } else { 0 };
        Some(Self { initial: number, lowest, nil, count: span + 2 })
    }
}

impl Numbers for Dense {
    fn count(&self) -> usize {
        self.count as usize
    }

    #[inline]
    fn of(&mut self, word: Packed) -> u32 {
        match word.as_int() {
            Some(number) if self.initial == Some(number) => 0,
            Some(number) => (number - self.lowest) as u32 + 1,
            None => self.nil,
        }
    }

    fn of_pair(&mut self, word: Packed, _: &Values) -> Option<(u32, u32)> {
        let (from, to) = word.as_pair()?;
        Some((self.of(from), self.of(to)))
    }
}

/// Values whose words tell them apart.
struct ByWord {
    numbers: FxHashMap<Packed, u32>,
    next: u32,
}

impl ByWord {
    fn new(initial: Option<Packed>, operations: usize) -> Self {
        let mut numbers = FxHashMap::default();
        numbers.reserve(operations / 2);
        numbers.extend(initial.map(|word| (word, 0)));
        Self { numbers, next: 1 }
    }
}

impl Numbers for ByWord {
    fn count(&self) -> usize {
        1
    }

    fn of(&mut self, word: Packed) -> u32 {
        *self.numbers.entry(word).or_insert_with(|| {
            self.next += 1;
            self.next - 1
        })
    }

    fn of_pair(&mut self, word: Packed, values: &Values) -> Option<(u32, u32)> {
        if let Some((from, to)) = word.as_pair() {
            return Some((self.of(from), self.of(to)));
        }
        // Without anything kept, no word stands for a list of two but such a pair.
        debug_assert!(!values.any_kept());
        None
    }
}

/// All others.
struct ByValue<'a> {
    numbers: FxHashMap<Value, u32>,
    values: &'a Values,
}

impl<'a> ByValue<'a> {
    fn new(initial: Value, values: &'a Values) -> Self {
        Self { numbers: FxHashMap::from_iter([(initial, 0)]), values }
    }

    fn of_value(&mut self, value: &Value) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let next = self.numbers.len() as u32;
        self.numbers.insert(value.clone(), next);
        next
    }
}

impl Numbers for ByValue<'_> {
    fn count(&self) -> usize {
        1
    }

    fn of(&mut self, word: Packed) -> u32 {
        let values = self.values;
        self.of_value(&values.get(word))
    }

    fn of_pair(&mut self, word: Packed, values: &Values) -> Option<(u32, u32)> {
        let pair = values.get(word);
        let [from, to] = pair.as_list()? else { return None };
        Some((self.of_value(from), self.of_value(to)))
    }
}
