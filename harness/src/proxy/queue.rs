//! Bytes that one direction of a connection keeps back, with the time each chunk may go.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::gate::{Counters, Gate};

/// What a chunk costs besides its bytes, so that a sender of single bytes cannot make us hold much more than the bound.
const CHUNK_OVERHEAD: usize = 64;

/// Chunks are joined up to this size.
const JOINED_BYTES_MAX: usize = 64 * 1024;

/// Bytes read together.
#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    /// How many of the bytes are gone already.
    sent: usize,
    read_at: Instant,
    due: Instant,
    /// Whether a rule kept it back, rather than a slow receiver.
    by_rule: bool,
}

/// First in, first out; the figures of the gate follow what is in it, also when it is dropped with its connection.
#[derive(Debug)]
pub(super) struct Queue {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    gate: Arc<Gate>,
}

/// The front of the queue.
pub(super) struct Front<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) due: Instant,
}

impl Queue {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self { chunks: VecDeque::new(), bytes: 0, gate }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// What it costs to keep: bytes and overhead.
    pub(super) fn cost(&self) -> usize {
        self.bytes + self.chunks.len() * CHUNK_OVERHEAD
    }

    /// Appends bytes that may go at `due`, but never before those ahead of them.
    pub(super) fn push(&mut self, bytes: &[u8], read_at: Instant, due: Instant, by_rule: bool) {
        self.bytes += bytes.len();
        Counters::add(&self.gate.counters.bytes_held, bytes.len());
        let due = self.chunks.back().map_or(due, |last| due.max(last.due));
        if let Some(last) = self.chunks.back_mut()
            && last.due == due
            && last.by_rule == by_rule
            && last.bytes.len() + bytes.len() <= JOINED_BYTES_MAX
        {
            last.bytes.extend_from_slice(bytes);
            return;
        }
        self.chunks.push_back(Chunk { bytes: bytes.to_vec(), sent: 0, read_at, due, by_rule });
    }

    pub(super) fn front(&self) -> Option<Front<'_>> {
        let chunk = self.chunks.front()?;
        Some(Front { bytes: &chunk.bytes[chunk.sent..], due: chunk.due })
    }

    /// The first `sent` bytes of the front have been passed on.
    pub(super) fn pass(&mut self, sent: usize, now: Instant) {
        let chunk = self.chunks.front_mut().expect("bytes of the front were passed");
        chunk.sent += sent;
        self.bytes -= sent;
        Counters::subtract(&self.gate.counters.bytes_held, sent);
        Counters::add(&self.gate.counters.bytes_passed, sent);
        if chunk.sent == chunk.bytes.len() {
            if chunk.by_rule {
                self.gate.counters.note_delay(now.saturating_duration_since(chunk.read_at));
            }
            self.chunks.pop_front();
        }
    }

    /// Loses everything.
    pub(super) fn drop_all(&mut self) {
        Counters::subtract(&self.gate.counters.bytes_held, self.bytes);
        Counters::add(&self.gate.counters.bytes_dropped, self.bytes);
        self.bytes = 0;
        self.chunks.clear();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.drop_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proxy::Link;
    use crate::seed::Seed;

    #[test]
    fn the_figures_follow_the_bytes() {
        let gate = Arc::new(Gate::new(Link::peers(0, 1), Seed(1)));
        let mut queue = Queue::new(Arc::clone(&gate));
        let now = Instant::now();
        queue.push(b"abc", now, now, false);
        queue.push(b"def", now, now, true);
        queue.pass(2, now);
        assert_eq!(queue.front().unwrap().bytes, b"c");
        let stats = gate.counters.snapshot();
        assert_eq!((stats.bytes_passed, stats.bytes_held, stats.bytes_dropped), (2, 4, 0));
        queue.pass(1, now);
        queue.pass(3, now + Duration::from_millis(7));
        let stats = gate.counters.snapshot();
        assert_eq!((stats.chunks_delayed, stats.delay_max), (1, Duration::from_millis(7)));
        queue.push(b"gh", now, now, true);
        drop(queue);
        let stats = gate.counters.snapshot();
        assert_eq!((stats.bytes_passed, stats.bytes_held, stats.bytes_dropped), (6, 0, 2));
    }

    #[test]
    fn a_chunk_never_overtakes() {
        let mut queue = Queue::new(Arc::new(Gate::new(Link::peers(0, 1), Seed(1))));
        let now = Instant::now();
        let late = now + Duration::from_millis(9);
        queue.push(b"a", now, late, true);
        queue.push(b"b", now, now, true);
        let front = queue.front().unwrap();
        assert_eq!((front.bytes, front.due), (b"ab".as_slice(), late));
    }

    #[test]
    fn single_bytes_with_times_of_their_own_count_for_what_they_cost() {
        let mut queue = Queue::new(Arc::new(Gate::new(Link::peers(0, 1), Seed(1))));
        let now = Instant::now();
        for step in 0..100 {
            queue.push(b"a", now, now + Duration::from_millis(step), true);
        }
        assert_eq!(queue.cost(), 100 + 100 * CHUNK_OVERHEAD);
    }
}
