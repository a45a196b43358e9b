//! What each reader accepts, and what it says about what it does not.

use std::path::Path;

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::EventKind;

use super::*;

mod foreign;
mod packed;
pub(crate) mod random;
mod round_trip;

fn load(text: &str) -> LoadedHistory {
    load_as(text, None)
}

/// Reads a history from memory.
fn read_bytes(
    path: &Path,
    bytes: &[u8],
    format: Option<InputFormat>,
) -> Result<LoadedHistory, CodecError> {
    collect(|sink| stream_from(bytes, path, format, sink))
}

fn load_as(text: &str, format: Option<InputFormat>) -> LoadedHistory {
    read_bytes(Path::new("f"), text.as_bytes(), format).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(bytes: &[u8]) -> String {
    match read_bytes(Path::new("f"), bytes, None) {
        Ok(loaded) => panic!("was read as {:?}", loaded.events),
        Err(error) => error.to_string(),
    }
}

const INVOKE: &str =
    r#"{"index":0,"time":12,"process":3,"type":"invoke","f":"write","key":"k1","value":5}"#;
const OK: &str = r#"{"index":1,"process":3,"type":"ok","f":"write","key":"k1","value":5,"node":"n2","extra":[{}]}"#;

#[test]
fn our_own_lines_come_back_as_they_were_written() {
    let loaded = load(&format!("{INVOKE}\n{OK}\n"));
    assert_eq!(loaded.format, InputFormat::Jsonl);
    assert!(loaded.warnings.is_empty());
    assert_eq!(loaded.events[0].time, Some(12));
    assert_eq!(loaded.events[1].node.as_deref(), Some("n2"));
    let mut out = Vec::new();
    for event in &loaded.events {
        jsonl::write_event(&mut out, event).unwrap();
    }
    assert_eq!(load(&String::from_utf8(out).unwrap()).events, loaded.events);
}

#[test]
fn a_torn_last_line_is_a_warning_at_every_byte() {
    let text = format!("{INVOKE}\n{}", OK.replace("n2", "n\u{fc}"));
    for end in 1..INVOKE.len() {
        let loaded = read_bytes(Path::new("f"), &text.as_bytes()[..end], None).unwrap();
        assert!(loaded.holds_nothing(), "cut at {end}");
        assert_eq!(loaded.warnings, ["line 1, the last one, is torn and was left out"]);
    }
    for end in INVOKE.len() + 2..text.len() {
        let loaded = read_bytes(Path::new("f"), &text.as_bytes()[..end], None).unwrap();
        assert_eq!(loaded.events.len(), 1, "cut at {end}");
        assert_eq!(loaded.warnings, ["line 2, the last one, is torn and was left out"]);
    }
    assert_eq!(load(&text).events.len(), 2);
}

#[test]
fn a_bad_line_is_named_with_its_reason() {
    let cases: [(&str, &str); 8] = [
        ("{\"process\":1\n", "f:2: the line ends in the middle of an event"),
        ("{\"process\":1}\n", "f:2:13: not an event: missing field `type`"),
        ("nonsense\n", "f:2:2: not an event: expected ident"),
        (&INVOKE.replace("invoke", "begin"), "unknown variant `begin`"),
        (&INVOKE.replace("\"value\":5", "\"value\":1.5"), "floating point `1.5`"),
        (&INVOKE.replace("\"value\":5", "\"value\":{}"), "invalid type: map"),
        (&INVOKE.replace("\"process\":3", "\"process\":-3"), "process number"),
        (&INVOKE.replace("\"value\":5", "\"value\":18446744073709551615"), "64-bit"),
    ];
    for (line, expected) in cases {
        let found = refusal(format!("{INVOKE}\n{line}\n{OK}\n").as_bytes());
        assert!(found.starts_with("f:2") && found.contains(expected), "{found}");
    }
    let deep = format!("{INVOKE}\n{}\n", INVOKE.replace('5', &"[".repeat(100_000)));
    assert!(refusal(deep.as_bytes()).contains("recursion"), "{}", refusal(deep.as_bytes()));
    let mut bytes = INVOKE.as_bytes().to_vec();
    bytes[30] = 0xff;
    assert!(refusal(&bytes).contains("not UTF-8"));
}

#[test]
fn the_order_of_the_file_counts_and_a_wrong_index_is_mentioned() {
    let loaded = load(&format!("{}\n{OK}\n", INVOKE.replace("\"index\":0", "\"index\":7")));
    assert_eq!(loaded.events.iter().map(|event| event.index).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(
        loaded.warnings,
        ["line 1 has index 7 where 0 is due; the order of the file counts"]
    );
}

#[test]
fn a_file_without_operations_is_an_empty_history() {
    for text in ["", "\n\n  \n", "[]", "; nothing\n()"] {
        let loaded = load(text);
        assert!(loaded.events.is_empty() && loaded.holds_nothing(), "{text}");
    }
    let nemesis = load("[{:process :nemesis, :type :info, :f :x}]");
    assert!(nemesis.events.is_empty() && !nemesis.holds_nothing());
    assert_eq!(nemesis.warnings, ["the file holds no operations, only what the nemesis did"]);
}

#[test]
fn a_log_without_operations_is_no_log() {
    let text =
        "2023-01-01 12:00:00,000 INFO [jepsen worker 3] jepsen.util: 3\t:invoke\t:read\tnil\n";
    let error = read_bytes(Path::new("f"), text.as_bytes(), Some(InputFormat::JepsenLog));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("none of its 1 lines has \"jepsen.util - \""), "{error}");
}

#[test]
fn no_operation_vanishes_because_of_its_process() {
    let loaded = load(&format!("{}\n", INVOKE.replace('3', "\"3\"")));
    assert_eq!((loaded.events.len(), loaded.events[0].process.0), (1, 3));
    let loaded =
        load("{:process \"7\", :type :invoke, :f :read}{:process :8, :type :invoke, :f :read}");
    let processes: Vec<u64> = loaded.events.iter().map(|event| event.process.0).collect();
    assert_eq!(processes, [7, 8]);
    let nemesis = INVOKE.replace('3', "\"nemesis\"");
    let loaded = load(&format!("{nemesis}\n"));
    assert_eq!((loaded.events.len(), loaded.passed_over), (0, 1));
    let reason = "process \"c1\": must be a number or \"nemesis\"";
    for text in [
        format!("{INVOKE}\n{}\n", INVOKE.replace('3', "\"c1\"")),
        "{:process 0 :type :invoke :f :read}\n{:process \"c1\" :type :invoke :f :read}".to_owned(),
        "{:process 0 :type :invoke :f :read}\n{:process c1 :type :invoke :f :read}".to_owned(),
        "INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - c1\t:invoke\t:read\tnil\n"
            .to_owned(),
    ] {
        assert_eq!(refusal(text.as_bytes()), format!("f:2: {reason}"), "{text}");
    }
}

/// What Jepsen's `independent` tests store: two keys, and a cas.
const INDEPENDENT: &str = "\
{:process 0, :type :invoke, :f :write, :value [1 5]}
{:process 0, :type :ok, :f :write, :value [1 5]}
{:process 0, :type :invoke, :f :read, :value [\"a\" nil]}
{:process 0, :type :ok, :f :read, :value [\"a\" 7]}
{:process 0, :type :invoke, :f :cas, :value [1 [5 6]]}
{:process 0, :type :info, :f :cas, :value :timed-out}
";

#[test]
fn independent_values_are_split_into_key_and_value() {
    let path = Path::new("f");
    let mut loaded = load(INDEPENDENT);
    assert!(loaded.looks_independent());
    loaded.split_independent(path).unwrap();
    let keys: Vec<Option<&str>> = loaded.events.iter().map(|event| event.key.as_deref()).collect();
    assert_eq!(keys, [Some("1"), Some("1"), Some("a"), Some("a"), Some("1"), None]);
    assert_eq!(loaded.events[2].value, Value::Nil);
    assert_eq!(loaded.events[4].value, Value::List(vec![Value::Int(5), Value::Int(6)]));
    assert_eq!(loaded.history(path).unwrap().to_operations()[2].key.as_deref(), Some("1"));
    let error = loaded.split_independent(path).unwrap_err().to_string();
    assert!(error.contains("f:1: the event has the key \"1\" already"), "{error}");
    let mut plain = load("{:process 0, :type :invoke, :f :write, :value 5}");
    let error = plain.split_independent(path).unwrap_err().to_string();
    assert_eq!(error, "f:1: value 5: --independent needs [key value]");
}

#[test]
fn only_what_can_hardly_be_anything_else_looks_independent() {
    let looks = |text: &str| load(text).looks_independent();
    assert!(looks("{:process 0 :type :invoke :f :read :value [1 nil]}"));
    assert!(looks("{:process 0 :type :invoke :f :cas :value [1 [2 3]]}"));
    for text in [
        "{:process 0 :type :invoke :f :read :value nil}{:process 0 :type :ok :f :read :value [1 2]}",
        "{:process 0 :type :invoke :f :write :value [1 2]}",
        "{:process 0 :type :invoke :f :cas :value [1 2]}",
        "{:process 0 :type :invoke :f :cas :value [[1 2] [3 4]]}",
        "{:process 0 :type :invoke :f :cas :value [nil [3 4]]}",
        "{:process 0 :type :invoke :f :read :value [1 nil]}{:process 1 :type :invoke :f :write :value 3}",
        "{:process 0 :type :invoke :f :read :value [1 nil] :key 3}",
        "{:process 0 :type :invoke :f :txn :value [1 nil]}",
    ] {
        assert!(!looks(text), "{text}");
    }
}

#[test]
fn an_update_whose_value_is_told_only_by_its_completion_has_that_value() {
    let path = Path::new("f");
    let loaded = load(
        "{:process 0 :type :invoke :f :write :value nil}\n{:process 0 :type :ok :f :write :value 5}",
    );
    assert_eq!(loaded.history(path).unwrap().to_operations()[0].input, Value::Int(5));
    let changed = load(
        "{:process 0 :type :invoke :f :write :value 4}\n{:process 0 :type :ok :f :write :value 5}",
    );
    assert_eq!(
        changed.history(path).unwrap_err().to_string(),
        "f:2: `write` completes with value 5, but was invoked with 4 on line 1"
    );
}

#[test]
fn forms_that_only_clojure_has_are_passed_over_where_they_do_not_matter() {
    let text =
        r#"{:process 0 :type :invoke :f :read :value nil :a ##Inf :b ##NaN :c #"a\"}b\d" :d 1}"#;
    assert_eq!(load(text).events.len(), 1);
    let found = refusal(b"{:process 0 :type :ok :f :read :value ##Inf}");
    assert!(found.contains("value ##Inf: only whole numbers"), "{found}");
    assert!(refusal(b"{:process 0 :a #\"x").contains("the file ends within the text of line 1"));
}

#[test]
fn a_time_of_another_kind_is_no_time() {
    for time in ["1.5", "-3", "\"noon\"", "null"] {
        let loaded =
            load(&format!("{}\n", INVOKE.replace("\"time\":12", &format!("\"time\":{time}"))));
        assert_eq!(loaded.events[0].time, None, "{time}");
    }
}

#[test]
fn edn_is_read_in_all_its_shapes() {
    let maps = r#"
        ; a comment
        {:type :invoke, :f :cas, :process 0, :value [1 -2], :time 7, :index 12}
        #_{:discarded "form" #_#_nested 1}
        #jepsen.history.Op{:process 0 :type :ok :f :cas :value (1 -2) :error ["x" :y]}
        {:process :nemesis, :type :info, :f :start, :value {:a 1.5}}
        {:process 1 :type "invoke" :f read :value #{3 1 2}, :key :k}
        {:process 1 :type :info :f :read :value "a\"\\\n\u00e9" :error nil :at #inst "2026-01-01"}"#;
    for text in [maps.to_owned(), format!("[{maps}]"), format!("({maps}\n)")] {
        let loaded = load(&text);
        assert_eq!(loaded.format, InputFormat::Edn);
        assert!(loaded.nil_reads_unknown);
        assert_eq!(loaded.initial, Value::Int(0));
        let kinds: Vec<EventKind> = loaded.events.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::Invoke, EventKind::Ok, EventKind::Invoke, EventKind::Info]);
        let pair = Value::List(vec![Value::Int(1), Value::Int(-2)]);
        assert_eq!(loaded.events[0].value, pair);
        assert_eq!(loaded.events[1].value, pair);
        assert_eq!(loaded.events[1].error.as_deref(), Some("[\"x\" :y]"));
        assert_eq!(loaded.events[2].value.to_string(), "[1 2 3]");
        assert_eq!(loaded.events[2].key.as_deref(), Some("k"));
        assert_eq!(loaded.events[3].value, Value::from("a\"\\\n\u{e9}"));
    }
}

#[test]
fn bad_edn_is_named_with_line_and_reason() {
    let cases = [
        ("[{:process 0, :type :invoke, :f :read}\n", "f:2: the file ends within the history"),
        ("[{:process 0, :type :invoke, :f :read}\n)", "f:2: `)` closes nothing"),
        ("[{:process 0 :type]}", "f:1:20: `]` closes what was opened on line 1 and needs `}`"),
        ("\n{:process 0 :type}", "f:2:19: a map with a key but no value for it"),
        ("{:process 0 :type :begin :f :read}", "f:1: :type :begin: must be :invoke"),
        ("{:process -1 :type :ok :f :read}", "must not be negative"),
        ("{:process 1.5 :type :ok :f :read}", "process 1.5: must be a number"),
        ("{:type :ok :f :read}", "a map without :process"),
        ("{:process 0 :f :read}", "a map without :type"),
        ("{:process 0 :type :ok}", "a map without :f"),
        ("{:process 0 :type :ok :f :read :value 1.5}", "value 1.5: only whole numbers"),
        ("{:process 0 :type :ok :f :read :value 99999999999999999999}", "only whole numbers"),
        ("{:process 0 :type :ok :f :read :value \"x", "the file ends within the text of line 1"),
        ("{:process 0 :type :ok :f :read :value \"\\q\"}", "unknown escape"),
        ("[1 2]", "a number where a map"),
        ("[] []", "something follows the history"),
        ("[{\"process\": 0}]", "a JSON array"),
        ("hello", "it begins with \"hello\""),
    ];
    for (text, expected) in cases {
        let found = refusal(text.as_bytes());
        assert!(found.contains(expected), "{text}: {found}");
    }
    let deep = format!("{{:process 0 :type :ok :f :read :value {}", "[".repeat(1_000_000));
    assert!(refusal(deep.as_bytes()).contains("nested more than 160 deep"));
    assert!(refusal(b"[{:process 0 :f \"\xff\"}]").contains("not UTF-8"));
}

#[test]
fn jepsen_logs_are_told_by_their_lines() {
    let text = "2014-11-20 INFO something.else - hello\n\
                INFO  jepsen.util - 4\t:invoke\t:cas\t[1 3]\n\
                INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n\
                INFO  jepsen.util - 4\t:info\t:cas\t:timed-out\n";
    let loaded = load(text);
    assert_eq!(loaded.format, InputFormat::JepsenLog);
    assert!(loaded.failed_cas_observed && !loaded.nil_reads_unknown);
    assert_eq!(loaded.model_hint, Some(ModelKind::CasRegister));
    assert_eq!(loaded.lines, [2, 4]);
    assert_eq!(loaded.events[1].error.as_deref(), Some("timed-out"));
    assert_eq!(loaded.warnings, ["1 lines of other loggers were passed over"]);
    let bad = text.replace(":cas\t[1 3]", ":cas\t[1 3");
    assert!(refusal(bad.as_bytes()).contains("f:2: field \"[1 3\": not one EDN form"));
}

#[test]
fn key_value_runs_are_told_by_key_and_function() {
    let text = "{:process 9, :type :invoke, :f :get, :key \"0\", :value nil}\n\
                {:process 9, :type :ok, :f :get, :key \"0\", :value \"x 9 0 y\"}\n";
    for text in [text.to_owned(), format!("[{text}]"), format!("(\n{text})")] {
        let loaded = load(&text);
        assert_eq!(loaded.format, InputFormat::PorcupineKv);
        assert_eq!(loaded.model_hint, Some(ModelKind::KeyValue));
        assert_eq!(loaded.events[1].key.as_deref(), Some("0"));
        assert!(loaded.nil_reads_unknown, "a get of nil says nothing");
    }
}

#[test]
fn what_does_not_pair_is_an_error_of_its_line() {
    let loaded = load(&format!("\n{INVOKE}\n{INVOKE}\n"));
    let error = loaded.history(Path::new("f")).unwrap_err().to_string();
    assert!(error.starts_with("f:3: not a history: event 1: process 3"), "{error}");
}

#[test]
fn no_byte_that_is_changed_or_cut_off_makes_a_reader_panic() {
    let samples = [
        format!("{INVOKE}\n{OK}\n"),
        "[{:process 0 :type :ok :f :read :value #{1 \"\\u00e9\"} :at #inst \"x\"} #_(1) ; c\n]"
            .to_owned(),
        "INFO  jepsen.util - 4\t:invoke\t:cas\t[1 3]\n".to_owned(),
        "{:process 9, :type :ok, :f :get, :key \"0\", :value \"x\"}\n".to_owned(),
    ];
    for sample in samples {
        for at in 0..sample.len() {
            let cut = &sample.as_bytes()[..at];
            // What comes back does not matter here, only that something does.
            let _ = read_bytes(Path::new("f"), cut, None);
            for byte in [0, b'"', b'{', b']', b'#', b'\\', b':', b'9', 0xc3, 0xff] {
                let mut bytes = sample.clone().into_bytes();
                bytes[at] = byte;
                for format in [None, Some(InputFormat::Edn), Some(InputFormat::JepsenLog)] {
                    let _ = read_bytes(Path::new("f"), &bytes, format);
                }
            }
        }
    }
}
