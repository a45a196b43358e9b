//! Compares the two readers of a line, for the tests and the fuzzer.

use super::{fast, line};

/// Whether each of the quick reader and `serde` understands the line. Panics if they understand different things.
pub fn agree(bytes: &[u8]) -> [bool; 2] {
    let Ok(text) = std::str::from_utf8(bytes) else { return [false; 2] };
    match (fast::parse(text), line::parse(bytes, 1)) {
        (Some(quick), Ok(slow)) => assert_eq!(quick, slow, "{text}"),
        (Some(quick), Err(error)) => panic!("{text} is {quick:?}, and {error:?}"),
        (None, slow) => return [false, slow.is_ok()],
    }
    [true; 2]
}
