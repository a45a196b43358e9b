//! What a run has that a calm one has not, in words that people know: faults as `rashomon list faults` names them, settings
//! as schedules do. Of a run that was made small that is what it needs to go wrong.

use serde::{Deserialize, Serialize};

use super::settings;
use crate::proxy::{Endpoint, Link, LinkRule};
use crate::sim::act::{Act, ClockChange, Strike, Trouble};
use crate::sim::heap::Moment;
use crate::sim::network::Act as OnLetters;
use crate::sim::plan::{MS, SimPlan};
use crate::sim::run::Outcome;
use crate::sim::schedule::Schedule;

/// Connections that are refused for no longer than this break, and no more: they can be made again at once.
const BREAK_MAX: Moment = 2 * MS;

/// Settings that say nothing where others are calm.
const DEPENDENT: [&str; 3] = ["weather.tail-max", "weather.double-max", "disk.slow-max"];

/// What it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Kinds of faults: names or groups of `rashomon list faults`, each once, in the order in which they begin. Whom they
    /// aimed at cannot be seen any more.
    pub faults: Vec<String>,
    /// Settings that are not those of a calm run, of those that shrinking tries.
    pub conditions: Vec<String>,
}

impl Needs {
    /// Of a run.
    pub fn of(outcome: &Outcome) -> Self {
        let mut faults: Vec<String> = Vec::new();
        for strike in &outcome.strikes {
            let name = name(strike);
            if !faults.iter().any(|known| known == name) {
                faults.push(name.to_owned());
            }
        }
        Self { faults, conditions: conditions(&outcome.plan) }
    }

    /// Whether a calm run goes wrong by itself.
    pub const fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.conditions.is_empty()
    }
}

/// The fault, or the group of faults, that a strike belongs to.
fn name(strike: &Strike) -> &'static str {
    match &strike.act {
        Act::Links { rule: LinkRule::Refuse, .. }
            if strike.until.saturating_sub(strike.at) <= BREAK_MAX =>
        {
            "reset-links"
        }
        Act::Links { links, rule } => links_name(links.iter(), *rule),
        Act::Letters { act: OnLetters::Hold, .. } => "hold-kind",
        Act::Letters { act: OnLetters::Drop, .. } => "drop-kind",
        Act::Kill { .. } => "kill",
        Act::Crash { .. } => "crash",
        Act::Pause { .. } => "pause",
        Act::Disk { trouble, .. } => match trouble {
            Trouble::FailOnce { .. } => "eio-once",
            Trouble::Failing => "disk-failing",
            Trouble::Full { .. } => "disk-full",
            Trouble::Slow { .. } => "slow-disk",
        },
        Act::FlipBit { .. } => "bit-flip",
        Act::Wipe { .. } => "wipe-log",
        Act::Clock { change: ClockChange::Jump { .. }, .. } => "clock-jump",
        Act::Clock { change: ClockChange::Pace { .. }, .. } => "clock-drift",
    }
}

fn links_name<'a>(
    mut links: impl Iterator<Item = &'a Link> + Clone,
    rule: LinkRule,
) -> &'static str {
    let between_nodes = |link: &Link| link.from != Endpoint::Client && link.to != Endpoint::Client;
    match rule {
        LinkRule::Cut if links.clone().any(between_nodes) => "partition",
        LinkRule::Cut if links.any(|link| link.from == Endpoint::Client) => "clients-cut",
        LinkRule::Cut => "answers-cut",
        LinkRule::Stall => "stall-one-way",
        LinkRule::Blackhole => "blackhole-peers",
        LinkRule::Refuse => "refuse-peers",
        LinkRule::Delay { .. } => "slow-links",
        LinkRule::Throttle { .. } => "throttle-links",
        // Only who writes a schedule by hand comes here.
        LinkRule::Pass => "none",
    }
}

/// The names of the settings that would be others if the plan were calm.
fn conditions(plan: &SimPlan) -> Vec<String> {
    let lines = |plan: &SimPlan| {
        let schedule = Schedule { plan: plan.clone(), strikes: Vec::new(), end: None };
        schedule.to_string().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut calm = plan.clone();
    for change in settings::ALL {
        change(&mut calm);
    }
    let usual = lines(&calm);
    let unusual = lines(plan).into_iter().filter(|line| !usual.contains(line));
    let names = unusual.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    names.filter(|name| !DEPENDENT.contains(&name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nemesis;
    use crate::sim::run::replay_text;

    fn needs(text: &str) -> Needs {
        let outcome = replay_text(&format!("seed 1\nnodes 3\nstorm 10ms\n{text}\nend 10ms\n"));
        Needs::of(&outcome.unwrap())
    }

    #[test]
    fn strikes_have_the_names_of_faults_or_groups() {
        let text = "at 1ms for 1ms links n1>n2 n2>n1 cut\nat 1ms for 9ms links n1>c cut\n\
                    at 1ms for 9ms links c>n1 n1>c cut\nat 1ms for 1ms links n1>n2 refuse\n\
                    at 1ms for 9ms links n1>n2 refuse\nat 1ms for 9ms links n1>n2 stall\n\
                    at 1ms for 9ms kill n2\nat 1ms for 9ms crash n3 torn 7\nat 1ms for 9ms kill n1";
        let needs = needs(text);
        assert_eq!(
            needs.faults,
            [
                "partition",
                "answers-cut",
                "clients-cut",
                "reset-links",
                "refuse-peers",
                "stall-one-way",
                "kill",
                "crash"
            ]
        );
        assert!(needs.faults.iter().all(|name| nemesis::parse(name).is_ok()), "{needs:?}");
        assert_eq!(needs.conditions, [""; 0]);
    }

    #[test]
    fn settings_count_that_a_calm_run_has_not() {
        let needs = needs("weather.datagrams yes\nweather.loss 2%\nnode.turn 1ms\nrest cut");
        assert_eq!(needs.faults, [""; 0]);
        assert_eq!(needs.conditions, ["node.turn", "weather.datagrams", "weather.loss", "rest"]);
    }
}
