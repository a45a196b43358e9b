//! One line of our format, by two readers that agree.
//!
//! [`super::fast`] reads what we and most others write, without an allocation an event; `serde` reads everything, and
//! says what is wrong with what is not an event. A line goes to the second only where the first does not understand it,
//! so leniency and errors are `serde`'s, and only it needs to be complete.

use std::borrow::Cow;

use rashomon_checker::Value;
use rashomon_checker::history::{EventKind, EventRef, ProcessId};
use serde::Deserialize;

use crate::codec::error::Flaw;
use crate::codec::process::Actor;

/// A line, whoever acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) index: Option<u64>,
    pub(crate) time: Option<u64>,
    pub(crate) process: Process<'a>,
    pub(crate) kind: EventKind,
    pub(crate) f: Cow<'a, str>,
    pub(crate) key: Option<Cow<'a, str>>,
    pub(crate) value: Value,
    pub(crate) node: Option<Cow<'a, str>>,
    pub(crate) error: Option<Cow<'a, str>>,
}

impl Line<'_> {
    /// The event that a client sees in it.
    pub(super) fn event(&mut self, process: ProcessId) -> EventRef<'_> {
        EventRef {
            time: self.time,
            process,
            kind: self.kind,
            f: &self.f,
            key: self.key.as_deref(),
            value: std::mem::take(&mut self.value),
            node: self.node.as_deref(),
            error: self.error.as_deref(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Process<'a> {
    Number(u64),
    Named(Cow<'a, str>),
}

impl Process<'_> {
    pub(super) fn actor(&self) -> Result<Actor, String> {
        match self {
            Self::Number(number) => Ok(Actor::Client(ProcessId(*number))),
            Self::Named(name) => Actor::named(name),
        }
    }
}

/// Why a line is not an event.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It stops too early.
    Torn,
    Flaw(Flaw),
}

/// A line as others may write it: more lenient than [`rashomon_checker::history::Event`].
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    index: Option<u64>,
    /// For people only, so anything that is no number of nanoseconds is as good as nothing.
    #[serde(default)]
    time: serde_json::Value,
    process: Who,
    #[serde(rename = "type")]
    kind: EventKind,
    f: String,
    #[serde(default)]
    key: Option<Name>,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    node: Option<Name>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a process number, or \"nemesis\"")]
enum Who {
    Number(u64),
    Named(String),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "text or a whole number")]
enum Name {
    Text(String),
    Number(i64),
}

impl Name {
    fn into_text(self) -> Cow<'static, str> {
        Cow::Owned(match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        })
    }
}

/// Reads a line in full leniency. `number` is for the error.
pub(crate) fn parse(bytes: &[u8], number: u64) -> Result<Line<'static>, Unfit> {
    let flaw = |column: u64, reason: String| {
        let column = Some(column).filter(|column| *column > 0);
        Unfit::Flaw(Flaw::At { line: number, column, reason })
    };
    let text = std::str::from_utf8(bytes).map_err(|error| match error.error_len() {
        None => Unfit::Torn,
        Some(_) => flaw(error.valid_up_to() as u64 + 1, "not UTF-8 text".to_owned()),
    })?;
    let fields: Fields = serde_json::from_str(text).map_err(|error| {
        if error.is_eof() {
            return Unfit::Torn;
        }
        let reason = error.to_string();
        // The position that serde_json appends counts from the start of this line.
        let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
        flaw(error.column() as u64, format!("not an event: {reason}{}", remedy(reason)))
    })?;
    Ok(Line::from(fields))
}

/// What to write instead, where that is not plain.
fn remedy(reason: &str) -> &'static str {
    if reason.starts_with("invalid type: floating point") {
        "; write a smaller unit as a whole number, or text"
    } else if reason.starts_with("invalid type: map, expected null") {
        "; write a list of [key, value] pairs"
    } else {
        ""
    }
}

impl From<Fields> for Line<'static> {
    fn from(fields: Fields) -> Self {
        Self {
            index: fields.index,
            time: fields.time.as_u64(),
            process: match fields.process {
                Who::Number(number) => Process::Number(number),
                Who::Named(name) => Process::Named(Cow::Owned(name)),
            },
            kind: fields.kind,
            f: Cow::Owned(fields.f),
            key: fields.key.map(Name::into_text),
            value: fields.value,
            node: fields.node.map(Name::into_text),
            error: fields.error.map(|error| match error {
                serde_json::Value::String(text) => Cow::Owned(text),
                other => Cow::Owned(other.to_string()),
            }),
        }
    }
}
