//! Dying with the parent, so that a node never outlives the harness that started it, however that ends.

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use super::error::NodeError;

/// Asks the kernel for SIGKILL when the parent dies, and makes sure that it has not died already.
///
/// The kernel watches the *thread* of the parent that started this process: it must live as long as the parent.
pub(super) fn tie(parent: Option<u32>) -> Result<(), NodeError> {
    let Some(expected) = parent else { return Ok(()) };
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| NodeError::ParentDeathSignal(errno.into()))?;
    // After the request: a parent that died before it would never be noticed.
    let found = getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    if found == expected { Ok(()) } else { Err(NodeError::Orphaned { expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_of_another_parent_is_an_orphan() {
        tie(None).unwrap();
        let error = tie(Some(u32::MAX)).unwrap_err();
        set_parent_process_death_signal(None).unwrap();
        assert!(matches!(error, NodeError::Orphaned { expected: u32::MAX, .. }), "{error}");
    }
}
