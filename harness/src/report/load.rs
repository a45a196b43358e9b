//! Reading a saved run back.
//!
//! A run folder outlives the tool that wrote it and the crash that ended it. So: a file that is missing, newer than this
//! tool, or broken is an error that names the file and what to do; a last line that was torn by a crash is left out
//! with a warning.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rashomon_checker::history::Event;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::RunRecord;
use crate::codec::{self, CodecError, InputFormat};
use crate::nemesis::FaultRecord;
use crate::plan::SCHEMA_VERSION;

/// A run read from its folder.
#[derive(Debug)]
pub struct Loaded {
    /// What the folder holds.
    pub run: RunRecord,
    /// What was left out, in words.
    pub warnings: Vec<String>,
}

/// Why a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such folder.
    #[error("{}: no such run folder", folder.display())]
    NoFolder {
        /// As given.
        folder: PathBuf,
    },
    /// A file of the run is not there.
    #[error("{}: missing; {hint}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What that means and what can be done.
        hint: &'static str,
    },
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The run was written by a newer tool.
    #[error(
        "{}: has schema version {found}, this rashomon knows {SCHEMA_VERSION}; use the version that wrote it or a newer one",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] CodecError),
    /// A file does not hold what it should.
    #[error("{}, line {line}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

const NO_PLAN: &str = "is this a run folder? every run writes plan.json first";
const NO_HISTORY: &str = "the run ended before its first operation";
const NO_VERDICT: &str = "the run ended before its verdict; its history can still be checked: rashomon check RUN/history.jsonl";

/// Reads a run folder.
pub fn load(folder: &Path) -> Result<Loaded, LoadError> {
    if !folder.is_dir() {
        return Err(LoadError::NoFolder { folder: folder.to_owned() });
    }
    let mut warnings = Vec::new();
    let plan = record(&folder.join("plan.json"), NO_PLAN)?;
    let verdict = record(&folder.join("verdict.json"), NO_VERDICT)?;
    let history = history(&folder.join("history.jsonl"), &mut warnings)?;
    let faults = faults(&folder.join("faults.jsonl"), &mut warnings)?;
    Ok(Loaded { run: RunRecord { plan, history, faults, verdict }, warnings })
}

fn history(path: &Path, warnings: &mut Vec<String>) -> Result<Vec<Event>, LoadError> {
    if !path.exists() {
        return Err(LoadError::Missing { path: path.to_owned(), hint: NO_HISTORY });
    }
    let loaded = codec::read_history(path, Some(InputFormat::Jsonl))?;
    let named = |warning: &String| format!("{}: {warning}", path.display());
    warnings.extend(loaded.warnings.iter().map(named));
    Ok(loaded.events)
}

fn read(path: &Path, hint: &'static str) -> Result<Vec<u8>, LoadError> {
    fs::read(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => LoadError::Missing { path: path.to_owned(), hint },
        _ => LoadError::Read { path: path.to_owned(), source },
    })
}

/// The one field that every version has.
#[derive(Deserialize)]
struct Versioned {
    schema_version: u64,
}

/// A file that holds one record. Its version is read first: a newer one may differ in anything else.
fn record<T: DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T, LoadError> {
    let bytes = read(path, hint)?;
    let malformed = |error: &serde_json::Error| LoadError::Malformed {
        path: path.to_owned(),
        line: error.line(),
        reason: error.to_string(),
    };
    let versioned: Versioned = serde_json::from_slice(&bytes).map_err(|error| malformed(&error))?;
    if versioned.schema_version > u64::from(SCHEMA_VERSION) {
        return Err(LoadError::NewerSchema {
            path: path.to_owned(),
            found: versioned.schema_version,
        });
    }
    serde_json::from_slice(&bytes).map_err(|error| malformed(&error))
}

/// One record a line; a run without faults need not have the file.
fn faults(path: &Path, warnings: &mut Vec<String>) -> Result<Vec<FaultRecord>, LoadError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = read(path, "")?;
    let mut records = Vec::new();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(record) => records.push(record),
            // Only the last line can lack its end, and only a crash leaves it so.
            Err(_) if !line.ends_with(b"\n") => {
                warnings
                    .push(format!("{}: the last line is torn and was left out", path.display()));
            }
            Err(error) => {
                let reason = error.to_string();
                return Err(LoadError::Malformed {
                    path: path.to_owned(),
                    line: index + 1,
                    reason,
                });
            }
        }
    }
    Ok(records)
}
