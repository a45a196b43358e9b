//! What the quick reader of maps understands is what the reader of all of EDN makes of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rashomon_fuzz::codec::edn_readers_agree;

fuzz_target!(|bytes: &[u8]| {
    edn_readers_agree(bytes);
});
