//! What Jepsen, Maelstrom and their kin print.

use super::*;

fn values(text: &str) -> Vec<String> {
    load(text).events.iter().map(|event| event.value.to_string()).collect()
}

/// The first operations of Maelstrom's lin-kv workload, in its words.
const MAELSTROM: &str = "\
{:process 0, :type :invoke, :f :read, :value [0 nil], :index 0, :time 3310}
{:process 0, :type :fail, :f :read, :value [0 nil], :error [:key-does-not-exist \"not found\"], :index 1, :time 3900}
{:process 4, :type :invoke, :f :cas, :value [0 [2 4]], :index 2, :time 4100}
{:process 4, :type :info, :f :cas, :value [0 [2 4]], :error :net-timeout, :index 3, :time 5100}
{:process :nemesis, :type :info, :f :start-partition, :value {\"n1\" #{\"n2\"}}, :index 4, :time 5200}
{:process 3, :type :invoke, :f :write, :value [1 3], :index 5, :time 5300}
{:process 3, :type :ok, :f :write, :value [1 3], :index 6, :time 5400}
";

#[test]
fn maelstroms_registers_are_independent() {
    let mut loaded = load(MAELSTROM);
    assert_eq!((loaded.events.len(), loaded.passed_over), (6, 1));
    assert!(loaded.looks_independent());
    let error = loaded.events[1].error.as_deref();
    assert_eq!(error, Some("[:key-does-not-exist \"not found\"]"));
    assert_eq!(loaded.events[3].error.as_deref(), Some("net-timeout"));
    loaded.split_independent(Path::new("f")).unwrap();
    assert_eq!(loaded.events[2].key.as_deref(), Some("0"));
    assert_eq!(loaded.history(Path::new("f")).unwrap().len(), 3);
}

#[test]
fn transactions_are_nested_lists() {
    let text = "{:process 0 :type :invoke :f :txn :value [[:append 1 2] [:r 1 nil]] :time -1}\n\
                {:process 0 :type :ok :f :txn :value [[:append 1 2] [:r 1 [2 3]]]}";
    assert_eq!(
        values(text),
        ["[[\"append\" 1 2] [\"r\" 1 nil]]", "[[\"append\" 1 2] [\"r\" 1 [2 3]]]"]
    );
}

#[test]
fn maps_are_lists_of_pairs_by_key() {
    let read = |value: &str| {
        values(&format!("{{:process 0 :type :ok :f :read :value {value}}}"))[0].clone()
    };
    assert_eq!(read("{1 20, 0 10}"), "[[0 10] [1 20]]");
    assert_eq!(read("{}"), "[]");
    assert_eq!(read("{:y #{2 1}, :x nil}"), "[[\"x\" nil] [\"y\" [1 2]]]");
    assert_eq!(read("[:poll {3 [[0 7] [1 8]]}]"), "[\"poll\" [[3 [[0 7] [1 8]]]]]");
    assert_eq!(read("#jepsen.x.Row{:b 1 :a \\c}"), "[[\"a\" \"c\"] [\"b\" 1]]");
}

#[test]
fn tagged_literals_are_what_follows_the_tag() {
    let read = |value: &str| {
        values(&format!("[{{:process 0 :type :ok :f :read :value {value}}}]"))[0].clone()
    };
    assert_eq!(read("#inst \"2026-01-01T00:00:00Z\""), "\"2026-01-01T00:00:00Z\"");
    assert_eq!(read("#uuid \"f81d4fae\""), "\"f81d4fae\"");
    assert_eq!(read("#jepsen.independent.tuple [1 2]"), "[1 2]");
    assert_eq!(read("#:jepsen{:a 1}"), "[[\"a\" 1]]");
    let op = "#jepsen.history.Op{:index 0, :time 5, :type :ok, :process 0, :f :read, :value 1}";
    assert_eq!(load(op).events, load(&op["#jepsen.history.Op".len()..]).events);
}

#[test]
fn fractions_stay_errors_with_a_remedy() {
    let found = refusal(b"{:process 0 :type :ok :f :read :value {0 1.5}}");
    assert!(found.ends_with("write a smaller unit as a whole number, or text"), "{found}");
    let found = refusal(b"{\"process\":0,\"type\":\"ok\",\"f\":\"read\",\"value\":{\"a\":1}}\n");
    assert!(found.ends_with("write a list of [key, value] pairs"), "{found}");
}

#[test]
fn numbers_of_64_bits_without_a_sign_are_processes_and_times() {
    let loaded =
        load("{:process 18446744073709551615 :type :ok :f :read :time 9223372036854775808}");
    assert_eq!(loaded.events[0].process.0, u64::MAX);
    assert_eq!(loaded.events[0].time, Some(1 << 63));
}

#[test]
fn one_form_has_its_limit() {
    let mut text = b"{:process 0 :type :ok :f :read :value \"".to_vec();
    text.resize(2 << 20, b'x');
    assert!(refusal(&text).contains("a form of more than 1 MiB"), "{}", refusal(&text));
}
