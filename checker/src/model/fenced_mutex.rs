//! A lock with an owner and fencing tokens: `acquire` answers a whole number greater than any before.
//!
//! The token of an acquire of unknown outcome is not known. It is taken to be the least that it can be, which allows
//! everything later that any other would allow.

use crate::Value;
use crate::history::{Op, OutcomeRef, ProcessId};
use crate::model::intern::{Interner, StepTable};
use crate::model::{ClassId, Meaning, Misfit, Object, StateId};

/// What an acquire is expected to answer.
pub(crate) const TOKEN: &str = "the fencing token, a whole number";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum LockOp {
    /// By this process, with this token if it is known.
    Acquire(u32, Option<i64>),
    Release(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Held {
    holder: Option<u32>,
    /// The greatest token so far.
    token: Option<i64>,
}

/// One lock, initially free.
pub(crate) struct FencedMutex {
    processes: Interner<ProcessId>,
    classes: Interner<LockOp>,
    states: Interner<Held>,
    steps: StepTable,
}

impl FencedMutex {
    pub(crate) fn new() -> Self {
        let mut states = Interner::new();
        states.intern(&Held { holder: None, token: None });
        Self {
            processes: Interner::new(),
            classes: Interner::new(),
            states,
            steps: StepTable::default(),
        }
    }

    fn class(&mut self, op: LockOp) -> ClassId {
        ClassId(self.classes.intern(&op))
    }
}

fn stepped(held: Held, op: LockOp) -> Option<Held> {
    let Held { holder, token } = held;
    match op {
        LockOp::Acquire(process, answer) => {
            let least = token.map_or(Some(i64::MIN), |token| token.checked_add(1))?;
            let next = answer.unwrap_or(least);
            let legal = holder.is_none() && next >= least;
            legal.then_some(Held { holder: Some(process), token: Some(next) })
        }
        LockOp::Release(process) => {
            (holder == Some(process)).then_some(Held { holder: None, token })
        }
    }
}

impl Object for FencedMutex {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        let process = self.processes.intern(&operation.process());
        match operation.f() {
            "acquire" | "release" if operation.is_fail() => Ok(Meaning::NOTHING),
            "release" => Ok(Meaning::update(self.class(LockOp::Release(process)))),
            "acquire" => {
                let open = Some(self.class(LockOp::Acquire(process, None)));
                let completed = match operation.outcome() {
                    OutcomeRef::Ok(answer) => match answer.as_ref() {
                        Value::Int(token) => {
                            Some(self.class(LockOp::Acquire(process, Some(*token))))
                        }
                        other => {
                            let value = other.clone();
                            return Err(Misfit::Answer { expected: TOKEN, value });
                        }
                    },
                    OutcomeRef::Fail(_) | OutcomeRef::Info => open,
                };
                Ok(Meaning { completed, open })
            }
            _ => Err(Misfit::Function),
        }
    }

    fn initial(&self) -> StateId {
        StateId(0)
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        if let Some(taken) = self.steps.get(state, class) {
            return taken.0;
        }
        let next = stepped(*self.states.get(state.0), *self.classes.get(class.0));
        let next = next.map(|next| StateId(self.states.intern(&next)));
        self.steps.put(state, class, next)
    }

    fn is_observer(&self, _class: ClassId) -> bool {
        false
    }

    fn describe(&self, state: StateId) -> String {
        let Held { holder, token } = *self.states.get(state.0);
        let token = token.map(|token| format!(", token {token}")).unwrap_or_default();
        match holder {
            Some(holder) => format!("held by p{}{token}", self.processes.get(holder)),
            None => format!("free{token}"),
        }
    }

    fn bytes(&self) -> usize {
        self.processes.bytes() + self.classes.bytes() + self.states.bytes() + self.steps.bytes()
    }
}
