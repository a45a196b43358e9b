//! A first-in, first-out queue: `enqueue v`, and `dequeue` that answers the oldest element, or nil if there is none.

use crate::Value;
use crate::model::container::{Container, Order};
use crate::model::intern::Interner;

/// One queue, empty at first.
pub(crate) type FifoQueue = Container<OldestFirst>;

/// What came first goes first.
pub(crate) struct OldestFirst;

impl Order for OldestFirst {
    const PUT: &'static str = "enqueue";
    const TAKE: &'static str = "dequeue";

    fn place(_held: &[u32], _element: u32, _values: &Interner<Value>) -> usize {
        0
    }
}
