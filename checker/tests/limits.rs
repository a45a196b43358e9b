//! Budgets end a search as unknown, never with a wrong answer; and long histories need neither stack nor luck.

#[path = "support/generate.rs"]
mod generate;
#[path = "support/script.rs"]
mod script;

use std::sync::atomic::{AtomicU64, Ordering};

use generate::{Random, Shape};
use rashomon_checker::Value;
use rashomon_checker::check::{CheckOptions, CheckReport, Engine, ModelKind, Validity, check};
use rashomon_checker::history::{Event, EventKind, History};

fn judge(
    events: &[Event],
    model: ModelKind,
    memory_bytes_max: usize,
    should_stop: &(dyn Fn() -> bool + Sync),
) -> CheckReport {
    judge_by(Engine::Auto, events, model, memory_bytes_max, should_stop)
}

fn judge_by(
    engine: Engine,
    events: &[Event],
    model: ModelKind,
    memory_bytes_max: usize,
    should_stop: &(dyn Fn() -> bool + Sync),
) -> CheckReport {
    let options = CheckOptions {
        engine,
        memory_bytes_max,
        should_stop,
        threads: 2,
        initial: None,
        failed_cas_observed: false,
        ..CheckOptions::default()
    };
    check(&History::from_events(events).expect("a history"), model, &options).expect("a fit")
}

/// Compare-and-sets between five values, all open at once, and a read afterwards that none explains: as hard as it gets.
fn hard(key: &str, clients: u64) -> String {
    let pairs = (0..5).flat_map(|from| (0..5).map(move |to| (from, to)));
    let pairs: Vec<(u64, u64)> = pairs.filter(|(from, to)| from != to).collect();
    let mut lines = vec![format!("p99 > {key}: write 0"), "p99 < ok".to_owned()];
    for at in 0..clients {
        let (from, to) = pairs[at as usize % pairs.len()];
        lines.push(format!("p{at} > {key}: cas [{from},{to}]"));
    }
    lines.extend((0..clients).map(|at| format!("p{at} < ok")));
    lines.push(format!("p98 > {key}: write 8\np98 < ok\np97 > {key}: read\np97 < ok 1\n"));
    lines.join("\n")
}

#[test]
fn who_asks_for_the_bare_verdict_is_told_where_it_goes_wrong() {
    let text = "p1 > k: write 1\np1 < ok\np2 > k: read\np2 < ok 7\n";
    let history = History::from_events(&script::events(text)).expect("a history");
    let bare = CheckOptions { certify: false, explain: false, ..CheckOptions::default() };
    let report = check(&history, ModelKind::Register, &bare).expect("a fit");
    assert_eq!(report.validity, Validity::Invalid);
    assert!(report.counterexample.is_none());
    assert_eq!(report.reason.as_deref(), Some("key k is not linearizable from event 3 on"));
    let explained = check(&history, ModelKind::Register, &CheckOptions::default()).expect("a fit");
    assert_eq!(explained.counterexample.map(|example| example.blocked.0), Some(1));
}

#[test]
fn a_small_memory_budget_ends_as_unknown_and_says_so() {
    let events = script::events(&hard("k", 40));
    let report = judge(&events, ModelKind::CasRegister, 2 << 20, &|| false);
    assert_eq!(report.validity, Validity::Unknown, "{report:?}");
    let reason = report.reason.expect("a reason");
    assert!(reason.contains("the memory budget of 2 MiB is used up"), "{reason}");
    assert!(reason.contains("key k with 43 operations"), "{reason}");
}

#[test]
fn a_stop_ends_as_unknown_after_few_more_steps() {
    let asked = AtomicU64::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 3;
    let events = script::events(&hard("k", 40));
    let report = judge(&events, ModelKind::CasRegister, 1 << 30, &stop);
    assert_eq!(report.validity, Validity::Unknown);
    assert!(report.configurations == 0 && asked.load(Ordering::Relaxed) < 10, "{asked:?}");
}

#[test]
fn a_violation_of_one_key_counts_although_another_is_undecided() {
    let easy = "p200 > a: write 1\np200 < ok\np201 > a: read\np201 < ok null\n";
    for script in [format!("{easy}{}", hard("k", 40)), format!("{}{easy}", hard("k", 40))] {
        let events = script::events(&script);
        let report = judge(&events, ModelKind::CasRegister, 2 << 20, &|| false);
        assert_eq!(report.validity, Validity::Invalid, "{:?}", report.reason);
        let counterexample = report.counterexample.expect("a counterexample");
        assert_eq!(counterexample.key.as_deref(), Some("a"));
    }
}

#[test]
fn long_histories_of_every_model_are_decided() {
    for model in ModelKind::ALL {
        // What only grows is read whole again and again: fewer operations are long enough.
        let grows = matches!(model, ModelKind::Set | ModelKind::AppendList | ModelKind::KeyValue);
        let shape = Shape {
            model,
            initial: Value::Nil,
            operations: if grows { 2_000 } else { 20_000 },
            processes: 5,
            keys: 1,
            values: 1_000_000_000,
            crashes: 0,
        };
        let events = generate::legal(&shape, &mut Random(7));
        let report = judge(&events, model, 1 << 30, &|| false);
        assert_eq!(report.validity, Validity::Valid, "{model}: {:?}", report.reason);
    }
}

#[test]
fn a_violation_at_the_end_of_a_long_history_is_found_and_shrunk() {
    let shape = Shape {
        model: ModelKind::CasRegister,
        initial: Value::Nil,
        operations: 4_000,
        processes: 10,
        keys: 1,
        values: 1_000_000_000,
        crashes: 2,
    };
    let mut events = generate::legal(&shape, &mut Random(11));
    let reads: Vec<usize> = (0..events.len())
        .filter(|at| events[*at].kind == EventKind::Ok && events[*at].f == "read")
        .collect();
    let (stale, late) = (reads[reads.len() * 8 / 10], reads[reads.len() * 9 / 10]);
    events[late].value = events[stale].value.clone();
    let report = judge(&events, ModelKind::CasRegister, 1 << 30, &|| false);
    assert_eq!(report.validity, Validity::Invalid);
    let counterexample = report.counterexample.expect("a counterexample");
    assert!(counterexample.minimal && counterexample.operations.len() <= 6, "{counterexample:#?}");
    assert!(counterexample.contradicts.is_some(), "{counterexample:#?}");
}

/// Additions that are all open while reads see the half that was invoked last, and then all.
fn open_additions(count: usize) -> Vec<Event> {
    let mut lines: Vec<String> = (0..count).map(|at| format!("p{} > add {at}", at + 10)).collect();
    let elements: Vec<String> = (0..count).rev().map(|at| at.to_string()).collect();
    for seen in [&elements[..count / 2], &elements[..]] {
        lines.push(format!("p1 > read\np1 < ok [{}]", seen.join(",")));
    }
    script::events(&lines.join("\n"))
}

#[test]
fn additions_that_are_open_together_make_no_states_that_nobody_needs() {
    let report = judge_by(Engine::Wgl, &open_additions(3_000), ModelKind::Set, 16 << 20, &|| false);
    assert_eq!(report.validity, Validity::Valid, "{:?}", report.reason);
}

#[test]
fn a_stop_is_heard_while_there_is_nothing_to_choose() {
    let asked = AtomicU64::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 2;
    let report = judge_by(Engine::Wgl, &open_additions(3_000), ModelKind::Set, 1 << 30, &stop);
    assert_eq!(report.validity, Validity::Unknown);
    assert!(asked.load(Ordering::Relaxed) < 6, "{asked:?}");
}

#[test]
fn a_long_chain_of_unknown_compare_and_sets_is_followed() {
    let count = 3_000;
    let mut lines = vec!["p1 > write 0\np1 < ok".to_owned()];
    lines.extend((0..count).map(|at| format!("p{} > cas [{at},{}]", at + 10, at + 1)));
    lines.push(format!("p1 > read\np1 < ok {count}"));
    let events = script::events(&lines.join("\n"));
    let report = judge(&events, ModelKind::CasRegister, 1 << 30, &|| false);
    assert_eq!(report.validity, Validity::Valid, "{:?}", report.reason);
}

#[test]
fn a_long_read_is_explained_without_repeating_it_at_every_step() {
    let count = 3_000;
    for (model, f) in [(ModelKind::Set, "add"), (ModelKind::AppendList, "append")] {
        let mut lines: Vec<String> =
            (0..count).map(|at| format!("p1 > {f} {at}\np1 < ok")).collect();
        let elements: Vec<String> = (0..count - 1).map(|at| at.to_string()).collect();
        lines.push(format!("p2 > read\np2 < ok [{}]", elements.join(",")));
        let report = judge(&script::events(&lines.join("\n")), model, 1 << 30, &|| false);
        let told = report.counterexample.expect("a counterexample");
        let lost = format!("p1's {f} of {} had completed 1.0 ms before the read began", count - 1);
        assert!(told.sentence.ends_with(&lost), "{}", told.sentence);
        assert_eq!((told.operations.len(), told.minimal), (count + 1, true));
        assert!(told.linearization.iter().all(|step| step.state.len() < 1_000), "{model}");
        let state = &told.linearization[count - 1].state;
        assert!(state.contains("... 29") && state.contains(" 2999"), "{state}");
    }
}

#[test]
fn looking_for_texts_in_long_ones_is_not_done_without_end() {
    let count = 3_000;
    let words: Vec<String> = (0..count).map(|at| format!("{at}{},", "-".repeat(250))).collect();
    let mut lines: Vec<String> =
        words.iter().map(|word| format!("p1 > append \"{word}\"\np1 < ok")).collect();
    lines.push(format!("p2 > get\np2 < ok \"{}\"", words[..count - 1].concat()));
    let asked = AtomicU64::new(0);
    let count_only = || {
        asked.fetch_add(1, Ordering::Relaxed);
        false
    };
    let events = script::events(&lines.join("\n"));
    let report = judge(&events, ModelKind::KeyValue, 1 << 30, &count_only);
    let told = report.counterexample.expect("a counterexample");
    assert!(told.sentence.contains("had completed"), "{}", told.sentence);
    assert!(asked.load(Ordering::Relaxed) < 1_000, "{asked:?}");
}
