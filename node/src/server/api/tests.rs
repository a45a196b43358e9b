//! The API in front of a driver that the test plays itself.

use std::path::PathBuf;
use std::sync::mpsc::channel;

use tokio::sync::mpsc::UnboundedReceiver;
use tonic::{Code, Request};

use super::*;
use crate::proto::etcdserverpb::kv_server::Kv as _;
use crate::proto::etcdserverpb::maintenance_server::Maintenance as _;
use crate::proto::etcdserverpb::{
    Compare, PutRequest, PutResponse, RangeRequest, StatusRequest, TxnRequest,
};
use crate::raft::{NodeId, Term};
use crate::replica::OUTCOME_TRAILER;
use crate::server::inbox::Input as Taken;

fn limits() -> Limits {
    Limits::default()
}

fn api() -> (Arc<Api>, UnboundedReceiver<Taken>) {
    let (inbox, inputs) = Inbox::new();
    let view = Arc::new(View::new(NodeId(2), 9, PathBuf::new(), Term(5)));
    (Arc::new(Api::new(inbox, view, SharedStore::default(), Arc::default(), &limits())), inputs)
}

fn put() -> Request<PutRequest> {
    Request::new(PutRequest { key: b"k".to_vec(), ..PutRequest::default() })
}

fn get(serializable: bool) -> Request<RangeRequest> {
    Request::new(RangeRequest { key: b"k".to_vec(), serializable, ..RangeRequest::default() })
}

/// What code, text and trailer say.
fn told(status: &Status) -> (Code, &str, &str) {
    let outcome = status.metadata().get(OUTCOME_TRAILER).unwrap().to_str().unwrap();
    (status.code(), status.message(), outcome)
}

#[tokio::test]
async fn a_write_is_answered_by_the_driver_and_its_header_completed() {
    let (api, mut inputs) = api();
    let driver = async {
        let Some(Taken::Member(Input::Write { ticket: reply, .. })) = inputs.recv().await else {
            panic!("no write")
        };
        reply.send(Ok(KvResponse::Put(PutResponse::default()))).unwrap();
    };
    let (response, ()) = tokio::join!(api.put(put()), driver);
    let header = response.unwrap().into_inner().header.unwrap();
    assert_eq!((header.cluster_id, header.member_id, header.raft_term), (9, 2, 5));
}

#[tokio::test]
async fn an_invalid_write_never_reaches_the_driver() {
    let (api, mut inputs) = api();
    let status = api.put(Request::new(PutRequest::default())).await.unwrap_err();
    let expected = (Code::InvalidArgument, "etcdserver: key is not provided", "fail");
    assert_eq!(told(&status), expected);
    assert!(inputs.try_recv().is_err());
}

#[tokio::test]
async fn a_linearizable_read_waits_for_the_driver_and_a_serializable_one_does_not() {
    let (api, mut inputs) = api();
    api.range(get(true)).await.unwrap();
    assert!(inputs.try_recv().is_err(), "a serializable read asked the driver");
    let mut read = task(api.range(get(false)));
    assert!(read.poll_once().await.is_none(), "answered without the driver");
    let Some(Taken::Member(Input::Read { ticket: reply })) = inputs.recv().await else {
        panic!("no read")
    };
    reply.send(Ok(())).unwrap();
    read.finish().await.unwrap();
}

#[tokio::test]
async fn a_txn_that_only_reads_costs_no_log_entry_and_compares_alone_are_linearizable() {
    let (api, mut inputs) = api();
    let compare = Compare { key: b"k".to_vec(), ..Compare::default() };
    let txn = TxnRequest { compare: vec![compare], ..TxnRequest::default() };
    let driver = async {
        let Some(Taken::Member(Input::Read { ticket: reply })) = inputs.recv().await else {
            panic!("not a read")
        };
        reply.send(Ok(())).unwrap();
    };
    let (response, ()) = tokio::join!(api.txn(Request::new(txn)), driver);
    assert!(response.unwrap().into_inner().succeeded, "version 0 equals 0 for a missing key");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_times_out_and_only_a_write_leaves_doubt() {
    let (api, _inputs) = api();
    let (write, read) = tokio::join!(api.put(put()), api.range(get(false)));
    let text = "etcdserver: request timed out";
    assert_eq!(told(&write.unwrap_err()), (Code::Unavailable, text, "info"));
    assert_eq!(told(&read.unwrap_err()), (Code::Unavailable, text, "fail"));
}

#[tokio::test]
async fn a_stopping_node_takes_nothing_and_a_gone_driver_leaves_doubt() {
    let (api, inputs) = api();
    drop(inputs);
    let status = api.put(put()).await.unwrap_err();
    let text = "etcdserver: request outcome is unknown, server stopped";
    assert_eq!(told(&status), (Code::Unavailable, text, "info"));
    api.view.set_stopping();
    for status in [api.put(put()).await.err(), api.range(get(false)).await.err()] {
        let expected = (Code::Unavailable, "etcdserver: server stopped", "fail");
        assert_eq!(told(&status.unwrap()), expected);
    }
    api.range(get(true)).await.unwrap();
}

#[tokio::test]
async fn more_than_fits_is_refused_before_anything_happened() {
    let (api, mut inputs) = api();
    let _all = api.admission.writes.try_acquire_many(limits().writes_max as u32).unwrap();
    let _reads = api.admission.reads.try_acquire_many(limits().reads_max as u32).unwrap();
    for status in [api.put(put()).await.err(), api.range(get(false)).await.err()] {
        let expected = (Code::ResourceExhausted, "etcdserver: too many requests", "fail");
        assert_eq!(told(&status.unwrap()), expected);
    }
    assert!(inputs.try_recv().is_err());
}

#[tokio::test]
async fn commands_are_bounded_in_bytes_and_places_come_back() {
    let (api, mut inputs) = api();
    let nearly_all = limits().command_bytes_max as u32 - 1;
    let held = api.admission.command_bytes.try_acquire_many(nearly_all).unwrap();
    assert_eq!(api.put(put()).await.unwrap_err().code(), Code::ResourceExhausted);
    drop(held);
    drop(task(api.put(put())).poll_once().await);
    assert!(matches!(inputs.recv().await, Some(Taken::Member(Input::Write { .. }))));
    assert_eq!(api.admission.writes.available_permits(), limits().writes_max);
    assert_eq!(api.admission.command_bytes.available_permits(), limits().command_bytes_max);
}

#[tokio::test]
async fn the_waiter_of_a_client_that_gave_up_is_closed() {
    let (api, mut inputs) = api();
    drop(task(api.put(put())).poll_once().await);
    let Some(Taken::Member(Input::Write { ticket: reply, .. })) = inputs.recv().await else {
        panic!("no write")
    };
    assert!(reply.is_closed());
}

/// A thread that reads cannot be stopped: as long as it is at work its place is taken.
#[tokio::test]
async fn a_wide_read_keeps_its_place_when_its_client_gives_up() {
    let (api, _inputs) = api();
    let all = RangeRequest { range_end: vec![0], ..get(true).into_inner() };
    let (store, (held, is_held)) = (Arc::clone(&api.store), channel());
    let (finish, finished) = channel::<()>();
    let applying = std::thread::spawn(move || {
        let _writing = store.write().unwrap();
        held.send(()).unwrap();
        finished.recv().unwrap();
    });
    is_held.recv().unwrap();
    drop(task(api.range(Request::new(all))).poll_once().await);
    assert_eq!(api.admission.reads.available_permits(), limits().reads_max - 1);
    finish.send(()).unwrap();
    applying.join().unwrap();
    let all_places = api.admission.reads.acquire_many(limits().reads_max as u32);
    let back = tokio::time::timeout(Duration::from_secs(30), all_places).await;
    drop(back.expect("the place comes back when the read is done").unwrap());
}

#[tokio::test]
async fn status_says_that_nobody_leads() {
    let (api, _inputs) = api();
    let status = api.status(Request::new(StatusRequest {})).await.unwrap().into_inner();
    assert_eq!((status.leader, status.raft_term), (0, 5));
    assert_eq!(status.errors, ["etcdserver: no leader"]);
    assert_eq!(status.header.unwrap().revision, 1);
}

/// A future that can be looked at before it is waited for.
struct Task<F>(std::pin::Pin<Box<F>>);

fn task<F: Future>(future: F) -> Task<F> {
    Task(Box::pin(future))
}

impl<F: Future> Task<F> {
    async fn poll_once(&mut self) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match self.0.as_mut().poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    async fn finish(self) -> F::Output {
        self.0.await
    }
}
