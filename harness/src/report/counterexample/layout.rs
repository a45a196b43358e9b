//! What of a counterexample is drawn, and where: everything about the picture except its markup.

use std::collections::{BTreeMap, BTreeSet};

use rashomon_checker::counterexample::Counterexample;
use rashomon_checker::history::{OpId, Operation, ProcessId};

use super::axis::{Axis, Interval, Moment, Need};
use crate::report::fault_life::FaultLife;
use crate::report::{escape, operations, units};

/// Operations drawn at most: more is a wall, not a picture.
pub(super) const DRAWN_MAX: usize = 60;
/// Faults named above the picture at most.
pub(super) const FAULTS_MAX: usize = 6;
/// Width of one character of a label, generous enough for every monospace face at 12 px.
pub(super) const CHARACTER_WIDTH: f64 = 7.4;
/// Room left of the time axis for the names of the rows.
pub(super) const NAMES_WIDTH: f64 = 78.0;
/// Width of the whole drawing where nothing asks for more: the width of the page's column.
pub(super) const PICTURE_WIDTH: f64 = 1128.0;
/// Room right of the last event for what never ends.
const TAIL_WIDTH: f64 = 64.0;
/// Width per operation that a crowded picture may take before labels ask for more.
const OPERATION_WIDTH: f64 = 40.0;
const VALUE_CHARS_MAX: usize = 18;
const STATE_CHARS_MAX: usize = 18;
/// With more steps than this, states are shortened further: the picture would grow by a screen for every ten.
const STEPS_MAX_WIDE: usize = 10;
const STATE_CHARS_MAX_NARROW: usize = 9;
/// Least distance of two numbered points.
const STEP_WIDTH_MIN: f64 = 26.0;
const MARGIN: f64 = 14.0;

/// Why an operation stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It does not.
    Plain,
    /// No order explains it.
    Blocked,
    /// The blocked operation contradicts it.
    Contradicted,
}

/// An operation with its place.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) operation: &'a Operation,
    pub(super) role: Role,
    pub(super) row: usize,
    pub(super) x1: f64,
    pub(super) x2: f64,
    /// It never ended: the bar leaves the drawing.
    pub(super) open: bool,
    pub(super) label: String,
    pub(super) label_inside: bool,
    /// What is written above an operation that stands out, and where that begins.
    pub(super) badge: Option<(String, f64)>,
    /// Its number in the order that was found, from 1.
    pub(super) step: Option<usize>,
}

/// A step of the order that was found, with its place.
#[derive(Debug)]
pub(super) struct PlacedStep<'a> {
    /// From 1.
    pub(super) number: usize,
    pub(super) row: usize,
    pub(super) x: f64,
    /// State after it, whole and as it fits.
    pub(super) state: &'a str,
    pub(super) short: String,
}

/// The picture without its markup.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) rows: Vec<ProcessId>,
    pub(super) operations: Vec<Placed<'a>>,
    pub(super) steps: Vec<PlacedStep<'a>>,
    pub(super) faults: Vec<&'a FaultLife>,
    pub(super) axis: Axis,
    pub(super) width: f64,
    pub(super) initial_state: String,
}

/// The operations to draw: all, or those nearest to the failure.
pub(super) fn drawn(example: &Counterexample) -> Vec<&Operation> {
    let must = |operation: &Operation| {
        operation.id == example.blocked || Some(operation.id) == example.contradicts
    };
    let musts = example.operations.iter().filter(|operation| must(operation)).count();
    let mut room = DRAWN_MAX.saturating_sub(musts);
    let mut kept: Vec<&Operation> = Vec::new();
    for operation in example.operations.iter().rev() {
        if must(operation) {
            kept.push(operation);
        } else if room > 0 {
            room -= 1;
            kept.push(operation);
        }
    }
    kept.reverse();
    kept
}

/// A step together with the moment after which it can be drawn.
struct Slot<'a> {
    number: usize,
    operation: &'a Operation,
    after: u64,
    state: &'a str,
    short: String,
    width: f64,
}

impl<'a> Layout<'a> {
    /// Lays the picture out.
    pub(super) fn new(example: &'a Counterexample, faults: &'a [FaultLife]) -> Self {
        let shown = drawn(example);
        let rows: Vec<ProcessId> = shown
            .iter()
            .map(|operation| operation.process)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let initial_state = escape::shorten(&example.initial_state, STATE_CHARS_MAX);
        let slots = slots(example, &shown);
        let left = NAMES_WIDTH + text_width(&initial_state) + 2.0 * MARGIN;
        let width =
            (shown.len() as f64 * OPERATION_WIDTH).max(PICTURE_WIDTH - left - TAIL_WIDTH - MARGIN);
        let axis = fitted_axis(example, &shown, &slots, left, width);
        let steps = place_steps(slots, &axis, &rows);
        let operations = place(example, &shown, &rows, &axis);
        let faults = match axis.window() {
            Some((from, to)) => faults.iter().filter(|fault| fault.overlaps(from, to)).collect(),
            None => Vec::new(),
        };
        let width = axis.end + MARGIN;
        Self { rows, operations, steps, faults, axis, width, initial_state }
    }

    /// The operation in the given role.
    pub(super) fn in_role(&self, role: Role) -> Option<&Placed<'a>> {
        self.operations.iter().find(|placed| placed.role == role)
    }
}

/// The axis, with the scale made smaller where the needs of labels would push it out of the page's column.
fn fitted_axis(
    example: &Counterexample,
    shown: &[&Operation],
    slots: &[Slot<'_>],
    left: f64,
    width: f64,
) -> Axis {
    let intervals = intervals(shown);
    let with_scale = |width: f64| {
        // First without needs: whether a bar holds its label depends on the scale alone.
        let bare = Axis::new(&intervals, &[], left, width);
        let mut needs = label_needs(example, shown, &bare);
        needs.extend(step_needs(slots, &bare));
        Axis::new(&intervals, &needs, left, width)
    };
    let column = PICTURE_WIDTH.max(left + width);
    // Below a third of the scale the picture would rather be scrolled than squeezed.
    let scales = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.33];
    let mut axes = scales.into_iter().map(|scale| with_scale(scale * width));
    axes.find(|axis| axis.end + MARGIN <= column).unwrap_or_else(|| with_scale(width))
}

/// Width of a label.
pub(super) fn text_width(text: &str) -> f64 {
    // Characters outside Latin may be two columns wide: rather too much room than an overlap.
    let columns: usize = text.chars().map(|c| if u32::from(c) < 0x2200 { 1 } else { 2 }).sum();
    columns as f64 * CHARACTER_WIDTH
}

fn role(example: &Counterexample, id: OpId) -> Role {
    if id == example.blocked {
        Role::Blocked
    } else if Some(id) == example.contradicts {
        Role::Contradicted
    } else {
        Role::Plain
    }
}

/// What is written above an operation that stands out.
fn badge(example: &Counterexample, operation: &Operation) -> Option<String> {
    match role(example, operation.id) {
        Role::Plain => None,
        Role::Blocked => Some("✕ no order explains this".to_owned()),
        Role::Contradicted => Some(match earlier(example, operation) {
            Some((by, whom)) => format!("▲ completed {by} before {whom} began"),
            None => "▲ contradicted".to_owned(),
        }),
    }
}

/// The blocked operation, where it comes after another one in the same row and has a badge there too.
fn before_blocked<'a>(example: &'a Counterexample, operation: &Operation) -> Option<&'a Operation> {
    let blocked = example.operations.iter().find(|other| other.id == example.blocked)?;
    (blocked.process == operation.process && operation.call < blocked.call).then_some(blocked)
}

/// Where a badge begins: above its operation, or further left, where it would meet the next one or leave the drawing.
fn badge_x(example: &Counterexample, operation: &Operation, badge: &str, axis: &Axis) -> f64 {
    let limit = match before_blocked(example, operation) {
        Some(blocked) => axis.of_position(blocked.call),
        None => axis.end + MARGIN,
    };
    axis.of_position(operation.call).min(limit - MARGIN - text_width(badge))
}

/// By how much an operation ended before the blocked one began, and what to call that one.
fn earlier(example: &Counterexample, operation: &Operation) -> Option<(String, String)> {
    let blocked = example.operations.iter().find(|other| other.id == example.blocked)?;
    let before = operation.ret? < blocked.call;
    let by = blocked.call_time?.saturating_sub(operation.ret_time?);
    let whom = format!("p{}'s {}", blocked.process.0, escape::shorten(&blocked.f, VALUE_CHARS_MAX));
    before.then(|| (units::span(by), whom))
}

/// The label of an operation: what was asked and answered, and by which node.
fn label(operation: &Operation) -> String {
    let mut label = operations::label(operation, VALUE_CHARS_MAX);
    if let Some(node) = &operation.node {
        label.push_str(" @");
        label.push_str(&escape::shorten(node, VALUE_CHARS_MAX));
    }
    label
}

fn intervals(shown: &[&Operation]) -> Vec<Interval> {
    let interval = |operation: &&Operation| Interval {
        call: Moment { position: operation.call, time: operation.call_time },
        ret: operation.ret.map(|position| Moment { position, time: operation.ret_time }),
    };
    shown.iter().map(interval).collect()
}

/// Whether a bar is wide enough for its label.
fn holds(axis: &Axis, operation: &Operation, label_width: f64) -> bool {
    let x2 = operation.ret.map_or(axis.end, |ret| axis.of_position(ret));
    x2 - axis.of_position(operation.call) >= label_width
}

/// Room for labels: right of the bars that are too small for theirs, before the next operation of the same process.
fn label_needs(example: &Counterexample, shown: &[&Operation], bare: &Axis) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut next_call: BTreeMap<ProcessId, u64> = BTreeMap::new();
    for operation in shown.iter().rev() {
        let width = text_width(&label(operation)) + 2.0 * MARGIN;
        let to = next_call.insert(operation.process, operation.call);
        let need = match operation.ret {
            // The tail belongs to the bar, so that an open bar always holds its label.
            None => Need { from: operation.call, to, width: width + TAIL_WIDTH / 2.0 },
            Some(ret) if holds(bare, operation, width) => Need { from: ret, to, width: MARGIN },
            Some(ret) => Need { from: ret, to, width },
        };
        needs.push(need);
        if let Some(badge) = badge(example, operation) {
            let width = text_width(&badge) + MARGIN;
            needs.push(match before_blocked(example, operation) {
                Some(blocked) => {
                    // It may grow to the left instead, as far as the names of the rows.
                    let from = bare.points[0].position;
                    let width = width + MARGIN + NAMES_WIDTH - bare.start;
                    Need { from, to: Some(blocked.call), width }
                }
                None => Need { from: operation.call, to, width },
            });
        }
        let end = operation.ret.unwrap_or(operation.call);
        needs.push(Need { from: end, to: None, width: TAIL_WIDTH });
    }
    needs
}

/// Steps whose operations are drawn, each with the moment after which it can be drawn: the last invocation among it and
/// the steps before. It then lies within its operation, as every legal order can be placed so.
fn slots<'a>(example: &'a Counterexample, shown: &[&'a Operation]) -> Vec<Slot<'a>> {
    let by_id: BTreeMap<OpId, &Operation> =
        shown.iter().map(|operation| (operation.id, *operation)).collect();
    let narrow = example.linearization.len() > STEPS_MAX_WIDE;
    let chars_max = if narrow { STATE_CHARS_MAX_NARROW } else { STATE_CHARS_MAX };
    let mut after = 0;
    let mut slots = Vec::new();
    for (index, step) in example.linearization.iter().enumerate() {
        let Some(operation) = by_id.get(&step.op) else { continue };
        after = after.max(operation.call);
        let short = escape::shorten_middle(&step.state, chars_max);
        let width = (text_width(&short) + MARGIN).max(STEP_WIDTH_MIN);
        let number = index + 1;
        slots.push(Slot { number, operation, after, state: &step.state, short, width });
    }
    slots
}

/// Room for the numbered points and the states after them.
fn step_needs(slots: &[Slot<'_>], axis: &Axis) -> Vec<Need> {
    let mut needs = Vec::new();
    for group in slots.chunk_by(|a, b| a.after == b.after) {
        let width: f64 = MARGIN + group.iter().map(|slot| slot.width).sum::<f64>();
        let next = axis.points.iter().find(|point| point.position > group[0].after);
        needs.push(Need { from: group[0].after, to: next.map(|point| point.position), width });
    }
    needs
}

/// Spreads the steps evenly over the segments they belong to.
fn place_steps<'a>(slots: Vec<Slot<'a>>, axis: &Axis, rows: &[ProcessId]) -> Vec<PlacedStep<'a>> {
    let mut groups: BTreeMap<u64, Vec<Slot<'a>>> = BTreeMap::new();
    for slot in slots {
        groups.entry(slot.after).or_default().push(slot);
    }
    let mut placed = Vec::new();
    for (after, group) in groups {
        let from = axis.of_position(after);
        let to = axis
            .points
            .iter()
            .find(|point| point.position > after)
            .map_or(axis.end, |point| point.x);
        let wanted: f64 = group.iter().map(|slot| slot.width).sum();
        let spare = ((to - from) - wanted).max(0.0) / group.len() as f64;
        let mut x = from;
        for slot in group {
            // Half of the spare room before the point; never closer to the event before than its radius.
            let point = x + (spare / 2.0).max(MARGIN);
            let row = row_of(rows, slot.operation.process);
            placed.push(PlacedStep {
                number: slot.number,
                row,
                x: point,
                state: slot.state,
                short: slot.short,
            });
            x += slot.width + spare;
        }
    }
    placed
}

fn row_of(rows: &[ProcessId], process: ProcessId) -> usize {
    rows.binary_search(&process).expect("every drawn operation's process has a row")
}

fn place<'a>(
    example: &Counterexample,
    shown: &[&'a Operation],
    rows: &[ProcessId],
    axis: &Axis,
) -> Vec<Placed<'a>> {
    let numbers: BTreeMap<OpId, usize> = example
        .linearization
        .iter()
        .enumerate()
        .map(|(index, step)| (step.op, index + 1))
        .collect();
    shown
        .iter()
        .map(|operation| {
            let label = label(operation);
            Placed {
                operation,
                role: role(example, operation.id),
                row: row_of(rows, operation.process),
                x1: axis.of_position(operation.call),
                x2: operation.ret.map_or(axis.end, |ret| axis.of_position(ret)),
                open: operation.ret.is_none(),
                label_inside: holds(axis, operation, text_width(&label) + MARGIN),
                label,
                badge: badge(example, operation).map(|badge| {
                    let x = badge_x(example, operation, &badge, axis);
                    (badge, x)
                }),
                step: numbers.get(&operation.id).copied(),
            }
        })
        .collect()
}
