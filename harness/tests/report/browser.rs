//! The page in a real browser, where there is one: Chromium without a window. Skipped with a message elsewhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rashomon::report::{self, RunRecord};
use rustix::process::{Pid, Signal, kill_process};

use super::samples;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// A first start of the browser on a busy machine takes seconds.
const DEADLINE: Duration = Duration::from_secs(120);

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

/// What the browser made of a page: its document after scripts ran, and what it complained about.
pub(crate) struct Seen {
    pub(crate) document: String,
    pub(crate) complaints: Vec<String>,
}

/// The page of a run; `None` without a browser.
fn look(run: &RunRecord, query: &str) -> Option<Seen> {
    look_at(&report::render(run), query)
}

/// `None` without a browser.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
pub(crate) fn look_at(page: &str, query: &str) -> Option<Seen> {
    let Some(browser) = browser() else {
        eprintln!("skipped: none of {} is installed", NAMES.join(", "));
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    std::fs::write(&path, page).unwrap();
    let out = folder.path().join("out");
    let err = folder.path().join("err");
    let mut child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}{query}", path.display()))
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let (done, ended) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let status = child.wait();
        // Nobody listens any more once the deadline has passed.
        let _ = done.send(());
        status
    });
    let in_time = ended.recv_timeout(DEADLINE).is_ok();
    if !in_time {
        kill_process(pid, Signal::KILL).unwrap();
    }
    waiter.join().unwrap().unwrap();
    assert!(in_time, "no document after {DEADLINE:?}; the browser said:\n{}", read(&err));
    let console = |line: &&str| line.contains("CONSOLE");
    let complaints = read(&err).lines().filter(console).map(str::to_owned).collect();
    Some(Seen { document: read(&out), complaints })
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

#[test]
fn a_browser_shows_the_failure_and_its_history() {
    let Some(seen) = look(&samples::forty_operations(), "?theme=dark#op-22") else { return };
    // A policy that does not fit the style or the script, or an exception, would be said here.
    assert_eq!(seen.complaints, Vec::<String>::new());
    assert!(seen.document.contains(">NOT LINEARIZABLE<"));
    assert!(seen.document.contains("data-theme=\"dark\""), "the theme can be asked for");
    assert_eq!(seen.document.matches("<g class=\"op ").count(), 40);
    assert_eq!(seen.document.matches(" id=\"row-").count(), 40, "the script lists the operations");
    assert!(
        seen.document
            .contains("id=\"row-39\" data-op=\"39\" data-outcome=\"ok\" class=\"is-blocked\"")
    );
    assert!(
        seen.document.contains("class=\"op ok lit\" data-op=\"22\""),
        "a link to an operation marks it"
    );
}

#[test]
fn a_browser_runs_nothing_that_was_said() {
    let Some(seen) = look(&samples::hostile(), "") else { return };
    assert_eq!(seen.complaints, Vec::<String>::new());
    assert!(!seen.document.contains("<img"));
    assert!(seen.document.contains("id=\"row-"), "the page's own script ran");
}
