//! `rashomon list`: everything that has a name.

mod bugs;
mod catches;
mod promises;

use bugs::{BugLine, MissingLine};
use clap::ValueEnum;
use rashomon_checker::check::ModelKind;
use serde::Serialize;

use super::run::Format;
use crate::console::result;
use crate::exit::Exit;
use crate::nemesis::{self, Backend, FaultKind};
use crate::sim::{self, InvariantLine};
use promises::{ConsistencyLine, PropertyLine};

/// Arguments of `rashomon list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to list [default: everything]
    #[arg(value_enum)]
    what: Option<What>,
    /// Show the bugs that are known but not built, too
    #[arg(long)]
    all: bool,
    /// Lines for people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// What clients do: `run --workload`
    Workloads,
    /// What the nemesis does: `run --faults`; some of it to simulated clusters only
    Faults,
    /// What must hold: `check --model`
    Models,
    /// What else can hold: `check --property`
    Properties,
    /// What transactions keep to: `check --consistency`
    Consistency,
    /// What must hold inside simulated nodes: `sim --without`
    Invariants,
    /// Built-in bugs of the node: `run --bug`
    Bugs,
}

/// Lists.
pub fn main(args: &Args) -> Exit {
    let listing = Listing::of(args.what, args.all);
    result(&match args.format {
        Format::Human => listing.for_people(),
        Format::Json => serde_json::to_string(&listing).expect("names have a JSON form"),
    })
}

/// The lists that were asked for.
#[derive(Debug, Default, Serialize)]
struct Listing {
    #[serde(skip_serializing_if = "Option::is_none")]
    workloads: Option<Vec<WorkloadLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    faults: Option<Vec<FaultLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<Line>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Vec<PropertyLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consistency: Option<Vec<ConsistencyLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invariants: Option<Vec<InvariantLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bugs: Option<Vec<BugLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bugs_not_built: Option<Vec<MissingLine>>,
}

/// Anything with a name and a line about it.
#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    summary: &'static str,
}

#[derive(Debug, Serialize)]
struct WorkloadLine {
    name: &'static str,
    summary: &'static str,
    detects: &'static str,
    cannot_detect: &'static str,
    model: ModelKind,
}

#[derive(Debug, Serialize)]
struct FaultLine {
    name: &'static str,
    summary: &'static str,
    /// Who can carry it out.
    backend: Backend,
}

impl Listing {
    fn of(what: Option<What>, all: bool) -> Self {
        let wanted = |one| what.is_none_or(|what| what == one);
        Self {
            workloads: wanted(What::Workloads).then(workloads),
            faults: wanted(What::Faults).then(faults),
            models: wanted(What::Models).then(models),
            properties: wanted(What::Properties).then(promises::properties),
            consistency: wanted(What::Consistency).then(promises::consistency),
            invariants: wanted(What::Invariants).then(|| sim::invariants().collect()),
            bugs: wanted(What::Bugs).then(bugs::built),
            bugs_not_built: (all && wanted(What::Bugs)).then(bugs::missing),
        }
    }

    fn for_people(&self) -> String {
        let mut blocks = Vec::new();
        if let Some(workloads) = &self.workloads {
            let lines = workloads.iter().map(|line| (line.name, line.summary.to_owned()));
            blocks.push(block("Workloads (run --workload)", lines.collect()));
        }
        if let Some(faults) = &self.faults {
            let of = |backend| {
                let mine = faults.iter().filter(move |line| line.backend == backend);
                mine.map(|line| (line.name, line.summary.to_owned())).collect()
            };
            blocks.push(block("Faults (run --faults)", of(Backend::Both)));
            blocks.push(block(
                "Faults that only the simulator has (sim --faults)",
                of(Backend::SimulatorOnly),
            ));
        }
        if let Some(models) = &self.models {
            let lines = models.iter().map(|line| (line.name, line.summary.to_owned()));
            blocks.push(block("Models (check --model)", lines.collect()));
        }
        if let Some(properties) = &self.properties {
            let lines = properties.iter().map(|line| (line.name, line.for_people()));
            blocks.push(block("Properties (check --property)", lines.collect()));
        }
        if let Some(invariants) = &self.invariants {
            let line = |it: &InvariantLine| (it.name, format!("{} ({})", it.holds, it.source));
            let lines = invariants.iter().map(line);
            blocks.push(block("Invariants (sim --without)", lines.collect()));
        }
        if let Some(consistency) = &self.consistency {
            let lines = consistency.iter().map(|line| (line.name, line.for_people()));
            blocks.push(block(
                "Consistency models of transactions (check --consistency)",
                lines.collect(),
            ));
        }
        blocks.extend(self.bugs_for_people());
        blocks.join("\n\n")
    }

    fn bugs_for_people(&self) -> Vec<String> {
        let Some(bugs) = &self.bugs else { return Vec::new() };
        let lines = bugs.iter().map(|line| (line.name, line.for_people()));
        let built = block(bugs::title(), lines.collect());
        let Some(missing) = &self.bugs_not_built else {
            let missing = bugs::missing().len();
            return vec![format!("{built}\n  {missing} more are known: rashomon list bugs --all")];
        };
        let lines = missing.iter().map(|line| (line.name, line.for_people()));
        vec![
            built,
            block("Bugs that are known but not built, with what each waits for", lines.collect()),
        ]
    }
}

fn workloads() -> Vec<WorkloadLine> {
    let line = |workload: &&'static dyn rashomon_workloads::Workload| WorkloadLine {
        name: workload.name(),
        summary: workload.summary(),
        detects: workload.detects(),
        cannot_detect: workload.cannot_detect(),
        model: workload.model(),
    };
    rashomon_workloads::all().iter().map(line).collect()
}

fn faults() -> Vec<FaultLine> {
    let line = |fault: &FaultKind| FaultLine {
        name: fault.name,
        summary: fault.summary,
        backend: fault.backend,
    };
    nemesis::all_faults().iter().map(line).collect()
}

/// All of them; a new one stops the build in [`about_model`].
const MODELS: [ModelKind; 15] = [
    ModelKind::Register,
    ModelKind::CasRegister,
    ModelKind::KeyValue,
    ModelKind::Set,
    ModelKind::AppendList,
    ModelKind::Mutex,
    ModelKind::MultiRegister,
    ModelKind::FifoQueue,
    ModelKind::Stack,
    ModelKind::PriorityQueue,
    ModelKind::ElementSet,
    ModelKind::OwnedMutex,
    ModelKind::FencedMutex,
    ModelKind::Counter,
    ModelKind::VersionedRegister,
];

const fn about_model(model: ModelKind) -> Line {
    let (name, summary) = match model {
        ModelKind::Register => ("register", "read and write; nil at first"),
        ModelKind::CasRegister => ("cas-register", "read, write and compare-and-set; nil at first"),
        ModelKind::KeyValue => ("key-value", "get, put, append and delete of text by key"),
        ModelKind::Set => ("set", "add an element, read all"),
        ModelKind::AppendList => ("append-list", "append an element, read the list"),
        ModelKind::Mutex => ("mutex", "acquire and release, without an owner"),
        ModelKind::MultiRegister => {
            ("multi-register", "transactions of reads and writes over several registers")
        }
        ModelKind::FifoQueue => ("fifo-queue", "enqueue an element, dequeue the oldest"),
        ModelKind::Stack => ("stack", "push an element, pop the newest"),
        ModelKind::PriorityQueue => ("priority-queue", "insert a whole number, delete the least"),
        ModelKind::ElementSet => {
            ("element-set", "add, remove and contains of single elements, answering true or false")
        }
        ModelKind::OwnedMutex => ("owned-mutex", "acquire and release by the same process"),
        ModelKind::FencedMutex => {
            ("fenced-mutex", "an owned lock whose acquire answers a growing fencing token")
        }
        ModelKind::Counter => ("counter", "add, increment, add-and-get and read of a number"),
        ModelKind::VersionedRegister => {
            ("versioned-register", "a key with revisions: get, put, cas, cas-revision, delete")
        }
    };
    Line { name, summary }
}

fn models() -> Vec<Line> {
    MODELS.map(about_model).into()
}

fn block(title: &str, lines: Vec<(&str, String)>) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = lines.into_iter().map(|(name, about)| format!("\n  {name:width$}  {about}"));
    format!("{title}{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugs::Bug;

    #[test]
    fn models_are_listed_under_the_names_that_check_takes() {
        for model in MODELS {
            let name = serde_json::to_value(model).unwrap();
            assert_eq!(name.as_str(), Some(about_model(model).name));
        }
    }

    #[test]
    fn everything_is_listed_unless_one_thing_is_asked_for() {
        let all = Listing::of(None, false).for_people();
        for title in [
            "Workloads (",
            "Faults (",
            "Models (",
            "Properties (",
            "Consistency models",
            "Built-in bugs (",
        ] {
            assert!(all.contains(title), "{title} in {all}");
        }
        let bugs = Listing::of(Some(What::Bugs), false);
        assert!(!bugs.for_people().contains("Workloads"));
        assert_eq!(bugs.for_people().lines().count(), 1 + Bug::COUNT + 1);
        let json = serde_json::to_value(&bugs).unwrap();
        assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["bugs"]);
        assert!(json["bugs"][0]["id"].is_string() && json["bugs"][0]["trigger"].is_string());
        let all = Listing::of(Some(What::Bugs), true);
        assert_eq!(all.for_people().lines().count(), 1 + Bug::COUNT + 2 + bugs::missing().len());
        let json = serde_json::to_value(&all).unwrap();
        assert!(json["bugs_not_built"][0]["waits_for"].is_string());
    }

    #[test]
    fn faults_are_listed_with_who_can_carry_them_out() {
        let faults = Listing::of(Some(What::Faults), false);
        let text = faults.for_people();
        let (both, simulated) = text.split_once("\n\nFaults that only the simulator has").unwrap();
        assert!(both.contains("  kill-leader  ") && !both.contains("  crash-leader  "), "{text}");
        assert!(simulated.contains("  crash-leader  "), "{text}");
        let json = serde_json::to_value(&faults).unwrap();
        let backend = |name: &str| {
            let lines = json["faults"].as_array().unwrap();
            lines.iter().find(|line| line["name"] == name).unwrap()["backend"].clone()
        };
        assert_eq!((backend("all"), backend("sim")), ("both".into(), "simulator-only".into()));
        assert_eq!(backend("wipe-log"), "simulator-only");
    }
}
