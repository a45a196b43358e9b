//! The models by name.

use std::fmt;

use crate::check::ModelKind;

impl ModelKind {
    /// Every model, in the order in which to list them.
    pub const ALL: [Self; 10] = [
        Self::Register,
        Self::CasRegister,
        Self::KeyValue,
        Self::Set,
        Self::AppendList,
        Self::Mutex,
        Self::MultiRegister,
        Self::FifoQueue,
        Self::Stack,
        Self::PriorityQueue,
    ];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::CasRegister => "cas-register",
            Self::KeyValue => "key-value",
            Self::Set => "set",
            Self::AppendList => "append-list",
            Self::Mutex => "mutex",
            Self::MultiRegister => "multi-register",
            Self::FifoQueue => "fifo-queue",
            Self::Stack => "stack",
            Self::PriorityQueue => "priority-queue",
        }
    }

    /// One line for a list of models.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Register => "one value: read, write",
            Self::CasRegister => "one value: read, write, cas [from, to]",
            Self::KeyValue => "text by key: get, put, append, delete; an absent key reads as \"\"",
            Self::Set => "a growing set: add, read all",
            Self::AppendList => "a growing list: append, read all",
            Self::Mutex => "a lock without an owner: acquire, release",
            Self::MultiRegister => "several registers: txn of [read k v] and [write k v]",
            Self::FifoQueue => "a queue: enqueue, dequeue the oldest element",
            Self::Stack => "a stack: push, pop the newest element",
            Self::PriorityQueue => "a priority queue of whole numbers: insert, delete-min",
        }
    }

    /// The functions that operations of this model may have.
    pub fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Register => &["read", "write"],
            Self::CasRegister => &["read", "write", "cas"],
            Self::KeyValue => &["get", "put", "append", "delete"],
            Self::Set => &["add", "read"],
            Self::AppendList => &["append", "read"],
            Self::Mutex => &["acquire", "release"],
            Self::MultiRegister => &["txn"],
            Self::FifoQueue => &["enqueue", "dequeue"],
            Self::Stack => &["push", "pop"],
            Self::PriorityQueue => &["insert", "delete-min"],
        }
    }

    /// The model of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
