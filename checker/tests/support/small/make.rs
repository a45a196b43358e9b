//! Making small histories: a store is simulated, in which every operation takes effect at one moment, or never.

use rashomon_checker::check::ModelKind;

use super::brute::OPS_MAX;
use super::case::{Case, End, Mark, Op, Rules};
use super::random::Random;
use super::spec::{State, step, take};
use super::spoil::spoil;
use super::words::{F, NIL, Row, Word};

/// What values operations take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// Each its own.
    Unique,
    /// Of so many.
    Of(u64),
}

/// What kind of history to make.
#[derive(Debug, Clone, Copy)]
struct Shape {
    operations: u64,
    processes: u8,
    keys: u64,
    values: Values,
    /// Percentage of operations whose client gives up.
    crashes: u64,
}

/// A history of the seed's: the same for the same seed, legal or spoilt.
pub(crate) fn case(model: ModelKind, seed: u64, round: u64) -> Case {
    let mut random = Random(seed ^ (model as u64) << 56);
    // Rounds next to each other must not walk the same way a few steps apart.
    let mut random = Random(random.next().wrapping_add(round.wrapping_mul(0xd134_2543_de82_ef95)));
    let rules = Rules {
        model,
        initial: if random.chance(50) { Word::Nil } else { Word::Int(0) },
        failed_cas_observed: random.chance(40),
        nil_reads_unknown: random.chance(20),
    };
    // Some rules only show where much goes on at once.
    let (operations, processes) = if random.chance(25) {
        (6 + random.below(OPS_MAX as u64 - 5), 4 + random.below(3))
    } else {
        (2 + random.below(7), 2 + random.below(3))
    };
    let shape = Shape {
        operations,
        processes: processes as u8,
        keys: random.below(3),
        values: [Values::Unique, Values::Unique, Values::Of(2), Values::Of(8)]
            [random.below(4) as usize],
        crashes: [0, 8, 8, 40][random.below(4) as usize],
    };
    let mut case = Simulation::new(rules, shape, &mut random).run();
    for _ in 0..random.below(spoils_max(model) + 1) {
        spoil(&mut case, &mut random);
    }
    case
}

/// The last letter of some texts: none begins with it.
const LETTER_LAST: i8 = 20;

/// How often a history is spoilt at most, so that about half of all are not linearizable.
fn spoils_max(model: ModelKind) -> u64 {
    match model {
        ModelKind::Mutex | ModelKind::OwnedMutex | ModelKind::FencedMutex => 9,
        ModelKind::ElementSet => 6,
        _ => 8,
    }
}

struct Open {
    op: u8,
    /// The answer, once it has taken effect; `Err` if it was refused.
    answer: Option<Result<Word, ()>>,
    /// Whether a client still waits for it.
    awaited: bool,
}

struct Simulation<'a> {
    shape: Shape,
    random: &'a mut Random,
    store: State,
    open: Vec<Open>,
    idle: Vec<u8>,
    next_process: u8,
    case: Case,
}

impl<'a> Simulation<'a> {
    fn new(rules: Rules, shape: Shape, random: &'a mut Random) -> Self {
        let room = shape.operations as usize;
        Self {
            shape,
            random,
            store: State::default(),
            open: Vec::with_capacity(room),
            idle: (0..shape.processes).collect(),
            next_process: shape.processes,
            case: Case {
                rules,
                ops: Vec::with_capacity(room),
                marks: Vec::with_capacity(2 * room),
            },
        }
    }

    fn run(mut self) -> Case {
        let all = self.shape.operations as usize;
        while self.case.ops.len() < all || self.open.iter().any(|open| open.awaited) {
            match self.random.below(10) {
                0..4 if self.case.ops.len() < all && !self.idle.is_empty() => self.invoke(),
                4..7 => self.apply(),
                _ => self.complete(),
            }
            // Some histories end while operations are open.
            if self.case.ops.len() == all && self.random.chance(3) {
                break;
            }
        }
        self.case
    }

    fn invoke(&mut self) {
        let at = self.random.below(self.idle.len() as u64) as usize;
        let process = self.idle.swap_remove(at);
        let keyed = self.shape.keys > 0 && self.case.rules.model != ModelKind::MultiRegister;
        let key = keyed.then(|| self.random.below(self.shape.keys) as u8);
        let held = self.store[usize::from(key.unwrap_or(0))];
        let f = self.function(process, &held);
        let input = self.input(f, &held);
        let op = self.case.ops.len() as u8;
        self.case.ops.push(Op { process, key, f, input, end: End::Info, answer: Word::Nil });
        self.case.marks.push(Mark { op, begins: true });
        self.open.push(Open { op, answer: None, awaited: true });
    }

    fn function(&mut self, process: u8, held: &Row) -> F {
        let model = self.case.rules.model;
        let functions = model.functions();
        // A delete writes what other deletes write.
        let few = model == ModelKind::KeyValue && self.shape.values == Values::Unique;
        let wanted = self.random.pick(&functions[..functions.len() - usize::from(few)]);
        let f = F::from_name(wanted).expect("a function of the model");
        // Locks are mostly used as they should be.
        match model {
            ModelKind::Mutex if self.random.chance(60) => {
                if held.get(0).is_some() {
                    F::Release
                } else {
                    F::Acquire
                }
            }
            ModelKind::OwnedMutex | ModelKind::FencedMutex if self.random.chance(80) => {
                let holds = held.get(0) == Some(process.cast_signed());
                if holds { F::Release } else { F::Acquire }
            }
            _ => f,
        }
    }

    fn input(&mut self, f: F, held: &Row) -> Word {
        let value = self.value();
        match f {
            F::Put | F::Append if self.case.rules.model == ModelKind::KeyValue => match value {
                _ if self.shape.values == Values::Unique => {
                    let text: &[i8] =
                        if self.random.chance(50) { &[value] } else { &[value, LETTER_LAST] };
                    Word::Text(Row::of(text))
                }
                _ => Word::Text(Row::of([&[][..], &[0], &[1], &[0, 1]][value as usize % 4])),
            },
            F::Write
            | F::Append
            | F::Add
            | F::Remove
            | F::Contains
            | F::Put
            | F::AddAndGet
            | F::Enqueue
            | F::Push
            | F::Insert => match f {
                // To have been added before.
                F::Remove | F::Contains if self.shape.values == Values::Unique => {
                    Word::Int(self.random.below(self.case.ops.len() as u64 + 1) as i8 + 1)
                }
                _ => Word::Int(value),
            },
            F::Cas => Word::List(Row::of(&[self.expected(held.get(0)), value])),
            F::CasRevision => {
                let seen = held.get(1).filter(|_| self.random.chance(60));
                Word::List(Row::of(&[seen.unwrap_or(self.random.below(5) as i8), value]))
            }
            F::Txn => self.transaction(),
            _ => Word::Nil,
        }
    }

    /// What a compare-and-set expects: often what is there.
    fn expected(&mut self, held: Option<i8>) -> i8 {
        match held {
            Some(held) if self.random.chance(60) => held,
            None if self.random.chance(40) => self.case.rules.initial.cell(),
            _ => self.random.below(self.values_max()) as i8,
        }
    }

    fn values_max(&self) -> u64 {
        match self.shape.values {
            Values::Unique => self.shape.operations,
            Values::Of(values) => values,
        }
    }

    fn value(&mut self) -> i8 {
        match self.shape.values {
            // The sum of equal numbers tells how many they were.
            Values::Unique if self.case.rules.model == ModelKind::Counter => 1,
            // Not what registers start with.
            Values::Unique => self.case.ops.len() as i8 + 1,
            Values::Of(values) => self.random.below(values) as i8,
        }
    }

    fn transaction(&mut self) -> Word {
        let mut steps = Row::default();
        for _ in 0..=self.random.below(2) {
            let (writes, register) = (self.random.chance(50), self.random.below(2) as i8);
            let value = if writes { self.value() } else { NIL };
            for cell in [i8::from(writes), register, value] {
                steps.push(cell);
            }
        }
        Word::Steps(steps)
    }

    /// One of the open operations that `wanted` says.
    fn pick(&mut self, wanted: impl Fn(&Open) -> bool) -> Option<usize> {
        let count = self.open.iter().filter(|open| wanted(open)).count();
        let chosen = self.random.below(count.max(1) as u64) as usize;
        (0..self.open.len()).filter(|at| wanted(&self.open[*at])).nth(chosen)
    }

    /// Some operation takes effect, perhaps one that nobody waits for any more.
    fn apply(&mut self) {
        let Some(at) = self.pick(|open| open.answer.is_none()) else { return };
        let refused = self.random.chance(5);
        let op = self.case.ops[usize::from(self.open[at].op)];
        let answer = if refused { Err(()) } else { effect(&self.case.rules, &mut self.store, op) };
        self.open[at].answer = Some(answer);
    }

    /// Some client hears of its operation, or gives up.
    fn complete(&mut self) {
        let Some(at) = self.pick(|open| open.awaited) else { return };
        let crash = self.random.chance(self.shape.crashes);
        let open = &mut self.open[at];
        let number = open.op;
        let op = &mut self.case.ops[usize::from(number)];
        (op.end, op.answer) = match open.answer {
            _ if crash => (End::Info, Word::Nil),
            Some(Ok(answer)) => (End::Ok, answer),
            Some(Err(())) => (End::Fail, Word::Nil),
            None => return,
        };
        self.case.marks.push(Mark { op: number, begins: false });
        // What will never take effect any more is gone; the rest may still, late.
        if open.answer.is_some() {
            self.open.swap_remove(at);
        } else {
            open.awaited = false;
        }
        // Whose outcome is unknown does not act again.
        self.idle.push(if crash { self.next_process } else { op.process });
        self.next_process += u8::from(crash);
    }
}

/// Does it, and says what it answers; `Err` where the object refuses.
fn effect(rules: &Rules, store: &mut State, mut op: Op) -> Result<Word, ()> {
    let key = usize::from(op.key.unwrap_or(0));
    let held = store[key];
    op.end = End::Ok;
    op.answer = match (rules.model, op.f) {
        (ModelKind::VersionedRegister, _) => return version(&mut store[key], op),
        (ModelKind::MultiRegister, _) => return Ok(transact(rules, store, op.input)),
        (ModelKind::Register | ModelKind::CasRegister, F::Read) => {
            Word::from_cell(held.get(0).unwrap_or(rules.initial.cell()))
        }
        (ModelKind::KeyValue, F::Get) => Word::Text(held),
        (ModelKind::Set | ModelKind::AppendList, F::Read) => Word::List(held),
        (_, F::Dequeue | F::Pop | F::DeleteMin) => {
            Word::from_cell(take(rules.model, &mut held.clone()))
        }
        (ModelKind::ElementSet, f) => {
            Word::Bool(held.cells().contains(&op.input.cell()) != (f == F::Add))
        }
        (ModelKind::FencedMutex, F::Acquire) => {
            Word::Int(held.get(1).filter(|last| *last != NIL).unwrap_or(0) + 1)
        }
        (ModelKind::Counter, F::Read | F::AddAndGet) => {
            let value = held.get(0).unwrap_or(rules.initial.cell().max(0));
            Word::Int(value + if op.f == F::Read { 0 } else { op.input.cell() })
        }
        _ => op.input,
    };
    if !step(rules, store, &op, true) {
        store[key] = held;
        return Err(());
    }
    Ok(op.answer)
}

fn transact(rules: &Rules, store: &mut State, input: Word) -> Word {
    let mut steps = input.row().expect("steps");
    for one in steps.cells_mut().chunks_mut(3) {
        let register = &mut store[usize::from(one[1].unsigned_abs())];
        if one[0] == 1 {
            *register = Row::of(&one[2..]);
        } else {
            one[2] = register.get(0).unwrap_or(rules.initial.cell());
        }
    }
    Word::Steps(steps)
}

/// The row is what is there, its revision, and the revision of the store, which other keys change too.
fn version(held: &mut Row, op: Op) -> Result<Word, ()> {
    let [value, revision, at] = *held.cells() else {
        *held = Row::of(&[NIL, 0, 1]);
        return version(held, op);
    };
    let pair = op.input.row().unwrap_or_default();
    let to = match op.f {
        F::Get => return Ok(Word::List(Row::of(&held.cells()[..2 + usize::from(at % 2 == 0)]))),
        F::Delete if value == NIL => return Ok(Word::List(*held)),
        F::Delete => NIL,
        F::Put => op.input.cell(),
        F::Cas if pair.get(0) == Some(value) => pair.cells()[1],
        F::CasRevision if pair.get(0) == Some(revision) => pair.cells()[1],
        _ => return Err(()),
    };
    let now = at + 1 + i8::from(at % 3 == 0);
    *held = Row::of(&[to, if to == NIL { 0 } else { now }, now]);
    Ok(Word::List(Row::of(&[to, now])))
}
