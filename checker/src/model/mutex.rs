//! A lock without an owner: `acquire` needs it free, `release` needs it held, whoever holds it (Knossos' mutex).

use crate::history::Op;
use crate::model::{ClassId, Meaning, Misfit, Object, Recurrence, StateId};

const FREE: StateId = StateId(0);
const HELD: StateId = StateId(1);
const ACQUIRE: ClassId = ClassId(0);
const RELEASE: ClassId = ClassId(1);

/// One lock, initially free.
pub(crate) struct Mutex;

impl Object for Mutex {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        let class = match operation.f() {
            "acquire" => ACQUIRE,
            "release" => RELEASE,
            _ => return Err(Misfit::Function),
        };
        Ok(if operation.is_fail() { Meaning::NOTHING } else { Meaning::update(class) })
    }

    fn initial(&self) -> StateId {
        FREE
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        let (from, to) = if class == ACQUIRE { (FREE, HELD) } else { (HELD, FREE) };
        (state == from).then_some(to)
    }

    fn is_observer(&self, _class: ClassId) -> bool {
        false
    }

    fn recurrence(&self) -> Recurrence {
        Recurrence::ByMakers
    }

    fn needs(&self, class: ClassId) -> Option<StateId> {
        Some(if class == ACQUIRE { FREE } else { HELD })
    }

    fn makes(&self, class: ClassId) -> Option<StateId> {
        Some(if class == ACQUIRE { HELD } else { FREE })
    }

    fn describe(&self, state: StateId) -> String {
        if state == FREE { "free" } else { "held" }.to_owned()
    }

    fn bytes(&self) -> usize {
        0
    }
}
