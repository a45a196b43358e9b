//! Built-in bugs of the log, each on and off.

use super::*;
use crate::bugs::{Bug, Bugs};
use crate::storage::DiskFile as _;

fn options_with(bugs: Bugs) -> WalOptions {
    WalOptions { bugs, ..options() }
}

fn open_with(disk: &MemDisk, bugs: Bugs) -> Result<(Wal<MemDisk>, Replay), WalError> {
    Wal::open(disk.clone(), options_with(bugs))
}

/// What a story shows with the bug, and without.
fn on_and_off<T>(bug: Bug, story: impl Fn(Bugs) -> T) -> (T, T) {
    (story(Bugs::NONE.with(bug)), story(Bugs::NONE))
}

/// Writes entries until there are so many segments; how many were acknowledged.
fn fill(disk: &MemDisk, bugs: Bugs, segments: usize) -> usize {
    let (mut wal, _) = open_with(disk, bugs).unwrap();
    let mut index = 0;
    while disk.clone().list().unwrap().len() < segments {
        index += 1;
        wal.append(None, &[entry(index, 1, 700)]).unwrap();
        wal.sync().unwrap();
    }
    index as usize
}

/// What the next start finds, if it can start.
fn entries_found(disk: &MemDisk, bugs: Bugs) -> Option<usize> {
    open_with(disk, bugs).ok().map(|(_, replay)| replay.entries.len())
}

#[test]
fn fsync_new_segment_only() {
    let story = |bugs| {
        let disk = MemDisk::new();
        let acknowledged = fill(&disk, bugs, 2);
        let after_kill = MemDisk::new();
        assert_eq!(fill(&after_kill, bugs, 2), acknowledged);
        after_kill.kill();
        assert_eq!(entries_found(&after_kill, bugs), Some(acknowledged), "the kernel has it all");
        disk.crash(Crash::LoseUnsynced);
        entries_found(&disk, bugs) == Some(acknowledged)
    };
    assert_eq!(on_and_off(Bug::FsyncNewSegmentOnly, story), (false, true));
}

#[test]
fn no_dir_fsync() {
    let story = |bugs| {
        let disk = MemDisk::new();
        let acknowledged = fill(&disk, bugs, 3);
        disk.crash(Crash::LoseUnsynced);
        entries_found(&disk, bugs).unwrap() == acknowledged
    };
    assert_eq!(on_and_off(Bug::NoDirFsync, story), (false, true));
}

#[test]
fn crc_ignored() {
    let story = |bugs| {
        let disk = MemDisk::new();
        fill(&disk, bugs, 2);
        // Within the command of the first entry.
        disk.flip_bit(
            &segment_name(1),
            (SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES) as usize + 200,
            3,
        );
        disk.kill();
        open_with(&disk, bugs).map(|(_, replay)| replay.entries[0] == entry(1, 1, 700)).ok()
    };
    assert_eq!(on_and_off(Bug::CrcIgnored, story), (Some(false), None));
}

#[test]
fn crc_ignored_ends_a_log_that_makes_no_sense() {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    write(&mut wal, &mut Model::default(), None, &[entry(1, 1, 100)]);
    let end = disk.content(&segment_name(1)).len();
    write(&mut wal, &mut Model::default(), None, &[entry(2, 1, 100)]);
    // The kind of its first record.
    disk.flip_bit(&segment_name(1), end + BATCH_HEADER_BYTES as usize, 6);
    disk.kill();
    let (mut wal, replay) = open_with(&disk, Bugs::NONE.with(Bug::CrcIgnored)).unwrap();
    assert_eq!((replay.entries.len(), replay.torn_tail.is_some()), (1, true));
    write(&mut wal, &mut Model::default(), None, &[entry(2, 2, 100)]);
    assert_eq!(reopen_after_kill(&disk).entries[1].term, Term(2));
}

#[test]
fn midlog_truncate() {
    let story = |bugs| {
        let disk = MemDisk::new();
        let acknowledged = fill(&disk, bugs, 4);
        disk.flip_bit(&segment_name(2), 1000, 3);
        disk.kill();
        let (mut wal, replay) = open_with(&disk, bugs).ok()?;
        let kept = replay.entries.len();
        assert_eq!(disk.clone().list().unwrap().len(), 2, "nothing is left behind the cut");
        // It can go on from there, through as many segments.
        for index in kept as u64 + 1..=acknowledged as u64 {
            wal.append(None, &[entry(index, 2, 700)]).unwrap();
            wal.sync().unwrap();
        }
        disk.kill();
        assert_eq!(entries_found(&disk, Bugs::NONE), Some(acknowledged));
        Some(kept < acknowledged)
    };
    assert_eq!(on_and_off(Bug::MidlogTruncate, story), (Some(true), None));
}

#[test]
fn truncate_not_logged() {
    let story = |bugs| {
        let disk = MemDisk::new();
        let (mut wal, _) = open_with(&disk, bugs).unwrap();
        let entries: Vec<Entry> = (1..=4).map(|index| entry(index, 1, 10)).collect();
        write(&mut wal, &mut Model::default(), None, &entries);
        write(&mut wal, &mut Model::default(), None, &[entry(2, 2, 10)]);
        disk.kill();
        let replay = open_with(&disk, bugs).unwrap().1;
        replay.entries.iter().map(|entry| entry.term.0).collect::<Vec<_>>()
    };
    assert_eq!(on_and_off(Bug::TruncateNotLogged, story), (vec![1, 2, 1, 1], vec![1, 2]));
}

/// Writes one entry, in the face of `trouble`: whether that was acknowledged, and what is there after a crash.
fn one_write(bugs: Bugs, trouble: impl Fn(&MemDisk)) -> (bool, usize) {
    let disk = MemDisk::new();
    let (mut wal, _) = open_with(&disk, bugs).unwrap();
    trouble(&disk);
    wal.append(None, &[entry(1, 1, 100)]).unwrap();
    let acknowledged = wal.sync().is_ok();
    disk.crash(Crash::LoseUnsynced);
    disk.set_free(None);
    (acknowledged, open_with(&disk, bugs).unwrap().1.entries.len())
}

#[test]
fn fsync_error_retry() {
    for call in 1..=2 {
        let eio = |disk: &MemDisk| disk.fail_at(disk.calls() + call, Fault::Eio);
        let shown = on_and_off(Bug::FsyncErrorRetry, |bugs| one_write(bugs, eio));
        assert_eq!(shown, ((true, 0), (false, 0)), "call {call}");
    }
}

#[test]
fn short_write_ok() {
    let full = |disk: &MemDisk| disk.set_free(Some(20));
    let shown = on_and_off(Bug::ShortWriteOk, |bugs| one_write(bugs, full));
    assert_eq!(shown, ((true, 0), (false, 0)));
    // Any other failure is one.
    let eio = |disk: &MemDisk| disk.fail_at(disk.calls() + 1, Fault::Eio);
    assert!(!one_write(Bugs::NONE.with(Bug::ShortWriteOk), eio).0);
}

#[test]
fn amnesia_rejoin() {
    let story = |bugs| {
        let disk = MemDisk::new();
        fill(&disk, bugs, 2);
        disk.wipe();
        let options = WalOptions { must_exist: true, ..options_with(bugs) };
        Wal::open(disk, options).map(|(_, replay)| replay.created).ok()
    };
    assert_eq!(on_and_off(Bug::AmnesiaRejoin, story), (Some(true), None));
}

#[test]
fn what_is_written_out_survives_the_process_only() {
    for (written_out, crash, left) in [(false, false, 0), (true, false, 3), (true, true, 0)] {
        let mut disk = MemDisk::new();
        let mut file = disk.create("file").unwrap();
        disk.sync_dir().unwrap();
        file.write_at(0, b"abc");
        if written_out {
            file.write_out().unwrap();
        }
        if crash {
            disk.crash(Crash::LoseUnsynced);
        } else {
            disk.kill();
        }
        assert_eq!(disk.content("file").len(), left);
    }
}
