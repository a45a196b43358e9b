//! Where a monitor gives up: it says so, and never takes what it does not know for a violation.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Value;
use crate::check::{ModelKind, Validity};
use crate::history::{EventKind, EventRef, ProcessId};
use crate::model::fifo_queue::FifoQueue;
use crate::monitor::generic::Generic;
use crate::monitor::{Monitor, MonitorOptions, Object, State, Violation};

/// A monitor, with events told in few words.
struct Told<'a>(Monitor<'a>);

impl<'a> Told<'a> {
    fn new(model: ModelKind, memory_bytes_max: usize) -> Self {
        Self(Monitor::new(model, MonitorOptions { memory_bytes_max, ..MonitorOptions::default() }))
    }

    fn queue(should_stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        let options = MonitorOptions { should_stop, ..MonitorOptions::default() };
        Self(Monitor::new(ModelKind::FifoQueue, options))
    }

    fn register() -> Self {
        Self::new(ModelKind::Register, 256 << 20)
    }

    fn event(
        &mut self,
        process: u64,
        kind: EventKind,
        (f, key, value): (&str, &str, Value),
    ) -> Option<Violation> {
        let (process, key) = (ProcessId(process), Some(key));
        let event = EventRef { time: None, process, kind, f, key, value, node: None, error: None };
        self.0.push(&event).unwrap()
    }

    /// An operation that nothing overlaps.
    fn whole(&mut self, f: &str, key: &str, value: i64) -> Option<Violation> {
        let input = if f == "read" { Value::Nil } else { Value::Int(value) };
        self.event(0, EventKind::Invoke, (f, key, input));
        self.event(0, EventKind::Ok, (f, key, Value::Int(value)))
    }

    fn reason(&self) -> String {
        let conclusion = self.0.conclusion();
        assert_eq!(conclusion.validity, Validity::Unknown);
        conclusion.reason.unwrap()
    }
}

/// Enqueued all at once: they may stand in the queue in any order.
fn crowd(told: &mut Told<'_>, elements: u64) {
    for element in 0..elements {
        let value = Value::Int(element.cast_signed());
        told.event(element + 1, EventKind::Invoke, ("enqueue", "q", value));
    }
    for element in 0..elements {
        told.event(element + 1, EventKind::Ok, ("enqueue", "q", Value::Nil));
    }
}

#[test]
fn a_search_without_end_is_given_up_and_the_other_objects_are_judged() {
    for (memory, why) in [
        (1 << 20, "key q is not decided while it is used: the memory budget is used up"),
        (
            1 << 40,
            "key q is not decided while it is used: too much would have to be tried to keep pace",
        ),
    ] {
        let mut told = Told::new(ModelKind::FifoQueue, memory);
        // The first object, which would otherwise try for seconds.
        let watch = Generic::new(FifoQueue::new(), told.0.limits()).with_credit(100);
        told.0.objects.push(Object { state: State::Watched(Box::new(watch)), unsaid: 0 });
        crowd(&mut told, 11);
        told.event(0, EventKind::Invoke, ("dequeue", "q", Value::Nil));
        assert_eq!(
            told.event(0, EventKind::Ok, ("dequeue", "q", Value::Int(99))),
            None,
            "withheld"
        );
        assert_eq!(told.reason(), why);
        assert_eq!(told.0.remembered(), 0, "what is not decided any more is not kept");
        told.event(0, EventKind::Invoke, ("dequeue", "p", Value::Nil));
        let seen = told.event(0, EventKind::Ok, ("dequeue", "p", Value::Int(1))).unwrap();
        assert_eq!(seen.key.as_deref(), Some("p"));
        assert_eq!(told.0.conclusion().validity, Validity::Invalid);
    }
}

/// Told to stop at any moment, it says nothing that is not so, and goes on with other objects.
#[test]
fn a_stop_is_heard_while_one_event_is_judged() {
    for taken in [5, 99] {
        let asked = AtomicU64::new(0);
        let judge = |patience: u64| {
            asked.store(0, Ordering::Relaxed);
            let should_stop = || asked.fetch_add(1, Ordering::Relaxed) >= patience;
            let mut told = Told::queue(&should_stop);
            crowd(&mut told, 7);
            told.event(0, EventKind::Invoke, ("dequeue", "q", Value::Nil));
            let seen = told.event(0, EventKind::Ok, ("dequeue", "q", Value::Int(taken)));
            let conclusion = told.0.conclusion();
            told.event(0, EventKind::Invoke, ("dequeue", "p", Value::Nil));
            let other = told.event(0, EventKind::Ok, ("dequeue", "p", Value::Int(1)));
            assert_eq!(other.and_then(|seen| seen.key).as_deref(), Some("p"));
            (seen.is_some(), conclusion)
        };
        let whole = judge(u64::MAX);
        let validity = if taken == 5 { Validity::Valid } else { Validity::Invalid };
        assert_eq!((whole.0, whole.1.validity), (taken == 99, validity));
        let all = asked.load(Ordering::Relaxed);
        assert!(all > 20, "{taken}: asked {all} times");
        for patience in (0..all).step_by(1 + all as usize / 30) {
            let (seen, conclusion) = judge(patience);
            assert_eq!((seen, conclusion.validity), (false, Validity::Unknown));
            let why = "key q is not decided while it is used: the check was told to stop";
            assert_eq!(conclusion.reason.as_deref(), Some(why));
            assert_eq!(
                asked.load(Ordering::Relaxed),
                patience + 1,
                "what is given up is left alone"
            );
        }
        assert_eq!(judge(all), whole);
    }
}

/// A value that comes again needs the search, which needs the first events. They are kept up to a number.
#[test]
fn a_value_that_comes_again_late_is_not_decided() {
    for (writes, decided) in [(100, true), (200, false)] {
        let mut told = Told::register();
        // As long as this one is open, nothing is forgotten.
        told.event(1, EventKind::Invoke, ("read", "k", Value::Nil));
        for value in 1..=writes {
            assert_eq!(told.whole("write", "k", value), None);
        }
        assert_eq!(told.whole("write", "k", 1), None);
        let stale = told.whole("read", "k", 2);
        if decided {
            assert_eq!(stale.map(|violation| violation.event), Some(2 * 102), "{writes}");
            continue;
        }
        assert_eq!(stale, None);
        assert_eq!(
            told.reason(),
            "key k is not decided while it is used: a value is written twice"
        );
        assert_eq!(told.0.remembered(), 0);
        assert_eq!(told.whole("read", "k", 7), None, "nothing is said about it any more");
    }
}

/// Objects without end keep their first events only as long as there is room for all of them.
#[test]
fn many_objects_do_not_keep_the_history() {
    let mut told = Told::register();
    told.event(1, EventKind::Invoke, ("read", "open", Value::Nil));
    for key in 0..10_000 {
        let key = format!("k{key}");
        assert_eq!(told.whole("write", &key, 1), None);
        assert_eq!(told.whole("read", &key, 1), None);
    }
    assert!((4_000..=4_096).contains(&told.0.kept), "{} of 40,000 events", told.0.kept);
    // Early and late alike are still judged, but for values that come again.
    assert!(told.whole("read", "k9000", 2).is_some());
    assert_eq!(told.whole("write", "k9001", 1), None);
    assert_eq!(told.whole("read", "k9001", 9), None, "not decided any more");
    assert!(told.whole("read", "k5", 3).is_some());
}

/// A write that was invoked with nil may turn out to have written just what the read saw.
#[test]
fn an_alarm_waits_for_what_is_not_said_yet() {
    for says in [false, true] {
        let mut told = Told::register();
        let first = if says { Value::Int(1) } else { Value::Nil };
        told.event(1, EventKind::Invoke, ("write", "k", first));
        let seen = told.whole("read", "k", 5);
        if says {
            assert_eq!(seen.map(|violation| violation.event), Some(2));
            continue;
        }
        assert_eq!(seen, None, "withheld");
        let why = "key k is not decided while it is used: what an operation did became known only when it was done";
        assert_eq!(told.reason(), why);
        assert_eq!(told.event(1, EventKind::Ok, ("write", "k", Value::Int(5))), None);
        assert_eq!(told.reason(), why);
    }
}
