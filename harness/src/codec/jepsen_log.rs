//! Jepsen's log lines, as in the etcd runs of the Porcupine corpus: tab-separated process, type, function and value.
//!
//! ```text
//! INFO  jepsen.util - 4    :invoke   :cas    [1 3]
//! INFO  jepsen.util - 4    :info     :cas    :timed-out
//! ```
//!
//! Lines of other loggers, and of processes that are keywords such as `:nemesis`, are passed over. A completion's value may be the reason
//! why there is none (`:timed-out`); it is kept as the error.

use std::io::{BufRead, Read};

use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind, ProcessId};

use crate::codec::edn::{Edn, Next, Reader};
use crate::codec::error::Flaw;
use crate::codec::feed::Feed;
use crate::codec::maps::{kind_of, value_of};
use crate::codec::process::Actor;

/// What stands before the fields.
const MARK: &str = "jepsen.util - ";

/// Bytes that a line may have.
const LINE_BYTES_MAX: u64 = 1 << 20;

pub(super) fn read(mut input: impl BufRead, feed: &mut Feed<'_>) -> Result<(), Flaw> {
    let mut bytes = Vec::new();
    let mut number = 0;
    let mut passed_over = 0_u64;
    while !feed.stopped() {
        bytes.clear();
        number += 1;
        if input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.len() as u64 == LINE_BYTES_MAX {
            return Err(Flaw::at(number, "longer than 1 MiB"));
        }
        let line = std::str::from_utf8(&bytes).map_err(|_| Flaw::at(number, "not UTF-8 text"))?;
        let line = line.trim_end_matches(['\n', '\r']);
        match line.split_once(MARK) {
            Some((_, fields)) => push_line(feed, fields, number)?,
            None => passed_over += u64::from(!line.trim().is_empty()),
        }
    }
    if passed_over > 0 && feed.events() == 0 {
        let found = format!("none of its {passed_over} lines has \"{MARK}\" and an operation");
        return Err(Flaw::Format(found));
    }
    if passed_over > 0 {
        feed.warn(format!("{passed_over} lines of other loggers were passed over"));
    }
    Ok(())
}

fn push_line(feed: &mut Feed<'_>, text: &str, line: u64) -> Result<(), Flaw> {
    let fields: Vec<&str> = text.split('\t').map(str::trim).collect();
    let [process, kind, f, rest @ ..] = fields.as_slice() else {
        return Err(Flaw::at(
            line,
            "expected process, type, function and value, with tabs between",
        ));
    };
    let actor = match process.strip_prefix(':') {
        Some(keyword) => Actor::keyword(keyword),
        None => Actor::named(process).map_err(|reason| Flaw::at(line, reason))?,
    };
    match actor {
        Actor::Client(process) => {
            let event = event_of(process, [kind, f], rest.first().copied(), line)?;
            feed.give_owned(event, line);
        }
        Actor::Nobody => feed.pass_over(line),
    }
    Ok(())
}

fn event_of(
    process: ProcessId,
    [kind, f]: [&str; 2],
    value: Option<&str>,
    line: u64,
) -> Result<Event, Flaw> {
    let kind = kind_of(Some(&form_of(kind, line)?), line)?;
    let Some(f) = f.strip_prefix(':') else {
        return Err(Flaw::at(line, format!("function {f:?}: must be a keyword such as :read")));
    };
    let (value, error) = match form_of(value.unwrap_or("nil"), line)? {
        Edn::Keyword(reason) if kind != EventKind::Invoke => (Value::Nil, Some(reason)),
        form => (value_of(form, line)?, None),
    };
    Ok(Event {
        index: 0,
        time: None,
        process,
        kind,
        f: f.to_owned(),
        key: None,
        value,
        node: None,
        error,
    })
}

/// The one form of a field.
fn form_of(field: &str, line: u64) -> Result<Edn, Flaw> {
    let mut reader = Reader::new(field.as_bytes());
    let unfit = || Flaw::at(line, format!("field {field:?}: not one EDN form"));
    let Ok(Next::Form(form, _)) = reader.next() else { return Err(unfit()) };
    match reader.next() {
        Ok(Next::End) => Ok(form),
        _ => Err(unfit()),
    }
}
