//! The table of built-in bugs: one row each, by family.

mod apply;
mod commit;
mod election;
mod handed_on;
mod log;
mod persistence;
mod read;
mod state;
mod transport;

use std::fmt;

use super::Bug;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The bug.
    pub bug: Bug,
    /// Its identifier in the catalogue.
    pub id: &'static str,
    /// Its name on the command line.
    pub name: &'static str,
    /// How hard it is to see from outside.
    pub class: Class,
    /// Which part of the node it is in.
    pub family: Family,
    /// Where it was seen, or where one is warned of it.
    pub origin: &'static str,
    /// What is wrong, in one line.
    pub summary: &'static str,
    /// What clients can see of it.
    pub visible: &'static str,
    /// What brings it out.
    pub trigger: &'static str,
    /// What it does to the core.
    pub harm: Harm,
    /// Where it can be brought out.
    pub reach: Reach,
    /// Kinds of faults that help, the best first.
    pub faults: &'static [&'static str],
    /// Nodes with which it shows.
    pub nodes: u8,
    /// The workload with which it shows.
    pub workload: &'static str,
}

/// How hard a bug is to see from outside, as estimated before anybody tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// In a minute of faults.
    Easy,
    /// In minutes.
    Medium,
    /// In hours, or with a fault in the right place.
    Hard,
    /// Practically only in a simulator, or by a script.
    VeryHard,
}

/// Which part of the node a bug is in, as the catalogue has it: its identifier's letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// E: who leads.
    Election,
    /// L: what followers take from a leader.
    Log,
    /// C: what counts as agreed.
    Commit,
    /// P: what the disk keeps.
    Persistence,
    /// N: followers' states.
    State,
    /// R: reads.
    Read,
    /// S: what a follower hands on acts once.
    HandedOn,
    /// A: the state machine.
    Apply,
    /// T: between nodes, and back to clients.
    Transport,
}

/// What a bug does to the core's own promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// None of them breaks; at worst the store stops.
    Service,
    /// Clients are told what is not so; logs and states agree.
    Answers,
    /// Committed entries can be lost or replaced, or members can differ: the core is forgiving
    /// ([`Bugs::forgiving`](super::Bugs::forgiving)).
    Core,
}

/// Where a bug can be brought out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// By faults on real processes: they are killed or stopped, links are cut or slow.
    Process,
    /// Only in a simulator: single messages are lost, doubled or overtaken, disks fail halfway, clocks run apart, or
    /// something has to happen in the right moment.
    SimulatorOnly,
}

impl Class {
    /// The letters that stand for it: E, M, H, VH.
    pub const fn letters(self) -> &'static str {
        match self {
            Self::Easy => "E",
            Self::Medium => "M",
            Self::Hard => "H",
            Self::VeryHard => "VH",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.letters())
    }
}

impl Family {
    /// One word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Election => "election",
            Self::Log => "log",
            Self::Commit => "commit",
            Self::Persistence => "persistence",
            Self::State => "state",
            Self::Read => "read",
            Self::HandedOn => "handed-on",
            Self::Apply => "apply",
            Self::Transport => "transport",
        }
    }
}

impl Harm {
    /// One word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Answers => "answers",
            Self::Core => "core",
        }
    }
}

impl Reach {
    /// One word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::SimulatorOnly => "simulator",
        }
    }
}

/// The families' rows.
const FAMILIES: [&[About]; 9] = [
    election::ROWS,
    log::ROWS,
    commit::ROWS,
    persistence::ROWS,
    state::ROWS,
    read::ROWS,
    handed_on::ROWS,
    apply::ROWS,
    transport::ROWS,
];

/// The rows by bug: `TABLE[bug as usize]` is about `bug`.
pub(super) const TABLE: [&About; Bug::COUNT] = by_bug();

const fn by_bug() -> [&'static About; Bug::COUNT] {
    let mut table: [Option<&'static About>; Bug::COUNT] = [None; Bug::COUNT];
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut at = 0;
        while at < FAMILIES[family].len() {
            let row = &FAMILIES[family][at];
            assert!(table[row.bug as usize].is_none(), "a bug has two rows");
            table[row.bug as usize] = Some(row);
            at += 1;
        }
        family += 1;
    }
    let mut rows = [&FAMILIES[0][0]; Bug::COUNT];
    let mut bug = 0;
    while bug < Bug::COUNT {
        rows[bug] = table[bug].expect("every bug has a row");
        bug += 1;
    }
    rows
}
