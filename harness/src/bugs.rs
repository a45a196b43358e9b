//! The node's built-in bugs as the command line names them.
//!
//! One of the places that name the node's library: only the table of bugs comes from it. Switching a bug on is left to the
//! node process, or to the simulator. Here as well: hunting them, and the scoreboard of what that takes.

pub mod hunt;
pub mod ledger;
pub mod matrix;
pub mod statistics;

pub use rashomon_node::bugs::{About, Bug, Bugs, CATALOGUE, Entry, Reach};
