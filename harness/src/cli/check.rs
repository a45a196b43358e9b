//! `rashomon check`: the verdict on recorded histories, ours or anybody's.
//!
//! One line (or one JSON object) a file on stdout, in the order of the arguments. A file that cannot be used gets one
//! line on stderr, and the others are still checked; the exit code is that of the worst file. A file in which there was
//! nothing to read is no valid history but an unknown one; only where the nemesis acted and no client did, everything
//! that clients saw is explained.

mod guess;
mod output;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rashomon_checker::Value;
use rashomon_checker::check::{
    CheckError, CheckOptions, CheckReport, Engine, ModelKind, Validity, check,
};

use super::quantity::{self, Bytes};
use super::run::Format;
use crate::codec::{self, CodecError, InputFormat, LoadedHistory};
use crate::console::{result, say};
use crate::exit::{self, Exit};
use crate::visible::visible;

/// Arguments of `rashomon check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Histories; a folder stands for the history.jsonl in it
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What must hold (see "rashomon list models") [default: what the run's plan, the format or the functions tell]
    #[arg(short, long, value_parser = guess::model_named, help_heading = "Meaning")]
    model: Option<ModelKind>,
    /// Value that registers start with: JSON, or else text [default: 0 for edn, as Knossos has it; null otherwise]
    #[arg(long, value_parser = quantity::value, help_heading = "Meaning")]
    #[arg(allow_hyphen_values = true)]
    initial: Option<Value>,
    /// How to read the files [default: told by their content]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Meaning")]
    input_format: Option<InputFormat>,
    /// Values are [key value] pairs, as in Jepsen's independent tests: judge each key by itself
    #[arg(long, help_heading = "Meaning")]
    independent: bool,
    /// A compare-and-set that failed without an error was seen to fail: its value was another [implied by jepsen-log]
    #[arg(long, help_heading = "Meaning")]
    strict_fail: bool,
    /// What a read of nil says: the object was absent, or the answer is unknown [default: by the format]
    #[arg(long, value_enum, value_name = "MEANING", help_heading = "Meaning")]
    nil_reads: Option<NilReads>,
    /// Who decides: the data type's own decider where it applies, one of the searches, or all to be compared
    #[arg(long, value_enum, default_value_t = EngineName::Auto, value_name = "ENGINE")]
    #[arg(help_heading = "Meaning")]
    engine: EngineName,
    /// Time for each file, such as 90s or 5m; then the verdict is unknown
    #[arg(long, value_parser = quantity::time, default_value = "60s", value_name = "TIME")]
    #[arg(help_heading = "Limits")]
    time_limit: Duration,
    /// Memory for the search, such as 512MiB or 2GiB; then the verdict is unknown
    #[arg(long, default_value = "2GiB", value_name = "SIZE", help_heading = "Limits")]
    memory_limit: Bytes,
    /// Threads to search with [default: one a processor]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Limits")]
    threads: Option<u16>,
    /// Lines for people, or one JSON object a file
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
}

/// What a read of nil says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum NilReads {
    /// The object was absent
    Absent,
    /// Nothing: the answer was not kept
    Unknown,
}

/// [`Engine`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum EngineName {
    /// The data type's own decider where it applies, else a search
    Auto,
    /// Deciders only: unknown where none applies
    Fast,
    /// The frontier search only
    Frontier,
    /// The tree search only
    Wgl,
    /// All that apply; if they disagree, that is an internal error (255)
    Compare,
}

impl From<EngineName> for Engine {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Auto => Self::Auto,
            EngineName::Fast => Self::Fast,
            EngineName::Frontier => Self::Frontier,
            EngineName::Wgl => Self::Wgl,
            EngineName::Compare => Self::Compare,
        }
    }
}

/// A history that was checked.
struct Checked {
    loaded: LoadedHistory,
    model: ModelKind,
    initial: Value,
    seconds: f64,
    report: CheckReport,
}

/// Why a file has no verdict.
enum Failure {
    /// The file or the arguments do not fit.
    Input(String),
    /// The checker failed.
    Internal(String),
}

/// Checks every file.
pub fn main(args: &Args) -> Exit {
    exit::worst(args.files.iter().map(|file| check_file(args, file)))
}

fn check_file(args: &Args, file: &Path) -> Exit {
    let checked = match judge(args, file) {
        Ok(checked) => checked,
        Err(failure) => return without_verdict(args, file, &failure),
    };
    for warning in &checked.loaded.warnings {
        tell(&format!("warning: {}: {warning}", file.display()));
    }
    let written = result(&match args.format {
        Format::Human => output::line(file, &checked),
        Format::Json => output::json(file, &checked),
    });
    exit::worst([written, checked.report.validity.into()])
}

/// Says why there is no verdict. A program that asked for objects gets one for this file too.
fn without_verdict(args: &Args, file: &Path, failure: &Failure) -> Exit {
    let (text, exit) = match failure {
        Failure::Input(text) => (text.clone(), Exit::Usage),
        Failure::Internal(text) => {
            (format!("{}: internal error: {text}", file.display()), Exit::Internal)
        }
    };
    tell(&format!("error: {text}"));
    match args.format {
        Format::Human => exit,
        Format::Json => exit::worst([result(&output::json_without_verdict(file, &text)), exit]),
    }
}

/// Says something about a file on stderr, on one line whatever the file holds.
fn tell(text: &str) {
    say(&visible(text));
}

/// Reads the history in the sense of the arguments.
fn load(args: &Args, path: &Path) -> Result<LoadedHistory, CodecError> {
    let mut loaded = codec::read_history(path, args.input_format)?;
    if args.independent {
        loaded.split_independent(path)?;
    }
    loaded.failed_cas_observed |= args.strict_fail;
    if let Some(nil_reads) = args.nil_reads {
        loaded.nil_reads_unknown = nil_reads == NilReads::Unknown;
    }
    Ok(loaded)
}

/// Judged as what it does not mean, a history of many objects would be impossible.
fn refuse_unsplit(args: &Args, path: &Path, loaded: &LoadedHistory) -> Result<(), Failure> {
    if args.independent || !loaded.looks_independent() {
        return Ok(());
    }
    Err(Failure::Input(format!(
        "{}: every value is a pair, as in Jepsen's independent tests, where it is [key value]: give --independent to \
         judge each key by itself",
        path.display()
    )))
}

fn judge(args: &Args, file: &Path) -> Result<Checked, Failure> {
    let path = if file.is_dir() { file.join("history.jsonl") } else { file.to_owned() };
    let bad = |text: String| Failure::Input(text);
    let loaded = load(args, &path).map_err(|error| bad(error.to_string()))?;
    refuse_unsplit(args, &path, &loaded)?;
    let history = loaded.history(&path).map_err(|error| bad(error.to_string()))?;
    let model = match args.model {
        Some(model) => model,
        None => guess::model_of(&path, &loaded)
            .map_err(|text| bad(format!("{}: {text}", path.display())))?,
    };
    let initial = args.initial.clone().unwrap_or_else(|| loaded.initial.clone());
    let started = Instant::now();
    let options = CheckOptions {
        memory_bytes_max: usize::try_from(args.memory_limit.0).unwrap_or(usize::MAX),
        should_stop: &|| started.elapsed() >= args.time_limit,
        threads: args.threads.map_or_else(threads_available, usize::from),
        initial: Some(initial.clone()),
        failed_cas_observed: loaded.failed_cas_observed,
        engine: args.engine.into(),
        ..CheckOptions::default()
    };
    let operations = history.len();
    let outcome = watch::while_working(file, operations, args.time_limit, || {
        catch_unwind(AssertUnwindSafe(|| check(&history, model, &options)))
    });
    let seconds = started.elapsed().as_secs_f64();
    let mut report = match outcome {
        Ok(Ok(report)) => report,
        Ok(Err(misfit)) => return Err(without_report(&loaded, &path, &misfit)),
        Err(_) => return Err(Failure::Internal("the checker panicked".to_owned())),
    };
    if (options.should_stop)() {
        report.name_the_stop(&format!(
            "the time limit of {} s is over",
            args.time_limit.as_secs_f64()
        ));
    }
    if loaded.holds_nothing() {
        report.validity = Validity::Unknown;
        report.reason = Some("the file holds no operations".to_owned());
    }
    Ok(Checked { loaded, model, initial, seconds, report })
}

/// The history does not fit the model, or the checker failed.
fn without_report(loaded: &LoadedHistory, path: &Path, error: &CheckError) -> Failure {
    match error.event() {
        Some(event) => {
            let line = loaded.line_of(event);
            Failure::Input(format!("{}:{line}: {error}", path.display()))
        }
        None => Failure::Internal(error.to_string()),
    }
}

fn threads_available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
