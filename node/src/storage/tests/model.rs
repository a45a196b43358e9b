//! Random histories of a log, against a vector that never forgets.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// Back by so many entries, then so many new ones of this length.
    Append {
        hard: bool,
        back: u64,
        count: u64,
        command_bytes: usize,
    },
    Sync,
    Kill,
    Crash(Crash),
    /// The next sync meets this fault at its n-th call; then the process restarts.
    FailingSync(u64, Fault),
    Close,
}

fn crash() -> impl Strategy<Value = Crash> {
    prop_oneof![
        Just(Crash::LoseUnsynced),
        Just(Crash::KeepUnsynced),
        any::<u64>().prop_map(Crash::Torn)
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Eio),
        Just(Fault::PowerCut),
        (0..3000_usize).prop_map(|written| Fault::Enospc { written })
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), 0..4_u64, 0..5_u64, 0..900_usize).prop_map(
            |(hard, back, count, command_bytes)| Step::Append { hard, back, count, command_bytes }
        ),
        6 => Just(Step::Sync),
        1 => Just(Step::Kill),
        1 => crash().prop_map(Step::Crash),
        1 => (1..6_u64, fault()).prop_map(|(call, fault)| Step::FailingSync(call, fault)),
        1 => Just(Step::Close),
    ]
}

/// A log and what it must hold.
struct Run {
    disk: MemDisk,
    wal: Option<Wal<MemDisk>>,
    durable: Model,
    pending: Model,
    term: u64,
}

impl Run {
    fn new() -> Self {
        let disk = MemDisk::new();
        let wal = Some(open(&disk).0);
        Self { disk, wal, durable: Model::default(), pending: Model::default(), term: 0 }
    }

    fn wal(&mut self) -> &mut Wal<MemDisk> {
        self.wal.as_mut().expect("open between steps")
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Append { hard, back, count, command_bytes } => {
                self.append(hard, back, count, command_bytes);
            }
            Step::Sync => {
                self.wal().sync().unwrap();
                self.durable.clone_from(&self.pending);
            }
            Step::Kill => self.restart(None, false),
            Step::Crash(crash) => self.restart(Some(crash), false),
            Step::FailingSync(call, fault) => {
                self.disk.fail_at(self.disk.calls() + call, fault);
                let failed = self.wal().sync().is_err();
                if !failed {
                    self.durable.clone_from(&self.pending);
                }
                self.restart(Some(Crash::Torn(call)), failed);
            }
            Step::Close => {
                self.wal.take().expect("open between steps").close().unwrap();
                self.durable.clone_from(&self.pending);
                self.restart(None, false);
            }
        }
    }

    fn append(&mut self, with_hard: bool, back: u64, count: u64, command_bytes: usize) {
        self.term += 1;
        let last = self.pending.entries.len() as u64;
        let first = last.saturating_sub(back) + 1;
        let entries: Vec<_> =
            (first..first + count).map(|index| entry(index, self.term, command_bytes)).collect();
        let hard = with_hard.then(|| hard(self.term, self.term % 4, last));
        self.wal().append(hard, &entries).unwrap();
        self.pending.append(hard, &entries);
        let last = LogIndex(self.pending.entries.len() as u64);
        assert_eq!(self.wal().last_index(), last);
    }

    /// Reopens after a kill, or a crash. Only a sync that failed may have left its batch or not.
    fn restart(&mut self, crash: Option<Crash>, either: bool) {
        self.wal = None;
        match crash {
            Some(crash) => self.disk.crash(crash),
            None => self.disk.kill(),
        }
        let (wal, replay) = open(&self.disk);
        let found = Model::of(&replay);
        assert!(
            found == self.durable || (either && found == self.pending),
            "found {found:?}, durable {:?}, pending {:?}",
            self.durable,
            self.pending
        );
        (self.wal, self.durable, self.pending) = (Some(wal), found.clone(), found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn the_log_is_a_vector_that_survives(steps in prop::collection::vec(step(), 1..40)) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step);
        }
        run.restart(Some(Crash::LoseUnsynced), false);
    }
}
