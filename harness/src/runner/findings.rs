//! What else is wrong with the store, besides what the checker finds: it does not come back, does not serve, its processes
//! end, or its own logs give it away.
//!
//! None of it is a verdict on the history. A run with such findings is *unknown* at best.

use super::coverage::{Coverage, Evidence, OK_MIN};
use super::final_reads::FinalReads;
use super::judge::Others;
use super::service;
use crate::finding::{Finding, Oracle};
use crate::nemesis::FaultPhase;
use crate::plan::Plan;

/// That all replicas hold the same.
const SAME_STATE: &str = "same-state";

/// What no gap of the coverage tells.
pub(super) fn beside_gaps(
    plan: &Plan,
    evidence: &Evidence<'_>,
    others: &Others<'_>,
) -> Vec<Finding> {
    let end = end(evidence);
    let mut found = others.testimony.findings(plan.election_timeout());
    found.extend(others.differing.map(|what| Finding {
        oracle: Oracle::Invariant(SAME_STATE.to_owned()),
        at: end,
        what: what.to_owned(),
    }));
    if is_undisturbed(evidence) {
        let load = usize::try_from(evidence.load_events).unwrap_or(usize::MAX);
        let load = &evidence.history[..load.min(evidence.history.len())];
        found.extend(service::judge(plan, load, evidence.faults));
    }
    found
}

/// What gaps of the coverage tell as well, as far as it is the store's doing.
pub(super) fn in_gaps(evidence: &Evidence<'_>, coverage: &Coverage) -> Vec<Finding> {
    let end = end(evidence);
    let crashes = evidence.unexpected_exits.iter();
    let crashes = crashes.map(|exit| format!("a node ended although nobody stopped it: {exit}"));
    let mut found: Vec<Finding> =
        crashes.map(|what| Finding { oracle: Oracle::Crash, at: end, what }).collect();
    if is_undisturbed(evidence) {
        let not_back = not_back(evidence, coverage).into_iter();
        found.extend(not_back.map(|what| Finding { oracle: Oracle::Liveness, at: end, what }));
    }
    found
}

/// When the last thing was recorded.
fn end(evidence: &Evidence<'_>) -> u64 {
    evidence.history.iter().rev().find_map(|event| event.time).unwrap_or_default()
}

/// Whether the harness did all that it wanted to: else it may be its own fault that nothing works.
fn is_undisturbed(evidence: &Evidence<'_>) -> bool {
    let stuck = |phase| evidence.faults.iter().filter(|record| record.phase == phase).count();
    !evidence.interrupted && evidence.not_healed.len() == stuck(FaultPhase::NotHealed)
}

/// What does not work although everything is healed.
fn not_back(evidence: &Evidence<'_>, coverage: &Coverage) -> Vec<String> {
    let mut what = Vec::new();
    what.extend(evidence.not_healed.iter().map(|fault| format!("not back: {fault}")));
    let ok = coverage.ok_after_faults;
    if coverage.faults.installed > 0 && ok < OK_MIN {
        what.push(format!(
            "only {ok} operations succeeded after the last fault, in {} s",
            super::stage::RECOVERY_MAX.as_secs()
        ));
    }
    let FinalReads { wanted, answered } = evidence.final_reads;
    if answered < wanted {
        what.push(format!(
            "{} of {wanted} final reads were not answered, although nothing was wrong any more",
            wanted - answered
        ));
    }
    what
}
