//! Packed files: the first byte says how, so that the fuzzer need not find out about magic numbers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rashomon_fuzz::try_read;

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let magic: &[u8] = match how % 4 {
        0 => &[0x1f, 0x8b, 8],
        1 => &[0x28, 0xb5, 0x2f, 0xfd],
        2 => &[0x51, 0x2a, 0x4d, 0x18],
        _ => &[],
    };
    try_read(&[magic, rest].concat(), None);
});
