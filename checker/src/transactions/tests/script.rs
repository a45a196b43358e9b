//! Small histories of transactions, written by hand or by a generator.

use crate::Value;
use crate::history::{Event, EventKind, History, ProcessId};
use crate::transactions::{Consistency, TransactionOptions, TransactionReport, check};

/// What a micro-operation does, with the answer of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Append(i64),
    Write(i64),
    List(Vec<i64>),
    /// A register; `None` is nil.
    Cell(Option<i64>),
}

/// A transaction. Times are all different; where `end` is none it has not completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Txn {
    pub(super) process: u64,
    pub(super) call: u32,
    pub(super) end: Option<u32>,
    pub(super) kind: EventKind,
    pub(super) acts: Vec<(usize, Act)>,
}

impl Txn {
    /// `3 10-20 ok append x 1; r y [1 2]`: process, invocation and completion, outcome, micro-operations on keys x, y, z.
    pub(super) fn parse(line: &str) -> Self {
        let mut words = line.splitn(4, ' ');
        let process = words.next().unwrap().parse().unwrap();
        let (call, end) = words.next().unwrap().split_once('-').unwrap();
        let kind = match words.next().unwrap() {
            "ok" => EventKind::Ok,
            "fail" => EventKind::Fail,
            _ => EventKind::Info,
        };
        let acts = words.next().unwrap().split("; ").map(|act| {
            let mut parts = act.splitn(3, ' ');
            let f = parts.next().unwrap();
            let key = match parts.next().unwrap() {
                "x" => 0,
                "y" => 1,
                _ => 2,
            };
            let value = parts.next().unwrap_or("nil");
            let act = match f {
                "append" => Act::Append(value.parse().unwrap()),
                "w" => Act::Write(value.parse().unwrap()),
                _ if value.starts_with('[') => {
                    let items = value.trim_matches(['[', ']']).split_whitespace();
                    Act::List(items.map(|item| item.parse().unwrap()).collect())
                }
                _ => Act::Cell(value.parse().ok()),
            };
            (key, act)
        });
        Self {
            process,
            call: call.parse().unwrap(),
            end: end.parse().ok(),
            kind,
            acts: acts.collect(),
        }
    }

    fn value(&self, answered: bool) -> Value {
        let micro = |(key, act): &(usize, Act)| {
            let (f, value) = match act {
                Act::Append(value) => ("append", Value::Int(*value)),
                Act::Write(value) => ("w", Value::Int(*value)),
                Act::List(_) | Act::Cell(_) if !answered => ("r", Value::Nil),
                Act::List(items) => {
                    ("r", Value::List(items.iter().copied().map(Value::Int).collect()))
                }
                Act::Cell(value) => ("r", value.map_or(Value::Nil, Value::Int)),
            };
            Value::List(vec![Value::from(f), Value::from(["x", "y", "z"][*key]), value])
        };
        Value::List(self.acts.iter().map(micro).collect())
    }
}

/// The history of these transactions.
pub(super) fn history(txns: &[Txn]) -> History {
    let mut events: Vec<(u32, Event)> = Vec::new();
    for txn in txns {
        let mut event = |time, kind, answered| {
            events.push((
                time,
                Event {
                    index: 0,
                    time: None,
                    process: ProcessId(txn.process),
                    kind,
                    f: "txn".to_owned(),
                    key: None,
                    value: txn.value(answered),
                    node: None,
                    error: None,
                },
            ));
        };
        event(txn.call, EventKind::Invoke, false);
        if let Some(end) = txn.end {
            event(end, txn.kind, txn.kind == EventKind::Ok);
        }
    }
    events.sort_by_key(|event| event.0);
    let events: Vec<Event> = events.into_iter().map(|event| event.1).collect();
    History::from_events(&events).unwrap()
}

pub(super) fn judged(txns: &[Txn], consistency: Consistency) -> TransactionReport {
    let options = TransactionOptions { consistency, ..TransactionOptions::default() };
    check(&history(txns), &options).unwrap()
}

/// The report on transactions written down line by line.
pub(super) fn report(lines: &[&str]) -> TransactionReport {
    let txns: Vec<Txn> = lines.iter().map(|line| Txn::parse(line)).collect();
    judged(&txns, Consistency::StrictSerializable)
}

/// The names of all anomalies in them.
pub(super) fn names(report: &TransactionReport) -> Vec<String> {
    report.anomalies.iter().map(|found| found.anomaly.to_string()).collect()
}
