//! The conditions of a transaction.

use std::cmp::Ordering;

use super::history::{Change, Keys, Span};
use crate::proto::etcdserverpb::Compare;
use crate::proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};

/// Whether `compare` holds at `revision`, for every key of its range.
pub(crate) fn holds(keys: &Keys, revision: i64, compare: &Compare) -> bool {
    let mut any = false;
    for (_, change) in keys.live_at(Span::new(&compare.key, &compare.range_end), revision) {
        any = true;
        if !satisfies(compare, compare_change(compare, change)) {
            return false;
        }
    }
    // Of a range without keys: a value cannot be compared with one that is missing, the numbers of a missing key are 0.
    any || (compare.target() != CompareTarget::Value && holds_for_absent(compare))
}

fn holds_for_absent(compare: &Compare) -> bool {
    let absent = Change { mod_revision: 0, create_revision: 0, version: 0, value: None };
    satisfies(compare, compare_change(compare, &absent))
}

/// How the key's property stands to the operand. An operand of another type than the target counts as zero or empty.
fn compare_change(compare: &Compare, change: &Change) -> Ordering {
    let operand = compare.target_union.as_ref();
    let Ok(target) = CompareTarget::try_from(compare.target) else {
        return Ordering::Equal; // etcd compares nothing when it does not know the target
    };
    match target {
        CompareTarget::Version => change.version.cmp(&match operand {
            Some(TargetUnion::Version(version)) => *version,
            _ => 0,
        }),
        CompareTarget::Create => change.create_revision.cmp(&match operand {
            Some(TargetUnion::CreateRevision(revision)) => *revision,
            _ => 0,
        }),
        CompareTarget::Mod => change.mod_revision.cmp(&match operand {
            Some(TargetUnion::ModRevision(revision)) => *revision,
            _ => 0,
        }),
        CompareTarget::Value => change.value.as_deref().unwrap_or_default().cmp(match operand {
            Some(TargetUnion::Value(value)) => value,
            _ => &[],
        }),
        CompareTarget::Lease => 0.cmp(&match operand {
            Some(TargetUnion::Lease(lease)) => *lease,
            _ => 0,
        }),
    }
}

fn satisfies(compare: &Compare, ordering: Ordering) -> bool {
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => ordering.is_eq(),
        Ok(CompareResult::NotEqual) => ordering.is_ne(),
        Ok(CompareResult::Greater) => ordering.is_gt(),
        Ok(CompareResult::Less) => ordering.is_lt(),
        Err(_) => true, // as etcd does with a relation that it does not know
    }
}
