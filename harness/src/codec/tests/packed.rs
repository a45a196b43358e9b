//! gzip and zstd by content: whole, in many parts, one in the other, cut off, damaged.

use std::fmt::Write as _;
use std::io::{Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::codec::source::zstd::ZstdWriter;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ZstdWriter::new(Vec::new());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// So many operations that a packer makes several blocks of them.
fn history(operations: u64) -> String {
    let mut text = String::new();
    for at in 0..operations {
        let value = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let written = writeln!(
            text,
            "{{\"index\":{at},\"process\":{at},\"type\":\"invoke\",\"f\":\"write\",\"value\":{value}}}"
        );
        written.unwrap();
    }
    text
}

fn read_packed(bytes: &[u8]) -> Result<LoadedHistory, String> {
    read_bytes(Path::new("f"), bytes, None).map_err(|error| error.to_string())
}

#[test]
fn packed_files_are_told_by_content() {
    let text = history(5000);
    let (first, second) = text.split_at(text.len() / 3);
    let expected = load(&text).events;
    let skippable = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
    for (name, bytes) in [
        ("gzip", gzip(text.as_bytes())),
        ("members", [gzip(first.as_bytes()), gzip(second.as_bytes())].concat()),
        ("zstd", zstd(text.as_bytes())),
        ("frames", [zstd(first.as_bytes()), skippable.to_vec(), zstd(second.as_bytes())].concat()),
        ("skippable first", [skippable.to_vec(), zstd(text.as_bytes())].concat()),
        ("gzip of zstd", gzip(&zstd(text.as_bytes()))),
        ("zstd of gzip", zstd(&gzip(text.as_bytes()))),
    ] {
        let loaded = read_packed(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(loaded.events, expected, "{name}");
        assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
    }
    let edn = b"{:process 0 :type :invoke :f :read}";
    assert_eq!(read_packed(&gzip(edn)).unwrap().format, InputFormat::Edn);
    assert!(read_packed(&gzip(b"")).unwrap().holds_nothing());
    assert!(read_packed(&zstd(b"")).unwrap().holds_nothing());
}

/// One byte at a time, as a slow pipe gives them.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(1);
        self.0.read(&mut buffer[..count])
    }
}

#[test]
fn how_the_bytes_come_does_not_matter() {
    let text = history(50);
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes()), zstd(text.as_bytes())] {
        let loaded = collect(|sink| stream_from(Drops(&bytes), Path::new("f"), None, sink));
        assert_eq!(loaded.unwrap().events, load(&text).events);
    }
}

#[test]
fn what_is_cut_off_is_read_up_to_there() {
    let text = history(40_000);
    for (name, bytes) in [("gzip", gzip(text.as_bytes())), ("zstd", zstd(text.as_bytes()))] {
        let half = read_packed(&bytes[..bytes.len() / 2]).unwrap();
        let share = half.events.len();
        assert!((12_000..28_000).contains(&share), "{name}: {share} of 40000");
        let ends = format!("the {name} file ends early; what could be unpacked was read");
        assert_eq!(half.warnings.last(), Some(&ends));
    }
    let text = history(30);
    for (name, bytes) in [("gzip", gzip(text.as_bytes())), ("zstd", zstd(text.as_bytes()))] {
        for end in 5..bytes.len() {
            let loaded = read_packed(&bytes[..end])
                .unwrap_or_else(|error| panic!("{name} cut at {end}: {error}"));
            let told = loaded.warnings.iter().any(|warning| warning.contains("ends early"));
            assert!(told, "{name} cut at {end}: {:?}", loaded.warnings);
        }
    }
    let edn = gzip(format!("[{}", "{:process 0 :type :ok :f :read} ".repeat(3000)).as_bytes());
    let error = read_packed(&edn[..edn.len() - 9]).unwrap_err();
    assert!(
        error.ends_with("the file ends within the history (the gzip file ends early)"),
        "{error}"
    );
}

#[test]
fn damage_is_told_with_a_line() {
    let text = history(40_000);
    for (name, mut bytes) in [("gzip", gzip(text.as_bytes())), ("zstd", zstd(text.as_bytes()))] {
        let at = bytes.len() - 3;
        bytes[at] ^= 0x55;
        let error = read_packed(&bytes).unwrap_err();
        assert!(error.starts_with("f:") && !error.starts_with("f:1:"), "{error}");
        assert!(error.contains(&format!("the {name} data are damaged")), "{error}");
    }
    let trailing = [zstd(b"{}"), b"xxxx".to_vec()].concat();
    assert!(read_packed(&trailing).unwrap_err().contains("no frame follows"));
}

#[test]
fn an_absurd_window_is_refused_before_it_is_made() {
    // A frame that asks for a window of 2^41 bytes and more.
    let error = read_packed(b"\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00").unwrap_err();
    assert!(error.contains("needs a window of 4123168604160 bytes"), "{error}");
    // One segment of 2^40 bytes.
    let error = read_packed(b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\x01\0\0\x01\0\0").unwrap_err();
    assert!(error.contains("needs a window of 1099511627776 bytes"), "{error}");
}

#[test]
fn no_byte_that_is_changed_in_a_packed_file_makes_a_reader_panic() {
    let text = history(20);
    for bytes in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= change;
                // What comes back does not matter here, only that something does.
                let _ = read_packed(&bytes);
            }
        }
    }
}
