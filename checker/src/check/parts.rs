//! One history, many objects: which operation belongs to which.

use std::borrow::Cow;

use crate::check::{Job, ModelKind};
use crate::history::{Ending, History, NONE, Record};

/// The operations of every object.
pub(super) struct Parts<'a> {
    /// Numbers of operations by object and invocation. Empty: there is one object.
    ids: Vec<u32>,
    /// Their records. Those of many objects are copied: as the history has them, each would be a miss of all caches.
    records: Cow<'a, [Record]>,
    /// Where each object's begin; one more than there are objects.
    starts: Vec<u32>,
    /// Operations that took effect, by object and completion: indices into those of the object.
    completions: Cow<'a, [u32]>,
    /// Where each object's begin.
    completion_starts: Vec<u32>,
    /// By object: the number of its key, or [`NONE`] where it has no name.
    keys: Vec<u32>,
}

/// One object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// The number of its key, or [`NONE`].
    pub(crate) key: u32,
    /// Numbers of its operations, in order of invocation; `None`: it has all that there are.
    ids: Option<&'a [u32]>,
    /// Its operations.
    pub(crate) records: &'a [Record],
    /// Those that took effect, in order of completion: indices into `records`.
    pub(crate) completions: &'a [u32],
}

/// Where an operation is put.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    object: u32,
    /// Its index among those of the object.
    index: u32,
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
        let (starts, completion_starts) = starts(history, objects);
        let mut next = starts.clone();
        let mut ids = vec![0; history.records.len()];
        let mut records = vec![history.records[0]; history.records.len()];
        let mut places = vec![Place::default(); history.records.len()];
        for (id, record) in history.records.iter().enumerate() {
            let object = object_of(history, id);
            let at = next[object as usize];
            next[object as usize] += 1;
            (ids[at as usize], records[at as usize]) = (id as u32, *record);
            places[id] = Place { object, index: at - starts[object as usize] };
        }
        let mut next = completion_starts.clone();
        let mut completions = vec![0; history.completions.len()];
        for id in &history.completions {
            let Place { object, index } = places[*id as usize];
            let at = &mut next[object as usize];
            completions[*at as usize] = index;
            *at += 1;
        }
        let (records, completions) = (Cow::Owned(records), Cow::Owned(completions));
        let keys = (0..objects as u32 - 1).chain([NONE]).collect();
        Self { ids, records, starts, completions, completion_starts, keys }
    }

    fn whole(history: &'a History) -> Self {
        let (operations, completed) = (history.records.len(), history.completions.len());
        Self {
            ids: Vec::new(),
            records: Cow::Borrowed(&history.records),
            starts: vec![0, operations as u32],
            completions: Cow::Borrowed(&history.completions),
            completion_starts: vec![0, completed as u32],
            keys: vec![NONE],
        }
    }

    /// The objects that have operations, those with the most first, so that no thread is left with a large one at the
    /// end; of equals in the order of their names.
    pub(super) fn by_size(&self, job: &Job<'_>) -> Vec<Part<'_>> {
        let span = |ends: &[u32]| ends[0] as usize..ends[1] as usize;
        let ends = self.starts.windows(2).zip(self.completion_starts.windows(2));
        let parts = self.keys.iter().zip(ends).map(|(key, (ends, completion_ends))| Part {
            key: *key,
            ids: self.ids.get(span(ends)),
            records: &self.records[span(ends)],
            completions: &self.completions[span(completion_ends)],
        });
        let mut parts: Vec<Part<'_>> = parts.filter(|part| !part.records.is_empty()).collect();
        parts.sort_by_key(|part| (std::cmp::Reverse(part.len()), part.name(job)));
        parts
    }
}

fn object_of(history: &History, id: usize) -> u32 {
    let key = history.key_number(id);
    if key == NONE { history.keys.len() as u32 } else { key }
}

/// Where the operations of each object begin, and its completions; and where the last ones end.
fn starts(history: &History, objects: usize) -> (Vec<u32>, Vec<u32>) {
    let (mut starts, mut completion_starts) = (vec![0; objects + 1], vec![0; objects + 1]);
    for (id, record) in history.records.iter().enumerate() {
        let object = object_of(history, id) as usize;
        starts[object + 1] += 1;
        completion_starts[object + 1] += u32::from(record.ending == Ending::Ok);
    }
    for at in 1..=objects {
        starts[at] += starts[at - 1];
        completion_starts[at] += completion_starts[at - 1];
    }
    (starts, completion_starts)
}

impl<'a> Part<'a> {
    /// These operations, given in order of invocation.
    pub(crate) fn of(ids: &'a [u32], records: &'a [Record]) -> Self {
        Self { key: NONE, ids: Some(ids), records, completions: &[] }
    }

    /// How many operations it has.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The number in the history of the operation with this index.
    #[inline]
    pub(crate) fn id(&self, index: u32) -> u32 {
        self.ids.map_or(index, |ids| ids[index as usize])
    }

    /// The numbers of all.
    pub(crate) fn ids(self) -> impl ExactSizeIterator<Item = u32> {
        (0..self.records.len() as u32).map(move |index| self.id(index))
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
