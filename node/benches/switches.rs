//! Whether the switches of the built-in bugs cost anything: the same work by a node that has them and by one that was built
//! without (feature `no-bugs`).
//!
//! Three members in one thread, each with its Raft core, its log on a disk in memory and its store, carry out puts that
//! clients have made; messages take no time. Processor time of this thread only. One figure of each build, in a row:
//!
//! ```text
//! cargo bench -p rashomon-node --bench switches
//! cargo bench -p rashomon-node --bench switches --features no-bugs
//! ```
//!
//! On a machine that does something else as well, two such figures differ by more than the switches cost. So the two
//! programs can be run in turn, round by round, and the ratio is the median over the rounds of that round's ratio:
//!
//! ```text
//! cargo bench -p rashomon-node --bench switches --features no-bugs --no-run     # says where that program is
//! cargo bench -p rashomon-node --bench switches -- --against target/release/deps/switches-...
//! ```
//!
//! Two copies of one program in turn (`--against` itself) show how much of a ratio is the machine's.

#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::process::Command;

use rashomon_node::bugs::Bugs;
use rashomon_node::kv::{KvResponse, Store};
use rashomon_node::proto::etcdserverpb::PutRequest;
use rashomon_node::raft::{Config, LogIndex, Message, Nanos, NodeId, RequestId, Role};
use rashomon_node::replica::{
    Batch, Broken, Call, Failure, Input, Journal, Plan, Replica, Shell, Standing, WalJob, plan,
    run_batch,
};
use rashomon_node::storage::WalOptions;
use rashomon_node::storage::memory::MemDisk;
use rustix::time::{ClockId, clock_gettime};

/// Commands of a round.
const COMMANDS: u64 = 100_000;
/// Commands that come to the leader together.
const TOGETHER: u64 = 8;
/// Keys that they write.
const KEYS: u64 = 1_000;
/// Rounds; each program has one more before those that count.
const ROUNDS: usize = 15;
/// Members of the cluster.
const MEMBERS: u64 = 3;
/// How long one round of messages takes, for timers.
const STEP: Nanos = Nanos(100_000);

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().position(|word| word == "--against") {
        _ if arguments.iter().any(|word| word == "--once") => {
            warm_up_and(|| println!("{}", round()));
            Ok(())
        }
        Some(place) => compare(arguments.get(place + 1).map_or("", String::as_str)),
        None => {
            let mut rounds = Vec::new();
            warm_up_and(|| rounds.extend((0..ROUNDS).map(|_| round())));
            println!("{:<16} {}", build(), figures(&rounds));
            Ok(())
        }
    }
}

fn warm_up_and(measure: impl FnOnce()) {
    round();
    measure();
}

/// This program and another one in turn.
fn compare(other: &str) -> io::Result<()> {
    // Whole paths, of one length if both were built in one place: where a stack begins depends on a program's name.
    let programs = [std::env::current_exe()?, std::fs::canonicalize(other)?];
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..ROUNDS {
        // Each comes first in every second turn.
        for place in [turn % 2, 1 - turn % 2] {
            let output = Command::new(&programs[place]).arg("--once").output()?;
            let said = String::from_utf8_lossy(&output.stdout);
            times[place].push(said.trim().parse().map_err(|_| {
                io::Error::other(format!("{}: no figure", programs[place].display()))
            })?);
        }
    }
    let ratios: Vec<f64> = times[0].iter().zip(&times[1]).map(|(own, other)| own / other).collect();
    println!("{:<16} {}", build(), figures(&times[0]));
    println!("{:<16} {}", "the other", figures(&times[1]));
    let (least, middle, most) = spread(&ratios);
    println!("{:<16} x{middle:.4}, of {ROUNDS} turns x{least:.4} to x{most:.4}", "ratio");
    Ok(())
}

const fn build() -> &'static str {
    if cfg!(feature = "no-bugs") { "without switches" } else { "with switches" }
}

fn figures(rounds: &[f64]) -> String {
    let each = |seconds: f64| seconds * 1e9 / COMMANDS as f64;
    let (least, middle, most) = spread(rounds);
    let [least, middle, most] = [least, middle, most].map(each);
    let count = rounds.len();
    format!("{middle:.0} ns of CPU a command, of {count} rounds {least:.0} to {most:.0}")
}

/// The least, the middle one and the most.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

/// Carries all commands out; the time that took, in seconds.
fn round() -> f64 {
    let mut cluster = Cluster::new();
    let commands: Vec<Vec<u8>> = (0..COMMANDS).map(command).collect();
    cluster.elect();
    let started = cpu_seconds();
    cluster.carry_out(commands);
    cpu_seconds() - started
}

fn command(number: u64) -> Vec<u8> {
    let key = format!("bench/{}", number % KEYS).into_bytes();
    let value = format!("{number:0>64}").into_bytes();
    match plan(Call::Put(PutRequest { key, value, ..PutRequest::default() })) {
        Ok(Plan::Write { command }) => command,
        other => panic!("a put is a write: {other:?}"),
    }
}

/// Processor time of this thread.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

struct Cluster {
    members: Vec<Member>,
    now: Nanos,
}

struct Member {
    replica: Replica<u64, u64>,
    journal: Journal<MemDisk>,
    inputs: Vec<Input<u64, u64>>,
    outside: Outside,
}

/// What a replica's effects lead to.
#[derive(Default)]
struct Outside {
    jobs: VecDeque<WalJob>,
    sent: Vec<(NodeId, Message)>,
    store: Store,
    applied: LogIndex,
    answered: u64,
}

impl Cluster {
    fn new() -> Self {
        let members = (1..=MEMBERS).map(|id| Member::new(NodeId(id))).collect();
        Self { members, now: Nanos(0) }
    }

    fn elect(&mut self) {
        while self.leader().is_none() {
            self.step();
        }
    }

    fn leader(&self) -> Option<usize> {
        self.members.iter().position(|member| member.replica.standing().role == Role::Leader)
    }

    fn carry_out(&mut self, commands: Vec<Vec<u8>>) {
        let mut commands = (0..).zip(commands);
        while self.members.iter().map(|member| member.outside.answered).sum::<u64>() < COMMANDS {
            let leader = self.leader().expect("nothing disturbs the leader");
            let inputs = &mut self.members[leader].inputs;
            for (ticket, command) in commands.by_ref().take(TOGETHER as usize) {
                inputs.push(Input::Write { command, ticket });
            }
            self.step();
        }
        let last = self.members.iter().map(|member| member.outside.applied).max();
        while self.members.iter().any(|member| Some(member.outside.applied) < last) {
            self.step();
        }
    }

    /// Each member takes a turn; what it sends is there in the next.
    fn step(&mut self) {
        self.now = Nanos(self.now.0 + STEP.0);
        let mut letters = Vec::new();
        for (member, from) in self.members.iter_mut().zip((1..).map(NodeId)) {
            member.turn(self.now);
            letters.extend(member.outside.sent.drain(..).map(|(to, message)| (from, to, message)));
        }
        for (from, to, message) in letters {
            let inputs = &mut self.members[to.0 as usize - 1].inputs;
            inputs.push(Input::Deliver { from, messages: vec![message] });
        }
    }
}

impl Member {
    fn new(id: NodeId) -> Self {
        let config = Config {
            id,
            members: (1..=MEMBERS).map(NodeId).collect::<BTreeSet<_>>(),
            election_timeout: Nanos(150_000_000),
            heartbeat: Nanos(30_000_000),
            seed: id.0,
            bugs: Bugs::NONE,
            batch_bytes_max: 1024 * 1024,
            inflight_max: 256,
        };
        let opened = Journal::open(MemDisk::new(), WalOptions::new(1, id));
        let (journal, replay) = opened.expect("an empty disk in memory is an empty log");
        let replica = Replica::new(config, replay.into(), 1, Nanos(0));
        Self { replica, journal, inputs: Vec::new(), outside: Outside::default() }
    }

    fn turn(&mut self, now: Nanos) {
        let turned = self.replica.turn(now, self.inputs.drain(..), &mut self.outside);
        turned.expect("the store is whole");
        let jobs = &mut self.outside.jobs;
        let group = self.journal.take(now, std::iter::from_fn(|| jobs.pop_front()));
        if let Some(group) = group.expect("a disk in memory does not fail") {
            self.journal.sync().expect("a disk in memory does not fail");
            self.inputs.push(Input::Persisted(group.last));
        }
    }
}

impl Shell<u64, u64> for Outside {
    fn append(&mut self, job: WalJob) {
        self.jobs.push_back(job);
    }

    fn send(&mut self, to: NodeId, message: Message) -> Vec<RequestId> {
        self.sent.push((to, message));
        Vec::new()
    }

    fn apply(&mut self, batch: Batch<u64>) -> Result<(), Broken> {
        let Self { store, applied, answered, .. } = self;
        let ran = run_batch(store, *applied, Bugs::NONE, batch, |_, ticket, result| {
            assert!(result.is_ok(), "a put succeeds");
            *answered += u64::from(ticket.is_some());
        });
        *applied = ran.last;
        Ok(())
    }

    fn release_at(&mut self, _: LogIndex, _: Vec<u64>) {}

    fn answer_write(&mut self, ticket: u64, result: Result<KvResponse, Failure>) {
        panic!("write {ticket} was answered without being applied: {result:?}");
    }

    fn answer_read(&mut self, _: u64, _: Result<(), Failure>) {}

    fn gave_up(&self, _: &u64) -> bool {
        false
    }

    fn look<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&self.store)
    }

    fn stand(&mut self, _: Standing) {}
}
