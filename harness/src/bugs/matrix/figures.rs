//! Figures of a kill matrix as people read them.

use crate::bugs::statistics::Median;
use crate::report::units;

/// Two figures that count.
pub(crate) fn figure(value: f64) -> String {
    // The limits lie a rounding step below, so that 9.96 is written as 10.
    if value >= 9.95 {
        units::count(value.round() as u64)
    } else if value >= 0.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// The ends of the interval: `0.5 to 12`.
pub(crate) fn interval(median: Median) -> String {
    format!("{} to {}", figure(median.low), figure(median.high))
}

/// `33 %`; what is not all is not called all, what is not nothing not nothing.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    let percent = (part as f64 * 100.0 / whole as f64).round();
    let percent = if part == 0 || part >= whole { percent } else { percent.clamp(1.0, 99.0) };
    format!("{percent:.0} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_two_that_count() {
        let cases = [(0.0, "0.00"), (0.996, "1.0"), (9.96, "10"), (61_933.4, "61,933")];
        for (value, text) in cases {
            assert_eq!(figure(value), text);
        }
        assert_eq!(interval(Median { value: 2.0, low: 0.5, high: 1200.0 }), "0.50 to 1,200");
    }

    #[test]
    fn shares_keep_none_and_all() {
        for (part, whole, text) in [(0, 0, "0 %"), (1, 3, "33 %"), (1, 999, "1 %"), (5, 5, "100 %")]
        {
            assert_eq!(share(part, whole), text);
        }
        assert_eq!(share(998, 999), "99 %");
    }
}
