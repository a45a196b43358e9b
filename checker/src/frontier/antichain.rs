//! Configurations, and sets of them in which none is as good as another.

use crate::frontier::bits::Bits;
use crate::frontier::meter::Meter;
#[cfg(test)]
use crate::frontier::sabotage;
use crate::frontier::sabotage::Sabotage;
use crate::model::StateId;
use crate::search::Stop;

/// End of a chain.
const NONE: u32 = u32::MAX;

/// The state of a configuration that was taken out.
const GONE: StateId = StateId(u32::MAX);

/// Up to so many configurations are compared one by one; more of them are hashed.
const SCANNED_MAX: usize = 24;

/// One way in which everything up to now can have happened.
#[derive(Debug, Clone)]
pub(super) struct Config<B> {
    pub(super) state: StateId,
    /// Its last step, in the [`crate::frontier::trace`].
    pub(super) trace: u32,
    /// Open completed operations that took effect, as far as somebody could tell.
    pub(super) done: B,
    /// Open blind writes that may have taken effect unseen, or may still take effect.
    pub(super) free: B,
    /// Operations of unknown outcome that took effect.
    pub(super) used: B,
}

impl<B> Config<B> {
    pub(super) fn is_gone(&self) -> bool {
        self.state == GONE
    }
}

/// What the open completed operations are, by slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Roles<B> {
    pub(super) observers: B,
    pub(super) blinds: B,
    /// Updates that are not blind.
    pub(super) updates: B,
}

/// How configurations are compared: differently only where the tests break a rule.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Order {
    #[cfg(test)]
    pub(super) sabotage: Option<Sabotage>,
}

impl Order {
    #[cfg(test)]
    pub(super) fn breaks(self, rule: Sabotage) -> bool {
        self.sabotage == Some(rule)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the same call in tests, where rules can be broken")]
    pub(super) fn breaks(self, _rule: Sabotage) -> bool {
        false
    }

    /// Whether whatever completes `b` completes `a`, too. See the table in [`crate::frontier`].
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "in tests, rules can be broken"))]
    pub(super) fn covers<B: Bits>(self, a: &Config<B>, b: &Config<B>, roles: &Roles<B>) -> bool {
        #[cfg(test)]
        if let Some(answer) = sabotage::covers(self.sabotage, a, b, roles) {
            return answer;
        }
        if a.state != b.state || a.used.exceeds(&b.used) || b.free.exceeds(&a.free) {
            return false;
        }
        (0..a.done.words().max(b.done.words())).all(|at| {
            let (a_done, b_done) = (a.done.word(at), b.done.word(at));
            let differ = a_done ^ b_done;
            let lacks = b_done & !a_done & roles.observers.word(at);
            let other = differ & roles.updates.word(at);
            let used = differ & roles.blinds.word(at) & !a.free.word(at);
            lacks | other | used == 0
        })
    }
}

/// A set of configurations of which none covers another.
#[derive(Debug)]
pub(super) struct Antichain<B> {
    /// Those that were taken out are marked, not moved.
    configs: Vec<Config<B>>,
    /// By hash: the first of a chain. Empty while the set is small.
    heads: Vec<u32>,
    /// By configuration: the next of its chain.
    links: Vec<u32>,
    gone: usize,
    /// Bytes elsewhere of one configuration.
    heap: usize,
    pub(super) order: Order,
}

impl<B: Bits> Antichain<B> {
    pub(super) fn new(order: Order) -> Self {
        let (configs, heads, links) = (Vec::new(), Vec::new(), Vec::new());
        Self { configs, heads, links, gone: 0, heap: 0, order }
    }

    /// Says of how many slots the sets in the configurations are.
    pub(super) fn size_for(&mut self, slots: usize) {
        self.heap = 3 * B::heap_bytes(slots);
    }

    pub(super) fn clear(&mut self) {
        self.configs.clear();
        self.heads.clear();
        self.links.clear();
        self.gone = 0;
    }

    /// Those that are in the set, and none that was taken out.
    pub(super) fn configs(&self) -> &[Config<B>] {
        debug_assert_eq!(self.gone, 0, "some were taken out");
        &self.configs
    }

    /// Those that are in the set.
    pub(super) fn each(&self) -> impl Iterator<Item = &Config<B>> {
        self.configs.iter().filter(|config| !config.is_gone())
    }

    /// To change all of them in a way that leaves none as good as another. Their hashes are forgotten.
    pub(super) fn configs_mut(&mut self) -> &mut [Config<B>] {
        debug_assert_eq!(self.gone, 0, "some were taken out");
        self.heads.clear();
        &mut self.configs
    }

    /// Becomes what `other` is.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.clear();
        self.configs.extend_from_slice(other.configs());
    }

    /// Keeps the configurations of which `keep` is true.
    pub(super) fn retain(&mut self, keep: impl FnMut(&Config<B>) -> bool) {
        debug_assert_eq!(self.gone, 0, "some were taken out");
        self.configs.retain(keep);
        self.heads.clear();
    }

    /// The set of this configuration alone.
    pub(super) fn start(&mut self, config: Config<B>) {
        self.clear();
        self.configs.push(config);
    }

    /// Notes how a configuration came about.
    pub(super) fn mark(&mut self, at: u32, trace: u32) {
        self.configs[at as usize].trace = trace;
    }

    pub(super) fn get(&self, at: u32) -> &Config<B> {
        &self.configs[at as usize]
    }

    /// Entries, those that were taken out included.
    pub(super) fn len(&self) -> usize {
        self.configs.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.configs.len() == self.gone
    }

    /// Forgets those that were taken out.
    pub(super) fn settle(&mut self) {
        if self.gone > 0 {
            self.configs.retain(|config| !config.is_gone());
            self.gone = 0;
        }
        self.heads.clear();
    }

    /// Keeps at most so many, those that used the fewest operations of unknown outcome. Whether that are all.
    pub(super) fn narrow(&mut self, width_max: usize) -> bool {
        let all = self.configs.len() <= width_max;
        if !all {
            self.configs.sort_by_key(|config| config.used.count());
            self.configs.truncate(width_max);
        }
        all
    }

    /// Adds a configuration unless one that is there covers it, and takes out those that it covers. Returns its place if
    /// it was added.
    pub(super) fn insert(
        &mut self,
        config: Config<B>,
        roles: &Roles<B>,
        meter: &mut Meter<'_, '_>,
    ) -> Result<Option<u32>, Stop> {
        let at = self.configs.len();
        if at < SCANNED_MAX {
            meter.step(at);
            for known in &mut self.configs {
                if self.order.covers(known, &config, roles) {
                    return Ok(None);
                }
                if self.order.covers(&config, known, roles) {
                    known.state = GONE;
                    self.gone += 1;
                }
            }
        } else {
            if at >= self.heads.len() {
                self.rehash(roles, meter)?;
            }
            if !self.insert_hashed(&config, roles, meter) {
                return Ok(None);
            }
        }
        meter.room(&mut self.configs, self.heap)?;
        self.configs.push(config);
        Ok(Some(at as u32))
    }

    fn insert_hashed(
        &mut self,
        config: &Config<B>,
        roles: &Roles<B>,
        meter: &mut Meter<'_, '_>,
    ) -> bool {
        let bucket = hash(config, roles) as usize & (self.heads.len() - 1);
        let mut before = NONE;
        let mut at = self.heads[bucket];
        let mut steps = 1;
        while at != NONE {
            steps += 1;
            let after = self.links[at as usize];
            let known = &mut self.configs[at as usize];
            if self.order.covers(known, config, roles) {
                meter.step(steps);
                return false;
            }
            if self.order.covers(config, known, roles) {
                known.state = GONE;
                self.gone += 1;
                match before {
                    NONE => self.heads[bucket] = after,
                    _ => self.links[before as usize] = after,
                }
            } else {
                before = at;
            }
            at = after;
        }
        meter.step(steps);
        self.links.push(self.heads[bucket]);
        self.heads[bucket] = self.configs.len() as u32;
        true
    }

    fn rehash(&mut self, roles: &Roles<B>, meter: &mut Meter<'_, '_>) -> Result<(), Stop> {
        let size = (self.configs.len() * 4).next_power_of_two();
        let known = self.heads.capacity() + self.links.capacity();
        if 2 * size > known {
            meter.hold((2 * size - known) * size_of::<u32>())?;
        }
        self.heads.clear();
        self.heads.reserve_exact(size);
        self.heads.resize(size, NONE);
        self.links.clear();
        self.links.reserve_exact(size);
        for (at, config) in self.configs.iter().enumerate() {
            let bucket = hash(config, roles) as usize & (size - 1);
            if config.is_gone() {
                self.links.push(NONE);
            } else {
                self.links.push(self.heads[bucket]);
                self.heads[bucket] = at as u32;
            }
        }
        meter.step(size);
        Ok(())
    }
}

/// Where to look for configurations that can be compared. Which one covers which is never decided by this.
fn hash<B: Bits>(config: &Config<B>, roles: &Roles<B>) -> u64 {
    let mut hash = u64::from(config.state.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for at in 0..roles.updates.words() {
        let word = config.done.word(at) & roles.updates.word(at);
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    hash ^ hash >> 31
}
