//! Counters that only go up: an answer that is less than had been answered, or than what had been added, or more than can
//! have been.

use crate::Value;
use crate::counterexample::explain::{Evidence, Finding};
use crate::counterexample::words::{answer, answered, deed, lead, short, who};
use crate::history::{Op, Operation};

pub(super) fn find(evidence: &Evidence<'_>) -> Option<Finding> {
    let blocked = evidence.blocked;
    let told = value(blocked)?;
    let sums = Sums::of(evidence)?;
    let claim = match blocked.f.as_str() {
        "read" => format!("{} {}", who(blocked), answered(blocked)),
        _ => format!("{}'s {} answered {}", who(blocked), deed(blocked), short(answer(blocked))),
    };
    let earlier = evidence.core.iter().filter(|operation| evidence.had_completed(operation));
    let further = earlier.filter(|operation| value(operation).is_some_and(|other| other > told));
    if let Some(further) = further.max_by_key(|operation| operation.ret) {
        let sentence = format!(
            "{claim}, but {}'s {} had answered {} {}before that began, and nothing counts down",
            who(further),
            deed(further),
            short(answer(further)),
            lead(further, blocked)
        );
        return Some(Finding { sentence, contradicts: Some(further.id) });
    }
    let told = i128::from(told);
    let sentence = if told < sums.least {
        let least = sums.least;
        format!("{claim}, but what had been added before it began makes {least} at least")
    } else if told > sums.most {
        let most = sums.most;
        format!(
            "{claim}, but all that had begun to be added when it completed makes {most} at most"
        )
    } else {
        return None;
    };
    Some(Finding { sentence, contradicts: None })
}

/// The value that an operation answered.
fn value(operation: &Operation) -> Option<i64> {
    let answers = matches!(operation.f.as_str(), "read" | "add-and-get");
    answer(operation).as_int().filter(|_| answers)
}

/// Between what the counter can have stood at while the blocked operation was open.
struct Sums {
    least: i128,
    most: i128,
}

impl Sums {
    /// `None` if something counts down.
    fn of(evidence: &Evidence<'_>) -> Option<Self> {
        let blocked = evidence.blocked;
        let initial = evidence.job.options.initial.as_ref().and_then(Value::as_int).unwrap_or(0);
        let mut sums = Self { least: initial.into(), most: initial.into() };
        let key = evidence.job.history.op(blocked.id).key_number();
        let own = |op: &Op<'_>| op.key_number() == key && op.f() != "read";
        for op in evidence.job.history.ops().filter(own) {
            if op.call() > evidence.first || op.is_fail() {
                continue;
            }
            let delta = i128::from(op.input().as_int().unwrap_or(1));
            if delta < 0 {
                return None;
            }
            sums.most += delta;
            let is_before = op.is_ok() && op.ret().is_some_and(|ret| ret < blocked.call);
            // An addition that answers counts itself.
            sums.least += if is_before || op.id() == blocked.id { delta } else { 0 };
        }
        Some(sums)
    }
}
