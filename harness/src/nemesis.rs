//! The nemesis: what faults there are, when and where they strike, and the evidence that they bit and ended.
//!
//! ```text
//!   seed --> schedule            kind, start, duration: data, written down before the run
//!               |
//!   its time:   v
//!            take aim            leader, minority, halves... become nodes and links, as things stand now
//!               |
//!            strike              SIGKILL, SIGSTOP, rules on links
//!               |
//!            receipt             pid gone, state T, bytes held: or it counts as not installed
//!               |
//!             hold
//!               |
//!             heal  --> receipt  the node answers again, something gets through each link
//! ```
//!
//! **Owns** the schedule, the aims and the receipts. **Refuses to own** how a process is stopped ([`crate::cluster`]) and
//! how a link is cut ([`crate::proxy`]).
//!
//! Invariants: faults overlap, but a node is stopped by one of them at a time, and a link is open only if no fault holds
//! it; [`run`] returns when everything it did is undone, or says in [`NemesisSummary::not_healed`] what is not.

pub(crate) mod aim;
mod conduct;
pub(crate) mod evidence;
pub(crate) mod in_force;
pub(crate) mod kind;
mod record;
pub(crate) mod schedule;
pub(crate) mod shape;

use serde::{Deserialize, Serialize};

pub use conduct::run;
pub use kind::{all_faults, backend, default_faults, nodes_min, parse};
pub use record::{FaultPhase, FaultRecord, Receipt};
pub use schedule::{Tempo, plan_schedule};

use crate::seed::Seed;

/// Every fault, as the simulator can carry out all of them.
pub fn simulated_faults() -> Vec<FaultSpec> {
    let both = ["all", "sim"].map(|group| parse(group).unwrap_or_default());
    both.into_iter().flatten().collect()
}

/// One kind of fault with its aim, as on the command line (`partition-halves`, `kill-leader`, `pause-all`...).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultSpec(pub String);

/// What can be asked for, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultKind {
    /// Its name.
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// Who can carry it out; of a group, any fault of it.
    pub backend: Backend,
}

/// Who can carry a fault out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Real processes have it, and the simulator.
    Both,
    /// Only the simulator has it.
    SimulatorOnly,
}

/// A name that is no fault and no group of faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no fault {0:?}")]
pub struct UnknownFault(pub String);

/// One fault of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// Number within the run, from 0.
    pub id: u32,
    /// When, in nanoseconds from the start of the load.
    pub at: u64,
    /// For how many nanoseconds.
    pub duration: u64,
    /// What.
    pub fault: FaultSpec,
    /// Root of the choices that are made when its time comes (which nodes, which links).
    pub seed: Seed,
}

/// Where the nemesis tells what it does.
pub trait FaultLog: Send + Sync {
    /// Takes one line of `faults.jsonl`.
    fn record(&self, record: FaultRecord);
    /// Nanoseconds since the start of the run, on the clock of the history.
    fn now(&self) -> u64;
}

/// What became of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NemesisSummary {
    /// Faults in the schedule.
    pub planned: u64,
    /// With a receipt.
    pub installed: u64,
    /// Tried, but without a receipt that they bit.
    pub not_installed: u64,
    /// Undone, with evidence.
    pub healed: u64,
    /// In words, what could not be shown to be undone. Final reads mean little while this is not empty.
    pub not_healed: Vec<String>,
    /// In words, the first thing of the harness itself that failed, if any. Then the run says nothing about the store.
    pub broken: Option<String>,
}
