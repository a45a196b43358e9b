//! `rashomon run`: what was typed becomes a plan, the plan a run, the run an exit code.

mod plan;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as _, FromArgMatches, ValueEnum};
use rashomon_checker::check::Validity;
use tokio_util::sync::CancellationToken;

use super::quantity::{self, Bytes, Clients};
use super::usage_error;
use crate::console::{result, say};
use crate::descriptors;
use crate::exit::{Exit, worst};
use crate::progress::Voice;
use crate::run_folder::{RunFolder, WallTime};
use crate::runner::{self, Finished, KeepData, Run, RunError};
use crate::verdict::{Commands, VerdictRecord};

const EXAMPLES: &str = "\
Examples:
  rashomon run
  rashomon run --bug ack-before-fsync --faults kill
  rashomon run -w set --nodes 5 --time-limit 1m --concurrency 4n --rate 3000
  rashomon run --seed 4711                       the same operations and the same schedule of faults again
  rashomon run --faults none --format json       for scripts

stdout has the result, stderr the progress.
First Ctrl-C: stop the load, heal, check, report; before there is load, stop at once.
Second: stop at once.";

/// Arguments of `rashomon run`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What clients do: see `rashomon list workloads`
    #[arg(short, long, value_name = "NAME", default_value = "register")]
    #[arg(help_heading = "What to test")]
    workload: String,
    /// Number of nodes, 1 to 9
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "What to test")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// Switch a built-in bug on in every node; repeatable: see `rashomon list bugs`
    #[arg(long = "bug", value_name = "NAME", help_heading = "What to test")]
    bugs: Vec<String>,
    /// Root of everything random: what each client does, schedule of faults, election timeouts. Not of timing, and so not
    /// of who comes first [default: a fresh one]
    #[arg(long, value_name = "N", help_heading = "What to test")]
    seed: Option<u64>,

    /// Time of load and faults: 20s, 1m 30s
    #[arg(long, value_name = "TIME", default_value = "20s", help_heading = "How hard")]
    #[arg(value_parser = quantity::time)]
    time_limit: Duration,
    /// Operations a second, over all clients
    #[arg(long, value_name = "OPS", default_value_t = 1000.0, help_heading = "How hard")]
    #[arg(value_parser = quantity::rate)]
    rate: f64,
    /// Clients at work at the same time; "2n" is two for each node
    #[arg(long, value_name = "N", default_value = "10", help_heading = "How hard")]
    concurrency: Clients,
    /// How long a client waits for an answer; a write without one is then of unknown outcome
    #[arg(long, value_name = "TIME", default_value = "1s", help_heading = "How hard")]
    #[arg(value_parser = quantity::time)]
    op_timeout: Duration,
    /// Base election timeout of the nodes, 10ms to 5s
    #[arg(long, value_name = "TIME", default_value = "150ms", help_heading = "How hard")]
    #[arg(value_parser = election_timeout)]
    election_timeout: Duration,

    /// Faults to draw from, comma separated: names or groups of `rashomon list faults`, "all", or "none"
    /// [default: a mix of all kinds]
    #[arg(long, alias = "nemesis", value_name = "LIST", value_delimiter = ',')]
    #[arg(help_heading = "Faults")]
    faults: Option<Vec<String>>,
    /// Mean time between the starts of two faults
    #[arg(long, alias = "nemesis-interval", value_name = "TIME", default_value = "2s")]
    #[arg(help_heading = "Faults", value_parser = quantity::time)]
    fault_interval: Duration,

    /// End load and faults at the first violation, which is all that a verdict needs
    #[arg(long, help_heading = "Checking")]
    stop_at_violation: bool,
    /// Time that checking may take; beyond, the verdict is unknown
    #[arg(long, value_name = "TIME", default_value = "60s", help_heading = "Checking")]
    #[arg(value_parser = quantity::time)]
    check_time_limit: Duration,
    /// Memory that checking may take; beyond, the verdict is unknown
    #[arg(long, value_name = "SIZE", default_value = "2GiB", help_heading = "Checking")]
    check_memory: Bytes,

    /// Folder for run folders
    #[arg(long, value_name = "DIR", default_value = "runs", help_heading = "Output")]
    out: PathBuf,
    /// Result on stdout: for people, or `verdict.json` as one object
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
    /// When to keep the data folders of the nodes (logs always stay)
    #[arg(long, value_enum, default_value_t = Keep::Fail, value_name = "WHEN")]
    #[arg(help_heading = "Output")]
    keep_data: Keep,
}

impl Args {
    /// What nothing typed stands for.
    fn defaults() -> Self {
        let command = Self::augment_args(clap::Command::new("run"));
        let matches = command.try_get_matches_from(["run"]);
        let args = matches.and_then(|matches| Self::from_arg_matches(&matches));
        args.expect("every argument has a default")
    }
}

/// Below, nodes spend their time on elections; above, the harness gives up before there is a leader.
fn election_timeout(text: &str) -> Result<Duration, String> {
    let time = quantity::time(text)?;
    let range = Duration::from_millis(10)..=Duration::from_secs(5);
    if range.contains(&time) { Ok(time) } else { Err("10ms to 5s".to_owned()) }
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Lines for people
    Human,
    /// One JSON object
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Keep {
    /// Keep them
    Always,
    /// Keep them unless the verdict is valid
    Fail,
    /// Remove them
    Never,
}

/// A run without anybody to tell of it: what it came to, and where.
pub(super) struct Quiet {
    /// What it came to.
    pub(super) finished: Result<Finished, RunError>,
    /// Where it left what it did.
    pub(super) folder: RunFolder,
    /// The command line that gives its plan again.
    pub(super) command: String,
}

/// Carries out what was typed without a word; `interrupt` stops it.
pub(super) fn quietly(
    args: &Args,
    program: &str,
    interrupt: &CancellationToken,
) -> Result<Quiet, String> {
    let started = WallTime::now();
    let resolved = plan::resolve(args, program, started)?;
    let (plan, workload) = (&resolved.plan, resolved.workload);
    let folder = RunFolder::create(&args.out, started, workload.name(), plan.seed);
    let folder = folder.map_err(|error| error.to_string())?;
    let commands = plan::commands(program, plan, workload, folder.path());
    let finished = runner::run(&Run {
        plan,
        workload,
        folder: &folder,
        keep_data: args.keep_data.into(),
        voice: Voice::Silent,
        stop_at_violation: args.stop_at_violation,
        interrupt: Some(interrupt),
        commands: &commands,
    });
    Ok(Quiet { finished, folder, command: resolved.plan.command })
}

/// Why what was typed cannot be carried out, if it cannot.
#[cfg(test)]
pub(super) fn rejected(args: &Args) -> Option<String> {
    plan::resolve(args, "rashomon", WallTime::now()).err()
}

/// Runs; `program` is how the program was called, for the commands that repeat what it did.
pub fn main(args: &Args, program: &str) -> Exit {
    let started = WallTime::now();
    let resolved = match plan::resolve(args, program, started) {
        Ok(resolved) => resolved,
        Err(error) => return usage_error(&error),
    };
    let (plan, workload) = (&resolved.plan, resolved.workload);
    if let Err(error) = descriptors::raise(descriptors::needed(plan.concurrency, plan.nodes)) {
        return usage_error(&error.to_string());
    }
    let folder = match RunFolder::create(&args.out, started, workload.name(), plan.seed) {
        Ok(folder) => folder,
        Err(error) => return usage_error(&error.to_string()),
    };
    let commands = plan::commands(program, plan, workload, folder.path());
    let finished = runner::run(&Run {
        plan,
        workload,
        folder: &folder,
        keep_data: args.keep_data.into(),
        voice: Voice::of_stderr(),
        stop_at_violation: args.stop_at_violation,
        interrupt: None,
        commands: &commands,
    });
    match finished {
        Ok(finished) => conclude(&finished, args.format, &folder),
        Err(RunError::Interrupted) => {
            say("stopped before the load began; there is no verdict");
            Exit::Interrupted
        }
        Err(error) => {
            say(&format!("error: {error}"));
            say(&format!("no verdict; what was recorded is in {}", folder.path().display()));
            Exit::Internal
        }
    }
}

fn conclude(finished: &Finished, format: Format, folder: &RunFolder) -> Exit {
    let verdict = &finished.verdict;
    let told = result(&match format {
        Format::Json => serde_json::to_string(verdict).expect("a verdict has a JSON form"),
        Format::Human => for_people(verdict, folder),
    });
    let written = finished.trouble.as_ref().map_or(Exit::Valid, |trouble| {
        say(&format!("error: {trouble}"));
        Exit::Internal
    });
    worst([Exit::from(verdict.validity), told, written])
}

/// The sentence, and what a person needs next.
fn for_people(verdict: &VerdictRecord, folder: &RunFolder) -> String {
    let mut lines = vec![coloured(verdict.validity, &verdict.sentence)];
    // The first reason of an unknown verdict is in its sentence.
    let told = usize::from(verdict.validity == Validity::Unknown);
    lines.extend(verdict.reasons.iter().skip(told).map(|reason| {
        // The end of a node's log runs over many lines; they are in the report.
        format!("  note: {}", reason.lines().next().unwrap_or_default())
    }));
    lines.push(format!("  report       {}", folder.file("report.html").display()));
    lines.push(format!("  history      {}", folder.file("history.jsonl").display()));
    let Commands { run_again, check_again, .. } = &verdict.commands;
    lines.push(format!("  run again    {run_again}"));
    lines.push(format!("  check again  {check_again}"));
    lines.join("\n")
}

pub(super) fn coloured(validity: Validity, text: &str) -> String {
    let colour = match validity {
        Validity::Valid => anstyle::AnsiColor::Green,
        Validity::Invalid => anstyle::AnsiColor::Red,
        Validity::Unknown => anstyle::AnsiColor::Yellow,
    };
    let style = colour.on_default().bold();
    format!("{style}{text}{style:#}")
}

impl From<Keep> for KeepData {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::Always => Self::Always,
            Keep::Fail => Self::Fail,
            Keep::Never => Self::Never,
        }
    }
}
