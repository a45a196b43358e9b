//! One history, many objects: which operation belongs to which.

use crate::check::{Job, ModelKind};
use crate::history::NONE;

/// The operations of every object, in order of invocation.
pub(super) struct Parts {
    /// Numbers of operations, object by object.
    ids: Vec<u32>,
    /// Where each object's begin; one more than there are objects.
    starts: Vec<usize>,
    /// By object: the number of its key, or [`NONE`] where it has no name.
    keys: Vec<u32>,
}

/// One object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// The number of its key, or [`NONE`].
    pub(crate) key: u32,
    /// Its operations, in order of invocation.
    pub(crate) ids: &'a [u32],
}

impl Parts {
    /// Takes a history apart. The transactions of a multi-register span its registers, so it is one object.
    pub(super) fn of(job: &Job<'_>) -> Self {
        let history = job.history;
        let whole = job.model == ModelKind::MultiRegister;
        // The place of the object without a name is behind those of all keys.
        let unnamed = history.keys.len();
        let place = |key: u32| if key == NONE || whole { unnamed } else { key as usize };
        let mut counts = vec![0_usize; unnamed + 2];
        for record in &history.records {
            counts[place(record.key) + 1] += 1;
        }
        for at in 1..counts.len() {
            counts[at] += counts[at - 1];
        }
        let starts = counts.clone();
        let mut ids = vec![0; history.records.len()];
        for (id, record) in history.records.iter().enumerate() {
            let next = &mut counts[place(record.key)];
            ids[*next] = id as u32;
            *next += 1;
        }
        let keys = (0..unnamed as u32).chain([NONE]).collect();
        Self { ids, starts, keys }
    }

    /// The objects that have operations, those with the most first, so that no thread is left with a large one at the
    /// end; of equals in the order of their names.
    pub(super) fn by_size(&self, job: &Job<'_>) -> Vec<Part<'_>> {
        let all = self.keys.iter().zip(self.starts.windows(2));
        let parts = all.map(|(key, ends)| Part { key: *key, ids: &self.ids[ends[0]..ends[1]] });
        let mut parts: Vec<Part<'_>> = parts.filter(|part| !part.ids.is_empty()).collect();
        parts.sort_by_key(|part| (std::cmp::Reverse(part.ids.len()), part.name(job)));
        parts
    }
}

impl Part<'_> {
    /// What the history calls it.
    pub(crate) fn name<'h>(&self, job: &Job<'h>) -> Option<&'h str> {
        (self.key != NONE).then(|| job.history.keys.get(self.key))
    }
}
