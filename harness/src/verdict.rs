//! The verdict of a run: what `verdict.json` holds, and how checks and coverage make one validity.

use std::collections::BTreeMap;

use crate::finding::Finding;
use rashomon_checker::check::{CheckReport, Validity};
use serde::{Deserialize, Serialize};

/// What `verdict.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// See [`crate::plan::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The verdict on the run.
    pub validity: Validity,
    /// One sentence: what was found, with counts.
    pub sentence: String,
    /// Reasons why it is unknown, or warnings on a valid run that tested little; may be empty.
    pub reasons: Vec<String>,
    /// What the checker said; absent if it was not reached.
    pub check: Option<CheckReport>,
    /// Seconds that checking took.
    pub check_seconds: f64,
    /// Operations by function and outcome.
    pub operations: BTreeMap<String, OutcomeCounts>,
    /// Completed (`ok`) operations of the load while at least one fault was installed.
    pub ok_during_faults: u64,
    /// Completed (`ok`) operations of the load after the last heal; final reads are not among them.
    pub ok_after_faults: u64,
    /// Faults by what became of them.
    pub faults: FaultCounts,
    /// Leaders seen: how often the known leader changed.
    pub leader_changes: u64,
    /// Milliseconds from the start of the run (no process yet) to the first completed (`ok`) operation.
    #[serde(default)]
    pub first_ok_ms: Option<f64>,
    /// The first violation that was seen while the run went on, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_live: Option<Sighting>,
    /// What else is wrong with the store; never the reason of an invalid verdict, always one against a valid one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Node processes that ended although nobody killed them, in words.
    pub unexpected_exits: Vec<String>,
    /// Commands for a person, run from the folder in which the run was started.
    pub commands: Commands,
}

/// A violation that was seen while the run went on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The event of the history that makes it certain.
    pub event: u64,
    /// Seconds from the start of the run to that event.
    pub seconds: f64,
    /// Milliseconds from the event to when it was known.
    pub delay_ms: f64,
    /// What a person was told.
    pub sentence: String,
}

/// Operations of one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutcomeCounts {
    /// Completed.
    pub ok: u64,
    /// Surely without effect.
    pub fail: u64,
    /// Unknown.
    pub info: u64,
}

/// Faults of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FaultCounts {
    /// In the schedule.
    pub planned: u64,
    /// With a receipt.
    pub installed: u64,
    /// Tried, but without a receipt.
    pub not_installed: u64,
    /// Undone, with evidence.
    pub healed: u64,
}

/// Commands that repeat what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commands {
    /// The same plan again.
    pub run_again: String,
    /// The same history checked again.
    pub check_again: String,
    /// The report made anew.
    pub report_again: String,
}
