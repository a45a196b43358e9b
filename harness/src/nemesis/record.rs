//! The lines of `faults.jsonl`.

use serde::{Deserialize, Serialize};

use super::PlannedFault;

/// Where a fault is in its life. A fault has one line per phase it reached, all with the same `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultPhase {
    /// Drawn from the seed: what, when and for how long. Written before the load starts; its time is when it is to begin.
    Planned,
    /// Its time came: the aim (leader, minority...) became nodes and links.
    Resolved,
    /// It was carried out, and the receipt shows that it bit.
    Installed,
    /// It could not be carried out, or left no evidence; the receipt says why.
    NotInstalled,
    /// It was undone, and the receipt shows that it is gone.
    Healed,
    /// It was undone, but could not be shown to be gone.
    NotHealed,
}

/// Evidence that a fault took effect, or that it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What was seen: `"n2 pid 4711 state T"`, `"2 links cut, 3184 bytes held"`.
    pub evidence: String,
}

/// One line of `faults.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Number of the fault within the run, from 0.
    pub id: u32,
    /// What this line tells.
    pub phase: FaultPhase,
    /// Nanoseconds since the start of the run, on the clock of `history.jsonl`.
    pub time: u64,
    /// The fault's name: `partition-leader-alone`, `kill-minority`, `pause-leader`.
    pub fault: String,
    /// Nanoseconds it is to last.
    pub duration: u64,
    /// The nodes it aims at, once resolved, ascending: `n1`, `n3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// The directed links it cuts or shapes, once resolved: `n1>n2`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Evidence, where the phase has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

impl FaultRecord {
    /// The first line of a fault; its time counts from the start of the load.
    pub(crate) fn planned(fault: &PlannedFault) -> Self {
        Self {
            id: fault.id,
            phase: FaultPhase::Planned,
            time: fault.at,
            fault: fault.fault.0.clone(),
            duration: fault.duration,
            nodes: Vec::new(),
            links: Vec::new(),
            receipt: None,
        }
    }
}
