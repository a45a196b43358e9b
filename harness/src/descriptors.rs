//! How many files and sockets the harness may have open at a time.
//!
//! A shell usually allows 1024 (the soft limit) of many more (the hard one). An operation costs three sockets on its way to
//! a node: the client's, and two of the proxy.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Sockets of one client's way to one node.
const PER_CLIENT_AND_NODE: u64 = 3;

/// Sockets between two nodes: listeners and connections both ways, those of a life ago that are not gone yet included.
const PER_PAIR_OF_NODES: u64 = 12;

/// Files, pipes, event queues, and room for connections that are made before old ones are gone.
const OTHERS: u64 = 200;

/// The limit cannot be made high enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this needs up to {needed} open files and sockets, but only {limit} are allowed: raise the limit (ulimit -n {needed})\
     {cause}"
)]
pub(crate) struct DescriptorLimit {
    needed: u64,
    limit: u64,
    /// Why the soft limit could not be raised, where that was the trouble.
    cause: String,
}

/// What a run with so many clients of so many nodes may need at most.
pub(crate) fn needed(clients: usize, nodes: usize) -> u64 {
    let (clients, nodes) = (clients as u64, nodes as u64);
    let ways = clients.saturating_mul(nodes).saturating_mul(PER_CLIENT_AND_NODE);
    ways.saturating_add(nodes * nodes * PER_PAIR_OF_NODES).saturating_add(OTHERS)
}

/// Raises the soft limit to the hard one, for this process and those that it starts from now on.
pub(crate) fn raise(needed: u64) -> Result<(), DescriptorLimit> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is no limit at all.
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    let refused = if current == maximum {
        None
    } else {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).err()
    };
    let limit = if refused.is_some() { current } else { maximum };
    if enough(limit) {
        return Ok(());
    }
    let cause = refused.map_or(String::new(), |error| format!(": {error}"));
    Err(DescriptorLimit { needed, limit: limit.unwrap_or(u64::MAX), cause })
}

/// Whether an error says that this process, or the machine, has no descriptor left.
pub(crate) fn are_exhausted(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_cannot_be_raised_is_told_with_the_remedy() {
        let needed = 1 << 50;
        let Err(error) = raise(needed) else { return };
        let text = error.to_string();
        assert!(text.contains(&format!("ulimit -n {needed}")), "{text}");
        assert!(!text.contains("  "), "{text}");
        raise(10).unwrap();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }

    #[test]
    fn what_is_needed_grows_with_clients_and_nodes() {
        assert!(needed(110, 3) > 1024);
        assert!(needed(10, 9) > needed(10, 3));
        assert_eq!(needed(usize::MAX, 9), u64::MAX);
    }

    #[test]
    fn a_refused_connection_is_no_shortage() {
        assert!(!are_exhausted(&io::ErrorKind::ConnectionRefused.into()));
        assert!(are_exhausted(&io::Error::from_raw_os_error(Errno::NFILE.raw_os_error())));
    }
}
