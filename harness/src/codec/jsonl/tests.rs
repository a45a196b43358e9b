//! The quick reader against `serde`, and lines across the ends of buffers.

use std::io::BufReader;
use std::ops::ControlFlow;

use rashomon_checker::history::Event;

use super::*;
use crate::codec::feed::owned;
use crate::codec::tests::random::Random;

/// A line with the fields of an event in any order, as anybody might write them.
fn line_of(random: &mut Random) -> String {
    let mut fields = Vec::new();
    for name in ["process", "type", "f", "index", "time", "key", "value", "node", "error"] {
        let needed = matches!(name, "process" | "type" | "f");
        if !random.one_in(if needed { 50 } else { 3 }) {
            fields.push(format!("{}:{}", quoted(random, name), field(random, name)));
        }
    }
    if random.one_in(4) {
        fields.push(format!("\"other\":{}", anything(random, 0)));
    }
    if random.one_in(40) {
        fields.push(format!("\"f\":{}", field(random, "f")));
    }
    let mut line = String::from("{");
    while !fields.is_empty() {
        let at = if random.one_in(2) { 0 } else { random.below(fields.len()) };
        line += &fields.remove(at);
        line += random.pick(&["", "", " ", "\t"]);
        line += if fields.is_empty() { "}" } else { "," };
        line += random.pick(&["", "", "", " ", "\r"]);
    }
    line
}

fn quoted(random: &mut Random, text: &str) -> String {
    if random.one_in(60) {
        let code = u32::from(text.chars().next().unwrap());
        return format!("\"\\u{code:04x}{}\"", &text[1..]);
    }
    format!("\"{text}\"")
}

fn field(random: &mut Random, name: &str) -> String {
    if random.one_in(25) {
        return anything(random, 0);
    }
    match name {
        "index" | "time" | "process" => random.unsigned().to_string(),
        "type" => format!("\"{}\"", random.pick(&["invoke", "ok", "fail", "info"])),
        "value" => serde_json::to_string(&random.value(0)).unwrap(),
        "key" | "node" if random.one_in(3) => random.int().to_string(),
        _ => text(random),
    }
}

fn text(random: &mut Random) -> String {
    const RARE: [&str; 9] = [
        "\"\\ud83e\\udd80\"",
        "\"\\ud83e\"",
        "\"\\/\\b\\f\"",
        "\"\\u00E9\"",
        "\"\\x\"",
        "\"\u{7f}\"",
        "\"nemesis\"",
        "\"7\"",
        "\"\"",
    ];
    if random.one_in(10) {
        return random.pick(&RARE).to_owned();
    }
    serde_json::to_string(&random.text()).unwrap()
}

fn anything(random: &mut Random, depth: usize) -> String {
    const ODD: [&str; 22] = [
        "null",
        "true",
        "false",
        "-0",
        "0",
        "00",
        "1.5",
        "-1",
        "1e3",
        "1E+2",
        "2.",
        ".5",
        "1e",
        "-",
        "tru",
        "18446744073709551616",
        "-9223372036854775809",
        "1e999",
        "[]",
        "{}",
        "[1,]",
        "{\"a\":}",
    ];
    match random.below(if depth < 3 { 5 } else { 3 }) {
        0 | 1 => random.pick(&ODD).to_owned(),
        2 => text(random),
        3 => format!("[{}, {}]", anything(random, depth + 1), anything(random, depth + 1)),
        _ => format!("{{{}: {}}}", text(random), anything(random, depth + 1)),
    }
}

#[test]
fn the_quick_reader_understands_what_serde_does() {
    let mut random = Random(6);
    let (mut quick, mut slow, mut wrong) = (0, 0, 0);
    for round in 0..30_000 {
        let mut bytes = line_of(&mut random).into_bytes();
        if round % 2 == 0 {
            random.spoil(&mut bytes);
        }
        match agree(&bytes) {
            [true, _] => quick += 1,
            [false, true] => slow += 1,
            [false, false] => wrong += 1,
        }
    }
    assert!(quick > 10_000 && wrong > 5_000, "{quick} {slow} {wrong}");
    assert!(slow > 250 && slow < quick / 10, "{quick} {slow} {wrong}");
}

#[test]
fn what_we_write_is_understood_quickly() {
    let mut random = Random(7);
    for index in 0..5_000 {
        let event = random.event(index);
        let mut line = Vec::new();
        write_event(&mut line, &event).unwrap();
        let mut by_ref = Vec::new();
        write_ref(&mut by_ref, &EventRef::from(&event), index).unwrap();
        assert_eq!(by_ref, line);
        let text = str::from_utf8(&line).unwrap();
        let mut found = fast::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(owned(found.event(event.process), index), event);
    }
}

/// Events, their lines, and warnings.
type Found = (Vec<Event>, Vec<u64>, Vec<String>);

fn read_all(input: impl BufRead) -> Result<Found, Flaw> {
    let (mut events, mut lines) = (Vec::new(), Vec::new());
    let mut sink = |event: EventRef<'_>, line| {
        events.push(owned(event, 0));
        lines.push(line);
        ControlFlow::Continue(())
    };
    let mut feed = Feed::new(&mut sink);
    read(input, &mut feed)?;
    let warnings = feed.warnings;
    Ok((events, lines, warnings))
}

#[test]
fn the_ends_of_buffers_do_not_matter() {
    let mut random = Random(8);
    let mut text = Vec::new();
    for index in 0..40 {
        write_event(&mut text, &random.event(index)).unwrap();
        text.extend_from_slice(random.pick(&["", "\n", " \r\n"]).as_bytes());
    }
    text.extend_from_slice(b"{\"index\":9,\"pro");
    let whole = read_all(text.as_slice()).unwrap();
    assert_eq!(whole.0.len(), 40);
    assert_eq!(whole.2.len(), 1);
    for size in [1, 2, 7, 64, 100, 1000] {
        let parts = read_all(BufReader::with_capacity(size, text.as_slice())).unwrap();
        assert_eq!(parts, whole, "{size}");
    }
}

#[test]
fn a_sink_that_has_enough_gets_no_more() {
    let line = "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n";
    for rest in [b"nonsense\n".as_slice(), b"not UTF-8: \xff\n"] {
        let text = [line.repeat(3).as_bytes(), rest].concat();
        let mut count = 0;
        let mut sink = |_: EventRef<'_>, line| {
            count += 1;
            if line == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut feed = Feed::new(&mut sink);
        read(text.as_slice(), &mut feed).unwrap();
        assert!(feed.stopped());
        assert_eq!(count, 2);
    }
}
