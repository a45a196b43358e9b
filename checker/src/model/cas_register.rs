//! A register with compare-and-set: `cas [from, to]` succeeds where the value is `from`, and leaves `to`.
//!
//! A compare-and-set that *failed* had no effect. Whether it also proves that the value differed depends on the client:
//! `failed_cas_observed` says so, of failures without an error: one that names an error never got as far as to compare.
//! Otherwise it may have failed for any reason, and says nothing.

use crate::Value;
use crate::history::Op;
use crate::model::cell::{Cell, object_by_cell};
use crate::model::{Meaning, Misfit, Object, register};

pub(crate) const PAIR: &str = "a pair [from, to]";

/// One compare-and-set register.
pub(crate) struct CasRegister {
    cell: Cell,
    nil_reads_unknown: bool,
    failed_cas_observed: bool,
}

impl CasRegister {
    pub(crate) fn new(initial: &Value, nil_reads_unknown: bool, failed_cas_observed: bool) -> Self {
        Self { cell: Cell::new(initial), nil_reads_unknown, failed_cas_observed }
    }

    fn cas(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        let Some((from, to)) = operation.input_pair() else {
            return Err(Misfit::Argument { expected: PAIR });
        };
        let (from, to) = (&*from, &*to);
        if operation.is_fail() {
            let observed = self.failed_cas_observed && operation.error().is_none();
            let failed = observed.then(|| Meaning::observer(self.cell.cas_failed(from)));
            return Ok(failed.unwrap_or(Meaning::NOTHING));
        }
        // From a value to itself: an observer, which says nothing while it is open.
        if from == to && !operation.is_ok() {
            return Ok(Meaning::NOTHING);
        }
        let class = self.cell.cas(from, to);
        Ok(if from == to { Meaning::observer(class) } else { Meaning::update(class) })
    }
}

impl Object for CasRegister {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match operation.f() {
            "read" => Ok(register::read(&mut self.cell, operation, self.nil_reads_unknown)),
            "write" => Ok(register::write(&mut self.cell, operation)),
            "cas" => self.cas(operation),
            _ => Err(Misfit::Function),
        }
    }

    object_by_cell!();
}
