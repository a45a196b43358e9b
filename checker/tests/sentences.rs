//! What a person is told about typical violations: the sentence, the operation that is contradicted, and nothing untrue.

#[path = "support/script.rs"]
mod script;

use rashomon_checker::Value;
use rashomon_checker::check::{CheckOptions, CheckReport, ModelKind, Validity, check};
use rashomon_checker::counterexample::Counterexample;
use rashomon_checker::history::{History, OpId};

fn judge(model: ModelKind, script: &str) -> CheckReport {
    let options = CheckOptions {
        memory_bytes_max: 64 << 20,
        should_stop: &|| false,
        threads: 1,
        initial: None,
        failed_cas_observed: script.contains("fail observed"),
        ..CheckOptions::default()
    };
    let script = script.replace("fail observed", "fail");
    let history = History::from_events(&script::events(&script)).expect("a history");
    check(&history, model, &options).expect("a fit")
}

fn refuted(model: ModelKind, script: &str) -> Counterexample {
    let report = judge(model, script);
    assert_eq!(report.validity, Validity::Invalid, "{script}");
    report.counterexample.expect("an invalid history has a counterexample")
}

fn tells(model: ModelKind, script: &str, sentence: &str) -> Counterexample {
    let counterexample = refuted(model, script);
    assert_eq!(counterexample.sentence, sentence, "{counterexample:#?}");
    counterexample
}

#[test]
fn a_stale_read_names_the_write_that_it_missed() {
    let told = tells(
        ModelKind::Register,
        "p1 > k7: write 2; p1 < ok; p2 > k7: write 9; p2 < ok; p1 > k7: write 3; p1 < ok
         p4 > k7: read; p4 < ok 3; p3 > k7: read; p3 < ok 2",
        "p3 read k7 = 2, but p1's write of 3 had completed 3.0 ms before the read began",
    );
    assert_eq!((told.blocked, told.contradicts), (OpId(4), Some(OpId(2))));
    assert_eq!(told.operations.len(), 3, "the write of 9 and the other read are not needed");
    assert!(told.minimal);
    let states: Vec<&str> = told.linearization.iter().map(|step| step.state.as_str()).collect();
    assert_eq!((told.initial_state.as_str(), states), ("nil", vec!["2", "3"]));
    assert_eq!(
        told.why,
        "at some moment between the invocation and the completion of p3's read, the value must be 2; in every order \
         of the other operations shown it is 3"
    );
}

#[test]
fn a_lost_write_is_a_read_of_what_was_before() {
    tells(
        ModelKind::CasRegister,
        "p1 > write 1; p1 < ok; p2 > read; p2 < ok null",
        "p2 read nil, but p1's write of 1 had completed 1.0 ms before the read began",
    );
}

#[test]
fn values_from_nowhere_are_told_apart() {
    let register = ModelKind::Register;
    tells(
        register,
        "p1 > write 1; p2 > read; p2 < ok 7; p1 < ok",
        "p2 read 7, but nobody ever wrote 7",
    );
    let told = tells(
        register,
        "p1 > write 7; p1 < fail; p2 > read; p2 < ok 7",
        "p2 read 7, but p1's write of 7 failed and must not be seen",
    );
    assert_eq!(told.contradicts, Some(OpId(0)));
    tells(
        register,
        "p2 > k: read; p2 < ok 7; p1 > k: write 7; p1 < ok",
        "p2 read k = 7, but p1's write of 7 began only 1.0 ms after the read completed",
    );
}

#[test]
fn an_older_value_after_a_newer_one_names_the_earlier_read() {
    let told = tells(
        ModelKind::Register,
        "p1 > write 1; p1 < ok; p2 > write 2; p3 > read; p3 < ok 2; p4 > read; p4 < ok 1",
        "p4 read 1, but p3 had read 2 1.0 ms before the read began, and no order of the operations shown puts that later",
    );
    assert_eq!(told.contradicts, Some(OpId(2)));
}

#[test]
fn two_compare_and_sets_from_one_value_are_both_named() {
    tells(
        ModelKind::CasRegister,
        "p1 > k: write 1; p1 < ok; p2 > k: cas [1,2]; p3 > k: cas [1,3]; p2 < ok; p3 < ok",
        "p2's cas from 1 to 2 and p3's cas from 1 to 3 on k both succeeded, though the value became 1 only once",
    );
}

#[test]
fn a_compare_and_set_of_a_value_to_itself_takes_nothing() {
    tells(
        ModelKind::CasRegister,
        "p1 > write 1; p1 < ok; p1 > cas [1,2]; p1 < ok; p2 > cas [1,1]; p2 < ok",
        "p2's cas from 1 to 1 succeeded, but p1's cas from 1 to 2 had completed 1.0 ms before the cas began",
    );
    tells(
        ModelKind::CasRegister,
        "p1 > write 1; p1 < ok; p2 > cas [1,1]; p2 < ok; p1 > write 2; p1 < ok; p3 > cas [1,3]; p3 < ok",
        "p3's cas from 1 to 3 succeeded, but p1's write of 2 had completed 1.0 ms before the cas began",
    );
}

#[test]
fn a_text_counts_as_doubled_only_if_no_others_together_look_like_it() {
    let told = refuted(
        ModelKind::KeyValue,
        r#"p1 > append "ab"; p1 < ok; p1 > append "b"; p1 < ok; p1 > append "a"; p1 < ok
           p1 > get; p1 < ok "abab""#,
    );
    assert!(
        told.sentence.ends_with("which no order of the 4 operations shown explains"),
        "{told:?}"
    );
    tells(
        ModelKind::KeyValue,
        r#"p1 > append "x1y"; p1 < ok; p1 > append "x2y"; p1 < ok; p1 > get; p1 < ok "x1yx1yx2y""#,
        r#"p1 got "x1yx1yx2y", which has "x1y" twice, but it was written once only"#,
    );
}

#[test]
fn a_failed_compare_and_set_that_was_observed_is_evidence() {
    let script = "p1 > write 1; p1 < ok; p2 > cas [1,2]; p2 < fail observed";
    tells(
        ModelKind::CasRegister,
        script,
        "p2's cas from 1 to 2 failed, but in every order of the operations shown the value was 1 all the time",
    );
    let unobserved = judge(ModelKind::CasRegister, &script.replace(" observed", ""));
    assert_eq!(unobserved.validity, Validity::Valid);
}

#[test]
fn a_compare_and_set_that_failed_with_an_error_was_not_observed() {
    let mut events = script::events("p1 > write 1; p1 < ok; p2 > cas [1,2]; p2 < fail");
    let options = CheckOptions {
        memory_bytes_max: 64 << 20,
        should_stop: &|| false,
        threads: 1,
        initial: None,
        failed_cas_observed: true,
        ..CheckOptions::default()
    };
    for (error, expected) in [(None, Validity::Invalid), (Some("refused"), Validity::Valid)] {
        events[3].error = error.map(str::to_owned);
        let history = History::from_events(&events).expect("a history");
        let report = check(&history, ModelKind::CasRegister, &options).expect("a fit");
        assert_eq!(report.validity, expected, "{error:?}");
    }
}

#[test]
fn a_get_of_nil_says_nothing_where_answers_were_not_kept() {
    let script = r#"p1 > put "1"; p1 < ok; p1 > get; p1 < ok null"#;
    assert_eq!(judge(ModelKind::KeyValue, script).validity, Validity::Invalid);
    let history = History::from_events(&script::events(script)).expect("a history");
    let options = CheckOptions {
        memory_bytes_max: 64 << 20,
        should_stop: &|| false,
        threads: 1,
        initial: None,
        failed_cas_observed: false,
        ..CheckOptions::default()
    };
    let report = check(&history.with_nil_reads_unknown(), ModelKind::KeyValue, &options);
    assert_eq!(report.expect("a fit").validity, Validity::Valid);
}

#[test]
fn lists_tell_what_is_missing_doubled_or_out_of_order() {
    let list = ModelKind::AppendList;
    let two = "p1 > k: append 1; p1 < ok; p2 > k: append 2; p2 < ok;";
    let told = tells(
        list,
        &format!("{two} p3 > k: read; p3 < ok [1]"),
        "p3 read k = [1], but p2's append of 2 had completed 1.0 ms before the read began",
    );
    assert_eq!(told.contradicts, Some(OpId(1)));
    tells(
        list,
        &format!("{two} p3 > k: read; p3 < ok [2,1]"),
        "p3 read k = [2 1], with 2 before 1, but p1's append of 1 had completed 1.0 ms before p2's append of 2 began",
    );
    tells(
        list,
        &format!("{two} p3 > k: read; p3 < ok [1,2,2]"),
        "p3 read k = [1 2 2], with 2 twice, but it was appended once only",
    );
    tells(
        list,
        &format!("{two} p3 > k: read; p3 < ok [1,2,9]"),
        "p3 read k = [1 2 9], but nobody ever appended 9",
    );
    tells(
        list,
        "p1 > append 1; p2 > append 2; p3 > read; p3 < ok [1,2]; p4 > read; p4 < ok [2,1]",
        "p4 read [2 1], but p3 had read [1 2] and neither begins with the other",
    );
}

#[test]
fn sets_tell_what_is_missing_or_never_was() {
    let told = tells(
        ModelKind::Set,
        "p1 > add 1; p1 < ok; p2 > add 2; p2 < info; p3 > read; p3 < ok [2]",
        "p3 read [2], but p1's add of 1 had completed 3.0 ms before the read began",
    );
    assert_eq!(told.contradicts, Some(OpId(0)));
    tells(
        ModelKind::Set,
        "p1 > add 1; p1 < ok; p3 > read; p3 < ok [1,1]",
        "p3 read [1 1], with 1 twice, but a set has an element once at most",
    );
    tells(
        ModelKind::Set,
        "p1 > add 4; p1 < fail; p3 > read; p3 < ok [4]",
        "p3 read [4], but p1's add of 4 failed and must not be seen",
    );
}

#[test]
fn texts_and_locks_have_their_sentences() {
    tells(
        ModelKind::KeyValue,
        r#"p1 > k: append "a"; p1 < ok; p2 > k: append "b"; p2 < ok; p3 > k: get; p3 < ok "a""#,
        "p3 got k = \"a\", but p2's append of \"b\" had completed 1.0 ms before the get began",
    );
    tells(
        ModelKind::Mutex,
        "p1 > acquire; p1 < ok; p2 > acquire; p2 < ok",
        "p2's acquire succeeded, but p1's acquire had succeeded too, and no order of the operations shown puts a \
         release between them",
    );
    tells(
        ModelKind::MultiRegister,
        r#"p1 > txn [["write","x",1]]; p1 < ok; p2 > txn [["read","x",null]]; p2 < ok [["read","x",null]]"#,
        "p2 completed txn [[\"read\" \"x\" nil]], which no order of the 2 operations shown explains",
    );
}

#[test]
fn locks_with_owners_and_tokens_have_their_sentences() {
    tells(
        ModelKind::OwnedMutex,
        "p1 > acquire; p1 < ok; p2 > release; p2 < ok",
        "p2's release succeeded, but no order of the operations shown puts its own acquire right before it",
    );
    let told = tells(
        ModelKind::FencedMutex,
        "p1 > acquire; p1 < ok 5; p1 > release; p1 < ok; p2 > k: acquire; p2 < ok 1; p3 > acquire; p3 < ok 4",
        "p3's acquire answered token 4, but p1's acquire had completed 5.0 ms before with token 5",
    );
    assert!(told.why.contains("every earlier token less than 4"), "{}", told.why);
}

#[test]
fn elements_counters_and_revisions_have_their_sentences() {
    tells(
        ModelKind::ElementSet,
        "p1 > k: add 5; p1 < ok true; p2 > k: contains 5; p2 < ok false",
        "p2's contains of 5 on k answered false, but p1's add of 5, which answered true, had completed 1.0 ms before \
         it began, and no order of the operations shown puts a remove of 5 between them",
    );
    tells(
        ModelKind::ElementSet,
        "p1 > remove 7; p1 < ok true",
        "p1's remove of 7 answered true, but nobody had added 7",
    );
    let told = tells(
        ModelKind::Counter,
        "p1 > add 2; p1 < ok 2; p2 > increment; p2 < ok; p3 > read; p3 < ok 2",
        "p3 read 2, but what had been added before it began makes 3 at least",
    );
    assert!(told.why.ends_with("it is 3"), "{}", told.why);
    tells(
        ModelKind::Counter,
        "p1 > add 2; p1 < info; p2 > increment; p3 > read; p3 < ok 4; p2 < ok",
        "p3 read 4, but all that had begun to be added when it completed makes 3 at most",
    );
    tells(
        ModelKind::Counter,
        "p1 > k: add 1; p2 > k: read; p2 < ok 1; p3 > k: read; p3 < ok 0; p1 < ok",
        "p3 read k = 0, but p2's read had answered 1 1.0 ms before that began, and nothing counts down",
    );
    tells(
        ModelKind::Counter,
        "p1 > add 1; p2 > read; p2 < ok 1; p4 > add -1; p3 > read; p3 < ok 2; p1 < ok",
        "p3 read 2, which no order of the 3 operations shown explains",
    );
    let told = tells(
        ModelKind::VersionedRegister,
        r#"p1 > k: put "a"; p1 < ok ["a",4]; p1 > k: put "b"; p1 < ok ["b",7]; p2 > k: get; p2 < ok ["a",4]"#,
        "p2's get on k answered [\"a\" 4], but p1's put of \"b\" of the later revision 7 had completed 1.0 ms before it \
         began",
    );
    assert!(told.why.contains("the key must hold [\"a\" 4]"), "{}", told.why);
}

#[test]
fn an_operation_that_completes_later_is_shown_open() {
    let told = refuted(
        ModelKind::Register,
        "p1 > write 1; p2 > read; p2 < ok 1; p3 > read; p3 < ok null; p1 < ok",
    );
    let write = told.operations.iter().find(|operation| operation.id == OpId(0)).expect("shown");
    assert_eq!((write.ret, write.ret_time), (None, None));
    assert_eq!(told.blocked, OpId(2));
}

#[test]
fn what_does_not_fit_the_model_is_an_error_with_the_event() {
    let options = CheckOptions {
        memory_bytes_max: 1 << 20,
        should_stop: &|| false,
        threads: 1,
        initial: Some(Value::Int(0)),
        failed_cas_observed: false,
        ..CheckOptions::default()
    };
    let cases = [
        (
            ModelKind::Register,
            "p1 > cas [1,2]; p1 < ok",
            0,
            "has no function `cas`; it has read, write",
        ),
        (ModelKind::CasRegister, "p1 > read; p1 < ok; p1 > cas 5; p1 < ok", 2, "a pair [from, to]"),
        (ModelKind::Set, "p1 > read; p1 < ok 5", 1, "`read` with value 5"),
        (ModelKind::AppendList, "p1 > read; p1 < ok \"x\"", 1, "the elements, as a list"),
        (ModelKind::KeyValue, "p1 > put 5; p1 < ok", 0, "expected text"),
        (ModelKind::KeyValue, "p1 > get; p1 < ok 5", 1, "expected text"),
        (ModelKind::MultiRegister, "p1 > txn [[1,2]]; p1 < ok", 0, "[read k v]"),
        (ModelKind::Mutex, "p1 > lock; p1 < ok", 0, "it has acquire, release"),
        (ModelKind::PriorityQueue, "p1 > insert \"a\"; p1 < ok", 0, "a whole number"),
        (ModelKind::PriorityQueue, "p1 > delete-min; p1 < ok \"a\"", 1, "a whole number"),
        (ModelKind::ElementSet, "p1 > add 1; p1 < ok 2", 1, "expected true or false"),
        (ModelKind::FencedMutex, "p1 > acquire; p1 < ok", 1, "the fencing token"),
        (ModelKind::Counter, "p1 > add \"x\"; p1 < ok", 0, "a whole number"),
        (ModelKind::VersionedRegister, "p1 > put 1; p1 < ok [2,5]", 1, "[value written, revision]"),
        (ModelKind::VersionedRegister, "p1 > get; p1 < ok 5", 1, "[value, revision]"),
    ];
    for (model, script, event, text) in cases {
        let history = History::from_events(&script::events(script)).expect("a history");
        let error = check(&history, model, &options).expect_err("a misfit");
        assert_eq!(error.event(), Some(event), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn what_was_added_before_something_that_was_read_is_missed() {
    let told = tells(
        ModelKind::AppendList,
        "p1 > read; p2 > append 1; p2 < ok; p3 > append 2; p1 < ok [2]; p3 < ok",
        "p1 read [2], with 2 and without 1, but p2's append of 1 had completed 1.0 ms before p3's append of 2 began",
    );
    assert_eq!((told.contradicts, told.operations.len()), (Some(OpId(1)), 3));
    tells(
        ModelKind::Set,
        "p1 > read; p2 > add 7; p2 < ok; p3 > add 5; p1 < ok [5]; p3 < ok",
        "p1 read [5], with 5 and without 7, but p2's add of 7 had completed 1.0 ms before p3's add of 5 began",
    );
}

#[test]
fn of_several_lost_additions_the_newest_is_named() {
    let script = "p1 > append 1; p1 < ok; p1 > append 2; p1 < ok; p1 > append 3; p1 < ok
         p2 > read; p2 < ok [1]";
    let told = tells(
        ModelKind::AppendList,
        script,
        "p2 read [1], but p1's append of 3 had completed 1.0 ms before the read began",
    );
    assert_eq!((told.contradicts, told.operations.len()), (Some(OpId(2)), 3));
    assert!(told.minimal);
    let script = "p1 > put \"a\"; p1 < ok; p1 > append \"b\"; p1 < ok; p1 > append \"c\"; p1 < ok
         p2 > get; p2 < ok \"a\"";
    let told = tells(
        ModelKind::KeyValue,
        script,
        "p2 got \"a\", but p1's append of \"c\" had completed 1.0 ms before the get began",
    );
    assert_eq!((told.contradicts, told.operations.len()), (Some(OpId(2)), 3));
}

#[test]
fn queues_stacks_and_priority_queues_have_their_sentences() {
    let queue = ModelKind::FifoQueue;
    tells(queue, "p1 > dequeue; p1 < ok 5", "p1 dequeued 5, but nobody ever put 5 in");
    tells(
        queue,
        "p1 > enqueue 5; p1 < fail; p2 > dequeue; p2 < ok 5",
        "p2 dequeued 5, but p1's enqueue of 5 failed and must not be seen",
    );
    tells(
        queue,
        "p1 > enqueue 5; p1 < ok; p2 > dequeue; p2 < ok 5; p3 > dequeue; p3 < ok 5",
        "p3 dequeued 5, but p2 dequeued 5 too, and it was put in once only",
    );
    tells(
        queue,
        "p1 > enqueue 1; p1 < ok; p1 > enqueue 2; p1 < ok; p2 > dequeue; p2 < ok 2",
        "p2 dequeued 2, but p1's enqueue of 1 had completed 1.0 ms before p1's enqueue of 2 began, and nobody took 1",
    );
    tells(
        queue,
        "p1 > enqueue 1; p1 < ok; p2 > enqueue 2; p2 < ok; p3 > dequeue; p4 > dequeue; p3 < ok 2; p5 > dequeue; \
         p5 < ok 1",
        "p5 dequeued 1 only 1.0 ms after p3 dequeued 2, but p1's enqueue of 1 had completed 1.0 ms before p2's enqueue \
         of 2 began",
    );
    tells(
        queue,
        "p1 > k: enqueue 1; p1 < ok; p2 > k: dequeue; p2 < ok null",
        "p2's dequeue found nothing in k, but p1's enqueue of 1 had completed 1.0 ms before it began, and nobody took 1",
    );
    let told = tells(
        ModelKind::Stack,
        "p1 > push 1; p1 < ok; p3 > push 2; p3 < ok; p2 > pop; p2 < ok 1",
        "p2 popped 1, but p3's push of 2 had completed 1.0 ms before that pop began, and it had begun 1.0 ms after p1's \
         push of 1 had completed, and nobody took 2",
    );
    assert!(told.why.contains("1 must be the newest element"), "{}", told.why);
    let told = tells(
        ModelKind::PriorityQueue,
        "p1 > insert 1; p1 < ok; p1 > insert 2; p1 < ok; p2 > delete-min; p2 < ok 2",
        "p2 took the least element 2, but p1's insert of 1 had completed 3.0 ms before that delete-min began, and nobody \
         took 1",
    );
    assert!(told.why.contains("2 must be the least element"), "{}", told.why);
}

#[test]
fn what_is_taken_out_of_turn_of_stacks_and_priority_queues_is_told_from_both_sides() {
    let told = tells(
        ModelKind::Stack,
        "p1 > push 1; p1 < ok; p2 > push 2; p2 < ok; p3 > pop; p4 > pop; p3 < ok 1; p5 > pop; p5 < ok 2",
        "p5 popped 2 only 1.0 ms after p3 popped 1, but p2's push of 2 had completed 1.0 ms before that pop began, and it \
         had begun 1.0 ms after p1's push of 1 had completed",
    );
    assert_eq!((told.blocked, told.contradicts), (OpId(4), Some(OpId(2))));
    let told = tells(
        ModelKind::PriorityQueue,
        "p1 > insert 1; p1 < ok; p2 > insert 2; p3 > delete-min; p4 > delete-min; p3 < ok 2; p5 > delete-min; p5 < ok 1",
        "p5 took the least element 1 only 1.0 ms after p3 took the least element 2, but p1's insert of 1 had completed \
         2.0 ms before that delete-min began",
    );
    assert_eq!((told.blocked, told.contradicts), (OpId(4), Some(OpId(2))));
}

/// An open take may have taken what is missing, and pushes side by side come in either order.
#[test]
fn what_may_have_been_in_turn_is_not_called_out_of_turn() {
    for (model, script) in [
        (
            ModelKind::Stack,
            "p1 > push 1; p1 < ok; p3 > push 2; p3 < ok; p4 > pop; p2 > pop; p2 < ok 1",
        ),
        (ModelKind::Stack, "p1 > push 1; p3 > push 2; p3 < ok; p1 < ok; p2 > pop; p2 < ok 1"),
        (
            ModelKind::PriorityQueue,
            "p1 > insert 1; p1 < ok; p1 > insert 2; p1 < ok; p4 > delete-min; p2 > delete-min; p2 < ok 2",
        ),
    ] {
        assert_eq!(judge(model, script).validity, Validity::Valid, "{script}");
    }
}

#[test]
fn a_take_that_failed_says_nothing() {
    for (model, script) in [
        (ModelKind::FifoQueue, "p1 > enqueue 1; p1 < ok; p2 > dequeue; p2 < fail"),
        (ModelKind::Stack, "p1 > push 1; p1 < ok; p2 > pop; p2 < fail"),
        (ModelKind::PriorityQueue, "p1 > insert 1; p1 < ok; p2 > delete-min; p2 < fail"),
    ] {
        assert_eq!(judge(model, script).validity, Validity::Valid);
    }
}
