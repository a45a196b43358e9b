//! Measurements: how fast the bundled node, the proxy and the simulator are, each beside something to compare it with.
//!
//! ```text
//! bench node:   bundled cluster ──┐ in turn, round by round, the same load on each
//!               --endpoints ──────┘ (any etcd v3 server)         -> medians, ratios
//! bench proxy:  echo and sink, dialled directly and through one link, in turn
//! bench sim:    idle, calm and stormy clusters, with and without invariants, in turn
//! ```
//!
//! **Owns** closed-loop load, the turns, and the figures. **Refuses to own** goals: nothing here says what is fast enough.
//!
//! Both sides of a comparison are measured in one process, round by round in turn, and a ratio is the median over rounds
//! of that round's ratio: what slows the machine for a while slows both. Every round is in the JSON output.

mod cpu;
mod error;
mod figures;
mod load;
pub(crate) mod node;
pub(crate) mod proxy;
pub(crate) mod sim;
mod steps;

pub(crate) use error::BenchError;
pub(crate) use figures::{LatencyFigures, median};
pub(crate) use load::{Op, Shape};
pub(crate) use steps::Steps;
