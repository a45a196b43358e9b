//! Random histories of simulated stores, and faults planted in them.

use rashomon_checker::Value;
use rashomon_checker::check::Validity;
use rashomon_checker::history::{Event, EventKind, History, ProcessId};
use rashomon_checker::properties::{self, PropertyKind, PropertyOptions, PropertyReport, Rule};

/// Histories of each kind of store.
pub(crate) const SEEDS: u64 = 400;

/// Processes from here on do what is done in the end.
pub(crate) const LAST: u64 = 1000;

/// `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, things: &[T]) -> Option<T> {
        (!things.is_empty()).then(|| things[self.below(things.len())].clone())
    }
}

pub(crate) fn int(number: usize) -> Value {
    Value::Int(number.try_into().expect("a small number"))
}

pub(crate) fn list<const N: usize>(items: [Value; N]) -> Value {
    Value::List(items.into())
}

pub(crate) fn items(value: &Value) -> Vec<Value> {
    value.as_list().expect("a list").to_vec()
}

pub(crate) type Invocation = (&'static str, Value);

/// What is simulated.
pub(crate) trait Store {
    /// What a client does next.
    fn invoke(&mut self, random: &mut Random, process: u64) -> Invocation;
    /// Does it: the answer, or `None` if it is refused.
    fn act(&mut self, random: &mut Random, process: u64, done: &Invocation) -> Option<Value>;
    /// What is done in the end, one after the other.
    fn last(&self) -> Vec<Invocation>;
}

enum Answer {
    /// It has not taken effect.
    Pending,
    Refused,
    Given(Value),
}

struct Open {
    process: u64,
    what: Invocation,
    answer: Answer,
}

struct Run<'a, S> {
    store: &'a mut S,
    random: Random,
    events: Vec<Event>,
    open: Vec<Open>,
    /// Crashed before they took effect; may still.
    late: Vec<Open>,
    idle: Vec<u64>,
    next: u64,
}

impl<S: Store> Run<'_, S> {
    fn event(&mut self, process: u64, kind: EventKind, f: &str, value: Value) {
        let index = self.events.len() as u64;
        self.events.push(Event {
            index,
            time: Some(index * 1000),
            process: ProcessId(process),
            kind,
            f: f.to_owned(),
            key: None,
            value,
            node: None,
            error: None,
        });
    }

    fn invoke(&mut self, process: u64, what: Invocation) {
        self.event(process, EventKind::Invoke, what.0, what.1.clone());
        self.open.push(Open { process, what, answer: Answer::Pending });
    }

    fn step(&mut self, crashes: usize) {
        if let Some(late) =
            (!self.late.is_empty() && self.random.chance(5)).then(|| self.late.remove(0))
        {
            self.store.act(&mut self.random, late.process, &late.what);
        }
        let at = self.random.below(self.idle.len() + self.open.len());
        if at < self.idle.len() {
            let process = self.idle.swap_remove(at);
            let what = self.store.invoke(&mut self.random, process);
            self.invoke(process, what);
            return;
        }
        let at = at - self.idle.len();
        if self.random.chance(crashes) {
            let open = self.open.remove(at);
            self.event(open.process, EventKind::Info, open.what.0, Value::Nil);
            if matches!(open.answer, Answer::Pending) {
                self.late.push(open);
            }
            self.idle.push(self.next);
            self.next += 1;
        } else {
            self.forward(at);
        }
    }

    /// Takes effect, or completes.
    fn forward(&mut self, at: usize) {
        if matches!(self.open[at].answer, Answer::Pending) {
            let answer =
                self.store.act(&mut self.random, self.open[at].process, &self.open[at].what);
            self.open[at].answer = answer.map_or(Answer::Refused, Answer::Given);
            return;
        }
        let open = self.open.remove(at);
        let (kind, value) = match open.answer {
            Answer::Given(answer) => (EventKind::Ok, answer),
            Answer::Pending | Answer::Refused => (EventKind::Fail, Value::Nil),
        };
        self.event(open.process, kind, open.what.0, value);
        self.idle.push(open.process);
    }
}

pub(crate) fn simulate<S: Store>(
    store: &mut S,
    seed: u64,
    steps: usize,
    crashes: usize,
) -> Vec<Event> {
    let mut run = Run {
        store,
        random: Random(seed),
        events: Vec::new(),
        open: Vec::new(),
        late: Vec::new(),
        idle: (0..5).collect(),
        next: 5,
    };
    for _ in 0..steps {
        run.step(crashes);
    }
    while !run.open.is_empty() {
        run.forward(0);
    }
    run.next = LAST;
    for what in run.store.last() {
        run.next += 1;
        run.invoke(run.next, what);
        run.forward(0);
        run.forward(0);
    }
    run.events
}

pub(crate) fn judge(
    kind: PropertyKind,
    options: &PropertyOptions<'_>,
    events: &[Event],
) -> PropertyReport {
    let history = History::from_events(events).expect("a history");
    properties::check(kind, &history, options).expect("a fit")
}

/// Checks many histories of correct stores; at least so many percent must be valid, the rest unknown. Answers them.
pub(crate) fn innocent<S: Store>(
    kind: PropertyKind,
    options: &PropertyOptions<'_>,
    make: impl Fn(&mut Random) -> S,
    valid_percent: u64,
) -> Vec<Vec<Event>> {
    let mut valid = 0;
    let mut all = Vec::new();
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let (steps, crashes) = (20 + random.below(200), [0, 2, 10, 30][random.below(4)]);
        let events = simulate(&mut make(&mut random), seed, steps, crashes);
        let report = judge(kind, options, &events);
        assert_ne!(report.validity, Validity::Invalid, "seed {seed}: {report:#?}");
        valid += u64::from(report.validity == Validity::Valid);
        all.push(events);
    }
    assert!(valid * 100 >= SEEDS * valid_percent, "{valid} of {SEEDS} {kind} valid");
    all
}

/// Plants a fault in every history that allows it, and demands that it is found.
pub(crate) fn guilty(
    kind: PropertyKind,
    options: &PropertyOptions<'_>,
    histories: &[Vec<Event>],
    rules: &[Rule],
    plant: impl Fn(&mut Vec<Event>, &mut Random) -> Option<()>,
) {
    let mut planted = 0;
    for (seed, history) in histories.iter().enumerate() {
        let mut events = history.clone();
        if plant(&mut events, &mut Random(seed as u64 + 7)).is_none() {
            continue;
        }
        planted += 1;
        let report = judge(kind, options, &events);
        assert_eq!(report.validity, Validity::Invalid, "seed {seed} {rules:?}: {report:#?}");
        let named = report.found.keys().any(|rule| rules.contains(rule));
        assert!(named, "seed {seed} {rules:?}: {report:#?}");
    }
    assert!(planted * 3 >= histories.len(), "{planted} faults {rules:?}");
}

/// Positions of the completions of `f`.
pub(crate) fn done(events: &[Event], f: &str) -> Vec<usize> {
    let done = |event: &Event| event.kind == EventKind::Ok && event.f == f;
    (0..events.len()).filter(|at| done(&events[*at])).collect()
}

/// The position of the invocation of a completion.
pub(crate) fn call(events: &[Event], at: usize) -> usize {
    let process = events[at].process;
    (0..at).rev().find(|before| events[*before].process == process).expect("an invocation")
}

pub(crate) fn plain() -> PropertyOptions<'static> {
    PropertyOptions::default()
}

/// A list without an item.
pub(crate) fn without(value: &Value, gone: &Value) -> Value {
    Value::List(items(value).into_iter().filter(|item| item != gone).collect())
}
