//! A set that is asked element by element: each element is an object by itself.
//!
//! Every operation is about one element, and the elements do not know of each other, so the whole has an order if each of
//! them has one (Herlihy and Wing, 1990: linearizability is local).

use rustc_hash::FxHashMap;

use super::generic::Generic;
use super::watch::{Call, End, Halt, Watch};
use crate::Value;
use crate::frontier::online::Limits;
use crate::model::element_set::ElementSet;

/// Watches a set by element.
pub(super) struct Elements<'a> {
    limits: Limits<'a>,
    watches: FxHashMap<Value, Generic<'a, ElementSet>>,
    remembered: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn new(limits: Limits<'a>) -> Self {
        Self { limits, watches: FxHashMap::default(), remembered: 0 }
    }

    fn with<T>(
        &mut self,
        element: &Value,
        tell: impl FnOnce(&mut Generic<'a, ElementSet>) -> T,
    ) -> T {
        let watch = self.watches.entry(element.clone());
        let watch = watch.or_insert_with(|| Generic::new(ElementSet::new(), self.limits));
        let before = watch.remembered();
        let told = tell(watch);
        self.remembered = self.remembered + watch.remembered() - before;
        told
    }
}

impl Watch for Elements<'_> {
    fn invoke(&mut self, call: &Call) -> Result<u32, Halt> {
        self.with(&call.input, |watch| watch.invoke(call))
    }

    fn end(&mut self, call: &Call, end: &End, oldest: u32) -> Result<(), Halt> {
        self.with(&call.input, |watch| watch.end(call, end, oldest))
    }

    fn remembered(&self) -> usize {
        self.remembered
    }
}
