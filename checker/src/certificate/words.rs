//! Registers, where equal words are equal values: the same replay, without unpacking a value.

use crate::check::{Job, ModelKind};
use crate::history::packed::Packed;
use crate::history::{Ending, Record};

/// A register while an order is replayed.
pub(super) struct Register {
    /// `None`: the initial value, which occurs nowhere.
    held: Option<Packed>,
    /// By number of the function: does it read, and does it write?
    functions: Vec<(bool, bool)>,
    nil_reads_unknown: bool,
}

impl Register {
    /// `None` where words do not tell.
    pub(super) fn new(job: &Job<'_>) -> Option<Self> {
        let register = matches!(job.model, ModelKind::Register | ModelKind::CasRegister);
        let values = &job.history.values;
        if !register || values.any_kept() || job.options.failed_cas_observed {
            return None;
        }
        let names = job.history.functions.iter();
        Some(Self {
            held: values.find(&job.options.initial.clone().unwrap_or_default()),
            functions: names.map(|f| (f != "write", f != "read")).collect(),
            nil_reads_unknown: job.history.nil_reads_unknown(),
        })
    }

    /// Does the operation; false if it cannot have answered what it answered.
    pub(super) fn step(&mut self, record: &Record) -> bool {
        let (reads, writes) = self.functions[usize::from(record.f)];
        if reads && writes {
            let Some((from, to)) = record.input.as_pair() else { return false };
            return std::mem::replace(&mut self.held, Some(to)) == Some(from);
        }
        let unknown = self.nil_reads_unknown && record.output == Packed::NIL;
        let fits = self.held == Some(record.output) || record.ending == Ending::Info || unknown;
        self.held = if writes { Some(record.input) } else { self.held };
        writes | fits
    }
}
