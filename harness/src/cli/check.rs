//! `rashomon check`: the verdict on recorded histories, ours or anybody's.
//!
//! A file is held against everything that was asked for: a model, properties, a consistency model of transactions; where
//! nothing was asked for, against what it tells itself. Each check is one line on stdout (with what an invalid property or
//! consistency model found indented below), or each file one JSON object, in the order of the arguments. A file that
//! cannot be used gets one line on stderr, and the others are still checked; the exit code is that of the worst check. A
//! file in which there was nothing to read is no valid history but an unknown one; only where the nemesis acted and no
//! client did, everything that clients saw is explained.

pub(super) mod ask;
mod guess;
mod interrupt;
mod judge;
mod limits;
mod output;
mod page;
mod stream;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rashomon_checker::Value;
use rashomon_checker::check::{Engine, ModelKind, Validity};
use rashomon_checker::transactions::Consistency;

use super::quantity::{self, Bytes};
use super::run::Format;
use super::target;
use crate::checked::{CheckedFile, Found, Trouble};
use crate::codec::InputFormat;
use crate::console::{result, say};
use crate::exit::{self, Exit};
use crate::visible::visible;
use ask::PropertyAsk;
use interrupt::Interrupt;
use page::Page;

/// Arguments of `rashomon check`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    /// Histories; a folder stands for the history.jsonl in it, and with --stream "-" for stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What must hold (see "rashomon list models") [default: what the run's plan, the format or the functions tell]
    #[arg(short, long, value_parser = guess::model_named, help_heading = "Meaning")]
    model: Option<ModelKind>,
    /// Another property that must hold, with its options (see "rashomon list properties"); may be repeated
    #[arg(short, long = "property", value_parser = ask::property, help_heading = "Meaning")]
    #[arg(value_name = "NAME[:OPTION,...]")]
    properties: Vec<PropertyAsk>,
    /// What transactions must keep to, such as serializable (see "rashomon list consistency")
    #[arg(short, long, value_parser = ask::consistency, help_heading = "Meaning")]
    #[arg(value_name = "MODEL")]
    consistency: Option<Consistency>,
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
    /// Judge while reading, in memory that does not grow with the history: a verdict, but no explanation of what is wrong
    #[arg(long, help_heading = "Limits")]
    stream: bool,
    /// Time for each check of a file, such as 90s or 5m; then the verdict is unknown [default: 60s; none with --stream]
    #[arg(long, value_parser = quantity::time, value_name = "TIME", help_heading = "Limits")]
    time_limit: Option<Duration>,
    /// Memory for the search, such as 512MiB or 2GiB; then the verdict is unknown
    #[arg(long, default_value = "2GiB", value_name = "SIZE", help_heading = "Limits")]
    memory_limit: Bytes,
    /// Threads to search with [default: one a processor]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Limits")]
    threads: Option<u16>,
    /// Lines for people, or one JSON object a file
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
    /// Also say who decided, and what was found beside violations
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
    /// Write a page with all verdicts, and with the counterexample of each invalid history
    #[arg(long, value_name = "PAGE.html", help_heading = "Output")]
    report: Option<PathBuf>,
    /// Replace PAGE.html even if it is no page of this kind
    #[arg(long, requires = "report", help_heading = "Output")]
    force: bool,
}

/// Time for each check where nobody says another.
const TIME_LIMIT: Duration = Duration::from_secs(60);

impl Args {
    /// Time for each check of a file that is read as a whole.
    fn time(&self) -> Duration {
        self.time_limit.unwrap_or(TIME_LIMIT)
    }
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

/// Checks every file.
pub fn main(args: &Args) -> Exit {
    if let Some(why) = stream::refuses(args).filter(|_| args.stream) {
        tell(&format!("error: {why}"));
        return Exit::Usage;
    }
    if !args.stream && args.files.iter().any(|file| target::is_stdio(file) && !file.exists()) {
        tell("error: \"-\" stands for stdin only with --stream");
        return Exit::Usage;
    }
    let mut page = match args.report.as_deref().map(|path| Page::new(path, args)).transpose() {
        Ok(page) => page,
        Err(text) => {
            tell(&format!("error: {text}"));
            return Exit::Usage;
        }
    };
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => {
            tell(&format!("error: cannot listen to signals: {error}"));
            return Exit::Internal;
        }
    };
    let mut exits: Vec<Exit> = Vec::with_capacity(args.files.len());
    for file in &args.files {
        let check = if args.stream { stream::file } else { judge::file };
        let checked = check(args, file, &interrupt);
        exits.push(tell_about(args, &checked));
        if let Some(page) = &mut page {
            page.add(checked);
        }
        if interrupt.is_heard() {
            // Ctrl-C is for all of them.
            exits.push(Exit::Interrupted);
            break;
        }
    }
    if let Some(page) = page {
        exits.push(page.write());
    }
    exit::worst(exits)
}

/// Says what came out for a file. A program that asked for objects gets one even where there is no verdict.
fn tell_about(args: &Args, file: &CheckedFile) -> Exit {
    for warning in &file.warnings {
        tell(&format!("warning: {}: {warning}", file.name));
    }
    let mut exits = Vec::new();
    let failed = file.checks.iter().filter_map(|check| check.outcome.as_ref().err());
    for trouble in file.trouble.iter().chain(failed) {
        exits.push(match trouble {
            Trouble::Input(text) => {
                tell(&format!("error: {text}"));
                Exit::Usage
            }
            Trouble::Internal(text) => {
                tell(&format!("error: {}: internal error: {text}", file.name));
                Exit::Internal
            }
            Trouble::Limit(text) => {
                tell(&format!("{}: {text}", file.name));
                Exit::Unknown
            }
        });
    }
    let found = file.checks.iter().filter_map(|check| check.outcome.as_ref().ok());
    if file.streamed.is_none() && found.clone().any(ran_out_of_memory) {
        tell(&format!(
            "note: {}: --memory-limit allows for more; --stream needs some for what is open only",
            file.name
        ));
    }
    exits.extend(found.map(|found| Exit::from(found.validity())));
    let text = match args.format {
        Format::Human => output::lines(file, args.verbose),
        Format::Json => Some(output::json(file)),
    };
    exits.extend(text.map(|text| result(&text)));
    exit::worst(exits)
}

fn ran_out_of_memory(found: &Found) -> bool {
    let reason = found.reason().unwrap_or_default();
    found.validity() == Validity::Unknown && reason.contains("memory budget")
}

/// Says something about a file on stderr, on one line whatever the file holds.
fn tell(text: &str) {
    say(&visible(text));
}

/// The history that a path stands for.
fn history_in(file: &Path) -> PathBuf {
    if file.is_dir() { file.join("history.jsonl") } else { file.to_owned() }
}
