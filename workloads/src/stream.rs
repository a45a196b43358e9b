//! One client's way through the run: a position, and what is drawn at each.
//!
//! Everything that is drawn at a position is drawn from the client's own generator, whether the client gets to it or
//! not; so what it does there is a function of the seed, however long others or itself were held up.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rashomon_checker::Value;

use crate::key_space::{KeySpace, slack};
use crate::mix::Mix;
use crate::{Board, Leaning, Place};

/// Out of 100 operations of a client that leans to one kind, those that are of that kind in any case.
const LEANING_PERCENT: u32 = 85;

/// The operations of a workload.
pub(crate) trait Kind: Copy + PartialEq + 'static {
    /// The one that looks.
    const READ: Self;
    /// The plainest one that does not.
    const WRITE: Self;
}

/// The stream of one client; `K` is the workload's kinds of operations.
#[derive(Debug)]
pub(crate) struct Stream<K: 'static, const N: usize> {
    place: Place,
    mix: &'static Mix<K, N>,
    rng: ChaCha8Rng,
    keys: KeySpace,
    /// The position after the last one.
    next: u64,
}

/// What is due at a position.
#[derive(Debug)]
pub(crate) struct Step<K> {
    pub(crate) kind: K,
    pub(crate) key: String,
    /// A value that no other position of any client has.
    pub(crate) value: Value,
}

impl<K: Kind, const N: usize> Stream<K, N> {
    /// The stream of the client at `place`, with keys that begin with `prefix`.
    pub(crate) fn new(place: Place, prefix: &'static str, mix: &'static Mix<K, N>) -> Self {
        // The keys come from a stream of the seed that all clients share, the rest from one of the client's own.
        let generator = |stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(place.seed);
            rng.set_stream(stream);
            rng
        };
        let keys = KeySpace::new(prefix, place.clients, generator(0));
        Self { place, mix, rng: generator(place.client + 1), keys, next: 0 }
    }

    /// The next step. A client that fell behind the furthest one leaves out what it has missed.
    pub(crate) fn step(&mut self, board: &mut Board) -> Step<K> {
        let position = self.next.max(board.furthest.saturating_sub(slack(self.place.clients)));
        board.furthest = board.furthest.max(position);
        loop {
            let slot = KeySpace::draw(&mut self.rng);
            let kind = self.mix.pick(&mut self.rng);
            let leans = self.rng.random_range(0..100) < LEANING_PERCENT;
            let here = self.next;
            self.next += 1;
            if here == position {
                let key = self.keys.key(slot, position);
                board.touch(&key);
                let value = position * self.place.clients + self.place.client + 1;
                let value = Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
                let kind = match self.place.leaning {
                    Leaning::Reads if leans => K::READ,
                    Leaning::Writes if leans && kind == K::READ => K::WRITE,
                    _ => kind,
                };
                return Step { kind, key, value };
            }
        }
    }
}
