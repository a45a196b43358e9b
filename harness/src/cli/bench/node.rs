//! `rashomon bench node`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use super::{counted, steps, tell};
use crate::bench::node::{BUNDLED, ENDPOINTS, NodeBench, NodeFigures, Round};
use crate::bench::{self, Op, median};
use crate::cli::run::Format;
use crate::cli::{quantity, usage_error};
use crate::descriptors;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  rashomon bench node
  rashomon bench node --endpoints 127.0.0.1:2379,127.0.0.1:22379,127.0.0.1:32379
  rashomon bench node --ops put --clients 64 --rounds 5 --duration 10s --format json

Servers and load share this machine. Operations by server CPU second say what a server
costs; operations by the second also say what was left for it.";

/// Kinds of errors that are worth a line.
const ERRORS_SHOWN: usize = 5;

/// Arguments of `rashomon bench node`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Bundled nodes to start
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "What to measure")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// Measure these in turn with the bundled nodes: all members of an etcd v3 server, without TLS
    #[arg(long, value_name = "ADDRESS,...", value_delimiter = ',', value_parser = endpoint)]
    #[arg(help_heading = "What to measure")]
    endpoints: Vec<SocketAddr>,
    /// What clients do
    #[arg(
        long,
        value_enum,
        value_name = "OP,...",
        value_delimiter = ',',
        default_value = "put,get"
    )]
    #[arg(help_heading = "What to measure")]
    ops: Vec<Op>,
    /// Clients at a time, each with one operation under way
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,64,256")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000), help_heading = "What to measure")]
    clients: Vec<u16>,

    /// Turns; figures are medians of them
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "How long")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Measured time of a turn
    #[arg(long, value_name = "TIME", default_value = "3s", help_heading = "How long")]
    #[arg(value_parser = quantity::time)]
    duration: Duration,
    /// Time under load before that
    #[arg(long, value_name = "TIME", default_value = "500ms", help_heading = "How long")]
    #[arg(value_parser = quantity::time)]
    warm_up: Duration,

    /// Bytes of a value
    #[arg(long, value_name = "N", default_value_t = 256, help_heading = "Load")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    value_size: u32,
    /// Keys; all are written before the first turn
    #[arg(long, value_name = "N", default_value_t = 10_000, help_heading = "Load")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    keys: u32,
    /// Most connections that clients share
    #[arg(long, value_name = "N", default_value_t = 16, help_heading = "Load")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: u16,

    /// Folder in which the bundled nodes' data are kept meanwhile
    #[arg(long, value_name = "DIR", default_value = "runs", help_heading = "Output")]
    out: PathBuf,
    /// Result on stdout: a table, or one object with every turn
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
}

/// Measures the bundled nodes, and what is named beside them.
pub(super) fn main(args: &Args) -> Exit {
    let bench = NodeBench {
        nodes: usize::from(args.nodes),
        endpoints: args.endpoints.clone(),
        data_root: args.out.clone(),
        ops: args.ops.clone(),
        clients: args.clients.iter().map(|clients| usize::from(*clients)).collect(),
        rounds: usize::from(args.rounds),
        shape: bench::Shape {
            warm_up_s: args.warm_up.as_secs_f64(),
            duration_s: args.duration.as_secs_f64(),
            value_bytes: args.value_size as usize,
            keys: args.keys as usize,
            connections_max: usize::from(args.connections),
        },
    };
    // Each connection has one end here; the nodes, which inherit the limit, have theirs.
    if let Err(error) =
        descriptors::raise(descriptors::needed(args.connections.into(), bench.nodes))
    {
        return usage_error(&error.to_string());
    }
    let measured = bench::node::run(&bench, &steps());
    tell(measured, args.format, for_people, |figures| {
        if figures.interrupted { Exit::Interrupted } else { Exit::Valid }
    })
}

/// `127.0.0.1:2379`, `localhost:2379`, `http://localhost:2379`.
fn endpoint(text: &str) -> Result<SocketAddr, String> {
    let bare = text.trim().trim_end_matches('/');
    if bare.starts_with("https://") {
        return Err("TLS is not spoken here".to_owned());
    }
    let bare = bare.strip_prefix("http://").unwrap_or(bare);
    let found = bare.to_socket_addrs().map_err(|_| "write it like 127.0.0.1:2379".to_owned())?;
    // The old protocol first: what listens on localhost usually listens there.
    let found = found.min_by_key(SocketAddr::is_ipv6);
    found.ok_or_else(|| "it has no address".to_owned())
}

fn for_people(figures: &NodeFigures) -> String {
    let mut text = preamble(figures);
    let _ = writeln!(
        text,
        "\n{:<17} {:>7}  {:<9} {:>9} {:>10} {:>10} {:>14} {:>8}",
        "operation", "clients", "target", "ops/s", "p50", "p99", "ops/server CPU", "errors"
    );
    let mut rest = figures.rounds.as_slice();
    while let Some(first) = rest.first() {
        let same = |round: &&Round| (round.op, round.clients) == (first.op, first.clients);
        let count = rest.iter().take_while(same).count();
        let (group, later) = rest.split_at(count);
        lines(&mut text, group);
        rest = later;
    }
    errors(&mut text, figures);
    if figures.rounds.iter().any(|round| round.measured.client_cpus > 0.9 * load_cpus(figures)) {
        let _ = writeln!(
            text,
            "\nThe load generator was busy all the time in some turns: ops/s there are its own limit."
        );
    }
    text.trim_end().to_owned()
}

/// What did not succeed, the most frequent first.
fn errors(text: &mut String, figures: &NodeFigures) {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for Round { target, measured, .. } in &figures.rounds {
        for (error, count) in &measured.errors {
            *counts.entry((target, error)).or_default() += count;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    for ((target, error), count) in counts.iter().take(ERRORS_SHOWN) {
        let _ = write!(text, "\n{count} x {target}: {error}");
    }
    if counts.len() > ERRORS_SHOWN {
        let _ = write!(text, "\n... and {} other kinds of errors", counts.len() - ERRORS_SHOWN);
    }
    if !counts.is_empty() {
        text.push('\n');
    }
}

/// Processors that the load generator may use.
fn load_cpus(figures: &NodeFigures) -> f64 {
    (figures.processors / 2).max(1) as f64
}

fn preamble(figures: &NodeFigures) -> String {
    let shape = &figures.shape;
    let mut text = format!("bundled: {}", counted(figures.nodes, "node"));
    if !figures.endpoints.is_empty() {
        let names: Vec<String> = figures.endpoints.iter().map(ToString::to_string).collect();
        let _ = write!(text, "; endpoints: {}", names.join(", "));
        match figures.endpoint_processes {
            0 => text.push_str(" (no process found: no CPU figures)"),
            count => {
                let _ = write!(text, " ({})", counted(count, "process"));
            }
        }
    }
    let turns = figures.rounds.iter().map(|round| round.turn).max().unwrap_or(0);
    let _ = write!(
        text,
        "\n{}; {} keys, {} B values, at most {} connections; medians of {} of {} s",
        counted(figures.processors, "processor"),
        shape.keys,
        shape.value_bytes,
        shape.connections_max,
        counted(turns, "turn"),
        shape.duration_s
    );
    if figures.data_in_memory {
        text.push_str("\nThe bundled nodes' data are in memory (tmpfs): syncing costs nothing there; see --out");
    }
    if figures.interrupted {
        text.push_str("\nstopped before all turns were taken");
    }
    text.push('\n');
    text
}

/// The lines of one operation and number of clients: each target, and the ratio of the two.
fn lines(text: &mut String, group: &[Round]) {
    for target in [BUNDLED, ENDPOINTS] {
        let of = |figure: fn(&Round) -> Option<f64>| {
            median(group.iter().filter(|round| round.target == target).filter_map(figure))
        };
        let Some(speed) = of(speed) else { continue };
        let (p50, p99) = (of(p50).unwrap_or_default(), of(p99).unwrap_or_default());
        let cost = of(per_cpu_second).map_or_else(|| "-".to_owned(), |ops| format!("{ops:.0}"));
        let mine = group.iter().filter(|round| round.target == target);
        let errors: u64 = mine.flat_map(|round| round.measured.errors.values()).sum();
        let (op, clients) = (group[0].op.name(), group[0].clients);
        let _ = writeln!(
            text,
            "{op:<17} {clients:>7}  {target:<9} {speed:>9.0} {:>10} {:>10} {cost:>14} {errors:>8}",
            latency(p50),
            latency(p99)
        );
    }
    let ratio = |figure: fn(&Round) -> Option<f64>| {
        ratio(group, figure).map_or_else(|| "-".to_owned(), |ratio| format!("x{ratio:.2}"))
    };
    if group.iter().any(|round| round.target == ENDPOINTS) {
        let _ = writeln!(
            text,
            "{:<17} {:>7}  {:<9} {:>9} {:>10} {:>10} {:>14}",
            "",
            "",
            "ratio",
            ratio(speed),
            ratio(p50),
            ratio(p99),
            ratio(per_cpu_second)
        );
    }
}

/// The median over the rounds of bundled by endpoints.
fn ratio(group: &[Round], figure: fn(&Round) -> Option<f64>) -> Option<f64> {
    let of = |target, turn| {
        let mut same = group.iter().filter(|one| (one.target, one.turn) == (target, turn));
        same.next().and_then(figure)
    };
    let turns = group.iter().filter(|one| one.target == BUNDLED).map(|one| one.turn);
    median(turns.filter_map(|turn| Some(of(BUNDLED, turn)? / of(ENDPOINTS, turn)?)))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several figures, not all of which are always known"
)]
fn speed(round: &Round) -> Option<f64> {
    Some(round.measured.ops_per_second)
}

#[expect(clippy::unnecessary_wraps, reason = "as above")]
fn p50(round: &Round) -> Option<f64> {
    Some(round.measured.latency.p50_us)
}

#[expect(clippy::unnecessary_wraps, reason = "as above")]
fn p99(round: &Round) -> Option<f64> {
    Some(round.measured.latency.p99_us)
}

fn per_cpu_second(round: &Round) -> Option<f64> {
    round.measured.ops_per_server_cpu_second
}

/// `870 us`, `1.20 ms`.
pub(super) fn latency(us: f64) -> String {
    if us < 1e3 { format!("{us:.0} us") } else { format!("{:.2} ms", us / 1e3) }
}
