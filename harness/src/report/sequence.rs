//! Who told whom what, and when: a message-sequence diagram, as SVG without scripts.
//!
//! ```text
//!    time        n1            n2            c0
//!  3.214 s       |             |      write  []     an operation, as long as it took
//!  3.215 s       |--- append ->|             []     a letter: down, as time goes on
//!  3.216 s       |      +------------+       []
//!                |      |applied: 17 |       []     something in a node
//!  3.217 s       |--- x        |      ok     []     a letter that was lost
//!  3.218 s       |---||        |                    one that was held back
//! ```
//!
//! Time goes down, one row for each moment at which something happened: rows tell the order, their labels how far they are
//! apart (after Lamport: Time, Clocks, and the Ordering of Events, CACM 1978).

use std::collections::BTreeMap;

use rashomon_checker::history::EventKind;

use super::markup::Markup;
use crate::sim::{Fate, Kind, Lane, Line, Story, What};

/// Where times stand.
const GUTTER: f64 = 104.0;
const HEAD: f64 = 40.0;
const ROW: f64 = 21.0;
const BOX: f64 = 18.0;
/// From one letter to the next of the same moment.
const STACKED: f64 = 14.0;
const WIDTH_MIN: f64 = 1_120.0;
const LANE_MIN: f64 = 168.0;
/// The heads of arrows.
const HEADS: &str = concat!(
    "<defs><marker id=\"letter-head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" ",
    "orient=\"auto\"><path class=\"letter-head\" d=\"M0 0l10 5-10 5z\"/></marker>",
    "<marker id=\"call-head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" ",
    "orient=\"auto\"><path class=\"call-head\" d=\"M0 0l10 5-10 5z\"/></marker></defs>"
);
/// Of a character.
const CHAR: f64 = 7.3;
const CHARS_MAX: usize = 44;

/// The whole picture, with what was found at its end.
pub(super) fn draw(story: &Story, found: &str) -> Markup {
    let frame = Frame::new(story);
    let mut svg = Markup::new();
    let height = frame.end + ROW + HEAD;
    svg.raw("<div class=\"scroll\">")
        .tag("svg")
        .class("sequence")
        .attr("role", "img")
        .attr("aria-label", "Letters between nodes, and operations of clients, in order of time")
        .num("width", frame.width)
        .num("height", height)
        .open();
    svg.raw(HEADS);
    frame.lanes(&mut svg);
    for line in &story.lines {
        frame.operation(&mut svg, line);
    }
    frame.notes(&mut svg);
    let Layers { arrows, boxes, words } = frame.happenings(story);
    svg.add(&arrows).add(&boxes).add(&words);
    frame.times(&mut svg);
    svg.tag("line").class("failure").ends(0.0, frame.end, frame.width, frame.end).empty();
    svg.tag("text").class("failure-label").at(4.0, frame.end + 16.0).text(&cut(found, 140));
    svg.raw("</svg></div>");
    svg
}

/// What is drawn, from the bottom to the top: so that no line crosses out a word.
#[derive(Default)]
struct Layers {
    arrows: Markup,
    boxes: Markup,
    words: Markup,
}

/// Where everything stands.
struct Frame {
    lanes: Vec<Lane>,
    gap: f64,
    width: f64,
    moments: BTreeMap<u64, Spot>,
    /// Rows of their own, with what they say and how.
    notes: Vec<(f64, &'static str, String)>,
    end: f64,
}

/// Where the happenings of a moment stand.
#[derive(Clone, Copy)]
struct Spot {
    /// Letters, and the label of the row.
    letters: f64,
    /// The top of the first box.
    boxes: f64,
}

/// What a moment needs room for.
#[derive(Default)]
struct Need {
    notes: Vec<(&'static str, String)>,
    /// Whether letters begin or end.
    letters: bool,
    /// Letters that leave each lane and do not arrive.
    stopped: BTreeMap<Lane, u8>,
    /// The same, and those that arrive there: one stands below the other.
    both: BTreeMap<Lane, u8>,
    /// Boxes, for each lane.
    boxes: BTreeMap<Lane, u8>,
}

impl Frame {
    fn new(story: &Story) -> Self {
        let lanes = story.lanes();
        let width = WIDTH_MIN.max(GUTTER + LANE_MIN * lanes.len() as f64);
        let gap = (width - GUTTER) / lanes.len().max(1) as f64;
        let mut frame =
            Self { lanes, gap, width, moments: BTreeMap::new(), notes: Vec::new(), end: HEAD };
        for (moment, need) in needs(story) {
            for (class, text) in need.notes {
                frame.notes.push((frame.end + 14.0, class, text));
                frame.end += ROW;
            }
            let most = |counts: &BTreeMap<Lane, u8>| {
                f64::from(counts.values().copied().max().unwrap_or(0))
            };
            let stopped = most(&need.stopped);
            let below = if stopped > 0.0 { 14.0 } else { 7.0 };
            let words = STACKED * most(&need.both) + below;
            let letters = if need.letters { ROW.max(words) } else { 0.0 };
            let spot = Spot { letters: frame.end + 10.0, boxes: frame.end + letters };
            if letters > 0.0 || !need.boxes.is_empty() {
                frame.moments.insert(moment, spot);
            }
            frame.end += letters + ROW * most(&need.boxes);
        }
        frame.end += 8.0;
        frame
    }

    fn x(&self, lane: Lane) -> f64 {
        let place = self.lanes.iter().position(|other| *other == lane).unwrap_or(0);
        GUTTER + self.gap * (place as f64 + 0.5)
    }

    fn y(&self, moment: u64) -> f64 {
        self.moments.get(&moment).map_or(self.end, |spot| spot.letters)
    }

    fn lanes(&self, svg: &mut Markup) {
        for lane in &self.lanes {
            let x = self.x(*lane);
            let class = if matches!(lane, Lane::Client(_)) { "lane client" } else { "lane" };
            svg.tag("line").class(class).ends(x, HEAD - 12.0, x, self.end).empty();
            svg.tag("text")
                .class("lane-name")
                .attr("text-anchor", "middle")
                .at(x, HEAD - 20.0)
                .text(&lane.to_string());
        }
    }

    fn times(&self, svg: &mut Markup) {
        for (moment, Spot { letters: y, .. }) in &self.moments {
            let text = format!("{:.6} s", *moment as f64 / 1e9);
            svg.tag("text").class("tick-label").at(4.0, y + 4.0).text(&text);
        }
    }

    fn notes(&self, svg: &mut Markup) {
        for (y, class, text) in &self.notes {
            if *class == "fault-label" {
                svg.tag("rect")
                    .class("fault-shade")
                    .frame(0.0, y - 14.0, self.width, ROW - 1.0)
                    .empty();
            }
            svg.tag("text").class(class).at(GUTTER, *y).text(text);
        }
    }

    /// The bar of an operation, under everything else.
    fn operation(&self, svg: &mut Markup, line: &Line) {
        let (Some(client), What::Operation { answer, .. }) = (line.lane, &line.what) else {
            return;
        };
        let end = answer.as_ref().map_or(self.end, |(at, ..)| self.y(*at));
        let class = match answer {
            Some((_, EventKind::Ok, _)) => "op ok",
            Some((_, EventKind::Fail, _)) => "op fail",
            _ => "op info",
        };
        let (x, y) = (self.x(client), self.y(line.at));
        svg.tag("g").class(class).open();
        svg.tag("rect").class("bar").frame(x - 5.0, y, 10.0, (end - y).max(4.0)).empty();
        svg.close("g");
    }

    /// Letters, calls and boxes; what happens several times at a place in a moment stands one below the other.
    fn happenings(&self, story: &Story) -> Layers {
        let mut layers = Layers::default();
        let (mut ends, mut boxes) = (BTreeMap::new(), BTreeMap::new());
        for Line { at, lane, what } in &story.lines {
            let Some(lane) = *lane else { continue };
            let y = self.y(*at);
            match what {
                What::Letter { to, fate: Fate::Arrived(there), text, .. } => {
                    let to = Lane::Node(*to);
                    let end = self.y(*there) + STACKED * next(&mut ends, (*there, to));
                    self.letter(&mut layers, (lane, to), (y, end), text);
                }
                What::Letter { to, fate, text, .. } => {
                    let end = y + STACKED * next(&mut ends, (*at, lane));
                    self.stopped(&mut layers, (lane, Lane::Node(*to)), (y, end), text, *fate);
                }
                What::Turn { text, kind } => {
                    let top = self.moments.get(at).map_or(self.end, |spot| spot.boxes);
                    let top = top + ROW * next(&mut boxes, (*at, lane));
                    event(&mut layers.boxes, (self.x(lane), top), text, *kind);
                }
                What::Operation { node, asked, answer } => {
                    let node = Lane::Node(*node);
                    self.call(&mut layers, (lane, node), y, asked, false);
                    if let Some((at, _, text)) = answer {
                        self.call(&mut layers, (lane, node), self.y(*at), text, true);
                    }
                }
                What::Strike(_) | What::Routine(_) | What::LeftOut(_) | What::Unseen(_) => {}
            }
        }
        layers
    }

    fn letter(
        &self,
        layers: &mut Layers,
        (from, to): (Lane, Lane),
        (y1, y2): (f64, f64),
        text: &str,
    ) {
        let (x1, x2) = (self.x(from), self.x(to));
        let right = x2 > x1;
        layers.arrows.tag("g").class("letter").open();
        let line = layers.arrows.tag("line").ends(x1, y1, x2, y2);
        line.attr("marker-end", "url(#letter-head)").empty().close("g");
        let (x, anchor) = if right { (x2 - 10.0, "end") } else { (x2 + 10.0, "start") };
        label(&mut layers.words, (x, y2 - 3.0), anchor, "letter-label", text);
    }

    /// A letter that does not get far.
    fn stopped(
        &self,
        layers: &mut Layers,
        (from, to): (Lane, Lane),
        (y1, y2): (f64, f64),
        text: &str,
        fate: Fate,
    ) {
        let (x1, full) = (self.x(from), self.x(to));
        let side = if full > x1 { 1.0 } else { -1.0 };
        let (x2, y2) = (x1 + side * self.gap * 0.25, y2 + 4.0);
        cut_short(&mut layers.arrows, (x1, y1), (x2, y2), fate);
        let anchor = if side > 0.0 { "start" } else { "end" };
        let room = if side > 0.0 { self.width - x2 } else { x2 - GUTTER };
        let text = cut(&format!("to {to}: {text}"), (room / CHAR) as usize);
        let class = if fate == Fate::Lost { "letter-label lost" } else { "letter-label" };
        label(&mut layers.words, (x2 + side * 10.0, y2 + 4.0), anchor, class, &text);
    }

    /// Between a client and its node: asked, or answered.
    fn call(
        &self,
        layers: &mut Layers,
        (client, node): (Lane, Lane),
        y: f64,
        text: &str,
        back: bool,
    ) {
        let (x, far) = (self.x(client), self.x(node));
        let side = if far < x { -1.0 } else { 1.0 };
        let near = x + side * 6.0;
        let (begin, end) = if back { (far, near) } else { (near, far) };
        layers.arrows.tag("g").class("call").open();
        let line = layers.arrows.tag("line").ends(begin, y, end, y);
        line.attr("marker-end", "url(#call-head)").empty().close("g");
        let anchor = if side < 0.0 { "end" } else { "start" };
        label(&mut layers.words, (x + side * 14.0, y - 3.0), anchor, "letter-label call", text);
    }
}

/// The line of a letter that does not get far, with what became of it at its end: a cross, two bars, or a ring.
fn cut_short(svg: &mut Markup, (x1, y1): (f64, f64), (x2, y2): (f64, f64), fate: Fate) {
    let class = match fate {
        Fate::Lost => "letter lost",
        Fate::Held => "letter held",
        Fate::UnderWay | Fate::Arrived(_) => "letter under-way",
    };
    svg.tag("g").class(class).open();
    svg.tag("line").ends(x1, y1, x2, y2).empty();
    match fate {
        Fate::Lost => {
            for rise in [-4.0, 4.0] {
                let (left, right) = (x2 - 4.0, x2 + 4.0);
                svg.tag("line").class("mark").ends(left, y2 - rise, right, y2 + rise).empty();
            }
        }
        Fate::Held => {
            for x in [x2 - 2.0, x2 + 2.0] {
                svg.tag("line").class("mark").ends(x, y2 - 5.0, x, y2 + 5.0).empty();
            }
        }
        Fate::UnderWay | Fate::Arrived(_) => {
            svg.tag("circle").num("cx", x2).num("cy", y2).num("r", 3.5).empty();
        }
    }
    svg.close("g");
}

/// What letters look like, as far as there are any.
pub(super) fn legend(story: &Story) -> Markup {
    let mut out = Markup::new();
    let is = |wanted: Fate| {
        let has = |line: &Line| matches!(&line.what, What::Letter { fate, .. } if *fate == wanted);
        story.lines.iter().any(has)
    };
    sample(&mut out, "letter", |svg| {
        svg.tag("g").class("letter").open();
        let line = svg.tag("line").ends(0.0, 6.0, 32.0, 6.0);
        line.attr("marker-end", "url(#letter-head)").empty().close("g");
    });
    for (fate, text) in [
        (Fate::Lost, "lost: it does not arrive"),
        (Fate::Held, "held back for a while"),
        (Fate::UnderWay, "still under way at the end"),
    ] {
        if is(fate) {
            sample(&mut out, text, |svg| cut_short(svg, (0.0, 6.0), (26.0, 6.0), fate));
        }
    }
    out
}

fn sample(out: &mut Markup, text: &str, draw: impl FnOnce(&mut Markup)) {
    out.raw("<span><svg width=\"34\" height=\"12\" aria-hidden=\"true\">");
    draw(out);
    out.raw("</svg>").text(text).raw("</span>");
}

/// How many there were of this before.
fn next<K: Ord>(counts: &mut BTreeMap<K, u8>, of: K) -> f64 {
    let count = counts.entry(of).or_default();
    *count = count.saturating_add(1);
    f64::from(*count - 1)
}

/// What each moment needs room for.
fn needs(story: &Story) -> BTreeMap<u64, Need> {
    let mut needs: BTreeMap<u64, Need> = BTreeMap::new();
    for line in &story.lines {
        let need = needs.entry(line.at).or_default();
        match (&line.what, line.lane) {
            (What::Letter { to, fate, .. }, Some(lane)) => {
                need.letters = true;
                if let Fate::Arrived(at) = fate {
                    let need = needs.entry(*at).or_default();
                    need.letters = true;
                    count(&mut need.both, Lane::Node(*to));
                } else {
                    count(&mut need.stopped, lane);
                    count(&mut need.both, lane);
                }
            }
            (What::Operation { answer, .. }, _) => {
                need.letters = true;
                if let Some((at, ..)) = answer {
                    needs.entry(*at).or_default().letters = true;
                }
            }
            (What::Turn { .. }, Some(lane)) => count(&mut need.boxes, lane),
            (What::Strike(text), _) => need.notes.push(("fault-label", text.clone())),
            (What::Routine(count), _) => {
                need.notes.push(("tick-label", format!("{count} heartbeats and answers to them")));
            }
            (What::Unseen(unseen), _) => need.notes.push(("tick-label", unseen.to_string())),
            (What::LeftOut(count), _) => {
                need.notes.push(("tick-label", format!("… {count} lines left out")));
            }
            (What::Letter { .. } | What::Turn { .. }, None) => {}
        }
    }
    needs
}

/// One more.
fn count(counts: &mut BTreeMap<Lane, u8>, of: Lane) {
    let count = counts.entry(of).or_default();
    *count = count.saturating_add(1);
}

fn label(svg: &mut Markup, (x, y): (f64, f64), anchor: &str, class: &str, text: &str) {
    let tag = svg.tag("text").class(class).attr("text-anchor", anchor).at(x, y);
    tag.text(&cut(text, CHARS_MAX));
}

/// A box on a lane.
fn event(svg: &mut Markup, (x, y): (f64, f64), text: &str, kind: Kind) {
    let class = match kind {
        Kind::Role => "event role",
        Kind::Death => "event death",
        Kind::Life | Kind::Log => "event",
    };
    let text = cut(text, CHARS_MAX);
    let width = CHAR * text.chars().count() as f64 + 14.0;
    svg.tag("g").class(class).open();
    svg.tag("rect").frame(x - width / 2.0, y, width, BOX).attr("rx", "4").empty();
    svg.tag("text").attr("text-anchor", "middle").at(x, y + 13.0).text(&text);
    svg.close("g");
}

/// The beginning of a text, if it is too long.
fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let begin: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{begin}…")
}
