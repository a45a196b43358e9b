//! A sign of life on stderr while a search takes long.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::console::say;

/// Work that is done by then needs no sign.
const FIRST_SIGN: Duration = Duration::from_secs(2);

/// Between two signs.
const NEXT_SIGN: Duration = Duration::from_secs(10);

/// Does `work`, and says now and then that it goes on.
pub(super) fn while_working<T>(
    file: &Path,
    operations: usize,
    limit: Duration,
    work: impl FnOnce() -> T,
) -> T {
    let (done, waiting) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let started = Instant::now();
            let mut pause = FIRST_SIGN;
            while waiting.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                say(&format!(
                    "checking {} ({operations} operations): {} s so far, of at most {} s",
                    file.display(),
                    started.elapsed().as_secs(),
                    limit.as_secs_f64()
                ));
                pause = NEXT_SIGN;
            }
        });
        let finished = work();
        drop(done);
        finished
    })
}
