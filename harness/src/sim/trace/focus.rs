//! Of whom a story tells: of a few.
//!
//! A picture with a lane for each of seven nodes and ten clients is wide, and most of it is about others. First come those
//! whom the finding names; then, from the end back, nodes that took in something new from one of them or told them; then
//! clients that asked one of those nodes. What all others did is counted.

use std::collections::BTreeSet;
use std::fmt;

use super::story::{Fate, Lane, Line, What};
use crate::sim::heap::Moment;

/// Nodes and clients that are told of, at most.
const LANES_MAX: usize = 6;
/// Room for nodes, as long as it is not needed for those whom the finding names.
const NODES_MAX: usize = 5;
/// The last lines that say something new, of which it matters who had to do with whom.
const NEAR: usize = 60;

/// What those did who are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unseen {
    /// Who they are.
    pub who: Vec<Lane>,
    /// Letters from them and to them that said nothing new.
    pub heartbeats: usize,
    /// Other letters.
    pub letters: usize,
    /// Operations.
    pub operations: usize,
}

/// The lines of those who are shown, and the others.
pub(super) fn split(lines: Vec<Line>, concerned: &[Lane]) -> (Vec<Line>, Others) {
    let present: BTreeSet<Lane> = lines.iter().flat_map(Line::lanes).collect();
    if present.len() <= LANES_MAX {
        return (lines, Others::default());
    }
    let shown = choose(&lines, concerned);
    let is_shown = |line: &Line| line.lanes().all(|lane| shown.contains(&lane));
    let (kept, lines) = lines.into_iter().partition(is_shown);
    (kept, Others { who: present.difference(&shown).copied().collect(), lines })
}

/// Those who are not shown.
#[derive(Debug, Default)]
pub(super) struct Others {
    who: Vec<Lane>,
    lines: Vec<Line>,
}

impl Others {
    /// What they did since a moment, if there is anybody.
    pub(super) fn since(self, from: Moment) -> Option<Unseen> {
        let Self { who, lines } = self;
        if who.is_empty() {
            return None;
        }
        let mut unseen = Unseen { who, ..Unseen::default() };
        for line in lines.iter().filter(|line| line.at >= from) {
            match line.what {
                What::Letter { is_routine: true, .. } => unseen.heartbeats += 1,
                What::Letter { .. } => unseen.letters += 1,
                What::Operation { .. } => unseen.operations += 1,
                _ => {}
            }
        }
        Some(unseen)
    }
}

/// Who is shown.
fn choose(lines: &[Line], concerned: &[Lane]) -> BTreeSet<Lane> {
    let mut shown: BTreeSet<Lane> = BTreeSet::new();
    for lane in concerned {
        if shown.len() < LANES_MAX {
            shown.insert(*lane);
        }
    }
    let news: Vec<(Lane, Lane)> = lines.iter().rev().filter_map(Line::news).take(NEAR).collect();
    let is_client = |lane: Lane| matches!(lane, Lane::Client(_));
    for (wants_clients, most) in [(false, NODES_MAX), (true, LANES_MAX), (false, LANES_MAX)] {
        // Who had to do with somebody who came in only now is seen the next time.
        for _ in 0..most {
            let joins =
                |(one, other): &(Lane, Lane)| match (shown.contains(one), shown.contains(other)) {
                    (true, false) => Some(*other),
                    (false, true) => Some(*one),
                    (false, false) if shown.is_empty() => Some(*one),
                    _ => None,
                };
            let next = news.iter().filter_map(joins).find(|lane| is_client(*lane) == wants_clients);
            match next {
                Some(lane) if shown.len() < most => shown.insert(lane),
                _ => break,
            };
        }
    }
    shown
}

impl Line {
    /// Whom it is about.
    fn lanes(&self) -> impl Iterator<Item = Lane> + use<> {
        let other = match self.what {
            What::Letter { to, .. } => Some(Lane::Node(to)),
            What::Operation { node, .. } => Some(Lane::Node(node)),
            _ => None,
        };
        self.lane.into_iter().chain(other)
    }

    /// Who told whom something new.
    fn news(&self) -> Option<(Lane, Lane)> {
        let other = match self.what {
            What::Letter { to, fate: Fate::Arrived(_), is_routine: false, .. } => Lane::Node(to),
            What::Operation { node, .. } => Lane::Node(node),
            _ => return None,
        };
        Some((self.lane?, other))
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.who.iter().map(ToString::to_string).collect();
        write!(out, "{} not shown: ", names.join(", "))?;
        let counts = [
            (self.heartbeats, "heartbeat"),
            (self.letters, "other letter"),
            (self.operations, "operation"),
        ];
        let told = |(count, of): (usize, &str)| {
            (count > 0).then(|| format!("{count} {of}{}", if count == 1 { "" } else { "s" }))
        };
        let told: Vec<String> = counts.into_iter().filter_map(told).collect();
        if told.is_empty() { out.write_str("nothing new") } else { out.write_str(&told.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(at: u64, from: usize, to: usize, is_routine: bool) -> Line {
        let what = What::Letter { to, fate: Fate::Arrived(at), text: String::new(), is_routine };
        Line { at, lane: Some(Lane::Node(from)), what }
    }

    fn asked(at: u64, client: usize, node: usize) -> Line {
        let what = What::Operation { node, asked: String::new(), answer: None };
        Line { at, lane: Some(Lane::Client(client)), what }
    }

    #[test]
    fn a_few_are_all_shown() {
        let lines = vec![letter(1, 0, 1, false), letter(2, 2, 3, true), asked(3, 0, 4)];
        let (kept, others) = split(lines.clone(), &[Lane::Node(0)]);
        assert_eq!(kept, lines);
        assert!(others.since(0).is_none());
    }

    #[test]
    fn of_many_those_are_shown_whom_it_is_about_and_who_had_to_do_with_them() {
        let mut lines =
            vec![letter(0, 3, 6, false), letter(1, 4, 5, false), letter(2, 1, 2, false)];
        lines.extend((0..8).map(|client| asked(3, client, 6)));
        lines.extend([asked(4, 9, 1), letter(5, 0, 1, true), letter(6, 3, 0, true)]);
        let (kept, others) = split(lines, &[Lane::Node(1), Lane::Node(0)]);
        assert_eq!(kept, [letter(2, 1, 2, false), asked(4, 9, 1), letter(5, 0, 1, true)]);
        let unseen = others.since(1).unwrap();
        assert_eq!((unseen.heartbeats, unseen.letters, unseen.operations), (1, 1, 8));
        let nodes = [3, 4, 5, 6].map(Lane::Node);
        let clients = (0..8).map(Lane::Client);
        assert_eq!(unseen.who, nodes.into_iter().chain(clients).collect::<Vec<_>>());
        assert!(
            unseen.to_string().ends_with("c7 not shown: 1 heartbeat, 1 other letter, 8 operations")
        );
    }

    #[test]
    fn there_are_never_more_than_fit() {
        let mut lines = Vec::new();
        for at in 0..200 {
            let node = at as usize % 9;
            lines.push(letter(at, node, (node + 1) % 9, false));
            lines.push(asked(at, node, node));
        }
        for named in [vec![], vec![Lane::Node(8)], (0..9).map(Lane::Client).collect()] {
            let (kept, _) = split(lines.clone(), &named);
            let shown: BTreeSet<Lane> = kept.iter().flat_map(Line::lanes).collect();
            assert!(shown.len() <= LANES_MAX, "{shown:?}");
            assert!(named.len() > LANES_MAX || shown.len() == LANES_MAX, "{shown:?}");
        }
    }
}
