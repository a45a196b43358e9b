//! Random histories against brute force. `RASHOMON_FUZZ=1000000` tries so many of each family, and says how it went.

use super::brute::is_serializable;
use super::generate::{Random, Shape, Store, generate, spoil};
use super::script::{Txn, judged, names};
use crate::check::Validity;
use crate::transactions::{Consistency, Family, OrderBasis};

const MODELS: [(Consistency, OrderBasis); 3] = [
    (Consistency::Serializable, OrderBasis::Data),
    (Consistency::StrongSessionSerializable, OrderBasis::Process),
    (Consistency::StrictSerializable, OrderBasis::Realtime),
];

/// How often brute force and the check said what.
#[derive(Debug, Default)]
struct Tally {
    good: usize,
    bad: usize,
    missed: usize,
}

fn shape(family: Family, random: &mut Random) -> Shape {
    let stores = [Store::Strict, Store::Stale, Store::Snapshot, Store::Committed];
    Shape {
        family,
        store: stores[random.below(stores.len())],
        txns: 3 + random.below(5),
        processes: 1 + random.below(4),
        keys: 1 + random.below(2),
        acts_max: 2 + random.below(3),
        crashes: 15,
        fails: 10,
    }
}

/// Compares on so many histories. A model that brute force finds kept must not be found broken.
fn compare(family: Family, seed: u64, histories: usize) -> [Tally; 3] {
    let mut random = Random(seed);
    let mut tallies = [Tally::default(), Tally::default(), Tally::default()];
    for _ in 0..histories {
        let shape = shape(family, &mut random);
        let mut txns = generate(shape, &mut random);
        if random.chance(60) {
            spoil(&mut txns, &mut random);
        }
        for ((model, order), tally) in MODELS.into_iter().zip(&mut tallies) {
            one(&txns, model, order, tally);
        }
    }
    if std::env::var_os("RASHOMON_FUZZ").is_some() {
        tell(family, &tallies);
    }
    tallies
}

#[expect(clippy::print_stderr, reason = "for whoever asked for a long run")]
fn tell(family: Family, tallies: &[Tally; 3]) {
    for ((model, _), tally) in MODELS.iter().zip(tallies) {
        eprintln!("{family:?} {model}: {tally:?}");
    }
}

fn one(txns: &[Txn], model: Consistency, order: OrderBasis, tally: &mut Tally) {
    let report = judged(txns, model);
    let serializable = is_serializable(txns, order);
    let blamed = report.validity == Validity::Invalid;
    assert!(!(serializable && blamed), "{model} {:?} {txns:#?}", names(&report));
    assert!(serializable || !report.proven, "{model} {txns:#?}");
    assert_eq!(blamed, report.ruled_out.contains(&model));
    if serializable {
        tally.good += 1;
    } else {
        tally.bad += 1;
        tally.missed += usize::from(!blamed);
    }
}

fn histories() -> usize {
    std::env::var("RASHOMON_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(15_000)
}

#[test]
fn lists_are_judged_exactly() {
    for (number, tally) in compare(Family::ListAppend, 1, histories()).iter().enumerate() {
        assert_eq!(tally.missed, 0, "{number} {tally:?}");
        assert!(tally.good * 4 > tally.bad && tally.bad * 4 > tally.good, "{number} {tally:?}");
    }
}

#[test]
fn registers_are_never_blamed_wrongly() {
    for (number, tally) in compare(Family::RwRegister, 2, histories()).iter().enumerate() {
        assert!(tally.missed * 100 < tally.bad, "{number} {tally:?}");
        assert!(tally.good * 4 > tally.bad && tally.bad * 4 > tally.good, "{number} {tally:?}");
    }
}
