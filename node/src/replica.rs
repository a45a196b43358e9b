//! A member of the cluster as a thing without threads: everything about it that does not wait, lock or touch the outside.
//!
//! Owns what lies between the Raft core and the world: who waits for what, what becomes of the core's effects, what is
//! reported as durable when, what committed entries do, and what a client is told. Refuses to own time, sockets, files,
//! threads and locks: those are a shell's.
//!
//! ```text
//!   inputs --turn--> Raft::step_all --effects--> Write  -> Shell::append    (comes back as Input::Persisted)
//!                          ^                     Send   -> Shell::send, or kept until its write is durable
//!                     next_deadline              Apply, ReadReady -> Shell::apply, Shell::release_at
//!                                                Refuse, Forget   -> Shell::answer_write, Shell::answer_read
//! ```
//!
//! There are two shells: the server ([`crate::server`]: tokio, tonic, real files, the clock), and any other world that
//! somebody makes up for a member. Both run this code, and both put the same parts around it:
//!
//! | part | what | a shell adds |
//! |---|---|---|
//! | [`plan`], [`Query`], [`Answer`] | what a client's request needs, and what is answered | connections, time-outs, admission |
//! | [`Replica`] | requests, messages and effects, turn by turn | a queue of inputs, an alarm |
//! | [`Journal`] | group commit on any [`Disk`](crate::storage::Disk) | a thread that may block |
//! | [`run_batch`], [`Readers`] | what committed entries do, who may read | the store's lock, a thread for long ones |
//! | [`Backlog`], [`Door`] | what is thrown away for a slow peer; whose messages are listened to | streams |
//!
//! A leader whose disk is still busy with the last write keeps client writes back until it is done, or for
//! [`Limits::hold_max`]: they could not be durable here any sooner, and one larger batch costs every node less than two
//! small ones. With one client at a time nothing is ever kept back.
//!
//! Everything that has come up is one turn, so that proposals that came together share a write and a message, and all
//! reads of a turn share one read position.
//!
//! Invariants:
//! - A message leaves no earlier than the write it is bound to is durable.
//! - Every request that was taken is answered once, or its client has given up.

use std::mem;

use crate::bugs::{Bug, Bugs};
use crate::kv::{KvResponse, Store, decode_command};
use crate::raft::{
    Config, Effect, Entry, Event, IoSeq, LogIndex, Message, Nanos, NodeId, Raft, Recovered,
    RequestId, Role, Status, Term,
};

mod backlog;
mod broken;
mod desk;
mod door;
mod failure;
mod journal;
mod limits;
mod machine;
mod numbers;
mod promise;
mod waiting;

pub use backlog::{BACKLOG_BYTES_MAX, BACKLOG_MESSAGES_MAX, Backlog, Dropped, size_hint};
pub use desk::{Answer, Call, Plan, Query, plan};
pub use door::{Claim, Door, Members, PROTOCOL, Refused};
pub use failure::{Failure, LEADER_TRAILER, OUTCOME_TRAILER, Outcome};
pub use journal::{GROUP_MAX_DEFAULT, Group, Journal, Report, WalJob};
pub use limits::Limits;
pub use machine::{Applied, Batch, Ran, Readers, encode_applied, run_batch};
pub use numbers::{INCARNATION_MAX, RequestNumbers};

use broken::Oddities;
use promise::promise;
use waiting::{Waiting, Writer};

/// Room for the events of a turn that is kept for the next; a turn with a large backlog gives its own back.
const EVENTS_KEPT: usize = 1024;

/// Something for a member. Writes and reads come with a ticket each, which comes back with the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<W, R> {
    /// A client wants to write.
    Write {
        /// For the log.
        command: Vec<u8>,
        /// For the answer.
        ticket: W,
    },
    /// A client wants a linearizable read.
    Read {
        /// For the answer.
        ticket: R,
    },
    /// Messages of a peer, in the order in which it sent them.
    Deliver {
        /// The sender.
        from: NodeId,
        /// What it says.
        messages: Vec<Message>,
    },
    /// The connection to a peer broke, or could not be opened.
    Unreachable(NodeId),
    /// Forwarded writes that were thrown away before they left this node.
    NeverSent(Vec<RequestId>),
    /// The disk has every write up to this one.
    Persisted(IoSeq),
}

/// What a member asks of whoever runs it. Calls come in the order in which they must be carried out.
pub trait Shell<W, R> {
    /// Append to the log; report [`Input::Persisted`] with the job's number once it is durable.
    fn append(&mut self, job: WalJob);

    /// Send a message; it may be lost. Returns the writes among what was thrown away to make room for it.
    fn send(&mut self, to: NodeId, message: Message) -> Vec<RequestId>;

    /// Apply a batch to the store, now or later but in order, and answer those who wait for it.
    fn apply(&mut self, batch: Batch<W>) -> Result<(), Broken>;

    /// Let readers go (an `Ok` for each) once everything up to `index` is in the store.
    fn release_at(&mut self, index: LogIndex, tickets: Vec<R>);

    /// Tell a client what came of its write.
    fn answer_write(&mut self, ticket: W, result: Result<KvResponse, Failure>);

    /// Tell a client that it may read the store from now on, or that it may not.
    fn answer_read(&mut self, ticket: R, result: Result<(), Failure>);

    /// Whether nobody waits for this write any more.
    fn gave_up(&self, ticket: &W) -> bool;

    /// Look at the store as it is. Asked for by built-in bugs only.
    fn look<T>(&self, look: impl FnOnce(&Store) -> T) -> T;

    /// Take note of the member's role, term and leader.
    fn stand(&mut self, standing: Standing);
}

/// The store broke, so nothing can be applied any more: the member has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store broke while entries were applied")]
pub struct Broken;

/// Role, term and leader, which belong together: a leader is one of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The role.
    pub role: Role,
    /// The term.
    pub term: Term,
    /// The leader of this term, if known.
    pub leader: Option<NodeId>,
}

/// One life of a member: the core, the requests that wait, and what becomes of effects.
#[derive(Debug)]
pub struct Replica<W, R> {
    raft: Raft,
    numbers: RequestNumbers,
    bugs: Bugs,
    hold_max: Nanos,
    standing: Standing,
    waiting: Waiting<W, R>,
    odd: Oddities<W>,
    /// The turn in the making; empty between turns, kept for their room.
    events: Vec<Event>,
    readers: Vec<R>,
    effects: Vec<Effect>,
}

impl<W, R> Replica<W, R> {
    /// A member as its disk remembers it, at its `incarnation`-th start. No two starts of a node may share one, and none
    /// may be above [`INCARNATION_MAX`].
    ///
    /// # Panics
    /// As [`Raft::new`].
    pub fn new(config: Config, recovered: Recovered, incarnation: u64, now: Nanos) -> Self {
        let (id, bugs) = (config.id, config.bugs);
        let odd = Oddities::new(id, &recovered);
        let incarnation = if bugs.has(Bug::NoIncarnation) { 0 } else { incarnation };
        let raft = Raft::new(config, recovered, now);
        let Status { role, term, leader, .. } = raft.status();
        Self {
            raft,
            numbers: RequestNumbers::new(id, incarnation),
            bugs,
            hold_max: Limits::default().hold_max,
            standing: Standing { role, term, leader },
            waiting: Waiting::default(),
            odd,
            events: Vec::new(),
            readers: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// With another [`Limits::hold_max`] than the default.
    #[must_use]
    pub fn with_hold_max(mut self, hold_max: Nanos) -> Self {
        self.hold_max = hold_max;
        self
    }

    /// Takes what has come up, as one step of the core, and has the shell carry out what follows; `now` is the node's own
    /// monotonic clock. To be called with no inputs when [`next_deadline`](Self::next_deadline) has come. After an error
    /// the member must not be used any more.
    pub fn turn(
        &mut self,
        now: Nanos,
        inputs: impl IntoIterator<Item = Input<W, R>>,
        shell: &mut impl Shell<W, R>,
    ) -> Result<(), Broken> {
        for input in inputs {
            self.take(input, shell);
        }
        self.take_readers(shell);
        self.retry();
        self.take_fresh(now, shell);
        if self.raft.next_deadline() <= now {
            // Last: a node that was stopped for a while first hears what its peers have said meanwhile.
            self.events.push(Event::Tick);
        }
        let mut effects = mem::take(&mut self.effects);
        self.raft.step_all(now, self.events.drain(..), &mut effects);
        self.events.shrink_to(EVENTS_KEPT);
        let done = effects.drain(..).try_for_each(|effect| self.perform(effect, shell));
        self.effects = effects;
        done
    }

    /// When there is something to do even if nothing happens.
    pub fn next_deadline(&self) -> Nanos {
        let raft = self.raft.next_deadline();
        self.waiting.hold_until.map_or(raft, |until| until.min(raft))
    }

    /// Answers everybody, as the member is about to end: nobody shall wait for an answer that will not come.
    pub fn stop(&mut self, shell: &mut impl Shell<W, R>) {
        for (_, ticket) in mem::take(&mut self.waiting.fresh) {
            shell.answer_write(ticket, Err(Failure::Stopping));
        }
        for writer in mem::take(&mut self.waiting.writes).into_values() {
            shell.answer_write(writer.ticket, Err(Failure::Stopped));
        }
        for ticket in self.odd.take_retries() {
            shell.answer_write(ticket, Err(Failure::Stopped));
        }
        for ticket in mem::take(&mut self.waiting.reads).into_values().flatten() {
            shell.answer_read(ticket, Err(Failure::Stopping));
        }
    }

    /// How the core stands.
    pub fn status(&self) -> Status {
        self.raft.status()
    }

    /// The core, to look at.
    pub const fn raft(&self) -> &Raft {
        &self.raft
    }

    /// Role, term and leader, as the shell was told last.
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Client writes that were taken and not answered, those kept back included.
    pub fn pending(&self) -> usize {
        self.waiting.writes.len() + self.waiting.fresh.len() + self.odd.retries()
    }
}

/// Inputs.
impl<W, R> Replica<W, R> {
    fn take(&mut self, input: Input<W, R>, shell: &mut impl Shell<W, R>) {
        match input {
            Input::Write { command, ticket } => self.waiting.fresh.push((command, ticket)),
            Input::Read { ticket } => self.readers.push(ticket),
            Input::Deliver { from, messages } => {
                let receive = |message| Event::Receive { from, message };
                self.events.extend(messages.into_iter().map(receive));
            }
            Input::Unreachable(peer) => self.events.push(Event::Unreachable(peer)),
            Input::NeverSent(requests) => self.never_sent(requests, shell),
            Input::Persisted(io) => {
                self.persisted(io, shell);
                self.events.push(Event::Persisted(io));
            }
        }
    }

    /// All readers of a turn came before it, so one position serves them all.
    fn take_readers(&mut self, shell: &mut impl Shell<W, R>) {
        if self.readers.is_empty() {
            return;
        }
        let readers = mem::take(&mut self.readers);
        if self.replays() {
            return shell.release_at(LogIndex(0), readers);
        }
        let readers = self.reuse_question(readers);
        if readers.is_empty() {
            return;
        }
        let Some(request) = self.numbers.take() else {
            for ticket in readers {
                shell.answer_read(ticket, Err(Failure::TooManyRequests));
            }
            return;
        };
        self.waiting.reads.insert(request, readers);
        self.events.push(Event::Read { request });
    }

    /// Hands client writes to the core, unless they had better wait for the disk.
    fn take_fresh(&mut self, now: Nanos, shell: &mut impl Shell<W, R>) {
        let leads = self.standing.role == Role::Leader;
        if self.waiting.fresh.is_empty() || self.waiting.holds_writes(now, leads, self.hold_max) {
            return;
        }
        let mut fresh = mem::take(&mut self.waiting.fresh);
        for (command, ticket) in fresh.drain(..) {
            self.take_write(command, ticket, shell);
        }
        self.waiting.fresh = fresh;
    }

    fn take_write(&mut self, command: Vec<u8>, ticket: W, shell: &mut impl Shell<W, R>) {
        if shell.gave_up(&ticket) {
            return;
        }
        let Some(request) = self.numbers.take() else {
            shell.answer_write(ticket, Err(Failure::TooManyRequests));
            return;
        };
        let decides = self.bugs.has(Bug::ProposeTimeCas);
        let command = if decides { broken::decided(command, shell) } else { command };
        let kept = broken::keeps_commands(self.bugs).then(|| command.clone());
        self.waiting.writes.insert(request, Writer { ticket, command: kept });
        self.events.push(Event::Propose { request, command });
        self.propose_again();
    }

    /// Messages that waited for the disk leave in the order of the writes they waited for.
    fn persisted(&mut self, io: IoSeq, shell: &mut impl Shell<W, R>) {
        self.waiting.persisted = self.waiting.persisted.max(io);
        while let Some(first) = self.waiting.sends.first_entry()
            && *first.key() <= io
        {
            for (to, message) in first.remove() {
                self.send(to, message, shell);
            }
        }
    }
}

/// Effects.
impl<W, R> Replica<W, R> {
    fn perform(&mut self, effect: Effect, shell: &mut impl Shell<W, R>) -> Result<(), Broken> {
        match effect {
            Effect::Write { io, hard, entries } => {
                self.waiting.issued = io;
                shell.append(WalJob { io, hard, entries });
            }
            Effect::Send { to, message, after } if after <= self.waiting.persisted => {
                self.send(to, message, shell);
            }
            Effect::Send { to, message, after } => {
                self.waiting.sends.entry(after).or_default().push((to, message));
            }
            Effect::Apply { entries } => return self.apply(&entries, shell),
            Effect::ReadReady { request, index } => self.read_ready(request, index, shell),
            Effect::Refuse { request, reason } => self.refuse(request, reason.into(), shell),
            Effect::Forget { request } => self.forget(request, shell),
            Effect::Appended { request, index } => self.appended(request, index, shell),
            Effect::Role { role, term, leader } => {
                self.standing = Standing { role, term, leader };
                shell.stand(self.standing);
            }
        }
        Ok(())
    }

    fn send(&mut self, to: NodeId, message: Message, shell: &mut impl Shell<W, R>) {
        self.answer_handed_on(&message, shell);
        let lost = shell.send(to, message);
        if !lost.is_empty() {
            self.never_sent(lost, shell);
        }
    }

    fn apply(&mut self, entries: &[Entry], shell: &mut impl Shell<W, R>) -> Result<(), Broken> {
        let mut tickets = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let writer = self.writer_of(entry);
            self.apply_again(entry, writer.is_some());
            tickets.extend(writer.map(|writer| (position, writer.ticket)));
        }
        let origin = self.odd.origin_of(self.bugs, entries);
        let batch = Batch::new(entries, tickets);
        batch.map_or(Ok(()), |batch| shell.apply(batch.with_origin(origin)))
    }

    /// Who waits for what `entry` comes to.
    fn writer_of(&mut self, entry: &Entry) -> Option<Writer<W>> {
        if broken::keeps_commands(self.bugs) {
            return self.some_writer_of(entry);
        }
        self.waiting.writes.remove(&entry.request?)
    }

    fn read_ready(&mut self, request: RequestId, index: LogIndex, shell: &mut impl Shell<W, R>) {
        let early = self.bugs.has(Bug::ReadBeforeApply);
        let index = if early { LogIndex(0) } else { index };
        if let Some(tickets) = self.waiting.reads.remove(&request) {
            shell.release_at(index, tickets);
        }
    }

    fn refuse(&mut self, request: RequestId, failure: Failure, shell: &mut impl Shell<W, R>) {
        if let Some(tickets) = self.waiting.reads.remove(&request) {
            for ticket in tickets {
                shell.answer_read(ticket, Err(failure.clone()));
            }
        } else {
            self.fail_write(request, failure, shell);
        }
    }

    /// Forwarded writes that this node threw away itself.
    fn never_sent(&mut self, requests: Vec<RequestId>, shell: &mut impl Shell<W, R>) {
        for request in requests {
            self.fail_write(request, Failure::LeaderUnreachable, shell);
        }
    }

    fn fail_write(&mut self, request: RequestId, failure: Failure, shell: &mut impl Shell<W, R>) {
        if let Some(writer) = self.waiting.writes.remove(&request) {
            shell.answer_write(writer.ticket, Err(failure));
        }
    }

    /// It may be committed, or not: nobody here knows.
    fn forget(&mut self, request: RequestId, shell: &mut impl Shell<W, R>) {
        if self.holds_on_to(request) {
            return;
        }
        let sure = self.bugs.has(Bug::FailMeansMaybe);
        let failure = if sure { Failure::NoLeader } else { Failure::LeaderChanged };
        self.fail_write(request, failure, shell);
    }

    /// Nothing to do but for built-in bugs.
    fn appended(&mut self, request: RequestId, index: LogIndex, shell: &mut impl Shell<W, R>) {
        self.note_place(request, index);
        if self.bugs.has(Bug::AckOnAppend) {
            self.answer_by_promise(request, shell);
        }
    }

    /// Answers a write as if it were applied to the store as it is: built-in bugs only.
    fn answer_by_promise(&mut self, request: RequestId, shell: &mut impl Shell<W, R>) {
        let Some(writer) = self.waiting.writes.remove(&request) else { return };
        let command = writer.command.unwrap_or_default();
        let result =
            shell.look(|store| decode_command(&command).and_then(|asked| promise(store, &asked)));
        shell.answer_write(writer.ticket, result.map_err(Failure::Refused));
    }
}

#[cfg(test)]
mod tests;
