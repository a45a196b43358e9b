//! Any object, watched by the sweep that goes on while the history happens ([`crate::frontier::online`]).

use super::watch::{Alarm, Call, End, Halt, Watch};
use crate::decide::Rule;
use crate::frontier::online::{Limits, Online};
use crate::history::{Builder, EventKind, EventRef, OpId};
use crate::model::{Meaning, Misfit, Object};
use crate::search::Stop;
use crate::stop::TOLD_TO_STOP;

/// Watches one object of any kind.
pub(super) struct Generic<'a, O> {
    online: Online<'a, O>,
}

impl<'a, O: Object> Generic<'a, O> {
    /// Before the first event.
    pub(super) fn new(object: O, limits: Limits<'a>) -> Self {
        Self { online: Online::new(object, limits) }
    }

    /// One that may try less before anything completed.
    #[cfg(test)]
    pub(super) fn with_credit(self, credit: u32) -> Self {
        Self { online: self.online.with_credit(credit) }
    }

    /// What an operation means, by itself.
    fn interpret(&mut self, call: &Call, end: Option<&End>) -> Result<Meaning, Misfit> {
        let mut builder = Builder::with_capacity(1);
        let mut push = |kind, value, named_error: bool| {
            let (process, f) = (call.process, call.f);
            let error = named_error.then_some("some error");
            let (time, key, node) = (None, None, None);
            builder.push(EventRef { time, process, kind, f, key, value, node, error })
        };
        // Of a process that does nothing else, nothing is refused.
        push(EventKind::Invoke, call.input.clone(), false).map_err(|_| Misfit::Function)?;
        if let Some(end) = end {
            push(end.kind, end.value.clone(), end.named_error).map_err(|_| Misfit::Function)?;
        }
        let history = builder.finish();
        self.online.object().interpret(history.op(OpId(0)))
    }
}

impl<O: Object + Send> Watch for Generic<'_, O> {
    fn invoke(&mut self, call: &Call) -> Result<u32, Halt> {
        let meaning = self.interpret(call, None).map_err(Halt::Misfit)?;
        self.online.invoke(call.op, meaning.open).map(|()| 0).map_err(out_of)
    }

    fn end(&mut self, call: &Call, end: &End, _oldest: u32) -> Result<(), Halt> {
        if matches!(end.kind, EventKind::Info | EventKind::Invoke) {
            return self.online.crash(call.op).map_err(out_of);
        }
        let meaning = self.interpret(call, Some(end)).map_err(Halt::Misfit)?;
        if self.online.complete(call.op, meaning.completed).map_err(out_of)? {
            return Ok(());
        }
        Err(Halt::Alarm(Alarm { rule: Rule::Exhausted, ops: vec![call.op] }))
    }

    fn remembered(&self) -> usize {
        self.online.remembered()
    }
}

fn out_of(stop: Stop) -> Halt {
    Halt::Up(match stop {
        Stop::Memory => "the memory budget is used up",
        Stop::Effort => "too much would have to be tried to keep pace",
        Stop::Superseded | Stop::Told => TOLD_TO_STOP,
    })
}
