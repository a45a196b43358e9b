//! An eye on a running cluster: who leads, how often that changes, and how the run is going.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::load::Shared;
use crate::cluster::Cluster;
use crate::progress::{Glance, Progress};
use crate::recorder::FaultJournal;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A task that looks until it is told to stop.
pub(super) struct Watch {
    stop: CancellationToken,
    task: JoinHandle<u64>,
}

/// What to look at.
pub(super) struct Sights {
    pub(super) cluster: Arc<Cluster>,
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Arc<FaultJournal>,
    pub(super) progress: Arc<Progress>,
}

impl Watch {
    /// Looks from now on.
    pub(super) fn start(sights: Sights) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(look(sights, stop.clone()));
        Self { stop, task }
    }

    /// Stops, and says how often another node was seen to lead than before.
    pub(super) async fn leader_changes(self) -> Result<u64, JoinError> {
        self.stop.cancel();
        self.task.await
    }
}

async fn look(sights: Sights, stop: CancellationToken) -> u64 {
    let start = Instant::now();
    let names = sights.cluster.names();
    let mut leaders = Leaders::default();
    loop {
        let leader = sights.cluster.leader().await;
        leaders.saw(leader);
        sights.progress.show(&Glance {
            elapsed: start.elapsed(),
            counts: sights.shared.tally().counts(),
            leader: leader.map(|node| names[node].clone()),
            faults: sights.journal.in_force(),
        });
        tokio::select! {
            () = stop.cancelled() => return leaders.changes,
            () = sleep(LOOK_EVERY) => {}
        }
    }
}

/// Counts changes of the known leader; not knowing one for a while is no change.
#[derive(Debug, Default)]
struct Leaders {
    last: Option<usize>,
    changes: u64,
}

impl Leaders {
    fn saw(&mut self, leader: Option<usize>) {
        let Some(now) = leader else { return };
        self.changes += u64::from(self.last.is_some_and(|before| before != now));
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_another_leader_than_the_last_one_known() {
        let mut leaders = Leaders::default();
        for leader in [None, Some(0), Some(0), None, Some(0), Some(2), None, Some(1)] {
            leaders.saw(leader);
        }
        assert_eq!(leaders.changes, 2);
    }
}
