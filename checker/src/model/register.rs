//! A register: `write v`, and `read` that answers the last value written.

use crate::Value;
use crate::history::{Operation, Outcome};
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
    fn interpret(&mut self, operation: &Operation) -> Result<Meaning, Misfit> {
        match (operation.f.as_str(), &operation.outcome) {
            ("read", outcome) => Ok(read(&mut self.cell, outcome, self.nil_reads_unknown)),
            ("write", outcome) => Ok(write(&mut self.cell, &operation.input, outcome)),
            _ => Err(Misfit::Function),
        }
    }

    object_by_cell!();
}

pub(super) fn read(cell: &mut Cell, outcome: &Outcome, nil_reads_unknown: bool) -> Meaning {
    match outcome {
        Outcome::Ok(Value::Nil) if nil_reads_unknown => Meaning::NOTHING,
        Outcome::Ok(value) => Meaning::observer(cell.read(value)),
        Outcome::Fail(_) | Outcome::Info => Meaning::NOTHING,
    }
}

pub(super) fn write(cell: &mut Cell, value: &Value, outcome: &Outcome) -> Meaning {
    match outcome {
        Outcome::Ok(_) | Outcome::Info => Meaning::update(cell.write(value)),
        Outcome::Fail(_) => Meaning::NOTHING,
    }
}
