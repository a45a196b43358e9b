//! Growing lists for their decider.

use crate::check::Job;
use crate::decide::Decision;
use crate::decide::append_list::{self, ListOp};

use super::growing::{Flaw, Growing};
use super::parts::Part;

/// Decides the history of one list, if no element is appended twice.
pub(super) fn decide(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let growing = Growing::new(job, part, "append", ListOp::Append, ListOp::Read)?;
    Ok(growing.translate(append_list::decide(&growing.ops, &growing)))
}
