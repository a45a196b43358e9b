//! Small random histories: a store is simulated, so that they are legal.

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::{Event, EventKind, ProcessId};

#[path = "random.rs"]
pub(crate) mod random;

pub(crate) use random::Random;

pub(crate) fn int(number: u64) -> Value {
    Value::Int(number.cast_signed())
}

/// What kind of history to make.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) model: ModelKind,
    pub(crate) initial: Value,
    pub(crate) operations: usize,
    pub(crate) processes: u64,
    pub(crate) keys: u64,
    /// Distinct values; few make histories ambiguous, many make them unique.
    pub(crate) values: u64,
    /// Percentage of operations whose client gives up.
    pub(crate) crashes: u64,
}

struct Open {
    process: u64,
    f: &'static str,
    key: Option<String>,
    input: Value,
    /// The answer, once it has taken effect; `Err` if it was refused.
    answer: Option<Result<Value, Value>>,
    /// Whether a client still waits for it.
    awaited: bool,
}

struct Simulation<'a> {
    shape: &'a Shape,
    random: &'a mut Random,
    store: std::collections::BTreeMap<String, Value>,
    open: Vec<Open>,
    events: Vec<Event>,
    next_process: u64,
    idle: Vec<u64>,
}

/// A legal history: every operation takes effect at one moment, or never.
pub(crate) fn legal(shape: &Shape, random: &mut Random) -> Vec<Event> {
    let mut simulation = Simulation {
        shape,
        random,
        store: std::collections::BTreeMap::new(),
        open: Vec::new(),
        events: Vec::new(),
        next_process: shape.processes,
        idle: (0..shape.processes).collect(),
    };
    let mut invoked = 0;
    while invoked < shape.operations || simulation.open.iter().any(|open| open.awaited) {
        match simulation.random.below(10) {
            0..4 if invoked < shape.operations && !simulation.idle.is_empty() => {
                simulation.invoke();
                invoked += 1;
            }
            4..7 => simulation.apply(),
            7..10 => simulation.complete(),
            _ => {}
        }
        if simulation.events.len() >= 2 * shape.operations && simulation.random.chance(10) {
            break;
        }
    }
    simulation.events
}

impl Simulation<'_> {
    fn invoke(&mut self) {
        let at = self.random.below(self.idle.len() as u64) as usize;
        let process = self.idle.swap_remove(at);
        let key = (self.shape.keys > 0).then(|| format!("k{}", self.random.below(self.shape.keys)));
        let key = key.filter(|_| self.shape.model != ModelKind::MultiRegister);
        let (f, input) = self.operation();
        self.record(process, EventKind::Invoke, f, key.clone(), input.clone());
        self.open.push(Open { process, f, key, input, answer: None, awaited: true });
    }

    fn operation(&mut self) -> (&'static str, Value) {
        let (value, other) = (self.value(), self.value());
        let f = *self.random.pick(self.shape.model.functions());
        let input = match f {
            "cas" => Value::List(vec![other, value]),
            "put" | "append" if self.shape.model == ModelKind::KeyValue => {
                Value::Text(["", "a", "b", "ab"][self.random.below(4) as usize].to_owned())
            }
            "write" | "append" | "add" | "remove" | "contains" | "put" | "add-and-get"
            | "enqueue" | "push" | "insert" => value,
            "cas-revision" => Value::List(vec![int(self.random.below(5)), value]),
            "txn" => self.transaction(),
            _ => Value::Nil,
        };
        (f, input)
    }

    fn value(&mut self) -> Value {
        int(self.random.below(self.shape.values))
    }

    fn transaction(&mut self) -> Value {
        let steps = (0..=self.random.below(2)).map(|_| {
            let register = Value::from(*self.random.pick(&["x", "y"]));
            if self.random.chance(50) {
                let value = int(self.random.below(self.shape.values));
                Value::List(vec![Value::from("write"), register, value])
            } else {
                Value::List(vec![Value::from("read"), register, Value::Nil])
            }
        });
        Value::List(steps.collect())
    }

    /// Some operation takes effect, perhaps one that nobody waits for any more.
    fn apply(&mut self) {
        let waiting: Vec<usize> =
            (0..self.open.len()).filter(|at| self.open[*at].answer.is_none()).collect();
        if waiting.is_empty() {
            return;
        }
        let at = *self.random.pick(&waiting);
        let refused = self.random.chance(5);
        let open = &mut self.open[at];
        let answer =
            if refused { Err(Value::Nil) } else { effect(self.shape, &mut self.store, open) };
        self.open[at].answer = Some(answer);
    }

    /// Some client hears of its operation, or gives up.
    fn complete(&mut self) {
        let awaited: Vec<usize> =
            (0..self.open.len()).filter(|at| self.open[*at].awaited).collect();
        if awaited.is_empty() {
            return;
        }
        let at = *self.random.pick(&awaited);
        let crash = self.random.chance(self.shape.crashes);
        let open = &mut self.open[at];
        let (process, f, key) = (open.process, open.f, open.key.clone());
        let (kind, value) = match (&open.answer, crash) {
            (_, true) => (EventKind::Info, open.input.clone()),
            (Some(Ok(value)), false) => (EventKind::Ok, value.clone()),
            (Some(Err(_)), false) => (EventKind::Fail, open.input.clone()),
            (None, false) => return,
        };
        // What will never take effect any more is gone; the rest may still, late.
        if open.answer.is_some() {
            self.open.swap_remove(at);
        } else {
            open.awaited = false;
        }
        if kind == EventKind::Info {
            self.idle.push(self.next_process);
            self.next_process += 1;
        } else {
            self.idle.push(process);
        }
        self.record(process, kind, f, key, value);
    }

    fn record(
        &mut self,
        process: u64,
        kind: EventKind,
        f: &str,
        key: Option<String>,
        value: Value,
    ) {
        self.events.push(Event {
            index: self.events.len() as u64,
            time: Some(self.events.len() as u64 * 1_300_000),
            process: ProcessId(process),
            kind,
            f: f.to_owned(),
            key,
            value,
            node: None,
            error: None,
        });
    }
}

/// Does it, and says what it answers; `Err` where the object refuses.
fn effect(
    shape: &Shape,
    store: &mut std::collections::BTreeMap<String, Value>,
    open: &Open,
) -> Result<Value, Value> {
    let key = open.key.clone().unwrap_or_default();
    let held = store.get(&key).cloned();
    let list = held.as_ref().and_then(Value::as_list).unwrap_or(&[]).to_vec();
    let text = held.as_ref().and_then(Value::as_text).unwrap_or("").to_owned();
    let input = open.input.clone();
    match (shape.model, open.f) {
        (ModelKind::Register | ModelKind::CasRegister, "read") => {
            return Ok(held.unwrap_or_else(|| shape.initial.clone()));
        }
        (ModelKind::Register | ModelKind::CasRegister, "write") | (ModelKind::KeyValue, "put") => {
            store.insert(key, input.clone())
        }
        (ModelKind::CasRegister, _) => {
            let pair = input.as_list().expect("a list");
            if held.unwrap_or_else(|| shape.initial.clone()) != pair[0] {
                return Err(input);
            }
            store.insert(key, pair[1].clone())
        }
        (ModelKind::KeyValue, "get") => return Ok(Value::Text(text)),
        (ModelKind::KeyValue, "append") => {
            store.insert(key, Value::Text(text + input.as_text().expect("text")))
        }
        (ModelKind::KeyValue, _) => store.remove(&key),
        (ModelKind::Set | ModelKind::AppendList, "read") => return Ok(Value::List(list)),
        (ModelKind::Set | ModelKind::AppendList, _) => {
            let mut list = list;
            if shape.model == ModelKind::AppendList || !list.contains(&input) {
                list.push(input.clone());
            }
            store.insert(key, Value::List(list))
        }
        (ModelKind::Mutex, f) => {
            let free = held.is_none_or(|value| value == Value::Bool(false));
            if free != (f == "acquire") {
                return Err(input);
            }
            store.insert(key, Value::Bool(free))
        }
        (ModelKind::MultiRegister, _) => return Ok(transact(shape, store, &input)),
        (ModelKind::FifoQueue | ModelKind::Stack | ModelKind::PriorityQueue, f) => {
            let mut list = list;
            if matches!(f, "dequeue" | "pop" | "delete-min") {
                let next = next_out(shape.model, &mut list);
                store.insert(key, Value::List(list));
                return Ok(next);
            }
            list.push(input.clone());
            store.insert(key, Value::List(list))
        }
        (
            ModelKind::ElementSet
            | ModelKind::OwnedMutex
            | ModelKind::FencedMutex
            | ModelKind::Counter
            | ModelKind::VersionedRegister,
            _,
        ) => return effect_with_answer(shape, store, open),
        (ModelKind::Register, f) => panic!("a register has no {f}"),
    };
    Ok(input)
}

/// Takes the element whose turn it is; nil if there is none.
fn next_out(model: ModelKind, held: &mut Vec<Value>) -> Value {
    let at = match model {
        ModelKind::FifoQueue => 0,
        ModelKind::Stack => held.len().saturating_sub(1),
        _ => (0..held.len()).min_by_key(|at| held[*at].clone()).unwrap_or(0),
    };
    if at < held.len() { held.remove(at) } else { Value::Nil }
}

/// As [`effect`], of the models whose updates answer.
fn effect_with_answer(
    shape: &Shape,
    store: &mut std::collections::BTreeMap<String, Value>,
    open: &Open,
) -> Result<Value, Value> {
    let key = open.key.clone().unwrap_or_default();
    let held = store.get(&key).cloned();
    let list = held.as_ref().and_then(Value::as_list).unwrap_or(&[]).to_vec();
    let input = open.input.clone();
    match (shape.model, open.f) {
        (ModelKind::ElementSet, f) => {
            let inside = list.contains(&input);
            let mut list = list;
            list.retain(|element| f == "contains" || *element != input);
            if f == "add" {
                list.push(input);
            }
            store.insert(key, Value::List(list));
            Ok(Value::Bool(inside != (f == "add")))
        }
        (ModelKind::OwnedMutex | ModelKind::FencedMutex, f) => {
            let process = int(open.process);
            let (holder, tokens) = (list.first(), list.len());
            if if f == "acquire" {
                holder.is_some_and(|holder| !holder.is_nil())
            } else {
                holder != Some(&process)
            } {
                return Err(input);
            }
            // The list is as long as the last token.
            let mut list = vec![Value::Nil; tokens + usize::from(f == "acquire")];
            if f == "acquire" {
                list[0] = process;
            }
            let token = int(list.len() as u64);
            store.insert(key, Value::List(list));
            Ok(if shape.model == ModelKind::FencedMutex { token } else { input })
        }
        (ModelKind::Counter, f) => {
            let held = held.as_ref().or(Some(&shape.initial)).and_then(Value::as_int).unwrap_or(0);
            let delta = if f == "read" { 0 } else { input.as_int().unwrap_or(1) };
            store.insert(key, Value::Int(held + delta));
            let answers = matches!(f, "read" | "add-and-get");
            Ok(if answers { Value::Int(held + delta) } else { input })
        }
        (ModelKind::VersionedRegister, f) => version(store, key, f, &list, &input),
        (model, f) => panic!("{model} has no {f}"),
    }
}

/// The value is what is there, its revision, and the revision of the store, which other keys change too.
fn version(
    store: &mut std::collections::BTreeMap<String, Value>,
    key: String,
    f: &str,
    state: &[Value],
    input: &Value,
) -> Result<Value, Value> {
    let [value, Value::Int(revision), Value::Int(at)] = state else {
        let state = [Value::Nil, Value::Int(0), Value::Int(1)];
        return version(store, key, f, &state, input);
    };
    let pair = input.as_list().unwrap_or(&[]);
    let to = match f {
        "get" => return Ok(Value::List(state[..2 + usize::from(at % 2 == 0)].to_vec())),
        "delete" if value.is_nil() => return Ok(Value::List(state.to_vec())),
        "delete" => Value::Nil,
        "put" => input.clone(),
        "cas" if pair[0] == *value => pair[1].clone(),
        "cas-revision" if pair[0] == Value::Int(*revision) => pair[1].clone(),
        _ => return Err(input.clone()),
    };
    let now = at + 1 + i64::from(at % 3 == 0);
    let kept = if to.is_nil() { 0 } else { now };
    let left = vec![to.clone(), Value::Int(kept), Value::Int(now)];
    store.insert(key, Value::List(left));
    Ok(Value::List(vec![to, Value::Int(now)]))
}

fn transact(
    shape: &Shape,
    store: &mut std::collections::BTreeMap<String, Value>,
    txn: &Value,
) -> Value {
    let steps = txn.as_list().expect("a list").iter().map(|item| {
        let [f, register, value] = item.as_list().expect("a list") else {
            panic!("a step of three")
        };
        let name = register.to_string();
        if f.as_text() == Some("write") {
            store.insert(name, value.clone());
            return item.clone();
        }
        let held = store.get(&name).unwrap_or(&shape.initial).clone();
        Value::List(vec![f.clone(), register.clone(), held])
    });
    Value::List(steps.collect())
}
