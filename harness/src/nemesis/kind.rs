//! The faults by name: what `--faults` takes and `rashomon list faults` shows.

use std::time::Duration;

use super::{FaultKind, FaultSpec, UnknownFault};

/// A fault with its aim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Links between nodes are cut.
    Partition(Shape),
    /// SIGKILL, and a restart on the same data at the end.
    Kill(Aim),
    /// SIGSTOP, and SIGCONT at the end.
    Pause(Aim),
    /// Links are bent without being cut for good.
    Bend(Bend),
    /// A follower is cut off, and all others are killed in the moment in which it comes back; the leader stays down.
    Laggard,
}

/// Which links a partition cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    One,
    Halves,
    MajorityMinority,
    Ring,
    Bridge,
    LeaderAlone,
    OneWayIn,
    OneWayOut,
}

/// Which nodes a kill or a pause hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aim {
    Random,
    Leader,
    Follower,
    Minority,
    Majority,
    All,
}

/// What else can happen to links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bend {
    SlowLinks,
    ThrottleLinks,
    StallOneWay,
    RefusePeers,
    BlackholePeers,
    ClientsCut,
    AnswersCut,
}

/// Every fault: its name on the command line, what it is, and one line for people.
const FAULTS: [(Fault, FaultKind); 28] = [
    entry(
        Fault::Partition(Shape::One),
        "partition-one",
        "one random node is cut off from the others",
    ),
    entry(
        Fault::Partition(Shape::Halves),
        "partition-halves",
        "the nodes fall into two halves, as even as can be",
    ),
    entry(
        Fault::Partition(Shape::MajorityMinority),
        "partition-majority-minority",
        "the largest minority is cut off from the majority",
    ),
    entry(
        Fault::Partition(Shape::Ring),
        "partition-ring",
        "every node hears a majority, no two nodes the same one",
    ),
    entry(
        Fault::Partition(Shape::Bridge),
        "partition-bridge",
        "two sides that only one node in the middle can reach",
    ),
    entry(
        Fault::Partition(Shape::LeaderAlone),
        "partition-leader-alone",
        "the leader is cut off from the others",
    ),
    entry(
        Fault::Partition(Shape::OneWayIn),
        "partition-one-way-in",
        "one node, often the leader, hears nobody",
    ),
    entry(
        Fault::Partition(Shape::OneWayOut),
        "partition-one-way-out",
        "one node, often the leader, is heard by nobody",
    ),
    entry(Fault::Kill(Aim::Random), "kill-random", "SIGKILL a random node, restart it later"),
    entry(Fault::Kill(Aim::Leader), "kill-leader", "SIGKILL the leader, restart it later"),
    entry(Fault::Kill(Aim::Follower), "kill-follower", "SIGKILL a follower, restart it later"),
    entry(
        Fault::Kill(Aim::Minority),
        "kill-minority",
        "SIGKILL the largest minority, restart it later",
    ),
    entry(Fault::Kill(Aim::Majority), "kill-majority", "SIGKILL a majority, restart it later"),
    entry(Fault::Kill(Aim::All), "kill-all", "SIGKILL every node, restart them later"),
    entry(Fault::Pause(Aim::Random), "pause-random", "SIGSTOP a random node for a while"),
    entry(Fault::Pause(Aim::Leader), "pause-leader", "SIGSTOP the leader for a while"),
    entry(Fault::Pause(Aim::Follower), "pause-follower", "SIGSTOP a follower for a while"),
    entry(
        Fault::Pause(Aim::Minority),
        "pause-minority",
        "SIGSTOP the largest minority for a while",
    ),
    entry(Fault::Pause(Aim::Majority), "pause-majority", "SIGSTOP a majority for a while"),
    entry(Fault::Pause(Aim::All), "pause-all", "SIGSTOP every node for a while"),
    entry(
        Fault::Bend(Bend::SlowLinks),
        "slow-links",
        "everything between nodes is late by 50 ms, give or take 40 ms",
    ),
    entry(
        Fault::Bend(Bend::ThrottleLinks),
        "throttle-links",
        "links between nodes carry 4 kB a second",
    ),
    entry(
        Fault::Bend(Bend::StallOneWay),
        "stall-one-way",
        "what one node sends is held, and arrives late, complete and in order",
    ),
    entry(
        Fault::Bend(Bend::RefusePeers),
        "refuse-peers",
        "connections of one node's peers are refused and reset",
    ),
    entry(
        Fault::Bend(Bend::BlackholePeers),
        "blackhole-peers",
        "one node is cut off, and new connections hang",
    ),
    entry(
        Fault::Bend(Bend::ClientsCut),
        "clients-cut",
        "clients and one node are cut off from each other",
    ),
    entry(
        Fault::Bend(Bend::AnswersCut),
        "answers-cut",
        "one node hears its clients, who do not hear it",
    ),
    entry(
        Fault::Laggard,
        "laggard-election",
        "a follower is cut off; as it comes back, SIGKILL hits all others, and the leader stays down",
    ),
];

/// Names that stand for several faults.
const GROUPS: [FaultKind; 7] = [
    FaultKind { name: "partition", summary: "all faults whose names begin with partition-" },
    FaultKind { name: "kill", summary: "all faults whose names begin with kill-" },
    FaultKind { name: "pause", summary: "all faults whose names begin with pause-" },
    FaultKind {
        name: "net",
        summary: "slow, throttled, stalled, refused and one-sided links, client links too",
    },
    FaultKind { name: "combo", summary: "faults in a deliberate order: laggard-election" },
    FaultKind { name: "all", summary: "every fault" },
    FaultKind { name: "none", summary: "no faults" },
];

/// What a run without `--faults` draws from: every way to part, kill and stop, without the aims that do the same to a
/// small cluster as one of these, so that a short run gets through most of them.
const DEFAULT: [&str; 16] = [
    "partition-one",
    "partition-halves",
    "partition-majority-minority",
    "partition-ring",
    "partition-bridge",
    "partition-leader-alone",
    "partition-one-way-in",
    "partition-one-way-out",
    "kill-leader",
    "kill-follower",
    "kill-majority",
    "kill-all",
    "pause-leader",
    "pause-majority",
    "pause-all",
    "laggard-election",
];

const fn entry(fault: Fault, name: &'static str, summary: &'static str) -> (Fault, FaultKind) {
    (fault, FaultKind { name, summary })
}

const ALL: [FaultKind; FAULTS.len() + GROUPS.len()] = {
    let mut all = [FaultKind { name: "", summary: "" }; FAULTS.len() + GROUPS.len()];
    let mut at = 0;
    while at < FAULTS.len() {
        all[at] = FAULTS[at].1;
        at += 1;
    }
    while at < all.len() {
        all[at] = GROUPS[at - FAULTS.len()];
        at += 1;
    }
    all
};

/// All faults, then all groups.
pub fn all_faults() -> &'static [FaultKind] {
    &ALL
}

/// What a run without `--faults` draws from.
pub fn default_faults() -> Vec<FaultSpec> {
    DEFAULT.into_iter().map(|name| FaultSpec(name.to_owned())).collect()
}

/// The smallest cluster in which a fault can do anything; 1 for what is no fault.
pub fn nodes_min(fault: &FaultSpec) -> usize {
    Fault::named(&fault.0).map_or(1, Fault::nodes_min)
}

/// The faults that a name stands for: one, or several if it names a group; none for `none`.
pub fn parse(name: &str) -> Result<Vec<FaultSpec>, UnknownFault> {
    if ALL[FAULTS.len()..].iter().any(|kind| kind.name == name) {
        return Ok(group(name));
    }
    if Fault::named(name).is_some() {
        return Ok(vec![FaultSpec(name.to_owned())]);
    }
    Err(UnknownFault(name.to_owned()))
}

fn group(name: &str) -> Vec<FaultSpec> {
    let belongs = |fault: &Fault| {
        matches!(
            (name, fault),
            ("all", _)
                | ("partition", Fault::Partition(_))
                | ("kill", Fault::Kill(_))
                | ("pause", Fault::Pause(_))
                | ("net", Fault::Bend(_))
                | ("combo", Fault::Laggard)
        )
    };
    let members = FAULTS.iter().filter(|(fault, _)| belongs(fault));
    members.map(|(_, kind)| FaultSpec(kind.name.to_owned())).collect()
}

impl Fault {
    /// The fault of this name; groups are not faults.
    pub(super) fn named(name: &str) -> Option<Self> {
        FAULTS.iter().find(|(_, kind)| kind.name == name).map(|(fault, _)| *fault)
    }

    /// The smallest cluster in which it can do anything.
    pub(super) const fn nodes_min(self) -> usize {
        match self {
            Self::Partition(Shape::Bridge | Shape::Ring) | Self::Laggard => 3,
            Self::Partition(_) | Self::Kill(Aim::Follower) | Self::Pause(Aim::Follower) => 2,
            Self::Bend(Bend::ClientsCut | Bend::AnswersCut) | Self::Kill(_) | Self::Pause(_) => 1,
            Self::Bend(_) => 2,
        }
    }

    /// Whether it stops processes.
    pub(super) const fn stops_processes(self) -> bool {
        matches!(self, Self::Kill(_) | Self::Pause(_) | Self::Laggard)
    }

    /// The shortest time in which it can do what it is for.
    pub(super) const fn duration_min(self) -> Duration {
        match self {
            // Both halves outlast an election.
            Self::Laggard => Duration::from_millis(1500),
            // Time for another leader, and for somebody to ask the old one.
            Self::Partition(Shape::LeaderAlone) => Duration::from_secs(1),
            _ => Duration::from_millis(300),
        }
    }

    /// Whether it needs to know who leads.
    pub(super) const fn needs_leader(self) -> bool {
        matches!(
            self,
            Self::Partition(Shape::LeaderAlone)
                | Self::Kill(Aim::Leader)
                | Self::Pause(Aim::Leader)
                | Self::Laggard
        )
    }

    /// Whether it may leave no process that runs, so that another such fault would find nothing to hit.
    pub(super) const fn is_wide(self) -> bool {
        matches!(
            self,
            Self::Kill(Aim::Majority | Aim::All)
                | Self::Pause(Aim::Majority | Aim::All)
                | Self::Laggard
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parse_to_themselves() {
        for (fault, kind) in FAULTS {
            assert_eq!(Fault::named(kind.name), Some(fault));
            assert_eq!(parse(kind.name), Ok(vec![FaultSpec(kind.name.to_owned())]));
        }
        let mut names: Vec<_> = all_faults().iter().map(|kind| kind.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len() + GROUPS.len());
    }

    #[test]
    fn groups_stand_for_their_members() {
        assert_eq!(parse("partition").unwrap().len(), 8);
        assert_eq!(parse("kill").unwrap().len(), 6);
        assert_eq!(parse("pause").unwrap().len(), 6);
        assert_eq!(parse("net").unwrap().len(), 7);
        assert_eq!(parse("all").unwrap().len(), FAULTS.len());
        assert!(parse("none").unwrap().is_empty());
        assert_eq!(parse("combo").unwrap().len(), 1);
    }

    #[test]
    fn the_default_faults_are_faults() {
        assert!(default_faults().iter().all(|spec| Fault::named(&spec.0).is_some()));
    }

    #[test]
    fn a_name_that_is_neither_is_refused() {
        for name in ["kill-leeder", "", "KILL"] {
            assert_eq!(parse(name), Err(UnknownFault(name.to_owned())));
        }
    }
}
