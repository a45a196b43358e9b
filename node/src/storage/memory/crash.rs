//! What is left when a process or a machine dies.

use super::Crash;
use super::state::{Change, Image, State, Timed};

impl State {
    /// The process dies at `moment`: what would have ended later never happened, and open files are dead.
    pub(super) fn kill(&mut self, moment: u64) {
        self.incarnation += 1;
        self.settle(moment);
        let calls = self.changes.len();
        let writes =
            |changes: &[Timed]| changes.iter().filter(|call| call.change.is_write()).count();
        let before = writes(&self.changes);
        self.changes.retain(|call| call.moment <= moment);
        if self.changes.len() < calls {
            self.unwrite(before - writes(&self.changes));
            self.cache = self.platter.clone();
            for call in &self.changes {
                self.cache.carry_out(&call.change);
            }
        }
    }

    /// The machine dies, now: of what is not on the platter a part gets there. Counts bytes and names that do not.
    pub(super) fn crash(&mut self, crash: Crash) -> u64 {
        self.power_is_out = false;
        self.faults.clear();
        let mut coin = Coin::new(crash);
        let mut lost = 0;
        let calls = std::mem::take(&mut self.changes);
        self.unwrite(calls.iter().filter(|call| call.change.is_write()).count());
        let changes = calls.into_iter().filter(|call| !call.forgotten).map(|call| call.change);
        let (contents, names): (Vec<_>, Vec<_>) =
            changes.partition(|change| change.content_of().is_some());
        for change in names {
            if coin.toss() {
                self.platter.carry_out(&change);
            } else {
                lost += 1;
            }
        }
        lost += tear(&mut self.platter, &self.cache, &contents, &mut coin);
        self.cache = self.platter.clone();
        lost
    }
}

/// Brings a part of `writes`, which made `cache` of `platter`, to the platter; how many bytes it left out.
fn tear(platter: &mut Image, cache: &Image, writes: &[Change], coin: &mut Coin) -> u64 {
    let mut lost = 0;
    let mut inodes: Vec<usize> = writes.iter().filter_map(Change::content_of).collect();
    inodes.sort_unstable();
    inodes.dedup();
    for inode in inodes {
        let file = platter.file(inode);
        let length = coin.between(file.len(), cache.bytes(inode).len());
        file.resize(length, 0);
        for change in writes {
            if let Change::Write { inode: written, offset, bytes } = change
                && *written == inode
            {
                lost += tear_write(file, *offset, bytes, coin);
            }
        }
    }
    lost
}

/// Brings a part of one write to a file whose length is settled.
fn tear_write(file: &mut [u8], offset: usize, bytes: &[u8], coin: &mut Coin) -> u64 {
    let mut lost = 0;
    for (number, piece) in bytes.chunks(coin.granule()).enumerate() {
        let start = offset + number * coin.granule;
        let known = file.len().saturating_sub(start).min(piece.len());
        let kept = if coin.toss() { known } else { 0 };
        if kept > 0 {
            file[start..start + kept].copy_from_slice(&piece[..kept]);
        }
        lost += (piece.len() - kept) as u64;
    }
    lost
}

/// Decides what survives a crash.
struct Coin {
    sides: Sides,
    granule: usize,
}

enum Sides {
    Always(bool),
    /// The state of a `SplitMix64` generator.
    Seeded(u64),
}

impl Coin {
    fn new(crash: Crash) -> Self {
        let sides = match crash {
            Crash::LoseUnsynced => Sides::Always(false),
            Crash::KeepUnsynced => Sides::Always(true),
            Crash::Torn(seed) => Sides::Seeded(seed),
        };
        Self { sides, granule: 512 }
    }

    fn toss(&mut self) -> bool {
        match &mut self.sides {
            Sides::Always(side) => *side,
            Sides::Seeded(state) => next(state) & 1 == 1,
        }
    }

    /// A length between what is durable and what was asked for.
    fn between(&mut self, durable: usize, asked: usize) -> usize {
        match &mut self.sides {
            Sides::Always(false) => durable,
            Sides::Always(true) => asked,
            Sides::Seeded(state) => {
                let (low, high) = (durable.min(asked), durable.max(asked));
                low + (next(state) % (high - low + 1) as u64) as usize
            }
        }
    }

    /// Draws how many bytes live or die together: a page, a sector, or less, since a test wants the worst.
    fn granule(&mut self) -> usize {
        if let Sides::Seeded(state) = &mut self.sides {
            self.granule = [1, 7, 64, 512, 4096][(next(state) % 5) as usize];
        }
        self.granule
    }
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
