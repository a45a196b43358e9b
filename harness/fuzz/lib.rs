//! The readers of histories, built by themselves: the harness around them (processes, sockets, a page) has nothing to do
//! with what a file may hold, and takes minutes to build with a sanitizer.
//!
//! Each target reads its input as a file. Whatever that is, the answer must be a history or an error: no panic, no hang,
//! and memory in proportion to the input.
//!
//! `cargo fuzz run jsonl` and its like look for trouble as long as one lets them, with a sanitizer; `./short` spends
//! seconds on each target, from the histories in `seeds/`, with the stable compiler and without cargo-fuzz.

pub mod targets;

#[path = "../src"]
mod harness {
    pub mod codec;
}

use std::ops::ControlFlow;
use std::path::Path;

pub use harness::codec;

use codec::{CodecError, InputFormat, StreamSummary, stream_from};
use rashomon_checker::history::{Event, EventRef};

/// The events of a file.
pub fn read(
    bytes: &[u8],
    format: Option<InputFormat>,
) -> Result<(Vec<Event>, StreamSummary), CodecError> {
    let mut events = Vec::new();
    let summary = stream_from(bytes, Path::new("f"), format, &mut |event, line| {
        assert!(line > 0, "lines count from 1");
        events.push(owned(event, events.len() as u64));
        ControlFlow::Continue(())
    })?;
    assert_eq!(summary.events, events.len() as u64);
    Ok((events, summary))
}

/// Reads a file for what may go wrong.
pub fn try_read(bytes: &[u8], format: Option<InputFormat>) {
    if let Err(error) = read(bytes, format) {
        assert!(error.to_string().starts_with("f:"), "{error}");
    }
}

/// The event with texts of its own.
pub fn owned(event: EventRef<'_>, index: u64) -> Event {
    let EventRef { time, process, kind, f, key, value, node, error } = event;
    let [key, node, error] = [key, node, error].map(|text| text.map(str::to_owned));
    Event { index, time, process, kind, f: f.to_owned(), key, value, node, error }
}
