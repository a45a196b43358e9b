//! The bundled replicated store. (Module doc to be written by the owner of `server`.)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod bugs;
pub mod kv;
pub mod proto;
pub mod raft;
pub mod server;
pub mod storage;
