//! `append`: append to lists, read whole lists.
//!
//! A read shows the order of all earlier appends, so one read judges many writes: an element that is missing, doubled,
//! or in another place than an earlier read had it, is a violation. The client carries an append out as a read of the
//! list followed by a transaction that replaces it if it has not changed, so this also exercises transactions.

use rashomon_checker::check::ModelKind;

use crate::mix::Mix;
use crate::stream::{self, Stream};
use crate::{Board, Generator, Invocation, Place, Shape, Workload};

/// The workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Append;

impl Workload for Append {
    fn name(&self) -> &'static str {
        "append"
    }

    fn summary(&self) -> &'static str {
        "append unique elements to lists by transaction, read the lists"
    }

    fn detects(&self) -> &'static str {
        "Lost, doubled and reordered appends, stale reads, and transactions that commit although their guard no longer \
         holds; each read judges every append before it."
    }

    fn cannot_detect(&self) -> &'static str {
        "Faults of blind writes (every append is guarded by a transaction, which hides some lost updates by failing), \
         and anything that shows only across several lists."
    }

    fn model(&self) -> ModelKind {
        ModelKind::AppendList
    }

    fn shape(&self) -> Shape {
        Shape::List
    }

    fn generator(&self, place: Place) -> Box<dyn Generator> {
        Box::new(AppendGenerator { stream: Stream::new(place, "l", &MIX) })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Append,
    Read,
}

impl stream::Kind for Kind {
    const READ: Self = Self::Read;
    const WRITE: Self = Self::Append;
}

/// With at most 150 operations a key, this keeps lists at about 60 elements.
static MIX: Mix<Kind, 2> = Mix::new([(Kind::Append, 40), (Kind::Read, 60)]);

struct AppendGenerator {
    stream: Stream<Kind, 2>,
}

impl Generator for AppendGenerator {
    fn next(&mut self, board: &mut Board) -> Invocation {
        let step = self.stream.step(board);
        match step.kind {
            Kind::Append => Invocation { f: "append", key: step.key, value: step.value },
            Kind::Read => Invocation::read(step.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::tests::{drive, share};

    #[test]
    fn elements_are_unique_and_lists_stay_short() {
        let done = drive(&Append, 1, 10_000, |_| None);
        let mut lists: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for (invocation, _) in done.iter().filter(|(invocation, _)| invocation.f == "append") {
            lists.entry(&invocation.key).or_default().push(invocation.value.as_int().unwrap());
        }
        let mut elements: Vec<i64> = lists.values().flatten().copied().collect();
        let count = elements.len();
        elements.sort_unstable();
        elements.dedup();
        assert_eq!(elements.len(), count);
        let longest = lists.values().map(Vec::len).max().unwrap();
        assert!((30..100).contains(&longest), "longest list: {longest}");
    }

    #[test]
    fn keeps_its_mix() {
        let done = drive(&Append, 2, 10_000, |_| None);
        assert!((0.38..0.42).contains(&share(&done, "append")), "{}", share(&done, "append"));
        assert!((0.58..0.62).contains(&share(&done, "read")), "{}", share(&done, "read"));
    }
}
