//! Clients in a closed loop on a list, a set or a text that grows, each answering at one moment within each operation.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::{Builder, EventKind, EventRef, History, ProcessId};

use crate::clients::Random;

/// By so many states the wrong answer is behind.
const BEHIND: usize = 400;

/// What to generate.
#[derive(Debug, Clone)]
pub(crate) struct Growth {
    pub(crate) model: ModelKind,
    pub(crate) operations: u64,
    pub(crate) clients: u64,
    /// How many operations are reads, about.
    pub(crate) reads: u64,
    /// Of 1,000 updates of a text, how many replace it.
    pub(crate) puts_permille: u64,
    /// Of 1,000 updates, how many get no answer.
    pub(crate) crashed_permille: u64,
    /// One read, at 97 % of the history, answers what was there before updates that had completed.
    pub(crate) stale: bool,
}

/// What was there: a part of all that was ever written.
type State = (usize, usize);

struct Store {
    elements: Vec<Value>,
    text: String,
    states: Vec<State>,
}

impl Store {
    fn write(&mut self, operation: &Operation) {
        let start =
            if operation.puts { self.text.len() } else { self.states[self.states.len() - 1].0 };
        let end = if let Value::Text(text) = &operation.value {
            self.text.push_str(text);
            self.text.len()
        } else {
            self.elements.push(operation.value.clone());
            self.elements.len()
        };
        self.states.push((start, end));
    }

    fn answer(&self, (start, end): State, model: ModelKind) -> Value {
        if model == ModelKind::KeyValue {
            return Value::from(&self.text[start..end]);
        }
        Value::List(self.elements[start..end].to_vec())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Invoke,
    Act,
    Complete,
}

struct Operation {
    process: u64,
    reads: bool,
    puts: bool,
    crashes: bool,
    value: Value,
    saw: State,
}

/// The whole history.
pub(crate) fn history(growth: &Growth) -> History {
    let mut random = Random(1);
    let mut builder = Builder::with_capacity(growth.operations as usize);
    let mut store = Store { elements: Vec::new(), text: String::new(), states: vec![(0, 0)] };
    let mut open: Vec<Option<Operation>> = (0..growth.clients).map(|_| None).collect();
    let mut processes: Vec<u64> = (0..growth.clients).collect();
    let (mut begun, mut next_process, mut stale_due) = (0, growth.clients, growth.stale);
    let mut queue = BinaryHeap::new();
    for client in 0..growth.clients as usize {
        queue.push(Reverse((random.below(100_000), Step::Invoke, client)));
    }
    while let Some(Reverse((time, step, client))) = queue.pop() {
        match step {
            Step::Invoke if begun == growth.operations => {}
            Step::Invoke => {
                begun += 1;
                let operation = invoke(growth, &mut random, begun, processes[client]);
                tell(
                    &mut builder,
                    growth,
                    &operation,
                    EventKind::Invoke,
                    operation.value.clone(),
                    time,
                );
                open[client] = Some(operation);
                let acts = time + 25_000 + random.below(50_000);
                queue.push(Reverse((acts, Step::Act, client)));
                queue.push(Reverse((acts + 25_000 + random.below(50_000), Step::Complete, client)));
            }
            Step::Act => {
                let operation = open[client].as_mut().expect("an open operation");
                if !operation.reads {
                    if !operation.crashes || random.below(2) == 0 {
                        store.write(operation);
                    }
                    continue;
                }
                let lies = stale_due && begun > growth.operations / 100 * 97;
                stale_due &= !lies;
                let behind = if lies { BEHIND } else { 0 };
                operation.saw = store.states[(store.states.len() - 1).saturating_sub(behind)];
            }
            Step::Complete => {
                let operation = open[client].take().expect("an open operation");
                let kind = if operation.crashes { EventKind::Info } else { EventKind::Ok };
                let value = if operation.reads {
                    store.answer(operation.saw, growth.model)
                } else {
                    operation.value.clone()
                };
                tell(&mut builder, growth, &operation, kind, value, time);
                if operation.crashes {
                    processes[client] = next_process;
                    next_process += 1;
                }
                queue.push(Reverse((time + 1 + random.below(10_000), Step::Invoke, client)));
            }
        }
    }
    builder.finish()
}

fn invoke(growth: &Growth, random: &mut Random, number: u64, process: u64) -> Operation {
    let reads = random.below(growth.operations) < growth.reads;
    let value = match growth.model {
        _ if reads => Value::Nil,
        ModelKind::KeyValue => Value::from(format!("x {process} {number} y").as_str()),
        _ => Value::Int(number.cast_signed()),
    };
    let puts = random.below(1000) < growth.puts_permille && !reads;
    let crashes = random.below(1000) < growth.crashed_permille && !reads;
    Operation { process, reads, puts, crashes, value, saw: (0, 0) }
}

fn tell(
    builder: &mut Builder,
    growth: &Growth,
    operation: &Operation,
    kind: EventKind,
    value: Value,
    time: u64,
) {
    let f = match (growth.model, operation.reads) {
        (ModelKind::KeyValue, true) => "get",
        (_, true) => "read",
        (ModelKind::Set, false) => "add",
        (_, false) if operation.puts => "put",
        (_, false) => "append",
    };
    let process = ProcessId(operation.process);
    let event =
        EventRef { time: Some(time), process, kind, f, key: None, value, node: None, error: None };
    builder.push(event).expect("a history");
}
