//! What a member does under built-in bugs, where that takes more than a line.
//!
//! The branches themselves stand where the right thing is done, and call here. Without a bug nothing in this file changes
//! anything.
//!
//! Who is given somebody else's answer gets one of the right kind, as a client library that decodes what it expects would
//! make sure of: a put is never answered with what came of a transaction. So these bugs keep the commands of those who wait.

use std::collections::BTreeMap;
use std::mem;

use super::machine::Origin;
use super::waiting::{Waiting, Writer};
use super::{Replica, Shell};
use crate::bugs::{Bug, Bugs};
use crate::kv::{KvRequest, decode_command, encode_command};
use crate::proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::proto::etcdserverpb::{Compare, TxnRequest};
use crate::raft::{Entry, Event, LogIndex, Message, NodeId, Payload, Recovered, RequestId, Role};

/// What built-in bugs keep from one turn to the next. Nothing of it changes in a correct member.
#[derive(Debug)]
pub(super) struct Oddities<W> {
    /// What batches are told of this life.
    origin: Origin,
    /// Where the log ended when this life began.
    log_end: LogIndex,
    /// `waiter-by-index`: who waits at which place of the log.
    places: BTreeMap<LogIndex, RequestId>,
    /// `transport-retry`: writes that are proposed again as soon as there is a leader.
    retries: Vec<(Vec<u8>, W)>,
    /// `endless-reapply`: the write that goes round, while it does.
    echo: Option<RequestId>,
    /// And while it waits for the next round.
    again: Option<Vec<u8>>,
}

impl<W> Oddities<W> {
    pub(super) fn new(node: NodeId, recovered: &Recovered) -> Self {
        let log_end = LogIndex(recovered.entries.len() as u64);
        Self {
            origin: Origin { node, replayed: recovered.hard.commit.min(log_end), bytes: 0 },
            log_end,
            places: BTreeMap::new(),
            retries: Vec::new(),
            echo: None,
            again: None,
        }
    }

    /// Writes that will be proposed again.
    pub(super) fn retries(&self) -> usize {
        self.retries.len()
    }

    /// Who waits for those.
    pub(super) fn take_retries(&mut self) -> impl Iterator<Item = W> + use<W> {
        mem::take(&mut self.retries).into_iter().map(|(_, ticket)| ticket)
    }

    /// What a batch of `entries` is told.
    pub(super) fn origin_of(&mut self, bugs: Bugs, entries: &[Entry]) -> Origin {
        let origin = self.origin;
        if bugs.has(Bug::ErrorNotReplicated) {
            let new = entries.iter().filter(|entry| entry.index > origin.replayed);
            self.origin.bytes += new.map(|entry| entry.command.len() as u64).sum::<u64>();
        }
        origin
    }
}

/// Whether commands are kept until they are answered.
pub(super) fn keeps_commands(bugs: Bugs) -> bool {
    bugs.has(Bug::AckOnAppend)
        || bugs.has(Bug::WaiterByIndex)
        || bugs.has(Bug::ReplyMismatch)
        || bugs.has(Bug::NoIncarnation)
        || bugs.has(Bug::ForwardAck)
        || bugs.has(Bug::TransportRetry)
}

/// `propose-time-cas`: the command with its compares decided by the store as it is, so that they hold, or do not, wherever
/// it is applied.
pub(super) fn decided<W, R>(command: Vec<u8>, shell: &impl Shell<W, R>) -> Vec<u8> {
    let Ok(KvRequest::Txn(txn)) = decode_command(&command) else { return command };
    let Some(key) = txn.compare.first().map(|compare| compare.key.clone()) else { return command };
    let compares = TxnRequest { compare: txn.compare, ..TxnRequest::default() };
    let holds = match shell.look(|store| store.read_txn(&compares)) {
        Ok(response) => response.succeeded,
        Err(_) => return command,
    };
    let decided = if holds {
        TxnRequest { success: txn.success, ..TxnRequest::default() }
    } else {
        let (compare, failure) = (vec![never(key)], txn.failure);
        TxnRequest { compare, failure, ..TxnRequest::default() }
    };
    encode_command(&KvRequest::Txn(decided))
}

/// A compare that no state satisfies: versions count from 0.
fn never(key: Vec<u8>) -> Compare {
    Compare {
        key,
        result: CompareResult::Less.into(),
        target: CompareTarget::Version.into(),
        target_union: Some(TargetUnion::Version(0)),
        ..Compare::default()
    }
}

/// Whether two commands get the same kind of answer: they begin with a version and a kind.
fn same_kind(one: &[u8], other: &[u8]) -> bool {
    one.get(..2) == other.get(..2)
}

impl<W, R> Waiting<W, R> {
    /// Takes out a writer, if what `entry` comes to could be an answer to it.
    fn take_if_fits(&mut self, request: RequestId, entry: &Entry) -> Option<Writer<W>> {
        let kept = self.writes.get(&request)?.command.as_ref();
        let fits = kept.is_none_or(|command| same_kind(command, &entry.command));
        if fits { self.writes.remove(&request) } else { None }
    }

    /// Takes out the writer that came last, of those that `entry` could be an answer to.
    fn take_last_that_fits(&mut self, entry: &Entry) -> Option<Writer<W>> {
        let fits = |writer: &Writer<W>| {
            writer.command.as_ref().is_some_and(|command| same_kind(command, &entry.command))
        };
        let last = self.writes.iter().rev().find(|(_, writer)| fits(writer));
        let request = *last?.0;
        self.writes.remove(&request)
    }
}

/// Reads.
impl<W, R> Replica<W, R> {
    /// `serve-before-replay`: whether something of what the disk remembers is not applied yet.
    pub(super) fn replays(&self) -> bool {
        self.bugs.has(Bug::ServeBeforeReplay) && self.raft.status().applied < self.odd.log_end
    }

    /// `readindex-ctx-reuse`: lets `readers` join a question that is under way, which is asked again under its old name.
    /// Gives them back if there is none.
    pub(super) fn reuse_question(&mut self, readers: Vec<R>) -> Vec<R> {
        if !self.bugs.has(Bug::ReadindexCtxReuse) {
            return readers;
        }
        let Some(mut under_way) = self.waiting.reads.last_entry() else { return readers };
        self.events.push(Event::Read { request: *under_way.key() });
        under_way.get_mut().extend(readers);
        Vec::new()
    }
}

/// Writes.
impl<W, R> Replica<W, R> {
    /// Who gets the answer to `entry` if a built-in bug mixes up those who wait.
    pub(super) fn some_writer_of(&mut self, entry: &Entry) -> Option<Writer<W>> {
        let bugs = self.bugs;
        let place = self.odd.places.remove(&entry.index);
        if let Some(request) = place
            && let Some(writer) = self.waiting.take_if_fits(request, entry)
        {
            return Some(writer);
        }
        let request = entry.request?;
        if bugs.has(Bug::ReplyMismatch) && self.numbers.gave(request) {
            return self.waiting.take_last_that_fits(entry);
        }
        self.waiting.take_if_fits(request, entry)
    }

    /// `waiter-by-index`: from now on it is the place in the log that is waited for, not the request.
    pub(super) fn note_place(&mut self, request: RequestId, index: LogIndex) {
        if self.bugs.has(Bug::WaiterByIndex) && self.waiting.writes.contains_key(&request) {
            self.odd.places.insert(index, request);
        }
    }

    /// `waiter-by-index`, `transport-retry`: what becomes of a write that may or may not be committed. `false`: the right
    /// thing.
    pub(super) fn holds_on_to(&mut self, request: RequestId) -> bool {
        if self.odd.places.values().any(|waiting| *waiting == request) {
            return true;
        }
        if !self.bugs.has(Bug::TransportRetry) {
            return false;
        }
        let Some(Writer { ticket, command }) = self.waiting.writes.remove(&request) else {
            return false;
        };
        self.odd.retries.push((command.unwrap_or_default(), ticket));
        true
    }

    /// `transport-retry`: proposes again what was forgotten, if somebody leads.
    pub(super) fn retry(&mut self) {
        if self.standing.leader.is_some() {
            self.waiting.fresh.append(&mut self.odd.retries);
        }
    }

    /// `forward-ack`: a write that is handed on is answered.
    pub(super) fn answer_handed_on(&mut self, message: &Message, shell: &mut impl Shell<W, R>) {
        if let Payload::Propose { request, .. } = message.payload
            && self.bugs.has(Bug::ForwardAck)
        {
            self.answer_by_promise(request, shell);
        }
    }

    /// `endless-reapply`: a write that was handed on comes back once it is applied: if somebody `waited` for it, or if it
    /// was back already.
    pub(super) fn apply_again(&mut self, entry: &Entry, waited: bool) {
        let back = entry.request.is_some() && entry.request == self.odd.echo;
        let handed_on = self.standing.role != Role::Leader;
        if self.bugs.has(Bug::EndlessReapply) && handed_on && (waited || back) {
            self.odd.again = Some(entry.command.clone());
        }
    }

    /// `endless-reapply`: proposes again what has come back. Only the latest one, and only with a client's write: a store
    /// that did nothing else would not live long enough to be found out.
    pub(super) fn propose_again(&mut self) {
        let Some(command) = self.odd.again.take() else { return };
        self.odd.echo = self.numbers.take();
        let proposal = self.odd.echo.map(|request| Event::Propose { request, command });
        self.events.extend(proposal);
    }
}
