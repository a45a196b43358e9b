//! What each target does with its input. The programs in `fuzz_targets/` name one each; `any` does what it is told.

use rashomon_checker::history::EventRef;

use crate::codec::write::{HistoryWriter, OutputFormat, Packing};
use crate::codec::{InputFormat, edn_readers_agree};
use crate::{read, try_read};

/// Something to do with an input; it panics on what must not be.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const ALL: [(&str, Target); 8] = [
    ("detect", detect),
    ("edn", edn),
    ("edn_differential", edn_differential),
    ("jepsen_log", jepsen_log),
    ("jsonl", jsonl),
    ("jsonl_differential", jsonl_differential),
    ("packed", packed),
    ("round_trip", round_trip),
];

/// A file of any format, which its content must tell.
pub fn detect(bytes: &[u8]) {
    try_read(bytes, None);
}

/// A file of EDN.
pub fn edn(bytes: &[u8]) {
    try_read(bytes, Some(InputFormat::Edn));
}

/// What the quick reader of maps understands is what the reader of all of EDN makes of it.
pub fn edn_differential(bytes: &[u8]) {
    edn_readers_agree(bytes);
}

/// A log of Jepsen's.
pub fn jepsen_log(bytes: &[u8]) {
    try_read(bytes, Some(InputFormat::JepsenLog));
}

/// A file of JSON lines.
pub fn jsonl(bytes: &[u8]) {
    try_read(bytes, Some(InputFormat::Jsonl));
}

/// What the quick reader of lines understands is what `serde` makes of it.
pub fn jsonl_differential(bytes: &[u8]) {
    crate::codec::jsonl::agree(bytes);
}

/// Packed files: the first byte says how, so that the fuzzer need not find out about magic numbers.
pub fn packed(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else { return };
    let magic: &[u8] = match how % 4 {
        0 => &[0x1f, 0x8b, 8],
        1 => &[0x28, 0xb5, 0x2f, 0xfd],
        2 => &[0x51, 0x2a, 0x4d, 0x18],
        _ => &[],
    };
    try_read(&[magic, rest].concat(), None);
}

/// What was read is written, and read again, as it was.
pub fn round_trip(bytes: &[u8]) {
    let Ok((events, _)) = read(bytes, None) else { return };
    let mut writer = HistoryWriter::new(Vec::new(), OutputFormat::Edn, Packing::None);
    for event in &events {
        writer.write(&EventRef::from(event)).expect("EDN takes any event");
    }
    let bytes = writer.finish().expect("memory is never full");
    let (again, _) = read(&bytes, None).expect("what was written can be read");
    assert_eq!(again, events);
}
