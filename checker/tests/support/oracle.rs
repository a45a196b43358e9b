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
                rules.failed_cas_observed && operation.f == "cas" && operation.error.is_none()
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

fn put(store: &mut Store, key: String, value: Value) -> bool {
    store.insert(key, value);
    true
}
