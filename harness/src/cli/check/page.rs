//! The page of `--report`: when it may be written, and where.
//!
//! A page like it that is there already is replaced without asking, as `rashomon report` replaces a run's; any other file
//! only with `--force`, and a history that is being checked never. All this is found out before the first check, which
//! may take long.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::{Args, history_in, tell};
use crate::checked::CheckedFile;
use crate::cli::target::{self, Target, TargetError};
use crate::exit::Exit;
use crate::report::checks;

/// A page that is to be written.
pub(super) struct Page {
    path: PathBuf,
    replace: bool,
    files: Vec<CheckedFile>,
}

impl Page {
    /// Says why there can be no such page, if that is so.
    pub(super) fn new(path: &Path, args: &Args) -> Result<Self, String> {
        if target::is_stdio(path) {
            return Err("the page needs a name: stdout is for the verdicts".to_owned());
        }
        let found = fs::metadata(path).ok();
        let is_file = found.as_ref().is_some_and(fs::Metadata::is_file);
        if is_file && args.files.iter().any(|file| is_same(&history_in(file), path)) {
            return Err(format!("{} is to be checked, and cannot be the page", path.display()));
        }
        let replace = args.force || (is_file && may_go(path));
        // A device or a pipe is opened only once there is something to write: somebody may be waiting at its other end.
        if is_file || found.is_none_or(|found| found.is_dir()) {
            let draft = Target::open(path, replace);
            draft.map(drop).map_err(|error| in_words(path, error))?;
        }
        Ok(Self { path: path.to_owned(), replace, files: Vec::new() })
    }

    /// One more file on the page.
    pub(super) fn add(&mut self, file: CheckedFile) {
        self.files.push(file);
    }

    /// Writes the page.
    pub(super) fn write(self) -> Exit {
        let page = checks::render(&self.files);
        let written = Target::open(&self.path, self.replace).and_then(|mut target| {
            target.write_all(page.as_bytes()).map_err(TargetError::Io)?;
            target.flush().map_err(TargetError::Io)?;
            target.finish(self.replace)
        });
        match written {
            Ok(()) => Exit::Valid,
            Err(error) => {
                tell(&format!("error: {}", in_words(&self.path, error)));
                Exit::Internal
            }
        }
    }
}

fn in_words(path: &Path, error: TargetError) -> String {
    match error {
        TargetError::Refused(text) => text,
        TargetError::Io(error) => {
            format!("cannot write {}: {error}; nothing was left there", path.display())
        }
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

/// Whether a file is a page of this kind, or empty: nothing is lost with it.
fn may_go(path: &Path) -> bool {
    let mut start = String::new();
    let opened = File::open(path).map(|file| file.take(checks::MARK_WITHIN as u64));
    let read = opened.and_then(|mut file| file.read_to_string(&mut start));
    read.is_ok() && (start.is_empty() || start.contains(checks::MARK))
}
