//! What was read is written, and read again, as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rashomon_checker::history::EventRef;
use rashomon_fuzz::codec::write::{HistoryWriter, OutputFormat, Packing};
use rashomon_fuzz::read;

fuzz_target!(|bytes: &[u8]| {
    let Ok((events, _)) = read(bytes, None) else { return };
    let mut writer = HistoryWriter::new(Vec::new(), OutputFormat::Edn, Packing::None);
    for event in &events {
        writer.write(&EventRef::from(event)).expect("EDN takes any event");
    }
    let bytes = writer.finish().expect("memory is never full");
    let (again, _) = read(&bytes, None).expect("what was written can be read");
    assert_eq!(again, events);
});
