//! What the cross-crate tests share. No product code.

pub mod corpus;
pub mod node_process;
