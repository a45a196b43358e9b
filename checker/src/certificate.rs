//! Checking an order by itself.
//!
//! Whoever finds that a history is linearizable hands over the order. Here it is replayed, by code that shares nothing
//! with what found it but the history: does it hold every operation that completed, each once; does none stand before one
//! that had completed when it began; does every answer follow from what stands before it? An order that passes is a proof,
//! however it was found.

mod objects;
mod revisions;

use crate::check::Job;
use crate::history::OpId;
use objects::State;

/// Replays `order` (indices into `ids`) for the object that these operations concern. `Err` says what is wrong with it.
pub(crate) fn replay(job: &Job<'_>, ids: &[u32], order: &[u32]) -> Result<(), String> {
    let history = job.history;
    let mut placed = vec![false; ids.len()];
    let mut state = State::new(job);
    let mut latest_call = 0;
    for index in order {
        let place = *index as usize;
        let Some(id) = ids.get(place).filter(|_| !placed[place]) else {
            return Err(format!(
                "an order has operation {place} of the object twice, or there is none"
            ));
        };
        placed[place] = true;
        let op = history.op(OpId(*id as usize));
        // In real time: nothing before it may have begun only after it had completed.
        if op.ret().is_some_and(|ret| ret < latest_call) {
            return Err(format!("an order has operation {id} too late"));
        }
        latest_call = latest_call.max(op.call());
        if !state.step(op) {
            return Err(format!("an order has operation {id} where it cannot answer that"));
        }
    }
    let missing = |place: &usize| {
        let op = history.op(OpId(ids[*place] as usize));
        !placed[*place] && state.must_place(op)
    };
    match (0..ids.len()).find(missing) {
        Some(place) => Err(format!("an order lacks operation {}", ids[place])),
        None => Ok(()),
    }
}
