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
    lines: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    /// None where nothing is to be written.
    journal: Option<Journal>,
    records: Vec<FaultRecord>,
    /// The nemesis goes on healing whatever the disk does, so an error waits here for the runner.
    error: Option<RecordError>,
}

impl FaultJournal {
    /// Starts an empty journal in a new file.
    pub fn create(path: &Path, clock: RunClock) -> Result<Self, RecordError> {
        Ok(Self::with(Some(Journal::create(path)?), clock))
    }

    /// Starts an empty journal in memory only.
    pub fn in_memory(clock: RunClock) -> Self {
        Self::with(None, clock)
    }

    fn with(journal: Option<Journal>, clock: RunClock) -> Self {
        let lines = Lines { journal, records: Vec::new(), error: None };
        Self { clock, lines: Mutex::new(lines) }
    }

    /// Everything recorded so far, in order.
    pub fn records(&self) -> Vec<FaultRecord> {
        lock(&self.lines).records.clone()
    }

    /// Names of the faults that are installed and not yet healed.
    pub fn in_force(&self) -> Vec<String> {
        let mut open: BTreeMap<u32, String> = BTreeMap::new();
        for record in &lock(&self.lines).records {
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
        lock(&self.lines).error.clone()
    }
}

impl FaultLog for FaultJournal {
    /// Writes one line; an error is kept for [`FaultJournal::error`].
    fn record(&self, record: FaultRecord) {
        let mut lines = lock(&self.lines);
        let written = lines.journal.as_mut().map_or(Ok(()), |journal| journal.append(&record));
        if let Err(error) = written {
            lines.error.get_or_insert(error);
        }
        lines.records.push(record);
    }

    fn now(&self) -> u64 {
        self.clock.now()
    }
}
