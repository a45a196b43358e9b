//! A register: `write v`, and `read` that answers the last value written.

use crate::Value;
use crate::history::Op;
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
        match operation.f() {
            "read" => Ok(read(&mut self.cell, operation, self.nil_reads_unknown)),
            "write" => Ok(write(&mut self.cell, operation)),
            _ => Err(Misfit::Function),
        }
    }

    object_by_cell!();
}

pub(super) fn read(cell: &mut Cell, operation: Op<'_>, nil_reads_unknown: bool) -> Meaning {
    match operation.answer() {
        Some(value) if !(nil_reads_unknown && value.is_nil()) => {
            Meaning::observer(cell.read(&value))
        }
        _ => Meaning::NOTHING,
    }
}

pub(super) fn write(cell: &mut Cell, operation: Op<'_>) -> Meaning {
    if operation.is_fail() {
        return Meaning::NOTHING;
    }
    Meaning::update(cell.write(&operation.input()))
}
