//! Clients in a closed loop, on a store that answers at one moment within each operation.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rashomon_checker::Value;
use rashomon_checker::history::{Builder, EventKind, EventRef, History, ProcessId};

/// Values that are remembered for the stale read: by then the oldest was overwritten long ago.
const HELD_MAX: usize = 160;

/// What to generate.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) seed: u64,
    pub(crate) operations: u64,
    pub(crate) clients: u64,
    /// 0: the history names no keys.
    pub(crate) keys: u64,
    /// 0: every write writes a value of its own; else values are below this.
    pub(crate) values: u64,
    /// Of 1,000 updates, how many get no answer.
    pub(crate) crashed_permille: u64,
    /// Of 100 operations, how many are compare-and-sets.
    pub(crate) cas_percent: u64,
    /// One read, at 97 % of the history, answers a value that was overwritten before it began.
    pub(crate) stale: bool,
}

/// `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// What happens next: at a time, to a client's operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Invoke,
    Act,
    Complete,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Read(i64),
    Write(i64),
    Cas(i64, i64),
}

struct Operation {
    process: u64,
    client: u64,
    key: u64,
    what: What,
    refused: bool,
    crashes: bool,
    acted: bool,
}

/// Calls `each` with every event, in order.
pub(crate) fn generate(load: &Load, each: impl FnMut(EventRef<'_>)) {
    let mut play = Play::new(load, each);
    while let Some(Reverse((time, step, client))) = play.queue.pop() {
        match step {
            Step::Invoke if play.begun == load.operations => {}
            Step::Invoke => play.invoke(time, client),
            Step::Act => play.act(client),
            Step::Complete => play.complete(time, client),
        }
        if !play.late.is_empty() && play.random.below(1000) == 0 {
            play.act_late();
        }
    }
}

struct Play<'a, F> {
    load: &'a Load,
    each: F,
    random: Random,
    names: Vec<String>,
    /// By key: the value, and those before it.
    held: Vec<VecDeque<i64>>,
    queue: BinaryHeap<Reverse<(u64, Step, u64)>>,
    /// By client.
    open: Vec<Option<Operation>>,
    processes: Vec<u64>,
    /// Operations that nobody waits for, and that may act yet.
    late: Vec<Operation>,
    begun: u64,
    next_value: i64,
    next_process: u64,
    stale_due: bool,
}

impl<'a, F: FnMut(EventRef<'_>)> Play<'a, F> {
    fn new(load: &'a Load, each: F) -> Self {
        let mut random = Random(load.seed);
        let mut queue = BinaryHeap::new();
        for client in 0..load.clients {
            queue.push(Reverse((random.below(100_000), Step::Invoke, client)));
        }
        Self {
            load,
            each,
            random,
            names: (0..load.keys).map(|key| format!("k{key}")).collect(),
            held: vec![VecDeque::from([0]); load.keys.max(1) as usize],
            queue,
            open: (0..load.clients).map(|_| None).collect(),
            processes: (0..load.clients).collect(),
            late: Vec::new(),
            begun: 0,
            next_value: 1,
            next_process: load.clients,
            stale_due: load.stale,
        }
    }

    fn value(&mut self) -> i64 {
        if self.load.values > 0 {
            return self.random.below(self.load.values).cast_signed();
        }
        self.next_value += 1;
        self.next_value - 1
    }

    fn what(&mut self, key: u64) -> What {
        let one = self.value();
        // With values of their own, clients expect what they could have read just now.
        let expected = if self.load.values > 0 { self.value() } else { self.held[key as usize][0] };
        let dice = self.random.below(100);
        if dice < self.load.cas_percent {
            What::Cas(expected, one)
        } else if dice < self.load.cas_percent + (100 - self.load.cas_percent) / 2 {
            What::Write(one)
        } else {
            What::Read(0)
        }
    }

    fn invoke(&mut self, time: u64, client: u64) {
        self.begun += 1;
        let key = self.random.below(self.load.keys.max(1));
        let what = self.what(key);
        let update = !matches!(what, What::Read(_));
        let crashes = update && self.random.below(1000) < self.load.crashed_permille;
        let process = self.processes[client as usize];
        let operation =
            Operation { process, client, key, what, refused: false, crashes, acted: false };
        (self.each)(event(&operation, EventKind::Invoke, time, &self.names, self.load));
        self.open[client as usize] = Some(operation);
        let acts = time + 25_000 + self.random.below(50_000);
        let completes = acts + 25_000 + self.random.below(50_000);
        self.queue.push(Reverse((acts, Step::Act, client)));
        self.queue.push(Reverse((completes, Step::Complete, client)));
    }

    fn act(&mut self, client: u64) {
        let operation = self.open[client as usize].as_mut().expect("an open operation");
        // Of crashed ones half act in time, some late, the others never.
        if operation.crashes && self.random.below(10) >= 5 {
            return;
        }
        let stale = self.stale_due && self.begun >= self.load.operations / 100 * 97;
        self.stale_due &= !act(&mut self.held[operation.key as usize], operation, stale);
    }

    fn act_late(&mut self) {
        if let Some(mut operation) = self.late.pop() {
            act(&mut self.held[operation.key as usize], &mut operation, false);
        }
    }

    fn complete(&mut self, time: u64, client: u64) {
        let operation = self.open[client as usize].take().expect("an open operation");
        let kind = match (operation.crashes, operation.refused) {
            (true, _) => EventKind::Info,
            (false, true) => EventKind::Fail,
            (false, false) => EventKind::Ok,
        };
        (self.each)(event(&operation, kind, time, &self.names, self.load));
        if operation.crashes {
            self.processes[operation.client as usize] = self.next_process;
            self.next_process += 1;
            if !operation.acted && self.random.below(5) == 0 {
                self.late.push(operation);
            }
        }
        self.queue.push(Reverse((time + 1 + self.random.below(10_000), Step::Invoke, client)));
    }
}

/// Takes effect. True if it answered what it must not.
fn act(held: &mut VecDeque<i64>, operation: &mut Operation, stale: bool) -> bool {
    operation.acted = true;
    match &mut operation.what {
        What::Read(answer) => {
            let old = held[held.len() - 1];
            let oldest = held.len() == HELD_MAX;
            let lies = stale && oldest && held.iter().filter(|value| **value == old).count() == 1;
            *answer = if lies { old } else { held[0] };
            return lies;
        }
        What::Cas(from, _) if *from != held[0] => operation.refused = true,
        What::Write(value) | What::Cas(_, value) => {
            held.push_front(*value);
            held.truncate(HELD_MAX);
        }
    }
    false
}

fn event<'a>(
    operation: &Operation,
    kind: EventKind,
    time: u64,
    names: &'a [String],
    load: &Load,
) -> EventRef<'a> {
    let (f, value) = match operation.what {
        What::Read(_) if kind == EventKind::Invoke => ("read", Value::Nil),
        What::Read(answer) => ("read", Value::Int(answer)),
        What::Write(value) => ("write", Value::Int(value)),
        What::Cas(from, to) => ("cas", Value::List(vec![Value::Int(from), Value::Int(to)])),
    };
    EventRef {
        time: Some(time),
        process: ProcessId(operation.process),
        kind,
        f,
        key: (load.keys > 0).then(|| names[operation.key as usize].as_str()),
        value,
        node: None,
        error: None,
    }
}

/// The whole history.
pub(crate) fn history(load: &Load) -> History {
    let mut builder = Builder::with_capacity(load.operations as usize);
    generate(load, |event| builder.push(event).expect("a history"));
    builder.finish()
}
