//! The quick reader of maps against the one that understands all of EDN.

use rashomon_checker::history::EventRef;

use super::*;
use crate::codec::tests::random::Random;

fn map_of(random: &mut Random) -> String {
    let mut fields = Vec::new();
    for name in ["process", "type", "f", "value", "time", "key", "node", "error", "index", "other"]
    {
        let needed = matches!(name, "process" | "type" | "f");
        if !random.one_in(if needed { 50 } else { 3 }) {
            let form = field(random, name);
            fields.push(format!(":{name}{}{form}", random.pick(&[" ", " ", "  ", "\n", ","])));
        }
    }
    let mut map = random.pick(&["{", "{", "{ ", "#jepsen.history.Op{"]).to_owned();
    while !fields.is_empty() {
        let at = random.below(fields.len());
        map += &fields.remove(at);
        map += random.pick(&[", ", " ", ",", "\n"]);
        map += if random.one_in(60) { "; x\n" } else { "" };
    }
    map + "}" + random.pick(&["", "\n", " {", "x"])
}

fn field(random: &mut Random, name: &str) -> String {
    if random.one_in(25) {
        return form(random, 0);
    }
    let odd = random.one_in(12);
    match name {
        "process" if odd => random.pick(&["-1", "\"3\"", ":4", "1.5"]).to_owned(),
        "process" => random.pick(&["0", "17", ":nemesis"]).to_owned(),
        "type" if odd => random.pick(&["ok", ":okay", "\"ok\""]).to_owned(),
        "type" => random.pick(&[":invoke", ":ok", ":fail", ":info"]).to_owned(),
        "f" if odd => random.pick(&["read", "\"cas\"", ":"]).to_owned(),
        "f" => random.pick(&[":read", ":txn", ":\u{e9}"]).to_owned(),
        "index" | "time" => random.int().to_string(),
        "key" | "node" | "error" if odd => {
            random.pick(&["007", "-0", "k", "[:a 1]", "\"\\n\""]).to_owned()
        }
        "key" | "node" | "error" => random.pick(&["nil", "\"k\"", ":k", "7", "-7"]).to_owned(),
        _ => form(random, 0),
    }
}

fn form(random: &mut Random, depth: usize) -> String {
    const PLAIN: [&str; 10] =
        ["nil", "true", "false", "1", "-5", "-0", "007", ":a", ":a/b", "\"\u{e9} \n\""];
    const ODD: [&str; 14] = [
        "+5",
        "1N",
        "1.5",
        "1/2",
        "##Inf",
        "99999999999999999999",
        ":",
        "sym",
        "-",
        "\"x\"",
        "\"\\\\\"",
        "\\a",
        "\\(",
        "nilly",
    ];
    if random.one_in(15) {
        return random.pick(&ODD).to_owned();
    }
    let some = |random: &mut Random| -> String {
        (0..random.below(4))
            .map(|_| form(random, depth + 1) + random.pick(&[" ", ", ", "\n"]))
            .collect()
    };
    match random.below(if depth < 3 { 9 } else { 3 }) {
        0..=2 => random.pick(&PLAIN).to_owned(),
        3 | 4 => format!("[{}]", some(random)),
        5 => format!("({})", some(random)),
        6 => format!("#{{{}}}", some(random)),
        7 if random.one_in(4) => format!(
            "{}{}",
            random.pick(&["#inst ", "#_ 1 ", "#a.B", "#:c"]),
            form(random, depth + 1)
        ),
        _ => format!("{{{}}}", some(random)),
    }
}

#[test]
fn the_quick_reader_understands_what_the_whole_one_does() {
    let mut random = Random(9);
    let (mut quick, mut slow, mut wrong) = (0, 0, 0);
    for round in 0..30_000 {
        let mut bytes = map_of(&mut random).into_bytes();
        if round % 2 == 0 {
            random.spoil(&mut bytes);
        }
        match agree(&bytes) {
            [true, _] => quick += 1,
            [false, true] => slow += 1,
            [false, false] => wrong += 1,
        }
    }
    assert!(quick > 4_000 && slow > 1_000 && wrong > 5_000, "{quick} {slow} {wrong}");
}

#[test]
fn what_jepsen_prints_is_understood_quickly() {
    for text in [
        "{:process 3, :type :invoke, :f :cas, :value [4 [1 2]], :index 7, :time 12}",
        "{:index 0, :time 1, :type :ok, :process 0, :f :txn, :value [[:append 3 1] [:r 4 [1 2]]]}",
        "{:type :info, :f :start-partition, :value nil, :process :nemesis, :time 5, :index 9}",
        "{:process 9, :type :ok, :f :get, :key \"0\", :value \"x 9 0 y\"}",
        "{:type :ok, :f :read, :value {0 10, 1 20}, :process 1, :time 5, :index 9}",
        "#jepsen.history.Op{:process 0, :type :ok, :f :read, :value #{1 2}}",
    ] {
        let (map, length) = fast::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(length, text.len());
        if let Actor::Client(process) = map.actor {
            let _: EventRef<'_> = map.event(process);
        }
    }
}
