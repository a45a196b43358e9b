//! Amounts and values as people type them.

use std::time::Duration;

use jiff::SignedDuration;
use rashomon_checker::Value;

/// A value: JSON, `nil`, or else text.
#[expect(clippy::unnecessary_wraps, reason = "the shape that clap asks for")]
pub(super) fn value(text: &str) -> Result<Value, String> {
    if text == "nil" {
        return Ok(Value::Nil);
    }
    Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
}

/// A span of time: `90s`, `1m 30s`, `250ms`; a bare number is seconds.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let bare = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let text = if bare { format!("{text}s") } else { text.to_owned() };
    let span = text.parse::<SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    span.ok_or_else(|| "write it like 90s or 1m 30s".to_owned())
}

/// A number of bytes: `1048576`, `512MiB`, `2GiB`, `2G`.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor: f64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024.0 * 1024.0,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err("expected bytes, or a size such as 512MiB or 2GiB".to_owned()),
    };
    let number = number.trim().parse::<f64>().ok().filter(|number| *number >= 0.0);
    number
        .map(|number| (number * factor) as usize)
        .ok_or_else(|| "expected bytes, or a size such as 512MiB or 2GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_typed() {
        assert_eq!(value("0"), Ok(Value::Int(0)));
        assert_eq!(value("nil"), Ok(Value::Nil));
        assert_eq!(value("\"0\""), Ok(Value::from("0")));
        assert_eq!(value("blue"), Ok(Value::from("blue")));
        assert_eq!(span("90"), Ok(Duration::from_secs(90)));
        assert_eq!(span("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("2g"), Ok(2 << 30));
        for wrong in ["", "-1", "x", "nan", "1e999", "5 apples"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "-1", "x", "2TiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
