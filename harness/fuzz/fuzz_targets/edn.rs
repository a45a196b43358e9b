#![no_main]

use libfuzzer_sys::fuzz_target;
use rashomon_fuzz::codec::InputFormat;
use rashomon_fuzz::try_read;

fuzz_target!(|bytes: &[u8]| try_read(bytes, Some(InputFormat::Edn)));
