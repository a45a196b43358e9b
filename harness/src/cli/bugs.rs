//! `rashomon bugs`: hunts every built-in bug, and tells how long it takes to catch each.

mod process;

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
use crate::bugs::matrix::{Matrix, Row};
use crate::bugs::{About, Bug};
use crate::console::{result, say};
use crate::exit::{Exit, worst};
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

What a hunt has come to is kept in bugs.jsonl: the same command again goes on where it stopped.

Exit codes: 0 all caught and no alarm on a correct build   1 an alarm on a correct build   2 some were not caught";

/// Arguments of `rashomon bugs`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only these bugs, comma separated: identifiers or names of `rashomon list bugs`
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "What to hunt")]
    only: Vec<String>,
    /// Only bugs of this class
    #[arg(long, value_enum, help_heading = "What to hunt")]
    class: Option<Class>,
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
    /// Folder for bugs.jsonl, kill-matrix.md and kill-matrix.json
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
        Ok(matrix) => conclude(args, &matrix),
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
        args.class.is_none_or(|wanted| {
            wanted.to_possible_value().is_some_and(|it| it.get_name() == class)
        })
    };
    let wanted = |bug: &Bug| only.is_empty() || only.contains(bug);
    Ok(Bug::ALL.into_iter().filter(|bug| of_class(bug) && wanted(bug)).collect())
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
    let ledger = lock(&ledger);
    let rows =
        bugs.iter().filter_map(|bug| Some(Row::new(*bug, ledger.hunt(bug.name(), "sim")?.clone())));
    Ok(Matrix {
        command: command(args),
        budget_s: args.time_budget.as_secs_f64(),
        rows: rows.collect(),
        clean: ledger.hunt("none", "sim").cloned().into_iter().collect(),
    })
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
                while let Some(prey) = lock(&todo).pop_front() {
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
        let stepped = match backend {
            PROCESS => process::step(&mut hunt, prey, &args.out, stop),
            _ => {
                hunt.step(prey, budget);
                Ok(())
            }
        };
        if let Err(what) = stepped {
            lock(ledger).note(&hunt)?;
            return Err(HuntError::Trouble { bug: name.to_owned(), what });
        }
        if noted.elapsed() > Duration::from_secs(10) {
            noted = Instant::now();
            lock(ledger).note(&hunt)?;
            say(&so_far(&hunt));
        }
    }
    say(&so_far(&hunt));
    lock(ledger).note(&hunt)?;
    if stop.is_cancelled() && !over(&hunt) { Err(HuntError::Stopped) } else { Ok(()) }
}

fn so_far(hunt: &Hunt) -> String {
    let Hunt { bug, backend, catches, runs, seconds, .. } = hunt;
    let found = hunt
        .example
        .as_ref()
        .map_or(String::new(), |example| format!(", first by {}", example.finding.oracle));
    format!("{bug} ({backend}): caught in {catches} of {runs} runs, {seconds:.1} s{found}")
}

fn command(args: &Args) -> String {
    let mut words = vec![format!("rashomon bugs --time-budget {:?}", args.time_budget)];
    if !args.only.is_empty() {
        words.push(format!("--only {}", args.only.join(",")));
    }
    let class = args.class.and_then(|class| class.to_possible_value());
    words.extend(class.map(|class| format!("--class {}", class.get_name())));
    words.join(" ")
}

fn conclude(args: &Args, matrix: &Matrix) -> Exit {
    let json = serde_json::to_string_pretty(matrix).expect("a matrix has a JSON form");
    let markdown = matrix.markdown();
    for (name, text) in [("kill-matrix.json", &json), ("kill-matrix.md", &markdown)] {
        let path = args.out.join(name);
        if let Err(error) = fs::write(&path, text) {
            say(&format!("error: {}: {error}", path.display()));
            return Exit::Internal;
        }
    }
    let told = match args.format {
        Format::Json => result(&json),
        Format::Human => result(&for_people(args, matrix)),
    };
    let missed = matrix.rows.iter().any(|row| !row.caught);
    let exit = match (matrix.alarms() > 0, missed) {
        (true, _) => Exit::Invalid,
        (false, true) => Exit::Unknown,
        (false, false) => Exit::Valid,
    };
    worst([exit, told])
}

fn for_people(args: &Args, matrix: &Matrix) -> String {
    let mut lines = Vec::new();
    for row in &matrix.rows {
        let About { summary, .. } = *row.hunt.bug.parse::<Bug>().expect("rows are of bugs").about();
        let Row { id, name, class, .. } = row;
        let line = match (row.first_oracle(), row.seconds) {
            (Some(oracle), Some(seconds)) => {
                format!("  {id} {class:2} {name:28} {oracle}, {:.1} s", seconds.value)
            }
            _ => format!("  {id} {class:2} {name:28} NOT CAUGHT: {summary}"),
        };
        lines.push(line);
    }
    for class in ["E", "M", "H", "VH"] {
        let (all, caught) = matrix.of_class(class);
        if all > 0 {
            lines.push(format!("{class}: {caught} of {all} caught"));
        }
    }
    for Hunt { runs, operations, catches, example, .. } in &matrix.clean {
        lines.push(format!(
            "correct builds: {catches} alarms in {runs} runs and {operations} operations"
        ));
        if let Some(example) = example {
            lines.push(format!("  {}: {}", example.command, example.finding.what));
        }
    }
    lines.push(format!("  matrix       {}", args.out.join("kill-matrix.md").display()));
    lines.join("\n")
}

/// Nobody leaves these half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
