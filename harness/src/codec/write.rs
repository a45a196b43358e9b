//! Histories to files: what [`super::stream`] reads back to the same events.
//!
//! | format | what it is for | what it cannot say |
//! |---|---|---|
//! | `jsonl` | this program | nothing is lost |
//! | `edn` | Jepsen, Knossos, Elle: one map a line, with `:index` | nothing is lost |
//! | `porcupine-kv` | Porcupine's reader of key-value runs | times, nodes and errors are left out; other functions than get, put and append, and other values than text, are refused |
//!
//! An event is a syntax, not a meaning: a format's conventions (what a read of nil says, what registers start with) are
//! not written down in it. Whoever converts tells the reader; see `rashomon convert`.

mod edn;
mod kv;

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use rashomon_checker::history::EventRef;

use crate::codec::source::zstd::ZstdWriter;
use crate::codec::{InputFormat, jsonl};

/// Bytes that are gathered before they are packed or written.
const BUFFER_BYTES: usize = 128 << 10;

/// A file format that histories are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// One JSON object a line: rashomon's own
    Jsonl,
    /// One EDN map a line, as Jepsen stores histories
    Edn,
    /// Key-value runs as Porcupine reads them: get, put and append of text
    PorcupineKv,
}

impl OutputFormat {
    /// The format that it is read as.
    pub fn read_as(self) -> InputFormat {
        match self {
            Self::Jsonl => InputFormat::Jsonl,
            Self::Edn => InputFormat::Edn,
            Self::PorcupineKv => InputFormat::PorcupineKv,
        }
    }
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Packing {
    /// Not at all
    None,
    /// gzip
    Gz,
    /// zstd
    Zst,
}

/// Why an event was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The format has no words for the event.
    #[error("{0}")]
    Unfit(String),
}

/// Writes events one after the other.
pub struct HistoryWriter<W: Write> {
    out: Packer<W>,
    format: OutputFormat,
    buffer: Vec<u8>,
    events: u64,
}

enum Packer<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(ZstdWriter<W>),
}

impl<W: Write> Packer<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Gzip(out) => out.write_all(bytes),
            Self::Zstd(out) => out.write_all(bytes),
        }
    }
}

impl<W: Write> HistoryWriter<W> {
    /// Nothing is written before the first event, or [`Self::finish`].
    pub fn new(out: W, format: OutputFormat, packing: Packing) -> Self {
        let out = match packing {
            Packing::None => Packer::Plain(out),
            Packing::Gz => Packer::Gzip(GzEncoder::new(out, Compression::fast())),
            Packing::Zst => Packer::Zstd(ZstdWriter::new(out)),
        };
        Self { out, format, buffer: Vec::with_capacity(BUFFER_BYTES), events: 0 }
    }

    /// Writes the next event.
    pub fn write(&mut self, event: &EventRef<'_>) -> Result<(), WriteError> {
        match self.format {
            OutputFormat::Jsonl => jsonl::write_ref(&mut self.buffer, event, self.events)?,
            OutputFormat::Edn => edn::push_event(&mut self.buffer, event, self.events),
            OutputFormat::PorcupineKv => {
                kv::push_event(&mut self.buffer, event).map_err(WriteError::Unfit)?;
            }
        }
        self.events += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes what is left, and gives back where it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&self.buffer)?;
        let mut out = match self.out {
            Packer::Plain(out) => out,
            Packer::Gzip(out) => out.finish()?,
            Packer::Zstd(out) => out.finish()?,
        };
        out.flush()?;
        Ok(out)
    }
}
