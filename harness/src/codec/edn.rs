//! A reader for EDN, the notation of Clojure's data, as far as histories need it.
//!
//! Read: nil, booleans, numbers, text, characters, keywords, symbols, lists, vectors, maps, sets; comments (`;`) and
//! discarded forms (`#_`) are passed over, and the tag of a tagged literal (`#inst "..."`) is dropped. Numbers that are
//! not whole 64-bit numbers (`1.5`, `##Inf`) are kept as written: whether that matters is for the caller to say. A regular
//! expression (`#"..."`) is text.
//!
//! Works byte by byte, as everything that structures EDN is ASCII, and on a stream, so that a history of any length needs
//! the memory of one operation at a time.

use std::fmt;
use std::io::BufRead;

use memchr::{memchr_iter, memrchr};

use crate::codec::error::Flaw;

/// Collections within collections: more than any history has and than JSON lines may have (127), so that those can be
/// written as EDN; and far less than the stack holds.
const DEPTH_MAX: usize = 160;

/// Bytes that a form may have, as a line of the other formats may. Fewer in tests, which are slow to read so many.
const FORM_BYTES_MAX: u64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edn {
    Nil,
    Bool(bool),
    Int(i64),
    /// A number that is not a whole 64-bit number, as written.
    OtherNumber(String),
    Text(String),
    /// Without the colon.
    Keyword(String),
    Symbol(String),
    /// A list or a vector.
    List(Vec<Edn>),
    Set(Vec<Edn>),
    Map(Vec<(Edn, Edn)>),
}

impl Edn {
    /// What it is, for an error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::OtherNumber(_) => "a number",
            Self::Text(_) => "text",
            Self::Keyword(_) => "a keyword",
            Self::Symbol(_) => "a symbol",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "a map",
        }
    }
}

/// As EDN writes it.
impl fmt::Display for Edn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequence = |out: &mut fmt::Formatter<'_>, open: &str, items: &[Self], close: &str| {
            out.write_str(open)?;
            for (at, item) in items.iter().enumerate() {
                write!(out, "{}{item}", if at > 0 { " " } else { "" })?;
            }
            out.write_str(close)
        };
        match self {
            Self::Nil => out.write_str("nil"),
            Self::Bool(truth) => write!(out, "{truth}"),
            Self::Int(number) => write!(out, "{number}"),
            Self::OtherNumber(word) | Self::Symbol(word) => out.write_str(word),
            Self::Text(text) => write!(out, "{text:?}"),
            Self::Keyword(name) => write!(out, ":{name}"),
            Self::List(items) => sequence(out, "[", items, "]"),
            Self::Set(items) => sequence(out, "#{", items, "}"),
            Self::Map(entries) => {
                out.write_str("{")?;
                for (at, (key, value)) in entries.iter().enumerate() {
                    write!(out, "{}{key} {value}", if at > 0 { ", " } else { "" })?;
                }
                out.write_str("}")
            }
        }
    }
}

/// What comes next in a stream.
pub(super) enum Next {
    /// A form, and the line it began on.
    Form(Edn, u64),
    /// The collection that the caller is in is over.
    Close(u8),
    /// Nothing.
    End,
}

/// Reads forms one after the other.
pub(super) struct Reader<R> {
    input: R,
    line: u64,
    column: u64,
    /// Bytes of the form that is being read.
    form_bytes: u64,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 1, column: 1, form_bytes: 0 }
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    fn peek(&mut self) -> Result<Option<u8>, Flaw> {
        if self.form_bytes > FORM_BYTES_MAX {
            return Err(self.flaw(format!("a form of more than {} MiB", FORM_BYTES_MAX >> 20)));
        }
        Ok(self.input.fill_buf()?.first().copied())
    }

    /// Goes past the byte that was peeked.
    fn bump(&mut self, byte: u8) {
        self.input.consume(1);
        self.form_bytes += 1;
        if byte == b'\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
    }

    fn flaw(&self, reason: impl Into<String>) -> Flaw {
        Flaw::At { line: self.line, column: Some(self.column), reason: reason.into() }
    }

    /// Goes past white space and comments; the byte that follows.
    fn skip_blank(&mut self) -> Result<Option<u8>, Flaw> {
        while let Some(byte) = self.peek()? {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' | 0x0c => self.bump(byte),
                b';' => {
                    while let Some(byte) = self.peek()?.filter(|byte| *byte != b'\n') {
                        self.bump(byte);
                    }
                }
                other => return Ok(Some(other)),
            }
        }
        Ok(None)
    }

    /// What is in memory from the next form on, more than nothing unless the file is over; and the line of it.
    pub(super) fn ahead(&mut self) -> Result<(&[u8], u64), Flaw> {
        self.form_bytes = 0;
        self.skip_blank()?;
        Ok((self.input.fill_buf()?, self.line))
    }

    /// Goes past so many bytes of what is ahead.
    pub(super) fn advance(&mut self, length: usize) -> Result<(), Flaw> {
        let passed = &self.input.fill_buf()?[..length];
        match memrchr(b'\n', passed) {
            Some(last) => {
                self.line += memchr_iter(b'\n', passed).count() as u64;
                self.column = (length - last) as u64;
            }
            None => self.column += length as u64,
        }
        self.input.consume(length);
        Ok(())
    }

    /// If the next form is a list or a vector, goes into it and gives the byte that will close it.
    pub(super) fn enter(&mut self) -> Result<Option<u8>, Flaw> {
        let close = match self.skip_blank()? {
            Some(b'[') => b']',
            Some(b'(') => b')',
            _ => return Ok(None),
        };
        self.bump(b'[');
        Ok(Some(close))
    }

    /// The next form, or what is there instead.
    pub(super) fn next(&mut self) -> Result<Next, Flaw> {
        self.form_bytes = 0;
        self.next_at(0)
    }

    fn next_at(&mut self, depth: usize) -> Result<Next, Flaw> {
        loop {
            let Some(byte) = self.skip_blank()? else { return Ok(Next::End) };
            let line = self.line;
            let form = match byte {
                b')' | b']' | b'}' => {
                    self.bump(byte);
                    return Ok(Next::Close(byte));
                }
                b'#' => match self.dispatch(depth)? {
                    Some(form) => form,
                    None => continue,
                },
                b'(' | b'[' | b'{' => self.collection(byte, depth)?,
                b'"' => Edn::Text(self.text()?),
                b'\\' => self.character()?,
                _ => self.word()?,
            };
            return Ok(Next::Form(form, line));
        }
    }

    /// What follows `#`: a set, a discarded form (`None`), or a tag whose form is taken for itself.
    fn dispatch(&mut self, depth: usize) -> Result<Option<Edn>, Flaw> {
        self.bump(b'#');
        match self.peek()? {
            Some(b'{') => {
                self.bump(b'{');
                Ok(Some(Edn::Set(self.items(b'}', depth)?)))
            }
            Some(b'_') => {
                self.bump(b'_');
                self.required(depth)?;
                Ok(None)
            }
            // `##Inf`, `##NaN`: as written.
            Some(b'#') => {
                self.bump(b'#');
                Ok(Some(Edn::OtherNumber(format!("##{}", self.token()?))))
            }
            Some(b'"') => Ok(Some(Edn::Text(self.pattern()?))),
            // A tag, or the namespace of a map's keys (`#:jepsen{...}`).
            Some(byte) if byte.is_ascii_alphabetic() || byte == b':' => {
                self.token()?;
                self.required(depth).map(Some)
            }
            _ => Err(self.flaw("`#` must be followed by `{`, `_`, `#`, `\"` or a tag")),
        }
    }

    /// A form that must be there.
    fn required(&mut self, depth: usize) -> Result<Edn, Flaw> {
        if depth >= DEPTH_MAX {
            return Err(self.flaw(format!("nested more than {DEPTH_MAX} deep")));
        }
        match self.next_at(depth + 1)? {
            Next::Form(form, _) => Ok(form),
            Next::Close(byte) => {
                Err(self.flaw(format!("`{}` where a form is due", char::from(byte))))
            }
            Next::End => Err(self.flaw("the file ends where a form is due")),
        }
    }

    fn collection(&mut self, open: u8, depth: usize) -> Result<Edn, Flaw> {
        self.bump(open);
        match open {
            b'(' => Ok(Edn::List(self.items(b')', depth)?)),
            b'[' => Ok(Edn::List(self.items(b']', depth)?)),
            _ => {
                let items = self.items(b'}', depth)?;
                if items.len() % 2 == 1 {
                    return Err(self.flaw("a map with a key but no value for it"));
                }
                let mut items = items.into_iter();
                let mut entries = Vec::with_capacity(items.len() / 2);
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    entries.push((key, value));
                }
                Ok(Edn::Map(entries))
            }
        }
    }

    fn items(&mut self, close: u8, depth: usize) -> Result<Vec<Edn>, Flaw> {
        let opened = self.line;
        if depth >= DEPTH_MAX {
            return Err(self.flaw(format!("nested more than {DEPTH_MAX} deep")));
        }
        let mut items = Vec::new();
        loop {
            match self.next_at(depth + 1)? {
                Next::Form(form, _) => items.push(form),
                Next::Close(byte) if byte == close => return Ok(items),
                Next::Close(byte) => {
                    return Err(self.flaw(format!(
                        "`{}` closes what was opened on line {opened} and needs `{}`",
                        char::from(byte),
                        char::from(close)
                    )));
                }
                Next::End => {
                    return Err(self.flaw(format!(
                        "the file ends, but `{}` is due for what was opened on line {opened}",
                        char::from(close)
                    )));
                }
            }
        }
    }

    fn text(&mut self) -> Result<String, Flaw> {
        let opened = self.line;
        self.bump(b'"');
        let mut bytes = Vec::new();
        loop {
            let Some(byte) = self.peek()? else {
                return Err(self.flaw(format!("the file ends within the text of line {opened}")));
            };
            self.bump(byte);
            match byte {
                b'"' => return self.utf8(bytes),
                b'\\' => {
                    let c = self.escape()?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                other => bytes.push(other),
            }
        }
    }

    /// A regular expression: backslashes are its own, and only keep a quote from ending it.
    fn pattern(&mut self) -> Result<String, Flaw> {
        let opened = self.line;
        self.bump(b'"');
        let mut bytes = Vec::new();
        let mut escaped = false;
        loop {
            let Some(byte) = self.peek()? else {
                return Err(self.flaw(format!("the file ends within the text of line {opened}")));
            };
            self.bump(byte);
            if byte == b'"' && !escaped {
                return self.utf8(bytes);
            }
            escaped = byte == b'\\' && !escaped;
            bytes.push(byte);
        }
    }

    fn escape(&mut self) -> Result<char, Flaw> {
        let Some(byte) = self.peek()? else {
            return Err(self.flaw("the file ends within an escape"));
        };
        self.bump(byte);
        match byte {
            b'n' => Ok('\n'),
            b't' => Ok('\t'),
            b'r' => Ok('\r'),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'"' | b'\\' | b'/' | b'\'' => Ok(char::from(byte)),
            b'u' => {
                let mut code = 0;
                for _ in 0..4 {
                    let digit = self.peek()?.and_then(|byte| char::from(byte).to_digit(16));
                    let digit = digit.ok_or_else(|| self.flaw("`\\u` needs four hex digits"))?;
                    self.bump(b'0');
                    code = code * 16 + digit;
                }
                // Half of a surrogate pair is not a character by itself.
                Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
            }
            other => Err(self.flaw(format!("unknown escape `\\{}`", char::from(other)))),
        }
    }

    /// `\a`, `\newline`, `\u00e9`: kept as text.
    fn character(&mut self) -> Result<Edn, Flaw> {
        self.bump(b'\\');
        let mut name = self.token()?;
        if name.is_empty() {
            // A delimiter such as `\(` or `\;`.
            let Some(byte) = self.peek()? else {
                return Err(self.flaw("the file ends within a character"));
            };
            self.bump(byte);
            name.push(char::from(byte));
        }
        let text = match name.as_str() {
            "newline" => "\n",
            "space" => " ",
            "tab" => "\t",
            "return" => "\r",
            other => other,
        };
        Ok(Edn::Text(text.to_owned()))
    }

    /// A run of bytes up to the next delimiter.
    fn token(&mut self) -> Result<String, Flaw> {
        let mut bytes = Vec::new();
        while let Some(byte) = self.peek()? {
            let ends = byte.is_ascii_whitespace()
                || matches!(byte, b',' | b';' | b'"' | b'(' | b')' | b'[' | b']' | b'{' | b'}');
            if ends {
                break;
            }
            self.bump(byte);
            bytes.push(byte);
        }
        self.utf8(bytes)
    }

    fn utf8(&self, bytes: Vec<u8>) -> Result<String, Flaw> {
        String::from_utf8(bytes).map_err(|_| self.flaw("not UTF-8 text"))
    }

    fn word(&mut self) -> Result<Edn, Flaw> {
        let word = self.token()?;
        let begins_as_number =
            word.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit());
        Ok(match word.as_str() {
            "nil" => Edn::Nil,
            "true" => Edn::Bool(true),
            "false" => Edn::Bool(false),
            number if begins_as_number => {
                let digits = number.strip_suffix('N').unwrap_or(number);
                let whole = digits.strip_prefix('+').unwrap_or(digits).parse();
                whole.map_or_else(|_| Edn::OtherNumber(word.clone()), Edn::Int)
            }
            ":" => return Err(self.flaw("`:` without a name")),
            keyword if keyword.starts_with(':') => Edn::Keyword(keyword[1..].to_owned()),
            _ => Edn::Symbol(word),
        })
    }
}
