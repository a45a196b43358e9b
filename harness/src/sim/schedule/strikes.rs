//! Strikes, one a line.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::words::{self, Words, Wrong};
use crate::proxy::{Endpoint, Link, LinkRule};
use crate::sim::act::{Act, ClockChange, Loss, Strike, Trouble};
use crate::sim::network::{Act as OnLetters, Kinds};
use crate::sim::parcel::KIND_NAMES;

/// The fastest clock, in thousandths of true time: faster ones could pass the end of time within a run.
const PACE_MAX: u64 = 1_000_000;
/// The most calls from now after which one fails.
const CALLS_MAX: u64 = 1 << 32;

/// One line.
pub(super) fn print(strike: &Strike, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let lasts = strike.until.saturating_sub(strike.at);
    write!(out, "at {} for {} ", words::span(strike.at), words::span(lasts))?;
    print_act(&strike.act, out)?;
    if let Some(fault) = strike.fault {
        write!(out, " fault {fault}")?;
    }
    writeln!(out)
}

/// What is done, as in a schedule.
pub(super) struct Spelt<'a>(pub(super) &'a Act);

impl fmt::Display for Spelt<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_act(self.0, out)
    }
}

fn print_act(act: &Act, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match act {
        Act::Links { links, rule } => {
            write!(out, "links ")?;
            links.iter().try_for_each(|link| write!(out, "{link} "))?;
            print_rule(*rule, out)
        }
        Act::Letters { link, kinds, act } => {
            let names: Vec<&str> = kinds_of(*kinds).map(|(_, name)| name).collect();
            let verb = if *act == OnLetters::Hold { "hold" } else { "drop" };
            write!(out, "{verb} {}", names.join(","))?;
            link.iter().try_for_each(|link| write!(out, " {link}"))
        }
        Act::Kill { node } => write!(out, "kill {}", Endpoint::Node(*node)),
        Act::Crash { node, loss } => {
            write!(out, "crash {} ", Endpoint::Node(*node))?;
            match loss {
                Loss::All => write!(out, "lost"),
                Loss::Nothing => write!(out, "kept"),
                Loss::Torn(seed) => write!(out, "torn {seed}"),
            }
        }
        Act::Pause { node } => write!(out, "pause {}", Endpoint::Node(*node)),
        Act::Disk { node, trouble } => {
            write!(out, "disk {} ", Endpoint::Node(*node))?;
            match trouble {
                Trouble::FailOnce { after } => write!(out, "fail-once {after}"),
                Trouble::Failing => write!(out, "failing"),
                Trouble::Full { bytes } => write!(out, "full {bytes}"),
                Trouble::Slow { by } => write!(out, "slow {}", words::span(*by)),
            }
        }
        Act::FlipBit { node, place } => write!(out, "flip {} {place}", Endpoint::Node(*node)),
        Act::Wipe { node } => write!(out, "wipe {}", Endpoint::Node(*node)),
        Act::Clock { node, change } => {
            write!(out, "clock {} ", Endpoint::Node(*node))?;
            match change {
                ClockChange::Jump { by } => write!(out, "jump {}", words::span(*by)),
                ClockChange::Pace { thousandths } => write!(out, "pace {thousandths}"),
            }
        }
    }
}

fn print_rule(rule: LinkRule, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match rule {
        LinkRule::Delay { mean, jitter } => {
            let [mean, jitter] = [mean, jitter]
                .map(|time| words::span(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
            write!(out, "delay {mean} +- {jitter}")
        }
        LinkRule::Throttle { bytes_per_second } => write!(out, "throttle {bytes_per_second}B/s"),
        LinkRule::Pass
        | LinkRule::Stall
        | LinkRule::Cut
        | LinkRule::Blackhole
        | LinkRule::Refuse => write!(out, "{rule}"),
    }
}

/// A line that begins with "at", in a cluster of so many nodes.
pub(super) fn parse(words: &mut Words<'_>, nodes: usize) -> Result<Strike, Wrong> {
    words.literal("at")?;
    let at = words.span("when it begins")?;
    words.literal("for")?;
    let until = at + words.span("how long it lasts")?;
    let act = parse_act(words, nodes)?;
    let fault = if words.peek().is_some() {
        words.literal("fault")?;
        Some(words.number("the number of a fault", 0..=u64::from(u32::MAX))? as u32)
    } else {
        None
    };
    Ok(Strike { at, until, act, fault })
}

fn parse_act(words: &mut Words<'_>, nodes: usize) -> Result<Act, Wrong> {
    const VERBS: &str = "links, hold, drop, crash, kill, pause, disk, flip, wipe or clock";
    let verb = words.next(VERBS)?;
    match verb {
        "links" => parse_links(words, nodes),
        "hold" => parse_letters(words, nodes, OnLetters::Hold),
        "drop" => parse_letters(words, nodes, OnLetters::Drop),
        "crash" => parse_crash(words, nodes),
        "kill" => Ok(Act::Kill { node: parse_node(words, nodes)? }),
        "pause" => Ok(Act::Pause { node: parse_node(words, nodes)? }),
        "disk" => parse_disk(words, nodes),
        "flip" => {
            let node = parse_node(words, nodes)?;
            Ok(Act::FlipBit { node, place: words.number("a bit from the end", 0..=u64::MAX)? })
        }
        "wipe" => Ok(Act::Wipe { node: parse_node(words, nodes)? }),
        "clock" => parse_clock(words, nodes),
        _ => Err(Wrong::new(format!("nobody can {verb:?}"), VERBS)),
    }
}

fn parse_links(words: &mut Words<'_>, nodes: usize) -> Result<Act, Wrong> {
    let mut links = BTreeSet::from([parse_link(words, nodes)?]);
    while words.peek().is_some_and(|word| word.contains('>')) {
        links.insert(parse_link(words, nodes)?);
    }
    Ok(Act::Links { links, rule: parse_rule(words)? })
}

fn parse_rule(words: &mut Words<'_>) -> Result<LinkRule, Wrong> {
    const RULES: &str =
        "a link, or pass, stall, cut, blackhole, refuse, delay TIME +- TIME or throttle 4000B/s";
    let rule = words.next(RULES)?;
    match rule {
        "pass" => Ok(LinkRule::Pass),
        "stall" => Ok(LinkRule::Stall),
        "cut" => Ok(LinkRule::Cut),
        "blackhole" => Ok(LinkRule::Blackhole),
        "refuse" => Ok(LinkRule::Refuse),
        "delay" => {
            let mean = Duration::from_nanos(words.span("the mean delay")?);
            words.literal("+-")?;
            let jitter = Duration::from_nanos(words.span("how far delays are off")?);
            Ok(LinkRule::Delay { mean, jitter })
        }
        "throttle" => {
            let bytes_per_second = words.map("bytes a second, as 4000B/s", |word| {
                words::whole(word.strip_suffix("B/s")?)
            })?;
            Ok(LinkRule::Throttle { bytes_per_second })
        }
        _ => Err(Wrong::new(format!("no link can {rule:?}"), RULES)),
    }
}

fn parse_letters(words: &mut Words<'_>, nodes: usize, act: OnLetters) -> Result<Act, Wrong> {
    let expected = format!("kinds of letters with commas between: {}", KIND_NAMES.join(" "));
    let kinds = words.map(&expected, |word| {
        let bit = |name| KIND_NAMES.iter().position(|kind| *kind == name);
        word.split(',').try_fold(0, |bits, name| Some(bits | 1 << bit(name)?)).map(Kinds)
    })?;
    let is_link = words.peek().is_some_and(|word| word.contains('>'));
    let link = if is_link { Some(parse_link(words, nodes)?) } else { None };
    Ok(Act::Letters { link, kinds, act })
}

fn parse_crash(words: &mut Words<'_>, nodes: usize) -> Result<Act, Wrong> {
    const LOSSES: &str = "what becomes of the unsynced: lost, kept or torn SEED";
    let node = parse_node(words, nodes)?;
    let loss = match words.next(LOSSES)? {
        "lost" => Loss::All,
        "kept" => Loss::Nothing,
        "torn" => Loss::Torn(words.number("a seed", 0..=u64::MAX)?),
        other => return Err(Wrong::new(format!("nothing can be {other:?}"), LOSSES)),
    };
    Ok(Act::Crash { node, loss })
}

fn parse_disk(words: &mut Words<'_>, nodes: usize) -> Result<Act, Wrong> {
    const TROUBLES: &str = "fail-once CALLS, failing, full BYTES or slow TIME";
    let node = parse_node(words, nodes)?;
    let trouble = match words.next(TROUBLES)? {
        "fail-once" => Trouble::FailOnce { after: words.number("calls before it", 0..=CALLS_MAX)? },
        "failing" => Trouble::Failing,
        "full" => Trouble::Full { bytes: words.number("bytes that are free", 0..=u64::MAX)? },
        "slow" => Trouble::Slow { by: words.span("how much longer a sync takes")? },
        other => return Err(Wrong::new(format!("no disk is {other:?}"), TROUBLES)),
    };
    Ok(Act::Disk { node, trouble })
}

fn parse_clock(words: &mut Words<'_>, nodes: usize) -> Result<Act, Wrong> {
    const CHANGES: &str = "jump TIME or pace THOUSANDTHS";
    let node = parse_node(words, nodes)?;
    let change = match words.next(CHANGES)? {
        "jump" => ClockChange::Jump { by: words.span("how far it jumps")? },
        "pace" => ClockChange::Pace { thousandths: words.number("thousandths", 1..=PACE_MAX)? },
        other => return Err(Wrong::new(format!("no clock can {other:?}"), CHANGES)),
    };
    Ok(Act::Clock { node, change })
}

fn parse_node(words: &mut Words<'_>, nodes: usize) -> Result<usize, Wrong> {
    words.map(&format!("a node, n1 to n{nodes}"), |word| node_of(word, nodes))
}

fn node_of(word: &str, nodes: usize) -> Option<usize> {
    let number: usize = words::whole(word.strip_prefix('n')?)?;
    number.checked_sub(1).filter(|node| *node < nodes)
}

/// Between two nodes, or between a node and the clients.
fn parse_link(words: &mut Words<'_>, nodes: usize) -> Result<Link, Wrong> {
    let expected = format!("a link, as n1>n2, c>n1 or n1>c, between n1 to n{nodes}");
    words.map(&expected, |word| {
        let end = |name| match name {
            "c" => Some(Endpoint::Client),
            _ => node_of(name, nodes).map(Endpoint::Node),
        };
        let (from, to) = word.split_once('>')?;
        let link = Link { from: end(from)?, to: end(to)? };
        (link.from != link.to).then_some(link)
    })
}

fn kinds_of(kinds: Kinds) -> impl Iterator<Item = (u32, &'static str)> {
    let named = (0..).map(|bit| 1 << bit).zip(KIND_NAMES);
    named.filter(move |(bit, _)| kinds.meet(Kinds(*bit)))
}
