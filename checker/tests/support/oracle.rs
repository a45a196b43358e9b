//! A second opinion: tries every order of every choice of unknown operations, on plain values.
//!
//! It shares nothing with the search but the history types: no interning, no memo, no split by key, no look-ahead. The
//! state is the whole store. Only fit for a handful of operations.

use std::collections::BTreeMap;

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::{History, Operation, Outcome};

/// What to judge by.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) model: ModelKind,
    pub(crate) initial: Value,
    pub(crate) failed_cas_observed: bool,
    pub(crate) nil_reads_unknown: bool,
}

/// Values by object; absent objects are in their initial state.
type Store = BTreeMap<String, Value>;

/// Whether some order explains every answer.
pub(crate) fn is_linearizable(history: &History, rules: &Rules) -> bool {
    let operations = history.to_operations();
    let operations: Vec<&Operation> = operations
        .iter()
        .filter(|operation| match operation.outcome {
            Outcome::Ok(_) | Outcome::Info => true,
            Outcome::Fail(_) => {
                let observed = rules.failed_cas_observed && rules.model == ModelKind::CasRegister;
                observed && operation.f == "cas" && operation.error.is_none()
            }
        })
        .collect();
    let mut placed = vec![false; operations.len()];
    search(&operations, &mut placed, &Store::new(), rules)
}

fn search(operations: &[&Operation], placed: &mut [bool], store: &Store, rules: &Rules) -> bool {
    let ends = |at: usize| operations[at].ret.unwrap_or(u64::MAX);
    let deadline =
        (0..operations.len()).filter(|at| !placed[*at]).map(ends).min().unwrap_or(u64::MAX);
    if deadline == u64::MAX {
        // Only operations of unknown outcome are left: none of them has to happen.
        return true;
    }
    for at in 0..operations.len() {
        if placed[at] || operations[at].call > deadline {
            continue;
        }
        let mut after = store.clone();
        if step(&mut after, operations[at], rules) {
            placed[at] = true;
            if search(operations, placed, &after, rules) {
                return true;
            }
            placed[at] = false;
        }
    }
    false
}

/// Applies an operation; false if it cannot have answered what it answered.
fn step(store: &mut Store, operation: &Operation, rules: &Rules) -> bool {
    let key = operation.key.clone().unwrap_or_default();
    let answer = match &operation.outcome {
        Outcome::Ok(value) => Some(value),
        Outcome::Fail(_) | Outcome::Info => None,
    };
    let failed = matches!(operation.outcome, Outcome::Fail(_));
    let input = &operation.input;
    match rules.model {
        ModelKind::Register | ModelKind::CasRegister => {
            let held = store.get(&key).unwrap_or(&rules.initial).clone();
            match operation.f.as_str() {
                "read" => answer.is_none_or(|value| reads(rules, value, &held)),
                "write" => put(store, key, input.clone()),
                _ => {
                    let pair = input.as_list().expect("a list");
                    if failed {
                        return held != pair[0];
                    }
                    held == pair[0] && put(store, key, pair[1].clone())
                }
            }
        }
        ModelKind::KeyValue => {
            let held = store.get(&key).and_then(Value::as_text).unwrap_or("").to_owned();
            match operation.f.as_str() {
                "get" => answer.is_none_or(|value| {
                    let unknown = value.is_nil() && rules.nil_reads_unknown;
                    unknown || value.as_text().unwrap_or("") == held
                }),
                "put" => put(store, key, input.clone()),
                "append" => {
                    let text = held + input.as_text().expect("text");
                    put(store, key, Value::Text(text))
                }
                _ => put(store, key, Value::Text(String::new())),
            }
        }
        ModelKind::Set | ModelKind::AppendList => {
            let mut held = store.get(&key).and_then(Value::as_list).unwrap_or(&[]).to_vec();
            if operation.f == "read" {
                return answer.is_none_or(|value| lists(rules, value, held));
            }
            if rules.model == ModelKind::AppendList || !held.contains(input) {
                held.push(input.clone());
            }
            put(store, key, Value::List(held))
        }
        ModelKind::Mutex => {
            let held = store.get(&key) == Some(&Value::Bool(true));
            let acquire = operation.f == "acquire";
            held != acquire && put(store, key, Value::Bool(acquire))
        }
        ModelKind::MultiRegister => transact(store, operation, answer, rules),
        ModelKind::FifoQueue | ModelKind::Stack | ModelKind::PriorityQueue => {
            let mut held = store.get(&key).and_then(Value::as_list).unwrap_or(&[]).to_vec();
            if matches!(operation.f.as_str(), "enqueue" | "push" | "insert") {
                held.push(input.clone());
                return put(store, key, Value::List(held));
            }
            let next = take(rules.model, &mut held);
            answer.is_none_or(|value| *value == next) && put(store, key, Value::List(held))
        }
        ModelKind::ElementSet => element(store, &key, operation, answer),
        ModelKind::OwnedMutex | ModelKind::FencedMutex => lock(store, key, operation, answer),
        ModelKind::Counter => count(store, key, operation, answer, rules),
        ModelKind::VersionedRegister => version(store, &key, operation, answer, rules),
    }
}

/// Takes what is next out of a queue, stack or priority queue; nil if there is nothing.
fn take(model: ModelKind, held: &mut Vec<Value>) -> Value {
    match model {
        ModelKind::FifoQueue => held.reverse(),
        ModelKind::Stack => {}
        _ => held.sort_by(|a, b| b.cmp(a)),
    }
    let next = held.pop().unwrap_or_default();
    if model == ModelKind::FifoQueue {
        held.reverse();
    }
    next
}

fn reads(rules: &Rules, answer: &Value, held: &Value) -> bool {
    answer == held || (rules.nil_reads_unknown && answer.is_nil())
}

fn lists(rules: &Rules, answer: &Value, mut held: Vec<Value>) -> bool {
    if answer.is_nil() && rules.nil_reads_unknown {
        return true;
    }
    let mut seen = answer.as_list().unwrap_or(&[]).to_vec();
    if rules.model == ModelKind::Set {
        held.sort();
        seen.sort();
    }
    held == seen
}

fn transact(
    store: &mut Store,
    operation: &Operation,
    answer: Option<&Value>,
    rules: &Rules,
) -> bool {
    let steps = answer.unwrap_or(&operation.input).as_list().expect("a list");
    for item in steps {
        let [f, register, value] = item.as_list().expect("a list") else {
            panic!("a step of three")
        };
        let register = register.to_string();
        if f.as_text() == Some("write") {
            store.insert(register, value.clone());
        } else if answer.is_some() {
            let held = store.get(&register).unwrap_or(&rules.initial);
            if !reads(rules, value, held) {
                return false;
            }
        }
    }
    true
}

/// One value an element: whether it is in.
fn element(store: &mut Store, key: &str, operation: &Operation, answer: Option<&Value>) -> bool {
    let place = format!("{key}/{}", operation.input);
    let inside = store.get(&place) == Some(&Value::Bool(true));
    let added = match operation.f.as_str() {
        "add" => !inside,
        _ => inside,
    };
    if operation.f != "contains" {
        store.insert(place, Value::Bool(operation.f == "add"));
    }
    !matches!(answer, Some(Value::Bool(told)) if *told != added)
}

/// The value is the holder and the last token; of a token that is not known, the least that it can be.
fn lock(store: &mut Store, key: String, operation: &Operation, answer: Option<&Value>) -> bool {
    let state = store.get(&key).and_then(Value::as_list).unwrap_or(&[]).to_vec();
    let (holder, last) = match state.as_slice() {
        [holder, last] => (holder.as_int(), last.as_int()),
        _ => (None, None),
    };
    let process = operation.process.0.cast_signed();
    let token = answer.and_then(Value::as_int);
    if operation.f == "release" {
        let last = last.map_or(Value::Nil, Value::Int);
        return holder == Some(process) && put(store, key, Value::List(vec![Value::Nil, last]));
    }
    let grows = token.is_none_or(|token| last.is_none_or(|last| token > last));
    let token = token.unwrap_or(last.map_or(i64::MIN, |last| last + 1));
    let held = Value::List(vec![Value::Int(process), Value::Int(token)]);
    holder.is_none() && grows && put(store, key, held)
}

fn count(
    store: &mut Store,
    key: String,
    operation: &Operation,
    answer: Option<&Value>,
    rules: &Rules,
) -> bool {
    let start = rules.initial.as_int().unwrap_or(0);
    let held = store.get(&key).and_then(Value::as_int).unwrap_or(start);
    if operation.f == "read" {
        let unknown = answer.is_some_and(|value| value.is_nil() && rules.nil_reads_unknown);
        return unknown || answer.is_none_or(|value| *value == Value::Int(held));
    }
    let sum = held + operation.input.as_int().unwrap_or(1);
    let told = answer.filter(|_| operation.f == "add-and-get");
    told.is_none_or(|value| *value == Value::Int(sum)) && put(store, key, Value::Int(sum))
}

/// The value is what is there, its revision, whether that is known (else it is the least), and the least revision of
/// the store.
fn version(
    store: &mut Store,
    key: &str,
    operation: &Operation,
    answer: Option<&Value>,
    rules: &Rules,
) -> bool {
    let state = store.get(key).and_then(Value::as_list).unwrap_or(&[]).to_vec();
    let (value, revision, known, least) = match state.as_slice() {
        [value, Value::Int(revision), Value::Bool(known), Value::Int(least)] => {
            (value.clone(), *revision, *known, *least)
        }
        _ => (Value::Nil, 0, true, 0),
    };
    let absent = value.is_nil();
    let told = answer.and_then(Value::as_list).unwrap_or(&[]);
    let number = |at: usize| told.get(at).and_then(Value::as_int);
    let can_be = |seen: i64| if known { seen == revision } else { seen >= revision };
    let mut save = |value: Value, revision: i64, known: bool, least: i64| {
        let state = [value, Value::Int(revision), Value::Bool(known), Value::Int(least)];
        put(store, key.to_owned(), Value::List(state.to_vec()))
    };
    let input = operation.input.as_list().unwrap_or(&[]);
    let (fits, to, least) = match operation.f.as_str() {
        "get" if answer.is_none() => return true,
        "get" | "delete" if operation.f == "get" || number(1) == Some(0) => {
            if answer == Some(&Value::Nil) {
                return absent || rules.nil_reads_unknown;
            }
            let seen = number(1).expect("a revision");
            let stood = number(2).unwrap_or(least.max(seen));
            let fits = told[0] == value && can_be(seen) && stood >= least.max(seen);
            return fits && save(value, seen, true, stood);
        }
        "delete" if absent => return number(1).is_none(),
        "delete" => (true, Value::Nil, least),
        "put" => (true, operation.input.clone(), least),
        "cas" => (input[0] == value, input[1].clone(), least),
        _ if input[0] == Value::Int(0) => (absent, input[1].clone(), least),
        _ => {
            let seen = input[0].as_int().expect("a revision");
            (!absent && can_be(seen), input[1].clone(), least.max(seen))
        }
    };
    let own = number(1).filter(|_| answer != Some(&operation.input));
    let now = own.unwrap_or(least + 1);
    let gone = to.is_nil();
    fits && now > least && save(to, if gone { 0 } else { now }, gone || own.is_some(), now)
}

fn put(store: &mut Store, key: String, value: Value) -> bool {
    store.insert(key, value);
    true
}
