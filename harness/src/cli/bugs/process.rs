//! One run of real processes for a hunt.
//!
//! Here a hunt is told where to look from the start: nodes, workload and faults are those that the table of bugs names, since
//! a run takes seconds, and a core carries one cluster. Every fourth seed has the default faults all the same. How long, how fast and how
//! hard is drawn from the seed; what was drawn stands in the command of the run. A correct build goes through the campaigns of
//! all bugs in turn.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Instant;

use clap::Parser;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rashomon_checker::check::Validity;
use tokio_util::sync::CancellationToken;

use super::super::run::{self, Quiet};
use crate::bugs::hunt::{Example, Hunt};
use crate::bugs::{About, Bug, Reach};
use crate::cluster::ClusterError;
use crate::finding::{Finding, Oracle};
use crate::nemesis::{self, Backend, FaultSpec};
use crate::runner::{Finished, RunError};
use crate::seed::Seed;
use crate::verdict::OutcomeCounts;

/// The name of this backend.
pub(super) const PROCESS: &str = "process";
/// So many runs in a row without a result end a hunt: something is wrong here, and not there.
const TROUBLES_MAX: u64 = 3;

/// Whether real processes can suffer what brings a bug out.
pub(super) fn can_reach(bug: Bug) -> bool {
    bug.about().reach == Reach::Process
}

/// `rashomon run` as it is typed.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: run::Args,
}

/// What became of a run.
enum Ran {
    /// It came to its end.
    Done { operations: OutcomeCounts, findings: Vec<Finding> },
    /// The harness failed; in words.
    Trouble(String),
    /// Somebody stopped it.
    Stopped,
}

/// One run more. An error ends the hunt.
pub(super) fn step(
    hunt: &mut Hunt,
    prey: Option<Bug>,
    out: &Path,
    stop: &CancellationToken,
) -> Result<(), String> {
    let begin = Instant::now();
    let seed = hunt.next_seed;
    let runs = out.join("runs").join(&hunt.bug);
    let words = words(prey, seed, &runs);
    let args = Line::try_parse_from(&words).map_err(|error| error.to_string())?.args;
    let Quiet { finished, folder, command } = run::quietly(&args, "rashomon", stop)?;
    let ran = judge(finished);
    hunt.seconds += begin.elapsed().as_secs_f64();
    let findings = match ran {
        Ran::Stopped => {
            remove(folder.path());
            return Ok(());
        }
        Ran::Trouble(what) => {
            hunt.troubles += 1;
            hunt.next_seed += 1;
            return if hunt.troubles.is_multiple_of(TROUBLES_MAX) { Err(what) } else { Ok(()) };
        }
        Ran::Done { operations, findings } => {
            hunt.count_run(operations);
            findings
        }
    };
    hunt.directed = prey.is_some();
    let kept = hunt.example.is_none() && !findings.is_empty();
    hunt.count_findings(&findings, |finding| Example {
        seed,
        finding,
        command,
        folder: folder.path().strip_prefix(out).ok().map(|path| path.display().to_string()),
        small: None,
    });
    if !kept {
        remove(folder.path());
    }
    Ok(())
}

/// What is not kept is in nobody's way if it stays.
fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}

/// The command line of a run.
fn words(prey: Option<Bug>, seed: u64, out: &Path) -> Vec<OsString> {
    let reached: Vec<Bug> = Bug::ALL.into_iter().filter(|bug| can_reach(*bug)).collect();
    let place = usize::try_from(seed % reached.len() as u64).unwrap_or_default();
    let About { name, nodes, workload, faults, .. } = *prey.unwrap_or(reached[place]).about();
    let mut rng = Seed(seed).derive("hunt").derive(name).rng();
    let mut words: Vec<OsString> = vec!["run".into()];
    let mut flag = |flag: &str, value: &str| {
        words.push(format!("--{flag}").into());
        words.push(value.into());
    };
    if prey.is_some() {
        flag("bug", name);
    }
    flag("seed", &seed.to_string());
    flag("nodes", &nodes.to_string());
    flag("workload", workload);
    let carried: Vec<&str> = faults.iter().copied().filter(is_for_processes).collect();
    if !carried.is_empty() && seed % 4 != 3 {
        flag("faults", &carried.join(","));
    }
    for (name, value) in drawn(&mut rng) {
        flag(name, &value);
    }
    flag("keep-data", "never");
    words.push("--stop-at-violation".into());
    words.push("--out".into());
    words.push(out.into());
    words
}

fn is_for_processes(fault: &&str) -> bool {
    nemesis::backend(&FaultSpec((*fault).to_owned())) == Backend::Both
}

/// How long, how fast and how hard.
fn drawn(rng: &mut ChaCha8Rng) -> [(&'static str, String); 6] {
    let mut of = |choices: &[u32]| choices[rng.random_range(0..choices.len())];
    [
        ("time-limit", format!("{}s", of(&[6, 10]))),
        ("fault-interval", format!("{}ms", of(&[500, 800, 1200]))),
        ("op-timeout", format!("{}ms", of(&[300, 500]))),
        ("election-timeout", format!("{}ms", of(&[100, 150]))),
        ("rate", of(&[1000, 2000]).to_string()),
        ("concurrency", of(&[10, 20]).to_string()),
    ]
}

/// What a run found; the harness's own trouble is no finding.
fn judge(finished: Result<Finished, RunError>) -> Ran {
    let verdict = match finished {
        Ok(Finished { verdict, trouble: None }) => verdict,
        Err(RunError::Interrupted) => return Ran::Stopped,
        Err(RunError::Cluster(error)) => return not_up(&error),
        Ok(Finished { trouble: Some(error), .. }) | Err(error) => {
            return Ran::Trouble(error.to_string());
        }
    };
    let mut operations = OutcomeCounts::default();
    for counts in verdict.operations.values() {
        operations.ok += counts.ok;
        operations.fail += counts.fail;
        operations.info += counts.info;
    }
    let mut findings = verdict.findings;
    if verdict.validity == Validity::Invalid {
        let seconds = verdict.seen_live.map_or(0.0, |sighting| sighting.seconds);
        let at = (seconds * 1e9) as u64;
        findings.push(Finding { oracle: Oracle::Linearizability, at, what: verdict.sentence });
    }
    findings.sort_by_key(|finding| finding.at);
    Ran::Done { operations, findings }
}

/// A cluster that does not come up, or does not do what signals are for.
fn not_up(error: &ClusterError) -> Ran {
    let oracle = match error {
        ClusterError::Ended { .. } => Oracle::Crash,
        ClusterError::NoLeader { .. } | ClusterError::NoAnswer { .. } => Oracle::Liveness,
        _ => return Ran::Trouble(error.to_string()),
    };
    let findings = vec![Finding { oracle, at: 0, what: error.to_string() }];
    Ran::Done { operations: OutcomeCounts::default(), findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(prey: Option<Bug>, seed: u64) -> String {
        let words = words(prey, seed, Path::new("out"));
        words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_campaign_is_a_run_that_can_be_typed() {
        for bug in Bug::ALL.into_iter().filter(|bug| can_reach(*bug)) {
            for seed in 0..8 {
                let words = words(Some(bug), seed, Path::new("out"));
                let parsed = Line::try_parse_from(&words);
                let args =
                    parsed.unwrap_or_else(|error| panic!("{bug}, seed {seed}: {error}")).args;
                assert_eq!(run::rejected(&args), None, "{bug}, seed {seed}");
            }
        }
    }

    #[test]
    fn a_correct_build_goes_through_the_same_campaigns() {
        let reached: Vec<Bug> = Bug::ALL.into_iter().filter(|bug| can_reach(*bug)).collect();
        for (seed, bug) in (0..).zip(&reached) {
            let with = line(Some(*bug), seed);
            assert_eq!(with.replace(&format!("--bug {bug} "), ""), line(None, seed));
        }
        assert!(!line(None, 0).contains("--bug"));
    }

    #[test]
    fn a_cluster_that_does_not_come_up_is_found_and_a_port_that_is_taken_is_not() {
        let found = |error| match not_up(&error) {
            Ran::Done { findings, .. } => Some(findings[0].oracle.clone()),
            Ran::Trouble(_) | Ran::Stopped => None,
        };
        let patience = std::time::Duration::from_secs(20);
        let no_leader = ClusterError::NoLeader { patience, seen: String::new() };
        assert_eq!(found(no_leader), Some(Oracle::Liveness));
        let ended = ClusterError::Ended {
            node: "n1".to_owned(),
            pid: 7,
            how: "exit code 3".to_owned(),
            log: "log.jsonl".into(),
        };
        assert_eq!(found(ended), Some(Oracle::Crash));
        assert_eq!(found(ClusterError::NoNodes), None);
    }
}
