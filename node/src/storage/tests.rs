//! What the log must keep, and what it must refuse. `MemDisk` stands in for every way a disk can forget.

use super::format::{BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES};
use super::memory::{Crash, Fault, MemDisk};
use super::recovery::segment_name;
use super::{Disk, Replay, Wal, WalError, WalOptions};
use crate::raft::{Entry, HardState, LogIndex, NodeId, RequestId, Term};

mod bugs;
mod crash;
mod damage;
mod model;
mod real;

const CLUSTER: u64 = 0x00c0_ffee;

/// Small segments, so that a few entries fill several.
fn options() -> WalOptions {
    WalOptions { segment_bytes: 4096, ..WalOptions::new(CLUSTER, NodeId(2)) }
}

fn entry(index: u64, term: u64, command_bytes: usize) -> Entry {
    let fill = (index * 31 + term * 7) as u8;
    Entry {
        term: Term(term),
        index: LogIndex(index),
        request: (!index.is_multiple_of(3))
            .then_some(RequestId { node: NodeId(index % 3), number: index }),
        command: vec![fill; command_bytes],
    }
}

fn hard(term: u64, vote: u64, commit: u64) -> HardState {
    let vote = Some(NodeId(vote)).filter(|node| node.0 != 0);
    HardState { term: Term(term), vote, commit: LogIndex(commit) }
}

/// What the log must hold: the specification in four lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Model {
    hard: HardState,
    entries: Vec<Entry>,
}

impl Model {
    fn append(&mut self, hard: Option<HardState>, entries: &[Entry]) {
        self.hard = hard.unwrap_or(self.hard);
        if let Some(first) = entries.first() {
            self.entries.truncate((first.index.0 - 1) as usize);
            self.entries.extend(entries.iter().cloned());
        }
    }

    fn of(replay: &Replay) -> Self {
        Self { hard: replay.hard, entries: replay.entries.clone() }
    }
}

fn open(disk: &MemDisk) -> (Wal<MemDisk>, Replay) {
    Wal::open(disk.clone(), options()).unwrap()
}

fn reopen_after_kill(disk: &MemDisk) -> Replay {
    disk.kill();
    open(disk).1
}

/// Appends and syncs one batch.
fn write(wal: &mut Wal<MemDisk>, model: &mut Model, hard: Option<HardState>, entries: &[Entry]) {
    wal.append(hard, entries).unwrap();
    wal.sync().unwrap();
    model.append(hard, entries);
}

/// A log of several segments, each of several batches, and what it holds.
fn several_segments(disk: &MemDisk) -> Model {
    let (mut wal, _) = open(disk);
    let mut model = Model::default();
    for index in 1..=24 {
        let entries = [entry(index, 1 + index / 10, 400 + index as usize)];
        write(&mut wal, &mut model, Some(hard(1 + index / 10, 2, index - 1)), &entries);
    }
    assert!(disk.clone().list().unwrap().len() >= 3, "the log must have a middle segment");
    model
}

#[test]
fn an_empty_disk_becomes_an_empty_log() {
    let disk = MemDisk::new();
    let (wal, replay) = open(&disk);
    assert_eq!(replay, Replay { created: true, ..Replay::default() });
    assert_eq!(wal.last_index(), LogIndex(0));
    assert!(!reopen_after_kill(&disk).created);
}

#[test]
fn what_was_synced_comes_back() {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    let mut model = Model::default();
    write(&mut wal, &mut model, Some(hard(1, 2, 0)), &[]);
    write(&mut wal, &mut model, None, &[entry(1, 1, 0), entry(2, 1, 300)]);
    write(&mut wal, &mut model, Some(hard(2, 0, 2)), &[entry(3, 2, 5000)]);
    let replay = reopen_after_kill(&disk);
    assert_eq!(Model::of(&replay), model);
    assert_eq!((replay.batches, &replay.torn_tail), (3, &None));
    let for_raft = crate::raft::Recovered::from(replay);
    assert_eq!((for_raft.hard, for_raft.entries), (model.hard, model.entries));
}

#[test]
fn a_kill_loses_exactly_what_was_not_synced() {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    let mut model = Model::default();
    write(&mut wal, &mut model, None, &[entry(1, 1, 10)]);
    let calls = disk.calls();
    wal.append(Some(hard(9, 1, 1)), &[entry(2, 1, 10)]).unwrap();
    assert_eq!(disk.calls(), calls, "append must not reach the disk");
    assert_eq!(Model::of(&reopen_after_kill(&disk)), model);
}

#[test]
fn syncing_nothing_costs_nothing() {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    let calls = disk.calls();
    wal.sync().unwrap();
    assert_eq!(disk.calls(), calls);
}

#[test]
fn segments_follow_one_another() {
    let disk = MemDisk::new();
    let model = several_segments(&disk);
    let replay = reopen_after_kill(&disk);
    assert_eq!(Model::of(&replay), model);
    assert_eq!(replay.segments, disk.clone().list().unwrap().len() as u64);
    for name in disk.clone().list().unwrap() {
        assert!(
            disk.content(&name).len() <= 4096 + BATCH_HEADER_BYTES as usize,
            "{name} is too long"
        );
    }
}

#[test]
fn a_batch_longer_than_a_segment_is_kept_whole() {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    let mut model = Model::default();
    for index in 1..=3 {
        write(&mut wal, &mut model, None, &[entry(index, 1, 10_000)]);
    }
    assert_eq!(Model::of(&reopen_after_kill(&disk)), model);
    assert_eq!(disk.clone().list().unwrap().len(), 3);
}

#[test]
fn entries_replace_those_at_and_above_them() {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    let mut model = Model::default();
    let first: Vec<_> = (1..=6).map(|index| entry(index, 1, 20)).collect();
    write(&mut wal, &mut model, None, &first);
    write(&mut wal, &mut model, None, &[entry(3, 2, 21), entry(4, 2, 22)]);
    assert_eq!(wal.last_index(), LogIndex(4));
    // Twice within one batch, down to the first entry.
    wal.append(None, &[entry(5, 2, 1)]).unwrap();
    wal.append(None, &[entry(1, 3, 2)]).unwrap();
    wal.sync().unwrap();
    assert_eq!(model.entries.len(), 4);
    assert_eq!(reopen_after_kill(&disk).entries, [entry(1, 3, 2)]);
}

#[test]
fn a_gap_is_refused_and_nothing_of_it_appended() {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    let mut model = Model::default();
    write(&mut wal, &mut model, None, &[entry(1, 1, 1)]);
    for gap in [&[entry(3, 1, 1)][..], &[entry(2, 1, 1), entry(4, 1, 1)], &[entry(0, 1, 1)]] {
        let error = wal.append(Some(hard(7, 7, 7)), gap).unwrap_err();
        assert!(matches!(error, WalError::Gap { .. }), "{error}");
    }
    write(&mut wal, &mut model, None, &[entry(2, 1, 1)]);
    assert_eq!(Model::of(&reopen_after_kill(&disk)), model);
}

#[test]
fn a_failed_sync_poisons_the_log() {
    for fault in [Fault::Eio, Fault::Enospc { written: 20 }] {
        for later in 1..=2 {
            let disk = MemDisk::new();
            let (mut wal, _) = open(&disk);
            wal.append(None, &[entry(1, 1, 50)]).unwrap();
            disk.fail_at(disk.calls() + later, fault);
            assert!(matches!(wal.sync(), Err(WalError::Io { .. })));
            assert!(matches!(wal.sync(), Err(WalError::Poisoned)));
            assert!(matches!(wal.append(None, &[]), Err(WalError::Poisoned)));
            assert!(matches!(wal.close(), Err(WalError::Poisoned)));
        }
    }
}

#[test]
fn a_full_disk_leaves_what_was_synced_readable() {
    for written in 0..100 {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk);
        let mut model = Model::default();
        write(&mut wal, &mut model, Some(hard(1, 1, 0)), &[entry(1, 1, 50)]);
        wal.append(None, &[entry(2, 1, 50)]).unwrap();
        disk.fail_at(disk.calls() + 1, Fault::Enospc { written });
        assert!(wal.sync().is_err());
        let replay = reopen_after_kill(&disk);
        assert_eq!(Model::of(&replay), model, "{written} bytes got through");
        assert_eq!(replay.torn_tail.is_some(), written > 0);
    }
}

#[test]
fn the_log_of_another_node_or_cluster_is_refused() {
    let disk = MemDisk::new();
    several_segments(&disk);
    for other in [
        WalOptions { node: NodeId(3), ..options() },
        WalOptions { cluster_id: CLUSTER + 1, ..options() },
    ] {
        let error = Wal::open(disk.clone(), other).unwrap_err();
        assert!(matches!(error, WalError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("belongs to node n2 of cluster 0000000000c0ffee"));
    }
}

#[test]
fn a_log_that_must_exist_is_not_replaced_by_an_empty_one() {
    let again = WalOptions { must_exist: true, ..options() };
    let gone = MemDisk::new();
    let unfinished = MemDisk::new();
    unfinished.plant(&segment_name(1), &[0; 20]);
    for disk in [gone, unfinished] {
        let before = disk.clone().list().unwrap();
        let error = Wal::open(disk.clone(), again).unwrap_err();
        assert!(matches!(error, WalError::Lost { .. }), "{error}");
        assert!(error.to_string().contains("must not come back under its old id"), "{error}");
        assert_eq!(disk.clone().list().unwrap(), before, "nothing was touched");
    }
    let disk = MemDisk::new();
    let model = several_segments(&disk);
    assert_eq!(Model::of(&Wal::open(disk, again).unwrap().1), model);
}

#[test]
fn a_clean_stop_vouches_for_the_last_batch() {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    wal.append(None, &[entry(1, 1, 50)]).unwrap();
    wal.close().unwrap();
    let name = segment_name(1);
    let inside_the_entry = (SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES) as usize + 40;
    disk.flip_bit(&name, inside_the_entry, 3);
    let error = Wal::open(disk, options()).unwrap_err();
    assert!(matches!(error, WalError::Corrupt { .. }), "{error}");
}
