//! Where moments of a counterexample are drawn.
//!
//! ```text
//! time     0      1 ms   2 ms                    1200 ms  1201 ms
//! events   |------|      |   nothing happens        |------|
//! drawn    |------|--//--|------|        to scale, gaps far above the usual one are cut out and marked
//! ```
//!
//! Invariants: the order of the history is the order on the page, and two different events are never drawn at one
//! place, so that what overlaps and what does not can be read off. Within that, distances are true: one scale, except
//! in marked breaks and where a label or a number needs more room.

/// Least distance between two events.
const SEGMENT_WIDTH_MIN: f64 = 12.0;
/// Width of a gap that was cut out.
const BREAK_WIDTH: f64 = 58.0;
/// A gap in which no operation that ended was open may be cut out when it is this many times the median one ...
const BREAK_FACTOR_IDLE: u64 = 8;
/// ... one within such an operation only when it is this many times the median one: how long it took is part of the
/// story ...
const BREAK_FACTOR_BUSY: u64 = 100;
/// ... and either only when it would otherwise take more than one part in this many of the drawing.
const BREAK_SHARE: u64 = 6;

/// One end of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    /// Position in the history: the order that counts.
    pub(super) position: u64,
    /// Nanoseconds since the start of the run, where all moments have one.
    pub(super) time: Option<u64>,
}

/// An operation as the axis sees it; without an end it is open for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) call: Moment,
    pub(super) ret: Option<Moment>,
}

/// Room that is needed between two moments, or between one and the right end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) from: u64,
    pub(super) to: Option<u64>,
    pub(super) width: f64,
}

/// A gap that was cut out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Break {
    /// Place of the event that follows it.
    pub(super) next: f64,
    /// Nanoseconds that the gap lasts.
    pub(super) lasts: u64,
}

/// A moment with its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) position: u64,
    pub(super) time: u64,
    pub(super) x: f64,
}

/// The mapping from moments to places.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) points: Vec<Point>,
    pub(super) breaks: Vec<Break>,
    /// Left end: the start of what is drawn.
    pub(super) start: f64,
    /// Right end: where what never ends leaves the drawing.
    pub(super) end: f64,
    /// Whether places stand for times; otherwise only for order.
    pub(super) timed: bool,
}

impl Axis {
    /// Lays out the ends of `intervals` from `left` on, in about `width`, wider where `needs` ask for it.
    pub(super) fn new(intervals: &[Interval], needs: &[Need], left: f64, width: f64) -> Self {
        let ends = |interval: &Interval| [Some(interval.call), interval.ret];
        let mut moments: Vec<Moment> = intervals.iter().flat_map(ends).flatten().collect();
        moments.sort_unstable();
        moments.dedup_by_key(|moment| moment.position);
        let has_times = !moments.is_empty() && moments.iter().all(|moment| moment.time.is_some());
        let times = monotone_times(&moments, has_times);
        let lengths: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let broken =
            if has_times { breaks(&lengths, &busy(&moments, intervals)) } else { Vec::new() };
        let widths = segment_widths(&lengths, &broken, width);
        let mut points: Vec<Point> = Vec::with_capacity(moments.len());
        for (index, moment) in moments.iter().enumerate() {
            let natural = match points.last() {
                None => left,
                Some(previous) => previous.x + widths[index - 1],
            };
            let x = room_until(&points, needs, Some(moment.position)).fold(natural, f64::max);
            points.push(Point { position: moment.position, time: times[index], x });
        }
        let last = points.last().map_or(left, |point| point.x);
        let end = room_until(&points, needs, None).fold(last, f64::max);
        let breaks = broken
            .into_iter()
            .map(|index| {
                let (before, after) = (points[index], points[index + 1]);
                Break { next: after.x, lasts: after.time - before.time }
            })
            .collect();
        Self { points, breaks, start: left, end, timed: has_times }
    }

    /// Place of a position of the history that is one of the moments; the right end for any other.
    pub(super) fn of_position(&self, position: u64) -> f64 {
        self.points
            .binary_search_by_key(&position, |point| point.position)
            .map_or(self.end, |index| self.points[index].x)
    }

    /// Place of a time of the run, clamped to the drawing.
    pub(super) fn of_time(&self, time: u64) -> f64 {
        let after = self.points.partition_point(|point| point.time <= time);
        match (after.checked_sub(1).map(|index| self.points[index]), self.points.get(after)) {
            (None, _) => self.start,
            (Some(_), None) => self.end,
            (Some(from), Some(to)) => {
                let share = (time - from.time) as f64 / (to.time - from.time) as f64;
                from.x + share * (to.x - from.x)
            }
        }
    }

    /// Time of the first and of the last moment.
    pub(super) fn window(&self) -> Option<(u64, u64)> {
        Some((self.points.first()?.time, self.points.last()?.time)).filter(|_| self.timed)
    }
}

/// How far right the needs that end at `to` push it.
fn room_until<'a>(
    points: &'a [Point],
    needs: &'a [Need],
    to: Option<u64>,
) -> impl Iterator<Item = f64> + 'a {
    needs.iter().filter(move |need| need.to == to).filter_map(|need| {
        let index = points.binary_search_by_key(&need.from, |point| point.position).ok()?;
        Some(points[index].x + need.width)
    })
}

/// Clients stamp times before the recorder orders the lines, so that neighbours may be a hair out of order: the order
/// of the history wins.
fn monotone_times(moments: &[Moment], has_times: bool) -> Vec<u64> {
    let mut latest = 0;
    moments
        .iter()
        .enumerate()
        .map(|(index, moment)| {
            latest = if has_times { latest.max(moment.time.unwrap_or(0)) } else { index as u64 };
            latest
        })
        .collect()
}

/// By segment between neighbours: whether an operation that ended was open in it.
fn busy(moments: &[Moment], intervals: &[Interval]) -> Vec<bool> {
    let spans = |interval: &Interval, from: u64, to: u64| {
        interval.ret.is_some_and(|ret| interval.call.position <= from && to <= ret.position)
    };
    let open = |pair: &[Moment]| {
        intervals.iter().any(|interval| spans(interval, pair[0].position, pair[1].position))
    };
    moments.windows(2).map(open).collect()
}

/// Widths of the segments between neighbours.
fn segment_widths(lengths: &[u64], broken: &[usize], width: f64) -> Vec<f64> {
    let is_break = |index: usize| broken.binary_search(&index).is_ok();
    let drawn: u64 =
        (0..lengths.len()).filter(|index| !is_break(*index)).map(|index| lengths[index]).sum();
    let room = (width - broken.len() as f64 * BREAK_WIDTH).max(0.0);
    let scale = if drawn == 0 { 0.0 } else { room / drawn as f64 };
    let of = |index: usize| (lengths[index] as f64 * scale).max(SEGMENT_WIDTH_MIN);
    (0..lengths.len()).map(|index| if is_break(index) { BREAK_WIDTH } else { of(index) }).collect()
}

/// The gaps to cut out, ascending: from the longest on, those that are both unusual and costly.
fn breaks(lengths: &[u64], busy: &[bool]) -> Vec<usize> {
    let mut by_length: Vec<usize> =
        (0..lengths.len()).filter(|index| lengths[*index] > 0).collect();
    by_length.sort_by_key(|index| lengths[*index]);
    let median =
        by_length.get(by_length.len().saturating_sub(1) / 2).map_or(0, |index| lengths[*index]);
    let mut left: u64 = lengths.iter().sum();
    let mut broken = Vec::new();
    for index in by_length.into_iter().rev() {
        let length = lengths[index];
        let factor = if busy[index] { BREAK_FACTOR_BUSY } else { BREAK_FACTOR_IDLE };
        let unusual = length > median.saturating_mul(factor);
        if unusual && length.saturating_mul(BREAK_SHARE) > left {
            left -= length;
            broken.push(index);
        }
    }
    broken.sort_unstable();
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operations that never end, one at each of these times.
    fn moments(times: &[u64]) -> Vec<Interval> {
        let moment = |(index, time): (usize, &u64)| {
            let call = Moment { position: index as u64, time: Some(*time) };
            Interval { call, ret: None }
        };
        times.iter().enumerate().map(moment).collect()
    }

    #[test]
    fn distances_are_true_and_long_gaps_are_broken() {
        let axis = Axis::new(&moments(&[0, 100, 200, 50_000, 50_200]), &[], 10.0, 458.0);
        let x: Vec<f64> = axis.points.iter().map(|point| point.x).collect();
        assert_eq!(x, [10.0, 110.0, 210.0, 268.0, 468.0]);
        assert_eq!(axis.breaks.len(), 1);
        assert_eq!((axis.breaks[0].next, axis.breaks[0].lasts), (268.0, 49_800));
        assert_eq!((axis.of_time(150), axis.of_time(25_100)), (160.0, 239.0));
        assert_eq!((axis.of_time(60_000), axis.of_position(2)), (468.0, 210.0));
    }

    #[test]
    fn a_gap_that_costs_little_stays() {
        let mut times: Vec<u64> = (0..101).map(|index| index * 10).collect();
        times.push(1_000 + 90);
        assert!(Axis::new(&moments(&times), &[], 0.0, 1_000.0).breaks.is_empty());
        times.push(1_000 + 90 + 900);
        assert_eq!(Axis::new(&moments(&times), &[], 0.0, 1_000.0).breaks.len(), 1);
    }

    #[test]
    fn how_long_an_operation_took_is_not_cut_out() {
        let mut intervals = moments(&[0, 100, 200, 5_000]);
        assert_eq!(Axis::new(&intervals, &[], 0.0, 1_000.0).breaks.len(), 1);
        intervals[1].ret = Some(intervals[3].call);
        intervals.pop();
        assert!(Axis::new(&intervals, &[], 0.0, 1_000.0).breaks.is_empty());
        intervals[1].ret = Some(Moment { position: 3, time: Some(50_000) });
        assert_eq!(
            Axis::new(&intervals, &[], 0.0, 1_000.0).breaks.len(),
            1,
            "unless it is out of all proportion"
        );
    }

    #[test]
    fn the_order_of_the_history_beats_the_clock() {
        let axis = Axis::new(&moments(&[100, 90, 90, 300]), &[], 0.0, 200.0);
        let x: Vec<f64> = axis.points.iter().map(|point| point.x).collect();
        assert!(x.is_sorted_by(|a, b| a + SEGMENT_WIDTH_MIN <= *b), "{x:?}");
        assert_eq!(axis.points[2].time, 100);
    }

    #[test]
    fn needs_make_room() {
        let needs = [
            Need { from: 0, to: Some(1), width: 300.0 },
            Need { from: 1, to: None, width: 77.0 },
            Need { from: 9, to: None, width: 9_000.0 },
        ];
        let axis = Axis::new(&moments(&[0, 100]), &needs, 0.0, 200.0);
        assert_eq!((axis.of_position(1), axis.end), (300.0, 377.0));
    }

    #[test]
    fn without_times_only_order_counts() {
        let mut untimed = moments(&[0, 5_000, 5_001]);
        untimed[1].call.time = None;
        let axis = Axis::new(&untimed, &[], 0.0, 200.0);
        let x: Vec<f64> = axis.points.iter().map(|point| point.x).collect();
        assert_eq!((x, axis.timed, axis.window()), (vec![0.0, 100.0, 200.0], false, None));
        assert!(Axis::new(&[], &[], 4.0, 200.0).points.is_empty());
    }
}
