//! A priority queue: `insert v`, and `delete-min` that answers the least element, or nil if there is none.
//!
//! Elements are whole numbers, and their own priorities: so equal priorities are equal elements, and which of them is
//! taken makes no difference.

use crate::Value;
use crate::model::container::{Container, Order};
use crate::model::intern::Interner;

/// One priority queue, empty at first.
pub(crate) type PriorityQueue = Container<LeastFirst>;

/// What is least goes first.
pub(crate) struct LeastFirst;

impl Order for LeastFirst {
    const PUT: &'static str = "insert";
    const TAKE: &'static str = "delete-min";

    fn check(element: &Value) -> Result<(), &'static str> {
        element.as_int().map(|_| ()).ok_or("a whole number")
    }

    fn place(held: &[u32], element: u32, values: &Interner<Value>) -> usize {
        let value = values.get(element);
        held.partition_point(|other| values.get(*other) > value)
    }
}
