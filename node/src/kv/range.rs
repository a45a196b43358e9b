//! Reading: a range of keys at a revision, filtered, sorted and cut.

use std::cmp::Ordering;

use super::KvError;
use super::command::header;
use super::history::{Change, Keys, Span};
use crate::proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::proto::etcdserverpb::{RangeRequest, RangeResponse};

type Found<'a> = (&'a [u8], &'a Change);

/// Answers `request` from `keys`, where `current` is the revision that a read sees now (inside a transaction that has
/// already written: the one it is making).
pub(crate) fn execute(
    keys: &Keys,
    current: i64,
    request: &RangeRequest,
) -> Result<RangeResponse, KvError> {
    if request.revision > current {
        return Err(KvError::FutureRevision);
    }
    let revision = if request.revision > 0 { request.revision } else { current };
    let span = Span::new(&request.key, &request.range_end);
    let live = keys.live_at(span, revision);
    if request.count_only {
        // Filters, limit and `more` do not apply to a count; etcd's quirk.
        return Ok(response(current, live.count()));
    }
    let mut found: Vec<Found<'_>> = live.collect();
    // The count is what the span holds, before filters and limit.
    let mut response = response(current, found.len());
    let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0);
    if let (Some(limit), false) = (limit, needs_all(request)) {
        // Without an order etcd fetches one pair more than the limit and sorts only those by the target.
        found.truncate(limit.saturating_add(1));
    }
    found.retain(|(_, change)| passes_filters(request, change));
    sort(&mut found, request);
    if let Some(limit) = limit {
        response.more = found.len() > limit;
        found.truncate(limit);
    }
    let pair = if request.keys_only { Change::key_only } else { Change::key_value };
    response.kvs = found.into_iter().map(|(key, change)| pair(change, key)).collect();
    Ok(response)
}

fn response(revision: i64, count: usize) -> RangeResponse {
    let count = i64::try_from(count).expect("fewer keys than i64::MAX fit into memory");
    RangeResponse { header: header(revision), kvs: Vec::new(), more: false, count }
}

/// Whether the limit may be applied only after filtering and sorting.
fn needs_all(request: &RangeRequest) -> bool {
    request.sort_order() != SortOrder::None
        || request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0
}

/// Zero switches a filter off.
fn passes_filters(request: &RangeRequest, change: &Change) -> bool {
    let within = |revision: i64, min: i64, max: i64| {
        (min == 0 || revision >= min) && (max == 0 || revision <= max)
    };
    within(change.mod_revision, request.min_mod_revision, request.max_mod_revision)
        && within(change.create_revision, request.min_create_revision, request.max_create_revision)
}

/// Equal elements stay in key order, also when descending.
fn sort(found: &mut [Found<'_>], request: &RangeRequest) {
    let by: fn(&Found<'_>, &Found<'_>) -> Ordering = match request.sort_target() {
        SortTarget::Key => |a, b| a.0.cmp(b.0),
        SortTarget::Version => |a, b| a.1.version.cmp(&b.1.version),
        SortTarget::Create => |a, b| a.1.create_revision.cmp(&b.1.create_revision),
        SortTarget::Mod => |a, b| a.1.mod_revision.cmp(&b.1.mod_revision),
        SortTarget::Value => |a, b| a.1.value.cmp(&b.1.value),
    };
    match (request.sort_order(), request.sort_target()) {
        (SortOrder::None | SortOrder::Ascend, SortTarget::Key) => {} // that is the order of the map
        // A target without an order means ascending.
        (SortOrder::None | SortOrder::Ascend, _) => found.sort_by(by),
        (SortOrder::Descend, _) => found.sort_by(|a, b| by(b, a)),
    }
}
