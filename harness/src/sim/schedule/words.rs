//! The words of a line, and the quantities among them: exact in both directions, integers only.

use std::iter::Peekable;
use std::ops::RangeInclusive;
use std::str::{FromStr, SplitWhitespace};

use super::ScheduleError;
use crate::sim::heap::Moment;
use crate::sim::plan::{MS, SECOND};

/// The longest span: a hundred days. Sums of a few of these fit into a [`Moment`].
pub(super) const LONGEST: Moment = 100 * 24 * 60 * 60 * SECOND;

/// What is wrong on a line.
#[derive(Debug)]
pub(super) struct Wrong {
    what: String,
    expected: String,
}

impl Wrong {
    pub(super) fn new(what: String, expected: &str) -> Self {
        Self { what, expected: expected.to_owned() }
    }

    pub(super) fn at(self, line: usize) -> ScheduleError {
        let Self { what, expected } = self;
        ScheduleError { line, what, expected }
    }
}

/// What is left of a line.
#[derive(Debug)]
pub(super) struct Words<'a>(Peekable<SplitWhitespace<'a>>);

impl<'a> Words<'a> {
    /// Those of a line, without its comment.
    pub(super) fn of(line: &'a str) -> Self {
        let begins = |(at, mark): &(usize, &str)| {
            let before = line[..*at].chars().next_back();
            let after = line[at + mark.len()..].chars().next();
            before.is_none_or(char::is_whitespace)
                && !after.is_some_and(|next| next.is_ascii_digit())
        };
        let comment = line.match_indices('#').find(begins).map_or(line.len(), |(at, _)| at);
        Self(line[..comment].split_whitespace().peekable())
    }

    /// The next word, which stays.
    pub(super) fn peek(&mut self) -> Option<&'a str> {
        self.0.peek().copied()
    }

    /// The next word.
    pub(super) fn next(&mut self, expected: &str) -> Result<&'a str, Wrong> {
        self.0.next().ok_or_else(|| Wrong::new("the line ends too early".to_owned(), expected))
    }

    /// What the next word means, if anything.
    pub(super) fn map<T>(
        &mut self,
        expected: &str,
        meaning: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, Wrong> {
        let word = self.next(expected)?;
        meaning(word).ok_or_else(|| Wrong::new(format!("{word:?} will not do"), expected))
    }

    /// Exactly this word.
    pub(super) fn literal(&mut self, word: &str) -> Result<(), Wrong> {
        self.map(&format!("{word:?}"), |next| (next == word).then_some(()))
    }

    /// A whole number in a range.
    pub(super) fn number(&mut self, of: &str, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
        let expected = if *range.end() == u64::MAX {
            format!("{of}, {} or more", range.start())
        } else {
            format!("{of}, {} to {}", range.start(), range.end())
        };
        self.map(&expected, |word| whole(word).filter(|number| range.contains(number)))
    }

    /// A span of time.
    pub(super) fn span(&mut self, of: &str) -> Result<Moment, Wrong> {
        let expected = format!("{of}, as 1.5s, 20ms, 7us or 3ns, at most {}", span(LONGEST));
        self.map(&expected, |word| parse_span(word).filter(|span| *span <= LONGEST))
    }

    /// Nothing is left.
    pub(super) fn end(&mut self) -> Result<(), Wrong> {
        match self.0.next() {
            None => Ok(()),
            Some(word) => Err(Wrong::new(format!("{word:?} is too much"), "the end of the line")),
        }
    }
}

/// A number without a sign.
pub(super) fn whole<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A span of time: in seconds if those have three digits behind the point at most, else in the largest unit that divides it.
pub(super) fn span(nanos: Moment) -> String {
    if nanos == 0 || nanos >= SECOND && nanos.is_multiple_of(MS) {
        return format!("{}s", decimal(nanos / MS, 3));
    }
    let units = [(MS, "ms"), (1000, "us")];
    let unit = units.into_iter().find(|(size, _)| nanos.is_multiple_of(*size));
    let (size, name) = unit.unwrap_or((1, "ns"));
    format!("{}{name}", nanos / size)
}

/// The span that a word stands for.
pub(super) fn parse_span(word: &str) -> Option<Moment> {
    let units = [("ns", 0), ("us", 3), ("ms", 6), ("s", 9)];
    let (digits, places) =
        units.iter().find_map(|(unit, places)| Some((word.strip_suffix(unit)?, *places)))?;
    parse_decimal(digits, places)
}

/// A number of bytes.
pub(super) fn bytes(number: u64) -> String {
    let units = [(1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(size, _)| number > 0 && number.is_multiple_of(*size));
    let (size, name) = unit.unwrap_or((1, "B"));
    format!("{}{name}", number / size)
}

/// The number of bytes that a word stands for.
pub(super) fn parse_bytes(word: &str) -> Option<u64> {
    let units = [("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
    let (digits, size): (&str, u64) =
        units.iter().find_map(|(unit, size)| Some((word.strip_suffix(unit)?, *size)))?;
    whole::<u64>(digits)?.checked_mul(size)
}

/// A share in percent, of which the last `places` digits are behind the point.
pub(super) fn share(number: u64, places: u32) -> String {
    format!("{}%", decimal(number, places))
}

/// The share that a word stands for.
pub(super) fn parse_share(word: &str, places: u32) -> Option<u64> {
    parse_decimal(word.strip_suffix('%')?, places)
}

/// A number with its last `places` digits behind the point, without zeros at the end.
fn decimal(number: u64, places: u32) -> String {
    let one = 10_u64.pow(places);
    let (before, behind) = (number / one, number % one);
    if behind == 0 {
        return before.to_string();
    }
    let behind = format!("{behind:0width$}", width = places as usize);
    format!("{before}.{}", behind.trim_end_matches('0'))
}

fn parse_decimal(text: &str, places: u32) -> Option<u64> {
    let (before, behind) = text.split_once('.').map_or((text, None), |(b, a)| (b, Some(a)));
    let one = 10_u64.pow(places);
    let parts = match behind {
        None => 0,
        Some(digits) => {
            let left = places.checked_sub(u32::try_from(digits.len()).ok()?)?;
            whole::<u64>(digits)? * 10_u64.pow(left)
        }
    };
    whole::<u64>(before)?.checked_mul(one)?.checked_add(parts)
}
