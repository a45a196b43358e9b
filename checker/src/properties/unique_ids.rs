//! Unique ids: what a generator hands out, it hands out once.
//!
//! `generate` answers an id: a number, text, or a list of these. Ids of different objects have nothing to do with each
//! other. Operations that failed or whose outcome is unknown handed out nothing that anybody saw.
//!
//! Counts: `attempted`, `acknowledged`, `duplicated` (ids handed out more than once).

use std::collections::BTreeMap;

use crate::Value;
use crate::history::History;

use super::read::{self, Op};
use super::report::{self, About, Notebook, PropertyReport, Rule, object, short, times, who};
use super::{PropertyError, PropertyKind, PropertyOptions};

const PROPERTY: PropertyKind = PropertyKind::UniqueIds;

/// Checks that no id was handed out twice.
pub fn check(
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    report::on(PROPERTY, history, options, |notes| {
        for count in ["duplicated", "attempted", "acknowledged"] {
            notes.count(count, 0);
        }
        let mut any = false;
        for (name, ops) in read::by_object(history, notes)? {
            notes.count("attempted", ops.len() as u64);
            let mut handed_out: BTreeMap<&Value, Vec<&Op<'_>>> = BTreeMap::new();
            for op in &ops {
                notes.pace.step(op.size())?;
                if let Some(id) = id_of(op)? {
                    notes.count("acknowledged", 1);
                    handed_out.entry(id).or_default().push(op);
                }
            }
            any |= !handed_out.is_empty();
            for (id, mut receivers) in handed_out {
                notes.pace.step(receivers.len())?;
                if receivers.len() > 1 {
                    receivers.sort_by_key(|op| op.ret);
                    blame(name, id, &receivers, notes);
                }
            }
            notes.judged();
        }
        if !any {
            notes.doubt(|| "no id was handed out".to_owned());
        }
        Ok(())
    })
}

/// The id that an operation answered.
fn id_of<'a>(op: &'a Op<'_>) -> Result<Option<&'a Value>, PropertyError> {
    match (op.f, op.answer()) {
        ("generate", Some(Value::Nil)) => Err(op.bad_answer(PROPERTY, "an id")),
        ("generate", answer) => Ok(answer),
        _ => Err(op.unknown_function(PROPERTY)),
    }
}

/// `receivers` are in the order of their completions.
fn blame(name: Option<&str>, id: &Value, receivers: &[&Op<'_>], notes: &mut Notebook<'_>) {
    notes.count("duplicated", 1);
    let operations = receivers.iter().map(|op| op.id).collect();
    let about = About { object: name, values: vec![id.clone()], operations };
    notes.blame(Rule::Duplicated, receivers[1].ret, about, || {
        format!(
            "{} was given the id {}{}, but {} had been given it before; it was handed out {}",
            who(receivers[1]),
            short(id),
            object("of", name),
            who(receivers[0]),
            times(receivers.len() as u64),
        )
    });
}
