//! Directed links between nodes, and between clients and nodes: what becomes of a letter that is posted.
//!
//! ```text
//!   post --line up?--> filters --rule--> latency, weather --> (moment of arrival, letter) --arrives?--> node
//!            | no         |        |                                                        | line broke
//!            v            v        v holds                                                  v
//!         outbox       kept, gone  held                                                   lost
//!         (bounded)
//! ```
//!
//! Between nodes there are *lines*, as the real transport has: a stream of the sender, first in first out, that breaks as a
//! whole, loses what was under way, and is dialled again after a pause. Or, if the weather says so, *datagrams*: each letter
//! by itself may be lost, doubled or overtaken, which the protocol must stand as well. The rules are those of the proxy
//! ([`LinkRule`]), so that a fault means the same to processes and here.
//!
//! It refuses to own when things happen (the caller puts arrivals on its heap) and what letters say.

use std::collections::VecDeque;

use super::dice::{Dice, Purpose};
use super::heap::Moment;
use crate::proxy::{Endpoint, Link, LinkRule, LinkStats};

mod filter;
mod weather;

pub(super) use filter::{Act, Filter, Kinds};
pub use weather::Weather;

/// Letters that wait for a line, at most; the oldest goes first, as in the node's outbox.
const OUTBOX_MAX: usize = 4096;
/// The pause before a line is dialled again, first and at most: those of the node's transport.
const BACKOFF_MIN: Moment = 20_000_000;
const BACKOFF_MAX: Moment = 200_000_000;
/// How long a dial that nobody answers takes.
const DIAL_PATIENCE: Moment = 500_000_000;

/// What is sent.
pub(super) trait Letter: Clone {
    /// About how many bytes it would have on a wire.
    fn bytes(&self) -> u64;
    /// What kind of letter it is.
    fn kind(&self) -> Kinds;
}

/// A letter under way.
#[derive(Debug, Clone)]
pub(super) struct Sent<L> {
    /// When it is to arrive.
    pub(super) at: Moment,
    /// On which link.
    pub(super) lane: usize,
    /// The node that it is for; `None` for a client.
    pub(super) to_node: Option<usize>,
    /// In which life of the line.
    epoch: u32,
    /// The number under which it was written down, if it was.
    pub(super) note: Option<usize>,
    /// What.
    pub(super) letter: L,
}

/// Why a letter does not get far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is kept, and goes on later.
    Held,
    /// It never arrives.
    Lost,
}

/// What became of a dialled line.
#[derive(Debug)]
pub(super) struct Failed<L> {
    /// Letters that waited for it and never left.
    pub(super) lost: Vec<L>,
    /// When to dial again.
    pub(super) again: Moment,
}

/// All links.
#[derive(Debug)]
pub(super) struct Network<L> {
    nodes: usize,
    weather: Weather,
    lanes: Vec<Lane<L>>,
    filters: Vec<Filter<L>>,
    /// Letters that were held or lost at once, if anybody wants to know.
    stopped: Option<Vec<(Link, L, Stop)>>,
}

#[derive(Debug)]
struct Lane<L> {
    link: Link,
    rule: LinkRule,
    line: Line<L>,
    epoch: u32,
    held: VecDeque<L>,
    /// When the last letter of this line arrives: none may overtake it.
    last: Moment,
    /// When a throttled link is free again.
    free: Moment,
    latency: Dice,
    luck: Dice,
    stats: LinkStats,
}

#[derive(Debug)]
enum Line<L> {
    Up,
    /// Letters wait; the pause before the dial after the next.
    Down {
        outbox: VecDeque<L>,
        backoff: Moment,
    },
}

impl<L: Letter> Network<L> {
    /// All links between `nodes` nodes and the clients. Lines between nodes are down at first.
    pub(super) fn new(seed: u64, nodes: usize, weather: Weather) -> Self {
        let ends = |end: usize| if end == nodes { Endpoint::Client } else { Endpoint::Node(end) };
        let lane = |place: usize| {
            let link = Link { from: ends(place / (nodes + 1)), to: ends(place % (nodes + 1)) };
            Lane::new(seed, place, link)
        };
        let lanes = (0..(nodes + 1) * (nodes + 1)).map(lane).collect();
        Self { nodes, weather, lanes, filters: Vec::new(), stopped: None }
    }

    /// The place of a link.
    pub(super) const fn lane(&self, link: Link) -> usize {
        self.end(link.from) * (self.nodes + 1) + self.end(link.to)
    }

    /// The link at a place.
    pub(super) fn link(&self, lane: usize) -> Link {
        self.lanes[lane].link
    }

    const fn end(&self, end: Endpoint) -> usize {
        match end {
            Endpoint::Client => self.nodes,
            Endpoint::Node(node) => node,
        }
    }

    /// What happened on a link so far.
    pub(super) fn stats(&self, link: Link) -> LinkStats {
        self.lanes[self.lane(link)].stats
    }

    /// The rule on a link.
    pub(super) fn rule(&self, link: Link) -> LinkRule {
        self.lanes[self.lane(link)].rule
    }

    /// Whether nodes talk in datagrams.
    pub(super) const fn has_datagrams(&self) -> bool {
        self.weather.datagrams
    }

    /// Other weather from now on.
    pub(super) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Posts a letter. What arrives is appended to `sent`; the letter that was thrown away for it, if any, is handed back.
    pub(super) fn post(
        &mut self,
        now: Moment,
        lane: usize,
        letter: L,
        sent: &mut Vec<Sent<L>>,
    ) -> Option<L> {
        let peers = self.is_between_nodes(lane);
        if peers
            && !self.weather.datagrams
            && let Line::Down { outbox, .. } = &mut self.lanes[lane].line
        {
            outbox.push_back(letter);
            return if outbox.len() > OUTBOX_MAX { outbox.pop_front() } else { None };
        }
        self.transmit(now, lane, letter, sent);
        None
    }

    fn is_between_nodes(&self, lane: usize) -> bool {
        lane / (self.nodes + 1) < self.nodes && lane % (self.nodes + 1) < self.nodes
    }

    /// From now on letters that do not get through at once are kept for [`Self::take_stopped`].
    pub(super) fn keep_stopped(&mut self) {
        self.stopped = Some(Vec::new());
    }

    /// Letters that were held or lost since the last time.
    pub(super) fn take_stopped(&mut self) -> Vec<(Link, L, Stop)> {
        self.stopped.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn transmit(&mut self, now: Moment, lane: usize, letter: L, sent: &mut Vec<Sent<L>>) {
        let copy = self.stopped.is_some().then(|| letter.clone());
        let passed = self.transmit_unseen(now, lane, letter, sent);
        if let (Some(stopped), Some(copy), Err(stop)) = (&mut self.stopped, copy, passed) {
            stopped.push((self.lanes[lane].link, copy, stop));
        }
    }

    fn transmit_unseen(
        &mut self,
        now: Moment,
        lane: usize,
        letter: L,
        sent: &mut Vec<Sent<L>>,
    ) -> Result<(), Stop> {
        let letter = self.filter(lane, letter)?;
        let peers = self.is_between_nodes(lane);
        let state = &mut self.lanes[lane];
        if state.rule.holds() {
            if peers && self.weather.datagrams && state.rule != LinkRule::Stall {
                state.stats.bytes_dropped += letter.bytes();
                return Err(Stop::Lost);
            }
            state.stats.bytes_held += letter.bytes();
            state.held.push_back(letter);
            return Err(if state.rule == LinkRule::Stall { Stop::Held } else { Stop::Lost });
        }
        let before = sent.len();
        state.travel(now, (lane, letter), &self.weather, peers, sent);
        if sent.len() > before { Ok(()) } else { Err(Stop::Lost) }
    }

    /// What filters leave of a letter.
    fn filter(&mut self, lane: usize, mut letter: L) -> Result<L, Stop> {
        let link = self.lanes[lane].link;
        for filter in &mut self.filters {
            letter = filter.take(link, lane, letter).ok_or(match filter.act {
                Act::Hold => Stop::Held,
                Act::Drop => Stop::Lost,
            })?;
        }
        Ok(letter)
    }

    /// Puts a filter up.
    pub(super) fn add_filter(&mut self, filter: Filter<L>) {
        self.filters.push(filter);
    }

    /// Takes the filters of a fault away; what they held goes on. Says how many letters they touched.
    pub(super) fn remove_filters(&mut self, now: Moment, id: u32, sent: &mut Vec<Sent<L>>) -> u64 {
        let (gone, left) =
            std::mem::take(&mut self.filters).into_iter().partition(|filter| filter.id == id);
        self.filters = left;
        let mut touched = 0;
        for filter in gone {
            touched += filter.touched;
            for (lane, letter) in filter.held {
                self.post(now, lane, letter, sent);
            }
        }
        touched
    }

    /// Whether a letter arrives whose time has come: not if its line broke meanwhile.
    pub(super) fn arrives(&mut self, sent: &Sent<L>) -> bool {
        let lane = &mut self.lanes[sent.lane];
        let whole = lane.epoch == sent.epoch;
        let bytes = sent.letter.bytes();
        if whole {
            lane.stats.bytes_passed += bytes;
        } else {
            lane.stats.bytes_dropped += bytes;
        }
        whole
    }

    /// Changes the rule of a link. Says whether connections over it broke.
    pub(super) fn set_rule(
        &mut self,
        now: Moment,
        link: Link,
        rule: LinkRule,
        sent: &mut Vec<Sent<L>>,
    ) -> bool {
        let place = self.lane(link);
        let lane = &mut self.lanes[place];
        let before = std::mem::replace(&mut lane.rule, rule);
        if before == rule {
            return false;
        }
        let broken = before.loses() || rule == LinkRule::Refuse;
        if broken {
            lane.lose_held();
        } else if !rule.holds() {
            for letter in std::mem::take(&mut lane.held) {
                self.lanes[place].stats.bytes_held -= letter.bytes();
                self.transmit(now, place, letter, sent);
            }
        }
        broken
    }

    /// The line of a link breaks: what was under way is lost. `None` if it was down anyway, or if there are no lines.
    pub(super) fn break_line(&mut self, now: Moment, link: Link) -> Option<Moment> {
        let place = self.lane(link);
        if self.weather.datagrams || !self.is_between_nodes(place) {
            return None;
        }
        let lane = &mut self.lanes[place];
        if matches!(lane.line, Line::Down { .. }) {
            return None;
        }
        lane.line = Line::down();
        lane.lose_held();
        lane.epoch += 1;
        lane.stats.resets += 1;
        Some(now + BACKOFF_MIN)
    }

    /// The sender is gone: its lines are down, and nothing waits for them. What has left it still arrives.
    pub(super) fn forget_sender(&mut self, node: usize) {
        for to in 0..self.nodes {
            self.lanes[node * (self.nodes + 1) + to].line = Line::down();
        }
    }

    /// Dials a line that is down, to a process that runs or not. Whether it is up now, with what waited in `sent`.
    pub(super) fn dial(
        &mut self,
        now: Moment,
        link: Link,
        listens: bool,
        sent: &mut Vec<Sent<L>>,
    ) -> Result<(), Failed<L>> {
        let place = self.lane(link);
        let back = self.lanes[self.lane(link.reverse())].rule;
        let lane = &mut self.lanes[place];
        let Line::Down { outbox, backoff } = &mut lane.line else { return Ok(()) };
        let hangs = [lane.rule, back].contains(&LinkRule::Blackhole);
        let refused = [lane.rule, back].contains(&LinkRule::Refuse);
        if hangs || refused || !listens {
            let patience = if hangs { DIAL_PATIENCE } else { 0 };
            let again = now + patience + *backoff;
            *backoff = BACKOFF_MAX.min(*backoff * 2);
            if hangs {
                lane.stats.connects_blocked += 1;
            } else {
                lane.stats.connects_refused += 1;
            }
            return Err(Failed { lost: std::mem::take(outbox).into(), again });
        }
        lane.stats.connects_accepted += 1;
        let waited = std::mem::take(outbox);
        lane.line = Line::Up;
        for letter in waited {
            self.transmit(now, place, letter, sent);
        }
        Ok(())
    }
}

impl<L> Line<L> {
    const fn down() -> Self {
        Self::Down { outbox: VecDeque::new(), backoff: BACKOFF_MIN }
    }
}

impl<L: Letter> Lane<L> {
    fn new(seed: u64, place: usize, link: Link) -> Self {
        Self {
            link,
            rule: LinkRule::Pass,
            line: Line::down(),
            epoch: 0,
            held: VecDeque::new(),
            last: 0,
            free: 0,
            latency: Dice::new(seed, Purpose::Latency, place as u64),
            luck: Dice::new(seed, Purpose::Weather, place as u64),
            stats: LinkStats::default(),
        }
    }

    fn travel(
        &mut self,
        now: Moment,
        (lane, letter): (usize, L),
        weather: &Weather,
        peers: bool,
        sent: &mut Vec<Sent<L>>,
    ) {
        let copies = if peers { weather.copies(&mut self.luck) } else { 1 };
        if copies == 0 {
            self.stats.bytes_dropped += letter.bytes();
            return;
        }
        let (epoch, bytes) = (self.epoch, letter.bytes());
        let to_node = match self.link.to {
            Endpoint::Client => None,
            Endpoint::Node(node) => Some(node),
        };
        for copy in 1..copies {
            let at = self.arrival(now, bytes, weather, peers, copy);
            sent.push(Sent { at, lane, to_node, epoch, note: None, letter: letter.clone() });
        }
        let at = self.arrival(now, bytes, weather, peers, 0);
        sent.push(Sent { at, lane, to_node, epoch, note: None, letter });
    }

    fn arrival(
        &mut self,
        now: Moment,
        bytes: u64,
        weather: &Weather,
        peers: bool,
        copy: u64,
    ) -> Moment {
        let mut leaves = now;
        let mut delay = if peers { weather.latency(&mut self.latency) } else { weather.client };
        match self.rule {
            LinkRule::Delay { mean, jitter } => {
                let [mean, jitter] = [mean, jitter].map(|span| span.as_nanos() as u64);
                let jitter = jitter.min(mean);
                delay += self.luck.between(mean - jitter, mean + jitter);
                self.stats.chunks_delayed += 1;
            }
            LinkRule::Throttle { bytes_per_second } => {
                let takes = bytes.saturating_mul(1_000_000_000) / bytes_per_second.max(1);
                self.free = self.free.max(now) + takes;
                leaves = self.free;
                self.stats.chunks_delayed += 1;
            }
            _ => {}
        }
        let at = leaves + delay;
        if peers && weather.datagrams {
            return at + if copy > 0 { weather.late(&mut self.luck) } else { 0 };
        }
        self.last = self.last.max(at);
        self.last
    }

    fn lose_held(&mut self) {
        for letter in std::mem::take(&mut self.held) {
            self.stats.bytes_held -= letter.bytes();
            self.stats.bytes_dropped += letter.bytes();
        }
    }
}

#[cfg(test)]
mod tests;
