//! Judging one object by the frontier sweep.

use std::sync::atomic::Ordering;

use crate::frontier::{self, Meter, Outcome};
use crate::model::Object;
use crate::search::Stop;

use super::keys::{Court, Judgement, Key};

/// Decides, and finds the first impossible completion. What is known to go wrong elsewhere before some completion is not
/// swept beyond that.
pub(super) fn judge<O: Object>(court: &Court<'_>, key: &mut Key<O>) -> Judgement {
    loop {
        let horizon = court.earliest.load(Ordering::Relaxed);
        let stop = || court.stop(horizon);
        let mut account = court.budget.account();
        let mut meter = Meter::new(&mut account, &stop);
        let Key { object, ops, .. } = &mut *key;
        let findings = frontier::decide(object, ops, horizon, &mut meter);
        match findings.outcome {
            Outcome::Linearizable(order) => {
                let whole = horizon == u64::MAX;
                let order = whole.then_some(order);
                return Judgement::Valid { configurations: findings.configurations, order };
            }
            Outcome::NotLinearizable(impasse) if impasse.exact => {
                return Judgement::Invalid { first: impasse.completion };
            }
            Outcome::NotLinearizable(_) => {
                // The search for the first one was ended: to look at less, or for good.
                if court.stop(horizon) != Some(Stop::Superseded) {
                    return Judgement::InvalidSomewhere;
                }
            }
            Outcome::Stopped(Stop::Superseded) => {}
            Outcome::Stopped(stop) => return Judgement::Stopped(stop),
        }
    }
}
