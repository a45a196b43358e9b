//! The operations around the failure, as JSON for the page's script.

use rashomon_checker::history::{Operation, Outcome};
use serde::Serialize;

use super::markup::ScriptJson;
use super::operations::Kind;
use super::{HISTORY_ROWS_MAX, Run, escape};

const VALUE_CHARS_MAX: usize = 160;
const ERROR_CHARS_MAX: usize = 120;

/// What `report.js` reads from the element `operations`.
#[derive(Debug, Serialize)]
pub(super) struct HistoryData {
    /// The failing key; absent where the history names none.
    key: Option<String>,
    /// Operations on it in the whole run.
    total: usize,
    /// Number of the operation that no order explains.
    blocked: usize,
    /// Numbers of the operations of the counterexample.
    shown: Vec<usize>,
    rows: Vec<Row>,
}

/// Number, process, function, argument, answer, outcome, invocation and completion in nanoseconds, node, error.
type Row = (
    usize,
    u64,
    String,
    String,
    String,
    &'static str,
    Option<u64>,
    Option<u64>,
    Option<String>,
    Option<String>,
);

/// The operations on the failing key, at most [`HISTORY_ROWS_MAX`] around the failure; none without a counterexample.
pub(super) fn collect(run: &Run<'_>) -> Option<HistoryData> {
    let example = run.counterexample()?;
    let of_key: Vec<&Operation> =
        run.paired.operations.iter().filter(|operation| operation.key == example.key).collect();
    if of_key.is_empty() {
        return None;
    }
    let failure = of_key.partition_point(|operation| operation.id < example.blocked);
    let last_start = of_key.len().saturating_sub(HISTORY_ROWS_MAX);
    let start = failure.saturating_sub(HISTORY_ROWS_MAX / 2).min(last_start);
    let rows =
        of_key.iter().skip(start).take(HISTORY_ROWS_MAX).map(|operation| row(operation)).collect();
    Some(HistoryData {
        key: example.key.as_ref().map(|key| shown(key, VALUE_CHARS_MAX)),
        total: of_key.len(),
        blocked: example.blocked.0,
        shown: example.operations.iter().map(|operation| operation.id.0).collect(),
        rows,
    })
}

/// The script shows it as text: nothing to escape, but what cannot be seen must not act on its neighbours.
fn shown(text: &str, chars_max: usize) -> String {
    escape::visible(&escape::cut(text, chars_max))
}

fn row(operation: &Operation) -> Row {
    let value = |value: &rashomon_checker::Value| {
        if value.is_nil() { String::new() } else { shown(&value.to_string(), VALUE_CHARS_MAX) }
    };
    let answer = match &operation.outcome {
        Outcome::Ok(answer) => shown(&answer.to_string(), VALUE_CHARS_MAX),
        Outcome::Fail(_) | Outcome::Info => String::new(),
    };
    (
        operation.id.0,
        operation.process.0,
        shown(&operation.f, VALUE_CHARS_MAX),
        value(&operation.input),
        answer,
        Kind::of(operation).word(),
        operation.call_time,
        operation.ret_time,
        operation.node.as_ref().map(|node| shown(node, VALUE_CHARS_MAX)),
        operation.error.as_ref().map(|error| shown(error, ERROR_CHARS_MAX)),
    )
}

impl HistoryData {
    /// As it stands in the page.
    pub(super) fn json(&self) -> ScriptJson {
        ScriptJson::new(self)
    }

    /// What the section says above the table.
    pub(super) fn summary(&self) -> String {
        let key = self.key.as_ref().map_or(String::new(), |key| format!(" on key {key}"));
        let total = super::units::counted(self.total as u64, "operation");
        if self.rows.len() < self.total {
            let shown = super::units::count(self.rows.len() as u64);
            format!(
                "{total}{key}; only the {shown} around the failure are listed, history.jsonl has them all."
            )
        } else {
            format!("All {total}{key}.")
        }
    }
}
