//! `rashomon sim`: whole clusters in virtual time, seed by seed.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rashomon_checker::check::Validity;
use serde::Serialize;

use super::run::Format;
use super::{names, quantity, usage_error};
use crate::bugs::Bug;
use crate::console::{result, say};
use crate::exit::{Exit, worst};
use crate::nemesis::{self, FaultSpec};
use crate::sim::{
    Campaign, Finding, Oracle, Outcome, TRIES_MAX, Told, Totals, Wishes, campaign, explain,
    invariant_names, outcome_of, replay_text,
};
use crate::verdict::OutcomeCounts;
use kept::{EXPLAIN_PATIENCE, Kept, keep, write_history};

mod kept;

const EXAMPLES: &str = "\
Examples:
  rashomon sim                                   100 seeds on all cores: any finding prints its seed
  rashomon sim --seeds 0..10000 --time-budget 5m
  rashomon sim --seed 4711                       one seed again, to the same bytes (see its trace)
  rashomon sim --seed 4711 --shrink              and the smallest run that fails in the same way
  rashomon sim --replay runs/sim-4711/schedule.txt
  rashomon sim --bug figure-8 --nodes 5          with a built-in bug: exits 1
  rashomon sim --bug commit-minority --without committed-on-quorum,leader-completeness
                                                 what clients notice of it

A seed draws a cluster, its settings, its load, weather and faults; then all is healed, every node has to serve, and
every key is read from every node after all machines have lost power.

Exit codes: 0 nothing found   1 something found   2 the time was over before the seeds were";

/// Failing seeds that are told one by one.
const TOLD_MAX: usize = 20;
/// Time between two lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Arguments of `rashomon sim`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Seeds, from the first to before the last: 0..10000
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = seeds)]
    #[arg(help_heading = "What to simulate")]
    seeds: Range<u64>,
    /// One seed only
    #[arg(long, value_name = "N", conflicts_with = "seeds", help_heading = "What to simulate")]
    seed: Option<u64>,
    /// The run that a file says, as written by --shrink or --schedule
    #[arg(long, value_name = "FILE", help_heading = "What to simulate")]
    #[arg(conflicts_with_all = ["seeds", "seed", "nodes", "workload", "faults", "bugs", "without", "time_limit"])]
    replay: Option<PathBuf>,
    /// Number of nodes, 1 to 9 [default: each seed draws its own]
    #[arg(long, value_name = "N", help_heading = "What to simulate")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: Option<u8>,
    /// What clients do: see `rashomon list workloads` [default: each seed draws one]
    #[arg(short, long, value_name = "NAME", help_heading = "What to simulate")]
    workload: Option<String>,
    /// Faults to draw from, comma separated: names or groups of `rashomon list faults`
    /// [default: each seed draws about half of all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "What to simulate")]
    faults: Option<Vec<String>>,
    /// Switch a built-in bug on in every node; repeatable: see `rashomon list bugs`
    #[arg(long = "bug", value_name = "NAME", help_heading = "What to simulate")]
    bugs: Vec<String>,
    /// Invariants to switch off, comma separated, or "all": what would clients notice?
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "What to simulate")]
    without: Vec<String>,
    /// Virtual time of load and faults [default: each seed draws 3 to 10 s]
    #[arg(long, value_name = "TIME", value_parser = quantity::time)]
    #[arg(help_heading = "What to simulate")]
    time_limit: Option<Duration>,

    /// Seeds at the same time [default: one for each core]
    #[arg(long, value_name = "N", help_heading = "How much")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,
    /// Time for all seeds together; what is begun is finished
    #[arg(long, value_name = "TIME", value_parser = quantity::time, help_heading = "How much")]
    time_budget: Option<Duration>,

    /// Make the run smaller if it fails; of many seeds, the first that fails is made smaller anyway
    #[arg(long, help_heading = "How much")]
    shrink: bool,
    /// Do not make the first seed that fails smaller
    #[arg(long, conflicts_with = "shrink", help_heading = "How much")]
    no_shrink: bool,
    /// Runs to try for that; a minute is the end in any case
    #[arg(long, value_name = "N", default_value_t = TRIES_MAX, help_heading = "How much")]
    shrink_budget: u32,

    /// Folder for the smallest run that fails: schedule.txt, history.jsonl, trace.txt, report.html
    /// [default: runs/sim- and the seed]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Write the history of the seed to a file; only with --seed
    #[arg(long, value_name = "FILE", requires = "seed", help_heading = "Output")]
    history: Option<PathBuf>,
    /// Write the seed's run, with nothing left to chance, to a file that `--replay` takes; only with --seed
    #[arg(long, value_name = "FILE", requires = "seed", help_heading = "Output")]
    schedule: Option<PathBuf>,
    /// Print the trace of each seed, and nothing else
    #[arg(long, help_heading = "Output")]
    hash_only: bool,
    /// Result on stdout: for people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
}

pub(super) fn seeds(text: &str) -> Result<Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(first, end)| {
        Some(first.trim().parse::<u64>().ok()?..end.trim().parse::<u64>().ok()?)
    });
    match parsed {
        Some(seeds) if seeds.start < seeds.end => Ok(seeds),
        Some(_) => Err("the first seed has to be below the last".to_owned()),
        None => Err("two numbers with two dots between them, as in 0..1000".to_owned()),
    }
}

/// Simulates.
pub fn main(args: &Args) -> Exit {
    let begin = Instant::now();
    if let Some(path) = &args.replay {
        return replay(args, path, begin);
    }
    let wishes = match wishes(args) {
        Ok(wishes) => wishes,
        Err(error) => return usage_error(&error),
    };
    let seeds = args.seed.map_or_else(|| args.seeds.clone(), |seed| seed..seed.saturating_add(1));
    let wanted = seeds.end - seeds.start;
    let job = Campaign { seeds, jobs: jobs(args), wishes };
    if let Some(seed) = args.seed
        && let Err(exit) = write_down(args, seed, &job.wishes)
    {
        return exit;
    }
    let stop = || args.time_budget.is_some_and(|budget| begin.elapsed() >= budget);
    let mut progress = Progress { begin, line: begin, wanted };
    let mut came = Came { wanted, ..Came::default() };
    campaign(&job, &stop, |told| {
        if args.hash_only {
            came.exit = worst([came.exit, tell_hash(&told)]);
        }
        came.take(told, args.seed.is_some());
        progress.show(&came.totals);
    });
    explain_some(args, &mut came.failed, |told| outcome_of(told.seed, &job.wishes));
    let smaller = if args.seed.is_some() { args.shrink } else { !args.no_shrink };
    let first = came.failed.first().filter(|told| smaller && !told.findings.is_empty());
    let failed = first.filter(|_| !args.hash_only).map(|told| outcome_of(told.seed, &job.wishes));
    conclude(args, &came, failed.as_ref(), begin)
}

/// Does what a file says.
fn replay(args: &Args, path: &Path, begin: Instant) -> Exit {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return usage_error(&format!("{}: {error}", path.display())),
    };
    let outcome = match replay_text(&text) {
        Ok(outcome) => outcome,
        Err(error) => return usage_error(&format!("{}: {error}", path.display())),
    };
    let mut came = Came { wanted: 1, ..Came::default() };
    if args.hash_only {
        came.exit = tell_hash(&outcome.clone().into());
    }
    came.take(outcome.clone().into(), true);
    explain_some(args, &mut came.failed, |_| outcome.clone());
    let fails = args.shrink && !args.hash_only && !outcome.findings.is_empty();
    conclude(args, &came, fails.then_some(&outcome), begin)
}

/// Has the checker say what is wrong with the histories of those that will be told of, as long as there is time. That takes
/// a whole outcome.
fn explain_some(args: &Args, failed: &mut [Told], whole: impl Fn(&Told) -> Outcome) {
    if args.hash_only {
        return;
    }
    let begin = Instant::now();
    let out_of_time = || begin.elapsed() >= EXPLAIN_PATIENCE;
    for told in failed.iter_mut().take(TOLD_MAX) {
        let shown = told.findings.iter().take(findings_told(args));
        if shown.into_iter().any(|one| one.oracle == Oracle::Linearizability) && !out_of_time() {
            let mut outcome = whole(told);
            explain(&mut outcome, &out_of_time);
            told.findings = outcome.findings;
        }
    }
}

/// What all runs came to.
struct Came {
    totals: Totals,
    /// Those to tell of.
    failed: Vec<Told>,
    wanted: u64,
    /// How telling went so far.
    exit: Exit,
}

impl Default for Came {
    fn default() -> Self {
        Self { totals: Totals::default(), failed: Vec::new(), wanted: 0, exit: Exit::Valid }
    }
}

impl Came {
    fn take(&mut self, told: Told, always_told: bool) {
        self.totals.count(&told);
        if always_told || !told.findings.is_empty() {
            self.failed.push(told);
        }
    }
}

fn tell_hash(told: &Told) -> Exit {
    result(&format!("{} {:016x}", told.seed, told.hash))
}

/// Tells what was found; what is `failing` is made smaller and kept.
fn conclude(args: &Args, came: &Came, failing: Option<&Outcome>, begin: Instant) -> Exit {
    let exit = worst([came.exit, exit(&came.totals, came.wanted)]);
    if args.hash_only {
        return exit;
    }
    let wall = begin.elapsed();
    let kept = match failing.map(|outcome| keep(outcome, args)).transpose() {
        Ok(kept) => kept,
        Err((path, error)) => {
            say(&format!("error: {}: {error}", path.display()));
            return worst([exit, Exit::Internal]);
        }
    };
    let told = result(&match args.format {
        Format::Human => for_people(args, came, kept.as_ref(), wall),
        Format::Json => for_scripts(came, kept.as_ref()),
    });
    worst([exit, told])
}

fn jobs(args: &Args) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    args.jobs.map_or(cores, usize::from)
}

/// Whether there is one run only, of which all is told.
const fn is_single(args: &Args) -> bool {
    args.seed.is_some() || args.replay.is_some()
}

/// Findings of a seed that are told.
const fn findings_told(args: &Args) -> usize {
    if is_single(args) { usize::MAX } else { 1 }
}

/// Writes the files that were asked for.
fn write_down(args: &Args, seed: u64, wishes: &Wishes) -> Result<(), Exit> {
    if args.history.is_none() && args.schedule.is_none() {
        return Ok(());
    }
    let outcome = outcome_of(seed, wishes);
    let trouble = |path: &Path, error: io::Error| {
        say(&format!("error: {}: {error}", path.display()));
        Exit::Internal
    };
    if let Some(path) = &args.history {
        write_history(path, &outcome).map_err(|error| trouble(path, error))?;
    }
    if let Some(path) = &args.schedule {
        fs::write(path, outcome.schedule()).map_err(|error| trouble(path, error))?;
    }
    Ok(())
}

const fn exit(totals: &Totals, wanted: u64) -> Exit {
    if totals.failed > 0 {
        Exit::Invalid
    } else if totals.seeds < wanted {
        Exit::Unknown
    } else {
        Exit::Valid
    }
}

fn wishes(args: &Args) -> Result<Wishes, String> {
    let workloads: Vec<&str> =
        rashomon_workloads::all().iter().map(|workload| workload.name()).collect();
    if let Some(name) = &args.workload
        && !workloads.contains(&name.as_str())
    {
        return Err(names::unknown("workload", name, &workloads, "rashomon list workloads"));
    }
    let known: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    let mut bugs = Vec::new();
    for name in &args.bugs {
        let bug: Bug = name
            .parse()
            .map_err(|_| names::unknown("built-in bug", name, &known, "rashomon list bugs"))?;
        bugs.push(bug.name().to_owned());
    }
    let storm = args.time_limit.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    Ok(Wishes {
        nodes: args.nodes.map(usize::from),
        workload: args.workload.clone(),
        faults: args.faults.as_deref().map(faults).transpose()?,
        bugs,
        without: without(&args.without)?,
        storm,
    })
}

fn faults(typed: &[String]) -> Result<Vec<FaultSpec>, String> {
    let known: Vec<&str> = nemesis::all_faults().iter().map(|kind| kind.name).collect();
    let mut faults = Vec::new();
    for name in typed {
        let parsed = nemesis::parse(name)
            .map_err(|_| names::unknown("fault", name, &known, "rashomon list faults"))?;
        faults.extend(parsed);
    }
    Ok(faults)
}

fn without(typed: &[String]) -> Result<Vec<String>, String> {
    let known: Vec<&str> = invariant_names().collect();
    if typed.iter().any(|name| name == "all") {
        return Ok(known.into_iter().map(str::to_owned).collect());
    }
    for name in typed {
        if !known.contains(&name.as_str()) {
            return Err(names::unknown("invariant", name, &known, "rashomon list invariants"));
        }
    }
    Ok(typed.to_vec())
}

struct Progress {
    begin: Instant,
    line: Instant,
    wanted: u64,
}

impl Progress {
    fn show(&mut self, totals: &Totals) {
        if self.line.elapsed() < LINE_EVERY {
            return;
        }
        self.line = Instant::now();
        let speed = totals.time as f64 / 1e9 / self.begin.elapsed().as_secs_f64();
        say(&format!(
            "{} of {} seeds, {} operations, {} faults, {speed:.0} simulated s per s, {} failed",
            totals.seeds,
            self.wanted,
            totals.all_operations(),
            totals.faults,
            totals.failed
        ));
    }
}

fn for_people(args: &Args, came: &Came, kept: Option<&Kept>, wall: Duration) -> String {
    let Came { totals, failed, wanted, .. } = came;
    let wanted = *wanted;
    let mut lines = Vec::new();
    let validity = match exit(totals, wanted) {
        Exit::Invalid => Validity::Invalid,
        Exit::Valid => Validity::Valid,
        _ => Validity::Unknown,
    };
    let Totals { seeds, operations: OutcomeCounts { ok, fail, info }, faults, .. } = *totals;
    let seconds = totals.time as f64 / 1e9;
    let speed = seconds / wall.as_secs_f64().max(1e-9);
    let all = totals.all_operations();
    let told = format!(
        "{}: {} of {seeds} seeds failed; {all} operations ({ok} ok, {fail} failed, {info} unknown), {faults} faults, {seconds:.0} s of virtual time",
        word(validity),
        totals.failed
    );
    lines.push(super::run::coloured(validity, &told));
    if seeds < wanted {
        lines.push(format!("  note: the time was over after {seeds} of {wanted} seeds"));
    }
    for told in failed.iter().take(TOLD_MAX) {
        lines.extend(tell_seed(told, args));
    }
    if failed.len() > TOLD_MAX {
        lines.push(format!("  and {} more seeds that failed", failed.len() - TOLD_MAX));
    }
    lines.extend(kept.into_iter().flat_map(Kept::lines));
    if totals.failed == 0 && seeds > 0 && !is_single(args) {
        // The rule of three: with 95 % confidence.
        lines.push(format!(
            "  bound        fewer than {:.2} % of such seeds fail",
            300.0 / seeds as f64
        ));
    }
    lines.push(format!(
        "  speed        {speed:.0} simulated seconds a second, on {} jobs",
        if is_single(args) { 1 } else { jobs(args) }
    ));
    lines.join("\n")
}

const fn word(validity: Validity) -> &'static str {
    match validity {
        Validity::Valid => "nothing found",
        Validity::Invalid => "found",
        Validity::Unknown => "not finished",
    }
}

fn tell_seed(told: &Told, args: &Args) -> Vec<String> {
    let mut lines = vec![format!("  seed {}  trace {:016x}", told.seed, told.hash)];
    for finding in told.findings.iter().take(findings_told(args)) {
        let Finding { oracle, at, what } = finding;
        lines.push(format!("    {oracle} at {:.3} s: {what}", *at as f64 / 1e9));
    }
    lines
}

#[derive(Serialize)]
struct Summary<'a> {
    wanted: u64,
    seeds: u64,
    failed: u64,
    operations: OutcomeCounts,
    faults: u64,
    virtual_seconds: f64,
    failures: Vec<Failure<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<&'a Kept>,
}

#[derive(Serialize)]
struct Failure<'a> {
    seed: u64,
    trace: String,
    findings: &'a [Finding],
}

fn for_scripts(came: &Came, kept: Option<&Kept>) -> String {
    let Came { totals, failed, wanted, .. } = came;
    let failure = |told: &'_ Told| -> Failure<'_> {
        Failure { seed: told.seed, trace: format!("{:016x}", told.hash), findings: &[] }
    };
    let mut failures: Vec<Failure<'_>> = failed.iter().map(failure).collect();
    for (failure, told) in failures.iter_mut().zip(failed) {
        failure.findings = &told.findings;
    }
    let summary = Summary {
        wanted: *wanted,
        seeds: totals.seeds,
        failed: totals.failed,
        operations: totals.operations,
        faults: totals.faults,
        virtual_seconds: totals.time as f64 / 1e9,
        failures,
        kept,
    };
    serde_json::to_string(&summary).expect("figures have a JSON form")
}
