//! The thread that reads.
//!
//! It hands over batches through a channel with a few places, so it is never far ahead, and memory stays what a few batches
//! take. Before each read that could wait for more to come, it hands over what it has: an event that stands in a pipe is
//! judged, whether or not another follows.
//!
//! Nobody waits for the thread itself: while it waits for a pipe it cannot be told to stop, and the program ends without it.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use rashomon_checker::history::EventRef;

use super::batch::Batch;
use crate::cli::target;
use crate::codec::{self, CodecError, InputFormat, Opened, StreamSummary};

/// Batches that may wait.
const WAITING_MAX: usize = 4;

/// What the thread tells.
pub(super) enum Message {
    /// First of all, if it can be told.
    Format(InputFormat),
    Batch(Batch),
    /// Last of all.
    End(Result<StreamSummary, CodecError>),
}

/// What to read, and how.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// As it was named by whoever asked.
    pub(super) input: PathBuf,
    /// What stands for it in errors.
    pub(super) name: PathBuf,
    pub(super) format: Option<InputFormat>,
    /// Whether values are `[key value]`.
    pub(super) independent: bool,
}

/// The other end of the thread.
pub(super) struct Reader {
    messages: Receiver<Message>,
    empty: Sender<Batch>,
    read: Arc<AtomicU64>,
    bytes: Option<u64>,
}

impl Reader {
    /// Begins to read.
    pub(super) fn start(task: Task) -> io::Result<Self> {
        let (sender, messages) = sync_channel(WAITING_MAX);
        let (empty, emptied) = channel();
        let read = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&read);
        let metadata = fs::metadata(&task.name).ok().filter(fs::Metadata::is_file);
        let bytes = metadata.map(|metadata| metadata.len()).filter(|_| !task.is_stdin());
        thread::Builder::new().name("reader".to_owned()).spawn(move || {
            let outbox = Outbox { batch: Batch::default(), messages: sender, emptied, gone: false };
            let outbox = Rc::new(RefCell::new(outbox));
            let end = task.read(&outbox, count);
            outbox.borrow_mut().hand_over();
            outbox.borrow_mut().send(Message::End(end));
        })?;
        Ok(Self { messages, empty, read, bytes })
    }

    /// The next message, if one comes by then.
    pub(super) fn next(&self, wait: Duration) -> Result<Message, RecvTimeoutError> {
        self.messages.recv_timeout(wait)
    }

    /// Gives a batch back that was judged.
    pub(super) fn give_back(&self, mut batch: Batch) {
        batch.clear();
        // A thread that is done needs none.
        let _ = self.empty.send(batch);
    }

    /// How much of the input was read, of 100, where its length is known.
    pub(super) fn percent(&self) -> Option<u64> {
        let read = self.read.load(Ordering::Relaxed);
        let bytes = self.bytes.filter(|bytes| *bytes > 0)?;
        Some((read.saturating_mul(100) / bytes).min(100))
    }
}

/// What is on its way out.
struct Outbox {
    batch: Batch,
    messages: SyncSender<Message>,
    emptied: Receiver<Batch>,
    /// Nobody listens any more.
    gone: bool,
}

impl Outbox {
    fn send(&mut self, message: Message) {
        self.gone = self.gone || self.messages.send(message).is_err();
    }

    fn hand_over(&mut self) {
        if self.batch.len() > 0 {
            let next = self.emptied.try_recv().unwrap_or_default();
            let batch = std::mem::replace(&mut self.batch, next);
            self.send(Message::Batch(batch));
        }
    }
}

/// The input itself, which may be a pipe.
struct Input {
    reader: Box<dyn Read>,
    count: Arc<AtomicU64>,
    outbox: Rc<RefCell<Outbox>>,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut outbox = self.outbox.borrow_mut();
        outbox.hand_over();
        if outbox.gone {
            return Ok(0);
        }
        let read = self.reader.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Task {
    fn is_stdin(&self) -> bool {
        target::is_stdio(&self.input)
    }

    fn open(&self) -> Result<Box<dyn Read>, CodecError> {
        if self.is_stdin() {
            return Ok(Box::new(io::stdin().lock()));
        }
        let unreadable = |source| CodecError::Unreadable { path: self.name.clone(), source };
        Ok(Box::new(File::open(&self.name).map_err(unreadable)?))
    }

    fn read(
        &self,
        outbox: &Rc<RefCell<Outbox>>,
        count: Arc<AtomicU64>,
    ) -> Result<StreamSummary, CodecError> {
        let input = Input { reader: self.open()?, count, outbox: Rc::clone(outbox) };
        let opened = Opened::new(input, &self.name, self.format)?;
        outbox.borrow_mut().send(Message::Format(opened.format()));
        let mut flaw = None;
        let read = opened.read(&mut |event, line| {
            let mut outbox = outbox.borrow_mut();
            match self.push(&mut outbox.batch, event, line) {
                Ok(()) if outbox.batch.is_full() => outbox.hand_over(),
                Ok(()) => {}
                Err(error) => {
                    flaw = Some(error);
                    return ControlFlow::Break(());
                }
            }
            if outbox.gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        flaw.map_or(read, Err)
    }

    fn push(&self, batch: &mut Batch, event: EventRef<'_>, line: u64) -> Result<(), CodecError> {
        if !self.independent {
            batch.push(event, line);
            return Ok(());
        }
        let parts = codec::take_apart(event.kind, event.key, event.value);
        let (key, value) = parts.map_err(|reason| malformed(&self.name, line, reason))?;
        batch.push(EventRef { key: key.as_deref(), value, ..event }, line);
        Ok(())
    }
}

fn malformed(path: &Path, line: u64, reason: String) -> CodecError {
    CodecError::Malformed { path: path.to_owned(), line, column: None, reason }
}
