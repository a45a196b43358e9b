//! A lock with an owner: `acquire` needs it free, `release` needs it held by the same process.

use crate::history::{Op, ProcessId};
use crate::model::intern::Interner;
use crate::model::{ClassId, Meaning, Misfit, Object, Recurrence, StateId};

const FREE: StateId = StateId(0);

/// One lock, initially free. A state is the number of the holder and one, a class twice the number of the process, and
/// one more for a release.
pub(crate) struct OwnedMutex {
    processes: Interner<ProcessId>,
}

impl OwnedMutex {
    pub(crate) fn new() -> Self {
        Self { processes: Interner::new() }
    }
}

fn held_by(class: ClassId) -> StateId {
    StateId(class.0 / 2 + 1)
}

fn releases(class: ClassId) -> bool {
    class.0 % 2 == 1
}

impl Object for OwnedMutex {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        let process = self.processes.intern(&operation.process());
        let class = match operation.f() {
            "acquire" => ClassId(2 * process),
            "release" => ClassId(2 * process + 1),
            _ => return Err(Misfit::Function),
        };
        Ok(if operation.is_fail() { Meaning::NOTHING } else { Meaning::update(class) })
    }

    fn initial(&self) -> StateId {
        FREE
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        let (from, to) =
            if releases(class) { (held_by(class), FREE) } else { (FREE, held_by(class)) };
        (state == from).then_some(to)
    }

    fn is_observer(&self, _class: ClassId) -> bool {
        false
    }

    fn recurrence(&self) -> Recurrence {
        Recurrence::ByMakers
    }

    fn needs(&self, class: ClassId) -> Option<StateId> {
        Some(if releases(class) { held_by(class) } else { FREE })
    }

    fn makes(&self, class: ClassId) -> Option<StateId> {
        Some(if releases(class) { FREE } else { held_by(class) })
    }

    fn describe(&self, state: StateId) -> String {
        match state.0.checked_sub(1) {
            Some(holder) => format!("held by p{}", self.processes.get(holder)),
            None => "free".to_owned(),
        }
    }

    fn bytes(&self) -> usize {
        self.processes.bytes()
    }
}
