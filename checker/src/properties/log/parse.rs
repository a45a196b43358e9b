//! From operations to what they did to which log.

use rustc_hash::FxHashMap;

use crate::Value;

use super::PROPERTY;
use crate::properties::PropertyError;
use crate::properties::origin::Origin;
use crate::properties::read::{self, End, Op};
use crate::properties::report::Halt;
use crate::stop::Pace;

const SENDS_AND_POLLS: &str = "[[send k v] ...], [[poll] ...], or for txn both";
const ANSWERED: &str = "[[send k [offset v]] ...], [[poll [[k [[offset v] ...]] ...]] ...]";

/// An operation and what it is known to have done.
pub(super) struct Deed<'a> {
    pub(super) op: &'a Op<'a>,
    pub(super) kind: DeedKind,
    /// In order; without offsets where the outcome is unknown.
    pub(super) sent: Vec<Slot>,
    /// In order; of completed operations only.
    pub(super) polled: Vec<Polled>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeedKind {
    /// Sends and polls. Whether there are polls is known even where their answers are not.
    Work { polls: bool },
    /// The process chose its logs itself.
    Assign,
    /// The process left it to the system which logs it gets, and when.
    Subscribe,
    /// Nothing that matters here.
    Other,
}

/// A message at a place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) message: u32,
    pub(super) log: u32,
    pub(super) offset: Option<i64>,
}

/// A message that a poll answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polled {
    pub(super) slot: Slot,
    /// Which of the operation's polls.
    pub(super) poll: u32,
}

/// A message: a value in a log.
pub(super) struct Message<'a> {
    pub(super) value: &'a Value,
    pub(super) log: u32,
    pub(super) origin: Origin,
}

/// Everything that was done to a group of logs.
#[derive(Default)]
pub(super) struct Deeds<'a> {
    /// In order of invocation.
    pub(super) all: Vec<Deed<'a>>,
    pub(super) messages: Vec<Message<'a>>,
    /// Names of the logs.
    pub(super) logs: Vec<String>,
    log_numbers: FxHashMap<String, u32>,
    message_numbers: FxHashMap<(u32, &'a Value), u32>,
}

impl<'a> Deeds<'a> {
    pub(super) fn of(ops: &'a [Op<'a>], pace: &Pace<'_>) -> Result<Self, Halt> {
        let mut deeds = Self::default();
        for op in ops {
            let deed = match op.f {
                "send" | "poll" | "txn" => deeds.work(op)?,
                "assign" => Self::choice(op, DeedKind::Assign)?,
                "subscribe" => Self::choice(op, DeedKind::Subscribe)?,
                "crash" | "debug-topic-partitions" => Deed::without(op, DeedKind::Other),
                _ => return Err(op.unknown_function(PROPERTY).into()),
            };
            pace.step(deed.size())?;
            deeds.all.push(deed);
        }
        Ok(deeds)
    }

    fn choice(op: &'a Op<'a>, kind: DeedKind) -> Result<Deed<'a>, PropertyError> {
        let names = op
            .input
            .as_list()
            .is_some_and(|keys| keys.iter().all(|key| read::name_of(key).is_some()));
        if !names {
            return Err(op.bad_input(PROPERTY, "the logs, as a list"));
        }
        Ok(Deed::without(op, kind))
    }

    fn work(&mut self, op: &'a Op<'a>) -> Result<Deed<'a>, PropertyError> {
        let invoked = op.input.as_list().ok_or_else(|| op.bad_input(PROPERTY, SENDS_AND_POLLS))?;
        let mut deed = Deed::without(op, DeedKind::Work { polls: false });
        for item in invoked {
            self.invoke(&mut deed, item).ok_or_else(|| op.bad_input(PROPERTY, SENDS_AND_POLLS))?;
        }
        for slot in &deed.sent {
            self.messages[slot.message as usize].origin.attempt(op);
        }
        if let End::Ok(answer) = &op.end {
            let bad = || op.bad_answer(PROPERTY, ANSWERED);
            let answered = answer.as_list().ok_or_else(bad)?;
            if answered.len() != invoked.len() {
                return Err(bad());
            }
            deed.sent.clear();
            for (number, (item, before)) in answered.iter().zip(invoked).enumerate() {
                self.complete(&mut deed, number as u32, item, before).ok_or_else(bad)?;
            }
        }
        Ok(deed)
    }

    /// Takes a `[send k v]` or `[poll]`, as invoked.
    fn invoke(&mut self, deed: &mut Deed<'a>, item: &'a Value) -> Option<()> {
        match item.as_list()? {
            [f, key, value] if f.as_text() == Some("send") && deed.op.f != "poll" => {
                let slot = self.slot(key, value, None)?;
                deed.sent.push(slot);
            }
            [f, ..] if f.as_text() == Some("poll") && deed.op.f != "send" => {
                deed.kind = DeedKind::Work { polls: true };
            }
            _ => return None,
        }
        Some(())
    }

    /// Takes a `[send k [offset v]]` or `[poll [[k [[offset v] ...]] ...]]`, as answered; `before` is what was invoked.
    fn complete(
        &mut self,
        deed: &mut Deed<'a>,
        poll: u32,
        item: &'a Value,
        before: &'a Value,
    ) -> Option<()> {
        let [f_before, rest @ ..] = before.as_list()? else { return None };
        match item.as_list()? {
            [f, ..] if f != f_before => return None,
            [_, key, answer] if f_before.as_text() == Some("send") => {
                let [key_before, value_before] = rest else { return None };
                let (key_before, name) = (read::name_of(key_before)?, read::name_of(key)?);
                // A store that does not tell the offset may repeat what was sent.
                let (offset, value) = match read::pair(answer) {
                    _ if answer == value_before => (None, value_before),
                    Some((offset, value)) => (offset_of(offset)?.0, value),
                    None => return None,
                };
                if key_before != name || value != value_before {
                    return None;
                }
                let slot = self.slot(key, value, offset)?;
                deed.sent.push(slot);
            }
            [_] if f_before.as_text() == Some("poll") => {}
            [_, answer] if f_before.as_text() == Some("poll") => {
                for (key, messages) in read::entries(answer)? {
                    for (offset, value) in read::entries(messages)? {
                        let slot = self.slot(key, value, offset_of(offset)?.0)?;
                        deed.polled.push(Polled { slot, poll });
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn slot(&mut self, key: &'a Value, value: &'a Value, offset: Option<i64>) -> Option<Slot> {
        let name = read::name_of(key)?;
        let log = if let Some(log) = self.log_numbers.get(&name) {
            *log
        } else {
            let log = self.logs.len() as u32;
            self.logs.push(name.clone());
            self.log_numbers.insert(name, log);
            log
        };
        let next = self.messages.len() as u32;
        let message = *self.message_numbers.entry((log, value)).or_insert(next);
        if message == next {
            self.messages.push(Message { value, log, origin: Origin::default() });
        }
        Some(Slot { message, log, offset })
    }
}

impl<'a> Deed<'a> {
    fn without(op: &'a Op<'a>, kind: DeedKind) -> Self {
        Self { op, kind, sent: Vec::new(), polled: Vec::new() }
    }

    /// How much there is to look at in it, roughly.
    pub(super) fn size(&self) -> usize {
        1 + self.sent.len() + self.polled.len()
    }
}

/// An offset, if it is known.
struct Offset(Option<i64>);

/// The offset that is written here, nil where it is not known.
fn offset_of(value: &Value) -> Option<Offset> {
    match value {
        Value::Nil => Some(Offset(None)),
        Value::Int(offset) if *offset >= 0 => Some(Offset(Some(*offset))),
        _ => None,
    }
}
