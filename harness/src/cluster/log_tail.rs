//! The last lines of a node's log, to be shown with its end.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// How much of the file is looked at.
const TAIL_BYTES: u64 = 8 * 1024;

/// A line is cut to this length: a panic message may hold anything.
const LINE_CHARS_MAX: usize = 400;

/// Up to `count` last lines, oldest first; none if the file cannot be read.
pub(super) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let Ok(bytes) = read_tail(path) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| shorten(line)).collect()
}

fn read_tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn shorten(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_come_in_order_and_shortened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let long = "ä".repeat(1_000);
        std::fs::write(&path, format!("one\ntwo\n\nthree\n{long}\n")).unwrap();
        let lines = last_lines(&path, 2);
        assert_eq!(lines[0], "three");
        assert_eq!(lines[1], format!("{}...", "ä".repeat(LINE_CHARS_MAX)));
        assert!(last_lines(&folder.path().join("none"), 2).is_empty());
    }

    #[test]
    fn only_the_end_of_a_long_log_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        std::fs::write(&path, format!("{}last\n", "a line of filling\n".repeat(100_000))).unwrap();
        assert_eq!(last_lines(&path, 1), ["last"]);
    }
}
