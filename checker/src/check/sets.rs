//! Growing sets for their decider.

use crate::check::Job;
use crate::decide::Decision;
use crate::decide::grow_set::{self, SetOp};

use super::growing::{Flaw, Growing};
use super::parts::Part;

/// Decides the history of one set.
pub(super) fn decide(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let growing = Growing::new(job, part, "add", SetOp::Add, SetOp::Read)?;
    Ok(growing.translate(grow_set::decide(&growing.ops, &growing)))
}
