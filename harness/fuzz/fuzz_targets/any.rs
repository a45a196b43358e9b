//! Every target in one program, so that one link is enough: `RASHOMON_FUZZ_TARGET` says which.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rashomon_fuzz::targets::{ALL, Target};

static TOLD: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("RASHOMON_FUZZ_TARGET").unwrap_or_default();
    let found = ALL.into_iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("RASHOMON_FUZZ_TARGET={name:?} names no target")).1
});

fuzz_target!(|bytes: &[u8]| TOLD(bytes));
