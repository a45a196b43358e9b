//! What is kept of a run that failed: a folder with the smallest run that fails like it, and how to see it again.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Args;
use crate::report::simulated::{self, Simulated};
use crate::sim::{Finding, Outcome, Shrunk, Size, explain, shrink, tell};

/// Time for making a run smaller.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time for the checker to say what is wrong with a history.
pub(super) const EXPLAIN_PATIENCE: Duration = Duration::from_secs(10);

/// What was kept.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    /// The folder.
    pub(super) folder: PathBuf,
    before: Size,
    /// What it was shrunk to, if its schedule fails as it does.
    after: Option<Size>,
    /// Runs that were tried.
    tries: u32,
    #[serde(skip)]
    took: Duration,
}

/// Makes a failing run small and writes it down.
pub(super) fn keep(outcome: &Outcome, args: &Args) -> Result<Kept, (PathBuf, io::Error)> {
    let begin = Instant::now();
    let before = Size::of(outcome);
    let shrunk = shrink(outcome, args.shrink_budget, &|| begin.elapsed() >= PATIENCE);
    let took = begin.elapsed();
    let default = || Path::new("runs").join(format!("sim-{}", outcome.plan.seed));
    let folder = args.out.clone().unwrap_or_else(default);
    let (after, tries) = shrunk.as_ref().map_or((None, 0), |it| (Some(it.after), it.tries));
    let small = shrunk.map_or_else(|| outcome.clone(), |Shrunk { outcome, .. }| outcome);
    write(&folder, small, before)?;
    Ok(Kept { folder, before, after, tries, took })
}

fn write(folder: &Path, mut outcome: Outcome, before: Size) -> Result<(), (PathBuf, io::Error)> {
    let trouble = |path: PathBuf| move |error| (path, error);
    fs::create_dir_all(folder).map_err(trouble(folder.to_owned()))?;
    let begin = Instant::now();
    let report = explain(&mut outcome, &|| begin.elapsed() >= EXPLAIN_PATIENCE);
    let example = report.as_ref().and_then(|report| report.counterexample.as_ref());
    let story = tell(&outcome, example).unwrap_or_default();
    let (outcome, report, story, command) = (&outcome, report.as_ref(), &story, &again(folder));
    let page = Simulated { outcome, before, report, story, command };
    let mut trace = story.to_string();
    if let Some(Finding { oracle, at, what }) = outcome.findings.first() {
        let _ = writeln!(trace, "{:>11.6} {oracle}: {what}", *at as f64 / 1e9);
    }
    for (name, content) in [
        ("schedule.txt", outcome.schedule()),
        ("trace.txt", trace),
        ("report.html", simulated::render(&page)),
    ] {
        let path = folder.join(name);
        fs::write(&path, content).map_err(trouble(path.clone()))?;
    }
    let history = folder.join("history.jsonl");
    write_history(&history, outcome).map_err(trouble(history.clone()))
}

/// How to see the run in a folder again.
fn again(folder: &Path) -> String {
    format!("rashomon sim --replay {}", folder.join("schedule.txt").display())
}

/// Writes what clients saw, one event a line.
pub(super) fn write_history(path: &Path, outcome: &Outcome) -> io::Result<()> {
    let mut text = Vec::new();
    for event in &outcome.history {
        serde_json::to_writer(&mut text, event)?;
        text.push(b'\n');
    }
    fs::write(path, text)
}

impl Kept {
    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let folder = self.folder.display();
        let shrunk = match &self.after {
            Some(after) => self.shrunk(after),
            None => "no: its schedule does not fail as it does".to_owned(),
        };
        vec![
            format!("  shrunk       {shrunk}"),
            format!("  report       {folder}/report.html"),
            format!("  again        {}", again(&self.folder)),
        ]
    }

    fn shrunk(&self, after: &Size) -> String {
        let before = &self.before;
        let counts = [
            (before.nodes, after.nodes, "node"),
            (before.faults, after.faults, "fault"),
            (before.clients, after.clients, "client"),
            (before.operations, after.operations, "operation"),
        ];
        let mut parts: Vec<String> = counts
            .into_iter()
            .filter(|(before, after, _)| before != after)
            .map(|(before, after, of)| {
                format!("{before} {of}{} -> {after}", if before == 1 { "" } else { "s" })
            })
            .collect();
        let [from, to] = [before.time, after.time].map(|time| time as f64 / 1e9);
        parts.push(format!("{from:.1} s -> {to:.1} s"));
        let (tries, took) = (self.tries, self.took.as_secs_f64());
        format!("{} ({tries} tries, {took:.1} s)", parts.join(", "))
    }
}
