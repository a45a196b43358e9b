//! Rashomon, the harness: runs a replicated store through faults, records what its clients saw, and says whether one
//! order of events explains it all.
//!
//! This crate owns processes, the faulty network, the nemesis, clients, the recorder, reports and the command line. It
//! refuses to own the verdict: what is linearizable is decided by `rashomon-checker`, from the recorded history alone.
//!
//! ```text
//! cli -> plan -> runner --+-- cluster (processes) -- proxy (one listener a directed link)
//!                         +-- nemesis (faults, with receipts) --> faults.jsonl
//!                         +-- clients (workload operations) ----> history.jsonl
//!                         +-- codec -> checker -> verdict.json -> report.html
//! ```
//!
//! Invariant: a fault of the harness is an error ([`exit::Exit::Internal`]), never a verdict. `ARCHITECTURE.md` in this
//! folder has the longer story.

mod bench;
pub mod bugs;
pub mod checked;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod codec;
mod console;
mod descriptors;
pub mod etcd_api;
pub mod exit;
pub mod finding;
pub mod nemesis;
pub mod plan;
pub mod ports;
pub mod progress;
pub mod proxy;
pub mod reach;
pub mod recorder;
pub mod report;
pub mod run_folder;
pub mod runner;
pub mod seed;
pub mod sim;
pub mod testimony;
pub mod verdict;
mod visible;
