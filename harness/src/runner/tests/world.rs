//! A world of three nodes before one store, and a clock that jumps to whatever is waited for next.
//!
//! The first node answers at once, the second after a while, and the third fails in every way there is, in turn.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tonic::Status;

use crate::etcd_api::etcdserverpb::compare::TargetUnion;
use crate::etcd_api::etcdserverpb::request_op::Request;
use crate::etcd_api::etcdserverpb::{
    Compare, PutRequest, PutResponse, RangeRequest, RangeResponse, TxnRequest, TxnResponse,
};
use crate::etcd_api::mvccpb::KeyValue;
use crate::reach::{NotOpened, Reach, Spent, Unanswered, Wire};
use crate::recorder::RunClock;

pub(super) const NODES: usize = 3;

/// Something to be done in this world.
pub(super) type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The world, for whoever is in it.
#[derive(Clone, Default)]
pub(super) struct Toy(Arc<World>);

#[derive(Default)]
struct World {
    nanos: Arc<AtomicU64>,
    /// Who waits for which time, in the order in which they began to.
    timers: Mutex<BTreeMap<(u64, u64), Waker>>,
    waits: AtomicU64,
    store: Mutex<Store>,
    /// Openings of, and requests to, the node that fails.
    trouble: AtomicU64,
}

impl Toy {
    /// Its time, for a recorder.
    pub(super) fn clock(&self) -> RunClock {
        RunClock::told_by(Arc::clone(&self.0.nanos))
    }

    /// Does all tasks to their ends; what came of them, in the order of the tasks.
    pub(super) fn perform<T>(&self, tasks: Vec<Task<T>>) -> Vec<T> {
        let ready = Arc::new(Mutex::new((0..tasks.len()).collect::<VecDeque<_>>()));
        let wakers: Vec<Waker> = (0..tasks.len())
            .map(|task| Waker::from(Arc::new(Bell { task, ready: Arc::clone(&ready) })))
            .collect();
        let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
        let mut open: Vec<Option<Task<T>>> = tasks.into_iter().map(Some).collect();
        while open.iter().any(Option::is_some) {
            let next = ready.lock().unwrap().pop_front();
            let Some(at) = next else {
                self.jump();
                continue;
            };
            let Some(task) = &mut open[at] else { continue };
            if let Poll::Ready(result) = task.as_mut().poll(&mut Context::from_waker(&wakers[at])) {
                (results[at], open[at]) = (Some(result), None);
            }
        }
        results.into_iter().map(Option::unwrap).collect()
    }

    /// To the next moment that somebody waits for.
    fn jump(&self) {
        let first = self.0.timers.lock().unwrap().pop_first();
        let ((moment, _), waker) = first.expect("whoever is not ready waits for a time");
        self.0.nanos.fetch_max(moment, Ordering::Relaxed);
        waker.wake();
    }

    async fn sleep(&self, millis: u64) {
        self.sleep_until(self.now() + Duration::from_millis(millis)).await;
    }

    fn trouble(&self) -> u64 {
        self.0.trouble.fetch_add(1, Ordering::Relaxed)
    }
}

/// Puts a task into the queue of those that can go on.
struct Bell {
    task: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ready.lock().unwrap().push_back(self.task);
    }
}

impl Reach for Toy {
    type Connection = ToyWire;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.nanos.load(Ordering::Relaxed))
    }

    async fn sleep_until(&self, moment: Duration) {
        let mut waits = false;
        poll_fn(|context| {
            if self.now() >= moment {
                return Poll::Ready(());
            }
            if !waits {
                waits = true;
                let turn = self.0.waits.fetch_add(1, Ordering::Relaxed);
                let moment = u64::try_from(moment.as_nanos()).unwrap();
                self.0.timers.lock().unwrap().insert((moment, turn), context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    async fn open(&self, node: usize, deadline: Duration) -> Result<ToyWire, NotOpened> {
        if node == NODES - 1 {
            match self.trouble() % 5 {
                0 => return Err(NotOpened::Refused("connection refused".to_owned())),
                1 => {
                    let patience = deadline.saturating_sub(self.now());
                    self.sleep_until(deadline).await;
                    return Err(NotOpened::silent(patience));
                }
                _ => {}
            }
        }
        Ok(ToyWire { toy: self.clone(), node })
    }
}

/// A connection to one node.
pub(super) struct ToyWire {
    toy: Toy,
    node: usize,
}

impl ToyWire {
    async fn ask<T>(
        &mut self,
        deadline: Duration,
        act: impl FnOnce(&mut Store) -> T + Send,
    ) -> Result<T, Unanswered> {
        match self.node {
            0 => {}
            1 => self.toy.sleep(2).await,
            _ => return self.ask_in_trouble(deadline, act).await,
        }
        Ok(act(&mut self.toy.0.store.lock().unwrap()))
    }

    async fn ask_in_trouble<T>(
        &mut self,
        deadline: Duration,
        act: impl FnOnce(&mut Store) -> T + Send,
    ) -> Result<T, Unanswered> {
        let toy = &self.toy;
        let broken = |error: io::Error| Unanswered::Status(Status::from_error(Box::new(error)));
        match toy.trouble() % 8 {
            // It acts, and the answer is lost or late.
            0 => drop(act(&mut toy.0.store.lock().unwrap())),
            1 => {
                drop(act(&mut toy.0.store.lock().unwrap()));
                return Err(broken(io::ErrorKind::ConnectionReset.into()));
            }
            // It does not.
            2 => {}
            3 => return Err(broken(io::Error::other(Spent))),
            4 => return Err(Status::unavailable("etcdserver: no leader").into()),
            _ => {
                toy.sleep(5).await;
                return Ok(act(&mut toy.0.store.lock().unwrap()));
            }
        }
        toy.sleep_until(deadline).await;
        Err(Unanswered::Deadline)
    }
}

impl Wire for ToyWire {
    async fn range(
        &mut self,
        request: RangeRequest,
        deadline: Duration,
    ) -> Result<RangeResponse, Unanswered> {
        self.ask(deadline, |store| store.range(request)).await
    }

    async fn put(
        &mut self,
        request: PutRequest,
        deadline: Duration,
    ) -> Result<PutResponse, Unanswered> {
        self.ask(deadline, |store| store.put(request)).await
    }

    async fn txn(
        &mut self,
        request: TxnRequest,
        deadline: Duration,
    ) -> Result<TxnResponse, Unanswered> {
        self.ask(deadline, |store| store.txn(request)).await
    }
}

/// As much of a store as the clients use.
#[derive(Default)]
struct Store {
    revision: i64,
    keys: BTreeMap<Vec<u8>, KeyValue>,
}

impl Store {
    fn range(&self, request: RangeRequest) -> RangeResponse {
        let kvs = if request.range_end.is_empty() {
            self.keys.get(&request.key).cloned().into_iter().collect()
        } else {
            self.keys.range(request.key..request.range_end).map(|(_, kv)| kv.clone()).collect()
        };
        RangeResponse { kvs, ..RangeResponse::default() }
    }

    fn put(&mut self, request: PutRequest) -> PutResponse {
        self.revision += 1;
        let PutRequest { key, value, .. } = request;
        let mod_revision = self.revision;
        let kv = KeyValue { key: key.clone(), value, mod_revision, ..KeyValue::default() };
        self.keys.insert(key, kv);
        PutResponse::default()
    }

    fn txn(&mut self, request: TxnRequest) -> TxnResponse {
        let succeeded = request.compare.iter().all(|compare| self.holds(compare));
        for op in if succeeded { request.success } else { request.failure } {
            let Some(Request::RequestPut(put)) = op.request else { panic!("not asked: {op:?}") };
            self.put(put);
        }
        TxnResponse { succeeded, ..TxnResponse::default() }
    }

    fn holds(&self, compare: &Compare) -> bool {
        let found = self.keys.get(&compare.key);
        match &compare.target_union {
            Some(TargetUnion::CreateRevision(0)) => found.is_none(),
            Some(TargetUnion::ModRevision(at)) => found.map_or(0, |kv| kv.mod_revision) == *at,
            Some(TargetUnion::Value(value)) => found.is_some_and(|kv| kv.value == *value),
            other => panic!("not asked: {other:?}"),
        }
    }
}
