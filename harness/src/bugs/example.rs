//! The run that stands for all catches of a hunt: made small, and written down so that it can be replayed.
//!
//! The small run fails as the first catch did: by the same oracle, and for an invariant by the same one. What is left of
//! its faults is what it needs. If it cannot be made small, the seed's own run is written down. The clock has a say only
//! for runs that take very long to make small (`PATIENCE`).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Bug;
use super::hunt::{Example, Hunt, wishes};
use super::ledger::LedgerError;
use crate::sim::{Needs, Outcome, Shrunk, Size, outcome_of, replay_text, shrink};

/// The folder of the schedules, within that of the ledger.
pub const FOLDER: &str = "examples";
/// Runs that are tried to make one small.
const TRIES_MAX: u32 = 400;
/// Time for that.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run made small.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Small {
    /// The file with its schedule, which `rashomon sim --replay` takes, within the folder of the ledger.
    pub file: String,
    /// What the run of the seed was.
    pub before: Size,
    /// What the small run is; `None` if it could not be made small: then the file holds the run of the seed.
    pub after: Option<Size>,
    /// Runs that were tried.
    pub tries: u32,
    /// Whether none of what is left can be spared; else tries or time were over before that was known.
    pub minimal: bool,
    /// What is left.
    pub needs: Needs,
}

/// Makes the example of a simulated hunt small and writes it down, if that was not done before.
pub fn keep(hunt: &mut Hunt, prey: Option<Bug>, out: &Path) -> Result<(), LedgerError> {
    let wishes = wishes(prey, hunt.directed);
    let Some(example) = hunt.example.as_mut().filter(|_| hunt.backend == "sim") else {
        return Ok(());
    };
    if example.small.as_ref().is_some_and(|small| out.join(&small.file).is_file()) {
        return Ok(());
    }
    let name = prey.map_or("none", Bug::name);
    let (small, schedule) = make_small(&outcome_of(example.seed, &wishes), name);
    let path = out.join(&small.file);
    let text = heading(prey, example) + &schedule;
    let written = fs::create_dir_all(out.join(FOLDER)).and_then(|()| fs::write(&path, text));
    written.map_err(|reason| LedgerError::Io { path, reason })?;
    example.small = Some(small);
    Ok(())
}

/// The small run, and its schedule.
fn make_small(outcome: &Outcome, name: &str) -> (Small, String) {
    let begin = Instant::now();
    let shrunk = shrink(outcome, TRIES_MAX, &|| begin.elapsed() >= PATIENCE);
    let file = format!("{FOLDER}/{name}.txt");
    let before = Size::of(outcome);
    let Some(Shrunk { after, tries, minimal, outcome: small, .. }) = shrunk else {
        let needs = Needs::of(outcome);
        let small = Small { file, before, after: None, tries: 0, minimal: false, needs };
        return (small, schedule(outcome));
    };
    let (after, needs) = (Some(after), Needs::of(&small));
    (Small { file, before, after, tries, minimal, needs }, schedule(&small))
}

/// The schedule without what is as in a calm run, if that leads to the same finding, or the whole of it.
fn schedule(outcome: &Outcome) -> String {
    let brief = outcome.brief_schedule();
    let same = replay_text(&brief).is_ok_and(|again| again.findings == outcome.findings);
    if same { brief } else { outcome.schedule() }
}

/// What the schedule is of, as comments.
fn heading(prey: Option<Bug>, example: &Example) -> String {
    let mut text = String::new();
    let _ = match prey {
        Some(bug) => writeln!(text, "# {} {bug}: {}", bug.id(), bug.summary()),
        None => writeln!(text, "# A correct build"),
    };
    let Example { seed, finding, .. } = example;
    let what: Vec<&str> = finding.what.split_whitespace().collect();
    let _ = writeln!(text, "# Seed {seed}, found by {}: {}", finding.oracle, what.join(" "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunted(bug: Bug) -> Hunt {
        let budget = Duration::from_secs(3600);
        let mut hunt = Hunt::new(Some(bug), "sim");
        while hunt.catches == 0 {
            hunt.step(Some(bug), budget);
        }
        hunt
    }

    #[test]
    fn an_example_is_replayed_to_what_was_found_and_made_small_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut hunt = hunted(Bug::AckOnAppend);
        let oracle = hunt.example.as_ref().unwrap().finding.oracle.clone();
        keep(&mut hunt, Some(Bug::AckOnAppend), folder.path()).unwrap();
        let small = hunt.example.as_ref().unwrap().small.clone().unwrap();
        assert_eq!(small.file, "examples/ack-on-append.txt");
        assert!(small.after.unwrap().operations < small.before.operations, "{small:?}");
        let path = folder.path().join(&small.file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# C07 ack-on-append: "), "{text}");
        assert_eq!(replay_text(&text).unwrap().findings[0].oracle, oracle);

        // What is there stays as it is; what is gone is made again, to the same.
        fs::write(&path, "").unwrap();
        keep(&mut hunt, Some(Bug::AckOnAppend), folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        fs::remove_file(&path).unwrap();
        keep(&mut hunt, Some(Bug::AckOnAppend), folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(hunt.example.unwrap().small.unwrap(), small);
    }

    #[test]
    fn a_hunt_without_a_catch_and_one_of_processes_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        keep(&mut Hunt::new(None, "sim"), None, folder.path()).unwrap();
        let mut hunt = hunted(Bug::AckOnAppend);
        hunt.backend = "process".to_owned();
        keep(&mut hunt, Some(Bug::AckOnAppend), folder.path()).unwrap();
        assert_eq!(hunt.example.unwrap().small, None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
