//! What checking a user's own type found.

use std::fmt::{self, Debug, Write as _};

use crate::check::Validity;
use crate::history::OpId;

use super::log::{Entry, Log};

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Outcome<S> {
    /// There is an order that explains every answer: this one.
    Valid(Linearization),
    /// There is none.
    Invalid(Box<Violation<S>>),
    /// Not decided.
    Unknown(Undecided),
}

/// An order of the operations, replayed step by step and compared with real time before it was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Linearization {
    /// Every operation that completed, and those of unknown outcome that took effect.
    pub order: Vec<OpId>,
}

/// Why there is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation<S> {
    /// The object, as [`super::Model::object`] names it.
    pub object: String,
    /// The operation whose completion no order explains.
    pub blocked: OpId,
    /// Whether it is the first such completion: everything before it can be ordered. If not, the budget ended the search
    /// for it.
    pub first: bool,
    /// Operations, `blocked` among them, that cannot be ordered *whatever the object's other operations did*: never, once or
    /// many times, at any moment. In order of invocation.
    pub core: Vec<OpId>,
    /// Whether none of the core can go: each was tried.
    pub minimal: bool,
    /// The longest order of the core that stops before `blocked`, with the state after each step.
    pub order: Vec<Placed<S>>,
    /// Whether in that order operations outside the core act between the steps.
    pub others_act: bool,
}

/// One step of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placed<S> {
    /// The operation that takes effect.
    pub op: OpId,
    /// The state right after it.
    pub state: S,
}

/// Not decided, and how far it came.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undecided {
    /// The first object that is not decided.
    pub object: String,
    /// Why.
    pub reason: Reason,
    /// Completions of this object up to which everything was put in order.
    pub explained: usize,
    /// Its completions.
    pub completions: usize,
}

/// Why something is not decided.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The memory budget is used up.
    Memory,
    /// [`super::ModelOptions::should_stop`] said so.
    Told,
    /// The model leads to more successors in one step than are looked at.
    TooManySuccessors,
    /// A hint of the model does not hold: an observer changed the state, or without the hints there is an order.
    BrokenHint,
    /// The order that was found cannot be repeated: a hint of the model does not hold, or its `step` answers differently
    /// at different times.
    Unrepeatable,
    /// [`crate::check::Engine::Fast`] was asked for: no decider knows a type of one's own.
    NoDecider,
    /// Two searches disagree: a hint of the model does not hold, its `step` answers differently at different times, or it
    /// is a bug of the checker.
    Contradiction,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Memory => "the memory budget is used up",
            Self::Told => "the search was told to stop",
            Self::TooManySuccessors => "a step of the model has too many successors",
            Self::BrokenHint => "a hint of the model does not hold",
            Self::Unrepeatable => "the model does not repeat the order that was found",
            Self::NoDecider => "no decider knows the type",
            Self::Contradiction => "two searches disagree",
        })
    }
}

impl<S> Outcome<S> {
    /// The verdict alone.
    pub fn validity(&self) -> Validity {
        match self {
            Self::Valid(_) => Validity::Valid,
            Self::Invalid(_) => Validity::Invalid,
            Self::Unknown(_) => Validity::Unknown,
        }
    }

    /// Whether there is an order.
    pub fn is_valid(&self) -> bool {
        matches!(self, Self::Valid(_))
    }

    /// The outcome in words, for the message of a failing test.
    pub fn explain<I: Debug, O: Debug>(&self, log: &Log<I, O>) -> String
    where
        S: Debug,
    {
        match self {
            Self::Valid(order) => {
                format!("linearizable: {} operations in order\n", order.order.len())
            }
            Self::Invalid(violation) => violation.explain(log),
            Self::Unknown(undecided) => format!("{undecided}\n"),
        }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, reason, explained, completions } = self;
        let name = if object.is_empty() { "the object" } else { object.as_str() };
        write!(
            out,
            "not decided: {reason}; {name}: {explained} of {completions} completions explained"
        )
    }
}

impl<S: Debug> Violation<S> {
    /// The violation in words: the core by time, and how far an order gets.
    ///
    /// ```text
    /// not linearizable: nothing explains that p2's Read answered 1
    ///   events 0..1   p1  Write(1) -> None
    ///   ...
    /// ```
    pub fn explain<I: Debug, O: Debug>(&self, log: &Log<I, O>) -> String {
        let mut text = String::from("not linearizable");
        // Writing to a string does not fail.
        let _written = self.write(log, &mut text);
        text
    }

    fn write<I: Debug, O: Debug>(&self, log: &Log<I, O>, out: &mut String) -> fmt::Result {
        if !self.object.is_empty() {
            write!(out, " ({})", self.object)?;
        }
        if let Some(entry) = log.entries.get(self.blocked.0) {
            write!(out, ": nothing explains that p{}'s {:?}", entry.process, entry.input)?;
            if let Some(output) = entry.output() {
                write!(out, " answered {output:?}")?;
            }
        }
        out.push('\n');
        for (op, entry) in self.core.iter().filter_map(|op| Some((op, log.entries.get(op.0)?))) {
            let mark = if *op == self.blocked { '>' } else { ' ' };
            writeln!(out, "{mark} {}", line(entry))?;
        }
        let act = if self.others_act { " (others act in between)" } else { "" };
        writeln!(out, "an order of these gets as far as{act}:")?;
        for step in &self.order {
            if let Some(entry) = log.entries.get(step.op.0) {
                writeln!(out, "  p{} {:?} => {:?}", entry.process, entry.input, step.state)?;
            }
        }
        Ok(())
    }
}

fn line<I: Debug, O: Debug>(entry: &Entry<I, O>) -> String {
    let end = match entry.ret() {
        u64::MAX => "?".to_owned(),
        ret => ret.to_string(),
    };
    let answer = entry.output().map_or("unknown".to_owned(), |output| format!("{output:?}"));
    let span = format!("events {}..{end}", entry.call);
    format!("{span:<18} p{:<3} {:?} -> {answer}", entry.process.0, entry.input)
}
