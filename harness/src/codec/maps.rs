//! Histories as EDN maps: what Jepsen and Knossos store, and the key-value runs of the Porcupine corpus.
//!
//! ```text
//! {:process 0, :type :invoke, :f :cas, :value [1 2], :time 12}
//! {:process :nemesis, :type :info, :f :start, :value nil}        passed over: nobody's operation
//! ```
//!
//! One vector or list of maps, or one map after the other. `:index` is not needed and not believed: the order of the
//! file is the order of events, and what is passed over leaves gaps.
//!
//! | in the file | as a value |
//! |---|---|
//! | `:append`, `append` | text, as in the micro-operations of transactions, `[[:append 1 2] [:r 1 nil]]` |
//! | `#{2 1}` | a sorted list |
//! | `{:x 10, :y 20}`, as in bank reads and the polls of logs | a list of pairs sorted by key, `[["x" 10] ["y" 20]]` |
//! | `#inst "2026-01-01"`, `#jepsen.history.Op{...}` | what follows the tag |
//! | `1.5`, `1/2`, more than 64 bits | an error: values are compared exactly |
//!
//! A pair of Jepsen's `independent` tests is printed as a vector, so nothing here tells it from one.

#[cfg(any(test, fuzzing))]
mod agree;
mod fast;

use std::io::BufRead;

use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind, ProcessId};

use crate::codec::edn::{Edn, Next, Reader};
use crate::codec::error::Flaw;
use crate::codec::feed::Feed;
use crate::codec::process::Actor;
#[cfg(any(test, fuzzing))]
pub(super) use agree::agree;

pub(super) fn read(input: impl BufRead, feed: &mut Feed<'_>) -> Result<(), Flaw> {
    let mut reader = Reader::new(input);
    let close = reader.enter()?;
    loop {
        while quickly(&mut reader, feed)? {}
        if feed.stopped() {
            return Ok(());
        }
        match reader.next()? {
            Next::Form(form, line) => give_map(feed, form, line)?,
            Next::Close(byte) if Some(byte) == close => break,
            Next::Close(byte) => {
                let reason = format!("`{}` closes nothing", char::from(byte));
                return Err(Flaw::at(reader.line(), reason));
            }
            Next::End if close.is_some() => {
                return Err(Flaw::at(reader.line(), "the file ends within the history"));
            }
            Next::End => return Ok(()),
        }
    }
    match reader.next()? {
        Next::End => Ok(()),
        Next::Form(..) | Next::Close(_) => {
            Err(Flaw::at(reader.line(), "something follows the history: one history a file"))
        }
    }
}

/// Reads the next map where it is in memory, if the quick reader understands it. Whether it does.
fn quickly<R: BufRead>(reader: &mut Reader<R>, feed: &mut Feed<'_>) -> Result<bool, Flaw> {
    if feed.stopped() {
        return Ok(false);
    }
    let (bytes, line) = reader.ahead()?;
    let Some((map, length)) = fast::parse(bytes) else { return Ok(false) };
    match map.actor {
        Actor::Client(process) => feed.give(map.event(process), line),
        Actor::Nobody => feed.pass_over(line),
    }
    reader.advance(length)?;
    Ok(true)
}

/// The fields of an operation map.
#[derive(Default)]
struct Fields {
    process: Option<Edn>,
    kind: Option<Edn>,
    f: Option<Edn>,
    key: Option<Edn>,
    value: Option<Edn>,
    time: Option<Edn>,
    node: Option<Edn>,
    error: Option<Edn>,
}

fn fields_of(entries: Vec<(Edn, Edn)>) -> Fields {
    let mut fields = Fields::default();
    for (key, value) in entries {
        let Edn::Keyword(name) = key else { continue };
        let field = match name.as_str() {
            "process" => &mut fields.process,
            "type" => &mut fields.kind,
            "f" => &mut fields.f,
            "key" => &mut fields.key,
            "value" => &mut fields.value,
            "time" => &mut fields.time,
            "node" => &mut fields.node,
            "error" => &mut fields.error,
            _ => continue,
        };
        *field = Some(value);
    }
    fields
}

/// Gives the event that a map describes.
fn give_map(feed: &mut Feed<'_>, form: Edn, line: u64) -> Result<(), Flaw> {
    let Edn::Map(entries) = form else {
        let reason = format!(
            "{} where a map such as {{:process 0, :type :invoke, ...}} is due",
            form.kind()
        );
        return Err(Flaw::at(line, reason));
    };
    let fields = fields_of(entries);
    let actor = actor_of(fields.process.as_ref()).map_err(|reason| Flaw::at(line, reason))?;
    match actor {
        Actor::Client(process) => feed.give_owned(event_of(fields, process, line)?, line),
        Actor::Nobody => feed.pass_over(line),
    }
    Ok(())
}

fn actor_of(form: Option<&Edn>) -> Result<Actor, String> {
    match form {
        Some(Edn::Int(number)) => u64::try_from(*number)
            .map(|number| Actor::Client(ProcessId(number)))
            .map_err(|_| format!("process {number}: must not be negative")),
        Some(Edn::OtherNumber(word)) if word.parse::<u64>().is_ok() => Actor::named(word),
        Some(Edn::Keyword(name)) => Ok(Actor::keyword(name)),
        Some(Edn::Symbol(name) | Edn::Text(name)) => Actor::named(name),
        Some(other) => Err(format!("process {other}: must be a number or :nemesis")),
        None => Err("a map without :process".to_owned()),
    }
}

fn event_of(fields: Fields, process: ProcessId, line: u64) -> Result<Event, Flaw> {
    Ok(Event {
        index: 0,
        time: match fields.time {
            Some(Edn::Int(nanos)) => u64::try_from(nanos).ok(),
            Some(Edn::OtherNumber(word)) => word.parse().ok(),
            _ => None,
        },
        process,
        kind: kind_of(fields.kind.as_ref(), line)?,
        f: match fields.f {
            Some(Edn::Keyword(name) | Edn::Symbol(name) | Edn::Text(name)) => name,
            Some(other) => return Err(Flaw::at(line, format!(":f {other}: must be a name"))),
            None => return Err(Flaw::at(line, "a map without :f")),
        },
        key: fields.key.filter(|key| *key != Edn::Nil).map(name_of),
        value: value_of(fields.value.unwrap_or(Edn::Nil), line)?,
        node: fields.node.filter(|node| *node != Edn::Nil).map(name_of),
        error: fields.error.filter(|error| *error != Edn::Nil).map(name_of),
    })
}

pub(super) fn kind_of(form: Option<&Edn>, line: u64) -> Result<EventKind, Flaw> {
    let name = match form {
        Some(Edn::Keyword(name) | Edn::Symbol(name) | Edn::Text(name)) => name,
        Some(other) => return Err(Flaw::at(line, format!(":type {other}: must be a keyword"))),
        None => return Err(Flaw::at(line, "a map without :type")),
    };
    match name.as_str() {
        "invoke" => Ok(EventKind::Invoke),
        "ok" => Ok(EventKind::Ok),
        "fail" => Ok(EventKind::Fail),
        "info" => Ok(EventKind::Info),
        other => {
            let reason = format!(":type :{other}: must be :invoke, :ok, :fail or :info");
            Err(Flaw::at(line, reason))
        }
    }
}

/// A key, a node or an error, in words.
fn name_of(form: Edn) -> String {
    match form {
        Edn::Text(text) | Edn::Keyword(text) | Edn::Symbol(text) => text,
        other => other.to_string(),
    }
}

/// The value of an operation. Keywords become text, sets sorted lists, maps lists of pairs sorted by key.
pub(super) fn value_of(form: Edn, line: u64) -> Result<Value, Flaw> {
    let all = |items: Vec<Edn>| -> Result<Vec<Value>, Flaw> {
        items.into_iter().map(|item| value_of(item, line)).collect()
    };
    Ok(match form {
        Edn::Nil => Value::Nil,
        Edn::Bool(truth) => Value::Bool(truth),
        Edn::Int(number) => Value::Int(number),
        Edn::Text(text) | Edn::Keyword(text) | Edn::Symbol(text) => Value::Text(text),
        Edn::List(items) => Value::List(all(items)?),
        Edn::Set(items) => sorted(all(items)?),
        Edn::Map(entries) => {
            let pair =
                |(key, value)| Ok(Value::List(vec![value_of(key, line)?, value_of(value, line)?]));
            sorted(entries.into_iter().map(pair).collect::<Result<_, Flaw>>()?)
        }
        Edn::OtherNumber(word) => {
            let reason = format!(
                "value {word}: only whole numbers of 64 bits can be used; write a smaller unit as a whole number, or text"
            );
            return Err(Flaw::at(line, reason));
        }
    })
}

/// The elements of a set, or the entries of a map: in one order, whatever the order of the file.
fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_unstable();
    Value::List(items)
}

#[cfg(test)]
mod tests;
