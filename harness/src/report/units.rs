//! Numbers as people read them.

const MICRO: f64 = 1e3;
const MILLI: f64 = 1e6;
const SECOND: f64 = 1e9;

/// `18204` as `18,204`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 fault`, `2 faults`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// A moment of the run, to the tenth of a millisecond: `12.3981 s`.
pub(super) fn moment(nanos: u64) -> String {
    format!("{:.4} s", nanos as f64 / SECOND)
}

/// A moment of the run where milliseconds are enough: `12.40 s`.
pub(super) fn moment_short(nanos: u64) -> String {
    format!("{:.2} s", nanos as f64 / SECOND)
}

/// A length of time, to three digits: `310 µs`, `4.1 ms`, `1.20 s`.
pub(super) fn span(nanos: u64) -> String {
    let nanos = nanos as f64;
    // The limits lie a rounding step below the unit, so that 999.9 ms is written as 1.00 s.
    if nanos < 999.5 * MICRO {
        format!("{:.0} µs", nanos / MICRO)
    } else if nanos < 9.95 * MILLI {
        format!("{:.1} ms", nanos / MILLI)
    } else if nanos < 999.5 * MILLI {
        format!("{:.0} ms", nanos / MILLI)
    } else if nanos < 99.95 * SECOND {
        format!("{:.2} s", nanos / SECOND)
    } else {
        format!("{:.0} s", nanos / SECOND)
    }
}

/// A share, with the two ends kept for "none" and "all".
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 || part == 0 {
        return "0 %".to_owned();
    }
    if part == whole {
        return "100 %".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    if share < 0.1 { "<0.1 %".to_owned() } else { format!("{:.1} %", share.min(99.9)) }
}

/// A plan's number without needless digits: `20`, `0.5`.
pub(super) fn plain(number: f64) -> String {
    if number.is_finite() { format!("{}", (number * 1e3).round() / 1e3) } else { "-".to_owned() }
}

/// A coordinate of a drawing: one decimal at most.
pub(super) fn coordinate(number: f64) -> String {
    let rounded = (number * 10.0).round() / 10.0;
    // Adding zero turns -0 into 0, which would otherwise be written with its sign.
    format!("{}", rounded + 0.0)
}

/// Bytes with a binary unit: `2 GiB`.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["GiB", "MiB", "KiB", "B"];
    for (position, unit) in UNITS.iter().enumerate() {
        let size = 1_u64 << (10 * (UNITS.len() - 1 - position));
        if number >= size {
            return format!(
                "{} {unit}",
                plain((number as f64 / size as f64 * 10.0).round() / 10.0)
            );
        }
    }
    "0 B".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "fault"), "1 fault");
        assert_eq!(counted(0, "fault"), "0 faults");
    }

    #[test]
    fn spans_change_unit_without_a_gap() {
        let cases = [
            (0, "0 µs"),
            (310_400, "310 µs"),
            (999_499, "999 µs"),
            (999_500, "1.0 ms"),
            (9_949_000, "9.9 ms"),
            (9_950_000, "10 ms"),
            (999_500_000, "1.00 s"),
            (100_000_000_000, "100 s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(span(nanos), text, "{nanos}");
        }
        assert_eq!(moment(12_398_100_000), "12.3981 s");
        assert_eq!(moment_short(12_398_100_000), "12.40 s");
    }

    #[test]
    fn shares_keep_none_and_all() {
        let cases =
            [(0, 0, "0 %"), (1, 10_000, "<0.1 %"), (9_999, 10_000, "99.9 %"), (5, 5, "100 %")];
        for (part, whole, text) in cases {
            assert_eq!(percent(part, whole), text);
        }
    }

    #[test]
    fn plain_numbers_have_no_needless_digits() {
        assert_eq!(
            (plain(20.0), plain(0.5), plain(f64::NAN)),
            ("20".into(), "0.5".into(), "-".into())
        );
        assert_eq!((coordinate(-0.01), coordinate(3.149)), ("0".to_owned(), "3.1".to_owned()));
        assert_eq!(
            (bytes(2 << 30), bytes(1536), bytes(0)),
            ("2 GiB".into(), "1.5 KiB".into(), "0 B".into())
        );
    }
}
