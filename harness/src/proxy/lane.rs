//! One direction of one connection: reads from one socket, keeps what the gate holds, writes to the other.
//!
//! ```text
//! source ──read──► [ queue ] ──gate: rule in force, same epoch, due──► sink
//!             └── empty and the rule is Pass: straight through ──┘
//! ```
//!
//! A lane goes on reading while its gate is shut, up to a bound, so that it can tell how many bytes were held; beyond
//! that the sender feels it. The end of the stream and a reset are news from the sender like bytes: they wait behind the
//! gate too, so that a node that dies behind a cut looks to the other side like one that says nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::gate::{Counters, Gate, GateState, Standing};
use super::link::LinkRule;
use super::queue::Queue;
use super::timer::PreciseTimer;

/// Bytes moved by one read.
const READ_BYTES: usize = 64 * 1024;

/// What a lane keeps before it stops reading.
const QUEUE_COST_MAX: usize = 256 * 1024;

/// The same under a delay: everything under way is in the queue, and a delay must not be a throttle.
const DELAYED_COST_MAX: usize = 8 * 1024 * 1024;

/// How a lane ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaneEnd {
    /// The sender said it is done, and the receiver has been told.
    Finished,
    /// The connection has to be reset.
    Reset,
}

/// What the sender has told us besides bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Open,
    Ended,
    Broken,
}

/// What has to happen before there is anything to do.
#[derive(Debug, Clone, Copy)]
enum Wait {
    /// More bytes, or another rule.
    Source,
    /// Room in the sink as well.
    Sink,
    /// The time when the front may go as well.
    Until(Instant),
}

/// The two sockets of a connection, as seen by one of its lanes.
pub(super) struct Sockets<'a> {
    pub(super) source: ReadHalf<'a>,
    pub(super) sink: WriteHalf<'a>,
    /// A write to `source`'s socket failed: what reads as its end is a reset.
    pub(super) source_broken: &'a AtomicBool,
    /// The same of `sink`'s socket, for the other lane.
    pub(super) sink_broken: &'a AtomicBool,
}

/// See the module.
pub(super) struct Lane<'a> {
    sockets: Sockets<'a>,
    gate: Arc<Gate>,
    state: watch::Receiver<GateState>,
    epoch: u64,
    queue: Queue,
    arrival: Arrival,
    /// The sink takes no more. What its side has to say about that comes through the other lane, when its gate lets it.
    deaf: bool,
    jitter: ChaCha8Rng,
    timer: PreciseTimer,
    buffer: Vec<u8>,
}

impl<'a> Lane<'a> {
    pub(super) fn new(gate: &Arc<Gate>, epoch: u64, sockets: Sockets<'a>) -> Self {
        Self {
            sockets,
            gate: Arc::clone(gate),
            state: gate.watch(),
            epoch,
            queue: Queue::new(Arc::clone(gate)),
            arrival: Arrival::Open,
            deaf: false,
            jitter: gate.lane_seed().rng(),
            timer: PreciseTimer::default(),
            buffer: vec![0; READ_BYTES],
        }
    }

    /// Carries bytes until the stream ends or the connection has to be reset.
    pub(super) async fn run(mut self) -> LaneEnd {
        loop {
            let wait = match self.forward() {
                Ok(wait) => wait,
                Err(end) => return end,
            };
            let reading = self.may_read();
            let (sink, until) = match wait {
                Wait::Source => (false, None),
                Wait::Sink => (true, None),
                Wait::Until(due) => (false, Some(due)),
            };
            tokio::select! {
                biased;
                changed = self.state.changed() => if changed.is_err() {
                    return LaneEnd::Reset;
                },
                () = self.timer.sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
                _ = self.sockets.sink.writable(), if sink => {}
                read = self.sockets.source.read(&mut self.buffer), if reading => self.arrived(&read),
            }
        }
    }

    fn may_read(&self) -> bool {
        let delayed = matches!(self.gate.state().rule, LinkRule::Delay { .. });
        let limit = if delayed { DELAYED_COST_MAX } else { QUEUE_COST_MAX };
        self.arrival == Arrival::Open && self.queue.cost() < limit
    }

    /// Takes note of what a read gave.
    fn arrived(&mut self, read: &std::io::Result<usize>) {
        match *read {
            Ok(0) if self.sockets.source_broken.load(Ordering::Relaxed) => {
                self.arrival = Arrival::Broken;
            }
            Ok(0) => self.arrival = Arrival::Ended,
            Ok(count) => self.took(count),
            Err(_) => self.arrival = Arrival::Broken,
        }
    }

    /// Passes the first `count` bytes of the buffer straight through if nothing is in the way, and queues the rest.
    fn took(&mut self, count: usize) {
        let state = self.state.borrow();
        let open = state.standing(self.epoch) == Standing::Open && state.rule == LinkRule::Pass;
        let mut sent = 0;
        if open && self.queue.is_empty() && !self.deaf {
            sent = self.sockets.sink.try_write(&self.buffer[..count]).unwrap_or(0);
            Counters::add(&self.gate.counters.bytes_passed, sent);
        }
        let rule = state.rule;
        drop(state);
        if sent < count {
            let now = Instant::now();
            let due = now + self.delay(rule);
            self.queue.push(&self.buffer[sent..count], now, due, rule != LinkRule::Pass);
        }
    }

    fn delay(&mut self, rule: LinkRule) -> Duration {
        let LinkRule::Delay { mean, jitter } = rule else {
            return Duration::ZERO;
        };
        let jitter = jitter.min(mean);
        let spread = u64::try_from(jitter.as_nanos() * 2).unwrap_or(u64::MAX);
        mean.saturating_sub(jitter) + Duration::from_nanos(self.jitter.random_range(0..=spread))
    }

    /// Passes on all that may go now.
    fn forward(&mut self) -> Result<Wait, LaneEnd> {
        loop {
            if self.deaf {
                self.queue.drop_all();
            }
            // Held over the write: see the module of the gate.
            let state = self.state.borrow_and_update();
            match state.standing(self.epoch) {
                Standing::Reset => {
                    Counters::add(&self.gate.counters.resets, 1);
                    return Err(LaneEnd::Reset);
                }
                Standing::Held => return Ok(Wait::Source),
                Standing::Open => {}
            }
            let Some(front) = self.queue.front() else {
                return self.sockets.finish(self.arrival, self.deaf);
            };
            let now = Instant::now();
            let room = match right_of_way(&self.gate, state.rule, front.bytes.len(), front.due, now)
            {
                Ok(room) => room,
                Err(due) => return Ok(Wait::Until(due)),
            };
            let written = self.sockets.sink.try_write(&front.bytes[..room]);
            if let LinkRule::Throttle { .. } = state.rule {
                self.gate.return_tokens(room - written.as_ref().map_or(0, |sent| *sent));
            }
            match written {
                Ok(sent) => self.queue.pass(sent, now),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return Ok(Wait::Sink);
                }
                Err(_) => {
                    self.deaf = true;
                    self.sockets.sink_broken.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

/// How many bytes of the front may go now, or when it may.
fn right_of_way(
    gate: &Gate,
    rule: LinkRule,
    bytes: usize,
    due: Instant,
    now: Instant,
) -> Result<usize, Instant> {
    match rule {
        LinkRule::Delay { .. } if due > now => Err(due),
        LinkRule::Throttle { bytes_per_second } => gate.take_tokens(bytes_per_second, bytes, now),
        _ => Ok(bytes),
    }
}

impl Sockets<'_> {
    /// With nothing left to pass on: tells the sink what the source has told us.
    fn finish(&self, arrival: Arrival, deaf: bool) -> Result<Wait, LaneEnd> {
        match arrival {
            Arrival::Open => Ok(Wait::Source),
            Arrival::Broken => Err(LaneEnd::Reset),
            Arrival::Ended => {
                if !deaf
                    && SockRef::from(self.sink.as_ref())
                        .shutdown(std::net::Shutdown::Write)
                        .is_err()
                {
                    self.sink_broken.store(true, Ordering::Relaxed);
                }
                Err(LaneEnd::Finished)
            }
        }
    }
}
