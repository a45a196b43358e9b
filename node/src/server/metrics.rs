//! Counters, and the page that shows them.
//!
//! Names are etcd's where etcd has one, since load tools and dashboards know them; `has_leader`, `is_leader` and
//! `leader_changes_total` are there under their plain names as well. What etcd has no name for starts with
//! `rashomon_node_`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::view::View;
use crate::raft::Role;

pub(super) mod http;

/// Upper bounds of the fsync histogram, in microseconds: etcd's buckets (1 ms doubling to 8.2 s), with four below, as
/// the disks of today answer within a hundred microseconds.
const FSYNC_BOUNDS_US: [u64; 18] = [
    64, 128, 256, 512, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000,
    512_000, 1_024_000, 2_048_000, 4_096_000, 8_192_000,
];

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(super) fn increment(&self) {
        self.add(1);
    }

    /// `count` more.
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// At least `count`: for numbers that are counted elsewhere.
    pub(super) fn raise_to(&self, count: u64) {
        self.0.fetch_max(count, Ordering::Relaxed);
    }

    /// How many so far.
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long the disk took.
#[derive(Debug, Default)]
pub(super) struct FsyncTimes {
    /// One a bound, and the rest.
    buckets: [Counter; FSYNC_BOUNDS_US.len() + 1],
    sum_ns: Counter,
}

impl FsyncTimes {
    /// Notes one sync.
    pub(super) fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = FSYNC_BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].increment();
        self.sum_ns.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// A leader became known that was not the one before.
    pub(super) leader_changes: Counter,
    /// Client writes, of any node, that were committed and applied here.
    pub(super) proposals_committed: Counter,
    /// Client writes of this node that were answered with an error.
    pub(super) proposals_failed: Counter,
    /// Client writes of this node that are under way.
    pub(super) proposals_pending: AtomicU64,
    /// Disk syncs of the write-ahead log.
    pub(super) fsync: FsyncTimes,
    /// Messages handed to a peer's connection.
    pub(super) peer_sent: Counter,
    /// Messages thrown away because a peer's queue was full or its connection gone.
    pub(super) peer_dropped: Counter,
    /// Messages that arrived.
    pub(super) peer_received: Counter,
}

impl Metrics {
    /// The page, in Prometheus' text format 0.0.4.
    pub(super) fn render(&self, view: &View) -> String {
        let standing = view.standing();
        let has_leader = u64::from(standing.leader.is_some());
        let is_leader = u64::from(standing.role == Role::Leader);
        let changes = self.leader_changes.get();
        let pending = self.proposals_pending.load(Ordering::Relaxed);
        let mut page = Page::default();
        page.gauge("has_leader", "Whether a leader is known.", has_leader);
        page.gauge("etcd_server_has_leader", "Same as has_leader.", has_leader);
        page.gauge("is_leader", "Whether this node leads.", is_leader);
        page.gauge("etcd_server_is_leader", "Same as is_leader.", is_leader);
        page.counter("leader_changes_total", "How often a new leader became known.", changes);
        let same = "Same as leader_changes_total.";
        page.counter("etcd_server_leader_changes_seen_total", same, changes);
        self.render_proposals(&mut page, pending);
        page.gauge("rashomon_node_term", "The Raft term.", standing.term.0);
        let help = "Highest log index known to be committed.";
        page.gauge("rashomon_node_commit_index", help, view.commit());
        let help = "Highest log index in the store.";
        page.gauge("rashomon_node_applied_index", help, view.applied().0);
        self.render_peers(&mut page);
        page.gauge(
            "etcd_mvcc_db_total_size_in_bytes",
            "Bytes of the write-ahead log, the only file of this node.",
            view.wal_bytes(),
        );
        page.histogram(
            "etcd_disk_wal_fsync_duration_seconds",
            "Time of a sync of the write-ahead log.",
            &self.fsync,
        );
        page.0
    }

    fn render_proposals(&self, page: &mut Page, pending: u64) {
        let name = "etcd_server_proposals_committed_total";
        let help = "Client writes committed and applied here.";
        page.gauge(name, help, self.proposals_committed.get());
        let help = "Client writes of this node under way.";
        page.gauge("etcd_server_proposals_pending", help, pending);
        let help = "Client writes of this node answered with an error.";
        page.counter("etcd_server_proposals_failed_total", help, self.proposals_failed.get());
    }

    fn render_peers(&self, page: &mut Page) {
        let rows = [
            ("sent", "handed to a connection", &self.peer_sent),
            ("dropped", "thrown away (queue full, connection gone)", &self.peer_dropped),
            ("received", "received", &self.peer_received),
        ];
        for (name, what, counter) in rows {
            page.counter(
                &format!("rashomon_node_peer_messages_{name}_total"),
                &format!("Messages between nodes, {what}."),
                counter.get(),
            );
        }
    }
}

/// Text under construction. Writing to a string cannot fail, hence the ignored results.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn histogram(&mut self, name: &str, help: &str, times: &FsyncTimes) {
        self.head(name, "histogram", help);
        let mut below = 0;
        for (bound, bucket) in FSYNC_BOUNDS_US.iter().zip(&times.buckets) {
            below += bucket.get();
            let seconds = *bound as f64 / 1e6;
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{seconds}\"}} {below}");
        }
        below += times.buckets[FSYNC_BOUNDS_US.len()].get();
        let _ = writeln!(self.0, "{name}_bucket{{le=\"+Inf\"}} {below}");
        let _ = writeln!(self.0, "{name}_sum {}", times.sum_ns.get() as f64 / 1e9);
        let _ = writeln!(self.0, "{name}_count {below}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{NodeId, Term};
    use crate::replica::Standing;
    use std::path::PathBuf;

    fn value(page: &str, name: &str) -> f64 {
        let prefix = format!("{name} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse().unwrap()
    }

    #[test]
    fn the_page_shows_what_was_counted() {
        let metrics = Metrics::default();
        let view = View::new(NodeId(1), 1, PathBuf::new(), Term(0));
        assert!(value(&metrics.render(&view), "has_leader") < 0.5);
        view.set_standing(Standing { role: Role::Leader, term: Term(4), leader: Some(NodeId(1)) });
        metrics.leader_changes.add(2);
        metrics.proposals_committed.add(5);
        let page = metrics.render(&view);
        for (name, expected) in [
            ("has_leader", 1.0),
            ("is_leader", 1.0),
            ("leader_changes_total", 2.0),
            ("etcd_server_leader_changes_seen_total", 2.0),
            ("etcd_server_proposals_committed_total", 5.0),
            ("rashomon_node_term", 4.0),
        ] {
            assert!((value(&page, name) - expected).abs() < f64::EPSILON, "{name}");
        }
    }

    #[test]
    fn every_sample_has_help_and_type() {
        let page = Metrics::default().render(&View::new(NodeId(1), 1, PathBuf::new(), Term(0)));
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split([' ', '{']).next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .unwrap_or(name);
            assert!(page.contains(&format!("# TYPE {family} ")), "{name}");
            assert!(page.contains(&format!("# HELP {family} ")), "{name}");
        }
    }

    #[test]
    fn buckets_count_what_is_at_most_their_bound() {
        let metrics = Metrics::default();
        for us in [64, 65, 1_000, 9_000_000] {
            metrics.fsync.observe(Duration::from_micros(us));
        }
        let page = metrics.render(&View::new(NodeId(1), 1, PathBuf::new(), Term(0)));
        let name = "etcd_disk_wal_fsync_duration_seconds";
        for (bound, expected) in [("0.000064", 1), ("0.000128", 2), ("0.001", 3), ("8.192", 3)] {
            let line = format!("{name}_bucket{{le=\"{bound}\"}} {expected}\n");
            assert!(page.contains(&line), "no {line} in\n{page}");
        }
        assert!(page.contains(&format!("{name}_count 4\n")), "{page}");
    }
}
