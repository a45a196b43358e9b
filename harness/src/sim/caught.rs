//! A node that panics: that is something a simulated process does, not something that happens to the simulator.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread carries out a node's code at the moment.
    static IN_A_NODE: Cell<bool> = const { Cell::new(false) };
}

/// Puts silence in the way of what panics print, where a node panics.
static SILENCE: Once = Once::new();

/// What `node` comes to, or what it said when it panicked. Nothing is printed. What it was at work on must not be used any
/// more after a panic but to be thrown away.
pub(super) fn caught<T>(node: impl FnOnce() -> T) -> Result<T, String> {
    SILENCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IN_A_NODE.get() {
                loud(info);
            }
        }));
    });
    IN_A_NODE.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(node));
    IN_A_NODE.set(false);
    result.map_err(|panic| said(panic.as_ref()))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without a word"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_words() {
        assert_eq!(caught(|| 7), Ok(7));
        let seven = 7;
        let formatted: Result<(), _> = caught(|| panic!("{seven} is odd"));
        assert_eq!(formatted, Err("panicked: 7 is odd".to_owned()));
        let literal: Result<(), _> = caught(|| panic!("odd"));
        assert_eq!(literal, Err("panicked: odd".to_owned()));
    }
}
