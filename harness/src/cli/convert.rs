//! `rashomon convert`: a history in another format, event by event.
//!
//! Memory does not grow with the history, the order stays, and a file appears under its name whole or not at all. What
//! cannot be read ends with 254 and names file, line and reason; what cannot be written ends with 255.
//!
//! Formats differ in conventions, too, and those are not written in them: a read of nil is an answer in one and none in
//! another. Converting changes no event to make up for it, but says which flags make `check` judge the new file as it
//! would the old one.

mod meaning;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rashomon_checker::history::EventRef;

use crate::codec::write::{HistoryWriter, OutputFormat, Packing, WriteError};
use crate::codec::{self, CodecError, InputFormat, StreamSummary};
use crate::console::say;
use crate::exit::Exit;
use crate::visible::visible;

use super::target::{self, Target, TargetError};
use meaning::Meaning;

/// Work that is done by then needs no sign.
const FIRST_SIGN: Duration = Duration::from_secs(2);

/// Between two signs.
const NEXT_SIGN: Duration = Duration::from_secs(10);

/// Events between two looks at the clock.
const LOOK_EVERY: u64 = 1 << 16;

/// Arguments of `rashomon convert`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The history, packed or not; "-" for stdin; a folder stands for the history.jsonl in it
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where it goes; "-" for stdout
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// What to write [default: what the name of OUT says: .jsonl or .edn]
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: Option<OutputFormat>,
    /// How to pack it [default: what the name of OUT says: .gz or .zst]
    #[arg(long, value_enum, value_name = "PACKING")]
    compress: Option<Packing>,
    /// Replace OUT if it exists
    #[arg(long)]
    force: bool,
    /// How to read IN [default: told by its content]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Meaning")]
    input_format: Option<InputFormat>,
    /// Values are [key value] pairs, as in Jepsen's independent tests: write key and value apart
    #[arg(long, help_heading = "Meaning")]
    independent: bool,
}

/// Why there is no new file.
enum Failure {
    /// The input or the arguments cannot be used.
    Input(String),
    /// The output cannot be written.
    Output(io::Error),
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Refused(text) => Self::Input(text),
            TargetError::Io(error) => Self::Output(error),
        }
    }
}

/// Converts one history.
pub fn main(args: &Args) -> Exit {
    match convert(args) {
        Ok(()) => Exit::Valid,
        // Nobody wanted the rest.
        Err(Failure::Output(error)) if is_gone(args, &error) => Exit::Valid,
        Err(Failure::Output(error)) => {
            let output = target::name_of(&args.output);
            tell(&format!("error: cannot write {output}: {error}; nothing was left there"));
            Exit::Internal
        }
        Err(Failure::Input(text)) => {
            tell(&format!("error: {text}"));
            Exit::Usage
        }
    }
}

fn is_gone(args: &Args, error: &io::Error) -> bool {
    target::is_stdio(&args.output) && error.kind() == io::ErrorKind::BrokenPipe
}

/// Says something on stderr, on one line whatever the file holds.
fn tell(text: &str) {
    say(&visible(text));
}

fn convert(args: &Args) -> Result<(), Failure> {
    let (format, packing) = written_as(args).map_err(Failure::Input)?;
    let mut input = Input::open(&args.input)?;
    let target = Target::open(&args.output, args.force)?;
    let mut pass = Pass {
        args,
        name: input.name.clone(),
        writer: HistoryWriter::new(target, format, packing),
        meaning: Meaning::default(),
        failure: None,
        progress: Progress::new(&input),
    };
    let read = input.stream(args.input_format, &mut |event, line| pass.take(event, line));
    if let Some(failure) = pass.failure {
        return Err(failure);
    }
    let summary = read?;
    let target = pass.writer.finish().map_err(Failure::Output)?;
    target.finish(args.force)?;
    tell_about(args, &input.name, &summary, format, &pass.meaning);
    Ok(())
}

fn tell_about(
    args: &Args,
    name: &Path,
    summary: &StreamSummary,
    format: OutputFormat,
    meaning: &Meaning,
) {
    for warning in &summary.warnings {
        tell(&format!("warning: {}: {warning}", name.display()));
    }
    if summary.passed_over > 0 {
        let count = summary.passed_over;
        tell(&format!("note: {count} events of the nemesis are no operations and were left out"));
    }
    let flags = meaning.flags(summary.format, format.read_as());
    if !flags.is_empty() {
        let output = target::name_of(&args.output);
        let flags = flags.join(" ");
        tell(&format!("note: to judge it as the original, use: rashomon check {output} {flags}"));
    }
}

/// Format and packing, by the arguments or else by the name.
fn written_as(args: &Args) -> Result<(OutputFormat, Packing), String> {
    let mut name = args.output.clone();
    let packed = match name.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Some(Packing::Gz),
        Some("zst") => Some(Packing::Zst),
        _ => None,
    };
    if packed.is_some() {
        name.set_extension("");
    }
    let told = match name.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => Some(OutputFormat::Jsonl),
        Some("edn") => Some(OutputFormat::Edn),
        _ => None,
    };
    let format = args.to.or(told).ok_or_else(|| {
        format!(
            "the name {:?} does not say what to write: give --to jsonl, edn or porcupine-kv",
            target::name_of(&args.output)
        )
    })?;
    Ok((format, args.compress.or(packed).unwrap_or(Packing::None)))
}

/// An open input.
struct Input {
    name: PathBuf,
    reader: Box<dyn Read>,
    /// Its length, where it has one.
    bytes: Option<u64>,
    read: Rc<Cell<u64>>,
}

/// Counts what is read.
struct Counted {
    reader: Box<dyn Read>,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

impl Input {
    fn open(path: &Path) -> Result<Self, Failure> {
        if target::is_stdio(path) {
            return Ok(Self::new(PathBuf::from("stdin"), io::stdin().lock(), None));
        }
        let name = if path.is_dir() { path.join("history.jsonl") } else { path.to_owned() };
        let unreadable = |source| CodecError::Unreadable { path: name.clone(), source };
        let file = File::open(&name).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self::new(name, file, bytes))
    }

    fn new(name: PathBuf, reader: impl Read + 'static, bytes: Option<u64>) -> Self {
        let read = Rc::new(Cell::new(0));
        let reader = Counted { reader: Box::new(reader), read: Rc::clone(&read) };
        Self { name, reader: Box::new(reader), bytes, read }
    }

    fn stream(
        &mut self,
        format: Option<InputFormat>,
        sink: codec::Sink<'_>,
    ) -> Result<StreamSummary, CodecError> {
        codec::stream_from(&mut self.reader, &self.name, format, sink)
    }
}

/// What happens to each event.
struct Pass<'a> {
    args: &'a Args,
    name: PathBuf,
    writer: HistoryWriter<Target>,
    meaning: Meaning,
    failure: Option<Failure>,
    progress: Progress,
}

impl Pass<'_> {
    fn take(&mut self, event: EventRef<'_>, line: u64) -> ControlFlow<()> {
        self.progress.look();
        match self.write(event, line) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.failure = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn write(&mut self, event: EventRef<'_>, line: u64) -> Result<(), Failure> {
        let unfit = |text| Failure::Input(format!("{}:{line}: {text}", self.name.display()));
        let mut parted = None;
        let mut event = event;
        if self.args.independent {
            let value = std::mem::take(&mut event.value);
            let parts = codec::take_apart(event.kind, event.key, value).map_err(unfit)?;
            event.value = parts.1;
            parted = parts.0;
        }
        let event = EventRef { key: parted.as_deref().or(event.key), ..event };
        self.meaning.see(&event);
        self.writer.write(&event).map_err(|error| match error {
            WriteError::Io(error) => Failure::Output(error),
            WriteError::Unfit(text) => unfit(text),
        })
    }
}

/// A sign of life on stderr while it takes long.
struct Progress {
    name: PathBuf,
    bytes: Option<u64>,
    read: Rc<Cell<u64>>,
    events: u64,
    started: Instant,
    next_sign: Duration,
}

impl Progress {
    fn new(input: &Input) -> Self {
        let (name, bytes, read) = (input.name.clone(), input.bytes, Rc::clone(&input.read));
        Self { name, bytes, read, events: 0, started: Instant::now(), next_sign: FIRST_SIGN }
    }

    /// One more event.
    fn look(&mut self) {
        self.events += 1;
        if !self.events.is_multiple_of(LOOK_EVERY) {
            return;
        }
        let elapsed = self.started.elapsed();
        if elapsed >= self.next_sign {
            self.next_sign = elapsed + NEXT_SIGN;
            let read = self.read.get();
            let share = self.bytes.filter(|bytes| *bytes > 0).map(|bytes| read * 100 / bytes);
            let share = share.map(|share| format!(", {share} %")).unwrap_or_default();
            tell(&format!(
                "converting {}: {} events{share}, {} s so far",
                self.name.display(),
                self.events,
                elapsed.as_secs()
            ));
        }
    }
}
