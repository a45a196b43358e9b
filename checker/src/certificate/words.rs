//! Registers, lists and sets, where equal words are equal values: the same replay, without unpacking a value.

use rustc_hash::FxHashMap;

use crate::check::{Job, ModelKind};
use crate::history::packed::{Packed, Values};
use crate::history::{Ending, Record};

/// Numbers that a table may have for each operation where elements are looked up by themselves.
const DENSE_PER_OPERATION: u64 = 4;

/// An object while an order is replayed.
pub(super) struct Words<'a> {
    held: Held,
    values: &'a Values,
    /// By number of the function: does it read, and does it write?
    functions: Vec<(bool, bool)>,
    nil_reads_unknown: bool,
}

enum Held {
    /// `None`: the initial value, which occurs nowhere.
    Register(Option<Packed>),
    List(Vec<Packed>),
    Set(Members),
}

impl<'a> Words<'a> {
    /// For an object with so many operations. `None` where words do not tell.
    pub(super) fn new(job: &Job<'a>, operations: usize) -> Option<Self> {
        let values = &job.history.values;
        let held = match job.model {
            ModelKind::Register | ModelKind::CasRegister => {
                let initial = job.options.initial.clone().unwrap_or_default();
                Held::Register(values.find(&initial))
            }
            ModelKind::AppendList => Held::List(Vec::new()),
            ModelKind::Set => Held::Set(Members::new(values, operations as u64)),
            _ => return None,
        };
        let tells = match held {
            Held::Register(_) => !values.any_kept() && !job.options.failed_cas_observed,
            Held::List(_) | Held::Set(_) => values.are_words(),
        };
        let functions = job.history.functions.iter().map(|f| match f {
            "read" => (true, false),
            "cas" => (true, true),
            _ => (false, true),
        });
        let nil_reads_unknown = job.history.nil_reads_unknown();
        tells.then(|| Self { held, values, functions: functions.collect(), nil_reads_unknown })
    }

    /// Does the operation; false if it cannot have answered what it answered.
    pub(super) fn step(&mut self, record: &Record) -> bool {
        let (reads, writes) = self.functions[usize::from(record.f)];
        let unknown =
            record.ending == Ending::Info || self.nil_reads_unknown && record.output == Packed::NIL;
        match &mut self.held {
            Held::Register(held) if reads && writes => {
                let Some((from, to)) = record.input.as_pair() else { return false };
                held.replace(to) == Some(from)
            }
            Held::Register(held) => {
                let fits = unknown || *held == Some(record.output);
                *held = if writes { Some(record.input) } else { *held };
                writes || fits
            }
            Held::List(held) if writes => {
                held.push(record.input);
                true
            }
            Held::List(held) => {
                unknown || with_items(record.output, self.values, |i| i == held.as_slice())
            }
            Held::Set(held) if writes => {
                held.add(record.input);
                true
            }
            Held::Set(held) => unknown || with_items(record.output, self.values, |i| held.is(i)),
        }
    }
}

/// Calls `each` with the elements of an answer; nil has none.
fn with_items(answer: Packed, values: &Values, each: impl FnOnce(&[Packed]) -> bool) -> bool {
    match answer.as_pair() {
        Some((first, second)) => each(&[first, second]),
        None => each(values.list_of(answer).unwrap_or_default()),
    }
}

/// The elements of a growing set, each with the number of the last read that it was compared with; 0: it is not there.
struct Members {
    lowest: i64,
    /// Of whole numbers from the lowest on.
    dense: Vec<u32>,
    sparse: FxHashMap<Packed, u32>,
    count: usize,
    reads: u32,
}

impl Members {
    fn new(values: &Values, operations: u64) -> Self {
        let (lowest, highest) = values.range().unwrap_or((0, 0));
        let room = highest.abs_diff(lowest);
        let dense = if room <= DENSE_PER_OPERATION * operations { room as usize + 1 } else { 0 };
        Self { lowest, dense: vec![0; dense], sparse: FxHashMap::default(), count: 0, reads: 1 }
    }

    /// Where an element is in the dense table, if it has a place there.
    fn place(&self, element: Packed) -> Option<usize> {
        let place = usize::try_from(element.as_int()?.checked_sub(self.lowest)?).ok()?;
        (place < self.dense.len()).then_some(place)
    }

    /// Where it is noted when an element was seen last.
    fn last_seen(&mut self, element: Packed) -> Option<&mut u32> {
        match self.place(element) {
            Some(place) => Some(&mut self.dense[place]).filter(|seen| **seen > 0),
            None => self.sparse.get_mut(&element),
        }
    }

    fn add(&mut self, element: Packed) {
        if self.last_seen(element).is_some() {
            return;
        }
        self.count += 1;
        match self.place(element) {
            Some(place) => self.dense[place] = 1,
            None => drop(self.sparse.insert(element, 1)),
        }
    }

    /// Whether these are all elements, each once.
    fn is(&mut self, seen: &[Packed]) -> bool {
        self.reads += 1;
        let now = self.reads;
        let mut is_new = |element: &Packed| {
            let last = self.last_seen(*element);
            last.is_some_and(|last| std::mem::replace(last, now) != now)
        };
        seen.iter().all(&mut is_new) && seen.len() == self.count
    }
}
