//! What is no history is refused as the builder of whole histories refuses it.

use crate::Value;
use crate::check::{ModelKind, Validity};
use crate::history::{Builder, EventKind, EventRef, HistoryError, ProcessId};
use crate::monitor::{Monitor, MonitorError, MonitorOptions};
use crate::search::tests::generate::Random;

fn event<'a>(
    process: u64,
    kind: EventKind,
    f: &'a str,
    key: Option<&'a str>,
    value: Value,
) -> EventRef<'a> {
    let process = ProcessId(process);
    EventRef { time: None, process, kind, f, key, value, node: None, error: None }
}

fn some_event(random: &mut Random) -> EventRef<'static> {
    let kinds = [EventKind::Invoke, EventKind::Ok, EventKind::Fail, EventKind::Info];
    let mut pick = |limit: u64| random.below(limit) as usize;
    let kind = kinds[[0, 0, 0, 1, 1, 1, 2, 3][pick(8)]];
    let f = ["read", "write"][pick(2)];
    let key = [None, Some("a"), Some("b"), Some("b")][pick(4)];
    let value = Value::Int(random.below(1_000_000).cast_signed());
    event(random.below(3), kind, f, key, value)
}

/// The same error at the same event, which leaves no trace; also where it is about the key.
#[test]
fn events_that_make_no_history_are_refused_as_the_builder_does() {
    let mut refused = [0_u32; 5];
    for round in 0..30_000 {
        let mut random = Random(round);
        let mut builder = Builder::new();
        let mut monitor = Monitor::new(ModelKind::Register, MonitorOptions::default());
        for _ in 0..12 {
            let event = some_event(&mut random);
            let expected = builder.push(event.clone());
            match (monitor.push(&event), expected) {
                (Ok(_), Ok(())) => refused[0] += 1,
                (Err(MonitorError::History(error)), Err(expected)) => {
                    assert_eq!(error, expected, "round {round}");
                    refused[match error {
                        HistoryError::NotInvoked { .. } => 1,
                        HistoryError::StillOpen { .. } => 2,
                        HistoryError::Retired { .. } => 3,
                        HistoryError::Mismatch { .. } | HistoryError::TooLong { .. } => 4,
                    }] += 1;
                }
                (found, expected) => panic!("round {round}: {found:?}, but {expected:?}"),
            }
        }
        let (history, conclusion) = (builder.finish(), monitor.conclusion());
        assert_eq!(conclusion.operations, history.len() as u64);
        assert_eq!(conclusion.crashed, history.crashed() as u64);
        assert_eq!(conclusion.events, history.events());
    }
    assert!(refused.iter().all(|count| *count > 2_000), "{refused:?}");
}

/// Transactions are one object, but what they name must still be the same at both ends.
#[test]
fn a_transaction_that_completes_for_another_key_is_refused() {
    let mut monitor = Monitor::new(ModelKind::MultiRegister, MonitorOptions::default());
    let micro = Value::List(vec![Value::from("write"), Value::from("x"), Value::Int(1)]);
    let value = Value::List(vec![micro]);
    let mut tell = |kind, key| monitor.push(&event(1, kind, "txn", key, value.clone()));
    assert_eq!(tell(EventKind::Invoke, Some("a")), Ok(None));
    let error = tell(EventKind::Ok, Some("b")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event 1: process 1 completes `txn b`, but invoked `txn a` at event 0"
    );
    assert_eq!(error.event(), 1);
    assert_eq!(tell(EventKind::Ok, None), Ok(None));
    assert_eq!((monitor.conclusion().validity, monitor.conclusion().keys), (Validity::Valid, 1));
}

#[test]
fn an_update_that_is_not_repeated_is_refused_where_that_is_the_convention() {
    for updates_are_repeated in [false, true] {
        let options = MonitorOptions { updates_are_repeated, ..MonitorOptions::default() };
        let mut monitor = Monitor::new(ModelKind::Register, options);
        let mut tell = |kind, f, value| monitor.push(&event(1, kind, f, None, value));
        tell(EventKind::Invoke, "write", Value::Int(1)).unwrap();
        let other = tell(EventKind::Ok, "write", Value::Int(2));
        if updates_are_repeated {
            let error = other.unwrap_err();
            assert_eq!(
                error.to_string(),
                "event 1: `write` completes with value 2, but was invoked with 1 at event 0"
            );
            assert_eq!(error.event(), 1);
            tell(EventKind::Ok, "write", Value::Nil).unwrap();
        } else {
            assert_eq!(other, Ok(None), "what it was invoked with counts");
        }
        tell(EventKind::Invoke, "read", Value::Nil).unwrap();
        assert_eq!(tell(EventKind::Ok, "read", Value::Int(1)), Ok(None));
    }
}
