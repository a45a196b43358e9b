//! Histories as a person would write them down.
//!
//! `p1 > write 3` invokes, `p1 < ok`, `p1 < ok 3`, `p1 < fail`, `p1 < info` complete; values are JSON, a key stands before
//! a colon (`p1 > k7: write 3`). Events are a millisecond apart.

use std::collections::BTreeMap;

use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind, ProcessId};

pub(crate) fn events(script: &str) -> Vec<Event> {
    let mut open: BTreeMap<u64, (String, Option<String>, Value)> = BTreeMap::new();
    let lines = script.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty());
    let parsed = lines.enumerate().map(|(at, line)| {
        let (process, rest) = line.split_once(' ').expect("a process");
        let process: u64 = process.trim_start_matches('p').parse().expect("a process number");
        let (mark, rest) = rest.split_once(' ').expect("an event");
        let kind;
        if mark == ">" {
            kind = EventKind::Invoke;
            let (key, rest) = match rest.split_once(": ") {
                Some((key, rest)) => (Some(key.to_owned()), rest),
                None => (None, rest),
            };
            let (f, value) = rest.split_once(' ').unwrap_or((rest, "null"));
            open.insert(process, (f.to_owned(), key, json(value)));
        } else {
            let (word, value) = rest.split_once(' ').unwrap_or((rest, ""));
            kind = match word {
                "ok" => EventKind::Ok,
                "fail" => EventKind::Fail,
                _ => EventKind::Info,
            };
            if !value.is_empty() {
                open.get_mut(&process).expect("an open operation").2 = json(value);
            }
        }
        let (f, key, value) = open[&process].clone();
        Event {
            index: at as u64,
            time: Some(at as u64 * 1_000_000),
            process: ProcessId(process),
            kind,
            f,
            key,
            value,
            node: None,
            error: None,
        }
    });
    parsed.collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("a value")
}
