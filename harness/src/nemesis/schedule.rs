//! The schedule: which fault when and for how long. Drawn from the seed before the run, so that it is data: it can be
//! written down, compared and carried out again.
//!
//! - Faults are drawn as from a bag that is refilled when empty, so a run has each about equally often. The one that
//!   shows most, the leader cut off, comes first: even a run that is too short for all of them has it.
//! - Starts are the mean interval apart, give or take half of it; durations are log-uniform between what the fault needs
//!   and [`Tempo::longest`], around the election timeouts of the system.
//! - At most [`Tempo::together`] overlap. A fault that stops most processes overlaps none that stops processes: there would be
//!   nothing left to hit.
//! - The first one leaves the system some healthy time, and all end by the time limit.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use super::kind::{Fault, Shape};
use super::{FaultSpec, PlannedFault};
use crate::seed::Seed;

/// How fast faults come and go. The default suits election timeouts of 150 ms or so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tempo {
    /// Load without faults at the start.
    pub healthy: Duration,
    /// An ordinary fault lasts so long at least; one that has to outlast elections takes longer in proportion.
    pub shortest: Duration,
    /// A fault lasts so long at most, if it can do what it is for in that time.
    pub longest: Duration,
    /// Faults in force at the same time; 0 is as 1.
    pub together: usize,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            healthy: Duration::from_secs(1),
            shortest: Duration::from_millis(300),
            longest: Duration::from_secs(3),
            together: 3,
        }
    }
}

impl Tempo {
    /// The shortest run that has room for a fault, whatever the seed; `None` if there are none to draw from.
    pub fn least_time(self, faults: &[FaultSpec]) -> Option<Duration> {
        let faults: Vec<Fault> = faults.iter().filter_map(|spec| Fault::named(&spec.0)).collect();
        let first = if faults.contains(&FIRST) {
            Some(self.least(FIRST))
        } else {
            faults.iter().map(|fault| self.least(*fault)).max()
        };
        first.map(|duration| self.healthy + duration)
    }

    /// How long the fault lasts at least. Never no time at all: a schedule could go on for ever without one.
    fn least(self, fault: Fault) -> Duration {
        fault.duration_min(self.shortest).max(GRAIN)
    }

    fn draw_duration(self, fault: Fault, rng: &mut ChaCha8Rng) -> Duration {
        let least = self.least(fault);
        if self.longest <= least {
            return least;
        }
        let [low, high] = [least, self.longest].map(|bound| bound.as_secs_f64().ln());
        // Whole milliseconds: nobody needs more, and logs stay readable.
        Duration::from_millis((rng.random_range(low..high).exp() * 1000.0).round() as u64)
    }
}

/// The least that a duration can be.
const GRAIN: Duration = Duration::from_millis(1);

/// Draws a schedule from the seed. The same arguments give the same schedule. Names that are not faults are left out:
/// [`super::parse`] has refused them before.
pub fn plan_schedule(
    seed: Seed,
    faults: &[FaultSpec],
    interval: Duration,
    time_limit: Duration,
    tempo: Tempo,
) -> Vec<PlannedFault> {
    let kinds: Vec<(FaultSpec, Fault)> =
        faults.iter().filter_map(|spec| Some((spec.clone(), Fault::named(&spec.0)?))).collect();
    if kinds.is_empty() {
        return Vec::new();
    }
    let seed = seed.derive("nemesis");
    let mut rng = seed.derive("schedule").rng();
    let mut bag = Bag { all: kinds, left: Vec::new() };
    let mut planned: Vec<(PlannedFault, Fault)> = Vec::new();
    let mut wanted = tempo.healthy;
    loop {
        let (spec, fault) = bag.draw(&mut rng);
        let at = free_moment(wanted, fault, &planned, tempo.together);
        let room = time_limit.saturating_sub(at);
        if room < tempo.least(fault) {
            return planned.into_iter().map(|(fault, _)| fault).collect();
        }
        let duration = tempo.draw_duration(fault, &mut rng).min(room);
        let id = u32::try_from(planned.len()).expect("a run has fewer faults than u32 counts");
        let choices = seed.derive(&format!("fault {id}"));
        let [at_ns, duration_ns] = [at, duration].map(nanos);
        let entry =
            PlannedFault { id, at: at_ns, duration: duration_ns, fault: spec, seed: choices };
        planned.push((entry, fault));
        wanted = at + interval.mul_f64(rng.random_range(0.5..1.5));
    }
}

/// What a bag begins with, if it has it.
const FIRST: Fault = Fault::Partition(Shape::LeaderAlone);

/// Faults in random order, each once before any comes again.
struct Bag {
    all: Vec<(FaultSpec, Fault)>,
    left: Vec<(FaultSpec, Fault)>,
}

impl Bag {
    fn draw(&mut self, rng: &mut ChaCha8Rng) -> (FaultSpec, Fault) {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            self.left.shuffle(rng);
            if let Some(at) = self.left.iter().position(|(_, fault)| *fault == FIRST) {
                let last = self.left.len() - 1;
                self.left.swap(at, last);
            }
        }
        self.left.pop().expect("the bag has just been filled, and there is a fault to fill it with")
    }
}

/// The first moment from `wanted` on at which `fault` may begin.
fn free_moment(
    wanted: Duration,
    fault: Fault,
    planned: &[(PlannedFault, Fault)],
    together: usize,
) -> Duration {
    let mut at = wanted;
    loop {
        let in_force: Vec<_> = planned.iter().filter(|(other, _)| end_of(other) > at).collect();
        let stops = |other: &&&(PlannedFault, Fault)| {
            fault.stops_processes()
                && other.1.stops_processes()
                && (fault.is_wide() || other.1.is_wide())
        };
        let crowded = in_force.len() >= together;
        let next = in_force
            .iter()
            .filter(|other| crowded || stops(other))
            .map(|(other, _)| end_of(other))
            .min();
        match next {
            Some(end) => at = end,
            None => return at,
        }
    }
}

fn end_of(fault: &PlannedFault) -> Duration {
    Duration::from_nanos(fault.at + fault.duration)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{default_faults, parse};
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn plan(seed: u64, seconds: u64) -> Vec<PlannedFault> {
        let interval = Duration::from_millis(1500);
        let limit = Duration::from_secs(seconds);
        plan_schedule(Seed(seed), &default_faults(), interval, limit, Tempo::default())
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        assert_eq!(plan(1, 20), plan(1, 20));
        assert_ne!(plan(1, 20), plan(2, 20));
    }

    #[test]
    fn a_run_of_twenty_seconds_has_ten_faults_or_more_of_different_kinds() {
        for seed in 0..200 {
            let schedule = plan(seed, 20);
            assert!(schedule.len() >= 10, "seed {seed}: {}", schedule.len());
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for fault in &schedule {
                *counts.entry(&fault.fault.0).or_default() += 1;
            }
            assert!(counts.values().all(|count| *count == 1), "seed {seed}: {counts:?}");
        }
    }

    #[test]
    fn the_leader_is_cut_off_first_if_that_is_among_the_faults() {
        for seed in 0..20 {
            assert_eq!(plan(seed, 20)[0].fault.0, "partition-leader-alone");
        }
    }

    #[test]
    fn faults_begin_after_a_healthy_second_and_end_by_the_limit() {
        for seed in 0..200 {
            for (id, fault) in plan(seed, 20).iter().enumerate() {
                assert_eq!(fault.id as usize, id);
                assert!(fault.at >= SECOND);
                assert!(
                    fault.duration >= nanos(Duration::from_millis(300)),
                    "seed {seed}: {fault:?}"
                );
                assert!(fault.at + fault.duration <= 20 * SECOND, "seed {seed}: {fault:?}");
            }
        }
    }

    #[test]
    fn faults_overlap_but_not_too_many_and_not_those_that_stop_everything() {
        let mut overlaps = 0;
        for seed in 0..200 {
            let schedule = plan(seed, 60);
            for (at, fault) in schedule.iter().enumerate() {
                let begins = Duration::from_nanos(fault.at);
                let open: Vec<_> =
                    schedule[..at].iter().filter(|other| end_of(other) > begins).collect();
                overlaps += usize::from(!open.is_empty());
                assert!(open.len() < Tempo::default().together, "seed {seed}");
                let kind = |fault: &PlannedFault| Fault::named(&fault.fault.0).unwrap();
                for other in open.into_iter().map(kind).filter(|other| other.stops_processes()) {
                    let both = kind(fault).stops_processes();
                    assert!(!both || !(other.is_wide() || kind(fault).is_wide()), "seed {seed}");
                }
            }
        }
        assert!(overlaps > 500, "faults overlap: {overlaps}");
    }

    #[test]
    fn no_faults_and_no_time_give_an_empty_schedule() {
        let second = Duration::from_secs(1);
        let plan = |faults: &[FaultSpec], limit| {
            plan_schedule(Seed(1), faults, second, limit, Tempo::default())
        };
        assert!(plan(&[], second * 20).is_empty());
        assert!(plan(&parse("kill-leader").unwrap(), second).is_empty());
    }

    #[test]
    fn the_least_time_is_enough_whatever_the_seed_and_less_is_not() {
        for name in ["all", "kill", "partition-one", "partition-leader-alone", "combo"] {
            let faults = parse(name).unwrap();
            let tempo = Tempo::default();
            let least = tempo.least_time(&faults).unwrap();
            let count = |seed, limit| {
                plan_schedule(Seed(seed), &faults, Duration::from_secs(2), limit, tempo).len()
            };
            let less = least.saturating_sub(Duration::from_millis(1));
            assert!((0..50).all(|seed| count(seed, least) > 0), "{name}: {least:?}");
            assert!((0..50).any(|seed| count(seed, less) == 0), "{name}: {least:?}");
        }
        assert_eq!(Tempo::default().least_time(&[]), None);
    }

    #[test]
    fn an_interval_of_nothing_still_ends() {
        let kill = parse("kill-all").unwrap();
        let limit = Duration::from_secs(10);
        let schedule = plan_schedule(Seed(1), &kill, Duration::ZERO, limit, Tempo::default());
        assert!((3..40).contains(&schedule.len()), "{}", schedule.len());
    }
    #[test]
    fn a_tenth_of_the_tempo_gives_ten_times_the_faults() {
        let tempo = Tempo {
            healthy: Duration::from_millis(100),
            shortest: Duration::from_millis(30),
            longest: Duration::from_millis(300),
            ..Tempo::default()
        };
        let (interval, limit) = (Duration::from_millis(150), Duration::from_secs(20));
        let schedule = plan_schedule(Seed(1), &default_faults(), interval, limit, tempo);
        assert!((100..150).contains(&schedule.len()), "{}", schedule.len());
        let bounds = nanos(tempo.shortest)..=nanos(tempo.longest);
        assert!(schedule.iter().all(|fault| bounds.contains(&fault.duration)));
        assert_eq!(schedule[0].at, nanos(tempo.healthy));
    }

    #[test]
    fn a_senseless_tempo_still_ends() {
        let none = Duration::ZERO;
        let tempo = Tempo { healthy: none, shortest: none, longest: none, together: 0 };
        let all = parse("all").unwrap();
        let schedule = plan_schedule(Seed(1), &all, none, Duration::from_millis(50), tempo);
        assert_eq!(schedule.len(), 50, "one after the other, a millisecond each");
        assert_eq!(tempo.least_time(&all), Some(GRAIN));
    }
}
