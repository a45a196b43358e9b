//! Everything a run needs, resolved: written to `plan.json` before anything starts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::nemesis::FaultSpec;
use crate::seed::Seed;

/// Version of the files in a run folder. Readers refuse a newer one with a clear message.
pub const SCHEMA_VERSION: u32 = 1;

/// A resolved run: the same plan again is the same run, as far as real processes allow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of the tool that wrote it.
    pub tool_version: String,
    /// When the run was planned, RFC 3339 in UTC: the only wall-clock time of a run folder.
    pub started_at: String,
    /// Root of all randomness.
    pub seed: Seed,
    /// Name of the workload.
    pub workload: String,
    /// Number of nodes.
    pub nodes: usize,
    /// Seconds of load with faults.
    pub time_limit_s: f64,
    /// Clients working at the same time.
    pub concurrency: usize,
    /// Operations per second over all clients together.
    pub rate: f64,
    /// Milliseconds after which a client gives an operation up as unknown.
    pub op_timeout_ms: u64,
    /// Mean milliseconds between the starts of two faults.
    pub fault_interval_ms: u64,
    /// The faults to draw from; empty for a run without faults.
    pub faults: Vec<FaultSpec>,
    /// Names of built-in bugs that are switched on in the nodes.
    pub bugs: Vec<String>,
    /// Base election timeout of the nodes in milliseconds.
    pub election_timeout_ms: u64,
    /// Seconds that checking may take.
    pub check_time_limit_s: f64,
    /// Bytes that checking may hold.
    pub check_memory_bytes: u64,
    /// The command line that gives this plan again.
    pub command: String,
}

impl Plan {
    /// Time of load with faults.
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs_f64(self.time_limit_s)
    }

    /// How long so many operations take at the plan's rate.
    pub fn time_for(&self, operations: u64) -> Duration {
        Duration::from_secs_f64(operations as f64 / self.rate)
    }

    /// Time after which a client gives an operation up.
    pub fn op_timeout(&self) -> Duration {
        Duration::from_millis(self.op_timeout_ms)
    }

    /// Mean time between the starts of two faults.
    pub fn fault_interval(&self) -> Duration {
        Duration::from_millis(self.fault_interval_ms)
    }

    /// Base election timeout of the nodes.
    pub fn election_timeout(&self) -> Duration {
        Duration::from_millis(self.election_timeout_ms)
    }

    /// Time that checking may take.
    pub fn check_time_limit(&self) -> Duration {
        Duration::from_secs_f64(self.check_time_limit_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            schema_version: SCHEMA_VERSION,
            tool_version: "0.0.0".to_owned(),
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            seed: Seed(7),
            workload: "register".to_owned(),
            nodes: 3,
            time_limit_s: 20.0,
            concurrency: 10,
            rate: 1000.0,
            op_timeout_ms: 1000,
            fault_interval_ms: 2000,
            faults: Vec::new(),
            bugs: Vec::new(),
            election_timeout_ms: 150,
            check_time_limit_s: 60.0,
            check_memory_bytes: 1 << 31,
            command: String::new(),
        }
    }

    #[test]
    fn operations_take_their_time() {
        assert_eq!(plan().time_for(20), Duration::from_millis(20));
    }
}
