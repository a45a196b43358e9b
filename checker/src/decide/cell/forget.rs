//! What a register that is watched while it runs need not remember. See *Forgetting* in the parent's doc.

use super::{Block, Cluster, LOST, Link, Machine, NEVER, NONE};

const UNWRITTEN: Cluster = Cluster { writer: NONE, call: NEVER, block: NONE };

impl Machine {
    /// How many blocks there are.
    pub(crate) fn remembered(&self) -> usize {
        self.blocks.len()
    }

    /// Room for one more value. Its number is higher than all before.
    pub(crate) fn add_value(&mut self) -> u32 {
        self.clusters.push(UNWRITTEN);
        if !self.links.is_empty() {
            self.links.push(Link::NONE);
        }
        self.clusters.len() as u32 - 1
    }

    /// The writer of a value failed: it surely had no effect. False if its value was seen nevertheless; else the value is
    /// as if it had never been written.
    pub(crate) fn fail(&mut self, value: u32) -> bool {
        if self.clusters[value as usize].block != NONE {
            return false;
        }
        self.clusters[value as usize] = UNWRITTEN;
        let from = self.from(value);
        if from != NONE {
            self.links[value as usize].from = NONE;
            self.links[from as usize].expected -= 1;
        }
        true
    }

    /// Whether nothing refers to the number of this value, so that it can be given to another.
    pub(crate) fn is_free(&self, value: u32) -> bool {
        let expected = self.links.get(value as usize).is_some_and(|link| link.expected > 0);
        let cluster = &self.clusters[value as usize];
        !expected && (cluster.block == LOST || cluster.call == NEVER && cluster.block == NONE)
    }

    /// Makes a free number that of a value which nobody has written yet.
    pub(crate) fn reuse(&mut self, value: u32) {
        self.clusters[value as usize] = UNWRITTEN;
        if let Some(link) = self.links.get_mut(value as usize) {
            *link = Link::NONE;
        }
    }

    /// Forgets what can only be violated any more by operations that were invoked at `oldest` (a position of the history)
    /// or later, and calls `gone` with each value that is lost for good.
    pub(crate) fn forget(&mut self, oldest: u32, mut gone: impl FnMut(u32)) {
        let oldest = oldest + 1;
        let mut count = 0;
        while self.is_lost(count, oldest) {
            let root = self.blocks[count].root;
            self.lose_chain(root, |_| true, &mut gone);
            count += 1;
        }
        self.blocks.drain(..count);
        self.forgotten += count as u32;
        if !self.links.is_empty() {
            self.shorten_chains(oldest, &mut gone);
        }
    }

    /// Whether the block at this place must come before one that was there before `oldest`, and was itself.
    fn is_lost(&self, at: usize, oldest: u32) -> bool {
        let Some(block) = self.blocks.get(at) else { return false };
        let mut later = self.blocks[at + 1..].iter().take_while(|other| other.f < oldest);
        block.f < oldest && later.any(|other| other.s > block.f)
    }

    /// In the chains of the blocks that stay, whatever lies before something that completed before `oldest`.
    fn shorten_chains(&mut self, oldest: u32, gone: &mut impl FnMut(u32)) {
        for at in 0..self.blocks.len() {
            let Block { root, .. } = self.blocks[at];
            let kept = self.lose_chain(root, |link| link.limit < oldest, gone);
            self.blocks[at].root = kept;
            if kept != root && kept != NONE {
                self.links[kept as usize].from = NONE;
            }
        }
    }

    /// Loses the values of a chain from `root` on as long as `is_lost` says so. Returns the first that stays.
    fn lose_chain(
        &mut self,
        root: u32,
        is_lost: impl Fn(&Link) -> bool,
        gone: &mut impl FnMut(u32),
    ) -> u32 {
        let mut at = root;
        while at != NONE && self.links.get(at as usize).is_none_or(&is_lost) {
            let next = self.next(at);
            self.clusters[at as usize].block = LOST;
            if next != NONE {
                self.links[at as usize].next = NONE;
                self.links[at as usize].expected -= 1;
            }
            gone(at);
            at = next;
        }
        at
    }
}
