//! The thread that starts every child.
//!
//! A node asks the kernel to be killed when its parent dies (`PR_SET_PDEATHSIG`), and by "parent" the kernel means the
//! thread that started it. A thread of a runtime may end at any time, so one thread of our own starts all nodes, and it
//! lives as long as the cluster. If the harness is killed, the thread dies with it, and so do the nodes, paused or not.

use std::process::{Child, Command};
use std::sync::mpsc;

use tokio::sync::oneshot;

/// A child to start, and where its starter waits.
struct Request {
    command: Command,
    reply: oneshot::Sender<std::io::Result<Child>>,
}

/// Starts children; its thread ends when this is dropped, which kills children that are still there.
#[derive(Debug)]
pub(super) struct Spawner {
    requests: mpsc::Sender<Request>,
}

impl Spawner {
    pub(super) fn start() -> std::io::Result<Self> {
        let (requests, inbox) = mpsc::channel::<Request>();
        std::thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            for Request { mut command, reply } in inbox {
                // The starter may have been cancelled; then nobody would ever end the child.
                if let Err(Ok(mut orphan)) = reply.send(command.spawn()) {
                    let _ = orphan.kill().and_then(|()| orphan.wait());
                }
            }
        })?;
        Ok(Self { requests })
    }

    pub(super) async fn spawn(&self, command: Command) -> std::io::Result<Child> {
        let (reply, child) = oneshot::channel();
        let gone = || std::io::Error::other("the thread that starts nodes has ended");
        self.requests.send(Request { command, reply }).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}
