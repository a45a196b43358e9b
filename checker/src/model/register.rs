//! A register: `write v`, and `read` that answers the last value written.

use crate::Value;
use crate::history::{Op, OutcomeRef};
use crate::model::cell::{Cell, object_by_cell};
use crate::model::{Meaning, Misfit, Object};

/// One register.
pub(crate) struct Register {
    cell: Cell,
    nil_reads_unknown: bool,
}

impl Register {
    pub(crate) fn new(initial: &Value, nil_reads_unknown: bool) -> Self {
        Self { cell: Cell::new(initial), nil_reads_unknown }
    }
}

impl Object for Register {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match (operation.f(), &operation.outcome()) {
            ("read", outcome) => Ok(read(&mut self.cell, outcome, self.nil_reads_unknown)),
            ("write", outcome) => Ok(write(&mut self.cell, &operation.input(), outcome)),
            _ => Err(Misfit::Function),
        }
    }

    object_by_cell!();
}

pub(super) fn read(cell: &mut Cell, outcome: &OutcomeRef<'_>, nil_reads_unknown: bool) -> Meaning {
    match outcome {
        OutcomeRef::Ok(value) if value.is_nil() && nil_reads_unknown => Meaning::NOTHING,
        OutcomeRef::Ok(value) => Meaning::observer(cell.read(value)),
        OutcomeRef::Fail(_) | OutcomeRef::Info => Meaning::NOTHING,
    }
}

pub(super) fn write(cell: &mut Cell, value: &Value, outcome: &OutcomeRef<'_>) -> Meaning {
    match outcome {
        OutcomeRef::Ok(_) | OutcomeRef::Info => Meaning::update(cell.write(value)),
        OutcomeRef::Fail(_) => Meaning::NOTHING,
    }
}
