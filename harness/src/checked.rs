//! What `rashomon check` found in a file: the same for the terminal, for programs and for the page.
//!
//! A file is held against one or more things that are [`Asked`]; each answer is [`Found`], or else [`Trouble`] says why
//! there is none. The verdict on the file is the worst of its answers.

use rashomon_checker::Value;
use rashomon_checker::check::{CheckReport, EngineUse, ModelKind, Validity};
use rashomon_checker::properties::{PropertyKind, PropertyReport};
use rashomon_checker::transactions::{Consistency, TransactionReport};

use serde::Serialize;

use crate::codec::InputFormat;

/// A file after all checks that were asked for.
#[derive(Debug, Clone)]
pub struct CheckedFile {
    /// As it was named by whoever asked.
    pub name: String,
    /// What it was read as; `None` if it could not be read.
    pub format: Option<InputFormat>,
    /// Operations in it.
    pub operations: usize,
    /// Those of unknown outcome.
    pub crashed: usize,
    /// What a person should know, one sentence each.
    pub warnings: Vec<String>,
    /// In the order in which they were made.
    pub checks: Vec<Checked>,
    /// Why it could not be checked at all.
    pub trouble: Option<Trouble>,
    /// How far it was read, if it was judged while it was read.
    pub streamed: Option<Streamed>,
}

/// How far a history was read that was judged at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Streamed {
    /// Events that were judged.
    pub events: u64,
    /// Whether these are all.
    pub whole: bool,
    /// What ended it, if it became impossible.
    pub violation: Option<StreamedViolation>,
}

/// Where a history became impossible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamedViolation {
    /// Position of the event that made it certain, from 0.
    pub event: u64,
    /// Its line, from 1.
    pub line: u64,
    /// The object, if it has a name.
    pub key: Option<String>,
    /// In words.
    pub sentence: String,
}

/// One check of a file.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What had to hold.
    pub asked: Asked,
    /// How long it took.
    pub seconds: f64,
    /// Whether it does.
    pub outcome: Result<Found, Trouble>,
}

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Linearizability with respect to a model.
    Model(ModelKind),
    /// Another property.
    Property(PropertyKind),
    /// A consistency model of transactions.
    Transactions(Consistency),
}

/// What a check found.
#[derive(Debug, Clone)]
pub enum Found {
    /// About linearizability, with the value that registers started with.
    Model(Value, CheckReport),
    /// About a property.
    Property(PropertyReport),
    /// About transactions.
    Transactions(TransactionReport),
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The file or the arguments do not fit.
    Input(String),
    /// The checker failed.
    Internal(String),
    /// A limit ended it before anything could be judged.
    Limit(String),
}

impl Trouble {
    /// In words.
    pub fn text(&self) -> &str {
        match self {
            Self::Input(text) | Self::Internal(text) | Self::Limit(text) => text,
        }
    }
}

impl Asked {
    /// The kind of check, for programs.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Model(_) => "model",
            Self::Property(_) => "property",
            Self::Transactions(_) => "consistency",
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model(model) => model.name(),
            Self::Property(property) => property.name(),
            Self::Transactions(consistency) => consistency.name(),
        }
    }
}

impl Found {
    /// The verdict.
    pub fn validity(&self) -> Validity {
        match self {
            Self::Model(_, report) => report.validity,
            Self::Property(report) => report.validity,
            Self::Transactions(report) => report.validity,
        }
    }

    /// Why it is unknown, or a sentence on what is wrong.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Model(_, report) => report.reason.as_deref(),
            Self::Property(report) => report.reason.as_deref(),
            Self::Transactions(report) => report.reason.as_deref(),
        }
    }

    /// Says why the check was told to stop, if it was.
    pub fn name_the_stop(&mut self, cause: &str) {
        match self {
            Self::Model(_, report) => report.name_the_stop(cause),
            Self::Property(report) => report.name_the_stop(cause),
            Self::Transactions(report) => report.name_the_stop(cause),
        }
    }

    /// Takes a verdict back: the history says nothing.
    pub fn make_unknown(&mut self, why: &str) {
        let (validity, reason) = match self {
            Self::Model(_, report) => (&mut report.validity, &mut report.reason),
            Self::Property(report) => (&mut report.validity, &mut report.reason),
            Self::Transactions(report) => (&mut report.validity, &mut report.reason),
        };
        *validity = Validity::Unknown;
        *reason = Some(why.to_owned());
    }

    /// Who decided, and why nobody quicker did: `frontier search (a value is written twice)`.
    pub fn decided_by(&self) -> String {
        match self {
            Self::Model(_, report) => deciders(&report.engines, report.keys),
            Self::Transactions(report) if report.proven => "dependencies, proven".to_owned(),
            Self::Property(_) | Self::Transactions(_) => self.decided_by_whom(),
        }
    }

    /// Who decided, without reasons: `frontier search`.
    pub fn decided_by_whom(&self) -> String {
        match self {
            Self::Model(_, report) => {
                let mut names: Vec<&str> = report.engines.iter().map(name_of).collect();
                names.dedup();
                names.join(", ")
            }
            Self::Property(_) => "a check of its own".to_owned(),
            Self::Transactions(_) => "dependencies".to_owned(),
        }
    }
}

impl Checked {
    /// The verdict; none is unknown.
    pub fn validity(&self) -> Validity {
        self.outcome.as_ref().map_or(Validity::Unknown, Found::validity)
    }

    /// Why there is no verdict, why it is unknown, or a sentence on what is wrong.
    pub fn reason(&self) -> Option<&str> {
        match &self.outcome {
            Ok(found) => found.reason(),
            Err(trouble) => Some(trouble.text()),
        }
    }
}

impl CheckedFile {
    /// One that was not looked at yet.
    pub fn unread(name: String) -> Self {
        Self {
            name,
            format: None,
            operations: 0,
            crashed: 0,
            warnings: Vec::new(),
            checks: Vec::new(),
            trouble: None,
            streamed: None,
        }
    }

    /// The worst of all verdicts: invalid, then unknown, then valid.
    pub fn validity(&self) -> Validity {
        self.deciding().map_or(Validity::Unknown, Checked::validity)
    }

    /// The reason for that.
    pub fn reason(&self) -> Option<&str> {
        match &self.trouble {
            Some(trouble) => Some(trouble.text()),
            None => self.deciding().and_then(Checked::reason),
        }
    }

    /// Seconds that all checks took.
    pub fn seconds(&self) -> f64 {
        self.checks.iter().map(|check| check.seconds).sum()
    }

    /// The first check with the worst verdict.
    fn deciding(&self) -> Option<&Checked> {
        [Validity::Invalid, Validity::Unknown, Validity::Valid]
            .into_iter()
            .find_map(|worst| self.checks.iter().find(|check| check.validity() == worst))
    }
}

fn name_of(used: &EngineUse) -> &str {
    match used.engine.as_str() {
        "frontier" => "frontier search",
        "wgl" => "tree search",
        other => other,
    }
}

/// `decider`, or `frontier search (a value is written twice)`; of several, each with the keys that it judged.
fn deciders(engines: &[EngineUse], keys: usize) -> String {
    let one = |used: &EngineUse| {
        let name = name_of(used);
        let share = if engines.len() > 1 || used.keys < keys {
            Some(format!("{} of {keys} keys", used.keys))
        } else {
            None
        };
        let notes: Vec<&str> =
            [share.as_deref(), used.why.as_deref()].into_iter().flatten().collect();
        if notes.is_empty() { name.to_owned() } else { format!("{name} ({})", notes.join(": ")) }
    };
    if engines.is_empty() {
        return "nobody".to_owned();
    }
    engines.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(engine: &str, why: Option<&str>, keys: usize) -> EngineUse {
        let used =
            serde_json::json!({ "engine": engine, "why": why, "keys": keys, "operations": 0 });
        serde_json::from_value(used).unwrap()
    }

    #[test]
    fn who_decided_is_told_with_the_reason() {
        let twice = Some("a value is written twice");
        assert_eq!(deciders(&[used("decider", None, 1)], 1), "decider");
        assert_eq!(
            deciders(&[used("frontier", twice, 1)], 1),
            "frontier search (a value is written twice)"
        );
        assert_eq!(
            deciders(&[used("decider", None, 4), used("wgl", twice, 1)], 5),
            "decider (4 of 5 keys), tree search (1 of 5 keys: a value is written twice)"
        );
        assert_eq!(deciders(&[], 0), "nobody");
    }

    #[test]
    fn the_worst_check_speaks_for_the_file() {
        let check = |outcome| Checked {
            asked: Asked::Model(ModelKind::Register),
            seconds: 0.5,
            outcome: Err(Trouble::Input(outcome)),
        };
        let mut file = CheckedFile::unread("h".to_owned());
        assert_eq!((file.validity(), file.reason()), (Validity::Unknown, None));
        file.checks = vec![check("a".to_owned()), check("b".to_owned())];
        assert_eq!((file.validity(), file.reason()), (Validity::Unknown, Some("a")));
        assert!((file.seconds() - 1.0).abs() < 1e-9);
    }
}
