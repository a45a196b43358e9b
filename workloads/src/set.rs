//! `set`: add elements to sets, read whole sets.
//!
//! Each element is a key of its own under the set's prefix, and a read is one range read: what the store must get right
//! is that a range read sees one moment, and that no acknowledged element ever vanishes.

use rashomon_checker::check::ModelKind;

use crate::mix::Mix;
use crate::stream::{self, Stream};
use crate::{Board, Generator, Invocation, Place, Shape, Workload};

/// The workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Set;

impl Workload for Set {
    fn name(&self) -> &'static str {
        "set"
    }

    fn summary(&self) -> &'static str {
        "add unique elements to sets, read whole sets by range"
    }

    fn detects(&self) -> &'static str {
        "Lost elements, elements that come and go, stale range reads, and range reads that mix two moments."
    }

    fn cannot_detect(&self) -> &'static str {
        "The order of writes to one key, overwrites, and additions that are applied twice: a set forgives all of them."
    }

    fn model(&self) -> ModelKind {
        ModelKind::Set
    }

    fn shape(&self) -> Shape {
        Shape::Set
    }

    fn generator(&self, place: Place) -> Box<dyn Generator> {
        Box::new(SetGenerator { stream: Stream::new(place, "s", &MIX) })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Add,
    Read,
}

impl stream::Kind for Kind {
    const READ: Self = Self::Read;
    const WRITE: Self = Self::Add;
}

/// With at most 150 operations a key, this keeps sets below about 100 elements.
static MIX: Mix<Kind, 2> = Mix::new([(Kind::Add, 50), (Kind::Read, 50)]);

struct SetGenerator {
    stream: Stream<Kind, 2>,
}

impl Generator for SetGenerator {
    fn next(&mut self, board: &mut Board) -> Invocation {
        let step = self.stream.step(board);
        match step.kind {
            Kind::Add => Invocation { f: "add", key: step.key, value: step.value },
            Kind::Read => Invocation::read(step.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rashomon_checker::Value;

    use super::*;
    use crate::tests::{drive, share};

    #[test]
    fn elements_are_unique() {
        let done = drive(&Set, 1, 5_000, |_| None);
        let adds = done.iter().filter(|(invocation, _)| invocation.f == "add");
        let elements: BTreeSet<&Value> =
            adds.clone().map(|(invocation, _)| &invocation.value).collect();
        assert_eq!(elements.len(), adds.count());
    }

    #[test]
    fn keeps_its_mix() {
        let done = drive(&Set, 2, 10_000, |_| None);
        assert!((0.48..0.52).contains(&share(&done, "add")), "{}", share(&done, "add"));
    }
}
