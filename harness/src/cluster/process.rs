//! One child process: its signals, its end, and whether anybody asked for it.
//!
//! A thread a process waits for its end. It learns of it first (`waitid` with `WNOWAIT`), then takes the lock under which
//! signals are sent, and only then reaps: so a signal can meet a zombie, but never a stranger with a reused number.

use std::fmt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::sync::watch;

use super::log_tail::last_lines;
use super::spawner::Spawner;

/// How many of a node's last log lines its unexpected end is told with.
const LAST_LINES: usize = 8;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exit(ExitStatus);

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(out, "exit code {code}"),
            (None, Some(9)) => write!(out, "signal 9 (SIGKILL)"),
            (None, Some(15)) => write!(out, "signal 15 (SIGTERM)"),
            (None, Some(6)) => write!(out, "signal 6 (SIGABRT)"),
            (None, Some(11)) => write!(out, "signal 11 (SIGSEGV)"),
            (None, Some(signal)) => write!(out, "signal {signal}"),
            (None, None) => write!(out, "{}", self.0),
        }
    }
}

/// What we have asked of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// SIGTERM: to end cleanly. A SIGKILL may follow.
    ToStop,
    /// SIGKILL.
    ToDie,
}

impl Asked {
    /// Whether an end is what was asked for.
    fn explains(self, exit: Exit) -> bool {
        match self {
            Self::Nothing => false,
            // By SIGTERM itself: it came before the process had its handler.
            Self::ToStop => exit.0.code() == Some(0) || matches!(exit.0.signal(), Some(9 | 15)),
            // Anything else: it ended by itself just before.
            Self::ToDie => exit.0.signal() == Some(9),
        }
    }
}

/// Where ends that nobody asked for are told.
pub(super) type Findings = Arc<Mutex<Vec<String>>>;

/// What a process is called and where its log is.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) name: String,
    pub(super) log: PathBuf,
    pub(super) findings: Findings,
}

/// What signals and reaping agree on.
#[derive(Debug)]
struct Life {
    asked: Asked,
    reaped: bool,
}

/// A child in a process group of its own. Dropping it leaves it running.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    life: Arc<Mutex<Life>>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Process {
    /// Starts a child and the thread that waits for its end.
    pub(super) async fn start(
        spawner: &Spawner,
        mut command: Command,
        label: Label,
    ) -> std::io::Result<Self> {
        command.process_group(0);
        let child = spawner.spawn(command).await?;
        let pid = Pid::from_child(&child);
        let life = Arc::new(Mutex::new(Life { asked: Asked::Nothing, reaped: false }));
        let (exit_sender, exit) = watch::channel(None);
        let process = Self { pid, life: Arc::clone(&life), exit };
        let waiting = std::thread::Builder::new()
            .name(format!("reap {}", label.name))
            .spawn(move || reap(child, &life, &label, &exit_sender));
        if let Err(error) = waiting {
            // Nobody will reap it, but nobody will meet it either.
            process.kill();
            return Err(error);
        }
        Ok(process)
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// How it ended, if it has.
    pub(super) fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// SIGKILL, which also works on a stopped process.
    pub(super) fn kill(&self) {
        self.ask(Asked::ToDie, Signal::KILL);
    }

    /// SIGTERM.
    pub(super) fn terminate(&self) {
        self.ask(Asked::ToStop, Signal::TERM);
    }

    /// SIGKILL for one that did not follow SIGTERM.
    pub(super) fn insist(&self) {
        self.ask(Asked::ToStop, Signal::KILL);
    }

    /// SIGSTOP.
    pub(super) fn pause(&self) {
        self.signal(&lock(&self.life), Signal::STOP);
    }

    /// SIGCONT.
    pub(super) fn resume(&self) {
        self.signal(&lock(&self.life), Signal::CONT);
    }

    fn ask(&self, asked: Asked, signal: Signal) {
        let mut life = lock(&self.life);
        if !life.reaped {
            life.asked = asked;
        }
        self.signal(&life, signal);
    }

    fn signal(&self, life: &Life, signal: Signal) {
        if !life.reaped {
            // Fails only for a group of zombies, which is what the caller will find out next.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Waits for its end.
    pub(super) async fn ended(&self, within: Duration) -> Option<Exit> {
        let mut exit = self.exit.clone();
        let waiting = exit.wait_for(Option::is_some);
        tokio::time::timeout(within, waiting).await.ok()?.ok().and_then(|exit| *exit)
    }

    /// Waits for its end, for those who cannot await.
    pub(super) fn ended_blocking(&self, within: Duration) -> Option<Exit> {
        let deadline = Instant::now() + within;
        while self.exit().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.exit()
    }

    /// Its state as the kernel shows it: `R`, `S`, `D`, `T` (stopped), `Z`...; `None` once it is reaped.
    pub(super) fn state(&self) -> Option<char> {
        let life = lock(&self.life);
        if life.reaped {
            return None;
        }
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        state_of(&stat)
    }
}

/// The state in a line of `/proc/PID/stat`: behind the name, which is in parentheses and may hold anything.
fn state_of(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The life of the thread that waits for one child.
fn reap(
    mut child: Child,
    life: &Mutex<Life>,
    label: &Label,
    exit_sender: &watch::Sender<Option<Exit>>,
) {
    let born = Instant::now();
    let pid = Pid::from_child(&child);
    while let Err(rustix::io::Errno::INTR) =
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
    let mut life = lock(life);
    let status = child.wait();
    life.reaped = true;
    let asked = life.asked;
    drop(life);
    let Ok(status) = status else { return };
    let exit = Exit(status);
    if !asked.explains(exit) {
        let told = tell(label, &child, exit, born.elapsed());
        label.findings.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }
    exit_sender.send_replace(Some(exit));
}

/// An end that nobody asked for, in words.
fn tell(label: &Label, child: &Child, exit: Exit, age: Duration) -> String {
    let name = &label.name;
    let hint = match exit.0.signal() {
        Some(9) => ", not by the harness: was the machine out of memory?",
        _ => "",
    };
    let seconds = age.as_secs_f64();
    let head = format!("{name} (pid {}) ended after {seconds:.1} s: {exit}{hint}", child.id());
    let lines = last_lines(&label.log, LAST_LINES);
    if lines.is_empty() {
        format!("{head}; its log is empty")
    } else {
        format!("{head}; the end of its log:\n  {}", lines.join("\n  "))
    }
}

fn lock(life: &Mutex<Life>) -> MutexGuard<'_, Life> {
    // No panic can leave it half changed; and killing has to work in any case.
    life.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
