//! Whether the store served while it could: a majority of its nodes ran, and all of them reached each other.
//!
//! A fault that leaves such a majority may cost an election or two, and clients that waited for an answer of the wrong node
//! some time. If nothing succeeds for much longer, the store did not do what it is replicated for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rashomon_checker::history::{Event, EventKind};

use crate::finding::{Finding, Oracle};
use crate::nemesis::{FaultPhase, FaultRecord};
use crate::plan::Plan;

/// Election timeouts without service that a fault may cost.
const TIMEOUTS: u32 = 16;
/// The same where timeouts are short: a machine that is busy takes its time.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A time in which the same majority ran and was whole, whatever else changed.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    from: u64,
    to: u64,
    /// Nodes that could serve, by name.
    able: Vec<String>,
}

/// The first time in the load without service that was too long. `load`: the events of the load.
pub(super) fn judge(plan: &Plan, load: &[Event], faults: &[FaultRecord]) -> Option<Finding> {
    let ok = || load.iter().filter(|event| event.kind == EventKind::Ok);
    let times: Vec<u64> = ok().filter_map(|event| event.time).collect();
    let (begin, end) = (*times.first()?, load.last()?.time?);
    let bound = (plan.election_timeout() * TIMEOUTS).max(PATIENCE) + plan.op_timeout();
    // Between two answers there is a pause of the load itself.
    let bound = nanos(bound) + nanos(plan.time_for(4));
    let spans = spans(plan.nodes, faults, begin, end);
    spans.iter().find_map(|span| {
        let inside = times.iter().copied().filter(|at| (span.from..=span.to).contains(at));
        let mut last = span.from;
        for at in inside.chain([span.to]) {
            if at - last > bound {
                return Some(told(span, last, at));
            }
            last = at;
        }
        None
    })
}

fn told(span: &Span, from: u64, to: u64) -> Finding {
    let what = format!(
        "nothing succeeded from {:.3} s to {:.3} s, although {} ran and reached each other",
        from as f64 / 1e9,
        to as f64 / 1e9,
        span.able.join(", ")
    );
    Finding { oracle: Oracle::Liveness, at: to, what }
}

/// When which nodes could serve, between `begin` and `end`.
fn spans(nodes: usize, faults: &[FaultRecord], begin: u64, end: u64) -> Vec<Span> {
    let names: Vec<String> = (1..=nodes).map(|node| format!("n{node}")).collect();
    let mut in_force: BTreeMap<u32, &FaultRecord> = BTreeMap::new();
    let mut spans = Vec::new();
    let mut from = begin;
    let mut changes: Vec<&FaultRecord> =
        faults.iter().filter(|record| record.phase != FaultPhase::Planned).collect();
    changes.sort_by_key(|record| record.time);
    for record in changes {
        let to = record.time.clamp(begin, end);
        spans.extend(span(&names, &in_force, from, to));
        from = to;
        match record.phase {
            FaultPhase::Healed | FaultPhase::NotInstalled => drop(in_force.remove(&record.id)),
            // One that could not be undone stays as it was.
            FaultPhase::NotHealed => {}
            FaultPhase::Planned | FaultPhase::Resolved | FaultPhase::Installed => {
                in_force.insert(record.id, record);
            }
        }
    }
    spans.extend(span(&names, &in_force, from, end));
    joined(spans, nodes)
}

/// Spans that follow each other, as one where a majority is able in both: faults come and go, and it stays.
fn joined(spans: Vec<Span>, nodes: usize) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        let both = |last: &Span| -> Vec<String> {
            last.able.iter().filter(|name| span.able.contains(name)).cloned().collect()
        };
        match joined.last_mut() {
            Some(last) if last.to == span.from && both(last).len() * 2 > nodes => {
                last.able = both(last);
                last.to = span.to;
            }
            _ => joined.push(span),
        }
    }
    joined
}

fn span(
    names: &[String],
    faults: &BTreeMap<u32, &FaultRecord>,
    from: u64,
    to: u64,
) -> Option<Span> {
    let able = able(names, faults.values().copied())?;
    (from < to).then_some(Span { from, to, able })
}

/// The largest set of nodes that run and reach each other, if it is a majority; `None` as well if the faults in force do not
/// say for sure.
fn able<'a>(
    names: &[String],
    faults: impl Iterator<Item = &'a FaultRecord>,
) -> Option<Vec<String>> {
    let mut stopped: BTreeSet<&str> = BTreeSet::new();
    let mut cut: BTreeSet<(&str, &str)> = BTreeSet::new();
    for fault in faults {
        if fault.fault.starts_with("kill-") || fault.fault.starts_with("pause-") {
            stopped.extend(fault.nodes.iter().map(String::as_str));
        } else if fault.fault.starts_with("partition-") {
            cut.extend(fault.links.iter().filter_map(|link| link.split_once('>')));
        } else {
            return None;
        }
    }
    let reach =
        |one: &str, other: &str| !cut.contains(&(one, other)) && !cut.contains(&(other, one));
    let running: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !stopped.contains(name)).collect();
    // Few nodes: all sets of them.
    let sets =
        (1_u32..1 << running.len()).filter(|set| set.count_ones() as usize * 2 > names.len());
    let mut sets: Vec<u32> = sets.collect();
    sets.sort_by_key(|set| std::cmp::Reverse(set.count_ones()));
    sets.into_iter().find_map(|set| {
        let members: Vec<&str> =
            (0..running.len()).filter(|bit| set >> bit & 1 == 1).map(|bit| running[bit]).collect();
        let whole =
            members.iter().all(|one| members.iter().all(|other| one == other || reach(one, other)));
        whole.then(|| members.into_iter().map(str::to_owned).collect())
    })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn record(
        phase: FaultPhase,
        at: u64,
        fault: &str,
        nodes: &[&str],
        links: &[&str],
    ) -> FaultRecord {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        FaultRecord {
            id: 0,
            phase,
            time: at * SECOND,
            fault: fault.to_owned(),
            duration: 0,
            nodes: owned(nodes),
            links: owned(links),
            receipt: None,
        }
    }

    fn able_with(fault: &str, nodes: &[&str], links: &[&str]) -> Option<Vec<String>> {
        let names: Vec<String> = (1..=3).map(|node| format!("n{node}")).collect();
        let record = record(FaultPhase::Installed, 0, fault, nodes, links);
        able(&names, std::iter::once(&record))
    }

    #[test]
    fn a_majority_serves_if_it_runs_and_reaches_itself() {
        let some = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(able_with("kill-leader", &["n2"], &[]), some(&["n1", "n3"]));
        assert_eq!(able_with("kill-majority", &["n2", "n1"], &[]), None);
        assert_eq!(able_with("pause-all", &["n1", "n2", "n3"], &[]), None);
        assert_eq!(
            able_with("partition-one-way-in", &["n1"], &["n2>n1", "n3>n1"]),
            some(&["n2", "n3"])
        );
        assert_eq!(able_with("partition-bridge", &[], &["n1>n2", "n2>n1"]), some(&["n1", "n3"]));
        assert_eq!(able_with("partition-ring", &[], &["n1>n2", "n2>n3", "n3>n1"]), None);
        assert_eq!(able_with("slow-links", &[], &[]), None, "who knows");
    }

    fn plan() -> Plan {
        let mut plan =
            crate::runner::tests::plan(rashomon_workloads::by_name("register").unwrap(), 1);
        (plan.election_timeout_ms, plan.op_timeout_ms, plan.rate) = (100, 400, 1_000.0);
        plan
    }

    fn load(seconds: &[f64]) -> Vec<Event> {
        let event = |(index, at): (usize, &f64)| Event {
            index: index as u64,
            time: Some((at * 1e9) as u64),
            process: rashomon_checker::history::ProcessId(0),
            kind: EventKind::Ok,
            f: "read".to_owned(),
            key: None,
            value: rashomon_checker::Value::Nil,
            node: None,
            error: None,
        };
        seconds.iter().enumerate().map(event).collect()
    }

    #[test]
    fn a_long_time_without_service_is_found_only_where_there_could_be_some() {
        let faults = |fault, nodes: &[&str]| {
            [
                record(FaultPhase::Installed, 2, fault, nodes, &[]),
                record(FaultPhase::Healed, 5, fault, nodes, &[]),
            ]
        };
        let silent = load(&[0.5, 1.9, 5.1, 6.0]);
        let found = judge(&plan(), &silent, &faults("kill-leader", &["n1"])).unwrap();
        assert_eq!(
            found.what,
            "nothing succeeded from 1.900 s to 5.100 s, although n2, n3 ran and reached each other"
        );
        assert_eq!(judge(&plan(), &silent, &faults("kill-all", &["n1", "n2", "n3"])), None);
        let served = load(&[0.5, 1.9, 3.5, 5.1, 6.0]);
        assert_eq!(judge(&plan(), &served, &faults("kill-leader", &["n1"])), None);
    }

    #[test]
    fn a_majority_that_stays_has_one_time_to_serve_in() {
        let cut = ["n2>n1", "n3>n1"];
        let mut faults = [
            record(FaultPhase::Installed, 2, "partition-one-way-in", &["n1"], &cut),
            record(FaultPhase::Installed, 3, "partition-one-way-in", &["n1"], &cut),
            record(FaultPhase::Healed, 4, "partition-one-way-in", &["n1"], &cut),
            record(FaultPhase::Healed, 5, "partition-one-way-in", &["n1"], &cut),
        ];
        faults[1].id = 1;
        faults[2].id = 1;
        let found = judge(&plan(), &load(&[0.5, 2.5, 4.6, 6.0]), &faults).unwrap();
        assert!(
            found.what.contains("from 2.500 s to 4.600 s, although n2, n3 ran"),
            "{}",
            found.what
        );
    }

    #[test]
    fn healing_begins_a_new_time() {
        let faults = [
            record(FaultPhase::Installed, 1, "kill-all", &["n1", "n2", "n3"], &[]),
            record(FaultPhase::Healed, 5, "kill-all", &["n1", "n2", "n3"], &[]),
        ];
        assert_eq!(judge(&plan(), &load(&[0.9, 6.9, 8.0]), &faults), None);
        assert!(judge(&plan(), &load(&[0.9, 7.1, 8.0]), &faults).is_some());
    }
}
