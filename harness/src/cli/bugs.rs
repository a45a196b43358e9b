//! `rashomon bugs`: hunts every built-in bug, and tells how long it takes to catch each.

mod process;
mod told;

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::run::Format;
use super::{names, quantity, usage_error};
use crate::bugs::hunt::Hunt;
use crate::bugs::ledger::{Ledger, LedgerError};
use crate::bugs::matrix::Matrix;
use crate::bugs::{Bug, example};
use crate::console::say;
use crate::exit::Exit;
use crate::runner::interrupt;
use process::PROCESS;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

/// The name of the other backend.
const SIM: &str = "sim";

const EXAMPLES: &str = "\
Examples:
  rashomon bugs                                  every bug in the simulator, up to a minute of one core each
  rashomon bugs --only C01,stale-nack --time-budget 10m
  rashomon bugs --class E                        those that are easy to see
  rashomon bugs --backend process --time-budget 5m

The example of each bug is made as small as can be: rashomon sim --replay runs/bugs/examples/NAME.txt shows it.
What a hunt has come to is kept in bugs.jsonl: the same command again goes on where it stopped.

Exit codes: 0 all caught and no alarm on a correct build   1 an alarm on a correct build   2 some were not caught";

/// Arguments of `rashomon bugs`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only these bugs, comma separated: identifiers or names of `rashomon list bugs`
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "What to hunt")]
    only: Vec<String>,
    /// Only bugs of these classes, comma separated
    #[arg(long, value_enum, value_delimiter = ',', help_heading = "What to hunt")]
    class: Vec<Class>,
    /// Where: in the simulator, with real processes, or one after the other
    #[arg(long, value_enum, default_value_t = Where::Sim, help_heading = "What to hunt")]
    backend: Where,
    /// Time for each bug: of one core in the simulator, of a clock with processes
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = quantity::time)]
    #[arg(help_heading = "How much")]
    time_budget: Duration,
    /// Seeds for each bug, at most; with a budget that is long enough, what the simulator finds depends on nothing else
    #[arg(long, value_name = "N", help_heading = "How much")]
    seeds: Option<u64>,
    /// The same for correct builds in the same campaigns
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = quantity::time)]
    #[arg(help_heading = "How much")]
    clean_budget: Duration,
    /// Hunts at the same time [default: one for each core]
    #[arg(long, value_name = "N", help_heading = "How much")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,
    /// Folder for bugs.jsonl, kill-matrix.html, kill-matrix.md, kill-matrix.json, and examples with a schedule for each bug
    #[arg(long, value_name = "DIR", default_value = "runs/bugs", help_heading = "Output")]
    out: PathBuf,
    /// Result on stdout: for people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Where {
    /// In the simulator
    Sim,
    /// With real processes
    Process,
    /// In the simulator, then with real processes
    Both,
}

impl Where {
    const fn backends(self) -> &'static [&'static str] {
        match self {
            Self::Sim => &[SIM],
            Self::Process => &[PROCESS],
            Self::Both => &[SIM, PROCESS],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Class {
    /// Easy: in a minute of faults
    #[value(name = "E")]
    E,
    /// Medium: in minutes
    #[value(name = "M")]
    M,
    /// Hard: in hours, or with a fault in the right place
    #[value(name = "H")]
    H,
    /// Very hard: practically only in a simulator, or by a script
    #[value(name = "VH")]
    Vh,
}

/// Hunts.
pub fn main(args: &Args) -> Exit {
    let bugs = match chosen(args) {
        Ok(bugs) => bugs,
        Err(error) => return usage_error(&error),
    };
    match hunt_all(args, &bugs) {
        Ok(matrix) => told::conclude(args, &matrix),
        Err(HuntError::Stopped) => {
            say(&HuntError::Stopped.to_string());
            Exit::Interrupted
        }
        Err(error) => {
            say(&format!("error: {error}"));
            Exit::Internal
        }
    }
}

fn chosen(args: &Args) -> Result<Vec<Bug>, String> {
    let known: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    let mut only = Vec::new();
    for name in &args.only {
        let bug = name.parse::<Bug>();
        only.push(
            bug.map_err(|_| names::unknown("built-in bug", name, &known, "rashomon list bugs"))?,
        );
    }
    let of_class = |bug: &Bug| {
        let class = bug.about().class.letters();
        args.class.is_empty() || args.class.iter().any(|wanted| wanted.letters() == class)
    };
    let wanted = |bug: &Bug| only.is_empty() || only.contains(bug);
    Ok(Bug::ALL.into_iter().filter(|bug| of_class(bug) && wanted(bug)).collect())
}

impl Class {
    fn letters(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Why hunting ended early.
#[derive(Debug, thiserror::Error)]
enum HuntError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("cannot listen to signals: {0}")]
    Signals(io::Error),
    #[error("{bug}, with real processes: {what}")]
    Trouble { bug: String, what: String },
    #[error("stopped; the same command again goes on from here")]
    Stopped,
}

/// What is hunted: a bug, or an alarm on a correct build.
type Prey = Option<Bug>;

/// What all hunts share.
struct Hunting<'a> {
    args: &'a Args,
    backend: &'static str,
    ledger: &'a Mutex<Ledger>,
    stop: &'a CancellationToken,
}

fn hunt_all(args: &Args, bugs: &[Bug]) -> Result<Matrix, HuntError> {
    let path = args.out.join("bugs.jsonl");
    fs::create_dir_all(&args.out)
        .map_err(|reason| LedgerError::Io { path: args.out.clone(), reason })?;
    let ledger = Mutex::new(Ledger::open(&path)?);
    let signals = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let signals = signals.map_err(HuntError::Signals)?;
    let stop = interrupt::listen(signals.handle()).map_err(HuntError::Signals)?;
    for backend in args.backend.backends() {
        hunt_with(&Hunting { args, backend, ledger: &ledger, stop: &stop }, bugs)?;
    }
    let budget_s = args.time_budget.as_secs_f64();
    Ok(Matrix::of(&lock(&ledger), bugs, told::command(args), budget_s))
}

/// All hunts of one backend, several at a time.
fn hunt_with(hunting: &Hunting<'_>, bugs: &[Bug]) -> Result<(), HuntError> {
    let reached = |bug: &Bug| hunting.backend == SIM || process::can_reach(*bug);
    let bugs = bugs.iter().copied().filter(reached).map(Some);
    let todo: Mutex<VecDeque<Prey>> = Mutex::new(std::iter::once(None).chain(bugs).collect());
    let trouble: Mutex<Option<HuntError>> = Mutex::new(None);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..hunting.args.jobs.map_or(cores, usize::from) {
            scope.spawn(|| {
                // Not in the condition: the lock would be held as long as the hunt takes.
                let next = || lock(&todo).pop_front();
                while let Some(prey) = next() {
                    if let Err(error) = hunt(hunting, prey) {
                        lock(&trouble).get_or_insert(error);
                        lock(&todo).clear();
                    }
                }
            });
        }
    });
    lock(&trouble).take().map_or(Ok(()), Err)
}

/// One hunt, from where it stood. It is written down now and then, so that little is lost.
fn hunt(hunting: &Hunting<'_>, prey: Prey) -> Result<(), HuntError> {
    let Hunting { args, backend, ledger, stop } = *hunting;
    let (name, budget) = match prey {
        Some(bug) => (bug.name(), args.time_budget),
        None => ("none", args.clean_budget),
    };
    let known = lock(ledger).hunt(name, backend).cloned();
    let mut hunt = known.unwrap_or_else(|| Hunt::new(prey, backend));
    let mut noted = Instant::now();
    // A correct build that raises an alarm is not hunted for more of them.
    let enough =
        |hunt: &Hunt| args.seeds.is_some_and(|seeds| hunt.catches > 0 || hunt.runs >= seeds);
    let over = |hunt: &Hunt| match prey {
        _ if enough(hunt) => true,
        Some(_) => hunt.is_over(budget),
        None => hunt.catches > 0 || hunt.seconds >= budget.as_secs_f64(),
    };
    while !over(&hunt) && !stop.is_cancelled() {
        let stepped = if backend == PROCESS {
            process::step(&mut hunt, prey, &args.out, stop)
        } else {
            hunt.step(prey, budget);
            Ok(())
        };
        if let Err(what) = stepped {
            lock(ledger).note(&hunt)?;
            return Err(HuntError::Trouble { bug: name.to_owned(), what });
        }
        if noted.elapsed() > Duration::from_secs(10) {
            noted = Instant::now();
            lock(ledger).note(&hunt)?;
            say(&told::so_far(&hunt));
        }
    }
    say(&told::so_far(&hunt));
    // Making an example small takes a while; whoever goes on later does it then.
    if !stop.is_cancelled() {
        example::keep(&mut hunt, prey, &args.out)?;
    }
    lock(ledger).note(&hunt)?;
    if stop.is_cancelled() && !over(&hunt) { Err(HuntError::Stopped) } else { Ok(()) }
}

/// Nobody leaves these half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
