//! Why a file is not a history.

use std::io;
use std::path::{Path, PathBuf};

use rashomon_checker::history::HistoryError;

/// Why a file could not be read as a history. Every text names the file, the line where there is one, and what to do
/// where that is not plain.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The file cannot be opened or read.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is of no known format.
    #[error("{path}: not a history in a format that can be told by its content: {found}; formats are jsonl, edn, jepsen-log and porcupine-kv (--input-format names one)", path = path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// A line does not follow the format.
    #[error("{path}:{line}{}: {reason}", column_of(*column), path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column in bytes, from 1, where known.
        column: Option<u64>,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The events do not make a history.
    #[error("{path}:{line}: not a history: {source}", path = path.display())]
    NotAHistory {
        /// The file.
        path: PathBuf,
        /// The line of the event, from 1.
        line: u64,
        /// What does not fit.
        source: HistoryError,
    },
}

fn column_of(column: Option<u64>) -> String {
    column.map(|column| format!(":{column}")).unwrap_or_default()
}

/// A [`CodecError`] in a file that is not named yet.
#[derive(Debug)]
pub(super) enum Flaw {
    Io(io::Error),
    Format(String),
    At { line: u64, column: Option<u64>, reason: String },
}

impl Flaw {
    pub(super) fn at(line: u64, reason: impl Into<String>) -> Self {
        Self::At { line, column: None, reason: reason.into() }
    }

    pub(super) fn in_file(self, path: &Path) -> CodecError {
        let path = path.to_owned();
        match self {
            Self::Io(source) => CodecError::Unreadable { path, source },
            Self::Format(found) => CodecError::UnknownFormat { path, found },
            Self::At { line, column, reason } => {
                CodecError::Malformed { path, line, column, reason }
            }
        }
    }
}

impl From<io::Error> for Flaw {
    fn from(source: io::Error) -> Self {
        Self::Io(source)
    }
}
