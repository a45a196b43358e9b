//! The report: one HTML file that tells what a run found; and pages of its kind for checks of files
//! ([`checks`]), simulated runs ([`simulated`]) and hunts for built-in bugs ([`kills`]).
//!
//! Owns the pages and nothing else: they decide nothing about validity, start nothing, read no clock. [`render`] is a
//! pure function of what the run folder holds, so that the same inputs give the same bytes; the only wall-clock time on
//! the page is the plan's. [`load`] reads a saved run back, for the verb `report`.
//!
//! ```text
//! verdict, sentence, reasons        header.rs          no scripts needed from here ...
//! counterexample: picture + lists   counterexample.rs
//! commands to repeat                header.rs
//! was it a real test?               coverage.rs
//! the run over time                 timeline.rs
//! faults with their evidence        fault_table.rs
//! facts, outcomes, nodes            facts.rs           ... to here
//! operations around the failure     history_data.rs    drawn by report.js from JSON
//! ```
//!
//! Invariants:
//! - No network: the content security policy allows nothing but the page's own style and script, by hash.
//! - Nothing the system under test said is markup: see `markup.rs` and `escape.rs`. What is cut says so.
//! - Outcomes and verdicts are told apart by word and shape, not by colour alone.
//! - The page stays below 5 MB for 100,000 operations: it holds counts, the counterexample, and at most
//!   [`HISTORY_ROWS_MAX`] operations of the failing key.

pub mod checks;
mod counterexample;
mod coverage;
mod escape;
mod facts;
mod fault_life;
mod fault_table;
mod header;
mod history_data;
pub mod kills;
mod load;
mod markup;
mod operations;
mod page;
mod sequence;
mod sha256;
pub mod simulated;
mod timeline;
pub(crate) mod units;

use rashomon_checker::counterexample::Counterexample;
use rashomon_checker::history::Event;

use crate::nemesis::FaultRecord;
use crate::plan::Plan;
use crate::verdict::VerdictRecord;
use fault_life::FaultLife;
use operations::Paired;

pub use load::{LoadError, Loaded, load};

/// Operations that the page lists at most.
pub const HISTORY_ROWS_MAX: usize = 2_000;

/// A finished run: what its folder holds.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// `plan.json`.
    pub plan: Plan,
    /// `history.jsonl`.
    pub history: Vec<Event>,
    /// `faults.jsonl`.
    pub faults: Vec<FaultRecord>,
    /// `verdict.json`.
    pub verdict: VerdictRecord,
}

/// The whole page. Deterministic: the same run gives the same bytes.
pub fn render(run: &RunRecord) -> String {
    page::render(&Run::new(run))
}

/// A run as the sections need it.
#[derive(Debug)]
struct Run<'a> {
    plan: &'a Plan,
    verdict: &'a VerdictRecord,
    paired: Paired,
    faults: Vec<FaultLife>,
}

impl<'a> Run<'a> {
    fn new(run: &'a RunRecord) -> Self {
        Self {
            plan: &run.plan,
            verdict: &run.verdict,
            paired: operations::pair(&run.history),
            faults: fault_life::join(&run.faults),
        }
    }

    fn counterexample(&self) -> Option<&Counterexample> {
        self.verdict.check.as_ref()?.counterexample.as_ref()
    }

    /// When the operation completed that no order explains.
    fn failure_time(&self) -> Option<u64> {
        let example = self.counterexample()?;
        let blocked =
            example.operations.iter().find(|operation| operation.id == example.blocked)?;
        operations::known_at(blocked)
    }
}
