use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{kill_process, set_parent_process_death_signal};
use tempfile::TempDir;

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

/// Tells a copy of this test program to be a harness or a node.
const ROLE: &str = "RASHOMON_TEST_ROLE";

struct Rig {
    folder: TempDir,
    spawner: Spawner,
    findings: Findings,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, spawner: Spawner::start().unwrap(), findings: Findings::default() }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log.jsonl")
    }

    async fn start(&self, script: &str) -> Process {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(log.try_clone().unwrap()).stderr(log);
        let findings = Arc::clone(&self.findings);
        let label = Label { name: "n2".to_owned(), log: self.log(), findings };
        Process::start(&self.spawner, command, label).await.unwrap()
    }

    /// Waits until the process has said so in its log.
    async fn until_logged(&self, word: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let log = std::fs::read_to_string(self.log()).unwrap();
            if log.contains(word) {
                return log;
            }
            assert!(Instant::now() < deadline, "no {word:?} in {log:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn findings(&self) -> Vec<String> {
        self.findings.lock().unwrap().clone()
    }
}

async fn until_state(process: &Process, wanted: impl Fn(Option<char>) -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !wanted(process.state()) {
        assert!(Instant::now() < deadline, "still {:?}", process.state());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Whether a process that is not our child runs. A zombie whose new parent does not reap is dead, too.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| state_of(&stat).is_some_and(|state| state != 'Z' && state != 'X'))
}

async fn until_gone(pid: &str) {
    let deadline = Instant::now() + DEADLINE;
    while runs(pid) {
        assert!(Instant::now() < deadline, "process {pid} still runs");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn an_end_that_nobody_asked_for_is_told_with_the_last_words() {
    let rig = Rig::new();
    let process = rig.start("echo one; echo last words >&2; exit 3").await;
    let exit = process.ended(DEADLINE).await.unwrap();
    assert_eq!(exit.to_string(), "exit code 3");
    let [finding] = &rig.findings()[..] else { panic!("{:?}", rig.findings()) };
    assert!(
        finding.starts_with(&format!("n2 (pid {}) ended after 0.", process.pid())),
        "{finding}"
    );
    assert!(
        finding.ends_with("exit code 3; the end of its log:\n  one\n  last words"),
        "{finding}"
    );
}

#[tokio::test]
async fn a_clean_end_that_nobody_asked_for_is_told_as_well() {
    let rig = Rig::new();
    let process = rig.start("exit 0").await;
    process.ended(DEADLINE).await.unwrap();
    assert!(rig.findings()[0].ends_with("exit code 0; its log is empty"), "{:?}", rig.findings());
}

#[tokio::test]
async fn a_kill_is_no_finding_but_a_strangers_kill_is() {
    let rig = Rig::new();
    let process = rig.start("exec sleep 1000").await;
    process.kill();
    let exit = process.ended(DEADLINE).await.unwrap();
    assert_eq!(exit.to_string(), "signal 9 (SIGKILL)");
    assert_eq!(process.state(), None);
    assert!(rig.findings().is_empty(), "{:?}", rig.findings());

    let process = rig.start("exec sleep 1000").await;
    kill_process(process.pid, Signal::KILL).unwrap();
    process.ended(DEADLINE).await.unwrap();
    assert!(rig.findings()[0].contains("not by the harness"), "{:?}", rig.findings());
}

#[test]
fn only_what_was_asked_for_explains_an_end() {
    let exit = |raw| Exit(ExitStatus::from_raw(raw));
    let (clean, failed, term, kill, abort) = (exit(0), exit(0x100), exit(15), exit(9), exit(6));
    let explained =
        |asked: Asked| [clean, failed, term, kill, abort].map(|exit| asked.explains(exit));
    assert_eq!(explained(Asked::Nothing), [false; 5]);
    assert_eq!(explained(Asked::ToStop), [true, false, true, true, false]);
    assert_eq!(explained(Asked::ToDie), [false, false, false, true, false]);
}

#[tokio::test]
async fn a_paused_process_is_stopped_goes_on_and_can_be_killed() {
    let rig = Rig::new();
    let process = rig.start("exec sleep 1000").await;
    process.pause();
    until_state(&process, |state| state == Some('T')).await;
    process.resume();
    until_state(&process, |state| state.is_some_and(|state| state != 'T')).await;
    process.pause();
    until_state(&process, |state| state == Some('T')).await;
    process.kill();
    assert_eq!(process.ended(DEADLINE).await.unwrap().to_string(), "signal 9 (SIGKILL)");
    assert!(rig.findings().is_empty(), "{:?}", rig.findings());
}

#[tokio::test]
async fn a_stop_that_is_followed_is_no_finding_and_one_that_fails_is() {
    let rig = Rig::new();
    let process = rig.start("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done").await;
    rig.until_logged("ready").await;
    process.terminate();
    assert_eq!(process.ended(DEADLINE).await.unwrap().to_string(), "exit code 0");
    assert!(rig.findings().is_empty(), "{:?}", rig.findings());

    let process = rig.start("trap 'exit 7' TERM; echo armed; while :; do sleep 0.01; done").await;
    rig.until_logged("armed").await;
    process.terminate();
    process.ended(DEADLINE).await.unwrap();
    assert!(rig.findings()[0].contains("exit code 7"), "{:?}", rig.findings());
}

#[tokio::test]
async fn a_signal_reaches_the_whole_group() {
    let rig = Rig::new();
    let process = rig.start("sleep 1000 & echo child $! ; wait").await;
    let log = rig.until_logged("\n").await;
    let child = log.trim().strip_prefix("child ").unwrap();
    assert!(runs(child));
    process.kill();
    process.ended(DEADLINE).await.unwrap();
    until_gone(child).await;
}

#[tokio::test]
async fn signals_to_a_process_that_is_gone_go_nowhere() {
    let rig = Rig::new();
    let process = rig.start("exit 0").await;
    process.ended(DEADLINE).await.unwrap();
    process.pause();
    process.terminate();
    process.kill();
    assert_eq!(process.exit().unwrap().to_string(), "exit code 0");
    assert_eq!(process.state(), None);
}

#[test]
fn the_state_is_found_behind_any_name() {
    assert_eq!(state_of("12 (rashomon) S 1 12"), Some('S'));
    assert_eq!(state_of("12 (a) b) T 1 12"), Some('T'));
    assert_eq!(state_of("nonsense"), None);
}

/// A copy of this program that runs only the test of that name, in a role.
fn copy_as(role: &str, test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("cluster::process::tests::{test}"), "--nocapture"]);
    command.env(ROLE, role);
    command
}

/// Prints what the starter waits for, on a line of its own, and waits to be killed.
fn announce_and_wait(words: &str) -> ! {
    use std::io::Write;
    let mut out = std::io::stdout();
    writeln!(out, "\n{words}").unwrap();
    out.flush().unwrap();
    loop {
        std::thread::park();
    }
}

fn line_with(reader: &mut impl BufRead, word: &str) -> String {
    reader.lines().map(Result::unwrap).find(|line| line.starts_with(word)).unwrap()
}

/// Test, harness and node in one: see [`copy_as`].
#[test]
#[expect(
    clippy::zombie_processes,
    reason = "the copy that is a harness is killed before it could wait"
)]
fn nodes_die_with_a_harness_that_is_killed() {
    const THIS: &str = "nodes_die_with_a_harness_that_is_killed";
    match std::env::var(ROLE).as_deref() {
        Ok("node") => {
            set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
            announce_and_wait("node is up");
        }
        Ok("harness") => {
            // The runtime's thread that asks for the node ends at once; the node must not end with it.
            let (node, pid, _spawner) = std::thread::spawn(|| {
                let spawner = Spawner::start().unwrap();
                let mut command = copy_as("node", THIS);
                command.stdout(Stdio::piped());
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let mut child = runtime.block_on(spawner.spawn(command)).unwrap();
                let stdout = child.stdout.take().unwrap();
                (stdout, child.id(), spawner)
            })
            .join()
            .unwrap();
            let mut node = BufReader::new(node);
            line_with(&mut node, "node is up");
            announce_and_wait(&format!("node {pid}"));
        }
        _ => {}
    }
    let mut harness = copy_as("harness", THIS).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(harness.stdout.take().unwrap());
    let line = line_with(&mut stdout, "node ");
    let pid = line.strip_prefix("node ").unwrap();
    assert!(runs(pid));
    harness.kill().unwrap();
    harness.wait().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(until_gone(pid));
}
