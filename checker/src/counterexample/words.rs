//! Operations and spans of time in words.

use crate::Value;
use crate::history::{Operation, Outcome};

/// Characters of a value that a sentence shows.
const VALUE_CHARS_MAX: usize = 160;

/// Who did it: `p3`.
pub(super) fn who(operation: &Operation) -> String {
    format!("p{}", operation.process)
}

/// A value, shortened if it is long.
pub(super) fn short(value: &Value) -> String {
    clip(&value.to_string())
}

/// Text, shortened if it is long.
pub(super) fn clip(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The object after a space, if it has a name: ` k7`.
pub(super) fn object(operation: &Operation) -> String {
    operation.key.as_ref().map(|key| format!(" {key}")).unwrap_or_default()
}

/// What was done, as a noun: `write of 3`, `cas from 2 to 5`, `append of 9`.
pub(super) fn deed(operation: &Operation) -> String {
    match (operation.f.as_str(), &operation.input) {
        ("cas", Value::List(pair)) if pair.len() == 2 => {
            format!("cas from {} to {}", short(&pair[0]), short(&pair[1]))
        }
        ("cas-revision", Value::List(pair)) if pair.len() == 2 => {
            format!("cas from revision {} to {}", short(&pair[0]), short(&pair[1]))
        }
        (f @ ("read" | "get" | "acquire" | "release" | "delete" | "increment"), _) => f.to_owned(),
        (f, _) if takes(f) => f.to_owned(),
        (f, input) => format!("{f} of {}", short(input)),
    }
}

/// A completed read with its answer: `read k7 = 2`, without a name `read 2`.
pub(super) fn answered(operation: &Operation) -> String {
    let answer = short(answer(operation));
    let verb = if operation.f == "get" { "got" } else { "read" };
    match &operation.key {
        Some(key) => format!("{verb} {key} = {answer}"),
        None => format!("{verb} {answer}"),
    }
}

/// Whether the function takes an element out of a queue, stack or priority queue.
pub(super) fn takes(f: &str) -> bool {
    matches!(f, "dequeue" | "pop" | "delete-min")
}

/// A completed take with its answer: `p3 dequeued 5`, `p3's dequeue found nothing`.
pub(super) fn took(operation: &Operation) -> String {
    let element = answer(operation);
    let from = |word| match &operation.key {
        Some(key) => format!(" {word} {key}"),
        None => String::new(),
    };
    if element.is_nil() {
        return format!("{}'s {} found nothing{}", who(operation), operation.f, from("in"));
    }
    let verb = match operation.f.as_str() {
        "dequeue" => "dequeued",
        "pop" => "popped",
        _ => "took the least element",
    };
    format!("{} {verb} {}{}", who(operation), short(element), from("from"))
}

/// What an operation answered; nil if it did not.
pub(super) fn answer(operation: &Operation) -> &Value {
    match &operation.outcome {
        Outcome::Ok(value) => value,
        Outcome::Fail(_) | Outcome::Info => &Value::Nil,
    }
}

/// How long before an operation began another had completed, with a space after it, if the times are known: `4.1 ms `.
pub(super) fn lead(earlier: &Operation, later: &Operation) -> String {
    let span =
        earlier.ret_time.zip(later.call_time).and_then(|(end, start)| start.checked_sub(end));
    span.map(|nanos| format!("{} ", span_of(nanos))).unwrap_or_default()
}

/// How long after an operation completed another began.
pub(super) fn lag(earlier: &Operation, later: &Operation) -> String {
    lead(earlier, later)
}

/// How often, in words.
pub(super) fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

/// A span of time with two or three digits that matter.
fn span_of(nanos: u64) -> String {
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.0} us", nanos as f64 / 1e3),
        1_000_000..100_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        100_000_000..1_000_000_000 => format!("{:.0} ms", nanos as f64 / 1e6),
        _ => format!("{:.1} s", nanos as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_keep_the_digits_that_matter() {
        let spans = [7, 4_200, 123_456, 4_123_456, 412_345_678, 4_123_456_789];
        let words: Vec<String> = spans.into_iter().map(span_of).collect();
        assert_eq!(words, ["7 ns", "4 us", "123 us", "4.1 ms", "412 ms", "4.1 s"]);
    }
}
