//! Ctrl-C: the first one ends the checks with what is known, a second one ends the program. So does the first one while
//! nothing is checked: a file that is only being read has nothing to tell, and may be a pipe in which nothing comes.

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
pub(super) struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    heard: AtomicBool,
    /// Whether somebody will ask for it soon.
    awaited: AtomicBool,
}

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
            let again = self.0.heard.swap(true, Ordering::SeqCst);
            if again || !self.0.awaited.load(Ordering::SeqCst) {
                process::exit(i32::from(Exit::Interrupted.code()));
            }
        }
    }

    /// Whether it was heard.
    pub(super) fn is_heard(&self) -> bool {
        self.0.heard.load(Ordering::Relaxed)
    }

    /// Says whether somebody asks for it from now on.
    pub(super) fn set_awaited(&self, awaited: bool) {
        self.0.awaited.store(awaited, Ordering::SeqCst);
    }
}
