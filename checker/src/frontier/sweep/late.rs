//! A frontier over a history that still happens: operations whose answers, or whose fates, become known late.
//!
//! What an open operation will have answered is not known while it is open, so its slot stands for what it may do
//! meanwhile, and what it turns out to be is said here. Of the configurations that are there, each stays a way in which
//! things can have come about; that none is missing is not claimed. See [`crate::frontier::online`].

use super::{Frontier, Halt};
use crate::frontier::bits::Bits;
use crate::frontier::meter::Meter;
use crate::frontier::sweep::Effort;
use crate::frontier::window::Role;
use crate::model::{ClassId, Object};

/// Steps that a way may have before it is forgotten.
const STEPS_MAX: usize = 4096;

impl<B: Bits> Frontier<B> {
    /// Becomes what `other` is, to try as much as `effort` says.
    pub(in crate::frontier) fn copy_from(&mut self, other: &Self, effort: Effort) {
        self.front.copy_from(&other.front);
        self.window.copy_from(&other.window);
        self.trace.copy_from(&other.trace);
        self.event = other.event;
        self.complete = other.complete;
        self.effort = effort;
    }

    /// How many events there were, for [`Frontier::begin_late`].
    pub(in crate::frontier) fn event(&self) -> u32 {
        self.event
    }

    /// How many configurations there are.
    pub(in crate::frontier) fn width(&self) -> usize {
        self.front.len()
    }

    /// An operation is told of that began at the event `since`, open since then. An observer took effect wherever the way
    /// went through a state in which it is legal.
    pub(in crate::frontier) fn begin_late<O: Object>(
        &mut self,
        object: &mut O,
        meter: &mut Meter<'_, '_>,
        (op, class): (u32, ClassId),
        since: u32,
    ) -> Result<u32, Halt> {
        if !self.window.has_room() {
            return Err(Halt::Full);
        }
        self.event += 1;
        let role = Role::of(object, class);
        let slot = self.window.begin(op, class, role, u64::MAX);
        if role == Role::Observer {
            for config in self.front.configs_mut() {
                let mut states = self.trace.held(config.trace, since);
                if states.any(|state| self.window.is_legal(object, state, class))
                    || self.window.is_legal(object, config.state, class)
                {
                    config.done.set(slot);
                }
                meter.step(1);
            }
        }
        Ok(slot)
    }

    /// The operation of this slot did not take effect. False if it did in every configuration.
    pub(in crate::frontier) fn withdraw(&mut self, slot: u32) -> bool {
        self.front.retain(|config| !config.done.has(slot));
        for config in self.front.configs_mut() {
            config.free.clear(slot);
        }
        self.event += 1;
        self.window.end(slot);
        !self.front.is_empty()
    }

    /// What became of the operation of this slot will stay unknown.
    pub(in crate::frontier) fn crash(&mut self, slot: u32) -> Result<(), Halt> {
        self.event += 1;
        let crashed = self.window.crash(slot)?;
        for config in self.front.configs_mut() {
            if config.done.has(slot) {
                config.used.set(crashed);
            }
            config.done.clear(slot);
            config.free.clear(slot);
        }
        Ok(())
    }

    /// Forgets by which ways things came to where they are, if those are long or `at_once` is said.
    pub(in crate::frontier) fn forget_way(&mut self, at_once: bool) {
        if at_once || self.trace.len() > STEPS_MAX {
            let event = self.event;
            let configs = self.front.configs_mut().iter_mut();
            self.trace.restart(event, configs.map(|config| (&mut config.trace, config.state)));
        }
    }
}
