//! `rashomon check` beyond one model: properties, transactions, and the page of `--report`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

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
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// stdout without the times, which are never the same.
    fn told(&self) -> String {
        let mut text = String::new();
        for line in self.stdout.lines() {
            let words = line.split(' ').collect::<Vec<_>>();
            let timed = words.windows(2).position(|pair| {
                pair[0].parse::<f64>().is_ok() && (pair[1].starts_with("s)") || pair[1] == "s,")
            });
            let words = words.iter().enumerate();
            let words = words.map(|(at, word)| if Some(at) == timed { "T" } else { word });
            text += &(words.collect::<Vec<_>>().join(" ") + "\n");
        }
        text
    }

    fn object(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
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

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rashomon"));
        command.arg("check").args(args).env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1");
        command.current_dir(self.0.path());
        command
    }

    fn check(&self, args: &[&str]) -> Ended {
        Ended::of(&self.command(args).output().unwrap())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

const BANK: &str = "\
{:process 1, :type :invoke, :f :read, :value nil}
{:process 1, :type :ok, :f :read, :value {:a 60, :b 40}}
{:process 2, :type :invoke, :f :transfer, :value {:from :a, :to :b, :amount 10}}
{:process 2, :type :ok, :f :transfer, :value {:from :a, :to :b, :amount 10}}
{:process 1, :type :invoke, :f :read, :value nil}
{:process 1, :type :ok, :f :read, :value {:a 50, :b 40}}
{:process 2, :type :invoke, :f :read, :value nil}
{:process 2, :type :ok, :f :read, :value {:a 101, :b -1}}
";

/// Elle's: a read that missed an append which had completed.
const APPEND: &str = "\
{:process 0, :type :invoke, :f :txn, :value [[:append :x 1]]}
{:process 0, :type :ok, :f :txn, :value [[:append :x 1]]}
{:process 1, :type :invoke, :f :txn, :value [[:r :x nil]]}
{:process 1, :type :ok, :f :txn, :value [[:r :x nil]]}
{:process 1, :type :invoke, :f :txn, :value [[:r :x nil]]}
{:process 1, :type :ok, :f :txn, :value [[:r :x [1]]]}
";

/// Knossos': registers start with 0.
const MULTI_REGISTER: &str = "\
{:process 0, :type :invoke, :f :txn, :value [[:read :x nil] [:write :y 2]]}
{:process 0, :type :ok, :f :txn, :value [[:read :x 0] [:write :y 2]]}
{:process 1, :type :invoke, :f :txn, :value [[:read :y nil]]}
{:process 1, :type :ok, :f :txn, :value [[:read :y 2]]}
";

/// Elle's: both transactions read what the other was about to replace.
const SKEW: &str = "\
{:process 0, :type :invoke, :f :txn, :value [[:r :x nil] [:w :y 1]]}
{:process 1, :type :invoke, :f :txn, :value [[:r :y nil] [:w :x 2]]}
{:process 0, :type :ok, :f :txn, :value [[:r :x nil] [:w :y 1]]}
{:process 1, :type :ok, :f :txn, :value [[:r :y nil] [:w :x 2]]}
";

const STALE: &str = r#"{"process":0,"type":"invoke","f":"write","value":1}
{"process":0,"type":"ok","f":"write","value":1}
{"process":1,"type":"invoke","f":"read","value":null}
{"process":1,"type":"ok","f":"read","value":null}
"#;

mod properties {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_in_words_and_counted() {
        let folder = Folder::new(&[("bank.edn", BANK)]);
        let ended = folder.check(&["-p", "bank:total=100", "bank.edn"]);
        assert_eq!((ended.code, ended.stderr.as_str()), (1, ""));
        assert_eq!(
            ended.told(),
            "bank.edn: bank: invalid (4 operations, 0 crashed, T s) p1 read balances that add up to 90, not 100: a: \
             50, b: 40\n  p2 read -1 of account b, below zero\n  in all: wrong-total 1, negative-balance 1\n"
        );
        let allowed = folder.check(&["-p", "bank:total=100,negative-balances", "bank.edn"]);
        assert_eq!(allowed.code, 1);
        assert!(!allowed.stdout.contains("below zero"), "{allowed:?}");
    }

    #[test]
    fn options_decide() {
        let folder = Folder::new(&[("bank.edn", BANK)]);
        // Without a total, it is what most reads add up to.
        let given = folder.check(&["--property", "bank:balance.a=60,balance.b=30", "bank.edn"]);
        assert!(given.stdout.contains("add up to 100, not 90"), "{given:?}");
        let both = folder.check(&["-p", "bank:total=90", "-p", "bank:total=100", "bank.edn"]);
        assert_eq!(both.stdout.matches("bank.edn: bank: invalid").count(), 2, "each is asked");
    }

    #[test]
    fn programs_get_the_whole_report() {
        let folder = Folder::new(&[("bank.edn", BANK)]);
        let ended = folder.check(&["-p", "bank", "--format", "json", "bank.edn"]);
        let object = ended.object();
        assert_eq!((ended.code, &object["valid"]), (1, &false.into()));
        assert_eq!(object["operations"], 4);
        let check = &object["checks"][0];
        assert_eq!((&check["check"], &check["name"]), (&"property".into(), &"bank".into()));
        assert_eq!(check["valid"], false);
        assert_eq!(check["report"]["found"]["wrong-total"], 1);
        assert_eq!(check["report"]["findings"][0]["rule"], "wrong-total");
        assert_eq!(object["reason"], check["reason"]);
    }

    #[test]
    fn an_operation_that_does_not_fit_is_named_with_its_line() {
        let folder = Folder::new(&[("bank.edn", BANK), ("stale.jsonl", STALE)]);
        let ended = folder.check(&["-p", "unique-ids", "stale.jsonl"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (254, ""));
        assert_eq!(
            ended.stderr,
            "error: stale.jsonl:1: event 0: property unique-ids has no function `write`; it has generate\n"
        );
        let ended = folder.check(&["-p", "bank", "-p", "monotonic", "bank.edn"]);
        assert_eq!(ended.code, 1, "an invalid history is never masked");
        assert!(ended.stderr.starts_with("error: bank.edn:3: event 2: "), "{ended:?}");
        let json = folder.check(&["-p", "monotonic", "--format", "json", "bank.edn"]);
        let object = json.object();
        assert_eq!((json.code, &object["valid"]), (254, &"unknown".into()));
        assert!(object["checks"][0]["reason"].as_str().unwrap().contains("bank.edn:3"), "{object}");
    }

    #[test]
    fn a_model_and_properties_are_checked_together() {
        let folder = Folder::new(&[("stale.jsonl", STALE)]);
        let ended = folder.check(&["-m", "register", "-p", "session", "stale.jsonl"]);
        assert_eq!(ended.code, 1, "the worst counts");
        assert_eq!(
            ended.told(),
            "stale.jsonl: register: invalid (2 operations, 0 crashed, T s) p1 read nil, but p0's write of 1 had \
             completed before the read began\nstale.jsonl: session: valid (2 operations, 0 crashed, T s)\n"
        );
        let object = folder
            .check(&["-m", "register", "-p", "session", "--format", "json", "stale.jsonl"])
            .object();
        assert_eq!(object["checks"].as_array().unwrap().len(), 2);
        assert_eq!((&object["valid"], &object["model"]), (&false.into(), &"register".into()));
        assert_eq!(object["checks"][0]["report"]["counterexample"]["minimal"], true);
    }

    #[test]
    fn a_file_without_operations_has_no_property() {
        let folder = Folder::new(&[("empty", "")]);
        for args in [&["-p", "bank", "empty"][..], &["-c", "serializable", "empty"], &["empty"]] {
            let ended = folder.check(args);
            assert_eq!(ended.code, 2, "{ended:?}");
            assert!(ended.stdout.ends_with("the file holds no operations\n"), "{ended:?}");
        }
    }

    #[test]
    fn mistakes_end_with_254_and_the_nearest_name() {
        let folder = Folder::new(&[("bank.edn", BANK)]);
        for (args, answer) in [
            (["-p", "bnak"], "did you mean \"bank\"?"),
            (["-p", "bank:totl=1"], "did you mean \"total\"?"),
            (["-p", "session:total=1"], "property session has no options"),
            (["-p", "bank:total=x"], "needs a whole number"),
            (["-c", "serialisable"], "did you mean \"serializable\"?"),
        ] {
            let ended = folder.check(&[&args[..], &["bank.edn"]].concat());
            assert_eq!((ended.code, ended.stdout.as_str()), (254, ""), "{args:?}");
            assert!(ended.stderr.contains(answer), "{args:?}: {}", ended.stderr);
        }
    }
}

mod transactions {
    use super::*;

    #[test]
    fn lists_are_told_from_registers() {
        let folder = Folder::new(&[("append.edn", APPEND), ("registers.edn", MULTI_REGISTER)]);
        let lists = folder.check(&["append.edn"]);
        assert_eq!(lists.code, 1);
        assert_eq!(
            lists.told(),
            "append.edn: strict-serializable: invalid (3 operations, 0 crashed, T s) G-single-realtime: a cycle in \
             which one read missed a write; strict-serializable forbids it\n"
                .to_owned()
                + "  G-single-realtime: T1 before T0 before T1: each of these transactions must come before the \
                    next, and the last before the first\n"
                + "    T1 read x = [], which T0's append of 1 came after\n"
                + "    T0 completed (event 1) before T1 was invoked (event 2)\n"
                + "  rules out strong-snapshot-isolation and all that is stronger\n"
        );
        let registers = folder.check(&["registers.edn"]);
        assert_eq!(registers.told(), "registers.edn: valid (2 operations, 0 crashed, T s)\n");
    }

    #[test]
    fn a_weaker_model_may_allow_it() {
        let folder = Folder::new(&[("append.edn", APPEND), ("skew.edn", SKEW)]);
        assert_eq!(folder.check(&["-c", "serializable", "append.edn"]).code, 0);
        assert_eq!(folder.check(&["-c", "PL-SI", "skew.edn"]).code, 0);
        let skew = folder.check(&["-c", "serializable", "skew.edn"]);
        assert_eq!(skew.code, 1);
        assert!(skew.stdout.contains("write-skew"), "{skew:?}");
        let object =
            folder.check(&["-c", "snapshot-isolation", "--format", "json", "skew.edn"]).object();
        let check = &object["checks"][0];
        assert_eq!((&check["check"], &check["valid"]), (&"consistency".into(), &true.into()));
        assert_eq!(check["report"]["weakest_ruled_out"][0], "repeatable-read");
        assert_eq!(check["report"]["family"], "rw-register");
    }

    /// Registers that `read` and `write` are Knossos' and start with 0; those that `r` and `w` are Elle's and start with
    /// nil. What is told goes before.
    #[test]
    fn conventions_are_those_of_the_names() {
        let folder = Folder::new(&[("registers.edn", MULTI_REGISTER), ("skew.edn", SKEW)]);
        assert_eq!(folder.check(&["-c", "strict-serializable", "registers.edn"]).code, 0);
        let told = folder.check(&["-c", "strict-serializable", "--initial", "1", "registers.edn"]);
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.stdout.contains("garbage-read"), "{told:?}");
        let unknown = folder.check(&["-c", "serializable", "--nil-reads", "unknown", "skew.edn"]);
        assert_eq!(unknown.code, 0, "an answer that was not kept contradicts nothing");
    }

    #[test]
    fn what_is_no_transaction_is_named_with_its_line() {
        let folder = Folder::new(&[("stale.jsonl", STALE)]);
        let ended = folder.check(&["-c", "serializable", "stale.jsonl"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (254, ""));
        assert!(
            ended.stderr.starts_with("error: stale.jsonl:1: event 0: `write` is no"),
            "{ended:?}"
        );
    }
}

mod limits {
    use std::fmt::Write as _;
    use std::io::{BufRead, BufReader, Read};
    use std::process::Child;

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    /// Compare-and-sets between five values, all open at once, and a read that none explains: no search ends soon.
    fn hard() -> String {
        let pairs = (0..5).flat_map(|from| (0..5).map(move |to| (from, to)));
        let pairs: Vec<(u32, u32)> = pairs.filter(|(from, to)| from != to).collect();
        let mut text = event(99, "write", "0", "0");
        for kind in ["invoke", "ok"] {
            for client in 0..60 {
                let (from, to) = pairs[client % pairs.len()];
                let line = format!(
                    r#"{{"process":{client},"type":"{kind}","f":"cas","value":[{from},{to}]}}"#
                );
                text += &(line + "\n");
            }
        }
        text + &event(98, "write", "8", "8") + &event(97, "read", "null", "1")
    }

    fn event(process: u32, f: &str, input: &str, answer: &str) -> String {
        let mut text = String::new();
        for (kind, value) in [("invoke", input), ("ok", answer)] {
            writeln!(text, r#"{{"process":{process},"type":"{kind}","f":"{f}","value":{value}}}"#)
                .unwrap();
        }
        text
    }

    #[test]
    fn time_is_over_in_the_same_words_whatever_is_checked() {
        let adds: String = (0..40_000).map(|_| event(0, "add", "1", "1")).collect();
        let txn = |at: u32| format!(r#"[["append","x",{at}]]"#);
        let txns: String = (0..40_000).map(|at| event(0, "txn", &txn(at), &txn(at))).collect();
        let folder = Folder::new(&[("hard", &hard()), ("adds", &adds), ("txns", &txns)]);
        for (flag, name, file) in [
            ("-m", "cas-register", "hard"),
            ("-p", "counter", "adds"),
            ("-c", "serializable", "txns"),
        ] {
            let args = [flag, name, "--time-limit", "1ms", file];
            let why = "stopped by --time-limit 0.001s";
            let human = folder.check(&args);
            assert_eq!(human.code, 2, "{human:?}");
            assert!(human.stdout.contains(": unknown ("), "{human:?}");
            assert!(human.stdout.contains(&format!("s) {why}")), "{human:?}");
            let json = folder.check(&[&args[..], &["--format", "json"]].concat());
            let object = json.object();
            assert_eq!((json.code, &object["valid"]), (2, &"unknown".into()), "{object}");
            for reason in [&object["reason"], &object["checks"][0]["report"]["reason"]] {
                assert!(reason.as_str().unwrap().starts_with(why), "{object}");
            }
        }
    }

    /// A child that has begun to search, as it says.
    fn searching(folder: &Folder, args: &[&str]) -> Child {
        let mut command = folder.command(&[&["-m", "cas-register"], args].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut sign = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut sign).unwrap();
        assert!(sign.starts_with("checking hard (63 operations): "), "{sign}");
        child
    }

    #[test]
    fn ctrl_c_ends_all_files_with_what_is_known() {
        let folder = Folder::new(&[("hard", &hard()), ("stale", STALE)]);
        for (args, says) in [
            (&["hard", "stale"][..], "hard: unknown (63 operations, 0 crashed, "),
            (&["--format", "json", "hard", "stale"], r#"{"file":"hard","valid":"unknown","#),
        ] {
            let mut child = searching(&folder, args);
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            kill_process(pid, Signal::INT).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(130), "{args:?}");
            let mut stdout = String::new();
            child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
            assert!(stdout.starts_with(says), "{stdout}");
            assert!(stdout.contains("stopped by Ctrl-C: 1 of 1 objects undecided"), "{stdout}");
            assert_eq!(stdout.lines().count(), 1, "the others are not looked at: {stdout}");
        }
    }
}

#[test]
fn who_decided_is_told_where_it_is_asked() {
    let folder = Folder::new(&[("stale.jsonl", STALE), ("append.edn", APPEND)]);
    let quiet = folder.check(&["stale.jsonl"]);
    assert!(!quiet.stdout.contains("decider"), "{quiet:?}");
    let verbose = folder.check(&["-v", "stale.jsonl"]);
    let head = "stale.jsonl: invalid (2 operations, 0 crashed, T s, by decider)";
    assert!(verbose.told().starts_with(head), "{}", verbose.told());
    let search = folder.check(&["-v", "--engine", "wgl", "stale.jsonl"]);
    assert!(search.stdout.contains(", by tree search"), "{search:?}");
    let proven = folder.check(&["-v", "-c", "serializable", "append.edn"]);
    assert!(proven.stdout.contains(", by dependencies, proven)"), "{proven:?}");
}

mod page {
    use super::*;

    #[test]
    fn a_page_holds_all_files_and_shows_what_is_wrong() {
        let folder = Folder::new(&[
            ("stale.jsonl", STALE),
            ("bank.edn", BANK),
            ("registers.edn", MULTI_REGISTER),
            ("append.edn", APPEND),
            ("empty", ""),
            ("broken", "nonsense"),
        ]);
        let files = ["stale.jsonl", "registers.edn", "append.edn", "empty", "broken"];
        let ended = folder.check(&[&["--report", "page.html"][..], &files].concat());
        assert_eq!(ended.code, 1);
        assert_eq!(ended.stdout.lines().filter(|line| !line.starts_with(' ')).count(), 4);
        let page = folder.read("page.html");
        for part in [
            "2 of 5 files cannot have come from a correct store: each has a section that shows why.",
            "<a href=\"#file-1\">stale.jsonl</a>",
            "<a href=\"#file-2\">append.edn</a>",
            "p1 read nil, but p0&#39;s write of 1 had completed before the read began.",
            "<svg class=\"picture\"",
            "the history carries no times",
            "Decided by: decider",
            "<strong>Minimal</strong>",
            "T1 read x = [], which T0&#39;s append of 1 came after",
            "the file holds no operations",
            "nonsense",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert_eq!(page.matches("<details class=\"case\" open>").count(), 2);
        assert!(
            folder.check(&["-p", "bank", "--report", "page.html", "bank.edn"]).stderr.is_empty()
        );
        assert!(
            folder.read("page.html").contains("p1 read balances that add up to 90"),
            "replaced"
        );
        assert_eq!(folder.names().len(), 7, "no draft is left: {:?}", folder.names());
    }

    #[test]
    fn no_other_file_is_replaced_unless_told() {
        let folder = Folder::new(&[("stale.jsonl", STALE), ("notes.html", "mine"), ("empty", "")]);
        let refused = folder.check(&["--report", "notes.html", "stale.jsonl"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (254, ""), "before any check");
        assert_eq!(refused.stderr, "error: notes.html exists; --force replaces it\n");
        assert_eq!(folder.read("notes.html"), "mine");
        assert_eq!(folder.check(&["--report", "notes.html", "--force", "stale.jsonl"]).code, 1);
        assert!(folder.read("notes.html").starts_with("<!doctype html>"));
        assert_eq!(folder.check(&["--report", "empty", "stale.jsonl"]).code, 1);
        for args in [&["--report", "stale.jsonl"][..], &["--force", "--report", "./stale.jsonl"]] {
            let ended = folder.check(&[args, &["stale.jsonl"]].concat());
            assert_eq!(ended.code, 254);
            assert!(ended.stderr.contains("is to be checked"), "{ended:?}");
        }
        assert_eq!(folder.read("stale.jsonl"), STALE);
    }

    #[test]
    fn a_page_that_cannot_be_written_is_one_line() {
        let folder = Folder::new(&[("registers.edn", MULTI_REGISTER)]);
        for (path, says) in [
            ("no/such/folder/page.html", "cannot write no/such/folder/page.html: "),
            (".", ". is a folder; name a file"),
            ("-", "the page needs a name: stdout is for the verdicts"),
        ] {
            let ended = folder.check(&["--report", path, "registers.edn"]);
            assert_eq!((ended.code, ended.stdout.as_str()), (254, ""), "{ended:?}");
            assert!(ended.stderr.contains(says), "{ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        }
        let full = folder.check(&["--report", "/dev/full", "registers.edn"]);
        assert_eq!(full.code, 255, "{full:?}");
        assert_eq!(full.stderr.lines().count(), 1, "{full:?}");
        assert!(full.stderr.contains("cannot write /dev/full: "), "{full:?}");
    }

    #[test]
    fn a_page_can_go_down_a_pipe() {
        let folder = Folder::new(&[("registers.edn", MULTI_REGISTER)]);
        let mut command = folder.command(&["--report", "/dev/stderr", "registers.edn"]);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        let ended = Ended::of(&output);
        assert_eq!(ended.code, 0);
        assert!(
            ended.stderr.contains("Everything that was asked for holds in 1 file."),
            "{ended:?}"
        );
    }
}

#[test]
fn properties_and_consistency_models_are_listed() {
    let list = |what: &str, format: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rashomon"));
        Ended::of(&command.args(["list", what, "--format", format]).output().unwrap())
    };
    let properties = list("properties", "human");
    assert_eq!(properties.stdout.lines().count(), 10, "{properties:?}");
    assert!(properties.stdout.contains("total=N, balance.ACCOUNT=N, negative-balances"));
    let consistency = list("consistency", "human").stdout;
    let line = |name: &str| {
        let begins = format!("  {name} ");
        consistency.lines().find(|line| line.starts_with(&begins)).unwrap().to_owned()
    };
    assert!(line("read-uncommitted").ends_with(", G0"), "{consistency}");
    assert!(
        line("repeatable-read").ends_with("; forbids G2-item, and what cursor-stability forbids"),
        "{consistency}"
    );
    let object: serde_json::Value =
        serde_json::from_str(&list("consistency", "json").stdout).unwrap();
    assert_eq!(object["consistency"].as_array().unwrap().len(), 17);
    assert_eq!(object["consistency"][0]["forbids"][2], "G0");
}
