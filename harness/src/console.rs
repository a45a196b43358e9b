//! The two streams of the command line: stdout carries the result, stderr carries everything else.
//!
//! Colours are taken out where nobody wants them (a pipe, `NO_COLOR`, `--color never`). A reader that goes away (`| head`)
//! is not an error: the rest is dropped, and the exit code stays what it would have been.

use std::io::{self, Write};

use crate::exit::Exit;

/// Writes the result to stdout, with a line break. If it cannot be written, the program did not do its job, whatever else
/// it did; except that nobody wanted the rest.
pub(crate) fn result(text: &str) -> Exit {
    let mut out = anstream::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("error: cannot write to stdout: {error}"));
            Exit::Internal
        }
        Ok(()) | Err(_) => Exit::Valid,
    }
}

/// Tells a person something on stderr, with a line break.
pub(crate) fn say(text: &str) {
    // If stderr is gone there is nobody to tell.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
