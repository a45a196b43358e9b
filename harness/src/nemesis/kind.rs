//! The faults by name: what `--faults` takes and `rashomon list faults` shows.

use std::time::Duration;

use super::{Backend, FaultKind, FaultSpec, UnknownFault};

mod table;

use table::{DEFAULT, FAULTS, GROUPS};

/// A fault with its aim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
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
    /// A machine loses power, and starts again later; of what was not synced, some is lost.
    Crash(Aim),
    /// A disk does not do what it should.
    Disk(Disk),
    /// A node goes down and finds its log damaged when it starts again.
    Damage(Damage),
    /// Some messages do not arrive, the others do.
    Letters(Letters),
    /// A clock is wrong.
    Clock(Clock),
    /// Connections break and can be made again at once.
    ResetLinks,
}

/// Which links a partition cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    One,
    Halves,
    MajorityMinority,
    Ring,
    Bridge,
    LeaderAlone,
    OneWayIn,
    OneWayOut,
}

/// Which nodes a kill, a pause or a crash hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aim {
    Random,
    Leader,
    Follower,
    Minority,
    Majority,
    All,
}

/// What else can happen to links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bend {
    SlowLinks,
    ThrottleLinks,
    StallOneWay,
    RefusePeers,
    BlackholePeers,
    ClientsCut,
    AnswersCut,
}

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Disk {
    FailsOnce,
    Fails,
    Full,
    Slow,
}

/// What becomes of a log that was synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Damage {
    BitFlip,
    WipeLog,
}

/// What becomes of messages of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Letters {
    Hold,
    Drop,
}

/// What a clock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Clock {
    Jump,
    Drift,
}

const ALL: [FaultKind; FAULTS.len() + GROUPS.len()] = {
    let mut all = [GROUPS[0]; FAULTS.len() + GROUPS.len()];
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

/// Who can carry a fault out; both, for what is no fault.
pub fn backend(fault: &FaultSpec) -> Backend {
    let entry = FAULTS.iter().find(|(_, kind)| kind.name == fault.0);
    entry.map_or(Backend::Both, |(_, kind)| kind.backend)
}

/// The faults that a name stands for: one, or several if it names a group; none for `none`. Whoever cannot carry all of
/// them out has to look at their [`backend`].
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
    let belongs = |(fault, kind): &&(Fault, FaultKind)| match name {
        "all" => true,
        "sim" => kind.backend == Backend::SimulatorOnly,
        _ => matches!(
            (name, fault),
            ("partition", Fault::Partition(_))
                | ("kill", Fault::Kill(_))
                | ("pause", Fault::Pause(_))
                | ("net", Fault::Bend(_))
                | ("combo", Fault::Laggard)
                | ("crash", Fault::Crash(_))
                | ("disk", Fault::Disk(_) | Fault::Damage(_))
                | ("clock", Fault::Clock(_))
                | ("letters", Fault::Letters(_) | Fault::ResetLinks)
        ),
    };
    FAULTS.iter().filter(belongs).map(|(_, kind)| FaultSpec(kind.name.to_owned())).collect()
}

impl Fault {
    /// The fault of this name; groups are not faults.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FAULTS.iter().find(|(_, kind)| kind.name == name).map(|(fault, _)| *fault)
    }

    /// The smallest cluster in which it can do anything.
    pub(crate) const fn nodes_min(self) -> usize {
        match self {
            // A damaged log may cost its node what it has promised: only a minority may have one.
            Self::Partition(Shape::Bridge | Shape::Ring) | Self::Laggard | Self::Damage(_) => 3,
            Self::Kill(Aim::Follower) | Self::Pause(Aim::Follower) | Self::Crash(Aim::Follower) => {
                2
            }
            Self::Bend(Bend::ClientsCut | Bend::AnswersCut)
            | Self::Kill(_)
            | Self::Pause(_)
            | Self::Crash(_)
            | Self::Disk(_)
            | Self::Clock(_) => 1,
            Self::Partition(_) | Self::Bend(_) | Self::Letters(_) | Self::ResetLinks => 2,
        }
    }

    /// Whether it stops processes, or they end by it.
    pub(crate) const fn stops_processes(self) -> bool {
        match self {
            Self::Kill(_) | Self::Pause(_) | Self::Laggard | Self::Crash(_) | Self::Damage(_) => {
                true
            }
            Self::Disk(disk) => !matches!(disk, Disk::Slow),
            Self::Partition(_)
            | Self::Bend(_)
            | Self::Letters(_)
            | Self::Clock(_)
            | Self::ResetLinks => false,
        }
    }

    /// The shortest time in which it can do what it is for, where an ordinary fault takes `shortest`.
    pub(crate) fn duration_min(self, shortest: Duration) -> Duration {
        match self {
            // Both halves outlast an election.
            Self::Laggard => shortest * 5,
            // Time for another leader, and for somebody to ask the old one.
            Self::Partition(Shape::LeaderAlone) => shortest * 10 / 3,
            _ => shortest,
        }
    }

    /// Whether it needs to know who leads.
    pub(crate) const fn needs_leader(self) -> bool {
        matches!(
            self,
            Self::Partition(Shape::LeaderAlone)
                | Self::Kill(Aim::Leader)
                | Self::Pause(Aim::Leader)
                | Self::Crash(Aim::Leader)
                | Self::Laggard
        )
    }

    /// Whether it may leave no process that runs, so that another such fault would find nothing to hit.
    pub(crate) const fn is_wide(self) -> bool {
        matches!(
            self,
            Self::Kill(Aim::Majority | Aim::All)
                | Self::Pause(Aim::Majority | Aim::All)
                | Self::Crash(Aim::Majority | Aim::All)
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
        assert_eq!(parse("crash").unwrap().len(), 6);
        assert_eq!(parse("disk").unwrap().len(), 6);
        assert_eq!(parse("clock").unwrap().len(), 2);
        assert_eq!(parse("letters").unwrap().len(), 3);
        assert_eq!(parse("sim").unwrap().len(), 17);
        assert_eq!(parse("all").unwrap().len(), FAULTS.len());
        assert!(parse("none").unwrap().is_empty());
        assert_eq!(parse("combo").unwrap().len(), 1);
    }

    #[test]
    fn groups_name_who_can_carry_out_any_of_them() {
        for kind in GROUPS {
            let faults = parse(kind.name).unwrap();
            let for_both = faults.iter().any(|fault| backend(fault) == Backend::Both);
            let none = faults.is_empty();
            assert_eq!(kind.backend == Backend::Both, for_both || none, "{}", kind.name);
        }
        assert!(default_faults().iter().all(|fault| backend(fault) == Backend::Both));
        assert_eq!(backend(&FaultSpec("crash-leader".to_owned())), Backend::SimulatorOnly);
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
