//! What a history is about, where nobody says.

use std::collections::BTreeSet;
use std::path::Path;

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;

use crate::cli::names;
use crate::codec::LoadedHistory;

/// The model of this name, or the nearest name.
pub(super) fn model_named(name: &str) -> Result<ModelKind, String> {
    let known = ModelKind::ALL.map(ModelKind::name);
    ModelKind::from_name(name)
        .ok_or_else(|| names::unknown("model", name, &known, "rashomon list models"))
}

/// What to hold a history against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess {
    /// A model.
    Model(ModelKind),
    /// Transactions, as strictly serializable as linearizability would have it.
    Transactions,
}

/// What tells what a history is about.
#[derive(Debug, Default)]
pub(super) struct Clues {
    functions: BTreeSet<String>,
    /// Whether transactions append to lists, or read any.
    lists: bool,
}

impl Clues {
    /// All that a history has.
    pub(super) fn of(loaded: &LoadedHistory) -> Self {
        let mut clues = Self::default();
        for event in &loaded.events {
            clues.see(&event.f, &event.value);
        }
        clues
    }

    /// One more event.
    pub(super) fn see(&mut self, f: &str, value: &Value) {
        if !self.functions.contains(f) {
            self.functions.insert(f.to_owned());
        }
        if f == "txn" && !self.lists {
            self.lists = micros(value).any(|micro| match micro {
                [f, ..] if f.as_text() == Some("append") => true,
                [_, _, value] => value.as_list().is_some(),
                _ => false,
            });
        }
    }
}

/// What the run's plan, the format (`hint`) or the functions imply; or in words what there was to go by.
pub(super) fn of(path: &Path, hint: Option<ModelKind>, clues: &Clues) -> Result<Guess, String> {
    let functions: BTreeSet<&str> = clues.functions.iter().map(String::as_str).collect();
    let planned = planned(path).filter(|model| is_of_run(path) || knows_all(*model, &functions));
    if let Some(model) = planned.or(hint) {
        return Ok(Guess::Model(model));
    }
    // No model knows transactions that append; those on registers are decided exactly by the multi-register.
    if functions.iter().eq(["txn"].iter()) && clues.lists {
        return Ok(Guess::Transactions);
    }
    by_functions(&functions).map(Guess::Model).ok_or_else(|| {
        let functions: Vec<&str> = functions.into_iter().collect();
        match functions.as_slice() {
            [] => "it has no operations".to_owned(),
            some => format!("its functions are {}", some.join(", ")),
        }
    })
}

/// The names of all models.
pub(super) fn models() -> String {
    ModelKind::ALL.map(ModelKind::name).join(", ")
}

/// Whether transactions `read` and `write`, as Knossos' do; Elle's have `r` and `w`.
pub(super) fn has_long_names(loaded: &LoadedHistory) -> bool {
    let transactions = loaded.events.iter().filter(|event| event.f == "txn");
    transactions.flat_map(|event| micros(&event.value)).any(|micro| {
        let f = micro.first().and_then(Value::as_text);
        f.is_some_and(|f| ["read", "write"].contains(&f))
    })
}

/// The micro-operations of a transaction.
fn micros(transaction: &Value) -> impl Iterator<Item = &[Value]> {
    transaction.as_list().unwrap_or_default().iter().filter_map(Value::as_list)
}

/// Whether the file is the history that a plan beside it is about.
fn is_of_run(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "history.jsonl")
}

fn knows_all(model: ModelKind, functions: &BTreeSet<&str>) -> bool {
    functions.iter().all(|f| model.functions().contains(f))
}

/// What the plan beside the history says, if there is one. Only the workload's name is looked at, so that a plan of
/// another version serves as well.
fn planned(path: &Path) -> Option<ModelKind> {
    let plan = std::fs::read(path.with_file_name("plan.json")).ok()?;
    let plan: serde_json::Value = serde_json::from_slice(&plan).ok()?;
    let name = plan.get("workload")?.as_str()?;
    let workload = rashomon_workloads::all().iter().find(|workload| workload.name() == name)?;
    Some(workload.model())
}

/// The first model, in this order, that knows all the functions, where they tell enough: `read` alone does not.
fn by_functions(functions: &BTreeSet<&str>) -> Option<ModelKind> {
    if functions.is_empty() {
        return Some(ModelKind::Register);
    }
    let telling = functions.iter().any(|f| *f != "read");
    // A lone `append` may be of a list or of text; the list has no other function to tell by, so it comes first.
    let order = [
        ModelKind::Register,
        ModelKind::CasRegister,
        ModelKind::AppendList,
        ModelKind::Set,
        ModelKind::KeyValue,
        ModelKind::Mutex,
        ModelKind::MultiRegister,
        ModelKind::FifoQueue,
        ModelKind::Stack,
        ModelKind::PriorityQueue,
        ModelKind::ElementSet,
        ModelKind::Counter,
        ModelKind::VersionedRegister,
    ];
    order.into_iter().find(|model| knows_all(*model, functions)).filter(|_| telling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_tell_the_model_where_they_can() {
        let cases: [(&[&str], Option<ModelKind>); 12] = [
            (&[], Some(ModelKind::Register)),
            (&["read"], None),
            (&["read", "write"], Some(ModelKind::Register)),
            (&["cas", "read"], Some(ModelKind::CasRegister)),
            (&["append", "read"], Some(ModelKind::AppendList)),
            (&["append", "get"], Some(ModelKind::KeyValue)),
            (&["add"], Some(ModelKind::Set)),
            (&["txn"], Some(ModelKind::MultiRegister)),
            (&["dequeue", "enqueue"], Some(ModelKind::FifoQueue)),
            (&["pop"], Some(ModelKind::Stack)),
            (&["delete-min", "insert"], Some(ModelKind::PriorityQueue)),
            (&["read", "enqueue"], None),
        ];
        for (functions, expected) in cases {
            assert_eq!(
                by_functions(&functions.iter().copied().collect()),
                expected,
                "{functions:?}"
            );
        }
    }

    #[test]
    fn a_misspelt_model_is_answered_with_the_nearest() {
        assert_eq!(model_named("set"), Ok(ModelKind::Set));
        let error = model_named("cas-regster").unwrap_err();
        assert!(error.contains("did you mean \"cas-register\"?"), "{error}");
    }
}
