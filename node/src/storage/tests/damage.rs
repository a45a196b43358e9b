//! Torn or damaged: the first is cut off, the second refused. Every byte is tried.

use super::*;

/// Three batches, then a fourth; the file's bytes before and after the fourth.
fn four_batches(last: &[Entry]) -> (Model, Vec<u8>, Vec<u8>) {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    let mut model = Model::default();
    for index in 1..=3 {
        write(&mut wal, &mut model, Some(hard(1, 1, index - 1)), &[entry(index, 1, 40)]);
    }
    let before = disk.content(&segment_name(1));
    wal.append(Some(hard(2, 2, 3)), last).unwrap();
    wal.sync().unwrap();
    (model, before, disk.content(&segment_name(1)))
}

fn planted(bytes: &[u8]) -> MemDisk {
    let disk = MemDisk::new();
    disk.plant(&segment_name(1), bytes);
    disk
}

fn assert_torn(bytes: &[u8], before: usize, model: &Model, what: &str) {
    let disk = planted(bytes);
    let (wal, replay) = Wal::open(disk.clone(), options()).expect(what);
    assert_eq!(Model::of(&replay), *model, "{what}");
    let torn = replay.torn_tail.expect(what);
    assert_eq!((torn.offset, torn.bytes), (before as u64, (bytes.len() - before) as u64), "{what}");
    drop(wal);
    let again = reopen_after_kill(&disk);
    assert_eq!((Model::of(&again), again.torn_tail), (model.clone(), None), "{what}, once more");
}

fn assert_damaged(disk: &MemDisk, what: &str) -> String {
    match Wal::open(disk.clone(), options()) {
        Err(error @ WalError::Corrupt { .. }) => error.to_string(),
        Err(other) => panic!("{what}: {other}"),
        Ok((_, replay)) => panic!("{what}: opened with {} entries", replay.entries.len()),
    }
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_off() {
    let (model, before, after) = four_batches(&[entry(4, 2, 60), entry(2, 2, 10)][..1]);
    for length in before.len() + 1..after.len() {
        assert_torn(&after[..length], before.len(), &model, &format!("cut at {length}"));
    }
    let whole = planted(&before);
    assert_eq!(open(&whole).1.torn_tail, None, "an end at a batch boundary is not torn");
}

#[test]
fn a_last_batch_with_any_bit_wrong_is_cut_off() {
    let (model, before, after) = four_batches(&[entry(4, 2, 60)]);
    for byte in before.len()..after.len() {
        for bit in 0..8 {
            let mut bytes = after.clone();
            bytes[byte] ^= 1 << bit;
            assert_torn(&bytes, before.len(), &model, &format!("bit {bit} of byte {byte}"));
        }
    }
}

#[test]
fn a_tail_of_zeros_is_no_batch() {
    let (model, before, after) = four_batches(&[entry(4, 2, 60)]);
    let mut bytes = before.clone();
    bytes.resize(after.len() + 5000, 0);
    let disk = planted(&bytes);
    let replay = open(&disk).1;
    assert_eq!((Model::of(&replay), replay.torn_tail), (model, None));
}

#[test]
fn a_client_value_that_looks_like_a_batch_does_not_pass_for_one() {
    // A torn batch carries the image of a longer log of the same node, byte for byte.
    let other = MemDisk::new();
    let (mut wal, _) = open(&other);
    for index in 1..=9 {
        write(&mut wal, &mut Model::default(), None, &[entry(index, 1, 40)]);
    }
    let carrier = Entry { command: other.content(&segment_name(1)), ..entry(4, 2, 0) };
    let (model, before, mut after) = four_batches(&[carrier]);
    after[before.len() + 30] ^= 1;
    assert_torn(&after, before.len(), &model, "a batch with images of batches inside");
}

#[test]
fn damage_at_any_byte_of_an_earlier_segment_is_refused() {
    let disk = MemDisk::new();
    several_segments(&disk);
    disk.kill();
    for segment in [1, 2] {
        let name = segment_name(segment);
        for byte in 0..disk.content(&name).len() {
            let bit = (byte % 8) as u8;
            disk.flip_bit(&name, byte, bit);
            let text = assert_damaged(&disk, &format!("{name}, byte {byte}"));
            assert!(text.contains(&name) && text.contains("Restore"), "{text}");
            disk.flip_bit(&name, byte, bit);
        }
    }
    open(&disk); // undamaged again, so the loop above tested the flips and nothing else
}

#[test]
fn damage_at_any_byte_before_the_last_batch_is_refused() {
    let (_, before, after) = four_batches(&[entry(4, 2, 60)]);
    for byte in 0..before.len() {
        let mut bytes = after.clone();
        bytes[byte] ^= 0x10;
        assert_damaged(&planted(&bytes), &format!("byte {byte}"));
    }
}

#[test]
fn an_earlier_segment_that_is_shorter_longer_or_missing_is_refused() {
    let disk = MemDisk::new();
    several_segments(&disk);
    disk.kill();
    let name = segment_name(2);
    let whole = disk.content(&name);
    for length in 0..whole.len() {
        disk.plant(&name, &whole[..length]);
        assert_damaged(&disk, &format!("{name} cut at {length}"));
    }
    disk.plant(&name, &[&whole[..], &[0]].concat());
    assert_damaged(&disk, "a zero more");
    disk.plant(&name, &whole);
    disk.clone().remove(&name).unwrap();
    let text = assert_damaged(&disk, "gone");
    assert!(text.contains("this segment is missing, yet segment 3 exists"), "{text}");
}

#[test]
fn damage_in_front_of_a_torn_tail_is_refused() {
    // The batch before the torn one is durable: the torn one's header proves it, even though its body is not whole.
    let (_, before, after) = four_batches(&[entry(4, 2, 60)]);
    let mut bytes = after[..after.len() - 10].to_vec();
    bytes[before.len() - 5] ^= 1;
    let text = assert_damaged(&planted(&bytes), "damage, then a torn batch");
    assert!(text.contains("batch 3 is invalid, yet batch 4 follows"), "{text}");
}

#[test]
fn damage_in_front_of_bytes_without_a_header_is_refused() {
    // Batch 3 ends where its header says; something was written behind it, so it had been synced.
    let (_, before, after) = four_batches(&[entry(4, 2, 60)]);
    let mut bytes = after;
    bytes[before.len() - 5] ^= 1;
    bytes[before.len()..before.len() + 8].fill(0);
    assert_damaged(&planted(&bytes), "damage, then a batch without a header");
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let (disk, other) = (MemDisk::new(), MemDisk::new());
    several_segments(&disk);
    let (mut wal, _) = open(&other);
    for index in 1..=24 {
        write(&mut wal, &mut Model::default(), None, &[entry(index, 5, 420)]);
    }
    disk.kill();
    disk.plant(&segment_name(2), &other.content(&segment_name(2)));
    assert_damaged(&disk, "segment 2 of another log of the same node");
}

#[test]
fn a_segment_whose_creation_was_cut_short_is_dropped() {
    let disk = MemDisk::new();
    let model = several_segments(&disk);
    disk.kill();
    let next = segment_name(disk.clone().list().unwrap().len() as u64 + 1);
    for length in 0..=SEGMENT_HEADER_BYTES as usize {
        disk.plant(&next, &vec![0x55; length]);
        let (mut wal, replay) = open(&disk);
        assert_eq!(Model::of(&replay), model, "{length} bytes");
        assert!(!disk.clone().list().unwrap().contains(&next));
        wal.append(None, &[]).unwrap();
        disk.kill();
    }
    disk.plant(&next, &[0x55; SEGMENT_HEADER_BYTES as usize + 1]);
    assert_damaged(&disk, "bytes behind an invalid header");
}

#[test]
fn another_format_version_is_named() {
    let (_, before, _) = four_batches(&[]);
    let mut bytes = before;
    bytes[8] = 2;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..56]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    let error = Wal::open(planted(&bytes), options()).unwrap_err();
    assert!(matches!(error, WalError::Version { found: 2, supported: 1, .. }), "{error}");
}
