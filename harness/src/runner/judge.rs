//! From a recorded history to the verdict of the run.
//!
//! The checker decides from the history alone; the coverage gates then decide whether "no violation" means anything.
//! Invalid beats unknown, unknown beats valid.

use std::fmt::Write;
use std::time::Instant;

use rashomon_checker::check::{CheckOptions, CheckReport, ModelKind, Validity, check};
use rashomon_checker::history::History;
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::coverage::{Coverage, Evidence};
use super::findings;
use crate::finding::Finding;
use crate::plan::{Plan, SCHEMA_VERSION};
use crate::testimony::Testimony;
use crate::verdict::{Commands, OutcomeCounts, VerdictRecord};

/// What the checker said, and how long it took.
pub(crate) struct Checked {
    /// Its answer.
    pub(crate) report: CheckReport,
    /// Seconds it took.
    pub(crate) seconds: f64,
}

/// Checks a history within the plan's budgets, on so many threads. A Ctrl-C from now on ends the search as unknown.
pub(crate) fn check_history(
    plan: &Plan,
    model: ModelKind,
    history: &History,
    threads: usize,
    interrupt: &CancellationToken,
) -> Result<Checked, RunError> {
    let started = Instant::now();
    let out_of_time = || started.elapsed() >= plan.check_time_limit();
    // A Ctrl-C that ended the load asked for this very check.
    let stopped_before = interrupt.is_cancelled();
    let interrupted = || !stopped_before && interrupt.is_cancelled();
    let options = CheckOptions {
        memory_bytes_max: usize::try_from(plan.check_memory_bytes).unwrap_or(usize::MAX),
        should_stop: &|| out_of_time() || interrupted(),
        threads,
        initial: None,
        failed_cas_observed: false,
        ..CheckOptions::default()
    };
    let mut report = check(history, model, &options)?;
    if interrupted() {
        report.name_the_stop("checking was stopped by a signal");
    } else if out_of_time() {
        report.name_the_stop(&format!("checking took longer than {} s", plan.check_time_limit_s));
    }
    Ok(Checked { report, seconds: started.elapsed().as_secs_f64() })
}

/// What is known besides history and faults.
pub(crate) struct Others<'a> {
    /// How often the known leader changed.
    pub(crate) leader_changes: u64,
    /// Whether it was a signal that ended the load.
    pub(crate) signalled: bool,
    /// In what the replicas differed in the end.
    pub(crate) differing: Option<&'a str>,
    /// What the nodes said of themselves.
    pub(crate) testimony: &'a Testimony,
}

/// Puts everything that is known about a run into its verdict.
pub(crate) fn judge(
    plan: &Plan,
    evidence: &Evidence<'_>,
    checked: Checked,
    others: &Others<'_>,
    commands: Commands,
) -> VerdictRecord {
    let Checked { report, seconds } = checked;
    let coverage = Coverage::of(evidence.history, evidence.load_events, evidence.faults);
    let mut reasons = coverage.gaps(evidence);
    let mut findings = findings::beside_gaps(plan, evidence, others);
    reasons.extend(findings.iter().map(|Finding { oracle, what, .. }| format!("{oracle}: {what}")));
    findings.extend(findings::in_gaps(evidence, &coverage));
    findings.sort_by_key(|finding| finding.at);
    let validity = match report.validity {
        Validity::Valid if reasons.is_empty() => Validity::Valid,
        Validity::Valid => Validity::Unknown,
        decided => decided,
    };
    if report.validity == Validity::Unknown {
        let why = report.reason.clone().unwrap_or_else(|| "the search did not end".to_owned());
        reasons.insert(0, why);
    }
    if validity == Validity::Valid
        && coverage.faults.installed > 0
        && coverage.ok_during_faults == 0
    {
        reasons.push("no operation succeeded while a fault was in force".to_owned());
    }
    if evidence.interrupted {
        let why = if others.signalled {
            "stopped early by a signal"
        } else {
            "ended at the first violation"
        };
        reasons.push(why.to_owned());
    }
    VerdictRecord {
        schema_version: SCHEMA_VERSION,
        validity,
        sentence: sentence(validity, &report, &coverage, &reasons, seconds),
        reasons,
        check_seconds: seconds,
        operations: coverage.operations,
        ok_during_faults: coverage.ok_during_faults,
        ok_after_faults: coverage.ok_after_faults,
        faults: coverage.faults,
        leader_changes: others.leader_changes,
        findings,
        first_ok_ms: coverage.first_ok.map(|nanos| nanos as f64 / 1e6),
        seen_live: None,
        unexpected_exits: evidence.unexpected_exits.to_vec(),
        commands,
        check: Some(report),
    }
}

fn sentence(
    validity: Validity,
    report: &CheckReport,
    coverage: &Coverage,
    reasons: &[String],
    seconds: f64,
) -> String {
    match validity {
        Validity::Invalid => {
            let found = report.counterexample.as_ref().map(|found| found.sentence.as_str());
            let found = found.or(report.reason.as_deref()).unwrap_or("no order explains it");
            format!("not linearizable: {}", found.trim_start_matches("not linearizable: "))
        }
        Validity::Unknown => {
            let why = reasons.first().map_or("the search did not end", String::as_str);
            format!("unknown: {why}; {}", counts(report, coverage))
        }
        Validity::Valid => {
            let counts = counts(report, coverage);
            format!("linearizable: {counts}; checked in {seconds:.1} s")
        }
    }
}

/// How much was done and seen: a verdict means as much as this.
fn counts(report: &CheckReport, coverage: &Coverage) -> String {
    let OutcomeCounts { ok, fail, info } = coverage.totals();
    let all = ok + fail + info;
    let keys = counted(report.keys as u64, "key");
    let operations = counted(all, "operation");
    let mut text = format!("{operations} on {keys} ({ok} ok, {fail} fail, {info} info)");
    let installed = coverage.faults.installed;
    if installed > 0 {
        let faults = counted(installed, "fault");
        let (during, after) = (coverage.ok_during_faults, coverage.ok_after_faults);
        let _ = write!(text, " through {faults} ({during} ok during faults, {after} after)");
    }
    text
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
