//! The harness itself fails in the middle of a fault: that is told as such, never as a finding about the store.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rashomon::cluster::{Cluster, ClusterOptions};
use rashomon::nemesis::{self, FaultLog, FaultPhase, FaultRecord, FaultSpec, PlannedFault};
use rashomon::seed::Seed;
use tokio_util::sync::CancellationToken;

/// A journal that does something as soon as a fault is in force.
struct Saboteur<F>(F);

impl<F: Fn() + Send + Sync> FaultLog for Saboteur<F> {
    fn record(&self, record: FaultRecord) {
        if record.phase == FaultPhase::Installed {
            (self.0)();
        }
    }

    fn now(&self) -> u64 {
        0
    }
}

fn program(folder: &Path) -> PathBuf {
    let link = folder.join("rashomon");
    symlink(env!("CARGO_BIN_EXE_rashomon"), &link).unwrap();
    link
}

async fn kill_under(log: Arc<dyn FaultLog>, binary: PathBuf, folder: &Path) -> Option<String> {
    let options = ClusterOptions {
        binary,
        nodes: 1,
        data_root: folder.join("nodes"),
        election_timeout: Duration::from_millis(150),
        heartbeat: Duration::from_millis(30),
        seed: Seed(u64::from(std::process::id())),
        bugs: Vec::new(),
        proxied: true,
    };
    let cluster = Arc::new(Cluster::start(options).await.unwrap());
    let kill = PlannedFault {
        id: 0,
        at: 0,
        duration: 1_000_000,
        fault: FaultSpec("kill-all".to_owned()),
        seed: Seed(1),
    };
    nemesis::run(cluster, vec![kill], log, CancellationToken::new()).await.broken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_we_cannot_start_again_is_our_failure() {
    let folder = tempfile::tempdir().unwrap();
    let binary = program(folder.path());
    let gone = binary.clone();
    let log = Arc::new(Saboteur(move || fs::remove_file(&gone).unwrap()));
    let broken = kill_under(log, binary, folder.path()).await.unwrap();
    assert!(broken.contains("node n1: cannot start it"), "{broken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_whose_task_panicked_is_our_failure() {
    let folder = tempfile::tempdir().unwrap();
    let binary = program(folder.path());
    let log = Arc::new(Saboteur(|| panic!("on purpose")));
    let broken = kill_under(log, binary, folder.path()).await.unwrap();
    assert!(broken.contains("panicked"), "{broken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_goes_as_it_should_breaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let binary = program(folder.path());
    assert_eq!(kill_under(Arc::new(Saboteur(|| ())), binary, folder.path()).await, None);
}
