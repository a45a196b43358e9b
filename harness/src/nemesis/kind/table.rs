//! The names: every fault and every group of faults, each with a line for people and with who can carry it out.

use super::{Aim, Bend, Clock, Damage, Disk, Fault, Letters, Shape};
use crate::nemesis::Backend::{self, Both, SimulatorOnly};
use crate::nemesis::FaultKind;

/// Every fault: its name on the command line, what it is, and one line for people.
pub(super) const FAULTS: [(Fault, FaultKind); 45] = [
    entry(
        Fault::Partition(Shape::One),
        "partition-one",
        "one random node is cut off from the others",
    ),
    entry(
        Fault::Partition(Shape::Halves),
        "partition-halves",
        "the nodes fall into two halves, as even as can be",
    ),
    entry(
        Fault::Partition(Shape::MajorityMinority),
        "partition-majority-minority",
        "the largest minority is cut off from the majority",
    ),
    entry(
        Fault::Partition(Shape::Ring),
        "partition-ring",
        "every node hears a majority, no two nodes the same one",
    ),
    entry(
        Fault::Partition(Shape::Bridge),
        "partition-bridge",
        "two sides that only one node in the middle can reach",
    ),
    entry(
        Fault::Partition(Shape::LeaderAlone),
        "partition-leader-alone",
        "the leader is cut off from the others",
    ),
    entry(
        Fault::Partition(Shape::OneWayIn),
        "partition-one-way-in",
        "one node, often the leader, hears nobody",
    ),
    entry(
        Fault::Partition(Shape::OneWayOut),
        "partition-one-way-out",
        "one node, often the leader, is heard by nobody",
    ),
    entry(Fault::Kill(Aim::Random), "kill-random", "SIGKILL a random node, restart it later"),
    entry(Fault::Kill(Aim::Leader), "kill-leader", "SIGKILL the leader, restart it later"),
    entry(Fault::Kill(Aim::Follower), "kill-follower", "SIGKILL a follower, restart it later"),
    entry(
        Fault::Kill(Aim::Minority),
        "kill-minority",
        "SIGKILL the largest minority, restart it later",
    ),
    entry(Fault::Kill(Aim::Majority), "kill-majority", "SIGKILL a majority, restart it later"),
    entry(Fault::Kill(Aim::All), "kill-all", "SIGKILL every node, restart them later"),
    entry(Fault::Pause(Aim::Random), "pause-random", "SIGSTOP a random node for a while"),
    entry(Fault::Pause(Aim::Leader), "pause-leader", "SIGSTOP the leader for a while"),
    entry(Fault::Pause(Aim::Follower), "pause-follower", "SIGSTOP a follower for a while"),
    entry(
        Fault::Pause(Aim::Minority),
        "pause-minority",
        "SIGSTOP the largest minority for a while",
    ),
    entry(Fault::Pause(Aim::Majority), "pause-majority", "SIGSTOP a majority for a while"),
    entry(Fault::Pause(Aim::All), "pause-all", "SIGSTOP every node for a while"),
    entry(
        Fault::Bend(Bend::SlowLinks),
        "slow-links",
        "everything between nodes is late by 50 ms, give or take 40 ms",
    ),
    entry(
        Fault::Bend(Bend::ThrottleLinks),
        "throttle-links",
        "links between nodes carry 4 kB a second",
    ),
    entry(
        Fault::Bend(Bend::StallOneWay),
        "stall-one-way",
        "what one node sends is held, and arrives late, complete and in order",
    ),
    entry(
        Fault::Bend(Bend::RefusePeers),
        "refuse-peers",
        "connections of one node's peers are refused and reset",
    ),
    entry(
        Fault::Bend(Bend::BlackholePeers),
        "blackhole-peers",
        "one node is cut off, and new connections hang",
    ),
    entry(
        Fault::Bend(Bend::ClientsCut),
        "clients-cut",
        "clients and one node are cut off from each other",
    ),
    entry(
        Fault::Bend(Bend::AnswersCut),
        "answers-cut",
        "one node hears its clients, who do not hear it",
    ),
    entry(
        Fault::Laggard,
        "laggard-election",
        "a follower is cut off; as it comes back, SIGKILL hits all others, and the leader stays down",
    ),
    simulated(
        Fault::Crash(Aim::Random),
        "crash-random",
        "a random machine loses power, and some of what was not synced",
    ),
    simulated(
        Fault::Crash(Aim::Leader),
        "crash-leader",
        "the leader's machine loses power, and some of what was not synced",
    ),
    simulated(
        Fault::Crash(Aim::Follower),
        "crash-follower",
        "a follower's machine loses power, and some of what was not synced",
    ),
    simulated(
        Fault::Crash(Aim::Minority),
        "crash-minority",
        "the largest minority loses power, and some of what was not synced",
    ),
    simulated(
        Fault::Crash(Aim::Majority),
        "crash-majority",
        "a majority loses power, and some of what was not synced",
    ),
    simulated(
        Fault::Crash(Aim::All),
        "crash-all",
        "every machine loses power, and some of what was not synced",
    ),
    simulated(Fault::Disk(Disk::FailsOnce), "eio-once", "one call to one disk fails"),
    simulated(Fault::Disk(Disk::Fails), "disk-failing", "every call to one disk fails"),
    simulated(Fault::Disk(Disk::Full), "disk-full", "one disk has room for a few more bytes only"),
    simulated(Fault::Disk(Disk::Slow), "slow-disk", "syncs of one disk take 5 to 150 ms longer"),
    simulated(
        Fault::Damage(Damage::BitFlip),
        "bit-flip",
        "one node goes down, and a bit of its log turns over; one node a run at most",
    ),
    simulated(
        Fault::Damage(Damage::WipeLog),
        "wipe-log",
        "one node goes down, and its log is gone; one node a run at most",
    ),
    simulated(
        Fault::Letters(Letters::Hold),
        "hold-kind",
        "one kind of message is held on links of one node, and arrives late",
    ),
    simulated(
        Fault::Letters(Letters::Drop),
        "drop-kind",
        "one kind of message is lost on links of one node",
    ),
    simulated(
        Fault::Clock(Clock::Jump),
        "clock-jump",
        "the clock of one node jumps ahead by 1 ms to 9 s",
    ),
    simulated(
        Fault::Clock(Clock::Drift),
        "clock-drift",
        "the clock of one node runs up to four times too fast or too slow",
    ),
    simulated(
        Fault::ResetLinks,
        "reset-links",
        "all connections of one node break at once, and can be made again",
    ),
];

/// Names that stand for several faults.
pub(super) const GROUPS: [FaultKind; 12] = [
    group(Both, "partition", "all faults whose names begin with partition-"),
    group(Both, "kill", "all faults whose names begin with kill-"),
    group(Both, "pause", "all faults whose names begin with pause-"),
    group(Both, "net", "slow, throttled, stalled, refused and one-sided links, client links too"),
    group(Both, "combo", "faults in a deliberate order: laggard-election"),
    group(SimulatorOnly, "crash", "all faults whose names begin with crash-"),
    group(SimulatorOnly, "disk", "failing, full and slow disks, damaged and lost logs"),
    group(SimulatorOnly, "clock", "clocks that jump, clocks that drift"),
    group(
        SimulatorOnly,
        "letters",
        "single kinds of messages late or lost, connections that break",
    ),
    group(SimulatorOnly, "sim", "every fault that only the simulator has"),
    group(Both, "all", "every fault; of run, every one that processes can suffer"),
    group(Both, "none", "no faults"),
];

/// What a run without `--faults` draws from: every way to part, kill and stop, without the aims that do the same to a
/// small cluster as one of these, so that a short run gets through most of them.
pub(super) const DEFAULT: [&str; 16] = [
    "partition-one",
    "partition-halves",
    "partition-majority-minority",
    "partition-ring",
    "partition-bridge",
    "partition-leader-alone",
    "partition-one-way-in",
    "partition-one-way-out",
    "kill-leader",
    "kill-follower",
    "kill-majority",
    "kill-all",
    "pause-leader",
    "pause-majority",
    "pause-all",
    "laggard-election",
];

const fn entry(fault: Fault, name: &'static str, summary: &'static str) -> (Fault, FaultKind) {
    (fault, FaultKind { name, summary, backend: Both })
}

const fn simulated(fault: Fault, name: &'static str, summary: &'static str) -> (Fault, FaultKind) {
    (fault, FaultKind { name, summary, backend: SimulatorOnly })
}

const fn group(backend: Backend, name: &'static str, summary: &'static str) -> FaultKind {
    FaultKind { name, summary, backend }
}
