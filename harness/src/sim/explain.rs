//! What clients saw that cannot be, told so that a person can follow it.
//!
//! A run ends with the words of the monitor, which is quick and says where the history became impossible. The checker looks at
//! the same part of the history, and says with which few operations, and why. It takes longer, so it is asked only for runs
//! that somebody reads about.

use rashomon_checker::check::{CheckOptions, CheckReport, Validity, check};
use rashomon_checker::counterexample::Counterexample;
use rashomon_checker::history::{Event, History, Operation};

use super::run::Outcome;
use super::trace::Lane;
use crate::finding::{Finding, Oracle};

/// Bytes that the checker may hold meanwhile.
const MEMORY_BYTES_MAX: usize = 256 << 20;

/// Tells what the checker found, if it found anything, in the words of its counterexample. The whole report, if there is one
/// before `should_stop` says that it takes too long; otherwise everything stays as it is.
pub fn explain(
    outcome: &mut Outcome,
    should_stop: &(dyn Fn() -> bool + Sync),
) -> Option<CheckReport> {
    let finding = outcome.findings.iter_mut().find(|one| one.oracle == Oracle::Linearizability)?;
    let model = rashomon_workloads::by_name(&outcome.plan.workload)?.model();
    let history = History::from_events(until(&outcome.history, finding)).ok()?;
    let options =
        CheckOptions { memory_bytes_max: MEMORY_BYTES_MAX, should_stop, ..CheckOptions::default() };
    let report = check(&history, model, &options).ok()?;
    let example = report.counterexample.as_ref()?;
    if report.validity != Validity::Invalid {
        return None;
    }
    example.sentence.trim_start_matches("not linearizable: ").clone_into(&mut finding.what);
    Some(report)
}

/// Whom a finding is about, the first first: those whom it names, and whoever is part of a counterexample.
pub(super) fn concerned(
    finding: &Finding,
    example: Option<&Counterexample>,
    clients: usize,
) -> Vec<Lane> {
    let mut lanes = Vec::new();
    if let Some(example) = example.filter(|_| finding.oracle == Oracle::Linearizability) {
        let stands_out =
            |one: &&Operation| one.id == example.blocked || Some(one.id) == example.contradicts;
        let (first, rest): (Vec<_>, Vec<_>) = example.operations.iter().rev().partition(stands_out);
        for operation in first.into_iter().chain(rest) {
            let client = (operation.process.0 % clients.max(1) as u64) as usize;
            let node = operation.node.as_deref().and_then(node_named);
            lanes.extend(node.map(Lane::Node));
            lanes.push(Lane::Client(client));
        }
    } else {
        let words = finding.what.split(|letter: char| !letter.is_ascii_alphanumeric());
        lanes.extend(words.filter_map(node_named).map(Lane::Node));
    }
    lanes
}

/// The node with this name.
fn node_named(word: &str) -> Option<usize> {
    let digits = word.strip_prefix('n')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse::<usize>().ok()?.checked_sub(1)).flatten()
}

/// What had been seen by the time of a finding.
fn until<'a>(history: &'a [Event], finding: &Finding) -> &'a [Event] {
    let later = |event: &Event| event.time.unwrap_or_default() > finding.at;
    let end = history.iter().position(later).unwrap_or(history.len());
    &history[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{SimPlan, Wishes, invariant_names, outcome_of, run};

    fn refuted() -> Outcome {
        let wishes = Wishes {
            workload: Some("register".to_owned()),
            bugs: vec!["ack-on-append".to_owned()],
            without: invariant_names().map(str::to_owned).collect(),
            ..Wishes::default()
        };
        let mut runs = (0..40).map(|seed| outcome_of(seed, &wishes));
        let is_first = |outcome: &Outcome| {
            outcome.findings.first().is_some_and(|first| first.oracle == Oracle::Linearizability)
        };
        runs.find(is_first).unwrap()
    }

    #[test]
    fn what_the_monitor_refutes_is_told_with_a_counterexample() {
        let quick = refuted();
        let mut told = quick.clone();
        let report = explain(&mut told, &|| false).unwrap();
        let example = report.counterexample.unwrap();
        let [before, after] = [&quick, &told].map(|outcome| &outcome.findings[0]);
        assert!(example.sentence.ends_with(&after.what), "{}", after.what);
        assert_ne!(after.what, before.what);
        assert_eq!((&after.oracle, after.at), (&before.oracle, before.at));
        assert_eq!(told.findings[1..], quick.findings[1..]);
        let blocked = example.operations.iter().find(|one| one.id == example.blocked).unwrap();
        assert_eq!(blocked.ret_time, Some(before.at), "it is the answer that the monitor refuted");
    }

    #[test]
    fn a_finding_is_about_those_whom_it_names() {
        let named = |what: &str| {
            let oracle = Oracle::Invariant("one-vote".to_owned());
            let finding = Finding { oracle, at: 0, what: what.to_owned() };
            concerned(&finding, None, 10)
        };
        let nodes = |numbers: &[usize]| numbers.iter().copied().map(Lane::Node).collect::<Vec<_>>();
        assert_eq!(named("n4 voted in term 3 for n1, and for n12"), nodes(&[3, 0, 11]));
        assert_eq!(named("no n, n0, nn1, n1x: nobody"), nodes(&[]));
    }

    #[test]
    fn where_the_history_is_sound_there_is_nothing_to_tell() {
        let mut plan = SimPlan::calm(1, 1);
        plan.storm = 100_000_000;
        let mut calm = run(&plan, rashomon_workloads::by_name("register").unwrap());
        assert!(explain(&mut calm, &|| false).is_none());
    }
}
