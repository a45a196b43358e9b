//! Judging one object by the tree search.

use std::sync::atomic::Ordering;

use crate::model::Object;
use crate::search::{Findings, Outcome, Problem, Stop, Tuning, search};

use super::keys::{Court, Judgement, Key};

/// Configurations that looking for the frontier may visit for each operation, beside [`FRONTIER_CONFIGURATIONS_MIN`].
const FRONTIER_CONFIGURATIONS_SHARE: u64 = 4;

/// Configurations that looking for the frontier may always visit.
const FRONTIER_CONFIGURATIONS_MIN: u64 = 10_000;

/// Decides, and finds the first impossible completion. What is known to go wrong elsewhere before some completion is not
/// searched beyond that.
pub(super) fn judge<O: Object>(court: &Court<'_>, key: &mut Key<O>) -> Judgement {
    loop {
        let horizon = court.earliest.load(Ordering::Relaxed);
        let findings = search_up_to(court, key, horizon, &Tuning::full());
        let located = match findings.outcome {
            Outcome::Linearizable(order) => {
                let whole = horizon == u64::MAX;
                let order = whole.then_some(order);
                return Judgement::Valid { configurations: findings.configurations, order };
            }
            Outcome::NotLinearizable => locate(court, key, horizon, findings.reach),
            Outcome::Stopped(Stop::Superseded) => continue,
            Outcome::Stopped(stop) => return Judgement::Stopped(stop),
        };
        match located {
            Ok(first) => return Judgement::Invalid { first },
            Err(Stop::Superseded) => {}
            Err(Stop::Effort | Stop::Memory | Stop::Told) => return Judgement::InvalidSomewhere,
        }
    }
}

/// The first completion after which the key's history is impossible. What is impossible stays so, so this is a search
/// for a border. Where a search without lookahead gets stuck there is an order up to there, and most often none
/// beyond, so that completion is tried first; then ever further ones, and last what is between two.
fn locate<O: Object>(
    court: &Court<'_>,
    key: &mut Key<O>,
    horizon: u64,
    reach: Option<u64>,
) -> Result<u64, Stop> {
    let mut completions: Vec<u64> = key
        .ops
        .iter()
        .filter(|op| op.ret <= horizon && op.ret != u64::MAX && op.meaning.completed.is_some())
        .map(|op| op.ret)
        .collect();
    completions.sort_unstable();
    let reached =
        |reach: Option<u64>| completions.partition_point(|completion| Some(*completion) < reach);
    let mut possible = reached(reach).max(reached(frontier(court, key, horizon)?));
    let mut impossible = completions.len() - 1;
    // How far above the possible to probe, until something impossible is found.
    let mut stride = Some(1);
    while possible < impossible {
        let half = (impossible - possible) / 2;
        let ahead = stride.map_or(half, |stride: usize| (stride - 1).min(half));
        let probe = possible + ahead;
        let findings = search_up_to(court, key, completions[probe], &Tuning::full());
        match findings.outcome {
            Outcome::Linearizable(_) => {
                possible = probe + 1;
                stride = stride.map(|stride| stride * 2);
            }
            Outcome::NotLinearizable => {
                stride = None;
                impossible = probe;
                possible = possible.max(reached(findings.reach));
            }
            Outcome::Stopped(stop) => return Err(stop),
        }
    }
    Ok(completions[impossible])
}

/// How far an order certainly reaches: as far as one gets that does not look ahead, in about one pass.
fn frontier<O: Object>(
    court: &Court<'_>,
    key: &mut Key<O>,
    horizon: u64,
) -> Result<Option<u64>, Stop> {
    let operations = key.ops.len() as u64;
    let mut tuning = Tuning::full();
    tuning.lookahead = false;
    tuning.configurations_max =
        FRONTIER_CONFIGURATIONS_MIN + FRONTIER_CONFIGURATIONS_SHARE * operations;
    let findings = search_up_to(court, key, horizon, &tuning);
    match findings.outcome {
        Outcome::Stopped(stop @ (Stop::Superseded | Stop::Told)) => Err(stop),
        // Out of memory or effort: what was reached until then was reached.
        Outcome::Stopped(Stop::Effort | Stop::Memory)
        | Outcome::Linearizable(_)
        | Outcome::NotLinearizable => Ok(findings.reach),
    }
}

fn search_up_to<O: Object>(
    court: &Court<'_>,
    key: &mut Key<O>,
    horizon: u64,
    tuning: &Tuning,
) -> Findings {
    let stop = || court.stop(horizon);
    let problem = Problem::build(&mut key.object, &key.ops, 0..key.ops.len(), horizon, false);
    let mut account = court.budget.account();
    search(&mut key.object, &problem, tuning, &mut account, &stop)
}
