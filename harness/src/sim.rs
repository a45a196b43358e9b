//! The simulator: the bundled node, whole clusters of it, in one thread and in virtual time.
//!
//! ```text
//!   seed --swarm--> SimPlan --run--> World: heap of things to come
//!                                      |-- member    the node's own replica, journal, store, recovery
//!                                      |-- network   links: latency, loss, doubles, order, rules of the proxy, kinds of letters
//!                                      |-- MemDisk   page cache and platter: lost, torn, failing, full, slow
//!                                      |-- clock     origin, pace, jumps
//!                                      |-- booth     the harness's own clients, as futures
//!                                      |-- strikes   the harness's own faults, and some that only this world has
//!                                      `-- watch     invariants, after everything that happens
//!                   findings <-- history (checker), invariants, liveness, crashes
//! ```
//!
//! What is simulated: time, links, disks, clocks, the death and birth of processes and machines. What is not: anything of the
//! node but its server (sockets, gRPC, threads, locks, admission); for that there are real processes.
//!
//! Invariants: a plan is a run, to the byte, on every machine; a world with invariants goes the same way as one without.

mod act;
mod aim;
mod booth;
mod campaign;
mod caught;
mod clock;
mod dice;
mod explain;
mod heap;
mod invariants;
mod member;
mod network;
mod parcel;
mod part;
mod plan;
mod reach;
mod run;
mod schedule;
#[cfg(test)]
mod script;
mod shrink;
mod swarm;
mod trace;
mod watch;
mod world;

pub use crate::finding::{Finding, Oracle};
pub use campaign::{Campaign, Told, Totals, campaign, outcome_of};
pub use explain::explain;
pub use network::Weather;
pub use part::{Marker, Part};
pub use plan::{DiskPlan, NodePlan, Rest, SimPlan, Temper};
pub use run::{Outcome, replay_text, run, run_marked, tell};
pub use schedule::ScheduleError;
pub use shrink::{Needs, Shrunk, Size, TRIES_MAX, shrink};
pub use swarm::{Wishes, draw};
pub use trace::{Fate, Kind, Lane, Line, Story, Unseen, What};
pub use world::Work;

/// An invariant, for people.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct InvariantLine {
    /// Its name.
    pub name: &'static str,
    /// What must hold.
    pub holds: &'static str,
    /// Where that comes from.
    pub source: &'static str,
}

/// All invariants.
pub fn invariants() -> impl Iterator<Item = InvariantLine> {
    let line = |about: &invariants::About| InvariantLine {
        name: about.name,
        holds: about.holds,
        source: about.source,
    };
    invariants::ALL.iter().map(line)
}

/// The names of all invariants.
pub fn invariant_names() -> impl Iterator<Item = &'static str> {
    invariants::ALL.iter().map(|about| about.name)
}

#[cfg(test)]
mod tests;
