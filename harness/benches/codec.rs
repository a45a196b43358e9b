//! How fast histories are read and written: `cargo bench -p rashomon --bench codec`.
//!
//! One thread, from memory, the same bytes each time, by the processor time of that thread: what else the machine does
//! hardly shows. The best of a few passes counts. MB/s are of the unpacked text.
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use rashomon::codec::write::{HistoryWriter, OutputFormat, Packing};
use rashomon::codec::{self, InputFormat};
use rashomon_checker::history::Event;
use rustix::time::{ClockId, clock_gettime};

/// Events of each history.
const EVENTS: u64 = 1_000_000;

/// Passes over each history.
const PASSES: usize = 5;

fn main() {
    let plain = jsonl();
    println!("{:34} {:>9} {:>12}", "", "MB/s", "M events/s");
    row("jsonl by serde, for comparison", plain.len(), || by_serde(&plain));
    row("jsonl", plain.len(), || read(plain.as_bytes(), InputFormat::Jsonl));
    // The quick reader does not know the tag of the last.
    for (name, text) in [
        ("edn", edn("")),
        ("edn, transactions", transactions()),
        ("edn, by the reader of all of it", edn("#other.Op")),
    ] {
        row(name, text.len(), || read(text.as_bytes(), InputFormat::Edn));
    }
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(plain.as_bytes()).unwrap();
    let gzip = packer.finish().unwrap();
    row("jsonl in gzip", plain.len(), || read(&gzip, InputFormat::Jsonl));
    let zstd = converted(plain.as_bytes(), OutputFormat::Jsonl, Packing::Zst);
    row("jsonl in zstd", plain.len(), || read(&zstd, InputFormat::Jsonl));
    for (name, format, packing) in [
        ("jsonl to jsonl", OutputFormat::Jsonl, Packing::None),
        ("jsonl to edn", OutputFormat::Edn, Packing::None),
        ("jsonl to jsonl in gzip", OutputFormat::Jsonl, Packing::Gz),
        ("jsonl to jsonl in zstd", OutputFormat::Jsonl, Packing::Zst),
    ] {
        row(name, plain.len(), || {
            black_box(converted(plain.as_bytes(), format, packing)).len() as u64
        });
    }
}

fn row(name: &str, bytes: usize, mut pass: impl FnMut() -> u64) {
    let mut best = f64::INFINITY;
    for _ in 0..PASSES {
        let started = cpu_seconds();
        black_box(pass());
        best = best.min(cpu_seconds() - started);
    }
    println!("{name:34} {:9.0} {:12.2}", bytes as f64 / best / 1e6, EVENTS as f64 / best / 1e6);
}

/// Processor time of this thread.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn by_serde(text: &str) -> u64 {
    let event = |line| serde_json::from_str::<Event>(line).unwrap().process.0;
    text.lines().map(event).sum()
}

fn read(bytes: &[u8], format: InputFormat) -> u64 {
    let mut sum = 0;
    let summary =
        codec::stream_from(bytes, Path::new("bench"), Some(format), &mut |event, line| {
            sum += event.process.0 + line;
            black_box(event);
            ControlFlow::Continue(())
        });
    assert_eq!(summary.unwrap().events, EVENTS);
    sum
}

fn converted(bytes: &[u8], format: OutputFormat, packing: Packing) -> Vec<u8> {
    let mut writer = HistoryWriter::new(Vec::new(), format, packing);
    let read = codec::stream_from(bytes, Path::new("bench"), None, &mut |event, _| {
        writer.write(&event).unwrap();
        ControlFlow::Continue(())
    });
    read.unwrap();
    writer.finish().unwrap()
}

/// One event of twenty clients that write and read.
struct Line {
    at: u64,
    process: u64,
    key: u64,
    value: Option<u64>,
    kind: &'static str,
    f: &'static str,
}

fn lines() -> impl Iterator<Item = Line> {
    let mut state = 1_u64;
    (0..EVENTS).map(move |at| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (operation, invoked) = (at / 2, at % 2 == 0);
        let writes = operation.is_multiple_of(2);
        Line {
            at,
            process: operation % 20,
            key: (state >> 33) % 1000,
            value: (writes || !invoked).then_some(operation),
            kind: if invoked { "invoke" } else { "ok" },
            f: if writes { "write" } else { "read" },
        }
    })
}

/// A text with a line an event.
fn text_of(push: impl Fn(&mut String, Line) -> std::fmt::Result) -> String {
    let mut text = String::new();
    for line in lines() {
        push(&mut text, line).expect("memory takes any text");
    }
    text
}

fn jsonl() -> String {
    text_of(|text, Line { at, process, key, value, kind, f }| {
        let value = value.map_or_else(|| "null".to_owned(), |value| value.to_string());
        let time = at * 7919;
        writeln!(
            text,
            r#"{{"index":{at},"time":{time},"process":{process},"type":"{kind}","f":"{f}","key":"k{key}","value":{value}}}"#
        )
    })
}

/// What Jepsen prints, with something before each map.
fn edn(before: &str) -> String {
    text_of(|text, Line { at, process, key: _, value, kind, f }| {
        let value = value.map_or_else(|| "nil".to_owned(), |value| value.to_string());
        let time = at * 7919;
        writeln!(
            text,
            "{before}{{:process {process}, :type :{kind}, :f :{f}, :value {value}, :time {time}, :index {at}}}"
        )
    })
}

fn transactions() -> String {
    text_of(|text, Line { at, process, key, value, kind, f: _ }| {
        let seen = value.map_or_else(|| "nil".to_owned(), |value| format!("[1 2 {value}]"));
        writeln!(
            text,
            "{{:process {process}, :type :{kind}, :f :txn, :value [[:append {key} {at}] [:r {key} {seen}]], :index {at}}}"
        )
    })
}
