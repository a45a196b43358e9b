//! What the quick reader of lines understands is what `serde` makes of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rashomon_fuzz::codec::jsonl::agree;

fuzz_target!(|bytes: &[u8]| {
    agree(bytes);
});
