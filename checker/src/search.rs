//! The general search: is there one order of the operations of an object that explains every answer?
//!
//! # The algorithm
//!
//! Wing and Gong's tree search with Lowe's memo. The search walks through *configurations*: which operations have been
//! put in order so far, and the state they lead to. From a configuration it may continue with any operation that was
//! invoked before the earliest completion not yet ordered (anything invoked later must come later), if the model says
//! that it can have answered what it answered in this state. It is done when every completed operation is ordered;
//! operations of unknown outcome may be used or left out. A configuration that was visited before is not visited again.
//!
//! ```text
//!          earliest completion not yet ordered (the base)
//!                          v
//! p1   |--- write 1 -------|
//! p2        |--- read -> 2 ---|          candidates: write 1, read, write 2
//! p3     |------------ write 2 -----...  (of unknown outcome: tried last)
//! p4                          |--- read -> 1 ---|   not a candidate: invoked after the base's completion
//! ```
//!
//! There is no recursion: depth is the length of the history, and the stack of the program is not.
//!
//! # What a configuration is made of
//!
//! Completed operations are numbered by completion. All of them before the base are ordered, and those after it that
//! are ordered were open when the base completed. So a configuration needs one bit for each operation that can be open
//! at once, not one for each operation of the history: the bit is the operation's *slot*, taken at its invocation and
//! free again after its completion. To that come the operations of unknown outcome used so far, and the number of the
//! interned state. Two configurations are equal only if all of these are equal: a hash only says where to look.
//!
//! # What is not tried, and why nothing is lost
//!
//! Each rule says which configurations need no visit *because another one, that is visited, leads to success if they
//! do*. `observer` is an operation that changes no state, `crashed` one of unknown outcome.
//!
//! | rule | why it is sound |
//! |---|---|
//! | crashed observers are dropped | they constrain nothing, and nothing depends on them |
//! | crashed updates are dropped if nobody could have seen them | take any order; without the update, what follows it up to the next update that hides it has no observer. Not with failed compare-and-sets that were *observed* to fail: those see what a value is not |
//! | an observer that is legal now is ordered at once | move it to the front of any order that completes this configuration: no state changes, and everything that completed before its invocation is ordered already. It must be an observer in every state: a write of the current value is not, as it may be needed later |
//! | of equal operations only the one that completes first is tried (of crashed ones: that was invoked first) | swap the two in any order |
//! | a configuration is dropped if one with the same completed operations and state has used fewer crashed ones | what completes the dropped one completes the other |
//! | a crashed operation that changes nothing now is not tried | dominated by not trying it |
//! | registers: a state is not left while a completed operation needs it and nothing can make it again | that operation could never be ordered |
//! | registers: states that nothing still asks for are one state, and blind writes of values that nothing asks for are equal operations | no operation tells them apart |
//! | registers: a crashed update is not tried once nothing asks for its value (unless failures are observed) | what follows it can only be a blind write, or nothing |
//! | lists and sets: an update is not tried if a read still to come does not contain it | the state only grows, so that read could never be ordered |
//! | sets: an update that every read still to come contains is ordered at once | additions commute, and no read stands before it |
//!
//! Objects are independent (Herlihy and Wing's locality theorem), so each key is searched on its own, which is what
//! makes long histories cheap (Horn and Kroening).
//!
//! Dominance and the memo together need one remark: a configuration may be dropped in favour of one that is still being
//! explored further up. Suppose some configuration leads to success and the search fails; take one that needs the
//! fewest further operations among those visited or dropped. If it was dropped, the one that it was dropped for needs
//! no more. That one was visited, so its successor on the way was visited or dropped, and needs fewer: a contradiction.
//!
//! # Limits
//!
//! The search asks a stop test now and then, and counts the bytes it holds against a budget that all searches share.
//! Either ends it with a [`Stop`], which is never taken for an answer.
//!
//! # Sources
//!
//! Herlihy, Wing: *Linearizability: a correctness condition for concurrent objects* (TOPLAS 1990). Wing, Gong: *Testing
//! and verifying concurrent objects* (JPDC 1993). Horn, Kroening: *Faster linearizability checking via
//! P-compositionality* (FORTE 2015). Lowe: *Testing for linearizability* (CCPE 2017).

mod budget;
mod links;
mod lookahead;
mod memo;
mod problem;
#[cfg(test)]
pub(crate) mod tests;
mod wgl;

pub(crate) use budget::{Account, Budget, Stop};
pub(crate) use problem::{KeyOp, Problem};
pub(crate) use wgl::{Findings, Outcome, Tuning, search};
