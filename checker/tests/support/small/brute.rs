//! Every order of every choice of unknown operations, on plain states.
//!
//! An operation may come next if all that completed before it began have come. What has come is a set of bits; a set met
//! twice in the same state is not tried again. Nothing else is left out.

use rustc_hash::FxHashSet;

use super::case::{Case, End};
use super::spec::{State, step};

/// Operations that a case may have.
pub(crate) const OPS_MAX: usize = 10;

/// Room for states that stays between two histories.
const MET_KEPT: usize = 256;

/// After everything.
const NEVER: u8 = u8::MAX;

/// Brute force, with room that is used again.
pub(crate) struct Brute {
    calls: [u8; OPS_MAX],
    /// [`NEVER`] for what did not complete.
    rets: [u8; OPS_MAX],
    /// By operation: those that completed before it began.
    before: [u16; OPS_MAX],
    /// Those that say something at all.
    present: u16,
    completed: u16,
    /// Sets with the states in which they were met.
    met: FxHashSet<(u16, State)>,
    /// The latest completion that some order got up to.
    furthest: u8,
}

impl Brute {
    pub(crate) fn new() -> Self {
        Self {
            calls: [0; OPS_MAX],
            rets: [NEVER; OPS_MAX],
            before: [0; OPS_MAX],
            present: 0,
            completed: 0,
            met: FxHashSet::default(),
            furthest: 0,
        }
    }

    /// The first completion (its place among the events) that no order explains, given what was known then: what
    /// completes later is open and its answer unknown, and what fails later is left out. `None` if the history is
    /// linearizable.
    pub(crate) fn first_impossible(&mut self, case: &Case) -> Option<u8> {
        self.note_places(case);
        if self.is_possible_until(case, NEVER - 1) {
            return None;
        }
        // To know how an operation will end rules out more, never less: the first is here or later.
        let mut at = self.furthest;
        while self.is_possible_until(case, at) {
            let later = self.rets.iter().filter(|ret| **ret > at && **ret != NEVER);
            at = *later.min().expect("it is impossible in the end");
        }
        Some(at)
    }

    fn note_places(&mut self, case: &Case) {
        self.rets = [NEVER; OPS_MAX];
        for (at, mark) in (0..).zip(&case.marks) {
            let number = usize::from(mark.op);
            if mark.begins {
                self.calls[number] = at;
            } else if case.ops[number].end != End::Info {
                self.rets[number] = at;
            }
        }
    }

    /// Whether what is known right after event `last` is linearizable.
    fn is_possible_until(&mut self, case: &Case, last: u8) -> bool {
        (self.present, self.completed, self.furthest) = (0, 0, 0);
        for (at, op) in case.ops.iter().enumerate() {
            let ended = self.rets[at] <= last;
            let says = match op.end {
                End::Ok | End::Info => true,
                End::Fail => ended && case.rules.observes_failures_of(op.f),
            };
            if says && self.calls[at] <= last {
                self.present |= 1 << at;
                self.completed |= u16::from(ended) << at;
            }
        }
        for at in bits(self.present) {
            let earlier = bits(self.completed).filter(|one| self.rets[*one] < self.calls[at]);
            self.before[at] = earlier.fold(0, |set, one| set | 1 << one);
        }
        self.met.clear();
        // To empty a large table takes its time, however little was in it this time.
        self.met.shrink_to(MET_KEPT);
        self.place(case, 0, &State::default())
    }

    fn place(&mut self, case: &Case, placed: u16, state: &State) -> bool {
        let waiting = self.completed & !placed;
        let Some(deadline) = bits(waiting).map(|at| self.rets[at]).min() else {
            // Only operations of unknown outcome are left: none of them has to happen.
            return true;
        };
        if !self.met.insert((placed, *state)) {
            return false;
        }
        self.furthest = self.furthest.max(deadline);
        for at in bits(self.present & !placed) {
            if self.before[at] & !placed != 0 {
                continue;
            }
            let mut after = *state;
            let answered = self.completed >> at & 1 == 1;
            if step(&case.rules, &mut after, &case.ops[at], answered)
                && self.place(case, placed | 1 << at, &after)
            {
                return true;
            }
        }
        false
    }
}

fn bits(mut set: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (set != 0).then(|| {
            let at = set.trailing_zeros() as usize;
            set &= set - 1;
            at
        })
    })
}
