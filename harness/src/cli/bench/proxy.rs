//! `rashomon bench proxy`.

use std::fmt::Write;

use super::{counted, steps, tell};
use crate::bench::proxy::{ProxyBench, ProxyFigures, Round};
use crate::bench::{self, LatencyFigures, median};
use crate::cli::quantity::Bytes;
use crate::cli::run::Format;
use crate::exit::Exit;

/// Arguments of `rashomon bench proxy`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Bytes of a message that goes there and back
    #[arg(long, value_name = "N", default_value_t = 256)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    message_size: u32,
    /// Round trips in a turn
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    round_trips: u32,
    /// Bytes in bulk in a turn, such as 256MiB
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    bulk: Bytes,
    /// Turns; figures are medians of them
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Result on stdout: a table, or one object with every turn
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Measures one link.
pub(super) fn main(args: &Args) -> Exit {
    let bench = ProxyBench {
        message_bytes: args.message_size as usize,
        round_trips: args.round_trips as usize,
        bulk_bytes: args.bulk.0,
        rounds: usize::from(args.rounds),
    };
    let measured = bench::proxy::run(&bench, &steps());
    tell(measured, args.format, for_people, |_| Exit::Valid)
}

fn for_people(figures: &ProxyFigures) -> String {
    let bench = &figures.bench;
    let mut text = format!(
        "{} B round trips and {} MB in bulk over one connection; medians of {}\n\n",
        bench.message_bytes,
        bench.bulk_bytes / 1_000_000,
        counted(bench.rounds, "turn")
    );
    let _ = writeln!(text, "{:<16} {:>10} {:>10} {:>10}", "", "direct", "proxied", "added");
    let mut times = |name: &str, of: fn(&LatencyFigures) -> f64| {
        let us = |of: &dyn Fn(&Round) -> f64| {
            format!("{:.1} us", median(figures.rounds.iter().map(of)).unwrap_or_default())
        };
        let [direct, proxied, added] = [
            us(&|round| of(&round.direct.round_trip)),
            us(&|round| of(&round.proxied.round_trip)),
            us(&|round| of(&round.proxied.round_trip) - of(&round.direct.round_trip)),
        ];
        let _ = writeln!(text, "{name:<16} {direct:>10} {proxied:>10} {added:>10}");
    };
    times("round trip p50", |round_trip| round_trip.p50_us);
    times("round trip p99", |round_trip| round_trip.p99_us);
    let speed = |of: fn(&Round) -> f64| {
        let median = median(figures.rounds.iter().map(of)).unwrap_or_default();
        format!("{:.2} GB/s", median / 1e9)
    };
    let direct = speed(|round| round.direct.bytes_per_second);
    let proxied = speed(|round| round.proxied.bytes_per_second);
    let _ = write!(text, "{:<16} {direct:>10} {proxied:>10}", "bulk");
    text
}
