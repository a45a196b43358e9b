use std::fs;

use super::*;
use crate::nemesis::{FaultLog, FaultPhase, FaultRecord};

fn recorder(folder: &Path) -> Recorder {
    Recorder::create(&folder.join("history.jsonl"), RunClock::start()).unwrap()
}

fn write(value: i64) -> Invocation {
    Invocation { f: "write", key: "k1".into(), value: Value::Int(value) }
}

fn events(folder: &Path) -> Vec<Event> {
    let text = fs::read_to_string(folder.join("history.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_invocation_is_on_file_before_it_returns() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = recorder(folder.path());
    recorder.invoke(ProcessId(3), &write(5), "n2").unwrap();
    let text = fs::read_to_string(folder.path().join("history.jsonl")).unwrap();
    assert!(text.ends_with('\n'));
    let event = &events(folder.path())[0];
    assert_eq!((event.index, event.process, event.kind), (0, ProcessId(3), EventKind::Invoke));
    assert_eq!((event.f.as_str(), event.key.as_deref()), ("write", Some("k1")));
    assert_eq!((&event.value, event.node.as_deref()), (&Value::Int(5), Some("n2")));
}

#[test]
fn completions_carry_the_answer_or_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = recorder(folder.path());
    let read = Invocation::read("k1".into());
    recorder.complete(ProcessId(0), &read, "n1", &Completion::Ok(Value::Int(9))).unwrap();
    recorder.complete(ProcessId(1), &write(2), "n1", &Completion::Fail("refused".into())).unwrap();
    recorder.complete(ProcessId(2), &write(3), "n1", &Completion::Info("timeout".into())).unwrap();
    let events = events(folder.path());
    assert_eq!((events[0].kind, &events[0].value), (EventKind::Ok, &Value::Int(9)));
    assert_eq!((events[1].kind, events[1].error.as_deref()), (EventKind::Fail, Some("refused")));
    assert_eq!((events[2].kind, &events[2].value), (EventKind::Info, &Value::Int(3)));
}

#[test]
fn the_order_of_the_file_is_the_order_of_time_from_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = recorder(folder.path());
    std::thread::scope(|scope| {
        for process in 0..4 {
            let recorder = &recorder;
            scope.spawn(move || {
                for value in 0..200 {
                    let write = write(value);
                    recorder.invoke(ProcessId(process), &write, "n1").unwrap();
                    let done = Completion::Ok(write.value.clone());
                    recorder.complete(ProcessId(process), &write, "n1", &done).unwrap();
                }
            });
        }
    });
    let events = events(folder.path());
    assert_eq!(events.len(), 1600);
    assert!(events.iter().enumerate().all(|(at, event)| event.index == at as u64));
    assert!(events.windows(2).all(|pair| pair[0].time <= pair[1].time));
}

#[test]
fn a_full_disk_stops_the_history_and_stays_an_error() {
    let path = Path::new("/dev/full");
    let file = File::options().append(true).open(path).unwrap();
    let journal = Journal { path: path.into(), file, line: Vec::new(), failed: None };
    let recorder = Recorder::into_sink(Sink::File(journal), RunClock::start());
    let error = recorder.invoke(ProcessId(0), &write(1), "n1").unwrap_err();
    assert!(error.to_string().starts_with("cannot write /dev/full: No space left"), "{error}");
    // Even if there is room again, a line after a torn one would read as corruption.
    if let Sink::File(journal) = &mut lock(&recorder.history).sink {
        journal.file = File::options().write(true).open("/dev/null").unwrap();
    }
    assert!(recorder.invoke(ProcessId(0), &write(2), "n1").is_err());
}

#[test]
fn a_history_in_memory_is_that_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let time = Arc::new(AtomicU64::new(0));
    let clock = RunClock::told_by(Arc::clone(&time));
    let on_file = Recorder::create(&folder.path().join("history.jsonl"), clock.clone()).unwrap();
    let (in_memory, kept) = Recorder::in_memory(clock);
    let (listener, heard) = std::sync::mpsc::channel();
    let in_memory = in_memory.heard_by(listener);
    let both = [&on_file, &in_memory];
    time.store(7, Ordering::Relaxed);
    for recorder in both {
        recorder.invoke(ProcessId(0), &write(5), "n1").unwrap();
    }
    time.store(9, Ordering::Relaxed);
    let unknown = Completion::Info("timeout".into());
    for recorder in both {
        recorder.complete(ProcessId(0), &write(5), "n1", &unknown).unwrap();
    }
    assert_eq!(both.map(Recorder::events), [2, 2]);
    let written = events(folder.path());
    assert_eq!(written.iter().map(|event| event.time).collect::<Vec<_>>(), [Some(7), Some(9)]);
    assert_eq!(heard.try_iter().map(Option::unwrap).collect::<Vec<_>>(), written);
    assert_eq!(kept.look(<[Event]>::len), 2);
    assert_eq!(kept.take(), written);
    assert_eq!(kept.take(), []);
}

#[test]
fn faults_are_written_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faults.jsonl");
    let journal = FaultJournal::create(&path, RunClock::start()).unwrap();
    let record = FaultRecord {
        id: 0,
        phase: FaultPhase::Planned,
        time: journal.now(),
        fault: "kill-leader".into(),
        duration: 5,
        nodes: Vec::new(),
        links: Vec::new(),
        receipt: None,
    };
    journal.record(record.clone());
    assert_eq!(journal.records(), std::slice::from_ref(&record));
    let line = fs::read_to_string(&path).unwrap();
    assert_eq!(serde_json::from_str::<FaultRecord>(&line).unwrap(), record);
    assert!(journal.error().is_none());
    assert_eq!(journal.in_force(), [""; 0], "planned is not in force");
    journal.record(FaultRecord { phase: FaultPhase::Installed, ..record.clone() });
    assert_eq!(journal.in_force(), ["kill-leader"]);
    journal.record(FaultRecord { phase: FaultPhase::Healed, ..record });
    assert_eq!(journal.in_force(), [""; 0]);
    assert!(FaultJournal::create(&path, RunClock::start()).is_err(), "never writes over a run");
    let in_memory = FaultJournal::in_memory(RunClock::start());
    journal.records().into_iter().for_each(|record| in_memory.record(record));
    assert_eq!(in_memory.records(), journal.records());
}
