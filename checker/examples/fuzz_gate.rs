//! The gate: random small histories by the million, each judged by the checker and by brute force.
//!
//! ```text
//! cargo run --release -p rashomon-checker --example fuzz_gate -- [--model M] [--histories N] [--seed S] [--jobs J]
//!     [--engine auto|frontier|wgl|compare]
//! ```
//!
//! Without flags: ten million of every model, by every core. What must agree: the verdict, the first event from which on it
//! is impossible, and for a share of the histories the counterexample; every order that the checker finds is replayed.
//! Operations of unknown outcome are in most histories. The table is the same for the same seed; what takes time is told
//! on the way, to stderr. A mismatch is printed with the smallest history that shows it, and the exit code is 1 then; 2 for a
//! flag that is none.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a table is what the gate is for")]

use std::process::ExitCode;
use std::time::Instant;

use rashomon_checker::check::{Engine, ModelKind};

#[path = "../tests/support/oracle.rs"]
mod oracle;
#[path = "../tests/support/random.rs"]
mod random;
#[path = "../tests/support/small.rs"]
mod small;

use small::gate::{self, Plan, Tally};

/// What to run, as told by flags.
struct Flags {
    models: Vec<ModelKind>,
    engine: Engine,
    seed: u64,
    histories: u64,
    jobs: usize,
}

impl Flags {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let (models, engine) = (Vec::new(), Engine::Auto);
        let mut flags = Self { models, engine, seed: 1, histories: 10_000_000, jobs };
        while let Some(flag) = args.next() {
            let value = args.next().ok_or_else(|| format!("`{flag}` wants a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("`{value}` is no number"));
            match flag.as_str() {
                "--model" => {
                    let model = ModelKind::from_name(&value);
                    flags
                        .models
                        .push(model.ok_or_else(|| format!("no model is called `{value}`"))?);
                }
                "--engine" => flags.engine = engine_of(&value)?,
                "--histories" => flags.histories = number()?,
                "--seed" => flags.seed = number()?,
                "--jobs" => flags.jobs = number()?.clamp(1, 256) as usize,
                _ => return Err(format!("no flag is called `{flag}`")),
            }
        }
        if flags.models.is_empty() {
            flags.models.extend(ModelKind::ALL);
        }
        Ok(flags)
    }
}

fn engine_of(name: &str) -> Result<Engine, String> {
    match name {
        "auto" => Ok(Engine::Auto),
        "frontier" => Ok(Engine::Frontier),
        "wgl" => Ok(Engine::Wgl),
        "compare" => Ok(Engine::Compare),
        _ => Err(format!("no engine is called `{name}`")),
    }
}

fn main() -> ExitCode {
    let flags = match Flags::parse(std::env::args().skip(1)) {
        Ok(flags) => flags,
        Err(what) => {
            eprintln!("{what}; the flags are --model, --engine, --histories, --seed, --jobs");
            return ExitCode::from(2);
        }
    };
    println!("seed {}, engine {:?}", flags.seed, flags.engine);
    println!(
        "{:<18} {:>11} {:>8} {:>8} {:>8} {:>11} {:>11} {:>10}",
        "model",
        "histories",
        "valid",
        "invalid",
        "crashes",
        "by decider",
        "of invalid",
        "mismatches"
    );
    let mut failed = false;
    for model in &flags.models {
        let Flags { engine, seed, histories, jobs, .. } = flags;
        let plan = Plan { model: *model, engine, seed, histories, jobs };
        let tally = timed(&plan);
        print_row(*model, &tally);
        if let Some(round) = tally.first {
            failed = true;
            println!("{}", gate::explain(&plan, round));
        }
    }
    ExitCode::from(u8::from(failed))
}

#[expect(clippy::disallowed_methods, reason = "speed is told to people; nothing is decided by it")]
fn timed(plan: &Plan) -> Tally {
    let start = Instant::now();
    let speed = |done: u64| {
        let seconds = start.elapsed().as_secs_f64();
        format!("{done} histories in {seconds:.1} s, {:.0} a second", done as f64 / seconds)
    };
    let tally = gate::run(plan, &|done| {
        if done % (1 << 20) == 0 {
            eprintln!("{}: {}", plan.model, speed(done));
        }
    });
    eprintln!("{}: all {}", plan.model, speed(tally.histories));
    tally
}

fn print_row(model: ModelKind, tally: &Tally) {
    let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
    println!(
        "{:<18} {:>11} {:>7.1}% {:>7.1}% {:>7.1}% {:>10.1}% {:>10.1}% {:>10}",
        model.name(),
        tally.histories,
        percent(tally.histories - tally.invalid, tally.histories),
        percent(tally.invalid, tally.histories),
        percent(tally.crashed, tally.histories),
        percent(tally.decided, tally.histories),
        percent(tally.decided_invalid, tally.invalid),
        tally.mismatches
    );
}
