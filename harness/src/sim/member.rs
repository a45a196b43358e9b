//! A member of the simulated cluster: the node's own parts, put together as the server puts them together, without threads.
//!
//! ```text
//!   letters, news of the disk --> mailbox --turn--> Replica --> Clerk:  append  -> jobs -> Journal on a MemDisk, done later
//!                                                                      send    -> Network
//!                                                                      apply   -> Store, at once or after a while
//!                                                                      answers -> Network, to the client
//! ```
//!
//! Owns the life of a process: boot from what the disk kept, turns, syncs, death. Refuses to own when things happen (the
//! world's heap) and what must hold (the watch).

use std::collections::BTreeMap;

use rashomon_node::raft::{Config, IoSeq, Nanos, NodeId, Role};
use rashomon_node::replica::{Broken, Claim, Door, Group, Input, Journal, Replica, Report};
use rashomon_node::storage::memory::MemDisk;
use rashomon_node::storage::{Replay, WalError, WalOptions};

use super::part::Part;
use super::watch::{Sight, Watch};

mod clerk;
mod desk;
mod shop;

use clerk::Clerk;
pub(super) use clerk::{Street, forwarded};
use shop::Shop;

/// Inputs that make one turn, at most: as in the server.
const TURN_INPUTS_MAX: usize = 512;

/// What comes to a process.
pub(super) type Mail = Input<u64, u64>;

/// What never changes about a member.
#[derive(Debug, Clone)]
pub(super) struct Nature {
    /// Its place, from 0.
    pub(super) node: usize,
    /// The core's configuration, but for the seed.
    pub(super) config: Config,
    /// Whose log it is.
    pub(super) wal: WalOptions,
    /// Writes in a group of the log.
    pub(super) group_max: usize,
    /// How long a leader keeps writes back for its disk.
    pub(super) hold_max: Nanos,
    /// Whether entries are applied some time after they are committed, instead of at once.
    pub(super) slow_apply: bool,
}

/// A running process.
#[derive(Debug)]
pub(super) struct Process {
    replica: Replica<u64, u64>,
    journal: Journal<MemDisk>,
    disk: MemDisk,
    shop: Shop,
    door: Door,
    /// The lives of peers that the door has let in last: it is asked once for each.
    heard: BTreeMap<NodeId, u64>,
    /// The last write that was handed to the journal.
    taken: IoSeq,
    syncing: Option<Syncing>,
    lazy_due: Option<Nanos>,
}

/// A sync under way.
#[derive(Debug)]
struct Syncing {
    /// What to report when it is over; nothing if that was done before.
    report: Option<IoSeq>,
    /// What is durable then.
    durable: IoSeq,
    failed: Option<WalError>,
}

/// What a step of a process asks of the world.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// A sync has begun: from this mark on the disk's calls are its own.
    pub(super) sync_from: Option<usize>,
    /// A sync that nobody waits for is due at this local time.
    pub(super) lazy: Option<Nanos>,
    /// There is a batch to apply.
    pub(super) apply: bool,
    /// The process ends by itself, for this reason.
    pub(super) end: Option<String>,
}

/// A process that has read its disk, and does not work yet.
#[derive(Debug)]
pub(super) struct Waking {
    journal: Journal<MemDisk>,
    replay: Replay,
    disk: MemDisk,
    incarnation: u64,
}

impl Waking {
    /// Opens the log, for the `incarnation`-th life of a node.
    pub(super) fn read(
        nature: &Nature,
        disk: &MemDisk,
        incarnation: u64,
    ) -> Result<Self, WalError> {
        let options = WalOptions { must_exist: incarnation > 1, ..nature.wal };
        let (journal, replay) = Journal::open(disk.clone(), options)?;
        Ok(Self { journal, replay, disk: disk.clone(), incarnation })
    }

    /// Begins to work, at this local time and with randomness of its own.
    pub(super) fn wake(self, nature: &Nature, seed: u64, now: Nanos, watch: &mut Watch) -> Process {
        watch.see(&Sight::Booted { node: nature.node, replay: &self.replay });
        let config = Config { seed, ..nature.config.clone() };
        let claim = Claim {
            cluster: nature.wal.cluster_id,
            id: config.id,
            members: config.members.clone(),
        };
        let replica = Replica::new(config, self.replay.into(), self.incarnation, now);
        Process {
            replica: replica.with_hold_max(nature.hold_max),
            journal: self.journal.with_group_max(nature.group_max),
            disk: self.disk,
            shop: Shop::new(nature),
            door: Door::new(claim).with_bugs(nature.config.bugs),
            heard: BTreeMap::new(),
            taken: IoSeq(0),
            syncing: None,
            lazy_due: None,
        }
    }
}

impl Process {
    /// Whether a letter of a peer's life may come in: not one of a life before the newest that was heard of.
    pub(super) fn admits(&mut self, from: NodeId, incarnation: u64) -> bool {
        if self.heard.get(&from) == Some(&incarnation) {
            return true;
        }
        let Claim { cluster, id, members } = self.door.claim().clone();
        let hello = Claim { cluster, id: from, members }.hello(id, incarnation);
        let admitted = self.door.admit(&hello).is_ok();
        if admitted {
            self.heard.insert(from, incarnation);
        }
        admitted
    }

    /// Takes what is in the mailbox as one turn. What does not fit stays there.
    pub(super) fn turn(
        &mut self,
        local: Nanos,
        mailbox: &mut Vec<Mail>,
        street: &mut Street<'_>,
    ) -> Wishes {
        let mut wishes = Wishes::default();
        let count = mailbox.len().min(TURN_INPUTS_MAX);
        let mut clerk = Clerk { shop: &mut self.shop, street };
        if let Err(Broken) = self.replica.turn(local, mailbox.drain(..count), &mut clerk) {
            wishes.end = Some("the store broke".to_owned());
        }
        let (status, raft) = (self.replica.status(), self.replica.raft());
        street.watch.see(&Sight::Turned { node: self.shop.node, status: &status, raft });
        if matches!(status.role, Role::PreCandidate | Role::Candidate) {
            let (node, until) = (self.shop.node, raft.next_deadline());
            street.watch.see(&Sight::Waits { node, now: local, until });
        }
        wishes.apply = self.shop.has_batches();
        let part = street.watch.marker.set(Part::Logs);
        self.log(local, mailbox, &mut wishes);
        street.watch.marker.set(part);
        wishes
    }

    /// Hands jobs to the log if it is idle.
    fn log(&mut self, local: Nanos, mailbox: &mut Vec<Mail>, wishes: &mut Wishes) {
        if self.syncing.is_some() || self.shop.jobs.is_empty() {
            return;
        }
        let jobs = &mut self.shop.jobs;
        match self.journal.take(local, std::iter::from_fn(|| jobs.pop_front())) {
            Ok(None) => {}
            Ok(Some(Group { last, report: Report::AfterSync })) => {
                self.taken = last;
                wishes.sync_from = Some(self.sync(Some(last)));
            }
            Ok(Some(Group { last, report: Report::AtOnce { sync_by } })) => {
                self.taken = last;
                mailbox.push(Mail::Persisted(last));
                if self.lazy_due != Some(sync_by) {
                    self.lazy_due = Some(sync_by);
                    wishes.lazy = Some(sync_by);
                }
            }
            Err(error) => wishes.end = Some(error.to_string()),
        }
    }

    fn sync(&mut self, report: Option<IoSeq>) -> usize {
        let mark = self.disk.mark();
        let failed = self.journal.sync().err();
        self.syncing = Some(Syncing { report, durable: self.taken, failed });
        mark
    }

    /// A sync that nobody waits for may be due; the mark from which on calls are its own.
    pub(super) fn sync_lazily(&mut self, local: Nanos) -> Option<usize> {
        let due = self.journal.sync_due().is_some_and(|due| due <= local);
        (due && self.syncing.is_none()).then(|| self.sync(None))
    }

    /// The sync under way is over; what to report, or why nothing can be made durable any more.
    pub(super) fn synced(&mut self, watch: &mut Watch) -> Result<Option<Mail>, String> {
        let Some(sync) = self.syncing.take() else { return Ok(None) };
        if let Some(error) = sync.failed {
            return Err(error.to_string());
        }
        watch.see(&Sight::Durable { node: self.shop.node, io: sync.durable });
        Ok(sync.report.map(Mail::Persisted))
    }

    /// Applies the next batch that waits; whether there is another one.
    pub(super) fn apply_next(&mut self, street: &mut Street<'_>) -> bool {
        Clerk { shop: &mut self.shop, street }.apply_next();
        self.shop.has_batches()
    }

    /// When it wants a turn even if nothing comes, in local time.
    pub(super) fn next_deadline(&self) -> Nanos {
        self.replica.next_deadline()
    }

    /// The replica, to look at.
    pub(super) const fn replica(&self) -> &Replica<u64, u64> {
        &self.replica
    }

    /// What it has besides core and log, to look at.
    pub(super) const fn shop(&self) -> &Shop {
        &self.shop
    }
}
