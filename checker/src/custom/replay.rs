//! Checking an order of a user's operations by itself: no hint is believed, nothing of the search is used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::history::OpId;

use super::Model;
use super::log::Log;

/// What is wrong with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// The log has no such operation, or it surely had no effect.
    Absent(OpId),
    /// The operation is in the order twice.
    Twice(OpId),
    /// Something before it began only after it had completed.
    TooLate(OpId),
    /// The operation cannot have answered what it answered there.
    Impossible(OpId),
    /// The operation completed, but is not in the order.
    Missing(OpId),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(op) => write!(out, "operation {} is none that can take effect", op.0),
            Self::Twice(op) => write!(out, "operation {} takes effect twice", op.0),
            Self::TooLate(op) => {
                write!(out, "operation {} comes after one that began when it had completed", op.0)
            }
            Self::Impossible(op) => {
                write!(out, "operation {} cannot have answered that there", op.0)
            }
            Self::Missing(op) => write!(out, "operation {} is left out", op.0),
        }
    }
}

impl std::error::Error for ReplayError {}

/// Replays `order`: each completed operation once, in real time, every answer right. Of a model that leaves open what
/// happens, all possible states are followed: the order is right if one of them lasts.
pub fn replay<M: Model>(
    model: &M,
    log: &Log<M::Input, M::Output>,
    order: &[OpId],
) -> Result<(), ReplayError> {
    let mut placed: BTreeSet<OpId> = BTreeSet::new();
    let mut objects: BTreeMap<String, Vec<M::State>> = BTreeMap::new();
    let mut latest_call = 0;
    for op in order {
        let entry = log.entries.get(op.0).filter(|entry| !entry.failed());
        let entry = entry.ok_or(ReplayError::Absent(*op))?;
        if !placed.insert(*op) {
            return Err(ReplayError::Twice(*op));
        }
        if entry.ret() < latest_call {
            return Err(ReplayError::TooLate(*op));
        }
        latest_call = latest_call.max(entry.call);
        let object = model.object(&entry.input);
        let states = objects.entry(object).or_insert_with(|| vec![model.init()]);
        let mut next: Vec<M::State> = Vec::new();
        for state in states.iter() {
            for state in model.step(state, &entry.input, entry.output()) {
                if !next.contains(&state) {
                    next.push(state);
                }
            }
        }
        if next.is_empty() {
            return Err(ReplayError::Impossible(*op));
        }
        *states = next;
    }
    let ids = (0..log.entries.len()).map(OpId);
    let mut missing = ids.filter(|op| log.output(*op).is_some() && !placed.contains(op));
    missing.next().map_or(Ok(()), |op| Err(ReplayError::Missing(op)))
}
