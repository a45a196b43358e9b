//! Stores that keep a weaker promise are not accused of breaking it.

use super::generate::{Random, Shape, Store, generate};
use super::script::{judged, names};
use crate::transactions::{Consistency, Family};

/// How many of so many histories are found not serializable; none may break the promise.
fn broken(store: Store, promise: Consistency, family: Family, histories: usize) -> usize {
    let mut random = Random(4);
    let mut broken = 0;
    for _ in 0..histories {
        let shape = Shape {
            family,
            store,
            txns: 3 + random.below(30),
            processes: 2 + random.below(5),
            keys: 2 + random.below(2),
            acts_max: 2 + random.below(3),
            crashes: 10,
            fails: 5,
        };
        let txns = generate(shape, &mut random);
        let report = judged(&txns, promise);
        let kept = !report.ruled_out.contains(&promise);
        assert!(kept, "{store:?} {promise} {:?} {txns:#?}", names(&report));
        broken += usize::from(report.ruled_out.contains(&Consistency::Serializable));
    }
    broken
}

#[test]
fn weaker_stores_keep_their_promises() {
    for family in [Family::ListAppend, Family::RwRegister] {
        let strict = Consistency::StrictSerializable;
        assert_eq!(broken(Store::Strict, strict, family, 2000), 0);
        let snapshot = Consistency::StrongSnapshotIsolation;
        let count = broken(Store::Snapshot, snapshot, family, 2000);
        assert!(count > 100, "{count}");
        let committed = Consistency::StrongReadCommitted;
        let count = broken(Store::Committed, committed, family, 2000);
        assert!(count > 1000, "{count}");
    }
}
