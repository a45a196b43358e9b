//! The first events of an object, in case another watch has to begin again from the start.

use super::watch::{Call, End, Halt, Watch};

/// Events of one object beyond which they are not kept.
const EVENTS_MAX: usize = 256;

/// Events of all objects together: with very many objects, those that come later keep none, so that memory does not grow
/// with the history as long as each object has few events.
const EVENTS_OF_ALL_MAX: usize = if cfg!(test) { 1 << 12 } else { 1 << 21 };

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
    /// `of_all` counts what the objects keep together.
    pub(super) fn invoke(&mut self, call: &Call, of_all: &mut usize) {
        if self.makes_room(of_all) {
            self.events.push(Kept::Invoke(call.clone()));
        }
    }

    pub(super) fn end(&mut self, call: &Call, end: &End, of_all: &mut usize) {
        if self.makes_room(of_all) {
            self.events.push(Kept::End(call.clone(), end.clone()));
        }
    }

    /// How many it holds.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    fn makes_room(&mut self, of_all: &mut usize) -> bool {
        if self.dropped {
            return false;
        }
        if self.events.len() >= EVENTS_MAX || *of_all >= EVENTS_OF_ALL_MAX {
            self.dropped = true;
            *of_all -= self.events.len();
            self.events = Vec::new();
            return false;
        }
        *of_all += 1;
        true
    }

    /// Tells all to `watch`. False if they are not all there.
    pub(super) fn tell(&self, watch: &mut dyn Watch) -> Result<bool, Halt> {
        if self.dropped {
            return Ok(false);
        }
        for event in &self.events {
            match event {
                // Whoever goes on has no marks.
                Kept::Invoke(call) => watch.invoke(call).map(|_mark| ())?,
                Kept::End(call, end) => watch.end(call, end, 0)?,
            }
        }
        Ok(true)
    }
}
