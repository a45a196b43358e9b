//! A register with compare-and-set: `cas [from, to]` succeeds where the value is `from`, and leaves `to`.
//!
//! A compare-and-set that *failed* had no effect. Whether it also proves that the value differed depends on the client:
//! `failed_cas_observed` says so, of failures without an error: one that names an error never got as far as to compare.
//! Otherwise it may have failed for any reason, and says nothing.

use crate::Value;
use crate::history::{Op, OutcomeRef};
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
        let input = operation.input();
        let Some([from, to]) = input.as_list() else {
            return Err(Misfit::Argument { expected: PAIR });
        };
        let observed = self.failed_cas_observed && operation.error().is_none();
        Ok(match operation.outcome() {
            // From a value to itself: an observer, which says nothing while it is open.
            OutcomeRef::Ok(_) if from == to => Meaning::observer(self.cell.cas(from, to)),
            OutcomeRef::Info if from == to => Meaning::NOTHING,
            OutcomeRef::Ok(_) | OutcomeRef::Info => Meaning::update(self.cell.cas(from, to)),
            OutcomeRef::Fail(_) if observed => Meaning::observer(self.cell.cas_failed(from)),
            OutcomeRef::Fail(_) => Meaning::NOTHING,
        })
    }
}

impl Object for CasRegister {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match (operation.f(), &operation.outcome()) {
            ("read", outcome) => {
                Ok(register::read(&mut self.cell, outcome, self.nil_reads_unknown))
            }
            ("write", outcome) => Ok(register::write(&mut self.cell, &operation.input(), outcome)),
            ("cas", _) => self.cas(operation),
            _ => Err(Misfit::Function),
        }
    }

    object_by_cell!();
}
