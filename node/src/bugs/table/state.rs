//! Followers' states.

use super::{About, Class, Family, Harm, Reach};
use crate::bugs::Bug;

pub(super) const ROWS: &[About] = &[About {
    bug: Bug::TotalLossOnFailover,
    id: "N16",
    name: "total-loss-on-failover",
    class: Class::Easy,
    family: Family::State,
    origin: "RedisRaft issue 14",
    summary: "only leaders apply, and from their election on",
    visible: "lost writes: all of them",
    trigger: "the leader dies",
    harm: Harm::Core,
    reach: Reach::Process,
    faults: &["kill-leader"],
    nodes: 3,
    workload: "register",
}];
