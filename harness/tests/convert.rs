//! `rashomon convert` as a person or a script meets it: what it writes, says and leaves behind.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const JEPSEN: &str = "\
{:process 0, :type :invoke, :f :write, :value 3, :time 5, :index 0}
{:process :nemesis, :type :info, :f :start, :value {:a 1.5}, :index 1}
{:process 0, :type :ok, :f :write, :value 3, :index 2}
{:process 1, :type :invoke, :f :read, :value nil, :index 3}
{:process 1, :type :ok, :f :read, :value nil, :index 4}
";

const LINES: &str = r#"{"index":0,"time":5,"process":0,"type":"invoke","f":"write","value":3}
{"index":1,"process":0,"type":"ok","f":"write","value":3}
{"index":2,"process":1,"type":"invoke","f":"read","value":null}
{"index":3,"process":1,"type":"ok","f":"read","value":null}
"#;

/// A folder with a history in it.
struct Folder(TempDir);

impl Folder {
    fn with(name: &str, text: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path(name), text).unwrap();
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
        command.args(args).env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1");
        command.current_dir(self.0.path());
        command
    }

    /// Runs a verb here.
    fn run(&self, args: &[&str]) -> Ended {
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
}

#[test]
fn formats_and_packings_are_told_by_the_name() {
    let folder = Folder::with("h.edn", JEPSEN);
    let steps = [("h.edn", "a.jsonl.zst"), ("a.jsonl.zst", "b.edn.gz"), ("b.edn.gz", "c.jsonl")];
    for (input, out) in steps {
        let ended = folder.run(&["convert", input, out]);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");
    }
    assert_eq!(folder.read("c.jsonl"), LINES);
    assert_eq!(fs::read(folder.path("a.jsonl.zst")).unwrap()[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    assert_eq!(fs::read(folder.path("b.edn.gz")).unwrap()[..2], [0x1f, 0x8b]);
    assert_eq!(folder.names(), ["a.jsonl.zst", "b.edn.gz", "c.jsonl", "h.edn"]);
    let mode = |name| fs::metadata(folder.path(name)).unwrap().permissions().mode();
    assert_eq!(mode("c.jsonl"), mode("h.edn"), "as any new file");
}

#[test]
fn stdout_gets_the_history_and_stderr_what_it_means() {
    let folder = Folder::with("h.edn", JEPSEN);
    let ended = folder.run(&["convert", "h.edn", "-", "--to", "jsonl"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, LINES));
    assert_eq!(
        ended.stderr,
        "note: 1 events of the nemesis are no operations and were left out\n\
         note: to judge it as the original, use: rashomon check stdout --initial 0 --nil-reads unknown\n"
    );
    let edn = folder.run(&["convert", "h.edn", "-", "--to", "edn"]);
    let first = "{:index 0, :time 5, :process 0, :type :invoke, :f :write, :value 3}\n";
    assert!(edn.stdout.starts_with(first), "{edn:?}");
    let mut command = folder.command(&["convert", "-", "-", "--to", "jsonl"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(JEPSEN.as_bytes()).unwrap();
    assert_eq!(Ended::of(&child.wait_with_output().unwrap()).stdout, LINES);
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let folder = Folder::with("h.edn", JEPSEN);
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = folder.command(&["convert", "h.edn", "-", "--to", "edn"]);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let ended = Ended::of(&child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[test]
fn the_verdict_stays_with_the_flags_that_are_told() {
    let folder = Folder::with("h.edn", JEPSEN);
    assert_eq!(folder.run(&["check", "h.edn"]).code, 0);
    assert_eq!(folder.run(&["convert", "h.edn", "h.jsonl"]).code, 0);
    // A read of nil after a write: an answer that was not kept, or one that is wrong.
    assert_eq!(folder.run(&["check", "h.jsonl"]).code, 1);
    let told = folder.run(&["check", "h.jsonl", "--initial", "0", "--nil-reads", "unknown"]);
    assert_eq!(told.code, 0, "{told:?}");
}

#[test]
fn what_is_there_stays_unless_it_is_forced() {
    let folder = Folder::with("h.edn", JEPSEN);
    fs::write(folder.path("out.jsonl"), "mine").unwrap();
    let refused = folder.run(&["convert", "h.edn", "out.jsonl"]);
    assert_eq!(refused.code, 254);
    assert_eq!(refused.stderr, "error: out.jsonl exists; --force replaces it\n");
    assert_eq!(folder.read("out.jsonl"), "mine");
    assert_eq!(folder.run(&["convert", "h.edn", "out.jsonl", "--force"]).code, 0);
    assert_eq!(folder.read("out.jsonl"), LINES);
    let itself = folder.run(&["convert", "out.jsonl", "out.jsonl", "--force", "--to", "edn"]);
    assert_eq!(itself.code, 0, "{itself:?}");
    assert!(folder.read("out.jsonl").starts_with("{:index 0"));
    assert_eq!(folder.names(), ["h.edn", "out.jsonl"]);
}

#[test]
fn bad_input_is_named_and_leaves_nothing_behind() {
    let folder = Folder::with("h.edn", &JEPSEN.replace(":value 3, :index 2", ":value 1.5"));
    let line = LINES.replace("\"ok\",\"f\":\"write\"", "\"okay\",\"f\":\"write\"");
    fs::write(folder.path("h.jsonl"), line).unwrap();
    let cases: [(&[&str], &str); 7] = [
        (
            &["h.edn", "out.jsonl"],
            "error: h.edn:3: value 1.5: only whole numbers of 64 bits can be used; write a smaller unit",
        ),
        (&["h.jsonl", "out.edn"], "error: h.jsonl:2:36: not an event: unknown variant `okay`"),
        (&["missing", "out.edn"], "error: missing: No such file"),
        (&["h.edn", ".", "--to", "edn"], "error: . is a folder; name a file"),
        (
            &["h.edn", "out.txt"],
            "error: the name \"out.txt\" does not say what to write: give --to",
        ),
        (
            &["h.jsonl", "out.txt", "--to", "porcupine-kv"],
            "error: h.jsonl:1: `write`: porcupine-kv has get, put and append only",
        ),
        (
            &["h.jsonl", "out.edn", "--independent"],
            "error: h.jsonl:1: value 3: --independent needs [key value]",
        ),
    ];
    for (args, told) in cases {
        let ended = folder.run(&[&["convert"], args].concat());
        assert_eq!(ended.code, 254, "{args:?}: {ended:?}");
        assert!(ended.stderr.starts_with(told), "{args:?}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{args:?}: {ended:?}");
    }
    assert_eq!(folder.names(), ["h.edn", "h.jsonl"]);
}

#[test]
fn a_full_disk_is_one_line_and_a_failure() {
    let folder = Folder::with("h.edn", JEPSEN);
    for packing in ["none", "gz", "zst"] {
        let args = ["convert", "h.edn", "/dev/full", "--to", "edn", "--compress", packing];
        let ended = folder.run(&args);
        assert_eq!(ended.code, 255, "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert!(ended.stderr.contains("cannot write /dev/full: No space left"), "{ended:?}");
    }
    let nowhere = folder.run(&["convert", "h.edn", "nowhere/out.edn"]);
    assert_eq!((nowhere.code, nowhere.stderr.lines().count()), (255, 1), "{nowhere:?}");
}

#[test]
fn independent_values_are_written_as_key_and_value() {
    let folder = Folder::with("h.edn", "{:process 0, :type :invoke, :f :cas, :value [7 [1 2]]}\n");
    let ended = folder.run(&["convert", "h.edn", "-", "--to", "jsonl", "--independent"]);
    let line = r#"{"index":0,"process":0,"type":"invoke","f":"cas","key":"7","value":[1,2]}"#;
    assert_eq!(ended.stdout, format!("{line}\n"));
}
