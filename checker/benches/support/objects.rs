//! Clients in a closed loop on a queue, a stack, a priority queue, a set by element, a counter, a lock with an owner or a
//! key with revisions, each operation acting at one moment between its invocation and its completion.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::{Builder, EventKind, EventRef, History, ProcessId};

use crate::clients::Random;

/// By so much the one wrong answer is off: elements out of turn, states behind, operations since the last change.
const OFF: usize = 200;

/// Elements of a set.
const ELEMENTS: u64 = 1_000;

/// What to generate.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    pub(crate) model: ModelKind,
    pub(crate) operations: u64,
    pub(crate) clients: u64,
    /// Of 1,000 operations, how many get no answer.
    pub(crate) crashed_permille: u64,
    /// 0: every put of a key with revisions writes a value of its own; else there are so many, compare-and-sets go by them,
    /// and the key is deleted now and then, so that it is open what operations without an answer did.
    pub(crate) values: u64,
    /// One answer, at 97 % of the history, is wrong by so much that no order explains it.
    pub(crate) wrong: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Invoke,
    Act,
    Complete,
}

struct Operation {
    process: u64,
    f: &'static str,
    input: Value,
    answer: Value,
    crashes: bool,
}

/// What the clients use.
enum Store {
    Queue(VecDeque<i64>),
    Stack(Vec<i64>),
    Priority(BTreeSet<i64>),
    /// By element: whether it is there, and how many operations had acted when that changed.
    Elements(Vec<(bool, u64)>, u64),
    Counter(i64),
    /// Who holds it.
    Lock(Option<u64>),
    /// The value and its revision, the states before, and where the store stands.
    Versioned(VecDeque<(i64, i64)>, i64),
}

impl Store {
    fn new(model: ModelKind) -> Self {
        match model {
            ModelKind::FifoQueue => Self::Queue(VecDeque::new()),
            ModelKind::Stack => Self::Stack(Vec::new()),
            ModelKind::PriorityQueue => Self::Priority(BTreeSet::new()),
            ModelKind::ElementSet => Self::Elements(vec![(false, 0); ELEMENTS as usize], 0),
            ModelKind::Counter => Self::Counter(0),
            ModelKind::OwnedMutex => Self::Lock(None),
            ModelKind::VersionedRegister => Self::Versioned(VecDeque::from([(0, 0)]), 1),
            other => panic!("no clients of a {other}"),
        }
    }

    fn held(&self) -> Option<usize> {
        match self {
            Self::Queue(held) => Some(held.len()),
            Self::Stack(held) => Some(held.len()),
            Self::Priority(held) => Some(held.len()),
            _ => None,
        }
    }

    /// Whether it must be asked again later.
    fn is_busy(&self, operation: &Operation) -> bool {
        matches!(self, Self::Lock(Some(_))) && operation.f == "acquire"
    }

    /// Acts; true if it answered what it must not, because it was told to lie and could.
    fn act(&mut self, operation: &mut Operation, lies: bool) -> bool {
        let number = operation.input.as_int().unwrap_or(0);
        match self {
            Self::Queue(_) | Self::Stack(_) | Self::Priority(_) => {
                if operation.input.is_nil() {
                    let deep = lies && self.held() > Some(2 * OFF);
                    let taken = self.take(if deep { OFF } else { 0 });
                    operation.answer = taken.map_or(Value::Nil, Value::Int);
                    return deep;
                }
                self.put(number);
            }
            Self::Elements(elements, acted) => {
                *acted += 1;
                let (inside, changed) = &mut elements[number as usize];
                operation.answer = Value::Bool((operation.f == "add") != *inside);
                if operation.f == "contains" {
                    let lies = lies && *changed + (OFF as u64) < *acted;
                    operation.answer = Value::Bool(*inside != lies);
                    return lies;
                }
                if *inside != (operation.f == "add") {
                    (*inside, *changed) = (!*inside, *acted);
                }
            }
            Self::Counter(value) => {
                if operation.f != "read" {
                    *value += 1;
                }
                let off = if lies && operation.f == "read" { OFF.cast_signed() as i64 } else { 0 };
                let told = *value - off;
                operation.answer = Value::Int(told);
                return told != *value;
            }
            Self::Lock(holder) => {
                let acquires = operation.f == "acquire";
                *holder = acquires.then_some(operation.process);
            }
            Self::Versioned(states, store) => return versioned(states, store, operation, lies),
        }
        false
    }

    fn put(&mut self, element: i64) {
        match self {
            Self::Queue(held) => held.push_back(element),
            Self::Stack(held) => held.push(element),
            Self::Priority(held) => drop(held.insert(element)),
            _ => {}
        }
    }

    /// Takes what is so many places behind the one whose turn it is.
    fn take(&mut self, behind: usize) -> Option<i64> {
        match self {
            Self::Queue(held) => held.remove(behind),
            Self::Stack(held) => {
                let at = held.len().checked_sub(1 + behind)?;
                Some(held.remove(at))
            }
            Self::Priority(held) => {
                let element = *held.iter().nth(behind)?;
                held.take(&element)
            }
            _ => None,
        }
    }
}

fn versioned(
    states: &mut VecDeque<(i64, i64)>,
    store: &mut i64,
    operation: &mut Operation,
    lies: bool,
) -> bool {
    let (value, modified) = states[0];
    if operation.f == "get" {
        // That nothing was there may be true too often.
        let lies = lies && states.get(OFF).is_some_and(|(_, modified)| *modified != 0);
        let (value, modified) = if lies { states[OFF] } else { (value, modified) };
        let value = if modified == 0 { Value::Nil } else { Value::Int(value) };
        operation.answer = Value::List(vec![value, Value::Int(modified)]);
        return lies;
    }
    if operation.f == "delete" {
        let revision = if modified == 0 { 0 } else { *store + 1 };
        operation.answer = Value::List(vec![Value::Nil, Value::Int(revision)]);
        if modified != 0 {
            *store += 1;
            states.push_front((0, 0));
        }
        return false;
    }
    let found = if operation.f == "cas" { value } else { modified };
    let to = match &operation.input {
        Value::List(pair) if modified == 0 => pair[1].as_int().filter(|_| pair[0].is_nil()),
        Value::List(pair) => pair[1].as_int().filter(|_| pair[0] == Value::Int(found)),
        written => written.as_int(),
    };
    // Other keys change too.
    *store += 1 + i64::from(modified % 3 == 0);
    if let Some(to) = to {
        states.push_front((to, *store));
        states.truncate(2 * OFF);
        operation.answer = Value::List(vec![Value::Int(to), Value::Int(*store)]);
    }
    false
}

struct Play<'a> {
    load: &'a Use,
    random: Random,
    builder: Builder,
    store: Store,
    queue: BinaryHeap<Reverse<(u64, Step, usize)>>,
    /// By client.
    open: Vec<Option<Operation>>,
    processes: Vec<u64>,
    holds: Vec<bool>,
    begun: u64,
    next_process: u64,
    wrong_due: bool,
}

/// The whole history.
pub(crate) fn history(load: &Use) -> History {
    let mut play = Play {
        load,
        random: Random(1),
        builder: Builder::with_capacity(load.operations as usize),
        store: Store::new(load.model),
        queue: BinaryHeap::new(),
        open: (0..load.clients).map(|_| None).collect(),
        processes: (0..load.clients).collect(),
        holds: vec![false; load.clients as usize],
        begun: 0,
        next_process: load.clients,
        wrong_due: load.wrong,
    };
    for client in 0..load.clients as usize {
        play.queue.push(Reverse((play.random.below(100_000), Step::Invoke, client)));
    }
    while let Some(Reverse((time, step, client))) = play.queue.pop() {
        match step {
            // Who has the lock gives it back, as others may wait for it.
            Step::Invoke if play.begun >= load.operations && !play.holds[client] => {}
            Step::Invoke => play.invoke(time, client),
            Step::Act => play.act(time, client),
            Step::Complete => play.complete(time, client),
        }
    }
    assert!(!play.wrong_due, "no wrong answer could be given");
    play.builder.finish()
}

impl Play<'_> {
    fn invoke(&mut self, time: u64, client: usize) {
        self.begun += 1;
        let (f, input) = self.what(client);
        let crashes = self.random.below(1000) < self.load.crashed_permille;
        let process = self.processes[client];
        let operation = Operation { process, f, input, answer: Value::Nil, crashes };
        self.tell(&operation, EventKind::Invoke, operation.input.clone(), time);
        self.open[client] = Some(operation);
        let acts = time + 25_000 + self.random.below(50_000);
        self.queue.push(Reverse((acts, Step::Act, client)));
    }

    fn what(&mut self, client: usize) -> (&'static str, Value) {
        let (number, dice) = (self.begun.cast_signed(), self.random.below(100));
        // Where takes crash too, boxes are never found empty: with both, too much would be open.
        let scarce = self.load.crashed_permille > 0 && self.store.held() < Some(OFF);
        let puts = dice < 51 || scarce;
        match self.load.model {
            ModelKind::FifoQueue if puts => ("enqueue", Value::Int(number)),
            ModelKind::FifoQueue => ("dequeue", Value::Nil),
            ModelKind::Stack if puts => ("push", Value::Int(number)),
            ModelKind::Stack => ("pop", Value::Nil),
            ModelKind::PriorityQueue if puts => {
                let priority = self.random.below(1 << 30).cast_signed();
                ("insert", Value::Int(priority << 30 | number))
            }
            ModelKind::PriorityQueue => ("delete-min", Value::Nil),
            ModelKind::ElementSet => {
                let f = ["add", "remove", "contains"][dice as usize % 3];
                (f, Value::Int(self.random.below(ELEMENTS).cast_signed()))
            }
            ModelKind::Counter if dice < 30 => ("read", Value::Nil),
            ModelKind::Counter if dice < 60 => ("add-and-get", Value::Int(1)),
            ModelKind::Counter => ("add", Value::Int(1)),
            ModelKind::OwnedMutex => {
                let held = self.holds[client];
                self.holds[client] = !held;
                (if held { "release" } else { "acquire" }, Value::Nil)
            }
            _ if dice < 50 => ("get", Value::Nil),
            _ if self.load.values > 0 => self.doubtful(dice),
            _ if dice < 85 => ("put", Value::Int(number)),
            _ => {
                let Store::Versioned(states, _) = &self.store else { unreachable!("revisions") };
                ("cas-revision", Value::List(vec![Value::Int(states[0].1), Value::Int(number)]))
            }
        }
    }

    /// A change of which little is known if it gets no answer.
    fn doubtful(&mut self, dice: u64) -> (&'static str, Value) {
        let mut value = || Value::Int(self.random.below(self.load.values).cast_signed());
        match dice {
            ..75 => ("put", value()),
            75..95 => ("cas", Value::List(vec![value(), value()])),
            _ => ("delete", Value::Nil),
        }
    }

    fn act(&mut self, time: u64, client: usize) {
        let Some(mut operation) = self.open[client].take() else { return };
        let is_late = self.begun >= self.load.operations / 100 * 97;
        let lies = self.wrong_due && is_late && !operation.crashes;
        if self.store.is_busy(&operation) && !lies {
            self.open[client] = Some(operation);
            let again = time + 5_000 + self.random.below(5_000);
            return self.queue.push(Reverse((again, Step::Act, client)));
        }
        // A lock that is given away while another has it, and keeps it.
        let steals = self.store.is_busy(&operation);
        if steals || !operation.crashes || self.random.below(2) == 0 {
            self.wrong_due &= !steals && !self.store.act(&mut operation, lies);
        }
        self.open[client] = Some(operation);
        let completes = time + 25_000 + self.random.below(50_000);
        self.queue.push(Reverse((completes, Step::Complete, client)));
    }

    fn complete(&mut self, time: u64, client: usize) {
        let Some(operation) = self.open[client].take() else { return };
        let refused = matches!(operation.f, "cas" | "cas-revision") && operation.answer.is_nil();
        let kind = match (operation.crashes, refused) {
            (true, _) => EventKind::Info,
            (false, true) => EventKind::Fail,
            (false, false) => EventKind::Ok,
        };
        let echo = matches!(operation.f, "enqueue" | "push" | "insert" | "add" if !matches!(operation.answer, Value::Bool(_)));
        let answers = kind == EventKind::Ok && !echo;
        let value = if answers { operation.answer.clone() } else { operation.input.clone() };
        self.tell(&operation, kind, value, time);
        if operation.crashes {
            self.processes[client] = self.next_process;
            self.next_process += 1;
        }
        self.queue.push(Reverse((time + 1 + self.random.below(10_000), Step::Invoke, client)));
    }

    fn tell(&mut self, operation: &Operation, kind: EventKind, value: Value, time: u64) {
        let (process, f) = (ProcessId(operation.process), operation.f);
        let event = EventRef {
            time: Some(time),
            process,
            kind,
            f,
            key: None,
            value,
            node: None,
            error: None,
        };
        self.builder.push(event).expect("a history");
    }
}
