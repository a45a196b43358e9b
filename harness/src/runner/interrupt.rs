//! Ctrl-C, once and twice.
//!
//! | when | what the first one does |
//! |---|---|
//! | while the nodes start | the program ends: there is nothing to check |
//! | during the load | the load stops, faults are healed, and what was recorded is checked and reported |
//! | during the final reads | they stop, and the rest goes on; the verdict is *unknown* unless there is a violation |
//! | while checking | the check stops, and the verdict is *unknown* |
//!
//! Twice: the program ends at once; the kernel kills the nodes with it.

use std::io;

use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::console::say;
use crate::exit::Exit;

/// Listens from now on; the token is cancelled at the first signal.
pub(crate) fn listen(runtime: &Handle) -> io::Result<CancellationToken> {
    // Registering needs the runtime's signal driver, and must not be put off: a signal before it would kill the run.
    let _context = runtime.enter();
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    let first = CancellationToken::new();
    runtime.spawn(watch(interrupt, terminate, first.clone()));
    Ok(first)
}

async fn watch(mut interrupt: Signal, mut terminate: Signal, first: CancellationToken) {
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if first.is_cancelled() {
            say("stopped at once; what was recorded is in the run folder, without a verdict");
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        say("stopping; what was recorded, if anything, will be checked. Again to stop at once");
        first.cancel();
    }
}
