//! The last things that happened before something went wrong, to be read by people.

use std::collections::BTreeSet;
use std::fmt;

use rashomon_checker::history::{Event, EventKind};

use super::focus::{self, Unseen};
use crate::sim::heap::Moment;

/// The last lines, which a story has in any case.
const LAST: usize = 42;
/// Earlier ones that matter to whatever comes later.
const EARLIER: usize = 18;
/// Stretches of fewer letters that change nothing are not worth a line.
const ROUTINE_MIN: usize = 6;

/// Whose life a line belongs to. Both from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A node.
    Node(usize),
    /// A client.
    Client(usize),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, in nanoseconds.
    pub at: Moment,
    /// Where; `None` if it was done to the cluster.
    pub lane: Option<Lane>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A letter was sent.
    Letter {
        /// The node that it was for.
        to: usize,
        /// What became of it.
        fate: Fate,
        /// What it said.
        text: String,
        /// Whether that was nothing new.
        is_routine: bool,
    },
    /// Something in a node.
    Turn {
        /// What.
        text: String,
        /// Of which kind.
        kind: Kind,
    },
    /// A client asked.
    Operation {
        /// The node that it asked.
        node: usize,
        /// What it asked.
        asked: String,
        /// When which answer came, if one did.
        answer: Option<(Moment, EventKind, String)>,
    },
    /// Something was done to the cluster.
    Strike(String),
    /// So many letters that changed nothing.
    Routine(usize),
    /// So many lines that are left out.
    LeftOut(usize),
    /// What those did who are not shown, meanwhile.
    Unseen(Unseen),
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrived, and was taken in.
    Arrived(Moment),
    /// It was still under way at the end.
    UnderWay,
    /// It was held back; it may have been let go later, and left again.
    Held,
    /// It never arrived, or was not taken in.
    Lost,
}

/// Kinds of events in nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A term, a role.
    Role,
    /// A process begins to work, or goes on.
    Life,
    /// A process ends, or stands still.
    Death,
    /// Progress of the log.
    Log,
}

/// What happened before a finding, in order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Story {
    /// The last ones, and before them those that set the scene.
    pub lines: Vec<Line>,
}

impl Story {
    /// The end of what happened until a moment: letters and turns in `lines`, operations from the history, of as many
    /// clients as there are. If there are too many nodes and clients to be told of, then those whom it is about, the first
    /// first, and those who had to do with them.
    pub(in crate::sim) fn new(
        lines: Vec<Line>,
        history: &[Event],
        clients: usize,
        until: Moment,
        concerned: &[Lane],
    ) -> Self {
        let mut all = lines;
        all.extend(operations(history, clients));
        all.retain(|line| line.at <= until);
        for line in &mut all {
            if let What::Letter { fate, .. } = &mut line.what
                && matches!(fate, Fate::Arrived(at) if *at > until)
            {
                *fate = Fate::UnderWay;
            }
            if let What::Operation { answer, .. } = &mut line.what
                && answer.as_ref().is_some_and(|(at, ..)| *at > until)
            {
                *answer = None;
            }
        }
        all.sort_by_key(|line| line.at);
        let (seen, others) = focus::split(all, concerned);
        let mut lines = leave_out(fold(seen));
        let from = lines.get(lines.len().saturating_sub(LAST)).map_or(until, |line| line.at);
        if let Some(unseen) = others.since(from) {
            let at = lines.first().map_or(until, |line| line.at);
            lines.insert(0, Line { at, lane: None, what: What::Unseen(unseen) });
        }
        Self { lines }
    }

    /// Everybody who appears, nodes first.
    pub fn lanes(&self) -> Vec<Lane> {
        let mut lanes = BTreeSet::new();
        for line in &self.lines {
            lanes.extend(line.lane);
            match line.what {
                What::Letter { to, .. } => lanes.insert(Lane::Node(to)),
                What::Operation { node, .. } => lanes.insert(Lane::Node(node)),
                _ => false,
            };
        }
        lanes.into_iter().collect()
    }
}

/// The last lines, and of those before only what sets the scene.
fn leave_out(lines: Vec<Line>) -> Vec<Line> {
    let last = lines.len().saturating_sub(LAST);
    let scene = |place: &usize| lines[*place].sets_the_scene();
    let earlier: BTreeSet<usize> = (0..last).rev().filter(scene).take(EARLIER).collect();
    let mut kept: Vec<Line> = Vec::new();
    for (place, line) in lines.into_iter().enumerate() {
        if place >= last || earlier.contains(&place) {
            kept.push(line);
            continue;
        }
        match kept.last_mut() {
            Some(Line { what: What::LeftOut(count), .. }) => *count += 1,
            _ => kept.push(Line { at: line.at, lane: None, what: What::LeftOut(1) }),
        }
    }
    kept
}

/// Letters that changed nothing become a number. That one is lost is news, and that the next on the same link is lost as well
/// is not.
fn fold(lines: Vec<Line>) -> Vec<Line> {
    let mut folded: Vec<Line> = Vec::new();
    let mut losing: BTreeSet<(Option<Lane>, usize)> = BTreeSet::new();
    for line in lines {
        let routine = match line.what {
            What::Letter { to, fate: Fate::Lost, is_routine, .. } => {
                !losing.insert((line.lane, to)) && is_routine
            }
            What::Letter { to, fate: Fate::Arrived(_), is_routine, .. } => {
                losing.remove(&(line.lane, to));
                is_routine
            }
            _ => false,
        };
        match folded.last_mut() {
            Some(Line { what: What::Routine(count), .. }) if routine => *count += 1,
            _ if routine => {
                folded.push(Line { at: line.at, lane: None, what: What::Routine(1) });
            }
            _ => folded.push(line),
        }
    }
    folded.retain(|line| !matches!(line.what, What::Routine(count) if count < ROUTINE_MIN));
    folded
}

impl Line {
    /// Whether what comes much later may depend on it.
    fn sets_the_scene(&self) -> bool {
        match &self.what {
            What::Turn { kind: Kind::Life | Kind::Death, .. }
            | What::Operation { .. }
            | What::Strike(_) => true,
            What::Turn { kind: Kind::Role, text } => text.starts_with("leader"),
            _ => false,
        }
    }
}

/// Operations of a history, each with its answer.
fn operations(history: &[Event], clients: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut open: Vec<(u64, usize)> = Vec::new();
    for event in history {
        let process = event.process.0;
        let at = event.time.unwrap_or_default();
        if event.kind == EventKind::Invoke {
            open.push((process, lines.len()));
            let client = (process % clients.max(1) as u64) as usize;
            let what = What::Operation { node: node_of(event), asked: asked(event), answer: None };
            lines.push(Line { at, lane: Some(Lane::Client(client)), what });
        } else if let Some(place) = open.iter().position(|(other, _)| *other == process) {
            let (_, line) = open.remove(place);
            if let What::Operation { answer, .. } = &mut lines[line].what {
                *answer = Some((at, event.kind, answered(event)));
            }
        }
    }
    lines
}

fn node_of(event: &Event) -> usize {
    let number = event.node.as_deref().and_then(|name| name.strip_prefix('n')?.parse().ok());
    number.unwrap_or(1_usize).saturating_sub(1)
}

fn asked(event: &Event) -> String {
    let key = event.key.as_deref().unwrap_or_default();
    if event.f == "read" {
        format!("read {key}")
    } else {
        format!("{} {key} {}", event.f, event.value)
    }
}

fn answered(event: &Event) -> String {
    match event.kind {
        EventKind::Ok if event.f == "read" => event.value.to_string(),
        EventKind::Ok => "ok".to_owned(),
        EventKind::Fail => "fail".to_owned(),
        EventKind::Info | EventKind::Invoke => "unknown".to_owned(),
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(out, "n{}", node + 1),
            Self::Client(client) => write!(out, "c{client}"),
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:>11} ", seconds(self.at))?;
        let lane = self.lane.map_or(String::new(), |lane| lane.to_string());
        match &self.what {
            What::Letter { to, fate, text, .. } => {
                let to = Lane::Node(*to);
                write!(out, "{lane:>4} -> {to:<4} {text}; ")?;
                match fate {
                    Fate::Arrived(at) => write!(out, "there at {}", seconds(*at)),
                    Fate::UnderWay => out.write_str("under way"),
                    Fate::Held => out.write_str("held"),
                    Fate::Lost => out.write_str("lost"),
                }
            }
            What::Turn { text, .. } => write!(out, "{lane:>4}         {text}"),
            What::Operation { node, asked, answer } => {
                let to = Lane::Node(*node);
                write!(out, "{lane:>4} => {to:<4} {asked}; ")?;
                match answer {
                    Some((at, _, text)) => write!(out, "{text} at {}", seconds(*at)),
                    None => out.write_str("no answer"),
                }
            }
            What::Strike(text) => write!(out, "   *         {text}"),
            What::Unseen(unseen) => write!(out, "   .         {unseen}"),
            What::LeftOut(count) => write!(out, "   .         {count} lines left out"),
            What::Routine(count) => {
                write!(out, "   .         {count} heartbeats and answers to them")
            }
        }
    }
}

/// Seconds with microseconds.
fn seconds(at: Moment) -> String {
    format!("{}.{:06}", at / 1_000_000_000, at / 1_000 % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: Moment, what: What) -> Line {
        Line { at, lane: Some(Lane::Node(0)), what }
    }

    fn letter(at: Moment, is_routine: bool, arrived: bool) -> Line {
        let fate = if arrived { Fate::Arrived(at + 1) } else { Fate::Lost };
        line(at, What::Letter { to: 1, fate, text: "heartbeat".to_owned(), is_routine })
    }

    #[test]
    fn letters_that_change_nothing_become_a_number_unless_they_are_the_first_to_be_lost() {
        let routine = (0..10).map(|at| letter(at, true, true));
        let few = (12..14).map(|at| letter(at, true, true));
        let lines: Vec<Line> = routine
            .chain([letter(11, false, true)])
            .chain(few)
            .chain((15..30).map(|at| letter(at, true, false)))
            .chain([letter(31, true, true), letter(32, true, false)])
            .collect();
        let story = Story::new(lines, &[], 1, 100, &[]);
        let whats: Vec<&What> = story.lines.iter().map(|line| &line.what).collect();
        assert!(
            matches!(
                whats[..],
                [
                    What::Routine(10),
                    What::Letter { is_routine: false, .. },
                    What::Letter { fate: Fate::Lost, .. },
                    What::Routine(15),
                    What::Letter { fate: Fate::Lost, .. }
                ]
            ),
            "{whats:?}"
        );
    }

    #[test]
    fn of_a_long_story_the_end_is_told_and_what_set_the_scene() {
        let mut lines: Vec<Line> = (0..500).map(|at| letter(at, false, true)).collect();
        let text = "links n1>n2 cut".to_owned();
        lines[7] = Line { at: 7, lane: None, what: What::Strike(text) };
        let story = Story::new(lines, &[], 1, 450, &[]);
        let whats: Vec<&What> = story.lines.iter().map(|line| &line.what).collect();
        assert!(matches!(whats[..2], [What::LeftOut(7), What::Strike(_)]), "{whats:?}");
        assert_eq!(whats.len(), 3 + LAST);
        assert!(
            matches!(whats.last(), Some(What::Letter { fate: Fate::UnderWay, .. })),
            "not by then"
        );
        assert_eq!(story.lanes(), [Lane::Node(0), Lane::Node(1)]);
        assert!(story.to_string().contains("   *         links n1>n2 cut\n"), "{story}");
    }
}
