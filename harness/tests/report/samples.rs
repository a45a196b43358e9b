//! Runs made up for the page: every shape that a run folder can have, from an empty one to a hostile one.
//!
//! Deterministic: background load comes from a run seed, everything else is written out.

use std::collections::BTreeMap;

use rand::RngExt;
use rashomon::nemesis::{FaultPhase, FaultRecord, FaultSpec, Receipt};
use rashomon::plan::{Plan, SCHEMA_VERSION};
use rashomon::report::RunRecord;
use rashomon::seed::Seed;
use rashomon::verdict::{Commands, FaultCounts, OutcomeCounts, VerdictRecord};
use rashomon_checker::Value;
use rashomon_checker::check::{CheckReport, ModelKind, Validity};
use rashomon_checker::counterexample::{Counterexample, Step};
use rashomon_checker::history::{Event, EventKind, OpId, Operation, Outcome, ProcessId};

/// Nanoseconds of a microsecond.
const MICRO: u64 = 1_000;
/// Nanoseconds of a millisecond.
pub(crate) const MILLI: u64 = 1_000_000;

/// An operation to be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) process: u64,
    pub(crate) f: &'static str,
    pub(crate) key: &'static str,
    pub(crate) input: Value,
    pub(crate) outcome: Outcome,
    pub(crate) call: u64,
    /// Completion; `None` for one that never completed.
    pub(crate) ret: Option<u64>,
    pub(crate) node: String,
    pub(crate) error: Option<String>,
}

/// A history under construction.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) planned: Vec<Planned>,
}

impl Load {
    /// One operation, times in microseconds of the run.
    pub(crate) fn op(
        &mut self,
        (process, node): (u64, usize),
        (f, input): (&'static str, Value),
        outcome: Outcome,
        (call_us, ret_us): (u64, Option<u64>),
    ) -> &mut Self {
        let error =
            matches!(outcome, Outcome::Info).then(|| "deadline exceeded after 1000 ms".to_owned());
        self.planned.push(Planned {
            process,
            f,
            key: "k7",
            input,
            outcome,
            call: call_us * MICRO,
            ret: ret_us.map(|us| us * MICRO),
            node: format!("n{node}"),
            error,
        });
        self
    }

    /// Background load of ten clients over `nodes` nodes; while a fault is in force, its nodes answer nothing.
    pub(crate) fn background(
        &mut self,
        seed: u64,
        nodes: usize,
        until_ms: u64,
        faults: &[FaultRecord],
    ) {
        let mut rng = Seed(seed).derive("load").rng();
        for client in 0..10_u64 {
            let mut process = 100 + client;
            let mut now = client * 700 * MICRO;
            while now < until_ms * MILLI {
                let node = rng.random_range(1..=nodes);
                let latency = rng.random_range(300..1_400_u64) * MICRO;
                let hit =
                    in_force(faults, now).any(|fault| fault.nodes.contains(&format!("n{node}")));
                let roll = rng.random_range(0..100_u32);
                let (outcome, took) = match roll {
                    _ if hit && roll < 55 => (Outcome::Info, 1_000 * MILLI),
                    _ if hit => (Outcome::Fail(Value::Nil), 2 * MILLI),
                    0..2 => (Outcome::Fail(Value::Nil), latency),
                    _ => (Outcome::Ok(Value::Int(i64::from(roll))), latency),
                };
                let write = roll % 2 == 0;
                let info = matches!(outcome, Outcome::Info);
                self.planned.push(Planned {
                    process,
                    f: if write { "write" } else { "read" },
                    key: ["k1", "k2", "k3", "k7"][rng.random_range(0..3)],
                    input: if write { Value::Int(i64::from(roll)) } else { Value::Nil },
                    outcome,
                    call: now,
                    ret: Some(now + took),
                    node: format!("n{node}"),
                    error: hit.then(|| "UNAVAILABLE: etcdserver: no leader".to_owned()),
                });
                process += if info { 10 } else { 0 };
                now += took + rng.random_range(10..34_u64) * MILLI;
            }
        }
    }

    /// The events in the order of their times, and the operations as the checker would number them.
    pub(crate) fn record(&self) -> (Vec<Event>, Vec<Operation>) {
        let mut ends: Vec<(u64, usize, bool)> = Vec::new();
        for (index, planned) in self.planned.iter().enumerate() {
            ends.push((planned.call, index, false));
            ends.extend(planned.ret.map(|ret| (ret, index, true)));
        }
        // At equal times completions come last: closed intervals.
        ends.sort_by_key(|(time, index, done)| (*time, *done, *index));
        let mut events = Vec::new();
        let mut operations: Vec<Operation> = Vec::new();
        let mut number = BTreeMap::new();
        for (time, index, done) in ends {
            let planned = &self.planned[index];
            let position = events.len() as u64;
            events.push(event(planned, position, time, done));
            if done {
                let operation: &mut Operation = &mut operations[number[&index]];
                operation.outcome = planned.outcome.clone();
                operation.ret = (!matches!(planned.outcome, Outcome::Info)).then_some(position);
                operation.ret_time = Some(time);
                operation.error.clone_from(&planned.error);
            } else {
                number.insert(index, operations.len());
                operations.push(open(planned, operations.len(), position));
            }
        }
        (events, operations)
    }
}

fn in_force(faults: &[FaultRecord], now: u64) -> impl Iterator<Item = &FaultRecord> {
    faults.iter().filter(move |fault| {
        fault.phase == FaultPhase::Installed
            && fault.time <= now
            && now < fault.time + fault.duration
    })
}

fn event(planned: &Planned, index: u64, time: u64, done: bool) -> Event {
    let (kind, value) = match &planned.outcome {
        _ if !done => (EventKind::Invoke, planned.input.clone()),
        Outcome::Ok(value) => (EventKind::Ok, value.clone()),
        Outcome::Fail(value) => (EventKind::Fail, value.clone()),
        Outcome::Info => (EventKind::Info, planned.input.clone()),
    };
    Event {
        index,
        time: Some(time),
        process: ProcessId(planned.process),
        kind,
        f: planned.f.to_owned(),
        key: Some(planned.key.to_owned()),
        value,
        node: Some(planned.node.clone()),
        error: planned.error.clone().filter(|_| done),
    }
}

fn open(planned: &Planned, number: usize, call: u64) -> Operation {
    Operation {
        id: OpId(number),
        process: ProcessId(planned.process),
        f: planned.f.to_owned(),
        key: Some(planned.key.to_owned()),
        input: planned.input.clone(),
        outcome: Outcome::Info,
        call,
        ret: None,
        call_time: Some(planned.call),
        ret_time: None,
        node: Some(planned.node.clone()),
        error: None,
    }
}

/// A fault from plan to heal, times in milliseconds.
pub(crate) fn fault(
    id: u32,
    name: &str,
    (start, lasts): (u64, u64),
    nodes: &[&str],
    links: &[&str],
) -> Vec<FaultRecord> {
    let line = |phase, time_us: u64, evidence: Option<String>| FaultRecord {
        id,
        phase,
        time: time_us * MICRO,
        fault: name.to_owned(),
        duration: lasts * MILLI,
        nodes: if phase == FaultPhase::Planned {
            vec![]
        } else {
            nodes.iter().map(ToString::to_string).collect()
        },
        links: if phase == FaultPhase::Planned {
            vec![]
        } else {
            links.iter().map(ToString::to_string).collect()
        },
        receipt: evidence.map(|evidence| Receipt { evidence }),
    };
    let (did, undid) = if name.starts_with("kill") {
        (
            format!("{} pid 4711 gone, signal 9", nodes.join(" ")),
            format!("{} answers, pid 4790", nodes.join(" ")),
        )
    } else if name.starts_with("pause") {
        (
            format!("{} pid 4712 state T", nodes.join(" ")),
            format!("{} pid 4712 state S", nodes.join(" ")),
        )
    } else {
        (
            format!("{} links cut, 3184 bytes held", links.len()),
            format!("{} links pass, 0 bytes held", links.len()),
        )
    };
    vec![
        line(FaultPhase::Planned, start * 1_000, None),
        line(FaultPhase::Resolved, start * 1_000 + 300, None),
        line(FaultPhase::Installed, start * 1_000 + 2_100, Some(did)),
        line(FaultPhase::Healed, (start + lasts) * 1_000 + 9_000, Some(undid)),
    ]
}

/// A plan with the usual figures.
pub(crate) fn plan(workload: &str, nodes: usize, seed: u64) -> Plan {
    Plan {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: "2026-03-14T15:09:26Z".to_owned(),
        seed: Seed(seed),
        workload: workload.to_owned(),
        nodes,
        time_limit_s: 20.0,
        concurrency: 10,
        rate: 500.0,
        op_timeout_ms: 1_000,
        fault_interval_ms: 2_000,
        faults: ["partition-leader-alone", "kill-one", "pause-leader"]
            .map(|name| FaultSpec(name.to_owned()))
            .to_vec(),
        bugs: Vec::new(),
        election_timeout_ms: 150,
        check_time_limit_s: 60.0,
        check_memory_bytes: 2 << 30,
        command: format!("rashomon run --workload {workload} --nodes {nodes} --seed {seed}"),
    }
}

/// A verdict with the counts of `history` and `faults`.
pub(crate) fn verdict(
    plan: &Plan,
    operations: &[Operation],
    faults: &[FaultRecord],
) -> VerdictRecord {
    let mut counts: BTreeMap<String, OutcomeCounts> = BTreeMap::new();
    for operation in operations {
        let row = counts.entry(operation.f.clone()).or_default();
        match operation.outcome {
            Outcome::Ok(_) => row.ok += 1,
            Outcome::Fail(_) => row.fail += 1,
            Outcome::Info => row.info += 1,
        }
    }
    let ok = |during: bool| {
        let answered =
            operations.iter().filter(|operation| matches!(operation.outcome, Outcome::Ok(_)));
        let at = |operation: &&Operation| operation.ret_time.unwrap_or(0);
        answered
            .filter(|operation| in_force(faults, at(operation)).next().is_some() == during)
            .count() as u64
    };
    let phase = |phase| faults.iter().filter(|fault| fault.phase == phase).count() as u64;
    VerdictRecord {
        schema_version: SCHEMA_VERSION,
        validity: Validity::Valid,
        sentence: String::new(),
        reasons: Vec::new(),
        check: Some(CheckReport {
            validity: Validity::Valid,
            reason: None,
            operations: operations.len(),
            crashed: operations.iter().filter(|operation| operation.ret.is_none()).count(),
            keys: 4,
            configurations: 21_480,
            engines: Vec::new(),
            counterexample: None,
            impossible_from: None,
            linearizations: Vec::new(),
        }),
        check_seconds: 0.31,
        operations: counts,
        ok_during_faults: ok(true),
        ok_after_faults: ok(false) / 4,
        faults: FaultCounts {
            planned: phase(FaultPhase::Planned),
            installed: phase(FaultPhase::Installed),
            not_installed: phase(FaultPhase::NotInstalled),
            healed: phase(FaultPhase::Healed),
        },
        leader_changes: 3,
        first_ok_ms: Some(612.4),
        seen_live: None,
        findings: Vec::new(),
        unexpected_exits: Vec::new(),
        commands: Commands {
            run_again: plan.command.clone(),
            check_again: format!(
                "rashomon check --model register runs/20260314T150926Z-{}-{}/history.jsonl",
                plan.workload, plan.seed.0
            ),
            report_again: format!(
                "rashomon report runs/20260314T150926Z-{}-{}",
                plan.workload, plan.seed.0
            ),
        },
    }
}

/// The operations of process numbers below 100: those written out, not the background.
fn written_out(operations: &[Operation]) -> Vec<Operation> {
    operations.iter().filter(|operation| operation.process.0 < 100).cloned().collect()
}

/// Makes the verdict invalid, with the counterexample.
fn refute(verdict: &mut VerdictRecord, example: Counterexample) {
    verdict.validity = Validity::Invalid;
    verdict.sentence.clone_from(&example.sentence);
    if let Some(check) = &mut verdict.check {
        check.validity = Validity::Invalid;
        check.reason = Some(example.sentence.clone());
        check.counterexample = Some(example);
    }
}

fn ok(value: i64) -> Outcome {
    Outcome::Ok(Value::Int(value))
}

/// A stale read from a leader that is cut off and does not know it: the page that most readers will see first.
pub(crate) fn stale_read() -> RunRecord {
    let mut plan = plan("register", 3, 91);
    plan.bugs = vec!["local-leader-read".to_owned()];
    plan.command.push_str(" --bug local-leader-read");
    let mut faults = fault(0, "kill-one", (2_000, 1_500), &["n3"], &[]);
    let links = ["n1>n2", "n1>n3", "n2>n1", "n3>n1"];
    faults.extend(fault(1, "partition-leader-alone", (6_000, 3_000), &["n1"], &links));
    faults.extend(fault(2, "pause-leader", (12_000, 1_200), &["n2"], &[]));
    faults.extend(fault(3, "partition-leader-alone", (15_500, 2_500), &["n2"], &links));
    let mut load = Load::default();
    load.op((1, 2), ("write", 40.into()), ok(40), (5_912_300, Some(5_913_150)));
    load.op((4, 1), ("write", 43.into()), Outcome::Info, (7_398_900, Some(8_398_900)));
    load.op((2, 3), ("write", 41.into()), ok(41), (7_399_420, Some(7_401_080)));
    load.op((3, 1), ("read", Value::Nil), ok(40), (7_402_310, Some(7_402_640)));
    load.background(91, 3, 20_400, &faults);
    let (history, operations) = load.record();
    let mut shown = written_out(&operations);
    // What completes only after the failure is shown as it stood then.
    shown[1].ret_time = None;
    shown[1].error = None;
    let mut verdict = verdict(&plan, &operations, &faults);
    refute(&mut verdict, Counterexample {
        model: ModelKind::Register,
        key: Some("k7".to_owned()),
        blocked: shown[3].id,
        contradicts: Some(shown[2].id),
        linearization: vec![
            Step { op: shown[0].id, state: "40".to_owned() },
            Step { op: shown[2].id, state: "41".to_owned() },
        ],
        initial_state: "nil".to_owned(),
        why: "The read needs the value 40. When it began, the write of 41 had completed, so the register could only \
              hold 41, or 43 if the open write had acted."
            .to_owned(),
        minimal: true,
        sentence: "p3 read k7 = 40 from n1 at 7.4026 s, but p2's write of 41 had completed at 7.4011 s, before the read \
                   began."
            .to_owned(),
        operations: shown,
    });
    RunRecord { plan, history, faults, verdict }
}

/// A client that does not read its own write: both stand out in one row, and long gaps lie between small bars.
pub(crate) fn own_stale_read() -> RunRecord {
    let plan = plan("register", 3, 3);
    let links = ["n1>n2", "n1>n3", "n2>n1", "n3>n1"];
    let faults = fault(0, "partition-leader-alone", (1_170, 1_280), &["n1"], &links);
    let cas = |from: i64, to: i64| ("cas", Value::List(vec![from.into(), to.into()]));
    let mut load = Load::default();
    load.op((9, 2), ("write", 970.into()), ok(970), (1_137_800, Some(1_139_700)));
    load.op((7, 3), cas(970, 978), ok(978), (1_147_200, Some(1_148_900)));
    load.op((7, 3), cas(978, 998), ok(998), (1_165_100, Some(1_166_300)));
    load.op((18, 2), ("write", 1_099.into()), ok(1_099), (1_469_800, Some(1_471_000)));
    load.op((18, 1), ("read", Value::Nil), ok(998), (1_471_005, Some(1_476_600)));
    let (history, shown) = load.record();
    let mut verdict = verdict(&plan, &shown, &faults);
    let step = |at: usize, state: &str| Step { op: shown[at].id, state: state.to_owned() };
    refute(&mut verdict, Counterexample {
        model: ModelKind::CasRegister,
        key: Some("k7".to_owned()),
        blocked: shown[4].id,
        contradicts: Some(shown[3].id),
        linearization: vec![step(0, "970"), step(1, "978"), step(2, "998"), step(3, "1099")],
        initial_state: "nil".to_owned(),
        why: "In every order of the other operations shown the value is 1099.".to_owned(),
        minimal: true,
        sentence: "p18 read k7 = 998, but p18's write of 1099 had completed 5 us before the read began."
            .to_owned(),
        operations: shown,
    });
    RunRecord { plan, history, faults, verdict }
}

/// A clean run through twelve faults, overlapping, one of which did not bite and one of which has no proven end.
pub(crate) fn twelve_faults() -> RunRecord {
    let mut plan = plan("append", 5, 7);
    let names = [
        "partition-halves",
        "kill-minority",
        "pause-leader",
        "partition-one-way-in",
        "kill-leader",
        "partition-ring",
    ];
    plan.faults = names.iter().map(|name| FaultSpec((*name).to_owned())).collect();
    let mut faults = Vec::new();
    for id in 0..12_u32 {
        let name = names[id as usize % names.len()];
        let start = 900 + u64::from(id) * 1_500;
        let first = format!("n{}", id % 5 + 1);
        let second = format!("n{}", (id + 2) % 5 + 1);
        let nodes = if name.contains("one-way") {
            vec![first.as_str()]
        } else {
            vec![first.as_str(), second.as_str()]
        };
        let links: Vec<String> = (1..=5)
            .map(|to| format!("{first}>n{to}"))
            .filter(|link| !link.ends_with(&first))
            .collect();
        let links: Vec<&str> = if name.starts_with("partition") {
            links.iter().map(String::as_str).collect()
        } else {
            vec![]
        };
        faults.extend(fault(id, name, (start, 1_100 + u64::from(id % 4) * 500), &nodes, &links));
    }
    for line in &mut faults {
        let miss = line.id == 5 && line.phase == FaultPhase::Installed;
        if miss {
            line.phase = FaultPhase::NotInstalled;
            line.receipt =
                Some(Receipt { evidence: "no traffic on the links while cut".to_owned() });
        }
        if line.id == 8 && line.phase == FaultPhase::Healed {
            line.phase = FaultPhase::NotHealed;
            line.receipt =
                Some(Receipt { evidence: "n4 pid 4712 state T after SIGCONT".to_owned() });
        }
    }
    faults.retain(|line| line.id != 5 || line.phase != FaultPhase::Healed);
    let mut load = Load::default();
    load.background(7, 5, 21_000, &faults);
    let (history, operations) = load.record();
    let mut verdict = verdict(&plan, &operations, &faults);
    verdict.sentence = format!(
        "All {} operations on 4 keys can be explained by one order; {} were answered while faults were in force.",
        operations.len(),
        verdict.ok_during_faults
    );
    verdict.reasons = vec!["fault 5 (partition-ring) left no receipt".to_owned()];
    RunRecord { plan, history, faults, verdict }
}

/// The budget ended the search.
pub(crate) fn unknown() -> RunRecord {
    let plan = plan("register", 3, 12);
    let faults = fault(0, "pause-leader", (4_000, 9_000), &["n1"], &[]);
    let mut load = Load::default();
    load.background(12, 3, 20_000, &faults);
    let (history, operations) = load.record();
    let mut verdict = verdict(&plan, &operations, &faults);
    verdict.validity = Validity::Unknown;
    "No violation was found, but the search did not end.".clone_into(&mut verdict.sentence);
    verdict.reasons = vec![
        "key k2: the search stopped after 60 s at 48,211,904 configurations; raise --check-time-limit or lower \
         --concurrency"
            .to_owned(),
        "over half of the operations during faults have unknown outcomes".to_owned(),
    ];
    verdict.unexpected_exits =
        vec!["n2 exited with status 101\nthread 'main' panicked at node/src/wal.rs:88".to_owned()];
    if let Some(check) = &mut verdict.check {
        check.validity = Validity::Unknown;
    }
    RunRecord { plan, history, faults, verdict }
}

/// A violation among forty operations of twelve processes at close quarters, not proven minimal.
pub(crate) fn forty_operations() -> RunRecord {
    let plan = plan("append", 5, 4_242);
    let mut faults = fault(0, "partition-bridge", (9_990, 40), &["n2", "n4"], &["n1>n4", "n4>n1"]);
    faults.extend(fault(1, "kill-follower", (10_004, 2_000), &["n5"], &[]));
    let mut rng = Seed(4_242).derive("forty").rng();
    let mut load = Load::default();
    let mut free = [10_000_000_u64; 12];
    let mut lost = [0_u64; 12];
    for number in 0..39_i64 {
        let client = number as usize % 12;
        let process = client as u64 + lost[client] * 12;
        let call = free[client] + rng.random_range(50..900_u64);
        let took = rng.random_range(400..2_900_u64);
        let (outcome, ret) = match number % 13 {
            5 => (Outcome::Info, Some(call + 900_000)),
            9 => (Outcome::Fail(Value::Nil), Some(call + took)),
            _ => (ok(number), Some(call + took)),
        };
        lost[client] += u64::from(number % 13 == 5);
        load.op((process, client % 5 + 1), ("append", number.into()), outcome, (call, ret));
        free[client] = call + took;
    }
    let latest = free.iter().max().copied().unwrap_or(0);
    let seen: Vec<Value> = [0, 1, 2, 4].map(Value::Int).to_vec();
    load.op(
        (3, 4),
        ("read", Value::Nil),
        Outcome::Ok(Value::List(seen)),
        (latest + 200, Some(latest + 1_100)),
    );
    let (history, operations) = load.record();
    let blocked = operations.last().map_or(OpId(0), |operation| operation.id);
    let mut elements: Vec<String> = Vec::new();
    let mut linearization = Vec::new();
    let mut acted: Vec<&Operation> =
        operations.iter().filter(|op| op.id != blocked && op.ret.is_some()).collect();
    acted.retain(|operation| matches!(operation.outcome, Outcome::Ok(_)));
    acted.sort_by_key(|operation| operation.ret);
    for operation in acted {
        elements.push(operation.input.to_string());
        linearization.push(Step { op: operation.id, state: format!("[{}]", elements.join(" ")) });
    }
    let contradicts = linearization.get(3).map(|step| step.op);
    let mut verdict = verdict(&plan, &operations, &faults);
    let operations = operations
        .into_iter()
        .map(|mut operation| {
            if operation.ret.is_none() {
                operation.ret_time = None;
            }
            operation
        })
        .collect();
    refute(&mut verdict, Counterexample {
        model: ModelKind::AppendList,
        key: Some("k7".to_owned()),
        operations,
        blocked,
        contradicts,
        linearization,
        initial_state: "[]".to_owned(),
        why: "The read needs the list [0 1 2 4]; every element appended before it began must be in it.".to_owned(),
        minimal: false,
        sentence: "p3 read k7 = [0 1 2 4] at 10.0115 s, but p3's append of 3 had completed before.".to_owned(),
    });
    RunRecord { plan, history, faults, verdict }
}

/// What must never become markup, never hide, and never fill the page.
pub(crate) const HOSTILE: &str =
    "</script><img src=x onerror=alert(1)>\"'&<!--\u{2028}\u{202e}\u{0}{{banner}}";

/// A run in which everything a system under test can choose is chosen badly.
pub(crate) fn hostile() -> RunRecord {
    let mut run = stale_read();
    let huge = format!("{HOSTILE}{}", "x".repeat(1 << 20));
    run.plan.workload = format!("register{HOSTILE}");
    run.plan.bugs = vec![HOSTILE.to_owned()];
    for event in &mut run.history {
        if event.process.0 < 100 {
            HOSTILE.clone_into(&mut event.f);
            event.value = Value::Text(huge.clone());
            event.key = Some(HOSTILE.to_owned());
            event.node = Some(HOSTILE.to_owned());
            event.error = Some(huge.clone());
        }
    }
    for line in &mut run.faults {
        HOSTILE.clone_into(&mut line.fault);
        line.nodes = vec![HOSTILE.to_owned()];
        line.links = vec![HOSTILE.to_owned(); 5];
        line.receipt = Some(Receipt { evidence: huge.clone() });
    }
    let verdict = &mut run.verdict;
    verdict.sentence.clone_from(&huge);
    verdict.reasons = vec![huge.clone()];
    verdict.unexpected_exits = vec![huge.clone()];
    verdict.operations.insert(HOSTILE.to_owned(), OutcomeCounts { ok: 1, fail: 2, info: 3 });
    HOSTILE.clone_into(&mut verdict.commands.run_again);
    if let Some(example) = verdict.check.as_mut().and_then(|check| check.counterexample.as_mut()) {
        example.key = Some(HOSTILE.to_owned());
        HOSTILE.clone_into(&mut example.why);
        HOSTILE.clone_into(&mut example.initial_state);
        for step in &mut example.linearization {
            HOSTILE.clone_into(&mut step.state);
        }
        for operation in &mut example.operations {
            HOSTILE.clone_into(&mut operation.f);
            operation.input = Value::Text(HOSTILE.to_owned());
            operation.node = Some(HOSTILE.to_owned());
            operation.error = Some(HOSTILE.to_owned());
        }
    }
    run
}

/// The cluster never came up: not a single operation.
pub(crate) fn nothing() -> RunRecord {
    let mut plan = plan("set", 3, 0);
    plan.faults.clear();
    let mut verdict = verdict(&plan, &[], &[]);
    verdict.validity = Validity::Unknown;
    "Nothing was tested: no operation was performed.".clone_into(&mut verdict.sentence);
    verdict.reasons = vec!["no node answered within 10 s".to_owned()];
    verdict.check = None;
    verdict.leader_changes = 0;
    verdict.first_ok_ms = None;
    RunRecord { plan, history: Vec::new(), faults: Vec::new(), verdict }
}

/// Nine nodes, a clean run without warnings.
pub(crate) fn nine_nodes() -> RunRecord {
    let plan = plan("register", 9, 1_001);
    let minority = ["n2", "n5", "n7", "n9"];
    let mut faults = fault(0, "kill-minority", (3_000, 2_500), &minority, &[]);
    faults.extend(fault(1, "pause-leader", (8_000, 2_000), &["n1"], &[]));
    faults.extend(fault(2, "kill-minority", (12_000, 2_500), &["n1", "n3"], &[]));
    let mut load = Load::default();
    load.background(1_001, 9, 20_300, &faults);
    let (history, operations) = load.record();
    let mut verdict = verdict(&plan, &operations, &faults);
    verdict.sentence = format!(
        "All {} operations on 4 keys can be explained by one order; {} were answered while faults were in force.",
        operations.len(),
        verdict.ok_during_faults
    );
    RunRecord { plan, history, faults, verdict }
}

/// A foreign history without times, keys and nodes, and no faults.
pub(crate) fn without_times() -> RunRecord {
    let mut run = stale_read();
    run.plan.bugs.clear();
    run.faults.clear();
    for event in &mut run.history {
        event.time = None;
        event.key = None;
        event.node = None;
    }
    if let Some(example) =
        run.verdict.check.as_mut().and_then(|check| check.counterexample.as_mut())
    {
        example.key = None;
        for operation in &mut example.operations {
            operation.call_time = None;
            operation.ret_time = None;
            operation.key = None;
            operation.node = None;
        }
    }
    run
}

/// Every sample with a name for files.
pub(crate) fn all() -> Vec<(&'static str, RunRecord)> {
    vec![
        ("stale-read", stale_read()),
        ("own-stale-read", own_stale_read()),
        ("twelve-faults", twelve_faults()),
        ("unknown", unknown()),
        ("forty-operations", forty_operations()),
        ("hostile", hostile()),
        ("nothing", nothing()),
        ("nine-nodes", nine_nodes()),
        ("without-times", without_times()),
    ]
}
