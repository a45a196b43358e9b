//! The client: carries one operation out on one node, and says what it learned.
//!
//! ```text
//! Invocation --> requests (client/requests) --> one connection (reach) --> network --> node
//! Completion <-- the one outcome table (client/outcome) <-- answer, status, deadline, broken connection
//! ```
//!
//! Invariants:
//! - An operation leads to each of its requests at most once: no retries and no second node, here or in the transport.
//! - `fail` is said only where the operation surely has no effect, now or later; everything else that is not a plain
//!   answer is `info`. A read changes nothing, so a read without an answer is always `fail`.
//! - An operation ends by its deadline, whatever the transport does. A read is given up sooner than a write: nothing is lost
//!   by that, and the next read, which begins later, has more to tell.
//!
//! It refuses to own the way to a node and the clock ([`crate::reach`]), the choice of node and operation
//! ([`crate::runner`]) and the writing down ([`crate::recorder`]).

mod outcome;
mod requests;

use std::time::Duration;

use rashomon_checker::Value;
use rashomon_workloads::{Invocation, Shape};

use crate::reach::Reach;
pub(crate) use crate::reach::deepest;
use outcome::Failure;

/// A read is given up in this part of the time for an operation. In the time of one unanswered write, to a node that was
/// cut off or stopped, a client then begins several reads; each may be answered by a node that does not know it was.
const READ_TIMEOUT_DIVISOR: u32 = 4;

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// It took effect and answered this.
    Ok(Value),
    /// It surely has no effect, now or later, for this reason.
    Fail(String),
    /// Nobody knows, for this reason: it may have acted, may act later, or never.
    Info(String),
}

/// Why an operation came to no completion: the harness failed, not the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The process or the machine has no descriptor left.
    #[error(
        "no socket for a client: {0}; fewer clients (--concurrency) or a higher limit (ulimit -n) will do"
    )]
    NoSocket(String),
}

/// A client of all nodes, with at most one connection to each.
#[derive(Debug)]
pub struct Client<R: Reach> {
    reach: R,
    shape: Shape,
    op_timeout: Duration,
    /// The connection to each node, once there is one.
    connections: Vec<Option<R::Connection>>,
}

impl<R: Reach> Client<R> {
    /// A client of `nodes` nodes, without connections; they are made when first needed.
    pub fn new(reach: R, shape: Shape, nodes: usize, op_timeout: Duration) -> Self {
        let connections = (0..nodes).map(|_| None).collect();
        Self { reach, shape, op_timeout, connections }
    }

    /// Carries `invocation` out on the node at position `node`.
    pub async fn perform(
        &mut self,
        invocation: &Invocation,
        node: usize,
    ) -> Result<Completion, ClientError> {
        let divisor = if invocation.is_read() { READ_TIMEOUT_DIVISOR } else { 1 };
        let deadline = self.reach.now() + self.op_timeout / divisor;
        match self.attempt(invocation, node, deadline).await {
            Ok(answer) => Ok(Completion::Ok(answer)),
            Err(failure) => {
                if let Some(error) = failure.of_the_harness() {
                    return Err(error);
                }
                if failure.spoils_connection() {
                    self.connections[node] = None;
                }
                Ok(failure.completion())
            }
        }
    }

    /// Whether there is a connection to the node, as far as the client knows.
    pub fn is_connected(&self, node: usize) -> bool {
        self.connections[node].is_some()
    }

    /// Closes the connection to every node, as a client that lost track of an operation does.
    pub fn reset(&mut self) {
        self.connections.fill_with(|| None);
    }

    /// Waits.
    pub(crate) async fn pause(&self, span: Duration) {
        self.reach.sleep_until(self.reach.now() + span).await;
    }

    /// The world that it is a client in.
    pub(crate) fn reach(&self) -> &R {
        &self.reach
    }

    async fn attempt(
        &mut self,
        invocation: &Invocation,
        node: usize,
        deadline: Duration,
    ) -> Result<Value, Failure> {
        let seat = &mut self.connections[node];
        let connection = if let Some(connection) = seat {
            connection
        } else {
            // Half of the time, so that a node that does not answer leaves a reason, not a bare timeout.
            let now = self.reach.now();
            let until = now + deadline.saturating_sub(now) / 2;
            seat.insert(self.reach.open(node, until).await?)
        };
        requests::perform(connection, self.shape, invocation, deadline).await
    }
}

#[cfg(test)]
mod tests;
