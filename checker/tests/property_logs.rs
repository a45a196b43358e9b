//! Logs with offsets: the smallest histories that break each rule, near misses, and random histories.

#[path = "support/script.rs"]
mod script;
#[path = "support/simulate.rs"]
mod simulate;

use std::collections::{BTreeMap, BTreeSet};

use rashomon_checker::Value;
use rashomon_checker::check::Validity;
use rashomon_checker::history::{Event, EventKind};
use rashomon_checker::properties::{PropertyKind, PropertyReport, Rule};

use Validity::{Invalid, Unknown, Valid};
use simulate::{
    Invocation, LAST, Random, Store, call, done, guilty, innocent, int, items, list, plain, without,
};

fn judge(script: &str) -> PropertyReport {
    simulate::judge(PropertyKind::Log, &plain(), &script::events(script))
}

/// Writes sends and polls shorter: `s v` is `send [["send", 1, v]]`, `s v @o` its answer, `[o v, ...]` a poll's.
fn log_script(short: &str) -> String {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [p, ">", "s", v] => format!("{p} > send [[\"send\", 1, {v}]]"),
            [p, "<", "s", v, o] => format!("{p} < ok [[\"send\", 1, [{}, {v}]]]", &o[1..]),
            [p, ">", "poll"] => format!("{p} > poll [[\"poll\"]]"),
            [p, "<", "got", ..] => {
                let pairs: Vec<String> = words[3..]
                    .iter()
                    .map(|pair| format!("[{}]", pair.replace('@', ", ")))
                    .collect();
                format!("{p} < ok [[\"poll\", [[1, [{}]]]]]", pairs.join(", "))
            }
            _ => line.to_owned(),
        }
    };
    short
        .split([';', '\n'])
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(line)
        .collect::<Vec<_>>()
        .join("; ")
}

/// A log in short, its verdict, and what is found in it.
type LogRow = (String, Validity, Vec<Rule>);

fn log_table(cases: Vec<LogRow>) {
    for (short, validity, rules) in cases {
        let script = log_script(&short);
        let report = judge(&script);
        let found: Vec<Rule> = report.found.keys().copied().collect();
        assert_eq!((report.validity, found), (validity, rules), "{script}\n{report:#?}");
    }
}

/// Values 10, 11, 12 at offsets 0, 1, 2.
const SENT: &str = "p1 > s 10; p1 < s 10 @0; p1 > s 11; p1 < s 11 @1; p1 > s 12; p1 < s 12 @2";

#[test]
fn log_polls() {
    let sent = SENT;
    let cases: Vec<LogRow> = vec![
        (sent.into(), Unknown, vec![Rule::Unseen]),
        (format!("{sent}; p2 > poll; p2 < got 0@10 1@11; p2 > poll; p2 < got 2@12"), Valid, vec![]),
        (
            format!("{sent}; p2 > poll; p2 < got 0@10 1@11; p2 > poll; p2 < got"),
            Unknown,
            vec![Rule::Unseen],
        ),
        (
            format!(
                "{sent}; p2 > poll; p2 < got 0@10; p2 > poll; p2 < got 1@11 2@12; p3 > poll; p3 < got 0@10"
            ),
            Valid,
            vec![],
        ),
        // Skipped by p2, seen by p3.
        (
            format!(
                "{sent}; p2 > poll; p2 < got 0@10; p2 > poll; p2 < got 2@12; p3 > poll; p3 < got 0@10 1@11"
            ),
            Invalid,
            vec![Rule::PollSkip],
        ),
        (
            format!("{sent}; p2 > poll; p2 < got 0@10 2@12; p3 > poll; p3 < got 0@10 1@11"),
            Invalid,
            vec![Rule::InternalPollSkip],
        ),
        // p2 has subscribed, or chosen anew: it may go on anywhere.
        (
            format!(
                "{sent}; p2 > subscribe [1]; p2 < ok; p2 > poll; p2 < got 0@10; p2 > poll; p2 < got 2@12; p3 > poll; p3 < got 0@10 1@11"
            ),
            Valid,
            vec![Rule::PollSkip],
        ),
        (
            format!(
                "{sent}; p2 > subscribe [1]; p2 < ok; p2 > poll; p2 < got 0@10 2@12; p3 > poll; p3 < got 1@11"
            ),
            Invalid,
            vec![Rule::InternalPollSkip],
        ),
        (
            format!(
                "{sent}; p2 > poll; p2 < got 0@10; p2 > assign [1]; p2 < ok; p2 > poll; p2 < got 2@12; p3 > poll; p3 < got 0@10 1@11"
            ),
            Valid,
            vec![],
        ),
        (
            format!("{sent}; p2 > poll; p2 < got 0@10 1@11; p2 > poll; p2 < got 1@11 2@12"),
            Invalid,
            vec![Rule::NonmonotonicPoll],
        ),
        (
            format!("{sent}; p2 > poll; p2 < got 1@11 0@10 1@11 2@12"),
            Invalid,
            vec![Rule::InternalNonmonotonicPoll],
        ),
    ];
    log_table(cases);
}

#[test]
fn lost_messages() {
    let sent = SENT;
    let cases: Vec<LogRow> = vec![
        // Lost: nobody polled 11 though 12 was polled.
        (
            format!(
                "{sent}; p2 > poll; p2 < got 0@10; p2 > assign [1]; p2 < ok; p2 > poll; p2 < got 2@12"
            ),
            Invalid,
            vec![Rule::Lost],
        ),
        (
            format!("{sent}; p2 > poll; p2 < got 0@10; p2 > poll; p2 < got 2@12"),
            Invalid,
            vec![Rule::Lost, Rule::PollSkip],
        ),
        // A crashed poll may have got it, unless somebody surely went past it.
        (
            format!(
                "{sent}; p4 > poll; p4 < info; p2 > poll; p2 < got 0@10; p2 > assign [1]; p2 < ok; p2 > poll; p2 < got 2@12"
            ),
            Unknown,
            vec![],
        ),
        (
            format!("{sent}; p4 > poll; p4 < info; p2 > poll; p2 < got 0@10 2@12"),
            Invalid,
            vec![Rule::Lost, Rule::InternalPollSkip],
        ),
    ];
    log_table(cases);
    let report = judge(&log_script(&format!(
        "{sent}; p2 > poll; p2 < got 0@10; p2 > assign [1]; p2 < ok; p3 > poll; p3 < got 2@12"
    )));
    let sentence =
        "p1 sent 11 to log 1 at offset 1, and nobody polled it, though p3 polled offset 2";
    assert_eq!(report.reason.as_deref(), Some(sentence), "{report:#?}");
    let report = judge(&log_script(&format!("{sent}; p2 > poll; p2 < got 0@10 1@11 2@12")));
    // Acknowledged at 1, 3 and 5 ms, polled at 7.
    let lag = report.quantiles["lag"];
    assert_eq!((lag.min, lag.p50, lag.max), (2_000_000, 4_000_000, 6_000_000));
}

#[test]
fn log_sends() {
    let cases: Vec<LogRow> = vec![
        // A send that crashed or failed need not be there; and a failed one must not.
        ("p1 > s 10; p1 < info; p2 > s 11; p2 < s 11 @1; p3 > poll; p3 < got 1@11".into(), Valid, vec![]),
        ("p1 > s 10; p1 < info; p2 > s 11; p2 < s 11 @1; p3 > poll; p3 < got 0@10 1@11".into(), Valid, vec![]),
        ("p1 > s 10; p1 < fail; p2 > poll; p2 < got".into(), Valid, vec![]),
        ("p1 > s 10; p1 < fail; p2 > poll; p2 < got 0@10".into(), Invalid, vec![Rule::Aborted]),
        ("p2 > poll; p2 < got 0@10".into(), Invalid, vec![Rule::FromNowhere]),
        ("p2 > poll; p2 < got 0@10; p1 > s 10; p1 < s 10 @0".into(), Invalid, vec![Rule::Premature]),
        ("p1 > s 10; p1 < s 10 @0; p3 > s 11; p2 > poll; p2 < got 0@11; p4 > poll; p4 < got 0@10".into(), Invalid, vec![Rule::InconsistentOffset]),
        ("p1 > s 10; p1 < s 10 @0; p2 > poll; p2 < got 0@10 1@10".into(), Invalid, vec![Rule::Duplicated]),
        ("p1 > s 10; p1 < s 10 @0; p2 > poll; p2 < got 1@10".into(), Invalid, vec![Rule::Duplicated]),
        ("p1 > s 10; p1 < s 10 @0; p1 > s 10; p1 < s 10 @1; p2 > poll; p2 < got 0@10 1@10".into(), Unknown, vec![]),
        ("p1 > s 10; p1 < s 10 @1; p1 > s 11; p1 < s 11 @0; p2 > poll; p2 < got 0@11 1@10".into(), Invalid, vec![Rule::NonmonotonicSend]),
        ("p1 > s 10; p3 > s 11; p1 < s 10 @1; p3 < s 11 @0; p2 > poll; p2 < got 0@11 1@10".into(), Valid, vec![]),
        (
            "p1 > send [[\"send\", 1, 10], [\"send\", 1, 11]]; p1 < ok [[\"send\", 1, [1, 10]], [\"send\", 1, [0, 11]]]; \
             p2 > poll; p2 < got 0@11 1@10"
                .into(),
            Invalid,
            vec![Rule::InternalNonmonotonicSend],
        ),
        (
            "p3 > s 12; p3 < s 12 @1; p1 > send [[\"send\", 1, 10], [\"send\", 1, 11]]; \
             p1 < ok [[\"send\", 1, [0, 10]], [\"send\", 1, [2, 11]]]; p2 > poll; p2 < got 0@10 1@12 2@11"
                .into(),
            Valid,
            vec![Rule::InternalSendSkip],
        ),
        (
            "p1 > txn [[\"send\", \"a\", 10], [\"poll\"]]; p1 < ok [[\"send\", \"a\", [0, 10]], [\"poll\", [[\"a\", [[0, 10]]]]]]".into(),
            Invalid,
            vec![Rule::Precommitted],
        ),
        (
            "p1 > txn [[\"send\", \"a\", 10], [\"poll\"]]; p1 < ok [[\"send\", \"a\", [0, 10]], [\"poll\", []]]; \
             p1 > poll [[\"poll\"]]; p1 < ok [[\"poll\", [[\"a\", [[0, 10]]]]]]"
                .into(),
            Valid,
            vec![],
        ),
    ];
    log_table(cases);
}

/// Two logs with gaps in their offsets; each process reads on from where it, or its group, is.
struct Logs {
    messages: [Vec<(i64, Value)>; 2],
    grouped: bool,
    positions: BTreeMap<u64, [usize; 2]>,
    fresh: usize,
}

impl Logs {
    fn answer(&mut self, random: &mut Random, process: u64, item: &Value) -> Value {
        if let [_, log, value] = &items(item)[..] {
            let offsets = &mut self.messages[log.as_int().expect("a number") as usize];
            let offset =
                offsets.last().map_or(0, |(offset, _)| offset + 1) + i64::from(random.chance(50));
            offsets.push((offset, value.clone()));
            return list([
                Value::from("send"),
                log.clone(),
                list([Value::Int(offset), value.clone()]),
            ]);
        }
        let last = process > LAST;
        let positions =
            self.positions.entry(if self.grouped && !last { 0 } else { process }).or_default();
        let mut got = Vec::new();
        for (number, log) in self.messages.iter().enumerate() {
            let left = log.len() - positions[number];
            let more = if last { left } else { random.below(4).min(left) };
            let messages = log[positions[number]..positions[number] + more]
                .iter()
                .map(|(offset, value)| list([Value::Int(*offset), value.clone()]));
            got.push(list([int(number), Value::List(messages.collect())]));
            positions[number] += more;
        }
        list([Value::from("poll"), Value::List(got)])
    }
}

impl Store for Logs {
    fn invoke(&mut self, random: &mut Random, process: u64) -> Invocation {
        // A group's members subscribe first of all.
        if self.grouped && self.positions.insert(process + 10_000, [0; 2]).is_none() {
            return ("subscribe", list([int(0), int(1)]));
        }
        let sends = random.below(3);
        let mut micro: Vec<Value> = Vec::new();
        for _ in 0..sends {
            self.fresh += 1;
            micro.push(list([Value::from("send"), int(random.below(2)), int(self.fresh)]));
        }
        if sends > 0 && random.chance(70) {
            return ("send", Value::List(micro));
        }
        // A transaction must not see what it sends, so it polls first.
        micro.insert(0, list([Value::from("poll")]));
        (if sends > 0 { "txn" } else { "poll" }, Value::List(micro))
    }

    fn act(&mut self, random: &mut Random, process: u64, (f, input): &Invocation) -> Option<Value> {
        if *f == "subscribe" {
            return Some(Value::Nil);
        }
        if process <= LAST && random.chance(5) {
            return None;
        }
        Some(Value::List(
            items(input).iter().map(|item| self.answer(random, process, item)).collect(),
        ))
    }

    fn last(&self) -> Vec<Invocation> {
        vec![("poll", list([list([Value::from("poll")])]))]
    }
}

/// The messages of the first log that holds at least so many, in the poll that ends the history.
fn last_poll(events: &[Event], least: usize) -> Option<(usize, usize, Vec<Value>)> {
    let at = *done(events, "poll").last()?;
    let logs = items(&items(&items(&events[at].value)[0])[1]);
    let found = logs.iter().map(|log| items(&items(log)[1])).enumerate();
    found.into_iter().find(|(_, messages)| messages.len() >= least).map(|(log, all)| (at, log, all))
}

/// Puts other messages of a log into the first poll of an operation.
fn put(events: &mut [Event], at: usize, log: usize, messages: Vec<Value>) {
    let mut answers = items(&events[at].value);
    let mut logs = items(&items(&answers[0])[1]);
    logs[log] = list([int(log), Value::List(messages)]);
    answers[0] = list([Value::from("poll"), Value::List(logs)]);
    events[at].value = Value::List(answers);
}

/// Histories of both kinds of consumers, none of which is to blame.
fn simulated() -> Vec<Vec<Event>> {
    let kind = PropertyKind::Log;
    let make = |grouped| {
        move |_: &mut Random| Logs {
            messages: [Vec::new(), Vec::new()],
            grouped,
            positions: BTreeMap::new(),
            fresh: 0,
        }
    };
    let grouped = innocent(kind, &plain(), make(true), 95);
    let assigned = innocent(kind, &plain(), make(false), 95);
    grouped.into_iter().chain(assigned).collect()
}

/// What becomes of the messages of a poll.
type Spoil = fn(Vec<Value>) -> Vec<Value>;

#[test]
fn simulated_logs() {
    let kind = PropertyKind::Log;
    let histories = simulated();
    guilty(kind, &plain(), &histories, &[Rule::Lost], |events, random| {
        // An acknowledged message in the middle is nowhere to be polled.
        let (_, log, messages) = last_poll(events, 3)?;
        let acknowledged: BTreeSet<Value> = ["send", "txn"]
            .iter()
            .flat_map(|f| done(events, f))
            .flat_map(|at| items(&events[at].value))
            .filter_map(|item| items(&item).get(2).map(|pair| items(pair)[1].clone()))
            .collect();
        let inner = &messages[1..messages.len() - 1];
        let sure = inner.iter().filter(|message| acknowledged.contains(&items(message)[1]));
        let gone = random.pick(&sure.cloned().collect::<Vec<_>>())?;
        for at in ["poll", "txn"].iter().flat_map(|f| done(events, f)).collect::<Vec<_>>() {
            let logs = items(&items(&items(&events[at].value)[0])[1]);
            let kept = without(&items(&logs[log])[1], &gone);
            put(events, at, log, items(&kept));
        }
        Some(())
    });
}

#[test]
fn spoilt_polls() {
    let kind = PropertyKind::Log;
    let histories = simulated();
    let spoils: [(Rule, Spoil); 5] = [
        (Rule::InternalPollSkip, |mut all| {
            all.remove(1);
            all
        }),
        (Rule::InternalNonmonotonicPoll, |mut all| {
            all.swap(0, 1);
            all
        }),
        (Rule::Duplicated, |mut all| {
            all.push(list([int(1_000_000), items(&all[0])[1].clone()]));
            all
        }),
        (Rule::FromNowhere, |mut all| {
            all.push(list([int(1_000_000), int(1_000_000)]));
            all
        }),
        (Rule::InconsistentOffset, |mut all| {
            let (one, other) = (items(&all[0]), items(&all[1]));
            all[1] = list([other[0].clone(), one[1].clone()]);
            all[0] = list([one[0].clone(), other[1].clone()]);
            all
        }),
    ];
    // What is skipped, or said to be elsewhere, must be known from somebody else.
    let seen_twice: Vec<Vec<Event>> = histories
        .iter()
        .filter(|events| {
            last_poll(events, 3).is_some_and(|(last, _, messages)| {
                let told = format!("{}", items(&messages[1])[1]);
                let before = events[..call(events, last)].iter();
                let offset = format!("[{} {told}]", items(&messages[1])[0]);
                before
                    .filter(|e| e.kind == EventKind::Ok)
                    .any(|e| e.value.to_string().contains(&offset))
            })
        })
        .cloned()
        .collect();
    assert!(seen_twice.len() > 200, "{}", seen_twice.len());
    for (rule, spoil) in spoils {
        guilty(kind, &plain(), &seen_twice, &[rule], |events, _| {
            let (at, log, messages) = last_poll(events, 3)?;
            put(events, at, log, spoil(messages));
            Some(())
        });
    }
}
