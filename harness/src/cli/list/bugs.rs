//! The built-in bugs, and what of their catalogue is not built.

use serde::Serialize;

use super::catches::{self, Catch, Rate};
use crate::bugs::{About, Bug, Bugs, CATALOGUE, Entry};

/// All that is known of a bug.
#[derive(Debug, Serialize)]
pub(super) struct BugLine {
    pub(super) name: &'static str,
    pub(super) id: &'static str,
    /// E, M, H or VH: easy, medium, hard or very hard to see from outside.
    class: &'static str,
    family: &'static str,
    summary: &'static str,
    origin: &'static str,
    visible: &'static str,
    trigger: &'static str,
    harm: &'static str,
    reach: &'static str,
    faults: &'static [&'static str],
    nodes: u8,
    workload: &'static str,
    /// The arguments of `run` that catch it, if that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    caught_by: Option<&'static str>,
    /// How often they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    caught: Option<Rate>,
}

/// A bug of the catalogue that cannot be switched on.
#[derive(Debug, Serialize)]
pub(super) struct MissingLine {
    pub(super) name: &'static str,
    id: &'static str,
    waits_for: &'static str,
}

/// Those that can be switched on.
pub(super) fn built() -> Vec<BugLine> {
    Bug::ALL.map(|bug| BugLine::new(bug.about(), catches::catch(bug))).into()
}

/// Those that cannot.
pub(super) fn missing() -> Vec<MissingLine> {
    let line = |entry: &Entry| {
        let Entry { id, name, waits_for } = *entry;
        Some(MissingLine { name, id, waits_for: waits_for? })
    };
    CATALOGUE.iter().filter_map(line).collect()
}

/// The title over the bugs.
pub(super) const fn title() -> &'static str {
    if Bugs::COMPILED_IN {
        "Built-in bugs (run --bug), with how hard each is to see: easy, medium, hard, very hard"
    } else {
        "Built-in bugs (left out of this program: it was built with the feature no-bugs)"
    }
}

impl BugLine {
    fn new(about: &'static About, catch: Option<Catch>) -> Self {
        Self {
            name: about.name,
            id: about.id,
            class: about.class.letters(),
            family: about.family.name(),
            summary: about.summary,
            origin: about.origin,
            visible: about.visible,
            trigger: about.trigger,
            harm: about.harm.name(),
            reach: about.reach.name(),
            faults: about.faults,
            nodes: about.nodes,
            workload: about.workload,
            caught_by: catch.map(|catch| catch.arguments),
            caught: catch.map(|catch| catch.rate),
        }
    }

    pub(super) fn for_people(&self) -> String {
        let Self { id, class, summary, .. } = self;
        let caught = match (self.caught_by, self.caught) {
            (Some(arguments), Some(rate)) => format!("; caught by: run {arguments} ({rate})"),
            _ => String::new(),
        };
        format!("{id} {class:2} {summary}{caught}")
    }
}

impl MissingLine {
    pub(super) fn for_people(&self) -> String {
        format!("{} waits for {}", self.id, self.waits_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nemesis;

    #[test]
    fn what_catches_a_bug_switches_it_on() {
        for BugLine { name, caught_by, .. } in built() {
            let Some(arguments) = caught_by else { continue };
            assert!(format!("{arguments} ").contains(&format!("--bug {name} ")), "{arguments}");
        }
    }

    /// Whoever reads the table can type what it says.
    #[test]
    fn rows_name_faults_and_workloads_that_a_run_takes() {
        let workloads: Vec<&str> = rashomon_workloads::all().iter().map(|it| it.name()).collect();
        let faults: Vec<&str> = nemesis::all_faults().iter().map(|fault| fault.name).collect();
        for bug in built() {
            assert!(workloads.contains(&bug.workload), "{}: {}", bug.name, bug.workload);
            if bug.reach == "process" {
                let strange = bug.faults.iter().find(|fault| !faults.contains(fault));
                assert_eq!(strange, None, "{}", bug.name);
            }
        }
    }

    #[test]
    fn built_and_missing_are_the_whole_catalogue() {
        assert_eq!(built().len() + missing().len(), CATALOGUE.len());
        assert!(
            missing().iter().any(|line| line.for_people() == "M05 waits for membership changes")
        );
    }
}
