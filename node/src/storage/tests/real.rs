//! The same, on files.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::storage::RealDisk;

fn open_at(directory: &Path) -> (Wal<RealDisk>, Replay) {
    Wal::open(RealDisk::open(directory).unwrap(), options()).unwrap()
}

#[test]
fn a_directory_is_created_with_its_parents_and_reopened() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("nodes/n2/data");
    let (mut wal, replay) = open_at(&directory);
    assert!(replay.created);
    wal.append(Some(hard(3, 1, 0)), &[entry(1, 3, 10)]).unwrap();
    wal.sync().unwrap();
    drop(wal);
    let (_, replay) = open_at(&directory);
    assert_eq!((replay.hard, replay.entries), (hard(3, 1, 0), vec![entry(1, 3, 10)]));
}

#[test]
fn unsynced_bytes_are_not_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let (mut wal, _) = open_at(directory.path());
    let path = directory.path().join(segment_name(1));
    wal.append(None, &[entry(1, 1, 3000)]).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), SEGMENT_HEADER_BYTES);
    wal.sync().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() > 3000);
}

#[test]
fn a_torn_file_is_cut_and_a_damaged_one_named_with_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let (mut wal, _) = open_at(directory.path());
    for index in 1..=2 {
        wal.append(None, &[entry(index, 1, 100)]).unwrap();
        wal.sync().unwrap();
    }
    drop(wal);
    let path = directory.path().join(segment_name(1));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (wal, replay) = open_at(directory.path());
    assert_eq!(replay.entries, [entry(1, 1, 100)]);
    let torn = replay.torn_tail.expect("the last batch is cut short").to_string();
    assert!(torn.contains(path.to_str().unwrap()), "{torn}");
    drop(wal);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[SEGMENT_HEADER_BYTES as usize + 50] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = Wal::open(RealDisk::open(directory.path()).unwrap(), options()).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn files_hold_what_was_synced(
        batches in prop::collection::vec((0..3_u64, 1..4_u64, 0..1500_usize, 0..4_u8), 1..20),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let (mut wal, _) = open_at(directory.path());
        let (mut durable, mut pending) = (Model::default(), Model::default());
        for (term, (back, count, command_bytes, then)) in (1..).zip(batches) {
            let first = (pending.entries.len() as u64).saturating_sub(back) + 1;
            let entries: Vec<_> =
                (first..first + count).map(|index| entry(index, term, command_bytes)).collect();
            wal.append(Some(hard(term, 1, 0)), &entries).unwrap();
            pending.append(Some(hard(term, 1, 0)), &entries);
            if then > 0 {
                wal.sync().unwrap();
                durable.clone_from(&pending);
            }
            if then > 2 {
                drop(wal);
                let replay;
                (wal, replay) = open_at(directory.path());
                prop_assert_eq!(Model::of(&replay), durable.clone());
                pending.clone_from(&durable);
            }
        }
        drop(wal);
        prop_assert_eq!(Model::of(&open_at(directory.path()).1), durable);
    }
}
