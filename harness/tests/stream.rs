//! `rashomon check --stream`: the verdict of `check`, found while a history is read.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const STALE: &str = r#"{"process":0,"type":"invoke","f":"write","key":"k1","value":1}
{"process":0,"type":"ok","f":"write","key":"k1","value":1}
{"process":1,"type":"invoke","f":"read","key":"k1","value":null}
{"process":1,"type":"ok","f":"read","key":"k1","value":null}
"#;

const RULE: &str = "of two groups of operations, each would have to come before the other";

/// A folder with histories in it.
struct Folder(TempDir);

/// How the program ended, and what it said.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}")),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// stdout without the time, which is never the same.
    fn told(&self) -> String {
        let (before, after) = self.stdout.split_once(" crashed, ").unwrap();
        format!("{before} crashed, T{}", &after[after.find(" s").unwrap()..])
    }

    fn objects(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            fs::write(folder.path(name), text).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rashomon"));
        command.args(args).env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1");
        command.current_dir(self.0.path());
        command
    }

    fn stream(&self, args: &[&str]) -> Ended {
        let command = self.command(&[&["check", "--stream"], args].concat()).output();
        Ended::of(&command.unwrap())
    }

    fn check(&self, args: &[&str]) -> Ended {
        Ended::of(&self.command(&[&["check"], args].concat()).output().unwrap())
    }
}

mod verdicts {
    use super::*;

    #[test]
    fn a_violation_is_told_with_its_line_and_the_way_to_its_explanation() {
        let folder = Folder::new(&[("stale.jsonl", STALE)]);
        let ended = folder.stream(&["stale.jsonl"]);
        assert_eq!(ended.code, 1);
        let line = format!("line 4: p1's read of key k1 has no place in any order: {RULE}");
        assert_eq!(
            ended.told(),
            format!("stale.jsonl: invalid (4 events read, 2 operations, 0 crashed, T s) {line}\n")
        );
        assert_eq!(
            ended.stderr,
            "note: stale.jsonl: the same command without --stream explains what is wrong\n"
        );
        let object = folder.stream(&["--format", "json", "stale.jsonl"]).objects().remove(0);
        assert_eq!((&object["valid"], &object["reason"]), (&false.into(), &line.clone().into()));
        assert_eq!((&object["model"], &object["keys"]), (&"register".into(), &1.into()));
        assert_eq!(object["engines"][0]["engine"], "monitor");
        let violation = serde_json::json!({ "event": 3, "line": 4, "key": "k1", "sentence": line });
        let streamed = serde_json::json!({ "events": 4, "whole": false, "violation": violation });
        assert_eq!(object["streamed"], streamed);
    }

    #[test]
    fn what_is_valid_was_read_to_its_end() {
        let valid =
            STALE.replacen(r#""read","key":"k1","value":null}"#, r#""read","key":"k1"}"#, 1);
        let valid = valid.replace(
            r#""ok","f":"read","key":"k1","value":null"#,
            r#""ok","f":"read","key":"k1","value":1"#,
        );
        let folder = Folder::new(&[("h", &valid), ("empty", ""), ("stale", STALE)]);
        let ended = folder.stream(&["-v", "h"]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        assert_eq!(
            ended.told(),
            "h: valid (4 events read, 2 operations, 0 crashed, T s, by monitor)\n"
        );
        let empty = folder.stream(&["empty"]);
        assert_eq!(empty.code, 2, "{empty:?}");
        assert!(empty.stdout.ends_with("the file holds no operations\n"), "{empty:?}");
        let all = folder.stream(&["h", "stale", "empty"]);
        assert_eq!((all.code, all.stdout.lines().count()), (1, 3), "the worst counts: {all:?}");
    }

    #[test]
    fn a_folder_stands_for_its_history_and_its_plan_tells_the_model() {
        let list = r#"{"process":0,"type":"invoke","f":"read","value":null}
{"process":0,"type":"ok","f":"read","value":[]}
"#;
        let folder = Folder::new(&[]);
        fs::create_dir(folder.path("run")).unwrap();
        fs::write(folder.path("run/history.jsonl"), list).unwrap();
        let unknown = folder.stream(&["run"]);
        assert_eq!(unknown.code, 254);
        let says = "error: run/history.jsonl: cannot tell the model: its functions are read; give --model, one of ";
        assert!(unknown.stderr.starts_with(says), "{unknown:?}");
        fs::write(folder.path("run/plan.json"), r#"{"workload":"append"}"#).unwrap();
        let ended = folder.stream(&["--format", "json", "run"]);
        assert_eq!(ended.objects()[0]["model"], "append-list");
    }

    #[test]
    fn packed_histories_are_read_as_they_are() {
        let folder = Folder::new(&[("stale.jsonl", STALE)]);
        for name in ["stale.jsonl.gz", "stale.jsonl.zst", "stale.edn"] {
            let convert = folder.command(&["convert", "stale.jsonl", name]).output().unwrap();
            assert!(convert.status.success());
            let ended = folder.stream(&["--initial", "null", "--nil-reads", "absent", name]);
            assert_eq!(ended.code, 1, "{name}: {ended:?}");
        }
        // By the conventions of EDN, the answer was not kept.
        assert_eq!((folder.stream(&["stale.edn"]).code, folder.check(&["stale.edn"]).code), (0, 0));
        fs::write(folder.path("long.jsonl"), long(2_000)).unwrap();
        folder.command(&["convert", "long.jsonl", "long.gz", "--to", "jsonl"]).output().unwrap();
        let packed = fs::read(folder.path("long.gz")).unwrap();
        fs::write(folder.path("torn.gz"), &packed[..packed.len() / 2]).unwrap();
        let torn = folder.stream(&["torn.gz"]);
        assert_eq!((torn.code, folder.check(&["torn.gz"]).code), (0, 0), "{torn:?}");
        assert!(torn.stderr.contains("the gzip file ends early"), "{torn:?}");
    }

    #[test]
    fn pairs_of_key_and_value_are_taken_apart_or_refused() {
        let pairs = STALE.replace(r#""key":"k1","value":1"#, r#""value":[7,1]"#);
        let pairs = pairs.replace(r#""key":"k1","value":null"#, r#""value":[7,null]"#);
        let folder = Folder::new(&[("pairs", &pairs)]);
        for args in [&["pairs"][..], &["-m", "register", "pairs"]] {
            let (refused, check) = (folder.stream(args), folder.check(args));
            assert_eq!((refused.code, check.code), (254, 254));
            assert!(refused.stderr.contains("give --independent"), "{refused:?}");
        }
        let ended = folder.stream(&["--independent", "pairs"]);
        assert_eq!(ended.code, 1);
        assert!(ended.stdout.contains("p1's read of key 7"), "{ended:?}");
    }
}

mod mistakes {
    use super::*;

    #[test]
    fn flags_that_need_the_whole_history_are_refused_in_one_line() {
        let folder = Folder::new(&[("stale.jsonl", STALE)]);
        for (args, says) in [
            (&["--report", "p.html", "stale.jsonl"][..], "leave --report out"),
            (&["--engine", "wgl", "stale.jsonl"], "leave --engine out"),
            (&["--property", "bank", "stale.jsonl"], "leave --property out"),
            (&["--consistency", "serializable", "stale.jsonl"], "leave --consistency out"),
            (&["--threads", "2", "stale.jsonl"], "leave --threads out"),
            (&["-", "-"], "stdin has one history"),
        ] {
            let ended = folder.stream(args);
            assert_eq!((ended.code, ended.stdout.as_str()), (254, ""), "{args:?}");
            assert!(ended.stderr.contains(says), "{args:?}: {ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        }
        assert!(!folder.path("p.html").exists());
        let stdin = folder.check(&["-"]);
        assert_eq!(stdin.code, 254);
        assert_eq!(stdin.stderr, "error: \"-\" stands for stdin only with --stream\n");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_what_is_known_all_the_same() {
        let two: String = STALE.split_inclusive('\n').take(2).collect();
        let folder = Folder::new(&[
            ("broken", &(two.clone() + "{\"process\":1}\n")),
            ("later", &(STALE.to_owned() + "{\"process\":1}\n")),
            ("torn", &(two.clone() + "{\"proc")),
            ("twice", &(two.clone() + &two[..=two.find('\n').unwrap()].repeat(2))),
            ("other", &two.replacen("k1\",\"value\":1}\n{", "k2\",\"value\":1}\n{", 1)),
            ("words", "this is no history"),
        ]);
        let line = |name: &str| {
            let ended = folder.stream(&[name]);
            assert_eq!((ended.code, ended.stdout.as_str()), (254, ""), "{ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
            ended.stderr
        };
        let broken = line("broken");
        assert!(broken.starts_with("error: broken:3:13: not an event: missing field"), "{broken}");
        assert!(broken.ends_with(" (no violation in the 2 events before)\n"), "{broken}");
        let twice = line("twice");
        assert!(twice.starts_with("error: twice:4: not a history: event 3: process 0"), "{twice}");
        let other = line("other");
        assert!(other.contains("completes `write k1`, but invoked `write k2`"), "{other}");
        assert!(line("words").starts_with("error: words: not a history in a format"));
        assert!(line("missing").starts_with("error: missing: No such file"));
        assert!(line(".").starts_with("error: ./history.jsonl: No such file"));
        // Nothing that follows a violation hides it.
        assert_eq!(folder.stream(&["later"]).code, 1);
        let torn = folder.stream(&["torn"]);
        assert_eq!(torn.code, 0);
        assert_eq!(torn.stderr, "warning: torn: line 3, the last one, is torn and was left out\n");
    }

    #[test]
    fn what_is_none_of_the_models_is_named_with_its_line() {
        let folder = Folder::new(&[("stale.jsonl", STALE)]);
        let ended = folder.stream(&["--model", "set", "stale.jsonl"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (254, ""));
        assert_eq!(
            ended.stderr,
            "error: stale.jsonl:1: event 0: model set has no function `write`; it has add, read\n"
        );
        let transactions = "{:process 0, :type :invoke, :f :txn, :value [[:append :x 1]]}\n";
        fs::write(folder.path("txn.edn"), transactions).unwrap();
        let ended = folder.stream(&["txn.edn"]);
        assert_eq!(ended.code, 254);
        assert!(ended.stderr.contains("leave --stream out"), "{ended:?}");
    }

    /// Functions that come late are no surprise to a check of the whole, but to one that began with the first.
    #[test]
    fn a_model_that_was_guessed_from_the_start_may_be_too_narrow() {
        let mut text = long(35_000);
        text += r#"{"process":0,"type":"invoke","f":"cas","key":"k1","value":[1,2]}"#;
        let folder = Folder::new(&[("late", &(text + "\n"))]);
        let ended = folder.stream(&["late"]);
        assert_eq!(ended.code, 254);
        assert!(
            ended.stderr.contains("late:70001: event 70000: model register has no"),
            "{ended:?}"
        );
        assert!(ended.stderr.contains("the first 65536 events: give --model"), "{ended:?}");
        assert_eq!(folder.stream(&["-m", "cas-register", "late"]).code, 0);
    }
}

/// Writes of ten keys, each to its end.
fn long(operations: usize) -> String {
    let mut text = String::new();
    for value in 0..operations {
        for kind in ["invoke", "ok"] {
            let key = value % 10;
            writeln!(
                text,
                r#"{{"process":0,"type":"{kind}","f":"write","key":"k{key}","value":{value}}}"#
            )
            .unwrap();
        }
    }
    text
}

mod limits {
    use super::*;

    /// A child that reads a history from a pipe of which the other end stays open.
    fn waiting(args: &[&str]) -> std::process::Child {
        let folder = Folder::new(&[]);
        let mut command = folder.command(&[&["check", "--stream"], args, &["-"]].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir("/").spawn().unwrap()
    }

    fn rest(mut stream: impl Read) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn an_event_in_a_pipe_is_judged_before_another_follows() {
        let mut child = waiting(&["--model", "register"]);
        let mut stdin = child.stdin.take().unwrap();
        // Small writes: enough to tell the format comes with the first 64 KiB, or with the end.
        stdin.write_all((long(600) + STALE).as_bytes()).unwrap();
        stdin.flush().unwrap();
        let status = child.wait().unwrap();
        drop(stdin);
        let (stdout, stderr) = (rest(child.stdout.unwrap()), rest(child.stderr.unwrap()));
        assert_eq!(status.code(), Some(1), "{stdout}{stderr}");
        assert!(stdout.starts_with("stdin: invalid (1204 events read, 602 operations"), "{stdout}");
        assert!(stderr.starts_with("note: stdin: what is wrong is explained where"), "{stderr}");
    }

    #[test]
    fn time_is_over_even_while_nothing_comes() {
        let mut child = waiting(&["--time-limit", "50ms"]);
        let stdin = child.stdin.take().unwrap();
        let status = child.wait().unwrap();
        drop(stdin);
        assert_eq!(status.code(), Some(2));
        let stderr = rest(child.stderr.unwrap());
        assert_eq!(stderr, "stdin: stopped by --time-limit 0.05s after no event at all\n");
    }

    #[test]
    fn memory_ends_it_with_how_far_it_came() {
        let mut text = String::new();
        for key in 0..40_000 {
            writeln!(
                text,
                r#"{{"process":{key},"type":"invoke","f":"write","key":"k{key}","value":1}}"#
            )
            .unwrap();
        }
        let folder = Folder::new(&[("many", &text)]);
        let limited = folder.stream(&["-m", "register", "--memory-limit", "1MiB", "many"]);
        assert_eq!(limited.code, 2, "{limited:?}");
        assert!(
            limited.stdout.contains("the memory limit of 1 MiB (--memory-limit) is used up after "),
            "{limited:?}"
        );
        assert!(limited.stdout.contains(" events, up to line "), "{limited:?}");
        assert_eq!(folder.stream(&["-m", "register", "many"]).code, 0);
    }

    /// The program reads the text from a pipe that stays open, and then there is Ctrl-C.
    fn interrupted(model: &str, text: &str) -> Ended {
        let folder = Folder::new(&[]);
        let fifo = folder.path("fifo");
        let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let mut command = folder.command(&["check", "--stream", "-m", model, "fifo"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Opens only once the other end is open, and by then it listens.
        let mut writer = fs::File::options().write(true).open(&fifo).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        let ended = Ended::of(&child.wait_with_output().unwrap());
        drop(writer);
        assert_eq!(ended.code, 130, "{ended:?}");
        ended
    }

    #[test]
    fn ctrl_c_ends_it_and_says_how_far_it_came() {
        // More than a reader takes at once, so that it is known what it is about.
        let ended = interrupted("register", &long(2000));
        let told = ended.stdout + &ended.stderr;
        assert!(told.starts_with("fifo: "), "{told}");
        assert!(told.contains("stopped by Ctrl-C after "), "{told}");
    }

    #[test]
    fn ctrl_c_is_heard_while_one_event_takes_long() {
        let started = std::time::Instant::now();
        let ended = interrupted("fifo-queue", &(long_queue(1000) + &crowd(16)));
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
        let told = ended.stdout + &ended.stderr;
        assert!(told.contains("stopped by Ctrl-C after "), "{told}");
    }

    /// Elements that go in and come out one by one.
    fn long_queue(elements: usize) -> String {
        let mut text = String::new();
        for element in 0..elements {
            for (f, value) in [("enqueue", element.to_string()), ("dequeue", "null".to_owned())] {
                for (kind, value) in [("invoke", &value), ("ok", &element.to_string())] {
                    writeln!(text, r#"{{"process":0,"type":"{kind}","f":"{f}","value":{value}}}"#)
                        .unwrap();
                }
            }
        }
        text
    }

    /// Enqueued all at once, and then one comes out that was never there: one event takes very long.
    fn crowd(elements: usize) -> String {
        let mut text = String::new();
        for kind in ["invoke", "ok"] {
            for element in 1..=elements {
                writeln!(
                    text,
                    r#"{{"process":{element},"type":"{kind}","f":"enqueue","value":{element}}}"#
                )
                .unwrap();
            }
        }
        text + "{\"process\":0,\"type\":\"invoke\",\"f\":\"dequeue\"}\n\
                {\"process\":0,\"type\":\"ok\",\"f\":\"dequeue\",\"value\":99}\n"
    }

    #[test]
    fn time_is_over_even_while_one_event_takes_long() {
        let folder = Folder::new(&[("crowd", &crowd(16))]);
        let args = ["-m", "fifo-queue", "--time-limit", "200ms"];
        let limited = folder.stream(&[&args[..], &["crowd"]].concat());
        assert_eq!(limited.code, 2, "{limited:?}");
        assert!(limited.stdout.starts_with("crowd: unknown ("), "{limited:?}");
        let json = folder.stream(&[&args[..], &["--format", "json", "crowd"]].concat());
        let object = json.objects().remove(0);
        assert_eq!((json.code, &object["valid"]), (2, &"unknown".into()));
        assert_eq!(object["streamed"]["whole"], false);
        let events = object["streamed"]["events"].as_u64().unwrap();
        let why =
            format!("stopped by --time-limit 0.2s after {events} events, up to line {events}");
        assert_eq!(object["reason"], why);
        let before = why.split(" after").next().unwrap();
        assert!(limited.stdout.contains(before), "the same words: {limited:?}");
        assert!(object["seconds"].as_f64().unwrap() < 2.0, "{object}");
    }
}

mod agreement {
    use super::*;

    /// `SplitMix64`.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) % limit as u64) as usize
        }
    }

    /// One object, as a list of numbers.
    type Held = Vec<usize>;

    /// Does it: what it answers, or nothing if it fails.
    fn act(held: &mut Held, f: &str, value: usize) -> String {
        let answer = |at: Option<usize>| at.map_or_else(|| "null".to_owned(), |at| at.to_string());
        match f {
            "write" => *held = vec![value],
            "append" | "add" | "enqueue" | "push" => held.push(value),
            "dequeue" if held.is_empty() => return "null".to_owned(),
            "dequeue" => return held.remove(0).to_string(),
            "pop" => return answer(held.pop()),
            "read-all" => return format!("{held:?}"),
            _ => return answer(held.last().copied()),
        }
        value.to_string()
    }

    /// Clients that overlap, on a store that now and then lies or does not answer.
    fn history(random: &mut Random, functions: [&str; 2], lies: bool) -> String {
        let mut text = String::new();
        let mut held = [Held::new(), Held::new()];
        let mut open: Vec<(usize, usize, usize, usize, Option<String>)> = Vec::new();
        let (mut next_process, mut value) = (4, 0);
        let mut idle: Vec<usize> = (0..4).collect();
        for _ in 0..60 {
            let step = random.below(3);
            if step == 0 && !idle.is_empty() {
                let process = idle.swap_remove(random.below(idle.len()));
                let (f, key) = (random.below(2), random.below(2));
                value += 1;
                let input = if f == 0 { value.to_string() } else { "null".to_owned() };
                event(&mut text, process, "invoke", functions[f], key, &input);
                open.push((process, f, key, value, None));
            } else if step == 1 && !open.is_empty() {
                let at = random.below(open.len());
                let (_, f, key, value, answer) = &mut open[at];
                if answer.is_none() {
                    let before = held[*key].clone();
                    *answer = Some(act(&mut held[*key], functions[*f], *value));
                    if lies && random.below(2) == 0 {
                        held[*key] = before;
                    }
                }
            } else if !open.is_empty() {
                let (process, f, key, value, answer) = open.swap_remove(random.below(open.len()));
                let input = if f == 0 { value.to_string() } else { "null".to_owned() };
                let (kind, says) = match answer {
                    Some(answer) if random.below(12) > 0 => ("ok", answer),
                    _ => ("info", input),
                };
                event(&mut text, process, kind, functions[f], key, &says);
                idle.push(if kind == "info" { next_process } else { process });
                next_process += 1;
            }
        }
        text
    }

    fn event(text: &mut String, process: usize, kind: &str, f: &str, key: usize, value: &str) {
        let f = f.trim_end_matches("-all");
        writeln!(
            text,
            r#"{{"process":{process},"type":"{kind}","f":"{f}","key":"k{key}","value":{value}}}"#
        )
        .unwrap();
    }

    /// File names with verdicts, by both ways.
    fn both(folder: &Folder, args: &[&str]) -> Vec<(String, serde_json::Value, serde_json::Value)> {
        let args = [&["--format", "json"], args].concat();
        let (check, stream) = (folder.check(&args), folder.stream(&args));
        assert_eq!(check.code, stream.code, "{}", stream.stderr);
        let pairs = check.objects().into_iter().zip(stream.objects());
        let name = |object: &serde_json::Value| object["file"].as_str().unwrap().to_owned();
        pairs.map(|(one, two)| (name(&one), one["valid"].clone(), two["valid"].clone())).collect()
    }

    #[test]
    fn random_histories_get_the_same_verdict_from_both() {
        for (model, functions) in [
            ("register", ["write", "read"]),
            ("append-list", ["append", "read-all"]),
            ("set", ["add", "read-all"]),
            ("fifo-queue", ["enqueue", "dequeue"]),
            ("stack", ["push", "pop"]),
        ] {
            let folder = Folder::new(&[]);
            let mut random = Random(7);
            let names: Vec<String> = (0..60).map(|number| format!("h{number}")).collect();
            for (number, name) in names.iter().enumerate() {
                let text = history(&mut random, functions, number % 2 == 0);
                fs::write(folder.path(name), text).unwrap();
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let verdicts = both(&folder, &[&["--model", model], &names[..]].concat());
            assert_eq!(verdicts.len(), 60);
            for (name, check, stream) in &verdicts {
                assert_eq!(check, stream, "{model}: {name}");
            }
            let valid = verdicts.iter().filter(|(_, valid, _)| *valid == true).count();
            assert!((12..=54).contains(&valid), "{model}: {valid} of 60 are valid");
        }
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a test that skips itself must say so")]
    fn the_corpus_gets_the_same_verdicts_from_both() {
        let named = std::env::var_os("RASHOMON_CORPUS").map(PathBuf::from);
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
        let corpus = named.unwrap_or(beside);
        let Ok(table) = fs::read_to_string(corpus.join("verdicts.tsv")) else {
            eprintln!("corpus not found, skipped");
            return;
        };
        let lines = table.lines().skip(1).map(|line| line.split('\t'));
        let files: Vec<PathBuf> =
            lines.filter_map(|mut line| Some(corpus.join(line.next()?))).collect();
        let files: Vec<&str> = files.iter().filter_map(|file| file.to_str()).collect();
        let verdicts = both(&Folder::new(&[]), &files);
        assert_eq!(verdicts.len(), files.len());
        for (name, check, stream) in verdicts {
            assert_eq!(check, stream, "{name}");
            assert!(check.is_boolean(), "{name}: {check}");
        }
    }
}
