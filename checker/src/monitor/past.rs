//! The first events of an object, in case another watch has to begin again from the start.

use super::watch::{Call, End, Halt, Watch};

/// Events beyond which they are not kept.
const EVENTS_MAX: usize = 256;

/// The events so far, as long as there are not too many.
#[derive(Debug, Default)]
pub(super) struct Past {
    events: Vec<Kept>,
    dropped: bool,
}

#[derive(Debug)]
enum Kept {
    Invoke(Call),
    End(Call, End),
}

impl Past {
    pub(super) fn invoke(&mut self, call: &Call) {
        if self.makes_room() {
            self.events.push(Kept::Invoke(call.clone()));
        }
    }

    pub(super) fn end(&mut self, call: &Call, end: &End) {
        if self.makes_room() {
            self.events.push(Kept::End(call.clone(), end.clone()));
        }
    }

    /// How many it holds.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    fn makes_room(&mut self) -> bool {
        if self.events.len() >= EVENTS_MAX {
            self.dropped = true;
            self.events = Vec::new();
        }
        !self.dropped
    }

    /// Tells all to `watch`. False if they are not all there.
    pub(super) fn tell(&self, watch: &mut dyn Watch) -> Result<bool, Halt> {
        if self.dropped {
            return Ok(false);
        }
        for event in &self.events {
            match event {
                Kept::Invoke(call) => watch.invoke(call)?,
                Kept::End(call, end) => watch.end(call, end, 0)?,
            }
        }
        Ok(true)
    }
}
