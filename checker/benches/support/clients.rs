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
}

/// Calls `each` with every event, in order.
pub(crate) fn generate(load: &Load, mut each: impl FnMut(EventRef<'_>)) {
    let mut random = Random(load.seed);
    let names: Vec<String> = (0..load.keys).map(|key| format!("k{key}")).collect();
    let cells = load.keys.max(1) as usize;
    let mut held: Vec<VecDeque<i64>> = vec![VecDeque::from([0]); cells];
    let mut queue = BinaryHeap::new();
    let mut open: Vec<Option<Operation>> = (0..load.clients).map(|_| None).collect();
    let mut late: Vec<Operation> = Vec::new();
    for client in 0..load.clients {
        queue.push(Reverse((random.below(100_000), Step::Invoke, client)));
    }
    let (mut begun, mut next_value, mut next_process) = (0, 1, load.clients);
    let mut processes: Vec<u64> = (0..load.clients).collect();
    let mut stale_due = load.stale;
    while let Some(Reverse((time, step, client))) = queue.pop() {
        let at = client as usize;
        match step {
            Step::Invoke if begun == load.operations => {}
            Step::Invoke => {
                begun += 1;
                let key = random.below(load.keys.max(1));
                let mut value = || {
                    if load.values > 0 {
                        return random.below(load.values) as i64;
                    }
                    next_value += 1;
                    next_value - 1
                };
                let (one, other) = (value(), if load.values > 0 { value() } else { 0 });
                let dice = random.below(100);
                let what = if dice < load.cas_percent {
                    // With values of their own, clients expect what they could have read just now.
                    let from = if load.values > 0 { other } else { held[key as usize][0] };
                    What::Cas(from, one)
                } else if dice < load.cas_percent + (100 - load.cas_percent) / 2 {
                    What::Write(one)
                } else {
                    What::Read(0)
                };
                let crashes =
                    !matches!(what, What::Read(_)) && random.below(1000) < load.crashed_permille;
                let process = processes[at];
                let operation = Operation { process, client, key, what, refused: false, crashes };
                each(event(&operation, EventKind::Invoke, time, &names, load));
                open[at] = Some(operation);
                let acts = 25_000 + random.below(50_000);
                queue.push(Reverse((time + acts, Step::Act, client)));
                queue.push(Reverse((
                    time + acts + 25_000 + random.below(50_000),
                    Step::Complete,
                    client,
                )));
            }
            Step::Act => {
                let operation = open[at].as_mut().expect("an open operation");
                // Of crashed ones half act in time, a tenth late, the others never.
                let lot = if operation.crashes { random.below(10) } else { 0 };
                if lot < 5 {
                    let stale = stale_due && begun >= load.operations / 100 * 97;
                    stale_due &= !act(&mut held[operation.key as usize], operation, stale);
                }
            }
            Step::Complete => {
                let operation = open[at].take().expect("an open operation");
                let kind = match (operation.crashes, operation.refused) {
                    (true, _) => EventKind::Info,
                    (false, true) => EventKind::Fail,
                    (false, false) => EventKind::Ok,
                };
                each(event(&operation, kind, time, &names, load));
                if operation.crashes {
                    processes[operation.client as usize] = next_process;
                    next_process += 1;
                    if random.below(5) == 0 {
                        late.push(operation);
                    }
                }
                queue.push(Reverse((time + 1 + random.below(10_000), Step::Invoke, client)));
            }
        }
        if !late.is_empty() && random.below(1000) == 0 {
            late.pop();
        }
    }
}

/// Takes effect. True if it answered what it must not.
fn act(held: &mut VecDeque<i64>, operation: &mut Operation, stale: bool) -> bool {
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
