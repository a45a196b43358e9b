//! Load and final reads without a runtime, in a world that is made up: they wait for nothing but their [`Reach`].

mod world;

use std::sync::Arc;
use std::time::Duration;

use rashomon_checker::check::{CheckOptions, Validity, check};
use rashomon_checker::history::{Event, EventKind, History};
use rashomon_workloads::Workload;
use tokio_util::sync::CancellationToken;

use super::final_reads::{self, FinalReads, Todo};
use super::load::{self, Shared, Worker};
use crate::plan::{Plan, SCHEMA_VERSION};
use crate::reach::Reach;
use crate::recorder::Recorder;
use crate::seed::Seed;
use world::{Task, Toy};

const LOAD: Duration = Duration::from_secs(10);

/// What a run left.
#[derive(Debug, PartialEq)]
struct Left {
    history: Vec<Event>,
    load_events: usize,
    final_reads: FinalReads,
}

pub(super) fn plan(workload: &dyn Workload, seed: u64) -> Plan {
    Plan {
        schema_version: SCHEMA_VERSION,
        tool_version: String::new(),
        started_at: String::new(),
        seed: Seed(seed),
        workload: workload.name().to_owned(),
        nodes: world::NODES,
        time_limit_s: LOAD.as_secs_f64(),
        concurrency: 3 * world::NODES,
        rate: 120.0,
        op_timeout_ms: 400,
        fault_interval_ms: 1000,
        faults: Vec::new(),
        bugs: Vec::new(),
        election_timeout_ms: 150,
        check_time_limit_s: 60.0,
        check_memory_bytes: 1 << 30,
        command: String::new(),
    }
}

fn run(workload: &dyn Workload, seed: u64) -> Left {
    let plan = plan(workload, seed);
    let toy = Toy::default();
    let (recorder, kept) = Recorder::in_memory(toy.clock());
    let names = (1..=plan.nodes).map(|node| format!("n{node}")).collect();
    let shared = Arc::new(Shared::new(&plan, names, recorder));
    let workers = load::workers(&plan, workload, &toy, &shared);
    let stop = CancellationToken::new();
    let mut tasks: Vec<Task<Option<Worker<Toy>>>> = Vec::new();
    for worker in workers {
        let working = worker.work(toy.now(), stop.clone());
        tasks.push(Box::pin(async { Some(working.await.unwrap()) }));
    }
    let alarm = toy.clone();
    tasks.push(Box::pin(async move {
        alarm.sleep_until(LOAD).await;
        stop.cancel();
        None
    }));
    let workers: Vec<_> = toy.perform(tasks).into_iter().flatten().collect();
    let load_events = kept.look(<[Event]>::len);
    let patience = Duration::from_secs(5);
    let nodes: Vec<usize> = (0..plan.nodes).collect();
    let todo = Arc::new(Todo::new(&shared, &nodes, patience, toy.now()));
    let mut tasks: Vec<Task<Worker<Toy>>> = Vec::new();
    for worker in workers {
        let reading = final_reads::read_all(worker, Arc::clone(&todo), CancellationToken::new());
        tasks.push(Box::pin(async { reading.await.unwrap() }));
    }
    assert_eq!(toy.perform(tasks).len(), plan.concurrency);
    Left { history: kept.take(), load_events, final_reads: todo.so_far() }
}

fn outcomes(history: &[Event]) -> [usize; 3] {
    [EventKind::Ok, EventKind::Fail, EventKind::Info]
        .map(|kind| history.iter().filter(|event| event.kind == kind).count())
}

#[test]
fn clients_work_in_a_time_that_is_made_up() {
    for workload in rashomon_workloads::all() {
        let left = run(*workload, 1);
        let load = &left.history[..left.load_events];
        let [ok, fail, info] = outcomes(load);
        assert!(ok > 200 && fail > 10 && info > 5, "{}: {ok} {fail} {info}", workload.name());
        let last = load.last().and_then(|event| event.time).map(Duration::from_nanos).unwrap();
        assert!(last >= LOAD.mul_f64(0.95) && last < LOAD * 2, "{}: {last:?}", workload.name());
        let FinalReads { wanted, answered } = left.final_reads;
        assert!(wanted > 0 && answered == wanted, "{answered} of {wanted}");
        let history = History::from_events(&left.history).unwrap();
        let report = check(&history, workload.model(), &CheckOptions::default()).unwrap();
        assert_eq!(report.validity, Validity::Valid, "{}: {report:?}", workload.name());
    }
}

#[test]
fn the_seed_decides_what_clients_do_and_see() {
    for workload in rashomon_workloads::all() {
        let first = run(*workload, 2);
        assert_eq!(first, run(*workload, 2), "{}", workload.name());
        assert_ne!(first, run(*workload, 3), "{}", workload.name());
    }
}
