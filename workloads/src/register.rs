//! `register`: read, write and compare-and-set on registers.
//!
//! Every value is written at most once in a run, so a read names the write it saw: a stale read, a lost write or a
//! value that was never written shows at the first read. A compare-and-set starts from the latest value that anybody
//! was seen to have; started from a guess it would nearly always fail, and a failed one tells nothing.

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;

use crate::mix::Mix;
use crate::stream::{self, Stream};
use crate::{Board, Generator, Invocation, Place, Shape, Workload};

/// The workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Register;

impl Workload for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn summary(&self) -> &'static str {
        "read, write and compare-and-set on registers, unique values, several keys"
    }

    fn detects(&self) -> &'static str {
        "Stale reads, lost writes, dirty reads, lost updates, and a compare-and-set that took effect twice or against \
         a value that was no longer there."
    }

    fn cannot_detect(&self) -> &'static str {
        "A write that is applied twice in a row (it leaves the same value), and anything that shows only across \
         several keys."
    }

    fn model(&self) -> ModelKind {
        ModelKind::CasRegister
    }

    fn shape(&self) -> Shape {
        Shape::Register
    }

    fn generator(&self, place: Place) -> Box<dyn Generator> {
        Box::new(RegisterGenerator { stream: Stream::new(place, "k", &MIX) })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Cas,
}

impl stream::Kind for Kind {
    const READ: Self = Self::Read;
    const WRITE: Self = Self::Write;
}

static MIX: Mix<Kind, 3> = Mix::new([(Kind::Read, 45), (Kind::Write, 35), (Kind::Cas, 20)]);

struct RegisterGenerator {
    stream: Stream<Kind, 3>,
}

impl Generator for RegisterGenerator {
    fn next(&mut self, board: &mut Board) -> Invocation {
        let step = self.stream.step(board);
        let (key, value) = (step.key, step.value);
        match (step.kind, board.latest(&key).cloned()) {
            (Kind::Read, _) => Invocation::read(key),
            (Kind::Cas, Some(from)) => {
                Invocation { f: "cas", key, value: Value::List(vec![from, value]) }
            }
            // Nothing to start a compare-and-set from: give the register its first value.
            (Kind::Write | Kind::Cas, _) => Invocation { f: "write", key, value },
        }
    }

    fn observe(&self, board: &mut Board, invocation: &Invocation, answer: Option<&Value>) {
        let Some(answer) = answer else { return };
        let now = match invocation.f {
            "cas" => invocation.value.as_list().and_then(|pair| pair.get(1)),
            "write" => Some(&invocation.value),
            _ => Some(answer),
        };
        if let Some(now) = now.filter(|value| !value.is_nil()) {
            board.saw(&invocation.key, now.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::tests::{drive, place, share};

    /// A register that always answers at once.
    fn answer(state: &mut BTreeMap<String, Value>, invocation: &Invocation) -> Option<Value> {
        let now = state.entry(invocation.key.clone()).or_default();
        match invocation.f {
            "read" => Some(now.clone()),
            "write" => {
                *now = invocation.value.clone();
                Some(now.clone())
            }
            _ => {
                let pair = invocation.value.as_list().unwrap();
                (*now == pair[0]).then(|| {
                    *now = pair[1].clone();
                    invocation.value.clone()
                })
            }
        }
    }

    fn run(seed: u64, count: usize) -> Vec<(Invocation, Option<Value>)> {
        let mut state = BTreeMap::new();
        drive(&Register, seed, count, |invocation| answer(&mut state, invocation))
    }

    #[test]
    fn every_value_is_written_once() {
        let mut written: Vec<i64> = run(1, 5_000)
            .iter()
            .filter_map(|(invocation, _)| match invocation.f {
                "write" => invocation.value.as_int(),
                "cas" => invocation.value.as_list().unwrap()[1].as_int(),
                _ => None,
            })
            .collect();
        let count = written.len();
        written.sort_unstable();
        written.dedup();
        assert_eq!(written.len(), count);
        assert!(count > 2_000, "{count} of 5000 operations write");
    }

    #[test]
    fn keeps_its_mix() {
        let done = run(2, 10_000);
        assert!((0.43..0.47).contains(&share(&done, "read")), "{}", share(&done, "read"));
        assert!((0.33..0.38).contains(&share(&done, "write")), "{}", share(&done, "write"));
        assert!((0.17..0.22).contains(&share(&done, "cas")), "{}", share(&done, "cas"));
    }

    #[test]
    fn a_compare_and_set_starts_from_the_latest_value_seen() {
        let done = run(3, 10_000);
        let cas = done.iter().filter(|(invocation, _)| invocation.f == "cas");
        let (mut tried, mut succeeded) = (0, 0);
        for (_, answer) in cas {
            tried += 1;
            succeeded += usize::from(answer.is_some());
        }
        assert_eq!(
            succeeded, tried,
            "without concurrency the latest seen value is the current one"
        );
        assert!(tried > 1_000);
    }

    #[test]
    fn a_failed_operation_teaches_nothing() {
        let (generator, mut board) = (Register.generator(place(4, 0)), Board::default());
        let write = Invocation { f: "write", key: "k0".into(), value: Value::Int(9) };
        generator.observe(&mut board, &write, None);
        assert_eq!(board.latest("k0"), None);
        generator.observe(&mut board, &Invocation::read("k0".into()), Some(&Value::Nil));
        assert_eq!(board.latest("k0"), None, "an absent value is nothing to start from");
        generator.observe(&mut board, &Invocation::read("k0".into()), Some(&Value::Int(9)));
        assert_eq!(board.latest("k0"), Some(&Value::Int(9)));
    }
}
