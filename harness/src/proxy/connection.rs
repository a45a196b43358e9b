//! One proxied connection, from its acceptance to its end.
//!
//! A connection dialled from `a` to `b` has two lanes, and each passes the gate of the direction of its bytes: what `a`
//! sends goes by `a>b`, what `b` answers by `b>a`. Dialling needs both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::gate::{Counters, Gate, GateState, Standing};
use super::lane::{Lane, LaneEnd, Sockets};
use super::trouble::Trouble;

/// A node that does not take a connection for so long (stopped, with a full backlog) counts as unreachable.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a connection that is kept waiting is asked whether its dialler is still there.
const ABANDONED_CHECK: Duration = Duration::from_millis(50);

/// The way that connections of one listener take.
#[derive(Debug)]
pub(super) struct Path {
    /// What the dialler sends.
    pub(super) forward: Arc<Gate>,
    /// What it is answered.
    pub(super) backward: Arc<Gate>,
    /// Whom to dial.
    pub(super) upstream: SocketAddr,
    /// Where to tell what is the proxy's own fault.
    pub(super) trouble: Trouble,
}

impl Path {
    fn gates_that_say(
        &self,
        what: Standing,
        standings: [Standing; 2],
    ) -> impl Iterator<Item = &Gate> {
        let gates = [&*self.forward, &*self.backward].into_iter().zip(standings);
        gates.filter(move |(_, standing)| *standing == what).map(|(gate, _)| gate)
    }
}

/// The gates of a path as one connection sees them.
struct Gates {
    forward: watch::Receiver<GateState>,
    backward: watch::Receiver<GateState>,
    epochs: (u64, u64),
}

impl Gates {
    fn new(path: &Path) -> Self {
        let (forward, backward) = (path.forward.watch(), path.backward.watch());
        let epochs = (forward.borrow().epoch, backward.borrow().epoch);
        Self { forward, backward, epochs }
    }

    /// What each direction says now.
    fn standings(&mut self) -> [Standing; 2] {
        [
            self.forward.borrow_and_update().standing(self.epochs.0),
            self.backward.borrow_and_update().standing(self.epochs.1),
        ]
    }

    /// Returns when a rule changed; false if there will be none any more.
    async fn changed(&mut self) -> bool {
        tokio::select! {
            changed = self.forward.changed() => changed.is_ok(),
            changed = self.backward.changed() => changed.is_ok(),
        }
    }
}

/// Serves a connection that was just accepted.
pub(super) async fn serve(path: Arc<Path>, mut downstream: TcpStream) {
    let mut gates = Gates::new(&path);
    Counters::add(&path.forward.counters.connects_accepted, 1);
    if !admit(&path, &mut gates, &downstream).await {
        return reset(&downstream);
    }
    let dialled = tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect(path.upstream)).await;
    if let Ok(Err(error)) = &dialled {
        path.trouble.note_shortage(error);
    }
    let Ok(Ok(mut upstream)) = dialled else {
        // The refusal is an answer, so it waits for the gates as an answer would.
        admit(&path, &mut gates, &downstream).await;
        Counters::add(&path.forward.counters.connects_refused, 1);
        return reset(&downstream);
    };
    // Fails only on a socket that is dead already, which the lanes will find out.
    let _ = downstream.set_nodelay(true);
    let _ = upstream.set_nodelay(true);
    if carry(&path, gates.epochs, &mut downstream, &mut upstream).await == LaneEnd::Reset {
        reset(&downstream);
        reset(&upstream);
    }
}

/// Waits until both directions let a connect through; false if it is lost or refused instead.
async fn admit(path: &Path, gates: &mut Gates, downstream: &TcpStream) -> bool {
    let mut waiting: Vec<Waiting<'_>> = Vec::new();
    loop {
        let standings = gates.standings();
        if standings.contains(&Standing::Reset) {
            for gate in path.gates_that_say(Standing::Reset, standings) {
                let Counters { resets, connects_refused, .. } = &gate.counters;
                Counters::add(if waiting.is_empty() { connects_refused } else { resets }, 1);
            }
            return false;
        }
        if !standings.contains(&Standing::Held) {
            return true;
        }
        if waiting.is_empty() {
            waiting.extend(path.gates_that_say(Standing::Held, standings).map(Waiting::new));
        }
        tokio::select! {
            more = gates.changed() => if !more { return false },
            () = abandoned(downstream) => return false,
        }
    }
}

/// A connect in the figures of the gate that keeps it waiting.
struct Waiting<'a>(&'a Counters);

impl<'a> Waiting<'a> {
    fn new(gate: &'a Gate) -> Self {
        Counters::add(&gate.counters.connects_blocked, 1);
        Counters::add(&gate.counters.connects_waiting, 1);
        Self(&gate.counters)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        Counters::subtract(&self.0.connects_waiting, 1);
    }
}

/// Returns when the dialler has hung up. Nobody else can know of it: nothing was dialled for it yet.
async fn abandoned(downstream: &TcpStream) {
    loop {
        tokio::time::sleep(ABANDONED_CHECK).await;
        // Readable for good once bytes have arrived, so it cannot be waited for.
        match downstream.ready(Interest::READABLE).await {
            Ok(ready) if !ready.is_read_closed() => {}
            _ => return,
        }
    }
}

/// Runs both lanes to their end.
async fn carry(
    path: &Path,
    epochs: (u64, u64),
    downstream: &mut TcpStream,
    upstream: &mut TcpStream,
) -> LaneEnd {
    let (downstream_broken, upstream_broken) = (AtomicBool::new(false), AtomicBool::new(false));
    let (from_dialler, to_dialler) = downstream.split();
    let (from_node, to_node) = upstream.split();
    let forward = Sockets {
        source: from_dialler,
        sink: to_node,
        source_broken: &downstream_broken,
        sink_broken: &upstream_broken,
    };
    let backward = Sockets {
        source: from_node,
        sink: to_dialler,
        source_broken: &upstream_broken,
        sink_broken: &downstream_broken,
    };
    let run = async |gate, epoch, sockets| match Lane::new(gate, epoch, sockets).run().await {
        LaneEnd::Finished => Ok(()),
        LaneEnd::Reset => Err(()),
    };
    let lanes = tokio::try_join!(
        run(&path.forward, epochs.0, forward),
        run(&path.backward, epochs.1, backward)
    );
    if lanes.is_ok() { LaneEnd::Finished } else { LaneEnd::Reset }
}

/// Makes the coming close a reset: whoever is at the other end loses what is under way, and knows it.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
