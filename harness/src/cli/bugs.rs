//! `rashomon bugs`: hunts every built-in bug, and tells how long it takes to catch each.

use std::collections::VecDeque;
use std::fs;
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

mod told;

const EXAMPLES: &str = "\
Examples:
  rashomon bugs                                  every bug in the simulator, up to a minute of one core each
  rashomon bugs --only C01,stale-nack --time-budget 10m
  rashomon bugs --class E                        those that are easy to see

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
    /// Only bugs of this class
    #[arg(long, value_enum, help_heading = "What to hunt")]
    class: Option<Class>,
    /// Time of one core for each bug
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = quantity::time)]
    #[arg(help_heading = "How much")]
    time_budget: Duration,
    /// Seeds for each bug, at most; with a budget that is long enough, the result depends on nothing else
    #[arg(long, value_name = "N", help_heading = "How much")]
    seeds: Option<u64>,
    /// Time of one core for correct builds in the same campaigns
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

/// What is hunted: a bug, or an alarm on a correct build.
type Prey = Option<Bug>;

fn hunt_all(args: &Args, bugs: &[Bug]) -> Result<Matrix, LedgerError> {
    let path = args.out.join("bugs.jsonl");
    fs::create_dir_all(&args.out)
        .map_err(|reason| LedgerError::Io { path: args.out.clone(), reason })?;
    let ledger = Mutex::new(Ledger::open(&path)?);
    let todo: VecDeque<Prey> =
        std::iter::once(None).chain(bugs.iter().copied().map(Some)).collect();
    let todo = Mutex::new(todo);
    let trouble: Mutex<Option<LedgerError>> = Mutex::new(None);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..args.jobs.map_or(cores, usize::from) {
            scope.spawn(|| {
                while let Some(prey) = lock(&todo).pop_front() {
                    if let Err(error) = hunt(args, prey, &ledger) {
                        lock(&trouble).get_or_insert(error);
                        lock(&todo).clear();
                    }
                }
            });
        }
    });
    if let Some(error) = lock(&trouble).take() {
        return Err(error);
    }
    let budget_s = args.time_budget.as_secs_f64();
    Ok(Matrix::of(&lock(&ledger), bugs, told::command(args), budget_s))
}

/// One hunt, from where it stood. It is written down now and then, so that little is lost.
fn hunt(args: &Args, prey: Prey, ledger: &Mutex<Ledger>) -> Result<(), LedgerError> {
    let (name, budget) = match prey {
        Some(bug) => (bug.name(), args.time_budget),
        None => ("none", args.clean_budget),
    };
    let known = lock(ledger).hunt(name, "sim").cloned();
    let mut hunt = known.unwrap_or_else(|| Hunt::new(prey, "sim"));
    let mut noted = Instant::now();
    // A correct build that raises an alarm is not hunted for more of them.
    let enough =
        |hunt: &Hunt| args.seeds.is_some_and(|seeds| hunt.catches > 0 || hunt.runs >= seeds);
    let over = |hunt: &Hunt| match prey {
        _ if enough(hunt) => true,
        Some(_) => hunt.is_over(budget),
        None => hunt.catches > 0 || hunt.seconds >= budget.as_secs_f64(),
    };
    while !over(&hunt) {
        hunt.step(prey, budget);
        if noted.elapsed() > Duration::from_secs(10) {
            noted = Instant::now();
            lock(ledger).note(&hunt)?;
            say(&told::so_far(&hunt));
        }
    }
    say(&told::so_far(&hunt));
    example::keep(&mut hunt, prey, &args.out)?;
    lock(ledger).note(&hunt)
}

/// Nobody leaves these half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
