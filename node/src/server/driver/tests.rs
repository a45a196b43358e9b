//! The driver with a disk that the test plays. What a member does is tested with [`Replica`].

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::bugs::Bugs;
use crate::kv::{KvRequest, encode_command};
use crate::proto::etcdserverpb::PutRequest;
use crate::raft::{Config, Recovered, Term};
use crate::server::applier::Applier;

/// A driver and the other ends of what it holds.
struct Bench {
    driver: Driver,
    disk: Receiver<WalJob>,
}

type WriteAnswer = oneshot::Receiver<Result<KvResponse, Failure>>;

/// A single node that leads, with nothing left to do.
#[expect(clippy::disallowed_methods, reason = "the driver's origin of time")]
fn bench() -> Bench {
    let config = Config {
        id: NodeId(1),
        members: [NodeId(1)].into(),
        election_timeout: Nanos(2),
        heartbeat: Nanos(1),
        seed: 1,
        bugs: Bugs::NONE,
        batch_bytes_max: 1 << 20,
        inflight_max: 64,
    };
    let metrics = Arc::new(Metrics::default());
    let view = Arc::new(View::new(NodeId(1), 1, PathBuf::new(), Term(0)));
    let store = SharedStore::default();
    let (applier, _) = Applier::split(store.clone(), view.clone(), metrics.clone(), Bugs::NONE);
    let (wal, disk) = WalThread::played();
    let driver = Driver {
        replica: Replica::new(config, Recovered::default(), 1, Nanos(0)),
        duties: Duties { wal, applier, outboxes: BTreeMap::new(), view, store },
        origin: Instant::now(),
        metrics,
    };
    let mut bench = Bench { driver, disk };
    bench.turn([]);
    bench.sync();
    assert_eq!(bench.driver.duties.view.standing().role, Role::Leader);
    bench
}

impl Bench {
    fn turn(&mut self, inputs: impl IntoIterator<Item = Input>) -> Option<End> {
        self.driver.turn(&mut inputs.into_iter().collect())
    }

    /// The disk does all it was asked, and says so.
    fn sync(&mut self) {
        while let Some(last) = self.disk.try_iter().last() {
            self.turn([replica::Input::Persisted(last.io).into()]);
        }
    }
}

fn write() -> (Input, WriteAnswer) {
    let put = PutRequest { key: b"k".to_vec(), ..PutRequest::default() };
    let command = encode_command(&KvRequest::Put(put));
    let (ticket, answer) = oneshot::channel();
    (replica::Input::Write { command, ticket }.into(), answer)
}

#[test]
fn a_write_goes_to_the_disk_and_its_answer_to_the_client() {
    let mut bench = bench();
    let (input, mut answer) = write();
    bench.turn([input]);
    assert_eq!(answer.try_recv(), Err(TryRecvError::Empty), "before the disk");
    assert_eq!(bench.driver.metrics.proposals_pending.load(Ordering::Relaxed), 1);
    bench.sync();
    assert_eq!(answer.try_recv().unwrap().unwrap().header_mut().revision, 2);
    assert_eq!(bench.driver.metrics.proposals_pending.load(Ordering::Relaxed), 0);
    assert_eq!(bench.driver.duties.view.commit(), 2);
}

#[test]
fn a_client_that_hung_up_costs_no_entry() {
    let mut bench = bench();
    let (input, answer) = write();
    drop(answer);
    bench.turn([input]);
    assert!(bench.disk.try_iter().next().is_none());
}

#[test]
fn a_stop_lets_the_turn_be_done_first() {
    let mut bench = bench();
    let (input, mut answer) = write();
    assert_eq!(bench.turn([Input::Stop, input]), Some(End::Stopped));
    assert_eq!(bench.disk.try_iter().count(), 1);
    bench.driver.replica.stop(&mut bench.driver.duties);
    assert_eq!(answer.try_recv(), Ok(Err(Failure::Stopped)));
}

#[test]
fn after_the_disk_or_the_store_is_gone_nothing_more_is_done() {
    for (news, expected) in
        [(Input::WalEnded, End::DiskGone), (Input::ApplierBroke, End::StoreGone)]
    {
        let mut bench = bench();
        let (input, mut answer) = write();
        assert_eq!(bench.turn([input, Input::Stop, news]), Some(expected));
        assert_eq!(answer.try_recv(), Err(TryRecvError::Closed), "nobody knows");
        assert!(bench.disk.try_iter().next().is_none());
    }
}
