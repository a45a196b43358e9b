//! The gate of one directed link: the rule in force, the figures, and the promise that no byte slips past a new rule.
//!
//! ```text
//! apply(rule)  ──write lock──►  GateState { rule, epoch }  ◄──read lock── every lane, held over each write it makes
//! ```
//!
//! A lane looks at the state and writes to its socket under one read lock, and its writes never block. So once
//! [`Gate::apply`] has had the write lock, every byte that was written under the old rule is counted as passed, and none
//! follows against the new one.
//!
//! The epoch tells which connections lost bytes: it grows when a losing rule goes, and a lane of an older epoch may do
//! nothing but reset its connection. So what was held under a cut cannot be passed after it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::link::{Link, LinkRule, LinkStats};
use crate::seed::Seed;

/// A throttled link may send this part of a second's bytes at once.
const BURST_PER_SECOND: u64 = 50;

/// Nanoseconds in a second.
const NANOS: u128 = 1_000_000_000;

/// The rule and the epoch, changed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GateState {
    pub(super) rule: LinkRule,
    pub(super) epoch: u64,
}

/// What a connection of some epoch may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    Held,
    Reset,
}

impl GateState {
    pub(super) fn standing(self, epoch: u64) -> Standing {
        if self.epoch != epoch || self.rule == LinkRule::Refuse {
            Standing::Reset
        } else if self.rule.holds() {
            Standing::Held
        } else {
            Standing::Open
        }
    }
}

/// The gate of one directed link, shared by all lanes that carry its bytes.
#[derive(Debug)]
pub(super) struct Gate {
    state: watch::Sender<GateState>,
    bucket: Mutex<TokenBucket>,
    seed: Seed,
    lanes: AtomicU64,
    pub(super) counters: Counters,
}

impl Gate {
    pub(super) fn new(link: Link, seed: Seed) -> Self {
        Self {
            state: watch::Sender::new(GateState { rule: LinkRule::Pass, epoch: 0 }),
            bucket: Mutex::new(TokenBucket::default()),
            seed: seed.derive(&link.to_string()),
            lanes: AtomicU64::new(0),
            counters: Counters::default(),
        }
    }

    pub(super) fn apply(&self, rule: LinkRule) {
        self.state.send_if_modified(|state| {
            if state.rule == rule {
                return false;
            }
            if state.rule.loses() && !rule.loses() {
                state.epoch += 1;
            }
            state.rule = rule;
            true
        });
    }

    pub(super) fn state(&self) -> GateState {
        *self.state.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<GateState> {
        self.state.subscribe()
    }

    /// The seed of the next lane of this link.
    pub(super) fn lane_seed(&self) -> Seed {
        let number = self.lanes.fetch_add(1, Ordering::Relaxed);
        self.seed.derive(&format!("lane {number}"))
    }

    /// The right to send now: how many of `wanted` bytes, or when to ask again.
    pub(super) fn take_tokens(
        &self,
        rate: u64,
        wanted: usize,
        now: Instant,
    ) -> Result<usize, Instant> {
        self.bucket.lock().expect("no panic while the bucket is locked").take(rate, wanted, now)
    }

    /// Gives back the right to send what the socket did not take.
    pub(super) fn return_tokens(&self, bytes: usize) {
        self.bucket.lock().expect("no panic while the bucket is locked").tokens += bytes as u64;
    }
}

/// How much a throttled link may send. All lanes of the link share one.
#[derive(Debug, Default)]
struct TokenBucket {
    tokens: u64,
    filled: Option<Instant>,
}

impl TokenBucket {
    fn take(&mut self, rate: u64, wanted: usize, now: Instant) -> Result<usize, Instant> {
        let rate = rate.max(1);
        let burst = (rate / BURST_PER_SECOND).max(1);
        let filled = *self.filled.get_or_insert(now);
        let since = now.saturating_duration_since(filled).as_nanos();
        let earned = u64::try_from(since * u128::from(rate) / NANOS).unwrap_or(u64::MAX);
        if self.tokens.saturating_add(earned) >= burst {
            self.tokens = burst;
            self.filled = Some(now);
        } else {
            // Only the time that made whole bytes is used up; else frequent askers would get less than the rate.
            self.tokens += earned;
            let used = (u128::from(earned) * NANOS).div_ceil(u128::from(rate));
            self.filled = Some(filled + Duration::from_nanos(used as u64));
        }
        // Rather a full burst later than single bytes as they are earned.
        let wanted = (wanted as u64).min(burst);
        if self.tokens >= wanted {
            self.tokens -= wanted;
            return Ok(wanted as usize);
        }
        let missing = u128::from(wanted - self.tokens);
        let wait = (missing * NANOS).div_ceil(u128::from(rate)) as u64;
        Err(now + Duration::from_nanos(wait + 1))
    }
}

/// The figures of a link; see [`LinkStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) bytes_passed: AtomicU64,
    pub(super) bytes_held: AtomicU64,
    pub(super) bytes_dropped: AtomicU64,
    pub(super) connects_accepted: AtomicU64,
    pub(super) connects_blocked: AtomicU64,
    pub(super) connects_waiting: AtomicU64,
    pub(super) connects_refused: AtomicU64,
    pub(super) resets: AtomicU64,
    chunks_delayed: AtomicU64,
    delay_total_ns: AtomicU64,
    delay_max_ns: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, amount: usize) {
        counter.fetch_add(amount as u64, Ordering::Relaxed);
    }

    pub(super) fn subtract(counter: &AtomicU64, amount: usize) {
        counter.fetch_sub(amount as u64, Ordering::Relaxed);
    }

    pub(super) fn note_delay(&self, delay: Duration) {
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.chunks_delayed.fetch_add(1, Ordering::Relaxed);
        self.delay_total_ns.fetch_add(nanos, Ordering::Relaxed);
        self.delay_max_ns.fetch_max(nanos, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> LinkStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkStats {
            bytes_passed: read(&self.bytes_passed),
            bytes_held: read(&self.bytes_held),
            bytes_dropped: read(&self.bytes_dropped),
            connects_accepted: read(&self.connects_accepted),
            connects_blocked: read(&self.connects_blocked),
            connects_waiting: read(&self.connects_waiting),
            connects_refused: read(&self.connects_refused),
            resets: read(&self.resets),
            chunks_delayed: read(&self.chunks_delayed),
            delay_total: Duration::from_nanos(read(&self.delay_total_ns)),
            delay_max: Duration::from_nanos(read(&self.delay_max_ns)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_losing_rule_condemns_connections() {
        let gate = Gate::new(Link::peers(0, 1), Seed(1));
        let epoch_after = |rule| {
            gate.apply(rule);
            gate.state().epoch
        };
        assert_eq!(epoch_after(LinkRule::Stall), 0);
        assert_eq!(epoch_after(LinkRule::Cut), 0);
        assert_eq!(epoch_after(LinkRule::Blackhole), 0);
        assert_eq!(epoch_after(LinkRule::Stall), 1);
        assert_eq!(epoch_after(LinkRule::Pass), 1);
        assert_eq!(gate.state().standing(0), Standing::Reset);
        assert_eq!(gate.state().standing(1), Standing::Open);
        gate.apply(LinkRule::Stall);
        assert_eq!(gate.state().standing(1), Standing::Held);
        gate.apply(LinkRule::Refuse);
        assert_eq!(gate.state().standing(1), Standing::Reset);
    }

    #[test]
    fn a_bucket_never_grants_more_than_rate_and_burst() {
        let start = Instant::now();
        let (rate, mut now, mut granted) = (100_000, start, 0);
        let mut bucket = TokenBucket::default();
        while now < start + Duration::from_secs(2) {
            match bucket.take(rate, 64 * 1024, now) {
                Ok(bytes) => granted += bytes as u64,
                Err(until) => {
                    assert!(until > now);
                    now = until;
                }
            }
        }
        let burst = rate / BURST_PER_SECOND;
        assert!((2 * rate - burst..=2 * rate + burst).contains(&granted), "{granted}");
    }

    #[test]
    fn a_bucket_of_next_to_nothing_still_moves() {
        let now = Instant::now();
        let mut bucket = TokenBucket::default();
        let until = bucket.take(0, 10, now).unwrap_err();
        assert_eq!(bucket.take(0, 10, until), Ok(1));
    }
}
