#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| rashomon_fuzz::targets::jsonl(bytes));
