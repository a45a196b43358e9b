//! Ctrl-C while a history streams by: the first one ends the check with what is known, a second one ends the program.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// Whether somebody wants it to stop.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (interrupt, terminate) = {
            let _context = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let heard = Self::default();
        let hearing = heard.clone();
        let listen = move || runtime.block_on(hearing.hear(interrupt, terminate));
        thread::Builder::new().name("interrupt".to_owned()).spawn(listen)?;
        Ok(heard)
    }

    async fn hear(self, mut interrupt: Signal, mut terminate: Signal) {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if self.0.swap(true, Ordering::Relaxed) {
                process::exit(i32::from(Exit::Interrupted.code()));
            }
        }
    }

    /// Whether it was heard.
    pub(super) fn is_heard(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
