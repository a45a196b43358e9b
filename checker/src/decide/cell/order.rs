//! The order that proves a history of a register linearizable.

use super::{Machine, NONE, Pass};

/// The order of the operations that took effect, after all completions were accepted.
///
/// Blocks with a span stand where it begins; a block without one stands where its `f` is, or, if that is inside another's
/// span, right before this. As blocks are in the order of `f`, those inside a span come right after its block. Within a
/// block the chain is followed, reads of a value after its writer in the order of their completion.
pub(super) fn order(pass: &Pass) -> Vec<u32> {
    let mut order = Vec::with_capacity(pass.slots.len());
    let mut number = 0;
    while let Some(block) = pass.machine.blocks.get(number as usize) {
        let next = block.scan.max(number + 1);
        for covered in number + 1..next {
            emit(pass, covered, &mut order);
        }
        emit(pass, number, &mut order);
        number = next;
    }
    order
}

/// Appends a block.
fn emit(pass: &Pass, number: u32, order: &mut Vec<u32>) {
    let machine: &Machine = &pass.machine;
    let mut at = machine.blocks[number as usize].root;
    while at != NONE && machine.clusters[at as usize].block == number {
        let writer = machine.clusters[at as usize].writer;
        if writer != NONE {
            order.push(writer);
        }
        let last = pass.last_read[at as usize];
        if last != NONE {
            let mut read = last;
            loop {
                read = pass.slots[read as usize].next_read();
                order.push(read);
                if read == last {
                    break;
                }
            }
        }
        at = machine.next(at);
    }
}
