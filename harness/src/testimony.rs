//! What nodes say of themselves in their logs, and what of it no correct node would say.
//!
//! Clients see little of an election. The bundled node writes each step of one into its log: that it asks whether it could
//! win, campaigns, leads, follows. Two nodes that were elected in one term are a broken promise even if no client was there
//! to be lied to; so these lines are evidence, like a history.
//!
//! Only lines about roles count, and only what follows from a node's own order of lines, or from terms. Clocks are compared in
//! one place (`waits`), each with itself. A line that is torn or of somebody else is passed over: a log
//! without lines about roles says nothing, and accuses nobody.
//!
//! **Owns** the reading of these lines and what they prove. **Refuses to own** the words: those are the node's.

mod elections;
mod waits;

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::finding::{Finding, Oracle};

/// What a node says about its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The process begins to work.
    Started,
    /// It heard no leader and asks whether it could win an election.
    Asks,
    /// It stands for election.
    Campaigns,
    /// It leads.
    Elected,
    /// It leads no more.
    SteppedDown,
    /// It follows somebody.
    Follows,
    /// It knows no leader.
    Alone,
}

/// Who said what, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    /// From 0.
    node: usize,
    /// Microseconds since the first line of any log.
    at: u64,
    term: u64,
    word: Word,
}

/// What the nodes of a run said, in the order of time; of one node, in the order of its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Testimony {
    said: Vec<Said>,
}

/// A line of a log, as far as it matters.
#[derive(Deserialize)]
struct LogLine {
    time: String,
    term: u64,
    message: String,
}

impl Testimony {
    /// Reads the logs of so many nodes: `n1/log.jsonl`, `n2/log.jsonl`... below `folder`. A log that is not there is empty.
    pub fn read(folder: &Path, nodes: usize) -> io::Result<Self> {
        let mut logs = Vec::new();
        for node in 1..=nodes {
            match fs::read(folder.join(format!("n{node}/log.jsonl"))) {
                Ok(log) => logs.push(log),
                Err(error) if error.kind() == io::ErrorKind::NotFound => logs.push(Vec::new()),
                Err(error) => return Err(error),
            }
        }
        Ok(Self::of(&logs))
    }

    /// What stands in these logs, by node.
    fn of(logs: &[Vec<u8>]) -> Self {
        let mut lines: Vec<(i64, usize, LogLine)> = Vec::new();
        for (node, log) in logs.iter().enumerate() {
            let own = log.split(|byte| *byte == b'\n');
            lines.extend(own.filter_map(|line| {
                let line: LogLine = serde_json::from_slice(line).ok()?;
                let time: jiff::Timestamp = line.time.parse().ok()?;
                Some((time.as_microsecond(), node, line))
            }));
        }
        // Stable, so that lines of one node stay in order.
        lines.sort_by_key(|(time, ..)| *time);
        let begin = lines.first().map_or(0, |(time, ..)| *time);
        let said = lines.into_iter().filter_map(|(time, node, line)| {
            let at = u64::try_from(time - begin).unwrap_or_default();
            Some(Said { node, at, term: line.term, word: Word::of(&line.message)? })
        });
        Self { said: said.collect() }
    }

    /// How often somebody was elected.
    pub fn elections(&self) -> usize {
        self.said.iter().filter(|said| said.word == Word::Elected).count()
    }

    /// What no correct cluster says, the first first. `election_timeout`: the nodes' base.
    pub fn findings(&self, election_timeout: Duration) -> Vec<Finding> {
        let mut found = elections::judge(&self.said);
        found.extend(waits::judge(&self.said, election_timeout));
        found.sort_by_key(|finding| finding.at);
        found
    }
}

impl Word {
    /// What a message of the node's log says about its role.
    fn of(message: &str) -> Option<Self> {
        Some(match message {
            "started" => Self::Started,
            "heard no leader: asking for pre-votes" => Self::Asks,
            "campaigning" => Self::Campaigns,
            "elected: this node leads" => Self::Elected,
            "stepped down" => Self::SteppedDown,
            "following" => Self::Follows,
            "no leader known" => Self::Alone,
            _ => return None,
        })
    }
}

/// A finding about the lines up to one.
fn finding(invariant: &str, said: &Said, what: String) -> Finding {
    Finding { oracle: Oracle::Invariant(invariant.to_owned()), at: said.at * 1_000, what }
}

#[cfg(test)]
mod tests;
