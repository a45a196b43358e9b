//! Session guarantees over registers: each process sees its own past.
//!
//! The four of Terry and others (PDIS 1994), for each register by itself. In the order in which the register took its
//! values,
//! - *read your writes*: a process reads nothing older than what it wrote before;
//! - *monotonic reads*: nothing older than what it read before;
//! - *monotonic writes*: what it writes comes after what it wrote before;
//! - *writes follow reads*: and after what it read before.
//!
//! Nobody tells that order, and different processes may be late by different amounts, so real time does not help. But
//! each value is written once, so that a read says which write it saw; and every guarantee then says of two operations of
//! one process that the value of the first comes before the value of the second, or is the same. All four together hold
//! for some order of the values if and only if these sayings go nowhere round in a circle. It is enough to take each
//! operation of a process with its next one: what lies further apart follows. So: one pass for the edges, and strongly
//! connected components, linear in all.
//!
//! A circle breaks the guarantee of its edge that became certain last, and the sentence names all of its edges. Values that
//! come back to the initial one need no circle: it is before all others.
//!
//! A write of unknown outcome is its process' last operation, so nothing has to come after it; that it comes after others
//! matters only if somebody read it, and then it happened. A failed one is not there, and whoever reads its value is blamed.
//!
//! Across registers nothing is compared. Unknown if a value was written to a register twice, or nothing was read. Counts:
//! `reads`, `writes` (not failed), `sessions` (processes, of each register), `knots` (of each, one circle is shown).

use std::collections::BTreeMap;

use crate::Value;
use crate::history::{History, ProcessId};
use crate::stop::{Pace, Stopped};

use super::graph::{self, Edge};
use super::origin::{Origin, Sighting};
use super::read::{self, Op};
use super::report::{self, About, Halt, Notebook, PropertyReport, Rule, object, short, who};
use super::{PropertyError, PropertyKind, PropertyOptions};

const PROPERTY: PropertyKind = PropertyKind::Session;

/// Edges of a circle that a sentence names.
const EDGES_SHOWN_MAX: usize = 6;

/// The node of the initial value.
const INITIAL: u32 = 0;

/// Checks that the guarantees hold for some order of the values of each register.
pub fn check(
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    report::on(PROPERTY, history, options, |notes| {
        for count in ["reads", "writes", "sessions", "knots"] {
            notes.count(count, 0);
        }
        let initial = options.initial.clone().unwrap_or_default();
        let mut reads = 0;
        for (name, ops) in read::by_object(history, notes)? {
            let register = Register::of(name, &ops, &initial, notes.pace)?;
            reads += ops.iter().filter(|op| op.f == "read" && op.is_ok()).count();
            register.judge(&ops, notes)?;
            notes.judged();
        }
        notes.count("reads", reads as u64);
        if reads == 0 {
            notes.doubt(|| "nothing was read".to_owned());
        }
        Ok(())
    })
}

struct Register<'a> {
    name: Option<&'a str>,
    initial: &'a Value,
    /// By value: its number, from 1, and its writes.
    written: BTreeMap<&'a Value, (u32, Origin)>,
}

/// An operation that has to do with a value.
#[derive(Clone, Copy)]
struct Touch<'a> {
    op: &'a Op<'a>,
    /// The number of the value.
    node: u32,
}

impl<'a> Register<'a> {
    fn of(
        name: Option<&'a str>,
        ops: &'a [Op<'a>],
        initial: &'a Value,
        pace: &Pace<'_>,
    ) -> Result<Self, Halt> {
        let mut register = Self { name, initial, written: BTreeMap::new() };
        for op in ops {
            pace.step(1)?;
            match op.f {
                "read" => {}
                "write" if op.input.is_nil() || *op.input == *initial => {
                    return Err(op
                        .bad_input(PROPERTY, "a value other than the initial one")
                        .into());
                }
                "write" => {
                    let next = register.written.len() as u32 + 1;
                    let known = register.written.entry(&op.input);
                    known.or_insert((next, Origin::default())).1.attempt(op);
                }
                _ => return Err(op.unknown_function(PROPERTY).into()),
            }
        }
        Ok(register)
    }

    fn judge(&self, ops: &[Op<'_>], notes: &mut Notebook<'_>) -> Result<(), Stopped> {
        let mut twice = vec![false; self.written.len() + 1];
        for (value, (node, origin)) in &self.written {
            notes.pace.step(1)?;
            notes.count("writes", origin.attempts.into());
            if origin.attempts > 1 {
                twice[*node as usize] = true;
                notes.doubt(|| {
                    let of = object("to", self.name);
                    format!(
                        "{} is written{of} more than once: reads do not tell which",
                        short(value)
                    )
                });
            }
        }
        let mut last: BTreeMap<ProcessId, Option<Touch<'_>>> = BTreeMap::new();
        let mut edges = Vec::new();
        let mut steps = Vec::new();
        for op in ops {
            notes.pace.step(1)?;
            let session = last.entry(op.process).or_insert(None);
            let Some(touch) = self.touch(op, notes) else { continue };
            // A value that was written twice stands for two moments, so that nothing follows from it.
            if twice[touch.node as usize] {
                continue;
            }
            if let Some(before) = session.replace(touch)
                && before.node != touch.node
            {
                if touch.node == INITIAL {
                    self.blame(&[(before, touch)], notes);
                } else if before.node != INITIAL {
                    let reason = steps.len() as u32;
                    edges.push(Edge { from: before.node, to: touch.node, reason });
                    steps.push((before, touch));
                }
            }
        }
        notes.count("sessions", last.len() as u64);
        graph::cycles(self.written.len() + 1, edges, notes.pace, |cycle| {
            notes.count("knots", 1);
            let steps: Vec<_> = cycle.iter().map(|edge| steps[edge.reason as usize]).collect();
            self.blame(&steps, notes);
        })
    }

    /// The value that an operation wrote or read, if it is known to have done so, or may have.
    fn touch<'o>(&self, op: &'o Op<'o>, notes: &mut Notebook<'_>) -> Option<Touch<'o>> {
        let value = match op.f {
            "write" if op.failed() => return None,
            "write" => &op.input,
            _ => op.answer()?,
        };
        if *value == *self.initial || value.is_nil() {
            return Some(Touch { op, node: INITIAL });
        }
        let (node, origin) = self.written.get(value).copied().unwrap_or_default();
        if let Some(rule) = origin.flaw(op.ret).filter(|_| op.f == "read") {
            let sighting =
                Sighting { by: op, value, object: self.name, seen: "read", deed: "write" };
            origin.blame(rule, &sighting, notes);
            return None;
        }
        Some(Touch { op, node })
    }

    fn blame(&self, steps: &[(Touch<'_>, Touch<'_>)], notes: &mut Notebook<'_>) {
        let last = steps.iter().max_by_key(|(_, after)| known_at(after.op));
        let Some((before, after)) = last else { return };
        let rule = guarantee(before.op, after.op);
        let mut about = About { object: self.name, ..About::default() };
        for (before, after) in steps {
            about.values.push(value_of(before.op).clone());
            about.operations.extend([before.op.id, after.op.id]);
        }
        about.operations.sort_unstable();
        about.operations.dedup();
        notes.blame(rule, known_at(after.op), about, || {
            let of = object("of", self.name);
            if steps.len() == 1 {
                let old = short(value_of(after.op));
                let told = told(before.op, after.op);
                return format!("{told}{of}, but {old} is the initial value, before all others");
            }
            let shown = steps.iter().take(EDGES_SHOWN_MAX);
            let shown: Vec<String> =
                shown.map(|(before, after)| told(before.op, after.op)).collect();
            let rest = if steps.len() > EDGES_SHOWN_MAX { "; and so on in a circle" } else { "" };
            format!("no order of the values{of} fits: {}{rest}", shown.join("; "))
        });
    }
}

/// The event from which on an operation is known to have had its effect. That of a crashed write, which somebody read, is
/// known when it was read; it is in the reader's step.
fn known_at(op: &Op<'_>) -> u64 {
    if op.ret == read::NEVER { op.call } else { op.ret }
}

fn value_of<'a>(op: &'a Op<'_>) -> &'a Value {
    op.answer().filter(|_| op.f == "read").unwrap_or(&op.input)
}

/// The guarantee that orders the values of two operations of one process.
fn guarantee(before: &Op<'_>, after: &Op<'_>) -> Rule {
    match (before.f, after.f) {
        ("write", "write") => Rule::MonotonicWrites,
        ("write", _) => Rule::ReadYourWrites,
        (_, "write") => Rule::WritesFollowReads,
        (_, _) => Rule::MonotonicReads,
    }
}

/// `p1 wrote 3 and then read 2 (read your writes)`.
fn told(before: &Op<'_>, after: &Op<'_>) -> String {
    let deed = |op: &Op<'_>| {
        format!("{} {}", if op.f == "write" { "wrote" } else { "read" }, short(value_of(op)))
    };
    let name = match guarantee(before, after) {
        Rule::MonotonicWrites => "monotonic writes",
        Rule::ReadYourWrites => "read your writes",
        Rule::WritesFollowReads => "writes follow reads",
        _ => "monotonic reads",
    };
    format!("{} {} and then {} ({name})", who(before), deed(before), deed(after))
}
