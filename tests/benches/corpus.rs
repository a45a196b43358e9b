//! How long the checker takes for the real histories of the corpus: `cargo bench -p rashomon-tests --bench corpus [FILTER]`.
//!
//! With the replay of orders and the counterexamples, and for the bare verdict. Reading is not counted. Of each history
//! the fastest of many rounds counts, by the processor time of this thread; with `--each` every history has a line of its
//! own.
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(clippy::expect_used, reason = "a bench that cannot go on stops")]

use std::hint::black_box;

use rashomon::codec::read_history;
use rashomon_checker::check::{CheckOptions, ModelKind, check};
use rashomon_checker::history::History;
use rashomon_tests::corpus::{self, Known};
use rustix::time::{ClockId, clock_gettime};

/// A history is checked as often, or until this many seconds are used up.
const ROUNDS_MAX: usize = 200;
const SECONDS_MAX: f64 = 0.5;

/// Checks that are measured together, so that looking at the clock does not count: it takes as long as 40 operations.
const CHECKS_A_ROUND: u32 = 8;

fn main() {
    let Some(folder) = corpus::folder() else { return };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let each = arguments.iter().any(|argument| argument == "--each");
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let verdicts = corpus::verdicts(&folder);
    let chosen =
        verdicts.iter().filter(|known| filter.is_none_or(|part| known.file.contains(part)));
    let (mut files, mut operations, mut total) = (0, 0, [0.0; 2]);
    for known in chosen {
        let path = folder.join(&known.file);
        let loaded = read_history(&path, None).expect("a history");
        let history = loaded.history(&path).expect("a history");
        let times = [true, false].map(|all| best(known, &history, &loaded.initial, all));
        if each {
            println!("{:40} {:>6} ops {}", known.file, known.operations, columns(times));
        }
        (files, operations) = (files + 1, operations + known.operations);
        total = [total[0] + times[0], total[1] + times[1]];
    }
    println!("{files} histories, {operations} operations: {}", columns(total));
}

fn columns([whole, bare]: [f64; 2]) -> String {
    format!("{:9.3} ms; {:9.3} ms for the bare verdict", whole * 1e3, bare * 1e3)
}

fn best(known: &Known, history: &History, initial: &rashomon_checker::Value, all: bool) -> f64 {
    let name = if known.model == "kv" { "key-value" } else { &known.model };
    let model = ModelKind::from_name(name).expect("a model");
    let options = CheckOptions {
        initial: Some(initial.clone()),
        failed_cas_observed: known.variant == "failed-cas-observed",
        certify: all,
        explain: all,
        ..CheckOptions::default()
    };
    let (begun, mut best) = (cpu_seconds(), f64::INFINITY);
    for _ in 0..ROUNDS_MAX {
        let before = cpu_seconds();
        for _ in 0..CHECKS_A_ROUND {
            black_box(check(history, model, &options).expect("a fit"));
        }
        best = best.min((cpu_seconds() - before) / f64::from(CHECKS_A_ROUND));
        if cpu_seconds() - begun > SECONDS_MAX {
            break;
        }
    }
    best
}

/// Processor time of this thread.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
