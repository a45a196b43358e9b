//! What nodes have written, made durable and committed, as somebody sees it who sees everything.

use std::collections::{BTreeMap, VecDeque};

use rashomon_node::raft::{Entry, HardState, IoSeq, LogIndex, RequestId, Status, Term};
use rashomon_node::replica::Outcome;
use rashomon_node::storage::Replay;

use super::Sight;
use crate::sim::trace::Hash;

/// What stands at one index of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) struct Mark {
    /// The entry's term.
    pub(in crate::sim) term: Term,
    /// The request that it came from; `None` for a leader's no-op.
    pub(in crate::sim) request: Option<RequestId>,
    /// A hash of its command.
    pub(in crate::sim) command: u64,
}

/// One node.
#[derive(Debug, Default)]
pub(in crate::sim) struct Shadow {
    /// Its core as of its last turn in this life; `None` if it is down or has had no turn.
    pub(in crate::sim) status: Option<Status>,
    /// Everything that its core has handed to its log in this life, on what the disk held before.
    pub(in crate::sim) written: Vec<Mark>,
    /// The latest hard state that was handed to its log.
    pub(in crate::sim) hard: HardState,
    /// What the last write to its log replaced, from that write's first entry on.
    pub(in crate::sim) replaced: Vec<Mark>,
    /// What of that the disk has reported as durable.
    pub(in crate::sim) durable: Vec<Mark>,
    /// The hard state that is durable.
    pub(in crate::sim) durable_hard: HardState,
    /// Writes that are not reported as durable, oldest first.
    pub(in crate::sim) pending: VecDeque<Pending>,
    /// The last write that is durable, in this life.
    pub(in crate::sim) durable_io: IoSeq,
    /// What the last sync changed on the disk.
    pub(in crate::sim) last_sync: Undo,
    /// Whether its disk was damaged since it last read it.
    pub(in crate::sim) damaged: bool,
    /// Up to where it may have vouched for entries that are gone since its disk was damaged.
    pub(in crate::sim) vouched: LogIndex,
    /// The commands of clients' writes that are under way here, by ticket.
    pub(in crate::sim) asked: BTreeMap<u64, u64>,
}

/// How a disk's image looked before a sync.
#[derive(Debug, Default)]
pub(in crate::sim) struct Undo {
    /// So many entries were the same.
    pub(in crate::sim) kept: usize,
    /// Those that came behind them.
    pub(in crate::sim) cut: Vec<Mark>,
    /// The hard state.
    pub(in crate::sim) hard: HardState,
}

/// What became of a command. Two of clients' commands may be alike: so these are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sim) struct Fate {
    /// How often a client asked for it.
    pub(in crate::sim) asked: u32,
    /// How often a client was told that it surely has no effect.
    pub(in crate::sim) refused: u32,
    /// How often it stands in the committed log.
    pub(in crate::sim) committed: u32,
}

/// A write that is under way to the disk.
#[derive(Debug, Clone)]
pub(in crate::sim) struct Pending {
    pub(in crate::sim) io: IoSeq,
    pub(in crate::sim) hard: Option<HardState>,
    pub(in crate::sim) first: LogIndex,
    pub(in crate::sim) marks: Vec<Mark>,
}

/// All nodes, and what they agreed on.
#[derive(Debug)]
pub(in crate::sim) struct Shadows {
    pub(in crate::sim) nodes: Vec<Shadow>,
    /// What stood in the log of the first node that called an index committed, from index 1 on.
    pub(in crate::sim) committed: Vec<Mark>,
    /// In which term that node was.
    pub(in crate::sim) committed_in: Vec<Term>,
    /// How many were committed before the last turn.
    committed_before: usize,
    /// What became of clients' commands, by hash.
    fates: BTreeMap<u64, Fate>,
}

/// The hash of a command.
fn hash_of(command: &[u8]) -> u64 {
    let mut hash = Hash::default();
    hash.bytes(command);
    hash.value()
}

impl Mark {
    /// Of an entry.
    pub(in crate::sim) fn of(entry: &Entry) -> Self {
        Self { term: entry.term, request: entry.request, command: hash_of(&entry.command) }
    }
}

impl Pending {
    /// What a log is once this is in it.
    pub(in crate::sim) fn add_to(&self, log: &mut Vec<Mark>) {
        if !self.marks.is_empty() {
            log.truncate(before(self.first));
            log.extend_from_slice(&self.marks);
        }
    }
}

/// How many entries come before an index.
pub(in crate::sim) fn before(index: LogIndex) -> usize {
    usize::try_from(index.prev().0).unwrap_or(usize::MAX)
}

/// The index of an entry that so many come before.
pub(in crate::sim) const fn behind(entries: usize) -> LogIndex {
    LogIndex(entries as u64 + 1)
}

/// What stands at an index of a log.
pub(in crate::sim) fn at(log: &[Mark], index: LogIndex) -> Option<Mark> {
    log.get(before(index)).copied().filter(|_| index.0 > 0)
}

impl Undo {
    /// The image of the disk as it was, from the image as it is.
    pub(in crate::sim) fn undo(&self, image: &[Mark]) -> Vec<Mark> {
        image.iter().take(self.kept).chain(&self.cut).copied().collect()
    }

    /// Notes that a write is about to change the image.
    fn note(&mut self, pending: &Pending, image: &[Mark]) {
        let kept = before(pending.first);
        if !pending.marks.is_empty() && kept < self.kept {
            self.cut.splice(..0, image[kept..self.kept].iter().copied());
            self.kept = kept;
        }
    }
}

impl Shadow {
    /// What stands at an index of its log, durable or not.
    pub(in crate::sim) fn mark(&self, index: LogIndex) -> Option<Mark> {
        at(&self.written, index)
    }

    /// Whether its disk has this entry, or had it and may have said so before it was damaged.
    pub(in crate::sim) fn vouches_for(&self, index: LogIndex, mark: Mark) -> bool {
        index <= self.vouched || at(&self.durable, index) == Some(mark)
    }

    fn boot(&mut self, replay: &Replay) {
        self.written = replay.entries.iter().map(Mark::of).collect();
        self.durable.clone_from(&self.written);
        (self.hard, self.durable_hard) = (replay.hard, replay.hard);
        self.last_sync = Undo { kept: self.durable.len(), cut: Vec::new(), hard: replay.hard };
        self.replaced.clear();
        self.pending.clear();
        self.durable_io = IoSeq(0);
        self.status = None;
        self.damaged = false;
    }

    fn write(&mut self, pending: Pending) {
        self.replaced.clear();
        if !pending.marks.is_empty() {
            let kept = before(pending.first).min(self.written.len());
            self.replaced.extend(self.written.drain(kept..));
        }
        pending.add_to(&mut self.written);
        self.hard = pending.hard.unwrap_or(self.hard);
        self.pending.push_back(pending);
    }

    fn sync(&mut self, io: IoSeq) {
        let hard = self.durable_hard;
        let mut undo = Undo { kept: self.durable.len(), cut: Vec::new(), hard };
        while self.pending.front().is_some_and(|next| next.io <= io) {
            let Some(pending) = self.pending.pop_front() else { break };
            undo.note(&pending, &self.durable);
            pending.add_to(&mut self.durable);
            self.durable_hard = pending.hard.unwrap_or(self.durable_hard);
        }
        self.last_sync = undo;
        self.durable_io = io;
    }
}

impl Shadows {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            nodes: (0..nodes).map(|_| Shadow::default()).collect(),
            committed: Vec::new(),
            committed_in: Vec::new(),
            committed_before: 0,
            fates: BTreeMap::new(),
        }
    }

    /// How many nodes have this entry on disk, or had it before their disks were damaged.
    pub(in crate::sim) fn disks_with(&self, index: LogIndex, mark: Mark) -> usize {
        self.nodes.iter().filter(|shadow| shadow.vouches_for(index, mark)).count()
    }

    /// How many nodes make a majority.
    pub(in crate::sim) const fn majority(&self) -> usize {
        self.nodes.len() / 2 + 1
    }

    /// What was called committed in the last turn and by nobody before.
    pub(in crate::sim) fn newly_committed(&self) -> impl Iterator<Item = (LogIndex, Mark)> {
        let fresh = self.committed.iter().enumerate().skip(self.committed_before);
        fresh.map(|(entries, mark)| (behind(entries), *mark))
    }

    /// What became of a command until now.
    pub(in crate::sim) fn fate(&self, command: u64) -> Fate {
        self.fates.get(&command).copied().unwrap_or_default()
    }

    /// Notes what invariants are to find noted when they are asked: writes, what is durable, what clients want.
    pub(super) fn before(&mut self, sight: &Sight<'_>) {
        match sight {
            Sight::Wrote { node, job } => {
                let marks: Vec<Mark> = job.entries.iter().map(Mark::of).collect();
                let first = job.entries.first().map_or(LogIndex(0), |entry| entry.index);
                self.nodes[*node].write(Pending { io: job.io, hard: job.hard, first, marks });
            }
            Sight::Durable { node, io } => self.nodes[*node].sync(*io),
            Sight::Turned { node, status, .. } => self.note_commits(*node, status),
            Sight::WriteAsked { node, ticket, command } => {
                let command = hash_of(command);
                self.nodes[*node].asked.insert(*ticket, command);
                self.fates.entry(command).or_default().asked += 1;
            }
            Sight::WriteAnswered { node, ticket, result: Err(failure) }
                if failure.outcome_of_write() == Outcome::Fail =>
            {
                if let Some(command) = self.nodes[*node].asked.get(ticket) {
                    self.fates.entry(*command).or_default().refused += 1;
                }
            }
            _ => {}
        }
    }

    fn note_commits(&mut self, node: usize, status: &Status) {
        self.committed_before = self.committed.len();
        while (self.committed.len() as u64) < status.commit.0 {
            let next = behind(self.committed.len());
            let Some(mark) = self.nodes[node].mark(next) else { return };
            self.committed.push(mark);
            self.committed_in.push(status.term);
            if mark.request.is_some() {
                self.fates.entry(mark.command).or_default().committed += 1;
            }
        }
    }

    /// Notes what invariants compare the sight with: how a node stood before.
    pub(super) fn after(&mut self, sight: &Sight<'_>) {
        match sight {
            Sight::Booted { node, replay } => self.nodes[*node].boot(replay),
            Sight::Died { node } => {
                self.nodes[*node].status = None;
                self.nodes[*node].asked.clear();
            }
            Sight::Damaged { node } => {
                let shadow = &mut self.nodes[*node];
                shadow.damaged = true;
                shadow.vouched = shadow.vouched.max(behind(shadow.durable.len()).prev());
            }
            Sight::Turned { node, status, .. } => {
                self.nodes[*node].status.replace((*status).clone());
            }
            Sight::Applied { node, ticket: Some(ticket), .. }
            | Sight::WriteAnswered { node, ticket, .. } => {
                self.nodes[*node].asked.remove(ticket);
            }
            _ => {}
        }
    }
}
