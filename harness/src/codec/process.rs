//! Who acts, as files name it: clients have numbers, and the one other actor of a run is the nemesis.

use rashomon_checker::history::ProcessId;

/// The actor whose events are nobody's operations.
const NEMESIS: &str = "nemesis";

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actor {
    /// A client.
    Client(ProcessId),
    /// Not a client: what it does is no operation.
    Nobody,
}

impl Actor {
    /// The actor of this name. An operation must never vanish because its process has an unusual name, so any other
    /// name than the nemesis's is an error.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        match name.parse() {
            Ok(number) => Ok(Self::Client(ProcessId(number))),
            Err(_) if name == NEMESIS => Ok(Self::Nobody),
            Err(_) => Err(format!("process {name:?}: must be a number or \"{NEMESIS}\"")),
        }
    }

    /// The actor that a keyword names: Jepsen's clients have numbers, and `:nemesis` or a test's own keywords stand for
    /// other threads.
    pub(super) fn keyword(name: &str) -> Self {
        name.parse().map_or(Self::Nobody, |number| Self::Client(ProcessId(number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_nemesis_and_keywords_are_nobody() {
        let client = |number| Actor::Client(ProcessId(number));
        assert_eq!(Actor::named("0"), Ok(client(0)));
        assert_eq!(Actor::named("nemesis"), Ok(Actor::Nobody));
        for wrong in ["c1", "", "-1", "1.5", "Nemesis"] {
            let reason = Actor::named(wrong).unwrap_err();
            let expected = format!("process {wrong:?}: must be a number or \"nemesis\"");
            assert_eq!(reason, expected);
        }
        assert_eq!(Actor::keyword("12"), client(12));
        assert_eq!(Actor::keyword("nemesis"), Actor::Nobody);
        assert_eq!(Actor::keyword("clock"), Actor::Nobody);
    }
}
