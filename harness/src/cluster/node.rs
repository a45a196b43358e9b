//! One node of the cluster: its command line, its process, and what it is supposed to be doing.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::process::{Exit, Findings, Label, Process};
use super::spawner::Spawner;
use super::status::Asker;
use super::{ClusterError, Receipt};
use crate::ports::ReservedPort;

/// How long the kernel may take to end, stop or continue a process.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(5);

/// How long a node that was started or continued may take to answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// Pause between two questions to a node that does not answer yet.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// How long one question may take.
const QUESTION_PATIENCE: Duration = Duration::from_millis(200);

/// Pause between two looks at a process.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// How long a node may take to end cleanly.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// What a node is supposed to be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    Down,
    Running,
    Paused,
}

impl fmt::Display for Duty {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Down => "down",
            Self::Running => "running",
            Self::Paused => "paused",
        })
    }
}

/// The ports that are held for a node.
#[derive(Debug)]
pub(super) struct NodePorts {
    pub(super) client: ReservedPort,
    pub(super) peer: ReservedPort,
    pub(super) metrics: ReservedPort,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) ports: NodePorts,
    pub(super) asker: Asker,
    binary: PathBuf,
    args: Vec<OsString>,
    log: PathBuf,
    findings: Findings,
    /// Held over each change, so that changes of one node come one after the other.
    duty: tokio::sync::Mutex<Duty>,
    /// The latest process. Apart from `duty`, for those who cannot wait.
    process: Mutex<Option<Arc<Process>>>,
}

/// What a node is made of.
pub(super) struct NodeParts {
    pub(super) name: String,
    pub(super) ports: NodePorts,
    pub(super) binary: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) log: PathBuf,
    pub(super) findings: Findings,
}

impl Node {
    /// A node that is down.
    pub(super) fn new(parts: NodeParts) -> Self {
        let NodeParts { name, ports, binary, args, log, findings } = parts;
        let asker = Asker::new(ports.client.addr());
        let (duty, process) = (tokio::sync::Mutex::new(Duty::Down), Mutex::new(None));
        Self { name, ports, asker, binary, args, log, findings, duty, process }
    }

    pub(super) fn direct_addr(&self) -> SocketAddr {
        self.ports.client.addr()
    }

    pub(super) fn process(&self) -> Option<Arc<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts a process, without waiting until it answers.
    pub(super) async fn launch(&self, spawner: &Spawner) -> Result<(), ClusterError> {
        let mut duty = self.duty.lock().await;
        self.expect(*duty, Duty::Down)?;
        self.spawn(spawner).await?;
        *duty = Duty::Running;
        Ok(())
    }

    async fn spawn(&self, spawner: &Spawner) -> Result<Arc<Process>, ClusterError> {
        let failed = |source| ClusterError::Spawn { node: self.name.clone(), source };
        let log = self.open_log().map_err(failed)?;
        let mut command = Command::new(&self.binary);
        // For people who look at the list of processes; the program may be /proc/self/exe.
        command.arg0("rashomon").args(&self.args).stdin(Stdio::null());
        command.stdout(log.try_clone().map_err(failed)?).stderr(log);
        let label = Label {
            name: self.name.clone(),
            log: self.log.clone(),
            findings: Arc::clone(&self.findings),
        };
        let process = Arc::new(Process::start(spawner, command, label).await.map_err(failed)?);
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&process));
        Ok(process)
    }

    /// One file over all restarts.
    fn open_log(&self) -> std::io::Result<File> {
        OpenOptions::new().create(true).append(true).open(&self.log)
    }

    /// Waits until the node answers; how long that took.
    pub(super) async fn answers(&self, process: &Process) -> Result<Duration, ClusterError> {
        let begin = Instant::now();
        loop {
            if let Some(exit) = process.exit() {
                return Err(self.ended(process, exit));
            }
            if self.asker.ask(QUESTION_PATIENCE).await.is_some() {
                return Ok(begin.elapsed());
            }
            if begin.elapsed() > ANSWER_PATIENCE {
                return Err(ClusterError::NoAnswer {
                    node: self.name.clone(),
                    addr: self.direct_addr(),
                    patience: ANSWER_PATIENCE,
                });
            }
            sleep(ASK_EVERY).await;
        }
    }

    pub(super) async fn kill(&self) -> Result<Receipt, ClusterError> {
        let mut duty = self.duty.lock().await;
        let process = self.alive(*duty)?;
        process.kill();
        let exit = process.ended(SIGNAL_PATIENCE).await;
        let exit = exit.ok_or_else(|| self.unmoved(&process, "SIGKILL"))?;
        *duty = Duty::Down;
        Ok(receipt(format!("{} pid {} gone: {exit}", self.name, process.pid())))
    }

    pub(super) async fn restart(&self, spawner: &Spawner) -> Result<Receipt, ClusterError> {
        let mut duty = self.duty.lock().await;
        // One that ended by itself may come back, too.
        if self.process().is_none_or(|process| process.exit().is_none()) {
            self.expect(*duty, Duty::Down)?;
        }
        let begin = Instant::now();
        let process = self.spawn(spawner).await?;
        *duty = Duty::Running;
        self.answers(&process).await?;
        let took = begin.elapsed().as_millis();
        Ok(receipt(format!("{} pid {} answers after {took} ms", self.name, process.pid())))
    }

    pub(super) async fn pause(&self) -> Result<Receipt, ClusterError> {
        let mut duty = self.duty.lock().await;
        self.expect(*duty, Duty::Running)?;
        let process = self.alive(*duty)?;
        // Whoever gives up here must be able to call resume.
        *duty = Duty::Paused;
        process.pause();
        self.reaches(&process, "SIGSTOP", |state| state == 'T').await?;
        Ok(receipt(format!("{} pid {} state T", self.name, process.pid())))
    }

    pub(super) async fn resume(&self) -> Result<Receipt, ClusterError> {
        let mut duty = self.duty.lock().await;
        self.expect(*duty, Duty::Paused)?;
        let process = self.alive(*duty)?;
        let before = process.state().unwrap_or('?');
        process.resume();
        let state = self.reaches(&process, "SIGCONT", |state| state != 'T').await?;
        *duty = Duty::Running;
        let took = self.answers(&process).await?.as_millis();
        let pid = process.pid();
        let name = &self.name;
        Ok(receipt(format!(
            "{name} pid {pid} state {before}, then {state}, answers after {took} ms"
        )))
    }

    /// SIGTERM, then SIGKILL for one that takes too long, which is a finding. A node that is down stays so.
    pub(super) async fn stop(&self) -> Result<(), ClusterError> {
        let mut duty = self.duty.lock().await;
        *duty = Duty::Down;
        let Some(process) = self.process() else { return Ok(()) };
        process.terminate();
        // A stopped process has SIGTERM in store until it goes on.
        process.resume();
        if process.ended(STOP_PATIENCE).await.is_some() {
            return Ok(());
        }
        let (name, pid, patience) = (&self.name, process.pid(), STOP_PATIENCE.as_secs());
        let finding = format!("{name} (pid {pid}) did not end within {patience} s of SIGTERM");
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
        process.insist();
        match process.ended(SIGNAL_PATIENCE).await {
            Some(_) => Ok(()),
            None => Err(self.unmoved(&process, "SIGKILL")),
        }
    }

    fn expect(&self, is: Duty, wanted: Duty) -> Result<(), ClusterError> {
        if is == wanted {
            return Ok(());
        }
        Err(ClusterError::OffDuty { node: self.name.clone(), is: is.to_string() })
    }

    /// The process of a node that is not down; an error that says how it ended if it is gone.
    fn alive(&self, duty: Duty) -> Result<Arc<Process>, ClusterError> {
        let off = || ClusterError::OffDuty { node: self.name.clone(), is: duty.to_string() };
        let process = self.process().filter(|_| duty != Duty::Down).ok_or_else(off)?;
        match process.exit() {
            None => Ok(process),
            Some(exit) => Err(self.ended(&process, exit)),
        }
    }

    /// Waits until the kernel shows a state.
    async fn reaches(
        &self,
        process: &Process,
        signal: &'static str,
        wanted: impl Fn(char) -> bool,
    ) -> Result<char, ClusterError> {
        let deadline = Instant::now() + SIGNAL_PATIENCE;
        loop {
            match process.state() {
                Some(state) if wanted(state) && state != 'Z' => return Ok(state),
                _ if process.exit().is_some() || Instant::now() > deadline => {
                    return Err(self.unmoved(process, signal));
                }
                _ => sleep(LOOK_EVERY).await,
            }
        }
    }

    fn ended(&self, process: &Process, exit: Exit) -> ClusterError {
        let (node, pid) = (self.name.clone(), process.pid());
        ClusterError::Ended { node, pid, how: exit.to_string(), log: self.log.clone() }
    }

    fn unmoved(&self, process: &Process, signal: &'static str) -> ClusterError {
        if let Some(exit) = process.exit() {
            return self.ended(process, exit);
        }
        let state = process.state().unwrap_or('?');
        ClusterError::Unmoved { node: self.name.clone(), pid: process.pid(), signal, state }
    }
}

fn receipt(evidence: String) -> Receipt {
    Receipt { evidence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::PortPool;
    use crate::seed::Seed;

    #[tokio::test]
    async fn a_node_that_does_not_heed_sigterm_is_a_finding() {
        let folder = tempfile::tempdir().unwrap();
        let mut pool = PortPool::new(Seed(5).derive("deaf node"));
        let [client, peer, metrics] = [(); 3].map(|()| pool.reserve().unwrap());
        let findings = Findings::default();
        let script = "trap '' TERM; echo deaf; while :; do sleep 1; done";
        let log = folder.path().join("log.jsonl");
        let node = Node::new(NodeParts {
            name: "n1".to_owned(),
            ports: NodePorts { client, peer, metrics },
            binary: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            log: log.clone(),
            findings: Arc::clone(&findings),
        });
        node.launch(&Spawner::start().unwrap()).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !std::fs::read_to_string(&log).unwrap().contains("deaf") {
            assert!(Instant::now() < deadline, "the script does not start");
            sleep(LOOK_EVERY).await;
        }
        node.stop().await.unwrap();
        let findings = findings.lock().unwrap().clone();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("did not end within 3 s of SIGTERM"), "{findings:?}");
    }
}
