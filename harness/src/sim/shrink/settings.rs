//! Settings that a run may not need: each back to what it is in a calm run.

use crate::sim::network::Weather;
use crate::sim::plan::{DiskPlan, NodePlan, Rest, SimPlan};

/// What can be made calm, one thing at a time.
pub(super) const ALL: &[fn(&mut SimPlan)] = &[
    |plan| (plan.weather.loss, plan.weather.double) = (0, 0),
    |plan| plan.weather.loss = 0,
    |plan| (plan.weather.double, plan.weather.double_max) = (0, 0),
    |plan| plan.weather.datagrams = false,
    |plan| (plan.weather.tail, plan.weather.tail_max) = (0, 0),
    |plan| plan.weather.mean = Weather::CALM.mean,
    |plan| plan.rest = Rest::Healed,
    |plan| plan.disk.slow = 0,
    |plan| plan.disk = DiskPlan::DEFAULT,
    |plan| plan.rest = Rest::Healed,
    |plan| plan.node.turn = 0,
    |plan| plan.node.apply_max = 0,
    |plan| plan.node.skew = NodePlan::DEFAULT.skew,
    |plan| plan.node.boot_max = NodePlan::DEFAULT.boot_max,
    |plan| plan.node.batch_bytes_max = NodePlan::DEFAULT.batch_bytes_max,
    |plan| plan.node.inflight_max = NodePlan::DEFAULT.inflight_max,
    |plan| plan.node.segment_bytes = NodePlan::DEFAULT.segment_bytes,
    |plan| plan.node.group_max = NodePlan::DEFAULT.group_max,
    |plan| plan.node.hold_max = NodePlan::DEFAULT.hold_max,
];
