//! The listener of one directed link: accepts, refuses, or lets connects hang.
//!
//! | mode | who | how |
//! |---|---|---|
//! | open | everything else | accept; what becomes of the connection is up to the gates |
//! | refuse | `a>b` refuses | no listener: the kernel answers with a reset. The port stays reserved. |
//! | hang | either direction is a blackhole | a backlog of 0, filled by a connect of our own: the kernel drops further SYNs |
//!
//! A connect that hung is repeated by the kernel of its dialler after 1, 3, 7... seconds, so that it may come through
//! up to as much later than the end of the blackhole.

use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::connection::{Path, serve};
use super::gate::GateState;
use super::link::LinkRule;
use crate::ports::ReservedPort;

/// Connects that the kernel may complete before we accept them.
const BACKLOG: i32 = 1024;

/// Pause before trying again what failed for want of descriptors or memory.
const RETRY: Duration = Duration::from_millis(5);

/// What a listener does with connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Open,
    Refuse,
    Hang,
}

impl Mode {
    /// What the rules of both directions make of connects.
    pub(super) fn of(forward: LinkRule, backward: LinkRule) -> Self {
        if forward == LinkRule::Refuse {
            Self::Refuse
        } else if [forward, backward].contains(&LinkRule::Blackhole) {
            Self::Hang
        } else {
            Self::Open
        }
    }
}

/// See the module.
pub(super) struct Listener {
    path: Arc<Path>,
    port: Arc<ReservedPort>,
    rules: Rules,
    mode: watch::Sender<Mode>,
    connections: JoinSet<()>,
}

/// The rules of both directions.
struct Rules {
    forward: watch::Receiver<GateState>,
    backward: watch::Receiver<GateState>,
}

impl Rules {
    /// What they ask for now.
    fn mode(&mut self) -> Mode {
        let forward = self.forward.borrow_and_update().rule;
        let backward = self.backward.borrow_and_update().rule;
        Mode::of(forward, backward)
    }

    /// Returns when they ask for something else than `mode`.
    async fn other_than(&mut self, mode: Mode) {
        while self.mode() == mode {
            // The gates live as long as the path, so neither can be closed.
            tokio::select! {
                _ = self.forward.changed() => {}
                _ = self.backward.changed() => {}
            }
        }
    }
}

impl Listener {
    pub(super) fn new(path: Arc<Path>, port: Arc<ReservedPort>, mode: watch::Sender<Mode>) -> Self {
        let rules = Rules { forward: path.forward.watch(), backward: path.backward.watch() };
        Self { path, port, rules, mode, connections: JoinSet::new() }
    }

    /// Serves until the task is dropped, and all connections with it.
    pub(super) async fn run(mut self, first: std::net::TcpListener) {
        let mut socket = TcpListener::from_std(first).ok();
        loop {
            let wanted = self.rules.mode();
            if wanted == Mode::Refuse {
                drop(socket.take());
                self.mode.send_replace(wanted);
                self.rules.other_than(wanted).await;
                continue;
            }
            let bound = match socket.take().map_or_else(|| self.bind(), Ok) {
                Ok(bound) => bound,
                Err(error) => {
                    self.path.trouble.note_shortage(&error);
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            };
            match wanted {
                Mode::Hang => self.hang(&bound).await,
                Mode::Open | Mode::Refuse => self.accept(&bound).await,
            }
            socket = Some(bound);
        }
    }

    fn bind(&self) -> std::io::Result<TcpListener> {
        TcpListener::from_std(listen_on(&self.port)?)
    }

    /// Accepts until another mode is wanted.
    async fn accept(&mut self, socket: &TcpListener) {
        self.mode.send_replace(Mode::Open);
        loop {
            tokio::select! {
                biased;
                () = self.rules.other_than(Mode::Open) => return,
                Some(ended) = self.connections.join_next() => hand_on_panic(ended),
                accepted = socket.accept() => match accepted {
                    Ok((downstream, _)) => {
                        self.connections.spawn(serve(Arc::clone(&self.path), downstream));
                    }
                    Err(error) => {
                        self.path.trouble.note_shortage(&error);
                        tokio::time::sleep(RETRY).await;
                    }
                },
            }
        }
    }

    /// Lets connects hang until another mode is wanted; those that slipped in are reset.
    async fn hang(&mut self, socket: &TcpListener) {
        let listener = SockRef::from(socket);
        // A listening socket takes another backlog. The filler's connect is only begun: it may itself be one that hangs.
        let _ = listener.listen(0);
        let filler = begin_connect(&self.port);
        self.mode.send_replace(Mode::Hang);
        self.rules.other_than(Mode::Hang).await;
        reset_waiting(&listener);
        drop(filler);
        let _ = listener.listen(BACKLOG);
    }
}

/// A connection that panicked is a bug of the proxy, and the listener ends with it: that is noticed.
fn hand_on_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

/// A socket that listens on a reserved port.
pub(super) fn listen_on(port: &ReservedPort) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&port.addr().into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn begin_connect(port: &ReservedPort) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // "In progress" is what we want; the kernel goes on by itself.
    let _ = socket.connect(&port.addr().into());
    Ok(socket)
}

/// Resets every connection that the kernel has completed but nobody accepted.
fn reset_waiting(listener: &SockRef<'_>) {
    while let Ok((waiting, _)) = listener.accept() {
        let _ = waiting.set_linger(Some(Duration::ZERO));
    }
}
