//! Both ends of a link over real sockets, with a relay between them that the test can stall.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::*;
use crate::bugs::Bugs;
use crate::raft::{Message, NodeId, Payload, RequestId, Term};
use crate::replica::{Claim, Input as Told};
use crate::server::inbox::{Inbox, Input};

const CLUSTER: u64 = 7;
/// How long what must happen may take, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(30);

fn claim(id: u64) -> Claim {
    Claim { cluster: CLUSTER, id: NodeId(id), members: [1, 2, 3].map(NodeId).into() }
}

/// The receiving node, n2.
struct Receiver {
    address: SocketAddr,
    inputs: UnboundedReceiver<Input>,
    service: AbortHandle,
}

async fn receiver(address: &str) -> Receiver {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (inbox, inputs) = Inbox::new();
    let service = PeerService::new(claim(2), Bugs::NONE, inbox, Arc::default());
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(service.into_server())
        .serve_with_incoming(TcpIncoming::from(listener));
    Receiver { address, inputs, service: tokio::spawn(server).abort_handle() }
}

impl Receiver {
    /// The next `count` numbers that arrive from n1.
    async fn numbers(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let input =
                timeout(PATIENCE, self.inputs.recv()).await.expect("messages arrive in time");
            let Some(Input::Frame { from, messages, .. }) = input else {
                panic!("unexpected: {input:?}");
            };
            assert_eq!(from, NodeId(1));
            numbers.extend(messages.iter().map(number_of));
        }
        numbers
    }
}

/// The sending node, n1.
struct Sender {
    outbox: Arc<Outbox>,
    inputs: UnboundedReceiver<Input>,
    link: AbortHandle,
}

impl Sender {
    /// What the link tells its node next.
    async fn heard(&mut self) -> Input {
        timeout(PATIENCE, self.inputs.recv()).await.expect("the link tells in time").unwrap()
    }
}

fn sender(address: SocketAddr, incarnation: u64) -> Sender {
    let outbox = Outbox::new(Arc::default());
    let (inbox, inputs) = Inbox::new();
    let dialer = Dialer {
        peer: NodeId(2),
        address,
        claim: claim(1),
        incarnation,
        outbox: Arc::clone(&outbox),
        inbox,
    };
    Sender { outbox, inputs, link: tokio::spawn(run_link(dialer)).abort_handle() }
}

fn numbered(number: u64, bytes: usize) -> Message {
    let request = RequestId { node: NodeId(1), number };
    Message { term: Term(1), payload: Payload::Propose { request, command: vec![7; bytes] } }
}

fn number_of(message: &Message) -> u64 {
    match &message.payload {
        Payload::Propose { request, .. } => request.number,
        other => panic!("not ours: {other:?}"),
    }
}

/// Passes bytes on; the way back can be closed for a while.
async fn relay(to: SocketAddr) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (gate, back_open) = watch::channel(true);
    let (always, forward_open) = watch::channel(true);
    tokio::spawn(async move {
        let _kept_open = always;
        let mut copies = JoinSet::new();
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(to).await.unwrap();
            let ((near_read, near_write), (far_read, far_write)) =
                (near.into_split(), far.into_split());
            copies.spawn(copy(near_read, far_write, forward_open.clone()));
            copies.spawn(copy(far_read, near_write, back_open.clone()));
        }
    });
    (address, gate)
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut open: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        open.wait_for(|open| *open).await.unwrap();
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                open.wait_for(|open| *open).await.unwrap();
                if to.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Waits for `event` while messages go out, numbered from `first` on.
async fn while_pushing<T>(outbox: &Outbox, first: u64, event: impl Future<Output = T>) -> T {
    let pushing = async {
        for number in first.. {
            outbox.push(numbered(number, 10));
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        seen = timeout(PATIENCE, event) => seen.expect("it happens in time"),
        () = pushing => unreachable!("numbers do not end"),
    }
}

#[tokio::test]
async fn messages_arrive_in_order() {
    let mut receiver = receiver("127.0.0.1:0").await;
    let sender = sender(receiver.address, 1);
    for number in 0..500 {
        assert!(sender.outbox.push(numbered(number, 10)).is_empty());
    }
    assert_eq!(receiver.numbers(500).await, (0..500).collect::<Vec<_>>());
    sender.link.abort();
}

#[tokio::test]
async fn a_broken_link_is_reported_and_dialled_again() {
    let mut first = receiver("127.0.0.1:0").await;
    let mut sender = sender(first.address, 1);
    sender.outbox.push(numbered(1, 10));
    assert_eq!(first.numbers(1).await, [1]);
    first.service.abort();
    drop(first.inputs);
    // The service's connections outlive its listener; the next message finds that nobody takes it.
    let outbox = Arc::clone(&sender.outbox);
    let broken = async {
        while !matches!(sender.heard().await, Input::Member(Told::Unreachable(NodeId(2)))) {}
    };
    while_pushing(&outbox, 2, broken).await;
    let mut second = receiver(&first.address.to_string()).await;
    let numbers = while_pushing(&outbox, 1000, second.numbers(1)).await;
    assert!(numbers[0] > 1);
}

#[tokio::test]
async fn writes_for_an_unreachable_peer_are_named_as_never_sent() {
    // Bound, so that nobody else gets the port, and never listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut sender = sender(socket.local_addr().unwrap(), 1);
    sender.outbox.push(numbered(5, 10));
    loop {
        match sender.heard().await {
            Input::Member(Told::NeverSent(requests)) => {
                assert_eq!(requests, [RequestId { node: NodeId(1), number: 5 }]);
                return;
            }
            Input::Member(Told::Unreachable(_)) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_cut_of_the_way_back_does_not_stop_the_way_there() {
    const MESSAGES: u64 = 2000;
    let mut receiver = receiver("127.0.0.1:0").await;
    let (address, gate) = relay(receiver.address).await;
    let sender = sender(address, 1);
    sender.outbox.push(numbered(0, 10));
    assert_eq!(receiver.numbers(1).await, [0]);
    // The receiver's settings, sent at the start, have to be through: more than the initial window shows that.
    for number in 1..200 {
        sender.outbox.push(numbered(number, 1024));
    }
    receiver.numbers(199).await;
    gate.send(false).unwrap();
    // 4 MiB, far beyond HTTP/2's default window of 64 KiB.
    let sent: Vec<u64> = (200..200 + MESSAGES).collect();
    for number in &sent {
        sender.outbox.push(numbered(*number, 2048));
    }
    assert_eq!(receiver.numbers(sent.len()).await, sent);
    sender.link.abort();
}

#[tokio::test]
async fn a_new_life_of_the_sender_takes_over_and_the_old_one_is_a_ghost() {
    let mut receiver = receiver("127.0.0.1:0").await;
    let mut old = sender(receiver.address, 1);
    old.outbox.push(numbered(1, 10));
    assert_eq!(receiver.numbers(1).await, [1]);
    let new = sender(receiver.address, 2);
    new.outbox.push(numbered(2, 10));
    assert_eq!(receiver.numbers(1).await, [2]);
    // The old stream was closed; dialling again it is refused, so nothing of it arrives any more.
    for _ in 0..2 {
        while !matches!(old.heard().await, Input::Member(Told::Unreachable(_))) {}
        old.outbox.push(numbered(3, 10));
    }
    new.outbox.push(numbered(4, 10));
    assert_eq!(receiver.numbers(1).await, [4]);
    old.link.abort();
    new.link.abort();
}
