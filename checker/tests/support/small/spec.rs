//! What each data type does, one operation after the other, on plain states.

use rashomon_checker::check::ModelKind;

use super::case::{End, Op, Rules};
use super::words::{F, NIL, Row, Word};

/// What the objects hold, by key. An empty row is an object that nothing was done to. A store of transactions has its two
/// registers here.
pub(crate) type State = [Row; 2];

/// The least token that there can be, where none is known.
const TOKEN_MIN: i8 = NIL + 1;

/// Applies an operation; false if it cannot have answered there what it answered. Without `answered` nobody knows what it
/// did answer.
pub(crate) fn step(rules: &Rules, state: &mut State, op: &Op, answered: bool) -> bool {
    let answer = (answered && op.end == End::Ok).then_some(op.answer);
    let held = &mut state[usize::from(op.key.unwrap_or(0))];
    match rules.model {
        ModelKind::Register | ModelKind::CasRegister => register(rules, held, op, answer),
        ModelKind::KeyValue => text(rules, held, op, answer),
        ModelKind::Set | ModelKind::AppendList => growing(rules, held, op, answer),
        ModelKind::Mutex => {
            let is_held = held.get(0).is_some();
            let acquire = op.f == F::Acquire;
            *held = if acquire { Row::of(&[1]) } else { Row::default() };
            is_held != acquire
        }
        ModelKind::MultiRegister => transact(rules, state, op, answer),
        ModelKind::FifoQueue | ModelKind::Stack | ModelKind::PriorityQueue => {
            if matches!(op.f, F::Enqueue | F::Push | F::Insert) {
                held.push(op.input.cell());
                if rules.model == ModelKind::PriorityQueue {
                    // When each came does not matter.
                    held.cells_mut().sort_unstable();
                }
                return true;
            }
            let next = Word::from_cell(take(rules.model, held));
            answer.is_none_or(|told| told == next)
        }
        ModelKind::ElementSet => element(held, op, answer),
        ModelKind::OwnedMutex | ModelKind::FencedMutex => lock(held, op, answer),
        ModelKind::Counter => count(rules, held, op, answer),
        ModelKind::VersionedRegister => version(rules, held, op, answer),
    }
}

fn reads(rules: &Rules, told: Word, held: i8) -> bool {
    told == Word::from_cell(held) || (rules.nil_reads_unknown && told == Word::Nil)
}

fn register(rules: &Rules, held: &mut Row, op: &Op, answer: Option<Word>) -> bool {
    let value = held.get(0).unwrap_or(rules.initial.cell());
    match op.f {
        F::Read => answer.is_none_or(|told| reads(rules, told, value)),
        F::Write => {
            *held = Row::of(&[op.input.cell()]);
            true
        }
        _ => {
            let pair = op.input.row().expect("a pair");
            let fits = pair.get(0) == Some(value);
            if op.end == End::Fail {
                return !fits;
            }
            *held = Row::of(&pair.cells()[1..]);
            fits
        }
    }
}

fn text(rules: &Rules, held: &mut Row, op: &Op, answer: Option<Word>) -> bool {
    match op.f {
        F::Get => {
            return answer.is_none_or(|told| {
                let unknown = told == Word::Nil && rules.nil_reads_unknown;
                unknown || told.row().unwrap_or_default() == *held
            });
        }
        F::Put => *held = op.input.row().expect("text"),
        F::Append => {
            for letter in op.input.row().expect("text").cells() {
                held.push(*letter);
            }
        }
        _ => *held = Row::default(),
    }
    true
}

fn growing(rules: &Rules, held: &mut Row, op: &Op, answer: Option<Word>) -> bool {
    let is_set = rules.model == ModelKind::Set;
    if op.f == F::Read {
        return answer.is_none_or(|told| {
            let mut seen = told.row().unwrap_or_default();
            if is_set {
                seen.cells_mut().sort_unstable();
            }
            (told == Word::Nil && rules.nil_reads_unknown) || seen == *held
        });
    }
    let element = op.input.cell();
    if !is_set || !held.cells().contains(&element) {
        held.push(element);
    }
    if is_set {
        held.cells_mut().sort_unstable();
    }
    true
}

/// Takes what is next out of a queue, stack or priority queue; nil if there is nothing.
pub(crate) fn take(model: ModelKind, held: &mut Row) -> i8 {
    let cells = held.cells();
    let at = match model {
        ModelKind::FifoQueue => 0,
        ModelKind::Stack => cells.len().saturating_sub(1),
        _ => (0..cells.len()).min_by_key(|at| cells[*at]).unwrap_or(0),
    };
    if at < cells.len() { held.remove(at) } else { NIL }
}

/// The registers are the objects: absent ones have what they start with.
fn transact(rules: &Rules, state: &mut State, op: &Op, answer: Option<Word>) -> bool {
    let steps = answer.unwrap_or(op.input).row().expect("steps");
    for one in steps.cells().chunks(3) {
        let register = &mut state[usize::from(one[1].unsigned_abs())];
        if one[0] == 1 {
            *register = Row::of(&one[2..]);
        } else if answer.is_some() {
            let held = register.get(0).unwrap_or(rules.initial.cell());
            if !reads(rules, Word::from_cell(one[2]), held) {
                return false;
            }
        }
    }
    true
}

/// The elements that are in, in order.
fn element(held: &mut Row, op: &Op, answer: Option<Word>) -> bool {
    let element = op.input.cell();
    let place = held.cells().iter().position(|one| *one == element);
    let answers = match op.f {
        F::Add => place.is_none(),
        _ => place.is_some(),
    };
    match (op.f, place) {
        (F::Add, None) => {
            held.push(element);
            held.cells_mut().sort_unstable();
        }
        (F::Remove, Some(place)) => {
            held.remove(place);
        }
        _ => {}
    }
    !matches!(answer, Some(Word::Bool(told)) if told != answers)
}

/// The holder and the last token; of a token that is not known, the least that it can be.
fn lock(held: &mut Row, op: &Op, answer: Option<Word>) -> bool {
    let known = |at| held.get(at).filter(|cell| *cell != NIL);
    let (holder, last) = (known(0), known(1));
    let process = op.process.cast_signed();
    if op.f == F::Release {
        *held = Row::of(&[NIL, last.unwrap_or(NIL)]);
        return holder == Some(process);
    }
    let told = answer.map(Word::cell).filter(|token| *token != NIL);
    let grows = told.is_none_or(|token| last.is_none_or(|last| token > last));
    let token = told.unwrap_or(last.map_or(TOKEN_MIN, |last| last + 1));
    *held = Row::of(&[process, token]);
    holder.is_none() && grows
}

fn count(rules: &Rules, held: &mut Row, op: &Op, answer: Option<Word>) -> bool {
    let start = rules.initial.cell().max(0);
    let value = held.get(0).unwrap_or(start);
    if op.f == F::Read {
        return answer.is_none_or(|told| {
            told == Word::Int(value) || (told == Word::Nil && rules.nil_reads_unknown)
        });
    }
    let delta = if let Word::Int(delta) = op.input { delta } else { 1 };
    *held = Row::of(&[value + delta]);
    answer.filter(|_| op.f == F::AddAndGet).is_none_or(|told| told == Word::Int(value + delta))
}

/// What one key of a store that counts its changes holds.
struct Versioned {
    value: i8,
    /// The revision that wrote it; if that is not known, the least that it can be.
    revision: i8,
    is_known: bool,
    /// The least revision at which the whole store can stand.
    least: i8,
}

impl Versioned {
    fn of(held: &Row) -> Self {
        match *held.cells() {
            [value, revision, known, least] => {
                Self { value, revision, is_known: known == 1, least }
            }
            _ => Self { value: NIL, revision: 0, is_known: true, least: 0 },
        }
    }

    fn row(&self) -> Row {
        Row::of(&[self.value, self.revision, i8::from(self.is_known), self.least])
    }

    fn can_be(&self, seen: i8) -> bool {
        if self.is_known { seen == self.revision } else { seen >= self.revision }
    }

    fn is_absent(&self) -> bool {
        self.value == NIL
    }
}

fn version(rules: &Rules, held: &mut Row, op: &Op, answer: Option<Word>) -> bool {
    let now = Versioned::of(held);
    let told = answer.and_then(Word::row).unwrap_or_default();
    let (fits, to, least) = match op.f {
        F::Get => return found(rules, held, &now, answer, told),
        F::Delete if told.get(1) == Some(0) => return found(rules, held, &now, answer, told),
        F::Delete if now.is_absent() => return told.get(1).is_none(),
        F::Delete => (true, NIL, now.least),
        F::Put => (true, op.input.cell(), now.least),
        _ => {
            let pair = op.input.row().expect("a pair");
            let (from, to) = (pair.cells()[0], pair.cells()[1]);
            match op.f {
                F::Cas => (from == now.value, to, now.least),
                _ if from == 0 => (now.is_absent(), to, now.least),
                _ => (!now.is_absent() && now.can_be(from), to, now.least.max(from)),
            }
        }
    };
    let own = told.get(1).filter(|_| answer != Some(op.input));
    let at = own.unwrap_or(least + 1);
    let gone = to == NIL;
    let revision = if gone { 0 } else { at };
    let after = Versioned { value: to, revision, is_known: gone || own.is_some(), least: at };
    *held = after.row();
    fits && at > least
}

/// A get, or a delete that found nothing: both say what stood there, and perhaps where the store stood.
fn found(rules: &Rules, held: &mut Row, now: &Versioned, answer: Option<Word>, told: Row) -> bool {
    match answer {
        None => return true,
        Some(Word::Nil) => return now.is_absent() || rules.nil_reads_unknown,
        Some(_) => {}
    }
    let [value, seen, ..] = *told.cells() else { return false };
    let stood = told.get(2).unwrap_or(now.least.max(seen));
    let fits = value == now.value && now.can_be(seen) && stood >= now.least.max(seen);
    *held = Versioned { value, revision: seen, is_known: true, least: stood }.row();
    fits
}
