//! The example, as the unit test that it stands for: the right structure passes, the planted race is caught.

#[path = "../examples/own_structure.rs"]
#[expect(dead_code, reason = "a test has no use for the example's main function")]
mod own_structure;

use own_structure::{judge, right, wrong};
use rashomon_checker::custom::Outcome;

#[test]
fn the_striped_map_is_linearizable() {
    let log = right();
    let outcome = judge(&log);
    assert!(outcome.is_valid(), "{}", outcome.explain(&log));
}

#[test]
fn the_lost_update_is_caught_in_every_run() {
    let log = wrong();
    let Outcome::Invalid(found) = judge(&log) else {
        panic!("the second addition was lost, and nobody noticed");
    };
    assert_eq!((found.core.len(), found.minimal), (2, true), "{}", found.explain(&log));
    assert_eq!(found.object, "key 7");
}
