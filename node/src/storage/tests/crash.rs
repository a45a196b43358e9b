//! Power cuts at every call the log makes, with every kind of loss.

use super::*;

const LOSSES: [Crash; 6] = [
    Crash::LoseUnsynced,
    Crash::KeepUnsynced,
    Crash::Torn(1),
    Crash::Torn(2),
    Crash::Torn(3),
    Crash::Torn(4),
];

/// Writes batches until the disk fails: what was acknowledged, and what was under way.
fn write_until_failure(disk: &MemDisk) -> (Model, Model) {
    let (mut acknowledged, mut attempted) = (Model::default(), Model::default());
    let Ok((mut wal, _)) = Wal::open(disk.clone(), options()) else {
        return (acknowledged, attempted);
    };
    for round in 0..12 {
        let index = 1 + round - round / 4; // every fourth replaces its predecessor
        let (hard, entries) = (hard(1 + round, 1, index - 1), [entry(index, 1 + round, 900)]);
        wal.append(Some(hard), &entries).unwrap();
        attempted.append(Some(hard), &entries);
        if wal.sync().is_err() {
            return (acknowledged, attempted);
        }
        acknowledged.clone_from(&attempted);
    }
    (acknowledged.clone(), acknowledged)
}

/// How many calls an undisturbed run makes.
fn calls_of_a_run() -> u64 {
    let disk = MemDisk::new();
    write_until_failure(&disk);
    assert!(disk.clone().list().unwrap().len() > 2, "the run must rotate");
    disk.calls()
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_acknowledged() {
    for call in 1..=calls_of_a_run() {
        for loss in LOSSES {
            let disk = MemDisk::new();
            disk.fail_at(call, Fault::PowerCut);
            let (acknowledged, attempted) = write_until_failure(&disk);
            disk.crash(loss);
            let found = Model::of(&open(&disk).1);
            assert!(
                found == acknowledged || found == attempted,
                "cut at call {call}, {loss:?}: {} entries, acknowledged {}",
                found.entries.len(),
                acknowledged.entries.len()
            );
        }
    }
}

#[test]
fn a_second_power_cut_while_recovering_changes_nothing() {
    for call in 1..=calls_of_a_run() {
        for (loss, second) in LOSSES.into_iter().zip(LOSSES.into_iter().cycle().skip(call as usize))
        {
            for cut in 1..=5 {
                let disk = MemDisk::new();
                disk.fail_at(call, Fault::PowerCut);
                let (acknowledged, attempted) = write_until_failure(&disk);
                disk.crash(loss);
                disk.fail_at(disk.calls() + cut, Fault::PowerCut);
                let first =
                    Wal::open(disk.clone(), options()).map(|(_, replay)| Model::of(&replay));
                disk.crash(second);
                let found = Model::of(&open(&disk).1);
                let what = format!("cut at {call}, {loss:?}, again {cut} calls later, {second:?}");
                assert!(found == acknowledged || found == attempted, "{what}");
                // What a recovery that finished has shown is a promise.
                assert!(first.is_err() || found == first.unwrap(), "{what}");
            }
        }
    }
}

#[test]
fn a_cut_off_tail_never_comes_back() {
    for seed in 0..200 {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk);
        let mut model = Model::default();
        write(&mut wal, &mut model, Some(hard(1, 1, 0)), &[entry(1, 1, 100)]);
        wal.append(Some(hard(2, 1, 1)), &[entry(2, 2, 300)]).unwrap();
        disk.fail_at(disk.calls() + 2, Fault::PowerCut);
        assert!(wal.sync().is_err());
        disk.crash(Crash::Torn(seed));
        let first = Model::of(&open(&disk).1);
        for later in 0..3 {
            // No one writes in between: what was cut must be gone, not merely hidden.
            disk.crash(if later == 1 { Crash::KeepUnsynced } else { Crash::LoseUnsynced });
            let replay = open(&disk).1;
            assert_eq!(
                (Model::of(&replay), replay.torn_tail),
                (first.clone(), None),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn a_cut_is_durable_before_anything_is_written_behind_it() {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    write(&mut wal, &mut Model::default(), None, &[entry(1, 1, 100)]);
    let whole = disk.content(&segment_name(1));
    disk.plant(&segment_name(1), &[&whole[..], &[0x55; 300]].concat());
    // Opening syncs the names, cuts, syncs the cut, and then writes: the fourth call.
    disk.kill();
    disk.fail_at(disk.calls() + 4, Fault::PowerCut);
    assert!(Wal::open(disk.clone(), options()).is_err());
    disk.crash(Crash::LoseUnsynced);
    assert_eq!(disk.content(&segment_name(1)), whole);
}

#[test]
fn what_a_restart_has_shown_survives_although_its_sync_had_failed() {
    // The flush fails, the kernel takes the pages for clean, the process restarts and reads them from the page cache.
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk);
    wal.append(Some(hard(4, 2, 0)), &[entry(1, 4, 100)]).unwrap();
    disk.fail_at(disk.calls() + 2, Fault::Eio);
    assert!(wal.sync().is_err());
    let shown = reopen_after_kill(&disk);
    assert_eq!(shown.hard, hard(4, 2, 0), "the page cache still has it");
    disk.crash(Crash::LoseUnsynced);
    let replay = open(&disk).1;
    assert_eq!((replay.hard, replay.entries), (shown.hard, shown.entries));
}

/// Found by simulation (seed 8670): a process dies between writing and flushing, the next one's flush of the same batch
/// fails, and the third takes the sync mark of the second for the last thing that may be missing.
#[test]
fn what_a_restart_has_shown_survives_although_the_restart_before_it_failed() {
    for flushes in 1..=3 {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk);
        wal.append(Some(hard(4, 2, 0)), &[entry(1, 4, 100)]).unwrap();
        disk.fail_at(disk.calls() + 2, Fault::Eio);
        assert!(wal.sync().is_err());
        for _ in 0..flushes {
            disk.kill();
            // Opening syncs the names, writes twice, and flushes.
            disk.fail_at(disk.calls() + 4, Fault::Eio);
            assert!(Wal::open(disk.clone(), options()).is_err());
        }
        let shown = reopen_after_kill(&disk);
        assert_eq!(shown.hard, hard(4, 2, 0), "the page cache still has it");
        disk.crash(Crash::LoseUnsynced);
        let replay = open(&disk).1;
        assert_eq!((replay.hard, replay.entries), (shown.hard, shown.entries), "{flushes}");
    }
}

#[test]
fn an_error_at_any_call_then_a_crash_loses_nothing_acknowledged() {
    for call in 1..=calls_of_a_run() {
        for fault in [Fault::Eio, Fault::Enospc { written: 10 }, Fault::Enospc { written: 940 }] {
            for loss in LOSSES {
                let disk = MemDisk::new();
                disk.fail_at(call, fault);
                let (acknowledged, attempted) = write_until_failure(&disk);
                let shown = Model::of(&reopen_after_kill(&disk));
                let what = format!("{fault:?} at call {call}, then {loss:?}");
                assert!(shown == acknowledged || shown == attempted, "{what}");
                disk.crash(loss);
                assert_eq!(Model::of(&open(&disk).1), shown, "{what}");
            }
        }
    }
}
