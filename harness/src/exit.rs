//! Exit codes: what a script learns from `rashomon`.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | valid: an order of the operations explains everything the clients saw |
//! | 1 | invalid: there is no such order |
//! | 2 | unknown: the budget ended the search, or the run says too little |
//! | 130 | Ctrl-C stopped the run at once: a second one, or one before the load began; or `check`, which tells what it knew |
//! | 254 | bad arguments or bad input |
//! | 255 | the harness itself failed; never a verdict |
//!
//! 0, 1, 2, 254 and 255 are Jepsen's. Over several files or runs the worst one counts: [`worst`].

use std::process::ExitCode;

use rashomon_checker::check::Validity;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[must_use]
#[repr(u8)]
pub enum Exit {
    /// Linearizable; or, for a verb without a verdict, done.
    Valid = 0,
    /// Not linearizable.
    Invalid = 1,
    /// Nobody can tell.
    Unknown = 2,
    /// Stopped by Ctrl-C: a run at once, by a second one or one before the load began; or a check.
    Interrupted = 130,
    /// The arguments or the input cannot be used.
    Usage = 254,
    /// The harness failed.
    Internal = 255,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Rank among several: a violation must never hide behind a failure, nor a failure behind "unknown".
    const fn rank(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Unknown => 1,
            Self::Interrupted => 2,
            Self::Usage => 3,
            Self::Internal => 4,
            Self::Invalid => 5,
        }
    }
}

impl From<Validity> for Exit {
    fn from(validity: Validity) -> Self {
        match validity {
            Validity::Valid => Self::Valid,
            Validity::Invalid => Self::Invalid,
            Validity::Unknown => Self::Unknown,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The one code for many results: 1 before 255 before 254 before 130 before 2 before 0. None at all is 0.
pub fn worst(results: impl IntoIterator<Item = Exit>) -> Exit {
    results.into_iter().max_by_key(|exit| exit.rank()).unwrap_or(Exit::Valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_never_masked() {
        let order = [
            Exit::Invalid,
            Exit::Internal,
            Exit::Usage,
            Exit::Interrupted,
            Exit::Unknown,
            Exit::Valid,
        ];
        for (at, exit) in order.iter().enumerate() {
            assert_eq!(worst(order[at..].iter().rev().copied()), *exit);
        }
        assert_eq!(order.map(Exit::code), [1, 255, 254, 130, 2, 0]);
        assert_eq!(worst([]), Exit::Valid);
    }
}
