//! One run, from its plan to its verdict.
//!
//! ```text
//! plan.json -> cluster up -> load ----------------------+-> final reads -> cluster down -> check -> verdict, report
//!                            nemesis -> heals verified -+
//!              |<------------ clock of the run ---------------------------->|
//! ```
//!
//! Invariants:
//! - `plan.json` is on disk before anything starts, and each later file as soon as there is something to put in it: a run that
//!   is killed leaves a history that can be checked.
//! - The load goes on while the last faults heal, and for a while after: recovery under load is where bugs show. It ends
//!   before the final reads.
//! - What is checked is what stands in `history.jsonl`, read back from disk.
//! - Whatever goes wrong in the harness ends as a [`RunError`], with the cluster down; it is never a verdict.

pub(crate) mod agenda;
pub(crate) mod coverage;
pub(crate) mod final_reads;
mod findings;
pub(crate) mod interrupt;
pub(crate) mod judge;
pub(crate) mod load;
mod onlooker;
pub(crate) mod pace;
mod replicas;
pub(crate) mod routing;
mod service;
mod stage;
mod watch;

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use rashomon_checker::check::{CheckError, Validity};
use rashomon_workloads::Workload;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::client::ClientError;
use crate::cluster::ClusterError;
use crate::codec::{self, CodecError, InputFormat};
use crate::console::say;
use crate::plan::Plan;
use crate::progress::{Progress, Voice};
use crate::recorder::{FaultJournal, RecordError, Recorder, RunClock};
use crate::report::{self, RunRecord};
use crate::run_folder::{RunFolder, RunFolderError};
use crate::testimony::Testimony;
use crate::verdict::{Commands, VerdictRecord};
use coverage::Evidence;
pub(crate) use coverage::OK_MIN;
use onlooker::{Onlooker, Seen};
use stage::Staged;

/// When the data folders of the nodes stay after a run. Their logs always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepData {
    /// Always.
    Always,
    /// Unless the run is valid.
    Fail,
    /// Never.
    Never,
}

/// What to carry out, and where.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Everything about the run itself.
    pub plan: &'a Plan,
    /// The workload that the plan names.
    pub workload: &'a dyn Workload,
    /// Where it leaves what it did.
    pub folder: &'a RunFolder,
    /// What to do with the nodes' data afterwards.
    pub keep_data: KeepData,
    /// Who is told how it goes.
    pub voice: Voice,
    /// What stops it, besides signals to this process; whoever gives this listens to signals himself.
    pub interrupt: Option<&'a CancellationToken>,
    /// Whether load and faults end at the first violation: no more is needed to know.
    pub stop_at_violation: bool,
    /// What to tell a person to type.
    pub commands: &'a Commands,
}

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// The verdict.
    pub verdict: VerdictRecord,
    /// What went wrong after the verdict was known: it could not be written down.
    pub trouble: Option<RunError>,
}

/// Why a run came to no verdict. The harness's trouble, or the machine's; or somebody stopped it too early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file of the run cannot be written.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// The history or the journal of faults cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An operation failed for want of something that only the harness needs.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The nodes cannot be started or stopped.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A runtime cannot be made.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    /// A task panicked; a bug of the harness.
    #[error("a task of the harness broke off: {0}")]
    Panicked(#[from] JoinError),
    /// A fault could not be carried out or undone for a reason of our own.
    #[error("the harness failed in the middle of a fault: {0}")]
    Nemesis(String),
    /// A signal came before there was any load.
    #[error("stopped before the load began")]
    Interrupted,
    /// The report could not be made; a bug of the harness.
    #[error("the report could not be made; the verdict is in verdict.json")]
    ReportPanicked,
    /// The history cannot be read back, or is not one.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The nodes' logs cannot be read.
    #[error("cannot read the logs in {}: {source}", folder.display())]
    Logs {
        /// The folder with a folder for each node.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The history does not fit the workload's model.
    #[error("the history cannot be checked: {0}")]
    Check(#[from] CheckError),
}

/// Carries a plan out.
pub fn run(run: &Run<'_>) -> Result<Finished, RunError> {
    run.folder.write("plan.json", &json(run.plan))?;
    let runtimes = Runtimes::start().map_err(RunError::Runtime)?;
    let interrupt = match run.interrupt {
        Some(interrupt) => interrupt.clone(),
        None => interrupt::listen(runtimes.harness.handle()).map_err(RunError::Runtime)?,
    };
    let progress = Arc::new(Progress::new(run.plan.time_limit(), run.voice));
    let clock = RunClock::start();
    let model = run.workload.model();
    // Ends the load: a signal, or a violation if that is enough.
    let stop = interrupt.child_token();
    let at_violation = if run.stop_at_violation { stop.clone() } else { CancellationToken::new() };
    let (listener, onlooker) =
        Onlooker::start(model, clock.clone(), Arc::clone(&progress), at_violation);
    let recorder =
        Recorder::create(&run.folder.file("history.jsonl"), clock.clone())?.heard_by(listener);
    let journal = Arc::new(FaultJournal::create(&run.folder.file("faults.jsonl"), clock)?);
    let stage = stage::Stage { run, runtimes: &runtimes, interrupt: &stop, progress: &progress };
    let staged = stage.perform(recorder, &journal);
    progress.finish();
    let mut record = decide(run, staged?, &interrupt)?;
    let seen = onlooker.finish();
    agree(&seen, &record.verdict)?;
    record.verdict.seen_live = seen.sighting;
    let trouble = write_down(run, &record).err();
    Ok(Finished { verdict: record.verdict, trouble })
}

/// The check must confirm what was seen while the run went on: else one of the two is wrong, and there is no verdict.
fn agree(seen: &Seen, verdict: &VerdictRecord) -> Result<(), RunError> {
    let checked = verdict.check.as_ref().map(|check| check.validity);
    let missed = seen.complete && seen.sighting.is_none() && checked == Some(Validity::Invalid);
    let invented = seen.sighting.is_some() && checked == Some(Validity::Valid);
    let what = match (missed, invented) {
        (true, _) => "the check found a violation that was not seen while the run went on",
        (_, true) => "a violation was seen while the run went on, and the check found none",
        (false, false) => return Ok(()),
    };
    Err(RunError::Check(CheckError::Contradiction { what: what.to_owned() }))
}

/// Reads the history back, checks it, and decides.
fn decide(
    run: &Run<'_>,
    staged: Staged,
    interrupt: &CancellationToken,
) -> Result<RunRecord, RunError> {
    let signalled = interrupt.is_cancelled();
    let path = run.folder.file("history.jsonl");
    let loaded = codec::read_history(&path, Some(InputFormat::Jsonl))?;
    let operations = loaded.history(&path)?;
    let (model, threads) = (run.workload.model(), available_parallelism().map_or(1, usize::from));
    let checked = judge::check_history(run.plan, model, &operations, threads, interrupt)?;
    let history = loaded.events;
    let evidence = Evidence {
        history: &history,
        load_events: staged.load_events,
        clients: run.plan.concurrency as u64,
        faults_wanted: !run.plan.faults.is_empty(),
        faults: &staged.faults,
        final_reads: staged.final_reads,
        unexpected_exits: &staged.unexpected_exits,
        not_healed: &staged.nemesis.not_healed,
        interrupted: staged.interrupted,
    };
    let logs = run.folder.file("nodes");
    let testimony = Testimony::read(&logs, run.plan.nodes)
        .map_err(|source| RunError::Logs { folder: logs, source })?;
    let others = judge::Others {
        leader_changes: staged.leader_changes,
        signalled,
        differing: staged.differing.as_deref(),
        testimony: &testimony,
    };
    let verdict = judge::judge(run.plan, &evidence, checked, &others, run.commands.clone());
    Ok(RunRecord { plan: run.plan.clone(), history, faults: staged.faults, verdict })
}

/// The last files and links of a run. By now there is a verdict, which trouble here must not hide.
fn write_down(run: &Run<'_>, record: &RunRecord) -> Result<(), RunError> {
    run.folder.write("verdict.json", &json(&record.verdict))?;
    let page = catch_unwind(AssertUnwindSafe(|| report::render(record)));
    let page = page.map_err(|_| RunError::ReportPanicked)?;
    run.folder.write("report.html", page.as_bytes())?;
    run.folder.mark_latest()?;
    let keep = match run.keep_data {
        KeepData::Always => true,
        KeepData::Fail => record.verdict.validity != Validity::Valid,
        KeepData::Never => false,
    };
    if !keep {
        remove_data(run);
    }
    Ok(())
}

fn remove_data(run: &Run<'_>) {
    for node in 1..=run.plan.nodes {
        let data = run.folder.file(&format!("nodes/n{node}/data"));
        if let Err(error) = fs::remove_dir_all(&data)
            && error.kind() != io::ErrorKind::NotFound
        {
            say(&format!("cannot remove {}: {error}", data.display()));
        }
    }
}

fn json(record: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(record).expect("plain records have a JSON form");
    bytes.push(b'\n');
    bytes
}

/// Threads of the harness. Clients have their own, so that proxy and nemesis cannot delay the moment at which an answer is
/// seen.
struct Runtimes {
    harness: Runtime,
    clients: Runtime,
}

impl Runtimes {
    fn start() -> io::Result<Self> {
        let runtime = |name| {
            Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build()
        };
        Ok(Self { harness: runtime("harness")?, clients: runtime("client")? })
    }
}

#[cfg(test)]
mod tests;
