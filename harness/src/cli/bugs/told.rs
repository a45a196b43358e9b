//! What `rashomon bugs` tells: while it hunts, and in the end, on stdout and in files.

use std::fs;

use clap::ValueEnum;

use super::Args;
use crate::bugs::hunt::Hunt;
use crate::bugs::matrix::{ClassCount, Clean, Matrix, Row};
use crate::cli::run::Format;
use crate::console::{result, say};
use crate::exit::{Exit, worst};
use crate::report::kills;

/// What a hunt has come to, while it goes on.
pub(super) fn so_far(hunt: &Hunt) -> String {
    let Hunt { bug, backend, catches, runs, seconds, .. } = hunt;
    let found = hunt
        .example
        .as_ref()
        .map_or(String::new(), |example| format!(", first by {}", example.finding.oracle));
    format!("{bug} ({backend}): caught in {catches} of {runs} runs, {seconds:.1} s{found}")
}

/// What was typed, as far as it matters.
pub(super) fn command(args: &Args) -> String {
    let mut words = vec![format!("rashomon bugs --time-budget {:?}", args.time_budget)];
    let backend = args.backend.to_possible_value();
    words.extend(backend.map(|backend| format!("--backend {}", backend.get_name())));
    words.extend(args.seeds.map(|seeds| format!("--seeds {seeds}")));
    words.push(format!("--clean-budget {:?}", args.clean_budget));
    if !args.only.is_empty() {
        words.push(format!("--only {}", args.only.join(",")));
    }
    if !args.class.is_empty() {
        let classes: Vec<String> = args.class.iter().map(|class| class.letters()).collect();
        words.push(format!("--class {}", classes.join(",")));
    }
    words.join(" ")
}

/// Writes the matrix down, and tells what it says.
pub(super) fn conclude(args: &Args, matrix: &Matrix) -> Exit {
    let json = serde_json::to_string_pretty(matrix).expect("a matrix has a JSON form");
    let markdown = matrix.markdown();
    let page = kills::render(matrix);
    for (name, text) in
        [("kill-matrix.json", &json), ("kill-matrix.md", &markdown), ("kill-matrix.html", &page)]
    {
        let path = args.out.join(name);
        if let Err(error) = fs::write(&path, text) {
            say(&format!("error: {}: {error}", path.display()));
            return Exit::Internal;
        }
    }
    let told = match args.format {
        Format::Json => result(&json),
        Format::Human => result(&for_people(args, matrix)),
    };
    let missed = matrix.rows.iter().any(|row| !row.caught);
    let exit = match (matrix.alarms() > 0, missed) {
        (true, _) => Exit::Invalid,
        (false, true) => Exit::Unknown,
        (false, false) => Exit::Valid,
    };
    worst([exit, told])
}

fn for_people(args: &Args, matrix: &Matrix) -> String {
    let mut lines: Vec<String> = matrix.rows.iter().flat_map(of_bug).collect();
    for ClassCount { class, backend, hunted, caught, out_of_reach } in &matrix.classes {
        let far = match out_of_reach {
            0 => String::new(),
            far => format!(", {far} out of reach"),
        };
        lines.push(format!("{class:2} {backend:8} {caught} of {hunted} caught{far}"));
    }
    for Clean { hunt, .. } in &matrix.clean {
        let Hunt { backend, runs, operations, catches, example, .. } = hunt;
        lines.push(format!(
            "correct builds, {backend}: {catches} alarms in {runs} runs and {operations} operations"
        ));
        if let Some(example) = example {
            lines.push(format!("  {}: {}", example.command, example.finding.what));
        }
    }
    lines.push(format!("  matrix       {}", args.out.join("kill-matrix.html").display()));
    lines.join("\n")
}

/// A line for each backend.
fn of_bug(row: &Row) -> impl Iterator<Item = String> {
    row.all_said().map(move |(backend, said)| {
        let Row { id, name, class, summary, .. } = row;
        match (said.first_oracle(), said.seconds) {
            (Some(oracle), Some(seconds)) => {
                let value = seconds.value;
                let needs = said.needs().map_or_else(String::new, |needs| needs_in_words(&needs));
                format!("  {id} {class:2} {name:28} {backend:7} {oracle}, {value:.1} s{needs}")
            }
            _ => format!("  {id} {class:2} {name:28} {backend:7} NOT CAUGHT: {summary}"),
        }
    })
}

fn needs_in_words(needs: &[&str]) -> String {
    if needs.is_empty() {
        "; needs nothing".to_owned()
    } else {
        format!("; needs {}", needs.join(", "))
    }
}
