//! What a stack's decider keeps by zone: how many elements are present, which zones are free, and who waits for one.

use super::Window;

/// Stands for more than any count: a zone that was reported, or that there is not.
const DONE: i32 = 1 << 30;

/// Counts by zone that go down over ranges, and report each zone that comes to zero once.
///
/// A tree of minima; what was added to a whole subtree is kept at its root.
pub(super) struct Cover {
    leaves: usize,
    least: Vec<i32>,
    added: Vec<i32>,
}

impl Cover {
    /// Zones that begin with zero are not reported.
    pub(super) fn new(counts: &[i32]) -> Self {
        let leaves = counts.len().max(1).next_power_of_two();
        let mut least = vec![DONE; 2 * leaves];
        for (zone, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            least[leaves + zone] = *count;
        }
        for node in (1..leaves).rev() {
            least[node] = least[2 * node].min(least[2 * node + 1]);
        }
        Self { leaves, least, added: vec![0; leaves] }
    }

    /// Counts one less in these zones.
    pub(super) fn remove(&mut self, from: u32, to: u32) {
        let (mut left, mut right) = (from as usize + self.leaves, to as usize + self.leaves);
        let ends = [left, right - 1];
        while left < right {
            if left % 2 == 1 {
                self.lower(left);
                left += 1;
            }
            if right % 2 == 1 {
                right -= 1;
                self.lower(right);
            }
            left /= 2;
            right /= 2;
        }
        for leaf in ends {
            self.raise_from(leaf);
        }
    }

    fn lower(&mut self, node: usize) {
        self.least[node] -= 1;
        if node < self.leaves {
            self.added[node] -= 1;
        }
    }

    /// Brings the nodes above this one up to date.
    fn raise_from(&mut self, mut node: usize) {
        while node > 1 {
            node /= 2;
            let least = self.least[2 * node].min(self.least[2 * node + 1]);
            self.least[node] = least + self.added[node];
        }
    }

    /// A zone that came to zero, if there is one that was not reported.
    pub(super) fn take_zero(&mut self) -> Option<u32> {
        if self.least[1] > 0 {
            return None;
        }
        let mut node = 1;
        while node < self.leaves {
            let left = self.least[2 * node] + self.added[node] == self.least[node];
            node = if left { 2 * node } else { 2 * node + 1 };
        }
        self.least[node] = DONE;
        self.raise_from(node);
        Some((node - self.leaves) as u32)
    }
}

/// A set of zones in which neighbours are found quickly: words of bits, words of which words are not empty, and so on.
pub(super) struct Marks {
    levels: Vec<Vec<u64>>,
}

impl Marks {
    pub(super) fn new(zones: u32) -> Self {
        let mut levels = Vec::new();
        let mut words = (zones as usize).max(1);
        loop {
            words = words.div_ceil(64);
            levels.push(vec![0; words]);
            if words == 1 {
                return Self { levels };
            }
        }
    }

    pub(super) fn insert(&mut self, zone: u32) {
        let mut at = zone as usize;
        for level in &mut self.levels {
            level[at / 64] |= 1 << (at % 64);
            at /= 64;
        }
    }

    /// The first zone of the set from this one on.
    pub(super) fn first_from(&self, zone: u32) -> Option<u32> {
        let mut at = zone as usize;
        for (height, level) in self.levels.iter().enumerate() {
            let word = level.get(at / 64)? & (u64::MAX << (at % 64));
            if word != 0 {
                let mut found = at / 64 * 64 + word.trailing_zeros() as usize;
                for lower in self.levels[..height].iter().rev() {
                    found = found * 64 + lower[found].trailing_zeros() as usize;
                }
                return Some(found as u32);
            }
            at = at / 64 + 1;
        }
        None
    }

    /// The last zone of the set before this one.
    pub(super) fn last_before(&self, zone: u32) -> Option<u32> {
        let mut end = zone as usize;
        for (height, level) in self.levels.iter().enumerate() {
            let bits = if end.is_multiple_of(64) { 0 } else { u64::MAX >> (64 - end % 64) };
            let word = level.get(end / 64).copied().unwrap_or(0) & bits;
            if word != 0 {
                let mut found = end / 64 * 64 + word.ilog2() as usize;
                for lower in self.levels[..height].iter().rev() {
                    found = found * 64 + lower[found].ilog2() as usize;
                }
                return Some(found as u32);
            }
            end /= 64;
        }
        None
    }
}

/// Windows that wait for a zone of theirs to become free: a tree, over the windows by their beginning, of the latest
/// end.
pub(super) struct Waiting {
    leaves: usize,
    /// By beginning: where it begins and whose it is.
    windows: Vec<(u32, u32)>,
    /// The end of the window; 0 of one that does not wait.
    latest: Vec<u32>,
}

impl Waiting {
    /// By element: the window that waits, if one does.
    pub(super) fn new(windows: &[Option<Window>]) -> Self {
        let waiting = windows.iter().zip(0_u32..);
        let mut waiting: Vec<(u32, u32, u32)> =
            waiting.filter_map(|(window, at)| window.map(|w| (w.from, w.to, at))).collect();
        waiting.sort_unstable();
        let leaves = waiting.len().max(1).next_power_of_two();
        let mut latest = vec![0; 2 * leaves];
        for (leaf, (_, to, _)) in waiting.iter().enumerate() {
            latest[leaves + leaf] = *to;
        }
        for node in (1..leaves).rev() {
            latest[node] = latest[2 * node].max(latest[2 * node + 1]);
        }
        let windows = waiting.into_iter().map(|(from, _, at)| (from, at)).collect();
        Self { leaves, windows, latest }
    }

    /// An element whose window has this zone; it does not wait any more.
    pub(super) fn take_one_at(&mut self, zone: u32) -> Option<u32> {
        if self.latest[1] <= zone {
            return None;
        }
        // The leftmost that ends late enough: if it begins too late, all do.
        let mut node = 1;
        while node < self.leaves {
            node = if self.latest[2 * node] > zone { 2 * node } else { 2 * node + 1 };
        }
        let (from, at) = self.windows[node - self.leaves];
        if from > zone {
            return None;
        }
        self.latest[node] = 0;
        while node > 1 {
            node /= 2;
            self.latest[node] = self.latest[2 * node].max(self.latest[2 * node + 1]);
        }
        Some(at)
    }
}

/// A tree of maxima: the second half are the leaves.
pub(super) fn tree_of_maxima(leaves: &[u32]) -> Vec<u32> {
    let mut tree = vec![0; leaves.len()];
    tree.extend_from_slice(leaves);
    for node in (1..leaves.len()).rev() {
        tree[node] = tree[2 * node].max(tree[2 * node + 1]);
    }
    tree
}

/// The greatest leaf of a range in such a tree.
pub(super) fn maximum(tree: &[u32], from: u32, to: u32) -> u32 {
    let leaves = tree.len() / 2;
    let (mut left, mut right) = (from as usize + leaves, to as usize + leaves);
    let mut greatest = 0;
    while left < right {
        if left % 2 == 1 {
            greatest = greatest.max(tree[left]);
            left += 1;
        }
        if right % 2 == 1 {
            right -= 1;
            greatest = greatest.max(tree[right]);
        }
        left /= 2;
        right /= 2;
    }
    greatest
}
