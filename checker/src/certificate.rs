//! Checking an order by itself.
//!
//! Whoever finds that a history is linearizable hands over the order. Here it is replayed, by code that shares nothing
//! with what found it but the history: does it hold every operation that completed, each once; does none stand before one
//! that had completed when it began; does every answer follow from what stands before it? An order that passes is a proof,
//! however it was found.
//!
//! ```
//! use rashomon_checker::certificate::replay;
//! use rashomon_checker::check::{CheckOptions, ModelKind, check};
//! use rashomon_checker::history::{Event, History, OpId};
//!
//! let lines = r#"[
//!     {"index": 0, "process": 1, "type": "invoke", "f": "write", "value": 3},
//!     {"index": 1, "process": 2, "type": "invoke", "f": "read"},
//!     {"index": 2, "process": 2, "type": "ok", "f": "read", "value": 3}
//! ]"#;
//! let events: Vec<Event> = serde_json::from_str(lines)?;
//! let history = History::from_events(&events)?;
//! let options = CheckOptions { keep_orders: true, ..CheckOptions::default() };
//! let report = check(&history, ModelKind::Register, &options)?;
//! let mut found = report.linearizations[0].clone();
//! assert_eq!(found.order, [OpId(0), OpId(1)]);
//! replay(&history, ModelKind::Register, &options, &found)?;
//!
//! found.order.reverse(); // the read before the write that it saw
//! assert!(replay(&history, ModelKind::Register, &options, &found).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod containers;
mod objects;
mod revisions;
mod words;

use std::fmt;

use crate::check::{CheckOptions, Job, ModelKind, ObjectOrder, Part};
use crate::history::{History, NONE, OpId, Record};
use objects::State;

/// What is wrong with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFlaw {
    what: String,
}

impl fmt::Display for OrderFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)
    }
}

impl std::error::Error for OrderFlaw {}

/// Replays an order of one object's operations. The options must be those of the check that found it: they say how the
/// object starts and what answers mean.
pub fn replay(
    history: &History,
    model: ModelKind,
    options: &CheckOptions<'_>,
    order: &ObjectOrder,
) -> Result<(), OrderFlaw> {
    let job = Job { history, model, options };
    // The transactions of a multi-register span its registers, so it is one object.
    let whole = model == ModelKind::MultiRegister;
    let own = history.ops().filter(|op| whole || op.key() == order.key.as_deref());
    let ids: Vec<u32> = own.map(|op| op.id().0 as u32).collect();
    let stranger = |op: OpId| OrderFlaw {
        what: format!("an order has operation {}, which is none of the object", op.0),
    };
    let mut places = Vec::with_capacity(order.order.len());
    for op in &order.order {
        let id = u32::try_from(op.0).map_err(|_| stranger(*op))?;
        let place = ids.binary_search(&id).map_err(|_| stranger(*op))?;
        places.push(place as u32);
    }
    let records: Vec<Record> = ids.iter().map(|id| history.records[*id as usize]).collect();
    replay_part(&job, Part::of(&ids, &records), &places).map_err(|what| OrderFlaw { what })
}

/// Replays `order`, indices into the operations of an object. `Err` says what is wrong with it.
pub(crate) fn replay_part(job: &Job<'_>, part: Part<'_>, order: &[u32]) -> Result<(), String> {
    let (records, number) = (part.records(), part.numbers());
    let mut placed = vec![false; part.len()];
    let mut state = State::new(job, part.len());
    let mut latest_call = 0;
    for index in order {
        let place = *index as usize;
        let Some(record) = records.get(place).filter(|_| !placed[place]) else {
            return Err(format!(
                "an order has operation {place} of the object twice, or there is none"
            ));
        };
        placed[place] = true;
        // In real time: nothing before it may have begun only after it had completed.
        if record.ret != NONE && record.ret < latest_call {
            return Err(format!("an order has operation {} too late", number(*index)));
        }
        latest_call = latest_call.max(record.call);
        let id = number(*index);
        if !state.step(id, record) {
            return Err(format!("an order has operation {id} where it cannot answer that"));
        }
    }
    let missing = |(index, record): &(u32, &Record)| {
        !placed[*index as usize] && state.must_place(number(*index), record)
    };
    match (0..).zip(records).find(missing) {
        Some((index, _)) => Err(format!("an order lacks operation {}", number(index))),
        None => Ok(()),
    }
}
