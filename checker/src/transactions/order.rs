//! The order of processes and of real time, among the transactions that surely happened.

use super::data::{NONE, Txns};
use super::graph::{GraphBuilder, Label};
use super::index::Index;

/// Adds both orders. Transactions are numbered in order of invocation, so positions grow with numbers.
pub(super) fn edges(txns: &Txns, index: &Index, builder: &mut GraphBuilder) {
    let live: Vec<u32> = (0..txns.len() as u32).filter(|txn| index.live[*txn as usize]).collect();
    let calls: Vec<u32> = live.iter().map(|txn| txns.calls[*txn as usize]).collect();
    let later = builder.fan(live.iter().copied());
    for txn in &live {
        let ret = txns.rets[*txn as usize];
        if ret != NONE {
            let at = calls.partition_point(|call| *call <= ret) as u32;
            builder.enter(*txn, later, at, Label::Realtime, NONE);
        }
    }
    let mut by_process = live;
    by_process.sort_by_key(|txn| txns.processes[*txn as usize]);
    let process = |txn: &u32| txns.processes[*txn as usize];
    for same in by_process.chunk_by(|a, b| process(a) == process(b)) {
        let all = builder.fan(same.iter().copied());
        for (at, txn) in same.iter().enumerate() {
            builder.enter(*txn, all, at as u32 + 1, Label::Process, NONE);
        }
    }
}
