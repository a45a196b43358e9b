//! The one table that turns what a client met into `fail` or `info`.
//!
//! `fail` is a promise: no effect, now or later. Wrongly given, it makes the checker accuse a correct store; wrongly
//! withheld, it only makes the check a little weaker and dearer. So a row says `fail` where the answer itself proves it,
//! and whatever no row knows is `info`.
//!
//! Before the table comes one rule: if nothing that writes has left the client, nothing can have been written. That makes
//! every unanswered read a `fail`, and an append whose first half (reading the list) got no answer.

use std::error::Error;
use std::io;

use tonic::{Code, Status};

use super::{ClientError, Completion};
use crate::reach::{NotOpened, Spent, Unanswered, deepest};

/// Metadata with which a node states what it knows: `fail` or `info`.
const OUTCOME_KEY: &str = "rashomon-outcome";

/// Why an operation has no plain answer.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the client met.
    met: Met,
    /// Whether a request that writes may have left.
    write_sent: bool,
}

#[derive(Debug)]
enum Met {
    /// There was no connection, and none could be made.
    NotOpened(NotOpened),
    /// A request was answered with an error or not at all, or the transport broke.
    Unanswered(Unanswered),
    /// The node answered, and the answer says that the operation did nothing.
    Declined(&'static str),
    /// The node answered something that its protocol does not know.
    Nonsense(&'static str),
}

impl From<NotOpened> for Failure {
    fn from(why: NotOpened) -> Self {
        Self { met: Met::NotOpened(why), write_sent: false }
    }
}

impl Failure {
    /// What says nothing of the node: it must not stand in a history.
    pub(super) fn of_the_harness(&self) -> Option<ClientError> {
        match &self.met {
            Met::NotOpened(NotOpened::NoSocket(reason)) => {
                Some(ClientError::NoSocket(reason.clone()))
            }
            _ => None,
        }
    }

    /// A request has no answer; `write_sent`: it, or one before it, may have changed something.
    pub(super) fn unanswered(why: Unanswered, write_sent: bool) -> Self {
        Self { met: Met::Unanswered(why), write_sent }
    }

    /// The store looked, and did nothing: a compare-and-set that did not apply.
    pub(super) fn declined(reason: &'static str) -> Self {
        Self { met: Met::Declined(reason), write_sent: true }
    }

    /// An answer that no correct node gives.
    pub(super) fn nonsense(what: &'static str, write_sent: bool) -> Self {
        Self { met: Met::Nonsense(what), write_sent }
    }

    /// Whether the connection is of no more use. One that is merely silent may speak again: what was sent to a stopped node
    /// is answered when it goes on, before that node learns what it missed.
    pub(super) fn spoils_connection(&self) -> bool {
        match &self.met {
            Met::NotOpened(_)
            | Met::Declined(_)
            | Met::Nonsense(_)
            | Met::Unanswered(Unanswered::Deadline) => false,
            Met::Unanswered(Unanswered::Status(status)) => status.source().is_some(),
        }
    }

    /// What to record.
    pub(super) fn completion(&self) -> Completion {
        let seen = self.met.in_words();
        if let Met::Declined(_) = self.met {
            return Completion::Fail(seen);
        }
        if !self.write_sent {
            return Completion::Fail(format!("{seen} (nothing was written)"));
        }
        let row = TABLE.iter().find(|row| row.when.matches(&self.met));
        let Row { then, why, .. } = row.unwrap_or(&OTHERWISE);
        let reason = format!("{seen} ({why})");
        match then {
            Then::Fail => Completion::Fail(reason),
            Then::Info => Completion::Info(reason),
        }
    }
}

impl Met {
    fn in_words(&self) -> String {
        match self {
            Self::NotOpened(reason) => format!("no connection: {reason}"),
            Self::Declined(reason) => (*reason).to_owned(),
            Self::Nonsense(what) => format!("senseless answer: {what}"),
            Self::Unanswered(Unanswered::Status(status)) => status_in_words(status),
            Self::Unanswered(why @ Unanswered::Deadline) => why.to_string(),
        }
    }
}

fn status_in_words(status: &Status) -> String {
    if status.source().is_some() {
        format!("connection broke: {}", deepest(status))
    } else {
        format!("{:?}: {}", status.code(), status.message())
    }
}

/// One line of the table.
#[derive(Debug)]
struct Row {
    when: When,
    then: Then,
    /// Why that is right, for the history and the report.
    why: &'static str,
}

/// What a row is about. Rows are tried in order; the first that matches decides.
#[derive(Debug)]
enum When {
    /// The connection was used up before the request could leave.
    Spent,
    /// The transport broke after the request may have left.
    Broken,
    /// The deadline passed after the request may have left.
    Deadline,
    /// The node says so itself.
    Stated(&'static str),
    /// A status from the node with this code and this text in its message.
    Says(Code, &'static str),
    /// A status from the node with this code, whatever it says.
    Code(Code),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Fail,
    Info,
}

const fn fail(when: When, why: &'static str) -> Row {
    Row { when, then: Then::Fail, why }
}

const fn info(when: When, why: &'static str) -> Row {
    Row { when, then: Then::Info, why }
}

/// For a request that writes. Texts are etcd's; the bundled node uses the same.
const TABLE: &[Row] = &[
    // The transport's own errors come first: their codes are guesses of the library, not words of the node.
    fail(When::Spent, "the request never left"),
    info(When::Broken, "the request may have arrived"),
    info(When::Deadline, "it may still be committed"),
    // Then what a node states about this very request.
    fail(When::Stated("fail"), "the node says that it has no effect"),
    info(When::Stated("info"), "the node does not know"),
    // Then etcd's texts, where the code alone says too little.
    fail(When::Says(Code::Unavailable, "etcdserver: no leader"), "nobody to propose it to"),
    fail(When::Says(Code::Unavailable, "etcdserver: not capable"), "refused before proposing"),
    fail(
        When::Says(Code::FailedPrecondition, "etcdserver: not leader"),
        "refused before proposing",
    ),
    info(When::Says(Code::Unavailable, "etcdserver: request timed out"), "proposed, fate unknown"),
    info(When::Says(Code::Unavailable, "etcdserver: leader changed"), "proposed, fate unknown"),
    info(When::Says(Code::Unavailable, "etcdserver: server stopped"), "it may have been proposed"),
    // Then the codes. The first group is given before a request is proposed, or by a transaction that changed nothing.
    fail(When::Code(Code::InvalidArgument), "refused as malformed"),
    fail(When::Code(Code::ResourceExhausted), "refused for lack of room"),
    fail(When::Code(Code::OutOfRange), "refused as out of range"),
    fail(When::Code(Code::NotFound), "refused"),
    fail(When::Code(Code::AlreadyExists), "refused"),
    fail(When::Code(Code::FailedPrecondition), "refused"),
    fail(When::Code(Code::PermissionDenied), "refused"),
    fail(When::Code(Code::Unauthenticated), "refused"),
    fail(When::Code(Code::Unimplemented), "the node does not offer this"),
    // The second group can come at any time, also after a request was proposed.
    info(When::Code(Code::Unavailable), "the node may have proposed it"),
    info(When::Code(Code::DeadlineExceeded), "it may still be committed"),
    info(When::Code(Code::Cancelled), "it may still be committed"),
    info(When::Code(Code::Aborted), "the node may have proposed it"),
    info(When::Code(Code::Internal), "the node may have proposed it"),
    info(When::Code(Code::DataLoss), "the node may have proposed it"),
    info(When::Code(Code::Unknown), "the node may have proposed it"),
];

/// What no row knows.
const OTHERWISE: Row = info(When::Code(Code::Ok), "nobody can tell");

impl When {
    fn matches(&self, met: &Met) -> bool {
        match (self, met) {
            (Self::Deadline, Met::Unanswered(Unanswered::Deadline)) => true,
            (_, Met::Unanswered(Unanswered::Status(status))) => self.matches_status(status),
            _ => false,
        }
    }

    fn matches_status(&self, status: &Status) -> bool {
        let transport = status.source().is_some();
        match self {
            Self::Deadline => false,
            Self::Spent => is_spent(status),
            Self::Broken => transport,
            Self::Stated(outcome) => stated(status) == Some(outcome),
            Self::Says(code, text) => status.code() == *code && status.message().contains(text),
            Self::Code(code) => status.code() == *code,
        }
    }
}

/// Whether a [`Spent`] is somewhere in the chain.
fn is_spent(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error made from another one does not name it as its source.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if error.is::<Spent>() || inner.and_then(|inner| inner.downcast_ref::<Spent>()).is_some() {
            return true;
        }
        next = error.source();
    }
    false
}

fn stated(status: &Status) -> Option<&str> {
    status.metadata().get(OUTCOME_KEY)?.to_str().ok()
}

#[cfg(test)]
mod tests;
