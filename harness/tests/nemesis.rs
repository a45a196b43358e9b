//! The nemesis on real nodes: which faults count as installed, and what is left when it is told to stop.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rashomon::cluster::{Cluster, ClusterOptions};
use rashomon::nemesis::{
    self, FaultLog, FaultPhase, FaultRecord, FaultSpec, NemesisSummary, PlannedFault,
};
use rashomon::seed::Seed;
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(20);

/// Longer than any test: such a fault ends only because it is told to.
const FOREVER: u64 = 600_000;

/// A cluster with the faults of a schedule let loose on it.
struct Stage {
    cluster: Arc<Cluster>,
    journal: Arc<Journal>,
    stop: CancellationToken,
    _folder: TempDir,
}

struct Journal {
    start: Instant,
    records: Mutex<Vec<FaultRecord>>,
}

impl FaultLog for Journal {
    fn record(&self, record: FaultRecord) {
        self.records.lock().unwrap().push(record);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }
}

/// A fault that begins and lasts so many milliseconds.
fn fault(name: &str, at: u64, duration: u64) -> PlannedFault {
    let fault = FaultSpec(name.to_owned());
    PlannedFault { id: 0, at: at * 1_000_000, duration: duration * 1_000_000, fault, seed: Seed(1) }
}

impl Stage {
    async fn set(nodes: usize, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = ClusterOptions {
            binary: PathBuf::from(env!("CARGO_BIN_EXE_rashomon")),
            nodes,
            data_root: folder.path().join("nodes"),
            election_timeout: Duration::from_millis(150),
            heartbeat: Duration::from_millis(30),
            seed: Seed(seed),
            proxied: true,
            bugs: Vec::new(),
        };
        let cluster = Arc::new(Cluster::start(options).await.unwrap());
        let journal = Journal { start: Instant::now(), records: Mutex::default() };
        let stop = CancellationToken::new();
        Self { cluster, journal: Arc::new(journal), stop, _folder: folder }
    }

    async fn perform(&self, mut schedule: Vec<PlannedFault>) -> NemesisSummary {
        for (id, fault) in schedule.iter_mut().enumerate() {
            fault.id = u32::try_from(id).unwrap();
        }
        let log: Arc<dyn FaultLog> = Arc::<Journal>::clone(&self.journal);
        nemesis::run(Arc::clone(&self.cluster), schedule, log, self.stop.clone()).await
    }

    /// Tells the nemesis to stop when fault 0 has reached a phase.
    async fn stop_at(&self, phase: FaultPhase) {
        let deadline = Instant::now() + DEADLINE;
        while self.receipt(0, phase).is_none() {
            assert!(Instant::now() < deadline, "not yet: {phase:?}");
            sleep(Duration::from_millis(5)).await;
        }
        self.stop.cancel();
    }

    /// What is said of a phase that a fault has reached; empty if nothing is.
    fn receipt(&self, id: u32, phase: FaultPhase) -> Option<String> {
        let records = self.journal.records.lock().unwrap();
        let record = records.iter().find(|record| record.id == id && record.phase == phase)?;
        Some(record.receipt.clone().map_or(String::new(), |receipt| receipt.evidence))
    }

    fn pids(&self) -> Vec<Option<i32>> {
        (0..self.cluster.names().len()).map(|node| self.cluster.pid(node)).collect()
    }
}

#[tokio::test]
async fn a_fault_is_not_installed_on_the_evidence_of_another_one() {
    // With two nodes, every fault between nodes has the same two links.
    let stage = Stage::set(2, 1).await;
    let schedule = vec![fault("partition-one", 0, 1_500), fault("slow-links", 300, 500)];
    let summary = stage.perform(schedule).await;
    assert!(stage.receipt(0, FaultPhase::Healed).is_some());
    let why = stage.receipt(1, FaultPhase::NotInstalled).unwrap();
    assert!(why.contains("n1>n2, n2>n1 were in the hands of other faults"), "{why}");
    assert_eq!((summary.installed, summary.not_installed), (1, 1));
    assert_eq!(summary.not_healed, Vec::<String>::new());
}

#[tokio::test]
async fn a_weaker_fault_is_installed_when_the_stronger_one_leaves_it_its_links() {
    let stage = Stage::set(2, 2).await;
    let schedule = vec![fault("partition-one", 0, 600), fault("slow-links", 300, 10_000)];
    tokio::join!(stage.perform(schedule), async {
        let deadline = Instant::now() + DEADLINE;
        while stage.receipt(1, FaultPhase::Installed).is_none() {
            assert!(Instant::now() < deadline, "slow-links are not installed");
            sleep(Duration::from_millis(5)).await;
        }
        assert!(stage.receipt(0, FaultPhase::Installed).is_some());
        stage.stop.cancel();
    });
    let seen = stage.receipt(1, FaultPhase::Installed).unwrap();
    assert!(seen.contains("bytes held") || seen.contains("chunks delayed"), "{seen}");
}

#[tokio::test]
async fn a_fault_that_is_stopped_before_it_bites_was_not_reached() {
    let stage = Stage::set(1, 3).await;
    // There are no clients, so nothing ever tries to cross.
    let schedule = vec![fault("clients-cut", 0, FOREVER)];
    let (summary, ()) = tokio::join!(stage.perform(schedule), stage.stop_at(FaultPhase::Resolved));
    assert_eq!(stage.receipt(0, FaultPhase::NotInstalled), None);
    assert_eq!(summary, NemesisSummary { planned: 1, ..NemesisSummary::default() });
}

#[tokio::test]
async fn a_laggard_is_the_only_one_that_lives_on() {
    let stage = Stage::set(3, 6).await;
    let before = stage.pids();
    let summary = stage.perform(vec![fault("laggard-election", 0, 2_000)]).await;
    assert_eq!((summary.healed, summary.not_healed.len()), (1, 0), "{summary:?}");
    let lived_on = before.iter().zip(stage.pids()).filter(|(before, now)| *before == now).count();
    assert_eq!(lived_on, 1);
    let healed = stage.receipt(0, FaultPhase::Healed).unwrap();
    assert_eq!(healed.matches("SIGKILL").count(), 2, "{healed}");
    assert_eq!(healed.matches("answers after").count(), 2, "{healed}");
}

#[tokio::test]
async fn a_laggard_that_is_stopped_early_spares_the_others() {
    let stage = Stage::set(3, 4).await;
    let before = stage.pids();
    let schedule = vec![fault("laggard-election", 0, FOREVER)];
    let (summary, ()) = tokio::join!(stage.perform(schedule), stage.stop_at(FaultPhase::Installed));
    assert_eq!(stage.pids(), before);
    let healed = stage.receipt(0, FaultPhase::Healed).unwrap();
    assert!(healed.contains("the run was stopped"), "{healed}");
    assert_eq!((summary.healed, summary.not_healed.len()), (1, 0), "{summary:?}");
}

#[tokio::test]
async fn a_link_that_stays_shut_is_told_whoever_shut_it() {
    let stage = Stage::set(2, 5).await;
    // Nobody told the nemesis of this.
    stage.cluster.pause(1).await.unwrap();
    let summary = stage.perform(vec![fault("clients-cut", 0, 50)]).await;
    assert_eq!(summary.not_installed, 1);
    let shut = ["n1>n2", "n2>n1", "c>n2", "n2>c"];
    for link in shut.map(|link| format!("nothing gets through {link} after all faults")) {
        let told = summary.not_healed.contains(&link);
        // What a stopped node asks arrives all the same: the answer of the other one is what crosses `n1>n2`.
        assert_eq!(told, !link.contains("n1>n2"), "{link}: {:?}", summary.not_healed);
    }
    stage.cluster.resume(1).await.unwrap();
}
