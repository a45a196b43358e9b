//! Spoiling legal histories, so that about half of them are not linearizable any more.

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::{Event, EventKind};

use super::generate::{Random, Shape, int};

/// Spoils a legal history: another answer, another outcome, or a completion moved. It stays a history.
pub(crate) fn spoil(shape: &Shape, events: &mut Vec<Event>, random: &mut Random) {
    if events.is_empty() {
        return;
    }
    match random.below(4) {
        0 | 1 => change_answer(shape, events, random),
        2 => {
            let failed: Vec<usize> = (0..events.len())
                .filter(|at| matches!(events[*at].kind, EventKind::Fail | EventKind::Ok))
                .collect();
            if let Some(at) = failed.get(random.below(failed.len().max(1) as u64) as usize) {
                let event = &mut events[*at];
                let updates = !matches!(
                    event.f.as_str(),
                    "read"
                        | "get"
                        | "txn"
                        | "contains"
                        | "add-and-get"
                        | "dequeue"
                        | "pop"
                        | "delete-min"
                );
                let fenced = shape.model == ModelKind::FencedMutex && event.f == "acquire";
                let updates = updates && !(fenced && event.kind == EventKind::Fail);
                if updates {
                    let failed = event.kind == EventKind::Fail;
                    event.kind = if failed { EventKind::Ok } else { EventKind::Fail };
                }
            }
        }
        _ => {
            // A completion moves forward to right after its invocation, or an invocation back to right before its
            // completion.
            let at = random.below(events.len() as u64) as usize;
            let event = events.remove(at);
            let same = |other: &Event| other.process == event.process;
            let place = if event.kind == EventKind::Invoke {
                (at..events.len()).find(|other| same(&events[*other])).unwrap_or(events.len())
            } else {
                (0..at).rev().find(|other| same(&events[*other])).map_or(0, |other| other + 1)
            };
            events.insert(place, event);
        }
    }
}

/// Whether the function answers something that can be wrong.
fn answers(model: ModelKind, f: &str) -> bool {
    match model {
        ModelKind::ElementSet => true,
        ModelKind::VersionedRegister => !f.starts_with("cas"),
        ModelKind::FencedMutex => f == "acquire",
        _ => matches!(f, "read" | "get" | "txn" | "add-and-get" | "dequeue" | "pop" | "delete-min"),
    }
}

fn change_answer(shape: &Shape, events: &mut [Event], random: &mut Random) {
    let answers: Vec<usize> = (0..events.len())
        .filter(|at| {
            let event = &events[*at];
            event.kind == EventKind::Ok && answers(shape.model, &event.f)
        })
        .collect();
    if answers.is_empty() {
        return;
    }
    let at = *random.pick(&answers);
    let value = int(random.below(shape.values));
    let event = &mut events[at];
    event.value = match (shape.model, &event.value) {
        (ModelKind::KeyValue, Value::Text(text)) => match random.below(3) {
            0 => Value::Text(format!("{text}a")),
            1 => Value::Text(text.chars().skip(1).collect()),
            _ => Value::Text("ab".to_owned()),
        },
        (ModelKind::Set | ModelKind::AppendList, Value::List(items)) => {
            let mut items = items.clone();
            match random.below(3) {
                0 => items.push(value),
                1 if !items.is_empty() => drop(items.remove(0)),
                _ => items.reverse(),
            }
            Value::List(items)
        }
        (ModelKind::MultiRegister, Value::List(items)) => {
            let mut items = items.clone();
            for item in &mut items {
                let step = item.as_list().expect("a list").to_vec();
                if step[0].as_text() == Some("read") {
                    *item = Value::List(vec![step[0].clone(), step[1].clone(), value.clone()]);
                }
            }
            Value::List(items)
        }
        (ModelKind::FifoQueue | ModelKind::Stack | ModelKind::PriorityQueue, _) => {
            if random.chance(30) { Value::Nil } else { value }
        }
        (ModelKind::Register | ModelKind::CasRegister | ModelKind::KeyValue, _)
            if random.chance(15) =>
        {
            Value::Nil
        }
        (
            ModelKind::Register
            | ModelKind::CasRegister
            | ModelKind::FencedMutex
            | ModelKind::Counter,
            _,
        ) => value,
        (ModelKind::ElementSet, Value::Bool(truth)) => Value::Bool(!truth),
        (ModelKind::VersionedRegister, Value::List(items)) if items.len() > 1 => {
            let mut items = items.clone();
            // A delete that says where the store stood found nothing.
            let first = if event.f == "delete" { items.len() - 1 } else { 1 };
            let at = first + random.below((items.len() - first) as u64) as usize;
            let number = items[at].as_int().unwrap_or(1);
            items[at] = Value::Int(number + [-1, 1, 2][random.below(3) as usize]);
            Value::List(items)
        }
        (_, other) => other.clone(),
    };
}
