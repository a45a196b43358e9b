//! `set`: add elements to sets, read whole sets.
//!
//! Each element is a key of its own under the set's prefix, and a read is one range read: what the store must get right
//! is that a range read sees one moment, and that no acknowledged element ever vanishes.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::ProcessId;

use crate::key_space::KeySpace;
use crate::mix::Mix;
use crate::{Generator, Invocation, Shape, Workload};

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

    fn generator(&self, seed: u64) -> Box<dyn Generator> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let keys = KeySpace::new("s", &mut rng);
        Box::new(SetGenerator { rng, keys, last_element: 0 })
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Add,
    Read,
}

/// With at most 150 operations a key, this keeps sets below about 100 elements.
const MIX: Mix<Kind, 2> = Mix::new([(Kind::Add, 50), (Kind::Read, 50)]);

struct SetGenerator {
    rng: ChaCha8Rng,
    keys: KeySpace,
    last_element: i64,
}

impl Generator for SetGenerator {
    fn next(&mut self, _process: ProcessId) -> Invocation {
        let key = self.keys.pick(&mut self.rng);
        match MIX.pick(&mut self.rng) {
            Kind::Read => Invocation::read(key),
            Kind::Add => {
                self.last_element += 1;
                Invocation { f: "add", key, value: Value::Int(self.last_element) }
            }
        }
    }

    /// Nothing to learn: what is added does not depend on what is there.
    fn observe(&mut self, _invocation: &Invocation, _answer: Option<&Value>) {}

    fn final_reads(&self) -> Vec<Invocation> {
        self.keys.all().map(Invocation::read).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
