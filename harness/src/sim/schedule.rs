//! A run as text that can be replayed: everything that was drawn, and everything that was done, with nothing left to choose.
//!
//! ```text
//! # Settings first, one a line; what is not said is as in a calm run.
//! seed 4711
//! nodes 3
//! node.election-timeout 150ms
//! weather.loss 2%
//! # Then strikes: from when, for how long, what to whom, and for which planned fault, if any.
//! at 1.204s for 800ms links n1>n2 n2>n1 cut fault 12
//! at 2s for 300ms crash n2 torn 7
//! # Then what clients leave out: all, or the operations at some places, both ends included; and where the run ends.
//! omit c3
//! omit c1 #12..#40
//! omit c2 #7..
//! end 6.2s
//! ```
//!
//! **Owns** the grammar, in both directions. **Refuses to own** what the words mean ([`super::act`], [`super::plan`]).
//!
//! Invariants: what is printed is parsed to the same again; what is parsed cannot break the world: nodes are there, spans do
//! not overflow. A comment begins with a word that begins with `#`, unless a digit follows: that is a place.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::act::{Act, Strike};
use super::heap::Moment;
use super::plan::{Omitted, SimPlan};
use words::{Words, Wrong};

mod settings;
mod strikes;
mod words;

/// A run that can be repeated.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// What was drawn. Nothing is drawn from its faults any more.
    pub(super) plan: SimPlan,
    /// What is done. A strike that is over before it begins is over at once.
    pub(super) strikes: Vec<Strike>,
    /// When the run is stopped, if it is: nothing is healed, nothing is read any more.
    pub(super) end: Option<Moment>,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}; expected {expected}")]
pub struct ScheduleError {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub expected: String,
}

/// What is done, in the words of a schedule.
pub(super) fn spell_act(act: &Act) -> String {
    strikes::Spelt(act).to_string()
}

impl fmt::Display for Schedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        settings::print(&self.plan, out)?;
        for strike in &self.strikes {
            strikes::print(strike, out)?;
        }
        for Omitted { client, operations } in &self.plan.omitted {
            write!(out, "omit c{client}")?;
            if let Some(places) = operations {
                write!(out, " #{}", places.start())?;
                match *places.end() {
                    u64::MAX => write!(out, "..")?,
                    end if end > *places.start() => write!(out, "..#{end}")?,
                    _ => {}
                }
            }
            writeln!(out)?;
        }
        match self.end {
            None => Ok(()),
            Some(end) => writeln!(out, "end {}", words::span(end)),
        }
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut reader = Reader {
            schedule: Self { plan: SimPlan::calm(0, 3), strikes: Vec::new(), end: None },
            said: BTreeSet::new(),
            settled: false,
        };
        let mut last = 0;
        for (line, content) in (1..).zip(text.lines()) {
            last = line;
            reader.line(content).map_err(|wrong| wrong.at(line))?;
        }
        reader.settle().map_err(|wrong| wrong.at(last + 1))?;
        Ok(reader.schedule)
    }
}

struct Reader<'a> {
    schedule: Schedule,
    /// Settings so far, and `end`.
    said: BTreeSet<&'a str>,
    /// Whether there can be no settings any more.
    settled: bool,
}

impl<'a> Reader<'a> {
    fn line(&mut self, content: &'a str) -> Result<(), Wrong> {
        let mut words = Words::of(content);
        let Some(first) = words.peek() else { return Ok(()) };
        match first {
            "at" => {
                self.settle()?;
                let strike = strikes::parse(&mut words, self.schedule.plan.nodes)?;
                self.schedule.strikes.push(strike);
            }
            "omit" => {
                self.settle()?;
                let omitted = omitted(&mut words, self.schedule.plan.clients)?;
                self.schedule.plan.omitted.push(omitted);
            }
            "end" => {
                self.settle()?;
                self.once("end")?;
                words.next("")?;
                self.schedule.end = Some(words.span("when the run ends")?);
            }
            name => self.setting(name, &mut words)?,
        }
        words.end()
    }

    fn setting(&mut self, name: &'a str, words: &mut Words<'_>) -> Result<(), Wrong> {
        let Some(mut slot) = settings::slot(&mut self.schedule.plan, name) else {
            let expected = "a setting, \"at\", \"omit\" or \"end\"";
            return Err(Wrong::new(format!("there is no {name:?}"), expected));
        };
        if self.settled {
            let what = format!("{name:?} comes too late");
            return Err(Wrong::new(what, "all settings before anything else"));
        }
        words.next("")?;
        slot.parse(words)?;
        self.once(name)
    }

    fn once(&mut self, name: &'a str) -> Result<(), Wrong> {
        if self.said.insert(name) {
            return Ok(());
        }
        Err(Wrong::new(format!("{name:?} has been said before"), "it once"))
    }

    /// There are no settings any more.
    fn settle(&mut self) -> Result<(), Wrong> {
        if std::mem::replace(&mut self.settled, true) {
            return Ok(());
        }
        for needed in ["seed", "nodes"] {
            if !self.said.contains(needed) {
                let what = format!("nobody said {needed:?}");
                return Err(Wrong::new(what, &format!("\"{needed} NUMBER\" above")));
            }
        }
        settings::check(&self.schedule.plan)
    }
}

fn omitted(words: &mut Words<'_>, clients: usize) -> Result<Omitted, Wrong> {
    words.next("")?;
    let expected = format!("a client, c0 to c{}", clients.saturating_sub(1));
    let client = words.map(&expected, |word| {
        let number: usize = words::whole(word.strip_prefix('c')?)?;
        (number < clients).then_some(number)
    })?;
    let Some(_) = words.peek() else { return Ok(Omitted { client, operations: None }) };
    let operations = words.map("places, as #12..#40, #12 or #12..", |word| {
        let (first, last) = word.split_once("..").unwrap_or((word, word));
        let place = |word: &str| words::whole(word.strip_prefix('#')?);
        let first = place(first)?;
        let last = if last.is_empty() { u64::MAX } else { place(last)? };
        (first <= last).then_some(first..=last)
    })?;
    Ok(Omitted { client, operations: Some(operations) })
}

#[cfg(test)]
mod tests;
