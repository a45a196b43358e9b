//! The quick reader of an operation map that lies in memory as a whole.
//!
//! Understands what Jepsen and Porcupine print: keywords for keys; numbers, text without escapes, keywords, vectors,
//! lists, sets and maps for values. `None` means "not understood", never "wrong", and is also the answer for a map that
//! crosses the end of the buffer: the reader of [`crate::codec::edn`] takes those, so it alone needs to be complete. What
//! is understood must be what that reader makes of it; the tests compare them.
#![expect(
    clippy::option_option,
    reason = "the outer one says whether it was understood, or there at all"
)]

use std::str;

use rashomon_checker::Value;
use rashomon_checker::history::{EventKind, EventRef, ProcessId};

use super::sorted;
use crate::codec::process::Actor;
use crate::codec::words::{find_special, number_of};

/// Collections within collections.
const DEPTH_MAX: usize = 32;

/// How Jepsen's own operations are tagged where they are printed as records.
const TAG: &[u8] = b"#jepsen.history.Op{";

/// An operation map, whoever acts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Map<'a> {
    pub(super) actor: Actor,
    time: Option<u64>,
    kind: EventKind,
    f: &'a str,
    key: Option<&'a str>,
    value: Value,
    node: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Map<'a> {
    pub(super) fn event(self, process: ProcessId) -> EventRef<'a> {
        let Self { actor: _, time, kind, f, key, value, node, error } = self;
        EventRef { time, process, kind, f, key, value, node, error }
    }
}

/// Reads the map that the bytes begin with, and says how long it is.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Map<'_>, usize)> {
    let at = if bytes.starts_with(TAG) { TAG.len() - 1 } else { 0 };
    let mut cursor = Cursor { bytes, at };
    cursor.expect(b'{')?;
    let mut fields = Fields::default();
    while cursor.blank()? != b'}' {
        let name = cursor.keyword()?;
        cursor.blank()?;
        cursor.field(name, &mut fields)?;
    }
    cursor.at += 1;
    let map = Map {
        actor: fields.actor?,
        time: fields.time.flatten(),
        kind: fields.kind?,
        f: fields.f?,
        key: fields.key.flatten(),
        value: fields.value.unwrap_or_default(),
        node: fields.node.flatten(),
        error: fields.error.flatten(),
    };
    Some((map, cursor.at))
}

/// What was found so far; the outer `Option` says whether the field was there.
#[derive(Default)]
struct Fields<'a> {
    actor: Option<Actor>,
    time: Option<Option<u64>>,
    kind: Option<EventKind>,
    f: Option<&'a str>,
    key: Option<Option<&'a str>>,
    value: Option<Value>,
    node: Option<Option<&'a str>>,
    error: Option<Option<&'a str>>,
}

/// Fills a field that must not be there yet.
fn fill<T>(field: &mut Option<T>, found: T) -> Option<()> {
    field.replace(found).is_none().then_some(())
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What ends a word, by byte.
const DELIMITERS: [bool; 256] = {
    let mut table = [false; 256];
    let ends = b" \t\n\r\x0c,;\"()[]{}";
    let mut at = 0;
    while at < ends.len() {
        table[ends[at] as usize] = true;
        at += 1;
    }
    table
};

fn is_delimiter(byte: u8) -> bool {
    DELIMITERS[usize::from(byte)]
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        let found = self.peek()? == byte;
        self.at += 1;
        found.then_some(())
    }

    /// Goes past blanks; the byte that follows.
    fn blank(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b',' | b'\t' | b'\r' | b'\n' | 0x0c => self.at += 1,
                other => return Some(other),
            }
        }
    }

    fn field(&mut self, name: &str, fields: &mut Fields<'a>) -> Option<()> {
        match name {
            "process" => fill(&mut fields.actor, self.actor()?),
            "type" => fill(&mut fields.kind, self.kind()?),
            "f" => fill(&mut fields.f, self.keyword()?),
            "key" => fill(&mut fields.key, self.name()?),
            "value" => fill(&mut fields.value, self.value(0)?),
            "time" => fill(&mut fields.time, self.time()?),
            "node" => fill(&mut fields.node, self.name()?),
            "error" => fill(&mut fields.error, self.name()?),
            _ => self.pass_over(0),
        }
    }

    /// The bytes up to a delimiter, which must be in memory.
    fn word(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| is_delimiter(*byte))?;
        self.at += length;
        Some(&rest[..length])
    }

    fn keyword(&mut self) -> Option<&'a str> {
        let name = self.word()?.strip_prefix(b":")?;
        str::from_utf8(name).ok().filter(|name| !name.is_empty())
    }

    fn signed(&mut self) -> Option<i64> {
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let (magnitude, length) = number_of(&self.bytes[self.at..])?;
        self.at += length;
        if !is_delimiter(self.peek()?) {
            return None;
        }
        if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
    }

    fn actor(&mut self) -> Option<Actor> {
        if self.peek()? == b':' {
            return self.keyword().map(Actor::keyword);
        }
        let number = u64::try_from(self.signed()?).ok()?;
        Some(Actor::Client(ProcessId(number)))
    }

    fn kind(&mut self) -> Option<EventKind> {
        match self.word()? {
            b":invoke" => Some(EventKind::Invoke),
            b":ok" => Some(EventKind::Ok),
            b":fail" => Some(EventKind::Fail),
            b":info" => Some(EventKind::Info),
            _ => None,
        }
    }

    fn time(&mut self) -> Option<Option<u64>> {
        if self.peek()? == b'n' {
            return self.nil();
        }
        Some(u64::try_from(self.signed()?).ok())
    }

    fn nil<T>(&mut self) -> Option<Option<T>> {
        (self.word()? == b"nil").then_some(None)
    }

    /// A key, a node or an error: text, a keyword, a whole number as it would be printed, or nil.
    fn name(&mut self) -> Option<Option<&'a str>> {
        match self.peek()? {
            b'"' => self.text().map(Some),
            b':' => self.keyword().map(Some),
            b'n' => self.nil(),
            _ => {
                let start = self.at;
                self.signed()?;
                let digits = &self.bytes[start..self.at];
                let printed = digits == b"0" || !matches!(digits, [b'0', ..] | [b'-', b'0', ..]);
                str::from_utf8(digits).ok().filter(|_| printed).map(Some)
            }
        }
    }

    /// Text without escapes.
    fn text(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        self.at += find_special(&self.bytes[start..])?;
        let text = str::from_utf8(&self.bytes[start..self.at]).ok()?;
        self.expect(b'"')?;
        Some(text)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.peek()? {
            b'-' | b'0'..=b'9' => self.signed().map(Value::Int),
            b':' => self.keyword().map(Value::from),
            b'"' => self.text().map(Value::from),
            b'[' => self.items(b']', depth).map(Value::List),
            b'(' => self.items(b')', depth).map(Value::List),
            b'{' => {
                let items = self.items(b'}', depth)?;
                let (pairs, []) = items.as_chunks::<2>() else { return None };
                Some(sorted(pairs.iter().map(|pair| Value::List(pair.to_vec())).collect()))
            }
            b'#' => {
                self.at += 1;
                (self.peek()? == b'{').then_some(())?;
                self.items(b'}', depth).map(sorted)
            }
            _ => match self.word()? {
                b"nil" => Some(Value::Nil),
                b"true" => Some(Value::Bool(true)),
                b"false" => Some(Value::Bool(false)),
                _ => None,
            },
        }
    }

    /// What is between an opening byte, which is next, and the closing one.
    fn items(&mut self, close: u8, depth: usize) -> Option<Vec<Value>> {
        if depth >= DEPTH_MAX {
            return None;
        }
        self.at += 1;
        let mut items = Vec::new();
        while self.blank()? != close {
            items.push(self.value(depth + 1)?);
        }
        self.at += 1;
        Some(items)
    }

    /// Goes past a form that nobody needs.
    fn pass_over(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'0'..=b'9' | b'-' => self.word().filter(|word| word.is_ascii()).map(drop),
            _ => self.value(depth).map(drop),
        }
    }
}
