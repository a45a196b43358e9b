//! How long checking takes, and how much memory.
//!
//! Each case runs in a process of its own, so that its peak of memory is its own. CPU time of checking only: making the
//! history is not counted.

#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

#[path = "support/clients.rs"]
mod clients;
#[path = "support/growing.rs"]
mod growing;
#[path = "support/objects.rs"]
mod objects;

use std::io::Write;
use std::process::Command;

use clients::Load;
use growing::Growth;
use objects::Use;
use rashomon_checker::Value;
use rashomon_checker::check::{CheckOptions, CheckReport, Engine, ModelKind, check};
use rashomon_checker::history::{Event, EventRef, History};
use rashomon_checker::monitor::{Monitor, MonitorOptions};

/// A case is repeated as often, or until a second is used up; the fastest round counts.
const ROUNDS_MAX: usize = 25;

/// What a case checks.
struct Case {
    name: &'static str,
    model: ModelKind,
    work: Work,
    engine: Engine,
}

/// How its history is made.
enum Work {
    Cells(Load),
    Growing(Growth),
    Objects(Use),
}

fn cases() -> Vec<Case> {
    let mut cases = cell_cases();
    cases.extend(growing_cases());
    cases.extend(object_cases());
    cases
}

/// Queues, stacks and priority queues, counters, sets by element, locks and keys with revisions, one object each.
fn object_cases() -> Vec<Case> {
    let million = 1_000_000;
    let mut cases = Vec::new();
    let mut add = |name, model, operations, crashed_permille, wrong| {
        let values = if str::contains(name, "doubtful") { 5 } else { 0 };
        let load = Use { model, operations, clients: 40, crashed_permille, values, wrong };
        cases.push(Case { name, model, work: Work::Objects(load), engine: Engine::Auto });
    };
    add("queue-valid", ModelKind::FifoQueue, million, 0, false);
    add("queue-invalid", ModelKind::FifoQueue, million, 0, true);
    add("queue-1%-crashed", ModelKind::FifoQueue, million, 10, false);
    add("queue-1%-crashed-invalid", ModelKind::FifoQueue, million, 10, true);
    add("stack-valid", ModelKind::Stack, million, 0, false);
    add("stack-invalid", ModelKind::Stack, million, 0, true);
    add("stack-100k-valid", ModelKind::Stack, 100_000, 0, false);
    add("stack-100k-invalid", ModelKind::Stack, 100_000, 0, true);
    add("priority-valid", ModelKind::PriorityQueue, million, 0, false);
    add("priority-invalid", ModelKind::PriorityQueue, million, 0, true);
    add("priority-100k-valid", ModelKind::PriorityQueue, 100_000, 0, false);
    add("priority-100k-invalid", ModelKind::PriorityQueue, 100_000, 0, true);
    add("versioned-valid", ModelKind::VersionedRegister, million, 0, false);
    add("versioned-invalid", ModelKind::VersionedRegister, million, 0, true);
    add("versioned-1%-crashed", ModelKind::VersionedRegister, million, 10, false);
    // What operations without an answer did is open to doubt here.
    add("versioned-2k-doubtful", ModelKind::VersionedRegister, 2_000, 50, false);
    add("versioned-2k-doubtful-invalid", ModelKind::VersionedRegister, 2_000, 50, true);
    add("versioned-100k-doubtful", ModelKind::VersionedRegister, 100_000, 50, false);
    add("versioned-100k-doubtful-invalid", ModelKind::VersionedRegister, 100_000, 50, true);
    add("counter-valid", ModelKind::Counter, million, 0, false);
    add("counter-invalid", ModelKind::Counter, million, 0, true);
    add("counter-1%-crashed", ModelKind::Counter, million, 10, false);
    add("elements-valid", ModelKind::ElementSet, million, 0, false);
    add("elements-invalid", ModelKind::ElementSet, million, 0, true);
    add("elements-1%-crashed", ModelKind::ElementSet, million, 10, false);
    add("mutex-valid", ModelKind::OwnedMutex, million, 0, false);
    add("mutex-invalid", ModelKind::OwnedMutex, million, 0, true);
    cases
}

/// Lists, sets and texts. What reads of lists and sets answer has 100 million elements together, but where said.
fn growing_cases() -> Vec<Case> {
    let list = Growth {
        model: ModelKind::AppendList,
        operations: 100_000,
        clients: 40,
        reads: 2_000,
        puts_permille: 0,
        crashed_permille: 10,
        stale: false,
    };
    let set = Growth { model: ModelKind::Set, ..list.clone() };
    let text = Growth { model: ModelKind::KeyValue, reads: 200, ..list.clone() };
    let stale = |growth: &Growth| Growth { stale: true, ..growth.clone() };
    let million = |growth: &Growth| Growth { operations: 1_000_000, reads: 200, ..growth.clone() };
    let few = |growth: &Growth| Growth { operations: 60_000, reads: 100, ..stale(growth) };
    let put = Growth { operations: 1_000_000, reads: 500_000, puts_permille: 40, ..text.clone() };
    let case = |name, growth: Growth| {
        let model = growth.model;
        Case { name, model, work: Work::Growing(growth), engine: Engine::Auto }
    };
    vec![
        case("list-100k-valid", list.clone()),
        case("list-100k-invalid", stale(&list)),
        case("list-60k-3M-invalid", few(&list)),
        case("list-1M-valid", million(&list)),
        case("list-1M-invalid", stale(&million(&list))),
        case("set-100k-valid", set.clone()),
        case("set-100k-invalid", stale(&set)),
        case("set-60k-3M-invalid", few(&set)),
        case("set-1M-valid", million(&set)),
        case("text-100k-valid", text.clone()),
        case("text-100k-invalid", stale(&text)),
        case("text-1M-puts-valid", put.clone()),
        case("text-1M-puts-invalid", stale(&put)),
    ]
}

/// A million operations on one register.
fn million() -> Load {
    Load {
        seed: 1,
        operations: 1_000_000,
        clients: 40,
        keys: 0,
        values: 0,
        crashed_permille: 10,
        cas_percent: 0,
        stale: false,
    }
}

fn cell_cases() -> Vec<Case> {
    let load = million();
    let case = |name, load: Load| {
        let cas = load.cas_percent > 0;
        let model = if cas { ModelKind::CasRegister } else { ModelKind::Register };
        Case { name, model, work: Work::Cells(load), engine: Engine::Auto }
    };
    vec![
        case("one-key-valid", load.clone()),
        case("one-key-invalid", Load { stale: true, ..load.clone() }),
        case("one-key-no-crash", Load { crashed_permille: 0, ..load.clone() }),
        case("one-key-10%-crashed", Load { crashed_permille: 100, ..load.clone() }),
        case(
            "one-key-100k-5-clients",
            Load { operations: 100_000, clients: 5, crashed_permille: 0, ..load.clone() },
        ),
        case(
            "one-key-10k-10-clients",
            Load { operations: 10_000, clients: 10, crashed_permille: 0, ..load.clone() },
        ),
        case("one-key-cas", Load { cas_percent: 30, ..load.clone() }),
        case(
            "1000-keys-valid",
            Load { keys: 1000, clients: 50, crashed_permille: 0, ..load.clone() },
        ),
        case("1000-keys-invalid", Load { keys: 1000, clients: 50, stale: true, ..load.clone() }),
        case(
            "five-values-cas-100k-20",
            Load { operations: 100_000, clients: 20, values: 5, cas_percent: 30, ..load.clone() },
        ),
        case(
            "five-values-cas-10k-40",
            Load { operations: 10_000, values: 5, cas_percent: 30, ..load.clone() },
        ),
        case("five-values-100k-20", Load { operations: 100_000, clients: 20, values: 5, ..load }),
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == "--case"
    {
        let cases = cases();
        let case = cases.iter().find(|case| case.name == name).expect("a case of this name");
        return run(case);
    }
    if let [flag, name, operations @ ..] = arguments.as_slice()
        && flag == "--export"
    {
        let cases = cases();
        let case = cases.iter().find(|case| case.name == name).expect("a case of this name");
        let operations = operations.first().map(|text| text.parse().expect("a number"));
        return export(case, operations);
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    if arguments.iter().any(|argument| argument == "--monitor") {
        return monitors(filter.map(String::as_str));
    }
    println!(
        "{:<26} {:>9} {:>8} {:>9} {:>9} {:>8}  verdict",
        "case", "ops", "ms", "ns/op", "history", "peak MB"
    );
    for case in cases() {
        if filter.is_none_or(|filter| case.name.contains(filter.as_str())) {
            let program = std::env::current_exe().expect("this program");
            Command::new(program).args(["--case", case.name]).status().expect("a process");
        }
    }
}

/// Writes the history of a case of registers to stdout, one event a line, for other tools to be measured on; with as many
/// operations as told.
fn export(case: &Case, operations: Option<u64>) {
    let Work::Cells(load) = &case.work else { panic!("only registers are written") };
    let load = &Load { operations: operations.unwrap_or(load.operations), ..load.clone() };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut index = 0;
    clients::generate(load, |event| {
        let EventRef { time, process, kind, f, key, value, .. } = event;
        let (f, key) = (f.to_owned(), key.map(str::to_owned));
        let event = Event { index, time, process, kind, f, key, value, node: None, error: None };
        index += 1;
        serde_json::to_writer(&mut out, &event).expect("an open stdout");
        out.write_all(b"\n").expect("an open stdout");
    });
}

/// What it costs to watch registers while they are used. The generator's own time is measured beside and taken off.
fn monitors(filter: Option<&str>) {
    let load = million();
    let many = Load { keys: 1000, ..load.clone() };
    let long = Load { operations: 100_000_000, crashed_permille: 0, ..many.clone() };
    println!(
        "{:<26} {:>9} {:>9} {:>9} {:>11} {:>8}",
        "monitor", "ops", "s", "made in", "M ops/s", "peak MB"
    );
    let medium = Load { operations: 10_000_000, ..long.clone() };
    for (name, load) in [
        ("one-key", load),
        ("1000-keys", many),
        ("1000-keys-10M", medium),
        ("1000-keys-100M", long),
    ] {
        if filter.is_some_and(|filter| name != filter) {
            continue;
        }
        let before = cpu_seconds();
        clients::generate(&load, |event| drop(std::hint::black_box(event)));
        let made = cpu_seconds() - before;
        let options = MonitorOptions { initial: Some(Value::Int(0)), ..MonitorOptions::default() };
        let mut monitor = Monitor::new(ModelKind::Register, options);
        let before = cpu_seconds();
        clients::generate(&load, |event| drop(monitor.take(event).expect("an event")));
        let watched = cpu_seconds() - before;
        let speed = load.operations as f64 / (watched - made) / 1e6;
        println!(
            "{name:<26} {:>9} {watched:>9.2} {made:>9.2} {speed:>11.1} {:>8.0}  {:?}",
            load.operations,
            peak_mib(),
            monitor.conclusion().validity
        );
    }
}

fn run(case: &Case) {
    let history = match &case.work {
        Work::Cells(load) => clients::history(load),
        Work::Growing(growth) => growing::history(growth),
        Work::Objects(load) => objects::history(load),
    };
    let held = peak_mib();
    let mut best = f64::INFINITY;
    let mut report = None;
    let begun = cpu_seconds();
    for _ in 0..ROUNDS_MAX {
        let before = cpu_seconds();
        report = Some(judge(case, &history));
        best = best.min(cpu_seconds() - before);
        if cpu_seconds() - begun > 1.0 {
            break;
        }
    }
    let report = report.expect("a report");
    let engines: Vec<String> =
        report.engines.iter().map(|used| format!("{} {}", used.engine, used.keys)).collect();
    println!(
        "{:<26} {:>9} {:>8.1} {:>9.1} {:>9.0} {:>8.0}  {:?} by {}",
        case.name,
        history.len(),
        best * 1e3,
        best * 1e9 / history.len() as f64,
        held,
        peak_mib(),
        report.validity,
        engines.join(", ")
    );
}

fn judge(case: &Case, history: &History) -> CheckReport {
    let options = CheckOptions {
        initial: Some(Value::Int(0)),
        engine: case.engine,
        certify: std::env::var_os("NO_CERTIFICATE").is_none(),
        ..CheckOptions::default()
    };
    check(history, case.model, &options).expect("a fit")
}

/// CPU time of this process.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The most memory that this process ever held.
fn peak_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("the kernel's count");
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
    kib.expect("KiB") / 1024.0
}
