//! Judging the history while it is recorded.
//!
//! A thread of its own takes every event, in the order of the file, to a [`Monitor`]; the clients do not wait for it. At
//! the first violation a person is told at once. The verdict of the run is that of the check afterwards, which explains
//! what it finds; that both agree is looked at in the end, as a disagreement would be a bug of the checker.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rashomon_checker::check::{ModelKind, Validity};
use rashomon_checker::history::{Event, EventRef};
use rashomon_checker::monitor::{Monitor, MonitorOptions, Violation};

use tokio_util::sync::CancellationToken;

use crate::progress::Progress;
use crate::recorder::{Listener, RunClock};
use crate::verdict::Sighting;

/// Watches one run.
pub(super) struct Onlooker {
    listener: Listener,
    thread: JoinHandle<Seen>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The first violation.
    pub(super) sighting: Option<Sighting>,
    /// Whether everything was judged.
    pub(super) complete: bool,
}

impl Onlooker {
    /// Starts to watch what the listener is told. The first violation is told to `progress` and cancels `at_violation`.
    pub(super) fn start(
        model: ModelKind,
        clock: RunClock,
        progress: Arc<Progress>,
        at_violation: CancellationToken,
    ) -> (Listener, Self) {
        let (listener, events) = mpsc::channel();
        let tell = move |sighting: &Sighting| {
            progress.note(&sighting.sentence);
            at_violation.cancel();
        };
        let thread = thread::spawn(move || watch(model, &clock, &tell, &events));
        (listener.clone(), Self { listener, thread })
    }

    /// Waits until everything that was recorded is judged. Nothing may be recorded any more.
    pub(super) fn finish(self) -> Seen {
        // Somebody may still hold on to the recorder, so the end must be told. If nobody listens, it is over already.
        let _ = self.listener.send(None);
        // A monitor that panicked has seen nothing; the check decides.
        self.thread.join().unwrap_or_default()
    }
}

fn watch(
    model: ModelKind,
    clock: &RunClock,
    tell: &impl Fn(&Sighting),
    events: &Receiver<Option<Event>>,
) -> Seen {
    let mut monitor = Monitor::new(model, MonitorOptions::default());
    let mut seen = Seen::default();
    for event in events.iter().map_while(|event| event) {
        let Ok(violation) = monitor.push(&EventRef::from(&event)) else { return seen };
        if let Some(violation) = violation
            && seen.sighting.is_none()
        {
            let sighting = sighting(&violation, &event, clock);
            tell(&sighting);
            seen.sighting = Some(sighting);
        }
    }
    seen.complete = monitor.conclusion().validity != Validity::Unknown;
    seen
}

fn sighting(violation: &Violation, event: &Event, clock: &RunClock) -> Sighting {
    let recorded = event.time.unwrap_or_default();
    let seconds = Duration::from_nanos(recorded).as_secs_f64();
    let sentence = format!("{seconds:.1} s into the run: not linearizable from event {violation}");
    let delay_ms = clock.now().saturating_sub(recorded) as f64 / 1e6;
    Sighting { event: violation.event, seconds, delay_ms, sentence }
}

#[cfg(test)]
mod tests {
    use rashomon_checker::Value;
    use rashomon_checker::history::{EventKind, ProcessId};

    use super::*;

    fn seen(answer: Value) -> Seen {
        let progress =
            Arc::new(Progress::new(Duration::from_secs(1), crate::progress::Voice::Lines));
        let found = CancellationToken::new();
        let (listener, onlooker) =
            Onlooker::start(ModelKind::Register, RunClock::start(), progress, found.clone());
        let steps = [
            (EventKind::Invoke, "write", Value::Int(3)),
            (EventKind::Ok, "write", Value::Int(3)),
            (EventKind::Invoke, "read", Value::Nil),
            (EventKind::Ok, "read", answer),
        ];
        for (index, (kind, f, value)) in (0..).zip(steps) {
            let event = Event {
                index,
                time: Some(index),
                process: ProcessId(0),
                kind,
                f: f.to_owned(),
                key: Some("k1".to_owned()),
                value,
                node: None,
                error: None,
            };
            listener.send(Some(event)).unwrap();
        }
        let seen = onlooker.finish();
        assert_eq!(found.is_cancelled(), seen.sighting.is_some());
        seen
    }

    #[test]
    fn a_violation_is_seen_at_its_event() {
        let lie = seen(Value::Nil);
        let sighting = lie.sighting.unwrap();
        assert_eq!((sighting.event, lie.complete), (3, true));
        assert!(sighting.sentence.contains("event 3: key k1"), "{}", sighting.sentence);
        let truth = seen(Value::Int(3));
        assert!(truth.sighting.is_none() && truth.complete);
    }
}
