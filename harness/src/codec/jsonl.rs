//! Our own format: JSON lines, one event a line, in the order in which they happened.
//!
//! ```text
//! {"index":0,"time":1200,"process":3,"type":"invoke","f":"write","key":"k1","value":5,"node":"n2"}
//! {"index":1,"time":4700,"process":3,"type":"ok","f":"write","key":"k1","value":5,"node":"n2"}
//! ```
//!
//! `type` is `invoke`, `ok`, `fail` or `info`. `index`, `time` (nanoseconds), `key`, `value`, `node` and `error` may be
//! absent; other fields are passed over, so that newer files can be read. The order of the file is the order of events,
//! whatever `index` says. `process` is a number, or "nemesis", whose events are nobody's operations and are passed over.
//!
//! Each line is one write, so a recorder that is killed leaves at most its last line torn: that one is left out with a
//! warning. Any other line that is not an event is an error.

use std::io::{BufRead, Read, Write};

use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind, ProcessId};
use serde::Deserialize;

use crate::codec::error::Flaw;
use crate::codec::{Actor, ReadEvents};

/// Bytes that a line may have: a read of a long list is long, but not endless.
const LINE_BYTES_MAX: usize = 64 << 20;

/// Writes one event as a line.
pub fn write_event(out: &mut impl Write, event: &Event) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}

/// A line as others may write it: more lenient than [`Event`].
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    index: Option<u64>,
    /// For people only, so anything that is no number of nanoseconds is as good as nothing.
    #[serde(default)]
    time: serde_json::Value,
    process: Process,
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
enum Process {
    Number(u64),
    Named(String),
}

impl Process {
    fn actor(&self) -> Result<Actor, String> {
        match self {
            Self::Number(number) => Ok(Actor::Client(ProcessId(*number))),
            Self::Named(name) => Actor::named(name),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "text or a whole number")]
enum Name {
    Text(String),
    Number(i64),
}

impl Name {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

pub(super) fn read(mut input: impl BufRead) -> Result<ReadEvents, Flaw> {
    let mut read = ReadEvents::default();
    let mut bytes = Vec::new();
    let mut number = 0;
    let mut misnumbered = None;
    loop {
        bytes.clear();
        number += 1;
        let limit = LINE_BYTES_MAX as u64 + 1;
        if input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.len() > LINE_BYTES_MAX {
            return Err(Flaw::at(number, format!("longer than {} MiB", LINE_BYTES_MAX >> 20)));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let line = match parse(&bytes, number) {
            Ok(line) => line,
            Err(Unfit::Torn) if bytes.last() != Some(&b'\n') => {
                read.warnings
                    .push(format!("line {number}, the last one, is torn and was left out"));
                break;
            }
            Err(Unfit::Torn) => {
                return Err(Flaw::at(number, "the line ends in the middle of an event"));
            }
            Err(Unfit::Flaw(flaw)) => return Err(flaw),
        };
        let position = read.events.len() as u64;
        if misnumbered.is_none() && line.index.is_some_and(|index| index != position) {
            misnumbered = line.index.map(|index| (number, index, position));
        }
        let actor = line.process.actor().map_err(|reason| Flaw::at(number, reason))?;
        read.push_of(actor, number, |process| Ok(event_of(line, process)))?;
    }
    if let Some((line, index, position)) = misnumbered {
        read.warnings.push(format!(
            "line {line} has index {index} where {position} is due; the order of the file counts"
        ));
    }
    Ok(read)
}

/// Why a line is not an event.
enum Unfit {
    /// It stops too early.
    Torn,
    Flaw(Flaw),
}

fn parse(bytes: &[u8], number: u64) -> Result<Line, Unfit> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        if error.error_len().is_none() {
            return Unfit::Torn;
        }
        let column = Some(error.valid_up_to() as u64 + 1);
        Unfit::Flaw(Flaw::At { line: number, column, reason: "not UTF-8 text".to_owned() })
    })?;
    serde_json::from_str(text).map_err(|error| {
        if error.is_eof() {
            return Unfit::Torn;
        }
        let column = Some(error.column() as u64).filter(|column| *column > 0);
        let reason = error.to_string();
        // The position that serde_json appends counts from the start of this line.
        let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
        Unfit::Flaw(Flaw::At { line: number, column, reason: format!("not an event: {reason}") })
    })
}

fn event_of(line: Line, process: ProcessId) -> Event {
    Event {
        index: 0,
        time: line.time.as_u64(),
        process,
        kind: line.kind,
        f: line.f,
        key: line.key.map(Name::into_text),
        value: line.value,
        node: line.node.map(Name::into_text),
        error: line.error.map(|error| match error {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        }),
    }
}
