//! How long it takes to catch something, from few catches.
//!
//! Hunting is taken for a process without memory: in each second, or run, or operation it has the same chance. With `k`
//! catches in an effort of `T`, twice `T` over the mean effort is chi-square distributed with `2k` degrees of freedom, which
//! gives the interval (Epstein and Sobel, 1953). The median of such an effort is `ln 2` of its mean.

use serde::{Deserialize, Serialize};

/// The effort that catches with a chance of one half, with the interval that contains it with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Median {
    /// The estimate.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Median {
    /// From `catches` in an effort of `effort`; `None` without any.
    pub fn of(effort: f64, catches: u64) -> Option<Self> {
        if catches == 0 {
            return None;
        }
        let freedom = 2.0 * catches as f64;
        let at = |quantile| std::f64::consts::LN_2 * 2.0 * effort / chi_square(freedom, quantile);
        let value = std::f64::consts::LN_2 * effort / catches as f64;
        Some(Self { value, low: at(UPPER), high: at(-UPPER) })
    }
}

/// Of `runs` without an alarm: the chance of one in a run is below this with 95 % confidence (the rule of three).
pub fn rule_of_three(runs: u64) -> f64 {
    if runs == 0 { 1.0 } else { (3.0 / runs as f64).min(1.0) }
}

/// The 97.5 % quantile of the normal distribution.
const UPPER: f64 = 1.959_964;

/// The quantile of the chi-square distribution that belongs to a normal quantile of [`UPPER`] or less it: exact for two
/// degrees of freedom, where it is an exponential; for more as Wilson and Hilferty (1931) have it, which is right to one part
/// in fifty above and to one in twelve below, from four on.
fn chi_square(freedom: f64, normal: f64) -> f64 {
    if freedom <= 2.0 {
        let above: f64 = if normal > 0.0 { 0.025 } else { 0.975 };
        return -2.0 * above.ln();
    }
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + normal * part.sqrt()).max(0.05).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // From printed tables: degrees of freedom, 2.5 % and 97.5 %.
        for (freedom, low, high) in
            [(2.0, 0.0506, 7.378), (4.0, 0.484, 11.143), (10.0, 3.247, 20.483)]
        {
            assert!((chi_square(freedom, -UPPER) / low - 1.0).abs() < 0.09, "{freedom}");
            assert!((chi_square(freedom, UPPER) / high - 1.0).abs() < 0.02, "{freedom}");
        }
    }

    #[test]
    fn more_catches_give_a_narrower_interval_around_the_same_median() {
        let (few, many) = (Median::of(10.0, 2).unwrap(), Median::of(500.0, 100).unwrap());
        assert!((few.value - many.value).abs() < 1e-9);
        assert!(few.low < many.low && many.high < few.high);
        assert!(many.low < many.value && many.value < many.high);
        assert_eq!(Median::of(10.0, 0), None);
    }

    #[test]
    fn nothing_seen_in_many_runs_bounds_the_chance() {
        assert!((rule_of_three(1_000) - 0.003).abs() < 1e-12);
        assert!((rule_of_three(0) - 1.0).abs() < 1e-12);
    }
}
