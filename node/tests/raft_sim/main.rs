//! Thousands of small clusters in virtual time, each drawn from a seed, each watched from inside and from outside.
//!
//! `RASHOMON_SIM_SEEDS=20000 cargo test -p rashomon-node --test raft_sim` runs more seeds than the default;
//! `RASHOMON_SIM_SEED=17` runs only that one; `RASHOMON_SIM_BUG_SEEDS=1000` is for the built-in bugs. A failure names its seed and ends with the last steps of its trace.

mod disk;
mod invariants;
mod nemesis;
mod network;
mod oracle;
mod violation;
mod world;

use std::collections::BTreeMap;
use std::thread;

use rashomon_node::bugs::{Bug, Bugs};
use violation::{Kind, Violation};
use world::{Options, Summary, run};

/// Seeds of a run without the environment variable.
const SEEDS: u64 = 300;

fn number_from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number")))
}

/// Runs a seed with a trace and fails with its end.
fn explain(options: Options, violation: &Violation) -> ! {
    let (_, trace) = run(Options { trace: true, ..options });
    let lines: Vec<&str> = trace.lines().collect();
    let tail = lines[lines.len().saturating_sub(40)..].join("\n");
    panic!("seed {}, {} nodes: {violation}\nlast steps:\n{tail}", options.seed, options.nodes);
}

fn check_seeds(seeds: impl Iterator<Item = u64>) -> Vec<Summary> {
    let check = |seed| {
        let options = Options::of(seed);
        match run(options).0 {
            Ok(summary) => summary,
            Err(violation) => explain(options, &violation),
        }
    };
    seeds.map(check).collect()
}

/// Figure 3 of the paper, linearizable reads, answers that are true, and service on every node within sixteen election
/// timeouts of healing.
#[test]
fn a_correct_cluster_keeps_every_property_under_every_fault() {
    if let Some(seed) = number_from_env("RASHOMON_SIM_SEED") {
        check_seeds(seed..=seed);
        return;
    }
    let seeds = number_from_env("RASHOMON_SIM_SEEDS").unwrap_or(SEEDS);
    let halves = thread::scope(|scope| {
        let odd = scope.spawn(move || check_seeds((0..seeds).filter(|seed| seed % 2 == 1)));
        let even = check_seeds((0..seeds).filter(|seed| seed % 2 == 0));
        odd.join().map(|odd| [even, odd])
    });
    let summaries = halves.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).concat();
    let total = |of: fn(&Summary) -> u64| summaries.iter().map(of).sum::<u64>();
    let slowest = summaries.iter().map(|summary| summary.recovered_after).max();
    // Runs in which nothing happened prove nothing.
    let report = format!(
        "{seeds} seeds: {} steps, {} elections, {} crashes, {} writes and {} reads answered, {} virtual seconds, \
         slowest recovery {} ms",
        total(|it| it.steps),
        total(|it| it.elections),
        total(|it| it.crashes),
        total(|it| it.writes as u64),
        total(|it| it.reads),
        total(|it| it.virtual_time) / 1_000_000_000,
        slowest.unwrap_or_default() / 1_000_000,
    );
    assert!(total(|it| it.writes as u64) > 30 * seeds, "too few writes: {report}");
    assert!(total(|it| it.reads) > 20 * seeds, "too few reads: {report}");
    assert!(total(|it| it.elections) > 2 * seeds, "too few elections: {report}");
    assert!(total(|it| it.crashes) > seeds / 2, "too few crashes: {report}");
    print_report(&report);
}

#[expect(clippy::print_stderr, reason = "figures for whoever runs with --nocapture")]
fn print_report(report: &str) {
    eprintln!("{report}");
}

#[test]
fn a_seed_is_a_run_byte_for_byte() {
    for seed in [0, 1, 2, 5] {
        let options = Options { trace: true, ..Options::of(seed) };
        let (first, again) = (run(options).1, run(options).1);
        assert!(first.len() > 10_000, "seed {seed} left a trace of {} bytes", first.len());
        assert!(first == again, "seed {seed} ran twice and left two traces");
    }
}

/// Seeds until `found`, and what was found in how many.
fn hunt(bug: Bug, nodes: u64, look_inside: bool, seeds: u64) -> BTreeMap<Kind, u64> {
    let mut found = BTreeMap::new();
    for seed in 0..seeds {
        let bugs = Bugs::NONE.with(bug);
        let options = Options { nodes, bugs, look_inside, ..Options::of(seed) };
        if let Err(violation) = run(options).0 {
            *found.entry(violation.kind).or_default() += 1;
        }
    }
    found
}

/// Whatever is broken, the process lives on for clients to see it.
#[test]
fn no_bug_makes_a_core_panic() {
    for bug in Bug::ALL {
        let hunted = std::panic::catch_unwind(|| hunt(bug, bug.about().nodes.into(), false, 3));
        assert!(hunted.is_ok(), "{bug} makes a core panic");
    }
}

/// Clients notice the bug, and where it breaks an inner property, the invariants do, too.
fn assert_caught(bug: Bug, nodes: u64, expected_inside: &[Kind]) {
    let seeds = number_from_env("RASHOMON_SIM_BUG_SEEDS").unwrap_or(24);
    let outside = hunt(bug, nodes, false, seeds);
    let inside = hunt(bug, nodes, true, seeds);
    print_report(&format!("{bug} on {nodes} nodes, {seeds} seeds: {outside:?}; inside {inside:?}"));
    let visible = outside.keys().any(|kind| kind.is_visible());
    assert!(visible, "{bug}: clients saw nothing in {seeds} seeds: {outside:?}");
    for kind in expected_inside {
        assert!(inside.contains_key(kind), "{bug}: no {kind:?} in {seeds} seeds: {inside:?}");
    }
}

#[test]
fn local_leader_read_is_caught() {
    assert_caught(Bug::LocalLeaderRead, 3, &[]);
}

#[test]
fn follower_local_read_is_caught() {
    assert_caught(Bug::FollowerLocalRead, 3, &[]);
}

#[test]
fn commit_minority_is_caught() {
    assert_caught(Bug::CommitMinority, 3, &[Kind::CommittedOnQuorum]);
}

#[test]
fn ack_on_append_is_caught() {
    assert_caught(Bug::AckOnAppend, 3, &[]);
}

#[test]
fn ack_before_fsync_is_caught() {
    assert_caught(Bug::AckBeforeFsync, 3, &[Kind::CommittedOnQuorum]);
}

#[test]
fn vote_ignores_log_is_caught() {
    assert_caught(Bug::VoteIgnoresLog, 3, &[Kind::LeaderCompleteness]);
}

#[test]
fn half_quorum_is_caught() {
    assert_caught(Bug::HalfQuorum, 4, &[Kind::CommittedOnQuorum]);
}

#[test]
fn apply_on_receipt_is_caught() {
    assert_caught(Bug::ApplyOnReceipt, 3, &[Kind::StateMachineSafety]);
}
