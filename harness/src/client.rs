//! The client: carries one operation out on one node, and says what it learned.
//!
//! ```text
//! Invocation --> requests (client/requests) --> one connection (client/connection) --> proxy --> node
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
//! It refuses to own the choice of node and operation ([`crate::runner`]) and the writing down ([`crate::recorder`]).

mod connection;
mod outcome;
mod requests;

use std::net::SocketAddr;
use std::time::Duration;

use rashomon_checker::Value;
use rashomon_workloads::{Invocation, Shape};
use tokio::time::Instant;

use connection::Connection;
pub(crate) use connection::deepest;
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
pub struct Client {
    shape: Shape,
    op_timeout: Duration,
    nodes: Vec<Seat>,
}

/// Where a node is, and the connection to it once there is one.
#[derive(Debug)]
struct Seat {
    address: SocketAddr,
    connection: Option<Connection>,
}

impl Client {
    /// A client without connections; they are made when first needed.
    pub fn new(shape: Shape, nodes: &[SocketAddr], op_timeout: Duration) -> Self {
        let nodes = nodes.iter().map(|&address| Seat { address, connection: None }).collect();
        Self { shape, op_timeout, nodes }
    }

    /// Carries `invocation` out on the node at position `node`.
    pub async fn perform(
        &mut self,
        invocation: &Invocation,
        node: usize,
    ) -> Result<Completion, ClientError> {
        let divisor = if invocation.is_read() { READ_TIMEOUT_DIVISOR } else { 1 };
        let deadline = Instant::now() + self.op_timeout / divisor;
        match self.attempt(invocation, node, deadline).await {
            Ok(answer) => Ok(Completion::Ok(answer)),
            Err(failure) => {
                if let Some(error) = failure.of_the_harness() {
                    return Err(error);
                }
                if failure.spoils_connection() {
                    self.nodes[node].connection = None;
                }
                Ok(failure.completion())
            }
        }
    }

    /// Whether there is a connection to the node, as far as the client knows.
    pub fn is_connected(&self, node: usize) -> bool {
        self.nodes[node].connection.is_some()
    }

    /// Closes the connection to every node, as a client that lost track of an operation does.
    pub fn reset(&mut self) {
        for seat in &mut self.nodes {
            seat.connection = None;
        }
    }

    async fn attempt(
        &mut self,
        invocation: &Invocation,
        node: usize,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let seat = &mut self.nodes[node];
        let connection = if let Some(connection) = &mut seat.connection {
            connection
        } else {
            // Half of the time, so that a node that does not answer leaves a reason, not a bare timeout.
            let patience = deadline.saturating_duration_since(Instant::now()) / 2;
            seat.connection.insert(Connection::open(seat.address, patience).await?)
        };
        requests::perform(connection, self.shape, invocation, deadline).await
    }
}

#[cfg(test)]
mod tests;
