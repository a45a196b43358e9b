//! Lines, or one JSON object, for a file that was checked.

use rashomon_checker::Value;
use rashomon_checker::check::{CheckReport, EngineUse, Validity};
use rashomon_checker::properties::PropertyReport;
use rashomon_checker::transactions::TransactionReport;
use serde::Serialize;

use crate::checked::{Asked, Checked, CheckedFile, Found, Streamed};
use crate::visible::visible;

/// Findings that are shown of each check.
const FINDINGS_MAX: usize = 8;

/// Steps of a cycle that are shown.
const STEPS_MAX: usize = 12;

/// For people: `FILE: valid (58 operations, 0 crashed, 0.001 s)`, then the reason if there is one; a line a check. None
/// where nothing has a verdict. No line breaks but ours, whatever keys and values are made of.
pub(super) fn lines(file: &CheckedFile, verbose: bool) -> Option<String> {
    let plain = matches!(file.checks.as_slice(), [Checked { asked: Asked::Model(_), .. }]);
    let mut lines = Vec::new();
    for check in &file.checks {
        let Ok(found) = &check.outcome else { continue };
        let name = if plain { String::new() } else { format!("{}: ", check.asked.name()) };
        lines.push(headline(file, check, &name, found, verbose));
        lines.extend(match found {
            Found::Model(..) => Vec::new(),
            Found::Property(report) => about_property(report, verbose),
            Found::Transactions(report) => about_transactions(report, verbose),
        });
    }
    let lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn headline(
    file: &CheckedFile,
    check: &Checked,
    name: &str,
    found: &Found,
    verbose: bool,
) -> String {
    let verdict = match found.validity() {
        Validity::Valid => "valid",
        Validity::Invalid => "invalid",
        Validity::Unknown => "unknown",
    };
    let reason = found.reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    let by = if verbose { format!(", by {}", found.decided_by()) } else { String::new() };
    let read = match &file.streamed {
        Some(streamed) => format!("{} events read, ", streamed.events),
        None => String::new(),
    };
    format!(
        "{}: {name}{verdict} ({read}{} operations, {} crashed, {:.3} s{by}){reason}",
        file.name, file.operations, file.crashed, check.seconds
    )
}

/// The findings after the first, which is the reason already, and how many there are of each kind.
fn about_property(report: &PropertyReport, verbose: bool) -> Vec<String> {
    let told = |finding: &&rashomon_checker::properties::Finding| {
        (finding.violation || verbose) && Some(&finding.sentence) != report.reason.as_ref()
    };
    let shown: Vec<_> = report.findings.iter().filter(told).collect();
    let mut lines: Vec<String> =
        shown.iter().take(FINDINGS_MAX).map(|finding| format!("  {}", finding.sentence)).collect();
    let in_all: u64 = report.found.values().sum();
    if report.validity == Validity::Invalid && in_all > 1 {
        lines.push(format!("  in all: {}", counts(&report.found)));
    }
    if verbose {
        if !report.counts.is_empty() {
            lines.push(format!("  counted: {}", counts(&report.counts)));
        }
        for (name, of) in &report.quantiles {
            let [min, p50, p95, p99, max] = [of.min, of.p50, of.p95, of.p99, of.max];
            lines.push(format!(
                "  {name}: {} measured, least {min}, half {p50}, 95 % {p95}, 99 % {p99}, greatest {max}",
                of.measured
            ));
        }
    }
    lines
}

/// `wrong-total 3, negative-balance 1`.
fn counts<K: Serialize>(counts: &std::collections::BTreeMap<K, u64>) -> String {
    let name = |key: &K| match serde_json::to_value(key) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    };
    let parts: Vec<String> =
        counts.iter().map(|(key, count)| format!("{} {count}", name(key))).collect();
    parts.join(", ")
}

/// The anomalies that are forbidden (with `verbose`, all), each with examples, and what they rule out.
fn about_transactions(report: &TransactionReport, verbose: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut room = FINDINGS_MAX;
    for found in report.anomalies.iter().filter(|found| found.forbidden || verbose) {
        let shown = found.examples.len().min(room.max(1));
        room = room.saturating_sub(shown);
        for example in &found.examples[..shown] {
            lines.push(format!("  {}: {}", found.anomaly, example.text));
            let steps = example.cycle.iter().take(STEPS_MAX);
            lines.extend(steps.map(|edge| format!("    {}", edge.text)));
            if let Some(more) = example.cycle.len().checked_sub(STEPS_MAX).filter(|more| *more > 0)
            {
                lines.push(format!("    and {more} more steps"));
            }
        }
        let more = found.examples.len() - shown;
        match (more, found.more) {
            (0, false) => {}
            (0, true) => lines.push(format!("  {}: there may be more of it", found.anomaly)),
            (more, _) => lines.push(format!("  {}: and {more} more at least", found.anomaly)),
        }
    }
    if !report.weakest_ruled_out.is_empty() && (verbose || report.validity == Validity::Invalid) {
        let names: Vec<&str> = report.weakest_ruled_out.iter().map(|model| model.name()).collect();
        lines.push(format!("  rules out {} and all that is stronger", names.join(", ")));
    }
    lines
}

/// For programs. `valid` is true, false or "unknown".
pub(super) fn json(file: &CheckedFile) -> String {
    let model = file.checks.iter().find_map(|check| match (&check.asked, &check.outcome) {
        (Asked::Model(model), Ok(Found::Model(initial, report))) => Some((model, initial, report)),
        _ => None,
    });
    let record = Record {
        file: &file.name,
        valid: valid(file.validity()),
        reason: file.reason(),
        read: file.format.map(|format| Read {
            operations: file.operations,
            crashed: file.crashed,
            seconds: file.seconds(),
            input_format: format.name(),
            warnings: &file.warnings,
        }),
        of_model: model.map(|(model, initial, report)| OfModel {
            model: model.name(),
            initial,
            keys: report.keys,
            configurations: report.configurations,
            engines: &report.engines,
        }),
        streamed: file.streamed.as_ref(),
        checks: file.checks.iter().map(one).collect(),
    };
    serde_json::to_string(&record).expect("a record of text and numbers has a JSON form")
}

fn valid(validity: Validity) -> serde_json::Value {
    match validity {
        Validity::Valid => serde_json::Value::Bool(true),
        Validity::Invalid => serde_json::Value::Bool(false),
        Validity::Unknown => serde_json::Value::from("unknown"),
    }
}

fn one(check: &Checked) -> CheckRecord<'_> {
    CheckRecord {
        check: check.asked.kind(),
        name: check.asked.name(),
        valid: valid(check.validity()),
        reason: check.reason(),
        seconds: check.seconds,
        report: check.outcome.as_ref().ok().map(|found| match found {
            Found::Model(_, report) => Report::Model(report),
            Found::Property(report) => Report::Property(report),
            Found::Transactions(report) => Report::Transactions(report),
        }),
    }
}

#[derive(Serialize)]
struct Record<'a> {
    file: &'a str,
    valid: serde_json::Value,
    reason: Option<&'a str>,
    #[serde(flatten)]
    read: Option<Read<'a>>,
    #[serde(flatten)]
    of_model: Option<OfModel<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streamed: Option<&'a Streamed>,
    checks: Vec<CheckRecord<'a>>,
}

/// What every file has that could be read.
#[derive(Serialize)]
struct Read<'a> {
    operations: usize,
    crashed: usize,
    seconds: f64,
    input_format: &'static str,
    warnings: &'a [String],
}

/// What is asked for most, beside the list of checks.
#[derive(Serialize)]
struct OfModel<'a> {
    model: &'static str,
    initial: &'a Value,
    keys: usize,
    configurations: u64,
    engines: &'a [EngineUse],
}

#[derive(Serialize)]
struct CheckRecord<'a> {
    check: &'static str,
    name: &'static str,
    valid: serde_json::Value,
    reason: Option<&'a str>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Report<'a> {
    Model(&'a CheckReport),
    Property(&'a PropertyReport),
    Transactions(&'a TransactionReport),
}
