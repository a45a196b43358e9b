//! A history whose format is known, while its events are still to come.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::Flaw;
use super::feed::{Feed, Sink};
use super::source::{self, Source};
use super::{CodecError, InputFormat, StreamSummary, detect, jepsen_log, jsonl, maps};

/// A history that is open for reading.
pub struct Opened<'a> {
    source: Source<'a>,
    name: PathBuf,
    format: InputFormat,
    blank: bool,
}

impl<'a> Opened<'a> {
    /// Looks at the start. Without a format, the content tells; what is blank is taken for `jsonl`. `name` is for the
    /// errors.
    pub fn new(
        input: impl Read + 'a,
        name: &Path,
        format: Option<InputFormat>,
    ) -> Result<Self, CodecError> {
        let source = Source::open(input).map_err(|error| while_reading(error, 1).in_file(name))?;
        let start = source.start();
        let blank = start.iter().all(u8::is_ascii_whitespace) && start.len() < source::PEEK_BYTES;
        let format = match format {
            Some(format) => format,
            None if blank => InputFormat::Jsonl,
            None => detect::format_of(start).map_err(|flaw| flaw.in_file(name))?,
        };
        Ok(Self { source, name: name.to_owned(), format, blank })
    }

    /// What it is read as.
    pub fn format(&self) -> InputFormat {
        self.format
    }

    /// Gives all events, or those before the sink wants no more.
    pub fn read(mut self, sink: Sink<'_>) -> Result<StreamSummary, CodecError> {
        let mut feed = Feed::new(sink);
        if !self.blank {
            let read = read_as(self.format, &mut self.source, &mut feed);
            let read = read.map_err(|flaw| cut_off(flaw, self.source.torn(), feed.line()));
            read.map_err(|flaw| flaw.in_file(&self.name))?;
        }
        if let Some(packing) = self.source.torn().filter(|_| !feed.stopped()) {
            feed.warn(format!("the {packing} file ends early; what could be unpacked was read"));
        }
        if feed.events() == 0 && feed.passed_over() > 0 {
            feed.warn("the file holds no operations, only what the nemesis did".to_owned());
        }
        Ok(StreamSummary {
            format: self.format,
            events: feed.events(),
            passed_over: feed.passed_over(),
            stopped: feed.stopped(),
            warnings: feed.warnings,
        })
    }
}

fn read_as(format: InputFormat, source: &mut Source<'_>, feed: &mut Feed<'_>) -> Result<(), Flaw> {
    match format {
        InputFormat::Jsonl => jsonl::read(source.input(), feed),
        InputFormat::Edn | InputFormat::PorcupineKv => maps::read(source.input(), feed),
        InputFormat::JepsenLog => jepsen_log::read(source.input(), feed),
    }
}

/// A mistake at the end of a packed file that ends early is not the writer's.
fn cut_off(flaw: Flaw, torn: Option<&str>, line: u64) -> Flaw {
    match (flaw, torn) {
        (Flaw::At { line, column, reason }, Some(packing)) => {
            let reason = format!("{reason} (the {packing} file ends early)");
            Flaw::At { line, column, reason }
        }
        (Flaw::Io(error), _) => while_reading(error, line),
        (flaw, _) => flaw,
    }
}

/// Damage in packed data has a place in the text: `line` is the last that was good.
fn while_reading(error: io::Error, line: u64) -> Flaw {
    if error.kind() == io::ErrorKind::InvalidData {
        return Flaw::at(line.max(1), format!("after this line, {error}"));
    }
    Flaw::Io(error)
}
