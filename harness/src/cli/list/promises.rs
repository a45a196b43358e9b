//! What `check --property` and `check --consistency` know.

use rashomon_checker::properties::PropertyKind;
use rashomon_checker::transactions::{Anomaly, Consistency};
use serde::Serialize;

use crate::cli::check::ask;

/// A property with its options and with the operations it understands.
#[derive(Debug, Serialize)]
pub(super) struct PropertyLine {
    pub(super) name: &'static str,
    summary: &'static str,
    options: Vec<OptionLine>,
    shapes: &'static [&'static str],
}

/// What a property can be told.
#[derive(Debug, Serialize)]
struct OptionLine {
    option: &'static str,
    summary: &'static str,
}

/// A consistency model of transactions.
#[derive(Debug, Serialize)]
pub(super) struct ConsistencyLine {
    pub(super) name: &'static str,
    summary: &'static str,
    /// Anomalies that it forbids and no weaker model does; those that are special cases of these are left out.
    forbids: Vec<String>,
    /// The models next below: what they forbid, it does too.
    implies: Vec<&'static str>,
}

/// All properties.
pub(super) fn properties() -> Vec<PropertyLine> {
    let line = |kind: PropertyKind| {
        let options = ask::options_of(kind).iter();
        PropertyLine {
            name: kind.name(),
            summary: kind.summary(),
            options: options.map(|(option, summary)| OptionLine { option, summary }).collect(),
            shapes: kind.shapes(),
        }
    };
    PropertyKind::ALL.into_iter().map(line).collect()
}

/// All consistency models, weaker ones first.
pub(super) fn consistency() -> Vec<ConsistencyLine> {
    let line = |model: Consistency| ConsistencyLine {
        name: model.name(),
        summary: summary(model),
        forbids: forbids(model).iter().map(Anomaly::to_string).collect(),
        implies: next_below(model).into_iter().map(Consistency::name).collect(),
    };
    Consistency::ALL.into_iter().map(line).collect()
}

impl PropertyLine {
    pub(super) fn for_people(&self) -> String {
        let options: Vec<&str> = self.options.iter().map(|line| line.option).collect();
        match options.as_slice() {
            [] => self.summary.to_owned(),
            some => format!("{}; options: {}", self.summary, some.join(", ")),
        }
    }
}

impl ConsistencyLine {
    pub(super) fn for_people(&self) -> String {
        let mut forbidden = Vec::new();
        if !self.forbids.is_empty() {
            forbidden.push(self.forbids.join(", "));
        }
        if !self.implies.is_empty() {
            forbidden.push(format!("what {} forbids", self.implies.join(" or ")));
        }
        format!("{}; forbids {}", self.summary, forbidden.join(", and "))
    }
}

/// What this model adds to the weaker ones, without special cases.
fn forbids(model: Consistency) -> Vec<Anomaly> {
    let below: Vec<Consistency> = all_below(model).collect();
    let added: Vec<Anomaly> = Anomaly::all()
        .filter(|anomaly| model.forbids(*anomaly))
        .filter(|anomaly| !below.iter().any(|weaker| weaker.forbids(*anomaly)))
        .collect();
    let special = |one: &Anomaly| added.iter().any(|other| one != other && one.implies(*other));
    added.iter().copied().filter(|anomaly| !special(anomaly)).collect()
}

fn all_below(model: Consistency) -> impl Iterator<Item = Consistency> {
    Consistency::ALL.into_iter().filter(move |other| *other != model && model.implies(*other))
}

/// Those of the weaker models that none of the others implies.
fn next_below(model: Consistency) -> Vec<Consistency> {
    let below: Vec<Consistency> = all_below(model).collect();
    let covered = |one: &Consistency| below.iter().any(|other| other != one && other.implies(*one));
    below.iter().copied().filter(|one| !covered(one)).collect()
}

const fn summary(model: Consistency) -> &'static str {
    match model {
        Consistency::ReadUncommitted => "writes of different transactions do not interleave",
        Consistency::StrongSessionReadUncommitted => {
            "read-uncommitted in an order that agrees with each process"
        }
        Consistency::StrongReadUncommitted => "read-uncommitted in an order that agrees with time",
        Consistency::ReadCommitted => "reads see only what committed, as it was left",
        Consistency::StrongSessionReadCommitted => {
            "read-committed in an order that agrees with each process"
        }
        Consistency::StrongReadCommitted => "read-committed in an order that agrees with time",
        Consistency::ReadAtomic => "a transaction does not contradict itself",
        Consistency::CursorStability => "what was read and is then written did not change between",
        Consistency::ConsistentView => "all reads see one state that was there at once",
        Consistency::ParallelSnapshotIsolation => "snapshots that sites may order differently",
        Consistency::RepeatableRead => "serializable but for predicates",
        Consistency::SnapshotIsolation => {
            "reads from a snapshot; no two at once write the same object"
        }
        Consistency::StrongSessionSnapshotIsolation => {
            "snapshot-isolation in an order that agrees with each process"
        }
        Consistency::StrongSnapshotIsolation => {
            "snapshot-isolation in an order that agrees with time"
        }
        Consistency::Serializable => "as if one transaction ran after the other",
        Consistency::StrongSessionSerializable => {
            "serializable in an order that agrees with each process"
        }
        Consistency::StrictSerializable => "serializable in an order that agrees with time",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_says_what_it_adds() {
        let lines = consistency();
        let line = |name: &str| lines.iter().find(|line| line.name == name).unwrap();
        assert_eq!(line("read-uncommitted").forbids, ["garbage-read", "duplicate-elements", "G0"]);
        assert_eq!(line("strict-serializable").implies.len(), 2);
        for line in &lines {
            let says_something = !line.forbids.is_empty() || line.implies.len() > 1;
            assert!(says_something, "{line:?}");
            assert!(!line.for_people().ends_with("forbids "), "{line:?}");
        }
    }
}
