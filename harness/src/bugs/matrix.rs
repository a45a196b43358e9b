//! The kill matrix: of each built-in bug, who caught it and how long that took.

use std::fmt::Write;

use serde::Serialize;

use super::hunt::{Example, Hunt};
use super::statistics::{Median, rule_of_three};
use super::{About, Bug};

/// The hunts of one campaign.
#[derive(Debug, Serialize)]
pub struct Matrix {
    /// The command that made it.
    pub command: String,
    /// Seconds of one core that each hunt had.
    pub budget_s: f64,
    /// Hunts for bugs, in the order of the catalogue.
    pub rows: Vec<Row>,
    /// Correct builds in the same campaigns.
    pub clean: Vec<Hunt>,
}

/// One bug.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its identifier in the catalogue.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How hard it was expected to be.
    pub class: &'static str,
    /// Whether it was caught at all.
    pub caught: bool,
    /// Seconds of one core until a catch.
    pub seconds: Option<Median>,
    /// Runs until a catch.
    pub runs: Option<Median>,
    /// Operations until a catch.
    pub operations: Option<Median>,
    /// Why it was not caught, if it was not.
    pub why_not: Option<String>,
    /// The figures it comes from.
    pub hunt: Hunt,
}

impl Row {
    /// Of a bug and what its hunt came to.
    pub fn new(bug: Bug, hunt: Hunt) -> Self {
        let About { id, name, class, .. } = *bug.about();
        let caught = hunt.catches > 0;
        Self {
            id,
            name,
            class: class.letters(),
            caught,
            seconds: hunt.seconds_to_catch(),
            runs: hunt.runs_to_catch(),
            operations: hunt.operations_to_catch(),
            why_not: (!caught)
                .then(|| format!("not in {:.0} s and {} runs", hunt.seconds, hunt.runs)),
            hunt,
        }
    }

    /// Who found it first, most often.
    pub fn first_oracle(&self) -> Option<&str> {
        let first = self.hunt.first.iter().max_by_key(|(_, count)| **count);
        first.map(|(oracle, _)| oracle.as_str())
    }
}

impl Matrix {
    /// Bugs of a class: how many there are, and how many were caught.
    pub fn of_class(&self, class: &str) -> (usize, usize) {
        let of_class = || self.rows.iter().filter(|row| row.class == class);
        (of_class().count(), of_class().filter(|row| row.caught).count())
    }

    /// Alarms on correct builds.
    pub fn alarms(&self) -> u64 {
        let clean = self.clean.iter().map(|hunt| hunt.catches);
        clean.chain(self.rows.iter().map(|row| row.hunt.alarms)).sum()
    }

    /// The page as Markdown.
    pub fn markdown(&self) -> String {
        let mut page = String::from("# Kill matrix\n\n");
        let _ = writeln!(
            page,
            "Each bug was hunted for up to {:.0} s of one core. Made by `{}`.\n",
            self.budget_s, self.command
        );
        page.push_str("| class | bugs | caught |\n|---|---|---|\n");
        for class in ["E", "M", "H", "VH"] {
            let (all, caught) = self.of_class(class);
            let _ = writeln!(page, "| {class} | {all} | {caught} |");
        }
        page.push_str("\n## Correct builds in the same campaigns\n\n");
        page.push_str("| backend | runs | operations | alarms | chance of an alarm in a run, 95 % |\n|---|---|---|---|---|\n");
        for Hunt { backend, runs, operations, catches, .. } in &self.clean {
            let bound = if *catches == 0 {
                format!("below {:.3} %", rule_of_three(*runs) * 100.0)
            } else {
                "-".to_owned()
            };
            let _ = writeln!(page, "| {backend} | {runs} | {operations} | {catches} | {bound} |");
        }
        page.push_str(
            "\n## Bugs\n\nMedians until a catch, with the interval that has 95 % confidence.\n\n",
        );
        page.push_str("| id | bug | class | first seen by | also seen by | seconds | runs | operations | example |\n|---|---|---|---|---|---|---|---|---|\n");
        for row in &self.rows {
            let _ = writeln!(page, "{}", line(row));
        }
        page
    }
}

fn line(row: &Row) -> String {
    let Row { id, name, class, hunt, .. } = row;
    let Some(first) = row.first_oracle() else {
        let why = row.why_not.as_deref().unwrap_or_default();
        return format!("| {id} | {name} | {class} | **not caught** | {why} | | | | |");
    };
    let also: Vec<&str> =
        hunt.seen_by.keys().map(String::as_str).filter(|oracle| *oracle != first).collect();
    let example = hunt
        .example
        .as_ref()
        .map_or_else(String::new, |example: &Example| format!("`{}`", example.command));
    let directed = if hunt.directed { ", directed" } else { "" };
    format!(
        "| {id} | {name} | {class}{directed} | {first} | {} | {} | {} | {} | {example} |",
        also.join(", "),
        median(row.seconds),
        median(row.runs),
        median(row.operations),
    )
}

fn median(median: Option<Median>) -> String {
    let Some(Median { value, low, high }) = median else { return String::new() };
    let [value, low, high] = [value, low, high].map(figure);
    format!("{value} ({low}-{high})")
}

/// Two figures that count.
fn figure(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
