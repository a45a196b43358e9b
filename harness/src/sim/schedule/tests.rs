use std::time::Duration;

use super::words::LONGEST;
use super::*;
use crate::proxy::{Link, LinkRule};
use crate::sim::act::{Act, ClockChange, Loss, Trouble};
use crate::sim::dice::{Dice, Purpose};
use crate::sim::network::{Act as OnLetters, Kinds};
use crate::sim::parcel::KIND_NAMES;
use crate::sim::plan::{MS, SECOND};

/// What a schedule looks like: every kind of line.
const GOLDEN: &str = include_str!("golden.txt");

fn strike(at: Moment, lasts: Moment, act: Act) -> Strike {
    Strike { at, until: at + lasts, act, fault: None }
}

fn letters(kinds: u32, link: Option<Link>, act: OnLetters) -> Act {
    Act::Letters { link, kinds: Kinds(kinds), act }
}

fn every_act() -> Vec<Act> {
    let delay =
        LinkRule::Delay { mean: Duration::from_millis(50), jitter: Duration::from_micros(1_500) };
    let links = |rule| Act::Links { links: BTreeSet::from([Link::peers(0, 2)]), rule };
    let both = BTreeSet::from([Link::peers(0, 1), Link::peers(1, 0), Link::to_node(2)]);
    vec![
        Act::Links { links: both, rule: LinkRule::Cut },
        links(LinkRule::Stall),
        links(LinkRule::Blackhole),
        links(LinkRule::Refuse),
        links(LinkRule::Pass),
        links(delay),
        links(LinkRule::Throttle { bytes_per_second: 4_000 }),
        letters(1 << 5, Some(Link::peers(0, 1)), OnLetters::Hold),
        letters(1 << 3 | 1, None, OnLetters::Drop),
        letters(1 << 14, Some(Link::to_client(1)), OnLetters::Drop),
        Act::Kill { node: 2 },
        Act::Crash { node: 1, loss: Loss::Torn(7) },
        Act::Crash { node: 1, loss: Loss::All },
        Act::Crash { node: 1, loss: Loss::Nothing },
        Act::Pause { node: 0 },
        Act::Disk { node: 1, trouble: Trouble::FailOnce { after: 17 } },
        Act::Disk { node: 1, trouble: Trouble::Failing },
        Act::Disk { node: 1, trouble: Trouble::Full { bytes: 4_096 } },
        Act::Disk { node: 1, trouble: Trouble::Slow { by: 50 * MS } },
        Act::FlipBit { node: 0, place: 12_345 },
        Act::Wipe { node: 2 },
        Act::Clock { node: 0, change: ClockChange::Jump { by: 2 * SECOND } },
        Act::Clock { node: 0, change: ClockChange::Pace { thousandths: 1_500 } },
    ]
}

fn golden() -> Schedule {
    let mut plan = SimPlan::calm(4711, 3);
    plan.rate = 99.5;
    plan.faults = vec!["kill-leader".to_owned(), "crash-minority".to_owned()];
    plan.bugs = vec!["half-quorum".to_owned()];
    plan.weather.loss = 20_000;
    plan.weather.double = 1;
    plan.weather.datagrams = true;
    plan.node.turn = 1_234_567;
    plan.node.segment_bytes = 4_097;
    plan.omitted = vec![
        Omitted { client: 3, operations: None },
        Omitted { client: 1, operations: Some(12..=40) },
        Omitted { client: 0, operations: Some(7..=7) },
        Omitted { client: 2, operations: Some(7..=u64::MAX) },
    ];
    let acts = every_act().into_iter().zip(1..);
    let mut strikes: Vec<Strike> =
        acts.map(|(act, at)| strike(at * 304 * MS, 800 * MS, act)).collect();
    strikes[0].fault = Some(12);
    strikes[1].until = strikes[1].at;
    Schedule { plan, strikes, end: Some(6_200 * MS) }
}

#[test]
fn every_kind_of_line_looks_as_it_always_did() {
    let text = golden().to_string();
    assert_eq!(text, GOLDEN, "what was written must stay readable; now it is:\n{text}");
    assert_eq!(GOLDEN.parse(), Ok(golden()));
}

/// Anything that can be printed, from one seed.
struct Any(Dice);

impl Any {
    fn number(&mut self) -> u64 {
        self.0.next() >> self.0.below(64)
    }

    fn span(&mut self) -> Moment {
        let unit = self.0.pick(&[1, 1000, MS, SECOND]);
        (self.number() % LONGEST / unit * unit).min(LONGEST)
    }

    fn node(&mut self) -> usize {
        self.0.below(5) as usize
    }

    fn link(&mut self) -> Link {
        let (node, other) = (self.node(), 1 + self.0.below(4) as usize);
        match self.0.below(4) {
            0 => Link::to_client(node),
            1 => Link::to_node(node),
            _ => Link::peers(node, (node + other) % 5),
        }
    }

    fn rule(&mut self) -> LinkRule {
        let [mean, jitter] = [self.span(), self.span()].map(Duration::from_nanos);
        let bytes_per_second = self.number();
        self.0.pick(&[
            LinkRule::Pass,
            LinkRule::Stall,
            LinkRule::Cut,
            LinkRule::Blackhole,
            LinkRule::Refuse,
            LinkRule::Delay { mean, jitter },
            LinkRule::Throttle { bytes_per_second },
        ])
    }

    fn act(&mut self) -> Act {
        let node = self.node();
        match self.0.below(10) {
            0 => Act::Links {
                links: (0..=self.0.below(4)).map(|_| self.link()).collect(),
                rule: self.rule(),
            },
            1 => {
                let link = if self.0.below(2) == 0 { Some(self.link()) } else { None };
                let kinds = self.0.between(1, (1 << KIND_NAMES.len()) - 1) as u32;
                letters(kinds, link, self.0.pick(&[OnLetters::Hold, OnLetters::Drop]))
            }
            2 => Act::Kill { node },
            3 => {
                let torn = Loss::Torn(self.number());
                Act::Crash { node, loss: self.0.pick(&[Loss::All, Loss::Nothing, torn]) }
            }
            4 => Act::Pause { node },
            5 => {
                let trouble = match self.0.below(4) {
                    0 => Trouble::FailOnce { after: self.0.below(1 << 32) },
                    1 => Trouble::Failing,
                    2 => Trouble::Full { bytes: self.number() },
                    _ => Trouble::Slow { by: self.span() },
                };
                Act::Disk { node, trouble }
            }
            6 => Act::FlipBit { node, place: self.number() },
            7 => Act::Wipe { node },
            8 => Act::Clock { node, change: ClockChange::Jump { by: self.span() } },
            _ => {
                let thousandths = self.0.between(1, 1_000_000);
                Act::Clock { node, change: ClockChange::Pace { thousandths } }
            }
        }
    }

    fn strike(&mut self) -> Strike {
        let (at, lasts) = (self.span(), self.span());
        let fault = if self.0.below(2) == 0 { Some(self.number() as u32) } else { None };
        Strike { fault, ..strike(at, lasts, self.act()) }
    }

    fn omitted(&mut self) -> Omitted {
        let [one, other] = [self.number(), self.number()];
        let other = if self.0.below(4) == 0 { u64::MAX } else { other };
        let operations = (one <= other).then_some(one..=other);
        Omitted { client: self.0.below(10) as usize, operations }
    }

    /// Every number is drawn.
    fn plan(&mut self) -> SimPlan {
        let mut plan = SimPlan::calm(self.number(), 5);
        plan.rate = 0.1 + (self.number() % 1_000_000) as f64 / 3.0;
        let workload = self.0.pick(&["register", "append", "set"]);
        plan.workload = workload.to_owned();
        plan.bugs = ["half-quorum", "R01"][..self.0.below(3) as usize]
            .iter()
            .map(ToString::to_string)
            .collect();
        plan.without
            .extend((self.0.below(2) == 0).then(|| crate::sim::invariants::ALL[0].name.to_owned()));
        for span in [
            &mut plan.storm,
            &mut plan.fault_interval,
            &mut plan.node.hold_max,
            &mut plan.node.turn,
            &mut plan.node.apply_max,
            &mut plan.node.boot_max,
            &mut plan.weather.base,
            &mut plan.weather.mean,
            &mut plan.weather.tail_max,
            &mut plan.weather.client,
            &mut plan.weather.double_max,
            &mut plan.disk.sync_min,
            &mut plan.disk.sync_max,
            &mut plan.disk.slow_max,
            &mut plan.temper.doom_max,
            &mut plan.temper.down_max,
        ] {
            *span = self.span();
        }
        plan.op_timeout = self.span().max(MS);
        plan.node.heartbeat = 1 + self.span() / 2;
        plan.node.election_timeout = plan.node.heartbeat + 1 + self.span() / 3;
        plan.node.batch_bytes_max = self.0.between(1, 1 << 30) as usize;
        plan.node.inflight_max = self.0.between(1, 1 << 30) as usize;
        plan.node.group_max = self.0.between(1, 1 << 30) as usize;
        plan.node.segment_bytes = 4096 * self.0.between(1, 1 << 18);
        plan.node.skew = self.0.below(1001);
        plan.weather.datagrams = self.0.below(2) == 0;
        for share in [
            &mut plan.weather.tail,
            &mut plan.weather.loss,
            &mut plan.weather.double,
            &mut plan.disk.slow,
            &mut plan.temper.brittle,
        ] {
            *share = self.0.below(1_000_001);
        }
        plan.temper.doomed = self.0.below(101);
        plan.temper.power = self.0.below(101);
        plan.omitted = (0..self.0.below(4)).map(|_| self.omitted()).collect();
        plan
    }
}

#[test]
fn what_is_printed_is_parsed_to_the_same_again() {
    for seed in 0..500 {
        let mut any = Any(Dice::new(seed, Purpose::Swarm, 0));
        let strikes = (0..any.0.below(20)).map(|_| any.strike()).collect();
        let end = if any.0.below(2) == 0 { Some(any.span()) } else { None };
        let schedule = Schedule { plan: any.plan(), strikes, end };
        let text = schedule.to_string();
        assert_eq!(text.parse(), Ok(schedule), "seed {seed}:\n{text}");
    }
}

#[test]
fn what_seeds_draw_can_be_written_down() {
    for seed in 0..200 {
        let plan = crate::sim::swarm::draw(seed, &crate::sim::swarm::Wishes::default());
        let schedule = Schedule { plan, strikes: Vec::new(), end: None };
        assert_eq!(schedule.to_string().parse(), Ok(schedule), "seed {seed}");
    }
}

#[test]
fn what_is_not_said_is_as_in_a_calm_run_and_comments_are_skipped() {
    let text = "# why it was kept\n\n  seed 7 # a lucky one\nnodes 5\t\n#\nomit c1 #3 #seen once\nomit c1 #5..#9#\n";
    let error = text.parse::<Schedule>().unwrap_err();
    assert_eq!((error.line, error.what.as_str()), (7, "\"#5..#9#\" will not do"));
    let schedule: Schedule = text.replace("#9#", "#9").parse().unwrap();
    let places = [Some(3..=3), Some(5..=9)];
    let omitted = places.map(|operations| Omitted { client: 1, operations }).to_vec();
    let plan = SimPlan { omitted, ..SimPlan::calm(7, 5) };
    assert_eq!(schedule, Schedule { plan, strikes: Vec::new(), end: None });
}

#[test]
fn spans_are_exact_in_any_unit() {
    for (nanos, text) in [
        (0, "0s"),
        (1, "1ns"),
        (1_000, "1us"),
        (1_500, "1500ns"),
        (20 * MS, "20ms"),
        (1_204 * MS, "1.204s"),
        (6_200 * MS, "6.2s"),
        (SECOND + 1, "1000000001ns"),
        (LONGEST, "8640000s"),
    ] {
        assert_eq!((words::span(nanos).as_str(), words::parse_span(text)), (text, Some(nanos)));
    }
    assert_eq!(words::parse_span("0.000000001s"), Some(1));
    for bad in
        ["", "s", "1", "1.s", ".5s", "-1s", "1.5ns", "1.0000s1", "+1s", "99999999999s", "1 s"]
    {
        assert_eq!(words::parse_span(bad), None, "{bad:?}");
    }
}

/// What is said about the last of these lines.
fn complaint(lines: &str) -> String {
    let text =
        if lines.contains("seed") { lines.to_owned() } else { format!("seed 1\nnodes 3\n{lines}") };
    text.parse::<Schedule>().unwrap_err().to_string()
}

#[test]
fn mistakes_are_told_by_line_with_what_was_expected() {
    for (lines, wanted) in [
        ("seed 1\n", "line 2: nobody said \"nodes\"; expected \"nodes NUMBER\" above"),
        ("seed 1\nat 1s for 1s kill n1\nnodes 3", "line 2: nobody said \"nodes\""),
        (
            "colour blue",
            "line 3: there is no \"colour\"; expected a setting, \"at\", \"omit\" or \"end\"",
        ),
        ("node.turn 3", "line 3: \"3\" will not do; expected a time, 0s to 8640000s"),
        ("node.turn", "line 3: the line ends too early; expected a time"),
        ("nodes 5", "line 3: \"nodes\" has been said before; expected it once"),
        ("seed 1\nnodes 10", "line 2: \"10\" will not do; expected a number, 1 to 9"),
        ("weather.loss 2.00001%", "expected a share, 0.0001% or a multiple of it, to 100%"),
        ("weather.loss 101%", "\"101%\" will not do"),
        ("node.segment-bytes 4095B", "expected a size, 4KiB to 1024MiB"),
        ("weather.datagrams maybe", "expected yes or no"),
        ("rate NaN", "expected operations a second"),
        ("bugs half-quorun", "\"half-quorun\" will not do; expected the name of a bug"),
        ("faults none kill-all", "\"kill-all\" is too much"),
        (
            "node.heartbeat 150ms",
            "line 4: node.heartbeat is 150ms; expected less than node.election-timeout, 150ms",
        ),
        ("end 1s\nend 2s", "line 4: \"end\" has been said before"),
        (
            "end 1s\nrate 5",
            "line 4: \"rate\" comes too late; expected all settings before anything else",
        ),
        ("omit c10", "expected a client, c0 to c9"),
        ("omit c1 #9..#3", "expected places, as #12..#40, #12 or #12.."),
        ("at 1s for 1s kill n4", "line 3: \"n4\" will not do; expected a node, n1 to n3"),
        ("at 1s for 1s kill n0", "\"n0\" will not do"),
        ("at 1s for 1s kill n1 n2", "\"n2\" will not do; expected \"fault\""),
        ("at 1s for 1s kill n1 fault 1 2", "\"2\" is too much; expected the end of the line"),
        ("at 1s kill n1", "\"kill\" will not do; expected \"for\""),
        ("at 1s for 1s maim n1", "nobody can \"maim\"; expected links, hold"),
        ("at 1s for 1s links cut", "\"cut\" will not do; expected a link"),
        (
            "at 1s for 1s links n1>n1 cut",
            "\"n1>n1\" will not do; expected a link, as n1>n2, c>n1 or n1>c",
        ),
        ("at 1s for 1s links n1>n2 bend", "no link can \"bend\"; expected a link, or pass"),
        ("at 1s for 1s links n1>n2 delay 5ms 5ms", "expected \"+-\""),
        ("at 1s for 1s links n1>n2 throttle 4000", "expected bytes a second, as 4000B/s"),
        ("at 1s for 1s hold Vote", "expected kinds of letters with commas between: PreVoteRequest"),
        (
            "at 1s for 1s crash n1 half",
            "nothing can be \"half\"; expected what becomes of the unsynced",
        ),
        ("at 1s for 1s disk n1 wet", "no disk is \"wet\"; expected fail-once CALLS"),
        ("at 1s for 1s clock n1 stop", "no clock can \"stop\"; expected jump TIME"),
        ("at 1s for 1s clock n1 pace 0", "expected thousandths, 1 to 1000000"),
        ("at 9000000s for 1s kill n1", "\"9000000s\" will not do; expected when it begins"),
    ] {
        let said = complaint(lines);
        assert!(said.contains(wanted), "{lines:?}: {said}");
    }
}

#[test]
fn no_text_breaks_the_parser() {
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed, Purpose::Swarm, 1);
        let mut text: Vec<char> = GOLDEN.chars().collect();
        for _ in 0..dice.between(1, 4) {
            let at = dice.below(text.len() as u64) as usize;
            let end = (at + dice.below(9) as usize).min(text.len());
            text.splice(
                at..end,
                dice.pick(&["", " ", "\n", "#", "9", "99999999999", "n>", "é"]).chars(),
            );
        }
        let text: String = text.into_iter().collect();
        if let Ok(schedule) = text.parse::<Schedule>() {
            assert_eq!(schedule.to_string().parse(), Ok(schedule), "{text}");
        }
    }
}
