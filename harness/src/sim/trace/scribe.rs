//! Writes down what happens in a world, as long as somebody wants to read it.

use std::collections::BTreeMap;

use rashomon_node::raft::{Message, Payload, Role};

use super::story::{Fate, Kind, Lane, Line, What};
use crate::proxy::{Endpoint, Link};
use crate::sim::heap::Moment;

/// So many lines are kept at least; older ones go.
const LINES_MIN: usize = 20_000;

/// Looks on and writes.
#[derive(Debug)]
pub(in crate::sim) struct Scribe {
    /// Nothing is written down after this.
    until: Moment,
    lines: Vec<Line>,
    /// How many lines have gone.
    gone: usize,
    nodes: Vec<Look>,
    /// What was said on each link: the commit index, and how far the log matches.
    said: BTreeMap<Link, (u64, u64)>,
}

/// How a node looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) struct Look {
    /// What its process does.
    pub(in crate::sim) state: State,
    /// How many processes there have been; that the first one starts is no news.
    pub(in crate::sim) life: u64,
    pub(in crate::sim) role: Role,
    pub(in crate::sim) term: u64,
    pub(in crate::sim) durable: u64,
    pub(in crate::sim) applied: u64,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) enum State {
    Down,
    Starts,
    Works,
    Paused,
    Broken,
}

impl Scribe {
    /// Begins with nothing written, and ends after a moment.
    pub(in crate::sim) fn new(nodes: usize, until: Moment) -> Self {
        let nodes = vec![Look::DOWN; nodes];
        Self { until, lines: Vec::new(), gone: 0, nodes, said: BTreeMap::new() }
    }

    /// Everything that was written.
    pub(in crate::sim) fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    /// A letter leaves. Its number, to say what became of it.
    pub(in crate::sim) fn sent(
        &mut self,
        at: Moment,
        link: Link,
        message: &Message,
        fate: Fate,
    ) -> Option<usize> {
        let (Endpoint::Node(from), Endpoint::Node(to)) = (link.from, link.to) else { return None };
        let is_routine = self.is_routine(link, message);
        let text = spell(message);
        let what = What::Letter { to, fate, text, is_routine };
        self.write(Line { at, lane: Some(Lane::Node(from)), what })
    }

    /// What became of the letter with this number.
    pub(in crate::sim) fn came(&mut self, number: usize, to: Fate) {
        let place = number.checked_sub(self.gone);
        if let Some(Line { what: What::Letter { fate, .. }, .. }) =
            place.and_then(|place| self.lines.get_mut(place))
        {
            *fate = to;
        }
    }

    /// Something is done to the cluster.
    pub(in crate::sim) fn struck(&mut self, at: Moment, text: String) {
        self.write(Line { at, lane: None, what: What::Strike(text) });
    }

    /// A node may have changed.
    pub(in crate::sim) fn look(&mut self, at: Moment, node: usize, look: Look) {
        let before = std::mem::replace(&mut self.nodes[node], look);
        let mut turn = |text: String, kind| {
            self.write(Line { at, lane: Some(Lane::Node(node)), what: What::Turn { text, kind } });
        };
        if before.state != look.state && look.life > 1 {
            turn(look.state.after(before.state).to_owned(), look.state.kind());
        }
        if !matches!(look.state, State::Works) || !matches!(before.state, State::Works) {
            return;
        }
        if (before.role, before.term) != (look.role, look.term) {
            turn(format!("{}, term {}", look.role.name(), look.term), Kind::Role);
        }
        if look.durable > before.durable {
            turn(format!("durable: {}", range(before.durable, look.durable)), Kind::Log);
        }
        if look.applied > before.applied {
            turn(format!("applied: {}", range(before.applied, look.applied)), Kind::Log);
        }
    }

    fn write(&mut self, line: Line) -> Option<usize> {
        if line.at > self.until {
            return None;
        }
        if self.lines.len() >= 2 * LINES_MIN {
            self.lines.drain(..LINES_MIN);
            self.gone += LINES_MIN;
        }
        self.lines.push(line);
        Some(self.gone + self.lines.len() - 1)
    }

    /// Whether a message says nothing that was not said on its link before.
    fn is_routine(&mut self, link: Link, message: &Message) -> bool {
        let said = self.said.entry(link).or_default();
        match &message.payload {
            Payload::AppendRequest { entries, commit, .. } => {
                let new = commit.0 > said.0;
                said.0 = said.0.max(commit.0);
                entries.is_empty() && !new
            }
            Payload::AppendAccepted { matched, .. } => {
                let new = matched.0 > said.1;
                said.1 = said.1.max(matched.0);
                !new
            }
            _ => false,
        }
    }
}

impl Look {
    /// No process yet.
    pub(in crate::sim) const DOWN: Self =
        Self { state: State::Down, life: 0, role: Role::Follower, term: 0, durable: 0, applied: 0 };
}

impl State {
    const fn kind(self) -> Kind {
        match self {
            Self::Starts | Self::Works => Kind::Life,
            Self::Down | Self::Paused | Self::Broken => Kind::Death,
        }
    }

    /// What happened when this comes after that.
    const fn after(self, before: Self) -> &'static str {
        match (self, before) {
            (Self::Down, _) => "dies",
            (Self::Starts, _) => "starts",
            (Self::Works, Self::Paused) => "goes on",
            (Self::Works, _) => "is up",
            (Self::Paused, _) => "stands still",
            (Self::Broken, _) => "breaks",
        }
    }
}

/// The numbers after one, up to another.
fn range(after: u64, to: u64) -> String {
    if to == after + 1 { format!("{to}") } else { format!("{}..{to}", after + 1) }
}

/// A message in a few words.
fn spell(message: &Message) -> String {
    let term = message.term;
    let answer = |granted: &bool| if *granted { "yes" } else { "no" };
    match &message.payload {
        Payload::PreVoteRequest { last_index, last_term } => {
            format!("pre-vote? t{term}, log to {last_index} (t{last_term})")
        }
        Payload::PreVoteResponse { granted } => format!("pre-vote {} t{term}", answer(granted)),
        Payload::VoteRequest { last_index, last_term } => {
            format!("vote? t{term}, log to {last_index} (t{last_term})")
        }
        Payload::VoteResponse { granted } => format!("vote {} t{term}", answer(granted)),
        Payload::AppendRequest { prev_index, entries, commit, .. } if entries.is_empty() => {
            format!("heartbeat t{term}, after {prev_index}, commit {commit}")
        }
        Payload::AppendRequest { prev_index, entries, commit, .. } => {
            let last = prev_index.0 + entries.len() as u64;
            format!("append {} t{term}, commit {commit}", range(prev_index.0, last))
        }
        Payload::AppendAccepted { matched, .. } => format!("has {matched}, t{term}"),
        Payload::AppendRejected { prev_index, hint_index, .. } => {
            format!("lacks {prev_index}, t{term}; perhaps {hint_index}")
        }
        Payload::ReadIndexRequest { .. } => format!("read? t{term}"),
        Payload::ReadIndexResponse { index: Some(index), .. } => {
            format!("read at {index}, t{term}")
        }
        Payload::ReadIndexResponse { index: None, .. } => format!("read no, t{term}"),
        Payload::Propose { .. } => format!("propose t{term}"),
        Payload::ProposeRejected { .. } => format!("propose no, t{term}"),
    }
}
