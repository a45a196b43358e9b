//! The quick reader of a line: JSON objects with the fields of an event, in any order.
//!
//! One pass over the bytes; texts without escapes are slices of the line, so an event with a plain value allocates
//! nothing. `None` means "not understood", never "wrong": fields that come twice, fractions where a whole number is due,
//! surrogate pairs, deep nesting and every mistake are left to `serde`. So the one thing to get right is that what is
//! understood is what `serde` makes of it, which the tests compare on random and on spoiled lines.
#![expect(
    clippy::option_option,
    reason = "the outer one says whether it was understood, or there at all"
)]

use std::borrow::Cow;

use rashomon_checker::Value;
use rashomon_checker::history::EventKind;

use super::line::{Line, Process};
use crate::codec::words::{find_special, number_of};

/// Lists within lists: `serde` takes more, but not without limit.
const DEPTH_MAX: usize = 32;

/// Reads a line.
pub(crate) fn parse(text: &str) -> Option<Line<'_>> {
    let mut cursor = Cursor { text, bytes: text.as_bytes(), at: 0 };
    cursor.blank();
    cursor.expect(b'{')?;
    let mut fields = Fields::default();
    cursor.blank();
    loop {
        let name = cursor.field_name()?;
        cursor.blank();
        cursor.field(name, &mut fields)?;
        cursor.blank();
        match cursor.next()? {
            b',' => cursor.blank(),
            b'}' => break,
            _ => return None,
        }
    }
    cursor.blank();
    if cursor.at < text.len() {
        return None;
    }
    fields.into_line()
}

/// The fields of an event, and any other.
#[derive(Clone, Copy)]
enum Name {
    Index,
    Time,
    Process,
    Kind,
    F,
    Key,
    Value,
    Node,
    Error,
    Other,
}

/// What was found so far; the outer `Option` says whether the field was there.
#[derive(Default)]
struct Fields<'a> {
    index: Option<Option<u64>>,
    time: Option<Option<u64>>,
    process: Option<Process<'a>>,
    kind: Option<EventKind>,
    f: Option<Cow<'a, str>>,
    key: Option<Option<Cow<'a, str>>>,
    value: Option<Value>,
    node: Option<Option<Cow<'a, str>>>,
    error: Option<Option<Cow<'a, str>>>,
}

impl<'a> Fields<'a> {
    fn into_line(self) -> Option<Line<'a>> {
        Some(Line {
            index: self.index.flatten(),
            time: self.time.flatten(),
            process: self.process?,
            kind: self.kind?,
            f: self.f?,
            key: self.key.flatten(),
            value: self.value.unwrap_or_default(),
            node: self.node.flatten(),
            error: self.error.flatten(),
        })
    }
}

/// Fills a field that must not be there yet.
fn fill<T>(field: &mut Option<T>, found: T) -> Option<()> {
    field.replace(found).is_none().then_some(())
}

struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// A name and its colon. Written without blanks and escapes, as it nearly always is, one comparison tells it.
    fn field_name(&mut self) -> Option<Name> {
        let rest = &self.bytes[self.at..];
        let (name, text): (_, &[u8]) = match rest.get(1)? {
            b'i' => (Name::Index, b"\"index\":"),
            b't' if rest.get(2) == Some(&b'i') => (Name::Time, b"\"time\":"),
            b't' => (Name::Kind, b"\"type\":"),
            b'p' => (Name::Process, b"\"process\":"),
            b'f' => (Name::F, b"\"f\":"),
            b'k' => (Name::Key, b"\"key\":"),
            b'v' => (Name::Value, b"\"value\":"),
            b'n' => (Name::Node, b"\"node\":"),
            b'e' => (Name::Error, b"\"error\":"),
            _ => return self.field_name_slowly(),
        };
        if !rest.starts_with(text) {
            return self.field_name_slowly();
        }
        self.at += text.len();
        Some(name)
    }

    fn field_name_slowly(&mut self) -> Option<Name> {
        self.expect(b'"')?;
        let name = match self.text()?.as_ref() {
            "index" => Name::Index,
            "time" => Name::Time,
            "process" => Name::Process,
            "type" => Name::Kind,
            "f" => Name::F,
            "key" => Name::Key,
            "value" => Name::Value,
            "node" => Name::Node,
            "error" => Name::Error,
            _ => Name::Other,
        };
        self.blank();
        self.expect(b':')?;
        Some(name)
    }

    fn field(&mut self, name: Name, fields: &mut Fields<'a>) -> Option<()> {
        match name {
            Name::Index => fill(&mut fields.index, self.whole_or_null()?),
            Name::Time => fill(&mut fields.time, self.whole_or_null()?),
            Name::Process => fill(&mut fields.process, self.process()?),
            Name::Kind => fill(&mut fields.kind, self.kind()?),
            Name::F => {
                self.expect(b'"')?;
                fill(&mut fields.f, self.text()?)
            }
            Name::Key => fill(&mut fields.key, self.name()?),
            Name::Value => fill(&mut fields.value, self.value(0)?),
            Name::Node => fill(&mut fields.node, self.name()?),
            Name::Error => {
                let error = if self.peek()? == b'n' { self.null()? } else { self.quoted()? };
                fill(&mut fields.error, error)
            }
            Name::Other => self.pass_over(0),
        }
    }

    fn literal(&mut self, word: &str) -> Option<()> {
        let found = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(())
    }

    fn null<T>(&mut self) -> Option<Option<T>> {
        self.literal("null")?;
        Some(None)
    }

    /// The digits from here on: a whole number in the notation of JSON, and nothing that would make it a fraction.
    fn digits(&mut self) -> Option<u64> {
        let (number, length) = number_of(&self.bytes[self.at..])?;
        let leading_zero = length > 1 && self.bytes[self.at] == b'0';
        self.at += length;
        let fraction = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        (!leading_zero && !fraction).then_some(number)
    }

    fn signed(&mut self) -> Option<i64> {
        if self.peek()? != b'-' {
            return i64::try_from(self.digits()?).ok();
        }
        self.at += 1;
        // Minus zero is a fraction to serde.
        let magnitude = self.digits().filter(|magnitude| *magnitude > 0)?;
        0_i64.checked_sub_unsigned(magnitude)
    }

    fn whole_or_null(&mut self) -> Option<Option<u64>> {
        if self.peek()? == b'n' { self.null() } else { self.digits().map(Some) }
    }

    fn process(&mut self) -> Option<Process<'a>> {
        match self.peek()? {
            b'"' => Some(Process::Named(self.quoted()??)),
            _ => self.digits().map(Process::Number),
        }
    }

    fn kind(&mut self) -> Option<EventKind> {
        self.expect(b'"')?;
        match self.text()?.as_ref() {
            "invoke" => Some(EventKind::Invoke),
            "ok" => Some(EventKind::Ok),
            "fail" => Some(EventKind::Fail),
            "info" => Some(EventKind::Info),
            _ => None,
        }
    }

    /// Text, a whole number as text, or null.
    fn name(&mut self) -> Option<Option<Cow<'a, str>>> {
        match self.peek()? {
            b'"' => self.quoted(),
            b'n' => self.null(),
            _ => {
                let start = self.at;
                self.signed()?;
                Some(Some(Cow::Borrowed(&self.text[start..self.at])))
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.peek()? {
            b'n' => self.literal("null").map(|()| Value::Nil),
            b't' => self.literal("true").map(|()| Value::Bool(true)),
            b'f' => self.literal("false").map(|()| Value::Bool(false)),
            b'"' => self.quoted()?.map(|text| Value::Text(text.into_owned())),
            b'[' => self.list(depth),
            _ => self.signed().map(Value::Int),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.items(depth, |cursor| {
            items.push(cursor.value(depth + 1)?);
            Some(())
        })?;
        Some(Value::List(items))
    }

    /// Goes through a list that begins here.
    fn items(&mut self, depth: usize, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if depth >= DEPTH_MAX {
            return None;
        }
        self.expect(b'[')?;
        self.blank();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            item(self)?;
            self.blank();
            match self.next()? {
                b',' => self.blank(),
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Goes past a value that nobody needs.
    fn pass_over(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'[' => self.items(depth, |cursor| cursor.pass_over(depth + 1)),
            b'{' => self.object(depth),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.value(depth).map(drop),
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        if depth >= DEPTH_MAX {
            return None;
        }
        self.expect(b'{')?;
        self.blank();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.quoted()?;
            self.blank();
            self.expect(b':')?;
            self.blank();
            self.pass_over(depth + 1)?;
            self.blank();
            match self.next()? {
                b',' => self.blank(),
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Goes past a number of any kind.
    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        let start = self.at;
        let whole = self.run_of_digits()?;
        if whole > 1 && self.bytes[start] == b'0' {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.run_of_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.run_of_digits()?;
        }
        Some(())
    }

    /// Goes past digits, of which there must be one.
    fn run_of_digits(&mut self) -> Option<usize> {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        (count > 0).then_some(count)
    }

    /// Text with its quotes.
    fn quoted(&mut self) -> Option<Option<Cow<'a, str>>> {
        self.expect(b'"')?;
        self.text().map(Some)
    }

    /// Text whose first quote is behind us.
    fn text(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        self.at += find_special(&self.bytes[start..])?;
        let plain = &self.text[start..self.at];
        match self.next()? {
            b'"' => Some(Cow::Borrowed(plain)),
            b'\\' => self.escaped(plain.to_owned()).map(Cow::Owned),
            _ => None,
        }
    }

    /// The rest of a text in which a backslash was just seen.
    fn escaped(&mut self, mut text: String) -> Option<String> {
        loop {
            text.push(self.escape()?);
            let start = self.at;
            self.at += find_special(&self.bytes[start..])?;
            text.push_str(&self.text[start..self.at]);
            match self.next()? {
                b'"' => return Some(text),
                b'\\' => {}
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let digits = self.bytes.get(self.at..self.at + 4)?;
                self.at += 4;
                let digit =
                    |code: u32, byte: &u8| Some(code * 16 + char::from(*byte).to_digit(16)?);
                // Half of a surrogate pair is no character, and a whole one is rare.
                char::from_u32(digits.iter().try_fold(0, digit)?)?
            }
            _ => return None,
        })
    }
}
