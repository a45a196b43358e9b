//! Settings by name: one table for both directions.
//!
//! The plan is taken apart without `..`, so that a new field stops the build until it has a name.

use std::fmt;
use std::ops::RangeInclusive;

use super::words::{self, LONGEST, Words, Wrong};
use crate::bugs::Bug;
use crate::nemesis::kind::Fault;
use crate::sim::invariants;
use crate::sim::network::Weather;
use crate::sim::plan::{DiskPlan, MS, NodePlan, Rest, SimPlan, Temper};

/// The least that a segment of a log can have.
const SEGMENT_MIN: u64 = rashomon_node::storage::SEGMENT_BYTES_MIN;
/// What stands for an empty list.
const NONE: &str = "none";

/// A setting in its plan.
pub(super) struct Slot<'a> {
    name: &'static str,
    value: Value<'a>,
}

enum Value<'a> {
    Number(Whole<'a>, RangeInclusive<u64>),
    Bytes(Whole<'a>, RangeInclusive<u64>),
    /// Nanoseconds, so many at least.
    Span(&'a mut u64, u64),
    /// Parts of a whole; percents have so many digits behind the point.
    Share(&'a mut u64, u32),
    Rate(&'a mut f64),
    Flag(&'a mut bool),
    Rest(&'a mut Rest),
    Name(&'a mut String, Known),
    Names(&'a mut Vec<String>, Known),
}

/// Which names there are: what they are names of, and whether there is one.
type Known = (&'static str, fn(&str) -> bool);

/// The two widths that whole numbers have.
enum Whole<'a> {
    Long(&'a mut u64),
    Size(&'a mut usize),
}

/// One line a setting.
pub(super) fn print(plan: &SimPlan, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut plan = plan.clone();
    slots(&mut plan).iter().try_for_each(|slot| writeln!(out, "{} {}", slot.name, slot.value))
}

/// The setting of this name.
pub(super) fn slot<'a>(plan: &'a mut SimPlan, name: &str) -> Option<Slot<'a>> {
    slots(plan).into_iter().find(|slot| slot.name == name)
}

/// Refuses settings that do not fit together.
pub(super) fn check(plan: &SimPlan) -> Result<(), Wrong> {
    let NodePlan { heartbeat, election_timeout, .. } = plan.node;
    if heartbeat < election_timeout {
        return Ok(());
    }
    let what = format!("node.heartbeat is {}", words::span(heartbeat));
    let limit = words::span(election_timeout);
    Err(Wrong::new(what, &format!("less than node.election-timeout, {limit}")))
}

fn slots(plan: &mut SimPlan) -> Vec<Slot<'_>> {
    let SimPlan {
        seed,
        nodes,
        workload,
        clients,
        rate,
        op_timeout,
        storm,
        faults,
        fault_interval,
        bugs,
        without,
        node,
        weather,
        disk,
        temper,
        rest,
        // Has lines of its own, behind the strikes.
        omitted: _,
    } = plan;
    let mut slots = slots_of([
        ("seed", Value::Number(Whole::Long(seed), 0..=u64::MAX)),
        ("nodes", Value::Number(Whole::Size(nodes), 1..=9)),
        ("workload", Value::Name(workload, ("workload", is_workload))),
        ("clients", Value::Number(Whole::Size(clients), 1..=1000)),
        ("rate", Value::Rate(rate)),
        ("op-timeout", Value::Span(op_timeout, MS)),
        ("storm", Value::Span(storm, 0)),
        ("faults", Value::Names(faults, ("fault", is_fault))),
        ("fault-interval", Value::Span(fault_interval, 0)),
        ("bugs", Value::Names(bugs, ("bug", is_bug))),
        ("without", Value::Names(without, ("invariant", is_invariant))),
    ]);
    slots.extend(of_node(node));
    slots.extend(of_weather(weather));
    slots.extend(of_disk(disk));
    slots.extend(of_temper(temper));
    slots.push(Slot { name: "rest", value: Value::Rest(rest) });
    slots
}

fn of_node(node: &mut NodePlan) -> Vec<Slot<'_>> {
    let NodePlan {
        election_timeout,
        heartbeat,
        batch_bytes_max,
        inflight_max,
        segment_bytes,
        group_max,
        hold_max,
        turn,
        apply_max,
        skew,
        boot_max,
    } = node;
    slots_of([
        ("node.election-timeout", Value::Span(election_timeout, 1)),
        ("node.heartbeat", Value::Span(heartbeat, 1)),
        ("node.batch-bytes-max", Value::Bytes(Whole::Size(batch_bytes_max), 1..=1 << 30)),
        ("node.inflight-max", Value::Number(Whole::Size(inflight_max), 1..=1 << 30)),
        ("node.segment-bytes", Value::Bytes(Whole::Long(segment_bytes), SEGMENT_MIN..=1 << 30)),
        ("node.group-max", Value::Number(Whole::Size(group_max), 1..=1 << 30)),
        ("node.hold-max", Value::Span(hold_max, 0)),
        ("node.turn", Value::Span(turn, 0)),
        ("node.apply-max", Value::Span(apply_max, 0)),
        ("node.skew", Value::Share(skew, 1)),
        ("node.boot-max", Value::Span(boot_max, 0)),
    ])
}

fn of_weather(weather: &mut Weather) -> Vec<Slot<'_>> {
    let Weather { base, mean, tail, tail_max, client, datagrams, loss, double, double_max } =
        weather;
    slots_of([
        ("weather.base", Value::Span(base, 0)),
        ("weather.mean", Value::Span(mean, 0)),
        ("weather.tail", Value::Share(tail, 4)),
        ("weather.tail-max", Value::Span(tail_max, 0)),
        ("weather.client", Value::Span(client, 0)),
        ("weather.datagrams", Value::Flag(datagrams)),
        ("weather.loss", Value::Share(loss, 4)),
        ("weather.double", Value::Share(double, 4)),
        ("weather.double-max", Value::Span(double_max, 0)),
    ])
}

fn of_disk(disk: &mut DiskPlan) -> Vec<Slot<'_>> {
    let DiskPlan { sync_min, sync_max, slow, slow_max } = disk;
    slots_of([
        ("disk.sync-min", Value::Span(sync_min, 0)),
        ("disk.sync-max", Value::Span(sync_max, 0)),
        ("disk.slow", Value::Share(slow, 4)),
        ("disk.slow-max", Value::Span(slow_max, 0)),
    ])
}

fn of_temper(temper: &mut Temper) -> Vec<Slot<'_>> {
    let Temper { brittle, doomed, doom_max, down_max, power } = temper;
    slots_of([
        ("temper.brittle", Value::Share(brittle, 4)),
        ("temper.doomed", Value::Share(doomed, 0)),
        ("temper.doom-max", Value::Span(doom_max, 0)),
        ("temper.down-max", Value::Span(down_max, 0)),
        ("temper.power", Value::Share(power, 0)),
    ])
}

fn slots_of<'a, const N: usize>(slots: [(&'static str, Value<'a>); N]) -> Vec<Slot<'a>> {
    slots.into_iter().map(|(name, value)| Slot { name, value }).collect()
}

fn is_workload(name: &str) -> bool {
    rashomon_workloads::by_name(name).is_some()
}

fn is_fault(name: &str) -> bool {
    Fault::named(name).is_some()
}

fn is_bug(name: &str) -> bool {
    name.parse::<Bug>().is_ok()
}

fn is_invariant(name: &str) -> bool {
    invariants::ALL.iter().any(|about| about.name == name)
}

impl Slot<'_> {
    /// Takes the value that the words say.
    pub(super) fn parse(&mut self, words: &mut Words<'_>) -> Result<(), Wrong> {
        match &mut self.value {
            Value::Number(number, range) => number.set(words.number("a number", range.clone())?),
            Value::Bytes(number, range) => {
                let [least, most] = [*range.start(), *range.end()].map(words::bytes);
                let expected = format!("a size, {least} to {most}");
                let fits = |bytes: &u64| range.contains(bytes);
                number.set(words.map(&expected, |word| words::parse_bytes(word).filter(fits))?);
            }
            Value::Span(span, least) => {
                let expected =
                    format!("a time, {} to {}", words::span(*least), words::span(LONGEST));
                let fits = |nanos: &u64| (*least..=LONGEST).contains(nanos);
                **span = words.map(&expected, |word| words::parse_span(word).filter(fits))?;
            }
            Value::Share(share, places) => {
                let (places, least) = (*places, words::share(1, *places));
                let expected = format!("a share, {least} or a multiple of it, to 100%");
                let fits = |parts: &u64| *parts <= 100 * 10_u64.pow(places);
                **share =
                    words.map(&expected, |word| words::parse_share(word, places).filter(fits))?;
            }
            Value::Rate(rate) => {
                let fits = |rate: &f64| (0.1..=1e6).contains(rate);
                **rate = words.map("operations a second, 0.1 to 1000000", |word| {
                    word.parse().ok().filter(fits)
                })?;
            }
            Value::Flag(flag) => {
                **flag = words.map("yes or no", |word| match word {
                    "yes" => Some(true),
                    "no" => Some(false),
                    _ => None,
                })?;
            }
            Value::Rest(rest) => {
                let named = |word: &str| {
                    Rest::ALL.iter().find(|(name, _)| *name == word).map(|(_, rest)| *rest)
                };
                **rest = words.map("healed, down, cut, deaf, mute or partly", named)?;
            }
            Value::Name(name, known) => name_of(*known, words)?.clone_into(name),
            Value::Names(names, known) => **names = names_of(*known, words)?,
        }
        Ok(())
    }
}

fn name_of<'a>((what, known): Known, words: &mut Words<'a>) -> Result<&'a str, Wrong> {
    words.map(&format!("the name of a {what}"), |word| known(word).then_some(word))
}

fn names_of(known: Known, words: &mut Words<'_>) -> Result<Vec<String>, Wrong> {
    if words.peek() == Some(NONE) {
        words.next("")?;
        return Ok(Vec::new());
    }
    let mut names = vec![name_of(known, words)?.to_owned()];
    while words.peek().is_some() {
        names.push(name_of(known, words)?.to_owned());
    }
    Ok(names)
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number, _) => write!(out, "{}", number.get()),
            Self::Bytes(number, _) => out.write_str(&words::bytes(number.get())),
            Self::Span(span, _) => out.write_str(&words::span(**span)),
            Self::Share(share, places) => out.write_str(&words::share(**share, *places)),
            // The shortest form that is read back as the same number.
            Self::Rate(rate) => write!(out, "{rate}"),
            Self::Flag(flag) => out.write_str(if **flag { "yes" } else { "no" }),
            Self::Rest(rest) => out.write_str(rest.name()),
            Self::Name(name, _) => out.write_str(name),
            Self::Names(names, _) if names.is_empty() => out.write_str(NONE),
            Self::Names(names, _) => out.write_str(&names.join(" ")),
        }
    }
}

impl Whole<'_> {
    const fn get(&self) -> u64 {
        match self {
            Self::Long(number) => **number,
            Self::Size(number) => **number as u64,
        }
    }

    const fn set(&mut self, value: u64) {
        match self {
            Self::Long(number) => **number = value,
            Self::Size(number) => **number = value as usize,
        }
    }
}
