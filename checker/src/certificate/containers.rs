//! Queues, stacks and priority queues while an order is replayed.

use std::collections::{BTreeMap, VecDeque};

use crate::Value;

pub(super) enum Container {
    Queue(VecDeque<Value>),
    Stack(Vec<Value>),
    /// How often each is there.
    Heap(BTreeMap<Value, usize>),
}

impl Container {
    /// Puts an element in, or takes one out and returns it.
    pub(super) fn step(&mut self, f: &str, element: Value) -> Option<Value> {
        if matches!(f, "enqueue" | "push" | "insert") {
            self.put(element);
            return None;
        }
        Some(self.take())
    }

    fn put(&mut self, element: Value) {
        match self {
            Self::Queue(held) => held.push_back(element),
            Self::Stack(held) => held.push(element),
            Self::Heap(held) => *held.entry(element).or_default() += 1,
        }
    }

    /// Takes the oldest element, the newest or the least; nil if there is none.
    fn take(&mut self) -> Value {
        match self {
            Self::Queue(held) => held.pop_front().unwrap_or_default(),
            Self::Stack(held) => held.pop().unwrap_or_default(),
            Self::Heap(held) => {
                let Some(mut least) = held.first_entry() else { return Value::Nil };
                *least.get_mut() -= 1;
                if *least.get() > 0 { least.key().clone() } else { least.remove_entry().0 }
            }
        }
    }
}
