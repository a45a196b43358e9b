//! Random histories for tests: spans in which operations act one after the other.

use super::brute::{Random, random_spans};
use super::{NEVER, Timed};
use crate::Value;
use crate::check::{CheckOptions, Engine, ModelKind, Validity, check};
use crate::history::{Event, EventKind, History, ProcessId};

/// Random spans, and those that act, in the order in which they do: each between its ends, half of the crashed ones
/// never. In some histories most are open for long.
pub(crate) fn acting(
    random: &mut Random,
    count: usize,
    open_max: usize,
    crashes: u64,
) -> (Vec<Timed<()>>, Vec<usize>) {
    let mut spans = random_spans(random, count, open_max, crashes);
    let last = 2 * count as u32;
    if random.chance(30) {
        for (at, span) in (0..).zip(&mut spans) {
            let long = span.ret != NEVER && random.chance(60);
            span.ret = if long { last + at } else { span.ret };
        }
    }
    let mut points: Vec<(u64, usize)> = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        if span.ret == NEVER && random.chance(50) {
            continue;
        }
        let end = if span.ret == NEVER { 2 * last } else { span.ret };
        let width = u64::from(end - span.call) << 16;
        points.push(((u64::from(span.call) << 16) + random.below(width), at));
    }
    points.sort_unstable();
    (spans, points.into_iter().map(|(_, at)| at).collect())
}

/// Moves a completion earlier or an invocation later, so that the operations contradict each other sooner. Positions
/// stay different, operations in order of invocation.
pub(crate) fn tighten<T>(random: &mut Random, ops: &mut [Timed<T>]) {
    // Twice as fine, so that there is room for the moved event.
    for op in &mut *ops {
        op.call = 2 * op.call + 1;
        op.ret = if op.ret == NEVER { NEVER } else { 2 * op.ret + 1 };
    }
    let at = random.below(ops.len() as u64) as usize;
    if ops[at].ret == NEVER {
        return;
    }
    if random.chance(50) {
        ops[at].ret = ops[at].call + 1;
    } else {
        ops[at].call = ops[at].ret - 1;
        ops.sort_by_key(|op| op.call);
    }
}

/// How many histories to try: so many, or as many as `RASHOMON_FUZZ_ROUNDS` says.
pub(crate) fn rounds(committed: u64) -> u64 {
    let told = std::env::var("RASHOMON_FUZZ_ROUNDS").ok();
    told.and_then(|rounds| rounds.parse().ok()).unwrap_or(committed)
}

/// What the tree search finds, if it has memory enough. `describe` gives function, argument and answer.
pub(crate) fn search_says<T>(
    model: ModelKind,
    ops: &[Timed<T>],
    describe: impl Fn(&Timed<T>) -> (&'static str, Value, Value),
) -> Option<bool> {
    let mut events = Vec::new();
    for (process, op) in (0..).zip(ops) {
        let (f, input, answer) = describe(op);
        let event = |kind, value| Event {
            index: 0,
            time: None,
            process: ProcessId(process),
            kind,
            f: f.to_owned(),
            key: None,
            value,
            node: None,
            error: None,
        };
        events.push((op.call, event(EventKind::Invoke, input)));
        if !op.is_crashed() {
            events.push((op.ret, event(EventKind::Ok, answer)));
        }
    }
    events.sort_by_key(|(at, _)| *at);
    let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
    let options =
        CheckOptions { memory_bytes_max: 16 << 20, engine: Engine::Wgl, ..CheckOptions::default() };
    let history = History::from_events(&events).expect("a history");
    let report = check(&history, model, &options).expect("a fit");
    match report.validity {
        Validity::Valid => Some(true),
        Validity::Invalid => Some(false),
        Validity::Unknown => None,
    }
}
