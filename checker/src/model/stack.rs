//! A stack: `push v`, and `pop` that answers the newest element, or nil if there is none.

use crate::Value;
use crate::model::container::{Container, Order};
use crate::model::intern::Interner;

/// One stack, empty at first.
pub(crate) type Stack = Container<NewestFirst>;

/// What came last goes first.
pub(crate) struct NewestFirst;

impl Order for NewestFirst {
    const PUT: &'static str = "push";
    const TAKE: &'static str = "pop";

    fn place(held: &[u32], _element: u32, _values: &Interner<Value>) -> usize {
        held.len()
    }
}
