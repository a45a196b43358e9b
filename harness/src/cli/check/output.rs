//! One line, or one JSON object, for a history that was checked.

use std::path::Path;

use rashomon_checker::Value;
use rashomon_checker::check::{EngineUse, Validity};
use serde::Serialize;

use super::Checked;
use crate::visible::visible;

/// For people: `FILE: valid (58 operations, 0 crashed, 0.001 s)`, then the reason if there is one. One line, whatever
/// keys and values are made of.
pub(super) fn line(file: &Path, checked: &Checked) -> String {
    let report = &checked.report;
    let verdict = match report.validity {
        Validity::Valid => "valid",
        Validity::Invalid => "invalid",
        Validity::Unknown => "unknown",
    };
    let reason = report.reason.as_ref().map(|reason| format!(" {reason}")).unwrap_or_default();
    let line = format!(
        "{}: {verdict} ({} operations, {} crashed, {:.3} s){reason}",
        file.display(),
        report.operations,
        report.crashed,
        checked.seconds
    );
    visible(&line)
}

/// For programs. `valid` is true, false or "unknown".
pub(super) fn json(file: &Path, checked: &Checked) -> String {
    let report = &checked.report;
    let record = Record {
        file: file.display().to_string(),
        valid: match report.validity {
            Validity::Valid => serde_json::Value::Bool(true),
            Validity::Invalid => serde_json::Value::Bool(false),
            Validity::Unknown => serde_json::Value::from("unknown"),
        },
        reason: report.reason.as_deref(),
        operations: report.operations,
        crashed: report.crashed,
        seconds: checked.seconds,
        model: checked.model.name(),
        input_format: checked.loaded.format.name(),
        initial: &checked.initial,
        keys: report.keys,
        configurations: report.configurations,
        engines: &report.engines,
        warnings: &checked.loaded.warnings,
    };
    serde_json::to_string(&record).expect("a record of text and numbers has a JSON form")
}

/// For programs: a file that has no verdict, and why.
pub(super) fn json_without_verdict(file: &Path, reason: &str) -> String {
    let file = file.display().to_string();
    serde_json::json!({ "file": file, "valid": "unknown", "reason": reason }).to_string()
}

#[derive(Serialize)]
struct Record<'a> {
    file: String,
    valid: serde_json::Value,
    reason: Option<&'a str>,
    operations: usize,
    crashed: usize,
    seconds: f64,
    model: &'static str,
    input_format: &'static str,
    initial: &'a Value,
    keys: usize,
    configurations: u64,
    engines: &'a [EngineUse],
    warnings: &'a [String],
}
