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

#[cfg(any(test, fuzzing))]
mod agree;
mod fast;
mod line;

use std::io::{BufRead, Write};

use memchr::{memchr, memrchr};
use rashomon_checker::history::{Event, EventRef};
use serde::Serialize;

use crate::codec::error::Flaw;
use crate::codec::feed::Feed;
use crate::codec::process::Actor;
#[cfg(any(test, fuzzing))]
pub use agree::agree;
use line::{Line, Unfit};

/// Bytes that a line may have: a read of a long list is long, but not endless.
const LINE_BYTES_MAX: usize = 64 << 20;

/// Writes one event as a line.
pub fn write_event(out: &mut impl Write, event: &Event) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}

/// Writes one event as [`write_event`] would, at this position.
pub(super) fn write_ref(
    out: &mut impl Write,
    event: &EventRef<'_>,
    index: u64,
) -> std::io::Result<()> {
    /// The fields of [`Event`], in its order.
    #[derive(Serialize)]
    struct Written<'a> {
        index: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        time: Option<u64>,
        process: rashomon_checker::history::ProcessId,
        #[serde(rename = "type")]
        kind: rashomon_checker::history::EventKind,
        f: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<&'a str>,
        value: &'a rashomon_checker::Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    }
    let EventRef { time, process, kind, f, key, value, node, error } = event;
    let (time, process, kind) = (*time, *process, *kind);
    let (key, node, error) = (*key, *node, *error);
    let written = Written { index, time, process, kind, f, key, value, node, error };
    serde_json::to_writer(&mut *out, &written)?;
    out.write_all(b"\n")
}

/// Reads all lines. A line that lies within one buffer is read where it is; only one that crosses its end is copied.
pub(super) fn read(mut input: impl BufRead, feed: &mut Feed<'_>) -> Result<(), Flaw> {
    let mut lines = Lines { feed, number: 0, misnumbered: None };
    let mut torn = Vec::new();
    loop {
        let chunk = input.fill_buf()?;
        let length = chunk.len();
        if length == 0 {
            break;
        }
        let whole = memrchr(b'\n', chunk).map_or(0, |last| last + 1);
        let (mut whole, rest) = chunk.split_at(whole);
        if let Some(end) = memchr(b'\n', whole).filter(|_| !torn.is_empty()) {
            torn.extend_from_slice(&whole[..=end]);
            lines.line(&torn)?;
            torn.clear();
            whole = &whole[end + 1..];
        }
        lines.lines(whole)?;
        torn.extend_from_slice(rest);
        if torn.len() > LINE_BYTES_MAX {
            let reason = format!("longer than {} MiB", LINE_BYTES_MAX >> 20);
            return Err(Flaw::at(lines.number + 1, reason));
        }
        input.consume(length);
        if lines.feed.stopped() {
            return Ok(());
        }
    }
    if !torn.is_empty() {
        lines.line(&torn)?;
    }
    lines.say_misnumbered();
    Ok(())
}

/// Where the reader is, and what it saw.
struct Lines<'f, 's> {
    feed: &'f mut Feed<'s>,
    /// Of the line that is being read, from 1.
    number: u64,
    /// The first line whose index is not its position: line, index, position.
    misnumbered: Option<[u64; 3]>,
}

impl Lines<'_, '_> {
    /// Whole lines.
    fn lines(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        // To look at all at once is several times as fast as line by line.
        let Ok(text) = std::str::from_utf8(bytes) else {
            return bytes
                .split_inclusive(|byte| *byte == b'\n')
                .try_for_each(|line| self.line(line));
        };
        let mut start = 0;
        while let Some(length) = memchr(b'\n', &bytes[start..]) {
            let end = start + length + 1;
            self.text(&text[start..end])?;
            start = end;
            if self.feed.stopped() {
                break;
            }
        }
        Ok(())
    }

    fn line(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        if self.feed.stopped() {
            return Ok(());
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.text(text);
        }
        self.number += 1;
        self.slowly(bytes)
    }

    fn text(&mut self, text: &str) -> Result<(), Flaw> {
        self.number += 1;
        match fast::parse(text) {
            Some(line) => self.give(line),
            None if text.bytes().all(|byte| byte.is_ascii_whitespace()) => Ok(()),
            None => self.slowly(text.as_bytes()),
        }
    }

    fn slowly(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        let number = self.number;
        match line::parse(bytes, number) {
            Ok(line) => self.give(line),
            Err(Unfit::Torn) if bytes.last() != Some(&b'\n') => {
                self.feed.warn(format!("line {number}, the last one, is torn and was left out"));
                Ok(())
            }
            Err(Unfit::Torn) => Err(Flaw::at(number, "the line ends in the middle of an event")),
            Err(Unfit::Flaw(flaw)) => Err(flaw),
        }
    }

    fn give(&mut self, mut line: Line<'_>) -> Result<(), Flaw> {
        let position = self.feed.events();
        if let Some(index) = line.index.filter(|index| *index != position) {
            self.misnumbered.get_or_insert([self.number, index, position]);
        }
        let actor = line.process.actor().map_err(|reason| Flaw::at(self.number, reason))?;
        match actor {
            Actor::Client(process) => self.feed.give(line.event(process), self.number),
            Actor::Nobody => self.feed.pass_over(self.number),
        }
        Ok(())
    }

    fn say_misnumbered(&mut self) {
        if let Some([line, index, position]) = self.misnumbered {
            self.feed.warn(format!(
                "line {line} has index {index} where {position} is due; the order of the file counts"
            ));
        }
    }
}

#[cfg(test)]
mod tests;
