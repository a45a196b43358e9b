//! What a world tells its scribe, if it has one.

use super::{Body, World};
use crate::sim::act::Act;
use crate::sim::heap::Moment;
use crate::sim::network::{Sent, Stop};
use crate::sim::parcel::Parcel;
use crate::sim::schedule::spell_act;
use crate::sim::trace::{Fate, Line, Look, Scribe, State};

impl World {
    /// Has everything written down until a moment. Nothing goes another way because of that.
    pub(in crate::sim) fn write_down(&mut self, until: Moment) {
        self.scribe = Some(Box::new(Scribe::new(self.plan.nodes, until)));
        self.network.keep_stopped();
    }

    /// What was written.
    pub(in crate::sim) fn take_notes(&mut self) -> Vec<Line> {
        self.scribe.take().map(|scribe| scribe.into_lines()).unwrap_or_default()
    }

    /// Letters leave, or do not get far.
    pub(super) fn note_letters(&mut self, sent: &mut [Sent<Parcel>]) {
        let Some(scribe) = &mut self.scribe else { return };
        for (link, parcel, stop) in self.network.take_stopped() {
            if let Parcel::Peer { message, .. } = &parcel {
                let fate = match stop {
                    Stop::Held => Fate::Held,
                    Stop::Lost => Fate::Lost,
                };
                scribe.sent(self.now, link, message, fate);
            }
        }
        for letter in sent {
            if let Parcel::Peer { message, .. } = &letter.letter {
                letter.note =
                    scribe.sent(self.now, self.network.link(letter.lane), message, Fate::UnderWay);
            }
        }
    }

    /// A letter is there; whether it is taken in.
    pub(super) fn note_arrival(&mut self, note: Option<usize>, taken: bool) {
        if let (Some(scribe), Some(note)) = (&mut self.scribe, note) {
            let fate = if taken { Fate::Arrived(self.now) } else { Fate::Lost };
            scribe.came(note, fate);
        }
    }

    /// Something is done to the cluster, or is over.
    pub(super) fn note_act(&mut self, act: &Act, begins: bool) {
        if let Some(scribe) = &mut self.scribe {
            let over = if begins { "" } else { " (over)" };
            scribe.struck(self.now, format!("{}{over}", spell_act(act)));
        }
    }

    /// Nodes may have changed.
    pub(super) fn note_changes(&mut self) {
        let Some(scribe) = &mut self.scribe else { return };
        for (number, node) in self.nodes.iter().enumerate() {
            let gone = Look { life: node.life, ..Look::DOWN };
            let look = match &node.body {
                Body::Up(process) => {
                    let status = process.replica().status();
                    Look {
                        state: if node.paused { State::Paused } else { State::Works },
                        life: node.life,
                        role: status.role,
                        term: status.term.0,
                        durable: status.durable.0,
                        applied: process.shop().applied().0,
                    }
                }
                Body::Down => gone,
                Body::Booting(_) => Look { state: State::Starts, ..gone },
                Body::Broken(_) => Look { state: State::Broken, ..gone },
            };
            scribe.look(self.now, number, look);
        }
    }
}
