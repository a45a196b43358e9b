//! A file of any format, which its content must tell.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rashomon_fuzz::try_read;

fuzz_target!(|bytes: &[u8]| try_read(bytes, None));
