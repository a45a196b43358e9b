//! The order that proves a history of a register linearizable.

use super::{Block, CellOp, Machine, NONE, Source};

/// The order of the operations that took effect, after all completions were accepted.
///
/// Blocks with a span stand where it begins; a block without one stands where its `f` is, or, if that is inside another's
/// span, right before this. Within a block the chain is followed, reads of a value after its writer in the order of their
/// invocation.
pub(super) fn order(machine: &Machine, source: &impl Source) -> Vec<u32> {
    let reads = Reads::new(machine, source);
    let covered = Covered::new(machine);
    let mut order = Vec::with_capacity(source.len() as usize);
    for (number, block) in machine.blocks.iter().enumerate() {
        if stands_before_its_cover(block) {
            continue;
        }
        let mut inner = covered.first[number];
        while inner != NONE {
            emit(machine, &reads, inner, &mut order);
            inner = covered.after[inner as usize];
        }
        emit(machine, &reads, number as u32, &mut order);
    }
    order
}

fn stands_before_its_cover(block: &Block) -> bool {
    block.cover != NONE
}

/// Appends a block.
fn emit(machine: &Machine, reads: &Reads, number: u32, order: &mut Vec<u32>) {
    let mut at = machine.blocks[number as usize].root;
    while at != NONE && machine.clusters[at as usize].block == number {
        let writer = machine.clusters[at as usize].writer;
        if writer != NONE {
            order.push(writer);
        }
        let mut read = reads.first[at as usize];
        while read != NONE {
            order.push(read);
            read = reads.after[read as usize];
        }
        at = machine.next(at);
    }
}

/// The completed reads of each value, by invocation.
struct Reads {
    /// By value.
    first: Vec<u32>,
    /// By operation.
    after: Vec<u32>,
}

impl Reads {
    fn new(machine: &Machine, source: &impl Source) -> Self {
        let mut first = vec![NONE; machine.clusters.len()];
        let mut after = vec![NONE; source.len() as usize];
        for index in (0..source.len()).rev() {
            if let Some(op) = source.op(index)
                && let CellOp::Read(value) = op.op
            {
                after[index as usize] = std::mem::replace(&mut first[value as usize], index);
            }
        }
        Self { first, after }
    }
}

/// The blocks that stand right before another.
struct Covered {
    first: Vec<u32>,
    after: Vec<u32>,
}

impl Covered {
    fn new(machine: &Machine) -> Self {
        let count = machine.blocks.len();
        let (mut first, mut after) = (vec![NONE; count], vec![NONE; count]);
        for (number, block) in machine.blocks.iter().enumerate() {
            if stands_before_its_cover(block) {
                after[number] = std::mem::replace(&mut first[block.cover as usize], number as u32);
            }
        }
        Self { first, after }
    }
}
