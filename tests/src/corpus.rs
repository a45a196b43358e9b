//! Real histories with known verdicts, recorded by other projects. They are not part of this repository: where they are
//! absent, the tests that need them say so and pass.

use std::path::{Path, PathBuf};

/// One line of `verdicts.tsv`.
#[derive(Debug, Clone)]
pub struct Known {
    /// Path below the corpus folder.
    pub file: String,
    /// The model's name; `kv` for key-value.
    pub model: String,
    /// How its operations are to be understood, such as `failed-cas-observed`.
    pub variant: String,
    /// The initial value, as the corpus writes it.
    pub initial: String,
    /// The verdict.
    pub valid: bool,
    /// Operations in the history.
    pub operations: usize,
    /// Those of unknown outcome.
    pub crashed: usize,
}

/// The corpus folder: `RASHOMON_CORPUS`, or `shared/corpus` beside the repository. `None`, with a message, if there is
/// none.
#[expect(clippy::print_stderr, reason = "a test that skips itself must say so")]
pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("RASHOMON_CORPUS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = named.unwrap_or(beside);
    if folder.join("verdicts.tsv").is_file() {
        return Some(folder);
    }
    eprintln!(
        "corpus not found at {}, skipped (RASHOMON_CORPUS names another place)",
        folder.display()
    );
    None
}

/// The known verdicts.
///
/// # Panics
/// If the table does not have the columns it should: then it is another table.
pub fn verdicts(folder: &Path) -> Vec<Known> {
    let path = folder.join("verdicts.tsv");
    let table = std::fs::read_to_string(&path).expect("the table of verdicts is readable");
    let mut lines = table.lines();
    let header = lines.next();
    assert_eq!(
        header,
        Some("file\tmodel\tvariant\tinitial\tvalid\toperations\tmax_open\tcrashed"),
        "columns of {}",
        path.display()
    );
    lines.map(known).collect()
}

fn known(line: &str) -> Known {
    let fields: Vec<&str> = line.split('\t').collect();
    let [file, model, variant, initial, valid, operations, _, crashed] = fields.as_slice() else {
        panic!("a line of verdicts.tsv has eight fields: {line}");
    };
    Known {
        file: (*file).to_owned(),
        model: (*model).to_owned(),
        variant: (*variant).to_owned(),
        initial: (*initial).to_owned(),
        valid: *valid == "true",
        operations: operations.parse().expect("a number of operations"),
        crashed: crashed.parse().expect("a number of crashed operations"),
    }
}
