//! The nemesis's half of the recorder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use super::{Journal, RecordError, RunClock, lock};
use crate::nemesis::{FaultLog, FaultPhase, FaultRecord};

/// Writes `faults.jsonl` on the clock of the history, and keeps what it wrote for the end of the run.
#[derive(Debug)]
pub struct FaultJournal {
    clock: RunClock,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    journal: Journal,
    records: Vec<FaultRecord>,
    /// The nemesis goes on healing whatever the disk does, so an error waits here for the runner.
    error: Option<RecordError>,
}

impl FaultJournal {
    /// Starts an empty journal in a new file.
    pub fn create(path: &Path, clock: RunClock) -> Result<Self, RecordError> {
        let kept = Kept { journal: Journal::create(path)?, records: Vec::new(), error: None };
        Ok(Self { clock, kept: Mutex::new(kept) })
    }

    /// Everything recorded so far, in order.
    pub fn records(&self) -> Vec<FaultRecord> {
        lock(&self.kept).records.clone()
    }

    /// Names of the faults that are installed and not yet healed.
    pub fn in_force(&self) -> Vec<String> {
        let mut open: BTreeMap<u32, String> = BTreeMap::new();
        for record in &lock(&self.kept).records {
            match record.phase {
                FaultPhase::Installed => {
                    open.insert(record.id, record.fault.clone());
                }
                FaultPhase::Healed | FaultPhase::NotHealed => {
                    open.remove(&record.id);
                }
                FaultPhase::Planned | FaultPhase::Resolved | FaultPhase::NotInstalled => {}
            }
        }
        open.into_values().collect()
    }

    /// The first line that could not be written, if any.
    pub fn error(&self) -> Option<RecordError> {
        lock(&self.kept).error.clone()
    }
}

impl FaultLog for FaultJournal {
    /// Writes one line; an error is kept for [`FaultJournal::error`].
    fn record(&self, record: FaultRecord) {
        let mut kept = lock(&self.kept);
        if let Err(error) = kept.journal.append(&record) {
            kept.error.get_or_insert(error);
        }
        kept.records.push(record);
    }

    fn now(&self) -> u64 {
        self.clock.now()
    }
}
