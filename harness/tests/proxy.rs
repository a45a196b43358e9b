//! The rules of the faulty network, one by one, on real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rashomon::ports::PortPool;
use rashomon::proxy::{Link, LinkRule, LinkStats, Network, NetworkOptions};
use rashomon::seed::Seed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(10);
const N1_TO_N2: Link = Link::peers(0, 1);
const N2_TO_N1: Link = Link::peers(1, 0);

/// Answers every byte with itself, and counts.
#[derive(Default)]
struct EchoNode {
    accepted: AtomicU64,
    received: AtomicU64,
}

impl EchoNode {
    async fn start() -> (Arc<Self>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let node = Arc::new(Self::default());
        let served = Arc::clone(&node);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                served.accepted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(Arc::clone(&served).echo(stream));
            }
        });
        (node, addr)
    }

    async fn echo(self: Arc<Self>, mut stream: TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            self.received.fetch_add(count as u64, Ordering::SeqCst);
            if stream.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    }

    fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// Two nodes with the network between them. The tests dial from n1 to n2.
struct Rig {
    network: Network,
    n2: Arc<EchoNode>,
}

impl Rig {
    async fn new() -> Self {
        let (_, n1_addr) = EchoNode::start().await;
        let (n2, n2_addr) = EchoNode::start().await;
        Self { network: network(&[n1_addr, n2_addr]), n2 }
    }

    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.addr()).await.unwrap()
    }

    fn addr(&self) -> SocketAddr {
        self.network.listen_addr(N1_TO_N2).unwrap()
    }

    /// Waits until the figures of a link are as wanted.
    async fn until_stats(&self, what: &str, link: Link, condition: impl Fn(&LinkStats) -> bool) {
        until(what, || holds(self.network.stats(link), &condition)).await;
    }
}

fn network(upstreams: &[SocketAddr]) -> Network {
    let options =
        NetworkOptions { peers: upstreams.to_vec(), clients: upstreams.to_vec(), seed: Seed(1) };
    Network::start(&options, &mut PortPool::new(Seed(1))).unwrap()
}

/// Waits for a condition; says what was seen if it does not come.
async fn until<S: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> Result<(), S>) {
    let deadline = Instant::now() + DEADLINE;
    while let Err(seen) = look() {
        assert!(Instant::now() < deadline, "{what}: still {seen:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn holds<S: std::fmt::Debug>(value: S, condition: impl Fn(&S) -> bool) -> Result<(), S> {
    if condition(&value) { Ok(()) } else { Err(value) }
}

/// What comes back for `bytes`.
async fn echo(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let (mut reader, mut writer) = stream.split();
    let mut answer = vec![0; bytes.len()];
    let exchange =
        async { tokio::try_join!(writer.write_all(bytes), reader.read_exact(&mut answer)) };
    timeout(DEADLINE, exchange).await.expect("an answer in time")?;
    Ok(answer)
}

/// Reads until the connection ends; tells how.
async fn read_to_end(stream: &mut TcpStream) -> (Vec<u8>, std::io::Result<()>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match timeout(DEADLINE, stream.read(&mut buffer)).await.expect("an end in time") {
            Ok(0) => return (bytes, Ok(())),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) => return (bytes, Err(error)),
        }
    }
}

async fn assert_reset(stream: &mut TcpStream) {
    let (bytes, end) = read_to_end(stream).await;
    assert_eq!(end.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    assert!(bytes.is_empty(), "{} bytes came before the reset", bytes.len());
}

/// Nothing can be read: what had passed the gate would be here.
fn assert_silent(stream: &TcpStream) {
    let error = stream.try_read(&mut [0; 1]).expect_err("nothing to read");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_passing_link_carries_bytes_and_ends_both_ways() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    assert_eq!(echo(&mut stream, b"hello").await.unwrap(), b"hello");
    stream.shutdown().await.unwrap();
    let (rest, end) = read_to_end(&mut stream).await;
    assert!(end.is_ok() && rest.is_empty(), "{rest:?} {end:?}");
    let stats = rig.network.stats(N1_TO_N2);
    assert_eq!((stats.bytes_passed, stats.connects_accepted, stats.resets), (5, 1, 0));
    assert_eq!(rig.network.stats(N2_TO_N1).bytes_passed, 5);
    assert_eq!(rig.network.stats(N2_TO_N1).connects_accepted, 0);
}

#[tokio::test]
async fn clients_have_links_of_their_own() {
    let rig = Rig::new().await;
    let addr = rig.network.listen_addr(Link::to_node(1)).unwrap();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    rig.network.apply(N1_TO_N2, LinkRule::Cut);
    rig.network.apply(N2_TO_N1, LinkRule::Cut);
    assert_eq!(echo(&mut stream, b"client").await.unwrap(), b"client");
    for link in [Link::to_node(1), Link::to_client(1)] {
        rig.until_stats("they are counted", link, |stats| stats.bytes_passed == 6).await;
    }
    assert_eq!(rig.network.listen_addr(Link::to_client(1)), None);
}

#[tokio::test]
async fn a_stalled_link_delivers_late_complete_and_in_order() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    echo(&mut stream, b"0").await.unwrap();
    rig.network.apply(N1_TO_N2, LinkRule::Stall);
    let sent: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let (mut reader, mut writer) = stream.into_split();
    let copy = sent.clone();
    let writing = tokio::spawn(async move { writer.write_all(&copy).await.map(|()| writer) });
    rig.until_stats("bytes are held", N1_TO_N2, |stats| stats.bytes_held > 100_000).await;
    assert_eq!(rig.n2.received(), 1);
    rig.network.apply(N1_TO_N2, LinkRule::Pass);
    let mut answer = vec![0; sent.len()];
    timeout(DEADLINE, reader.read_exact(&mut answer)).await.unwrap().unwrap();
    assert!(answer == sent, "bytes were lost or out of order");
    writing.await.unwrap().unwrap();
    assert_eq!(rig.network.stats(N1_TO_N2).bytes_dropped, 0);
}

#[tokio::test]
async fn one_direction_can_stall_while_the_other_flows() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    echo(&mut stream, b"0").await.unwrap();
    // What n2 sends, on the connection that n1 dialled.
    rig.network.apply(N2_TO_N1, LinkRule::Stall);
    stream.write_all(b"question").await.unwrap();
    until("the question arrives", || holds(rig.n2.received(), |count| *count == 9)).await;
    rig.until_stats("the answer is held", N2_TO_N1, |stats| stats.bytes_held == 8).await;
    assert_silent(&stream);
    rig.network.apply(N2_TO_N1, LinkRule::Pass);
    let mut answer = [0; 8];
    timeout(DEADLINE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"question");
}

#[tokio::test]
async fn a_cut_link_loses_what_it_held_and_resets_at_the_heal() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    echo(&mut stream, b"0").await.unwrap();
    rig.network.apply(N1_TO_N2, LinkRule::Cut);
    stream.write_all(b"lost").await.unwrap();
    rig.until_stats("bytes are held", N1_TO_N2, |stats| stats.bytes_held == 4).await;
    assert_silent(&stream);
    rig.network.apply(N1_TO_N2, LinkRule::Pass);
    assert_reset(&mut stream).await;
    rig.until_stats("held bytes are dropped", N1_TO_N2, |stats| stats.bytes_dropped == 4).await;
    let stats = rig.network.stats(N1_TO_N2);
    assert_eq!((stats.bytes_held, stats.resets), (0, 1));
    assert_eq!(rig.n2.received(), 1);
    assert_eq!(echo(&mut rig.dial().await, b"again").await.unwrap(), b"again");
}

#[tokio::test]
async fn a_cut_that_becomes_a_delay_has_lost_what_it_held() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    echo(&mut stream, b"0").await.unwrap();
    rig.network.apply(N1_TO_N2, LinkRule::Cut);
    stream.write_all(b"lost").await.unwrap();
    rig.until_stats("bytes are held", N1_TO_N2, |stats| stats.bytes_held == 4).await;
    let (mean, jitter) = (Duration::from_millis(1), Duration::ZERO);
    rig.network.apply(N1_TO_N2, LinkRule::Delay { mean, jitter });
    assert_reset(&mut stream).await;
    assert_eq!(rig.n2.received(), 1);
}

#[tokio::test]
async fn a_connect_under_a_cut_is_held_and_reset_at_the_heal() {
    for cut in [N1_TO_N2, N2_TO_N1] {
        let rig = Rig::new().await;
        rig.network.apply(cut, LinkRule::Cut);
        let mut stream = rig.dial().await;
        stream.write_all(b"hello?").await.unwrap();
        rig.until_stats("the connect is held", cut, |stats| stats.connects_blocked == 1).await;
        assert_silent(&stream);
        rig.network.apply(cut, LinkRule::Pass);
        assert_reset(&mut stream).await;
        assert_eq!(rig.n2.accepted(), 0, "cut {cut}");
    }
}

#[tokio::test]
async fn a_connect_under_a_stall_is_carried_on_afterwards() {
    let rig = Rig::new().await;
    rig.network.apply(N2_TO_N1, LinkRule::Stall);
    let mut stream = rig.dial().await;
    rig.until_stats("the connect is held", N2_TO_N1, |stats| stats.connects_blocked == 1).await;
    assert_eq!(rig.n2.accepted(), 0);
    rig.network.apply(N2_TO_N1, LinkRule::Pass);
    assert_eq!(echo(&mut stream, b"late").await.unwrap(), b"late");
}

#[tokio::test]
async fn connects_hang_in_a_blackhole_and_succeed_after_it() {
    let rig = Rig::new().await;
    let mut existing = rig.dial().await;
    echo(&mut existing, b"0").await.unwrap();
    rig.network.apply(N1_TO_N2, LinkRule::Blackhole);
    assert!(rig.network.settled(DEADLINE).await);
    let connect = timeout(Duration::from_millis(300), TcpStream::connect(rig.addr())).await;
    assert!(connect.is_err(), "connected, or was refused: {connect:?}");
    // This one hangs over the end of the blackhole: the kernel asks again a second after it first did.
    let mut hanging = tokio::spawn(TcpStream::connect(rig.addr()));
    assert!(timeout(Duration::from_millis(100), &mut hanging).await.is_err());
    assert_silent(&existing);
    rig.network.apply(N1_TO_N2, LinkRule::Pass);
    assert_reset(&mut existing).await;
    assert!(rig.network.settled(DEADLINE).await);
    assert_eq!(echo(&mut rig.dial().await, b"fresh").await.unwrap(), b"fresh");
    let mut late = timeout(DEADLINE, hanging).await.unwrap().unwrap().unwrap();
    assert_eq!(echo(&mut late, b"late").await.unwrap(), b"late");
}

#[tokio::test]
async fn a_refusing_link_resets_and_refuses_at_once() {
    let rig = Rig::new().await;
    let mut existing = rig.dial().await;
    echo(&mut existing, b"0").await.unwrap();
    rig.network.apply(N1_TO_N2, LinkRule::Refuse);
    assert_reset(&mut existing).await;
    assert!(rig.network.settled(DEADLINE).await);
    let refused = TcpStream::connect(rig.addr()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    // What n1 would answer to a connect of n2 is refused as well.
    match TcpStream::connect(rig.network.listen_addr(N2_TO_N1).unwrap()).await {
        Ok(mut other) => assert_reset(&mut other).await,
        // So soon that it never was a connection.
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert_eq!(rig.network.stats(N1_TO_N2).connects_refused, 1);
    rig.network.apply(N1_TO_N2, LinkRule::Pass);
    assert!(rig.network.settled(DEADLINE).await);
    assert_eq!(echo(&mut rig.dial().await, b"again").await.unwrap(), b"again");
}

#[tokio::test]
async fn a_delay_holds_each_chunk_for_its_time() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    echo(&mut stream, b"0").await.unwrap();
    let (mean, jitter) = (Duration::from_millis(20), Duration::from_millis(10));
    let shortest = Duration::from_millis(10);
    rig.network.apply(N1_TO_N2, LinkRule::Delay { mean, jitter });
    let mut round_trips = Vec::new();
    for round in 0..20_u8 {
        let start = Instant::now();
        assert_eq!(echo(&mut stream, &[round; 256]).await.unwrap(), [round; 256]);
        round_trips.push(start.elapsed());
    }
    let (least, most) = (*round_trips.iter().min().unwrap(), *round_trips.iter().max().unwrap());
    assert!(least >= shortest, "{round_trips:?}");
    assert!(most > least + Duration::from_millis(2), "no jitter in {round_trips:?}");
    let stats = rig.network.stats(N1_TO_N2);
    assert!(stats.chunks_delayed >= 20 && stats.delay_max >= shortest, "{stats:?}");
    let average = stats.delay_total / u32::try_from(stats.chunks_delayed).unwrap();
    assert!(average >= shortest, "{stats:?}");
    assert_eq!(rig.network.stats(N2_TO_N1).chunks_delayed, 0);
}

#[tokio::test]
async fn a_delay_is_not_a_throttle() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    echo(&mut stream, b"0").await.unwrap();
    let (mean, jitter) = (Duration::from_secs(60), Duration::ZERO);
    rig.network.apply(N1_TO_N2, LinkRule::Delay { mean, jitter });
    let sent: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let all_under_way = async {
        rig.until_stats("all is under way", N1_TO_N2, |stats| stats.bytes_held == 4_000_000).await;
        assert_eq!(rig.n2.received(), 1);
        rig.network.apply(N1_TO_N2, LinkRule::Pass);
    };
    let (answer, ()) = tokio::join!(echo(&mut stream, &sent), all_under_way);
    assert!(answer.unwrap() == sent, "bytes were lost or out of order");
}

#[tokio::test]
async fn jitter_does_not_change_the_order() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    let (mean, jitter) = (Duration::from_millis(3), Duration::from_millis(3));
    rig.network.apply(N1_TO_N2, LinkRule::Delay { mean, jitter });
    // Many chunks under way at the same time, each with a delay of its own.
    let sent: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
    assert!(echo(&mut stream, &sent).await.unwrap() == sent, "bytes are out of order");
    assert!(rig.network.stats(N1_TO_N2).chunks_delayed > 20);
}

#[tokio::test]
async fn a_throttled_link_carries_its_rate_over_all_connections() {
    let rig = Rig::new().await;
    let (mut first, mut second) = (rig.dial().await, rig.dial().await);
    rig.network.apply(N1_TO_N2, LinkRule::Throttle { bytes_per_second: 1_000_000 });
    let start = Instant::now();
    let (bytes, more) = (vec![1; 200_000], vec![2; 200_000]);
    let (one, two) = tokio::join!(echo(&mut first, &bytes), echo(&mut second, &more));
    assert!(one.unwrap() == bytes && two.unwrap() == more);
    // 20 ms of the rate may pass at once.
    assert!(start.elapsed() >= Duration::from_millis(370), "{:?}", start.elapsed());
    assert!(rig.network.stats(N1_TO_N2).chunks_delayed > 0);
}

#[tokio::test]
async fn a_node_that_is_down_is_a_reset_at_once() {
    let mut ports = PortPool::new(Seed(2));
    let down = ports.reserve().unwrap();
    let network = network(&[down.addr()]);
    let addr = network.listen_addr(Link::to_node(0)).unwrap();
    match TcpStream::connect(addr).await {
        Ok(mut stream) => assert_reset(&mut stream).await,
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert_eq!(network.stats(Link::to_node(0)).connects_refused, 1);
}

/// A connection through the network whose far end is in the test's hands.
async fn both_ends() -> (Network, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let network = network(&[listener.local_addr().unwrap()]);
    let addr = network.listen_addr(Link::to_node(0)).unwrap();
    let mut dialled = TcpStream::connect(addr).await.unwrap();
    let (mut accepted, _) = listener.accept().await.unwrap();
    // With a byte through, the proxy is done with dialling.
    accepted.write_all(b"!").await.unwrap();
    dialled.read_exact(&mut [0]).await.unwrap();
    (network, dialled, accepted)
}

/// Closes with a reset, as a process does that dies with unread bytes.
fn slam(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[tokio::test]
async fn a_reset_of_one_end_resets_the_other() {
    let (_network, dialled, mut accepted) = both_ends().await;
    slam(dialled);
    assert_reset(&mut accepted).await;
    let (_network, mut dialled, accepted) = both_ends().await;
    slam(accepted);
    assert_reset(&mut dialled).await;
}

#[tokio::test]
async fn a_node_that_dies_behind_a_cut_is_not_heard_of_before_the_heal() {
    let (network, mut stream, accepted) = both_ends().await;
    network.apply(Link::to_client(0), LinkRule::Cut);
    slam(accepted);
    // Bytes towards the dead node pass their gate and are lost there; no answer comes back.
    until("the proxy finds nobody to write to", || {
        let _ = stream.try_write(b"anybody?");
        holds(network.stats(Link::to_node(0)), |stats| stats.bytes_dropped > 0)
    })
    .await;
    assert_silent(&stream);
    network.apply(Link::to_client(0), LinkRule::Pass);
    assert_reset(&mut stream).await;
}

#[tokio::test]
async fn a_held_connection_whose_dialler_hangs_up_is_forgotten() {
    let rig = Rig::new().await;
    rig.network.apply(N1_TO_N2, LinkRule::Stall);
    let mut stream = rig.dial().await;
    stream.write_all(b"never mind").await.unwrap();
    rig.until_stats("the connect is held", N1_TO_N2, |stats| stats.connects_blocked == 1).await;
    assert_eq!(rig.network.stats(N1_TO_N2).connects_waiting, 1);
    drop(stream);
    rig.until_stats("it is forgotten", N1_TO_N2, |stats| stats.connects_waiting == 0).await;
    rig.network.apply(N1_TO_N2, LinkRule::Pass);
    assert_eq!(echo(&mut rig.dial().await, b"next").await.unwrap(), b"next");
    assert_eq!(rig.n2.accepted(), 1);
}

#[tokio::test]
async fn what_a_stalled_connection_keeps_is_bounded() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    echo(&mut stream, b"0").await.unwrap();
    rig.network.apply(N1_TO_N2, LinkRule::Stall);
    let chunk = vec![7; 64 * 1024];
    let mut sent = 0;
    // Until the kernel's buffers are full as well, which the sender feels.
    while timeout(Duration::from_millis(200), stream.writable()).await.is_ok() {
        sent += stream.try_write(&chunk).unwrap_or(0) as u64;
    }
    // The proxy may have been slower than the sender.
    rig.until_stats("it holds what it may", N1_TO_N2, |stats| stats.bytes_held >= 128 * 1024).await;
    let held = rig.network.stats(N1_TO_N2).bytes_held;
    assert!(held <= 320 * 1024, "{held} held of {sent}");
    assert!(sent > held, "{held} held of {sent}");
}

#[tokio::test]
async fn dropping_the_network_closes_its_connections() {
    let rig = Rig::new().await;
    let mut stream = rig.dial().await;
    echo(&mut stream, b"0").await.unwrap();
    drop(rig);
    let (rest, _) = read_to_end(&mut stream).await;
    assert!(rest.is_empty());
}

/// Senders that never stop, each byte telling its place in the stream.
struct Flood {
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Flood {
    async fn start(rig: &Rig, connections: usize) -> Self {
        let mut tasks = Vec::new();
        for _ in 0..connections {
            let chunk: Vec<u8> = (0..251 * 13).map(|place| (place % 251) as u8).collect();
            let mut stream = rig.dial().await;
            // With an answer in, the proxy is done with dialling.
            echo(&mut stream, &chunk).await.unwrap();
            let (mut reader, mut writer) = stream.into_split();
            tasks
                .push(tokio::spawn(async move { while writer.write_all(&chunk).await.is_ok() {} }));
            tasks.push(tokio::spawn(async move {
                let (mut buffer, mut place) = (vec![0; 4096], 0_u64);
                while let Ok(count @ 1..) = reader.read(&mut buffer).await {
                    for byte in &buffer[..count] {
                        assert_eq!(u64::from(*byte), place % 251, "byte {place} is out of order");
                        place += 1;
                    }
                }
            }));
        }
        Self { tasks }
    }

    async fn stop(self) {
        for task in self.tasks {
            task.abort();
            if let Err(error) = task.await {
                assert!(error.is_cancelled(), "{error}");
            }
        }
    }
}

/// Shuts the link under a flood, checks that nothing follows, and opens it again.
async fn assert_no_leak(rig: &Rig, rule: LinkRule, round: usize) {
    let stats = || rig.network.stats(N1_TO_N2);
    let before = stats().bytes_passed;
    rig.until_stats("bytes flow", N1_TO_N2, |stats| stats.bytes_passed > before + 100_000).await;
    rig.network.apply(N1_TO_N2, rule);
    let at_apply = stats().bytes_passed;
    // The flood goes on, and stands before the gate on every connection.
    rig.until_stats("the flood is held", N1_TO_N2, |stats| stats.bytes_held > 500_000).await;
    until("what was on its way has arrived", || {
        holds(rig.n2.received(), |received| *received == at_apply)
    })
    .await;
    assert_eq!(stats().bytes_passed, at_apply, "leaked in round {round} of {rule}");
    rig.network.apply(N1_TO_N2, LinkRule::Pass);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_a_byte_leaks_through_a_stall_under_flood() {
    let rig = Rig::new().await;
    let flood = Flood::start(&rig, 4).await;
    for round in 0..25 {
        assert_no_leak(&rig, LinkRule::Stall, round).await;
    }
    flood.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_a_byte_leaks_through_a_cut_under_flood() {
    let rig = Rig::new().await;
    for round in 0..10 {
        let flood = Flood::start(&rig, 4).await;
        assert_no_leak(&rig, LinkRule::Cut, round).await;
        rig.until_stats("the cut has reset all", N1_TO_N2, |stats| stats.bytes_held == 0).await;
        flood.stop().await;
    }
    let stats = rig.network.stats(N1_TO_N2);
    assert!(stats.bytes_dropped > 0, "{stats:?}");
    assert_eq!(stats.bytes_passed, rig.n2.received());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_while_a_connection_is_dialled_lets_nothing_through_later() {
    let rig = Rig::new().await;
    for round in 0..200_u64 {
        let mut stream = rig.dial().await;
        stream.write_all(b"first words").await.unwrap();
        // Somewhere between the acceptance and the first bytes; where, differs from round to round.
        for _ in 0..round % 20 * 50 {
            std::hint::spin_loop();
        }
        rig.network.apply(N1_TO_N2, LinkRule::Cut);
        let at_apply = rig.network.stats(N1_TO_N2).bytes_passed;
        rig.until_stats("it is accepted", N1_TO_N2, |stats| stats.connects_accepted == round + 1)
            .await;
        rig.network.apply(N1_TO_N2, LinkRule::Pass);
        let (_, end) = read_to_end(&mut stream).await;
        assert_eq!(end.expect_err("a reset").kind(), ErrorKind::ConnectionReset, "round {round}");
        assert_eq!(rig.network.stats(N1_TO_N2).bytes_passed, at_apply, "round {round}");
    }
}

/// Waits for a condition that is about to come.
async fn until_busily<S: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> Result<(), S>) {
    let deadline = Instant::now() + DEADLINE;
    while let Err(seen) = look() {
        assert!(Instant::now() < deadline, "{what}: still {seen:?}");
        tokio::task::yield_now().await;
    }
}

/// Shuts the gate again and again, each time most likely while the proxy is writing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_shuts_between_writes_never_within_one() {
    let rig = Rig::new().await;
    let flood = Flood::start(&rig, 2).await;
    let passed = || rig.network.stats(N1_TO_N2).bytes_passed;
    for round in 0..150 {
        let before = passed();
        until_busily("bytes flow", || holds(passed(), |now| *now > before)).await;
        rig.network.apply(N1_TO_N2, LinkRule::Stall);
        let at_apply = passed();
        // Time enough for a write that was under way to be counted.
        for _ in 0..20_000 {
            std::hint::spin_loop();
        }
        assert_eq!(passed(), at_apply, "leaked in round {round}");
        rig.network.apply(N1_TO_N2, LinkRule::Pass);
    }
    flood.stop().await;
}
