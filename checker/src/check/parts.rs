//! One history, many objects: which operation belongs to which.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::check::{Job, ModelKind};
use crate::history::{History, NONE, Record};

use super::cells::dealt::{Dealer, Dealt};

/// The operations of every object.
pub(super) struct Parts<'a> {
    history: &'a History,
    /// Where each object's begin; one more than there are objects.
    starts: Vec<u32>,
    /// Operations that took effect, by object and completion: indices into those of the object. Each object's begin where
    /// its operations do.
    completions: Cow<'a, [u32]>,
    /// By object: how many of them it has.
    completed: Vec<u32>,
    /// By object: the number of its key, or [`NONE`] where it has no name.
    keys: Vec<u32>,
    /// Of registers, where it is known: what the operations say, by object and invocation.
    dealt: Option<Dealt>,
    /// Made when somebody asks for it.
    laid_out: OnceLock<LaidOut>,
}

/// The operations by object and invocation.
struct LaidOut {
    /// Their numbers.
    ids: Vec<u32>,
    /// Copies, as each of those in the history would be a miss of all caches.
    records: Vec<Record>,
}

/// One object.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    /// The number of its key, or [`NONE`].
    pub(crate) key: u32,
    source: Source<'a>,
    /// How many operations it has.
    len: u32,
    /// Those that took effect, in order of completion: indices into all of them.
    pub(crate) completions: &'a [u32],
}

/// Where its operations are.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// It has all that there are.
    All(&'a [Record]),
    /// Their numbers, in order of invocation, and they themselves.
    Given(&'a [u32], &'a [Record]),
    /// This object of those.
    One(&'a Parts<'a>, usize),
}

impl<'a> Parts<'a> {
    /// Takes a history apart. The transactions of a multi-register span its registers, so it is one object.
    pub(super) fn of(job: &Job<'a>) -> Self {
        let history = job.history;
        if job.model == ModelKind::MultiRegister || history.keys.len() == 0 {
            return Self::whole(history);
        }
        // The object without a name is behind all keys.
        let objects = history.keys.len() + 1;
        let starts = starts(history, objects);
        let dealer = Dealer::new(job, objects);
        let mut next = starts.clone();
        let place = |id| {
            let next = &mut next[object_of(history, id)];
            *next += 1;
            *next - 1
        };
        let places: Vec<u32> = (0..history.records.len() as u32).map(place).collect();
        let mut completed = vec![0; objects];
        let mut completions = vec![0; history.records.len()];
        for id in &history.completions {
            let object = object_of(history, *id);
            let start = starts[object];
            completions[(start + completed[object]) as usize] = places[*id as usize] - start;
            completed[object] += 1;
        }
        let keys = (0..objects as u32 - 1).chain([NONE]).collect();
        let completions = Cow::Owned(completions);
        let dealt = dealer.and_then(|dealer| dealer.deal(&places));
        let laid_out = OnceLock::new();
        Self { history, starts, completions, completed, keys, dealt, laid_out }
    }

    fn whole(history: &'a History) -> Self {
        Self {
            history,
            starts: vec![0, history.records.len() as u32],
            completions: Cow::Borrowed(&history.completions),
            completed: vec![history.completions.len() as u32],
            keys: vec![NONE],
            dealt: None,
            laid_out: OnceLock::new(),
        }
    }

    /// The objects that have operations, those with the most first, so that no thread is left with a large one at the
    /// end; of equals in the order of their names.
    pub(super) fn by_size(&'a self, job: &Job<'_>) -> Vec<Part<'a>> {
        let parts = (0..self.keys.len()).map(|object| self.part(object));
        let mut parts: Vec<Part<'_>> = parts.filter(|part| part.len > 0).collect();
        parts.sort_by_key(|part| (std::cmp::Reverse(part.len), part.name(job)));
        parts
    }

    fn part(&'a self, object: usize) -> Part<'a> {
        let span = self.span(object);
        let completions = &self.completions[span.start..][..self.completed[object] as usize];
        let whole = self.keys.len() == 1;
        let source =
            if whole { Source::All(&self.history.records) } else { Source::One(self, object) };
        Part { key: self.keys[object], source, len: span.len() as u32, completions }
    }

    fn span(&self, object: usize) -> std::ops::Range<usize> {
        self.starts[object] as usize..self.starts[object + 1] as usize
    }

    fn laid_out(&self) -> &LaidOut {
        self.laid_out.get_or_init(|| {
            let history = self.history;
            let mut next = self.starts.clone();
            let mut ids = vec![0; history.records.len()];
            let mut records = vec![history.records[0]; history.records.len()];
            for (id, record) in (0..).zip(&history.records) {
                let at = &mut next[object_of(history, id)];
                (ids[*at as usize], records[*at as usize]) = (id, *record);
                *at += 1;
            }
            LaidOut { ids, records }
        })
    }
}

/// The number of the object; that without a name is behind all keys.
pub(super) fn object_of(history: &History, id: u32) -> usize {
    let key = history.key_number(id as usize);
    if key == NONE { history.keys.len() } else { key as usize }
}

/// Where the operations of each object begin; and where the last ones end.
fn starts(history: &History, objects: usize) -> Vec<u32> {
    let mut starts = vec![0; objects + 1];
    for id in 0..history.records.len() as u32 {
        starts[object_of(history, id) + 1] += 1;
    }
    for at in 1..=objects {
        starts[at] += starts[at - 1];
    }
    starts
}

impl<'a> Part<'a> {
    /// All operations that there are, as one object.
    pub(super) fn all(history: &'a History) -> Self {
        let (records, completions) = (&history.records, &history.completions);
        let len = records.len() as u32;
        Self { key: NONE, source: Source::All(records), len, completions }
    }

    /// These operations, given in order of invocation.
    pub(crate) fn of(ids: &'a [u32], records: &'a [Record]) -> Self {
        let source = Source::Given(ids, records);
        Self { key: NONE, source, len: records.len() as u32, completions: &[] }
    }

    /// How many operations it has.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Its operations.
    pub(crate) fn records(&self) -> &'a [Record] {
        match self.source {
            Source::All(records) | Source::Given(_, records) => records,
            Source::One(parts, object) => &parts.laid_out().records[parts.span(object)],
        }
    }

    /// The numbers in the history of the operations with these indices.
    pub(crate) fn numbers(&self) -> impl Fn(u32) -> u32 + use<'a> {
        let ids = match self.source {
            Source::All(_) => None,
            Source::Given(ids, _) => Some(ids),
            Source::One(parts, object) => Some(&parts.laid_out().ids[parts.span(object)]),
        };
        move |index| ids.map_or(index, |ids| ids[index as usize])
    }

    /// The numbers of a few, given in ascending order: without laying out what need not be.
    pub(crate) fn number_few(&self, indices: &[u32]) -> Vec<u32> {
        debug_assert!(indices.is_sorted_by(|one, two| one < two), "not in ascending order");
        let Source::One(parts, object) = self.source else {
            return indices.iter().copied().map(self.numbers()).collect();
        };
        let all = 0..parts.history.records.len() as u32;
        let mut own = all.filter(|id| object_of(parts.history, *id) == object);
        let mut passed = 0;
        let number = |index: &u32| {
            let skipped = (*index - passed) as usize;
            passed = *index + 1;
            own.nth(skipped)
        };
        indices.iter().filter_map(number).collect()
    }

    /// The numbers of all.
    pub(crate) fn ids(self) -> impl ExactSizeIterator<Item = u32> {
        (0..self.len).map(self.numbers())
    }

    /// Of a register, where it is known: what its operations say.
    pub(super) fn dealt(&self) -> Option<(&'a Dealt, usize, std::ops::Range<usize>)> {
        match self.source {
            Source::One(parts, object) => Some((parts.dealt.as_ref()?, object, parts.span(object))),
            Source::All(_) | Source::Given(..) => None,
        }
    }

    /// What the history calls it.
    pub(crate) fn name<'h>(&self, job: &Job<'h>) -> Option<&'h str> {
        name(job, self.key)
    }
}

/// What the history calls the object with this number of a key.
pub(super) fn name<'h>(job: &Job<'h>, key: u32) -> Option<&'h str> {
    (key != NONE).then(|| job.history.keys.get(key))
}
