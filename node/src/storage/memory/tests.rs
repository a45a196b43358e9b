//! The disk itself: what is seen, what survives, and when.

use super::*;

fn file_with(disk: &MemDisk, name: &str, bytes: &[u8]) -> MemFile {
    let mut file = disk.clone().create(name).unwrap();
    file.write_at(0, bytes);
    file.sync().unwrap();
    disk.clone().sync_dir().unwrap();
    file
}

#[test]
fn without_time_a_sync_is_durable_at_once() {
    let disk = MemDisk::new();
    let mut file = file_with(&disk, "a", b"old");
    file.write_at(3, b"new");
    assert_eq!(disk.content("a"), b"old", "buffered only");
    file.sync().unwrap();
    disk.crash(Crash::LoseUnsynced);
    assert_eq!(disk.content("a"), b"oldnew");
    assert!(file.size().is_err(), "its process is dead");
}

#[test]
fn a_crash_in_the_middle_of_a_sync_finds_what_was_done_by_then() {
    for (moment, kill, crash) in
        [(9, "old", "old"), (15, "oldnew", "old"), (20, "oldnew", "oldnew")]
    {
        for process_only in [true, false] {
            let disk = MemDisk::timed();
            let mut file = file_with(&disk, "a", b"old");
            disk.settle(0);
            let mark = disk.mark();
            file.write_at(3, b"new");
            file.sync().unwrap();
            disk.spread(mark, 10, 20); // the write ends at 15, the flush at 20
            if process_only {
                disk.kill_at(moment);
                assert_eq!(disk.content("a"), kill.as_bytes(), "killed at {moment}");
            } else {
                disk.crash_at(moment, Crash::LoseUnsynced);
                assert_eq!(disk.content("a"), crash.as_bytes(), "cut off at {moment}");
            }
        }
    }
}

#[test]
fn what_a_killed_process_wrote_is_flushed_by_the_next_one() {
    let disk = MemDisk::timed();
    let mut file = file_with(&disk, "a", b"old");
    disk.settle(0);
    let mark = disk.mark();
    file.write_at(0, b"new");
    file.sync().unwrap();
    disk.spread(mark, 10, 20);
    disk.kill_at(17);
    let mark = disk.mark();
    disk.clone().open("a").unwrap().sync().unwrap();
    disk.spread(mark, 30, 40);
    disk.crash_at(40, Crash::LoseUnsynced);
    assert_eq!(disk.content("a"), b"new");
}

#[test]
fn bytes_of_a_failed_flush_are_seen_and_never_reach_the_platter() {
    let disk = MemDisk::timed();
    let mut file = file_with(&disk, "a", b"old");
    disk.fail_at(disk.calls() + 2, Fault::Eio);
    file.write_at(0, b"new");
    file.sync().unwrap_err();
    file.sync().unwrap();
    disk.settle(u64::MAX);
    assert_eq!(disk.content("a"), b"new");
    assert_eq!((disk.failures(), disk.crash_at(u64::MAX, Crash::KeepUnsynced)), (1, 0));
    assert_eq!(disk.content("a"), b"old");
}

#[test]
fn a_full_disk_takes_what_fits_and_lets_bytes_be_replaced() {
    let disk = MemDisk::new();
    let mut file = file_with(&disk, "a", b"old");
    disk.set_free(Some(2));
    file.write_at(0, b"new");
    file.sync().unwrap();
    file.write_at(3, b"more");
    let error = file.sync().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.content("a"), b"newmo");
    disk.set_free(None);
    file.write_at(3, b"more");
    file.sync().unwrap();
    assert_eq!(disk.content("a"), b"newmore");
}

#[test]
fn a_failing_disk_fails_until_it_is_mended() {
    let disk = MemDisk::new();
    disk.set_failing(true);
    assert!(disk.clone().create("a").is_err() && disk.clone().sync_dir().is_err());
    disk.set_failing(false);
    file_with(&disk, "a", b"x");
    assert_eq!(disk.failures(), 2);
}

#[test]
fn torn_writes_leave_every_mixture_and_say_what_they_lost() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let disk = MemDisk::timed();
        let mut file = file_with(&disk, "a", b"aa");
        disk.settle(0);
        file.write_at(0, b"bbb");
        file.write_at(1, b"c");
        for (offset, bytes) in std::mem::take(&mut file.buffered) {
            file.write_through(offset, bytes).unwrap();
        }
        let lost = disk.crash_at(1, Crash::Torn(seed));
        let left = disk.content("a");
        assert!(lost > 0 || left == b"bcb", "{left:?}");
        assert!(lost == 4 || left != b"aa", "{left:?}, lost {lost}");
        seen.insert(left);
    }
    for wanted in ["aa", "ba", "ab", "bb", "ac", "bc", "aa\0", "bcb", "acb", "bbb"] {
        assert!(seen.contains(wanted.as_bytes()), "{wanted:?} never came about");
    }
}

#[test]
fn a_wiped_disk_is_empty_for_good() {
    let disk = MemDisk::new();
    let file = file_with(&disk, "a", b"x");
    disk.wipe();
    assert!(disk.clone().list().unwrap().is_empty() && file.size().is_err());
    disk.crash(Crash::KeepUnsynced);
    assert!(disk.clone().list().unwrap().is_empty());
}

#[test]
fn the_latest_write_is_one_that_happened() {
    let disk = MemDisk::timed();
    let mut file = file_with(&disk, "a", b"old");
    disk.settle(0);
    for (offset, moment) in [(3, 20), (6, 40)] {
        let mark = disk.mark();
        file.write_at(offset, b"new");
        file.sync().unwrap();
        disk.spread(mark, moment - 10, moment);
    }
    assert_eq!((disk.last_write("a"), disk.last_write("b")), (Some(6), None));
    disk.kill_at(25);
    assert_eq!(disk.last_write("a"), Some(3));
    disk.crash_at(25, Crash::LoseUnsynced);
    assert_eq!((disk.last_write("a"), disk.content("a").len()), (Some(3), 6));
}
