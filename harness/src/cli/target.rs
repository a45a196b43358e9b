//! Where a verb writes to: stdout, a device, or a file that appears whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Why nothing is written.
#[derive(Debug)]
pub(super) enum TargetError {
    /// The path cannot be used.
    Refused(String),
    /// The system refuses.
    Io(io::Error),
}

/// Whether a path stands for stdin or stdout.
pub(super) fn is_stdio(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What to call it.
pub(super) fn name_of(path: &Path) -> String {
    if is_stdio(path) { "stdout".to_owned() } else { path.display().to_string() }
}

/// An open output.
pub(super) enum Target {
    Stdout(io::Stdout),
    /// What is no regular file cannot be replaced, only written to.
    Device(File),
    /// Becomes the file of that name when all is written; vanishes otherwise.
    Draft(NamedTempFile, PathBuf),
}

impl Target {
    /// Refuses to touch a file that is there, unless told to.
    pub(super) fn open(path: &Path, force: bool) -> Result<Self, TargetError> {
        if is_stdio(path) {
            return Ok(Self::Stdout(io::stdout()));
        }
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                let text = format!("{} is a folder; name a file", path.display());
                return Err(TargetError::Refused(text));
            }
            Ok(found) if !found.is_file() => {
                let device = File::options().write(true).open(path);
                return device.map(Self::Device).map_err(TargetError::Io);
            }
            Ok(_) if !force => return Err(exists(path)),
            Ok(_) | Err(_) => {}
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let draft = tempfile::Builder::new()
            .prefix(".rashomon-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(TargetError::Io)?;
        Ok(Self::Draft(draft, path.to_owned()))
    }

    /// Gives a draft its name.
    pub(super) fn finish(self, force: bool) -> Result<(), TargetError> {
        let Self::Draft(draft, path) = self else { return Ok(()) };
        // Some file systems tell a full disk only now.
        draft.as_file().sync_all().map_err(TargetError::Io)?;
        let kept = if force { draft.persist(&path) } else { draft.persist_noclobber(&path) };
        kept.map(drop).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => exists(&path),
            _ => TargetError::Io(error.error),
        })
    }
}

fn exists(path: &Path) -> TargetError {
    TargetError::Refused(format!("{} exists; --force replaces it", path.display()))
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::Device(out) => out.write(bytes),
            Self::Draft(out, _) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::Device(out) => out.flush(),
            Self::Draft(out, _) => out.flush(),
        }
    }
}
