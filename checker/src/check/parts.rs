//! One history, many objects: which operation belongs to which.

use crate::check::{Job, ModelKind};
use crate::history::{History, NONE};

/// The operations of every object.
pub(super) struct Parts {
    /// Numbers of operations by object and invocation.
    ids: Vec<u32>,
    /// Where each object's begin; one more than there are objects.
    starts: Vec<usize>,
    /// Operations that took effect, by object and completion: indices into those of the object.
    completions: Vec<u32>,
    /// Where each object's begin.
    completion_starts: Vec<usize>,
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
    /// Those that took effect, in order of completion: indices into `ids`.
    pub(crate) completions: &'a [u32],
}

impl Parts {
    /// Takes a history apart. The transactions of a multi-register span its registers, so it is one object.
    pub(super) fn of(job: &Job<'_>) -> Self {
        let history = job.history;
        if job.model == ModelKind::MultiRegister || history.keys.len() == 0 {
            return Self::whole(history);
        }
        // The place of the object without a name is behind those of all keys.
        let unnamed = history.keys.len();
        let place = |key: u32| if key == NONE { unnamed } else { key as usize };
        let place_of = |id: usize| place(history.records[id].key);
        let all = 0..history.records.len();
        let starts = starts(all.clone().map(place_of), unnamed + 1);
        let mut next = starts.clone();
        let mut ids = vec![0; history.records.len()];
        let mut index_of = vec![0; history.records.len()];
        for id in all {
            let at = &mut next[place_of(id)];
            ids[*at] = id as u32;
            index_of[id] = (*at - starts[place_of(id)]) as u32;
            *at += 1;
        }
        let completed = history.completions.iter().map(|id| *id as usize);
        let completion_starts = self::starts(completed.clone().map(place_of), unnamed + 1);
        let mut next = completion_starts.clone();
        let mut completions = vec![0; history.completions.len()];
        for id in completed {
            let at = &mut next[place_of(id)];
            completions[*at] = index_of[id];
            *at += 1;
        }
        let keys = (0..unnamed as u32).chain([NONE]).collect();
        Self { ids, starts, completions, completion_starts, keys }
    }

    fn whole(history: &History) -> Self {
        let (operations, completed) = (history.records.len(), history.completions.len());
        Self {
            ids: (0..operations as u32).collect(),
            starts: vec![0, operations],
            completions: history.completions.clone(),
            completion_starts: vec![0, completed],
            keys: vec![NONE],
        }
    }

    /// The objects that have operations, those with the most first, so that no thread is left with a large one at the
    /// end; of equals in the order of their names.
    pub(super) fn by_size(&self, job: &Job<'_>) -> Vec<Part<'_>> {
        let ends = self.starts.windows(2).zip(self.completion_starts.windows(2));
        let parts = self.keys.iter().zip(ends).map(|(key, (ends, completion_ends))| Part {
            key: *key,
            ids: &self.ids[ends[0]..ends[1]],
            completions: &self.completions[completion_ends[0]..completion_ends[1]],
        });
        let mut parts: Vec<Part<'_>> = parts.filter(|part| !part.ids.is_empty()).collect();
        parts.sort_by_key(|part| (std::cmp::Reverse(part.ids.len()), part.name(job)));
        parts
    }
}

/// Where the things at each place begin, if they are put in order of their places; and where the last ones end.
fn starts(places: impl Iterator<Item = usize>, count: usize) -> Vec<usize> {
    let mut starts = vec![0; count + 1];
    for place in places {
        starts[place + 1] += 1;
    }
    for place in 1..=count {
        starts[place] += starts[place - 1];
    }
    starts
}

impl Part<'_> {
    /// What the history calls it.
    pub(crate) fn name<'h>(&self, job: &Job<'h>) -> Option<&'h str> {
        (self.key != NONE).then(|| job.history.keys.get(self.key))
    }
}
