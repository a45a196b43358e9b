//! Latencies and medians.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(60);

/// Latencies of one measurement, each within 0.1 %.
#[derive(Debug, Clone)]
pub(super) struct Latencies(Histogram<u64>);

/// What people want to know of latencies, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[expect(clippy::struct_field_names, reason = "a figure's name has its unit")]
pub(crate) struct LatencyFigures {
    /// Half of all took at most this.
    pub(crate) p50_us: f64,
    /// 99 of 100 took at most this.
    pub(crate) p99_us: f64,
    /// The longest.
    pub(crate) max_us: f64,
}

impl Latencies {
    pub(super) fn new() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).expect("a minute fits");
        Self(Histogram::new_with_max(longest, 3).expect("the bounds are in order"))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(super) fn figures(&self) -> LatencyFigures {
        let us = |nanos: u64| nanos as f64 / 1e3;
        LatencyFigures {
            p50_us: us(self.0.value_at_quantile(0.5)),
            p99_us: us(self.0.value_at_quantile(0.99)),
            max_us: us(self.0.max()),
        }
    }
}

/// The middle value, or the mean of the two in the middle; `None` of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    Some(if values.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(values[values.len() / 2 - 1], upper)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_all_parts() {
        let (mut all, mut part) = (Latencies::new(), Latencies::new());
        for us in 1..=50 {
            all.record(Duration::from_micros(us));
        }
        for us in 51..=100 {
            part.record(Duration::from_micros(us));
        }
        all.add(&part);
        let LatencyFigures { p50_us, p99_us, max_us } = all.figures();
        for (is, should) in [(p50_us, 50.0), (p99_us, 99.0), (max_us, 100.0)] {
            assert!((is / should - 1.0).abs() < 0.002, "{is} for {should}");
        }
        assert_eq!(all.count(), 100);
    }

    #[test]
    fn a_latency_beyond_the_range_counts_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(3600));
        assert_eq!(latencies.count(), 1);
        assert!(latencies.figures().max_us >= 6e7);
    }

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}
