//! Nodes wait for random times before they stand for election again.
//!
//! With fixed times, two nodes that stood together stand together for ever, and neither wins. That this comes to an end only
//! because clocks and messages are never quite equal is luck; so the waits themselves are looked at. Drawn from millions of
//! nanoseconds, [`ALIKE_MAX`] waits of one node in a row are never all equal by chance.
//!
//! It does not see waits that are random and too close to each other.

use std::collections::BTreeMap;

use rashomon_node::raft::Nanos;

use super::{About, Invariant, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "random-timeouts",
    holds: "a node does not wait equally long each time before it stands for election again",
    source: "Raft, 5.2",
    sees: &[SightKind::Died, SightKind::Waits],
    make: |_| Box::new(RandomTimeouts::default()),
};

/// Equal waits in a row that are too many.
const ALIKE_MAX: u32 = 3;

#[derive(Debug, Default)]
struct RandomTimeouts {
    nodes: BTreeMap<usize, Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    until: Nanos,
    wait: u64,
    alike: u32,
}

impl Invariant for RandomTimeouts {
    fn see(&mut self, sight: &Sight<'_>, _: &Shadows) -> Option<String> {
        let (node, now, until) = match sight {
            Sight::Waits { node, now, until } => (*node, *now, *until),
            Sight::Died { node } => {
                self.nodes.remove(node);
                return None;
            }
            _ => return None,
        };
        let wait = until.0.checked_sub(now.0).filter(|wait| *wait > 0)?;
        let last = self.nodes.entry(node).or_insert(Last { until: Nanos(0), wait: 0, alike: 0 });
        if last.until == until {
            return None;
        }
        let alike = if last.wait == wait { last.alike + 1 } else { 1 };
        *last = Last { until, wait, alike };
        (alike >= ALIKE_MAX).then(|| {
            let node = id(node);
            format!("{node} waited {wait} ns each of the last {alike} times it stood for election")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::Stage;
    use super::*;

    fn wait(stage: &mut Stage, now: u64, until: u64) {
        stage.see(&Sight::Waits { node: 1, now: Nanos(now), until: Nanos(until) });
    }

    #[test]
    fn waits_of_different_lengths_are_as_they_should_be() {
        let mut stage = Stage::new(3, &ABOUT);
        for (now, until) in [(0, 150), (10, 150), (150, 300), (300, 451), (451, 601)] {
            wait(&mut stage, now, until);
        }
        stage.holds();
    }

    #[test]
    fn equal_waits_are_found() {
        let mut stage = Stage::new(3, &ABOUT);
        for (now, until) in [(0, 150), (150, 300), (200, 300), (300, 450)] {
            wait(&mut stage, now, until);
        }
        stage.breaks("n2 waited 150 ns each of the last 3 times it stood for election");
    }
}
