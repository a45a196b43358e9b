//! Logs with offsets, as Kafka has them: messages are appended by `send`, and read in order by `poll`.
//!
//! `send [[send k v] ...]` appends `v` to the log `k` and is answered the offset, `[[send k [offset v]] ...]`; each value is
//! sent once to a log. `poll [[poll] ...]` asks what comes next in the logs that the process has, and is answered
//! `[[poll [[k [[offset v] ...]] ...]] ...]`; `txn` does both at once. `assign [k ...]` and `subscribe [k ...]` choose the
//! logs. This is the shape of Jepsen's `kafka` workload, and the rules are its rules, where they do not need a graph of
//! transactions:
//!
//! | rule | what |
//! |---|---|
//! | [`Rule::FromNowhere`](super::Rule::FromNowhere), [`Rule::Aborted`](super::Rule::Aborted), [`Rule::Premature`](super::Rule::Premature) | a poll has a message that nobody sent, or whose send failed, or had not begun |
//! | [`Rule::InconsistentOffset`](super::Rule::InconsistentOffset) | two messages at one offset of a log |
//! | [`Rule::Duplicated`](super::Rule::Duplicated) | a message at two offsets |
//! | [`Rule::Lost`](super::Rule::Lost) | an acknowledged message that nobody polled, though later ones were polled |
//! | [`Rule::PollSkip`](super::Rule::PollSkip), [`Rule::NonmonotonicPoll`](super::Rule::NonmonotonicPoll) | a process' next poll goes on past messages that are there, or back |
//! | [`Rule::NonmonotonicSend`](super::Rule::NonmonotonicSend) | a process' later send has a lower offset |
//! | the same with `Internal` | within one operation |
//! | [`Rule::Precommitted`](super::Rule::Precommitted) | a `txn` polls what it sent |
//! | [`Rule::Unseen`](super::Rule::Unseen) | an acknowledged message that nobody polled, and nothing after it: worth knowing, no violation |
//!
//! Offsets may have gaps (Kafka puts marks of its own there), so that a poll skips only what is known to be there: what was
//! polled by anybody, or acknowledged with its offset. Not violations, but told: skips and steps back between the polls of
//! a process that has subscribed, as the system may give its logs to others and back at any time (within one poll they
//! are); and messages between those of one `txn`, as sends are not isolated ([`Rule::InternalSendSkip`](super::Rule::InternalSendSkip)).
//!
//! Where polls go on from after `assign` or `subscribe` is open: nothing is compared across these. Consumers are taken to
//! start at the beginning of a log, or where others of their group have got to; so what is never polled, though later
//! messages are, is lost. Unless a poll has an unknown outcome: then that poll may have got the message, and it is lost only if
//! a process is known to have gone past it. Otherwise nobody can tell, and the verdict is unknown; so it is if messages are
//! unseen, or a value was sent twice.
//!
//! Counts: `sends` (messages, not failed), `acknowledged`, `polled` (messages), `polls`, `lost`, `unseen`, `unaccounted` (may
//! have gone to a crashed poll). Quantiles: `lag`, nanoseconds from the completion of a send to that of the first poll which
//! has its message.

mod order;
mod parse;
mod places;

use crate::history::History;
use crate::stop::Stopped;

use super::read;
use super::report::{self, Notebook, PropertyReport, many, object, short};
use super::{PropertyError, PropertyKind, PropertyOptions};
use order::Order;
use parse::{DeedKind, Deeds};
use places::Places;

const PROPERTY: PropertyKind = PropertyKind::Log;

const COUNTS: [&str; 7] =
    ["sends", "acknowledged", "polled", "polls", "lost", "unseen", "unaccounted"];

/// Checks every log.
pub fn check(
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    report::on(PROPERTY, history, options, |notes| {
        for count in COUNTS {
            notes.count(count, 0);
        }
        let mut polls = 0;
        let mut lags = Vec::new();
        for (name, ops) in read::by_object(history, notes)? {
            let deeds = Deeds::of(&ops, notes.pace)?;
            polls += count(&deeds, name, notes)?;
            let places = Places::of(&deeds, notes.pace)?;
            places.judge(name, notes)?;
            let order = Order::judge(&places, name, notes)?;
            places.judge_unpolled(&order, name, notes)?;
            places.measure(&mut lags);
            notes.judged();
        }
        notes.measure("lag", lags);
        if polls == 0 {
            notes.doubt(|| "nothing was polled".to_owned());
        }
        Ok(())
    })
}

/// Counts sends and polls, and answers how many polls completed.
fn count(deeds: &Deeds<'_>, name: Option<&str>, notes: &mut Notebook<'_>) -> Result<u64, Stopped> {
    for message in &deeds.messages {
        notes.pace.step(1)?;
        notes.count("sends", message.origin.attempts.into());
        notes.count("acknowledged", message.origin.acknowledged.into());
        if message.origin.attempts > 1 {
            notes.doubt(|| {
                let (value, of) = (short(message.value), object("of", name));
                let times = many(message.origin.attempts.into(), "time");
                format!("{value} is sent {times} to log {}{of}", deeds.logs[message.log as usize])
            });
        }
    }
    let polls = deeds
        .all
        .iter()
        .filter(|deed| deed.kind == DeedKind::Work { polls: true } && deed.op.is_ok())
        .count() as u64;
    notes.count("polls", polls);
    Ok(polls)
}
