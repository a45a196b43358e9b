//! The node's built-in bugs as the command line names them.
//!
//! One of the two places that name the node's library (the other is the hidden verb): only names and summaries come from
//! it. Switching a bug on is left to the node process.

pub use rashomon_node::bugs::Bug;
