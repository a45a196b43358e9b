//! What hunts have come to, in a file that grows by a line for each: so that a hunt can be stopped and gone on with.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::hunt::Hunt;

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be read or written.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A line is none of ours.
    #[error("{}:{line}: not a hunt: {reason}; remove the line, or choose another folder with --out", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number.
        line: usize,
        /// What is wrong.
        reason: serde_json::Error,
    },
}

/// The hunts of this version of the tool, the newest of each bug and backend.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    hunts: BTreeMap<(String, String), Hunt>,
}

impl Ledger {
    /// Reads what is there; an empty one if there is nothing. The last line may be torn: then its hunt begins anew.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(reason) => return Err(LedgerError::Io { path: path.to_owned(), reason }),
        };
        let mut ledger = Self { path: path.to_owned(), hunts: BTreeMap::new() };
        let whole = text.ends_with('\n');
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            match serde_json::from_str::<Hunt>(line) {
                Ok(hunt) => ledger.insert(hunt),
                Err(_) if number + 1 == lines.len() && !whole => {}
                Err(reason) => {
                    let path = path.to_owned();
                    return Err(LedgerError::Line { path, line: number + 1, reason });
                }
            }
        }
        if !whole && !text.is_empty() {
            ledger.rewrite()?;
        }
        Ok(ledger)
    }

    fn insert(&mut self, hunt: Hunt) {
        if hunt.tool_version == env!("CARGO_PKG_VERSION") {
            self.hunts.insert((hunt.bug.clone(), hunt.backend.clone()), hunt);
        }
    }

    /// What is known of a bug on a backend.
    pub fn hunt(&self, bug: &str, backend: &str) -> Option<&Hunt> {
        self.hunts.get(&(bug.to_owned(), backend.to_owned()))
    }

    /// Adds what a hunt has come to, or replaces what it had come to before.
    pub fn note(&mut self, hunt: &Hunt) -> Result<(), LedgerError> {
        self.insert(hunt.clone());
        let mut line = serde_json::to_vec(hunt).expect("a hunt has a JSON form");
        line.push(b'\n');
        let file = fs::OpenOptions::new().append(true).create(true).open(&self.path);
        file.and_then(|mut file| file.write_all(&line)).map_err(|reason| self.trouble(reason))
    }

    /// Writes all that is known, and nothing else.
    fn rewrite(&self) -> Result<(), LedgerError> {
        let mut text = Vec::new();
        for hunt in self.hunts.values() {
            serde_json::to_writer(&mut text, hunt).expect("a hunt has a JSON form");
            text.push(b'\n');
        }
        fs::write(&self.path, text).map_err(|reason| self.trouble(reason))
    }

    fn trouble(&self, reason: io::Error) -> LedgerError {
        LedgerError::Io { path: self.path.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunt(runs: u64) -> Hunt {
        Hunt { runs, ..Hunt::new(None, "sim") }
    }

    #[test]
    fn the_newest_line_of_a_bug_counts_and_a_torn_one_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bugs.jsonl");
        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.hunt("none", "sim"), None);
        ledger.note(&hunt(1)).unwrap();
        ledger.note(&hunt(2)).unwrap();
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"bug\":\"no");
        fs::write(&path, &text).unwrap();
        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.hunt("none", "sim"), Some(&hunt(2)));
        ledger.note(&hunt(3)).unwrap();
        assert_eq!(Ledger::open(&path).unwrap().hunt("none", "sim"), Some(&hunt(3)));
    }

    #[test]
    fn a_line_that_is_no_hunt_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bugs.jsonl");
        fs::write(&path, "{}\n").unwrap();
        let error = Ledger::open(&path).unwrap_err().to_string();
        assert!(error.contains("bugs.jsonl:1: not a hunt"), "{error}");
    }
}
