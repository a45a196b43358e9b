//! Compares the two readers of a map, for the tests and the fuzzer.

use super::{Actor, Edn, Event, Flaw, Next, Reader, actor_of, event_of, fast, fields_of};
use crate::codec::feed::owned;

/// Whether each of the quick reader and the one of all of EDN understands the map that the bytes begin with. Panics if
/// they understand different things.
pub(crate) fn agree(bytes: &[u8]) -> [bool; 2] {
    let text = String::from_utf8_lossy(bytes);
    let (quick, slow) = (fast::parse(bytes), slowly(bytes));
    match (quick, slow) {
        (Some((map, length)), Ok((event, end))) => {
            assert_eq!(length, end, "{text}");
            let found = match map.actor {
                Actor::Client(process) => Some(owned(map.event(process), 0)),
                Actor::Nobody => None,
            };
            assert_eq!(found, event, "{text}");
            [true; 2]
        }
        (Some((map, _)), Err(error)) => panic!("{text} is {map:?}, and {error:?}"),
        (None, slow) => [false, slow.is_ok()],
    }
}

/// The event, or nothing where it is nobody's; and where its map ends.
fn slowly(bytes: &[u8]) -> Result<(Option<Event>, usize), Flaw> {
    let mut rest = bytes;
    let mut reader = Reader::new(&mut rest);
    let Next::Form(Edn::Map(entries), line) = reader.next()? else {
        return Err(Flaw::at(1, "no map"));
    };
    let fields = fields_of(entries);
    let event = match actor_of(fields.process.as_ref()).map_err(|reason| Flaw::at(line, reason))? {
        Actor::Client(process) => Some(event_of(fields, process, line)?),
        Actor::Nobody => None,
    };
    Ok((event, bytes.len() - rest.len()))
}
