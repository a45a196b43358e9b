//! The kill matrix: of each built-in bug, who caught it, how long that took, and what it needs.
//!
//! Owns what follows from hunts, and the page as Markdown; `report/kills.rs` draws it. A pure function of the hunts, so
//! that the same hunts give the same bytes.

mod figures;
mod markdown;

use serde::Serialize;

use super::hunt::{Hunt, kind_of};
use super::ledger::Ledger;
use super::statistics::{Median, rule_of_three};
use super::{About, Bug, CATALOGUE, Reach};
use crate::nemesis::{self, Backend, FaultSpec};
use crate::report::units;

pub(crate) use figures::{figure, interval, share};
pub(crate) use markdown::link;

/// Backends by name, in the order of columns.
pub const BACKENDS: [&str; 2] = ["sim", "process"];

/// Classes, the easiest first.
pub const CLASSES: [&str; 4] = ["E", "M", "H", "VH"];

/// Kinds of oracles, in the order of columns. All others are checks of a workload.
pub const ORACLES: [&str; 5] = ["linearizability", "invariant", "liveness", "crash", "other"];

/// What helps and is no fault with a beginning and an end: the simulator draws these for whole runs.
const SETTINGS_OF_SEEDS: [&str; 4] = ["doomed-leader", "lossy", "doubling", "shuffling"];

/// The hunts of one campaign.
#[derive(Debug, Clone, Serialize)]
pub struct Matrix {
    /// Version of the tool.
    pub tool_version: &'static str,
    /// The command that made it.
    pub command: String,
    /// Seconds that each hunt had.
    pub budget_s: f64,
    /// Bugs by class and backend, where any was hunted.
    pub classes: Vec<ClassCount>,
    /// Hunts for bugs, in the order of the catalogue.
    pub rows: Vec<Row>,
    /// Correct builds in the same campaigns.
    pub clean: Vec<Clean>,
    /// What of the catalogue cannot be switched on yet.
    pub not_built: Vec<NotBuilt>,
}

/// How many bugs of a class a backend caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub class: &'static str,
    /// The backend.
    pub backend: &'static str,
    /// Bugs that were hunted and are within reach.
    pub hunted: usize,
    /// Those of them that were caught.
    pub caught: usize,
    /// Bugs that are out of reach, and were not caught either.
    pub out_of_reach: usize,
}

/// Runs of correct builds.
#[derive(Debug, Clone, Serialize)]
pub struct Clean {
    /// With 95 % confidence, the chance of an alarm in a run is below this; `None` if there was one.
    pub chance_below: Option<f64>,
    /// The figures it comes from; its catches are the alarms.
    pub hunt: Hunt,
}

/// A bug that this node cannot have yet.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct NotBuilt {
    /// Its identifier.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What the node would have to have first.
    pub waits_for: &'static str,
}

/// One bug.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its identifier in the catalogue.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How hard it was expected to be.
    pub class: &'static str,
    /// Which part of the node it is in.
    pub family: &'static str,
    /// What is wrong.
    pub summary: &'static str,
    /// What clients can see of it.
    pub visible: &'static str,
    /// Where it was seen.
    pub origin: &'static str,
    /// Whether any backend caught it.
    pub caught: bool,
    /// Why real processes cannot bring it out, if they cannot.
    pub out_of_reach: Option<String>,
    /// What the simulator said.
    pub sim: Option<Said>,
    /// What real processes said.
    pub process: Option<Said>,
}

/// What one backend said of a bug.
#[derive(Debug, Clone, Serialize)]
pub struct Said {
    /// Whether it was caught.
    pub caught: bool,
    /// Seconds until a catch: of one core in the simulator, of a clock with processes.
    pub seconds: Option<Median>,
    /// Runs until a catch.
    pub runs: Option<Median>,
    /// Operations until a catch.
    pub operations: Option<Median>,
    /// Why it was not caught, if it was not.
    pub why_not: Option<WhyNot>,
    /// The figures it comes from.
    pub hunt: Hunt,
}

/// Why a bug was not caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyNot {
    /// What kind of reason that is.
    pub reason: Reason,
    /// In words.
    pub words: String,
}

/// Kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// None of the faults that bring it out is one that the backend has.
    Fault,
    /// Nothing is known to stand in the way but time and luck.
    Budget,
}

/// How a kind of oracle did on the catches of a hunt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Catches that it saw.
    pub seen: u64,
    /// Those that it saw before all others.
    pub first: u64,
    /// Of all.
    pub catches: u64,
    /// The oracles of this kind, as (name, seen), the most frequent first.
    pub names: Vec<(String, u64)>,
}

impl Matrix {
    /// Of these bugs, with all that a ledger knows of them, whichever backend they were hunted with.
    pub fn of(ledger: &Ledger, bugs: &[Bug], command: String, budget_s: f64) -> Self {
        let hunt = |name: &str, backend| ledger.hunt(name, backend).cloned();
        let row = |bug: &Bug| {
            let [sim, process] = BACKENDS.map(|backend| hunt(bug.name(), backend));
            (sim.is_some() || process.is_some()).then(|| Row::new(*bug, sim, process))
        };
        let clean = BACKENDS.iter().filter_map(|backend| hunt("none", backend));
        Self::new(command, budget_s, bugs.iter().filter_map(row).collect(), clean.collect())
    }

    /// Of rows and runs of correct builds.
    pub fn new(command: String, budget_s: f64, rows: Vec<Row>, clean: Vec<Hunt>) -> Self {
        let missing = CATALOGUE.iter().filter_map(|entry| {
            Some(NotBuilt { id: entry.id, name: entry.name, waits_for: entry.waits_for? })
        });
        let mut matrix = Self {
            tool_version: env!("CARGO_PKG_VERSION"),
            command,
            budget_s,
            classes: Vec::new(),
            rows,
            clean: clean.into_iter().map(Clean::new).collect(),
            not_built: missing.collect(),
        };
        for class in CLASSES {
            for backend in matrix.backends() {
                let count = matrix.of_class(class, backend);
                if count.hunted + count.out_of_reach > 0 {
                    matrix.classes.push(count);
                }
            }
        }
        matrix
    }

    /// The backends that hunted.
    pub fn backends(&self) -> Vec<&'static str> {
        let hunted = |backend: &&str| {
            self.rows.iter().any(|row| row.said(backend).is_some())
                || self.clean.iter().any(|clean| clean.hunt.backend == **backend)
        };
        BACKENDS.into_iter().filter(hunted).collect()
    }

    /// Bugs of a class on a backend.
    pub fn of_class(&self, class: &'static str, backend: &'static str) -> ClassCount {
        let mut count = ClassCount { class, backend, hunted: 0, caught: 0, out_of_reach: 0 };
        for row in self.rows.iter().filter(|row| row.class == class) {
            let caught = row.said(backend).is_some_and(|said| said.caught);
            if !caught && backend == "process" && row.out_of_reach.is_some() {
                count.out_of_reach += 1;
            } else if row.said(backend).is_some() {
                count.hunted += 1;
                count.caught += usize::from(caught);
            }
        }
        count
    }

    /// How many were caught by any backend.
    pub fn caught(&self) -> usize {
        self.rows.iter().filter(|row| row.caught).count()
    }

    /// All in one sentence.
    pub fn headline(&self) -> String {
        let (caught, all) = (self.caught(), self.rows.len());
        let bugs = match (caught, all) {
            (_, 0) => "No bug was hunted".to_owned(),
            _ if caught == all => format!("All of {} caught", units::counted(all as u64, "bug")),
            _ => format!("{caught} of {} caught", units::counted(all as u64, "bug")),
        };
        let runs = self.clean.iter().map(|clean| clean.hunt.runs).sum();
        let alarms = match self.alarms() {
            0 => "no alarm".to_owned(),
            alarms => units::counted(alarms, "alarm"),
        };
        format!("{bugs}; {alarms} in {} of correct builds.", units::counted(runs, "run"))
    }

    /// Alarms on correct builds.
    pub fn alarms(&self) -> u64 {
        let clean = self.clean.iter().map(|clean| clean.hunt.catches);
        let said = self.rows.iter().flat_map(Row::all_said);
        clean.chain(said.map(|(_, said)| said.hunt.alarms)).sum()
    }

    /// Those that some backend within reach did not catch, and why.
    pub fn survivors(&self) -> Vec<(&Row, &'static str, &WhyNot)> {
        let mut survivors = Vec::new();
        for row in &self.rows {
            for (backend, said) in row.all_said() {
                survivors.extend(said.why_not.as_ref().map(|why| (row, backend, why)));
            }
        }
        survivors
    }

    /// Whether catches were made by something that is none of the usual oracles.
    pub fn has_other_oracles(&self) -> bool {
        let said = |row: &Row| row.all_said().any(|(_, said)| said.sight("other").seen > 0);
        self.rows.iter().any(said)
    }

    /// The page as Markdown.
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }
}

impl Clean {
    fn new(hunt: Hunt) -> Self {
        Self { chance_below: (hunt.catches == 0).then(|| rule_of_three(hunt.runs)), hunt }
    }
}

impl Row {
    /// Of a bug and what its hunts came to.
    pub fn new(bug: Bug, sim: Option<Hunt>, process: Option<Hunt>) -> Self {
        let about = bug.about();
        let [sim, process] = [sim, process].map(|hunt| hunt.map(|hunt| Said::new(about, hunt)));
        let caught = [&sim, &process].into_iter().flatten().any(|said| said.caught);
        Self {
            id: about.id,
            name: about.name,
            class: about.class.letters(),
            family: about.family.name(),
            summary: about.summary,
            visible: about.visible,
            origin: about.origin,
            caught,
            out_of_reach: out_of_reach(about),
            sim,
            process,
        }
    }

    /// What a backend said.
    pub fn said(&self, backend: &str) -> Option<&Said> {
        match backend {
            "sim" => self.sim.as_ref(),
            "process" => self.process.as_ref(),
            _ => None,
        }
    }

    /// What all backends said.
    pub fn all_said(&self) -> impl Iterator<Item = (&'static str, &Said)> {
        BACKENDS.into_iter().filter_map(|backend| Some((backend, self.said(backend)?)))
    }
}

impl Said {
    fn new(about: &About, hunt: Hunt) -> Self {
        let caught = hunt.catches > 0;
        Self {
            caught,
            seconds: hunt.seconds_to_catch(),
            runs: hunt.runs_to_catch(),
            operations: hunt.operations_to_catch(),
            why_not: (!caught).then(|| why_not(about, &hunt)),
            hunt,
        }
    }

    /// Who found it first, most often.
    pub fn first_oracle(&self) -> Option<&str> {
        // Of several, the first by name.
        let first = self.hunt.first.iter().rev().max_by_key(|(_, count)| **count);
        first.map(|(oracle, _)| oracle.as_str())
    }

    /// Whether an oracle of this kind found it first, most often.
    pub fn is_first(&self, kind: &str) -> bool {
        let firsts = ORACLES.map(|oracle| self.sight(oracle).first);
        let most = firsts.into_iter().max().unwrap_or(0);
        most > 0 && self.sight(kind).first == most
    }

    /// How a kind of oracle did: one of [`ORACLES`].
    pub fn sight(&self, kind: &str) -> Sight {
        let Hunt { catches, first, seen_by, seen_by_kind, .. } = &self.hunt;
        let belongs = |oracle: &str| column(oracle) == kind;
        let first = first.iter().filter(|(oracle, _)| belongs(oracle)).map(|(_, count)| count);
        let mut names: Vec<(String, u64)> = seen_by
            .iter()
            .filter(|(oracle, _)| belongs(oracle))
            .map(|(oracle, count)| (oracle.clone(), *count))
            .collect();
        names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        // Ledgers of before do not say it of all of a kind: it is at least that of the one that saw most.
        let together = seen_by_kind.iter().filter(|(oracle, _)| belongs(oracle));
        let together = together.map(|(_, count)| *count).max().unwrap_or(0);
        let most = names.first().map_or(0, |(_, count)| *count);
        Sight { seen: together.max(most), first: first.sum(), catches: *catches, names }
    }

    /// What the smallest run that was caught needs: faults, then settings; `None` if no run was made small.
    pub fn needs(&self) -> Option<Vec<&str>> {
        let small = self.hunt.example.as_ref()?.small.as_ref().filter(|it| it.after.is_some())?;
        let all = small.needs.faults.iter().chain(&small.needs.conditions);
        Some(all.map(String::as_str).collect())
    }
}

/// The column of an oracle.
fn column(oracle: &str) -> &'static str {
    let kind = kind_of(oracle);
    ORACLES.into_iter().find(|known| *known == kind).unwrap_or("other")
}

/// Why real processes cannot bring a bug out.
fn out_of_reach(about: &About) -> Option<String> {
    if about.reach == Reach::Process {
        return None;
    }
    let lacking = lacking(about, "process");
    Some(if lacking.is_empty() {
        format!("cannot be brought about on real processes: {}", about.trigger)
    } else {
        format!("needs {}, which real processes do not have", lacking.join(", "))
    })
}

fn why_not(about: &About, hunt: &Hunt) -> WhyNot {
    let lacking = lacking(about, &hunt.backend);
    let spent = format!("{:.0} s and {} runs", hunt.seconds, hunt.runs);
    if !lacking.is_empty() && lacking.len() == about.faults.len() {
        let words = format!("needs {}, which we lack; {spent} without", lacking.join(", "));
        return WhyNot { reason: Reason::Fault, words };
    }
    let directed = if hunt.directed {
        let faults = about.faults.join(", ");
        let About { nodes, workload, .. } = about;
        format!(", the last of them directed to {nodes} nodes, {workload} and {faults}")
    } else {
        String::new()
    };
    WhyNot { reason: Reason::Budget, words: format!("budget: not in {spent}{directed}") }
}

/// The faults which help with a bug that a backend does not have.
fn lacking(about: &About, backend: &str) -> Vec<&'static str> {
    let has = |name: &str| match (nemesis::parse(name), backend) {
        (Ok(faults), "process") => faults.iter().any(for_processes),
        (Ok(_), _) => true,
        (Err(_), "sim") => SETTINGS_OF_SEEDS.contains(&name),
        (Err(_), _) => false,
    };
    about.faults.iter().copied().filter(|name| !has(name)).collect()
}

fn for_processes(fault: &FaultSpec) -> bool {
    nemesis::backend(fault) == Backend::Both
}

#[cfg(test)]
mod tests;
