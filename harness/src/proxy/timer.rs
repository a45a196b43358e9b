//! A timer with the accuracy that added delays need.
//!
//! Tokio's timers count milliseconds, which makes a delay of 2 ms anything up to 3. A timerfd wakes within some tens of
//! microseconds and costs one descriptor, for those connections that have had a delay.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// Made on first use.
#[derive(Debug, Default)]
pub(super) struct PreciseTimer {
    fd: Option<AsyncFd<OwnedFd>>,
}

impl PreciseTimer {
    /// Returns at `due`, or soon after. May be dropped and called again with another time.
    pub(super) async fn sleep_until(&mut self, due: Instant) {
        let wait = due.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            return;
        }
        if self.sleep_on_fd(wait).await.is_err() {
            // Out of descriptors, most likely: late by a millisecond is better than not at all.
            tokio::time::sleep_until(due.into()).await;
        }
    }

    async fn sleep_on_fd(&mut self, wait: Duration) -> std::io::Result<()> {
        let fd = match self.fd.take() {
            Some(fd) => &*self.fd.insert(fd),
            None => &*self.fd.insert(create()?),
        };
        let it_value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(fd, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        loop {
            let mut ready = fd.readable().await?;
            // Setting the time has cleared what an earlier, abandoned wait left; a stale readiness reads as "would block".
            let read = ready.try_io(|fd| {
                let mut expirations = [0_u8; 8];
                rustix::io::read(fd, &mut expirations).map_err(Into::into)
            });
            if let Ok(done) = read {
                return done.map(|_| ());
            }
        }
    }
}

#[expect(deprecated, reason = "its successor is unsafe to call; an OwnedFd keeps its descriptor")]
fn create() -> std::io::Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_abandoned_wait_does_not_end_the_next_one_early() {
        let mut timer = PreciseTimer::default();
        let start = Instant::now();
        tokio::select! {
            biased;
            // Due already if the machine stalled; then nothing is abandoned, and nothing shown.
            () = timer.sleep_until(start + Duration::from_millis(5)) => {}
            () = std::future::ready(()) => {}
        }
        let due = start + Duration::from_millis(30);
        timer.sleep_until(due).await;
        assert!(Instant::now() >= due);
        timer.sleep_until(start).await;
    }
}
