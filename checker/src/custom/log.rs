//! What was done to a structure, in the user's own types: written by one thread, or by many.
//!
//! Only the order of events counts; there is no clock. An operation's interval reaches from its invocation to its
//! completion in that order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::history::{OpId, ProcessId};

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending<O> {
    /// It took effect and answered this, at this position.
    Completed(O, u64),
    /// It surely had no effect.
    Failed,
    /// Nobody knows: it may have acted, may act later, or never.
    Unknown,
    /// Nothing was said yet, which says as much.
    Open,
}

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Entry<I, O> {
    pub(super) process: ProcessId,
    pub(super) input: I,
    pub(super) call: u64,
    pub(super) ending: Ending<O>,
}

impl<I, O> Entry<I, O> {
    /// Position of the completion, `u64::MAX` if there is none.
    pub(super) fn ret(&self) -> u64 {
        match self.ending {
            Ending::Completed(_, ret) => ret,
            Ending::Failed | Ending::Unknown | Ending::Open => u64::MAX,
        }
    }

    pub(super) fn output(&self) -> Option<&O> {
        match &self.ending {
            Ending::Completed(output, _) => Some(output),
            Ending::Failed | Ending::Unknown | Ending::Open => None,
        }
    }

    pub(super) fn failed(&self) -> bool {
        matches!(self.ending, Ending::Failed)
    }
}

/// Operations with inputs and outputs of the user's types, in the order in which they were written down.
///
/// A process is only a name here, for people: it may have several operations open at once.
///
/// ```
/// use rashomon_checker::custom::Log;
///
/// let mut log = Log::new();
/// let write = log.invoke(1, "write 3");
/// let read = log.invoke(2, "read");
/// log.complete(write, None)?;
/// log.complete(read, Some(3))?;
/// assert_eq!(log.len(), 2);
/// # Ok::<(), rashomon_checker::custom::LogError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Log<I, O> {
    pub(super) entries: Vec<Entry<I, O>>,
    events: u64,
}

/// Stands for an operation whose end is still to be told to the [`Log`] that gave it out.
///
/// It can be used up only once. An operation whose token is dropped has an unknown outcome.
#[derive(Debug)]
pub struct OpToken {
    op: usize,
    call: u64,
}

impl OpToken {
    /// The number of its operation.
    pub fn id(&self) -> OpId {
        OpId(self.op)
    }
}

/// What a log cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogError {
    /// The token is another log's.
    Stranger,
}

impl std::fmt::Display for LogError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stranger => out.write_str("the token is not of an open operation of this log"),
        }
    }
}

impl std::error::Error for LogError {}

impl<I, O> Default for Log<I, O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I, O> Log<I, O> {
    /// Without operations.
    pub fn new() -> Self {
        Self { entries: Vec::new(), events: 0 }
    }

    /// An operation begins. To be called before it can have any effect.
    pub fn invoke(&mut self, process: u64, input: I) -> OpToken {
        let (op, call) = (self.entries.len(), self.events);
        let process = ProcessId(process);
        self.entries.push(Entry { process, input, call, ending: Ending::Open });
        self.events += 1;
        OpToken { op, call }
    }

    /// It took effect and answered `output`. To be called after it returned.
    pub fn complete(&mut self, token: OpToken, output: O) -> Result<(), LogError> {
        let position = self.events;
        self.end(token, Ending::Completed(output, position))
    }

    /// Nobody knows what became of it: it may have acted, may act at any later time, or never.
    pub fn crash(&mut self, token: OpToken) -> Result<(), LogError> {
        self.end(token, Ending::Unknown)
    }

    /// It surely had no effect, and never will have.
    pub fn fail(&mut self, token: OpToken) -> Result<(), LogError> {
        self.end(token, Ending::Failed)
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The process and the input of an operation, if the log has it.
    pub fn invocation(&self, op: OpId) -> Option<(ProcessId, &I)> {
        self.entries.get(op.0).map(|entry| (entry.process, &entry.input))
    }

    /// What an operation answered, if it completed.
    pub fn output(&self, op: OpId) -> Option<&O> {
        self.entries.get(op.0).and_then(Entry::output)
    }

    #[expect(clippy::needless_pass_by_value, reason = "a token is used up")]
    fn end(&mut self, token: OpToken, ending: Ending<O>) -> Result<(), LogError> {
        let entry = self.entries.get_mut(token.op).ok_or(LogError::Stranger)?;
        if entry.call != token.call || !matches!(entry.ending, Ending::Open) {
            return Err(LogError::Stranger);
        }
        entry.ending = ending;
        self.events += 1;
        Ok(())
    }
}

/// A [`Log`] that many threads write to, while they use the structure that is to be checked.
///
/// The lock around the log orders the events. It is taken before an operation begins and after it returned, never while
/// it runs. So what is written down as the invocation happened before anything that the operation did, and what is written
/// down as the completion after all of it: the recorded interval contains the real one, and is never narrower. If one
/// operation is recorded as over before another began, it really was. A correct structure is therefore never called wrong;
/// a wrong one may be missed in a run in which the recorded intervals overlap where the real ones did not.
///
/// The lock also orders memory: what a thread did before an event is seen by threads after theirs. A structure that is
/// only wrong without that needs a detector of data races beside this.
///
/// ```
/// use rashomon_checker::custom::Recorder;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// let counter = AtomicU64::new(0);
/// let recorder = Recorder::new();
/// std::thread::scope(|scope| {
///     for process in 0..4 {
///         let (counter, recorder) = (&counter, &recorder);
///         scope.spawn(move || {
///             recorder.run(process, "increment", |_| counter.fetch_add(1, Ordering::SeqCst));
///         });
///     }
/// });
/// assert_eq!(recorder.into_log().len(), 4);
/// ```
#[derive(Debug)]
pub struct Recorder<I, O> {
    log: Mutex<Log<I, O>>,
}

/// An operation that was invoked. Dropped without a word (its thread panicked, say), its outcome is unknown.
#[derive(Debug)]
#[must_use = "an operation whose end is not told has an unknown outcome"]
pub struct Pending<'a, I, O> {
    recorder: &'a Recorder<I, O>,
    token: OpToken,
}

impl<I, O> Default for Recorder<I, O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I, O> Recorder<I, O> {
    /// Without operations.
    pub fn new() -> Self {
        Self { log: Mutex::new(Log::new()) }
    }

    /// An operation begins. To be called right before it.
    pub fn invoke(&self, process: u64, input: I) -> Pending<'_, I, O> {
        let token = self.lock().invoke(process, input);
        Pending { recorder: self, token }
    }

    /// Records `operation` from its beginning to its end, and passes on what it answered.
    pub fn run(&self, process: u64, input: I, operation: impl FnOnce(&I) -> O) -> O
    where
        I: Clone,
        O: Clone,
    {
        let pending = self.invoke(process, input.clone());
        let output = operation(&input);
        pending.complete(output.clone());
        output
    }

    /// What was written down.
    pub fn into_log(self) -> Log<I, O> {
        self.log.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been written down so far. What is open now has an unknown outcome there.
    pub fn snapshot(&self) -> Log<I, O>
    where
        I: Clone,
        O: Clone,
    {
        self.lock().clone()
    }

    /// A thread that panicked with the lock left a whole log: each event is written by one call that cannot fail halfway.
    fn lock(&self) -> MutexGuard<'_, Log<I, O>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I, O> Pending<'_, I, O> {
    /// The number of its operation.
    pub fn id(&self) -> OpId {
        self.token.id()
    }

    /// It took effect and answered `output`. To be called right after it returned.
    pub fn complete(self, output: O) {
        // The token is the log's own and used only here, so the log takes it.
        let _taken = self.recorder.lock().complete(self.token, output);
    }

    /// Nobody knows what became of it.
    pub fn crash(self) {
        let _taken = self.recorder.lock().crash(self.token);
    }

    /// It surely had no effect.
    pub fn fail(self) {
        let _taken = self.recorder.lock().fail(self.token);
    }
}
