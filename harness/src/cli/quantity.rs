//! Times, sizes, numbers and values as people write them, for every verb.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use rashomon_checker::Value;

/// A time: `20s`, `1m 30s`, `250ms`. Longer than nothing, at most a day.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text.chars().all(|digit| digit.is_ascii_digit() || digit == '.') {
        return Err(format!("write the unit: \"{text}s\" or \"{text}ms\""));
    }
    let time: SignedDuration =
        text.parse().map_err(|_| "write it like 20s or 1m 30s".to_owned())?;
    let time = Duration::try_from(time).map_err(|_| "a time cannot be negative".to_owned())?;
    if time < Duration::from_millis(1) {
        return Err("at least 1ms".to_owned());
    }
    if time > Duration::from_secs(24 * 60 * 60) {
        return Err("at most 24h".to_owned());
    }
    Ok(time)
}

/// Operations a second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "write a number".to_owned())?;
    if (0.1..=1_000_000.0).contains(&rate) { Ok(rate) } else { Err("0.1 to 1000000".to_owned()) }
}

/// A number of clients, perhaps for each node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clients {
    number: usize,
    each: bool,
}

/// More clients than this are more threads of control than two machines can pace.
const CLIENTS_MAX: usize = 1000;

impl Clients {
    /// The number for a cluster of `nodes`.
    pub(super) fn of(self, nodes: usize) -> usize {
        if self.each { self.number * nodes } else { self.number }
    }
}

impl FromStr for Clients {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, each) = text.strip_suffix('n').map_or((text, false), |digits| (digits, true));
        let number: usize =
            digits.parse().map_err(|_| "write it like 10, or 2n for two a node".to_owned())?;
        if !(1..=CLIENTS_MAX).contains(&number) {
            return Err(format!("1 to {CLIENTS_MAX}"));
        }
        Ok(Self { number, each })
    }
}

/// A size: `2GiB`, `512MiB`, `1500MB`, `1000000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) u64);

const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unit = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
        let (digits, size) = unit.unwrap_or((text, 1));
        let number: u64 =
            digits.trim().parse().map_err(|_| "write it like 2GiB or 512MiB".to_owned())?;
        number
            .checked_mul(size)
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or_else(|| "more than nothing, and less than 16 EiB".to_owned())
    }
}

/// A value: JSON, `nil`, or else text.
#[expect(clippy::unnecessary_wraps, reason = "the shape that clap asks for")]
pub(super) fn value(text: &str) -> Result<Value, String> {
    if text == "nil" {
        return Ok(Value::Nil);
    }
    Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(time("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(time("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("20").unwrap_err(), "write the unit: \"20s\" or \"20ms\"");
        for bad in ["", "soon", "-5s", "0s", "900h"] {
            assert!(time(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn clients_can_be_counted_by_node() {
        assert_eq!("10".parse::<Clients>().unwrap().of(3), 10);
        assert_eq!("2n".parse::<Clients>().unwrap().of(5), 10);
        for bad in ["", "n", "0", "0n", "-1", "2m", "100000"] {
            assert!(bad.parse::<Clients>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        assert_eq!("2GiB".parse(), Ok(Bytes(2 << 30)));
        assert_eq!("512 MiB".parse(), Ok(Bytes(512 << 20)));
        assert_eq!("3MB".parse(), Ok(Bytes(3_000_000)));
        assert_eq!("77".parse(), Ok(Bytes(77)));
        for bad in ["", "GiB", "-1", "2XB", "0", "99999999TiB"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rates_are_positive_numbers() {
        assert_eq!(rate("500"), Ok(500.0));
        for bad in ["0", "-3", "NaN", "inf", "fast"] {
            assert!(rate(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn values_are_json_or_text() {
        assert_eq!(value("0"), Ok(Value::Int(0)));
        assert_eq!(value("nil"), Ok(Value::Nil));
        assert_eq!(value("\"0\""), Ok(Value::from("0")));
        assert_eq!(value("blue"), Ok(Value::from("blue")));
    }
}
