//! Known consensus bugs as switches, all off by default.
//!
//! Each is one wrong line somewhere in this crate, behind a plain `if` on a value that is fixed when a node starts
//! ([`Bugs::has`]). What clients can see of it, where it comes from and what brings it out stands in one row of a table
//! ([`Bug::about`]), from which names, identifiers and everything that `list bugs` shows are taken. Identifiers such as
//! `R01` are those of the project's catalogue ([`CATALOGUE`]), which also says what is not built yet, and why.
//!
//! Invariants, held by the compiler or by tests: each bug has one row; names and identifiers are unique; a bug is listed
//! only once its branch exists and a directed test shows both that it does something and that it does nothing when it is off.
//!
//! With the cargo feature `no-bugs` no set has any bug, which the compiler knows: no branch is left in the program.

mod catalogue;
mod table;

use std::fmt;
use std::str::FromStr;

pub use catalogue::{CATALOGUE, Entry};
pub use table::{About, Class, Family, Harm, Reach};

/// Declares the bugs, so that none can be left out of [`Bug::ALL`].
macro_rules! switches {
    ($($(#[$about:meta])* $bug:ident,)*) => {
        /// One built-in bug. What is broken stands here, all else in [`Bug::about`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Bug {
            $($(#[$about])* $bug,)*
        }

        impl Bug {
            /// How many there are.
            pub const COUNT: usize = [$(Self::$bug),*].len();

            /// All of them, in the order of the catalogue.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$bug),*];
        }
    };
}

switches! {
    /// E01: a vote for another leaves before it is durable. A crash makes the voter forget it, and it votes again in
    /// the same term.
    VoteUnsynced,
    /// E02: a restarted node remembers neither term nor vote: it stands in the term of its last entry, and has voted
    /// for nobody.
    TermNotPersisted,
    /// E03: a new term is written at once, and the vote in it with the next write of the log. A crash in between leaves
    /// a term without the vote.
    VoteTermNonatomic,
    /// E04: hearing the leader of a term gives back the vote of that same term.
    VotedForResetOnAppend,
    /// E05: a vote in a later term is granted in passing: neither the term nor the vote is taken down, so every
    /// candidate of that term gets one.
    VoteWithoutTermUpdate,
    /// E06: votes are granted without comparing logs.
    VoteIgnoresLog,
    /// E07: a candidate is compared by the length of its log alone, whatever the term of its last entry.
    VoteIndexOnly,
    /// E08: a candidate has to be ahead in both the length of its log and its last term. Of two nodes with a long old
    /// and a short new log neither votes for the other.
    VoteVectorCompare,
    /// E09: answers are counted, not voters.
    VotesDoubleCounted,
    /// E10: a vote that was granted in an earlier term counts in the present one.
    StaleVoteCounted,
    /// E11: half of the members count as a quorum (shows with an even number of nodes).
    HalfQuorum,
    /// E12: three members are a quorum, however many there are: too few of seven, and all of three.
    MajorityConst3,
    /// E13: a vote that comes after the candidacy is over, and completes its majority, still makes a leader: of the
    /// present term.
    WinWithoutRecheck,
    /// E14: nothing ends an office: a leader that learns of a later term leads on in that term, and one that hears no
    /// quorum leads on in its own.
    ZombieHeartbeats,
    /// E15: answers of a later term are thrown away: a deposed leader or a late candidate does not learn of it.
    IgnoreHigherTermReply,
    /// E16: entries and heartbeats of an earlier term are taken as if they were of the present one.
    AcceptOldTermAppend,
    /// E17: asking whether an election could be won raises the term, here and at whoever is asked.
    PrevoteBumpsTerm,
    /// E18: votes and pre-votes are granted while a leader is heard.
    PrevoteNoLease,
    /// E19: every wait for an election is the same, and granting a vote does not begin it anew.
    FixedTimeouts,
    /// E20: nobody ever stands for election.
    NeverCampaigns,
    /// E21: a candidate that does not win stays a candidate and does not try again.
    StuckCandidate,
    /// E22: a candidate counts its own vote but does not note it down, and votes for a rival in the same term.
    SelfVoteUnrecorded,
    /// E23: a leader that hears nobody leads on; its heartbeats keep the others from electing another.
    NoCheckQuorum,
    /// E24: a node that led when it was killed leads on in the same term when it is back, without an election.
    ResumeAsLeader,
    /// L01: entries are taken behind an entry of any term, as long as there is one.
    NoPrevTermCheck,
    /// L02: entries that contradict those of the leader are kept, and only what lies behind them is taken.
    NoConflictTruncate,
    /// L03: everything behind the place where a message begins is replaced by what it brings, also by nothing: a late
    /// message cuts off what newer ones brought.
    TruncateAlways,
    /// L04: entries are appended at the end of the log, wherever the message says they belong.
    AppendAtEnd,
    /// L05: a late, lower answer takes back what a follower has confirmed.
    MatchRegress,
    /// L06: a follower confirms its log up to its own end, not up to the end of what it was sent.
    AckOwnLastIndex,
    /// L07: entries that do not fit into a message are left out, later and smaller ones follow, and the numbers are
    /// made to fit.
    GapInBatch,
    /// L08: a leader whose entries are rejected does not go back to where the logs agree.
    NoBackoff,
    /// L09: a leader believes rejections that are out of date and goes back below what is confirmed; a follower rolls
    /// its log back to where a heartbeat begins.
    StaleNack,
    /// L10: the place that a rejection names as a hint counts as confirmed.
    HintAsMatch,
    /// L11: the end of a disk write of an older term vouches for the entries that have replaced its own.
    AppendAba,
    /// L12: entries that contradict the leader are kept if the message begins before the first entry.
    FirstIndexZero,
    /// C01: a leader commits entries of older terms by counting.
    Figure8,
    /// C02: one acknowledgement less than a majority commits.
    CommitMinority,
    /// C03: a leader counts itself for entries that its own disk does not have.
    LeaderCountsUnsyncedSelf,
    /// C04: a follower believes a commit index up to its own last entry, not up to the last entry that the message
    /// verified.
    FollowerCommitOwnLast,
    /// C05: a lower commit index in a message takes the own one back, and what is applied with it.
    CommitRegress,
    /// C06: a heartbeat's commit index is believed up to the follower's own last entry.
    HeartbeatCommitUnbounded,
    /// C07: a write is answered when the leader has appended it, before it is committed.
    AckOnAppend,
    /// C08: a write that was under way when the leader changed is reported as failed for sure, although it may be
    /// committed.
    FailMeansMaybe,
    /// C09: a leader answers a write when an entry in its place of the log is applied, whoever's entry that is.
    WaiterByIndex,
    /// C10: a leader applies at once what other nodes hand on to it, so reads there see writes that are not committed.
    /// Their clients are answered when they are; what its own clients write waits as it should.
    UncommittedVisible,
    /// P01: nothing waits for the disk, which is synced in the background once a second. A SIGKILL takes acknowledged
    /// entries with it, and terms and votes as well, so that a node may vote twice in one term.
    AckBeforeFsync,
    /// P02: the write that fills a segment is handed to the kernel but not synced; the new segment is.
    FsyncNewSegmentOnly,
    /// P03: the directory is not synced when the log goes on in a new segment: a crash of the machine can take the
    /// whole segment, however well its bytes were synced.
    NoDirFsync,
    /// P05: what a batch of the log holds is believed whatever its checksum says. Where it makes no sense, the log
    /// ends.
    CrcIgnored,
    /// P06: damage in the middle of the log is taken for a torn end: everything behind it is cut off, segments and all.
    MidlogTruncate,
    /// P08: on replay an entry replaces the one in its own place only. What lay behind it comes back.
    TruncateNotLogged,
    /// P09: entries reach the disk at once, and the term and vote that came with them with the next write.
    IoReorder,
    /// P10: a sync that failed is tried again. What it was to write is gone from the buffer by then, so that succeeds.
    FsyncErrorRetry,
    /// P11: what a full disk did not take counts as written.
    ShortWriteOk,
    /// P12: a node without peers commits, applies and answers before its own disk has the entry.
    ApplyBeforeOwnWal,
    /// P14: a node whose log is gone begins an empty one under its old name.
    AmnesiaRejoin,
    /// P15: until everything that the disk remembers is applied, reads are answered from what is there.
    ServeBeforeReplay,
    /// P16: what the disk knew to be committed is applied twice when a node starts.
    ReplayTwice,
    /// N16: followers apply nothing, and a node that is elected takes what is committed for applied.
    TotalLossOnFailover,
    /// R01: a leader answers reads from its own state without asking a quorum, and (CheckQuorum off) leads on however
    /// long it hears none.
    LocalLeaderRead,
    /// R02: every node answers linearizable reads from its own state.
    FollowerLocalRead,
    /// R03: a leader answers reads at its commit index without asking a quorum whether it still leads. It steps down
    /// all the same when it hears none (CheckQuorum), which leaves little time for stale reads.
    ReadindexNoQuorum,
    /// R04: a new leader gives read positions before it has committed an entry of its own term, and so does not know
    /// how far the older ones are.
    ReadindexNoNoop,
    /// R05: a read is answered when its position is confirmed, not when that is applied.
    ReadBeforeApply,
    /// R06: while a question for a read position is under way, new reads are asked about under its name. The answer to
    /// the first asking then serves them all.
    ReadindexCtxReuse,
    /// R07: the answer to an earlier heartbeat confirms reads that came after it was sent.
    AckAnyRound,
    /// R08: reads outlive their leader: one that is deposed answers those under way as if they had been confirmed, and
    /// a follower believes answers of former leaders.
    ReadindexLeaderRace,
    /// R16: a read joins a round that is on its way, and its position.
    ReadJoinsOldBatch,
    /// R17: the guards of a transaction are decided on the store of the node that was asked, and only what follows from
    /// them goes through the log.
    ProposeTimeCas,
    /// R18: of a range, the first half of the keys is read as it was a few changes ago.
    TornScan,
    /// S01: a handed-on write that comes twice is appended twice.
    NoDedupe,
    /// S02: a new leader takes handed-on writes of earlier terms, of which it does not know whether they are there
    /// already.
    DedupePerTerm,
    /// S03: only the last write of each node is remembered: an older one that comes again is new.
    DedupeLastOnly,
    /// S05: the two latest handed-on writes are remembered, and what has dropped out counts as new.
    EvictThenExecute,
    /// A01: entries are applied when they are received, before they are committed. On a leader that is when it appends
    /// them, and what is applied is answered: so this is C07 as well, with true answers in place of promised ones.
    ApplyOnReceipt,
    /// A02: of entries that are applied together the last is left out. Who waits for it is told what it would have come
    /// to.
    ApplyOffByOne,
    /// A03: of one transaction in 64 the guards are taken to hold; which one depends on the node.
    NondeterministicApply,
    /// A04: entries that are handed out together are applied in an order that has nothing to do with the log's.
    ParallelApply,
    /// A06: a node that has applied a lot since it started has no room for some of the writes. The others may have.
    ErrorNotReplicated,
    /// A07: a follower that applies a write which it has handed on proposes it again.
    EndlessReapply,
    /// T01: lives of a node are not told apart: its request numbers start over with each, so that what an earlier life
    /// wrote answers the requests of this one, and whatever an earlier life said is listened to.
    NoIncarnation,
    /// T02: what a write came to is told to the client of this node that asked for one last.
    ReplyMismatch,
    /// T03: handing a write on to the leader counts as success.
    ForwardAck,
    /// T04: a write that was under way when the leader changed is proposed again, as if it were another one.
    TransportRetry,
}

impl Bug {
    /// What is known of it.
    pub const fn about(self) -> &'static About {
        table::TABLE[self as usize]
    }

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        self.about().name
    }

    /// The identifier in the bug catalogue.
    pub const fn id(self) -> &'static str {
        self.about().id
    }

    /// What is wrong, in one line.
    pub const fn summary(self) -> &'static str {
        self.about().summary
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A name that no built-in bug has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no built-in bug is called {0:?}")]
pub struct UnknownBug(pub String);

impl FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|bug| bug.name() == name || bug.id().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownBug(name.to_owned()))
    }
}

/// The set of bugs that are switched on, and whether one of them makes the core forgiving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bugs(u128);

/// The bit of a set that is no bug: some bug of it has [`Harm::Core`].
const FORGIVING: u128 = 1 << 127;

const _: () = assert!(Bug::COUNT <= 127, "a set has no bits for so many bugs");

impl Bugs {
    /// A correct build.
    pub const NONE: Self = Self(0);

    /// Whether bugs can be switched on at all: `false` with the feature `no-bugs`.
    pub const COMPILED_IN: bool = cfg!(not(feature = "no-bugs"));

    /// Whether `bug` is switched on.
    pub const fn has(self, bug: Bug) -> bool {
        Self::COMPILED_IN && self.0 & (1 << bug as u32) != 0
    }

    /// Whether one of them can lose or replace committed entries inside the Raft core. Then the core's invariants about
    /// committed entries are not asserted, and it does what naive code would do: the process has to live on for clients to
    /// see the damage.
    pub const fn forgiving(self) -> bool {
        Self::COMPILED_IN && self.0 & FORGIVING != 0
    }

    /// This set and `bug`.
    #[must_use]
    pub const fn with(self, bug: Bug) -> Self {
        let harm = if matches!(bug.about().harm, Harm::Core) { FORGIVING } else { 0 };
        Self(self.0 | (1 << bug as u32) | harm)
    }
}

impl FromIterator<Bug> for Bugs {
    fn from_iter<I: IntoIterator<Item = Bug>>(bugs: I) -> Self {
        bugs.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn names_and_identifiers_are_unique_and_lead_back() {
        let names: BTreeSet<_> = Bug::ALL.map(Bug::name).into();
        let ids: BTreeSet<_> = Bug::ALL.map(Bug::id).into();
        assert_eq!((names.len(), ids.len()), (Bug::COUNT, Bug::COUNT));
        for bug in Bug::ALL {
            assert_eq!(bug.about().bug, bug);
            assert_eq!(bug.name().parse(), Ok(bug));
            assert_eq!(bug.id().to_lowercase().parse(), Ok(bug));
        }
        assert_eq!("none".parse::<Bug>(), Err(UnknownBug("none".to_owned())));
    }

    #[test]
    fn rows_say_something_in_one_line_each() {
        for bug in Bug::ALL {
            let About { origin, summary, visible, trigger, .. } = bug.about();
            for text in [origin, summary, visible, trigger] {
                assert!(!text.is_empty() && !text.contains('\n') && text.len() <= 140, "{text:?}");
                assert!(!text.ends_with('.'), "{text:?}");
            }
            assert!((1..=7).contains(&bug.about().nodes), "{bug}");
        }
    }

    #[test]
    fn the_catalogue_has_its_145_bugs_and_knows_which_are_built() {
        let known: BTreeMap<_, _> = CATALOGUE.iter().map(|entry| (entry.id, entry)).collect();
        assert_eq!(known.len(), CATALOGUE.len(), "identifiers are unique");
        let names: BTreeSet<_> = CATALOGUE.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), CATALOGUE.len(), "names are unique");
        for bug in Bug::ALL {
            let entry = known.get(bug.id()).unwrap_or_else(|| panic!("{} is in no list", bug.id()));
            assert_eq!((entry.name, entry.waits_for), (bug.name(), None), "{}", bug.id());
        }
        let built = CATALOGUE.iter().filter(|entry| entry.waits_for.is_none()).count();
        assert_eq!(built, Bug::COUNT, "the catalogue takes something for built that is not");
        let families = [
            ("E", 24),
            ("L", 12),
            ("C", 10),
            ("P", 16),
            ("N", 16),
            ("M", 14),
            ("R", 18),
            ("S", 6),
            ("A", 7),
            ("T", 4),
            ("K", 11),
            ("H", 7),
        ];
        for (letter, count) in families {
            let found = CATALOGUE.iter().filter(|entry| entry.id.starts_with(letter)).count();
            assert_eq!(found, count, "{letter}");
        }
    }

    #[test]
    fn a_family_has_one_letter() {
        let letters: BTreeSet<_> =
            Bug::ALL.map(|bug| (bug.about().family.name(), &bug.id()[..1])).into();
        let families: BTreeSet<_> = letters.iter().map(|(family, _)| family).collect();
        assert_eq!(families.len(), letters.len(), "{letters:?}");
    }

    #[test]
    fn a_set_has_what_was_put_into_it() {
        for bug in Bug::ALL {
            let one = Bugs::NONE.with(bug);
            assert_eq!(one.has(bug), Bugs::COMPILED_IN);
            assert_eq!(one.forgiving(), Bugs::COMPILED_IN && bug.about().harm == Harm::Core);
            assert_eq!(
                Bug::ALL.into_iter().filter(|other| one.has(*other)).count(),
                usize::from(Bugs::COMPILED_IN)
            );
        }
        assert!(!Bugs::NONE.forgiving());
        let all: Bugs = Bug::ALL.into_iter().collect();
        assert!(Bug::ALL.into_iter().all(|bug| all.has(bug) == Bugs::COMPILED_IN));
    }
}
