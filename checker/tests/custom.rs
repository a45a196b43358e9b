//! Users' models: verdict, first impossible completion and core against brute force, on random small logs.

#[path = "support/generate.rs"]
#[expect(dead_code, reason = "only the random numbers are of use here")]
mod generate;

use std::cell::Cell;
use std::fmt::Debug;

use generate::Random;
use rashomon_checker::check::Engine;
use rashomon_checker::custom::{Log, Model, ModelOptions, Outcome, Reason, check_model, replay};
use rashomon_checker::history::OpId;

/// A register with compare-and-set, two objects, all hints given.
struct Registers;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Cas {
    Read(u8),
    Write(u8, u8),
    Swap(u8, u8, u8),
}

impl Model for Registers {
    type State = u8;
    type Input = Cas;
    type Output = u8;

    fn init(&self) -> u8 {
        0
    }

    fn step(&self, state: &u8, input: &Cas, output: Option<&u8>) -> impl IntoIterator<Item = u8> {
        let (answer, next) = match input {
            Cas::Read(_) => (*state, *state),
            Cas::Write(_, value) => (0, *value),
            Cas::Swap(_, from, to) if from == state => (1, *to),
            Cas::Swap(..) => (0, *state),
        };
        output.is_none_or(|output| *output == answer).then_some(next)
    }

    fn object(&self, input: &Cas) -> String {
        let (Cas::Read(key) | Cas::Write(key, _) | Cas::Swap(key, ..)) = input;
        key.to_string()
    }

    fn is_observer(&self, input: &Cas) -> bool {
        matches!(input, Cas::Read(_))
    }

    fn leaves(&self, input: &Cas, output: Option<&u8>) -> Option<u8> {
        match input {
            Cas::Write(_, value) if output.is_none_or(|output| *output == 0) => Some(*value),
            _ => None,
        }
    }

    fn rank(&self, input: &Cas, _output: Option<&u8>) -> u32 {
        u32::from(matches!(input, Cas::Write(..)))
    }
}

/// A bag: `Take` answers any element, so the state after a take of unknown outcome is one of several.
struct Bag;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum BagOp {
    Put(u8),
    Take,
    Size,
}

impl Model for Bag {
    type State = Vec<u8>;
    type Input = BagOp;
    type Output = Option<u8>;

    fn init(&self) -> Vec<u8> {
        Vec::new()
    }

    fn step(
        &self,
        state: &Vec<u8>,
        input: &BagOp,
        output: Option<&Option<u8>>,
    ) -> impl IntoIterator<Item = Vec<u8>> {
        let mut all: Vec<(Option<u8>, Vec<u8>)> = Vec::new();
        match input {
            BagOp::Put(element) => {
                let mut next = state.clone();
                next.push(*element);
                next.sort_unstable();
                all.push((None, next));
            }
            BagOp::Size => all.push((Some(state.len() as u8), state.clone())),
            BagOp::Take if state.is_empty() => all.push((None, Vec::new())),
            BagOp::Take => all.extend((0..state.len()).map(|at| {
                let mut next = state.clone();
                let taken = next.remove(at);
                (Some(taken), next)
            })),
        }
        let fits = move |answer: &Option<u8>| output.is_none_or(|output| output == answer);
        all.into_iter().filter(move |(answer, _)| fits(answer)).map(|(_, next)| next)
    }

    fn is_observer(&self, input: &BagOp) -> bool {
        *input == BagOp::Size
    }
}

/// A coin: flips answer nothing, so that every completed flip leaves two states.
struct Coin;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum CoinOp {
    Flip,
    Turn,
    Look,
}

impl Model for Coin {
    type State = bool;
    type Input = CoinOp;
    type Output = bool;

    fn init(&self) -> bool {
        false
    }

    fn step(
        &self,
        state: &bool,
        input: &CoinOp,
        output: Option<&bool>,
    ) -> impl IntoIterator<Item = bool> {
        match input {
            CoinOp::Flip => vec![false, true],
            CoinOp::Turn => vec![!state],
            CoinOp::Look if output.is_none_or(|seen| seen == state) => vec![*state],
            CoinOp::Look => Vec::new(),
        }
    }
}

/// An operation as the brute force sees it.
#[derive(Debug, Clone)]
struct Plain<I, O> {
    input: I,
    output: Option<O>,
    call: u64,
    ret: u64,
}

impl<I: Clone, O: Clone> Plain<I, O> {
    /// As it was known right after event `last`.
    fn as_known(&self, last: u64) -> Option<Self> {
        let done = self.ret <= last;
        (self.call <= last).then(|| Self {
            output: self.output.clone().filter(|_| done),
            ret: if done { self.ret } else { u64::MAX },
            ..self.clone()
        })
    }
}

/// Whether some order of what completed, and of any of the rest, is allowed; before each step the operations of
/// `background` may act as often as one likes.
fn possible<M: Model>(
    model: &M,
    ops: &[Plain<M::Input, M::Output>],
    background: &[(&M::Input, Option<&M::Output>)],
    placed: &mut [bool],
    state: &M::State,
) -> bool {
    let waiting = (0..ops.len()).filter(|at| !placed[*at]);
    let deadline = waiting.map(|at| ops[at].ret).min().unwrap_or(u64::MAX);
    if deadline == u64::MAX {
        return true;
    }
    let mut states = vec![state.clone()];
    let mut at = 0;
    while let Some(from) = states.get(at).cloned() {
        at += 1;
        for (input, output) in background {
            for next in model.step(&from, input, *output) {
                if !states.contains(&next) {
                    states.push(next);
                }
            }
        }
        assert!(states.len() < 100_000, "a background that does not end");
    }
    for at in 0..ops.len() {
        if placed[at] || ops[at].call > deadline {
            continue;
        }
        placed[at] = true;
        for state in &states {
            for next in model.step(state, &ops[at].input, ops[at].output.as_ref()) {
                if possible(model, ops, background, placed, &next) {
                    return true;
                }
            }
        }
        placed[at] = false;
    }
    false
}

fn is_possible<M: Model>(model: &M, ops: &[Plain<M::Input, M::Output>]) -> bool
where
    M::Input: Clone,
    M::Output: Clone,
{
    let mut objects: Vec<String> = ops.iter().map(|op| model.object(&op.input)).collect();
    objects.sort_unstable();
    objects.dedup();
    objects.into_iter().all(|object| {
        let own = ops.iter().filter(|op| model.object(&op.input) == object);
        let own: Vec<_> = own.cloned().collect();
        let mut placed = vec![false; own.len()];
        possible(model, &own, &[], &mut placed, &model.init())
    })
}

type Made<M> = (
    Log<<M as Model>::Input, <M as Model>::Output>,
    Vec<Plain<<M as Model>::Input, <M as Model>::Output>>,
);

/// A log of what a right object did, some answers spoilt.
fn make<M: Model>(
    model: &M,
    random: &mut Random,
    input: impl Fn(&mut Random) -> M::Input,
    outputs: &[M::Output],
    spoilt: u64,
) -> Made<M>
where
    M::Input: Clone,
    M::Output: Clone,
{
    let (mut log, mut plain) = (Log::new(), Vec::new());
    let mut open = Vec::new();
    let mut states: Vec<(String, M::State)> = Vec::new();
    let mut position = 0;
    let count = 2 + random.below(6) as usize;
    while plain.len() < count || !open.is_empty() {
        if plain.len() < count && open.len() < 3 && (open.is_empty() || random.chance(50)) {
            let input = input(random);
            let token = log.invoke(random.below(4), input.clone());
            open.push((token, plain.len(), None));
            plain.push(Plain { input, output: None, call: position, ret: u64::MAX });
            position += 1;
            continue;
        }
        let at = random.below(open.len() as u64) as usize;
        let (op, acted) = (open[at].1, open[at].2.is_some());
        if !acted {
            let object = model.object(&plain[op].input);
            let place = states.iter().position(|(name, _)| *name == object);
            let place = place.unwrap_or_else(|| {
                states.push((object, model.init()));
                states.len() - 1
            });
            let first = random.below(outputs.len() as u64) as usize;
            let mut answers = (0..outputs.len()).map(|k| &outputs[(first + k) % outputs.len()]);
            let done = answers.find_map(|output| {
                let state = &states[place].1;
                let next: Vec<_> =
                    model.step(state, &plain[op].input, Some(output)).into_iter().collect();
                (!next.is_empty()).then(|| (output.clone(), random.pick(&next).clone()))
            });
            let (output, next) = done.expect("some answer is possible");
            states[place].1 = next;
            open[at].2 = Some(output);
            if random.chance(50) {
                continue;
            }
        }
        let (token, op, output) = open.swap_remove(at);
        let mut output = output.expect("it acted");
        match random.below(10) {
            0 => {
                log.crash(token).expect("open");
                position += 1;
            }
            1 => {}
            _ => {
                if random.chance(spoilt) {
                    output = random.pick(outputs).clone();
                }
                log.complete(token, output.clone()).expect("open");
                (plain[op].output, plain[op].ret) = (Some(output), position);
                position += 1;
            }
        }
    }
    (log, plain)
}

/// Compares what an engine says of one log with brute force; whether it is linearizable.
fn compare<M: Model>(
    model: &M,
    engine: Engine,
    log: &Log<M::Input, M::Output>,
    ops: &[Plain<M::Input, M::Output>],
) -> bool
where
    M::Input: Clone + Debug,
    M::Output: Clone + Debug,
    M::State: Debug,
{
    let expected = is_possible(model, ops);
    let options = ModelOptions { engine, ..ModelOptions::default() };
    match check_model(model, log, &options) {
        Outcome::Valid(found) => {
            assert!(expected, "called valid: {ops:#?}");
            assert_eq!(replay(model, log, &found.order), Ok(()));
        }
        Outcome::Invalid(found) => {
            assert!(!expected, "called invalid by {found:?}: {ops:#?}");
            let at = ops[found.blocked.0].ret;
            let known = |last| ops.iter().filter_map(|op| op.as_known(last)).collect::<Vec<_>>();
            assert!(found.first && !is_possible(model, &known(at)), "{found:?}: {ops:#?}");
            assert!(is_possible(model, &known(at - 1)), "{found:?}: {ops:#?}");
            assert!(found.minimal && found.core.contains(&found.blocked), "{found:?}");
            assert!(!core_is_possible(model, ops, &found.core, at), "{found:?}: {ops:#?}");
            for op in found.core.iter().filter(|op| **op != found.blocked) {
                let rest: Vec<OpId> = found.core.iter().copied().filter(|at| at != op).collect();
                assert!(core_is_possible(model, ops, &rest, at), "{op:?} {found:?}: {ops:#?}");
            }
        }
        other => panic!("{engine:?}: {other:?}: {ops:#?}"),
    }
    expected
}

fn core_is_possible<M: Model>(
    model: &M,
    ops: &[Plain<M::Input, M::Output>],
    core: &[OpId],
    at: u64,
) -> bool
where
    M::Input: Clone,
    M::Output: Clone,
{
    let object = model.object(&ops[core[0].0].input);
    let kept: Vec<_> = core.iter().filter_map(|op| ops[op.0].as_known(at)).collect();
    let others = (0..ops.len()).filter(|number| !core.contains(&OpId(*number)));
    let others = others.map(|number| &ops[number]);
    let mine = others.filter(|op| op.call < at && model.object(&op.input) == object);
    let background: Vec<_> =
        mine.flat_map(|op| [(&op.input, None), (&op.input, op.output.as_ref())]).collect();
    possible(model, &kept, &background, &mut vec![false; kept.len()], &model.init())
}

fn fuzz<M: Model>(
    model: &M,
    count: u64,
    input: impl Fn(&mut Random) -> M::Input,
    outputs: &[M::Output],
    spoilt: u64,
) where
    M::Input: Clone + Debug,
    M::Output: Clone + Debug,
    M::State: Debug,
{
    let mut valid = 0;
    for seed in 0..count {
        let (log, ops) = make(model, &mut Random(seed), &input, outputs, spoilt);
        valid += u64::from(compare(model, Engine::Auto, &log, &ops));
        let others = [Engine::Frontier, Engine::Wgl, Engine::Compare];
        compare(model, others[seed as usize % 3], &log, &ops);
    }
    let percent = valid * 100 / count;
    assert!((30..=75).contains(&percent), "{percent} % are valid");
}

/// More with `FUZZ=<times>`.
fn times(count: u64) -> u64 {
    let factor = std::env::var("FUZZ").ok().and_then(|text| text.parse().ok());
    count * factor.unwrap_or(1)
}

#[test]
fn registers_with_all_hints_are_judged_as_by_brute_force() {
    let input = |random: &mut Random| {
        let key = random.below(4) as u8 / 3;
        let (one, two) = (random.below(3) as u8, random.below(3) as u8);
        match random.below(3) {
            0 => Cas::Read(key),
            1 => Cas::Write(key, one),
            _ => Cas::Swap(key, one, two),
        }
    };
    fuzz(&Registers, times(5_000), input, &[0, 1, 2], 30);
}

#[test]
fn a_nondeterministic_coin_is_judged_as_by_brute_force() {
    let input = |random: &mut Random| match random.below(8) {
        0 => CoinOp::Flip,
        1 | 2 => CoinOp::Turn,
        _ => CoinOp::Look,
    };
    fuzz(&Coin, times(5_000), input, &[false, true], 100);
}

/// A bag in the background grows without end, so the brute force could not follow: its cores are checked by themselves.
#[test]
fn a_bag_is_judged_as_by_brute_force() {
    let (mut valid, count) = (0, times(1_500));
    let outputs: Vec<Option<u8>> = [None].into_iter().chain((0..8).map(Some)).collect();
    for seed in 0..count {
        let input = |random: &mut Random| match random.below(5) {
            0 | 1 => BagOp::Put(1 + random.below(2) as u8),
            2 | 3 => BagOp::Take,
            _ => BagOp::Size,
        };
        let (log, ops) = make(&Bag, &mut Random(seed), input, &outputs, 20);
        let expected = is_possible(&Bag, &ops);
        valid += u64::from(expected);
        match check_model(&Bag, &log, &ModelOptions::default()) {
            Outcome::Valid(found) => {
                assert!(expected, "called valid: {ops:#?}");
                assert_eq!(replay(&Bag, &log, &found.order), Ok(()));
            }
            Outcome::Invalid(found) => {
                assert!(!expected, "called invalid by {found:?}: {ops:#?}");
                let at = ops[found.blocked.0].ret;
                let known =
                    |last| ops.iter().filter_map(|op| op.as_known(last)).collect::<Vec<_>>();
                assert!(found.first && !is_possible(&Bag, &known(at)), "{found:?}: {ops:#?}");
                assert!(is_possible(&Bag, &known(at - 1)), "{found:?}: {ops:#?}");
                let core: Vec<_> =
                    found.core.iter().filter_map(|op| ops[op.0].as_known(at)).collect();
                assert!(!is_possible(&Bag, &core), "{found:?}: {ops:#?}");
            }
            other => panic!("{other:?}: {ops:#?}"),
        }
    }
    let percent = valid * 100 / count;
    assert!((30..=75).contains(&percent), "{percent} % are valid");
}

/// A counter that claims that adding is observing.
struct Liar;

impl Model for Liar {
    type State = u32;
    type Input = bool;
    type Output = u32;

    fn init(&self) -> u32 {
        0
    }

    fn step(&self, state: &u32, adds: &bool, out: Option<&u32>) -> impl IntoIterator<Item = u32> {
        out.is_none_or(|out| out == state).then_some(state + u32::from(*adds))
    }

    fn is_observer(&self, _adds: &bool) -> bool {
        true
    }
}

#[test]
fn a_hint_that_does_not_hold_is_no_verdict() {
    let mut log = Log::new();
    let add = log.invoke(1, true);
    log.complete(add, 0).unwrap();
    let read = log.invoke(1, false);
    log.complete(read, 0).unwrap();
    let Outcome::Unknown(undecided) = check_model(&Liar, &log, &ModelOptions::default()) else {
        panic!("a verdict that rests on a lie");
    };
    assert_eq!(undecided.reason, Reason::BrokenHint);
}

/// An operation of unknown outcome that is dropped as an observer: only the proof without hints can tell.
#[test]
fn a_hint_that_hides_an_operation_is_no_verdict() {
    let mut log = Log::new();
    let _add = log.invoke(1, true);
    let read = log.invoke(2, false);
    log.complete(read, 1).unwrap();
    let Outcome::Unknown(undecided) = check_model(&Liar, &log, &ModelOptions::default()) else {
        panic!("a verdict that rests on a lie");
    };
    assert_eq!(undecided.reason, Reason::BrokenHint);
}

#[test]
fn no_decider_knows_a_type_of_ones_own() {
    let fast = ModelOptions { engine: Engine::Fast, ..ModelOptions::default() };
    let Outcome::Unknown(undecided) = check_model(&Registers, &hard(), &fast) else {
        panic!("decided");
    };
    assert_eq!(undecided.reason, Reason::NoDecider);
}

/// Many flips open at once, and looks that see too much: every choice is tried.
fn hard() -> Log<Cas, u8> {
    let mut log = Log::new();
    let pairs = (0..5).flat_map(|from| (0..5).map(move |to| (from, to)));
    let tokens: Vec<_> =
        pairs.map(|(from, to)| (log.invoke(1, Cas::Swap(0, from, to)), from == 4)).collect();
    for (token, fails) in tokens {
        log.complete(token, u8::from(!fails)).expect("open");
    }
    let read = log.invoke(1, Cas::Read(0));
    log.complete(read, 7).expect("open");
    log
}

#[test]
fn budgets_end_as_unknown_and_say_how_far_it_came() {
    let few = ModelOptions { memory_bytes_max: 1 << 20, ..ModelOptions::default() };
    let Outcome::Unknown(undecided) = check_model(&Registers, &hard(), &few) else {
        panic!("decided with no memory to speak of");
    };
    assert_eq!((undecided.reason, undecided.completions), (Reason::Memory, 26));
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let told = ModelOptions { should_stop: &stop, ..ModelOptions::default() };
    let Outcome::Unknown(undecided) = check_model(&Registers, &hard(), &told) else {
        panic!("decided after being told to stop");
    };
    assert_eq!(undecided.reason, Reason::Told);
    assert!(asked.get() < 8, "asked {} times", asked.get());
}

#[test]
fn what_failed_had_no_effect_and_a_stranger_s_token_is_refused() {
    let mut log = Log::new();
    let write = log.invoke(1, Cas::Write(0, 1));
    log.fail(write).unwrap();
    let read = log.invoke(1, Cas::Read(0));
    log.complete(read, 1).unwrap();
    let outcome = check_model(&Registers, &log, &ModelOptions::default());
    let told = outcome.explain(&log);
    assert!(
        told.starts_with("not linearizable (0): nothing explains that p1's Read(0) answered 1"),
        "{told}"
    );
    let mut other: Log<Cas, u8> = Log::new();
    let stranger = log.invoke(1, Cas::Read(0));
    assert!(other.complete(stranger, 1).is_err());
}

#[test]
fn a_long_log_is_decided_and_its_violation_cut_down() {
    let mut log = Log::new();
    for round in 0..2_000_u32 {
        let write = log.invoke(1, Cas::Write(0, (round % 5) as u8));
        let read = log.invoke(2, Cas::Read(0));
        log.complete(write, 0).unwrap();
        let seen = if round == 1_900 { 9 } else { round % 5 };
        log.complete(read, seen as u8).unwrap();
    }
    let Outcome::Invalid(found) = check_model(&Registers, &log, &ModelOptions::default()) else {
        panic!("9 was never written");
    };
    assert_eq!((found.core.as_slice(), found.minimal), (&[OpId(3801)][..], true));
}
