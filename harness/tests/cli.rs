//! The program as a person or a script meets it: what it prints, how it ends, what it leaves behind.
//!
//! The runs here are real: processes, sockets, signals. They wait for conditions with a deadline, never for a time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rashomon::verdict::VerdictRecord;
use rashomon_checker::check::Validity;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

fn rashomon(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rashomon"));
    command.args(args).env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1");
    command
}

fn output(args: &[&str]) -> Output {
    rashomon(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

/// Waits until `seen` gives something, or fails with what was waited for.
fn wait_for<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = seen() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process runs that is not our child. A zombie whose parent does not reap it is dead, too.
fn runs(pid: Pid) -> bool {
    let pid = pid.as_raw_nonzero();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

mod words {
    use super::*;

    #[test]
    fn help_is_grouped_and_complete() {
        let help = stdout(&output(&["run", "--help"]));
        for group in ["What to test:", "How hard:", "Faults:", "Checking:", "Output:", "Examples:"]
        {
            assert!(help.contains(group), "{group} in {help}");
        }
        for flag in [
            "--workload",
            "--nodes",
            "--bug",
            "--seed",
            "--time-limit",
            "--rate",
            "--concurrency",
            "--op-timeout",
            "--election-timeout",
            "--faults",
            "--fault-interval",
            "--check-time-limit",
            "--check-memory",
            "--out",
            "--format",
            "--keep-data",
            "--color",
        ] {
            assert!(help.contains(flag), "{flag} in {help}");
        }
        let root = output(&["--help"]);
        assert_eq!(code(&root), 0);
        for part in ["run", "check", "report", "list", "Examples:", "Exit codes:", "254"] {
            assert!(stdout(&root).contains(part), "{part} in {}", stdout(&root));
        }
        assert!(!stdout(&root).contains("node  "), "the verb of nodes is hidden");
    }

    #[test]
    fn nothing_to_do_is_a_usage_error_with_help() {
        let nothing = output(&[]);
        assert_eq!(code(&nothing), 254);
        assert!(stdout(&nothing).is_empty(), "stdout is for results");
        assert!(stderr(&nothing).contains("Usage: rashomon"), "{}", stderr(&nothing));
    }

    #[test]
    fn mistakes_end_with_254_and_the_nearest_name() {
        for (args, answer) in [
            (&["rnu"][..], "did you mean \"run\"?"),
            (&["run", "-w", "regster"], "did you mean \"register\"?"),
            (&["run", "--bug", "ack-on-apend"], "did you mean \"ack-on-append\"?"),
            (&["run", "--faults", "kill-leadr"], "did you mean \"kill-leader\"?"),
            (
                &["run", "--faults", "crash-leader"],
                "crash-leader is for the simulator only: rashomon sim --faults crash-leader",
            ),
            (&["run", "--fautls", "none"], "--faults"),
            (&["run", "--time-limit", "20"], "write the unit: \"20s\""),
            (&["check", "--time-limit", "90", "f"], "write the unit: \"90s\""),
            (&["check", "--memory-limit", "2XB", "f"], "write it like 2GiB"),
            (&["run", "--nodes", "10"], "10 is not in 1..=9"),
            (&["run", "--election-timeout", "20s"], "10ms to 5s"),
            (&["run", "--time-limit", "1s", "--faults", "kill"], "no fault fits into 1s"),
            (&["list", "bug"], "bugs"),
        ] {
            let output = output(args);
            assert_eq!(code(&output), 254, "{args:?}");
            assert!(stderr(&output).contains(answer), "{args:?}: {}", stderr(&output));
            assert!(stdout(&output).is_empty(), "{args:?}: {}", stdout(&output));
        }
    }

    #[test]
    fn an_unusable_folder_is_a_usage_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let output = output(&["run", "--out", file.to_str().unwrap()]);
        assert_eq!(code(&output), 254);
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    }

    #[test]
    fn list_shows_each_thing_on_one_line() {
        let list = stdout(&output(&["list"]));
        for name in ["register", "append", "set", "cas-register", "append-list", "half-quorum"] {
            let lines =
                list.lines().filter(|line| line.trim_start().starts_with(&format!("{name} ")));
            assert!(lines.count() >= 1, "{name} in {list}");
        }
        let bugs = output(&["list", "bugs", "--format", "json"]);
        let bugs: serde_json::Value = serde_json::from_slice(&bugs.stdout).unwrap();
        assert!(bugs["bugs"].as_array().unwrap().len() >= 8);
        assert!(stdout(&output(&["list", "bugs", "--all"])).contains("waits for snapshots"));
        let faults = output(&["list", "faults"]);
        assert!(stdout(&faults).contains("kill-leader"), "{}", stdout(&faults));
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let child = rashomon(&["list"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 0);
        assert_eq!(stderr(&output), "");
    }

    #[test]
    fn a_result_that_cannot_be_written_is_a_failure() {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = rashomon(&["list"]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!(code(&output), 255);
        assert!(stderr(&output).contains("cannot write to stdout"), "{}", stderr(&output));
    }
}

mod check {
    use super::*;

    fn line(index: u64, process: u64, kind: &str, f: &str, value: &str) -> String {
        format!(
            r#"{{"index":{index},"time":{index},"process":{process},"type":"{kind}","f":"{f}","key":"k1","value":{value}}}"#
        ) + "\n"
    }

    fn history(read: i64) -> String {
        [
            line(0, 0, "invoke", "write", "1"),
            line(1, 0, "ok", "write", "1"),
            line(2, 1, "invoke", "read", "null"),
            line(3, 1, "ok", "read", &read.to_string()),
        ]
        .concat()
    }

    fn check(text: &str) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.jsonl");
        fs::write(&file, text).unwrap();
        output(&["check", "--model", "register", file.to_str().unwrap()])
    }

    #[test]
    fn a_file_ends_with_its_verdict() {
        assert_eq!(code(&check(&history(1))), 0);
        assert_eq!(code(&check(&history(2))), 1);
    }

    #[test]
    fn a_torn_last_line_is_tolerated_with_a_warning() {
        let torn = history(1) + r#"{"index":4,"ti"#;
        let output = check(&torn);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(!stderr(&output).is_empty(), "the tear is told");
    }

    #[test]
    fn any_other_malformed_line_is_bad_input() {
        let broken = history(1).replacen(r#""type":"ok""#, r#""type":"okay""#, 1);
        let output = check(&broken);
        assert_eq!(code(&output), 254);
        assert!(stderr(&output).contains("history.jsonl:2"), "{}", stderr(&output));
    }

    /// Checks a file of this name and content, with further arguments.
    fn check_named(name: &str, text: &str, args: &[&str]) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        output(&[&["check", file.to_str().unwrap()], args].concat())
    }

    #[test]
    fn a_file_without_anything_in_it_is_unknown() {
        for text in ["", "\n", "[]", "{"] {
            let output = check_named("h", text, &[]);
            assert_eq!(code(&output), 2, "{text:?}: {output:?}");
            let told = stdout(&output).ends_with("the file holds no operations\n");
            assert!(told, "{}", stdout(&output));
        }
        let nemesis = "{:process :nemesis, :type :info, :f :kill, :value nil}";
        assert_eq!(code(&check_named("h", nemesis, &[])), 0);
    }

    #[test]
    fn the_operations_of_a_named_process_are_not_lost() {
        let named = |name| history(2).replace("\"process\":1", &format!("\"process\":\"{name}\""));
        assert_eq!(code(&check(&named("1"))), 1, "a number in quotes is a number");
        let output = check(&named("c1"));
        assert_eq!(code(&output), 254);
        let told = "history.jsonl:3: process \"c1\": must be a number or \"nemesis\"";
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
    }

    const INDEPENDENT: &str = "\
{:process 0, :type :invoke, :f :write, :value [1 5]}
{:process 0, :type :ok, :f :write, :value [1 5]}
{:process 1, :type :invoke, :f :write, :value [2 7]}
{:process 1, :type :ok, :f :write, :value [2 7]}
{:process 0, :type :invoke, :f :read, :value [1 nil]}
{:process 0, :type :ok, :f :read, :value [1 5]}
";

    #[test]
    fn an_independent_history_is_judged_by_key_or_not_at_all() {
        let plain = check_named("h.edn", INDEPENDENT, &[]);
        assert_eq!(code(&plain), 254, "{plain:?}");
        assert!(stderr(&plain).contains("give --independent"), "{}", stderr(&plain));
        assert_eq!(code(&check_named("h.edn", INDEPENDENT, &["--independent"])), 0);
        let wrong =
            INDEPENDENT.replace(":ok, :f :read, :value [1 5]", ":ok, :f :read, :value [1 7]");
        let wrong = check_named("h.edn", &wrong, &["--independent"]);
        assert_eq!(code(&wrong), 1);
        assert!(stdout(&wrong).contains("p0 read 1 = 7"), "{}", stdout(&wrong));
        let lines = [
            r#"{"process":0,"type":"invoke","f":"read","value":[3,null]}"#,
            r#"{"process":0,"type":"ok","f":"read","value":[3,null]}"#,
        ]
        .join("\n");
        assert_eq!(code(&check_named("h.jsonl", &lines, &[])), 254);
        assert_eq!(code(&check_named("h.jsonl", &lines, &["--independent", "-m", "register"])), 0);
    }

    #[test]
    fn a_failed_cas_is_an_observation_where_that_is_asked_for() {
        let lines = [
            line(0, 0, "invoke", "write", "1"),
            line(1, 0, "ok", "write", "1"),
            line(2, 0, "invoke", "cas", "[1,2]"),
            line(3, 0, "fail", "cas", "[1,2]"),
        ]
        .concat();
        assert_eq!(code(&check_named("h.jsonl", &lines, &[])), 0);
        let strict = check_named("h.jsonl", &lines, &["--strict-fail"]);
        assert_eq!(code(&strict), 1, "{strict:?}");
    }

    #[test]
    fn what_a_read_of_nil_says_can_be_told() {
        let lines = history(1).replace(
            "\"read\",\"key\":\"k1\",\"value\":1",
            "\"read\",\"key\":\"k1\",\"value\":null",
        );
        assert_eq!(code(&check_named("h.jsonl", &lines, &[])), 1);
        assert_eq!(code(&check_named("h.jsonl", &lines, &["--nil-reads", "unknown"])), 0);
        assert_eq!(code(&check_named("h.jsonl", &lines, &["--nil-reads", "absent"])), 1);
    }

    #[test]
    fn a_key_cannot_write_lines_of_its_own() {
        let forged = history(2).replace("\"k1\"", r#""k\nfake.jsonl: valid\u001b[2K""#);
        let output = check(&forged);
        assert_eq!(code(&output), 1);
        assert_eq!(stdout(&output).lines().count(), 1, "{}", stdout(&output));
        assert!(stdout(&output).contains("k␊fake.jsonl: valid␛[2K"), "{}", stdout(&output));
    }

    #[test]
    fn a_bad_file_is_an_object_too_where_objects_are_asked_for() {
        let output = check_named("h.jsonl", "nonsense", &["--format", "json"]);
        assert_eq!(code(&output), 254);
        let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["valid"], "unknown");
        assert!(object["file"].as_str().unwrap().ends_with("h.jsonl"), "{object}");
        assert!(object["reason"].as_str().unwrap().contains("nonsense"), "{object}");
        assert_eq!(stderr(&output).lines().count(), 1);
    }

    #[test]
    fn a_plan_counts_only_for_its_own_run() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plan.json"), r#"{"workload":"register"}"#).unwrap();
        let other = folder.path().join("other.jsonl");
        let lines = [line(0, 0, "invoke", "add", "1"), line(1, 0, "ok", "add", "1")].concat();
        fs::write(&other, &lines).unwrap();
        let output = output(&["check", "--format", "json", other.to_str().unwrap()]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["model"], "set");
    }

    #[test]
    fn a_missing_file_is_bad_input() {
        let output = output(&["check", "--model", "register", "/nowhere/history.jsonl"]);
        assert_eq!(code(&output), 254);
        assert!(stderr(&output).contains("/nowhere/history.jsonl"), "{}", stderr(&output));
    }
}

mod run {
    use super::*;

    /// A run in a folder of its own.
    struct Running {
        child: Child,
        out: TempDir,
    }

    impl Running {
        fn start(args: &[&str]) -> Self {
            let out = tempfile::tempdir().unwrap();
            let child = rashomon(&["run", "--out", out.path().to_str().unwrap()])
                .args(args)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            Self { child, out }
        }

        fn current(&self) -> PathBuf {
            self.out.path().join("current")
        }

        /// Waits until so many operations succeeded.
        fn wait_for_load(&self, operations: usize) {
            let history = self.current().join("history.jsonl");
            wait_for("operations in the history", || {
                let text = fs::read_to_string(&history).ok()?;
                (text.matches(r#""type":"ok""#).count() >= operations).then_some(())
            });
        }

        /// The node processes, by their parent.
        fn nodes(&self) -> Vec<Pid> {
            let parent = self.child.id().to_string();
            let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
                let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                // The second field is the name in brackets and may hold anything; the parent is the second after it.
                let after_name = stat.rsplit_once(')')?.1;
                (after_name.split_whitespace().nth(1) == Some(&parent)).then_some(pid)
            });
            processes.map(|pid| Pid::from_raw(pid).unwrap()).collect()
        }

        fn signal(&self, signal: Signal) {
            let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
            kill_process(pid, signal).unwrap();
        }

        /// Waits for the end; the streams are read meanwhile, so that the run never waits for a full pipe.
        fn end(mut self) -> (Output, TempDir) {
            let mut err = self.child.stderr.take().unwrap();
            let reader = thread::spawn(move || {
                let mut text = Vec::new();
                err.read_to_end(&mut text).map(|_| text)
            });
            let mut stdout = Vec::new();
            self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
            let status = self.child.wait().unwrap();
            let stderr = reader.join().unwrap().unwrap();
            (Output { status, stdout, stderr }, self.out)
        }
    }

    fn wait_until_gone(nodes: &[Pid]) {
        wait_for("the nodes to be gone", || nodes.iter().all(|node| !runs(*node)).then_some(()));
    }

    fn verdict(folder: &Path) -> VerdictRecord {
        serde_json::from_slice(&fs::read(folder.join("verdict.json")).unwrap()).unwrap()
    }

    #[test]
    fn a_short_run_is_valid_and_leaves_everything() {
        let run = Running::start(&["--time-limit", "2s", "--faults", "none", "--seed", "7"]);
        let (output, out) = run.end();
        assert_eq!(code(&output), 0, "{output:?}");
        let said = stdout(&output);
        assert!(said.starts_with("linearizable: "), "{said}");
        for part in ["report  ", "history  ", "run again  ", "--seed 7", "check again  "] {
            assert!(said.contains(part), "{part} in {said}");
        }
        let latest = out.path().join("latest");
        for file in ["plan.json", "history.jsonl", "faults.jsonl", "verdict.json", "report.html"] {
            assert!(latest.join(file).is_file(), "{file}");
        }
        assert!(latest.join("nodes/n3/log.jsonl").is_file());
        assert!(!latest.join("nodes/n3/data").exists(), "data of a valid run is not kept");
        let verdict = verdict(&latest);
        assert_eq!(verdict.validity, Validity::Valid);
        let history = latest.join("history.jsonl");
        let again = super::output(&["check", "--model", "cas-register", history.to_str().unwrap()]);
        assert_eq!(code(&again), 0, "{again:?}");
    }

    /// A run under limits of open files, as `ulimit` sets them.
    fn with_limit(ulimit: &str, concurrency: &str) -> Output {
        let out = tempfile::tempdir().unwrap();
        let script = format!("ulimit {ulimit} && exec \"$@\"");
        Command::new("sh")
            .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_rashomon"), "run"])
            .args(["--out", out.path().to_str().unwrap(), "--time-limit", "1s"])
            .args(["--faults", "none", "--concurrency", concurrency])
            .output()
            .unwrap()
    }

    #[test]
    fn a_low_soft_limit_of_open_files_is_raised() {
        let output = with_limit("-Sn 64", "9");
        assert_eq!(code(&output), 0, "{output:?}");
        assert!(!stdout(&output).contains("Too many open files"), "{output:?}");
    }

    #[test]
    fn a_hard_limit_of_open_files_that_is_too_low_is_told_with_the_remedy() {
        let output = with_limit("-n 300", "30");
        assert_eq!(code(&output), 254, "{output:?}");
        let said = stderr(&output);
        assert!(said.contains("only 300 are allowed") && said.contains("ulimit -n "), "{said}");
        assert!(stdout(&output).is_empty(), "{output:?}");
    }

    #[test]
    fn the_result_for_scripts_is_one_object() {
        let args = ["--time-limit", "1s", "--faults", "none", "--format", "json", "-w", "set"];
        let (output, _out) = Running::start(&args).end();
        assert_eq!(code(&output), 0, "{output:?}");
        let verdict: VerdictRecord = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdict.validity, Validity::Valid);
        assert!(verdict.operations["add"].ok > 0);
    }

    #[test]
    fn a_killed_run_leaves_a_history_and_no_processes() {
        let mut run = Running::start(&["--time-limit", "10m"]);
        run.wait_for_load(100);
        let nodes = run.nodes();
        assert_eq!(nodes.len(), 3);
        run.signal(Signal::KILL);
        run.child.wait().unwrap();
        wait_until_gone(&nodes);
        let history = run.current().join("history.jsonl");
        let check = output(&["check", "--model", "cas-register", history.to_str().unwrap()]);
        assert_eq!(code(&check), 0, "{check:?}");
        assert!(!run.out.path().join("latest").exists(), "it never had a verdict");
    }

    #[test]
    fn the_first_interrupt_ends_with_a_verdict() {
        let run = Running::start(&["--time-limit", "10m", "--faults", "none"]);
        run.wait_for_load(100);
        let nodes = run.nodes();
        run.signal(Signal::INT);
        let (output, out) = run.end();
        assert_eq!(code(&output), 0, "{output:?}");
        assert!(stdout(&output).contains("stopped early"), "{}", stdout(&output));
        assert_eq!(verdict(&out.path().join("latest")).validity, Validity::Valid);
        wait_until_gone(&nodes);
    }

    #[test]
    fn an_interrupt_before_the_load_ends_at_once_without_a_verdict() {
        let run = Running::start(&["--time-limit", "10m", "--election-timeout", "5s"]);
        // No leader is elected in the first five seconds.
        let nodes = wait_for("all nodes", || Some(run.nodes()).filter(|nodes| nodes.len() == 3));
        run.signal(Signal::INT);
        let (output, out) = run.end();
        assert_eq!(code(&output), 130, "{output:?}");
        assert!(stderr(&output).contains("before the load began"), "{}", stderr(&output));
        assert!(!out.path().join("latest").exists(), "it never had a verdict");
        wait_until_gone(&nodes);
    }

    /// A node that somebody stopped keeps the final reads waiting until the signal comes.
    #[test]
    fn an_interrupt_during_the_final_reads_ends_them() {
        let out = tempfile::tempdir().unwrap();
        let told = out.path().join("stderr");
        let child = rashomon(&["run", "--out", out.path().to_str().unwrap()])
            .args(["--time-limit", "1s", "--faults", "none"])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&told).unwrap())
            .spawn()
            .unwrap();
        let run = Running { child, out };
        run.wait_for_load(50);
        kill_process(run.nodes()[0], Signal::STOP).unwrap();
        wait_for("the final reads", || {
            fs::read_to_string(&told).ok()?.contains("final reads").then_some(())
        });
        let begin = Instant::now();
        run.signal(Signal::INT);
        let output = run.child.wait_with_output().unwrap();
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(begin.elapsed() < Duration::from_secs(10), "they take 15 s: {:?}", begin.elapsed());
        assert!(stdout(&output).contains("final reads were answered"), "{}", stdout(&output));
    }

    #[test]
    fn a_sound_store_is_valid_through_faults_that_stop_all_of_it() {
        for faults in ["kill-all", "pause-all"] {
            let args = ["--time-limit", "6s", "--faults", faults, "--seed", "3"];
            let (output, out) = Running::start(&args).end();
            assert_eq!(code(&output), 0, "{faults}: {output:?}");
            let verdict = verdict(&out.path().join("latest"));
            assert!(verdict.faults.installed > 0, "{faults}: {verdict:?}");
            let (all, after) = (verdict.operations["read"].ok, verdict.ok_after_faults);
            assert!((20..all).contains(&after), "{faults}: {verdict:?}");
        }
    }

    #[test]
    fn the_second_interrupt_ends_at_once() {
        let run = Running::start(&["--time-limit", "10m"]);
        run.wait_for_load(20);
        let nodes = run.nodes();
        let mut ended = run;
        // Two signals in a row can become one: send the second until it is heard.
        ended.signal(Signal::TERM);
        wait_for("the end", || {
            ended.signal(Signal::INT);
            ended.child.try_wait().unwrap()
        });
        let (output, _out) = ended.end();
        assert_eq!(code(&output), 130, "{output:?}");
        wait_until_gone(&nodes);
    }
}
