//! What deciders share that go through the events in order.

use super::Timed;

/// The completed operations by completion.
pub(crate) fn by_completion<T>(ops: &[Timed<T>]) -> Vec<u32> {
    let completed = ops.iter().enumerate().filter(|(_, op)| !op.is_crashed());
    let mut keys: Vec<u64> =
        completed.map(|(at, op)| u64::from(op.ret) << 32 | at as u64).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| key as u32).collect()
}

/// The first completion, at event `earliest` or later, from which on it is `certain` that there is no order. The last
/// one is. Ever further completions are tried first, as it is most often near, and then what is between.
pub(crate) fn first_certain<T>(
    ops: &[Timed<T>],
    completions: &[u32],
    earliest: u32,
    certain: impl Fn(u32) -> bool,
) -> u32 {
    let ret = |at: usize| ops[completions[at] as usize].ret;
    let mut possible = completions.partition_point(|op| ops[*op as usize].ret < earliest);
    let mut impossible = completions.len() - 1;
    let mut stride = 1;
    while possible + stride - 1 < impossible {
        if certain(ret(possible + stride - 1)) {
            impossible = possible + stride - 1;
            break;
        }
        possible += stride;
        stride *= 2;
    }
    while possible < impossible {
        let half = usize::midpoint(possible, impossible);
        if certain(ret(half)) {
            impossible = half;
        } else {
            possible = half + 1;
        }
    }
    ret(impossible)
}
