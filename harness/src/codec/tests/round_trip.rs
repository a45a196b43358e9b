//! What is written is read back to the same events, in every format and packing.

use rashomon_checker::history::{Event, EventRef};

use super::random::Random;
use super::*;
use crate::codec::write::{HistoryWriter, OutputFormat, Packing, WriteError};

fn written(events: &[Event], format: OutputFormat, packing: Packing) -> Vec<u8> {
    let mut writer = HistoryWriter::new(Vec::new(), format, packing);
    for event in events {
        writer.write(&EventRef::from(event)).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn all_formats_there_and_back() {
    let mut random = Random(10);
    for round in 0..60 {
        let events: Vec<Event> = (0..20).map(|index| random.event(index)).collect();
        for packing in [Packing::None, Packing::Gz, Packing::Zst] {
            let mut last = events.clone();
            for format in [OutputFormat::Jsonl, OutputFormat::Edn, OutputFormat::Jsonl] {
                let bytes = written(&last, format, packing);
                last = read_bytes(Path::new("f"), &bytes, None).unwrap().events;
                assert_eq!(last, events, "round {round} as {format:?} {packing:?}");
            }
        }
    }
}

#[test]
fn key_value_runs_there_and_back() {
    let mut random = Random(11);
    let mut events = Vec::new();
    for index in 0..500 {
        let f = random.pick(&["get", "put", "append"]).to_owned();
        let key = Some(random.text());
        let value = if random.one_in(3) { Value::Nil } else { Value::Text(random.text()) };
        let time = None;
        events.push(Event { f, key, value, time, node: None, error: None, ..random.event(index) });
    }
    let bytes = written(&events, OutputFormat::PorcupineKv, Packing::None);
    let loaded = read_bytes(Path::new("f"), &bytes, Some(InputFormat::PorcupineKv)).unwrap();
    assert_eq!(loaded.events, events);
    let loaded = load("{:process 9, :type :invoke, :f :get, :key \"0\", :value nil}");
    let line = written(&loaded.events, OutputFormat::PorcupineKv, Packing::None);
    assert_eq!(line, b"{:process 9, :type :invoke, :f :get, :key \"0\", :value nil}\n");
}

#[test]
fn what_key_value_runs_cannot_say_is_refused() {
    for (text, reason) in [
        (
            "{:process 9 :type :invoke :f :write :value 1}",
            "`write`: porcupine-kv has get, put and append only",
        ),
        ("{:process 9 :type :invoke :f :put :value \"x\"}", "`put` without a key"),
        ("{:process 9 :type :invoke :f :put :key 1 :value 5}", "`put` with value 5"),
    ] {
        let loaded = load_as(text, Some(InputFormat::Edn));
        let mut writer = HistoryWriter::new(Vec::new(), OutputFormat::PorcupineKv, Packing::None);
        let refused = writer.write(&EventRef::from(&loaded.events[0]));
        assert!(
            matches!(&refused, Err(WriteError::Unfit(found)) if found.starts_with(reason)),
            "{refused:?}"
        );
    }
}

#[test]
fn transactions_are_written_in_jepsens_words() {
    let text = "{:index 0, :time 3, :process 1, :type :ok, :f :txn, :value [[:append 1 2] [:r \"x\" [:w]]]}\n";
    let loaded = load(text);
    let bytes = written(&loaded.events, OutputFormat::Edn, Packing::None);
    assert_eq!(String::from_utf8(bytes).unwrap(), text.replace("[:w]", "[\"w\"]"));
}

#[test]
fn what_is_nested_as_deep_as_json_may_be_is_written() {
    let deep = format!("{}5{}", "[".repeat(126), "]".repeat(126));
    let line = format!("{{\"process\":0,\"type\":\"ok\",\"f\":\"read\",\"value\":{deep}}}\n");
    let loaded = load(&line);
    let edn = written(&loaded.events, OutputFormat::Edn, Packing::None);
    assert_eq!(read_bytes(Path::new("f"), &edn, None).unwrap().events, loaded.events);
    assert!(refusal(line.replace('5', "[[]]").as_bytes()).contains("recursion"));
}
