//! Run folders: where a run leaves what it did, and the links that find the latest.
//!
//! ```text
//! runs/
//!   20261121T101722Z-register-4711/
//!     plan.json       everything needed to do it again; written first
//!     history.jsonl   what the clients saw, line by line as it happened
//!     faults.jsonl    what the nemesis did, with evidence
//!     verdict.json    what was decided
//!     report.html     the same for people
//!     nodes/n1/       log and data of each node
//!   current -> the run that was started last; set as soon as its folder exists, so it also finds one that was killed
//!   latest  -> the run that reached its verdict last
//! ```
//!
//! Invariants: a folder belongs to one run, also when two start in the same second; a file that is written in one go
//! appears whole or not at all; both links are relative, so that `runs/` can be moved, and are replaced in one step.
//! This is the only place that asks for the wall clock.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::seed::Seed;

/// Runs of the same second and seed that may exist next to each other.
const SAME_NAME_MAX: u32 = 1000;

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunFolderError {
    /// The folder cannot be made: a bad `--out`, a missing permission, a full disk.
    #[error("cannot create run folder {path}: {source}; --out names another place")]
    Create {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the run cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RunFolder {
    /// Makes a new folder under `out` and points `current` to it.
    pub fn create(
        out: &Path,
        started: WallTime,
        workload: &str,
        seed: Seed,
    ) -> Result<Self, RunFolderError> {
        fs::create_dir_all(out)
            .map_err(|source| RunFolderError::Create { path: out.to_owned(), source })?;
        let base = format!("{}-{workload}-{}", started.compact(), seed.0);
        let path = create_unique(out, &base)?;
        let folder = Self { path };
        folder.link("current")?;
        Ok(folder)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of a run that was made before.
    pub fn open(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// A file or folder of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a whole file of the run: afterwards it is there with all its bytes, or as it was before.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunFolderError> {
        let path = self.file(name);
        let draft = self.file(&format!(".{name}.draft"));
        fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, &path)).map_err(|source| {
            // A half-written draft helps nobody; the first error is the one to tell.
            let _ = fs::remove_file(&draft);
            RunFolderError::Write { path, source }
        })
    }

    /// Points `latest` to this run: it reached a verdict.
    pub fn mark_latest(&self) -> Result<(), RunFolderError> {
        self.link("latest")
    }

    /// Replaces a link next to the folder in one step, so that there is no moment without it.
    fn link(&self, link: &str) -> Result<(), RunFolderError> {
        let (Some(out), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            unreachable!("a run folder was made by joining a name to its parent");
        };
        let path = out.join(link);
        let draft = out.join(format!(".{link}.{}", name.to_string_lossy()));
        symlink(name, &draft).and_then(|()| fs::rename(&draft, &path)).map_err(|source| {
            let _ = fs::remove_file(&draft);
            RunFolderError::Write { path, source }
        })
    }
}

/// Makes `base`, or else `base-2`, `base-3`...: making a folder is the one test for "is it taken" without a race.
fn create_unique(out: &Path, base: &str) -> Result<PathBuf, RunFolderError> {
    for attempt in 1..=SAME_NAME_MAX {
        let name = if attempt == 1 { base.to_owned() } else { format!("{base}-{attempt}") };
        let path = out.join(name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(RunFolderError::Create { path, source }),
        }
    }
    Err(RunFolderError::Create {
        path: out.join(base),
        source: io::Error::new(io::ErrorKind::AlreadyExists, "too many runs of that name"),
    })
}

/// A moment by the wall clock, for names and headers; never compared with anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallTime(jiff::Timestamp);

impl WallTime {
    /// Now. The only question to the wall clock in the program.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now())
    }

    /// RFC 3339 in UTC, to the second.
    pub fn rfc3339(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// As a part of a folder name: sorts by time, needs no quoting.
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// A seed that two runs hardly share: short enough to be read out over a table.
    pub fn fresh_seed(self) -> Seed {
        let moment = Seed(self.0.as_nanosecond() as u64 ^ u64::from(std::process::id()));
        Seed(moment.derive("run").0 & 0xffff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment() -> WallTime {
        WallTime("2026-11-21T10:17:22.5Z".parse().unwrap())
    }

    #[test]
    fn a_folder_is_named_by_time_workload_and_seed() {
        let out = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(out.path(), moment(), "register", Seed(7)).unwrap();
        assert_eq!(folder.path(), out.path().join("20261121T101722Z-register-7"));
        assert_eq!(moment().rfc3339(), "2026-11-21T10:17:22Z");
    }

    #[test]
    fn two_runs_of_the_same_second_get_two_folders() {
        let out = tempfile::tempdir().unwrap();
        let make = || RunFolder::create(out.path(), moment(), "set", Seed(7)).unwrap();
        let (first, second, third) = (make(), make(), make());
        assert!(second.path().ends_with("20261121T101722Z-set-7-2"));
        assert!(third.path().ends_with("20261121T101722Z-set-7-3"));
        let current = fs::read_link(out.path().join("current")).unwrap();
        assert_eq!(out.path().join(current), third.path(), "the last to start is current");
        assert!(!out.path().join("latest").exists(), "none has a verdict yet");
        first.mark_latest().unwrap();
        let latest = fs::read_link(out.path().join("latest")).unwrap();
        assert!(latest.is_relative());
        assert_eq!(out.path().join(latest), first.path());
        second.mark_latest().unwrap();
        let latest = fs::read_link(out.path().join("latest")).unwrap();
        assert_eq!(out.path().join(latest), second.path());
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let out = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(out.path(), moment(), "set", Seed(1)).unwrap();
        folder.write("plan.json", b"one").unwrap();
        folder.write("plan.json", b"two").unwrap();
        assert_eq!(fs::read(folder.file("plan.json")).unwrap(), b"two");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "no draft is left behind: {left:?}");
    }

    #[test]
    fn an_unusable_place_is_named() {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = RunFolder::create(&file, moment(), "set", Seed(1)).unwrap_err();
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }

    #[test]
    fn fresh_seeds_differ_and_are_short() {
        let later = WallTime("2026-11-21T10:17:22.500000001Z".parse().unwrap());
        assert_ne!(moment().fresh_seed(), later.fresh_seed());
        assert!(u32::try_from(moment().fresh_seed().0).is_ok());
    }
}
