//! The models by name.

use std::fmt;

use crate::check::ModelKind;

impl ModelKind {
    /// Every model, in the order in which to list them.
    pub const ALL: [Self; 15] = [
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
        Self::ElementSet,
        Self::OwnedMutex,
        Self::FencedMutex,
        Self::Counter,
        Self::VersionedRegister,
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
            Self::ElementSet => "element-set",
            Self::OwnedMutex => "owned-mutex",
            Self::FencedMutex => "fenced-mutex",
            Self::Counter => "counter",
            Self::VersionedRegister => "versioned-register",
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
            Self::ElementSet => "a set by element: add, remove, contains, answering true or false",
            Self::OwnedMutex => "a lock that only its holder releases: acquire, release",
            Self::FencedMutex => "a lock whose acquire answers a growing fencing token; release",
            Self::Counter => "a number: add, increment, add-and-get, read",
            Self::VersionedRegister => {
                "a key with revisions (etcd): get, put, cas, cas-revision, delete"
            }
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
            Self::Mutex | Self::OwnedMutex | Self::FencedMutex => &["acquire", "release"],
            Self::MultiRegister => &["txn"],
            Self::FifoQueue => &["enqueue", "dequeue"],
            Self::Stack => &["push", "pop"],
            Self::PriorityQueue => &["insert", "delete-min"],
            Self::ElementSet => &["add", "remove", "contains"],
            Self::Counter => &["read", "add", "increment", "add-and-get"],
            Self::VersionedRegister => &["get", "put", "cas", "cas-revision", "delete"],
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
