//! A file, and all checks of it.

use std::fs::Metadata;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rashomon_checker::Value;
use rashomon_checker::check::{CheckOptions, ModelKind, check};
use rashomon_checker::history::History;
use rashomon_checker::properties::{self, PropertyOptions};
use rashomon_checker::transactions::{self, Consistency, TransactionOptions};

use super::ask::PropertyAsk;
use super::guess::{self, Clues, Guess};
use super::interrupt::Interrupt;
use super::limits::Limits;
use super::{Args, NilReads, history_in, tell, watch};
use crate::checked::{Asked, Checked, CheckedFile, Found, Trouble};
use crate::cli::memory;
use crate::codec::{self, CodecError, LoadedHistory};

/// What a file without operations says.
pub(super) const NOTHING: &str = "the file holds no operations";

/// Memory that a history takes while it is read, by byte of a file that is not packed: somewhat less.
const BYTES_PER_BYTE: u64 = 3;

/// Reads a file and makes all checks that were asked for.
pub(super) fn file(args: &Args, file: &Path, interrupt: &Interrupt) -> CheckedFile {
    let mut checked = CheckedFile::unread(file.display().to_string());
    match Reading::new(args, file, interrupt) {
        Ok(reading) => {
            checked.format = Some(reading.loaded.format);
            checked.operations = reading.history.len();
            checked.crashed = reading.history.crashed();
            checked.warnings.clone_from(&reading.loaded.warnings);
            match asks(args, &reading) {
                Ok(asks) => checked.checks = asks.iter().map(|ask| reading.check(ask)).collect(),
                Err(trouble) => checked.trouble = Some(trouble),
            }
        }
        Err(trouble) => checked.trouble = Some(trouble),
    }
    checked
}

/// A check to make.
enum Ask<'a> {
    Model(ModelKind),
    Property(&'a PropertyAsk),
    Transactions(Consistency),
}

/// Everything that was asked for, or what the file tells.
fn asks<'a>(args: &'a Args, reading: &Reading<'_>) -> Result<Vec<Ask<'a>>, Trouble> {
    let mut asks: Vec<Ask<'a>> = args.model.map(Ask::Model).into_iter().collect();
    asks.extend(args.properties.iter().map(Ask::Property));
    asks.extend(args.consistency.map(Ask::Transactions));
    if asks.is_empty() {
        let path = &reading.path;
        let clues = Clues::of(&reading.loaded);
        let guess = guess::of(path, reading.loaded.model_hint, &clues).map_err(|seen| {
            Trouble::Input(format!(
                "{}: cannot tell the model: {seen}; give --property, --consistency, or --model, one of {}",
                path.display(),
                guess::models()
            ))
        })?;
        asks.push(match guess {
            Guess::Model(model) => Ask::Model(model),
            Guess::Transactions => Ask::Transactions(Consistency::default()),
        });
    }
    Ok(asks)
}

/// A history that was read.
struct Reading<'a> {
    args: &'a Args,
    interrupt: &'a Interrupt,
    file: &'a Path,
    path: PathBuf,
    loaded: LoadedHistory,
    history: History,
}

impl<'a> Reading<'a> {
    fn new(args: &'a Args, file: &'a Path, interrupt: &'a Interrupt) -> Result<Self, Trouble> {
        let path = history_in(file);
        let bad = |error: CodecError| Trouble::Input(error.to_string());
        let loaded = load(args, &path).map_err(bad)?;
        refuse_unsplit(args, &path, &loaded)?;
        let history = loaded.history(&path).map_err(bad)?;
        Ok(Self { args, interrupt, file, path, loaded, history })
    }

    /// Makes one check. Whatever goes wrong in it is about this check alone.
    fn check(&self, ask: &Ask<'_>) -> Checked {
        let asked = match ask {
            Ask::Model(model) => Asked::Model(*model),
            Ask::Property(property) => Asked::Property(property.kind),
            Ask::Transactions(consistency) => Asked::Transactions(*consistency),
        };
        let (operations, limit) = (self.history.len(), self.args.time());
        let limits = Limits::new(self.interrupt, Some(limit));
        let outcome = watch::while_working(self.file, operations, limit, || {
            catch_unwind(AssertUnwindSafe(|| match ask {
                Ask::Model(model) => self.model(*model, &limits),
                Ask::Property(property) => self.property(property, &limits),
                Ask::Transactions(consistency) => self.transactions(*consistency, &limits),
            }))
        });
        let seconds = limits.elapsed().as_secs_f64();
        let panicked = || Err(Trouble::Internal("the checker panicked".to_owned()));
        let mut outcome = outcome.unwrap_or_else(|_| panicked());
        if let Ok(found) = &mut outcome {
            if let Some(cause) = limits.cause() {
                found.name_the_stop(&cause);
            }
            if self.loaded.holds_nothing() {
                found.make_unknown(NOTHING);
            }
        }
        Checked { asked, seconds, outcome }
    }

    fn model(&self, model: ModelKind, limits: &Limits<'_>) -> Result<Found, Trouble> {
        let args = self.args;
        let initial = self.initial();
        let options = CheckOptions {
            memory_bytes_max: usize::try_from(args.memory_limit.0).unwrap_or(usize::MAX),
            should_stop: &|| limits.are_reached(),
            threads: args.threads.map_or_else(threads_available, usize::from),
            initial: Some(initial.clone()),
            failed_cas_observed: self.loaded.failed_cas_observed,
            engine: args.engine.into(),
            ..CheckOptions::default()
        };
        let report =
            check(&self.history, model, &options).map_err(|error| match error.event() {
                Some(event) => self.misfit(event, &error),
                None => Trouble::Internal(error.to_string()),
            })?;
        Ok(Found::Model(initial, report))
    }

    fn property(&self, ask: &PropertyAsk, limits: &Limits<'_>) -> Result<Found, Trouble> {
        let options = PropertyOptions {
            initial: Some(self.initial()),
            should_stop: &|| limits.are_reached(),
            ..ask.options.clone()
        };
        let report = properties::check(ask.kind, &self.history, &options);
        report.map(Found::Property).map_err(|error| match error.event() {
            Some(event) => self.misfit(event, &error),
            None => Trouble::Input(format!("{}: {error}", self.path.display())),
        })
    }

    /// Registers of transactions called `r` and `w` are Elle's, with Elle's conventions: nil at first, and a read of nil
    /// saw that. Those called `read` and `write` are Knossos', with the conventions of the format.
    fn transactions(
        &self,
        consistency: Consistency,
        limits: &Limits<'_>,
    ) -> Result<Found, Trouble> {
        let args = self.args;
        let knossos = guess::has_long_names(&self.loaded);
        let by_convention = if knossos { self.loaded.initial.clone() } else { Value::Nil };
        let options = TransactionOptions {
            consistency,
            initial: args.initial.clone().unwrap_or(by_convention),
            should_stop: &|| limits.are_reached(),
            ..TransactionOptions::default()
        };
        let keeps_format = knossos || args.nil_reads.is_some() || !self.loaded.nil_reads_unknown;
        let report = if keeps_format {
            transactions::check(&self.history, &options)
        } else {
            let mut loaded = self.loaded.clone();
            loaded.nil_reads_unknown = false;
            let history =
                loaded.history(&self.path).map_err(|error| Trouble::Input(error.to_string()))?;
            transactions::check(&history, &options)
        };
        report.map(Found::Transactions).map_err(|error| self.misfit(error.event(), &error))
    }

    /// What registers start with: as told, or by the format's convention.
    fn initial(&self) -> Value {
        self.args.initial.clone().unwrap_or_else(|| self.loaded.initial.clone())
    }

    /// The event at this position does not fit what was asked for.
    fn misfit(&self, event: u64, error: &dyn std::error::Error) -> Trouble {
        let line = self.loaded.line_of(event);
        Trouble::Input(format!("{}:{line}: {error}", self.path.display()))
    }
}

/// Says beforehand that a file may be too large to be read as a whole: nobody is left to say it afterwards.
fn warn_of_size(path: &Path) {
    let file = path.metadata().ok().filter(Metadata::is_file);
    let bytes = file.map_or(0, |file| file.len());
    let needed = bytes.saturating_mul(BYTES_PER_BYTE);
    if memory::available().is_some_and(|available| needed > available) {
        tell(&format!(
            "note: {}: a file of {} MB may not fit into memory; --stream judges it while it is read",
            path.display(),
            bytes / 1_000_000
        ));
    }
}

/// Reads the history in the sense of the arguments.
fn load(args: &Args, path: &Path) -> Result<LoadedHistory, CodecError> {
    warn_of_size(path);
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
fn refuse_unsplit(args: &Args, path: &Path, loaded: &LoadedHistory) -> Result<(), Trouble> {
    if args.independent || !loaded.looks_independent() {
        return Ok(());
    }
    Err(unsplit(path))
}

/// What is said of a history that looks as if its values were keys with values.
pub(super) fn unsplit(path: &Path) -> Trouble {
    Trouble::Input(format!(
        "{}: every value is a pair, as in Jepsen's independent tests, where it is [key value]: give --independent to \
         judge each key by itself",
        path.display()
    ))
}

fn threads_available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
